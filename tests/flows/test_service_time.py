"""The service's time between answers: who waits for it before asking again must see it pass."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

from hermes_cfn.aws.calls import ServiceTime
from hermes_cfn.flows.fleet.observer import FRESH_S, Observer

TOLD = datetime(2026, 1, 1, 12, 0, 0, tzinfo=UTC)
HEADER = "Thu, 01 Jan 2026 12:00:00 GMT"


def passing(monkeypatch, seconds: float) -> None:
    monkeypatch.setattr("hermes_cfn.aws.calls.time", SimpleNamespace(monotonic=lambda: seconds))


def test_the_time_goes_on_from_the_latest_answer_and_never_back(monkeypatch) -> None:
    passing(monkeypatch, 100.0)
    time = ServiceTime()
    time.heard(HEADER)
    assert time.now() == TOLD
    passing(monkeypatch, 107.9)
    assert time.now() == TOLD + timedelta(seconds=7)
    time.heard("Thu, 01 Jan 2026 12:00:05 GMT")
    assert time.now() == TOLD + timedelta(seconds=7), "an answer that was long on its way"
    time.heard("Thu, 01 Jan 2026 12:01:00 GMT")
    assert time.now() == TOLD + timedelta(seconds=60)


def test_a_fleet_that_stands_still_is_looked_at_again_though_nothing_else_asks_aws(monkeypatch) -> None:
    passing(monkeypatch, 0.0)
    time = ServiceTime()
    time.heard(HEADER)
    clients = SimpleNamespace(now=time.now, ssm=None)
    observer = Observer(SimpleNamespace(clients=clients, names=None))
    observer._parts["group"] = (clients.now(), None)
    assert not observer._due("group", clients.now())
    passing(monkeypatch, FRESH_S)
    assert observer._due("group", clients.now())
    observer.acted()
    assert observer._due("group", TOLD), "what somebody has just changed is read anew"
