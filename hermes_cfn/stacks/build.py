"""Which stacks there are, in which region, and what feeds each of their parameters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from troposphere import Template

from hermes_cfn.config import Settings
from hermes_cfn.config.compute import MachineArchitecture
from hermes_cfn.deployment import Deployment, FromLookup, FromOutput, FromSetting, Source, StackSpec
from hermes_cfn.names import Names, output_id
from hermes_cfn.stacks import certificate, foundation, network, service
from hermes_cfn.stacks.nat_instance import IMAGE_PARAMETER

WORLD = "us-east-1"


def build(settings: Settings) -> Deployment:
    """Every stack of one environment."""
    specs = [_network(settings), *_certificate(settings), _service(settings)]
    return Deployment(
        application=settings.application.name,
        environment=settings.environment.name,
        region=settings.region,
        stacks=(_foundation(settings), *specs),
        usage=settings.usage.model_dump(mode="json"),
    )


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
    return _spec(settings, "foundation", foundation.template(settings))


def _network(settings: Settings) -> StackSpec:
    parameters: dict[str, Source] = {}
    if settings.network.egress == "nat-instance":
        parameters[IMAGE_PARAMETER] = machine_image("arm64")
    return _spec(settings, "network", network.template(settings), parameters, follows=("foundation",))


def _certificate(settings: Settings) -> list[StackSpec]:
    if settings.certificate.arn:
        return []
    return [_spec(settings, "certificate", certificate.template(settings), follows=("foundation",))]


def _service(settings: Settings) -> StackSpec:
    arn = settings.certificate.arn
    parameters: dict[str, Any] = {
        "VpcId": output("network", "vpc_id"),
        "PublicSubnets": output("network", "public_subnets"),
        "CertificateArn": FromSetting(arn) if arn else output("certificate", "certificate_arn"),
        "MachineImage": machine_image(settings.compute.architecture),
    }
    if settings.network.egress != "public-subnets":
        parameters["PrivateSubnets"] = output("network", "private_subnets")
    template = service.template(settings)
    return _spec(
        settings, "service", template, parameters, follows=("foundation",), gates=("image", "secrets", "stable")
    )
