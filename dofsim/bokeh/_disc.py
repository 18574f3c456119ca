"""Drawing discs: the innermost pieces of the kernels.

Accumulators are flat float32 arrays of (red, green, blue, coverage) quadruples that hold differences along the row.
Positions into them are unsigned, so that Numba does not test for negative indices in the inner loop.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from dofsim.bokeh._simd import put
from dofsim.bokeh.spans import PHASES, RADIUS_STEPS, SMALLEST_RADIUS

F = np.float32
U = np.uint64

PART: dict[str, Any] = {"nogil": True, "fastmath": True, "error_model": "numpy"}
"""Options of the parts of kernels that LLVM may inline: no GIL (bands run in threads), sums may be reordered."""

KERNEL: dict[str, Any] = {**PART, "cache": True, "no_cfunc_wrapper": True}
"""Options of every kernel: kept on disk, and without a wrapper that only C would call (it takes long to compile)."""


@njit(inline="always")
def fold(index, size):  # type: ignore[no-untyped-def]
    """Index of the pixel that a reflecting border shows at ``index``."""
    index = index % (2 * size)
    return index if index < size else 2 * size - 1 - index


@njit(inline="always")
def luminance(rgb, y, x):  # type: ignore[no-untyped-def]
    """Largest channel of a pixel: what decides whether it is a light."""
    return max(rgb[y, x, 0], rgb[y, x, 1], rgb[y, x, 2])


@njit(inline="always")
def centred_row(acc, at, start, first, second, red, green, blue, weight):  # type: ignore[no-untyped-def]
    """Add one row of a disc whose centre is the middle of the pixel at ``at``: symmetric, from the table."""
    left = U(at + start)
    right = U(at - start)
    put(acc, left, red, green, blue, weight, first)
    put(acc, left + U(4), red, green, blue, weight, second)
    put(acc, right, red, green, blue, weight, -second)
    put(acc, right + U(4), red, green, blue, weight, -first)


@njit(inline="always")
def span(acc, row, left, right, red, green, blue, weight):  # type: ignore[no-untyped-def]
    """Add a span from ``left`` to ``right`` (px from the row's first pixel edge, fractional, >= 0) to a row."""
    first = int(left)
    last = int(right)
    a = left - F(first)
    b = right - F(last)
    p = U(row + first * 4)
    put(acc, p, red, green, blue, weight, F(1) - a)
    put(acc, p + U(4), red, green, blue, weight, a)
    p = U(row + last * 4)
    put(acc, p, red, green, blue, weight, b - F(1))
    put(acc, p + U(4), red, green, blue, weight, -b)


@njit(inline="always")
def add_disc(acc, tile, stride, y, x, radius, red, green, blue, weight, table):  # type: ignore[no-untyped-def]
    """Add a disc of total coverage ``weight`` and radiance (red, green, blue) to a tile.

    ``y``, ``x``: centre in px of the tile, 0 = middle of its first pixel, far enough inside for the radius.
    """
    i = int(radius * F(RADIUS_STEPS) + F(0.5))
    exact = max(F(i) / F(RADIUS_STEPS), F(SMALLEST_RADIUS))
    share = weight / (F(np.pi) * exact * exact)
    red *= share
    green *= share
    blue *= share
    row = int(np.floor(y))
    phase = int((y - F(row)) * F(PHASES) + F(0.5))
    if phase == PHASES:
        row += 1
        phase = 0
    centred = phase == 0 and x == np.floor(x)
    centre = x + F(0.5)
    n = table.rows[i] if centred else int(exact + F(1.5))
    for d in range(-n, n + 1):
        at = tile + (row + d) * stride
        if centred:
            k = abs(d)
            start = table.start[i, k] * 4
            centred_row(acc, at + int(x) * 4, start, table.first[i, k], table.second[i, k], red, green, blue, share)
            continue
        half = table.half_width[i, phase, table.reach + d]
        if half > F(0):
            h = table.height[i, phase, table.reach + d]
            span(acc, at, centre - half, centre + half, red * h, green * h, blue * h, share * h)


@njit(**KERNEL)
def sum_row(acc, at, columns, before, after, out):  # type: ignore[no-untyped-def]
    """Turn a row of differences into sums, with its margins reflected into ``out`` (columns x 4 floats).

    ``before``, ``after``: px of margin at either end, ``at``: position of the first of them. The running sums are
    float64: in float32 they drift by 2e-3 on a wide row with bright lights.
    """
    red = 0.0
    green = 0.0
    blue = 0.0
    weight = 0.0
    outside = np.empty((before, 4), np.float32)
    for x in range(before):
        p = U(at + x * 4)
        red += acc[p]
        green += acc[p + U(1)]
        blue += acc[p + U(2)]
        weight += acc[p + U(3)]
        outside[x, 0] = red
        outside[x, 1] = green
        outside[x, 2] = blue
        outside[x, 3] = weight
    for x in range(columns):
        p = U(at + (x + before) * 4)
        red += acc[p]
        green += acc[p + U(1)]
        blue += acc[p + U(2)]
        weight += acc[p + U(3)]
        q = U(x * 4)
        out[q] = red
        out[q + U(1)] = green
        out[q + U(2)] = blue
        out[q + U(3)] = weight
    for x in range(before):
        to = fold(x - before, columns) * 4
        for k in range(4):
            out[to + k] += outside[x, k]
    for x in range(columns, columns + after):
        p = U(at + (x + before) * 4)
        red += acc[p]
        green += acc[p + U(1)]
        blue += acc[p + U(2)]
        weight += acc[p + U(3)]
        to = fold(x, columns) * 4
        out[to] += red
        out[to + 1] += green
        out[to + 2] += blue
        out[to + 3] += weight
