"""Changing any single setting changes only the parts that it should: a row for every key of ``hermes.toml``."""

import json
import re

import pytest

from hermes_cfn import stacks
from hermes_cfn.config import parse
from hermes_cfn.config.settings import Settings
from tests.stacks.changes import BASES, SETTINGS, changed
from tests.stacks.configurations import EGRESS

EVERYWHERE = {
    "application.name": "test_stacks.py::test_another_application_has_another_name_everywhere",
    "environment.name": "test_stacks.py::test_two_environments_share_no_name",
    "access.read": "test_extras.py::test_a_grant_makes_a_role_apart_that_only_the_instance_may_assume",
    "access.read_write": "the same",
    "account.region": "below",
    "network.egress": "below",
    "ingress.headers": "config/test_ingress.py",
    "build.args": "config/test_build.py",
    "network.vpc_id": "config/test_existing.py",
    "network.public_subnets": "config/test_existing.py",
    "network.private_subnets": "config/test_existing.py",
    "environment.shares": "config/test_existing.py",
    "ingress.listener_arn": "config/test_existing.py",
    "ingress.listener_priority": "config/test_existing.py",
}
"""Settings that are in nearly everything, and where they are looked at."""


def parts(text):
    """Every property of every resource, output and wire, by its place."""
    found = {}
    for spec in stacks.build(parse(text)):
        for section in ("Resources", "Outputs", "Parameters"):
            for title, body in spec.template.get(section, {}).items():
                for name, value in (body.get("Properties") or body).items():
                    found[f"{spec.key}/{title}.{name}"] = json.dumps(value, sort_keys=True)
        found[f"{spec.key}:wiring"] = repr((spec.region, spec.parameters, spec.tags, spec.gates, spec.follows))
    return found


def differing(before, after):
    return {place for place in {*before, *after} if before.get(place) != after.get(place)}


@pytest.mark.parametrize(("base", "change"), SETTINGS, ids=[" ".join(row).strip() for row in SETTINGS])
def test_one_setting_changes_only_the_parts_that_it_should(base, change):
    different = differing(parts(BASES[base]), parts(changed(BASES[base], change)))
    assert {place.rsplit(".", 1)[0] for place in different} == SETTINGS[base, change]


def test_every_setting_has_a_row():
    named = {line.partition(" = ")[0] for _, change in SETTINGS for line in change.splitlines()} | set(EVERYWHERE)
    every = {
        f"{section}.{key}"
        for section, field in Settings.model_fields.items()
        for key in getattr(field.annotation, "model_fields", ())
        if section not in ("usage", "planning")
    }
    assert every - named == set()
    assert named - every == {"env.PHX_SERVER"}


def test_usage_and_planning_are_nothing_that_is_deployed():
    class Nothing:
        def model_dump(self, mode):
            return {}

    plain = parse("")
    blank = plain.model_copy(update={"usage": Nothing(), "planning": None})
    assert [spec.template for spec in stacks.build(blank)] == [spec.template for spec in stacks.build(plain)]


def test_another_region_moves_everything_but_what_lives_in_one():
    base = changed(BASES["edged"], "service.access_logs = true")
    zones = "network.zones = ['eu-west-1a', 'eu-west-1b', 'eu-west-1c']"
    before, after = (
        stacks.build(parse(text)) for text in (base, changed(base, f"account.region = 'eu-west-1'\n{zones}"))
    )
    assert {spec.region for spec in after} == {"eu-west-1", "us-east-1"}
    assert [spec.key for spec in before] == [spec.key for spec in after]
    assert "eu-south-2" not in json.dumps([spec.template for spec in after])


@pytest.mark.parametrize("egress", EGRESS)
def test_egress_changes_only_the_network_unless_instances_move(egress):
    base = "[database]\nallow_list = false\naddresses = ['ipv6']\n"
    different = differing(parts(base), parts(changed(base, f"network.egress = '{egress}'")))
    touched = {re.split("[/:]", place)[0] for place in different}
    assert touched <= {"network", "foundation"} | ({"service"} if egress in ("public-subnets", "ipv6") else set())
