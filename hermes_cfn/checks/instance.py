"""An instance by its own account: application, health, machine, clock.

The guide's "Application Won't Start" and the local half of "Health Checks Failing".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from hermes_cfn.checks import last_words
from hermes_cfn.checks.observed import Diagnosis
from hermes_cfn.errors import Finding, Severity, hermes

LEAST_DISK_BYTES = 1024 * 1024 * 1024
"""What pulling the next image may need; `prepare` refuses below it."""

LEAST_MEMORY_KB = 64 * 1024
CLOCK_S = 30.0
"""Beyond five minutes AWS refuses signatures (AWS, "Signature Version 4"); this warns long before."""

LOG_LINES = 8


def silent(instance: str, age_s: float) -> Iterator[Finding]:
    """An instance whose agent does not answer."""
    yield Finding(
        "agent-silent",
        instance,
        "its Systems Manager agent does not answer",
        why="nothing can be deployed to it or asked of it",
        evidence=f"launched {age_s:.0f} s ago",
        next=f"look at its way out (NAT, endpoints); or let it be replaced: aws ec2 terminate-instances --instance-ids {instance}",
    )


def check(instance: str, said: Diagnosis, port: int, health_path: str, codes: tuple[int, ...]) -> Iterator[Finding]:
    """Everything that an instance's diagnosis shows; without docker the application's silence is no news."""
    if said.get("docker") in (None, "active") or late(said["docker"]):
        yield from application(instance, said)
        yield from health(instance, said, port, health_path, codes)
    yield from processes(instance, said)
    yield from machine(instance, said)


def processes(instance: str, said: Diagnosis) -> Iterator[Finding]:
    """``process-down``: a container beside the web process does not run, or ended by itself since it was deployed."""
    told = said.get("processes")
    for name, one in sorted(told.items()) if isinstance(told, Mapping) else ():
        container, log = one.get("container"), one.get("log") or []
        seen = container if isinstance(container, Mapping) else {}
        restarts = int(seen.get("restarts") or 0)
        if seen.get("status") == "running" and not restarts:
            continue
        what = f"is {seen.get('status') or 'not there'}, exit code {seen.get('exit_code')}"
        if seen.get("oom_killed"):
            what = "was killed because it used all of its memory"
        elif restarts:
            what = f"was restarted {restarts} times"
        yield Finding(
            "process-down",
            f"{instance} {name}",
            f"the container of process {one.get('process')} {what}",
            evidence="\n".join(log[-LOG_LINES:]) if isinstance(log, list) else str(log),
            next=(
                hermes("logs", "--process", one.get("process"))
                + f"; processes.{one.get('process')}.memory_mib, where memory is short"
            ),
        )


def late(told: Any) -> bool:
    """A command that did not answer in time, which says nothing about what it was asked (timeout(1) has the status)."""
    return str(told).startswith("status 124:")


def application(instance: str, said: Diagnosis) -> Iterator[Finding]:
    """The container: whether it runs, and how it ended."""
    container = said.get("container")
    log = said.get("log") or []
    lines = "\n".join(log[-LOG_LINES:]) if isinstance(log, list) else str(log)
    if not isinstance(container, Mapping) and "no such" not in str(container).lower():
        yield Finding(
            "docker-silent",
            instance,
            "docker does not say whether the application runs",
            why="a machine without free memory, processor time or disk answers late",
            evidence=str(container or "no answer"),
            next=(
                hermes("doctor")
                + ", again; "
                + hermes("run", "--host", "--instance", instance, "--", "systemctl", "restart", "docker")
            ),
        )
        return
    if not isinstance(container, Mapping):
        yield Finding(
            "application-missing",
            instance,
            "there is no container",
            evidence=str(container or ""),
            next=hermes("release", "--resume"),
        )
        return
    if said.get("changed") is True:
        yield Finding(
            "container-changed",
            instance,
            "somebody replaced its container: it is not the one that the last deployment started",
            evidence=f"image {container.get('image')}",
            next=hermes("release", "--resume") + " deploys to it again, once its own watch has told (within 15 s)",
        )
    if container.get("oom_killed"):
        yield Finding(
            "application-out-of-memory",
            instance,
            "the container was killed because it used all of its memory",
            evidence=lines,
            next=hermes("scale", "--type", "TYPE") + " for a larger one; or application.memory_mib",
        )
    elif container.get("status") != "running":
        yield Finding(
            "application-down",
            instance,
            f"the container is {container.get('status')}, exit code {container.get('exit_code')}",
            evidence=lines,
            next=hermes("logs", "--instance", instance) + "; " + hermes("rollback"),
        )
    elif int(container.get("restarts") or 0) > 2:
        yield Finding(
            "application-restarts",
            instance,
            f"the container was restarted {container['restarts']} times",
            evidence=lines,
            next=hermes("logs", "--instance", instance),
        )


def health(instance: str, said: Diagnosis, port: int, health_path: str, codes: tuple[int, ...]) -> Iterator[Finding]:
    """What the health path answers on the instance itself."""
    container = said.get("container")
    if not isinstance(container, Mapping) or container.get("status") != "running":
        return
    answer: Any = said.get("health")
    status = answer.get("status") if isinstance(answer, Mapping) else None
    if status in codes:
        return
    spoken, hint = last_words.of(said.get("log")), last_words.rule(said.get("log"))
    if status is None:
        yield Finding(
            "health-silent",
            instance,
            f"nothing answers on port {port}",
            why="" if hint else _not_listening(said, port),
            evidence="\n".join(part for part in (spoken, f"health check: {answer}") if part),
            next=hint.instead
            if hint
            else (
                hermes("logs", "--instance", instance)
                + "; application.port, where it listens elsewhere; docs/application.md"
            ),
        )
    elif 300 <= int(status) < 400:
        yield Finding(
            "health-redirects",
            instance,
            f"{health_path} answers {status}",
            why="a load balancer does not follow redirects; force_ssl is the usual reason",
            next=f"leave {health_path} out of force_ssl; docs/application.md",
        )
    else:
        body = answer.get("body", "") if isinstance(answer, Mapping) else ""
        yield Finding(
            "health-fails",
            instance,
            f"{health_path} answers {status}",
            evidence="\n".join(part for part in (spoken, f"health check: {status} {str(body)[:300]}".rstrip()) if part),
            next=hint.instead if hint else hermes("logs", "--instance", instance, "--since", "10m"),
        )


def _not_listening(said: Diagnosis, port: int) -> str:
    """Where it listens instead, if the instance says so; nothing is guessed."""
    listens = said.get("listens")
    if not isinstance(listens, list):
        return ""
    ports = sorted({int(number) for _, number in listens})
    if port in ports:
        return ""
    return f"it listens on {', '.join(map(str, ports))}" if ports else "it listens on no port yet"


def machine(instance: str, said: Diagnosis) -> Iterator[Finding]:
    """Disk, memory, docker and the systemd units.

    ``hermes`` is a oneshot unit that the first boot enables without starting it, so inactive is well.
    """
    disk, memory = said.get("disk") or {}, said.get("memory") or {}
    if isinstance(disk, Mapping) and int(disk.get("free_bytes", LEAST_DISK_BYTES)) < LEAST_DISK_BYTES:
        yield Finding(
            "disk-full",
            instance,
            f"{int(disk['free_bytes']) // 2**20} MiB of {int(disk['total_bytes']) // 2**20} MiB are free",
            why="the next image cannot be pulled",
            next=hermes(
                "run", "--host", "--instance", instance, "--", *["docker", "image", "prune", "--all", "--force"]
            )
            + "; or compute.volume_gib",
        )
    if isinstance(memory, Mapping) and int(memory.get("available_kb", LEAST_MEMORY_KB)) < LEAST_MEMORY_KB:
        yield Finding(
            "memory-short",
            instance,
            f"{int(memory['available_kb']) // 1024} MiB of {int(memory['total_kb']) // 1024} MiB are available",
            next=hermes("scale", "--type", "TYPE") + " for a larger one",
        )
    if said.get("docker") not in (None, "active") and not late(said["docker"]):
        yield Finding(
            "docker-down",
            instance,
            "docker is not active",
            evidence=str(said["docker"]),
            next=hermes("run", "--host", "--instance", instance, "--", "systemctl", "restart", "docker"),
        )
    units = said.get("systemd") or {}
    for unit, state in units.items() if isinstance(units, Mapping) else ():
        started_by_boot = unit == "hermes" and "inactive" in str(state)
        if state != "active" and not started_by_boot and not late(state):
            yield Finding(
                "unit-down",
                instance,
                f"systemd unit {unit} is not active",
                evidence=str(state),
                next=hermes("run", "--host", "--instance", instance, "--", "systemctl", "restart", unit),
                severity=Severity.WARNING,
            )


def clock(instance: str, said: Diagnosis, witnesses: Sequence[datetime]) -> Iterator[Finding]:
    """How far the instance's clock is from the nearest witness: the service's time, and this machine's."""
    try:
        told = datetime.fromisoformat(str(said.get("clock")))
    except ValueError:
        return
    off = min(((told - now).total_seconds() for now in witnesses), key=abs, default=0.0)
    if abs(off) > CLOCK_S:
        yield Finding(
            "clock-off",
            instance,
            f"its clock is {abs(off):.0f} s {'ahead' if off > 0 else 'behind'}",
            why="beyond five minutes AWS refuses its calls",
            next=hermes("run", "--host", "--instance", instance, "--", "systemctl", "restart", "chronyd"),
        )
