"""The best mode: where there are edges, rays of the lens decide what a pixel sees; calm tiles are gathered.

The survey, the edges, the hidden surfaces and the calm tiles are those of ``layered``.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from dofsim.bokeh.aperture import Aperture
from dofsim.bokeh.calm import Box
from dofsim.bokeh.edges import find_edges, find_places
from dofsim.bokeh.layered import SPAN_TILES, calm_squares, survey
from dofsim.bokeh.lights import add_reflections, find_lights, lights_near
from dofsim.bokeh.mixed import find_mixed
from dofsim.bokeh.plan import (
    BLOCK,
    CLOSE_LOOKS,
    FINE_RADIUS,
    IN_FOCUS_RADIUS,
    LARGEST_DRAWN,
    LIGHT_SIZE,
    SQUARE,
    TILE,
    TILE_LEVEL,
    Plan,
    make_plan,
    soft_cell,
)
from dofsim.bokeh.pupil import aperture_points, pupil_picture
from dofsim.bokeh.shapes import shape_table
from dofsim.bokeh.tiles import Tiles, find_tiles
from dofsim.bokeh.workers import Workers

Floats = npt.NDArray[np.float32]

RAYS = 16, 512
"""Fewest and most rays of a pixel."""

GAIN = 5e-8
"""A square takes twice as many rays as long as its noise (variance of the root of the light, which displays show) is
larger than this for each ray: so every ray is spent where it takes away most. Times the softness of edges, px, for the
wider these are, the more pixels show what one of a small picture does."""

JUMP = 1.0
"""Where the radius changes by more than this, px, from one pixel to the next, there are two surfaces."""

SMOOTH = 0.05
"""By how much the radius of a smooth surface changes from one pixel to the next, px: there gathering is exact."""

RIM = 0.3
"""How much a pixel on an edge, which may still be mixed, counts for the colours of hidden surfaces."""

FARTHER = 6.0
"""How much wider than behind an edge a farther surface must be seen there, for the edge not to matter.

Rays meet every surface in its turn, so edges between near ones count, as of hair before a face. But the bumps of a near
surface whose depth rings at its edge would spread their own colour over what lies behind, as a halo.
"""

_TILE_ROWS = 2
_ROWS = 64
_LOOKS = 16
_NEVER = 1e6


class Surfaces(NamedTuple):
    """What rays meet.

    Attributes
    ----------
    rgb : float32 array, shape (H, W, 3)
        Colours of the visible surfaces, mixed with no other.
    coc, away : float32 array, shape (H, W)
        Signed radius, px, and distance to the next edge, px.
    far : float32 array, shape (rows, columns) of cells
        Coc of the hidden surface, px; very low where none is known.
    hidden : float32 array, shape (rows, columns, 3)
        Its colour.
    cell : int
        Side of a cell, px.
    jump : float
        Where the coc changes by more than this, px, from one pixel to the next, there are two surfaces.
    mixed, share, near, tint
        Those of :class:`~dofsim.bokeh.mixed.Mixed`.
    pyramid : float32 array, shape (n, 4)
        Means of all levels from the first on, one after the other.
    starts, columns : int64 array
        Where each level begins, and how many columns it has.
    """

    rgb: Floats
    coc: Floats
    away: Floats
    far: Floats
    hidden: Floats
    cell: int
    jump: np.float32
    mixed: npt.NDArray[np.int32]
    share: Floats
    near: Floats
    tint: Floats
    pyramid: Floats
    starts: npt.NDArray[np.int64]
    columns: npt.NDArray[np.int64]


def render_rays(rgb: Floats, coc: Floats, max_radius: float, aperture: Aperture | None, threads: int) -> Floats:
    """Render with rays wherever more than one surface may be seen.

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

    Returns
    -------
    float32 array, shape (H, W, 3)
    """
    height, width = coc.shape
    plan = make_plan(height, width, max_radius)
    plan = replace(plan, cell=soft_cell(plan.softness))
    shape = None if aperture is None else shape_table(aperture, LARGEST_DRAWN, height, width)
    out = np.empty_like(rgb)
    with Workers(threads) as workers:
        means, spans = survey(rgb, coc, plan, workers)
        cells = spans[plan.cell_level]
        places, crowded, reach = find_places(cells, plan, SQUARE)
        from dofsim.bokeh._edges import FAR

        blocks = plan.padded_height // BLOCK, plan.padded_width // BLOCK
        calm = find_tiles(np.full(blocks, -FAR, np.float32), spans[TILE_LEVEL], plan)
        workers.run(*calm_squares(rgb, coc, means, calm, plan, shape, out))
        layered = layered_squares(reach, spans[SQUARE.bit_length() - 1], SQUARE)
        leave_alone(layered, spans, calm, max_radius, workers)
        squares = int(layered.sum())
        if squares == 0:
            return out

        from dofsim.bokeh._join import add_lights, join_tiles
        from dofsim.bokeh._rays import ray_room, ray_tiles
        from dofsim.bokeh._survey import FIRST_LEVEL
        from dofsim.bokeh._trace import NOTHING

        jump = np.float32(JUMP)
        lights, rgb = take_lights(rgb, coc, cells, plan)
        away = distance_to_edges(coc)
        mixed, clean = find_mixed(rgb, coc, away, jump, plan.softness, workers)
        del means
        means, _ = survey(clean, coc, plan, workers)
        # In wider cells those that an edge cuts count for nothing anyway.
        trust = np.where(away < 1, np.float32(RIM), np.float32(1)) if plan.cell == 1 else None
        edges = find_edges(
            clean, coc, means, cells, places, crowded, plan, workers, farther=FARTHER, looks=CLOSE_LOOKS, trust=trust
        )
        far = np.where(edges.distance < FAR, edges.far, np.float32(NOTHING))
        grids = means[FIRST_LEVEL:]
        starts = np.cumsum([0, *(grid[..., 0].size for grid in grids[:-1])])
        columns = np.array([grid.shape[1] for grid in grids])
        pyramid = np.concatenate([grid.reshape(-1, 4) for grid in grids])
        surfaces = Surfaces(clean, coc, away, far, edges.colour, plan.cell, jump, *mixed, pyramid, starts, columns)
        lowest, highest = reachable(spans[TILE_LEVEL])
        del means, grids
        points, pupil = aperture_points(aperture, SQUARE * SQUARE * RAYS[-1]), pupil_picture(aperture)
        gain = np.float32(GAIN * plan.softness)
        cats_eye = np.float32(0 if aperture is None else aperture.cats_eye)
        rows, across = lowest.shape

        number = np.cumsum(layered, dtype=np.int32).reshape(layered.shape) - np.int32(1)
        number[layered == 0] = -1
        wide = np.zeros((2, squares, SQUARE * SQUARE, 4), np.float32)
        radius = np.zeros(wide.shape[:3], np.float32)

        def look(box: Box) -> None:
            ray_tiles(
                surfaces, rgb, number, lowest, highest, *box, points, RAYS, gain, cats_eye,
                ray_room(), wide, radius, out,
            )  # fmt: skip

        def join(box: Box) -> None:
            join_tiles(wide, radius, number, *box, out)
            near = lights_near(lights, box)
            if len(near) > 0:
                add_lights(near, surfaces, number, lowest, *box, pupil, cats_eye, out)

        boxes = [
            (j, min(j + _TILE_ROWS, rows), i, min(i + SPAN_TILES, across))
            for j in range(0, rows, _TILE_ROWS)
            for i in range(0, across, SPAN_TILES)
        ]
        workers.run(look, boxes)
        workers.run(join, boxes)
    return out


def layered_squares(reach: Floats, ranges: Floats, side: int) -> npt.NDArray[np.uint8]:
    """Which squares may see more than one surface; like :func:`dofsim.bokeh.tiles.find_tiles`, but finer.

    Parameters
    ----------
    reach : float32 array, shape (rows, columns) of squares
        How far, px, the near side of an edge or a light spreads from there; -FAR where there is none.
    ranges : float32 array, shape (rows, columns, 3)
        Lowest and highest coc of each square, px.
    side : int
        Of the squares, px.

    Returns
    -------
    uint8 array, shape (rows, columns)
        1 or 0.
    """
    from dofsim.bokeh._edges import FAR, STEEP, sweep

    spread, edge = -reach, np.where(reach < 0, np.float32(FAR), np.float32(0))
    for field in (spread, edge):
        sweep(field, np.float32(side))
    widest = np.maximum(ranges[..., 1], -ranges[..., 0])
    slack = side * math.sqrt(2)
    return ((spread < slack) | (edge < widest * STEEP + slack)).astype(np.uint8)


def leave_alone(
    layered: npt.NDArray[np.uint8], spans: list[Floats], calm: Tiles, max_radius: float, workers: Workers
) -> None:
    """Unmark the layered squares whose pixels see one smooth surface alone: gathering them makes no noise.

    Mark others in the tiles of what stays, if the grid on which a tile was gathered is too coarse for their circles.

    Parameters
    ----------
    layered : uint8 array, shape (rows, columns) of squares
        1 or 0; changed in place.
    spans : list of float32 array
        Ranges of the squares of each level (see ``_survey``).
    calm : Tiles
        How tiles were gathered.
    max_radius : float
        px.
    workers : Workers
    """
    from dofsim.bokeh._alone import find_alone

    own = spans[SQUARE.bit_length() - 1]
    # Coarser squares serve for larger radii, so that there are never many to look at.
    level = SQUARE.bit_length() - 1
    while max_radius > _LOOKS << level:
        level += 1
    # On the grid of a tile that shows wide blur too, a small disc is no disc.
    radius = np.maximum(np.maximum(own[..., 0], -own[..., 1]), 0)
    grid = np.repeat(np.repeat(calm.level, TILE // SQUARE, axis=0), TILE // SQUARE, axis=1)
    exact = (grid <= 0) | (radius >= FINE_RADIUS * 2.0 ** (grid - 1))
    alone = np.where(exact, layered, np.uint8(0))
    workers.run(
        lambda first: find_alone(
            own, spans[level], 1 << level, np.float32(max_radius), np.float32(SMOOTH), first,
            min(first + _ROWS, len(alone)), alone,
        ),
        range(0, len(alone), _ROWS),
    )  # fmt: skip
    layered[exact & (alone == 0)] = 0
    share = TILE // SQUARE
    rows, columns = calm.level.shape
    edge = layered.reshape(rows, share, columns, share).any(axis=(1, 3))
    layered[~exact & edge.repeat(share, axis=0).repeat(share, axis=1)] = 1


def distance_to_edges(coc: Floats) -> Floats:
    """Distance of every pixel from the next edge, px.

    Parameters
    ----------
    coc : float32 array, shape (H, W)
        px.

    Returns
    -------
    float32 array, shape (H, W)
        0 on both sides of an edge.
    """
    smooth = np.ones(coc.shape, np.uint8)
    for first, second in ((np.s_[:-1], np.s_[1:]), (np.s_[:, :-1], np.s_[:, 1:])):
        jumps = np.abs(coc[first] - coc[second]) > JUMP
        smooth[first][jumps] = 0
        smooth[second][jumps] = 0
    if smooth.all():
        return np.full(coc.shape, _NEVER, np.float32)
    return cv2.distanceTransform(smooth, cv2.DIST_L2, cv2.DIST_MASK_5)


def reachable(ranges: Floats) -> tuple[Floats, Floats]:
    """Nearest and farthest surface that rays from a tile can meet: those whose circles reach it.

    Parameters
    ----------
    ranges : float32 array, shape (rows, columns, 3)
        Lowest and highest coc of each tile, px.

    Returns
    -------
    lowest, highest : float32 array, shape (rows, columns)
        Coc, px.
    """
    low, high = ranges[..., 0], ranges[..., 1]
    lowest, highest = low.copy(), high.copy()
    most = float(np.maximum(high, -low).max())
    rows, columns = low.shape
    tall, wide = (min(int(most // TILE) + 1, size - 1) for size in (rows, columns))
    for dy in range(-tall, tall + 1):
        for dx in range(-wide, wide + 1):
            distance = math.hypot(max(abs(dy) - 1, 0), max(abs(dx) - 1, 0)) * TILE
            if distance > most:
                continue
            here = np.s_[max(dy, 0) : rows + min(dy, 0), max(dx, 0) : columns + min(dx, 0)]
            there = np.s_[max(-dy, 0) : rows + min(-dy, 0), max(-dx, 0) : columns + min(-dx, 0)]
            reaches = np.maximum(high[there], -low[there]) >= distance
            np.minimum(lowest[here], low[there], out=lowest[here], where=reaches)
            np.maximum(highest[here], high[there], out=highest[here], where=reaches)
    return lowest, highest


def take_lights(rgb: Floats, coc: Floats, spans: Floats, plan: Plan) -> tuple[Floats, Floats]:
    """Take the small lights out of a picture: what they are brighter than the ground around them.

    Parameters
    ----------
    rgb : float32 array, shape (H, W, 3)
    coc : float32 array, shape (H, W)
        px.
    spans : float32 array, shape (rows, columns, 3)
        Ranges of the cells (see ``_survey``).
    plan : Plan

    Returns
    -------
    lights : float32 array, shape (n, 6)
        y, x, coc (px), colour; with what the border reflects of them.
    rest : float32 array, shape (H, W, 3)
        The picture without them.
    """
    found, _ = find_lights(rgb, coc, spans, plan)
    if len(found) == 0:
        return found, rgb
    own, level = np.zeros(coc.shape, np.float32), np.zeros(coc.shape, np.float32)
    y, x = found[:, :2].astype(np.int64).T
    own[y, x], level[y, x] = found[:, 2], found[:, 3:].max(axis=1)
    # The rim of a light mixes it with the ground: it has the light's circle of confusion and part of its brightness.
    rim = cv2.dilate((level > 0).astype(np.uint8), np.ones((3, 3), np.uint8))
    ground = (1 - rim).astype(np.float32)
    side = 2 * LIGHT_SIZE + 1
    mean = cv2.blur(rgb * ground[..., None], (side, side), borderType=cv2.BORDER_REFLECT)
    mean /= np.maximum(cv2.blur(ground, (side, side), borderType=cv2.BORDER_REFLECT), 1e-6)[..., None]
    y, x = np.nonzero(rim)
    excess = np.maximum(rgb[y, x] - mean[y, x], 0)
    radius, brightest = own[y, x], np.where(level[y, x] > 0, np.inf, 0)
    for dy in (-1, 0, 1):
        for dx in (-1, 0, 1):
            beside = np.clip(y + dy, 0, plan.height - 1), np.clip(x + dx, 0, plan.width - 1)
            brighter = level[beside] > brightest
            radius = np.where(brighter, own[beside], radius)
            brightest = np.where(brighter, level[beside], brightest)
    blurred = np.abs(radius) >= IN_FOCUS_RADIUS
    y, x, radius, excess = y[blurred], x[blurred], radius[blurred], excess[blurred]
    rest = rgb.copy()
    rest[y, x] -= excess
    return add_reflections(np.column_stack([y, x, radius, excess]).astype(np.float32), plan), rest
