"""Security groups, launch templates, instances, key pairs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError

from hermes_cfn.local.providers.base import (
    Context,
    Failure,
    Gone,
    Made,
    Properties,
    boolean,
    changed,
    missing,
    pick,
    whole,
)
from hermes_cfn.local.providers.ec2_common import Ec2, quietly


def permission(rule: Mapping[str, Any], egress: bool) -> dict[str, Any]:
    """A rule of a template as EC2's IpPermission."""
    made: dict[str, Any] = {"IpProtocol": str(rule["IpProtocol"])}
    for key in ("FromPort", "ToPort"):
        if key in rule:
            made[key] = whole(rule[key])
    about = {"Description": rule["Description"]} if rule.get("Description") else {}
    if "CidrIp" in rule:
        made["IpRanges"] = [{"CidrIp": rule["CidrIp"], **about}]
    if "CidrIpv6" in rule:
        made["Ipv6Ranges"] = [{"CidrIpv6": rule["CidrIpv6"], **about}]
    lists = rule.get("DestinationPrefixListId") if egress else rule.get("SourcePrefixListId")
    if lists:
        made["PrefixListIds"] = [{"PrefixListId": lists, **about}]
    group = rule.get("DestinationSecurityGroupId") if egress else rule.get("SourceSecurityGroupId")
    if group:
        made["UserIdGroupPairs"] = [{"GroupId": group, **about}]
    elif rule.get("SourceSecurityGroupName"):
        made["UserIdGroupPairs"] = [{"GroupName": rule["SourceSecurityGroupName"], **about}]
    return made


class SecurityGroup(Ec2):
    kind = "security-group"
    known = frozenset({"GroupDescription", "GroupName", "VpcId", "SecurityGroupIngress", "SecurityGroupEgress", "Tags"})

    def create(self, context: Context, properties: Properties) -> Made:
        ec2 = context.client("ec2")
        made = ec2.create_security_group(
            GroupName=properties.get("GroupName") or context.name(255),
            Description=properties["GroupDescription"],
            **pick(properties, "VpcId"),
            **self.specification(context, properties),
        )
        name = made["GroupId"]
        context.took(name)
        if properties.get("SecurityGroupEgress"):
            self._close(ec2, name)
        self._rules(context, name, {}, properties)
        return self.describe(context, name, properties)

    def _close(self, ec2: Any, name: str) -> None:
        """Egress rules of a template take the place of the open ones that a new group has."""
        given = ec2.describe_security_groups(GroupIds=[name])["SecurityGroups"][0]["IpPermissionsEgress"]
        for each in given:
            ec2.revoke_security_group_egress(
                GroupId=name, IpPermissions=[{key: value for key, value in each.items() if value != []}]
            )

    def _rules(self, context: Context, name: str, before: Properties, after: Properties) -> None:
        ec2 = context.client("ec2")
        calls = (
            ("SecurityGroupIngress", ec2.authorize_security_group_ingress, ec2.revoke_security_group_ingress),
            ("SecurityGroupEgress", ec2.authorize_security_group_egress, ec2.revoke_security_group_egress),
        )
        for key, allow, revoke in calls:
            egress = key.endswith("Egress")
            old = [permission(rule, egress) for rule in before.get(key) or []]
            new = [permission(rule, egress) for rule in after.get(key) or []]
            gone, fresh = [r for r in old if r not in new], [r for r in new if r not in old]
            if gone:
                revoke(GroupId=name, IpPermissions=gone)
            if fresh:
                allow(GroupId=name, IpPermissions=fresh)

    def update(self, context: Context, physical_id: str, before: Properties, after: Properties) -> Made:
        self._rules(context, physical_id, before, after)
        self.retag(context, physical_id, before, after)
        return self.describe(context, physical_id, after)

    def delete(self, context: Context, physical_id: str, properties: Properties) -> None:
        quietly(context.client("ec2").delete_security_group, GroupId=physical_id)

    def describe(self, context: Context, physical_id: str, properties: Properties) -> Made:
        found = self.one(context, "describe_security_groups", "SecurityGroups", GroupIds=[physical_id])
        if found is None:
            raise Gone(physical_id)
        return Made(physical_id, {"GroupId": physical_id, "Id": physical_id, "VpcId": found.get("VpcId", "")})

    def read(self, context: Context, physical_id: str, properties: Properties) -> Properties | None:
        found = self.one(context, "describe_security_groups", "SecurityGroups", GroupIds=[physical_id])
        if found is None:
            return None
        shown: dict[str, Any] = {"GroupDescription": found["Description"], "GroupName": found["GroupName"]}
        for key, theirs in (("SecurityGroupIngress", "IpPermissions"), ("SecurityGroupEgress", "IpPermissionsEgress")):
            if key in properties:
                egress = key.endswith("Egress")
                live = {_facts(rule) for each in found[theirs] for rule in _split(each)}
                live -= _attached(context, physical_id, egress)
                kept = [r for r in properties[key] if _facts(next(_split(permission(r, egress)))) in live]
                count = len(properties[key])
                shown[key] = kept if len(kept) < count or len(live) <= count else [*kept, "a rule outside the template"]
        return {**shown, "Tags": self.tags_of(found)}


def _attached(context: Context, group: str, egress: bool) -> set[tuple[Any, ...]]:
    """Rules that resources of their own in the same stack add to ``group``; they are no drift."""
    kind = f"AWS::EC2::SecurityGroup{'Egress' if egress else 'Ingress'}"
    rules = [rule for _, rule in context.siblings(kind) if rule.get("GroupId") == group]
    return {_facts(each) for rule in rules for each in _split(permission(rule, egress))}


def _split(permission: Mapping[str, Any]) -> Any:
    for key in ("IpRanges", "Ipv6Ranges", "PrefixListIds", "UserIdGroupPairs"):
        for item in permission.get(key) or []:
            yield {**pick(permission, "IpProtocol", "FromPort", "ToPort"), key: [item]}


def _facts(permission: Mapping[str, Any]) -> tuple[Any, ...]:
    ids = ("CidrIp", "CidrIpv6", "PrefixListId", "GroupId")
    ends = [
        item[key]
        for name, items in permission.items()
        if isinstance(items, list)
        for item in items
        for key in ids
        if key in item
    ]
    ports = (permission.get("FromPort", -1), permission.get("ToPort", -1))
    return (permission["IpProtocol"], *((-1, -1) if permission["IpProtocol"] == "-1" else ports), *ends)


class SecurityGroupRule(Ec2):
    """AWS::EC2::SecurityGroupIngress and AWS::EC2::SecurityGroupEgress."""

    def __init__(self, egress: bool) -> None:
        self.egress = egress
        shared = {"GroupId", "IpProtocol", "FromPort", "ToPort", "CidrIp", "CidrIpv6", "Description"}
        own = (
            {"DestinationSecurityGroupId", "DestinationPrefixListId"}
            if egress
            else {"SourceSecurityGroupId", "SourceSecurityGroupName", "SourcePrefixListId"}
        )
        self.known = frozenset(shared | own)

    def _call(self, context: Context, verb: str) -> Any:
        return getattr(context.client("ec2"), f"{verb}_security_group_{'egress' if self.egress else 'ingress'}")

    def create(self, context: Context, properties: Properties) -> Made:
        made = self._call(context, "authorize")(
            GroupId=properties["GroupId"], IpPermissions=[permission(properties, self.egress)]
        )
        rules = made.get("SecurityGroupRules") or []
        name = rules[0]["SecurityGroupRuleId"] if rules else context.name()
        return Made(name, {"Id": name})

    def update(self, context: Context, physical_id: str, before: Properties, after: Properties) -> Made:
        self.delete(context, physical_id, before)
        self._call(context, "authorize")(GroupId=after["GroupId"], IpPermissions=[permission(after, self.egress)])
        return Made(physical_id, {"Id": physical_id})

    def delete(self, context: Context, physical_id: str, properties: Properties) -> None:
        quietly(
            self._call(context, "revoke"),
            GroupId=properties["GroupId"],
            IpPermissions=[permission(properties, self.egress)],
        )

    def read(self, context: Context, physical_id: str, properties: Properties) -> Properties | None:
        mine = {"GroupIds": [properties["GroupId"]]}
        group = self.one(context.underneath(), "describe_security_groups", "SecurityGroups", **mine)
        here = group["IpPermissionsEgress" if self.egress else "IpPermissions"] if group else []
        live = {_facts(rule) for each in here for rule in _split(each)}
        wanted = _facts(next(_split(permission(properties, self.egress))))
        return pick(properties, "GroupId", "IpProtocol", "FromPort", "ToPort") if wanted in live else None


class LaunchTemplate(Ec2):
    kind = "launch-template"
    known = frozenset({"LaunchTemplateName", "LaunchTemplateData", "VersionDescription", "TagSpecifications"})

    def create(self, context: Context, properties: Properties) -> Made:
        own = [
            each for each in properties.get("TagSpecifications") or [] if each.get("ResourceType") == "launch-template"
        ]
        tags = context.tags({"Tags": own[0]["Tags"] if own else []}, system=True)
        made = context.client("ec2").create_launch_template(
            LaunchTemplateName=properties.get("LaunchTemplateName") or context.name(128),
            LaunchTemplateData=_data(properties["LaunchTemplateData"]),
            TagSpecifications=[{"ResourceType": self.kind, "Tags": tags}],
            **pick(properties, "VersionDescription"),
        )
        context.took(made["LaunchTemplate"]["LaunchTemplateId"])
        return self.describe(context, made["LaunchTemplate"]["LaunchTemplateId"], properties)

    def update(self, context: Context, physical_id: str, before: Properties, after: Properties) -> Made:
        if changed(before, after, "LaunchTemplateData", "VersionDescription"):
            context.client("ec2").create_launch_template_version(
                LaunchTemplateId=physical_id,
                LaunchTemplateData=_data(after["LaunchTemplateData"]),
                **pick(after, "VersionDescription"),
            )
        return self.describe(context, physical_id, after)

    def delete(self, context: Context, physical_id: str, properties: Properties) -> None:
        quietly(context.client("ec2").delete_launch_template, LaunchTemplateId=physical_id)

    def describe(self, context: Context, physical_id: str, properties: Properties) -> Made:
        found = self.one(context, "describe_launch_templates", "LaunchTemplates", LaunchTemplateIds=[physical_id])
        if found is None:
            raise Gone(physical_id)
        return Made(
            physical_id,
            {
                "LaunchTemplateId": physical_id,
                "LatestVersionNumber": str(found["LatestVersionNumber"]),
                "DefaultVersionNumber": str(found["DefaultVersionNumber"]),
            },
        )

    def read(self, context: Context, physical_id: str, properties: Properties) -> Properties | None:
        found = self.one(context, "describe_launch_templates", "LaunchTemplates", LaunchTemplateIds=[physical_id])
        return None if found is None else pick(found, "LaunchTemplateName")


_NUMBERS = frozenset(
    [
        "HttpPutResponseHopLimit",
        "VolumeSize",
        "Iops",
        "Throughput",
        "DeviceIndex",
        "NetworkCardIndex",
        "CoreCount",
        "ThreadsPerCore",
        "Ipv6AddressCount",
        "SecondaryPrivateIpAddressCount",
    ]
)
_BOOLEANS = frozenset(
    [
        "EbsOptimized",
        "DisableApiTermination",
        "DisableApiStop",
        "Enabled",
        "Encrypted",
        "DeleteOnTermination",
        "AssociatePublicIpAddress",
        "PrimaryIpv6",
    ]
)


def _data(value: Any, key: str = "") -> Any:
    """Launch template data with the types that EC2's API asks for."""
    if isinstance(value, Mapping):
        if key == "NoDevice":  # an object in templates, a text in the API
            return ""
        return {name: _data(inner, name) for name, inner in value.items()}
    if isinstance(value, list):
        return [_data(inner, key) for inner in value]
    if key in _NUMBERS:
        return whole(value)
    return boolean(value) if key in _BOOLEANS else value


class Instance(Ec2):
    kind = "instance"
    known = frozenset(
        {
            "ImageId",
            "InstanceType",
            "KeyName",
            "SubnetId",
            "SecurityGroupIds",
            "SecurityGroups",
            "IamInstanceProfile",
            "UserData",
            "Monitoring",
            "SourceDestCheck",
            "BlockDeviceMappings",
            "NetworkInterfaces",
            "AvailabilityZone",
            "LaunchTemplate",
            "Tags",
        }
    )

    def create(self, context: Context, properties: Properties) -> Made:
        given = _data(
            pick(
                properties,
                "ImageId",
                "InstanceType",
                "KeyName",
                "SubnetId",
                "SecurityGroupIds",
                "SecurityGroups",
                "UserData",
                "BlockDeviceMappings",
                "LaunchTemplate",
            )
        )
        if "BlockDeviceMappings" in given:  # instance stores and devices that are left out are no volumes
            given["BlockDeviceMappings"] = [each for each in given["BlockDeviceMappings"] if "Ebs" in each]
            if not given["BlockDeviceMappings"]:
                del given["BlockDeviceMappings"]
        if "NetworkInterfaces" in properties:
            given["NetworkInterfaces"] = [_interface(each) for each in properties["NetworkInterfaces"]]
        if "AvailabilityZone" in properties:
            given["Placement"] = {"AvailabilityZone": properties["AvailabilityZone"]}
        if "IamInstanceProfile" in properties:
            given["IamInstanceProfile"] = {"Name": properties["IamInstanceProfile"]}
        if "Monitoring" in properties:
            given["Monitoring"] = {"Enabled": boolean(properties["Monitoring"])}
        made = context.client("ec2").run_instances(
            MinCount=1, MaxCount=1, **given, **self.specification(context, properties)
        )
        name = made["Instances"][0]["InstanceId"]
        context.took(name)
        self._check(context, name, properties)
        return self.describe(context, name, properties)

    def _check(self, context: Context, name: str, properties: Properties) -> None:
        if "SourceDestCheck" in properties:
            context.client("ec2").modify_instance_attribute(
                InstanceId=name, SourceDestCheck={"Value": boolean(properties["SourceDestCheck"])}
            )

    def update(self, context: Context, physical_id: str, before: Properties, after: Properties) -> Made:
        ec2 = context.client("ec2")
        if changed(before, after, "InstanceType"):
            ec2.stop_instances(InstanceIds=[physical_id])
            ec2.modify_instance_attribute(InstanceId=physical_id, InstanceType={"Value": after["InstanceType"]})
            ec2.start_instances(InstanceIds=[physical_id])
        if changed(before, after, "Monitoring"):
            call = ec2.monitor_instances if boolean(after.get("Monitoring")) else ec2.unmonitor_instances
            call(InstanceIds=[physical_id])
        if changed(before, after, "SecurityGroupIds"):
            ec2.modify_instance_attribute(InstanceId=physical_id, Groups=after["SecurityGroupIds"])
        self._check(context, physical_id, after)
        self.retag(context, physical_id, before, after)
        return self.describe(context, physical_id, after)

    def replaces(self, context: Context, names: set[str], before: Properties, after: Properties) -> bool:
        return bool(names - {"InstanceType", "SecurityGroupIds"})

    def _find(self, context: Context, name: str) -> dict[str, Any] | None:
        found = self.one(context, "describe_instances", "Reservations", InstanceIds=[name])
        instance: dict[str, Any] | None = found["Instances"][0] if found else None
        return None if instance is None or instance["State"]["Name"] in ("terminated", "shutting-down") else instance

    def ready(self, context: Context, physical_id: str, properties: Properties) -> bool:
        found = self._find(context, physical_id)
        if found is None:
            raise Failure(f"Instance {physical_id} did not stabilize.")
        return bool(found["State"]["Name"] == "running")

    def delete(self, context: Context, physical_id: str, properties: Properties) -> None:
        quietly(context.client("ec2").terminate_instances, InstanceIds=[physical_id])

    def describe(self, context: Context, physical_id: str, properties: Properties) -> Made:
        found = self._find(context, physical_id)
        if found is None:
            raise Gone(physical_id)
        shown = {
            "InstanceId": physical_id,
            "AvailabilityZone": found["Placement"]["AvailabilityZone"],
            "PrivateIp": found.get("PrivateIpAddress", ""),
            "PublicIp": found.get("PublicIpAddress", ""),
            "PrivateDnsName": found.get("PrivateDnsName", ""),
            "PublicDnsName": found.get("PublicDnsName", ""),
            "VpcId": found.get("VpcId", ""),
        }
        return Made(physical_id, shown)

    def read(self, context: Context, physical_id: str, properties: Properties) -> Properties | None:
        found = self._find(context, physical_id)
        if found is None:
            return None
        return {**pick(found, "ImageId", "InstanceType", "SubnetId", "KeyName"), "Tags": self.tags_of(found)}


def _interface(given: Mapping[str, Any]) -> dict[str, Any]:
    made = dict(_data(given))
    if "GroupSet" in made:
        made["Groups"] = made.pop("GroupSet")
    return made


class KeyPair(Ec2):
    kind = "key-pair"
    known = frozenset({"KeyName", "PublicKeyMaterial", "Tags"})

    def create(self, context: Context, properties: Properties) -> Made:
        ec2 = context.client("ec2")
        name = properties["KeyName"]
        if "PublicKeyMaterial" in properties:
            made = ec2.import_key_pair(KeyName=name, PublicKeyMaterial=properties["PublicKeyMaterial"].encode())
        else:
            made = ec2.create_key_pair(KeyName=name)
        return Made(name, {"KeyPairId": made["KeyPairId"], "KeyFingerprint": made["KeyFingerprint"]})

    def delete(self, context: Context, physical_id: str, properties: Properties) -> None:
        quietly(context.client("ec2").delete_key_pair, KeyName=physical_id)

    def read(self, context: Context, physical_id: str, properties: Properties) -> Properties | None:
        try:
            found = context.client("ec2").describe_key_pairs(KeyNames=[physical_id])["KeyPairs"]
        except ClientError as error:
            if missing(error):
                return None
            raise
        return {"KeyName": found[0]["KeyName"]} if found else None
