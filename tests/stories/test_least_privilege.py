"""A full life under enforcement, each role at its own work: what it may is what it needs, and no secret shows.

Release, plan, operator and infrastructure deploy, update, roll, roll back and destroy on an embedded cloud
that checks every call.  A canary is the value of every secret; it may be seen on the instances alone.
"""

import base64
import io
import json
import os
import pty
import re
import subprocess
import sys
import threading
import time
from collections import defaultdict
from contextlib import redirect_stderr, redirect_stdout
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest

from hermes_cfn import cli
from hermes_cfn.aws.certificates import Certificates
from hermes_cfn.aws.clients import connect
from hermes_cfn.aws.drift import Drift
from hermes_cfn.config import load
from hermes_cfn.deciders.observed import Target
from hermes_cfn.errors import ExitCode
from hermes_cfn.local import control
from hermes_cfn.local.options import Options
from hermes_cfn.local.services.policies import Asked, matches
from hermes_cfn.permissions import DRIFT_READS, ELSEWHERE, ROLES
from hermes_cfn.places import places
from tests import owners

pytestmark = pytest.mark.long

ROOT = Path(__file__).parents[2]
ACCOUNT, REGION = "123456789012", "eu-south-2"
CANARY = "canary-5b1d0e7c4f"
FIRST = """
[application]
start_timeout_s = 6
[compute]
key_name = "hermes-production"
[edge]
assets = true
[watch]
enabled = true
[budget]
ceiling_usd = 900
"""
SECOND = FIRST.replace("= 6", "= 5") + '[release]\nstrategy = "surge"\nkeep_images = 2\n'
ANYTHING = (ExitCode.OK, ExitCode.FAILED)
HERE_ALONE = {"route53:ListHostedZones"}
"""What ``doctor --local`` asks, and goes without: on AWS a resolver answers it."""


READS_ONLY = ("plan", "cloudformation:CreateChangeSet")
"""``plan --change-set`` makes change sets: not for the role that only reads."""


class Processes(threading.Thread):
    """Command lines of all processes, looked at again and again; keeps those with the canary."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.found: set[bytes] = set()
        self.looked = 0
        self.over = threading.Event()

    def run(self) -> None:
        while not self.over.wait(0.02):
            self.looked += 1
            for path in Path("/proc").glob("[0-9]*/cmdline"):
                try:
                    line = path.read_bytes()
                except OSError:
                    continue
                if CANARY.encode() in line:
                    self.found.add(line)


class Life:
    """A cloud that enforces, and verbs typed by the roles; everything printed is kept."""

    def __init__(self, directory: Path) -> None:
        self.directory, self.state = directory, directory / "state"
        self.config = directory / "hermes.toml"
        self.credentials = directory / "credentials"
        self.printed: list[str] = []
        self.config.write_text(FIRST)
        self.endpoint = control.start(self.state, Options(follow_parent=True, enforce=True, database=True)).endpoint
        self.processes = Processes()
        self.processes.start()

    def client(self, service: str, region: str = REGION):
        return owners.client(self.state, service, region)

    def type(self, role: str, words: str, given: str = "", codes: tuple[int, ...] = (ExitCode.OK,)) -> str:
        """A verb in this process, as ``role`` (nobody: the administrator); it must end with one of ``codes``."""
        out, err = io.StringIO(), io.StringIO()
        before, sys.stdin = sys.stdin, io.StringIO(given)
        self.act_as(role)
        try:
            with redirect_stdout(out), redirect_stderr(err), pytest.raises(SystemExit) as ended:
                cli.main(["--config", str(self.config), "--local", *words.split()])
        finally:
            sys.stdin = before
            self.act_as("")
        self.printed += [out.getvalue(), err.getvalue()]
        assert ended.value.code in codes, f"{role}: {words}\n{out.getvalue()[-2000:]}{err.getvalue()[-2000:]}"
        return out.getvalue()

    def act_as(self, role: str) -> None:
        """What a runner's environment says after it has assumed a role; a cache of its own, as on another machine."""
        environ = {"AWS_ENDPOINT_URL": self.endpoint, "AWS_PROFILE": role} if role else {}
        for name in ("AWS_ENDPOINT_URL", "AWS_PROFILE"):
            os.environ.pop(name, None)
        os.environ.update(environ, XDG_CACHE_HOME=str(self.directory / f"cache-{role}"))

    def prompted(self, role: str, name: str, value: str) -> None:
        """``secrets set`` at a terminal."""
        command = [sys.executable, "-m", "hermes_cfn", "--config", str(self.config), "--local"]
        self.act_as(role)
        master, slave = pty.openpty()
        process = subprocess.Popen([*command, "secrets", "set", name], stdin=slave, stdout=slave, stderr=slave)
        os.close(slave)
        self.act_as("")
        said = b""
        while name.encode() not in said:
            said += os.read(master, 1024)
        os.write(master, f"{value}\n".encode())
        while process.poll() is None or b"version" not in said:
            try:
                said += os.read(master, 1024)
            except OSError:
                break
        os.close(master)
        assert process.wait() == 0, said
        self.printed.append(said.decode())

    def asked(self):
        """Role -> {(action, resource): why not}."""
        found = defaultdict(dict)
        for principal, action, resource, why in control.ask(self.state, "permissions")["asked"]:
            found[principal.rpartition("hermes-production-")[2]][action, resource] = why
        return found

    def become(self) -> None:
        """Sessions of the four roles, as profiles."""
        lines = []
        for role in ROLES:
            arn = f"arn:aws:iam::{ACCOUNT}:role/hermes-production-{role}"
            given = owners.signed_in(self.state, arn, "life")
            lines += [
                f"[{role}]", f"aws_access_key_id = {given['AccessKeyId']}",
                f"aws_secret_access_key = {given['SecretAccessKey']}", f"aws_session_token = {given['SessionToken']}",
            ]  # fmt: skip
        self.credentials.write_text("\n".join(lines))

    def live(self) -> None:
        self.client("ec2").create_key_pair(KeyName="hermes-production")
        assert "its service role comes with foundation" in self.type("", "plan --change-set")
        self.type("", "bootstrap --yes")
        self.become()
        assert "network: AWS's change set agrees" in self.type("infrastructure", "plan --change-set", codes=ANYTHING)
        self.type("plan", "plan --change-set", codes=(ExitCode.FAILED,))
        for tag, variables in (("v1", {}), ("v2", {}), ("v3", {"HEALTH_STATUS": "302"})):
            control.push_image(self.state, "hermes", tag, env={"RELEASE": tag, **variables})
        for role in ("plan", "release"):
            self.type(role, "plan", codes=ANYTHING)
        self.prompted("operator", "SECRET_KEY_BASE", f"{CANARY}-{'x' * 64}")
        url = control.database(self.state)
        for name, value in (("ANTHROPIC_API_KEY", CANARY), ("DATABASE_URL", f"{url}?application_name={CANARY}")):
            self.type("operator", f"secrets set {name}", given=f"{value}\n")
        self.type("infrastructure", "deploy --image v1 --yes")
        self.type("release", "release --image v2 --yes")
        self.type("release", "release --image v3 --yes", codes=(ExitCode.ROLLED_BACK,))
        self.type("release", "rollback --emergency --yes")
        static = self.directory / "static"
        static.mkdir()
        (static / "app-0123456789abcdef.js").write_text("1")
        self.type("release", f"assets push {static}")
        for role in ROLES:
            for words in ("status", "releases", "whoami", "machine-image show", "image list"):
                self.type(role, words)
        for words in ("logs", "lock show", "outputs"):
            self.type("release", words)
        for role in ("plan", "release"):
            self.type(role, "plan --image v1 --format json")
        self._operate()
        self.put_back = self._put_back()
        self.changes = {spec: self._change_sets(spec) for spec in self._stacks()}
        self.config.write_text(SECOND)
        self.type("plan", "plan")
        self.type("infrastructure", "deploy --image v2 --yes")
        for tag in ("v4", "v5", "v6"):
            control.push_image(self.state, "hermes", tag, env={"RELEASE": tag})
        self.type("release", "release --image v4 --yes")
        self.type("release", "release --image v5 --yes")
        self.type("infrastructure", "deploy --image v6 --yes")
        self.looked = self._everything()
        named = [{"Name": "group-name", "Values": ["default"]}]
        vpc = self.type("plan", "outputs vpc_id").strip()
        self.default_groups = [
            group for group in self.client("ec2").describe_security_groups(Filters=named)["SecurityGroups"]
            if group["VpcId"] == vpc
        ]  # fmt: skip
        self._rare()
        self.type("operator", "secrets delete ANTHROPIC_API_KEY --although-used --yes")
        self.type("infrastructure", "destroy --yes --unprotect --empty-buckets")

    def _operate(self) -> None:
        for words in ("logs", "doctor --drift", "outputs", "shell --print"):
            self.type("operator", words, codes=ANYTHING)
        self.type("operator", "run --host -- uptime", codes=ANYTHING)
        self.type("operator", "migrate --yes")
        self.type("operator", "secrets list")
        self.type("operator", "secrets list ANTHROPIC_API_KEY")
        self.type("operator", "secrets check")
        self.type("operator", "secrets set ANTHROPIC_API_KEY", given=f"{CANARY}-rotated")
        self.type("operator", "sleep --yes")
        self.type("operator", "wake --yes")

    def _put_back(self) -> list[int]:
        """Somebody changes a log group; ``doctor`` tells the operator what infrastructure can type, and that is typed."""
        logs, named = self.client("logs"), "/aws/ec2/production/hermes"

        def kept() -> int:
            return logs.describe_log_groups(logGroupNamePrefix=named)["logGroups"][0]["retentionInDays"]

        days = [kept()]
        logs.put_retention_policy(logGroupName=named, retentionInDays=3)
        said = json.loads(self.type("operator", "doctor --drift --format json", codes=ANYTHING))
        (told,) = [one["next"] for one in said if one["code"] == "stack-drifted"]
        who, _, command = told.partition(": ")
        self.act_as(who.removeprefix("as "))
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        subprocess.run(["bash", "-c", command], env={**os.environ, "PATH": path}, check=True, capture_output=True)
        self.act_as("")
        for _ in range(100):
            if (
                "IN_PROGRESS"
                not in self.client("cloudformation").describe_stacks(StackName="hermes-production-service")["Stacks"][
                    0
                ]["StackStatus"]
            ):
                break
            time.sleep(0.1)
        again = json.loads(self.type("operator", "doctor --drift --format json", codes=ANYTHING))
        assert not [one for one in again if one["code"] in ("stack-drifted", "drift-unread")], again
        return [*days, kept()]

    def _rare(self) -> None:
        """Calls that need a broken stack, a registry or a hand: authorised before AWS looks at the state."""
        infrastructure, release = (connect(role, REGION, self.endpoint) for role in ("infrastructure", "release"))
        (group,) = self.client("elbv2").describe_target_groups(Names=["hermes-production"])["TargetGroups"]
        for role in (infrastructure, release):
            seen = role.elb.health(group["TargetGroupArn"])
            role.elb.register(
                group["TargetGroupArn"], [name for name, is_now in seen.items() if is_now is Target.HEALTHY]
            )
        events = partial(infrastructure.calls("cloudformation").describe_events, ChangeSetName="none")
        stack = infrastructure.cloudformation()
        asked = [partial(act, token="none") for act in (stack.continue_rollback, stack.roll_back)]
        for act in (stack.cancel_update, *asked, lambda name: events(StackName=name)):
            with pytest.raises(Exception, match=r"state|not"):
                act("hermes-production-network")
        stack.delete_change_set("hermes-production-network", "none")
        release.ecr.login()
        operator = connect("operator", REGION, self.endpoint)
        operator.ec2.region_enabled(REGION)
        Drift(operator.calls("cloudformation")).resources("hermes-production-network")
        Certificates(infrastructure.calls("acm")).pending("example.com")  # the story's certificate was issued at once

    def _stacks(self) -> list[str]:
        return [one["StackName"] for one in self.client("cloudformation").describe_stacks()["Stacks"]]

    def _change_sets(self, stack: str) -> str:
        door = self.client("cloudformation")
        made = door.list_change_sets(StackName=stack)["Summaries"]
        return json.dumps([door.describe_change_set(ChangeSetName=one["ChangeSetId"]) for one in made], default=str)

    def _everything(self) -> dict[str, str]:
        """Whatever an account shows to those that may read it, values of SecureStrings aside."""
        door, logs, ssm, s3 = (self.client(name) for name in ("cloudformation", "logs", "ssm", "s3"))
        seen = dict(self.changes)
        for stack in self._stacks():
            seen[f"template of {stack}"] = json.dumps(door.get_template(StackName=stack)["TemplateBody"], default=str)
            seen[f"stack {stack}"] = json.dumps(door.describe_stacks(StackName=stack), default=str)
            seen[f"events of {stack}"] = json.dumps(door.describe_stack_events(StackName=stack), default=str)
            seen[f"change sets of {stack}"] = self._change_sets(stack)
        for group in logs.describe_log_groups()["logGroups"]:
            name = group["logGroupName"]
            seen[f"log group {name}"] = json.dumps(logs.filter_log_events(logGroupName=name)["events"])
        for one in ssm.describe_parameters()["Parameters"]:
            if one["Type"] != "SecureString":
                seen[one["Name"]] = json.dumps(ssm.get_parameter_history(Name=one["Name"])["Parameters"], default=str)
        for one in ssm.list_commands()["Commands"]:
            seen[f"command {one['CommandId']}"] = json.dumps(one, default=str) + json.dumps(
                ssm.list_command_invocations(CommandId=one["CommandId"], Details=True), default=str
            )
        for bucket in s3.list_buckets()["Buckets"]:
            for item in s3.list_objects_v2(Bucket=bucket["Name"]).get("Contents", []):
                body = s3.get_object(Bucket=bucket["Name"], Key=item["Key"])["Body"].read()
                seen[f"s3://{bucket['Name']}/{item['Key']}"] = body.decode(errors="replace")
        for one in self.client("ec2").describe_launch_templates()["LaunchTemplates"]:
            versions = self.client("ec2").describe_launch_template_versions(LaunchTemplateId=one["LaunchTemplateId"])
            for version in versions["LaunchTemplateVersions"]:
                data = base64.b64decode(version["LaunchTemplateData"]["UserData"]).decode()
                seen[f"user data {one['LaunchTemplateName']} {version['VersionNumber']}"] = data
        self.files = {
            path: (path.stat().st_mode & 0o777, path.relative_to(self.state))
            for path in self.state.rglob("*")
            if path.is_file() and not path.is_symlink() and CANARY.encode() in path.read_bytes()
        }
        return seen


@pytest.fixture(scope="module")
def life(tmp_path_factory):
    patch = pytest.MonkeyPatch()
    directory = tmp_path_factory.mktemp("life")
    made = None
    try:
        for name, value in (
            ("HERMES_STATE", directory / "state"), ("PYTHONPATH", ROOT), ("XDG_CACHE_HOME", directory),
            ("AWS_SHARED_CREDENTIALS_FILE", directory / "credentials"), ("AWS_CONFIG_FILE", directory / "none"),
        ):  # fmt: skip
            patch.setenv(name, str(value))
        for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL"):
            patch.setenv(name, "")  # so that undo removes what the roles will set
            os.environ.pop(name)
        made = Life(directory)
        made.live()
        yield made
    finally:
        if made:
            made.processes.over.set()
        control.reset(directory / "state")
        patch.undo()


def test_no_role_makes_a_call_that_it_may_not_make(life):
    refused = [
        (role, *call, why)
        for role, calls in life.asked().items()
        if role in ROLES
        for call, why in calls.items()
        if why and call[0] not in HERE_ALONE
    ]
    assert [(role, action) for role, action, *_ in refused] == [READS_ONLY], refused


def today():
    """What is not asked on the first of a month: it has no cost yet."""
    return {"ce:GetCostAndUsage": "the month begins"} if datetime.now(UTC).day == 1 else {}


@pytest.mark.parametrize("role", ROLES)
def test_no_role_has_a_permission_that_no_call_needs(life, role):
    settings = load(life.config)
    where = {
        name: tuple(arn.replace("${AWS::AccountId}", ACCOUNT) for arn in arns)
        for name, arns in places(settings).items()
    }
    calls = life.asked()[role]
    idle = [
        (action, row.on)
        for row in ROLES[role]
        if row.needed(settings) and row not in DRIFT_READS  # AWS's handlers read more than those here
        for action in row.actions
        if {action, f"{action} {' '.join(row.on)}"}.isdisjoint({**ELSEWHERE, **today()})
        and not any(
            matches({"Action": action, "Resource": [arn for place in row.on for arn in where[place]]}, Asked(*call))
            for call in calls
        )
    ]
    assert idle == []


def test_the_command_that_doctor_gives_puts_back_what_somebody_changed(life):
    before, after = life.put_back
    assert before == after != 3


def test_instances_make_no_call_that_they_may_not_make(life):
    refused = [(*call, why) for call, why in life.asked()["instance"].items() if why]
    assert life.asked()["instance"] and refused == []


def test_the_default_security_group_is_closed(life):
    (group,) = life.default_groups
    assert group["IpPermissions"] == group["IpPermissionsEgress"] == []


def test_a_secret_shows_nowhere_but_on_the_instances(life):
    assert len(life.looked) > 40
    shown = [name for name, text in life.looked.items() if CANARY in text]
    assert shown == []
    assert not any(CANARY in text for text in life.printed)
    assert (life.processes.looked, life.processes.found) > (20, set()) and not life.processes.found


def test_where_a_secret_lies_only_root_can_read_it(life):
    allowed = re.compile(r"cloud/.*/(opt/hermes/(\.env|state/(prepared\.env|failed-env)))$")
    assert [str(name) for _, name in life.files.values() if not allowed.search(str(name))] == []
    assert {oct(mode) for mode, _ in life.files.values()} == {"0o600"}
    assert any(name.name == ".env" for _, name in life.files.values()), "the canary is looked for where it must be"
