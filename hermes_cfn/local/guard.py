"""Which HTTP requests are read at all: those that no web page can have sent, and that are one request.

A browser adds ``Origin`` and ``Sec-Fetch-Site`` (Fetch standard, "HTTP extensions"; Fetch Metadata Request Headers, W3C) and
names in ``Host`` what the page called the server, also where a name was made to point at this machine (DNS rebinding).  What two
readers of HTTP might read differently is refused too (RFC 9112, 3.2 and 6.3).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

Headers = Sequence[tuple[str, str]]
"""Names, lower case, and values, in their order."""

ONCE = ("host", "authorization", "content-length", "transfer-encoding", "origin", "content-type")
OWN_SITES = ("none", "same-origin")
BODY_BYTES = 6 * 1024**3
"""No object that one request puts into S3 is larger than 5 GiB (S3 user guide, "Uploading objects")."""


@dataclass(frozen=True)
class Refusal:
    """Why a request is not read: a status of HTTP and a sentence."""

    status: int
    message: str


def refusal(
    target: str, headers: Headers, authorities: frozenset[str], cors: Callable[[str, str], bool] | None = None
) -> Refusal | None:
    """Why a request is refused, or None.

    ``authorities`` are the ``host:port`` by which the listener may be called, and those that end in ``.localhost:port`` where
    ``.localhost:port`` is among them (buckets, in the virtual-hosted style).  ``cors(target, origin)`` says whether a rule
    of a bucket lets pages of ``origin`` call ``target``.
    """
    names = [name for name, _ in headers]
    for name in set(names):
        if names.count(name) > 1 and (name in ONCE or name.startswith(("x-amz-", "sec-"))):
            return Refusal(400, f"the header {name} is there more than once")
    given = dict(headers)
    if not target.startswith("/"):
        return Refusal(400, "the target of a request must be a path")
    host = given.get("host", "").lower()
    if not _called(host, authorities):
        return Refusal(403, f"this is {min(authorities, key=len)}, not {host[:200]!r}")
    if "transfer-encoding" in given and (
        given["transfer-encoding"].strip().lower() != "chunked" or "content-length" in given
    ):
        return Refusal(400, "Transfer-Encoding may be chunked, without Content-Length, and nothing else")
    size = given.get("content-length", "0")
    if not (size.isascii() and size.isdigit()) or int(size[:20]) > BODY_BYTES:
        return Refusal(400, "Content-Length is not a number of bytes that is taken")
    if not _own_page(given, host) and not (cors and cors(target, given.get("origin", ""))):
        return Refusal(403, "a web page of another origin may not call the embedded cloud")
    return None


def _called(host: str, authorities: frozenset[str]) -> bool:
    if host in authorities:
        return True
    bucket, dot, rest = host.rpartition(".localhost")
    return bool(bucket and dot) and f".localhost{rest}" in authorities


def _own_page(given: dict[str, str], host: str) -> bool:
    """No page sent it, or one that the listener itself served, which can do no more than whoever put it there."""
    site, origin = given.get("sec-fetch-site", "none"), given.get("origin")
    return site.lower() in OWN_SITES and (origin is None or origin == f"http://{host}")
