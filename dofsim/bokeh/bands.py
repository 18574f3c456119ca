"""Render a large picture a band of rows at a time, with what surrounds the band in view, so that no seam shows."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dofsim.bokeh.aperture import Aperture
from dofsim.bokeh.fringing import render_colours
from dofsim.bokeh.plan import FILL_CELLS, IN_FOCUS_RADIUS, make_plan

Floats = npt.NDArray[np.float32]

UNIT = 64
"""Bands begin at multiples of so many rows, or of the coarsest grid's cells where these are larger."""

_REACH = 4
"""Radii from which light can come: a hidden surface runs below the near one for as long as their circles differ, twice
the largest radius at most, and spreads by its own."""

_MARGIN = 32 + 4 * FILL_CELLS
"""Rows more, for the meshes in which edges are found and the reach of edges is rounded up, and for the surroundings, in
cells of 4 px at most, from which hidden surfaces have their colours."""


@dataclass(frozen=True)
class Band:
    """Some rows of a picture.

    Attributes
    ----------
    first, last : int
        The rows that are rendered, the last exclusive.
    top, bottom : int
        The rows that are looked at for it, the last exclusive.
    """

    first: int
    last: int
    top: int
    bottom: int

    @property
    def kept(self) -> slice:
        """The rows that are rendered, among those that are looked at."""
        return slice(self.first - self.top, self.last - self.top)


def halo(height: int, width: int, max_radius: float) -> int:
    """Rows above and below a band that have to be looked at, a multiple of the meshes' period."""
    unit = _unit(height, width, max_radius)
    return -(-math.ceil(_REACH * max_radius + _MARGIN) // unit) * unit


def split(height: int, width: int, max_radius: float, rows: int) -> list[Band]:
    """Cut a picture into bands of which none looks at more than a number of rows.

    Parameters
    ----------
    height, width : int
        Size of the picture, px.
    max_radius : float
        Largest radius of the circle of confusion in the whole picture, px.
    rows : int
        Largest number of rows that a band may look at; it is exceeded where it is below :func:`least_rows`.

    Returns
    -------
    list of Band
        One that looks at everything where that is possible.
    """
    if rows >= height:
        return [Band(0, height, 0, height)]
    unit, around = _unit(height, width, max_radius), halo(height, width, max_radius)
    most = max((rows - 2 * around) // unit, 1) * unit
    count = -(-height // most)
    step = -(-height // (count * unit)) * unit
    return [
        Band(first, min(first + step, height), max(first - around, 0), min(first + step + around, height))
        for first in range(0, height, step)
    ]


def least_rows(height: int, width: int, max_radius: float) -> int:
    """The fewest rows that a band may look at: a fifth of them at least is its own, else the work would never end."""
    unit, around = _unit(height, width, max_radius), halo(height, width, max_radius)
    return min(2 * around + max(around // 2 // unit, 1) * unit, height)


def render_band(
    rgb: Floats,
    coc: Floats,
    band: Band,
    whole: tuple[int, int],
    extent: tuple[float, float],
    aperture: Aperture | None,
    threads: int,
) -> Floats:
    """Render one band as :func:`dofsim.bokeh.render` would within the whole picture.

    Parameters
    ----------
    rgb : float32 array, shape (bottom - top, W, 3), C-contiguous
        Scene-linear, of the rows that the band looks at; finite.
    coc : float32 array, shape (bottom - top, W), C-contiguous
        Signed radius, px, of those rows, within ``extent``.
    band : Band
        From :func:`split`.
    whole : (int, int)
        Height and width of the picture, px.
    extent : (float, float)
        Lowest and highest signed radius in the whole picture, px, none beyond its longer side.
    aperture : Aperture, optional
        Default: a disc in all colours.
    threads : int
        >= 1; does not change the result.

    Returns
    -------
    float32 array, shape (last - first, W, 3)
    """
    if max(extent[1], -extent[0]) < IN_FOCUS_RADIUS:
        return rgb[band.kept].copy()
    from dofsim.bokeh.layered import render_layered

    aperture = aperture or Aperture()
    shape = aperture.one_colour

    def draw(radii: Floats, max_radius: float) -> Floats:
        return render_layered(rgb, radii, max_radius, shape, threads, whole=whole, top=band.top)[band.kept]

    return render_colours(draw, coc, extent, aperture.fringing, float(max(whole)))


def _unit(height: int, width: int, max_radius: float) -> int:
    return max(make_plan(height, width, max_radius).unit, UNIT)
