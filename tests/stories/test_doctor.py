"""``doctor`` finds each fault that is planted in the embedded cloud, and nothing in a healthy one."""

import json
import time
from contextlib import ExitStack, contextmanager

import pytest

from hermes_cfn.local import control

pytestmark = pytest.mark.long

NOISE = {"tool-missing", "database-unverified"}
"""What a machine without docker and a database without a known authority say."""

PATIENCE_S = 90
DOMAIN = "hermes.example.com"
FILE = f"""
[certificate]
domain = "{DOMAIN}"
[github]
repository = "example/hermes"
"""


@pytest.fixture(scope="module")
def cloud(tmp_path_factory, new_cloud):
    """A healthy deployment whose domain leads to it, in a zone of the account."""
    made = new_cloud(tmp_path_factory.mktemp("cloud"))
    try:
        made.deploy(FILE)
        made.client("route53").create_hosted_zone(Name="example.com", CallerReference="doctor")
        point(made, balancer(made)["DNSName"])
        yield made
    finally:
        made.stop()


def found(cloud, words: str = "doctor") -> dict[str, dict]:
    return {one["code"]: one for one in cloud.json(words, codes=(0, 1)) if one["code"] not in NOISE}


def on_host(cloud, one: str, command: str) -> None:
    cloud.type(["run", "--host", "--instance", one, "--", command])


def point(cloud, target: str, action: str = "UPSERT") -> None:
    """The domain's CNAME."""
    zones = cloud.client("route53")
    (zone,) = [one["Id"] for one in zones.list_hosted_zones()["HostedZones"] if one["Name"] == "example.com."]
    record = {"Name": DOMAIN, "Type": "CNAME", "TTL": 60, "ResourceRecords": [{"Value": target}]}
    changes = [{"Action": action, "ResourceRecordSet": record}]
    zones.change_resource_record_sets(HostedZoneId=zone, ChangeBatch={"Changes": changes})


@contextmanager
def denied(cloud, role: str, action: str):
    """Somebody attaches a policy that denies a role of ours an action."""
    iam, names = cloud.client("iam"), {"RoleName": f"hermes-production-{role}", "PolicyName": "by-hand"}
    statement = {"Effect": "Deny", "Action": action, "Resource": "*"}
    iam.put_role_policy(**names, PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [statement]}))
    yield
    iam.delete_role_policy(**names)


def instances(cloud) -> list[str]:
    return cloud.type("outputs instance_ids").split()


def group(cloud, name: str) -> dict:
    wanted = {
        "application": [{"Name": "group-name", "Values": ["production-app-sg"]}],
        "balancer": [{"Name": "group-id", "Values": balancer(cloud)["SecurityGroups"]}],
    }[name]
    return cloud.client("ec2").describe_security_groups(Filters=wanted)["SecurityGroups"][0]


def balancer(cloud) -> dict:
    return cloud.client("elbv2").describe_load_balancers(Names=["hermes-production"])["LoadBalancers"][0]


def settled(cloud) -> None:
    """Waits until both instances serve again."""
    elb, auto_scaling = cloud.client("elbv2"), cloud.client("autoscaling")
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until:
        group = auto_scaling.describe_auto_scaling_groups()["AutoScalingGroups"][0]
        told = elb.describe_target_health(TargetGroupArn=group["TargetGroupARNs"][0])["TargetHealthDescriptions"]
        stand = {one["LifecycleState"] for one in group["Instances"]}
        if stand == {"InService"} and [one["TargetHealth"]["State"] for one in told] == ["healthy", "healthy"]:
            return
        time.sleep(0.3)
    raise AssertionError(f"the fleet does not recover: {group['Instances']}, {told}")


@contextmanager
def application_answers_503(cloud, one):
    cloud.fault(instance=one, application={"health": 503})
    yield
    cloud.fault(instance=one, application={"health": None})


@contextmanager
def application_hangs(cloud, one):
    cloud.fault(instance=one, application={"health": "hang"})
    yield
    cloud.fault(instance=one, application={"health": None})


@contextmanager
def database_is_gone(cloud, one):
    control.database(cloud.state, gone=True)
    yield
    control.database(cloud.state, gone=False)


@contextmanager
def database_admits_others_only(cloud, one):
    control.database(cloud.state, allow=["203.0.113.77"])
    yield
    control.database(cloud.state, allow=None)


@contextmanager
def database_name_is_wrong(cloud, one):
    env = "$HERMES_ROOT/opt/hermes/.env"
    on_host(cloud, one, f"cp {env} {env}.kept; sed -i 's/@[^:/]*/@no.such.invalid/' {env}")
    yield
    on_host(cloud, one, f"mv {env}.kept {env}")


@contextmanager
def disk_is_full(cloud, one):
    cloud.fault(kind="disk-full", instance=one)
    yield
    cloud.fault(instance=one, do="disk-free")


@contextmanager
def own_watch_is_stopped(cloud, one):
    on_host(cloud, one, "systemctl stop hermes-watch")
    yield
    on_host(cloud, one, "systemctl start hermes-watch")


@contextmanager
def docker_is_stopped(cloud, one):
    on_host(cloud, one, "systemctl stop docker")
    yield
    on_host(cloud, one, "systemctl start docker")


@contextmanager
def clock_is_ahead(cloud, one):
    on_host(cloud, one, "echo 600 > $HERMES_ROOT/run/clock-off")
    yield
    on_host(cloud, one, "rm $HERMES_ROOT/run/clock-off")


@contextmanager
def memory_is_used_up(cloud, one):
    told = r"MemTotal: 1900000 kB\nMemAvailable: 30000 kB\n"
    on_host(cloud, one, f"cd $HERMES_ROOT && rm proc && mkdir proc && printf '{told}' > proc/meminfo")
    yield
    on_host(cloud, one, "cd $HERMES_ROOT && rm -r proc && ln -s /proc proc")


@contextmanager
def domain_leads_elsewhere(cloud, one):
    point(cloud, "other.example.net")
    yield
    point(cloud, balancer(cloud)["DNSName"])


@contextmanager
def domain_has_no_record(cloud, one):
    point(cloud, balancer(cloud)["DNSName"], "DELETE")
    yield
    point(cloud, balancer(cloud)["DNSName"])


@contextmanager
def quota_is_used_up(cloud, one):
    cloud.fault(set="quota", subject="L-1216C47A", value=3)
    yield
    cloud.fault(set="quota", subject="L-1216C47A", value=None)


@contextmanager
def region_is_off(cloud, one):
    cloud.fault(set="region-off", subject="eu-south-2", value=True)
    yield
    cloud.fault(set="region-off", subject="eu-south-2", value=None)


@contextmanager
def instances_may_not_pull(cloud, one):
    with denied(cloud, "instance", "ecr:BatchGetImage"):
        yield


@contextmanager
def operator_may_not_read_logs(cloud, one):
    with denied(cloud, "operator", "logs:FilterLogEvents"):
        cloud.sign_in("operator")
        yield
        cloud.sign_in("")


@contextmanager
def port_is_closed(cloud, one):
    application = group(cloud, "application")
    ec2, rules = cloud.client("ec2"), application["IpPermissions"]
    ec2.revoke_security_group_ingress(GroupId=application["GroupId"], IpPermissions=rules)
    yield
    ec2.authorize_security_group_ingress(GroupId=application["GroupId"], IpPermissions=rules)


@contextmanager
def balancer_may_not_send(cloud, one):
    own = group(cloud, "balancer")
    ec2, rules = cloud.client("ec2"), own["IpPermissionsEgress"]
    ec2.revoke_security_group_egress(GroupId=own["GroupId"], IpPermissions=rules)
    yield
    ec2.authorize_security_group_egress(GroupId=own["GroupId"], IpPermissions=rules)


@contextmanager
def port_is_open_to_all(cloud, one):
    own = group(cloud, "application")["GroupId"]
    rule = [{"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]
    cloud.client("ec2").authorize_security_group_ingress(GroupId=own, IpPermissions=rule)
    yield
    cloud.client("ec2").revoke_security_group_ingress(GroupId=own, IpPermissions=rule)


@contextmanager
def listener_serves_another_certificate(cloud, one):
    elb = cloud.client("elbv2")
    listeners = elb.describe_listeners(LoadBalancerArn=balancer(cloud)["LoadBalancerArn"])["Listeners"]
    (https,) = [one for one in listeners if one["Protocol"] == "HTTPS"]
    other = cloud.client("acm").request_certificate(DomainName="other.example.com", ValidationMethod="DNS")
    elb.modify_listener(ListenerArn=https["ListenerArn"], Certificates=[{"CertificateArn": other["CertificateArn"]}])
    yield
    elb.modify_listener(
        ListenerArn=https["ListenerArn"],
        Certificates=[{"CertificateArn": https["Certificates"][0]["CertificateArn"]}],
    )


@contextmanager
def secret_is_deleted(cloud, one):
    ssm, name = cloud.client("ssm"), "/hermes/production/secret/SECRET_KEY_BASE"
    value = ssm.get_parameter(Name=name, WithDecryption=True)["Parameter"]["Value"]
    ssm.delete_parameter(Name=name)
    yield
    ssm.put_parameter(Name=name, Value=value, Type="SecureString")


@contextmanager
def processes_stay_suspended(cloud, one):
    auto_scaling = cloud.client("autoscaling")
    auto_scaling.suspend_processes(AutoScalingGroupName="hermes-production", ScalingProcesses=["AZRebalance"])
    yield
    auto_scaling.resume_processes(AutoScalingGroupName="hermes-production", ScalingProcesses=["AZRebalance"])


@contextmanager
def instance_is_left_in_standby(cloud, one):
    auto_scaling = cloud.client("autoscaling")
    names = {"AutoScalingGroupName": "hermes-production", "InstanceIds": [one]}
    auto_scaling.enter_standby(**names, ShouldDecrementDesiredCapacity=True)
    for _ in range(60):
        seen = auto_scaling.describe_auto_scaling_instances(InstanceIds=[one])["AutoScalingInstances"][0]
        if seen["LifecycleState"] == "Standby":
            break
        time.sleep(0.5)
    yield
    auto_scaling.exit_standby(**names)


@contextmanager
def somebody_changed_the_log_group(cloud, one):
    logs = cloud.client("logs")
    before = logs.describe_log_groups(logGroupNamePrefix="/aws/ec2/production/hermes")["logGroups"][0]
    logs.put_retention_policy(logGroupName=before["logGroupName"], retentionInDays=3)
    yield
    logs.put_retention_policy(logGroupName=before["logGroupName"], retentionInDays=before["retentionInDays"])


@contextmanager
def a_run_died_with_the_lock(cloud, one):
    dynamodb, key = cloud.client("dynamodb"), {"LockID": {"S": "production"}}
    before = dynamodb.get_item(TableName="hermes-deploy-lock", Key=key)["Item"]
    dead = {**before, "owner": {"S": "ana@laptop:1"}, "purpose": {"S": "release v9"}, "expires": {"N": "1700000000"}}
    dynamodb.put_item(TableName="hermes-deploy-lock", Item=dead)
    yield
    dynamodb.put_item(TableName="hermes-deploy-lock", Item=before)


@contextmanager
def another_release_is_stable(cloud, one):
    ssm, name = cloud.client("ssm"), "/hermes/production/release/stable"
    before = ssm.get_parameter(Name=name)["Parameter"]["Value"]
    ssm.put_parameter(Name=name, Value=json.dumps({**json.loads(before), "id": "other"}), Type="String", Overwrite=True)
    yield
    ssm.put_parameter(Name=name, Value=before, Type="String", Overwrite=True)


FIRST, SECOND = 0, 1
ROUNDS = (
    (
        "doctor --drift",
        (
            (application_answers_503, FIRST, "health-fails", "", "hermes-cfn logs --instance i-"),
            (application_hangs, SECOND, "health-silent", "timed out", "application.port"),
            (own_watch_is_stopped, FIRST, "unit-down", "inactive", "systemctl restart hermes-watch"),
            (clock_is_ahead, FIRST, "clock-off", "", "systemctl restart chronyd"),
            (memory_is_used_up, FIRST, "memory-short", "", "hermes-cfn scale --type"),
            (disk_is_full, FIRST, "disk-full", "", "docker image prune"),
            (database_is_gone, FIRST, "database-unreachable", "", ""),
            (database_name_is_wrong, SECOND, "database-name", "", ""),
            (port_is_open_to_all, FIRST, "port-open-to-all", "", "REVERT_DRIFT"),
            (listener_serves_another_certificate, FIRST, "listener-certificate", "arn:aws:acm:", "REVERT_DRIFT"),
            (domain_leads_elsewhere, FIRST, "dns-elsewhere", "CNAME hermes-production-", "change the record"),
            (secret_is_deleted, FIRST, "secret-missing", "", "hermes-cfn secrets set SECRET_KEY_BASE"),
            (instances_may_not_pull, FIRST, "role-narrow", "ecr:BatchGetImage on arn:aws:ecr:", "REVERT_DRIFT"),
            (quota_is_used_up, FIRST, "quota-short", "", "aws service-quotas request-service-quota-increase"),
            (processes_stay_suspended, FIRST, "processes-suspended", "", "aws autoscaling resume-processes"),
            (somebody_changed_the_log_group, FIRST, "stack-drifted", "LogGroup", "REVERT_DRIFT"),
            (a_run_died_with_the_lock, FIRST, "lock-stale", "expired 2023-11-14", "hermes-cfn release --resume"),
        ),
    ),
    (
        "doctor",
        (
            (docker_is_stopped, FIRST, "docker-down", "inactive", "systemctl restart docker"),
            (database_admits_others_only, FIRST, "database-not-admitted", "", ""),
            (port_is_closed, FIRST, "port-closed", "", "REVERT_DRIFT"),
            (balancer_may_not_send, FIRST, "balancer-closed", "", "REVERT_DRIFT"),
            (domain_has_no_record, FIRST, "dns-missing", "CNAME hermes-production-", "create the record"),
            (another_release_is_stable, FIRST, "releases-mixed", "", "hermes-cfn release --resume"),
            (instance_is_left_in_standby, SECOND, "standby-left", "", "hermes-cfn release --resume"),
            (operator_may_not_read_logs, FIRST, "role-narrow", "logs:FilterLogEvents on arn:", "hermes-cfn bootstrap"),
        ),
    ),
    ("doctor", ((region_is_off, FIRST, "region-off", "", "aws account enable-region"),)),
)
"""What is typed, and what is planted before: fault, on which instance, the code of what is then found, a piece of its
evidence, and of the command that mends it."""


def test_it_finds_nothing_in_a_healthy_deployment(cloud):
    settled(cloud)
    assert found(cloud) == {}


@pytest.mark.parametrize(("typed", "planted"), ROUNDS)
def test_it_finds_each_that_is_planted(cloud, typed, planted):
    settled(cloud)
    there = instances(cloud)
    with ExitStack() as faults:
        for fault, which, *_ in planted:
            faults.enter_context(fault(cloud, there[which]))
        said = found(cloud, typed)
    for fault, _, code, evidence, mended_by in planted:
        assert code in said, (fault.__name__, said)
        assert evidence in said[code]["evidence"], fault.__name__
        assert said[code]["next"] and mended_by in said[code]["next"], fault.__name__


def test_everything_is_well_again(cloud):
    settled(cloud)
    assert found(cloud) == {}
