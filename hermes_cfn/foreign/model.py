"""What came of reading another tool's files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Taken:
    """A setting, and where it stood: ``origin`` is the file and the key in it."""

    section: str
    key: str
    value: Any
    origin: str


@dataclass(frozen=True, slots=True)
class Left:
    """Something that was not taken: where it stood, why it was not, and the nearest thing here (may be empty)."""

    origin: str
    why: str
    nearest: str = ""


@dataclass(frozen=True, slots=True)
class FlyMachines:
    """Machines of Fly.io: ``region`` is its three letters; memory in MiB, 0 where the file does not say."""

    region: str
    vcpu: int
    memory_mib: int
    count: int
    shared: bool = True


@dataclass(frozen=True, slots=True)
class Home:
    """Where it runs today, as far as its price needs: CloudFormation resources on AWS, or machines of Fly.io.

    ``said`` is what is priced, in words; ``region`` is empty where the file does not say.
    """

    said: str
    region: str = ""
    resources: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    fly: FlyMachines | None = None


@dataclass(frozen=True, slots=True)
class Reading:
    """``tool`` as its makers write it, ``files`` as they were found, ``notes`` what else a reader should know."""

    tool: str
    files: tuple[str, ...]
    taken: tuple[Taken, ...] = ()
    left: tuple[Left, ...] = ()
    notes: tuple[str, ...] = ()
    home: Home | None = None
    framework: str = ""

    @property
    def choices(self) -> dict[str, dict[str, Any]]:
        """Section -> key -> value, as in ``hermes.toml``."""
        found: dict[str, dict[str, Any]] = {}
        for one in self.taken:
            found.setdefault(one.section, {})[one.key] = one.value
        return found

    @property
    def origins(self) -> dict[tuple[str, str], str]:
        """(Section, key) -> where it stood."""
        return {(one.section, one.key): one.origin for one in self.taken}
