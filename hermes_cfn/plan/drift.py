"""What somebody changed by hand: what the template says, what was deployed, what is there, and what that costs.

Pure: what CloudFormation's drift detection found goes in.  The money is the bill of the deployed templates, once as they
are and once with what is really there in its place.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from typing import Any

from hermes_cfn import bill
from hermes_cfn.cfn.values import Unknown
from hermes_cfn.deployment import Deployment
from hermes_cfn.errors import HermesError
from hermes_cfn.plan.make import as_deployed
from hermes_cfn.plan.model import Deployed
from hermes_cfn.plan.stacks import wanted
from hermes_cfn.pricing.prices import PriceBook

GONE = "is not there"
UNSAID = "not set"


@dataclass(frozen=True, slots=True)
class Drifted:
    """One property that differs, as drift detection says it; with an empty ``path`` the whole resource is gone.

    ``deployed`` and ``real`` are text, of lists and structures JSON (API_PropertyDifference).
    """

    stack: str
    logical_id: str
    resource_type: str
    path: str = ""
    deployed: str = ""
    real: str = GONE


@dataclass(frozen=True, slots=True)
class Row:
    """The same beside what ``hermes.toml`` says now; ``setting`` is the key by which the file could say what is there."""

    drifted: Drifted
    template: str
    setting: str = ""


@dataclass(frozen=True, slots=True)
class DriftReport:
    """``bill`` is what was changed by hand costs a month; None without a price book.  ``unread``: stack key -> why
    CloudFormation could not look at all of it."""

    rows: tuple[Row, ...]
    bill: bill.Difference | None = None
    unread: Mapping[str, str] | None = None


def report(
    deployment: Deployment,
    deployed: Mapping[str, Deployed],
    found: Sequence[Drifted],
    lookups: Mapping[str, str],
    account: str = "",
    book: PriceBook | None = None,
    unread: Mapping[str, str] | None = None,
) -> DriftReport:
    """The three columns and the money."""
    rows = tuple(Row(one, template_value(deployment, deployed, one, lookups, account)) for one in found)
    there = as_deployed(deployment, deployed)
    difference = None
    if book is not None and found:
        difference = bill.difference(bill.compute(there, book), bill.compute(as_real(there, found), book))
    return DriftReport(rows, difference, unread or {})


def template_value(
    deployment: Deployment,
    deployed: Mapping[str, Deployed],
    one: Drifted,
    lookups: Mapping[str, str],
    account: str = "",
) -> str:
    """What ``hermes.toml`` says now of a property, as text; :data:`GONE` for a resource that it does not ask for."""
    spec = deployment.stack(one.stack)
    with suppress(HermesError):
        resource = wanted(spec, deployed, lookups, account).get(one.logical_id)
        if resource is None:
            return GONE
        return _text(at(resource.properties, one.path)) if one.path else "is there"
    return "cannot be said before the plan's errors are mended"


def as_real(deployment: Deployment, found: Iterable[Drifted]) -> Deployment:
    """The deployment with what is really there in its templates."""
    templates = {spec.key: copy.deepcopy(dict(spec.template)) for spec in deployment}
    for one in found:
        resources = templates.get(one.stack, {}).get("Resources", {})
        if one.logical_id not in resources:
            continue
        if not one.path:
            resources[one.logical_id] = {"Type": "AWS::CloudFormation::WaitConditionHandle"}
            continue
        put(resources[one.logical_id].setdefault("Properties", {}), one.path, one.real)
    return replace(deployment, stacks=tuple(replace(spec, template=templates[spec.key]) for spec in deployment.stacks))


def at(properties: Any, path: str) -> Any:
    """The value at a path such as ``/Tags/0/Value``; None where there is none."""
    for part in path.strip("/").split("/"):
        if isinstance(properties, Mapping):
            properties = properties.get(part)
        elif isinstance(properties, list) and part.isdigit() and int(part) < len(properties):
            properties = properties[int(part)]
        else:
            return None
    return properties


def put(properties: dict[str, Any], path: str, text: str) -> None:
    """Writes what is there; nothing where the template has no such place."""
    *before, last = path.strip("/").split("/")
    place: Any = properties
    for part in before:
        if isinstance(place, dict):
            place = place.setdefault(part, {})
        elif isinstance(place, list) and part.isdigit() and int(part) < len(place):
            place = place[int(part)]
        else:
            return
    if isinstance(place, dict):
        place[last] = value(text)
    elif isinstance(place, list) and last.isdigit() and int(last) < len(place):
        place[int(last)] = value(text)


def value(text: str) -> Any:
    """What a text of drift detection stands for: a number, a truth, a list or a structure, else itself."""
    try:
        found = json.loads(text)
    except ValueError:
        return text
    return text if found is None else found


def same(text: str, given: Any) -> bool:
    """Whether a text of drift detection says what a template or a setting does."""
    return value(text) == given or text == _text(given)


def as_data(made: DriftReport) -> dict[str, Any]:
    """For JSON: the rows, and USD a month."""
    return {
        "rows": [{**asdict(row.drifted), "template": row.template, "setting": row.setting} for row in made.rows],
        "monthly": None if made.bill is None else str(made.bill.monthly),
        "unread": dict(made.unread or {}),
    }


def _text(given: Any) -> str:
    if given is None:
        return UNSAID
    if isinstance(given, Unknown):
        return given.reason
    return given if isinstance(given, str) else json.dumps(given, default=str)
