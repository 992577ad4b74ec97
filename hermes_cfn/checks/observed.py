"""What checks look at, and the doors fill: plain facts without judgement."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from hermes_cfn.cfn import recurrence

Diagnosis = Mapping[str, Any]
"""The JSON that the diagnose document prints on an instance."""


@dataclass(frozen=True, slots=True)
class StackLine:
    """A stack, its status (``not there`` when there is none), what AWS last knew of its drift, and why it does not
    know all."""

    key: str
    name: str
    status: str
    drift: str
    commit: str
    differences: tuple[str, ...] = ()
    unread: str = ""


@dataclass(frozen=True, slots=True)
class InstanceLine:
    """An instance of the group; ``age_s`` in seconds since it was launched.

    ``processes`` says of each container beside the web process, like ``worker-1``, how it is: ``running``, ``restarting``, …
    """

    id: str
    zone: str
    lifecycle: str
    health: str
    reason: str
    release: str
    age_s: float
    template: str
    processes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class GroupLine:
    """The Auto Scaling group as it is.  ``launches`` is its launch template and version (``hermes-production:7``),
    ``members`` how many instances it has, ``marked`` the processes that a rollout of ours suspended."""

    name: str
    minimum: int
    desired: int
    maximum: int
    launches: str
    members: int
    suspended: frozenset[str] = frozenset()
    marked: frozenset[str] = frozenset()

    @property
    def asleep(self) -> bool:
        """Its instances were taken away on purpose."""
        return self.minimum == self.desired == self.members == 0


@dataclass(frozen=True, slots=True)
class Scheduled:
    """A scheduled action of the stack: when, in which time zone, and the sizes it sets."""

    recurrence: str
    zone: str
    minimum: int
    maximum: int

    def last(self, now: datetime) -> datetime | None:
        """Its last time before ``now``; None where its words are not known here."""
        found, zone = recurrence.parse(self.recurrence), recurrence.zone(self.zone)
        return found.last(now.astimezone(zone)) if found and zone else None


@dataclass(frozen=True, slots=True)
class DesiredGroup:
    """What the deployed stack says of the group; ``launches`` is empty where it does not tell.

    ``scaled``: how many there are it leaves to policies and schedule, and ``desired`` is the minimum.
    """

    minimum: int
    desired: int
    maximum: int
    launches: str = ""
    scaled: bool = False
    schedule: tuple[Scheduled, ...] = ()

    def sizes(self, now: datetime) -> tuple[int, int]:
        """Minimum and maximum by the schedule's last change before ``now``, which has a zone."""
        changes = [
            (moment.astimezone(UTC), one.minimum, one.maximum)
            for one in self.schedule
            if (moment := one.last(now)) is not None
        ]
        if not changes:
            return self.minimum, self.maximum
        _, minimum, maximum = max(changes)
        return minimum, maximum

    @property
    def ranges(self) -> frozenset[tuple[int, int]]:
        """Every minimum and maximum that stack and schedule give it."""
        return frozenset({(self.minimum, self.maximum), *((one.minimum, one.maximum) for one in self.schedule)})


@dataclass(frozen=True, slots=True)
class Opening:
    """A rule of a security group: ports, and where from or to (a group id or a range)."""

    first_port: int
    last_port: int
    peer: str

    def admits(self, port: int, peer: str = "") -> bool:
        """Whether ``port`` is open, to ``peer`` where one is given."""
        ports = self.first_port == -1 or self.first_port <= port <= self.last_port
        return ports and (not peer or self.peer in {peer, "0.0.0.0/0"})


@dataclass(frozen=True, slots=True)
class SecurityGroup:
    """A security group with its rules."""

    id: str
    name: str
    ingress: tuple[Opening, ...]
    egress: tuple[Opening, ...]


@dataclass(frozen=True, slots=True)
class CertificateSeen:
    """``status`` is ACM's own word; ``records`` are the CNAMEs that validate it, name to value."""

    arn: str
    status: str
    names: tuple[str, ...]
    expires: datetime | None
    records: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Lease:
    """Who holds the deploy lock and until when, service time."""

    owner: str
    purpose: str
    expires: datetime
