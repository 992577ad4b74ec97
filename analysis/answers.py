"""The three questions that a planner asks first, each answered in one sentence and a few figures."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from hermes_cfn import bill, stacks
from hermes_cfn.bill import Bill, State
from hermes_cfn.config.planning import Planning
from hermes_cfn.config.settings import Settings
from hermes_cfn.errors import HermesError
from hermes_cfn.pricing.prices import Basis, PriceBook
from hermes_cfn.units import dollars

from .latency.places import Probed, place
from .latency.times import (
    SHAPES,
    BreakEven,
    Home,
    Interaction,
    Percentiles,
    break_even,
    database_trips,
    users_see,
)
from .options import variants
from .options.table import Options, nearest_fly
from .sizing.credits import machine, machines
from .sizing.fleet import (
    Limit,
    Sized,
    dry_from,
    hourly_utilisation,
    inside,
    requests_month,
    size,
    transfer_gb_month,
)
from .text import figure

COMMAND, PERMISSION = "hermes-cfn prices refresh", "pricing:GetProducts"
"""What would settle every inferred price, and the smallest permission that it needs."""


@dataclass(frozen=True, slots=True)
class Payment:
    """What will I pay: the bill, its groups dearest first, and how sure its prices are (USD a month)."""

    sentence: str
    bill: Bill
    groups: tuple[tuple[str, Decimal], ...]
    shares: dict[str, Decimal]
    if_inferred: tuple[Decimal, Decimal]
    settled_by: str
    disagreement: str

    @property
    def sources(self) -> str:
        """The shares of the total by where the prices come from, as text."""
        return ", ".join(f"{amount / self.bill.total:.0%} {basis}" for basis, amount in self.shares.items())


def payment(settings: Settings, book: PriceBook) -> Payment:
    """The month's bill of ``settings``."""
    found = bill.compute(stacks.build(settings), book, settings.usage)
    groups = sorted(
        ((name, sum((line.monthly for line in lines), Decimal(0))) for name, lines in variants.grouped(found).items()),
        key=lambda pair: -pair[1],
    )
    shares = {
        basis.value: sum((line.monthly for line in found.lines if line.basis is basis), Decimal(0)) for basis in Basis
    }
    tenth = found.inferred / 10
    lacking = len(found.of(State.NOT_PRICED))
    sentence = (
        f"You will pay {dollars(found.expected)} a month ({dollars(found.low)} to {dollars(found.high)}), "
        f"most of it for {groups[0][0]} ({dollars(groups[0][1])}) and {groups[1][0]} ({dollars(groups[1][1])})"
    )
    if lacking:
        sentence += f"; {lacking} lines have no price and are not in it"
    sure = (
        f"{COMMAND}, with {PERMISSION} alone, replaces every inferred price by AWS's own"
        if found.inferred
        else "every price is published or billed"
    )
    return Payment(
        sentence + ".", found, tuple(groups), {key: value for key, value in shares.items() if value},
        (found.expected - tenth, found.expected + tenth), sure, disagreement(settings),
    )  # fmt: skip


APART = 1.5
"""The factor from which the month that is billed and the load that is planned for are told apart."""


def busiest(weights: Sequence[float | Decimal]) -> float:
    """The busiest hour of a day over its mean."""
    return float(max(weights)) * len(weights) / float(sum(weights))


def disagreement(settings: Settings) -> str:
    """Where ``[usage]``, which is billed, and ``[planning]``, which is sized for, describe different months; or nothing."""
    plan, usage = settings.planning, settings.usage
    told = []
    busy = busiest(plan.day)
    for amount, implied, unit in (
        (usage.requests, requests_month(plan), "requests"),
        (usage.to_users_gb, transfer_gb_month(plan), "GB to users"),
        (usage.active_connections, plan.sockets / busy, "open connections"),
    ):
        if amount is not None and amount.expected:
            ratio = implied / float(amount.expected)
            if not 1 / APART <= ratio <= APART:
                told.append(f"{implied:,.0f} {unit} against {amount.expected:,.0f}")
    if usage.daily_profile and not 1 / APART <= busiest(usage.daily_profile) / busy <= APART:
        told.append(f"{busy:.1f} times the day's mean in the busiest hour against {busiest(usage.daily_profile):.1f}")
    kind = machines().get(settings.compute.instance_type)
    if kind is not None and usage.cpu_percent is not None:
        mean = 100 * sum(hourly_utilisation(plan, kind, settings.compute.count)) / 24
        if mean > APART * float(usage.cpu_percent.expected):
            told.append(f"{mean:.0f} % of the processors against {usage.cpu_percent.expected:.0f}")
    if not told:
        return ""
    return f"The load of [planning] makes another month than [usage] bills: {' and '.join(told)}; state both alike"


@dataclass(frozen=True, slots=True)
class Worth:
    """Is it worth it: here against the best Fly.io region, for these users and this database."""

    sentence: str
    here: dict[Interaction, Percentiles]
    there: dict[Interaction, Percentiles]
    other: str
    monthly_more: Decimal
    break_evens: tuple[BreakEven, ...]

    def per_millisecond(self, interaction: Interaction) -> tuple[Decimal | None, Decimal | None]:
        """USD a month for a millisecond less at p50 and at p99; None where there is nothing gained."""
        here, there = self.here[interaction], self.there[interaction]
        gained = (there.p50 - here.p50, there.p99 - here.p99)
        p50, p99 = (self.monthly_more / Decimal(repr(gain)) if gain > 0.5 else None for gain in gained)
        return p50, p99


def seen(
    planning: Planning, home: Home, kind: str, count: int, probed: Probed = None
) -> dict[Interaction, Percentiles]:
    """p50 and p99 of every interaction.  Raises nothing: a saturated fleet is infinitely slow."""
    found = {}
    for interaction in Interaction:
        sampler, method = inside(planning, machine(kind), count, home.region, interaction, probed)
        found[interaction] = (
            Percentiles(math.inf, math.inf, math.inf)
            if method == "saturated"
            else users_see(planning, home, interaction, sampler, probed=probed)
        )
    return found


def worth(settings: Settings, book: PriceBook, probed: Probed = None) -> Worth:
    """The region of ``settings`` against Fly.io at the database, or in Paris where that is nearer to the users."""
    plan, region = settings.planning, settings.account.region
    kind, count = settings.compute.instance_type, settings.compute.count
    here = seen(plan, Home(region), kind, count, probed)
    options = Options(settings, book, probed)
    homes = dict.fromkeys((nearest_fly(plan.database, probed), "fly-cdg", "fly-fra"))
    others = {home: seen(plan, Home.of(home), kind, count, probed) for home in homes}
    other = min(others, key=lambda home: others[home][Interaction.COLD].p50)
    matched = options.fly(other.removeprefix("fly-"), 2, "matched by memory and vCPUs")
    more = payment(settings, book).bill.expected - (matched.expected or Decimal(0))
    told = tuple(
        break_even(SHAPES[one].client, region, other, plan.database, plan.users, probed) for one in Interaction
    )
    found = Worth("", here, others[other], other, more, told)
    return Worth(_worth_sentence(plan, region, found), here, others[other], other, more, told)


def _worth_sentence(plan: Planning, region: str, found: Worth) -> str:
    gained = found.there[Interaction.COLD].p50 - found.here[Interaction.COLD].p50
    late = found.there[Interaction.COLD].p99 - found.here[Interaction.COLD].p99
    trips = database_trips(plan, Interaction.COLD)
    limit = found.break_evens[list(Interaction).index(Interaction.COLD)].queries
    rule = (
        f"with the database in {place(plan.database).name} it wins at any number of queries"
        if limit is None
        else f"with the database in {place(plan.database).name} it wins up to {limit:.1f} database round trips a page, "
        f"and yours makes {trips:g}"
    )
    dear = f"{dollars(abs(found.monthly_more))} a month {'more' if found.monthly_more >= 0 else 'less'} than {place(found.other).name}"
    if math.isinf(found.here[Interaction.COLD].p50):
        return f"No: {region} does not carry this load with these instances."
    if gained <= 0:
        return f"No: {region} costs {dear} and a cold page is {-gained:.0f} ms slower at p50 ({-late:.0f} ms at p99); {rule}."
    per = found.monthly_more / Decimal(repr(gained))
    return (
        f"{region} costs {dear} and a cold page is {gained:.0f} ms faster at p50 ({late:.0f} ms at p99), "
        f"{dollars(per)} a month for each millisecond at p50; {rule}."
    )


@dataclass(frozen=True, slots=True)
class Enough:
    """Is this type enough: the sized answer, what breaks first, what the CPU credits do, and the surplus that
    unlimited mode charges (USD a month)."""

    sentence: str
    credits: str
    sized: Sized
    breaks: Limit
    surplus_monthly: Decimal


def enough(settings: Settings, kind: str, count: int, book: PriceBook, probed: Probed = None) -> Enough:
    """Whether ``count`` of ``kind`` carry the planned load.  Raises :class:`HermesError` for an unknown type."""
    sized = size(settings.planning, kind, count, settings.account.region, surge=settings.release.surge, probed=probed)
    first = sized.first_to_break
    try:
        price = book.find("AmazonEC2", f"CPUCredits:{kind.split('.')[0]}", settings.account.region).first
    except HermesError:
        price = Decimal(0)
    surplus = sized.usual_day.surplus_month(price) * count
    margin = f"{first.what}, {figure(first.used)} of {figure(first.available)} {first.unit}"
    verdict = "Yes" if sized.holds else "No"
    how = {"approximation": "by the approximation, where simulation confirms it", "simulation": "by simulation"}
    wait = (
        "pages wait without end"
        if sized.method == "saturated"
        else f"p99 of a page {sized.page_p99_ms:.0f} ms on the instances ({how[sized.method]})"
    )
    sentence = (
        f"{verdict}: {count} x {kind} {'carry' if sized.holds else 'do not carry'} {settings.planning.peak_requests_per_s:g} "
        f"requests a second; {wait}. "
        f"First to break: {margin} ({first.margin:.0%} left; {first.note})."
    )
    return Enough(sentence, _credits(settings, sized, surplus), sized, first, surplus)


def _credits(settings: Settings, sized: Sized, surplus: Decimal) -> str:
    """What the CPU credits do on a new instance and on a usual day."""
    plan, kind = settings.planning, sized.kind
    if not kind.bursts:
        return f"{kind.type} has no CPU credits: all of its processors are always there."
    dry = dry_from(plan, kind, sized.count)
    if sized.usual_day.dry_at is not None:
        told = f"On a usual day the CPU credits are used up after {sized.usual_day.dry_at:.1f} hours"
        told += (
            f", and the surplus costs {dollars(surplus)} a month"
            if plan.credits == "unlimited"
            else ", and then only the baseline is left"
        )
    elif dry is None:
        told = "On a usual day the CPU credits last, whatever the processors carry"
    else:
        told = f"On a usual day the CPU credits last; from {dry:.0f} requests a second at the peak they would not"
    told += ". A new instance starts with none, so renewing machine images resets the fleet's balance"
    if sized.new_day.dry_at is not None:
        told += (
            f": its first day borrows from hour {sized.new_day.dry_at:.1f} on"
            if plan.credits == "unlimited"
            else f": it is down to its baseline from hour {sized.new_day.dry_at:.1f} of its first day"
        )
    if plan.credits == "standard":
        told += f"; its start takes {sized.boot_s:.0f} s of its baseline"
    return told + "."
