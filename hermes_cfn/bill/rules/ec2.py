"""Instances, groups, fleets and hosts: what runs, on which platform, with which purchase option.

T instances run in unlimited mode by default (T3, T3a, T4g) and are charged for vCPU use above their
baseline: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/burstable-performance-instances-unlimited-mode-concepts.html
Baselines: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/burstable-credits-baseline-concepts.html
The platform is read from the path of a public image parameter; an image ID tells nothing and counts as Linux.
A region with dedicated instances costs 2.00 an hour besides (https://aws.amazon.com/ec2/pricing/dedicated-instances/).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from decimal import ROUND_CEILING, Decimal
from typing import Any

from hermes_cfn.bill.charge import Charge, Free, Item, NotPriced
from hermes_cfn.bill.placing import Placed, known
from hermes_cfn.bill.quantity import Largest, fixed, per
from hermes_cfn.bill.rules.disks import grown, root_missing, volume, while_there
from hermes_cfn.bill.surroundings import Surroundings, decided, given, group_size, items, mapping, true, whole, word
from hermes_cfn.units import HOURS_PER_MONTH as HOURS
from hermes_cfn.units import dollars

BASELINE: dict[str, tuple[int, int]] = {
    "nano": (2, 5),
    "micro": (2, 10),
    "small": (2, 20),
    "medium": (2, 20),
    "large": (2, 30),
    "xlarge": (4, 40),
    "2xlarge": (8, 40),
}
"""Size -> (vCPUs, baseline percent a vCPU) of T3, T3a and T4g."""

EBS_OPTIMISED = ("c1", "c3", "g2", "i2", "m1", "m2", "m3", "r3")
"""Families that pay for EBS optimisation; later ones have it for nothing."""


def address(count: int, what: str = "public IPv4 address", scaled: bool = False) -> Charge:
    """Public IPv4 addresses in use, each hour of the month (service code AmazonVPC)."""
    return Charge(what, "AmazonVPC", "PublicIPv4:InUseAddress", fixed(HOURS * count) + grown(1, scaled), "Hrs")


def vcpus(instance_type: str) -> int | None:
    """Virtual CPUs of an instance type by its size; None where the size does not say."""
    family, _, size = instance_type.partition(".")
    if family.startswith("t"):
        return BASELINE[size][0] if size in BASELINE else None
    known = {"medium": 1, "large": 2, "xlarge": 4}
    times = size.removesuffix("xlarge")
    return known.get(size) or (4 * int(times) if times.isdigit() else None)


def surplus(
    instance_type: str, credits: Any, count: int, driver: str = "cpu_percent", service: str = "AmazonEC2"
) -> Iterator[Item]:
    """vCPU-hours above the baseline, which unlimited mode charges; driven by mean CPU use in percent."""
    family, _, size = instance_type.removeprefix("db.").partition(".")
    if family not in ("t3", "t3a", "t4g") or size not in BASELINE:
        return
    if credits is not None and word(credits, "standard", "unlimited").lower() == "standard":
        return
    cpus, baseline = BASELINE[size]
    hours = HOURS * cpus * count / 100
    over = per(driver, hours) + fixed(-baseline * hours)
    name = f"CPUCredits:{'db.' if service != 'AmazonEC2' else ''}{family}"
    yield Charge("surplus CPU credits", service, name, Largest((over,)), "vCPU-Hours")


def platform(image: Any) -> str:
    """``windows``, ``windows with SQL Server``, ``rhel`` or ``suse`` by the path of an image; empty for Linux."""
    path = str(image).lower() if isinstance(image, str) else ""
    if "windows" in path:
        return "windows with SQL Server" if "sql" in path else "windows"
    return next((name for name in ("rhel", "suse") if name in path), "")


def tenancy(specification: Mapping[str, Any], place: Placed, around: Surroundings) -> str:
    """``default``, ``dedicated`` or ``host``: an instance's own, or that of the network it is in."""
    placement = mapping(specification.get("Placement"))
    own = specification.get("Tenancy") or placement.get("Tenancy") or specification.get("PlacementTenancy")
    if placement.get("HostId") or specification.get("HostId") or specification.get("HostResourceGroupArn"):
        return "host"
    if own is not None and word(own, "default", "dedicated") != "default":
        return str(own)
    zone = place.get("VPCZoneIdentifier")
    cards = specification.get("NetworkInterfaces")
    subnets = [specification.get("SubnetId"), *(zone if isinstance(zone, list) else [])]
    subnets += [card.get("SubnetId") for card in cards if isinstance(card, Mapping)] if isinstance(cards, list) else []
    for subnet in map(around.find, subnets):
        network = around.find(subnet.get("VpcId")) if subnet else None
        if network and word(network.get("InstanceTenancy", "default"), "default", "dedicated") == "dedicated":
            return "dedicated"
    return "default"


def hours_of(
    kind: str, count: int, specification: Mapping[str, Any], place: Placed, around: Surroundings, scaled: bool = False
) -> Iterator[Item]:
    """The hours of ``count`` machines on demand, with the licence of their platform."""
    hours = while_there(HOURS * count, around.serves(place)) + grown(1, scaled)
    on = tenancy(specification, place, around)
    if on == "host":
        yield Free(f"{count} × {kind}", "its Dedicated Host is charged where it is")
        return
    image = known(specification.get("ImageId"))
    runs = platform(image)
    usage = "DedicatedUsage" if on == "dedicated" else "BoxUsage"
    if on == "dedicated" and around.once("dedicated instances", place):
        yield Charge(
            "fee of a region with dedicated instances", "AmazonEC2", "DedicatedPerRegionFee", fixed(HOURS), "Hrs"
        )
    yield Charge(f"{count} × {kind}", "AmazonEC2", f"{usage}:{kind}", hours, "Hrs", operation="RunInstances")
    cpus = vcpus(kind)
    if "windows" in runs and kind.startswith("t"):
        yield Charge("licence of Windows", "AmazonEC2", f"WindowsLicense:{kind}", hours, "Hrs")
    elif "windows" in runs:
        if cpus is None:
            yield NotPriced("licence of Windows", "the number of its processors is not known")
        else:
            licence = while_there(HOURS * count * cpus, around.serves(place))
            yield Charge("licence of Windows", "AmazonEC2", "WindowsLicense", licence, "vCPU-Hours")
    if runs not in ("", "windows"):
        yield NotPriced(f"licence of {runs}", "it is in the image's price, which is not in the book")
    if true(specification.get("EbsOptimized", False)) and kind.partition(".")[0] in EBS_OPTIMISED:
        yield Charge("EBS optimisation", "AmazonEC2", f"EBSOptimized:{kind}", hours, "Hrs")


def machines(
    specification: Mapping[str, Any],
    count: int,
    place: Placed,
    around: Surroundings,
    addressed: bool = True,
    spot: int | None = None,
    scaled: bool = False,
) -> Iterator[Item]:
    """``count`` instances of a launch template's data or of an instance's own properties, ``spot`` of them spot;
    ``scaled``: and those that scaling adds."""
    kind = known(specification.get("InstanceType"))
    if specification.get("InstanceRequirements") is not None:
        yield NotPriced("instances", "AWS chooses their type by requirements")
        return
    if not isinstance(kind, str):
        yield NotPriced("instances", "the instance type is not known")
        return
    market = isinstance(specification.get("InstanceMarketOptions"), Mapping) or given_bid(specification) is not None
    cheap = count if market else (spot or 0)
    if cheap:
        bid = given_bid(specification)
        most = f"; at most {dollars(bid * cheap * HOURS)} a month by its own bid" if bid is not None else ""
        yield NotPriced(f"{cheap} spot instances", f"spot prices move{most}: hermes-cfn prices commitments {kind}")
    if count - cheap or not count:
        yield from hours_of(kind, count - cheap, specification, place, around, scaled)
    sleeps = around.serves(place)
    credits = specification.get("CreditSpecification") or {}
    said = credits.get("CpuCredits", credits.get("CPUCredits")) if isinstance(credits, Mapping) else None
    driver = "cpu_percent" if sleeps else f"cpu_percent of {place.resource.logical_id}"
    yield from surplus(kind, said, count, driver)
    disks = specification.get("BlockDeviceMappings")
    backed = [disk["Ebs"] for disk in disks if "Ebs" in disk] if isinstance(disks, list) else []
    if not backed or root_missing(disks):
        yield NotPriced("root volume", "its size is the machine image's")
    for disk in backed:
        if isinstance(disk, Mapping):
            yield from volume(disk, count, "disk", "gp2", sleeps, scaled)
    if true(_monitoring(specification)):
        yield Charge(
            "detailed monitoring (7 metrics an instance)",
            "AmazonCloudWatch",
            "CW:MetricMonitorUsage",
            fixed(7 * count) + grown(Decimal(7) / HOURS, scaled),
            "Metrics",
            allowance="metrics",
        )
    if addressed:
        public = _public(specification, place, around)
        if public is None:
            yield NotPriced("public IPv4 address", "whether its subnet gives one is not known")
        elif public:
            yield address(count, scaled=scaled)


def given_bid(specification: Mapping[str, Any]) -> Decimal | None:
    """The most that a launch configuration pays for a spot instance, USD an hour; None on demand."""
    price = specification.get("SpotPrice")
    try:
        return None if price in (None, "") else Decimal(str(price))
    except ArithmeticError:
        return Decimal(0)


def _monitoring(specification: Mapping[str, Any]) -> Any:
    monitoring = specification.get("Monitoring", False)
    return monitoring.get("Enabled", False) if isinstance(monitoring, Mapping) else monitoring


def _public(specification: Mapping[str, Any], place: Placed, around: Surroundings) -> bool | None:
    """Whether instances get a public address; None if nobody can know.  Default subnets give one
    (https://docs.aws.amazon.com/vpc/latest/userguide/default-vpc.html).
    """
    cards = specification.get("NetworkInterfaces")
    subnets: list[Any] = [specification.get("SubnetId")]
    if isinstance(cards, list) and cards and isinstance(cards[0], Mapping):
        if "AssociatePublicIpAddress" in cards[0]:
            return true(cards[0]["AssociatePublicIpAddress"])
        subnets.append(cards[0].get("SubnetId"))
    if "AssociatePublicIpAddress" in specification:
        return true(specification["AssociatePublicIpAddress"])
    zone = place.get("VPCZoneIdentifier")
    subnets += zone if isinstance(zone, list) else [zone]
    named = [subnet for subnet in subnets if subnet is not None]
    found = [around.find(subnet) for subnet in named]
    if any(subnet is not None and true(subnet.get("MapPublicIpOnLaunch")) for subnet in found):
        return True
    return None if None in found else not named


def sent(place: Placed, around: Surroundings) -> Iterator[Item]:
    """What instances send to the database and to other APIs over the internet, whatever path it takes."""
    if not around.serves(place):
        return
    for driver, whom in (("to_database_gb", "the external database"), ("to_apis_gb", "other APIs")):
        yield Charge(
            f"transfer to {whom}",
            "AWSDataTransfer",
            "DataTransfer-Out-Bytes",
            per(driver, Decimal(1) / len(around.serving)),
            "GB",
            operation="",
            allowance="internet_out_gb",
        )


def besides(place: Placed, around: Surroundings) -> Iterator[Item]:
    """Metrics that an agent publishes, and what instances say to each other between zones (both sides pay)."""
    if not around.serves(place):
        return
    groups = len(around.serving)
    if around.usage.custom_metrics is not None:
        yield Charge(
            "custom metrics",
            "AmazonCloudWatch",
            "CW:MetricMonitorUsage",
            per("custom_metrics", Decimal(1) / groups),
            "Metrics",
            operation="",
            allowance="metrics",
        )
    if around.usage.cross_zone_gb is not None:
        yield Charge(
            "between instances in different zones",
            "AWSDataTransfer",
            "DataTransfer-Regional-Bytes",
            per("cross_zone_gb", Decimal(2) / groups),
            "GB",
            operation="",
        )


def instance(place: Placed, around: Surroundings) -> Iterable[Item]:
    properties = dict(place.resource.properties)
    base = launch_data(properties.get("LaunchTemplate"), around)
    addressed = not any(
        place.id in around.pointing(type_, "InstanceId") for type_ in ("AWS::EC2::EIP", "AWS::EC2::EIPAssociation")
    )
    yield from machines({**base, **properties}, 1, place, around, addressed)
    yield from sent(place, around)
    yield from besides(place, around)


def launch_data(reference: Any, around: Surroundings) -> Mapping[str, Any]:
    """The data of the launch template that a specification names, by a Ref or by its own name."""
    if not isinstance(reference, Mapping):
        return {}
    found = around.find(reference.get("LaunchTemplateId")) or around.named(
        "AWS::EC2::LaunchTemplate", "LaunchTemplateName", reference.get("LaunchTemplateName")
    )
    data = found.get("LaunchTemplateData") if found else None
    return data if isinstance(data, Mapping) else {}


def group(place: Placed, around: Surroundings) -> Iterable[Item]:
    scaled = _scales(place, around)
    count = _least(place, around) if scaled else _size(place, around)
    if count is None:
        yield NotPriced("instances", "the size of the group is not known")
        return
    specification = launch_data(place.get("LaunchTemplate"), around)
    spot = 0
    policy = mapping(place.get("MixedInstancesPolicy"))
    if policy:
        specification, count, spot = _mixed(policy, count, around)
    old = around.named(
        "AWS::AutoScaling::LaunchConfiguration", "LaunchConfigurationName", place.get("LaunchConfigurationName")
    )
    if old is not None:
        specification = {**old.resource.properties, "Monitoring": {"Enabled": old.get("InstanceMonitoring", True)}}
    if not specification and given(place, "InstanceId"):
        model = around.find(place.get("InstanceId"))
        specification = dict(model.resource.properties) if model else {}
    addressed = place.stack not in around.addresses_at_boot
    yield from machines(specification, count, place, around, addressed, spot, scaled)
    yield from sent(place, around)
    yield from besides(place, around)


def _scales(place: Placed, around: Surroundings) -> bool:
    """Whether ``[usage]`` says how far the group scales: it says how many instances there are nowhere."""
    return around.usage.scaled_hours is not None and around.serves(place) and not given(place, "DesiredCapacity")


def _least(place: Placed, around: Surroundings) -> int | None:
    """The smallest minimum that the group has at any time."""
    actions = around.pointing("AWS::AutoScaling::ScheduledAction", "AutoScalingGroupName").get(place.id, [])
    sizes = [whole(one.get("MinSize")) for one in (place, *actions)]
    known_ = [size for size in sizes if size is not None]
    return min(known_) if known_ else None


def _size(place: Placed, around: Surroundings) -> int | None:
    """The size of a group; where scheduled actions change it, each size that they set is possible."""
    size = group_size(place)
    actions = around.pointing("AWS::AutoScaling::ScheduledAction", "AutoScalingGroupName").get(place.id, [])
    sizes = {whole(action.get("DesiredCapacity", action.get("MinSize"))) for action in actions} - {None}
    if size is None or not sizes:
        return size
    possible = sorted({size, *(one for one in sizes if one is not None)})
    chosen: int = decided(place, around, "scheduled size", *possible)
    return chosen


def _mixed(policy: Mapping[str, Any], count: int, around: Surroundings) -> tuple[Mapping[str, Any], int, int]:
    """(what runs, how many, how many of them spot) of a MixedInstancesPolicy.

    On demand the first override is taken, as AWS does; weights are units of capacity that one instance stands for.
    https://docs.aws.amazon.com/autoscaling/ec2/userguide/mixed-instances-groups-set-up-overview.html
    """
    launch = mapping(policy.get("LaunchTemplate"))
    data = dict(launch_data(launch.get("LaunchTemplateSpecification"), around))
    overrides = items(launch.get("Overrides"))
    weight = 1
    if overrides:
        first = overrides[0]
        data = {**data, **launch_data(first.get("LaunchTemplateSpecification"), around)}
        data |= {name: first[name] for name in ("InstanceType", "InstanceRequirements") if name in first}
        weight = whole(first.get("WeightedCapacity", 1)) or 1
    spread = mapping(policy.get("InstancesDistribution"))
    base = min(count, whole(spread.get("OnDemandBaseCapacity", 0)) or 0)
    percent = whole(spread.get("OnDemandPercentageAboveBaseCapacity", 100))
    share = Decimal(100 if percent is None else percent) / 100
    above = int((Decimal(count - base) * share).to_integral_value(ROUND_CEILING))
    machines_ = -(-count // weight)
    on_demand = -(-(base + above) // weight)
    return data, machines_, machines_ - on_demand


def host(place: Placed, around: Surroundings) -> Iterable[Item]:
    """A Dedicated Host costs by the family that it carries."""
    kind = place.get("InstanceFamily") or str(place.get("InstanceType", "")).partition(".")[0]
    usage = f"HostUsage:{kind}"
    yield Charge(f"Dedicated Host {kind}", "AmazonEC2", usage, fixed(HOURS), "Hrs", operation="RunInstances")


def fleet(place: Placed, around: Surroundings) -> Iterable[Item]:
    yield NotPriced("instances", "a fleet chooses types and purchase options when it starts them")


def network(place: Placed, around: Surroundings) -> Iterable[Item]:
    if word(place.get("InstanceTenancy", "default"), "default", "dedicated") == "dedicated":
        yield Free("network", "every instance in it is dedicated, and charged so where it is")
    else:
        yield Free("network", "AWS does not charge for it (https://aws.amazon.com/vpc/pricing/)")


RULES = {
    "AWS::EC2::Instance": instance,
    "AWS::AutoScaling::AutoScalingGroup": group,
    "AWS::EC2::Host": host,
    "AWS::EC2::EC2Fleet": fleet,
    "AWS::EC2::SpotFleet": fleet,
    "AWS::EC2::VPC": network,
}
