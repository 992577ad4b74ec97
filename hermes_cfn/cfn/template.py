"""Reading a template: JSON, or YAML with the short forms of the intrinsic functions.

Anatomy and sections: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/template-anatomy.html
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from hermes_cfn.cfn.extensions import TRANSFORM, expand, transforms_of
from hermes_cfn.cfn.refusal import invalid
from hermes_cfn.errors import HermesError

PSEUDO_PARAMETERS = frozenset(
    f"AWS::{name}"
    for name in ("AccountId", "NotificationARNs", "NoValue", "Partition", "Region", "StackId", "StackName", "URLSuffix")
)
_SECTIONS = frozenset(
    {
        "AWSTemplateFormatVersion",
        "Description",
        "Metadata",
        "Parameters",
        "Rules",
        "Mappings",
        "Conditions",
        "Transform",
        "Resources",
        "Outputs",
        "Hooks",
    }
)
VERSION = "2010-09-09"
_MOST = {"Resources": 500, "Parameters": 200, "Mappings": 200, "Outputs": 200}
_RESOURCE_KEYS = frozenset(
    {
        "Type",
        "Properties",
        "DependsOn",
        "Condition",
        "DeletionPolicy",
        "UpdateReplacePolicy",
        "CreationPolicy",
        "UpdatePolicy",
        "Metadata",
        "Version",
    }
)
_POLICIES = {
    "DeletionPolicy": ("Delete", "Retain", "RetainExceptOnCreate", "Snapshot"),
    "UpdateReplacePolicy": ("Delete", "Retain", "Snapshot"),
}
SUB_VARIABLE = re.compile(r"\$\{(!?)([^${}]*)\}")


@dataclass(frozen=True, slots=True)
class Resource:
    """One resource; ``properties`` as written, or evaluated by ``intrinsics.active_resources``."""

    logical_id: str
    type: str
    properties: Mapping[str, Any] = field(default_factory=dict)
    depends_on: tuple[str, ...] = ()
    condition: str | None = None
    deletion_policy: str = "Delete"
    update_replace_policy: str = "Delete"
    creation_policy: Mapping[str, Any] = field(default_factory=dict)
    update_policy: Mapping[str, Any] = field(default_factory=dict)
    metadata: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Template:
    """A template that has the form CloudFormation asks for; ``body`` is all of it.

    ``nested`` has the templates of its nested stacks by logical ID, as far as somebody has read them.
    """

    body: Mapping[str, Any]
    resources: Mapping[str, Resource]
    parameters: Mapping[str, Mapping[str, Any]]
    mappings: Mapping[str, Mapping[str, Any]]
    conditions: Mapping[str, Any]
    outputs: Mapping[str, Mapping[str, Any]]
    nested: Mapping[str, Template] = field(default_factory=dict)

    @classmethod
    def parse(cls, source: str | Mapping[str, Any], given: Mapping[str, Any] | None = None) -> Template:
        """A template from text or from a mapping; with AWS::LanguageExtensions its loops are unrolled.

        ``given`` are values of parameters, for loops over them; others have their defaults.
        Raises :class:`HermesError` with the code ``template-invalid``.
        """
        body = load(source) if isinstance(source, str) else source
        if not isinstance(body, Mapping):
            raise invalid("Template format error: unsupported structure.")
        odd = sorted(str(key) for key in body if key not in _SECTIONS)
        if odd:
            raise invalid(f"Invalid template property or properties [{', '.join(odd)}]")
        body = expand(body, given or {})
        resources = _section(body, "Resources")
        if not resources:
            raise invalid("Template format error: At least one Resources member must be defined.")
        _within_limits(body)
        conditions_end(_section(body, "Conditions"))
        return cls(
            body=body,
            resources={name: _resource(str(name), value) for name, value in resources.items()},
            parameters=_parameters(body),
            mappings=_section(body, "Mappings"),
            conditions=_section(body, "Conditions"),
            outputs=_outputs(body),
        )

    @property
    def rules(self) -> Mapping[str, Mapping[str, Any]]:
        """Assertions about parameters, by name."""
        return _section(self.body, "Rules")

    @property
    def description(self) -> str:
        return str(self.body.get("Description", ""))

    @property
    def transforms(self) -> tuple[str, ...]:
        """Names of the macros that the template asks for."""
        return transforms_of(self.body)

    @property
    def extended(self) -> bool:
        """Whether AWS::LanguageExtensions holds, with which functions take more."""
        return TRANSFORM in self.transforms


def _section(body: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    section = body.get(name)
    if section is None:
        return {}
    if not isinstance(section, Mapping):
        raise invalid(f"Template format error: {name} section must be a map.", name)
    return section


def _within_limits(body: Mapping[str, Any]) -> None:
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html"""
    if body.get("AWSTemplateFormatVersion", VERSION) != VERSION:
        raise invalid("Template format error: unsupported value for AWSTemplateFormatVersion.")
    for name, most in _MOST.items():
        found = len(_section(body, name))
        if found > most:
            words = f"Number of {name.lower()}, {found}, is greater than maximum allowed, {most}"
            raise invalid(f"Template format error: {words}", name)
    for name, word in (("Parameters", "Parameter"), ("Outputs", "Output"), ("Mappings", "Mappings")):
        for key in _section(body, name):
            if not re.fullmatch(r"[A-Za-z0-9]{1,255}", str(key)):
                raise invalid(f"Template format error: {word} name {key} is non alphanumeric.", f"{name}/{key}")


def conditions_end(conditions: Mapping[str, Any]) -> None:
    """Raises HermesError where a condition stands on itself."""
    on = {name: {found for found in _named(value) if found in conditions} for name, value in conditions.items()}
    while on:
        ready = {name for name, needed in on.items() if not needed & set(on)}
        if not ready:
            raise invalid(
                f"Template error: Found circular condition dependency between [{', '.join(sorted(map(str, on)))}]",
                "Conditions",
            )
        on = {name: needed for name, needed in on.items() if name not in ready}


def _named(value: Any) -> Iterator[str]:
    """The conditions that a condition names."""
    if isinstance(value, Mapping):
        if len(value) == 1 and isinstance(value.get("Condition"), str):
            yield value["Condition"]
        for inner in value.values():
            yield from _named(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _named(inner)


def _resource(name: str, value: Any) -> Resource:
    where = f"Resources/{name}"
    if not re.fullmatch(r"[A-Za-z0-9]{1,255}", name):
        raise invalid(f"Template format error: Resource name {name} is non alphanumeric.", where)
    if not isinstance(value, Mapping):
        raise invalid(f"Template format error: [/{where}] resource definition is malformed", where)
    odd = sorted(str(key) for key in value if key not in _RESOURCE_KEYS)
    if odd:
        raise invalid(f"Invalid template resource property '{odd[0]}'", where)
    if not isinstance(value.get("Type"), str):
        raise invalid(f"Template format error: [/{where}] Every Resources object must contain a Type member.", where)
    depends = value.get("DependsOn", [])
    depends = [depends] if isinstance(depends, str) else depends
    if not isinstance(depends, list) or not all(isinstance(item, str) for item in depends):
        raise invalid(f"Template format error: [/{where}/DependsOn] must be a string or list of strings.", where)
    if isinstance(value.get("Condition"), Mapping | list):
        raise invalid(f"Template format error: [/{where}/Condition] must be the name of a condition.", where)
    for key in ("CreationPolicy", "UpdatePolicy", "Metadata"):
        if not isinstance(value.get(key) or {}, Mapping):
            raise invalid(f"Template format error: [/{where}/{key}] must be an object.", where)
    for key, allowed in _POLICIES.items():
        policy = value.get(key)
        if isinstance(policy, str) and policy not in allowed:
            raise invalid(f"Template format error: Unrecognized {key} {policy} for resource {name}", where)
    properties = value.get("Properties") or {}
    if not isinstance(properties, Mapping):
        raise invalid(f"Template format error: [/{where}/Properties] must be an object.", where)
    return Resource(
        logical_id=name,
        type=value["Type"],
        properties=properties,
        depends_on=tuple(depends),
        condition=value.get("Condition"),
        deletion_policy=_policy(value.get("DeletionPolicy")) or default_deletion_policy(value["Type"], properties),
        update_replace_policy=_policy(value.get("UpdateReplacePolicy")) or "Delete",
        creation_policy=value.get("CreationPolicy") or {},
        update_policy=value.get("UpdatePolicy") or {},
        metadata=value.get("Metadata") or {},
    )


def _policy(value: Any) -> str:
    return value if isinstance(value, str) else ""


def default_deletion_policy(resource_type: str, properties: Mapping[str, Any]) -> str:
    """What happens to a resource whose template does not say.

    Snapshot for a database cluster and for an instance outside a cluster, otherwise Delete:
    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-attribute-deletionpolicy.html
    """
    alone = resource_type == "AWS::RDS::DBInstance" and "DBClusterIdentifier" not in properties
    return "Snapshot" if alone or resource_type == "AWS::RDS::DBCluster" else "Delete"


def _parameters(body: Mapping[str, Any]) -> Mapping[str, Mapping[str, Any]]:
    parameters = _section(body, "Parameters")
    for name, value in parameters.items():
        if not isinstance(value, Mapping) or not isinstance(value.get("Type"), str):
            raise invalid(
                "Template format error: Every Parameters object must contain a Type member.", f"Parameters/{name}"
            )
    return parameters


def _outputs(body: Mapping[str, Any]) -> Mapping[str, Mapping[str, Any]]:
    outputs = _section(body, "Outputs")
    for name, value in outputs.items():
        if not isinstance(value, Mapping) or "Value" not in value:
            raise invalid("Template format error: Every Outputs member must contain a Value object", f"Outputs/{name}")
    return outputs


LIMIT_BYTES = 1024 * 1024
"""The largest template (CloudFormation user guide, "Quotas": 1 MB, from a bucket)."""
DEEPEST = 100
"""Lists and maps within each other; AWS's own largest sample is below 30."""
MOST_VALUES = 200_000
"""Values of a template once what YAML's anchors repeat is written out."""


def load(text: str) -> Any:
    """What a template says, if it is one that can be looked at: hostile ones are refused before anything is done with them.

    A key that comes twice has its last value, as on AWS.  Raises :class:`HermesError` (``template-invalid``).
    """
    text = text.removeprefix("\ufeff")
    if len(text.encode("utf-8", "surrogatepass")) > LIMIT_BYTES:
        raise invalid(f"Template may not exceed {LIMIT_BYTES} bytes in size.")
    try:
        said = _read(text)
    except RecursionError:
        raise _too_deep() from None
    except ValueError as error:
        raise invalid(f"Template format error: a number or a text of it cannot be read: {str(error)[:120]}") from None
    _measure(said, 0, {}, [])
    return said


def _too_deep() -> HermesError:
    return invalid(f"Template format error: lists and maps are more than {DEEPEST} deep within each other.")


def _measure(value: Any, depth: int, seen: dict[int, int], above: list[int]) -> int:
    """How many values ``value`` holds, each as often as it is repeated.  Raises HermesError for what is too much, or endless."""
    if depth > DEEPEST:
        raise _too_deep()
    if isinstance(value, float) and not math.isfinite(value):
        raise invalid("Template format error: a number is not finite.")
    if isinstance(value, int) and value.bit_length() > 128:
        raise invalid("Template format error: a number has more than 38 digits.")
    if not isinstance(value, (dict, list)):
        return 1
    if id(value) in above:
        raise invalid("Template format error: a part of it contains itself (YAML anchors).")
    if id(value) not in seen:
        inner = value.values() if isinstance(value, dict) else value
        seen[id(value)] = 1 + sum(_measure(one, depth + 1, seen, [*above, id(value)]) for one in inner)
    if seen[id(value)] > MOST_VALUES:
        raise invalid(f"Template format error: more than {MOST_VALUES} values.")
    return seen[id(value)]


def _read(text: str) -> Any:
    if text.lstrip().startswith("{"):
        try:
            return json.loads(text)
        except json.JSONDecodeError as error:
            raise invalid(
                f"Template format error: JSON not well-formed. (line {error.lineno}, column {error.colno})"
            ) from error
    from hermes_cfn.cfn import short_forms  # PyYAML is loaded for who writes YAML

    return short_forms.load(text)


@dataclass(frozen=True, slots=True)
class Reference:
    """A place in ``value`` that names ``target``; ``attribute`` is None for Ref.

    ``path`` is where, from the root of what was searched (``/Properties/SubnetId``).
    """

    target: str
    attribute: str | None
    path: str


def references(value: Any, path: str = "") -> Iterator[Reference]:
    """Every Ref, Fn::GetAtt and Fn::Sub variable in ``value``, pseudo parameters included."""
    if isinstance(value, Mapping):
        if len(value) == 1:
            key, inner = next(iter(value.items()))
            if key == "Ref" and isinstance(inner, str):
                yield Reference(inner, None, path)
                return
            if key == "Fn::GetAtt":
                yield from _attribute(inner, path)
                return
            if key == "Fn::Sub":
                yield from _sub(inner, path)
                return
            if isinstance(key, str) and key.startswith("Fn::"):
                yield from references(inner, path)
                return
        for key, inner in value.items():
            yield from references(inner, f"{path}/{key}")
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from references(inner, f"{path}/{index}")


def _attribute(inner: Any, path: str) -> Iterator[Reference]:
    if isinstance(inner, str):
        inner = inner.split(".", 1)
    if isinstance(inner, list) and len(inner) == 2 and isinstance(inner[0], str):
        attribute = inner[1] if isinstance(inner[1], str) else "*"
        yield Reference(inner[0], attribute, path)
        yield from references(inner[1], path)
        return
    raise invalid(
        "Template error: every Fn::GetAtt object requires two non-empty parameters, the resource name and the "
        "resource attribute"
    )


def _sub(inner: Any, path: str) -> Iterator[Reference]:
    text, given = (inner, {}) if isinstance(inner, str) else (inner[0], inner[1]) if _is_sub_pair(inner) else (None, {})
    if not isinstance(text, str):
        raise invalid(
            "Template error: One or more Fn::Sub intrinsic functions don't specify expected arguments. Specify a "
            "string as first argument, and an optional second argument to specify a mapping of values to replace in "
            "the string"
        )
    for match in SUB_VARIABLE.finditer(text):
        literal, name = match.groups()
        if literal or name.strip() in given:
            continue
        target, _, attribute = name.strip().partition(".")
        yield Reference(target, attribute or None, path)
    yield from references(given, path)


def _is_sub_pair(inner: Any) -> bool:
    return isinstance(inner, list) and len(inner) == 2 and isinstance(inner[1], Mapping)


def resource_references(resource: Resource) -> Iterator[Reference]:
    """References in the properties (under ``/Properties``) and policies of ``resource``."""
    yield from references(resource.properties, "/Properties")
    yield from references(resource.creation_policy, "/CreationPolicy")
    yield from references(resource.update_policy, "/UpdatePolicy")


def dependencies(template: Template) -> Mapping[str, frozenset[str]]:
    """For each resource those that must be there before it.

    By Ref, Fn::GetAtt, Fn::Sub and DependsOn.  Raises :class:`HermesError` for a name that is
    not there, and for a circle.
    """
    _check_conditions(template)
    _check_outputs(template)
    _check_imports(template)
    found: dict[str, frozenset[str]] = {}
    for name, resource in template.resources.items():
        unknown = sorted(set(resource.depends_on) - template.resources.keys())
        targets = set(resource.depends_on)
        for reference in resource_references(resource):
            if reference.target in template.resources:
                targets.add(reference.target)
            elif reference.attribute is not None:
                raise invalid(
                    f"Template error: instance of Fn::GetAtt references undefined resource {reference.target}",
                    f"Resources/{name}",
                )
            elif reference.target not in template.parameters and reference.target not in PSEUDO_PARAMETERS:
                unknown.append(reference.target)
        if unknown:
            raise invalid(
                f"Template format error: Unresolved resource dependencies [{', '.join(sorted(set(unknown)))}] in the "
                "Resources block of the template",
                f"Resources/{name}",
            )
        found[name] = frozenset(targets)
    circle = _circle(found)
    if circle:
        raise invalid(f"Circular dependency between resources: [{', '.join(circle)}]", "Resources")
    return found


def _check_conditions(template: Template) -> None:
    """Conditions know parameters, mappings and one another, never resources."""
    for name, condition in template.conditions.items():
        strange = {one.target for one in references(condition)} - template.parameters.keys() - PSEUDO_PARAMETERS
        if strange:
            raise invalid(
                f"Template format error: Unresolved dependencies [{', '.join(sorted(strange))}]. Cannot reference "
                "resources in the Conditions block of the template",
                f"Conditions/{name}",
            )
    edges = {name: _conditions_in(value) & template.conditions.keys() for name, value in template.conditions.items()}
    circle = _circle(edges)
    if circle:
        raise invalid(
            f"Template error: Found circular condition dependency between [{', '.join(circle)}]", "Conditions"
        )
    for resource in template.resources.values():
        if resource.condition and resource.condition not in template.conditions:
            raise invalid(
                f"Template format error: Unresolved condition dependency {resource.condition} in the Resources block "
                "of the template",
                f"Resources/{resource.logical_id}",
            )


def _conditions_in(value: Any) -> frozenset[str]:
    if isinstance(value, Mapping):
        own = {value["Condition"]} if isinstance(value.get("Condition"), str) else set()
        return frozenset(own.union(*(_conditions_in(inner) for inner in value.values())))
    if isinstance(value, list):
        return frozenset().union(*(_conditions_in(inner) for inner in value))
    return frozenset()


def _check_outputs(template: Template) -> None:
    known = template.resources.keys() | template.parameters.keys() | PSEUDO_PARAMETERS
    for name, output in template.outputs.items():
        strange = {one.target for one in references([output["Value"], output.get("Export")])} - known
        if strange:
            raise invalid(
                f"Template format error: Unresolved resource dependencies [{', '.join(sorted(strange))}] in the "
                "Outputs block of the template",
                f"Outputs/{name}",
            )


def _check_imports(template: Template) -> None:
    """Names of exports must be known before any resource is.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference-importvalue.html
    """
    for name, output in template.outputs.items():
        if any(one.target in template.resources for one in references(output.get("Export"))):
            raise invalid(
                f"Template format error: [/Outputs/{name}/Export] cannot depend on a resource.", f"Outputs/{name}"
            )
    for resource in template.resources.values():
        for argument in arguments_of("Fn::ImportValue", resource.properties):
            if any(one.target in template.resources for one in references(argument)):
                where = f"Resources/{resource.logical_id}"
                raise invalid(f"Template format error: [/{where}] Fn::ImportValue cannot depend on a resource.", where)


def arguments_of(function: str, value: Any) -> Iterator[Any]:
    """What ``function`` is given, wherever it stands in ``value``."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            if key == function:
                yield inner
            yield from arguments_of(function, inner)
    elif isinstance(value, list):
        for inner in value:
            yield from arguments_of(function, inner)


def _circle(edges: Mapping[str, frozenset[str]]) -> list[str]:
    left = dict(edges)
    while left:
        free = [name for name, before in left.items() if not (before & left.keys())]
        if not free:
            return _trim(left)
        for name in free:
            del left[name]
    return []


def _trim(left: dict[str, frozenset[str]]) -> list[str]:
    """Only those of ``left`` that others in it wait for: the circle without its followers."""
    while True:
        wanted = {target for before in left.values() for target in before}
        followers = [name for name in left if name not in wanted]
        if not followers:
            return sorted(left)
        for name in followers:
            del left[name]
