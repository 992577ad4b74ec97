"""Buckets, tables, image repositories, keys."""

from __future__ import annotations

import json
from typing import Any

from botocore.exceptions import ClientError

from hermes_cfn.local.providers.base import (
    Context,
    Failure,
    Gone,
    Handler,
    Made,
    Properties,
    boolean,
    changed,
    code,
    missing,
    pick,
    tag_changes,
    whole,
)
from hermes_cfn.local.providers.ec2_common import quietly
from hermes_cfn.local.providers.iam import document


class Bucket(Handler):
    known = frozenset(
        {
            "BucketName",
            "VersioningConfiguration",
            "BucketEncryption",
            "PublicAccessBlockConfiguration",
            "OwnershipControls",
            "LifecycleConfiguration",
            "LoggingConfiguration",
            "CorsConfiguration",
            "WebsiteConfiguration",
            "Tags",
        }
    )
    accepted = frozenset({"AccessControl"})

    def refuses(self, properties: Properties) -> str:
        acl = properties.get("AccessControl", "Private")
        return "" if acl in ("Private", "BucketOwnerFullControl") else f"buckets with AccessControl {acl}"

    def create(self, context: Context, properties: Properties) -> Made:
        s3 = context.client("s3")
        name = properties.get("BucketName") or context.name(63, lower=True)
        where = {} if context.region == "us-east-1" else {"LocationConstraint": context.region}
        if self._exists(s3, name):
            raise Failure(f"{name} already exists")
        s3.create_bucket(Bucket=name, **({"CreateBucketConfiguration": where} if where else {}))
        context.took(name)
        self._settings(s3, name, {}, properties)
        return self._made(context, name)

    def _exists(self, s3: Any, name: str) -> bool:
        try:
            s3.head_bucket(Bucket=name)
        except ClientError as error:
            return code(error) not in ("404", "NoSuchBucket", "NotFound")
        return True

    def _made(self, context: Context, name: str) -> Made:
        host = f"{name}.s3.amazonaws.com"
        return Made(
            name,
            {
                "Arn": f"arn:aws:s3:::{name}",
                "DomainName": host,
                "RegionalDomainName": f"{name}.s3.{context.region}.amazonaws.com",
                "DualStackDomainName": f"{name}.s3.dualstack.{context.region}.amazonaws.com",
                "WebsiteURL": f"http://{name}.s3-website.{context.region}.amazonaws.com",
            },
        )

    def _settings(self, s3: Any, name: str, before: Properties, after: Properties) -> None:
        def new(key: str) -> bool:
            return changed(before, after, key)

        if new("VersioningConfiguration"):
            s3.put_bucket_versioning(
                Bucket=name, VersioningConfiguration=after.get("VersioningConfiguration") or {"Status": "Suspended"}
            )
        if new("BucketEncryption"):
            if after.get("BucketEncryption"):
                s3.put_bucket_encryption(
                    Bucket=name, ServerSideEncryptionConfiguration=encryption(after["BucketEncryption"])
                )
            else:
                s3.delete_bucket_encryption(Bucket=name)
        if new("PublicAccessBlockConfiguration"):
            given = after.get("PublicAccessBlockConfiguration")
            if given:
                block = {key: boolean(value) for key, value in given.items()}
                s3.put_public_access_block(Bucket=name, PublicAccessBlockConfiguration=block)
            else:
                s3.delete_public_access_block(Bucket=name)
        if new("OwnershipControls") and after.get("OwnershipControls"):
            s3.put_bucket_ownership_controls(Bucket=name, OwnershipControls=after["OwnershipControls"])
        if new("LifecycleConfiguration"):
            if after.get("LifecycleConfiguration"):
                rules = [lifecycle(rule) for rule in after["LifecycleConfiguration"]["Rules"]]
                s3.put_bucket_lifecycle_configuration(Bucket=name, LifecycleConfiguration={"Rules": rules})
            else:
                s3.delete_bucket_lifecycle(Bucket=name)
        if new("LoggingConfiguration"):
            given = after.get("LoggingConfiguration") or {}
            to = {
                "TargetBucket": given.get("DestinationBucketName", name),
                "TargetPrefix": given.get("LogFilePrefix", ""),
            }
            s3.put_bucket_logging(Bucket=name, BucketLoggingStatus={"LoggingEnabled": to} if given else {})
        if new("CorsConfiguration") and after.get("CorsConfiguration"):
            rules = [cors(rule) for rule in after["CorsConfiguration"]["CorsRules"]]
            s3.put_bucket_cors(Bucket=name, CORSConfiguration={"CORSRules": rules})
        if new("WebsiteConfiguration") and after.get("WebsiteConfiguration"):
            s3.put_bucket_website(Bucket=name, WebsiteConfiguration=website(after["WebsiteConfiguration"]))
        if new("Tags"):
            s3.put_bucket_tagging(Bucket=name, Tagging={"TagSet": list(after.get("Tags") or [])})

    def update(self, context: Context, physical_id: str, before: Properties, after: Properties) -> Made:
        self._settings(context.client("s3"), physical_id, before, after)
        return self._made(context, physical_id)

    def delete(self, context: Context, physical_id: str, properties: Properties) -> None:
        quietly(context.client("s3").delete_bucket, Bucket=physical_id)

    def describe(self, context: Context, physical_id: str, properties: Properties) -> Made:
        if not self._exists(context.client("s3"), physical_id):
            raise Gone(physical_id)
        return self._made(context, physical_id)

    def read(self, context: Context, physical_id: str, properties: Properties) -> Properties | None:
        s3 = context.client("s3")
        if not self._exists(s3, physical_id):
            return None
        status = s3.get_bucket_versioning(Bucket=physical_id).get("Status")
        shown: dict[str, Any] = {"VersioningConfiguration": {"Status": status} if status else {}}
        try:
            block = s3.get_public_access_block(Bucket=physical_id)["PublicAccessBlockConfiguration"]
            shown["PublicAccessBlockConfiguration"] = block
        except ClientError:
            shown["PublicAccessBlockConfiguration"] = {}
        return shown

    def prior(self, context: Context, properties: Properties) -> str | None:
        name = properties.get("BucketName")
        return name if name and self._exists(context.client("s3"), name) else None


def encryption(given: Any) -> dict[str, Any]:
    """BucketEncryption as S3's API has it."""
    rules = []
    for rule in given["ServerSideEncryptionConfiguration"]:
        made: dict[str, Any] = {}
        default = rule.get("ServerSideEncryptionByDefault")
        if default:
            made["ApplyServerSideEncryptionByDefault"] = pick(default, "SSEAlgorithm", "KMSMasterKeyID")
        if "BucketKeyEnabled" in rule:
            made["BucketKeyEnabled"] = boolean(rule["BucketKeyEnabled"])
        rules.append(made)
    return {"Rules": rules}


def lifecycle(rule: Any) -> dict[str, Any]:
    """A lifecycle rule as S3's API has it; raises Failure for a key that is not known."""
    known = {
        "Id",
        "Status",
        "Prefix",
        "ExpirationInDays",
        "NoncurrentVersionExpiration",
        "AbortIncompleteMultipartUpload",
    }
    known |= {"NoncurrentVersionExpirationInDays", "ExpiredObjectDeleteMarker", "Transitions"}
    odd = sorted(set(rule) - known)
    if odd:
        raise Failure(f"The embedded cloud does not support lifecycle properties [{', '.join(odd)}].")
    made: dict[str, Any] = {"Status": rule["Status"], "Filter": {"Prefix": rule.get("Prefix", "")}}
    if "Id" in rule:
        made["ID"] = rule["Id"]
    if "ExpirationInDays" in rule:
        made["Expiration"] = {"Days": whole(rule["ExpirationInDays"])}
    elif boolean(rule.get("ExpiredObjectDeleteMarker")):
        made["Expiration"] = {"ExpiredObjectDeleteMarker": True}
    if "NoncurrentVersionExpirationInDays" in rule:
        made["NoncurrentVersionExpiration"] = {"NoncurrentDays": whole(rule["NoncurrentVersionExpirationInDays"])}
    if "NoncurrentVersionExpiration" in rule:
        given = rule["NoncurrentVersionExpiration"]
        made["NoncurrentVersionExpiration"] = {key: whole(value) for key, value in given.items()}
    if "AbortIncompleteMultipartUpload" in rule:
        days = whole(rule["AbortIncompleteMultipartUpload"]["DaysAfterInitiation"])
        made["AbortIncompleteMultipartUpload"] = {"DaysAfterInitiation": days}
    if "Transitions" in rule:
        made["Transitions"] = [
            {"Days": whole(each["TransitionInDays"]), "StorageClass": each["StorageClass"]}
            for each in rule["Transitions"]
        ]
    return made


def cors(rule: Any) -> dict[str, Any]:
    """A CORS rule as S3's API has it."""
    made = pick(rule, "AllowedHeaders", "AllowedMethods", "AllowedOrigins")
    if "ExposedHeaders" in rule:
        made["ExposeHeaders"] = rule["ExposedHeaders"]
    if "MaxAge" in rule:
        made["MaxAgeSeconds"] = whole(rule["MaxAge"])
    return made


def website(given: Any) -> dict[str, Any]:
    """A website configuration as S3's API has it."""
    made: dict[str, Any] = {}
    if "IndexDocument" in given:
        made["IndexDocument"] = {"Suffix": given["IndexDocument"]}
    if "ErrorDocument" in given:
        made["ErrorDocument"] = {"Key": given["ErrorDocument"]}
    if "RedirectAllRequestsTo" in given:
        made["RedirectAllRequestsTo"] = given["RedirectAllRequestsTo"]
    return made


class BucketPolicy(Handler):
    known = frozenset({"Bucket", "PolicyDocument"})

    def create(self, context: Context, properties: Properties) -> Made:
        context.client("s3").put_bucket_policy(
            Bucket=properties["Bucket"], Policy=document(properties["PolicyDocument"])
        )
        return Made(properties["Bucket"])

    def update(self, context: Context, physical_id: str, before: Properties, after: Properties) -> Made:
        return self.create(context, after)

    def delete(self, context: Context, physical_id: str, properties: Properties) -> None:
        quietly(context.client("s3").delete_bucket_policy, Bucket=physical_id)

    def read(self, context: Context, physical_id: str, properties: Properties) -> Properties | None:
        try:
            text = context.client("s3").get_bucket_policy(Bucket=physical_id)["Policy"]
        except ClientError as error:
            if missing(error):
                return None
            raise
        return {"Bucket": physical_id, "PolicyDocument": json.loads(text)}


class Table(Handler):
    known = frozenset(
        {
            "TableName",
            "AttributeDefinitions",
            "KeySchema",
            "BillingMode",
            "ProvisionedThroughput",
            "GlobalSecondaryIndexes",
            "LocalSecondaryIndexes",
            "PointInTimeRecoverySpecification",
            "SSESpecification",
            "TimeToLiveSpecification",
            "StreamSpecification",
            "DeletionProtectionEnabled",
            "Tags",
        }
    )

    def create(self, context: Context, properties: Properties) -> Made:
        dynamodb = context.client("dynamodb")
        name = properties.get("TableName") or context.name(255)
        given = pick(
            properties,
            "AttributeDefinitions",
            "KeySchema",
            "BillingMode",
            "GlobalSecondaryIndexes",
            "LocalSecondaryIndexes",
        )
        if "ProvisionedThroughput" in properties:
            given["ProvisionedThroughput"] = {k: whole(v) for k, v in properties["ProvisionedThroughput"].items()}
        for index in given.get("GlobalSecondaryIndexes") or []:
            if "ProvisionedThroughput" in index:
                index["ProvisionedThroughput"] = {k: whole(v) for k, v in index["ProvisionedThroughput"].items()}
        if "StreamSpecification" in properties:
            given["StreamSpecification"] = {"StreamEnabled": True, **properties["StreamSpecification"]}
        sse = properties.get("SSESpecification")
        if sse and boolean(sse.get("SSEEnabled")):
            enabled = {**pick(sse, "SSEType", "KMSMasterKeyId"), "Enabled": True}
            given["SSESpecification"] = enabled
        if "DeletionProtectionEnabled" in properties:
            given["DeletionProtectionEnabled"] = boolean(properties["DeletionProtectionEnabled"])
        dynamodb.create_table(TableName=name, Tags=context.tags(properties), **given)
        context.took(name)
        self._settings(dynamodb, name, {}, properties)
        return self.describe(context, name, properties)

    def _settings(self, dynamodb: Any, name: str, before: Properties, after: Properties) -> None:
        if changed(before, after, "TimeToLiveSpecification"):
            ttl = after.get("TimeToLiveSpecification") or {
                **before["TimeToLiveSpecification"],
                "Enabled": False,
            }
            given = {"AttributeName": ttl["AttributeName"], "Enabled": boolean(ttl["Enabled"])}
            dynamodb.update_time_to_live(TableName=name, TimeToLiveSpecification=given)
        if changed(before, after, "PointInTimeRecoverySpecification"):
            wanted = boolean((after.get("PointInTimeRecoverySpecification") or {}).get("PointInTimeRecoveryEnabled"))
            dynamodb.update_continuous_backups(
                TableName=name, PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": wanted}
            )

    def update(self, context: Context, physical_id: str, before: Properties, after: Properties) -> Made:
        dynamodb = context.client("dynamodb")
        if changed(before, after, "GlobalSecondaryIndexes", "LocalSecondaryIndexes", "SSESpecification"):
            raise Failure("The embedded cloud does not change a table's indexes or encryption.")
        given = pick(after, "BillingMode") if changed(before, after, "BillingMode") else {}
        if changed(before, after, "ProvisionedThroughput") and "ProvisionedThroughput" in after:
            given["ProvisionedThroughput"] = {k: whole(v) for k, v in after["ProvisionedThroughput"].items()}
        if changed(before, after, "DeletionProtectionEnabled"):
            given["DeletionProtectionEnabled"] = boolean(after.get("DeletionProtectionEnabled"))
        if given:
            dynamodb.update_table(TableName=physical_id, **given)
        self._settings(dynamodb, physical_id, before, after)
        made = self.describe(context, physical_id, after)
        put, gone = tag_changes(before.get("Tags") or [], after.get("Tags") or [])
        if put:
            dynamodb.tag_resource(ResourceArn=made.attributes["Arn"], Tags=put)
        if gone:
            dynamodb.untag_resource(ResourceArn=made.attributes["Arn"], TagKeys=gone)
        return made

    def delete(self, context: Context, physical_id: str, properties: Properties) -> None:
        quietly(context.client("dynamodb").delete_table, TableName=physical_id)

    def _find(self, context: Context, name: str) -> Any:
        try:
            return context.client("dynamodb").describe_table(TableName=name)["Table"]
        except ClientError as error:
            if missing(error):
                return None
            raise

    def describe(self, context: Context, physical_id: str, properties: Properties) -> Made:
        found = self._find(context, physical_id)
        if found is None:
            raise Gone(physical_id)
        return Made(physical_id, {"Arn": found["TableArn"], "StreamArn": found.get("LatestStreamArn", "")})

    def read(self, context: Context, physical_id: str, properties: Properties) -> Properties | None:
        found = self._find(context, physical_id)
        if found is None:
            return None
        mode = (found.get("BillingModeSummary") or {}).get("BillingMode", "PROVISIONED")
        dynamodb = context.client("dynamodb")
        ttl = dynamodb.describe_time_to_live(TableName=physical_id)["TimeToLiveDescription"]
        backups = dynamodb.describe_continuous_backups(TableName=physical_id)["ContinuousBackupsDescription"]
        recovery = backups["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"] == "ENABLED"
        shown: dict[str, Any] = {
            "KeySchema": found["KeySchema"],
            "BillingMode": mode,
            "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": recovery},
        }
        if ttl.get("AttributeName"):
            on = ttl["TimeToLiveStatus"] == "ENABLED"
            shown["TimeToLiveSpecification"] = {"AttributeName": ttl["AttributeName"], "Enabled": on}
        return shown

    def prior(self, context: Context, properties: Properties) -> str | None:
        name = properties.get("TableName")
        return name if name and self._find(context, name) is not None else None


class Repository(Handler):
    known = frozenset(
        {
            "RepositoryName",
            "ImageTagMutability",
            "ImageScanningConfiguration",
            "EncryptionConfiguration",
            "LifecyclePolicy",
            "RepositoryPolicyText",
            "EmptyOnDelete",
            "Tags",
        }
    )

    def create(self, context: Context, properties: Properties) -> Made:
        ecr = context.client("ecr")
        name = properties.get("RepositoryName") or context.name(256, lower=True)
        given = pick(properties, "ImageTagMutability")
        if "EncryptionConfiguration" in properties:
            sse = properties["EncryptionConfiguration"]
            given["encryptionConfiguration"] = {key[0].lower() + key[1:]: value for key, value in sse.items()}
        if "ImageTagMutability" in given:
            given["imageTagMutability"] = given.pop("ImageTagMutability")
        scan = boolean((properties.get("ImageScanningConfiguration") or {}).get("ScanOnPush"))
        ecr.create_repository(
            repositoryName=name,
            imageScanningConfiguration={"scanOnPush": scan},
            tags=context.tags(properties),
            **given,
        )
        context.took(name)
        self._policies(ecr, name, {}, properties)
        return self.describe(context, name, properties)

    def _policies(self, ecr: Any, name: str, before: Properties, after: Properties) -> None:
        if changed(before, after, "LifecyclePolicy"):
            text = (after.get("LifecyclePolicy") or {}).get("LifecyclePolicyText")
            if text:
                ecr.put_lifecycle_policy(repositoryName=name, lifecyclePolicyText=text)
            else:
                quietly(ecr.delete_lifecycle_policy, repositoryName=name)
        if changed(before, after, "RepositoryPolicyText"):
            if after.get("RepositoryPolicyText"):
                ecr.set_repository_policy(repositoryName=name, policyText=document(after["RepositoryPolicyText"]))
            else:
                quietly(ecr.delete_repository_policy, repositoryName=name)

    def update(self, context: Context, physical_id: str, before: Properties, after: Properties) -> Made:
        ecr = context.client("ecr")
        if changed(before, after, "ImageTagMutability"):
            ecr.put_image_tag_mutability(
                repositoryName=physical_id, imageTagMutability=after.get("ImageTagMutability", "MUTABLE")
            )
        if changed(before, after, "ImageScanningConfiguration"):
            scan = boolean((after.get("ImageScanningConfiguration") or {}).get("ScanOnPush"))
            ecr.put_image_scanning_configuration(
                repositoryName=physical_id, imageScanningConfiguration={"scanOnPush": scan}
            )
        self._policies(ecr, physical_id, before, after)
        made = self.describe(context, physical_id, after)
        put, gone = tag_changes(before.get("Tags") or [], after.get("Tags") or [])
        if put:
            ecr.tag_resource(resourceArn=made.attributes["Arn"], tags=put)
        if gone:
            ecr.untag_resource(resourceArn=made.attributes["Arn"], tagKeys=gone)
        return made

    def delete(self, context: Context, physical_id: str, properties: Properties) -> None:
        force = boolean(properties.get("EmptyOnDelete"))
        quietly(context.client("ecr").delete_repository, repositoryName=physical_id, force=force)

    def _find(self, context: Context, name: str) -> Any:
        try:
            return context.client("ecr").describe_repositories(repositoryNames=[name])["repositories"][0]
        except ClientError as error:
            if missing(error):
                return None
            raise

    def describe(self, context: Context, physical_id: str, properties: Properties) -> Made:
        found = self._find(context, physical_id)
        if found is None:
            raise Gone(physical_id)
        return Made(physical_id, {"Arn": found["repositoryArn"], "RepositoryUri": found["repositoryUri"]})

    def read(self, context: Context, physical_id: str, properties: Properties) -> Properties | None:
        found = self._find(context, physical_id)
        if found is None:
            return None
        return {
            "RepositoryName": found["repositoryName"],
            "ImageTagMutability": found["imageTagMutability"],
            "ImageScanningConfiguration": {"ScanOnPush": found["imageScanningConfiguration"]["scanOnPush"]},
        }

    def prior(self, context: Context, properties: Properties) -> str | None:
        name = properties.get("RepositoryName")
        return name if name and self._find(context, name) is not None else None


class Key(Handler):
    """AWS::KMS::Key."""

    known = frozenset(
        {
            "Description",
            "KeyPolicy",
            "EnableKeyRotation",
            "Enabled",
            "PendingWindowInDays",
            "KeySpec",
            "KeyUsage",
            "Tags",
        }
    )

    def create(self, context: Context, properties: Properties) -> Made:
        kms = context.client("kms")
        given = pick(properties, "Description", "KeySpec", "KeyUsage")
        if "KeyPolicy" in properties:
            given["Policy"] = document(properties["KeyPolicy"])
        tags = [{"TagKey": tag["Key"], "TagValue": tag["Value"]} for tag in context.tags(properties)]
        made = kms.create_key(Tags=tags, **given)["KeyMetadata"]
        context.took(made["KeyId"])
        self._settings(kms, made["KeyId"], {}, properties)
        return Made(made["KeyId"], {"Arn": made["Arn"], "KeyId": made["KeyId"]})

    def _settings(self, kms: Any, name: str, before: Properties, after: Properties) -> None:
        if changed(before, after, "EnableKeyRotation"):
            call = kms.enable_key_rotation if boolean(after.get("EnableKeyRotation")) else kms.disable_key_rotation
            call(KeyId=name)

    def update(self, context: Context, physical_id: str, before: Properties, after: Properties) -> Made:
        kms = context.client("kms")
        self._settings(kms, physical_id, before, after)
        if changed(before, after, "KeyPolicy"):
            kms.put_key_policy(KeyId=physical_id, PolicyName="default", Policy=document(after["KeyPolicy"]))
        if changed(before, after, "Description"):
            kms.update_key_description(KeyId=physical_id, Description=after.get("Description", ""))
        return self.describe(context, physical_id, after)

    def delete(self, context: Context, physical_id: str, properties: Properties) -> None:
        days = whole(properties.get("PendingWindowInDays", 30))
        quietly(context.client("kms").schedule_key_deletion, KeyId=physical_id, PendingWindowInDays=days)

    def describe(self, context: Context, physical_id: str, properties: Properties) -> Made:
        try:
            found = context.client("kms").describe_key(KeyId=physical_id)["KeyMetadata"]
        except ClientError as error:
            raise Gone(physical_id) from error
        return Made(physical_id, {"Arn": found["Arn"], "KeyId": found["KeyId"]})


class Alias(Handler):
    """AWS::KMS::Alias."""

    known = frozenset({"AliasName", "TargetKeyId"})

    def create(self, context: Context, properties: Properties) -> Made:
        context.client("kms").create_alias(**properties)
        return Made(properties["AliasName"])

    def update(self, context: Context, physical_id: str, before: Properties, after: Properties) -> Made:
        context.client("kms").update_alias(**after)
        return Made(physical_id)

    def delete(self, context: Context, physical_id: str, properties: Properties) -> None:
        quietly(context.client("kms").delete_alias, AliasName=physical_id)
