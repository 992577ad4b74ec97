"""Disks: size, IOPS with their tiers, throughput, snapshots (https://aws.amazon.com/ebs/pricing/)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Any

from hermes_cfn.bill.charge import Charge, Item, NotPriced
from hermes_cfn.bill.placing import Placed, known
from hermes_cfn.bill.quantity import Sum, fixed, per
from hermes_cfn.bill.surroundings import Surroundings, whole
from hermes_cfn.cfn.values import Unknown
from hermes_cfn.units import HOURS_PER_MONTH as HOURS

VOLUME_USAGE = {
    "gp2": "EBS:VolumeUsage.gp2",
    "gp3": "EBS:VolumeUsage.gp3",
    "io1": "EBS:VolumeUsage.piops",
    "io2": "EBS:VolumeUsage.io2",
    "st1": "EBS:VolumeUsage.st1",
    "sc1": "EBS:VolumeUsage.sc1",
    "standard": "EBS:VolumeUsage",
}
GP3_IOPS, GP3_MIBPS = 3000, 125

IO2_TIERS = ((0, 32_000, ""), (32_000, 64_000, ".tier2"), (64_000, None, ".tier3"))
"""IOPS of one io2 volume: from, up to, and how the usage type of the tier ends."""

ROOTS = ("/dev/xvda", "/dev/sda1", "/dev/sda")

ASLEEP = "asleep_hours"
"""The driver that ``sleep`` means; surplus credits, which are for a busy instance, are left as they are."""


def while_there(month: Decimal | int, sleeps: bool) -> Sum:
    """What a month costs in full, less the hours that ``sleep`` takes the instances and their disks away."""
    whole_month = fixed(month)
    return whole_month + per(ASLEEP, -Decimal(month) / HOURS) if sleeps else whole_month


SCALED = "scaled_hours"
"""The driver of a group that scales: hours of instances beyond the least."""


def grown(each: Decimal | int, scaled: bool) -> Sum:
    """``each`` for every hour of an instance that scaling adds; nothing where nothing scales."""
    return per(SCALED, each) if scaled else fixed(0)


def root_missing(disks: Any) -> bool:
    """Whether a list of devices names others only, so that the root volume is as the image has it."""
    names = [disk.get("DeviceName") for disk in disks if isinstance(disk, Mapping)] if isinstance(disks, list) else []
    return bool(names) and all(isinstance(name, str) and name not in ROOTS for name in names)


def volume(
    properties: Mapping[str, Any],
    count: int,
    what: str,
    default: str = "gp2",
    sleeps: bool = False,
    scaled: bool = False,
) -> Iterator[Item]:
    """A disk: its size, and what of IOPS and throughput goes beyond gp3's 3,000 and 125 MiB/s.

    EBS bills GiB under the unit ``GB-Mo``, and throughput in GiB/s.
    """
    kind = known(properties.get("VolumeType", default))
    size = whole(properties.get("VolumeSize", properties.get("Size")))
    if isinstance(kind, Unknown) or size is None or kind not in VOLUME_USAGE:
        told = "unknown" if isinstance(kind, Unknown) else kind
        yield NotPriced(what, f"type {told} and size {'unknown' if size is None else size} are not both known")
        return
    month = while_there(size * count, sleeps) + grown(Decimal(size) / HOURS, scaled)
    yield Charge(f"{what} {kind}", "AmazonEC2", VOLUME_USAGE[str(kind)], month, "GB-Mo")
    iops = whole(properties.get("Iops")) or 0
    if kind == "gp3" and iops > GP3_IOPS:
        yield Charge(f"{what} IOPS", "AmazonEC2", "EBS:VolumeP-IOPS.gp3", fixed((iops - GP3_IOPS) * count), "IOPS-Mo")
    if kind == "io1" and iops:
        yield Charge(f"{what} IOPS", "AmazonEC2", "EBS:VolumeP-IOPS.piops", fixed(iops * count), "IOPS-Mo")
    for start, end, tier in IO2_TIERS if kind == "io2" else ():
        within = min(iops, end if end is not None else iops) - start
        if within > 0:
            usage = f"EBS:VolumeP-IOPS.io2{tier}"
            yield Charge(f"{what} IOPS above {start:,}", "AmazonEC2", usage, fixed(within * count), "IOPS-Mo")
    if kind == "standard":
        yield Charge(f"{what} I/O", "AmazonEC2", "EBS:VolumeIOUsage", per("magnetic_ios", count), "IOs")
    throughput = whole(properties.get("Throughput")) or 0
    if kind == "gp3" and throughput > GP3_MIBPS:
        more = Decimal((throughput - GP3_MIBPS) * count) / 1024
        yield Charge(f"{what} throughput", "AmazonEC2", "EBS:VolumeP-Throughput.gp3", fixed(more), "GiBps-mo")


def disk(place: Placed, around: Surroundings) -> Iterable[Item]:
    yield from volume(place.resource.properties, 1, "volume")
    share = around.share(around.of("AWS::EC2::Volume"))
    yield Charge("snapshots", "AmazonEC2", "EBS:SnapshotUsage", per("ebs_snapshot_gb", share), "GB-Mo")


RULES = {"AWS::EC2::Volume": disk}
