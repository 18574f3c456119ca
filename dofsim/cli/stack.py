"""``dofsim stack``: a focus stack out of one photo."""

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
    FNumber,
    Fringing,
    Grain,
    Highlights,
    Model,
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
_MOST_SLICES = 1000


def stack(
    photo: Annotated[Path, typer.Argument(metavar="PHOTO", help="JPEG, HEIC, PNG, TIFF, WebP or AVIF.")],
    out: Annotated[Path, typer.Option("-o", "--out", metavar="FOLDER", help="New folder, or an empty one.")],
    slices: Annotated[int, typer.Option(metavar="N", show_default=False, help="Planes of focus.  [16]")] = 16,
    blur: Annotated[
        str | None, typer.Option(metavar="2.5%|40px", help="Radius of the largest circle of the stack.  [2%]")
    ] = None,
    aperture: FNumber = None,
    focal_length: Annotated[
        float | None, typer.Option(metavar="50", help="35 mm-equivalent, for --aperture.  [the photo's EXIF, else 50]")
    ] = None,
    sharp_range: Annotated[
        float, typer.Option(metavar="0..1", show_default=False, help="Share of the depth that stays sharp.  [0]")
    ] = 0.0,
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
    size: Annotated[
        int | None, typer.Option(metavar="PX", min=16, help="Longest side, at most.  [the photo's]")
    ] = None,
    slice_format: Annotated[
        Literal["png", "tif", "jpg", "webp"], typer.Option("--format", show_default=False, help="Of slices.  [png]")
    ] = "png",
    source: Source = "auto",
    model: Model = None,
    flip: Flip = None,
    threads: RenderThreads = None,
    quiet: Quiet = False,
    help_all: HelpAll = False,
) -> None:
    """Make a focus stack of a photo: slices from near to far, as one lens would take them.

    The folder also holds the sharp photo, the inverse depth of every pixel, and stack.json with the exact optics of
    each slice: data for depth from focus. It appears whole or not at all.

    \b
    Examples:
      dofsim stack dog.heic -o dog-stack --slices 16 --blur 1.5%
    """
    from dofsim.bokeh import Aperture
    from dofsim.cli.report import Report

    shape = Aperture(blades, rotation, roundness, squeeze, donut, bubble, cats_eye, fringing)
    if not 2 <= slices <= _MOST_SLICES:
        raise ParameterError(f"a stack has 2 to {_MOST_SLICES} slices, not {slices} (--slices 16)")
    with Report(_STAGES_BEFORE + slices, quiet=quiet) as report:
        report.stage("reading")
        import dofsim
        from dofsim.cli.compiling import announce_compilation, compiling_beside
        from dofsim.film.frames import shrink
        from dofsim.stack import plan_stack, write_stack

        with report.warnings_as_lines(), compiling_beside() as finish_compiling, announce_compilation(report):
            picture = dofsim.read_photo(photo)
            if size is not None:
                picture = shrink(picture, size)
            report.stage("depth")
            scene = dofsim.prepare(picture, source=source, model=model, flip=flip)
            settings = plan_stack(
                scene, slices, aperture=aperture, focal_length=focal_length, blur=blur, sharp_range=sharp_range
            )
            finish_compiling()
            write_stack(
                scene,
                out,
                settings,
                aperture=aperture,
                focal_length=focal_length,
                shape=shape,
                highlights=highlights,
                grain=grain,
                threads=threads,
                slice_format=slice_format,
                on_slice=lambda index: report.stage(f"slice {index + 1} of {slices}"),
            )
        report.result(out)
