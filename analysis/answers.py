"""The three questions that a planner asks first, each answered in one sentence and a few figures."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from enum import StrEnum

from hermes_cfn import bill, stacks
from hermes_cfn.bill import Bill, State
from hermes_cfn.config.planning import Planning
from hermes_cfn.config.settings import Settings
from hermes_cfn.errors import HermesError, hermes
from hermes_cfn.pricing.prices import Basis, PriceBook
from hermes_cfn.units import dollars

from .current import current
from .latency.places import Probed, place
from .latency.times import (
    BreakEven,
    Home,
    Interaction,
    Percentiles,
    break_even,
    database_trips,
    fly_homes,
    interactions,
    users_see,
)
from .options import variants
from .options.surplus import unbilled
from .options.table import Options
from .sizing.credits import Machine, machine, machines
from .sizing.fleet import (
    Limit,
    Sized,
    broken,
    dry_from,
    hourly_utilisation,
    inside,
    requests_month,
    size,
    surplus_month,
    transfer_gb_month,
)
from .text import figure

COMMAND, PERMISSION = hermes("prices", "refresh"), "pricing:GetProducts"
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
    surplus: Decimal = Decimal(0)

    @property
    def monthly(self) -> Decimal:
        """USD: the bill's mean, and the CPU credits of the planned load that it does not have."""
        return self.bill.expected + self.surplus

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
    kind = machines().get(settings.compute.instance_type)
    more = unbilled(found, settings.planning, kind, settings.compute.count) if kind else Decimal(0)
    credits = f", {dollars(more)} of it for CPU credits that the load of [planning] adds to [usage]" if more else ""
    sentence = (
        f"You will pay {dollars(found.expected + more)} a month ({dollars(found.low + more)} to {dollars(found.high + more)}{credits}), "
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
        (found.expected + more - tenth, found.expected + more + tenth), sure, disagreement(settings), more,
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


class Verdict(StrEnum):
    """How here compares with the other home: who carries the load, then the speed and the money of a cold page."""

    NOT_HERE = "not here"
    NOT_THERE = "not there"
    SLOWER = "slower"
    AS_FAST = "as fast"
    FASTER = "faster"


@dataclass(frozen=True, slots=True)
class Worth:
    """Is it worth it: here against where one is today, or against the best Fly.io region, for these users and this
    database.

    ``other`` is a place, ``name`` what it is called; ``named`` whether the section names it.  ``monthly_more`` in USD.
    """

    sentence: str
    here: dict[Interaction, Percentiles]
    there: dict[Interaction, Percentiles]
    other: str
    name: str
    named: bool
    monthly_more: Decimal
    break_evens: tuple[BreakEven, ...]

    @property
    def there_carries(self) -> bool:
        """Whether the other home carries the planned load at all."""
        return math.isfinite(self.there[Interaction.COLD].p50)

    @property
    def gained_ms(self) -> float:
        """Milliseconds by which a cold page is faster here at p50; infinite where only here carries the load."""
        return self.there[Interaction.COLD].p50 - self.here[Interaction.COLD].p50

    @property
    def verdict(self) -> Verdict:
        """To the millisecond that is shown."""
        if math.isinf(self.here[Interaction.COLD].p50):
            return Verdict.NOT_HERE
        if not self.there_carries:
            return Verdict.NOT_THERE
        if abs(self.gained_ms) < 0.5:
            return Verdict.AS_FAST
        return Verdict.FASTER if self.gained_ms > 0 else Verdict.SLOWER

    def per_millisecond(self, interaction: Interaction) -> tuple[Decimal | None, Decimal | None]:
        """USD a month for a millisecond less at p50 and at p99; None where there is nothing gained."""
        here, there = self.here[interaction], self.there[interaction]
        gained = (there.p50 - here.p50, there.p99 - here.p99)
        p50, p99 = (
            self.monthly_more / Decimal(repr(gain)) if math.isfinite(gain) and gain >= 0.5 else None for gain in gained
        )
        return p50, p99


def seen(
    planning: Planning, home: Home, kind: Machine, count: int, surge: int = 1, probed: Probed = None
) -> dict[Interaction, Percentiles]:
    """p50 and p99 of what its users do; infinite where the machines do not carry the load, as ``sizing`` says."""
    stopped = broken(planning, kind, count, home.region, surge, probed)
    never = Percentiles(math.inf, math.inf, math.inf)
    if stopped is not None and not stopped.slow:
        return dict.fromkeys(interactions(planning), never)
    found = {}
    for interaction in interactions(planning):
        sampler, method = inside(planning, kind, count, home.region, interaction, probed)
        found[interaction] = (
            never if method == "saturated" else users_see(planning, home, interaction, sampler, probed=probed)
        )
    return found


def worth(settings: Settings, book: PriceBook, probed: Probed = None, paid: Payment | None = None) -> Worth:
    """The region of ``settings`` against where one is today, if the section says what that costs and where it is; else
    against Fly.io at the database or near the users."""
    plan, region = settings.planning, settings.account.region
    compute, options = settings.compute, Options(settings, book, probed)
    monthly = (paid or payment(settings, book)).monthly
    here = seen(plan, Home(region), machine(compute.instance_type), compute.count, settings.release.surge, probed)
    today = current(plan)
    if today is not None and today.compares:
        other, name = today.place, today.name
        there = seen(plan, Home.of(other), machine(compute.instance_type), compute.count, 0, probed)
        there[Interaction.COLD] = _measured(plan, there[Interaction.COLD])
        more = monthly - (today.monthly or Decimal(0))
    else:
        others = {
            home: seen(plan, Home.of(home), options.fly_machine(2), compute.count, 0, probed)
            for home in fly_homes(plan, region, probed)
        }
        other = min(others, key=lambda home: others[home][Interaction.COLD].p50)
        there, name = others[other], place(other).name
        matched = options.fly(other.removeprefix("fly-"), 2, "matched by memory and vCPUs")
        more = monthly - (matched.expected or Decimal(0))
    told = tuple(break_even(plan, one, region, other, plan.database, probed) for one in Interaction)
    found = Worth("", here, there, other, name, today is not None and today.compares, more, told)
    said = _worth_sentence(plan, region, found)
    if today is not None and not today.compares:
        said += f" To compare with {today.name}: say its price and its place (current_monthly or current_plan, current_place)."
    return replace(found, sentence=said)


def _measured(plan: Planning, modelled: Percentiles) -> Percentiles:
    """What the section says was measured where one is today, else the model's."""
    return Percentiles(
        plan.current_p50_ms or modelled.p50, plan.current_p99_ms or modelled.p99, plan.current_p50_ms or modelled.mean
    )


def _worth_sentence(plan: Planning, region: str, found: Worth) -> str:
    here, there = found.here[Interaction.COLD], found.there[Interaction.COLD]
    dear = (
        f"{dollars(abs(found.monthly_more))} a month {'more' if found.monthly_more >= 0 else 'less'} than {found.name}"
    )
    if found.verdict is Verdict.NOT_HERE:
        return f"No: {region} does not carry this load with these instances."
    if found.verdict is Verdict.NOT_THERE:
        return f"{region} costs {dear}, and {found.name} does not carry this load with as many machines of that size."
    gained, late = there.p50 - here.p50, there.p99 - here.p99
    rule = (
        f"in means over the users and with the database in {place(plan.database).name}, "
        f"{found.break_evens[list(Interaction).index(Interaction.COLD)]}; yours makes {database_trips(plan, Interaction.COLD):g} a page"
    )
    if plan.current_p50_ms and found.named:
        rule = f"what you measured at {found.name} is compared with the model's figure here"
    tail = "as fast at p99" if abs(late) < 0.5 else f"{abs(late):.0f} ms {'faster' if late > 0 else 'slower'} at p99"
    if found.verdict is Verdict.AS_FAST:
        no = "No: " if found.monthly_more > 0 else ""
        return f"{no}{region} costs {dear} and a cold page is as fast at p50 and {tail}; {rule}."
    if found.verdict is Verdict.SLOWER:
        no = "No: " if found.monthly_more > 0 else ""
        return f"{no}{region} costs {dear} and a cold page is {-gained:.0f} ms slower at p50 and {tail}; {rule}."
    if found.monthly_more <= 0:
        return f"{region} costs {dear} and a cold page is {gained:.0f} ms faster at p50 and {tail}; {rule}."
    per = found.monthly_more / Decimal(repr(gained))
    return (
        f"{region} costs {dear} and a cold page is {gained:.0f} ms faster at p50 and {tail}, "
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
    surplus = surplus_month(settings.planning, sized.kind, count, price)
    margin = f"{first.what}, {figure(first.used)} of {figure(first.available)} {first.unit}"
    verdict = "Yes" if sized.holds else "No"
    how = {
        "approximation": "by the approximation, where simulation confirms it",
        "simulation": f"by simulation, to {sized.error:.0%} at 95 % confidence",
    }
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
            if surplus
            else ", and what is borrowed is earned back"
            if plan.credits == "unlimited"
            else ", and then only the baseline is left"
        )
    elif surplus:
        told = f"Day by day the CPU credits grow fewer, and in the end the surplus costs {dollars(surplus)} a month"
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
