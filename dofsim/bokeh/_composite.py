"""From differences to composited layers: sums, and the cascade from coarse to fine.

Layers are composited by saturation: one with coverage A takes ``min(A, what is left of 1)``. Sources of one surface
that fell into several layers thus add up without seams (alpha-over would let the rear shine through), and a full front
hides what is behind it.

A level's accumulator has MARGIN cells around it. ``touched`` says, per patch and margins included, where discs were
drawn, ``live``, without margins, where something is to be seen, ``wanted`` where anybody will look.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit

from dofsim._kept import kept
from dofsim.bokeh._disc import BLUE, COVER, GREEN, KERNEL, MOST, ONE, PART, QUARTER, TWO, ZERO, F, U
from dofsim.bokeh._simd import mix
from dofsim.bokeh.plan import BACK, FINE_RADIUS, FRONT, MARGIN, PATCH

_LEAST = 1e-9
"""What coverage is divided by at least. A light of one pixel covers 1 / (pi r^2): less than 1e-4 from 57 px on."""


@njit(**PART)
def _sum_row(acc, row, stride, touched, columns, out, active):  # type: ignore[no-untyped-def]
    """Sum one row of differences, margins left out, into ``out``; mark the patches that hold something.

    Every disc begins and ends in patches that it has touched, so the sums are 0 in front of any other. They are
    float64: in float32 they drift by 2e-3 on a wide row with bright lights.
    """
    for i in range(active.shape[0]):
        active[i] = 0
    for i in range(columns * 4):
        out[U(i)] = ZERO
    red, green, blue, weight = 0.0, 0.0, 0.0, 0.0
    for i in range(touched.shape[1]):
        if touched[row // PATCH, i] == 0:
            red, green, blue, weight = 0.0, 0.0, 0.0, 0.0
            continue
        for x in range(i * PATCH, min((i + 1) * PATCH, columns + 2 * MARGIN)):
            p = U(row * stride + x * 4)
            red += acc[p]
            green += acc[p + GREEN]
            blue += acc[p + BLUE]
            weight += acc[p + COVER]
            to = x - MARGIN
            if 0 <= to < columns:
                active[to // PATCH] = 1
                q = U(to * 4)
                out[q], out[q + GREEN], out[q + BLUE], out[q + COVER] = red, green, blue, weight


@njit(**PART)
def is_live(live, rows, columns, y, first, last):  # type: ignore[no-untyped-def]
    """Whether the x2 enlargement of a level of ``rows`` x ``columns`` shows anything in columns ``first .. last``."""
    if live.shape[0] == 0:
        return False
    upper, lower = max(((y + 1) >> 1) - 1, 0) // PATCH, min((y + 1) >> 1, rows - 1) // PATCH
    for i in range(max((first >> 1) - 1, 0) // PATCH, min((last + 1) >> 1, columns - 1) // PATCH + 1):
        if live[upper, i] != 0 or live[lower, i] != 0:
            return True
    return False


@njit(**PART)
def enlarge_row(acc, rows, columns, y, first, last, line, out, at):  # type: ignore[no-untyped-def]
    """Columns ``first .. last`` (both even) of row ``y`` of the bilinear x2 enlargement of a composited level.

    ``out`` gets 4 floats a column, from position ``at`` on; ``line``: room for half as many columns and two more.
    """
    lower = (y + 1) >> 1
    upper = max(lower - 1, 0)
    lower = min(lower, rows - 1)
    below = QUARTER if (y & 1) == 1 else MOST
    stride = (columns + 2 * MARGIN + 2) * 4
    a = (upper + MARGIN) * stride + MARGIN * 4
    b = (lower + MARGIN) * stride + MARGIN * 4
    begin, count = first >> 1, (last - first) >> 1
    for i in range(count + 2):
        x = min(max(begin + i - 1, 0), columns - 1) * 4
        mix(line, U(i * 4), acc, U(a + x), ONE - below, acc, U(b + x), below)
    for i in range(count):
        middle = U(i * 4 + 4)
        mix(out, U(at + i * 8), line, middle, MOST, line, middle - U(4), QUARTER)
        mix(out, U(at + i * 8 + 4), line, middle, MOST, line, middle + U(4), QUARTER)


def cascade_room(columns: int, patches: int) -> tuple[npt.NDArray[Any], ...]:
    """``room`` of :func:`cascade_rows` for rows of so many cells and patches."""
    lines = (np.empty(size * 4, np.float32) for size in (columns, PATCH, PATCH // 2 + 2))
    return *lines, np.empty(patches, np.int64)


@kept(**KERNEL)
def cascade_rows(  # type: ignore[no-untyped-def]
    coc, opening, cell, group, level, rows, columns, acc, touched, wanted, live, coarser, coarser_live, first, last,
    room,
):  # fmt: skip
    """Composite rows ``first .. last`` (multiples of PATCH) of one level of a group with the coarser levels, in place.

    ``coarser``, ``coarser_live``: the next level, composited already; empty at the top. ``room``: of ``cascade_room``.

    Behind a pixel whose own surface is more than an octave nearer than the coarser levels, these show only through
    an opening (see ``_edges``).
    """
    stride = (columns + 2 * MARGIN + 2) * 4
    own, wide, line, active = room
    for i in range(PATCH * 4):
        wide[i] = ZERO
    height, width = coc.shape
    for y in range(first, last):
        looked_at = False
        for patch in range(wanted.shape[1]):
            looked_at = looked_at or wanted[y // PATCH, patch] != 0
        if not looked_at:
            continue
        _sum_row(acc, y + MARGIN, stride, touched, columns, own, active)
        for patch in range(wanted.shape[1]):
            x0, x1 = patch * PATCH, min((patch + 1) * PATCH, columns)
            has_own = active[patch] != 0
            has_coarse = wanted[y // PATCH, patch] != 0 and is_live(coarser_live, rows >> 1, columns >> 1, y, x0, x1)
            if wanted[y // PATCH, patch] == 0 or not (has_own or has_coarse):
                continue
            live[y // PATCH, patch] = 1
            if has_coarse:
                enlarge_row(coarser, rows >> 1, columns >> 1, y, x0, (x1 + 1) & ~1, line, wide, 0)
            for x in range(x0, x1):
                near, far = ONE, ONE
                q, w = U(x * 4), U((x - x0) * 4)
                coverage = max(own[q + COVER], ZERO)
                beyond = max(wide[w + COVER], ZERO) if has_coarse else ZERO
                if has_own and group == FRONT:
                    near = min(max(ONE - beyond, ZERO), coverage) / max(coverage, F(_LEAST))
                elif has_own and group == BACK:
                    taken = min(coverage, ONE)
                    near = taken / max(coverage, F(_LEAST))
                    far = min(ONE - taken, beyond) / max(beyond, F(_LEAST))
                    if has_coarse:
                        ys = min(((2 * y + 1) << level) >> 1, height - 1)
                        xs = min(((2 * x + 1) << level) >> 1, width - 1)
                        if TWO * coc[ys, xs] < F(FINE_RADIUS << level):
                            far *= opening[ys // cell, xs // cell]
                if not has_coarse:
                    far = ZERO
                mix(acc, U((y + MARGIN) * stride + (x + MARGIN) * 4), own, q, near, wide, w, far)
