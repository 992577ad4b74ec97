"""``adopt``: take over from what Terraform, OpenTofu or hands have built, without losing a request and without deleting it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from hermes_cfn.cli import console, reach, terminal
from hermes_cfn.cli.again import again
from hermes_cfn.cli.deploy import agree
from hermes_cfn.errors import ExitCode, hermes

if TYPE_CHECKING:
    from hermes_cfn.foreign.terraform import Old, State

_state = click.option(
    "--state",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    required=True,
    help="terraform state pull > state.json, or terraform show -json > state.json.",
)


@click.group()
def command() -> None:
    """Come over from what runs already: look, keep what can be kept, build beside it, hand over in steps, and back."""


@command.command("look")
@_state
@click.option("--write", is_flag=True, help="Write the settings that keep what can be kept into hermes.toml.")
@console.format_option("text", "json")
def look(state: Path, write: bool, form: str) -> int:
    """Say what becomes of each resource of a state: kept, taken up, handed over, or made anew beside it.

    Nothing of AWS is asked or changed.  Values of secrets in the state are neither read nor shown.
    """
    from hermes_cfn.foreign import terraform

    found = terraform.read(state)
    if form == "json":
        console.put_json(
            {
                "resources": [
                    {
                        "address": one.address,
                        "type": one.type,
                        "id": one.id,
                        "way": one.way,
                        "why": one.words,
                        "nearest": one.nearest,
                    }
                    for one in found.resources
                ],
                "settings": [
                    {"setting": f"{one.section}.{one.key}", "value": one.value, "from": one.origin}
                    for one in found.taken
                ],
                "choose": [{"setting": one.nearest, "why": one.why, "from": one.origin} for one in found.left],
            }
        )
    else:
        _show(found)
    if write:
        _write(found, form)
    elif form == "text" and found.taken:
        terminal.echo(again("next: " + hermes("adopt", "look", "--state", str(state), "--write")))
    return ExitCode.OK


WORDS = {
    "keep": "interruption: none; both use it, and it is paid once",
    "import": "interruption: none",
    "cut over": "interruption: none; in steps, and back by itself",
    "beside": "interruption: none; both are paid until the old one is gone",
    "not known": "not touched",
}


def _show(found: State) -> None:
    from hermes_cfn.foreign.terraform import Way

    terminal.echo(f"{found.file}: {len(found.resources)} resources")
    for way in Way:
        some = found.of(way)
        if some:
            terminal.echo(f"{way} ({len(some)}; {WORDS[way]})")
        for words, nearest, several in _together(some):
            terminal.echo(f"  {', '.join(several)}: {words}" + (f"; {again(nearest)}" if nearest else ""))
    now, then = _prices(found)
    terminal.echo(
        f"price of the old one, as far as its types say: {now}; of the new one by hermes.toml: {then}; both while they stand side by side"
    )
    for one in found.taken:
        terminal.echo(f"  {one.section}.{one.key} = {_spelled(one.value)}  from {one.origin}")
    for left in found.left:
        terminal.echo(f"  {left.nearest}: {left.why} ({left.origin})")


def _together(some: tuple[Old, ...]) -> list[tuple[str, str, list[str]]]:
    """Resources with the same words, in one line."""
    found: dict[tuple[str, str], list[str]] = {}
    for one in some:
        found.setdefault((one.words, one.nearest), []).append(one.address)
    return [(*key, several) for key, several in found.items()]


def _spelled(value: object) -> str:
    from hermes_cfn.config.spelling import toml

    return toml(plain(value))


def plain(value: object) -> object:
    """As TOML has it."""
    return list(value) if isinstance(value, tuple) else value


def _prices(found: State) -> tuple[str, str]:
    """USD a month of the old by the types that have a price without usage, and of the new by the file."""
    from hermes_cfn import bill
    from hermes_cfn.cli import come_from
    from hermes_cfn.errors import HermesError
    from hermes_cfn.foreign import terraform
    from hermes_cfn.pricing import books
    from hermes_cfn.units import dollars

    region = next((str(one.value) for one in found.taken if one.key == "region"), "")
    context = console.context()
    old = None
    try:
        deployment = context.deployment()
        old = come_from.billed(terraform.priced(found), region or deployment.region)
        new = dollars(bill.compute(deployment, books.load(deployment.region)).total)
    except HermesError:
        new = "not known (no hermes.toml that holds, or no price book)"
    return (dollars(old) if old is not None else "not known"), new


def _write(found: State, form: str) -> None:
    """The settings into the file, each only where it holds together with the others."""
    from hermes_cfn import config
    from hermes_cfn.config import edit

    given = console.context()
    text = given.config.read_text(encoding="utf-8") if given.config.exists() else ""
    for one in found.taken:
        text = edit.replace(text, one.section, one.key, plain(one.value), str(given.config))
    config.parse(text, given.environment, str(given.config))
    given.config.write_text(text, encoding="utf-8")
    if form == "text":
        terminal.echo(f"written: {given.config}, {len(found.taken)} settings")
        terminal.echo(
            again(
                "next: "
                + hermes("bootstrap")
                + ", "
                + hermes("image", "push", "TAG")
                + ", "
                + hermes("adopt", "prepare")
                + ", "
                + hermes("deploy", "--image", "TAG")
            )
        )


@command.command("prepare")
@click.option("--yes", is_flag=True, help="Do not ask.")
@console.format_option("text", "json")
@console.local_option
def prepare(yes: bool, form: str) -> int:
    """Make the old one's simple record a weighted one with everything, so that the new one's can stand beside it.

    Visitors do not notice.  `adopt back` makes it a simple one again, as long as the new one has no record.
    """
    from hermes_cfn.flows import cut_over

    agree(yes, "adopt prepare")
    console.follow(cut_over.prepare(reach.deploy_context(console.context())), form)
    if form == "text":
        terminal.echo(
            again(
                "next: "
                + hermes("deploy", "--image", "TAG")
                + ", with edge.weight = 0; then "
                + hermes("adopt", "cut-over")
            )
        )
    return ExitCode.OK


@command.command("cut-over")
@click.option(
    "--steps", default="5,25,50,100", show_default=True, metavar="SHARES", help="Shares of the new one, in percent."
)
@click.option(
    "--hold",
    type=click.FloatRange(60, 86400),
    default=120.0,
    show_default=True,
    metavar="SECONDS",
    help="How long each share is watched.",
)
@click.option("--yes", is_flag=True, help="Do not ask.")
@console.format_option("text", "json")
@console.local_option
@console.lock_option
def cut_over_command(steps: str, hold: float, yes: bool, form: str) -> int:
    """Give the new one more and more of the visitors, by the weights of two records in Route 53.

    While each share is held, its targets, its answers and its alarms are watched; what is wrong twice in a row sends
    everybody back (exit code 6).  Cut off in the middle, the same command goes on, and `adopt back` undoes it.
    """
    from hermes_cfn.deciders.cut_over import Want
    from hermes_cfn.flows import cut_over

    want = Want(_steps(steps), hold)
    agree(yes, "adopt cut-over")
    console.follow(cut_over.run(reach.deploy_context(console.context()), want), form)
    return ExitCode.OK


def _steps(text: str) -> tuple[int, ...]:
    words = [word.strip().removesuffix("%") for word in text.split(",")]
    shares = tuple(int(word) for word in words if word.isdigit() and word.isascii() and len(word) <= 3)
    if len(shares) < len(words) or any(not 0 < one <= 100 for one in shares) or list(shares) != sorted(set(shares)):
        raise click.BadParameter(
            f"{text!r} is not a list of rising shares from 1 to 100, like 5,25,50,100", param_hint="--steps"
        )
    return shares


@command.command("back")
@click.option("--yes", is_flag=True, help="Do not ask.")
@console.format_option("text", "json")
@console.local_option
@console.lock_option
def back(yes: bool, form: str) -> int:
    """Give everything to the old one again, at once; where the new one has no record, make the old one's simple again."""
    from hermes_cfn.deciders.cut_over import Want
    from hermes_cfn.flows import cut_over

    agree(yes, "adopt back")
    ground = reach.deploy_context(console.context())
    console.follow(cut_over.run(ground, Want(back=True)), form)
    console.follow(cut_over.undo(ground), form)
    return ExitCode.OK


@command.command("left")
@_state
@console.format_option("text", "json")
def left(state: Path, form: str) -> int:
    """List what is left of the old one and the commands of its own tool; nothing is deleted by us."""
    from hermes_cfn.foreign import terraform

    found = terraform.read(state)
    if form == "json":
        rows = [{"address": one.address, "id": one.id, "way": one.way} for one in found.resources]
        console.put_json({"resources": rows, "commands": list(found.removal())})
        return ExitCode.OK
    for way, words in (
        (terraform.Way.BESIDE, "are not needed any more once visitors reach the new one"),
        (terraform.Way.UNKNOWN, "are not known here: look at each yourself"),
        (terraform.Way.KEEP, "are kept, and stay with their own tool"),
        (terraform.Way.IMPORT, "stay as long as somebody needs what is in them"),
    ):
        some = found.of(way)
        if some:
            terminal.echo(f"{len(some)} resources of {found.file} {words}:")
        for one in some:
            terminal.echo(f"  {one.address}  {one.id}")
    terminal.echo(
        "in its own tool, in this order; read the plan before you apply it, and take their lines out of the *.tf files:"
    )
    for line in found.removal():
        terminal.echo(f"  {line}")
    return ExitCode.OK
