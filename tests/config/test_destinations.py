"""``network.outbound``: how destinations are written, what opens them, and what says that one is missing."""

import tomllib

import pytest

from hermes_cfn import stacks
from hermes_cfn.checks import outbound
from hermes_cfn.config import parse
from hermes_cfn.config.destination import read
from hermes_cfn.errors import ConfigurationError


def rules(text, stack="service", group="AppSecurityGroup", side="SecurityGroupEgress"):
    properties = stacks.build(parse(text)).stack(stack).template["Resources"][group]["Properties"]
    return [
        (
            rule["IpProtocol"],
            int(rule["FromPort"]),
            int(rule["ToPort"]),
            rule.get("CidrIp") or rule.get("CidrIpv6"),
        )
        for rule in properties[side]
    ]


OPENED = {
    "[6379]": ("tcp", 6379, 6379, "0.0.0.0/0"),
    '["6379"]': ("tcp", 6379, 6379, "0.0.0.0/0"),
    '["8000-8100"]': ("tcp", 8000, 8100, "0.0.0.0/0"),
    '["8125/udp"]': ("udp", 8125, 8125, "0.0.0.0/0"),
    '["10.9.0.0/16:5432"]': ("tcp", 5432, 5432, "10.9.0.0/16"),
    '["10.9.1.2:6379"]': ("tcp", 6379, 6379, "10.9.1.2/32"),
    '["2001:db8::/32:443"]': ("tcp", 443, 443, "2001:db8::/32"),
    '["10.9.0.0/16:1-65535/udp"]': ("udp", 1, 65535, "10.9.0.0/16"),
}


@pytest.mark.parametrize("written", OPENED)
def test_a_destination_is_a_rule_of_the_instances_group(written):
    always = [("tcp", port, port, "0.0.0.0/0") for port in (443, 5432)]
    assert rules(f"[network]\noutbound = {written}\n") == [*always, OPENED[written]]


def test_what_is_open_already_is_no_second_rule():
    """EC2 refuses a rule that a group has twice: InvalidPermission.Duplicate."""
    found = rules('[network]\noutbound = [443, "5432/tcp", 6379, "6379/tcp"]\n')
    assert len(found) == len(set(found)) == 3


def test_the_nat_instance_lets_through_what_instances_may_send():
    text = '[network]\negress = "nat-instance"\noutbound = [6379, "10.9.0.0/16:6379", "8125/udp"]\n'
    ports = [("tcp", 443), ("tcp", 5432), ("tcp", 6379), ("udp", 8125)]
    for side in ("SecurityGroupIngress", "SecurityGroupEgress"):
        assert [(kind, port) for kind, port, _, _ in rules(text, "network", "NatSecurityGroup", side)] == ports


REFUSED = [
    "[0]", "[65536]", "[true]", "[6379.5]", '["redis"]', '["6379/icmp"]', '["100-1"]', '["10.9.0.1/16:5432"]',
    '["10.9.0.0/33:5432"]', '["10.9.0.0/16"]', '["example.com:25"]', '[""]', "[6379, 6379]", "6379", '"6379"', "[-1]",
    f"[{', '.join(map(str, range(1, 52)))}]",
]  # fmt: skip


@pytest.mark.parametrize("written", REFUSED)
def test_what_is_no_destination_is_one_finding_at_its_line(written):
    with pytest.raises(ConfigurationError) as caught:
        parse(f"[network]\noutbound = {written}\n")
    (finding,) = caught.value.findings
    assert finding.where.startswith("hermes.toml:2 network.outbound") and finding.code == "configuration-invalid"


WANTED = {
    "[env]\nREDIS_URL = 'redis://cache.example.com'\n": {6379},
    "[env]\nREDIS_URL = 'rediss://cache.example.com:6380/0'\n": {6380},
    "[env]\nBROKER = 'amqp://queue.example.com'\n": {5672},
    "[env]\nDB = 'postgresql+asyncpg://db.example.com/shop'\n": set(),
    "[env]\nDB = 'mysql+pymysql://db.example.com/shop'\n": {3306},
    "[env]\nSMTP_HOST = 'mail.example.com'\nSMTP_PORT = '465'\n": {465},
    "[env]\nSMTP_HOST = 'mail.example.com'\n": {587},
    "[env]\nSEARCH = 'http://search.example.com:9200'\n": {9200},
    "[env]\nAPI = 'https://api.example.com'\n": set(),
    "[env]\nREDIS_URL = 'redis://localhost'\nPORT = '4000'\n": set(),
    "[env]\nREDIS_URL = 'redis://10.9.1.2'\n[network]\noutbound = ['10.8.0.0/16:6379']\n": {6379},
    "[env]\nREDIS_URL = 'redis://10.9.1.2'\n[network]\noutbound = ['10.9.0.0/16:6379']\n": set(),
    "[application]\nsecrets = ['REDIS_URL', 'DATABASE_URL', 'SMTP_PASSWORD']\n": {6379},
    "[application]\nsecrets = ['REDIS_URL']\n[network]\noutbound = [6379]\n": set(),
    "[env]\nBAD = 'redis://[::1'\nODD = 'redis://host:99999'\n": set(),
}


@pytest.mark.parametrize("text", WANTED)
def test_what_would_be_dropped_is_said_before_it_hangs(text):
    settings = parse(text)
    found = list(outbound.closed(settings))
    assert {finding.code for finding in found} <= {"port-closed-outward"}
    assert {read(str(written(str(finding.next))[-1])).first for finding in found} == WANTED[text]


def written(words):
    """The list that the finding tells people to write, as TOML reads it."""
    return tomllib.loads("x " + words.removeprefix("network.outbound").partition(", if")[0])["x"] if words else []


def test_port_25_is_blocked_by_aws_and_not_by_us():
    assert [finding.code for finding in outbound.closed(parse("[network]\noutbound = [25]\n"))] == [
        "port-blocked-by-aws"
    ]
