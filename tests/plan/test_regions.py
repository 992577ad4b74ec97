"""A plan without any credentials, in every region that is used most and in some whose prices nobody has read."""

import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from hermes_cfn.cli import hermes
from hermes_cfn.pricing import books
from hermes_cfn.pricing.regions import PLACES

ROOT = Path(__file__).parents[2]
READ = [region for region in books.packaged_regions() if region not in PLACES]


def planned(folder, region, monkeypatch, *words):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_PROFILE", "AWS_CONTAINER_CREDENTIALS_FULL_URI"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(folder / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(folder / "none"))
    text = re.sub("eu-south-2", region, (ROOT / "hermes.toml").read_text(encoding="utf-8"))
    (folder / "hermes.toml").write_text(text, encoding="utf-8")
    ended = CliRunner().invoke(hermes, ["--config", str(folder / "hermes.toml"), "plan", *words], standalone_mode=False)
    assert ended.exception is None, ended.exception
    return ended.stdout


def test_at_least_fifteen_regions_have_prices_that_somebody_has_read():
    assert len(READ) >= 15


@pytest.mark.slow
@pytest.mark.parametrize("region", [*READ, "mx-central-1", "af-south-1"])
def test_every_line_of_the_bill_says_its_basis(tmp_path, monkeypatch, region):
    made = json.loads(planned(tmp_path, region, monkeypatch, "--format", "json"))
    lines = made["bill"]["lines"]
    assert float(made["bill"]["after"]) > 60
    assert {line["basis"] for line in lines} <= {"published", "billed", "inferred"}
    read = sum(float(line["after"]) for line in lines if line["basis"] != "inferred")
    assert (read > 0) == (region in READ)


@pytest.mark.parametrize("region", ["cn-north-1", "us-gov-west-1"])
def test_another_partition_is_planned_without_its_bill_and_says_why(tmp_path, monkeypatch, region):
    made = json.loads(planned(tmp_path, region, monkeypatch, "--format", "json"))
    assert made["bill"] is None
    (finding,) = [one for one in made["findings"] if one["code"] == "book-missing"]
    assert finding["severity"] == "warning"
