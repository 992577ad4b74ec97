"""Databases: DynamoDB, RDS, ElastiCache.

Operations name the engine in the price list: one usage type has a price for each (RDS 0002 MySQL, 0014
PostgreSQL, 0018 MariaDB; ElastiCache 0001 Memcached, 0002 Redis OSS, and Valkey by its name).
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from hermes_cfn.bill.charge import Charge, Free, Item, NotPriced
from hermes_cfn.bill.quantity import fixed, per
from hermes_cfn.bill.rules.ec2 import address
from hermes_cfn.bill.surroundings import Placed, Surroundings, true, whole
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


def table(place: Placed, around: Surroundings) -> Iterable[Item]:
    rare = "IA-" if place.get("TableClass") == "STANDARD_INFREQUENT_ACCESS" else ""
    share = Decimal(1) / len(around.of("AWS::DynamoDB::Table", "AWS::DynamoDB::GlobalTable"))
    if place.get("BillingMode", "PROVISIONED") == "PAY_PER_REQUEST":
        for what, usage, driver in (
            ("reads", f"{rare}ReadRequestUnits", "dynamodb_reads"),
            ("writes", f"{rare}WriteRequestUnits", "dynamodb_writes"),
        ):
            yield Charge(what, "AmazonDynamoDB", usage, per(driver, share), usage, operation="")
    else:
        throughput = place.get("ProvisionedThroughput")
        for what, usage, name, allowance in (
            ("read capacity", f"{rare}ReadCapacityUnit-Hrs", "ReadCapacityUnits", "dynamodb_reads"),
            ("write capacity", f"{rare}WriteCapacityUnit-Hrs", "WriteCapacityUnits", "dynamodb_writes"),
        ):
            units = whole(throughput.get(name)) if isinstance(throughput, dict) else None
            if units is None:
                yield NotPriced(what, "the provisioned throughput is not known")
            else:
                yield Charge(
                    what,
                    "AmazonDynamoDB",
                    usage,
                    fixed(HOURS * units),
                    usage,
                    operation="CommittedThroughput",
                    allowance=allowance,
                )
    yield Charge(
        "storage",
        "AmazonDynamoDB",
        f"{rare}TimedStorage-ByteHrs",
        per("dynamodb_gb", share),
        "GB-Mo",
        operation="",
        allowance="dynamodb_gb",
    )
    recovery = place.get("PointInTimeRecoverySpecification")
    if isinstance(recovery, dict) and true(recovery.get("PointInTimeRecoveryEnabled")):
        yield Charge(
            "continuous backup",
            "AmazonDynamoDB",
            "TimedPITRStorage-ByteHrs",
            per("dynamodb_gb", share),
            "GB-Mo",
            operation="",
        )


def database(place: Placed, around: Surroundings) -> Iterable[Item]:
    source = around.find(place.get("SourceDBInstanceIdentifier"))
    kind, engine = place.get("DBInstanceClass"), place.get("Engine") or (source.get("Engine") if source else None)
    if not isinstance(kind, str) or not isinstance(engine, str):
        yield NotPriced("database instance", "its class and engine are not both known")
        return
    if kind == "db.serverless":
        yield Free("database instance", "its capacity units are counted with its cluster")
        return
    twice = true(place.get("MultiAZ", False))
    usage = f"{'Multi-AZUsage' if twice else 'InstanceUsage'}:{kind}"
    operation = ENGINES.get(engine.lower(), engine)
    yield Charge(f"{kind} {engine}", "AmazonRDS", usage, fixed(HOURS), "Hrs", operation=operation)
    if true(place.get("PubliclyAccessible", False)):
        yield address(2 if twice else 1)
    if engine.startswith("aurora"):
        return
    size = whole(place.get("AllocatedStorage", source.get("AllocatedStorage") if source else None))
    storage = STORAGE.get(str(place.get("StorageType", "gp2")))
    if size is None or storage is None:
        yield NotPriced("storage", "its size and type are not both known")
    else:
        prefix = "RDS:Multi-AZ-" if twice else "RDS:"
        yield Charge("storage", "AmazonRDS", prefix + storage, fixed(size), "GB-Mo")
        iops = whole(place.get("Iops")) or 0
        if iops and place.get("StorageType") == "io1":
            yield Charge("provisioned IOPS", "AmazonRDS", f"{prefix}PIOPS", fixed(iops), "IOPS-Mo")
    if around.usage.database_backup_gb is not None:
        share = Decimal(1) / len(around.of("AWS::RDS::DBInstance"))
        backup = per("database_backup_gb", share)
        yield Charge("backups beyond its size", "AmazonRDS", "RDS:ChargedBackupUsage", backup, "GB-Mo")


def cluster(place: Placed, around: Surroundings) -> Iterable[Item]:
    """Aurora's storage and I/O, and its capacity units at the least that they scale down to."""
    engine = place.get("Engine")
    if not isinstance(engine, str) or not engine.startswith("aurora"):
        yield NotPriced("cluster", f"no rule for a cluster of {engine}")
        return
    share = Decimal(1) / len(around.of("AWS::RDS::DBCluster"))
    yield Charge("storage", "AmazonRDS", "Aurora:StorageUsage", per("aurora_gb", share), "GB-Mo")
    if place.get("StorageType", "aurora") == "aurora":
        yield Charge("reads and writes", "AmazonRDS", "Aurora:StorageIOUsage", per("aurora_ios", share), "IOs")
    scaling = place.get("ServerlessV2ScalingConfiguration")
    if isinstance(scaling, dict):
        least = scaling.get("MinCapacity")
        try:
            units = fixed(HOURS * Decimal(str(least)))
        except ArithmeticError:
            yield NotPriced("capacity units", "their least number is not known")
            return
        yield Charge(f"capacity units, {least} at least", "AmazonRDS", "Aurora:ServerlessV2Usage", units, "ACU-Hr")


def cache_nodes(place: Placed, around: Surroundings) -> Iterable[Item]:
    kind = place.get("CacheNodeType")
    count = whole(place.get("NumCacheNodes", place.get("NumCacheClusters", 1)))
    if place.get("NumNodeGroups") is not None:
        groups, replicas = whole(place.get("NumNodeGroups")), whole(place.get("ReplicasPerNodeGroup", 0))
        count = groups * (1 + replicas) if groups is not None and replicas is not None else None
    if not isinstance(kind, str) or count is None:
        yield NotPriced("cache nodes", "their type and number are not both known")
        return
    engine = str(place.get("Engine", "redis")).lower()
    operation = CACHE_ENGINES.get(engine, engine)
    usage = f"NodeUsage:{kind}"
    yield Charge(
        f"{count} × {kind} {engine}", "AmazonElastiCache", usage, fixed(HOURS * count), "Hrs", operation=operation
    )
    if around.usage.cache_backup_gb is not None:
        share = Decimal(1) / len(around.of(*CACHES))
        yield Charge("backups", "AmazonElastiCache", "BackupUsage", per("cache_backup_gb", share), "GB-Mo")


CACHES = ("AWS::ElastiCache::CacheCluster", "AWS::ElastiCache::ReplicationGroup")


RULES = {
    "AWS::DynamoDB::Table": table,
    "AWS::DynamoDB::GlobalTable": table,
    "AWS::RDS::DBInstance": database,
    "AWS::RDS::DBCluster": cluster,
    **dict.fromkeys(CACHES, cache_nodes),
}
