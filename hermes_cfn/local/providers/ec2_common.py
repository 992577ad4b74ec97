"""What the EC2 handlers share: tags, and reading one thing by its ID."""

from __future__ import annotations

from typing import Any

from botocore.exceptions import ClientError

from hermes_cfn.local.providers.base import Context, Handler, Properties, missing, tag_changes


class Ec2(Handler):
    """``kind`` is EC2's name for the resource in tag specifications."""

    kind = ""

    def specification(self, context: Context, properties: Properties) -> dict[str, Any]:
        """Arguments that tag at creation."""
        return {"TagSpecifications": [{"ResourceType": self.kind, "Tags": context.tags(properties, system=True)}]}

    def retag(self, context: Context, physical_id: str, before: Properties, after: Properties) -> None:
        """Make the tags what they should be."""
        put, gone = tag_changes(before.get("Tags") or [], after.get("Tags") or [])
        ec2 = context.client("ec2")
        if put:
            ec2.create_tags(Resources=[physical_id], Tags=put)
        if gone:
            ec2.delete_tags(Resources=[physical_id], Tags=[{"Key": key} for key in gone])

    def one(self, context: Context, call: str, key: str, **arguments: Any) -> dict[str, Any] | None:
        """The only item of a describe call, None when it is not there."""
        try:
            found: list[dict[str, Any]] = getattr(context.client("ec2"), call)(**arguments)[key]
        except ClientError as error:
            if missing(error):
                return None
            raise
        return found[0] if found else None

    def tags_of(self, item: dict[str, Any]) -> list[dict[str, str]]:
        """An item's tags without CloudFormation's own."""
        return [tag for tag in item.get("Tags") or [] if not tag["Key"].startswith("aws:")]


def quietly(call: Any, *codes: str, **arguments: Any) -> None:
    """A deletion, content when the thing is gone."""
    try:
        call(**arguments)
    except ClientError as error:
        if not missing(error, *codes):
            raise


def asked(call: Any, *codes: str, **arguments: Any) -> Any:
    """What a call gives; an empty mapping when the thing is gone."""
    try:
        return call(**arguments)
    except ClientError as error:
        if not missing(error, *codes):
            raise
        return {}
