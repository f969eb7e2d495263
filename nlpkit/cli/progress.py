"""Progress on standard error: a moving bar on a terminal, a line now and then anywhere else."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from nlpkit.cli.output import note

_EVERY = 15.0
"""Seconds between two lines where standard error is no terminal."""


class Bar:
    """How far a long command is, how fast it goes and how long it will take.

    Use it as a context manager; call `update` as often as wanted.
    """

    def __init__(self, title: str, unit: str) -> None:
        self.title, self.unit = title, unit
        self._console = Console(stderr=True)
        self._started = self._said = time.monotonic()
        self._first: int | None = None
        self._progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[detail]}", markup=False),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=self._console,
            transient=True,
            disable=not self._console.is_terminal,
        )
        self._task = self._progress.add_task(title, total=None, detail="")

    def __enter__(self) -> Self:
        """Show the bar."""
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Take the bar away."""
        self._progress.stop()

    def update(self, done: int, total: int | None, detail: str = "") -> None:
        """Say how many units are done, of how many (None: unknown), and anything worth knowing besides."""
        now = time.monotonic()
        # What an earlier run had done does not count towards this run's rate.
        if self._first is None:
            self._first = done
            self._progress.reset(self._task, total=total, completed=done, detail="")
        rate = (done - self._first) / max(now - self._started, 1e-9)
        shown = ", ".join(part for part in (f"{rate:.1f} {self.unit}/s" if rate else "", detail) if part)
        self._progress.update(self._task, completed=done, total=total, detail=shown)
        if not self._console.is_terminal and now - self._said >= _EVERY:
            self._said = now
            left = f", {duration((total - done) / rate)} left" if total and rate else ""
            note(f"{self.title}: {done}{f'/{total}' if total else ''} {self.unit}, {shown}{left}")


def duration(seconds: float) -> str:
    """Return minutes and seconds as "12:05"."""
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"
