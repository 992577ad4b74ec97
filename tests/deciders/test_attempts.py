"""One record for each attempt at a release, and DORA's figures from them."""

import random
from datetime import UTC, datetime, timedelta

import pytest

from hermes_cfn.deciders.attempts import Outcome, dora, of_history

DAY = datetime(2026, 11, 1, 12, tzinfo=UTC)


def lines(*what):
    """(minute, what, detail) as a history has them."""
    return [{"at": (DAY + timedelta(minutes=at)).isoformat(), "what": name, "detail": more} for at, name, more in what]


def of(release, *what, commit="abc1234"):
    return of_history(release, "ada", commit, "repo@sha256:" + "0" * 64, lines(*what))


def test_a_release_is_one_record_with_who_what_when_and_how():
    (one,) = of("v1", (0, "requested", "grace"), (1, "migrated", "ok"), (5, "stable", "all"), (6, "after_deploy", "ok"))
    assert (one.by, one.commit, one.outcome, one.back) == ("grace", "abc1234", Outcome.STABLE, False)
    said = one.as_dict()
    assert said["seconds"] == 300 and said["digest"] == "sha256:" + "0" * 64 and said["rolled_back_to"] is None


def test_a_failure_a_rollback_and_a_second_try_are_told_apart():
    first, second = of(
        "v2", (0, "requested", "ada"), (3, "failed", "it did not answer"), (7, "rolled back", "v1"),
        (60, "requested", "bob"), (61, "requested", "bob"), (64, "stable", ""),
    )  # fmt: skip
    assert (first.outcome, first.restored_by, (first.end - first.start).seconds) == (Outcome.ROLLED_BACK, "v1", 420)
    assert (second.outcome, second.by, second.start) == (Outcome.STABLE, "bob", DAY + timedelta(minutes=60))
    (open_one,) = of("v3", (0, "requested", "ada"), (1, "migrated", ""))
    assert open_one.outcome is Outcome.OPEN and open_one.as_dict()["end"] is None
    (paused,) = of("v4", (0, "requested", "ada"), (9, "paused", "at the canary"))
    assert paused.outcome is Outcome.PAUSED and not paused.failed


def test_the_four_figures():
    known = (
        *of("v1", (0, "requested", "ada"), (5, "stable", ""), (1450, "going back to it", ""), (1454, "stable", "by a rollback")),
        *of("v2", (1440, "requested", "ada"), (1445, "failed", "x"), commit="def5678"),
    )  # fmt: skip
    assert [one.back for one in known] == [False, True, False]
    made = {"abc1234": DAY - timedelta(hours=2)}
    found = dora(known, DAY, DAY + timedelta(days=2), made)
    assert (found.attempts, found.a_day, found.failure_rate) == (3, 0.5, 0.5)
    assert (found.lead_s, found.rollout_s, found.restore_s) == (7500, 300, 14 * 60)
    none = dora(known, DAY + timedelta(days=5), DAY + timedelta(days=6))
    assert (none.attempts, none.a_day, none.failure_rate, none.lead_s, none.restore_s) == (0, 0, None, None, None)


@pytest.mark.parametrize("seed", range(20))
def test_whatever_the_history_ends_follow_starts_and_shares_are_shares(seed):
    draw = random.Random(seed)
    words = ["requested", "migrated", "stable", "failed", "rolled back", "paused", "alarms", "going back to it", "?"]
    history = [(at, draw.choice(words), "") for at in range(40)]
    found = of("v1", *history)
    assert len(found) <= sum(word in ("requested", "going back to it") for _, word, _ in history)
    for one in found:
        assert one.end is None or one.start <= one.end
        assert (one.end is None) == (one.outcome is Outcome.OPEN)
    figures = dora(found, DAY, DAY + timedelta(days=1))
    assert figures.failure_rate is None or 0 <= figures.failure_rate <= 1
    assert figures.restore_s is None or figures.restore_s >= 0
