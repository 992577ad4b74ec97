"""Deploys and deletes every template of folders that lie beside the checkout, and counts how each ended.

    python -m tests.soak.corpus FOLDER ... [--workers 4] [--region us-east-1] [--rows FILE]

Nothing of the folders is kept.  Parameters without a default are filled in by their type.  Each template ends as one of:

* ``complete``: CREATE_COMPLETE, and gone again after DeleteStack
* ``by name``: refused as something that the embedded cloud does not support
* ``in words``: refused before anything was made, in CloudFormation's or a service's words
* ``own``: made in part and rolled back for a reason that lies in the template, or in what the account lacks
* ``wrong``: an internal failure, a value that never was known, a request that no service could read
* ``stuck``: no end within the time
* ``left``: what is still there when every stack is gone and no policy kept it

The exit status is 1 when there is anything wrong, stuck or left.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
from botocore import xform_name
from botocore.config import Config
from botocore.exceptions import ClientError

from hermes_cfn.cfn.template import Template
from hermes_cfn.errors import HermesError
from hermes_cfn.local import control
from hermes_cfn.local.options import Options

ENDINGS = ("complete", "by name", "in words", "own", "wrong", "stuck")
_WRONG = re.compile(
    r"InternalFailure|Internal Failure|Parameter validation failed:[^:]*Invalid type|EmbeddedCloudUnsupported|NotImplemented|Unresolved: "
    r"|Unknown\(|could not be read|embedded cloud failed|Status Code: 5"
)
_FILL = {
    "Number": "1",
    "CommaDelimitedList": "a,b",
    "List<Number>": "1,2",
    "AWS::EC2::AvailabilityZone::Name": "{region}a",
    "List<AWS::EC2::AvailabilityZone::Name>": "{region}a,{region}b",
}


@dataclass
class End:
    """How one template ended, and why."""

    path: Path
    ending: str
    why: str = ""
    kept: tuple[str, ...] = ()


def templates(folder: Path) -> Iterator[Path]:
    """Files that may be templates: JSON and YAML with a section of resources."""
    for path in sorted(folder.rglob("*")):
        if path.suffix in (".json", ".yaml", ".yml", ".template") and path.is_file():
            text = path.read_text(errors="replace")
            if re.search(r"^\s*\"?Resources\"?\s*:", text, re.MULTILINE):
                yield path


class World:
    """An embedded cloud with what strangers' templates expect of an account."""

    def __init__(self, state: Path, endpoint: str, region: str) -> None:
        self.endpoint, self.region, self.key = endpoint, region, control.administrator(state)
        self._made: dict[str, Any] = {}

    def client(self, service: str) -> Any:
        if service not in self._made:
            self._made[service] = boto3.session.Session().client(
                service, region_name=self.region, endpoint_url=self.endpoint, aws_access_key_id=self.key.id,
                aws_secret_access_key=self.key.secret, config=Config(retries={"max_attempts": 2}, max_pool_connections=32),
            )  # fmt: skip
        return self._made[service]

    def prepare(self) -> dict[str, str]:
        """Values of the parameter types that must name something that is there."""
        ec2 = self.client("ec2")
        vpc = ec2.create_vpc(CidrBlock="10.99.0.0/16")["Vpc"]["VpcId"]
        subnets = [
            ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.99.{n}.0/24", AvailabilityZone=self.region + zone)["Subnet"][
                "SubnetId"
            ]
            for n, zone in enumerate("ab")
        ]
        group = ec2.create_security_group(GroupName="corpus", Description="corpus", VpcId=vpc)["GroupId"]
        ec2.create_key_pair(KeyName="corpus")
        image = ec2.describe_images(Owners=["amazon"])["Images"][0]["ImageId"]
        return {
            "AWS::EC2::VPC::Id": vpc,
            "AWS::EC2::Subnet::Id": subnets[0],
            "List<AWS::EC2::VPC::Id>": vpc,
            "List<AWS::EC2::Subnet::Id>": ",".join(subnets),
            "AWS::EC2::SecurityGroup::Id": group,
            "List<AWS::EC2::SecurityGroup::Id>": group,
            "AWS::EC2::KeyPair::KeyName": "corpus",
            "AWS::EC2::Image::Id": image,
            **{kind: value.format(region=self.region) for kind, value in _FILL.items()},
        }


def inventory(client_of: Callable[[str], Any]) -> dict[str, set[str]]:
    """Names of everything that is there, by kind."""
    found: dict[str, set[str]] = {}
    for kind, (service, call, names) in _INVENTORY.items():
        made: set[str] = set()
        operation, client = xform_name(call), client_of(service)
        more = {"ListPolicies": {"Scope": "Local"}, "ListWebACLs": {"Scope": "REGIONAL"}}.get(call, {})
        if client.can_paginate(operation):
            for page in client.get_paginator(operation).paginate(**more):
                made |= set(names(page))
        else:
            made |= set(names(getattr(client, operation)(**more)))
        found[kind] = {name for name in made if not name.startswith("/aws/service/")}
    return found


def _of(key: str, name: str = "") -> Callable[[dict[str, Any]], list[str]]:
    return lambda page: [str(each[name] if name else each) for each in page.get(key, [])]


def _instances(page: dict[str, Any]) -> list[str]:
    return [
        each["InstanceId"]
        for one in page["Reservations"]
        for each in one["Instances"]
        if each["State"]["Name"] not in ("terminated", "shutting-down")
    ]


def _gateways(page: dict[str, Any]) -> list[str]:
    return [each["NatGatewayId"] for each in page["NatGateways"] if each["State"] not in ("deleted", "deleting")]


_INVENTORY: dict[str, tuple[str, str, Callable[[dict[str, Any]], list[str]]]] = {
    "VPC": ("ec2", "DescribeVpcs", _of("Vpcs", "VpcId")),
    "subnet": ("ec2", "DescribeSubnets", _of("Subnets", "SubnetId")),
    "security group": ("ec2", "DescribeSecurityGroups", _of("SecurityGroups", "GroupId")),
    "network ACL": ("ec2", "DescribeNetworkAcls", _of("NetworkAcls", "NetworkAclId")),
    "route table": ("ec2", "DescribeRouteTables", _of("RouteTables", "RouteTableId")),
    "internet gateway": ("ec2", "DescribeInternetGateways", _of("InternetGateways", "InternetGatewayId")),
    "NAT gateway": ("ec2", "DescribeNatGateways", _gateways),
    "address": ("ec2", "DescribeAddresses", _of("Addresses", "PublicIp")),
    "instance": ("ec2", "DescribeInstances", _instances),
    "volume": ("ec2", "DescribeVolumes", _of("Volumes", "VolumeId")),
    "network interface": ("ec2", "DescribeNetworkInterfaces", _of("NetworkInterfaces", "NetworkInterfaceId")),
    "endpoint": ("ec2", "DescribeVpcEndpoints", _of("VpcEndpoints", "VpcEndpointId")),
    "flow log": ("ec2", "DescribeFlowLogs", _of("FlowLogs", "FlowLogId")),
    "launch template": ("ec2", "DescribeLaunchTemplates", _of("LaunchTemplates", "LaunchTemplateId")),
    "key pair": ("ec2", "DescribeKeyPairs", _of("KeyPairs", "KeyName")),
    "bucket": ("s3", "ListBuckets", _of("Buckets", "Name")),
    "table": ("dynamodb", "ListTables", _of("TableNames")),
    "role": ("iam", "ListRoles", _of("Roles", "RoleName")),
    "user": ("iam", "ListUsers", _of("Users", "UserName")),
    "group of users": ("iam", "ListGroups", _of("Groups", "GroupName")),
    "profile": ("iam", "ListInstanceProfiles", _of("InstanceProfiles", "InstanceProfileName")),
    "policy": ("iam", "ListPolicies", _of("Policies", "Arn")),
    "topic": ("sns", "ListTopics", _of("Topics", "TopicArn")),
    "subscription": ("sns", "ListSubscriptions", _of("Subscriptions", "SubscriptionArn")),
    "queue": ("sqs", "ListQueues", _of("QueueUrls")),
    "log group": ("logs", "DescribeLogGroups", _of("logGroups", "logGroupName")),
    "parameter": ("ssm", "DescribeParameters", _of("Parameters", "Name")),
    "load balancer": ("elbv2", "DescribeLoadBalancers", _of("LoadBalancers", "LoadBalancerArn")),
    "target group": ("elbv2", "DescribeTargetGroups", _of("TargetGroups", "TargetGroupArn")),
    "Auto Scaling group": ("autoscaling", "DescribeAutoScalingGroups", _of("AutoScalingGroups", "AutoScalingGroupName")),
    "launch configuration": (
        "autoscaling", "DescribeLaunchConfigurations", _of("LaunchConfigurations", "LaunchConfigurationName")
    ),
    "alarm": ("cloudwatch", "DescribeAlarms", _of("MetricAlarms", "AlarmName")),
    "dashboard": ("cloudwatch", "ListDashboards", _of("DashboardEntries", "DashboardName")),
    "rule": ("events", "ListRules", _of("Rules", "Name")),
    "alias": ("kms", "ListAliases", _of("Aliases", "AliasName")),
    "certificate": ("acm", "ListCertificates", _of("CertificateSummaryList", "CertificateArn")),
    "zone": ("route53", "ListHostedZones", _of("HostedZones", "Id")),
    "repository": ("ecr", "DescribeRepositories", _of("repositories", "repositoryName")),
    "web ACL": ("wafv2", "ListWebACLs", _of("WebACLs", "Id")),
    "trail": ("cloudtrail", "DescribeTrails", _of("trailList", "Name")),
    "function": ("lambda", "ListFunctions", _of("Functions", "FunctionName")),
}  # fmt: skip


def _value(spec: dict[str, Any], values: dict[str, str]) -> str:
    kind = str(spec.get("Type", "String"))
    if spec.get("AllowedValues"):
        return str(spec["AllowedValues"][0])
    if kind in values:
        return values[kind]
    if "Cidr" in str(spec.get("Description", "")) or "CIDR" in str(spec.get("Description", "")):
        return "10.0.0.0/16"
    return str(spec.get("MinValue") or "x" * max(int(spec.get("MinLength", 0) or 0), 4))


def ended(world: World, path: Path, number: int, values: dict[str, str], patience_s: float) -> End:
    """Deploys one template and deletes it again."""
    formation = world.client("cloudformation")
    text = path.read_text(errors="replace")
    try:
        sections = Template.parse(text).parameters
    except HermesError:
        sections = {}
    except Exception as problem:  # a reader that breaks is what is looked for
        return End(path, "wrong", f"{type(problem).__name__}: {problem}")
    given = [
        {"ParameterKey": name, "ParameterValue": _value(dict(spec), values)}
        for name, spec in sections.items()
        if "Default" not in spec
    ]
    if len(text.encode()) > 51_200:
        world.client("s3").put_object(Bucket="corpus-templates", Key=str(number), Body=text.encode())
        where = {"TemplateURL": f"https://s3.amazonaws.com/corpus-templates/{number}"}
    else:
        where = {"TemplateBody": text}
    name = f"corpus{number}"
    try:
        stack = formation.create_stack(
            StackName=name, Parameters=given, Capabilities=["CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"], **where
        )["StackId"]
    except ClientError as error:
        said = str(error)
        if "does not support" in said and "embedded cloud" in said:
            return End(path, "by name", said)
        return End(path, "wrong" if _WRONG.search(said) else "in words", said)
    except Exception as problem:
        return End(path, "in words" if "ParamValidation" in type(problem).__name__ else "wrong", str(problem))
    status = _until_still(formation, stack, patience_s)
    events = formation.describe_stack_events(StackName=stack)["StackEvents"]
    reasons = [e.get("ResourceStatusReason", "") for e in reversed(events) if e["ResourceStatus"].endswith("_FAILED")]
    if status is None:
        busy = [e["LogicalResourceId"] for e in events if e["ResourceStatus"].endswith("_IN_PROGRESS")]
        return End(path, "stuck", f"in progress: {sorted(set(busy))}")
    _delete(formation, stack, patience_s)
    after = _until_still(formation, stack, patience_s)
    events = formation.describe_stack_events(StackName=stack)["StackEvents"]
    kept = tuple(e["PhysicalResourceId"] for e in events if e["ResourceStatus"] == "DELETE_SKIPPED")
    if after is None:
        return End(path, "stuck", "deletion", kept)
    if after != "DELETE_COMPLETE":
        left = tuple(e["PhysicalResourceId"] for e in events if e.get("PhysicalResourceId"))
        why = [e.get("ResourceStatusReason", "") for e in events if e["ResourceStatus"] == "DELETE_FAILED"]
        return End(path, "wrong", f"{after}: {why[-1:]}", (*kept, *left))
    if status == "CREATE_COMPLETE":
        outputs = json.dumps(formation.describe_stacks(StackName=stack)["Stacks"][0].get("Outputs", []))
        return End(
            path, "wrong" if "Unknown(" in outputs else "complete", outputs if "Unknown(" in outputs else "", kept
        )
    why = next((reason for reason in reasons if "cancelled" not in reason), status)
    why = (
        why
        if reasons
        else next((e.get("ResourceStatusReason", "") for e in events if "ROLLBACK_IN" in e["ResourceStatus"]), why)
    )
    return End(path, "wrong" if any(map(_WRONG.search, [*reasons, why])) else "own", why, kept)


def _delete(formation: Any, stack: str, patience_s: float) -> None:
    """Asks for the deletion, again as long as another stack of the corpus imports what this one exports."""
    deadline = time.monotonic() + patience_s
    while True:
        try:
            formation.delete_stack(StackName=stack)
            return
        except ClientError as error:
            if "in use by" not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(0.2)


def _until_still(formation: Any, stack: str, patience_s: float) -> str | None:
    deadline = time.monotonic() + patience_s
    while time.monotonic() < deadline:
        status = str(formation.describe_stacks(StackName=stack)["Stacks"][0]["StackStatus"])
        if not status.endswith("_IN_PROGRESS"):
            return status
        time.sleep(0.1)
    return None


def run(
    folders: list[Path], region: str, workers: int, patience_s: float, most: int
) -> tuple[list[End], dict[str, set[str]]]:
    """How every template ended, and what is left behind."""
    with tempfile.TemporaryDirectory() as state:
        endpoint = control.start(Path(state), Options(speed=1000, processes=False)).endpoint
        try:
            world = World(Path(state), endpoint, region)
            values = world.prepare()
            world.client("s3").create_bucket(
                Bucket="corpus-templates",
                **({} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}),
            )
            before = inventory(world.client)
            paths = [path for folder in folders for path in templates(folder)][:most]
            with ThreadPoolExecutor(workers) as pool:
                ends = list(pool.map(lambda item: ended(world, item[1], item[0], values, patience_s), enumerate(paths)))
            after = inventory(world.client)
        finally:
            control.stop(Path(state))
    kept = {
        part for end in ends for name in end.kept for part in (name, name.rpartition("/")[2], f"/hostedzone/{name}")
    }
    left = {kind: after[kind] - before[kind] - kept for kind in after}
    return ends, {kind: names for kind, names in left.items() if names}


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.soak.corpus")
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--region", default="us-east-1")
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--patience", type=float, default=90.0, help="real seconds until a stack counts as stuck")
    parser.add_argument("--most", type=int, default=100_000, help="templates at most")
    parser.add_argument("--rows", type=Path, help="where to write one line a template")
    given = parser.parse_args(arguments)
    ends, left = run(given.folders, given.region, given.workers, given.patience, given.most)
    print("| corpus | templates | " + " | ".join(ENDINGS) + " |")
    print("|---|---|" + "---|" * len(ENDINGS))
    for folder in given.folders:
        mine = Counter(end.ending for end in ends if folder in end.path.parents)
        print(f"| {folder.name} | {sum(mine.values())} | " + " | ".join(str(mine[each]) for each in ENDINGS) + " |")
    for kind, names in left.items():
        print(f"left behind: {kind}: {', '.join(sorted(names))}")
    if given.rows:
        given.rows.write_text("".join(f"{e.ending}\t{e.path}\t{json.dumps(e.why)}\n" for e in ends))
    return 1 if left or any(end.ending in ("wrong", "stuck") for end in ends) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
