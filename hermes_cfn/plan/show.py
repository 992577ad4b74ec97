"""A plan for people: text for the console, Markdown for a pull request."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from itertools import groupby

from hermes_cfn.errors import Advice, Finding
from hermes_cfn.plan.model import Change, Plan, StackPlan
from hermes_cfn.units import dollars, duration

Typed = Callable[[str | Advice], str]
"""How what is to be typed next is written: with which options of the run."""

FOLDS_ABOVE = 30
"""Resources of a plan that are shown one by one; in a larger plan what is harmless is folded by type."""

NAMED = 3
"""Names that a folded line has; as many resources of a type are not folded."""

SIGNS = ("data", "±", "-", "?", "~", "<", "+")
"""The signs of a change, the most dangerous first."""

DEAREST = 8
"""Lines of the bill that a folded plan shows."""


def lines(plan: Plan, fold: bool = False, typed: Typed = str) -> Iterator[str]:
    """The plan, line by line, the most dangerous changes of a stack first.

    With ``fold``, a plan of more than :data:`FOLDS_ABOVE` resources has one line for each type that is only added or
    changed in place, and the dearest lines of the bill.  Whatever is replaced or removed is always shown by itself.
    """
    folded = fold and len(plan.changes) > FOLDS_ABOVE
    for stack in plan.stacks:
        yield from _stack(stack, folded)
    yield ""
    yield from summary(plan, folded)
    for finding in plan.findings:
        yield from _finding(finding, typed)
    if folded:
        yield "folded: what is only added or changed in place; --all shows each resource and each line of the bill"


def parts(plan: Plan) -> dict[str, list[str]]:
    """The plan's lines by the stack's key, and last, under no key, what it means."""
    return {**{stack.key: list(_stack(stack)) for stack in plan.stacks}, "": list(summary(plan))}


def danger(change: Change) -> int:
    """What is shown first has the smallest: data that goes, replaced, removed, perhaps replaced, changed, added."""
    return 0 if change.loses_data else SIGNS.index(change.sign)


def _stack(stack: StackPlan, folded: bool = False) -> Iterator[str]:
    about = f" (about {duration(stack.seconds)})" if stack.seconds else ""
    yield f"{stack.name}: {stack.action}{about}"
    for parameter in stack.parameters:
        yield f"    {parameter.path}: {parameter.before or '(none)'} -> {parameter.after}"
    for rank, ranked in groupby(sorted(stack.changes, key=danger), key=danger):
        same = list(ranked)
        if folded and rank >= SIGNS.index("~"):
            yield from _by_type(same)
        else:
            for change in same:
                yield from _change(change)
    for reason in stack.waits_for:
        yield f"    … {reason}"


def _change(change: Change) -> Iterator[str]:
    goes = change.replacement == "True" or change.perhaps_replaced or change.action == "Remove"
    fate = f"  [{change.policy}]" if change.policy and goes else ""
    yield f"  {change.sign} {change.logical_id}  {change.resource_type}{fate}"
    for shown in change.details:
        note = "  (replaces)" if shown.replaces and goes else ""
        cause = f"  (by {shown.cause})" if shown.cause else ""
        yield f"      {shown.path}: {shown.before or '(none)'} -> {shown.after or '(none)'}{note}{cause}"


def _by_type(same: Sequence[Change]) -> Iterator[str]:
    """One line for each type with more than :data:`NAMED` resources: how many, and the names of the first of them."""
    by_type: dict[str, list[Change]] = {}
    for change in same:
        by_type.setdefault(change.resource_type, []).append(change)
    for kind, changes in by_type.items():
        if len(changes) <= NAMED:
            for change in changes:
                yield from _change(change)
            continue
        names = ", ".join(change.logical_id for change in changes[:NAMED])
        paths = ", ".join(dict.fromkeys(shown.path for change in changes for shown in change.details))
        yield f"  {changes[0].sign} {len(changes)} × {kind}: {names} and {len(changes) - NAMED} more"
        if paths:
            yield f"      {paths}"


def summary(plan: Plan, folded: bool = False) -> Iterator[str]:
    """What it means: changes, bill, interruption, time, release."""
    yield counts(plan)
    if plan.bill is not None:
        sign = "+" if plan.bill.monthly >= 0 else ""
        yield (
            f"bill: {dollars(plan.bill.before)} -> {dollars(plan.bill.after)} a month "
            f"({sign}{dollars(plan.bill.monthly)}{_high(plan)})"
        )
        shown = plan.bill.changes[:DEAREST] if folded else plan.bill.changes
        for line in shown:
            basis = f" ({line.basis})" if line.basis is not None else ""
            yield f"    {line.stack} {line.logical_id}  {line.what}: {dollars(line.before)} -> {dollars(line.after)}{basis}"
        rest = plan.bill.changes[len(shown) :]
        if rest:
            more = sum((line.monthly for line in rest), Decimal(0))
            yield f"    and {len(rest)} smaller lines, together {'+' if more >= 0 else ''}{dollars(more)}"
    for key in plan.held_back:
        yield f"order: {key} lets go of what it stops having after the stacks that use it have moved"
    yield f"interruption: {interruption(plan)}"
    yield f"time: stacks about {duration(plan.stacks_s)}, rollout about {duration(plan.rollout_s)}"
    if plan.release_next:
        yield (
            f"release: {plan.release_now or 'none yet'} -> {plan.release_next} ({plan.strategy})"
            if plan.release_now != plan.release_next
            else f"release: {plan.release_now} stays"
        )


def _finding(finding: Finding, typed: Typed) -> Iterator[str]:
    """What would fail or should be known, and on a line of its own what to type."""
    yield f"{finding.severity}: {finding.code}  {finding.where}: {finding.what}"
    if finding.why:
        yield f"    {finding.why}"
    for evidence in finding.evidence.splitlines():
        yield f"    | {evidence}"
    if finding.next:
        yield f"    next: {typed(finding.next)}"


def _high(plan: Plan) -> str:
    high = plan.bill_high
    return "" if plan.bill is None or high is None or high == plan.bill.after else f"; P90 {dollars(high)}"


def counts(plan: Plan) -> str:
    """One line: how many resources are added, changed, replaced and removed."""
    if plan.empty:
        return "nothing to do: what is deployed is what is wanted"
    found = {"add": 0, "change": 0, "replace": 0, "remove": 0, "perhaps": 0}
    for change in plan.changes:
        if change.replacement == "True":
            found["replace"] += 1
        elif change.perhaps_replaced:
            found["perhaps"] += 1
        else:
            found[{"Add": "add", "Import": "add", "Remove": "remove"}.get(change.action, "change")] += 1
    perhaps = f", {found['perhaps']} that AWS may replace" if found["perhaps"] else ""
    return (
        f"resources: {found['add']} to add, {found['change']} to change, {found['replace']} to replace, "
        f"{found['remove']} to remove{perhaps}"
    )


def interruption(plan: Plan) -> str:
    """Who notices, in words."""
    if plan.interruption.kind == "none":
        return "; ".join(("none", *plan.interruption.what))
    seconds = f" for about {duration(plan.interruption.seconds)}" if plan.interruption.seconds else ""
    what = "; ".join(plan.interruption.what)
    if plan.interruption.kind == "data":
        return f"data at risk: {what}"
    return f"yes{seconds}: {what}"


def markdown(plan: Plan, typed: Typed = str) -> str:
    """The plan as a comment of a pull request."""
    parts = [f"### Plan for {plan.environment}", "", *(f"* {line}" for line in _short(plan, typed)), ""]
    for stack in plan.stacks:
        if stack.action == "unchanged":
            continue
        body = "\n".join(_stack(stack))
        parts += [f"<details><summary>{stack.name}: {stack.action}</summary>", "", "```", body, "```", "", "</details>"]
    return "\n".join(parts) + "\n"


def _short(plan: Plan, typed: Typed) -> Iterator[str]:
    for line in summary(plan):
        if not line.startswith("    "):
            yield line
    for finding in plan.findings:
        parts = [
            f"{finding.where}: {finding.what}",
            finding.why,
            f"next: {typed(finding.next)}" if finding.next else "",
        ]
        yield f"{finding.severity}: {finding.code}  {' — '.join(part for part in parts if part)}"
