"""Gathering: the mean under a disc around every pixel, from sums along the rows.

Sums along the row (prefix) turn a disc into one difference per row, exact for fractional radii.
"""

from __future__ import annotations

from numba import njit

from dofsim._kept import kept
from dofsim.bokeh._disc import BLUE, GREEN, HALF, KERNEL, PART, ZERO, F, U
from dofsim.bokeh._shape import list_spans
from dofsim.bokeh._simd import EIGHT, gather_eight, gather_spans
from dofsim.bokeh.plan import GATHER_RIM, IN_FOCUS_RADIUS, LARGEST_GATHERED
from dofsim.bokeh.spans import RADIUS_STEPS

_ALIKE = 0.25
"""Neighbours whose radii differ by less than this, px, are gathered together: two steps of the span table."""

_ALIKE_SHARE = 0.06
"""The same for large radii, as a share of the radius."""


@njit(**PART)
def _count_alike(coc, row, x, most):  # type: ignore[no-untyped-def]
    """How many of the ``most`` radii from (row, x) on are alike, and the middle of their range."""
    low = high = abs(coc[row, x])
    n = 1
    while n < most:
        lower, higher = min(low, abs(coc[row, x + n])), max(high, abs(coc[row, x + n]))
        if higher - lower > max(F(_ALIKE), F(_ALIKE_SHARE) * higher):
            break
        low, high = lower, higher
        n += 1
    return n, HALF * (low + high)


@kept(**KERNEL)
def gather_runs(  # type: ignore[no-untyped-def]
    source,
    at,
    stride,
    rows,
    columns,
    coc,
    halo,
    runs,
    table,
    shape,
    y0,
    x0,
    side,
    prefix,
    spare,
    places,
    weights,
    target,
    to,
    target_stride,
):
    """Gather rectangles of a picture.

    ``source``: flat, 3 floats a pixel; ``at``: position of the first pixel of the part that is looked at, ``rows`` x
    ``columns`` px, ``stride`` floats a row; ``coc``: float32 (rows - 2 halo, columns - 2 halo), of the pixels that are
    not in its ``halo``, px; ``runs``: int64 (n, 4), rectangles of these as first and last row, first and last column
    (last ones exclusive); ``y0``, ``x0``, ``side``: place of the first of these in the picture, and the size of each,
    px of that; ``prefix``: room for rows x (columns + 1) x 3 floats, ``spare`` for 3 EIGHT,
    ``places`` and ``weights`` for the spans of an aperture; ``target``: flat, gets
    the pixel (0, 0) of ``coc`` at position ``to``, ``target_stride`` floats a row.
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
    # Cells at the rim of a run may lie in another surface, of a radius for which the halo was not made.
    most = F(min(LARGEST_GATHERED, halo - GATHER_RIM))
    listed = -1
    for n in range(runs.shape[0]):
        for y in range(runs[n, 0], runs[n, 1]):
            x, last = runs[n, 2], runs[n, 3]
            while x < last:
                alike, middle = _count_alike(coc, y, x, min(EIGHT, last - x))
                reach = min(max(middle, F(IN_FOCUS_RADIUS)), most)
                centre = (y + halo) * wide + (x + halo) * 3
                out, place = target, to + y * target_stride + x * 3
                if alike < EIGHT:
                    out, place = spare, 0
                if shape is None:
                    i = int(reach * F(RADIUS_STEPS) + HALF)
                    entry, count = i * table.length, table.rows[i]
                    gather_eight(prefix, centre, wide, table.begin, table.first, table.second, entry, count, out, place)
                else:
                    at_y, at_x = y0 + y * side, x0 + x * side
                    listed = list_spans(shape, wide, coc[y, x], reach, at_y, at_x, listed, places, weights)
                    gather_spans(prefix, centre, places[1:], weights, places[0], out, place)
                if alike < EIGHT:
                    for k in range(3 * alike):
                        target[U(to + y * target_stride + x * 3 + k)] = spare[U(k)]
                x += alike
