"""The Auto Scaling group and its instances beside what their stack says: what a hand, or a run that died, leaves behind."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from hermes_cfn.checks.observed import DesiredGroup, GroupLine, InstanceLine, Scheduled
from hermes_cfn.errors import Finding, Severity, hermes

NEEDED = {
    "Launch": "nothing that leaves is replaced, and no surplus comes",
    "Terminate": "nothing that is to be replaced leaves",
    "AddToLoadBalancer": "what comes back into service gets no requests",
}
"""Processes without which a rollout takes instances and gets none back, and why (Amazon EC2 Auto Scaling user guide,
"How suspended processes affect other processes")."""

_GROUP = "AWS::AutoScaling::AutoScalingGroup"
_RESUME = hermes("release", "--resume")


def wanted(template: Mapping[str, Any] | None, launches: str) -> DesiredGroup | None:
    """What a service template says of its group; None where it has none, or says it in other than plain numbers.

    ``launches``: the launch template and version that the stack made, empty where it does not tell.
    """
    resources = (template or {}).get("Resources", {}).values()
    for resource in resources:
        properties = resource.get("Properties", {})
        if resource["Type"] == _GROUP and "DesiredCapacity" not in properties:
            return _scaled(properties, resources, launches)
        sizes = [str(properties.get(key, "")) for key in ("MinSize", "DesiredCapacity", "MaxSize")]
        if resource["Type"] == _GROUP and all(size.isdigit() for size in sizes):
            minimum, desired, maximum = map(int, sizes)
            return DesiredGroup(minimum, desired, maximum, launches)
    return None


def _scaled(
    properties: Mapping[str, Any], resources: Iterable[Mapping[str, Any]], launches: str
) -> DesiredGroup | None:
    """The same of a group that scales by itself."""
    schedule: list[Scheduled] = []
    for resource in resources:
        if resource["Type"] == "AWS::AutoScaling::ScheduledAction":
            given = resource.get("Properties", {})
            if "MinSize" in given and "MaxSize" in given:
                zone = str(given.get("TimeZone", "UTC"))
                sizes = int(given["MinSize"]), int(given["MaxSize"])
                schedule.append(Scheduled(str(given.get("Recurrence", "")), zone, *sizes))
    limits = [str(properties.get(key, "")) for key in ("MinSize", "MaxSize")]
    if not all(size.isdigit() for size in limits):
        return None
    minimum, maximum = map(int, limits)
    return DesiredGroup(minimum, minimum, maximum, launches, True, tuple(schedule))


def hindrances(seen: GroupLine, want: DesiredGroup | None) -> Iterator[Finding]:
    """What somebody changed at the group since its stack was deployed; errors are what a rollout must not begin with."""
    if seen.asleep:
        return
    by_hand = sorted(seen.suspended - seen.marked)
    if by_hand:
        breaks = [NEEDED[name] for name in by_hand if name in NEEDED]
        yield Finding(
            "processes-suspended",
            seen.name,
            f"somebody suspended {', '.join(by_hand)}",
            why="; ".join(breaks),
            next=f"aws autoscaling resume-processes --auto-scaling-group-name {seen.name}"
            f" --scaling-processes {' '.join(by_hand)}",
            severity=Severity.ERROR if breaks else Severity.WARNING,
        )
    if want is None:
        return
    told = want.scaled and (bool(seen.marked) or (seen.minimum, seen.maximum) in want.ranges)
    differs = [
        (what, option, is_, ought)
        for what, option, is_, ought in (
            ("minimum", "--min-size", str(seen.minimum), str(want.minimum)),
            ("maximum", "--max-size", str(seen.maximum), str(want.maximum)),
            ("launch template", "--launch-template", seen.launches, want.launches),
        )
        if ought and is_ != ought and not (told and what in ("minimum", "maximum"))
    ]
    if differs:
        options = [f"{option} {_spelled(ought)}" for _, option, _, ought in differs]
        yield Finding(
            "group-changed",
            seen.name,
            "somebody changed it since its stack was deployed: "
            + ", ".join(f"{what} {is_} instead of {ought}" for what, _, is_, ought in differs),
            why="a rollout would go by what it finds there; Auto Scaling was asked again for half a minute",
            next=f"aws autoscaling update-auto-scaling-group --auto-scaling-group-name {seen.name} {' '.join(options)}",
        )


def _spelled(value: str) -> str:
    """As the option of the command line takes it: a number, or a launch template's name and version."""
    name, colon, version = value.rpartition(":")
    return f"LaunchTemplateName={name},Version={version}" if colon else value


def fleet(
    lines: Sequence[InstanceLine], seen: GroupLine, want: DesiredGroup | None, stable: str = ""
) -> Iterator[Finding]:
    """What an unfinished rollout or a hand leaves behind, when no rollout runs; a rollout mends all of it."""
    if seen.asleep:
        return
    if seen.marked & seen.suspended:
        yield Finding(
            "processes-suspended",
            seen.name,
            f"{', '.join(sorted(seen.marked & seen.suspended))} stand suspended and no rollout runs",
            next=_RESUME,
        )
    members = [line for line in lines if line.lifecycle != "gone"]
    for line in members:
        if "standby" in line.lifecycle:
            yield Finding("standby-left", line.id, "is in standby and no rollout runs", next=_RESUME)
    size = max(seen.desired, want.desired if want and not want.scaled else 0)
    if len(members) < size:
        yield Finding(
            "fleet-short",
            seen.name,
            f"{len(members)} of {size} instances are there",
            next=hermes("status", "--watch") if seen.desired == size else f"{_RESUME} starts what is missing",
        )
    elif want and not want.scaled and len(members) > want.desired:
        yield Finding(
            "fleet-over",
            seen.name,
            f"{len(members)} instances are there, {want.desired} are wanted",
            next=f"{_RESUME} ends the surplus",
            severity=Severity.WARNING,
        )
    yield from _outdated(members, seen, want)
    others = sorted({line.release for line in members if line.release and stable and line.release != stable})
    if others:
        yield Finding(
            "releases-mixed",
            "fleet",
            f"some instances run {', '.join(others)}, and {stable} is stable",
            next=hermes("release", "--resume") + ", or " + hermes("rollback"),
        )


def _outdated(members: Sequence[InstanceLine], seen: GroupLine, want: DesiredGroup | None) -> Iterator[Finding]:
    """Instances of another launch template version than the group's, where that is its stack's."""
    version = seen.launches.rpartition(":")[2]
    if not version.isdigit() or (want and want.launches and want.launches != seen.launches):
        return
    for line in members:
        if line.template != version:
            of = f"version {line.template} of the launch template" if line.template else "no launch template of ours"
            yield Finding(
                "instance-outdated",
                line.id,
                f"was launched from {of}, and {version} is what the group launches",
                next=f"{_RESUME} replaces it",
                severity=Severity.WARNING,
            )
