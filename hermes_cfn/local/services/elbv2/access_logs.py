"""Access logs: a gzipped file every five minutes of service time, in the bucket that was asked for.

"Access logs for your Application Load Balancer" and "Enable access logs" (ALB user guide): names
of files, fields, and the bucket policy that the load balancer's delivery needs.
"""

from __future__ import annotations

import gzip
import json
import secrets
import time
from datetime import datetime, timedelta
from typing import Any

from botocore.exceptions import ClientError

from hermes_cfn.local.clients import OWN, Clients
from hermes_cfn.local.fleet.scheduler import Scheduler
from hermes_cfn.local.services.elbv2.model import LoadBalancer
from hermes_cfn.local.services.policies import Asked, matches
from hermes_cfn.local.wire import ACCOUNT, ServiceError

EVERY_S = 300.0
DELIVERY = "logdelivery.elasticloadbalancing.amazonaws.com"
_MOMENT = "%Y-%m-%dT%H:%M:%S.%fZ"


class AccessLogs:
    """Collects rows of the proxy (:mod:`hermes_cfn.local.fleet.proxy.records`) and delivers them."""

    def __init__(self, clients: Clients, scheduler: Scheduler) -> None:
        self._clients = clients
        self._scheduler = scheduler
        self._rows: dict[str, list[dict[str, Any]]] = {}

    def add(self, balancer: LoadBalancer, rows: list[dict[str, Any]]) -> None:
        """Keeps rows until the next file; none is written while nothing is requested."""
        if balancer.arn not in self._rows:
            self._rows[balancer.arn] = []
            self._scheduler.after(EVERY_S, lambda: self._deliver(balancer))
        self._rows[balancer.arn] += rows

    def _deliver(self, balancer: LoadBalancer) -> None:
        rows = self._rows.pop(balancer.arn, [])
        attributes = balancer.attributes
        if not rows or attributes["access_logs.s3.enabled"] != "true":
            return
        now, clock = time.time(), self._scheduler.clock
        lines = [line(balancer, row, clock.now() - timedelta(seconds=(now - row["at"]) * clock.speed)) for row in rows]
        name = balancer.dimension.replace("/", ".")
        stamp = clock.now()
        key = (
            f"{_folder(attributes)}/elasticloadbalancing/{balancer.region}/{stamp:%Y/%m/%d}/{ACCOUNT}_elasticloadbalancing_"
            f"{balancer.region}_{name}_{stamp:%Y%m%dT%H%MZ}_127.0.0.1_{secrets.token_hex(4)}.log.gz"
        )
        self._put(balancer, key, gzip.compress("".join(lines).encode(), 1))

    def _put(self, balancer: LoadBalancer, key: str, body: bytes) -> None:
        s3 = self._clients("s3", balancer.region, OWN)
        s3.put_object(Bucket=balancer.attributes["access_logs.s3.bucket"], Key=key, Body=body)

    def enable(self, balancer: LoadBalancer) -> None:
        """Checks that the bucket takes logs, and writes the test file.

        Raises ServiceError ``InvalidConfigurationRequest`` where the bucket is missing, lies in
        another region, or its policy does not let the delivery put objects there.
        """
        bucket = balancer.attributes["access_logs.s3.bucket"]
        key = f"{_folder(balancer.attributes)}/ELBAccessLogTestFile"
        if not self._takes(balancer, bucket, key):
            raise ServiceError(
                "InvalidConfigurationRequest",
                f"Access Denied for bucket: {bucket}. Please check S3bucket permission",
            )
        self._put(balancer, key, b"Enable AccessLog for ELB: " + balancer.described["LoadBalancerName"].encode())

    def _takes(self, balancer: LoadBalancer, bucket: str, key: str) -> bool:
        s3 = self._clients("s3", balancer.region, OWN)
        try:
            where = s3.get_bucket_location(Bucket=bucket)["LocationConstraint"] or "us-east-1"
            policy = json.loads(s3.get_bucket_policy(Bucket=bucket)["Policy"])
        except ClientError:
            return False
        asked = Asked(
            "s3:PutObject",
            f"arn:aws:s3:::{bucket}/{key}",
            {
                "aws:sourcearn": (balancer.arn,),
                "aws:sourceaccount": (ACCOUNT,),
                "s3:x-amz-acl": ("bucket-owner-full-control",),
                "aws:securetransport": ("true",),
            },
        )
        statements = policy["Statement"] if isinstance(policy["Statement"], list) else [policy["Statement"]]
        mine = [one for one in statements if _names_delivery(one.get("Principal")) and matches(one, asked)]
        return where == balancer.region and [one["Effect"] for one in mine].count("Allow") == len(mine) > 0


def _folder(attributes: dict[str, str]) -> str:
    prefix = attributes["access_logs.s3.prefix"]
    return f"{prefix}/AWSLogs/{ACCOUNT}" if prefix else f"AWSLogs/{ACCOUNT}"


def _names_delivery(principal: Any) -> bool:
    if principal == "*":
        return True
    given = principal or {}
    services = given.get("Service", [])
    return DELIVERY in ([services] if isinstance(services, str) else services) or given.get("AWS") == "*"


def line(balancer: LoadBalancer, row: dict[str, Any], began: datetime) -> str:
    """One line of an access log, in the order of the fields' table; ``began`` is when the request came in."""
    method, target, version = row["request"]
    https = row["type"] == "https"
    url = f"{row['type']}://{balancer.dns_name}:{row['port']}{target}" if target.startswith("/") else target
    times = row["times"]
    took = sum(value for value in times if value > 0)
    status, answered = row["status"], row["target_status"] or "-"
    kind = {101: "wss" if https else "ws"}.get(status, row["type"])
    fields = [
        kind, (began + timedelta(seconds=took)).strftime(_MOMENT), balancer.dimension, row["client"], row["target"] or "-",
        *(f"{value:.3f}" if value >= 0 else "-1" for value in times), status, answered, row["received"], row["sent"],
        f'"{method} {url} {version}"', f'"{row["agent"] or "-"}"', *row["tls"], row["group"] or "-", f'"{row["trace"] or "-"}"',
        f'"{balancer.dns_name if https else "-"}"', '"-"', row["rule"], began.strftime(_MOMENT), f'"{row["action"] or "-"}"',
        f'"{row["redirect"] or "-"}"', '"-"', f'"{row["target"] or "-"}"', f'"{answered}"', '"-"', '"-"', "TID_" + secrets.token_hex(16),
    ]  # fmt: skip
    return " ".join(str(field) for field in fields) + "\n"
