"""What a pipeline allows, and the hash of a plan that somebody approves."""

from decimal import Decimal
from types import SimpleNamespace

import pytest
from deployments import as_there, built, planned

from hermes_cfn.config.allowance import Allowance, parse
from hermes_cfn.errors import ExitCode, HermesError
from hermes_cfn.flows import deploy
from hermes_cfn.plan import record
from hermes_cfn.plan.allowance import beyond
from hermes_cfn.plan.timing import Pace
from hermes_cfn.pricing import books

PACE = Pace(drain_s=30, stop_s=2, start_s=8, health_s=20)


def found(text: str, plan) -> list[str]:
    return [finding.where for finding in beyond(parse(text), plan)]


def test_every_limit_is_read() -> None:
    assert parse("interruption=30s, replace=none,cost=+20.50,duration=15m") == Allowance(
        30.0, frozenset(), Decimal("20.50"), 900.0
    )
    assert parse("replace=A+B,interruption=none,duration=1h") == Allowance(0.0, frozenset({"A", "B"}), None, 3600.0)
    assert parse("") == Allowance()


@pytest.mark.parametrize(
    "text",
    [
        "interruption",
        "interruption=30",
        "interruption=-1s",
        "cost=much",
        "cost=nan",
        "cost=Infinity",
        "replace=",
        "replace=none+NatGateway",
        "duration=15m,duration=20m",
        "downtime=1s",
        "replace=a/b",
    ],
)
def test_what_contradicts_itself_or_cannot_be_read_is_said(text) -> None:
    with pytest.raises(ValueError, match=r"write|contradicts|twice"):
        parse(text)
    with pytest.raises(HermesError) as refused:
        built(f'[release]\nallow = "{text}"')
    assert refused.value.findings[0].where.endswith("release.allow")


def test_each_limit_stops_what_is_beyond_it_and_nothing_else() -> None:
    there = as_there(built())
    book = books.load("eu-south-2", "snapshot")
    bigger = planned(built("[compute]\ncount = 3"), there, book=book)
    assert found("cost=+1", bigger) == ["cost"]
    assert found("cost=+1000", bigger) == []
    assert found("cost=+1", planned(built(), there)) == ["cost"], "without prices nobody can say"
    port = planned(built("[application]\nport = 5000\n[env]\nPORT = '5000'"), there, book=book)
    assert found("replace=none", port) == ["replace"]
    names = "+".join(sorted(name for _, name in port.replacements))
    assert found(f"replace={names}", port) == []
    assert found("duration=1s", bigger) == ["duration"]
    assert found("", port) == []
    alone = built("[compute]\ncount = 1")
    only = planned(alone, as_there(alone), release_now="a", release_next="b", instances=1, pace=PACE)
    assert only.interruption.seconds > 0
    assert found("interruption=none", only) == ["interruption"]
    assert found("interruption=10m", only) == []


def test_a_hash_stands_for_what_is_done_and_not_for_how_long_it_takes() -> None:
    there = as_there(built())
    plan = planned(built("[compute]\ncount = 3"), there)
    same = planned(built("[compute]\ncount = 3"), there, pace=PACE)
    other = planned(built("[compute]\ncount = 4"), there)
    assert record.is_digest(record.digest(plan))
    assert record.digest(plan) == record.digest(same) != record.digest(other)
    record.approved(record.digest(plan), same)
    with pytest.raises(HermesError) as refused:
        record.approved(record.digest(plan), other)
    assert refused.value.findings[0].code == "plan-changed"
    assert not record.is_digest("nobody")


def test_every_verb_that_deploys_keeps_to_what_the_settings_allow(monkeypatch) -> None:
    made = planned(built("[compute]\ncount = 3"), as_there(built()), book=books.load("eu-south-2", "snapshot"))
    monkeypatch.setattr(deploy.plan_inputs, "make", lambda context, question: made)

    def ends(allow: str, **options) -> int | None:
        context = SimpleNamespace(settings=SimpleNamespace(release=SimpleNamespace(allow=allow)))
        try:
            deploy._planned(context, deploy.DeployOptions(**options), frozenset())
        except HermesError as error:
            return error.exit_code
        return None

    assert ends("cost=+1") == ExitCode.NOT_ALLOWED
    assert ends("cost=+1", allowed=parse("cost=+1000")) is None, "what a person types counts instead"
    assert ends("cost=+1000") is None
