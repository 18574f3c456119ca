"""Compiled loop of :mod:`dofsim.depth.settle`; its readable twin is in ``tests/depth/test_settle_edges.py``.

Where a pixel's window begins and how much a sample counts by its distance comes in tables, because every operation in
here lengthens the first run, whose compilation somebody waits for.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from dofsim._kept import kept

# Columns of the tables of places; see dofsim.depth.settle.
BEFORE, AFTER, NEAREST, FIRST, END, PHASE, ORIGIN = range(7)


@kept(error_model="numpy", fastmath={"nsz", "arcp", "contract", "afn"})
def settle_pixels(
    fine: npt.NDArray[np.float32],
    fine_guide: npt.NDArray[np.uint8],
    coarse: npt.NDArray[np.float32],
    coarse_guide: npt.NDArray[np.uint8],
    edge: npt.NDArray[np.float32],
    extremes: npt.NDArray[np.float32],
    rows: npt.NDArray[np.uint64],
    columns: npt.NDArray[np.uint64],
    closeness: npt.NDArray[np.float32],
    likeness: npt.NDArray[np.float32],
    stride: np.uint64,
    doubt: np.float32,
    step: np.float32,
) -> None:
    """Do what :func:`dofsim.depth.settle.settle_edges` says.

    Parameters
    ----------
    fine, fine_guide, coarse, coarse_guide, edge, doubt, step
        As there.
    extremes : float32 array, shape (2, h, w)
        d and D by the sample nearest to the pixel.
    rows, columns : uint64 arrays, shapes (H, 7) and (W, 7)
        For each row or column of ``fine``: the samples before and after it, the nearest one, the first of its window
        and the one beyond its last, and the index of its phase and the sample of index 0 in ``closeness``. They have
        no sign, which spares the check for negative indices; differences are taken modulo 2^64.
    closeness : float32 array, shape (phases down, phases across, samples down, samples across)
        1 / (1 + r^2 / (2 spread^2)).
    likeness : float32 array, shape (3 * 255^2 + 1,)
        k by the squared difference of colours.
    stride : uint64
        2 for every second sample, as on a chessboard, or 1.
    """
    one, half, two, zero = np.float32(1.0), np.float32(0.5), np.float32(2.0), np.float32(0.0)
    for y in range(fine.shape[0]):
        above, below, y_near = rows[y, BEFORE], rows[y, AFTER], rows[y, NEAREST]
        for x in range(fine.shape[1]):
            left, right, x_near = columns[x, BEFORE], columns[x, AFTER], columns[x, NEAREST]
            # Built-in max and min would be compiled one by one.
            upper = edge[above, left] if edge[above, left] > edge[above, right] else edge[above, right]
            lower = edge[below, left] if edge[below, left] > edge[below, right] else edge[below, right]
            weight = upper if upper > lower else lower
            low, high = extremes[0, y_near, x_near], extremes[1, y_near, x_near]
            if weight == zero or high - low < step:
                continue
            close = closeness[rows[y, PHASE], columns[x, PHASE]]
            middle, scale = (low + high) * half, two / (high - low)
            colour = fine_guide[y, x]
            red, green, blue = np.int64(colour[0]), np.int64(colour[1]), np.int64(colour[2])
            near_all, near_fit, near_sum, far_all, far_fit, far_sum = zero, zero, zero, zero, zero, zero
            for j in range(rows[y, FIRST], rows[y, END]):
                depths, colours, shares = coarse[j], coarse_guide[j], close[j - rows[y, ORIGIN]]
                first = columns[x, FIRST]
                first += (first + j + x_near + y_near) & (stride - np.uint64(1))
                for i in range(first, columns[x, END], stride):
                    value = depths[i]
                    place = (value - middle) * scale
                    say = place * place * shares[i - columns[x, ORIGIN]]
                    dr, dg, db = colours[i, 0] - red, colours[i, 1] - green, colours[i, 2] - blue
                    fit = likeness[np.uint64(dr * dr + dg * dg + db * db)] * say
                    # Selecting the side spares a jump, which is a quarter of the time.
                    is_near = place > zero
                    near_say, near_like = say if is_near else zero, fit if is_near else zero
                    near_all += near_say
                    near_fit += near_like
                    near_sum += near_like * value
                    far_say, far_like = zero if is_near else say, zero if is_near else fit
                    far_all += far_say
                    far_fit += far_like
                    far_sum += far_like * value
            if near_fit == zero or far_fit == zero:
                continue
            near_level, far_level = near_sum / near_fit, far_sum / far_fit
            prior = (fine[y, x] - far_level) / (near_level - far_level)
            prior = zero if prior < zero else one if prior > one else prior
            near_fit, far_fit = near_fit / near_all, far_fit / far_all
            floor_fit = doubt * (near_fit + far_fit)
            near_share = prior * (near_fit + floor_fit)
            share = near_share / (near_share + (one - prior) * (far_fit + floor_fit))
            fine[y, x] += weight * (share - prior) * (near_level - far_level)
