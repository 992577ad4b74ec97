"""How well each charge is known in each region: published, billed, inferred or missing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from hermes_cfn.pricing.commitments import for_instance
from hermes_cfn.pricing.prices import Basis, Price, PriceBook
from hermes_cfn.pricing.regions import PLACES
from hermes_cfn.pricing.wanted import machines

REGIONS = ("us-east-1", "eu-west-1", "eu-south-2")


def charges(book: PriceBook) -> tuple[tuple[str, str, str], ...]:
    """(service code, usage type without prefix, operation) of everything the book knows anywhere."""
    return tuple(sorted({(price.service_code, price.stem, price.operation) for price in book}))


def state(book: PriceBook, charge: tuple[str, str, str], region: str) -> str:
    """The basis of a charge in a region, or ``missing``; what has one price for the world counts everywhere."""
    service, usage_type, operation = charge
    for place in (region, *sorted(PLACES)):
        found = book.candidates(service, usage_type, place, operation)
        if found:
            return str(found[0].basis)
    return "missing"


def table(book: PriceBook, regions: Sequence[str] = REGIONS) -> str:
    """Charge × region as a Markdown table, with counts at its end."""
    head = "| service | usage type | operation | " + " | ".join(regions) + " |"
    rows = [(*charge, *(state(book, charge, region) for region in regions)) for charge in charges(book)]
    counts = ", ".join(
        f"{basis} {sum(row.count(basis) for row in rows)}" for basis in ("published", "billed", "inferred", "missing")
    )
    body = ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join([head, "|---" * (3 + len(regions)) + "|", *body, "", f"{counts}, of {len(rows)} charges."]) + "\n"


WAYS = (("reserved", "reserved"), ("EC2Instance", "EC2 instance savings plan"), ("Compute", "compute savings plan"))


def commitments(book: PriceBook, regions: Sequence[str] = REGIONS) -> str:
    """Instance type × region of the ways to commit, and spot, as a Markdown table: how many of each basis."""
    ways = (*WAYS, ("spot", "spot"))
    rows = ["| instance type | region | " + " | ".join(name for _, name in ways) + " |", "|---" * 6 + "|"]
    for kind in machines():
        for region in regions:
            offers = for_instance(kind, region, book)
            if offers:
                cells = (_counted(offer.basis for offer in offers if offer.name.startswith(word)) for word, _ in ways)
                rows.append(f"| {kind} | {region} | " + " | ".join(cells) + " |")
    return "\n".join(rows) + "\n"


def _counted(found: Iterable[Basis]) -> str:
    seen = Counter(found)
    return ", ".join(f"{seen[basis]} {basis}" for basis in Basis if seen[basis]) or "missing"


def steps(prices: Iterable[Price]) -> tuple[str, ...]:
    """Every step of inference in use, with its spread and evidence, once each."""
    return tuple(dict.fromkeys(str(step) for price in prices for step in price.steps))
