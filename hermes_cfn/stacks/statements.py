"""Rows of the permission table as policy statements, through awacs."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from awacs.aws import Statement

from hermes_cfn.config import Settings
from hermes_cfn.names import Names
from hermes_cfn.permissions import Permission, places
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
        found.append(allow(_sid(row, number), row.actions, resources, _filled(row.condition, settings) or None))
    return found


def _sid(row: Permission, number: int) -> str:
    words = re.findall(r"[A-Za-z0-9]+", row.actions[0])
    return "".join(word[:1].upper() + word[1:] for word in words) + str(number)


def _filled(condition: Mapping[str, Mapping[str, object]], settings: Settings) -> dict[str, dict[str, Any]]:
    """Conditions spell region, account and paths in braces."""
    names = Names.of(settings)
    words = {
        "{region}": names.region,
        "{account}": names.account,
        "{secrets_path}": names.secrets_path,
        "{application}": names.application,
        "{environment}": names.environment,
    }

    def fill(value: object) -> Any:
        if isinstance(value, list | tuple):
            return [fill(item) for item in value]
        if not isinstance(value, str):
            return value
        for word, meaning in words.items():
            value = value.replace(word, meaning)
        return text(value)

    return {test: {key: fill(value) for key, value in tests.items()} for test, tests in condition.items()}
