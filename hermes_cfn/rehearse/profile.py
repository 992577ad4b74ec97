"""What the load asks for, from what somebody has: an ALB access log, a HAR file or an OpenAPI document.

Only GET and HEAD requests are taken, without a body and without any header: what was sent as somebody (cookies,
``Authorization``) is left out, and said.  Formats: "Access logs for your Application Load Balancer" (AWS), HAR 1.2
(w3c.github.io/web-performance/specs/HAR), OpenAPI Specification 2.0, 3.0 and 3.1.
"""

from __future__ import annotations

import gzip
import io
import itertools
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import yaml

from hermes_cfn.errors import ExitCode, Finding, HermesError

SAFE = frozenset({"GET", "HEAD"})
"""Methods that change nothing (RFC 9110, 9.2.1)."""

LOG_LINES = 500_000
"""So many lines of an access log are read, its first ones."""

LIMIT_BYTES: Mapping[str, int] = {"har": 64 << 20, "openapi": 5 << 20}
"""Larger files are refused: they are read whole."""

SAMPLED_RATE = 500.0
"""The highest rate, in requests a second, that is taken from a log without being asked for."""

KINDS = 200
"""So many different requests are kept, the most frequent ones."""

_LINE = re.compile(
    r"(?:https?|h2|grpcs|wss?) (?P<at>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)\S* \S+ \S+ \S+ \S+ \S+ \S+ (?P<status>\d{3}|-) \S+ \S+ \S+ "
    r'"(?P<method>[A-Z-]+) (?P<url>\S+) [^"]*"'
)
"""``type time elb client target 3 times status target_status received sent "request" …``."""

_GOES_OVER_PATH = re.compile(r"[\x00-\x20\x7f-\uffff\\]")


@dataclass(frozen=True, slots=True)
class Request:
    """One kind of request; ``path`` has its query, ``weight`` is its share of all."""

    method: str
    path: str
    weight: float

    @property
    def name(self) -> str:
        """Without the query, which may hold what nobody else should read."""
        return f"{self.method} {self.path.partition('?')[0]}"


@dataclass(frozen=True, slots=True)
class Profile:
    """What is asked for; ``rate`` in requests a second where the source tells one, ``said`` what was left out."""

    source: str
    requests: tuple[Request, ...]
    rate: float | None = None
    said: tuple[str, ...] = ()

    def as_json(self) -> str:
        """For :mod:`hermes_cfn.rehearse.load`."""
        return json.dumps([[one.method, one.path, one.weight] for one in self.requests])

    def only(self, kept: Iterable[Request], why: str) -> Profile:
        """The same with some of its requests, and a word on why the others are left out."""
        chosen = tuple(kept)
        left = [one.name for one in self.requests if one not in chosen]
        more = f"{', '.join(left[:5])}{' …' if len(left) > 5 else ''}: {why}"
        return Profile(self.source, chosen, self.rate, (*self.said, more) if left else self.said)


def stated(paths: Iterable[str]) -> Profile:
    """The paths that somebody named, each as often.  Raises HermesError ``load-unknown``."""
    found = tuple(dict.fromkeys(paths))
    for path in found:
        if not path.startswith("/") or _GOES_OVER_PATH.search(path):
            raise _unknown("--path", f"{path!r} is no path like /products?page=2")
    return Profile("stated", tuple(Request("GET", path, 1.0) for path in found))


def read(file: Path) -> Profile:
    """The profile of a file, whose kind its content tells.

    Raises HermesError ``load-unknown`` for what is none of the three, ``load-too-large``, and ``load-empty`` where
    nothing is left to ask for.
    """
    try:
        raw = file.open("rb")
        start = raw.read(2)
    except OSError as error:
        raise _unknown(str(file), f"cannot be read: {error.strerror}") from error
    with raw:
        raw.seek(0)
        try:
            stream = gzip.GzipFile(fileobj=raw) if start == b"\x1f\x8b" else raw
            text = io.TextIOWrapper(stream, encoding="utf-8", errors="replace")
            first = next((line for line in itertools.islice(text, 50) if line.strip()), "")
            text.seek(0)
            if _LINE.match(first):
                found = of_log(text, file.name)
            elif first.lstrip("\ufeff \t")[:1] == "{" or re.match(r"(---|#|openapi:|swagger:|info:)", first):
                found = _of_document(file, text)
            else:
                raise _unknown(str(file), f"is no access log of an Application Load Balancer: {first.strip()[:80]!r}")
        except (EOFError, gzip.BadGzipFile) as error:
            raise _unknown(str(file), f"cannot be unpacked: {error}") from error
    if not found.requests:
        raise HermesError(
            Finding(
                "load-empty",
                str(file),
                "no request is left that a load may repeat",
                why="only GET and HEAD that were answered well are repeated",
                evidence="\n".join(found.said),
                next="another file, or state the paths: --path /products --path /",
            ),
            exit_code=ExitCode.USAGE,
        )
    return found


def _unknown(where: str, what: str) -> HermesError:
    return HermesError(
        Finding(
            "load-unknown",
            where,
            what,
            next="an access log of an Application Load Balancer (also .gz), a HAR file, an OpenAPI document, or --path /",
        ),
        exit_code=ExitCode.USAGE,
    )


def _of_document(file: Path, text: io.TextIOWrapper) -> Profile:
    most = max(LIMIT_BYTES.values())
    content = text.read(most + 1)
    if len(content) > most:
        raise _too_large(file, most)
    try:
        found = json.loads(content)
    except ValueError:
        if len(content) > LIMIT_BYTES["openapi"]:
            raise _too_large(file, LIMIT_BYTES["openapi"]) from None
        try:
            found = yaml.load(content, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506 - it is a safe loader
        except (yaml.YAMLError, ValueError, RecursionError) as error:
            raise _unknown(str(file), f"is neither JSON nor YAML: {str(error).splitlines()[0]}") from error
    except RecursionError as error:
        raise _unknown(str(file), "is nested too deeply to be read") from error
    if not isinstance(found, dict):
        raise _unknown(str(file), "is no object with a log or paths")
    entries = found["log"].get("entries") if isinstance(found.get("log"), dict) else None
    if isinstance(entries, list):
        return of_har(entries, file.name)
    if isinstance(found.get("paths"), dict) and ("openapi" in found or "swagger" in found):
        if len(content) > LIMIT_BYTES["openapi"]:
            raise _too_large(file, LIMIT_BYTES["openapi"])
        return of_openapi(found, file.name)
    raise _unknown(str(file), "has neither a HAR's log.entries nor an OpenAPI document's paths")


def _too_large(file: Path, most: int) -> HermesError:
    return HermesError(
        Finding(
            "load-too-large",
            str(file),
            f"has more than {most >> 20} MiB, which is not read whole",
            next="a part of it, or state the paths: --path /products --path /",
        ),
        exit_code=ExitCode.USAGE,
    )


def of_log(lines: Iterable[str], source: str) -> Profile:
    """Requests of an access log by how often they were asked; the rate is that of its busiest minute."""
    asked: Counter[tuple[str, str]] = Counter()
    minutes: Counter[str] = Counter()
    left: Counter[str] = Counter()
    for line in itertools.islice(lines, LOG_LINES):
        found = _LINE.match(line)
        if found is None:
            left["lines of another format"] += bool(line.strip())
            continue
        minutes[found["at"][:16]] += 1
        path = _path(found["url"])
        if found["method"] not in SAFE:
            left["requests that may change something"] += 1
        elif not found["status"].isdigit() or int(found["status"]) >= 400:
            left["requests that were not answered well"] += 1
        elif path is None:
            left["requests whose path cannot be sent"] += 1
        else:
            asked[found["method"], path] += 1
    rate = min(max(minutes.values()) / 60, SAMPLED_RATE) if minutes else None
    return _made(source, asked, left, rate)


def of_har(entries: Iterable[Any], source: str) -> Profile:
    """The requests of the page that a HAR file records: those to the host that is asked most often."""
    asked: Counter[tuple[str, str, str]] = Counter()
    left: Counter[str] = Counter()
    for entry in entries:
        request = entry.get("request") if isinstance(entry, dict) else None
        if not isinstance(request, dict) or not isinstance(request.get("url"), str):
            left["entries without a request"] += 1
            continue
        names = [str(one.get("name", "")).lower() for one in request.get("headers") or () if isinstance(one, dict)]
        left["cookies"] += len(request.get("cookies") or ()) or names.count("cookie")
        left["Authorization headers"] += names.count("authorization")
        response = entry.get("response")
        status = response.get("status") if isinstance(response, dict) else None
        method, path = str(request.get("method")), _path(request["url"])
        if method not in SAFE:
            left["requests that may change something"] += 1
        elif not isinstance(status, int) or not 200 <= status < 400:
            left["requests that were not answered well"] += 1
        elif path is None:
            left["requests whose path cannot be sent"] += 1
        else:
            asked[urlsplit(request["url"]).netloc, method, path] += 1
    hosts: Counter[str] = Counter()
    for (host, _, _), count in asked.items():
        hosts[host] += count
    own = hosts.most_common(1)[0][0] if hosts else ""
    left["requests to other hosts"] += hosts.total() - hosts[own]
    return _made(source, Counter({(m, p): n for (h, m, p), n in asked.items() if h == own}), left, None)


def of_openapi(document: Mapping[str, Any], source: str) -> Profile:
    """Every GET of an OpenAPI document whose parameters need no guess: an example, a default or a first enum value."""
    asked: Counter[tuple[str, str]] = Counter()
    left: Counter[str] = Counter()
    for path, item in document["paths"].items():
        item = item if isinstance(item, Mapping) else {}
        operation = item.get("get")
        left["operations that may change something"] += sum(
            method in item for method in ("post", "put", "patch", "delete")
        )
        if not isinstance(operation, Mapping):
            continue
        if operation.get("security", document.get("security")):
            left["operations that need somebody signed in"] += 1
            continue
        filled = _filled(document, str(path), [*_list(item.get("parameters")), *_list(operation.get("parameters"))])
        if filled is None or (whole := _path(_base(document) + filled)) is None:
            left["operations with a parameter that has no example"] += 1
        else:
            asked["GET", whole] += 1
    return _made(source, asked, left, None)


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _base(document: Mapping[str, Any]) -> str:
    """The path that all paths begin with (``servers``; ``basePath`` in version 2)."""
    servers = _list(document.get("servers"))
    first = servers[0].get("url") if servers and isinstance(servers[0], Mapping) else document.get("basePath")
    if not isinstance(first, str) or "{" in first:
        return ""
    try:
        return urlsplit(first).path.rstrip("/")
    except ValueError:
        return ""


def _filled(document: Mapping[str, Any], path: str, parameters: Iterable[Any]) -> str | None:
    """The path with its parameters' examples; None where one that must be there has none."""
    query = []
    for given in parameters:
        one = _referred(document, given)
        if not one.get("required") and one.get("in") != "path":
            continue
        value = _example(document, one)
        if value is None or one.get("in") not in ("path", "query"):
            return None
        name = str(one.get("name"))
        if one["in"] == "path":
            path = path.replace(f"{{{name}}}", quote(value, safe=""))
        else:
            query.append(f"{quote(name, safe='')}={quote(value, safe='')}")
    return None if "{" in path else path + ("?" + "&".join(query) if query else "")


def _example(document: Mapping[str, Any], parameter: Mapping[str, Any]) -> str | None:
    schema = _referred(document, parameter.get("schema"))
    examples = parameter.get("examples")
    first = next(iter(examples.values()), None) if isinstance(examples, Mapping) else None
    told = [parameter.get("example"), first.get("value") if isinstance(first, Mapping) else None]
    for one in (schema, parameter):
        told += [one.get("example"), *_list(one.get("examples"))[:1], one.get("default"), *_list(one.get("enum"))[:1]]
    value = next((one for one in told if isinstance(one, str | int | float)), None)
    return None if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def _referred(document: Mapping[str, Any], given: Any) -> Mapping[str, Any]:
    """What a ``$ref`` of the same document names; one reference deep."""
    if not isinstance(given, Mapping):
        return {}
    reference = given.get("$ref")
    if not isinstance(reference, str):
        return given
    at: Any = document
    for word in reference.removeprefix("#/").split("/"):
        at = at.get(word.replace("~1", "/").replace("~0", "~")) if isinstance(at, Mapping) else None
    return at if isinstance(at, Mapping) else {}


def _path(url: str) -> str | None:
    """Path and query of a URL, as they go over the wire; None where they cannot."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return path if path.startswith("/") and not _GOES_OVER_PATH.search(path) else None


def _made(source: str, asked: Mapping[tuple[str, str], int], left: Mapping[str, int], rate: float | None) -> Profile:
    kept = Counter(asked).most_common(KINDS)
    said = [f"{count} {what} left out" for what, count in left.items() if count]
    if len(asked) > len(kept):
        said.append(f"the {KINDS} most frequent of {len(asked)} different requests")
    return Profile(source, tuple(Request(m, p, float(n)) for (m, p), n in kept), rate, tuple(said))


def mix(profile: Profile) -> Iterator[tuple[str, float]]:
    """Kinds of request and their share of all, the most frequent first."""
    total = sum(one.weight for one in profile.requests)
    yield from ((one.name, one.weight / total) for one in profile.requests)
