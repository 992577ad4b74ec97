"""What a new template does to what is deployed: added, modified, replaced, removed.

A property named in the schema's create-only list replaces its resource.  A resource that
refers to one that is replaced gets a value nobody knows yet: its change is *dynamic*, and
where that would replace it, CloudFormation says ``Conditional``.
https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_ResourceChange.html
https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_ResourceTargetDefinition.html
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from hermes_cfn.cfn.refusal import invalid
from hermes_cfn.cfn.schemas import ResourceSchema, schema
from hermes_cfn.cfn.template import (
    Reference,
    Resource,
    Template,
    dependencies,
    references,
    resource_references,
)
from hermes_cfn.cfn.values import Unknown

Action = Literal["Add", "Modify", "Remove", "Import", "SyncWithActual"]
Replacement = Literal["True", "False", "Conditional"]
Recreation = Literal["Always", "Conditionally", "Never"]

_ATTRIBUTES = {
    "metadata": "Metadata",
    "creation_policy": "CreationPolicy",
    "update_policy": "UpdatePolicy",
    "deletion_policy": "DeletionPolicy",
    "update_replace_policy": "UpdateReplacePolicy",
}
MISSING = object()
"""Where one side of a difference has nothing."""


@dataclass(frozen=True, slots=True)
class PropertyChange:
    """One difference: ``path`` such as ``/Properties/Port`` or ``/Metadata``.

    ``before`` and ``after`` are None where there is nothing.  ``cause`` is ``direct``, the
    parameter whose value makes it, or the ``LogicalId`` or ``LogicalId.Attribute`` that does;
    then ``dynamic`` holds.
    """

    path: str
    before: Any
    after: Any
    requires_recreation: Recreation
    cause: str = "direct"
    dynamic: bool = False

    @property
    def source(self) -> str:
        """CloudFormation's word for the cause."""
        if self.cause == "direct":
            return "DirectModification"
        if not self.dynamic:
            return "ParameterReference"
        return "ResourceAttribute" if "." in self.cause else "ResourceReference"

    @property
    def attribute(self) -> str:
        """The section of the resource: Properties, Tags, Metadata, a policy."""
        first, _, rest = self.path.lstrip("/").partition("/")
        return "Tags" if first == "Properties" and rest.split("/")[0] == "Tags" else first

    @property
    def name(self) -> str:
        """The top-level property, empty outside Properties."""
        parts = self.path.split("/")
        return parts[2] if len(parts) > 2 and parts[1] == "Properties" else ""


@dataclass(frozen=True, slots=True)
class ResourceChange:
    """What happens to one resource; ``policy`` as in CloudFormation's PolicyAction."""

    action: Action
    logical_id: str
    resource_type: str
    replacement: Replacement | None = None
    scope: tuple[str, ...] = ()
    details: tuple[PropertyChange, ...] = ()
    policy: str = ""


def changes(
    before: Mapping[str, Resource],
    after: Mapping[str, Resource],
    region: str,
    template: Template | None = None,
    tags_before: Mapping[str, str] | None = None,
    tags_after: Mapping[str, str] | None = None,
    imported: frozenset[str] = frozenset(),
    template_before: Template | None = None,
    unevaluated: Template | None = None,
) -> tuple[ResourceChange, ...]:
    """Every resource that changes, in the order of ``after``, then those that are removed.

    ``before`` and ``after`` have evaluated properties (``intrinsics.active_resources``), those
    of ``after`` with the attributes that resources have now.  ``template`` is the new one; with
    it replacement spreads to those that refer to what is replaced.  ``imported`` are logical
    IDs that are taken over instead of created.  With ``template_before``, the one deployed, a
    change that only a parameter's value makes names the parameter.  With ``unevaluated``, the one deployed, two Unknown
    values are equal only where both templates write the same: an unknown value equals nothing.  Raises :class:`HermesError` when a logical ID
    changes its type.
    """
    odd = [name for name in after if name in before and before[name].type != after[name].type]
    if odd:
        raise invalid(
            "Update of resource type is not permitted. The new template modifies resource type of the following "
            f"resources: [{', '.join(odd)}]"
        )
    found: dict[str, ResourceChange] = {}
    retagged = (tags_before or {}) != (tags_after or {})
    for name in _order(after, template):
        resource = after[name]
        if name not in before:
            found[name] = ResourceChange("Import" if name in imported else "Add", name, resource.type)
            continue
        known = schema(resource.type, region)
        details = list(direct_changes(before[name], resource, known))
        if unevaluated is not None and template is not None and name in unevaluated.resources:
            raw = unevaluated.resources[name], template.resources[name]
            details += _unknown_changes(before[name], resource, *raw, known)
        if template is not None and template_before is not None and name in template_before.resources:
            raw = template_before.resources[name], template.resources[name]
            details = [replace(one, cause=_parameter(one, *raw, template) or one.cause) for one in details]
        if template is not None and name in template.resources:
            details += _spread(template.resources[name], found, known, {detail.path for detail in details})
        if retagged and known is not None and known.tag_property:
            details.append(PropertyChange("/Properties/Tags", dict(tags_before or {}), dict(tags_after or {}), "Never"))
        if details:
            found[name] = _modify(resource, tuple(details))
    ordered = tuple(found[name] for name in after if name in found)
    return ordered + tuple(_remove(resource) for name, resource in before.items() if name not in after)


def _order(after: Mapping[str, Resource], template: Template | None) -> list[str]:
    """Names so that each comes after those it refers to."""
    if template is None:
        return list(after)
    waits = dependencies(template)
    done: list[str] = []
    left = list(after)
    while left:
        for name in [name for name in left if not (waits.get(name, frozenset()) & set(left))]:
            done.append(name)
            left.remove(name)
    return done


def _modify(resource: Resource, details: tuple[PropertyChange, ...]) -> ResourceChange:
    replacement = _replacement(details)
    scope = tuple(sorted({detail.attribute for detail in details}))
    policy = ""
    if replacement != "False":
        policy = {"Retain": "ReplaceAndRetain", "Snapshot": "ReplaceAndSnapshot"}.get(
            resource.update_replace_policy, "ReplaceAndDelete"
        )
    return ResourceChange("Modify", resource.logical_id, resource.type, replacement, scope, details, policy)


def _remove(resource: Resource) -> ResourceChange:
    policy = {"RetainExceptOnCreate": "Retain"}.get(resource.deletion_policy, resource.deletion_policy)
    return ResourceChange("Remove", resource.logical_id, resource.type, policy=policy)


def _replacement(details: tuple[PropertyChange, ...]) -> Replacement:
    if any(detail.requires_recreation == "Always" and not detail.dynamic for detail in details):
        return "True"
    if any(detail.requires_recreation != "Never" for detail in details):
        return "Conditional"
    return "False"


def direct_changes(before: Resource, after: Resource, known: ResourceSchema | None) -> Iterator[PropertyChange]:
    """The differences between two evaluated resources of one type."""
    for path, old, new in differences(before.properties, after.properties):
        yield PropertyChange(
            f"/Properties{path}",
            None if old is MISSING else old,
            None if new is MISSING else new,
            recreation(known, path, old, new),
        )
    for field, attribute in _ATTRIBUTES.items():
        old, new = getattr(before, field), getattr(after, field)
        if old != new:
            yield PropertyChange(f"/{attribute}", old, new, "Never")


def _unknown_changes(
    before: Resource, after: Resource, written_before: Resource, written: Resource, known: ResourceSchema | None
) -> Iterator[PropertyChange]:
    """Where both sides are Unknown, and the two templates write something else."""
    for path, old, new in _both_unknown(before.properties, after.properties):
        parts = path.split("/")[1:]
        if _canonical(_written(written_before.properties, parts)) != _canonical(_written(written.properties, parts)):
            yield PropertyChange(f"/Properties{path}", old, new, recreation(known, path, old, new))


def _both_unknown(before: Any, after: Any, path: str = "") -> Iterator[tuple[str, Any, Any]]:
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for key in before:
            if key in after:
                yield from _both_unknown(before[key], after[key], f"{path}/{key}")
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for index, (old, new) in enumerate(zip(before, after, strict=True)):
            yield from _both_unknown(old, new, f"{path}/{index}")
    elif isinstance(before, Unknown) and isinstance(after, Unknown) and before == after:
        yield path, before, after


def _canonical(written: Any) -> Any:
    """What a template writes, without what makes no difference: how many ranges ``Fn::Cidr`` is to cut, where one is selected."""
    match written:
        case {"Fn::Select": [index, {"Fn::Cidr": [block, _, *bits]}]}:
            return {"Fn::Select": [str(index), {"Fn::Cidr": [_canonical(block), *bits]}]}
        case Mapping():
            return {key: _canonical(value) for key, value in written.items()}
        case list():
            return [_canonical(item) for item in written]
    return written


def differences(before: Any, after: Any, path: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Paths at which two values differ, with both; lists of another length differ as a whole."""
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for key in [*before, *(key for key in after if key not in before)]:
            yield from differences(before.get(key, MISSING), after.get(key, MISSING), f"{path}/{key}")
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for index, (old, new) in enumerate(zip(before, after, strict=True)):
            yield from differences(old, new, f"{path}/{index}")
    elif not same(before, after):
        yield path, before, after


def same(before: Any, after: Any) -> bool:
    """Equality as CloudFormation sees it: ``"80"`` is 80, ``"true"`` is true."""
    if isinstance(before, Mapping | list) or isinstance(after, Mapping | list):
        return bool(before == after)
    if before is MISSING or after is MISSING:
        return before is after
    return before == after or _scalar(before) == _scalar(after)


def _scalar(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def recreation(known: ResourceSchema | None, path: str, before: Any = None, after: Any = None) -> Recreation:
    """What a change at ``path`` (``/Port``) means to a resource of this type.

    Unknown types are taken to change in place, as CloudFormation itself would refuse them.
    """
    if known is None:
        return "Never"
    if any(_hits(rule, path, before, after) for rule in known.create_only):
        return "Always"
    if any(_hits(rule, path, before, after) for rule in known.conditional_create_only):
        return "Conditionally"
    return "Never"


def _hits(rule: str, path: str, before: Any, after: Any) -> bool:
    rules, parts = rule.split("/"), path.split("/")
    if any(rule_part not in ("*", part) for rule_part, part in zip(rules, parts, strict=False)):
        return False
    if len(rules) <= len(parts):
        return True
    deeper = rules[len(parts) :]
    return list(_at(before, deeper)) != list(_at(after, deeper))


def _at(value: Any, path: list[str]) -> Iterator[Any]:
    if not path:
        yield value
    elif path[0] == "*" and isinstance(value, list):
        for item in value:
            yield from _at(item, path[1:])
    elif isinstance(value, Mapping) and path[0] in value:
        yield from _at(value[path[0]], path[1:])


def _parameter(detail: PropertyChange, before: Resource, after: Resource, template: Template) -> str:
    """The parameter that makes a change where both templates say the same; empty if none does."""
    parts = detail.path.split("/")[2:]
    if not detail.path.startswith("/Properties/"):
        return ""
    old, new = _written(before.properties, parts), _written(after.properties, parts)
    if old != new:
        return ""
    return next((one.target for one in references(new) if one.target in template.parameters), "")


def _written(value: Any, path: list[str]) -> Any:
    """What a template writes at ``path``: the function that gives it, where one does."""
    for part in path:
        if isinstance(value, Mapping) and part in value:
            value = value[part]
        elif isinstance(value, list) and part.isdigit() and int(part) < len(value):
            value = value[int(part)]
        else:
            break
    return value


def _spread(
    raw: Resource, found: Mapping[str, ResourceChange], known: ResourceSchema | None, already: set[str]
) -> list[PropertyChange]:
    """Dynamic changes of ``raw`` by what it refers to."""
    details: dict[str, PropertyChange] = {}
    for reference in resource_references(raw):
        change = found.get(reference.target)
        if change is None or not reference.path.startswith("/Properties/") or not _moves(reference, change):
            continue
        top = "/".join(reference.path.split("/")[:3])
        if top in details or any(path == top or path.startswith(f"{top}/") for path in already):
            continue
        cause = reference.target if reference.attribute is None else f"{reference.target}.{reference.attribute}"
        needs = recreation(known, reference.path.removeprefix("/Properties"))
        details[top] = PropertyChange(reference.path, None, None, needs, cause, dynamic=True)
    return list(details.values())


def _moves(reference: Reference, change: ResourceChange) -> bool:
    """Whether the referred value may change: Ref by replacement, an attribute by any change but tags."""
    if change.action != "Modify":
        return change.action == "Add"
    if change.replacement != "False":
        return True
    return reference.attribute is not None and set(change.scope) != {"Tags"}
