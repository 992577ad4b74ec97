"""What a container must do, ``docs/application.md``, seen on a running deployment by what an instance says of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from hermes_cfn.checks.observed import Diagnosis
from hermes_cfn.config.application import Application
from hermes_cfn.errors import Finding, Severity

KILLED = 137
"""Exit code of a container that SIGKILL ended (docker container run reference, "Exit status": 128 + 9)."""

READ_ONLY = "read-only file system"
"""What a program says that writes where it may not (errno EROFS)."""

LINES = 8
NEXT = "docs/application.md"


def check(
    instance: str,
    said: Diagnosis,
    application: Application,
    domain: str,
    database: bool = True,
    idle_timeout_s: float = 60.0,
) -> Iterator[Finding]:
    """Every rule; ``database`` is whether the instance reaches its database, ``domain`` the name that users type,
    ``idle_timeout_s`` how long the load balancer keeps a connection on which nobody asks."""
    yield from listens(instance, said, application.port)
    yield from health(instance, said, application, database)
    yield from stops(instance, said, application)
    yield from starts(instance, said, application)
    yield from scheme(instance, said, domain)
    yield from host(instance, said, application.port)
    yield from writes(instance, said)
    yield from idles(instance, said, idle_timeout_s)


def idles(instance: str, said: Diagnosis, idle_timeout_s: float) -> Iterator[Finding]:
    """``idle-too-short``: it closes connections that the load balancer keeps, which may be about to ask on one.

    AWS, "Troubleshoot your Application Load Balancers", HTTP 502: "the target closed the connection with a TCP RST or FIN
    while the load balancer had an outstanding request"; keep-alive of the target longer than the idle timeout.
    """
    told = _mapping(said.get("idle"))
    kept = [float(told[key]) for key in ("announced_s", "closed_after_s") if isinstance(told.get(key), int | float)]
    if not kept or min(kept) == 0 or min(kept) > idle_timeout_s:
        return
    yield Finding(
        "idle-too-short",
        instance,
        f"the application closes a connection on which nobody asks after {min(kept):g} s, "
        f"and the load balancer keeps it for {idle_timeout_s:g} s",
        why="a request that is sent just then is answered 502",
        next=f"let it keep them longer than service.idle_timeout_s, which is {idle_timeout_s:g}; {NEXT}",
        severity=Severity.WARNING,
    )


def listens(instance: str, said: Diagnosis, port: int) -> Iterator[Finding]:
    """``application-listens-locally``: it listens on the container's own loopback address, which nobody else reaches."""
    at = [str(address) for address, number in _pairs(said.get("listens")) if number == port]
    if at and all(address.startswith("127.") or address == "::1" for address in at):
        yield Finding(
            "application-listens-locally",
            instance,
            f"the application listens on {at[0]} alone",
            why="docker publishes the container's port, and that address is the container's own",
            next=f"let it listen on 0.0.0.0 (Phoenix: http: [ip: {{0, 0, 0, 0}}, port: {port}]); {NEXT}",
        )


def health(instance: str, said: Diagnosis, application: Application, database: bool) -> Iterator[Finding]:
    """``health-needs-database``: the health path fails while the database is not reached."""
    answer = _mapping(said.get("health"))
    status = answer.get("status")
    if database or status is None or int(status) < 500 or status in application.health_codes:
        return
    yield Finding(
        "health-needs-database",
        instance,
        f"{application.health_path} answers {status} while the database is not reached",
        why="an outage of the database takes every instance out of rotation at once",
        evidence=str(answer.get("body", ""))[:300],
        next=f"let {application.health_path} answer without the database; {NEXT}",
    )


def stops(instance: str, said: Diagnosis, application: Application) -> Iterator[Finding]:
    """``stop-ignored``: the last container that was to stop had to be killed."""
    ended = _mapping(said.get("stopped"))
    if ended.get("exit_code") == KILLED and not ended.get("oom_killed"):
        yield Finding(
            "stop-ignored",
            instance,
            f"the last container was killed: it did not end within {application.stop_timeout_s} s "
            f"of {application.stop_signal}",
            why="requests that it was answering were cut off, and every release takes so much longer",
            next=f"let it end on {application.stop_signal}, or set application.stop_signal; {NEXT}",
            severity=Severity.WARNING,
        )


def starts(instance: str, said: Diagnosis, application: Application) -> Iterator[Finding]:
    """``start-failed``: the last deployment to this instance failed, and what its container said."""
    failed = _mapping(said.get("failed"))
    if failed:
        log = failed.get("log") or []
        yield Finding(
            "start-failed",
            instance,
            f"process {failed['process']} of release {failed.get('release')} did not run as it should, and the one before came back"
            if failed.get("process")
            else f"release {failed.get('release')} {_unstarted(failed, application)}, and the one before came back",
            evidence="\n".join(log[-LINES:]) if isinstance(log, list) else str(log),
            next=f"the application's own log above, or application.start_timeout_s; {NEXT}",
            severity=Severity.WARNING,
        )


def _unstarted(failed: Mapping[str, Any], application: Application) -> str:
    if _mapping(failed.get("container")).get("restarts"):
        return "ended by itself and was started again"
    return f"did not answer within {application.start_timeout_s} s"


def scheme(instance: str, said: Diagnosis, domain: str) -> Iterator[Finding]:
    """``scheme-ignored``: asked as the load balancer asks, over HTTPS, it sends to the same place, or to HTTP."""
    to = urlsplit(str(_mapping(said.get("proxied")).get("location") or ""))
    again = to.scheme == "https" and to.netloc == domain and to.path in ("", "/") and not to.query
    if again or (to.scheme == "http" and to.hostname == domain):
        yield Finding(
            "scheme-ignored",
            instance,
            f"asked for https://{domain}/, it redirects to {to.geturl()}",
            why="it does not look at X-Forwarded-Proto, so that whoever follows is sent round for ever",
            next=f"Plug.SSL with rewrite_on: [:x_forwarded_proto]; {NEXT}",
        )


def host(instance: str, said: Diagnosis, port: int) -> Iterator[Finding]:
    """``host-ignored``: it sends users to an address of its own instead of the name that they typed."""
    to = urlsplit(str(_mapping(said.get("proxied")).get("location") or ""))
    try:
        own = to.port == port
    except ValueError:
        own = False
    if to.hostname and (own or to.hostname == "localhost" or to.hostname.replace(".", "").isdigit()):
        yield Finding(
            "host-ignored",
            instance,
            f"it redirects to {to.geturl()}, where no user gets",
            why="it does not make its own links of the host that it was asked for",
            next=f"Phoenix: url: [host: …, scheme: https, port: 443]; {NEXT}",
        )


def writes(instance: str, said: Diagnosis) -> Iterator[Finding]:
    """``application-writes``: it writes elsewhere than to /tmp, and may not."""
    log = said.get("log") or []
    told = [line for line in log if READ_ONLY in str(line).lower()] if isinstance(log, list) else []
    if told:
        yield Finding(
            "application-writes",
            instance,
            "the application writes to the container's root, which is read-only",
            evidence="\n".join(told[-LINES:]),
            next=f"let it write to /tmp (RELEASE_TMP), or application.read_only = false; {NEXT}",
            severity=Severity.WARNING,
        )


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _pairs(value: Any) -> list[tuple[Any, Any]]:
    return [(address, port) for address, port in value] if isinstance(value, list) else []
