"""Keys, secrets and parameters."""

from __future__ import annotations

from collections.abc import Iterable

from hermes_cfn.bill.charge import Charge, Free, Item, NotGiven, NotPriced
from hermes_cfn.bill.placing import Placed
from hermes_cfn.bill.quantity import fixed, per
from hermes_cfn.bill.surroundings import Surroundings, items, word


def key(place: Placed, around: Surroundings) -> Iterable[Item]:
    yield Charge("key", "awskms", "KMS-Keys", fixed(1), "Keys")
    if word(place.get("KeySpec", "SYMMETRIC_DEFAULT"), "SYMMETRIC_DEFAULT", "RSA_2048") != "SYMMETRIC_DEFAULT":
        yield NotGiven("key requests", "requests of an asymmetric key have prices of their own, and no figure")
        return
    share = around.share(around.of("AWS::KMS::Key"))
    yield Charge(
        "key requests", "awskms", "KMS-Requests", per("kms_requests", share), "Requests", allowance="kms_requests"
    )


def secret(place: Placed, around: Surroundings) -> Iterable[Item]:
    copies = items(place.get("ReplicaRegions"))
    yield Charge("secret", "AWSSecretsManager", "AWSSecretsManager-Secrets", fixed(1), "Secrets")
    for copy in copies:
        region = copy.get("Region")
        if isinstance(region, str):
            what = f"secret's copy in {region}"
            yield Charge(what, "AWSSecretsManager", "AWSSecretsManager-Secrets", fixed(1), "Secrets", region=region)
        else:
            yield NotPriced("secret's copy", "its region is not known")
    share = around.share(around.of("AWS::SecretsManager::Secret"))
    yield Charge(
        "secret requests",
        "AWSSecretsManager",
        "AWSSecretsManagerAPIRequest",
        per("secret_requests", share),
        "API Requests",
    )


STANDARD_BYTES = 4096
"""What a standard parameter may hold (https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-advanced-parameters.html)."""


def parameter(place: Placed, around: Surroundings) -> Iterable[Item]:
    tier = word(place.get("Tier", "Standard"), "Standard", "Advanced", "Intelligent-Tiering")
    if tier == "Intelligent-Tiering":
        value = place.get("Value")
        large = isinstance(value, str) and len(value.encode()) > STANDARD_BYTES
        tier = "Advanced" if large or place.get("Policies") else "Standard"
    if tier == "Standard":
        yield Free("parameter", "standard parameters are free")
    else:
        yield Charge("advanced parameter", "AWSSystemsManager", "PS-Advanced-Param-Tier1", fixed(730), "Hrs")


def rotation(place: Placed, around: Surroundings) -> Iterable[Item]:
    if place.get("HostedRotationLambda") is not None:
        yield NotGiven("rotation function", "it makes a Lambda function, charged by requests and duration")
    else:
        yield Free("rotation", "its function is charged where it is (https://aws.amazon.com/secrets-manager/pricing/)")


RULES = {
    "AWS::KMS::Key": key,
    "AWS::SecretsManager::Secret": secret,
    "AWS::SecretsManager::RotationSchedule": rotation,
    "AWS::SSM::Parameter": parameter,
}
