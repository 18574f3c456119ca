"""A first look at the picture: means and ranges of its squares, from which everything else decides what to do.

Means: red, green, blue and coc of every 2^g x 2^g square, from level g = 2 on, and of the cells of edges if these are
smaller. Ranges: lowest and highest coc, px, and 1 if there is a light, from the level of the cells on. Coarser levels
are made of these, see ``tiles``.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from numba import njit

from dofsim._kept import kept
from dofsim.bokeh._disc import BLUE, GREEN, KERNEL, ONE, PART, ZERO, F, U, border_mix, fold
from dofsim.bokeh._lights import is_light
from dofsim.bokeh.plan import LIGHT_LEVEL

FIRST_LEVEL = 2
"""Finest level of the pyramid."""

_SIDE = 1 << FIRST_LEVEL
_NONE = 1e30

_CHUNK = 256
"""Columns that are looked at together, px; a multiple of ``_SIDE``."""


def survey_room() -> npt.NDArray[np.float32]:
    """``room`` of :func:`survey_rows`."""
    return np.empty(6 * _CHUNK, np.float32)


@kept(**KERNEL)
def survey_rows(rgb, coc, colours, first, last, cell, squares, cells, spans, room):  # type: ignore[no-untyped-def]
    """Fill rows ``first .. last`` of level FIRST_LEVEL of the means, and means and ranges of the cells in them.

    ``colours``: ``rgb``, flat; ``squares``: float32 (rows, columns, 4); ``cells``, ``spans``: float32 (rows, columns,
    4) and (rows, columns, 3), of the cells of ``cell`` px; ``cells`` is left alone if ``squares`` are as small.
    """
    height, width, _ = rgb.shape
    columns = squares.shape[1]
    whole = width // _SIDE
    for j in range(first, last):
        begun = 0
        if (j + 1) * _SIDE <= height:
            begun = whole
            for x in range(0, whole * _SIDE, _CHUNK):
                wide = min(_CHUNK, whole * _SIDE - x)
                for top in range(j * _SIDE, (j + 1) * _SIDE, cell):
                    _inside(rgb, coc, colours, top, x, wide, cell, squares, cells, spans, room)
        for i in range(begun, columns):
            _beyond(rgb, coc, j, i, cell, squares, cells, spans)


@njit(**PART)
def _inside(rgb, coc, colours, top, x, wide, cell, squares, cells, spans, room):  # type: ignore[no-untyped-def]
    """Cells of ``wide`` columns from x on, and what they add to the squares: first down the rows, then along them."""
    width = coc.shape[1]
    many = U(3 * wide)
    lows, highs, totals = U(3 * _CHUNK), U(4 * _CHUNK), U(5 * _CHUNK)
    bright = 0  # LLVM makes vectors of a count, not of a maximum
    for n in range(cell):
        at = U(((top + n) * width + x) * 3)
        y = U(top + n)
        if n == 0:
            for k in range(many):
                room[k] = colours[at + k]
                bright += colours[at + k] >= F(LIGHT_LEVEL)
            for k in range(U(wide)):
                c = coc[y, U(x) + k]
                room[lows + k], room[highs + k], room[totals + k] = c, c, c
        else:
            for k in range(many):
                room[k] += colours[at + k]
                bright += colours[at + k] >= F(LIGHT_LEVEL)
            for k in range(U(wide)):
                c = coc[y, U(x) + k]
                room[lows + k], room[highs + k] = min(room[lows + k], c), max(room[highs + k], c)
                room[totals + k] += c
    share, part = F(1.0 / (_SIDE * _SIDE)), ONE / F(cell * cell)
    b = top // cell
    for a in range(x // cell, (x + wide) // cell):
        m, p = U(a * cell - x), U(3 * (a * cell - x))
        low, high = room[lows + m], room[highs + m]
        red, green, blue, total = room[p], room[p + GREEN], room[p + BLUE], room[totals + m]
        for _ in range(1, cell):
            m += U(1)
            p += U(3)
            low, high = min(low, room[lows + m]), max(high, room[highs + m])
            red += room[p]
            green += room[p + GREEN]
            blue += room[p + BLUE]
            total += room[totals + m]
        spans[b, a, 0], spans[b, a, 1], spans[b, a, 2] = low, high, ZERO
        if bright > 0:
            spans[b, a, 2] = _lit(rgb, top, a * cell, cell)
        j, i = top // _SIDE, a * cell // _SIDE
        if cell < _SIDE:
            cells[b, a, 0], cells[b, a, 1] = red * part, green * part
            cells[b, a, 2], cells[b, a, 3] = blue * part, total * part
            if top % _SIDE == 0 and a * cell % _SIDE == 0:
                squares[j, i, 0], squares[j, i, 1], squares[j, i, 2], squares[j, i, 3] = ZERO, ZERO, ZERO, ZERO
            squares[j, i, 0] += red * share
            squares[j, i, 1] += green * share
            squares[j, i, 2] += blue * share
            squares[j, i, 3] += total * share
        else:
            squares[j, i, 0], squares[j, i, 1] = red * share, green * share
            squares[j, i, 2], squares[j, i, 3] = blue * share, total * share


@njit(**PART)
def _lit(rgb, top, left, cell):  # type: ignore[no-untyped-def]
    """1 if there is a light in a cell, or in what of it lies in the picture; 0 if not."""
    lit = ZERO
    for y in range(top, min(top + cell, rgb.shape[0])):
        for x in range(left, min(left + cell, rgb.shape[1])):
            lit = max(lit, F(is_light(rgb, y, x)))
    return lit


@njit(**PART)
def _beyond(rgb, coc, j, i, cell, squares, cells, spans):  # type: ignore[no-untyped-def]
    """One square that reaches beyond the picture, and its cells."""
    height, width = coc.shape
    share, part = F(1.0 / (_SIDE * _SIDE)), ONE / F(cell * cell)
    all_red, all_green, all_blue, all_coc = ZERO, ZERO, ZERO, ZERO
    for top in range(j * _SIDE, (j + 1) * _SIDE, cell):
        for left in range(i * _SIDE, (i + 1) * _SIDE, cell):
            low, high = F(_NONE), F(-_NONE)
            red, green, blue, total = ZERO, ZERO, ZERO, ZERO
            for yy in range(top, top + cell):
                y = U(fold(yy, height))
                for xx in range(left, left + cell):
                    x = U(fold(xx, width))
                    c = coc[y, x]
                    r, g, b = border_mix(rgb, coc, yy, xx, rgb[y, x, 0], rgb[y, x, 1], rgb[y, x, 2])
                    low, high = min(low, c), max(high, c)
                    red += r
                    green += g
                    blue += b
                    total += c
            b, a = top // cell, left // cell
            spans[b, a, 0], spans[b, a, 1], spans[b, a, 2] = low, high, _lit(rgb, top, left, cell)
            if cell < _SIDE:
                cells[b, a, 0], cells[b, a, 1] = red * part, green * part
                cells[b, a, 2], cells[b, a, 3] = blue * part, total * part
            all_red += red
            all_green += green
            all_blue += blue
            all_coc += total
    squares[j, i, 0], squares[j, i, 1] = all_red * share, all_green * share
    squares[j, i, 2], squares[j, i, 3] = all_blue * share, all_coc * share
