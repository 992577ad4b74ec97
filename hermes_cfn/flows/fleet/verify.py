"""Asking the application through the load balancer, as a visitor would."""

from __future__ import annotations

import http.client
import socket
import ssl

from hermes_cfn.errors import Finding
from hermes_cfn.flows.base.context import DeployContext
from hermes_cfn.names import balancer as balancer_of

REQUESTS = 5
"""Answers in a row that must be right."""

TIMEOUT_S = 10.0

REFUSED = "verify-failed"
"""The code of what a visitor is told that is wrong."""


class _At(http.client.HTTPSConnection):
    """A connection to ``address`` that asks for ``host``, as curl's --connect-to."""

    def __init__(self, host: str, address: tuple[str, int], tls: ssl.SSLContext) -> None:
        super().__init__(host, timeout=TIMEOUT_S, context=tls)
        self._address = address
        self._tls = tls

    def connect(self) -> None:
        raw = socket.create_connection(self._address, timeout=TIMEOUT_S)
        self.sock = self._tls.wrap_socket(raw, server_hostname=self.host)


def through_load_balancer(context: DeployContext) -> Finding | None:
    """Nothing when the health path answers as it should, :data:`REQUESTS` times in a row."""
    balancer = context.clients.elb.load_balancer(balancer_of(context.settings))
    if balancer is None:
        return _finding(context, "there is no load balancer", "")
    dns_name = str(balancer["DNSName"])
    application, host = context.settings.application, context.settings.certificate.domain or dns_name
    address = _address(context, dns_name)
    tls = ssl.create_default_context()
    if not context.verify_certificate:
        tls.check_hostname = False
        tls.verify_mode = ssl.CERT_NONE
    for _ in range(REQUESTS):
        try:
            connection = _At(host, address, tls)
            connection.request("GET", application.health_path, headers={"Host": host})
            answer = connection.getresponse()
            body = answer.read(500).decode(errors="replace")
            connection.close()
        except (OSError, http.client.HTTPException) as error:
            return _finding(context, f"no answer through {dns_name}", f"{type(error).__name__}: {error}")
        if answer.status not in application.health_codes:
            return _finding(context, f"{application.health_path} answers {answer.status} through {dns_name}", body)
    return None


def _address(context: DeployContext, dns_name: str) -> tuple[str, int]:
    mapped = context.connect_to().get(dns_name, {}).get("https")
    if not mapped:
        return dns_name, 443
    host, _, port = mapped.rpartition(":")
    return host, int(port)


def _finding(context: DeployContext, what: str, evidence: str) -> Finding:
    return Finding(REFUSED, context.names.load_balancer, what, why="the release is not stable yet", evidence=evidence)
