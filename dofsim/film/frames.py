"""Photos as frames of a moving picture: smaller, of even sides, in sRGB with 8 bits."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from dofsim.errors import ParameterError

if TYPE_CHECKING:
    from dofsim.photo import Photo

Frame = npt.NDArray[np.uint8]


def shrink(photo: Photo, longest: int) -> Photo:
    """The photo with sides that are even and at most ``longest``, averaged in linear light; never larger.

    Parameters
    ----------
    photo : Photo
    longest : int
        px, >= 16.

    Returns
    -------
    Photo
        Without alpha, which moving pictures do not have. Its depth map, which covers the field of view at a
        resolution of its own, goes with it.

    Raises
    ------
    ParameterError
        If ``longest`` is below 16, or a side would be below 2.
    """
    import cv2

    if longest < 16:
        raise ParameterError(f"the longest side is at least 16 px, not {longest} (--size 1280)")
    scale = min(1.0, longest / max(photo.width, photo.height))
    # Codecs halve the resolution of colour, so sides are even.
    width, height = (int(side * scale) // 2 * 2 for side in (photo.width, photo.height))
    if min(width, height) < 2:
        raise ParameterError(f"a photo of {photo.width} x {photo.height} px is too thin for a moving picture")
    if (width, height) == (photo.width, photo.height):
        return replace(photo, alpha=None)
    light = cv2.resize(photo.linear(), (width, height), interpolation=cv2.INTER_AREA)
    like = cv2.resize(photo.pixels, (width, height), interpolation=cv2.INTER_AREA)
    return replace(photo, pixels=photo.profile.from_linear(light, like=like), alpha=None)


def to_frame(photo: Photo) -> Frame:
    """Pixels of a photo in sRGB, uint8 (H, W, 3)."""
    from dofsim.photo.colour import to_srgb

    pixels: npt.NDArray[Any] = photo.pixels
    if photo.profile.icc is not None:
        pixels = to_srgb(pixels, photo.profile.icc)
    if pixels.dtype == np.uint16:
        pixels = ((pixels.astype(np.uint32) + 128) // 257).astype(np.uint8)
    return np.ascontiguousarray(pixels, dtype=np.uint8)
