"""What a plan is made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from hermes_cfn.bill.lines import Difference
from hermes_cfn.cfn.values import Unknown
from hermes_cfn.deployment import Json, StackSpec
from hermes_cfn.errors import Finding, Severity

MASKED = "********"


@dataclass(frozen=True, slots=True)
class Deployed:
    """A stack as it was observed; ``status`` is None where there is none.

    ``parameters`` are as CloudFormation shows them: a NoEcho value is asterisks.  ``drift`` is
    what AWS last knew of it.  An output that a plan changes is Unknown to the stacks that it feeds.
    """

    status: str | None = None
    template: Mapping[str, Json] | None = None
    parameters: Mapping[str, str] = field(default_factory=dict)
    outputs: Mapping[str, str | Unknown] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    commit: str = ""
    drift: str = ""

    @property
    def there(self) -> bool:
        return self.status is not None and self.template is not None


@dataclass(frozen=True, slots=True)
class Shown:
    """One property before and after, as text; secrets masked."""

    path: str
    before: str
    after: str
    replaces: bool
    cause: str = ""


@dataclass(frozen=True, slots=True)
class Change:
    """What happens to one resource.  ``data``: its type holds data; ``policy``: what becomes of the old one.

    ``stays``: why a replacement that AWS calls conditional does not come.
    """

    action: str
    stack: str
    logical_id: str
    resource_type: str
    replacement: str = ""
    details: tuple[Shown, ...] = ()
    policy: str = ""
    data: bool = False
    stays: str = ""

    @property
    def perhaps_replaced(self) -> bool:
        """AWS may replace it, and nobody can tell before."""
        return self.replacement == "Conditional" and not self.stays

    @property
    def replaced(self) -> bool:
        """It is, or may be, replaced."""
        return self.replacement == "True" or self.perhaps_replaced

    @property
    def sign(self) -> str:
        """``+`` added, ``~`` changed, ``±`` replaced, ``?`` perhaps replaced, ``-`` removed."""
        if self.replacement == "True":
            return "±"
        if self.perhaps_replaced:
            return "?"
        return {"Add": "+", "Remove": "-", "Import": "<"}.get(self.action, "~")

    @property
    def loses_data(self) -> bool:
        """Its data goes with it."""
        gone = self.action == "Remove" or self.replacement == "True"
        return (
            self.data and gone and self.policy not in {"Retain", "ReplaceAndRetain", "Snapshot", "ReplaceAndSnapshot"}
        )


@dataclass(frozen=True, slots=True)
class StackPlan:
    """What happens to one stack: ``create``, ``update``, ``unchanged``, ``recreate`` or ``continue``.

    ``status`` and ``commit`` are those that were observed, empty where there is no stack.  ``findings``: what
    CloudFormation or a service would refuse in it.
    """

    key: str
    name: str
    region: str
    action: str
    changes: tuple[Change, ...] = ()
    parameters: tuple[Shown, ...] = ()
    seconds: float = 0.0
    waits_for: tuple[str, ...] = ()
    status: str = ""
    commit: str = ""
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True)
class Interruption:
    """Who notices.  ``kind``: ``none``, ``instances`` or ``data``; ``seconds`` with nobody in service."""

    kind: str
    seconds: float = 0.0
    what: tuple[str, ...] = ()


@dataclass(frozen=True)
class Plan:
    """What would be done, and what it means.  ``findings`` of severity error would make it fail.

    ``image`` and ``replace`` are what was asked for: the image to release, and the logical IDs
    whose replacement was agreed to.  ``bill_high`` is the P90 of the bill after it, in USD a month.
    ``lookups`` are the looked-up values that it was made with, and that are deployed with it.
    ``held_back``: stacks as they are first, until those that use what they stop having have moved (``plan.handover``).
    ``read``: from when to when, service time, AWS was asked what is there; None for a plan made offline.
    """

    environment: str
    stacks: tuple[StackPlan, ...]
    interruption: Interruption
    stacks_s: float
    rollout_s: float
    release_now: str = ""
    release_next: str = ""
    strategy: str = ""
    bill: Difference | None = None
    bill_high: Decimal | None = None
    findings: tuple[Finding, ...] = ()
    commit: str = ""
    image: str = ""
    replace: frozenset[str] = frozenset()
    lookups: Mapping[str, str] = field(default_factory=dict)
    held_back: Mapping[str, StackSpec] = field(default_factory=dict)
    read: tuple[datetime, datetime] | None = field(default=None, compare=False)

    @property
    def changes(self) -> tuple[Change, ...]:
        return tuple(change for stack in self.stacks for change in stack.changes)

    @property
    def empty(self) -> bool:
        """Nothing would be done."""
        return not self.stacks_changed and self.release_now == self.release_next

    @property
    def stacks_changed(self) -> bool:
        return any(stack.action != "unchanged" for stack in self.stacks)

    @property
    def errors(self) -> tuple[Finding, ...]:
        return tuple(finding for finding in self.findings if finding.severity is Severity.ERROR)

    @property
    def replacements(self) -> frozenset[tuple[str, str]]:
        """(stack, logical ID) of everything that may be replaced: what a change set may replace."""
        return frozenset((change.stack, change.logical_id) for change in self.changes if change.replaced)


def as_data(plan: Plan) -> dict[str, Any]:
    """A plan as JSON can carry it; the same plan gives the same data."""
    bill = plan.bill
    return {
        "environment": plan.environment,
        "commit": plan.commit,
        "asked": {"image": plan.image, "replace": sorted(plan.replace)},
        "release": {"now": plan.release_now, "next": plan.release_next, "strategy": plan.strategy},
        "stacks": [
            {
                "key": stack.key,
                "name": stack.name,
                "region": stack.region,
                "action": stack.action,
                "status": stack.status,
                "commit": stack.commit,
                "seconds": round(stack.seconds, 1),
                "waits_for": list(stack.waits_for),
                "parameters": [_shown(shown) for shown in stack.parameters],
                "changes": [
                    {
                        "action": change.action,
                        "logical_id": change.logical_id,
                        "type": change.resource_type,
                        "replacement": change.replacement,
                        "stays": change.stays,
                        "policy": change.policy,
                        "data_at_risk": change.loses_data,
                        "properties": [_shown(shown) for shown in change.details],
                    }
                    for change in stack.changes
                ],
            }
            for stack in plan.stacks
        ],
        "bill": {
            "before": str(bill.before),
            "after": str(bill.after),
            "monthly": str(bill.monthly),
            "after_p90": str(plan.bill_high) if plan.bill_high is not None else None,
            "lines": [
                {
                    "stack": line.stack,
                    "logical_id": line.logical_id,
                    "what": line.what,
                    "before": str(line.before),
                    "after": str(line.after),
                    "basis": line.basis,
                }
                for line in bill.changes
            ],
        }
        if bill
        else None,
        "interruption": {
            "kind": plan.interruption.kind,
            "seconds": round(plan.interruption.seconds, 1),
            "what": list(plan.interruption.what),
        },
        "seconds": {"stacks": round(plan.stacks_s, 1), "rollout": round(plan.rollout_s, 1)},
        "findings": [finding.as_dict() for finding in plan.findings],
    }


def _shown(shown: Shown) -> dict[str, Any]:
    return {
        "path": shown.path,
        "before": shown.before,
        "after": shown.after,
        "replaces": shown.replaces,
        "cause": shown.cause,
    }
