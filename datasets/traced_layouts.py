"""Scenes for training, to be ray-traced: rooms, tables, streets, gardens, portraits, clutter.

A layout furnishes a :class:`~dofsim.datasets.traced_set.Set` and returns the camera. Furniture comes from
:mod:`dofsim.datasets.furnish`, bodies from :mod:`dofsim.datasets.organic`.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from dofsim.datasets import meshes, organic
from dofsim.datasets.furnish import small_things
from dofsim.datasets.raycast import BOX, GROUND, Camera, turn
from dofsim.datasets.traced_set import Set


def _shell(s: Set, half: float, back: float, high: float, front: float = -2.5) -> None:
    """A closed room with windows, curtains, pictures and lamps."""
    b, rng = s.builder, s.rng
    middle, deep = (back + front) / 2, (back - front) / 2
    wall = b.look(2.0, 0.85)
    b.part(BOX, (0, -0.05, middle), (half, 0.05, deep), b.look(1.0, 0.85))
    b.part(
        BOX,
        (0, high + 0.05, middle),
        (half, 0.05, deep),
        b.look(2.0, 1.0) | {"tint": np.full(3, rng.uniform(0.8, 1.6))},
    )
    for z in (front, back):
        b.part(BOX, (0, high / 2, z), (half, high / 2, 0.05), wall if rng.random() < 0.7 else b.look(2.0, 0.7))
    for side in (-1, 1):
        b.part(BOX, (side * half, high / 2, middle), (0.05, high / 2, deep), wall)
    strength = np.exp(rng.uniform(np.log(0.7), np.log(8)))
    for _ in range(3):  # numbers of lights are the same in all rooms, see bake()
        wide, tall = rng.uniform(0.3, 0.9), rng.uniform(0.4, 0.8)
        if rng.random() < 0.5:
            x, y, z, yaw = rng.uniform(-0.8, 0.8) * half, high * 0.55, back - 0.06, 0.0
        else:
            side = rng.choice([-1.0, 1.0])
            x, y, z, yaw = side * (half - 0.06), high * 0.55, rng.uniform(front + 1, back - 0.8), side * np.pi / 2
        s.window((x, y, z), yaw, (wide, tall), strength)
        inward = turn(yaw) @ np.array([0, 0, -0.02])
        for bar in (-1.0, 0.0, 1.0):
            at = np.array([x, y, z]) + turn(yaw) @ np.array([bar * wide, 0, 0]) + inward
            b.part(BOX, at, (0.025, tall, 0.02), wall, turn(yaw))
        if rng.random() < 0.5:
            for edge in (-1.2, 1.2):
                at = np.array([x, y - 0.1, z]) + turn(yaw) @ np.array([edge * wide, 0, -0.1])
                s.stage.add(organic.drapery(rng, 40).placed(at, turn(yaw), (0.25, tall * 1.3, 0.6)), s.cloth())
    for _ in range(2):
        at = (rng.uniform(-0.7, 0.7) * half, high - rng.uniform(0.05, 0.5), rng.uniform(front + 0.5, back - 0.3))
        s.lamp(*at, rng.uniform(0.06, 0.2), rng.uniform(6, 40) if rng.random() < 0.6 else 0.3)
    panel = meshes.floor().placed(
        (rng.uniform(-0.3, 0.3), high - 0.02, rng.uniform(-1.5, 1)), turn(0, 0, np.pi), (0.6, 1, 0.6)
    )
    s.stage.add(panel, glow=(1.0, 0.95, 0.85) * np.array(rng.uniform(1, 5)), lights=True)
    for _ in range(int(rng.integers(0, 4))):
        b.picture(rng.uniform(-0.8, 0.8) * half, rng.uniform(0.4, 0.75) * high, back - 0.08, rng.uniform(0.2, 0.7))


def _furnish(s: Set, half: float, back: float) -> None:
    b, rng = s.builder, s.rng
    things: list[Callable[..., object]] = [b.chair, b.chair, b.sofa, b.carton, b.lamp, b.plant]
    for _ in range(int(rng.integers(3, 12))):
        x, z = rng.uniform(-0.85, 0.85) * half, rng.uniform(1.0, max(1.1, back - 0.5))
        style = rng.random()
        if style < 0.25:
            top = b.table(x, 0.0, z, rng.uniform(0.6, 1.2))
            for _ in range(int(rng.integers(0, 5))):
                _small(s, x + rng.normal(0, 0.2), top, z + rng.normal(0, 0.15), rng.uniform(0.08, 0.25))
        elif style < 0.4:
            b.shelf(x, 0.0, back - 0.3, rng.uniform(1.0, 2.2))
        elif style < 0.6:
            s.body("person", x, 0.0, z + 0.4, rng.uniform(1.2, 1.9), rng.uniform(-np.pi, np.pi))
        elif style < 0.65:
            s.body("animal", x, 0.0, z, rng.uniform(0.3, 0.7), rng.uniform(-np.pi, np.pi))
        else:
            things[int(rng.integers(len(things)))](x, 0.0, z, rng.uniform(0.6, 1.6))


def _small(s: Set, x: float, y: float, z: float, size: float) -> None:
    """Something that stands on a table."""
    rng = s.rng
    if rng.random() < 0.3:
        s.body(str(rng.choice(["stone", "animal", "bust", "person"])), x, y, z, size, rng.uniform(-np.pi, np.pi))
    else:
        choice = small_things(s.builder)
        choice[int(rng.integers(len(choice)))](x, y, z, size)


def room(s: Set) -> Camera:
    """A furnished room."""
    rng = s.rng
    half, back, high = rng.uniform(1.5, 3.8), rng.uniform(2.5, 8.0), rng.uniform(2.3, 3.3)
    _shell(s, half, back, high)
    _furnish(s, half, back)
    eye = rng.uniform(0.6, min(1.8, high - 0.4))
    return Camera((rng.normal(0, 0.4), eye, rng.uniform(-1.8, 0.3)), rng.normal(-0.15, 0.15), rng.normal(0, 0.3))


def table(s: Set) -> Camera:
    """Things on a table, seen from near."""
    b, rng = s.builder, s.rng
    wide, deep = rng.uniform(0.4, 1.4), rng.uniform(0.3, 0.9)
    high = rng.uniform(0.6, 0.9)
    b.part(BOX, (0, high - 0.02, deep), (wide, 0.02, deep), b.look(1.0, 0.6))
    if rng.random() < 0.75:
        _shell(s, rng.uniform(1.6, 3.5), 2 * deep + rng.uniform(0.1, 4.0), rng.uniform(2.3, 3.2))
    else:
        _nature(s, 0.0, rng.uniform(2.5, 6))
    if rng.random() < 0.4:
        s.body(
            "person",
            rng.normal(0, 0.4),
            0.0,
            2 * deep + rng.uniform(0.2, 0.6),
            rng.uniform(1.2, 1.8),
            rng.normal(0, 0.6),
        )
    for _ in range(int(rng.integers(1, 13))):
        _small(s, rng.uniform(-0.9, 0.9) * wide, high, rng.uniform(0.12, 1.9) * deep, rng.uniform(0.06, 0.3))
    eye, away = rng.uniform(0.1, 0.8), rng.uniform(0.05, 0.6)
    aim = np.arctan2(-eye + 0.08, away + deep * rng.uniform(0.4, 1.2))
    return Camera((rng.normal(0, 0.15), high + eye, -away), aim + rng.normal(0, 0.08), rng.normal(0, 0.15))


def _nature(s: Set, ground: float, start: float) -> None:
    """Ground, grass, trees, bushes, hills, houses from ``start`` m on, under the sky."""
    b, rng = s.builder, s.rng
    soil = b.look(2.0, 1.0)
    earth = ((0.5, 0.8, 0.35), (0.5, 0.8, 0.35), (0.8, 0.65, 0.5), (0.75, 0.75, 0.75))[int(rng.integers(4))]
    soil["tint"] = np.array(earth) * rng.uniform(0.5, 1.3)
    b.part(GROUND, (0, ground, 0), (1, 1, 1), soil)
    if rng.random() < 0.45:
        s.grass(ground, 0.5, rng.uniform(4, 12), rng.uniform(0.04, 0.3))
    for _ in range(int(rng.integers(0, 7))):
        z = start + rng.exponential(8.0)
        b.tree(rng.normal(0, 0.45) * (z + 3), ground, z, rng.uniform(2.0, 8.0))
    for _ in range(int(rng.integers(0, 5))):
        z = start + rng.exponential(12.0)
        half = (rng.uniform(2, 6), rng.uniform(1.5, 6), rng.uniform(1, 5))
        at = (rng.normal(0, 0.7) * (z + 8), ground + half[1], z + 6)
        b.part(BOX, at, half, b.look(2.0, 0.8), turn(rng.normal(0, 0.4)))
    for _ in range(int(rng.integers(0, 6))):
        z = start + rng.exponential(4.0)
        size = rng.uniform(0.3, 1.2)
        s.branch(rng.normal(0, 0.5) * (z + 2), ground + 0.5 * size, z, size)
    for _ in range(int(rng.integers(0, 3))):
        z = rng.uniform(60, 250)
        hill = meshes.ball().placed(
            (rng.normal(0, 80), ground, z), None, (z * 0.5, z * rng.uniform(0.05, 0.2), z * 0.3)
        )
        wooded = np.array([0.25, 0.32, 0.22]) + rng.uniform(0, 0.25) * np.array(
            [0.7, 0.9, 1.3]
        )  # bluer in the distance
        s.stage.add(hill, wooded * rng.uniform(0.5, 1.2))
    s.daylight()


def garden(s: Set) -> Camera:
    """Grass, bushes, stones, animals and people outdoors."""
    b, rng = s.builder, s.rng
    _nature(s, 0.0, rng.uniform(2, 8))
    for _ in range(int(rng.integers(1, 8))):
        z = 0.8 + rng.exponential(2.5)
        x = rng.normal(0, 0.4) * (z + 0.4)
        style = rng.random()
        if style < 0.3:
            s.body("person", x, 0.0, z + 1, rng.uniform(1.1, 1.9), rng.uniform(-np.pi, np.pi))
        elif style < 0.45:
            s.body("animal", x, 0.0, z, rng.uniform(0.3, 1.0), rng.uniform(-np.pi, np.pi))
        elif style < 0.6:
            s.body("stone", x, -0.05, z, rng.uniform(0.1, 0.8), rng.uniform(-np.pi, np.pi))
        elif style < 0.75:
            b.plant(x, 0.0, z, rng.uniform(0.3, 1.0))
        elif style < 0.85:
            b.chair(x, 0.0, z)
        else:
            b.lamp(x, 0.0, z + 0.5, rng.uniform(0.6, 3.0))
    return Camera((0, rng.uniform(0.25, 1.8), 0), rng.normal(-0.1, 0.12), 0.0)


def street(s: Set) -> Camera:
    """Houses, cars, lamps and people along a street."""
    b, rng = s.builder, s.rng
    b.part(GROUND, (0, 0, 0), (1, 1, 1), b.look(3.0, 1.0))
    road, shift = rng.uniform(2.5, 8.0), rng.uniform(-2.0, 2.0)
    for side in (-1, 1):
        z = rng.uniform(-4, 4)
        b.part(BOX, (shift + side * (road + 1.5), 0.07, 60), (1.5, 0.07, 70), b.look(1.5))
        while z < 70:
            long, high = rng.uniform(3, 10), rng.uniform(2.5, 12)
            if rng.random() < 0.85:
                x = shift + side * (road + 7)
                b.part(BOX, (x, high / 2, z + long), (4.0, high / 2, long * 0.97), b.look(2.0, 0.7))
                for y in np.arange(1.2, high - 1, rng.uniform(2, 3)):
                    for dz in np.arange(-0.7, 0.8, 0.35):
                        pane = meshes.box().placed((x - side * 4.0, y, z + long * (1 + dz)), None, (0.06, 0.6, 0.4))
                        s.stage.add(pane, (0.06, 0.07, 0.09))
            z += 2 * long + (rng.uniform(1, 8) if rng.random() < 0.3 else 0)
        for z in np.arange(rng.uniform(2, 9), 50, rng.uniform(6, 15)):
            if rng.random() < 0.7:
                (b.lamp if rng.random() < 0.6 else b.tree)(
                    shift + side * (road + 0.6), 0.0, float(z), rng.uniform(2.5, 6)
                )
        for z in np.arange(rng.uniform(4, 12), 40, 6.5):
            if rng.random() < 0.4:
                b.car(shift + side * (road - 1.1), 0.0, float(z), rng.normal(0, 0.03))
    for _ in range(int(rng.integers(0, 6))):
        z = 1.8 + rng.exponential(6.0)
        s.body("person", rng.normal(0, 0.4) * (z + 1), 0.0, z, rng.uniform(1.4, 1.95), rng.uniform(-np.pi, np.pi))
    s.daylight()
    return Camera((0, rng.uniform(0.5, 1.8), 0), rng.normal(-0.03, 0.08), rng.normal(0, 0.3))


def portrait(s: Set) -> Camera:
    """One to three people from near."""
    b, rng = s.builder, s.rng
    if rng.random() < 0.5:
        half, back = rng.uniform(1.6, 3.5), rng.uniform(2.5, 8.0)
        _shell(s, half, back, rng.uniform(2.4, 3.2))
        if back > 3.5:
            _furnish(s, half, back)
    else:
        _nature(s, 0.0, rng.uniform(2.5, 10))
    eye, pitch = rng.uniform(1.1, 1.7), 0.0
    for _ in range(int(rng.choice([1, 1, 1, 2, 3]))):
        z = rng.uniform(0.55, 1.8)
        x, style = rng.normal(0, 0.2) * z, rng.random()
        if style < 0.6:
            size, yaw = rng.uniform(0.98, 1.2), rng.normal(0, 0.5)
            low = eye - 0.84 * size + rng.normal(0, 0.06)
            s.body("bust", x, low, z, size, yaw)
            if rng.random() < 0.6:
                s.hair(x, low + 0.87 * size, z, 0.1 * size, yaw)
        elif style < 0.75 and b.cutout(
            x, eye - z * 0.8, z, z * rng.uniform(1.0, 1.5), whole=False, facing=rng.normal(0, 0.15)
        ):
            continue
        else:
            s.body("person", x, 0.0, z + 0.5, eye + rng.uniform(0.0, 0.25), rng.normal(0, 0.7))
            pitch = -0.12
    return Camera((0, eye, 0), pitch + rng.normal(0.0, 0.07), rng.normal(0, 0.08))


def clutter(s: Set) -> Camera:
    """Many things on a floor or against a wall, seen at an angle."""
    rng = s.rng
    spread = rng.uniform(0.4, 1.2)
    _shell(s, rng.uniform(1.5, 3), 0.8 + spread * rng.uniform(1.2, 4), rng.uniform(2.3, 3.2))
    if rng.random() < 0.4:
        cloth = organic.drapery(rng, 64).placed((0, 0.06, 0.8), turn(0, np.pi / 2), (spread * 1.3, spread * 1.3, 0.5))
        s.stage.add(cloth, s.cloth())
    for _ in range(int(rng.integers(8, 45))):
        x, z = rng.normal(0, 0.5, 2) * spread
        _small(s, x, rng.uniform(0, 0.03), z + 0.8, rng.uniform(0.05, 0.35))
    eye, away = rng.uniform(0.25, 1.4), rng.uniform(0.1, 0.8)
    pitch = -np.arctan2(eye, away + spread * rng.uniform(0.4, 1.2))
    return Camera((rng.normal(0, 0.1), eye, 0.8 - spread * 0.4 - away), pitch + rng.normal(0, 0.08), rng.normal(0, 0.2))


#: Layouts by name, with how often each is drawn.
LAYOUTS: dict[str, tuple[Callable[[Set], Camera], float]] = {
    "room": (room, 0.24), "table": (table, 0.2), "garden": (garden, 0.14), "street": (street, 0.08),
    "portrait": (portrait, 0.2), "clutter": (clutter, 0.14),
}  # fmt: skip
