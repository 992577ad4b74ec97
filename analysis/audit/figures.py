"""The figures that the guide's claims are held against, each computed once when asked for."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from functools import cached_property

from hermes_cfn.bill import Bill, BillLine
from hermes_cfn.config.planning import Planning
from hermes_cfn.config.settings import Settings
from hermes_cfn.plan.timing import Pace, rollout
from hermes_cfn.pricing import books
from hermes_cfn.pricing.prices import PriceBook

from ..latency.places import distance_km, floor_ms, place, places, rtt
from ..latency.times import Interaction, break_even, database_trips, mean_rtt
from ..options import fly, variants
from ..options.buying import ways
from ..sizing.credits import machine

GUIDE_OWN = {"ec2": (24, 24), "alb": (23, 23), "nat": (32, 32), "transfer": (5, 10), "logs": (2, 5), "state": (0, 1)}
"""The lines of the guide's Cost Estimation, USD a month."""
HOURS = 730


class Figures:
    """Prices, bills and times for the guide's deployment; all floats are USD a month or as named."""

    region = "eu-south-2"

    def __init__(self, book: PriceBook | None = None, planning: Planning | None = None) -> None:
        self.book = book or books.load(self.region, "snapshot")
        self.planning = planning or Planning()
        self.settings = Settings()
        self._bills: dict[variants.Change, Bill] = {}

    def bill(self, *changes: tuple[str, object]) -> Bill:
        """The guide's deployment with some keys changed, at our prices."""
        if changes not in self._bills:
            self._bills[changes] = variants.bill_of(variants.changed(self.settings, changes), self.book)
        return self._bills[changes]

    @cached_property
    def guide_bill(self) -> Bill:
        """The same deployment at the guide's own prices."""
        return variants.bill_of(self.settings, books.load(None, "guide"))

    def total(self, *changes: tuple[str, object]) -> float:
        return float(self.bill(*changes).total)

    def saved(self, *changes: tuple[str, object]) -> float:
        return self.total() - self.total(*changes)

    def group(self, name: str) -> float:
        return float(sum((line.monthly for line in variants.grouped(self.bill())[name]), Decimal(0)))

    def line(self, what: str, **where: str) -> float:
        """The lines that contain ``what``, together.  Raises :class:`LookupError` if there are none."""
        found = variants.lines_of(self.bill(), what=what, **where)
        if not found:
            raise LookupError(what)
        return _sum(found)

    def price(self, usage_type: str, region: str | None = None, service: str = "AmazonEC2") -> float:
        operation = {"LoadBalancerUsage": "LoadBalancing:Application"}.get(usage_type)
        return float(self.book.find(service, usage_type, region or self.region, operation).first)

    @property
    def lcu_hours_for_7(self) -> float:
        return 7 / self.lcu_price

    @property
    def lcu_price(self) -> float:
        found = variants.lines_of(self.bill(), what="capacity units")[0]
        return float(found.unit_price or 0)

    @property
    def lcus_explained(self) -> float:
        found = variants.lines_of(self.bill(), what="capacity units")[0]
        return float(found.quantity or 0) / HOURS

    def own_sum(self, low: bool) -> float:
        return float(sum(pair[0 if low else 1] for pair in GUIDE_OWN.values()))

    def user_rtt(self, region: str) -> float:
        return rtt("madrid", region).ms

    def better_by(self) -> tuple[float, float]:
        here = self.user_rtt("eu-south-2")
        return self.user_rtt("fly-cdg") - here, self.user_rtt("fly-fra") - here

    def spain_rtt(self) -> tuple[float, float]:
        times = [rtt(city, self.region).ms for city in self.planning.users]
        return min(times), max(times)

    def seen_from(self, *cities: str) -> str:
        """Round trips to the region, as text."""
        return ", ".join(f"{place(city).name} {rtt(city, self.region).ms:.0f} ms" for city in cities)

    def how_sure(self, a: str, b: str) -> str:
        """What a round trip rests on, as text."""
        trip = rtt(a, b)
        return f"{trip.basis}: {trip.low:.0f} to {trip.high:.0f} ms"

    def fastest_possible(self) -> float:
        return floor_ms(place("madrid"), place(self.region))

    def kilometres(self) -> float:
        return distance_km(place("madrid"), place(self.region))

    def rank_of_frankfurt(self) -> float:
        sites = [known for known in places().values() if known.key.startswith("fly-")]
        order = sorted(sites, key=lambda site: distance_km(place("madrid"), site))
        return float([site.key for site in order].index("fly-fra") + 1)

    def fly_matched(self, region: str) -> tuple[float, float]:
        """Two machines with the memory of t4g.small, with one and with its two vCPUs; egress and addresses too."""
        usage = self.settings.usage.to_users_gb
        egress = usage.expected if usage is not None else Decimal(0)
        months = [
            float(
                sum(
                    (line.monthly for line in fly.month(fly.FlyMachine(vcpu, Decimal(2)), 2, region, egress)),
                    Decimal(0),
                )
            )
            for vcpu in (1, 2)
        ]
        return min(months), max(months)

    def fly_memory_share(self) -> tuple[float, float]:
        """The share of t4g.small's memory that $12 and $20 buy twice in Frankfurt, with its two vCPUs."""
        whole = Decimal(machine("t4g.small").memory_mib) / 1024
        bought = [fly.most_memory_for(Decimal(usd), 2, 2, "fra") for usd in (12, 20)]
        return float(bought[0] / whole), float(bought[1] / whole)

    def break_even_queries(self, interaction: Interaction = Interaction.COLD) -> float:
        found = break_even(self.planning, interaction, self.region, "fly-fra", "frankfurt")
        return found.queries if found.queries is not None else float("inf")

    def database_penalty(self) -> float:
        """Milliseconds that a page loses to a database in Frankfurt when it runs in eu-south-2 rather than beside it."""
        trips = database_trips(self.planning, Interaction.COLD)
        return trips * (rtt(self.region, "frankfurt").ms - rtt("fly-fra", "frankfurt").ms)

    def page_gain(self) -> float:
        """Milliseconds that a page's three round trips gain from eu-south-2 over Frankfurt."""
        return 3 * (mean_rtt(self.planning, "fly-fra") - mean_rtt(self.planning, self.region))

    def commitment(self, key: str) -> tuple[float, float]:
        """Per cent saved."""
        way = ways(self.settings.compute.instance_type, self.region, self.book)[key]
        return float(1 - way.high) * 100, float(1 - way.low) * 100

    def committed_total(self, key: str) -> tuple[float, float]:
        low, high = self.commitment(key)
        return tuple(self.total() - self.group("Instances") * share / 100 for share in (high, low))  # type: ignore[return-value]

    def interruption_s(self, instances: int) -> float:
        return rollout(Pace.of(self.settings), instances).interruption_s

    def per_millisecond(self) -> tuple[float, float]:
        """USD a month for a millisecond of round trip: our total over matched Fly.io machines, against Paris and Frankfurt."""
        gain = self.better_by()
        dear = [self.total() - sum(self.fly_matched(region)) / 2 for region in ("cdg", "fra")]
        each = sorted(money / time for money, time in zip(dear, gain, strict=True))
        return each[0], each[1]


def _sum(lines: Iterable[BillLine]) -> float:
    return float(sum((line.monthly for line in lines), Decimal(0)))
