"""What the API's own model says of a request's values, and how long answers are.

The constraints (lengths, patterns, enumerations) are those of the API reference, as botocore carries them.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any

from hermes_cfn.local.cloudformation.requests import validation
from hermes_cfn.local.misfits import misfit
from hermes_cfn.local.wire import model

PAGE = 100
"""Items in an answer; AWS publishes no number, only that there is a next token."""
_LISTS = {
    "DescribeStacks": "Stacks",
    "ListStacks": "StackSummaries",
    "DescribeStackEvents": "StackEvents",
    "DescribeEvents": "OperationEvents",
    "ListStackResources": "StackResourceSummaries",
    "DescribeStackResourceDrifts": "StackResourceDrifts",
    "ListChangeSets": "Summaries",
    "ListExports": "Exports",
    "ListImports": "Imports",
}
_NEWEST_FIRST = frozenset({"DescribeStacks", "ListStacks", "DescribeStackEvents", "DescribeEvents"})
_TEMPLATES = frozenset({"TemplateBody", "TemplateURL"})
"""Their own limits stand in ``requests``."""


def check(action: str, params: Mapping[str, Any]) -> None:
    """Raises ServiceError for the first value that the API does not take."""
    shape = model("cloudformation").operation_model(action).input_shape
    for name, value in params.items():
        member = shape.members.get(name) if shape is not None else None
        problem = misfit(member, value) if member is not None and name not in _TEMPLATES else ""
        if problem:
            shown = f"[{', '.join(map(str, value))}]" if isinstance(value, list) else value
            raise validation(
                f"1 validation error detected: Value '{shown}' at '{name[0].lower()}{name[1:]}' failed to satisfy "
                f"constraint: Member must {problem}"
            )
    if action == "CreateStack" and len(params["StackName"]) > 128:
        raise validation(
            f"1 validation error detected: Value '{params['StackName']}' at 'stackName' failed to satisfy constraint: "
            "Member must have length less than or equal to 128"
        )


def page(action: str, params: Mapping[str, Any], result: dict[str, Any]) -> dict[str, Any]:
    """One page of an answer that is a list, with the token of the next."""
    key = _LISTS.get(action)
    if key is None:
        return result
    items, size, token = result[key], int(params.get("MaxResults") or PAGE), params.get("NextToken")
    newest_first = action in _NEWEST_FIRST
    mark = _mark(token) if token else len(items) if newest_first else 0
    begin = len(items) - mark if newest_first else mark
    if not 0 <= begin <= len(items):
        raise validation("The specified next token is invalid.")
    end = begin + size
    found = {**result, key: items[begin:end]}
    if end < len(items):
        found["NextToken"] = base64.b64encode(str(len(items) - end if newest_first else end).encode()).decode()
    return found


def _mark(token: str) -> int:
    """Where a page begins: items before it or, with the newest first, those from it on, for meanwhile more may come."""
    try:
        return int(base64.b64decode(token, validate=True))
    except (binascii.Error, ValueError):
        raise validation("The specified next token is invalid.") from None
