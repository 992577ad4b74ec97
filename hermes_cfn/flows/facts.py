"""What a forecast asks the account.  What may not be asked stays None, and nothing is said of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import TypeVar

from hermes_cfn.aws.billing import REGION, Billing
from hermes_cfn.aws.calls import AwsError
from hermes_cfn.aws.certificates import Certificates
from hermes_cfn.aws.zones import Zones
from hermes_cfn.checks.facts import Facts, ImageFacts
from hermes_cfn.checks.observed import CertificateSeen
from hermes_cfn.deployment import FromOutput
from hermes_cfn.flows import releases
from hermes_cfn.flows.ground import Ground
from hermes_cfn.flows.whoami import denied
from hermes_cfn.names import ENVIRONMENT_TAG, GITHUB
from hermes_cfn.plan import Deployed

Answer = TypeVar("Answer")
QUOTAS = {"addresses": ("ec2", "L-0263D0A3"), "vcpus": ("ec2", "L-1216C47A"), "nat-gateways": ("vpc", "L-FE5A380F")}
"""Quota -> service and code (Service Quotas, "AWS service quotas")."""


def gather(ground: Ground, image: str, there: Mapping[str, Deployed]) -> Facts:
    """Facts for a plan that releases ``image``, or what runs; ``there`` is what is deployed, by stack key."""
    doors, settings = ground.doors, ground.settings
    fresh, networked = "service" not in there, "network" in there
    arn, certificate = _certificate(ground)
    fleet = _fleet(there)
    grows = fleet != (settings.compute.count, settings.compute.instance_type) or settings.release.strategy == "surge"

    def quota(name: str) -> float | None:
        return doors.account.quota(*QUOTAS[name])

    return replace(
        place(ground),
        first=fresh,
        addresses=None if networked else _allowed(doors.ec2.addresses),
        addresses_quota=None if networked else quota("addresses"),
        nat_gateways=None if networked else _allowed(lambda: sum(doors.ec2.nat_gateways().values())),
        nat_gateways_quota=None if networked else quota("nat-gateways"),
        fleet=fleet,
        vcpus=_allowed(doors.ec2.vcpus) if grows else None,
        vcpus_quota=quota("vcpus") if grows else None,
        buckets={name: _allowed(partial(doors.s3.exists, name)) or "" for name in _buckets(ground, there)},
        roles=tuple(name for name in _roles(ground, there) if _allowed(partial(doors.account.role_exists, name))),
        provider=_provider(ground, there),
        records=tuple(_records(ground, there)),
        certificate_arn=arn,
        certificate=certificate,
        missing_secrets=tuple(_allowed(lambda: releases.missing_secrets(ground)) or ()),
        image=_image(ground, image),
        image_wanted=image,
        stacks={key: str(one.status) for key, one in there.items()},
        drifted=tuple(key for key, one in there.items() if one.drift == "DRIFTED"),
        stale=tuple(_stale(ground, there)),
        denied=denied(ground, "deploy"),
    )


def _fleet(there: Mapping[str, Deployed]) -> tuple[int, str] | None:
    """Number and type of instances by the service template that is deployed."""
    resources = (there.get("service", Deployed()).template or {}).get("Resources", {}).values()
    found = {resource["Type"]: resource.get("Properties", {}) for resource in resources}
    count = found.get("AWS::AutoScaling::AutoScalingGroup", {}).get("DesiredCapacity")
    kind = found.get("AWS::EC2::LaunchTemplate", {}).get("LaunchTemplateData", {}).get("InstanceType")
    return (int(count), kind) if str(count).isdigit() and isinstance(kind, str) else None


def place(ground: Ground) -> Facts:
    """What the settings want of the account whatever is deployed: type, key pair, and the budget's tag."""
    doors, settings = ground.doors, ground.settings
    key = settings.compute.key_name
    return Facts(
        account=ground.names.account,
        region=settings.account.region,
        now=ground.now,
        offered=_allowed(lambda: doors.ec2.offered(settings.compute.instance_type)),
        key_pair=_allowed(lambda: doors.ec2.key_pair(key)) if key else None,
        cost_tag=_cost_tag(ground),
    )


def _cost_tag(ground: Ground) -> str:
    """The status in billing of the tag that narrows the budget; nothing where no budget waits for it."""
    if not ground.settings.budget.waits_for_tag:
        return ""
    return Billing(ground.doors.calls("ce", REGION)).tag_status(ENVIRONMENT_TAG)


def _certificate(ground: Ground) -> tuple[str, CertificateSeen | None]:
    """The ARN that the settings name, and its certificate; no ARN where it may not be asked."""
    arn = ground.settings.certificate.arn
    if not arn:
        return "", None
    try:
        return arn, Certificates(ground.doors.calls("acm")).describe(arn)
    except AwsError:
        return "", None


def _image(ground: Ground, wanted: str) -> ImageFacts | None:
    ecr, repository = ground.doors.ecr, ground.names.repository
    if not wanted or not _allowed(lambda: ecr.uri(repository) or ""):
        return None
    found = ecr.image(repository, wanted)
    if found is None:
        return None
    return ImageFacts(found.digest, _allowed(lambda: ecr.architectures(repository, found.digest)) or ())


def _buckets(ground: Ground, there: Mapping[str, Deployed]) -> Iterator[str]:
    if "foundation" not in there:
        yield ground.names.artifacts_bucket
    if ground.settings.edge.assets and "edge" not in there:
        yield ground.names.assets_bucket


def _roles(ground: Ground, there: Mapping[str, Deployed]) -> Iterator[str]:
    """Names of the roles that stacks which are not there yet would create."""
    for spec in ground.deployment:
        for resource in spec.template["Resources"].values() if spec.key not in there else ():
            name = resource.get("Properties", {}).get("RoleName")
            if resource["Type"] == "AWS::IAM::Role" and isinstance(name, str):
                yield name


def _provider(ground: Ground, there: Mapping[str, Deployed]) -> bool | None:
    """Whether the account has GitHub's identity provider already, where a stack would create it."""
    spec = next((spec for spec in ground.deployment if spec.account_wide and spec.key not in there), None)
    types = {resource["Type"] for resource in spec.template["Resources"].values()} if spec else set()
    if "AWS::IAM::OIDCProvider" not in types:
        return None
    return _allowed(lambda: ground.doors.account.has_provider(GITHUB))


def _records(ground: Ground, there: Mapping[str, Deployed]) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """What stands where stacks that are not there yet would put a record: the name, the key that wants it, the types.

    Weighted records bear each other.
    """
    edge, worldwide, ours = ground.settings.edge, ground.settings.worldwide, ground.names.auto_scaling_group
    wanted = []
    if edge.dns != "manual" and "edge" not in there:
        wanted.append((edge.hosted_zone_id, ground.settings.certificate.domain, "[edge] dns", edge.dns))
    if worldwide.assets_domain and "worldwide" not in there:
        wanted.append((worldwide.hosted_zone_id, worldwide.assets_domain, "[worldwide] assets_domain", "alias"))
    zones = Zones(ground.doors.calls("route53"))
    for zone, name, key, dns in wanted:
        found = _allowed(partial(zones.records, zone, name)) or ()
        kinds = tuple(
            kind
            for kind, identifier in found
            if kind == "CNAME" or (kind == "A" and (dns == "alias" or identifier in ("", ours)))
        )
        if kinds:
            yield name, key, kinds


def _stale(ground: Ground, there: Mapping[str, Deployed]) -> Iterator[tuple[str, str, str, str]]:
    """(stack, parameter, its value, the output it is fed by now) of parameters that outputs have left behind."""
    for spec in ground.deployment:
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
