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

    Nearer surfaces are met where their own circles reach the square, all others as far as those of the square reach.
    """
    rows, columns, _ = around.shape
    reach = SQUARE + int(most)
    for j in range(first, last):
        top = j * SQUARE
        above, below = max(top - reach, 0) // side, min((top + SQUARE + reach) // side + 1, rows)
        for i in range(layered.shape[1]):
            if layered[j, i] == 0:
                continue
            left = i * SQUARE
            before, behind = max(left - reach, 0) // side, min((left + SQUARE + reach) // side + 1, columns)
            low, high = ranges[j, i, 0], ranges[j, i, 1]
            own = max(high, -low)
            alone = high - low <= slope * F(SQUARE)
            for jj in range(above, below):
                if not alone:
                    break
                down = max(jj * side - top - SQUARE, top - (jj + 1) * side, 0)
                for ii in range(before, behind):
                    across = max(ii * side - left - SQUARE, left - (ii + 1) * side, 0)
                    distance = np.sqrt(F(down * down + across * across))
                    lowest, highest = around[jj, ii, 0], around[jj, ii, 1]
                    slack = slope * (distance + F(SQUARE + side))
                    widest = ZERO
                    if around[jj, ii, 2] > ZERO:
                        widest = max(highest, -lowest, own)
                    if lowest < low - slack:
                        widest = max(widest, -lowest, min(highest, low), own)
                    if highest > high + slack:
                        widest = max(widest, own)
                    if widest > ZERO and widest + ONE >= distance:
                        alone = False
                        break
            if alone:
                layered[j, i] = 0
