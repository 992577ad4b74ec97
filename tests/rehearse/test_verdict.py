"""When a rehearsal is good, and when it is not."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest

from hermes_cfn.errors import ExitCode, HermesError
from hermes_cfn.local import fault_kinds
from hermes_cfn.rehearse import faults, run
from hermes_cfn.rehearse.outage import Outage
from hermes_cfn.rehearse.tally import Tally, Window
from hermes_cfn.rehearse.verdict import (
    AT_GOAL,
    HELD,
    NOT_CONVERGED,
    ROLLED_BACK,
    UNTOUCHED,
    Verdict,
    ends,
    good,
    screen,
)

NOTHING = Window(0, 0.0, 0.0, 0.0)
WELL = Verdict(
    seed=1, faults=(), sent=100, failed=0, failed_by_reason={}, unexcused=0, reconnected=2, interruption_s=0.0,
    planned_s=0.0, duration_s=9.0, lower_bound_s=5.0, floor=1, ends=AT_GOAL, release="v2", exit_code=0, runs=1, steps=9,
    before=NOTHING, during=NOTHING, after=NOTHING,
)  # fmt: skip
FAULT = {"faults": ("never-boots@begin",)}


@pytest.mark.parametrize(
    ("changed", "is_good"),
    [
        ({}, True),
        ({"ends": NOT_CONVERGED}, False),
        ({"ends": ROLLED_BACK}, False),
        ({"ends": ROLLED_BACK, **FAULT}, True),
        ({"unexcused": 1}, False),
        ({"unexcused": 1, "floor": 0}, True),
        ({"ended": 1, **FAULT}, True),
        ({"ended": 1, "spared": True, **FAULT}, False),
        ({"back_s": 0.7, "check_s": 0.75, **FAULT}, True),
        ({"back_s": 0.8, "check_s": 0.75, **FAULT}, False),
    ],
)
def test_a_rehearsal_is_good(changed, is_good: bool) -> None:
    assert good(replace(WELL, **changed)) is is_good


def test_the_screen_says_what_there_is_no_reason_for() -> None:
    shown = "\n".join(screen(replace(WELL, ended=1, spared=True, interruption_s=30.0, planned_s=32.0, **FAULT)))
    assert "1 instances, for which there is no reason" in shown
    assert "30 s, planned 32 s" in shown


def test_an_outage_excuses_what_needs_it_while_it_lasts() -> None:
    rows = [
        (10.0, 0.1, "page", "status 500", ""),
        (19.8, 0.1, "page", "status 500", ""),
        (20.2, 0.1, "page", "ok", "v1"),
        (20.4, 0.1, "page", "ok", "v1"),
        (10.5, 0.1, "kept", "ok", "v1"),
    ]
    tally = Tally(1, 0, tuple(rows))
    assert tally.answered_after(20.0, "page") == pytest.approx(0.3)
    assert tally.answered_after(30.0, "page") is None
    assert tally.failed_outside([], {"page": [(9.0, 20.0)]}) == ()
    assert tally.failed_outside([], {"page": [(9.0, 19.0)]}) == (rows[1],)
    assert len(tally.failed_outside([], {"kept": [(9.0, 20.0)]})) == 2


def test_the_outage_lasts_as_long_as_the_embedded_cloud_makes_it() -> None:
    assert faults.OUTAGES["database-outage"] == fault_kinds.OUTAGE_S
    assert faults.KINDS.keys() > faults.ENDS_NOBODY and not faults.ENDS_NOBODY & faults.DEADLY


def test_steps_of_kill_everywhere() -> None:
    assert faults.steps("kill-everywhere") is None
    assert faults.steps("kill-everywhere@3-14") == (3, 14)
    for wrong in ("kill-everywhere@14-3", "kill-everywhere@0-3", "kill-everywhere@tea"):
        with pytest.raises(HermesError, match="no steps"):
            faults.steps(wrong)


def test_an_outage_lasts_until_what_was_away_is_back_and_not_only_until_it_should_be() -> None:
    began = time.time()
    late = began + 0.3
    prompt, delayed = Outage(began, 0.05, lambda: True), Outage(began, 0.05, lambda: time.time() >= late)
    assert prompt.span[0] == delayed.span[0] == began
    assert began + 0.05 <= prompt.span[1]
    assert prompt.span[1] < late <= delayed.span[1]
    row = (late - 0.05, 0.01, "page", "status 500", "")
    assert Tally(1, 0, (row,)).failed_outside([], {"page": [delayed.span]}) == ()


def test_what_is_held_is_not_called_untouched() -> None:
    assert ends(ExitCode.FAILED, True, True, False, barred=True, held=True) == HELD
    assert ends(ExitCode.FAILED, True, False, False, barred=True) == HELD
    assert ends(ExitCode.FAILED, True, True, False, barred=True) == UNTOUCHED
    assert ends(ExitCode.FAILED, False, True, False, barred=True, held=True) == NOT_CONVERGED
    assert run.Update(1, ("{}", "warning: release-held  v3-b79c7423", "  next: mend")).said(run.HOLDS)
    assert not run.Update(1, ('{"what": "release-held"}', "  release-held", "said: release-held  x")).said(run.HOLDS)


def test_what_passes_by_itself_passes_after_as_long_as_is_asked() -> None:
    fault = faults.parse("registry-throttles=300@prepared")
    assert (fault.kind, fault.moment, fault.lasts_s) == ("registry-throttles", "prepared", 300)
    assert [str(one) for (one,) in faults.turns((faults.parse("registry-throttles=9@every"),))][:2] == [
        "registry-throttles=9@begin",
        "registry-throttles=9@prepared",
    ]
    for wrong in (
        "registry-throttles=",
        "registry-throttles=tea",
        "registry-throttles=0",
        "disk-full=5",
        "zone-gone=1",
    ):
        with pytest.raises(HermesError, match="lasts for no number"):
            faults.parse(wrong)


def test_before_the_first_good_answer_of_a_first_release_nothing_is_lost() -> None:
    rows = (
        (10.0, 0.1, "kept", "status 503", ""),
        (12.0, 0.1, "kept", "ok", "v2"),
        (13.0, 0.1, "kept", "status 503", ""),
    )
    tally = Tally(1, 0, rows)
    assert tally.failed_outside([(0.0, tally.first_good())]) == (rows[2],)
    assert Tally(1, 0, rows[:1]).first_good() == float("inf")
