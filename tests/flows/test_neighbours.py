"""``bootstrap`` makes nothing where another deployment of the account has names that ours would mean."""

from types import SimpleNamespace

import pytest

from hermes_cfn import stacks
from hermes_cfn.config import parse
from hermes_cfn.errors import HermesError
from hermes_cfn.flows import deploy
from hermes_cfn.flows.stacks import account_facts
from hermes_cfn.names import ROLES, Names, founded

TASKS = (*ROLES, "cloudformation")


def account(there, ours=None, text=""):
    """A context of an account with the roles of these environments; ``ours`` is the template of our own foundation there."""
    settings = parse(text)
    roles = [f"{both}-{task}" for both in there for task in TASKS]
    template = None if ours is None else stacks.build(parse(ours)).stack("foundation").template
    clients = SimpleNamespace(
        account=SimpleNamespace(roles=lambda: [*roles, "OrganizationAccountAccessRole", "hermes-half-infrastructure"]),
        cloudformation=lambda _region: SimpleNamespace(template=lambda _name: template),
    )
    return SimpleNamespace(
        clients=clients, deployment=stacks.build(settings), settings=settings, now=None, names=Names.of(settings)
    )


@pytest.mark.parametrize(
    ("there", "ours", "text"),
    [
        (["hermes-production-eu"], None, ""),
        (["hermes"], None, ""),
        (["hermes-production"], None, ""),
        (["hermes-staging-2"], None, "[environments.staging]"),
        (["hermes-production", "hermes-production-eu"], "", ""),
        (["hermes-blue-x1"], None, "application.name='hermes-blue'\nenvironment.name='x1'"),
    ],
)
def test_names_that_clash_are_refused_before_anything_is_made(there, ours, text):
    with pytest.raises(HermesError) as refused:
        list(deploy.foundation(account(there, ours, text)))
    assert {finding.code for finding in refused.value.findings} == {"names-clash"}


@pytest.mark.parametrize(
    ("there", "ours", "text", "left"),
    [
        ([], None, "", ()),
        (["hermes-red"], None, "", ("hermes-red",)),
        (["hermes-production"], "", "", ()),
        (["hermes-production", "hermes-staging"], "[environments.staging]", "", ()),
        (["hermes-production"], "", "environment.name='production-eu'", ()),
    ],
    ids=["empty", "another", "again", "one taken away", "renamed"],
)
def test_what_our_own_foundation_has_made_is_ours(there, ours, text, left):
    assert account_facts.neighbours(account(there, ours, text)) == left


def test_a_set_of_roles_is_an_environment_and_some_of_them_are_none():
    assert founded([f"a-b-{task}" for task in TASKS]) == {"a-b"}
    assert founded([f"a-b-{task}" for task in TASKS[1:]]) == set()
