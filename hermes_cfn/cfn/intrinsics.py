"""Evaluating intrinsic functions, conditions and parameters.

A value that nobody knows yet is an :class:`Unknown`; what is made from it is unknown too.
Reference: https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference.html
"""

from __future__ import annotations

import base64
import ipaddress
import itertools
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from hermes_cfn.cfn.parameters import resolve_parameters as resolve_parameters
from hermes_cfn.cfn.refusal import invalid
from hermes_cfn.cfn.template import SUB_VARIABLE, Resource, Template
from hermes_cfn.cfn.values import NO_VALUE as NO_VALUE
from hermes_cfn.cfn.values import Unknown as Unknown
from hermes_cfn.cfn.values import has_unknown as has_unknown
from hermes_cfn.cfn.values import text as text


def _nothing_deployed(logical_id: str, attribute: str | None) -> Any:
    return Unknown(f"{logical_id}.{attribute}" if attribute else logical_id)


@dataclass(frozen=True, slots=True)
class Scope:
    """What a template is evaluated in.

    ``parameters`` are typed, as :func:`resolve_parameters` gives them.  ``attributes`` answers
    Fn::GetAtt, and Ref when its second argument is None.  ``imports`` is by export name,
    ``ssm`` by ``name`` or ``name:version``, ``zones`` are those of ``region`` in order,
    ``other_zones`` those of other regions.
    """

    parameters: Mapping[str, Any] = field(default_factory=dict)
    region: str = "us-east-1"
    account: str = "123456789012"
    partition: str = "aws"
    stack_name: str = ""
    stack_id: str = ""
    attributes: Callable[[str, str | None], Any] = _nothing_deployed
    imports: Mapping[str, Any] = field(default_factory=dict)
    ssm: Mapping[str, str] = field(default_factory=dict)
    zones: Sequence[str] = ()
    other_zones: Mapping[str, Sequence[str]] = field(default_factory=dict)
    notification_arns: Sequence[str] = ()

    def pseudo(self, name: str) -> Any:
        """The value of a pseudo parameter.  Raises :class:`KeyError`."""
        values: dict[str, Any] = {
            "AWS::AccountId": self.account,
            "AWS::NoValue": NO_VALUE,
            "AWS::NotificationARNs": list(self.notification_arns),
            "AWS::Partition": self.partition,
            "AWS::Region": self.region,
            "AWS::StackId": self.stack_id or Unknown("AWS::StackId"),
            "AWS::StackName": self.stack_name or Unknown("AWS::StackName"),
            "AWS::URLSuffix": "amazonaws.com.cn" if self.partition == "aws-cn" else "amazonaws.com",
        }
        return values[name]


def evaluate(value: Any, template: Template, scope: Scope) -> Any:
    """``value`` with its functions replaced by what they give.

    Raises :class:`HermesError` (``template-invalid``) for what CloudFormation would reject.
    """
    if isinstance(value, Mapping):
        if len(value) == 1:
            name, argument = next(iter(value.items()))
            if name == "Ref" or (isinstance(name, str) and name.startswith("Fn::")):
                return _call(name, argument, template, scope)
        evaluated = {key: evaluate(inner, template, scope) for key, inner in value.items()}
        return {key: inner for key, inner in evaluated.items() if inner is not NO_VALUE}
    if isinstance(value, list):
        return [inner for inner in (evaluate(item, template, scope) for item in value) if inner is not NO_VALUE]
    if isinstance(value, str) and "{{resolve:ssm:" in value:
        return _resolve_dynamic(value, scope)
    return value


def condition(name: str, template: Template, scope: Scope) -> bool | Unknown:
    """Whether the condition ``name`` holds."""
    if isinstance(name, Mapping | list) or name not in template.conditions:
        raise invalid(
            f"Template format error: Unresolved condition dependency {name} in the Conditions block of the template"
        )
    return _boolean(template.conditions[name], template, scope)


def active_resources(template: Template, scope: Scope) -> Mapping[str, Resource]:
    """The resources whose condition holds, with evaluated properties and without AWS::NoValue.

    A condition that is Unknown counts as holding.  Raises :class:`HermesError` when an active
    resource refers to one that is not.
    """
    off = {
        name
        for name, resource in template.resources.items()
        if resource.condition and condition(resource.condition, template, scope) is False
    }

    def attributes(logical_id: str, attribute: str | None) -> Any:
        if logical_id in off:
            raise invalid(
                f"Template format error: Unresolved resource dependencies [{logical_id}] in the Resources block of the template"
            )
        return scope.attributes(logical_id, attribute)

    inner = replace(scope, attributes=attributes)
    return {
        name: evaluated(resource, template, inner) for name, resource in template.resources.items() if name not in off
    }


def evaluated(resource: Resource, template: Template, scope: Scope) -> Resource:
    """``resource`` with properties, policies and metadata evaluated."""
    return replace(
        resource,
        properties=evaluate(dict(resource.properties), template, scope),
        creation_policy=evaluate(dict(resource.creation_policy), template, scope),
        update_policy=evaluate(dict(resource.update_policy), template, scope),
        metadata=evaluate(dict(resource.metadata), template, scope),
    )


def outputs(template: Template, scope: Scope) -> dict[str, dict[str, Any]]:
    """Each output whose condition holds: ``Value``, ``Description`` and ``Export`` (a name)."""
    found: dict[str, dict[str, Any]] = {}
    for name, output in template.outputs.items():
        gate = output.get("Condition")
        if gate and condition(gate, template, scope) is False:
            continue
        value = evaluate(output["Value"], template, scope)
        if isinstance(value, Mapping | list) or value is NO_VALUE:
            raise invalid(
                "Template format error: The Value field of every Outputs member must evaluate to a String.",
                f"Outputs/{name}",
            )
        found[name] = {"Value": value if isinstance(value, Unknown) else text(value)}
        if "Description" in output:
            found[name]["Description"] = output["Description"]
        if "Export" in output:
            found[name]["Export"] = evaluate(output["Export"], template, scope).get("Name")
    return found


def _first_unknown(*values: Any) -> Unknown | None:
    return next((value for value in values if isinstance(value, Unknown)), None)


def _call(name: str, argument: Any, template: Template, scope: Scope) -> Any:
    function = _FUNCTIONS.get(name)
    if function is None:
        supported = ", ".join(_FUNCTIONS)
        raise invalid(
            f"Template error: Encountered unsupported function: {name} Supported functions are: [{supported}]"
        )
    return function(argument, template, scope)


def _ref(argument: Any, template: Template, scope: Scope) -> Any:
    if not isinstance(argument, str):
        raise invalid("Template error: every Ref object must have a single String value.")
    if argument in template.parameters:
        return scope.parameters.get(argument, Unknown(f"parameter {argument}"))
    if argument in template.resources:
        return scope.attributes(argument, None)
    try:
        return scope.pseudo(argument)
    except KeyError:
        raise invalid(
            f"Template format error: Unresolved resource dependencies [{argument}] in the Resources block of the template"
        ) from None


def _get_att(argument: Any, template: Template, scope: Scope) -> Any:
    pair = argument.split(".", 1) if isinstance(argument, str) else argument
    if not (isinstance(pair, list) and len(pair) == 2 and isinstance(pair[0], str) and pair[0]):
        raise invalid(
            "Template error: every Fn::GetAtt object requires two non-empty parameters, the resource name and the "
            "resource attribute"
        )
    if pair[0] not in template.resources:
        raise invalid(f"Template error: instance of Fn::GetAtt references undefined resource {pair[0]}")
    attribute = evaluate(pair[1], template, scope)
    if isinstance(attribute, Unknown):
        return attribute
    return scope.attributes(pair[0], attribute)


def _sub(argument: Any, template: Template, scope: Scope) -> Any:
    given: Mapping[str, Any] = {}
    pattern = argument
    if isinstance(argument, list) and len(argument) == 2 and isinstance(argument[1], Mapping):
        pattern, given = argument
    if not isinstance(pattern, str):
        raise invalid(
            "Template error: One or more Fn::Sub intrinsic functions don't specify expected arguments. Specify a "
            "string as first argument, and an optional second argument to specify a mapping of values to replace in "
            "the string"
        )
    parts: list[str] = []
    end = 0
    for match in SUB_VARIABLE.finditer(pattern):
        literal, variable = match.groups()
        parts.append(pattern[end : match.start()])
        end = match.end()
        if literal:
            parts.append("${" + variable + "}")
            continue
        value = _sub_variable(variable.strip(), given, template, scope)
        if isinstance(value, Unknown):
            return value
        if isinstance(value, Mapping | list) or value is NO_VALUE:
            raise invalid(f"Template error: variable {variable} in Fn::Sub expression does not resolve to a string")
        parts.append(text(value))
    parts.append(pattern[end:])
    return evaluate("".join(parts), template, scope)


def _sub_variable(name: str, given: Mapping[str, Any], template: Template, scope: Scope) -> Any:
    if name in given:
        return evaluate(given[name], template, scope)
    target, dot, attribute = name.partition(".")
    if dot:
        return _get_att([target, attribute], template, scope)
    return _ref(name, template, scope)


def _join(argument: Any, template: Template, scope: Scope) -> Any:
    wrong = invalid(
        "Template error: every Fn::Join object requires two parameters, (1) a string delimiter and (2) a list of "
        "strings to be joined or a function that returns a list of strings (such as Fn::GetAZs) to be joined."
    )
    if not (isinstance(argument, list) and len(argument) == 2 and isinstance(argument[0], str)):
        raise wrong
    values = evaluate(argument[1], template, scope)
    if isinstance(values, Unknown):
        return values
    if not isinstance(values, list) or any(isinstance(value, Mapping | list) for value in values):
        raise wrong
    return _first_unknown(*values) or argument[0].join(text(value) for value in values)


def _select(argument: Any, template: Template, scope: Scope) -> Any:
    wrong = (
        "Template error: every Fn::Select object requires two parameters, the first a positive integer index and the "
        "second a list or a function that returns a list."
    )
    if not (isinstance(argument, list) and len(argument) == 2):
        raise invalid(wrong)
    index, values = evaluate(argument[0], template, scope), evaluate(argument[1], template, scope)
    unknown = _first_unknown(index, values)
    if unknown:
        return unknown
    if not isinstance(values, list) or not re.fullmatch(r"\d+", text(index)):
        raise invalid(wrong)
    if int(index) >= len(values):
        raise invalid(f"Template error: Fn::Select cannot select nonexistent value at index {index}")
    return values[int(index)]


def _split(argument: Any, template: Template, scope: Scope) -> Any:
    wrong = invalid(
        "Template error: every Fn::Split object requires two parameters, (1) a string delimiter and (2) a string to "
        "be split or a function that returns a string to be split."
    )
    if not (isinstance(argument, list) and len(argument) == 2 and isinstance(argument[0], str) and argument[0]):
        raise wrong
    value = evaluate(argument[1], template, scope)
    if isinstance(value, Unknown):
        return value
    if not isinstance(value, str):
        raise wrong
    return value.split(argument[0])


def _if(argument: Any, template: Template, scope: Scope) -> Any:
    if not (isinstance(argument, list) and len(argument) == 3 and not isinstance(argument[0], Mapping | list)):
        raise invalid("Template error: Fn::If requires a list argument with three parameters")
    holds = condition(argument[0], template, scope)
    if isinstance(holds, Unknown):
        return holds
    return evaluate(argument[1] if holds else argument[2], template, scope)


_IN_MAP_KEYS = frozenset({"Ref", "Fn::FindInMap"})
"""More only under the transform AWS::LanguageExtensions, by the page of Fn::FindInMap."""


def _find_in_map(argument: Any, template: Template, scope: Scope) -> Any:
    otherwise = _default_value(argument) if template.extended else MISSING
    if otherwise is not MISSING:
        argument = argument[:3]
    if not (isinstance(argument, list) and len(argument) == 3):
        raise invalid(
            "Template error: every Fn::FindInMap object requires three parameters, the map name, map key and the "
            "attribute for return value"
        )
    odd = [name for key in argument if isinstance(key, Mapping) for name in key if name not in _IN_MAP_KEYS]
    if odd and not template.extended:
        raise invalid(f"Template error: Fn::FindInMap may use only Ref and Fn::FindInMap in its keys, not {odd[0]}")
    keys = [evaluate(key, template, scope) for key in argument]
    unknown = _first_unknown(*keys)
    if unknown:
        return unknown
    found: Any = template.mappings
    for key in keys:
        if not isinstance(found, Mapping) or text(key) not in {text(known) for known in found}:
            if otherwise is not MISSING:
                return evaluate(otherwise, template, scope)
            if found is template.mappings:
                raise invalid(
                    f"Template format error: Mapping named '{keys[0]}' is not present in the 'Mappings' section of template."
                )
            raise invalid("Template error: Unable to get mapping for " + "::".join(text(part) for part in keys))
        found = next(inner for known, inner in found.items() if text(known) == text(key))
    return found


MISSING = object()


def _default_value(argument: Any) -> Any:
    """The ``DefaultValue`` of Fn::FindInMap, if there is one."""
    last = argument[3] if isinstance(argument, list) and len(argument) == 4 else None
    return last["DefaultValue"] if isinstance(last, Mapping) and "DefaultValue" in last else MISSING


def _length(argument: Any, template: Template, scope: Scope) -> Any:
    _needs_extensions("Fn::Length", template)
    value = evaluate(argument, template, scope)
    if isinstance(value, Unknown):
        return value
    if not isinstance(value, list):
        raise invalid("Template error: Fn::Length needs a list.")
    return len(value)


def _to_json_string(argument: Any, template: Template, scope: Scope) -> Any:
    _needs_extensions("Fn::ToJsonString", template)
    value = evaluate(argument, template, scope)
    if has_unknown(value):
        return Unknown("Fn::ToJsonString of what is not known")
    return json.dumps(value, separators=(",", ":"))


def _needs_extensions(name: str, template: Template) -> None:
    if not template.extended:
        raise invalid(
            f"Template error: Encountered unsupported function: {name}: it needs the transform AWS::LanguageExtensions"
        )


def _base64(argument: Any, template: Template, scope: Scope) -> Any:
    value = evaluate(argument, template, scope)
    if isinstance(value, Unknown):
        return value
    if isinstance(value, Mapping | list) or value is NO_VALUE:
        raise invalid("Template error: every Fn::Base64 object must have a String-typed value.")
    return base64.b64encode(text(value).encode()).decode()


def _cidr(argument: Any, template: Template, scope: Scope) -> Any:
    if not (isinstance(argument, list) and 2 <= len(argument) <= 3):
        raise invalid(
            "Template error: every Fn::Cidr object requires two parameters, (1) an IP address block and (2) the number "
            "of CIDRs to generate, and an optional (3) number of subnet bits"
        )
    given = [evaluate(part, template, scope) for part in argument]
    unknown = _first_unknown(*given)
    if unknown:
        return unknown
    try:
        block = ipaddress.ip_network(given[0], strict=False)
        count = int(given[1])
        bits = int(given[2]) if len(given) == 3 else (8 if block.version == 4 else 64)
    except (ValueError, TypeError) as error:
        raise invalid(f"Template error: Fn::Cidr cannot read {given}: {error}") from error
    prefix = block.max_prefixlen - bits
    if not 1 <= count <= 256 or prefix < block.prefixlen or count > 2 ** (prefix - block.prefixlen):
        raise invalid(f"Template error: Fn::Cidr cannot make {count} blocks of /{prefix} in {given[0]}")
    return [str(part) for part in itertools.islice(block.subnets(new_prefix=prefix), count)]


def _get_azs(argument: Any, template: Template, scope: Scope) -> Any:
    region = evaluate(argument, template, scope)
    if isinstance(region, Unknown):
        return region
    if not isinstance(region, str):
        raise invalid("Template error: every Fn::GetAZs object must have a String-typed value.")
    if region in ("", scope.region) and scope.zones:
        return list(scope.zones)
    if region in scope.other_zones:
        return list(scope.other_zones[region])
    return Unknown(f"zones of {region or scope.region}")


def _import_value(argument: Any, template: Template, scope: Scope) -> Any:
    name = evaluate(argument, template, scope)
    if isinstance(name, Unknown):
        return name
    if not isinstance(name, str):
        raise invalid(
            "Template error: the attribute in Fn::ImportValue must be a string or a function that returns a string"
        )
    return scope.imports.get(name, Unknown(f"export {name}"))


def _boolean(value: Any, template: Template, scope: Scope) -> bool | Unknown:
    if isinstance(value, Mapping) and len(value) == 1:
        name, argument = next(iter(value.items()))
        if name == "Condition":
            nested = isinstance(argument, Mapping)  # as SAM writes it
            return _boolean(argument, template, scope) if nested else condition(argument, template, scope)
        if name == "Fn::Equals":
            return _equals(argument, template, scope)
        if name == "Fn::Not":
            (inner,) = _arguments(name, argument, 1, 1)
            truth = _boolean(inner, template, scope)
            return truth if isinstance(truth, Unknown) else not truth
        if name in ("Fn::And", "Fn::Or"):
            deciding = bool(name == "Fn::Or")
            truths = [_boolean(inner, template, scope) for inner in _arguments(name, argument, 2, 10)]
            if any(truth is deciding for truth in truths):
                return deciding
            return next((truth for truth in truths if isinstance(truth, Unknown)), not deciding)
    raise invalid("Template format error: Conditions can only be boolean operations on parameters and other conditions")


def _arguments(name: str, argument: Any, least: int, most: int) -> list[Any]:
    if isinstance(argument, list) and least <= len(argument) <= most:
        return argument
    words = {"Fn::Not": "one condition", "Fn::Equals": "two string parameters."}
    raise invalid(
        f"Template error: every {name} object requires a list of "
        + words.get(name, f"at least {least} and at most {most} boolean parameters.")
    )


def _equals(argument: Any, template: Template, scope: Scope) -> bool | Unknown:
    left, right = (evaluate(part, template, scope) for part in _arguments("Fn::Equals", argument, 2, 2))
    unknown = _first_unknown(left, right)
    if unknown:
        return unknown
    return bool(left == right) if isinstance(left, Mapping | list) else text(left) == text(right)


def _truth(name: str) -> Callable[[Any, Template, Scope], Any]:
    return lambda argument, template, scope: _boolean({name: argument}, template, scope)


_DYNAMIC = re.compile(r"\{\{resolve:ssm:([^:}]+(?::\d+)?)\}\}")


def _resolve_dynamic(value: str, scope: Scope) -> Any:
    """Plain SSM references by value; ``ssm-secure`` and ``secretsmanager`` stay for the service.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/dynamic-references-ssm.html
    """
    missing = [name for name in _DYNAMIC.findall(value) if name not in scope.ssm]
    if missing:
        return Unknown(f"SSM parameter {missing[0]}")
    return _DYNAMIC.sub(lambda match: scope.ssm[match.group(1)], value)


_FUNCTIONS: dict[str, Callable[[Any, Template, Scope], Any]] = {
    "Fn::Base64": _base64,
    "Fn::GetAtt": _get_att,
    "Fn::GetAZs": _get_azs,
    "Fn::ImportValue": _import_value,
    "Fn::Join": _join,
    "Fn::Split": _split,
    "Fn::FindInMap": _find_in_map,
    "Fn::Select": _select,
    "Ref": _ref,
    "Fn::Equals": _truth("Fn::Equals"),
    "Fn::If": _if,
    "Fn::Not": _truth("Fn::Not"),
    "Fn::And": _truth("Fn::And"),
    "Fn::Or": _truth("Fn::Or"),
    "Fn::Sub": _sub,
    "Fn::Cidr": _cidr,
    "Fn::Length": _length,
    "Fn::ToJsonString": _to_json_string,
}
