"""EXIF orientation as array operations, the same for pixels and for the depth map that belongs to them."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt


def swaps_sides(orientation: int) -> bool:
    """Whether turning a picture of this EXIF orientation (1..8) upright exchanges its width and height."""
    return orientation in (5, 6, 7, 8)


def upright(array: npt.NDArray[Any], orientation: int) -> npt.NDArray[Any]:
    """Turn a stored picture upright.

    Parameters
    ----------
    array : array, shape (h, w) or (h, w, channels)
        The picture as stored.
    orientation : int
        EXIF tag 0x0112, 1..8 (EXIF 2.32, 4.6.4 A); any other value means "as stored", like 1.

    Returns
    -------
    array
        C-contiguous, shape (w, h, ...) for the orientations 5 to 8, else (h, w, ...).
    """
    if orientation in (5, 6, 7, 8):
        array = array.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        array = array[::-1]
    if orientation in (2, 3, 6, 7):
        array = array[:, ::-1]
    return np.ascontiguousarray(array)
