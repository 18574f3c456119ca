"""Edges between surfaces, what lies hidden behind them, and where the lens looks past them."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from dofsim.bokeh.lights import add_reflections
from dofsim.bokeh.plan import BLOCK, FINE_RADIUS, HIDDEN, LOOKS, ROOM, TILE, Plan
from dofsim.bokeh.workers import Workers

Floats = npt.NDArray[np.float32]

_FARTHER = 1.5
"""How much wider than behind an edge a farther surface must be seen there, for the edge not to matter."""

_CROWDED = 0.4
"""Share of the cells around in which the circle of confusion jumps, from which on there are more edges than one."""

_PORTION = 4096
_ROWS = 64


@dataclass(frozen=True)
class Edges:
    """What :func:`find_edges` found.

    Attributes
    ----------
    far, distance : float32 array, shape (rows, columns)
        Coc, px, of the farther surface of every cell, and how many cells away an edge shows it; FAR for none.
    colour : float32 array, shape (rows, columns, 3)
        Of that surface.
    opening : float32 array, shape (rows, columns)
        Where the lens looks past an edge, 0..1.
    """

    far: Floats
    distance: Floats
    colour: Floats
    opening: Floats


def find_places(
    spans: Floats, plan: Plan, side: int = BLOCK
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.uint8], Floats]:
    """Cells in which the circle of confusion may jump.

    Parameters
    ----------
    spans : float32 array, shape (rows, columns, 3)
        Ranges of the cells, padded to whole tiles (see ``_survey``).
    plan : Plan
    side : int
        Side, px, of the squares of ``reach``; a multiple of ``plan.cell`` that divides ``TILE``.

    Returns
    -------
    places : int64 array, shape (n, 2)
        Row and column.
    crowded : uint8 array, shape (n,)
        1 where it jumps in many of the cells around as well.
    reach : float32 array, shape (rows, columns) of squares
        How far, px, the near side of an edge or a light spreads from there; -FAR where there is none.
    """
    from dofsim.bokeh._edges import FAR, STEEP

    rows, columns = -(-plan.height // plan.cell), -(-plan.width // plan.cell)
    low, high, light = cv2.split(spans[:rows, :columns])
    lit = light > 0
    lowest, highest = low.copy(), high.copy()
    for extreme, of, choose in ((lowest, low, np.minimum), (highest, high, np.maximum)):
        choose(extreme[:-1], of[1:], out=extreme[:-1])
        choose(extreme[:, :-1], extreme[:, 1:].copy(), out=extreme[:, :-1])
    jump = _jump(plan)
    y, x = np.divmod(np.flatnonzero((highest - lowest > jump) | lit), columns)
    places = np.column_stack((y, x))
    # Wide beside a soft edge, which is some cells wide itself.
    around = 16 * plan.softness // plan.cell + 1
    share = cv2.blur((high - low > jump).astype(np.float32), (around, around))
    crowded = share[y, x] > _CROWDED
    spread = np.abs(np.where(lit[y, x], np.maximum(np.abs(lowest[y, x]), highest[y, x]), lowest[y, x]))
    reach = np.full((plan.padded_height // side, plan.padded_width // side), -FAR, np.float32)
    share = side // plan.cell
    np.maximum.at(reach, (y // share, x // share), spread * np.float32(STEEP) + np.float32(plan.cell + 1))
    return places, crowded.astype(np.uint8), reach


def find_edges(
    rgb: Floats,
    coc: Floats,
    means: list[Floats],
    spans: Floats,
    places: npt.NDArray[np.int64],
    crowded: npt.NDArray[np.uint8],
    plan: Plan,
    workers: Workers,
    *,
    farther: float = _FARTHER,
    looks: tuple[int, int] = LOOKS,
    trust: Floats | None = None,
) -> Edges:
    """Look at the cells found by :func:`find_places`, and carry the farther surfaces below the nearer ones.

    ``means``: of each level (see ``_survey``); ``spans``: ranges of the cells; ``farther``: how much wider than behind
    an edge a farther surface must be seen there, for the edge not to count; ``looks``: in how many places on each side
    the colour of a hidden surface is looked for, at most, and how far, in cells; ``trust``: how much the colour of each
    cell counts there, 0..1; default: 1.
    """
    from dofsim.bokeh import _edges
    from dofsim.bokeh._hidden import extend

    cell, jump = plan.cell, _jump(plan)
    near = np.ascontiguousarray(spans[: -(-plan.height // cell), : -(-plan.width // cell), 0])
    far, distance, away = np.zeros_like(near), np.full_like(near, _edges.FAR), np.full_like(near, _edges.FAR)
    colour = np.zeros((*near.shape, 3), np.float32)
    workers.run(
        lambda first: _edges.find_edges(
            rgb, coc, places, crowded, cell, jump, plan.softness, first, min(first + _PORTION, len(places)),
            far, distance, colour, away,
        ),
        range(0, len(places), _PORTION),
    )  # fmt: skip
    _drop_between(near, far, distance, cell, jump, farther)
    _edges.sweep(away, np.float32(cell))
    # Open within the radius of the pixel's own surface from an edge; the outer half of it, where little is seen, fades.
    radius = np.abs(near) + np.float32(cell)
    opening = np.clip(2 * (radius - away) / radius, 0, 1)
    rings = np.empty(near.size, np.int32), np.empty(near.size, np.float32)
    extend(near, far, distance, colour, cell, jump, np.zeros(near.shape, np.int16), *rings)
    hidden = np.ascontiguousarray(np.argwhere((distance > 0) & (distance < _edges.FAR)))
    if len(hidden) > 0:
        _fill(means[plan.cell_level], spans, far, distance, colour, jump, hidden, looks, trust, workers)
    return Edges(far, distance, colour, opening)


def _drop_between(near: Floats, far: Floats, distance: Floats, cell: int, jump: np.float32, farther: float) -> None:
    """Unmark the edges behind which a farther surface than their own is seen.

    Such is the border between the middle and the rim of a near surface whose depth is soft at its edge: a lens that
    looks past the middle looks past the rim as well, at what is behind both.
    """
    from dofsim.bokeh._edges import FAR, sweep

    edges = np.flatnonzero(distance == 0)
    own, behind = near.ravel()[edges], far.ravel()[edges]
    # The rays of the lens are straight lines in (x, coc) space.
    reach = np.full_like(far, FAR)
    reach.flat[edges] = -behind
    sweep(reach, np.float32(cell))
    between = -reach.ravel()[edges] - own > farther * (behind - own) + jump
    distance.flat[edges[between]] = FAR


def _fill(
    cells: Floats,
    spans: Floats,
    far: Floats,
    distance: Floats,
    colour: Floats,
    jump: np.float32,
    places: npt.NDArray[np.int64],
    looks: tuple[int, int],
    trust: Floats | None,
    workers: Workers,
) -> None:
    """Replace the colours that were carried below the near surfaces by better guesses."""
    from dofsim.bokeh._fill import fill, find_slopes

    rows, columns = far.shape
    slopes = np.empty((rows, columns, 3), np.float32)
    workers.run(
        lambda first: find_slopes(cells, spans, jump, first, min(first + _ROWS, rows), slopes), range(0, rows, _ROWS)
    )
    if trust is not None:
        slopes[..., 0] *= trust
    workers.run(
        lambda first: fill(
            cells, slopes, far, distance, colour, jump, places, looks, first, min(first + _PORTION, len(places))
        ),
        range(0, len(places), _PORTION),
    )


def hidden_sources(edges: Edges, apart: Floats, plan: Plan) -> dict[tuple[int, int], Floats]:
    """The hidden surfaces as sources, by group and level, without those too far from any tile that needs layers.

    Parameters
    ----------
    edges : Edges
    apart : float32 array
        px from each tile to the next layered one.
    plan : Plan

    Returns
    -------
    dict of (HIDDEN, level) to float32 array, shape (n, 6)
        y, x, radius (px), red, green, blue of cells.
    """
    from dofsim.bokeh._edges import FAR

    y, x = np.nonzero(edges.distance < FAR)
    radius = np.abs(edges.far[y, x])
    wanted = apart[y * plan.cell // TILE, x * plan.cell // TILE] <= radius + plan.cell
    y, x, radius = y[wanted], x[wanted], radius[wanted]
    level = np.floor(np.log2(np.maximum(radius, FINE_RADIUS / 2) / FINE_RADIUS)).astype(np.int64) + 1
    level = np.clip(level, plan.cell_level, plan.levels)
    middle = (plan.cell - 1) / 2
    # A cell is at least as wide as itself.
    radius = np.maximum(radius, plan.cell / 2)
    sources = np.column_stack([y * plan.cell + middle, x * plan.cell + middle, radius, edges.colour[y, x]])
    return {
        (HIDDEN, own): add_reflections(sources[level == own].astype(np.float32), plan, ROOM << own)
        for own in range(1, plan.levels + 1)
    }


def _jump(plan: Plan) -> np.float32:
    return np.float32(max(1.0, 0.5 * plan.cell))
