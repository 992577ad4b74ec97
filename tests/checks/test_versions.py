"""An older tool refuses what a newer one deployed; a newer one says what its changelog says; old records are read."""

import json

import pytest

from hermes_cfn import tool
from hermes_cfn.checks import versions
from hermes_cfn.errors import Severity
from hermes_cfn.flows.fleet.releases import ReleaseRecord
from hermes_cfn.instance.release import Release

CHANGELOG = """\
# Changelog

## [Unreleased]

* Nothing that anybody has.

## [0.3.0] - 2027-02-01

### Changed

* Instances log to another group, which replaces
  no instance.

## [0.2.0] - 2027-01-01

### Fixed

* A rule of the security group.

## [0.1.0] - 2026-12-01

* The beginning.
"""


@pytest.mark.parametrize(
    ("deployed", "mine", "code", "severity"),
    [
        ({"network": "0.2.0", "service": "0.2.0"}, "0.1.0", "tool-older", Severity.ERROR),
        ({"network": "0.1.0", "service": "0.2.0"}, "0.1.9", "tool-older", Severity.ERROR),
        ({"network": "0.1.0", "service": ""}, "0.3.0", "tool-newer", Severity.INFO),
        ({"network": "0.9.0"}, "0.10.0", "tool-newer", Severity.INFO),
        ({"network": "0.3.0"}, "0.3.0", "", None),
        ({"network": ""}, "0.3.0", "", None),
        ({}, "0.3.0", "", None),
        ({"network": "a branch"}, "0.3.0", "", None),
    ],
)
def test_a_plan_knows_which_version_deployed(deployed, mine, code, severity):
    found = list(versions.of(deployed, mine, CHANGELOG))
    assert [(one.code, one.severity) for one in found] == ([(code, severity)] if code else [])


def test_an_older_tool_names_the_version_and_the_stacks_and_may_be_allowed():
    deployed = {"network": "0.1.0", "service": "0.2.0"}
    (refused,) = versions.of(deployed, "0.1.0", CHANGELOG)
    assert refused.where == "service" and "0.2.0" in str(refused.next)
    (allowed,) = versions.of(deployed, "0.1.0", CHANGELOG, allow_older=True)
    assert allowed.severity is Severity.WARNING


def test_a_newer_tool_says_what_changed_since_and_nothing_else():
    (told,) = versions.of({"network": "0.1.0"}, "0.3.0", CHANGELOG)
    assert told.evidence.splitlines() == [
        "0.3.0: Instances log to another group, which replaces no instance.",
        "0.2.0: A rule of the security group.",
    ]
    many = "## [0.2.0]\n\n" + "".join(f"* Change {n}.\n" for n in range(30))
    (folded,) = versions.of({"network": "0.1.0"}, "0.2.0", many)
    assert len(folded.evidence.splitlines()) == versions.MOST_LINES + 1


def test_the_changelog_of_this_version_is_found():
    assert tool.changelog().startswith("# Changelog") and tool.ordered(tool.version())


RECORDED = {
    "id": "v1-bbeb38d7",
    "image": f"123456789012.dkr.ecr.eu-south-2.amazonaws.com/hermes@sha256:{'a' * 64}",
    "tag": "v1",
    "variables": {"PORT": "4000"},
    "secrets": {"DATABASE_URL": 1},
    "requested_at": "2026-11-30T20:00:00+00:00",
    "requested_by": "ana",
    "commit": "",
    "migrated_from": None,
    "compatible": True,
}
"""A release as version 0.1.0 writes it: the goal, what is stable, and inside each record."""


def test_what_version_0_1_0_wrote_is_read():
    release = Release.from_json(json.dumps(RECORDED))
    assert json.loads(release.to_json()) == RECORDED
    record = {"release": RECORDED, "previous": None, "history": [{"at": "2026-11-30T20:00:00+00:00", "what": "stable"}]}
    assert ReleaseRecord.from_json(json.dumps(record)).verified
