"""Signature Version 4 as AWS checks it: of the header, of a presigned address, and of a body sent in signed chunks.

IAM user guide, "AWS Signature Version 4 for API requests"; S3 API reference, "Authenticating Requests (AWS Signature Version 4)",
"Signature Calculations for the Authorization Header: Transferring Payload in Multiple Chunks".  Pure: who has which secret, and
what time it is, the caller says.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum
from functools import lru_cache
from posixpath import normpath
from urllib.parse import quote, unquote, unquote_to_bytes

ALGORITHM = "AWS4-HMAC-SHA256"
EMPTY = hashlib.sha256(b"").hexdigest()
UNSIGNED = "UNSIGNED-PAYLOAD"
STREAMED = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
STREAMED_WITH_TRAILER = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"
STREAMED_UNSIGNED = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
WINDOW = timedelta(minutes=5)
"""How far a request's time may be from the service's: "Signature expired: ... (... - 5 min.)"."""
WINDOW_S3 = timedelta(minutes=15)
"""S3's (S3 API reference, "Error responses": RequestTimeTooSkewed)."""
LONGEST_S = 604800
_DATE = "%Y%m%dT%H%M%SZ"
_SCOPE = re.compile(r"([A-Za-z0-9]{4,128})/(\d{8})/([a-z0-9-]{1,40})/([a-z0-9-]{1,40})/aws4_request")


class Fault(Enum):
    """What is wrong with how a request is signed."""

    MISSING = "missing"
    """It is not signed."""
    INCOMPLETE = "incomplete"
    """Something of the signature is missing or cannot be read."""
    NO_LONGER_KNOWN = "no longer known"
    """It is signed in a way that AWS's newer regions do not take (Signature Version 2), or not by a secret key (4A)."""
    SKEWED = "skewed"
    """The clock of whoever signed it is too far off."""
    OVER = "over"
    """A presigned address that is no longer good."""
    MISMATCH = "mismatch"
    """Another secret, or another request."""
    PAYLOAD = "payload"
    """The body is not what its digest says."""
    HEADERS = "headers"
    """A header that AWS acts on is not signed."""


@dataclass(frozen=True)
class Signed:
    """What a request says of its signature; ``expires_s`` is of a presigned address only."""

    key: str
    scope: str
    at: datetime
    region: str
    service: str
    headers: tuple[str, ...]
    signature: str
    token: str = ""
    expires_s: int | None = None


class Unsigned(Exception):
    """The signature of a request cannot be taken: ``fault`` says why."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.value)
        self.fault = fault


def read(target: str, headers: Mapping[str, str]) -> Signed:
    """What a request says of its signature; headers by lower-case names.  Raises Unsigned."""
    query = dict(_pairs(target.partition("?")[2]))
    authorization = headers.get("authorization", "")
    presigned = any(name.lower().startswith("x-amz-") and name in _OF_A_PRESIGNED for name in query)
    if authorization and presigned:
        raise Unsigned(Fault.INCOMPLETE)
    try:
        return _of_query(query) if presigned else _of_header(authorization, headers, query)
    except (KeyError, ValueError):
        raise Unsigned(Fault.INCOMPLETE) from None


_OF_A_PRESIGNED = ("X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Signature", "X-Amz-SignedHeaders")


def _of_header(text: str, headers: Mapping[str, str], query: Mapping[str, str]) -> Signed:
    if not text:
        raise Unsigned(Fault.NO_LONGER_KNOWN if {"AWSAccessKeyId", "Signature"} <= set(query) else Fault.MISSING)
    algorithm, _, rest = text.partition(" ")
    if algorithm != ALGORITHM:
        raise Unsigned(Fault.NO_LONGER_KNOWN if algorithm.startswith("AWS") else Fault.MISSING)
    parts = dict(part.strip().partition("=")[::2] for part in rest.split(","))
    given = headers.get("x-amz-date") or ""
    at = _time(given) if given else _date(headers["date"])
    return _signed(
        parts["Credential"], at, parts["SignedHeaders"], parts["Signature"], headers.get("x-amz-security-token", "")
    )


def _of_query(query: Mapping[str, str]) -> Signed:
    if query["X-Amz-Algorithm"] != ALGORITHM:
        raise Unsigned(Fault.NO_LONGER_KNOWN)
    expires = int(query.get("X-Amz-Expires", "300"))
    if not 0 < expires <= LONGEST_S:
        raise ValueError
    return _signed(
        query["X-Amz-Credential"], _time(query["X-Amz-Date"]), query["X-Amz-SignedHeaders"], query["X-Amz-Signature"],
        query.get("X-Amz-Security-Token", ""), expires,
    )  # fmt: skip


def _signed(
    credential: str, at: datetime, names: str, signature: str, token: str, expires: int | None = None
) -> Signed:
    match = _SCOPE.fullmatch(credential)
    headers = tuple(names.split(";"))
    if match is None or match[2] != f"{at:%Y%m%d}" or "host" not in headers or list(headers) != sorted(set(headers)):
        raise ValueError
    scope = credential.partition("/")[2]
    return Signed(match[1], scope, at, match[3], match[4], headers, signature, token, expires)


def _time(text: str) -> datetime:
    return datetime.strptime(text, _DATE).replace(tzinfo=UTC)


def _date(text: str) -> datetime:
    return datetime.strptime(text, "%a, %d %b %Y %H:%M:%S GMT").replace(tzinfo=UTC)


def verify(
    signed: Signed, secret: str, method: str, target: str, headers: Mapping[str, str], body: bytes, now: datetime
) -> None:
    """Raises Unsigned unless the request is what whoever has ``secret`` signed, and signed a short time ago."""
    s3 = signed.service == "s3"
    _in_time(signed, now, WINDOW_S3 if s3 else WINDOW)
    for name in headers:
        if name.startswith("x-amz-") and name not in signed.headers and name != "x-amz-content-sha256":
            raise Unsigned(Fault.HEADERS)
    digest = _payload(signed, headers, body)
    canonical = "\n".join(
        (
            method,
            _path(target.partition("?")[0], s3),
            _query(target.partition("?")[2]),
            *(f"{name}:{' '.join(headers.get(name, '').split())}" for name in signed.headers),
            "",
            ";".join(signed.headers),
            digest,
        )
    )
    key = _key(secret, *signed.scope.split("/")[:3])
    head = (ALGORITHM, f"{signed.at:{_DATE}}", signed.scope)
    if not hmac.compare_digest(_hmac(key, *head, _sha(canonical)).encode(), signed.signature.encode()):
        raise Unsigned(Fault.MISMATCH)
    if s3 and digest in (STREAMED, STREAMED_WITH_TRAILER):
        _chunks(key, head, signed.signature, body)


def _in_time(signed: Signed, now: datetime, window: timedelta) -> None:
    """Whole seconds are compared, as that is all that a signature says; as far off as the window is too far."""
    off = now.replace(microsecond=0) - signed.at
    if off <= -window:
        raise Unsigned(Fault.SKEWED)
    if signed.expires_s is None and off >= window:
        raise Unsigned(Fault.SKEWED)
    if signed.expires_s is not None and off >= timedelta(seconds=signed.expires_s):
        raise Unsigned(Fault.OVER)


def _payload(signed: Signed, headers: Mapping[str, str], body: bytes) -> str:
    """The last line of the canonical request; what the body's digest is held to is the body that came."""
    given = headers.get("x-amz-content-sha256", "")
    if signed.service == "s3":
        if signed.expires_s is not None and not given:
            return UNSIGNED
        if given in (UNSIGNED, STREAMED, STREAMED_WITH_TRAILER, STREAMED_UNSIGNED):
            return given
    found = hashlib.sha256(body).hexdigest() if body else EMPTY
    if given and not hmac.compare_digest(given.encode(), found.encode()):
        raise Unsigned(Fault.PAYLOAD)
    if not given and signed.service == "s3":
        raise Unsigned(Fault.INCOMPLETE)
    return found


def _path(path: str, s3: bool) -> str:
    """S3's keys are encoded once and stand as they are; other paths are normalised and encoded again."""
    if s3:
        return "/".join(quote(unquote_to_bytes(part), safe="-._~") for part in path.split("/")) or "/"
    normal = normpath(path).replace("//", "/") if path else "/"
    return quote(normal + ("/" if path.endswith("/") and normal != "/" else ""), safe="/-._~")


def _pairs(query: str) -> list[tuple[str, str]]:
    parts = (part.partition("=") for part in query.split("&") if part)
    return [(unquote(name), unquote(value)) for name, _, value in parts]


def _query(query: str) -> str:
    pairs = [part.partition("=")[::2] for part in query.split("&") if part and not part.startswith("X-Amz-Signature=")]
    return "&".join("=".join(pair) for pair in sorted((_encoded(name), _encoded(value)) for name, value in pairs))


def _encoded(text: str) -> str:
    return quote(unquote_to_bytes(text), safe="-._~")


@lru_cache(maxsize=1024)
def _key(secret: str, date: str, region: str, service: str) -> bytes:
    """The signing key of a day, a region and a service; it is the same for all requests of that day."""
    key = f"AWS4{secret}".encode()
    for part in (date, region, service, "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    return key


def _hmac(key: bytes, *lines: str) -> str:
    return hmac.new(key, "\n".join(lines).encode(), hashlib.sha256).hexdigest()


def _sha(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


def _chunks(key: bytes, head: tuple[str, str, str], signature: str, body: bytes) -> None:
    """Every chunk's signature covers its bytes and the signature before it; the last chunk is empty."""
    _, date, scope = head
    place = 0
    while True:
        line, end, _ = body[place : place + 256].partition(b"\r\n")
        match = re.fullmatch(rb"([0-9a-fA-F]{1,8});chunk-signature=([0-9a-f]{64})", line)
        if not end or match is None:
            raise Unsigned(Fault.INCOMPLETE)
        place += len(line) + 2
        size = int(match[1], 16)
        data = body[place : place + size]
        expected = _hmac(key, f"{ALGORITHM}-PAYLOAD", date, scope, signature, EMPTY, hashlib.sha256(data).hexdigest())
        if len(data) != size or not hmac.compare_digest(expected.encode(), match[2]):
            raise Unsigned(Fault.MISMATCH)
        signature = expected
        place += size + 2
        if not size:
            return
