"""``dofsim rack``: a focus pull through one photo."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from dofsim.cli.help import HelpAll
from dofsim.cli.options import (
    RARE_SHAPES,
    Blades,
    Bubble,
    CatsEye,
    Donut,
    Flip,
    Fringing,
    Grain,
    Highlights,
    Model,
    Overwrite,
    Quiet,
    RenderThreads,
    Rotation,
    Roundness,
    Source,
    Squeeze,
)
from dofsim.errors import ParameterError

RARE = RARE_SHAPES
"""Parameters whose options are left out of the short help."""
_STAGES_BEFORE = 2
_MOST_FRAMES = 10_000


def rack(
    photo: Annotated[Path, typer.Argument(metavar="PHOTO", help="JPEG, HEIC, PNG, TIFF, WebP or AVIF.")],
    out: Annotated[Path, typer.Option("-o", "--out", metavar="OUT.mp4|.gif|.webp", help="The moving picture.")],
    start: Annotated[
        str,
        typer.Option("--from", metavar="0..1|1.2m|X,Y", show_default=False, help="Sharp first (0 = farthest).  [0]"),
    ] = "0",
    end: Annotated[
        str, typer.Option("--to", metavar="0..1|1.2m|X,Y", show_default=False, help="Sharp last (1 = nearest).  [1]")
    ] = "1",
    blur: Annotated[str | None, typer.Option(metavar="2.5%|40px", help="Radius of the strongest blur.  [2%]")] = None,
    aperture_from: Annotated[
        str | None,
        typer.Option(metavar="f/16", help="f-number at the start: a real lens if the depth is metric."),
    ] = None,
    aperture_to: Annotated[
        str | None, typer.Option(metavar="f/1.4", help="f-number at the end.  [as at start]")
    ] = None,
    focal_length: Annotated[
        float | None, typer.Option(metavar="50", help="35 mm-equivalent, of a real lens.  [the photo's EXIF, else 50]")
    ] = None,
    blades: Blades = 0,
    rotation: Rotation = 0.0,
    roundness: Roundness = 0.0,
    squeeze: Squeeze = 1.0,
    donut: Donut = 0.0,
    bubble: Bubble = 0.0,
    cats_eye: CatsEye = 0.0,
    fringing: Fringing = 0.0,
    highlights: Highlights = True,
    grain: Grain = True,
    seconds: Annotated[float, typer.Option(metavar="S", show_default=False, help="How long it takes.  [2]")] = 2.0,
    fps: Annotated[float, typer.Option(metavar="1..120", show_default=False, help="Frames per second.  [24]")] = 24.0,
    frames: Annotated[int | None, typer.Option(metavar="N", help="Frames instead of --seconds.")] = None,
    ease: Annotated[
        Literal["smooth", "linear"], typer.Option(show_default=False, help="How the focus ring is turned.  [smooth]")
    ] = "smooth",
    boomerang: Annotated[bool, typer.Option("--boomerang", help="Come back to where it started.")] = False,
    size: Annotated[int, typer.Option(metavar="PX", show_default=False, help="Longest side, at most.  [1280]")] = 1280,
    source: Source = "auto",
    model: Model = None,
    flip: Flip = None,
    threads: RenderThreads = None,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
    help_all: HelpAll = False,
) -> None:
    """Pull focus through a photo: the depth is worked out once, then every frame has a focus of its own.

    The lens stays the same all the way, so that nothing pumps. MP4 takes `pip install 'dofsim[video]'`.

    \b
    Examples:
      dofsim rack dog.heic --from 0.2 --to 0.9 -o dog.mp4
      dofsim rack dog.heic --from 30%,60% --to 70%,40% --aperture-from f/16 --aperture-to f/1.4 -o dog.webp
    """
    import time

    from dofsim.bokeh import Aperture
    from dofsim.cli.outputs import place_outputs, refuse_inputs
    from dofsim.cli.report import Report
    from dofsim.film.rack import check_film_name, plan_rack, rack_frames, write_frames
    from dofsim.lens import parse_f_number

    check_film_name(out)
    if aperture_to is not None and aperture_from is None:
        raise ParameterError("an aperture that ends somewhere starts somewhere; say where (--aperture-from f/16)")
    apertures = None
    if aperture_from is not None:
        first = parse_f_number(aperture_from, "--aperture-from")
        apertures = (first, first if aperture_to is None else parse_f_number(aperture_to, "--aperture-to"))
    if not 1.0 <= fps <= 120.0:
        raise ParameterError(f"there are 1 to 120 frames per second, not {fps:g} (--fps 24)")
    number = round(seconds * fps) if frames is None else frames
    if number > _MOST_FRAMES:
        raise ParameterError(f"{number:,} frames are more than {_MOST_FRAMES:,}; give fewer (--seconds 2)")
    if number < 2 and frames is not None:
        raise ParameterError(f"a focus pull takes at least 2 frames, not {frames} (--frames 48)")
    if number < 2:
        raise ParameterError(f"{seconds:g} s at {fps:g} frames/s are {number} frames; give more (--seconds 2)")
    count = 2 * number - 2 if boomerang else number
    place_outputs([photo], out, "rack")
    refuse_inputs([out], [photo], overwrite=overwrite)
    shape = Aperture(blades, rotation, roundness, squeeze, donut, bubble, cats_eye, fringing)
    with Report(_STAGES_BEFORE + count, quiet=quiet) as report:
        report.stage("reading")
        import dofsim
        from dofsim.cli.compiling import announce_compilation, compiling_beside
        from dofsim.film.frames import shrink, to_frame

        with report.warnings_as_lines(), compiling_beside() as finish_compiling, announce_compilation(report):
            picture = shrink(dofsim.read_photo(photo), size)
            report.stage("depth")
            scene = dofsim.prepare(picture, source=source, model=model, flip=flip)
            settings = plan_rack(
                scene, start, end, frames=number, ease=ease, apertures=apertures, focal_length=focal_length,
                blur=blur, sharp_range=None,
            )  # fmt: skip
            finish_compiling()
            begun = time.perf_counter()
            pictures = rack_frames(
                scene, settings, shape=shape, highlights=highlights, grain=grain, threads=threads, boomerang=boomerang
            )
            write_frames(
                out,
                pictures,
                count,
                fps,
                to_frame(picture),
                lambda index: report.stage(f"frame {index + 1} of {count}"),
            )
        took = time.perf_counter() - begun
        report.result(out)
        report.note(f"{count} frames of {picture.width}x{picture.height} in {took:.1f} s, {count / took:.2g} frames/s")
