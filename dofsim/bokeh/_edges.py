"""Edges between surfaces: where the circle of confusion jumps, what lies behind, and how far that shows.

The picture is cut into cells of 2 or 4 px. Only near a marked edge can the lens see more than one surface; anywhere
else a lack of coverage comes from the surface's own bumps (discs of a bump spread away from its top) and is not an
opening to what lies behind.
"""

from __future__ import annotations

from dofsim._kept import kept
from dofsim.bokeh._disc import KERNEL, ONE, TWO, ZERO, F, U
from dofsim.bokeh._lights import is_light

FAR = 1e9
"""No surface, or an infinite distance."""

_MARKED = 0.35
"""Jumps below this share of the near surface's radius show two surfaces so close that openings do not matter."""

STEEP = 1.2
"""How much larger than at an edge the circles are whose discs reach it: 1 / (1 - slope), for slopes up to 1/6 px/px."""


@kept(**KERNEL)
def find_edges(rgb, coc, places, crowded, cell, jump, softness, first, last, far, distance, colour, away):  # type: ignore[no-untyped-def]
    """For cells number ``first .. last`` of those listed: their farther surface, where the coc jumps.

    ``places``: int64 (n, 2), row and column of cells in which it may jump; ``crowded``: uint8 (n,), 1 where it jumps
    in many cells around as well; ``softness``: how many px beside an edge have mixed colours.

    ``far``, ``distance``: float32 (rows, columns); ``colour``: float32 (rows, columns, 3). Cells without a jump keep
    ``distance`` = FAR, the others get 0. ``away``: float32 (rows, columns), gets 0 where the jump is large enough to be
    marked.
    """
    height, width = coc.shape
    rim = 2 * softness
    for n in range(first, last):
        j, i = places[n, 0], places[n, 1]
        top, x0 = j * cell, i * cell
        lowest, highest = F(FAR), F(-FAR)
        for y in range(top, min(top + cell + 1, height)):
            for x in range(x0, min(x0 + cell + 1, width)):
                lowest = min(lowest, coc[y, x])
                highest = max(highest, coc[y, x])
        if highest - lowest <= jump:
            continue
        if highest - lowest > max(TWO * jump, F(_MARKED) * abs(lowest)):
            away[j, i] = ZERO
        # Where everything jumps there is nothing to be precise about.
        stride = softness if crowded[n] != 0 else max(1, softness // 2)
        # The far side, over a rim of pixels. Those as close to the near side as edges are soft have mixed colours and
        # count little, and a small light that the edge cuts does not go on below the near surface.
        limit = highest - F(0.3) * (highest - lowest)
        total = ZERO
        depth = ZERO
        for k in range(3):
            colour[j, i, k] = ZERO
        for y in range(max(top - rim, 0), min(top + cell + rim, height), stride):
            for x in range(max(x0 - rim, 0), min(x0 + cell + rim, width), stride):
                c = coc[y, x]
                if c < limit or c > highest + jump:
                    continue
                weight = ONE
                beside = min(
                    coc[y, max(x - softness, 0)],
                    coc[y, min(x + softness, width - 1)],
                    coc[max(y - softness, 0), x],
                    coc[min(y + softness, height - 1), x],
                )
                if beside < limit:
                    weight = F(0.05)
                if is_light(rgb, y, x):
                    weight /= max(rgb[y, x, 0], rgb[y, x, 1], rgb[y, x, 2]) ** 2
                total += weight
                depth += weight * c
                for k in range(3):
                    colour[j, i, k] += weight * rgb[y, x, k]
        if total == ZERO:
            continue
        scale = ONE / total
        far[j, i] = depth * scale
        for k in range(3):
            colour[j, i, k] *= scale
        distance[j, i] = ZERO


@kept(**KERNEL)
def sweep(field, step):  # type: ignore[no-untyped-def]
    """Lower every value to the least of its neighbours' plus their distance (``step`` px a square), in place."""
    rows, columns = field.shape
    diagonal = F(1.4142135) * step
    for sweep in range(2):
        for jj in range(rows):
            j = jj if sweep == 0 else rows - 1 - jj
            before = j - 1 if sweep == 0 else j + 1
            own = field[j]
            # The row before first, several values at a time; along the row each has to wait for the one beside it.
            if 0 <= before < rows:
                last = field[before]
                for i in range(1, columns - 1):
                    beside = min(last[U(i - 1)], last[U(i + 1)]) + diagonal
                    own[U(i)] = min(own[U(i)], last[U(i)] + step, beside)
                for i in (0, columns - 1):
                    within = i - 1 if i > 0 else min(1, columns - 1)
                    own[i] = min(own[i], last[i] + step, last[within] + diagonal)
            value = own[0] if sweep == 0 else own[columns - 1]
            for ii in range(1, columns):
                at = U(ii if sweep == 0 else columns - 1 - ii)
                value = min(own[at], value + step)
                own[at] = value
