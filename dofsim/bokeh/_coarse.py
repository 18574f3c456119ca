"""Large discs: pixels are merged into one source per cell of the grid that suits their radius, and drawn there."""

from __future__ import annotations

import numpy as np
from numba import njit

from dofsim.bokeh._disc import KERNEL, F, U, add_disc, fold, luminance
from dofsim.bokeh._lights import is_light, light_coc
from dofsim.bokeh.plan import BACK, FINE_RADIUS, FRONT, MARGIN

_FIELDS = 8


@njit(inline="always")
def level_of(radius, levels):  # type: ignore[no-untyped-def]
    """Level whose grid shows this radius (px, >= FINE_RADIUS) as 4..8 px."""
    level = 1
    limit = F(2 * FINE_RADIUS)
    while radius >= limit and level < levels:
        level += 1
        limit *= F(2)
    return level


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
        offsets[level + 1] = offsets[level] + 2 * (plan.padded_width >> level) * _FIELDS
    cells = np.zeros(offsets[levels + 1], np.float32)
    filled = np.zeros((levels + 1, 2), np.bool_)
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
                _draw_light(rgb, ys, xs, c, y - first, x, band, plan, table, acc, used)
                continue
            level = level_of(r, levels)
            side = 0 if c < F(0) else 1
            filled[level, side] = True
            p = U(offsets[level] + (2 * (x >> level) + side) * _FIELDS)
            cells[p] += rgb[ys, xs, 0]
            cells[p + U(1)] += rgb[ys, xs, 1]
            cells[p + U(2)] += rgb[ys, xs, 2]
            cells[p + U(3)] += F(1)
            cells[p + U(4)] += r
            cells[p + U(5)] += F(x & ((1 << level) - 1))
            cells[p + U(6)] += F(y & ((1 << level) - 1))
        for level in range(1, levels + 1):
            if (y + 1) & ((1 << level) - 1) != 0:
                continue
            for side in range(2):
                if filled[level, side]:
                    filled[level, side] = False
                    group = FRONT if side == 0 else BACK
                    used[group, level, band] = 1
                    tile = plan.tile_start[group, level] + band * plan.tile_floats[level]
                    _draw_cells(
                        cells, offsets[level] + side * _FIELDS, level, (y - first) >> level, tile, plan, table, acc
                    )


@njit(**KERNEL)
def _draw_light(rgb, ys, xs, c, y, x, band, plan, table, acc, used):  # type: ignore[no-untyped-def]
    """Draw one pixel of a small light, unmerged and one level finer than its radius asks for."""
    group = FRONT if c < F(0) else BACK
    level = max(level_of(abs(c), plan.levels) - 1, 1)
    used[group, level, band] = 1
    tile = plan.tile_start[group, level] + band * plan.tile_floats[level]
    scale = F(1) / F(1 << level)
    cy = (F(y) + F(0.5)) * scale - F(0.5) + F(MARGIN)
    cx = (F(x) + F(0.5)) * scale - F(0.5) + F(MARGIN)
    red, green, blue = rgb[ys, xs, 0], rgb[ys, xs, 1], rgb[ys, xs, 2]
    add_disc(acc, tile, plan.stride[level], cy, cx, abs(c) * scale, red, green, blue, scale * scale, table)


@njit(**KERNEL)
def _draw_cells(cells, at, level, row, tile, plan, table, acc):  # type: ignore[no-untyped-def]
    """Draw a complete row of cells of one level and side, and empty it."""
    stride = plan.stride[level]
    scale = F(1) / F(1 << level)
    top = F(row) + F(MARGIN)
    for column in range(plan.padded_width >> level):
        p = U(at + 2 * column * _FIELDS)
        count = cells[p + U(3)]
        if count == F(0):
            continue
        n = F(1) / count
        cx = F(column) + F(MARGIN) + (cells[p + U(5)] * n + F(0.5)) * scale - F(0.5)
        cy = top + (cells[p + U(6)] * n + F(0.5)) * scale - F(0.5)
        red, green, blue = cells[p] * n, cells[p + U(1)] * n, cells[p + U(2)] * n
        radius = cells[p + U(4)] * n * scale
        add_disc(acc, tile, stride, cy, cx, radius, red, green, blue, count * scale * scale, table)
        for k in range(_FIELDS):
            cells[p + U(k)] = F(0)
