"""The hidden layer: what a wide lens sees around the edge of a near surface, which the photo does not show.

A cell in which the circle of confusion jumps knows the farther of its two surfaces (see ``_edges``). From there that
surface is carried below the nearer one, cell by cell, as far as any ray of the lens can see it: in (x, coc) space the
rays are straight lines, so a surface with circle of confusion c_far is visible up to ``c_far - c_near`` px behind the
edge of one with c_near. The sources so made only fill what no seen surface covers.
"""

from __future__ import annotations

from numba import njit

from dofsim._kept import kept
from dofsim.bokeh._disc import HALF, KERNEL, ONE, PART, TWO, ZERO, F
from dofsim.bokeh._edges import FAR


@njit(**PART)
def _drop_ramps(far, distance, jump, seen):  # type: ignore[no-untyped-def]
    """Unmark the cells on the slope of a soft edge: what a farther marked cell beside them shows lies behind them too.

    The pixels of such a slope mix two surfaces; carried on, they would be a bright or dark rim around the near one.
    """
    rows, columns = far.shape
    for j in range(rows):
        for i in range(columns):
            if distance[j, i] != ZERO:
                continue
            for y in range(max(j - 1, 0), min(j + 2, rows)):
                for x in range(max(i - 1, 0), min(i + 2, columns)):
                    if distance[y, x] == ZERO and far[y, x] > far[j, i] + jump:
                        seen[j, i] = -1
    for j in range(rows):
        for i in range(columns):
            if seen[j, i] < 0:
                distance[j, i] = F(FAR)
                seen[j, i] = 0


@kept(**KERNEL)
def extend(near, far, distance, colour, cell, jump, seen, ring, ring_distance):  # type: ignore[no-untyped-def]
    """Carry the far surfaces below the near ones, one ring of cells at a time.

    A cell takes the mean of those neighbours of the earlier rings that it lies behind and that are closest to their
    edge. All cells of a ring are decided before any is written, so the result does not depend on a scanning order.
    """
    _drop_ramps(far, distance, jump, seen)
    rows, columns = near.shape
    size = 0
    for j in range(rows):
        for i in range(columns):
            if distance[j, i] == ZERO:
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
                    total = ZERO
                    depth = ZERO
                    red = ZERO
                    green = ZERO
                    blue = ZERO
                    for jj in range(max(j - 1, 0), min(j + 2, rows)):
                        for ii in range(max(i - 1, 0), min(i + 2, columns)):
                            away = distance[jj, ii] + (ONE if jj == j or ii == i else F(1.4))
                            c = far[jj, ii]
                            gap = c - near[j, i]
                            if away >= F(FAR) or gap < jump or away * cell > gap + TWO * cell:
                                continue
                            if away >= best + HALF:
                                continue
                            if away < best - F(0.3):
                                best = away
                                total = ZERO
                                depth = ZERO
                                red = ZERO
                                green = ZERO
                                blue = ZERO
                            total += ONE
                            depth += c
                            red += colour[jj, ii, 0]
                            green += colour[jj, ii, 1]
                            blue += colour[jj, ii, 2]
                    if total > ZERO:
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
