"""Consumers before producers: what a stack stops having goes only after those that use it have let go of it.

A stack that drops a subnet deletes it at the end of its own update, while the load balancer and the instances of
another stack still use it: EC2 refuses (``The subnet '…' has dependencies and cannot be deleted``), and CloudFormation
leaves it behind.  So such a stack is updated twice: first it has what is new and still what is old, but gives out only
what is new; then its consumers move; then it becomes what it should be.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from hermes_cfn.cfn.template import Template, dependencies, references
from hermes_cfn.deployment import Deployment, FromOutput, FromSetting, Source, StackSpec
from hermes_cfn.plan.model import Deployed


def held_back(deployment: Deployment, deployed: Mapping[str, Deployed]) -> Mapping[str, StackSpec]:
    """Stack key -> the stack as its consumers need it until they have moved; only stacks that need it."""
    found: dict[str, StackSpec] = {}
    for spec in deployment:
        mine = deployed.get(spec.key, Deployed())
        if not mine.there or not mine.template:
            continue
        gone = _in_use(spec, mine.template, deployment, deployed)
        if gone:
            found[spec.key] = _with(spec, mine, gone)
    return found


def _in_use(
    spec: StackSpec, old: Mapping[str, Any], deployment: Deployment, deployed: Mapping[str, Deployed]
) -> frozenset[str]:
    """What the new template no longer has, where another stack that stands takes an output made of it; with all that
    hangs on it or that it hangs on."""
    before, after = old.get("Resources", {}), spec.template["Resources"]
    removed = frozenset(name for name in before if name not in after)
    if not removed:
        return frozenset()
    mine = deployed[spec.key]
    taken: set[str] = set()
    for other in deployment:
        theirs = deployed.get(other.key, Deployed())
        for name, source in other.parameters.items():
            if theirs.there and isinstance(source, FromOutput) and source.stack == spec.key:
                taken.add(source.output)
                if theirs.parameters.get(name, "") != mine.outputs.get(source.output, ""):
                    return removed  # an earlier run was cut off: this consumer still has what was given out before
    outputs = {name: output for name, output in old.get("Outputs", {}).items() if name in taken}
    used = {reference.target for output in outputs.values() for reference in references(output)} & removed
    if not used:
        return frozenset()
    graph = dependencies(Template.parse(dict(old)))
    found: frozenset[str] = frozenset(used)
    while True:
        below = frozenset().union(*(graph.get(name, frozenset()) for name in found))
        above = frozenset(name for name in removed if graph.get(name, frozenset()) & found)
        more = (below | above) & removed
        if more <= found:
            return found
        found |= more


def _with(spec: StackSpec, mine: Deployed, names: frozenset[str]) -> StackSpec:
    """The new stack with resources of the old one beside it, and the parameters that they name."""
    old: Mapping[str, Any] = mine.template or {}
    template: dict[str, Any] = dict(spec.template)
    parameters: dict[str, Source] = dict(spec.parameters)
    template["Resources"] = {**spec.template["Resources"], **{name: old["Resources"][name] for name in sorted(names)}}
    for section in ("Parameters", "Conditions", "Mappings"):
        missing = {name: value for name, value in old.get(section, {}).items() if name not in template.get(section, {})}
        if missing:
            template[section] = {**template.get(section, {}), **missing}
        if section == "Parameters":
            parameters |= {name: FromSetting(mine.parameters[name]) for name in missing if name in mine.parameters}
    return replace(spec, template=template, parameters=parameters)
