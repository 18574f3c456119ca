"""The baselines that dofsim is measured against: the report's per-pixel loop, and the same loop compiled.

The loop is the published one: for every pixel and channel, the mean of the 8-bit picture under a disc-shaped
structuring element whose radius follows the pixel's depth. It works on encoded (not linear) values, gathers instead of
scattering, and knows no occlusion; it is here to be compared with.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt


@functools.cache
def structuring_element(radius: int) -> npt.NDArray[np.bool_]:
    """Disc-shaped structuring element, bool (2r + 1, 2r + 1), True where dx^2 + dy^2 <= r^2."""
    y, x = np.mgrid[-radius : radius + 1, -radius : radius + 1]
    return np.asarray(x * x + y * y <= radius * radius)


def blur_loop(rgb: npt.NDArray[np.uint8], radius_px: npt.NDArray[np.floating[Any]]) -> npt.NDArray[np.uint8]:
    """Blur by a Python loop over pixels and channels, as the report published it.

    Parameters
    ----------
    rgb : uint8 array, shape (H, W, 3)
        Encoded picture.
    radius_px : array, shape (H, W)
        Radius of each pixel's disc, px, >= 0; rounded down to whole px.

    Returns
    -------
    uint8 array, shape (H, W, 3)
    """
    height, width, channels = rgb.shape
    out = np.empty_like(rgb)
    for y in range(height):
        for x in range(width):
            r = int(radius_px[y, x])
            element = structuring_element(r)
            top, left = max(y - r, 0), max(x - r, 0)
            bottom, right = min(y + r + 1, height), min(x + r + 1, width)
            mask = element[top - y + r : bottom - y + r, left - x + r : right - x + r]
            for channel in range(channels):
                out[y, x, channel] = rgb[top:bottom, left:right, channel][mask].mean()
    return out


@functools.cache
def compiled_gather() -> Callable[[npt.NDArray[np.float32], npt.NDArray[np.float32], npt.NDArray[np.float32]], None]:
    """The same gather, compiled by Numba: ``gather(rgb, radius_px, out)``.

    ``rgb`` and ``out`` are float32 (H, W, 3), ``radius_px`` float32 (H, W), px, >= 0. Single-threaded.
    """
    import numba

    @numba.njit(fastmath=True, nogil=True)
    def gather(rgb: Any, radius_px: Any, out: Any) -> None:
        height, width = radius_px.shape
        for y in range(height):
            for x in range(width):
                r = int(radius_px[y, x])
                red = np.float32(0)
                green = np.float32(0)
                blue = np.float32(0)
                count = 0
                for yy in range(max(y - r, 0), min(y + r, height - 1) + 1):
                    for xx in range(max(x - r, 0), min(x + r, width - 1) + 1):
                        if (yy - y) * (yy - y) + (xx - x) * (xx - x) <= r * r:
                            red += rgb[yy, xx, 0]
                            green += rgb[yy, xx, 1]
                            blue += rgb[yy, xx, 2]
                            count += 1
                out[y, x, 0] = red / count
                out[y, x, 1] = green / count
                out[y, x, 2] = blue / count

    return gather  # type: ignore[no-any-return]
