"""How a document ended on an instance, in words that programs compare: a cause, and whose fault it is.

The scripts say ``why CAUSE`` where something fails; :func:`shell` gives them the words from this table, so that there
is no second list.  The report of an instance and the last line of a document carry the cause beside the sentence for
people, and nobody reads the sentence.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum

from hermes_cfn.errors import Advice, hermes


class Fault(StrEnum):
    """Whose fault a failure is, which says what may be done about it.

    ``UNCLEAR``: the application did not answer on one machine, or nobody knows.  It is the machine's where the release
    answers elsewhere or was verified before, and else the release's.
    """

    RELEASE = "release"
    DEPENDENCY = "dependency"
    MACHINE = "machine"
    UNCLEAR = "unclear"


class Cause(StrEnum):
    """Why a document failed on an instance."""

    IMAGE_MISSING = "image-missing"
    IMAGE_FOREIGN = "image-foreign"
    IMAGE_UNUSABLE = "image-unusable"
    SECRET_MISSING = "secret-missing"
    SECRET_UNUSABLE = "secret-unusable"
    RELEASE_MISSING = "release-missing"
    REGISTRY_AWAY = "registry-away"
    SYSTEMS_MANAGER_AWAY = "systems-manager-away"
    DATABASE_REFUSED = "database-refused"
    DATABASE_AWAY = "database-away"
    DISK_FULL = "disk-full"
    NO_MEMORY = "no-memory"
    DOCKER_DOWN = "docker-down"
    UNANSWERED = "unanswered"
    RESTARTED = "restarted"
    PROCESS_UNWELL = "process-unwell"
    MIGRATION_FAILED = "migration-failed"
    IN_SERVICE = "in-service"
    NOBODY_CONFIRMED = "nobody-confirmed"
    BROKEN = "broken"


@dataclass(frozen=True, slots=True)
class Meaning:
    """``fault`` and, for people, what happened and what to do about it."""

    fault: Fault
    what: str
    next: str | Advice = ""


MEANINGS: Mapping[Cause, Meaning] = {
    Cause.IMAGE_MISSING: Meaning(Fault.RELEASE, "the registry does not have the image", hermes("image", "push", "TAG")),
    Cause.IMAGE_FOREIGN: Meaning(
        Fault.RELEASE, "the image is of another registry than the settings name", hermes("image", "push", "TAG")
    ),
    Cause.IMAGE_UNUSABLE: Meaning(
        Fault.RELEASE, "the container engine cannot start the image", "docker buildx build --platform linux/ARCH"
    ),
    Cause.SECRET_MISSING: Meaning(
        Fault.RELEASE, "a version of a secret that the release names is not there", hermes("secrets", "list")
    ),
    Cause.SECRET_UNUSABLE: Meaning(Fault.RELEASE, "a secret has more than one line", hermes("secrets", "set", "NAME")),
    Cause.RELEASE_MISSING: Meaning(
        Fault.RELEASE, "the parameter that names the release is not there", hermes("release", "--image", "TAG")
    ),
    Cause.REGISTRY_AWAY: Meaning(
        Fault.DEPENDENCY, "the registry did not give the image in time", "the same command again"
    ),
    Cause.SYSTEMS_MANAGER_AWAY: Meaning(
        Fault.DEPENDENCY, "Systems Manager did not answer in time", "the same command again"
    ),
    Cause.DATABASE_REFUSED: Meaning(
        Fault.RELEASE,
        "the database refuses the login of this release's DATABASE_URL",
        (
            hermes("release", "--image", "TAG")
            + " takes the newest secrets; or "
            + hermes("secrets", "set", "DATABASE_URL")
        ),
    ),
    Cause.DATABASE_AWAY: Meaning(
        Fault.DEPENDENCY, "the database of this release's DATABASE_URL did not answer in time", "the same command again"
    ),
    Cause.DISK_FULL: Meaning(Fault.MACHINE, "the disk is full", "compute.volume_gib"),
    Cause.NO_MEMORY: Meaning(
        Fault.RELEASE, "the memory does not suffice", "less for application.migrate_memory_mib, or a larger machine"
    ),
    Cause.DOCKER_DOWN: Meaning(Fault.MACHINE, "the container engine does not answer"),
    Cause.UNANSWERED: Meaning(Fault.UNCLEAR, "the application does not answer its health path", hermes("logs")),
    Cause.RESTARTED: Meaning(Fault.RELEASE, "the container ended and was started again", hermes("logs")),
    Cause.PROCESS_UNWELL: Meaning(
        Fault.UNCLEAR,
        "a process beside the web process does not run as it should",
        hermes("logs", "--process", "NAME"),
    ),
    Cause.MIGRATION_FAILED: Meaning(Fault.RELEASE, "the migration failed", hermes("releases", "show", "RELEASE")),
    Cause.IN_SERVICE: Meaning(Fault.UNCLEAR, "the instance is in service, where no container is stopped"),
    Cause.NOBODY_CONFIRMED: Meaning(Fault.UNCLEAR, "nobody confirmed the deployment in time"),
    Cause.BROKEN: Meaning(Fault.MACHINE, "a command on the instance failed that nothing is expected of"),
}
"""Every cause; a test walks the table and the scripts."""

UNDELIVERED = frozenset({"Undeliverable", "TimedOut", "DeliveryTimedOut", "ExecutionTimedOut", "InvalidPlatform"})
"""Statuses of Systems Manager in which the agent or the machine did not do what was sent to it."""


def fault(cause: str) -> Fault:
    """Whose fault a cause is; a word that this version does not know is nobody's for certain."""
    return MEANINGS[Cause(cause)].fault if cause in set(Cause) else Fault.UNCLEAR


OF_PARTS: Mapping[Cause, str] = {Cause.PROCESS_UNWELL: "containers"}
"""Causes that only a part of the scripts says which not everybody has."""


def shell(own: Collection[str] = ()) -> str:
    """The causes as shell variables, ``WHY_IMAGE_MISSING=image-missing`` and so on, one line; ``own`` are parts of scripts."""
    said = (cause for cause in Cause if OF_PARTS.get(cause) in (None, *own))
    return "export " + " ".join(f"WHY_{cause.name}={cause.value}" for cause in said)
