"""What a plan says of stacks of one's own: names that are not theirs to take, and each permission that is new."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from hermes_cfn.cfn.template import Resource
from hermes_cfn.deployment import Deployment, StackSpec
from hermes_cfn.errors import Finding, Severity
from hermes_cfn.names import is_extra
from hermes_cfn.permissions import GRANTS
from hermes_cfn.plan.claims import own_name
from hermes_cfn.plan.model import Deployed

POLICIES = frozenset({"AWS::IAM::ManagedPolicy", "AWS::IAM::Role"})
BY_TAG = frozenset({"AWS::EC2::SecurityGroup", "AWS::SES::EmailIdentity"})
"""Types that the service role is not bound to by the beginning of a name."""

SEARCH = "AWS::OpenSearchService::Domain"
"""Its name has room for 28 characters."""

Permission = tuple[str, str]
"""Action and resource, as a policy of a template says them."""


def names(specs: Iterable[tuple[StackSpec, Mapping[str, Resource]]]) -> Iterator[Finding]:
    """``extra-name-taken`` and ``extra-name-foreign``; each stack with its resources as they are going to be."""
    holders: dict[tuple[str, str], str] = {}
    stacks = list(specs)
    for spec, resources in sorted(stacks, key=lambda pair: is_extra(pair[0].key)):
        for logical_id, resource in resources.items():
            name = own_name(resource, spec.region)
            if not name:
                continue
            where = f"{spec.key}/{logical_id}"
            holder = holders.setdefault((resource.type, name), where)
            if holder != where and is_extra(spec.key):
                yield Finding(
                    "extra-name-taken",
                    where,
                    f"{resource.type} would have the name {name}, which {holder} has",
                    next="leave the name out, and AWS makes one; or another name",
                )
            elif (
                is_extra(spec.key) and resource.type not in BY_TAG and not name.startswith(begins(spec, resource.type))
            ):
                wanted = begins(spec, resource.type)
                yield Finding(
                    "extra-name-foreign",
                    where,
                    f"{resource.type} would have the name {name}, which does not begin with {wanted}",
                    why="rights are for what is called so: that is how environments, and extras and our stacks, are kept apart",
                    next=f"leave the name out; or begin it with {wanted}",
                )


def begins(spec: StackSpec, kind: str) -> str:
    """What names begin with: ``hermes-production-``; of types that ours hold too and [access] grants, with ``extra-`` after it."""
    return spec.name.removesuffix(spec.key) + ("extra-" if kind in GRANTS and kind != SEARCH else "")


def permissions(template: Mapping[str, Any] | None) -> dict[str, frozenset[Permission]]:
    """Logical ID of each role and policy -> what its statements allow."""
    found: dict[str, frozenset[Permission]] = {}
    for logical_id, resource in (template or {}).get("Resources", {}).items():
        if not isinstance(resource, Mapping) or resource.get("Type") not in POLICIES:
            continue
        properties = resource.get("Properties", {})
        documents = [
            properties.get("PolicyDocument", {}),
            *(one["PolicyDocument"] for one in properties.get("Policies", ())),
        ]
        found[logical_id] = frozenset(
            (action, resource if isinstance(resource, str) else _said(resource))
            for document in documents
            for row in document.get("Statement", ())
            if row.get("Effect") == "Allow"
            for action in _many(row.get("Action", ()))
            for resource in _many(row.get("Resource", ()))
        )
    return found


def _many(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _said(value: Any) -> str:
    """An ARN that a function makes, as one reads it."""
    if isinstance(value, Mapping) and len(value) == 1:
        inner = next(iter(value.values()))
        if isinstance(inner, str):
            return inner
        if isinstance(inner, list) and len(inner) == 2 and isinstance(inner[1], list):
            return str(inner[0]).join(_said(part) if isinstance(part, Mapping) else str(part) for part in inner[1])
    return json.dumps(value, sort_keys=True)


def lacking(spec: StackSpec, there: Mapping[str, Any] | None, roles: Iterable[str]) -> list[str]:
    """What a role or policy called so shall be allowed and is not, a line each."""
    wanted, now = permissions(spec.template), permissions(there)
    return sorted(
        f"{action} on {resource}"
        for name in roles
        for action, resource in wanted.get(name, frozenset()) - now.get(name, frozenset())
    )


def new_permissions(deployment: Deployment, deployed: Mapping[str, Deployed]) -> Iterator[Finding]:
    """``permission-new``: what each role and policy may beyond what it may today, one finding each."""
    if not any(is_extra(spec.key) for spec in deployment):
        return
    for spec in deployment:
        mine = deployed.get(spec.key, Deployed())
        if not mine.there:
            continue
        wanted, now = permissions(spec.template), permissions(mine.template)
        for name, allowed in wanted.items():
            if more := sorted(allowed - now.get(name, frozenset())):
                yield Finding(
                    "permission-new",
                    f"{spec.key}/{name}",
                    f"may {len(more)} thing{'s' if len(more) > 1 else ''} more than today",
                    evidence="\n".join(f"{action} on {resource}" for action, resource in more),
                    severity=Severity.INFO,
                )
