"""Scalars become what the schema says, for every property of every type that the engine makes."""

from __future__ import annotations

import pytest

from hermes_cfn.cfn.conversion import converted
from hermes_cfn.cfn.schemas import schema
from hermes_cfn.cfn.validation import resolved
from hermes_cfn.local.providers import HANDLERS, OUTSIDE

AS_WRITTEN = {"string": 5, "boolean": "true", "integer": "5", "number": "1.5"}
AS_TYPED = {"string": "5", "boolean": True, "integer": 5, "number": 1.5}


def example(rule, body, written, depth=0):
    """A value for a rule with every scalar as ``written`` says; None where there is no one type."""
    rule = resolved(rule, body)
    kind = rule.get("type")
    if depth > 6 or "oneOf" in rule or "anyOf" in rule or isinstance(kind, list):
        return None
    if kind in written:
        return written[kind]
    if kind == "array" and isinstance(rule.get("items"), dict):
        inner = example(rule["items"], body, written, depth + 1)
        return None if inner is None else [inner, inner]
    if kind == "object" or "properties" in rule:
        found = {key: example(inner, body, written, depth + 1) for key, inner in rule.get("properties", {}).items()}
        return {key: value for key, value in found.items() if value is not None}
    return None


@pytest.mark.parametrize("kind", sorted(set(HANDLERS) - OUTSIDE))
def test_every_scalar_of_every_type_is_brought_to_its_schemas_type(kind):
    known = schema(kind, "us-east-1")
    written = example(known.body, known.body, AS_WRITTEN)
    assert converted(written, known) == example(known.body, known.body, AS_TYPED)
    assert converted(example(known.body, known.body, AS_TYPED), known) == example(known.body, known.body, AS_TYPED)


def test_what_has_no_type_stays():
    known = schema("AWS::IAM::Role", "us-east-1")
    document = {"Statement": [{"Effect": "Allow", "Condition": {"Bool": {"a": True, "n": 5}}}]}
    assert converted({"AssumeRolePolicyDocument": document}, known) == {"AssumeRolePolicyDocument": document}
    assert converted({"MaxSessionDuration": "an hour", "Nobody": "5"}, known) == {
        "MaxSessionDuration": "an hour",
        "Nobody": "5",
    }
