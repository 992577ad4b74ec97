"""What verbs share in front of a person: tables, progress, formats, and the choice of cloud."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from textwrap import wrap
from typing import TYPE_CHECKING, Any, TypeVar

import click
from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from hermes_cfn import events
from hermes_cfn.cli import live, terminal
from hermes_cfn.cli.again import again
from hermes_cfn.units import duration

if TYPE_CHECKING:
    from hermes_cfn.config import Settings
    from hermes_cfn.deployment import Deployment

PIPED_COLUMNS = 160
"""Width of a table that no terminal bounds, in characters."""

Function = TypeVar("Function", bound=Callable[..., Any])


class Plain(Console):
    """Writes control characters out that are in a text; those of its own, for colours and progress, stay."""

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        for segment in super().render(renderable, options):
            yield segment if segment.control else Segment(terminal.plain(segment.text), segment.style)


def console(stderr: bool = False) -> Console:
    """A console that is plain when it is not a terminal and honours ``NO_COLOR``."""
    width = None if sys.stdout.isatty() else PIPED_COLUMNS
    return Plain(stderr=stderr, highlight=False, width=width, soft_wrap=False)


@dataclass(frozen=True, slots=True)
class FittingTable:
    """A quiet table; where it would break a word, as on a narrow terminal, each row is a paragraph, so that what is to be
    copied stays whole.  ``right`` are the indices of right-aligned columns.
    """

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    right: Sequence[int] = ()

    def __rich_console__(self, _console: Console, options: ConsoleOptions) -> Iterator[RenderableType]:
        cells = list(zip(self.columns, *self.rows, strict=True))
        least = [max((len(word) for cell in column for word in cell.split()), default=0) for column in cells]
        most = [max(map(len, column)) for column in cells]
        spare = options.max_width - 2 * (len(cells) - 1) - sum(least)
        if spare < 0:
            yield from self._paragraphs(options.max_width)
            return
        wish = sum(most) - sum(least)
        share = min(1.0, spare / wish) if wish else 0.0
        yield self._table([low + int((high - low) * share) for low, high in zip(least, most, strict=True)])

    def _table(self, widths: Sequence[int]) -> Table:
        made = Table(title=self.title, title_justify="left", box=None, pad_edge=False, title_style="bold")
        made.header_style = "bold"
        for index, (name, width) in enumerate(zip(self.columns, widths, strict=True)):
            made.add_column(
                name, justify="right" if index in self.right else "left", overflow="fold", width=max(1, width)
            )
        for row in self.rows:
            made.add_row(*map(Text, row))
        return made

    def _paragraphs(self, width: int) -> Iterator[Text]:
        """The first cells as far as they fit into a line, and the others below with their headings."""
        if self.title:
            yield Text(self.title, style="bold")
        for row in self.rows:
            head = 1
            while head < min(2, len(row)) and len("  ".join(row[: head + 1])) <= width:
                head += 1
            yield Text("  ".join(row[:head]), style="bold", overflow="fold")
            named = zip(self.columns[head:], row[head:], strict=True)
            rest = "; ".join(f"{name} {cell}".strip() for name, cell in named if cell.strip())
            for line in wrap(rest, max(20, width - 2), break_long_words=False, break_on_hyphens=False):
                yield Text(f"  {line}", overflow="fold")


def table(
    title: str, columns: Sequence[str], rows: Iterable[Sequence[object]], right: Sequence[int] = ()
) -> FittingTable:
    """A table of any cells, without control characters."""
    shown = [tuple(terminal.plain(str(cell)) for cell in row) for row in rows]
    return FittingTable(terminal.plain(title), [terminal.plain(one) for one in columns], shown, right)


def put_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]], right: Sequence[int] = ()) -> None:
    """Print a table: quiet on a terminal, and in a pipe with one line a row, however wide."""
    if sys.stdout.isatty():
        console().print(table(title, columns, rows, right))
        return
    lines = [tuple(columns), *(tuple(terminal.plain(str(cell)) for cell in row) for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    if title:
        terminal.echo(title)
    for line in lines:
        cells = (
            cell.rjust(width) if index in right else cell.ljust(width)
            for index, (cell, width) in enumerate(zip(line, widths, strict=True))
        )
        terminal.echo("  ".join(cells).rstrip())


def at(time: datetime | None) -> str:
    """A time as people read it, in UTC."""
    return f"{time.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC" if time else ""


def put_json(value: object) -> None:
    """Print ``value`` as JSON, two spaces deep."""
    terminal.echo(json.dumps(value, indent=2, default=str))


def number_option(name: str, least: float, most: float, default: float, about: str) -> Callable[[Function], Function]:
    """A number above ``least`` and at most ``most``; infinity is none, nor is what is not a number."""

    def checked(_context: click.Context, _option: click.Parameter, value: float) -> float:
        if not least < value <= most:
            raise click.BadParameter(f"{value:g} is not above {least:g} and at most {most:g}")
        return value

    return click.option(name, type=float, default=default, show_default=True, callback=checked, help=about)


def format_option(*choices: str) -> Callable[[Function], Function]:
    """``--format``, whose first choice is the default."""
    return click.option(
        "--format", "form", type=click.Choice(choices), default=choices[0], show_default=True, help="How to print it."
    )


@dataclass(frozen=True, slots=True)
class Context:
    """What the options before the verb said."""

    config: Path
    environment: str | None
    profile: str | None
    local: bool
    debug: bool
    reset: bool = False
    lock_wait_s: float = 0.0

    def settings(self) -> Settings:
        """``hermes.toml`` with the environment's overlay.  Raises ConfigurationError."""
        from hermes_cfn import config

        return config.load(self.config, self.environment)

    def deployment(self) -> Deployment:
        """The stacks of the settings."""
        from hermes_cfn import stacks

        return stacks.build(self.settings())


def context() -> Context:
    """The options before the verb, from the running command."""
    given = click.get_current_context().find_root().obj
    return Context(
        config=Path(given["config"]),
        environment=given["environment"],
        profile=given["profile"],
        local=given["local"],
        debug=given["debug"],
        reset=given.get("reset", False),
        lock_wait_s=given.get("lock_wait_s", 0.0),
    )


def local_option(function: Function) -> Function:
    """``--local`` after the verb, as well as before it."""
    return _remembered("local", "Talk to the embedded cloud on this machine.")(function)


def reset_option(function: Function) -> Function:
    """``--reset``, of the verbs that start the embedded cloud: what it held is lost."""
    return _remembered("reset", "With --local: start the embedded cloud afresh; what it held is lost.")(function)


LONGEST_LOCK_WAIT_S = 86400.0
"""The longest that ``--lock-wait`` may be, in seconds."""


def lock_option(function: Function) -> Function:
    """``--lock-wait``, of every verb that takes the deploy lock: it queues behind who holds it."""

    def remember(ctx: click.Context, _parameter: click.Parameter, value: float) -> None:
        if not 0 <= value <= LONGEST_LOCK_WAIT_S:
            raise click.BadParameter(f"{value:g} is not from 0 to {LONGEST_LOCK_WAIT_S:g}")
        ctx.find_root().obj["lock_wait_s"] = value

    return click.option(
        "--lock-wait",
        type=float,
        metavar="SECONDS",
        default=0.0,
        show_default=True,
        expose_value=False,
        callback=remember,
        help="Wait so long for somebody else's deployment to end, instead of ending at once with exit code 5.",
    )(function)


def _remembered(name: str, about: str) -> Callable[[Function], Function]:
    """A flag of a verb that is kept beside the options before the verb."""

    def remember(ctx: click.Context, _parameter: click.Parameter, value: bool) -> None:
        if value:
            ctx.find_root().obj[name] = True

    return click.option(f"--{name}", is_flag=True, expose_value=False, callback=remember, help=about)


def describe(event: events.Event) -> str:
    """One line for an event, as people read it."""
    match event:
        case events.StageStarted(stage=stage, detail=detail, estimate_s=estimate):
            about = f" (about {duration(estimate)})" if estimate else ""
            return f"==> {stage}{about}" + (f": {detail}" if detail else "")
        case events.StageEnded(stage=stage, detail=detail):
            return f"  ✓ {stage}" + (f": {detail}" if detail else "")
        case events.ResourceEvent():
            reason = f" — {event.reason}" if event.reason else ""
            return f"    {event.stack}  {event.status:<28} {event.resource_type}  {event.logical_id}{reason}"
        case events.InstanceEvent():
            return f"    {event.instance_id}  {event.what}" + (f" — {event.detail}" if event.detail else "")
        case events.Noted(finding=finding):
            lines = [f"    {finding.severity}: {finding.where}: {finding.what}"]
            lines += [f"        {finding.why}"] if finding.why else []
            lines += [f"        | {line}" for line in finding.evidence.splitlines()]
            lines += [f"        next: {again(finding.next)}"] if finding.next else []
            return "\n".join(lines)
        case events.Waiting(what=what, at_most_s=limit):
            return f"    … {what}" + (f" (at most {duration(limit)})" if limit else "")
        case _:
            return f"    {event}"


def as_json(event: events.Event) -> dict[str, object]:
    """An event as data: its kind and its fields."""
    from dataclasses import asdict

    finding = {"finding": event.finding.as_dict()} if isinstance(event, events.Noted) else {}
    return {"event": type(event).__name__, **asdict(event), **finding}


def follow(stream: Iterator[events.Event], form: str = "text", quiet: bool = False) -> list[events.Event]:
    """Print events as they come, one line each, and return them.

    On a terminal the stacks that are under way stand below, with their progress and estimate.
    Ctrl-C reaches the flow itself, wherever it strikes.
    """
    out = console()
    seen: list[events.Event] = []
    struck: KeyboardInterrupt | None = None
    with live.View(out) as view:
        while True:
            try:
                event = next(stream) if struck is None else _thrown(stream, struck)
            except StopIteration:
                return seen
            struck = None
            try:
                seen.append(event)
                view.take(event)
                if form == "json":
                    terminal.echo(json.dumps(as_json(event), default=str))
                elif not quiet or isinstance(event, events.StageStarted | events.StageEnded | events.Noted):
                    style = "bold" if isinstance(event, events.StageStarted) else None
                    out.print(Text(describe(event), style=style or ""), soft_wrap=True)
            except KeyboardInterrupt as interrupt:
                struck = interrupt


def _thrown(stream: Iterator[events.Event], interrupt: KeyboardInterrupt) -> events.Event:
    """The next event of a stream that hears of ``interrupt``."""
    if isinstance(stream, Generator):
        event: events.Event = stream.throw(interrupt)
        return event
    raise interrupt


@contextmanager
def progress(what: str) -> Iterator[None]:
    """A spinner on a terminal and nothing elsewhere, for what takes over a second."""
    out = console(stderr=True)
    if not out.is_terminal:
        yield
        return
    with out.status(what):
        yield
