"""A value as TOML writes it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date, time
from decimal import Decimal
from typing import Any


def toml(value: Any) -> str:
    """A value as TOML writes it; None, which TOML has no word for, as ``not set``."""
    match value:
        case None:
            return "not set"
        case bool():
            return "true" if value else "false"
        case int() | float() | Decimal():
            return str(value)
        case date() | time():
            return value.isoformat()
        case str():
            return json.dumps(value, ensure_ascii=False)
        case Mapping():
            return "{ " + ", ".join(f"{key} = {toml(item)}" for key, item in value.items()) + " }" if value else "{}"
        case _:
            return "[" + ", ".join(toml(item) for item in value) + "]"
