"""Doing it: create, update, roll back and delete, each resource after those it needs.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/view-stack-events.html
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-updating-stacks-update-behaviors.html
"""

from __future__ import annotations

import copy
import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from hermes_cfn.cfn.intrinsics import active_resources, has_unknown, outputs
from hermes_cfn.cfn.refusal import invalid
from hermes_cfn.cfn.template import dependencies
from hermes_cfn.errors import HermesError
from hermes_cfn.local.cloudformation.engine import Engine
from hermes_cfn.local.cloudformation.graph import Done, Graph
from hermes_cfn.local.cloudformation.limits import Limits
from hermes_cfn.local.cloudformation.model import Live, Request, Stack, exports_of
from hermes_cfn.local.cloudformation.steps import Steps, unknown_reason

log = logging.getLogger("hermes.local")


@dataclass
class Undo:
    """What an update did, so that it can be taken back.

    ``before`` is what was asked for before.  ``changed`` are resources as they were, ``made``
    are new ones, ``replaced`` old physical resources whose replacement stands.
    """

    before: Request
    outputs: dict[str, dict[str, Any]]
    changed: dict[str, Live] = field(default_factory=dict)
    made: list[str] = field(default_factory=list)
    replaced: dict[str, Live] = field(default_factory=dict)
    failed: set[str] = field(default_factory=set)


class Operation:
    """One thing that happens to one stack."""

    running: Graph

    def __init__(self, engine: Engine, stack: Stack) -> None:
        self.engine = engine
        self.stack = stack
        self.steps = Steps(engine, stack)
        self.limits = Limits(engine, stack, lambda why: self.running.fail("", why))
        stack.operation = self

    def now(self) -> Any:
        return self.engine.clock.now()

    def waits(self, request: Request, names: Iterable[str]) -> dict[str, frozenset[str]]:
        """For each of ``names`` those among them that it needs."""
        chosen = set(names)
        needs = dependencies(request.template)
        return {name: needs.get(name, frozenset()) & chosen for name in names}

    def reverse(self, request: Request, names: Iterable[str]) -> dict[str, frozenset[str]]:
        """For each of ``names`` those among them that need it."""
        forward = self.waits(request, names)
        return {name: frozenset(other for other, needs in forward.items() if name in needs) for name in forward}

    kind = "UPDATE_STACK"
    """Its OperationType (API_OperationEvent)."""

    def begin(self, status: str, reason: str = "User Initiated") -> None:
        self.engine.scheduler.begin()
        self.stack.begin(self.kind, self.now())
        self.stack.enter(self.now(), status, reason)

    def graph(
        self,
        waits: Mapping[str, frozenset[str]],
        step: Callable[[str, Done], None],
        ended: Callable[[Mapping[str, str]], None],
        carry_on: bool = False,
    ) -> Graph:
        """A graph in which a fault inside fails a resource, or the stack, and leaves nothing in progress for ever."""

        def begun(name: str, done: Done) -> None:
            try:
                step(name, done)
            except Exception as problem:
                self.steps.broke(name, problem, done)

        def over(failures: Mapping[str, str]) -> None:
            try:
                ended(failures)
            except Exception as problem:
                log.exception("%s", self.stack.name)
                self.finish(_BROKEN.get(self.stack.status, self.stack.status), f"Internal Failure: {problem}")

        made = Graph(waits, begun, over, self.steps.cancel, carry_on)
        self.steps.others = made.others
        return made

    def launch(self, graph: Graph) -> None:
        """Start a graph from the scheduler, never from the caller's request."""
        self.engine.scheduler.after(0, graph.go)

    def finish(self, status: str, reason: str = "") -> None:
        self.stack.operation = None
        self.stack.update_policy = None
        for found in self.stack.change_sets.values():
            if found.execution == "EXECUTE_IN_PROGRESS":
                well = status in ("CREATE_COMPLETE", "UPDATE_COMPLETE", "IMPORT_COMPLETE")
                found.execution = "EXECUTE_COMPLETE" if well else "EXECUTE_FAILED"
        self.stack.enter(self.now(), status, reason)
        self.stack.end(self.now(), well=status.endswith("_COMPLETE"))

    def named(self, failures: Mapping[str, str], verb: str) -> str:
        """The reason of a stack: those of its resources that have an event of failure, by what was tried."""
        words = []
        for tried in ("create", "update", "delete"):
            live = self.stack.live
            hit = [n for n in failures if n in live and live[n].status == f"{tried.upper()}_FAILED"]
            if hit:
                words.append(f"The following resource(s) failed to {tried}: {_list(hit)}.")
        named = [name for name in failures if name]
        if "" in failures and named:
            words.insert(0, failures[""])
        if words:
            return " ".join(words)
        return (
            f"The following resource(s) failed to {verb}: {_list(named)}." if named else next(iter(failures.values()))
        )

    def make_outputs(self) -> None:
        request = self.stack.request
        if request is None:
            return
        scope = self.engine.scope(self.stack, request)
        made = outputs(request.template, scope)
        unknown = next((output for output in made.values() if has_unknown(output)), None)
        if unknown is not None:
            raise invalid(unknown_reason(unknown))
        self.stack.outputs = made


_BROKEN = {
    "CREATE_IN_PROGRESS": "CREATE_FAILED",
    "IMPORT_IN_PROGRESS": "IMPORT_ROLLBACK_FAILED",
    "UPDATE_IN_PROGRESS": "UPDATE_FAILED",
    "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS": "UPDATE_COMPLETE",
    "ROLLBACK_IN_PROGRESS": "ROLLBACK_FAILED",
    "UPDATE_ROLLBACK_IN_PROGRESS": "UPDATE_ROLLBACK_FAILED",
    "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS": "UPDATE_ROLLBACK_COMPLETE",
    "DELETE_IN_PROGRESS": "DELETE_FAILED",
}
"""What a status becomes when the engine itself fails."""


def _why(problem: Exception) -> str:
    """What a template says that cannot be evaluated, or what failed inside."""
    if isinstance(problem, HermesError):
        return problem.findings[0].what
    log.error("cloudformation", exc_info=problem)
    return f"Internal Failure: {type(problem).__name__}: {problem}"


def _list(names: Iterable[str]) -> str:
    return f"[{', '.join(sorted(names))}]"


class Create(Operation):
    """A new stack; ``imports`` are physical IDs that are taken over, by logical ID."""

    kind = "CREATE_STACK"

    def run(self, request: Request, imports: Mapping[str, str]) -> None:
        self.stack.request = request
        self.imports = imports
        self.word = "IMPORT" if imports and set(imports) == set(request.template.resources) else "CREATE"
        self.begin(f"{self.word}_IN_PROGRESS")
        try:
            resources = active_resources(request.template, self.engine.scope(self.stack, request))
        except Exception as error:
            failed = {"": _why(error)}
            self.engine.scheduler.after(0, lambda: self.ended(failed))
            return
        self.running = self.graph(self.waits(request, resources), self.step, self.ended)
        self.limits.watch(request, creates=True)
        self.launch(self.running)

    def step(self, name: str, done: Callable[[str | None], None]) -> None:
        assert self.stack.request is not None
        raw = self.stack.request.template.resources[name]
        if name in self.imports:
            self.steps.adopt(raw, self.imports[name], done)
        else:
            self.steps.create(raw, done)

    def ended(self, failures: Mapping[str, str]) -> None:
        stack, request = self.stack, self.stack.request
        assert request is not None
        if not failures:
            try:
                self.make_outputs()
                self.engine.check_exports(stack)
                return self.limits.afterwards(request, self.watched)
            except Exception as error:
                failures = {"": _why(error)}
        return self.failed(failures)

    def watched(self, why: str) -> None:
        if why:
            return self.failed({"": why})
        return self.finish(f"{self.word}_COMPLETE")

    def failed(self, failures: Mapping[str, str]) -> None:
        stack, request = self.stack, self.stack.request
        assert request is not None
        self.limits.end()
        stack.outputs = {}
        why = self.named(failures, "create")
        if request.on_failure == "DO_NOTHING":
            return self.finish(f"{self.word}_FAILED", why)
        if request.on_failure == "DELETE":
            return Delete(self.engine, stack).run(why + " Delete requested by user.")
        return Rollback(self.engine, stack).run(f"{why} Rollback requested by user.")


class Rollback(Operation):
    """After a failed creation: delete everything in reverse."""

    kind = "ROLLBACK"

    def run(self, reason: str) -> None:
        request = self.stack.request
        assert request is not None
        self.begin("ROLLBACK_IN_PROGRESS", reason)
        self.launch(self.graph(self.reverse(request, self.stack.live), self.step, self.ended, carry_on=True))

    def step(self, name: str, done: Callable[[str | None], None]) -> None:
        live = self.stack.live[name]
        kept = live.resource.deletion_policy == "Retain" or live.status.startswith("IMPORT")
        request = self.stack.request
        if request is not None and request.retain_except_on_create and not live.status.startswith("IMPORT"):
            kept = False
        self.steps.delete(live, done, keep=kept)

    def ended(self, failures: Mapping[str, str]) -> None:
        if failures:
            self.finish("ROLLBACK_FAILED", f"The following resource(s) failed to delete: {_list(failures)}.")
        else:
            self.finish("ROLLBACK_COMPLETE")


class Delete(Operation):
    """A stack goes, in reverse; ``retain`` are logical IDs to leave."""

    kind = "DELETE_STACK"

    def run(self, reason: str = "User Initiated", retain: frozenset[str] = frozenset(), force: bool = False) -> None:
        self.retain, self.force = retain, force
        self.begin("DELETE_IN_PROGRESS", reason)
        request = self.stack.request
        if request is None or not self.stack.live:
            self.engine.scheduler.after(0, lambda: self.ended({}))
            return
        self.launch(self.graph(self.reverse(request, self.stack.live), self.step, self.ended, carry_on=True))

    def step(self, name: str, done: Callable[[str | None], None]) -> None:
        live = self.stack.live[name]
        keep = live.resource.deletion_policy in ("Retain", "RetainExceptOnCreate") or name in self.retain
        self.steps.delete(live, done, keep=keep)

    def ended(self, failures: Mapping[str, str]) -> None:
        if failures and not self.force:
            self.finish("DELETE_FAILED", f"The following resource(s) failed to delete: {_list(failures)}. ")
            return
        self.stack.deleted = self.now()
        self.stack.outputs = {}
        self.finish("DELETE_COMPLETE")


class Update(Operation):
    """From what is deployed to what is asked for."""

    def run(self, request: Request, imports: Mapping[str, str]) -> None:
        stack = self.stack
        assert stack.request is not None
        self.before, self.imports = stack.request, imports
        self.word = (
            "IMPORT" if imports and set(imports) >= set(request.template.resources) - set(stack.live) else "UPDATE"
        )
        self.undo = Undo(self.before, dict(stack.outputs))
        self.cancelled = False
        stack.undo, stack.request = self.undo, request
        stack.updated = self.now()
        self.begin(f"{self.word}_IN_PROGRESS")
        try:
            self.wanted = active_resources(request.template, self.engine.scope(stack, request))
        except Exception as error:
            self.wanted = {}
            failed = {"": _why(error)}
            self.engine.scheduler.after(0, lambda: self.ended(failed))
            return
        refused = self.protected()
        if refused:
            self.engine.scheduler.after(0, lambda: self.ended(refused))
            return
        self.running = self.graph(self.waits(request, self.wanted), self.step, self.ended)
        self.limits.watch(request, creates=False)
        self.launch(self.running)

    def protected(self) -> dict[str, str]:
        """Resources that would go although the stack policy keeps them, with the reasons."""
        refused: dict[str, str] = {}
        for name, live in self.stack.live.items():
            why = self.steps.denied(live.resource, "Update:Delete") if name not in self.wanted else ""
            if why:
                self.undo.changed[name] = copy.copy(live)
                self.steps.refuse(live, why)
                refused[name] = why
        return refused

    def step(self, name: str, done: Callable[[str | None], None]) -> None:
        stack = self.stack
        assert stack.request is not None
        raw = stack.request.template.resources[name]
        if name in self.imports:
            self.undo.made.append(name)
            self.steps.adopt(raw, self.imports[name], done)
        elif name not in stack.live or (
            stack.live[name].status == "CREATE_FAILED" and not stack.live[name].physical_id
        ):
            self.undo.made.append(name)
            self.steps.create(raw, done)
        else:
            self.steps.change(raw, self.undo, done)

    def cancel(self) -> None:
        """CancelUpdateStack: what runs is cancelled, and everything is taken back."""
        self.running.fail("", "Update cancelled by user")

    def ended(self, failures: Mapping[str, str]) -> None:
        stack, request = self.stack, self.stack.request
        assert request is not None
        if not failures:
            try:
                self.make_outputs()
                self.engine.check_exports(stack)
                self.engine.check_imports(stack, exports_of(self.undo.outputs))
            except Exception as error:
                failures = {"": _why(error)}
        if failures:
            return self.failed(failures)
        return self.limits.afterwards(request, self.watched)

    def watched(self, why: str) -> None:
        if why:
            return self.failed({"": why})
        if self.word == "IMPORT":
            return self.finish("IMPORT_COMPLETE")
        return self.clean()

    def failed(self, failures: Mapping[str, str]) -> None:
        request = self.stack.request
        assert request is not None
        self.limits.end()
        why = self.named(failures, "update")
        if request.on_failure == "DO_NOTHING":
            return self.finish("UPDATE_FAILED", why)
        return UpdateRollback(self.engine, self.stack).run(why)

    def clean(self) -> None:
        stack = self.stack
        removed = {name: live for name, live in stack.live.items() if name not in self.wanted}
        stack.enter(self.now(), "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS")
        self.left = {**removed, **self.undo.replaced}
        self.launch(self.graph(self.reverse(self.before, self.left), self.clean_step, self.cleaned, carry_on=True))

    def clean_step(self, name: str, done: Callable[[str | None], None]) -> None:
        live = self.left[name]
        if name in self.undo.replaced:
            kept = live.resource.update_replace_policy == "Retain"
        else:
            kept = live.resource.deletion_policy in ("Retain", "RetainExceptOnCreate")
        self.steps.delete(live, done, keep=kept, replaced=name in self.undo.replaced)

    def cleaned(self, failures: Mapping[str, str]) -> None:
        self.stack.undo = None
        for name in failures:
            if name not in self.undo.replaced:
                self.stack.live.pop(name, None)
        more = "Update successful. One or more resources could not be deleted." if failures else ""
        self.finish("UPDATE_COMPLETE", more)


class UpdateRollback(Operation):
    """Back to what was there before the update."""

    kind = "ROLLBACK"

    def run(self, reason: str, skip: frozenset[str] = frozenset(), goes_on: bool = False) -> None:
        stack = self.stack
        self.kind = "CONTINUE_ROLLBACK" if goes_on else self.kind
        self.undo: Undo = stack.undo
        stack.request = self.undo.before
        self.skip = skip
        self.begin("UPDATE_ROLLBACK_IN_PROGRESS", reason)
        names = [name for name in self.undo.changed if name in stack.live]
        self.launch(self.graph(self.waits(self.undo.before, names), self.step, self.ended, carry_on=True))

    def step(self, name: str, done: Callable[[str | None], None]) -> None:
        live, old = self.stack.live[name], self.undo.changed[name]
        if name in self.skip:
            self.steps.skip(live, old, done)
        elif name in self.undo.replaced:
            self.steps.restore(live, old, self.undo, done)
        else:
            self.steps.change_back(live, old, done)

    def ended(self, failures: Mapping[str, str]) -> None:
        if failures:
            self.undo.failed = set(failures)
            for name in set(self.undo.changed) - set(failures) - set(self.undo.replaced):
                del self.undo.changed[name]
            why = f"The following resource(s) failed to update: {_list(failures)}."
            return self.finish("UPDATE_ROLLBACK_FAILED", why)
        stack = self.stack
        stack.outputs = self.undo.outputs
        stack.enter(self.now(), "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS")
        self.left = {name: stack.live[name] for name in self.undo.made if name in stack.live}
        self.left.update(self.undo.replaced)
        waits: dict[str, frozenset[str]] = {name: frozenset() for name in self.left}
        return self.launch(self.graph(self.ordered(waits), self.clean_step, self.cleaned, carry_on=True))

    def ordered(self, waits: dict[str, frozenset[str]]) -> dict[str, frozenset[str]]:
        """Newest first: what was made last may need what was made before."""
        names = [name for name in [*self.undo.made, *self.undo.replaced] if name in waits]
        return {name: frozenset(names[index + 1 :]) for index, name in enumerate(names)}

    def clean_step(self, name: str, done: Callable[[str | None], None]) -> None:
        self.steps.delete(
            self.left[name], done, keep=self.left[name].status.startswith("IMPORT"), replaced=name in self.undo.replaced
        )

    def cleaned(self, failures: Mapping[str, str]) -> None:
        for name in self.undo.made:
            self.stack.live.pop(name, None)
        self.stack.undo = None
        self.finish("UPDATE_ROLLBACK_COMPLETE")
