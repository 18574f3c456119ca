"""Small lights: bright spots whose discs are seen one by one, so that they deserve better than the average source."""

from __future__ import annotations

from numba import njit

from dofsim.bokeh._disc import F, luminance

LIGHT_LEVEL = 1.2
"""Radiance above which a pixel may be a light; 1 is white, so only recovered or HDR highlights are."""

LIGHT_SIZE = 8
"""A light is dimmer by half this many px away, on all four sides."""


@njit(inline="always")
def is_light(rgb, y, x, level):  # type: ignore[no-untyped-def]
    """Whether a pixel belongs to a small light (a large bright area is not one)."""
    if level < F(LIGHT_LEVEL):
        return False
    height, width, _ = rgb.shape
    half = F(0.5) * level
    if y >= LIGHT_SIZE and luminance(rgb, y - LIGHT_SIZE, x) >= half:
        return False
    if y + LIGHT_SIZE < height and luminance(rgb, y + LIGHT_SIZE, x) >= half:
        return False
    if x >= LIGHT_SIZE and luminance(rgb, y, x - LIGHT_SIZE) >= half:
        return False
    return not (x + LIGHT_SIZE < width and luminance(rgb, y, x + LIGHT_SIZE) >= half)


@njit(inline="always")
def light_coc(rgb, coc, y, x):  # type: ignore[no-untyped-def]
    """Circle of confusion of the brightest of the 3x3 neighbours: the mixed rim of a light belongs to the light."""
    height, width, _ = rgb.shape
    best = luminance(rgb, y, x)
    found = coc[y, x]
    for yy in range(max(y - 1, 0), min(y + 2, height)):
        for xx in range(max(x - 1, 0), min(x + 2, width)):
            level = luminance(rgb, yy, xx)
            if level > best:
                best = level
                found = coc[yy, xx]
    return found
