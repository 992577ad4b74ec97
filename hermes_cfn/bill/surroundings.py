"""Every resource of a deployment or a template, evaluated, and what rules ask of the rest of it.

References that only a deployment could answer become names (``service.LoadBalancer``), so
that a rule can follow them from one stack to another; what nobody can know stays Unknown.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from hermes_cfn.cfn.intrinsics import Scope, condition, evaluate, outputs, resolve_parameters
from hermes_cfn.cfn.template import Resource, Template
from hermes_cfn.cfn.values import NO_VALUE, Unknown
from hermes_cfn.config.usage import Usage
from hermes_cfn.deployment import Deployment, FromOutput, FromSetting
from hermes_cfn.errors import HermesError

ACCOUNT = "123456789012"


@dataclass(frozen=True, slots=True)
class Placed:
    """A resource in its stack and region; ``id`` is what a Ref to it gives."""

    stack: str
    region: str
    resource: Resource

    @property
    def id(self) -> str:
        return f"{self.stack}.{self.resource.logical_id}"

    def get(self, name: str, default: Any = None) -> Any:
        """A property, evaluated; Unknown if nobody can know it."""
        return self.resource.properties.get(name, default)


@dataclass
class Surroundings:
    """All resources together, and the usage that decides which path traffic takes."""

    placed: tuple[Placed, ...]
    usage: Usage
    _by_id: dict[str, Placed] = field(init=False)

    def __post_init__(self) -> None:
        self._by_id = {place.id: place for place in self.placed}

    def of(self, *types: str) -> list[Placed]:
        """The resources of some types."""
        return [place for place in self.placed if place.resource.type in types]

    def find(self, reference: Any) -> Placed | None:
        """The resource that a Ref or an attribute names, if it is one of these."""
        if not isinstance(reference, str):
            return None
        name = reference.rsplit(":", 1)[-1].rsplit("/", 1)[-1] if reference.startswith("arn:") else reference
        if name in self._by_id:
            return self._by_id[name]
        return self._by_id.get(".".join(name.split(".")[:2]))

    @cached_property
    def nat_gateways(self) -> int:
        return len(self.of("AWS::EC2::NatGateway"))

    @cached_property
    def zones(self) -> int:
        """Zones in which subnets are, at least one."""
        seen = {str(place.get("AvailabilityZone", place.id)) for place in self.of("AWS::EC2::Subnet")}
        return max(1, len(seen))

    @cached_property
    def s3_gateway(self) -> bool:
        """Whether S3, from which ECR's layers come too, is reached through a gateway endpoint."""
        return any(
            str(place.get("ServiceName", "")).endswith(".s3") and place.get("VpcEndpointType", "Gateway") == "Gateway"
            for place in self.of("AWS::EC2::VPCEndpoint")
        )

    @cached_property
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

    @cached_property
    def serving(self) -> tuple[Placed, ...]:
        """Groups and instances behind a load balancer, or all if none is: what ``[usage]`` speaks of."""
        all_ = self.of("AWS::AutoScaling::AutoScalingGroup", "AWS::EC2::Instance")
        behind = [place for place in all_ if place.get("TargetGroupARNs") or place.get("LoadBalancerNames")]
        return tuple(behind or all_)

    def serves(self, place: Placed) -> bool:
        """Whether it is one of :attr:`serving`."""
        return any(place is other for other in self.serving)

    @cached_property
    def addresses_at_boot(self) -> frozenset[str]:
        """Stacks with an Elastic IP that nothing in them names: an instance takes it when it starts."""
        named: set[str] = set()
        for place in self.of(
            "AWS::EC2::NatGateway",
            "AWS::ElasticLoadBalancingV2::LoadBalancer",
            "AWS::EC2::EIPAssociation",
        ):
            named.update(_strings(dict(place.resource.properties)))
        return frozenset(
            place.stack
            for place in self.of("AWS::EC2::EIP")
            if not place.get("InstanceId") and not any(text.startswith(place.id) for text in named)
        )

    @cached_property
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
    """A whole number from a property, or None if it is unknown, none, or beyond what AWS sells."""
    try:
        number = None if isinstance(value, Unknown | bool) else int(str(value))
    except ValueError:
        return None
    return None if number is None or not 0 <= number <= MOST else number


MOST = 10**9
"""No count, size or rate of a resource is larger."""


def mapping(value: Any) -> Mapping[str, Any]:
    """A property that should be an object; empty if it is unknown or another thing."""
    return value if isinstance(value, Mapping) else {}


def items(value: Any) -> list[Mapping[str, Any]]:
    """The objects in a property that should be a list of them."""
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list) else []


def true(value: Any) -> bool:
    """Whether a property says true, as JSON or as text."""
    return str(value).lower() == "true"


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
    """The resources of one template; parameters without value or default are Unknown.

    Raises :class:`HermesError` for a value that the template does not allow.
    """
    scope = _scope(template, region, stack or "template", dict(parameters or {}), {})
    return Surroundings(_placed(template, scope, stack or "template"), usage)


def of_deployment(deployment: Deployment, usage: Usage) -> Surroundings:
    """The resources of every stack, with the outputs of one as parameters of the next."""
    placed: list[Placed] = []
    given: dict[str, Mapping[str, Any]] = {}
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
            scope = _scope(template, spec.region, spec.key, {}, values)
            placed += _placed(template, scope, spec.key)
            given[spec.key] = _outputs(template, scope)
    return Surroundings(tuple(placed), usage)


def _outputs(template: Template, scope: Scope) -> Mapping[str, Any]:
    try:
        return {name: output["Value"] for name, output in outputs(template, scope).items()}
    except HermesError:
        return {}


def _scope(template: Template, region: str, stack: str, chosen: Mapping[str, Any], wired: Mapping[str, Any]) -> Scope:
    def attributes(logical_id: str, attribute: str | None) -> Any:
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
        resolved = resolve_parameters(template, {**values, **strange})
    except HermesError:
        if chosen:
            raise
        resolved = {name: values.get(name, spec.get("Default")) for name, spec in template.parameters.items()}
    return Scope(
        parameters=resolved,
        region=region,
        account=ACCOUNT,
        stack_name=stack,
        attributes=attributes,
        zones=tuple(f"{region}{letter}" for letter in "abc"),
    )


def _placed(template: Template, scope: Scope, stack: str) -> tuple[Placed, ...]:
    return tuple(
        Placed(stack, scope.region, replace(resource, properties=Evaluated(resource.properties, template, scope)))
        for resource in template.resources.values()
        if not resource.condition or _holds(resource.condition, template, scope)
    )


def _holds(name: str, template: Template, scope: Scope) -> bool:
    return condition(name, template, scope) is not False


class Evaluated(Mapping[str, Any]):
    """Properties evaluated when they are asked for: one that cannot be is Unknown and spoils no other."""

    def __init__(self, raw: Mapping[str, Any], template: Template, scope: Scope) -> None:
        self._raw, self._template, self._scope = raw, template, scope
        self._known: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        if name not in self._known:
            self._known[name] = self._evaluate(self._raw[name])
        value = self._known[name]
        if value is NO_VALUE:
            raise KeyError(name)
        return value

    def _evaluate(self, value: Any) -> Any:
        try:
            return evaluate(value, self._template, self._scope)
        except HermesError as error:
            return Unknown(str(error.findings[0].what))

    def __iter__(self) -> Iterator[str]:
        return (name for name in self._raw if name in self)

    def __len__(self) -> int:
        return sum(1 for _ in self)
