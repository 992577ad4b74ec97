# mypy: ignore-errors
"""PostgreSQL's frontend protocol, version 3, as much as one small application needs.

Simple queries over TLS if the URL says ``sslmode=require`` (or ``ssl=true``); password, MD5 and
SCRAM-SHA-256 authentication ("Frontend/Backend Protocol", PostgreSQL documentation).
"""

import asyncio
import base64
import hashlib
import hmac
import os
import ssl
from urllib.parse import parse_qs, unquote, urlsplit


class DatabaseError(Exception):
    """What the server refused, in its own words."""


class Pool:
    """At most ``size`` connections to ``url``; a query waits for a free one."""

    def __init__(self, url, size):
        self.url = url
        self.free = []
        self.slots = asyncio.Semaphore(size)

    async def take(self):
        await self.slots.acquire()
        try:
            while self.free:
                connection = self.free.pop()
                if not connection.closed:
                    return connection
            return await asyncio.wait_for(connect(self.url), 10)
        except BaseException:
            self.slots.release()
            raise

    def give_back(self, connection):
        if not connection.closed:
            self.free.append(connection)
        self.slots.release()


async def connect(url):
    """A connection that is ready for queries."""
    parts = urlsplit(url)
    if not parts.hostname:
        raise DatabaseError("DATABASE_URL is not set")
    options = parse_qs(parts.query)
    secure = options.get("sslmode", [""])[0] in ("require", "verify-full", "prefer") or options.get("ssl") == ["true"]
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port or 5432)
    if secure:
        writer.write(b"\x00\x00\x00\x08\x04\xd2\x16\x2f")
        if await reader.readexactly(1) != b"S":
            raise DatabaseError("the server offers no TLS")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        await writer.start_tls(context, server_hostname=parts.hostname)
    connection = Connection(reader, writer)
    await connection.start(unquote(parts.username or "postgres"), unquote(parts.password or ""), parts.path.strip("/"))
    return connection


class Connection:
    """One session."""

    def __init__(self, reader, writer):
        self.reader = reader
        self.writer = writer

    @property
    def closed(self):
        return self.writer.is_closing() or self.reader.at_eof()

    def close(self):
        self.writer.close()

    async def start(self, user, password, database):
        words = ["user", user, "database", database or user, "application_name", "standin"]
        body = b"\x00\x03\x00\x00" + b"".join(word.encode() + b"\0" for word in words) + b"\0"
        self.writer.write((len(body) + 4).to_bytes(4, "big") + body)
        scram = None
        while True:
            kind, body = await self.message()
            if kind == b"Z":
                return
            if kind != b"R":
                continue
            code, rest = int.from_bytes(body[:4], "big"), body[4:]
            if code == 3:
                self.send(b"p", password.encode() + b"\0")
            elif code == 5:
                inner = hashlib.md5((password + user).encode(), usedforsecurity=False).hexdigest()
                self.send(
                    b"p",
                    b"md5" + hashlib.md5(inner.encode() + rest, usedforsecurity=False).hexdigest().encode() + b"\0",
                )
            elif code == 10:
                scram = Scram(password)
                first = scram.first()
                self.send(b"p", b"SCRAM-SHA-256\0" + len(first).to_bytes(4, "big") + first)
            elif code == 11:
                self.send(b"p", scram.final(rest))

    async def query(self, text):
        """The rows of a query, as lists of text."""
        self.send(b"Q", text.encode() + b"\0")
        rows, failed = [], None
        while True:
            kind, body = await self.message(raising=False)
            if kind == b"D":
                rows.append(_row(body))
            elif kind == b"E":
                failed = _reason(body)
            elif kind == b"Z":
                if failed:
                    raise DatabaseError(failed)
                return rows

    def send(self, kind, body):
        self.writer.write(kind + (len(body) + 4).to_bytes(4, "big") + body)

    async def message(self, raising=True):
        head = await self.reader.readexactly(5)
        body = await self.reader.readexactly(int.from_bytes(head[1:], "big") - 4)
        if head[:1] == b"E" and raising:
            self.close()
            raise DatabaseError(_reason(body))
        return head[:1], body


class Scram:
    """SCRAM-SHA-256 (RFC 7677), the client's side."""

    def __init__(self, password):
        self.password = password.encode()
        self.nonce = base64.b64encode(os.urandom(18)).decode()
        self.bare = f"n=,r={self.nonce}"

    def first(self):
        return f"n,,{self.bare}".encode()

    def final(self, server):
        given = dict(item.split("=", 1) for item in server.decode().split(","))
        salted = hashlib.pbkdf2_hmac("sha256", self.password, base64.b64decode(given["s"]), int(given["i"]))
        key = hmac.digest(salted, b"Client Key", "sha256")
        without = f"c=biws,r={given['r']}"
        message = f"{self.bare},{server.decode()},{without}".encode()
        signature = hmac.digest(hashlib.sha256(key).digest(), message, "sha256")
        proof = bytes(one ^ other for one, other in zip(key, signature, strict=True))
        return f"{without},p={base64.b64encode(proof).decode()}".encode()


def _row(body):
    count, at, row = int.from_bytes(body[:2], "big"), 2, []
    for _ in range(count):
        size = int.from_bytes(body[at : at + 4], "big", signed=True)
        at += 4
        row.append(None if size < 0 else body[at : at + size].decode())
        at += max(size, 0)
    return row


def _reason(body):
    fields = {part[:1]: part[1:].decode("utf-8", "replace") for part in body.split(b"\0") if part}
    return fields.get(b"M", "unknown error")
