"""Whether evaluated properties fit what a resource type's schema says, in the words of CloudFormation's events.

The keywords are those of JSON Schema that say what a value is: type, enum, pattern, lengths, bounds, numbers of items,
unique items, required and additional properties, and combinations of rules (``allOf``, ``anyOf``, ``oneOf``), in the
words of the validator that CloudFormation uses (github.com/everit-org/json-schema).
https://docs.aws.amazon.com/cloudformation-cli/latest/userguide/resource-type-schema.html
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from hermes_cfn.cfn.schemas import ResourceSchema
from hermes_cfn.cfn.values import Unknown, text

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_NAMES = {"array": "JSONArray", "object": "JSONObject", "boolean": "Boolean", "integer": "Integer", "number": "Number"}
_JSON_TYPES = {"array": list, "object": Mapping}


def violations(properties: Mapping[str, Any], known: ResourceSchema) -> list[str]:
    """Every misfit, such as ``#/Port: expected type: Integer, found: String``; nothing is said of Unknown values."""
    return list(_check(properties, known.body, known.body, "#", top=True))


def _check(value: Any, rule: Mapping[str, Any], body: Mapping[str, Any], path: str, top: bool = False) -> Iterator[str]:
    if isinstance(value, Unknown):
        return
    rule = resolved(rule, body)
    kinds = rule.get("type", "object" if top else None)
    kinds = kinds if isinstance(kinds, list) else [kinds] if kinds else []
    if kinds and not any(_fits(value, kind) for kind in kinds):
        yield f"{path}: expected type: {_NAMES.get(kinds[0], 'String')}, found: {_found(value)}"
        return
    if isinstance(value, Mapping):
        yield from _check_object(value, rule, body, path)
    elif isinstance(value, list):
        yield from _check_items(value, rule, body, path)
    else:
        yield from _check_scalar(value, rule, path, kinds)
    yield from _check_combined(value, rule, body, path)


def _check_combined(value: Any, rule: Mapping[str, Any], body: Mapping[str, Any], path: str) -> Iterator[str]:
    for word in ("allOf", "anyOf", "oneOf"):
        choices = rule.get(word) or []
        fit = sum(not any(True for _ in _check(value, choice, body, path)) for choice in choices)
        if word == "allOf" and fit < len(choices):
            yield f"{path}: only {fit} subschema matches out of {len(choices)}"
        elif word == "anyOf" and choices and not fit:
            yield f"{path}: no subschema matched out of the total {len(choices)} subschemas"
        elif word == "oneOf" and choices and fit != 1:
            yield f"{path}: {fit} subschemas matched instead of one"


def _check_object(
    value: Mapping[str, Any], rule: Mapping[str, Any], body: Mapping[str, Any], path: str
) -> Iterator[str]:
    inner = rule.get("properties", {})
    patterns = rule.get("patternProperties", {})
    for key in rule.get("required", ()):
        if key not in value:
            yield f"{path}: required key [{key}] not found"
    for key, item in value.items():
        if key in inner:
            yield from _check(item, inner[key], body, f"{path}/{key}")
        elif rule.get("additionalProperties") is False and not any(_matches(one, str(key)) for one in patterns):
            yield f"{path}: extraneous key [{key}] is not permitted"


def _check_items(value: list[Any], rule: Mapping[str, Any], body: Mapping[str, Any], path: str) -> Iterator[str]:
    if len(value) < rule.get("minItems", 0):
        yield f"{path}: expected minimum item count: {rule['minItems']}, found: {len(value)}"
    if "maxItems" in rule and len(value) > rule["maxItems"]:
        yield f"{path}: expected maximum item count: {rule['maxItems']}, found: {len(value)}"
    if rule.get("uniqueItems") and any(one in value[:index] for index, one in enumerate(value)):
        yield f"{path}: array items are not unique"
    if isinstance(rule.get("items"), Mapping):
        for index, item in enumerate(value):
            yield from _check(item, rule["items"], body, f"{path}/{index}")


def _check_scalar(value: Any, rule: Mapping[str, Any], path: str, kinds: list[str]) -> Iterator[str]:
    words = text(value)
    if "enum" in rule and words not in {text(each) for each in rule["enum"]}:
        yield f"{path}: failed validation constraint for keyword [enum]"
    if "string" in kinds:
        if "pattern" in rule and not _matches(rule["pattern"], words):
            yield f"{path}: failed validation constraint for keyword [pattern]"
        if len(words) < rule.get("minLength", 0):
            yield f"{path}: expected minLength: {rule['minLength']}, actual: {len(words)}"
        if "maxLength" in rule and len(words) > rule["maxLength"]:
            yield f"{path}: expected maxLength: {rule['maxLength']}, actual: {len(words)}"
    elif {"integer", "number"} & set(kinds) and _NUMBER.fullmatch(words):
        if "minimum" in rule and float(words) < rule["minimum"]:
            yield f"{path}: {words} is not greater or equal to {rule['minimum']}"
        if "maximum" in rule and float(words) > rule["maximum"]:
            yield f"{path}: {words} is not less or equal to {rule['maximum']}"


def resolved(rule: Mapping[str, Any], body: Mapping[str, Any]) -> Mapping[str, Any]:
    """A rule of a schema with its ``$ref`` followed."""
    while "$ref" in rule:
        found: Any = body
        for part in str(rule["$ref"]).removeprefix("#/").split("/"):
            found = found.get(part, {}) if isinstance(found, Mapping) else {}
        rule = found if isinstance(found, Mapping) else {}
    return rule


def _fits(value: Any, kind: str) -> bool:
    """Whether a value is of a type, or a text that CloudFormation turns into it (``"80"``, ``"true"``)."""
    if kind in _JSON_TYPES:
        return isinstance(value, _JSON_TYPES[kind])
    if isinstance(value, list | Mapping):
        return False
    if kind == "boolean":
        return isinstance(value, bool) or text(value).lower() in ("true", "false")
    if kind in ("integer", "number"):
        whole = re.fullmatch(r"[+-]?\d+(\.0*)?", text(value)) is not None
        return not isinstance(value, bool) and (
            whole or (kind == "number" and _NUMBER.fullmatch(text(value)) is not None)
        )
    return kind == "string"


def _found(value: Any) -> str:
    names = ((bool, "Boolean"), (int, "Integer"), (float, "Double"), (list, "JSONArray"), (Mapping, "JSONObject"))
    return next((name for kind, name in names if isinstance(value, kind)), "String")


@cache
def _compiled(pattern: str) -> re.Pattern[str] | None:
    try:
        return re.compile(pattern)
    except re.error:
        return None


def _matches(pattern: str, words: str) -> bool:
    """A pattern that Python cannot read is left to the service."""
    compiled = _compiled(pattern)
    return compiled is None or compiled.search(words) is not None
