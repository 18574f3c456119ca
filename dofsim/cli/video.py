"""``dofsim video``: refocus a clip."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dofsim.cli.options import Flip, Model, Quiet

_UNKNOWN = 1_000_000


def video(
    clip: Annotated[Path, typer.Argument(metavar="CLIP", help="MP4, MOV, MKV, WebM: what FFmpeg reads.")],
    out: Annotated[Path, typer.Option("-o", "--out", metavar="OUT.mp4|.mov|.mkv", help="The refocused clip.")],
    focus: Annotated[
        str,
        typer.Option(metavar="0..1|auto", show_default=False, help="What is sharp: 0 = farthest.  [auto]"),
    ] = "auto",
    focus_at: Annotated[
        str | None, typer.Option(metavar="X,Y", help="Focus on what is here in the first frame, and follow it.")
    ] = None,
    blur: Annotated[
        str, typer.Option(metavar="2.5%|40px", show_default=False, help="Radius of the strongest blur.  [2%]")
    ] = "2%",
    sharp_range: Annotated[
        float, typer.Option(metavar="0..1", show_default=False, help="Share of the depth that stays sharp.  [0.02]")
    ] = 0.02,
    highlights: Annotated[
        bool, typer.Option("--highlights/--no-highlights", help="Give clipped lights back a plausible brightness.")
    ] = True,
    steadiness: Annotated[
        float, typer.Option(metavar="0..1", show_default=False, help="How much of the past the depth keeps.  [0.8]")
    ] = 0.8,
    model: Model = None,
    flip: Flip = None,
    crf: Annotated[
        int, typer.Option(metavar="0..51", min=0, max=51, show_default=False, help="Quality; small is fine.  [18]")
    ] = 18,
    threads: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Threads of network and renderer.  [all cores]")
    ] = None,
    quiet: Quiet = False,
) -> None:
    """Refocus a clip, with depth that is steady in time; needs `pip install 'dofsim[video]'`.

    Sound, time stamps (of variable rates too) and colour tags stay; a rotation is carried out. Clips of 10 bits stay
    so, in H.265; HDR clips are refused.

    \b
    Examples:
      dofsim video dog.mp4 --focus 0.8 -o dog.dof.mp4
      dofsim video dog.mov --focus-at 45%,40% --blur 3% -o dog.dof.mp4
    """
    from dofsim.cli.outputs import place_outputs
    from dofsim.cli.report import Report
    from dofsim.film._av import require_av

    require_av()
    place_outputs([clip], out, "dof")
    with Report(_UNKNOWN, quiet=quiet) as report:
        from dofsim.cli.compiling import announce_compilation
        from dofsim.film.refocus import refocus_clip

        total: list[int | None] = [None]

        def start(frames: int | None) -> None:
            total[0] = frames

        def show(index: int) -> None:
            report.stage(f"frame {index + 1}" + (f" of {total[0]}" if total[0] else ""))

        with report.warnings_as_lines(), announce_compilation(report):
            summary = refocus_clip(
                clip, out, focus=focus, focus_at=focus_at, blur=blur, sharp_range=sharp_range, highlights=highlights,
                model=model, flip=flip, steadiness=steadiness, crf=crf, threads=threads, on_start=start, on_frame=show,
            )  # fmt: skip
        report.result(out)
        for note in summary.notes:
            report.note(note)
        report.note(
            f"{summary.frames} frames of {summary.width}x{summary.height} in {summary.seconds:.1f} s, "
            f"{summary.frames / summary.seconds:.2g} frames/s, {summary.cuts} scene cuts"
        )
