"""Colours of the hidden surfaces, told from what is seen of the same surfaces around.

What lies behind a near surface nobody knows; the best guess is the mean of what could be there. Close to the edge that
is what is seen at the edge, farther in the mean over a wider part of the same surface, for a pattern that goes on at
random averages out. But lines go on straight: where the surface has a direction, the mean is taken along it, as in
coherence transport (Bornemann and Maerz 2007), with the structure tensor of Foerstner and Guelch (1987).
"""

from __future__ import annotations

import numpy as np
from numba import njit

from dofsim._kept import kept
from dofsim.bokeh._disc import HALF, KERNEL, ONE, PART, TWO, ZERO, F
from dofsim.bokeh._edges import FAR
from dofsim.bokeh.plan import LIGHT_LEVEL

_SPREAD = 0.5
"""Standard deviation of a mean beyond the distance to the edge, as a share of that distance."""

_CUT = 2.5
"""Standard deviations after which the mean ends."""

_ALONG = 8.0
"""How much more strongly a mean keeps to the direction of a pattern the clearer that is."""

_LITTLE = 0.02
"""Weight of the colour that was carried here from the edge; that of a cell at the edge is 1."""

_DEEP = 4.0
"""Cells from the edge from which on one colour does for 2 x 2 cells: a mean of many, seen through large discs only."""


@kept(**KERNEL)
def find_slopes(cells, spans, jump, first, last, slopes):  # type: ignore[no-untyped-def]
    """Where the cells of rows ``first .. last`` show one surface, and how its brightness changes there.

    ``cells``: float32 (rows, columns, 4), colour and coc; ``spans``: float32 (rows, columns, 3), lowest and highest
    coc, and 1 where there is a light; ``jump``: where the coc changes by more there are two surfaces. ``slopes``:
    float32 (rows, columns, 3), gets 1 for one surface without a light, else 0; slopes down and to the right of the root
    of the light, in which an edge among bright things is no stronger than among dark ones; 0 beside other surfaces and
    at the border.
    """
    rows, columns, _ = slopes.shape
    # Of the rows above and below too, into which another thread writes the same.
    for y in range(max(first - 1, 0), min(last + 1, rows)):
        for x in range(columns):
            brightest = max(cells[y, x, 0], cells[y, x, 1], cells[y, x, 2])
            plain = spans[y, x, 1] - spans[y, x, 0] <= jump and spans[y, x, 2] == ZERO and brightest < F(LIGHT_LEVEL)
            slopes[y, x, 0] = F(plain)
    for y in range(first, last):
        for x in range(columns):
            slopes[y, x, 1], slopes[y, x, 2] = ZERO, ZERO
            if slopes[y, x, 0] == ZERO:
                continue
            for axis in range(2):
                v, u = 1 - axis, axis
                above, below, before, after = y - v, y + v, x - u, x + u
                if above < 0 or below >= rows or before < 0 or after >= columns:
                    continue
                if slopes[above, before, 0] * slopes[below, after, 0] == ZERO:
                    continue
                if abs(cells[below, after, 3] - cells[above, before, 3]) <= jump:
                    low = cells[above, before, 0] + cells[above, before, 1] + cells[above, before, 2]
                    high = cells[below, after, 0] + cells[below, after, 1] + cells[below, after, 2]
                    slopes[y, x, 1 + axis] = np.sqrt(max(high, ZERO)) - np.sqrt(max(low, ZERO))


@njit(**PART)
def _is_deep(far, distance, jump, y, x):  # type: ignore[no-untyped-def]
    """Whether the 2 x 2 cells from (y, x) on are of one hidden surface and far enough from its edge."""
    if y + 1 >= far.shape[0] or x + 1 >= far.shape[1]:
        return False
    for j in range(y, y + 2):
        for i in range(x, x + 2):
            away = distance[j, i]
            if not F(_DEEP) < away < F(FAR) or abs(far[j, i] - far[y, x]) > jump:
                return False
    return True


@kept(**KERNEL)
def fill(cells, slopes, far, distance, colour, jump, places, looks, first, last):  # type: ignore[no-untyped-def]
    """Replace the colours that were carried to the hidden cells number ``first .. last`` of those listed.

    ``cells``: float32 (rows, columns, 4), colour and coc of what is seen; ``slopes``: see :func:`find_slopes`, with how
    much a cell counts, 0..1, in place of 1; ``places``: int64 (n, 2), row and column; ``far``, ``distance``,
    ``colour``: what was carried there (see ``_hidden``); ``looks``: how many places are looked at on either side, at
    most, and how many cells away.
    """
    rows, columns = far.shape
    most, farthest = looks
    for n in range(first, last):
        y, x = places[n, 0], places[n, 1]
        side = 2 if _is_deep(far, distance, jump, y & ~1, x & ~1) else 1
        if (y | x) & (side - 1) != 0:
            continue
        away, c = distance[y, x], far[y, x]
        spread = F(_SPREAD) * away
        reach = int(min(away + F(_CUT) * spread + ONE, F(farthest)))
        step = max(1, reach // most)
        slack = jump * (ONE + F(0.1) * abs(c))
        down, both, right = ZERO, ZERO, ZERO
        normal_y, normal_x, strictness = ZERO, ZERO, ZERO
        red, green, blue, total = ZERO, ZERO, ZERO, ZERO
        for turn in range(2):
            if turn == 1:
                strength = down + right
                if strength > F(1e-12):
                    clear = np.sqrt((down - right) ** 2 + F(4) * both * both) / strength
                    angle = HALF * np.arctan2(TWO * both, right - down)
                    normal_y, normal_x = np.sin(angle), np.cos(angle)
                    strictness = F(_ALONG) * clear**3 / (F(1.001) - clear)
            for v in range(-reach, reach + 1, step):
                j = y + v
                if j < 0 or j >= rows:
                    continue
                for u in range(-reach, reach + 1, step):
                    i = x + u
                    if i < 0 or i >= columns or slopes[j, i, 0] == ZERO or abs(cells[j, i, 3] - c) > slack:
                        continue
                    length = np.sqrt(F(v * v + u * u))
                    if length > F(reach):
                        continue
                    off = max(length - away, ZERO) / spread
                    if turn == 0:
                        weight = slopes[j, i, 0] * np.exp(-HALF * off * off)
                        down += weight * slopes[j, i, 1] ** 2
                        right += weight * slopes[j, i, 2] ** 2
                        both += weight * slopes[j, i, 1] * slopes[j, i, 2]
                    else:
                        across = (F(v) * normal_y + F(u) * normal_x) / away
                        weight = slopes[j, i, 0] * np.exp(-HALF * (off * off + strictness * across * across))
                        red += weight * cells[j, i, 0]
                        green += weight * cells[j, i, 1]
                        blue += weight * cells[j, i, 2]
                        total += weight
        little = F(_LITTLE) / F(step * step)
        share = ONE / (total + little)
        red = (red + little * colour[y, x, 0]) * share
        green = (green + little * colour[y, x, 1]) * share
        blue = (blue + little * colour[y, x, 2]) * share
        for j in range(y, y + side):
            for i in range(x, x + side):
                colour[j, i, 0], colour[j, i, 1], colour[j, i, 2] = red, green, blue
