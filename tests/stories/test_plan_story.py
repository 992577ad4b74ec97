"""Plan and deploy against the embedded cloud: what AWS would do beyond the plan, and what was agreed to."""

import json
import os
import pty
import subprocess
import sys

import pytest

from hermes_cfn.errors import ExitCode
from hermes_cfn.local import control

WIDER = "[service]\nhealth_interval_s = 15\n"


def git(cloud, *words: str) -> str:
    own = ["-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "commit.gpgsign=false"]
    done = subprocess.run(["git", "-C", cloud.directory, *own, *words], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def configure(cloud, text: str) -> None:
    (cloud.directory / "hermes.toml").write_text(text)


def commit(cloud, text: str, subject: str) -> str:
    configure(cloud, text)
    git(cloud, "add", "hermes.toml")
    git(cloud, "commit", "-m", subject)
    return git(cloud, "rev-parse", "HEAD")


def refused(cloud, words: str, code: ExitCode = ExitCode.REFUSED) -> str:
    """What is said on both streams by a command that must end with ``code``."""
    done = run(cloud, words)
    assert done.returncode == code, done.stdout[-2000:] + done.stderr[-2000:]
    return done.stdout + done.stderr


def run(cloud, words: str, local: str = "--local"):
    return subprocess.run(
        [sys.executable, "-m", "hermes_cfn", local, *words.split()],
        cwd=cloud.directory,
        env=cloud.env,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=180,
    )


def stacks(cloud):
    found = cloud.client("cloudformation").describe_stacks()["Stacks"]
    return {stack["StackName"]: stack for stack in found}


@pytest.fixture
def quiet(cloud):
    """The deployment as it is, without faults afterwards."""
    yield cloud
    cloud.fault(clear=True)
    configure(cloud, "")


def test_a_change_set_is_asked_for_and_cleaned_up(quiet) -> None:
    configure(quiet, WIDER)
    before = stacks(quiet)
    said = quiet.type("plan --change-set")
    assert "HealthCheckIntervalSeconds: 10 -> 15" in said
    assert "AWS's change set agrees: 1 resources" in said
    assert quiet.client("cloudformation").list_change_sets(StackName="hermes-production-service")["Summaries"] == []
    assert stacks(quiet) == before


def test_a_change_set_of_a_stack_that_is_not_there_leaves_none_behind(quiet) -> None:
    configure(quiet, "[watch]\nenabled = true\n")
    assert "watch" in quiet.type("plan --change-set")
    assert "hermes-production-watch" not in stacks(quiet)


def test_deploy_stops_when_aws_would_replace_what_the_plan_did_not_show(quiet) -> None:
    configure(quiet, WIDER)
    quiet.fault(set="replaces", subject="TargetGroup", value="yes")
    before = stacks(quiet)
    assert "replacement-unplanned" in quiet.type("plan --change-set", codes=(ExitCode.FAILED,))
    said = refused(quiet, "deploy --yes")
    assert "replacement-unplanned" in said
    assert "service/TargetGroup" in said
    assert stacks(quiet) == before
    assert quiet.client("cloudformation").list_change_sets(StackName="hermes-production-service")["Summaries"] == []
    assert not quiet.json("lock show")["held"]


def test_a_recorded_plan_is_done_and_another_one_is_refused_with_its_difference(quiet) -> None:
    configure(quiet, WIDER)
    path = quiet.directory / "plan.json"
    quiet.type(f"plan --out {path}")
    assert json.loads(path.read_text())["plan"]["stacks"]
    configure(quiet, "[service]\nhealth_interval_s = 20\n")
    said = refused(quiet, f"deploy --plan {path}")
    assert "plan-changed" in said
    assert "| -      HealthCheckIntervalSeconds: 10 -> 15" in said
    assert "| +      HealthCheckIntervalSeconds: 10 -> 20" in said
    configure(quiet, WIDER)
    quiet.type(f"deploy --plan {path}")
    assert "plan-changed" in refused(quiet, f"deploy --plan {path}"), "what it says was done already"
    configure(quiet, "")
    quiet.type("deploy --yes")


def test_exit_codes_tell_no_change_from_change_and_from_too_dear(quiet) -> None:
    quiet.type("plan --detailed-exitcode")
    configure(quiet, WIDER)
    quiet.type("plan --detailed-exitcode", codes=(ExitCode.CHANGES,))
    configure(quiet, "[budget]\nceiling_usd = 50\n")
    said = quiet.type("plan", codes=(ExitCode.OVER_BUDGET,))
    assert "over-budget" in said
    assert "NAT gateway" in said
    assert "over-budget" in refused(quiet, "deploy --yes", ExitCode.OVER_BUDGET)


def test_a_deployment_without_an_image_says_which_variables_and_secrets_it_leaves_out(quiet) -> None:
    assert "release-kept" not in quiet.type("plan")
    configure(quiet, '[env]\nPORT = "4000"\nGREETING = "hello"\n')
    said = quiet.type("plan")
    assert "without what has changed since: variable GREETING" in said
    assert "release --image v1" in said
    assert "release-kept" not in quiet.type("plan --image v1")


def test_nobody_to_ask_is_refused_and_a_no_on_a_terminal_does_nothing(quiet) -> None:
    configure(quiet, WIDER)
    before = stacks(quiet)
    done = run(quiet, "deploy", local="--aws")
    assert done.returncode == ExitCode.REFUSED
    assert "--yes" in done.stderr
    said, code = typed(quiet, "deploy", "n\n")
    assert "HealthCheckIntervalSeconds" in said
    assert "deploy now, in production?" in said
    assert code == ExitCode.INTERRUPTED
    assert stacks(quiet) == before


def typed(cloud, words: str, answer: str) -> tuple[str, int]:
    """What is printed on a terminal, and the exit code; AWS is the embedded cloud, as its own SDK is told."""
    master, slave = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "hermes_cfn", *words.split()],
        cwd=cloud.directory,
        env={
            **cloud.env,
            "TERM": "dumb",
            **control.variables(cloud.state, "eu-south-2"),
        },
        stdin=slave,
        stdout=slave,
        stderr=slave,
    )
    os.close(slave)
    os.write(master, answer.encode())
    said = b""
    while True:
        try:
            read = os.read(master, 65536)
        except OSError:
            break
        if not read:
            break
        said += read
    os.close(master)
    return said.decode(), process.wait()


def test_a_stack_that_the_settings_do_not_ask_for_any_more_is_said_and_goes_when_told(quiet) -> None:
    configure(quiet, "[watch]\nenabled = true\n")
    quiet.type("deploy --stacks-only --yes")
    assert "stack-wanted" in refused(quiet, "destroy --stack watch --yes")
    configure(quiet, "")
    said = quiet.type("plan")
    assert "stack-left  hermes-production-watch" in said
    assert "destroy --stack watch" in said
    quiet.type("destroy --stack watch --yes")
    assert "hermes-production-watch" not in stacks(quiet)
    assert "hermes-production-service" in stacks(quiet)
    assert "stack-left" not in quiet.type("plan")


def test_destroy_says_on_a_terminal_what_goes_and_what_stays_before_it_asks(quiet) -> None:
    before = stacks(quiet)
    said, code = typed(quiet, "destroy --unprotect", "n\n")
    shown, _, _ = said.partition("delete every stack of production?")
    going = shown.partition("what goes:")[2].partition("what stays:")
    assert going[0].index("hermes-production-service: ") < going[0].index("hermes-production-network: ")
    assert "network/NatAddress" in going[2]
    assert "AWS charges for it until then" in going[2]
    assert code == ExitCode.INTERRUPTED
    assert stacks(quiet) == before


def test_destroy_refuses_what_is_protected_before_anything_is_touched(quiet) -> None:
    before = stacks(quiet)
    said, _ = typed(quiet, "destroy", "")
    assert "balancer-protected" in said
    assert "delete every stack" not in said, "nobody is asked for what would be refused"
    said = refused(quiet, "destroy --yes")
    assert "balancer-protected" in said
    assert "--unprotect" in said
    assert stacks(quiet) == before


def test_the_wrong_account_no_credentials_and_a_file_that_is_no_plan_are_named_with_the_way_on(quiet) -> None:
    before = stacks(quiet)
    (quiet.directory / "empty.json").write_text("")
    assert "plan-unreadable" in refused(quiet, "deploy --plan empty.json", ExitCode.USAGE)
    configure(quiet, '[account]\nid = "999999999999"\n')
    said = refused(quiet, "deploy --yes")
    assert "account-wrong" in said
    assert "123456789012" in said
    assert "--profile" in said
    configure(quiet, "")
    nobody = {
        **{name: value for name, value in quiet.env.items() if not name.startswith("AWS_")},
        "HOME": str(quiet.directory),
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_ENDPOINT_URL": control.status(quiet.state).endpoint,
    }
    command = [sys.executable, "-m", "hermes_cfn", "deploy", "--yes"]
    done = subprocess.run(command, cwd=quiet.directory, env=nobody, capture_output=True, text=True, timeout=60)
    assert done.returncode == ExitCode.FAILED
    assert "credentials-missing" in done.stderr
    assert "aws configure" in done.stderr
    assert stacks(quiet) == before


def test_a_checkout_that_lacks_what_is_deployed_is_refused_naming_what_it_would_undo(quiet) -> None:
    git(quiet, "init", "-q", "-b", "main")
    old = commit(quiet, "", "as it was")
    new = commit(quiet, WIDER, "check health less often")
    quiet.type("deploy --yes")
    assert {"Key": "hermes:commit", "Value": new} in stacks(quiet)["hermes-production-service"]["Tags"]
    git(quiet, "checkout", "-q", old)
    said = refused(quiet, "deploy --yes")
    assert "checkout-older" in said
    assert "check health less often" in said
    assert "checkout-older" in quiet.type("plan", codes=(ExitCode.FAILED,))
    quiet.type("deploy --allow-older --yes")
    assert {"Key": "hermes:commit", "Value": old} in stacks(quiet)["hermes-production-service"]["Tags"]


def test_the_budget_is_narrowed_once_its_tag_is_seen_active(quiet) -> None:
    configure(quiet, "[budget]\nceiling_usd = 900\n")
    budgets, costs = quiet.client("budgets"), quiet.client("ce")

    def counted() -> object:
        return budgets.describe_budgets(AccountId="123456789012")["Budgets"][0].get("CostFilters")

    said = quiet.type("plan")
    assert "counts the whole account until the tag hermes:environment is active" in said
    assert "nobody has activated it: the management account" in said
    quiet.fault(set="member-account", value=True)
    assert "only its management account sees and activates such tags" in quiet.type("plan")
    quiet.fault(clear=True)
    quiet.type("deploy --yes")
    assert not counted()
    costs.update_cost_allocation_tags_status(
        CostAllocationTagsStatus=[{"TagKey": "hermes:environment", "Status": "Active"}]
    )
    assert "BudgetTagActive: false -> true" in (said := quiet.type("plan"))
    assert "counts the whole account" not in said
    quiet.type("deploy --yes")
    assert counted() == {"TagKeyValue": ["user:hermes:environment$production"]}
    quiet.fault(set="member-account", value=True)
    assert "unchanged" in quiet.type("deploy --yes")
    assert not counted()


@pytest.mark.parametrize(("verb", "most"), [("status", 8), ("plan", 14), ("doctor", 30)])
def test_a_verb_that_looks_makes_few_calls_one_after_the_other(quiet, verb, most):
    """At 100 ms a call these are 0.8, 1.4 and 3 s of the 2, 4 and 8 s in which a person has the answer."""
    words = [sys.executable, "-m", "tests.depth", "--local", verb]
    done = subprocess.run(
        words, cwd=quiet.directory, env=quiet.env, capture_output=True, text=True, timeout=120, check=True
    )
    calls, depth = map(int, done.stdout.splitlines()[0].split())
    assert calls > depth, done.stdout
    assert 0 < depth <= most, done.stdout


def test_how_old_what_is_shown_is_said(quiet):
    assert "UTC; AWS may have answered as of some seconds before" in quiet.type("status --no-bill")
    read = quiet.json("plan", codes=(0, 1))["read"]
    assert len(read) == 2
    assert read[0] <= read[1]
