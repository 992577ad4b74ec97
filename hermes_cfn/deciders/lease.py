"""The lock: a lease with a fencing token.

Theory
------
One item an environment, never deleted, so that its token only grows.  Taking it is one
conditional write: *nobody has it, or it has expired, or it is mine*; the same write adds one
to the token.  Giving it back sets the expiry to zero.  Expiry is tested in the condition with
the service's time, never left to DynamoDB's TTL, which deletes within days
(DynamoDB developer guide, "How DynamoDB TTL works").

A holder writes its expiry anew after a third of the term, and a rollout asks for the token every few seconds and before
every action.  A holder that finds its lease lost stops before its next action.  What remains is the window between its last look and an action
under way; there the instances' own check holds: they refuse a document run that carries an
older token than the highest they have seen.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from hermes_cfn.deciders.observed import LeaseSeen
from hermes_cfn.errors import ExitCode, Finding, HermesError, hermes
from hermes_cfn.units import duration

CALL_WITH_RETRIES_S = 120.0
"""The longest call: botocore's 60 s read timeout, with one retry."""

CLOCK_SKEW_S = 5.0
"""The ``Date`` header has whole seconds, and requests are on their way for a while."""

TERM_S = 3 * CALL_WITH_RETRIES_S + CLOCK_SKEW_S
"""How long a lease lasts, in seconds of service time: two missed heartbeats and a call."""


@dataclass(frozen=True, slots=True)
class Lease:
    """A lease that we hold until ``expires``, service time."""

    owner: str
    purpose: str
    token: int
    expires: datetime

    def due(self, now: datetime) -> bool:
        """A third of the term is over: write it anew."""
        return (self.expires - now).total_seconds() < TERM_S * 2 / 3

    def safe(self, now: datetime) -> bool:
        """There is time left for one more call."""
        return (self.expires - now).total_seconds() > CALL_WITH_RETRIES_S / 2


def until(now: datetime) -> datetime:
    """When a lease taken now expires."""
    return now + timedelta(seconds=TERM_S)


def free(seen: LeaseSeen | None, now: datetime, owner: str) -> bool:
    """Whether the conditional write would be accepted."""
    return seen is None or seen.expires <= now or seen.owner == owner


class Locked(HermesError):
    """Somebody else holds the lock."""

    exit_code = ExitCode.LOCKED


def locked(seen: LeaseSeen, now: datetime, key: str) -> Locked:
    """Says who holds the lock, what for and until when."""
    left = max(0.0, (seen.expires - now).total_seconds())
    return Locked(
        Finding(
            "lock-held",
            key,
            f"{seen.owner} holds the lock for: {seen.purpose}",
            why=f"until {seen.expires:%Y-%m-%d %H:%M:%S} UTC unless renewed, {duration(left)} from now",
            evidence=f"token {seen.token}",
            next=(
                "the same command with --lock-wait SECONDS queues behind it; "
                + hermes("lock", "break")
                + " if that run is known to be dead"
            ),
        )
    )


def lost(lease: Lease, seen: LeaseSeen | None, key: str) -> Locked:
    """Says that our lease is gone, who has it, and that nothing more was done."""
    if seen is None:
        holder = "its item is gone"
    elif seen.owner == lease.owner:
        holder = "somebody has ended it with the verb lock break"
    elif seen.expires.timestamp() == 0:
        holder = f"{seen.owner} took it meanwhile, with token {seen.token}, and has given it back"
    else:
        holder = f"{seen.owner} holds it with token {seen.token}"
    return Locked(
        Finding(
            "lock-lost",
            key,
            "the lease was lost; stopped before the next action",
            why=holder,
            evidence=f"ours had token {lease.token}",
            next=hermes("lock", "show") + ", then the same command again",
        )
    )
