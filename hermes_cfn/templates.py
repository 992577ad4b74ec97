"""The Deployment on disk: ``templates/<environment>/``, the same bytes every time.

``<key>.template.json`` is what CloudFormation gets; ``deployment.json`` says how the stacks are wired.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from hermes_cfn.deployment import Deployment, FromLookup, FromOutput, FromSetting, Source, StackSpec
from hermes_cfn.errors import Finding, HermesError, hermes

WIRING = "deployment.json"
SUFFIX = ".template.json"
_KINDS: Mapping[str, type[Source]] = {"setting": FromSetting, "output": FromOutput, "lookup": FromLookup}


def render(deployment: Deployment) -> dict[str, str]:
    """Contents by file name."""
    files = {f"{spec.key}{SUFFIX}": _text(spec.template) for spec in deployment}
    files[WIRING] = _text(
        {
            "application": deployment.application,
            "environment": deployment.environment,
            "region": deployment.region,
            "stacks": [_wiring(spec) for spec in deployment],
            "usage": dict(deployment.usage),
        }
    )
    return files


def write(deployment: Deployment, directory: Path) -> None:
    """Write all files; templates of stacks that are no more are removed.

    Raises :class:`HermesError` ``templates-unwritable``.
    """
    files = render(deployment)
    try:
        directory.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            (directory / name).write_text(content, encoding="utf-8", newline="\n")
        for stale in directory.glob(f"*{SUFFIX}"):
            if stale.name not in files:
                stale.unlink()
    except OSError as error:
        raise HermesError(
            Finding("templates-unwritable", str(directory), f"cannot be written: {error.strerror}")
        ) from error


def read(directory: Path) -> Deployment:
    """What :func:`write` wrote.  Raises :class:`HermesError` ``templates-unreadable``."""
    try:
        wiring = json.loads((directory / WIRING).read_text(encoding="utf-8"))
        stacks = tuple(_spec(directory, entry) for entry in wiring["stacks"])
        return Deployment(
            application=wiring["application"],
            environment=wiring["environment"],
            region=wiring["region"],
            stacks=stacks,
            usage=wiring["usage"],
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise HermesError(
            Finding("templates-unreadable", str(directory), f"cannot be read: {error}", next=hermes("render"))
        ) from error


def compare(deployment: Deployment, directory: Path) -> str:
    """What :func:`write` would change, as a unified diff; empty when nothing."""
    files = render(deployment)
    there = {path.name: path.read_text(encoding="utf-8") for path in sorted(directory.glob("*.json"))}
    parts: list[str] = []
    for name in sorted({*files, *there}):
        before, after = there.get(name, ""), files.get(name, "")
        parts.extend(
            difflib.unified_diff(
                before.splitlines(keepends=True),
                after.splitlines(keepends=True),
                f"{directory / name} (on disk)",
                f"{directory / name} (rendered)",
                n=2,
            )
        )
    return "".join(parts)


def _text(content: Any) -> str:
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"


def _wiring(spec: StackSpec) -> dict[str, Any]:
    kinds = {kind: name for name, kind in _KINDS.items()}
    return {
        "key": spec.key,
        "name": spec.name,
        "region": spec.region,
        "template": f"{spec.key}{SUFFIX}",
        "parameters": {
            name: {"from": kinds[type(source)], **asdict(source)} for name, source in spec.parameters.items()
        },
        "follows": list(spec.follows),
        "gates": list(spec.gates),
        "tags": dict(spec.tags),
        "account_wide": spec.account_wide,
    }


def _spec(directory: Path, entry: Mapping[str, Any]) -> StackSpec:
    parameters: dict[str, Source] = {}
    for name, source in entry["parameters"].items():
        values = {key: value for key, value in source.items() if key != "from"}
        parameters[name] = _KINDS[source["from"]](**values)
    return StackSpec(
        key=entry["key"],
        name=entry["name"],
        region=entry["region"],
        template=json.loads((directory / entry["template"]).read_text(encoding="utf-8")),
        parameters=parameters,
        follows=tuple(entry["follows"]),
        gates=tuple(entry["gates"]),
        tags=entry["tags"],
        account_wide=entry["account_wide"],
    )
