"""Rays of the lens through (x, coc) space, where they are straight, and the surface that each one meets first.

A ray with the aperture coordinate u through pixel p stands at ``p - t u`` where the circle of confusion is t. It meets
the visible surface where ``coc = t``, or passes behind it at an edge, and may then meet the hidden surface (see
``_hidden``) or come out again. Pixel by pixel that is exact; far from edges one step goes as far as there is none.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from dofsim.bokeh._disc import HALF, INLINE, ONE, TWO, ZERO, F, fold
from dofsim.bokeh._survey import FIRST_LEVEL

NOTHING = -1e9
"""Coc where no hidden surface is known."""

TINY = 1e-3
"""px by which rays begin before the nearest surface that they can meet, and shares too small to divide by."""

MISSED, VISIBLE, HIDDEN_SURFACE, MIXED = range(4)

_REFINED = 3
_EXACT = 0.05
_TURN_Y, _TURN_X = 0.7548777, 0.5698403


@njit(**INLINE)
def pixel(at, size):  # type: ignore[no-untyped-def]
    """Index of the pixel that a reflecting border shows at the coordinate ``at``."""
    return fold(int(np.floor(at + HALF)), size)


@njit(**INLINE)
def trace(  # type: ignore[no-untyped-def]
    coc, away, far, cell, jump, mixed, share, near, y, x, v, u, per_y, per_x, length, t, last, turn
):
    """Follow the ray with the aperture coordinates (v, u) through (y, x), from ``t`` on, to what it meets first.

    ``coc`` to ``near``: those of :class:`~dofsim.bokeh.rays.Surfaces`; ``per_y``, ``per_x``, ``length``: see
    :func:`~dofsim.bokeh.pupil.ways`; ``turn``: a number that differs from ray to ray and decides what a ray meets in a
    mixed pixel, or a negative one: the far surface.

    Returns what was met before ``last`` is reached, its coc, and where (px, outside the picture too). A ray that meets
    nothing ends on the last surface in front of which it was seen.
    """
    height, width = coc.shape
    way_y, way_x = (-1 if v > ZERO else 1), (-1 if u > ZERO else 1)
    seen = coc[int(y), int(x)]
    before = F(NOTHING)
    j, i = int(np.floor(y - t * v + HALF)), int(np.floor(x - t * u + HALF))
    # The t at which the ray leaves the pixel, on either axis.
    leave_y = t + (HALF + F(way_y) * (F(j) - y + t * v)) * per_y
    leave_x = t + (HALF + F(way_x) * (F(i) - x + t * u)) * per_x
    while t <= last:
        iy, ix = fold(j, height), fold(i, width)
        c = coc[iy, ix]
        leave = min(leave_y, leave_x)
        if c >= t:
            room = away[iy, ix] - ONE
            if (c - t) * length <= room:
                for _ in range(_REFINED):
                    before = c
                    c = coc[pixel(y - c * v, height), pixel(x - c * u, width)]
                    if abs(c - before) < F(_EXACT):
                        break
                return VISIBLE, c, y - c * v, x - c * u
            number = mixed[iy, ix]
            if number >= 0 and turn >= ZERO and t <= near[number] <= leave:
                chance = turn + F(iy) * F(_TURN_Y) + F(ix) * F(_TURN_X)
                if chance - np.floor(chance) < share[number]:
                    return MIXED, near[number], F(j), F(i)
            if c <= leave:
                return VISIBLE, c, y - c * v, x - c * u
            seen = c
            before = c
            if room > TWO:
                t += room / length
                j, i = int(np.floor(y - t * v + HALF)), int(np.floor(x - t * u + HALF))
                leave_y = t + (HALF + F(way_y) * (F(j) - y + t * v)) * per_y
                leave_x = t + (HALF + F(way_x) * (F(i) - x + t * u)) * per_x
                continue
        else:
            if before > F(NOTHING) and abs(c - before) <= jump:
                return VISIBLE, c, F(j), F(i)
            before = F(NOTHING)
            hidden = far[iy // cell, ix // cell]
            if hidden > c + jump and hidden <= leave:
                # Met on the border of two pixels, of which only this one need have something hidden.
                return HIDDEN_SURFACE, hidden, F(j), F(i)
        t = leave
        if leave_y <= leave_x:
            j += way_y
            leave_y += per_y
        else:
            i += way_x
            leave_x += per_x
    return MISSED, seen, y - seen * v, x - seen * u


@njit(**INLINE)
def visible_colour(rgb, away, pyramid, starts, columns, reach, py, px):  # type: ignore[no-untyped-def]
    """Colour of the visible surface around a place: the mean of a cell of up to ``reach`` px, if that has no edge."""
    height, width = away.shape
    y, x = int(np.floor(py + HALF)), int(np.floor(px + HALF))
    iy, ix = fold(y, height), fold(x, width)
    reach = min(reach, (away[iy, ix] - ONE) * F(0.7))
    level = 0
    while level < len(starts) and reach >= F(1 << (level + FIRST_LEVEL)):
        level += 1
    inside = iy == y and ix == x
    red, green, blue = ZERO, ZERO, ZERO
    # Beyond the border: half of what it reflects, half of its nearest pixel.
    for _ in range(2):
        if level == 0:
            red += HALF * rgb[iy, ix, 0]
            green += HALF * rgb[iy, ix, 1]
            blue += HALF * rgb[iy, ix, 2]
        else:
            shift = level + FIRST_LEVEL - 1
            at = starts[level - 1] + (iy >> shift) * columns[level - 1] + (ix >> shift)
            red += HALF * pyramid[at, 0]
            green += HALF * pyramid[at, 1]
            blue += HALF * pyramid[at, 2]
        if inside:
            return TWO * red, TWO * green, TWO * blue
        iy, ix = min(max(y, 0), height - 1), min(max(x, 0), width - 1)
    return red, green, blue
