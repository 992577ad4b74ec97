"""The AWS CDK from its npm package as a client: bootstrap, deploy a VPC with a load balancer and a group, and take it away."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import boto3
import pytest

from hermes_cfn.local import control
from hermes_cfn.local.options import Options

pytestmark = pytest.mark.long

PACKAGES = ("aws-cdk@2.1148.1", "aws-cdk-lib@2.276.0", "constructs@10.8.1")
REGION, ACCOUNT = "eu-west-1", "123456789012"
APP = """
const cdk = require('aws-cdk-lib');
const ec2 = require('aws-cdk-lib/aws-ec2');
const elb = require('aws-cdk-lib/aws-elasticloadbalancingv2');
const asg = require('aws-cdk-lib/aws-autoscaling');
const stack = new cdk.Stack(new cdk.App(), 'Web', {env: {account: '123456789012', region: 'eu-west-1'}});
const vpc = new ec2.Vpc(stack, 'Vpc', {maxAzs: 2, natGateways: 1});
const group = new asg.AutoScalingGroup(stack, 'Fleet', {
  vpc, instanceType: new ec2.InstanceType('t4g.micro'), minCapacity: 1, maxCapacity: 2,
  machineImage: ec2.MachineImage.latestAmazonLinux2023({cpuType: ec2.AmazonLinuxCpuType.ARM_64}),
});
const balancer = new elb.ApplicationLoadBalancer(stack, 'Balancer', {vpc, internetFacing: true});
balancer.addListener('Listener', {port: 80}).addTargets('Web', {port: 80, targets: [group]});
new cdk.CfnOutput(stack, 'Name', {value: balancer.loadBalancerDnsName});
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """An application beside the CDK's packages."""
    made = tmp_path_factory.mktemp("cdk")
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        pytest.skip("no npm and node here: the AWS CDK cannot be installed")
    (made / "package.json").write_text('{"name": "shop", "version": "1.0.0", "private": true}')
    (made / "cdk.json").write_text('{"app": "node app.js"}')
    (made / "app.js").write_text(APP)
    got = subprocess.run(
        [npm, "install", "--no-audit", "--no-fund", *PACKAGES], cwd=made, capture_output=True, text=True
    )
    if got.returncode:
        pytest.skip(f"npm could not install {', '.join(PACKAGES)}: {got.stderr.strip()[-300:]}")
    return made


def test_the_cdk_bootstraps_deploys_and_destroys(folder, tmp_path):
    state = tmp_path / "state"
    endpoint = control.start(state, Options(speed=200, processes=False)).endpoint
    key = control.administrator(state)
    signed = {"aws_access_key_id": key.id, "aws_secret_access_key": key.secret}
    env = os.environ | {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": key.id,
        "AWS_SECRET_ACCESS_KEY": key.secret,
        "AWS_REGION": REGION,
        "CDK_DISABLE_CLI_TELEMETRY": "true",
        "CI": "1",
    }

    def cdk(*words: str) -> str:
        line = ["npx", "--no-install", "cdk", *words]
        done = subprocess.run(line, cwd=folder, env=env, capture_output=True, text=True, timeout=900)
        assert done.returncode == 0, (done.stdout + done.stderr)[-3000:]
        return done.stdout

    try:
        formation = boto3.client("cloudformation", region_name=REGION, endpoint_url=endpoint, **signed)
        cdk("bootstrap", f"aws://{ACCOUNT}/{REGION}")
        cdk("deploy", "--require-approval", "never", "--outputs-file", "outputs.json")
        (stack,) = formation.describe_stacks(StackName="Web")["Stacks"]
        assert stack["StackStatus"] == "CREATE_COMPLETE"
        outputs = json.loads((folder / "outputs.json").read_text())["Web"]
        assert outputs == {one["OutputKey"]: one["OutputValue"] for one in stack["Outputs"]}
        cdk("destroy", "--force")
        (gone,) = formation.describe_stacks(StackName=stack["StackId"])["Stacks"]
        assert gone["StackStatus"] == "DELETE_COMPLETE"
    finally:
        control.stop(state)
