"""Whether another version of this tool has deployed the stacks: an older one refuses, a newer one says what is new."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from hermes_cfn import tool
from hermes_cfn.errors import Finding, Severity

MOST_LINES = 12
"""Of the changelog in one finding."""


def of(deployed: Mapping[str, str], mine: str, changelog: str, allow_older: bool = False) -> Iterator[Finding]:
    """``deployed``: key of a stack -> the version that last changed it, empty where that is not known."""
    here = tool.ordered(mine)
    known = {key: number for key, text in deployed.items() if (number := tool.ordered(text))}
    if here is None or not known:
        return
    newest, oldest = max(known.values()), min(known.values())
    if newest > here:
        theirs = next(deployed[key] for key, number in known.items() if number == newest)
        yield Finding(
            "tool-older",
            ", ".join(key for key, number in known.items() if number > here),
            f"deployed by hermes-cfn {theirs}, and this is {mine}",
            why="a deployment from here would undo what the newer templates brought: see the changes of these stacks",
            next=f"pip install hermes-cfn=={theirs}, or --allow-older if it shall be undone",
            severity=Severity.WARNING if allow_older else Severity.ERROR,
        )
    elif oldest < here:
        theirs = next(deployed[key] for key, number in known.items() if number == oldest)
        lines = list(tool.since(changelog, theirs, mine))
        more = f"\n… and {len(lines) - MOST_LINES} more in CHANGELOG.md" if len(lines) > MOST_LINES else ""
        yield Finding(
            "tool-newer",
            ", ".join(key for key, number in known.items() if number < here),
            f"deployed by hermes-cfn {theirs}, and this is {mine}",
            why="its templates may differ: what they change and interrupt is in this plan",
            evidence="\n".join(lines[:MOST_LINES]) + more,
            next="docs/upgrading.md",
            severity=Severity.INFO,
        )
