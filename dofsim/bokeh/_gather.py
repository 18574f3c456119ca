"""Gathering: the mean under a disc around every pixel, from sums along the rows.

Sums along the row (prefix) turn a disc into one difference per row, exact for fractional radii.
"""

from __future__ import annotations

from numba import njit

from dofsim.bokeh._disc import BLUE, GREEN, HALF, KERNEL, PART, ZERO, F, U
from dofsim.bokeh._simd import EIGHT, gather_eight
from dofsim.bokeh.plan import IN_FOCUS_RADIUS, LARGEST_GATHERED
from dofsim.bokeh.spans import RADIUS_STEPS

_ALIKE = 0.25
"""Neighbours whose radii differ by less than this, px, are gathered together: two steps of the span table."""

_ALIKE_SHARE = 0.06
"""The same for large radii, as a share of the radius."""


@njit(**PART)
def _count_alike(radius, row, x, most):  # type: ignore[no-untyped-def]
    """How many of the ``most`` radii from (row, x) on are alike, and the middle of their range."""
    low = high = radius[row, x]
    n = 1
    while n < most:
        lower, higher = min(low, radius[row, x + n]), max(high, radius[row, x + n])
        if higher - lower > max(F(_ALIKE), F(_ALIKE_SHARE) * higher):
            break
        low, high = lower, higher
        n += 1
    return n, HALF * (low + high)


@njit(**KERNEL)
def gather_runs(  # type: ignore[no-untyped-def]
    source, at, stride, rows, columns, radius, halo, runs, table, prefix, spare, target, to, target_stride
):
    """Gather rectangles of a picture.

    ``source``: flat, 3 floats a pixel; ``at``: position of the first pixel of the part that is looked at, ``rows`` x
    ``columns`` px, ``stride`` floats a row; ``radius``: float32 (rows - 2 halo, columns - 2 halo), those of the pixels
    that are not in its ``halo``, px; ``runs``: int64 (n, 4), rectangles of these as first and last row, first
    and last column (last ones exclusive); ``prefix``: room for rows x (columns + 1) x 3 floats, ``spare`` for 3 EIGHT;
    ``target``: flat, gets the pixel (0, 0) of ``radius`` at position ``to``, ``target_stride`` floats a row.
    """
    wide = (columns + 1) * 3
    for j in range(rows):
        red, green, blue = ZERO, ZERO, ZERO
        p, q = U(at + j * stride), U(j * wide)
        for _ in range(columns):
            prefix[q], prefix[q + GREEN], prefix[q + BLUE] = red, green, blue
            red += source[p]
            green += source[p + GREEN]
            blue += source[p + BLUE]
            p += U(3)
            q += U(3)
        prefix[q], prefix[q + GREEN], prefix[q + BLUE] = red, green, blue
    for n in range(runs.shape[0]):
        for y in range(runs[n, 0], runs[n, 1]):
            x, last = runs[n, 2], runs[n, 3]
            while x < last:
                alike, middle = _count_alike(radius, y, x, min(EIGHT, last - x))
                i = int(min(max(middle, F(IN_FOCUS_RADIUS)), F(LARGEST_GATHERED)) * F(RADIUS_STEPS) + HALF)
                centre, entry = (y + halo) * wide + (x + halo) * 3, i * table.length
                out, place = target, to + y * target_stride + x * 3
                if alike < EIGHT:
                    out, place = spare, 0
                gather_eight(
                    prefix, centre, wide, table.begin, table.first, table.second, entry, table.rows[i], out, place
                )
                if alike < EIGHT:
                    for k in range(3 * alike):
                        target[U(to + y * target_stride + x * 3 + k)] = spare[U(k)]
                x += alike
