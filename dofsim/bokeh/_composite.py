"""From tiles of differences to composited layers: sums, reflected borders, and the cascade from coarse to fine.

Layers are composited by saturation: one with coverage A takes ``min(A, what is left of 1)``. Sources of one surface
that fell into several layers thus add up without seams (alpha-over would let the rear shine through), and a full front
hides what is behind it.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from dofsim.bokeh._disc import KERNEL, F, U, sum_row
from dofsim.bokeh.plan import BACK, FINE_RADIUS, FRONT, HIDDEN, MARGIN


@njit(inline="always")
def row_of(plan, group, level, y):  # type: ignore[no-untyped-def]
    """Position of row ``y`` of a grid: in the tile of its own band, behind the upper margin."""
    rows = plan.band_rows >> level
    tile = plan.tile_start[group, level] + (y // rows) * plan.tile_floats[level]
    return tile + (y % rows + MARGIN) * plan.stride[level]


@njit(**KERNEL)
def upsample_row(acc, plan, live, group, level, y, out):  # type: ignore[no-untyped-def]
    """Row ``y`` of the bilinear x2 enlargement of a composited level, still at half width; False where it is empty.

    ``out`` holds its columns with the first and the last repeated at the ends.
    """
    columns = plan.padded_width >> level
    rows = plan.row_start[group, level]
    lower = (y + 1) >> 1
    upper = max(lower - 1, 0)
    lower = min(lower, (plan.padded_height >> level) - 1)
    if live[rows + upper] == 0 and live[rows + lower] == 0:
        return False
    below = F(0.25) if (y & 1) == 1 else F(0.75)
    above = F(1) - below
    a = row_of(plan, group, level, upper) + MARGIN * 4
    b = row_of(plan, group, level, lower) + MARGIN * 4
    for i in range(columns * 4):
        out[U(i + 4)] = acc[U(a + i)] * above + acc[U(b + i)] * below
    for i in range(4):
        out[i] = out[i + 4]
        out[(columns + 1) * 4 + i] = out[columns * 4 + i]
    return True


@njit(**KERNEL)
def expand_row(row, columns, out):  # type: ignore[no-untyped-def]
    """Horizontal part of the enlargement: ``columns + 2`` quadruples to ``2 * columns``."""
    for x in range(columns):
        for k in range(4):
            middle = F(0.75) * row[U(x * 4 + 4 + k)]
            out[U(x * 8 + k)] = middle + F(0.25) * row[U(x * 4 + k)]
            out[U(x * 8 + 4 + k)] = middle + F(0.25) * row[U(x * 4 + 8 + k)]


@njit(inline="always")
def _gather_row(acc, plan, used, group, level, y, out):  # type: ignore[no-untyped-def]
    """Add up row ``y`` from its own tile, the neighbours' margins and the reflections; False if nothing is there."""
    stride = plan.stride[level]
    height = plan.padded_height >> level
    band_rows = plan.band_rows >> level
    own = row_of(plan, group, level, y)
    found = used[group, level, y // band_rows] != 0
    periods = MARGIN // (2 * height) + 1
    for period in range(-periods, periods + 1):
        for mirrored in range(2):
            target = 2 * height * period + (y if mirrored == 0 else -1 - y)
            for band in range(plan.bands):
                if used[group, level, band] == 0:
                    continue
                j = target - band * band_rows
                rows = min(band_rows, height - band * band_rows)
                outside = j < 0 or j >= rows
                if outside and -MARGIN <= j < rows + MARGIN:
                    other = plan.tile_start[group, level] + band * plan.tile_floats[level] + (j + MARGIN) * stride
                    for i in range(stride):
                        acc[U(own + i)] += acc[U(other + i)]
                    found = True
    if found:
        sum_row(acc, own, plan.padded_width >> level, np.int64(MARGIN), np.int64(MARGIN), out)
    return found


@njit(**KERNEL)
def cascade_rows(coc, opening, acc, group, level, plan, live, used, first, last):  # type: ignore[no-untyped-def]
    """Composite rows ``first .. last`` of one level of a group with the coarser levels, in place.

    Behind a pixel whose own surface is more than an octave nearer than the coarser levels, these show only through
    an opening (see ``_edges``).
    """
    columns = plan.padded_width >> level
    flags = plan.row_start[group, level]
    own = np.zeros(columns * 4, np.float32)
    coarse = np.zeros((columns // 2 + 4) * 4, np.float32)
    wide = np.zeros((columns + 8) * 4, np.float32)
    for y in range(first, last):
        has_own = _gather_row(acc, plan, used, group, level, y, own)
        has_coarse = False
        if level < plan.levels:
            has_coarse = upsample_row(acc, plan, live, group, level + 1, y, coarse)
            if has_coarse:
                expand_row(coarse, columns >> 1, wide)
        if not has_own and not has_coarse:
            continue
        live[flags + y] = 1
        p = row_of(plan, group, level, y) + MARGIN * 4
        for x in range(columns):
            q = U(x * 4)
            to = U(p + x * 4)
            if not has_own:
                for k in range(4):
                    acc[to + U(k)] = wide[q + U(k)]
                continue
            near, far = F(1), F(0)
            coverage = max(own[q + U(3)], F(0))
            beyond = F(0)
            if has_coarse:
                beyond = max(wide[q + U(3)], F(0))
            if group == HIDDEN:
                far = F(1)
            elif group == FRONT:
                near = min(max(F(1) - beyond, F(0)), coverage) / max(coverage, F(1e-4))
                far = F(1)
            elif group == BACK:
                taken = min(coverage, F(1))
                near = taken / max(coverage, F(1e-4))
                far = min(F(1) - taken, beyond) / max(beyond, F(1e-4))
                if has_coarse:
                    ys = min(((2 * y + 1) << level) >> 1, plan.height - 1)
                    xs = min(((2 * x + 1) << level) >> 1, plan.width - 1)
                    if F(2) * coc[ys, xs] < F(FINE_RADIUS << level):
                        far *= opening[ys // plan.cell, xs // plan.cell]
            for k in range(4):
                value = near * own[q + U(k)]
                if has_coarse:
                    value += far * wide[q + U(k)]
                acc[to + U(k)] = value
