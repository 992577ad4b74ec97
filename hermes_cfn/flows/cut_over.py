"""A cut-over by the weights of two records in Route 53, one step after another, and back by itself where something is wrong.

The record of the new load balancer is the edge stack's (``edge.dns = "weighted"``); that of the old one was there before.
Where it was a simple record, it becomes a weighted one at the very moment in which the new one is made beside it: Route 53
carries out all of a change batch or nothing.  https://docs.aws.amazon.com/Route53/latest/APIReference/API_ChangeResourceRecordSets.html
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from hermes_cfn.aws.zones import Zones
from hermes_cfn.deciders import cut_over as decider
from hermes_cfn.deciders.observed import Target
from hermes_cfn.errors import Advice, ExitCode, Finding, HermesError, Severity, hermes
from hermes_cfn.events import Noted, StageEnded, StageStarted, Waiting
from hermes_cfn.flows.base.context import DeployContext
from hermes_cfn.flows.base.lease import LeaseHolder
from hermes_cfn.flows.base.loop import Story
from hermes_cfn.flows.fleet import verify
from hermes_cfn.flows.fleet.observer import group, not_deployed

LOOK_S = 15.0
"""Seconds of service time between two looks at the new one."""

OLD = "before-hermes-cfn"
"""The set identifier that a simple record of the old one gets."""

Record = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Records:
    """The two sides of a name: ``old`` are every record but our own, ``new`` is ours or None."""

    zone: str
    name: str
    old: tuple[Record, ...]
    new: Record | None

    @property
    def share(self) -> int:
        """Of the new one, 0 to 100, as resolvers divide."""
        mine = int(self.new.get("Weight", 0)) if self.new else 0
        theirs = sum(int(one.get("Weight", 1)) for one in self.old if one["Type"] == "A")
        return round(100 * mine / (mine + theirs)) if mine + theirs else 0


def records(context: DeployContext) -> Records:
    """What the name has now.  Raises HermesError ``cut-over-settings`` where the file does not say what it needs."""
    settings = context.settings
    if settings.edge.dns != "weighted":
        raise _refused(
            "cut-over-settings",
            "edge.dns",
            "a cut-over moves the weights of two records, and hermes.toml has no weighted one",
            'edge.dns = "weighted", edge.hosted_zone_id and edge.weight = 0; '
            + hermes("adopt", "look", "--state", "FILE")
            + " writes them",
        )
    zone, name = settings.edge.hosted_zone_id, settings.certificate.domain
    found = Zones(context.clients.calls("route53")).sets(zone, name)
    own = [one for one in found if one.get("SetIdentifier") == context.names.auto_scaling_group]
    return Records(zone, name, tuple(one for one in found if one not in own), own[0] if own else None)


def run(context: DeployContext, want: decider.Want) -> Story[None]:
    """Until the new one has everything, or nothing.

    Raises HermesError ``cut-over-back`` (exit code 6) where it was taken back, ``cut-over-unwell`` where it never began.
    """
    seen = records(context)
    if want.back:
        yield StageStarted(context.now, "cut over", f"{seen.name}: back to the old one")
    else:
        steps = ", ".join(f"{step} %" for step in want.steps if step > seen.share)
        yield StageStarted(
            context.now,
            "cut over",
            f"{seen.name}: {seen.share} % now; {steps}, {want.hold_s:g} s each",
            want.hold_s * len(want.steps),
        )
    if group(context) is None and not want.back:
        raise not_deployed(context)
    with LeaseHolder(context, f"cut over {seen.name}") as held:
        if not want.back:
            yield from _ready(context, seen)
        end = yield from _steps(context, held, want)
    yield from _ended(end, want, context)


def _ready(context: DeployContext, seen: Records) -> Iterator[Noted]:
    """Both records are there and weighted; a simple one of the old is made weighted beside ours."""
    others = [one for one in seen.old if one["Type"] == "AAAA"]
    plain = [one for one in seen.old if "SetIdentifier" not in one and one["Type"] != "AAAA"]
    if any("SetIdentifier" in one and "Weight" not in one for one in seen.old):
        raise _refused(
            "cut-over-policy",
            seen.name,
            "its records have another routing policy than weights",
            "make it a simple or a weighted record first",
        )
    if not [one for one in seen.old if one["Type"] == "A"] and not plain:
        raise _refused(
            "cut-over-nothing",
            seen.name,
            "no record of anything older leads anywhere: there is nothing to cut over from",
            "edge.weight = 100, and " + hermes("deploy"),
        )
    if any(one["Type"] == "CNAME" for one in plain):
        raise _refused(
            "cut-over-cname",
            seen.name,
            "it is a CNAME, and Route 53 has no other record beside one",
            "make it an alias record of type A for the old load balancer, in the old one's own tool; visitors do not notice",
        )
    if seen.new is None:
        raise _refused(
            "cut-over-record",
            seen.name,
            "the edge stack has not made its record yet",
            hermes("adopt", "prepare") + ", then " + hermes("deploy") + " with edge.weight = 0",
        )
    if others:
        yield Noted(context.now, Finding("cut-over-ipv6", seen.name, "a record of type AAAA stays as it is: visitors over IPv6 go on reaching the old one", next="take it away once the cut-over is over", severity=Severity.WARNING))  # fmt: skip


def prepare(context: DeployContext) -> Story[bool]:
    """A simple record of the old one becomes a weighted one with everything, so that a second can stand beside it.

    Whether there was one.  Visitors do not notice: the answer stays the same.
    """
    seen = records(context)
    plain = [one for one in seen.old if "SetIdentifier" not in one and one["Type"] == "A"]
    if not plain:
        return False
    changes = [("DELETE", one) for one in plain]
    changes += [("CREATE", {**one, "SetIdentifier": OLD, "Weight": 100}) for one in plain]
    Zones(context.clients.calls("route53")).change(seen.zone, changes, "weighted, for a cut-over by hermes-cfn")
    yield StageEnded(context.now, "cut over", f"{seen.name}: the old record is weighted now, with 100 %")
    return True


def undo(context: DeployContext) -> Story[None]:
    """The old record as it was before :func:`prepare`, once ours is away; nothing where it is simple already."""
    seen = records(context)
    mine = [one for one in seen.old if one.get("SetIdentifier") == OLD]
    if seen.new is not None or not mine:
        return
    changes = [("DELETE", one) for one in mine]
    changes += [
        ("CREATE", {key: value for key, value in one.items() if key not in ("SetIdentifier", "Weight")}) for one in mine
    ]
    Zones(context.clients.calls("route53")).change(seen.zone, changes, "simple again, by hermes-cfn")
    yield StageEnded(context.now, "cut over", f"{seen.name}: the old record is a simple one again")


def _steps(context: DeployContext, held: LeaseHolder, want: decider.Want) -> Story[decider.End]:
    alarms = set(context.clients.cloudwatch.firing(context.names.alarm("")))
    since, told, failed = context.now, -1, ""
    wrong: tuple[str, ...] = ()
    while True:
        held.guard()
        seen = records(context)
        if not want.back:
            wrong = (*wrong, _wrong(context, alarms))[-decider.DOUBTS :]
        held_s = (context.now - since).total_seconds()
        step = decider.decide(decider.Seen(seen.share, held_s, wrong), want)
        if isinstance(step, decider.End):
            return decider.End(step.share, failed or step.failed)
        if isinstance(step, decider.Move):
            if not want.back and step.share == 0:
                failed = step.why
                want = decider.Want(back=True)
            _move(context, seen, step.share)
            since, wrong = context.now, ()
            yield StageEnded(
                context.now,
                "cut over",
                f"{step.share} % to the new one, {100 - step.share} % to the old one ({step.why})",
            )
            continue
        if told != seen.share:
            told = seen.share
            yield Waiting(context.now, f"watches the new one at {seen.share} %", want.hold_s)
        context.clock.sleep(min(LOOK_S, max(step.left_s, 1.0)))


def _wrong(context: DeployContext, before: set[str]) -> str:
    """What is wrong with the new one at the moment, in words; empty where nothing is."""
    seen = group(context)
    healthy = 0
    for arn in seen.target_groups if seen else ():
        healthy += sum(one.health is Target.HEALTHY for one in context.clients.elb.health(arn).values())
    if not healthy:
        return "no target is healthy"
    firing = sorted(set(context.clients.cloudwatch.firing(context.names.alarm(""))) - before)
    if firing:
        return f"alarms fire: {', '.join(firing)}"
    refused = verify.through_load_balancer(context)
    return refused.what if refused else ""


def _move(context: DeployContext, seen: Records, share: int) -> None:
    """Both weights at one moment."""
    changes = [("UPSERT", {**one, "Weight": 100 - share}) for one in seen.old if "Weight" in one]
    changes += [("UPSERT", {**seen.new, "Weight": share})] if seen.new else []
    if changes:
        Zones(context.clients.calls("route53")).change(seen.zone, changes, f"{share} % by hermes-cfn")


def _ended(end: decider.End, want: decider.Want, context: DeployContext) -> Iterator[Noted]:
    if want.back:
        yield Noted(context.now, Finding("cut-over-undone", context.settings.certificate.domain, "everything goes to the old one again", next="edge.weight = 0 in hermes.toml, if it says more", severity=Severity.INFO))  # fmt: skip
        return
    if end.failed:
        begun = end.share == 0
        raise HermesError(
            Finding(
                "cut-over-back",
                context.settings.certificate.domain,
                "everything goes to the old one again" if begun else "it stopped",
                why=end.failed,
                next=hermes("doctor") + "; then the same command again",
            ),
            exit_code=ExitCode.ROLLED_BACK,
        )
    yield Noted(context.now, Finding("cut-over-done", context.settings.certificate.domain, f"{end.share} % go to the new one; the old one is still there, and adopt back brings it back", next=f"edge.weight = {end.share} in hermes.toml, then " + hermes("deploy") + "; " + hermes("adopt", "left", "--state", "FILE") + " lists what is left of the old one", severity=Severity.INFO))  # fmt: skip


def _refused(code: str, where: str, what: str, instead: str | Advice) -> HermesError:
    return HermesError(Finding(code, where, what, next=instead), exit_code=ExitCode.REFUSED)
