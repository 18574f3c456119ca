"""Edges of the circle of confusion where a depth map, of a phone or a network, knows them to some pixels only."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

_UNSURE = 1 / 1700
"""How far off an edge of a refined depth map may be, as a share of the diagonal."""

_SOFT = 1 / 500
"""Half of how wide such an edge may be, as a share of the diagonal."""

_BLURRED = 2.0
"""Radius, px, from which on a surface is out of focus for good."""

_BETWEEN = 0.7
"""Share of the radii of both surfaces below which a pixel belongs to neither."""

_GOES_ON = 1.5
"""How much more the circle of confusion of one steep surface changes over twice the width; less is an edge."""

_TILE = 128
_ROWS = 64


def clear_rims(coc_px: npt.NDArray[np.float32], diagonal_px: float) -> None:
    """Leave no rim of a blurred surface in focus, in place: :func:`widen_near`, then :func:`split_ramps`.

    Parameters
    ----------
    coc_px : float32 array, shape (H, W)
        Signed radius, px.
    diagonal_px : float
        Diagonal of the picture, px.
    """
    widen_near(coc_px, diagonal_px)
    split_ramps(coc_px, diagonal_px)


def widen_near(coc_px: npt.NDArray[np.float32], diagonal_px: float) -> None:
    """Move edges outwards, in place, where the nearer surface is the more blurred one.

    Depth maps of phones and networks know edges to some pixels only. Pixels of a blurred surface that are taken for
    part of a sharp one behind it stay as a thin line around it; those of the sharp one in the blurred one are not seen.

    Parameters
    ----------
    coc_px : float32 array, shape (H, W)
        Signed radius, px.
    diagonal_px : float
        Diagonal of the picture, px; edges move by 1/1700 of it, 3 px of 12 megapixels, rounded.
    """
    px = round(diagonal_px * _UNSURE)
    if px == 0:
        return
    import cv2

    height, width = coc_px.shape
    square = np.ones((2 * px + 1, 2 * px + 1), np.uint8)
    found = []
    # In strips that the processor's cache holds.
    for top in range(0, height, _ROWS):
        above, bottom = max(top - px, 0), min(top + _ROWS, height)
        own, near = coc_px[top:bottom], cv2.erode(coc_px[above : bottom + px], square)[top - above :][: bottom - top]
        edge = np.flatnonzero(own - near > 1)
        wide = near.ravel()[edge]
        more = np.abs(wide) > np.abs(own.ravel()[edge]) + 2 * px
        found.append((edge[more] + top * width, wide[more]))
    for edge, wide in found:
        coc_px.flat[edge] = wide


def split_ramps(coc_px: npt.NDArray[np.float32], diagonal_px: float) -> None:
    """Take pixels out of focus, in place, that are in it only as part of a soft edge.

    Between a surface in front of the plane of focus and one behind it, a soft edge of the depth map runs through the
    focus; its pixels would stay as a sharp outline of what is blurred. They get the radius of the surface that is
    closer. A steep surface, on which the radius goes on changing, stays as it is.

    Parameters
    ----------
    coc_px : float32 array, shape (H, W)
        Signed radius, px.
    diagonal_px : float
        Diagonal of the picture, px; edges are up to 1/250 of it wide, 20 px of 12 megapixels.
    """
    px = round(diagonal_px * _SOFT)
    if px == 0:
        return
    import cv2

    height, width = coc_px.shape
    square, twice = (np.ones((2 * reach + 1, 2 * reach + 1), np.uint8) for reach in (px, 2 * px))
    found = []
    for top in range(0, height, _TILE):
        for left in range(0, width, _TILE):
            above, before = max(top - 2 * px, 0), max(left - 2 * px, 0)
            around = coc_px[above : top + _TILE + 2 * px, before : left + _TILE + 2 * px]
            # Few tiles have both surfaces, and fewer a soft edge between them.
            lowest, highest, *_ = cv2.minMaxLoc(around)
            if lowest >= -_BLURRED or highest <= _BLURRED:
                continue
            near, far = cv2.erode(around, square), cv2.dilate(around, square)
            ramp = np.minimum(-near, far)
            ramp = (ramp > _BLURRED) & (np.abs(around) < _BETWEEN * ramp)
            y, x = np.nonzero(ramp[top - above :, left - before :][:_TILE, :_TILE])
            if len(y) == 0:
                continue
            inside = y + top - above, x + left - before
            span = cv2.dilate(around, twice)[inside] - cv2.erode(around, twice)[inside]
            near, far = near[inside], far[inside]
            ends = span < _GOES_ON * (far - near)
            closer = np.where(2 * around[inside] < near + far, near, far)
            found.append((y[ends] + top, x[ends] + left, closer[ends]))
    for y, x, closer in found:
        coc_px[y, x] = closer
