"""What each check finds, and that none finds anything in what is well."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from hermes_cfn.checks import balancing, certificate, database, deployed, group, instance
from hermes_cfn.checks.observed import (
    CertificateSeen,
    DesiredGroup,
    GroupLine,
    InstanceLine,
    Lease,
    Opening,
    SecurityGroup,
    StackLine,
)

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
ARN = "arn:aws:acm:eu-south-2:123456789012:certificate/one"
WELL = {
    "container": {"status": "running", "exit_code": 0, "oom_killed": False, "restarts": 0},
    "log": ["ready"],
    "health": {"status": 200, "body": "ok"},
    "memory": {"total_kb": 2_000_000, "available_kb": 1_000_000},
    "disk": {"total_bytes": 20 * 2**30, "free_bytes": 15 * 2**30},
    "docker": "active",
    "systemd": {"hermes": "active", "hermes-watch": "active"},
    "clock": NOW.isoformat(),
    "database": {"name": "203.0.113.9", "tcp": "ok", "tls": "TLSv1.3", "login": "asks for SCRAM"},
}
LATE = "status 124: no answer within 20 s"
LINE = InstanceLine("i-1", "eu-south-2a", "in service", "healthy", "", "r1", 4000.0, "1")
APPLICATION = SecurityGroup("sg-app", "production-app-sg", (Opening(4000, 4000, "sg-alb"),), ())
BALANCER = SecurityGroup("sg-alb", "alb", (Opening(443, 443, "0.0.0.0/0"),), (Opening(4000, 4000, "sg-app"),))
SEEN = CertificateSeen(ARN, "ISSUED", ("hermes.example.com",), NOW + timedelta(days=200), (("_x.", "_y."),))
GROUP = GroupLine("hermes-production", 0, 1, 2, "hermes-production:1", 1)
WANTED = DesiredGroup(0, 1, 2, "hermes-production:1")
STACKS = [StackLine("service", "hermes-production-service", "UPDATE_COMPLETE", "IN_SYNC", "")]


def on_instance(**changed):
    said = {**WELL, **changed}
    found = [
        *instance.check("i-1", said, 4000, "/health", (200,)),
        *instance.clock("i-1", said, (NOW, NOW + timedelta(days=1))),
    ]
    return [*found, *database.check("i-1", said, "203.0.113.1")]


def of_certificate(seen=SEEN, arn=ARN, domain="hermes.example.com"):
    return list(certificate.check(seen, arn, domain, "eu-south-2", NOW, 21))


def of_fleet(*lines, want=WANTED, stable="r1", **changed):
    lines = lines or (LINE,)
    seen = replace(GROUP, members=len(lines), **changed)
    return [*group.hindrances(seen, want), *group.fleet(lines, seen, want, stable)]


def line(**changed):
    values = {name: getattr(LINE, name) for name in InstanceLine.__slots__}
    return InstanceLine(**{**values, **changed})


FAULTS = {
    "application-missing": lambda: on_instance(container="status 1: no such container"),
    "docker-silent": lambda: on_instance(container=LATE, docker=LATE, systemd={"hermes": LATE}),
    "application-down": lambda: on_instance(container={"status": "exited", "exit_code": 3}),
    "application-out-of-memory": lambda: on_instance(container={"status": "exited", "oom_killed": True}),
    "application-restarts": lambda: on_instance(container={"status": "running", "restarts": 9}),
    "health-silent": lambda: on_instance(health="ConnectionRefusedError: refused"),
    "health-redirects": lambda: on_instance(health={"status": 301, "body": ""}),
    "health-fails": lambda: on_instance(health={"status": 500, "body": "database"}),
    "disk-full": lambda: on_instance(disk={"total_bytes": 20 * 2**30, "free_bytes": 1000}),
    "memory-short": lambda: on_instance(memory={"total_kb": 2_000_000, "available_kb": 1000}),
    "docker-down": lambda: on_instance(docker="status 3: inactive"),
    "unit-down": lambda: on_instance(systemd={"hermes": "active", "hermes-watch": "status 3: failed"}),
    "clock-off": lambda: on_instance(clock=(NOW + timedelta(minutes=4)).isoformat()),
    "agent-silent": lambda: list(instance.silent("i-1", 4000)),
    "database-not-set": lambda: on_instance(database={"name": "no DATABASE_URL"}),
    "database-name": lambda: on_instance(database={"error": "gaierror: no such name"}),
    "database-unreachable": lambda: on_instance(database={"name": "203.0.113.9", "error": "timed out"}),
    "database-no-tls": lambda: on_instance(
        database={"name": "203.0.113.9", "tcp": "ok", "tls": "the server offers none", "login": "ok"}
    ),
    "database-tls": lambda: on_instance(database={"name": "203.0.113.9", "tcp": "ok", "error": "SSLError: expired"}),
    "database-not-admitted": lambda: on_instance(
        database={**WELL["database"], "login": "refused: C28000 Mno pg_hba.conf entry"}
    ),
    "database-login": lambda: on_instance(database={**WELL["database"], "login": "refused: no such role"}),
    "target-unhealthy": lambda: list(balancing.targets([line(health="unhealthy")], frozenset({"i-1"}))),
    "target-absent": lambda: list(balancing.targets([line(health="absent")], frozenset())),
    "port-closed": lambda: list(
        balancing.paths({"sg-app": SecurityGroup("sg-app", "app", (), ())}, {"sg-alb": BALANCER}, 4000, "mend")
    ),
    "balancer-closed": lambda: list(
        balancing.paths({"sg-app": APPLICATION}, {"sg-alb": SecurityGroup("sg-alb", "alb", (), ())}, 4000, "mend")
    ),
    "port-open-to-all": lambda: list(
        balancing.paths(
            {
                "sg-app": SecurityGroup(
                    "sg-app", "app", (Opening(22, 22, "0.0.0.0/0"), Opening(4000, 4000, "sg-alb")), ()
                )
            },
            {"sg-alb": BALANCER},
            4000,
            "mend",
        )
    ),
    "certificate-region": lambda: of_certificate(None, ARN.replace("eu-south-2", "us-east-1")),
    "certificate-missing": lambda: of_certificate(None),
    "certificate-pending": lambda: of_certificate(CertificateSeen(ARN, "PENDING_VALIDATION", SEEN.names, None)),
    "certificate-not-issued": lambda: of_certificate(CertificateSeen(ARN, "FAILED", SEEN.names, None)),
    "certificate-name": lambda: of_certificate(domain="other.example.com"),
    "certificate-expires": lambda: of_certificate(CertificateSeen(ARN, "ISSUED", SEEN.names, NOW + timedelta(days=5))),
    "listener-certificate": lambda: list(certificate.listener(["arn:other"], ARN, "alb", "mend")),
    "listener-missing": lambda: list(certificate.listener([], ARN, "alb", "mend")),
    "dns-missing": lambda: list(certificate.points("a.example.com", "alb", None, frozenset({"192.0.2.1"}))),
    "dns-elsewhere": lambda: list(
        certificate.points("a.example.com", "alb", frozenset({"192.0.2.9"}), frozenset({"192.0.2.1"}))
    ),
    "region-off": lambda: list(deployed.region("eu-south-2", False)),
    "nothing-deployed": lambda: list(deployed.stacks([StackLine("service", "s", "not there", "", "")])),
    "stack-missing": lambda: list(deployed.stacks([*STACKS, StackLine("network", "n", "not there", "", "")])),
    "stack-failed": lambda: list(deployed.stacks([StackLine("network", "n", "UPDATE_ROLLBACK_FAILED", "", "")])),
    "stack-drifted": lambda: list(deployed.stacks([StackLine("network", "n", "UPDATE_COMPLETE", "DRIFTED", "")])),
    "drift-unread": lambda: list(deployed.stacks([replace(STACKS[0], unread="Role: not authorized")])),
    "processes-suspended": lambda: of_fleet(suspended=frozenset({"AZRebalance"}), marked=frozenset({"AZRebalance"})),
    "group-changed": lambda: of_fleet(minimum=1),
    "standby-left": lambda: of_fleet(line(lifecycle="standby")),
    "fleet-short": lambda: of_fleet(desired=2),
    "fleet-over": lambda: of_fleet(LINE, line(id="i-2")),
    "instance-outdated": lambda: of_fleet(line(template="")),
    "container-changed": lambda: on_instance(changed=True),
    "releases-mixed": lambda: of_fleet(line(release="r0")),
    "lock-stale": lambda: list(deployed.lock(Lease("ana", "release r2", NOW - timedelta(minutes=1)), NOW)),
    "lock-far": lambda: list(deployed.lock(Lease("ana", "release r2", NOW + timedelta(days=1)), NOW)),
    "secret-missing": lambda: list(deployed.secrets(["DATABASE_URL"])),
    "quota-short": lambda: list(deployed.quota("Elastic IP addresses", 5, 1, 5.0, ("ec2", "L-0263D0A3"))),
    "machine-image-old": lambda: list(deployed.machine_image(200, "ami-1")),
}


@pytest.mark.parametrize("code", FAULTS)
def test_a_planted_fault_is_found_with_what_to_do(code):
    found = FAULTS[code]()
    assert [finding.code for finding in found] == [code]
    assert found[0].where and found[0].what and found[0].next


def test_nothing_is_found_in_what_is_well():
    assert on_instance() == []
    assert list(balancing.targets([LINE], frozenset({"i-1"}))) == []
    assert list(balancing.paths({"sg-app": APPLICATION}, {"sg-alb": BALANCER}, 4000, "mend")) == []
    assert of_certificate() == []
    assert list(certificate.listener([ARN], ARN, "alb", "mend")) == []
    assert list(certificate.points("a", "alb", frozenset({"192.0.2.1"}), frozenset({"192.0.2.1"}))) == []
    assert list(deployed.stacks(STACKS)) == []
    assert of_fleet() == []
    assert list(deployed.lock(None, NOW)) == []
    assert list(deployed.lock(Lease("", "", datetime.fromtimestamp(0, UTC)), NOW)) == []
    assert list(deployed.quota("addresses", 0, 1, None, ("ec2", "x"))) == []


@pytest.mark.parametrize(
    ("name", "domain", "covered"),
    [
        ("*.example.com", "a.example.com", True),
        ("*.example.com", "example.com", False),
        ("*.example.com", "a.b.example.com", False),
        ("example.com", "example.com", True),
    ],
)
def test_a_wildcard_covers_one_level(name, domain, covered):
    assert certificate.covers(name, domain) is covered


LEFT = {
    "a launch by hand": ({"suspended": frozenset({"Launch", "AZRebalance"})}, "error", "--scaling-processes AZRebalance Launch"),
    "what a rollout does without": ({"suspended": frozenset({"AlarmNotification"})}, "warning", "--scaling-processes AlarmNotification"),
    "minimum": ({"minimum": 1}, "error", "--min-size 0"),
    "both sizes": ({"minimum": 1, "maximum": 1}, "error", "--min-size 0 --max-size 2"),
    "another version": (
        {"launches": "hermes-production:$Latest"}, "error", "--launch-template LaunchTemplateName=hermes-production,Version=1",
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", LEFT)
def test_a_change_by_hand_to_the_group_is_named_with_what_undoes_it(what):
    changed, severity, undone_by = LEFT[what]
    (found,) = group.hindrances(replace(GROUP, **changed), WANTED)
    assert found.severity == severity
    assert str(found.next).startswith("aws autoscaling ") and str(found.next).endswith(undone_by)


def test_a_group_that_sleeps_or_is_as_it_was_deployed_is_no_finding():
    assert not list(group.hindrances(GROUP, WANTED)) and not list(group.fleet([LINE], GROUP, WANTED))
    asleep = replace(GROUP, desired=0, members=0, maximum=7)
    assert not list(group.hindrances(asleep, WANTED)) and not list(group.fleet([], asleep, WANTED))
    assert not list(group.hindrances(replace(GROUP, minimum=1), None))


def test_what_a_template_says_in_other_than_numbers_is_not_guessed():
    sizes = {"MinSize": "1", "DesiredCapacity": "2", "MaxSize": "3"}
    resource = {"Type": "AWS::AutoScaling::AutoScalingGroup", "Properties": sizes}
    assert group.wanted({"Resources": {"G": resource}}, "t:4") == DesiredGroup(1, 2, 3, "t:4")
    sizes["MaxSize"] = {"Ref": "Most"}
    assert group.wanted({"Resources": {"G": resource}}, "t:4") is None
    assert group.wanted(None, "") is None
