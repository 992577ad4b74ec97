"""What groups do by themselves: launch, replace, balance, hold, let go.

Amazon EC2 Auto Scaling user guide: "Amazon EC2 Auto Scaling instance lifecycle", "How lifecycle
hooks work", "Temporarily remove instances", "Health checks", "Suspend and resume processes",
"Availability Zone rebalancing", "Control which instances terminate".
"""

from __future__ import annotations

import json
import time
import uuid
from collections import Counter
from collections.abc import Callable
from typing import Any

from hermes_cfn.local.fleet.fleet import Fleet
from hermes_cfn.local.fleet.scheduler import Scheduler
from hermes_cfn.local.services.autoscaling.launching import LaunchFailed, Launching
from hermes_cfn.local.services.autoscaling.model import LAUNCHING, TERMINATING, Activity, Group, Member
from hermes_cfn.local.services.elbv2.model import Target, TargetGroup
from hermes_cfn.local.services.elbv2.traffic import Traffic
from hermes_cfn.local.wire import ServiceError

PENDING_S = 6.0
STANDBY_EXIT_S = 5.0
SHUTTING_DOWN_S = 20.0
EC2_CHECK_S = 60.0
RETRY_S = 20.0
RETRY_LIMIT_S = 600.0


class Engine:
    """Brings every group to its desired capacity, and its instances through their lifecycle."""

    def __init__(
        self, launching: Launching, fleet: Fleet, traffic: Traffic, scheduler: Scheduler, fault: Callable[..., Any]
    ) -> None:
        self.launching = launching
        self.fleet = fleet
        self.traffic = traffic
        self.scheduler = scheduler
        self.groups: dict[tuple[str, str], Group] = {}
        self.on_ready: Callable[[str], None] = lambda _instance: None
        self.on_leaving: Callable[[str], None] = lambda _instance: None
        self._fault = fault
        self._proceed: dict[str, Callable[[str], None]] = {}
        traffic.on_health = self._health_changed

    def group_of(self, instance_id: str) -> tuple[Group, Member] | None:
        """The group that an instance belongs to."""
        for group in self.groups.values():
            if instance_id in group.members:
                return group, group.members[instance_id]
        return None

    def soon(self, group: Group) -> None:
        """Looks at the group as soon as the present action is over."""
        if group.reconciling is None or group.reconciling.cancelled:
            group.reconciling = self.scheduler.after_real(0.01, lambda: self._reconcile(group))

    def _reconcile(self, group: Group) -> None:
        group.reconciling = None
        if self.groups.get((group.region, group.name)) is not group:
            return
        self._check_health(group)
        why, group.why = group.why, ""
        missing = group.desired + group.surge - len(group.counted)
        if missing < 0:
            missing += sum(member.balancing for member in group.counted)
        if missing > 0 and group.active("Launch") and group.retry is None:
            zones = self.launching.zones(group.region, group.settings)
            for _ in range(missing):
                if not self._launch(group, why + self._cause(group), zones):
                    break
        elif missing < 0 and group.active("Terminate"):
            for member in self._surplus(group, -missing):
                self.terminate(
                    group,
                    member,
                    "an instance was taken out of service in response to a difference between desired and actual capacity",
                    why,
                )
        elif missing == 0:
            self._rebalance(group)
        if group.deleting and not group.members:
            del self.groups[(group.region, group.name)]

    def _cause(self, group: Group) -> str:
        at = self.scheduler.clock.now().strftime("%Y-%m-%dT%H:%M:%SZ")
        now = len(group.counted)
        return (
            f"At {at} an instance was started in response to a difference between desired and actual capacity, "
            f"increasing the capacity from {now} to {now + 1}."
        )

    def _launch(self, group: Group, cause: str, zones: dict[str, str], balancing: bool = False) -> bool:
        counts = Counter(member.zone for member in group.counted)
        activity = Activity(group.name, "Launching a new EC2 instance", cause, self.scheduler.clock.now())
        group.activities.append(activity)
        problem = ""
        for zone in sorted(zones, key=lambda name: counts[name]):
            problem = str(self._fault("capacity", zone) or "")
            if problem:
                continue
            try:
                described, template, user_data = self.launching.run(group, zone, zones[zone])
            except (LaunchFailed, ServiceError) as failure:
                problem = str(failure)
                continue
            self._launched(group, activity, described, template, user_data).balancing = balancing
            return True
        activity.description = "Launching a new EC2 instance.  Status Reason: " + problem
        activity.end(self.scheduler.clock.now(), "Failed", problem)
        group.failures += 1
        group.retry = self.scheduler.after(min(RETRY_S * 2**group.failures, RETRY_LIMIT_S), lambda: self._retry(group))
        return False

    def _retry(self, group: Group) -> None:
        group.retry = None
        self._reconcile(group)

    def _launched(
        self, group: Group, activity: Activity, described: dict[str, Any], template: dict[str, str], user_data: str
    ) -> Member:
        group.failures = 0
        instance_id, zone = described["InstanceId"], described["Placement"]["AvailabilityZone"]
        now = self.scheduler.clock.now()
        member = Member(
            instance_id, zone, described.get("SubnetId", ""), described["InstanceType"], template, now,
            protected=bool(group.settings.get("NewInstancesProtectedFromScaleIn", False)), token=str(uuid.uuid4()),
        )  # fmt: skip
        group.members[instance_id] = member
        activity.description = f"Launching a new EC2 instance: {instance_id}"
        activity.details = json.dumps({"Subnet ID": member.subnet, "Availability Zone": zone})
        self._mark(group, member)
        self.fleet.begin(group.region, described, user_data)

        def pending_over() -> None:
            if member.state == "Pending":
                self._hook_or(group, member, LAUNCHING, "Pending", lambda: self._into_service(group, member, activity))

        self.scheduler.after(PENDING_S, pending_over)
        return member

    def _mark(self, group: Group, member: Member) -> None:
        from hermes_cfn.local.moto_side import backend
        from hermes_cfn.local.wire import ACCOUNT

        tags = backend("ec2", group.region, ACCOUNT).tags.setdefault(member.instance_id, {})
        tags["aws:autoscaling:groupName"] = group.name
        if "LaunchTemplateId" in member.template:
            tags["aws:ec2launchtemplate:id"] = member.template["LaunchTemplateId"]
            tags["aws:ec2launchtemplate:version"] = member.template["Version"]

    def _hook_or(self, group: Group, member: Member, transition: str, state: str, after: Callable[[], None]) -> None:
        """Waits for the hooks of ``transition``, one after the other, then does ``after``."""
        hooks = [hook for hook in group.hooks.values() if hook["LifecycleTransition"] == transition]
        self._next_hook(group, member, hooks, state, after)

    def _next_hook(
        self, group: Group, member: Member, hooks: list[dict[str, Any]], state: str, after: Callable[[], None]
    ) -> None:
        if not hooks:
            if member.state == f"{state}:Wait":
                member.state = f"{state}:Proceed"
            member.hook = ""
            after()
            return
        hook, rest = hooks[0], hooks[1:]
        member.state, member.hook = f"{state}:Wait", hook["LifecycleHookName"]
        member.hook_limit = time.monotonic() + self.scheduler.clock.deadline(
            min(172800.0, 100.0 * hook["HeartbeatTimeout"])
        )
        self._proceed[member.instance_id] = lambda result: self._hook_done(
            group, member, hook, rest, state, after, result
        )
        self._arm(member, hook)

    def _arm(self, member: Member, hook: dict[str, Any]) -> None:
        if member.hook_timer is not None:
            member.hook_timer.cancel()
        seconds = min(self.scheduler.clock.deadline(hook["HeartbeatTimeout"]), member.hook_limit - time.monotonic())
        member.hook_timer = self.scheduler.after_real(
            seconds, lambda: self.complete(member, hook.get("DefaultResult", "ABANDON"))
        )

    def heartbeat(self, group: Group, member: Member) -> None:
        """Starts the heartbeat timeout of the hook that ``member`` waits for again, up to its global timeout."""
        self._arm(member, group.hooks[member.hook])

    def complete(self, member: Member, result: str) -> None:
        """Ends the wait of ``member`` for its hook."""
        if member.hook_timer is not None:
            member.hook_timer.cancel()
            member.hook_timer = None
        proceed = self._proceed.pop(member.instance_id, None)
        if proceed is not None:
            proceed(result)

    def pretended(self, instance_id: str) -> None:
        """An instance that only exists in the books has booted: it completes what its user data would complete."""
        found = self.group_of(instance_id)
        if found is not None and found[1].state == "Pending:Wait":
            self.complete(found[1], "CONTINUE")

    def _hook_done(
        self, group: Group, member: Member, hook: dict[str, Any], rest: list[dict[str, Any]], state: str,
        after: Callable[[], None], result: str,
    ) -> None:  # fmt: skip
        if group.members.get(member.instance_id) is not member:
            return
        if result == "ABANDON" and hook["LifecycleTransition"] == LAUNCHING:
            for activity in group.activities:
                if member.instance_id in activity.description and activity.ended is None:
                    activity.end(self.scheduler.clock.now(), "Cancelled", "Instance failed to complete user's Lifecycle Action: Lifecycle Action with token "
                                 f"{member.token} was abandoned: Lifecycle Action Completed with ABANDON Result")  # fmt: skip
            self._terminate_now(group, member, "Lifecycle Action Completed with ABANDON Result")
            return
        self._next_hook(group, member, [] if result == "ABANDON" else rest, state, after)

    def _into_service(self, group: Group, member: Member, activity: Activity | None) -> None:
        if group.members.get(member.instance_id) is not member:
            return
        if group.active("AddToLoadBalancer"):
            for arn in group.target_groups:
                self._register(arn, member)
        member.state, member.balancing = "InService", False
        member.in_service_real, member.in_service_at = time.monotonic(), self.scheduler.clock.now().replace(tzinfo=None)
        if activity is not None:
            activity.end(self.scheduler.clock.now())
        if group.grace_s:
            member.grace_timer = self.scheduler.by(group.grace_s, lambda: self.soon(group))
        self.on_ready(member.instance_id)
        self.soon(group)

    def _register(self, arn: str, member: Member) -> None:
        group = self.traffic.groups.get(arn)
        if group is not None:
            self.traffic.register(group, Target(member.instance_id, group.port, member.zone))

    def _leave_load_balancers(self, group: Group, member: Member, then: Callable[[], None]) -> None:
        """Deregisters ``member`` everywhere and does ``then`` when it has drained."""
        delays = [0.0]
        for arn in group.target_groups:
            target_group = self.traffic.groups.get(arn)
            if target_group is None:
                continue
            for key in [key for key, target in target_group.targets.items() if target.id == member.instance_id]:
                used = target_group.targets[key].state != "unused"
                self.traffic.deregister(target_group, key)
                if used:
                    delays.append(float(target_group.attributes["deregistration_delay.timeout_seconds"]))
        self.scheduler.after(max(delays) + 0.5, then)

    # Standby

    def enter_standby(self, group: Group, member: Member) -> Activity:
        """Takes ``member`` out of the load balancers, and out of the count."""
        now = self.scheduler.clock.now()
        activity = Activity(
            group.name, f"Moving EC2 instance to Standby: {member.instance_id}", self._moved("out of", member), now
        )
        group.activities.append(activity)
        member.state = "EnteringStandby"
        if member.grace_timer is not None:
            member.grace_timer.cancel()

        def drained() -> None:
            if member.state == "EnteringStandby":
                member.state = "Standby"
                activity.end(self.scheduler.clock.now())
                self.soon(group)

        self._leave_load_balancers(group, member, drained)
        self.soon(group)
        return activity

    def exit_standby(self, group: Group, member: Member) -> Activity:
        """Brings ``member`` back: counted, registered, with a new grace period."""
        now = self.scheduler.clock.now()
        activity = Activity(
            group.name, f"Moving EC2 instance out of Standby: {member.instance_id}", self._moved("into", member), now
        )
        group.activities.append(activity)
        member.state = "Pending"
        self.scheduler.after(STANDBY_EXIT_S, lambda: self._into_service(group, member, activity))
        return activity

    def _moved(self, direction: str, member: Member) -> str:
        at = self.scheduler.clock.now().strftime("%Y-%m-%dT%H:%M:%SZ")
        return f"At {at} instance {member.instance_id} was moved {direction} service in response to a user request."

    # Leaving

    def terminate(self, group: Group, member: Member, why: str, before: str = "") -> Activity:
        """Lets ``member`` go: out of the load balancers, through its hooks, and terminated; ``before``: what led to it."""
        now = self.scheduler.clock.now()
        at = now.strftime("%Y-%m-%dT%H:%M:%SZ")
        activity = Activity(
            group.name, f"Terminating EC2 instance: {member.instance_id}", f"{before}At {at} {why}.", now
        )
        group.activities.append(activity)
        member.state = "Terminating"
        self.on_leaving(member.instance_id)

        def drained() -> None:
            if member.state == "Terminating":
                self._hook_or(
                    group, member, TERMINATING, "Terminating", lambda: self._terminated(group, member, activity)
                )

        self._leave_load_balancers(group, member, drained)
        self.soon(group)
        return activity

    def _terminate_now(self, group: Group, member: Member, why: str) -> None:
        self.terminate(group, member, f"an instance was taken out of service in response to: {why}")

    def _terminated(self, group: Group, member: Member, activity: Activity) -> None:
        self.scheduler.after(SHUTTING_DOWN_S, lambda: self._gone(group, member, activity))
        self.launching.terminate(group.region, member.instance_id)
        self.fleet.end(member.instance_id)

    def _gone(self, group: Group, member: Member, activity: Activity) -> None:
        group.members.pop(member.instance_id, None)
        activity.end(self.scheduler.clock.now())
        self.soon(group)

    def _surplus(self, group: Group, count: int) -> list[Member]:
        """Default termination policy: the fullest zone, the oldest template, the oldest instance."""
        chosen: list[Member] = []
        candidates = [member for member in group.counted if not member.protected]
        while candidates and len(chosen) < count:
            zones = Counter(member.zone for member in candidates)
            fullest = max(zones.values())
            current = str(self.launching.template(group).get("Version", ""))
            policies = group.settings.get("TerminationPolicies") or ["Default"]
            pool = [member for member in candidates if zones[member.zone] == fullest]
            newest_first = policies[0] == "NewestInstance"

            def order(member: Member, current: str = current, newest_first: bool = newest_first) -> tuple[Any, ...]:
                age = member.launched_at.timestamp()
                return (
                    -age if newest_first else 0,
                    member.template.get("Version", "") == current,
                    int(member.template.get("Version", "0") or 0),
                    age,
                )

            victim = min(pool, key=order)
            chosen.append(victim)
            candidates.remove(victim)
        return chosen

    def _rebalance(self, group: Group) -> None:
        """Launches where there are too few before it terminates where there are too many.

        By a margin of 10 percent, or of one instance, above the maximum; where Terminate is suspended it stays there
        ("How suspended processes affect other processes").
        """
        if not (group.active("AZRebalance") and group.active("Launch")):
            return
        if len(group.counted) >= group.maximum + max(1, group.maximum // 10):
            return
        if group.retry is not None or any(member.state != "InService" for member in group.counted):
            return
        zones = self.launching.zones(group.region, group.settings)
        usable = {zone: subnet for zone, subnet in zones.items() if not self._fault("capacity", zone)}
        counts = {zone: sum(member.zone == zone for member in group.counted) for zone in usable}
        if len(counts) < 2 or max(counts.values()) - min(counts.values()) < 2:
            return
        least = min(counts, key=lambda zone: counts[zone])
        at = self.scheduler.clock.now().strftime("%Y-%m-%dT%H:%M:%SZ")
        why = f"At {at} instances were launched to balance instances in zones."
        self._launch(group, why, {least: usable[least]}, balancing=True)

    # Health

    def _health_changed(self, target_group: TargetGroup, target: Target) -> None:
        if target.state in ("healthy", "unhealthy"):
            for group in self.groups.values():
                if target_group.arn in group.target_groups and "ELB" in group.health_types:
                    self.soon(group)

    def _check_health(self, group: Group) -> None:
        """Marks what fails its checks, and replaces what is marked: also what was marked while that was suspended.

        An instance that was marked never recovers by itself, and one on standby is not checked.
        """
        serving = [member for member in group.members.values() if member.state == "InService"]
        if group.active("HealthCheck"):
            for member in serving:
                if member.healthy:
                    member.unhealthy_by = self._failing(group, member)
                    member.healthy = not member.unhealthy_by
        if group.active("ReplaceUnhealthy") and group.active("Terminate"):
            for member in serving:
                if not member.healthy:
                    self.terminate(
                        group, member, f"an instance was taken out of service in response to {member.unhealthy_by}"
                    )

    def _failing(self, group: Group, member: Member) -> str:
        """Why ``member`` fails its health checks; empty when it does not.

        An instance that does not run fails also within the grace period.
        """
        if member.noticed_dead:
            return "an EC2 health check indicating it has been terminated or stopped"
        if "ELB" not in group.health_types or self._in_grace(group, member):
            return ""
        for arn in group.target_groups:
            target_group = self.traffic.groups.get(arn)
            if target_group is not None and target_group.ever_healthy:
                targets = target_group.targets.values()
                if any(target.id == member.instance_id and target.state == "unhealthy" for target in targets):
                    return "an ELB system health check failure"
        return ""

    def _in_grace(self, group: Group, member: Member) -> bool:
        if not group.grace_s:
            return False
        return time.monotonic() - member.in_service_real < self.scheduler.clock.deadline(group.grace_s) - 0.01

    def set_health(self, group: Group, member: Member, healthy: bool, respect_grace: bool) -> None:
        """SetInstanceHealth: Unhealthy replaces the instance, within the grace period only if asked."""
        if healthy or not (respect_grace and self._in_grace(group, member)):
            member.healthy, member.unhealthy_by = healthy, "a user health-check"
            self.soon(group)

    def died(self, instance_id: str) -> None:
        """EC2 notices a check later, and so does the group, which looks at nothing that is in standby."""
        found = self.group_of(instance_id)
        if found is None:
            return
        group, member = found

        def noticed() -> None:
            if group.members.get(instance_id) is not member:
                return
            if not member.state.startswith("Terminating"):
                self.launching.stop(group.region, instance_id)
            member.noticed_dead = True
            if member.state in ("Pending", "Pending:Wait") and group.active("HealthCheck"):
                self._terminate_now(group, member, "an EC2 health check indicating it has been terminated or stopped")
            self.soon(group)

        self.scheduler.after(EC2_CHECK_S, noticed)

    def look_again(self) -> None:
        """Something changed that groups depend on but do not hear of, such as a zone that is back."""
        for group in self.groups.values():
            self.soon(group)
