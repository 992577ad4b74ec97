"""What every resource type's handler is, and what it is given.

A handler talks to the services only through boto3 clients of the cloud's own endpoint, as
AWS's handlers talk to AWS's: https://docs.aws.amazon.com/cloudformation-cli/latest/userguide/resource-type-test-contract.html
"""

from __future__ import annotations

import secrets
import string
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from hermes_cfn.local.clients import Door

Properties = Mapping[str, Any]


class Failure(Exception):
    """A resource could not be made, changed or deleted; the reason as an event shows it."""


class Gone(Exception):
    """The resource is not there any more."""


@dataclass(frozen=True)
class Made:
    """A resource: ``physical_id``, what Ref gives (the same unless said) and Fn::GetAtt gives."""

    physical_id: str
    attributes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Context:
    """Where and for whom a handler acts."""

    clients: Door
    own: Door
    """The embedded cloud's own clients, whoever ``clients`` act as."""
    region: str
    account: str
    stack_name: str
    stack_id: str
    logical_id: str
    now: Callable[[], datetime]
    stack_tags: Mapping[str, str] = field(default_factory=dict)
    update_policy: Mapping[str, Any] = field(default_factory=dict)
    signals: Callable[[], Mapping[str, str]] = dict
    """What SignalResource was told of the resource: unique ID to SUCCESS or FAILURE."""
    formation: Callable[[str, Properties], dict[str, Any]] = lambda action, params: {}
    """Asks CloudFormation itself, as whom ``clients`` act: action and parameters."""
    took: Callable[[str], None] = lambda physical_id: None
    """Tells the physical ID as soon as it is known: what then fails does not leave behind what is already there."""
    siblings: Callable[[str], list[tuple[str, Properties]]] = lambda kind: []
    """Physical ID and properties of the stack's resources of a type: what others attach to this one."""

    def client(self, service: str, region: str | None = None) -> Any:
        """A boto3 client of ``service``."""
        return self.clients(service, region or self.region)

    def underneath(self) -> Context:
        """The same as the embedded cloud itself: for calls that AWS's handler has no need of.

        AWS says which it makes in ``handlers.*.permissions`` of the type's schema; a test compares.
        """
        return replace(self, clients=self.own)

    def name(self, longest: int = 255, lower: bool = False) -> str:
        """A generated name: stack, logical ID and a random end, within ``longest`` characters."""
        end = "".join(secrets.choice(string.ascii_uppercase + string.digits) for _ in range(12))
        room = longest - len(end) - 2
        stack = self.stack_name[: max(room - min(len(self.logical_id), room // 2), 1)]
        made = f"{stack}-{self.logical_id[: room - len(stack)]}-{end}"
        return made.lower() if lower else made

    def tags(self, properties: Properties, system: bool = False) -> list[dict[str, str]]:
        """The resource's tags over the stack's; with ``system`` CloudFormation's own too."""
        own = properties.get("Tags") or []
        pairs = dict(self.stack_tags)
        if isinstance(own, Mapping):
            pairs.update({str(key): str(value) for key, value in own.items()})
        else:
            pairs.update({str(tag["Key"]): str(tag["Value"]) for tag in own})
        if system:
            pairs["aws:cloudformation:stack-name"] = self.stack_name
            pairs["aws:cloudformation:stack-id"] = self.stack_id
            pairs["aws:cloudformation:logical-id"] = self.logical_id
        return [{"Key": key, "Value": value} for key, value in pairs.items()]

    def tag_map(self, properties: Properties) -> dict[str, str]:
        """The same as a mapping."""
        return {tag["Key"]: tag["Value"] for tag in self.tags(properties)}


class Handler:
    """One resource type.  ``known`` are the properties it acts on; others are refused by name.

    ``accepted`` are properties that it takes without acting on them, because nothing in the
    embedded cloud could show a difference.
    """

    known: frozenset[str] = frozenset()
    accepted: frozenset[str] = frozenset()

    def refuses(self, properties: Properties) -> str:
        """What the embedded cloud does not do of values that AWS takes, said before anything is made; else empty."""
        return ""

    def create(self, context: Context, properties: Properties) -> Made:
        """Make it."""
        raise Failure("This type cannot be created.")

    def update(self, context: Context, physical_id: str, before: Properties, after: Properties) -> Made:
        """Change it in place; the physical ID stays."""
        raise Failure("Resource type does not support updates.")

    def replaces(self, context: Context, names: set[str], before: Properties, after: Properties) -> bool:
        """Whether a change of these properties replaces it; asked for those of which AWS says *conditionally*."""
        return True

    def policy_replaces(self, context: Context, before: Properties, after: Properties) -> bool:
        """Whether the resource's update policy asks for a replacement where the change itself does not."""
        return False

    def delete(self, context: Context, physical_id: str, properties: Properties) -> None:
        """Remove it; one that is gone is a success."""

    def describe(self, context: Context, physical_id: str, properties: Properties) -> Made:
        """An existing one with its attributes.  Raises :class:`Gone`."""
        if self.read(context, physical_id, properties) is None:
            raise Gone(physical_id)
        return Made(physical_id)

    def read(self, context: Context, physical_id: str, properties: Properties) -> Properties | None:
        """Live values of those properties that can be read; None when it is gone."""
        return {}

    def ready(self, context: Context, physical_id: str, properties: Properties) -> bool:
        """Whether it has stabilised.  Raises :class:`Failure` when it never will."""
        return True

    def gone(self, context: Context, physical_id: str, properties: Properties) -> bool:
        """Whether deletion is over."""
        return True

    lively: bool = False
    """Whether other resources change its attributes, so that Fn::GetAtt must look again."""

    patient: bool = False
    """Whether stabilising waits for people or programs outside, so that the clock may run on."""

    named: str = ""
    """The property with the name, for a type whose service takes over what is there when it is asked to create it."""

    def prior(self, context: Context, properties: Properties) -> str | None:
        """The physical ID of an existing one with the name that the properties give, if any."""
        name = properties.get(self.named) if self.named else None
        there = self.identifier(context, name) if name else None
        return there if there and self.read(context, there, properties) is not None else None

    def identifier(self, context: Context, name: str) -> str:
        """The physical ID of the one with this name."""
        return name


def changed(before: Properties, after: Properties, *names: str) -> bool:
    """Whether any of the properties differ."""
    return any(before.get(name) != after.get(name) for name in names)


def pick(properties: Properties, *names: str) -> dict[str, Any]:
    """Those of the properties that are there."""
    return {name: properties[name] for name in names if name in properties}


def boolean(value: Any) -> bool:
    """True for true and ``"true"``, as templates write it."""
    return value is True or str(value).lower() == "true"


def whole(value: Any) -> int:
    """A number that a template may write as text."""
    return int(str(value))


def code(error: ClientError) -> str:
    """The error's code."""
    return str(error.response.get("Error", {}).get("Code", ""))


def missing(error: ClientError, *also: str) -> bool:
    """Whether the error says that something is not there."""
    name = code(error)
    words = ("NotFound", "NoSuch", "NotExist", "DoesNotExist", "NonExistent", "NotAssociated")
    return name in also or any(word in name for word in words)


_DENIED = frozenset({"AccessDenied", "AccessDeniedException", "UnauthorizedOperation"})
"""How services word what the handler contract calls AccessDenied (resource-type-test-contract-errors)."""


def denied(error: ClientError) -> bool:
    """Whether the error says that the caller may not."""
    return code(error) in _DENIED


def reason(error: Exception) -> str:
    """The reason that an event shows, as the resource handlers of CloudFormation word it."""
    if isinstance(error, ClientError):
        said = error.response.get("Error", {})
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 400)
        service = error.operation_name
        tail = " (HandlerErrorCode: AccessDenied)" if denied(error) else ""
        return (
            f'Resource handler returned message: "{said.get("Message", "")} (Operation: {service}, '
            f'Status Code: {status}, Error Code: {said.get("Code", "")})"{tail}'
        )
    if isinstance(error, BotoCoreError):
        return f'Resource handler returned message: "{error}"'
    return str(error)


def tag_changes(
    before: Iterable[Mapping[str, str]], after: Iterable[Mapping[str, str]]
) -> tuple[list[dict[str, str]], list[str]]:
    """Tags to set, and keys to remove."""
    old = {tag["Key"]: tag["Value"] for tag in before}
    new = {tag["Key"]: tag["Value"] for tag in after}
    put = [{"Key": key, "Value": value} for key, value in new.items() if old.get(key) != value]
    return put, [key for key in old if key not in new]
