"""Databases: DynamoDB, RDS, ElastiCache.

RDS operations name the engine (https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/ and
the price list: 0002 MySQL, 0014 PostgreSQL, 0018 MariaDB).
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from hermes_cfn.bill.charge import Charge, Item, NotPriced
from hermes_cfn.bill.quantity import fixed, per
from hermes_cfn.bill.surroundings import Placed, Surroundings, true, whole
from hermes_cfn.units import HOURS_PER_MONTH as HOURS

ENGINES = {
    "mysql": "CreateDBInstance:0002",
    "postgres": "CreateDBInstance:0014",
    "mariadb": "CreateDBInstance:0018",
    "aurora-mysql": "CreateDBInstance:0016",
    "aurora-postgresql": "CreateDBInstance:0021",
}
STORAGE = {"gp2": "GP2-Storage", "gp3": "GP3-Storage", "io1": "PIOPS-Storage", "standard": "StorageUsage"}


def table(place: Placed, around: Surroundings) -> Iterable[Item]:
    share = Decimal(1) / len(around.of("AWS::DynamoDB::Table", "AWS::DynamoDB::GlobalTable"))
    if place.get("BillingMode", "PROVISIONED") == "PAY_PER_REQUEST":
        for what, usage, driver in (
            ("reads", "ReadRequestUnits", "dynamodb_reads"),
            ("writes", "WriteRequestUnits", "dynamodb_writes"),
        ):
            yield Charge(what, "AmazonDynamoDB", usage, per(driver, share), usage, operation="")
    else:
        throughput = place.get("ProvisionedThroughput")
        for what, usage, name in (
            ("read capacity", "ReadCapacityUnit-Hrs", "ReadCapacityUnits"),
            ("write capacity", "WriteCapacityUnit-Hrs", "WriteCapacityUnits"),
        ):
            units = whole(throughput.get(name)) if isinstance(throughput, dict) else None
            if units is None:
                yield NotPriced(what, "the provisioned throughput is not known")
            else:
                yield Charge(
                    what, "AmazonDynamoDB", usage, fixed(HOURS * units), usage, operation="CommittedThroughput"
                )
    yield Charge(
        "storage",
        "AmazonDynamoDB",
        "TimedStorage-ByteHrs",
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
    twice = true(place.get("MultiAZ", False))
    usage = f"{'Multi-AZUsage' if twice else 'InstanceUsage'}:{kind}"
    operation = ENGINES.get(engine.lower(), engine)
    yield Charge(f"{kind} {engine}", "AmazonRDS", usage, fixed(HOURS), "Hrs", operation=operation)
    if engine.startswith("aurora"):
        return
    size = whole(place.get("AllocatedStorage", source.get("AllocatedStorage") if source else None))
    storage = STORAGE.get(str(place.get("StorageType", "gp2")))
    if size is None or storage is None:
        yield NotPriced("storage", "its size and type are not both known")
    else:
        prefix = "RDS:Multi-AZ-" if twice else "RDS:"
        yield Charge("storage", "AmazonRDS", prefix + storage, fixed(size), "GB-Mo")


def cache_nodes(place: Placed, around: Surroundings) -> Iterable[Item]:
    kind = place.get("CacheNodeType")
    count = whole(place.get("NumCacheNodes", place.get("NumCacheClusters", 1)))
    if place.get("NumNodeGroups") is not None:
        groups, replicas = whole(place.get("NumNodeGroups")), whole(place.get("ReplicasPerNodeGroup", 0))
        count = groups * (1 + replicas) if groups is not None and replicas is not None else None
    if not isinstance(kind, str) or count is None:
        yield NotPriced("cache nodes", "their type and number are not both known")
        return
    yield Charge(f"{count} × {kind}", "AmazonElastiCache", f"NodeUsage:{kind}", fixed(HOURS * count), "Hrs")


RULES = {
    "AWS::DynamoDB::Table": table,
    "AWS::DynamoDB::GlobalTable": table,
    "AWS::RDS::DBInstance": database,
    "AWS::ElastiCache::CacheCluster": cache_nodes,
    "AWS::ElastiCache::ReplicationGroup": cache_nodes,
}
