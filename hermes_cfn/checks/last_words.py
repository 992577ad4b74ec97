"""What an application's own last log lines say of why it does not start or answer.

A rule of thumb is told only where its evidence stands in the log.  The patterns are the words of the programs
themselves: CPython, gunicorn, Django, Node.js, Prisma, Ruby, Puma, Rails, PHP, Laravel, the JVM, Spring, the Go runtime,
Erlang/OTP, Elixir, PostgreSQL's libpq, runc, Linux.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from hermes_cfn.errors import Advice, hermes

LINES = 8
"""So many of the last log lines are shown with a finding."""

LOOKED_AT = 50
"""So many of the last log lines are looked through, which is what the diagnose document gives."""


@dataclass(frozen=True, slots=True)
class Rule:
    """``kind`` is what happened; ``pattern`` its evidence in a log line; ``instead`` what to do."""

    kind: str
    pattern: re.Pattern[str]
    instead: str | Advice


class Cause(NamedTuple):
    """The rule that fits, the line that is its evidence, and where that line stands in the log."""

    rule: Rule
    line: str
    at: int


def _rule(kind: str, pattern: str, instead: str | Advice) -> Rule:
    return Rule(kind, re.compile(pattern, re.IGNORECASE), instead)


RULES: tuple[Rule, ...] = (
    _rule(
        "wrong-architecture",
        r"exec format error|invalid ELF header|wrong ELF class|cannot execute binary file",
        "the image is for another processor: build it for application.architecture "
        "(docker buildx build --platform linux/arm64 or linux/amd64)",
    ),
    _rule(
        "host-refused",
        r"DisallowedHost|Invalid HTTP_HOST header|Blocked hosts?:|HostAuthorization|SuspiciousOperationException|Untrusted Host"
        r"|This host \(.*\) is not allowed|\bBad Host\b|malformed Host header|because the domain .* is untrusted|Invalid Host header"
        r"|The host \[.*\] is not valid",
        "the load balancer asks by the instance's address: let the health path answer for any host "
        "(Django: ALLOWED_HOSTS, Rails: config.host_authorization, Laravel: trustHosts, Spring: HttpFirewall)",
    ),
    _rule(
        "library-missing",
        r"error while loading shared libraries|Error loading shared library|version `?GLIBC\w*_[\d.]+'? not found"
        r"|UnsupportedClassVersionError",
        "the image runs on another base (C library, Java) than it was built on: build and run on the same one",
    ),
    _rule(
        "module-missing",
        r"ModuleNotFoundError|ImportError|Cannot find (module|package)|MODULE_NOT_FOUND|cannot load such file"
        r"|Bundler::GemNotFound|Could not find \S+ in (locally installed gems|any of the sources)|ClassNotFoundException"
        r"|NoClassDefFoundError|Could not find or load main class|Unable to access jarfile|no main manifest attribute"
        r"|Class \S+ not found|uninitialized constant|UndefinedFunctionError|\(module \S+ is not available\)|Failed opening required",
        "the image lacks it, or a variable names it wrongly: application image, [env]",
    ),
    _rule(
        "variable-missing",
        r"environment variables? \S+ (is )?(missing|not set|required)|missing (required )?environment variables?"
        r"|invalid environment variables|environment variable not found|environment variable \S+ (should|must) not be empty"
        r"|(required )?environment variable \S+ is not set"
        r"|required key [A-Z][A-Z0-9_]+ missing|KeyError: '[A-Z][A-Z0-9_]+'|key not found: \"[A-Z][A-Z0-9_]+\""
        r"|could not fetch environment variable|set the [A-Z][A-Z0-9_]+ environment variable"
        r"|[A-Z][A-Z0-9_]+ not found\. Declare it as envvar|SECRET_KEY setting must not be empty"
        r"|No application encryption key|Missing [`']?secret_key_base|Missing encryption key to decrypt"
        r"|Could not resolve placeholder|'url' attribute is not specified",
        "write it in [env], or name it in application.secrets and " + hermes("secrets", "set", "NAME"),
    ),
    _rule(
        "port-not-permitted",
        r"bind: permission denied|listen EACCES|bind\(\) to \S+ failed \(13: Permission denied\)"
        r"|could not bind to address \S+|Permission denied - bind\(2\)",
        "the image's user may not listen below port 1024: let it listen on application.port",
    ),
    _rule(
        "address-in-use",
        r"address already in use|EADDRINUSE|:eaddrinuse|Port \d+ was already in use",
        "two parts of the image listen on one port",
    ),
    _rule(
        "database-refused",
        r"password authentication failed|SASL authentication failed|role \S+ does not exist"
        r"|database \S+ does not exist|Access denied for user|P1000: ",
        hermes("secrets", "set", "DATABASE_URL"),
    ),
    _rule(
        "database-encryption",
        r"no pg_hba\.conf entry|SSL connection is required|server does not support SSL|sslmode=\S+ .*(not|but)",
        "the database wants encryption, or an address that it knows: ?sslmode=require at the end of DATABASE_URL; " + hermes("outputs") + " shows the addresses that it must admit",
    ),
    _rule(
        "certificate-untrusted",
        r"certificate signed by unknown authority|CERTIFICATE_VERIFY_FAILED|self.signed certificate|unable to get local issuer"
        r"|PKIX path building failed|unknown_ca",
        "the image has no list of certificate authorities: install ca-certificates in it",
    ),
    _rule(
        "schema-missing",
        r"relation \S+ does not exist|PendingMigrationError|Migrations are pending|unapplied migration|UndefinedTable"
        r"|undefined_table|no such table|Base table or view not found|Undefined table|The table \S+ does not exist"
        r"|Schema-validation: missing table",
        "application.migrate names the command that makes the tables",
    ),
    _rule(
        "database-unreachable",
        r"could not connect to server|connection to server (at|on) .* failed|failed to connect to (server|`host=|`user=)"
        r"|DBConnection\.ConnectionError|could not translate host name|PG::ConnectionBad|ConnectionNotEstablished"
        r"|SQLSTATE\[08006\]|SQLSTATE\[HY000\] \[2002\]|Can't (reach|connect to).*(database|MySQL) server|P1001: "
        r"|Connection to \S+:\d+ refused|The connection attempt failed|HikariPool-\d+ - Exception",
        hermes("doctor") + " tries the database from the instance; the way out is database.port",
    ),
    _rule(
        "service-unreachable",
        r"ECONNREFUSED|connect: connection refused|Connection refused|:econnrefused|ETIMEDOUT|ENOTFOUND|:nxdomain|no such host"
        r"|Name or service not known|Temporary failure in name resolution|UnknownHostException|dial tcp .*: i/o timeout"
        r"|CannotConnectError|Error \d+ connecting to",
        "the address in its variable, and the way out: only 443 and database.port are open unless [network] outbound says more",
    ),
    _rule(
        "read-only",
        r"read-only file system|EROFS|\berofs\b|attempt to write a readonly database|No usable temporary directory"
        r"|Unable to create tempDir",
        "let it write to /tmp, or application.read_only = false",
    ),
    _rule("not-permitted", r"permission denied|EACCES|:eacces|AccessDeniedException|PermissionError",
          "the image's user may not read, write or run the file that it names"),
    _rule(
        "memory",
        r"JavaScript heap out of memory|OutOfMemoryError|Cannot allocate memory|Allowed memory size of|eheap_alloc|NoMemoryError"
        r"|runtime: out of memory|Perhaps out of memory|failed to allocate memory",
        hermes("scale", "--type") + " a larger one, or application.memory_mib",
    ),
    _rule(
        "program-missing",
        r"executable file not found|No such file or directory|not found: \S+ ?$|: not found$|exec \S+: no such file",
        "CMD or application.migrate names what is not in the image",
    ),
)  # fmt: skip
"""The more special stands before the more general."""

ASIDE = re.compile(r"erl_crash\.dump|Crash dump|config/master\.key|\.env\b.*(not found|No such file)", re.IGNORECASE)
"""What fails only because something else did, or does no harm: never the cause."""

LOCAL = re.compile(r"localhost|127\.0\.0\.1|\[?::1\]?[:)\s]")
"""An address that is the container itself."""

LISTENING = re.compile(
    r"(?:listening|running|serving|started|server at|available at|Local:|ready on|\bat)\b[^\n]{0,60}?"
    r"(?:https?://)?(?P<address>\[[0-9a-fA-F:]*\]|0\.0\.0\.0|127\.0\.0\.1|localhost|\*|::1|::)?:(?P<port>\d{2,5})(?!\d|\.\d)"
    r"|started on ports? (?P<spring>\d{2,5})|on port (?P<plain>\d{2,5})",
    re.IGNORECASE,
)
"""A line in which a web server says where it listens."""

FASTCGI = re.compile(r"fpm is running|NOTICE: ready to handle connections", re.IGNORECASE)
"""php-fpm, which speaks FastCGI and not HTTP."""

_BYTES = re.compile(r"message ?=> ?<<([\d,\s]+)(?:>>)?")


def of(log: object) -> str:
    """The last lines, as evidence; empty where there is no log."""
    return "\n".join(lines(log)[-LINES:])


def rule(log: object) -> Rule | None:
    """The rule whose evidence stands last in the log, which is what ended it; None where none fits."""
    found = cause(log)
    return found.rule if found else None


def cause(log: object, kinds: frozenset[str] | None = None) -> Cause | None:
    """What the log says last that a rule knows, of ``kinds`` where they are given; None where there is nothing.

    The last exception of a chain is the one that ended the program, or, in Java, the one that was the first cause.
    """
    told = lines(log)[-LOOKED_AT:]
    for at in range(len(told) - 1, -1, -1):
        if ASIDE.search(told[at]):
            continue
        for one in RULES:
            if (kinds is None or one.kind in kinds) and one.pattern.search(told[at]):
                return Cause(one, told[at].strip(), at)
    return None


class Listens(NamedTuple):
    """Where a web server says that it listens; ``local``: on the container's own loopback address alone."""

    port: int
    local: bool
    line: str
    at: int


def listens(log: object) -> Listens | None:
    """Where the application says that it listens, by its last such line; None where it does not say."""
    told = lines(log)[-LOOKED_AT:]
    for at in range(len(told) - 1, -1, -1):
        found = LISTENING.search(told[at])
        if found:
            port = int(found["port"] or found["spring"] or found["plain"])
            return Listens(port, (found["address"] or "").strip("[]") in ("127.0.0.1", "::1"), told[at].strip(), at)
    return None


def lines(log: object) -> list[str]:
    """The lines of a log, what Erlang wrote as a list of bytes as text again."""
    given = (
        log.splitlines() if isinstance(log, str) else [str(line) for line in log] if isinstance(log, Sequence) else []
    )
    return [_BYTES.sub(_text, line) for line in given]


def _text(found: re.Match[str]) -> str:
    numbers = [int(one) for one in found[1].split(",") if one.strip()]
    if not all(0 <= one < 256 for one in numbers):
        return found[0]
    return "message=>" + " ".join(bytes(numbers).decode(errors="replace").split())
