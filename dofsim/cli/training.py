"""What the user sees while a run learns: a bar with the time that is left, or a line now and then."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path
    from types import TracebackType
    from typing import Self

    from dofsim.datasets.frames import BadFrame
    from dofsim.pix2pix.config import RunConfig
    from dofsim.pix2pix.loop import Status

_MOST_NAMED = 20


class Watcher:
    """Progress of a training run on stderr.

    On a terminal a bar with the step, the losses, images per second and the time that is left; otherwise a line for
    every status.

    Parameters
    ----------
    config : RunConfig
    quiet : bool
        Print errors only.
    """

    def __init__(self, config: RunConfig, *, quiet: bool = False) -> None:
        self._config = config
        self._quiet = quiet
        self._about = ""
        self._step = 0
        self._bad: tuple[BadFrame, ...] = ()
        self._bar: Any = None
        self._task: Any = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None
        if kind is not None and issubclass(kind, (KeyboardInterrupt, SystemExit)) and self._step:
            typer.echo(f"note: stopped at step {self._step:,}; the same command goes on", err=True)

    def begin(self, about: str, bad: Sequence[BadFrame] = ()) -> None:
        """Keep in mind what the data is, in words, and which frames were left out."""
        self._about = about
        self._bad = tuple(bad)

    def tell(self, status: Status) -> None:
        """Show a status; the first one says what is about to be learnt, and from which step on."""
        if self._quiet:
            return
        self._step = status.step
        if not status.losses:
            config = self._config
            for frame in self._bad[:_MOST_NAMED]:
                typer.echo(f"warning: left out: {frame.reason}", err=True)
            if self._bad:
                typer.echo(f"warning: {len(self._bad)} unusable frames were left out", err=True)
            begun = f", from step {status.step:,} on" if status.step else ""
            typer.echo(
                f"note: {config.objective.name} with {config.generator.name}, {config.size} px, from {self._about}; "
                f"{config.steps:,} steps of {config.batch}{begun}",
                err=True,
            )
            if sys.stderr.isatty():
                self._open(status.step)
            return
        text = describe(status)
        if self._bar is not None:
            self._bar.update(self._task, completed=status.step, description=text)
        else:
            typer.echo(f"step {status.step:,}/{status.steps:,}: {text}", err=True)

    def end(self, out: Path, *, step: int, best: float) -> None:
        """Print where the run is, to stdout, and how it ended."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None
        if self._quiet:
            return
        typer.echo(str(out))
        early = f" of {self._config.steps:,}, because validation got no better" if step < self._config.steps else ""
        found = f"{early}, best error {best:.4f}" if best < float("inf") else ""
        typer.echo(f"note: {step:,} steps{found}; dofsim export {out} -o model.onnx makes a model of it", err=True)

    def _open(self, step: int) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        self._bar = Progress(
            BarColumn(bar_width=24), MofNCompleteColumn(), TimeRemainingColumn(elapsed_when_finished=True),
            TextColumn("{task.description}", markup=False), console=Console(stderr=True), redirect_stdout=False,
            redirect_stderr=False,
        )  # fmt: skip
        self._task = self._bar.add_task("", total=self._config.steps, completed=step)
        self._bar.start()


def describe(status: Status) -> str:
    """Losses, speed and the last validation in a line."""
    parts = [f"{name} {value:.3g}" for name, value in status.losses.items()]
    parts.append(f"{status.images_per_second:.3g} images/s")
    parts += [f"validation {name} {value:.3g}" for name, value in status.scores.items()]
    return ", ".join(parts)
