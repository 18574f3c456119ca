"""``dofsim video``: refocus a clip."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from dofsim.cli.help import HelpAll
from dofsim.cli.options import (
    RARE_SHAPES,
    Blades,
    Blur,
    Bubble,
    CatsEye,
    Donut,
    Flip,
    Fringing,
    Highlights,
    Model,
    Quiet,
    Rotation,
    Roundness,
    SharpRange,
    Squeeze,
)
from dofsim.cli.report import Report, duration
from dofsim.threads import MOST_THREADS

RARE = RARE_SHAPES
"""Parameters whose options are left out of the short help."""
_UNKNOWN = 1_000_000
"""Frames of a clip that does not tell how many they are."""


def video(
    clip: Annotated[Path, typer.Argument(metavar="CLIP", help="MP4, MOV, MKV, WebM: what FFmpeg reads.")],
    out: Annotated[Path, typer.Option("-o", "--out", metavar="OUT.mp4|.mov|.mkv", help="The refocused clip.")],
    focus: Annotated[
        str,
        typer.Option(metavar="0..1|1.2m|auto", show_default=False, help="What is sharp: 0 = farthest.  [auto]"),
    ] = "auto",
    focus_at: Annotated[
        str | None, typer.Option(metavar="X,Y", help="Focus on what is here in the first frame, and follow it.")
    ] = None,
    blur: Blur = None,
    aperture: Annotated[
        str | None, typer.Option(metavar="f/1.8", help="f-number instead of --blur; takes a --model of metric depth.")
    ] = None,
    focal_length: Annotated[
        float | None, typer.Option(metavar="MM", help="35 mm-equivalent, for --aperture.  [50; phones: about 26]")
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
    steadiness: Annotated[
        float, typer.Option(metavar="0..1", show_default=False, help="How much of the past the depth keeps.  [0.8]")
    ] = 0.8,
    model: Model = None,
    flip: Flip = None,
    crf: Annotated[
        int, typer.Option(metavar="0..51", min=0, max=51, show_default=False, help="Quality; small is fine.  [18]")
    ] = 18,
    threads: Annotated[
        int | None,
        typer.Option(metavar="N", min=1, max=MOST_THREADS, help="Threads of network and renderer.  [all cores]"),
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with a run that was stopped.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Start anew where a run was stopped.")] = False,
    quiet: Quiet = False,
    help_all: HelpAll = False,
) -> None:
    """Refocus a clip, with depth that is steady in time; needs `pip install 'dofsim[video]'`.

    Sound, time stamps (of variable rates too) and colour tags stay; a rotation is carried out. Clips of 10 bits stay
    so, in H.265; HDR clips are refused. OUT.parts keeps what is done until OUT is whole: a run that was stopped goes on
    with --resume. For a moment both take disk.

    \b
    Examples:
      dofsim video dog.mp4 --focus 0.8 -o dog.dof.mp4
      dofsim video dog.mov --focus-at 45%,40% --blur 3% -o dog.dof.mp4
    """
    from dofsim.cli.outputs import place_outputs
    from dofsim.film._av import require_av
    from dofsim.lens import parse_f_number

    require_av()
    place_outputs([clip], out, "dof")
    with Report(_UNKNOWN, quiet=quiet) as report:
        from dofsim.bokeh import Aperture
        from dofsim.cli.compiling import announce_compilation
        from dofsim.film.look import Look
        from dofsim.film.refocus import refocus_clip

        look = Look(
            focus=focus, focus_at=focus_at, blur=blur,
            aperture=None if aperture is None else parse_f_number(aperture),
            focal_length=focal_length, sharp_range=sharp_range,
            shape=Aperture(blades, rotation, roundness, squeeze, donut, bubble, cats_eye, fringing),
            highlights=highlights, model=model, flip=flip, steadiness=steadiness,
        )  # fmt: skip
        told = _Told(report, out)
        with report.warnings_as_lines(), announce_compilation(report):
            try:
                summary = refocus_clip(
                    clip, out, look, crf=crf, resume=resume, overwrite=overwrite, threads=threads,
                    on_start=told.start, on_frame=told.frame,
                )  # fmt: skip
            except BaseException:
                told.stopped()
                raise
        report.result(out)
        for note in summary.notes:
            report.note(note)
        report.note(
            f"{summary.made} frames of {summary.width}x{summary.height} in {summary.seconds:.1f} s, "
            f"{summary.made / summary.seconds:.2g} frames/s, {summary.cuts} scene cuts"
        )


class _Told:
    """What the user is told of the frames."""

    def __init__(self, report: Report, out: Path) -> None:
        self._report, self._out = report, out
        self._frames: int | None = None
        self._kept = 0
        self._begun: float | None = None

    def start(self, frames: int | None, kept: int) -> None:
        """Say how many there are, and how many of them are done already."""
        self._frames, self._kept, self._begun = frames, kept, time.monotonic()
        if frames:
            self._report.expect(max(frames - kept, 1))
        if kept:
            self._report.note(f"{kept}{f' of {frames}' if frames else ''} frames are done already")

    def frame(self, index: int) -> None:
        """Say which one is worked on, and how long the rest will take."""
        text, made = f"frame {index + 1}", index - self._kept
        if self._frames:
            text += f" of {self._frames}"
        if self._frames and made and self._begun is not None:
            speed = made / (time.monotonic() - self._begun)
            text += f", {speed:.2g} frames/s, {duration(max(self._frames - index, 0) / speed)} left"
        self._report.stage(text)

    def stopped(self) -> None:
        """Say what is kept of a run that did not come to its end."""
        from dofsim.film.parts import folder_of_parts

        folder = folder_of_parts(self._out)
        if self._begun is not None and folder.exists():
            self._report.note(f"what is done is kept in {folder}; the same command with --resume goes on")
