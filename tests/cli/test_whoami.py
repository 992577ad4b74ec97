"""What ``whoami`` asks the simulator about: places that exist, and for each role the verbs that it is for."""

import pytest

from hermes_cfn.config import parse
from hermes_cfn.flows.base.whoami import NEEDS
from hermes_cfn.permissions import ROLES
from hermes_cfn.places import places

FOR = {
    "plan": {"status", "plan"},
    "release": {"status", "logs", "plan", "image push", "release", "rollback", "migrate"},
    "infrastructure": {"status", "plan", "deploy", "release", "rollback", "migrate"},
    "operator": {"status", "plan", "logs", "migrate", "sleep", "secrets set", "run", "shell"},
}


def test_every_place_that_is_asked_about_exists():
    known = places(parse(""))
    assert [place for needs in NEEDS.values() for _, place in needs if place not in known] == []


@pytest.mark.parametrize("role", ROLES)
def test_a_role_may_use_the_verbs_that_it_is_for(role):
    plain = parse("")
    granted = {
        (action, place) for row in ROLES[role] if row.needed(plain) for action in row.actions for place in row.on
    }
    assert FOR[role] == {verb for verb, needs in NEEDS.items() if set(needs) <= granted}
