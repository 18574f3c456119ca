"""``dofsim depth``: save the depth of a photo."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dofsim.cli.options import Flip, Model, Overwrite, Quiet, Source

_STAGES = 3


def depth(
    photo: Annotated[Path, typer.Argument(metavar="PHOTO", help="JPEG, HEIC, PNG, TIFF, WebP or AVIF.")],
    out: Annotated[
        Path | None, typer.Option("-o", "--out", metavar="D.png|.tif|.npy|.exr", help="Output.  [NAME.depth.png]")
    ] = None,
    source: Source = "auto",
    model: Model = None,
    flip: Flip = None,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
) -> None:
    """Save the depth of a photo, at its size, with edges that follow the photo's.

    PNG and TIFF are 16-bit, near is bright. NPY and EXR hold floats in the depth's own unit: metres, 1/m, or
    relative inverse depth.

    \b
    Examples:
      dofsim depth dog.heic
      dofsim depth dog.jpg -o dog-depth.exr --source estimator
    """
    from dofsim.cli.outputs import place_outputs, refuse_inputs
    from dofsim.cli.report import Report

    (place,) = place_outputs([photo], out, "depth", suffix=".png")
    refuse_inputs([place], [photo], overwrite=overwrite)
    with Report(_STAGES, quiet=quiet) as report:
        report.stage("reading")
        import dofsim
        from dofsim.cli.compiling import announce_compilation

        with report.warnings_as_lines(), announce_compilation(report):
            picture = dofsim.read_photo(photo)
            report.stage("depth")
            scene = dofsim.prepare(picture, source=source, model=model, flip=flip)
            report.stage("writing")
            dofsim.write_depth(scene.depth, place, overwrite=True)
        far, near = scene.depth.range()
        report.result(place)
        report.note(f"{scene.depth.detail or scene.depth.source}; {far:.4g} to {near:.4g} {scene.depth.inverse().unit}")
