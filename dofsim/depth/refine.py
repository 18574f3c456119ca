"""Bring a depth map to the size and the edges of its photo.

From the depth map's own size the photo's is reached in steps of two. At each the depth is enlarged bilinearly, and
where it jumps, the photo's colours decide which side a pixel is on (:mod:`dofsim.depth._kernels`). Since the jump is
sharp at every size before the next, only a few pixels beside it need looking at, so the cost grows with the length of
the edges and not with the area. Depth that does not jump is only enlarged: flat texture cannot print into it.
The idea of upsampling by colour and place is Kopf et al., Joint bilateral upsampling, SIGGRAPH 2007; that of deciding
between the sides rather than averaging them, Min et al., Weighted mode filtering, IEEE TIP 2012.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dofsim.depth.depth_map import DepthKind, DepthMap
from dofsim.errors import ParameterError

Guide = npt.NDArray[np.uint8] | npt.NDArray[np.uint16]
Field = npt.NDArray[np.float32]

# Smallest jump that counts, as a share of the map's range: below it the blur differs by a pixel or so.
_JUMP = 0.03
# A jump rises within a small window to most of what it rises to in a large one; a ramp to a third of it.
_RAMP_SHARE, _JUMP_SHARE = 0.5, 0.75
# Squared colour distance that noise and fine grain make, levels^2 of 8 bit.
_NOISE = 100.0
_DOUBT = 0.02
# Depth of 8 bit has at least so many levels; what has fewer is a mask or a drawing and stays as it is.
_FEWEST_LEVELS, _MOST_LEVELS = 64, 256


@dataclass(frozen=True)
class _Windows:
    """Radii, px of the coarse grid."""

    decide: int
    spread: float
    small: int
    large: int
    widen: int


# At the depth map's own size jumps may be soft and displaced by a few pixels; after that they are sharp.
_FIRST = _Windows(decide=5, spread=2.5, small=2, large=6, widen=3)
_NEXT = _Windows(decide=2, spread=1.2, small=1, large=4, widen=1)
_FIRST_PASSES = 2


def refine(depth: DepthMap, guide: Guide) -> DepthMap:
    """Give every pixel of the photo a depth whose edges are the photo's edges.

    Works on inverse depth. Values stay within those of the depth map around them (no overshoot, no halo).

    Parameters
    ----------
    depth : DepthMap
        Any size of the photo's field of view.
    guide : uint8 or uint16 array, shape (H, W, 3)
        The photo, upright, RGB, encoded (not linear).

    Returns
    -------
    DepthMap
        Shape (H, W); same kind, source and detail. It is ``depth`` itself if it has that size already: whoever
        made a map of full size meant its edges. A larger one is averaged down.

    Raises
    ------
    ParameterError
        If ``guide`` is not a colour picture of 8 or 16 bit.
    """
    if guide.ndim != 3 or guide.shape[2] != 3 or guide.size == 0 or guide.dtype not in (np.uint8, np.uint16):
        raise ParameterError(f"the guide is a (H, W, 3) picture of 8 or 16 bit, not {guide.shape} {guide.dtype}")
    size = guide.shape[0], guide.shape[1]
    if depth.shape == size:
        return depth
    inverse = depth.inverse().values
    far, near = depth.range()
    if depth.shape[0] >= size[0] and depth.shape[1] >= size[1]:
        full = _resize(inverse, size, shrink=True)
    elif depth.is_flat():
        full = _resize(inverse, size)
    else:
        span = near - far
        unit = ((inverse.astype(np.float64) - far) / span).astype(np.float32)
        full = np.multiply(_enlarge(unit, _eight_bit(guide)), np.float32(span), dtype=np.float32)
        full += np.float32(far)
    np.clip(full, np.float32(far), np.float32(near), out=full)
    if depth.kind is DepthKind.METRIC:
        with np.errstate(divide="ignore"):
            np.divide(np.float32(1), full, out=full)
    return DepthMap(full, depth.kind, depth.source, depth.detail)


def _enlarge(unit: Field, guide: npt.NDArray[np.uint8]) -> Field:
    """Enlarge inverse depth of range 0..1 to the guide's size."""
    from dofsim.depth._kernels import settle_edges

    guides = _halvings(guide, unit.shape)
    robust = np.percentile(unit, (1, 99))
    jump = _JUMP * max(float(robust[1] - robust[0]), 0.25)
    coarse = _resize(_smooth_levels(unit), guides[0].shape[:2])
    for _ in range(_FIRST_PASSES):
        fine = coarse.copy()
        edge = _find_jumps(coarse, jump, _FIRST)
        settle_edges(
            fine, guides[0], coarse, guides[0], edge,
            _FIRST.decide, _FIRST.spread, _NOISE, _DOUBT, jump / 4,
        )  # fmt: skip
        coarse = fine
    for coarse_guide, fine_guide in itertools.pairwise(guides):
        fine = _resize(coarse, fine_guide.shape[:2])
        edge = _find_jumps(coarse, jump, _NEXT)
        settle_edges(
            fine, fine_guide, coarse, coarse_guide, edge,
            _NEXT.decide, _NEXT.spread, _NOISE, _DOUBT, jump / 4,
        )  # fmt: skip
        coarse = fine
    return coarse


def _halvings(guide: npt.NDArray[np.uint8], shape: tuple[int, ...]) -> list[npt.NDArray[np.uint8]]:
    """The guide at its size, half of it, and so on while not below ``shape``; the smallest comes first."""
    import cv2

    # A hair below an exact power of two (rounded sizes) still counts as one.
    ratio = min(guide.shape[0] / shape[0], guide.shape[1] / shape[1]) * 1.01
    guides = [np.ascontiguousarray(guide)]
    for _ in range(int(math.log2(max(ratio, 1.0)))):
        height, width = guides[0].shape[:2]
        half = cv2.resize(guides[0], ((width + 1) // 2, (height + 1) // 2), interpolation=cv2.INTER_AREA)
        guides.insert(0, np.asarray(half, np.uint8))
    return guides


def _find_jumps(depth: Field, jump: float, windows: _Windows) -> Field:
    """How much of a discontinuity there is at each pixel, 0..1, and ``windows.widen`` px around it."""
    import cv2

    def extent(radius: int) -> Field:
        box = np.ones((2 * radius + 1, 2 * radius + 1), np.uint8)
        return np.asarray(cv2.dilate(depth, box) - cv2.erode(depth, box), np.float32)

    small = extent(windows.small)
    share = small / np.maximum(extent(windows.large), np.float32(1e-12))
    share = np.clip((share - np.float32(_RAMP_SHARE)) / np.float32(_JUMP_SHARE - _RAMP_SHARE), 0, 1)
    share *= share * (3 - 2 * share)
    share *= np.clip((small - np.float32(jump)) / np.float32(jump), 0, 1)
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * windows.widen + 1, 2 * windows.widen + 1))
    return np.asarray(cv2.dilate(share, disc), np.float32)


def _smooth_levels(unit: Field) -> Field:
    """Undo the steps of an 8-bit map: smooth it without leaving the interval that each value was rounded from."""
    import cv2

    levels = np.unique(unit.ravel()[::7])
    if not _FEWEST_LEVELS <= levels.size <= _MOST_LEVELS:
        return unit
    half_step = np.float32(float(np.diff(levels).min()) / 2)
    smooth = unit
    for _ in range(4):
        blurred = cv2.GaussianBlur(smooth, (0, 0), 4.0, borderType=cv2.BORDER_REFLECT)
        smooth = np.clip(blurred, unit - half_step, unit + half_step)
    return np.clip(smooth, np.float32(0), np.float32(1))


def _resize(field: Field, size: tuple[int, ...], *, shrink: bool = False) -> Field:
    import cv2

    how = cv2.INTER_AREA if shrink else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(field, (size[1], size[0]), interpolation=how), np.float32)


def _eight_bit(guide: Guide) -> npt.NDArray[np.uint8]:
    return (guide >> 8).astype(np.uint8) if guide.dtype == np.uint16 else guide.astype(np.uint8, copy=False)
