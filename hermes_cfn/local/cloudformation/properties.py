"""Properties between template and handler: checked by the schema, with tags and secrets."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from hermes_cfn.cfn.schemas import schema
from hermes_cfn.cfn.template import Resource
from hermes_cfn.cfn.validation import violations
from hermes_cfn.local.clients import Door
from hermes_cfn.local.providers import HANDLERS
from hermes_cfn.local.providers.base import Failure
from hermes_cfn.service_names import properties_of, refusal, tags_refusal

_SECRET = re.compile(r"\{\{resolve:secretsmanager:([^}]+)\}\}")


def check(resource: Resource, region: str) -> None:
    """Raises Failure for properties that do not fit the type's schema, as AWS words it."""
    check_prose(resource)
    known = schema(resource.type, region)
    if known is None:
        return
    found = violations(resource.properties, known)
    if found:
        raise Failure(
            f"Properties validation failed for resource {resource.logical_id} with message:\n" + "\n".join(found)
        )


def check_prose(resource: Resource) -> None:
    """Raises Failure for what the service's pages do not allow and no schema says: names, tags, user data."""
    properties = resource.properties
    for prop in sorted(properties_of(resource.type)):
        value: Any = properties
        for part in prop.split("."):
            value = value.get(part) if isinstance(value, Mapping) else None
        if isinstance(value, str | int) and (why := refusal(resource.type, prop, str(value))):
            raise Failure(f'Resource handler returned message: "{why}" (HandlerErrorCode: InvalidRequest)')
    tags = properties.get("Tags")
    keys = (
        list(tags) if isinstance(tags, Mapping) else [one.get("Key") for one in tags or () if isinstance(one, Mapping)]
    )
    if why := tags_refusal(str(key) for key in keys):
        raise Failure(f'Resource handler returned message: "{why}" (HandlerErrorCode: InvalidRequest)')
    data = properties.get("LaunchTemplateData") or {}
    encoded = properties.get("UserData") or (data.get("UserData") if isinstance(data, Mapping) else None)
    if isinstance(encoded, str) and len(encoded) * 3 // 4 - encoded.count("=") > USER_DATA_LIMIT:
        raise Failure(
            'Resource handler returned message: "User data is limited to 16384 bytes" (HandlerErrorCode: InvalidRequest)'
        )


USER_DATA_LIMIT = 16_384
"""Bytes before base64: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/user-data.html"""


def tagged(resource: Resource, tags: Mapping[str, str], region: str) -> Mapping[str, Any]:
    """Properties with the stack's tags, where the type takes tags; the resource's own win."""
    known = schema(resource.type, region)
    name = known.tag_property if known else None
    if not tags or name is None or name not in HANDLERS[resource.type].known:
        return resource.properties
    own = resource.properties.get(name)
    if isinstance(own, Mapping) or (known is not None and known.body["properties"][name].get("type") == "object"):
        return {**resource.properties, name: {**tags, **(own or {})}}
    keys = {tag["Key"] for tag in own or []}
    more: dict[str, Any] = {"PropagateAtLaunch": True} if resource.type == "AWS::AutoScaling::AutoScalingGroup" else {}
    extra = [{"Key": key, "Value": value, **more} for key, value in tags.items() if key not in keys]
    return {**resource.properties, name: [*(own or []), *extra]}


def with_secrets(value: Any, door: Door, region: str) -> Any:
    """``value`` with its dynamic references to secrets replaced; never kept anywhere.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/dynamic-references-secretsmanager.html
    """
    if isinstance(value, Mapping):
        return {key: with_secrets(inner, door, region) for key, inner in value.items()}
    if isinstance(value, list):
        return [with_secrets(inner, door, region) for inner in value]
    if isinstance(value, str) and "{{resolve:" in value:
        return _SECRET.sub(lambda match: _secret(match.group(1), door, region), value)
    return value


def _secret(reference: str, door: Door, region: str) -> str:
    name, _, rest = reference.partition(":SecretString")
    key = rest.lstrip(":").split(":")[0]
    text = door("secretsmanager", region).get_secret_value(SecretId=name)["SecretString"]
    return str(json.loads(text)[key]) if key else str(text)
