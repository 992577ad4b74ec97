"""Every command block of the deployment guide has its verb: a row and a test for each.

The rows are the guide's commands by their first words.  Where the guide itself is beside the
repository, a test compares the table with its blocks.
"""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import boto3
import pytest

from hermes_cfn.local import control
from hermes_cfn.local.options import Options

ROOT = Path(__file__).parents[2]
GUIDE = ROOT / "../shared/hermes-deployment-guide.md"
SECRETS = ("SECRET_KEY_BASE", "ANTHROPIC_API_KEY", "DATABASE_URL")

pytestmark = pytest.mark.xdist_group("guide-commands")


class Cloud:
    """An embedded cloud with one deployment, and a way to type verbs at it."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.state = directory / "state"
        self.env = {
            **os.environ,
            "HERMES_STATE": str(self.state),
            "PYTHONPATH": str(ROOT),
            "XDG_CACHE_HOME": str(directory),
        }

    def type(self, words: str, given: str = "", codes: tuple[int, ...] = (0,)) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "hermes_cfn", "--local", *words.split()],
            cwd=self.directory,
            env=self.env,
            input=given,
            capture_output=True,
            text=True,
            timeout=180,
        )
        assert done.returncode in codes, f"$ hermes-cfn {words}\n{done.stdout[-3000:]}{done.stderr[-3000:]}"
        return done.stdout

    def client(self, service: str):
        endpoint = control.status(self.state).endpoint
        return boto3.client(
            service,
            region_name="eu-south-2",
            endpoint_url=endpoint,
            aws_access_key_id="AKIALOCALADMIN000000",
            aws_secret_access_key="local",
        )

    def json(self, words: str):
        return json.loads(self.type(f"{words} --format json"))


@pytest.fixture(scope="module")
def cloud(tmp_path_factory):
    made = Cloud(tmp_path_factory.mktemp("guide"))
    (made.directory / "hermes.toml").write_text("")
    control.start(made.state, Options(follow_parent=True))
    try:
        made.type("bootstrap")
        for tag in ("v1", "v2"):
            made.type(f"local image {tag}")
        for name in SECRETS:
            value = control.database(made.state) if name == "DATABASE_URL" else f"guide-{name.lower()}-{'x' * 64}"
            made.type(f"secrets set {name}", given=f"{value}\n")
        made.type("deploy --image v1 --yes")
        yield made
    finally:
        control.reset(made.state)


def bucket(cloud: Cloud) -> None:
    name = cloud.type("outputs artifacts_bucket").strip()
    s3 = cloud.client("s3")
    assert s3.get_bucket_versioning(Bucket=name)["Status"] == "Enabled"
    assert s3.get_bucket_encryption(Bucket=name)["ServerSideEncryptionConfiguration"]["Rules"]
    assert all(s3.get_public_access_block(Bucket=name)["PublicAccessBlockConfiguration"].values())


def lock_table(cloud: Cloud) -> None:
    assert cloud.client("dynamodb").describe_table(TableName="hermes-deploy-lock")["Table"]["TableStatus"] == "ACTIVE"
    assert "is free" in cloud.type("lock show")


def certificate(cloud: Cloud) -> None:
    arn = cloud.type("outputs certificate_arn").strip()
    found = cloud.client("acm").describe_certificate(CertificateArn=arn)["Certificate"]
    assert found["Status"] == "ISSUED" and "*.hermes.yourdomain.com" in found["SubjectAlternativeNames"]


def shell(cloud: Cloud) -> None:
    assert re.fullmatch(r"aws ssm start-session --target i-\w+ --region eu-south-2\n", cloud.type("shell --print"))


def roles(cloud: Cloud) -> None:
    said = cloud.type("bootstrap --yes")
    iam = cloud.client("iam")
    for name in re.findall(r":role/(\S+)", said):
        trust = json.dumps(iam.get_role(RoleName=name)["Role"]["AssumeRolePolicyDocument"])
        assert "token.actions.githubusercontent.com" in trust and "StringLike" not in trust
    providers = iam.list_open_id_connect_providers()["OpenIDConnectProviderList"]
    assert any("token.actions.githubusercontent.com" in provider["Arn"] for provider in providers)


def initialised(cloud: Cloud) -> None:
    cloud.type("render")
    assert "is fresh" in cloud.type("render --check")


def planned(cloud: Cloud) -> None:
    assert cloud.json("plan") is not None
    cloud.type("plan --detailed-exitcode")


def applied(cloud: Cloud) -> None:
    assert "unchanged" in cloud.type("deploy --yes")


def outputs(cloud: Cloud) -> None:
    found = cloud.json("outputs")
    assert {"alb_dns_name", "alb_arn", "alb_target_group_arn", "instance_ids", "ec2_instance_ids"} <= set(found)
    assert cloud.type("outputs alb_dns_name").strip() == found["alb_dns_name"]
    assert f"ALB_DNS_NAME={found['alb_dns_name']}" in cloud.type("outputs --format env")


def pushed(cloud: Cloud) -> None:
    cloud.type("release --image v2 --yes")
    assert {line["release"][:2] for line in cloud.json("status")["instances"]} == {"v2"}


def healthy(cloud: Cloud) -> None:
    seen = cloud.json("status")
    assert seen["healthy"] == 2
    assert {line["health"] for line in seen["instances"]} == {"healthy"}


def logs(cloud: Cloud) -> None:
    assert cloud.type("logs --since 1d").strip()


def migrated(cloud: Cloud) -> None:
    cloud.type("migrate --yes")


def rolled_back(cloud: Cloud) -> None:
    cloud.type("rollback --yes")
    assert {line["release"][:2] for line in cloud.json("status")["instances"]} == {"v1"}


def images(cloud: Cloud) -> None:
    assert {"v1", "v2"} <= set(re.findall(r"\bv\d\b", cloud.type("releases")))


def emergency(cloud: Cloud) -> None:
    before = {line["release"][:2] for line in cloud.json("status")["instances"]}
    cloud.type("rollback --emergency --yes")
    assert {line["release"][:2] for line in cloud.json("status")["instances"]} != before


def looked_inside(cloud: Cloud) -> None:
    assert cloud.type("run --host -- docker ps").count("hermes")
    assert cloud.type("run -- date").strip()


def doctored(cloud: Cloud) -> None:
    found = [one for one in cloud.json("doctor") if one["severity"] == "error"]
    assert found == []


@dataclass(frozen=True)
class Row:
    """What the guide types (first words of its lines), and the check that types the verb."""

    guide: tuple[str, ...]
    verb: str
    check: Callable[[Cloud], None]


ROWS = (
    Row(
        (
            "aws s3api create-bucket",
            "aws s3api put-bucket-versioning",
            "aws s3api put-bucket-encryption",
            "aws s3api put-public-access-block",
        ),
        "bootstrap",
        bucket,
    ),
    Row(("aws dynamodb create-table",), "bootstrap", lock_table),
    Row(("aws acm request-certificate",), "deploy", certificate),
    Row(("aws ec2 create-key-pair", "chmod 400", "ssh -i"), "shell", shell),
    Row(
        (
            "aws iam create-open-id-connect-provider",
            "cat > github-trust-policy.json",
            "aws iam create-role",
            "aws iam attach-role-policy",
        ),
        "bootstrap",
        roles,
    ),
    Row(("cd terraform", "terraform init"), "render", initialised),
    Row(("terraform plan",), "plan", planned),
    Row(("terraform apply",), "deploy", applied),
    Row(("terraform output", "ALB_DNS="), "outputs", outputs),
    Row(("curl https://", "aws elbv2 describe-target-health", "aws ec2 describe-instance-status"), "status", healthy),
    Row(("git add", "git commit", "git push", "mix deps.update"), "release", pushed),
    Row(("aws logs tail", '"cd /opt/hermes && docker-compose logs'), "logs", logs),
    Row(("docker-compose run --rm app",), "migrate", migrated),
    Row(("git revert",), "rollback", rolled_back),
    Row(("aws ecr describe-images",), "releases", images),
    Row(("INSTANCE_IDS=", "for INSTANCE_ID", "aws ssm send-command", "done"), "rollback --emergency", emergency),
    Row(("cd /opt/hermes", "docker-compose ps", "docker-compose logs", "docker exec", "wget -O"), "run", looked_inside),
    Row(
        (
            "sudo systemctl",
            "sudo journalctl",
            "cat /opt/hermes/.env",
            "curl http://localhost",
            "aws ec2 describe-security-groups",
            "aws acm describe-certificate",
            "aws elbv2 describe-listeners",
        ),
        "doctor",
        doctored,
    ),
)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.guide[0]} -> {row.verb}")
def test_a_command_of_the_guide_has_its_verb(cloud, row):
    row.check(cloud)


def commands(guide: str) -> list[str]:
    """First lines of the commands of every ``bash`` block."""
    found: list[str] = []
    for block in re.findall(r"```bash\n(.*?)```", guide, re.DOTALL):
        text = re.sub(r"<< EOF\n.*?\nEOF", "", block, flags=re.DOTALL)
        text = re.sub(r"'\{.*?\}'", "", text, flags=re.DOTALL)
        text = re.sub(r'commands="\[.*?\]"', "", text, flags=re.DOTALL)
        text = text.replace("\\\n", " ")
        found += [line.strip() for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    return found


def test_no_command_of_the_guide_is_without_a_row():
    guide = GUIDE.read_text(encoding="utf-8") if GUIDE.exists() else ""
    known = tuple(words for row in ROWS for words in row.guide)
    left = [line for line in commands(guide) if not line.startswith(known) and line != "do"]
    assert left == []


def test_every_verb_of_the_table_exists():
    from hermes_cfn.cli import VERBS

    assert {row.verb.split()[0] for row in ROWS} <= set(VERBS)
