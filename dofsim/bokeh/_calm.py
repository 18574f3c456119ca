"""Calm tiles: one surface without edges, so that a pixel is the mean under its own disc.

Where the circle of confusion hardly changes from pixel to pixel, what a pixel's neighbours scatter into it and what its
own disc gathers are the same, and gathering is several times faster. Sums along the row (prefix) turn a disc into one
difference per row, exact for fractional radii. Large discs are gathered on the grid that shows them as 4..8 cells, and
enlarged bilinearly.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from dofsim.bokeh._disc import KERNEL, PART, F, U, fold
from dofsim.bokeh._simd import EIGHT, gather_eight
from dofsim.bokeh.plan import FINE_RADIUS, IN_FOCUS_RADIUS, LARGEST_GATHERED, TILE
from dofsim.bokeh.spans import RADIUS_STEPS

_ALIKE = 0.25
"""Neighbours whose radii differ by less than this, px, are gathered together: two steps of the span table."""

_ALIKE_SHARE = 0.06
"""The same for large radii, as a share of the radius."""


def calm_room(tiles: int) -> int:
    """Floats that :func:`calm_block` needs of ``prefix`` and of ``small`` for a square of ``tiles`` x ``tiles``."""
    side = tiles * TILE + 2 * (LARGEST_GATHERED + 4) + EIGHT + 2
    return side * side * 3


@njit(**KERNEL)
def calm_levels(layered, smallest, widest, deepest, level):  # type: ignore[no-untyped-def]
    """Level of the grid on which each tile is gathered: int8 (rows, columns) ``level``, -1 for tiles with layers.

    ``smallest``, ``widest``: float32, same shape, least and largest radius in the tile, px. A tile that is in focus
    altogether gets -2: it is copied.
    """
    for j in range(level.shape[0]):
        for i in range(level.shape[1]):
            found = 0
            while found < deepest and (
                smallest[j, i] >= F(FINE_RADIUS << found) or widest[j, i] > F(LARGEST_GATHERED << found)
            ):
                found += 1
            if layered[j, i] != 0:
                level[j, i] = -1
            else:
                level[j, i] = -2 if widest[j, i] < F(IN_FOCUS_RADIUS) else found


@njit(**PART)
def _gather_row(prefix, stride, row, x, radius, columns, table, spare, out, at):  # type: ignore[no-untyped-def]
    """Gather ``columns`` pixels from (row, x) of the prefix on into ``out`` from position ``at`` on, 3 floats each.

    ``radius``: float32, theirs, px of this grid, and EIGHT - 1 more values; ``spare``: room for 3 * EIGHT floats.
    """
    k = 0
    while k < columns:
        n = min(EIGHT, columns - k)
        low, high = F(1e9), F(0)
        for i in range(EIGHT):
            low, high = min(low, radius[U(k + i)]), max(high, radius[U(k + i)])
        if n < EIGHT or high - low > max(F(_ALIKE), F(_ALIKE_SHARE) * high):
            low = high = radius[k]
            alike = 1
            while alike < n:
                lower, higher = min(low, radius[k + alike]), max(high, radius[k + alike])
                if higher - lower > max(F(_ALIKE), F(_ALIKE_SHARE) * higher):
                    break
                low, high = lower, higher
                alike += 1
            n = alike
        middle = min(max(F(0.5) * (low + high), F(IN_FOCUS_RADIUS)), F(LARGEST_GATHERED))
        i = int(middle * F(RADIUS_STEPS) + F(0.5))
        centre, rows = row * stride + (x + k) * 3, table.rows[i]
        entry = i * table.length
        if n == EIGHT:
            gather_eight(prefix, centre, stride, table.begin, table.first, table.second, entry, rows, out, at + k * 3)
        else:
            gather_eight(prefix, centre, stride, table.begin, table.first, table.second, entry, rows, spare, 0)
            for m in range(3 * n):
                out[U(at + k * 3 + m)] = spare[U(m)]
        k += n


@njit(**PART)
def _sum_pixels(rgb, top, left, rows, columns, prefix):  # type: ignore[no-untyped-def]
    """Prefix sums of the picture's rows over a rectangle that may reach over the border; 3 floats a column."""
    height, width, _ = rgb.shape
    inside = left >= 0 and left + columns < width
    for j in range(rows):
        y = U(fold(top + j, height))
        red, green, blue = F(0), F(0), F(0)
        at = U(j * (columns + 1) * 3)
        for i in range(columns + 1):
            prefix[at], prefix[at + U(1)], prefix[at + U(2)] = red, green, blue
            at += U(3)
            x = U(left + i if inside else fold(left + i, width))
            red += rgb[y, x, 0]
            green += rgb[y, x, 1]
            blue += rgb[y, x, 2]


@njit(**PART)
def _sum_pairs(rgb, height, width, top, left, rows, columns, prefix):  # type: ignore[no-untyped-def]
    """As :func:`_sum_pixels`, of level 1: ``height`` x ``width`` cells of 2 x 2 px."""
    tall, wide, _ = rgb.shape
    inside = left >= 0 and 2 * (left + columns + 1) < wide
    quarter = F(0.25)
    for j in range(rows):
        y = 2 * fold(top + j, height)
        y0, y1 = U(fold(y, tall)), U(fold(y + 1, tall))
        red, green, blue = F(0), F(0), F(0)
        at = U(j * (columns + 1) * 3)
        for i in range(columns + 1):
            prefix[at], prefix[at + U(1)], prefix[at + U(2)] = red, green, blue
            at += U(3)
            x = 2 * (left + i if inside else fold(left + i, width))
            x0, x1 = U(x if inside else fold(x, wide)), U(x + 1 if inside else fold(x + 1, wide))
            red += quarter * (rgb[y0, x0, 0] + rgb[y0, x1, 0] + rgb[y1, x0, 0] + rgb[y1, x1, 0])
            green += quarter * (rgb[y0, x0, 1] + rgb[y0, x1, 1] + rgb[y1, x0, 1] + rgb[y1, x1, 1])
            blue += quarter * (rgb[y0, x0, 2] + rgb[y0, x1, 2] + rgb[y1, x0, 2] + rgb[y1, x1, 2])


@njit(**PART)
def _sum_cells(cells, start, height, width, top, left, rows, columns, prefix):  # type: ignore[no-untyped-def]
    """As :func:`_sum_pixels`, of a level of the pyramid: ``height`` x ``width`` cells from cell ``start`` on."""
    for j in range(rows):
        y = start + fold(top + j, height) * width
        red, green, blue = F(0), F(0), F(0)
        at = U(j * (columns + 1) * 3)
        for i in range(columns + 1):
            prefix[at], prefix[at + U(1)], prefix[at + U(2)] = red, green, blue
            at += U(3)
            p = U((y + fold(left + i, width)) * 4)
            red += cells[p]
            green += cells[p + U(1)]
            blue += cells[p + U(2)]


@njit(**PART)
def _enlarge(small, top, left, columns, level, y0, y1, x0, x1, out):  # type: ignore[no-untyped-def]
    """Bilinear enlargement of gathered cells, 3 floats each, from (top, left) on, into ``out[y0:y1, x0:x1]``."""
    scale = F(1) / F(1 << level)
    row = np.empty(columns * 3, np.float32)
    for y in range(y0, y1):
        v = (F(y) + F(0.5)) * scale - F(0.5) - F(top)
        j = int(v)
        v -= F(j)
        a, b = U(j * columns * 3), U((j + 1) * columns * 3)
        for k in range(columns * 3):
            row[U(k)] = small[a + U(k)] + v * (small[b + U(k)] - small[a + U(k)])
        for x in range(x0, x1):
            u = (F(x) + F(0.5)) * scale - F(0.5) - F(left)
            i = int(u)
            u -= F(i)
            p = U(i * 3)
            for k in range(3):
                out[U(y), U(x), k] = row[p + U(k)] + u * (row[p + U(k + 3)] - row[p + U(k)])


@njit(**KERNEL)
def calm_block(  # type: ignore[no-untyped-def]
    rgb, coc, cells, starts, padded, level, widest, first_row, last_row, first, last, table, prefix, small, out
):
    """Render the calm tiles among rows ``first_row .. last_row`` and columns ``first .. last`` of tiles.

    ``cells``: the pyramid (see ``_survey``), ``starts``: first cell of each of its levels; ``padded``: (height, width)
    of its level 0; ``level``, ``widest``: see :func:`calm_levels`; ``prefix``, ``small``: room of ``calm_room`` floats
    each.
    """
    height, width, _ = rgb.shape
    flat = out.reshape(-1)
    spare = np.empty(3 * EIGHT, np.float32)
    deepest = 0
    for j in range(first_row, last_row):
        for i in range(first, last):
            deepest = max(deepest, level[j, i])
            if level[j, i] == -2:
                for y in range(j * TILE, min((j + 1) * TILE, height)):
                    for x in range(i * TILE, min((i + 1) * TILE, width)):
                        for k in range(3):
                            out[y, x, k] = rgb[y, x, k]
    for g in range(deepest + 1):
        # One prefix for the rectangle around all tiles of this level.
        top, bottom, west, east = last_row, first_row - 1, last, first - 1
        radius_px = F(0)
        for j in range(first_row, last_row):
            for i in range(first, last):
                if level[j, i] == g:
                    top, bottom, west, east = min(top, j), max(bottom, j), min(west, i), max(east, i)
                    radius_px = max(radius_px, widest[j, i])
        if bottom < top:
            continue
        halo = min(int(radius_px / F(1 << g)), LARGEST_GATHERED) + 4
        y0, x0 = ((top * TILE) >> g) - halo, ((west * TILE) >> g) - halo
        y1 = ((min((bottom + 1) * TILE, height) - 1) >> g) + halo + 1
        x1 = ((min((east + 1) * TILE, width) - 1) >> g) + halo + 1 + EIGHT
        stride = (x1 - x0 + 1) * 3
        rows, columns = padded[0] >> g, padded[1] >> g
        if g == 0:
            _sum_pixels(rgb, y0, x0, y1 - y0, x1 - x0, prefix)
        elif g == 1:
            _sum_pairs(rgb, rows, columns, y0, x0, y1 - y0, x1 - x0, prefix)
        else:
            _sum_cells(cells, starts[g], rows, columns, y0, x0, y1 - y0, x1 - x0, prefix)
        radius = np.empty(x1 - x0 + EIGHT, np.float32)
        for i in range(x1 - x0 + EIGHT):
            radius[i] = F(0)
        for j in range(top, bottom + 1):
            i = west
            while i <= east:
                if level[j, i] != g:
                    i += 1
                    continue
                end = i
                while end <= east and level[j, end] == g:
                    end += 1
                # The run of tiles i .. end, in px.
                py0, py1 = j * TILE, min((j + 1) * TILE, height)
                px0, px1 = i * TILE, min(end * TILE, width)
                if g == 0:
                    for y in range(py0, py1):
                        smallest = F(1e9)
                        for x in range(px0, px1):
                            radius[U(x - px0)] = abs(coc[U(y), U(x)])
                            smallest = min(smallest, radius[U(x - px0)])
                        to = (y * width + px0) * 3
                        _gather_row(prefix, stride, y - y0, px0 - x0, radius, px1 - px0, table, spare, flat, to)
                        if smallest < F(IN_FOCUS_RADIUS):
                            for x in range(px0, px1):
                                if radius[x - px0] < F(IN_FOCUS_RADIUS):
                                    for k in range(3):
                                        out[y, x, k] = rgb[y, x, k]
                else:
                    half = 1 << (g - 1)
                    cy0, cx0 = (py0 - half) >> g, (px0 - half) >> g
                    cy1, cx1 = (py1 - 1 + half) >> g, (px1 - 1 + half) >> g
                    scale = F(1) / F(1 << g)
                    wide = cx1 - cx0 + 1
                    for y in range(cy0, cy1 + 1):
                        middle = U(fold((y << g) + half, height))
                        for x in range(cx0, cx1 + 1):
                            radius[U(x - cx0)] = abs(coc[middle, U(fold((x << g) + half, width))]) * scale
                        to = (y - cy0) * wide * 3
                        _gather_row(prefix, stride, y - y0, cx0 - x0, radius, wide, table, spare, small, to)
                    _enlarge(small, cy0, cx0, wide, g, py0, py1, px0, px1, out)
                i = end
