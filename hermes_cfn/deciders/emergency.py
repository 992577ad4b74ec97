"""An emergency: everything back at once, in service; for when every second of the running release does harm."""

from __future__ import annotations

from hermes_cfn.deciders.actions import Action, Done, ExitStandby, Resume, Suspend
from hermes_cfn.deciders.observed import Fleet, Instance, Lifecycle, Progress
from hermes_cfn.deciders.rollout import stalled, waiting_for
from hermes_cfn.deciders.view import RolloutTarget, View, stop

IN_AN_EMERGENCY = ("AZRebalance", "ReplaceUnhealthy")


def decide_emergency(fleet: Fleet, want: RolloutTarget) -> tuple[Action, ...]:
    """Everything back to ``want.release`` at once, in service, without standby; what a rollout had taken out comes back.

    For when every second of the running release does harm.  Replacing unhealthy instances is
    suspended meanwhile, because all of them restart, and always resumed.
    """
    view = View(fleet, want)
    if not view.members:
        return (stop(view, "rollout-empty-fleet", (), "the group has no instances", ""),)
    room = max(0, view.group.maximum - view.group.desired)
    away = [
        i for i in view.members if not i.up and i.lifecycle is not Lifecycle.PENDING and (room or i not in view.out)
    ]
    if not away and all(view.on_goal(i) and not i.armed for i in view.members):
        if view.group.marked:
            return (Resume(tuple(sorted(view.group.marked))),)
        return (Done(f"{len(view.members)} instances on {want.release}"),)
    failed = tuple(i for i in view.members if "failed" in _emergency_failure(view, i))
    if failed and not any(view.running(i, "rollback") for i in view.members):
        what = "; ".join(f"{i.id} {_emergency_failure(view, i)}" for i in failed)
        return (stop(view, "rollout-instance-failed", failed, what, ""),)
    if still := stalled(view):
        return still
    missing = tuple(p for p in IN_AN_EMERGENCY if p not in view.group.suspended)
    if missing:
        return (Suspend(missing),)
    sent = view.send(
        "rollback",
        (
            i
            for i in view.members
            if i.lifecycle is not Lifecycle.PENDING
            and (not view.on_goal(i) or i.armed)
            and view.attempt(i, "rollback") is None
        ),
    )
    fit = tuple(i.id for i in view.out if view.on_goal(i))[:room]
    return (*sent, *((ExitStandby(fit),) if fit else ())) or (waiting_for(view),)


def _emergency_failure(view: View, instance: Instance) -> str:
    attempt = view.attempt(instance, "rollback")
    if attempt is None or attempt.progress is not Progress.FAILED:
        return ""
    return f"rollback failed{': ' + attempt.detail if attempt.detail else ''}"
