"""Instances, their disks, addresses and surplus credits.

T instances run in unlimited mode by default (T3, T3a, T4g) and are charged for vCPU use above their
baseline: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/burstable-performance-instances-unlimited-mode-concepts.html
Baselines: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/burstable-credits-baseline-concepts.html
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Any

from hermes_cfn.bill.charge import Charge, Item, NotPriced
from hermes_cfn.bill.quantity import Largest, Sum, fixed, per
from hermes_cfn.bill.surroundings import Placed, Surroundings, group_size, mapping, true, whole
from hermes_cfn.cfn.values import Unknown
from hermes_cfn.units import HOURS_PER_MONTH as HOURS

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

VOLUME_USAGE = {
    "gp2": "EBS:VolumeUsage.gp2",
    "gp3": "EBS:VolumeUsage.gp3",
    "io1": "EBS:VolumeUsage.piops",
    "io2": "EBS:VolumeUsage.io2",
    "st1": "EBS:VolumeUsage.st1",
    "sc1": "EBS:VolumeUsage.sc1",
    "standard": "EBS:VolumeUsage",
}
ASLEEP = "asleep_hours"
"""The driver that ``sleep`` means; surplus credits, which are for a busy instance, are left as they are."""

GP3_IOPS, GP3_MIBPS = 3000, 125


def address(count: int, what: str = "public IPv4 address") -> Charge:
    """Public IPv4 addresses in use, each hour of the month (service code AmazonVPC)."""
    return Charge(what, "AmazonVPC", "PublicIPv4:InUseAddress", fixed(HOURS * count), "Hrs")


def while_there(month: Decimal | int, sleeps: bool) -> Sum:
    """What a month costs in full, less the hours that ``sleep`` takes the instances and their disks away."""
    whole_month = fixed(month)
    return whole_month + per(ASLEEP, -Decimal(month) / HOURS) if sleeps else whole_month


def volume(
    properties: Mapping[str, Any], count: int, what: str, default: str = "gp2", sleeps: bool = False
) -> Iterator[Item]:
    """A disk: its size, and what of IOPS and throughput goes beyond gp3's 3,000 and 125 MiB/s.

    EBS bills GiB under the unit ``GB-Mo``, and throughput in GiB/s.
    """
    kind = properties.get("VolumeType", default)
    size = whole(properties.get("VolumeSize", properties.get("Size")))
    if isinstance(kind, Unknown) or size is None or kind not in VOLUME_USAGE:
        yield NotPriced(what, f"type {kind} and size {size or 'unknown'} are not both known")
        return
    yield Charge(f"{what} {kind}", "AmazonEC2", VOLUME_USAGE[str(kind)], while_there(size * count, sleeps), "GB-Mo")
    iops = whole(properties.get("Iops")) or 0
    if kind == "gp3" and iops > GP3_IOPS:
        yield Charge(f"{what} IOPS", "AmazonEC2", "EBS:VolumeP-IOPS.gp3", fixed((iops - GP3_IOPS) * count), "IOPS-Mo")
    if kind in ("io1", "io2") and iops:
        usage = "EBS:VolumeP-IOPS.piops" if kind == "io1" else "EBS:VolumeP-IOPS.io2"
        yield Charge(f"{what} IOPS", "AmazonEC2", usage, fixed(iops * count), "IOPS-Mo")
    throughput = whole(properties.get("Throughput")) or 0
    if kind == "gp3" and throughput > GP3_MIBPS:
        more = Decimal((throughput - GP3_MIBPS) * count) / 1024
        yield Charge(f"{what} throughput", "AmazonEC2", "EBS:VolumeP-Throughput.gp3", fixed(more), "GiBps-mo")


def surplus(instance_type: str, credits: Any, count: int, driver: str = "cpu_percent") -> Iterator[Item]:
    """vCPU-hours above the baseline, which unlimited mode charges; driven by mean CPU use in percent."""
    family, _, size = instance_type.partition(".")
    if family not in ("t3", "t3a", "t4g") or size not in BASELINE:
        return
    if isinstance(credits, str) and credits.lower() == "standard":
        return
    vcpus, baseline = BASELINE[size]
    hours = HOURS * vcpus * count / 100
    over = per(driver, hours) + fixed(-baseline * hours)
    yield Charge("surplus CPU credits", "AmazonEC2", f"CPUCredits:{family}", Largest((over,)), "vCPU-Hours")


def machines(
    specification: Mapping[str, Any], count: int, place: Placed, around: Surroundings, addressed: bool = True
) -> Iterator[Item]:
    """``count`` instances of a launch template's data or of an instance's own properties."""
    kind = specification.get("InstanceType")
    if not isinstance(kind, str):
        yield NotPriced("instances", "the instance type is not known")
        return
    sleeps = around.serves(place)
    spot = isinstance(specification.get("InstanceMarketOptions"), Mapping)
    if spot:
        yield NotPriced("spot instances", f"spot prices move: hermes-cfn prices commitments {kind}")
    else:
        own = specification.get("Tenancy") or mapping(specification.get("Placement")).get("Tenancy")
        usage = f"{'DedicatedUsage' if own in ('dedicated', 'host') else 'BoxUsage'}:{kind}"
        hours = while_there(HOURS * count, sleeps)
        yield Charge(f"{count} × {kind}", "AmazonEC2", usage, hours, "Hrs", operation="RunInstances")
    credits = specification.get("CreditSpecification") or {}
    said = credits.get("CpuCredits", credits.get("CPUCredits")) if isinstance(credits, Mapping) else None
    driver = "cpu_percent" if sleeps else f"cpu_percent of {place.resource.logical_id}"
    yield from surplus(kind, said, count, driver)
    disks = specification.get("BlockDeviceMappings")
    backed = [disk["Ebs"] for disk in disks if "Ebs" in disk] if isinstance(disks, list) else []
    if not backed:
        yield NotPriced("root volume", "its size is the machine image's")
    for disk in backed:
        if isinstance(disk, Mapping):
            yield from volume(disk, count, "disk", "gp2", sleeps)
    if true(_monitoring(specification)):
        yield Charge(
            "detailed monitoring (7 metrics an instance)",
            "AmazonCloudWatch",
            "CW:MetricMonitorUsage",
            fixed(7 * count),
            "Metrics",
            allowance="metrics",
        )
    if addressed:
        public = _public(specification, place, around)
        if public is None:
            yield NotPriced("public IPv4 address", "whether its subnet gives one is not known")
        elif public:
            yield address(count)


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
    groups = len(around.serving)
    for driver, whom in (("to_database_gb", "the external database"), ("to_apis_gb", "other APIs")):
        yield Charge(
            f"transfer to {whom}",
            "AWSDataTransfer",
            "DataTransfer-Out-Bytes",
            per(driver, Decimal(1) / groups),
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
    template = _template(properties.get("LaunchTemplate"), around)
    addressed = not any(
        around.find(other.get("InstanceId")) is place
        for other in around.of("AWS::EC2::EIP", "AWS::EC2::EIPAssociation")
    )
    yield from machines({**template, **properties}, 1, place, around, addressed)
    yield from sent(place, around)
    yield from besides(place, around)


def _template(reference: Any, around: Surroundings) -> Mapping[str, Any]:
    if not isinstance(reference, Mapping):
        return {}
    found = around.find(reference.get("LaunchTemplateId")) or around.find(reference.get("LaunchTemplateName"))
    data = found.get("LaunchTemplateData") if found else None
    return data if isinstance(data, Mapping) else {}


def group(place: Placed, around: Surroundings) -> Iterable[Item]:
    count = group_size(place)
    if count is None:
        yield NotPriced("instances", "the size of the group is not known")
        return
    specification = _template(place.get("LaunchTemplate"), around)
    policy = place.get("MixedInstancesPolicy")
    if isinstance(policy, Mapping):
        specification = _template(policy.get("LaunchTemplate", {}).get("LaunchTemplateSpecification"), around)
    old = around.find(place.get("LaunchConfigurationName"))
    if old is not None:
        specification = {
            **old.resource.properties,
            "Monitoring": {"Enabled": old.get("InstanceMonitoring", True)},
        }
    yield from machines(specification, count, place, around, place.stack not in around.addresses_at_boot)
    yield from sent(place, around)
    yield from besides(place, around)


def disk(place: Placed, around: Surroundings) -> Iterable[Item]:
    yield from volume(place.resource.properties, 1, "volume")
    if around.usage.ebs_snapshot_gb is not None:
        share = Decimal(1) / len(around.of("AWS::EC2::Volume"))
        yield Charge("snapshots", "AmazonEC2", "EBS:SnapshotUsage", per("ebs_snapshot_gb", share), "GB-Mo")


RULES = {
    "AWS::EC2::Instance": instance,
    "AWS::AutoScaling::AutoScalingGroup": group,
    "AWS::EC2::Volume": disk,
}
