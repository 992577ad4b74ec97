"""DynamoDB's time to live: items past their time go, late.

DynamoDB developer guide, "Using time to live (TTL)": "within a few days of their expiration"; what is
more than five years past is left; until then an expired item is read and written like any other.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from hermes_cfn.local.fleet.scheduler import Scheduler
from hermes_cfn.local.moto_side import MotoSide
from hermes_cfn.local.wire import ACCOUNT

LATE_S = 2 * 86400.0
"""Service time from expiration to deletion: a few days."""
OLDEST_S = 5 * 365 * 86400.0
EVERY_S = 60.0


class Expiry:
    """Looks at every table that has a time to live, every minute of service time."""

    def __init__(self, scheduler: Scheduler, moto: MotoSide) -> None:
        self._scheduler, self._moto = scheduler, moto
        scheduler.after(EVERY_S, self._look)

    def _look(self) -> None:
        self._scheduler.after(EVERY_S, self._look)
        from moto.backends import get_backend

        now = self._scheduler.clock.now()
        with self._moto.exclusive():
            for model in list(get_backend("dynamodb")[ACCOUNT].values()):
                for table in model.tables.values():
                    expire(table, now)


def expire(table: Any, now: datetime) -> int:
    """Removes the items of moto's ``table`` whose time is long enough past; how many."""
    if table.ttl.get("TimeToLiveStatus") != "ENABLED":
        return 0
    gone = [item for item in table.all_items() if _past(item, table.ttl["AttributeName"], now)]
    for item in gone:
        table.delete_item(item.hash_key, item.range_key)
    return len(gone)


def _past(item: Any, attribute: str, now: datetime) -> bool:
    value = item.attrs.get(attribute)
    if value is None or value.type != "N":
        return False
    past = now.timestamp() - float(value.value)
    return LATE_S < past < OLDEST_S
