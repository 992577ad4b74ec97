"""Bad input is one clear error before anything is created: by the file alone, or by ``plan`` and ``doctor`` of the account."""

import os
import subprocess
import sys

import pytest

from hermes_cfn.errors import ExitCode
from hermes_cfn.local import control
from hermes_cfn.local.options import Options
from tests.stories.conftest import ROOT, Cloud

FOREIGN = "arn:aws:acm:us-east-1:123456789012:certificate/0f"
WRONG = {
    "a certificate of another region": (f'[certificate]\narn = "{FOREIGN}"\n', 2, "certificate.arn", "one of eu-south-2"),
    "a type that the region lacks": (
        '[application]\narchitecture = "x86_64"\n[compute]\ninstance_type = "t2.small"\n', 4,
        "compute.instance_type", "t4g",
    ),
    "an x86 type for an ARM64 image": ('[compute]\ninstance_type = "t3.small"\n', 2, "compute.instance_type", "t4g.small"),
    "one zone": ('[network]\nzones = ["eu-south-2a"]\n', 2, "network.zones", "at least 2"),
    "IPv6 alone with an IPv4 database": (
        '[network]\negress = "ipv6"\n[database]\nallow_list = false\n', 2, "network.egress", 'database.addresses = ["ipv6"]',
    ),
    "a repository written as a URL": (
        '[github]\nrepository = "https://github.com/me/hermes.git"\n', 2, "github.repository", "'me/hermes'",
    ),
    "an allow-list without stable addresses": (
        '[network]\negress = "public-subnets"\n', 2, "network.egress", "nat-gateway",
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", WRONG)
def test_what_the_file_alone_shows_wrong_is_told_by_line_and_key(tmp_path, what):
    text, line, key, instead = WRONG[what]
    (tmp_path / "hermes.toml").write_text(text)
    done = subprocess.run(
        [sys.executable, "-m", "hermes_cfn", "render"],
        cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == ExitCode.USAGE, done.stdout + done.stderr
    said = " ".join(done.stderr.split())
    assert f"hermes.toml:{line}" in said and key in said and instead in said
    assert "Traceback" not in said
    assert not (tmp_path / "templates").exists()


@pytest.fixture(scope="module")
def account(tmp_path_factory):
    """An account with things of its own in it, and nothing of ours."""
    made = Cloud(tmp_path_factory.mktemp("account"))
    control.start(made.state, Options(follow_parent=True, processes=False, speed=1000))
    zone = made.client("route53").create_hosted_zone(Name="yourdomain.com", CallerReference="one")["HostedZone"]["Id"]
    made.zone = zone.rpartition("/")[2]
    for name, kind, value in (
        ("hermes.yourdomain.com", "CNAME", "old.example.net"), ("static.yourdomain.com", "A", "192.0.2.1"),
    ):  # fmt: skip
        record = {"Name": name, "Type": kind, "TTL": 60, "ResourceRecords": [{"Value": value}]}
        made.client("route53").change_resource_record_sets(
            HostedZoneId=zone, ChangeBatch={"Changes": [{"Action": "CREATE", "ResourceRecordSet": record}]}
        )
    made.client("iam").create_open_id_connect_provider(
        Url="https://token.actions.githubusercontent.com", ClientIDList=["sts.amazonaws.com"], ThumbprintList=[]
    )
    yield made
    made.stop()


ASKED = {
    "key-pair-missing": ('[compute]\nkey_name = "nobody"\n', "aws ec2 create-key-pair --key-name nobody"),
    "type-not-offered": ('[compute]\ninstance_type = "x2gd.medium"\n', "choose another type"),
    "certificate-missing": (f'[certificate]\narn = "{FOREIGN.replace("us-east-1", "eu-south-2")}"\n', ""),
    "record-taken": ('[edge]\ndns = "alias"\nhosted_zone_id = "{zone}"\n', 'dns = "manual"'),
    "provider-taken": ("", 'github_provider = "existing"'),
}


@pytest.mark.parametrize("code", ASKED)
def test_what_only_the_account_knows_stops_the_plan(account, code):
    text, instead = ASKED[code]
    (account.directory / "hermes.toml").write_text(text.replace("{zone}", account.zone))
    found = {one["code"]: one for one in account.json("plan", codes=(ExitCode.FAILED,))["findings"]}
    assert found[code]["severity"] == "error" and instead in found[code]["next"]
    assert account.client("cloudformation").describe_stacks()["Stacks"] == []


def test_a_foreign_record_of_the_assets_name_stops_the_plan(account):
    (account.directory / "hermes.toml").write_text(
        "[edge]\nassets = true\n[worldwide]\ncloudfront = true\nassets_domain = 'static.yourdomain.com'\n"
        f"hosted_zone_id = '{account.zone}'\n"
    )
    found = {one["code"]: one for one in account.json("plan", codes=(ExitCode.FAILED,))["findings"]}
    assert "static.yourdomain.com has a record already: A" in found["record-taken"]["what"]


@pytest.mark.parametrize("code", ["key-pair-missing", "type-not-offered"])
def test_doctor_finds_it_too(account, code):
    text, instead = ASKED[code]
    (account.directory / "hermes.toml").write_text(text)
    found = {one["code"]: one for one in account.json("doctor", codes=(ExitCode.FAILED,))}
    assert instead in found[code]["next"]


def test_doctor_says_how_github_must_introduce_itself(account):
    (account.directory / "hermes.toml").write_text('[github]\nrepository = "me/hermes"\n')
    done = subprocess.run(
        [sys.executable, "-m", "hermes_cfn", "--local", "doctor", "--format", "json"],
        cwd=account.directory, env=account.env, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert "GitHub is expected as repo:me/hermes:environment:production (github.subject = 'names')" in done.stderr


def test_deploy_creates_nothing_either(account):
    (account.directory / "hermes.toml").write_text(ASKED["key-pair-missing"][0])
    account.type("deploy --image v1 --yes", codes=(ExitCode.REFUSED,))
    assert account.client("cloudformation").describe_stacks()["Stacks"] == []
