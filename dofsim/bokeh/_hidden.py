"""The hidden layer: what a wide lens sees around the edge of a near surface, which the photo does not show.

The picture is cut into cells. A cell in which the circle of confusion jumps knows the farther of its two surfaces. From
there that surface is carried below the nearer one, cell by cell, as far as any ray of the lens can see it: in
(x, coc) space the rays are straight lines, so a surface with circle of confusion c_far is visible up to
``c_far - c_near`` px behind the edge of one with c_near. The sources so made only fill what no seen surface covers.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from dofsim.bokeh._coarse import level_of
from dofsim.bokeh._disc import KERNEL, F, add_disc, luminance
from dofsim.bokeh._lights import is_light
from dofsim.bokeh.plan import FINE_RADIUS, HIDDEN, MARGIN

_FAR = 1e9


@njit(**KERNEL)
def find_edges(rgb, coc, cell, jump, first, last, near, far, distance, colour):  # type: ignore[no-untyped-def]
    """For cell rows ``first .. last``: the nearest coc of each cell and, where it jumps, its farther surface.

    ``near``, ``far``, ``distance``: float32 (rows, columns); ``colour``: float32 (rows, columns, 3). Cells without a
    jump keep ``distance`` = 1e9, the others get 0.
    """
    height, width = coc.shape
    for j in range(first, last):
        top = j * cell
        for i in range(near.shape[1]):
            x0 = i * cell
            lowest = F(_FAR)
            highest = F(-_FAR)
            inside = F(_FAR)
            for y in range(top, min(top + cell + 1, height)):
                for x in range(x0, min(x0 + cell + 1, width)):
                    c = coc[y, x]
                    lowest = min(lowest, c)
                    highest = max(highest, c)
                    if y < top + cell and x < x0 + cell:
                        inside = min(inside, c)
            near[j, i] = inside
            if highest - lowest <= jump:
                continue
            # The far side, over a rim of two pixels. Pixels that touch the near side have mixed colours and count
            # little, and a small light that the edge cuts does not go on below the near surface.
            limit = highest - F(0.3) * (highest - lowest)
            total = F(0)
            depth = F(0)
            red = F(0)
            green = F(0)
            blue = F(0)
            for y in range(max(top - 2, 0), min(top + cell + 2, height)):
                for x in range(max(x0 - 2, 0), min(x0 + cell + 2, width)):
                    c = coc[y, x]
                    if c < limit or c > highest + jump:
                        continue
                    weight = F(1)
                    beside = min(
                        min(coc[y, max(x - 1, 0)], coc[y, min(x + 1, width - 1)]),
                        min(coc[max(y - 1, 0), x], coc[min(y + 1, height - 1), x]),
                    )
                    if beside < limit:
                        weight = F(0.05)
                    level = luminance(rgb, y, x)
                    if is_light(rgb, y, x, level):
                        weight /= level * level
                    total += weight
                    depth += weight * c
                    red += weight * rgb[y, x, 0]
                    green += weight * rgb[y, x, 1]
                    blue += weight * rgb[y, x, 2]
            scale = F(1) / total
            far[j, i] = depth * scale
            colour[j, i, 0] = red * scale
            colour[j, i, 1] = green * scale
            colour[j, i, 2] = blue * scale
            distance[j, i] = F(0)


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
                    if distance[j, i] < F(_FAR) or seen[j, i] == step:
                        continue
                    seen[j, i] = step
                    best = F(_FAR)
                    total = F(0)
                    depth = F(0)
                    red = F(0)
                    green = F(0)
                    blue = F(0)
                    for jj in range(max(j - 1, 0), min(j + 2, rows)):
                        for ii in range(max(i - 1, 0), min(i + 2, columns)):
                            if distance[jj, ii] >= F(_FAR):
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
            if distance[j, i] >= F(_FAR):
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
            add_disc(acc, tile, plan.stride[level], cy, cx, max(radius * scale, F(0.5) * side), colour[j, i, 0], colour[j, i, 1], colour[j, i, 2], side * side, table)  # fmt: skip
