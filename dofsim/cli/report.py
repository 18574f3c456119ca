"""What the user sees on stderr while a command works: progress, notes, warnings, errors."""

from __future__ import annotations

import os
import sys
import threading
import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import typer

from dofsim.errors import DofsimWarning

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from types import TracebackType
    from typing import Self

PATIENCE_S = 1.0


def duration(seconds: float) -> str:
    """A time for people to read: ``4.2 s``, ``12 min``, ``3 h 5 min``."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"


class Report:
    """Lines and a progress bar on stderr.

    The bar appears only once the work has taken a second, and only on a terminal: quick work stays silent, and rich
    is not even imported.

    Parameters
    ----------
    steps : int
        How many times :meth:`stage` will be called.
    quiet : bool
        Print errors only.
    """

    def __init__(self, steps: int, *, quiet: bool = False) -> None:
        self._steps = steps
        self._quiet = quiet
        self._done = -1
        self._over = False
        self._stage = ""
        self._bar: Any = None
        self._task: Any = None
        self._lock = threading.Lock()
        self._timer = threading.Timer(PATIENCE_S, self._show)
        self._timer.daemon = True

    def __enter__(self) -> Self:
        if not self._quiet and sys.stderr.isatty():
            self._timer.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._timer.cancel()
        with self._lock:
            if self._bar is not None:
                self._bar.stop()
                self._bar = None
            self._over = True

    def expect(self, steps: int) -> None:
        """Say how many times :meth:`stage` will be called, where that is known only now."""
        with self._lock:
            self._steps = steps
            if self._bar is not None:
                self._bar.update(self._task, total=steps)

    def stage(self, name: str) -> None:
        """Say what is being done now, such as ``"pug.heic: blurring"``."""
        with self._lock:
            self._done += 1
            self._stage = name
            if self._bar is not None:
                self._bar.update(self._task, completed=self._done, description=name)

    def note(self, text: str) -> None:
        """Print a line that is good to know, unless quiet."""
        if not self._quiet:
            self._print(f"note: {text}")

    def warn(self, text: str) -> None:
        """Print a warning line, unless quiet."""
        if not self._quiet:
            self._print(f"warning: {text}")

    def error(self, text: str, *, about: Path) -> None:
        """Print an error line that names its photo, even when quiet."""
        self._print(f"error: {text}" if about.name in text else f"error: {about}: {text}")

    def result(self, text: object) -> None:
        """Print what the command is for, such as the name of a finished file, to stdout, unless quiet."""
        if self._quiet:
            return
        with self._lock:
            # Both streams may be the same terminal, and the bar stands in the way.
            if self._bar is not None:
                self._bar.stop()
            try:
                typer.echo(str(text))
            except UnicodeEncodeError:
                # A file name need not be text; its bytes always are what the next program wants.
                typer.echo(os.fsencode(str(text)))
            if self._bar is not None:
                self._bar.start()

    @contextmanager
    def warnings_as_lines(self, prefix: str = "") -> Iterator[None]:
        """Print each :class:`~dofsim.errors.DofsimWarning` that is issued inside as a warning line."""
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", DofsimWarning)
            try:
                yield
            finally:
                for warning in caught:
                    if issubclass(warning.category, DofsimWarning):
                        self.warn(f"{prefix}{warning.message}")

    def _print(self, line: str) -> None:
        line = " ".join(line.split())
        with self._lock:
            if self._bar is not None:
                self._bar.console.print(line, markup=False, highlight=False, soft_wrap=True)
            else:
                typer.echo(line, err=True)

    def _show(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

        columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), BarColumn(), TimeElapsedColumn())
        with self._lock:
            if self._over:
                return
            self._bar = Progress(
                *columns,
                console=Console(stderr=True),
                transient=True,
                redirect_stdout=False,
                redirect_stderr=False,
            )
            self._task = self._bar.add_task(self._stage, total=self._steps, completed=max(self._done, 0))
            self._bar.start()
