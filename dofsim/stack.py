"""Focus stacks out of one photo: slices from near to far, with the exact optics of each beside them.

They are data for depth from focus: whoever learns or tests it needs pictures whose circle of confusion is known for
every pixel and every slice.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from dofsim import __version__, lens
from dofsim.depth.depth_map import DepthKind
from dofsim.errors import DepthError, ParameterError
from dofsim.files import atomic_folder
from dofsim.sequence import lens_settings

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Sequence

    from dofsim.bokeh import Aperture
    from dofsim.refocus import Setting
    from dofsim.scene import Scene

SIDECAR = "stack.json"
FORMAT_VERSION = 1
SliceFormat = Literal["png", "tif", "jpg", "webp"]

_LAW = (
    "r = K (s_f - s): signed radius of the circle of confusion, px, positive behind the plane of focus; "
    "s is inverse_depth of the pixel and s_f focus_inverse_depth of the slice, both in inverse_depth.unit. "
    "Drawn is sign(r) max(|r| - sharp_px, 0), and as it is where that is below 0.6 px."
)


def plan_stack(
    scene: Scene,
    slices: int,
    *,
    aperture: float | None = None,
    focal_length: float | None = None,
    blur: float | str | None = None,
    sharp_range: float = 0.0,
) -> list[Setting]:
    """Settings of the slices, from the nearest to the farthest pixel in even steps of inverse depth.

    Parameters
    ----------
    scene : Scene
    slices : int
        >= 2.
    aperture : float, optional
        f-number of a real lens; needs metric depth. Not together with ``blur``.
    focal_length : float, optional
        35 mm-equivalent, mm, for ``aperture``; default: the photo's EXIF, else 50.
    blur : float or str, optional
        Radius of the largest circle of the whole stack, see :func:`dofsim.lens.parse_blur`; default: 2 %.
    sharp_range : float
        See :meth:`dofsim.Scene.coc`; 0, the default, is what a lens does.

    Returns
    -------
    list of Setting

    Raises
    ------
    ParameterError
        If something is out of range or does not go together.
    DepthError
        If an f-number is asked of relative depth, or the depth is the same everywhere.
    """
    if slices < 2:
        raise ParameterError(f"a stack has at least 2 slices, not {slices} (--slices 16)")
    if aperture is not None and blur is not None:
        raise ParameterError("an aperture and a blur exclude each other; leave out --aperture or --blur")
    if aperture is not None and scene.depth.kind is DepthKind.RELATIVE:
        raise DepthError(
            "an f-number needs metric depth, and this depth is relative; "
            "say how strong the blur shall be instead (--blur 2.5%)"
        )
    if scene.depth.is_flat():
        raise DepthError(
            "the depth is the same everywhere, so every slice would be the same; "
            "let a network guess it (--source estimator)"
        )
    far, near = scene.depth.range()
    foci = [near + (far - near) * index / (slices - 1) for index in range(slices)]
    numbers = None if aperture is None else [aperture] * slices
    return lens_settings(scene, foci, f_numbers=numbers, focal_length=focal_length, blur=blur, sharp_range=sharp_range)


def write_stack(
    scene: Scene,
    folder: str | os.PathLike[str],
    settings: Sequence[Setting],
    *,
    aperture: float | None = None,
    focal_length: float | None = None,
    shape: Aperture | None = None,
    highlights: bool = True,
    grain: bool = True,
    threads: int | None = None,
    slice_format: SliceFormat = "png",
    on_slice: Callable[[int], None] | None = None,
) -> dict[str, Any]:
    """Render a stack and write it into a folder, whole or not at all.

    The folder holds ``slice-00.png`` and so on, the photo as it is (``sharp.png``), the inverse depth of every pixel
    (``inverse_depth.npy``, float32 (H, W)), and ``stack.json``, which says how they go together.

    Parameters
    ----------
    scene : Scene
    folder : path
        A free name, or an empty folder.
    settings : sequence of Setting
        From :func:`plan_stack`.
    aperture, focal_length : float, optional
        What :func:`plan_stack` was given, for the record.
    shape, highlights, grain, threads
        See :meth:`dofsim.Scene.render`.
    slice_format : {"png", "tif", "jpg", "webp"}
        Of the slices; the photo itself is always PNG.
    on_slice : callable, optional
        Called with the index of each slice before it is rendered.

    Returns
    -------
    dict
        What is in ``stack.json``.

    Raises
    ------
    OutputError
        If the folder is taken or cannot be written.
    """
    digits = max(2, len(str(len(settings) - 1)))
    names = [f"slice-{index:0{digits}d}.{slice_format}" for index in range(len(settings))]
    about = describe(scene, settings, names, aperture, focal_length, shape, highlights=highlights, grain=grain)
    with atomic_folder(folder) as temporary:
        scene.photo.save(temporary / "sharp.png")
        np.save(temporary / "inverse_depth.npy", scene.depth.inverse().values)
        for index, (name, setting) in enumerate(zip(names, settings, strict=True)):
            if on_slice is not None:
                on_slice(index)
            photo = scene.render_setting(setting, shape=shape, highlights=highlights, grain=grain, threads=threads)
            photo.save(temporary / name)
        (temporary / SIDECAR).write_text(json.dumps(about, indent=2) + "\n", encoding="utf-8")
    return about


def describe(
    scene: Scene,
    settings: Sequence[Setting],
    names: Sequence[str],
    aperture: float | None,
    focal_length: float | None,
    shape: Aperture | None,
    *,
    highlights: bool,
    grain: bool,
) -> dict[str, Any]:
    """The sidecar of a stack: photo, law, depth, lens and slices, ready for JSON.

    Parameters
    ----------
    scene, settings, aperture, focal_length, shape, highlights, grain
        See :func:`write_stack`.
    names : sequence of str
        File names of the slices.
    """
    photo, depth = scene.photo, scene.depth
    far, near = depth.range()
    focal = None
    if aperture is not None:
        focal = focal_length or photo.focal_length_35mm or lens.DEFAULT_FOCAL_LENGTH_MM
    return {
        "format": "dofsim focus stack",
        "format_version": FORMAT_VERSION,
        "dofsim": __version__,
        "photo": {
            "file": "sharp.png",
            "made_from": None if photo.path is None else photo.path.name,
            "width_px": photo.width,
            "height_px": photo.height,
            "bits": 8 * photo.pixels.dtype.itemsize,
            "colour_profile": photo.profile.name,
            "sha256_of_pixels": hashlib.sha256(np.ascontiguousarray(photo.pixels).tobytes()).hexdigest(),
        },
        "circle_of_confusion": _LAW,
        "inverse_depth": {
            "file": "inverse_depth.npy",
            "kind": depth.kind.value,
            "unit": depth.inverse().unit,
            "far": far,
            "near": near,
            "source": depth.source,
            "detail": depth.detail,
        },
        "lens": {
            "f_number": aperture,
            "focal_length_35mm": focal,
            "sensor_diagonal_mm": None if aperture is None else lens.FULL_FRAME_DIAGONAL_MM,
            "diagonal_px": scene.diagonal_px,
            "shape": None if shape is None else asdict(shape),
        },
        "highlights_recovered": highlights,
        "grain_added": grain,
        "slices": [
            {
                "file": name,
                "focus": (setting.focus - far) / (near - far),
                "focus_inverse_depth": setting.focus,
                "focus_m": 1.0 / setting.focus if depth.is_metric and setting.focus > 0 else None,
                "K": setting.factor,
                "sharp_px": setting.sharp_px,
                "largest_radius_px": setting.max_radius(depth),
            }
            for name, setting in zip(names, settings, strict=True)
        ],
    }
