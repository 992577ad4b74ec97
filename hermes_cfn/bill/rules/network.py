"""NAT, endpoints, addresses, and the traffic that passes them.

A NAT gateway charges each GB it processes, in both directions
(https://docs.aws.amazon.com/vpc/latest/userguide/nat-gateway-pricing.html); instances in
another zone pay 0.01 a GB on each side besides.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from decimal import Decimal

from hermes_cfn.bill.charge import Charge, Free, Item, NotPriced
from hermes_cfn.bill.placing import Placed
from hermes_cfn.bill.quantity import Sum, fixed, per
from hermes_cfn.bill.rules.ec2 import address
from hermes_cfn.bill.surroundings import Surroundings, count_of, word
from hermes_cfn.units import HOURS_PER_MONTH as HOURS


def through(path: str, around: Surroundings) -> Iterator[tuple[str, Sum]]:
    """What goes over one path: (with whom, GB a month), both directions."""
    usage = around.usage
    if usage.database_path == path:
        yield "the external database", per("to_database_gb") + per("from_database_gb")
    if usage.apis_path == path:
        yield "other APIs", per("to_apis_gb") + per("from_apis_gb")
    if around.path("logs") == path:
        yield "CloudWatch Logs", per("logs_gb")
    if around.path("ecr.dkr") == path and not (path == "nat" and around.s3_gateway):
        yield "image pulls", per("image_pulled_gb", around.instances)


def nat_gateway(place: Placed, around: Surroundings) -> Iterable[Item]:
    """A regional gateway is taken to cost an hour in each zone that it serves; traffic stays in its zone."""
    regional = place.get("AvailabilityMode") == "regional"
    name = "RegionalNatGateway" if regional else "NatGateway"
    zones = around.zones if regional else 1
    public = word(place.get("ConnectivityType", "public"), "public", "private") == "public"
    what = f"regional NAT gateway in {zones} zones" if regional else "NAT gateway"
    yield Charge(what, "AmazonEC2", f"{name}-Hours", fixed(HOURS * zones), "Hrs", operation=name)
    if regional and public and not place.get("AllocationId") and not place.get("AvailabilityZoneAddresses"):
        yield address(zones, f"public IPv4 addresses, one in each of {zones} zones")
    gateways = max(1, around.nat_gateways)
    elsewhere = 0 if regional else max(0, around.zones - gateways)
    for whom, amount in through("nat", around):
        share = amount.times(Decimal(1) / gateways)
        yield Charge(f"NAT, {whom}", "AmazonEC2", f"{name}-Bytes", share, "GB", operation=name)
        if elsewhere and public:
            yield Charge(
                f"from other zones to the NAT gateway, {whom}",
                "AWSDataTransfer",
                "DataTransfer-Regional-Bytes",
                share.times(Decimal(2 * elsewhere) / around.zones),
                "GB",
                operation="",
            )
    if around.s3_gateway and around.path("ecr.dkr") == "nat":
        yield Free("image pulls", "layers come from S3 through the gateway endpoint")


def _own_driver(place: Placed) -> str:
    name = str(place.get("ServiceName", ""))
    return next((end for end in (".logs", ".ecr.dkr") if name.endswith(end)), "")


def endpoint(place: Placed, around: Surroundings) -> Iterable[Item]:
    kind = word(place.get("VpcEndpointType", "Gateway"), "Gateway", "Interface")
    if kind == "Gateway":
        yield Free("gateway endpoint", "gateway endpoints for S3 and DynamoDB are free")
        return
    if kind not in ("Interface", "GatewayLoadBalancer"):
        yield NotPriced("endpoint", f"an endpoint of type {kind} has prices that are not in the book")
        return
    subnets = place.get("SubnetIds")
    count = count_of(subnets, place, around, "number of zones", 1, 2, 3) if subnets is not None else 1
    name = "VpcEndpoint-GWLBE" if kind == "GatewayLoadBalancer" else "VpcEndpoint"
    yield Charge(f"endpoint in {count} zones", "AmazonVPC", f"{name}-Hours", fixed(HOURS * count), "Hrs")
    end = _own_driver(place)
    if end == ".logs":
        amount = per("logs_gb") if around.path("logs") == "endpoint" else fixed(0)
    elif end == ".ecr.dkr":
        own = around.path("ecr.dkr") == "endpoint" and not around.s3_gateway
        amount = per("image_pulled_gb", around.instances) if own else fixed(0)
    else:
        others = [
            one
            for one in around.of("AWS::EC2::VPCEndpoint")
            if one.get("VpcEndpointType") in ("Interface", "GatewayLoadBalancer") and not _own_driver(one)
        ]
        amount = per("endpoint_gb", around.share(others))
    yield Charge("endpoint traffic", "AmazonVPC", f"{name}-Bytes", amount, "GB")


def elastic_ip(place: Placed, around: Surroundings) -> Iterable[Item]:
    pool = place.get("PublicIpv4Pool")
    if pool is not None and pool != "amazon":
        yield Free("public IPv4 address", "addresses of an own pool cost nothing (https://aws.amazon.com/vpc/pricing/)")
        return
    yield address(1, "public IPv4 address (Elastic IP)")


RULES = {
    "AWS::EC2::NatGateway": nat_gateway,
    "AWS::EC2::VPCEndpoint": endpoint,
    "AWS::EC2::EIP": elastic_ip,
}
