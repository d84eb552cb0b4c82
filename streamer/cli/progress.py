"""Progress on stderr, for people who wait."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)


class Bar:
    """One bar of a progress display."""

    def __init__(self, progress: Progress, task: TaskID) -> None:
        self._progress = progress
        self._task = task

    def total(self, amount: int) -> None:
        """Say how much there is to do."""
        self._progress.update(self._task, total=amount)

    def advance(self, amount: int) -> None:
        """Say how much was done since the last call."""
        self._progress.advance(self._task, amount)


@contextlib.contextmanager
def bar(title: str, total: int | None, *, wanted: bool | None) -> Iterator[Bar]:
    """A progress bar. Without a terminal on stderr there is none, unless `wanted`."""
    shown = sys.stderr.isatty() if wanted is None else wanted
    console = Console(stderr=True, force_terminal=True if wanted else None)
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(show_speed=total is None),
        TimeRemainingColumn(elapsed_when_finished=True),
    )
    with Progress(*columns, console=console, disable=not shown, transient=False) as progress:
        task = progress.add_task(title, total=total)
        yield Bar(progress, task)
