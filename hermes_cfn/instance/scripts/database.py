"""A PostgreSQL as its URL says, by what Python has: name, TCP, TLS and login, each apart; nothing is read or written.

Part of the diagnose document, and of the trial of a new DATABASE_URL; Amazon Linux 2023 has Python 3.9.
PostgreSQL documentation, "Frontend/Backend Protocol"; SCRAM-SHA-256 by RFC 7677.
"""

import base64
import hashlib
import hmac
import os
import re
import socket
import ssl
import urllib.parse

UNREADABLE = "unreadable"


def database(text: str) -> dict[str, str]:
    """What is told has no word of the URL but the server's address and what the server itself says to a login."""
    told: dict[str, str] = {}
    try:
        url = urllib.parse.urlsplit(text)
        host, port = url.hostname, url.port or 5432
        readable = "@" not in url.path + url.query + url.fragment and (url.netloc or "@" not in text)
    except ValueError:
        readable = False
    if not readable:
        return {"url": UNREADABLE}
    if not host:
        return {"name": "no DATABASE_URL"}
    try:
        at = str(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][4][0]), port
        told["name"] = at[0]
        verifying, trusting = ssl.create_default_context(), ssl.create_default_context()
        trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
        try:
            secured(told, at, url, verifying, "")
        except ssl.SSLCertVerificationError:
            secured(told, at, url, trusting, ", not verified")
    except OSError as error:
        told["error"] = (
            type(error).__name__ + ": " + str(getattr(error, "reason", None) or error.strerror or "no answer")
        )
    except Exception as error:
        told["error"] = type(error).__name__
    return told


def secured(
    told: dict[str, str], at: tuple[str, int], url: urllib.parse.SplitResult, context: ssl.SSLContext, note: str
) -> None:
    with socket.create_connection(at, timeout=5) as wire:
        told["tcp"] = "ok"
        wire.sendall(b"\x00\x00\x00\x08\x04\xd2\x16\x2f")
        if wire.recv(1) != b"S":
            told["tls"] = "the server offers none"
            return
        with context.wrap_socket(wire, server_hostname=url.hostname) as safe:
            told["tls"] = str(safe.version()) + note
            told["login"] = login(safe, url)


def message(wire: socket.socket) -> tuple[bytes, bytes]:
    kind, body = wire.recv(1), b""
    size = int.from_bytes(wire.recv(4), "big") - 4
    while len(body) < size:
        more = wire.recv(size - len(body))
        if not more:
            raise ConnectionError("the server hung up")
        body += more
    return kind, body


def reply_to(wire: socket.socket, body: bytes) -> tuple[bytes, bytes]:
    wire.sendall(b"p" + (len(body) + 4).to_bytes(4, "big") + body)
    return message(wire)


def login(wire: socket.socket, url: urllib.parse.SplitResult) -> str:
    user, password = (urllib.parse.unquote(word or "").encode() for word in (url.username, url.password))
    words = [b"user", user, b"database", urllib.parse.unquote(url.path.strip("/")).encode()]
    hello = b"\x00\x03\x00\x00" + b"".join(word + b"\x00" for word in words) + b"\x00"
    wire.sendall((len(hello) + 4).to_bytes(4, "big") + hello)
    kind, body = message(wire)
    asked = int.from_bytes(body[:4], "big") if kind == b"R" else 0
    if asked == 3:
        kind, body = reply_to(wire, password + b"\x00")
    elif asked == 5:
        inner = hashlib.md5(password + user, usedforsecurity=False).hexdigest().encode()
        kind, body = reply_to(
            wire, b"md5" + hashlib.md5(inner + body[4:8], usedforsecurity=False).hexdigest().encode() + b"\x00"
        )
    elif asked == 10:
        kind, body = scram(wire, password)
    elif asked:
        return "asks for what is not known here"
    if kind == b"E":
        return "refused: " + re.sub(r"[^ -~]+", " ", body.decode(errors="replace"))
    return "ok" if kind == b"R" and body[:4] == b"\x00\x00\x00\x00" else "answers"


def scram(wire: socket.socket, password: bytes) -> tuple[bytes, bytes]:
    bare = b"n=,r=" + base64.b64encode(os.urandom(18))
    first = b"n,," + bare
    kind, body = reply_to(wire, b"SCRAM-SHA-256\x00" + len(first).to_bytes(4, "big") + first)
    if kind != b"R":
        return kind, body
    said = dict(part.split(b"=", 1) for part in body[4:].split(b","))
    salted = hashlib.pbkdf2_hmac("sha256", password, base64.b64decode(said[b"s"]), int(said[b"i"]))
    final = b"c=biws,r=" + said[b"r"]
    key = hmac.new(salted, b"Client Key", "sha256").digest()
    signed = hmac.new(hashlib.sha256(key).digest(), b",".join([bare, body[4:], final]), "sha256").digest()
    proof = base64.b64encode(bytes(key[at] ^ signed[at] for at in range(len(key))))
    kind, body = reply_to(wire, final + b",p=" + proof)
    return message(wire) if kind == b"R" and body[:4] == b"\x00\x00\x00\x0c" else (kind, body)
