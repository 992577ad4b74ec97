"""One stack: its parameters and resources before and after, with what nobody can know yet."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import takewhile
from typing import Any

from hermes_cfn import tool
from hermes_cfn.cfn.changes import PropertyChange, ResourceChange, changes
from hermes_cfn.cfn.conditions import kept
from hermes_cfn.cfn.intrinsics import Scope, active_resources, resolve_parameters
from hermes_cfn.cfn.kinds import kind
from hermes_cfn.cfn.template import Resource, Template, dependencies, references
from hermes_cfn.cfn.values import Unknown
from hermes_cfn.deployment import DEFAULTS, FromLookup, FromOutput, FromSetting, StackSpec
from hermes_cfn.plan import claims
from hermes_cfn.plan.model import MASKED, Change, Deployed, Shown, StackPlan
from hermes_cfn.plan.timing import critical_path

ANEW = frozenset({"ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED", "DELETE_FAILED"})

PARAMETER = "parameter "
"""What a parameter's path begins with."""

AS_DEPLOYED = "as deployed"
"""The value before of a property that refers to something which only AWS knows."""


@dataclass(frozen=True, slots=True)
class Perhaps(Unknown):
    """A value that changes only if AWS replaces what it comes from."""


LONGEST = 160
"""Characters of a value that a plan shows."""

_SECRET = re.compile(r"secret|passw|token|api_?key|credential|private_?key", re.IGNORECASE)


def parameters(
    spec: StackSpec, deployed: Mapping[str, Deployed], lookups: Mapping[str, str], account: str
) -> dict[str, Any]:
    """Values as far as they are known: an output of a stack that is not there, or that will change, is *known after* it."""
    values: dict[str, Any] = {}
    mine = deployed.get(spec.key, Deployed())
    for name, source in spec.parameters.items():
        match source:
            case FromSetting(value):
                values[name] = value.replace("${AWS::AccountId}", account) if account else value
            case FromOutput(stack, output):
                known = deployed.get(stack, Deployed()).outputs
                values[name] = known.get(output, Unknown(f"known after {stack}"))
            case FromLookup(lookup, _):
                found = lookups.get(source.key) or mine.parameters.get(name)
                values[name] = found or DEFAULTS.get(lookup) or Unknown(f"looked up: {lookup}")
    return values


def stack_plan(
    spec: StackSpec, deployed: Mapping[str, Deployed], lookups: Mapping[str, str], account: str = ""
) -> StackPlan:
    """What happens to one stack.  Raises HermesError for a template that CloudFormation refuses."""
    mine = deployed.get(spec.key, Deployed())
    values = parameters(spec, deployed, lookups, account)
    after = Template.parse(dict(spec.template))
    resources = _resources(after, values, spec, account)
    there = mine.there and mine.status not in ANEW
    before: Mapping[str, Resource] = {}
    old: Template | None = None
    if there:
        old = Template.parse(dict(mine.template or {}))
        before = _resources(old, _known(old, mine.parameters), spec, account)
    found = changes(before, resources, spec.region, after if there else None, unevaluated=old)
    shown = tuple(_change(spec.key, change, resources.get(change.logical_id)) for change in found)
    parameter_changes = tuple(_parameters(mine.parameters, values, after)) if there else ()
    action = _action(mine.status, there, bool(shown or parameter_changes) or _else_differs(spec, mine))
    waits = tuple(sorted({v.reason for v in values.values() if isinstance(v, Unknown)}))
    changed = shown if action != "unchanged" else ()
    return StackPlan(
        spec.key,
        spec.name,
        spec.region,
        action,
        changed,
        parameter_changes,
        _seconds(changed, after),
        waits,
        mine.status or "",
        mine.commit,
        (
            *claims.taken(spec.key, spec.region, before, resources, found),
            *claims.priorities(spec.key, before, resources, found),
            *claims.too_long(spec.key, resources),
        ),
    )


def wanted(
    spec: StackSpec, deployed: Mapping[str, Deployed], lookups: Mapping[str, str], account: str = ""
) -> Mapping[str, Resource]:
    """The resources of one stack as they are going to be, by logical ID."""
    values = parameters(spec, deployed, lookups, account)
    return _resources(Template.parse(dict(spec.template)), values, spec, account)


def followed(spec: StackSpec, mine: Deployed, planned: StackPlan) -> Deployed:
    """A stack as those that it feeds will find it: an output that becomes another one is not known yet."""
    if planned.action == "unchanged":
        return mine
    before = (mine.template or {}).get("Outputs", {})
    given = {shown.path.removeprefix(PARAMETER) for shown in planned.parameters}
    fate = {change.logical_id: change for change in planned.changes}
    outputs: dict[str, str | Unknown] = {}
    for name, value in mine.outputs.items():
        wanted = spec.template.get("Outputs", {}).get(name)
        if wanted is None:
            continue
        targets = {reference.target for reference in references(wanted)}
        fed = [fate[target] for target in sorted(targets) if target in fate]
        perhaps = [change.logical_id for change in fed if change.perhaps_replaced]
        if wanted != before.get(name) or targets & given or any(one.sign in "+<±" for one in fed):
            outputs[name] = Unknown(f"known after {spec.key}")
        elif perhaps:
            outputs[name] = Perhaps(f"known after {spec.key}, for AWS may replace {' and '.join(perhaps)}")
        else:
            outputs[name] = value
    return replace(mine, outputs=outputs)


def _known(template: Template, given: Mapping[str, str]) -> dict[str, Any]:
    """Deployed values; what CloudFormation hides, or nobody recorded, is Unknown."""
    found: dict[str, Any] = {}
    for name, declared in template.parameters.items():
        value = given.get(name)
        if value is None and "Default" in declared:
            continue
        found[name] = Unknown("hidden") if value is None or (value and not value.strip("*")) else value
    return found


def _resources(template: Template, values: Mapping[str, Any], spec: StackSpec, account: str) -> Mapping[str, Resource]:
    scope = Scope(
        parameters=resolve_parameters(template, {k: v for k, v in values.items() if k in template.parameters}),
        region=spec.region,
        account=account or "123456789012",
        stack_name=spec.name,
        zones=tuple(f"{spec.region}{letter}" for letter in "abc"),
    )
    return active_resources(template, scope)


def _action(status: str | None, there: bool, differs: bool) -> str:
    if status in ANEW:
        return "recreate"
    if not there:
        return "create"
    if status in {"UPDATE_FAILED", "UPDATE_ROLLBACK_FAILED"}:
        return "continue"
    return "update" if differs else "unchanged"


def _else_differs(spec: StackSpec, mine: Deployed) -> bool:
    """Something that is no resource: an output, a description, a stack tag."""
    tags = {key: value for key, value in mine.tags.items() if key not in ("hermes:commit", tool.TAG)}
    if tags != dict(spec.tags):
        return True
    wanted, there = (
        json.dumps(dict(spec.template), sort_keys=True),
        json.dumps(dict(mine.template or {}), sort_keys=True),
    )
    return wanted != there


def _change(stack: str, change: ResourceChange, resource: Resource | None) -> Change:
    known = kind(change.resource_type)
    replacement = "Conditional" if change.replacement == "True" and not _surely(change) else change.replacement
    perhaps = replacement == "Conditional"
    certain = any(detail.requires_recreation == "Always" for detail in change.details)
    stays = kept(resource) if perhaps and resource is not None and not certain else ""
    return Change(
        change.action,
        stack,
        change.logical_id,
        change.resource_type,
        replacement if replacement in {"True", "Conditional"} else "",
        tuple(_detail(detail, bool(stays), resource) for detail in change.details),
        "" if stays else change.policy,
        bool(known and known.holds_data),
        stays,
    )


def _surely(change: ResourceChange) -> bool:
    """Whether what replaces it is known to change."""
    return any(
        detail.requires_recreation == "Always" and not detail.dynamic and not isinstance(detail.after, Perhaps)
        for detail in change.details
    )


def _place(path: str, resource: Resource | None) -> str:
    """A path within Properties, in which items of a list go by the name that they give themselves."""
    told: list[str] = []
    value: Any = resource.properties if resource is not None and path.startswith("/Properties/") else None
    for name in path.removeprefix("/Properties/").split("/"):
        if isinstance(value, list) and name.isdigit() and int(name) < len(value):
            value = value[int(name)]
            own = value if isinstance(value, Mapping) else {}
            told.append(next((own[key] for key in ("Key", "Sid", "Name") if isinstance(own.get(key), str)), name))
            if told[-1] != name and set(own) <= {"Key", "Name", "Value"}:
                break
        else:
            value = value.get(name) if isinstance(value, Mapping) else None
            told.append(name)
    return "/".join(told)


def _detail(detail: PropertyChange, stays: bool, resource: Resource | None) -> Shown:
    name = detail.path.rpartition("/")[2]
    before, after = detail.before, detail.after
    if name == "UserData":
        before, after = _decoded(before), _decoded(after)
    before, after = _texts(before, after, bool(_SECRET.search(name)))
    if detail.dynamic:
        before, after = AS_DEPLOYED, f"known after {detail.cause}"
    return Shown(
        _place(detail.path, resource),
        before,
        after,
        detail.requires_recreation != "Never" and not stays,
        "" if detail.cause == "direct" else detail.cause,
    )


def _parameters(before: Mapping[str, str], after: Mapping[str, Any], template: Template) -> list[Shown]:
    rows = []
    for name, spec in template.parameters.items():
        hidden = str(spec.get("NoEcho", "")).lower() == "true"
        old, new = before.get(name, spec.get("Default", "")), after.get(name, spec.get("Default", ""))
        if hidden or old == new:
            continue
        rows.append(Shown(f"{PARAMETER}{name}", *_texts(old, new), False))
    return rows


def _decoded(value: Any) -> Any:
    """User data as the instance reads it; line ends stay visible."""
    try:
        return base64.b64decode(value, validate=True).decode().replace("\n", "\\n")
    except (ValueError, TypeError):
        return value


def _texts(before: Any, after: Any, hidden: bool = False) -> tuple[str, str]:
    """Both values as text; of lists the items, of long texts the part, in which they differ."""
    if isinstance(before, list) and isinstance(after, list) and sorted(map(repr, before)) != sorted(map(repr, after)):
        before, after = [i for i in before if i not in after], [i for i in after if i not in before]
    old, new = _text(before, hidden), _text(after, hidden)
    if max(len(old), len(new)) <= LONGEST:
        return old, new
    same = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(old, new, strict=False)))
    start = max(0, same - LONGEST // 4)
    return _part(old, start), _part(new, start)


def _part(text: str, start: int) -> str:
    if len(text) <= LONGEST:
        return text
    end = start + LONGEST
    return f"{'…' if start else ''}{text[start:end]}{'…' if end < len(text) else ''} ({len(text)} characters)"


def _text(value: Any, hidden: bool = False) -> str:
    """A value in words; what is a secret by its name or its shape is masked at any depth."""
    if value is None:
        return ""
    if hidden:
        return MASKED
    if isinstance(value, Unknown):
        return value.reason
    shown = value if isinstance(value, str) else json.dumps(_masked(value), default=_unknown, sort_keys=True)
    return re.sub(r"(\w+://[^:/\s]*:)[^@\s]+@", rf"\1{MASKED}@", shown)


def _masked(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: MASKED if _hides(str(key), inner) else _masked(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_masked(inner) for inner in value]
    return value


def _hides(name: str, value: Any) -> bool:
    return bool(_SECRET.search(name)) and isinstance(value, str)


def _unknown(value: Any) -> str:
    return value.reason if isinstance(value, Unknown) else str(value)


def _seconds(found: tuple[Change, ...], template: Template) -> float:
    """The longest chain of published durations; what is removed has none and counts nothing."""
    durations: dict[str, float] = {}
    for change in found:
        known = kind(change.resource_type)
        if known is None or change.action == "Remove":
            continue
        made = change.action == "Add" or change.replacement == "True"
        durations[change.logical_id] = known.create_s if made else known.update_s
    return critical_path(durations, _through(dependencies(template), frozenset(durations)))


def _through(graph: Mapping[str, frozenset[str]], kept: frozenset[str]) -> dict[str, frozenset[str]]:
    """Dependencies among the changed resources, also through unchanged ones."""
    memo: dict[str, frozenset[str]] = {}

    def reach(name: str) -> frozenset[str]:
        if name not in memo:
            memo[name] = frozenset()
            found: frozenset[str] = frozenset()
            for before in graph.get(name, frozenset()):
                found |= frozenset({before}) if before in kept else reach(before)
            memo[name] = found
        return memo[name]

    return {name: reach(name) for name in kept}
