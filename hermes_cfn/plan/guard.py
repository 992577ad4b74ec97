"""What AWS's own change set would do, against what the plan showed.

The plan reads the resource schemas; CloudFormation decides.  Where it would replace or remove
more than was shown, nobody agreed to that.
https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_ResourceChange.html
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from hermes_cfn.errors import Finding, hermes
from hermes_cfn.plan.model import Change, Plan


def unplanned(plan: Plan, stack: str, changes: Sequence[Mapping[str, Any]], reverts: bool = False) -> Iterator[Finding]:
    """``replacement-unplanned`` and ``data-at-risk``: resources whose end the plan did not show.

    ``changes`` are the ``ResourceChange`` of the change set for the stack with that key.  A
    logical ID that was named by ``--replace`` may go.  ``reverts``: changes by hand are put back, which no plan shows: what
    AWS says of resources that only refer to one that stays is no replacement.
    """
    shown = {change.logical_id: change for change in plan.changes if change.stack == stack}
    for change in changes:
        name = str(change["LogicalResourceId"])
        if name in plan.replace:
            continue
        fate, planned = _fate(change), shown.get(name)
        if not fate or (fate == "perhaps replace" and planned is not None and planned.stays):
            continue
        if reverts and fate == "perhaps replace" and planned is None and _refers_to_what_stays(change, changes):
            continue
        if planned is None or not (planned.replaced or planned.action == "Remove"):
            yield _finding(
                "replacement-unplanned", stack, change, f"AWS would {fate} it, and the plan did not show that"
            )
        elif fate == "replace" and planned.replacement == "Conditional" and _holds(planned):
            yield _finding("data-at-risk", stack, change, "AWS would replace it, and its data goes with it")


def _fate(change: Mapping[str, Any]) -> str:
    if change.get("Action") == "Remove":
        return "remove"
    return {"True": "replace", "Conditional": "perhaps replace"}.get(str(change.get("Replacement", "")), "")


def _refers_to_what_stays(change: Mapping[str, Any], changes: Sequence[Mapping[str, Any]]) -> bool:
    """Whether all that could replace it are references (``Log.Arn``) to resources that are changed in place."""
    fates = {str(one["LogicalResourceId"]): _fate(one) for one in changes}
    details = [
        one for one in change.get("Details", ()) if one.get("Target", {}).get("RequiresRecreation", "Never") != "Never"
    ]
    causes = {str(one.get("CausingEntity", "")).partition(".")[0] for one in details}
    return bool(causes) and all(fates.get(cause, "unknown") == "" for cause in causes)


def _holds(planned: Change) -> bool:
    return planned.data and not planned.policy.endswith(("Retain", "Snapshot"))


def _finding(code: str, stack: str, change: Mapping[str, Any], what: str) -> Finding:
    causes = [
        f"{detail.get('Target', {}).get('Path') or detail.get('Target', {}).get('Name', '')}"
        f"{' by ' + detail['CausingEntity'] if detail.get('CausingEntity') else ''}"
        for detail in change.get("Details", ())
        if detail.get("Target", {}).get("RequiresRecreation", "Never") != "Never"
    ]
    return Finding(
        code,
        f"{stack}/{change['LogicalResourceId']}",
        f"{change.get('ResourceType', 'resource')}: {what}",
        why=", ".join(causes),
        next=(
            "look at it with "
            + hermes("plan", "--change-set")
            + f"; --replace {change['LogicalResourceId']}, if it may"
        ),
    )
