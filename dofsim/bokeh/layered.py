"""The renderer: calm tiles are gathered, the others drawn as layers of discs, on as many threads as asked for.

    survey -> edges, tiles -> calm tiles
                           -> hidden surfaces, large discs on coarse grids -> cascade -> small discs, focus, composite

Work runs in plain Python threads: the kernels release the GIL, so no Numba threading layer is involved, and several
renderings may run side by side.
"""

from __future__ import annotations

import mmap
import threading
from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from dofsim.bokeh.aperture import Aperture
from dofsim.bokeh.calm import gather_room, render_calm
from dofsim.bokeh.edges import Edges, find_edges, find_places, hidden_sources
from dofsim.bokeh.lights import find_lights, lights_near, split_lights
from dofsim.bokeh.plan import BACK, FRONT, HIDDEN, LARGEST_DRAWN, MARGIN, PATCH, TILE, TILE_LEVEL, Plan, make_plan
from dofsim.bokeh.shapes import ShapeTable, shape_table
from dofsim.bokeh.spans import SpanTable, span_table
from dofsim.bokeh.tiles import LAYERED, Tiles, find_tiles, find_wanted, halve_cells, halve_spans
from dofsim.bokeh.workers import Workers

Floats = npt.NDArray[np.float32]

_ROWS = 256
SPAN_TILES = 8
"""Side of the squares of tiles that one thread renders at a time."""

_CASCADE_ROWS = 8 * PATCH


def render_layered(
    rgb: Floats,
    coc: Floats,
    max_radius: float,
    aperture: Aperture | None,
    threads: int,
    *,
    whole: tuple[int, int] | None = None,
    top: int = 0,
) -> Floats:
    """Render with occlusion and filled hidden surfaces, at a cost nearly independent of the radius.

    Parameters
    ----------
    rgb : float32 array, shape (H, W, 3), C-contiguous
        Scene-linear.
    coc : float32 array, shape (H, W), C-contiguous
        Signed radius, px; ``abs(coc) <= max_radius``.
    max_radius : float
        px.
    aperture : Aperture, optional
        Default: a disc.
    threads : int
        >= 1; does not change the result.
    whole : (int, int), optional
        Height and width of the picture of which this is a band, px; default: this is all of it.
    top : int
        Row of that picture with which the band begins.

    Returns
    -------
    float32 array, shape (H, W, 3)
    """
    whole = whole or (coc.shape[0], coc.shape[1])
    plan = make_plan(coc.shape[0], coc.shape[1], max_radius, whole)
    table = span_table(LARGEST_DRAWN)
    shape = None if aperture is None else shape_table(aperture, LARGEST_DRAWN, *whole, top)
    out = np.empty_like(rgb)
    with Workers(threads) as workers:
        means, spans = survey(rgb, coc, plan, workers)
        cells = spans[plan.cell_level]
        places, crowded, reach = find_places(cells, plan)
        tiles = find_tiles(reach, spans[TILE_LEVEL], plan)
        # Much of what layers take is done by one thread after the other.
        with workers.beside(*calm_squares(rgb, coc, means, tiles, plan, shape, out)):
            if tiles.layered.any():
                edges = find_edges(rgb, coc, means, cells, places, crowded, plan, workers)
                layers = _draw_layers(rgb, coc, means, spans, edges, tiles, plan, table, shape, workers)
                _render_layered_squares(rgb, coc, tiles, layers, plan, table, shape, workers, out)
    return out


@dataclass(frozen=True)
class _Level:
    """One grid of one group: its accumulator, and the patches where it holds something."""

    acc: Floats
    touched: npt.NDArray[np.uint8]
    live: npt.NDArray[np.uint8]


@dataclass(frozen=True)
class _Layers:
    """What tiles with layers are made of.

    Attributes
    ----------
    sources : float32 array, shape (H, W)
        coc, px, with the lights in focus, for these are drawn by themselves.
    lights : float32 array, shape (n, 6)
        Those drawn at full resolution.
    opening : float32 array
        Of the cells.
    finest : tuple of array
        ``acc`` and ``live`` of level 1 of the FRONT, the BACK and the HIDDEN, composited.
    """

    sources: Floats
    lights: Floats
    opening: Floats
    finest: tuple[npt.NDArray[np.generic], ...]


def survey(rgb: Floats, coc: Floats, plan: Plan, workers: Workers) -> tuple[list[Floats], list[Floats]]:
    """Means and ranges of the squares of each level, see ``_survey``; empty for levels below that of the cells."""
    from dofsim.bokeh._survey import FIRST_LEVEL, survey_room, survey_rows

    nothing = np.zeros((0, 0, 4), np.float32)
    means, spans = [nothing] * FIRST_LEVEL, [nothing] * plan.cell_level
    means.append(np.empty((*plan.shape(FIRST_LEVEL), 4), np.float32))
    if plan.cell_level < FIRST_LEVEL:
        means[plan.cell_level] = np.empty((*plan.shape(plan.cell_level), 4), np.float32)
    spans.append(np.empty((*plan.shape(plan.cell_level), 3), np.float32))
    rows, step = len(means[-1]), _ROWS >> FIRST_LEVEL
    workers.run(
        lambda first: survey_rows(
            rgb, coc, rgb.reshape(-1), first, min(first + step, rows), plan.cell, means[-1], means[plan.cell_level],
            spans[-1], survey_room(),
        ),
        range(0, rows, step),
    )  # fmt: skip
    while len(means) <= plan.levels:
        means.append(halve_cells(means[-1]))
    while len(spans) <= max(plan.levels, TILE_LEVEL):
        spans.append(halve_spans(spans[-1]))
    return means, spans


def _draw_layers(
    rgb: Floats,
    coc: Floats,
    means: list[Floats],
    spans: list[Floats],
    edges: Edges,
    tiles: Tiles,
    plan: Plan,
    table: SpanTable,
    shape: ShapeTable | None,
    workers: Workers,
) -> _Layers:
    """Draw and composite the coarse grids."""
    from dofsim.bokeh._coarse import coarse_layer, draw_sources
    from dofsim.bokeh._survey import FIRST_LEVEL

    lights, sources = find_lights(rgb, coc, spans[plan.cell_level], plan)
    lights, listed = split_lights(lights, plan)
    listed |= hidden_sources(edges, tiles.apart, plan)
    wanted = find_wanted(tiles.layered, plan)
    levels: dict[tuple[int, int], _Level] = {}
    for group in (FRONT, BACK, HIDDEN):
        for level in range(1, plan.levels + 1):
            rows, columns = (size + 2 * MARGIN for size in plan.shape(level))
            touched = np.zeros((-(-rows // PATCH), -(-columns // PATCH)), np.uint8)
            acc = _sparse_zeros(rows * (columns + 2) * 4)
            levels[group, level] = _Level(acc, touched, np.zeros_like(wanted[level]))

    def draw(item: tuple[int, int]) -> None:
        group, level = item
        grid = levels[item]
        stride = (plan.shape(level)[1] + 2 * MARGIN + 2) * 4
        if group != HIDDEN:
            whole = max(level, plan.cell_level)
            # From pixels, what lies beyond the border is guessed better than from the cells of edges.
            squares = means[level] if level >= FIRST_LEVEL else means[0]
            coarse_layer(
                rgb, sources, squares, spans[whole], spans[plan.cell_level], plan.cell, 1 << whole, tiles.apart,
                group, level == plan.levels, level, stride, grid.acc, grid.touched, table, shape,
            )  # fmt: skip
        count = np.float32(plan.cell**2 if group == HIDDEN else 1)
        draw_sources(listed[item], count, level, stride, grid.acc, grid.touched, table, shape)

    workers.run(draw, levels)
    for group in (FRONT, BACK, HIDDEN):
        coarser = _Level(np.zeros(0, np.float32), np.zeros((0, 0), np.uint8), np.zeros((0, 0), np.uint8))
        for level in range(plan.levels, 0, -1):
            _composite(coc, edges.opening, levels[group, level], coarser, group, level, wanted[level], plan, workers)
            coarser = levels[group, level]
    finest = tuple(part for group in (FRONT, BACK, HIDDEN) for part in (levels[group, 1].acc, levels[group, 1].live))
    return _Layers(sources, lights, edges.opening, finest)


def _sparse_zeros(size: int) -> Floats:
    """Zeros that take memory where something is written: NumPy would ask for pages of 2 MB, of which few stay empty."""
    private = {"flags": mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS} if hasattr(mmap, "MAP_PRIVATE") else {}
    return np.frombuffer(mmap.mmap(-1, size * 4, **private), np.float32)


def _composite(
    coc: Floats,
    opening: Floats,
    grid: _Level,
    coarser: _Level,
    group: int,
    level: int,
    wanted: npt.NDArray[np.uint8],
    plan: Plan,
    workers: Workers,
) -> None:
    from dofsim.bokeh._composite import cascade_room, cascade_rows

    if not grid.touched.any() and not coarser.live.any():
        return
    rows, columns = plan.shape(level)
    workers.run(
        lambda first: cascade_rows(
            coc, opening, plan.cell, group, level, rows, columns, grid.acc, grid.touched, wanted, grid.live,
            coarser.acc, coarser.live, first, min(first + _CASCADE_ROWS, rows),
            cascade_room(columns, wanted.shape[1]),
        ),
        range(0, rows, _CASCADE_ROWS),
    )  # fmt: skip


Square = tuple[int, int, int, int]
"""Rows and columns of tiles of a square, from and up to which."""


def calm_squares(
    rgb: Floats, coc: Floats, means: list[Floats], tiles: Tiles, plan: Plan, shape: ShapeTable | None, out: Floats
) -> tuple[Callable[[Square], None], list[Square]]:
    """What renders the calm tiles of a square into ``out``, by gathering, and the squares that have some."""
    scratch = _Scratch()

    def render_square(box: Square) -> None:
        render_calm(rgb, coc, means, plan, tiles, box, shape, scratch.room(gather_room(SPAN_TILES)), out)

    return render_square, _squares(tiles.level != LAYERED, plan)


def _render_layered_squares(
    rgb: Floats,
    coc: Floats,
    tiles: Tiles,
    layers: _Layers,
    plan: Plan,
    table: SpanTable,
    shape: ShapeTable | None,
    workers: Workers,
    out: Floats,
) -> None:
    """Render the tiles that need layers from these into ``out``."""
    from dofsim.bokeh._fine import block_room, fine_block, ring_room

    scratch = _Scratch()

    def render_square(box: Square) -> None:
        fine_block(
            rgb, coc, layers.sources, _enlarged(layers.opening, box, plan.cell), tiles.layered, *box,
            *layers.finest, *plan.shape(1), lights_near(layers.lights, box), table, shape,
            scratch.room(ring_room(SPAN_TILES)), block_room(SPAN_TILES), out,
        )  # fmt: skip

    workers.run(render_square, _squares(tiles.layered > 0, plan))


class _Scratch(threading.local):
    """Memory of a thread; fresh one for every square would cost more than the work in it."""

    kept: Floats | None = None

    def room(self, size: int) -> Floats:
        if self.kept is None:
            self.kept = np.zeros(size, np.float32)
        return self.kept


def _squares(wanted: npt.NDArray[np.bool_], plan: Plan) -> list[Square]:
    """Squares of tiles of the picture some of which are wanted."""
    rows, columns = -(-plan.height // TILE), -(-plan.width // TILE)
    boxes = [
        (j, min(j + SPAN_TILES, rows), i, min(i + SPAN_TILES, columns))
        for j in range(0, rows, SPAN_TILES)
        for i in range(0, columns, SPAN_TILES)
    ]
    return [box for box in boxes if wanted[box[0] : box[1], box[2] : box[3]].any()]


def _enlarged(opening: Floats, box: tuple[int, int, int, int], cell: int) -> Floats:
    """The opening at the pixels of a box of tiles, bilinear between the middles of the cells: no staircase."""
    share = TILE // cell
    y0, x0 = max(box[0] * share - 1, 0), max(box[2] * share - 1, 0)
    part = opening[y0 : box[1] * share + 1, x0 : box[3] * share + 1]
    large = cv2.resize(part, None, fx=cell, fy=cell, interpolation=cv2.INTER_LINEAR)
    return np.ascontiguousarray(large[box[0] * TILE - y0 * cell :, box[2] * TILE - x0 * cell :], np.float32)
