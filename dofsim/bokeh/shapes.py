"""Apertures as row spans: like :mod:`dofsim.bokeh.spans`, for shapes that are not round, symmetric or evenly bright.

A shape is a list of spans per radius. One that is not evenly bright is a stack of shapes of growing size, each
with the step of brightness at its rim as weight; a hole is such a step too, down to nothing.
"""

from __future__ import annotations

import functools
import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from dofsim.bokeh.aperture import Aperture
from dofsim.bokeh.spans import PHASES, RADIUS_STEPS, SMALLEST_RADIUS

Floats = npt.NDArray[np.float64]

_STEPS = ((3, 3), (8, 4), (math.inf, 6))
"""Steps that an uneven brightness is cut into, for radii below so many px of the grid."""

_RIM = 4096


class ShapeTable(NamedTuple):
    """Spans of all radii, one list behind the other.

    Attributes
    ----------
    begin : int64 array, shape (entries + 1,)
        First span of each entry. The entry of radius ``i / RADIUS_STEPS`` and of a centre ``p / PHASES`` px below the
        middle of its row is ``i * PHASES + p`` behind the plane of focus, and ``front`` more in front of it.
    spans : float32 array, shape (spans, 4)
        Left and right end, px from the centre; brightness; rows below the row of the centre. Brightness times length,
        added up over an entry, is 1.
    places : int64 array, shape (spans, 3)
        For a centre in the middle of a pixel: rows below it, and the span's first px and the one that it ends in, from
        the centre's, at 4 floats a px.
    ends : float32 array, shape (spans, 4)
        What such a span adds to the differences at its first px, at the px after it, at the one that it ends in and at
        the px after that.
    front : int
    most : int
        Spans of the entry that has most of them.
    cats_eye : float
        See :class:`~dofsim.bokeh.aperture.Aperture`.
    middle_y, middle_x : float
        Middle of the picture, px.
    unit : float
        1 / (half the picture's diagonal), 1/px.
    """

    begin: npt.NDArray[np.int64]
    spans: npt.NDArray[np.float32]
    places: npt.NDArray[np.int64]
    ends: npt.NDArray[np.float32]
    front: int
    most: int
    cats_eye: np.float32
    middle_y: np.float32
    middle_x: np.float32
    unit: np.float32


def shape_table(aperture: Aperture, max_radius: int, height: int, width: int, top: int = 0) -> ShapeTable:
    """Table of an aperture for radii of 0..max_radius px, in a picture of a size.

    Parameters
    ----------
    aperture : Aperture
    max_radius : int
        Largest radius, px, >= 1.
    height, width : int
        px.
    top : int
        Row of the picture that counts as row 0.

    Returns
    -------
    ShapeTable
    """
    middle = np.float32((height - 1) / 2 - top), np.float32((width - 1) / 2)
    unit = np.float32(2 / math.hypot(height, width))
    table = _spans(aperture, max_radius)
    return table._replace(cats_eye=np.float32(aperture.cats_eye), middle_y=middle[0], middle_x=middle[1], unit=unit)


@functools.lru_cache(maxsize=4)
def _spans(aperture: Aperture, max_radius: int) -> ShapeTable:
    """The table without what depends on the picture."""
    count = max_radius * RADIUS_STEPS + 2
    reach = max_radius + 2
    radius = np.maximum(np.arange(count) / RADIUS_STEPS, SMALLEST_RADIUS)[:, None, None]
    row = np.arange(-reach, reach + 1)[None, None, :] - (np.arange(PHASES) / PHASES)[None, :, None]
    sides = []
    for behind in (True, False):
        rim = _rim(aperture, behind)
        left, right, share = np.zeros((3, *np.broadcast_shapes(radius.shape, row.shape), _STEPS[-1][1] + 1))
        least = 0.0
        for most, steps in _STEPS:
            these = ((radius >= least) & (radius < most)).ravel()
            for k, (size, weight) in enumerate(zip(*_steps(aperture, behind, steps), strict=True)):
                left[these, ..., k], right[these, ..., k], height = _rows(rim, size * radius[these], row)
                share[these, ..., k] = height * weight
            least = most
        share /= (share * (right - left)).sum(axis=(2, 3), keepdims=True)
        sides.append((left, right, share))
    left, right, share = (np.stack([side[k] for side in sides]) for k in range(3))
    real = (right > left) & (share != 0)
    counts = real.sum(axis=(3, 4)).ravel()
    begin = np.concatenate([[0], np.cumsum(counts)])
    rows = np.broadcast_to(np.arange(-reach, reach + 1)[:, None], real.shape)[real]
    left, right, share = left[real], right[real], share[real]
    start, stop = np.floor(left + 0.5), np.floor(right + 0.5)
    after, beyond = share * (left + 0.5 - start), share * (right + 0.5 - stop)
    ends = np.stack([share - after, after, beyond - share, -beyond], axis=1)
    nothing = np.float32(0)
    return ShapeTable(
        begin, np.stack([left, right, share, rows], axis=1).astype(np.float32),
        np.stack([rows, 4 * start, 4 * stop], axis=1).astype(np.int64), ends.astype(np.float32), count * PHASES,
        int(counts.max()), nothing, nothing, nothing, nothing,
    )  # fmt: skip


def _steps(aperture: Aperture, behind: bool, steps: int) -> tuple[Floats, Floats]:
    """Sizes of the shapes that stand for the brightness, as shares of the radius, and their weights."""
    sizes = [1.0] if aperture.bubble == 0 else list(np.sqrt(np.arange(1, steps + 1) / steps))
    hole = aperture.obstruction
    if hole > 0:
        sizes = [hole, *(size for size in sizes if size > hole + 1e-3)]
    inner = np.array([0.0, *sizes[:-1]])
    middles = np.sqrt((np.array(sizes) ** 2 + inner**2) / 2)
    light = aperture.light(middles, behind)
    return np.array(sizes), light - np.append(light[1:], 0.0)


def _rim(aperture: Aperture, behind: bool) -> tuple[Floats, Floats, Floats]:
    """Heights y = -1..1 in the shape of radius 1, and the integrals of its left and right end from the top to there."""
    angle = np.linspace(0, 2 * math.pi, _RIM, endpoint=False)
    distance = aperture.reach(angle)
    x, y = aperture.squeeze * distance * np.sin(angle), -distance * np.cos(angle)
    if not behind:
        x, y = -x, -y
    top, bottom = int(np.argmin(y)), int(np.argmax(y))
    ways = (
        np.roll(np.arange(_RIM), -top)[: (bottom - top) % _RIM + 1],
        np.roll(np.arange(_RIM), -bottom)[: (top - bottom) % _RIM + 1][::-1],
    )
    heights = np.linspace(y[top], y[bottom], _RIM)
    ends = [np.interp(heights, np.maximum.accumulate(y[way]), x[way]) for way in ways]
    step = heights[1] - heights[0]
    left, right = (
        np.concatenate([[0.0], np.cumsum(0.5 * step * (end[1:] + end[:-1]))])
        for end in (np.minimum(*ends), np.maximum(*ends))
    )
    return heights, left, right


def _rows(rim: tuple[Floats, Floats, Floats], radius: Floats, row: Floats) -> tuple[Floats, Floats, Floats]:
    """Mean left and right end of the shape in pixel rows, and the share of the row's height that it takes."""
    heights, *sums = rim
    first, last = (np.clip((row + edge) / radius, heights[0], heights[-1]) for edge in (-0.5, 0.5))
    taken = last - first
    left, right = (
        np.divide(
            (np.interp(last, heights, sum_) - np.interp(first, heights, sum_)) * radius, taken,
            out=np.zeros(taken.shape), where=taken > 1e-9,
        )
        for sum_ in sums
    )  # fmt: skip
    return left, right, taken * radius
