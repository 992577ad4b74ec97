"""Scalars as the resource schema types them, at every depth, as CloudFormation hands them to a service.

A template may write ``5`` or ``true`` where a text is meant, and every reference to a parameter gives a text.
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/parameters-section-structure.html (Number: "treated as a
number ... when you use Ref it becomes a string")
https://docs.aws.amazon.com/cloudformation-cli/latest/userguide/resource-type-schema.html
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from hermes_cfn.cfn.schemas import ResourceSchema
from hermes_cfn.cfn.validation import resolved
from hermes_cfn.cfn.values import text

_WHOLE = re.compile(r"[+-]?\d+(\.0*)?")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")


def converted(properties: Mapping[str, Any], known: ResourceSchema) -> dict[str, Any]:
    """``properties`` with each scalar of the type that the schema says; what fits no type stays as it is."""
    made: dict[str, Any] = _convert(properties, known.body, known.body)
    return made


def _convert(value: Any, rule: Mapping[str, Any], body: Mapping[str, Any]) -> Any:
    rules = list(_alternatives(rule, body))
    if isinstance(value, Mapping):
        return {key: _member(key, inner, rules, body) for key, inner in value.items()}
    if isinstance(value, list):
        items = [one["items"] for one in rules if isinstance(one.get("items"), Mapping)]
        return [_convert(inner, items[0], body) for inner in value] if items else value
    kinds = [kind for one in rules for kind in _kinds(one)]
    return _scalar(value, kinds)


def _member(key: Any, value: Any, rules: list[Mapping[str, Any]], body: Mapping[str, Any]) -> Any:
    for rule in rules:
        if key in rule.get("properties", {}):
            return _convert(value, rule["properties"][key], body)
    for rule in rules:
        for pattern, inner in rule.get("patternProperties", {}).items():
            if _hits(pattern, str(key)):
                return _convert(value, inner, body)
        if isinstance(rule.get("additionalProperties"), Mapping):
            return _convert(value, rule["additionalProperties"], body)
    return value


def _hits(pattern: str, key: str) -> bool:
    try:
        return re.search(pattern, key) is not None
    except re.error:
        return True


def _alternatives(rule: Mapping[str, Any], body: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    rule = resolved(rule, body)
    yield rule
    for word in ("allOf", "anyOf", "oneOf"):
        for choice in rule.get(word) or ():
            yield from _alternatives(choice, body)


def _kinds(rule: Mapping[str, Any]) -> list[str]:
    kinds = rule.get("type", [])
    return list(kinds) if isinstance(kinds, list) else [str(kinds)]


def _scalar(value: Any, kinds: list[str]) -> Any:
    if not kinds or any(_is(value, kind) for kind in kinds):
        return value
    words = text(value)
    if isinstance(value, str):
        if "boolean" in kinds and words.lower() in ("true", "false"):
            return words.lower() == "true"
        if {"integer", "number"} & set(kinds) and _WHOLE.fullmatch(words):
            return int(words.partition(".")[0])
        if "number" in kinds and _NUMBER.fullmatch(words):
            return float(words)
        return value
    if "string" in kinds and isinstance(value, bool | int | float):
        return words
    if "integer" in kinds and isinstance(value, float) and value.is_integer():
        return int(value)
    return value


def _is(value: Any, kind: str) -> bool:
    if kind == "boolean":
        return isinstance(value, bool)
    if kind == "integer":
        return isinstance(value, int) and not isinstance(value, bool)
    if kind == "number":
        return isinstance(value, int | float) and not isinstance(value, bool)
    return kind == "string" and isinstance(value, str)
