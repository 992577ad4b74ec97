"""An embedded cloud for the session, and a small fleet in it, reached by plain boto3."""

from __future__ import annotations

import base64
import http.client
import json
import ssl
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config

from hermes_cfn.local import control
from hermes_cfn.local.options import Options

REGION = "eu-south-2"
TRUSTS_EC2 = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}
USER_DATA = """#!/bin/bash
set -eu
dnf install --assumeyes docker
token=$(curl -fsS -X PUT -H 'X-aws-ec2-metadata-token-ttl-seconds: 300' "$AWS_EC2_METADATA_SERVICE_ENDPOINT/latest/api/token")
id=$(curl -fsS -H "X-aws-ec2-metadata-token: $token" "$AWS_EC2_METADATA_SERVICE_ENDPOINT/latest/meta-data/instance-id")
image=$(aws ssm get-parameter --name /fleet/image --query Parameter.Value --output text)
aws ecr get-login-password | docker login --username AWS --password-stdin "${image%%/*}" >/dev/null
docker pull "$image"
docker run --detach --name app --restart unless-stopped --publish "$HERMES_BIND:4000:4000" --memory 512m \
  --log-driver awslogs --log-opt awslogs-group=/fleet --log-opt "awslogs-stream=$id" "$image"
for _ in $(seq 100); do curl -fsS "http://$HERMES_BIND:4000/" >/dev/null 2>&1 && break; sleep 0.1; done
aws autoscaling complete-lifecycle-action --lifecycle-hook-name launch --auto-scaling-group-name "$GROUP" \
  --instance-id "$id" --lifecycle-action-result CONTINUE || true
"""


@dataclass
class World:
    """A running cloud and what was built in it."""

    state: Path
    endpoint: str
    names: dict[str, Any] = field(default_factory=dict)

    def client(
        self,
        service: str,
        key: str = "",
        token: str | None = None,
        secret: str = "",
        region: str = REGION,
        **config: Any,
    ) -> Any:
        """A client of whoever has the key; without one, of the administrator."""
        if not key:
            key, secret = control.administrator(self.state)
        return boto3.client(
            service,
            region_name=region,
            endpoint_url=self.endpoint,
            aws_access_key_id=key,
            aws_secret_access_key=secret,
            aws_session_token=token,
            config=Config(retries={"max_attempts": 0}, **config),
        )

    def control(self, what: str, **body: Any) -> dict[str, Any]:
        return control.ask(self.state, what, body)

    def group(self, name: str) -> dict[str, Any]:
        found = self.client("autoscaling").describe_auto_scaling_groups(AutoScalingGroupNames=[name])
        return found["AutoScalingGroups"][0]

    def states(self, name: str) -> dict[str, str]:
        return {one["InstanceId"]: one["LifecycleState"] for one in self.group(name)["Instances"]}

    def health(self, target_group: str) -> dict[str, str]:
        found = self.client("elbv2").describe_target_health(TargetGroupArn=target_group)["TargetHealthDescriptions"]
        return {one["Target"]["Id"]: one["TargetHealth"]["State"] for one in found}

    def get(self, balancer: str, path: str = "/", scheme: str = "http", **headers: str) -> tuple[int, str]:
        address = control.status(self.state).load_balancers[balancer][scheme]
        host, _, port = address.partition(":")
        if scheme == "https":
            context = ssl._create_unverified_context()
            connection: http.client.HTTPConnection = http.client.HTTPSConnection(
                host, int(port), context=context, timeout=60
            )
        else:
            connection = http.client.HTTPConnection(host, int(port), timeout=60)
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        body = answer.read().decode()
        connection.close()
        return answer.status, body

    def until(self, done: Callable[[], Any], seconds: float = 90.0) -> Any:
        """Waits for something true, and fails with what was seen last; asks less often the longer it takes."""
        began = time.monotonic()
        while (waited := time.monotonic() - began) < seconds:
            seen = done()
            if seen:
                return seen
            time.sleep(min(0.5, max(0.05, waited / 20)))
        raise AssertionError(f"not within {seconds} s; last seen: {done()!r}")

    def command(self, instance: str, lines: list[str], timeout_s: int = 60, **more: Any) -> dict[str, Any]:
        """Runs shell lines through AWS-RunShellScript and returns the invocation when it is over."""
        ssm = self.client("ssm")
        parameters = {"commands": lines, "executionTimeout": [str(timeout_s)]}
        sent = ssm.send_command(
            InstanceIds=[instance], DocumentName="AWS-RunShellScript", Parameters=parameters, **more
        )["Command"]["CommandId"]

        def over() -> Any:
            found = ssm.get_command_invocation(CommandId=sent, InstanceId=instance)
            return found if found["Status"] not in ("Pending", "InProgress", "Delayed") else None

        return self.until(over)

    def network(self) -> None:
        """A VPC with three subnets, an instance profile, a repository and two images."""
        ec2, iam = self.client("ec2"), self.client("iam")
        vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
        subnets = [
            ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.0.{n}.0/24", AvailabilityZone=REGION + zone)["Subnet"][
                "SubnetId"
            ]
            for n, zone in enumerate("abc")
        ]
        security_group = ec2.create_security_group(GroupName="fleet", Description="fleet", VpcId=vpc)["GroupId"]
        iam.create_role(RoleName="fleet", AssumeRolePolicyDocument=json.dumps(TRUSTS_EC2))
        iam.create_instance_profile(InstanceProfileName="fleet")
        iam.add_role_to_instance_profile(InstanceProfileName="fleet", RoleName="fleet")
        self.client("ecr").create_repository(repositoryName="fleet")
        images = {tag: control.push_image(self.state, "fleet", tag)["reference"] for tag in ("v1", "v2")}
        self.client("ssm").put_parameter(Name="/fleet/image", Value=images["v1"], Type="String")
        self.names.update(vpc=vpc, subnets=subnets, security_group=security_group, images=images)

    def fleet(
        self, name: str, size: int = 2, hook: bool = True, attributes: dict[str, str] | None = None, **more: Any
    ) -> dict[str, Any]:
        """A load balancer and a group of ``size`` instances; waits until all targets are healthy."""
        elb, asg, ec2 = self.client("elbv2"), self.client("autoscaling"), self.client("ec2")
        subnets = self.names["subnets"]
        balancer = elb.create_load_balancer(Name=name, Subnets=subnets)["LoadBalancers"][0]
        target_group = elb.create_target_group(
            Name=name, Protocol="HTTP", Port=4000, VpcId=self.names["vpc"], HealthCheckPath="/health",
            HealthCheckIntervalSeconds=6, HealthCheckTimeoutSeconds=5, HealthyThresholdCount=2,
        )["TargetGroups"][0]["TargetGroupArn"]  # fmt: skip
        given = {"deregistration_delay.timeout_seconds": "20", **(attributes or {})}
        elb.modify_target_group_attributes(
            TargetGroupArn=target_group, Attributes=[{"Key": key, "Value": value} for key, value in given.items()]
        )
        listener = elb.create_listener(
            LoadBalancerArn=balancer["LoadBalancerArn"], Port=80, Protocol="HTTP",
            DefaultActions=[{"Type": "forward", "TargetGroupArn": target_group}],
        )["Listeners"][0]["ListenerArn"]  # fmt: skip
        script = USER_DATA.replace("set -eu", f"set -eu\nGROUP={name}")
        template = ec2.create_launch_template(
            LaunchTemplateName=name,
            LaunchTemplateData={
                "ImageId": "ami-0123456789abcdef0", "InstanceType": "t4g.small",
                "UserData": base64.b64encode(script.encode()).decode(),
                "IamInstanceProfile": {"Name": "fleet"}, "SecurityGroupIds": [self.names["security_group"]],
            },
        )["LaunchTemplate"]["LaunchTemplateId"]  # fmt: skip
        hooks = [
            {
                "LifecycleHookName": "launch",
                "LifecycleTransition": "autoscaling:EC2_INSTANCE_LAUNCHING",
                "HeartbeatTimeout": 600,
            }
        ]
        sizes = {"MinSize": 0, "MaxSize": size + 2, "DesiredCapacity": size, **more}
        asg.create_auto_scaling_group(
            AutoScalingGroupName=name, VPCZoneIdentifier=",".join(subnets), TargetGroupARNs=[target_group],
            LaunchTemplate={"LaunchTemplateId": template, "Version": "$Latest"},
            LifecycleHookSpecificationList=hooks if hook else [], **sizes,
        )  # fmt: skip
        built = {
            "name": name, "dns": balancer["DNSName"], "balancer": balancer["LoadBalancerArn"], "target_group": target_group,
            "listener": listener, "template": template,
        }  # fmt: skip
        self.until(lambda: list(self.health(target_group).values()) == ["healthy"] * size)
        return built

    def remove(self, built: dict[str, Any]) -> None:
        self.client("autoscaling").delete_auto_scaling_group(AutoScalingGroupName=built["name"], ForceDelete=True)


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A cloud of its own for the tests of this directory."""
    state = tmp_path_factory.mktemp("cloud")
    status = control.start(state, Options(follow_parent=True))
    made = World(state, status.endpoint)
    made.network()
    yield made
    control.stop(state)


@pytest.fixture(scope="session")
def fleet(world: World) -> dict[str, Any]:
    """Two instances behind a load balancer."""
    return world.fleet("shared", 2)


@pytest.fixture(scope="session")
def books(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A cloud whose instances only exist in the books, so that its time can pass 200 times as fast."""
    state = tmp_path_factory.mktemp("books")
    made = World(state, control.start(state, Options(follow_parent=True, processes=False, speed=200)).endpoint)
    made.network()
    yield made
    control.stop(state)
