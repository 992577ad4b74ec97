"""What must be there for a release to be started on an instance: its image and the version of each of its secrets.

Asked before anything is driven to a release, forward or back, and by doctor of the release that new instances start with.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from hermes_cfn.errors import Finding

VERSIONS_KEPT = 100
"""Versions of a parameter that Systems Manager keeps (AWS, "Working with parameter versions")."""


def startable(
    release: str, image: str, image_there: bool, used: Mapping[str, int], newest: Mapping[str, int]
) -> Iterator[Finding]:
    """``image-gone`` and ``secret-gone`` of a release; ``newest`` is the last version of each secret that is there."""
    if not image_there:
        yield Finding(
            "image-gone",
            release,
            f"the registry does not have its image any more: {image.rpartition('@')[2][:19]}",
            evidence=image,
            why="an instance that does not have it already cannot start this release",
            next="push the very image again (hermes-cfn image push TAG), or: hermes-cfn release --image ANOTHER",
        )
    for name, version in sorted(used.items()):
        last = newest.get(name, 0)
        if last - VERSIONS_KEPT < version <= last:
            continue
        there = f"the newest is version {last}" if last else "it is not set"
        yield Finding(
            "secret-gone",
            release,
            f"version {version} of secret {name} is not there any more: {there}",
            why="no instance can start this release without it",
            next=f"hermes-cfn {'' if last else f'secrets set {name}, then hermes-cfn '}release --image TAG: "
            "a new release takes the secrets as they are now",
        )
