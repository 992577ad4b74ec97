"""Holding the lock while a flow acts."""

from __future__ import annotations

from types import TracebackType

from hermes_cfn.aws.calls import AwsError
from hermes_cfn.clock import patience
from hermes_cfn.deciders.lease import Lease, locked, lost
from hermes_cfn.deciders.observed import LeaseSeen
from hermes_cfn.errors import HermesError
from hermes_cfn.events import Waiting
from hermes_cfn.flows.base.context import DeployContext, dead, owner
from hermes_cfn.flows.base.loop import Story


class LeaseHolder:
    """The deploy lock as a context: taken on entry, given back on exit, renewed by ``guard``.

    A lease whose holder was a process of this machine that is gone is ended first; nobody else's
    ever is.  Raises :class:`hermes_cfn.deciders.lease.Locked` when somebody else has it, and has it still after
    ``context.lock_wait_s``.
    """

    def __init__(self, context: DeployContext, purpose: str) -> None:
        self.context = context
        self.purpose = purpose
        self.door = context.clients.lock(context.names.lock_table, context.names.lock_key)
        self._lease: Lease | None = None

    def __enter__(self) -> LeaseHolder:
        clock, waited, told = self.context.clock, 0.0, ""
        while True:
            seen = self.door.look()
            if seen is not None and seen.expires > self.context.now and dead(seen.owner):
                self.door.give_back(Lease(seen.owner, seen.purpose, seen.token, seen.expires))
            self._lease = self.door.take(owner(), self.purpose, self.context.now)
            if self._lease is not None:
                return self
            seen = self.door.look() or seen
            assert seen is not None
            if waited >= self.context.lock_wait_s:
                raise locked(seen, self.context.now, self.door.key)
            if told != seen.owner:
                told = seen.owner
                self.context.waits_for_lock(f"{seen.owner}, {seen.purpose}")
            pause = min(patience(waited), self.context.lock_wait_s - waited)
            clock.sleep(pause)
            waited += pause

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._lease is None:
            return
        try:
            self.door.give_back(self._lease)
        except HermesError:
            if error is None:
                raise

    @property
    def token(self) -> int:
        assert self._lease is not None
        return self._lease.token

    def guard(self) -> None:
        """Renews the lease when it is due.  Raises ``lock-lost`` when it is no longer ours."""
        lease = self._lease
        assert lease is not None
        if not lease.due(self.context.now):
            return
        renewed = self.door.renew(lease, self.context.now)
        if renewed is None:
            self._lease = None
            raise lost(lease, self.door.look(), self.door.key)
        self._lease = renewed

    def certain(self) -> None:
        """Asks whether the lease is still ours, by its token.  Raises ``lock-lost`` when somebody broke it."""
        lease = self._lease
        assert lease is not None
        seen = self.door.look()
        if not _ours(lease, seen):
            self._lease = None
            raise lost(lease, seen, self.door.key)


def _ours(lease: Lease, seen: LeaseSeen | None) -> bool:
    return seen is not None and (seen.owner, seen.token) == (lease.owner, lease.token)


def patient(context: DeployContext) -> Story[None]:
    """Waits until the lease of a run that may be dead has expired; a run that lives renews it and is told."""
    door = context.clients.lock(context.names.lock_table, context.names.lock_key)
    first = seen = door.look()
    waited = 0.0
    while first is not None and seen is not None and seen.token == first.token and seen.expires == first.expires:
        left = (seen.expires - context.now).total_seconds()
        if left <= 0 or dead(seen.owner):
            return
        if not waited:
            yield Waiting(context.now, f"{seen.owner} holds the lock; if that run is dead, its lease ends", left)
        pause = patience(waited)
        context.clock.sleep(pause)
        waited += pause
        seen = door.look()


def unlocked(context: DeployContext) -> None:
    """Raises :class:`hermes_cfn.deciders.lease.Locked` while somebody else holds the lock, unless it shall be waited for."""
    door = context.clients.lock(context.names.lock_table, context.names.lock_key)
    seen = door.look()
    if seen is not None and seen.expires > context.now and not dead(seen.owner) and not context.lock_wait_s:
        raise locked(seen, context.now, door.key)


def there(context: DeployContext) -> bool:
    """Whether the account has a lock table yet."""
    try:
        context.clients.lock(context.names.lock_table, context.names.lock_key).look()
    except AwsError as error:
        if error.code == "ResourceNotFoundException":
            return False
        raise
    return True
