"""The form of a whole template: sections are checked because they are written, not because they are used.

CloudFormation refuses what stands wrong in a section that nothing refers to; reading and evaluating a template finds
only what is used.  Its words are given where they are published.
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/template-anatomy.html
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from hermes_cfn.cfn.parameters import known_type
from hermes_cfn.cfn.refusal import invalid
from hermes_cfn.cfn.template import Template
from hermes_cfn.cfn.values import text

_PARAMETER_KEYS = frozenset(
    {
        "AllowedPattern",
        "AllowedValues",
        "ConstraintDescription",
        "Default",
        "Description",
        "MaxLength",
        "MaxValue",
        "MinLength",
        "MinValue",
        "NoEcho",
        "Type",
    }
)
_OUTPUT_KEYS = frozenset({"Condition", "Description", "Export", "Value"})
_RULE_KEYS = frozenset({"Assertions", "RuleCondition"})
_UPDATE_POLICIES = frozenset(
    {
        "AutoScalingInstanceRefresh",
        "AutoScalingReplacingUpdate",
        "AutoScalingRollingUpdate",
        "AutoScalingScheduledAction",
        "CodeDeployLambdaAliasUpdate",
        "EnableVersionUpgrade",
        "UseOnlineResharding",
    }
)
_CREATION_POLICIES = frozenset({"AutoScalingCreationPolicy", "ResourceSignal", "StartFleet"})
_IN_CONDITIONS = frozenset(
    {"Ref", "Fn::FindInMap", "Fn::Join", "Fn::Length", "Fn::Select", "Fn::Split", "Fn::Sub", "Fn::ToJsonString"}
)
"""Functions that may give a side of Fn::Equals."""
_NO_TEXT = frozenset({"", "Fn::Cidr", "Fn::GetAZs", "Fn::Split"})
"""What an output's value cannot be: a map, or a function that gives a list."""
_NUMBERS = ("MaxLength", "MaxValue", "MinLength", "MinValue")
_EXPORT_NAME = re.compile(r"[A-Za-z0-9:-]{1,255}")
_VARIABLE = re.compile(r"\$\{(?:![^}]*|\s*[A-Za-z0-9_.:]+\s*)\}")
DESCRIPTION_LIMIT = 1_024
PARAMETER_DESCRIPTION_LIMIT = 4_000
SUB = (
    "Template error: variable names in Fn::Sub syntax must contain only alphanumeric characters, underscores, periods, "
    "and colons"
)
ONLY_BOOLEAN = "Template format error: Conditions can only be boolean operations on parameters and other conditions"


def check(template: Template) -> None:
    """Raises :class:`HermesError` (``template-invalid``) for the first thing that has not the form."""
    _nulls(template.body, "")
    _description(template.body.get("Description"), DESCRIPTION_LIMIT, "Description")
    for name, spec in template.parameters.items():
        _parameter(template, name, spec)
    for name, mapping in template.mappings.items():
        _mapping(name, mapping)
    for name, condition in template.conditions.items():
        _condition(template, condition, f"Conditions/{name}")
    for name, rule in template.rules.items():
        _rule(name, rule)
    for name in template.resources:
        _resource(template, name)
    for name, output in template.outputs.items():
        _output(template, name, output)
    _exports(template)


def _nulls(value: Any, path: str) -> None:
    if value is None:
        raise invalid(f"[{path}] 'null' values are not allowed in templates", path.lstrip("/") or "template")
    if isinstance(value, Mapping):
        for key, inner in value.items():
            _nulls(inner, f"{path}/{key}")
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            _nulls(inner, f"{path}/{index}")


def _description(value: Any, most: int, where: str) -> None:
    if value is None:
        return
    if not isinstance(value, str | int | float):
        raise invalid("Template format error: Every Description member must be a string.", where)
    if len(str(value).encode()) > most:
        raise invalid(f"Template format error: 'Description' length is greater than {most}.", where)


def _parameter(template: Template, name: str, spec: Mapping[str, Any]) -> None:
    where = f"Parameters/{name}"
    if name in template.resources:
        raise invalid(f"Template format error: Parameter and resource share the name {name}.", where)
    odd = sorted(str(key) for key in spec if key not in _PARAMETER_KEYS)
    if odd:
        raise invalid(f"Invalid template parameter property '{odd[0]}'", where)
    if not known_type(str(spec["Type"])):
        raise invalid(f"Template format error: Unrecognized parameter type: {spec['Type']}", where)
    _description(spec.get("Description"), PARAMETER_DESCRIPTION_LIMIT, where)
    for key in ("AllowedPattern", "ConstraintDescription", "Default"):
        if isinstance(spec.get(key), Mapping | list):
            raise invalid(f"Template format error: Every {key} member must be a string.", where)
    allowed = spec.get("AllowedValues", [""])
    if not isinstance(allowed, list) or not allowed or any(isinstance(each, Mapping | list) for each in allowed):
        raise invalid("Template format error: Every AllowedValues member must be a list of strings.", where)
    for key in _NUMBERS:
        if key in spec and not re.fullmatch(r"[+-]?\d+(\.\d+)?", text(spec[key])):
            raise invalid(f"Template format error: Every {key} member must be a number.", where)
    if text(spec.get("NoEcho", "false")).lower() not in ("true", "false"):
        raise invalid("Template format error: Every NoEcho member must be a boolean.", where)


def _mapping(name: str, mapping: Any) -> None:
    where = f"Mappings/{name}"
    if not isinstance(mapping, Mapping):
        raise invalid(f"Template format error: Every Mappings member {name} must be a map", where)
    for key, attributes in mapping.items():
        if not isinstance(attributes, Mapping) or not attributes or _function(attributes):
            raise invalid(f"Template format error: Every Mappings member {key} must be a map", f"{where}/{key}")
        for attribute, value in attributes.items():
            items = value if isinstance(value, list) else [value]
            if any(isinstance(item, Mapping | list) for item in items):
                raise invalid(
                    "Template format error: Every Mappings attribute must be a String or a List.",
                    f"{where}/{key}/{attribute}",
                )


def _condition(template: Template, value: Any, where: str) -> None:
    name = _function(value)
    argument = value[name] if name else None
    if name == "Condition":
        if isinstance(argument, Mapping):
            return _condition(template, argument, where)
        return _defined(template, argument, "Conditions", where)
    counts = {"Fn::And": (2, 10), "Fn::Or": (2, 10), "Fn::Not": (1, 1), "Fn::Equals": (2, 2)}
    if name not in counts:
        raise invalid(ONLY_BOOLEAN, where)
    least, most = counts[name]
    if not isinstance(argument, list) or not least <= len(argument) <= most:
        words = {"Fn::Not": "one condition", "Fn::Equals": "two string parameters."}
        more = words.get(name, f"at least {least} and at most {most} boolean parameters.")
        raise invalid(f"Template error: every {name} object requires a list of {more}", where)
    for each in argument:
        if name == "Fn::Equals":
            for used, _ in _functions(each):
                if used == "Fn::ImportValue":
                    raise invalid("Template validation error: Cannot use Fn::ImportValue in Conditions.", where)
                if used not in _IN_CONDITIONS:
                    raise invalid(ONLY_BOOLEAN, where)
            _arguments(template, each, where)
        else:
            _condition(template, each, where)
    return None


def _defined(template: Template, name: Any, block: str, where: str) -> None:
    if isinstance(name, Mapping | list) or name not in template.conditions:
        raise invalid(
            f"Template format error: Unresolved condition dependency {name} in the {block} block of the template", where
        )


def _rule(name: str, rule: Any) -> None:
    where = f"Rules/{name}"
    if not isinstance(rule, Mapping) or not set(rule) <= _RULE_KEYS:
        raise invalid(f"Template format error: [/{where}] a rule has only RuleCondition and Assertions.", where)
    assertions = rule.get("Assertions")
    if not isinstance(assertions, list) or not assertions:
        raise invalid(f"Template format error: [/{where}] every rule must contain a list of Assertions.", where)
    for each in assertions:
        if not isinstance(each, Mapping) or "Assert" not in each or not {"Assert", "AssertDescription"} >= set(each):
            raise invalid(f"Template format error: [/{where}] every assertion must contain an Assert member.", where)


def _resource(template: Template, name: str) -> None:
    where, resource = f"Resources/{name}", template.body["Resources"][name]
    for key in ("DeletionPolicy", "UpdateReplacePolicy"):
        if not isinstance(resource.get(key, ""), str):
            raise invalid(f"Template format error: Every {key} member must be a string.", where)
    for key, known in (("UpdatePolicy", _UPDATE_POLICIES), ("CreationPolicy", _CREATION_POLICIES)):
        policy = resource.get(key, {})
        odd = sorted(set(policy) - known) if not _function(policy) else []
        if odd:
            raise invalid(f"Template format error: [/{where}/{key}] Encountered unsupported property {odd[0]}", where)
    for key in ("Properties", "UpdatePolicy", "CreationPolicy"):
        _arguments(template, resource.get(key), f"{where}/{key}")


def _output(template: Template, name: str, output: Mapping[str, Any]) -> None:
    where = f"Outputs/{name}"
    odd = sorted(str(key) for key in output if key not in _OUTPUT_KEYS)
    if odd:
        raise invalid(f"Invalid template output property '{odd[0]}'", where)
    _description(output.get("Description"), DESCRIPTION_LIMIT, where)
    if "Condition" in output:
        _defined(template, output["Condition"], "Outputs", where)
    value = output["Value"]
    if isinstance(value, list) or (isinstance(value, Mapping) and _function(value) in _NO_TEXT):
        raise invalid(
            "Template format error: The Value field of every Outputs member must evaluate to a String.", where
        )
    _arguments(template, [value, output.get("Export", "")], where)
    if "Export" not in output:
        return
    export = output["Export"]
    named = export.get("Name") if isinstance(export, Mapping) and set(export) == {"Name"} else None
    good = _function(named) if isinstance(named, Mapping) else isinstance(named, str) and _EXPORT_NAME.fullmatch(named)
    if not good:
        raise invalid(
            f"Template format error: Output {name} is malformed. The Name field of every Export member must be "
            "specified and consist only of alphanumeric characters, colons, or hyphens.",
            where,
        )


def _exports(template: Template) -> None:
    """Two outputs of one condition cannot export one name."""
    names = Counter(
        (output["Export"]["Name"], str(output.get("Condition", "")))
        for output in template.outputs.values()
        if "Export" in output and isinstance(output["Export"]["Name"], str)
    )
    twice = sorted(name for (name, _), count in names.items() if count > 1)
    if twice:
        raise invalid(
            f"Template format error: The Outputs section contains duplicate Export names: [{', '.join(twice)}]",
            "Outputs",
        )


def _function(value: Any) -> str:
    """The function that a value is; empty if it is none."""
    if isinstance(value, Mapping) and len(value) == 1:
        name = next(iter(value))
        if isinstance(name, str) and (name in ("Ref", "Condition") or name.startswith("Fn::")):
            return name
    return ""


def _functions(value: Any) -> Iterator[tuple[str, Any]]:
    """Every function in ``value`` with its argument, outer ones first."""
    name = _function(value)
    if name and name != "Condition":
        yield name, value[name]
    if isinstance(value, Mapping):
        for inner in value.values():
            yield from _functions(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _functions(inner)


def _arguments(template: Template, value: Any, where: str) -> None:
    for name, argument in _functions(value):
        form = _FORMS.get(name)
        if form is None:
            raise invalid(
                f"Template error: Encountered unsupported function: {name} Supported functions are: "
                f"[{', '.join(_FORMS)}]",
                where,
            )
        fits, words = form
        if not fits(argument):
            raise invalid(f"Template error: {words}", where)
        if name == "Fn::If":
            _defined(template, argument[0], "Resources" if where.startswith("Resources") else "Outputs", where)
        if name == "Fn::FindInMap" and isinstance(argument[0], str) and argument[0] not in template.mappings:
            if len(argument) == 4:
                continue
            raise invalid(
                f"Template format error: Mapping named '{argument[0]}' is not present in the 'Mappings' section of "
                "template.",
                where,
            )
        if name == "Fn::Sub":
            pattern = argument if isinstance(argument, str) else argument[0]
            if "${" in _VARIABLE.sub("", pattern):
                raise invalid(SUB, where)


def _list(least: int, most: int, first: type | tuple[type, ...] = object) -> Callable[[Any], bool]:
    return lambda given: isinstance(given, list) and least <= len(given) <= most and isinstance(given[0], first)


def _single(given: Any) -> bool:
    return isinstance(given, str | int | float) or bool(_function(given))


def _pair(given: Any) -> bool:
    return isinstance(given, str) or (
        isinstance(given, list) and len(given) == 2 and isinstance(given[0], str) and isinstance(given[1], Mapping)
    )


def _attribute(given: Any) -> bool:
    pair = given.split(".", 1) if isinstance(given, str) else given
    return isinstance(pair, list) and len(pair) == 2 and isinstance(pair[0], str) and all(pair)


_FORMS: Mapping[str, tuple[Callable[[Any], bool], str]] = {
    "Fn::Base64": (_single, "every Fn::Base64 object must have a String-typed value."),
    "Fn::GetAtt": (
        _attribute,
        "every Fn::GetAtt object requires two non-empty parameters, the resource name and the resource attribute",
    ),
    "Fn::GetAZs": (_single, "every Fn::GetAZs object must have a String-typed value."),
    "Fn::ImportValue": (
        _single,
        "the attribute in Fn::ImportValue must be a string or a function that returns a string",
    ),
    "Fn::Join": (
        _list(2, 2, str),
        "every Fn::Join object requires two parameters, (1) a string delimiter and (2) a list of strings to be joined "
        "or a function that returns a list of strings (such as Fn::GetAZs) to be joined.",
    ),
    "Fn::Split": (
        _list(2, 2, str),
        "every Fn::Split object requires two parameters, (1) a string delimiter and (2) a string to be split or a "
        "function that returns a string to be split.",
    ),
    "Fn::FindInMap": (
        _list(3, 4),
        "every Fn::FindInMap object requires three parameters, the map name, map key and the attribute for return value",
    ),
    "Fn::Select": (
        _list(2, 2),
        "every Fn::Select object requires two parameters, the first a positive integer index and the second a list or a "
        "function that returns a list.",
    ),
    "Ref": (lambda given: isinstance(given, str), "every Ref object must have a single String value."),
    "Fn::Equals": (_list(2, 2), "every Fn::Equals object requires a list of two string parameters."),
    "Fn::If": (_list(3, 3, (str, bool, int)), "Fn::If requires a list argument with three parameters"),
    "Fn::Not": (_list(1, 1), "every Fn::Not object requires a list of one condition"),
    "Fn::And": (
        _list(2, 10),
        "every Fn::And object requires a list of at least 2 and at most 10 boolean parameters.",
    ),
    "Fn::Or": (_list(2, 10), "every Fn::Or object requires a list of at least 2 and at most 10 boolean parameters."),
    "Fn::Sub": (
        _pair,
        "One or more Fn::Sub intrinsic functions don't specify expected arguments. Specify a string as first argument, "
        "and an optional second argument to specify a mapping of values to replace in the string",
    ),
    "Fn::Cidr": (
        _list(2, 3),
        "every Fn::Cidr object requires two parameters, (1) an IP address block and (2) the number of CIDRs to "
        "generate, and an optional (3) number of subnet bits",
    ),
    "Fn::Length": (lambda given: isinstance(given, list) or bool(_function(given)), "Fn::Length needs a list."),
    "Fn::ToJsonString": (
        lambda given: isinstance(given, list | Mapping),
        "Fn::ToJsonString needs an object or a list.",
    ),
}
"""What each function's argument looks like, and what is said of one that does not."""
