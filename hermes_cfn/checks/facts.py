"""What a forecast knows of the account; None is what could not be asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from hermes_cfn.checks.observed import CertificateSeen


@dataclass(frozen=True, slots=True)
class ImageFacts:
    """An image's digest, and the architectures of its manifest where it says them."""

    digest: str
    architectures: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SubnetSeen:
    """A subnet: its VPC, zone, free addresses, and where its default route leads (``igw``, ``nat``, ``tgw`` …; empty: nowhere)."""

    vpc: str
    zone: str
    free: int
    out: str


@dataclass(frozen=True, slots=True)
class ExistingSeen:
    """What there is of an existing network and an existing listener; None is what could not be asked.

    ``subnets`` has those that were found, ``listener_vpc`` is empty where there is no such HTTPS listener, ``priorities`` are
    taken by rules that are not ours.
    """

    vpc: bool | None = None
    subnets: Mapping[str, SubnetSeen] | None = None
    listener_vpc: str | None = None
    priorities: frozenset[int] | None = None


@dataclass(frozen=True)
class Facts:
    """``first``: the service stack is not there yet.  ``buckets``: name -> ours, taken or free;
    ``fleet``: number and type of the instances that the deployed template asks for.

    ``roles`` are names that are taken, ``neighbours`` what names of environments begin with that other deployments have in the account, ``provider`` whether GitHub's identity provider is there and
    would be created; ``records`` are names with the key that wants them and the types of records in their way; ``stale`` rows are stack, parameter, its value and the output that feeds it now.
    ``cost_tag`` is the status of the environment's tag in billing, as the door has it, where a budget waits for it.
    """

    now: datetime
    account: str = ""
    region: str = ""
    first: bool = False
    offered: frozenset[str] | None = None
    key_pair: bool | None = None
    addresses: int | None = None
    addresses_quota: float | None = None
    nat_gateways: int | None = None
    nat_gateways_quota: float | None = None
    fleet: tuple[int, str] | None = None
    vcpus: int | None = None
    vcpus_quota: float | None = None
    buckets: Mapping[str, str] = field(default_factory=dict)
    roles: tuple[str, ...] = ()
    neighbours: tuple[str, ...] = ()
    provider: bool | None = None
    records: tuple[tuple[str, str, tuple[str, ...]], ...] = ()
    certificate_arn: str = ""
    certificate: CertificateSeen | None = None
    missing_secrets: tuple[str, ...] = ()
    image: ImageFacts | None = None
    image_wanted: str = ""
    stacks: Mapping[str, str] = field(default_factory=dict)
    drifted: tuple[str, ...] = ()
    stale: tuple[tuple[str, str, str, str], ...] = ()
    denied: Mapping[str, str] | None = None
    cost_tag: str = ""
    existing: ExistingSeen = ExistingSeen()

    @property
    def zones(self) -> tuple[str, ...]:
        """Zones of the subnets of an existing network."""
        return tuple(sorted({subnet.zone for subnet in (self.existing.subnets or {}).values()}))
