"""The geometry of one rendering: which grids it needs, where they lie in memory, and the constants of the method.

Radii under ``FINE_RADIUS`` px are drawn at full resolution (level 0). A radius in
``FINE_RADIUS * 2^(g-1) .. FINE_RADIUS * 2^g`` goes to level g, a grid 2^g times coarser, where it is 4..8 cells. So
every octave of the circle of confusion is a layer of its own, and a picture costs about the same at any blur.

Three meshes of squares lie over the picture: cells, in which edges are found; blocks of ``BLOCK`` px, over which the
reach of edges is spread; and tiles of ``TILE`` px, each of which is either calm (one surface, gathered) or drawn as
layers. The result depends on these alone, not on the number of threads.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

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

LARGEST_DRAWN = 4 * FINE_RADIUS + 2
"""Largest radius drawn on any grid, px of that grid: a light, two levels finer than it need be."""

LARGEST_GATHERED = 20
"""Largest radius gathered on any grid, px of that grid."""

GATHER_RIM = 3
"""Cells that a gathered disc takes beyond its radius, at most."""

LIGHT_LEVEL = 1.2
"""Radiance above which a pixel may be a light; 1 is white, so only recovered or HDR highlights are."""

LIGHT_SIZE = 8
"""A light is dimmer by half this many px away, on all four sides."""

LIGHT_STEPS = 2
"""A light is drawn so many levels finer than its radius asks for, lest its disc lose its shape."""

TILE_LEVEL = 5
TILE = 1 << TILE_LEVEL
BLOCK = 8
SQUARE = 4
"""Side, px, of the squares whose pixels have different sets of rays, so that what one leaves out the next one has."""

PATCH = 16
"""Side, in cells of a coarse grid, of the squares that are skipped where no disc has been drawn."""

MARGIN = 3 * PATCH
"""Cells around a coarse grid for discs that reach beyond the border; at least ``LARGEST_DRAWN + 2``."""

BORDER = MARGIN // 2 - 2
"""Cells around a coarse grid that may be sources: their discs, up to as large, still lie within the MARGIN."""

ROOM = MARGIN - 3
"""Cells around a coarse grid into which a disc may reach: two more are marked as touched, and one is for rounding."""

FILL_CELLS = 16
"""How far, in cells, the colour of a hidden surface is looked for."""

LOOKS = 4, FILL_CELLS
"""In how many places on either side it is looked for, at most, and how far, in cells."""

CLOSE_LOOKS = 11, 2 * FILL_CELLS
"""The same, for the best mode."""

FRONT, BACK, HIDDEN = range(3)

_SOFTNESS = 1 / 1200
"""Width of the mixed colours beside an edge, as a share of the diagonal: 4 px of a 12 MP photo."""

_COARSE_CELL_RADIUS = 34.0
_COARSE_CELL_PIXELS = 1_000_000


@dataclass(frozen=True)
class Plan:
    """Sizes, all derived from the picture's size and the largest radius.

    Attributes
    ----------
    height, width : int
        Size of the picture, px.
    levels : int
        Number L >= 2 of coarse grids.
    cell : int
        Side, px, of the cells in which edges are found; a power of two <= 2^L.
    padded_height, padded_width : int
        The size rounded up to a multiple of 2^L and of ``TILE``; the picture is reflected into the rest.
    softness : int
        Width of the mixed colours beside an edge, px.
    """

    height: int
    width: int
    levels: int
    cell: int
    padded_height: int
    padded_width: int
    softness: int

    @property
    def unit(self) -> int:
        """The meshes of all grids begin anew every so many px; a multiple of ``TILE`` and of ``2^L``."""
        return max(1 << self.levels, TILE)

    @property
    def cell_level(self) -> int:
        """Level of the grid whose cells are those in which edges are found, >= 1."""
        return self.cell.bit_length() - 1

    def shape(self, level: int) -> tuple[int, int]:
        """Rows and columns of a level."""
        return self.padded_height >> level, self.padded_width >> level


def make_plan(height: int, width: int, max_radius: float, whole: tuple[int, int] | None = None) -> Plan:
    """Plan the rendering of a picture.

    Parameters
    ----------
    height, width : int
        px, >= 1.
    max_radius : float
        Largest radius in the picture, px, >= 0.
    whole : (int, int), optional
        Height and width of the picture of which this is a band; default: ``height`` and ``width``.

    Returns
    -------
    Plan
    """
    whole = whole or (height, width)
    cell = cell_size(*whole, max_radius)
    levels = 2
    while max_radius >= FINE_RADIUS * 2**levels:
        levels += 1
    unit = max(2**levels, TILE)
    padded_height, padded_width = -(-height // unit) * unit, -(-width // unit) * unit
    softness = max(1, round(math.hypot(*whole) * _SOFTNESS))
    return Plan(height, width, levels, cell, padded_height, padded_width, softness)


def cell_size(height: int, width: int, max_radius: float) -> int:
    """Side of the cells in which edges are found, px: 2, or 4 in large pictures and where the blur is wide.

    Finer cells would cost more time there than they show: a phone's depth map knows its edges no better than 4 px.
    """
    return 4 if max_radius > _COARSE_CELL_RADIUS or height * width > _COARSE_CELL_PIXELS else 2


def soft_cell(softness: int) -> int:
    """Side of the cells of the best mode, px, a power of two: as wide as edges are soft, 1, 2 or 4."""
    return min(1 << (softness.bit_length() - 1), 4)
