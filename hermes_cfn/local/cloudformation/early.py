"""What CloudFormation finds while it makes a change set, before anything is made.

FAIL refuses the change set (property syntax, names that are taken); WARN lets it be made (a bucket that still has
objects, a registry that still has images: their deletion will fail).  Quotas and AWS Config are not looked at here.
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/validate-stack-deployments.html
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from botocore.exceptions import BotoCoreError, ClientError

from hermes_cfn.cfn.changes import ResourceChange
from hermes_cfn.cfn.conversion import converted
from hermes_cfn.cfn.intrinsics import has_unknown
from hermes_cfn.cfn.schemas import schema
from hermes_cfn.cfn.template import Resource
from hermes_cfn.cfn.validation import violations
from hermes_cfn.local.clients import OWN
from hermes_cfn.local.cloudformation.engine import Engine
from hermes_cfn.local.cloudformation.model import ChangeSet, Stack, Validation
from hermes_cfn.local.providers import HANDLERS
from hermes_cfn.local.providers.base import Failure, Gone

PROPERTY, NAME = "PROPERTY_VALIDATION", "NAME_CONFLICT_VALIDATION"
BUCKET, REGISTRY = "BUCKET_EMPTINESS_VALIDATION", "ECR_REPOSITORY_DELETE_READINESS_VALIDATION"
"""The page names the checks in words; these two names, and PROPERTY's, are formed as NAME_CONFLICT_VALIDATION is."""


def found(engine: Engine, stack: Stack, change_set: ChangeSet, changes: Iterable[ResourceChange]) -> list[Validation]:
    """Everything that the validations say of ``changes``; of what a rehearsal asks for too."""
    said: list[Validation] = []
    for change in changes:
        if change.action == "Remove":
            said += _remains(engine, stack, change.logical_id)
            continue
        why = engine.refuses(change.logical_id)
        if why:
            said.append(_says(change, NAME, why))
        resource = change_set.after.get(change.logical_id)
        if resource is None or change.action not in ("Add", "Modify"):
            continue
        said += _misfits(change, resource, stack.region)
        if change.action == "Add" and (there := _taken(engine, stack, resource)):
            what = f"Resource of type '{change.resource_type}' with identifier '{there}' already exists."
            said.append(_says(change, NAME, what))
    return said


def _says(change: ResourceChange, name: str, why: str, path: str = "") -> Validation:
    return Validation(
        change.logical_id, change.resource_type, name, "FAIL", why, f"/Resources/{change.logical_id}{path}"
    )


def _misfits(change: ResourceChange, resource: Resource, region: str) -> Iterator[Validation]:
    known = schema(resource.type, region)
    if known is None:
        return
    for said in violations(converted(resource.properties, known), known):
        path, _, why = said.partition(": ")
        yield _says(change, PROPERTY, f"#{path.removeprefix('#')}: {why}", f"/Properties{path.removeprefix('#')}")


def _taken(engine: Engine, stack: Stack, resource: Resource) -> str:
    """The physical ID of what has the resource's name already; empty where that cannot be said."""
    handler = HANDLERS[resource.type]
    if has_unknown(resource.properties):
        named: Mapping[str, object] = {k: v for k, v in resource.properties.items() if not has_unknown(v)}
    else:
        named = resource.properties
    try:
        return handler.prior(engine.context(stack, resource, OWN), named) or ""
    except (ClientError, BotoCoreError, Failure, Gone, KeyError):
        return ""


def _remains(engine: Engine, stack: Stack, logical_id: str) -> Iterator[Validation]:
    live = stack.live.get(logical_id)
    if live is None or not live.physical_id or live.resource.deletion_policy != "Delete":
        return
    door, path = engine.door(OWN), f"/Resources/{logical_id}"
    try:
        if live.type == "AWS::S3::Bucket":
            held = door("s3", stack.region).list_objects_v2(Bucket=live.physical_id, MaxKeys=1).get("KeyCount", 0)
            why = f"The bucket {live.physical_id} is not empty: it cannot be deleted until it is."
            name = BUCKET
        elif live.type == "AWS::ECR::Repository" and not live.resource.properties.get("EmptyOnDelete"):
            held = len(door("ecr", stack.region).list_images(repositoryName=live.physical_id).get("imageIds", ()))
            why = f"The repository {live.physical_id} still has images: it cannot be deleted until they are gone."
            name = REGISTRY
        else:
            return
    except (ClientError, BotoCoreError):
        return
    if held:
        yield Validation(logical_id, live.type, name, "WARN", why, path)
