"""IAM policies: does a statement match, and what follows from all of them.

IAM user guide, "Policy evaluation logic" and "IAM JSON policy elements".  Identity-based policies
and permissions boundaries are evaluated; resource-based and session policies are not.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

Document = Mapping[str, Any]
EXPLICIT_DENY = "with an explicit deny in an identity-based policy"


@dataclass(frozen=True)
class Asked:
    """One action on one resource, with the condition keys (lower case) that belong to the request."""

    action: str
    resource: str
    context: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def allowed(asked: Asked, policies: Iterable[Document], boundary: Document | None) -> str:
    """Why not: empty when it is allowed, else ``explicit deny`` or what does not allow it."""
    statements = [statement for policy in policies for statement in _many(policy.get("Statement", []))]
    limits = _many(boundary.get("Statement", [])) if boundary is not None else []
    if any(s["Effect"] == "Deny" and matches(s, asked) for s in [*statements, *limits]):
        return EXPLICIT_DENY
    if not any(s["Effect"] == "Allow" and matches(s, asked) for s in statements):
        return f"because no identity-based policy allows the {asked.action} action"
    if boundary is not None and not any(s["Effect"] == "Allow" and matches(s, asked) for s in limits):
        return f"because no permissions boundary allows the {asked.action} action"
    return ""


def trusts(document: Document, asked: Asked, names: Mapping[str, tuple[str, ...]]) -> str:
    """How a trust policy lets a principal in: ``direct``, ``account`` (if its own policies agree too), or empty.

    ``names`` are those by which a policy may mean the principal, by kind (AWS, Service, Federated).  A Deny that cannot be
    evaluated denies.
    """
    found = ""
    for statement in _many(document.get("Statement", [])):
        meant = _meant(statement.get("Principal", {}), names)
        if not meant or not matches({**statement, "Resource": "*"}, asked):
            continue
        if statement["Effect"] == "Deny":
            return ""
        found = "direct" if "direct" in (meant, found) else meant
    return found


def _meant(principal: Any, names: Mapping[str, tuple[str, ...]]) -> str:
    if principal == "*":
        return "direct"
    for kind, own in names.items():
        for one in _many(principal.get(kind, [])) if isinstance(principal, Mapping) else []:
            if one in own or (kind == "AWS" and one == "*"):
                return "account" if kind == "AWS" and (one.endswith(":root") or one.isdigit()) else "direct"
    return ""


def matches(statement: Document, asked: Asked) -> bool:
    """Whether action, resource and every condition of a statement match."""
    if "Action" in statement:
        hit = any(_like(asked.action.lower(), str(one).lower()) for one in _many(statement["Action"]))
    else:
        hit = not any(_like(asked.action.lower(), str(one).lower()) for one in _many(statement["NotAction"]))
    if not hit:
        return False
    if "NotResource" in statement:
        if any(_like(asked.resource, _filled(one, asked)) for one in _many(statement["NotResource"])):
            return False
    elif not any(_like(asked.resource, _filled(one, asked)) for one in _many(statement.get("Resource", "*"))):
        return False
    return all(
        _condition(operator, key, _many(values), asked, unknown=statement["Effect"] == "Deny")
        for operator, keys in statement.get("Condition", {}).items()
        for key, values in keys.items()
    )


def _condition(operator: str, key: str, wanted: list[Any], asked: Asked, unknown: bool) -> bool:
    """``unknown`` is the answer where an operator is not known here, so that what is not understood lets nobody in."""
    quantifier, _, name = operator.rpartition(":")
    optional = name.endswith("IfExists")
    name = name.removesuffix("IfExists")
    found = asked.context.get(key.lower(), ())
    texts = [_filled(value, asked) for value in wanted]
    if name == "Null":
        return (not found) == (texts[0].lower() == "true")
    compare = _OPERATORS.get(_NEGATED.get(name, name))
    if compare is None:
        return unknown
    if not found:
        return optional or quantifier == "ForAllValues" or name in _NEGATED
    hits = [any(compare(value, text) for text in texts) for value in found]
    if name in _NEGATED:
        hits = [not hit for hit in hits]
    return all(hits) if quantifier == "ForAllValues" or name in _NEGATED else any(hits)


def _like(value: str, pattern: str) -> bool:
    return pattern == "*" or fnmatch.fnmatchcase(value, pattern.replace("[", "[[]"))


_OPERATORS: dict[str, Callable[[str, str], bool]] = {
    "StringEquals": lambda value, text: value == text,
    "StringEqualsIgnoreCase": lambda value, text: value.lower() == text.lower(),
    "StringLike": _like,
    "ArnEquals": _like,
    "ArnLike": _like,
    "Bool": lambda value, text: value.lower() == text.lower(),
    "NumericEquals": lambda value, text: float(value) == float(text),
    "NumericLessThanEquals": lambda value, text: float(value) <= float(text),
    "NumericGreaterThanEquals": lambda value, text: float(value) >= float(text),
}
_NEGATED = {
    "StringNotEquals": "StringEquals",
    "StringNotEqualsIgnoreCase": "StringEqualsIgnoreCase",
    "StringNotLike": "StringLike",
    "ArnNotEquals": "ArnEquals",
    "ArnNotLike": "ArnLike",
}


def _filled(text: Any, asked: Asked) -> str:
    """Policy variables by the request's context; one without a value matches nothing."""

    def value(match: re.Match[str]) -> str:
        found = asked.context.get(match.group(1).lower(), ())
        return found[0] if found else "\0"

    return re.sub(r"\$\{([^}*?$]+)\}", value, str(text))


def _many(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else [value]
