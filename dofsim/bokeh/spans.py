"""Discs as row spans: the table of half-widths that every kernel draws its discs from.

A disc of radius r is drawn as one span per pixel row. The span is as high as the disc covers the row's middle pixel
(less than 1 in the topmost and lowest row only) and as wide as the disc's area inside that row asks for, so that the
rows add up to exactly pi * r^2 at any fractional radius and any vertical position, and a slow ramp of radii shows no
steps.

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
    """Spans of disc rows.

    Attributes
    ----------
    half_width : float32 array, shape (radii, PHASES, 2 * reach + 2)
        ``half_width[i, p, reach + d]``: half-width, px, of the row d px below the row of a disc's centre, for
        radius ``i / RADIUS_STEPS`` and a centre ``p / PHASES`` px below the middle of its row.
    height : float32 array, same shape
        How much of the row the span covers, 0..1.
    start : int64 array, shape (radii, reach + 1)
        For a centre in the middle of a pixel: first px of the span of row +-d, relative to the centre's px.
    first, second : float32 array, shape (radii, reach + 1)
        What such a span adds to the differences at its first px and at the one after; they sum to its height. The far
        end takes the same away, mirrored.
    rows : int64 array, shape (radii,)
        Rows above and below its own that a centred disc touches.
    reach : int
        Rows above and below the centre that the table holds.
    """

    half_width: npt.NDArray[np.float32]
    height: npt.NDArray[np.float32]
    start: npt.NDArray[np.int64]
    first: npt.NDArray[np.float32]
    second: npt.NDArray[np.float32]
    rows: npt.NDArray[np.int64]
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

    def chord_area(y: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        y = np.clip(y, -radius, radius)
        return y * np.sqrt(np.maximum(radius * radius - y * y, 0.0)) + radius * radius * np.arcsin(y / radius)

    area = np.maximum(chord_area(row + 0.5) - chord_area(row - 0.5), 0.0)
    height = np.zeros_like(area)
    columns = 16
    for column in (np.arange(columns) + 0.5) / columns - 0.5:
        half_chord = np.sqrt(np.maximum(radius * radius - column * column, 0.0))
        height += np.maximum(np.minimum(row + 0.5, half_chord) - np.maximum(row - 0.5, -half_chord), 0.0) / columns
    # A row that the disc touches only beside its middle pixel does not exist; a height of 0 means no area either.
    height = np.where(area > 1e-6, np.maximum(height, 1e-3), 0.0)
    half_width = np.divide(0.5 * area, height, out=np.zeros_like(area), where=height > 0)

    left = 0.5 - half_width[:, 0, reach : 2 * reach + 1]
    start = np.floor(left).astype(np.int64)
    covered = height[:, 0, reach : 2 * reach + 1]
    second = covered * (left - start)
    return SpanTable(
        half_width.astype(np.float32),
        height.astype(np.float32),
        start,
        (covered - second).astype(np.float32),
        second.astype(np.float32),
        (covered > 0).sum(axis=1) - 1,
        reach,
    )


class GatherTable(NamedTuple):
    """Rows of centred discs for gathering the mean under them, row 0 first, one disc behind the other.

    A row's share of the mean around px x is ``first * (P[x - begin + 1] - P[x + begin]) + second * (P[x - begin] -
    P[x + begin + 1])`` for sums P along the row (P[x]: of all px before x), once for the row above and once for the row
    below; row 0 is counted half, because it is both.

    Attributes
    ----------
    begin : int64 array, shape (radii * length,)
        Floats from the centre to the first px, <= 0, at 3 floats a px.
    first, second : float32 arrays, same shape
        Weights, divided by the disc's area.
    rows : int64 array, shape (radii,)
        Rows of each disc, its middle one included.
    length : int
        Rows that the table holds for each disc.
    """

    begin: npt.NDArray[np.int64]
    first: npt.NDArray[np.float32]
    second: npt.NDArray[np.float32]
    rows: npt.NDArray[np.int64]
    length: int


@functools.cache
def gather_table(max_radius: int) -> GatherTable:
    """Table for radii of 0..max_radius px, from :func:`span_table`.

    Parameters
    ----------
    max_radius : int
        Largest radius, px, >= 1.

    Returns
    -------
    GatherTable
    """
    spans = span_table(max_radius)
    radius = np.maximum(np.arange(len(spans.rows)) / RADIUS_STEPS, SMALLEST_RADIUS)[:, None]
    half = np.where(np.arange(spans.first.shape[1]) == 0, 0.5, 1.0)
    scale = (half / (np.pi * radius * radius)).astype(np.float32)
    return GatherTable(
        (spans.start * 3).ravel(),
        (spans.first * scale).ravel(),
        (spans.second * scale).ravel(),
        spans.rows + 1,
        spans.first.shape[1],
    )
