"""Bills computed by hand, to the cent, tiers at their edges included.

Each sum is written out as one would on paper; prices are those of the snapshot.
"""

import importlib.util
from datetime import date
from decimal import Decimal as D
from pathlib import Path

import pytest

from hermes_cfn.bill import show
from hermes_cfn.bill.compute import bill_of, charges
from hermes_cfn.bill.surroundings import of_template
from hermes_cfn.cfn.template import Template
from hermes_cfn.errors import HermesError
from hermes_cfn.pricing import books

_spec = importlib.util.spec_from_file_location("bills", Path(__file__).with_name("bills.py"))
bills = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(bills)
of, line, resource, usage, cents = bills.of, bills.line, bills.resource, bills.usage, bills.cents

SUBNETS = {
    f"Subnet{zone}": resource(
        "AWS::EC2::Subnet", VpcId="vpc", AvailabilityZone=f"us-east-1{zone}", CidrBlock="10.0.0.0/24"
    )
    for zone in "abc"
}
ALB = resource("AWS::ElasticLoadBalancingV2::LoadBalancer", Subnets=[{"Ref": name} for name in SUBNETS])
NAT = resource("AWS::EC2::NatGateway", SubnetId={"Ref": "Subneta"}, AllocationId="eipalloc-1")


def test_two_instances_with_disks_in_us_east_1():
    disk = {"DeviceName": "/dev/xvda", "Ebs": {"VolumeSize": 20, "VolumeType": "gp3"}}
    made = of(
        {
            "Template": resource(
                "AWS::EC2::LaunchTemplate",
                LaunchTemplateData={"InstanceType": "t4g.small", "BlockDeviceMappings": [disk]},
            ),
            "Group": resource(
                "AWS::AutoScaling::AutoScalingGroup",
                MinSize="2",
                MaxSize="3",
                LaunchTemplate={"LaunchTemplateId": {"Ref": "Template"}, "Version": "1"},
                VPCZoneIdentifier=[{"Ref": "Subneta"}],
            ),
            **SUBNETS,
        },
        given=usage(cpu_percent=10),
    )
    # 2 x 730 x 0.0168 = 24.528; 2 x 20 x 0.08 = 3.20; 10 % of CPU is under the baseline of 20 %
    assert made.total == D("24.528") + D("3.20")
    assert cents(made.total) == D("27.73")


def test_surplus_credits_above_the_baseline_of_unlimited_mode():
    made = of({"One": resource("AWS::EC2::Instance", InstanceType="t4g.small")}, given=usage(cpu_percent=35))
    # (35 - 20) % x 2 vCPU x 730 h = 219 vCPU-hours x 0.04 = 8.76
    assert line(made, "surplus").monthly == D("8.76")
    standard = resource("AWS::EC2::Instance", InstanceType="t4g.small", CreditSpecification={"CPUCredits": "standard"})
    assert not [one for one in of({"One": standard}).lines if one.what.startswith("surplus")]


def test_a_group_that_does_not_serve_has_a_figure_of_its_own():
    behind = resource("AWS::EC2::Instance", InstanceType="t4g.small", SubnetId={"Ref": "Subneta"})
    template = resource("AWS::EC2::LaunchTemplate", LaunchTemplateData={"InstanceType": "t4g.nano"})
    group = resource(
        "AWS::AutoScaling::AutoScalingGroup",
        MinSize="1",
        MaxSize="1",
        LaunchTemplate={"LaunchTemplateId": {"Ref": "Small"}, "Version": "1"},
        VPCZoneIdentifier=[{"Ref": "Subneta"}],
    )
    serving = {
        **behind,
        "Type": "AWS::AutoScaling::AutoScalingGroup",
        "Properties": {**group["Properties"], "TargetGroupARNs": ["x"]},
    }
    parts = {**SUBNETS, "Small": template, "Nat": group, "App": serving}
    alone = line(of(parts, given=usage(cpu_percent=90)), "surplus", "Nat")
    assert (alone.state, alone.note) == ("usage not given", "not given: cpu_percent of Nat")
    # (25 - 5) % x 2 vCPU x 730 h = 292 vCPU-hours x 0.04
    stated = line(of(parts, given=usage(cpu_percent=90, cpu_percent_of={"Nat": 25})), "surplus", "Nat")
    assert stated.monthly == D("11.68")


def test_gp3_beyond_what_is_included():
    volume = resource("AWS::EC2::Volume", Size=100, VolumeType="gp3", Iops=4000, Throughput=250, AvailabilityZone="a")
    # 100 x 0.08 + 1,000 x 0.005 + 125 MiB/s of 40.96 a GiB/s = 8 + 5 + 5
    assert of({"Disk": volume}).total == D(18)


def test_a_load_balancer_with_three_public_addresses():
    made = of({**SUBNETS, "Balancer": ALB})
    # 730 x 0.0225 + 3 x 730 x 0.005 = 16.425 + 10.95
    assert made.total == D("27.375")
    assert cents(made.total) == D("27.38")


def test_an_internal_load_balancer_has_no_address_and_no_transfer():
    inner = {**ALB, "Properties": {**ALB["Properties"], "Scheme": "internal"}}
    made = of({**SUBNETS, "Balancer": inner}, given=usage(to_users_gb=500, from_users_gb=0))
    assert not [one for one in made.lines if "address" in one.what or "transfer" in one.what]


def test_between_the_load_balancer_and_its_targets_zones_cost_nothing():
    between = line(of({**SUBNETS, "Balancer": ALB}), "between zones")
    assert (between.state, between.monthly) == ("free", 0)


@pytest.mark.parametrize(
    ("given", "hours"),
    [
        # 900,000 new connections / 90,000 = 10 LCU-hours
        ({"new_connections": 900_000}, "10"),
        # 300 active / 3,000 x 730 h = 73
        ({"active_connections": 300}, "73"),
        # 150 GB out and 50 GB in, 1 GB an hour = 200
        ({"to_users_gb": 150, "from_users_gb": 50}, "200"),
    ],
)
def test_each_dimension_of_an_lcu_and_the_largest_of_them(given, hours):
    small = dict.fromkeys(("new_connections", "active_connections", "to_users_gb", "from_users_gb", "requests"), 1)
    made = of({**SUBNETS, "Balancer": ALB}, given=usage(**{**small, **given}))
    assert round(line(made, "capacity").quantity, 15) == D(hours)


def test_rules_beyond_ten_count():
    listener = resource("AWS::ElasticLoadBalancingV2::Listener", LoadBalancerArn={"Ref": "Balancer"}, Port=443)
    rules = {
        f"Rule{n}": resource("AWS::ElasticLoadBalancingV2::ListenerRule", ListenerArn={"Ref": "Listener"}, Priority=n)
        for n in range(1, 15)
    }
    few = dict.fromkeys(("new_connections", "active_connections", "to_users_gb", "from_users_gb"), 0)
    made = of({**SUBNETS, "Balancer": ALB, "Listener": listener, **rules}, given=usage(requests=36_000_000, **few))
    # 14 rules and the default are 15, 5 beyond the free ten: 36 M x 5 / 3.6 M = 50 LCU-hours
    assert line(made, "capacity").quantity == 50


def test_one_nat_gateway_for_three_zones_and_an_external_database():
    made = of(
        {**SUBNETS, "Nat": NAT},
        given=usage(
            to_database_gb=10, from_database_gb=50, to_apis_gb=0, from_apis_gb=0, logs_gb=0, releases=0, image_gb=0
        ),
    )
    # hours 32.85; 60 GB x 0.045 = 2.70; two zones of three cross, both sides: 60 x 2/3 x 2 x 0.01 = 0.80
    assert line(made, "NAT gateway").monthly == D("32.85")
    assert line(made, "NAT, the external database").monthly == D("2.70")
    assert cents(line(made, "from other zones to the NAT gateway, the external database").monthly) == D("0.80")
    assert cents(made.total) == D("36.35")


def test_a_gateway_in_every_zone_has_no_traffic_between_zones():
    gateways = {f"Nat{n}": NAT for n in range(3)}
    made = of({**SUBNETS, **gateways}, given=usage(to_database_gb=30, from_database_gb=30))
    assert not [one for one in made.lines if one.what.startswith("from other zones")]
    assert cents(sum(one.monthly for one in made.lines if "database" in one.what)) == D("2.70")


@pytest.mark.parametrize(
    ("gigabytes", "usd"),
    [
        (100, "0"),
        (101, "0.09"),
        (10340, "921.60"),  # 100 free + 10,240 at 0.09
        (10341, "921.685"),  # the next at 0.085
        (51300, "4403.20"),  # + 40,960 at 0.085
    ],
)
def test_transfer_to_users_at_the_edges_of_allowance_and_tiers(gigabytes, usd):
    given = usage(to_users_gb=gigabytes, from_users_gb=0, new_connections=0, active_connections=0, requests=0)
    assert line(of({**SUBNETS, "Balancer": ALB}, given=given), "transfer to users").monthly == D(usd)


def test_an_allowance_counts_once_an_account_and_less_what_others_use():
    balancers = {**SUBNETS, "One": ALB, "Two": ALB}
    given = {"to_users_gb": 200, "from_users_gb": 0, "new_connections": 0, "active_connections": 0, "requests": 0}
    made = of(balancers, given=usage(**given))
    assert sum(one.monthly for one in made.lines if one.what == "transfer to users") == 9
    made = of(balancers, given=usage(**given, allowances_used={"internet_out_gb": 60}))
    assert sum(one.monthly for one in made.lines if one.what == "transfer to users") == D("14.4")


def test_twelve_alarms_of_which_ten_are_free():
    alarm = resource(
        "AWS::CloudWatch::Alarm", Period=60, EvaluationPeriods=1, ComparisonOperator="GreaterThanThreshold"
    )
    made = of({f"Alarm{n}": alarm for n in range(12)})
    assert made.total == D("0.20")


def test_s3_in_madrid_at_the_edge_of_its_first_tier():
    bucket = {"Bucket": resource("AWS::S3::Bucket")}
    given = {"s3_puts": 1_000_000, "s3_gets": 10_000_000}
    # 51,200 x 0.023 = 1,177.60; 1 M puts 5.30; 10 M gets 4.00
    assert of(bucket, "eu-south-2", usage(s3_gb=51_200, **given)).total == D("1186.90")
    # one more GB at 0.022
    assert of(bucket, "eu-south-2", usage(s3_gb=51_201, **given)).total == D("1186.922")


def test_logs_beyond_the_five_gigabytes_that_are_free():
    group = {"Group": resource("AWS::Logs::LogGroup")}
    # ingestion takes the allowance first: (8 - 5) x 0.50 + 2 x 0.03
    assert of(group, given=usage(logs_gb=8, logs_kept_gb=2)).total == D("1.56")


def test_flow_logs_have_a_price_of_their_own():
    group = resource("AWS::Logs::LogGroup", LogGroupName="flows")
    flow = resource("AWS::EC2::FlowLog", ResourceId="vpc", ResourceType="VPC", LogGroupName={"Ref": "Group"})
    made = of({"Group": group, "Flow": flow}, given=usage(flow_logs_gb=25, logs_kept_gb=0))
    assert line(made, "flow logs").usage_type == "USE1-VendedLog-Bytes"
    assert line(made, "flow logs").monthly == 10
    assert line(made, "ingestion").state == "free"


def test_fargate_tasks():
    made = of(
        {
            "Task": resource("AWS::ECS::TaskDefinition", Cpu="256", Memory="512"),
            "Service": resource(
                "AWS::ECS::Service", LaunchType="FARGATE", DesiredCount=2, TaskDefinition={"Ref": "Task"}
            ),
        }
    )
    # 2 x 730 x (0.25 x 0.04048 + 0.5 x 0.004445) = 14.7752 + 3.24485
    assert made.total == D("18.02005")


def test_a_function_with_its_allowances():
    function = resource("AWS::Lambda::Function", MemorySize=512, Architectures=["arm64"], Role="r", Code={})
    made = of({"Function": function}, given=usage(lambda_requests=3_000_000, lambda_ms=400))
    # 3 M - 1 M at 0.20; 3 M x 0.4 s x 0.5 GB = 600,000 - 400,000 GB-s x 0.0000133334
    assert made.total == D("0.4") + D("2.66668")


def test_a_provisioned_table():
    table = resource(
        "AWS::DynamoDB::Table", ProvisionedThroughput={"ReadCapacityUnits": 30, "WriteCapacityUnits": 20}, KeySchema=[]
    )
    made = of({"Table": table}, given=usage(dynamodb_gb=30))
    # (30 x 730 - 25 x 744) x 0.00013 = 0.429; 20 units are within the 25 that are free; (30 - 25) x 0.25 = 1.25
    assert made.total == D("1.679")


def test_a_trial_is_off_by_default_and_a_note_tells_of_it():
    one = {"One": resource("AWS::EC2::Instance", InstanceType="t4g.small")}
    made = of(one)
    assert line(made, "1 × t4g.small").monthly == D("12.264")
    assert any("2026-12-31" in note for note in made.notes)
    assert line(of(one, given=usage(trials=["t4g.small"])), "1 × t4g.small").monthly == 0


def test_cloudfront_inside_and_beyond_its_terabyte():
    site = {"Site": resource("AWS::CloudFront::Distribution", DistributionConfig={})}
    assert of(site, given=usage(assets_to_users_gb=1024, asset_requests=10_000_000)).total == 0
    # 1 GB at 0.085 and 1 M requests at 1.20 the million
    assert of(site, given=usage(assets_to_users_gb=1025, asset_requests=11_000_000)).total == D("1.285")


INSTANCE = resource("AWS::EC2::Instance", InstanceType="t4g.small")


@pytest.mark.parametrize(
    ("properties", "dollars"),
    [
        ({}, "3.65"),  # the default VPC's subnets give an address: 730 x 0.005
        ({"SubnetId": {"Ref": "Subneta"}}, "0"),
        ({"SubnetId": {"Ref": "Public"}}, "3.65"),
        ({"SubnetId": {"Ref": "Public"}, "NetworkInterfaces": [{"AssociatePublicIpAddress": False}]}, "0"),
        ({"NetworkInterfaces": [{"AssociatePublicIpAddress": "true", "SubnetId": {"Ref": "Subneta"}}]}, "3.65"),
    ],
)
def test_the_public_address_of_an_instance(properties, dollars):
    public = resource("AWS::EC2::Subnet", VpcId="vpc", AvailabilityZone="us-east-1a", MapPublicIpOnLaunch=True)
    one = {**INSTANCE, "Properties": {**INSTANCE["Properties"], **properties}}
    made = of({**SUBNETS, "Public": public, "One": one})
    assert sum(line.monthly for line in made.lines if "address" in line.what) == D(dollars)
    assert not [line for line in made.lines if "address" in line.what and line.state == "not priced"]


def test_an_address_that_nobody_can_know_is_said():
    made = of({"One": resource("AWS::EC2::Instance", InstanceType="t4g.small", SubnetId="subnet-1")})
    assert line(made, "public IPv4").note == "whether its subnet gives one is not known"


def test_an_instance_with_an_elastic_ip_pays_for_that_one_alone():
    made = of({"One": INSTANCE, "Address": resource("AWS::EC2::EIP", InstanceId={"Ref": "One"})})
    assert [one.logical_id for one in made.lines if "address" in one.what] == ["Address"]


def test_a_regional_nat_gateway_has_addresses_of_its_own_in_each_zone():
    regional = resource("AWS::EC2::NatGateway", VpcId="vpc", AvailabilityMode="regional")
    made = of({**SUBNETS, "Nat": regional})
    # 3 x 730 x 0.045 = 98.55 hours, 3 x 730 x 0.005 = 10.95 addresses
    assert (line(made, "regional NAT").monthly, line(made, "public IPv4").monthly) == (D("98.55"), D("10.95"))
    given = [{"AvailabilityZone": "us-east-1a", "AllocationIds": ["eipalloc-1"]}]
    made = of(
        {
            **SUBNETS,
            "Nat": resource(
                "AWS::EC2::NatGateway", VpcId="v", AvailabilityMode="regional", AvailabilityZoneAddresses=given
            ),
        }
    )
    assert not [one for one in made.lines if "address" in one.what]


def test_what_instances_send_to_the_database_and_to_apis_is_transfer_whatever_its_path():
    for path in ("nat", "ipv6", "direct"):
        made = of(
            {**SUBNETS, "Nat": NAT, "One": INSTANCE},
            given=usage(
                to_database_gb=130,
                from_database_gb=900,
                to_apis_gb=20,
                from_apis_gb=900,
                database_path=path,
                apis_path=path,
            ),
        )
        # 130 + 20 GB out, of which the account's first 100 are free: 50 x 0.09; what comes in is free of transfer
        assert sum(one.monthly for one in made.lines if one.what.startswith("transfer to")) == D("4.50")
        through = sum(one.monthly for one in made.lines if one.what.startswith("NAT, ") and one.quantity)
        # through the gateway both directions are processed: 1,950 x 0.045
        assert through == (D("87.75") if path == "nat" else 0)


def test_images_are_pulled_through_the_gateway_unless_s3_has_an_endpoint():
    group = {
        "Template": resource("AWS::EC2::LaunchTemplate", LaunchTemplateData={"InstanceType": "t4g.small"}),
        "Group": resource(
            "AWS::AutoScaling::AutoScalingGroup",
            MinSize="2",
            MaxSize="3",
            LaunchTemplate={"LaunchTemplateId": {"Ref": "Template"}, "Version": "1"},
            VPCZoneIdentifier=[{"Ref": "Subneta"}],
        ),
    }
    given = usage(releases=20, image_gb="0.5")
    made = of({**SUBNETS, **group, "Nat": NAT}, given=given)
    # 20 releases x 0.5 GB x 2 instances = 20 GB x 0.045
    assert line(made, "NAT, image pulls").monthly == D("0.90")
    s3 = resource("AWS::EC2::VPCEndpoint", VpcId="vpc", ServiceName="com.amazonaws.us-east-1.s3")
    made = of({**SUBNETS, **group, "Nat": NAT, "S3": s3}, given=given)
    assert line(made, "image pulls", "Nat").state == "free"


def test_logs_go_through_the_endpoint_that_takes_their_name():
    endpoint = resource(
        "AWS::EC2::VPCEndpoint",
        VpcId="vpc",
        VpcEndpointType="Interface",
        ServiceName="com.amazonaws.us-east-1.logs",
        PrivateDnsEnabled=True,
        SubnetIds=["a", "b"],
    )
    made = of({**SUBNETS, "Nat": NAT, "Logs": endpoint}, given=usage(logs_gb=40))
    # two zones 2 x 730 x 0.01 = 14.60, 40 GB x 0.01
    assert (line(made, "endpoint in 2").monthly, line(made, "endpoint traffic").monthly) == (D("14.60"), D("0.40"))
    assert not [one for one in made.lines if "CloudWatch Logs" in one.what]


def test_flow_logs_to_a_bucket_are_vended_too_at_a_price_of_their_own():
    flow = resource(
        "AWS::EC2::FlowLog",
        ResourceId="vpc",
        ResourceType="VPC",
        LogDestinationType="s3",
        LogDestination="arn:aws:s3:::x",
    )
    assert line(of({"Flow": flow}, given=usage(flow_logs_gb=10)), "flow logs").usage_type.endswith("S3-Egress-Bytes")


@pytest.mark.parametrize(("tier", "dollars"), [("FREE", 0), ("PRO", 15), ("BUSINESS", 200), ("PREMIUM", 1000)])
def test_a_flat_rate_plan_covers_its_distribution_its_web_acl_and_its_zone(tier, dollars):
    site = resource("AWS::CloudFront::Distribution", DistributionConfig={})
    acl = resource("AWS::WAFv2::WebACL", Scope="CLOUDFRONT", Rules=[])
    zone = resource("AWS::Route53::HostedZone", Name="example.org")
    arns = [
        {"Fn::Sub": "arn:aws:cloudfront::${AWS::AccountId}:distribution/${Site}"},
        {"Fn::GetAtt": ["Acl", "Arn"]},
        {"Fn::Sub": "arn:aws:route53:::hostedzone/${Zone}"},
    ]
    plan = resource("AWS::PricingPlanManager::Subscription", PlanFamily="CloudFront", PlanTier=tier, ResourceArns=arns)
    used = {"assets_to_users_gb": 5000, "asset_requests": 10**8, "dns_queries": 10**8}
    made = of({"Site": site, "Acl": acl, "Zone": zone, "Plan": plan}, given=usage(**used))
    assert made.total == dollars
    assert {one.state for one in made.lines if one.logical_id != "Plan"} == {"free"}
    stated = of({"Site": site, "Acl": acl, "Zone": zone}, given=usage(cloudfront_plan=tier.lower(), **used))
    assert stated.total == dollars
    other = of({"Site": site, "Plan": {**plan, "Properties": {**plan["Properties"], "UsageLevel": "TWICE"}}})
    assert line(other, "flat-rate").state == "not priced"


def test_rds_classes_cost_by_their_engine_and_a_public_one_has_an_address():
    database = {"DBInstanceClass": "db.t3.medium", "AllocatedStorage": "100", "StorageType": "gp3"}
    mysql = of({"Data": resource("AWS::RDS::DBInstance", Engine="mysql", **database)})
    # 730 x 0.068 + 100 x 0.115 = 49.64 + 11.50
    assert mysql.total == D("61.14")
    postgres = of({"Data": resource("AWS::RDS::DBInstance", Engine="postgres", PubliclyAccessible=True, **database)})
    # 730 x 0.072 + 11.50 + 3.65
    assert postgres.total == D("67.71")


def test_an_aurora_cluster():
    cluster = resource(
        "AWS::RDS::DBCluster",
        Engine="aurora-postgresql",
        ServerlessV2ScalingConfiguration={"MinCapacity": 0.5, "MaxCapacity": 4},
    )
    member = resource(
        "AWS::RDS::DBInstance",
        DBInstanceClass="db.serverless",
        Engine="aurora-postgresql",
        DBClusterIdentifier={"Ref": "Cluster"},
    )
    made = of({"Cluster": cluster, "Member": member}, given=usage(aurora_gb=20, aurora_ios=10_000_000))
    # 730 x 0.5 x 0.12 = 43.80; 20 x 0.10 = 2; 10 M x 0.20 = 2
    assert made.total == D("47.80")


def test_cache_nodes_cost_by_their_engine():
    group = {"CacheNodeType": "cache.t4g.small", "NumNodeGroups": 2, "ReplicasPerNodeGroup": 1}
    made = of({"Cache": resource("AWS::ElastiCache::ReplicationGroup", **group)})
    # 4 nodes x 730 x 0.032
    assert (made.total, line(made, "4 ×").operation) == (D("93.44"), "CreateCacheCluster:0002")
    valkey = of({"Cache": resource("AWS::ElastiCache::ReplicationGroup", Engine="valkey", **group)})
    # nodes of Valkey cost 20 % less
    assert (line(valkey, "4 ×").basis, valkey.total) == ("inferred", D("93.44") * D("0.8"))


def test_fargate_on_arm_with_public_addresses_and_sizes_with_units():
    task = resource(
        "AWS::ECS::TaskDefinition", Cpu=".5 vCPU", Memory="1 GB", RuntimePlatform={"CpuArchitecture": "ARM64"}
    )
    service = resource(
        "AWS::ECS::Service",
        LaunchType="FARGATE",
        DesiredCount=2,
        TaskDefinition={"Ref": "Task"},
        NetworkConfiguration={"AwsvpcConfiguration": {"AssignPublicIp": "ENABLED"}},
    )
    # 2 x 730 x (0.5 x 0.03238 + 0.00356) = 28.835; 2 x 730 x 0.005 = 7.30
    assert of({"Task": task, "Service": service}).total == D("28.835") + D("7.30")
    spot = {**service["Properties"], "CapacityProviderStrategy": [{"CapacityProvider": "FARGATE_SPOT", "Weight": 1}]}
    del spot["LaunchType"]
    made = of({"Task": task, "Service": {"Type": "AWS::ECS::Service", "Properties": spot}})
    assert line(made, "2 spot tasks").state == "not priced"


def test_queues_topics_keys_and_secrets():
    made = of(
        {
            "Jobs": resource("AWS::SQS::Queue"),
            "Topic": resource("AWS::SNS::Topic"),
            "Key": resource("AWS::KMS::Key", KeyPolicy={}),
            "Secret": resource("AWS::SecretsManager::Secret"),
        },
        given=usage(queue_requests=3_000_000, topic_publishes=3_000_000, kms_requests=30_000, secret_requests=100_000),
    )
    assert {
        one.logical_id: sum(x.monthly for x in made.lines if x.logical_id == one.logical_id) for one in made.lines
    } == {
        "Jobs": D("0.8"),  # 3 M - 1 M at 0.40 the million
        "Topic": D("1"),  # 3 M - 1 M at 0.50
        "Key": D("1.03"),  # the key, and 10,000 requests at 0.03 for as many
        "Secret": D("0.9"),  # the secret, and 100,000 calls at 0.05 for 10,000
    }


def test_a_network_load_balancer_by_its_largest_dimension():
    balancer = resource(
        "AWS::ElasticLoadBalancingV2::LoadBalancer", Type="network", Scheme="internal", Subnets=["a", "b"]
    )
    made = of({"Balancer": balancer}, given=usage(nlb_gb=100, new_connections=10, active_connections=500_000))
    # 500,000 / 100,000 x 730 = 3,650 NLCU-hours x 0.006, and 730 x 0.0225
    assert made.total == D("21.9") + D("16.425")


def test_an_anomaly_band_counts_as_two_metrics_more():
    band = resource(
        "AWS::CloudWatch::Alarm",
        ThresholdMetricId="band",
        Metrics=[{"Id": "m", "MetricStat": {}}, {"Id": "band", "Expression": "x"}],
    )
    assert line(of({"Alarm": band}), "alarm").quantity == 3


def test_one_unit_more_and_all_on_average_through_allowance_and_tiers():
    def out(gigabytes):
        rest = dict.fromkeys(("from_users_gb", "new_connections", "active_connections", "requests"), 0)
        return line(of({**SUBNETS, "Balancer": ALB}, given=usage(to_users_gb=gigabytes, **rest)), "transfer to users")

    assert (out(50).marginal, out(50).blended) == (0, 0)
    assert (out(100).marginal, out(200).marginal, out(200).blended) == (D("0.09"), D("0.09"), D("0.045"))
    # 100 free, 10,240 at 0.09, 660 at 0.085: 977.70 for 11,000
    assert (out(11_000).marginal, out(11_000).blended) == (D("0.085"), D("977.70") / 11_000)


def test_a_trial_ends_on_its_day_and_so_does_what_is_said_of_it():
    one = Template.parse({"Resources": {"One": INSTANCE}})
    taken = usage(trials=["t4g.small"])
    for day, dollars in ((date(2026, 12, 31), "0"), (date(2027, 1, 1), "12.264")):
        around = of_template(one, "us-east-1", taken)
        made = bill_of(charges(around, books.snapshot()), books.snapshot(), taken, day)
        assert line(made, "1 × t4g.small").monthly == D(dollars)
        assert any("t4g.small" in note for note in made.notes) == (day.year == 2026)


def test_credits_are_told_with_their_end_and_never_taken_off():
    with_credits = usage(credits={"usd": 100, "until": "2027-05-31"})
    made = of({"Nat": NAT}, given=with_credits)
    assert made.total == D("32.85")
    (note,) = [note for note in made.notes if note.startswith("credits of")]
    assert (
        note
        == "credits of $100.00 that end on 2027-05-31 pay 3.0 months of this bill; they are not taken off the total"
    )
    assert not [note for note in of({"Nat": NAT}).notes if note.startswith("credits of")]


def test_an_allowance_that_aws_does_not_give_is_refused():
    with pytest.raises(HermesError) as caught:
        of({"Nat": NAT}, given=usage(allowances_used={"internet_gb": 5}))
    finding = caught.value.findings[0]
    assert (finding.code, finding.where) == ("usage-invalid", "usage.allowances_used.internet_gb")
    assert "internet_out_gb" in str(finding.next)


def test_every_step_of_inference_is_named_with_its_spread():
    notes = of({"Nat": NAT}, "eu-south-2").notes
    assert not [note for note in notes if note.startswith("inferred: ")]
    balancer = resource("AWS::ElasticLoadBalancingV2::LoadBalancer", Scheme="internal", Subnets=["a", "b"])
    steps = [note for note in of({"Balancer": balancer}, "eu-south-2").notes if note.startswith("inferred: ")]
    assert len(steps) == 2
    assert all(step.startswith("inferred: eu-south-2 ← eu-west-1 (") for step in steps)
    assert not [note for note in of({"Nat": NAT}).notes if note.startswith("inferred: ")]


def test_coverage_by_count_and_by_dollars():
    made = of(
        {
            "Nat": NAT,
            "Bucket": resource("AWS::S3::Bucket"),
            "Acl": resource("AWS::WAFv2::WebACL", Scope="REGIONAL", Rules=[]),
            "Odd": resource("AWS::QuantumLedger::Fridge"),
        }
    )
    cover = made.coverage
    assert (cover.resources, cover.priced, cover.not_given, cover.free, cover.not_priced) == (4, 0, 3, 0, 1)
    assert sum(cover.by_basis.values()) == D("37.85")
    cells = {row[2] for row in show.rows(made)}
    assert {
        "NAT gateway",
        "NAT, CloudWatch Logs (not given: logs_gb)",
        "resource (no type of AWS's registry: nothing is known of what it costs)",
    } <= cells
    assert show.summary(made)[:2] == [
        "coverage by count: 4 resources: 0 priced, 3 with usage not given, 0 free, 1 with something not priced",
        f"{show.summary(made)[1].partition('; ')[0]}; {cover.lines_not_given} lines wait for usage "
        "and 1 line has no price, with dollars that are in no total",
    ]
