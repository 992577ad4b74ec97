"""One self-contained HTML file: what to run on one page first, then the details, then every assumption.

Needs neither credentials nor network; loads nothing when it is opened.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from analysis import audit, plots, text
from analysis.answers import Payment, Worth, enough, payment, worth
from analysis.assumptions import Assumption, ledger
from analysis.data import rows
from analysis.latency.places import Probed
from analysis.latency.times import Home, Interaction
from analysis.options.frontier import Lattice
from analysis.options.table import Option, Options
from hermes_cfn.bill import BillLine
from hermes_cfn.config.settings import Settings
from hermes_cfn.pricing.prices import PriceBook
from hermes_cfn.units import dollars

Told = Callable[[str], None]


def render(
    settings: Settings,
    book: PriceBook,
    probed: Probed = None,
    told: Told = lambda step: None,
    lattice: Lattice | None = None,
    now: datetime | None = None,
) -> str:
    """The page.  ``told`` hears of each step; ``lattice`` may be a smaller one than the million."""
    told("the bill")
    paid = payment(settings, book)
    told("the options")
    options = Options(settings, book, probed).rows()
    told("the frontier: rendering its variants")
    whole = lattice or Lattice(settings, book, probed)
    best = whole.frontier()
    told("latency and sizing")
    compared = worth(settings, book, probed)
    compute = settings.compute
    sized = enough(settings, compute.instance_type, compute.count, book, probed)
    told("the audit")
    claims = audit.audit()
    told("the pictures")
    plan, region = settings.planning, settings.account.region
    homes = [Home.of(home) for home in (region, "fly-cdg", "fly-fra")]
    figures = {
        "waterfall": plots.waterfall(paid),
        "options": plots.options(options),
        "frontier": plots.frontier(best, whole.evaluated),
        "composition": plots.composition(plan, homes, plan.service_ms, probed),
        "break_even": plots.break_even(plan, region, probed),
        "credits": plots.credits(plan, tuple(dict.fromkeys(("t4g.micro", compute.instance_type)))[:2], compute.count),
        "utilisation": plots.utilisation(sized.sized.processors.servers, plan.service_ms),
    }
    page = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True).from_string(
        Path(__file__).with_name("report.html.j2").read_text(encoding="utf-8")
    )
    return page.render(
        title=f"{settings.application.name}: what to run, and what it costs",
        application=settings.application.name,
        environment=settings.environment.name,
        region=region,
        made=f"{now or datetime.now(UTC):%Y-%m-%d}",
        book=book.name,
        as_of=book.as_of,
        decision=decision(settings, paid, compared, sized.sized.holds),
        costs=paid.sentence,
        worth=compared.sentence,
        enough=sized.sentence,
        cards=list(_cards(paid, compared)),
        surety=surety(paid),
        settled_by=f"What would settle it: {paid.settled_by}.",
        stated=stated(settings, paid.bill.expected),
        figures={name: Markup(plots.svg(figure)) for name, figure in figures.items()},
        options=[_option(row) for row in options],
        frontier_text=f"{whole.evaluated:,} configurations, {whole.feasible:,} distinct and feasible, {len(best)} that no other beats. "
        + " ".join(sorted({f"Left out: {why}." for why in whole.refused.values()})),
        limits=[_limit(limit) for limit in sized.sized.limits],
        audit=claims,
        audit_text=", ".join(f"{count} {name}" for name, count in audit.summary(claims).items()) + ".",
        assumptions=(*ledger(plan), *_usage(settings), *_tables()),
        lines=[_line(line) for line in paid.bill.lines],
    )


def decision(settings: Settings, paid: Payment, compared: Worth, holds: bool) -> str:
    """What to run, what it costs and what it gives, in one sentence."""
    compute, region = settings.compute, settings.account.region
    p50, p99 = compared.per_millisecond(Interaction.COLD)
    what = f"{compute.count} x {compute.instance_type} in {region}"
    if not holds:
        return f"Not {what}: they do not carry the planned load."
    if p50 is None:
        return (
            f"Run it beside the database ({compared.other}), not as {what} for {dollars(paid.bill.expected)} a month: "
            "for these users and this database nothing is gained."
        )
    late = f" and {dollars(p99)} at p99" if p99 is not None else ""
    return (
        f"Run {what} for {dollars(paid.bill.expected)} a month: against {compared.other} a cold page's millisecond "
        f"costs {dollars(p50)} a month at p50{late}."
    )


def surety(paid: Payment) -> str:
    """The shares of the total by where their prices come from, and the total if inferred ones were off by a tenth."""
    total = paid.bill.total
    shares = ", ".join(f"{amount / total:.0%} {basis}" for basis, amount in paid.shares.items())
    low, high = paid.if_inferred
    return (
        f"Of the total {shares}; usage figures are assumptions until you state them. If every inferred price were a tenth "
        f"lower or higher the month would cost {dollars(low)} or {dollars(high)}."
    )


def stated(settings: Settings, expected: Decimal) -> str:
    """The total in the reader's currency and with VAT, as stated; empty where nothing is."""
    plan = settings.planning
    if plan.currency == "USD" and not plan.vat:
        return ""
    net = expected * plan.currency_per_usd
    gross = net * (1 + plan.vat)
    rate = "" if plan.currency == "USD" else f" at your rate of {plan.currency_per_usd} {plan.currency} a dollar"
    return f"Stated by you and applied last: {net:,.2f} {plan.currency} net{rate}, {gross:,.2f} {plan.currency} with {plan.vat:.0%} VAT."


def _cards(paid: Payment, compared: Worth) -> Iterator[dict[str, str]]:
    here, there = compared.here[Interaction.COLD], compared.there[Interaction.COLD]
    yield {"value": dollars(paid.bill.expected), "name": f"a month ({text.span(paid.bill.low, paid.bill.high)})"}
    yield {"value": dollars(paid.bill.expected), "name": "the first month; nothing is paid once"}
    yield {"value": dollars(paid.bill.expected * 12), "name": "twelve months"}
    yield {"value": f"{text.ms(here.p50)} ms", "name": f"cold page p50 ({text.ms(there.p50)} at {compared.other})"}
    yield {"value": f"{text.ms(here.p99)} ms", "name": f"cold page p99 ({text.ms(there.p99)} at {compared.other})"}
    warm = compared.here[Interaction.WARM]
    yield {"value": f"{text.ms(warm.p50)} ms", "name": "warm message p50"}


def _option(row: Option) -> dict[str, str]:
    return {
        "name": row.name,
        "monthly": text.money(row.expected),
        "first": text.money(row.first_month),
        "year": text.money(row.twelve_months),
        "p50": text.ms(row.p50_ms),
        "p99": text.ms(row.p99_ms),
        "there": text.share(row.availability),
        "gap": "?" if row.interruption_s is None else f"{row.interruption_s:.0f}",
        "deploys": "-" if row.key == "stay" else "yes" if row.deployable else "no",
        "guide": row.guide_says,
        "effort": row.effort,
        "note": row.lacks or row.gives_up,
        "toml": row.toml,
    }


def _limit(limit: Any) -> dict[str, str]:
    return {
        "what": limit.what,
        "used": f"{limit.used:,.3g}",
        "available": f"{limit.available:,.3g}",
        "unit": limit.unit,
        "left": f"{limit.margin:.0%}",
        "note": limit.note,
    }


def _usage(settings: Settings) -> Iterator[Assumption]:
    defaults = type(settings.usage)()
    for name, amount in settings.usage.drivers().items():
        given = amount != getattr(defaults, name)
        value = (
            "not given"
            if amount is None
            else f"{amount.low:,f} to {amount.high:,f}"
            if not amount.certain
            else f"{amount.low:,f}"
        )
        yield Assumption(f"usage: {name}", value, "stated" if given else "default", "[usage]")


def _tables() -> Iterator[Assumption]:
    for row in rows("fly.csv"):
        yield Assumption(
            f"Fly.io {row['key']}", f"{row['value']} {row['unit']}", row["basis"], row["source"], row["as_of"]
        )
    for row in rows("sla.csv"):
        yield Assumption(f"availability: {row['key']}", row["availability"], row["basis"], row["source"])
    for row in rows("commitments.csv"):
        yield Assumption(
            f"factor: {row['name']}", f"{row['factor_low']} to {row['factor_high']}", "inferred", row["source"]
        )
    for row in rows("plans.csv"):
        yield Assumption(row["name"], f"{row['monthly']} USD a month", "published", row["source"], row["as_of"])


def _line(line: BillLine) -> dict[str, str]:
    return {
        "stack": line.stack,
        "what": line.what,
        "quantity": "" if line.quantity is None else f"{line.quantity:,.2f}",
        "unit": line.unit,
        "monthly": dollars(line.monthly) if line.state == "priced" else line.state.value,
        "basis": line.basis.value if line.basis else "",
        "note": line.note or line.source,
    }
