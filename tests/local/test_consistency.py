"""Reads that are late, things that are not known yet, dry buckets and broken calls, over a service of one value."""

import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from hermes_cfn.local import lags
from hermes_cfn.local.consistency import MODES, Consistency
from hermes_cfn.local.wire import Call, HttpRequest, HttpResponse, model

HEADERS = {"content-type": "application/x-amz-json-1.1", "x-amz-target": "AmazonSSM.DescribeParameters"}


class Clock:
    """Service time that goes only when it is told."""

    def __init__(self):
        self.at = datetime(2026, 11, 30, tzinfo=UTC)

    def now(self):
        return self.at

    def advance(self, seconds):
        self.at += timedelta(seconds=seconds)


class World:
    """A service that has one value, a clock that goes when told, and a consistency over both."""

    def __init__(self, mode, seed=1, service="ssm"):
        self.value, self.items, self.at, self.service = "old", list("abcdefghijklmnop"), 0.0, service
        self.clock = Clock()
        self.over = Consistency(mode, seed, self.clock, self.ask, lambda: self.at)

    def ask(self, _call, action, request):
        if action.startswith("Put"):
            self.value = json.loads(request.body)["Value"]
        return HttpResponse(200, {}, json.dumps({"Value": self.value, "Parameters": self.items}).encode())

    def wait(self, seconds):
        self.at += seconds
        self.clock.advance(seconds)

    def call(self, action, **given):
        headers = {**HEADERS, "x-amz-target": f"AmazonSSM.{action}"}
        request = HttpRequest("POST", "/", headers, json.dumps(given).encode())
        return self.over.answer(Call(self.service, "eu-south-2", "AKIA"), action, request)

    def read(self):
        answer = self.call("DescribeParameters")
        return json.loads(answer.body)["Value"] if answer.status == 200 and not answer.lost else None


def always(calls, late_s):
    return lags.Lag(calls, 1.0, 1e12, late_s, "test")


def test_strong_answers_as_of_now():
    world = World("strong")
    for n in range(200):
        world.call("PutParameter", Name="a", Value=str(n))
        assert world.read() == str(n)
    assert not world.over.counts


def test_a_late_read_answers_as_of_then_and_never_older():
    world = World("default")
    world.over.rules = [always("ssm.DescribeParameters", 2.0)]
    world.read()
    world.wait(5)
    world.call("PutParameter", Name="a", Value="new")
    seen = []
    for _ in range(8):
        world.wait(0.5)
        seen.append(world.read())
    told = [one for one in seen if one]
    assert told[:3] == ["old"] * 3  # 0.5, 1.0 and 1.5 s after the write
    assert told[-3:] == ["new"] * 3  # 3 s and more


def test_lateness_is_drawn_anew_so_that_answers_go_back():
    world = World("default")
    order = []
    for n in range(300):
        world.wait(0.4)
        world.call("PutParameter", Name="a", Value=str(n))
        world.wait(0.4)
        order += [int(said) for said in [world.read()] if said and said.isdigit()]
    assert any(later < earlier for earlier, later in pairwise(order))
    assert world.over.counts["stale"] > 20
    row = lags.lag_of("ssm.DescribeParameters")
    most = max(n - said for n, said in enumerate(order))
    assert (
        most
        <= row.most_s / 0.8
        + 1
        + world.over.counts["broken before"]
        + world.over.counts["broken after"]
        + world.over.counts["throttled"]
    )


def test_worst_tells_what_was_before_a_write_once_and_every_new_answer_twice_over():
    world = World("worst", seed=3)
    world.over._breaks = lambda: (False, False)
    world.read()
    world.call("PutParameter", Name="a", Value="new")
    assert [world.read() for _ in range(4)] == ["old", "new", "old", "new"]


@pytest.mark.parametrize("mode", ["default", "worst"])
def test_the_same_seed_gives_the_same_answers(mode):
    def run(seed):
        world = World(mode, seed)
        said = []
        for n in range(60):
            world.wait(1)
            world.call("PutParameter", Name="a", Value=str(n))
            said.append(world.read())
        return said

    assert run(5) == run(5)
    assert run(5) != run(6)


def test_a_bucket_runs_dry_and_fills_again():
    world = World("default")
    world.over._breaks = lambda: (False, False)
    bucket = lags.bucket_of("ssm.PutParameter")
    assert bucket.each
    refused = [world.call("PutParameter", Name="a", Value="1").status for _ in range(int(bucket.size) + 3)]
    assert refused.count(200) == bucket.size
    assert refused[-1] == 400
    world.wait(1)
    assert world.call("PutParameter", Name="a", Value="1").status == 200


def test_a_call_that_breaks_was_carried_out_or_not():
    done = Counter()
    for seed in range(3000):
        world = World("worst", seed)
        answer = world.call("PutParameter", Name="a", Value="new")
        if answer.lost or answer.status == 500:
            done[world.value] += 1
    assert done["old"] > 5
    assert done["new"] > 5
    assert 10 < done.total() < 60  # 1 % of 3,000


def test_pages_end_early_and_say_their_last_item_again():
    world = World("default", seed=2)
    world.over._breaks = lambda: (False, False)
    split = 0
    for _ in range(60):
        first = json.loads(world.call("DescribeParameters").body)
        world.wait(1)
        if token := first.get("NextToken"):
            split += 1
            rest = json.loads(world.call("DescribeParameters", NextToken=token).body)["Parameters"]
            assert rest[0] == first["Parameters"][-1]
            assert first["Parameters"] + rest[1:] == world.items
    assert split > 3


def test_a_young_instance_and_a_young_role_are_unknown_and_then_known():
    world = World("worst")
    world.over._breaks = lambda: (False, False)
    form = {"content-type": "application/x-www-form-urlencoded"}

    def ask(service, action, body):
        request = HttpRequest("POST", "/", form, f"Action={action}&{body}".encode())
        return world.over.answer(Call(service, "eu-south-2", "AKIA"), action, request)

    world.over._ask = lambda *_: HttpResponse(200, {}, b"<r><instanceId>i-0abc</instanceId></r>")
    ask("ec2", "RunInstances", "MinCount=1")
    ask("iam", "CreateRole", "RoleName=service")
    late = ask("cloudformation", "CreateChangeSet", "StackName=s&ChangeSetName=c&RoleARN=arn:aws:iam::1:role/service")
    assert late.status == 400
    assert b"cannot be assumed" in late.body
    assert b"InvalidInstanceID.NotFound" in ask("ec2", "DescribeInstanceStatus", "InstanceId.1=i-0abc").body
    assert ask("ec2", "DescribeInstances", "Filter.1.Name=vpc-id").status == 200
    world.wait(max(row.most_s for row in lags.UNKNOWNS))
    assert ask("ec2", "DescribeInstances", "InstanceId.1=i-0abc").status == 200
    assert ask("cloudformation", "CreateChangeSet", "StackName=s&RoleARN=arn:aws:iam::1:role/service").status == 200


def test_every_row_names_operations_that_exist_and_says_where_its_figure_is_from():
    for row in (*lags.LAGS, *lags.BUCKETS):
        service, _, action = row.calls.partition(".")
        assert row.source
        assert any(lags.fnmatchcase(name, action) for name in model(service).operation_names)
    for action in (*lags.SPLIT, *lags.SHUFFLED):
        assert any(
            action in model(service).operation_names for service in ("cloudformation", "ssm", "autoscaling", "elbv2")
        )
    assert set(lags.BROKEN) == set(MODES)
