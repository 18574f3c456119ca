"""The geometry of one rendering: which grids it needs, how they are cut into bands, where they lie in memory.

Sources with a radius under ``FINE_RADIUS`` px are drawn at full resolution (level 0). A radius in
``FINE_RADIUS * 2^(g-1) .. FINE_RADIUS * 2^g`` goes to level g, a grid 2^g times coarser, where it is 4..8 px. So every
octave of the circle of confusion is a layer of its own, and a picture costs about the same at any blur.

The coarse grids are cut into bands of rows. Each band is filled by one thread into a tile of its own, with a margin for
discs that reach into the neighbours; the margins are added up afterwards in a fixed order. The cut depends on the
picture alone, so the result does not depend on the number of threads.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

IN_FOCUS_RADIUS = 0.6
"""Pixels with a smaller circle of confusion, px, are sharp: a disc of this radius covers one pixel."""

FINE_SPLITS = (2.5, 5.0)
"""Radii, px, at which the layers next to the focus plane are cut; beyond 8 px every octave is a layer."""

OWN_RADIUS = 1.5
"""What a pixel with a smaller circle than this, px, lacks in coverage is (partly) its own.

See :func:`dofsim.bokeh.oracle.scatter`.
"""

FINE_RADIUS = 8
"""Radius, px, from which sources go to coarser grids."""

MARGIN = 2 * FINE_RADIUS + 4
"""Margin of a tile, in px of its grid: the largest disc drawn there (a light, one level finer than it need be)."""

GROUPS = 3
FRONT, BACK, HIDDEN = range(GROUPS)

_BAND_ROWS = 256
_COARSE_CELL_RADIUS = 34.0
_COARSE_CELL_PIXELS = 4_000_000


class Plan(NamedTuple):
    """Sizes and offsets, all derived from the picture's size and the largest radius.

    Attributes
    ----------
    height, width : int
        Size of the picture, px.
    levels : int
        Number L >= 1 of coarse grids.
    padded_height, padded_width : int
        The size rounded up to a multiple of 2^L; the picture is reflected into the rest.
    band_rows : int
        Full-resolution rows of one band, a multiple of 2^L.
    bands : int
        Number of bands.
    cell : int
        Side, px, of the cells in which hidden surfaces are found; a power of two <= 2^L.
    stride : int64 array, shape (L + 1,)
        Floats of one row of a tile at each level: its columns, both margins, and the px behind the last span's end.
    tile_start : int64 array, shape (GROUPS, L + 1)
        First float of a group's first tile at each level (level 0 unused).
    tile_floats : int64 array, shape (L + 1,)
        Floats of one tile (rows x columns x 4).
    row_start : int64 array, shape (GROUPS, L + 1)
        First flag of a group's rows at each level.
    floats, rows : int
        Length of the accumulator and of the row flags.
    """

    height: int
    width: int
    levels: int
    padded_height: int
    padded_width: int
    band_rows: int
    bands: int
    cell: int
    stride: npt.NDArray[np.int64]
    tile_start: npt.NDArray[np.int64]
    tile_floats: npt.NDArray[np.int64]
    row_start: npt.NDArray[np.int64]
    floats: int
    rows: int


def make_plan(height: int, width: int, max_radius: float) -> Plan:
    """Plan the rendering of a picture.

    Parameters
    ----------
    height, width : int
        px, >= 1.
    max_radius : float
        Largest radius in the picture, px, >= 0.

    Returns
    -------
    Plan
    """
    cell = cell_size(height, width, max_radius)
    levels = cell.bit_length() - 1
    while max_radius >= FINE_RADIUS * 2**levels:
        levels += 1
    unit = 2**levels
    padded_height, padded_width = -(-height // unit) * unit, -(-width // unit) * unit
    band_rows = -(-max(_BAND_ROWS, MARGIN * unit) // unit) * unit
    bands = -(-padded_height // band_rows)
    stride = ((padded_width >> np.arange(levels + 1, dtype=np.int64)) + 2 * MARGIN + 2) * 4
    tile_floats = ((band_rows >> np.arange(levels + 1, dtype=np.int64)) + 2 * MARGIN) * stride
    tile_start = np.zeros((GROUPS, levels + 1), np.int64)
    row_start = np.zeros((GROUPS, levels + 1), np.int64)
    floats = rows = 0
    for group in range(GROUPS):
        for level in range(1, levels + 1):
            tile_start[group, level] = floats
            row_start[group, level] = rows
            floats += int(tile_floats[level]) * bands
            rows += padded_height >> level
    return Plan(
        height,
        width,
        levels,
        padded_height,
        padded_width,
        band_rows,
        bands,
        cell,
        stride,
        tile_start,
        tile_floats,
        row_start,
        floats,
        rows,
    )


def cell_size(height: int, width: int, max_radius: float) -> int:
    """Side of the cells in which edges are found, px: 2, or 4 in large pictures and where the blur is wide.

    Finer cells would cost more time there than they show: a phone's depth map knows its edges no better than 4 px.
    """
    return 4 if max_radius > _COARSE_CELL_RADIUS or height * width > _COARSE_CELL_PIXELS else 2
