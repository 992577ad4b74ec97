"""Everything that would fail, before anything is touched."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from hermes_cfn.checks import access, capacity, images, namesakes, place, secrets, standing
from hermes_cfn.checks.facts import Facts
from hermes_cfn.config import Settings
from hermes_cfn.errors import Finding

Check = Callable[[Settings, Facts], Iterator[Finding]]

CHECKS: tuple[Check, ...] = (
    place.account,
    place.zones,
    place.key_pair,
    capacity.addresses,
    capacity.vcpus,
    images.architecture,
    namesakes.buckets,
    secrets.missing,
    standing.stacks,
    access.denied,
)


def of(settings: Settings, facts: Facts) -> list[Finding]:
    """Findings of every check, in the order of :data:`CHECKS`."""
    return [finding for check in CHECKS for finding in check(settings, facts)]
