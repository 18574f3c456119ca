"""``dofsim info``: what a photo is, and which depth it carries."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dofsim.cli.options import Photos
from dofsim.errors import DofsimError

if TYPE_CHECKING:
    from pathlib import Path

    from dofsim.depth import DepthMap
    from dofsim.photo import Photo


def info(
    photos: Photos, as_json: Annotated[bool, typer.Option("--json", help="Print a JSON list instead of text.")] = False
) -> int:
    """Say what photos are: size, camera, colour profile, which depth map they carry, and how dofsim made them.

    \b
    Examples:
      dofsim info dog.heic
      dofsim info *.jpg --json
    """
    import json

    from dofsim.cli.report import Report

    described, exit_code = [], 0
    with Report(len(photos)) as report:
        for path in photos:
            report.stage(path.name)
            try:
                with report.warnings_as_lines():
                    facts = _describe(path)
            except DofsimError as error:
                if len(photos) == 1:
                    raise
                report.error(str(error), about=path)
                exit_code = exit_code or error.exit_code
                continue
            described.append(facts)
    if as_json:
        typer.echo(json.dumps(described, indent=2, ensure_ascii=False))
    else:
        typer.echo("\n\n".join(_as_text(facts) for facts in described))
    return exit_code


def _describe(path: Path) -> dict[str, Any]:
    from dofsim.photo import read_photo

    photo = read_photo(path)
    return {
        "path": str(path),
        "format": photo.format,
        "width": photo.width,
        "height": photo.height,
        "bits": photo.pixels.dtype.itemsize * 8,
        "grey": photo.is_grey,
        "alpha": photo.alpha is not None,
        **_describe_exif(photo),
        "profile": photo.profile.name,
        "depth": None if photo.depth is None else _describe_depth(photo.depth),
        **_describe_recipe(photo),
    }


def _describe_exif(photo: Photo) -> dict[str, Any]:
    from PIL.ExifTags import IFD, Base
    from PIL.Image import Exif

    exif = Exif()
    if photo.metadata.exif:
        exif.load(photo.metadata.exif)
    details = exif.get_ifd(IFD.Exif)

    def text(value: object) -> str | None:
        return " ".join(str(value).replace("\0", " ").split()) or None if value is not None else None

    def number(value: Any) -> float | None:
        try:
            return float(value)
        except (TypeError, ValueError, ZeroDivisionError):
            return None

    make, model = text(exif.get(Base.Make)), text(exif.get(Base.Model))
    return {
        "camera": model if make is None or (model or "").startswith(make) else f"{make} {model or ''}".strip(),
        "lens": text(details.get(Base.LensModel)),
        "taken": text(details.get(Base.DateTimeOriginal) or exif.get(Base.DateTime)),
        "f_number": number(details.get(Base.FNumber)),
        "focal_length_mm": number(details.get(Base.FocalLength)),
        "focal_length_35mm": photo.focal_length_35mm,
        "orientation": exif.get(Base.Orientation),
    }


def _describe_recipe(photo: Photo) -> dict[str, Any]:
    from dofsim.errors import ParameterError
    from dofsim.recipe import recipe_of

    try:
        recipe = recipe_of(photo)
    except ParameterError as error:
        return {"recipe": None, "notes": [*photo.notes, str(error)]}
    return {"recipe": None if recipe is None else recipe.to_dict(), "notes": list(photo.notes)}


def _describe_depth(depth: DepthMap) -> dict[str, Any]:
    height, width = depth.shape
    far, near = depth.range()
    metres = None
    if depth.is_metric:
        metres = [None if value <= 0 else 1.0 / value for value in (near, far)]
    return {
        "width": width,
        "height": height,
        "kind": depth.kind.value,
        "unit": depth.unit,
        "inverse_depth": [far, near],
        "metres": metres,
        "detail": depth.detail,
    }


def _as_text(facts: dict[str, Any]) -> str:
    rows = [
        ("photo", f"{facts['format']}, {facts['width']} x {facts['height']}, {facts['bits']} bit{_extras(facts)}"),
        ("camera", facts["camera"]),
        ("lens", facts["lens"]),
        ("taken", facts["taken"]),
        ("focal length", _focal(facts)),
        ("orientation", _orientation(facts["orientation"])),
        ("colour", facts["profile"]),
        ("depth", _depth(facts["depth"])),
        ("recipe", _recipe(facts["recipe"])),
        *(("note", note) for note in facts["notes"]),
    ]
    return "\n".join([facts["path"], *(f"  {name:<13} {value}" for name, value in rows if value)])


def _extras(facts: dict[str, Any]) -> str:
    return (", grey" if facts["grey"] else "") + (", with alpha" if facts["alpha"] else "")


def _orientation(value: int | None) -> str | None:
    return None if value in (None, 1) else f"{value} in the file; applied on reading, sizes are upright"


def _focal(facts: dict[str, Any]) -> str:
    parts = []
    if facts["focal_length_mm"] is not None:
        parts.append(f"{facts['focal_length_mm']:g} mm")
    if facts["focal_length_35mm"] is not None:
        parts.append(f"{facts['focal_length_35mm']:g} mm in 35 mm terms")
    if facts["f_number"] is not None:
        parts.append(f"f/{facts['f_number']:g}")
    return ", ".join(parts)


def _depth(depth: dict[str, Any] | None) -> str:
    if depth is None:
        return "none of its own (the estimator would guess it)"
    far, near = depth["inverse_depth"]
    unit = "1/m" if depth["metres"] else "relative"
    text = f"{depth['kind']}, {depth['width']} x {depth['height']}, inverse depth {far:.4g} to {near:.4g} {unit}"
    if depth["metres"]:
        nearest, farthest = depth["metres"]
        text += f" ({_metres(nearest)} to {_metres(farthest)})"
    return f"{text}; {depth['detail']}" if depth["detail"] else text


def _recipe(recipe: dict[str, Any] | None) -> str | None:
    if recipe is None:
        return None
    from dofsim.recipe import Recipe

    made = Recipe.from_dict(recipe)
    return f"dofsim {made.version}, depth of {made.depth_origin}; {shlex.join(made.options())}"


def _metres(value: float | None) -> str:
    return "infinity" if value is None else f"{value:.3g} m"
