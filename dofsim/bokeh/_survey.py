"""A first look at the picture: means and ranges of its squares, from which everything else decides what to do.

The pyramid: from level 2 on, the mean colour and mean coc of every 2^g x 2^g square, as (red, green, blue, coc)
quadruples, one level behind the other. Level 1 would take as much memory as all else together; who needs it takes the
mean of 2 x 2 px. Ranges: lowest and highest coc and whether there is a light, as triples, from the level of the cells
of edges up.
"""

from __future__ import annotations

from numba import njit

from dofsim.bokeh._disc import KERNEL, PART, F, U, fold
from dofsim.bokeh._lights import LIGHT_LEVEL, brightness, is_light

FIRST_LEVEL = 2
"""Finest level of the pyramid."""

_SIDE = 1 << FIRST_LEVEL
_NONE = 1e30


@njit(**PART)
def cell_mean(rgb, coc, cells, start, columns, level, j, i):  # type: ignore[no-untyped-def]
    """Mean (red, green, blue, coc) of cell (j, i) of a level >= 1; ``start``: its first cell, ``columns`` in a row."""
    if level >= FIRST_LEVEL:
        at = U((start + j * columns + i) * 4)
        return cells[at], cells[at + U(1)], cells[at + U(2)], cells[at + U(3)]
    height, width, _ = rgb.shape
    y0, y1 = U(fold(2 * j, height)), U(fold(2 * j + 1, height))
    x0, x1 = U(fold(2 * i, width)), U(fold(2 * i + 1, width))
    quarter = F(0.25)
    return (
        quarter * (rgb[y0, x0, 0] + rgb[y0, x1, 0] + rgb[y1, x0, 0] + rgb[y1, x1, 0]),
        quarter * (rgb[y0, x0, 1] + rgb[y0, x1, 1] + rgb[y1, x0, 1] + rgb[y1, x1, 1]),
        quarter * (rgb[y0, x0, 2] + rgb[y0, x1, 2] + rgb[y1, x0, 2] + rgb[y1, x1, 2]),
        quarter * (coc[y0, x0] + coc[y0, x1] + coc[y1, x0] + coc[y1, x1]),
    )


@njit(**KERNEL)
def survey_rows(rgb, coc, first, last, padded_width, cell, cells, spans):  # type: ignore[no-untyped-def]
    """Fill rows ``first .. last`` of the pyramid's finest level, and the ranges of the cells of ``cell`` px in them."""
    height, width, _ = rgb.shape
    columns = padded_width // _SIDE
    share = F(1.0 / (_SIDE * _SIDE))
    for j in range(first, last):
        for i in range(columns):
            inside = (j + 1) * _SIDE <= height and (i + 1) * _SIDE <= width
            red, green, blue, total = F(0), F(0), F(0), F(0)
            for top in range(j * _SIDE, (j + 1) * _SIDE, cell):
                for left in range(i * _SIDE, (i + 1) * _SIDE, cell):
                    low, high, brightest = F(_NONE), F(-_NONE), F(0)
                    for yy in range(top, top + cell):
                        y = U(yy if inside else fold(yy, height))
                        for xx in range(left, left + cell):
                            x = U(xx if inside else fold(xx, width))
                            c = coc[y, x]
                            r, g, b = rgb[y, x, 0], rgb[y, x, 1], rgb[y, x, 2]
                            low, high = min(low, c), max(high, c)
                            brightest = max(brightest, r, g, b)
                            red += r
                            green += g
                            blue += b
                            total += c
                    lit = F(0)
                    if brightest >= F(LIGHT_LEVEL):
                        for yy in range(top, top + cell):
                            for xx in range(left, left + cell):
                                y, x = fold(yy, height), fold(xx, width)
                                if is_light(rgb, y, x, brightness(rgb, y, x)):
                                    lit = F(1)
                    to = U(((top // cell) * (padded_width // cell) + left // cell) * 3)
                    spans[to], spans[to + U(1)], spans[to + U(2)] = low, high, lit
            at = U((j * columns + i) * 4)
            cells[at], cells[at + U(1)], cells[at + U(2)] = red * share, green * share, blue * share
            cells[at + U(3)] = total * share


@njit(**KERNEL)
def reduce_cells(cells, source, target, rows, columns):  # type: ignore[no-untyped-def]
    """Mean of 2 x 2 cells: from position ``source`` (a level of twice as many rows and columns) to ``target``."""
    for j in range(rows):
        for i in range(columns):
            a = U(source + (2 * j * 2 * columns + 2 * i) * 4)
            b = U(source + ((2 * j + 1) * 2 * columns + 2 * i) * 4)
            to = U(target + (j * columns + i) * 4)
            for k in range(4):
                lane = U(k)
                pair = U(4 + k)
                cells[to + lane] = F(0.25) * (cells[a + lane] + cells[a + pair] + cells[b + lane] + cells[b + pair])


@njit(**KERNEL)
def reduce_spans(spans, source, target, rows, columns):  # type: ignore[no-untyped-def]
    """Range of 2 x 2 ranges, positions as in :func:`reduce_cells`."""
    for j in range(rows):
        for i in range(columns):
            a = U(source + (2 * j * 2 * columns + 2 * i) * 3)
            b = U(source + ((2 * j + 1) * 2 * columns + 2 * i) * 3)
            to = U(target + (j * columns + i) * 3)
            spans[to] = min(spans[a], spans[a + U(3)], spans[b], spans[b + U(3)])
            spans[to + U(1)] = max(spans[a + U(1)], spans[a + U(4)], spans[b + U(1)], spans[b + U(4)])
            spans[to + U(2)] = max(spans[a + U(2)], spans[a + U(5)], spans[b + U(2)], spans[b + U(5)])
