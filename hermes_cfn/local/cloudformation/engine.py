"""What every part of the engine shares: stacks, clients, time, and the scope of evaluation."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Mapping
from typing import Any

from botocore.exceptions import ClientError

from hermes_cfn.cfn.intrinsics import Scope, Unknown
from hermes_cfn.cfn.refusal import invalid
from hermes_cfn.cfn.template import Resource
from hermes_cfn.local.clients import OWN, Door, Session
from hermes_cfn.local.cloudformation.model import Live, Request, Stack
from hermes_cfn.local.cloudformation.requests import secrets_of
from hermes_cfn.local.cloudformation.scheduler import Clock, Scheduler
from hermes_cfn.local.providers import HANDLERS
from hermes_cfn.local.providers.base import Context, Gone

ACCOUNT = "123456789012"
Fault = Callable[[str, str, str, str], str | None]


class Engine:
    """All stacks of an account, in every region.

    ``clients(service, region, session)`` makes boto3 clients; nothing is asked of a service but as somebody: whoever
    calls, whom a stack acts as, or the embedded cloud itself for what AWS does without asking.  ``fault(stack, logical_id, type, action)``
    may give a reason why a resource fails, ``replaces(logical_id)`` say that a change replaces
    whatever the schema says, and ``holds(logical_id)`` that it is not over yet: what a rehearsal asks for.
    """

    def __init__(self, clients: Callable[[str, str, Session], Any], clock: Clock, real_time: bool = False) -> None:
        self._clients = clients
        self.clock = clock
        self.lock = threading.RLock()
        self.scheduler = Scheduler(clock, self.lock, real_time)
        self.stacks: dict[str, Stack] = {}
        self.detections: dict[str, Any] = {}
        self.fault: Fault = lambda stack, logical_id, kind, action: None
        self.replaces: Callable[[str], bool] = lambda logical_id: False
        self.refuses: Callable[[str], str] = lambda logical_id: ""
        self.holds: Callable[[str], bool] = lambda logical_id: False
        self.ask: Callable[[Session, str, str, Mapping[str, Any]], dict[str, Any]] = lambda *_: {}
        """CloudFormation itself, for a stack in a stack: as whom, region, action, parameters."""
        self._zones: dict[tuple[str, Session], tuple[str, ...]] = {}

    def find(self, name: str, region: str) -> Stack | None:
        """By name the one that is not deleted, by ID also deleted ones."""
        if name.startswith("arn:"):
            return self.stacks.get(name)
        for stack in reversed(list(self.stacks.values())):
            if stack.name == name and stack.region == region and stack.status != "DELETE_COMPLETE":
                return stack
        return None

    def exports(self, region: str) -> dict[str, tuple[Stack, str]]:
        """Export names of a region, each with the stack and the value."""
        return {
            name: (stack, value)
            for stack in list(self.stacks.values())
            if stack.region == region and stack.status != "DELETE_COMPLETE"
            for name, value in stack.exports.items()
        }

    def importers(self, name: str, region: str) -> list[str]:
        """Names of the stacks that import the export ``name``."""
        return [
            stack.name
            for stack in list(self.stacks.values())
            if stack.region == region
            and stack.status != "DELETE_COMPLETE"
            and stack.request is not None
            and name in stack.request.imported
        ]

    def check_exports(self, stack: Stack) -> None:
        """Raises HermesError when an export's name is taken by another stack."""
        for other in list(self.stacks.values()):
            if other is stack or other.region != stack.region or other.status == "DELETE_COMPLETE":
                continue
            for name in stack.exports:
                if name in other.exports:
                    raise invalid(f"Export with name {name} is already exported by stack {other.name}.")

    def check_imports(self, stack: Stack, before: Mapping[str, str]) -> None:
        """Raises HermesError when an export that another stack imports would go or change."""
        now = stack.exports
        for name, value in before.items():
            users = self.importers(name, stack.region)
            if users and now.get(name) != value:
                raise invalid(f"Export {name} cannot be updated as it is in use by {', '.join(users)}")

    def door(self, session: Session) -> Door:
        """Clients that call as ``session``."""
        return lambda service, region: self._clients(service, region, session)

    def zones(self, request: Request, region: str) -> tuple[str, ...]:
        """Names of the region's availability zones, for a template that asks; HermesError for whoever may not.

        https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference-getavailabilityzones.html
        """
        session = request.session
        if "Fn::GetAZs" not in request.text and "!GetAZs" not in request.text:
            return ()
        if (region, session) not in self._zones:
            try:
                found = self.door(session)("ec2", region).describe_availability_zones()["AvailabilityZones"]
            except ClientError as error:
                raise invalid(f"Template error: Fn::GetAZs: {error.response['Error']['Message']}") from error
            named = sorted(zone["ZoneName"] for zone in found if zone.get("State") == "available")
            self._zones[region, session] = tuple(named)
        return self._zones[region, session]

    def scope(self, stack: Stack, request: Request, gone: frozenset[str] = frozenset()) -> Scope:
        """What ``request``'s template is evaluated in, with the resources that ``stack`` has now, but those ``gone``."""

        def attributes(logical_id: str, attribute: str | None) -> Any:
            live = None if logical_id in gone else stack.live.get(logical_id)
            if live is not None and live.physical_id and attribute and HANDLERS[live.type].lively:
                self._look_again(stack, live)
            return attribute_of(live, logical_id, attribute)

        return Scope(
            parameters=request.parameters,
            region=stack.region,
            account=stack.account,
            stack_name=stack.name,
            stack_id=stack.id,
            attributes=attributes,
            imports=_Imports(self.exports(stack.region), request),
            ssm=request.ssm,
            zones=self.zones(request, stack.region),
            other_zones=_Zones(self, request),
            notification_arns=request.notification_arns,
        )

    def _look_again(self, stack: Stack, live: Live) -> None:
        context = self.context(stack, live.resource, OWN)
        with contextlib.suppress(Gone):
            live.attributes = (
                HANDLERS[live.type].describe(context, live.physical_id, live.resource.properties).attributes
            )

    def context(self, stack: Stack, resource: Resource, session: Session) -> Context:
        """What a handler is given that acts as ``session``."""
        return Context(
            clients=self.door(session),
            own=self.door(OWN),
            region=stack.region,
            account=stack.account,
            stack_name=stack.name,
            stack_id=stack.id,
            logical_id=resource.logical_id,
            now=self.clock.now,
            update_policy=resource.update_policy,
            formation=lambda action, params: self.ask(session, stack.region, action, params),
            signals=lambda: dict(stack.signals.get(resource.logical_id, {})),
            siblings=lambda kind: [
                (live.physical_id, live.resource.properties) for live in stack.live.values() if live.type == kind
            ],
        )

    def masked(self, stack: Stack, words: str) -> str:
        """``words`` without the values of NoEcho parameters."""
        for secret in secrets_of(stack.request) if stack.request is not None else ():
            words = words.replace(secret, "****")
        return words


def attribute_of(live: Live | None, logical_id: str, attribute: str | None) -> Any:
    """Ref (``attribute`` None) or Fn::GetAtt of a resource as it is now."""
    if live is None or not live.physical_id:
        return Unknown(f"{logical_id}.{attribute}" if attribute else logical_id)
    if attribute is None:
        return live.attributes.get("Ref", live.physical_id)
    if attribute in live.attributes:
        return live.attributes[attribute]
    value: Any = live.resource.properties
    for part in attribute.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    if value is None:
        raise invalid(
            f"Template error: resource {logical_id} does not support attribute type {attribute} in Fn::GetAtt"
        )
    return value


class _Zones(dict[str, tuple[str, ...]]):
    """Zones of other regions, looked up when a template asks for them."""

    def __init__(self, engine: Engine, request: Request) -> None:
        super().__init__()
        self._engine, self._request = engine, request

    def __contains__(self, region: object) -> bool:
        if not isinstance(region, str) or not region:
            return False
        self[region] = self._engine.zones(self._request, region)
        return bool(self[region])


class _Imports(dict[str, Any]):
    """Exports of the region by name, noting in ``request`` which of them it uses."""

    def __init__(self, exports: Mapping[str, tuple[Stack, str]], request: Request) -> None:
        super().__init__({name: value for name, (_, value) in exports.items()})
        self._request = request

    def get(self, name: str, default: Any = None) -> Any:
        if name in self:
            self._request.imported.add(name)
        return super().get(name, default)
