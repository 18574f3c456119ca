"""The compiled part of :mod:`dofsim.grain`; apart, so that numba is loaded by the first photo that is rendered."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from dofsim._kept import kept


@kept(nogil=True, error_model="numpy", no_cfunc_wrapper=True)
def add_codes(
    linear: Any,
    coc: Any,
    in_focus: Any,
    area: Any,
    table: Any,
    shift: int,
    first: int,
    grain: Any,
    white: Any,
) -> None:
    """Add noise that is given in codes to linear light, in place.

    The row of the table is found from the float32 bit pattern without its last bits, as in encoding.

    Parameters
    ----------
    linear : float32 (n, 3)
        Linear light.
    coc : float32 (n,)
        Radius of the circle of confusion, px; where it is below ``in_focus`` (float32), the light stays as it is.
    area : float32
        Correlation area of the grain, px², divided by pi.
    table : float32 (cells, 5)
        By light: what one code is worth in red, green and blue; by green light: strength of grain and of white noise.
    shift, first : int
        Number of bits left out of a bit pattern, and what is left of that of the first cell.
    grain, white : float32 (n,)
        Grain of standard deviation 1, and white noise.
    """
    last = table.shape[0] - 1
    for i in range(coc.size):
        radius = abs(coc[i])
        if radius < in_focus:
            continue
        square = radius * radius
        green = min(max((np.float32(linear[i, 1]).view(np.int32) >> shift) - first, 0), last)
        codes = math.sqrt(square / (square + area)) * (table[green, 3] * grain[i] + table[green, 4] * white[i])
        for channel in range(3):
            cell = min(max((np.float32(linear[i, channel]).view(np.int32) >> shift) - first, 0), last)
            linear[i, channel] += codes * table[cell, channel]
