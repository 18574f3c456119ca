"""Two pictures of the same scene against each other: figures, and a view that shows half of each."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from dofsim.errors import ParameterError
from dofsim.photo import Photo


@dataclass(frozen=True)
class Comparison:
    """How like two pictures are, on display values: sRGB, 0..1, as a screen shows them; opacity does not count.

    Attributes
    ----------
    width, height : int
        Of both, upright, px.
    psnr_db : float
        Peak signal-to-noise ratio; ``inf`` for equal pictures.
    ssim : float or None
        Structural similarity, see :func:`dofsim.metrics.ssim`; None for pictures that are too small for it.
    differing : float
        Share of pixels that are not equal, 0..1.
    """

    width: int
    height: int
    psnr_db: float
    ssim: float | None
    differing: float


def compare(a: Photo, b: Photo) -> Comparison:
    """Measure how like two pictures are.

    Parameters
    ----------
    a, b : Photo
        Of one size, upright. Other colour profiles than sRGB are converted, 8 and 16 bits may be mixed.

    Returns
    -------
    Comparison

    Raises
    ------
    ParameterError
        If the sizes differ.
    """
    from dofsim.metrics.pictures import WINDOW, psnr, ssim

    _check_sizes(a, b)
    first, second = _display_values(a), _display_values(b)
    similarity = ssim(first, second) if min(a.width, a.height) >= WINDOW else None
    differing = float((first != second).any(axis=2).mean())
    return Comparison(a.width, a.height, psnr(first, second), similarity, differing)


def split_view(a: Photo, b: Photo, at: float = 0.5) -> Photo:
    """Left of a line the one picture, right of it the other.

    Parameters
    ----------
    a, b : Photo
        Of one size, upright.
    at : float
        Where the line stands, 0..1 of the width from the left.

    Returns
    -------
    Photo
        sRGB, 8 bits, or 16 if either has them; without metadata. The line is white with dark rims, 0.3 % of the
        longer side wide and at least 3 px.

    Raises
    ------
    ParameterError
        If the sizes differ or ``at`` is out of range.
    """
    _check_sizes(a, b)
    if not 0.0 <= at <= 1.0:
        raise ParameterError(f"the divider stands at 0..1 of the width, not {at}")
    kind = np.uint16 if np.uint16 in (a.pixels.dtype, b.pixels.dtype) else np.uint8
    most = np.iinfo(kind).max
    column = round(at * a.width)
    pixels = np.empty(a.pixels.shape, kind)
    for part, photo in ((np.s_[:, :column], a), (np.s_[:, column:], b)):
        codes = _srgb(photo)
        pixels[part] = codes[part] * np.uint16(257) if kind == np.uint16 and codes.dtype == np.uint8 else codes[part]
    wide = max(1, round(0.001 * max(a.width, a.height)))
    left = column - (3 * wide) // 2
    for place, shade in ((left, 0), (left + wide, most), (left + 2 * wide, 0)):
        pixels[:, max(place, 0) : max(place + wide, 0)] = shade
    return Photo(pixels)


def _check_sizes(a: Photo, b: Photo) -> None:
    if a.pixels.shape != b.pixels.shape:
        raise ParameterError(
            f"the pictures have different sizes, {a.width} x {a.height} and {b.width} x {b.height} upright; "
            "save both at one size, uncropped"
        )


def _srgb(photo: Photo) -> npt.NDArray[Any]:
    from dofsim.photo.colour import colour_space, to_srgb

    icc = photo.profile.icc
    if icc is None or colour_space(icc) != "RGB":
        return photo.pixels
    return to_srgb(photo.pixels, icc)


def _display_values(photo: Photo) -> npt.NDArray[np.float32]:
    codes = _srgb(photo)
    return codes.astype(np.float32) / np.float32(np.iinfo(codes.dtype).max)


def as_json(comparison: Comparison) -> dict[str, Any]:
    """The figures as JSON can hold them: an infinite PSNR becomes None.

    Parameters
    ----------
    comparison : Comparison

    Returns
    -------
    dict
    """
    psnr_db = comparison.psnr_db if math.isfinite(comparison.psnr_db) else None
    return {
        "width": comparison.width, "height": comparison.height, "light": "display (sRGB, 0..1)", "psnr_db": psnr_db,
        "ssim": comparison.ssim, "differing": comparison.differing, "equal": comparison.differing == 0,
    }  # fmt: skip
