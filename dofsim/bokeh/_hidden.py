"""The hidden layer: what a wide lens sees around the edge of a near surface, which the photo does not show.

A cell in which the circle of confusion jumps knows the farther of its two surfaces (see ``_edges``). From there that
surface is carried below the nearer one, cell by cell, as far as any ray of the lens can see it: in (x, coc) space the
rays are straight lines, so a surface with circle of confusion c_far is visible up to ``c_far - c_near`` px behind the
edge of one with c_near. The sources so made only fill what no seen surface covers.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from dofsim.bokeh._coarse import FIELDS, ONE, ZERO, collect, draw_cells, level_of
from dofsim.bokeh._disc import KERNEL, PART, F, U
from dofsim.bokeh._edges import FAR
from dofsim.bokeh.plan import FINE_RADIUS, HIDDEN


@njit(**PART)
def _drop_ramps(far, distance, jump):  # type: ignore[no-untyped-def]
    """Unmark the cells on the slope of a soft edge: what a farther marked cell beside them shows lies behind them too.

    The pixels of such a slope mix two surfaces; carried on, they would be a bright or dark rim around the near one.
    """
    rows, columns = far.shape
    slope = np.zeros((rows, columns), np.bool_)
    for j in range(rows):
        for i in range(columns):
            if distance[j, i] != F(0):
                continue
            for y in range(max(j - 1, 0), min(j + 2, rows)):
                for x in range(max(i - 1, 0), min(i + 2, columns)):
                    if distance[y, x] == F(0) and far[y, x] > far[j, i] + jump:
                        slope[j, i] = True
    for j in range(rows):
        for i in range(columns):
            if slope[j, i]:
                distance[j, i] = F(FAR)


@njit(**KERNEL)
def extend(near, far, distance, colour, cell, jump):  # type: ignore[no-untyped-def]
    """Carry the far surfaces below the near ones, one ring of cells at a time.

    A cell takes the mean of those neighbours of the earlier rings that it lies behind and that are closest to their
    edge. All cells of a ring are decided before any is written, so the result does not depend on a scanning order.
    """
    _drop_ramps(far, distance, jump)
    rows, columns = near.shape
    ring = np.empty(rows * columns, np.int32)
    ring_distance = np.empty(rows * columns, np.float32)
    seen = np.zeros((rows, columns), np.int16)
    size = 0
    for j in range(rows):
        for i in range(columns):
            if distance[j, i] == F(0):
                ring[size] = j * columns + i
                size += 1
    start = 0
    step = 0
    while size > start:
        step += 1
        end = size
        for k in range(start, end):
            above, beside = ring[k] // columns - 1, ring[k] % columns - 1
            for j in range(max(above, 0), min(above + 3, rows)):
                for i in range(max(beside, 0), min(beside + 3, columns)):
                    if distance[j, i] < F(FAR) or seen[j, i] == step:
                        continue
                    seen[j, i] = step
                    best = F(FAR)
                    total = F(0)
                    depth = F(0)
                    red = F(0)
                    green = F(0)
                    blue = F(0)
                    for jj in range(max(j - 1, 0), min(j + 2, rows)):
                        for ii in range(max(i - 1, 0), min(i + 2, columns)):
                            away = distance[jj, ii] + (F(1) if jj == j or ii == i else F(1.4))
                            c = far[jj, ii]
                            gap = c - near[j, i]
                            if away >= F(FAR) or gap < jump or away * cell > gap + F(2) * cell:
                                continue
                            if away >= best + F(0.5):
                                continue
                            if away < best - F(0.3):
                                best = away
                                total = F(0)
                                depth = F(0)
                                red = F(0)
                                green = F(0)
                                blue = F(0)
                            total += F(1)
                            depth += c
                            red += colour[jj, ii, 0]
                            green += colour[jj, ii, 1]
                            blue += colour[jj, ii, 2]
                    if total > F(0):
                        # Nobody reads these while the distance is not set, so the ring can be decided in place.
                        far[j, i] = depth / total
                        colour[j, i, 0] = red / total
                        colour[j, i, 1] = green / total
                        colour[j, i, 2] = blue / total
                        ring[size] = j * columns + i
                        ring_distance[size] = best
                        size += 1
        for k in range(end, size):
            distance[ring[k] // columns, ring[k] % columns] = ring_distance[k]
        start = end


@njit(**KERNEL)
def hidden_band(far, distance, colour, cell_level, band, plan, table, acc, used):  # type: ignore[no-untyped-def]
    """Draw the hidden cells of one band into the band's tiles."""
    rows, columns = far.shape
    cells = plan.band_rows >> cell_level
    side = F(1 << cell_level)
    source = np.zeros(FIELDS, np.float32)
    for j in range(band * cells, min((band + 1) * cells, rows)):
        for i in range(columns):
            if distance[j, i] >= F(FAR):
                continue
            radius = abs(far[j, i])
            level = max(cell_level, 1)
            if radius >= F(FINE_RADIUS):
                level = max(level, level_of(radius, plan.levels))
            used[HIDDEN, level, band] = 1
            # A cell is at least as wide as itself, and its middle lies between pixels.
            radius = max(radius, F(0.5) * side)
            x, y = i << cell_level, j << cell_level
            count = side * side
            collect(source, U(0), colour[j, i, 0], colour[j, i, 1], colour[j, i, 2], count, radius, x, y, level)
            source[5] += F(0.5) * (side - F(1)) * count
            source[6] += F(0.5) * (side - F(1)) * count
            row = (y - band * plan.band_rows) >> level
            draw_cells(source, ZERO, x >> level, ONE, row, np.int64(HIDDEN), level, band, plan, table, acc)
