"""Large discs: pixels are merged into one source per cell of the grid that suits their radius, and drawn there."""

from __future__ import annotations

import numpy as np
from numba import njit

from dofsim.bokeh._disc import KERNEL, F, U, add_disc, fold, luminance
from dofsim.bokeh._lights import is_light, light_coc
from dofsim.bokeh.plan import BACK, FINE_RADIUS, FRONT, MARGIN, row_floats

_row_floats = njit(inline="always")(row_floats)
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
def coarse_band(rgb, coc, band, levels, band_rows, padded_height, padded_width, acc, tile_start, tile_floats, used, half_width, start, fraction, reach):  # type: ignore[no-untyped-def]  # fmt: skip
    """Draw the sources of one band whose radius is at least FINE_RADIUS into the band's tiles.

    Pixels of one octave and one side of the focus plane that share a cell of that octave's grid become one source at
    their centroid. A row of cells is collected while its pixels stream by and drawn when it is complete.
    """
    height, width, _ = rgb.shape
    first = band * band_rows
    offsets = np.zeros(levels + 2, np.int64)
    for level in range(1, levels + 1):
        offsets[level + 1] = offsets[level] + 2 * (padded_width >> level) * _FIELDS
    cells = np.zeros(offsets[levels + 1], np.float32)
    filled = np.zeros((levels + 1, 2), np.bool_)
    for y in range(first, min(first + band_rows, padded_height)):
        ys = fold(y, height)
        for x in range(padded_width):
            xs = x if x < width else fold(x, width)
            c = coc[ys, xs]
            r = abs(c)
            if r < F(FINE_RADIUS):
                continue
            if is_light(rgb, ys, xs, luminance(rgb, ys, xs)):
                snapped = light_coc(rgb, coc, ys, xs)
                if abs(snapped) >= F(FINE_RADIUS):
                    c = snapped
                    r = abs(c)
                group = FRONT if c < F(0) else BACK
                level = max(level_of(r, levels) - 1, 1)
                scale = F(1) / F(1 << level)
                stride = _row_floats(padded_width >> level)
                tile = tile_start[group, level] + band * tile_floats[level]
                used[group, level, band] = 1
                cy = (F(y - first) + F(0.5)) * scale - F(0.5) + F(MARGIN)
                cx = (F(x) + F(0.5)) * scale - F(0.5) + F(MARGIN)
                add_disc(acc, tile, stride, cy, cx, r * scale, rgb[ys, xs, 0], rgb[ys, xs, 1], rgb[ys, xs, 2], scale * scale, half_width, start, fraction, reach)  # fmt: skip
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
                if not filled[level, side]:
                    continue
                filled[level, side] = False
                group = FRONT if side == 0 else BACK
                used[group, level, band] = 1
                stride = _row_floats(padded_width >> level)
                tile = tile_start[group, level] + band * tile_floats[level]
                scale = F(1) / F(1 << level)
                top = F((y - first) >> level) + F(MARGIN)
                for column in range(padded_width >> level):
                    p = U(offsets[level] + (2 * column + side) * _FIELDS)
                    count = cells[p + U(3)]
                    if count == F(0):
                        continue
                    n = F(1) / count
                    cx = F(column) + F(MARGIN) + (cells[p + U(5)] * n + F(0.5)) * scale - F(0.5)
                    cy = top + (cells[p + U(6)] * n + F(0.5)) * scale - F(0.5)
                    add_disc(acc, tile, stride, cy, cx, cells[p + U(4)] * n * scale, cells[p] * n, cells[p + U(1)] * n, cells[p + U(2)] * n, count * scale * scale, half_width, start, fraction, reach)  # fmt: skip
                    for k in range(_FIELDS):
                        cells[p + U(k)] = F(0)
