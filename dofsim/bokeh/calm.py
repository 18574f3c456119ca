"""Calm tiles: one surface without edges, so that a pixel is the mean under its own disc.

Where the circle of confusion hardly changes from pixel to pixel, what a pixel's neighbours scatter into it and what its
own disc gathers are the same, and gathering is several times faster. Large discs are gathered on the grid that shows
them as 4..8 cells, and enlarged bilinearly.
"""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np
import numpy.typing as npt

from dofsim.bokeh.plan import GATHER_RIM, IN_FOCUS_RADIUS, LARGEST_GATHERED, TILE, Plan
from dofsim.bokeh.shapes import ShapeTable
from dofsim.bokeh.spans import gather_table
from dofsim.bokeh.tiles import COPIED, Tiles

Floats = npt.NDArray[np.float32]
Box = tuple[int, int, int, int]
"""First and last row, first and last column; the last ones exclusive."""

_MOST_HALO = LARGEST_GATHERED + 12
_SPARE = 48


def gather_room(tiles: int) -> int:
    """Floats of scratch memory that :func:`render_calm` needs for a square of ``tiles`` x ``tiles``."""
    return (tiles * TILE + 2 * _MOST_HALO) ** 2 * 3 + _SPARE


def render_calm(
    rgb: Floats,
    coc: Floats,
    pyramid: list[Floats],
    plan: Plan,
    tiles: Tiles,
    box: Box,
    shape: ShapeTable | None,
    scratch: Floats,
    out: Floats,
) -> None:
    """Render the calm tiles of a box of tiles.

    Parameters
    ----------
    rgb : float32 array, shape (H, W, 3)
    coc : float32 array, shape (H, W)
        px.
    pyramid : list of float32 array, shape (rows, columns, 4)
        Mean colours of the cells of each level; those of levels 0 and 1 are not looked at.
    plan : Plan
    tiles : Tiles
    box : Box
        In tiles.
    shape : ShapeTable, optional
        The aperture, unless it is a disc.
    scratch : float32 array
        Of :func:`gather_room` floats.
    out : float32 array, shape (H, W, 3)
        Gets the pixels of the calm tiles.
    """
    top, bottom, left, right = box
    levels = tiles.level[top:bottom, left:right]
    # As Python's numbers, since 2 ** 7 is none of int8.
    for level in np.unique(levels).tolist():
        if level == COPIED:
            for part in _runs(levels == level, top, left):
                y0, y1, x0, x1 = _pixels(part, plan)
                out[y0:y1, x0:x1] = rgb[y0:y1, x0:x1]
        elif level >= 0:
            widest = float(tiles.widest[top:bottom, left:right][levels == level].max())
            halo = min(int(widest / 2**level), LARGEST_GATHERED) + 1 + GATHER_RIM
            runs = list(_runs(levels == level, top, left))
            if level == 0:
                has_sharp = bool((tiles.smallest[top:bottom, left:right] < IN_FOCUS_RADIUS).any())
                _gather_pixels(rgb, coc, plan, runs, halo, has_sharp, shape, scratch, out)
            else:
                _gather_cells(rgb, coc, pyramid, plan, level, runs, halo, shape, scratch, out)


def _span_room(shape: ShapeTable | None) -> tuple[npt.NDArray[np.int64], Floats]:
    """Where a row of an aperture is put together."""
    most = 0 if shape is None else shape.most
    return np.empty(2 * most + 1, np.int64), np.empty(4 * most, np.float32)


def _gather_pixels(
    rgb: Floats,
    coc: Floats,
    plan: Plan,
    runs: list[Box],
    halo: int,
    has_sharp: bool,
    shape: ShapeTable | None,
    scratch: Floats,
    out: Floats,
) -> None:
    from dofsim.bokeh._gather import gather_runs

    parts = [_pixels(run, plan) for run in runs]
    y0, y1, x0, x1 = _around(parts)
    source, at, stride = rgb.reshape(-1), ((y0 - halo) * plan.width + x0 - halo) * 3, plan.width * 3
    if y0 < halo or x0 < halo or y1 + halo > plan.height or x1 + halo > plan.width:
        patch = _extended(rgb, y0 - halo, y1 + halo, x0 - halo, x1 + halo)
        source, at, stride = patch.reshape(-1), 0, patch.shape[1] * 3
    gather_runs(
        source, at, stride, y1 - y0 + 2 * halo, x1 - x0 + 2 * halo, coc.reshape(-1), y0 * plan.width + x0, plan.width,
        halo, _relative(parts, y0, x0), gather_table(LARGEST_GATHERED), shape, y0, x0, 1, scratch[_SPARE:],
        scratch[:_SPARE], *_span_room(shape), out.reshape(-1), (y0 * plan.width + x0) * 3, plan.width * 3,
    )  # fmt: skip
    for top, bottom, left, right in parts if has_sharp else ():
        sharp = np.abs(coc[top:bottom, left:right]) < IN_FOCUS_RADIUS
        if sharp.any():
            cv2.copyTo(rgb[top:bottom, left:right], sharp.view(np.uint8), out[top:bottom, left:right])


def _gather_cells(
    rgb: Floats,
    coc: Floats,
    pyramid: list[Floats],
    plan: Plan,
    level: int,
    runs: list[Box],
    halo: int,
    shape: ShapeTable | None,
    scratch: Floats,
    out: Floats,
) -> None:
    """Gather on the grid of a level >= 1, one cell around every run, and enlarge."""
    from dofsim.bokeh._enlarge import enlarge_runs
    from dofsim.bokeh._gather import gather_runs

    side, half = 1 << level, 1 << (level - 1)
    parts = [_pixels(run, plan) for run in runs]
    cells = [
        ((y0 - half) >> level, ((y1 - 1 + half) >> level) + 1, (x0 - half) >> level, ((x1 - 1 + half) >> level) + 1)
        for y0, y1, x0, x1 in parts
    ]
    y0, y1, x0, x1 = _around(cells)
    if level == 1:
        pixels = _extended(rgb, 2 * (y0 - halo), 2 * (y1 + halo), 2 * (x0 - halo), 2 * (x1 + halo))
        source = cv2.resize(pixels, (pixels.shape[1] // 2, pixels.shape[0] // 2), interpolation=cv2.INTER_AREA)
    else:
        source = _extended(pyramid[level][..., :3], y0 - halo, y1 + halo, x0 - halo, x1 + halo)
    middles = _reflected(coc, y0 * side + half, y1 * side, x0 * side + half, x1 * side, side)
    scaled = middles * np.float32(1 / side)
    gathered = np.empty((y1 - y0, x1 - x0, 3), np.float32)
    gather_runs(
        np.ascontiguousarray(source, np.float32).reshape(-1), 0, source.shape[1] * 3, *source.shape[:2],
        scaled.reshape(-1), 0, x1 - x0, halo, _relative(cells, y0, x0), gather_table(LARGEST_GATHERED), shape,
        y0 * side, x0 * side, side, scratch[_SPARE:], scratch[:_SPARE], *_span_room(shape), gathered.reshape(-1), 0,
        gathered.shape[1] * 3,
    )  # fmt: skip
    enlarge_runs(
        gathered.reshape(-1), x1 - x0, y0, x0, level, np.array(parts, np.int64), scratch, out.reshape(-1), plan.width
    )


def _runs(wanted: npt.NDArray[np.bool_], top: int, left: int) -> Iterator[Box]:
    """Rectangles of tiles: runs along the rows, those of one place in neighbouring rows joined."""
    if wanted.all():
        yield top, top + wanted.shape[0], left, left + wanted.shape[1]
        return
    begun: dict[tuple[int, int], int] = {}
    for j, row in enumerate([*wanted.tolist(), [False]]):
        found, first = [], None
        for i, tile in enumerate([*row, False]):
            if tile and first is None:
                first = i
            elif not tile and first is not None:
                found.append((first, i))
                first = None
        for place in [place for place in begun if place not in found]:
            yield top + begun.pop(place), top + j, left + place[0], left + place[1]
        for place in found:
            begun.setdefault(place, j)


def _pixels(box: Box, plan: Plan) -> Box:
    y0, y1, x0, x1 = (edge * TILE for edge in box)
    return y0, min(y1, plan.height), x0, min(x1, plan.width)


def _around(boxes: list[Box]) -> Box:
    edges = np.array(boxes)
    return (
        int(edges[:, 0].min()), int(edges[:, 1].max()), int(edges[:, 2].min()), int(edges[:, 3].max()),
    )  # fmt: skip


def _relative(boxes: list[Box], y: int, x: int) -> npt.NDArray[np.int64]:
    return np.array(boxes, np.int64) - np.array([y, y, x, x], np.int64)


def _extended(picture: Floats, y0: int, y1: int, x0: int, x1: int) -> Floats:
    """A rectangle of a picture; beyond the border half of what it reflects and half of its nearest pixel."""
    height, width = picture.shape[:2]
    reflected = _reflected(picture, y0, y1, x0, x1)
    if y0 >= 0 and x0 >= 0 and y1 <= height and x1 <= width:
        return reflected
    rows, columns = (np.clip(np.arange(a, b), 0, n - 1) for a, b, n in ((y0, y1, height), (x0, x1, width)))
    inner = slice(max(-y0, 0), len(rows) - max(y1 - height, 0))
    above, below = slice(0, inner.start), slice(inner.stop, None)
    before, behind = slice(0, max(-x0, 0)), slice(len(columns) - max(x1 - width, 0), None)
    everywhere = slice(None)
    for part in ((above, everywhere), (below, everywhere), (inner, before), (inner, behind)):
        reflected[part] += picture[rows[part[0]][:, None], columns[part[1]]]
        reflected[part] *= np.float32(0.5)
    return reflected


def _reflected(picture: Floats, y0: int, y1: int, x0: int, x1: int, step: int = 1) -> Floats:
    """A rectangle of a picture that may reach over its reflecting border, or every ``step``-th pixel of it."""
    height, width = picture.shape[:2]
    if y0 >= 0 and x0 >= 0 and y1 <= height and x1 <= width:
        return picture[y0:y1:step, x0:x1:step]
    inside = picture[max(y0, 0) : min(y1, height), max(x0, 0) : min(x1, width)]
    margins = max(-y0, 0), max(y1 - height, 0), max(-x0, 0), max(x1 - width, 0)
    if max(margins[:2]) <= inside.shape[0] and max(margins[2:]) <= inside.shape[1]:
        return cv2.copyMakeBorder(inside, *margins, cv2.BORDER_REFLECT)[::step, ::step].astype(np.float32, copy=False)
    # OpenCV reflects once; a picture smaller than its margins takes more.
    rows, columns = (np.arange(a, b, step) % (2 * n) for a, b, n in ((y0, y1, height), (x0, x1, width)))
    rows, columns = np.minimum(rows, 2 * height - 1 - rows), np.minimum(columns, 2 * width - 1 - columns)
    return picture[rows[:, None], columns]
