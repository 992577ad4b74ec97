"""As much of HTTP/1.1 framing (RFC 9112) as a proxy needs: heads, and where bodies end."""

from __future__ import annotations

from dataclasses import dataclass, field

HOP_BY_HOP = {b"connection", b"keep-alive", b"proxy-connection", b"proxy-authenticate", b"te"}
LIMIT = 65536


class Malformed(Exception):
    """A head or a body that cannot be understood."""


@dataclass
class Head:
    """A request or response head: the words of its first line, and its header lines."""

    words: tuple[bytes, bytes, bytes]
    lines: list[tuple[bytes, bytes, bytes]] = field(default_factory=list)

    def get(self, name: bytes) -> bytes:
        """The value of a header, lower-case ``name``; empty if absent."""
        for key, _, value in self.lines:
            if key == name:
                return value
        return b""


def read_head(buffer: bytearray) -> Head | None:
    """Takes a head off the front of ``buffer``; None while it is incomplete.

    Raises Malformed, also for a head longer than 64 KiB.
    """
    end = buffer.find(b"\r\n\r\n")
    if end < 0:
        if len(buffer) > LIMIT:
            raise Malformed("head too long")
        return None
    raw = bytes(buffer[:end])
    del buffer[: end + 4]
    first, *rest = raw.split(b"\r\n")
    words = first.split(b" ", 2)
    if len(words) < 2:
        raise Malformed("first line")
    head = Head((words[0], words[1], words[2] if len(words) > 2 else b""))
    for line in rest:
        name, colon, value = line.partition(b":")
        if not colon or not name or name != name.strip():
            raise Malformed("header line")
        head.lines.append((name.lower(), name, value.strip()))
    return head


VERSIONS = (b"HTTP/1.1", b"HTTP/1.0")
ENCODINGS = (b"", b"chunked", b"identity", b"compress", b"deflate", b"gzip")


def objection(head: Head) -> int:
    """The status with which the load balancer itself refuses a request; 0 when it does not.

    "The load balancer generates an HTTP error" (ALB user guide, troubleshooting) and the quotas
    of HTTP headers.
    """
    method, target, version = head.words
    if version not in VERSIONS:
        return 505 if version.startswith(b"HTTP/") else 400
    if version == b"HTTP/1.1" and not head.get(b"host"):
        return 400
    if method == b"TRACE":
        return 405
    if len(target) > 16384:
        return 414
    if head.get(b"transfer-encoding").lower() not in ENCODINGS:
        return 501
    return 463 if head.get(b"x-forwarded-for").count(b",") >= 30 else 0


class Body:
    """Follows a body through its bytes: ``none``, ``length``, ``chunked`` or ``close``."""

    def __init__(self, kind: str, left: int = 0) -> None:
        self.kind = kind
        self.left = left
        self.done = kind == "none" or (kind == "length" and left == 0)
        self._state = "size"
        self._line = bytearray()

    @classmethod
    def of(cls, head: Head, response_to: bytes | None = None) -> Body:
        """How the body after ``head`` is framed; ``response_to`` is the method for a response."""
        if response_to is not None:
            status = int(head.words[1])
            if response_to == b"HEAD" or status in (204, 304) or 100 <= status < 200:
                return cls("none")
        if b"chunked" in head.get(b"transfer-encoding").lower():
            return cls("chunked")
        length = head.get(b"content-length")
        if length:
            if not length.isdigit():
                raise Malformed("content length")
            return cls("length", int(length))
        return cls("none" if response_to is None else "close")

    def feed(self, data: bytes) -> int:
        """How many bytes of ``data`` belong to this body; sets ``done`` at its end."""
        if self.done:
            return 0
        if self.kind == "close":
            return len(data)
        if self.kind == "length":
            taken = min(self.left, len(data))
            self.left -= taken
            self.done = self.left == 0
            return taken
        return self._chunks(data)

    def _chunks(self, data: bytes) -> int:
        at = 0
        while at < len(data) and not self.done:
            if self._state == "data":
                taken = min(self.left, len(data) - at)
                self.left -= taken
                at += taken
                if self.left == 0:
                    self._state = "size"
                continue
            end = data.find(b"\n", at)
            self._line += data[at : len(data) if end < 0 else end]
            if end < 0:
                return len(data)
            at = end + 1
            line = bytes(self._line).strip()
            self._line.clear()
            self._read_line(line)
        return at

    def _read_line(self, line: bytes) -> None:
        if self._state == "trailer":
            self.done = not line
            return
        try:
            size = int(line.split(b";")[0], 16)
        except ValueError:
            raise Malformed("chunk size") from None
        if size == 0:
            self._state = "trailer"
        else:
            self._state, self.left = "data", size + 2


REASONS = {
    200: "OK", 301: "Moved Permanently", 302: "Found", 400: "Bad Request", 403: "Forbidden", 404: "Not Found",
    405: "Method Not Allowed", 408: "Request Timeout", 413: "Request Entity Too Large", 414: "URI Too Long",
    463: "X-Forwarded-For Too Long", 501: "Not Implemented", 500: "Internal Server Error", 502: "Bad Gateway",
    503: "Service Temporarily Unavailable", 504: "Gateway Time-out", 505: "HTTP Version Not Supported",
}  # fmt: skip


def answer(status: int, body: bytes = b"", headers: tuple[tuple[str, str], ...] = (), close: bool = False) -> bytes:
    """An answer of the load balancer itself."""
    reason = REASONS.get(status, "Status")
    if not body and status >= 400:
        text = f"{status} {reason}"
        body = f"<html>\r\n<head><title>{text}</title></head>\r\n<body>\r\n<center><h1>{text}</h1></center>\r\n</body>\r\n</html>\r\n".encode()
        headers = (*headers, ("Content-Type", "text/html"))
    lines = [f"HTTP/1.1 {status} {reason}", "Server: awselb/2.0", f"Content-Length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in headers]
    lines.append(f"Connection: {'close' if close else 'keep-alive'}")
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body
