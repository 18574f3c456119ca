"""The depth auxiliary picture of HEIC files, with its depth representation message (ISO/IEC 23008-2, G.14.2.3)."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from dofsim.depth.depth_map import DepthKind, DepthMap
from dofsim.errors import DepthError

_INVERSE_Z, _DISPARITY, _Z = 0, 1, 2


def read_depth(image: Any) -> DepthMap:
    """Turn a HEIF depth picture into a depth map.

    Parameters
    ----------
    image : pillow_heif.HeifDepthImage
        With ``info["metadata"]``: ``representation_type``, and ``d_min``, ``d_max`` (disparity; phones give it in
        1/m) or ``z_near``, ``z_far`` (m).

    Returns
    -------
    DepthMap
        ``INVERSE`` (1/m) or ``METRIC`` (m) when the picture states its range, else ``RELATIVE``.

    Raises
    ------
    DepthError
        If the stated range makes no sense.
    """
    samples = np.asarray(image)
    if samples.ndim == 3:
        samples = samples[:, :, 0]
    share = samples.astype(np.float32) / np.float32(np.iinfo(samples.dtype).max)
    stated = image.info.get("metadata") or {}
    # Without a message the bright side is near, as in every phone file seen so far.
    kind = stated.get("representation_type", _DISPARITY)
    if kind == _DISPARITY and _pair(stated, "d_min", "d_max"):
        low, high = _range(stated, "d_min", "d_max")
        return _map(low + share * (high - low), DepthKind.INVERSE, "disparity in 1/m")
    if kind in (_INVERSE_Z, _Z) and _pair(stated, "z_near", "z_far"):
        near, far = _range(stated, "z_near", "z_far")
        if near <= 0:
            raise DepthError(f"its nearest distance is {near:g} m")
        if kind == _Z:
            return _map(near + share * (far - near), DepthKind.METRIC, "distance in m")
        return _map(1 / far + share * (1 / near - 1 / far), DepthKind.INVERSE, "inverse distance in 1/m")
    if kind == _Z:
        # Without a scale, distance can only be ranked; turned round it is near = large.
        return _map(1 - share, DepthKind.RELATIVE, "distance without a scale")
    return _map(share, DepthKind.RELATIVE, "disparity without a scale")


def _pair(stated: dict[str, Any], low: str, high: str) -> bool:
    return stated.get(low) is not None and stated.get(high) is not None


def _range(stated: dict[str, Any], low: str, high: str) -> tuple[float, float]:
    first, second = float(stated[low]), float(stated[high])
    if not (math.isfinite(first) and math.isfinite(second) and 0 <= first <= second and second > 0):
        raise DepthError(f"its range {low} = {first:g}, {high} = {second:g} makes no sense")
    return first, second


def _map(values: np.ndarray[Any, np.dtype[np.float32]], kind: DepthKind, what: str) -> DepthMap:
    return DepthMap(values, kind, "photo", f"HEIC depth auxiliary image, {what}")
