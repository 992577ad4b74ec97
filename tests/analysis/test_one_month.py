"""``[usage]`` is billed, ``[planning]`` is sized for: what both say of a month is compared, and told where it differs."""

import pytest

from analysis.answers import disagreement
from hermes_cfn import config


def told(tmp_path, text):
    path = tmp_path / "hermes.toml"
    path.write_text(text)
    return disagreement(config.load(path))


def test_the_defaults_describe_one_month(tmp_path):
    assert told(tmp_path, "") == ""


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[planning]\npeak_requests_per_s = 20\n", "28,689,000 requests against 3,000,000"),
        ("[planning]\nresponse_kib = 600\n", "1,763 GB to users against 184"),
        ("[planning]\nsockets = 4000\n", "open connections against 200"),
        ("[usage]\nactive_connections = 20\n", "open connections against 20"),
        ("[usage]\ncpu_percent = 1\n", "% of the processors against 1"),
        (f"[usage]\ndaily_profile = {[1] + [0] * 23}\n", "times the day's mean in the busiest hour against 24.0"),
    ],
)
def test_what_differs_is_told_with_both_figures(tmp_path, text, said):
    assert said in told(tmp_path, text)


def test_a_profile_like_the_planned_day_is_no_difference(tmp_path):
    assert told(tmp_path, f"[usage]\ndaily_profile = {[1] * 12 + [2] * 12}\n") == ""
