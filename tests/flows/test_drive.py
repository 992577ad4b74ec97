"""The one loop: what it does in a turn, and when it looks again."""

from datetime import UTC, datetime, timedelta

from hermes_cfn.clock import LONGEST_S, Tempo
from hermes_cfn.deciders.actions import Done, Wait
from hermes_cfn.flows.base.loop import drive


class Jumping:
    """A clock on which sleeping is jumping, and service time that passes ``speed`` times faster."""

    def __init__(self, speed: float = 1.0) -> None:
        self.at, self.speed = 0.0, speed

    def now(self) -> datetime:
        return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=self.at)

    def sleep(self, seconds: float) -> None:
        self.at += seconds

    def service(self) -> datetime:
        return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=int(self.at * self.speed))


def ran(turns, refused=()):
    """The actions of a loop whose decider answers ``turns`` one after the other."""
    clock, left, did = Jumping(), iter(turns), []

    def act(action):
        did.append(action)
        yield from ()
        return action not in refused

    story = drive(lambda: ((), ()), lambda _: next(left), act, lambda: None, clock, clock.service)
    for _ in story:
        pass
    return did


def test_after_a_refusal_the_rest_of_a_turn_is_decided_anew() -> None:
    turns = (("confirm", "take"), ("take",), (Done("all"),))
    assert ran(turns) == ["confirm", "take", "take"]
    assert ran(turns, refused={"confirm"}) == ["confirm", "take"]


def waited(tempo: Tempo, clock: Jumping, what: str, seconds: float) -> tuple[int, float]:
    """Looks until a wait of that many seconds is seen to have ended, and how late that is."""
    begun, looks = clock.at, 0
    while clock.at - begun < seconds:
        clock.sleep(tempo.pause(what, clock.at - begun))
        looks += 1
    tempo.took(what, clock.at - begun)
    return looks, clock.at - begun - seconds


def test_a_wait_of_known_length_is_looked_at_when_it_is_due() -> None:
    clock = Jumping()
    tempo = Tempo(clock, clock.service, {"drain": 30.0})
    clock.sleep(5)
    looks, late = waited(tempo, clock, "drain", 30.0)
    assert looks <= 30 / LONGEST_S + 1
    assert late < 0.1


def test_a_wait_of_unknown_length_is_seen_to_end_soon_and_the_next_one_costs_fewer_looks() -> None:
    clock = Jumping()
    tempo = Tempo(clock, clock.service, {})
    clock.sleep(5)
    first, late = waited(tempo, clock, "deploy", 10.0)
    assert late < 0.5
    second, late = waited(tempo, clock, "deploy", 10.0)
    assert late < 0.5
    assert second < first / 3


def test_where_nobody_is_out_of_service_there_is_no_hurry() -> None:
    clock = Jumping()
    tempo = Tempo(clock, clock.service, {}, unhurried=("prepare",))
    clock.sleep(5)
    assert 2 * waited(tempo, clock, "prepare", 25.0)[0] < waited(tempo, clock, "", 25.0)[0]


def test_a_wait_without_a_name_is_not_remembered() -> None:
    """A health check may come at once or at the end of its interval: the last one says nothing of the next."""
    clock = Jumping()
    tempo = Tempo(clock, clock.service, {})
    clock.sleep(5)
    waited(tempo, clock, Wait("becomes healthy").for_what, 10.0)
    assert waited(tempo, clock, Wait("becomes healthy").for_what, 1.0)[1] < 0.3
