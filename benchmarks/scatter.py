"""Plain normalised scatter: what a renderer without occlusion does, and no less than that.

Every pixel spreads its light over its own disc, and the sum is divided by the sum of the discs' weights (the classical
part of BokehMe, Peng et al., CVPR 2022, and gegl:lens-blur work like this). Nothing hides anything.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit


@njit(cache=True, fastmath=True, error_model="numpy")
def _spread(linear: Any, radius: Any, light: Any, weight: Any) -> None:
    height, width = radius.shape
    for y in range(height):
        for x in range(width):
            r = max(radius[y, x], np.float32(0.5))
            reach = math.ceil(r + 0.5) - 1
            red, green, blue = linear[y, x, 0], linear[y, x, 1], linear[y, x, 2]
            share = np.float32(1) / (np.float32(np.pi) * r * r)
            for yy in range(max(y - reach, 0), min(y + reach, height - 1) + 1):
                for xx in range(max(x - reach, 0), min(x + reach, width - 1) + 1):
                    distance = np.sqrt(np.float32((yy - y) * (yy - y) + (xx - x) * (xx - x)))
                    w = min(r + np.float32(0.5) - distance, np.float32(1)) * share
                    if w > 0:
                        light[yy, xx, 0] += w * red
                        light[yy, xx, 1] += w * green
                        light[yy, xx, 2] += w * blue
                        weight[yy, xx] += w


def normalised_scatter(linear: npt.NDArray[np.float32], coc_px: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Scatter with discs that have a soft rim of one pixel; radii below 0.5 px count as sharp.

    Parameters
    ----------
    linear : float32 array, shape (H, W, 3)
        Scene-linear.
    coc_px : float32 array, shape (H, W)
        Radius, px; the sign does not matter.

    Returns
    -------
    float32 array, shape (H, W, 3)
        Light from outside the frame is missing, and the division makes up for it.
    """
    light = np.zeros_like(linear)
    weight = np.zeros(coc_px.shape, np.float32)
    _spread(linear, np.abs(coc_px), light, weight)
    return light / weight[..., None]
