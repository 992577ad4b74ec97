"""A plan for people: text for the console, Markdown for a pull request."""

from __future__ import annotations

from collections.abc import Iterator

from hermes_cfn.errors import Finding
from hermes_cfn.plan.model import Plan, StackPlan
from hermes_cfn.units import dollars, duration


def lines(plan: Plan) -> Iterator[str]:
    """The plan, line by line."""
    for stack in plan.stacks:
        yield from _stack(stack)
    yield ""
    yield from summary(plan)
    for finding in plan.findings:
        yield from _finding(finding)


def parts(plan: Plan) -> dict[str, list[str]]:
    """The plan's lines by the stack's key, and last, under no key, what it means."""
    return {**{stack.key: list(_stack(stack)) for stack in plan.stacks}, "": list(summary(plan))}


def _stack(stack: StackPlan) -> Iterator[str]:
    about = f" (about {duration(stack.seconds)})" if stack.seconds else ""
    yield f"{stack.name}: {stack.action}{about}"
    for parameter in stack.parameters:
        yield f"    {parameter.path}: {parameter.before or '(none)'} -> {parameter.after}"
    for change in stack.changes:
        goes = change.replacement == "True" or change.perhaps_replaced or change.action == "Remove"
        fate = f"  [{change.policy}]" if change.policy and goes else ""
        yield f"  {change.sign} {change.logical_id}  {change.resource_type}{fate}"
        for shown in change.details:
            note = "  (replaces)" if shown.replaces and goes else ""
            cause = f"  (by {shown.cause})" if shown.cause else ""
            yield f"      {shown.path}: {shown.before or '(none)'} -> {shown.after or '(none)'}{note}{cause}"
    for reason in stack.waits_for:
        yield f"    … {reason}"


def summary(plan: Plan) -> Iterator[str]:
    """What it means: changes, bill, interruption, time, release."""
    yield counts(plan)
    if plan.bill is not None:
        sign = "+" if plan.bill.monthly >= 0 else ""
        yield (
            f"bill: {dollars(plan.bill.before)} -> {dollars(plan.bill.after)} a month "
            f"({sign}{dollars(plan.bill.monthly)}{_high(plan)})"
        )
        for line in plan.bill.changes:
            yield f"    {line.stack} {line.logical_id}  {line.what}: {dollars(line.before)} -> {dollars(line.after)}"
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


def _finding(finding: Finding) -> Iterator[str]:
    """What would fail or should be known, and on a line of its own what to type."""
    yield f"{finding.severity}: {finding.code}  {finding.where}: {finding.what}"
    if finding.why:
        yield f"    {finding.why}"
    for evidence in finding.evidence.splitlines():
        yield f"    | {evidence}"
    if finding.next:
        yield f"    next: {finding.next}"


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


def markdown(plan: Plan) -> str:
    """The plan as a comment of a pull request."""
    parts = [f"### Plan for {plan.environment}", "", *(f"* {line}" for line in _short(plan)), ""]
    for stack in plan.stacks:
        if stack.action == "unchanged":
            continue
        body = "\n".join(_stack(stack))
        parts += [f"<details><summary>{stack.name}: {stack.action}</summary>", "", "```", body, "```", "", "</details>"]
    return "\n".join(parts) + "\n"


def _short(plan: Plan) -> Iterator[str]:
    for line in summary(plan):
        if not line.startswith("    "):
            yield line
    for finding in plan.findings:
        yield f"{finding.severity}: {finding.code}  {finding}"
