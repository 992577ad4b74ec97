"""A private bucket, as every stack that needs one makes it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from awacs.aws import Action, Allow, Bool, Condition, Deny, PolicyDocument, Principal, Statement
from awacs.s3 import PutObject
from troposphere import GetAtt, Join, Ref, Sub, Template, s3

from hermes_cfn.stacks.common import text, waive


def private_bucket(
    template: Template,
    title: str,
    name: str,
    *,
    expire_old_days: int,
    expire_days: int = 0,
    encryption: str = "AES256",
    versioned: bool = True,
    statements: Sequence[Statement] = (),
) -> s3.Bucket:
    """Encrypted, versioned, closed to the public, TLS only, kept when the stack goes.

    ``expire_old_days`` and ``expire_days`` in days; 0 keeps objects for ever.
    """
    rules = [
        s3.LifecycleRule(
            Id="old-versions",
            Status="Enabled",
            NoncurrentVersionExpiration=s3.NoncurrentVersionExpiration(NoncurrentDays=expire_old_days),
            AbortIncompleteMultipartUpload=s3.AbortIncompleteMultipartUpload(DaysAfterInitiation=7),
        )
    ]
    if expire_days:
        rules.append(s3.LifecycleRule(Id="age", Status="Enabled", ExpirationInDays=expire_days))
    bucket = template.add_resource(
        s3.Bucket(
            title,
            BucketName=text(name),
            DeletionPolicy="Retain",
            UpdateReplacePolicy="Retain",
            BucketEncryption=s3.BucketEncryption(
                ServerSideEncryptionConfiguration=[
                    s3.ServerSideEncryptionRule(
                        ServerSideEncryptionByDefault=s3.ServerSideEncryptionByDefault(SSEAlgorithm=encryption)
                    )
                ]
            ),
            PublicAccessBlockConfiguration=s3.PublicAccessBlockConfiguration(
                BlockPublicAcls=True, BlockPublicPolicy=True, IgnorePublicAcls=True, RestrictPublicBuckets=True
            ),
            OwnershipControls=s3.OwnershipControls(
                Rules=[s3.OwnershipControlsRule(ObjectOwnership="BucketOwnerEnforced")]
            ),
            VersioningConfiguration=s3.VersioningConfiguration(Status="Enabled" if versioned else "Suspended"),
            LifecycleConfiguration=s3.LifecycleConfiguration(Rules=rules),
        )
    )
    waive(bucket, _WAIVED)
    if encryption == "AES256":
        waive(bucket, {"CT.S3.PR.10": "it holds no secret; S3's own key costs nothing and needs no permission more"})
    template.add_resource(
        s3.BucketPolicy(
            f"{title}Policy",
            Bucket=Ref(bucket),
            PolicyDocument=PolicyDocument(Version="2012-10-17", Statement=[tls_only(bucket), *statements]),
        )
    )
    return bucket


_WAIVED = {
    "CKV_AWS_18": "who reads it is in the audit trail where one is wanted; a log of a log has no end",
    "CT.S3.PR.2": "who reads it is in the audit trail where one is wanted; a log of a log has no end",
    "CT.S3.PR.4": "nothing waits for its objects",
    "CT.S3.PR.9": "old versions stay; a lock would keep people from deleting what is theirs",
}


def tls_only(bucket: s3.Bucket) -> Statement:
    """Refuse whatever does not come over TLS."""
    return Statement(
        Sid="TlsOnly",
        Effect=Deny,
        Principal=Principal("*"),
        Action=[Action("s3", "*")],
        Resource=objects(bucket),
        Condition=Condition(Bool({"aws:SecureTransport": "false"})),
    )


def objects(bucket: s3.Bucket) -> list[Any]:
    """The bucket and everything in it."""
    return [GetAtt(bucket, "Arn"), Join("", [GetAtt(bucket, "Arn"), "/*"])]


def may_put(sid: str, principal: Principal, resource: str, condition: Condition | None = None) -> Statement:
    """A service may write there."""
    more = {"Condition": condition} if condition else {}
    return Statement(Sid=sid, Effect=Allow, Principal=principal, Action=[PutObject], Resource=[Sub(resource)], **more)
