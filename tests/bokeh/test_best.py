"""The best mode: rays of the lens at edges. What it must satisfy, and how true its pictures are."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from dofsim.bokeh import Aperture, rays, render
from dofsim.bokeh.calm import gather_room, render_calm
from dofsim.bokeh.layered import SPAN_TILES, survey
from dofsim.bokeh.oracle import shape_light
from dofsim.bokeh.plan import BLOCK, SQUARE, TILE, TILE_LEVEL, make_plan
from dofsim.bokeh.render import Quality
from dofsim.bokeh.tiles import find_tiles
from dofsim.bokeh.workers import Workers

HEIGHT, WIDTH = 96, 128
SHAPES = {
    "triangle": Aperture(blades=3, rotation=20.0),
    "oval": Aperture(squeeze=0.5),
    "donut": Aperture(obstruction=0.5),
    "bubble": Aperture(bubble=1.0),
    "lemon": Aperture(cats_eye=1.0),
}


def picture(seed: int = 0) -> npt.NDArray[np.float32]:
    return np.random.default_rng(seed).random((HEIGHT, WIDTH, 3), dtype=np.float32)


def card(front: float, behind: float) -> npt.NDArray[np.float32]:
    """Circle of confusion of a card before a wall."""
    coc = np.full((HEIGHT, WIDTH), behind, np.float32)
    coc[30:70, 40:90] = front
    return coc


@pytest.mark.parametrize("reach", [0.7, 40.0])
def test_a_constant_picture_stays_constant_up_to_the_border(reach: float) -> None:
    rgb = np.broadcast_to(np.array([0.2, 0.5, 1.1], np.float32), (HEIGHT, WIDTH, 3))
    np.testing.assert_allclose(render(rgb, card(-reach, reach), quality="best"), rgb, rtol=1e-4)


def test_a_constant_ramp_behind_a_bar_stays_constant() -> None:
    rgb = np.broadcast_to(np.array([0.2, 0.5, 1.1], np.float32), (HEIGHT, WIDTH, 3))
    coc = np.broadcast_to(np.linspace(-5, 20, WIDTH, dtype=np.float32), (HEIGHT, WIDTH)).copy()
    coc[:, WIDTH // 4 : WIDTH // 3] = -25
    np.testing.assert_allclose(render(rgb, coc, quality="best"), rgb, rtol=1e-4)


def test_where_nothing_jumps_it_is_the_fast_mode() -> None:
    coc = np.broadcast_to(np.linspace(2, 9, WIDTH, dtype=np.float32), (HEIGHT, WIDTH))
    assert np.array_equal(render(picture(), coc, quality="best"), render(picture(), coc))


def test_the_sharp_subject_stays_as_it_is_and_does_not_bleed() -> None:
    rgb = np.full((HEIGHT, WIDTH, 3), 0.2, np.float32)
    rgb[30:70, 40:90] = picture()[30:70, 40:90]
    out = render(rgb, card(0.0, 12.0), quality="best")
    assert np.array_equal(out[30:70, 40:90], rgb[30:70, 40:90])
    out[30:70, 40:90] = 0.2
    np.testing.assert_allclose(out, 0.2, rtol=1e-5)


@pytest.mark.parametrize("name", ["disc", "triangle", "oval", "donut"])
def test_a_blurred_card_covers_the_sharp_wall_by_the_share_of_the_aperture(name: str) -> None:
    rgb = np.zeros((HEIGHT, WIDTH, 3), np.float32)
    rgb[30:70, 40:90] = 1.0
    out = render(rgb, card(-8.0, 0.0), SHAPES.get(name), quality="best")[..., 0]
    alone = render(rgb, np.full((HEIGHT, WIDTH), -8.0, np.float32), SHAPES.get(name))[..., 0]
    assert np.abs(out - alone).max() < 0.1
    assert np.abs(out - alone).mean() < 0.004


def test_a_wall_behind_a_card_is_seen_as_far_as_the_lens_sees_it() -> None:
    # A ray from a pixel of the card, d px from its edge, passes it where |u| * front > d; all of them end on the wall.
    rgb = np.zeros((HEIGHT, WIDTH, 3), np.float32)
    rgb[:, :64] = 1.0
    coc = np.zeros((HEIGHT, WIDTH), np.float32)
    coc[:, :64] = -10.0
    profile = render(rgb, coc, quality="best")[48, :, 0]
    d = np.arange(WIDTH) - 63.5
    inside = np.clip(d / 10.0, -1, 1)
    expected = 0.5 - (np.arcsin(inside) + inside * np.sqrt(1 - inside**2)) / np.pi
    np.testing.assert_allclose(profile, expected, atol=0.03)


def test_what_is_in_focus_stays_as_it_is_beside_wide_blur() -> None:
    # A tile of both is gathered on the grid that shows the wide blur.
    rgb, coc = picture(), np.full((HEIGHT, WIDTH), 27.0, np.float32)
    coc[:, :54] = 0.0
    out = render(rgb, coc, quality="best")
    assert np.array_equal(out[:, :54], rgb[:, :54])


@pytest.mark.parametrize(("reach", "most"), [(12.0, 0.15), (40.0, 0.24)])
def test_sharp_stripes_go_on_behind_a_blurred_bar_without_stairs(reach: float, most: float) -> None:
    y, x = np.mgrid[:HEIGHT, :WIDTH].astype(np.float32)
    stripes = 0.5 + 0.4 * np.sin((y * 0.6 + x * 0.8) * 2 * np.pi / 12)
    bar = np.abs(x - 63.5) < 5
    rgb = np.repeat(np.where(bar, 0, stripes)[..., None], 3, 2).astype(np.float32)
    coc = np.where(bar, -reach, 0).astype(np.float32)
    out = render(rgb, coc, quality="best")[..., 0]
    # The same bar before a white wall: what is left of the light is what the lens sees past it.
    passed = render(np.where(bar[..., None], 0, np.ones_like(rgb)), coc, quality="best")[..., 0]
    hidden = bar & (y > 20) & (y < HEIGHT - 20)
    assert np.sqrt(np.mean((out - passed * stripes)[hidden] ** 2)) < most


@pytest.mark.parametrize("coc", [14.0, -14.0])
@pytest.mark.parametrize("name", list(SHAPES))
def test_a_small_light_has_the_shape_of_the_aperture(coc: float, name: str) -> None:
    rgb = np.full((HEIGHT, WIDTH, 3), 0.02, np.float32)
    rgb[40, 90] = 400.02
    out = render(rgb, np.full((HEIGHT, WIDTH), coc, np.float32), SHAPES[name], quality="best")[..., 0] - 0.02
    half = 0.5 * np.hypot(HEIGHT, WIDTH)
    light = shape_light(SHAPES[name], coc, ((90 - (WIDTH - 1) / 2) / half, (40 - (HEIGHT - 1) / 2) / half))
    n = len(light) // 2
    expected = np.zeros((HEIGHT, WIDTH))
    expected[40 - n : 41 + n, 90 - n : 91 + n] = 400 * light
    assert out.sum() == pytest.approx(400, rel=1e-3)
    assert np.abs(out - expected).sum() < 0.02 * 400


def test_a_card_hides_the_light_behind_it_ray_by_ray() -> None:
    rgb, coc = np.full((HEIGHT, WIDTH, 3), 0.02, np.float32), np.full((HEIGHT, WIDTH), 12.0, np.float32)
    coc[:, :60] = 0.0
    rgb[48, 64] = 400.0
    out = render(rgb, coc, quality="best")[..., 0]
    assert out[:, :60].max() < 0.03
    share = 400.0 / (np.pi * 12.0**2)
    assert out[44:52, 62:74] == pytest.approx(share, rel=0.1)


@pytest.mark.parametrize("name", ["disc", "lemon"])
def test_neither_threads_nor_turns_change_the_picture(name: str) -> None:
    rgb, coc = cv2.GaussianBlur(picture() * 2, (0, 0), 2), card(-9.0, 6.0)
    one = render(rgb, coc, SHAPES.get(name), quality="best", threads=1)
    assert np.array_equal(render(rgb, coc, SHAPES.get(name), quality="best", threads=3), one)
    turned = render(rgb[::-1, ::-1], coc[::-1, ::-1], SHAPES.get(name), quality="best")[::-1, ::-1]
    assert np.abs(turned - one).mean() < 0.01


@pytest.mark.parametrize("quality", ["fast", "best"])
def test_a_surface_whose_depth_rings_at_its_edge_has_no_halo(quality: Quality) -> None:
    coc = np.full((HEIGHT, WIDTH), 30, np.float32)
    coc[:, :64] = np.interp(np.arange(64), [55, 60], [8, 0])
    rgb = np.zeros((HEIGHT, WIDTH, 3), np.float32)
    rgb[:, :64] = 1
    assert render(rgb, coc, quality=quality)[:, 68:].max() < 0.02


def test_gathering_beside_a_surface_of_wide_blur_stays_in_its_room() -> None:
    coc = np.full((HEIGHT, WIDTH), 10, np.float32)
    coc[:, TILE:] = 60
    plan = make_plan(HEIGHT, WIDTH, 60.0)
    size = gather_room(SPAN_TILES)
    around = np.full(3 * size, np.nan, np.float32)
    around[size : 2 * size] = 0
    out = np.zeros((HEIGHT, WIDTH, 3), np.float32)
    with Workers(1) as workers:
        means, spans = survey(np.ones_like(out), coc, plan, workers)
        blocks = plan.padded_height // BLOCK, plan.padded_width // BLOCK
        calm = find_tiles(np.full(blocks, -1e9, np.float32), spans[TILE_LEVEL], plan)
        box = 0, HEIGHT // TILE, 0, WIDTH // TILE
        render_calm(np.ones_like(out), coc, means, plan, calm, box, None, around[size : 2 * size], out)
    np.testing.assert_allclose(out, 1, atol=1e-4)


@pytest.mark.parametrize(("front", "behind"), [(-9.0, 6.0), (3.0, 9.0), (-2.0, -11.0)])
def test_squares_are_left_to_gathering_where_no_other_surface_is_seen(front: float, behind: float) -> None:
    coc, widest = card(front, behind), max(abs(front), abs(behind))
    plan = make_plan(HEIGHT, WIDTH, widest)
    with Workers(1) as workers:
        _, spans = survey(picture(), coc, plan, workers)
        blocks = plan.padded_height // BLOCK, plan.padded_width // BLOCK
        calm = find_tiles(np.full(blocks, -1e9, np.float32), spans[TILE_LEVEL], plan)
        marked = np.ones(spans[2].shape[:2], np.uint8)
        rays.leave_alone(marked, spans, replace(calm, level=np.zeros_like(calm.level)), widest, workers)
    is_card = (coc == front).astype(np.uint8)
    away = [cv2.distanceTransform(side, cv2.DIST_L2, cv2.DIST_MASK_PRECISE) for side in (is_card, 1 - is_card)]
    nearest, farthest = np.maximum(*away), np.maximum(*away)
    nearest = nearest.reshape(HEIGHT // SQUARE, SQUARE, WIDTH // SQUARE, SQUARE).min(axis=(1, 3))
    farthest = farthest.reshape(HEIGHT // SQUARE, SQUARE, WIDTH // SQUARE, SQUARE).max(axis=(1, 3))
    own = coc[::SQUARE, ::SQUARE]
    # A surface is met as far as its own circles reach if it is nearer than the square's, and as the square's if not.
    seen = np.maximum(np.abs(own), np.where(own > min(front, behind), abs(min(front, behind)), 0))
    marked = marked[: HEIGHT // SQUARE, : WIDTH // SQUARE]
    assert marked[nearest <= seen - 1].all()
    assert not marked[farthest > seen + 3 * SQUARE].any()


def small_scene() -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    rgb, coc = picture()[:24, :32].copy(), np.full((24, 32), 4, np.float32)
    rgb[12, 6] = 30
    coc[8:18, 14:26] = -3
    return rgb, coc


def test_the_kernels_do_the_same_as_plain_python(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rgb, coc = small_scene()
    scene, plain = tmp_path / "scene.npz", tmp_path / "plain.npy"
    np.savez(scene, rgb=rgb, coc=coc)
    program = (
        "import sys, numpy as np; from dofsim.bokeh import rays, render\n"
        "rays.RAYS = 2, 6; scene = np.load(sys.argv[1])\n"
        "np.save(sys.argv[2], render(scene['rgb'], scene['coc'], quality='best', threads=1))\n"
    )
    environment = {**os.environ, "NUMBA_DISABLE_JIT": "1"}
    subprocess.run([sys.executable, "-c", program, str(scene), str(plain)], env=environment, check=True, timeout=120)
    monkeypatch.setattr(rays, "RAYS", (2, 6))
    # A ray that touches an edge to the last bit of its floats may end on either side.
    assert np.abs(np.load(plain) - render(rgb, coc, quality="best", threads=1)).mean() < 1e-3


@pytest.mark.parametrize(("scene", "tag", "floor"), [("layers_cards", "near", 42.0)])
def test_it_is_nearer_to_ray_traced_truth_than_the_fast_mode(shared: Path, scene: str, tag: str, floor: float) -> None:
    folder = shared / "truth" / "dev"
    setting = json.loads((folder / "lens.json").read_text())[scene]
    lens = next(lens for lens in setting["lenses"] if lens["tag"] == tag)
    with np.load(folder / f"{scene}.npz") as data:
        part = np.s_[120:360, 200:440]
        rgb, depth = data["image"][part].astype(np.float32), data["depth"][part]
        truth = data[f"truth_{tag}"][part].astype(np.float32)
    factor = setting["focal_px"] * lens["aperture_radius_m"]
    coc = (factor * (1 / lens["focus_m"] - 1 / depth)).astype(np.float32)

    def decibels(quality: str) -> float:
        error = encode(render(rgb, coc, quality=quality)) - encode(truth)  # type: ignore[arg-type]
        return float(-10 * np.log10(np.mean(error[40:-40, 40:-40] ** 2)))

    best = decibels("best")
    assert best > floor
    assert best > decibels("fast")


def encode(linear: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    x = np.clip(linear, 0, 1)
    return np.where(x <= 0.0031308, 12.92 * x, 1.055 * x ** (1 / 2.4) - 0.055).astype(np.float32)
