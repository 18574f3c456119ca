"""The renderer: calm tiles are gathered, the others drawn as layers of discs, on as many threads as asked for.

    survey -> edges, tiles -> calm tiles
                           -> hidden surfaces, large discs on coarse grids -> cascade -> small discs, focus, composite

Work runs in plain Python threads: the kernels release the GIL, so no Numba threading layer is involved, and several
renderings may run side by side.
"""

from __future__ import annotations

import math
import threading
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dofsim.bokeh.plan import (
    BACK,
    BLOCK,
    FINE_RADIUS,
    FRONT,
    HIDDEN,
    LARGEST_DRAWN,
    LARGEST_GATHERED,
    MARGIN,
    PATCH,
    TILE,
    Plan,
    make_plan,
)
from dofsim.bokeh.spans import SpanTable, gather_table, span_table
from dofsim.bokeh.workers import Workers

_ROWS = 256
_SPAN_TILES = 8
"""Side of the squares of tiles that one thread renders at a time."""

_CASCADE_ROWS = 8 * PATCH

_SOFTNESS = 1 / 1200
"""Width of the mixed colours beside an edge, as a share of the diagonal: 4 px of a 12 MP photo."""

_FULL_LIGHTS = 4 * FINE_RADIUS
"""Lights with a smaller radius than this, px, are drawn at full resolution."""


def render_layered(
    rgb: npt.NDArray[np.float32], coc: npt.NDArray[np.float32], max_radius: float, threads: int
) -> npt.NDArray[np.float32]:
    """Render with occlusion and filled hidden surfaces, at a cost nearly independent of the radius.

    Parameters
    ----------
    rgb : float32 array, shape (H, W, 3), C-contiguous
        Scene-linear.
    coc : float32 array, shape (H, W), C-contiguous
        Signed radius, px; ``abs(coc) <= max_radius``.
    max_radius : float
        px.
    threads : int
        >= 1; does not change the result.

    Returns
    -------
    float32 array, shape (H, W, 3)
    """
    plan = make_plan(coc.shape[0], coc.shape[1], max_radius)
    table = span_table(LARGEST_DRAWN)
    out = np.empty_like(rgb)
    with Workers(threads) as workers:
        survey = _survey(rgb, coc, plan, workers)
        scene = _find_edges(rgb, coc, plan, survey, workers)
        levels = _draw_coarse(rgb, coc, plan, survey, scene, table, workers)
        _render_squares(rgb, coc, plan, survey, scene, levels, table, workers, out)
    return out


@dataclass(frozen=True)
class _Survey:
    """Pyramid of cells and of ranges, and where their levels start; see ``_survey``."""

    cells: npt.NDArray[np.float32]
    starts: npt.NDArray[np.int64]
    spans: npt.NDArray[np.float32]
    span_starts: npt.NDArray[np.int64]


@dataclass(frozen=True)
class _Scene:
    """What is where: cells with their edges and hidden surfaces, tiles with their kind."""

    far: npt.NDArray[np.float32]
    distance: npt.NDArray[np.float32]
    colour: npt.NDArray[np.float32]
    opening: npt.NDArray[np.float32]
    layered: npt.NDArray[np.uint8]
    apart: npt.NDArray[np.float32]
    smallest: npt.NDArray[np.float32]
    widest: npt.NDArray[np.float32]


@dataclass(frozen=True)
class _Level:
    """One grid of one group: its accumulator, and the patches where it holds something."""

    acc: npt.NDArray[np.float32]
    touched: npt.NDArray[np.uint8]
    live: npt.NDArray[np.uint8]


def _survey(rgb: npt.NDArray[np.float32], coc: npt.NDArray[np.float32], plan: Plan, workers: Workers) -> _Survey:
    from dofsim.bokeh._survey import FIRST_LEVEL, reduce_cells, reduce_spans, survey_rows

    lowest = plan.cell_level
    starts, span_starts = plan.start - plan.start[FIRST_LEVEL], plan.start - plan.start[lowest]
    cells = np.empty(int(starts[-1]) * 4, np.float32)
    spans = np.empty(int(span_starts[-1]) * 3, np.float32)
    rows, _ = plan.shape(FIRST_LEVEL)
    step = _ROWS >> FIRST_LEVEL
    workers.run(
        lambda first: survey_rows(rgb, coc, first, min(first + step, rows), plan.padded_width, plan.cell, cells, spans),
        range(0, rows, step),
    )
    for level in range(2, plan.levels + 1):
        if level > FIRST_LEVEL:
            reduce_cells(cells, int(starts[level - 1]) * 4, int(starts[level]) * 4, *plan.shape(level))
        if level > lowest:
            reduce_spans(spans, int(span_starts[level - 1]) * 3, int(span_starts[level]) * 3, *plan.shape(level))
    return _Survey(cells, starts, spans, span_starts)


def _find_edges(
    rgb: npt.NDArray[np.float32], coc: npt.NDArray[np.float32], plan: Plan, survey: _Survey, workers: Workers
) -> _Scene:
    from dofsim.bokeh._edges import FAR, find_edges, find_tiles, open_around
    from dofsim.bokeh._hidden import extend

    cell = plan.cell
    jump = np.float32(max(1.0, 0.5 * cell))
    softness = max(1, round(math.hypot(plan.height, plan.width) * _SOFTNESS))
    shape = (-(-plan.height // cell), -(-plan.width // cell))
    near, far = np.empty(shape, np.float32), np.zeros(shape, np.float32)
    distance = np.full(shape, FAR, np.float32)
    away, opening = np.empty(shape, np.float32), np.empty(shape, np.float32)
    colour = np.zeros((*shape, 3), np.float32)
    reach = np.full((-(-plan.height // BLOCK), -(-plan.width // BLOCK)), -FAR, np.float32)
    rows = _ROWS // cell
    workers.run(
        lambda first: find_edges(
            rgb, coc, survey.spans, plan.padded_width // cell, cell, jump, softness,
            first, min(first + rows, shape[0]), near, far, distance, colour, away, reach,
        ),
        range(0, shape[0], rows),
    )  # fmt: skip
    tiles = (-(-plan.height // TILE), -(-plan.width // TILE))
    layered = np.empty(tiles, np.uint8)
    apart, smallest, widest = (np.empty(tiles, np.float32) for _ in range(3))
    find_tiles(
        reach, np.empty_like(reach), survey.spans, plan.padded_width // cell, cell, layered, apart, smallest, widest
    )
    if layered.any():
        open_around(near, away, cell, opening)
        cells = far.size
        extend(
            near, far, distance, colour, cell, jump, np.zeros(shape, np.int16), np.empty(cells, np.int32),
            np.empty(cells, np.float32),
        )  # fmt: skip
    return _Scene(far, distance, colour, opening, layered, apart, smallest, widest)


def _draw_coarse(
    rgb: npt.NDArray[np.float32],
    coc: npt.NDArray[np.float32],
    plan: Plan,
    survey: _Survey,
    scene: _Scene,
    table: SpanTable,
    workers: Workers,
) -> dict[tuple[int, int], _Level]:
    """Draw and composite the coarse grids; empty where no tile needs layers."""
    from dofsim.bokeh._coarse import coarse_layer
    from dofsim.bokeh._composite import cascade_rows, fold_rows
    from dofsim.bokeh._hidden import hidden_layer

    levels: dict[tuple[int, int], _Level] = {}
    if not scene.layered.any():
        return levels
    padded = (plan.padded_height, plan.padded_width)
    apart = np.full((plan.padded_height // TILE, plan.padded_width // TILE), 1e9, np.float32)
    apart[: scene.apart.shape[0], : scene.apart.shape[1]] = scene.apart
    wanted = _wanted(scene.layered, plan)
    for group in (FRONT, BACK, HIDDEN):
        for level in range(1, plan.levels + 1):
            rows, columns = plan.shape(level)
            acc = np.zeros((rows + 2 * MARGIN) * (columns + 2 * MARGIN + 2) * 4, np.float32)
            touched = np.zeros((-(-(rows + 2 * MARGIN) // PATCH), -(-(columns + 2 * MARGIN) // PATCH)), np.uint8)
            levels[group, level] = _Level(acc, touched, np.zeros_like(wanted[level]))

    def draw(item: tuple[int, int]) -> None:
        group, level = item
        grid = levels[item]
        rows, columns = plan.shape(level)
        if group == HIDDEN:
            hidden_layer(
                scene.far, scene.distance, scene.colour, plan.cell, columns, plan.levels, apart, level, table,
                grid.acc, grid.touched,
            )  # fmt: skip
        else:
            coarse_layer(
                rgb, coc, survey.cells, survey.starts, survey.spans, survey.span_starts, plan.cell_level, padded, apart,
                group, level, table, grid.acc, grid.touched,
            )  # fmt: skip
        fold_rows(grid.acc, grid.touched, rows, columns)

    workers.run(draw, levels)
    nothing = _Level(np.zeros(0, np.float32), np.zeros((0, 0), np.uint8), np.zeros((0, 0), np.uint8))
    for group in (FRONT, BACK, HIDDEN):
        coarser = nothing
        for level in range(plan.levels, 0, -1):
            grid, rows, columns = levels[group, level], *plan.shape(level)

            def composite(first: int, group: int = group, level: int = level, coarser: _Level = coarser) -> None:
                grid, (rows, columns) = levels[group, level], plan.shape(level)
                cascade_rows(
                    coc, scene.opening, plan.cell, group, level, rows, columns, grid.acc, grid.touched, wanted[level],
                    grid.live, coarser.acc, coarser.live, first, min(first + _CASCADE_ROWS, rows),
                )  # fmt: skip

            if grid.touched.any() or coarser.live.any():
                workers.run(composite, range(0, rows, _CASCADE_ROWS))
            coarser = grid
    return levels


def _wanted(layered: npt.NDArray[np.uint8], plan: Plan) -> list[npt.NDArray[np.uint8]]:
    """Patches of every level that are looked at: those under tiles with layers, and the ones around them."""
    assert PATCH * 2 == TILE
    wanted = [layered]
    for level in range(1, plan.levels + 1):
        rows, columns = plan.shape(level)
        patches = np.zeros((-(-rows // PATCH), -(-columns // PATCH)), np.uint8)
        below = wanted[-1]
        at = np.argwhere(below) >> (0 if level == 1 else 1)
        for y in (-1, 0, 1):
            for x in (-1, 0, 1):
                j = np.clip(at[:, 0] + y, 0, patches.shape[0] - 1)
                i = np.clip(at[:, 1] + x, 0, patches.shape[1] - 1)
                patches[j, i] = 1
        wanted.append(patches)
    return wanted


def _render_squares(
    rgb: npt.NDArray[np.float32],
    coc: npt.NDArray[np.float32],
    plan: Plan,
    survey: _Survey,
    scene: _Scene,
    levels: dict[tuple[int, int], _Level],
    table: SpanTable,
    workers: Workers,
    out: npt.NDArray[np.float32],
) -> None:
    from dofsim.bokeh._calm import calm_block, calm_levels, calm_room
    from dofsim.bokeh._fine import fine_block, ring_room

    tiles, disc = scene.layered.shape, gather_table(LARGEST_GATHERED)
    gathered = np.empty(tiles, np.int8)
    calm_levels(scene.layered, scene.smallest, scene.widest, plan.levels, gathered)
    lights = _lights(rgb, coc, plan, survey) if levels else np.zeros((0, 6), np.float32)
    grids = [levels[group, 1] for group in (FRONT, BACK, HIDDEN)] if levels else []

    kept = threading.local()

    def scratch(name: str, size: int) -> npt.NDArray[np.float32]:
        # Fresh memory for every square would cost more than the work in it.
        if not hasattr(kept, name):
            setattr(kept, name, np.zeros(size, np.float32))
        room: npt.NDArray[np.float32] = getattr(kept, name)
        return room

    def square(corner: tuple[int, int]) -> None:
        j, i = corner
        box = (j, min(j + _SPAN_TILES, tiles[0]), i, min(i + _SPAN_TILES, tiles[1]))
        part = np.s_[box[0] : box[1], box[2] : box[3]]
        if (gathered[part] != -1).any():
            calm_block(
                rgb, coc, survey.cells, survey.starts, (plan.padded_height, plan.padded_width), gathered, scene.widest,
                *box, disc, scratch("prefix", calm_room(_SPAN_TILES)), scratch("small", calm_room(_SPAN_TILES)), out,
            )  # fmt: skip
        if scene.layered[part].any():
            front, back, hidden = grids
            fine_block(
                rgb, coc, scene.opening, plan.cell, scene.layered, *box,
                front.acc, front.live, back.acc, back.live, hidden.acc, hidden.live, *plan.shape(1),
                _lights_near(lights, box), table, scratch("ring", ring_room(_SPAN_TILES)), out,
            )  # fmt: skip

    workers.run(square, [(j, i) for j in range(0, tiles[0], _SPAN_TILES) for i in range(0, tiles[1], _SPAN_TILES)])


def _lights(
    rgb: npt.NDArray[np.float32], coc: npt.NDArray[np.float32], plan: Plan, survey: _Survey
) -> npt.NDArray[np.float32]:
    """The lights that are drawn at full resolution, and those that the border reflects into the picture."""
    from dofsim.bokeh._coarse import find_lights

    columns = plan.padded_width // plan.cell
    spans = survey.spans.reshape(-1, 3)
    room = int(spans[: columns * (plan.padded_height // plan.cell), 2].sum()) * plan.cell**2
    lights = np.zeros((room, 6), np.float32)
    lights = lights[: find_lights(rgb, coc, survey.spans, columns, plan.cell, plan.levels, lights)]
    for axis, size in ((0, plan.height), (1, plan.width)):
        radius = np.abs(lights[:, 2]) + 1
        before, after = lights[lights[:, axis] < radius], lights[lights[:, axis] > size - 1 - radius]
        before[:, axis] = -1 - before[:, axis]
        after[:, axis] = 2 * size - 1 - after[:, axis]
        lights = np.concatenate([lights, before, after])
    return lights


def _lights_near(lights: npt.NDArray[np.float32], box: tuple[int, int, int, int]) -> npt.NDArray[np.float32]:
    top, bottom, left, right = (edge * TILE for edge in box)
    y, x, radius = lights[:, 0], lights[:, 1], np.abs(lights[:, 2]) + 1
    return lights[(y > top - radius) & (y < bottom + radius) & (x > left - radius) & (x < right + radius)]
