"""A plan on file: what was observed and what will be done, compared with the same made anew."""

from __future__ import annotations

import difflib
import json
from typing import Any

from hermes_cfn.errors import ExitCode, Finding, HermesError
from hermes_cfn.plan.model import Plan, as_data

VERSION = 1


def text(plan: Plan) -> str:
    """The record; durations and findings of age are told, not compared."""
    return json.dumps({"version": VERSION, "plan": as_data(plan)}, indent=2, sort_keys=True) + "\n"


def compare(recorded: str, plan: Plan) -> None:
    """Raises HermesError ``plan-changed`` with the difference, or ``plan-unreadable``."""
    try:
        content = json.loads(recorded)
        before = content["plan"]
    except (ValueError, TypeError, KeyError) as error:
        raise HermesError(
            Finding(
                "plan-unreadable", "--plan", f"this is no recorded plan: {error}", next="hermes-cfn plan --out FILE"
            ),
            exit_code=ExitCode.USAGE,
        ) from error
    old, new = _compared(before), _compared(as_data(plan))
    if old == new:
        return
    difference = "\n".join(
        difflib.unified_diff(_lines(old), _lines(new), "what was planned", "what would be done now", lineterm="", n=2)
    )
    raise HermesError(
        Finding(
            "plan-changed",
            "--plan",
            "what would be done now is not what was planned; nothing was touched",
            evidence=difference,
            next="hermes-cfn plan --out FILE, look at it again, deploy --plan FILE",
        ),
        exit_code=ExitCode.REFUSED,
    )


def _compared(data: dict[str, Any]) -> dict[str, Any]:
    kept = {key: value for key, value in data.items() if key not in {"seconds", "findings"}}
    kept["errors"] = [f["code"] for f in data.get("findings", ()) if f.get("severity") == "error"]
    return kept


def _lines(data: dict[str, Any]) -> list[str]:
    return json.dumps(data, indent=1, sort_keys=True).splitlines()
