"""What is found out about squares of the picture is what a look at each of their pixels would find."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from dofsim.bokeh._edges import FAR
from dofsim.bokeh.plan import make_plan
from dofsim.bokeh.tiles import COPIED, LAYERED, Tiles, find_tiles, find_wanted, halve_cells, halve_spans

ONE = 96, 32 * 12
"""Size, px, of a picture of 3 x 12 tiles."""


def squares(finer: Any, side: int) -> Any:
    """(rows, columns, ...) to (rows / side, columns / side, side * side, ...)."""
    rows, columns, *rest = finer.shape
    blocks = finer.reshape(rows // side, side, columns // side, side, *rest)
    return np.moveaxis(blocks, 2, 1).reshape(rows // side, columns // side, side * side, *rest)


def tiles_of(reach: Any = -FAR, low: Any = 0.0, high: Any = 0.0, radius: float = 100.0) -> Tiles:
    """The tiles of ONE picture, from values per block of 8 px, and per tile."""
    plan = make_plan(*ONE, radius)
    blocks = np.array(np.broadcast_to(reach, (12, 48)), np.float32)
    spans = np.stack([np.broadcast_to(one, (3, 12)) for one in (low, high, 0.0)], axis=2).astype(np.float32)
    return find_tiles(blocks, spans, plan)


def test_cells_are_halved_to_their_means() -> None:
    finer = np.random.default_rng(1).random((8, 12, 3), np.float32)
    np.testing.assert_allclose(halve_cells(finer), squares(finer, 2).mean(axis=2), rtol=1e-6)


def test_ranges_are_halved_to_what_spans_them() -> None:
    finer = np.random.default_rng(2).normal(size=(8, 12, 3)).astype(np.float32)
    four = squares(finer, 2)
    expected = np.stack([four[..., 0].min(axis=2), four[..., 1].max(axis=2), four[..., 2].max(axis=2)], axis=2)
    assert np.array_equal(halve_spans(finer), expected)


@pytest.mark.parametrize(
    ("low", "high", "smallest", "widest", "level"),
    [
        (0.0, 0.0, 0.0, 0.0, COPIED),
        (-0.5, 0.3, 0.0, 0.5, COPIED),
        (0.5, 0.7, 0.5, 0.7, 0),
        (-5.0, -3.0, 3.0, 5.0, 0),
        (-3.0, 5.0, 0.0, 5.0, 0),
        (7.9, 7.9, 7.9, 7.9, 0),
        (8.0, 9.0, 8.0, 9.0, 1),  # from 8 cells on a coarser grid is fine enough
        (-9.0, -8.0, 8.0, 9.0, 1),
        (12.0, 12.0, 12.0, 12.0, 1),
        (16.0, 17.0, 16.0, 17.0, 2),
        (64.0, 70.0, 64.0, 70.0, 4),
        (1.0, 20.0, 1.0, 20.0, 0),
        (1.0, 21.0, 1.0, 21.0, 1),  # beyond 20 cells it has to be coarser
        (1.0, 41.0, 1.0, 41.0, 2),
    ],
)
def test_a_calm_tile_is_gathered_on_the_grid_of_its_radii(
    low: float, high: float, smallest: float, widest: float, level: int
) -> None:
    where = np.zeros((3, 12), bool)
    where[1, 3] = True
    tiles = tiles_of(low=np.where(where, low, 30.0), high=np.where(where, high, 30.0))
    assert tiles.level.dtype == np.int8
    assert tiles.smallest[1, 3] == np.float32(smallest)
    assert tiles.widest[1, 3] == np.float32(widest)
    assert tiles.level[1, 3] == level
    assert (tiles.level[~where] == 2).all()
    assert not tiles.layered.any()
    assert tiles.apart.min() > 1e8


@pytest.mark.parametrize(("reach", "last"), [(0.0, 0), (15.0, 0), (22.0, 1), (50.0, 1), (54.0, 2)])
def test_layers_are_needed_as_far_as_the_near_side_spreads(reach: float, last: int) -> None:
    blocks = np.full((12, 48), -FAR, np.float32)
    blocks[5, :1] = reach  # tile t begins 32 t px further on; up to 11.3 px more, for a block's value is its middle's
    tiles = tiles_of(blocks)
    assert tiles.layered.dtype == np.uint8
    assert tiles.layered[1].tolist() == [1] * (last + 1) + [0] * (11 - last)
    assert (tiles.level == np.where(tiles.layered, LAYERED, COPIED)).all()


@pytest.mark.parametrize(("radius", "needed"), [(43.4, False), (44.4, True)])
def test_layers_are_needed_where_a_disc_reaches_an_edge(radius: float, needed: bool) -> None:
    """The third tile begins 64 px from the edge, less 11.3 px; a disc comes 1.2 times as far as its radius."""
    blocks = np.full((12, 48), -FAR, np.float32)
    blocks[:, 0] = 0.0
    for sign in (1.0, -1.0):
        edges = np.full((3, 12), 0.0)
        edges[:, 2] = sign * radius
        tiles = tiles_of(blocks, np.minimum(edges, 0.0), np.maximum(edges, 0.0))
        assert tiles.layered[:, :4].tolist() == [[1, 0, needed, 0]] * 3


def test_how_far_layers_are_is_told_from_edge_to_edge() -> None:
    blocks = np.full((12, 48), -FAR, np.float32)
    blocks[6, 18] = 1.0
    tiles = tiles_of(blocks)
    assert np.argwhere(tiles.layered).tolist() == [[1, 4]]
    # 32 px for each tile between, and less a tile's diagonal, as their middles may be that much farther apart.
    expected = np.maximum(32 * np.abs(np.arange(12) - 4) - 32 * np.sqrt(2), 0)
    np.testing.assert_allclose(tiles.apart[1], expected, rtol=1e-5)


@pytest.mark.parametrize("radius", [5.0, 100.0])
@pytest.mark.parametrize("at", [[(4, 6)], [(0, 0)], [(9, 14)], [(0, 14), (6, 3), (7, 5)]])
def test_patches_are_those_under_layered_tiles_and_around_them(radius: float, at: list[tuple[int, int]]) -> None:
    plan = make_plan(310, 470, radius)
    layered = np.zeros((10, 15), np.uint8)
    for place in at:
        layered[place] = 1
    wanted = find_wanted(layered, plan)
    assert len(wanted) == plan.levels + 1
    assert wanted[0] is layered
    for level in range(1, plan.levels + 1):
        rows, columns = plan.shape(level)
        expected = np.zeros((-(-rows // 16), -(-columns // 16)), np.uint8)
        for j, i in np.argwhere(wanted[level - 1]) // (1 if level == 1 else 2):
            expected[max(j - 1, 0) : j + 2, max(i - 1, 0) : i + 2] = 1
        assert wanted[level].dtype == np.uint8
        assert np.array_equal(wanted[level], expected)
