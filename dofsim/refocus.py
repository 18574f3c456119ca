"""Photo, depth and lens in, refocused photo out; a band of rows at a time where memory is short."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from dofsim import lens, memory, soft_edges
from dofsim.bokeh.fringing import largest_radius
from dofsim.depth.depth_map import DepthMap
from dofsim.errors import ParameterError

if TYPE_CHECKING:
    from collections.abc import Callable

    from dofsim.bokeh import Aperture
    from dofsim.bokeh.render import Quality
    from dofsim.grain import Grain
    from dofsim.highlights import Highlights
    from dofsim.photo import Photo

Floats = npt.NDArray[np.float32]

_ROWS = 128
_STRIP = 16


@dataclass(frozen=True)
class Setting:
    """A lens that is focused: what turns inverse depth into a circle of confusion.

    Attributes
    ----------
    focus : float
        Inverse depth of the plane of focus, in the depth map's inverse unit.
    factor : float
        K, px per unit of inverse depth.
    sharp_px : float
        Circles up to so large, px, are drawn as points (see :func:`dofsim.lens.keep_sharp`).
    """

    focus: float
    factor: float
    sharp_px: float

    def coc(self, depth: DepthMap) -> Floats:
        """Signed radius of every pixel, px, float32 of the map's shape."""
        inverse = depth.inverse().values
        coc = np.empty(inverse.shape, np.float32)
        # In strips that the processor's cache holds.
        for top in range(0, len(coc), _STRIP):
            strip = slice(top, top + _STRIP)
            coc[strip] = self._radius(inverse[strip])
        return coc

    def _radius(self, inverse: Floats) -> Floats:
        return lens.keep_sharp(lens.circle_of_confusion(inverse, self.focus, self.factor), self.sharp_px)

    def extent(self, depth: DepthMap) -> tuple[float, float]:
        """Lowest and highest signed radius of any pixel, px: those of the nearest and of the farthest."""
        far, near = depth.range()
        ends = np.array([near, far], np.float32)
        coc = self._radius(ends)
        return float(coc[0]), float(coc[1])

    def max_radius(self, depth: DepthMap, fringing: float = 0.0) -> float:
        """Largest radius of any pixel, px; in any colour, if the aperture has fringing."""
        return largest_radius(fringing, self.extent(depth))


def refocus(
    photo: Photo,
    depth: DepthMap,
    setting: Setting,
    shape: Aperture | None,
    *,
    highlights: Callable[[], Highlights] | None,
    highlight_strength: float,
    grain: Callable[[], Grain] | None,
    threads: int,
    rows: int,
    quality: Quality = "fast",
) -> Photo:
    """Refocus a photo, in bands of rows if they are more than ``rows``.

    Parameters
    ----------
    photo : Photo
    depth : DepthMap
        Of every pixel of the photo.
    setting : Setting
    shape : Aperture, optional
    highlights : callable, optional
        Gives the lights of the whole photo; called only if that is worked on in one piece. None: leave them clipped.
    highlight_strength : float
        See :meth:`dofsim.highlights.Highlights.give`.
    grain : callable, optional
        Measures the grain of the photo; None: add none.
    threads : int
    rows : int
        That are worked on at a time.
    quality : {"fast", "best"}
        See :func:`dofsim.bokeh.render`; "best" needs all rows at a time.

    Returns
    -------
    Photo
        Bands give what one piece would, but for the rounding of sums and a few pixels at the limit of sight.
    """
    from dofsim.bokeh import render
    from dofsim.bokeh.bands import render_band, split
    from dofsim.bokeh.plan import IN_FOCUS_RADIUS
    from dofsim.grain import add_grain
    from dofsim.highlights import find_highlights

    size = photo.height, photo.width
    longest = float(max(size))
    lowest, highest = setting.extent(depth)
    extent = max(lowest, -longest), min(highest, longest)
    max_radius = min(setting.max_radius(depth, shape.fringing if shape else 0.0), longest)
    noise = grain() if grain else None
    codes = np.empty_like(photo.pixels)
    bands = split(*size, max_radius, rows)
    for band in bands:
        seen, own = slice(band.top, band.bottom), slice(band.first, band.last)
        whole = len(bands) == 1
        light = photo.profile.to_linear(photo.pixels[seen])
        coc = setting.coc(depth if whole else replace(depth, values=depth.values[seen]))
        if extent != (lowest, highest):
            coc = np.clip(coc, -longest, longest)
        if depth.refined:
            soft_edges.clear_rims(coc, math.hypot(*size))
        if highlights:
            lights = highlights() if whole else find_highlights(photo.pixels[seen], photo.profile, longer=max(size))
            lights.give(light, np.abs(coc.flat[lights.places]) >= IN_FOCUS_RADIUS, highlight_strength)
        if whole:
            blurred = render(light, coc, shape, quality=quality, threads=threads)
        else:
            blurred = render_band(light, coc, band, size, extent, shape, threads)
        del light
        if noise is not None:
            bits = 8 * photo.pixels.dtype.itemsize
            place = band.first, photo.height
            add_grain(blurred, coc[band.kept], noise, photo.profile, bits=bits, threads=threads, place=place)
        _encode(blurred, photo, own, threads, codes)
        del blurred
    return replace(photo, pixels=codes)


def _encode(linear: Floats, photo: Photo, rows: slice, threads: int, out: npt.NDArray[Any]) -> None:
    """Encode what some rows of a photo have become into those rows of ``out``."""
    from dofsim.bokeh.workers import Workers

    before, after = photo.pixels[rows], out[rows]

    def encode(first: int) -> None:
        part = slice(first, first + _ROWS)
        after[part] = photo.profile.from_linear(linear[part], like=before[part])

    with Workers(threads) as workers:
        workers.run(encode, range(0, len(linear), _ROWS))


def rows_at_a_time(
    photo: Photo,
    max_radius: float,
    max_memory: str | float | None,
    quality: Quality = "fast",
    *,
    fringing: bool = False,
) -> int:
    """How many rows of a photo fit into memory at a time, at most all of them.

    Parameters
    ----------
    photo : Photo
    max_radius : float
        Largest radius of the circle of confusion, px.
    max_memory : str, float or None
        See :func:`dofsim.memory.limit`.
    quality : {"fast", "best"}
        "best" takes all rows or none.
    fringing : bool
        Whether red and blue are rendered apart from green.

    Raises
    ------
    ParameterError
        If not even the smallest band fits.
    """
    from dofsim.bokeh.bands import least_rows

    room = memory.limit(max_memory) - memory.used() - photo.pixels.nbytes
    more = memory.FRINGING if fringing else 0
    if quality == "best":
        need = (memory.RENDERING_BEST + more) * photo.width * photo.height + memory.CLOSE
        if need > room:
            raise ParameterError(
                f"rendering this photo at its best takes {memory.megabytes(need - room)} more than may be used; "
                "render it fast (--quality fast), make it smaller, or give more memory (--max-memory)"
            )
        return photo.height
    row = (memory.RENDERING + more) * photo.width
    rows = int(room // row)
    least = least_rows(photo.height, photo.width, min(max_radius, float(max(photo.height, photo.width))))
    if rows < least:
        lacking = (least - rows) * row
        raise ParameterError(
            f"rendering this photo takes {memory.megabytes(lacking)} more than may be used; "
            "blur less, make the photo smaller, or give more memory (--max-memory)"
        )
    if photo.height * photo.width > memory.IN_ONE_PIECE:
        rows = min(rows, max(memory.AT_A_TIME // photo.width, photo.height // 2, least))
    return min(rows, photo.height)
