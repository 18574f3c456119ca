"""Ray-trace the scenes that the pages show: ``python docs/pictures.py FOLDER`` (needs Mitsuba, see docs/traced.md).

Writes NAME.npz (``image``: linear light, ``depth``: m) for each scene, and for ``food`` what a thin lens sees
(``lens``), as ``docs/figures.py`` reads them. Scenes that are there already are kept.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from dofsim.datasets import meshes, patterns
from dofsim.datasets.organic import bust
from dofsim.datasets.raycast import Camera, turn
from dofsim.datasets.traced import Lens, Picture, Stage, mitsuba, picture, sensor
from dofsim.datasets.traced_world import leaves
from dofsim.files import atomic_path

SIZE = (480, 720)
Made = tuple[Stage, Camera]
#: Of the lens that looks at ``food``: its radius, m, and what it is focused at, m (the orange).
LENS = Lens(0.016, 0.66)


def _noisy(rng: np.random.Generator, colour: Sequence[float], rough: float = 0.2) -> Picture:
    share = patterns.clouds(rng).mean(axis=2, keepdims=True)
    return np.clip(np.asarray(colour) * (1 + rough * (share / share.mean() - 1)), 0.01, 0.95).astype(np.float32)


def _bowl(radius: float, height: float, *, wall: float = 0.08) -> meshes.Mesh:
    """An open vessel with a wall, standing on y = 0."""
    t = np.linspace(0, 1, 14)
    outside = np.stack((radius * (0.45 + 0.55 * np.sin(t * np.pi / 2)), height * t**1.6), axis=1)
    inside = outside[::-1] * (1 - wall, 1) + (0, 0.06 * height)
    inside[-1, 0] = 0
    return meshes.lathe(np.concatenate(([[0, 0]], outside, inside)), 96)


def _room(rng: np.random.Generator, stage: Stage, back: float, wall: Sequence[float]) -> None:
    """A wall at the back with a window and pictures, a window behind the camera."""
    stage.add(meshes.card().placed((0, 0.4, back), size=(4, 2, 1)), _noisy(rng, wall, 0.1))
    stage.add(
        meshes.card().placed((-0.9, 0.55, back - 0.02), size=(0.5, 0.6, 1)), glow=patterns.sky(rng, 2.2), lights=True
    )
    for x in (-0.9, -0.4, -1.4):
        stage.add(meshes.box().placed((x, 0.55, back - 0.05), None, (0.02, 0.6, 0.02)), (0.75, 0.72, 0.68))
    stage.add(meshes.box().placed((-0.9, 0.55, back - 0.05), None, (0.5, 0.02, 0.02)), (0.75, 0.72, 0.68))
    stage.add(meshes.card().placed((0.75, 0.55, back - 0.03), size=(0.3, 0.36, 1)), patterns.photo(rng))
    stage.add(meshes.box().placed((0.75, 0.55, back), None, (0.33, 0.39, 0.02)), (0.08, 0.05, 0.03))
    light = meshes.card().placed((-1.6, 1.2, -0.4), turn(-2.4), (0.8, 0.8, 1))
    stage.add(light, glow=(7.5, 7.0, 6.2), lights=True)


def food() -> Made:
    """Fruit in a bowl on a wooden table, a cup and a jug behind."""
    rng = np.random.default_rng(11)
    stage = Stage((0.28, 0.3, 0.33), gather=False)
    _room(rng, stage, 3.0, (0.42, 0.5, 0.47))
    stage.add(meshes.box().placed((0, -0.03, 0.9), None, (1.2, 0.03, 0.8)), patterns.wood(rng), shine=0.35)
    cloth = meshes.card().repeated(3, 3).placed((0.02, 0.002, 0.66), turn(0.3, np.pi / 2), (0.2, 0.2, 1))
    stage.add(cloth, _noisy(rng, (0.62, 0.66, 0.74), 0.5))
    stage.add(_bowl(0.13, 0.055).placed((0.0, 0.003, 0.7)), _noisy(rng, (0.75, 0.77, 0.78), 0.05), shine=0.8)
    oranges = (((0.015, 0.07, 0.63), 0.043), ((-0.055, 0.068, 0.7), 0.04), ((0.06, 0.07, 0.71), 0.042))
    for at, radius in (*oranges, ((0.005, 0.115, 0.7), 0.04)):
        ball = meshes.ball().placed(at, turn(*rng.uniform(-1, 1, 3)), radius)
        stage.add(ball, _noisy(rng, (0.85, 0.32, 0.03), 0.25), shine=0.3)
    for x, z in ((-0.2, 0.52), (-0.15, 0.47), (0.18, 0.55)):
        stage.add(meshes.ball().placed((x, 0.022, z), size=0.022), _noisy(rng, (0.5, 0.02, 0.04)), shine=0.8)
    cup = _bowl(0.05, 0.09).placed((0.24, 0, 0.98))
    stage.add(cup, _noisy(rng, (0.12, 0.25, 0.5), 0.1), shine=0.7)
    jug = meshes.lathe([(0, 0), (0.4, 0), (0.4, 0), (0.62, 0.55), (0.3, 1.4), (0.36, 1.9)]).placed(
        (-0.27, 0, 1.25), None, 0.16
    )
    stage.add(jug, patterns.rings(rng), shine=0.6)
    for k, x in enumerate((0.55, 0.62, 0.69)):
        stage.add(meshes.box().placed((x, 0.12, 1.5), turn(0.2), (0.03, 0.12 + 0.01 * k, 0.1)), patterns.paint(rng))
    stage.add(meshes.ball().placed((0.22, 0.06, 1.4), size=0.06), _noisy(rng, (0.15, 0.35, 0.04)), shine=0.5)
    return stage, Camera((0, 0.3, 0.0), pitch=-0.32, fov=np.radians(50))


def product() -> Made:
    """A bottle and its carton on a table, a shelf and a plant behind."""
    rng = np.random.default_rng(23)
    stage = Stage((0.3, 0.3, 0.32), gather=False)
    _room(rng, stage, 3.4, (0.55, 0.48, 0.42))
    stage.add(meshes.box().placed((0, -0.03, 1.0), None, (1.3, 0.03, 0.8)), _noisy(rng, (0.62, 0.6, 0.57)), shine=0.3)
    bottle = meshes.lathe(
        [(0, 0), (0.42, 0), (0.42, 0), (0.45, 0.05), (0.45, 1.0), (0.42, 1.1), (0.16, 1.25), (0.15, 1.55), (0.15, 1.55),
         (0, 1.55)], 96,
    )  # fmt: skip
    stage.add(bottle.placed((-0.06, 0, 0.62), None, 0.13), (0.05, 0.16, 0.13), shine=0.95)
    stage.add(meshes.tube().placed((-0.06, 0.225, 0.62), None, (0.022, 0.024, 0.022)), (0.75, 0.6, 0.25), shine=0.9)
    label = meshes.lathe([(0.453, 0.2), (0.453, 0.85)], 96).repeated(3, 1).placed((-0.06, 0, 0.62), None, 0.13)
    stage.add(label, np.clip(0.3 + 0.7 * patterns.words(rng), 0, 0.9))
    carton = meshes.box().placed((0.09, 0.1, 0.7), turn(-0.35), (0.055, 0.1, 0.055))
    stage.add(carton, patterns.words(rng))
    for x, z, r in ((0.02, 0.5, 0.012), (0.06, 0.53, 0.016), (-0.17, 0.52, 0.014)):
        stage.add(meshes.ball().placed((x, 0.8 * r, z), None, (r, 0.8 * r, r)), _noisy(rng, (0.35, 0.33, 0.3)))
    pot = meshes.lathe([(0, 0), (0.6, 0), (0.6, 0), (0.8, 1), (0.72, 1), (0, 0.9)]).placed((0.5, 0, 1.5), None, 0.14)
    stage.add(pot, _noisy(rng, (0.5, 0.2, 0.1)))
    mesh, look = leaves(rng, np.array([0.2, 0.22, 0.2]), (0.12, 0.32, 0.07))
    stage.add(mesh.placed((0.5, 0.33, 1.5)), look)
    for k in range(9):
        at = (-0.75 + 0.07 * k, 0.13, 1.7)
        stage.add(
            meshes.box().placed(at, None, (0.03, 0.12 + 0.02 * rng.random(), 0.09)), patterns.paint(rng, 0.2, 0.8)
        )
    return stage, Camera((0, 0.2, 0.0), pitch=-0.17, fov=np.radians(44))


def landscape() -> Made:
    """Flowers before a meadow, trees and hills."""
    rng = np.random.default_rng(5)
    stage = Stage((0.5, 0.56, 0.66), [((-0.6, 0.8, -0.6), (2.9, 2.6, 2.1))])
    stage.add(meshes.card().placed((0, 60, 400), size=(500, 130, 1)), glow=patterns.sky(rng, 0.95))
    ground = meshes.floor().repeated(60, 60).placed((0, 0, 150), size=(300, 1, 160))
    stage.add(ground, _noisy(rng, (0.2, 0.3, 0.07), 0.6))
    for x, z, wide, high, tone in ((-90, 250, 150, 40, 0.7), (120, 300, 190, 60, 1.0), (10, 330, 220, 45, 1.3)):
        hill = meshes.ball().placed((x, -5, z), None, (wide, high, 40))
        stage.add(hill, _noisy(rng, np.array((0.12, 0.17, 0.14)) * tone, 0.5))
    for _ in range(34):
        z = rng.uniform(14, 90)
        x, tall = rng.uniform(-0.75, 0.75) * z, rng.uniform(3, 6)
        if abs(x) < 0.12 * z:
            continue
        stage.add(
            meshes.tube().placed((x, tall / 2, z), None, (0.05 * tall, tall / 2, 0.05 * tall)), (0.12, 0.08, 0.05)
        )
        half = np.array([0.45, 0.5, 0.45]) * tall
        mesh, look = leaves(rng, half, np.array((0.1, 0.24, 0.05)) * rng.uniform(0.7, 1.4))
        stage.add(mesh.placed((x, 1.25 * tall, z)), look)
    for low, high, near, far, count in ((0.1, 0.3, 0.5, 6.0, 9000), (0.25, 0.5, 0.7, 2.5, 900)):
        z = near * (far / near) ** rng.random(count)
        x = rng.uniform(-0.7, 0.7, count) * (z + 0.4)
        t = np.linspace(0, 1, 7)
        tall, bend = rng.uniform(low, high, count), rng.normal(0, 0.1, (count, 2))
        paths = np.stack((x[:, None] + bend[:, :1] * t**2, tall[:, None] * t, z[:, None] + bend[:, 1:] * t**2), axis=-1)
        widths = 0.007 * (1 - 0.85 * t) * np.ones((count, 1))
        green = np.array([0.22, 0.36, 0.07]) * rng.uniform(0.5, 1.4, (1, count, 1))
        stage.add(meshes.ribbons(paths, widths, (0, 0.75, 0)), np.clip(green, 0.01, 0.9).astype(np.float32))
    for _ in range(26):
        z = rng.uniform(0.9, 1.9)
        _flower(rng, stage, (rng.uniform(-0.5, 0.5) * (z + 0.2), rng.uniform(0.36, 0.62), z))
    return stage, Camera((0, 0.75, 0.0), pitch=-0.12, fov=np.radians(58))


def _flower(rng: np.random.Generator, stage: Stage, at: tuple[float, float, float]) -> None:
    x, y, z = at
    stage.add(meshes.tube().placed((x, y / 2, z), None, (0.004, y / 2, 0.004)), (0.12, 0.25, 0.05))
    colour = ((0.8, 0.08, 0.06), (0.85, 0.8, 0.75), (0.75, 0.5, 0.05), (0.3, 0.15, 0.6))[int(rng.integers(4))]
    around = np.linspace(0, 2 * np.pi, 9)[:-1]
    petals = [
        meshes.ball(10, 16).placed((0.028 * np.cos(a), 0.028 * np.sin(a), 0), turn(0, 0, a), (0.022, 0.012, 0.005))
        for a in around
    ]
    way = turn(rng.normal(0, 0.5), rng.normal(0.5, 0.3))
    stage.add(meshes.joined(petals).placed(at, way), colour)
    stage.add(meshes.ball(10, 16).placed(at, way, (0.013, 0.013, 0.01)), (0.6, 0.4, 0.03))


def night() -> Made:
    """Somebody in a street at night, lamps and windows far behind."""
    rng = np.random.default_rng(8)
    stage = Stage((0.035, 0.04, 0.065), gather=False)
    ground = meshes.floor().repeated(20, 20).placed((0, -1.6, 40), size=(40, 1, 45))
    stage.add(ground, _noisy(rng, (0.16, 0.16, 0.18), 0.5))
    for _ in range(16):
        z, wide, high = rng.uniform(14, 45), rng.uniform(1.5, 4), rng.uniform(4, 13)
        x = rng.choice([-1, 1]) * rng.uniform(0.16, 0.6) * z
        stage.add(
            meshes.box().repeated(2, 3).placed((x, high - 1.6, z + 2), None, (wide, high, 2)),
            patterns.bricks(rng) * 0.7,
        )
        for column in np.arange(-wide + 0.5, wide - 0.3, 1.1):
            for row in np.arange(0.4, 2 * high - 2, 1.6):
                if rng.random() < 0.35:
                    glow = np.array([1.0, 0.75, 0.4]) * rng.uniform(0.5, 1.8)
                    stage.add(meshes.card().placed((x + column, row, z - 0.02), size=(0.28, 0.42, 1)), glow=glow)
    for _ in range(70):
        z = rng.uniform(7, 40)
        colours = ((1.0, 0.72, 0.35), (1.0, 0.9, 0.75), (1.0, 0.15, 0.08), (0.3, 0.9, 0.45), (0.4, 0.6, 1.0))
        colour = np.array(colours[int(rng.choice(5, p=(0.45, 0.25, 0.12, 0.08, 0.1)))])
        at = (rng.uniform(-0.55, 0.55) * z, rng.uniform(-0.08, 0.22) * z, z)
        stage.add(meshes.ball(8, 12).placed(at, size=0.0026 * z), glow=colour * rng.uniform(1.5, 12))
    body = bust(np.random.default_rng(3))
    looks = {
        "skin": (0.6, 0.38, 0.28),
        "hair": (0.06, 0.035, 0.02),
        "eye": (0.03, 0.02, 0.02),
        "cloth": (0.4, 0.05, 0.06),
    }
    for name, mesh in body.parts.items():
        stage.add(mesh.placed((-0.12, -0.66, 1.35), turn(0.35), 0.75), looks.get(name, (0.3, 0.3, 0.3)))
    stage.add(meshes.card().placed((1.1, 0.7, 0.2), turn(2.2), (0.35, 0.5, 1)), glow=(5.0, 3.9, 2.6), lights=True)
    return stage, Camera((0, 0, 0), pitch=0.0, fov=np.radians(48))


def mirror() -> Made:
    """A room with a mirror on the wall, a glass vase and a glass ball on the table."""
    rng = np.random.default_rng(31)
    stage = Stage((0.35, 0.36, 0.38), gather=False)
    _room(rng, stage, 2.6, (0.5, 0.52, 0.55))
    stage.add(meshes.card().placed((0, 0.4, -1.6), turn(np.pi), (2.6, 1.5, 1)), patterns.stripes(rng))
    stage.add(meshes.box().placed((0.6, 0.2, -0.7), turn(0.3), (0.3, 0.7, 0.3)), patterns.bricks(rng))
    stage.add(meshes.box().placed((0, -0.03, 1.0), None, (1.3, 0.03, 0.9)), patterns.wood(rng), shine=0.3)
    stage.add(meshes.card().placed((0.1, 0.5, 2.5), turn(np.pi), (0.4, 0.5, 1)), material="mirror")
    stage.add(meshes.box().placed((0.1, 0.5, 2.56), None, (0.44, 0.54, 0.04)), (0.3, 0.2, 0.05))
    vase = meshes.lathe([(0, 0), (0.45, 0), (0.45, 0), (0.62, 0.6), (0.4, 1.5), (0.5, 2), (0.44, 2), (0.34, 1.5),
                         (0.55, 0.6), (0.38, 0.1), (0, 0.1)], 96)  # fmt: skip
    stage.add(vase.placed((-0.26, 0.001, 0.85), None, 0.14), material="glass")
    stage.add(meshes.ball(96, 192).placed((0.28, 0.095, 0.8), size=0.09), material="glass")
    stage.add(meshes.ball().placed((0.0, 0.07, 1.1), size=0.07), patterns.checks(rng, 8))
    stage.add(meshes.box().placed((-0.62, 0.13, 1.5), turn(0.4), (0.12, 0.13, 0.1)), patterns.words(rng))
    return stage, Camera((0, 0.32, 0.0), pitch=-0.12, fov=np.radians(52))


SCENES: dict[str, Callable[[], Made]] = {
    "food": food, "product": product, "landscape": landscape, "night": night, "mirror": mirror,
}  # fmt: skip


def main() -> None:
    """Trace the scenes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--scenes", nargs="*", choices=list(SCENES), default=list(SCENES))
    parser.add_argument("--samples", type=int, default=32, help="rays per pixel; 32 are grainy, as a phone is")
    parser.add_argument("--threads", type=int, default=1)
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    mi = mitsuba(given.threads)
    for name in given.scenes:
        place = given.folder / f"{name}.npz"
        if place.exists():
            continue
        stage, camera = SCENES[name]()
        # Lamps at night are met by chance and would speckle what they light; there, only the camera sees them.
        scene = stage.scene(mi, bounces=1 if name == "night" else 5)
        views = {"image": sensor(mi, camera, SIZE)}
        if name == "food":
            views["lens"] = sensor(mi, camera, SIZE, LENS)
        pictures = {}
        for view, film in views.items():
            rounds = max(1, given.samples // 32)  # few samples at a time: bounds memory
            pictures[view] = sum(picture(mi, scene, film, 32, seed) for seed in range(rounds)) / np.float32(rounds)
        along = mi.load_dict({"type": "aov", "aovs": "d:depth"})
        distance = np.array(mi.render(scene, sensor=views["image"], integrator=along, spp=1), np.float32)[..., -1]
        pictures["depth"] = _axial(distance, camera)
        with atomic_path(place) as temporary, temporary.open("wb") as file:
            np.savez_compressed(file, **pictures)
        print(place)


def _axial(distance: Picture, camera: Camera) -> Picture:
    """Depth along the axis from distance along the ray; infinite where nothing is."""
    height, width = distance.shape
    focal = width / 2 / np.tan(camera.fov / 2)
    x = (np.arange(width) + 0.5 - width / 2)[None, :] / focal
    y = (np.arange(height) + 0.5 - height / 2)[:, None] / focal
    depth = distance / np.sqrt(1 + x * x + y * y)
    return np.where(distance > 0, depth, np.inf).astype(np.float32)


if __name__ == "__main__":
    main()
