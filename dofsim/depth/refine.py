"""Bring a depth map to the size and the edges of its photo.

From the depth map's own size the photo's is reached in steps of two. At each the depth is enlarged bilinearly, and
where it jumps, the photo's colours decide which side a pixel is on (:mod:`dofsim.depth.settle`). Since the jump is
sharp at every size before the next, only a few pixels beside it need looking at, so the cost grows with the length of
the edges and not with the area. Depth that does not jump is only enlarged: flat texture cannot print into it.

A small map has averaged what is thinner than its pixels with what is behind, so that a pole comes out too far and a
gap too near. Once the shape is known at a finer size that can be undone: the refined map, reduced and blurred like the
given one, must be the given one, and the local linear model that makes it so is applied to the refined map.

The idea of upsampling by colour and place is Kopf et al., Joint bilateral upsampling, SIGGRAPH 2007; that of deciding
between the sides rather than averaging them, Min et al., Weighted mode filtering, IEEE TIP 2012; local linear
models that are found at a small size and applied at a large one, He and Sun, Fast guided filter, 2015.
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
# Up to how wide, px, the edges of a map of full size are exact or smoothed like a picture's, at most; and how wide
# those are that the first pass still settles. An edge rises within _WIDEST px, all but a quarter of its height.
_EXACT_EDGE, _SETTLED_EDGE = 2.3, 2.75
_WIDEST, _WHOLE, _STEEPEST = 8, 0.75, 0.99
_FEWEST_EDGES = 20
_LOOK_ROWS, _LOOKED_AT = 96, 1_500_000
# Depth of 8 bit has at least so many levels; what has fewer is a mask or a drawing and stays as it is.
_FEWEST_LEVELS, _MOST_LEVELS = 64, 256
_LEVELS_FROM = 100_000


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
_NEXT = _Windows(decide=3, spread=1.6, small=1, large=4, widen=1)
_FIRST_PASSES = 2
# Enlarging to more px than this is done with a smaller window, after contrast has been restored.
_LARGE = 4_500_000
_LAST = _Windows(decide=2, spread=1.2, small=1, large=4, widen=1)

_STRIP = 1 << 16

# Blurs that a map may have, px of it; side of the model's window, px of it; bounds of the model's slope; how often.
_BLURS = (0.0, 0.5, 1.0, 1.5, 2.0)
_MODEL_WINDOW = 3
_SLOPES = (0.8, 4.0)
_MODEL_PASSES = 3
# Misfits beside wide things, as a share of the jump there, up to which a map's edges are where the refined ones are,
# and from which on they are not.
_MISFITS = (0.05, 0.08)
# Around how many px of the map a part is the lesser one, and up to which share it is.
_AROUND, _LESSER = 6, 0.35


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
        Shape (H, W); same kind, source and detail. It is ``depth`` itself if that has this size already and sharp
        edges, because whoever made it meant them. If its edges are soft, it was a small map that somebody enlarged, as
        most networks' are: it is reduced until they are sharp, and refined from there. Of a phone's own map
        (``source="photo"``, such as Lens Blur's) the edges are rough at any size and are settled, once.

    Raises
    ------
    ParameterError
        If ``guide`` is not a colour picture of 8 or 16 bit.
    """
    if guide.ndim != 3 or guide.shape[2] != 3 or guide.size == 0 or guide.dtype not in (np.uint8, np.uint16):
        raise ParameterError(f"the guide is a (H, W, 3) picture of 8 or 16 bit, not {guide.shape} {guide.dtype}")
    size = guide.shape[0], guide.shape[1]
    far, near = depth.range()
    inverse = depth.inverse().values
    reduction = 1
    if depth.is_flat():
        reduction = 0
    elif depth.shape[0] >= size[0] and depth.shape[1] >= size[1]:
        inverse = inverse if depth.shape == size else _resize(inverse, size, shrink=True)
        reduction = 0 if depth.refined else _find_reduction(inverse, near - far, rough=depth.source == "photo")
    elif depth.source in ("file", "array"):
        # The first pass settles what is soft by a few px of a small map.
        reduction = max(1, _find_reduction(inverse, near - far, rough=False) // 2)
    if reduction == 0 and depth.shape == size:
        return depth
    if reduction == 0:
        full = np.clip(_resize(inverse, size, shrink=True), np.float32(far), np.float32(near))
    else:
        half_step = _find_half_step(inverse) / (near - far)
        if reduction > 1:
            inverse = _resize(inverse, tuple(-(-side // reduction) for side in inverse.shape), shrink=True)
        unit = ((inverse.astype(np.float64) - far) / (near - far)).astype(np.float32)
        full = _enlarge(_smooth_levels(unit, half_step), _eight_bit(guide))
        _stretch(full, far, near)
    if depth.kind is DepthKind.METRIC:
        with np.errstate(divide="ignore"):
            np.divide(np.float32(1), full, out=full)
    return DepthMap(full, depth.kind, depth.source, depth.detail, refined=True)


def _find_reduction(inverse: Field, span: float, *, rough: bool) -> int:
    """By which power of two a map has to be reduced for its edges to be sharp; 0 if they are exact.

    The edges' width, px: what a linear ramp of their steepest slope over 3 px would need, the median over the places
    where they are steepest. A large map is looked at in strips.
    """
    margin = 2 * _WIDEST
    period = _LOOK_ROWS * max(1, inverse.size // _LOOKED_AT)
    widths = []
    for top in range(0, inverse.shape[0], period):
        strip = inverse[max(top - margin, 0) : top + _LOOK_ROWS + margin]
        extents = [_dilate(strip, px) - _dilate(strip, px, shrink=True) for px in (1, _WIDEST, 2 * _WIDEST)]
        steepest = _dilate(extents[0], _WIDEST)
        edge = (extents[1] > np.float32(2 * _JUMP * span)) & (extents[1] > np.float32(_WHOLE) * extents[2])
        edge &= extents[0] >= np.float32(_STEEPEST) * steepest
        widths.append(2 * extents[1][edge] / extents[0][edge])
    found = np.concatenate(widths)
    width = float(np.median(found)) if found.size >= _FEWEST_EDGES else 0.0
    if width < _EXACT_EDGE and not rough:
        return 0
    least = 2 if inverse.size > _LARGE else 1
    return max(least, 2 ** int(math.log2(max(2 * width / _SETTLED_EDGE, 1.0))))


def _enlarge(given: Field, guide: npt.NDArray[np.uint8]) -> Field:
    """Enlarge inverse depth of range 0..1 to the guide's size."""
    guides = _halvings(guide, given.shape)
    robust = np.percentile(given, (1, 99))
    jump = _JUMP * max(float(robust[1] - robust[0]), 0.25)
    depth = _resize(given, guides[0].shape[:2])
    for _ in range(_FIRST_PASSES):
        depth = _settle(depth, guides[0], guides[0], jump, _FIRST)
    restored = False
    for small, large in itertools.pairwise(guides):
        late = large.shape[0] * large.shape[1] > _LARGE
        if late and not restored:
            depth, restored = _restore_contrast(depth, given, jump), True
        depth = _settle(depth, small, large, jump, _LAST if late else _NEXT)
    if restored or len(guides) == 1:
        return depth
    # A small photo can afford a last look with the levels put right, and shows single pixels.
    depth = _settle(_restore_contrast(depth, given, jump), guides[-1], guides[-1], jump, _NEXT)
    depth = _restore_contrast(depth, given, jump)
    from dofsim.depth.settle import remove_specks

    remove_specks(depth, jump)
    return depth


def _settle(
    coarse: Field, coarse_guide: npt.NDArray[np.uint8], fine_guide: npt.NDArray[np.uint8], jump: float,
    windows: _Windows,
) -> Field:  # fmt: skip
    """Enlarge to the size of ``fine_guide``, which may be the same, and let colours decide where the depth jumps."""
    from dofsim.depth.settle import settle_edges

    fine = coarse.copy() if fine_guide is coarse_guide else _resize(coarse, fine_guide.shape[:2])
    edge = _find_jumps(coarse, jump, windows)
    settle_edges(fine, fine_guide, coarse, coarse_guide, edge, windows.decide, windows.spread, _NOISE, _DOUBT, jump / 4)
    return fine


def _restore_contrast(fine: Field, given: Field, jump: float) -> Field:
    """Give thin things the depth that averaging took from them, without leaving the range of the given map.

    The refined map, reduced and blurred like the given one, is compared with it: the slope of the local line between
    the two is what was lost. If the edges of the given map lie where the refined ones do, the whole line is applied;
    if they are displaced, as a network's often are, only slopes of thin things are, about the level of what is behind.
    """
    jumps = _find_jumps(given, jump, _NEXT) > 0
    if not jumps.any() or fine.shape == given.shape:
        return fine
    reduced = _resize(fine, given.shape, shrink=True)
    sigma, seen = min(
        ((sigma, _blur(reduced, sigma)) for sigma in _BLURS),
        key=lambda pair: float(np.abs(pair[1] - given)[jumps].mean()),
    )
    thin, behind, extent = _thin_things(given)
    wide = jumps & (thin == 0)
    misfit = float(np.abs(seen - given)[wide].mean() / extent[wide].mean()) if wide.any() else np.inf
    trust = float(np.clip((_MISFITS[1] - misfit) / (_MISFITS[1] - _MISFITS[0]), 0, 1))
    where = _blur(_dilate(jumps.astype(np.float32), 1), 1.0)
    slope, offset = np.ones_like(given), np.zeros_like(given)
    for share, restrained in ((trust, None), (1 - trust, (thin, behind))):
        if share > 0:
            more, shift = _local_line(reduced, given, where, sigma, jump, restrained)
            slope += np.float32(share) * (more - 1)
            offset += np.float32(share) * shift
    restored = fine * _resize(slope, fine.shape)
    restored += _resize(offset, fine.shape)
    return np.clip(restored, np.float32(0), np.float32(1), out=restored)


def _local_line(
    reduced: Field, given: Field, where: Field, sigma: float, jump: float, restrained: tuple[Field, Field] | None
) -> tuple[Field, Field]:
    """Slope and offset, at the given map's size, that make the refined map explain the given one."""
    import cv2

    least = np.float32((0.1 * jump) ** 2)
    mean = _average(given)

    def slope_between(seen: Field) -> tuple[Field, Field]:
        seen_mean = _average(seen)
        covariance = _average(seen * given) - seen_mean * mean
        variance = _average(seen * seen) - seen_mean * seen_mean
        asked = (covariance + least) / (variance + least)
        return np.clip(asked, np.float32(_SLOPES[0]), np.float32(_SLOPES[1])), seen_mean

    # The slope that mere bilinear enlargement and reduction ask for is no dilution.
    kernel = np.array([0.125, 0.75, 0.125], np.float32)
    plain = np.asarray(cv2.sepFilter2D(given, -1, kernel, kernel, borderType=cv2.BORDER_REPLICATE), np.float32)
    usual = np.maximum(slope_between(plain)[0], np.float32(1))
    inside = where > 0
    slope, offset = np.ones_like(given), np.zeros_like(given)
    for _ in range(_MODEL_PASSES):
        asked, seen_mean = slope_between(_blur(slope * reduced + offset, sigma))
        more: Field = np.where(asked > 1, np.maximum(asked / usual, np.float32(1)), asked).astype(np.float32)
        if restrained is None:
            shift = _blur((mean - more * seen_mean) * where, 1.0) * inside
            more = _blur((more - 1) * where, 1.0) * inside + 1
        else:
            thin, behind = restrained
            more = _blur((np.maximum(more, np.float32(1)) - 1) * where * thin, 1.0) * inside + 1
            shift = behind * (1 - more)
        slope, offset = slope * more, offset * more + shift
    return slope, offset


def _thin_things(given: Field) -> tuple[Field, Field, Field]:
    """How much the lesser part of its surroundings each pixel's window is, the greater part's level, and the range."""
    import cv2

    lowest, highest = _dilate(given, _AROUND, shrink=True), _dilate(given, _AROUND)
    extent = np.maximum(highest - lowest, np.float32(1e-6))
    place = (cv2.blur(given, (2 * _AROUND + 1, 2 * _AROUND + 1)) - lowest) / extent
    lesser = np.minimum(place, 1 - place)
    thin = np.clip((np.float32(_LESSER) - lesser) * np.float32(10), 0, 1).astype(np.float32)
    return thin, np.where(place < np.float32(0.5), lowest, highest), extent


def _blur(field: Field, sigma: float) -> Field:
    import cv2

    return field if sigma == 0 else np.asarray(cv2.GaussianBlur(field, (0, 0), sigma), np.float32)


def _average(field: Field) -> Field:
    import cv2

    return np.asarray(cv2.blur(field, (_MODEL_WINDOW, _MODEL_WINDOW)), np.float32)


def _dilate(field: Field, radius: int, *, shrink: bool = False) -> Field:
    """Largest (or smallest) value within a square of ``2 * radius + 1`` px."""
    import cv2

    box = np.ones((2 * radius + 1, 2 * radius + 1), np.uint8)
    return np.asarray(cv2.erode(field, box) if shrink else cv2.dilate(field, box), np.float32)


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
        return _dilate(depth, radius) - _dilate(depth, radius, shrink=True)

    small = extent(windows.small)
    places = np.flatnonzero(small > jump)  # few
    height = small.ravel()[places]
    rise = height / np.maximum(extent(windows.large).ravel()[places], np.float32(1e-12))
    rise = np.clip((rise - np.float32(_RAMP_SHARE)) / np.float32(_JUMP_SHARE - _RAMP_SHARE), 0, 1)
    share = np.zeros_like(small)
    np.put(share, places, rise * rise * (3 - 2 * rise) * np.clip((height - np.float32(jump)) / np.float32(jump), 0, 1))
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * windows.widen + 1, 2 * windows.widen + 1))
    return np.asarray(cv2.dilate(share, disc), np.float32)


def _find_half_step(values: Field) -> float:
    """Half of the step between the levels of an 8-bit map; 0 if it has more of them, or so few that it is a mask."""
    levels = np.unique(values.ravel()[:: max(7, values.size // _LEVELS_FROM)])
    return float(np.diff(levels).min() / 2) if _FEWEST_LEVELS <= levels.size <= _MOST_LEVELS else 0.0


def _smooth_levels(unit: Field, half_step: float) -> Field:
    """Undo the steps of an 8-bit map: smooth it without leaving the interval that each value was rounded from."""
    import cv2

    if half_step == 0:
        return unit
    smooth = unit
    for _ in range(4):
        blurred = cv2.GaussianBlur(smooth, (0, 0), 4.0, borderType=cv2.BORDER_REFLECT)
        smooth = np.clip(blurred, unit - np.float32(half_step), unit + np.float32(half_step))
    return np.clip(smooth, np.float32(0), np.float32(1))


def _resize(field: Field, size: tuple[int, ...], *, shrink: bool = False) -> Field:
    import cv2

    # Where it has to enlarge, the area filter is the linear one.
    how = cv2.INTER_AREA if shrink else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(field, (size[1], size[0]), interpolation=how), np.float32)


def _stretch(unit: Field, low: float, high: float) -> None:
    """Map 0..1 to low..high in place, never beyond; in strips that stay in the processor's cache."""
    first, last, span = np.float32(low), np.float32(high), np.float32(high - low)
    rows = max(1, _STRIP // unit.shape[1])
    for y in range(0, unit.shape[0], rows):
        strip = unit[y : y + rows]
        strip *= span
        strip += first
        np.clip(strip, first, last, out=strip)


def _eight_bit(guide: Guide) -> npt.NDArray[np.uint8]:
    return (guide >> 8).astype(np.uint8) if guide.dtype == np.uint16 else guide.astype(np.uint8, copy=False)
