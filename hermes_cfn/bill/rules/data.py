"""Databases: DynamoDB, RDS, ElastiCache.

Operations name the engine in the price list: one usage type has a price for each (RDS 0002 MySQL, 0014
PostgreSQL, 0018 MariaDB; ElastiCache 0001 Memcached, 0002 Redis OSS, and Valkey by its name).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Any

from hermes_cfn.bill.charge import Charge, Free, Item, NotGiven, NotPriced
from hermes_cfn.bill.placing import Placed
from hermes_cfn.bill.quantity import fixed, per
from hermes_cfn.bill.rules.ec2 import address, surplus
from hermes_cfn.bill.surroundings import Surroundings, items, mapping, true, whole, word
from hermes_cfn.units import HOURS_PER_MONTH as HOURS

ENGINES = {
    "mysql": "CreateDBInstance:0002",
    "postgres": "CreateDBInstance:0014",
    "mariadb": "CreateDBInstance:0018",
    "aurora-mysql": "CreateDBInstance:0016",
    "aurora-postgresql": "CreateDBInstance:0021",
}
CACHE_ENGINES = {
    "memcached": "CreateCacheCluster:0001",
    "redis": "CreateCacheCluster:0002",
    "valkey": "CreateCacheCluster:Valkey",
}
STORAGE = {"gp2": "GP2-Storage", "gp3": "GP3-Storage", "io1": "PIOPS-Storage", "standard": "StorageUsage"}


TABLES = ("AWS::DynamoDB::Table", "AWS::DynamoDB::GlobalTable")


def _on_demand(place: Placed) -> bool:
    return word(place.get("BillingMode", "PROVISIONED"), "PROVISIONED", "PAY_PER_REQUEST") == "PAY_PER_REQUEST"


def _units(throughput: Any, name: str) -> int | None:
    return whole(throughput.get(name)) if isinstance(throughput, Mapping) else None


def table(place: Placed, around: Surroundings) -> Iterable[Item]:
    rare = "IA-" if place.get("TableClass") == "STANDARD_INFREQUENT_ACCESS" else ""
    share = around.share(around.of(*TABLES))
    indexes = items(place.get("GlobalSecondaryIndexes"))
    if _on_demand(place):
        among = around.share([one for one in around.of(*TABLES) if _on_demand(one)])
        for what, usage, driver in (
            ("reads", f"{rare}ReadRequestUnits", "dynamodb_reads"),
            ("writes", f"{rare}WriteRequestUnits", "dynamodb_writes"),
        ):
            yield Charge(what, "AmazonDynamoDB", usage, per(driver, among), usage, operation="")
        if indexes:
            yield NotGiven("writes to its indexes", "each write is written to the indexes that it changes, too")
    else:
        sources = [("", place.get("ProvisionedThroughput"))]
        sources += [(f" of index {one.get('IndexName')}", one.get("ProvisionedThroughput")) for one in indexes]
        for of, throughput in sources:
            for what, usage, name, allowance in (
                ("read capacity", f"{rare}ReadCapacityUnit-Hrs", "ReadCapacityUnits", "dynamodb_reads"),
                ("write capacity", f"{rare}WriteCapacityUnit-Hrs", "WriteCapacityUnits", "dynamodb_writes"),
            ):
                units = _units(throughput, name)
                if units is None:
                    yield NotPriced(what + of, "the provisioned throughput is not known")
                    continue
                yield Charge(
                    what + of,
                    "AmazonDynamoDB",
                    usage,
                    fixed(HOURS * units),
                    usage,
                    operation="CommittedThroughput",
                    allowance="" if rare else allowance,
                )
    yield Charge(
        "storage",
        "AmazonDynamoDB",
        f"{rare}TimedStorage-ByteHrs",
        per("dynamodb_gb", share),
        "GB-Mo",
        operation="",
        allowance="" if rare else "dynamodb_gb",
    )
    if true(mapping(place.get("PointInTimeRecoverySpecification")).get("PointInTimeRecoveryEnabled", False)):
        yield Charge(
            "continuous backup",
            "AmazonDynamoDB",
            "TimedPITRStorage-ByteHrs",
            per("dynamodb_gb", share),
            "GB-Mo",
            operation="",
        )
    for copy in items(place.get("Replicas")):
        region = copy.get("Region")
        if region != place.region:
            told = region if isinstance(region, str) else "a region that is not known"
            yield NotPriced(f"replica in {told}", "replicated writes and the copy's storage have no price here")


IO_OPTIMISED = "aurora-iopt1"


def _cluster_of(place: Placed, around: Surroundings) -> Placed | None:
    return around.named("AWS::RDS::DBCluster", "DBClusterIdentifier", place.get("DBClusterIdentifier"))


def database(place: Placed, around: Surroundings) -> Iterable[Item]:
    source = around.find(place.get("SourceDBInstanceIdentifier"))
    home = _cluster_of(place, around)
    kind = place.get("DBInstanceClass") or (source.get("DBInstanceClass") if source else None)
    engine = next((one.get("Engine") for one in (place, source, home) if one and one.get("Engine")), None)
    if not isinstance(kind, str) or not isinstance(engine, str):
        yield NotPriced("database instance", "its class and engine are not both known")
        return
    if kind == "db.serverless":
        yield Free("database instance", "its capacity units are counted with its cluster")
        return
    twice = true(place.get("MultiAZ", False))
    flat = home is not None and home.get("StorageType") == IO_OPTIMISED
    name = "InstanceUsageIOOptimized" if flat else "Multi-AZUsage" if twice else "InstanceUsage"
    operation = ENGINES.get(engine.lower(), engine.lower())
    if str(place.get("LicenseModel", "")).startswith("bring-your-own"):
        operation += ":byol"
    yield Charge(f"{kind} {engine}", "AmazonRDS", f"{name}:{kind}", fixed(HOURS), "Hrs", operation=operation)
    yield from surplus(kind, None, 2 if twice else 1, f"cpu_percent of {place.resource.logical_id}", "AmazonRDS")
    if true(place.get("PubliclyAccessible", False)):
        yield address(2 if twice else 1)
    if engine.startswith("aurora"):
        return
    yield from _storage(place, source, engine, twice)
    if whole(place.get("BackupRetentionPeriod", 1)) != 0:
        backed = [
            one for one in around.of("AWS::RDS::DBInstance") if not str(one.get("Engine", "")).startswith("aurora")
        ]
        backup = per("database_backup_gb", around.share(backed))
        yield Charge("backups beyond its size", "AmazonRDS", "RDS:ChargedBackupUsage", backup, "GB-Mo")


STRIPED_GB = {"oracle": 200, "sqlserver": None}
"""Engine -> GB from which gp3 is striped over four volumes and includes four times as much; 400 elsewhere, never SQL Server."""


def _included(engine: str, size: int) -> tuple[int, int]:
    """IOPS and MiB/s that gp3 includes (https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/CHAP_Storage.html)."""
    least = STRIPED_GB.get(engine.partition("-")[0], 400)
    return (12_000, 500) if least is not None and size >= least else (3_000, 125)


def _storage(place: Placed, source: Placed | None, engine: str, twice: bool) -> Iterator[Item]:
    size = whole(place.get("AllocatedStorage", source.get("AllocatedStorage") if source else None))
    iops = whole(place.get("Iops", 0)) or 0
    kind = str(place.get("StorageType", source.get("StorageType", "gp2") if source else "io1" if iops else "gp2"))
    storage = STORAGE.get(kind)
    if size is None or storage is None:
        yield NotPriced("storage", "its size and type are not both known")
        return
    prefix = "RDS:Multi-AZ-" if twice else "RDS:"
    yield Charge("storage", "AmazonRDS", prefix + storage, fixed(size), "GB-Mo")
    if iops and kind == "io1":
        yield Charge("provisioned IOPS", "AmazonRDS", f"{prefix}PIOPS", fixed(iops), "IOPS-Mo")
    if kind == "standard":
        yield Charge("I/O", "AmazonRDS", "RDS:StorageIOUsage", per("magnetic_ios"), "IOs")
    if kind == "gp3":
        free_iops, free_mibps = _included(engine.lower(), size)
        mibps = whole(place.get("StorageThroughput", 0)) or 0
        if iops > free_iops:
            yield Charge(
                "IOPS beyond the included", "AmazonRDS", f"{prefix}GP3-PIOPS", fixed(iops - free_iops), "IOPS-Mo"
            )
        if mibps > free_mibps:
            more = fixed(mibps - free_mibps)
            yield Charge("throughput beyond the included", "AmazonRDS", f"{prefix}GP3-Throughput", more, "MBPS-Mo")


def cluster(place: Placed, around: Surroundings) -> Iterable[Item]:
    """Aurora's storage and I/O, and its capacity units at the least that each serverless instance scales down to."""
    engine = str(place.get("Engine", ""))
    if place.get("DBClusterInstanceClass") is not None:
        yield NotPriced("Multi-AZ cluster", "its three instances and their storage are in no book")
        return
    if not engine.startswith("aurora"):
        known = engine if isinstance(place.get("Engine"), str) else "an engine that is not known"
        yield NotPriced("cluster", f"no rule for a cluster of {known}")
        return
    flat = place.get("StorageType") == IO_OPTIMISED
    share = around.share(
        [one for one in around.of("AWS::RDS::DBCluster") if str(one.get("Engine", "")).startswith("aurora")]
    )
    storage = "Aurora:IO-OptimizedStorageUsage" if flat else "Aurora:StorageUsage"
    yield Charge("storage", "AmazonRDS", storage, per("aurora_gb", share), "GB-Mo")
    if flat:
        yield Free("I/O requests", "included in I/O-optimised storage")
    else:
        yield Charge("I/O requests", "AmazonRDS", "Aurora:StorageIOUsage", per("aurora_ios", share), "IOs")
    if place.get("EngineMode") == "serverless":
        yield NotGiven(
            "capacity units", "hours and units of Aurora Serverless v1 are in no figure; 0.06 USD a unit and hour"
        )
    scaling = mapping(place.get("ServerlessV2ScalingConfiguration"))
    if not scaling:
        return
    members = around.pointing("AWS::RDS::DBInstance", "DBClusterIdentifier").get(place.id, [])
    count = sum(one.get("DBInstanceClass") == "db.serverless" for one in members)
    least = scaling.get("MinCapacity")
    if not count:
        yield Free("capacity units", "no serverless instance of the template is in the cluster")
        return
    try:
        units = fixed(HOURS * Decimal(str(least)) * count)
    except ArithmeticError:
        yield NotPriced("capacity units", "their least number is not known")
        return
    usage = "Aurora:ServerlessV2IOOptimizedUsage" if flat else "Aurora:ServerlessV2Usage"
    yield Charge(f"capacity units, {count} × {least} at least", "AmazonRDS", usage, units, "ACU-Hr")


def _nodes(place: Placed) -> int | None:
    """Nodes of a cache, whichever of AWS's ways their number is written in."""
    replicas = whole(place.get("ReplicasPerNodeGroup", 0))
    groups = items(place.get("NodeGroupConfiguration"))
    if groups:
        counts = [whole(one.get("ReplicaCount", replicas)) for one in groups]
        return None if None in counts else sum(1 + one for one in counts if one is not None)
    if place.get("NumNodeGroups") is not None or place.get("ReplicasPerNodeGroup") is not None:
        number = whole(place.get("NumNodeGroups", 1))
        return None if number is None or replicas is None else number * (1 + replicas)
    return whole(place.get("NumCacheNodes", place.get("NumCacheClusters", 1)))


def cache_nodes(place: Placed, around: Surroundings) -> Iterable[Item]:
    kind, count = place.get("CacheNodeType"), _nodes(place)
    if not isinstance(kind, str) or count is None:
        yield NotPriced("cache nodes", "their type and number are not both known")
        return
    engine = word(place.get("Engine", "redis"), *CACHE_ENGINES).lower()
    operation = CACHE_ENGINES.get(engine, engine)
    usage = f"NodeUsage:{kind}"
    yield Charge(
        f"{count} × {kind} {engine}", "AmazonElastiCache", usage, fixed(HOURS * count), "Hrs", operation=operation
    )
    if (whole(place.get("SnapshotRetentionLimit", 0)) or 0) > 1 or around.usage.cache_backup_gb is not None:
        kept = per("cache_backup_gb", around.share(around.of(*CACHES)))
        yield Charge("backups", "AmazonElastiCache", "BackupUsage", kept, "GB-Mo")


CACHES = ("AWS::ElastiCache::CacheCluster", "AWS::ElastiCache::ReplicationGroup")


RULES = {
    "AWS::DynamoDB::Table": table,
    "AWS::DynamoDB::GlobalTable": table,
    "AWS::RDS::DBInstance": database,
    "AWS::RDS::DBCluster": cluster,
    **dict.fromkeys(CACHES, cache_nodes),
}
