"""One live view of the stacks that are under way: how far each is, since when, and how long it should take."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Column

from hermes_cfn import events
from hermes_cfn.units import duration

_shown: list[Progress] = []


class View:
    """A line for each stack below what is printed; nothing where there is no terminal."""

    def __init__(self, out: Console) -> None:
        self.progress = Progress(
            TextColumn("    {task.description}"),
            BarColumn(24),
            MofNCompleteColumn(),
            TimeElapsedColumn(table_column=Column(min_width=7, no_wrap=True)),
            TextColumn("{task.fields[about]}"),
            console=out,
            transient=True,
            disable=not out.is_terminal,
        )
        self._tasks: dict[str, TaskID] = {}
        self._done: dict[str, set[str]] = {}
        self._keys: dict[str, str] = {}

    def __enter__(self) -> View:
        _shown.append(self.progress)
        self.progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.progress.stop()
        _shown.remove(self.progress)

    def take(self, event: events.Event) -> None:
        """A stack begins (its stage names how many resources change), one of its resources is done, it ends."""
        match event:
            case events.StageStarted(stage=key, detail=stack, estimate_s=estimate, resources=resources) if resources:
                about = f"of about {duration(estimate)}" if estimate else ""
                self._tasks[key] = self.progress.add_task(key, total=resources, about=about)
                self._done[stack], self._keys[stack] = set(), key
            case events.ResourceEvent(stack=stack, logical_id=name, status=status) if stack in self._keys:
                if status.endswith("_COMPLETE") and name != stack:
                    self._done[stack].add(name)
                    self.progress.update(self._tasks[self._keys[stack]], completed=len(self._done[stack]))
            case events.StageEnded(stage=key) if key in self._tasks:
                self.progress.remove_task(self._tasks.pop(key))
                self._keys = {stack: known for stack, known in self._keys.items() if known != key}


@contextmanager
def paused() -> Iterator[None]:
    """While somebody is asked something, nothing else writes to the terminal."""
    for progress in _shown:
        progress.stop()
    yield
    for progress in _shown:
        progress.start()
