"""Going back when a run on its way back died, and an emergency that ends badly: nothing stays suspended, nothing goes too far."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from hermes_cfn.deciders.actions import Done, Stop
from hermes_cfn.errors import Finding, HermesError
from hermes_cfn.flows import rollback
from hermes_cfn.flows.fleet import releases
from hermes_cfn.flows.fleet.releases import GOING_BACK, ReleaseRecord
from hermes_cfn.flows.fleet.rollout import Rollout
from hermes_cfn.instance.release import Release

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ONE, TWO, THREE = (
    Release(name, f"repository@sha256:{number:064x}", name) for number, name in enumerate(("v1-1", "v2-2", "v3-3"))
)


@pytest.fixture
def records(monkeypatch):
    """Three releases, each after the other, the last of which runs."""
    before = ((ONE, None), (TWO, "v1-1"), (THREE, "v2-2"))
    kept = {one.id: ReleaseRecord(one, previous).then(NOW, releases.STABLE) for one, previous in before}
    there = SimpleNamespace(kept=kept, goal=THREE, stable=THREE)
    monkeypatch.setattr(releases, "find", lambda _, name: kept.get(name))
    monkeypatch.setattr(releases, "known", lambda _, name: kept[name])
    monkeypatch.setattr(releases, "goal", lambda _: (there.goal, 1))
    monkeypatch.setattr(releases, "stable", lambda _: there.stable)
    monkeypatch.setattr(releases, "keep", lambda _, one: kept.update({one.release.id: one}))
    monkeypatch.setattr(releases, "write_stable", lambda _, release: setattr(there, "stable", release))
    monkeypatch.setattr(releases, "write_goal", lambda _, release: setattr(there, "goal", release) or 2)
    return there


def emergency(result) -> tuple[list[str], HermesError | None]:
    """What an emergency rollback resumed, and how it ended, when its loop ends with ``result``."""
    resumed: list[str] = []

    class Running(Rollout):
        def __post_init__(self) -> None:
            self.strategy = None

        def want(self, *_given, **_more):
            return None

        def drive(self, *_given):
            if isinstance(result, BaseException):
                raise result
            return result
            yield

        def resume_processes(self):
            resumed.append("resumed")
            yield from ()

    try:
        list(rollback._at_once(Running(SimpleNamespace(now=NOW), None), TWO))
    except HermesError as error:
        return resumed, error
    return resumed, None


FAILED = Finding("rollout-instance-failed", "i-1", "rollback failed")


@pytest.mark.parametrize(
    ("result", "resumed", "code"),
    [
        (Done("2 instances"), [], None),
        (Stop(FAILED), ["resumed"], FAILED.code),
        (HermesError(Finding("aws-failed", "ssm", "SendCommand: internal error")), ["resumed"], "aws-failed"),
        (HermesError(Finding("lock-lost", "ana", "somebody else has it")), [], "lock-lost"),
    ],
)
def test_whatever_ends_an_emergency_nothing_stays_suspended_that_is_ours(records, result, resumed, code) -> None:
    done, error = emergency(result)
    assert done == resumed
    assert (error.findings[0].code if error else None) == code


@pytest.mark.parametrize("result", [Stop(FAILED), HermesError(FAILED)])
def test_a_rollback_that_is_run_again_goes_on_and_not_one_release_further(records, result) -> None:
    assert rollback._target(None, "")[1] == TWO
    emergency(result)
    assert records.kept["v2-2"].history[-1]["what"] == GOING_BACK
    assert rollback._target(None, "")[1] == TWO
    emergency(Done("2 instances"))
    assert records.kept["v2-2"].history[-1]["what"] == "stable"
    assert rollback._target(None, "")[1] == ONE
