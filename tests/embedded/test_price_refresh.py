"""``prices refresh --local``: the client against the embedded cloud's Pricing API, whole and failing half-way."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from hermes_cfn.cli import hermes
from hermes_cfn.local import control
from hermes_cfn.local.options import Options

ROOT = Path(__file__).parents[2]


@pytest.fixture
def cloud(tmp_path, monkeypatch):
    """A cloud without fleet or database; an empty cache."""
    monkeypatch.setenv("HERMES_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    yield control.start(tmp_path / "state", Options(processes=False, follow_parent=True)).endpoint
    control.stop(tmp_path / "state")


def typed(*words):
    return CliRunner().invoke(hermes, ["--config", str(ROOT / "hermes.toml"), *words], standalone_mode=False)


def test_a_book_is_fetched_survives_throttling_and_stays_whole_when_a_refresh_fails(cloud, tmp_path):
    def strike(kind, times, skip):
        fault = {"service": "pricing", "action": "*", "kind": kind, "times": times, "skip": skip}
        control.ask(cloud, "faults", {"api": fault})

    assert "prices of eu-south-2 from api" in typed("prices", "refresh", "--local").output
    strike("throttle", 2, 3)
    assert "prices of eu-south-2 from api" in typed("prices", "refresh", "--local").output
    (book,) = (tmp_path / "cache/hermes-cfn/prices/embedded").iterdir()
    whole = book.read_text()
    for kind, code in (("expired", "credentials-expired"), ("broken", "answer-broken")):
        strike(kind, 1, 20)
        assert typed("prices", "refresh", "--local").exception.findings[0].code == code
        assert [path.name for path in book.parent.iterdir()] == [book.name]
        assert book.read_text() == whole
    assert "EUS2-NatGateway-Hours" in typed("prices", "show", "natgateway", "--local", "--region", "eu-south-2").output
    assert "0 differ" in typed("prices", "diff", "live", "snapshot", "--local").output
    assert "DescribeSpotPriceHistory" in typed("prices", "commitments", "t4g.small", "--ask", "--local").output
