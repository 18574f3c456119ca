"""Compiled encoding of linear light; apart, so that numba is loaded by the first photo that is encoded."""

from __future__ import annotations

from typing import Any

import numpy as np

from dofsim._kept import kept


@kept(nogil=True)
def encode(
    linear: Any,
    bits: Any,
    before: Any,
    table: Any,
    thresholds: Any,
    guess: Any,
    shift: int,
    first: int,
    steps: int,
    out: Any,
) -> None:
    """Encode linear light to the nearest code of a monotone transfer curve.

    The cell of a value is its float32 bit pattern without the last bits, which is a logarithmic grid that costs one
    shift; in a cell the code can only be the cell's first one or one of the next ``steps``.

    Parameters
    ----------
    linear : float32 (n, 3)
        Linear light; clipped to 0..1, NaN counts as 0.
    bits : int32 (n, 3)
        The same memory seen as integers.
    before : uint8 or uint16 (n, 3)
        Codes to keep wherever they decode to exactly ``linear`` (curves with flat ends decode several codes
        to one value, so that rounding alone could not give them back).
    table : float32 (3, levels)
        Linear light of each code, not decreasing.
    thresholds : float32 (3, levels)
        Linear light half-way between each code and the next; NaN, which nothing reaches, after the last.
    guess : uint16 (3, cells)
        Code at the start of each cell.
    shift, first : int
        Number of bits left out of a bit pattern, and what is left of that of the first cell.
    steps : int
        Largest number of thresholds inside one cell.
    out : as ``before``
        Receives the codes.
    """
    last = guess.shape[1] - 1
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
            cell = min(max((bits[i, channel] >> shift) - first, 0), last)
            near = np.int64(guess[channel, cell])
            for _ in range(steps):
                near += value >= thresholds[channel, near]
            out[i, channel] = near
