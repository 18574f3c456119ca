"""The hidden layer: what a wide lens sees around the edge of a near surface, which the photo does not show.

A cell in which the circle of confusion jumps knows the farther of its two surfaces (see ``_edges``). From there that
surface is carried below the nearer one, cell by cell, as far as any ray of the lens can see it: in (x, coc) space the
rays are straight lines, so a surface with circle of confusion c_far is visible up to ``c_far - c_near`` px behind the
edge of one with c_near. The sources so made only fill what no seen surface covers.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from dofsim.bokeh._coarse import level_of
from dofsim.bokeh._disc import KERNEL, F, add_disc
from dofsim.bokeh._edges import FAR
from dofsim.bokeh.plan import FINE_RADIUS, HIDDEN, MARGIN


@njit(**KERNEL)
def extend(near, far, distance, colour, cell, jump):  # type: ignore[no-untyped-def]
    """Carry the far surfaces below the near ones, one ring of cells at a time.

    A cell takes the mean of those neighbours of the earlier rings that it lies behind and that are closest to their
    edge. All cells of a ring are decided before any is written, so the result does not depend on a scanning order.
    """
    rows, columns = near.shape
    ring_rows = np.empty(rows * columns, np.int32)
    ring_columns = np.empty(rows * columns, np.int32)
    size = 0
    for j in range(rows):
        for i in range(columns):
            if distance[j, i] == F(0):
                ring_rows[size] = j
                ring_columns[size] = i
                size += 1
    seen = np.zeros((rows, columns), np.int32)
    start = 0
    step = 0
    found = np.empty((4096, 6), np.float32)
    where = np.empty((4096, 2), np.int32)
    while size > start:
        step += 1
        count = 0
        for k in range(start, size):
            for j in range(max(ring_rows[k] - 1, 0), min(ring_rows[k] + 2, rows)):
                for i in range(max(ring_columns[k] - 1, 0), min(ring_columns[k] + 2, columns)):
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
                            if distance[jj, ii] >= F(FAR):
                                continue
                            away = distance[jj, ii] + (F(1) if jj == j or ii == i else F(1.4))
                            c = far[jj, ii]
                            gap = c - near[j, i]
                            if gap < jump or away * cell > gap + F(2) * cell:
                                continue
                            if away < best - F(0.3):
                                best = away
                                total = F(0)
                                depth = F(0)
                                red = F(0)
                                green = F(0)
                                blue = F(0)
                            if away < best + F(0.5):
                                total += F(1)
                                depth += c
                                red += colour[jj, ii, 0]
                                green += colour[jj, ii, 1]
                                blue += colour[jj, ii, 2]
                    if total == F(0):
                        continue
                    if count == len(where):
                        found = np.concatenate((found, np.empty_like(found)))
                        where = np.concatenate((where, np.empty_like(where)))
                    scale = F(1) / total
                    where[count, 0] = j
                    where[count, 1] = i
                    found[count, 0] = best
                    found[count, 1] = depth * scale
                    found[count, 2] = red * scale
                    found[count, 3] = green * scale
                    found[count, 4] = blue * scale
                    count += 1
        start = size
        for k in range(count):
            j = where[k, 0]
            i = where[k, 1]
            distance[j, i] = found[k, 0]
            far[j, i] = found[k, 1]
            colour[j, i, 0] = found[k, 2]
            colour[j, i, 1] = found[k, 3]
            colour[j, i, 2] = found[k, 4]
            ring_rows[size] = j
            ring_columns[size] = i
            size += 1


@njit(**KERNEL)
def hidden_band(far, distance, colour, cell_level, band, plan, table, acc, used):  # type: ignore[no-untyped-def]
    """Draw the hidden cells of one band into the band's tiles."""
    rows, columns = far.shape
    cells = plan.band_rows >> cell_level
    for j in range(band * cells, min((band + 1) * cells, rows)):
        for i in range(columns):
            if distance[j, i] >= F(FAR):
                continue
            radius = abs(far[j, i])
            level = max(cell_level, 1)
            if radius >= F(FINE_RADIUS):
                level = max(level, level_of(radius, plan.levels))
            used[HIDDEN, level, band] = 1
            tile = plan.tile_start[HIDDEN, level] + band * plan.tile_floats[level]
            scale = F(1) / F(1 << level)
            side = F(1 << cell_level) * scale
            cy = (F(j - band * cells) + F(0.5)) * side - F(0.5) + F(MARGIN)
            cx = (F(i) + F(0.5)) * side - F(0.5) + F(MARGIN)
            radius = max(radius * scale, F(0.5) * side)
            red, green, blue = colour[j, i, 0], colour[j, i, 1], colour[j, i, 2]
            add_disc(acc, tile, plan.stride[level], cy, cx, radius, red, green, blue, side * side, table)
