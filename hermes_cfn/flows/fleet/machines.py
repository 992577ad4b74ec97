"""Which machines have ended: nothing is believed to be gone because EC2 does not know it yet."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from hermes_cfn.flows.base.context import DeployContext

UNKNOWN_S = 60.0
"""Seconds for which EC2 must say at every look that it does not know an instance before that is believed; a new one
is known within seconds (EC2 developer guide, "Eventual consistency in the Amazon EC2 API", has no figure: an estimate)."""


class Machines:
    """Asks EC2, and remembers since when it has not known somebody."""

    def __init__(self, context: DeployContext) -> None:
        self._context = context
        self._unknown: dict[str, datetime] = {}

    def ended(self, instances: Sequence[str]) -> frozenset[str]:
        """Those of ``instances`` whose machine has ended."""
        said, now = self._context.clients.ec2.ended(instances), self._context.now
        self._unknown = {name: self._unknown.get(name, now) for name in said.unknown}
        late = {name for name, since in self._unknown.items() if (now - since).total_seconds() >= UNKNOWN_S}
        return said.ended | late
