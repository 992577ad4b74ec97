"""What ``whoami`` asks the simulator about: places that exist, and for each role the verbs that it is for."""

import importlib.util
import json
import sys
from pathlib import Path
from types import SimpleNamespace as Some

import pytest

from hermes_cfn.config import parse
from hermes_cfn.flows.base import whoami
from hermes_cfn.flows.base.whoami import NEEDS, carried_by, requests
from hermes_cfn.local.services.policies import Asked, allowed
from hermes_cfn.names import ACCOUNT, Names
from hermes_cfn.permissions import INSTANCE, ROLES
from hermes_cfn.places import places

_spec = importlib.util.spec_from_file_location("make_crossings", Path(__file__).parents[2] / "docs/make_crossings.py")
crossings = importlib.util.module_from_spec(_spec)
sys.modules["make_crossings"] = crossings
_spec.loader.exec_module(crossings)

FOR = {
    "plan": {"status", "plan"},
    "release": {"status", "logs", "plan", "image push", "release", "rollback", "migrate"},
    "infrastructure": {"status", "plan", "deploy", "release", "rollback", "migrate"},
    "operator": {"status", "plan", "logs", "migrate", "sleep", "secrets set", "run", "shell"},
}
SETTINGS = {"plain": parse(""), "scaled": parse("[scaling]\nminimum = 2\nmaximum = 4\ncpu_percent = 50\n")}
MORE = {"release": {"sleep"}, "infrastructure": {"sleep"}}
"""With [scaling] a rollout sets the group's sizes, which is what sleep asks for."""


def test_every_place_that_is_asked_about_exists():
    known = places(parse(""))
    assert [place for needs in NEEDS.values() for _, place in needs if place not in known] == []


@pytest.mark.parametrize("which", SETTINGS)
@pytest.mark.parametrize("role", ROLES)
def test_a_role_may_use_the_verbs_that_it_is_for(role, which):
    """By the rendered policies, with all that the simulator is told: a condition that is not met denies."""
    settings = SETTINGS[which]
    (who,) = [one for one in crossings.principals(settings) if one.name == role]

    def may(action, where, carried):
        context = {key.lower(): values for key, values in carried.items()}
        return not allowed(Asked(action, where, context), who.policies, who.boundary)

    verbs = {verb for verb in NEEDS if all(may(*one) for one in requests(settings, verb, crossings.ACCOUNT))}
    assert verbs == FOR[role] | (MORE.get(role, set()) if which == "scaled" else set())


@pytest.mark.parametrize(
    "row", [row for table in (*ROLES.values(), INSTANCE) for row in table if row.condition], ids=lambda row: row.reason
)
def test_a_request_that_meets_a_condition_can_be_told(row):
    """Doctor and whoami ask for each row of the table as our calls are, whatever its condition is made of."""
    settings = parse("")
    condition = json.loads(json.dumps(row.filled(settings)).replace(ACCOUNT, crossings.ACCOUNT))
    statement = {"Effect": "Allow", "Action": row.actions, "Resource": ["*"], "Condition": condition}
    carried = {key.lower(): values for key, values in carried_by(row, settings, crossings.ACCOUNT).items()}
    for action in row.actions:
        assert allowed(Asked(action, "*", carried), [{"Statement": [statement]}], None) == ""
        assert allowed(Asked(action, "*", {}), [{"Statement": [statement]}], None) or all(
            test.endswith("IfExists") or test.startswith("ForAllValues") for test in row.condition
        )


@pytest.mark.parametrize(
    ("role", "named"),
    [
        ("instance", "role/hermes/production/hermes-production-instance"),
        ("operator", "role/hermes-production-operator"),
    ],
)
def test_doctor_asks_about_a_role_by_the_whole_name_that_it_was_made_with(monkeypatch, role, named):
    """IAM knows a role with a path by no shorter ARN."""
    asked = []

    class Simulator:
        def __init__(self, calls, source):
            asked.append(source)

        def denied(self, actions, resources, carried):
            return ()

    monkeypatch.setattr(whoami, "Simulation", Simulator)
    settings = parse("[account]\nid = '123456789012'\n")
    clients = Some(calls=lambda name: None, together=lambda asks: [one() for one in asks])
    context = Some(
        settings=settings, names=Names.of(settings, settings.account.id), clients=clients, region=settings.region
    )
    assert list(whoami.lacking(context, role, ROLES.get(role, INSTANCE))) == []
    assert set(asked) == {f"arn:aws:iam::123456789012:{named}"}
