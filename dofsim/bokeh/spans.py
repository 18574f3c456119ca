"""Discs as row spans: the table of half-widths that every kernel draws its discs from.

A disc of radius r is drawn as one span per pixel row. The span's half-width is half of the disc's area inside that
row (not the chord at the row's middle), so that the rows add up to exactly pi * r^2 at any fractional radius and
any vertical position, and a slow ramp of radii shows no steps.

Writing a span as +w at its start and -w behind its end, and summing along the row once at the end, makes a disc
cost O(r) instead of O(r^2) (the difference-image idea of GEGL's lens-blur).
"""

from __future__ import annotations

import functools
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

RADIUS_STEPS = 8
"""Steps of the radius per px in the table."""

PHASES = 8
"""Vertical sub-pixel positions of a disc's centre in the table."""

SMALLEST_RADIUS = 0.0625


class SpanTable(NamedTuple):
    """Half-widths of disc rows.

    Attributes
    ----------
    half_width : float32 array, shape (radii, PHASES, 2 * reach + 2)
        ``half_width[i, p, reach + d]``: half-width, px, of the row d px below the row of a disc's centre, for
        radius ``i / RADIUS_STEPS`` and a centre ``p / PHASES`` px below the middle of its row.
    start : int64 array, shape (radii, reach + 1)
        For a centre in the middle of a pixel: first px of the span of row +-d, relative to the centre's px.
    fraction : float32 array, shape (radii, reach + 1)
        How much of that first px is NOT covered, 0..1.
    reach : int
        Rows above and below the centre that the table holds.
    """

    half_width: npt.NDArray[np.float32]
    start: npt.NDArray[np.int64]
    fraction: npt.NDArray[np.float32]
    reach: int


@functools.cache
def span_table(max_radius: int) -> SpanTable:
    """Table for radii of 0..max_radius px.

    Parameters
    ----------
    max_radius : int
        Largest radius, px, >= 1.

    Returns
    -------
    SpanTable
    """
    count = max_radius * RADIUS_STEPS + 2
    reach = max_radius + 2
    radius = np.maximum(np.arange(count) / RADIUS_STEPS, SMALLEST_RADIUS)[:, None, None]
    phase = (np.arange(PHASES) / PHASES)[None, :, None]
    row = np.arange(-reach, reach + 2)[None, None, :] - phase

    def area_above(y: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        y = np.clip(y, -radius, radius)
        return y * np.sqrt(np.maximum(radius * radius - y * y, 0.0)) + radius * radius * np.arcsin(y / radius)

    half_width = (0.5 * (area_above(row + 0.5) - area_above(row - 0.5))).astype(np.float32)
    left = 0.5 - half_width[:, 0, reach : 2 * reach + 1].astype(np.float64)
    start = np.floor(left).astype(np.int64)
    return SpanTable(half_width, start, (left - start).astype(np.float32), reach)
