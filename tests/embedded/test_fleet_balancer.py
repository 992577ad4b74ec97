"""The load balancer: health, draining, status codes, rules, keep-alive, WebSockets, HTTPS."""

from __future__ import annotations

import http.client
import socket
import threading
import time

import pytest
from botocore.exceptions import ClientError

from hermes_cfn.local import control


@pytest.fixture(scope="module")
def address(world, fleet):
    host, _, port = control.status(world.state).load_balancers[fleet["dns"]]["http"].partition(":")
    return host, int(port)


def test_requests_go_round_and_connections_stay(world, fleet, address):
    connection = http.client.HTTPConnection(*address, timeout=10)
    for _ in range(6):
        connection.request("GET", "/")
        answer = connection.getresponse()
        assert (answer.status, answer.read()) == (200, b"v1\n")
    connection.close()


def test_uploads_and_chunked_uploads_pass(address):
    connection = http.client.HTTPConnection(*address, timeout=10)
    connection.request("POST", "/upload", body=bytes(300_000))
    assert connection.getresponse().read() == b"received\n"
    connection.request(
        "POST", "/upload", body=iter([b"x" * 5000] * 10), encode_chunked=True, headers={"Transfer-Encoding": "chunked"}
    )
    assert connection.getresponse().read() == b"received\n"
    connection.close()


def test_web_sockets_pass(address):
    with socket.create_connection(address, timeout=5) as client:
        client.sendall(
            b"GET /socket HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
        )
        head = client.recv(4096)
        assert b"101" in head.split(b"\r\n")[0] and b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" in head
        mask = b"\x01\x02\x03\x04"
        client.sendall(b"\x81\x85" + mask + bytes(c ^ mask[i % 4] for i, c in enumerate(b"hello")))
        assert client.recv(100) == b"\x81\x05hello"


def test_malformed_requests_get_400_and_old_clients_are_closed(address):
    for text, wanted in ((b"nonsense\r\n\r\n", b"400"), (b"GET / HTTP/1.0\r\n\r\n", b"200")):
        with socket.create_connection(address, timeout=5) as client:
            client.sendall(text)
            received = b""
            while chunk := client.recv(4096):
                received += chunk
            assert received.split(b" ", 2)[1] == wanted


def test_a_failing_health_check_takes_out_of_rotation_and_all_failing_opens(world, fleet):
    first, second = sorted(world.states("shared"))
    world.control("faults", instance=first, application={"health": 503})
    world.until(lambda: world.health(fleet["target_group"])[first] == "unhealthy")
    found = world.client("elbv2").describe_target_health(TargetGroupArn=fleet["target_group"])[
        "TargetHealthDescriptions"
    ]
    told = {one["Target"]["Id"]: one["TargetHealth"] for one in found}[first]
    assert (told["Reason"], told["Description"]) == (
        "Target.ResponseCodeMismatch",
        "Health checks failed with these codes: [503]",
    )
    assert world.states("shared")[first] == "InService"
    world.control("faults", instance=second, application={"health": 503})
    world.until(lambda: world.health(fleet["target_group"])[second] == "unhealthy")
    assert world.get(fleet["dns"])[0] == 200
    for name in (first, second):
        world.control("faults", instance=name, application={})
    world.until(lambda: set(world.health(fleet["target_group"]).values()) == {"healthy"})


def test_a_request_in_flight_survives_draining_and_idle_targets_drain_the_whole_delay(world, fleet):
    asg = world.client("autoscaling")
    asg.suspend_processes(AutoScalingGroupName="shared", ScalingProcesses=["AZRebalance"])
    got: list[tuple[int, str]] = []
    slow = [threading.Thread(target=lambda: got.append(world.get(fleet["dns"], "/slow?s=0.7"))) for _ in range(2)]
    for thread in slow:
        thread.start()
    time.sleep(0.15)
    one = sorted(world.states("shared"))[0]
    began = time.monotonic()
    asg.enter_standby(AutoScalingGroupName="shared", InstanceIds=[one], ShouldDecrementDesiredCapacity=True)
    for thread in slow:
        thread.join()
    assert [status for status, _ in got] == [200, 200]
    world.until(lambda: one not in world.health(fleet["target_group"]))
    assert time.monotonic() - began >= 0.95
    world.until(lambda: world.states("shared")[one] == "Standby")
    asg.exit_standby(AutoScalingGroupName="shared", InstanceIds=[one])
    asg.resume_processes(AutoScalingGroupName="shared")
    world.until(lambda: world.health(fleet["target_group"]).get(one) == "healthy")


def test_a_target_that_ends_in_the_middle_is_a_502_and_no_target_a_503(world, fleet, address):
    elb = world.client("elbv2")
    empty = elb.create_target_group(Name="empty", Protocol="HTTP", Port=4000, VpcId=world.names["vpc"])["TargetGroups"][
        0
    ]["TargetGroupArn"]
    rule = elb.create_rule(
        ListenerArn=fleet["listener"], Priority=10, Conditions=[{"Field": "path-pattern", "Values": ["/empty*"]}],
        Actions=[{"Type": "forward", "TargetGroupArn": empty}],
    )["Rules"][0]["RuleArn"]  # fmt: skip
    assert world.get(fleet["dns"], "/empty")[0] == 503
    found = elb.describe_target_groups(TargetGroupArns=[empty])["TargetGroups"][0]
    assert found["LoadBalancerArns"] == [fleet["balancer"]]
    listening = socket.create_server(("127.0.0.1", 0))
    port = listening.getsockname()[1]
    rude = elb.create_target_group(Name="rude", Protocol="HTTP", Port=port, TargetType="ip", VpcId=world.names["vpc"])[
        "TargetGroups"
    ][0]["TargetGroupArn"]
    elb.register_targets(TargetGroupArn=rude, Targets=[{"Id": "127.0.0.1", "Port": port}])
    elb.modify_rule(RuleArn=rule, Actions=[{"Type": "forward", "TargetGroupArn": rude}])

    def rudely() -> None:
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            connection.recv(100)
            connection.close()

    threading.Thread(target=rudely, daemon=True).start()
    assert world.get(fleet["dns"], "/empty")[0] == 502
    listening.close()
    elb.delete_rule(RuleArn=rule)
    elb.delete_target_group(TargetGroupArn=rude)
    elb.delete_target_group(TargetGroupArn=empty)


def test_https_redirects_and_fixed_answers(world, fleet):
    elb, acm = world.client("elbv2"), world.client("acm")
    with pytest.raises(ClientError) as caught:
        elb.create_listener(
            LoadBalancerArn=fleet["balancer"],
            Port=443,
            Protocol="HTTPS",
            DefaultActions=[{"Type": "forward", "TargetGroupArn": fleet["target_group"]}],
        )
    assert caught.value.response["Error"]["Code"] == "CertificateNotFound"
    certificate = acm.request_certificate(DomainName="fleet.example.com", ValidationMethod="DNS")["CertificateArn"]
    elb.create_listener(
        LoadBalancerArn=fleet["balancer"], Port=443, Protocol="HTTPS", Certificates=[{"CertificateArn": certificate}],
        DefaultActions=[{"Type": "forward", "TargetGroupArn": fleet["target_group"]}],
    )  # fmt: skip
    assert world.get(fleet["dns"], "/", "https") == (200, "v1\n")
    moved = elb.create_rule(
        ListenerArn=fleet["listener"], Priority=1, Conditions=[{"Field": "path-pattern", "Values": ["/old/*"]}],
        Actions=[{"Type": "redirect", "RedirectConfig": {"Protocol": "HTTPS", "Port": "443", "StatusCode": "HTTP_301"}}],
    )["Rules"][0]["RuleArn"]  # fmt: skip
    host, _, port = control.status(world.state).load_balancers[fleet["dns"]]["http"].partition(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=5)
    connection.request("GET", "/old/page?x=1", headers={"Host": "fleet.example.com"})
    answer = connection.getresponse()
    assert (answer.status, answer.headers["Location"]) == (301, "https://fleet.example.com/old/page?x=1")
    connection.close()
    elb.delete_rule(RuleArn=moved)


def test_attributes_and_deletions_are_guarded(world, fleet):
    elb = world.client("elbv2")
    with pytest.raises(ClientError) as caught:
        elb.delete_target_group(TargetGroupArn=fleet["target_group"])
    assert caught.value.response["Error"]["Code"] == "ResourceInUse"
    with pytest.raises(ClientError) as caught:
        elb.modify_target_group_attributes(
            TargetGroupArn=fleet["target_group"], Attributes=[{"Key": "stickiness.type", "Value": "app_cookie"}]
        )
    assert caught.value.response["Error"]["Code"] == "EmbeddedCloudUnsupported"
    with pytest.raises(ClientError) as caught:
        elb.create_load_balancer(Name="one-zone", Subnets=world.names["subnets"][:1])
    assert "two different Availability Zones" in caught.value.response["Error"]["Message"]


def test_a_target_that_is_too_slow_is_a_504(world, fleet):
    elb = world.client("elbv2")
    timeout = "idle_timeout.timeout_seconds"
    elb.modify_load_balancer_attributes(LoadBalancerArn=fleet["balancer"], Attributes=[{"Key": timeout, "Value": "1"}])
    assert world.get(fleet["dns"], "/slow?s=4")[0] == 504
    elb.modify_load_balancer_attributes(LoadBalancerArn=fleet["balancer"], Attributes=[{"Key": timeout, "Value": "60"}])
    assert world.get(fleet["dns"], "/slow?s=0.5")[0] == 200
