"""Buckets and image repositories.  What a month stores is shared equally by the buckets there are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from hermes_cfn.bill.charge import Charge, Item, NotPriced
from hermes_cfn.bill.placing import Placed
from hermes_cfn.bill.quantity import per
from hermes_cfn.bill.surroundings import Surroundings, items, mapping

CLASSES = {
    "STANDARD_IA": "TimedStorage-SIA-ByteHrs",
    "ONEZONE_IA": "TimedStorage-ZIA-ByteHrs",
    "GLACIER": "TimedStorage-GlacierByteHrs",
    "DEEP_ARCHIVE": "TimedStorage-GDA-ByteHrs",
    "INTELLIGENT_TIERING": "TimedStorage-INT-FA-ByteHrs",
}
"""Storage class -> usage type of a gigabyte kept in it."""


def bucket(place: Placed, around: Surroundings) -> Iterable[Item]:
    share = around.share(around.of("AWS::S3::Bucket"))
    yield Charge("storage", "AmazonS3", "TimedStorage-ByteHrs", per("s3_gb", share), "GB-Mo", operation="")
    yield Charge("PUT, COPY, POST, LIST", "AmazonS3", "Requests-Tier1", per("s3_puts", share), "Requests", operation="")
    yield Charge("GET and others", "AmazonS3", "Requests-Tier2", per("s3_gets", share), "Requests", operation="")
    for name in _classes(place):
        usage = CLASSES.get(name)
        if usage is None:
            yield NotPriced(f"storage class {name}", "it is in no book")
        else:
            driver = f"s3_{name.lower()}_gb"
            yield Charge(f"storage class {name}", "AmazonS3", usage, per(driver, share), "GB-Mo", operation="")


def _classes(place: Placed) -> list[str]:
    """Storage classes into which a lifecycle moves what is kept."""
    found: dict[str, None] = {}
    for rule in items(mapping(place.get("LifecycleConfiguration")).get("Rules")):
        if str(rule.get("Status", "Enabled")) != "Enabled":
            continue
        moves = items(rule.get("Transitions")) + items(rule.get("NoncurrentVersionTransitions"))
        moves += [
            one for one in (rule.get("Transition"), rule.get("NoncurrentVersionTransition")) if isinstance(one, Mapping)
        ]
        found.update(dict.fromkeys(str(one.get("StorageClass")) for one in moves))
    return list(found)


def repository(place: Placed, around: Surroundings) -> Iterable[Item]:
    share = around.share(around.of("AWS::ECR::Repository"))
    yield Charge("images kept", "AmazonECR", "TimedStorage-ByteHrs", per("images_gb", share), "GB-Mo", operation="")


RULES = {"AWS::S3::Bucket": bucket, "AWS::ECR::Repository": repository}
