"""The guide's latencies and its comparison with Fly.io."""

from __future__ import annotations

from ..latency.times import Interaction
from .claims import Claim, Verdict

TABLE, WHY = "Cost Comparison vs Alternatives", "Why AWS Madrid vs Fly.io?"
FLY = "hermes_cfn/pricing/fly.csv (superfly/docs, 2026)"
RTT = "analysis/data/rtt.csv and the fitted stretch"
C = Claim
CONTRA, UNSUP, MISS = Verdict.CONTRADICTORY, Verdict.UNSUPPORTED, Verdict.MISSING

# fmt: off
PLACES: tuple[Claim, ...] = (
    C("fly-frankfurt-cost", TABLE, "Fly.io Frankfurt costs $12-20", (12, 20), "USD/month", lambda f: f.fly_matched("fra"), "two machines with t4g.small's 2 GB, egress and addresses", FLY),
    C("fly-paris-cost", TABLE, "Fly.io Paris costs $12-20", (12, 20), "USD/month", lambda f: f.fly_matched("cdg"), "two machines with t4g.small's 2 GB, egress and addresses", FLY),
    C("fly-memory", TABLE, "… for the same machines (share of t4g.small's memory)", (1, 1), "of 2 GB", lambda f: f.fly_memory_share(), "$12-20 buy two machines of 2 vCPU with a quarter to half of the memory", FLY),
    C("fly-frankfurt-rtt", TABLE, "Frankfurt is ~20-30 ms from Madrid", (20, 30), "ms", lambda f: f.user_rtt("fly-fra"), "29 ms measured between data centres", RTT),
    C("fly-paris-rtt", TABLE, "Paris is ~15-25 ms from Madrid", (15, 25), "ms", lambda f: f.user_rtt("fly-cdg"), lambda f: f.how_sure("madrid", "fly-cdg"), RTT),
    C("spain-rtt", TABLE, "users in Spain see ~1-5 ms", (1, 5), "ms", lambda f: f.spain_rtt(), lambda f: "the region is in Aragón: " + f.seen_from("madrid", "barcelona", "seville", "las-palmas"), RTT, inside=True),
    C("madrid-1ms", TABLE, "1 ms is possible from Madrid", (0, 1), "ms", lambda f: f.fastest_possible(), "273 km of fibre there and back", "speed of light in fibre"),
    C("difference", TABLE, "Madrid is 15-25 ms better", (15, 25), "ms", lambda f: f.better_by(), "against Paris and against Frankfurt, for a user in Madrid and one round trip", RTT),
    C("extra", TABLE, "the extra cost is $66-74", (66, 74), "USD/month", lambda f: (86.0 - 20, 94.0 - 12), "86-94 less 12-20 is 66 to 82", "the guide's own lines", 0, CONTRA, inside=True),
    C("extra-again", WHY, "the extra cost is ~$70-80", (70, 80), "USD/month", lambda f: (86.0 - 20, 94.0 - 12), "a third figure: the comparison says 66-74, its own figures 66-82", "the guide's own lines", 0, CONTRA, inside=True),
    C("extra-true", TABLE, "the extra over Fly.io is $66-82", (66, 82), "USD/month", lambda f: (f.total() - f.fly_matched("fra")[1], f.total() - f.fly_matched("cdg")[0]), "both true totals, machines matched by memory", "bill engine; " + FLY),
    C("per-ms", TABLE, "a millisecond costs $66-74 over 15-25 ms", (66 / 25, 74 / 15), "USD/month/ms", lambda f: f.per_millisecond(), "matched machines, one round trip from Madrid", "bill engine; " + FLY),
    C("lowest-latency", TABLE, "lowest latency for users in Spain: a cold page with the database in Frankfurt gains", (45, 75), "ms", lambda f: f.page_gain() - f.database_penalty(), "ten database round trips cost more than three client round trips gain", RTT, 0, MISS),
    C("database-place", WHY, "latency matters: the database's place is nowhere stated; queries a warm message may make before Frankfurt is faster (two assumed)", (2, 2), "queries", lambda f: f.break_even_queries(Interaction.WARM), "where the means of both homes are equal, for a database in Frankfurt", RTT, 0, MISS),
    C("database-page", WHY, "… and a cold page of ten database round trips", (10, 10), "queries", lambda f: f.break_even_queries(), "beyond these many round trips Frankfurt is faster", RTT, 0, MISS),
    C("no-madrid", WHY, "Fly.io has no region in Spain", (0, 0), "regions", lambda f: float("mad" in _fly_regions()), "mad was being shut in June 2025 and is not on the list of 2026", FLY),
    C("closest", WHY, "Frankfurt and Paris are the closest (rank of Frankfurt by distance)", (1, 2), "rank", lambda f: f.rank_of_frankfurt(), "Paris, London, then Frankfurt", "great circle"),
    C("region-name", "Overview", "eu-south-2 is Madrid", (0, 50), "km from Madrid", lambda f: f.kilometres(), "AWS Europe (Spain) is in Aragón", "analysis/data/places.csv"),
    C("right-choice", WHY, "AWS Madrid is the right choice (first-load queries it may make with a far database)", (18, 18), "queries", lambda f: f.break_even_queries(Interaction.LIVE), "right only with few queries or a database nearby: see analysis latency", RTT, 0, UNSUP),
)
# fmt: on


def _fly_regions() -> tuple[str, ...]:
    from hermes_cfn.pricing.fly import REGIONS

    return REGIONS
