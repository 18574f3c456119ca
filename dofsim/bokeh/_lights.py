"""What a small light is: a bright spot whose disc is seen by itself, so that it deserves better than other sources."""

from __future__ import annotations

from numba import njit

from dofsim.bokeh._disc import HALF, PART, F
from dofsim.bokeh.plan import LIGHT_LEVEL, LIGHT_SIZE


@njit(**PART)
def is_light(rgb, y, x):  # type: ignore[no-untyped-def]
    """Whether a pixel belongs to a small light (a large bright area is not one)."""
    level = max(rgb[y, x, 0], rgb[y, x, 1], rgb[y, x, 2])
    if level < F(LIGHT_LEVEL):
        return False
    height, width, _ = rgb.shape
    half = HALF * level
    for k in range(4):
        yy = y + (LIGHT_SIZE if k == 0 else (-LIGHT_SIZE if k == 1 else 0))
        xx = x + (LIGHT_SIZE if k == 2 else (-LIGHT_SIZE if k == 3 else 0))
        if 0 <= yy < height and 0 <= xx < width and max(rgb[yy, xx, 0], rgb[yy, xx, 1], rgb[yy, xx, 2]) >= half:
            return False
    return True
