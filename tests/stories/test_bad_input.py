"""Bad input is one clear error before anything is created: by the file alone, or by ``plan`` and ``doctor`` of the account."""

import json

import pytest

from hermes_cfn.cli import main
from hermes_cfn.errors import ExitCode
from hermes_cfn.local import control
from hermes_cfn.local.options import Options
from tests.stories.conftest import Cloud

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


@pytest.fixture
def typed(monkeypatch, capsys):
    """A verb typed in a directory, in this process: exit code, stdout, stderr."""

    def run(directory, words, **env):
        monkeypatch.chdir(directory)
        for name, value in env.items():
            monkeypatch.setenv(name, str(value))
        with pytest.raises(SystemExit) as ended:
            main(words.split())
        return (ended.value.code, *capsys.readouterr())

    return run


@pytest.mark.parametrize("what", WRONG)
def test_what_the_file_alone_shows_wrong_is_told_by_line_and_key(tmp_path, typed, what):
    text, line, key, instead = WRONG[what]
    (tmp_path / "hermes.toml").write_text(text)
    code, _, err = typed(tmp_path, "render")
    assert code == ExitCode.USAGE
    said = " ".join(err.split())
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


@pytest.fixture
def asked(account, typed):
    """A verb typed for a configuration, in the account: exit code, stdout, stderr."""

    def run(text, words):
        (account.directory / "hermes.toml").write_text(text.replace("{zone}", account.zone))
        state = {name: account.env[name] for name in ("HERMES_STATE", "XDG_CACHE_HOME")}
        return typed(account.directory, f"--local {words}", **state)

    return run


def by_code(text, key=None):
    found = json.loads(text)
    return {one["code"]: one for one in (found[key] if key else found)}


@pytest.mark.parametrize("code", ASKED)
def test_what_only_the_account_knows_stops_the_plan(account, asked, code):
    text, instead = ASKED[code]
    ended, out, _ = asked(text, "plan --format json")
    found = by_code(out, "findings")
    assert ended == ExitCode.FAILED
    assert found[code]["severity"] == "error" and instead in found[code]["next"]
    assert account.client("cloudformation").describe_stacks()["Stacks"] == []


def test_a_foreign_record_of_the_assets_name_stops_the_plan(asked):
    ended, out, _ = asked(
        "[edge]\nassets = true\n[worldwide]\ncloudfront = true\nassets_domain = 'static.yourdomain.com'\n"
        "hosted_zone_id = '{zone}'\n",
        "plan --format json",
    )
    assert ended == ExitCode.FAILED
    assert "static.yourdomain.com has a record already: A" in by_code(out, "findings")["record-taken"]["what"]


def test_doctor_finds_it_too_and_says_how_github_must_introduce_itself(asked):
    text = "[github]\nrepository = 'me/hermes'\n[compute]\ninstance_type = 'x2gd.medium'\nkey_name = 'nobody'\n"
    ended, out, err = asked(text, "doctor --format json")
    found = by_code(out)
    assert ended == ExitCode.FAILED
    for code in ("key-pair-missing", "type-not-offered"):
        assert ASKED[code][1] in found[code]["next"]
    assert "GitHub is expected as repo:me/hermes:environment:production (github.subject = 'names')" in err


def test_deploy_creates_nothing_either(account, asked):
    ended, _, _ = asked(ASKED["key-pair-missing"][0], "deploy --image v1 --yes")
    assert ended == ExitCode.REFUSED
    assert account.client("cloudformation").describe_stacks()["Stacks"] == []
