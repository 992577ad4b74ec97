"""``init``: a first ``hermes.toml`` and the workflows of a pipeline."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from hermes_cfn import tool
from hermes_cfn.cli import console, pins, reach, terminal
from hermes_cfn.cli.again import again
from hermes_cfn.config import frameworks
from hermes_cfn.errors import ExitCode, Finding, HermesError, hermes

if TYPE_CHECKING:
    from hermes_cfn.config.starter import Choices, Prices

WORKFLOWS = ("ci", "cd")
PRESETS = ("lean", "guide", "hardened")
ARCHITECTURES = ("arm64", "x86_64")


@click.command()
@click.option(
    "--preset",
    type=click.Choice(PRESETS, case_sensitive=False),
    help="Where to start from (asked for on a terminal; else guide).",
)
@click.option("--name", help="The application's name, two to twenty lower case letters, digits, dashes.")
@click.option("--region", help="AWS region.")
@click.option("--framework", type=click.Choice(frameworks.NAMES, case_sensitive=False), help="What the image runs.")
@click.option(
    "--from",
    "origin",
    type=click.Path(path_type=Path),
    help="A file of another tool, or a folder with one: Kamal, Fly.io, Copilot, Compose, Heroku, App Runner, ECS, Beanstalk.",
)
@click.option("--port", type=click.IntRange(1, 65535), help="The port on which the container listens.")
@click.option("--health-path", help="The path that answers 200 when the application is well.")
@click.option("--architecture", type=click.Choice(ARCHITECTURES), help="Of the image and the instances.")
@click.option("--domain", help="The name that users type.")
@click.option("--repository", help="GitHub repository, OWNER/NAME (default: the checkout's origin).")
@click.option("--instances", type=click.IntRange(1, 100), help="How many instances.")
@click.option("--type", "instance_type", help="Instance type.")
@click.option(
    "--requirement",
    help="What the pipeline installs with pip, by hash: NAME==VERSION, or a wheel (this version of hermes-cfn).",
)
@click.option(
    "--upgrade", is_flag=True, help=f"Write {pins.FILE} anew for this version of hermes-cfn, and nothing else."
)
@click.option("--workflows/--no-workflows", default=True, show_default=True, help="Write .github/workflows too.")
@click.option("--check", is_flag=True, help="Only say whether the workflows fit hermes.toml; writes nothing.")
@click.option("--prices/--no-prices", "priced", default=True, show_default=True, help="Say what each switch costs.")
@click.option("--offline", is_flag=True, help="Look nothing up, neither in AWS nor in the package index.")
@click.option("--force", is_flag=True, help="Write over files that are there.")
@click.option("--yes", "-y", is_flag=True, help="Ask nothing.")
def command(
    preset: str | None,
    name: str | None,
    region: str | None,
    framework: str | None,
    origin: Path | None,
    port: int | None,
    health_path: str | None,
    architecture: str | None,
    domain: str | None,
    repository: str | None,
    instances: int | None,
    instance_type: str | None,
    requirement: str | None,
    upgrade: bool,
    workflows: bool,
    check: bool,
    priced: bool,
    offline: bool,
    force: bool,
    yes: bool,
) -> int:
    """Write hermes.toml, each switch with its default and its price a month, and the workflows.

    Asks a few questions on a terminal; flags answer them beforehand.  Needs no AWS account: what one could
    tell is looked up where this machine has credentials (or --profile says whose), and only read.
    Where hermes.toml is there already, --workflows writes the workflows anew from it, and nothing else; the job that
    tests the application stays as it is, unless --framework names another.
    With --from what another tool's file says is taken, each line with its origin, and what is not taken is listed
    with the nearest thing here; nothing of the file is run, and of secrets only the names are read.
    The pipeline installs by hash what .github/hermes-requirements.txt names; --upgrade writes that file anew.
    """
    from hermes_cfn.cli import come_from
    from hermes_cfn.config import parse, starter

    context = console.context()
    path = context.config
    pinned = path.parent / pins.FILE
    requirement = requirement or f"hermes-cfn=={tool.version()}"
    if upgrade:
        _pin(pinned, *pins.text(requirement, offline))
        return ExitCode.OK
    asked = click.get_current_context().get_parameter_source("workflows") is ParameterSource.COMMANDLINE
    if check or (asked and workflows and path.exists() and not force):
        return _workflows_of(path, context.settings(), framework, check)
    reading = None
    if origin is not None:
        from hermes_cfn import foreign

        reading = foreign.read(origin)
        framework = framework or reading.framework
    taken = reading.choices if reading else {}
    flags = starter.merged(
        _answers(name, region, domain, repository, instances, instance_type),
        _application(port, health_path, architecture, instance_type),
    )

    def told(section: str, key: str, given: Any) -> Any:
        return taken.get(section, {}).get(key) if given is None else given

    name, region = told("application", "name", name), told("account", "region", region)
    port, health_path = told("application", "port", port), told("application", "health_path", health_path)
    architecture = told("application", "architecture", architecture)
    instance_type, instances = told("compute", "instance_type", instance_type), told("compute", "count", instances)
    domain = told("certificate", "domain", domain)
    written = [path]
    if workflows:
        written += [path.parent / ".github" / "workflows" / f"{each}.yml" for each in WORKFLOWS]
    _not_over([*written, *([pinned] if workflows else [])], force)
    pins_text = pins.text(requirement, offline) if workflows else None

    import sys

    totals = _totals() if priced else {}
    repository = repository or (reach.repository(path) if path.parent.exists() else None)
    if not yes and sys.stdin.isatty():
        preset = preset or _ask_preset(totals)
        region = _asked("AWS region", region, "eu-south-2", "account", "region")
        kinds = click.Choice(frameworks.NAMES, case_sensitive=False)
        framework = framework or click.prompt("Framework", type=kinds, default=frameworks.PHOENIX)
        known = starter.settings(frameworks.choices(framework)).application
        name = _asked("Name of the application", name, "hermes", "application", "name")
        port = int(_asked("Port of the container", port, known.port, "application", "port"))
        health_path = _asked("Path of the health check", health_path, known.health_path, "application", "health_path")
        architecture = architecture or click.prompt(
            "Architecture of the image", type=click.Choice(ARCHITECTURES), default=_architecture(instance_type)
        )
        instances = int(_asked("How many instances", instances, _count(preset), "compute", "count"))
        domain = _asked("The name that users type", domain, f"{name}.yourdomain.com", "certificate", "domain")
        repository = _asked("GitHub repository", repository, f"YOUR_ORG/{name}", "github", "repository")
    framework = framework or frameworks.PHOENIX
    preset = preset or "guide"
    answers = starter.merged(
        frameworks.choices(framework, port),
        _answers(name, region, domain, repository, instances, instance_type),
        _application(port, health_path, architecture, instance_type),
    )
    base = starter.PRESETS[preset].choices
    if reading:
        # What a file says lies above the framework's values, and its secrets are all that there are.
        own = starter.merged(answers, {"application": {"secrets": ()}})
        reading = come_from.fitting(reading, starter.merged(base, own), flags)
        answers = starter.merged(own, reading.choices, flags)
    _checked(starter.merged(base, answers))
    choices = starter.merged(base, answers)
    if not offline:
        choices = starter.merged(base, _looked_up(context, choices), _introduced(repository), answers)
    settings = starter.settings(choices)
    prices = _prices(choices) if priced else {}
    remarks = list(come_from.remarks(reading)) if reading else []
    text = starter.text(choices, preset, prices, totals, reading.origins if reading else None, remarks)
    parse(text, name=str(path))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    for each, target in zip(WORKFLOWS, written[1:], strict=False):
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(workflow(each, _values(settings, framework)), encoding="utf-8")
    for target in written:
        terminal.echo(str(target))
    if pins_text:
        _pin(pinned, *pins_text)
    if reading:
        now = come_from.price_now(reading.home, settings.account.region) if priced else None
        come_from.show(reading, now, _monthly(choices) if priced else None)
    if priced and not prices:
        terminal.echo(
            again(f"no prices: {settings.account.region} has no price book; next: " + hermes("prices", "refresh")),
            err=True,
        )
    terminal.echo(again("next: " + hermes("render") + " && " + hermes("cost")), err=True)
    return ExitCode.OK


def _pin(path: Path, text: str, missing: Finding | None) -> None:
    """Writes what the pipeline installs, and says what is missing from it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    terminal.echo(str(path))
    if missing:
        terminal.echo(f"{missing.severity}: {missing}", err=True)
        terminal.echo(f"next: {missing.next}", err=True)


def _looked_up(context: console.Context, choices: Choices) -> dict[str, dict[str, Any]]:
    """What the account says, told line by line, as choices; nothing where nobody is signed in."""
    from hermes_cfn.config import starter

    settings = starter.settings(choices)
    found: dict[str, dict[str, Any]] = {}
    try:
        clients = reach.hurried_clients(context, settings)
        if clients is None:
            terminal.echo("AWS: no credentials on this machine, nothing is looked up", err=True)
            return found
        from hermes_cfn.flows.base import account_discovery

        for heard in account_discovery.ask(clients, settings):
            terminal.echo(f"AWS: {heard.line}", err=True)
            for section, key, value in heard.sets:
                found.setdefault(section, {})[key] = value
    except HermesError as error:
        terminal.echo(f"AWS: nothing more was looked up: {error.findings[0]}", err=True)
    return found


def _introduced(repository: str | None) -> dict[str, dict[str, Any]]:
    """The numbers in the repository's OIDC subject, as choices; nothing without a token, or where GitHub has none."""
    from hermes_cfn.flows.base import github

    seen = github.introduced(repository) if repository else None
    if seen is None or seen.ids is None:
        return {}
    terminal.echo(f"GitHub: the repository is introduced as {seen.prefix}", err=True)
    owner_id, repository_id = seen.ids
    return {"github": {"subject": "ids", "owner_id": owner_id, "repository_id": repository_id}}


def workflow(name: str, values: Mapping[str, str]) -> str:
    """The workflow ``name`` with every ``@KEY@`` replaced.  Raises KeyError for a key without a value."""
    import re

    text = files("hermes_cfn.cli").joinpath(f"workflows/{name}.yml").read_text(encoding="utf-8")
    if values["STEPS"]:
        text = re.sub(r"(?s)    env:\n      MIX_ENV: test\n", "", text)
        text = re.sub(r"(?s)      - uses: erlef/setup-beam.*?\n(?=\n  deployment:)", lambda _: values["STEPS"], text)
    return re.sub(r"@([A-Z]{4,})@", lambda found: values[found[1]], text)


def _workflows_of(path: Path, settings: Any, framework: str | None, check: bool) -> int:
    """Writes the workflows that fit the settings, or says which do not; the application's own job is kept."""
    import re

    job = re.compile(r"^  application:\n.*?(?=^  deployment:\n)", re.MULTILINE | re.DOTALL)
    stale = False
    for name in WORKFLOWS:
        target = path.parent / ".github" / "workflows" / f"{name}.yml"
        there = target.read_text(encoding="utf-8") if target.is_file() else ""
        fresh = workflow(name, _values(settings, framework or frameworks.PHOENIX))
        own = job.search(there) if framework is None else None
        if own:
            fresh = fresh.replace(job.findall(fresh)[0], own[0])
        if fresh == there:
            terminal.echo(f"{target} is fresh")
            continue
        stale = True
        if check:
            terminal.echo(f"{target} is stale; next: {hermes('init', '--workflows')}")
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(fresh, encoding="utf-8")
        terminal.echo(str(target))
    return ExitCode.CHANGES if check and stale else ExitCode.OK


def _values(settings: Any, framework: str = frameworks.PHOENIX) -> dict[str, str]:
    arm = settings.application.architecture == "arm64"
    return {
        "APPLICATION": settings.application.name,
        "ENVIRONMENT": settings.environment.name,
        "REGION": settings.account.region,
        "BRANCH": settings.github.branch,
        "RUNNER": "ubuntu-24.04-arm" if arm else "ubuntu-24.04",
        "STEPS": frameworks.steps(framework),
        "BUILD": _build(settings, "linux/arm64" if arm else "linux/amd64"),
    }


def _build(settings: Any, platform: str) -> str:
    """The last lines of the step that makes the image: the secrets that it needs, and what is run."""
    from hermes_cfn.config.build import Build

    build, lines = settings.build, []
    if build == Build():
        return f'        run: docker build --platform {platform} --tag "{settings.application.name}:$TAG" .'
    lines += [f"          {name}: ${{{{ secrets.{name} }}}}" for name in build.needs]
    return "\n".join([*lines, f'        run: hermes-cfn --env {settings.environment.name} image build "$TAG"'])


def _not_over(paths: list[Path], force: bool) -> None:
    there = [path for path in paths if path.exists()]
    if there and not force:
        raise HermesError(
            *(
                Finding(
                    "file-exists",
                    str(path),
                    "is there already",
                    next="--workflows writes the workflows alone, anew; --force writes over all, --no-workflows leaves them",
                )
                for path in there
            ),
            exit_code=ExitCode.REFUSED,
        )


def _answers(
    name: str | None,
    region: str | None,
    domain: str | None,
    repository: str | None,
    instances: int | None,
    instance_type: str | None,
) -> dict[str, dict[str, Any]]:
    """What was answered, as choices; a region brings its zones, a type its architecture."""
    answers: dict[str, dict[str, Any]] = {}

    def put(section: str, key: str, value: Any) -> None:
        if value is not None:
            answers.setdefault(section, {})[key] = value

    put("application", "name", name)
    put("account", "region", region)
    put("certificate", "domain", domain)
    put("github", "repository", repository)
    put("compute", "count", instances)
    put("compute", "instance_type", instance_type)
    if region:
        put("network", "zones", tuple(f"{region}{letter}" for letter in "abc"))
    if instance_type:
        from hermes_cfn.config.compute import Compute

        if Compute(instance_type=instance_type).architecture == "x86_64":
            put("application", "architecture", "x86_64")
    return answers


def _checked(choices: Choices) -> None:
    """Raises what is wrong with the answers, by their keys: there is no file yet that could have a line."""
    from dataclasses import replace

    from hermes_cfn.config import starter

    try:
        starter.settings(choices)
    except HermesError as error:
        told = (replace(one, where=one.where.rpartition(" ")[2]) for one in error.findings)
        raise HermesError(*told, exit_code=error.exit_code) from error


def _asked(question: str, given: Any, default: Any, section: str, key: str) -> Any:
    """An answer that the setting takes, asked again until it is one; what a flag said is not asked."""
    from hermes_cfn.config import starter

    if given is not None:
        return given
    while True:
        answer = click.prompt(question, default=default, type=type(default))
        told: dict[str, dict[str, Any]] = {section: {key: answer}}
        if key == "region":
            told = _answers(None, answer, None, None, None, None)
        try:
            starter.settings(told)
        except HermesError as error:
            # The count and the like stand in rules with others, which are judged when all is answered.
            own = [one for one in error.findings if one.where.endswith(f"{section}.{key}")]
            if own:
                terminal.echo(f"  {answer}: {own[0].what}; next: {own[0].next}", err=True)
                continue
        return answer


def _architecture(instance_type: str | None) -> str:
    from hermes_cfn.config.compute import Compute

    return Compute(instance_type=instance_type).architecture if instance_type else "arm64"


def _count(preset: str | None) -> int:
    from hermes_cfn.config import starter

    return starter.settings(starter.PRESETS[preset or "guide"].choices).compute.count


def _application(
    port: int | None, health_path: str | None, architecture: str | None, instance_type: str | None
) -> dict[str, dict[str, Any]]:
    """What was answered of the container, as choices; an x86 image brings a type that runs it."""
    said = {"port": port, "health_path": health_path, "architecture": architecture}
    found: dict[str, dict[str, Any]] = {"application": {key: one for key, one in said.items() if one is not None}}
    if architecture == "x86_64" and instance_type is None:
        found["compute"] = {"instance_type": "t3.small"}
    return found


def _ask_preset(totals: Mapping[str, str]) -> str:
    from hermes_cfn.config import starter

    for preset in starter.PRESETS.values():
        terminal.echo(f"  {preset.name:<9} {totals.get(preset.name, ''):>9}  {preset.what}")
    return str(click.prompt("Preset", type=click.Choice(PRESETS, case_sensitive=False), default="guide"))


def _monthly(choices: Choices) -> Decimal | None:
    """what these choices cost a month, or None where the region has no price book."""
    from hermes_cfn import bill, stacks
    from hermes_cfn.config import starter
    from hermes_cfn.pricing import books

    settings = starter.settings(choices)
    try:
        book = books.load(settings.account.region, source="snapshot")
        total: Decimal = bill.compute(stacks.build(settings), book).total
    except HermesError:
        return None
    return total


def _totals() -> dict[str, str]:
    """What each preset costs a month, in the default region."""
    from hermes_cfn.config import starter
    from hermes_cfn.units import dollars

    sums = {name: _monthly(preset.choices) for name, preset in starter.PRESETS.items()}
    return {name: dollars(total) for name, total in sums.items() if total is not None}


def _prices(choices: Choices) -> Prices:
    """The difference that each switch makes to ``choices``; combinations that are not valid have none."""
    from hermes_cfn.config import starter

    base = _monthly(choices)
    if base is None:
        return {}
    found: dict[tuple[str, str], list[tuple[Any, Decimal]]] = {}
    for switch in starter.SWITCHES:
        before = starter.merged(choices, switch.needs)
        after = starter.merged(before, switch.choices())
        try:
            without, with_it = (base if not switch.needs else _monthly(before)), _monthly(after)
        except HermesError:
            continue
        if without is not None and with_it is not None:
            found.setdefault((switch.section, switch.key), []).append((switch.value, with_it - without))
    return {key: tuple(values) for key, values in found.items()}
