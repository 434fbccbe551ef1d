"""Progress of long runs: a bar with rate and time left on a terminal, one line per stage elsewhere."""

import sys
import time
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Self, TextIO

if TYPE_CHECKING:
    from rich.progress import Progress as Bar
    from rich.progress import TaskID


Progress = Callable[[str, int, int | None], None]
"""Reports a stage, how many are done, and of how many, None if unknown."""

_LINE_EVERY_S = 20.0


def no_progress(stage: str, done: int, total: int | None) -> None:
    """Ignore progress reports."""


class Reporter:
    """A progress callback: reporter(stage, done, total). A new stage name ends the previous stage.

    Writes to stderr, so that stdout stays free for data. As a context manager it ends the last stage on exit.
    """

    def __init__(self, stream: TextIO | None = None, quiet: bool = False) -> None:
        self._stream = stream or sys.stderr
        self._quiet = quiet
        self._stage = ""
        self._done = 0
        self._start = 0.0
        self._written = 0.0
        self._bar: Bar | None = None
        self._task: TaskID | None = None

    def __call__(self, stage: str, done: int, total: int | None = None) -> None:
        """Report that `done` of `total` (None if unknown) are done in a stage."""
        if stage != self._stage:
            self.end()
            self._begin(stage, total)
        self._done = done
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, completed=done, total=total)
        elif not self._quiet and time.monotonic() - self._written >= _LINE_EVERY_S:
            self._write_state(total)

    def end(self) -> None:
        """End the current stage, if any, and report its count and rate."""
        if not self._stage:
            return
        if self._bar is not None:
            self._bar.stop()
            self._bar = None
        seconds = time.monotonic() - self._start
        rate = f", {self._done / seconds:,.0f}/s" if seconds > 0 and self._done else ""
        self._write(f"{self._stage}: {self._done:,} in {seconds:.1f} s{rate}")
        self._stage = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()

    def _begin(self, stage: str, total: int | None) -> None:
        self._stage = stage
        self._start = self._written = time.monotonic()
        if self._quiet:
            return
        if self._stream.isatty():
            self._bar, self._task = _open_bar(self._stream, stage, total)
        else:
            self._write(f"{stage} ...")

    def _write_state(self, total: int | None) -> None:
        self._written = time.monotonic()
        rate = self._done / max(self._written - self._start, 1e-9)
        of_total = "" if total is None else f"/{total:,}"
        left = f", {(total - self._done) / rate:,.0f} s left" if total is not None and rate > 0 else ""
        self._write(f"{self._stage}: {self._done:,}{of_total}, {rate:,.1f}/s{left}")

    def _write(self, line: str) -> None:
        if not self._quiet:
            print(line, file=self._stream, flush=True)


def _open_bar(stream: TextIO, stage: str, total: int | None) -> "tuple[Bar, TaskID]":
    # Rich takes 50 ms to import, and --help does not need it.
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        ProgressColumn,
        Task,
        TextColumn,
        TimeRemainingColumn,
    )
    from rich.text import Text

    class Rate(ProgressColumn):
        """Rate per second."""

        def render(self, task: Task) -> Text:
            speed = task.finished_speed or task.speed
            return Text(f"{speed:,.0f}/s" if speed else "")

    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        Rate(),
        TimeRemainingColumn(),
        console=Console(file=stream),
        transient=True,
    )
    bar.start()
    return bar, bar.add_task(stage, total=total)
