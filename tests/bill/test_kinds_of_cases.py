"""Cases by kind, each computed by hand, and each once more with its resources turned round, as JSON, and by parameters."""

import json

import pytest
import yaml

from hermes_cfn import bill
from hermes_cfn.bill import State
from hermes_cfn.cfn.template import Template
from hermes_cfn.config.usage import DRIVERS, Usage
from hermes_cfn.pricing import books


def usage(**given):
    """Only what is given; nothing else."""
    return Usage.model_validate({**dict.fromkeys(DRIVERS), **given})


M = 730
"""Hours of a month."""

DB = "Type: AWS::RDS::DBInstance, Properties: {Engine: mysql, DBInstanceClass: db.t3.large"
CACHE = "Type: AWS::ElastiCache::ReplicationGroup, Properties: {CacheNodeType: cache.m6g.large, Engine: redis"
TASK = "T: {Type: AWS::ECS::TaskDefinition, Properties: {Cpu: '1024', Memory: '2048', Family: web"
DISK = (
    "BlockDeviceMappings: [{DeviceName: /dev/xvda, Ebs: {VolumeSize: 10, VolumeType: gp3}}], "
    "NetworkInterfaces: [{AssociatePublicIpAddress: false}]"
)
GROUP = "G: {Type: AWS::AutoScaling::AutoScalingGroup, Properties: {MinSize: 4, MaxSize: 4"
LT = f"L: {{Type: AWS::EC2::LaunchTemplate, Properties: {{LaunchTemplateName: x, LaunchTemplateData: {{InstanceType: m5.large, {DISK}}}}}}}"
SPREAD = "MixedInstancesPolicy: {LaunchTemplate: {LaunchTemplateSpecification: {LaunchTemplateId: !Ref L, Version: 1}"
LB = "Type: AWS::ElasticLoadBalancingV2::LoadBalancer, Properties: {Subnets: [a, b]"
WINDOWS = "/aws/service/ami-windows-latest/Windows_Server-2022-English-Full-Base"

# (kind, resources, usage, USD a month by hand)
CASES = [
    # a property that costs
    ("io2 tiers", "V: {Type: AWS::EC2::Volume, Properties: {VolumeType: io2, Size: 1000, Iops: 64000}}", {}, 125 + 32000 * 0.065 + 32000 * 0.0455),
    ("io2 third tier", "V: {Type: AWS::EC2::Volume, Properties: {VolumeType: io2, Size: 100, Iops: 70000}}", {}, 12.5 + 32000 * 0.0655 - 16 + 32000 * 0.0455 + 6000 * 0.03185),
    ("gp3 volume", "V: {Type: AWS::EC2::Volume, Properties: {VolumeType: gp3, Size: 500, Iops: 16000, Throughput: 1000}}", {}, 40 + 13000 * 0.005 + 875 / 1024 * 40.96),
    ("database gp3", f"D: {{{DB}, StorageType: gp3, AllocatedStorage: '500', Iops: 20000, StorageThroughput: 1000}}}}", {}, 0.136 * M + 57.5 + 8000 * 0.02 + 500 * 0.08),
    ("database gp3, small", f"D: {{{DB}, StorageType: gp3, AllocatedStorage: '100', Iops: 4000}}}}", {}, 0.136 * M + 11.5 + 1000 * 0.02),
    ("database io1 by its IOPS", f"D: {{{DB}, AllocatedStorage: '100', Iops: 3000}}}}", {}, 0.136 * M + 12.5 + 300),
    ("function storage", "F: {Type: AWS::Lambda::Function, Properties: {MemorySize: 1024, EphemeralStorage: {Size: 10240}}}", {"lambda_requests": 10_000_000, "lambda_ms": 1000}, 9 * 0.2 + 9_600_000 * 0.0000166667 + 9.5e7 * 0.0000000309),
    ("certificate of its own", "C: {Type: AWS::CloudFront::Distribution, Properties: {DistributionConfig: {ViewerCertificate: {SslSupportMethod: vip}}}}", {"assets_to_users_gb": 0, "asset_requests": 0}, 600),
    ("bot control", "W: {Type: AWS::WAFv2::WebACL, Properties: {Scope: REGIONAL, Rules: [{Statement: {ManagedRuleGroupStatement: {VendorName: AWS, Name: AWSManagedRulesBotControlRuleSet}}}]}}", {"requests": 20_000_000}, 5 + 1 + 12 + 10 + 10),
    ("no IPv4", f"A: {{{LB}, IpAddressType: dualstack-without-public-ipv4}}}}", {"new_connections": 0, "active_connections": 0, "to_users_gb": 0, "from_users_gb": 0, "requests": 0}, 0.0225 * M),
    ("copies of a secret", "S: {Type: AWS::SecretsManager::Secret, Properties: {ReplicaRegions: [{Region: us-east-2}, {Region: us-west-2}]}}", {"secret_requests": 0}, 1.2),
    ("health check options", "H: {Type: AWS::Route53::HealthCheck, Properties: {HealthCheckConfig: {Type: HTTPS_STR_MATCH, FullyQualifiedDomainName: x.cloudfront.net, RequestInterval: 10}}}", {}, 3),
    ("cache of a deployment", "D: {Type: AWS::ApiGateway::Deployment, Properties: {RestApiId: x, StageDescription: {CacheClusterEnabled: true, CacheClusterSize: '6.1'}}}", {}, 0.2 * M),
    ("index", "T: {Type: AWS::DynamoDB::Table, Properties: {ProvisionedThroughput: {ReadCapacityUnits: 100, WriteCapacityUnits: 100}, GlobalSecondaryIndexes: [{IndexName: i, ProvisionedThroughput: {ReadCapacityUnits: 100, WriteCapacityUnits: 100}}]}}", {"dynamodb_gb": 0}, (200 * M - 18600) * (0.00013 + 0.00065)),
    # counts
    ("node groups", f"R: {{{CACHE}, NodeGroupConfiguration: [{{ReplicaCount: 2}}, {{ReplicaCount: 2}}, {{ReplicaCount: 1}}]}}}}", {}, 8 * 0.149 * M),
    ("replicas alone", f"R: {{{CACHE}, ReplicasPerNodeGroup: 2}}}}", {}, 3 * 0.149 * M),
    ("cache clusters", f"R: {{{CACHE}, NumCacheClusters: 2}}}}", {}, 2 * 0.149 * M),
    ("node groups with one number of replicas", f"R: {{{CACHE}, ReplicasPerNodeGroup: 1, NodeGroupConfiguration: [{{Slots: 0-1}}, {{ReplicaCount: 0}}]}}}}", {}, 3 * 0.149 * M),
    ("two serverless instances", "C: {Type: AWS::RDS::DBCluster, Properties: {Engine: aurora-mysql, ServerlessV2ScalingConfiguration: {MinCapacity: 2, MaxCapacity: 8}}}\nI: &i {Type: AWS::RDS::DBInstance, Properties: {DBClusterIdentifier: !Ref C, DBInstanceClass: db.serverless, Engine: aurora-mysql}}\nJ: {Type: AWS::RDS::DBInstance, Properties: {DBClusterIdentifier: !Ref C, DBInstanceClass: db.serverless, Engine: aurora-mysql}}", {"aurora_gb": 0, "aurora_ios": 0}, 2 * 2 * M * 0.12),
    ("override", f"{LT}\n{GROUP}, {SPREAD}, Overrides: [{{InstanceType: m5.2xlarge}}, {{InstanceType: m5.large}}]}}}}}}}}", {}, 4 * 0.384 * M + 4 * 0.8),
    ("weights", f"{LT}\n{GROUP}, {SPREAD}, Overrides: [{{InstanceType: m5.xlarge, WeightedCapacity: '2'}}]}}}}}}}}", {}, 2 * 0.192 * M + 2 * 0.8),
    ("shards", "K: {Type: AWS::Kinesis::Stream, Properties: {ShardCount: 4, RetentionPeriodHours: 48}}", {"stream_put_units": 0}, 4 * M * (0.015 + 0.02)),
    # purchase options
    ("half spot", f"{LT}\n{GROUP}, {SPREAD}}}, InstancesDistribution: {{OnDemandPercentageAboveBaseCapacity: 50}}}}}}}}", {}, 2 * 0.096 * M + 4 * 0.8),
    ("all spot but a base", f"{LT}\n{GROUP}, {SPREAD}}}, InstancesDistribution: {{OnDemandBaseCapacity: 1, OnDemandPercentageAboveBaseCapacity: 0}}}}}}}}", {}, 0.096 * M + 4 * 0.8),
    ("bid", f"C: {{Type: AWS::AutoScaling::LaunchConfiguration, Properties: {{InstanceType: m5.large, InstanceMonitoring: false, SpotPrice: '0.05', {DISK}}}}}\n{GROUP}, LaunchConfigurationName: !Ref C}}}}", {}, 4 * 0.8),
    ("launch template by its name", f"{LT}\n{GROUP}, LaunchTemplate: {{LaunchTemplateName: x, Version: 1}}}}}}", {}, 4 * 0.096 * M + 4 * 0.8),
    # platforms
    ("Windows", f"I: {{Type: AWS::EC2::Instance, Properties: {{InstanceType: m5.large, ImageId: 'resolve:ssm:{WINDOWS}', {DISK}}}}}", {}, 0.188 * M + 0.8),
    ("Windows, larger", f"I: {{Type: AWS::EC2::Instance, Properties: {{InstanceType: m5.2xlarge, ImageId: '{{{{resolve:ssm:{WINDOWS}}}}}', {DISK}}}}}", {}, (0.384 + 8 * 0.046) * M + 0.8),
    ("Windows, burstable", f"I: {{Type: AWS::EC2::Instance, Properties: {{InstanceType: t3.medium, ImageId: 'resolve:ssm:{WINDOWS}', {DISK}}}}}", {"cpu_percent": 10}, 0.06 * M + 0.8),
    ("Windows on Fargate", f"{TASK}, RuntimePlatform: {{OperatingSystemFamily: WINDOWS_SERVER_2022_CORE}}}}}}\nS: {{Type: AWS::ECS::Service, Properties: {{LaunchType: FARGATE, DesiredCount: 3, TaskDefinition: !Ref T}}}}", {}, 3 * M * (0.09148 + 2 * 0.01005 + 0.046)),
    # inherited
    ("cluster's default", f"{TASK}}}}}\nC: {{Type: AWS::ECS::Cluster, Properties: {{DefaultCapacityProviderStrategy: [{{CapacityProvider: FARGATE, Weight: 1}}]}}}}\nS: {{Type: AWS::ECS::Service, Properties: {{Cluster: !Ref C, DesiredCount: 3, TaskDefinition: !Ref T}}}}", {}, 3 * M * (0.04048 + 2 * 0.004445)),
    ("associated providers", f"{TASK}}}}}\nC: {{Type: AWS::ECS::Cluster}}\nA: {{Type: AWS::ECS::ClusterCapacityProviderAssociations, Properties: {{Cluster: !Ref C, CapacityProviders: [FARGATE], DefaultCapacityProviderStrategy: [{{CapacityProvider: FARGATE}}]}}}}\nS: {{Type: AWS::ECS::Service, Properties: {{Cluster: !Ref C, TaskDefinition: web}}}}", {}, M * (0.04048 + 2 * 0.004445)),
    ("base and weights", f"{TASK}}}}}\nS: {{Type: AWS::ECS::Service, Properties: {{DesiredCount: 5, TaskDefinition: !Ref T, CapacityProviderStrategy: [{{CapacityProvider: FARGATE, Base: 1, Weight: 1}}, {{CapacityProvider: FARGATE_SPOT, Weight: 3}}]}}}}", {}, 2 * M * (0.04048 + 2 * 0.004445)),
    ("dedicated network", f"N: {{Type: AWS::EC2::VPC, Properties: {{InstanceTenancy: dedicated}}}}\nS: {{Type: AWS::EC2::Subnet, Properties: {{VpcId: !Ref N, MapPublicIpOnLaunch: false}}}}\nI: {{Type: AWS::EC2::Instance, Properties: {{InstanceType: m5.large, SubnetId: !Ref S, {DISK}}}}}", {}, 0.102 * M + 2 * M + 0.8),
    ("two dedicated, one fee", f"I: {{Type: AWS::EC2::Instance, Properties: {{InstanceType: m5.large, Tenancy: dedicated, {DISK}}}}}\nJ: {{Type: AWS::EC2::Instance, Properties: {{InstanceType: m5.large, Tenancy: dedicated, {DISK}}}}}", {}, 2 * 0.102 * M + 2 * M + 1.6),
    ("I/O-optimised", "C: {Type: AWS::RDS::DBCluster, Properties: {Engine: aurora-postgresql, StorageType: aurora-iopt1, ServerlessV2ScalingConfiguration: {MinCapacity: 2}}}\nI: {Type: AWS::RDS::DBInstance, Properties: {DBClusterIdentifier: !Ref C, DBInstanceClass: db.serverless}}", {"aurora_gb": 100, "aurora_ios": 0}, 2 * M * 0.156 + 22.5),
    # what a resource makes by itself
    ("alarms of a group", "P: {Type: AWS::AutoScaling::ScalingPolicy, Properties: {PolicyType: TargetTrackingScaling, TargetTrackingConfiguration: {TargetValue: 1}}}", {"allowances_used": {"alarms": 10}}, 0.2),
    ("alarms of a table", "P: {Type: AWS::ApplicationAutoScaling::ScalingPolicy, Properties: {PolicyType: TargetTrackingScaling, ServiceNamespace: dynamodb}}", {"allowances_used": {"alarms": 10}}, 0.4),
    ("steps make none", "P: {Type: AWS::ApplicationAutoScaling::ScalingPolicy, Properties: {PolicyType: StepScaling, ServiceNamespace: ecs}}", {"allowances_used": {"alarms": 10}}, 0),
    # tiers
    ("zones", "\n".join(f"Z{n}: {{Type: AWS::Route53::HostedZone, Properties: {{Name: z{n}.example}}}}" for n in range(30)), {"dns_queries": 0}, 25 * 0.5 + 5 * 0.1),
    ("buckets", "B: {Type: AWS::S3::Bucket}", {"s3_gb": 100_000, "s3_puts": 0, "s3_gets": 0}, 51200 * 0.023 + 48800 * 0.022),
    ("transitions", "S: {Type: AWS::StepFunctions::StateMachine, Properties: {RoleArn: r}}", {"state_transitions": 5_000}, 1_000 * 0.000025),
    # what costs nothing, by a property
    ("own addresses", "E: {Type: AWS::EC2::EIP, Properties: {PublicIpv4Pool: ipv4pool-ec2-1}}", {}, 0),
    ("small parameter", "P: {Type: AWS::SSM::Parameter, Properties: {Type: String, Value: a, Tier: Intelligent-Tiering}}", {}, 0),
    ("large parameter", f"P: {{Type: AWS::SSM::Parameter, Properties: {{Type: String, Value: {'a' * 4097}, Tier: Intelligent-Tiering}}}}", {}, 0.05),
    # topics
    ("topic in order", "T: {Type: AWS::SNS::Topic, Properties: {FifoTopic: true}}", {"topic_publishes": 100_000_000, "topic_gb": 100}, 30 + 1.7),
    ("topic to Firehose", "T: {Type: AWS::SNS::Topic}\nS: {Type: AWS::SNS::Subscription, Properties: {TopicArn: !Ref T, Protocol: firehose}}", {"topic_publishes": 100_000_000}, 49.5 + 19),
    ("topic to HTTPS", "T: {Type: AWS::SNS::Topic, Properties: {Subscription: [{Protocol: https, Endpoint: x}]}}", {"topic_publishes": 1_100_000}, 0.05 + 0.6),
    # by the hour
    ("brokers", "B: {Type: AWS::AmazonMQ::Broker, Properties: {EngineType: RABBITMQ, DeploymentMode: CLUSTER_MULTI_AZ, HostInstanceType: mq.m5.xlarge}}", {"broker_gb": 10}, 3 * 0.576 * M + 3),
    ("Kafka", "K: {Type: AWS::MSK::Cluster, Properties: {NumberOfBrokerNodes: 3, BrokerNodeGroupInfo: {InstanceType: kafka.t3.small, StorageInfo: {EBSStorageInfo: {VolumeSize: 100}}}}}", {}, 3 * 0.0456 * M + 30),
    ("Kubernetes", "C: {Type: AWS::EKS::Cluster, Properties: {Version: '1.35'}}\nN: {Type: AWS::EKS::Nodegroup, Properties: {ClusterName: !Ref C, InstanceTypes: [m5.large], ScalingConfig: {DesiredSize: 2}}}", {}, 0.1 * M + 2 * 0.096 * M + 2 * 20 * 0.08),
    ("directory", "D: {Type: AWS::DirectoryService::MicrosoftAD, Properties: {Edition: Standard}}", {}, 87.6),
    ("firewall", "F: {Type: AWS::NetworkFirewall::Firewall, Properties: {SubnetMappings: [{SubnetId: a}, {SubnetId: b}]}}", {"firewall_gb": 100}, 2 * 0.395 * M + 6.5),
    ("containers kept ready", "A: {Type: AWS::AppRunner::Service, Properties: {InstanceConfiguration: {Cpu: 1 vCPU, Memory: 2 GB}, SourceConfiguration: {ImageRepository: {ImageRepositoryType: ECR}}}}", {"apprunner_hours": 100}, 2 * 0.007 * M + 100 * 0.064),
    ("three containers kept ready", "S: {Type: AWS::AppRunner::AutoScalingConfiguration, Properties: {MinSize: 3}}\nA: {Type: AWS::AppRunner::Service, Properties: {AutoScalingConfigurationArn: !Ref S, InstanceConfiguration: {Cpu: '256', Memory: '512'}, SourceConfiguration: {ImageRepository: {ImageRepositoryType: ECR}}}}", {"apprunner_hours": 0}, 3 * 0.5 * 0.007 * M),
    ("notebook", "N: {Type: AWS::SageMaker::NotebookInstance, Properties: {InstanceType: ml.t3.medium}}", {}, 0.05 * M),
    ("model", "C: {Type: AWS::SageMaker::EndpointConfig, Properties: {ProductionVariants: [{InstanceType: ml.m5.large, InitialInstanceCount: 2}, {ServerlessConfig: {MaxConcurrency: 5, MemorySizeInMB: 1024}}]}}\nE: {Type: AWS::SageMaker::Endpoint, Properties: {EndpointConfigName: !Ref C}}", {}, 2 * 0.115 * M),
    ("proxy of a small database", f"D: {{{DB}, AllocatedStorage: '100'}}}}\nP: {{Type: AWS::RDS::DBProxy, Properties: {{EngineFamily: MYSQL}}}}\nT: {{Type: AWS::RDS::DBProxyTargetGroup, Properties: {{DBProxyName: !Ref P, DBInstanceIdentifiers: [!Ref D]}}}}", {}, 0.136 * M + 11.5 + 2 * 0.015 * M),
    ("accelerator", "D: {Type: AWS::DAX::Cluster, Properties: {NodeType: dax.t3.small, ReplicationFactor: 3}}", {}, 3 * 0.04 * M),
    ("classic firewall", "R: {Type: AWS::WAF::Rule}\nW: {Type: AWS::WAF::WebACL, Properties: {Rules: [{RuleId: !Ref R}, {RuleId: x}]}}", {"requests": 1_000_000}, 5 + 2 + 0.6),
    ("consumer of its own", "K: {Type: AWS::Kinesis::Stream, Properties: {ShardCount: 4}}\nC: {Type: AWS::Kinesis::StreamConsumer, Properties: {StreamARN: !Ref K}}", {"stream_put_units": 0, "fanout_gb": 10}, 4 * 2 * 0.015 * M + 0.13),
    ("files", "F: {Type: AWS::EFS::FileSystem, Properties: {ThroughputMode: provisioned, ProvisionedThroughputInMibps: 10}}", {"efs_gb": 100}, 30 + (10 - 5) * 6),
]  # fmt: skip


class Loader(yaml.SafeLoader):
    """YAML with the short forms that the cases use."""


Loader.add_constructor("!Ref", lambda loader, node: {"Ref": loader.construct_scalar(node)})


def resources(text):
    return yaml.load(text, Loader)


def by_parameters(made):
    """Every scalar of every property as a parameter with that value as its default."""
    parameters = {}

    def walk(value):
        if isinstance(value, dict):
            return value if set(value) == {"Ref"} else {name: walk(inner) for name, inner in value.items()}
        if isinstance(value, list):
            return [walk(inner) for inner in value]
        if isinstance(value, str) and value.startswith(("{{resolve", "resolve:")):
            return value
        name = f"P{len(parameters)}"
        text = str(value).lower() if isinstance(value, bool) else str(value)
        parameters[name] = {"Type": "String", "Default": text}
        return {"Ref": name}

    turned = {name: {**one, "Properties": walk(one.get("Properties", {}))} for name, one in made.items()}
    return {"Parameters": parameters, "Resources": turned} if parameters else {"Resources": turned}


FORMS = {
    "as it is": lambda made: {"Resources": made},
    "turned round": lambda made: {"Resources": dict(reversed(made.items()))},
    "as JSON": lambda made: json.dumps({"Resources": made}),
    "by parameters": by_parameters,
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(("kind", "text", "given", "usd"), CASES, ids=[case[0] for case in CASES])
def test_the_bill_is_what_one_computes_by_hand(kind, text, given, usd, form):
    template = Template.parse(FORMS[form](resources(text)))
    made = bill.compute_template(template, "us-east-1", books.snapshot(), usage(**given))
    assert made.total == made.total_high
    assert float(made.total) == pytest.approx(usd, abs=0.006)


DRIVEN = {
    "AWS::S3::Bucket": "s3_gb",
    "AWS::EFS::FileSystem": "efs_gb",
    "AWS::KMS::Key": "kms_requests",
    "AWS::SQS::Queue": "queue_requests",
    "AWS::Lambda::Function": "lambda_requests",
    "AWS::SNS::Topic": "topic_publishes",
    "AWS::Logs::LogGroup": "logs_gb",
    "AWS::ApiGateway::RestApi": "api_requests",
    "AWS::ECR::Repository": "images_gb",
    "AWS::Route53::HostedZone": "dns_queries",
    "AWS::CloudFront::Distribution": "asset_requests",
    "AWS::WAFv2::WebACL": "requests",
    "AWS::StepFunctions::StateMachine": "state_transitions",
    "AWS::SecretsManager::Secret": "secret_requests",
    "AWS::DocDB::DBCluster": "docdb_gb",
    "AWS::Events::EventBus": "bus_events",
    "AWS::EC2::Volume": "ebs_snapshot_gb",
}
SHARED = {type_: driver for type_, driver in DRIVEN.items() if driver != "images_gb"}


@pytest.mark.parametrize(("type_", "driver"), SHARED.items())
@pytest.mark.parametrize("count", [1, 2, 7])
def test_what_is_shared_adds_up_to_the_figure_that_was_given(type_, driver, count):
    from hermes_cfn.bill import surroundings
    from hermes_cfn.bill.compute import charges

    properties = {"VolumeType": "gp3", "Size": 10} if type_.endswith("Volume") else {}
    body = {f"R{n}": {"Type": type_, "Properties": properties} for n in range(count)}
    around = surroundings.of_template(Template.parse({"Resources": body}), "us-east-1", usage())
    found = charges(around, books.snapshot())
    shares = [
        factor for charge, _ in found.known for name, factor in getattr(charge.quantity, "terms", ()) if name == driver
    ]
    assert len(shares) >= count
    assert float(sum(shares)) == pytest.approx(len(shares) / count)


def test_balancers_of_every_kind_share_what_users_send_and_get():
    made = resources(
        f"A: {{{LB}}}}}\nN: {{{LB}, Type: network}}}}\nC: {{Type: AWS::ElasticLoadBalancing::LoadBalancer, Properties: {{Subnets: [a]}}}}"
    )
    given = usage(to_users_gb=1100, from_users_gb=0, new_connections=0, active_connections=0, requests=0, nlb_gb=10_000)
    found = bill.compute_template(Template.parse({"Resources": made}), "us-east-1", books.snapshot(), given)
    sent = [line for line in found.of(State.PRICED) if line.what == "transfer to users"]
    assert float(sum(line.quantity for line in sent)) == pytest.approx(1100)
    assert float(sum(line.monthly for line in sent)) == pytest.approx(90)
    (units,) = [line for line in found.lines if line.what == "capacity units (NLCU)"]
    assert units.quantity == 10_000


UNPRICED = [
    ("nodes without a price", "D: {Type: AWS::DAX::Cluster, Properties: {NodeType: dax.r5.large, ReplicationFactor: 3}}", "3 × dax.r5.large"),
    ("shards with replicas", "D: {Type: AWS::MemoryDB::Cluster, Properties: {NodeType: db.r6g.large, NumShards: 3, NumReplicasPerShard: 2}}", "9 × db.r6g.large"),
    ("a replica by default", "D: {Type: AWS::MemoryDB::Cluster, Properties: {NodeType: db.r6g.large}}", "2 × db.r6g.large"),
    ("cache of an API", "C: {Type: AWS::AppSync::ApiCache, Properties: {Type: LARGE}}", "cache of 12.3GB"),
    ("graph", "N: {Type: AWS::Neptune::DBInstance, Properties: {DBInstanceClass: db.r6g.large}}", "db.r6g.large"),
    ("serverless graph", "C: {Type: AWS::Neptune::DBCluster, Properties: {ServerlessScalingConfiguration: {MinCapacity: 2}}}\nN: {Type: AWS::Neptune::DBInstance, Properties: {DBInstanceClass: db.serverless, DBClusterIdentifier: !Ref C}}", "serverless instance"),
    ("links", "L: {Type: AWS::DirectConnect::Lag, Properties: {ConnectionsBandwidth: 10Gbps, MinimumLinks: 2}}", "2 ports 10G"),
    ("proxy of an unknown database", "P: {Type: AWS::RDS::DBProxy, Properties: {EngineFamily: MYSQL}}", "proxy"),
    ("endpoint without its configuration", "E: {Type: AWS::SageMaker::Endpoint, Properties: {EndpointConfigName: x}}", "endpoint"),
    ("consumer of another's stream", "C: {Type: AWS::Kinesis::StreamConsumer, Properties: {StreamARN: x}}", "consumer"),
    ("more machines", "G: {Type: AWS::EMR::InstanceGroupConfig, Properties: {InstanceType: m5.xlarge, InstanceCount: 2, JobFlowId: j, InstanceRole: TASK}}", "EMR's fee"),
    ("desktop", "W: {Type: AWS::WorkSpaces::Workspace, Properties: {BundleId: wsb-1}}", "resource"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "text", "what"), UNPRICED, ids=[case[0] for case in UNPRICED])
def test_what_the_book_has_no_price_of_is_on_the_bill_with_its_number(kind, text, what):
    made = bill.compute_template(Template.parse({"Resources": resources(text)}), "us-east-1", books.snapshot())
    (line,) = [one for one in made.of(State.NOT_PRICED) if one.what == what]
    assert line.note


def test_prices_of_neptune_are_those_of_the_region_that_published_them():
    text = "C: {Type: AWS::Neptune::DBCluster}\nN: {Type: AWS::Neptune::DBInstance, Properties: {DBInstanceClass: db.r4.large, DBClusterIdentifier: !Ref C}}"
    given = usage(neptune_gb=100, neptune_ios=10_000_000)
    made = bill.compute_template(
        Template.parse({"Resources": resources(text)}), "eu-west-2", books.load("eu-west-2", "snapshot"), given
    )
    assert float(made.total) == pytest.approx(0.408 * M + 11.6 + 2.32, abs=0.006)


UNKNOWN = [
    ("a choice", "Parameters: {M: {Type: String}}", f"D: {{{DB}, AllocatedStorage: '100', MultiAZ: !Ref M}}}}", 0.136 * M + 11.5, 0.272 * M + 23),
    ("allowed values", "Parameters: {K: {Type: String, AllowedValues: [m5.large, m5.xlarge]}}", f"I: {{Type: AWS::EC2::Instance, Properties: {{InstanceType: !Ref K, {DISK}}}}}", 0.096 * M + 0.8, 0.192 * M + 0.8),
    ("one of two branches", "Parameters: {E: {Type: String}}\nConditions: {P: {'Fn::Equals': [!Ref E, prod]}, Q: {'Fn::Not': [{Condition: P}]}}", f"D: {{Condition: P, {DB}, AllocatedStorage: '100'}}}}\nS: {{Condition: Q, Type: AWS::EC2::EIP}}", 3.65, 0.136 * M + 11.5),
    ("exclusive by one parameter", "Parameters: {E: {Type: String}}\nConditions: {P: {'Fn::Equals': [!Ref E, prod]}, Q: {'Fn::Equals': [!Ref E, dev]}}", f"D: {{Condition: P, {DB}, AllocatedStorage: '100'}}}}\nS: {{Condition: Q, Type: AWS::EC2::EIP}}", 0, 0.136 * M + 11.5),
    ("the same parameter twice", "Parameters: {M: {Type: String}}", f"D: {{{DB}, AllocatedStorage: '100', MultiAZ: !Ref M}}}}\nE: {{{DB}, AllocatedStorage: '100', MultiAZ: !Ref M}}}}", 2 * (0.136 * M + 11.5), 2 * (0.272 * M + 23)),
    ("an export", "", "A: {Type: AWS::EC2::VPCEndpoint, Properties: {VpcEndpointType: {'Fn::ImportValue': kind}, ServiceName: x.s3, SubnetIds: [a]}}", 0, 0.01 * M),
    ("a number of zones", "Parameters: {S: {Type: 'List<AWS::EC2::Subnet::Id>'}}", "E: {Type: AWS::EC2::VPCEndpoint, Properties: {VpcEndpointType: Interface, ServiceName: x, SubnetIds: !Ref S}}", 0.01 * M, 0.03 * M),
    ("through a map", "Parameters: {E: {Type: String, AllowedValues: [a, b]}}\nMappings: {M: {a: {k: m5.large}, b: {k: m5.xlarge}}}", f"I: {{Type: AWS::EC2::Instance, Properties: {{InstanceType: {{'Fn::FindInMap': [M, !Ref E, k]}}, {DISK}}}}}", 0.096 * M + 0.8, 0.192 * M + 0.8),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "head", "text", "low", "high"), UNKNOWN, ids=[case[0] for case in UNKNOWN])
def test_what_is_not_known_makes_an_interval_with_its_reasons(kind, head, text, low, high):
    template = Template.parse({**resources(head or "{}"), "Resources": resources(text)})
    made = bill.compute_template(template, "us-east-1", books.snapshot())
    assert (float(made.total), float(made.total_high)) == (pytest.approx(low, abs=0.01), pytest.approx(high, abs=0.01))
    assert made.open_reasons
    assert made.of(State.DEPENDS)
    for line in made.of(State.DEPENDS):
        assert len(line.possible) > 1
        assert line.note


def test_an_unknown_that_nobody_can_list_leaves_one_line_without_a_price():
    body = {"D": {"Type": "AWS::RDS::DBInstance", "Properties": {"DBInstanceClass": {"Fn::ImportValue": "x"}}}}
    made = bill.compute_template(Template.parse({"Resources": body}), "us-east-1", books.snapshot())
    assert [line.state for line in made.lines] == [State.NOT_PRICED]
    assert made.total == made.total_high == 0
