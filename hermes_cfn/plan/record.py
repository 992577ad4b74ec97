"""A plan on file: what was observed and what will be done, compared with the same made anew."""

from __future__ import annotations

import difflib
import hashlib
import json
import re
from dataclasses import dataclass
from typing import Any

from hermes_cfn.cfn.statuses import standing
from hermes_cfn.errors import ExitCode, Finding, HermesError, hermes
from hermes_cfn.plan import show
from hermes_cfn.plan.model import Plan, as_data

VERSION = 3


def text(plan: Plan) -> str:
    """The record; durations and findings of age are told, not compared."""
    content = {"version": VERSION, "hash": digest(plan), "plan": as_data(plan), "said": show.parts(plan)}
    return json.dumps(content, indent=2) + "\n"


def digest(plan: Plan) -> str:
    """Sixteen hexadecimal digits that stand for all that is compared of a plan: what somebody approves."""
    return hashlib.sha256("\n".join(_lines(_compared(as_data(plan), frozenset()))).encode()).hexdigest()[:16]


def is_digest(text: str) -> bool:
    return re.fullmatch(r"[0-9a-f]{16}", text) is not None


def approved(hashed: str, plan: Plan) -> None:
    """Raises HermesError ``plan-changed`` when ``hashed`` is not the plan's."""
    if hashed != digest(plan):
        raise HermesError(
            Finding(
                "plan-changed",
                "--plan",
                f"what would be done now is plan {digest(plan)}, not {hashed}; nothing was touched",
                why="the settings, the release, what is deployed, or what was asked for is another than when it was approved",
                next=hermes("plan") + ", look at it, and approve its hash",
            ),
            exit_code=ExitCode.REFUSED,
        )


@dataclass(frozen=True, slots=True)
class Asked:
    """What a recorded plan was made for."""

    environment: str
    image: str
    replace: frozenset[str]


def asked(recorded: str) -> Asked:
    """Raises HermesError ``plan-unreadable``."""
    data = _read(recorded)["plan"]
    return Asked(str(data["environment"]), str(data["asked"]["image"]), frozenset(data["asked"]["replace"]))


def _read(recorded: str) -> dict[str, Any]:
    """The plan's data, and what was said of it."""
    try:
        content = json.loads(recorded)
        if content["version"] != VERSION:
            raise ValueError(f"its version is {content['version']}, this one reads {VERSION}")
        if not {"environment", "asked", "stacks"} <= set(content["plan"]) or not isinstance(content["said"], dict):
            raise ValueError("it lacks what a plan has")
        return dict(content)
    except (ValueError, TypeError, KeyError) as error:
        raise HermesError(
            Finding(
                "plan-unreadable", "--plan", f"this is no recorded plan: {error}", next=hermes("plan", "--out", "FILE")
            ),
            exit_code=ExitCode.USAGE,
        ) from error


def compare(recorded: str, plan: Plan, done: frozenset[str] = frozenset()) -> None:
    """``done`` are keys of stacks that were deployed since, by this very run: they are not compared.

    Raises HermesError ``plan-changed`` with the difference, or ``plan-unreadable``.
    """
    read = _read(recorded)
    old, new = _compared(read["plan"], done), _compared(as_data(plan), done)
    if old == new:
        return
    difference = _difference(_said(read["said"], done), _said(show.parts(plan), done))
    difference = difference or _difference(_lines(old), _lines(new))
    raise HermesError(
        Finding(
            "plan-changed",
            "--plan",
            "what would be done now is not what was planned; nothing was touched",
            evidence=difference,
            next=hermes("plan", "--out", "FILE") + ", look at it again, deploy --plan FILE",
        ),
        exit_code=ExitCode.REFUSED,
    )


def _compared(data: dict[str, Any], done: frozenset[str]) -> dict[str, Any]:
    """Without durations, and without the findings that only tell something.

    A stack that was on its way then and rests now, or the other way round, is the same: CloudFormation's answers are late.
    """
    kept = {key: value for key, value in data.items() if key not in {"seconds", "findings"}}
    kept["stacks"] = [
        {**stack, "status": standing(str(stack.get("status", "")))}
        for stack in data["stacks"]
        if stack["key"] not in done
    ]
    if done:
        del kept["bill"]
    kept["errors"] = [f["code"] for f in data.get("findings", ()) if f.get("severity") == "error"]
    return kept


def _difference(old: list[str], new: list[str]) -> str:
    return "\n".join(difflib.unified_diff(old, new, "what was planned", "what would be done now", lineterm="", n=1))


def _said(parts: dict[str, list[str]], done: frozenset[str]) -> list[str]:
    """A plan's lines, as people read them."""
    return [line for key, lines in parts.items() if key not in done for line in lines]


def _lines(data: dict[str, Any]) -> list[str]:
    return json.dumps(data, indent=1, sort_keys=True).splitlines()
