"""``dofsim render``: refocus photos."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

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
    FNumber,
    Fringing,
    Grain,
    Highlights,
    HighlightStrength,
    Model,
    Overwrite,
    Photos,
    Quiet,
    RenderQuality,
    RenderThreads,
    Rotation,
    Roundness,
    Source,
    Squeeze,
)
from dofsim.errors import DofsimError, ParameterError

if TYPE_CHECKING:
    from collections.abc import Callable

    from dofsim.cli.report import Report
    from dofsim.depth import DepthMap
    from dofsim.photo import Photo
    from dofsim.recipe import Recipe
    from dofsim.scene import Scene

RARE = RARE_SHAPES | frozenset(
    ("depth_kind", "near", "sharp_range", "highlight_strength", "flip", "save_depth", "threads", "max_memory")
    + ("jpeg_quality", "strip_gps", "strip_all")
)
"""Parameters whose options are left out of the short help."""

_STAGES = 4
_NOT_IN_RECIPES = frozenset(
    (
        "photos",
        "like",
        "depth",
        "depth_kind",
        "near",
        "out",
        "save_depth",
        "editable",
        "preview_focus",
        "threads",
        "max_memory",
    )
    + ("strip_gps", "strip_all", "overwrite", "quiet")
)
_PREVIEW_SIDE = 1600


def render(
    context: typer.Context,
    photos: Photos,
    focus: Annotated[
        str,
        typer.Option(
            metavar="0..1|1.2m|auto",
            help="What is sharp: 0..1 on the depth scale (0 = farthest, 1 = nearest), a distance, or a guess.",
        ),
    ] = "auto",
    focus_at: Annotated[
        str | None, typer.Option(metavar="X,Y", help="Focus on this point, px (1200,800) or per cent (40%,55%).")
    ] = None,
    blur: Blur = None,
    aperture: FNumber = None,
    focal_length: Annotated[
        float | None,
        typer.Option(metavar="50", help="35 mm-equivalent focal length for --aperture.  [the photo's EXIF, else 50]"),
    ] = None,
    sharp_range: Annotated[
        float | None,
        typer.Option(
            metavar="0..1",
            help="Share of the depth scale around the focus that stays sharp.  [0.02; 0 with --aperture]",
        ),
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
    highlight_strength: HighlightStrength = 1.0,
    grain: Grain = True,
    quality: RenderQuality = "fast",
    depth: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Depth map of your own: PNG, TIFF, NPY or EXR.")
    ] = None,
    depth_kind: Annotated[
        Literal["metric", "inverse", "relative"] | None,
        typer.Option(help="What --depth holds: metres, 1/m, or an unknown scale."),
    ] = None,
    near: Annotated[
        Literal["bright", "dark"] | None, typer.Option(help="Which end of a relative --depth is near.  [bright]")
    ] = None,
    source: Source = "auto",
    model: Model = None,
    flip: Flip = None,
    like: Annotated[
        Path | None,
        typer.Option(metavar="RESULT", help="Do as in this result of dofsim; options given here win."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("-o", "--out", metavar="OUT", help="File, or folder for several.  [NAME.dof.jpg]")
    ] = None,
    save_depth: Annotated[
        Path | None, typer.Option(metavar="D.png", help="Also save the refined depth (.png, .tif, .npy, .exr).")
    ] = None,
    editable: Annotated[
        bool, typer.Option("--editable", help="Keep original and depth in the result (JPEG), to refocus it again.")
    ] = False,
    preview_focus: Annotated[
        bool,
        typer.Option(
            "--preview-focus",
            help="Instead of blurring, tint what is in front (warm) and behind (cool), in 1600 px at most.",
        ),
    ] = False,
    threads: RenderThreads = None,
    max_memory: Annotated[
        str | None,
        typer.Option(metavar="2GB", help="Most memory to use; large photos then go in bands.  [60 % of what is free]"),
    ] = None,
    jpeg_quality: Annotated[
        int | None, typer.Option(metavar="1..100", min=1, max=100, help="Quality of JPEG, WebP, AVIF.")
    ] = None,
    strip_gps: Annotated[bool, typer.Option("--strip-gps", help="Leave the place (GPS) out of the output.")] = False,
    strip_all: Annotated[
        bool, typer.Option("--strip-all", help="Leave all metadata out of the output but the colour profile.")
    ] = False,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
    help_all: HelpAll = False,
) -> int:
    """Refocus photos: keep the subject sharp and blur the rest as a fast lens would.

    The result stands beside the photo as NAME.dof.jpg unless -o says otherwise. If one of several photos fails, the
    others are still rendered and the exit code is that of the first failure.

    \b
    Examples:
      dofsim render dog.heic
      dofsim render dog.heic --focus-at 45%,40% --blur 3% -o dog.jpg
      dofsim render dog.heic --focus 1.2m --aperture 1.8
      dofsim render *.jpg -o refocused/
      dofsim render dog.heic --editable && dofsim render dog.dof.jpg --focus 0.2 -o again.jpg
      dofsim render cat.heic --like dog.dof.jpg
    """
    from dofsim import memory
    from dofsim.cli.outputs import place_outputs, refuse_inputs
    from dofsim.cli.report import Report
    from dofsim.photo.encode import FORMATS
    from dofsim.recipe import Recipe, read_recipe

    given = {name: value for name, value in context.params.items() if _is_given(context, name)}
    recipe = (Recipe() if like is None else read_recipe(like)).but(**given)
    if max_memory is not None:
        os.environ[memory.LIMIT] = str(memory.parse_memory(max_memory))
    if out is not None and out.suffix and not out.is_dir() and out.suffix.lower() not in FORMATS:
        raise ParameterError(f"cannot write {out}: choose one of {', '.join(FORMATS)} (-o NAME.jpg)")
    if depth is None and (depth_kind is not None or near is not None):
        raise ParameterError("--depth-kind and --near describe a file of depth; give that too (--depth FILE)")
    if depth is not None and len(photos) > 1:
        raise ParameterError("a depth file belongs to one photo; render the photos one at a time, or without --depth")
    if depth is not None and (source != "auto" or model is not None or flip is not None):
        raise ParameterError("give either --depth or --source/--model/--flip, not both")

    places = place_outputs(
        photos, out, "focus" if preview_focus else "dof", suffix=".jpg" if editable and not preview_focus else None
    )
    if editable:
        from dofsim.photo.editable import check_editable_name

        if preview_focus:
            raise ParameterError("a preview of the focus cannot be edited; leave out --preview-focus or --editable")
        for place in places:
            check_editable_name(place)
    depth_places: list[Path] | list[None] = [None] * len(photos)
    if save_depth is not None:
        depth_places = place_outputs(photos, save_depth, "depth", suffix=".png", option="--save-depth")
        if not set(places).isdisjoint(depth_places):
            raise ParameterError(f"result and depth cannot both become {save_depth}; name two files (-o, --save-depth)")
        refuse_inputs(depth_places, [*photos, *([depth] if depth else [])], overwrite=overwrite)
    refuse_inputs(places, [*photos, *([depth] if depth else [])], overwrite=overwrite)

    exit_code = 0
    with Report(_STAGES * len(photos), quiet=quiet) as report:
        read_own_depth = partial(_read_own_depth, depth, depth_kind, near) if depth is not None else None
        for photo, place, depth_place in zip(photos, places, depth_places, strict=True):
            try:
                _render_one(
                    photo,
                    place,
                    depth_place,
                    read_own_depth,
                    recipe,
                    report,
                    preview_focus=preview_focus,
                    threads=threads,
                    strip_gps=strip_gps,
                    strip_all=strip_all,
                    editable=editable,
                )
            except DofsimError as error:
                if len(photos) == 1:
                    raise
                report.error(str(error), about=photo)
                exit_code = exit_code or error.exit_code
                continue
            report.result(place)
    return exit_code


def _read_own_depth(path: Path, kind: str | None, near: Literal["bright", "dark"] | None) -> DepthMap:
    from dofsim.depth import DepthKind
    from dofsim.depth.files import read_depth

    return read_depth(path, kind=DepthKind(kind) if kind else None, near=near or "bright")


def _is_given(context: typer.Context, name: str) -> bool:
    source = context.get_parameter_source(name)
    return name not in _NOT_IN_RECIPES and source is not None and source.name == "COMMANDLINE"


def _render_one(
    path: Path,
    place: Path,
    depth_place: Path | None,
    read_own_depth: Callable[[], DepthMap] | None,
    recipe: Recipe,
    report: Report,
    *,
    preview_focus: bool,
    threads: int | None,
    strip_gps: bool,
    strip_all: bool,
    editable: bool,
) -> None:
    report.stage(f"{path.name}: reading")
    import dofsim
    from dofsim.cli.compiling import announce_compilation, compiling_beside

    with report.warnings_as_lines(), compiling_beside() as finish_compiling, announce_compilation(report):
        photo = dofsim.read_photo(path)
        for note in photo.notes:
            report.note(f"{path.name}: {note}")
        report.stage(f"{path.name}: depth")
        # Not kept in a variable: the blur wants its memory.
        scene = recipe.prepare(photo, depth=None if read_own_depth is None else read_own_depth())
        if depth_place is not None:
            dofsim.write_depth(scene.depth, depth_place, overwrite=True)
        report.stage(f"{path.name}: blurring")
        if preview_focus:
            result = recipe.preview_focus(scene, longest_side=_PREVIEW_SIDE)
        else:
            finish_compiling()
            result = recipe.render(scene, threads=threads)
        report.stage(f"{path.name}: writing")
        if strip_gps or strip_all:
            result = result.without_metadata(gps_only=not strip_all)
        if editable:
            _save_editable(scene, result, place, recipe, report)
        else:
            result.save(place, quality=recipe.jpeg_quality, overwrite=True)


def _save_editable(scene: Scene, result: Photo, place: Path, recipe: Recipe, report: Report) -> None:
    sizes = scene.save_editable(result, place, quality=recipe.jpeg_quality, overwrite=True)
    loss = "" if sizes.untouched else " (compressed anew)"
    total, original, depth = (size / 1e6 for size in (sizes.total, 4 / 3 * sizes.original, 4 / 3 * sizes.depth))
    report.note(f"{place.name}: {total:.1f} MB, of them the original{loss} {original:.1f} MB, the depth {depth:.1f} MB")
