"""``plan --change-set``: what AWS itself says of each stack; every change set is deleted again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from hermes_cfn.aws.calls import DENIED, AwsError
from hermes_cfn.aws.cloudformation import CloudFormation
from hermes_cfn.clock import patience
from hermes_cfn.deciders import stack as decider
from hermes_cfn.deployment import StackSpec
from hermes_cfn.errors import Finding, HermesError, Severity
from hermes_cfn.flows.base.context import DeployContext
from hermes_cfn.flows.stacks.deployer import ChangeSetRequest, early_warning, outputs_of, parameters_of
from hermes_cfn.plan import Plan, guard

AT_MOST_S = 300.0


def of_aws(context: DeployContext, made: Plan) -> Plan:
    """The plan with what AWS's change sets add to it, as findings."""
    outputs = outputs_of(context)
    found: list[Finding] = []
    planned = {stack.key: stack for stack in made.stacks}
    coming = [spec.key for spec in context.deployment if spec.account_wide and planned[spec.key].action == "create"]
    for spec in context.deployment:
        stack = planned[spec.key]
        if stack.action not in {"create", "update"} or stack.status in decider.BUSY:
            continue
        waits = [reason for reason in stack.waits_for if reason.startswith("known after")]
        waits += [] if spec.account_wide else [f"its service role comes with {key}" for key in coming]
        if waits:
            found.append(_told(spec, f"AWS cannot be asked yet: {', '.join(waits)}"))
            continue
        found += _asked(context, made, spec, outputs)
    return replace(made, findings=(*made.findings, *found))


def _asked(context: DeployContext, made: Plan, spec: StackSpec, outputs: dict[str, Any]) -> Iterator[Finding]:
    door = context.clients.cloudformation(spec.region)
    seen = door.observe(spec.name)
    kind = "UPDATE" if seen.status in decider.STEADY else "CREATE"
    parameters = parameters_of(context, spec, outputs, seen.parameters, made.lookups)
    offer = ChangeSetRequest.of(spec, parameters, "plan")
    try:
        offer.make(context, door, kind, context.names.service_role_arn if not spec.account_wide else "")
    except AwsError as error:
        if error.code == "NoSuchBucket" and spec.account_wide:
            yield _told(
                spec, "AWS cannot be asked yet: its template is too large for a request, and the bucket comes with it"
            )
            return
        if error.code not in DENIED:
            _clean(door, spec.name, offer.name, seen.status is None)
        raise
    try:
        ended = _waited(context, door, spec.name, offer.name)
        if ended.empty:
            yield _told(spec, "AWS's change set is empty")
        elif ended.status != "CREATE_COMPLETE":
            yield Finding("change-set-failed", spec.key, f"AWS's change set is {ended.status}", evidence=ended.reason)
        else:
            changes = door.changes(spec.name, offer.name)
            yield from (early_warning(spec.key, one) for one in door.early_warnings(spec.name, offer.name))
            unplanned = list(guard.unplanned(made, spec.key, changes))
            yield from unplanned
            if not unplanned:
                tagged = sum(change.get("Scope") == ["Tags"] for change in changes)
                alone = f", {tagged} of them by their tags alone" if tagged else ""
                yield _told(
                    spec, f"AWS's change set agrees: {len(changes)} resources{alone}, no replacement beyond the plan"
                )
    finally:
        _clean(door, spec.name, offer.name, seen.status is None)


def _waited(context: DeployContext, door: CloudFormation, stack: str, name: str) -> Any:
    waited = 0.0
    while True:
        found = door.change_set(stack, name)
        if found is not None and found.status not in decider.UNREADY:
            return found
        if waited > AT_MOST_S:
            raise HermesError(Finding("change-set-slow", stack, f"no answer within {AT_MOST_S:.0f} s"))
        pause = patience(waited)
        context.clock.sleep(pause)
        waited += pause


def _clean(door: CloudFormation, stack: str, name: str, ours: bool) -> None:
    """The change set goes, and the empty stack that one of kind CREATE leaves in REVIEW_IN_PROGRESS."""
    try:
        door.delete_change_set(stack, name)
    except AwsError as error:
        if error.code not in {"ChangeSetNotFound", "ValidationError"}:
            raise
    if ours and door.observe(stack).status == "REVIEW_IN_PROGRESS":
        door.delete(stack)


def _told(spec: StackSpec, what: str) -> Finding:
    return Finding("change-set", spec.key, what, severity=Severity.INFO)
