"""``extras/`` beside ``hermes.toml``: templates of one's own, and what ``[extras.NAME]`` gives their parameters.

Here files are only found and read; ``stacks/extras.py`` makes stacks of them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import Discriminator, StringConstraints, Tag

from hermes_cfn.config.section import NAME, Line, Section
from hermes_cfn.errors import ConfigurationError, Finding

FOLDER = "extras"
ENDINGS = (".template.json", ".template.yaml", ".template.yml", ".py")
LIMIT_BYTES = 51_200
"""Of a template that a request carries (CloudFormation user guide, "Quotas": template body)."""

TAKEN = frozenset({"foundation", "network", "certificate", "service", "worldwide", "edge", "watch"})
"""Stacks of ours, whose outputs are called by these names."""

ParameterName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9]{1,255}$")]


class OutputValue(Section):
    """``{ output = "uploads.BucketName" }``: what a stack says once it stands."""

    output: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]*\.[A-Za-z0-9_]+$")]

    @property
    def stack(self) -> str:
        """An extra's name, or one of ours."""
        return self.output.partition(".")[0]

    @property
    def name(self) -> str:
        return self.output.partition(".")[2]


def _kind(value: object) -> str:
    return "output" if isinstance(value, Mapping | OutputValue) else "text"


Value = Annotated[Annotated[Line, Tag("text")] | Annotated[OutputValue, Tag("output")], Discriminator(_kind)]
"""A text, or an output: which of the two is told by its form alone, so that one mistake is one finding."""


@dataclass(frozen=True, slots=True)
class ExtraFile:
    """One file of the folder: ``name`` is its stack's, ``path`` where it is, ``text`` what it says."""

    name: str
    path: str
    text: str

    @property
    def python(self) -> bool:
        return self.path.endswith(".py")


def read(folder: Path) -> tuple[ExtraFile, ...]:
    """Every file of ``folder`` that makes a stack, by name; nothing where there is no folder.

    Files that begin with ``_`` or a dot are for other files.  Raises :class:`ConfigurationError` with every finding.
    """
    if not folder.is_dir():
        return ()
    found: dict[str, ExtraFile] = {}
    wrong: list[Finding] = []
    for path in sorted(folder.iterdir()):
        if path.name.startswith(("_", ".")) or not path.is_file():
            continue
        ending = next((one for one in ENDINGS if path.name.endswith(one)), "")
        if not ending:
            if path.suffix in (".json", ".yaml", ".yml", ".template"):
                wrong.append(
                    Finding(
                        "extra-invalid",
                        str(path),
                        "is no file that an extra is read from",
                        next=f"call it {path.stem.partition('.')[0]}.template.yaml (or .template.json, .py)",
                    )
                )
            continue
        name = path.name.removesuffix(ending)
        if finding := _misnamed(path, name, found):
            wrong.append(finding)
            continue
        try:
            raw = path.read_bytes()
            found[name] = ExtraFile(name, str(path), raw.decode("utf-8-sig"))
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "is not UTF-8"
            wrong.append(Finding("extra-invalid", str(path), f"cannot be read: {reason}"))
            continue
        if ending != ".py" and len(raw) > LIMIT_BYTES:
            wrong.append(too_large(str(path), len(raw)))
    if wrong:
        raise ConfigurationError.of(wrong)
    return tuple(found.values())


def too_large(where: str, size: int) -> Finding:
    return Finding(
        "extra-too-large",
        where,
        f"the template has {size:,} bytes, and at most {LIMIT_BYTES:,} fit into a request",
        next="make two extras of it: an output of the one feeds a parameter of the other by its name",
    )


def _misnamed(path: Path, name: str, found: dict[str, ExtraFile]) -> Finding | None:
    if name in TAKEN:
        return Finding(
            "extra-name-taken", str(path), f"{name!r} is the name of a stack of ours", next=f"call it my-{name}, say"
        )
    if not re.fullmatch(NAME, name):
        return Finding(
            "extra-invalid",
            str(path),
            f"{name!r} is no name of a stack: two to twenty lower case letters, digits and dashes, a letter first",
            next="give the file such a name",
        )
    if name in found:
        return Finding(
            "extra-name-taken", str(path), f"{Path(found[name].path).name} has the name {name!r} too", next="rename one"
        )
    return None
