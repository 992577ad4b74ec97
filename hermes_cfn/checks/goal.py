"""What must be there for a release to be started on an instance: its image and the version of each of its secrets.

Asked before anything is driven to a release, forward or back, and by doctor of the release that new instances start with.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from hermes_cfn.config import Settings
from hermes_cfn.errors import Finding, hermes
from hermes_cfn.instance import documents

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
            next=(
                "push the very image again ("
                + hermes("image", "push", "TAG")
                + "), or: "
                + hermes("release", "--image", "ANOTHER")
            ),
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
            next=("" if last else hermes("secrets", "set", name) + ", then ")
            + hermes("release", "--image", "TAG")
            + ": a new release takes the secrets as they are now",
        )


def told(release: str, more: bool, settings: Settings) -> Iterator[Finding]:
    """``processes-gone``: the release has more containers, or other options of them, than these settings put on an instance.

    ``more`` is whether it says anything of them.  The scripts of an instance start them only where the settings have some.
    """
    if more and not documents.parts_of(settings):
        yield Finding(
            "processes-gone",
            release,
            "it names processes or options of containers, and hermes.toml has no [processes] and no [container]",
            why="the instances would start the web process alone, in another way than the release says",
            next=(
                "write [processes.NAME] or [container] again and "
                + hermes("deploy")
                + "; or "
                + hermes("release", "--image", "TAG")
            ),
        )
