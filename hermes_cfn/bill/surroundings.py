"""Every resource of a deployment or a template, evaluated, and what rules ask of the rest of it.

References that only a deployment could answer become names (``service.LoadBalancer``), so
that a rule can follow them from one stack to another; what nobody can know stays Unknown.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Generic, TypeVar

from hermes_cfn.bill.open import YES_NO, Assumed, Open, Undecided
from hermes_cfn.bill.placing import INSIDE, Placed, Stack, known, outputs_of, placed_in, scope_of
from hermes_cfn.cfn.template import Template
from hermes_cfn.cfn.values import Unknown
from hermes_cfn.config.usage import Usage
from hermes_cfn.deployment import Deployment, FromOutput, FromSetting
from hermes_cfn.errors import Finding, HermesError

Value = TypeVar("Value")


class derived(Generic[Value]):
    """A property worked out once, unless something is assumed at the moment."""

    def __init__(self, make: Callable[[Any], Value]) -> None:
        self._make, self.__doc__ = make, make.__doc__

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, around: Any, owner: type | None = None) -> Value:
        if around.assumed:
            return self._make(around)
        if self._name not in around.kept:
            around.kept[self._name] = self._make(around)
        found: Value = around.kept[self._name]
        return found


@dataclass
class Surroundings:
    """All resources together, and the usage that decides which path traffic takes.

    ``assumed`` is what is taken to be so while a rule is asked; every property and every
    condition is read under it.  ``nested`` are the ids of nested stacks whose resources are among these.
    """

    placed: tuple[Placed, ...]
    usage: Usage
    assumed: dict[Any, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    nested: frozenset[str] = frozenset()
    kept: dict[str, Any] = field(default_factory=dict, repr=False)
    firsts: dict[tuple[str, str], str] = field(default_factory=dict, repr=False)
    _by_id: dict[str, Placed] = field(init=False)
    _by_type: dict[str, list[Placed]] = field(init=False)

    def __post_init__(self) -> None:
        self._by_id = {place.id: place for place in self.placed}
        self._by_type = defaultdict(list)
        for place in self.placed:
            self._by_type[place.resource.type].append(place)

    def under(self, assumed: Assumed, ask: Callable[[], Value]) -> Value:
        """What ``ask`` gives while ``assumed`` is taken to be so."""
        before = dict(self.assumed)
        self.assumed.clear()
        self.assumed.update(assumed)
        try:
            return ask()
        finally:
            self.assumed.clear()
            self.assumed.update(before)

    def exists(self, place: Placed) -> bool:
        """Whether its condition holds.  Raises :class:`Undecided`."""
        holds = place.there()
        if isinstance(holds, Unknown):
            raise Undecided(holds)
        return holds

    def of(self, *types: str) -> list[Placed]:
        """The resources of some types that are there."""
        found = [place for type_ in types for place in self._by_type.get(type_, ())]
        return [place for place in found if self.exists(place)]

    def share(self, among: list[Placed]) -> Decimal:
        """The part of a figure that falls to one of those who have it together."""
        return Decimal(1) / max(1, len(among))

    def find(self, reference: Any) -> Placed | None:
        """The resource that a Ref or an attribute names, if it is one of these."""
        if not isinstance(reference, str):
            return None
        name = reference.rsplit(":", 1)[-1].rsplit("/", 1)[-1] if reference.startswith("arn:") else reference
        if name in self._by_id:
            return self._by_id[name]
        return self._by_id.get(".".join(name.split(".")[:2]))

    def named(self, type_: str, property_: str, reference: Any) -> Placed | None:
        """The resource of a type that a Ref names, or a name of its own."""
        found = self.find(reference)
        if found is not None or not isinstance(reference, str):
            return found
        return next((place for place in self.of(type_) if place.get(property_) == reference), None)

    def pointing(self, type_: str, property_: str) -> Mapping[str, list[Placed]]:
        """Id of a resource -> the resources of a type whose property names it."""

        def make(around: Surroundings) -> Mapping[str, list[Placed]]:
            found: dict[str, list[Placed]] = defaultdict(list)
            for place in around.of(type_):
                other = around.find(place.get(property_))
                if other is not None:
                    found[other.id].append(place)
            return found

        key = f"{type_} {property_}"
        if self.assumed:
            return make(self)
        if key not in self.kept:
            self.kept[key] = make(self)
        result: Mapping[str, list[Placed]] = self.kept[key]
        return result

    def once(self, what: str, place: Placed) -> bool:
        """Whether ``place`` is the first of its region that pays for something of which a region has one."""
        first = self.firsts.setdefault((what, place.region), place.id)
        return first == place.id

    @derived
    def nat_gateways(self) -> int:
        return len(self.of("AWS::EC2::NatGateway"))

    @derived
    def vended(self) -> frozenset[str]:
        """Ids of the log groups into which flow logs go."""
        names = {place.get("LogGroupName"): place.id for place in self.of("AWS::Logs::LogGroup")}
        found = set()
        for flow in self.of("AWS::EC2::FlowLog"):
            for reference in (flow.get("LogGroupName"), flow.get("LogDestination")):
                group = self.find(reference)
                found.add(group.id if group else names.get(reference, "") if isinstance(reference, str) else "")
        return frozenset(found)

    @derived
    def zones(self) -> int:
        """Zones in which subnets are, at least one."""
        seen = {str(place.get("AvailabilityZone", place.id)) for place in self.of("AWS::EC2::Subnet")}
        return max(1, len(seen))

    @derived
    def s3_gateway(self) -> bool:
        """Whether S3, from which ECR's layers come too, is reached through a gateway endpoint."""
        return any(
            str(place.get("ServiceName", "")).endswith(".s3") and place.get("VpcEndpointType", "Gateway") == "Gateway"
            for place in self.of("AWS::EC2::VPCEndpoint")
        )

    @derived
    def private_endpoints(self) -> frozenset[str]:
        """Services (``logs``, ``ecr.dkr``) whose names lead to an interface endpoint inside the network."""
        found = [
            str(place.get("ServiceName", "")).split(".", 3)[-1]
            for place in self.of("AWS::EC2::VPCEndpoint")
            if place.get("VpcEndpointType") == "Interface" and true(place.get("PrivateDnsEnabled", False))
        ]
        return frozenset(found)

    def path(self, service: str) -> str:
        """How ``logs`` or ``ecr.dkr`` is reached: as ``[usage]`` says, but never past an endpoint that takes its name."""
        stated = self.usage.logs_path if service == "logs" else self.usage.registry_path
        return "endpoint" if service in self.private_endpoints else stated

    @derived
    def serving(self) -> tuple[Placed, ...]:
        """Groups and instances behind a load balancer, or all if none is: what ``[usage]`` speaks of."""
        all_ = self.of("AWS::AutoScaling::AutoScalingGroup", "AWS::EC2::Instance")
        behind = [place for place in all_ if place.get("TargetGroupARNs") or place.get("LoadBalancerNames")]
        return tuple(behind or all_)

    @derived
    def _serving_ids(self) -> frozenset[str]:
        return frozenset(place.id for place in self.serving)

    def serves(self, place: Placed) -> bool:
        """Whether it is one of :attr:`serving`."""
        return place.id in self._serving_ids

    @derived
    def addresses_at_boot(self) -> frozenset[str]:
        """Stacks with an Elastic IP that nothing in them names: an instance takes it when it starts."""
        named: set[str] = set()
        for place in self.of(
            "AWS::EC2::NatGateway",
            "AWS::ElasticLoadBalancingV2::LoadBalancer",
            "AWS::EC2::EIPAssociation",
        ):
            named.update(_strings(dict(place.resource.properties)))
        names = {".".join(text.split(".")[:2]) for text in named}
        return frozenset(
            place.stack for place in self.of("AWS::EC2::EIP") if not place.get("InstanceId") and place.id not in names
        )

    @derived
    def instances(self) -> int:
        """Instances that serve, of groups whose size is known."""
        groups = [place for place in self.serving if place.resource.type == "AWS::AutoScaling::AutoScalingGroup"]
        return len(self.serving) - len(groups) + sum(group_size(place) or 0 for place in groups)


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from _strings(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _strings(inner)


def whole(value: Any) -> int | None:
    """A whole number from a property, or None if it is unknown, none, or beyond what AWS sells.

    Raises :class:`Undecided` for an unknown of which all possible values are known.
    """
    value = known(value)
    try:
        number = None if isinstance(value, Unknown | bool) else int(str(value))
    except ValueError:
        return None
    return None if number is None or not 0 <= number <= MOST else number


MOST = 10**9
"""No count, size or rate of a resource is larger."""


def mapping(value: Any) -> Mapping[str, Any]:
    """A property that should be an object; empty if it is another thing.  Raises :class:`Undecided` for an unknown."""
    if isinstance(value, Unknown):
        raise Undecided(value)
    return value if isinstance(value, Mapping) else {}


def items(value: Any) -> list[Mapping[str, Any]]:
    """The objects in a property that should be a list of them.  Raises :class:`Undecided` for an unknown."""
    if isinstance(value, Unknown):
        raise Undecided(value)
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list) else []


def true(value: Any) -> bool:
    """Whether a property says true, as JSON or as text.  Raises :class:`Undecided` for an unknown."""
    if isinstance(value, Unknown):
        raise Undecided(value, YES_NO)
    return str(value).lower() == "true"


def word(value: Any, *choices: str) -> str:
    """A property that is one of few words.  Raises :class:`Undecided` for an unknown, between ``choices``."""
    if isinstance(value, Unknown):
        raise Undecided(value, choices)
    return str(value)


def given(place: Placed, name: str) -> bool:
    """Whether a property is set to something."""
    return place.get(name) not in (None, "", [], {})


def count_of(value: Any, place: Placed, around: Surroundings, what: str, *possible: int) -> int:
    """How many there are in a list; if nobody knows, ``possible`` counts.  Raises :class:`Undecided`."""
    if isinstance(value, list) and not any(isinstance(one, Unknown) for one in value):
        return len(value)
    if isinstance(value, list) and len(value) in possible:
        return len(value)
    return int(decided(place, around, what, *possible))


def decided(place: Placed, around: Surroundings, what: str, *possible: Any) -> Any:
    """What is assumed of something that no property says.  Raises :class:`Undecided` between ``possible``."""
    key = (place.stack, f"{what} of", place.resource.logical_id)
    if key not in around.assumed:
        raise Undecided(Open(f"{what} of {place.resource.logical_id}", key, possible))
    return around.assumed[key]


def group_size(place: Placed) -> int | None:
    """Instances that an Auto Scaling group runs: desired, or the minimum."""
    desired = place.get("DesiredCapacity")
    return whole(desired if desired is not None else place.get("MinSize"))


def of_template(
    template: Template,
    region: str,
    usage: Usage,
    parameters: Mapping[str, Any] | None = None,
    stack: str = "",
) -> Surroundings:
    """The resources of one template; parameters without value or default are open.

    Raises :class:`HermesError` for a value that the template does not allow.
    """
    return of_templates({stack or "template": template}, region, usage, parameters)


def of_templates(
    templates: Mapping[str, Template], region: str, usage: Usage, parameters: Mapping[str, Any] | None = None
) -> Surroundings:
    """The resources of several templates together, each a stack by its name; one usage, shared by all.

    A parameter is for every template that has it.  Raises :class:`HermesError` for a value that a
    template does not allow, and for a parameter that none has.
    """
    given = dict(parameters or {})
    assumed: dict[Any, Any] = {}
    placed: list[Placed] = []
    notes: dict[str, None] = {}
    several = len(templates) > 1
    for name, template in templates.items():
        chosen = {key: value for key, value in given.items() if not several or key in template.parameters}
        placed += Stack(template, region, name, assumed, chosen=chosen).placed()
        notes.update(dict.fromkeys(_transforms(template)))
    nobody = sorted(key for key in given if all(key not in template.parameters for template in templates.values()))
    if several and nobody:
        raise HermesError(Finding("template-invalid", f"parameter {nobody[0]}", "none of the templates has it"))
    nested = frozenset(_nested(templates))
    return Surroundings(tuple(placed), usage, assumed, tuple(notes), nested)


def _nested(templates: Mapping[str, Template]) -> Iterator[str]:
    for name, template in templates.items():
        yield from (f"{name}.{logical_id}" for logical_id in template.nested)
        yield from _nested({f"{name}{INSIDE}{logical_id}": inner for logical_id, inner in template.nested.items()})


def _transforms(template: Template) -> tuple[str, ...]:
    others = [name for name in template.transforms if name != "AWS::LanguageExtensions"]
    return tuple(f"transform {name}: what it adds or changes is not on this bill" for name in others)


def of_deployment(deployment: Deployment, usage: Usage) -> Surroundings:
    """The resources of every stack, with the outputs of one as parameters of the next."""
    placed: list[Placed] = []
    given: dict[str, Mapping[str, Any]] = {}
    assumed: dict[Any, Any] = {}
    for wave in deployment.waves():
        for spec in wave:
            template = Template.parse(spec.template)
            values: dict[str, Any] = {}
            for name, source in spec.parameters.items():
                if isinstance(source, FromSetting):
                    values[name] = source.value
                elif isinstance(source, FromOutput):
                    values[name] = given.get(source.stack, {}).get(source.output, Unknown(source.output))
                else:
                    values[name] = Unknown(source.lookup)
            scope = scope_of(template, spec.region, spec.key, {}, values)
            placed += placed_in(template, scope, spec.key, assumed)
            given[spec.key] = outputs_of(template, scope)
    return Surroundings(tuple(placed), usage, assumed)
