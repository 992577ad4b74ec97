"""The Rules section: assertions about parameters, checked before anything is made.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/rules-section-structure.html
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/intrinsic-function-reference-rules.html
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from hermes_cfn.cfn.refusal import invalid
from hermes_cfn.cfn.template import Template
from hermes_cfn.cfn.values import Unknown, text

_LOOKUPS = frozenset({"Fn::RefAll", "Fn::ValueOf", "Fn::ValueOfAll"})
"""Functions that ask the account for what exists; not evaluated here."""


def check_rules(template: Template, parameters: Mapping[str, Any]) -> None:
    """Raises :class:`HermesError` (``template-invalid``) for an assertion that does not hold.

    ``parameters`` are typed; one that is not known (or Unknown) leaves its assertion open.
    """
    for name, rule in template.rules.items():
        where = f"Rules/{name}"
        if "RuleCondition" in rule and _truth(rule["RuleCondition"], parameters, where) is False:
            continue
        for assertion in rule.get("Assertions") or []:
            if not isinstance(assertion, Mapping) or "Assert" not in assertion:
                raise invalid(
                    f"Template format error: [/{where}] every assertion must contain an Assert member.", where
                )
            if _truth(assertion["Assert"], parameters, where) is False:
                said = str(assertion.get("AssertDescription") or f"the assertion of rule {name} does not hold")
                raise invalid(f"Template validation error: {said}", where)


def _truth(value: Any, parameters: Mapping[str, Any], where: str) -> bool | Unknown:
    name, argument = next(iter(value.items())) if isinstance(value, Mapping) and len(value) == 1 else ("", None)
    if name in ("Fn::And", "Fn::Or") and isinstance(argument, list):
        deciding = bool(name == "Fn::Or")
        truths = [_truth(inner, parameters, where) for inner in argument]
        if any(truth is deciding for truth in truths):
            return deciding
        return next((truth for truth in truths if isinstance(truth, Unknown)), not deciding)
    if name == "Fn::Not" and isinstance(argument, list) and len(argument) == 1:
        inner = _truth(argument[0], parameters, where)
        return inner if isinstance(inner, Unknown) else not inner
    if name in _COMPARISONS and isinstance(argument, list) and len(argument) == 2:
        left, right = (_value(part, parameters, where) for part in argument)
        unknown = next((each for each in (left, right) if isinstance(each, Unknown)), None)
        return unknown or _COMPARISONS[name](left, right)
    raise invalid(f"Template format error: [/{where}] {name or value!r} is no rule-specific function.", where)


def _value(value: Any, parameters: Mapping[str, Any], where: str) -> Any:
    if isinstance(value, list):
        items = [_value(item, parameters, where) for item in value]
        return next((item for item in items if isinstance(item, Unknown)), items)
    if isinstance(value, Mapping):
        name, argument = next(iter(value.items())) if len(value) == 1 else ("", None)
        if name == "Ref":
            return parameters.get(str(argument), Unknown(f"parameter {argument}"))
        if name in _LOOKUPS:
            return Unknown(name)
        raise invalid(f"Template format error: [/{where}] {name or value!r} is no rule-specific function.", where)
    return text(value)


def _many(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


_COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "Fn::Contains": lambda strings, one: all(item in _many(strings) for item in _many(one)),
    "Fn::EachMemberEquals": lambda strings, one: all(item == one for item in _many(strings)),
    "Fn::EachMemberIn": lambda strings, all_of: set(_many(strings)) <= set(_many(all_of)),
    "Fn::Equals": lambda left, right: bool(left == right),
}
