"""Compiled loop of the refinement; its readable twin is in ``tests/depth/test_settle_edges.py``."""

from __future__ import annotations

from math import ceil, floor

import numpy as np
import numpy.typing as npt
from numba import njit

# Distance (px of the coarse grid) by which the window is wider than its radius: so the same samples are taken
# on both sides of a pixel whatever its phase, and a mirrored picture gives a mirrored result.
_REACH = 0.3
# The samples beside a pixel are those nearer than this; one that lies under it is alone, whatever the rounding.
_BESIDE = 0.999
# From this radius on every second sample is taken, as on a chessboard.
_SPARSE = 4
# Distances are looked up for positions of a pixel between the samples that are rounded to a share of their spacing;
# at twice the samples' size, as in every step of the refinement but the odd rest, they are exact.
_PHASES = 32


@njit(cache=True, error_model="numpy")
def _closeness(radius: int, spread: float) -> npt.NDArray[np.float32]:
    """1 / (1 + r^2 / (2 spread^2)) by the pixel's phase (down, across) and the sample's offset from the nearest one."""
    side = 2 * radius + 3
    table = np.empty((_PHASES + 1, _PHASES + 1, side, side), np.float32)
    for a in range(_PHASES + 1):
        for b in range(_PHASES + 1):
            for j in range(side):
                dy = j - radius - 0.5 - a / _PHASES
                for i in range(side):
                    dx = i - radius - 0.5 - b / _PHASES
                    table[a, b, j, i] = 1.0 / (1.0 + 0.5 * (dx * dx + dy * dy) / (spread * spread))
    return table


@njit(cache=True, error_model="numpy", fastmath={"nsz", "arcp", "contract", "afn"})
def settle_edges(
    fine: npt.NDArray[np.float32],
    fine_guide: npt.NDArray[np.uint8],
    coarse: npt.NDArray[np.float32],
    coarse_guide: npt.NDArray[np.uint8],
    edge: npt.NDArray[np.float32],
    lowest: npt.NDArray[np.float32],
    highest: npt.NDArray[np.float32],
    radius: int,
    spread: float,
    noise: float,
    doubt: float,
    step: float,
) -> None:
    """Decide by colour, at depth discontinuities, which side a pixel belongs to.

    Around every pixel the coarse samples are split at half of their range d..D into a near and a far side. How well the
    pixel's colour I fits each side is a kernel density over that side's samples s,

        L = sum_s g_s k_s / sum_s g_s,    k = (noise / (noise + |I_s - I|^2))^2,    g = c^2 / (1 + r^2 / (2 spread^2)),

    over every sample (from a radius of 4 on every second one, as on a chessboard whose field under the pixel is taken),
    with distance r and c = -1..1 the sample's place in the range (0: on neither side, it has no say). The depth map's
    own opinion, t = 0..1 between the sides' levels, is the prior, and the posterior share p of the near side moves
    the depth by (p - t) times the step. Where both sides have the same colour nothing moves.

    Parameters
    ----------
    fine : float32 array, shape (H, W)
        The coarse map, bilinearly enlarged; settled in place, never beyond d..D.
    fine_guide : uint8 array, shape (H, W, 3)
        The photo at that size.
    coarse, coarse_guide : float32 array, shape (h, w), and uint8 array, shape (h, w, 3)
        Depth (near is large) and photo at the coarse size.
    edge : float32 array, shape (h, w)
        0..1, how much of a discontinuity there is; elsewhere (0) nothing is done.
    lowest, highest : float32 arrays, shape (h, w)
        d and D: the extremes of ``coarse`` within ``radius`` px (a square) of each of its samples. A pixel takes those
        of the sample nearest to it.
    radius : int
        Of the window, px of the coarse grid.
    spread : float
        Distance at which a sample counts 2/3, px of the coarse grid.
    noise : float
        Squared colour distance that is no difference yet, levels^2.
    doubt : float
        How little colour may say of a side: likelihood ratios end at about 1 / doubt.
    step : float
        Smallest range in a window that is treated as a discontinuity.
    """
    one, half, two, zero = np.float32(1.0), np.float32(0.5), np.float32(2.0), np.float32(0.0)
    h, w = coarse.shape
    height, width = fine.shape
    stride = np.uint64(1 if radius < _SPARSE else 2)
    doubt32, step32 = np.float32(doubt), np.float32(step)
    likeness = np.empty(3 * 255 * 255 + 1, np.float32)
    for squared in range(likeness.size):
        likeness[squared] = (noise / (noise + squared)) ** 2
    closeness = _closeness(radius, spread)
    left, right = np.empty(width, np.int32), np.empty(width, np.int32)
    for x in range(width):
        cx = (x + 0.5) * w / width - 0.5
        left[x], right[x] = max(ceil(cx - _BESIDE), 0), min(floor(cx + _BESIDE), w - 1)
    strongest = np.empty(w, np.float32)
    for y in range(height):
        cy = (y + 0.5) * h / height - 0.5
        above, below = max(ceil(cy - _BESIDE), 0), min(floor(cy + _BESIDE), h - 1)
        for i in range(w):
            strongest[i] = max(edge[above, i], edge[below, i])
        y_near = min(max(floor(cy + 0.5), 0), h - 1)
        y_first = max(ceil(cy - radius - _REACH), 0)
        y_last = min(floor(cy + radius + _REACH), h - 1)
        y_phase = int((cy - y_near + 0.5) * _PHASES + 0.5)
        for x in range(width):
            weight = max(strongest[left[x]], strongest[right[x]])
            if weight == zero:
                continue
            cx = (x + 0.5) * w / width - 0.5
            x_near = min(max(floor(cx + 0.5), 0), w - 1)
            low, high = lowest[y_near, x_near], highest[y_near, x_near]
            if high - low < step32:
                continue
            x_first = max(ceil(cx - radius - _REACH), 0)
            x_last = min(floor(cx + radius + _REACH), w - 1)
            close = closeness[y_phase, int((cx - x_near + 0.5) * _PHASES + 0.5)]
            middle, scale = (low + high) * half, two / (high - low)
            red, green, blue = (
                np.int32(fine_guide[y, x, 0]),
                np.int32(fine_guide[y, x, 1]),
                np.int32(fine_guide[y, x, 2]),
            )
            near_all, near_fit, near_sum, far_all, far_fit, far_sum = zero, zero, zero, zero, zero, zero
            for j in range(y_first, y_last + 1):
                first = x_first + (x_first + j + x_near + y_near) % 2 * (int(stride) - 1)
                depths, colours, shares = coarse[j], coarse_guide[j], close[j - y_near + radius + 1]
                # Indices without a sign spare the check for negative ones, and selecting the side spares a jump:
                # together a third of the time.
                begin, offset = np.uint64(first), np.uint64(first - x_near + radius + 1)
                for number in range((x_last - first) // int(stride) + 1):
                    along = np.uint64(number) * stride
                    i = begin + along
                    value = depths[i]
                    place = (value - middle) * scale
                    say = place * place * shares[offset + along]
                    dr = np.int32(colours[i, np.uint64(0)]) - red
                    dg = np.int32(colours[i, np.uint64(1)]) - green
                    db = np.int32(colours[i, np.uint64(2)]) - blue
                    fit = likeness[np.uint32(dr * dr + dg * dg + db * db)] * say
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
            depth = fine[y, x]
            prior = min(max((depth - far_level) / (near_level - far_level), zero), one)
            near_fit, far_fit = near_fit / near_all, far_fit / far_all
            floor_fit = doubt32 * (near_fit + far_fit)
            near_fit, far_fit = near_fit + floor_fit, far_fit + floor_fit
            share = prior * near_fit / (prior * near_fit + (one - prior) * far_fit)
            moved = min(max(depth + (share - prior) * (near_level - far_level), low), high)
            fine[y, x] = depth + weight * (moved - depth)


@njit(cache=True, error_model="numpy")
def stretch(unit: npt.NDArray[np.float32], low: float, high: float) -> None:
    """Map 0..1 to low..high in place, never beyond.

    Parameters
    ----------
    unit : float32 array, shape (H, W)
    low, high : float
    """
    first, last, span = np.float32(low), np.float32(high), np.float32(high - low)
    for y in range(unit.shape[0]):
        for x in range(unit.shape[1]):
            unit[y, x] = min(max(unit[y, x] * span + first, first), last)
