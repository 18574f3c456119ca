"""``dofsim batch``: folders, archives and buckets full of photos."""

from __future__ import annotations

import signal
import sys
import time
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

import typer

from dofsim.cli.help import HelpAll
from dofsim.cli.options import (
    RARE_SHAPES,
    Blades,
    Bubble,
    CatsEye,
    Donut,
    Flip,
    FNumber,
    Fringing,
    Grain,
    Highlights,
    HighlightStrength,
    Model,
    Quiet,
    RenderQuality,
    Rotation,
    Roundness,
    SharpRange,
    Source,
    Squeeze,
)
from dofsim.cli.report import duration

if TYPE_CHECKING:
    from collections.abc import Iterator

_FAILED = 1
RARE = RARE_SHAPES | {"focal_length", "sharp_range", "highlight_strength", "quality"}
"""Parameters whose options are left out of the short help."""
_IN_RECIPE = RARE | {
    "focus", "blur", "aperture", "blades", "highlights", "grain", "source", "model", "flip", "jpeg_quality",
}  # fmt: skip
_LINE_EVERY_S = 30.0
_MOST_NAMED = 20


def batch(
    context: typer.Context,
    inputs: Annotated[
        list[str], typer.Argument(metavar="IN", help="Photos, folders, patterns ('trip/**/*.jpg'), or URLs of these.")
    ],
    out: Annotated[str, typer.Option("-o", "--out", metavar="OUT", help="Folder or URL; trees are mirrored in it.")],
    focus: Annotated[str, typer.Option(metavar="0..1|1.2m|auto", show_default=False, help="What is sharp.  [auto]")] = (
        "auto"
    ),
    blur: Annotated[str | None, typer.Option(metavar="2.5%|40px", help="Radius of the strongest blur.  [2%]")] = None,
    aperture: FNumber = None,
    focal_length: Annotated[
        float | None,
        typer.Option(metavar="50", help="35 mm-equivalent, for --aperture.  [each photo's EXIF, else 50]"),
    ] = None,
    sharp_range: SharpRange = None,
    blades: Blades = 0,
    rotation: Rotation = 0.0,
    roundness: Roundness = 0.0,
    squeeze: Squeeze = 1.0,
    donut: Donut = 0.0,
    bubble: Bubble = 0.0,
    cats_eye: CatsEye = 0.0,
    fringing: Fringing = 0.0,
    highlights: Highlights = True,
    highlight_strength: HighlightStrength = 1.0,
    grain: Grain = True,
    quality: RenderQuality = "fast",
    like: Annotated[
        Path | None, typer.Option(metavar="RESULT", help="Do as in this result, but for the options that are given.")
    ] = None,
    source: Source = "auto",
    model: Model = None,
    flip: Flip = None,
    image_format: Annotated[
        Literal["jpg", "png", "tif", "webp", "avif"] | None,
        typer.Option("--format", help="Of the results.  [the photo's; JPEG for HEIC]"),
    ] = None,
    jpeg_quality: Annotated[
        int | None, typer.Option(metavar="1..100", min=1, max=100, help="Quality of JPEG, WebP, AVIF.")
    ] = None,
    workers: Annotated[
        int | None, typer.Option(metavar="N", min=0, help="Processes of one thread each; 0: none.  [one per core]")
    ] = None,
    engine: Annotated[
        Literal["local", "ray"],
        typer.Option(show_default=False, help="Workers of this machine, or of a Ray cluster.  [local]"),
    ] = "local",
    address: Annotated[
        str | None, typer.Option(metavar="HOST:PORT", help="Of the cluster.  [RAY_ADDRESS, else a new one here]")
    ] = None,
    max_memory: Annotated[
        str | None, typer.Option(metavar="8GB", help="Most memory of all workers.  [60 % of what is free]")
    ] = None,
    depth_cache: Annotated[
        str | None, typer.Option(metavar="FOLDER", help="Keep estimated depth there, and use what is there.")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the run that is in OUT.")] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Start anew in OUT; allow results to replace inputs.")
    ] = False,
    quiet: Quiet = False,
    help_all: HelpAll = False,
) -> int:
    """Refocus many photos, on all cores; one that fails does not stop the others.

    How each photo went stands in OUT/report.csv and report.json; the exit code is 1 if any failed. Ctrl-C stops the
    run, and the same command with --resume goes on with it.

    \b
    Examples:
      dofsim batch photos/ -o refocused/
      dofsim batch 's3://bucket/trip/**/*.heic' -o s3://bucket/refocused --depth-cache cache/
      dofsim batch zip://::trip.zip -o refocused/
    """
    from dofsim import memory
    from dofsim.batch import run_batch
    from dofsim.recipe import Recipe, read_recipe

    given = {name: value for name, value in context.params.items() if name in _IN_RECIPE and _is_given(context, name)}
    recipe = (Recipe() if like is None else read_recipe(like)).but(**given)
    if recipe.source == "file":
        recipe = recipe.but(source="auto")
    with _sigterm_as_interrupt(), BatchProgress(quiet=quiet) as progress:
        # Ray tells of lost workers on stdout, which is for the place of the report alone.
        with redirect_stdout(sys.stderr):
            summary = run_batch(
                inputs,
                out,
                recipe=recipe,
                workers=workers,
                engine=engine,
                address=address,
                depth_cache=depth_cache,
                resume=resume,
                overwrite=overwrite,
                max_memory=None if max_memory is None else memory.parse_memory(max_memory),
                suffix=None if image_format is None else f".{image_format}",
                on_start=progress.start,
                on_row=progress.tell,
            )
        progress.end(f"{out.rstrip('/')}/report.csv", summary)
    return _FAILED if summary.failed else 0


def _is_given(context: typer.Context, name: str) -> bool:
    source = context.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"


class BatchProgress:
    """Photos per second and the time that is left, on stderr: a bar on a terminal, else a line now and then.

    Parameters
    ----------
    quiet : bool
        Print errors only.
    """

    def __init__(self, *, quiet: bool = False) -> None:
        self._quiet = quiet
        self._total = self._kept = self._done = self._failed = 0
        self._begun = self._told = time.monotonic()
        self._bar: Any = None
        self._task: Any = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._close()
        if kind is KeyboardInterrupt and self._total:
            typer.echo(
                f"note: {self._kept + self._done:,} of {self._total:,} photos are done; the same command with --resume "
                "goes on",
                err=True,
            )

    def start(self, total: int, kept: int) -> None:
        """Say how many photos there are, and how many of them are done already."""
        self._total, self._kept = total, kept
        self._begun = self._told = time.monotonic()
        if self._quiet:
            return
        if kept:
            typer.echo(f"note: {kept:,} of {total:,} photos are done already", err=True)
        if sys.stderr.isatty():
            self._open()

    def tell(self, row: dict[str, Any]) -> None:
        """Count a photo, and show how it goes."""
        self._done += 1
        if row["status"] != "done":
            self._failed += 1
            if self._failed <= _MOST_NAMED:
                self._say(f"error: {row['source']}: {row['error']}")
            elif self._failed == _MOST_NAMED + 1:
                self._say("error: further ones stand in the report")
        now = time.monotonic()
        if self._bar is not None:
            self._bar.update(self._task, completed=self._kept + self._done, description=self._speed(now))
        elif not self._quiet and now - self._told >= _LINE_EVERY_S:
            self._told = now
            left = (self._total - self._kept - self._done) * (now - self._begun) / self._done
            typer.echo(
                f"{self._kept + self._done:,} of {self._total:,}: {self._speed(now)}, {duration(left)} left", err=True
            )

    def end(self, report: str, summary: Any) -> None:
        """Print where the report is, to stdout, and how it went."""
        self._close()
        if self._quiet:
            return
        typer.echo(report)
        speed = f", {summary.done / summary.seconds:.3g} photos/s" if summary.done else ""
        kept = f", {summary.kept:,} kept" if summary.kept else ""
        failed = f", {summary.failed:,} failed" if summary.failed else ""
        typer.echo(f"note: {summary.done:,} done{kept}{failed} in {duration(summary.seconds)}{speed}", err=True)

    def _say(self, line: str) -> None:
        if self._bar is not None:
            self._bar.console.print(line, markup=False, highlight=False, soft_wrap=True)
        else:
            typer.echo(line.encode("utf-8", "backslashreplace"), err=True)

    def _speed(self, now: float) -> str:
        return f"{self._done / max(now - self._begun, 1e-3):.3g} photos/s"

    def _open(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        self._bar = Progress(
            BarColumn(bar_width=24), MofNCompleteColumn(), TimeRemainingColumn(elapsed_when_finished=True),
            TextColumn("{task.description}", markup=False), console=Console(stderr=True), redirect_stdout=False,
            redirect_stderr=False,
        )  # fmt: skip
        self._task = self._bar.add_task("", total=self._total, completed=self._kept)
        self._bar.start()

    def _close(self) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None


@contextmanager
def _sigterm_as_interrupt() -> Iterator[None]:
    """Let a polite signal to end, as clusters send it, stop the run as Ctrl-C does."""

    def interrupt(_signal: int, _frame: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
