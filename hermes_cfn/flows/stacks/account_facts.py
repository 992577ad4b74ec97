"""What a forecast asks the account.  What may not be asked stays None, and nothing is said of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar

from hermes_cfn.aws.billing import REGION, Billing
from hermes_cfn.aws.calls import AwsError
from hermes_cfn.aws.certificates import Certificates
from hermes_cfn.aws.zones import Zones
from hermes_cfn.checks.facts import ExistingSeen, Facts, ImageFacts
from hermes_cfn.checks.observed import CertificateSeen
from hermes_cfn.deployment import FromOutput
from hermes_cfn.flows.base.context import DeployContext
from hermes_cfn.flows.base.whoami import denied
from hermes_cfn.flows.fleet import registry, releases
from hermes_cfn.flows.stacks import existing
from hermes_cfn.names import ENVIRONMENT_TAG, GITHUB, founded
from hermes_cfn.plan import Deployed

Answer = TypeVar("Answer")
QUOTAS = {"addresses": ("ec2", "L-0263D0A3"), "vcpus": ("ec2", "L-1216C47A"), "nat-gateways": ("vpc", "L-FE5A380F")}
"""Quota -> service and code (Service Quotas, "AWS service quotas")."""


def gather(context: DeployContext, image: str, there: Mapping[str, Deployed]) -> Facts:
    """Facts for a plan that releases ``image``, or what runs; ``there`` is what is deployed, by stack key."""
    clients, settings = context.clients, context.settings
    fresh, networked = "service" not in there, "network" in there or not settings.own_network
    fleet = _fleet(there)
    grows = (
        settings.scaling.on
        or fleet != (settings.compute.count, settings.compute.instance_type)
        or settings.release.strategy == "surge"
    )

    def quota(name: str) -> float | None:
        return clients.account.quota(*QUOTAS[name])

    def roles() -> tuple[str, ...]:
        names = list(_roles(context, there))
        found = clients.together([partial(_allowed, partial(clients.account.role_exists, name)) for name in names])
        return tuple(name for name, there in zip(names, found, strict=True) if there)

    asks: dict[str, Callable[[], Any]] = {
        "addresses": lambda: None if networked else _allowed(clients.ec2.addresses),
        "addresses_quota": lambda: None if networked else quota("addresses"),
        "nat_gateways": lambda: None if networked else _allowed(lambda: sum(clients.ec2.nat_gateways().values())),
        "nat_gateways_quota": lambda: None if networked else quota("nat-gateways"),
        "vcpus": lambda: _allowed(clients.ec2.vcpus) if grows else None,
        "vcpus_quota": lambda: quota("vcpus") if grows else None,
        "buckets": lambda: {
            name: _allowed(partial(clients.s3.exists, name)) or "" for name in _buckets(context, there)
        },
        "roles": roles,
        "neighbours": lambda: () if "foundation" in there else neighbours(context) or (),
        "provider": lambda: _provider(context, there),
        "records": lambda: tuple(_records(context, there)),
        "missing_secrets": lambda: tuple(_allowed(lambda: releases.missing_secrets(context)) or ()),
        "image": lambda: _image(context, image),
        "denied": lambda: denied(context, "deploy"),
    }
    known: Facts
    known, (arn, certificate), *found = clients.together(
        [lambda: place(context), lambda: _certificate(context), *asks.values()]
    )
    answers: dict[str, Any] = dict(zip(asks, found, strict=True))
    return replace(
        known,
        first=fresh,
        fleet=fleet,
        certificate_arn=arn,
        certificate=certificate,
        image_wanted=image,
        stacks={key: str(one.status) for key, one in there.items()},
        drifted=tuple(key for key, one in there.items() if one.drift == "DRIFTED"),
        stale=tuple(_stale(context, there)),
        **answers,
    )


def _fleet(there: Mapping[str, Deployed]) -> tuple[int, str] | None:
    """Number and type of instances by the service template that is deployed."""
    resources = (there.get("service", Deployed()).template or {}).get("Resources", {}).values()
    found = {resource["Type"]: resource.get("Properties", {}) for resource in resources}
    group = found.get("AWS::AutoScaling::AutoScalingGroup", {})
    count = group.get("DesiredCapacity", group.get("MinSize"))
    kind = found.get("AWS::EC2::LaunchTemplate", {}).get("LaunchTemplateData", {}).get("InstanceType")
    return (int(count), kind) if str(count).isdigit() and isinstance(kind, str) else None


def place(context: DeployContext) -> Facts:
    """What the settings want of the account whatever is deployed: type, key pair, and the budget's tag."""
    clients, settings = context.clients, context.settings
    key = settings.compute.key_name
    offered, key_pair, cost_tag = clients.together(
        [
            lambda: _allowed(lambda: clients.ec2.offered(settings.compute.instance_type)),
            lambda: _allowed(lambda: clients.ec2.key_pair(key)) if key else None,
            lambda: _cost_tag(context),
        ]
    )
    return Facts(
        account=context.names.account,
        region=settings.account.region,
        now=context.now,
        offered=offered,
        key_pair=key_pair,
        cost_tag=cost_tag,
        existing=_existing(context),
    )


def _existing(context: DeployContext) -> ExistingSeen:
    """What the settings name that is not this deployment's own."""
    settings, clients = context.settings, context.clients
    network, arn = settings.network, settings.ingress.listener_arn
    wanted = (*network.public_subnets, *network.private_subnets)
    vpc = _allowed(lambda: clients.ec2.vpc(network.vpc_id)) if network.vpc_id else None
    subnets = _allowed(lambda: clients.ec2.subnets(network.vpc_id, wanted)) if vpc else None
    if settings.own_balancer:
        return ExistingSeen(vpc, subnets)
    spec = context.deployment.stack("service")
    listener = arn or _allowed(lambda: existing.found(context, spec.parameters["ListenerArn"])) or ""
    seen = _allowed(lambda: clients.elb.of_listener(listener)) if listener else None
    taken = _allowed(lambda: clients.elb.rules(listener)) if seen else None
    ours = {
        one.physical_id
        for one in (_allowed(lambda: list(clients.cloudformation(spec.region).resources(spec.name))) or ())
        if one.resource_type.endswith("::ListenerRule")
    }
    return ExistingSeen(
        vpc,
        subnets,
        None if seen is None or not arn else seen.get("VpcId", ""),
        None if taken is None else frozenset(number for number, rule in taken.items() if rule not in ours),
    )


def _cost_tag(context: DeployContext) -> str:
    """The status in billing of the tag that narrows the budget; nothing where no budget waits for it."""
    if not context.settings.budget.waits_for_tag:
        return ""
    return Billing(context.clients.calls("ce", REGION)).tag_status(ENVIRONMENT_TAG)


def _certificate(context: DeployContext) -> tuple[str, CertificateSeen | None]:
    """The ARN that the settings name, and its certificate; no ARN where it may not be asked."""
    arn = context.settings.certificate.arn
    if not arn:
        return "", None
    try:
        return arn, Certificates(context.clients.calls("acm")).describe(arn)
    except AwsError:
        return "", None


def _image(context: DeployContext, wanted: str) -> ImageFacts | None:
    found = _allowed(lambda: registry.find(context, wanted)) if wanted else None
    if found is None:
        return None
    ecr = context.clients.ecr
    return ImageFacts(found.digest, _allowed(lambda: ecr.architectures(found.repository, found.digest)) or ())


def _buckets(context: DeployContext, there: Mapping[str, Deployed]) -> Iterator[str]:
    if "foundation" not in there:
        yield context.names.artifacts_bucket
    if context.settings.edge.assets and "edge" not in there:
        yield context.names.assets_bucket


def _roles(context: DeployContext, there: Mapping[str, Deployed]) -> Iterator[str]:
    """Names of the roles that stacks which are not there yet would create."""
    for spec in context.deployment:
        for resource in spec.template["Resources"].values() if spec.key not in there else ():
            name = resource.get("Properties", {}).get("RoleName")
            if resource["Type"] == "AWS::IAM::Role" and isinstance(name, str):
                yield name


def neighbours(context: DeployContext) -> tuple[str, ...] | None:
    """What names begin with of every environment in the account that is not of our foundation; None where nobody may ask."""
    found = _allowed(context.clients.account.roles)
    if found is None:
        return None
    spec = next(spec for spec in context.deployment if spec.key == "foundation")
    ours = context.clients.cloudformation(spec.region).template(spec.name)
    resources = ours.get("Resources", {}) if isinstance(ours, Mapping) else {}
    made = founded(
        resource.get("Properties", {}).get("RoleName", "")
        for resource in (resources.values() if isinstance(resources, Mapping) else ())
        if isinstance(resource, Mapping)
    )
    return tuple(sorted(founded(found) - made))


def _provider(context: DeployContext, there: Mapping[str, Deployed]) -> bool | None:
    """Whether the account has GitHub's identity provider already, where a stack would create it."""
    spec = next((spec for spec in context.deployment if spec.account_wide and spec.key not in there), None)
    types = {resource["Type"] for resource in spec.template["Resources"].values()} if spec else set()
    if "AWS::IAM::OIDCProvider" not in types:
        return None
    return _allowed(lambda: context.clients.account.has_provider(GITHUB))


def _records(context: DeployContext, there: Mapping[str, Deployed]) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """What stands where stacks that are not there yet would put a record: the name, the key that wants it, the types.

    Weighted records bear each other.
    """
    edge, worldwide, ours = context.settings.edge, context.settings.worldwide, context.names.auto_scaling_group
    wanted = []
    if edge.dns != "manual" and "edge" not in there:
        wanted += [(edge.hosted_zone_id, host, "[edge] dns", edge.dns) for host in context.settings.recorded_hosts]
    if worldwide.assets_domain and "worldwide" not in there:
        wanted.append((worldwide.hosted_zone_id, worldwide.assets_domain, "[worldwide] assets_domain", "alias"))
    zones = Zones(context.clients.calls("route53"))
    for zone, name, key, dns in wanted:
        found = _allowed(partial(zones.records, zone, name)) or ()
        kinds = tuple(
            kind
            for kind, identifier in found
            if kind == "CNAME" or (kind == "A" and (dns == "alias" or identifier in ("", ours)))
        )
        if kinds:
            yield name, key, kinds


def _stale(context: DeployContext, there: Mapping[str, Deployed]) -> Iterator[tuple[str, str, str, str]]:
    """(stack, parameter, its value, the output it is fed by now) of parameters that outputs have left behind."""
    for spec in context.deployment:
        given = there.get(spec.key, Deployed()).parameters
        for name, source in spec.parameters.items():
            if not isinstance(source, FromOutput) or name not in given:
                continue
            fed = there.get(source.stack, Deployed()).outputs.get(source.output)
            if isinstance(fed, str) and fed != given[name]:
                yield spec.key, name, given[name], fed


def _allowed(ask: Callable[[], Answer]) -> Answer | None:
    """What a question answers, or None where it may not be asked."""
    try:
        return ask()
    except AwsError:
        return None
