"""The external database as an instance reaches it: name, TCP, TLS and login apart.

The guide's "Database Connection Issues".  The URL is never in a finding.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from hermes_cfn.checks.observed import Diagnosis
from hermes_cfn.errors import Finding, Severity, hermes


def check(instance: str, said: Diagnosis, addresses: str = "") -> Iterator[Finding]:
    """The first step that fails; ``addresses`` are those that the database must admit."""
    told = said.get("database")
    if not isinstance(told, Mapping):
        return
    name, error = str(told.get("name", "")), str(told.get("error", ""))
    if told.get("url"):
        yield Finding(
            "database-url-unreadable",
            instance,
            "DATABASE_URL cannot be read as a URL",
            why="what a password has of / # ? @ [ ] % ends or breaks a URL unless it is percent-encoded",
            next="write them as %2F %23 %3F %40 %5B %5D %25, then: " + hermes("secrets", "set", "DATABASE_URL"),
        )
    elif name == "no DATABASE_URL":
        yield Finding(
            "database-not-set",
            instance,
            "DATABASE_URL is not in its environment",
            next=hermes("secrets", "set", "DATABASE_URL"),
        )
    elif not name:
        yield Finding(
            "database-name",
            instance,
            "the database's name does not resolve",
            evidence=error,
            next="the host in DATABASE_URL: " + hermes("secrets", "set", "DATABASE_URL"),
        )
    elif told.get("tcp") != "ok":
        yield Finding(
            "database-unreachable",
            instance,
            "no connection to the database's port",
            why="its allow-list, or the port in database.port that our security group opens",
            evidence=error,
            next=f"let the database admit {addresses}" if addresses else hermes("outputs", "nat_public_ips"),
        )
    elif "offers none" in str(told.get("tls", "")):
        yield Finding(
            "database-no-tls",
            instance,
            "the database offers no TLS",
            why="passwords and data would cross the internet in the clear",
            next="switch TLS on at the provider",
        )
    elif str(told.get("tls", "")).endswith("not verified"):
        yield Finding(
            "database-unverified",
            instance,
            "nobody vouches for the database's certificate",
            why="traffic is encrypted; whoever sits in between could still pretend to be the database",
            evidence=str(told["tls"]),
            next="give the application the provider's certificate authority and verify with it",
            severity=Severity.INFO,
        )
        yield from login(instance, told, addresses)
    elif not told.get("tls"):
        yield Finding(
            "database-tls", instance, "TLS with the database fails", evidence=error, next="the provider's certificate"
        )
    else:
        yield from login(instance, told, addresses)


def login(instance: str, told: Mapping[str, object], addresses: str) -> Iterator[Finding]:
    """Whether the database takes the user."""
    said = str(told.get("login", ""))
    if said.startswith("refused") and ("pg_hba" in said or "28000" in said):
        yield Finding(
            "database-not-admitted",
            instance,
            "the database does not admit our addresses",
            evidence=said,
            next=f"let the database admit {addresses}" if addresses else hermes("outputs", "nat_public_ips"),
        )
    elif said.startswith("refused"):
        yield Finding(
            "database-login",
            instance,
            "the database refuses the login",
            evidence=said,
            next=hermes("secrets", "set", "DATABASE_URL"),
        )
