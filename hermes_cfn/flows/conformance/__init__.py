"""What a cloud must do so that a deployer may rely on it: cases that run against any endpoint, a real account too.

A case creates what it needs under :data:`PREFIX` and nothing else; whatever happens, :func:`clean` takes it away again, in
this run or in a later one.  A case that AWS does not document only *learns*: it has no right answer, and what happened is told.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from enum import Enum
from typing import Any

from hermes_cfn.aws.calls import AwsError, Calls
from hermes_cfn.aws.clients import AwsClients
from hermes_cfn.clock import Clock
from hermes_cfn.errors import HermesError

PREFIX = "hermes-conformance-"
"""How every stack begins that a case makes, and every name in it: what a run that was killed leaves is found by it."""

TAG = "hermes:conformance"
AT_MOST_S = 300.0
"""Seconds that one case waits for something at most."""


class Outcome(Enum):
    """How a case ended."""

    PASSED = "passed"
    FAILED = "failed"
    LEARNED = "learned"


class Differs(Exception):
    """The cloud did something else than the page says."""


@dataclass(frozen=True, slots=True)
class Case:
    """One thing that the page (AWS's documentation) says; ``run`` raises Differs, and returns what was learned, if anything.

    ``usd`` is what it costs at most on AWS, in dollars.
    """

    name: str
    page: str
    run: Callable[[World], str | None]
    usd: Decimal = Decimal(0)
    creates: str = ""


@dataclass(frozen=True, slots=True)
class Result:
    """What became of a case: ``said`` is what differed or was learned, without account numbers and secrets."""

    case: Case
    outcome: Outcome
    said: str = ""


@dataclass
class World:
    """The cloud under test, as one case sees it."""

    clients: AwsClients
    clock: Clock
    name: str = field(default_factory=lambda: PREFIX + secrets.token_hex(4))

    def calls(self, service: str) -> Calls:
        return self.clients.calls(service)

    def stack(self, name: str = "") -> dict[str, Any]:
        return dict(self.calls("cloudformation").describe_stacks(StackName=name or self.name)["Stacks"][0])

    def status(self, name: str = "") -> str:
        """The stack's status; DELETE_COMPLETE when it is not there."""
        try:
            return str(self.stack(name)["StackStatus"])
        except AwsError as error:
            if error.code == "ValidationError":
                return "DELETE_COMPLETE"
            raise

    def until(self, ask: Callable[[], Any], wanted: Callable[[Any], bool]) -> Any:
        """The first answer that is wanted.  Raises Differs when it does not come."""
        waited = 0.0
        while True:
            found = ask()
            if wanted(found):
                return found
            if waited > AT_MOST_S:
                raise Differs(f"still {found} after {AT_MOST_S:.0f} s")
            pause = min(5.0, 0.2 + waited / 5)
            self.clock.sleep(pause)
            waited += pause

    def rests(self, name: str = "") -> str:
        """The status in which the stack comes to rest."""
        return str(self.until(lambda: self.status(name), lambda found: not found.endswith("_IN_PROGRESS")))

    def change_set(self, template: str, kind: str, change_set: str = "one", **more: Any) -> dict[str, Any]:
        """Has a change set made, and its description when it rests."""
        cloudformation = self.calls("cloudformation")
        cloudformation.create_change_set(
            StackName=self.name,
            ChangeSetName=change_set,
            ChangeSetType=kind,
            TemplateBody=template,
            Tags=[{"Key": TAG, "Value": self.name}],
            **more,
        )
        return dict(
            self.until(
                lambda: cloudformation.describe_change_set(StackName=self.name, ChangeSetName=change_set),
                lambda found: found["Status"] in ("CREATE_COMPLETE", "FAILED"),
            )
        )

    def bring(self, template: str, kind: str, change_set: str = "one", **more: Any) -> str:
        """Makes a change set and executes it: the status in which the stack rests."""
        made = self.change_set(template, kind, change_set, **more)
        if made["Status"] == "FAILED":
            raise Differs(f"the change set failed: {made.get('StatusReason', '')}")
        before = self.stack().get("LastUpdatedTime"), self.status()
        self.calls("cloudformation").execute_change_set(StackName=self.name, ChangeSetName=change_set)
        self.until(
            lambda: (
                self.stack().get("LastUpdatedTime") if self.status() != "DELETE_COMPLETE" else None,
                self.status(),
            ),
            lambda found: found != before and found[1] != "REVIEW_IN_PROGRESS",
        )
        return self.rests()

    def expect(self, what: str, found: Any, wanted: Any) -> None:
        if found != wanted:
            raise Differs(f"{what}: {found!r}, not {wanted!r}")

    def refused(self, call: Callable[..., Any], **given: Any) -> AwsError:
        """The refusal of a call.  Raises Differs when there is none."""
        try:
            call(**given)
        except AwsError as error:
            return error
        raise Differs("the call was not refused")


def run(clients: AwsClients, clock: Clock, cases: Sequence[Case]) -> Iterator[Result]:
    """Every case, one after the other; each cleans up behind itself, also when it is interrupted."""
    for case in cases:
        world = World(clients, clock)
        try:
            learned = case.run(world)
            yield Result(case, Outcome.LEARNED if learned else Outcome.PASSED, hidden(learned or ""))
        except Differs as differs:
            yield Result(case, Outcome.FAILED, hidden(str(differs)))
        except HermesError as error:
            yield Result(case, Outcome.FAILED, hidden(str(error)))
        except Exception as problem:  # a cloud under test may answer anything
            yield Result(case, Outcome.FAILED, hidden(f"the answer cannot be read: {type(problem).__name__}"))
        finally:
            clean(clients, clock, world.name)


def left(clients: AwsClients, prefix: str = PREFIX) -> list[str]:
    """Stacks, parameters and documents of runs that were cut off."""
    found = []
    cloudformation, ssm = clients.calls("cloudformation"), clients.calls("ssm")
    for stack in cloudformation.pages("describe_stacks", "Stacks"):
        if stack["StackName"].startswith(prefix) and stack["StackStatus"] != "DELETE_COMPLETE":
            found.append(f"stack {stack['StackName']}")
    for parameter in ssm.pages("describe_parameters", "Parameters"):
        if parameter["Name"].startswith(prefix):
            found.append(f"parameter {parameter['Name']}")
    for document in ssm.pages("list_documents", "DocumentIdentifiers", Filters=[{"Key": "Owner", "Values": ["Self"]}]):
        if document["Name"].startswith(prefix):
            found.append(f"document {document['Name']}")
    return found


def clean(clients: AwsClients, clock: Clock, prefix: str = PREFIX) -> list[str]:
    """Takes away what cases made under ``prefix``; what could not be taken away."""
    cloudformation, ssm = clients.calls("cloudformation"), clients.calls("ssm")
    world = World(clients, clock)
    for item in _listed(clients, prefix):
        kind, _, name = item.partition(" ")
        try:
            if kind == "stack":
                cloudformation.update_termination_protection(StackName=name, EnableTerminationProtection=False)
                cloudformation.delete_stack(StackName=name)
                world.rests(name)
            elif kind == "parameter":
                ssm.delete_parameter(Name=name)
            else:
                ssm.delete_document(Name=name)
        except Exception:  # noqa: S112 - what stays is listed
            continue
    return _listed(clients, prefix)


def _listed(clients: AwsClients, prefix: str) -> list[str]:
    try:
        return left(clients, prefix)
    except Exception:  # a cloud that cannot list what it has
        return []


def hidden(text: str) -> str:
    """``text`` without account numbers, keys and the run's own names, so that two runs say the same."""
    text = re.sub(r"\b\d{12}\b", "ACCOUNT", text)
    text = re.sub(r"\b(AKIA|ASIA)[A-Z0-9]{12,}\b", "KEY", text)
    text = re.sub(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "ID", text)
    return re.sub(PREFIX + "[0-9a-f]{8}", PREFIX + "NAME", text)
