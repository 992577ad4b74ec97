"""Keys, secrets and parameters."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from hermes_cfn.bill.charge import Charge, Free, Item
from hermes_cfn.bill.quantity import fixed, per
from hermes_cfn.bill.surroundings import Placed, Surroundings


def key(place: Placed, around: Surroundings) -> Iterable[Item]:
    yield Charge("key", "awskms", "KMS-Keys", fixed(1), "Keys")
    share = Decimal(1) / len(around.of("AWS::KMS::Key"))
    yield Charge(
        "key requests", "awskms", "KMS-Requests", per("kms_requests", share), "Requests", allowance="kms_requests"
    )


def secret(place: Placed, around: Surroundings) -> Iterable[Item]:
    yield Charge("secret", "AWSSecretsManager", "AWSSecretsManager-Secrets", fixed(1), "Secrets")
    share = Decimal(1) / len(around.of("AWS::SecretsManager::Secret"))
    yield Charge(
        "secret requests",
        "AWSSecretsManager",
        "AWSSecretsManager-APIRequests",
        per("secret_requests", share),
        "API Requests",
    )


def parameter(place: Placed, around: Surroundings) -> Iterable[Item]:
    if place.get("Tier", "Standard") == "Standard":
        yield Free("parameter", "standard parameters are free")
    else:
        yield Charge("advanced parameter", "AWSSystemsManager", "PS-Advanced-Param-Tier1", fixed(730), "Hrs")


RULES = {
    "AWS::KMS::Key": key,
    "AWS::SecretsManager::Secret": secret,
    "AWS::SSM::Parameter": parameter,
}
