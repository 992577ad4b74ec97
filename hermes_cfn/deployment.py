"""The waist: every stack with its region, its template, and where each parameter comes from.

Above it things are made (``stacks``); below it plan, bill, lint, picture and deployment read
only this, or the same from ``templates/<environment>/``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

Json = Any
"""A value that JSON can carry."""


@dataclass(frozen=True, slots=True)
class FromSetting:
    """A parameter whose value is known from ``hermes.toml``."""

    value: str


@dataclass(frozen=True, slots=True)
class FromOutput:
    """A parameter fed by another stack's output."""

    stack: str
    output: str


@dataclass(frozen=True, slots=True)
class FromLookup:
    """A parameter that the deployer resolves, records and passes on.

    ``lookup`` is one of ``machine-image`` (``argument``: the public SSM parameter's name),
    ``budget-estimate`` (USD a month), ``cost-allocation-tag`` (``argument``: its key; ``true`` once it is
    active), ``maintenance`` (``on`` or ``off``, which the verb of that name moves), ``output`` (``argument``: ``STACK:OUTPUT`` of another
    environment), ``balancer`` (``argument``: a listener's ARN, a blank, and what of its load balancer), and ``commit``.
    """

    lookup: str
    argument: str = ""

    @property
    def key(self) -> str:
        """What one lookup is told from another by: two machine images differ in their architecture."""
        return self.argument or self.lookup


DEFAULTS: Mapping[str, str] = {"cost-allocation-tag": "false", "maintenance": "off"}
"""Lookup -> what it says where nobody knows it and nothing is deployed."""

Source = FromSetting | FromOutput | FromLookup


@dataclass(frozen=True, slots=True)
class StackSpec:
    """One stack.

    ``key`` is its name in the design (``network``), ``name`` its name in AWS.  ``follows``
    are keys that must be deployed before, beyond what the parameters imply.  ``gates`` are
    conditions that must hold before it is deployed: ``image``, ``secrets``, ``stable``.
    """

    key: str
    name: str
    region: str
    template: Mapping[str, Json]
    parameters: Mapping[str, Source] = field(default_factory=dict)
    follows: tuple[str, ...] = ()
    gates: tuple[str, ...] = ()
    tags: Mapping[str, str] = field(default_factory=dict)
    account_wide: bool = False

    @property
    def precursors(self) -> frozenset[str]:
        """Keys of the stacks that must be there before this one."""
        fed = {source.stack for source in self.parameters.values() if isinstance(source, FromOutput)}
        return frozenset(fed | set(self.follows))


@dataclass(frozen=True, slots=True)
class Deployment:
    """All stacks of one environment, and the usage its bill is computed for."""

    application: str
    environment: str
    region: str
    stacks: tuple[StackSpec, ...]
    usage: Mapping[str, Json] = field(default_factory=dict)

    def __iter__(self) -> Iterator[StackSpec]:
        return iter(self.stacks)

    def stack(self, key: str) -> StackSpec:
        """The stack with that key.  Raises :class:`KeyError`."""
        for spec in self.stacks:
            if spec.key == key:
                return spec
        raise KeyError(key)

    def in_account(self, account: str) -> Deployment:
        """The same with the names of resources that outlive their stack spelled out, for the account of 12 digits.

        CloudFormation takes up what an earlier stack left only under a name that the template itself says
        (``ImportExistingResources``: "must have a static custom name"; a function's value does not count).
        """
        return replace(self, stacks=tuple(_spelled_out(spec, account) for spec in self.stacks))

    @property
    def keys(self) -> tuple[str, ...]:
        return tuple(spec.key for spec in self.stacks)

    def waves(self) -> tuple[tuple[StackSpec, ...], ...]:
        """Stacks in the order of deployment; those of one wave are independent.

        Raises :class:`ValueError` when stacks wait for each other or for one that is not there.
        """
        done: set[str] = set()
        left = list(self.stacks)
        waves: list[tuple[StackSpec, ...]] = []
        while left:
            ready = tuple(spec for spec in left if spec.precursors <= done)
            if not ready:
                waiting = ", ".join(f"{spec.key} for {', '.join(sorted(spec.precursors - done))}" for spec in left)
                raise ValueError(f"stacks wait for each other: {waiting}")
            waves.append(ready)
            done |= {spec.key for spec in ready}
            left = [spec for spec in left if spec.key not in done]
        return tuple(waves)


def _spelled_out(spec: StackSpec, account: str) -> StackSpec:
    known = {"${AWS::AccountId}": account, "${AWS::Region}": spec.region}

    def text(value: Json) -> Json:
        said = value.get("Fn::Sub") if isinstance(value, Mapping) and len(value) == 1 else None
        if not isinstance(said, str):
            return value
        for variable, meant in known.items():
            said = said.replace(variable, meant)
        return value if "${" in said else said

    def resource(one: Mapping[str, Json]) -> Mapping[str, Json]:
        properties = one.get("Properties")
        if not str(one.get("DeletionPolicy", "")).startswith("Retain") or not isinstance(properties, Mapping):
            return one
        named = {name: text(value) if name.endswith("Name") else value for name, value in properties.items()}
        return {**one, "Properties": named}

    resources = spec.template.get("Resources", {})
    assert isinstance(resources, Mapping)
    found = {title: resource(one) for title, one in resources.items() if isinstance(one, Mapping)}
    return spec if found == resources else replace(spec, template={**spec.template, "Resources": found})
