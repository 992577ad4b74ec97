"""Heroku's ``Procfile`` and ``app.json`` (Dev Center, "The Procfile" and "app.json Schema")."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hermes_cfn.errors import ExitCode, Finding, HermesError
from hermes_cfn.foreign import files, values
from hermes_cfn.foreign.kamal import backing
from hermes_cfn.foreign.model import Reading
from hermes_cfn.foreign.table import Page, Table, because, needless, to, walk, wish

TOOL = "Heroku"
NAMES = ("Procfile", "app.json")

_LINE = re.compile(r"^(?P<name>[A-Za-z0-9_-]+):\s*(?P<command>.+)\Z")


def _env(page: Page, path: str, value: Any) -> None:
    """A value, or a mapping with ``value``, ``required`` and ``generator``; ``secret`` is made by Heroku."""
    for name, told in value.items() if isinstance(value, Mapping) else ():
        where = f"{path}.{name}" if isinstance(name, str) and name.isidentifier() else path
        if isinstance(told, Mapping):
            if told.get("generator") == "secret":
                page.keep_secret(where, name)
            else:
                page.variable(where, name, told.get("value"))
        else:
            page.variable(where, name, told)


def _addons(page: Page, path: str, value: Any) -> None:
    rows = value if isinstance(value, list) else list(value) if isinstance(value, Mapping) else []
    for one in rows:
        plan = str(one.get("plan", "")) if isinstance(one, Mapping) else str(one)
        name = re.sub(r"[^a-z0-9-].*", "", plan.lower())
        page.wish(f"{path}: {name}" if name else path, backing(name.replace("heroku-", "")) or "services")


def _formation(page: Page, path: str, value: Any) -> None:
    for name, told in value.items() if isinstance(value, Mapping) else ():
        here = f"{path}.{name}"
        if name != "web":
            page.leave(f"{here}.quantity", "a process here runs on each instance", f"processes.{name}.count")
        elif isinstance(told, Mapping):
            if told.get("quantity"):
                to("compute.count", values.whole)(page, f"{here}.quantity", told["quantity"])
            if "size" in told:
                page.leave(f"{here}.size", "dynos have no counterpart by name", "compute.instance_type")


TABLE: Table = {
    "name": to("application.name", values.name),
    "env": _env,
    "addons": _addons,
    "formation": _formation,
    "buildpacks": because(
        "an image is deployed, no source", "a Dockerfile, or `pack build` of Cloud Native Buildpacks"
    ),
    "image": wish("image"),
    "stack": needless,
    "scripts.postdeploy": because("it runs once, for a new app", "hermes-cfn run -- COMMAND"),
    "scripts": because("it is not known here", "release.after_deploy"),
    "environments": because("what differs in an environment is not taken", "[environments.NAME]"),
    "description": needless,
    "keywords": needless,
    "website": needless,
    "logo": needless,
    "success_url": needless,
    "repository": needless,
    "schema": needless,
    "$schema": needless,
}


def processes(said: str) -> dict[str, str]:
    """Name -> command, as the lines of a Procfile say them."""
    rows = (_LINE.match(line.strip()) for line in said.splitlines())
    return {row["name"]: row["command"].strip() for row in rows if row}


def fits_procfile(said: str) -> bool:
    """Whether every line that says something is a process."""
    lines = [line for line in said.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    return bool(lines) and all(_LINE.match(line.strip()) for line in lines)


def fits(document: Any) -> bool:
    """Whether JSON is an ``app.json`` of Heroku's (Expo has a file of that name, too)."""
    told = {"env", "addons", "formation", "buildpacks", "scripts", "stack", "environments", "website", "repository"}
    return isinstance(document, Mapping) and "expo" not in document and bool(told & set(document))


def read(procfile: Path | None, manifest: Path | None, shown: str = "") -> Reading:
    """Of a Procfile, an app.json, or both, which are one application.  Raises HermesError."""
    page = Page(manifest.name if manifest else "Procfile")
    if manifest:
        walk(TABLE, files.mapping(manifest, files.as_json(manifest, files.text(manifest))), page)
    if procfile:
        page.file = procfile.name
        rows = processes(files.text(procfile))
        if rows and "web" not in rows:
            raise HermesError(
                Finding(
                    "from-no-web",
                    str(procfile),
                    "it has no process web",
                    why="one application that answers requests is what is deployed here",
                    next="write hermes.toml with hermes-cfn init",
                ),
                exit_code=ExitCode.REFUSED,
            )
        for name, command in rows.items():
            page.said.append(command)
            if name == "release":
                to("application.migrate", values.words)(page, name, command)
            elif name == "web":
                page.wish(name, "command")
            else:
                page.process(name, name, command)
    page.otherwise("application.architecture", "x86_64", "dynos are x86_64")
    page.notes.append("Heroku chooses PORT: here it is application.port, which the container is told, too")
    names = [one.name for one in (procfile, manifest) if one]
    return page.reading(TOOL, names)
