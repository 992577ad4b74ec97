"""Whoever was deployed to lately is asked again and again whether its container stayed up, also after it was confirmed."""

import itertools
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

from hermes_cfn.deciders.observed import Instance, Lifecycle, Target
from hermes_cfn.flows.fleet.observer import TRIAL_S, Observer
from hermes_cfn.instance.documents import PROVE_S

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def one(armed: int) -> Instance:
    return Instance("i-1", Lifecycle.IN_SERVICE, Target.HEALTHY, "v2-2", "1", armed=armed)


def test_a_container_that_ends_after_it_was_confirmed_is_heard_of_before_the_next_is_taken() -> None:
    observer = Observer(SimpleNamespace(clients=None, names=None))
    assert observer._on_trial([one(armed=7)], NOW) == {"i-1"}
    asked = []
    for second in range(1, int(PROVE_S) + 60):
        if observer._on_trial([one(armed=0)], NOW + timedelta(seconds=second)):
            asked.append(second)
    assert asked[0] <= TRIAL_S
    assert max(later - sooner for sooner, later in itertools.pairwise(asked)) <= TRIAL_S
    assert PROVE_S - TRIAL_S <= asked[-1] < PROVE_S, "as long as somebody stays beside it, and no longer"


def test_who_was_not_deployed_to_is_not_asked() -> None:
    observer = Observer(SimpleNamespace(clients=None, names=None))
    assert not observer._on_trial([one(armed=0)], NOW)
