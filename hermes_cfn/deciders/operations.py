"""What a document run is called, so that one that is sent twice runs once."""

from __future__ import annotations


def operation(task: str, goal_version: int, token: int) -> str:
    """The operation id of a document run: the same for the same goal under the same lock."""
    return f"{task}-{goal_version:06d}-{token:06d}"


def parse_operation(text: str) -> tuple[str, int, int] | None:
    """(task, goal version, token) of an operation id of ours, or None."""
    parts = text.rsplit("-", 2)
    if len(parts) != 3 or not (parts[1].isdigit() and parts[2].isdigit()):
        return None
    return parts[0], int(parts[1]), int(parts[2])
