"""``[network]``: addresses, zones and the way out."""

from __future__ import annotations

from ipaddress import IPv4Network, ip_network
from typing import Annotated, Literal

from pydantic import Field, StringConstraints, field_validator

from hermes_cfn.config import destination
from hermes_cfn.config.destination import Destination
from hermes_cfn.config.section import Section

Egress = Literal[
    "nat-gateway", "nat-gateway-per-zone", "nat-gateway-regional", "nat-instance", "public-subnets", "ipv6"
]
SubnetId = Annotated[str, StringConstraints(pattern=r"^subnet-[0-9a-f]{8,17}$")]
Layout = Literal["zone", "order"]
STABLE: frozenset[str] = frozenset({"nat-gateway", "nat-gateway-per-zone", "nat-gateway-regional", "nat-instance"})
"""Ways out whose addresses an allow-list can name."""

ENDPOINTS = ("ssm", "ssmmessages", "ec2messages", "ecr.api", "ecr.dkr", "logs", "monitoring", "autoscaling")
Endpoint = Literal["ssm", "ssmmessages", "ec2messages", "ecr.api", "ecr.dkr", "logs", "monitoring", "autoscaling"]
SUBNET_BITS = 4
"""The VPC's range is cut in 16: the first half for public, the second for private subnets."""

MOST_ZONES = 8
"""Zones that the ranges have room for; their letters are a to h."""

SMALLEST_SUBNET = 28


class Network(Section):
    """Subnets are computed from ``cidr``."""

    cidr: str = "10.0.0.0/16"
    vpc_id: Annotated[str, StringConstraints(pattern=r"^(vpc-[0-9a-f]{8,17})?$")] = ""
    public_subnets: Annotated[tuple[SubnetId, ...], Field(strict=False, max_length=8)] = ()
    private_subnets: Annotated[tuple[SubnetId, ...], Field(strict=False, max_length=8)] = ()
    zones: Annotated[tuple[str, ...], Field(strict=False, min_length=2, max_length=6)] = (
        "eu-south-2a",
        "eu-south-2b",
        "eu-south-2c",
    )
    egress: Egress = "nat-gateway"
    interface_endpoints: Annotated[tuple[Endpoint, ...], Field(strict=False)] = ()
    layout: Layout = "zone"
    outbound: Annotated[tuple[str, ...], Field(strict=False, max_length=50)] = ()
    flow_logs: bool = True
    flow_log_days: Literal[1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365] = 14

    @field_validator("cidr")
    @classmethod
    def _a_private_range(cls, value: str) -> str:
        try:
            network = ip_network(value)
        except ValueError as error:
            raise ValueError(f"{error}; write it like 10.0.0.0/16") from error
        if not isinstance(network, IPv4Network):
            raise ValueError("is not an IPv4 range; write it like 10.0.0.0/16")
        if network.prefixlen < 16:
            raise ValueError(f"/{network.prefixlen} is larger than a VPC may be; /16 to /24")
        if network.prefixlen + SUBNET_BITS > SMALLEST_SUBNET:
            raise ValueError(f"/{network.prefixlen} is too small to be cut into 16 subnets of at least /28; /16 to /24")
        if not network.is_private:
            raise ValueError("is not a private range; use one inside 10.0.0.0/8, 172.16.0.0/12 or 192.168.0.0/16")
        return value

    @field_validator("outbound", mode="before")
    @classmethod
    def _numbers_too(cls, value: object) -> object:
        return destination.spelled(value)

    @field_validator("outbound")
    @classmethod
    def _destinations(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for one in value:
            destination.read(one)
        if len(set(value)) < len(value):
            raise ValueError("a destination stands there twice")
        return value

    @property
    def destinations(self) -> tuple[Destination, ...]:
        """What ``outbound`` says, in its order."""
        return tuple(destination.read(one) for one in self.outbound)

    @property
    def subnets(self) -> tuple[tuple[str, str, str], ...]:
        """Zone, public range and private range, in the order of the zones."""
        ranges = [str(part) for part in ip_network(self.cidr).subnets(prefixlen_diff=SUBNET_BITS)]
        half = len(ranges) // 2
        return tuple((zone, ranges[n], ranges[half + n]) for zone, n in zip(self.zones, self._places, strict=True))

    @property
    def ipv6_places(self) -> tuple[tuple[int, int], ...]:
        """Of each zone, in their order: the number of its public and of its private /64 in the VPC's IPv6 range.

        The first three zones lie as three always have; a zone keeps its ranges whatever zones there are beside it.
        """
        if self.layout == "order":
            return tuple((n, len(self.zones) + n) for n in range(len(self.zones)))
        return tuple((n, n + 3) if n < 3 else (2 * n, 2 * n + 1) for n in self._places)

    @property
    def _places(self) -> tuple[int, ...]:
        """The number of each zone's ranges: its letter says it, so that no other zone moves it."""
        letters = tuple("abcdefgh".find(zone[-1]) for zone in self.zones)
        if self.layout == "order" or -1 in letters or len(set(letters)) < len(letters):
            return tuple(range(len(self.zones)))
        return letters
