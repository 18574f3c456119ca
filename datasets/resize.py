"""Bring frames to a size without mixing depths."""

from __future__ import annotations

import re

import cv2
import numpy as np

from dofsim.datasets.reader import Depth, Photo
from dofsim.errors import ParameterError

#: Longest side, or (height, width).
Size = int | tuple[int, int]


def parse_size(text: str) -> Size:
    """Read ``640`` (longest side) or ``286x286`` (width x height).

    Raises
    ------
    ParameterError
        If it is neither, or below 8 px.
    """
    found = re.fullmatch(r"(\d+)(?:[x×](\d+))?", text.strip())
    sides = [int(side) for side in found.groups() if side] if found else []
    if not sides or min(sides) < 8:
        raise ParameterError(
            f"a size is 640 (longest side) or 286x286 (width x height), at least 8 px, not {text!r} (--size 640)"
        )
    return sides[0] if len(sides) == 1 else (sides[1], sides[0])


def resize(photo: Photo, depth: Depth, size: Size) -> tuple[Photo, Depth]:
    """Bring a frame to a size: the photo by area, the depth by its nearest sample, so that no depths are mixed.

    Parameters
    ----------
    photo : uint8 (h, w, 3)
    depth : float32 (h, w)
    size : int or (height, width)
        An int is the longest side, and never enlarges.

    Returns
    -------
    photo : uint8, depth : float32
    """
    rows, columns = depth.shape
    if isinstance(size, int):
        scale = min(1.0, size / max(rows, columns))
        size = max(1, round(rows * scale)), max(1, round(columns * scale))
    if size == (rows, columns):
        return photo, depth
    shrinks = size[0] < rows or size[1] < columns
    small = cv2.resize(photo, size[::-1], interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
    near = cv2.resize(depth, size[::-1], interpolation=cv2.INTER_NEAREST_EXACT)
    return small.astype(np.uint8, copy=False), near.astype(np.float32, copy=False)
