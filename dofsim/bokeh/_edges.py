"""Edges between surfaces: where the circle of confusion jumps, what lies behind, and how far that shows.

The picture is cut into cells of 2 or 4 px. Only near a marked edge can the lens see more than one surface; anywhere
else a lack of coverage comes from the surface's own bumps (discs of a bump spread away from its top) and is not an
opening to what lies behind.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from dofsim.bokeh._disc import KERNEL, PART, F, U
from dofsim.bokeh._lights import brightness, is_light
from dofsim.bokeh.plan import BLOCK, TILE

FAR = 1e9
"""No surface, or an infinite distance."""

_MARKED = 0.35
"""Jumps below this share of the near surface's radius show two surfaces so close that openings do not matter."""

_STEEP = 1.2
"""How much larger than at an edge the circles are whose discs reach it: 1 / (1 - slope), for slopes up to 1/6 px/px."""


@njit(**KERNEL)
def find_edges(  # type: ignore[no-untyped-def]
    rgb, coc, spans, padded_columns, cell, jump, softness, first, last, near, far, distance, colour, away, reach
):
    """For cell rows ``first .. last``: the nearest coc of each cell and, where it jumps, its farther surface.

    ``spans``: ranges of the cells (see ``_survey``), ``padded_columns`` in a row of them; ``softness``: how many px
    beside an edge have mixed colours.

    ``near``, ``far``, ``distance``: float32 (rows, columns); ``colour``: float32 (rows, columns, 3). Cells without a
    jump keep ``distance`` = FAR, the others get 0. ``away``: float32 (rows, columns), 0 where the jump is large enough
    to be marked, else FAR. ``reach``: float32 (rows, columns) of BLOCK px, how far (px) the near surface of an
    edge or a light spreads from there; stays negative where nothing jumps.
    """
    height, width = coc.shape
    rim = 2 * softness
    rows, columns = near.shape
    share = BLOCK // cell
    for j in range(first, last):
        top = j * cell
        below = min(j + 1, rows - 1)
        for i in range(columns):
            x0 = i * cell
            lowest = F(FAR)
            highest = F(-FAR)
            for k in range(4):
                p = (j if k < 2 else below) * padded_columns + min(i + k % 2, columns - 1)
                lowest = min(lowest, spans[U(p * 3)])
                highest = max(highest, spans[U(p * 3 + 1)])
            at = U((j * padded_columns + i) * 3)
            near[j, i] = spans[at]
            away[j, i] = F(FAR)
            if highest - lowest <= jump and spans[at + U(2)] == F(0):
                continue
            farthest = max(abs(lowest), abs(highest)) if spans[at + U(2)] != F(0) else abs(lowest)
            farthest = farthest * F(_STEEP) + F(cell + 1)
            reach[j // share, i // share] = max(reach[j // share, i // share], farthest)
            lowest = F(FAR)
            highest = F(-FAR)
            for y in range(top, min(top + cell + 1, height)):
                for x in range(x0, min(x0 + cell + 1, width)):
                    lowest = min(lowest, coc[y, x])
                    highest = max(highest, coc[y, x])
            if highest - lowest <= jump:
                continue
            if highest - lowest > max(F(2) * jump, F(_MARKED) * abs(lowest)):
                away[j, i] = F(0)
            # Where everything jumps there is nothing to be precise about.
            away_from = max(rim // cell, 1)
            noisy = True
            for k in range(4):
                y = min(max(j + (away_from if k == 0 else (-away_from if k == 1 else 0)), 0), rows - 1)
                x = min(max(i + (away_from if k == 2 else (-away_from if k == 3 else 0)), 0), columns - 1)
                beside = U((y * padded_columns + x) * 3)
                noisy = noisy and spans[beside + U(1)] - spans[beside] > jump
            stride = max(1, softness if noisy else softness // 2)
            # The far side, over a rim of pixels. Those as close to the near side as edges are soft have mixed colours
            # and count little, and a small light that the edge cuts does not go on below the near surface.
            limit = highest - F(0.3) * (highest - lowest)
            total = F(0)
            depth = F(0)
            for k in range(3):
                colour[j, i, k] = F(0)
            for y in range(max(top - rim, 0), min(top + cell + rim, height), stride):
                for x in range(max(x0 - rim, 0), min(x0 + cell + rim, width), stride):
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
                    level = brightness(rgb, y, x)
                    if is_light(rgb, y, x, level):
                        weight /= level * level
                    total += weight
                    depth += weight * c
                    for k in range(3):
                        colour[j, i, k] += weight * rgb[y, x, k]
            if total == F(0):
                continue
            scale = F(1) / total
            far[j, i] = depth * scale
            for k in range(3):
                colour[j, i, k] *= scale
            distance[j, i] = F(0)


@njit(**PART)
def _sweep(field, step):  # type: ignore[no-untyped-def]
    """Lower every value to the least of its neighbours' plus their distance (``step`` px a square), in place."""
    rows, columns = field.shape
    diagonal = F(1.4142135) * step
    for sweep in range(2):
        for jj in range(rows):
            j = jj if sweep == 0 else rows - 1 - jj
            before = j - 1 if sweep == 0 else j + 1
            for ii in range(columns):
                i = ii if sweep == 0 else columns - 1 - ii
                beside = i - 1 if sweep == 0 else i + 1
                value = field[j, i]
                if 0 <= beside < columns:
                    value = min(value, field[j, beside] + step)
                if 0 <= before < rows:
                    value = min(value, field[before, i] + step)
                    if 0 <= beside < columns:
                        value = min(value, field[before, beside] + diagonal)
                    other = 2 * i - beside
                    if 0 <= other < columns:
                        value = min(value, field[before, other] + diagonal)
                field[j, i] = value


@njit(**KERNEL)
def open_around(near, away, cell, opening):  # type: ignore[no-untyped-def]
    """Where the lens may look past a marked edge: within the radius of the pixel's own surface from one.

    ``near``: nearest coc of each cell; ``away``: float32 (rows, columns), 0 at marked cells and FAR elsewhere,
    overwritten by the distance to the nearest of them, px; ``opening``: float32 (rows, columns), 1 close to an edge,
    falling to 0 over the outer half of the radius, where little is seen anyway.
    """
    _sweep(away, F(cell))
    rows, columns = near.shape
    for j in range(rows):
        for i in range(columns):
            radius = abs(near[j, i]) + F(cell)
            opening[j, i] = min(max(F(2) * (radius - away[j, i]) / radius, F(0)), F(1))


@njit(**KERNEL)
def find_tiles(reach, edge, spans, padded_columns, cell, layered, apart, smallest, widest):  # type: ignore[no-untyped-def]
    """Which tiles need layers, how far every tile is from such a one, and the radii in it.

    More than one surface matters where an edge's near side spreads to, and as far from any edge as a pixel's own disc.

    ``reach``: as :func:`find_edges` leaves it, overwritten; ``edge``: room for as much; ``spans``, ``padded_columns``:
    ranges of the cells;
    ``layered``: uint8 (rows, columns) of TILE px; ``apart``: float32, same shape, px between the nearest points of a
    tile and of the next layered one (0 beside it); ``smallest``, ``widest``: float32, same shape, px.
    """
    rows, columns = reach.shape
    for j in range(rows):
        for i in range(columns):
            edge[j, i] = F(FAR) if reach[j, i] < F(0) else F(0)
            reach[j, i] = -reach[j, i]
    _sweep(reach, F(BLOCK))
    _sweep(edge, F(BLOCK))
    side, share = TILE // BLOCK, TILE // cell
    # Distances run from middle to middle of the blocks; their nearest points are up to a diagonal closer.
    slack = F(BLOCK * 1.4142135)
    for j in range(layered.shape[0]):
        for i in range(layered.shape[1]):
            low, high = F(FAR), F(0)
            for y in range(j * share, (j + 1) * share):
                for x in range(i * share, (i + 1) * share):
                    at = U((y * padded_columns + x) * 3)
                    low = min(low, max(spans[at], -spans[at + U(1)], F(0)))
                    high = max(high, abs(spans[at]), abs(spans[at + U(1)]))
            smallest[j, i], widest[j, i] = low, high
            spread, nearest = F(FAR), F(FAR)
            for y in range(j * side, min((j + 1) * side, rows)):
                for x in range(i * side, min((i + 1) * side, columns)):
                    spread = min(spread, reach[y, x])
                    nearest = min(nearest, edge[y, x])
            is_layered = spread < slack or nearest < high * F(_STEEP) + slack
            layered[j, i] = 1 if is_layered else 0
            apart[j, i] = F(0) if is_layered else F(FAR)
    _sweep(apart, F(TILE))
    for j in range(layered.shape[0]):
        for i in range(layered.shape[1]):
            apart[j, i] = max(apart[j, i] - F(TILE * 1.4142135), F(0))


@njit(**PART)
def opening_row(opening, cell, y, first, last, out):  # type: ignore[no-untyped-def]
    """The opening of columns ``first .. last`` of a row, bilinear between the middles of the cells: no staircase."""
    rows, columns = opening.shape
    v = (F(y) + F(0.5)) / F(cell) - F(0.5)
    j = min(max(int(np.floor(v)), 0), rows - 1)
    jj = min(j + 1, rows - 1)
    v = min(max(v - F(j), F(0)), F(1))
    scale = F(1) / F(cell)
    for x in range(first, last):
        u = (F(x) + F(0.5)) * scale - F(0.5)
        i = max(int(u), 0)
        ii = min(i + 1, columns - 1)
        u = max(u - F(i), F(0))
        left = opening[j, i] + (opening[jj, i] - opening[j, i]) * v
        right = opening[j, ii] + (opening[jj, ii] - opening[j, ii]) * v
        out[U(x - first)] = left + (right - left) * u
