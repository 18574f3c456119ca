"""A first look at the picture: means and ranges of its squares, from which everything else decides what to do.

Means: red, green, blue and coc of every 2^g x 2^g square, from level g = 2 on, and of the cells of edges if these are
smaller. Ranges: lowest and highest coc, px, and 1 if there is a light, from the level of the cells on. Coarser levels
are made of these, see ``tiles``.
"""

from __future__ import annotations

from dofsim._kept import kept
from dofsim.bokeh._disc import KERNEL, ONE, ZERO, F, U, border_mix, fold
from dofsim.bokeh._lights import is_light
from dofsim.bokeh.plan import LIGHT_LEVEL

FIRST_LEVEL = 2
"""Finest level of the pyramid."""

_SIDE = 1 << FIRST_LEVEL
_NONE = 1e30


@kept(**KERNEL)
def survey_rows(rgb, coc, first, last, cell, squares, cells, spans):  # type: ignore[no-untyped-def]
    """Fill rows ``first .. last`` of level FIRST_LEVEL of the means, and means and ranges of the cells in them.

    ``squares``: float32 (rows, columns, 4); ``cells``, ``spans``: float32 (rows, columns, 4) and (rows, columns, 3), of
    the cells of ``cell`` px; ``cells`` is left alone if ``squares`` are as small.
    """
    height, width, _ = rgb.shape
    columns = squares.shape[1]
    share, cell_share = F(1.0 / (_SIDE * _SIDE)), ONE / F(cell * cell)
    for j in range(first, last):
        for i in range(columns):
            inside = (j + 1) * _SIDE <= height and (i + 1) * _SIDE <= width
            all_red, all_green, all_blue, all_coc = ZERO, ZERO, ZERO, ZERO
            for top in range(j * _SIDE, (j + 1) * _SIDE, cell):
                for left in range(i * _SIDE, (i + 1) * _SIDE, cell):
                    low, high, brightest = F(_NONE), F(-_NONE), ZERO
                    red, green, blue, total = ZERO, ZERO, ZERO, ZERO
                    for yy in range(top, top + cell):
                        y = U(yy if inside else fold(yy, height))
                        for xx in range(left, left + cell):
                            x = U(xx if inside else fold(xx, width))
                            c = coc[y, x]
                            r, g, b = rgb[y, x, 0], rgb[y, x, 1], rgb[y, x, 2]
                            if not inside:
                                r, g, b = border_mix(rgb, coc, yy, xx, r, g, b)
                            low, high = min(low, c), max(high, c)
                            brightest = max(brightest, r, g, b)
                            red += r
                            green += g
                            blue += b
                            total += c
                    lit = ZERO
                    if brightest >= F(LIGHT_LEVEL):
                        for yy in range(top, min(top + cell, height)):
                            for xx in range(left, min(left + cell, width)):
                                lit = max(lit, F(is_light(rgb, yy, xx)))
                    b, a = top // cell, left // cell
                    spans[b, a, 0], spans[b, a, 1], spans[b, a, 2] = low, high, lit
                    if cell < _SIDE:
                        cells[b, a, 0], cells[b, a, 1] = red * cell_share, green * cell_share
                        cells[b, a, 2], cells[b, a, 3] = blue * cell_share, total * cell_share
                    all_red += red
                    all_green += green
                    all_blue += blue
                    all_coc += total
            squares[j, i, 0], squares[j, i, 1] = all_red * share, all_green * share
            squares[j, i, 2], squares[j, i, 3] = all_blue * share, all_coc * share
