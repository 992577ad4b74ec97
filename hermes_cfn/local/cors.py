"""What a bucket's own CORS rules let pages of other origins do (S3 user guide, "Elements of a CORS configuration")."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Rule:
    """One CORSRule; origins and headers have at most one ``*`` each."""

    origins: Sequence[str]
    methods: Sequence[str]
    headers: Sequence[str] = ()
    exposed: Sequence[str] = ()
    max_age_s: int | None = None


def answer(rules: Iterable[Rule], origin: str, method: str, asked: Iterable[str] = ()) -> Mapping[str, str] | None:
    """The headers that the first rule that fits adds to the answer to ``method`` by a page of ``origin``; None without one.

    ``asked`` are the names in a preflight's ``Access-Control-Request-Headers``.
    """
    wanted = [name.strip().lower() for name in asked if name.strip()]
    for rule in rules:
        allowed = [pattern.lower() for pattern in rule.headers]
        if not any(_like(origin, pattern) for pattern in rule.origins) or method not in rule.methods:
            continue
        if not all(any(_like(name, pattern) for pattern in allowed) for name in wanted):
            continue
        found = {
            "Access-Control-Allow-Origin": "*" if "*" in rule.origins else origin,
            "Access-Control-Allow-Methods": ", ".join(rule.methods),
            "Vary": "Origin, Access-Control-Request-Headers, Access-Control-Request-Method",
        }
        if wanted:
            found["Access-Control-Allow-Headers"] = ", ".join(wanted)
        if rule.exposed:
            found["Access-Control-Expose-Headers"] = ", ".join(rule.exposed)
        if rule.max_age_s is not None:
            found["Access-Control-Max-Age"] = str(rule.max_age_s)
        return found
    return None


def _like(text: str, pattern: str) -> bool:
    return fnmatch.fnmatchcase(text, pattern.replace("[", "[[]").replace("?", "[?]"))
