"""Asking CloudFormation what somebody changed by hand, and by which setting ``hermes.toml`` could say it."""

from __future__ import annotations

import dataclasses
import tomllib
from collections.abc import Callable, Mapping
from typing import Any

from hermes_cfn import config
from hermes_cfn.aws.drift import Drift
from hermes_cfn.cfn.statuses import DRIFT_CHECKED
from hermes_cfn.config import Settings, edit
from hermes_cfn.config.section import Section
from hermes_cfn.deployment import Deployment
from hermes_cfn.errors import Finding, HermesError, hermes
from hermes_cfn.flows.base.context import DeployContext
from hermes_cfn.flows.stacks import plan_inputs
from hermes_cfn.plan import Deployed, Plan, drift
from hermes_cfn.plan.drift import Drifted, DriftReport, Row
from hermes_cfn.pricing.prices import PriceBook

Build = Callable[[Settings], Deployment]
"""Makes the stacks of settings."""


def look(context: DeployContext, made: Plan, book: PriceBook | None, build: Build) -> DriftReport:
    """Has CloudFormation look at every stack that rests; what it finds, and by which settings it could be kept.

    Raises AwsError for who may not (``permission-denied`` names the roles that may).
    """
    found: list[Drifted] = []
    unread: dict[str, str] = {}
    there = plan_inputs.deployed(context)
    for spec in context.deployment:
        if spec.key not in there or there[spec.key].status not in DRIFT_CHECKED:
            continue
        door = Drift(context.clients.calls("cloudformation", spec.region))
        status, why = door.detect(spec.name, context.clock)
        if why:
            unread[spec.key] = why
        found += door.properties(spec.key, spec.name) if status == "DRIFTED" else []
    told = drift.report(context.deployment, there, found, made.lookups, context.names.account, book=book, unread=unread)
    rows = [
        dataclasses.replace(row, setting=setting_of(context.settings, row, there, made.lookups, build))
        for row in told.rows
    ]
    return dataclasses.replace(told, rows=tuple(rows))


def setting_of(
    settings: Settings, row: Row, there: Mapping[str, Deployed], lookups: Mapping[str, str], build: Build
) -> str:
    """The setting (``service.log_days``) with which the template would say what is really there; empty where none does.

    Tried out: of the settings that say now what was deployed, the one with which the rendered template has the value.
    """
    drifted = row.drifted
    real = drift.value(drifted.real)
    if not drifted.path:
        return ""
    for section, held in settings:
        for key, now in held if isinstance(held, Section) else ():
            if type(now) is not type(real) or not drift.same(drifted.deployed, now):
                continue
            moved = held.model_copy(update={key: real})
            if _says(settings.model_copy(update={section: moved}), drifted, there, lookups, build):
                return f"{section}.{key}"
    return ""


def _says(
    settings: Settings, drifted: Drifted, there: Mapping[str, Deployed], lookups: Mapping[str, str], build: Build
) -> bool:
    try:
        made = build(settings)
        return drift.same(drifted.real, drift.template_value(made, there, drifted, lookups, settings.account.id))
    except (HermesError, KeyError, ValueError, TypeError):
        return False


def kept(text: str, environment: str | None, report: DriftReport, name: str = "hermes.toml") -> str:
    """``hermes.toml`` with what is really there, wherever a setting can say it.

    Raises HermesError ``drift-unsaid`` naming what no setting can say: then nothing is written.
    """
    unsaid = [row for row in report.rows if not row.setting]
    if unsaid:
        raise HermesError(*(_unsaid(row) for row in unsaid))
    for row in report.rows:
        section, key = row.setting.split(".")
        prefix = f"environments.{environment}." if environment and environment in _overlays(text) else ""
        text = edit.replace(text, prefix + section, key, drift.value(row.drifted.real), name)
    config.parse(text, environment, name)
    return text


def _overlays(text: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] = tomllib.loads(text).get("environments", {})
    return found


def _unsaid(row: Row) -> Finding:
    one = row.drifted
    return Finding(
        "drift-unsaid",
        f"{one.stack}/{one.logical_id}{one.path}",
        f"no setting says what is there: {one.real}",
        why=f"it was deployed as {one.deployed}; nothing was written" if one.path else "nothing was written",
        next=hermes("deploy", "--revert-drift") + " puts it back; or change it back by hand",
    )
