"""``prices refresh --local``: the client against the embedded cloud's Pricing API, whole and failing half-way."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from analysis.options.table import CHOICES, Options
from hermes_cfn import config
from hermes_cfn.cli import hermes
from hermes_cfn.local import control, options
from hermes_cfn.pricing import books

ROOT = Path(__file__).parents[2]


@pytest.fixture
def cloud(tmp_path, monkeypatch):
    """A cloud without fleet or database; an empty cache."""
    monkeypatch.setenv("HERMES_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    control.start(tmp_path / "state", options.Options(processes=False, follow_parent=True))
    yield tmp_path / "state"
    control.stop(tmp_path / "state")


def typed(*words):
    return CliRunner().invoke(hermes, ["--config", str(ROOT / "hermes.toml"), *words], standalone_mode=False)


def test_a_book_is_fetched_survives_throttling_and_stays_whole_when_a_refresh_fails(cloud, tmp_path):
    def strike(kind, times, skip):
        fault = {"service": "pricing", "action": "*", "kind": kind, "times": times, "skip": skip}
        control.ask(cloud, "faults", {"api": fault})

    said = typed("prices", "refresh", "--local").output
    assert "spot offers of eu-south-2 from api" in said
    strike("throttle", 2, 3)
    assert "offers of eu-south-2 from api" in typed("prices", "refresh", "--local").output
    kept = tmp_path / "cache/hermes-cfn/prices/embedded"
    whole = {path.name: path.read_text() for path in kept.iterdir()}
    assert set(whole) == {"eu-south-2.csv", "eu-south-2.commitments"}
    for kind, code in (("expired", "credentials-expired"), ("broken", "answer-broken")):
        strike(kind, 1, 20)
        assert typed("prices", "refresh", "--local").exception.findings[0].code == code
        assert {path.name: path.read_text() for path in kept.iterdir()} == whole
    assert "EUS2-NatGateway-Hours" in typed("prices", "show", "natgateway", "--local", "--region", "eu-south-2").output
    assert "0 differ" in typed("prices", "diff", "live", "snapshot", "--local").output
    for words in ((), ("--ask",)):
        said = typed("prices", "commitments", "t4g.small", "--local", *words).output
        assert "DescribeSpotPriceHistory" in said
        assert "DescribeSavingsPlansOfferingRates" in said
        assert "inferred" not in said


def test_what_was_fetched_decides_the_rows_of_the_options(cloud, tmp_path):
    typed("prices", "refresh", "--local")
    settings = config.load(ROOT / "hermes.toml")
    kept = tmp_path / "cache/hermes-cfn/prices/embedded"
    for directory, basis in ((kept, "published"), (tmp_path / "none", "inferred")):
        rows = Options(settings, books.load("eu-south-2", directory=directory))
        said = {choice.key: rows.own(choice).gives_up for choice in CHOICES if choice.commitment != "on-demand"}
        assert f"0.01154 USD an hour of an instance ({basis}), break-even in month 7.5" in said["reserved"]
        assert f"0.01327 USD an hour of an instance ({basis}), break-even in month 8.7" in said["savings-plan"]
        assert f"({basis}), 94.21 USD at the start, break-even in month 7.0" in said["reserved-upfront"]
        assert "0.004 USD an hour of an instance (published)" in said["spot"]
