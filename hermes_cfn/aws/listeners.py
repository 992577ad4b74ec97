"""Elastic Load Balancing: which certificates a load balancer serves."""

from __future__ import annotations

from hermes_cfn.aws.calls import Calls


class Listeners:
    """Listeners of one region."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    def certificates(self, load_balancer: str) -> tuple[str, ...]:
        """ARNs of the certificates of its HTTPS listeners; empty when it has none."""
        found = self._calls.pages("describe_listeners", "Listeners", LoadBalancerArn=load_balancer)
        return tuple(
            certificate["CertificateArn"]
            for listener in found
            if listener.get("Protocol") == "HTTPS"
            for certificate in listener.get("Certificates", ())
        )
