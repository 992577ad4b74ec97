"""Connections that the application will try and the instances' security group drops without a word."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

from hermes_cfn.checks.facts import Facts
from hermes_cfn.config import Settings
from hermes_cfn.errors import Finding, Severity

PORTS = {
    "redis": 6379, "rediss": 6379, "valkey": 6379, "valkeys": 6379, "amqp": 5672, "amqps": 5671, "nats": 4222,
    "smtp": 587, "smtps": 465, "submission": 587, "postgres": 5432, "postgresql": 5432, "ecto": 5432, "mysql": 3306,
    "mysql2": 3306, "mariadb": 3306, "mongodb": 27017, "memcached": 11211, "kafka": 9092, "ftp": 21,
    "ldap": 389, "ldaps": 636, "cassandra": 9042, "clickhouse": 9000, "sqlserver": 1433, "mssql": 1433, "elasticsearch": 9200,
}  # fmt: skip
"""Scheme of a URL -> the port where none is written (IANA's registry of service names; each project's own documentation)."""

_CALLED = re.compile(
    r"(?:^|_)(REDIS|VALKEY|AMQP|RABBITMQ|NATS|SMTP|MYSQL|MARIADB|MONGODB|MONGO|MEMCACHED|KAFKA|LDAP)(?:_|\Z)"
)
_AT = re.compile(r"_(?:URL|URI|DSN|HOST|SERVER|ADDRESS)\Z")
_ALIASES = {"RABBITMQ": "amqp", "MONGO": "mongodb"}
BLOCKED = 25
"""EC2 blocks TCP port 25 outward by default (EC2 user guide, "Restriction on email sent using port 25")."""


def closed(settings: Settings, facts: Facts | None = None) -> Iterator[Finding]:
    """``port-closed-outward``: a variable or a secret says that the application connects to a port that is closed.

    Of a secret only the name is looked at; a name that says no kind of service says nothing here.
    """
    told: set[int] = set()
    for name, host, port, sure in _wanted(settings):
        if port in told or any(way.admits(port, host) for way in settings.ways_out):
            continue
        told.add(port)
        yield Finding(
            "port-closed-outward",
            f"hermes.toml {name}",
            f"{'it connects' if sure else 'by its name it connects'} to port {port}, which instances cannot reach: "
            "the connection would hang, and then time out",
            why="the instances' security group lets out 443, database.port and network.outbound; the embedded cloud does not filter",
            next=f"network.outbound = {_with(settings, port)}, if the application uses it",
            severity=Severity.WARNING,
        )
    if any(way.admits(BLOCKED) for way in settings.ways_out):
        yield Finding(
            "port-blocked-by-aws",
            "hermes.toml network.outbound",
            "AWS blocks connections of EC2 instances to TCP port 25, whatever the security group says",
            why="EC2 user guide, restriction on email sent using port 25",
            next="587 instead, which mail providers take; or ask AWS to remove the restriction",
            severity=Severity.WARNING,
        )


def _with(settings: Settings, port: int) -> str:
    opened = [one if not one.isdigit() else int(one) for one in settings.network.outbound]
    return str([*opened, port]).replace("'", '"')


def _wanted(settings: Settings) -> Iterator[tuple[str, str, int, bool]]:
    """Where it is said, host, port, and whether the value itself says it."""
    for name, value in settings.env.items():
        if not isinstance(value, str):
            continue  # an extra says itself which ports lead to it
        found = _of_url(value) if "://" in value else _of_port(name, value)
        if found:
            yield f"[env] {name}", *found, True
        elif "://" not in value and _AT.search(name) and f"{_AT.sub('', name)}_PORT" not in settings.env and value:
            yield from ((f"[env] {name}", value, port, False) for port in _of_name(name) if not _near(value))
    for name in settings.application.secrets:
        if _AT.search(name):
            yield from ((f"[application] secrets, {name}", "", port, False) for port in _of_name(name))


def _of_url(value: str) -> tuple[str, int] | None:
    try:
        parts = urlsplit(value)
        port = parts.port or PORTS.get(parts.scheme.partition("+")[0].lower())
    except ValueError:
        return None
    host = parts.hostname or ""
    return (host, port) if port and host and not _near(host) else None


def _of_port(name: str, value: str) -> tuple[str, int] | None:
    """``SMTP_PORT = "587"``: of a service that is known by its name, and so not the application's own port."""
    if name.endswith("_PORT") and value.isdigit() and 0 < int(value) < 65536 and _CALLED.search(name):
        return "", int(value)
    return None


def _of_name(name: str) -> Iterator[int]:
    called = _CALLED.search(name)
    if called:
        yield PORTS[_ALIASES.get(called[1], called[1].lower())]


def _near(host: str) -> bool:
    """The container itself: nothing leaves the instance."""
    return host in ("localhost", "::1", "0.0.0.0") or host.startswith("127.")  # noqa: S104 - compared, not listened on
