"""Service Quotas: the applied values of a young account, as far as somebody here asks for them.

Defaults from Service Quotas ("Amazon EC2 endpoints and quotas", "Amazon VPC quotas"); the vCPUs are what an
account has after its first weeks, for AWS raises those of a new one, 5, by itself.  The condition
``quota`` (subject: a code) gives another value.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hermes_cfn.local.services.actions import Actions
from hermes_cfn.local.wire import ServiceError

APPLIED = {
    ("ec2", "L-0263D0A3"): ("EC2-VPC Elastic IPs", 5.0),
    ("ec2", "L-1216C47A"): ("Running On-Demand Standard (A, C, D, H, I, M, R, T, Z) instances", 32.0),
    ("vpc", "L-FE5A380F"): ("NAT gateways per Availability Zone", 5.0),
}


class Quotas(Actions):
    """The one action that we need; moto knows no quota of EC2."""

    service = "service-quotas"
    actions = frozenset({"GetServiceQuota"})

    def __init__(self, condition: Callable[[str, str], Any]) -> None:
        self._condition = condition

    def get_service_quota(self, params: dict[str, Any]) -> dict[str, Any]:
        service, code = params["ServiceCode"], params["QuotaCode"]
        if (service, code) not in APPLIED:
            raise ServiceError("NoSuchResourceException", f"The quota {code} of {service} is not known here.", 400)
        name, value = APPLIED[service, code]
        given = self._condition("quota", code)
        return {
            "Quota": {
                "ServiceCode": service,
                "QuotaCode": code,
                "QuotaName": name,
                "Value": value if given is None else float(given),
            }
        }
