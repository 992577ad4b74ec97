"""A migration that does not fit: it fails, it takes too long, or the code before breaks on what it made."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from hermes_cfn.deciders.actions import EnterStandby, Stop
from hermes_cfn.deciders.observed import Fleet, Group, Instance, Lifecycle, Progress, Target
from hermes_cfn.deciders.rollout import decide
from hermes_cfn.deciders.view import RolloutTarget, Strategy
from hermes_cfn.errors import HermesError, hermes
from hermes_cfn.flows.fleet import diagnosis, hooks, migration, releases
from hermes_cfn.flows.fleet.releases import ReleaseRecord
from hermes_cfn.instance.release import Release

NOW = datetime(2026, 1, 1, tzinfo=UTC)
TWO = Release("v2-2", f"repository@sha256:{2:064x}", "v2")


def serving(target: Target = Target.HEALTHY) -> Fleet:
    ones = tuple(Instance(name, Lifecycle.IN_SERVICE, target, "v1-1", "1", prepared=1) for name in ("i-1", "i-2"))
    return Fleet(NOW, Group("g", 0, 4, 2, frozenset({"AZRebalance"}), frozenset({"AZRebalance"})), ones, boots="v1-1")


def line(**said: object) -> str:
    return json.dumps({"task": "migrate", "operation": "migrate-000001-000001", **said})


ENDS = {
    "it fails": (Progress.FAILED, line(outcome="failed: the migration failed", cause="migration-failed"), ""),
    "it takes too long": (Progress.FAILED, "migrating pages\n", "TimedOut"),
    "it says nothing": (Progress.FAILED, "", ""),
}


@pytest.mark.parametrize("how", ENDS)
def test_a_migration_that_does_not_fit_stops_before_any_instance_is_touched(monkeypatch, how: str) -> None:
    asked: list[tuple[str, str]] = []
    kept: list[ReleaseRecord] = []

    def run(_context, _held, task, instance, *_more):
        asked.append((task, instance))
        return ENDS[how]

    def no_hook(*_words, **_more):
        yield from ()

    monkeypatch.setattr(diagnosis, "run", run)
    monkeypatch.setattr(hooks, "run", no_hook)
    monkeypatch.setattr(releases, "keep", lambda _context, record: kept.append(record))
    settings = SimpleNamespace(application=SimpleNamespace(migrate=("bin/migrate",)))
    observer = SimpleNamespace(look=lambda: (serving(), []))
    context = SimpleNamespace(settings=settings, now=NOW)
    with pytest.raises(HermesError) as caught:
        list(migration.once(context, SimpleNamespace(token=1), observer, ReleaseRecord(TWO, "v1-1"), 1))
    (found,) = caught.value.findings
    assert (found.code, found.next) == ("migration-failed", hermes("releases", "show", "v2-2"))
    assert asked == [("migrate", "i-1")], "once, and on nobody else"
    assert kept[-1].migration["outcome"] != "ok", "the next attempt migrates again"


def test_where_the_code_before_breaks_on_the_new_schema_the_new_one_goes_on() -> None:
    """Everything serves badly by then: stopping would leave it so, and the release is what fits the schema."""
    actions = decide(serving(Target.UNHEALTHY), RolloutTarget("v2-2", 1, 1, 2, "1", Strategy("in-place")))
    assert not any(isinstance(action, Stop) for action in actions)
    assert any(isinstance(action, EnterStandby) for action in actions)
