"""``foundation``: what an account has once — artifacts, images, the lock, and who may do what.

Only ``bootstrap`` with administrator's credentials touches it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from types import MappingProxyType

from troposphere import GetAtt, Ref, Template, dynamodb, ecr, iam

from hermes_cfn.config import Settings
from hermes_cfn.names import GITHUB, Names, foundation_title
from hermes_cfn.stacks import access
from hermes_cfn.stacks.buckets import private_bucket
from hermes_cfn.stacks.common import fresh, put, waive

RELEASED_AT_MOST = 20_000
"""Images that a repository holds at most (ECR service quotas), so that this many are never exceeded."""


def template(
    settings: Settings,
    types: Mapping[str, Sequence[str]],
    of_extras: Mapping[str, Sequence[str]] = MappingProxyType({}),
) -> Template:
    """``types`` are the resource types of each environment's other stacks, ``of_extras`` those of its extras."""
    names = Names.of(settings)
    stack = fresh(f"{names.application}: artifacts, images, deploy lock and roles of the account")
    bucket = private_bucket(
        stack,
        "Artifacts",
        names.artifacts_bucket,
        expire_old_days=90,
        encryption=settings.account.artifacts_encryption,
    )
    put(stack, "artifacts_bucket", Ref(bucket), "Releases and templates")
    for one in settings.family:
        _images(stack, Names.of(one), names.application)
    _lock(stack, names)
    provider = _github(stack, settings)
    access.build_shared(stack, settings)
    extra = {kind for kinds in of_extras.values() for kind in kinds}
    access.build_service_policies(stack, settings, {kind for kinds in types.values() for kind in kinds}, extra)
    for one in settings.family:
        name = one.environment.name
        access.build_roles(stack, one, types[name], of_extras.get(name, ()), provider)
    return stack


def _images(stack: Template, names: Names, first: str) -> None:
    """Rules cannot know what is in use, so they expire only what was never released.

    The first one means every released image and so keeps it from those after it ("An image that matches the tagging
    requirements of a rule cannot be expired by a rule with a lower priority", ECR user guide, lifecycle policies).
    """
    never = {"countType": "imageCountMoreThan", "countNumber": RELEASED_AT_MOST}
    rules = [
        {
            "rulePriority": 1,
            "description": "released images stay",
            "selection": {"tagStatus": "tagged", "tagPatternList": ["released-*"], **never},
            "action": {"type": "expire"},
        },
        _expire(2, "untagged images", {"tagStatus": "untagged"}, days=7),
        _expire(
            3, "build tags that were never released", {"tagStatus": "tagged", "tagPatternList": ["build-*"]}, days=30
        ),
    ]
    title = "Repository" if names.repository == first else f"{foundation_title(names.environment)}Repository"
    repository = stack.add_resource(
        ecr.Repository(
            title,
            RepositoryName=names.repository,
            DeletionPolicy="Retain",
            UpdateReplacePolicy="Retain",
            ImageTagMutability="IMMUTABLE",
            ImageScanningConfiguration=ecr.ImageScanningConfiguration(ScanOnPush=True),
            EncryptionConfiguration=ecr.EncryptionConfiguration(EncryptionType="AES256"),
            LifecyclePolicy=ecr.LifecyclePolicy(LifecyclePolicyText=json.dumps({"rules": rules})),
        )
    )
    waive(
        repository,
        {
            "CKV_AWS_136": "images hold no secret; AES256 costs nothing, a key of one's own USD 1 a month and a permission more"
        },
    )
    if names.repository == first:
        put(stack, "repository_uri", GetAtt(repository, "RepositoryUri"), "Where images are pushed")


def _expire(priority: int, description: str, selection: dict[str, object], days: int) -> dict[str, object]:
    count = {"countType": "sinceImagePushed", "countUnit": "days", "countNumber": days}
    return {
        "rulePriority": priority,
        "description": description,
        "selection": {**selection, **count},
        "action": {"type": "expire"},
    }


def _lock(stack: Template, names: Names) -> None:
    table = stack.add_resource(
        dynamodb.Table(
            "LockTable",
            TableName=names.lock_table,
            DeletionPolicy="Retain",
            UpdateReplacePolicy="Retain",
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[dynamodb.AttributeDefinition(AttributeName="LockID", AttributeType="S")],
            KeySchema=[dynamodb.KeySchema(AttributeName="LockID", KeyType="HASH")],
            PointInTimeRecoverySpecification=dynamodb.PointInTimeRecoverySpecification(PointInTimeRecoveryEnabled=True),
            SSESpecification=dynamodb.SSESpecification(SSEEnabled=False),
            TimeToLiveSpecification=dynamodb.TimeToLiveSpecification(AttributeName="ExpiresAt", Enabled=True),
        )
    )
    waive(
        table,
        {
            "CKV_AWS_119": "a lock holds no secret; DynamoDB encrypts with its own key at no cost",
            "CT.DYNAMODB.PR.2": "a lock holds no secret; DynamoDB encrypts with its own key at no cost",
        },
    )
    put(stack, "lock_table", Ref(table), "The deploy lock")


def _github(stack: Template, settings: Settings) -> str | None:
    """The provider's ARN.  No thumbprint: AWS trusts GitHub's certificate authority by itself."""
    if settings.account.github_provider == "none":
        return None
    if settings.account.github_provider == "create":
        stack.add_resource(
            iam.OIDCProvider(
                "GitHubProvider",
                Url=f"https://{GITHUB}",
                ClientIdList=["sts.amazonaws.com"],
                DeletionPolicy="Retain",
                UpdateReplacePolicy="Retain",
            )
        )
        return "${GitHubProvider.Arn}"
    return f"arn:aws:iam::${{AWS::AccountId}}:oidc-provider/{GITHUB}"
