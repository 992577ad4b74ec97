"""The conformance suite: the embedded cloud passes all of it, a broken one does not, and nothing is left behind."""

import pytest
from click.testing import CliRunner

from hermes_cfn.aws.clients import connect
from hermes_cfn.cli import hermes
from hermes_cfn.clock import SystemClock
from hermes_cfn.flows import conformance
from hermes_cfn.flows.conformance.cases import CASES
from hermes_cfn.local import control
from hermes_cfn.local.options import Options


@pytest.fixture(scope="module")
def clients(tmp_path_factory):
    state = tmp_path_factory.mktemp("conformance")
    status = control.start(state, Options(follow_parent=True, speed=1000))
    try:
        yield connect(None, "eu-south-2", status.endpoint, control.administrator(state))
    finally:
        control.reset(state)


def run(clients, *names):
    chosen = [case for case in CASES if not names or case.name in names]
    return {one.case.name: one for one in conformance.run(clients, SystemClock(), chosen)}


def test_the_embedded_cloud_does_what_the_pages_say_and_nothing_is_left(clients):
    found = run(clients)
    assert {name: one.said for name, one in found.items() if one.outcome is conformance.Outcome.FAILED} == {}
    assert conformance.left(clients) == []


@pytest.mark.parametrize(
    "case",
    [case for case in CASES if case.name != "patterns that the agent cannot compile"],
    ids=lambda case: case.name,
)
def test_no_case_passes_on_a_cloud_that_answers_nonsense(clients, case):
    """Every call succeeds and says nothing: who is content with that has looked at nothing."""

    class Nonsense:
        def __getattr__(self, name):
            return lambda *_, **__: iter(()) if name == "pages" else {}

    class Clients:
        def calls(self, service):
            return Nonsense()

    (result,) = conformance.run(Clients(), SystemClock(), [case])
    assert result.outcome is conformance.Outcome.FAILED


def test_what_a_run_that_was_cut_off_left_goes_with_one_command(clients):
    ssm, name = clients.calls("ssm"), conformance.PREFIX + "cut-off"
    ssm.put_parameter(Name=name, Value="left", Type="String")
    body = '{"Resources": {"T": {"Type": "AWS::SNS::Topic"}}}'
    clients.calls("cloudformation").create_stack(StackName=name, TemplateBody=body)
    assert conformance.left(clients) == [f"stack {name}", f"parameter {name}"]
    assert conformance.clean(clients, SystemClock()) == []
    assert conformance.left(clients) == []


def test_a_run_that_is_interrupted_cleans_up(clients):
    def interrupted(world):
        world.calls("ssm").put_parameter(Name=world.name, Value="left", Type="String")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(conformance.run(clients, SystemClock(), [conformance.Case("cut", "", interrupted)]))
    assert conformance.left(clients) == []


def test_what_is_recorded_names_no_account():
    said = "arn:aws:iam::123456789012:role/x AKIAABCDEFGHIJKLMNOP hermes-conformance-0123abcd"
    assert conformance.hidden(said) == "arn:aws:iam::ACCOUNT:role/x KEY hermes-conformance-NAME"


def test_a_real_account_wants_a_budget_first(monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "x")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    done = CliRunner().invoke(hermes, ["conformance"], standalone_mode=False)
    assert done.exception is not None
    assert done.exception.findings[0].code == "conformance-budget"
