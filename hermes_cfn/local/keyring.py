"""Every access key with which the cloud may be called, and the sessions that its STS gave out."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from hermes_cfn.local.clients import OWN
from hermes_cfn.local.moto_side import MotoSide, backend
from hermes_cfn.local.owner import Owner
from hermes_cfn.local.wire import ACCOUNT


@dataclass(frozen=True)
class Issued:
    """A session with a role: what opens it, until when, and what STS was told of who it is."""

    secret: str
    token: str
    until: datetime
    role_arn: str = ""
    tags: dict[str, str] = field(default_factory=dict)


class Keyring:
    """``administrator`` is the ID of the owner's access key; ``now`` the time by which sessions end, ``told`` that of the
    answers' ``Date``."""

    def __init__(
        self, owner: Owner, moto: MotoSide, now: Callable[[], datetime], told: Callable[[], datetime] | None = None
    ) -> None:
        self.administrator = owner.access_key.id
        self.now = now
        self.told = told or now
        self._fixed = {owner.access_key.id: owner.access_key.secret, OWN.key: secrets.token_urlsafe(30)}
        self._moto = moto
        self._sessions: dict[str, Issued] = {}

    def issue(self, key: str, issued: Issued) -> None:
        """Remembers a session that STS gives out."""
        self._sessions[key] = issued

    def session(self, key: str) -> Issued | None:
        return self._sessions.get(key)

    def secret(self, key: str) -> str:
        """The secret of ``key``; empty for a key that there is not, or that is not active."""
        found = self._fixed.get(key)
        if found is None and (issued := self._sessions.get(key)) is not None:
            found = issued.secret
        return found if found is not None else self._of_user(key)

    def _of_user(self, key: str) -> str:
        with self._moto.exclusive():
            user = backend("iam", "us-east-1", ACCOUNT).get_user_from_access_key_id(key)
            keys = user.access_keys if user is not None else ()
            found = next((one for one in keys if one.access_key_id == key and one.status == "Active"), None)
        return str(found.secret_access_key) if found is not None else ""
