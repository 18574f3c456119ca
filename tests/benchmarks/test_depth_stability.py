"""The stability and geometry figures on predictors whose answer is known."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))

import depth_stability as program

from dofsim.datasets.textures import make_bank

PHOTO = np.random.default_rng(0).integers(0, 256, (96, 128, 3), np.uint8)
ROWS = np.repeat(np.linspace(0, 1, 96, dtype=np.float32)[:, None], 128, axis=1)
COLUMNS = np.repeat(np.linspace(0, 1, 128, dtype=np.float32)[None, :], 96, axis=0)


def to_size(depth: program.Depth, photo: program.Photo) -> program.Depth:
    import cv2

    return np.asarray(cv2.resize(depth, photo.shape[1::-1]), np.float32)


def test_a_steady_predictor_is_steady_and_an_unsteady_one_is_not() -> None:
    down = program.stability(lambda photo: to_size(ROWS, photo), PHOTO)
    assert down["mirror"] == pytest.approx(0, abs=1e-3)
    assert down["+1 EV"] == pytest.approx(0, abs=1e-3)
    assert 0.3 < down["turn 3"] < down["turn 6"] < 8
    assert down["size 3/4"] < 0.5
    # says left is near, whatever it is shown: the mirror image disagrees as much as can be
    aside = program.stability(lambda photo: to_size(COLUMNS, photo), PHOTO)
    assert aside["mirror"] > 20


def test_geometry_figures() -> None:
    assert program.plane_figures(ROWS + 2 * COLUMNS[:, ::-1]) == pytest.approx((0, 0), abs=1e-3)
    step = (COLUMNS > 0.5).astype(np.float32)
    off, jumps = program.plane_figures(step)
    assert off > 10
    assert jumps == pytest.approx(100 * 4 / 128, abs=1)
    inverse = np.where(ROWS < 0.4, 0, ROWS).astype(np.float32)
    assert program.sky_figure(inverse, inverse) == 100
    assert program.sky_figure(-inverse, inverse) == 0
    assert np.isnan(program.sky_figure(ROWS, ROWS + 1))


def test_exposure_and_the_bare_plane() -> None:
    grey = np.full((4, 4, 3), 100, np.uint8)
    assert program.exposed(grey, 0)[0, 0, 0] == 100
    assert program.exposed(grey, 1)[0, 0, 0] == round(100 * 2 ** (1 / 2.2))
    assert program.exposed(grey, 9).max() == 255
    bank = make_bank(np.random.default_rng(1), count=4)
    plane = program.bare_plane(bank, 0, (48, 64))
    assert plane.shape == (48, 64, 3)
    assert np.ptp(plane) > 0
