"""What a picture's squares are like and what is to be done with them; plain NumPy, for there are few of them."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from dofsim.bokeh.plan import (
    BLOCK,
    FINE_RADIUS,
    IN_FOCUS_RADIUS,
    LARGEST_GATHERED,
    PATCH,
    TILE,
    Plan,
)

LAYERED, COPIED = -1, -2

_DIAGONAL = 1.4142135


@dataclass(frozen=True)
class Tiles:
    """One value per tile of TILE px, each of shape (rows, columns).

    Attributes
    ----------
    layered : uint8
        1 where more than one surface or a light shows, so that layers are needed.
    apart : float32
        px between the nearest points of a tile and of the next layered one; 0 in it and beside it.
    smallest, widest : float32
        Least and largest radius, px.
    level : int8
        Grid on which a calm tile is gathered, LAYERED for layered ones, COPIED for those in focus altogether.
    """

    layered: npt.NDArray[np.uint8]
    apart: npt.NDArray[np.float32]
    smallest: npt.NDArray[np.float32]
    widest: npt.NDArray[np.float32]
    level: npt.NDArray[np.int8]


def halve_cells(finer: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Mean of 2 x 2 cells, float32 (rows, columns, k) to (rows / 2, columns / 2, k)."""
    return cv2.resize(finer, (finer.shape[1] // 2, finer.shape[0] // 2), interpolation=cv2.INTER_AREA)


def halve_spans(finer: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Range of 2 x 2 ranges: float32 (rows, columns, 3) of lowest, highest, and whether there is a light."""
    parts = finer[::2, ::2], finer[1::2, ::2], finer[::2, 1::2], finer[1::2, 1::2]
    wide = np.maximum(np.maximum(parts[0], parts[1]), np.maximum(parts[2], parts[3]))
    wide[..., 0] = np.minimum(
        np.minimum(parts[0][..., 0], parts[1][..., 0]), np.minimum(parts[2][..., 0], parts[3][..., 0])
    )
    return wide


def find_tiles(reach: npt.NDArray[np.float32], spans: npt.NDArray[np.float32], plan: Plan) -> Tiles:
    """Which tiles need layers, and what is done with the others.

    More than one surface matters where an edge's near side spreads to, and as far from any edge as a pixel's own disc.

    Parameters
    ----------
    reach : float32 array, shape (rows, columns) of BLOCK px, padded to whole tiles
        How far, px, the near side of an edge or a light spreads from there; -FAR where there is none.
    spans : float32 array, shape (rows, columns, 3)
        Ranges of the tiles (see ``_survey``).
    plan : Plan

    Returns
    -------
    Tiles
    """
    from dofsim.bokeh._edges import FAR, STEEP, sweep

    lowest, highest = spans[..., 0], spans[..., 1]
    smallest = np.maximum(np.maximum(lowest, -highest), 0)
    widest = np.maximum(np.abs(lowest), np.abs(highest))
    spread, edge = -reach, np.where(reach < 0, np.float32(FAR), np.float32(0))
    for field in (spread, edge):
        sweep(field, np.float32(BLOCK))
    # Distances run from middle to middle of the blocks; their nearest points are up to a diagonal closer.
    slack = BLOCK * _DIAGONAL
    layered = (_least(spread) < slack) | (_least(edge) < widest * STEEP + slack)
    apart = np.where(layered, np.float32(0), np.float32(FAR))
    sweep(apart, np.float32(TILE))
    level = np.zeros(layered.shape, np.int8)
    for deeper in range(plan.levels):
        level += (level == deeper) & ((smallest >= FINE_RADIUS << deeper) | (widest > LARGEST_GATHERED << deeper))
    level[widest < IN_FOCUS_RADIUS] = COPIED
    level[layered] = LAYERED
    return Tiles(layered.astype(np.uint8), np.maximum(apart - np.float32(TILE * _DIAGONAL), 0), smallest, widest, level)


def find_wanted(layered: npt.NDArray[np.uint8], plan: Plan) -> list[npt.NDArray[np.uint8]]:
    """Patches that are looked at on every level from 0 on: those under layered tiles, and the ones around them."""
    assert PATCH * 2 == TILE
    wanted = [layered]
    for level in range(1, plan.levels + 1):
        rows, columns = plan.shape(level)
        patches = np.zeros((-(-rows // PATCH), -(-columns // PATCH)), np.uint8)
        at = np.argwhere(wanted[-1]) >> (0 if level == 1 else 1)
        for y in (-1, 0, 1):
            for x in (-1, 0, 1):
                j = np.clip(at[:, 0] + y, 0, patches.shape[0] - 1)
                i = np.clip(at[:, 1] + x, 0, patches.shape[1] - 1)
                patches[j, i] = 1
        wanted.append(patches)
    return wanted


def _least(blocks: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Least value of the blocks of each tile."""
    for _ in range((TILE // BLOCK).bit_length() - 1):
        rows = np.minimum(blocks[::2], blocks[1::2])
        blocks = np.minimum(rows[:, ::2], rows[:, 1::2])
    return blocks
