"""Drawing discs: the innermost pieces of the kernels.

Accumulators are flat float32 arrays of (red, green, blue, coverage) quadruples that hold differences along the row.
Positions into them are unsigned, so that Numba does not test for negative indices in the inner loop.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from dofsim.bokeh._simd import put_end
from dofsim.bokeh.spans import PHASES, RADIUS_STEPS

F = np.float32
U = np.uint64

# Numba compiles a name faster than a conversion, and there are hundreds.
ZERO, QUARTER, HALF, MOST, ONE, TWO = F(0), F(0.25), F(0.5), F(0.75), F(1), F(2)
GREEN, BLUE, COVER = U(1), U(2), U(3)

KERNEL: dict[str, Any] = {"nogil": True, "fastmath": True, "error_model": "numpy", "no_cfunc_wrapper": True}
"""Options of every kernel, which is kept on disk (:func:`dofsim._kept.kept`): no GIL (rows run in threads), sums may be
reordered. A wrapper for callers from C takes long to compile and is left out."""

PART: dict[str, Any] = {**KERNEL, "no_cpython_wrapper": True, "_nrt": False}
"""Options of the parts of kernels, which only kernels can call.

Without Numba's runtime no references to arrays are counted, which takes long; the caller keeps them.
"""

INLINE: dict[str, Any] = {**PART, "forceinline": True}
"""Options of the parts that follow rays: a call for each of them took a tenth of the time."""


@njit(**PART)
def fold(index, size):  # type: ignore[no-untyped-def]
    """Index of the pixel that a reflecting border shows at ``index``."""
    if 0 <= index < size:
        return index
    index = index % (2 * size)
    return index if index < size else 2 * size - 1 - index


@njit(**PART)
def border_mix(rgb, coc, y, x, red, green, blue):  # type: ignore[no-untyped-def]
    """Colour of the pixel (y, x) outside the picture, of which (red, green, blue) is what a mirror shows.

    Half of it is that, half the nearest pixel of the border: the mean of two guesses is nearer to the truth than
    either. A light on the border (``coc`` 0, see ``lights``) is not repeated.
    """
    height, width = coc.shape
    ys, xs = min(max(y, 0), height - 1), min(max(x, 0), width - 1)
    if coc[ys, xs] == ZERO:
        return red, green, blue
    return HALF * (red + rgb[ys, xs, 0]), HALF * (green + rgb[ys, xs, 1]), HALF * (blue + rgb[ys, xs, 2])


@njit(**PART)
def radius_index(radius):  # type: ignore[no-untyped-def]
    """Row of the span table that is nearest to a radius, px, >= 0."""
    return U(max(radius * F(RADIUS_STEPS) + HALF, ONE))


@njit(**PART)
def centred_row(acc, at, start, first, second, red, green, blue, weight):  # type: ignore[no-untyped-def]
    """Add one row of a disc whose centre is the middle of the pixel at ``at``: symmetric, from the table."""
    put_end(acc, U(at + start), red, green, blue, weight, first, second)
    put_end(acc, U(at - start), red, green, blue, weight, -second, -first)


@njit(**PART)
def span(acc, row, left, right, red, green, blue, weight):  # type: ignore[no-untyped-def]
    """Add a span from ``left`` to ``right`` (px from the row's first pixel edge, fractional, >= 0) to a row."""
    begin = int(left)
    end = int(right)
    a = left - F(begin)
    b = right - F(end)
    put_end(acc, U(row + begin * 4), red, green, blue, weight, ONE - a, a)
    put_end(acc, U(row + end * 4), red, green, blue, weight, b - ONE, -b)


@njit(**PART)
def add_disc(acc, stride, y, x, radius, red, green, blue, weight, table):  # type: ignore[no-untyped-def]
    """Add a disc of total coverage ``weight`` and radiance (red, green, blue) to an accumulator.

    ``y``, ``x``: centre in px of the accumulator, 0 = middle of its first pixel, far enough inside for the radius.
    """
    i = radius_index(radius)
    exact = F(i) / F(RADIUS_STEPS)
    share = weight / (F(np.pi) * exact * exact)
    red *= share
    green *= share
    blue *= share
    row = int(np.floor(y))
    phase = int((y - F(row)) * F(PHASES) + HALF)
    if phase == PHASES:
        row += 1
        phase = 0
    if phase == 0 and x == np.floor(x):
        at = row * stride + int(x) * 4
        start, first, second = table.start[i, 0] * 4, table.first[i, 0], table.second[i, 0]
        centred_row(acc, at, start, first, second, red, green, blue, share)
        # The rows above and below have the same ends.
        for d in range(1, table.rows[i] + 1):
            k = U(d)
            start, first, second = table.start[i, k] * 4, table.first[i, k], table.second[i, k]
            centred_row(acc, at - d * stride, start, first, second, red, green, blue, share)
            centred_row(acc, at + d * stride, start, first, second, red, green, blue, share)
        return
    centre = x + HALF
    n = int(exact + F(1.5))
    for d in range(-n, n + 1):
        half = table.half_width[i, phase, table.reach + d]
        if half > ZERO:
            h = table.height[i, phase, table.reach + d]
            span(acc, (row + d) * stride, centre - half, centre + half, red * h, green * h, blue * h, share * h)
