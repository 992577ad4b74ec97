"""An existing network, an existing listener, and a shared environment: what is refused, what is made, and what plan finds."""

import json
from datetime import UTC, datetime

import pytest

from hermes_cfn import stacks
from hermes_cfn.bill import compute
from hermes_cfn.checks import existing
from hermes_cfn.checks.facts import ExistingSeen, Facts, SubnetSeen
from hermes_cfn.config import parse
from hermes_cfn.deployment import FromLookup, FromSetting
from hermes_cfn.errors import ConfigurationError
from hermes_cfn.pricing import books

VPC = "vpc-0123456789abcdef0"
A, B, C, D = (f"subnet-0123456789abcdef{n}" for n in range(4))
NETWORK = f'[network]\nvpc_id = "{VPC}"\npublic_subnets = ["{A}", "{B}"]\nprivate_subnets = ["{C}", "{D}"]\n'
LISTENER = "arn:aws:elasticloadbalancing:eu-south-2:123456789012:listener/app/theirs/50dc6c495c0c9188/f2f7dc8efc522ab2"
RULE = f'[ingress]\nlistener_arn = "{LISTENER}"\nlistener_priority = 200\n'
SHARED = """
[environments.staging.environment]
shares = "production"
[environments.staging.ingress]
listener_priority = 200
[environments.staging.certificate]
domain = "staging.example.com"
"""


def types(deployment):
    return [one["Type"].removeprefix("AWS::") for spec in deployment for one in spec.template["Resources"].values()]


def test_an_existing_network_is_used_and_none_is_made():
    made = stacks.build(parse(NETWORK))
    assert "network" not in made.keys
    given = made.stack("service").parameters
    assert given["VpcId"] == FromSetting(VPC) and given["PublicSubnets"] == FromSetting(f"{A},{B}")
    assert given["PrivateSubnets"] == FromSetting(f"{C},{D}")
    assert not {"EC2::VPC", "EC2::NatGateway", "EC2::EIP"} & set(types(made))
    assert made.waves()


def test_an_existing_listener_gets_a_rule_and_a_certificate_and_no_load_balancer_is_made():
    made = stacks.build(parse(NETWORK + RULE + "[watch]\nenabled = true\n"))
    found = types(made)
    assert "ElasticLoadBalancingV2::LoadBalancer" not in found and "ElasticLoadBalancingV2::Listener" not in found
    service = made.stack("service")
    rule = service.template["Resources"]["HostRule"]["Properties"]
    assert rule["Priority"] == 200 and rule["Conditions"][0]["HostHeaderConfig"]["Values"] == ["hermes.yourdomain.com"]
    assert service.parameters["ListenerArn"] == FromSetting(LISTENER)
    assert service.parameters["LoadBalancerSecurityGroupId"] == FromLookup(
        "balancer", f"{LISTENER} LoadBalancerSecurityGroupId"
    )


def test_a_staging_that_shares_is_a_rule_and_its_instances_alone():
    base, staging = (parse(SHARED, name) for name in (None, "staging"))
    made = stacks.build(staging)
    assert "network" not in made.keys and "ElasticLoadBalancingV2::LoadBalancer" not in types(made)
    given = made.stack("service").parameters
    assert given["VpcId"] == FromLookup("output", "hermes-production-network:VpcId")
    assert given["ListenerArn"] == FromLookup("output", "hermes-production-service:HttpsListenerArn")
    owner = stacks.build(base).stack("service").template
    assert {"HttpsListenerArn", "AlbSecurityGroup"} <= set(owner["Outputs"])


def test_nobody_to_share_with_leaves_the_owner_as_it_was():
    """But for what its instances may run: the images that the other environment verified."""
    alone, owner = (
        stacks.build(parse(text)) for text in ("", SHARED.replace("shares", "#").replace("listener_priority", "#"))
    )
    assert alone.stack("network") == owner.stack("network")
    before, after = (one.stack("service").template for one in (alone, owner))
    differing = {title for title in before["Resources"] if before["Resources"][title] != after["Resources"][title]}
    assert {title for title in differing if not title.endswith("Document")} == {"InstanceRole", "LaunchTemplate"}
    assert {**before, "Resources": set(before["Resources"])} == {**after, "Resources": set(after["Resources"])}


def test_a_staging_that_shares_has_no_right_to_what_is_not_its_own():
    """Not to the other's secrets, and not to a rule without its own tags."""
    foundation = stacks.build(parse(SHARED, "staging")).stack("foundation").template["Resources"]
    mine = {title: json.dumps(body) for title, body in foundation.items() if title.startswith("Staging")}
    assert mine and not [title for title, text in mine.items() if "/hermes/production" in text]
    changing = ("ModifyRule", "DeleteRule", "SetRulePriorities")
    rows = [
        row
        for title, body in foundation.items()
        if title.startswith("StagingCloudformation") and body["Type"] == "AWS::IAM::ManagedPolicy"
        for row in body["Properties"]["PolicyDocument"]["Statement"]
        if any(f"elasticloadbalancing:{name}" in row["Action"] for name in changing)
    ]
    assert rows
    for row in rows:
        assert row["Condition"]["StringEquals"]["aws:ResourceTag/hermes:environment"] == "staging"


def test_a_staging_that_shares_costs_its_instance_and_little_more():
    book = books.load("eu-south-2")
    text = SHARED + "[environments.staging.compute]\ncount = 1\n[environments.staging.release]\nstrategy = 'surge'\n"
    shared = compute(stacks.build(parse(text, "staging")), book)
    whole = compute(
        stacks.build(
            parse(text.replace('shares = "production"', "").replace("listener_priority = 200", ""), "staging")
        ),
        book,
    )
    hours = next(line.monthly for line in shared.lines if line.what.endswith("t4g.small"))
    assert not [
        line for line in shared.lines if "NAT" in line.what or "load balancer" in line.what or "IPv4" in line.what
    ]
    assert shared.total < 2 * hours < whole.total


REFUSED = {
    "subnets without a VPC": f'[network]\npublic_subnets = ["{A}"]\n',
    "no public subnets": NETWORK.replace(f'public_subnets = ["{A}", "{B}"]', ""),
    "one public subnet": NETWORK.replace(f', "{B}"', ""),
    "no private subnets": NETWORK.replace(f'private_subnets = ["{C}", "{D}"]', ""),
    "a NAT instance in it": NETWORK + 'egress = "nat-instance"\n',
    "IPv6 in it": NETWORK + 'egress = "ipv6"\n[database]\nallow_list = false\naddresses = ["ipv6"]\n',
    "endpoints in it": NETWORK + 'interface_endpoints = ["ssm"]\n',
    "a subnet twice": NETWORK.replace(D, C),
    "no VPC id": '[network]\nvpc_id = "main"\n',
    "a listener without its network": RULE,
    "a listener without a priority": NETWORK + RULE.replace("listener_priority = 200", ""),
    "a priority without a listener": "[ingress]\nlistener_priority = 200\n",
    "a listener of another region": NETWORK + RULE.replace("eu-south-2", "eu-west-1"),
    "a listener's number": NETWORK + RULE.replace("200", "50001"),
    "a maintenance page on it": NETWORK + RULE + "maintenance = true\n",
    "headers on it": NETWORK + RULE + "headers = { X-Frame-Options = 'DENY' }\n",
    "a firewall on it": NETWORK + RULE + "[service]\nwaf = true\n",
    "routes on it": NETWORK + RULE + "[routes.a]\npriority = 100\npaths = ['/x']\nanswer = ''\n",
    "shares what there is not": SHARED.replace('"production"', '"demo"'),
    "shares itself": SHARED.replace('"production"', '"staging"'),
    "shares and has a network": SHARED + f'[environments.staging.network]\nvpc_id = "{VPC}"\n',
    "shares and has a listener": SHARED.replace("listener_priority = 200", f'listener_priority = 200\nlistener_arn = "{LISTENER}"'),
    "shares who shares": SHARED + "[environments.demo.environment]\nshares = 'staging'\n[environments.demo.ingress]\nlistener_priority = 300\n",
    "two with one priority": SHARED + "[environments.demo.environment]\nshares = 'production'\n[environments.demo.ingress]\nlistener_priority = 200\n",
    "two with one priority of another team's": NETWORK + RULE + "[environments.demo.certificate]\ndomain = 'demo.example.com'\n",
    "a priority of the owner's routes": SHARED + "[routes.a]\npriority = 200\npaths = ['/x']\nanswer = ''\n[environments.staging.routes]\n",
    "the owner's own domain": SHARED.partition("[environments.staging.certificate]")[0],
    "a host of the owner": "[ingress]\nhosts = ['www.example.com']\n" + SHARED.replace("priority = 200", "priority = 200\nhosts = ['www.example.com']"),
    "a host of another one that shares": SHARED.replace("priority = 200", "priority = 200\nhosts = ['www.example.com']")
    + "[environments.demo.environment]\nshares = 'production'\n[environments.demo.ingress]\nlistener_priority = 300\n"
    + "[environments.demo.certificate]\ndomain = 'www.example.com'\n",
    "one host in two environments on another team's listener": NETWORK + RULE + "[environments.demo.ingress]\nlistener_priority = 300\n",
    "a priority of the owner's own": SHARED.replace("200", "3"),
}  # fmt: skip


@pytest.mark.parametrize("text", REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_is_one_finding_before_anything_is_touched(text):
    with pytest.raises(ConfigurationError) as caught:
        for name in (None, "staging", "demo"):
            if name is None or f"environments.{name}" in text:
                parse(text, name)
    (finding,) = caught.value.findings
    assert finding.next and finding.where.startswith("hermes.toml")


NOW = datetime(2026, 1, 1, tzinfo=UTC)
GOOD = {A: SubnetSeen(VPC, "eu-south-2a", 99, "igw"), B: SubnetSeen(VPC, "eu-south-2b", 99, "igw"),
        C: SubnetSeen(VPC, "eu-south-2a", 99, "nat"), D: SubnetSeen(VPC, "eu-south-2b", 99, "tgw")}  # fmt: skip
SEEN = [
    (ExistingSeen(), []),
    (ExistingSeen(True, GOOD), []),
    (ExistingSeen(False), ["network-missing"]),
    (ExistingSeen(True, {one: GOOD[one] for one in (A, B, C)}), ["network-missing"]),
    (ExistingSeen(True, GOOD | {D: SubnetSeen("vpc-1", "eu-south-2b", 99, "nat")}), ["subnet-elsewhere"]),
    (ExistingSeen(True, GOOD | {B: SubnetSeen(VPC, "eu-south-2a", 99, "igw")}), ["subnets-unfit"]),
    (ExistingSeen(True, GOOD | {B: SubnetSeen(VPC, "eu-south-2b", 7, "igw")}), ["subnets-unfit"]),
    (ExistingSeen(True, GOOD | {B: SubnetSeen(VPC, "eu-south-2b", 99, "nat")}), ["no-way-out"]),
    (ExistingSeen(True, GOOD | {C: SubnetSeen(VPC, "eu-south-2a", 99, "")}), ["no-way-out"]),
    (ExistingSeen(True, GOOD | {C: SubnetSeen(VPC, "eu-south-2a", 99, "igw")}), ["no-way-out"]),
    (ExistingSeen(True, GOOD | {C: SubnetSeen(VPC, "eu-south-2a", 1, "nat"), D: SubnetSeen(VPC, "eu-south-2b", 1, "nat")}), ["subnets-unfit"]),
]  # fmt: skip


@pytest.mark.parametrize(("seen", "codes"), SEEN)
def test_an_existing_network_is_looked_at(seen, codes):
    facts = Facts(NOW, existing=seen)
    assert [finding.code for finding in existing.network(parse(NETWORK), facts)] == codes


@pytest.mark.parametrize(
    ("seen", "codes"),
    [
        (ExistingSeen(), []),
        (ExistingSeen(listener_vpc=VPC, priorities=frozenset({1, 300})), []),
        (ExistingSeen(listener_vpc=""), ["listener-unknown"]),
        (ExistingSeen(listener_vpc="vpc-1"), ["listener-elsewhere"]),
        (ExistingSeen(listener_vpc=VPC, priorities=frozenset({200, 201})), ["listener-priority-taken"]),
    ],
)
def test_an_existing_listener_is_looked_at(seen, codes):
    found = list(existing.listener(parse(NETWORK + RULE), Facts(NOW, existing=seen)))
    assert [finding.code for finding in found] == codes
    assert "priority" not in "".join(codes) or str(found[0].next).endswith("202")


def test_an_empty_table_of_an_environment_takes_away_what_the_base_names():
    text = SHARED + "[routes.a]\npriority = 7000\npaths = ['/x']\nanswer = ''\n[processes.work]\ncommand = ['w']\n"
    with pytest.raises(ConfigurationError):
        parse(text, "staging")
    taken = text.replace(
        "[environments.staging.environment]", "[environments.staging.routes]\n[environments.staging.environment]"
    )
    assert dict(parse(taken, "staging").routes) == {}
    assert set(parse(taken, "staging").processes) == {"work"}
    assert set(parse(taken).routes) == {"a"}


@pytest.mark.parametrize(
    ("name", "well"), [("hermes-staging-extra-db", False), ("hermes-production-oidc", True), ("oidc", True)]
)
def test_a_secret_that_is_called_as_another_environments_is_not_read(name, well):
    sign_in = "\n".join(
        ["[sign_in]", 'paths = ["/admin/*"]', 'client_id = "x"', f'secret_name = "{name}"', 'issuer = "https://id.example.com"']
        + [f'{key}_endpoint = "https://id.example.com/{key}"' for key in ("authorization", "token", "user_info")]
    )  # fmt: skip
    text = f"{sign_in}\n[environments.staging]\n"
    if well:
        assert parse(text).sign_in.secret_name == name
        return
    with pytest.raises(ConfigurationError) as caught:
        parse(text)
    assert any("secret_name" in finding.where for finding in caught.value.findings)
