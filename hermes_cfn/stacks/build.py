"""Which stacks there are, in which region, and what feeds each of their parameters."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from troposphere import Template

from hermes_cfn.config import Settings
from hermes_cfn.config.compute import MachineArchitecture
from hermes_cfn.deployment import Deployment, FromLookup, FromOutput, FromSetting, Source, StackSpec
from hermes_cfn.names import ENVIRONMENT_TAG, MAINTENANCE, Names, extra_key, is_extra, output_id
from hermes_cfn.stacks import certificate, edge, extras, foundation, grants, network, service, watch, worldwide
from hermes_cfn.stacks.existing import of_network
from hermes_cfn.stacks.nat_instance import IMAGE_PARAMETER
from hermes_cfn.units import HOURS_PER_MONTH

WORLD = "us-east-1"


def build(settings: Settings) -> Deployment:
    """Every stack of one environment."""
    specs = _environment(settings)
    return Deployment(
        application=settings.application.name,
        environment=settings.environment.name,
        region=settings.region,
        stacks=(_foundation(settings), *specs),
        usage=_usage(settings),
    )


def _usage(settings: Settings) -> dict[str, Any]:
    """A month's use; where the group scales and nobody says how much, what the planned day asks for."""
    given = settings.usage.model_dump(mode="json")
    if not settings.scaling.on:
        return {name: value for name, value in given.items() if name != "scaled_hours" or value is not None}
    if given["scaled_hours"] is None:
        hours = settings.scaling.hours_above(settings.planning, settings.compute.vcpus, HOURS_PER_MONTH)
        given["scaled_hours"] = round(hours, 2)
    return given


def _environment(settings: Settings) -> list[StackSpec]:
    """The stacks of one environment, without what the account has once."""
    own = extras.read(settings)
    ours = [
        *([_network(settings)] if settings.own_network else ()),
        *_certificate(settings),
        _service(settings, own),
        *_worldwide(settings),
        *_edge(settings),
        *_watch(settings),
    ]
    return extras.together(settings, own, ours)


def types(specs: Iterable[StackSpec]) -> list[str]:
    """The resource types in them, sorted."""
    return sorted({resource["Type"] for spec in specs for resource in spec.template["Resources"].values()})


def _spec(
    settings: Settings,
    key: str,
    template: Template,
    parameters: Mapping[str, Source] | None = None,
    *,
    region: str = "",
    follows: tuple[str, ...] = (),
    gates: tuple[str, ...] = (),
) -> StackSpec:
    names = Names.of(settings)
    account_wide = key == "foundation"
    tags = {"hermes:application": names.application} if account_wide else dict(names.tags)
    return StackSpec(
        key=key,
        name=names.stack(key),
        region=region or settings.region,
        template=template.to_dict(),
        parameters=parameters or {},
        follows=follows,
        gates=gates,
        tags=tags,
        account_wide=account_wide,
    )


def output(stack: str, name: str) -> FromOutput:
    """The output that people call ``name``."""
    return FromOutput(stack, output_id(name))


def machine_image(architecture: MachineArchitecture) -> FromLookup:
    """Amazon Linux 2023's newest image (AWS, public parameters), resolved and recorded by the deployer."""
    name = f"/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-{architecture}"
    return FromLookup("machine-image", name)


def _foundation(settings: Settings) -> StackSpec:
    """The same whichever environment of the file asks: it holds the roles of them all."""
    needed: dict[str, list[str]] = {}
    of_extras: dict[str, list[str]] = {}
    for one in settings.family:
        specs = _environment(one)
        needed[one.environment.name] = types(spec for spec in specs if not is_extra(spec.key))
        of_extras[one.environment.name] = types(spec for spec in specs if is_extra(spec.key))
    return _spec(settings, "foundation", foundation.template(settings, needed, of_extras))


def _network(settings: Settings) -> StackSpec:
    parameters: dict[str, Source] = {}
    if settings.network.egress == "nat-instance":
        parameters[IMAGE_PARAMETER] = machine_image("arm64")
    return _spec(settings, "network", network.template(settings), parameters, follows=("foundation",))


def _certificate(settings: Settings) -> list[StackSpec]:
    if settings.certificate.arn:
        return []
    return [_spec(settings, "certificate", certificate.template(settings), follows=("foundation",))]


def _service(settings: Settings, own: Sequence[extras.Extra]) -> StackSpec:
    parameters: dict[str, Source] = {
        "VpcId": of_network(settings, "vpc_id"),
        "PublicSubnets": of_network(settings, "public_subnets"),
        "CertificateArn": _certificate_arn(settings),
        "MachineImage": machine_image(settings.compute.architecture),
    }
    if settings.network.egress != "public-subnets":
        parameters["PrivateSubnets"] = of_network(settings, "private_subnets")
    if not settings.own_balancer:
        del parameters["PublicSubnets"]
        parameters |= {name: _of_balancer(settings, name) for name in service.OF_THE_BALANCER}
    if not settings.own_balancer and settings.network.egress == "public-subnets":
        parameters["PublicSubnets"] = of_network(settings, "public_subnets")
    if settings.ingress.maintenance:
        parameters[MAINTENANCE] = FromLookup("maintenance")
    given = grants.of(settings, own)
    parameters |= {one.parameter: FromOutput(extra_key(one.extra), one.output) for one in given}
    template = service.template(settings, given, sorted({port for one in own for port in one.ports}))
    return _spec(
        settings, "service", template, parameters, follows=("foundation",), gates=("image", "secrets", "stable")
    )


def _of_balancer(settings: Settings, name: str) -> Source:
    """What a rule of an existing listener needs of its load balancer."""
    if settings.ingress.listener_arn:
        return (
            FromSetting(settings.ingress.listener_arn)
            if name == "ListenerArn"
            else FromLookup("balancer", f"{settings.ingress.listener_arn} {name}")
        )
    stack = Names.of(settings).sharing(settings).stack("service")
    return FromLookup("output", f"{stack}:{output_id(service.OF_THE_BALANCER[name])}")


def _certificate_arn(settings: Settings) -> Source:
    arn = settings.certificate.arn
    return FromSetting(arn) if arn else output("certificate", "certificate_arn")


def _worldwide(settings: Settings) -> list[StackSpec]:
    if not worldwide.wanted(settings):
        return []
    parameters: dict[str, Source] = {}
    if settings.budget.ceiling_usd > 0:
        parameters["BudgetCeiling"] = FromSetting(str(settings.budget.ceiling_usd))
        parameters["BudgetEstimate"] = FromLookup("budget-estimate")
    if settings.budget.waits_for_tag:
        parameters[worldwide.TAG_PARAMETER] = FromLookup("cost-allocation-tag", ENVIRONMENT_TAG)
    template = worldwide.template(settings)
    return [_spec(settings, "worldwide", template, parameters, region=WORLD, follows=("foundation",))]


def _edge(settings: Settings) -> list[StackSpec]:
    if not edge.wanted(settings):
        return []
    parameters: dict[str, Source] = {}
    if settings.worldwide.cloudfront:
        parameters["DistributionArn"] = output("worldwide", "distribution_arn")
    if settings.edge.dns != "manual":
        parameters["LoadBalancerDnsName"] = output("service", "alb_dns_name")
        parameters["LoadBalancerZone"] = output("service", "alb_hosted_zone_id")
    if settings.service.waf:
        parameters["LoadBalancerArn"] = output("service", "alb_arn")
    return [_spec(settings, "edge", edge.template(settings), parameters, follows=("foundation",))]


def _watch(settings: Settings) -> list[StackSpec]:
    if not settings.watch.enabled:
        return []
    parameters: dict[str, Source] = {
        "LoadBalancerFullName": output("service", "alb_full_name"),
        "TargetGroupFullName": output("service", "target_group_full_name"),
        "CertificateArn": _certificate_arn(settings),
    }
    for suffix in watch.nat_gateways(settings):
        name = f"nat_gateway_id_{suffix}" if suffix else "nat_gateway_id"
        parameters[f"NatGatewayId{suffix.upper()}"] = output("network", name)
    return [_spec(settings, "watch", watch.template(settings), parameters, follows=("foundation",))]
