"""A deployment as files that need nothing of this project: templates, parameters, and a shell script of AWS CLI lines."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Mapping
from importlib.resources import files
from pathlib import Path

from hermes_cfn.config import Settings
from hermes_cfn.deployment import Deployment, FromLookup, FromOutput, FromSetting, StackSpec
from hermes_cfn.errors import Finding, HermesError
from hermes_cfn.names import Names, output_id

STACKS, RELEASE, PAGE = "stacks.sh", "release.sh", "README.md"

FIRST: Mapping[str, str] = {"budget-estimate": "100", "cost-allocation-tag": "false", "commit": "none"}
"""What a lookup is worth where no stack is yet that has a value."""


def render(deployment: Deployment, settings: Settings) -> dict[str, str]:
    """Contents by file name."""
    found: dict[str, str] = {}
    for spec in deployment:
        found[f"{spec.key}.template.json"] = _json(spec.template)
        given = [f"{name}={one.value}" for name, one in spec.parameters.items() if isinstance(one, FromSetting)]
        found[f"{spec.key}.parameters.json"] = _json(given)
        found[f"{spec.key}.tags.json"] = _json([{"Key": key, "Value": value} for key, value in spec.tags.items()])
    names = Names.of(settings)
    found[STACKS] = _script(STACKS, _stacks_variables(names), list(_stacks(deployment)))
    found[RELEASE] = _script(RELEASE, _release_variables(settings, names))
    found[PAGE] = _page(deployment, names)
    return found


def write(deployment: Deployment, settings: Settings, directory: Path) -> list[Path]:
    """Writes all files.  Raises HermesError ``eject-not-over`` where something is there already, ``eject-unwritable``."""
    if directory.exists() and any(directory.iterdir()):
        raise HermesError(
            Finding(
                "eject-not-over", str(directory), "is not empty", next="name a folder that is not there, with --out"
            )
        )
    written = []
    try:
        directory.mkdir(parents=True, exist_ok=True)
        for name, text in render(deployment, settings).items():
            path = directory / name
            path.write_text(text, encoding="utf-8", newline="\n")
            if name in (STACKS, RELEASE):
                path.chmod(0o755)
            written.append(path)
    except OSError as error:
        raise HermesError(
            Finding("eject-unwritable", str(directory), f"cannot be written: {error.strerror}")
        ) from error
    return written


def _stacks(deployment: Deployment) -> Iterator[str]:
    for wave in deployment.waves():
        for spec in wave:
            yield from _stack(deployment, spec)


def _stack(deployment: Deployment, spec: StackSpec) -> Iterator[str]:
    """The lines that bring one stack about; one of the account is touched by an administrator alone."""
    yield ""
    if spec.account_wide:
        yield "# Of the whole account: only an administrator may change it. FOUNDATION=yes does."
    given, first = [], []
    for name, source in spec.parameters.items():
        if isinstance(source, FromOutput):
            other = deployment.stack(source.stack)
            asked = f"output {shlex.quote(other.name)} {other.region} {output_id(source.output)}"
            given.append(f'"{name}=$({asked})"')
        elif isinstance(source, FromLookup):
            first.append(f'"{name}={_first(source)}"')
    if first:
        yield f"first=(); there {shlex.quote(spec.name)} {spec.region} || first=({' '.join(first)})"
        given.append('${first[@]+"${first[@]}"}')
    role = '""' if spec.account_wide else '"$ROLE"'
    line = f"stack {spec.key} {shlex.quote(spec.name)} {spec.region} {role}"
    line = " \\\n  ".join([line, *given])
    yield f'if [ -n "${{FOUNDATION:-}}" ]; then {line}; fi' if spec.account_wide else line


def _first(source: FromLookup) -> str:
    if source.lookup == "machine-image":
        return f"$(aws ssm get-parameter --name {source.argument} --query Parameter.Value --output text)"
    return FIRST[source.lookup]


def _stacks_variables(names: Names) -> dict[str, str]:
    return {
        "ENVIRONMENT": names.environment,
        "ROLE_NAME": names.role("cloudformation"),
        "BUCKET_NAME": names.artifacts_bucket.replace(names.account, "ACCOUNT"),
    }


def _release_variables(settings: Settings, names: Names) -> dict[str, str]:
    return {
        "REGION": settings.region,
        "REPOSITORY": names.repository,
        "LOCK_TABLE": names.lock_table,
        "LOCK_KEY": names.lock_key,
        "GOAL": names.goal_parameter,
        "STABLE": names.stable_parameter,
        "DOCUMENTS": names.document("").rstrip("-"),
        "GROUP": names.auto_scaling_group,
        "MIGRATE": "yes" if settings.application.migrate else "",
    }


def _script(name: str, variables: Mapping[str, str], more: list[str] | None = None) -> str:
    body = files("hermes_cfn.eject").joinpath(name).read_text(encoding="utf-8")
    head = [
        "#!/usr/bin/env bash",
        "set -euo pipefail",
        *(f"{key}={shlex.quote(one)}" for key, one in variables.items()),
    ]
    return "\n".join([*head, "", body.rstrip("\n"), *(more or [])]) + "\n"


def _json(content: object) -> str:
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"


def _page(deployment: Deployment, names: Names) -> str:
    rows = "\n".join(f"| {spec.key} | `{spec.name}` | {spec.region} |" for spec in deployment)
    return f"""# {deployment.application}, {deployment.environment}: without the tool that made it

Everything that runs stays as it is; nothing of it needs the tool. What you need to go on: bash, python3, the AWS CLI.

* `./stacks.sh` brings the stacks to what the templates here say. `DRY=yes ./stacks.sh` only makes the change sets.
* Secrets: `aws ssm put-parameter --type SecureString --overwrite --name /…/NAME --value file://…`, then their version in the release.
* `./release.sh TAG` brings the image TAG of the registry to every instance, one after the other, out of the load balancer and
  back, as the tool does it. Its comments say each step; a new version of a secret or of a variable is a line in it.

What you do by hand from here on: bills and plans beforehand, canaries, surge, pruning of old images, the check of an image's
architecture, going back by itself (the instance's own timer still brings a single one back), and newer versions of the
scripts on the instances, which are in the documents of the stack `service`.

| stack | name | region |
|---|---|---|
{rows}
"""
