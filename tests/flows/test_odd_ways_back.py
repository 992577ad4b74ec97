"""Odd input for a way back, and a second attempt that says otherwise: one clear finding, and nothing written."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from hermes_cfn.errors import ExitCode, HermesError
from hermes_cfn.flows import release as release_flow
from hermes_cfn.flows import rollback
from hermes_cfn.flows.fleet import preconditions
from hermes_cfn.flows.fleet.preconditions import Way
from hermes_cfn.flows.fleet.releases import GOING_BACK, MIGRATED, STABLE, ReleaseRecord
from hermes_cfn.instance.release import Release

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ONE, TWO = (Release(name, f"repository@sha256:{at:064x}", name) for at, name in enumerate(("v1-1", "v2-2")))


class Store:
    """Bucket, parameters and registry; whatever writes fails the test."""

    def __init__(self, *kept: ReleaseRecord, goal: Release = TWO, stable: Release = TWO, raw=None, images=(ONE, TWO)):
        self.objects_ = {f"releases/{one.release.id}.json": one.to_json().encode() for one in kept} | (raw or {})
        self.parameters = {"goal": goal.to_json(), "stable": stable.to_json()}
        self.digests = {one.image.rpartition("@")[2] for one in images}

    def get(self, _bucket, key):
        return self.objects_.get(key)

    def objects(self, _bucket, _prefix):
        return [(key, NOW) for key in self.objects_]

    def parameter(self, name):
        return SimpleNamespace(value=self.parameters[name], version=1)

    def described(self, _path):
        return {}

    def image(self, _repository, digest):
        return object() if digest in self.digests else None

    def architectures(self, _repository, _digest):
        return ("arm64",)

    def context(self):
        names = SimpleNamespace(
            goal_parameter="goal", stable_parameter="stable", artifacts_bucket="bucket", repository="hermes",
            secrets_path="secrets", release_key=lambda name: f"releases/{name}.json", auto_scaling_group="group",
        )  # fmt: skip
        compute = SimpleNamespace(architecture="arm64")
        return SimpleNamespace(
            names=names,
            clients=SimpleNamespace(s3=self, ssm=self, ecr=self),
            settings=SimpleNamespace(compute=compute),
        )


def kept(release: Release, previous: str | None = None, *what: str) -> ReleaseRecord:
    record = ReleaseRecord(release, previous)
    for line in what or (STABLE,):
        record = record.then(NOW, line)
    return record


WHOLE = json.loads(kept(ONE).to_json())
NEWER = json.dumps({**WHOLE, "release": {**WHOLE["release"], "shards": 3}}).encode()
CASES = {
    "a release that never existed": (Store(kept(ONE), kept(TWO, "v1-1")), "v9-9", "release-unknown"),
    "damaged records": (Store(kept(TWO, "v1-1"), raw={"releases/v1-1.json": b"{"}), "v1-1", "release-record-unreadable"),
    "records that are a list": (Store(kept(TWO), raw={"releases/v1-1.json": b"[]"}), "v1-1", "release-record-unreadable"),
    "records of a newer version": (Store(kept(TWO), raw={"releases/v1-1.json": NEWER}), "v1-1", "release-record-unreadable"),
    "records that are no UTF-8": (Store(kept(TWO), raw={"releases/v1-1.json": b"\xff\xfe"}), "v1-1", "release-record-unreadable"),
    "nothing before": (Store(kept(TWO)), "", "rollback-nowhere"),
    "the one before was never verified": (Store(kept(ONE, None, "failed"), kept(TWO, "v1-1")), "", "rollback-nowhere"),
    "the running one": (Store(kept(ONE), kept(TWO, "v1-1")), "v2-2", "rollback-same"),
    "an image that was pruned": (Store(kept(ONE), kept(TWO, "v1-1"), images=[TWO]), "v1-1", "image-gone"),
}  # fmt: skip


@pytest.mark.parametrize("what", CASES)
def test_odd_input_is_one_clear_finding(what: str) -> None:
    store, to, code = CASES[what]
    context = store.context()
    with pytest.raises(HermesError) as caught:
        _, target = rollback._target(context, to)
        preconditions.demand(context, target, None, Way(back=True))
    (found,) = caught.value.findings
    assert found.code == code
    assert found.where and found.what and found.next
    assert caught.value.exit_code in {ExitCode.REFUSED, ExitCode.USAGE}


def test_going_on_with_the_running_one_is_a_way_back_where_that_was_cut_off() -> None:
    context = Store(kept(ONE), kept(TWO, "v1-1", STABLE, GOING_BACK)).context()
    assert rollback._target(context, "")[1] == TWO


def test_the_newest_word_on_the_schema_counts_and_a_difference_is_told() -> None:
    first = kept(ONE, "v0-0", STABLE)
    first = replace(first, migration={"outcome": "ok"}, diagnosis={"i-1": {}})
    again, told = release_flow._attempt(first, replace(ONE, compatible=False), TWO)
    assert [finding.code for finding in told] == ["release-compatible"]
    assert (again.release.compatible, again.previous, again.migration, again.diagnosis) == (False, "v2-2", {}, {})
    same, told = release_flow._attempt(again, replace(ONE, compatible=False), TWO)
    assert told == []
    assert same.release.compatible is False


def test_every_migration_between_here_and_there_bars_the_way_and_not_the_last_alone() -> None:
    later = NOW.replace(year=2027)
    old = kept(ONE)
    migrated = ReleaseRecord(replace(TWO, compatible=False), "v1-1")
    migrated = migrated.then(later, MIGRATED, "ok", before=1, after=2, changed=True).then(later, STABLE)
    newest = Release("v3-3", f"repository@sha256:{3:064x}", "v3")
    context = Store(old, migrated, kept(newest, "v2-2"), goal=newest, stable=newest).context()
    with pytest.raises(HermesError) as caught:
        preconditions.demand(context, ONE, None, Way(back=True))
    assert [finding.code for finding in caught.value.findings] == ["rollback-schema"]
    preconditions.demand(context, ONE, None, Way(back=True, despite_schema=True))


def test_a_release_that_failed_is_nothing_to_go_back_to_however_new_it_is() -> None:
    """zendesk/samson#2366, andres-montanez/Magallanes#93: "the one before" was the last that was tried, and had failed."""
    failed = Release("v3-3", f"repository@sha256:{3:064x}", "v3")
    newest = Release("v4-4", f"repository@sha256:{4:064x}", "v4")
    attempt, _ = release_flow._attempt(None, newest, TWO)
    context = Store(
        kept(ONE),
        kept(TWO, "v1-1"),
        kept(failed, "v2-2", "failed"),
        attempt.then(NOW, STABLE),
        goal=newest,
        stable=newest,
    ).context()
    assert rollback._target(context, "")[1] == TWO


def test_an_earlier_release_that_is_released_again_goes_back_to_what_ran_until_then() -> None:
    """RiotGamesCookbooks/artifact-cookbook#23: 1, 2, then 1 again was "deployed already", and 2 stayed."""
    again, _ = release_flow._attempt(kept(ONE), ONE, TWO)
    assert again.previous == "v2-2"
    context = Store(again.then(NOW, STABLE), kept(TWO, "v1-1"), goal=ONE, stable=ONE).context()
    assert rollback._target(context, "")[1] == TWO


@pytest.mark.parametrize("to", ["", "v1-1"])
def test_a_way_back_to_what_does_not_know_the_schema_is_refused_before_anything_is_touched(to: str) -> None:
    """curie-eng/curie#2296, JetBrains-Research/idegym#278: the release had been healthy once, and that counted as safe."""
    migrated = ReleaseRecord(replace(TWO, compatible=False), "v1-1")
    migrated = migrated.then(NOW.replace(year=2027), MIGRATED, "ok", before=38, after=39, changed=True)
    context = Store(kept(ONE), migrated.then(NOW.replace(year=2027), STABLE)).context()
    _, target = rollback._target(context, to)
    with pytest.raises(HermesError) as caught:
        preconditions.demand(context, target, None, Way(back=True))
    (found,) = caught.value.findings
    assert found.code == "rollback-schema"
    assert "38 to 39" in found.what
    preconditions.demand(context, TWO, None, Way())


def test_what_only_adds_to_the_schema_bars_no_way_back() -> None:
    """kagent-dev/kagent#1963: every migration stopped the version before, additive ones too."""
    migrated = ReleaseRecord(replace(TWO, compatible=True), "v1-1")
    migrated = migrated.then(NOW.replace(year=2027), MIGRATED, "ok", before=38, after=39, changed=True)
    context = Store(kept(ONE), migrated.then(NOW.replace(year=2027), STABLE)).context()
    preconditions.demand(context, ONE, None, Way(back=True))


WAYS = {
    "release": Way(), "rollback": Way(back=True), "rollback, emergency": Way(back=True, despite_schema=True),
    "deploy and resume": Way(names_it=False), "wake": Way(asleep=True, names_it=False),
}  # fmt: skip


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_every_way_asks_for_image_and_architecture_alike(way: Way) -> None:
    """yoanbernabeu/frankendeploy#72, captain-coaster/captain-coaster#351: the rollback lacked what the deployment looked at."""
    gone = Store(kept(ONE), kept(TWO, "v1-1"), images=[ONE], goal=TWO).context()
    other = Store(kept(ONE), kept(TWO, "v1-1"), goal=TWO)
    other.architectures = lambda _repository, _digest: ("amd64",)
    here = other.context()
    here.settings.compute.instance_type = "t4g.small"
    for context, code in ((gone, "image-gone"), (here, "image-architecture")):
        with pytest.raises(HermesError) as caught:
            preconditions.demand(context, TWO, None, way)
        assert [finding.code for finding in caught.value.findings] == [code]


def test_of_two_that_differ_in_the_schema_the_newest_word_counts_in_both_directions() -> None:
    word, told = True, []
    record = None
    for word in (True, False, True):
        record, findings = release_flow._attempt(record, replace(ONE, compatible=word), TWO)
        told.append([finding.code for finding in findings])
        assert record.release.compatible is word
    assert told == [[], ["release-compatible"], ["release-compatible"]]
