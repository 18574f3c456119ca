"""Ray-traced scenes: meshes and bodies always; optics, depth and files where Mitsuba is installed."""

from __future__ import annotations

import json
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from dofsim.datasets import meshes, patterns, truth_scenes
from dofsim.datasets.raycast import Camera, turn
from dofsim.datasets.traced import Lens, Stage, focal_px, mitsuba, picture, sensor
from dofsim.datasets.truth_stages import CLASSES
from dofsim.errors import MissingExtraError, ParameterError

SIZE = (48, 64)


@pytest.fixture(scope="module")
def mi():
    try:
        return mitsuba()
    except MissingExtraError as error:
        pytest.skip(str(error))


def test_what_is_missing_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "mitsuba", None)
    monkeypatch.setitem(sys.modules, "drjit", SimpleNamespace())
    with pytest.raises(MissingExtraError, match="pip install mitsuba"):
        mitsuba()


def test_an_llvm_that_mitsuba_aborts_with_is_refused(monkeypatch):
    monkeypatch.setenv("DRJIT_LIBLLVM_PATH", "libLLVM-15.so")
    monkeypatch.setitem(sys.modules, "mitsuba", SimpleNamespace(set_variant=lambda _: None))
    monkeypatch.setitem(sys.modules, "drjit", SimpleNamespace(detail=SimpleNamespace(llvm_version=lambda: (15, 0, 6))))
    with pytest.raises(MissingExtraError, match="only LLVM 15; install libllvm19"):
        mitsuba()


@pytest.mark.parametrize("make", [meshes.card, meshes.floor, meshes.box, meshes.ball, meshes.tube, meshes.cone])
def test_meshes_are_sound(make):
    mesh = make()
    assert mesh.faces.min() == 0
    assert mesh.faces.max() == len(mesh.vertices) - 1
    assert np.abs(mesh.vertices).max() == pytest.approx(1)
    if mesh.normals is not None:
        np.testing.assert_allclose(np.linalg.norm(mesh.normals, axis=1), 1, atol=1e-9)


def area(mesh: meshes.Mesh) -> float:
    a, b, c = (mesh.vertices[mesh.faces[:, k]] for k in range(3))
    return float(np.linalg.norm(np.cross(b - a, c - a), axis=1).sum() / 2)


def test_areas_are_those_of_the_solids():
    assert area(meshes.box()) == pytest.approx(24)
    assert area(meshes.ball()) == pytest.approx(4 * np.pi, rel=0.01)
    assert area(meshes.tube(128)) == pytest.approx(6 * np.pi, rel=0.01)
    outline = [(1, 1), (-1, 1), (-1, -1), (1, -1)]
    assert area(meshes.polygon(outline)) == pytest.approx(4)


def test_placing_keeps_normals_upright_to_their_surface():
    mesh = meshes.ball().placed((1, 2, 3), turn(0.3, 0.4, 0.5), (1, 2, 0.5))
    a, b, c = (mesh.vertices[mesh.faces[:, k]] for k in range(3))
    flat = np.cross(b - a, c - a)
    size = np.linalg.norm(flat, axis=1)
    whole = size > 1e-9
    cosine = np.abs((flat[whole] / size[whole, None] * mesh.normals[mesh.faces[whole, 0]]).sum(axis=1))
    assert np.median(cosine) > 0.99


def test_ribbons_show_their_width_to_the_viewer():
    path = np.stack((np.zeros(5), np.linspace(0, 1, 5), np.full(5, 4.0)), axis=-1)[None]
    strip = meshes.ribbons(path, np.full((1, 5), 0.2))
    assert area(strip) == pytest.approx(0.2)
    assert np.ptp(strip.vertices[:, 2]) < 1e-9


@pytest.mark.parametrize("name", ["checks", "stripes", "swirl", "rings", "clouds", "wood", "bricks", "words", "sky"])
def test_patterns_are_reflectances(name):
    make = getattr(patterns, name)
    picture = make(np.random.default_rng(0))
    assert picture.shape == (patterns.SIDE, patterns.SIDE, 3)
    assert picture.dtype == np.float32
    assert 0 <= picture.min() < picture.max() <= 1
    np.testing.assert_array_equal(picture, make(np.random.default_rng(0)))


def test_lens_points_fill_the_disc_evenly():
    points = truth_scenes.disc_points(256)
    radius = np.hypot(*points.T)
    assert radius.max() < 1
    assert (radius**2).mean() == pytest.approx(0.5, abs=0.01)
    assert np.abs(points.mean(axis=0)).max() < 0.02


def test_lens_reaches_what_was_asked():
    depth = np.array([[1.0, 2.0, 10.0]], np.float32)
    lens = truth_scenes.choose_lens(depth, 800.0, 2.0, 20.0)
    coc = 800.0 * lens.aperture_radius * (1 / 2.0 - 1 / depth)
    assert np.abs(coc).max() == pytest.approx(20, rel=1e-6)


def test_settings_follow_the_seed():
    first, again, other = (CLASSES["slant"](np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert (first.fov, first.focus, first.reach) == (again.fov, again.focus, again.reach)
    assert first.reach != other.reach
    assert len(first.stage) > 3


def test_an_unknown_kind_is_an_error(tmp_path):
    with pytest.raises(ParameterError, match="no kind of scene"):
        truth_scenes.write_set(tmp_path, seed=0, kinds=["castle"])


def test_an_empty_stage_is_an_error():
    with pytest.raises(ParameterError, match="empty"):
        Stage().scene(None)


@pytest.mark.parametrize(("aperture", "focus", "distance"), [(0.05, 2.0, 5.0), (0.06, 3.0, 1.5), (0.0, 3.0, 2.0)])
def test_a_point_light_becomes_the_disc_of_the_formula(mi, aperture, focus, distance):
    camera, height, width = Camera((0, 0, 0), fov=0.8), 120, 160
    stage = Stage()
    place, size = (0.06, 0.03, distance), 0.003 * distance
    stage.add(meshes.ball(16, 32).placed(place, size=size), glow=(100.0, 100.0, 100.0))
    lens = Lens(aperture, focus)
    shot = picture(mi, stage.scene(mi), sensor(mi, camera, (height, width), lens), 256, 1)[..., 0].astype(np.float64)
    focal = focal_px(camera, width)
    y, x = np.mgrid[:height, :width] + 0.5
    cx, cy = (shot * x).sum() / shot.sum(), (shot * y).sum() / shot.sum()
    spread = (shot * ((x - cx) ** 2 + (y - cy) ** 2)).sum() / shot.sum()
    # a disc of radius r spreads by r^2 / 2; the pixel's square and the ball's own disc add theirs
    radius = np.sqrt(max(2 * (spread - 1 / 6 - (focal * 0.003) ** 2 / 2), 0))
    coc = focal * aperture * (1 / focus - 1 / distance)
    assert radius == pytest.approx(abs(coc), rel=0.03, abs=0.3)
    assert cx == pytest.approx(width / 2 + focal * 0.06 / distance, abs=0.2)
    assert cy == pytest.approx(height / 2 - focal * 0.03 / distance, abs=0.2)


def test_depth_hidden_and_outside_of_a_plane_and_a_card(mi):
    stage, camera = Stage((1.0, 1.0, 1.0)), Camera((0, 0, 0), fov=0.8)
    stage.add(meshes.card().placed((0, 0, 4), size=8.0), (0.5, 0.5, 0.5))
    stage.add(meshes.card().placed((0, 0, 2), size=0.3), (0.5, 0.5, 0.5))
    scene = stage.scene(mi)
    depth, hidden, outside = truth_scenes.trace_lens(mi, scene, camera, SIZE, Lens(0.0, 1.0), np.zeros((1, 2)))
    assert depth[SIZE[0] // 2, SIZE[1] // 2] == pytest.approx(2, rel=1e-5)
    assert depth[0, 0] == pytest.approx(4, rel=1e-5)
    assert hidden.max() == 0
    assert outside.max() == 0
    points = truth_scenes.disc_points(32)
    _, hidden, outside = truth_scenes.trace_lens(mi, scene, camera, SIZE, Lens(0.2, 4.0), points)
    focal = focal_px(camera, SIZE[1])
    middle, edge = SIZE[1] // 2, focal * 0.3 / 2
    assert hidden[SIZE[0] // 2, round(middle - edge) + 1] > 0.1  # rays past the card's edge see the plane behind it
    assert hidden[SIZE[0] // 2, 2] == 0
    assert outside.max() == 0  # in focus, all rays of a pixel meet in its own place
    _, hidden, outside = truth_scenes.trace_lens(mi, scene, camera, SIZE, Lens(0.2, 2.0), points)
    assert outside[0, 0] > 0.3
    assert outside[SIZE[0] // 2, SIZE[1] // 2] == 0


@pytest.mark.parametrize(("material", "seen"), [("mirror", "behind"), ("glass", "beyond"), ("matte", "itself")])
def test_mirrors_and_glass_show_other_things(mi, material, seen):
    """A card before the camera: what stands behind the camera is red, what lies beyond the card is green."""
    stage = Stage()
    stage.add(meshes.card().placed((0, 0, 2), size=2), (0.0, 0.0, 0.5), material=material)
    stage.add(meshes.card().placed((0, 0, -1), turn(np.pi), 4), glow=(1.0, 0.0, 0.0))
    stage.add(meshes.card().placed((0, 0, 4), size=8), glow=(0.0, 1.0, 0.0))
    middle = picture(mi, stage.scene(mi, bounces=4), sensor(mi, Camera((0, 0, 0), fov=0.5), SIZE), 16, 1).mean((0, 1))
    strongest = ("red", "green", "blue")[int(middle.argmax())] if middle.max() > 0.05 else "none"
    assert strongest == {"behind": "red", "beyond": "green", "itself": "none"}[seen], middle


@pytest.mark.parametrize("kind", CLASSES)
def test_a_set_is_written_whole_and_goes_on(mi, kind, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(truth_scenes, "SIZE", SIZE)
    paths = truth_scenes.write_set(tmp_path, seed=3, samples=4, kinds=[kind])
    with np.load(paths[0]) as stored:
        assert stored["image"].shape == (*SIZE, 3)
        assert stored["image"].dtype == stored["truth_mid"].dtype == np.float16
        assert stored["depth"].dtype == np.float32
        assert stored["hidden_far"].dtype == stored["outside_near"].dtype == np.uint8
        assert 0.05 < stored["image"].mean() < 1
    record = json.loads((tmp_path / "lens.json").read_text())[f"{kind}_3"]
    assert [lens["tag"] for lens in record["lenses"]] == ["near", "mid", "far"]
    for lens in record["lenses"]:
        # "flat" is one plane, which has one circle.
        assert (lens["coc_min_px"] < lens["coc_max_px"]) == (kind != "flat")
    monkeypatch.setattr(truth_scenes, "render_scene", None)
    truth_scenes.main([str(tmp_path), "--seed", "3", "--kinds", kind])
    assert capsys.readouterr().out == f"{paths[0]}\n"
