"""Bring a depth map to the size and the edges of its photo."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from dofsim.depth.depth_map import DepthKind, DepthMap
from dofsim.errors import ParameterError

Guide = npt.NDArray[np.uint8] | npt.NDArray[np.uint16]


def refine(depth: DepthMap, guide: Guide) -> DepthMap:
    """Give every pixel of the photo a depth.

    Parameters
    ----------
    depth : DepthMap
        Any size.
    guide : uint8 or uint16 array, shape (H, W, 3)
        The photo, upright.

    Returns
    -------
    DepthMap
        Shape (H, W); same kind, source and detail. ``depth`` itself if it has that size already.

    Raises
    ------
    ParameterError
        If ``guide`` is not a colour picture of 8 or 16 bit.
    """
    if guide.ndim != 3 or guide.shape[2] != 3 or guide.dtype not in (np.uint8, np.uint16):
        raise ParameterError(f"the guide is a (H, W, 3) picture of 8 or 16 bit, not {guide.shape} {guide.dtype}")
    height, width = guide.shape[:2]
    if depth.shape == (height, width):
        return depth
    import cv2

    inverse = depth.inverse().values
    full = np.asarray(cv2.resize(inverse, (width, height), interpolation=cv2.INTER_LINEAR), np.float32)
    if depth.kind is DepthKind.METRIC:
        with np.errstate(divide="ignore"):
            full = np.divide(np.float32(1), full, dtype=np.float32)
    return DepthMap(full, depth.kind, depth.source, depth.detail)
