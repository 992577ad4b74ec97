"""The rollout: prepare, migrate, roll, verify, remember; and the way back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from hermes_cfn.aws.calls import AwsError
from hermes_cfn.checks import why
from hermes_cfn.checks.observed import DesiredGroup
from hermes_cfn.clock import Tempo
from hermes_cfn.config import Settings
from hermes_cfn.deciders.actions import Action, Done, ExitStandby, Stop
from hermes_cfn.deciders.observed import Instance, Lifecycle, Progress, Target
from hermes_cfn.deciders.release import Aftermath, CanaryRules, aftermath
from hermes_cfn.deciders.rollout import decide, decide_prepared
from hermes_cfn.deciders.view import RolloutTarget, Strategy
from hermes_cfn.errors import Advice, ExitCode, Finding, HermesError, Severity, hermes
from hermes_cfn.events import InstanceEvent, Noted, StageEnded, StageStarted
from hermes_cfn.flows.base.context import DeployContext
from hermes_cfn.flows.base.lease import LeaseHolder
from hermes_cfn.flows.base.loop import Story, drive
from hermes_cfn.flows.fleet import diagnosis, hooks, migration, preconditions, releases, verify
from hermes_cfn.flows.fleet.canary import Baking
from hermes_cfn.flows.fleet.observer import Observer, group, not_deployed
from hermes_cfn.flows.fleet.performer import Performer
from hermes_cfn.flows.fleet.releases import ENDS, FAILED, REQUESTED, ROLLED_BACK, STABLE, ReleaseRecord
from hermes_cfn.instance.release import Release
from hermes_cfn.plan import timing

ALARMS = "alarms before"
"""The line of a release's history with the alarms that fired when it was begun."""


def strategy(settings: Settings, size: int = 0) -> Strategy:
    """The settings' strategy in the decider's words, for ``size`` instances, or as many as the settings say."""
    chosen = settings.release
    return Strategy(
        kind=chosen.strategy,
        batch=chosen.at_once(size or settings.compute.count),
        minimum=chosen.minimum,
        canary=chosen.canary if chosen.canary_s else 0,
        rules=CanaryRules(
            period_s=max(1.0, chosen.canary_s / 3),
            requests=chosen.canary_requests,
            tolerance=chosen.canary_error_rate,
        ),
    )


def _known_waits(settings: Settings, chosen: Strategy) -> Mapping[str, float]:
    """Seconds that a wait takes at least, by its name in the decider.

    None is known for a target's first health check, which may come at once or at the end of an interval.
    """
    return {
        "drain": float(settings.service.deregistration_delay_s),
        "canary": chosen.rules.period_s,
    }


@dataclass
class Rollout:
    """One run of a rollout under one lease.

    ``deployed`` is what the service stack says of the group: how many instances there shall be, whatever this checkout
    says.  ``chosen`` is the strategy that goes on, the settings' unless another run began.
    """

    context: DeployContext
    held: LeaseHolder
    pause_at: int | None = None
    deployed: DesiredGroup | None = None
    chosen: Strategy | None = None

    def __post_init__(self) -> None:
        settings = self.context.settings
        self.size = self.deployed.desired if self.deployed else settings.compute.count
        watched = self.context.settings.watch.enabled
        scaled = self.deployed is not None and self.deployed.scaled
        self.observer = Observer(self.context, watch_alarms=watched, alongside=self.held.certain, scaled=scaled)
        self.most = 0
        if self.deployed and scaled:
            least, self.most = self.deployed.sizes(self.context.clients.now())
            self.size = min(max(self._there(), least), self.most)
        self.strategy = self.chosen or strategy(settings, self.size)
        self.performer = Performer(self.context, self.observer)
        self.anchored: Release | None = None
        self.tempo = Tempo(
            self.context.clock, self.context.clients.now, _known_waits(settings, self.strategy), ("prepare",)
        )

    def _there(self) -> int:
        """Instances that the group wants, with those that a rollout has taken out of the count."""
        seen = group(self.context)
        if seen is None:
            raise not_deployed(self.context)
        away = {Lifecycle.ENTERING_STANDBY, Lifecycle.STANDBY}
        return seen.group.desired + sum(one.lifecycle in away for one in seen.members)

    def _sizes(self) -> tuple[int, int] | None:
        """Minimum and maximum that the group has by this hour, where it scales by itself."""
        scaled = self.deployed is not None and self.deployed.scaled
        return self.deployed.sizes(self.context.clients.now()) if self.deployed and scaled else None

    def settle(self) -> Story[None]:
        """Nothing stays suspended behind us, and a group that scales by itself goes on with that."""
        yield from self.performer.settle(self._sizes())

    def want(self, release: Release, goal_version: int, back: bool = False, proven: bool = True) -> RolloutTarget:
        settings = self.context.settings
        return RolloutTarget(
            release=release.id,
            goal_version=goal_version,
            token=self.held.token,
            size=self.size,
            template=self.observer.template,
            strategy=self.strategy,
            back=back,
            proven=proven,
            patience_s=settings.release.healthy_timeout_s + settings.release.return_after_s,
            paused_at=None if back else self.pause_at,
            scaled=self.observer.scaled,
            least=self.deployed.sizes(self.context.clients.now())[0] if self.deployed and self.observer.scaled else 0,
            most=self.most,
        )

    def to(self, kept: ReleaseRecord) -> Story[None]:
        """The whole way to a release.  Raises HermesError when it did not get there.

        Towards what is stable already, an instance that fails is replaced: it is not the
        release's fault.  Nor does anybody wait for all to be prepared then: one that cannot be would keep
        those out that a run which died on its way back has left in standby.
        """
        context, release = self.context, kept.release
        kept = replace(kept.then(context.now, REQUESTED, release.requested_by), strategy=self.strategy)
        releases.keep(context, kept)
        kept = yield from self._alarms_before(kept)
        goal_version = releases.write_goal(context, release)
        verified = releases.stable_if_readable(context)
        again = kept.verified and verified is not None and verified.id == release.id
        yield from self._anchor(verified, release)
        fleet, news = self.observer.look()
        yield from news
        result: Done | Stop = Done(f"{release.id} was on every instance before")
        if not again:
            yield StageStarted(context.now, "prepare", f"{release.id} on {len(fleet.instances)} instances")
            result = yield from self.drive(self.want(release, goal_version), decide_prepared)
        if isinstance(result, Done):
            try:
                kept = yield from migration.once(context, self.held, self.observer, kept, goal_version)
            except HermesError as error:
                yield from self._unmigrated(kept, error)
                raise
            want = self.want(release, goal_version, back=again)
            about = estimate(timing.Pace.of(context.settings), fleet.instances, want)
            yield StageStarted(context.now, "rollout", f"{release.id}, {want.strategy.kind}", about.estimate_s or None)
            result = yield from self.drive(want, decide)
        if isinstance(result, Done) and result.paused:
            yield from self.settle()
            releases.keep(context, kept.then(context.now, "paused", result.what))
            yield StageEnded(context.now, "rollout", f"{result.what}; go on with release --resume, back with rollback")
            return
        if isinstance(result, Done):
            result = self._verified() or result
        if isinstance(result, Stop):
            yield from self._failed(kept, goal_version, result)
            return
        releases.write_stable(context, release)
        self.observer.boots = release.id
        if self.observer.scaled:
            result = yield from self._late(self.want(release, goal_version, back=True), result)
        yield from self.settle()
        releases.keep(context, kept := kept.then(context.now, STABLE, result.what))
        yield StageEnded(context.now, "rollout", result.what)
        after = yield from hooks.run(context, "after_deploy", kept)
        if after:
            releases.keep(context, kept.then(context.now, "after_deploy", str(after["outcome"])))

    def _late(self, want: RolloutTarget, done: Done) -> Story[Done]:
        """Who came with the release before between the last look and ``stable``: load does not wait for either."""
        result = yield from self.drive(want, decide)
        if isinstance(result, Stop):
            yield Noted(self.context.now, replace(result.finding, severity=Severity.WARNING))
            return done
        return result

    def _verified(self) -> Stop | None:
        """What a visitor is told through the load balancer; where it is wrong, each instance is asked for what it knows."""
        if (refused := verify.through_load_balancer(self.context)) is None:
            return None
        fleet, _ = self.observer.look()
        return Stop(refused, tuple(i.id for i in fleet.instances if i.member))

    def _anchor(self, stable: Release | None, release: Release) -> Story[None]:
        """New instances start ``stable`` until ``release`` is verified, unless it never was, or they cannot.

        What the fleet then meets that cannot be seen from here the decider says (``WriteStable``).
        """
        context = self.context
        self.anchored = release
        self.performer.write_stable = lambda _: releases.write_stable(context, release)
        record = releases.find(context, stable.id) if stable else None
        if stable is None or (stable.id != release.id and not preconditions.boots(context, stable, record)):
            releases.write_stable(context, release)
            self.observer.boots = release.id
            what = f"start with {release.id}: {stable.id if stable else 'nothing'} was never verified, or cannot be started"
            yield InstanceEvent(context.now, "new instances", what)
        else:
            self.observer.boots = stable.id

    def _unmigrated(self, kept: ReleaseRecord, error: HermesError) -> Story[None]:
        """No instance was touched: leave everything as it was, and tell."""
        what = error.findings[0].what
        kept = (releases.find(self.context, kept.release.id) or kept).then(self.context.now, FAILED, what)
        releases.keep(self.context, kept)
        yield from self.resume_processes()
        yield from hooks.run(self.context, "on_failure", kept, HERMES_FAILURE=what)

    def _alarms_before(self, kept: ReleaseRecord) -> Story[ReleaseRecord]:
        """Alarms that fired before the release was begun do not stop it: it may be what mends them.

        They are kept with the release, so that a run that is killed and run again knows them still.
        """
        context = self.context
        if not self.observer.watch_alarms:
            return kept
        known = alarms_before(kept)
        if known is None:
            known = context.clients.cloudwatch.firing(context.names.alarm(""))
            kept = kept.then(context.now, ALARMS, ", ".join(known))
            releases.keep(context, kept)
        self.observer.ignored = frozenset(known)
        if known:
            names = ", ".join(known)
            finding = Finding(
                "alarm-before",
                names,
                "fires already, and stops this release only when it ends and begins again",
                severity=Severity.WARNING,
            )
            yield Noted(context.now, finding)
        return kept

    def drive(self, want: RolloutTarget, decider: Any) -> Story[Done | Stop]:
        """Towards ``want``, whose template version is always the group's newest."""
        baking = Baking(self.context, self.held)
        try:
            return (
                yield from drive(
                    self.observer.look,
                    lambda fleet: decider(baking.look(fleet, want), replace(want, template=self.observer.template)),
                    self._act,
                    self.held.guard,
                    self.context.clock,
                    self.context.clients.now,
                    self.tempo,
                )
            )
        except (KeyboardInterrupt, HermesError):
            yield from (Noted(self.context.now, finding) for finding in self._left_out())
            raise

    def _act(self, action: Action) -> Story[bool]:
        self.observer.sure()
        return (yield from self.performer.act(action))

    def _left_out(self) -> list[Finding]:
        """Who is out of service when somebody leaves, and what brings it back."""
        out = self.observer.out_of_service
        back = self.context.settings.release.return_after_s
        return [
            Finding(
                "left-out-of-service",
                name,
                f"is out of service, and goes back by itself about {back} s after it was deployed to or prepared",
                next=hermes("release", "--resume") + " goes on at once; " + hermes("rollback") + " goes back",
                severity=Severity.WARNING,
            )
            for name in out
        ]

    def _failed(self, kept: ReleaseRecord, goal_version: int, stop: Stop) -> Story[None]:
        """Say why, keep it, and go back where that is safe."""
        context, release = self.context, kept.release
        yield Noted(context.now, stop.finding)
        fleet, _ = self.observer.look()
        told = diagnosis.of(context, self.held, stop.instances or self._sick(fleet.instances))
        told = diagnosis.with_words(context, told, kept.begun or context.now - timedelta(hours=1))
        previous = self._before(kept)
        kept = replace(kept.then(context.now, FAILED, stop.finding.what), diagnosis=told)
        releases.keep(context, kept)
        causes = why.of_instances(told, context.settings.application)
        shown = "" if causes else diagnosis.shown(told)
        finding = replace(
            stop.finding,
            evidence="\n".join(filter(None, (shown, self._answer(stop)))) or stop.finding.evidence,
            why=_difference(previous, release) or stop.finding.why,
            next=hermes("releases", "show", release.id),
        )
        touched = any(i.release == release.id or not i.up for i in fleet.instances)
        bars = self._bars(previous) if previous and previous.id != release.id else []
        verdict = aftermath(
            previous=previous.id if previous else None, goal=release.id, touched=touched, barred=bool(bars)
        )
        if verdict is not Aftermath.ROLL_BACK:
            yield from self._put_back(release)
            yield from self.resume_processes()
            yield from hooks.run(context, "on_failure", kept, HERMES_FAILURE=stop.finding.what)
            raise HermesError(*causes, finding, *bars, _choices(release, previous, verdict, bool(bars)))
        assert previous is not None
        yield from self.back(previous)
        releases.keep(context, kept.then(context.now, ROLLED_BACK, previous.id))
        yield from hooks.run(context, "on_failure", kept, HERMES_FAILURE=stop.finding.what)
        raise HermesError(*causes, finding, _rolled_back(release, previous), exit_code=ExitCode.ROLLED_BACK)

    def _put_back(self, failed: Release) -> Story[None]:
        """Who is out and runs an earlier release again goes back at once, where nobody goes on: its own timer would wait."""
        fleet, _ = self.observer.look()
        names = tuple(
            one.id
            for one in fleet.instances
            if one.lifecycle is Lifecycle.STANDBY
            and one.target is not Target.DRAINING
            and one.release not in (None, failed.id)
            and not (one.behind or one.ended or any(run.progress is Progress.RUNNING for run in one.attempts))
        )
        if names:
            yield from self._act(ExitStandby(names))

    @staticmethod
    def _answer(stop: Stop) -> str:
        """What the load balancer answered is not on any instance."""
        return f"load balancer: {stop.finding.evidence}" if stop.finding.code == verify.REFUSED else ""

    def _before(self, kept: ReleaseRecord) -> Release | None:
        """What was stable when this attempt began, which a look at stable does not tell where that was no anchor."""
        if kept.previous and kept.previous != kept.release.id:
            record = releases.find(self.context, kept.previous)
            return record.release if record and record.verified else None
        stable = releases.stable_if_readable(self.context)
        return stable if stable and kept.verified else None

    def _bars(self, previous: Release) -> list[Finding]:
        """What bars the way back; what AWS does not tell just now is found out on the instances."""
        try:
            return preconditions.bars(self.context, previous)
        except AwsError:
            return []

    def back(self, previous: Release) -> Story[None]:
        """Every instance to ``previous``, in the same careful way."""
        context = self.context
        yield StageStarted(context.now, "roll back", f"to {previous.id}")
        proven = self.begin_back(previous)
        yield from self._anchor(releases.stable_if_readable(context), previous)
        want = self.want(previous, releases.write_goal(context, previous), back=True, proven=proven)
        result = yield from self.drive(want, decide)
        if isinstance(result, Stop):
            yield from self.resume_processes()
            raise HermesError(result.finding)
        self.end_back(previous)
        if self.observer.scaled:
            yield from self._late(want, result)
        yield from self.settle()
        yield StageEnded(context.now, "roll back", result.what)

    def begin_back(self, previous: Release) -> bool:
        """Kept with the release, so that whoever rolls back after a run that died goes on, and not to the one before.

        Answers whether the release was verified once.
        """
        kept = releases.find(self.context, previous.id)
        if kept is None:
            return True
        going = replace(kept.then(self.context.now, releases.GOING_BACK), strategy=self.strategy)
        releases.keep(self.context, going)
        return kept.verified

    def end_back(self, previous: Release) -> None:
        releases.write_stable(self.context, previous)
        if kept := releases.find(self.context, previous.id):
            releases.keep(self.context, kept.then(self.context.now, STABLE, "by a rollback"))

    def resume_processes(self) -> Story[None]:
        """Nothing stays suspended behind us, of a run before this one neither."""
        yield from self.settle()
        fleet, _ = self.observer.look()
        if fleet.group.marked:
            self.context.clients.auto_scaling.resume(fleet.group.name, sorted(fleet.group.marked))
            yield InstanceEvent(self.context.now, "group", f"resumes {', '.join(sorted(fleet.group.marked))}")

    @staticmethod
    def _sick(instances: tuple[Instance, ...]) -> tuple[str, ...]:
        return tuple(i.id for i in instances if i.member and not i.up)


def alarms_before(kept: ReleaseRecord) -> tuple[str, ...] | None:
    """Alarms that fired when this attempt at the release began; None when that was not looked at yet."""
    for line in reversed(kept.history):
        if line["what"] == ALARMS:
            return tuple(filter(None, str(line["detail"]).split(", ")))
        if line["what"] in ENDS:
            return None
    return None


def estimate(pace: timing.Pace, instances: Iterable[Instance], want: RolloutTarget) -> timing.RolloutTime:
    """How long what is still to do takes: a stale release is redeployed, a stale template version replaced."""
    outdated = [i for i in instances if i.member and want.template and i.template != want.template]
    stale = [i for i in instances if i.member and (i in outdated or i.release != want.release)]
    chosen = want.strategy
    return timing.rollout(
        pace, len(stale), chosen.kind, chosen.batch, bool(outdated), 0 if want.back else chosen.canary, chosen.bake_s
    )


def _difference(previous: Release | None, release: Release) -> str:
    """What differs from the release before, names only for secrets."""
    if previous is None or previous.id == release.id:
        return ""
    parts = release.changes(previous)
    return f"differs from {previous.id}: {', '.join(parts)}" if parts else ""


def _rolled_back(release: Release, previous: Release) -> Finding:
    return Finding(
        "rolled-back",
        release.id,
        f"every instance runs {previous.id} again",
        severity=Severity.WARNING,
        next=hermes("releases", "show", release.id),
    )


def _choices(release: Release, previous: Release | None, verdict: Aftermath, barred: bool) -> Finding:
    if verdict is Aftermath.NOTHING:
        return Finding("release-not-started", release.id, "no instance was touched", severity=Severity.WARNING)
    next_: str | Advice = "mend and release again: it reaches every instance from here"
    if barred and previous:
        next_ = next_ + "; or open the way back, then " + hermes("rollback", "--to", previous.id)
    return Finding(
        "release-held",
        release.id,
        "the healthy instances go on serving; nothing was rolled back",
        why="the way back is barred" if barred else "there is no other release to go back to",
        next=next_,
        severity=Severity.WARNING,
    )
