"""Capacity that is reserved by the hour: containers, caches, graphs, models, proxies, ports.

A size that the book has no price of is on the bill as not priced, with its number; `prices refresh` asks for it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Any

from hermes_cfn.bill.charge import Charge, Free, Item, NotGiven, NotPriced
from hermes_cfn.bill.placing import Placed
from hermes_cfn.bill.quantity import fixed, per
from hermes_cfn.bill.rules.ec2 import vcpus
from hermes_cfn.bill.rules.hourly import Rule, emr_group, hours
from hermes_cfn.bill.rules.serverless import size_of
from hermes_cfn.bill.surroundings import Surroundings, count_of, items, mapping, true, whole, word
from hermes_cfn.units import HOURS_PER_MONTH as HOURS


def container(place: Placed, around: Surroundings) -> Iterable[Item]:
    """App Runner: memory of what is kept ready, all the time; processors only while requests are answered."""
    said = mapping(place.get("InstanceConfiguration"))
    cpu, memory = size_of(said.get("Cpu", 1024)), size_of(said.get("Memory", 2048))
    scaling = around.find(place.get("AutoScalingConfigurationArn"))
    count = whole(scaling.get("MinSize", 1)) if scaling else 1
    if cpu is None or memory is None or count is None:
        yield NotPriced("instances", "their size and least number are not both known")
        return
    yield Charge(
        f"memory of {count} instances kept ready",
        "AWSAppRunner",
        "AppRunner-Provisioned-GB-hours",
        fixed(Decimal(HOURS) * count * memory / 1024),
        "GB-hours",
    )
    share = around.share(around.of("AWS::AppRunner::Service"))
    active = per("apprunner_hours", share * cpu / 1024)
    yield Charge("processors while active", "AWSAppRunner", "AppRunner-vCPU-hours", active, "vCPU-hours")
    source = mapping(place.get("SourceConfiguration"))
    if true(source.get("AutoDeploymentsEnabled", not source.get("ImageRepository"))):
        yield NotGiven("automatic deployments", "1 USD a month, and the minutes of builds")


CACHES = {
    "SMALL": "1.55GB",
    "MEDIUM": "3.22GB",
    "LARGE": "12.3GB",
    "XLARGE": "25.05GB",
    "LARGE_2X": "50.47GB",
    "LARGE_4X": "101.38GB",
    "LARGE_8X": "203.26GB",
    "LARGE_12X": "317.77GB",
    "T2_SMALL": "1.55GB",
    "T2_MEDIUM": "3.22GB",
    "R4_LARGE": "12.3GB",
    "R4_XLARGE": "25.05GB",
    "R4_2XLARGE": "50.47GB",
    "R4_4XLARGE": "101.38GB",
    "R4_8XLARGE": "203.26GB",
}
"""Memory by type (https://docs.aws.amazon.com/appsync/latest/devguide/enabling-caching.html)."""


def api_cache(place: Placed, around: Surroundings) -> Iterable[Item]:
    size = CACHES.get(word(place.get("Type"), *CACHES))
    if size is None:
        yield NotPriced("cache", "its type is not known")
    else:
        yield hours(f"cache of {size}", "AWSAppSync", f"AppSyncCacheUsage:{size}")


def model_endpoint(place: Placed, around: Surroundings) -> Iterable[Item]:
    """Instances of each variant of its configuration; serverless and asynchronous ones by use."""
    configured = around.find(place.get("EndpointConfigName"))
    if configured is None:
        yield NotPriced("endpoint", "its configuration, which has the instances, is not in the template")
        return
    for name in ("ProductionVariants", "ShadowProductionVariants"):
        for variant in items(configured.get(name)):
            if variant.get("ServerlessConfig"):
                yield NotGiven("serverless inference", "each second of each gigabyte that a request takes")
                continue
            kind, count = variant.get("InstanceType"), whole(variant.get("InitialInstanceCount", 1))
            if not isinstance(kind, str) or count is None:
                yield NotPriced("instances of a variant", "their type and number are not both known")
            else:
                yield hours(f"{count} × {kind}", "AmazonSageMaker", f"Host:{kind}", count)
    if configured.get("DataCaptureConfig"):
        yield NotGiven("captured data", "what is written to S3 is in no figure")


def notebook(place: Placed, around: Surroundings) -> Iterable[Item]:
    kind = place.get("InstanceType")
    if not isinstance(kind, str):
        yield NotPriced("notebook", "its instance type is not known")
        return
    yield hours(kind, "AmazonSageMaker", f"Notebk:{kind}")
    size = whole(place.get("VolumeSizeInGB", 5))
    if size is None:
        yield NotPriced("disk", "its size is not known")
    else:
        yield Charge("disk", "AmazonSageMaker", "Notebk:VolumeUsage.gp2", fixed(size), "GB-Mo")
    if place.get("AcceleratorTypes"):
        yield NotPriced("AcceleratorTypes", "accelerators cost by the hour, and their price is not in the book")


LEAST_CPUS = 2
"""A proxy is charged for at least two processors (https://aws.amazon.com/rds/proxy/pricing/)."""


def proxy(place: Placed, around: Surroundings) -> Iterable[Item]:
    """RDS Proxy costs by the processors of the databases behind it."""
    kinds = list(_behind(place, around))
    cpus = [vcpus(kind.removeprefix("db.")) if isinstance(kind, str) else None for kind in kinds]
    if not cpus or None in cpus:
        yield NotPriced("proxy", "the databases behind it, whose processors it costs by, are not all known")
        return
    count = max(LEAST_CPUS, sum(number or 0 for number in cpus))
    yield Charge(f"{count} processors behind it", "AmazonRDS", "RDS:ProxyUsage", fixed(HOURS * count), "vCPU-Hours")


def _behind(place: Placed, around: Surroundings) -> Iterator[Any]:
    for group in around.of("AWS::RDS::DBProxyTargetGroup"):
        if around.named("AWS::RDS::DBProxy", "DBProxyName", group.get("DBProxyName")) is not place:
            continue
        for name in _listed(group.get("DBInstanceIdentifiers")):
            found = around.named("AWS::RDS::DBInstance", "DBInstanceIdentifier", name)
            yield found.get("DBInstanceClass") if found else None
        for name in _listed(group.get("DBClusterIdentifiers")):
            cluster = around.named("AWS::RDS::DBCluster", "DBClusterIdentifier", name)
            members = [one for one in around.of("AWS::RDS::DBInstance") if cluster and _member(one, cluster, around)]
            yield from [one.get("DBInstanceClass") for one in members] or [None]


def _member(one: Placed, cluster: Placed, around: Surroundings) -> bool:
    return around.named("AWS::RDS::DBCluster", "DBClusterIdentifier", one.get("DBClusterIdentifier")) is cluster


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def accelerator(place: Placed, around: Surroundings) -> Iterable[Item]:
    """DAX: every node of the cluster."""
    kind, count = place.get("NodeType"), whole(place.get("ReplicationFactor"))
    if not isinstance(kind, str) or count is None:
        yield NotPriced("nodes", "their type and number are not both known")
    else:
        yield hours(f"{count} × {kind}", "AmazonDAX", f"NodeUsage:{kind}", count)


def durable_cache(place: Placed, around: Surroundings) -> Iterable[Item]:
    """MemoryDB: shards, each with its replicas (one of each unless the template says otherwise)."""
    kind, shards = place.get("NodeType"), whole(place.get("NumShards", 1))
    replicas = whole(place.get("NumReplicasPerShard", 1))
    if not isinstance(kind, str) or shards is None or replicas is None:
        yield NotPriced("nodes", "their type and number are not both known")
        return
    count = shards * (1 + replicas)
    yield hours(f"{count} × {kind}", "AmazonMemoryDB", f"NodeUsage:{kind}", count)
    yield NotGiven("data written", "each gigabyte that is written to the log")


def graph_instance(place: Placed, around: Surroundings) -> Iterable[Item]:
    """Neptune: an instance, or the least that serverless capacity of its cluster is kept at."""
    kind = place.get("DBInstanceClass")
    cluster = around.named("AWS::Neptune::DBCluster", "DBClusterIdentifier", place.get("DBClusterIdentifier"))
    if kind == "db.serverless":
        least = mapping(cluster.get("ServerlessScalingConfiguration")).get("MinCapacity") if cluster else None
        yield NotPriced("serverless instance", f"at least {least or 'some'} capacity units, whose price is in no book")
        return
    if not isinstance(kind, str):
        yield NotPriced("instance", "its class is not known")
        return
    yield hours(kind, "AmazonNeptune", f"InstanceUsage:{kind}")
    if kind.startswith(("db.t3", "db.t4g")):
        yield NotGiven("surplus CPU credits", "each vCPU and hour above the baseline")


def graph_cluster(place: Placed, around: Surroundings) -> Iterable[Item]:
    share = around.share(around.of("AWS::Neptune::DBCluster"))
    yield Charge("storage", "AmazonNeptune", "StorageUsage", per("neptune_gb", share), "GB-Mo")
    yield Charge("I/O requests", "AmazonNeptune", "StorageIOUsage", per("neptune_ios", share), "IOs")
    if (whole(place.get("BackupRetentionPeriod", 1)) or 1) > 1:
        yield NotGiven("backups of more than a day", "each gigabyte that is kept")


def more_machines(place: Placed, around: Surroundings) -> Iterable[Item]:
    """A group of machines that is added to an EMR cluster."""
    count = whole(place.get("InstanceCount"))
    said = {name: place.get(name) for name in ("InstanceType", "Market")}
    yield from emr_group({key: value for key, value in said.items() if value}, "instances", count, place, around)
    yield NotPriced("EMR's fee", "it depends on the instance types and is in no book")


SPEEDS = {"1Gbps": "1G", "10Gbps": "10G", "100Gbps": "100G", "400Gbps": "400G"}


def ports(place: Placed, around: Surroundings) -> Iterable[Item]:
    """Direct Connect: the ports that a group of links must have at least."""
    speed, count = SPEEDS.get(str(place.get("ConnectionsBandwidth"))), whole(place.get("MinimumLinks", 0))
    if speed is None:
        yield NotPriced("ports", f"the price of {place.get('ConnectionsBandwidth')} is not in the book")
    elif count:
        yield hours(f"{count} ports {speed}", "AWSDirectConnect", f"PortUsage:{speed}", count)
    else:
        yield NotGiven("ports", "how many links are in the group is not in the template")


def classic_firewall(place: Placed, around: Surroundings) -> Iterable[Item]:
    """WAF Classic: the list, each of its rules, and requests."""
    yield Charge("web ACL", "awswaf", "WebACL", fixed(1), "Month")
    rules = place.get("Rules")
    count = count_of(rules, place, around, "number of rules", 1, 2, 3) if rules is not None else 0
    if count:
        yield Charge(f"{count} rules", "awswaf", "Rule", fixed(count), "Month")
    share = around.share(around.of(place.resource.type))
    yield Charge("requests", "awswaf", "Request", per("requests", share), "Request")


def classic_rule(place: Placed, around: Surroundings) -> Iterable[Item]:
    yield Free("rule", "it is charged in each web ACL that has it")


def fan_out(place: Placed, around: Surroundings) -> Iterable[Item]:
    """A consumer with a share of its own of each shard, and what it reads."""
    stream = around.find(place.get("StreamARN"))
    mode = mapping(stream.get("StreamModeDetails")).get("StreamMode", "PROVISIONED") if stream else None
    shards = whole(stream.get("ShardCount", 1)) if stream and mode == "PROVISIONED" else None
    if shards is None:
        yield NotPriced("consumer", "the shards of its stream are not in the template")
        return
    yield hours(f"consumer of {shards} shards", "AmazonKinesis", "EnhancedFanoutHour", shards)
    share = around.share(around.of("AWS::Kinesis::StreamConsumer"))
    yield Charge("data read", "AmazonKinesis", "ReadBytes-EFO", per("fanout_gb", share), "GB")


RULES: Mapping[str, Rule] = {
    "AWS::AppRunner::Service": container,
    "AWS::AppSync::ApiCache": api_cache,
    "AWS::SageMaker::Endpoint": model_endpoint,
    "AWS::SageMaker::NotebookInstance": notebook,
    "AWS::RDS::DBProxy": proxy,
    "AWS::DAX::Cluster": accelerator,
    "AWS::MemoryDB::Cluster": durable_cache,
    "AWS::Neptune::DBInstance": graph_instance,
    "AWS::Neptune::DBCluster": graph_cluster,
    "AWS::EMR::InstanceGroupConfig": more_machines,
    "AWS::DirectConnect::Lag": ports,
    "AWS::WAF::WebACL": classic_firewall,
    "AWS::WAFRegional::WebACL": classic_firewall,
    "AWS::WAF::Rule": classic_rule,
    "AWS::WAFRegional::Rule": classic_rule,
    "AWS::WAFRegional::RateBasedRule": classic_rule,
    "AWS::Kinesis::StreamConsumer": fan_out,
}
