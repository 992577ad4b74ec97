"""What costs by the hour of being there: clusters, brokers, domains, file systems, attachments, directories.

Most are a table: a usage type made of properties, how many of it, and drivers for what flows through.
A class that the book has no price of is on the bill as not priced.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from hermes_cfn.bill.charge import Charge, Item, NotGiven, NotPriced
from hermes_cfn.bill.placing import Placed
from hermes_cfn.bill.quantity import Largest, Quantity, fixed, per
from hermes_cfn.bill.rules.disks import volume
from hermes_cfn.bill.rules.ec2 import address, hours_of, launch_data, machines
from hermes_cfn.bill.surroundings import Surroundings, count_of, items, mapping, true, whole, word
from hermes_cfn.units import HOURS_PER_MONTH as HOURS

Rule = Callable[[Placed, Surroundings], Iterable[Item]]


def hours(what: str, service: str, usage: str, count: int = 1, operation: str | None = None) -> Charge:
    """``count`` of something for all hours of a month."""
    return Charge(what, service, usage, fixed(HOURS * count), "Hrs", operation=operation)


def flat(what: str, service: str, usage: str, region: str = "", also: tuple[str, str, str, str] | None = None) -> Rule:
    """One price an hour, and for what flows through: (what, usage type, driver, unit)."""

    def rule(place: Placed, around: Surroundings) -> Iterator[Item]:
        yield Charge(what, service, usage, fixed(HOURS), "Hrs", region=region)
        if also:
            name, usage_, driver, unit = also
            amount = per(driver, around.share(around.of(place.resource.type)))
            yield Charge(name, service, usage_, amount, unit, region=region)

    return rule


def used(service: str, *parts: tuple[str, str, str, str]) -> Rule:
    """Nothing but use: (what, usage type, driver, unit), shared among the resources of the type."""

    def rule(place: Placed, around: Surroundings) -> Iterator[Item]:
        share = around.share(around.of(place.resource.type))
        for what, usage, driver, unit in parts:
            yield Charge(what, service, usage, per(driver, share), unit)

    return rule


def stream(place: Placed, around: Surroundings) -> Iterable[Item]:
    mode = mapping(place.get("StreamModeDetails")).get("StreamMode", "PROVISIONED")
    share = around.share(around.of("AWS::Kinesis::Stream"))
    if word(mode, "PROVISIONED", "ON_DEMAND") == "ON_DEMAND":
        yield hours("stream on demand", "AmazonKinesis", "OnDemand-StreamHour")
        yield Charge("data in", "AmazonKinesis", "OnDemand-BilledIncomingBytes", per("stream_in_gb", share), "GB")
        yield Charge("data out", "AmazonKinesis", "OnDemand-BilledOutgoingBytes", per("stream_out_gb", share), "GB")
        return
    shards = whole(place.get("ShardCount", 1))
    if shards is None:
        yield NotPriced("shards", "their number is not known")
        return
    yield hours(f"{shards} shards", "AmazonKinesis", "Storage-ShardHour", shards)
    kept = whole(place.get("RetentionPeriodHours", 24)) or 24
    if kept > 24:
        yield hours(f"{shards} shards kept longer than a day", "AmazonKinesis", "Extended-ShardHour", shards)
    if kept > 168:
        yield NotGiven("records kept longer than a week", "0.023 USD a gigabyte and month")
    amount = per("stream_put_units", share)
    yield Charge("payload units put", "AmazonKinesis", "PutRequestPayloadUnits", amount, "PutRequest")


def search_domain(place: Placed, around: Surroundings) -> Iterable[Item]:
    """OpenSearch and Elasticsearch: data, master and warm nodes, and the disks of the data nodes."""
    said = mapping(place.get("ClusterConfig", place.get("ElasticsearchClusterConfig", {})))
    default = "m4.large"
    kind = str(said.get("InstanceType", default)).removesuffix(".search").removesuffix(".elasticsearch")
    count = whole(said.get("InstanceCount", 1))
    if count is None:
        yield NotPriced("data nodes", "their number is not known")
        return
    yield hours(f"{count} × {kind}", "AmazonES", f"ESInstance:{kind}", count)
    if true(said.get("DedicatedMasterEnabled", False)):
        master = str(said.get("DedicatedMasterType", default)).removesuffix(".search").removesuffix(".elasticsearch")
        masters = whole(said.get("DedicatedMasterCount", 3))
        if masters is None:
            yield NotPriced("master nodes", "their number is not known")
        else:
            yield hours(f"{masters} × {master} as master", "AmazonES", f"ESInstance:{master}", masters)
    if true(said.get("WarmEnabled", False)):
        warm = str(said.get("WarmType")).removesuffix(".search").removesuffix(".elasticsearch")
        number = whole(said.get("WarmCount", 2)) or 2
        yield hours(f"{number} × {warm} as warm node", "AmazonES", f"ESInstance:{warm}", number)
    disks = mapping(place.get("EBSOptions"))
    if true(disks.get("EBSEnabled", False)):
        yield from _search_disks(disks, count)


SEARCH_DISKS = {"gp2": "GP2-Storage", "gp3": "GP3-Storage", "io1": "PIOPS-Storage", "standard": "Magnetic-Storage"}


def _search_disks(disks: Mapping[str, Any], count: int) -> Iterator[Item]:
    kind, size = str(disks.get("VolumeType", "gp2")), whole(disks.get("VolumeSize", 10))
    if size is None or kind not in SEARCH_DISKS:
        yield NotPriced("disks", "their type and size are not both known")
        return
    yield Charge(f"disks {kind}", "AmazonES", f"ES:{SEARCH_DISKS[kind]}", fixed(size * count), "GB-Mo")
    iops = whole(disks.get("Iops", 0)) or 0
    if kind == "io1" and iops:
        yield Charge("provisioned IOPS", "AmazonES", "ES:PIOPS", fixed(iops * count), "IOPS-Mo")
    if kind == "gp3" and (iops > 3000 or (whole(disks.get("Throughput", 125)) or 125) > 125):
        yield NotPriced("IOPS and throughput of gp3", "how much is included depends on the size of the disk")


def broker(place: Placed, around: Surroundings) -> Iterable[Item]:
    """Amazon MQ: one broker, two of ActiveMQ's active/standby, three of a RabbitMQ cluster."""
    kind = str(place.get("HostInstanceType"))
    engine = word(place.get("EngineType"), "ACTIVEMQ", "RABBITMQ").lower()
    mode = word(place.get("DeploymentMode"), "SINGLE_INSTANCE", "ACTIVE_STANDBY_MULTI_AZ", "CLUSTER_MULTI_AZ")
    count = {"SINGLE_INSTANCE": 1, "ACTIVE_STANDBY_MULTI_AZ": 2}.get(mode, 3)
    name = "RabbitMQ" if engine == "rabbitmq" else "ActiveMQ"
    kind = kind if kind.startswith("mq.") else f"mq.{kind}"
    yield hours(f"{count} × {kind} {name}", "AmazonMQ", kind, count, f"CreateBroker:{name}")
    share = around.share(around.of("AWS::AmazonMQ::Broker"))
    if name == "ActiveMQ" and str(place.get("StorageType", "EFS")).upper() == "EFS":
        amount, usage, where = per("broker_gb", share), "TimedStorage-ByteHrs", "EFS"
    else:
        amount, usage, where = per("broker_gb", share * count), "TimedStorage-EBS-ByteHrs", ""
    yield Charge("storage", "AmazonMQ", usage, amount, "GB-Mo", operation=where)


def warehouse(place: Placed, around: Surroundings) -> Iterable[Item]:
    kind = place.get("NodeType")
    single = word(place.get("ClusterType", "multi-node"), "single-node", "multi-node") == "single-node"
    count = 1 if single else whole(place.get("NumberOfNodes", 1))
    if not isinstance(kind, str) or count is None:
        yield NotPriced("nodes", "their type and number are not both known")
        return
    yield hours(f"{count} × {kind}", "AmazonRedshift", f"Node:{kind}", count)
    if kind.startswith("ra3"):
        share = around.share(around.of("AWS::Redshift::Cluster"))
        yield Charge("managed storage", "AmazonRedshift", "RMS", per("redshift_gb", share), "GB-Mo")


INCLUDED_GB_A_MIBPS = 20
"""GB of standard storage that include 1 MiB/s (https://aws.amazon.com/efs/pricing/)."""


def file_system(place: Placed, around: Surroundings) -> Iterable[Item]:
    share = around.share(around.of("AWS::EFS::FileSystem"))
    zone = "-Z" if place.get("AvailabilityZoneName") is not None else ""
    yield Charge("storage", "AmazonEFS", f"TimedStorage{zone}-ByteHrs", per("efs_gb", share), "GB-Mo")
    if items(place.get("LifecyclePolicies")):
        usage = f"IATimedStorage{zone}-ByteHrs"
        yield Charge("storage, infrequent access", "AmazonEFS", usage, per("efs_ia_gb", share), "GB-Mo")
        yield Charge("read of infrequent access", "AmazonEFS", "IADataAccess-Bytes", per("efs_ia_read_gb", share), "GB")
    mode = place.get("ThroughputMode", "bursting")
    if mode == "provisioned":
        rate = whole(place.get("ProvisionedThroughputInMibps"))
        if rate is None:
            yield NotPriced("provisioned throughput", "how much is not known")
        else:
            beyond: Quantity = fixed(rate)
            if around.usage.efs_gb is not None:
                beyond = Largest((fixed(rate) + per("efs_gb", -share / INCLUDED_GB_A_MIBPS),))
            what = "throughput beyond what its storage includes"
            yield Charge(what, "AmazonEFS", "ProvisionedTP-MiBpsHrs", beyond, "MiBps-Mo")
    elif mode == "elastic":
        yield NotGiven("elastic throughput", "each gigabyte that is read or written costs")


def windows_files(place: Placed, around: Surroundings) -> Iterable[Item]:
    """FSx: throughput and storage of OpenZFS and of Windows in two zones; other kinds are not priced."""
    kind, size = str(place.get("FileSystemType")), whole(place.get("StorageCapacity"))
    share = around.share(around.of("AWS::FSx::FileSystem"))
    if kind == "OPENZFS":
        said, name, deep = mapping(place.get("OpenZFSConfiguration")), "OpenZFS", ""
    elif kind == "WINDOWS":
        said, name = mapping(place.get("WindowsConfiguration")), "Windows"
        deep = "MAZ" if str(said.get("DeploymentType", "")).startswith("MULTI") else ""
    else:
        yield NotPriced("file system", f"no prices of {kind} are in the book")
        return
    rate = whole(said.get("ThroughputCapacity"))
    if size is None or rate is None:
        yield NotPriced("file system", "its storage and throughput are not both known")
        return
    media = "HDD" if place.get("StorageType") == "HDD" else "SSD"
    yield Charge("throughput", "AmazonFSx", f"{deep}ThroughputCapacity:{name}", fixed(rate), "MiBps-Mo")
    yield Charge(f"storage {media}", "AmazonFSx", f"{deep}Storage-{media}:{name}", fixed(size), "GB-Mo")
    disk = mapping(said.get("DiskIopsConfiguration"))
    more = (whole(disk.get("Iops", 0)) or 0) - 3 * size
    if disk.get("Mode") == "USER_PROVISIONED" and more > 0:
        yield Charge("IOPS beyond 3 a GB", "AmazonFSx", f"ProvisionedSSDIOPS:{name}", fixed(more), "IOPS-Mo")
    yield Charge("backups", "AmazonFSx", f"BackupUsage:{name}", per("fsx_backup_gb", share), "GB-Mo")


EXTENDED = ("1.21", "1.22", "1.23", "1.24", "1.25", "1.26", "1.27", "1.28", "1.29", "1.30", "1.31")
"""Kubernetes versions beyond standard support in November 2026 (https://docs.aws.amazon.com/eks/latest/userguide/kubernetes-versions.html)."""


def kubernetes(place: Placed, around: Surroundings) -> Iterable[Item]:
    yield hours("cluster", "AmazonEKS", "AmazonEKS-Hours:perCluster")
    policy = mapping(place.get("UpgradePolicy")).get("SupportType", "EXTENDED")
    if str(place.get("Version", "")) in EXTENDED and policy == "EXTENDED":
        yield hours("extended support of its version", "AmazonEKS", "AmazonEKS-Hours:extendedSupport")
    if true(mapping(place.get("ComputeConfig")).get("Enabled", False)):
        yield NotPriced("Auto Mode", "the instances that it makes, and a fee for each, are in no template")


def node_group(place: Placed, around: Surroundings) -> Iterable[Item]:
    """Nodes of EKS: instances on demand or spot, with a disk of 20 GiB gp3 unless a launch template says otherwise."""
    scaling = mapping(place.get("ScalingConfig"))
    count = whole(scaling.get("DesiredSize", scaling.get("MinSize", 1)))
    kinds = place.get("InstanceTypes", ["t3.medium"])
    data = dict(launch_data(_launch(place), around))
    kind = data.get("InstanceType") or (kinds[0] if isinstance(kinds, list) and kinds else None)
    if count is None or not isinstance(kind, str):
        yield NotPriced("nodes", "their type and number are not both known")
        return
    spot = word(place.get("CapacityType", "ON_DEMAND"), "ON_DEMAND", "SPOT") == "SPOT"
    if data:
        yield from machines({**data, "InstanceType": kind}, count, place, around, spot=count if spot else 0)
        return
    image = "windows" if str(place.get("AmiType", "")).startswith("WINDOWS") else ""
    if spot:
        yield NotPriced(f"{count} spot instances", f"spot prices move: hermes-cfn prices commitments {kind}")
    else:
        yield from hours_of(kind, count, {"ImageId": image}, place, around)
    size = place.get("DiskSize", 50 if image else 20)
    yield from volume({"VolumeType": "gp3", "VolumeSize": size}, count, "disk")


def _launch(place: Placed) -> Mapping[str, Any]:
    said = mapping(place.get("LaunchTemplate"))
    return {"LaunchTemplateId": said.get("Id"), "LaunchTemplateName": said.get("Name")}


def kafka(place: Placed, around: Surroundings) -> Iterable[Item]:
    said = mapping(place.get("BrokerNodeGroupInfo"))
    kind, count = str(said.get("InstanceType")), whole(place.get("NumberOfBrokerNodes"))
    if count is None or not kind.startswith(("kafka.", "express.")):
        yield NotPriced("brokers", "their type and number are not both known")
        return
    name = kind.removeprefix("kafka.")
    yield hours(f"{count} × {kind}", "AmazonMSK", f"Kafka.{name}", count)
    disk = mapping(mapping(said.get("StorageInfo")).get("EBSStorageInfo"))
    size = whole(disk.get("VolumeSize", 1000))
    if size is None:
        yield NotPriced("disks", "their size is not known")
    elif not kind.startswith("express."):
        yield Charge("disks", "AmazonMSK", "Kafka.Storage.GP2", fixed(size * count), "GB-Mo")
    if place.get("StorageMode") == "TIERED":
        yield NotGiven("tiered storage", "what is kept in and read from the tier is in no figure")


def document_instance(place: Placed, around: Surroundings) -> Iterable[Item]:
    kind = str(place.get("DBInstanceClass"))
    yield hours(kind, "AmazonDocDB", f"InstanceUsage:{kind}")
    if kind.startswith(("db.t3", "db.t4g")):
        yield NotGiven("surplus CPU credits", "0.09 USD a vCPU and hour above the baseline")


def document_cluster(place: Placed, around: Surroundings) -> Iterable[Item]:
    share = around.share(around.of("AWS::DocDB::DBCluster"))
    yield Charge("storage", "AmazonDocDB", "StorageUsage", per("docdb_gb", share), "GB-Mo")
    yield Charge("I/O requests", "AmazonDocDB", "StorageIOUsage", per("docdb_ios", share), "IOs")
    yield Charge("backups beyond its size", "AmazonDocDB", "BackupUsage", per("docdb_backup_gb", share), "GB-Mo")


def directory(place: Placed, around: Surroundings) -> Iterable[Item]:
    """A directory has two controllers, and each costs."""
    if place.resource.type.endswith("MicrosoftAD"):
        edition = word(place.get("Edition", "Enterprise"), "Standard", "Enterprise")
        usage = f"MicrosoftAD-DC-Usage:{edition}"
    else:
        usage = f"SimpleAD-DC-Usage:{word(place.get('Size', 'Small'), 'Small', 'Large')}"
    yield hours("2 controllers", "AWSDirectoryService", usage, 2)


def attachment(place: Placed, around: Surroundings) -> Iterable[Item]:
    types = ("AWS::EC2::TransitGatewayAttachment", "AWS::EC2::TransitGatewayVpcAttachment")
    yield hours("attachment", "AmazonVPC", "TransitGateway-Hours")
    if place.resource.type in types:
        amount = per("transit_gb", around.share(around.of(*types)))
        yield Charge("data processed", "AmazonVPC", "TransitGateway-Bytes", amount, "GB")


def vpn(place: Placed, around: Surroundings) -> Iterable[Item]:
    yield hours("VPN connection", "AmazonVPC", "VPN-Usage-Hours:ipsec.1")
    if place.get("TransitGatewayId") is not None:
        yield hours("attachment to the transit gateway", "AmazonVPC", "TransitGateway-Hours")
        yield NotGiven("data processed by the transit gateway", "0.02 USD a gigabyte")


def firewall(place: Placed, around: Surroundings) -> Iterable[Item]:
    named = place.get("SubnetMappings", place.get("AvailabilityZoneMappings"))
    count = count_of(named, place, around, "number of zones", 1, 2, 3)
    yield hours(f"endpoint in {count} zones", "AWSNetworkFirewall", "Endpoint-Hour", count)
    share = around.share(around.of("AWS::NetworkFirewall::Firewall"))
    yield Charge("data processed", "AWSNetworkFirewall", "Traffic-GB-Processed", per("firewall_gb", share), "GB")


def resolver(place: Placed, around: Surroundings) -> Iterable[Item]:
    count = count_of(place.get("IpAddresses"), place, around, "number of addresses", 2, 3, 4)
    yield hours(f"{count} network interfaces", "AmazonRoute53", "ResolverNetworkInterface", count)
    share = around.share(around.of("AWS::Route53Resolver::ResolverEndpoint"))
    yield Charge("DNS queries", "AmazonRoute53", "DNS-Queries-Resolver", per("resolver_queries", share), "Queries")


def transfer(place: Placed, around: Surroundings) -> Iterable[Item]:
    protocols = place.get("Protocols", ["SFTP"])
    count = count_of(protocols, place, around, "number of protocols", 1, 2, 3)
    yield hours(f"{count} protocols", "AWSTransfer", "ProtocolHours", count)
    share = around.share(around.of("AWS::Transfer::Server"))
    yield Charge("data up", "AWSTransfer", "UploadBytes", per("transfer_up_gb", share), "GB")
    yield Charge("data down", "AWSTransfer", "DownloadBytes", per("transfer_down_gb", share), "GB")


def replication(place: Placed, around: Surroundings) -> Iterable[Item]:
    kind, size = str(place.get("ReplicationInstanceClass")), whole(place.get("AllocatedStorage", 50))
    twice = true(place.get("MultiAZ", False))
    yield hours(kind, "AWSDatabaseMigrationSvc", f"{'Multi-AZUsg' if twice else 'InstanceUsg'}:{kind}")
    if size is None:
        yield NotPriced("storage", "its size is not known")
        return
    included = 100 if kind.startswith(("dms.c", "dms.r")) else 50
    beyond = max(0, size - included)
    if beyond:
        usage = "Multi-AZ-StorageUsage" if twice else "StorageUsage"
        yield Charge("storage beyond the included", "AWSDatabaseMigrationSvc", usage, fixed(beyond), "GB-Mo")
    if true(place.get("PubliclyAccessible", True)):
        yield address(2 if twice else 1)


def airflow(place: Placed, around: Surroundings) -> Iterable[Item]:
    size = {"mw1.small": "Small", "mw1.medium": "Medium", "mw1.large": "Large"}.get(str(place.get("EnvironmentClass")))
    if size is None:
        yield NotPriced("environment", "the price of its class is not in the book")
        return
    yield hours(f"environment {size}", "AmazonMWAA", f"Airflow-{size}Environment")
    more = max(0, (whole(place.get("MinWorkers", 1)) or 1) - 1)
    if more:
        yield hours(f"{more} workers besides the first", "AmazonMWAA", f"Airflow-{size}Worker", more)
    share = around.share(around.of("AWS::MWAA::Environment"))
    yield Charge("meta database", "AmazonMWAA", "Airflow-MetaDatabaseStorage", per("airflow_gb", share), "GB-Mo")


def authority(place: Placed, around: Surroundings) -> Iterable[Item]:
    short = place.get("UsageMode") == "SHORT_LIVED_CERTIFICATE"
    usage = "ShortLivedCertificatePrivateCA" if short else "PaidPrivateCA"
    yield Charge("certificate authority", "AWSCertificateManager", usage, fixed(1), "Month")


def state_machine(place: Placed, around: Surroundings) -> Iterable[Item]:
    express = word(place.get("StateMachineType", "STANDARD"), "STANDARD", "EXPRESS") == "EXPRESS"
    alike = [
        one
        for one in around.of("AWS::StepFunctions::StateMachine")
        if (one.get("StateMachineType") == "EXPRESS") is express
    ]
    share = around.share(alike)
    if express:
        yield Charge("requests", "AmazonStates", "StepFunctions-Request", per("express_requests", share), "Requests")
        yield NotGiven("duration", "0.06 USD a GB and hour at first (https://aws.amazon.com/step-functions/pricing/)")
    else:
        yield Charge(
            "state transitions", "AmazonStates", "StateTransition", per("state_transitions", share), "StateTransitions"
        )


def http_api(place: Placed, around: Surroundings) -> Iterable[Item]:
    kind = word(place.get("ProtocolType", "HTTP"), "HTTP", "WEBSOCKET")
    alike = [one for one in around.of("AWS::ApiGatewayV2::Api") if str(one.get("ProtocolType", "HTTP")) == kind]
    share = around.share(alike)
    if kind == "HTTP":
        yield Charge(
            "requests", "AmazonApiGateway", "ApiGatewayHttpRequest", per("http_api_requests", share), "Requests"
        )
        return
    yield Charge("messages", "AmazonApiGateway", "ApiGatewayMessage", per("websocket_messages", share), "Messages")
    yield Charge(
        "minutes connected", "AmazonApiGateway", "ApiGatewayMinute", per("websocket_minutes", share), "minutes"
    )


BUILDS = {"BUILD_GENERAL1_SMALL": "g1.small", "BUILD_GENERAL1_MEDIUM": "g1.medium", "BUILD_GENERAL1_LARGE": "g1.large"}


def build(place: Placed, around: Surroundings) -> Iterable[Item]:
    said = mapping(place.get("Environment"))
    size = BUILDS.get(word(said.get("ComputeType"), *BUILDS), "")
    system = {"LINUX_CONTAINER": "Linux", "WINDOWS_SERVER_2019_CONTAINER": "Windows"}.get(str(said.get("Type")))
    if not size or system is None:
        yield NotPriced("build minutes", "the price of its machine is not in the book")
        return
    amount = per("build_minutes", around.share(around.of("AWS::CodeBuild::Project")))
    yield Charge("build minutes", "CodeBuild", f"Build-Min:{system}:{size}", amount, "minutes")


def big_data(place: Placed, around: Surroundings) -> Iterable[Item]:
    """EMR on instances: the machines of each group at EC2's price; EMR's own fee for each is not in the book."""
    said = mapping(place.get("Instances"))
    for name, default in (("MasterInstanceGroup", 1), ("CoreInstanceGroup", 1)):
        one = mapping(said.get(name))
        if one:
            yield from emr_group(one, name, whole(one.get("InstanceCount", default)), place, around)
    for one in items(said.get("TaskInstanceGroups")):
        yield from emr_group(one, "TaskInstanceGroup", whole(one.get("InstanceCount", 1)), place, around)
    if any(said.get(name) for name in ("MasterInstanceFleet", "CoreInstanceFleet", "TaskInstanceFleets")):
        yield NotPriced("instance fleets", "EMR chooses types and purchase options when it starts them")
    yield NotPriced("EMR's fee", "it depends on the instance types and is in no book")


def emr_group(
    one: Mapping[str, Any], name: str, count: int | None, place: Placed, around: Surroundings
) -> Iterator[Item]:
    """The machines of one group, at EC2's price."""
    kind = one.get("InstanceType")
    if not isinstance(kind, str) or count is None:
        yield NotPriced(name, "the type and number of its instances are not both known")
    elif str(one.get("Market", "ON_DEMAND")) == "SPOT":
        yield NotPriced(f"{count} spot instances", f"spot prices move: hermes-cfn prices commitments {kind}")
    else:
        yield Charge(
            f"{count} × {kind}", "AmazonEC2", f"BoxUsage:{kind}", fixed(HOURS * count), "Hrs", operation="RunInstances"
        )


def client_vpn(place: Placed, around: Surroundings) -> Iterable[Item]:
    amount = per("client_vpn_hours", around.share(around.of("AWS::EC2::ClientVpnEndpoint")))
    yield Charge("connections", "AmazonVPC", "ClientVPN-ConnectionHours", amount, "Hrs")


def port(place: Placed, around: Surroundings) -> Iterable[Item]:
    speed = {"1Gbps": "1G"}.get(str(place.get("Bandwidth")))
    if speed is None:
        yield NotPriced("port", f"the price of {place.get('Bandwidth')} is not in the book")
    else:
        yield hours(f"port {speed}", "AWSDirectConnect", f"PortUsage:{speed}")
        yield NotGiven("data out", "what goes out over the connection is in no figure")


def hsm(place: Placed, around: Surroundings) -> Iterable[Item]:
    yield NotGiven("modules", "1.60 USD an hour for each module that is made in it")


def workers(place: Placed, around: Surroundings) -> Iterable[Item]:
    """Batch on instances keeps at least its minimum of vCPUs running; on Fargate it pays for jobs alone."""
    said = mapping(place.get("ComputeResources"))
    least = whole(said.get("MinvCpus", 0)) or 0
    if least:
        yield NotPriced(f"{least} vCPUs kept running", "which types AWS starts for them is not in the template")
    else:
        yield NotGiven("jobs", "how long jobs run is in no figure; with no job nothing runs")


def beanstalk(place: Placed, around: Surroundings) -> Iterable[Item]:
    yield NotPriced("environment", "the instances, load balancer and groups that it makes are in no template")


def endpoint_association(place: Placed, around: Surroundings) -> Iterable[Item]:
    yield hours("association", "AmazonVPC", "ClientVPN-EndpointHours")


RULES: dict[str, Rule] = {
    "AWS::Kinesis::Stream": stream,
    "AWS::OpenSearchService::Domain": search_domain,
    "AWS::Elasticsearch::Domain": search_domain,
    "AWS::AmazonMQ::Broker": broker,
    "AWS::Redshift::Cluster": warehouse,
    "AWS::EFS::FileSystem": file_system,
    "AWS::FSx::FileSystem": windows_files,
    "AWS::EKS::Cluster": kubernetes,
    "AWS::EKS::Nodegroup": node_group,
    "AWS::MSK::Cluster": kafka,
    "AWS::DocDB::DBInstance": document_instance,
    "AWS::DocDB::DBCluster": document_cluster,
    "AWS::DirectoryService::MicrosoftAD": directory,
    "AWS::DirectoryService::SimpleAD": directory,
    "AWS::EC2::TransitGatewayAttachment": attachment,
    "AWS::EC2::TransitGatewayVpcAttachment": attachment,
    "AWS::EC2::TransitGatewayPeeringAttachment": attachment,
    "AWS::EC2::VPNConnection": vpn,
    "AWS::EC2::ClientVpnEndpoint": client_vpn,
    "AWS::EC2::ClientVpnTargetNetworkAssociation": endpoint_association,
    "AWS::EC2::TrafficMirrorSession": flat("mirror session", "AmazonVPC", "TrafficMirroring-ENI-Hours"),
    "AWS::GlobalAccelerator::Accelerator": flat("accelerator", "AWSGlobalAccelerator", "Fixed-Fee", "global"),
    "AWS::NetworkFirewall::Firewall": firewall,
    "AWS::Route53Resolver::ResolverEndpoint": resolver,
    "AWS::Transfer::Server": transfer,
    "AWS::DMS::ReplicationInstance": replication,
    "AWS::MWAA::Environment": airflow,
    "AWS::ACMPCA::CertificateAuthority": authority,
    "AWS::StepFunctions::StateMachine": state_machine,
    "AWS::ApiGateway::RestApi": used("AmazonApiGateway", ("requests", "ApiGatewayRequest", "api_requests", "Requests")),
    "AWS::ApiGatewayV2::Api": http_api,
    "AWS::CodeBuild::Project": build,
    "AWS::EMR::Cluster": big_data,
    "AWS::Glue::Job": used("AWSGlue", ("duration", "ETL-DPU-Hour", "glue_dpu_hours", "DPU-Hour")),
    "AWS::Glue::Crawler": used("AWSGlue", ("duration", "Crawler-DPU-Hour", "crawler_dpu_hours", "DPU-Hour")),
    "AWS::Config::ConfigRule": used(
        "AWSConfig", ("evaluations", "ConfigRuleEvaluations", "config_evaluations", "ConfigRuleEvaluations")
    ),
    "AWS::Config::ConfigurationRecorder": used(
        "AWSConfig", ("items", "ConfigurationItemRecorded", "config_items", "ConfigurationItemRecorded")
    ),
    "AWS::DirectConnect::Connection": port,
    "AWS::CloudHSM::Cluster": hsm,
    "AWS::Batch::ComputeEnvironment": workers,
    "AWS::ElasticBeanstalk::Environment": beanstalk,
}
