"""``hermes.toml``: the guide's deployment, and everything that is wrong with one, at once."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hermes_cfn.config import load, parse
from hermes_cfn.config.lines import lines
from hermes_cfn.errors import ConfigurationError

ROOT = Path(__file__).parents[2]


def findings(text, environment=None):
    with pytest.raises(ConfigurationError) as caught:
        parse(text, environment)
    return caught.value.findings


def test_the_file_at_the_root_is_the_guides_deployment():
    found = load(ROOT / "hermes.toml")
    assert (found.region, found.network.cidr, found.network.zones) == (
        "eu-south-2",
        "10.0.0.0/16",
        ("eu-south-2a", "eu-south-2b", "eu-south-2c"),
    )
    assert (found.compute.instance_type, found.compute.count, found.compute.architecture) == ("t4g.small", 2, "arm64")
    assert (found.application.port, found.application.health_path) == (4000, "/health")
    assert (found.network.egress, found.certificate.domain) == ("nat-gateway", "hermes.yourdomain.com")
    assert found.environment.name == "production"


def test_an_empty_file_is_the_same_deployment_without_its_variables():
    empty, full = parse(""), load(ROOT / "hermes.toml")
    assert empty.model_copy(update={"env": full.env, "siblings": ()}) == full.model_copy(update={"siblings": ()})


def test_settings_are_frozen():
    with pytest.raises(Exception, match="frozen"):
        parse("").compute.count = 3


WRONG = {
    "unknown key": ("[application]\nprot = 4000\n", 2, "application.prot", "did you mean 'port'?"),
    "unknown section": ("\n[nettwork]\n", 2, "nettwork", "did you mean 'network'?"),
    "wrong type": ('[compute]\ncount = "two"\n', 2, "compute.count", "a value like 2"),
    "no switch": ('[network]\nflow_logs = "yes"\n', 2, "network.flow_logs", "without quotes: true"),
    "CIDR too small": ('[network]\ncidr = "10.0.0.0/26"\n', 2, "network.cidr", 'a value like "10.0.0.0/16"'),
    "CIDR with host bits": ('[network]\ncidr = "10.0.0.1/16"\n', 2, "network.cidr", "10.0.0.0/16"),
    "public CIDR": ('[network]\ncidr = "8.8.0.0/16"\n', 2, "network.cidr", "10.0.0.0/16"),
    "zone of another region": ('[network]\nzones = ["eu-west-1a", "eu-south-2b"]\n', 2, "network.zones", "eu-south-2a"),
    "one zone": ('[network]\nzones = ["eu-south-2a"]\n', 2, "network.zones", "eu-south-2a"),
    "a zone twice": ('[network]\nzones = ["eu-south-2a", "eu-south-2a"]\n', 2, "network.zones", "once"),
    "architecture": ('[compute]\ninstance_type = "t3.small"\n', 2, "compute.instance_type", "t4g.small"),
    "region lacks it": (
        '[compute]\ninstance_type = "t2.small"\n[application]\narchitecture = "x86_64"\n',
        2,
        "compute.instance_type",
        "t4g",
    ),
    "certificate of another region": (
        '[certificate]\narn = "arn:aws:acm:eu-west-1:123456789012:certificate/1"\n',
        2,
        "certificate.arn",
        "eu-south-2",
    ),
    "no zone for validation": ('[certificate]\nvalidation = "route53"\n', 1, "certificate.hosted_zone_id", "manual"),
    "no zone for a record": ('[edge]\ndns = "alias"\n', 1, "edge.hosted_zone_id", "manual"),
    "addresses that move": ('[network]\negress = "public-subnets"\n', 2, "network.egress", "nat-gateway"),
    "IPv6 to an IPv4 database": (
        '[network]\negress = "ipv6"\n[database]\nallow_list = false\n',
        2,
        "network.egress",
        "ipv6",
    ),
    "repository as a URL": (
        '[github]\nrepository = "https://github.com/me/it.git"\n',
        2,
        "github.repository",
        "YOUR_ORG/hermes",
    ),
    "ids without ids": ('[github]\nsubject = "ids"\n', 2, "github.subject", "gh api"),
    "batch beyond the fleet": ("[release]\nbatch = 3\n", 2, "release.batch", "at most 2"),
    "timer before the drain": ("[release]\nreturn_after_s = 100\n", 2, "release.return_after_s", "more than 150"),
    "timeout beyond interval": ("[service]\nhealth_interval_s = 5\n", 1, "service.health_timeout_s", "less than"),
    "no bucket for CloudFront": ("[worldwide]\ncloudfront = true\n", 2, "worldwide.cloudfront", "edge.assets = true"),
    "number in a variable": ("[env]\nWORKERS = 3\n", 2, "env.WORKERS", 'in quotes: "3"'),
    "switch in a variable": ("[env]\nDEBUG = true\n", 2, "env.DEBUG", 'in quotes: "true"'),
    "command as a text": (
        '[application]\nmigrate = "python manage.py migrate"\n',
        2,
        "application.migrate",
        '["python", "manage.py", "migrate"]',
    ),
    "number in quotes": ('[application]\nport = "8000"\n', 2, "application.port", "without quotes: 8000"),
    "budget in words": ('[budget]\nceiling_usd = "much"\n', 2, "budget.ceiling_usd", ""),
    "variable with a line break": ('[env]\nMOTD = "a\\nb"\n', 2, "env.MOTD", ""),
}


@pytest.mark.parametrize("text, line, key, instead", WRONG.values(), ids=WRONG.keys())
def test_what_is_wrong_names_line_and_key_and_what_is_right(text, line, key, instead):
    (finding,) = findings(text)
    assert finding.where == f"hermes.toml:{line} {key}"
    assert instead in str(finding.next)
    assert finding.what


def test_everything_is_said_at_once():
    text = "".join(
        text for text, *_ in (WRONG[name] for name in ("unknown section", "repository as a URL", "wrong type"))
    )
    text += '[network]\ncidr = "10.0.0.0/30"\nzones = ["us-east-1a", "eu-south-2b"]\n[application]\narchitecture = "x86_64"\n'
    keys = {finding.where.split()[1] for finding in findings(text)}
    assert keys == {
        "nettwork",
        "github.repository",
        "compute.count",
        "network.cidr",
        "network.zones",
        "compute.instance_type",
    }


SECRETS = {
    "by name": '[env]\nSECRET_KEY_BASE = "x"\n',
    "database url": '[env]\nDATABASE_URL = "x"\n',
    "in a section": '[database]\npassword = "hunter2"\n',
    "AWS key": '[env]\nWHO = "AKIAIOSFODNN7EXAMPLE"\n',
    "URL with a password": '[env]\nCACHE = "redis://me:pw@cache:6379"\n',
    "private key": '[env]\nPEM = "-----BEGIN RSA PRIVATE KEY-----"\n',
    "API key": '[env]\nMODEL = "sk-ant-REDACTED"\n',
    "in an overlay": '[environments.staging.env]\nAPI_TOKEN = "x"\n',
    "in a list": '[application]\nmigrate = ["run", "postgres://a:b@c/d"]\n',
}


@pytest.mark.parametrize("text", SECRETS.values(), ids=SECRETS.keys())
def test_a_secret_is_refused_and_not_repeated(text):
    found = [finding for finding in findings(text) if finding.code == "secret-in-configuration"]
    assert len(found) == 1
    assert "secrets set" in str(found[0].next)
    shown = " ".join(str(finding) for finding in findings(text))
    for word in ("hunter2", "AKIAIOSFODNN7EXAMPLE", "me:pw", "sk-ant", "a:b@c"):
        assert word not in shown


def test_an_overlay_is_laid_over_and_its_lines_are_its_own():
    text = '[compute]\ncount = 2\n[environments.staging.compute]\ncount = 1\n[environments.staging.network]\ncidr = "10.1.0.0/16"\n'
    staging = parse(text, "staging")
    assert (staging.environment.name, staging.compute.count, staging.network.cidr) == ("staging", 1, "10.1.0.0/16")
    assert parse(text).compute.count == 2
    (finding,) = findings(text.replace("10.1.0.0/16", "10.1.0.0/29"), "staging")
    assert finding.where == "hermes.toml:6 environments.staging.network.cidr"


def test_environments_know_each_other():
    text = "[environments.staging.compute]\ncount = 1\n"
    for environment in (None, "staging"):
        assert [one.environment.name for one in parse(text, environment).family] == ["production", "staging"]


def test_an_unknown_environment_names_the_known():
    (finding,) = findings("[environments.staging]\n", "stagging")
    assert "production, staging" in str(finding.next)


def test_syntax_names_the_line():
    (finding,) = findings("[application]\nname = \n")
    assert finding.where == "hermes.toml:2"


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(ConfigurationError, match="cannot be read"):
        load(tmp_path / "hermes.toml")


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=200))
def test_any_text_is_settings_or_findings(text):
    try:
        parse(text)
    except ConfigurationError as error:
        assert error.findings


def test_lines_of_dotted_and_quoted_keys():
    found = lines('[a.b]\nc.d = 1\n"e" = 2\n# [x]\n[f]  # note\n')
    assert found == {("a", "b"): 1, ("a", "b", "c", "d"): 2, ("a", "b", "e"): 3, ("f",): 5}


def test_subnets_do_not_overlap_and_lie_in_the_range():
    from ipaddress import ip_network

    network = parse('[network]\ncidr = "172.16.4.0/24"\n').network
    ranges = [ip_network(block) for _, *blocks in network.subnets for block in blocks]
    assert all(block.subnet_of(ip_network("172.16.4.0/24")) for block in ranges)
    assert len(ranges) == 6
    assert not any(a.overlaps(b) for index, a in enumerate(ranges) for b in ranges[index + 1 :])


@pytest.mark.parametrize(
    "kind, architecture",
    [
        ("t4g.nano", "arm64"),
        ("m7gd.large", "arm64"),
        ("a1.medium", "arm64"),
        ("im4gn.large", "arm64"),
        ("t3.small", "x86_64"),
        ("g4dn.xlarge", "x86_64"),
        ("g5g.xlarge", "arm64"),
        ("c7i-flex.large", "x86_64"),
    ],
)
def test_architecture_from_the_name(kind, architecture):
    text = f'[compute]\ninstance_type = "{kind}"\n[application]\narchitecture = "{architecture}"\n[account]\nregion = "eu-west-1"\n'
    text += '[network]\nzones = ["eu-west-1a", "eu-west-1b"]\n'
    assert parse(text).compute.architecture == architecture


def test_github_subjects():
    names = parse('[github]\nrepository = "octocat/my-repo"\n').github
    assert names.deployment_claims("production")["sub"] == "repo:octocat/my-repo:environment:production"
    assert names.pull_request_claims["sub"] == "repo:octocat/my-repo:pull_request"
    ids = parse(
        '[github]\nrepository = "octocat/my-repo"\nsubject = "ids"\nowner_id = 123456\nrepository_id = 456789\n'
    ).github
    assert ids.deployment_claims("production")["sub"] == "repo:octocat@123456/my-repo@456789:environment:production"


SSO = "arn:aws:iam::123456789012:role/aws-reserved/sso.amazonaws.com"


@pytest.mark.parametrize(
    ("arn", "well"),
    [
        (f"{SSO}/eu-west-1/AWSReservedSSO_Operator_0123456789abcdef", True),
        (f"{SSO}/eu-west-1/AWSReservedSSO_Operator_*", True),
        (f"{SSO}/*/AWSReservedSSO_Operator_*", True),
        (f"{SSO}/AWSReservedSSO_Operator_*", True),
        ("arn:aws:iam::123456789012:role/people/operator", True),
        ("arn:aws:iam::123456789012:role/*", False),
        ("arn:aws:iam::123456789012:role/people/*", False),
        (f"{SSO}/*", False),
        (f"{SSO}/eu-west-1/AWSReservedSSO_*", False),
        ("arn:aws:iam::*:role/operator", False),
        ("arn:aws:iam::123456789012:user/ana", False),
    ],
)
def test_operators_are_roles_that_somebody_named(arn, well):
    text = f'[account]\nid = "123456789012"\noperators = ["{arn}"]\n'
    if well:
        assert parse(text).account.operators == (arn,)
    else:
        with pytest.raises(ConfigurationError):
            parse(text)
