"""Gathering: the mean under a disc around every pixel, from sums along the rows.

Sums along the row (prefix) turn a disc into one difference per row, exact for fractional radii.
"""

from __future__ import annotations

from numba import njit

from dofsim._kept import kept
from dofsim.bokeh._disc import BLUE, GREEN, HALF, KERNEL, PART, ZERO, F, U
from dofsim.bokeh._shape import list_spans
from dofsim.bokeh._simd import (
    EIGHT,
    SIXTEEN,
    gather_eight,
    gather_sixteen,
    gather_spans_eight,
    gather_spans_sixteen,
)
from dofsim.bokeh.plan import GATHER_RIM, IN_FOCUS_RADIUS, LARGEST_GATHERED
from dofsim.bokeh.spans import RADIUS_STEPS

_ALIKE = 0.25
"""Neighbours whose radii differ by less than this, px, are gathered together: two steps of the span table."""

_ALIKE_SHARE = 0.06
"""The same for large radii, as a share of the radius."""

_STRIP = 32
"""Cells that are gathered together, so few that what their discs reach stays in the cache from row to row."""


@njit(**PART)
def _count_alike(coc, at, most):  # type: ignore[no-untyped-def]
    """How many of the ``most`` radii from position ``at`` on are alike, and the middle of their range."""
    if most == SIXTEEN:
        # On a slope it is the mean of the ends; and LLVM makes vectors of a count, not of a range.
        middle = HALF * (abs(coc[U(at)]) + abs(coc[U(at + SIXTEEN - 1)]))
        allowed = HALF * max(F(_ALIKE), F(_ALIKE_SHARE) * middle)
        other = 0
        for k in range(SIXTEEN):
            other += abs(abs(coc[U(at + k)]) - middle) > allowed
        if other == 0:
            return most, middle
    low = high = abs(coc[U(at)])
    n = 1
    while n < most:
        radius = abs(coc[U(at + n)])
        lower, higher = min(low, radius), max(high, radius)
        if higher - lower > max(F(_ALIKE), F(_ALIKE_SHARE) * higher):
            break
        low, high = lower, higher
        n += 1
    return n, HALF * (low + high)


@kept(**KERNEL)
def gather_runs(  # type: ignore[no-untyped-def]
    source, at, stride, rows, columns, coc, coc_at, coc_stride, halo, runs, table, shape, y0, x0, side, prefix, spare,
    places, weights, target, to, target_stride,
):  # fmt: skip
    """Gather rectangles of a picture.

    ``source``: flat, 3 floats a pixel; ``at``: position of the first pixel of the part that is looked at, ``rows`` x
    ``columns`` px, ``stride`` floats a row; ``coc``: flat, of the pixels that are not in its ``halo``, px, from
    position ``coc_at`` on, ``coc_stride`` a row; ``runs``: int64 (n, 4), rectangles of these as first and last row,
    first and last column (last ones exclusive); ``y0``, ``x0``, ``side``: place of the first of these in the picture,
    and the size of each, px of that; ``prefix``: room for rows x (columns + 1) x 3 floats, ``spare`` for 3 SIXTEEN,
    ``places`` and ``weights`` for the spans of an aperture; ``target``: flat, gets the pixel (0, 0) of these at
    position ``to``, ``target_stride`` floats a row.
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
        # The discs of pixels are small; and what is written to the picture goes out best by long rows.
        strip = _STRIP if side > 1 else runs[n, 3] - runs[n, 2]
        for left in range(runs[n, 2], runs[n, 3], strip):
            right = min(left + strip, runs[n, 3])
            for y in range(runs[n, 0], runs[n, 1]):
                x = left
                while x < right:
                    radius_at = coc_at + y * coc_stride + x
                    alike, middle = _count_alike(coc, radius_at, min(SIXTEEN, right - x))
                    reach = min(max(middle, F(IN_FOCUS_RADIUS)), most)
                    centre = (y + halo) * wide + (x + halo) * 3
                    straight = alike in (EIGHT, SIXTEEN)
                    out, place = (target, to + y * target_stride + x * 3) if straight else (spare, 0)
                    if shape is None:
                        i = int(reach * F(RADIUS_STEPS) + HALF)
                        entry, count = i * table.length, table.rows[i]
                        begin, first, second = table.begin, table.first, table.second
                        if alike > EIGHT:
                            gather_sixteen(prefix, centre, wide, begin, first, second, entry, count, out, place)
                        else:
                            gather_eight(prefix, centre, wide, begin, first, second, entry, count, out, place)
                    else:
                        at_y, at_x = y0 + y * side, x0 + x * side
                        listed = list_spans(shape, wide, coc[U(radius_at)], reach, at_y, at_x, listed, places, weights)
                        if alike > EIGHT:
                            gather_spans_sixteen(prefix, centre, places[1:], weights, places[0], out, place)
                        else:
                            gather_spans_eight(prefix, centre, places[1:], weights, places[0], out, place)
                    if not straight:
                        for k in range(3 * alike):
                            target[U(to + y * target_stride + x * 3 + k)] = spare[U(k)]
                    x += alike
