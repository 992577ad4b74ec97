"""Where the network comes from: from this deployment's own stack, from the settings, or from another environment."""

from __future__ import annotations

from hermes_cfn.config import Settings
from hermes_cfn.deployment import FromLookup, FromOutput, FromSetting, Source
from hermes_cfn.names import Names, output_id

NETWORK = ("vpc_id", "public_subnets", "private_subnets")
"""What stacks take of the network, by the names of its outputs."""


def of_network(settings: Settings, name: str) -> Source:
    """VPC or subnets: as the settings say, of the environment that is shared, or of the stack."""
    shares = settings.environment.shares
    owner = next((one for one in settings.siblings if one.environment.name == shares), settings)
    if owner.network.vpc_id:
        return FromSetting(owner.network.vpc_id if name == "vpc_id" else ",".join(getattr(owner.network, name)))
    if shares:
        return FromLookup("output", f"{Names.of(settings).sharing(settings).stack('network')}:{output_id(name)}")
    return FromOutput("network", output_id(name))
