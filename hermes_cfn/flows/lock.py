"""Holding the lock while a flow acts."""

from __future__ import annotations

from types import TracebackType

from hermes_cfn.aws.calls import AwsError
from hermes_cfn.deciders.lease import Lease, locked, lost
from hermes_cfn.errors import HermesError
from hermes_cfn.flows.ground import Ground, owner


class Held:
    """The deploy lock as a context: taken on entry, given back on exit, renewed by ``guard``.

    Raises :class:`hermes_cfn.deciders.lease.Locked` when somebody else has it.
    """

    def __init__(self, ground: Ground, purpose: str) -> None:
        self.ground = ground
        self.purpose = purpose
        self.door = ground.doors.lock(ground.names.lock_table, ground.names.lock_key)
        self._lease: Lease | None = None

    def __enter__(self) -> Held:
        seen = self.door.look()
        self._lease = self.door.take(owner(), self.purpose, self.ground.now)
        if self._lease is None:
            seen = self.door.look() or seen
            assert seen is not None
            raise locked(seen, self.ground.now, self.door.key)
        return self

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
        if not lease.due(self.ground.now):
            return
        renewed = self.door.renew(lease, self.ground.now)
        if renewed is None:
            self._lease = None
            raise lost(lease, self.door.look(), self.door.key)
        self._lease = renewed


def there(ground: Ground) -> bool:
    """Whether the account has a lock table yet."""
    try:
        ground.doors.lock(ground.names.lock_table, ground.names.lock_key).look()
    except AwsError as error:
        if error.code == "ResourceNotFoundException":
            return False
        raise
    return True
