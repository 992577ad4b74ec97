"""Builds hermes-cfn-cloud out of the repository: copies what ``pyproject.toml`` lists, under the names that it gives.

In the repository one copy of each module serves the product and the embedded cloud.  Installed, each has its own, so that
neither needs the other, and both can be installed side by side.  In a source distribution this has been done already.
"""

from __future__ import annotations

import re
import shutil
import tempfile
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

HERE = "hermes_cfn/local"
NOT_PACKAGED = ("hatch_build.py", "pyproject.toml", "README.md", "CHANGELOG.md", "LICENSE")
"""Files of this directory that concern the building."""


def files(repository: Path) -> Iterator[tuple[Path, str]]:
    """Each file of the repository that is in the distribution, and its path there."""
    for source, target in _table(repository, "files").items():
        start = repository / source
        for path in sorted(start.rglob("*")) if start.is_dir() else [start]:
            left_out = start == repository / HERE and str(path.relative_to(start)) in NOT_PACKAGED
            if path.is_file() and "__pycache__" not in path.parts and not left_out:
                inside = path.relative_to(start)
                yield path, str(Path(target, inside)) if path != start else target


def text(repository: Path, path: Path) -> str:
    """What is in a file there: in a Python module the names of modules and commands are those of the distribution."""
    found = path.read_text(encoding="utf-8")
    if path.suffix != ".py":
        return found
    words = _table(repository, "words")
    pattern = "|".join(rf"(?<![\w.-]){re.escape(word)}(?![\w-])" for word in words)
    return re.sub(pattern, lambda match: words[match[0]], found)


def stage(repository: Path, directory: Path) -> None:
    """Writes the distribution's packages into ``directory``."""
    for source, target in files(repository):
        path = directory / target
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text(repository, source), encoding="utf-8")
    (directory / "hermes_cloud/shared/__init__.py").write_text(
        '"""What hermes-cfn and hermes-cfn-cloud have in common."""\n'
    )


def _table(repository: Path, name: str) -> Mapping[str, str]:
    table: Mapping[str, str] = tomllib.loads((repository / HERE / "pyproject.toml").read_text())["tool"]["hermes"][name]
    return table


class FromRepository(BuildHookInterface):  # type: ignore[type-arg]
    """Hands the staged packages to hatchling, where the project is still in its repository."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        root = Path(self.root)
        repository = root.parents[1]
        self.staged = ""
        if (root / "hermes_cloud").is_dir() or repository / HERE != root:
            return
        if version == "editable":
            raise ValueError(
                "hermes-cfn-cloud is not installed editable; next: pip install --editable '.[dev]' at the top"
            )
        self.staged = tempfile.mkdtemp(prefix="hermes-cloud-")
        stage(repository, Path(self.staged))
        build_data["force_include"][f"{self.staged}/hermes_cloud"] = "hermes_cloud"

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        if self.staged:
            shutil.rmtree(self.staged, ignore_errors=True)
