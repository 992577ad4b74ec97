"""Rows of the permission table as policy statements, through awacs."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from awacs.aws import Statement

from hermes_cfn.config import Settings
from hermes_cfn.permissions import Permission
from hermes_cfn.places import places
from hermes_cfn.stacks.common import text
from hermes_cfn.stacks.roles import allow


def statements(rows: Iterable[Permission], settings: Settings) -> list[Statement]:
    """One statement for each row that these settings need, in the order of the table."""
    known = places(settings)
    found = []
    for number, row in enumerate(rows, start=1):
        if not row.needed(settings):
            continue
        resources = [text(arn) for name in row.on for arn in known[name]]
        found.append(allow(_sid(row, number), row.actions, resources, filled(row, settings) or None))
    return found


def _sid(row: Permission, number: int) -> str:
    words = re.findall(r"[A-Za-z0-9]+", row.actions[0])
    return "".join(word[:1].upper() + word[1:] for word in words) + str(number)


def filled(row: Permission, settings: Settings) -> dict[str, dict[str, Any]]:
    """The condition of a row for these settings, as a template spells it."""

    def spelled(value: object) -> Any:
        if isinstance(value, list):
            return [spelled(item) for item in value]
        return text(value) if isinstance(value, str) else value

    return {test: {key: spelled(value) for key, value in tests.items()} for test, tests in row.filled(settings).items()}
