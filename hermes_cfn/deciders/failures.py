"""What failed, whose fault it is, and what a rollout does about it.

Theory
------
A failure is the release's, a dependency's or the machine's (:class:`hermes_cfn.instance.report.Fault`).  Only a
machine's fault replaces a machine.  A release's fault stops: another machine would fail in the same way.  A
dependency's has been waited for on the instance already, where it is tried again for a stated time; what still fails
then stops, and the same command goes on later.

Where it is unclear, because an application did not answer, it is the machine's on the way back when the release answers
on another instance or was verified before, and even then nobody who serves is ended: nothing is ended on doubt.  On
the way forward it is the release's, which has yet to prove itself.

:data:`VERDICTS` holds on both ways.  What serves and has a bad machine is ended only while enough others serve, and one
more is started first where there are none (:func:`relief`).  What fails everywhere at once is no machine's fault, and
neither is what fails again and again: :func:`bound` says how many are replaced.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from hermes_cfn.deciders.actions import Action, Ending, Launch, Stop, Terminate, Wait
from hermes_cfn.deciders.observed import Instance, Lifecycle, Progress, Target
from hermes_cfn.deciders.view import View, stop
from hermes_cfn.instance.report import Fault


class Verdict(StrEnum):
    """What becomes of an instance that failed."""

    STOP = "the rollout stops, the instance stays"
    REPLACE = "it is replaced"
    IN_TURN = "it is replaced while enough others serve; if none may be away, one more is started first"


VERDICTS: Mapping[tuple[Fault, bool], Verdict] = {
    (Fault.RELEASE, True): Verdict.STOP,
    (Fault.RELEASE, False): Verdict.STOP,
    (Fault.DEPENDENCY, True): Verdict.STOP,
    (Fault.DEPENDENCY, False): Verdict.STOP,
    (Fault.UNCLEAR, True): Verdict.STOP,
    (Fault.UNCLEAR, False): Verdict.REPLACE,
    (Fault.MACHINE, True): Verdict.IN_TURN,
    (Fault.MACHINE, False): Verdict.REPLACE,
}
"""(whose fault, whether it serves) -> what becomes of it."""


ENDINGS: Mapping[Ending, tuple[str, str]] = {
    Ending.FAILED: (
        "it failed",
        "by the table of faults below; forward at most half of the fleet, back at most as many as it has",
    ),
    Ending.MACHINE_ENDED: ("its machine ended in standby, where Auto Scaling does not look", "never serves"),
    Ending.NO_ROOM: ("it is ready, and the group is at its maximum", "never serves"),
    Ending.SURPLUS: ("a surge started one more", "serves; as many as are wanted serve without it"),
    Ending.OUTDATED: ("its launch template version is an older one", "serves; in its turn, while enough others serve"),
}
"""Rule -> when it ends an instance, and whether that serves; the rules of Auto Scaling itself are not ours."""


@dataclass(frozen=True, slots=True)
class Failure:
    """What an instance failed at, in words, and whose fault it is.

    ``passing``: it may become well again by itself, as a target that is unhealthy may.
    """

    instance: Instance
    what: str
    fault: Fault
    passing: bool = False

    @property
    def serves(self) -> bool:
        """It serves, or may serve by the time that something is done about it."""
        return self.instance.lifecycle is Lifecycle.IN_SERVICE and self.instance.target in {
            Target.HEALTHY,
            Target.INITIAL,
        }


def failure(view: View, instance: Instance) -> Failure | None:
    """How this instance failed the rollout, or None.

    A report that is older than its document's end says nothing yet, and what is to be replaced anyway proves nothing.  On the way back an instance that runs something
    else again, because its timer or a hand brought that, is not failed: it is deployed to again.
    """
    for task in ("prepare", "deploy", "confirm"):
        attempt = view.attempt(instance, task)
        proves = task != "confirm" or view.on_goal(instance)
        if proves and attempt is not None and attempt.progress is Progress.FAILED:
            return Failure(instance, f"{task} failed{': ' + attempt.detail if attempt.detail else ''}", attempt.fault)
    if instance.restarted and view.on_goal(instance) and not view.want.back:
        return Failure(instance, "its container ended by itself and was started again", Fault.RELEASE)
    deployed = view.attempt(instance, "deploy")
    went_back = deployed is not None and deployed.progress is Progress.OK and not view.on_goal(instance)
    if went_back and not (view.want.back or view.switching(instance) or instance.release is None):
        return Failure(instance, f"went back to release {instance.release} by itself", Fault.UNCLEAR)
    unhealthy = instance.lifecycle is Lifecycle.IN_SERVICE and instance.target is Target.UNHEALTHY
    if unhealthy and view.on_goal(instance) and (instance.armed or view.want.back):
        return Failure(instance, "is unhealthy behind the load balancer", Fault.UNCLEAR, passing=True)
    return None


def verdict(view: View, failed: Failure) -> Verdict:
    """What becomes of it."""
    proven = view.want.back and (view.want.proven or _answers_elsewhere(view, failed.instance))
    if failed.fault is Fault.UNCLEAR and not proven:
        return VERDICTS[Fault.RELEASE, failed.serves]
    return VERDICTS[failed.fault, failed.serves]


def _answers_elsewhere(view: View, instance: Instance) -> bool:
    return any(other.up and view.on_goal(other) for other in view.members if other.id != instance.id)


def bound(view: View) -> int:
    """How many a rollout replaces at most: more do not fail by chance, and a new release gets less credit."""
    return view.want.size if view.want.back else (view.want.size + 1) // 2


def failed(view: View) -> tuple[Action, ...]:
    """:data:`VERDICTS` says what becomes of what failed; nothing while somebody waits for a turn, or an alarm is what stops."""
    found = failures(view)
    if not found:
        return ()
    if view.want.back and _everywhere(view, found):
        return (Wait("no instance is healthy, whatever it runs: what they all depend on may be away"),)
    verdicts = {one.instance.id: verdict(view, one) for one in found}
    common = not view.want.back and 1 < len(view.members) == len(found)
    if Verdict.STOP in verdicts.values() or common or view.fleet.replaced >= bound(view) or _helpless(view, verdicts):
        return (stopped(view, found),)
    if view.fleet.alarms and not view.want.back:
        return ()
    spare = view.up - _kept(view)
    over = len(view.members) - view.wanted_members
    over = min(over, view.fleet.started) if view.want.scaled else over
    leave: list[Action] = []
    for one in found:
        if verdicts[one.instance.id] is Verdict.REPLACE or spare > 0:
            spare -= one.instance.up
            surplus = over > 0 and one.instance.lifecycle is Lifecycle.IN_SERVICE
            over -= surplus
            leave.append(Terminate(one.instance.id, decrement=surplus, rule=Ending.FAILED, why=one.what))
    return tuple(leave)


def failures(view: View) -> list[Failure]:
    """Everybody who failed."""
    return [one for instance in view.members if (one := failure(view, instance))]


def _kept(view: View) -> int:
    """So many go on serving while a bad machine is replaced: never none, whatever the strategy interrupts on purpose."""
    return max(view.floor, 1)


def _helpless(view: View, verdicts: Mapping[str, Verdict]) -> bool:
    """Somebody waits for a turn that never comes: nobody may be away, and the group may have no more."""
    return Verdict.IN_TURN in verdicts.values() and _kept(view) >= view.want.size >= view.group.maximum


def relief(view: View) -> tuple[Action, ...]:
    """One more, for a bad machine that serves and may not be away; only once nobody else is on the way."""
    waiting = any(one.fault is Fault.MACHINE and one.instance.up for one in failures(view))
    alone = waiting and view.up <= _kept(view) and view.settled
    if not alone or len(view.members) > view.up or view.group.desired >= view.group.maximum:
        return ()
    if view.want.scaled:
        return (Launch(view.group.desired + 1, view.room[0], 1),)
    return (Launch(view.group.desired + 1),)


def stopped(view: View, found: list[Failure]) -> Stop:
    """The end of a rollout for these failures."""
    what = "; ".join(f"{one.instance.id} {one.what}" for one in found)
    evidence = "; ".join(one.instance.detail for one in found if one.instance.detail)
    return stop(view, "rollout-instance-failed", tuple(one.instance for one in found), what, evidence)


def _everywhere(view: View, found: list[Failure]) -> bool:
    """Nobody is healthy, not even where nothing was done, and nobody says that it failed: replacing would not help.

    Believed for half the patience.
    """
    return all(one.passing for one in found) and not view.up and view.fleet.still_s <= view.want.patience_s / 2
