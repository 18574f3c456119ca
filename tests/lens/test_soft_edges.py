"""Edges that a depth map knows to some pixels only leave no outline in focus."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from dofsim.soft_edges import split_ramps, widen_near

Floats = npt.NDArray[np.float32]


@pytest.mark.parametrize(
    ("left", "right", "moves"), [(-40.0, 0.0, 3), (-40.0, 30.0, 3), (-10.0, 30.0, 0), (0.0, 9.0, 0)]
)
def test_edges_move_outwards_where_the_near_surface_is_the_more_blurred_one(
    left: float, right: float, moves: int
) -> None:
    coc = np.full((150, 40), right, np.float32)
    coc[:, :20] = left
    expected = coc.copy()
    expected[:, 20 : 20 + moves] = left
    widen_near(coc, 5040.0)
    assert np.array_equal(coc, expected)


def test_edges_of_small_pictures_stay() -> None:
    coc = np.where(np.arange(40) < 20, np.float32(-40), np.float32(0)) * np.ones((30, 1), np.float32)
    before = coc.copy()
    widen_near(coc, 800.0)
    assert np.array_equal(coc, before)


def across(*knots: tuple[float, float]) -> Floats:
    """Circle of confusion that depends on the column alone, linear between (column, radius, px)."""
    columns = np.arange(600, dtype=np.float32)
    return np.interp(columns, *np.transpose(knots)).astype(np.float32) * np.ones((300, 1), np.float32)


def test_a_soft_edge_through_the_focus_is_a_step() -> None:
    coc = across((255, -30), (265, 40))
    split_ramps(coc, 5040.0)
    assert set(np.unique(np.abs(coc) < 20)) == {False}
    assert (coc[:, :259] < 0).all()
    assert (coc[:, 261:] > 0).all()
    assert np.array_equal(coc[:, :255], across((255, -30))[:, :255])


@pytest.mark.parametrize(
    "coc",
    [
        across((0, -30), (599, 40)),
        across((250, -30), (310, 40)),  # as steep as a surface seen from its side
        across((255, -30), (265, 0)),  # one side is in focus
        across((255, 10), (265, 40)),
        np.where(across((299, 0), (300, 1)) > 0.5, np.float32(-30), np.float32(40)),
    ],
)
def test_surfaces_steps_and_what_is_in_focus_stay(coc: Floats) -> None:
    before = coc.copy()
    split_ramps(coc, 5040.0)
    assert np.array_equal(coc, before)


def test_ramps_of_small_pictures_stay() -> None:
    coc = across((255, -30), (265, 40))
    before = coc.copy()
    split_ramps(coc, 240.0)
    assert np.array_equal(coc, before)
