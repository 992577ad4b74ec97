"""A team's own commands, and whose lease may be ended."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import cast

import pytest

from hermes_cfn import stacks
from hermes_cfn.checks.observed import DesiredGroup
from hermes_cfn.config import parse
from hermes_cfn.deciders.lease import Lease, Locked, until
from hermes_cfn.deciders.observed import Instance, LeaseSeen, Lifecycle, Progress, Target
from hermes_cfn.deciders.release import CanaryRules
from hermes_cfn.deciders.view import RolloutTarget, Strategy
from hermes_cfn.errors import HermesError
from hermes_cfn.events import Noted, StageEnded
from hermes_cfn.flows.base import context
from hermes_cfn.flows.base.lease import LeaseHolder, unlocked
from hermes_cfn.flows.fleet import diagnosis, hooks, preconditions
from hermes_cfn.flows.fleet.releases import ReleaseRecord
from hermes_cfn.flows.fleet.rollout import ALARMS, Rollout, alarms_before, estimate, strategy
from hermes_cfn.flows.stacks import account_facts
from hermes_cfn.instance.release import Release
from hermes_cfn.plan import Deployed, timing
from hermes_cfn.rehearse.paper import Paper

IMAGE = f"repository@sha256:{0:064x}"
KEPT = ReleaseRecord(
    Release("v2-1", IMAGE, "v2", {}, {}, "2026-01-01T00:00:00+00:00", "somebody", "abc"), previous="v1-1"
)


def standing(settings: str):
    return SimpleNamespace(
        settings=parse(settings),
        names=SimpleNamespace(environment="production"),
        region="eu-south-2",
        now=datetime(2026, 1, 1, tzinfo=UTC),
    )


def ran(settings: str, name: str, **given):
    told = []
    story = hooks.run(standing(settings), name, KEPT, **given)
    while True:
        try:
            told.append(next(story))
        except StopIteration as stop:
            return stop.value, told


def command(code: str) -> str:
    return f"[{sys.executable!r}, '-c', {code!r}]"


def test_without_a_hook_nothing_is_said_or_done() -> None:
    assert ran("", "after_deploy") == ({}, [])


def test_a_hook_knows_its_release_and_what_it_printed_is_kept() -> None:
    code = "import os; print(os.environ['HERMES_RELEASE'], os.environ['HERMES_PREVIOUS_RELEASE'], os.environ['WHY'])"
    record, told = ran(f"[release]\nafter_deploy = {command(code)}\n", "after_deploy", WHY="because")
    assert record["outcome"] == "ok"
    assert record["output"] == "v2-1 v1-1 because\n"
    assert isinstance(told[-1], StageEnded)


def test_a_hook_that_fails_is_told_and_stops_only_what_must_not_go_on() -> None:
    settings = f"[release]\nbefore_migrate = {command('import sys; print(7); sys.exit(3)')}\n"
    record, told = ran(settings, "before_migrate")
    assert (record["outcome"], record["output"]) == ("ended with status 3", "7\n")
    assert isinstance(told[-1], Noted)
    with pytest.raises(HermesError) as caught:
        ran(settings, "before_migrate", must=True)
    assert caught.value.findings[0].code == "hook-failed"


def test_a_hook_has_a_time_limit() -> None:
    settings = f"[release]\non_failure = {command('import time; time.sleep(60)')}\nhook_timeout_s = 1\n"
    assert ran(settings, "on_failure")[0]["outcome"] == "did not end within 1 s"


def test_a_command_that_is_not_there_is_named() -> None:
    record, _ = ran("[release]\nafter_deploy = ['/nowhere/at/all']\n", "after_deploy")
    assert record["outcome"] == "cannot be started: No such file or directory"


def test_only_a_process_of_this_machine_that_is_gone_is_dead() -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    mine = context.owner()
    assert not context.dead(mine)
    ended = mine.replace(f":{os.getpid()}:", f":{gone.pid}:")
    assert context.dead(ended)
    assert not context.dead(ended.replace(socket.gethostname(), "elsewhere"))
    place = ended.rpartition(":")[2]
    assert not context.dead(ended.replace(place, f"00000000-{place.rpartition('-')[2]}"))
    assert not context.dead("somebody")


@pytest.mark.parametrize(("carried", "refused"), [((), False), (("amd64", "arm64"), False), (("amd64",), True)])
def test_an_image_that_the_instances_cannot_run_is_refused_where_its_index_says_so(carried, refused: bool) -> None:
    here = standing("")
    here.names.repository = "hermes"
    ecr = SimpleNamespace(
        architectures=lambda _repository, _digest: carried, image=lambda _repository, _digest: object()
    )
    here.clients = SimpleNamespace(ecr=ecr)
    found = list(preconditions.startable(here, KEPT.release))
    assert [finding.code for finding in found] == (["image-architecture"] if refused else [])
    assert not refused or "docker buildx build --platform linux/arm64" in str(found[0].next)


def test_alarms_that_fired_before_a_release_are_known_until_it_ends() -> None:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    begun = KEPT.then(at, "requested", "somebody")
    assert alarms_before(begun) is None
    looked = begun.then(at, ALARMS, "production-5xx, production-slow").then(at, "requested", "somebody")
    assert alarms_before(looked) == ("production-5xx", "production-slow")
    assert alarms_before(begun.then(at, ALARMS, "")) == ()
    assert alarms_before(looked.then(at, "failed", "an alarm")) is None


class Door:
    """A lock table with one item."""

    key = "production"

    def __init__(self) -> None:
        self.seen: LeaseSeen | None = None

    def look(self) -> LeaseSeen | None:
        return self.seen

    def take(self, owner: str, purpose: str, now: datetime) -> Lease | None:
        if self.seen is not None and self.seen.expires > now:
            return None
        self.seen = LeaseSeen(owner, purpose, until(now), self.seen.token + 1 if self.seen else 1)
        return Lease(owner, purpose, self.seen.token, self.seen.expires)

    def give_back(self, lease: Lease) -> bool:
        if self.seen is None or (self.seen.owner, self.seen.token) != (lease.owner, lease.token):
            return False
        self.seen = replace(self.seen, expires=datetime.fromtimestamp(0, UTC))
        return True


class Slept:
    """A clock that only counts what was slept, and calls ``then`` each time."""

    def __init__(self, then=lambda _slept: None) -> None:
        self.seconds, self.then = 0.0, then

    def sleep(self, seconds: float) -> None:
        self.seconds += seconds
        self.then(self.seconds)


def locking(door: Door, wait_s: float = 0.0, clock: Slept | None = None, told=lambda _holder: None):
    names = SimpleNamespace(lock_table="table", lock_key="production")
    clients = SimpleNamespace(lock=lambda _table, _key: door)
    return SimpleNamespace(
        clients=clients,
        names=names,
        now=datetime(2026, 1, 1, tzinfo=UTC),
        clock=clock or Slept(),
        lock_wait_s=wait_s,
        waits_for_lock=told,
    )


def test_a_lock_is_waited_for_as_long_as_was_asked_and_no_longer() -> None:
    door, told = Door(), []
    with LeaseHolder(locking(door), "release v2"):
        clock = Slept()
        with pytest.raises(Locked), LeaseHolder(locking(door, 30, clock, told.append), "release v3"):
            pass
        assert clock.seconds == pytest.approx(30)
        assert len(told) == 1
        assert "release v2" in told[0]
        with pytest.raises(Locked):
            unlocked(locking(door))
        unlocked(locking(door, 30))
    unlocked(locking(door))


def test_whoever_waits_goes_on_once_the_lock_is_given_back() -> None:
    door = Door()
    first = LeaseHolder(locking(door), "release v2")
    first.__enter__()

    def leave(slept: float) -> None:
        if slept > 7:
            first.__exit__(None, None, None)

    clock = Slept(leave)
    with LeaseHolder(locking(door, 600, clock), "release v3") as second:
        assert second.token == 2
    assert 7 < clock.seconds < 20


def test_a_deployer_whose_lock_was_broken_stops_at_its_next_look() -> None:
    door = Door()
    with LeaseHolder(locking(door), "release v2") as held:
        held.certain()
        door.seen = replace(door.seen, expires=datetime.fromtimestamp(0, UTC))
        with LeaseHolder(locking(door), "release v3") as other:
            with pytest.raises(Locked) as caught:
                held.certain()
            other.certain()
    assert caught.value.findings[0].code == "lock-lost"
    assert "somebody has ended it" not in caught.value.findings[0].why


def test_a_deployer_whose_lease_somebody_ended_is_told_so_and_not_that_it_holds_it_itself() -> None:
    door = Door()
    with pytest.raises(Locked) as caught, LeaseHolder(locking(door), "release v2") as held:
        door.seen = replace(door.seen, expires=datetime.fromtimestamp(0, UTC), token=door.seen.token + 1)
        held.certain()
    assert "somebody has ended it" in caught.value.findings[0].why


def test_a_lease_of_a_dead_process_of_this_machine_is_ended_and_no_other() -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    door, now = Door(), datetime(2026, 1, 1, tzinfo=UTC)
    dead = context.owner().replace(f":{os.getpid()}:", f":{gone.pid}:")
    door.seen = LeaseSeen(dead, "release v2", until(now), 7)
    with LeaseHolder(locking(door), "release v2") as held:
        assert held.token == 8
    door.seen = LeaseSeen(dead.replace(socket.gethostname(), "elsewhere"), "release v2", until(now), 9)
    with pytest.raises(Locked), LeaseHolder(locking(door), "release v2"):
        pass


def test_what_is_announced_counts_those_that_are_still_to_do():
    pace = timing.Pace.of(parse(""))
    want = RolloutTarget("v2-1", 2, 3, size=3, template="7")

    def fleet(*seen: tuple[str, str]) -> list[Instance]:
        return [
            Instance(f"i-{n}", Lifecycle.IN_SERVICE, Target.HEALTHY, release, template)
            for n, (release, template) in enumerate(seen)
        ]

    every = estimate(pace, fleet(("v1-1", "7"), ("v1-1", "7"), ("v1-1", "7")), want)
    assert every == timing.rollout(pace, 3)
    assert estimate(pace, fleet(("v2-1", "7"), ("v1-1", "7"), ("v2-1", "7")), want) == timing.rollout(pace, 1)
    assert estimate(pace, fleet(("v2-1", "7"), ("v2-1", "6"), ("v2-1", "7")), want) == timing.rollout(
        pace, 1, replaced=True
    )
    assert estimate(pace, fleet(("v2-1", "7")), want).estimate_s == 0


def test_how_long_it_takes_counts_the_canary_that_serves_before_the_others_follow() -> None:
    pace = timing.Pace.of(parse(""))
    plain, baked = timing.rollout(pace, 4, batch=2), timing.rollout(pace, 4, batch=2, canary=1, bake_s=600)
    assert (plain.batches, baked.batches) == (2, 3)
    assert baked.bound_s == plain.bound_s + pace.away_s + 600
    assert timing.rollout(pace, 1, canary=1, bake_s=600) == timing.rollout(pace, 1)
    settings = parse("compute.count = 3\n[release]\ncanary = 1\ncanary_s = 600\n")
    assert strategy(settings).bake_s == 600
    assert strategy(parse("")).bake_s == 0


def test_what_many_instances_say_is_asked_of_the_command_that_each_was_sent() -> None:
    """SendCommand names fifty instances at most, so that a larger fleet has several commands."""
    instances = [f"i-{number}" for number in range(120)]
    asked: dict[str, str] = {}

    def output(command: str, instance: str):
        asked[instance] = command
        return Progress.OK, "{}", ""

    ssm = SimpleNamespace(send=lambda *_: ["first", "second", "third"], output=output)
    here = standing("")
    here.clients = SimpleNamespace(ssm=ssm)
    here.names.document = lambda task: task
    here.clock = SimpleNamespace(sleep=lambda _: None)
    told = diagnosis.several(here, SimpleNamespace(token=1, guard=lambda: None), instances)
    assert set(told) == set(instances)
    assert (asked["i-0"], asked["i-49"], asked["i-50"], asked["i-119"]) == ("first", "first", "second", "third")


def test_how_large_the_fleet_is_now_is_read_from_the_template_that_is_deployed() -> None:
    spec = stacks.build(parse("compute.count = 3")).stack("service")
    assert account_facts._fleet({"service": Deployed("UPDATE_COMPLETE", spec.template)}) == (3, "t4g.small")
    assert account_facts._fleet({}) is None


def test_whoever_goes_on_has_the_strategy_of_the_run_that_began_and_the_size_of_the_deployed_stack() -> None:
    elsewhere = Strategy("surge", 2, 1, 1, CanaryRules(20.0, 3, 500, 0.01))
    kept = ReleaseRecord.from_json(
        replace(KEPT, strategy=elsewhere).then(datetime(2026, 1, 1, tzinfo=UTC), "failed").to_json()
    )
    assert kept.strategy == elsewhere
    paper = Paper(parse("[compute]\ncount = 5\n"))
    running = Rollout(paper.context(), cast(LeaseHolder, paper), None, DesiredGroup(1, 2, 3), kept.strategy)
    want = running.want(kept.release, 7)
    assert (want.size, want.strategy) == (2, elsewhere)


def test_a_release_that_was_kept_without_a_strategy_goes_on_as_the_settings_say() -> None:
    content = json.loads(KEPT.to_json())
    del content["strategy"]
    assert ReleaseRecord.from_json(json.dumps(content)) == KEPT
    paper = Paper(parse("[compute]\ncount = 5\n[release]\nstrategy = 'surge'\n"))
    want = Rollout(paper.context(), cast(LeaseHolder, paper)).want(KEPT.release, 7)
    assert (want.size, want.strategy.kind) == (5, "surge")
