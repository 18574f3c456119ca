"""The small lights of a picture: they are drawn one by one, and no other source stands for them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from dofsim.bokeh.plan import (
    BACK,
    FINE_RADIUS,
    FRONT,
    IN_FOCUS_RADIUS,
    LIGHT_LEVEL,
    LIGHT_SIZE,
    LIGHT_STEPS,
    ROOM,
    TILE,
    Plan,
)

Floats = npt.NDArray[np.float32]

Y, X, COC, RED = range(4)
"""Columns of a list of lights, float32 (n, 6): place and coc in px, then the three colours."""

_FULL = float(FINE_RADIUS << LIGHT_STEPS)
"""Lights with a smaller radius, px, are drawn at full resolution."""


def find_lights(rgb: Floats, coc: Floats, spans: Floats, plan: Plan) -> tuple[Floats, Floats]:
    """List the lights that are out of focus.

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
    sources : float32 array, shape (H, W)
        ``coc`` with every light in focus, where it is no source.
    """
    cells = np.argwhere(spans[..., 2] > 0) * plan.cell
    if len(cells) == 0:
        return np.zeros((0, 6), np.float32), coc
    offsets = np.stack(np.meshgrid(np.arange(plan.cell), np.arange(plan.cell)), axis=-1).reshape(-1, 2)
    y, x = (cells[:, None] + offsets).reshape(-1, 2).T
    inside = (y < plan.height) & (x < plan.width)
    y, x = y[inside], x[inside]
    level = rgb[y, x].max(axis=1)
    lit = level >= LIGHT_LEVEL
    for dy, dx in ((LIGHT_SIZE, 0), (-LIGHT_SIZE, 0), (0, LIGHT_SIZE), (0, -LIGHT_SIZE)):
        yy, xx = y + dy, x + dx
        outside = (yy < 0) | (yy >= plan.height) | (xx < 0) | (xx >= plan.width)
        beside = rgb[np.clip(yy, 0, plan.height - 1), np.clip(xx, 0, plan.width - 1)].max(axis=1)
        lit &= outside | (beside < 0.5 * level)
    y, x, level = y[lit], x[lit], level[lit]
    # The mixed rim of a light belongs to the light: it takes the coc of the brightest pixel beside it.
    found = coc[y, x]
    for dy in (-1, 0, 1):
        for dx in (-1, 0, 1):
            yy, xx = np.clip(y + dy, 0, plan.height - 1), np.clip(x + dx, 0, plan.width - 1)
            beside = rgb[yy, xx].max(axis=1)
            brighter = (beside > level) & (np.abs(coc[yy, xx]) >= IN_FOCUS_RADIUS)
            level, found = np.where(brighter, beside, level), np.where(brighter, coc[yy, xx], found)
    blurred = np.abs(found) >= IN_FOCUS_RADIUS
    y, x = y[blurred], x[blurred]
    sources = coc.copy()
    sources[y, x] = 0
    return np.column_stack([y, x, found[blurred], rgb[y, x]]).astype(np.float32), sources


def split_lights(lights: Floats, plan: Plan) -> tuple[Floats, dict[tuple[int, int], Floats]]:
    """Those drawn at full resolution, with what the border reflects of them, and the others by group and level."""
    radius = np.abs(lights[:, COC])
    level = np.floor(np.log2(np.maximum(radius, FINE_RADIUS) / FINE_RADIUS)).astype(np.int64) + 1 - LIGHT_STEPS
    level = np.minimum(level, plan.levels)
    coarse = {}
    for group, side in ((FRONT, lights[:, COC] < 0), (BACK, lights[:, COC] > 0)):
        for own in range(1, plan.levels + 1):
            chosen = lights[side & (level == own) & (radius >= _FULL)]
            coarse[group, own] = add_reflections(chosen, plan, ROOM << own)
    return add_reflections(lights[radius < _FULL], plan), coarse


def add_reflections(sources: Floats, plan: Plan, room: float = np.inf) -> Floats:
    """Sources, and what the border reflects of those that reach it.

    Parameters
    ----------
    sources : float32 array, shape (n, 6)
        y, x, coc (px), and the colour.
    plan : Plan
    room : float
        px around the picture that the discs have to stay in.

    Returns
    -------
    float32 array, shape (m, 6)
    """
    for axis, size in ((Y, plan.height), (X, plan.width)):
        reach, at = np.abs(sources[:, COC]) + 1, sources[:, axis]
        before = sources[(at < reach) & (at + reach + 1 < room)]
        after = sources[(at > size - 1 - reach) & (size - at + reach < room)]
        before[:, axis] = -1 - before[:, axis]
        after[:, axis] = 2 * size - 1 - after[:, axis]
        sources = np.concatenate([sources, before, after])
    return sources


def lights_near(lights: Floats, box: tuple[int, int, int, int]) -> Floats:
    """Those that may reach a box of tiles: first and last row, first and last column (last ones exclusive)."""
    top, bottom, left, right = (edge * TILE for edge in box)
    y, x, reach = lights[:, Y], lights[:, X], np.abs(lights[:, COC]) + 1
    return lights[(y > top - reach) & (y < bottom + reach) & (x > left - reach) & (x < right + reach)]
