"""``diagram``: a picture of the stacks."""

from __future__ import annotations

from pathlib import Path

import click

from hermes_cfn.cli import console, terminal


@click.command()
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Write it to a file.")
def command(out: Path | None) -> None:
    """Draw the stacks, their resources and what feeds what, as SVG."""
    from hermes_cfn import diagram

    picture = diagram.svg(console.context().deployment())
    if out is None:
        terminal.echo(picture)
    else:
        out.write_text(picture, encoding="utf-8")
        terminal.echo(f"{out}")
