"""Whether a request fits what the service's own model says of its values: the caller's fault, if something then breaks.

The constraints (what is required, lengths, bounds, patterns, enumerations) are those of the API references, as
botocore carries them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from botocore.exceptions import UnknownServiceError
from botocore.model import ListShape, MapShape, Shape, StructureShape

from hermes_cfn.local import wire
from hermes_cfn.local.wire import HttpRequest, ServiceError

_READ = ("query", "ec2", "json")
"""Protocols whose requests stand in the body alone."""


def misfit(shape: Shape, value: Any) -> str:
    """What ``value`` itself must do, as AWS words it ("Member must …"); empty where it fits."""
    rules = shape.metadata
    if isinstance(value, str | list | bytes):
        if len(value) > rules.get("max", len(value)):
            return f"have length less than or equal to {rules['max']}"
        if len(value) < rules.get("min", 0):
            return f"have length greater than or equal to {rules['min']}"
    elif isinstance(value, int | float) and not isinstance(value, bool):
        if value > rules.get("max", value):
            return f"have value less than or equal to {rules['max']}"
        if value < rules.get("min", value):
            return f"have value greater than or equal to {rules['min']}"
    enum = (shape.member.metadata if isinstance(shape, ListShape) else rules).get("enum") or []
    if enum and any(one not in enum for one in (value if isinstance(value, list) else [value])):
        return f"satisfy enum value set: [{', '.join(enum)}]"
    if isinstance(value, str) and "pattern" in rules and not _matches(rules["pattern"], value):
        return f"satisfy regular expression pattern: {rules['pattern']}"
    return ""


def misfits(shape: Shape, value: Any, name: str = "") -> Iterator[str]:
    """The same of everything inside of ``value``, each with where it is."""
    said = misfit(shape, value)
    if said:
        yield f"Value at '{name}' failed to satisfy constraint: Member must {said}"
    if isinstance(shape, StructureShape) and isinstance(value, Mapping):
        for key in shape.required_members:
            if key not in value:
                yield f"Value null at '{_path(name, key)}' failed to satisfy constraint: Member must not be null"
        for key, inner in value.items():
            if key in shape.members:
                yield from misfits(shape.members[key], inner, _path(name, key))
    elif isinstance(shape, ListShape) and isinstance(value, list):
        for number, inner in enumerate(value, start=1):
            yield from misfits(shape.member, inner, f"{name}.{number}.member")
    elif isinstance(shape, MapShape) and isinstance(value, Mapping):
        for key, inner in value.items():
            yield from misfits(shape.value, inner, f"{name}.{key}")


def failure(service: str, action: str, problem: Exception, request: HttpRequest) -> ServiceError:
    """What an exception inside answers: the caller's fault where the request does not fit its model, lacks what the
    action turns out to need, or has a token that nobody gave; else an internal failure."""
    if isinstance(problem, ServiceError):
        return problem
    try:
        model = wire.model(service)
    except UnknownServiceError:
        return wire.failure(service, action, problem)
    shape = model.operation_model(action).input_shape if action in model.operation_names else None
    if shape is None or model.protocol not in _READ:
        return wire.failure(service, action, problem)
    try:
        given = wire.parse(service, action, request)
    except ServiceError as unreadable:
        return unreadable
    code = "ValidationException" if model.protocol == "json" else "ValidationError"
    said = next(misfits(shape, given), "")
    if said:
        return ServiceError(code, f"1 validation error detected: {said}")
    key = problem.args[0] if isinstance(problem, KeyError) and problem.args else None
    if isinstance(key, str) and key in _members(shape):
        return ServiceError("MissingParameter", f"The request must contain the parameter {key}")
    if isinstance(key, str) and key in set(_texts(given)):
        return ServiceError("ResourceNotFoundException", f"There is no {key}.")
    return wire.failure(service, action, problem)


def beneath(service: str, action: str, problem: Exception, request: HttpRequest) -> ServiceError:
    """The same where the models underneath break: what they cannot answer is refused, as what they do not know is."""
    found = failure(service, action, problem, request)
    if found.code != "InternalFailure":
        return found
    return wire.unsupported(service, f"what {action} was asked ({found.message})")


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping | list):
        for inner in value.values() if isinstance(value, Mapping) else value:
            yield from _texts(inner)


def _path(name: str, key: str) -> str:
    key = key[:1].lower() + key[1:]
    return f"{name}.{key}" if name else key


def _matches(pattern: str, value: str) -> bool:
    """Whether the whole value matches; a pattern that only Java's engine reads says nothing."""
    try:
        return re.fullmatch(pattern, value) is not None
    except re.error:
        return True


def _members(shape: Shape, seen: frozenset[str] = frozenset()) -> set[str]:
    """Names of every member of a shape, at every depth."""
    if shape.name in seen:
        return set()
    seen = seen | {shape.name}
    if isinstance(shape, StructureShape):
        inner = [_members(one, seen) for one in shape.members.values()]
        return set(shape.members).union(*inner)
    if isinstance(shape, ListShape):
        return _members(shape.member, seen)
    return _members(shape.value, seen) if isinstance(shape, MapShape) else set()
