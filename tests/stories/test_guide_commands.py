"""Every command block of the deployment guide has its verb: a row and a test for each.

The rows are the guide's commands by their first words.  ``guide_commands.txt`` carries each command's first
words under its heading; where the guide itself lies beside the repository, a test compares the two.
"""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from click.testing import CliRunner

from hermes_cfn.cli import VERBS, hermes

ROOT = Path(__file__).parents[2]
GUIDE = ROOT / "../shared/hermes-deployment-guide.md"
CARRIED = Path(__file__).with_name("guide_commands.txt")
WORDS = 4


def bucket(cloud) -> None:
    name = cloud.type("outputs artifacts_bucket").strip()
    s3 = cloud.client("s3")
    assert s3.get_bucket_versioning(Bucket=name)["Status"] == "Enabled"
    assert s3.get_bucket_encryption(Bucket=name)["ServerSideEncryptionConfiguration"]["Rules"]
    assert all(s3.get_public_access_block(Bucket=name)["PublicAccessBlockConfiguration"].values())


def lock_table(cloud) -> None:
    assert cloud.client("dynamodb").describe_table(TableName="hermes-deploy-lock")["Table"]["TableStatus"] == "ACTIVE"
    assert "is free" in cloud.type("lock show")


def certificate(cloud) -> None:
    arn = cloud.type("outputs certificate_arn").strip()
    found = cloud.client("acm").describe_certificate(CertificateArn=arn)["Certificate"]
    assert found["Status"] == "ISSUED" and "*.hermes.yourdomain.com" in found["SubjectAlternativeNames"]


def shell(cloud) -> None:
    assert re.fullmatch(r"aws ssm start-session --target i-\w+ --region eu-south-2\n", cloud.type("shell --print"))


def roles(cloud) -> None:
    said = cloud.type("bootstrap --yes")
    iam = cloud.client("iam")
    for name in re.findall(r":role/(\S+)", said):
        trust = json.dumps(iam.get_role(RoleName=name)["Role"]["AssumeRolePolicyDocument"])
        assert "token.actions.githubusercontent.com" in trust and "StringLike" not in trust
    providers = iam.list_open_id_connect_providers()["OpenIDConnectProviderList"]
    assert any("token.actions.githubusercontent.com" in provider["Arn"] for provider in providers)


def initialised(cloud) -> None:
    cloud.type("render")
    assert "is fresh" in cloud.type("render --check")


def planned(cloud) -> None:
    assert cloud.json("plan") is not None
    cloud.type("plan --detailed-exitcode")


def applied(cloud) -> None:
    assert "unchanged" in cloud.type("deploy --yes")


def outputs(cloud) -> None:
    found = cloud.json("outputs")
    assert {"alb_dns_name", "alb_arn", "alb_target_group_arn", "instance_ids", "ec2_instance_ids"} <= set(found)
    assert cloud.type("outputs alb_dns_name").strip() == found["alb_dns_name"]
    assert f"ALB_DNS_NAME={found['alb_dns_name']}" in cloud.type("outputs --format env")


def running(cloud) -> set[str]:
    return {line["release"][:2] for line in cloud.json("status")["instances"]}


def pushed(cloud) -> None:
    cloud.type("release --image v2 --yes")
    assert running(cloud) == {"v2"}


def healthy(cloud) -> None:
    seen = cloud.json("status")
    assert seen["healthy"] == 2
    assert {line["health"] for line in seen["instances"]} == {"healthy"}


def logs(cloud) -> None:
    assert cloud.type("logs --since 1d").strip()


def migrated(cloud) -> None:
    cloud.type("migrate --yes")


def rolled_back(cloud) -> None:
    pushed(cloud)
    cloud.type("rollback --yes")
    assert running(cloud) == {"v1"}


def images(cloud) -> None:
    pushed(cloud)
    assert {"v1", "v2"} <= set(re.findall(r"\bv\d\b", cloud.type("releases")))


def emergency(cloud) -> None:
    pushed(cloud)
    cloud.type("rollback --emergency --yes")
    assert running(cloud) == {"v1"}


def looked_inside(cloud) -> None:
    assert cloud.type("run --host -- docker ps").count("hermes")
    assert cloud.type("run -- date").strip()


def doctored(cloud) -> None:
    found = [one for one in cloud.json("doctor") if one["severity"] == "error"]
    assert found == [], found


@dataclass(frozen=True)
class Row:
    """What the guide types (first words of its lines), and the check that types the verb."""

    guide: tuple[str, ...]
    verb: str
    check: Callable[..., None]


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
    Row(("aws logs tail",), "logs", logs),
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


def listed(guide: str) -> str:
    """The headings of the guide, and below each the first words of the commands of its ``bash`` blocks."""
    lines: list[str] = []
    for part in re.split(
        r"^(?=#+ )", re.sub(r"(?m)^```bash\n(.*?)^```", _block, guide, flags=re.DOTALL), flags=re.MULTILINE
    ):
        heading, *rest = part.splitlines() or [""]
        found = [line.removeprefix("\0") for line in rest if line.startswith("\0")]
        if heading.startswith("#"):
            lines += [heading, *found, ""]
    return "\n".join(lines)


def _block(match: re.Match[str]) -> str:
    """A block as lines that begin with a zero byte: the first words of each of its commands."""
    text = re.sub(r"<< EOF\n.*?\nEOF", "", match[1], flags=re.DOTALL)
    text = re.sub(r"'\{.*?\}'", "", text, flags=re.DOTALL)
    text = re.sub(r'commands="\[.*?\]"', "", text, flags=re.DOTALL)
    lines = [line.strip() for line in text.replace("\\\n", " ").splitlines()]
    first = [" ".join(line.split()[:WORDS]) for line in lines if line and not line.startswith("#")]
    return "\n".join("\0" + re.sub(r"=\S.*", "=…", words) for words in first)


def carried() -> list[str]:
    return [line for line in CARRIED.read_text().splitlines() if line and not line.startswith("#")]


def test_no_command_of_the_guide_is_without_a_row():
    known = tuple(words for row in ROWS for words in row.guide)
    assert [line for line in carried() if not line.startswith(known) and line != "do"] == []
    assert len(carried()) > 50


def test_no_row_is_of_a_command_that_the_guide_does_not_have():
    assert [words for row in ROWS for words in row.guide if not any(line.startswith(words) for line in carried())] == []


def anchors(page: Path) -> set[str]:
    """What the headings of a page are called in a link, as GitHub makes them."""
    headings = re.findall(r"(?m)^#+ (.*)$", page.read_text(encoding="utf-8"))
    return {re.sub(r"[^\w\- ]", "", heading).strip().lower().replace(" ", "-") for heading in headings}


def test_every_heading_of_the_guide_leads_to_its_place():
    page = ROOT / "docs/guide-coverage.md"
    table = dict(re.findall(r"(?m)^\| (.+?) \| (.+) \|$", page.read_text(encoding="utf-8").partition("## By row")[0]))
    headings = [line.lstrip("#").strip() for line in CARRIED.read_text().splitlines() if line.startswith("#")]
    assert [heading for heading in headings if heading not in table] == []
    for heading in headings:
        links = re.findall(r"\]\((\S+?)(?:#(\S+))?\)", table[heading])
        assert links, heading
        for path, anchor in links:
            there = (page.parent / path).resolve()
            assert there.exists() and (not anchor or anchor in anchors(there)), (heading, path, anchor)


def test_what_is_carried_is_the_guides():
    """Where the guide lies beside the repository; elsewhere what is carried stands for it."""
    assert not GUIDE.exists() or listed(GUIDE.read_text(encoding="utf-8")) == CARRIED.read_text()


def test_every_verb_of_the_table_exists():
    assert {row.verb.split()[0] for row in ROWS} <= set(VERBS)


@pytest.mark.parametrize(
    "words",
    ("whoami", "releases", "lock show", "secrets list", "secrets check", "image list", "machine-image show"),
)
def test_what_is_read_is_one_json_document(cloud, monkeypatch, words):
    for name, value in cloud.env.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(cloud.directory)
    done = CliRunner().invoke(hermes, ["--local", *words.split(), "--format", "json"], catch_exceptions=False)
    assert json.loads(done.stdout) is not None
