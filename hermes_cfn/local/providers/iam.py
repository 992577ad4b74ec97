"""Identity: roles, policies, instance profiles, the OIDC provider."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import unquote

from botocore.exceptions import ClientError

from hermes_cfn.local.providers.base import (
    Context,
    Gone,
    Handler,
    Made,
    Properties,
    changed,
    missing,
    pick,
    tag_changes,
    whole,
)
from hermes_cfn.local.providers.ec2_common import quietly


def document(value: Any) -> str:
    """A policy as text."""
    return value if isinstance(value, str) else json.dumps(value)


def parsed(value: Any) -> Any:
    """A policy as IAM answers it: a mapping, or URL-encoded text."""
    return json.loads(unquote(value)) if isinstance(value, str) else value


class Role(Handler):
    known = frozenset(
        {
            "RoleName",
            "AssumeRolePolicyDocument",
            "Path",
            "Description",
            "MaxSessionDuration",
            "PermissionsBoundary",
            "ManagedPolicyArns",
            "Policies",
            "Tags",
        }
    )

    def create(self, context: Context, properties: Properties) -> Made:
        iam = context.client("iam")
        name = properties.get("RoleName") or context.name(64)
        given = pick(properties, "Path", "Description", "PermissionsBoundary")
        if "MaxSessionDuration" in properties:
            given["MaxSessionDuration"] = whole(properties["MaxSessionDuration"])
        iam.create_role(
            RoleName=name,
            AssumeRolePolicyDocument=document(properties["AssumeRolePolicyDocument"]),
            Tags=context.tags(properties),
            **given,
        )
        context.took(name)
        self._attach(iam, name, {}, properties)
        return self.describe(context, name, properties)

    def _attach(self, iam: Any, name: str, before: Properties, after: Properties) -> None:
        old, new = before.get("ManagedPolicyArns") or [], after.get("ManagedPolicyArns") or []
        for arn in [arn for arn in old if arn not in new]:
            quietly(iam.detach_role_policy, RoleName=name, PolicyArn=arn)
        for arn in [arn for arn in new if arn not in old]:
            iam.attach_role_policy(RoleName=name, PolicyArn=arn)
        was = {each["PolicyName"]: each["PolicyDocument"] for each in before.get("Policies") or []}
        now = {each["PolicyName"]: each["PolicyDocument"] for each in after.get("Policies") or []}
        for gone in was.keys() - now.keys():
            quietly(iam.delete_role_policy, RoleName=name, PolicyName=gone)
        for policy, text in now.items():
            if was.get(policy) != text:
                iam.put_role_policy(RoleName=name, PolicyName=policy, PolicyDocument=document(text))

    def update(self, context: Context, physical_id: str, before: Properties, after: Properties) -> Made:
        iam = context.client("iam")
        if changed(before, after, "AssumeRolePolicyDocument"):
            iam.update_assume_role_policy(
                RoleName=physical_id, PolicyDocument=document(after["AssumeRolePolicyDocument"])
            )
        if changed(before, after, "Description", "MaxSessionDuration"):
            seconds = whole(after.get("MaxSessionDuration", 3600))
            iam.update_role(RoleName=physical_id, Description=after.get("Description", ""), MaxSessionDuration=seconds)
        if changed(before, after, "PermissionsBoundary"):
            if after.get("PermissionsBoundary"):
                iam.put_role_permissions_boundary(
                    RoleName=physical_id, PermissionsBoundary=after["PermissionsBoundary"]
                )
            else:
                iam.delete_role_permissions_boundary(RoleName=physical_id)
        self._attach(iam, physical_id, before, after)
        put, gone = tag_changes(before.get("Tags") or [], after.get("Tags") or [])
        if put:
            iam.tag_role(RoleName=physical_id, Tags=put)
        if gone:
            iam.untag_role(RoleName=physical_id, TagKeys=gone)
        return self.describe(context, physical_id, after)

    def delete(self, context: Context, physical_id: str, properties: Properties) -> None:
        iam = context.client("iam")
        for arn in properties.get("ManagedPolicyArns") or []:
            quietly(iam.detach_role_policy, RoleName=physical_id, PolicyArn=arn)
        for each in properties.get("Policies") or []:
            quietly(iam.delete_role_policy, RoleName=physical_id, PolicyName=each["PolicyName"])
        quietly(iam.delete_role, RoleName=physical_id)

    def describe(self, context: Context, physical_id: str, properties: Properties) -> Made:
        try:
            role = context.client("iam").get_role(RoleName=physical_id)["Role"]
        except ClientError as error:
            if missing(error):
                raise Gone(physical_id) from error
            raise
        return Made(physical_id, {"Arn": role["Arn"], "RoleId": role["RoleId"]})

    def read(self, context: Context, physical_id: str, properties: Properties) -> Properties | None:
        iam = context.client("iam")
        try:
            role = iam.get_role(RoleName=physical_id)["Role"]
        except ClientError as error:
            if missing(error):
                return None
            raise
        arns = {p["PolicyArn"] for p in iam.list_attached_role_policies(RoleName=physical_id)["AttachedPolicies"]}
        wanted = properties.get("ManagedPolicyArns") or []
        attached = context.siblings("AWS::IAM::ManagedPolicy")
        arns -= {arn for arn, policy in attached if physical_id in (policy.get("Roles") or [])} - set(wanted)
        names = iam.list_role_policies(RoleName=physical_id)["PolicyNames"]
        inline = {
            name: parsed(iam.get_role_policy(RoleName=physical_id, PolicyName=name)["PolicyDocument"]) for name in names
        }
        policies = [
            {"PolicyName": each["PolicyName"], "PolicyDocument": inline[each["PolicyName"]]}
            for each in properties.get("Policies") or []
            if each["PolicyName"] in inline
        ]
        return {
            **pick(role, "Path", "MaxSessionDuration"),
            "Description": role.get("Description", ""),
            "AssumeRolePolicyDocument": parsed(role["AssumeRolePolicyDocument"]),
            "ManagedPolicyArns": [a for a in wanted if a in arns] + sorted(arns - set(wanted)),
            "Policies": policies,
            "Tags": role.get("Tags", []),
        }

    def prior(self, context: Context, properties: Properties) -> str | None:
        name = properties.get("RoleName")
        return name if name and self.read(context, name, properties) is not None else None


class ManagedPolicy(Handler):
    known = frozenset({"ManagedPolicyName", "PolicyDocument", "Path", "Description", "Roles", "Users", "Groups"})

    def create(self, context: Context, properties: Properties) -> Made:
        iam = context.client("iam")
        made = iam.create_policy(
            PolicyName=properties.get("ManagedPolicyName") or context.name(128),
            PolicyDocument=document(properties["PolicyDocument"]),
            **pick(properties, "Path", "Description"),
        )
        arn = made["Policy"]["Arn"]
        context.took(arn)
        self._attach(iam, arn, {}, properties)
        return self._made(arn)

    def _made(self, arn: str) -> Made:
        return Made(arn, {"PolicyArn": arn})

    def _attach(self, iam: Any, arn: str, before: Properties, after: Properties) -> None:
        kinds = (
            ("Roles", "RoleName", iam.attach_role_policy, iam.detach_role_policy),
            ("Users", "UserName", iam.attach_user_policy, iam.detach_user_policy),
            ("Groups", "GroupName", iam.attach_group_policy, iam.detach_group_policy),
        )
        for key, name, attach, detach in kinds:
            old, new = before.get(key) or [], after.get(key) or []
            for each in [each for each in old if each not in new]:
                quietly(detach, **{name: each}, PolicyArn=arn)
            for each in [each for each in new if each not in old]:
                attach(**{name: each}, PolicyArn=arn)

    def update(self, context: Context, physical_id: str, before: Properties, after: Properties) -> Made:
        iam = context.client("iam")
        if changed(before, after, "PolicyDocument"):
            versions = iam.list_policy_versions(PolicyArn=physical_id)["Versions"]
            spare = sorted((v for v in versions if not v["IsDefaultVersion"]), key=lambda v: str(v["CreateDate"]))
            if len(versions) >= 5:
                iam.delete_policy_version(PolicyArn=physical_id, VersionId=spare[0]["VersionId"])
            iam.create_policy_version(
                PolicyArn=physical_id, PolicyDocument=document(after["PolicyDocument"]), SetAsDefault=True
            )
        self._attach(iam, physical_id, before, after)
        return self._made(physical_id)

    def delete(self, context: Context, physical_id: str, properties: Properties) -> None:
        iam = context.client("iam")
        self._attach(iam, physical_id, properties, {})
        try:
            versions = iam.list_policy_versions(PolicyArn=physical_id)["Versions"]
        except ClientError as error:
            if missing(error):
                return
            raise
        for version in versions:
            if not version["IsDefaultVersion"]:
                iam.delete_policy_version(PolicyArn=physical_id, VersionId=version["VersionId"])
        quietly(iam.delete_policy, PolicyArn=physical_id)

    def read(self, context: Context, physical_id: str, properties: Properties) -> Properties | None:
        iam = context.client("iam")
        try:
            policy = iam.get_policy(PolicyArn=physical_id)["Policy"]
        except ClientError as error:
            if missing(error):
                return None
            raise
        version = iam.get_policy_version(PolicyArn=physical_id, VersionId=policy["DefaultVersionId"])
        return {"PolicyDocument": parsed(version["PolicyVersion"]["Document"]), "Path": policy.get("Path", "/")}

    def describe(self, context: Context, physical_id: str, properties: Properties) -> Made:
        if self.read(context, physical_id, properties) is None:
            raise Gone(physical_id)
        return self._made(physical_id)


class Policy(Handler):
    """AWS::IAM::Policy: one inline policy in several roles, users and groups."""

    known = frozenset({"PolicyName", "PolicyDocument", "Roles", "Users", "Groups"})
    _kinds = (("Roles", "RoleName", "role"), ("Users", "UserName", "user"), ("Groups", "GroupName", "group"))

    def create(self, context: Context, properties: Properties) -> Made:
        made = Made(context.name(128), {"Id": properties["PolicyName"]})
        context.took(made.physical_id)
        self._put(context, properties)
        return made

    def _put(self, context: Context, properties: Properties) -> None:
        iam = context.client("iam")
        for key, name, kind in self._kinds:
            for each in properties.get(key) or []:
                getattr(iam, f"put_{kind}_policy")(
                    **{name: each},
                    PolicyName=properties["PolicyName"],
                    PolicyDocument=document(properties["PolicyDocument"]),
                )

    def update(self, context: Context, physical_id: str, before: Properties, after: Properties) -> Made:
        renamed = changed(before, after, "PolicyName")
        left = {
            key: [each for each in before.get(key) or [] if renamed or each not in (after.get(key) or [])]
            for key, _, _ in self._kinds
        }
        self._put(context, after)
        self.delete(context, physical_id, {**before, **left})
        return Made(physical_id, {"Id": after["PolicyName"]})

    def delete(self, context: Context, physical_id: str, properties: Properties) -> None:
        iam = context.client("iam")
        for key, name, kind in self._kinds:
            for each in properties.get(key) or []:
                quietly(getattr(iam, f"delete_{kind}_policy"), **{name: each}, PolicyName=properties["PolicyName"])

    def read(self, context: Context, physical_id: str, properties: Properties) -> Properties | None:
        iam = context.client("iam")
        for key, name, kind in self._kinds:
            for each in properties.get(key) or []:
                try:
                    found = getattr(iam, f"get_{kind}_policy")(**{name: each}, PolicyName=properties["PolicyName"])
                except ClientError as error:
                    if missing(error):
                        return None
                    raise
                return {"PolicyDocument": parsed(found["PolicyDocument"])}
        return {}


class RolePolicy(Handler):
    known = frozenset({"RoleName", "PolicyName", "PolicyDocument"})

    def create(self, context: Context, properties: Properties) -> Made:
        given = pick(properties, "RoleName", "PolicyName")
        context.client("iam").put_role_policy(**given, PolicyDocument=document(properties["PolicyDocument"]))
        return Made(f"{properties['PolicyName']}|{properties['RoleName']}")

    def update(self, context: Context, physical_id: str, before: Properties, after: Properties) -> Made:
        return self.create(context, after)

    def delete(self, context: Context, physical_id: str, properties: Properties) -> None:
        quietly(context.client("iam").delete_role_policy, **pick(properties, "RoleName", "PolicyName"))


class InstanceProfile(Handler):
    known = frozenset({"InstanceProfileName", "Path", "Roles"})

    def create(self, context: Context, properties: Properties) -> Made:
        iam = context.client("iam")
        name = properties.get("InstanceProfileName") or context.name(128)
        iam.create_instance_profile(InstanceProfileName=name, **pick(properties, "Path"))
        context.took(name)
        for role in properties.get("Roles") or []:
            iam.add_role_to_instance_profile(InstanceProfileName=name, RoleName=role)
        return self.describe(context, name, properties)

    def update(self, context: Context, physical_id: str, before: Properties, after: Properties) -> Made:
        iam = context.client("iam")
        for role in before.get("Roles") or []:
            quietly(iam.remove_role_from_instance_profile, InstanceProfileName=physical_id, RoleName=role)
        for role in after.get("Roles") or []:
            iam.add_role_to_instance_profile(InstanceProfileName=physical_id, RoleName=role)
        return self.describe(context, physical_id, after)

    def delete(self, context: Context, physical_id: str, properties: Properties) -> None:
        iam = context.client("iam")
        for role in (self._find(context, physical_id) or {}).get("Roles", ()):
            quietly(iam.remove_role_from_instance_profile, InstanceProfileName=physical_id, RoleName=role["RoleName"])
        quietly(iam.delete_instance_profile, InstanceProfileName=physical_id)

    def _find(self, context: Context, name: str) -> Any:
        try:
            return context.client("iam").get_instance_profile(InstanceProfileName=name)["InstanceProfile"]
        except ClientError as error:
            if missing(error):
                return None
            raise

    def describe(self, context: Context, physical_id: str, properties: Properties) -> Made:
        found = self._find(context, physical_id)
        if found is None:
            raise Gone(physical_id)
        return Made(physical_id, {"Arn": found["Arn"]})

    def read(self, context: Context, physical_id: str, properties: Properties) -> Properties | None:
        found = self._find(context, physical_id)
        return None if found is None else {"Roles": [role["RoleName"] for role in found["Roles"]]}


class OidcProvider(Handler):
    known = frozenset({"Url", "ClientIdList", "ThumbprintList", "Tags"})

    def create(self, context: Context, properties: Properties) -> Made:
        made = context.client("iam").create_open_id_connect_provider(
            Url=properties["Url"],
            ClientIDList=properties.get("ClientIdList") or [],
            ThumbprintList=properties.get("ThumbprintList") or [],
            Tags=context.tags(properties),
        )
        arn = made["OpenIDConnectProviderArn"]
        return Made(arn, {"Arn": arn})

    def update(self, context: Context, physical_id: str, before: Properties, after: Properties) -> Made:
        iam = context.client("iam")
        old, new = set(before.get("ClientIdList") or []), set(after.get("ClientIdList") or [])
        for client in sorted(new - old):
            iam.add_client_id_to_open_id_connect_provider(OpenIDConnectProviderArn=physical_id, ClientID=client)
        for client in sorted(old - new):
            iam.remove_client_id_from_open_id_connect_provider(OpenIDConnectProviderArn=physical_id, ClientID=client)
        if changed(before, after, "ThumbprintList") and after.get("ThumbprintList"):
            iam.update_open_id_connect_provider_thumbprint(
                OpenIDConnectProviderArn=physical_id, ThumbprintList=after["ThumbprintList"]
            )
        return Made(physical_id, {"Arn": physical_id})

    def delete(self, context: Context, physical_id: str, properties: Properties) -> None:
        quietly(context.client("iam").delete_open_id_connect_provider, OpenIDConnectProviderArn=physical_id)

    def read(self, context: Context, physical_id: str, properties: Properties) -> Properties | None:
        try:
            found = context.client("iam").get_open_id_connect_provider(OpenIDConnectProviderArn=physical_id)
        except ClientError as error:
            if missing(error):
                return None
            raise
        return {"ClientIdList": found["ClientIDList"]}

    def describe(self, context: Context, physical_id: str, properties: Properties) -> Made:
        if self.read(context, physical_id, properties) is None:
            raise Gone(physical_id)
        return Made(physical_id, {"Arn": physical_id})

    def prior(self, context: Context, properties: Properties) -> str | None:
        host = str(properties["Url"]).removeprefix("https://")
        arn = f"arn:aws:iam::{context.account}:oidc-provider/{host}"
        return arn if self.read(context, arn, properties) is not None else None
