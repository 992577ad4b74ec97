"""Answers what pip-audit asks OSV for, from a checkout of https://github.com/pypa/advisory-database, where OSV cannot be had.

OSV's API, ``POST /v1/query`` with package and version; the files are of OSV's schema, one an advisory.  On loopback alone.
"""

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import yaml
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

LONGEST = 1 << 20
"""Bytes of a question that are read; one names a package and a version."""


class Advisories:
    """The advisories of a checkout, ``vulns/PACKAGE/*.yaml``; a name may be of anybody, so no path is made of one."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory / "vulns"

    @cached_property
    def _files(self) -> dict[str, list[Path]]:
        return {canonicalize_name(one.name): sorted(one.glob("*.yaml")) for one in self._directory.iterdir()}

    @property
    def newest(self) -> str:
        """The last day on which one of them was changed; empty where there are none."""
        every = (yaml.safe_load(path.read_text()) for files in self._files.values() for path in files)
        return max((str(one.get("modified", ""))[:10] for one in every), default="")

    @property
    def count(self) -> int:
        return sum(map(len, self._files.values()))

    def about(self, name: str, version: str) -> list[dict[str, Any]]:
        """Those that mean a version of a package, by its list of versions or by its ranges."""
        known = (yaml.safe_load(path.read_text()) for path in self._files.get(canonicalize_name(name), ()))
        return [one for one in known if any(_means(affected, version) for affected in one.get("affected", ()))]


def _means(affected: Mapping[str, Any], version: str) -> bool:
    if version in map(str, affected.get("versions", ())):
        return True
    return any(_within(one["events"], version) for one in affected.get("ranges", ()) if one["type"] == "ECOSYSTEM")


def _within(events: list[Mapping[str, Any]], version: str) -> bool:
    """OSV schema, "affected[].ranges[].events": in their order, the last one that is not later than the version decides."""
    asked, found = Version(version), False
    for event in sorted(events, key=_at):
        ((kind, _),) = event.items()
        at = _at(event)
        if kind == "introduced" and at <= asked:
            found = True
        elif (kind == "fixed" and at <= asked) or (kind == "last_affected" and at < asked):
            found = False
    return found


def _at(event: Mapping[str, Any]) -> Version:
    (value,) = event.values()
    try:
        return Version(str(value))
    except InvalidVersion:
        return Version("0")


@contextmanager
def served(advisories: Advisories) -> Iterator[str]:
    """The URL under which they are answered, while this lasts."""

    class Answers(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(min(int(self.headers.get("Content-Length", 0)), LONGEST)))
            found = advisories.about(asked["package"]["name"], asked["version"])
            body = json.dumps({"vulns": found} if found else {}, default=str).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Nothing: pip-audit tells what there is to tell."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1/query"
    finally:
        server.shutdown()
        server.server_close()
