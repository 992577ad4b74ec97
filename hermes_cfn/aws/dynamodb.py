"""DynamoDB: the deploy lock's one item."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from hermes_cfn.aws.calls import AwsError, Calls
from hermes_cfn.deciders.lease import Lease, until
from hermes_cfn.deciders.observed import LeaseSeen

KEY = "LockID"
REFUSED = "ConditionalCheckFailedException"


class Lock:
    """One item: ``LockID``, ``owner``, ``purpose``, ``expires`` (epoch seconds), ``token``."""

    def __init__(self, calls: Calls, table: str, key: str) -> None:
        self._calls = calls
        self.table = table
        self.key = key

    def look(self) -> LeaseSeen | None:
        """The item as it is, or None when nobody has ever taken the lock.

        Raises :class:`AwsError` ``ResourceNotFoundException`` when there is no table.
        """
        found = self._calls.get_item(TableName=self.table, Key=self._name, ConsistentRead=True).get("Item")
        return _seen(found) if found else None

    def take(self, owner: str, purpose: str, now: datetime) -> Lease | None:
        """One conditional write; None when somebody else holds the lock."""
        try:
            found = self._calls.update_item(
                TableName=self.table,
                Key=self._name,
                UpdateExpression="SET #owner = :owner, #purpose = :purpose, #expires = :until ADD #token :one",
                ConditionExpression="attribute_not_exists(#expires) OR #expires <= :now OR #owner = :owner",
                ExpressionAttributeNames=_names("owner", "purpose", "expires", "token"),
                ExpressionAttributeValues={
                    ":owner": {"S": owner},
                    ":purpose": {"S": purpose},
                    ":until": _time(until(now)),
                    ":now": _time(now),
                    ":one": {"N": "1"},
                },
                ReturnValues="ALL_NEW",
            )
        except AwsError as error:
            if error.code == REFUSED:
                return None
            raise
        seen = _seen(found["Attributes"])
        return Lease(owner, purpose, seen.token, seen.expires)

    def renew(self, lease: Lease, now: datetime) -> Lease | None:
        """The heartbeat; None when the lease is no longer ours."""
        if not self._if_mine(lease, until(now)):
            return None
        return Lease(lease.owner, lease.purpose, lease.token, until(now))

    def give_back(self, lease: Lease) -> bool:
        """Ends our lease; the item stays, so that its token only grows."""
        return self._if_mine(lease, datetime.fromtimestamp(0, UTC))

    def break_(self, seen: LeaseSeen) -> bool:
        """Ends the lease that was seen; False when somebody else's is there by now."""
        try:
            self._calls.update_item(
                TableName=self.table,
                Key=self._name,
                UpdateExpression="SET #expires = :zero ADD #token :one",
                ConditionExpression="#owner = :owner AND #token = :token",
                ExpressionAttributeNames=_names("owner", "expires", "token"),
                ExpressionAttributeValues={
                    ":zero": {"N": "0"},
                    ":one": {"N": "1"},
                    ":owner": {"S": seen.owner},
                    ":token": {"N": str(seen.token)},
                },
            )
        except AwsError as error:
            if error.code != REFUSED:
                raise
            there = self.look() if error.retried else None
            return there is not None and (there.owner, there.token) == (seen.owner, seen.token + 1)
        return True

    def _if_mine(self, lease: Lease, expires: datetime) -> bool:
        try:
            self._calls.update_item(
                TableName=self.table,
                Key=self._name,
                UpdateExpression="SET #expires = :until",
                ConditionExpression="#owner = :owner AND #token = :token",
                ExpressionAttributeNames=_names("owner", "expires", "token"),
                ExpressionAttributeValues={
                    ":owner": {"S": lease.owner},
                    ":token": {"N": str(lease.token)},
                    ":until": _time(expires),
                },
            )
        except AwsError as error:
            if error.code == REFUSED:
                return False
            raise
        return True

    @property
    def _name(self) -> dict[str, Any]:
        return {KEY: {"S": self.key}}


def _names(*names: str) -> dict[str, str]:
    return {f"#{name}": name for name in names}


def _time(at: datetime) -> dict[str, str]:
    return {"N": str(int(at.timestamp()))}


def _seen(item: dict[str, Any]) -> LeaseSeen:
    return LeaseSeen(
        owner=item.get("owner", {}).get("S", ""),
        purpose=item.get("purpose", {}).get("S", ""),
        expires=datetime.fromtimestamp(int(item.get("expires", {}).get("N", "0")), UTC),
        token=int(item.get("token", {}).get("N", "0")),
    )
