"""Clipped lights get a plausible brightness back, and nothing else changes."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from dofsim.bokeh import render
from dofsim.highlights import CLIPPED, LAMP, recover_highlights

Floats = npt.NDArray[np.float32]


def night(radius: float, light: tuple[float, float, float], ground: float = 0.05, size: int = 400) -> Floats:
    """A round light in the middle, a little soft as through any lens, clipped as a sensor does."""
    y, x = np.mgrid[:size, :size] - size // 2
    cover = np.clip(radius + 0.5 - np.hypot(y, x), 0, 1)[..., None]
    scene = cv2.GaussianBlur(ground * (1 - cover) + np.array(light) * cover, (0, 0), 0.3 + radius / 8)
    return np.minimum(scene, 1.0).astype(np.float32)


def test_a_small_lamp_in_the_dark_gets_many_times_brighter() -> None:
    found = recover_highlights(night(1.5, (30, 30, 30)))
    assert 0.5 * LAMP < found.max() < LAMP


def test_a_lamp_keeps_the_colour_of_its_rim() -> None:
    found = recover_highlights(night(2.0, (40, 20, 10)))[200, 200]
    assert found[0] > found[1] > found[2] >= 1.0
    assert found[0] / found[1] == pytest.approx(2.0, rel=0.3)


@pytest.mark.parametrize(
    "scene",
    [
        pytest.param(night(60, (3, 3, 3)), id="a window"),
        pytest.param(night(2.0, (5, 5, 5), ground=0.94), id="a spot on a bright wall"),
        pytest.param(night(2.0, (3, 0.2, 0.1)), id="a red flower in the sun"),
    ],
)
def test_what_is_no_lamp_is_left_alone(scene: Floats) -> None:
    assert recover_highlights(scene).max() < 1.6


def test_a_bright_surface_with_shades_is_left_alone() -> None:
    shades = np.random.default_rng(0).uniform(0.93, 1.0, (4, 4, 3)).astype(np.float32)
    scene = np.full((200, 200, 3), 0.1, np.float32)
    scene[100:104, 100:104] = shades
    np.testing.assert_array_equal(recover_highlights(scene), scene)


@pytest.mark.parametrize("seed", range(3))
def test_nothing_unclipped_changes_and_nothing_gets_darker(seed: int) -> None:
    rng = np.random.default_rng(seed)
    scene = cv2.GaussianBlur(rng.exponential(0.2, (120, 160, 3)), (0, 0), 1.0) ** 2 * 20
    scene = np.minimum(scene, 1.0).astype(np.float32)
    before = scene.copy()
    found = recover_highlights(scene)
    np.testing.assert_array_equal(scene, before)
    np.testing.assert_array_equal(found[scene < CLIPPED], scene[scene < CLIPPED])
    assert (found >= scene).all()


def test_without_lights_the_picture_itself_comes_back() -> None:
    scene = np.full((10, 10, 3), 0.9, np.float32)
    assert recover_highlights(scene) is scene


def test_only_the_pixels_asked_for_are_raised() -> None:
    scene, where = night(3.0, (30, 30, 30)), np.zeros((400, 400), bool)
    where[:, 200:] = True
    found = recover_highlights(scene, where)
    np.testing.assert_array_equal(found[:, :200], scene[:, :200])
    assert found[:, 200:].max() > 5


def test_lamps_of_a_larger_picture_are_found_alike() -> None:
    small = recover_highlights(night(2.0, (30, 30, 30), size=400)).max()
    large = recover_highlights(night(8.0, (30, 30, 30), size=1600)).max()
    assert large == pytest.approx(small, rel=0.35)


def test_recovered_lights_come_closer_to_ray_traced_truth(shared: Path) -> None:
    folder = shared / "truth" / "dev"
    setting = json.loads((folder / "lens.json").read_text())["bokeh_street"]
    lens = next(one for one in setting["lenses"] if one["tag"] == "near")
    with np.load(folder / "bokeh_street.npz") as data:
        photo, depth = np.minimum(data["image"].astype(np.float32), 1), data["depth"]
        truth = data["truth_near"].astype(np.float32)
    coc = setting["focal_px"] * lens["aperture_radius_m"] * (1 / lens["focus_m"] - 1 / depth)

    def error(scene: Floats) -> float:
        seen = render(scene, coc.astype(np.float32))
        display = [np.clip(light / 4, 0, 1) ** (1 / 2.2) for light in (seen, truth)]
        return float(np.mean((display[0] - display[1]) ** 2))

    assert error(recover_highlights(photo)) < 0.5 * error(photo)
