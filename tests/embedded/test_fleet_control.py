"""Start, stop, reset; what a crash leaves; port mode; faults of the interface; the database; 200 instances."""

from __future__ import annotations

import base64
import gzip
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

import pg8000.native
import pytest
from botocore.exceptions import ClientError

from hermes_cfn.errors import HermesError
from hermes_cfn.local import control
from hermes_cfn.local.fleet.external import binaries
from hermes_cfn.local.options import Addresses, Options
from hermes_cfn.local.wire import ServiceError
from tests.embedded.conftest import REGION, World


def processes(mark: str) -> list[int]:
    """Every process whose command line or environment names ``mark``."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            text = (entry / "cmdline").read_bytes() + (entry / "environ").read_bytes()
            working = str((entry / "cwd").readlink())
        except OSError:
            continue
        if (mark.encode() in text or mark in working) and int(entry.name) != os.getpid():
            found.append(int(entry.name))
    return found


def data_directories(mark: str) -> list[Path]:
    """Where the PostgreSQL of the cloud in ``mark`` keeps its data."""
    fronts = {pid for pid in processes(mark) if b"database.front" in Path(f"/proc/{pid}/cmdline").read_bytes()}
    found = set()
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            words = (entry / "cmdline").read_bytes().decode().split("\0")
        except (OSError, ValueError):
            continue
        if parent in fronts and "-D" in words:
            found.add(Path(words[words.index("-D") + 1]).parent)
    return sorted(found)


def until(done, seconds=60.0):
    end = time.monotonic() + seconds
    while time.monotonic() < end and not done():
        time.sleep(0.05)
    return done()


def test_start_again_answers_the_one_that_runs_and_stop_leaves_nothing(tmp_path):
    first = control.start(tmp_path, Options(follow_parent=True))
    assert control.start(tmp_path).pid == first.pid
    assert control.stop(tmp_path) is True
    assert list(tmp_path.iterdir()) == []
    assert control.stop(tmp_path) is False
    assert control.status(tmp_path).running is False
    with pytest.raises(HermesError):
        control.ask(tmp_path, "status")


def test_a_cloud_that_hangs_is_not_taken_for_dead_and_can_be_stopped(tmp_path, monkeypatch):
    started = control.start(tmp_path, Options(follow_parent=True))
    os.kill(started.pid, signal.SIGSTOP)
    monkeypatch.setattr(control, "ANSWER_TIMEOUT_S", 0.2)
    monkeypatch.setattr(control, "STOP_TIMEOUT_S", 0.2)
    for verb in (control.status, control.start):
        with pytest.raises(HermesError) as caught:
            verb(tmp_path)
        assert caught.value.findings[0].code == "local-busy"
        assert (tmp_path / "cloud" / "cloud.json").exists()
    control.reset(tmp_path)
    until(lambda: not control._exists(started.pid))
    assert not (tmp_path / "cloud").exists()


def test_a_cloud_that_died_and_a_half_written_directory_are_told_and_reset(tmp_path):
    started = control.start(tmp_path, Options(follow_parent=True))
    os.kill(started.pid, signal.SIGKILL)
    until(lambda: not control._exists(started.pid))
    with pytest.raises(HermesError) as caught:
        control.status(tmp_path)
    assert caught.value.findings[0].code == "local-died"
    assert "--reset" in str(caught.value.findings[0].next)
    control.reset(tmp_path)
    (tmp_path / "cloud").mkdir()
    (tmp_path / "cloud" / "cloud.json").write_text('{"pid": 1')
    (tmp_path / "cloud" / "cloud.json").chmod(0o600)
    with pytest.raises(HermesError) as caught:
        control.start(tmp_path)
    assert caught.value.findings[0].code == "local-state-damaged"
    control.reset(tmp_path)
    assert control.status(tmp_path).running is False


def test_a_port_that_is_taken_is_said(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(HermesError) as caught:
        control.start(tmp_path, Options(port=taken.getsockname()[1], follow_parent=True))
    assert caught.value.findings[0].code == "local-port-taken"


CHILD = """
import sys, time
from pathlib import Path
from hermes_cfn.local import control
from hermes_cfn.local.options import Addresses, Options
from tests.embedded.conftest import REGION, World
state = Path(sys.argv[1])
world = World(state, control.start(state, Options(follow_parent=True, addresses=Addresses.OWN_PORT)).endpoint)
world.network()
control.database(state)
built = world.fleet("ports", 2)
print(control.status(state).addresses, *sorted(control.status(state).instances.values()), world.get(built["dns"]), flush=True)
time.sleep(60)
"""


def test_port_mode_serves_and_nothing_is_left_after_kill_9_of_the_parent(tmp_path):
    root = Path(__file__).parents[2]
    child = subprocess.Popen([sys.executable, "-c", CHILD, str(tmp_path)], stdout=subprocess.PIPE, text=True, cwd=root)
    line = child.stdout.readline()
    mode, first, second, *answer = line.split()
    assert mode == "port"
    assert first.startswith("127.0.0.1:") and second.startswith("127.0.0.1:") and first != second
    assert " ".join(answer) == "(200, 'v1\\n')"
    running = control.status(tmp_path)
    assert len(processes(str(tmp_path))) >= 5
    data = data_directories(str(tmp_path))
    assert len(data) == 1
    os.kill(child.pid, signal.SIGKILL)
    child.wait()
    child.stdout.close()
    assert until(lambda: not data[0].exists(), 30), "the database's data"
    assert until(lambda: not processes(str(tmp_path))), processes(str(tmp_path))
    assert until(lambda: list(tmp_path.iterdir()) == [])
    for address in (first, running.endpoint.removeprefix("http://")):
        host, _, port = address.partition(":")
        with pytest.raises(OSError):
            socket.create_connection((host, int(port)), timeout=1)


def test_instances_die_with_a_server_that_is_killed(tmp_path):
    world = World(tmp_path, control.start(tmp_path, Options(follow_parent=True)).endpoint)
    world.network()
    world.fleet("killed", 1)
    os.kill(control.status(tmp_path).pid, signal.SIGKILL)
    assert until(lambda: not processes(str(tmp_path))), processes(str(tmp_path))
    control.reset(tmp_path)


def test_two_hundred_instances_exist_in_the_books(books):
    built = books.fleet("many", 200, MaxSize=200)
    states = books.states("many")
    assert len(states) == 200
    one = sorted(states)[0]
    books.client("autoscaling").enter_standby(
        AutoScalingGroupName="many", InstanceIds=[one], ShouldDecrementDesiredCapacity=True
    )
    books.until(lambda: books.states("many")[one] == "Standby")
    books.until(lambda: len(books.health(built["target_group"])) == 199)
    assert len(processes(str(books.state))) == 2, "the cloud and its load balancer"


def test_access_logs_need_a_bucket_that_takes_them_and_are_delivered_every_five_minutes(books):
    elb, s3 = books.client("elbv2"), books.client("s3")
    made = elb.create_load_balancer(Name="logged", Subnets=books.names["subnets"])["LoadBalancers"][0]
    elb.create_listener(
        LoadBalancerArn=made["LoadBalancerArn"], Port=80, Protocol="HTTP",
        DefaultActions=[{"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "404"}}],
    )  # fmt: skip
    s3.create_bucket(Bucket="the-logs", CreateBucketConfiguration={"LocationConstraint": REGION})
    wanted = {"access_logs.s3.enabled": "true", "access_logs.s3.bucket": "the-logs", "access_logs.s3.prefix": "alb"}
    attributes = [{"Key": key, "Value": value} for key, value in wanted.items()]

    def enable():
        elb.modify_load_balancer_attributes(LoadBalancerArn=made["LoadBalancerArn"], Attributes=attributes)

    def policy(path):
        statement = {
            "Effect": "Allow", "Principal": {"Service": "logdelivery.elasticloadbalancing.amazonaws.com"},
            "Action": "s3:PutObject", "Resource": f"arn:aws:s3:::the-logs/{path}",
        }  # fmt: skip
        s3.put_bucket_policy(Bucket="the-logs", Policy=json.dumps({"Version": "2012-10-17", "Statement": [statement]}))

    for prepare in (lambda: None, lambda: policy("elsewhere/*")):
        prepare()
        with pytest.raises(ClientError) as caught:
            enable()
        assert caught.value.response["Error"]["Code"] == "InvalidConfigurationRequest"
    policy("alb/AWSLogs/123456789012/*")
    enable()
    assert books.get(made["DNSName"], "/nothing")[0] == 404

    def keys():
        return [one["Key"] for one in s3.list_objects_v2(Bucket="the-logs").get("Contents", [])]

    assert keys() == ["alb/AWSLogs/123456789012/ELBAccessLogTestFile"]
    key = books.until(lambda: next((key for key in keys() if key.endswith(".log.gz")), ""))
    assert key.startswith("alb/AWSLogs/123456789012/elasticloadbalancing/eu-south-2/")
    text = gzip.decompress(s3.get_object(Bucket="the-logs", Key=key)["Body"].read()).decode()
    fields = text.split(" ")
    assert (fields[0], fields[8], fields[13]) == ("http", "404", f"http://{made['DNSName']}:80/nothing")


def test_faults_of_the_interface(world):
    ssm = world.client("ssm")
    world.control("faults", api={"service": "ssm", "action": "GetParameter", "kind": "throttle"})
    with pytest.raises(ClientError) as caught:
        ssm.get_parameter(Name="/fleet/image")
    assert caught.value.response["Error"]["Code"] == "ThrottlingException"
    world.control("faults", api={"service": "ssm", "action": "PutParameter", "kind": "lost"})
    with pytest.raises(Exception) as lost:
        ssm.put_parameter(Name="/lost", Value="x", Type="String")
    assert not isinstance(lost.value, ClientError)
    assert ssm.get_parameter(Name="/lost")["Parameter"]["Value"] == "x"
    with pytest.raises(HermesError):
        control.fault(world.state, "earthquake")


def test_parameters_keep_their_versions(world):
    ssm = world.client("ssm")
    for value in ("one", "two"):
        ssm.put_parameter(Name="/versions", Value=value, Type="SecureString", Overwrite=True)
    found = ssm.get_parameter(Name="/versions:1", WithDecryption=True)["Parameter"]
    assert (found["Value"], found["Version"]) == ("one", 1)
    assert ssm.get_parameter(Name="/versions", WithDecryption=True)["Parameter"]["Version"] == 2


def test_every_answer_carries_the_service_s_date(world):
    answer = world.client("sts").get_caller_identity()
    before = answer["ResponseMetadata"]["HTTPHeaders"]["date"]
    world.control("clock", advance_s=86400)
    after = world.client("sts").get_caller_identity()["ResponseMetadata"]["HTTPHeaders"]["date"]
    assert before[:16] != after[:16]


def test_alarms_change_state_by_what_the_load_balancer_counts(world, fleet):
    cloudwatch = world.client("cloudwatch")
    dimension = fleet["balancer"].partition(":loadbalancer/")[2]
    cloudwatch.put_metric_alarm(
        AlarmName="requests", Namespace="AWS/ApplicationELB", MetricName="RequestCount", Statistic="Sum", Period=60,
        EvaluationPeriods=1, Threshold=5, ComparisonOperator="GreaterThanThreshold", TreatMissingData="notBreaching",
        Dimensions=[{"Name": "LoadBalancer", "Value": dimension}],
    )  # fmt: skip

    def state():
        world.get(fleet["dns"])
        return cloudwatch.describe_alarms(AlarmNames=["requests"])["MetricAlarms"][0]["StateValue"] == "ALARM"

    world.until(state)
    listed = cloudwatch.list_metrics(Namespace="AWS/ApplicationELB", MetricName="RequestCount")["Metrics"]
    assert {tuple(sorted(d["Name"] for d in one["Dimensions"])) for one in listed} == {
        ("LoadBalancer",),
        ("LoadBalancer", "TargetGroup"),
    }
    listed = cloudwatch.list_metrics(Namespace="AWS/ApplicationELB", MetricName="HealthyHostCount")["Metrics"]
    assert {tuple(sorted(d["Name"] for d in one["Dimensions"])) for one in listed} == {
        ("LoadBalancer", "TargetGroup"),
        ("AvailabilityZone", "LoadBalancer", "TargetGroup"),
    }


def connect(url: str) -> pg8000.native.Connection:
    parts = urlsplit(url)
    context = ssl._create_unverified_context()
    return pg8000.native.Connection(
        parts.username,
        host=parts.hostname,
        port=parts.port,
        database="hermes",
        password=parts.password,
        ssl_context=context,
        timeout=60,
    )


def test_the_database_is_far_full_gone_and_behind_an_allow_list(world, fleet):
    url = control.database(world.state)
    password = urlsplit(url).password
    assert password not in control.status(world.state).database
    connection = connect(url)
    assert connection.run("select version()")[0][0].startswith("PostgreSQL")
    control.database(world.state, rtt_ms=29)
    began = time.monotonic()
    for _ in range(10):
        connection.run("select 1")
    assert time.monotonic() - began >= 0.28, "nearer than it is said to be"
    control.database(world.state, rtt_ms=0, full=True)
    with pytest.raises(pg8000.native.DatabaseError, match="too many clients"):
        connect(url)
    control.database(world.state, gone=True)
    with pytest.raises(pg8000.native.InterfaceError):
        connect(url)
    control.database(world.state, allow=["203.0.113.9"])
    with pytest.raises(pg8000.native.DatabaseError, match="pg_hba"):
        connect(url)
    ec2 = world.client("ec2")
    address = ec2.allocate_address(Domain="vpc")
    ec2.create_nat_gateway(SubnetId=world.names["subnets"][0], AllocationId=address["AllocationId"])
    control.database(world.state, allow=[address["PublicIp"]])
    connect(url).close()
    control.database(world.state, allow=None)
    connect(url).close()


def test_a_server_that_is_on_the_machine_may_be_used_instead(tmp_path):
    """Here the wheel's own programs, by their directory, stand for it."""
    with pytest.raises(ServiceError, match="no program 'postgres'"):
        binaries(str(tmp_path))
    given = binaries()
    assert binaries(str(given)) == given
    status = control.start(tmp_path, Options(follow_parent=True, database=True, postgres=str(given)))
    assert status.database.startswith("postgresql://hermes@")
    control.stop(tmp_path)


def test_pages_wait_for_the_database_and_migrations_change_it(world, fleet):
    url = control.database(world.state, rtt_ms=0)
    one = sorted(world.states("shared"))[0]
    image = world.names["images"]["v1"]
    env = f"printf 'DATABASE_URL=%s\\nSCHEMA_VERSION=2\\n' \"$(echo {base64.b64encode(url.encode()).decode()} | base64 -d)\" >env"
    ended = world.command(
        one, [env, f"docker run --rm --env-file env {image} migrate", f"docker run --rm --env-file env {image} migrate"]
    )
    assert ended["StandardOutputContent"].split() == [
        "schema_version=0",
        "schema_version=2",
        "schema_version=2",
        "schema_version=2",
    ]
    lines = [
        "docker rm -f app >/dev/null",
        f"docker run -d --name app --restart unless-stopped --env-file env -p $HERMES_BIND:4000:4000 {image}",
    ]
    assert world.command(one, lines)["Status"] == "Success"
    target = control.status(world.state).instances[one]

    def page(n):
        return subprocess.run(["curl", "-s", f"http://{target}/page?n={n}"], capture_output=True, text=True).stdout

    until(lambda: page(1).startswith("1 queries"))
    control.database(world.state, rtt_ms=29)
    far = float(page(10).split()[3])
    control.database(world.state, rtt_ms=0)
    assert far >= 10 * 0.028, "nearer than it is said to be; the ratio is measured in bench/test_distance_bench.py"


def test_prices_are_served(world):
    pricing = world.client("pricing")
    assert pricing.describe_services()["Services"]


def test_own_addresses_are_refused_nowhere_here(tmp_path):
    status = control.start(tmp_path, Options(follow_parent=True, addresses=Addresses.OWN_ADDRESS))
    assert status.addresses == "address"
    control.stop(tmp_path)


def test_an_alarm_on_an_expression_tells_its_topic_and_a_rule_follows_it(world: World) -> None:
    cloudwatch, sns, sqs = world.client("cloudwatch"), world.client("sns"), world.client("sqs")
    topic = sns.create_topic(Name="told")["TopicArn"]
    queue = sqs.create_queue(QueueName="told")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    queries = [
        {"Id": "share", "Expression": "100 * FILL(bad, 0) / good", "ReturnData": True},
        *(
            {
                "Id": name,
                "ReturnData": False,
                "MetricStat": {"Metric": {"Namespace": "Told", "MetricName": name}, "Period": 60, "Stat": "Sum"},
            }
            for name in ("bad", "good")
        ),
    ]
    common = {"ComparisonOperator": "GreaterThanThreshold", "EvaluationPeriods": 3, "DatapointsToAlarm": 1}
    cloudwatch.put_metric_alarm(
        AlarmName="share", Metrics=queries, Threshold=5, AlarmActions=[topic], TreatMissingData="notBreaching", **common
    )
    cloudwatch.put_composite_alarm(AlarmName="both", AlarmRule="ALARM(share) AND TRUE")

    def told() -> list[dict]:
        cloudwatch.put_metric_data(
            Namespace="Told", MetricData=[{"MetricName": "bad", "Value": 1}, {"MetricName": "good", "Value": 10}]
        )
        return sqs.receive_message(QueueUrl=queue).get("Messages", [])

    (message,) = world.until(told, 60)
    told_of = json.loads(json.loads(message["Body"])["Message"])
    assert (told_of["AlarmName"], told_of["NewStateValue"]) == ("share", "ALARM")
    assert told_of["NewStateReason"].startswith("Threshold Crossed: ")
    found = cloudwatch.describe_alarms(AlarmNames=["both"], AlarmTypes=["CompositeAlarm"])["CompositeAlarms"]
    assert found[0]["StateValue"] == "ALARM"
