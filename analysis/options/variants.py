"""A choice is a change of ``hermes.toml``; its bill is rendered and priced by the bill engine, never here."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import ValidationError

from hermes_cfn import bill, stacks
from hermes_cfn.bill import Bill, BillLine
from hermes_cfn.config.rules import RULES
from hermes_cfn.config.settings import Settings
from hermes_cfn.errors import ExitCode, Finding, HermesError
from hermes_cfn.pricing.prices import PriceBook

Change = tuple[tuple[str, Any], ...]
"""Pairs of ``section.key`` and value."""


def changed(settings: Settings, changes: Iterable[tuple[str, Any]]) -> Settings:
    """``settings`` with some keys replaced, checked anew.

    Raises :class:`HermesError` code ``choice-impossible`` when the result breaks a rule of the configuration.
    """
    sections: dict[str, dict[str, Any]] = {}
    for key, value in changes:
        section, name = key.split(".")
        sections.setdefault(section, {})[name] = value
    try:
        made = settings.model_copy(
            update={
                section: type(getattr(settings, section)).model_validate(
                    {
                        **{
                            name: getattr(getattr(settings, section), name)
                            for name in type(getattr(settings, section)).model_fields
                        },
                        **values,
                    }
                )
                for section, values in sections.items()
            }
        )
    except ValidationError as error:
        raise _impossible(str(error.errors()[0]["msg"])) from error
    complaints = [what for rule in RULES for _, what, _ in rule(made)]
    if complaints:
        raise _impossible(complaints[0])
    return made


def _impossible(why: str) -> HermesError:
    return HermesError(Finding("choice-impossible", "options", why), exit_code=ExitCode.USAGE)


def bill_of(settings: Settings, book: PriceBook) -> Bill:
    """The whole bill of ``settings``, rendered and priced; its usage is the settings' own."""
    return bill.compute(stacks.build(settings), book, settings.usage)


def toml(change: Change) -> str:
    """The lines of ``hermes.toml`` that select a choice."""
    sections: dict[str, list[str]] = {}
    for key, value in change:
        section, name = key.split(".")
        shown = json.dumps(list(value) if isinstance(value, tuple) else value)
        sections.setdefault(section, []).append(f"{name} = {shown}")
    return "\n".join(f"[{section}]\n" + "\n".join(lines) for section, lines in sections.items())


def lines_of(found: Bill, *, what: str = "", resource_type: str = "", logical_id: str = "") -> tuple[BillLine, ...]:
    """The priced lines whose description contains ``what``, of a type and a logical ID."""
    return tuple(
        line
        for line in found.lines
        if what.casefold() in line.what.casefold()
        and (not resource_type or line.resource_type == resource_type)
        and (not logical_id or line.logical_id == logical_id)
    )


def grouped(found: Bill) -> Mapping[str, tuple[BillLine, ...]]:
    """Lines by what a reader calls them, in the guide's order; every line is in exactly one group."""
    groups: dict[str, list[BillLine]] = {name: [] for name in GROUPS}
    for line in found.lines:
        groups[_group(line)].append(line)
    return {name: tuple(lines) for name, lines in groups.items()}


GROUPS = ("Instances", "Load balancer", "NAT", "Addresses", "Disks", "Transfer", "Logs and alarms", "Other")


def _group(line: BillLine) -> str:
    what, usage = line.what.casefold(), line.usage_type
    if "ipv4" in what:
        return "Addresses"
    if "natgateway" in usage.casefold().replace("-", "") or what.startswith(("nat", "from other zones to the nat")):
        return "NAT"
    if line.service_code == "AWSELB":
        return "Load balancer"
    if "disk" in what or "EBS:" in usage:
        return "Disks"
    if "BoxUsage" in usage or "CPUCredits" in usage:
        return "Instances"
    if line.service_code == "AWSDataTransfer":
        return "Transfer"
    if line.service_code == "AmazonCloudWatch":
        return "Logs and alarms"
    return "Other"
