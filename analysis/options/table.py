"""The lattice of choices: what each costs, how fast and how surely it answers, and what one gives up.

A row is a change of ``hermes.toml`` (shown), another shape of its templates (not deployable by
this project, priced by the same engine), or Fly.io.  USD a month, milliseconds of a cold page,
fractions of a month.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal

from hermes_cfn import bill, stacks
from hermes_cfn.bill import Bill, BillLine, State
from hermes_cfn.config.planning import Planning
from hermes_cfn.config.settings import Settings
from hermes_cfn.config.usage import Amount, Usage
from hermes_cfn.errors import HermesError
from hermes_cfn.plan.timing import Pace, rollout
from hermes_cfn.pricing.prices import PriceBook

from ..current import current
from ..data import rows
from ..latency.places import Probed, neighbours, place
from ..latency.times import Home, Interaction, Percentiles, fly_homes, nearest_fly, users_see
from ..sizing.credits import Machine, machine
from ..sizing.fleet import Limit, broken, inside
from . import fly, homes
from .availability import Part, needed, there, way_out
from .buying import ON_DEMAND, WAYS, Way, ways
from .surplus import unbilled
from .variants import Change, changed, toml

ZERO = Decimal(0)
Told = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Option:
    """One row.

    ``low``, ``expected``, ``high`` in USD a month; None where prices are lacking, and ``lacks`` says
    which.  ``guide_says`` is the guide's total where it has one.  ``one_off`` is what is paid at the
    start and spread over twelve of those months.  ``commitments`` lists what the availability is made of.
    """

    key: str
    name: str
    low: Decimal | None
    expected: Decimal | None
    high: Decimal | None
    p50_ms: float | None
    p99_ms: float | None
    availability: float | None
    interruption_s: float | None
    effort: str
    gives_up: str
    deployable: bool
    toml: str = ""
    guide_says: str = ""
    lacks: str = ""
    one_off: Decimal = ZERO
    home: str = ""
    commitments: str = ""

    @property
    def first_month(self) -> Decimal | None:
        """USD that leave in the first month: what is paid at the start, and the month without its share of that."""
        return None if self.expected is None else self.expected + self.one_off * 11 / 12

    @property
    def twelve_months(self) -> Decimal | None:
        """USD."""
        return None if self.expected is None else self.expected * 12


@dataclass(frozen=True, slots=True)
class _Choice:
    key: str
    name: str
    change: Change
    effort: str
    gives_up: str
    guide_says: str = ""
    commitment: str = "on-demand"


PAID_AT_ONCE = ("reserved-1y-upfront",)

ALLOW_ANY: Change = (("database.allow_list", False),)

CHOICES: tuple[_Choice, ...] = (
    _Choice("as-is", "as hermes.toml says", (), "none", "nothing", "86-95"),
    _Choice("reserved", "guide 1: reserved instances, one year", (), "an order", "the freedom to change the type for a year", "78-86", "reserved-1y"),
    _Choice("savings-plan", "guide 2: compute savings plan, one year", (), "an order", "the freedom to use less for a year", "80-88", "savings-plan-1y"),
    _Choice("one-instance", "guide 3: one instance", (("compute.count", 1),), "one line", "redundancy: a failure or a release interrupts", "74-82"),
    _Choice("micro", "guide 4: t4g.micro", (("compute.instance_type", "t4g.micro"),), "one line", "half of the memory, half of the credits", "74-82"),
    _Choice("reserved-upfront", "reserved instances, one year, all paid at once", (), "an order", "a year's money at the start, and the freedom to change", "", "reserved-1y-upfront"),
    _Choice("three-instances", "three instances", (("compute.count", 3),), "one line", "nothing but money"),
    _Choice("larger", "t4g.medium", (("compute.instance_type", "t4g.medium"),), "one line", "nothing but money"),
    _Choice("spot", "spot instances", (), "a day", "AWS may take an instance back after two minutes", "", "spot"),
    _Choice("nat-instance", "a NAT instance", (("network.egress", "nat-instance"),), "one line", "the gateway's commitment; an instance to keep patched", "~3 for it"),
    _Choice("nat-regional", "a regional NAT gateway", (("network.egress", "nat-gateway-regional"),), "one line", "nothing but money"),
    _Choice("nat-per-zone", "a NAT gateway in each zone", (("network.egress", "nat-gateway-per-zone"),), "one line", "money, for a way out that survives a zone"),
    _Choice("public-subnets", "instances in public subnets", (("network.egress", "public-subnets"), *ALLOW_ANY), "one line", "stable addresses for the database's allow-list"),
    _Choice("ipv6", "IPv6 out", (("network.egress", "ipv6"), ("database.addresses", ("ipv6",)), *ALLOW_ANY), "a day", "every API and the database must speak IPv6"),
    _Choice("two-zones", "two zones", (), "one line", "the third zone"),
    _Choice("no-flow-logs", "no flow logs", (("network.flow_logs", False),), "one line", "the record of network traffic"),
    _Choice("access-logs", "access logs of the load balancer", (("service.access_logs", True),), "one line", "nothing; a record of every request, in S3"),
    _Choice("assets", "static assets through CloudFront", (("edge.assets", True), ("worldwide.cloudfront", True)), "a day", "on a first visit a second connection, to an edge nearby; later visits have the files"),
)  # fmt: skip


class Options:
    """All rows for one ``hermes.toml``; each bill is rendered once."""

    def __init__(self, settings: Settings, book: PriceBook, probed: Probed = None) -> None:
        self.settings, self.book, self.probed = settings, book, probed

    @property
    def planning(self) -> Planning:
        return self.settings.planning

    def rows(self, told: Told = lambda name: None) -> tuple[Option, ...]:
        """Where one is first, then every choice that the configuration allows."""
        made: list[Option] = []
        for option in self._all():
            told(option.name)
            made.append(option)
        return tuple(made)

    def _all(self) -> Iterator[Option]:
        yield self.stay()
        for choice in CHOICES:
            yield self.own(choice)
        yield from self.shapes()
        for region in neighbours(self.settings.account.region):
            if region != self.settings.account.region:
                yield self.own(self._elsewhere(region))
        yield from self.flies()
        yield from self.database_moved()

    def stay(self) -> Option:
        """Where one is today, from ``[planning] current_*``; unknown where it says nothing.

        Without a measured latency but with a place, the model's: the same machines there.
        """
        plan, compute, known = self.planning, self.settings.compute, current(self.planning)
        if known is None:
            return Option(
                "stay", "stay where you are", None, None, None, None, None, None, None, "none", "whatever made you look", True,
                lacks="say current_name, current_monthly and current_place, or current_plan, in [planning]",
            )  # fmt: skip
        p50, p99, lacks = plan.current_p50_ms or None, plan.current_p99_ms or None, [known.lacks]
        if known.place and p50 is None:
            kind = machine(compute.instance_type)
            stopped = broken(plan, kind, compute.count, known.place, 0, self.probed)
            seen = self._seen(plan, kind, compute.count, Home.of(known.place), stopped)
            lacks.append(_stopped(stopped))
            if seen is not None:
                p50, p99 = seen.p50, p99 or seen.p99
        return Option(
            "stay", f"stay: {known.name}", known.monthly, known.monthly, known.monthly, p50, p99, None, None, "none",
            "whatever made you look", True, lacks="; ".join(filter(None, lacks)), home=known.place,
        )  # fmt: skip

    def own(self, choice: _Choice) -> Option:
        """A row that this project can deploy."""
        change = choice.change
        if choice.key == "two-zones":
            change = (("network.zones", self.settings.network.zones[:2]),)
        try:
            made = changed(self.settings, change)
            deployment = stacks.build(made)
        except HermesError as error:
            return self._refused(choice, change, error.findings[0].what)
        found, way = bill.compute(deployment, self.book, made.usage), ON_DEMAND
        if choice.commitment in WAYS[1:]:
            try:
                way = ways(made.compute.instance_type, made.account.region, self.book)[choice.commitment]
            except HermesError as error:
                return self._refused(choice, change, f"{error.findings[0].where}: {error.findings[0].what}")
        terms = f"; {way}" if str(way) else ""
        return self._row(
            choice.key, choice.name, found, made, choice.effort, self._gives_up(choice, made) + terms,
            deployable=choice.commitment != "spot", lines=toml(change), way=way,
            guide_says=choice.guide_says, spot=choice.commitment == "spot",
            one_off=fleet_hours(found) * way.factor * 12 if choice.commitment in PAID_AT_ONCE else ZERO,
        )  # fmt: skip

    def _gives_up(self, choice: _Choice, made: Settings) -> str:
        """What a row loses against what is there: of a size, by comparing the two and not by the row's usual case."""
        if choice.key not in ("micro", "larger", "three-instances"):
            return choice.gives_up
        old, new = (machine(one.compute.instance_type) for one in (self.settings, made))
        lost = [
            f"{was:,.0f} {what} for {now:,.0f}"
            for what, was, now in (
                ("instances", self.settings.compute.count, made.compute.count),
                ("MiB of memory", old.memory_mib, new.memory_mib),
                ("vCPU", old.vcpu, new.vcpu),
                ("per cent of each vCPU as baseline", 100 * old.baseline, 100 * new.baseline),
            )
            if now < was
        ]
        return ", ".join(lost) or ("nothing but money" if made != self.settings else "nothing")

    def _refused(self, choice: _Choice, change: Change, why: str) -> Option:
        return Option(
            choice.key, choice.name, None, None, None, None, None, None, None,
            choice.effort, choice.gives_up, False, toml(change), choice.guide_says, why, home=self.settings.account.region,
        )  # fmt: skip

    def _elsewhere(self, region: str) -> _Choice:
        zones = tuple(f"{region}{zone[-1]}" for zone in self.settings.network.zones)
        name = place(region).name.removeprefix("AWS ")
        change = (("account.region", region), ("network.zones", zones))
        return _Choice(f"region-{region}", f"AWS {name}", change, "a day", "the distance to the users")

    def _row(
        self, key: str, name: str, found: Bill, made: Settings, effort: str, gives_up: str, *,
        deployable: bool, lines: str = "", way: Way = ON_DEMAND, guide_says: str = "", edge: str = "",
        spot: bool = False, kind: Machine | None = None, planning: Planning | None = None, in_line: tuple[str, ...] = ("alb",),
        extra: Decimal = ZERO, one_off: Decimal = ZERO, fleet: Part | None = None,
    ) -> Option:  # fmt: skip
        plan, region = planning or made.planning, made.account.region
        assets = "cloudfront" if made.edge.assets else ""
        lacking, machine_kind, count = (
            self._lacking(found),
            kind or machine(made.compute.instance_type),
            made.compute.count,
        )
        extra += unbilled(found, plan, machine_kind, count)
        hours, factors = fleet_hours(found), (way.low, way.factor, way.high)
        low, expected, high = (
            (None,) * 3
            if lacking
            else (
                amount - hours * (1 - factor) + extra
                for amount, factor in zip((found.low, found.expected, found.high), factors, strict=True)
            )
        )
        stopped = broken(plan, machine_kind, count, region, made.release.surge, self.probed)
        seen = self._seen(plan, machine_kind, count, Home(region, edge, assets), stopped)
        egress = made.network.egress
        least = needed(plan, machine_kind, region, self.probed)
        parts = (
            fleet or Part("spot-instance" if spot else "instance", least, count),
            *(Part(key) for key in in_line),
            way_out(egress, len(made.network.zones)),
        )
        return Option(
            key, name, low, expected, high,
            seen.p50 if seen else None, seen.p99 if seen else None, there(parts),
            rollout(Pace.of(made), made.compute.count, made.release.strategy, made.release.at_once(made.compute.count)).interruption_s,
            effort, gives_up, deployable, lines, guide_says,
            "; ".join(filter(None, (lacking, _stopped(stopped)))), one_off, region, _listed(parts),
        )  # fmt: skip

    def _seen(self, plan: Planning, kind: Machine, count: int, home: Home, stopped: Limit | None) -> Percentiles | None:
        """A cold page's times; None where the machines cannot do the work (too slow a page is still a time)."""
        if stopped is not None and not stopped.slow:
            return None
        sampler, method = inside(plan, kind, count, home.region, Interaction.COLD, self.probed)
        if method == "saturated":
            return None
        return users_see(plan, home, Interaction.COLD, sampler, probed=self.probed)

    def _lacking(self, found: Bill) -> str:
        lines = found.of(State.NOT_PRICED)
        if not lines:
            return ""
        return f"no price for {len(lines)} of its lines, as {lines[0].what} in {lines[0].region}: hermes-cfn prices refresh"

    def shapes(self) -> Iterator[Option]:
        """Private ingress behind CloudFront, and Fargate: templates that this project does not deploy."""
        made, deployment = self.settings, stacks.build(self.settings)
        through = made.usage.model_copy(
            update={
                "assets_to_users_gb": made.usage.to_users_gb,
                "asset_requests": made.usage.requests,
                "from_users_gb": _both(made.usage),
                "to_users_gb": _amount(0),
            }
        )
        paid = bill.compute(homes.private_ingress(deployment, distribution=True), self.book, through)
        yield self._row(
            "private-ingress", "CloudFront in front of a private load balancer", paid, made, "a week",
            "a second hop; WebSockets through VPC origins since May 2026, eu-south-2 not verified",
            deployable=False, edge="cloudfront", in_line=("alb", "cloudfront"),
        )  # fmt: skip
        flat = bill.compute(homes.private_ingress(deployment, distribution=False), self.book, through)
        for row in rows("plans.csv"):
            plan = self.book.find("AmazonCloudFront", f"FlatRatePlan:{row['tier']}", "global")
            option = self._row(
                row["key"], row["name"], flat, made, "a week", row["gives_up"],
                deployable=False, edge="cloudfront", in_line=("alb", "cloudfront"), extra=plan.first,
            )  # fmt: skip
            over = _over(row, made.usage)
            yield replace(option, low=None, expected=None, high=None, lacks=over) if over else option
        count = made.compute.count
        tasks = bill.compute(homes.fargate(deployment, count), self.book, made.usage)
        kind = Machine("Fargate 0.5 vCPU, 2 GB", 1, 2048, 1.0, 60, 1440, 0.5, "x86_64")
        slower = made.planning.model_copy(update={"service_ms": made.planning.service_ms * 2})
        yield self._row(
            "fargate", f"Fargate, {count} tasks of 0.5 vCPU and 2 GB (x86)", tasks, made, "a week",
            "half a vCPU a task takes twice as long; the instance's shell and disk",
            deployable=False, kind=kind, planning=slower, fleet=Part("fargate") if count > 1 else None,
        )  # fmt: skip

    def flies(self) -> Iterator[Option]:
        """Fly.io near the users and the database: machines matched by memory, and by memory and vCPUs."""
        homes = fly_homes(self.planning, self.settings.account.region, self.probed)
        for region in sorted(home.removeprefix("fly-") for home in homes):
            yield self.fly(region, 1, "matched by memory")
            yield self.fly(region, 2, "matched by memory and vCPUs")

    def _fly_kind(self, vcpu: int) -> fly.FlyMachine:
        memory = machine(self.settings.compute.instance_type).memory_mib
        return fly.FlyMachine(vcpu, Decimal(repr(memory / 1024)))

    def fly_machine(self, vcpu: int) -> Machine:
        """A machine of Fly.io's with as much memory as an instance: what lies above its baseline is throttled."""
        kind = self._fly_kind(vcpu)
        memory = float(kind.memory_gb) * 1024
        return Machine(kind.name, vcpu, memory, fly.BASELINE, 0, 0, math.inf, "x86_64", borrows=False)

    def fly(self, region: str, vcpu: int, note: str, planning: Planning | None = None) -> Option:
        """Machines as many as there are instances, with as much memory; at most with volumes as large as their disks."""
        plan, count = planning or self.planning, self.settings.compute.count
        kind = self._fly_kind(vcpu)
        egress = self.settings.usage.to_users_gb
        gb = (egress.low, egress.expected, egress.high) if egress is not None else (ZERO, ZERO, ZERO)
        disks = Decimal(count * self.settings.compute.volume_gib)
        low, expected, high = (
            sum((line.monthly for line in fly.month(kind, count, region, out, volumes)), ZERO)
            for out, volumes in zip(gb, (ZERO, ZERO, disks), strict=True)
        )
        machine_kind = self.fly_machine(vcpu)
        home = Home.of(f"fly-{region}")
        stopped = broken(plan, machine_kind, count, home.region, 0, self.probed)
        seen = self._seen(plan, machine_kind, count, home, stopped)
        parts = (Part("fly-machine", 1, count), Part("fly-proxy"))
        city = place(f"fly-{region}").name
        return Option(
            f"fly-{region}-{vcpu}x", f"{city}, {count} x {kind.name}", low, expected, high,
            seen.p50 if seen else None, seen.p99 if seen else None, there(parts), 0.0 if count > 1 else 10.0, "days",
            f"AWS's commitments and network; shared CPUs with a baseline of {fly.BASELINE:.2%} ({note})", False,
            lacks=_stopped(stopped),
            home=f"fly-{region}", commitments=_listed(parts),
        )  # fmt: skip

    def database_moved(self) -> Iterator[Option]:
        """The database beside the instances (RDS), and the machines beside the database (Fly.io)."""
        made = self.settings
        near = made.planning.model_copy(update={"database": made.account.region})
        usage = made.usage.model_copy(update={"to_database_gb": _amount(0), "from_database_gb": _amount(0)})
        found = bill.compute(homes.with_database(stacks.build(made)), self.book, usage)
        yield self._row(
            "move-database", f"move the database into {made.account.region} (RDS db.t4g.micro, one zone)", found, made,
            "days", "the present provider, whose price is not subtracted; RDS's commitment counts here, an external database's nowhere", deployable=False, planning=near,
            in_line=("alb", "rds-single"),
        )  # fmt: skip
        home = nearest_fly(made.planning.database, self.probed)
        row = self.fly(home.removeprefix("fly-"), 2, f"the nearest to a database in {made.planning.database}")
        yield replace(row, key="fly-by-database", name=f"beside the database: {row.name}")


def _stopped(limit: Limit | None) -> str:
    """Why the machines do not carry the planned load; empty if they do."""
    return "" if limit is None else f"does not carry the planned load: {limit}"


def _listed(parts: Iterable[Part]) -> str:
    return ", ".join(str(part) for part in parts)


def fleet_hours(found: Bill) -> Decimal:
    """The instances' hours, which a commitment makes cheaper; USD a month."""
    return sum((line.monthly for line in fleet_lines(found)), ZERO)


def fleet_lines(found: Bill) -> tuple[BillLine, ...]:
    return tuple(
        line
        for line in found.lines
        if line.stack == "service"
        and line.resource_type == "AWS::AutoScaling::AutoScalingGroup"
        and "BoxUsage" in line.usage_type
    )


def _both(usage: Usage) -> Amount:
    """What the load balancer still carries, both ways, when nothing of it is transfer to the internet."""
    parts = [amount.expected for amount in (usage.to_users_gb, usage.from_users_gb) if amount is not None]
    return Amount(distribution="fixed", low=sum(parts, ZERO), high=sum(parts, ZERO))


def _over(plan: Mapping[str, str], usage: Usage) -> str:
    """Why a month's use does not fit a flat-rate plan; empty if it does."""
    used = ((usage.requests, "requests", "requests"), (usage.to_users_gb, "gb", "GB"))
    too_much = [
        f"{amount.high:,.0f} {unit} a month against {Decimal(plan[key]):,.0f}"
        for amount, key, unit in used
        if amount is not None and amount.high > Decimal(plan[key])
    ]
    return "more than the plan allows: " + "; ".join(too_much) if too_much else ""


def _amount(value: int) -> Amount:
    return Amount(distribution="fixed", low=Decimal(value), high=Decimal(value))
