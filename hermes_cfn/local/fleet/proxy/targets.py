"""Target groups: which targets there are, how healthy they are, and whose turn it is."""

from __future__ import annotations

import asyncio
import random
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hermes_cfn.local.fleet.proxy.connections import Upstream

Report = Callable[[str, "Target"], None]


@dataclass
class Target:
    """``key`` names it in its group; ``address`` and ``port`` are where it really listens."""

    key: str
    address: str
    port: int
    health_port: int
    state: str = "initial"
    reason: str = "Elb.RegistrationInProgress"
    outstanding: int = 0
    passed: int = 0
    failed: int = 0
    slow_since: float = 0.0
    task: asyncio.Task[None] | None = None
    idle: list[Upstream] = field(default_factory=list)
    open: set[Upstream] = field(default_factory=set)


class TargetGroup:
    """One target group; durations in real seconds, already hurried by the cloud."""

    def __init__(self, arn: str, settings: dict[str, Any], report: Report) -> None:
        self.arn = arn
        self.settings = settings
        self.targets: dict[str, Target] = {}
        self._report = report
        self._next = 0
        self.tls = _trusting() if settings.get("protocol") == "HTTPS" else None

    @property
    def sticky_s(self) -> float:
        """How long (real seconds) a client stays with its target; 0 without stickiness."""
        return float(self.settings.get("sticky_s", 0))

    def register(self, key: str, address: str, port: int, health_port: int) -> None:
        """Adds a target; its health is checked from now on."""
        known = self.targets.get(key)
        if known is not None and known.state != "draining" and (known.address, known.port) == (address, port):
            return
        if known is not None:
            self.forget(known)
        target = Target(key, address, port, health_port)
        self.targets[key] = target
        self._report(self.arn, target)
        target.task = asyncio.get_running_loop().create_task(self._check(target))

    def deregister(self, key: str, delay_s: float) -> None:
        """No new requests from now on; what runs may end within ``delay_s``, idle or not."""
        target = self.targets.get(key)
        if target is None or target.state == "draining":
            return
        if target.task is not None:
            target.task.cancel()
        self._set(target, "draining", "Target.DeregistrationInProgress")
        for upstream in list(target.idle):
            upstream.close()
        target.task = asyncio.get_running_loop().create_task(self._drain(target, delay_s))

    async def _drain(self, target: Target, delay_s: float) -> None:
        await asyncio.sleep(delay_s)
        self.forget(target)
        self._set(target, "gone", "")

    def forget(self, target: Target) -> None:
        """Closes every connection to a target and removes it."""
        if self.targets.get(target.key) is target:
            del self.targets[target.key]
        if target.task is not None and target.task is not asyncio.current_task():
            target.task.cancel()
        for upstream in list(target.open):
            upstream.close()

    def expire(self, now: float) -> None:
        """Closes the connections to targets that were idle for too long."""
        for target in self.targets.values():
            for upstream in [one for one in target.idle if one.expires < now]:
                upstream.close()

    def choose(self) -> Target | None:
        """The target of the next request; None if there is none.

        One of the healthy, by the algorithm of the group; any of those registered when fewer
        than the required minimum are healthy ("fail open").
        """
        registered = [target for target in self.targets.values() if target.state != "draining"]
        healthy = [target for target in registered if target.state == "healthy"]
        choices = healthy if len(healthy) >= self._required(len(registered)) else registered
        if not choices:
            return None
        algorithm = self.settings.get("algorithm")
        if algorithm == "least_outstanding_requests":
            return min(choices, key=lambda target: target.outstanding)
        ready = [target for target in choices if self._warm(target)] or choices
        if algorithm == "weighted_random":
            return random.choice(ready)  # noqa: S311 - chance, not a secret
        self._next += 1
        return ready[self._next % len(ready)]

    def _required(self, registered: int) -> float:
        """How many healthy targets there must be: at least one, or what the attributes say ("Target group health")."""
        least = float(self.settings.get("healthy_count", 1))
        share = float(self.settings.get("healthy_percentage", 0))
        return max(1.0, least, registered * share / 100)

    def _warm(self, target: Target) -> bool:
        share = self._share(target)
        return share >= 1 or random.random() < max(0.05, share)  # noqa: S311 - chance, not a secret

    def _share(self, target: Target) -> float:
        """Slow start: the share of a new target grows linearly to its full share, 1."""
        duration = float(self.settings.get("slow_start_s", 0))
        if not duration or not target.slow_since or target.state != "healthy":
            return 1.0
        return (time.monotonic() - target.slow_since) / duration

    async def _check(self, target: Target) -> None:
        self._set(target, "initial", "Elb.InitialHealthChecking")
        while True:
            began = time.monotonic()
            reason = await self._probe(target)
            settings = self.settings
            if reason:
                target.passed, target.failed = 0, target.failed + 1
                if target.failed >= settings["unhealthy_threshold"]:
                    self._set(target, "unhealthy", reason)
            else:
                target.failed, target.passed = 0, target.passed + 1
                if target.state == "initial" or target.passed >= settings["healthy_threshold"]:
                    self._set(target, "healthy", "")
            await asyncio.sleep(max(0.02, settings["interval_s"] - (time.monotonic() - began)))

    async def _probe(self, target: Target) -> str:
        """One health check: the reason code why it failed, empty when it passed."""
        settings = self.settings
        try:
            async with asyncio.timeout(settings["timeout_s"]):
                return await self._ask(target)
        except TimeoutError:
            return "Target.Timeout"
        except (OSError, asyncio.IncompleteReadError, ValueError, asyncio.LimitOverrunError):
            return "Target.FailedHealthChecks"

    async def _ask(self, target: Target) -> str:
        settings = self.settings
        tls = _trusting() if settings.get("health_protocol") == "HTTPS" else None
        reader, writer = await asyncio.open_connection(target.address, target.health_port, ssl=tls)
        try:
            host = f"{target.address}:{target.health_port}"
            writer.write(
                f"GET {settings['path']} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n"
                "User-Agent: ELB-HealthChecker/2.0\r\nAccept-Encoding: gzip, compressed\r\n\r\n".encode()
            )
            words = (await reader.readuntil(b"\r\n")).split(b" ", 2)
            return (
                "" if _matches(settings["matcher"], int(words[1])) else f"Target.ResponseCodeMismatch {int(words[1])}"
            )
        finally:
            writer.close()

    def _set(self, target: Target, state: str, reason: str) -> None:
        if (target.state, target.reason) == (state, reason):
            return
        if state == "healthy" and target.state != "healthy":
            target.slow_since = time.monotonic() if self._starts_slowly() else 0.0
        target.state, target.reason = state, reason
        self._report(self.arn, target)

    def _starts_slowly(self) -> bool:
        """Slow start needs a healthy target that is not itself in slow start ("Slow start mode", considerations)."""
        return any(other.state == "healthy" and self._share(other) >= 1 for other in self.targets.values())


def _trusting() -> ssl.SSLContext:
    """TLS towards targets, whose certificates the load balancer does not validate ("Target security")."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _matches(matcher: str, status: int) -> bool:
    for part in matcher.split(","):
        first, _, last = part.partition("-")
        if int(first) <= status <= int(last or first):
            return True
    return False
