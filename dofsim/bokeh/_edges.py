"""Edges between surfaces: where the circle of confusion jumps, what lies behind, and where the lens looks past them.

The picture is cut into cells of 2 or 4 px. Only near a marked edge can the lens see more than one surface; anywhere
else a lack of coverage comes from the surface's own bumps (discs of a bump spread away from its top) and is not an
opening to what lies behind.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from dofsim.bokeh._disc import KERNEL, F, luminance
from dofsim.bokeh._lights import is_light

FAR = 1e9
"""No surface, or an infinite distance."""

_MARKED = 0.35
"""Jumps below this share of the near surface's radius show two surfaces so close that openings do not matter."""


@njit(**KERNEL)
def find_edges(rgb, coc, cell, jump, softness, first, last, near, far, distance, colour, away):  # type: ignore[no-untyped-def]
    """For cell rows ``first .. last``: the nearest coc of each cell and, where it jumps, its farther surface.

    ``softness``: how many px beside an edge have mixed colours.

    ``near``, ``far``, ``distance``: float32 (rows, columns); ``colour``: float32 (rows, columns, 3). Cells without a
    jump keep ``distance`` = FAR, the others get 0. ``away``: float32 (rows, columns), 0 where the jump is
    large enough to be marked, else FAR.
    """
    height, width = coc.shape
    rim = 2 * softness
    for j in range(first, last):
        top = j * cell
        for i in range(near.shape[1]):
            x0 = i * cell
            lowest = F(FAR)
            highest = F(-FAR)
            inside = F(FAR)
            for y in range(top, min(top + cell + 1, height)):
                for x in range(x0, min(x0 + cell + 1, width)):
                    c = coc[y, x]
                    lowest = min(lowest, c)
                    highest = max(highest, c)
                    if y < top + cell and x < x0 + cell:
                        inside = min(inside, c)
            near[j, i] = inside
            away[j, i] = F(0) if highest - lowest > max(F(2) * jump, F(_MARKED) * abs(lowest)) else F(FAR)
            if highest - lowest <= jump:
                continue
            # The far side, over a rim of pixels. Those as close to the near side as edges are soft have mixed colours
            # and count little, and a small light that the edge cuts does not go on below the near surface.
            limit = highest - F(0.3) * (highest - lowest)
            total = F(0)
            depth = F(0)
            red = F(0)
            green = F(0)
            blue = F(0)
            for y in range(max(top - rim, 0), min(top + cell + rim, height)):
                for x in range(max(x0 - rim, 0), min(x0 + cell + rim, width)):
                    c = coc[y, x]
                    if c < limit or c > highest + jump:
                        continue
                    weight = F(1)
                    beside = min(
                        coc[y, max(x - softness, 0)],
                        coc[y, min(x + softness, width - 1)],
                        coc[max(y - softness, 0), x],
                        coc[min(y + softness, height - 1), x],
                    )
                    if beside < limit:
                        weight = F(0.05)
                    level = luminance(rgb, y, x)
                    if is_light(rgb, y, x, level):
                        weight /= level * level
                    total += weight
                    depth += weight * c
                    red += weight * rgb[y, x, 0]
                    green += weight * rgb[y, x, 1]
                    blue += weight * rgb[y, x, 2]
            scale = F(1) / total
            far[j, i] = depth * scale
            colour[j, i, 0] = red * scale
            colour[j, i, 1] = green * scale
            colour[j, i, 2] = blue * scale
            distance[j, i] = F(0)


@njit(**KERNEL)
def open_around(near, away, cell, opening):  # type: ignore[no-untyped-def]
    """Where the lens may look past a marked edge: within the radius of the pixel's own surface from one.

    ``near``: nearest coc of each cell; ``away``: float32 (rows, columns), 0 at marked cells and FAR elsewhere,
    overwritten by the distance to the nearest of them, px; ``opening``: float32 (rows, columns), 1 close to an edge,
    falling to 0 over the outer half of the radius, where little is seen anyway.
    """
    rows, columns = near.shape
    straight = F(cell)
    diagonal = F(1.4142135) * F(cell)
    for sweep in range(2):
        for jj in range(rows):
            j = jj if sweep == 0 else rows - 1 - jj
            before = j - 1 if sweep == 0 else j + 1
            for ii in range(columns):
                i = ii if sweep == 0 else columns - 1 - ii
                beside = i - 1 if sweep == 0 else i + 1
                for k in range(4):
                    y = j if k == 0 else before
                    x = beside if k < 2 else (i if k == 2 else 2 * i - beside)
                    if 0 <= y < rows and 0 <= x < columns:
                        step = straight if k == 0 or k == 2 else diagonal
                        away[j, i] = min(away[j, i], away[y, x] + step)
    for j in range(rows):
        for i in range(columns):
            radius = abs(near[j, i]) + F(cell)
            opening[j, i] = min(max(F(2) * (radius - away[j, i]) / radius, F(0)), F(1))


@njit(inline="always")
def opening_at(opening, cell, y, x):  # type: ignore[no-untyped-def]
    """The opening at a pixel, bilinear between the middles of the cells, so that cells leave no staircase."""
    rows, columns = opening.shape
    v = (F(y) + F(0.5)) / F(cell) - F(0.5)
    u = (F(x) + F(0.5)) / F(cell) - F(0.5)
    j = min(max(int(np.floor(v)), 0), rows - 1)
    i = min(max(int(np.floor(u)), 0), columns - 1)
    jj = min(j + 1, rows - 1)
    ii = min(i + 1, columns - 1)
    v = min(max(v - F(j), F(0)), F(1))
    u = min(max(u - F(i), F(0)), F(1))
    top = opening[j, i] + (opening[j, ii] - opening[j, i]) * u
    bottom = opening[jj, i] + (opening[jj, ii] - opening[jj, i]) * u
    return top + (bottom - top) * v
