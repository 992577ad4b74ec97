"""What a decider may ask for; the doors run these and decide nothing."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from hermes_cfn.errors import Finding


@dataclass(frozen=True, slots=True)
class Suspend:
    """Mark the group with these processes, then suspend them."""

    processes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Resume:
    """Resume these processes, then take the mark off."""

    processes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Send:
    """Run our document for ``task`` on these instances."""

    task: str
    instances: tuple[str, ...]
    operation: str
    goal_version: int
    token: int


@dataclass(frozen=True, slots=True)
class EnterStandby:
    """Take these instances out, decrementing the desired capacity."""

    instances: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ExitStandby:
    """Put these instances back in service."""

    instances: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Register:
    """Make these instances targets of the load balancer again; twice is once."""

    instances: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Launch:
    """Set the desired capacity to ``desired``; absolute, so that twice is once.

    ``floor``, of a group that scales by itself: to ``desired`` at least, by way of the group's minimum, which is ``floor``
    again afterwards; a plain number would end what a policy has just started.  ``surplus``: so many are beyond what is wanted.
    """

    desired: int
    floor: int | None = None
    surplus: int = 0


@dataclass(frozen=True, slots=True)
class Resize:
    """Set the group's minimum and maximum; how many it has stays as it is, where that is between them."""

    minimum: int
    maximum: int


class Ending(StrEnum):
    """The rules by which a rollout ends an instance; there is no other."""

    FAILED = "failed"
    MACHINE_ENDED = "machine ended"
    NO_ROOM = "no room"
    SURPLUS = "surplus"
    OUTDATED = "outdated"


@dataclass(frozen=True, slots=True)
class Terminate:
    """End one instance by name; the group replaces it unless ``decrement``.  ``why`` is for the reader."""

    instance: str
    decrement: bool
    rule: Ending
    why: str = ""

    @property
    def failed(self) -> bool:
        """Whether it counts among those that may be replaced because they failed."""
        return self.rule in {Ending.FAILED, Ending.MACHINE_ENDED}


@dataclass(frozen=True, slots=True)
class WriteStable:
    """New instances start with this release from now on, because what they start with cannot be started."""

    release: str


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing to do but look again.  ``for_what``: one of the waits whose length is known, or nothing."""

    what: str
    for_what: str = ""


@dataclass(frozen=True, slots=True)
class Done:
    """What was wanted holds; ``paused``: as far as it was wanted for now."""

    what: str
    paused: bool = False


@dataclass(frozen=True, slots=True)
class Stop:
    """This cannot go on: why, and the instances it happened on."""

    finding: Finding
    instances: tuple[str, ...] = ()


Action = (
    Suspend
    | Resume
    | Send
    | EnterStandby
    | ExitStandby
    | Register
    | Launch
    | Resize
    | Terminate
    | WriteStable
    | Wait
    | Done
    | Stop
)


@dataclass(frozen=True, slots=True)
class CreateChangeSet:
    """Create our change set; ``kind`` is ``CREATE`` or ``UPDATE``."""

    kind: str


@dataclass(frozen=True, slots=True)
class ExecuteChangeSet:
    """Execute our change set."""


@dataclass(frozen=True, slots=True)
class DeleteChangeSet:
    """Delete our change set, which cannot be used; ``why`` for the reader."""

    why: str


@dataclass(frozen=True, slots=True)
class DeleteStack:
    """Delete the stack; ``why`` for the reader."""

    why: str


@dataclass(frozen=True, slots=True)
class ContinueRollback:
    """Continue a rollback that stopped half way."""


@dataclass(frozen=True, slots=True)
class RollBack:
    """Roll back an update that somebody had stop where it failed."""


@dataclass(frozen=True, slots=True)
class Follow:
    """An operation runs: look again, telling its events.  ``why`` says whose it may be."""

    why: str


StackStep = (
    CreateChangeSet
    | ExecuteChangeSet
    | DeleteChangeSet
    | DeleteStack
    | ContinueRollback
    | RollBack
    | Follow
    | Done
    | Stop
)
