"""Large discs: pixels are merged into one source per cell of the grid that suits their radius, and drawn there."""

from __future__ import annotations

import numpy as np
from numba import njit

from dofsim.bokeh._disc import KERNEL, F, U, add_disc, fold, luminance
from dofsim.bokeh._lights import is_light, light_coc
from dofsim.bokeh.plan import BACK, FINE_RADIUS, FRONT, MARGIN

FIELDS = 7
"""Floats of the record of one cell, see :func:`draw_cells`."""


# Typed, because Numba compiles a function once more for every literal that it is called with.
ZERO, ONE = np.int64(0), np.int64(1)


@njit(inline="always")
def level_of(radius, levels):  # type: ignore[no-untyped-def]
    """Level whose grid shows this radius (px, >= FINE_RADIUS) as 4..8 px."""
    level = 1
    limit = F(2 * FINE_RADIUS)
    while radius >= limit and level < levels:
        level += 1
        limit *= F(2)
    return level


@njit(inline="always")
def collect(cells, at, red, green, blue, count, radius, x, y, level):  # type: ignore[no-untyped-def]
    """Add ``count`` pixels around (x, y), px, to the source of a cell of a level's grid: the record at ``at``."""
    inside = (1 << level) - 1
    cells[at] += red * count
    cells[at + U(1)] += green * count
    cells[at + U(2)] += blue * count
    cells[at + U(3)] += count
    cells[at + U(4)] += radius * count
    cells[at + U(5)] += F(x & inside) * count
    cells[at + U(6)] += F(y & inside) * count


@njit(**KERNEL)
def draw_cells(cells, at, first, columns, row, group, level, band, plan, table, acc):  # type: ignore[no-untyped-def]
    """Draw the sources of ``columns`` cells of row ``row`` of a band's grid, from column ``first``, and empty them.

    ``cells`` holds their records from ``at`` on: sums of red, green, blue, count, radius (px), and x and y within the
    cell (px).
    """
    tile = plan.tile_start[group, level] + band * plan.tile_floats[level]
    scale = F(1) / F(1 << level)
    for column in range(columns):
        p = U(at + column * FIELDS)
        count = cells[p + U(3)]
        if count == F(0):
            continue
        n = F(1) / count
        cx = F(first + column + MARGIN) + (cells[p + U(5)] * n + F(0.5)) * scale - F(0.5)
        cy = F(row + MARGIN) + (cells[p + U(6)] * n + F(0.5)) * scale - F(0.5)
        red, green, blue = cells[p] * n, cells[p + U(1)] * n, cells[p + U(2)] * n
        radius = cells[p + U(4)] * n * scale
        add_disc(acc, tile, plan.stride[level], cy, cx, radius, red, green, blue, count * scale * scale, table)
        for k in range(FIELDS):
            cells[p + U(k)] = F(0)


@njit(**KERNEL)
def coarse_band(rgb, coc, band, plan, table, acc, used):  # type: ignore[no-untyped-def]
    """Draw the sources of one band whose radius is at least FINE_RADIUS into the band's tiles.

    Pixels of one octave and one side of the focus plane that share a cell of that octave's grid become one source at
    their centroid. A row of cells is collected while its pixels stream by and drawn when it is complete.
    """
    levels = plan.levels
    first = band * plan.band_rows
    offsets = np.zeros(levels + 2, np.int64)
    for level in range(1, levels + 1):
        offsets[level + 1] = offsets[level] + 2 * (plan.padded_width >> level) * FIELDS
    cells = np.zeros(offsets[levels + 1], np.float32)
    filled = np.zeros((levels + 1, 2), np.bool_)
    light = np.zeros(FIELDS, np.float32)
    for y in range(first, min(first + plan.band_rows, plan.padded_height)):
        ys = fold(y, plan.height)
        for x in range(plan.padded_width):
            xs = x if x < plan.width else fold(x, plan.width)
            c = coc[ys, xs]
            r = abs(c)
            if r < F(FINE_RADIUS):
                continue
            if is_light(rgb, ys, xs, luminance(rgb, ys, xs)):
                snapped = light_coc(rgb, coc, ys, xs)
                if abs(snapped) >= F(FINE_RADIUS):
                    c = snapped
                # A light is drawn at once, unmerged and one level finer than its radius asks for.
                level = max(level_of(abs(c), levels) - 1, 1)
                group = FRONT if c < F(0) else BACK
                used[group, level, band] = 1
                collect(light, U(0), rgb[ys, xs, 0], rgb[ys, xs, 1], rgb[ys, xs, 2], F(1), abs(c), x, y, level)
                draw_cells(light, ZERO, x >> level, ONE, (y - first) >> level, group, level, band, plan, table, acc)
                continue
            level = level_of(r, levels)
            side = 0 if c < F(0) else 1
            filled[level, side] = True
            p = U(offsets[level] + (side * (plan.padded_width >> level) + (x >> level)) * FIELDS)
            collect(cells, p, rgb[ys, xs, 0], rgb[ys, xs, 1], rgb[ys, xs, 2], F(1), r, x, y, level)
        for level in range(1, levels + 1):
            if (y + 1) & ((1 << level) - 1) != 0:
                continue
            for side in range(2):
                if filled[level, side]:
                    filled[level, side] = False
                    group = FRONT if side == 0 else BACK
                    used[group, level, band] = 1
                    columns = plan.padded_width >> level
                    at = offsets[level] + side * columns * FIELDS
                    draw_cells(cells, at, ZERO, columns, (y - first) >> level, group, level, band, plan, table, acc)
