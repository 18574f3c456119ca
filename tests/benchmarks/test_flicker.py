"""The figures of flicker: nothing for the truth, more for what jumps, and the camera's movement taken into account."""

from __future__ import annotations

import functools
import importlib.util
from pathlib import Path

import numpy as np
import pytest

PROGRAMS = Path(__file__).resolve().parents[2] / "benchmarks"


@pytest.fixture(scope="module")
def program():
    spec = importlib.util.spec_from_file_location("flicker", PROGRAMS / "flicker.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.make_bank = functools.partial(module.make_bank, count=40)
    return module


def test_flicker_is_what_the_scene_did_not_do(program) -> None:
    pictures, truths, cameras = program.make_clip("table", 0, 4, (48, 64))
    assert pictures[0].shape == (48, 64, 3)
    assert np.abs(truths[0] - truths[3]).mean() > 0.01
    places, same = program.seen_before(truths[3], truths[0], cameras[3], cameras[0])
    assert np.abs(places - np.stack(np.meshgrid(np.arange(64), np.arange(48)), axis=2)).max() > 3
    _, wrong = program.seen_before(truths[3], truths[0], cameras[0], cameras[3])
    assert same.mean() > 0.7
    assert wrong.mean() < 0.8 * same.mean()

    exact = program.figures([2 * truth + 1 for truth in truths], truths, cameras)
    assert max(exact.values()) < 1e-3
    rng = np.random.default_rng(0)
    jumping = program.figures(
        [truth * factor for truth, factor in zip(truths, (1, 1.2, 0.9, 1.1), strict=True)], truths, cameras
    )
    noisy = program.figures([truth + rng.normal(0, 0.1, truth.shape) for truth in truths], truths, cameras)
    assert jumping["pumping"] > 2
    assert noisy["flicker"] > 3
    assert noisy["pumping"] < 0.5 * jumping["pumping"]
