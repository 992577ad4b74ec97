"""Systems Manager: parameters and documents."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

from botocore.exceptions import ClientError

from hermes_cfn.local.providers.base import Context, Failure, Gone, Handler, Made, Properties, changed, pick
from hermes_cfn.local.providers.ec2_common import quietly


class Parameter(Handler):
    known = frozenset(
        {"Name", "Type", "Value", "Description", "Tier", "AllowedPattern", "DataType", "Policies", "Tags"}
    )

    def create(self, context: Context, properties: Properties) -> Made:
        if properties["Type"] == "SecureString":
            raise Failure("SecureString parameters cannot be created by CloudFormation.")
        name = properties.get("Name") or f"CFN-{context.name(200)}"
        tags = [{"Key": key, "Value": value} for key, value in context.tag_map(properties).items()]
        context.client("ssm").put_parameter(
            Name=name,
            Overwrite=False,
            **pick(properties, "Type", "Value", "Description", "Tier", "AllowedPattern", "DataType", "Policies"),
            **({"Tags": tags} if tags else {}),
        )
        return self._made(name, properties)

    def _made(self, name: str, properties: Properties) -> Made:
        return Made(name, {"Type": properties.get("Type", ""), "Value": properties.get("Value", "")})

    def update(self, context: Context, physical_id: str, before: Properties, after: Properties) -> Made:
        context.client("ssm").put_parameter(
            Name=physical_id,
            Overwrite=True,
            **pick(after, "Type", "Value", "Description", "Tier", "AllowedPattern", "DataType"),
        )
        return self._made(physical_id, after)

    def delete(self, context: Context, physical_id: str, properties: Properties) -> None:
        quietly(context.client("ssm").delete_parameter, Name=physical_id)

    def read(self, context: Context, physical_id: str, properties: Properties) -> Properties | None:
        found = context.client("ssm").get_parameters(Names=[physical_id])["Parameters"]
        return pick(found[0], "Type", "Value") if found else None

    def describe(self, context: Context, physical_id: str, properties: Properties) -> Made:
        found = self.read(context, physical_id, properties)
        if found is None:
            raise Gone(physical_id)
        return self._made(physical_id, found)

    def prior(self, context: Context, properties: Properties) -> str | None:
        name = properties.get("Name")
        return name if name and self.read(context, name, properties) is not None else None


class Document(Handler):
    known = frozenset(
        {
            "Name",
            "Content",
            "DocumentType",
            "DocumentFormat",
            "TargetType",
            "UpdateMethod",
            "VersionName",
            "Attachments",
            "Requires",
            "Tags",
        }
    )

    def _content(self, properties: Properties) -> str:
        content: Any = properties["Content"]
        return content if isinstance(content, str) else json.dumps(content)

    def create(self, context: Context, properties: Properties) -> Made:
        name = properties.get("Name") or context.name(128)
        tags = context.tags(properties)
        context.client("ssm").create_document(
            Name=name,
            Content=self._content(properties),
            **pick(properties, "DocumentType", "DocumentFormat", "TargetType", "VersionName"),
            **({"Tags": tags} if tags else {}),
        )
        return Made(name)

    def update(self, context: Context, physical_id: str, before: Properties, after: Properties) -> Made:
        """A new version that becomes the default, with UpdateMethod NewVersion.

        moto refuses the content of any earlier version, AWS that of the latest: an earlier one goes first here.
        """
        ssm = context.client("ssm")
        if changed(before, after, "Content", "TargetType", "VersionName", "DocumentFormat"):
            given = {
                "Name": physical_id,
                "Content": self._content(after),
                "DocumentVersion": "$LATEST",
                **pick(after, "DocumentFormat", "TargetType", "VersionName"),
            }
            try:
                made = ssm.update_document(**given)
            except ssm.exceptions.DuplicateDocumentContent:
                same = self._same(ssm, physical_id, self._content(after))
                ssm.delete_document(Name=physical_id, DocumentVersion=same)
                made = ssm.update_document(**given)
            version = made["DocumentDescription"]["DocumentVersion"]
            ssm.update_document_default_version(Name=physical_id, DocumentVersion=version)
        return Made(physical_id)

    @staticmethod
    def _same(ssm: Any, name: str, content: str) -> str:
        """The version of a document, before its latest, that has this content."""
        latest = int(ssm.describe_document(Name=name, DocumentVersion="$LATEST")["Document"]["LatestVersion"])
        for version in map(str, range(latest - 1, 0, -1)):
            with suppress(ClientError):  # one that was deleted
                if json.loads(ssm.get_document(Name=name, DocumentVersion=version)["Content"]) == json.loads(content):
                    return version
        return str(latest)

    def replaces(self, context: Context, names: set[str], before: Properties, after: Properties) -> bool:
        return bool(after.get("UpdateMethod", "Replace") == "Replace")

    def delete(self, context: Context, physical_id: str, properties: Properties) -> None:
        quietly(context.client("ssm").delete_document, "InvalidDocument", Name=physical_id)

    def describe(self, context: Context, physical_id: str, properties: Properties) -> Made:
        try:
            context.client("ssm").describe_document(Name=physical_id)
        except ClientError as error:
            raise Gone(physical_id) from error
        return Made(physical_id)

    def prior(self, context: Context, properties: Properties) -> str | None:
        name = properties.get("Name")
        try:
            return self.describe(context, name, properties).physical_id if name else None
        except Gone:
            return None
