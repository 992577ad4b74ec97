"""Certificates, DNS, CloudFront, the web application firewall, service discovery."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
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


class Certificate(Handler):
    """Stays in progress until the certificate is issued, that is until the DNS records are there."""

    patient = True
    known = frozenset(
        {
            "DomainName",
            "SubjectAlternativeNames",
            "ValidationMethod",
            "DomainValidationOptions",
            "KeyAlgorithm",
            "CertificateTransparencyLoggingPreference",
            "Tags",
        }
    )

    def create(self, context: Context, properties: Properties) -> Made:
        given = pick(properties, "DomainName", "SubjectAlternativeNames", "ValidationMethod", "KeyAlgorithm")
        given.setdefault("ValidationMethod", "EMAIL")
        tags = context.tags(properties)
        made = context.client("acm").request_certificate(**given, **({"Tags": tags} if tags else {}))
        arn = made["CertificateArn"]
        context.took(arn)
        for option in properties.get("DomainValidationOptions") or []:
            if option.get("HostedZoneId"):
                self._validate(context, arn, option)
        return Made(arn)

    def _validate(self, context: Context, arn: str, option: Mapping[str, Any]) -> None:
        """CloudFormation writes the records where the zone is ours."""
        found = context.client("acm").describe_certificate(CertificateArn=arn)["Certificate"]
        changes = [
            {
                "Action": "UPSERT",
                "ResourceRecordSet": {
                    "Name": each["ResourceRecord"]["Name"],
                    "Type": each["ResourceRecord"]["Type"],
                    "TTL": 300,
                    "ResourceRecords": [{"Value": each["ResourceRecord"]["Value"]}],
                },
            }
            for each in found["DomainValidationOptions"]
            if each.get("ResourceRecord") and each["DomainName"].removeprefix("*.").endswith(option["DomainName"])
        ]
        if changes:
            context.client("route53").change_resource_record_sets(
                HostedZoneId=option["HostedZoneId"], ChangeBatch={"Changes": changes}
            )

    def update(self, context: Context, physical_id: str, before: Properties, after: Properties) -> Made:
        put, gone = tag_changes(before.get("Tags") or [], after.get("Tags") or [])
        if put:
            context.client("acm").add_tags_to_certificate(CertificateArn=physical_id, Tags=put)
        if gone:
            dropped = [{"Key": key} for key in gone]
            context.client("acm").remove_tags_from_certificate(CertificateArn=physical_id, Tags=dropped)
        return Made(physical_id)

    def delete(self, context: Context, physical_id: str, properties: Properties) -> None:
        quietly(context.client("acm").delete_certificate, CertificateArn=physical_id)

    def _find(self, context: Context, arn: str) -> Any:
        try:
            return context.client("acm").describe_certificate(CertificateArn=arn)["Certificate"]
        except ClientError as error:
            if missing(error):
                return None
            raise

    def ready(self, context: Context, physical_id: str, properties: Properties) -> bool:
        found = self._find(context, physical_id)
        status = found["Status"] if found else "gone"
        if status not in ("ISSUED", "PENDING_VALIDATION"):
            raise Failure(f"Certificate {physical_id} is {status}.")
        return bool(status == "ISSUED")

    def describe(self, context: Context, physical_id: str, properties: Properties) -> Made:
        if self._find(context, physical_id) is None:
            raise Gone(physical_id)
        return Made(physical_id)

    def read(self, context: Context, physical_id: str, properties: Properties) -> Properties | None:
        found = self._find(context, physical_id)
        return None if found is None else {"DomainName": found["DomainName"]}


class RecordSet(Handler):
    known = frozenset(
        {
            "HostedZoneId",
            "HostedZoneName",
            "Name",
            "Type",
            "TTL",
            "ResourceRecords",
            "AliasTarget",
            "Weight",
            "SetIdentifier",
            "HealthCheckId",
            "Comment",
        }
    )

    def _zone(self, context: Context, properties: Properties) -> str:
        if properties.get("HostedZoneId"):
            return str(properties["HostedZoneId"])
        name = properties["HostedZoneName"]
        zones = context.client("route53").list_hosted_zones_by_name(DNSName=name)["HostedZones"]
        for zone in zones:
            if zone["Name"] == name:
                return str(zone["Id"]).rpartition("/")[2]
        raise Failure(f"No hosted zones named {name} found")

    def _record(self, properties: Properties) -> dict[str, Any]:
        record = pick(properties, "Name", "Type", "SetIdentifier", "HealthCheckId")
        if "TTL" in properties:
            record["TTL"] = whole(properties["TTL"])
        if "Weight" in properties:
            record["Weight"] = whole(properties["Weight"])
        if "ResourceRecords" in properties:
            record["ResourceRecords"] = [{"Value": value} for value in properties["ResourceRecords"]]
        if "AliasTarget" in properties:
            target = dict(properties["AliasTarget"])
            target["EvaluateTargetHealth"] = boolean(target.get("EvaluateTargetHealth", False))
            record["AliasTarget"] = target
        return record

    def _change(self, context: Context, action: str, properties: Properties) -> None:
        context.client("route53").change_resource_record_sets(
            HostedZoneId=self._zone(context, properties),
            ChangeBatch={"Changes": [{"Action": action, "ResourceRecordSet": self._record(properties)}]},
        )

    def create(self, context: Context, properties: Properties) -> Made:
        self._change(context, "CREATE", properties)
        return Made(str(properties["Name"]).rstrip("."))

    def update(self, context: Context, physical_id: str, before: Properties, after: Properties) -> Made:
        self._change(context, "UPSERT", after)
        return Made(physical_id)

    def delete(self, context: Context, physical_id: str, properties: Properties) -> None:
        try:
            self._change(context, "DELETE", properties)
        except ClientError as error:
            if not missing(error, "InvalidChangeBatch"):
                raise

    def read(self, context: Context, physical_id: str, properties: Properties) -> Properties | None:
        records = context.client("route53").list_resource_record_sets(
            HostedZoneId=self._zone(context, properties), StartRecordName=properties["Name"]
        )["ResourceRecordSets"]
        name, kind = str(properties["Name"]).rstrip("."), properties["Type"]
        found = next((r for r in records if r["Name"].rstrip(".") == name and r["Type"] == kind), None)
        if found is None:
            return None
        shown: dict[str, Any] = {"TTL": str(found["TTL"])} if "TTL" in found else {}
        if found.get("ResourceRecords"):
            shown["ResourceRecords"] = [each["Value"] for each in found["ResourceRecords"]]
        return {"Type": found["Type"], **shown}


class HostedZone(Handler):
    known = frozenset({"Name", "HostedZoneConfig", "VPCs", "HostedZoneTags"})

    def create(self, context: Context, properties: Properties) -> Made:
        given: dict[str, Any] = {}
        if properties.get("VPCs"):
            given["VPC"] = pick(properties["VPCs"][0], "VPCRegion", "VPCId")
        made = context.client("route53").create_hosted_zone(
            Name=properties["Name"], CallerReference=context.name(64), **given
        )
        zone = made["HostedZone"]["Id"].rpartition("/")[2]
        servers = (made.get("DelegationSet") or {}).get("NameServers", [])
        return Made(zone, {"Id": zone, "NameServers": servers})

    def delete(self, context: Context, physical_id: str, properties: Properties) -> None:
        quietly(context.client("route53").delete_hosted_zone, Id=physical_id)


_LISTS = frozenset(
    [
        "Aliases",
        "Origins",
        "CacheBehaviors",
        "CustomErrorResponses",
        "AllowedMethods",
        "CachedMethods",
        "Items",
        "Locations",
        "WhitelistedNames",
        "OriginSslProtocols",
        "OriginCustomHeaders",
        "FunctionAssociations",
        "LambdaFunctionAssociations",
        "TrustedKeyGroups",
        "TrustedSigners",
        "Headers",
        "QueryStrings",
        "Cookies",
        "OriginGroups",
    ]
)


def quantified(value: Any, key: str = "") -> Any:
    """A template's CloudFront configuration as its API has it: lists become Quantity and Items."""
    if isinstance(value, Mapping):
        if key == "RestrictionType":
            return value
        made = {name: quantified(inner, name) for name, inner in value.items()}
        if key == "GeoRestriction":
            places = value.get("Locations") or []
            return {"RestrictionType": value["RestrictionType"], "Quantity": len(places), "Items": list(places)}
        return made
    if isinstance(value, list):
        return {"Quantity": len(value), "Items": [quantified(item) for item in value]}
    return {"true": True, "false": False}.get(value, value) if isinstance(value, str) else value


class Distribution(Handler):
    known = frozenset({"DistributionConfig", "Tags"})

    def _config(self, properties: Properties, reference: str) -> dict[str, Any]:
        config: dict[str, Any] = quantified(properties["DistributionConfig"])
        config.setdefault("Comment", "")
        config["CallerReference"] = reference
        for origin in config["Origins"]["Items"]:
            if "OriginCustomHeaders" in origin:
                origin["CustomHeaders"] = origin.pop("OriginCustomHeaders")
            if "S3OriginConfig" in origin:
                origin["S3OriginConfig"].setdefault("OriginAccessIdentity", "")
        behaviours = [config["DefaultCacheBehavior"], *config.get("CacheBehaviors", {}).get("Items", [])]
        for behaviour in behaviours:
            cached = behaviour.pop("CachedMethods", None)
            if "AllowedMethods" in behaviour and cached:
                behaviour["AllowedMethods"]["CachedMethods"] = cached
        viewer = config.get("ViewerCertificate") or {}
        for theirs, ours in (("AcmCertificateArn", "ACMCertificateArn"), ("SslSupportMethod", "SSLSupportMethod")):
            if theirs in viewer:
                viewer[ours] = viewer.pop(theirs)
        if "IPV6Enabled" in config:
            config["IsIPV6Enabled"] = config.pop("IPV6Enabled")
        if "Logging" in config:
            config["Logging"] = {"Enabled": True, "IncludeCookies": False, "Prefix": "", **config["Logging"]}
        return config

    def create(self, context: Context, properties: Properties) -> Made:
        made = context.client("cloudfront").create_distribution_with_tags(
            DistributionConfigWithTags={
                "DistributionConfig": self._config(properties, context.name(64)),
                "Tags": {"Items": context.tags(properties)},
            }
        )
        context.took(made["Distribution"]["Id"])
        return self.describe(context, made["Distribution"]["Id"], properties)

    def update(self, context: Context, physical_id: str, before: Properties, after: Properties) -> Made:
        cloudfront = context.client("cloudfront")
        now = cloudfront.get_distribution_config(Id=physical_id)
        cloudfront.update_distribution(
            Id=physical_id,
            IfMatch=now["ETag"],
            DistributionConfig=self._config(after, now["DistributionConfig"]["CallerReference"]),
        )
        return self.describe(context, physical_id, after)

    def delete(self, context: Context, physical_id: str, properties: Properties) -> None:
        cloudfront = context.client("cloudfront")
        try:
            now = cloudfront.get_distribution_config(Id=physical_id)
        except ClientError as error:
            if missing(error):
                return
            raise
        if now["DistributionConfig"].get("Enabled"):
            config = {**self._config(properties, now["DistributionConfig"]["CallerReference"]), "Enabled": False}
            now = cloudfront.update_distribution(Id=physical_id, IfMatch=now["ETag"], DistributionConfig=config)
        cloudfront.delete_distribution(Id=physical_id, IfMatch=now["ETag"])

    def describe(self, context: Context, physical_id: str, properties: Properties) -> Made:
        try:
            found = context.client("cloudfront").get_distribution(Id=physical_id)["Distribution"]
        except ClientError as error:
            if missing(error):
                raise Gone(physical_id) from error
            raise
        return Made(physical_id, {"Id": physical_id, "DomainName": found["DomainName"], "Arn": found["ARN"]})

    def read(self, context: Context, physical_id: str, properties: Properties) -> Properties | None:
        try:
            found = context.client("cloudfront").get_distribution_config(Id=physical_id)["DistributionConfig"]
        except ClientError as error:
            if missing(error):
                return None
            raise
        wanted = properties["DistributionConfig"]
        shown = {key: found[key] for key in ("Enabled", "Comment", "PriceClass") if key in wanted and key in found}
        return {"DistributionConfig": {**wanted, **shown}}


class OriginAccessControl(Handler):
    known = frozenset({"OriginAccessControlConfig"})

    def create(self, context: Context, properties: Properties) -> Made:
        made = context.client("cloudfront").create_origin_access_control(
            OriginAccessControlConfig=dict(properties["OriginAccessControlConfig"])
        )
        name = made["OriginAccessControl"]["Id"]
        return Made(name, {"Id": name})

    def update(self, context: Context, physical_id: str, before: Properties, after: Properties) -> Made:
        cloudfront = context.client("cloudfront")
        now = cloudfront.get_origin_access_control(Id=physical_id)
        cloudfront.update_origin_access_control(
            Id=physical_id,
            IfMatch=now.get("ETag", ""),
            OriginAccessControlConfig=dict(after["OriginAccessControlConfig"]),
        )
        return Made(physical_id, {"Id": physical_id})

    def delete(self, context: Context, physical_id: str, properties: Properties) -> None:
        quietly(context.client("cloudfront").delete_origin_access_control, Id=physical_id)

    def read(self, context: Context, physical_id: str, properties: Properties) -> Properties | None:
        try:
            found = context.client("cloudfront").get_origin_access_control(Id=physical_id)["OriginAccessControl"]
        except ClientError as error:
            if missing(error):
                return None
            raise
        config = found["OriginAccessControlConfig"]
        return {"OriginAccessControlConfig": pick(config, *properties["OriginAccessControlConfig"])}


class HeadersPolicy(Handler):
    """AWS::CloudFront::ResponseHeadersPolicy: kept by the stack alone, no service underneath knows it."""

    known = frozenset({"ResponseHeadersPolicyConfig"})

    def create(self, context: Context, properties: Properties) -> Made:
        name = str(uuid.uuid4())
        return Made(name, {"Id": name})

    def update(self, context: Context, physical_id: str, before: Properties, after: Properties) -> Made:
        return Made(physical_id, {"Id": physical_id})


class WebAcl(Handler):
    known = frozenset(
        {"Name", "Scope", "DefaultAction", "Description", "Rules", "VisibilityConfig", "CustomResponseBodies", "Tags"}
    )

    def create(self, context: Context, properties: Properties) -> Made:
        given = pick(
            properties, "Scope", "DefaultAction", "Description", "Rules", "VisibilityConfig", "CustomResponseBodies"
        )
        tags = context.tags(properties)
        made = context.client("wafv2").create_web_acl(
            Name=properties.get("Name") or context.name(128), **given, **({"Tags": tags} if tags else {})
        )["Summary"]
        return self._made(made["Name"], made["Id"], properties["Scope"], made["ARN"])

    def _made(self, name: str, identifier: str, scope: str, arn: str) -> Made:
        return Made(f"{name}|{identifier}|{scope}", {"Arn": arn, "Id": identifier, "Capacity": 0})

    def _find(self, context: Context, physical_id: str) -> Any:
        name, identifier, scope = physical_id.split("|")
        try:
            return context.client("wafv2").get_web_acl(Name=name, Id=identifier, Scope=scope)
        except ClientError as error:
            if missing(error, "WAFNonexistentItemException"):
                return None
            raise

    def update(self, context: Context, physical_id: str, before: Properties, after: Properties) -> Made:
        name, identifier, scope = physical_id.split("|")
        found = self._find(context, physical_id)
        if found is None:
            raise Failure(f"WebACL {name} does not exist.")
        given = pick(after, "DefaultAction", "Description", "Rules", "VisibilityConfig", "CustomResponseBodies")
        context.client("wafv2").update_web_acl(
            Name=name, Id=identifier, Scope=scope, LockToken=found["LockToken"], **given
        )
        return self._made(name, identifier, scope, found["WebACL"]["ARN"])

    def delete(self, context: Context, physical_id: str, properties: Properties) -> None:
        name, identifier, scope = physical_id.split("|")
        found = self._find(context, physical_id)
        if found is not None:
            context.client("wafv2").delete_web_acl(Name=name, Id=identifier, Scope=scope, LockToken=found["LockToken"])

    def read(self, context: Context, physical_id: str, properties: Properties) -> Properties | None:
        found = self._find(context, physical_id)
        return None if found is None else {"Name": found["WebACL"]["Name"]}


class WebAclAssociation(Handler):
    known = frozenset({"ResourceArn", "WebACLArn"})

    def create(self, context: Context, properties: Properties) -> Made:
        context.client("wafv2").associate_web_acl(**properties)
        return Made(f"{properties['ResourceArn']}|{properties['WebACLArn']}")

    def delete(self, context: Context, physical_id: str, properties: Properties) -> None:
        try:
            context.client("wafv2").disassociate_web_acl(ResourceArn=properties["ResourceArn"])
        except ClientError as error:
            if code(error) != "WAFNonexistentItemException":
                raise

    def read(self, context: Context, physical_id: str, properties: Properties) -> Properties | None:
        try:
            found = context.client("wafv2").get_web_acl_for_resource(ResourceArn=properties["ResourceArn"])
        except ClientError as error:
            if code(error) == "WAFNonexistentItemException":
                return None
            raise
        arn = (found.get("WebACL") or {}).get("ARN")
        return {"ResourceArn": properties["ResourceArn"], "WebACLArn": arn} if arn else None


class Namespace(Handler):
    """AWS::ServiceDiscovery::PrivateDnsNamespace."""

    known = frozenset({"Name", "Vpc", "Description", "Tags"})

    def create(self, context: Context, properties: Properties) -> Made:
        discovery = context.client("servicediscovery")
        made = discovery.create_private_dns_namespace(
            **pick(properties, "Name", "Vpc", "Description"), Tags=context.tags(properties)
        )
        targets = discovery.get_operation(OperationId=made["OperationId"])["Operation"]["Targets"]
        context.took(targets["NAMESPACE"])
        found = discovery.get_namespace(Id=targets["NAMESPACE"])["Namespace"]
        zone = ((found.get("Properties") or {}).get("DnsProperties") or {}).get("HostedZoneId", "")
        return Made(found["Id"], {"Id": found["Id"], "Arn": found["Arn"], "HostedZoneId": zone})

    def delete(self, context: Context, physical_id: str, properties: Properties) -> None:
        quietly(context.client("servicediscovery").delete_namespace, Id=physical_id)


class DiscoveryService(Handler):
    """AWS::ServiceDiscovery::Service."""

    known = frozenset({"Name", "NamespaceId", "DnsConfig", "HealthCheckCustomConfig", "Description", "Tags"})

    def create(self, context: Context, properties: Properties) -> Made:
        given = pick(properties, "Name", "NamespaceId", "Description", "DnsConfig", "HealthCheckCustomConfig")
        if "DnsConfig" in given:
            records = [{**each, "TTL": whole(each["TTL"])} for each in given["DnsConfig"]["DnsRecords"]]
            given["DnsConfig"] = {**given["DnsConfig"], "DnsRecords": records}
        if "HealthCheckCustomConfig" in given:
            given["HealthCheckCustomConfig"] = {
                key: whole(value) for key, value in given["HealthCheckCustomConfig"].items()
            }
        made = context.client("servicediscovery").create_service(**given, Tags=context.tags(properties))["Service"]
        return Made(made["Id"], {"Id": made["Id"], "Arn": made["Arn"], "Name": made["Name"]})

    def update(self, context: Context, physical_id: str, before: Properties, after: Properties) -> Made:
        if changed(before, after, "DnsConfig", "HealthCheckCustomConfig"):
            raise Failure("The embedded cloud does not change a discovery service.")
        return Made(physical_id)

    def delete(self, context: Context, physical_id: str, properties: Properties) -> None:
        quietly(context.client("servicediscovery").delete_service, Id=physical_id)
