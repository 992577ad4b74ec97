"""Everything that would fail, before anything is touched."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from hermes_cfn.checks import (
    access,
    budget,
    capacity,
    certificate,
    existing,
    group_drift,
    images,
    namesakes,
    outbound,
    place,
    secrets,
)
from hermes_cfn.checks.facts import Facts
from hermes_cfn.config import Settings
from hermes_cfn.errors import Finding

Check = Callable[[Settings, Facts], Iterator[Finding]]

CERTIFICATE_DAYS = 21
"""A certificate that expires sooner is told before anything is deployed with it."""


def _certificate(settings: Settings, facts: Facts) -> Iterator[Finding]:
    """The certificate that ``[certificate] arn`` names; one that a stack requests waits for its DNS there."""
    yield from certificate.check(
        facts.certificate,
        facts.certificate_arn,
        settings.certificate.domain,
        facts.region,
        facts.now,
        CERTIFICATE_DAYS,
        () if settings.ingress.certificates else settings.further_hosts,
    )


CHECKS: tuple[Check, ...] = (
    place.account,
    place.zones,
    place.key_pair,
    outbound.closed,
    existing.network,
    existing.listener,
    capacity.addresses,
    capacity.nat_gateways,
    capacity.vcpus,
    capacity.connections,
    capacity.memory,
    images.architecture,
    namesakes.buckets,
    namesakes.roles,
    namesakes.environments,
    namesakes.provider,
    _certificate,
    secrets.missing,
    group_drift.stacks,
    group_drift.drifted,
    group_drift.parameters,
    access.denied,
    namesakes.records,
    budget.tag,
)


def of(settings: Settings, facts: Facts) -> list[Finding]:
    """Findings of every check, in the order of :data:`CHECKS`."""
    return [finding for check in CHECKS for finding in check(settings, facts)]
