"""Why a release did not become healthy on an instance: one cause, with the evidence for it.

What is known best comes first: what the container's end says, then the health check's last answer, then the
application's own words, then where it listens.  Without evidence nothing is guessed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from hermes_cfn.checks import last_words
from hermes_cfn.errors import Advice, Finding, hermes


class Listening(Protocol):
    """What an application says it listens on."""

    @property
    def port(self) -> int: ...
    @property
    def health_path(self) -> str: ...
    @property
    def health_codes(self) -> tuple[int, ...]: ...


@dataclass(frozen=True, slots=True)
class Start:
    """What is known of a start: ``log`` lines, the health check's last answer (``status`` None: none), whether the
    container has ended (and may run again), with which ``exit_code`` (None: nobody knows), and the kernel's own word on
    where it listens."""

    log: tuple[str, ...] = ()
    status: int | None = None
    body: str = ""
    location: str = ""
    ended: bool = False
    exit_code: int | None = None
    oom_killed: bool = False
    listens: tuple[tuple[str, int], ...] | None = None


EXITS: Mapping[int, tuple[str, str, str | Advice]] = {
    126: ("not-permitted", "the program of CMD is there and may not be run",
          "chmod +x in the Dockerfile; build the image for application.architecture"),
    127: ("program-missing", "the program of CMD is not in the image", "CMD of the Dockerfile, or [container] command"),
    132: ("wrong-architecture", "the processor does not know an instruction of the program (SIGILL)",
          "build the image for application.architecture and a processor of any age"),
    137: ("killed", "the container was killed (SIGKILL) and said nothing",
          "it used all of its memory, or did not end in time: application.memory_mib, a larger machine, application.stop_timeout_s"),
    139: ("crashed", "the program crashed (SIGSEGV)", "a native library that does not fit the image's base"),
    0: ("ended", "the program of CMD ended by itself and without an error",
        "CMD must go on running in the foreground, and must be the web server"),
}  # fmt: skip
"""What an exit code says where nothing else does: docker container run reference, "Exit status", and 128 + signal(7)."""

ANSWERED_ABOUT = frozenset({"host-refused"})
LOGIN = ("login", "sign", "auth", "session")


def read(said: Mapping[str, Any]) -> Start:
    """What an instance's diagnosis tells of the release that failed: what was kept of it, else what runs."""
    failed = said.get("failed")
    return now(failed if isinstance(failed, Mapping) else said)


def now(told: Mapping[str, Any]) -> Start:
    """What a diagnosis tells of what runs at the moment."""
    container, health, log = told.get("container"), told.get("health"), told.get("log")
    inside: Mapping[str, Any] = container if isinstance(container, Mapping) else {}
    answer: Mapping[str, Any] = health if isinstance(health, Mapping) else {}
    down = inside.get("status") not in (None, "running")
    listens = told.get("listens")
    return Start(
        tuple(last_words.lines(log)) if inside else (),
        _number(answer.get("status")),
        str(answer.get("body") or ""),
        str(answer.get("location") or ""),
        down or bool(inside.get("restarts")),
        _number(inside.get("exit_code")) if down else None,
        bool(inside.get("oom_killed")),
        tuple((str(address), int(port)) for address, port in listens) if isinstance(listens, list) else None,
    )


def cause(where: str, start: Start, application: Listening) -> Finding | None:
    """The one cause that the evidence shows; None where there is none.

    The finding's ``what`` is the application's own decisive line, or the last answer, its ``evidence`` the last lines
    and the last answer, and its ``next`` the rule of thumb.
    """
    for kind, what, instead in _causes(start, application):
        return Finding(f"application-{kind}", where, what, evidence=evidence(start), next=instead)
    return None


def evidence(start: Start) -> str:
    """The application's last words, then the health check's last answer."""
    known = bool(start.log or start.ended or start.status is not None)
    words = "\n".join(start.log[-last_words.LINES :])
    answer = f"health check: {start.status} {' '.join(start.body.split())[:200]}".rstrip() if start.status else ""
    if start.location:
        answer += f" to {start.location}"
    return "\n".join(part for part in (words, answer or ("health check: no answer" if known else "")) if part)


def _causes(start: Start, application: Listening) -> Iterator[tuple[str, str, str | Advice]]:
    """Kind, what was seen, what to do; the best known first."""
    log = start.log
    if start.oom_killed:
        yield "memory", "the container was killed because it used all of its memory", _instead("memory")
    if start.status is not None and start.status not in application.health_codes:
        yield from _answered(start, application)
    said, listens = last_words.cause(log), last_words.listens(log)
    if start.ended:
        if said:
            yield _said(said)
        if start.exit_code is not None and start.exit_code in EXITS:
            yield EXITS[start.exit_code]
        return
    if start.status in application.health_codes:
        return
    if said and not (listens and listens.at > said.at):
        yield _said(said)
    yield from _elsewhere(start, listens, application)
    if said:
        yield _said(said)


def _answered(start: Start, application: Listening) -> Iterator[tuple[str, str, str | Advice]]:
    """It answers, but not as the load balancer wants."""
    status, path = start.status or 0, application.health_path
    words = f"{path} answers {status}"
    if 300 <= status < 400:
        to = f"{words} and sends to {start.location}" if start.location else words
        login = any(word in start.location.lower() for word in LOGIN)
        yield (
            "redirects",
            to,
            f"let {path} answer without a sign-in"
            if login
            else f"a load balancer does not follow redirects: leave {path} out of the one to https or to the main host "
            "(force_ssl, SECURE_SSL_REDIRECT and SECURE_REDIRECT_EXEMPT, assume_ssl); docs/application.md",
        )
    host = last_words.cause([*start.log, *start.body.splitlines()], ANSWERED_ABOUT)
    if host and status < 600:
        yield "host-refused", host.line, host.rule.instead
    if status == 404:
        yield "path-missing", words, "application.health_path names a path that the application has"
    if status in (401, 403):
        yield "sign-in", words, f"let {path} answer without a sign-in, for any host"
    if status >= 500:
        said = last_words.cause([*start.log, *start.body.splitlines()])
        if said:
            yield _said(said)
    yield (
        "unwell",
        words,
        hermes("logs") + "; what the path looks at is not well, or application.health_codes lacks the code",
    )


def _elsewhere(
    start: Start, listens: last_words.Listens | None, application: Listening
) -> Iterator[tuple[str, str, str | Advice]]:
    """It runs and nobody hears it: another port, or its own loopback address; the kernel's word before its own."""
    port = application.port
    own = "let it listen on 0.0.0.0 (its HOST, --host or bind setting): 127.0.0.1 is the container's own"
    if any(last_words.FASTCGI.search(line) for line in start.log):
        yield (
            "port-wrong",
            "php-fpm runs, which speaks FastCGI and not HTTP",
            "put a web server into the image (nginx, Apache, FrankenPHP)",
        )
    if start.listens is not None:
        here = [address for address, number in start.listens if number == port]
        if here and all(address.startswith("127.") or address == "::1" for address in here):
            yield "listens-locally", f"it listens on {here[0]} alone", own
        others = sorted({number for _, number in start.listens})
        if here or not others:
            return
        if listens is None or listens.port not in others:
            yield "port-wrong", f"it listens on {', '.join(map(str, others))}, not on {port}", _port(others[0])
    if listens and listens.port != port:
        yield "port-wrong", listens.line, _port(listens.port)
    if listens and listens.local:
        yield "listens-locally", listens.line, own


def _port(port: int) -> str:
    return f"application.port = {port}, or the variable by which it is told its port (often PORT) in [env]"


def _said(found: last_words.Cause) -> tuple[str, str, str | Advice]:
    kind, line, instead = found.rule.kind, found.line, found.rule.instead
    if kind in ("database-unreachable", "service-unreachable") and last_words.LOCAL.search(line):
        return (
            "address-local",
            line,
            "localhost is the container itself: it does not read the variable with the address (often DATABASE_URL), "
            "or that names localhost",
        )
    return kind, line, instead


def _instead(kind: str) -> str | Advice:
    return next(rule.instead for rule in last_words.RULES if rule.kind == kind)


def _number(value: Any) -> int | None:
    try:
        return int(value)
    except (TypeError, ValueError):
        return None
