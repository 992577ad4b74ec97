"""Amounts that AWS's own pages, guides and calculator publish, and bills that people did: each as a template of ours.

Nothing of a page is carried but its figure; ``where`` says which page.  What a page rounds to whole dollars is compared so.
"""

import importlib.util
from decimal import Decimal as D
from pathlib import Path

import pytest
import yaml

from hermes_cfn import bill
from hermes_cfn.cfn.template import Template
from hermes_cfn.pricing import books

_spec = importlib.util.spec_from_file_location("bills", Path(__file__).with_name("bills.py"))
bills = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(bills)

CANARY = "AWS guidance for ECS canary deployments of backend workloads, README, cost table"
PREBID = "docs.aws.amazon.com/solutions/latest/prebid-server-deployment-on-aws/cost1.html"
RAG = "AWS guidance for retrieval on EKS with OpenSearch and Bedrock, README, sample cost table"
CALCULATOR = "an estimate of AWS's pricing calculator, published by who made it"


def machines(kind, count, disk, size):
    device = f"{{DeviceName: /dev/xvda, Ebs: {{VolumeType: {disk}, VolumeSize: {size}}}}}"
    one = f"{{Type: AWS::EC2::Instance, Properties: {{InstanceType: {kind}, NetworkInterfaces: [{{AssociatePublicIpAddress: false}}], BlockDeviceMappings: [{device}]}}}}"
    return "\n".join(f"I{number}: {one}" for number in range(count))


NONE = {"s3_puts": 0, "s3_gets": 0}
QUIET = {"new_connections": 0, "active_connections": 0, "requests": 0, "from_users_gb": 0}
LB = "{Type: AWS::ElasticLoadBalancing::LoadBalancer, Properties: {Scheme: internet-facing, Subnets: [a]}}"

# (service, resources, usage, only lines that begin with, USD of the page, region, where)
PUBLISHED = [
    ("EKS", "C: {Type: AWS::EKS::Cluster}", {}, "", "73.00", "us-east-1", RAG),
    ("EC2 and EBS gp3", machines("t3.medium", 2, "gp3", 20), {}, "", "63.94", "us-east-1", RAG),
    ("ECR", "R: {Type: AWS::ECR::Repository}", {"image_gb": 1, "images_kept": 1}, "", "0.10", "us-east-1", RAG),
    ("NAT gateway, 10 GB", "N: {Type: AWS::EC2::NatGateway, Properties: {ConnectivityType: private}}", {"to_apis_gb": 10, "from_apis_gb": 0}, "NAT", "33.3", "us-east-1", CANARY),
    ("CloudWatch alarm", "A: {Type: AWS::CloudWatch::Alarm, Properties: {MetricName: x, Period: 60}}", {"allowances_used": {"alarms": 10}}, "", "0.1", "us-east-1", CANARY),
    ("SQS, a million requests", "Q: {Type: AWS::SQS::Queue}", {"queue_requests": 1_000_000}, "", "0", "us-east-1", CANARY),
    ("transfer out, 10 GB", f"L: {LB}", {**QUIET, "to_users_gb": 10, "allowances_used": {"internet_out_gb": 100}}, "transfer to users", "0.9", "us-east-1", CANARY),
    ("S3, 2.5 TB", "B: {Type: AWS::S3::Bucket}", {"s3_gb": 2560, **NONE}, "", "59", "us-east-1", PREBID),
    ("S3, 5 TB", "B: {Type: AWS::S3::Bucket}", {"s3_gb": 5120, **NONE}, "", "118", "us-east-1", PREBID),
    ("CloudWatch, 20 alarms and 41 GB of logs", "L: {Type: AWS::Logs::LogGroup}\n" + "\n".join(f"A{n}: {{Type: AWS::CloudWatch::Alarm, Properties: {{MetricName: x{n}, Period: 60}}}}" for n in range(20)), {"logs_gb": 41, "allowances_used": {"alarms": 10, "logs_gb": 5}}, "", "23", "us-east-1", PREBID),
    ("MSK", "K: {Type: AWS::MSK::Cluster, Properties: {NumberOfBrokerNodes: 3, BrokerNodeGroupInfo: {InstanceType: kafka.m5.large, StorageInfo: {EBSStorageInfo: {VolumeSize: 100}}}}}", {}, "", "489.90", "us-east-1", CALCULATOR),
    ("EC2 and EBS gp2", machines("t3.xlarge", 6, "gp2", 30), {}, "", "746.83", "us-east-1", CALCULATOR),
    ("EC2, compute", machines("c5.xlarge", 6, "gp2", 30), {}, "", "762.6", "us-east-1", CALCULATOR),
    ("EC2, ARM", machines("c6g.xlarge", 2, "gp3", 30), {}, "", "203.36", "us-east-1", CALCULATOR),
    ("public IPv4 address", "E: {Type: AWS::EC2::EIP}", {}, "", "3.65", "us-east-1", CALCULATOR),
    ("transfer out, 100 GB", f"L: {LB}", {**QUIET, "to_users_gb": 100, "allowances_used": {"internet_out_gb": 100}}, "transfer to users", "9.00", "us-east-1", CALCULATOR),
    ("S3, 4 TB", "B: {Type: AWS::S3::Bucket}", {"s3_gb": 4096, **NONE}, "", "94.21", "us-east-1", CALCULATOR),
    ("ECR, 10 GB", "R: {Type: AWS::ECR::Repository}", {"image_gb": 1, "images_kept": 10}, "", "1.00", "us-east-1", CALCULATOR),
    ("Secrets Manager", "S: {Type: AWS::SecretsManager::Secret}", {"secret_requests": 21_600}, "", "0.51", "us-east-1", CALCULATOR),
    ("Secrets Manager in Oregon", "\n".join(f"S{n}: {{Type: AWS::SecretsManager::Secret}}" for n in range(5)), {"secret_requests": 2_000}, "", "2.01", "us-west-2", CALCULATOR),
    ("SQS, 10,000 requests", "Q: {Type: AWS::SQS::Queue}", {"queue_requests": 10_000, "allowances_used": {"sqs_requests": 1_000_000}}, "", "0.004", "us-east-1", CALCULATOR),
    ("Lambda, example 1", "F: {Type: AWS::Lambda::Function, Properties: {MemorySize: 512}}", {"lambda_requests": 3_000_000, "lambda_ms": 1000}, "", "18.74", "us-east-1", "aws.amazon.com/lambda/pricing, example 1"),
    ("NAT gateway, a bill", "N: {Type: AWS::EC2::NatGateway, Properties: {ConnectivityType: private}}", {"to_apis_gb": "20167.32", "from_apis_gb": 0}, "NAT, other APIs", "907.53", "us-east-1", "geocod.io, the 1,000 dollar mistake: a day's bytes"),
    ("Fargate, Windows", "T: {Type: AWS::ECS::TaskDefinition, Properties: {Cpu: '1024', Memory: '2048', RuntimePlatform: {OperatingSystemFamily: WINDOWS_SERVER_2022_CORE}}}\nS: {Type: AWS::ECS::Service, Properties: {LaunchType: FARGATE, DesiredCount: 3, TaskDefinition: {Ref: T}}}", {}, "", "345.10", "us-east-1", "vantage.sh/blog/fargate-pricing"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("service", "text", "given", "of", "usd", "region", "where"), PUBLISHED, ids=[case[0] for case in PUBLISHED]
)
def test_a_published_amount_is_ours(service, text, given, of, usd, region, where):
    template = Template.parse({"Resources": yaml.safe_load(text)})
    made = bill.compute_template(template, region, books.load(region, "snapshot"), bills.usage(**given))
    amount = sum((line.monthly for line in made.lines if line.what.startswith(of)), D(0))
    digits = D(usd).as_tuple().exponent
    rounded = max(D(10) ** digits / 2 + D("0.0001"), amount / 2000)  # the pages round their unit prices, too
    assert abs(amount - D(usd)) <= rounded, f"{amount} and not {usd} ({where})"


def test_there_are_enough_and_of_different_services():
    assert len(PUBLISHED) >= 15
    assert len({case[0].split(",")[0].split(" ")[0] for case in PUBLISHED}) >= 12
