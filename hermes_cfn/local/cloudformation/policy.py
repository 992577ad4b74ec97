"""Stack policies: what an update may not touch.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/protect-stack-resources.html
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any

from hermes_cfn.local.wire import ServiceError


def parsed(text: str) -> Mapping[str, Any]:
    """A policy from its text.  Raises :class:`ServiceError` for what is none."""
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    if not isinstance(found, Mapping) or not _many(found.get("Statement")):
        raise ServiceError("ValidationError", "Error validating stack policy: Invalid stack policy")
    return found


def denial(policy: Mapping[str, Any] | None, logical_id: str, resource_type: str, action: str) -> str:
    """Why ``action`` (``Update:Modify``, ``Update:Replace``, ``Update:Delete``) is denied; empty if it is not.

    With a policy everything is denied that no statement allows; without one nothing is.
    """
    if policy is None:
        return ""
    hits = [
        (number, statement)
        for number, statement in enumerate(_many(policy.get("Statement")), start=1)
        if _applies(statement, logical_id, resource_type, action)
    ]
    denying = [number for number, statement in hits if statement.get("Effect") == "Deny"]
    if hits and not denying:
        return ""
    because = f"Statement [#{denying[0]}] does not allow" if denying else "no statement allows"
    return f"Action denied by stack policy: {because} [{action}] for resource [LogicalResourceId/{logical_id}]"


def _applies(statement: Mapping[str, Any], logical_id: str, resource_type: str, action: str) -> bool:
    name = f"LogicalResourceId/{logical_id}"
    if "NotAction" in statement:
        acts = not any(fnmatchcase(action, pattern) for pattern in _many(statement["NotAction"]))
    else:
        acts = any(fnmatchcase(action, pattern) for pattern in _many(statement.get("Action")))
    if "NotResource" in statement:
        meant = not any(fnmatchcase(name, pattern) for pattern in _many(statement["NotResource"]))
    else:
        meant = any(fnmatchcase(name, pattern) for pattern in _many(statement.get("Resource", "*")))
    return acts and meant and _type_matches(statement.get("Condition", {}), resource_type)


def _type_matches(conditions: Mapping[str, Any], resource_type: str) -> bool:
    for operator, wanted in conditions.items():
        patterns = _many(wanted.get("ResourceType"))
        fits = any(fnmatchcase(resource_type, pattern) for pattern in patterns)
        if fits == operator.startswith("StringNot"):
            return False
    return True


def _many(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]
