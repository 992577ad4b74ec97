"""What a container must do: each rule's breach is found, and docs/application.md names the finding."""

import re
from pathlib import Path

import pytest

from hermes_cfn.checks import application
from hermes_cfn.config.application import Application

DOCS = Path(__file__).parents[2] / "docs/application.md"
CHECKS = Path(application.__file__).parent
RULES = Application(health_codes=[200, 204])
WELL = {
    "container": {"status": "running", "exit_code": 0},
    "log": ["ready", "wrote /tmp/cache"],
    "health": {"status": 200, "body": "ok", "location": None},
    "listens": [["127.0.0.11", 40123], ["0.0.0.0", 4000]],
    "stopped": {"exit_code": 0, "oom_killed": False},
    "failed": None,
    "proxied": {"status": 302, "body": "", "location": "/login"},
}


def codes(database=True, **changed):
    found = list(application.check("i-1", {**WELL, **changed}, RULES, "app.example.com", database))
    assert all(one.where and one.what and one.next for one in found)
    return [one.code for one in found]


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"listens": [["127.0.0.1", 4000]]}, "application-listens-locally"),
        ({"listens": [["::1", 4000], ["0.0.0.0", 4369]]}, "application-listens-locally"),
        ({"health": {"status": 503, "body": "database"}, "database": False}, "health-needs-database"),
        ({"stopped": {"exit_code": 137, "oom_killed": False}}, "stop-ignored"),
        ({"failed": {"release": "r2", "log": ["KeyError: PORT"]}}, "start-failed"),
        ({"proxied": {"status": 301, "location": "https://app.example.com/"}}, "scheme-ignored"),
        ({"proxied": {"status": 301, "location": "http://app.example.com/login"}}, "scheme-ignored"),
        ({"proxied": {"status": 302, "location": "http://localhost:4000/login"}}, "host-ignored"),
        ({"proxied": {"status": 302, "location": "https://10.0.8.12/login"}}, "host-ignored"),
        ({"idle": {"announced_s": 5, "closed_after_s": None, "watched_s": 5.5}}, "idle-too-short"),
        ({"idle": {"announced_s": 60, "closed_after_s": None, "watched_s": 5.5}}, "idle-too-short"),
        ({"idle": {"announced_s": None, "closed_after_s": 2.0, "watched_s": 5.5}}, "idle-too-short"),
        ({"idle": {"announced_s": 75, "closed_after_s": 2.0, "watched_s": 5.5}}, "idle-too-short"),
        ({"log": ["** (File.Error) could not write: read-only file system"]}, "application-writes"),
    ],
)
def test_a_breach_is_found(changed, code):
    assert codes(**changed) == [code]


@pytest.mark.parametrize(
    "changed",
    [
        {},
        {"listens": [["::", 4000]]},
        {"idle": {"announced_s": 61, "closed_after_s": None, "watched_s": 5.5}},
        {"idle": {"announced_s": None, "closed_after_s": None, "watched_s": 5.5}},
        {"idle": {"announced_s": None, "closed_after_s": 0.0, "watched_s": 5.5}},
        {"idle": "ConnectionRefusedError: refused"},
        {"idle": None},
        {"listens": []},
        {"listens": "FileNotFoundError: proc"},
        {"health": {"status": 503, "body": "draining"}},
        {"health": {"status": 204, "body": ""}, "database": False},
        {"stopped": {"exit_code": 137, "oom_killed": True}},
        {"stopped": {"exit_code": 143, "oom_killed": False}},
        {"stopped": None},
        {"proxied": "URLError: refused"},
        {"proxied": {"status": 302, "location": "https://app.example.com/login"}},
        {"proxied": {"status": 302, "location": "https://www.example.com/"}},
        {"log": "status 1: no such container"},
    ],
)
def test_nothing_is_found_where_the_rules_are_kept(changed):
    assert codes(**changed) == []


def test_every_finding_that_the_page_names_is_one_that_a_check_makes():
    named = set(re.findall(r"^\*\*doctor\*\*: (.+)$", DOCS.read_text(), re.MULTILINE))
    codes = {code for line in named for code in re.findall(r"`([a-z-]+)`", line)}
    made = set(re.findall(r'Finding\(\s*"([a-z-]+)"', "".join(path.read_text() for path in CHECKS.glob("*.py"))))
    assert codes <= made
    own = set(re.findall(r'Finding\(\s*"([a-z-]+)"', (CHECKS / "application.py").read_text()))
    assert own <= codes
    headings = re.findall(r"^## .+$", DOCS.read_text(), re.MULTILINE)
    assert len(named) == len(headings), "every rule says what doctor says of its breach"


def test_a_long_idle_timeout_of_the_load_balancer_is_what_counts():
    """growthbook/growthbook#6971: Node's five seconds behind 3,600."""
    said = {**WELL, "idle": {"announced_s": 75, "closed_after_s": None, "watched_s": 5.5}}
    assert list(application.idles("i-1", said, 60)) == []
    (found,) = application.idles("i-1", said, 3600)
    assert found.code == "idle-too-short"
