"""What ``whoami`` asks the simulator about: places that exist, and for each role the verbs that it is for."""

import json

import pytest

from hermes_cfn.config import parse
from hermes_cfn.flows.base.whoami import NEEDS, carried_by, requests
from hermes_cfn.local.services.policies import Asked, allowed
from hermes_cfn.names import ACCOUNT
from hermes_cfn.permissions import INSTANCE, ROLES
from hermes_cfn.places import places
from tests.stacks.test_crossings import crossings

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
