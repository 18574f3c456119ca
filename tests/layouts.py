"""Strategies for arrays of any size, type and place in memory."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

SIDES = st.sampled_from([1, 2, 3, 5, 7, 31, 32, 33, 61, 97])
TYPES = st.sampled_from(["<f2", "<f4", ">f4", "<f8", ">f8"])
LAYOUTS = st.sampled_from(["fortran", "reversed", "strided", "read-only", "plain"])
FEW = settings(
    max_examples=25, deadline=None, derandomize=True, database=None, suppress_health_check=[HealthCheck.too_slow]
)
#: For functions that take well under a millisecond.
MANY = settings(FEW, max_examples=200)


def laid_out(array: Any, layout: str, kind: str) -> Any:
    """The same numbers, otherwise in memory."""
    array = array.astype(kind)
    if layout == "fortran":
        return np.asfortranarray(array)
    if layout == "reversed":
        return np.ascontiguousarray(array[::-1, ::-1])[::-1, ::-1]
    if layout == "strided":
        wide = np.zeros((2 * array.shape[0], 3 * array.shape[1], *array.shape[2:]), kind)
        wide[::2, ::3] = array
        return wide[::2, ::3]
    array.flags.writeable = layout != "read-only"
    return array


def halves(array: Any) -> Any:
    """The numbers rounded to what every type can hold, float32."""
    return array.astype(np.float16).astype(np.float32)
