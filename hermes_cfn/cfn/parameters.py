"""Parameters: types, defaults and constraints, refused in CloudFormation's words.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/parameters-section-structure.html
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import regex  # type: ignore[import-untyped]

from hermes_cfn.cfn.refusal import invalid
from hermes_cfn.cfn.template import Template
from hermes_cfn.cfn.values import Unknown, text

VALUE_LIMIT = 4_096
"""Bytes of a parameter's value (cloudformation-limits.html)."""
SSM_TYPE = re.compile(r"AWS::SSM::Parameter::Value<(.+)>")
_AWS_TYPE = re.compile(r"(?:List<)?AWS::(?:EC2|Route53|SSM)::[A-Za-z:]+>?")


def resolve_parameters(
    template: Template, given: Mapping[str, Any], ssm: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """Each parameter's value, typed: a list for list types, text for the rest.

    ``given`` values may be text, lists or Unknown.  SSM types become the stored value where
    ``ssm`` has it, Unknown otherwise.  Raises :class:`HermesError` (``template-invalid``).
    """
    strange = sorted(set(given) - template.parameters.keys())
    if strange:
        raise invalid(f"Parameters: [{', '.join(strange)}] do not exist in the template", "Parameters")
    missing = sorted(name for name, spec in template.parameters.items() if name not in given and "Default" not in spec)
    if missing:
        raise invalid(f"Parameters: [{', '.join(missing)}] must have values", "Parameters")
    return {
        name: _resolve(name, spec, given.get(name, spec.get("Default")), ssm or {})
        for name, spec in template.parameters.items()
    }


def known_type(kind: str) -> bool:
    """Whether CloudFormation has the parameter type."""
    stored = SSM_TYPE.fullmatch(kind)
    inner = stored.group(1) if stored else kind
    return inner in _PLAIN or _AWS_TYPE.fullmatch(inner) is not None


_PLAIN = ("String", "Number", "CommaDelimitedList", "List<Number>", "List<String>")


def _resolve(name: str, spec: Mapping[str, Any], value: Any, ssm: Mapping[str, str]) -> Any:
    kind = str(spec["Type"])
    stored = SSM_TYPE.fullmatch(kind)
    inner = stored.group(1) if stored else kind
    if not known_type(kind):
        raise invalid(f"Template format error: Unrecognized parameter type: {kind}", f"Parameters/{name}")
    if isinstance(value, Unknown):
        return value
    if isinstance(value, list):
        value = ",".join(text(item) for item in value)
    value = text(value)
    if len(value.encode()) > VALUE_LIMIT:
        raise invalid(f"Parameter value for parameter name {name} is too long. Length is {len(value.encode())}.")
    _constrain(name, spec, value, inner)
    if stored:
        if value not in ssm:
            return Unknown(f"SSM parameter {value}")
        value = ssm[value]
    if inner == "CommaDelimitedList" or inner.startswith("List<"):
        return [item.strip() for item in value.split(",")]
    return value


def _fits(pattern: str, item: str, name: str) -> bool:
    """Whether all of ``item`` is as ``pattern`` says, which may be a pattern that takes for ever.

    Raises HermesError for one that cannot be read, or not be decided within :data:`PATTERN_S`.
    """
    where = f"Parameters/{name}"
    try:
        return regex.fullmatch(pattern, item, timeout=PATTERN_S) is not None
    except TimeoutError:
        raise invalid(f"Parameter '{name}': AllowedPattern takes too long to decide", where) from None
    except (regex.error, RecursionError, OverflowError, MemoryError):
        raise invalid(f"Parameter '{name}': AllowedPattern is no regular expression", where) from None


PATTERN_S = 0.5
"""As long as a pattern of a template may take for one value, in seconds of work."""


def _constrain(name: str, spec: Mapping[str, Any], value: str, kind: str) -> None:
    where = f"Parameters/{name}"
    said = spec.get("ConstraintDescription")

    def refuse(why: str) -> None:
        if said:
            raise invalid(f"Parameter {name} failed to satisfy constraint: {said}", where)
        raise invalid(why, where)

    items = [item.strip() for item in value.split(",")] if kind in ("CommaDelimitedList", "List<Number>") else [value]
    if kind in ("Number", "List<Number>") and not all(re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)", item) for item in items):
        refuse(f"Parameter '{name}' must be a number.")
    allowed = [text(item) for item in spec.get("AllowedValues", [])]
    if allowed and not set(items) <= set(allowed):
        refuse(f"Parameter '{name}' must be one of AllowedValues")
    pattern = spec.get("AllowedPattern")
    if pattern and not all(_fits(str(pattern), item, name) for item in items):
        refuse(f"Parameter '{name}' must match pattern {pattern}")
    if "MinLength" in spec and len(value) < int(spec["MinLength"]):
        refuse(f"Parameter '{name}' must contain at least {spec['MinLength']} characters")
    if "MaxLength" in spec and len(value) > int(spec["MaxLength"]):
        refuse(f"Parameter '{name}' must contain at most {spec['MaxLength']} characters")
    if kind == "Number":
        if "MinValue" in spec and float(value) < float(spec["MinValue"]):
            refuse(f"Parameter '{name}' must be a number not less than {spec['MinValue']}")
        if "MaxValue" in spec and float(value) > float(spec["MaxValue"]):
            refuse(f"Parameter '{name}' must be a number not greater than {spec['MaxValue']}")
