"""Which column of an export says what: CUR (2.0 and legacy) and FOCUS (1.0 to 1.4), and what each kind of line is.

Sources: https://docs.aws.amazon.com/cur/latest/userguide/table-dictionary-cur2.html,
https://docs.aws.amazon.com/cur/latest/userguide/Lineitem-columns.html (``lineItem/LineItemType``),
https://docs.aws.amazon.com/cur/latest/userguide/table-dictionary-focus-1-2-aws-columns.html (AWS's 1.2 has no
``x_UsageType``: it is ``SkuMeter``) and https://focus.finops.org (``ProviderName`` of 1.2 is ``ServiceProviderName``
since 1.3 and gone in 1.4).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

NULLS = ("NULL", "null", "Null", "\\N", "None", "none", "NaN", "nan", "N/A", "n/a", "#N/A", "<NA>", "NA", "nil", "-")
"""How people and their tools write that there is nothing, beside an empty cell."""


class Category(StrEnum):
    """What a line of an export is; only ``USAGE`` is compared with the bill, the others stand apart."""

    USAGE = "usage"
    COVERED = "covered use"
    COMMITMENTS = "commitments"
    DISCOUNTS = "discounts"
    FEES = "fees"
    CREDITS = "credits"
    REFUNDS = "refunds"
    TAX = "tax"
    OTHERS = "other providers"


OF_USE = (Category.USAGE, Category.COVERED)
"""The categories whose lines say how long there was use."""

NEGATION = "SavingsPlanNegation"
"""The kind that takes back what the same use would have cost on demand; its amounts of use are a repetition."""

CUR_KINDS: Mapping[str, Category] = {
    "Usage": Category.USAGE,
    "SavingsPlanCoveredUsage": Category.COVERED,
    NEGATION: Category.COVERED,
    "DiscountedUsage": Category.COVERED,
    "RIFee": Category.COMMITMENTS,
    "SavingsPlanRecurringFee": Category.COMMITMENTS,
    "SavingsPlanUpfrontFee": Category.COMMITMENTS,
    "Purchase": Category.COMMITMENTS,
    "Fee": Category.FEES,
    "Credit": Category.CREDITS,
    "Refund": Category.REFUNDS,
    "Adjustment": Category.REFUNDS,
    "Tax": Category.TAX,
}
"""``line_item_line_item_type`` -> category; what ends in ``Discount`` is a discount, another word stands by itself."""

COMMITTED_USAGE_TYPES = ("HeavyUsage", "MediumUsage", "LightUsage", "SP:", "Reserved")
"""Parts of the usage types of the fees that buy reserved capacity and savings plans."""

FOCUS_KINDS: Mapping[str, Category] = {
    "Tax": Category.TAX,
    "Credit": Category.CREDITS,
    "Adjustment": Category.REFUNDS,
}
"""``ChargeCategory`` -> category; ``Usage`` and ``Purchase`` depend on other columns, too."""


@dataclass(frozen=True, slots=True)
class Layout:
    """A family of exports: role -> the names that its column has had, in plain letters, the best first."""

    name: str
    roles: Mapping[str, tuple[str, ...]]
    needed: tuple[str, ...]
    spelled: Mapping[str, str]


CUR = Layout(
    "CUR",
    {
        "kind": ("lineitemlineitemtype",),
        "began": ("lineitemusagestartdate",),
        "ended": ("lineitemusageenddate",),
        "period": ("billbillingperiodstartdate",),
        "account": ("lineitemusageaccountid",),
        "service": ("productservicecode",),
        "product": ("lineitemproductcode",),
        "usage_type": ("lineitemusagetype",),
        "operation": ("lineitemoperation",),
        "region": ("productregioncode", "productregion"),
        "quantity": ("lineitemusageamount",),
        "cost": ("lineitemunblendedcost",),
        "currency": ("lineitemcurrencycode",),
        "commitment": ("reservationreservationarn", "savingsplansavingsplanarn"),
        "tags": ("resourcetags", "tags"),
    },
    ("began", "ended", "usage_type", "cost"),
    {
        "began": "line_item_usage_start_date",
        "ended": "line_item_usage_end_date",
        "usage_type": "line_item_usage_type",
        "cost": "line_item_unblended_cost",
    },
)
FOCUS = Layout(
    "FOCUS",
    {
        "kind": ("chargecategory", "chargetype"),
        "correction": ("chargeclass",),
        "began": ("chargeperiodstart",),
        "ended": ("chargeperiodend",),
        "period": ("billingperiodstart",),
        "account": ("subaccountid", "billingaccountid"),
        "service": ("xservicecode",),
        "product": ("servicename",),
        "usage_type": ("xusagetype", "skumeter"),
        "operation": ("xoperation",),
        "region": ("regionid", "region"),
        "sku": ("skuid",),
        "quantity": ("consumedquantity", "usagequantity", "pricingquantity"),
        "cost": ("billedcost",),
        "currency": ("billingcurrency",),
        "provider": ("serviceprovidername", "providername", "provider"),
        "commitment": ("commitmentdiscountid",),
        "commitment_status": ("commitmentdiscountstatus",),
        "tags": ("tags",),
    },
    ("began", "ended", "cost"),
    {"began": "ChargePeriodStart", "ended": "ChargePeriodEnd", "cost": "BilledCost"},
)
ROLES = tuple(dict.fromkeys((*CUR.roles, *FOCUS.roles)))

FOREIGN: Mapping[str, frozenset[str]] = {
    "Microsoft Azure": frozenset({"metercategory", "meterid"}),
    "Google Cloud": frozenset({"service.description", "sku.description"}),
    "Oracle Cloud": frozenset({"lineitem/referenceno", "usage/billedquantity"}),
    "Alibaba Cloud": frozenset({"pretaxgrossamount", "productcode"}),
}
"""Another provider -> columns by which its own export is known."""


def plain(name: str) -> str:
    """A column's name without case and separators: ``lineItem/UsageType`` and ``line_item_usage_type`` are one."""
    return name.strip().lower().replace("/", "").replace("_", "").replace(" ", "")


def layout(names: Iterable[str]) -> Layout | None:
    """The family that columns of these names belong to."""
    there = {plain(name) for name in names}
    if {"lineitemusagetype", "lineitemunblendedcost"} & there:
        return CUR
    return FOCUS if {"billedcost", "chargeperiodstart"} & there else None


def title(of: Layout, names: Iterable[str]) -> str:
    """What the export is called: CUR with slashes in its names is the legacy one."""
    return of.name if of is FOCUS or any("/" in name for name in names) else "CUR 2.0"


def foreign(names: Iterable[str]) -> str:
    """The provider whose own export these columns are, or nothing."""
    there = {name.strip().lower() for name in names}
    return next((provider for provider, marks in FOREIGN.items() if marks <= there), "")


def roles(of: Layout, names: Iterable[str]) -> dict[str, int]:
    """Role -> the index of its column, for the roles that have one; of equal names the first counts."""
    index: dict[str, int] = {}
    for at, name in enumerate(names):
        index.setdefault(plain(name), at)
    found = {role: next((index[name] for name in known if name in index), None) for role, known in of.roles.items()}
    return {role: at for role, at in found.items() if at is not None}


def category(
    of: Layout,
    kind: str,
    usage_type: str = "",
    service: str = "",
    correction: str = "",
    provider: str = "",
    committed: bool = False,
    status: str = "",
) -> str:
    """What a line is; a kind that nobody knows stays itself, and is never added to use."""
    bought = committed or any(part in usage_type for part in COMMITTED_USAGE_TYPES) or "SavingsPlans" in service
    if of is CUR:
        if kind == "Fee" and bought:
            return Category.COMMITMENTS
        if kind.endswith("Discount"):
            return Category.DISCOUNTS
        return CUR_KINDS.get(kind or "Usage", kind)
    if provider and not provider.lower().startswith(("aws", "amazon")):
        return Category.OTHERS
    if kind in FOCUS_KINDS:
        return FOCUS_KINDS[kind]
    if correction:
        return Category.REFUNDS
    if kind == "Purchase":
        return Category.COMMITMENTS if bought else Category.FEES
    if committed:
        return Category.COMMITMENTS if status == "Unused" else Category.COVERED
    return Category.USAGE if kind in ("", "Usage") else kind
