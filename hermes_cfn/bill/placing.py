"""Resources where they are placed: each in its stack and region, its properties evaluated when they are asked for.

A stack's nested stacks are placed with it; parameters and outputs go from one to the other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from hermes_cfn.bill.open import Assumed, Exports, Open, Undecided, compared, options
from hermes_cfn.cfn.intrinsics import Scope, condition, evaluate, outputs, resolve_parameters
from hermes_cfn.cfn.template import Resource, Template
from hermes_cfn.cfn.values import NO_VALUE, Unknown, has_unknown
from hermes_cfn.errors import HermesError
from hermes_cfn.pricing.regions import partition

ACCOUNT = "123456789012"


class Images(dict[str, str]):
    """Public SSM parameters that name machine images: each stands for itself, so that its path tells the platform."""

    def __bool__(self) -> bool:
        return True

    def __contains__(self, name: object) -> bool:
        return str(name).startswith("/aws/service/")

    def __missing__(self, name: str) -> str:
        return name


@dataclass(frozen=True, slots=True)
class Placed:
    """A resource in its stack and region; ``id`` is what a Ref to it gives."""

    stack: str
    region: str
    resource: Resource
    there: Callable[[], bool | Unknown] = field(default=lambda: True, compare=False, repr=False)

    @property
    def id(self) -> str:
        return f"{self.stack}.{self.resource.logical_id}"

    def get(self, name: str, default: Any = None) -> Any:
        """A property, evaluated; Unknown if nobody can know it.  Raises :class:`Undecided` where all it can be is known."""
        return known(self.resource.properties.get(name, default))


def known(value: Any) -> Any:
    """``value``.  Raises :class:`Undecided` for an unknown of which all possible values are known."""
    if isinstance(value, Open) and value.options:
        raise Undecided(value)
    return value


INSIDE = ">"
"""Between a stack and one that is nested in it: ``shop>Network``."""


class Stack:
    """A stack with those that are nested in it; each of these is made when its outputs or resources are first asked for."""

    def __init__(
        self,
        template: Template,
        region: str,
        name: str,
        assumed: Assumed,
        chosen: Mapping[str, Any] | None = None,
        wired: Mapping[str, Any] | None = None,
    ) -> None:
        self._template, self._region, self._name, self._assumed = template, region, name, assumed
        self._made: dict[str, Stack | None] = {}
        self._scope = scope_of(template, region, name, chosen or {}, wired or {}, self._output)

    def _inner(self, logical_id: str) -> Stack | None:
        """A nested stack; None for one that is not known, and while its own parameters ask for it."""
        if logical_id not in self._made and logical_id in self._template.nested:
            self._made[logical_id] = None
            raw = self._template.resources[logical_id].properties
            given = Evaluated(raw, self._template, self._scope).get("Parameters", {})
            wired = {str(key): _parameter(value) for key, value in given.items()} if isinstance(given, Mapping) else {}
            name = f"{self._name}{INSIDE}{logical_id}"
            inner = self._template.nested[logical_id]
            self._made[logical_id] = Stack(inner, self._region, name, self._assumed, wired=wired)
        return self._made.get(logical_id)

    def _output(self, logical_id: str, name: str) -> Any:
        inner = self._inner(logical_id)
        return None if inner is None else outputs_of(inner._template, inner._scope).get(name)

    def placed(self, there: Callable[[], bool | Unknown] | None = None) -> tuple[Placed, ...]:
        """Its resources and those nested in it, which are there where it and they are."""
        own = placed_in(self._template, self._scope, self._name, self._assumed)
        if there is not None:
            own = tuple(replace(place, there=_both(there, place.there)) for place in own)
        found = list(own)
        for place in own:
            inner = self._inner(place.resource.logical_id)
            if inner is not None:
                found += inner.placed(place.there)
        return tuple(found)


def _both(outer: Callable[[], bool | Unknown], inner: Callable[[], bool | Unknown]) -> Callable[[], bool | Unknown]:
    def there() -> bool | Unknown:
        held = outer()
        return inner() if held is True else held

    return there


def _parameter(value: Any) -> Any:
    """A value as a nested stack gets it: text, and a list as text with commas."""
    if isinstance(value, list) and not has_unknown(value):
        return ",".join(str(one) for one in value)
    return Unknown("a list of which a part is not known") if isinstance(value, list) else value


def outputs_of(template: Template, scope: Scope) -> Mapping[str, Any]:
    try:
        return {name: output["Value"] for name, output in outputs(template, scope).items()}
    except HermesError:
        return {}


def scope_of(
    template: Template,
    region: str,
    stack: str,
    chosen: Mapping[str, Any],
    wired: Mapping[str, Any],
    output: Callable[[str, str], Any] = lambda logical_id, name: None,
) -> Scope:
    """What a template's functions are evaluated in; ``output`` gives outputs of nested stacks, None for what is not known."""

    def attributes(logical_id: str, attribute: str | None) -> Any:
        if attribute is not None and str(attribute).startswith("Outputs."):
            found = output(logical_id, str(attribute).removeprefix("Outputs."))
            if found is not None:
                return found
        name = f"{stack}.{logical_id}"
        if attribute is None:
            return name
        if str(attribute).endswith("Arn"):
            return f"arn:aws:service:{region}:{ACCOUNT}:{name}"
        return f"{name}.{attribute}"

    values: dict[str, Any] = {}
    for name, spec in template.parameters.items():
        if name in chosen:
            values[name] = chosen[name]
        elif name in wired:
            values[name] = wired[name]
        elif "Default" not in spec:
            values[name] = Unknown(f"parameter {name}")
    strange = {name: value for name, value in chosen.items() if name not in template.parameters}
    try:
        resolved = resolve_parameters(template, {**values, **strange}, Images())
    except HermesError:
        if chosen:
            raise
        resolved = {name: values.get(name, spec.get("Default")) for name, spec in template.parameters.items()}
    seen = compared(template.conditions)
    return Scope(
        parameters={
            name: Open(value.reason, (stack, "parameter", name), options(name, template.parameters[name], seen))
            if isinstance(value, Unknown)
            else value
            for name, value in resolved.items()
        },
        region=region,
        account=ACCOUNT,
        partition=partition(region),
        stack_name=stack,
        attributes=attributes,
        imports=Exports(stack),
        ssm=Images(),
        zones=tuple(f"{region}{letter}" for letter in "abc"),
    )


def _under(scope: Scope, stack: str, assumed: Assumed) -> Scope:
    """The scope in which what is assumed of a stack's parameters and imports is so."""
    mine = {key[1:]: value for key, value in assumed.items() if key[0] == stack}
    if not mine:
        return scope
    parameters = {name: value for (kind, name), value in mine.items() if kind == "parameter"}
    exports = {name: value for (kind, name), value in mine.items() if kind == "export"}
    return replace(scope, parameters={**scope.parameters, **parameters}, imports=Exports(stack, exports))


def placed_in(template: Template, scope: Scope, stack: str, assumed: Assumed) -> tuple[Placed, ...]:
    made = []
    for resource in template.resources.values():
        holds = condition(resource.condition, template, scope) if resource.condition else True
        if holds is False:
            continue
        there = (
            _there(str(resource.condition), template, scope, stack, assumed) if isinstance(holds, Unknown) else _always
        )
        properties = Evaluated(resource.properties, template, scope, stack, assumed)
        made.append(Placed(stack, scope.region, replace(resource, properties=properties), there))
    return tuple(made)


def _always() -> bool:
    return True


def _there(name: str, template: Template, scope: Scope, stack: str, assumed: Assumed) -> Callable[[], bool | Unknown]:
    return lambda: condition(name, template, _under(scope, stack, assumed))


class Evaluated(Mapping[str, Any]):
    """Properties evaluated when they are asked for: one that cannot be is Unknown and spoils no other."""

    def __init__(
        self, raw: Mapping[str, Any], template: Template, scope: Scope, stack: str = "", assumed: Assumed | None = None
    ) -> None:
        self._raw, self._template, self._scope = raw, template, scope
        self._stack, self._assumed = stack, assumed if assumed is not None else {}
        self._known: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        if name not in self._known:
            self._known[name] = self._evaluate(self._raw[name], self._scope)
        value = self._known[name]
        if self._assumed and has_unknown(value):
            value = self._evaluate(self._raw[name], _under(self._scope, self._stack, self._assumed))
        if value is NO_VALUE:
            raise KeyError(name)
        return value

    def _evaluate(self, value: Any, scope: Scope) -> Any:
        try:
            return evaluate(value, self._template, scope)
        except HermesError as error:
            return Unknown(str(error.findings[0].what))

    def __iter__(self) -> Iterator[str]:
        return (name for name in self._raw if name in self)

    def __len__(self) -> int:
        return sum(1 for _ in self)
