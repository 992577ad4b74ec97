"""``diagram``: a picture of the stacks, or of the way of a request."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from hermes_cfn.cli import console, terminal
from hermes_cfn.errors import HermesError

if TYPE_CHECKING:
    from hermes_cfn.deployment import Deployment
    from hermes_cfn.diagram.architecture import Prices


@click.command()
@click.option(
    "--architecture", is_flag=True, help="Draw the way of a request instead, with the monthly price on each box."
)
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Write it to a file.")
def command(architecture: bool, out: Path | None) -> None:
    """Draw the stacks, their resources and what feeds what, as SVG."""
    from hermes_cfn.diagram import architecture as way
    from hermes_cfn.diagram import stacks

    context = console.context()
    deployment = context.deployment()
    picture = way.svg(context.settings(), deployment, _prices(deployment)) if architecture else stacks.svg(deployment)
    if out is None:
        terminal.echo(picture)
    else:
        out.write_text(picture, encoding="utf-8")
        terminal.echo(f"{out}")


def _prices(deployment: Deployment) -> Prices | None:
    """The amounts of the bill by resource; None where no price book has this region."""
    from decimal import Decimal

    from hermes_cfn import bill
    from hermes_cfn.diagram.architecture import Prices
    from hermes_cfn.pricing import books

    try:
        made = bill.compute(deployment, books.load(deployment.region))
    except HermesError as error:
        if any(one.code != "book-missing" for one in error.findings):
            raise
        return None
    amounts: dict[tuple[str, str], Decimal] = {}
    for line in made.lines:
        amounts[line.stack, line.logical_id] = amounts.get((line.stack, line.logical_id), Decimal(0)) + line.monthly
    return Prices(amounts, made.total, f"Prices of {made.as_of}; usage of [usage] in hermes.toml")
