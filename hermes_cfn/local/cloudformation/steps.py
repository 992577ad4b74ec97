"""One resource at a time: its handler is called, its time passes, its events are written."""

from __future__ import annotations

import copy
import json
import logging
import math
import re
from collections.abc import Callable, Mapping, Set
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from hermes_cfn.cfn.changes import PropertyChange, direct_changes
from hermes_cfn.cfn.conversion import converted
from hermes_cfn.cfn.intrinsics import Unknown, evaluated, has_unknown
from hermes_cfn.cfn.kinds import DEFAULT_CREATE_S, DEFAULT_UPDATE_S, DELETE_S, kind
from hermes_cfn.cfn.schemas import schema
from hermes_cfn.cfn.template import Resource
from hermes_cfn.errors import HermesError
from hermes_cfn.local.cloudformation.engine import Engine
from hermes_cfn.local.cloudformation.graph import Done
from hermes_cfn.local.cloudformation.model import Live, Stack
from hermes_cfn.local.cloudformation.policy import denial
from hermes_cfn.local.cloudformation.properties import check, tagged, with_secrets
from hermes_cfn.local.providers import HANDLERS
from hermes_cfn.local.providers.base import Context, Failure, Gone, Made, code, reason

if TYPE_CHECKING:
    from hermes_cfn.local.cloudformation.operations import Undo

log = logging.getLogger("hermes.local")
_KNOWN = (Failure, Gone, ClientError, BotoCoreError, HermesError)
"""Problems that say what happened; any other is a fault inside, and fails the resource all the same."""

EXPRESS_S = 2.0
"""Seconds that applying a configuration takes at most in express mode, where nothing waits until it is stable."""

PATIENCE = timedelta(minutes=20)
"""How long express mode tries a deletion again that what goes on in the background still holds up."""

_NEEDED = frozenset({"DependencyViolation", "ResourceInUse", "ResourceInUseException", "DeleteConflict"})
"""Codes of a deletion that is tried again as long as something else goes that may be what still needs it."""

_DURATION = re.compile(r"P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?")


class Steps:
    """What can be done to a resource of ``stack``; each says when it is done, or why it failed."""

    def __init__(self, engine: Engine, stack: Stack) -> None:
        self.engine = engine
        self.stack = stack
        self.others: Callable[[Set[str]], bool] = lambda held: False
        """Whether anything else than what is held up is still to be done."""
        self._held: set[str] = set()

    def create(self, raw: Resource, done: Done) -> None:
        """A new resource."""
        live = Live(raw, "CREATE_IN_PROGRESS", self.engine.clock.now())
        self.stack.live[raw.logical_id] = live
        problem: Exception | None = None
        try:
            live.resource = self._evaluated(raw)
        except Exception as error:
            problem = error
        self._mark(live, "CREATE_IN_PROGRESS")

        def act() -> Made:
            if problem is not None:
                raise problem
            live.tags = self._stack_tags()
            check(live.resource, self.stack.region)
            return self._made(live, live.resource, live.tags)

        made = self._try(live, "create", act, done)
        if made is None:
            return
        self._took(live, made)
        self._mark(live, "CREATE_IN_PROGRESS", "Resource creation Initiated")
        self._later(live, "CREATE_COMPLETE", self._create_s(live.type), done)

    def adopt(self, raw: Resource, physical_id: str, done: Done) -> None:
        """An existing resource is taken over."""
        live = Live(raw, "IMPORT_IN_PROGRESS", self.engine.clock.now(), physical_id)
        self.stack.live[raw.logical_id] = live
        self._mark(live, "IMPORT_IN_PROGRESS")

        def act() -> Made:
            live.resource = self._evaluated(raw)
            return HANDLERS[live.type].describe(self._context(live), physical_id, live.resource.properties)

        made = self._try(live, "import", act, done)
        if made is None:
            return
        self._took(live, made)
        self._later(live, "IMPORT_COMPLETE", DELETE_S, done)

    def change(self, raw: Resource, undo: Undo, done: Done) -> None:
        """An existing resource becomes what the template says now: in place, replaced or left."""
        live = self.stack.live[raw.logical_id]
        old = copy.copy(live)
        try:
            new = self._evaluated(raw)
            check(new, self.stack.region)
        except Exception as problem:
            undo.changed[raw.logical_id] = old
            self._failed(live, "UPDATE_FAILED", problem, done)
            return
        known = schema(raw.type, self.stack.region)
        details = list(direct_changes(live.resource, new, known))
        tags = self._stack_tags()
        retagged = tags != live.tags and "Tags" in HANDLERS[raw.type].known
        touches = [detail for detail in details if detail.attribute in ("Properties", "Tags")]
        if details or retagged:
            undo.changed[raw.logical_id] = old
        if not touches and not retagged:
            live.resource = new
            done(None)
            return
        replaces = self._replaces(raw, new, live, touches)
        denied = self.denied(raw, "Update:Replace" if replaces else "Update:Modify")
        if denied:
            self._failed(live, "UPDATE_FAILED", Failure(denied), done)
        elif replaces:
            self._replace(live, old, new, tags, touches, undo, done)
        else:
            self._update(live, new, tags, done)

    def denied(self, raw: Resource, action: str) -> str:
        """Why the stack policy, or the one that this update brings, does not allow ``action``."""
        return denial(self.stack.update_policy or self.stack.policy, raw.logical_id, raw.type, action)

    def broke(self, name: str, problem: Exception, done: Done) -> None:
        """A step that could not even be begun fails its resource."""
        live = self.stack.live.get(name)
        if live is None:
            done(f"{type(problem).__name__}: {problem}")
            return
        begun, _, how = live.status.partition("_")
        self._failed(live, f"{begun if how == 'IN_PROGRESS' else 'UPDATE'}_FAILED", problem, done)

    def refuse(self, live: Live, why: str) -> None:
        """An update may not touch the resource."""
        self._failed(live, "UPDATE_FAILED", Failure(why), lambda _: None)

    def change_back(self, live: Live, old: Live, done: Done) -> None:
        """A rollback makes an updated resource what it was."""
        known = schema(live.type, self.stack.region)
        same = not list(direct_changes(live.resource, old.resource, known)) and live.tags == old.tags
        if same or not live.physical_id:
            live.resource = old.resource
            self._mark(live, "UPDATE_COMPLETE")
            done(None)
            return
        self._update(live, old.resource, dict(old.tags), done, back=True)

    def restore(self, live: Live, old: Live, undo: Undo, done: Done) -> None:
        """A rollback takes the replaced resource back; its replacement will be removed."""
        undo.replaced[live.logical_id] = copy.copy(live)
        live.resource, live.physical_id, live.attributes, live.tags = (
            old.resource,
            old.physical_id,
            old.attributes,
            old.tags,
        )
        self._mark(live, "UPDATE_COMPLETE")
        done(None)

    def skip(self, live: Live, old: Live, done: Done) -> None:
        """A rollback leaves a resource as it is, and counts it as done."""
        live.resource = old.resource
        self._mark(live, "UPDATE_COMPLETE", "Resource was skipped during rollback.")
        done(None)

    def delete(self, live: Live, done: Done, keep: bool = False, replaced: bool = False) -> None:
        """A resource goes, or stays behind when it is to be kept."""
        handler = HANDLERS[live.type]
        if keep:
            self._mark(live, "DELETE_SKIPPED")
            self._forget(live, replaced)
            done(None)
            return
        self._mark(live, "DELETE_IN_PROGRESS")
        properties = self._applied(live.resource, live.tags, secret=False)
        turn, asked = live.turn, False
        late, gone_on = self.engine.clock.now() + PATIENCE, False

        def attempt() -> bool:
            """Whether it is gone; asks for the deletion once, or again where something still needs it."""
            nonlocal asked
            if not live.physical_id:
                return True
            try:
                if not asked:
                    self._fault(live, "delete")
                    handler.delete(self._context(live), live.physical_id, properties)
                    asked = True
                    return False
                return handler.gone(self._context(live), live.physical_id, properties)
            except Gone:
                return True
            except Exception as problem:
                if self._went(live, problem, properties):
                    return True
                self._held.add(live.logical_id)
                held = isinstance(problem, ClientError) and code(problem) in _NEEDED
                waits = self._express and self.engine.clock.now() < late
                if held and (waits or self.others(self._held)):
                    return False
                raise

        def over() -> bool:
            if live.turn != turn:
                self._held.discard(live.logical_id)
                return True
            try:
                if not attempt():
                    return False
            except Exception as problem:
                self._held.discard(live.logical_id)
                if not gone_on:
                    self._failed(live, "DELETE_FAILED", problem, done)
                return True
            if not gone_on:
                told()
            return True

        def told() -> None:
            self._held.discard(live.logical_id)
            self._mark(live, "DELETE_COMPLETE")
            self._forget(live, replaced)
            done(None)

        def look() -> None:
            if not over():
                self.engine.scheduler.poll(over)

        if over():
            return
        if self._express and asked:
            gone_on = True
            told()
            self.engine.scheduler.poll(over, patient=True)
            return
        self.engine.scheduler.after(DELETE_S, look)

    def _went(self, live: Live, problem: Exception, properties: Mapping[str, Any]) -> bool:
        """Whether a deletion that failed found nothing more to delete: somebody was faster, and gone is gone."""
        if not isinstance(problem, ClientError):
            return False
        try:
            return HANDLERS[live.type].read(self._context(live), live.physical_id, properties) is None
        except Exception:
            return False

    def cancel(self, name: str) -> None:
        """What was under way is given up."""
        live = self.stack.live.get(name)
        if live is None:
            return
        live.turn += 1
        if live.status == "CREATE_IN_PROGRESS":
            self._mark(live, "CREATE_FAILED", "Resource creation cancelled")
        elif live.status == "UPDATE_IN_PROGRESS":
            self._mark(live, "UPDATE_FAILED", "Resource update cancelled")

    def _replaces(self, raw: Resource, new: Resource, live: Live, touches: list[PropertyChange]) -> bool:
        if self.engine.replaces(raw.logical_id) or any(detail.requires_recreation == "Always" for detail in touches):
            return True
        perhaps = {detail.name for detail in touches if detail.requires_recreation == "Conditionally"}
        context = self.engine.context(self.stack, new, self.stack.session)
        handler, before = HANDLERS[raw.type], live.resource.properties
        return (bool(perhaps) and handler.replaces(context, perhaps, before, new.properties)) or (
            handler.policy_replaces(context, before, new.properties)
        )

    def _update(self, live: Live, new: Resource, tags: Mapping[str, str], done: Done, back: bool = False) -> None:
        self._mark(live, "UPDATE_IN_PROGRESS")
        before = self._applied(live.resource, live.tags)
        was, tags_were = live.resource, live.tags
        live.resource, live.tags = new, tags

        def act() -> Made:
            context = self._context(live)
            return HANDLERS[live.type].update(context, live.physical_id, before, self._applied(new, tags))

        def failed(why: str | None) -> None:
            if back:
                live.resource, live.tags = was, tags_were
            done(why)

        made = self._try(live, "update", act, failed, "UPDATE_FAILED")
        if made is None:
            return
        self._took(live, made)
        row = kind(live.type)
        self._later(live, "UPDATE_COMPLETE", row.update_s if row else DEFAULT_UPDATE_S, done)

    def _replace(
        self,
        live: Live,
        old: Live,
        new: Resource,
        tags: Mapping[str, str],
        touches: list[PropertyChange],
        undo: Undo,
        done: Done,
    ) -> None:
        if self._custom_name_stays(new, touches):
            why = (
                f"CloudFormation cannot update a stack when a custom-named resource requires replacing. Rename "
                f"{live.physical_id} and update the stack again."
            )
            self._failed(live, "UPDATE_FAILED", Failure(why), done)
            return
        self._mark(
            live,
            "UPDATE_IN_PROGRESS",
            "Requested update requires the creation of a new physical resource; hence creating one.",
        )

        def took(physical_id: str) -> None:
            undo.replaced[live.logical_id] = old
            live.resource, live.tags, live.physical_id = new, tags, physical_id

        def act() -> Made:
            return self._made(live, new, tags, replace(self._making(live, new), took=took))

        made = self._try(live, "create", act, done, "UPDATE_FAILED")
        if made is None:
            return
        took(made.physical_id)
        self._took(live, made)
        self._mark(live, "UPDATE_IN_PROGRESS", "Resource creation Initiated")
        self._later(live, "UPDATE_COMPLETE", self._create_s(live.type), done)

    def _made(self, live: Live, resource: Resource, tags: Mapping[str, str], context: Context | None = None) -> Made:
        """A new one; never what is there already under its name.

        https://docs.aws.amazon.com/cloudformation-cli/latest/userguide/resource-type-test-contract.html (create)
        """
        handler, context = HANDLERS[live.type], context or self._making(live, resource)
        there = handler.prior(context.underneath(), resource.properties) if handler.named else None
        if there:
            raise Failure(f"Resource of type '{live.type}' with identifier '{there}' already exists.")
        return handler.create(context, self._applied(resource, tags))

    def _custom_name_stays(self, new: Resource, touches: list[PropertyChange]) -> bool:
        known = schema(new.type, self.stack.region)
        names = [path.lstrip("/") for path in known.primary_identifier] if known else []
        return bool(names) and all(
            name in new.properties and not any(detail.name == name for detail in touches) for name in names
        )

    def _try(self, live: Live, action: str, act: Callable[[], Made], done: Done, failed: str = "") -> Made | None:
        try:
            self._fault(live, action)
            return act()
        except Exception as problem:
            self._failed(live, failed or f"{action.upper()}_FAILED", problem, done)
            return None

    def _later(self, live: Live, status: str, seconds: float, done: Done) -> None:
        """``status`` after ``seconds``, once the resource has stabilised and its signals are there."""
        live.turn += 1
        turn, handler = live.turn, HANDLERS[live.type]
        failed = status.replace("COMPLETE", "FAILED")
        properties = self._applied(live.resource, live.tags)
        express = self._express
        wanted, patience = _signals(live.resource) if status == "CREATE_COMPLETE" else (0, 0.0)
        deadline = self.engine.clock.now() + timedelta(seconds=patience)

        def over() -> bool:
            if live.turn != turn:
                return True
            try:
                if self._holds(live):
                    return False
                if not express and not handler.ready(self._context(live), live.physical_id, properties):
                    return False
                if not self._signalled(live, wanted, self.engine.clock.now() > deadline):
                    return False
            except Exception as problem:
                self._failed(live, failed, problem, done)
                return True
            self._mark(live, status)
            done(None)
            if express:
                self.engine.scheduler.poll(stable, patient=True)
            return True

        def stable() -> bool:
            """Whether it has become ready, or never will: nobody waits for it any more."""
            try:
                return live.turn != turn or handler.ready(self._context(live), live.physical_id, properties)
            except Exception:
                return True

        def look() -> None:
            if not over():
                self.engine.scheduler.poll(over, handler.patient)

        self.engine.scheduler.after(min(seconds, EXPRESS_S) if express else seconds, look)

    @property
    def _express(self) -> bool:
        """Whether nothing waits until a resource is stable."""
        return self.stack.request is not None and self.stack.request.express

    def _holds(self, live: Live) -> bool:
        return "ROLLBACK" not in self.stack.status and self.engine.holds(live.logical_id)

    def _signalled(self, live: Live, wanted: int, late: bool) -> bool:
        """Whether enough signals came: aws-attribute-creationpolicy.html in the User Guide."""
        if not wanted:
            return True
        said = list(self.stack.signals.get(live.logical_id, {}).items())
        percent = _percent(live.resource)
        if percent == 100 and "FAILURE" in dict(said).values():
            raise Failure("Received FAILURE signal with UniqueId " + next(k for k, v in said if v == "FAILURE"))
        well, needed = sum(status == "SUCCESS" for _, status in said), math.ceil(wanted * percent / 100)
        if len(said) >= wanted or late:
            if well >= needed:
                return True
            if percent < 100:
                raise Failure(
                    f"Received {well} SUCCESS signal(s) out of {wanted}. Unable to satisfy {percent}% "
                    "MinSuccessfulInstancesPercent requirement"
                )
            raise Failure(f"Failed to receive {wanted - well} resource signal(s) within the specified duration")
        return False

    def _evaluated(self, raw: Resource) -> Resource:
        request = self.stack.request
        assert request is not None
        resource = evaluated(raw, request.template, self.engine.scope(self.stack, request))
        if has_unknown(resource.properties):
            raise Failure(unknown_reason(resource.properties))
        return resource

    def _applied(self, resource: Resource, tags: Mapping[str, str], secret: bool = True) -> Mapping[str, Any]:
        properties: Mapping[str, Any] = tagged(resource, tags, self.stack.region)
        if secret:
            properties = with_secrets(properties, self.engine.door(self.stack.session), self.stack.region)
        known = schema(resource.type, self.stack.region)
        return converted(properties, known) if known is not None else properties

    def _context(self, live: Live) -> Context:
        return self.engine.context(self.stack, live.resource, self.stack.session)

    def _making(self, live: Live, resource: Resource) -> Context:
        """The same for a creation, which tells a physical ID before it is over."""
        context = self.engine.context(self.stack, resource, self.stack.session)
        return replace(context, took=lambda physical_id: setattr(live, "physical_id", physical_id))

    def _stack_tags(self) -> dict[str, str]:
        return dict(self.stack.request.tags) if self.stack.request is not None else {}

    def _fault(self, live: Live, action: str) -> None:
        why = self.engine.fault(self.stack.name, live.logical_id, live.type, action)
        if why:
            raise Failure(why)

    def _took(self, live: Live, made: Made) -> None:
        live.physical_id, live.attributes = made.physical_id, made.attributes

    def _forget(self, live: Live, replaced: bool) -> None:
        if not replaced and self.stack.live.get(live.logical_id) is live:
            del self.stack.live[live.logical_id]
            self.stack.deleted_live[live.logical_id] = live

    def _failed(self, live: Live, status: str, problem: Exception, done: Done) -> None:
        why = problem.findings[0].what if isinstance(problem, HermesError) else reason(problem)
        if not isinstance(problem, _KNOWN):
            log.error("%s %s", live.type, live.logical_id, exc_info=problem)
            why = f'Resource handler returned message: "{type(problem).__name__}: {problem}" (HandlerErrorCode: InternalFailure)'
        self._mark(live, status, why)
        done(live.reason)

    def _mark(self, live: Live, status: str, why: str = "") -> None:
        properties = json.dumps(live.resource.properties, default=str) if live.resource.properties else ""
        why, properties = (self.engine.masked(self.stack, words) for words in (why, properties))
        self.stack.mark(self.engine.clock.now(), live, status, why, properties)

    def _create_s(self, resource_type: str) -> float:
        row = kind(resource_type)
        return row.create_s if row else DEFAULT_CREATE_S


def unknown_reason(value: Any) -> str:
    """Why a value cannot be given, in CloudFormation's words."""
    if isinstance(value, Unknown):
        kind, _, name = value.reason.rpartition(" ")
        if kind == "SSM parameter":
            return f"Parameters: [ssm:{name}] cannot be found."
        return f"No export named {name} found" if kind == "export" else f"Unresolved: {value.reason}"
    inner = value.values() if isinstance(value, Mapping) else value
    return next(unknown_reason(item) for item in inner if has_unknown(item))


def _signals(resource: Resource) -> tuple[int, float]:
    """How many signals a creation policy asks for, and within how many seconds."""
    policy = resource.creation_policy.get("ResourceSignal")
    if policy is None:
        return 0, 0.0
    match = _DURATION.fullmatch(str(policy.get("Timeout", "PT5M")))
    days, hours, minutes, seconds = (int(part or 0) for part in match.groups()) if match else (0, 0, 5, 0)
    return int(policy.get("Count", 1)), float(days * 86400 + hours * 3600 + minutes * 60 + seconds)


def _percent(resource: Resource) -> int:
    policy = resource.creation_policy.get("AutoScalingCreationPolicy") or {}
    return int(policy.get("MinSuccessfulInstancesPercent", 100))
