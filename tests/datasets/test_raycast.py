"""The ray caster against analytic depths, random scenes, textures and packs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from dofsim.datasets.arrangements import plain
from dofsim.datasets.everyday import clutter, meal, pet, porch
from dofsim.datasets.foliage import stick
from dofsim.datasets.furnish import Builder
from dofsim.datasets.mattes import Subject
from dofsim.datasets.overhead import tabletop, tub
from dofsim.datasets.pack import open_packs, write_pack
from dofsim.datasets.people import person
from dofsim.datasets.raycast import (
    BOX,
    CARD,
    CONE,
    CYLINDER,
    ELLIPSOID,
    GROUND,
    Camera,
    Light,
    World,
    render,
    to_photo,
    turn,
)
from dofsim.datasets.scenes import KINDS, flash, random_scene
from dofsim.datasets.textures import SIDE, make_bank, noise, procedural
from dofsim.errors import DepthError, ParameterError

SIZE = (48, 64)
FOV = 1.0


@pytest.fixture(scope="module")
def bank():
    disc = np.hypot(*(np.mgrid[0:40, 0:40] - 19.5)) < 15
    subject = Subject("disc", np.full((40, 40, 3), 180, np.uint8), (disc * 255).astype(np.uint8), grounded=True)
    bust = Subject("bust", np.full((40, 30, 3), 90, np.uint8), np.full((40, 30), 255, np.uint8), grounded=False)
    return make_bank(np.random.default_rng(0), subjects=[subject, bust], count=12)


def rays(camera: Camera) -> np.ndarray:
    """Directions with unit component along the axis, (h, w, 3), written out anew."""
    height, width = SIZE
    focal = width / 2 / np.tan(camera.fov / 2)
    x = (np.arange(width) + 0.5 - width / 2) / focal
    y = (height / 2 - np.arange(height) - 0.5) / focal
    grid = np.stack(np.broadcast_arrays(x[None, :], y[:, None], np.ones(SIZE)), axis=-1)
    return grid @ camera.axes()


def shot(world: World, camera: Camera, bank) -> np.ndarray:
    colour, inverse = render(world, camera, Light(), bank, SIZE)
    assert colour.shape == (*SIZE, 3)
    assert np.isfinite(colour).all()
    assert inverse.dtype == np.float32
    return inverse


def test_ground_plane_depth(bank):
    world, camera = World(), Camera((0.3, 1.5, -2.0), pitch=-0.2, roll=0.1, yaw=0.4, fov=FOV)
    world.add(GROUND, (0, 0.25, 0), (1, 1, 1))
    inverse = shot(world, camera, bank)
    down = rays(camera)[..., 1]
    np.testing.assert_allclose(inverse, np.maximum(-down / 1.25, 0), rtol=1e-4, atol=2e-4)


def test_sphere_depth(bank):
    world, camera = World(), Camera((0, 0, 0), fov=FOV)
    world.add(ELLIPSOID, (0.2, 0.1, 3.0), (0.8, 0.8, 0.8))
    inverse = shot(world, camera, bank)
    d, c = rays(camera), np.array([0.2, 0.1, 3.0])
    a, b, q = (d * d).sum(-1), d @ c, c @ c - 0.64
    root = b * b - a * q
    hit = root > 0
    wanted = np.zeros(SIZE)
    wanted[hit] = a[hit] / (b[hit] - np.sqrt(root[hit]))
    assert hit.sum() > 100
    np.testing.assert_allclose(inverse, wanted, rtol=1e-4, atol=1e-6)


def test_turned_box_face_depth(bank):
    world, camera = World(), Camera((0, 0, 0), fov=FOV)
    rotation = turn(yaw=0.5)
    world.add(BOX, (0, 0, 4.0), (5.0, 5.0, 0.5), rotation=rotation)
    inverse = shot(world, camera, bank)
    # its front is the plane n.(x - c) = -0.5 along its own z axis
    n = rotation[:, 2]
    wanted = (rays(camera) @ n) / (n @ np.array([0, 0, 4.0]) - 0.5)
    middle = np.s_[:, 20:44]
    np.testing.assert_allclose(inverse[middle], wanted[middle], rtol=1e-4)


def test_cylinder_cone_and_card_on_the_axis(bank):
    for kind, half, depth in (
        (CYLINDER, (0.5, 2.0, 0.5), 2.5),
        (CARD, (1.0, 1.0, 0.01), 3.0),
        (CONE, (1.0, 2.0, 1.0), 2.5),  # half of its radius is left at half of its height
    ):
        world = World()
        world.add(kind, (0, 0, 3.0), half, texture=-1 if kind == CARD else 0)
        inverse = shot(world, Camera((0, 0, 0), fov=0.02), bank)
        assert inverse[24, 32] == pytest.approx(1 / depth, rel=2e-2), kind
    world = World()
    world.add(CYLINDER, (0, 0, 3.0), (1.0, 0.5, 1.0))
    above = shot(world, Camera((0, 5.0, 3.0), pitch=-np.pi / 2, fov=0.2), bank)
    np.testing.assert_allclose(above[24, 32], 1 / 4.5, rtol=1e-4)


def test_inside_a_box_the_walls_are_seen(bank):
    world = World()
    world.add(BOX, (0, 0, 0), (2.0, 2.0, 3.0))
    assert shot(world, Camera((0, 0, 0), fov=0.02), bank)[24, 32] == pytest.approx(1 / 3, rel=1e-4)


def test_cutouts_are_seen_through_beside_their_subject(bank):
    world = World()
    world.add(CARD, (0, 0, 2.0), (1.0, 1.0, 0.01), texture=0)
    world.add(BOX, (0, 0, 5.0), (9.0, 9.0, 0.5))
    inverse = shot(world, Camera((0, 0, 0), fov=FOV), bank)
    assert inverse[24, 32] == pytest.approx(0.5, rel=1e-4)
    assert set(np.round(np.unique(inverse), 4)) == {0.5, np.float32(0.2222)}
    assert 0.4 < (inverse > 0.4).mean() < 0.6
    assert inverse[24, 20] == inverse[24, 44] == np.float32(0.5)
    assert inverse[5, 14] < 0.3  # a corner of the card, outside of the disc


def test_nearer_things_hide_farther_ones_and_cast_shadows(bank):
    world = World()
    world.add(GROUND, (0, 0, 0), (1, 1, 1))
    camera = Camera((0, 2.0, -3.0), pitch=-0.5, fov=FOV)
    light = Light(direction=(0.0, 1.0, 0.0), softness=0.0)
    free, _ = render(world, camera, light, bank, SIZE)
    world.add(BOX, (0, 1.5, 1.0), (0.4, 0.02, 0.4))
    shaded, inverse = render(world, camera, light, bank, SIZE)
    ground = np.abs(inverse - shot_ground(camera)) < 1e-3
    darker = (shaded.mean(-1) < 0.8 * free.mean(-1)) & ground
    assert darker.sum() > 10


def shot_ground(camera: Camera) -> np.ndarray:
    return np.maximum(-rays(camera)[..., 1] / camera.position[1], 0)


def test_edges_between_things_are_mixed_but_depth_is_not(bank):
    world = World()
    world.add(BOX, (-5.0, 0, 2.0), (5.003, 9.0, 0.5), tint=(0.0, 0.0, 0.0))
    camera = Camera((0, 0, 0), roll=0.3, fov=FOV)
    inverse = shot(world, camera, bank)
    assert set(np.round(np.unique(inverse), 4)) <= {0.0, np.float32(0.6667), np.float32(0.4)}
    colour, _ = render(world, camera, Light(), bank, SIZE)
    row = colour[:, 30].mean(-1)
    assert ((row > row.min() + 0.05) & (row < row.max() - 0.05)).any()


def test_empty_world_is_refused(bank):
    with pytest.raises(ParameterError, match="empty world"):
        render(World(), Camera((0, 0, 0)), Light(), bank, SIZE)


@pytest.mark.parametrize("kind", KINDS)
def test_random_scenes_have_depth_and_are_seeded(bank, kind):
    photo, inverse = random_scene(bank, SIZE, (3, 1), kind)
    again = random_scene(bank, SIZE, (3, 1), kind)
    np.testing.assert_array_equal(photo, again[0])
    np.testing.assert_array_equal(inverse, again[1])
    assert photo.dtype == np.uint8
    assert np.isfinite(inverse).all()
    assert inverse.min() >= 0
    assert np.ptp(inverse) > 0.01
    assert photo.std() > 3
    assert (random_scene(bank, SIZE, (3, 2), kind)[1] != inverse).any()


@pytest.mark.parametrize("way", [(0.3, 0.0, 0.0), (0.0, 0.4, 0.0), (0.1, -0.2, 0.3), (0.0, 0.0, 0.5)])
def test_sticks_join_two_points(bank, way):
    builder = Builder(World(), bank, np.random.default_rng(0))
    start = np.array([0.1, 0.2, 2.0])
    stick(builder, start, start + way, 0.01, builder.look())
    (centre,), (half,), (rotation,) = builder.world.centre, builder.world.half, builder.world.rotation
    np.testing.assert_allclose(centre, start + np.array(way) / 2)
    np.testing.assert_allclose(rotation @ (0, half[1], 0), np.array(way) / 2, atol=1e-12)
    np.testing.assert_allclose(rotation @ rotation.T, np.eye(3), atol=1e-12)
    assert np.linalg.det(rotation) == pytest.approx(1)


def test_people_look_where_they_face_and_stand_where_they_are_put(bank):
    for facing, height, nearer in ((0.0, 1.8, True), (np.pi, 1.5, False)):
        builder = Builder(World(), bank, np.random.default_rng(1))
        person(builder, 0.0, 0.3, 3.0, height, facing)
        centre, half = np.stack(builder.world.centre), np.stack(builder.world.half)
        assert 0.2 < (centre[:, 1] - half[:, 1]).min() < 0.45
        assert abs((centre[:, 1] + half[:, 1]).max() - 0.3 - height) < 0.25 * height  # an arm may be raised
        noses = centre[np.isclose(half[:, 0], 0.008 * height) & np.isclose(half[:, 1], 0.014 * height)]
        assert ((noses[:, 2] < 3.0) == nearer).all()
        assert len(noses) == 1


def test_a_flash_lights_what_is_near(bank):
    world = World()
    world.add(BOX, (0, 0, 10.5), (30.0, 30.0, 0.5))
    world.add(BOX, (-1.0, 0, 2.0), (1.0, 9.0, 0.5))
    camera = Camera((0, 0, 0), fov=FOV)
    light = flash(Light(), camera, np.random.default_rng(0))
    colour, inverse = render(world, camera, light, bank, SIZE)
    dark, _ = render(world, camera, replace(light, lamp=(0.0, 0.0, 0.0, 0.0)), bank, SIZE)
    gained = (colour - dark).mean(-1)
    assert gained[inverse > 0.4].mean() > 5 * gained[inverse < 0.2].mean() > 0
    assert max(light.sun) < max(Light().sun)


def test_tables_and_tubs_are_seen_under_any_roll(bank):
    for arrange in (tabletop, tub):
        cameras = [arrange(Builder(World(), bank, np.random.default_rng(seed)))[0] for seed in range(24)]
        assert max(camera.pitch for camera in cameras) < -0.4
        assert any(abs(camera.roll) > 2.3 for camera in cameras)
        assert any(0.8 < abs(camera.roll) < 2.3 for camera in cameras)


def test_leaves_grow_before_a_porch(bank):
    for seed in range(8):
        builder = Builder(World(), bank, np.random.default_rng(seed))
        porch(builder)
        world = builder.world
        kind, centre = np.array(world.kind), np.stack(world.centre)
        half = np.stack(world.half)
        leaves = (kind == ELLIPSOID) & np.isclose(half[:, 2], 0.06 * half[:, 1])
        walls = (kind == BOX) & (half.max(axis=1) > 0.9)
        assert leaves.sum() > 40
        assert np.median(centre[leaves, 2]) < 0.8 * np.median(centre[walls, 2])
        assert centre[leaves, 2].min() < 1.3


def test_desks_meals_and_pets_are_within_reach(bank):
    for arrange in (clutter, meal, pet):
        nearest = []
        for seed in range(10):
            builder = Builder(World(), bank, np.random.default_rng(seed))
            camera, indoor = arrange(builder)
            _, inverse = render(builder.world, camera, Light(), bank, SIZE)
            nearest.append(1 / np.percentile(inverse, 95))
            if arrange is clutter:
                assert indoor
                assert camera.pitch < 0.1
        assert 0.15 < np.median(nearest) < 1.5


def test_a_plain_floor_is_near_at_the_bottom_and_tells_little_by_its_texture(bank):
    smooth = []
    for seed in range(12):
        builder = Builder(World(), bank, np.random.default_rng(seed))
        camera, indoor = plain(builder)
        colour, inverse = render(builder.world, camera, Light(lamp=(0.0, 0.0, 0.0, 0.0)), bank, SIZE)
        assert indoor
        assert camera.pitch < -0.3
        assert np.median(inverse[-4:]) > np.median(inverse[:4])
        grey = colour.mean(axis=2)
        smooth.append(np.median(np.abs(np.diff(grey, axis=1))) / np.median(grey))
    assert np.median(smooth) < 0.01


def test_only_the_kinds_that_are_asked_for_are_drawn(bank):
    one = random_scene(bank, SIZE, (5, 1), "floor")
    again = random_scene(bank, SIZE, (5, 1), ["floor"])
    np.testing.assert_array_equal(one[1], again[1])
    assert (random_scene(bank, SIZE, (5, 1))[1] != one[1]).any()
    with pytest.raises(KeyError):
        random_scene(bank, SIZE, (5, 1), "flor")


def test_exposure_is_bounded():
    colour = np.random.default_rng(0).exponential(3.0, (20, 20, 3)).astype(np.float32)
    photo = to_photo(colour)
    assert photo.dtype == np.uint8
    assert 60 < photo.mean() < 220
    assert to_photo(colour, percentile=95.0).mean() < photo.mean() - 20


def test_textures_stay_in_range_and_repeat():
    rng = np.random.default_rng(2)
    for calm in (False, True):
        texture = procedural(rng, calm=calm)
        assert texture.shape == (SIDE, SIDE, 3)
        assert 0 < texture.min() <= texture.max() < 1
    cloud = noise(SIDE, rng)
    seam = np.abs(cloud[0] - cloud[-1]).mean()
    assert seam < 4 * np.abs(np.diff(cloud, axis=0)).mean()


def test_packs_are_written_once_and_read_back(tmp_path):
    calls = []

    def make(index: int):
        calls.append(index)
        return np.full((4, 6, 3), index, np.uint8), np.full((4, 6), index + 1.0, np.float32)

    name = write_pack(tmp_path / "p", make, range(3), (4, 6))
    write_pack(tmp_path / "p", make, range(3), (4, 6))
    assert calls == [0, 1, 2]
    (pack,) = open_packs([name])
    assert pack.photo[:, 0, 0, 0].tolist() == [0, 1, 2]
    assert pack.inverse.max() == 1.0
    assert len(open_packs([tmp_path])) == 1
    write_pack(tmp_path / "few" / "a", make, range(4), (4, 6))
    weights = [pack.weight for pack in open_packs([tmp_path, tmp_path / "few"])]
    assert weights == pytest.approx([3**0.5, 2.0])
    (tmp_path / "empty").mkdir()
    with pytest.raises(DepthError, match="no packs"):
        open_packs([tmp_path / "empty"])
    assert not list(tmp_path.glob(".*"))
    np.save(tmp_path / "p.inverse.npy", np.zeros((2, 4, 6), np.float16))
    with pytest.raises(DepthError, match="holds photos"):
        open_packs([name])
    with pytest.raises(DepthError, match="cannot be read"):
        open_packs([tmp_path / "q"])


def test_programs_say_errors_in_one_line(tmp_path, capsys):
    from dofsim.datasets._program import program
    from dofsim.datasets.scenes import main

    with pytest.raises(SystemExit) as left:
        program(lambda: main(["--data", str(tmp_path), "--out", str(tmp_path)]))
    assert left.value.code == ParameterError.exit_code
    assert capsys.readouterr().err.count("\n") == 1
