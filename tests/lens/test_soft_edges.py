"""Edges that a depth map knows to some pixels only leave no outline in focus."""

from __future__ import annotations

import cv2
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


def soft_cards(seed: int) -> Floats:
    """Cards in front of the plane of focus, in it and behind it, with edges of some pixels, larger than a tile."""
    rng = np.random.default_rng(seed)
    blocks = rng.choice([-30.0, -3.0, 0.0, 3.0, 40.0], (9, 8)) + rng.normal(0, 0.5, (9, 8))
    steps = blocks.repeat(40, axis=0).repeat(40, axis=1)[: 350 - seed]
    return cv2.GaussianBlur(steps, (0, 0), 0.5 + seed).astype(np.float32)


def lowest(coc: Floats, px: int) -> Floats:
    """Of all pixels up to ``px`` away, on either axis."""
    return -highest(-coc, px)


def highest(coc: Floats, px: int) -> Floats:
    """Of all pixels up to ``px`` away, on either axis."""
    padded = np.pad(coc, px, constant_values=-np.inf)
    windows = np.lib.stride_tricks.sliding_window_view(padded, (2 * px + 1, 2 * px + 1))
    return windows.max(axis=(2, 3))


@pytest.mark.parametrize(("seed", "px"), [(0, 1), (1, 4), (2, 4), (3, 4)])
def test_both_do_what_they_say_in_every_pixel(seed: int, px: int) -> None:
    coc = soft_cards(seed)
    widened, split = coc.copy(), coc.copy()
    widen_near(widened, 1700.0 * px)
    split_ramps(split, 500.0 * px)

    near, far = lowest(coc, px), highest(coc, px)
    assert np.array_equal(widened, np.where((coc - near > 1) & (np.abs(near) > np.abs(coc) + 2 * px), near, coc))

    span = highest(coc, 2 * px) - lowest(coc, 2 * px)
    ramp = (near < -2) & (far > 2) & (np.abs(coc) < 0.7 * np.minimum(-near, far)) & (span < 1.5 * (far - near))
    assert ramp.any()
    assert np.array_equal(split, np.where(ramp, np.where(2 * coc < near + far, near, far), coc))
