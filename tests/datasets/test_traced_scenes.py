"""Training scenes: bodies and textures always, light and depth where Mitsuba is installed."""

from __future__ import annotations

import base64

import numpy as np
import pytest

from dofsim.datasets import _traced, meshes, organic
from dofsim.datasets.furnish import Builder
from dofsim.datasets.pack import open_packs
from dofsim.datasets.raycast import BOX, CARD, CONE, CYLINDER, ELLIPSOID, GROUND, Camera, World, turn
from dofsim.datasets.textures import make_bank
from dofsim.datasets.traced import Lens, Stage, mitsuba, picture, sensor
from dofsim.datasets.traced_layouts import LAYOUTS
from dofsim.datasets.traced_light import bake, expose, inverse_depth
from dofsim.datasets.traced_scenes import random_scene, read_skies, write_packs
from dofsim.datasets.traced_set import Set, make_library
from dofsim.datasets.traced_world import add_world, dull_texture, leaves, relief, texture
from dofsim.datasets.truth_sparks import spark_light
from dofsim.errors import MissingExtraError, PhotoError

# scikit-image sets the shape of its tables, of which NumPy 2.5 warns.
pytestmark = pytest.mark.filterwarnings("ignore:Setting the shape on a NumPy array:DeprecationWarning")

SIZE = (48, 64)


@pytest.fixture(scope="module")
def mi():
    try:
        return mitsuba()
    except MissingExtraError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def bank():
    return make_bank(np.random.default_rng(0), count=12)


@pytest.fixture(scope="module")
def library():
    rng = np.random.default_rng(0)
    sky = np.full((8, 16, 3), 0.5, np.float32)
    return make_library(rng, each=1, skies=[sky])


@pytest.mark.parametrize("kind", list(organic.BODIES))
def test_bodies_stand_on_the_ground_and_are_one_high(library, kind):
    body = library.bodies[kind][0]
    vertices = np.concatenate([mesh.vertices for mesh in body.parts.values()])
    assert vertices[:, 1].min() == pytest.approx(0, abs=0.02)
    assert vertices[:, 1].max() == pytest.approx(1, abs=0.02)
    for mesh in body.parts.values():
        assert mesh.faces.max() == len(mesh.vertices) - 1
        assert np.isfinite(mesh.normals).all()


def test_a_bust_looks_out_of_the_picture(library):
    parts = library.bodies["bust"][0].parts
    assert {"skin", "eye", "hair", "cloth"} <= set(parts)
    assert parts["eye"].vertices[:, 2].mean() < parts["hair"].vertices[:, 2].mean()


def test_a_relief_ends_where_alpha_is_one_half():
    y, x = np.mgrid[0:160, 0:160]
    alpha = np.clip((60 - np.hypot(x - 79.5, y - 79.5)) * 20 + 128, 0, 255).astype(np.uint8)
    mesh = relief(alpha)
    used = mesh.vertices[np.unique(mesh.faces)]
    radius = np.hypot(used[:, 0], used[:, 1])
    assert radius.max() == pytest.approx(60 / 79.5, abs=0.03)
    assert used[:, 2].max() <= 0
    assert used[:, 2].min() == pytest.approx(-0.12, abs=0.02)


def test_leaves_fill_their_ellipsoid():
    half = np.array([1.0, 0.5, 2.0])
    mesh, look = leaves(np.random.default_rng(0), half, (0.2, 0.4, 0.1))
    assert look.shape[0] == 1
    assert len(mesh.faces) == 4 * look.shape[1]
    assert (np.abs(mesh.vertices) < 1.6 * half + 0.3).all()


def test_plain_textures_fade_more_than_others(bank):
    def colourful(picture: np.ndarray) -> float:
        return float(np.ptp(picture, axis=2).mean())

    rng = np.random.default_rng(0)
    kept = np.array([
        np.mean([colourful(dull_texture(bank, k, rng)) for _ in range(20)]) / colourful(texture(bank, k))
        for k in range(len(bank))
    ])  # fmt: skip
    assert kept[: bank.calm].max() < 0.45 < kept[bank.calm :].min() < 1
    np.testing.assert_allclose(dull_texture(bank, 0, rng).mean(axis=2), texture(bank, 0).mean(axis=2), rtol=1e-4)


def test_locks_stay_out_of_the_skull(bank, library):
    made = Set(Stage(), Builder(World(), bank, np.random.default_rng(0)), library)
    made.hair(0.5, 1.0, 2.0, 0.1, 0.4)
    away = (made.stage.parts[0].mesh.vertices - (0.5, 1.0, 2.0)) @ turn(0.4)
    assert np.linalg.norm(away / (0.1 * np.array([1.03, 1.2, 1.13])), axis=1).min() > 0.9  # half a lock's width
    face = (away[:, 2] < -0.09) & (np.abs(away[:, 0]) < 0.05) & (np.abs(away[:, 1]) < 0.08)
    assert face.mean() < 0.1


def test_light_is_smoothed_along_a_surface_and_kept_at_an_edge():
    rng = np.random.default_rng(0)
    depth = np.where(np.arange(64) < 32, 2.0, 4.0)[None, :] * np.ones((48, 1))
    y, x = np.mgrid[0:48, 0:64] / 60.0
    place = np.stack((x * depth, y * depth, depth), axis=-1).astype(np.float32)
    normal = np.zeros((48, 64, 3), np.float32)
    normal[..., 2] = -1
    clean = np.where(depth == 2, 1.0, 3.0)[..., None] * np.ones(3)
    noisy = (clean * rng.uniform(0.5, 1.5, clean.shape)).astype(np.float32)
    known = np.ones((48, 64), bool)
    smooth = _traced.smooth_light(noisy, place, normal, known, 4)
    assert np.abs(smooth - clean).mean() < 0.15 * np.abs(noisy - clean).mean()
    assert smooth[:, 31].mean() == pytest.approx(1, abs=0.1)
    assert smooth[:, 32].mean() == pytest.approx(3, abs=0.3)


@pytest.mark.parametrize("kind", list(LAYOUTS))
def test_layouts_follow_the_seed(bank, library, kind):
    def furnish(seed: int) -> tuple[int, int, Camera]:
        made = Set(Stage(), Builder(World(), bank, np.random.default_rng(seed)), library)
        camera = LAYOUTS[kind][0](made)
        add_world(made.stage, made.builder.world, bank, made.rng)
        return len(made.stage), sum(len(part.mesh.faces) for part in made.stage.parts), camera

    first = furnish(1)
    assert first == furnish(1)
    assert first != furnish(2)
    assert first[0] > 3


def test_no_environment_maps_is_an_error(tmp_path):
    with pytest.raises(PhotoError, match="holds no environment maps"):
        read_skies(tmp_path)
    (tmp_path / "sky.exr.js").write_text("export default 'data:application/exr;base64,AAAA'")
    with pytest.raises(PhotoError, match="no readable environment map"):
        read_skies(tmp_path)


def test_environment_maps_are_read(tmp_path):
    import OpenEXR

    rgb = np.random.default_rng(0).random((64, 128, 3)).astype(np.float32)
    header = {"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage}
    with OpenEXR.File(header, {"RGB": rgb}) as out:
        out.write(str(tmp_path / "a.exr"))
    text = base64.b64encode((tmp_path / "a.exr").read_bytes()).decode()
    (tmp_path / "a.exr.js").write_text(f"export default 'data:application/exr;base64,{text}'")
    (sky,) = read_skies(tmp_path, side=64)
    np.testing.assert_allclose(sky, rgb.reshape(32, 2, 64, 2, 3).mean(axis=(1, 3)), atol=2e-3)


def test_worlds_keep_their_depth(mi, bank):
    """The same world, ray caster against Mitsuba."""
    from dofsim.datasets.raycast import Light, render

    world, camera = World(), Camera((0.1, 1.0, -1.0), pitch=-0.15, yaw=0.1, roll=0.05, fov=1.0)
    world.add(GROUND, (0, 0, 0), (1, 1, 1))
    world.add(BOX, (-0.6, 0.3, 2.0), (0.2, 0.3, 0.2))
    world.add(ELLIPSOID, (0.3, 0.5, 2.5), (0.4, 0.5, 0.3))
    world.add(CYLINDER, (0.9, 0.4, 3.0), (0.2, 0.4, 0.2))
    world.add(CONE, (-0.1, 0.4, 1.2), (0.2, 0.4, 0.2))
    world.add(CARD, (-1.0, 1.0, 3.5), (0.4, 0.3, 0.01), texture=-1)
    _, expected = render(world, camera, Light(), bank, SIZE)
    stage = Stage()
    add_world(stage, world, bank, np.random.default_rng(0))
    found = inverse_depth(mi, bake(mi, stage), camera, SIZE)
    close = np.abs(found - expected) < 2e-3 + 0.01 * expected
    assert close.mean() > 0.97  # polygons of round things differ along their outline


def test_windows_are_far_and_light_the_room(mi, bank, library):
    made = Set(Stage(), Builder(World(), bank, np.random.default_rng(0)), library)
    made.window((0, 0, 2), 0.0, (0.3, 0.3), 2.0)
    made.stage.add(meshes.card().placed((0, 0, 2.1), size=2.0), (0.5, 0.5, 0.5))
    made.stage.add(meshes.floor().placed((0, -0.4, 1), size=2.0), (0.5, 0.5, 0.5))
    camera, baked = Camera((0, 0, 0), fov=1.0), bake(mi, made.stage)
    inverse = inverse_depth(mi, baked, camera, SIZE)
    assert inverse[SIZE[0] // 2, SIZE[1] // 2] == 0
    assert inverse[2, 2] == pytest.approx(1 / 2.1, rel=1e-4)
    seen = expose(mi, baked, camera, SIZE, samples=4, seed=1)
    assert seen[SIZE[0] // 2, SIZE[1] // 2].mean() > 1
    assert seen[-1].mean() > 0.01


def test_quick_light_agrees_with_the_path_tracer(mi):
    rng = np.random.default_rng(0)
    checks = np.kron(rng.random((8, 8, 3)), np.ones((8, 8, 1))).astype(np.float32) * 0.8 + 0.05
    stage = Stage(sky=np.full((16, 32, 3), 0.6, np.float32))
    stage.suns.append(((0.3, 1.0, -0.5), (1.5, 1.4, 1.2)))
    stage.add(meshes.floor().placed((0, -0.5, 3), size=4), checks)
    stage.add(meshes.ball().placed((0, 0, 3), size=0.5), checks)
    stage.add(meshes.card().placed((1.2, 0.3, 3), size=0.3), (0.0, 0.0, 0.0), glow=(0.9, 0.2, 0.1))
    camera = Camera((0, 0.2, 0), pitch=-0.05, fov=1.0)
    quick = expose(mi, bake(mi, stage), camera, SIZE, samples=16, seed=1)
    slow = picture(mi, stage.scene(mi, bounces=3), sensor(mi, camera, SIZE), 256, 1)
    assert np.abs(quick - slow).mean() < 0.06 * slow.mean()
    assert quick.mean() == pytest.approx(slow.mean(), rel=0.03)


@pytest.mark.parametrize("lens", [Lens(0.0, 1.0), Lens(0.06, 3.0), Lens(0.03, 1.0)])
def test_sparks_have_the_light_of_glowing_balls(mi, lens):
    camera = Camera((0, 0, 0), fov=0.8)
    sparks = [((0.3, 0.2, 6.0), 0.06, np.array([20.0, 16, 12])), ((-0.4, -0.1, 3.0), 0.04, np.array([10.0, 16, 12]))]
    plain, dark = Stage((0.3, 0.3, 0.3), gather=False), Stage((0.3, 0.3, 0.3), gather=False, sparks=sparks)
    for stage in (plain, dark):
        stage.add(meshes.card().placed((0, 0, 9), size=9), (0.2, 0.2, 0.2))
        stage.add(meshes.card().placed((0.12, 0.05, 1.6), size=(0.1, 0.2, 1)), (0.5, 0.5, 0.5))
    for place, radius, glow in sparks:
        plain.add(meshes.ball(32, 64).placed(place, size=radius), glow=glow)
    asked = picture(mi, plain.scene(mi), sensor(mi, camera, SIZE, lens), 1024, 1)
    scene = dark.scene(mi)
    found = picture(mi, scene, sensor(mi, camera, SIZE, lens), 256, 1) + spark_light(
        mi, scene, sparks, camera, SIZE, lens, 1
    )
    excess, light = asked - asked.min(), found - found.min()
    assert light.sum() == pytest.approx(excess.sum(), rel=0.05)
    assert np.abs(found - asked).mean() < 0.1 * asked.mean()


def test_packs_are_written_and_opened(mi, bank, library, tmp_path, monkeypatch):
    monkeypatch.setattr("dofsim.datasets.traced_scenes.make_library", lambda rng, skies: library)
    monkeypatch.setattr("dofsim.datasets.traced_scenes.make_bank", lambda rng, photos, subjects: bank)
    names = write_packs(tmp_path, tmp_path / "packs", packs=1, scenes=2, seed=4, samples=1)
    (pack,) = open_packs([tmp_path / "packs"])
    assert pack.photo.shape == (2, 240, 320, 3)
    assert pack.inverse.shape == (2, 240, 320)
    assert 0 < np.nanmax(pack.inverse) <= 1
    monkeypatch.setattr("dofsim.datasets.traced_scenes.random_scene", None)
    assert write_packs(tmp_path, tmp_path / "packs", packs=1, scenes=2, seed=4, samples=1) == names


def test_scenes_are_pure_in_their_seed(mi, bank, library):
    first, again = (random_scene(mi, bank, library, SIZE, (1, 2), "garden", samples=2) for _ in range(2))
    np.testing.assert_array_equal(first[1], again[1])
    assert np.abs(first[0].astype(int) - again[0].astype(int)).mean() < 2
