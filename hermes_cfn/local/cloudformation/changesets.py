"""Change sets: what would change, without changing it.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-updating-stacks-changesets.html
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/import-resources-automatically.html
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/drift-aware-change-sets.html
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator, Mapping, Set
from dataclasses import replace
from typing import Any

from botocore.exceptions import ClientError

from hermes_cfn.cfn.changes import PropertyChange, ResourceChange, changes, direct_changes
from hermes_cfn.cfn.intrinsics import Unknown, active_resources, outputs
from hermes_cfn.cfn.refusal import invalid
from hermes_cfn.cfn.schemas import schema
from hermes_cfn.cfn.statuses import NO_CHANGES
from hermes_cfn.cfn.template import Resource
from hermes_cfn.errors import HermesError
from hermes_cfn.local.cloudformation import drift, early
from hermes_cfn.local.cloudformation.engine import Engine
from hermes_cfn.local.cloudformation.model import ChangeSet, Request, Stack, StackOperation
from hermes_cfn.local.cloudformation.requests import secrets_of, validation
from hermes_cfn.local.providers import HANDLERS
from hermes_cfn.local.providers.base import Gone, reason

_KEEP = ("Retain", "RetainExceptOnCreate")
EARLY_CHECKS = ("AWS::EarlyValidation::ResourceExistenceCheck", "AWS::EarlyValidation::PropertyValidation")
EARLY = (
    "The following hook(s)/validation failed: [{}]. To troubleshoot Early "
    "Validation errors, use the DescribeEvents API for detailed failure information."
)
LATER = "{{changeSet:KNOWN_AFTER_APPLY}}"


def compute(engine: Engine, stack: Stack, change_set: ChangeSet) -> None:
    """Fills in the changes, or the reason why there are none."""
    change_set.status = "CREATE_IN_PROGRESS"
    begun = change_set.operation = StackOperation(
        str(uuid.uuid4()), "CREATE_CHANGESET", engine.clock.now(), change_set.request.token
    )
    _compute(engine, stack, change_set)
    begun.end(engine.clock.now(), well=change_set.status == "CREATE_COMPLETE")


def _compute(engine: Engine, stack: Stack, change_set: ChangeSet) -> None:
    try:
        found = difference(engine, stack, change_set)
    except HermesError as error:
        change_set.status, change_set.reason = "FAILED", error.findings[0].what
        return
    change_set.refused = tuple(early.found(engine, stack, change_set, found)) if change_set.validated else ()
    failing = [one for one in change_set.refused if one.mode == "FAIL"]
    if failing:
        checks = [EARLY_CHECKS[one.name == early.PROPERTY] for one in failing]
        change_set.status, change_set.reason = "FAILED", EARLY.format(", ".join(dict.fromkeys(checks)))
        return
    change_set.changes = found
    if not found and not _outputs_differ(engine, stack, change_set.request):
        change_set.status, change_set.reason = "FAILED", NO_CHANGES[0]
        return
    change_set.status, change_set.execution = "CREATE_COMPLETE", "AVAILABLE"


def difference(engine: Engine, stack: Stack, change_set: ChangeSet) -> tuple[ResourceChange, ...]:
    """The changes between what is deployed and what is asked for."""
    request = change_set.request
    if change_set.revert:
        change_set.seen = {name: drift.seen(engine, stack, live, request.session) for name, live in stack.live.items()}
    gone = frozenset(name for name, one in change_set.seen.items() if one.status == "DELETED")
    scope = engine.scope(stack, request, gone)
    after = active_resources(request.template, scope)
    before = {
        name: drift.as_seen(live, change_set.seen[name]) if change_set.revert else live.resource
        for name, live in stack.live.items()
        if name not in gone
    }
    if change_set.import_existing:
        change_set.imports = {**change_set.imports, **_existing(engine, stack, request, before, after)}
    if change_set.kind == "IMPORT":
        _check_import(change_set, before, after)
    found = changes(
        before,
        after,
        stack.region,
        request.template,
        stack.request.tags if stack.request is not None else {},
        request.tags,
        frozenset(change_set.imports),
        stack.request.template if stack.request is not None else None,
    )
    change_set.before, change_set.after = before, after
    if change_set.kind == "IMPORT" and any(change.action != "Import" for change in found):
        raise invalid(
            "You have modified resources ["
            + ", ".join(c.logical_id for c in found if c.action != "Import")
            + "] in your "
            "template that are not being imported. Update, create or delete operations cannot be executed during import "
            "operations."
        )
    if change_set.kind == "IMPORT" and stack.request is not None:
        touched = {name for name in request.template.outputs if name not in stack.request.template.outputs} | {
            name
            for name, output in stack.request.template.outputs.items()
            if request.template.outputs.get(name) != output
        }
        if touched:
            raise invalid(
                f"As part of the import operation, you cannot modify or add [Outputs]: {', '.join(sorted(touched))}"
            )
    real = [_forced(engine, change) for change in found if change.action != "Modify" or change.details]
    return (*real, *_matching(change_set, after, {change.logical_id for change in real}, stack.region))


def _matching(
    change_set: ChangeSet, after: Mapping[str, Resource], changed: Set[str], region: str
) -> Iterator[ResourceChange]:
    """Resources of which the template now says what is really there: they stay as they are, and are drifted no more."""
    for name, one in change_set.seen.items():
        if one.status == "MODIFIED" and name in after and name not in changed:
            details = tuple(direct_changes(one.previous, after[name], schema(after[name].type, region)))
            yield ResourceChange("SyncWithActual", name, after[name].type, details=details)


def _forced(engine: Engine, change: ResourceChange) -> ResourceChange:
    """Replaced in any case, where a rehearsal asks for that."""
    if change.action != "Modify" or not engine.replaces(change.logical_id):
        return change
    details = tuple(replace(detail, requires_recreation="Always") for detail in change.details)
    return replace(change, replacement="True", details=details, policy=change.policy or "ReplaceAndDelete")


def is_empty(engine: Engine, stack: Stack, request: Request) -> bool:
    """Whether UpdateStack would have nothing to do."""
    probe = ChangeSet("", "", "UPDATE", request, engine.clock.now())
    return not difference(engine, stack, probe) and not _outputs_differ(engine, stack, request)


def _outputs_differ(engine: Engine, stack: Stack, request: Request) -> bool:
    """Whether outputs change where no resource does: their values are all known."""
    if stack.request is None or stack.request.template.outputs != request.template.outputs:
        return True
    try:
        return outputs(request.template, engine.scope(stack, request)) != stack.outputs
    except HermesError:
        return True


def _check_import(change_set: ChangeSet, before: Mapping[str, Resource], after: Mapping[str, Resource]) -> None:
    body = change_set.request.template.body["Resources"]
    bare = [name for name in change_set.imports if "DeletionPolicy" not in body.get(name, {})]
    if bare:
        raise invalid(f"Resources [{', '.join(bare)}] to import must have a DeletionPolicy attribute in the template.")
    lacking = [name for name in change_set.imports if name not in after or name in before]
    if lacking:
        raise invalid(f"Resources [{', '.join(lacking)}] to import must be new in the template.")


def _existing(
    engine: Engine, stack: Stack, request: Request, before: Mapping[str, Resource], after: Mapping[str, Resource]
) -> dict[str, str]:
    """Physical IDs of resources that are already there under the custom name that the template gives."""
    found: dict[str, str] = {}
    for name, resource in after.items():
        if name in before or not _says_its_name(request, name, resource.type, stack.region):
            continue
        there = HANDLERS[resource.type].prior(engine.context(stack, resource, request.session), resource.properties)
        if there is None:
            continue
        if resource.deletion_policy not in _KEEP:
            raise invalid(f"Resource {name} exists already; to be imported it needs the DeletionPolicy Retain.")
        owner = next(
            (
                other.name
                for other in engine.stacks.values()
                if any(live.physical_id == there and live.type == resource.type for live in other.live.values())
            ),
            None,
        )
        if owner:
            raise invalid(f"Resource {name} cannot be imported: {there} belongs to the stack {owner}.")
        found[name] = there
    return found


def _says_its_name(request: Request, name: str, kind: str, region: str) -> bool:
    """Whether the template itself says what the resource is called: only then is one that exists taken up.

    "The resource must have a static custom name […] Dynamic names (using !Ref or other functions) are not currently
    supported"; "Primary IDs with read only properties aren't supported".
    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/import-resources-automatically.html
    """
    known, written = schema(kind, region), request.template.resources.get(name)
    if known is None or written is None:
        return False
    paths = known.primary_identifier
    return all(
        path not in known.read_only and isinstance(written.properties.get(path.lstrip("/")), str) for path in paths
    )


def imports_of(params: Mapping[str, Any], engine: Engine, stack: Stack, request: Request) -> dict[str, str]:
    """Physical IDs by logical ID from ResourcesToImport, each of which must exist.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/import-resources.html
    """
    found: dict[str, str] = {}
    for item in params.get("ResourcesToImport") or []:
        name, kind = item["LogicalResourceId"], item["ResourceType"]
        resource = request.template.resources.get(name)
        if resource is None or resource.type != kind:
            raise validation(f"Resources [{name}] to import are not in the template with the type {kind}.")
        known = schema(kind, stack.region)
        wanted = [path.lstrip("/") for path in known.primary_identifier] if known else []
        if sorted(item["ResourceIdentifier"]) != sorted(wanted):
            raise validation(f"Identifier of {name} must have the keys [{', '.join(wanted)}].")
        for key in wanted:
            says = resource.properties.get(key)
            if isinstance(says, str) and says != item["ResourceIdentifier"][key]:
                raise validation(
                    f"Resource {name} cannot be imported: the template has {key} {says}, the resource "
                    f"{item['ResourceIdentifier'][key]}."
                )
        physical_id = "|".join(str(item["ResourceIdentifier"][key]) for key in wanted)
        try:
            HANDLERS[kind].describe(engine.context(stack, resource, request.session), physical_id, resource.properties)
        except Gone:
            raise validation(
                f"Resource {physical_id} of type {kind} to import does not exist in the account and region."
            ) from None
        except ClientError as error:
            raise validation(reason(error)) from error
        found[name] = physical_id
    return found


def shown(engine: Engine, stack: Stack, change_set: ChangeSet, values: bool) -> list[dict[str, Any]]:
    """The changes as DescribeChangeSet gives them, on request with ``values``, which mask NoEcho parameters."""
    secrets = {*secrets_of(change_set.request), *(secrets_of(stack.request) if stack.request is not None else ())}

    def masked(words: str) -> str:
        for secret in secrets:
            words = words.replace(secret, "****")
        return words

    found = []
    for change in change_set.changes:
        shape = _shown_change(change, stack)
        shape["Details"] = [
            one for detail in change.details for one in _shown_detail(detail, masked if values else None)
        ]
        if change_set.revert:
            _show_drift(shape, change_set, change, masked if values else None)
        if values:
            for key, resources in (("BeforeContext", change_set.before), ("AfterContext", change_set.after)):
                if change.logical_id in resources:
                    shape[key] = masked(_context(resources[change.logical_id]))
        found.append({"Type": "Resource", "ResourceChange": shape})
    return found


def _show_drift(
    shape: dict[str, Any], change_set: ChangeSet, change: ResourceChange, masked: Callable[[str], str] | None
) -> None:
    """What a drift-aware change set says beside: whence the values are, and what was there.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_ResourceTargetDefinition.html
    """
    one = change_set.seen.get(change.logical_id)
    if one is None:
        return
    shape["ResourceDriftStatus"] = "UNSUPPORTED" if one.status == "NOT_CHECKED" else one.status
    if one.ignored:
        shape["ResourceDriftIgnoredAttributes"] = [
            {"Path": f"/Properties/{name}", "Reason": "SENSITIVE_PROPERTY"} for name in sorted(one.ignored)
        ]
    if masked is not None:
        shape["PreviousDeploymentContext"] = masked(_context(one.previous))
    known = one.status in ("IN_SYNC", "MODIFIED")
    for detail in shape["Details"]:
        target = detail["Target"]
        target["BeforeValueFrom"] = "ACTUAL_STATE" if known else "PREVIOUS_DEPLOYMENT_STATE"
        target["AfterValueFrom"] = "TEMPLATE"
        if change.action == "SyncWithActual":
            detail["ChangeSource"] = "NoModification"
        if masked is None:
            continue
        if change.action == "SyncWithActual":
            target["AttributeChangeType"] = "SyncWithActual"
        for drifted in one.drifts:
            if f"/Properties{drifted['PropertyPath']}/".startswith(f"{target['Path']}/"):
                target["Drift"] = {
                    "PreviousValue": masked(drifted["ExpectedValue"]),
                    "ActualValue": masked(drifted["ActualValue"]),
                    "DriftDetectionTimestamp": change_set.at,
                }


def _context(resource: Resource) -> str:
    parts = {
        "Properties": resource.properties,
        "Metadata": resource.metadata,
        "CreationPolicy": resource.creation_policy,
        "UpdatePolicy": resource.update_policy,
    }
    return _text({key: value for key, value in parts.items() if value})


def _shown_change(change: ResourceChange, stack: Stack) -> dict[str, Any]:
    live = stack.live.get(change.logical_id)
    shape: dict[str, Any] = {
        "Action": change.action,
        "LogicalResourceId": change.logical_id,
        "ResourceType": change.resource_type,
        "Scope": list(change.scope),
    }
    if change.policy:
        shape["PolicyAction"] = change.policy
    if live is not None:
        shape["PhysicalResourceId"] = live.physical_id
    if change.replacement is not None:
        shape["Replacement"] = change.replacement
    return shape


def _shown_detail(detail: PropertyChange, masked: Callable[[str], str] | None) -> Iterator[dict[str, Any]]:
    """A detail; one that a parameter makes comes twice, as in the user guide's examples of change sets."""
    target: dict[str, Any] = {"Attribute": detail.attribute, "RequiresRecreation": detail.requires_recreation}
    if detail.name and detail.attribute == "Properties":
        target["Name"] = detail.name
    if masked is not None:
        target["Path"] = detail.path
        if not detail.dynamic:
            target["BeforeValue"] = masked(_text(detail.before))
            target["AfterValue"] = masked(_text(detail.after))
        target["AttributeChangeType"] = (
            "Add" if detail.before is None else "Remove" if detail.after is None else "Modify"
        )
    shape: dict[str, Any] = {"Target": target, "Evaluation": "Static", "ChangeSource": detail.source}
    if detail.cause != "direct":
        shape["CausingEntity"] = detail.cause
    if detail.dynamic:
        shape["Evaluation"] = "Dynamic"
    yield shape
    if detail.source == "ParameterReference":
        yield {"Target": target, "Evaluation": "Dynamic", "ChangeSource": "DirectModification"}


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, Unknown):
        return LATER
    if isinstance(value, str):
        return value
    return json.dumps(value, default=lambda unknown: LATER)
