"""``doctor`` finds each fault that is planted in the embedded cloud, and nothing in a healthy one."""

import json
import time
from contextlib import contextmanager

import pytest

from hermes_cfn.local import control

NOISE = {"placeholder", "templates-stale", "tool-missing", "database-unverified"}
"""What a file with placeholders, a machine without docker and a database without a known authority say."""


def found(cloud, words: str = "doctor") -> set[str]:
    return {one["code"] for one in cloud.json(words, codes=(0, 1))} - NOISE


def instance(cloud) -> str:
    return cloud.type("outputs instance_ids").split()[0]


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
    for _ in range(60):
        if cloud.json("status --no-bill")["healthy"] == 2:
            return
        time.sleep(0.5)
    raise AssertionError("the fleet does not recover")


@contextmanager
def application_answers_503(cloud):
    cloud.fault(instance=instance(cloud), application={"health": 503})
    yield
    cloud.fault(instance=instance(cloud), application={"health": None})


@contextmanager
def application_hangs(cloud):
    cloud.fault(instance=instance(cloud), application={"health": "hang"})
    yield
    cloud.fault(instance=instance(cloud), application={"health": None})


@contextmanager
def database_is_gone(cloud):
    control.database(cloud.state, gone=True)
    yield
    control.database(cloud.state, gone=False)


@contextmanager
def database_admits_others_only(cloud):
    control.database(cloud.state, allow=["203.0.113.77"])
    yield
    control.database(cloud.state, allow=None)


@contextmanager
def database_name_is_wrong(cloud):
    one = instance(cloud)
    env = "$HERMES_ROOT/opt/hermes/.env"
    cloud.type(
        ["run", "--host", "--instance", one, "--", f"cp {env} {env}.kept; sed -i 's/@[^:/]*/@no.such.invalid/' {env}"]
    )
    yield
    cloud.type(["run", "--host", "--instance", one, "--", f"mv {env}.kept {env}"])


@contextmanager
def disk_is_full(cloud):
    one = instance(cloud)
    cloud.fault(kind="disk-full", instance=one)
    yield
    cloud.fault(instance=one, do="disk-free")


@contextmanager
def own_watch_is_stopped(cloud):
    one = instance(cloud)
    cloud.type(["run", "--host", "--instance", one, "--", "systemctl stop hermes-watch"])
    yield
    cloud.type(["run", "--host", "--instance", one, "--", "systemctl start hermes-watch"])


@contextmanager
def port_is_closed(cloud):
    application = group(cloud, "application")
    ec2, rules = cloud.client("ec2"), application["IpPermissions"]
    ec2.revoke_security_group_ingress(GroupId=application["GroupId"], IpPermissions=rules)
    yield
    ec2.authorize_security_group_ingress(GroupId=application["GroupId"], IpPermissions=rules)


@contextmanager
def balancer_may_not_send(cloud):
    one = group(cloud, "balancer")
    ec2, rules = cloud.client("ec2"), one["IpPermissionsEgress"]
    ec2.revoke_security_group_egress(GroupId=one["GroupId"], IpPermissions=rules)
    yield
    ec2.authorize_security_group_egress(GroupId=one["GroupId"], IpPermissions=rules)


@contextmanager
def port_is_open_to_all(cloud):
    one = group(cloud, "application")["GroupId"]
    rule = [{"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]
    cloud.client("ec2").authorize_security_group_ingress(GroupId=one, IpPermissions=rule)
    yield
    cloud.client("ec2").revoke_security_group_ingress(GroupId=one, IpPermissions=rule)


@contextmanager
def listener_serves_another_certificate(cloud):
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
def secret_is_deleted(cloud):
    ssm, name = cloud.client("ssm"), "/hermes/production/secret/SECRET_KEY_BASE"
    value = ssm.get_parameter(Name=name, WithDecryption=True)["Parameter"]["Value"]
    ssm.delete_parameter(Name=name)
    yield
    ssm.put_parameter(Name=name, Value=value, Type="SecureString")


@contextmanager
def processes_stay_suspended(cloud):
    auto_scaling = cloud.client("autoscaling")
    auto_scaling.suspend_processes(AutoScalingGroupName="hermes-production", ScalingProcesses=["AZRebalance"])
    yield
    auto_scaling.resume_processes(AutoScalingGroupName="hermes-production", ScalingProcesses=["AZRebalance"])


@contextmanager
def instance_is_left_in_standby(cloud):
    auto_scaling, one = cloud.client("autoscaling"), instance(cloud)
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
def somebody_changed_the_log_group(cloud):
    logs = cloud.client("logs")
    before = logs.describe_log_groups(logGroupNamePrefix="/aws/ec2/production/hermes")["logGroups"][0]
    logs.put_retention_policy(logGroupName=before["logGroupName"], retentionInDays=3)
    yield
    logs.put_retention_policy(logGroupName=before["logGroupName"], retentionInDays=before["retentionInDays"])


@contextmanager
def a_run_died_with_the_lock(cloud):
    dynamodb, key = cloud.client("dynamodb"), {"LockID": {"S": "production"}}
    before = dynamodb.get_item(TableName="hermes-deploy-lock", Key=key)["Item"]
    dead = {**before, "owner": {"S": "ana@laptop:1"}, "purpose": {"S": "release v9"}, "expires": {"N": "1700000000"}}
    dynamodb.put_item(TableName="hermes-deploy-lock", Item=dead)
    yield
    dynamodb.put_item(TableName="hermes-deploy-lock", Item=before)


@contextmanager
def another_release_is_stable(cloud):
    ssm, name = cloud.client("ssm"), "/hermes/production/release/stable"
    before = ssm.get_parameter(Name=name)["Parameter"]["Value"]
    ssm.put_parameter(Name=name, Value=json.dumps({**json.loads(before), "id": "other"}), Type="String", Overwrite=True)
    yield
    ssm.put_parameter(Name=name, Value=before, Type="String", Overwrite=True)


PLANTED = {
    application_answers_503: "health-fails",
    application_hangs: "health-silent",
    database_is_gone: "database-unreachable",
    database_admits_others_only: "database-not-admitted",
    database_name_is_wrong: "database-name",
    disk_is_full: "disk-full",
    own_watch_is_stopped: "unit-down",
    port_is_closed: "port-closed",
    balancer_may_not_send: "balancer-closed",
    port_is_open_to_all: "port-open-to-all",
    listener_serves_another_certificate: "listener-certificate",
    secret_is_deleted: "secret-missing",
    processes_stay_suspended: "processes-suspended",
    instance_is_left_in_standby: "standby-left",
    somebody_changed_the_log_group: "stack-drifted",
    a_run_died_with_the_lock: "lock-stale",
    another_release_is_stable: "releases-mixed",
}


def test_it_finds_nothing_in_a_healthy_deployment(cloud):
    settled(cloud)
    assert found(cloud) == set()


@pytest.mark.parametrize("fault", PLANTED, ids=lambda fault: fault.__name__)
def test_it_finds_what_is_planted(cloud, fault):
    settled(cloud)
    code = PLANTED[fault]
    with fault(cloud):
        said = found(cloud, "doctor --drift" if code == "stack-drifted" else "doctor")
    assert code in said


def test_everything_is_well_again(cloud):
    settled(cloud)
    assert found(cloud) == set()
