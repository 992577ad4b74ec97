"""``init --from``: what another tool's files say, laid over a preset; what they cost there, and here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from hermes_cfn.cli import terminal
from hermes_cfn.errors import HermesError

if TYPE_CHECKING:
    from hermes_cfn.config.starter import Choices
    from hermes_cfn.foreign.model import Home, Reading


def fitting(reading: Reading, *around: Choices) -> Reading:
    """The reading without what cannot stand beside its other settings, which is then left with the reason.

    ``around`` are choices below it (first) and above it (the others).
    """
    from hermes_cfn.config import starter
    from hermes_cfn.foreign.model import Left

    while True:
        try:
            starter.settings(starter.merged(around[0], reading.choices, *around[1:]))
        except HermesError as error:
            told = {one.where.rpartition(" ")[2]: one for one in error.findings}
            wrong = [one for one in reading.taken if f"{one.section}.{one.key}" in told]
            if not wrong:
                return reading
            left = [
                Left(one.origin, f"{one.section}.{one.key} does not fit the other settings", str(finding.next))
                for one in wrong
                for finding in (told[f"{one.section}.{one.key}"],)
            ]
            reading = replace(
                reading,
                taken=tuple(one for one in reading.taken if one not in wrong),
                left=(*reading.left, *left),
            )
        else:
            return reading


def price_now(home: Home | None, region: str) -> Decimal | None:
    """USD a month of where it runs today, by the published prices that are here; None where none is known."""
    from hermes_cfn.pricing import fly

    if home is None:
        return None
    if home.fly is not None:
        if not home.fly.shared:
            return None
        one = fly.shared_machine(home.fly.vcpu, Decimal(home.fly.memory_mib) / 1024, home.fly.region)
        return None if one is None else one * home.fly.count
    return billed(home.resources, home.region or region)


def billed(resources: Mapping[str, Mapping[str, Any]], region: str) -> Decimal | None:
    from hermes_cfn import bill
    from hermes_cfn.cfn.template import Template
    from hermes_cfn.pricing import books

    try:
        template = Template.parse({"Resources": dict(resources)})
        found = bill.compute_templates({"today": template}, region, books.load(region, source="snapshot"))
    except HermesError:
        return None
    total: Decimal = found.total
    return total or None


def remarks(reading: Reading) -> Iterator[str]:
    """Lines for the end of ``hermes.toml``: what was not taken, why, and the nearest thing."""
    if reading.left:
        yield f"Not taken from {', '.join(reading.files)} ({reading.tool}):"
    for one in reading.left:
        yield f"  {one.origin}: {one.why}" + (f"; nearest: {one.nearest}" if one.nearest else "")


def show(reading: Reading, now: Decimal | None, then: Decimal | None) -> None:
    """What was taken and what was not, and the two prices, for people."""
    from hermes_cfn.units import dollars

    terminal.echo(f"from {reading.tool}, {', '.join(reading.files)}: {len(reading.taken)} settings taken")
    for one in reading.taken:
        terminal.echo(f"  {one.section}.{one.key}  from {one.origin}")
    for line in [*remarks(reading), *reading.notes]:
        terminal.echo(line)
    if now is None and then is None:
        return
    where = f"now ({reading.home.said})" if reading.home else "now"
    before = dollars(now) if now is not None else "not known here"
    after = dollars(then) if then is not None else "not known: the region has no price book"
    terminal.echo(f"a month, {where}: {before}; then: {after}")
    if now is not None and reading.home is not None and reading.home.fly is not None:
        terminal.echo("  now: machines alone, without egress, addresses and volumes")
