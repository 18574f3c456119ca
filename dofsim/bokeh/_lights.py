"""Small lights: bright spots whose discs are seen one by one, so that they deserve better than the average source."""

from __future__ import annotations

from numba import njit

from dofsim.bokeh._disc import PART, F
from dofsim.bokeh.plan import FINE_RADIUS, IN_FOCUS_RADIUS

LIGHT_LEVEL = 1.2
"""Radiance above which a pixel may be a light; 1 is white, so only recovered or HDR highlights are."""

LIGHT_SIZE = 8
"""A light is dimmer by half this many px away, on all four sides."""


@njit(**PART)
def brightness(rgb, y, x):  # type: ignore[no-untyped-def]
    """Largest channel of a pixel: what decides whether it is a light."""
    return max(rgb[y, x, 0], rgb[y, x, 1], rgb[y, x, 2])


@njit(**PART)
def is_light(rgb, y, x, level):  # type: ignore[no-untyped-def]
    """Whether a pixel belongs to a small light (a large bright area is not one)."""
    if level < F(LIGHT_LEVEL):
        return False
    height, width, _ = rgb.shape
    half = F(0.5) * level
    for step in (-LIGHT_SIZE, LIGHT_SIZE):
        if 0 <= y + step < height and brightness(rgb, y + step, x) >= half:
            return False
        if 0 <= x + step < width and brightness(rgb, y, x + step) >= half:
            return False
    return True


@njit(**PART)
def light_coc(rgb, coc, y, x):  # type: ignore[no-untyped-def]
    """Circle of confusion of a light: that of the brightest of its 3x3 neighbours, for its mixed rim belongs to it.

    Its own, where the other would move the light between the coarse grids, the fine layers and the focus.
    """
    height, width, _ = rgb.shape
    best = brightness(rgb, y, x)
    own = found = coc[y, x]
    for yy in range(max(y - 1, 0), min(y + 2, height)):
        for xx in range(max(x - 1, 0), min(x + 2, width)):
            level = brightness(rgb, yy, xx)
            if level > best:
                best = level
                found = coc[yy, xx]
    moves = (abs(own) < F(FINE_RADIUS)) != (abs(found) < F(FINE_RADIUS)) or abs(found) < F(IN_FOCUS_RADIUS)
    return own if moves else found
