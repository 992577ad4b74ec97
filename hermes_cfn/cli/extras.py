"""``extras``: stacks of one's own; ``add`` writes a good one, and says before what it costs."""

from __future__ import annotations

import re
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hermes_cfn.cli import console, terminal
from hermes_cfn.cli.again import again
from hermes_cfn.errors import ExitCode, Finding, HermesError, hermes

if TYPE_CHECKING:
    from hermes_cfn.config import Settings
    from hermes_cfn.config.extras import ExtraFile

KINDS = {
    "bucket": "uploads",
    "queue": "work",
    "postgres": "database",
    "redis": "cache",
    "mail": "mail",
    "topic": "events",
    "search": "search",
}
"""What can be added, and what it is called where nobody says."""

LONGEST = {"redis": (40, "a replication group"), "search": (28, "an OpenSearch domain")}
"""Kind -> characters that its name may have (ElastiCache API, CreateReplicationGroup; OpenSearch API, DomainName)."""


@click.group()
def command() -> None:
    """Stacks of one's own, beside hermes.toml in extras/."""


@command.command()
@click.argument("kind", type=click.Choice(sorted(KINDS)))
@click.option("--name", default=None, help="Of the file and its stack.  [default: uploads, work, database, …]")
@click.option("--print", "only_print", is_flag=True, help="Print the template and its price, and write nothing.")
def add(kind: str, name: str | None, only_print: bool) -> int:
    """Write extras/NAME.template.yaml, after saying what it costs a month."""
    from hermes_cfn.config.extras import FOLDER, ExtraFile

    context = console.context()
    settings = context.settings()
    called = name or KINDS[kind]
    path = context.config.parent / FOLDER / f"{called}.template.yaml"
    _free(settings, called, path)
    _fits(settings, kind, called)
    subnets = "PublicSubnets" if settings.network.egress == "public-subnets" else "PrivateSubnets"
    text = (Path(__file__).parent / f"extras_templates/{kind}.yaml").read_text(encoding="utf-8")
    text = text.replace("@NAME@", called).replace("@SUBNETS@", subnets)
    for line in _price(settings, ExtraFile(called, str(path), text)):
        terminal.echo(line)
    if only_print:
        terminal.echo(text, nl=False)
        return ExitCode.OK
    try:
        path.parent.mkdir(exist_ok=True)
        with path.open("x", encoding="utf-8", newline="\n") as file:
            file.write(text)
    except OSError as error:
        raise HermesError(Finding("file-unwritable", str(path), error.strerror or str(error))) from error
    terminal.echo(f"{path}  (its first lines say what to write into hermes.toml)")
    terminal.echo(
        again("next: " + hermes("render") + ", " + hermes("bootstrap") + " for its rights, " + hermes("plan"))
    )
    return ExitCode.OK


def _free(settings: Settings, name: str, path: Path) -> None:
    """Raises HermesError for a name that is taken, or none."""
    from hermes_cfn.config.extras import TAKEN
    from hermes_cfn.config.section import NAME

    there = {file.name: file.path for file in settings.extra_files}
    if name in TAKEN or name in there or path.exists():
        whose = "the name of a stack of ours" if name in TAKEN else f"there already: {there.get(name, path)}"
        raise HermesError(
            Finding("extra-name-taken", name, f"is {whose}", next="another name: --name"), exit_code=ExitCode.USAGE
        )
    if not re.fullmatch(NAME, name):
        raise HermesError(
            Finding("extra-invalid", name, "is no name: two to twenty lower case letters, digits and dashes"),
            exit_code=ExitCode.USAGE,
        )


def _fits(settings: Settings, kind: str, name: str) -> None:
    """Raises HermesError for what AWS would refuse: a name that is too long, a service that the region has not."""
    from hermes_cfn.cfn.schemas import supported

    if kind == "mail" and not supported("AWS::SES::EmailIdentity", settings.region):
        raise HermesError(
            Finding(
                "extra-not-offered",
                f"hermes.toml account.region {settings.region}",
                "CloudFormation has no Amazon SES there",
                next="your mail provider by HTTPS; or by SMTP: [network] outbound = [587]",
            ),
            exit_code=ExitCode.REFUSED,
        )
    most, what = LONGEST.get(kind, (0, ""))
    for one in settings.family:
        full = f"{one.application.name}-{one.environment.name}-{name}"
        if most and len(full) > most:
            raise HermesError(
                Finding(
                    "extra-invalid",
                    full,
                    f"has {len(full)} characters, and the name of {what} has at most {most}",
                    next="a shorter one: --name",
                ),
                exit_code=ExitCode.USAGE,
            )


def _bare(settings: Settings) -> Settings:
    """Without what names extras: the price is the template's own, and what is named may be what is being added."""
    from hermes_cfn.config.access import Access

    return settings.model_copy(update={"access": Access(), "env": {}, "extras": {}}).with_extras(())


def _price(settings: Settings, file: ExtraFile) -> list[str]:
    """What a month costs, line by line, at the use that ``[usage]`` states."""
    from hermes_cfn import bill, stacks
    from hermes_cfn.bill.lines import State
    from hermes_cfn.cli.plan import price_book
    from hermes_cfn.names import extra_key
    from hermes_cfn.units import dollars

    bare = _bare(settings)
    alone = bare.model_copy(update={"siblings": tuple(_bare(one) for one in settings.siblings)})
    deployment = stacks.build(alone.with_extras((file,)))
    book, unpriced = price_book(settings.region)
    if book is None:
        return [f"what it costs is not known: {finding.what}; next: {finding.next}" for finding in unpriced]
    lines = [line for line in bill.compute(deployment, book).lines if line.stack == extra_key(file.name)]
    total = sum((line.monthly for line in lines), Decimal(0))
    least = "at least " if any(line.state is State.NOT_PRICED for line in lines) else ""
    told = [f"{file.name}: {least}{dollars(total)} a month in {settings.region}, for each environment"]
    for line in lines:
        price = dollars(line.monthly) if line.state is State.PRICED else line.state.value
        told.append(f"  {line.logical_id}  {line.what}: {price}")
    return told
