"""Compiled encoding of linear light; apart, so that numba is loaded by the first photo that is encoded."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def encode(linear: Any, before: Any, table: Any, thresholds: Any, guess: Any, out: Any) -> None:
    """Encode linear light to the nearest code of a monotone transfer curve.

    Parameters
    ----------
    linear : float32 (n, 3)
        Linear light; clipped to 0..1, NaN counts as 0.
    before : uint8 or uint16 (n, 3)
        Codes to keep wherever they decode to exactly ``linear`` (curves with flat ends decode several codes
        to one value, so that rounding alone could not give them back).
    table : float32 (3, levels)
        Linear light of each code, not decreasing.
    thresholds : float32 (3, levels - 1)
        Linear light half-way between neighbouring codes.
    guess : uint16 (3, cells)
        A code near the one sought, by the square root of linear light.
    out : as ``before``
        Receives the codes.
    """
    top = table.shape[1] - 1
    cells = guess.shape[1] - 1
    for i in range(linear.shape[0]):
        for channel in range(3):
            value = linear[i, channel]
            code = before[i, channel]
            if table[channel, code] == value:
                out[i, channel] = code
                continue
            if not value > 0.0:
                out[i, channel] = 0
                continue
            if value >= 1.0:
                out[i, channel] = top
                continue
            near = np.int64(guess[channel, np.int64(np.sqrt(value) * cells)])
            while near < top and value >= thresholds[channel, near]:
                near += 1
            while near > 0 and value < thresholds[channel, near - 1]:
                near -= 1
            out[i, channel] = near
