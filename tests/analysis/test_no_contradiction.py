"""No two statements of a report contradict each other, whatever the settings: read as values, never as words."""

import dataclasses
import itertools
import math
import os
import random
from collections import Counter

import pytest

from analysis import answers, report
from analysis.answers import Verdict, enough, payment, worth
from analysis.assumptions import planning
from analysis.current import current, plans
from analysis.latency.places import places
from analysis.latency.times import Home, Interaction, compose, database_trips
from analysis.options.table import CHOICES, Options
from analysis.report import Decision
from analysis.sizing import fleet
from analysis.sizing.credits import families, machine
from hermes_cfn import bill, config, stacks
from hermes_cfn.errors import HermesError
from hermes_cfn.pricing import books

MANY = int(os.environ.get("HERMES_SETTINGS", "16"))
"""How many random settings; thousands take minutes."""

WHERE = (
    ("eu-south-2", "arm64", "t4g.small"),
    ("eu-central-1", "x86_64", "t3.small"),
    ("us-east-1", "x86_64", "t3.medium"),
    ("eu-west-1", "arm64", "m7g.large"),
    ("ap-southeast-2", "arm64", "t4g.micro"),
)


def random_plan(draw):
    """Anybody's users, database, load and home."""
    cities = [key for key, known in places().items() if known.kind == "city"]
    given = {
        "users": {city: draw.uniform(0.1, 1) for city in draw.sample(cities, draw.randint(1, 3))},
        "database": draw.choice(cities),
        "asset_rounds": draw.randint(0, 3),
        "queries_per_page": draw.choice([0, 0.8, 3, 8, 20]),
        "transactions_per_page": draw.choice([0, 1]),
        "response_kib": draw.choice([1, 14, 60, 400]),
        "peak_requests_per_s": draw.choice([0, 2, 5, 22, 60]),
        "pool_size": draw.choice([2, 10, 30]),
        "sockets": draw.choice([0, 400, 6000]),
        "service_ms": draw.choice([5, 15, 60]),
        "credits": draw.choice(["unlimited", "standard"]),
        "target_p99_ms": draw.choice([100, 500]),
    }
    home = draw.randint(0, 3)
    if home == 1:
        given |= {"current_plan": draw.choice(list(plans())), "current_place": draw.choice(cities), "current_count": 2}
    elif home == 2:
        given |= {
            "current_name": "a server",
            "current_monthly": draw.choice([10, 400]),
            "current_place": draw.choice(cities),
        }
    elif home == 3:
        given |= {"current_name": "a server", "current_monthly": 80, "current_p50_ms": draw.choice([90, 900])}
    return planning(given)


@pytest.fixture(scope="module")
def bases():
    """Settings and price book of each place, and its bill, which no load changes: it is computed once."""
    made = []
    for region, architecture, kind in WHERE:
        zones = ", ".join(f'"{region}{letter}"' for letter in "ab")
        settings = config.parse(
            f'[account]\nregion = "{region}"\n[network]\nzones = [{zones}]\n'
            f'[application]\narchitecture = "{architecture}"\n[compute]\ninstance_type = "{kind}"\n'
        )
        book = books.load(region, "snapshot")
        made.append((settings, book, bill.compute(stacks.build(settings), book, settings.usage)))
    return made


def statements(settings, book):
    """What a report says of these settings, by name."""
    compute = settings.compute
    paid = payment(settings, book)
    compared = worth(settings, book, paid=paid)
    sized = enough(settings, compute.instance_type, compute.count, book)
    options = Options(settings, book)
    rows = {"as-is": options.own(CHOICES[0]), "stay": options.stay()}
    if compared.other.startswith("fly-"):
        rows["there"] = options.fly(compared.other.removeprefix("fly-"), 2, "")
    try:
        least = fleet.smallest(
            settings.planning,
            settings.account.region,
            families(settings.application.architecture, compute.instance_type),
            surge=settings.release.surge,
        )
    except HermesError:
        least = None
    return paid, compared, sized, rows, least


def agree(settings, said):
    """Each pair of statements that must agree, by name."""
    paid, compared, sized, rows, least = said
    plan, region, compute = settings.planning, settings.account.region, settings.compute
    here, there = compared.here[Interaction.COLD], compared.there[Interaction.COLD]
    as_is, stay = rows["as-is"], rows["stay"]
    today = current(plan)
    stopped = fleet.broken(plan, machine(compute.instance_type), compute.count, region, settings.release.surge)
    yield "the bill and the row of what is asked for", as_is.expected == paid.monthly
    yield "the range holds the mean", as_is.low <= as_is.expected <= as_is.high
    yield "sizing and the limit that the options name", sized.sized.holds == (stopped is None) == (as_is.lacks == "")
    yield "sizing and what breaks first", sized.sized.holds == (sized.breaks.margin >= 0)
    yield "carries and has a time", (as_is.p50_ms is None) == math.isinf(here.p50)
    yield "one p50 and one p99", as_is.p50_ms is None or (as_is.p50_ms, as_is.p99_ms) == (here.p50, here.p99)
    yield "p50 is below p99", here.p50 <= here.p99 and (there.p50 <= there.p99 or compared.named)
    yield "the verdict and who carries the load", (compared.verdict is Verdict.NOT_HERE) == math.isinf(here.p50)
    if math.isfinite(here.p50) and math.isfinite(there.p50):
        shown = round(there.p50 - here.p50, 6)
        yield "the verdict and the figures", {
            Verdict.FASTER: shown >= 0.5, Verdict.SLOWER: shown <= -0.5, Verdict.AS_FAST: abs(shown) < 0.5,
        }[compared.verdict]  # fmt: skip
        yield (
            "money a millisecond and the verdict",
            (compared.per_millisecond(Interaction.COLD)[0] is None) == (compared.verdict is not Verdict.FASTER),
        )
    else:
        yield "the verdict of who does not carry it", compared.verdict in (Verdict.NOT_HERE, Verdict.NOT_THERE)
    decided = report.decide(compared, sized.sized.holds)
    yield "the decision and sizing", (decided is Decision.TOO_SMALL) == (not sized.sized.holds)
    yield (
        "the decision and the verdict",
        decided is not Decision.ELSEWHERE or (compared.verdict is Verdict.SLOWER and compared.monthly_more > 0),
    )
    yield "the home that is compared with", compared.named == (today is not None and today.compares)
    if compared.named:
        yield "its money", compared.monthly_more == paid.monthly - stay.expected
        yield "its place", compared.other == stay.home
        yield "its p50", stay.p50_ms is None or stay.p50_ms == there.p50
    else:
        row = rows["there"]
        yield "the other home's money", compared.monthly_more == paid.monthly - row.expected
        yield "the other home carries and has a time", (row.p50_ms is None) == math.isinf(there.p50)
        yield "the other home's p50", row.p50_ms is None or row.p50_ms == there.p50
        yield (
            "throttled is not recommended",
            decided is not Decision.ELSEWHERE or row.lacks == "" or row.p50_ms is not None,
        )
    for even in compared.break_evens[1:2]:
        trips = database_trips(plan, Interaction.COLD)
        one, other = (
            compose(plan, Home.of(home), Interaction.COLD, plan.service_ms, trips).total
            for home in (region, compared.other)
        )
        yield "the break-even and the totals beside it", abs(one - other) < 1e-6 or even.wins(trips) == (one < other)
    for row in rows.values():
        yield "no ? without its reason", (None not in (row.expected, row.p50_ms)) or row.lacks != ""
    if least is not None:
        yield (
            "the smallest that holds is held by sizing",
            fleet.size(plan, least.kind.type, least.count, region, settings.release.surge).holds,
        )
        yield "the smallest is of the image's kind", least.kind.architecture == settings.application.architecture
    spoken = (paid.sentence, compared.sentence, sized.sentence, report.decision(settings, paid, compared, sized.sized.holds),
              report.lead(settings, compared))  # fmt: skip
    words = set(" ".join(spoken).replace("$", " ").replace(",", " ").split())
    yield "no figure that is none", not words & {"inf", "-inf", "nan", "None"}


def test_no_two_statements_of_a_report_contradict_each_other(bases, monkeypatch, capsys):
    draw, counted, verdicts = random.Random(114), Counter(), Counter()
    known = {id(book): whole for _, book, whole in bases}
    monkeypatch.setattr(answers.bill, "compute", lambda deployment, book, usage=None: known[id(book)])
    monkeypatch.setattr(stacks, "build", lambda settings: None)
    for _ in range(MANY):
        base, book, _ = draw.choice(bases)
        settings = base.model_copy(update={"planning": random_plan(draw)})
        said = statements(settings, book)
        verdicts[said[1].verdict] += 1
        for name, holds in agree(settings, said):
            assert holds, (name, settings.account.region, settings.planning)
            counted[name] += 1
    with capsys.disabled():
        print(f"\n{MANY} settings, {len(counted)} kinds of pairs, {sum(counted.values())} compared; {dict(verdicts)}")
    assert len(counted) >= 20 and len(verdicts) >= 3


def test_a_contradiction_would_be_found(bases, monkeypatch):
    settings, book, whole = bases[0]
    monkeypatch.setattr(answers.bill, "compute", lambda deployment, book, usage=None: whole)
    said = statements(settings, book)
    assert all(holds for _, holds in agree(settings, said))
    worse = dataclasses.replace(said[1], monthly_more=said[1].monthly_more + 1)
    rows = said[3] | {"as-is": dataclasses.replace(said[3]["as-is"], p50_ms=1.0)}
    wrong = [name for name, holds in itertools.chain(
        agree(settings, (said[0], worse, *said[2:])), agree(settings, (*said[:3], rows, said[4]))) if not holds]  # fmt: skip
    assert wrong == ["the other home's money", "one p50 and one p99"]
