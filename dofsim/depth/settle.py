"""Where depth jumps, let the photo's colours decide which side a pixel belongs to."""

from __future__ import annotations

import itertools
from functools import lru_cache

import numpy as np
import numpy.typing as npt

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


def settle_edges(
    fine: npt.NDArray[np.float32],
    fine_guide: npt.NDArray[np.uint8],
    coarse: npt.NDArray[np.float32],
    coarse_guide: npt.NDArray[np.uint8],
    edge: npt.NDArray[np.float32],
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
    the depth by (p - t) times the step. Where both sides have the same colour nothing moves. d and D are the extremes
    within ``radius`` px (a square) of the sample nearest to the pixel.

    Parameters
    ----------
    fine : float32 array, shape (H, W)
        The coarse map, bilinearly enlarged; settled in place, never beyond the coarse samples of the window.
    fine_guide : uint8 array, shape (H, W, 3)
        The photo at that size.
    coarse, coarse_guide : float32 array, shape (h, w), and uint8 array, shape (h, w, 3)
        Depth (near is large) and photo at the coarse size.
    edge : float32 array, shape (h, w)
        0..1, how much of a discontinuity there is; elsewhere (0) nothing is done.
    radius : int
        Of the window, px of the coarse grid; at least 1.
    spread : float
        Distance at which a sample counts 2/3, px of the coarse grid.
    noise : float
        Squared colour distance that is no difference yet, levels^2.
    doubt : float
        How little colour may say of a side: likelihood ratios end at about 1 / doubt.
    step : float
        Smallest range in a window that is treated as a discontinuity.
    """
    import cv2

    from dofsim.depth._kernels import settle_pixels

    box = np.ones((2 * radius + 1, 2 * radius + 1), np.uint8)
    extremes = np.empty((2, *coarse.shape), np.float32)
    cv2.erode(coarse, box, dst=extremes[0])
    cv2.dilate(coarse, box, dst=extremes[1])
    settle_pixels(
        fine, fine_guide, coarse, coarse_guide, edge, extremes,
        _places(fine.shape[0], coarse.shape[0], radius), _places(fine.shape[1], coarse.shape[1], radius),
        _closeness(radius, spread), _likeness(noise),
        np.uint64(1 if radius < _SPARSE else 2), np.float32(doubt), np.float32(step),
    )  # fmt: skip


def remove_specks(depth: npt.NDArray[np.float32], step: float) -> None:
    """Give a pixel that is like at most one of its eight neighbours the median of its 3 x 3 px.

    Where both sides of an edge have the same texture, colour says something else of every dot of it. Lines of one
    pixel's width stay, but for their ends.

    Parameters
    ----------
    depth : float32 array, shape (H, W)
        Changed in place.
    step : float
        Depths that differ by less are alike.
    """
    import cv2

    median = np.asarray(cv2.medianBlur(depth, 3), np.float32)
    rows, columns = np.nonzero(np.abs(depth - median) > step)
    own = depth[rows, columns]
    alike = np.zeros(own.size, np.int64)
    for down, across in itertools.product((-1, 0, 1), repeat=2):
        beside = depth[(rows + down).clip(0, depth.shape[0] - 1), (columns + across).clip(0, depth.shape[1] - 1)]
        alike += np.abs(beside - own) < step
    alone = alike <= 2  # itself is one
    depth[rows[alone], columns[alone]] = median[rows[alone], columns[alone]]


def _places(fine: int, coarse: int, radius: int) -> npt.NDArray[np.uint64]:
    """Tables ``rows`` and ``columns`` of the compiled loop."""
    centre = (np.arange(fine) + 0.5) * coarse / fine - 0.5
    nearest = np.clip(np.floor(centre + 0.5), 0, coarse - 1)
    table = (
        np.maximum(np.ceil(centre - _BESIDE), 0),
        np.minimum(np.floor(centre + _BESIDE), coarse - 1),
        nearest,
        np.maximum(np.ceil(centre - radius - _REACH), 0),
        np.minimum(np.floor(centre + radius + _REACH), coarse - 1) + 1,
        np.floor((centre - nearest + 0.5) * _PHASES + 0.5),
        nearest - radius - 1,
    )
    return np.stack(table, axis=1).astype(np.int64).view(np.uint64)


@lru_cache(maxsize=8)
def _closeness(radius: int, spread: float) -> npt.NDArray[np.float32]:
    """1 / (1 + r^2 / (2 spread^2)) by the pixel's phase (down, across) and the sample's offset from the nearest one."""
    offset = np.arange(2 * radius + 3) - radius - 0.5 - np.arange(_PHASES + 1)[:, None] / _PHASES
    share = 0.5 * offset**2 / spread**2
    return (1 / (1 + share[:, None, :, None] + share[None, :, None, :])).astype(np.float32)


@lru_cache(maxsize=8)
def _likeness(noise: float) -> npt.NDArray[np.float32]:
    """The factor k by the squared difference of colours."""
    return ((noise / (noise + np.arange(3 * 255 * 255 + 1))) ** 2).astype(np.float32)
