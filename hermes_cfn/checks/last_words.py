"""What an application's own last log lines say of why it does not start or answer.

A rule of thumb is told only where its evidence stands in the log.  The patterns are the words of the programs
themselves: CPython, Node.js, Ruby, PHP, the JVM, the Go runtime, Erlang/OTP, Django, Rails, PostgreSQL's libpq, Linux.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

LINES = 8
"""So many of the last log lines are shown with a finding."""


@dataclass(frozen=True, slots=True)
class Rule:
    """``kind`` is what happened; ``pattern`` its evidence in a log line; ``instead`` what to do."""

    kind: str
    pattern: re.Pattern[str]
    instead: str


def _rule(kind: str, pattern: str, instead: str) -> Rule:
    return Rule(kind, re.compile(pattern, re.IGNORECASE), instead)


RULES: tuple[Rule, ...] = (
    _rule("wrong-architecture", r"exec format error", "build the image for application.architecture"),
    _rule(
        "host-refused",
        r"DisallowedHost|Invalid HTTP_HOST header|Blocked hosts?:|HostAuthorization",
        "the load balancer asks by the instance's address: let the health path answer for any host "
        "(Django: ALLOWED_HOSTS, Rails: config.host_authorization)",
    ),
    _rule(
        "module-missing",
        r"ModuleNotFoundError|ImportError|Cannot find (module|package)|cannot load such file|ClassNotFoundException"
        r"|NoClassDefFoundError|Class \S+ not found|UndefinedFunctionError|Failed opening required",
        "the image lacks it, or a variable names it wrongly: application image, [env]",
    ),
    _rule(
        "variable-missing",
        r"environment variable \S+ (is )?(missing|not set)|Missing required environment|KeyError: '[A-Z][A-Z0-9_]+'"
        r"|key not found: \"[A-Z][A-Z0-9_]+\"|could not fetch environment variable|SECRET_KEY setting must not be empty"
        r"|No application encryption key|Missing `?secret_key_base|Could not resolve placeholder",
        "write it in [env], or name it in application.secrets and hermes-cfn secrets set NAME",
    ),
    _rule(
        "address-in-use",
        r"address already in use|EADDRINUSE|:eaddrinuse",
        "two parts of the image listen on one port",
    ),
    _rule(
        "database-refused",
        r"password authentication failed|no pg_hba\.conf entry|SASL authentication failed|role \S+ does not exist"
        r"|database \S+ does not exist",
        "hermes-cfn secrets set DATABASE_URL",
    ),
    _rule(
        "database-unreachable",
        r"could not connect to server|connection to server at .* failed|ECONNREFUSED|DBConnection\.ConnectionError"
        r"|could not translate host name|PG::ConnectionBad|SQLSTATE\[08006\]",
        "hermes-cfn doctor tries the database from the instance; the way out is database.port",
    ),
    _rule("read-only", r"read-only file system|EROFS", "let it write to /tmp, or application.read_only = false"),
    _rule("not-permitted", r"permission denied|EACCES", "the image's user may not read or run the file that it names"),
    _rule(
        "memory",
        r"JavaScript heap out of memory|OutOfMemoryError|Cannot allocate memory|Allowed memory size of",
        "hermes-cfn scale --type a larger one, or application.memory_mib",
    ),
    _rule(
        "program-missing",
        r"executable file not found|No such file or directory|not found: \S+ ?$|: not found$",
        "CMD or application.migrate names what is not in the image",
    ),
    _rule(
        "schema-missing",
        r"relation \S+ does not exist|PendingMigrationError|UndefinedTable|no such table|Base table or view not found",
        "application.migrate names the command that makes the tables",
    ),
)


def of(log: object) -> str:
    """The last lines, as evidence; empty where there is no log."""
    return "\n".join(_lines(log)[-LINES:])


def rule(log: object) -> Rule | None:
    """The rule whose evidence stands last in the log, which is what ended it; None where none fits."""
    for line in reversed(_lines(log)[-50:]):
        for one in RULES:
            if one.pattern.search(line):
                return one
    return None


def _lines(log: object) -> list[str]:
    if isinstance(log, str):
        return log.splitlines()
    return [str(line) for line in log] if isinstance(log, Sequence) else []
