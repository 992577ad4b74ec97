"""One self-contained HTML file: what to run on one page first, then the details, then every assumption.

Needs neither credentials nor network; loads nothing when it is opened.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Any

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from hermes_cfn.bill import BillLine
from hermes_cfn.config.planning import Planning
from hermes_cfn.config.settings import Settings
from hermes_cfn.errors import HermesError
from hermes_cfn.pricing import fly
from hermes_cfn.pricing.prices import PriceBook
from hermes_cfn.units import dollars

from . import audit, plots, text
from .answers import COMMAND, PERMISSION, Payment, Verdict, Worth, enough, payment, worth
from .assumptions import Assumption, ledger
from .data import rows
from .latency.places import Probed, place
from .latency.times import Home, Interaction, fly_homes, interactions
from .options.buying import WORDS, ways
from .options.frontier import Configuration, Lattice, Sensitivity, sensitivity
from .options.table import Option, Options

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
    told("what would change the answer")
    winner, moved = _answer(whole, next(row for row in options if row.key == "as-is"), told)
    told("latency and sizing")
    compared = worth(settings, book, probed, paid)
    compute = settings.compute
    sized = enough(settings, compute.instance_type, compute.count, book, probed)
    told("the audit")
    claims = audit.audit()
    told("the pictures")
    plan, region = settings.planning, settings.account.region
    homes = [Home.of(home) for home in (region, *fly_homes(plan, region, probed)[:2])]
    figures = {
        "waterfall": plots.waterfall(paid),
        "options": plots.options(options),
        "frontier": plots.frontier(whole.cheapest(), best, whole.evaluated, winner),
        "composition": plots.composition(plan, homes, plan.service_ms, probed),
        "break_even": plots.break_even(plan, region, probed),
        "credits": plots.credits(plan, tuple(dict.fromkeys(("t4g.micro", compute.instance_type)))[:2], compute.count),
        "utilisation": plots.utilisation(sized.sized.processors),
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
        lead=lead(settings, compared),
        answers=[
            {"name": "What it costs", "text": paid.sentence + (f" {paid.disagreement}." if paid.disagreement else "")},
            {"name": "What it gives", "text": compared.sentence},
            {"name": "Is it enough", "text": f"{sized.sentence} {sized.credits}"},
            {"name": "How sure", "text": surety(paid, compared)},
            *({"name": name, "text": text} for name, text in better(settings, options, winner, paid)),
            *({"name": "In your money", "text": text} for text in filter(None, [stated(settings, paid.monthly)])),
        ],
        cards=list(_cards(paid, compared, plan)),
        gains=[_gain(compared, one) for one in interactions(plan)],
        other=compared.name,
        command=COMMAND,
        permission=PERMISSION,
        winner=""
        if winner is None
        else f"The cheapest that is as fast and as sure is {winner.name}, {winner.monthly:,.2f} USD a month.",
        moved=[_moved(row) for row in moved],
        figures={name: Markup(plots.svg(figure)) for name, figure in figures.items()},  # noqa: S704 - drawn here, with every text escaped
        options=[_option(row) for row in options],
        frontier_text=f"{whole.evaluated:,} configurations, {whole.feasible:,} distinct and feasible, {len(best)} that no other beats.",
        left_out=sorted(set(whole.refused.values())),
        limits=[_limit(limit) for limit in sized.sized.limits],
        audit=claims,
        audit_text=", ".join(f"{count} {name}" for name, count in audit.summary(claims).items()) + ".",
        assumptions=(*ledger(plan), *_usage(settings), *_tables(), *_bought(settings, book)),
        lines=[_line(line) for line in paid.bill.lines],
    )


class Decision(StrEnum):
    """What the report says first."""

    TOO_SMALL = "too small"
    ELSEWHERE = "elsewhere"
    RUN = "run"


def decide(compared: Worth, holds: bool) -> Decision:
    """Not what does not carry the load; not what is dearer and slower than the other home; else what is asked for."""
    if not holds:
        return Decision.TOO_SMALL
    if compared.verdict is Verdict.SLOWER and compared.monthly_more > 0:
        return Decision.ELSEWHERE
    return Decision.RUN


def decision(settings: Settings, paid: Payment, compared: Worth, holds: bool) -> str:
    """What to run and what it costs, in one sentence."""
    compute, region = settings.compute, settings.account.region
    what = f"{compute.count} x {compute.instance_type} in {region}"
    decided = decide(compared, holds)
    if decided is Decision.TOO_SMALL:
        return f"Not {what}: they do not carry the planned load."
    if decided is Decision.ELSEWHERE:
        where = f"Stay at {compared.name}" if compared.named else f"Run it in {compared.name}"
        return f"{where}, which is faster and cheaper, not as {what} for {dollars(paid.monthly)} a month."
    return f"Run {what} for {dollars(paid.monthly)} a month."


def lead(settings: Settings, compared: Worth) -> str:
    """What the money buys: USD a month for a millisecond at p50 and at p99, for this mix of users."""
    p50, p99 = compared.per_millisecond(Interaction.COLD)
    users = ", ".join(place(city).name for city in settings.planning.users)
    if compared.verdict is Verdict.NOT_HERE:
        return f"{settings.compute.count} x {settings.compute.instance_type} do not carry this load."
    if compared.verdict is Verdict.NOT_THERE:
        return f"{compared.name} does not carry this load with as many machines of that size."
    if p50 is not None and compared.monthly_more <= 0:
        return f"A cold page is faster than at {compared.name}, and it costs less, for users in {users}."
    if p50 is None:
        less = " It costs less." if compared.monthly_more < 0 else ""
        return (
            f"For users in {users} and a database in {place(settings.planning.database).name} nothing is gained at p50 "
            f"against {compared.name}.{less}"
        )
    late = f" and {dollars(p99)} at p99" if p99 is not None else ", and nothing at p99"
    return (
        f"A millisecond of a cold page costs {dollars(p50)} a month at p50{late}, against {compared.name}, for users "
        f"in {users}."
    )


def surety(paid: Payment, compared: Worth) -> str:
    """The shares of the total by where their prices come from, and the verdict if inferred ones were off by a tenth."""
    low, high = paid.if_inferred
    told = (
        f"Of the total {paid.sources}; usage figures are assumptions until you state them. If every inferred price were a tenth "
        f"lower or higher the month would cost {dollars(low)} or {dollars(high)}"
    )
    p50 = compared.per_millisecond(Interaction.COLD)[0]
    if p50 is None:
        return f"{told}, and nothing would be gained at either."
    gained = compared.gained_ms
    each = [dollars((compared.monthly_more + total - paid.monthly) / Decimal(repr(gained))) for total in (low, high)]
    return f"{told}, and a millisecond {each[0]} or {each[1]}: the verdict {_verdict(compared, paid)}."


def _verdict(compared: Worth, paid: Payment) -> str:
    """Whether the sign of the difference survives a tenth of the inferred prices."""
    signs = {compared.monthly_more + total - paid.monthly > 0 for total in (*paid.if_inferred, paid.monthly)}
    return "stands" if len(signs) == 1 else "turns"


def changes(settings: Settings, winner: Configuration) -> list[str]:
    """Everything that a configuration changes of what is there: the new for the old."""

    def shown(key: str, value: object) -> str:
        if key == "network.zones" and isinstance(value, tuple):
            return f"{len(value)} zones"
        if key == "network.flow_logs":
            return "flow logs" if value else "no flow logs"
        return str(value)

    told = []
    for key, new in winner.change:
        section, name = key.split(".")
        old = getattr(getattr(settings, section), name)
        if shown(key, new) != shown(key, old):
            kept = str(len(old)) if key == "network.zones" else shown(key, old)
            told.append(f"{shown(key, new)} for {kept}")
    if winner.commitment != "on-demand":
        told.append(f"{WORDS[winner.commitment]} for {WORDS['on-demand']}")
    return told


def better(
    settings: Settings, options: Sequence[Option], winner: Configuration | None, paid: Payment
) -> Iterator[tuple[str, str]]:
    """What costs less and is no worse, and what is much faster for its money."""
    rows = {row.key: row for row in options}
    here = rows["as-is"]
    if winner is not None and winner.monthly < float(paid.monthly) - 1:
        less = float(paid.monthly) - winner.monthly
        yield (
            "Cheaper",
            f"As fast and as sure for ${less:,.2f} a month less: {winner.name}. It changes {'; '.join(changes(settings, winner))}.",
        )
    moved = rows.get("move-database")
    if moved and moved.expected and here.expected and moved.p50_ms and here.p50_ms and moved.p50_ms < here.p50_ms - 5:
        more = moved.expected - here.expected
        yield (
            "Faster",
            f"A cold page {here.p50_ms - moved.p50_ms:.0f} ms faster at p50 for {dollars(more)} a month more (less what the database "
            f"costs today): {moved.name}.",
        )


def _answer(whole: Lattice, here: Option, told: Told) -> tuple[Configuration | None, tuple[Sensitivity, ...]]:
    """The cheapest that is as fast (to 2 %) and as sure as what is asked for, and what would change that."""
    if here.p99_ms is None or here.availability is None:
        return None, ()
    targets = {"p99_ms": here.p99_ms * 1.02, "availability": here.availability - 1e-5}
    try:
        return whole.answer(**targets), sensitivity(whole, **targets, told=lambda what: told(f"  {what}"))
    except HermesError:
        return None, ()


def _moved(row: Sensitivity) -> dict[str, str]:
    return {
        "assumption": row.assumption,
        "now": row.now,
        "at": row.at or f"never ({row.tried})",
        "winner": row.winner if row.at else "the same",
        "monthly": "" if row.monthly is None else f"{row.monthly:,.2f}",
    }


def _gain(compared: Worth, one: Interaction) -> dict[str, str]:
    here, there = compared.here[one], compared.there[one]
    each = compared.per_millisecond(one)
    names = {Interaction.WARM: "warm message", Interaction.COLD: "cold page", Interaction.LIVE: "first LiveView load"}
    return {
        "name": names[one],
        "here": f"{text.ms(here.p50)} / {text.ms(here.p99)}",
        "there": f"{text.ms(there.p50)} / {text.ms(there.p99)}",
        "gained": f"{there.p50 - here.p50:+,.0f} / {there.p99 - here.p99:+,.0f}"
        if math.isfinite(here.p50 - there.p50)
        else "?",
        "each": " / ".join("–" if money is None else dollars(money) for money in each),
    }


def stated(settings: Settings, expected: Decimal) -> str:
    """The total in the reader's currency and with VAT, as stated; empty where nothing is."""
    plan = settings.planning
    if plan.currency == "USD" and not plan.vat:
        return ""
    net = expected * plan.currency_per_usd
    gross = net * (1 + plan.vat)
    rate = "" if plan.currency == "USD" else f" at your rate of {plan.currency_per_usd} {plan.currency} a dollar"
    return (
        f"Stated by you and applied last: {net:,.2f} {plan.currency} net a month{rate}, {gross:,.2f} {plan.currency} with {plan.vat:.0%} "
        f"VAT; {gross * 12:,.2f} {plan.currency} in twelve months."
    )


def _cards(paid: Payment, compared: Worth, plan: Planning) -> Iterator[dict[str, str]]:
    here, there = compared.here[Interaction.COLD], compared.there[Interaction.COLD]
    other = compared.name
    low, high = paid.bill.low + paid.surplus, paid.bill.high + paid.surplus
    yield {"value": dollars(paid.monthly), "name": f"a month ({text.span(low, high)})"}
    yield {"value": dollars(paid.monthly), "name": "the first month: nothing is paid once"}
    yield {"value": dollars(paid.monthly * 12), "name": "twelve months"}
    yield {"value": f"{text.ms(here.p50)} ms", "name": f"cold page, p50 ({text.ms(there.p50)} at {other})"}
    yield {"value": f"{text.ms(here.p99)} ms", "name": f"cold page, p99 ({text.ms(there.p99)} at {other})"}
    if Interaction.WARM not in interactions(plan):
        return
    warm, far = compared.here[Interaction.WARM], compared.there[Interaction.WARM]
    yield {"value": f"{text.ms(warm.p50)} ms", "name": f"warm message, p50 ({text.ms(far.p50)} at {other})"}


def _option(row: Option) -> dict[str, str]:
    return {
        "name": row.name,
        "monthly": text.money(row.expected),
        "range": text.span(row.low, row.high),
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
        "used": text.figure(limit.used),
        "available": text.figure(limit.available),
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
    for row in fly.rows():
        yield Assumption(
            f"Fly.io {row['key']}", f"{row['value']} {row['unit']}", row["basis"], row["source"], row["as_of"]
        )
    for row in rows("sla.csv"):
        yield Assumption(f"availability: {row['key']}", row["availability"], row["basis"], row["source"])
    for row in rows("plans.csv"):
        allowed = f"{int(row['requests']):,} requests and {int(row['gb']):,} GB a month"
        yield Assumption(row["name"], allowed, "published", row["source"], row["as_of"])


def _bought(settings: Settings, book: PriceBook) -> Iterator[Assumption]:
    kind = settings.compute.instance_type
    try:
        known = ways(kind, settings.account.region, book)
    except HermesError as error:
        finding = error.findings[0]
        yield Assumption(f"ways of buying {kind}", "no price", "missing", f"{finding.where}: {finding.what}")
        return
    for way in known.values():
        share = f"{way.low:.3f}" if way.low == way.high else f"{way.low:.3f} to {way.high:.3f}"
        yield Assumption(f"share of the on-demand price: {way.name}", share, str(way.basis), way.source)


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
