"""Squares whose pixels see one smooth surface alone: rays would find there what gathering finds, with noise."""

from __future__ import annotations

import numpy as np

from dofsim._kept import kept
from dofsim.bokeh._disc import KERNEL, ONE, ZERO, F
from dofsim.bokeh.plan import SQUARE


@kept(**KERNEL)
def find_alone(ranges, around, side, most, slope, first, last, layered):  # type: ignore[no-untyped-def]
    """Unmark those squares of rows ``first .. last`` from which no ray meets another surface than their own.

    ``ranges``: float32 (rows, columns, 3), lowest and highest coc of each square of SQUARE px, px, and 1 where there is
    a light; ``around``: the same for squares of ``side`` px; ``most``: the largest radius, px; ``slope``: how much the
    coc of a smooth surface changes from one pixel to the next, px. ``layered``: uint8 (rows, columns), 1 or 0.

    Whether a surface is met at a distance is told by its own radius if it is nearer, and by the radius of the square's
    surface, past whose edge the lens looks.
    """
    rows, columns, _ = around.shape
    for j in range(first, last):
        for i in range(layered.shape[1]):
            if layered[j, i] == 0:
                continue
            low, high = ranges[j, i, 0], ranges[j, i, 1]
            own = max(high, -low)
            top, left = j * SQUARE, i * SQUARE
            alone = high - low <= slope * F(SQUARE)
            jj = max((top - int(most)) // side, 0)
            while alone and jj < min((top + SQUARE + int(most)) // side + 1, rows):
                beside = max(jj * side - top - SQUARE, top - (jj + 1) * side, 0)
                for ii in range(max((left - int(most)) // side, 0), min((left + SQUARE + int(most)) // side + 1, columns)):
                    across = max(ii * side - left - SQUARE, left - (ii + 1) * side, 0)
                    distance = np.sqrt(F(beside * beside + across * across))
                    lowest, highest = around[jj, ii, 0], around[jj, ii, 1]
                    slack = slope * (distance + F(SQUARE + side))
                    reach = ZERO
                    if around[jj, ii, 2] > ZERO:
                        reach = max(highest, -lowest, own)
                    if lowest < low - slack:
                        reach = max(reach, -lowest, min(highest, low), own)
                    if highest > high + slack:
                        reach = max(reach, own)
                    if reach > ZERO and reach + ONE >= distance:
                        alone = False
                        break
                jj += 1
            if alone:
                layered[j, i] = 0
