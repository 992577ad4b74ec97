"""Buckets and image repositories.  What a month stores is shared equally by the buckets there are."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from hermes_cfn.bill.charge import Charge, Item
from hermes_cfn.bill.quantity import per
from hermes_cfn.bill.surroundings import Placed, Surroundings


def bucket(place: Placed, around: Surroundings) -> Iterable[Item]:
    share = Decimal(1) / len(around.of("AWS::S3::Bucket"))
    yield Charge("storage", "AmazonS3", "TimedStorage-ByteHrs", per("s3_gb", share), "GB-Mo", operation="")
    yield Charge("PUT, COPY, POST, LIST", "AmazonS3", "Requests-Tier1", per("s3_puts", share), "Requests", operation="")
    yield Charge("GET and others", "AmazonS3", "Requests-Tier2", per("s3_gets", share), "Requests", operation="")


def repository(place: Placed, around: Surroundings) -> Iterable[Item]:
    share = Decimal(1) / len(around.of("AWS::ECR::Repository"))
    yield Charge("images kept", "AmazonECR", "TimedStorage-ByteHrs", per("images_gb", share), "GB-Mo", operation="")


RULES = {"AWS::S3::Bucket": bucket, "AWS::ECR::Repository": repository}
