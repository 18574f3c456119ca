"""Arrangements for the ray caster: floors, heaps, layers, foliage, bins, lattices and things in the air."""

from __future__ import annotations

import numpy as np

from dofsim.datasets.furnish import Builder, small_things
from dofsim.datasets.places import outdoors, walls
from dofsim.datasets.raycast import BOX, CONE, CYLINDER, ELLIPSOID, GROUND, Camera, turn


def layers(b: Builder) -> tuple[Camera, bool]:
    """Flat pictures, boxes and cut-outs at several depths."""
    rng = b.rng
    back = rng.uniform(1.5, 4.0)
    b.part(BOX, (0, 0, back), (6, 6, 0.02), b.look(1.5), turn(rng.normal(0, 0.35), rng.normal(0, 0.3)))
    if rng.random() < 0.6:
        b.part(BOX, (0, -rng.uniform(0.3, 0.8), back / 2), (6, 0.02, back), b.look(1.0))
    for _ in range(int(rng.integers(2, 10))):
        z = rng.uniform(0.6, back - 0.1)
        x, y = rng.normal(0, 0.4) * z, rng.normal(-0.05, 0.3) * z
        style = int(rng.integers(0, 4))
        if style <= 1:
            b.picture(x, y, z, rng.uniform(0.1, 0.4) * z, rng.normal(0, 0.5), rng.normal(0, 0.4))
        elif style == 2:
            half = rng.uniform(0.02, 0.3, 3) * z
            b.part(BOX, (x, y, z), half, b.look(0.4), turn(*rng.normal(0, 0.5, 3)))
        else:
            b.cutout(x, y - 0.3 * z, z, rng.uniform(0.3, 0.8) * z, whole=rng.random() < 0.25, facing=rng.normal(0, 0.3))
    return Camera((0, 0, 0)), True


def heap(b: Builder) -> tuple[Camera, bool]:
    """Many alike things on the ground, seen from above at an angle."""
    rng = b.rng
    b.part(BOX, (0, -0.05, 0.8), (5, 0.05, 5), b.look(1.0))
    size, style = rng.uniform(0.05, 0.25), int(rng.integers(0, 4))
    looks = [b.look(size) for _ in range(int(rng.integers(1, 4)))]
    proportion = np.exp(rng.normal(0, 0.3, 3))
    spread = rng.uniform(0.4, 1.3)
    for _ in range(int(rng.integers(15, 90))):
        x, z = rng.normal(0, 0.5, 2) * spread
        y = max(0.0, (1 - np.hypot(x, z) / spread) * spread * rng.uniform(0, 0.5))
        half = size * proportion * rng.uniform(0.7, 1.3) * 0.5
        look = looks[int(rng.integers(len(looks)))]
        rotation = turn(*rng.uniform(-np.pi, np.pi, 3)) if style != 1 else turn(rng.uniform(-np.pi, np.pi))
        b.part(BOX if style == 0 else ELLIPSOID, (x, y + half.min(), z + 0.8), half, look, rotation)
    eye, away = rng.uniform(0.25, 1.2), rng.uniform(0.1, 0.8)
    return Camera((0, eye, 0.8 - spread * 0.4 - away), -np.arctan2(eye, away + spread * 0.5) + rng.normal(0, 0.1)), True


def _flower_bed(b: Builder) -> None:
    """One or two kinds of flowers, with leaves and blades between them."""
    rng = b.rng
    kinds = []
    for _ in range(int(rng.choice([1, 1, 2]))):
        stem, head = b.look(0.1), b.look(0.1, 0.7)
        stem["tint"] = np.array([0.4, 0.9, 0.3]) * rng.uniform(0.4, 1.2)
        kinds.append((int(rng.integers(4)), stem, head, rng.uniform(0.12, 0.4)))
    for _ in range(int(rng.integers(20, 70))):
        z = 0.3 + rng.exponential(0.5)
        style, stem, head, tall = kinds[int(rng.integers(len(kinds)))]
        b.flower(rng.normal(0, 0.4) * (z + 0.15), 0.0, z, tall * rng.uniform(0.7, 1.2), style, stem, head)
    for _ in range(int(rng.integers(2, 18))):
        z = 0.3 + rng.exponential(0.7)
        (b.tuft if rng.random() < 0.6 else b.plant)(rng.normal(0, 0.4) * (z + 0.2), 0.0, z, rng.uniform(0.12, 0.35))


def frame(b: Builder, camera: Camera) -> None:
    """Leaves or a post near the camera, at the side or the lower edge of the picture."""
    rng = b.rng
    side, z = rng.choice([-1.0, 1.0]), rng.uniform(0.35, 1.0)
    x, y = camera.position[0] + side * z * rng.uniform(0.25, 0.55), camera.position[1]
    if rng.random() < 0.75:
        for _ in range(int(rng.integers(1, 4))):
            low = y - z * rng.uniform(0.2, 0.9)
            (b.plant if rng.random() < 0.6 else b.bush)(
                x + rng.normal(0, 0.12), low, camera.position[2] + z + rng.normal(0, 0.1), rng.uniform(0.3, 0.8) * z
            )
    else:
        b.box(x, y - 2.0, camera.position[2] + z, (rng.uniform(0.02, 0.1), 4.0, 0.05), rng.uniform(0, 1.5))


def foliage(b: Builder) -> tuple[Camera, bool]:
    """Plants and flowers near, more of them far."""
    rng = b.rng
    outdoors(b, 0.0, rng.uniform(3, 9))
    spread = rng.uniform(0.3, 1.0)
    if rng.random() < 0.5:  # a bed of one kind of flower
        _flower_bed(b)
    else:
        for _ in range(int(rng.integers(4, 14))):
            z = 0.35 + abs(rng.normal(0, 1.2))
            thing = (b.plant, b.plant, b.bush, b.tuft, b.tuft)[int(rng.integers(5))]
            thing(rng.normal(0, 0.5) * (z + spread), 0.0, z, rng.uniform(0.15, 0.5))
    eye = rng.uniform(0.2, 1.1)
    return Camera((0, eye, -0.2), -np.arctan2(max(eye - 0.2, 0.01), rng.uniform(0.7, 2.5)) + rng.normal(0, 0.08)), False


def floor(b: Builder) -> tuple[Camera, bool]:
    """A floor, a lawn or a desk seen at a steep angle, bare or with a few things on it."""
    rng = b.rng
    look = b.look(1.5, 0.6)
    if rng.random() < 0.3:  # a white or grey desk
        look = b.look(4.0, 1.0) | {"tint": np.full(3, rng.uniform(0.7, 1.5))}
    b.part(GROUND, (0, 0, 0), (1, 1, 1), look)
    eye, pitch = rng.uniform(0.3, 1.8), -rng.uniform(0.35, 1.35)
    middle = eye / np.tan(-pitch)
    small = small_things(b)
    for _ in range(int(rng.integers(0, 6))):
        size = eye * rng.uniform(0.05, 0.35)
        small[int(rng.integers(len(small)))](rng.normal(0, 0.3) * eye, 0.0, middle + rng.normal(0, 0.3) * eye, size)
    if rng.random() < 0.4:
        wall = middle + eye * rng.uniform(0.3, 1.5)
        b.part(BOX, (0, 1.5, wall), (8.0, 1.5, 0.05), b.look(2.0, 0.7), turn(rng.normal(0, 0.3)))
    return Camera((0, eye, 0), pitch, rng.normal(0, 0.2)), True


def plain(b: Builder) -> tuple[Camera, bool]:
    """A floor, a desk or a sheet of one colour, unevenly lit, with a thing or two on it: only the light tells."""
    rng = b.rng
    b.part(
        GROUND, (0, 0, 0), (1, 1, 1), b.look(rng.uniform(20.0, 80.0), 1.0) | {"tint": np.full(3, rng.uniform(0.6, 1.5))}
    )
    eye, pitch = rng.uniform(0.3, 1.8), -rng.uniform(0.35, 1.35)
    middle = eye / np.tan(-pitch)
    things = (*small_things(b), b.toy)
    for _ in range(int(rng.choice(4, p=(0.2, 0.45, 0.25, 0.1)))):
        thing = things[int(rng.integers(len(things)))]
        thing(rng.normal(0, 0.25) * eye, 0.0, middle + rng.normal(0, 0.25) * eye, eye * rng.uniform(0.06, 0.4))
    if rng.random() < 0.25:
        wall = middle + eye * rng.uniform(0.4, 2.0)
        b.part(BOX, (0, 1.5, wall), (8.0, 1.5, 0.05), b.look(40.0, 1.0), turn(rng.normal(0, 0.2)))
    return Camera((0, eye, 0), pitch, rng.normal(0, 0.15)), True


def close(b: Builder) -> tuple[Camera, bool]:
    """One thing or a few that fill the picture, on a table, a shelf or a wall, with the rest far behind."""
    rng = b.rng
    indoor = rng.random() < 0.6
    size = rng.uniform(0.08, 0.5)
    if indoor:
        back = size * rng.uniform(2.0, 25.0)
        b.part(BOX, (0, 1.0, 1.0 + back), (8.0, 4.0, 0.03), b.look(2.0, 0.6), turn(rng.normal(0, 0.25)))
        for _ in range(int(rng.integers(0, 6))):
            b.picture(rng.normal(0, 1.0), rng.uniform(-0.2, 1.2), 0.9 + back, rng.uniform(0.1, 0.6))
        for _ in range(int(rng.integers(0, 4))):
            thing = (b.chair, b.sofa, b.plant, b.carton, b.shelf, b.lamp)[int(rng.integers(6))]
            if back > 1.0:
                thing(rng.normal(0, 0.8), -rng.uniform(0.3, 0.8), rng.uniform(1.5, 1.0 + back), rng.uniform(0.5, 1.2))
    else:
        outdoors(b, -rng.uniform(0.0, 0.8), rng.uniform(2, 8))
    if rng.random() < 0.8:
        deep = size * rng.uniform(0.8, 3.0)
        b.part(
            BOX, (0, -0.02, 1.0), (size * rng.uniform(1.0, 5.0), 0.02, deep), b.look(0.6, 0.5), turn(rng.normal(0, 0.3))
        )
    things = (*small_things(b), b.toy, b.plant, b.ball)
    for k in range(int(rng.choice([1, 1, 2, 3, 5]))):
        small = things[int(rng.integers(len(things)))]
        x = rng.normal(0, 0.15 + 0.25 * k) * size
        small(x, 0.0, 1.0 + rng.normal(0, 0.1 + 0.4 * (k > 0)) * size, size * rng.uniform(0.6, 1.1))
    away, eye = size * rng.uniform(1.3, 4.0), size * rng.uniform(0.2, 2.2)
    pitch = float(np.arctan2(size * rng.uniform(0.3, 0.7) - eye, away))
    return Camera(
        (rng.normal(0, 0.1) * size, eye, 1.0 - away), pitch + rng.normal(0, 0.06), rng.normal(0, 0.08)
    ), indoor


def desk(b: Builder) -> tuple[Camera, bool]:
    """A desk with a screen, a keyboard, papers and cups, before a wall."""
    rng = b.rng
    wide, deep = rng.uniform(0.5, 1.1), rng.uniform(0.3, 0.5)
    b.part(BOX, (0, -0.02, deep), (wide, 0.02, deep), b.look(1.0, 0.7))
    wall = 2 * deep + rng.choice([0.02, 0.05, 1.0, 3.0])
    b.part(BOX, (0, 0.5, wall), (5.0, 3.0, 0.02), b.look(2.0, 0.8))
    b.part(BOX, (0, -0.75, wall / 2), (5.0, 0.02, wall / 2 + 3), b.look(2.0, 0.7))
    for _ in range(int(rng.integers(0, 3))):
        x, yaw = rng.uniform(-0.7, 0.7) * wide, rng.normal(0, 0.3)
        tall = rng.uniform(0.1, 0.2)
        b.part(BOX, (x, tall + 0.1, deep * 1.5), (tall * rng.uniform(1.2, 1.9), tall, 0.015), b.look(0.5), turn(yaw))
        b.part(BOX, (x, 0.05, deep * 1.55), (0.03, 0.06, 0.02), b.look(0.2), turn(yaw))
    if rng.random() < 0.7:
        keys = (rng.normal(0, 0.2) * wide, 0.012, deep * rng.uniform(0.5, 0.9))
        b.part(BOX, keys, (0.2, 0.012, 0.065), b.look(0.1), turn(rng.normal(0, 0.2)))
    for _ in range(int(rng.integers(0, 7))):
        at = (rng.uniform(-0.9, 0.9) * wide, 0.002, rng.uniform(0.1, 1.9) * deep)
        b.part(BOX, at, (0.1, 0.002 + rng.exponential(0.006), 0.14), b.look(0.2), turn(rng.uniform(-3, 3)))
    small = small_things(b)
    for _ in range(int(rng.integers(1, 10))):
        small[int(rng.integers(len(small)))](
            rng.uniform(-0.9, 0.9) * wide, 0.0, rng.uniform(0.2, 1.9) * deep, rng.uniform(0.05, 0.2)
        )
    if rng.random() < 0.4:
        b.chair(rng.normal(0, 0.5), -0.75, rng.uniform(-0.2, 0.1))
    eye, back_off = rng.uniform(0.25, 0.9), rng.uniform(-0.1, 0.6)
    aim = np.arctan2(-eye + 0.05, back_off + deep * rng.uniform(0.6, 1.5))
    return Camera((rng.normal(0, 0.25), eye, -back_off), aim + rng.normal(0, 0.1), rng.normal(0, 0.25)), True


def bin_(b: Builder) -> tuple[Camera, bool]:
    """An open box or drawer seen from above, with or without things in it."""
    rng = b.rng
    wide, deep, tall = rng.uniform(0.15, 0.6), rng.uniform(0.15, 0.6), rng.uniform(0.08, 0.5)
    b.part(GROUND, (0, -rng.choice([0.0, 0.5, 0.9]), 0), (1, 1, 1), b.look(2.0, 0.6))
    look, thick = b.look(1.0, 0.7), rng.uniform(0.005, 0.02)
    b.part(BOX, (0, 0.005, 0), (wide, 0.005, deep), look)
    for side in (-1, 1):
        b.part(BOX, (side * wide, tall / 2, 0), (thick, tall / 2, deep), look)
        b.part(BOX, (0, tall / 2, side * deep), (wide, tall / 2, thick), look)
    small = small_things(b)
    for _ in range(int(rng.integers(0, 14))):
        size = rng.uniform(0.15, 0.5) * min(wide, deep)
        at = rng.uniform(-0.8, 0.8) * wide, 0.01 + rng.uniform(0, 0.3) * tall, rng.uniform(-0.8, 0.8) * deep
        if rng.random() < 0.5:
            small[int(rng.integers(len(small)))](at[0], at[1], at[2], size)
        else:
            b.part(
                int(rng.choice([BOX, ELLIPSOID, CYLINDER])), at, size * rng.uniform(0.2, 0.8, 3), b.look(size),
                turn(*rng.uniform(-3, 3, 3)),
            )  # fmt: skip
    for _ in range(int(rng.integers(0, 4))):
        b.box(
            rng.choice([-1, 1]) * (wide + rng.uniform(0.1, 0.5)),
            0.0,
            rng.normal(0, 0.3),
            (0.08, rng.uniform(0.02, 0.3), 0.1),
        )
    pitch = -rng.uniform(0.6, 1.5)
    away = max(wide, deep, tall) * rng.uniform(1.5, 3.2)
    at = (rng.normal(0, 0.05), tall / 2 - away * np.sin(pitch), -away * np.cos(pitch))
    return Camera(at, pitch + rng.normal(0, 0.06), rng.normal(0, 0.1)), True


def slats(b: Builder) -> tuple[Camera, bool]:
    """Ladders, fences, lattices and folding chairs, and what shows between their bars."""
    rng = b.rng
    indoor = rng.random() < 0.6
    if indoor:
        walls(b, rng.uniform(1.2, 3.0), rng.uniform(2.5, 6.0), rng.uniform(2.4, 3.2))
        for _ in range(int(rng.integers(1, 6))):
            thing = (b.chair, b.sofa, b.shelf, b.carton, b.plant, b.table)[int(rng.integers(6))]
            thing(rng.normal(0, 0.8), 0.0, rng.uniform(1.5, 4.5), rng.uniform(0.5, 1.2))
    else:
        outdoors(b, 0.0, rng.uniform(2, 6))
    for _ in range(int(rng.integers(1, 5))):
        z = rng.uniform(0.8, 3.5)
        b.rack(rng.normal(0, 0.35) * z, 0.0, z, rng.uniform(0.6, 2.2))
    for _ in range(int(rng.integers(0, 8))):  # beams and boards that lean against something
        half = (rng.uniform(0.015, 0.06), rng.uniform(0.4, 1.4), rng.uniform(0.01, 0.05))
        z = rng.uniform(1.0, 4.0)
        b.part(BOX, (rng.normal(0, 0.4) * z, half[1] * 0.9, z), half, b.look(0.6, 0.6), turn(*rng.normal(0, 0.35, 3)))
    return Camera((0, rng.uniform(0.5, 1.5), -0.2), rng.normal(-0.12, 0.12), rng.normal(0, 0.15)), indoor


def canopy(b: Builder) -> tuple[Camera, bool]:
    """Leaves, fruit and branches on all sides, near and far, with sky, ground or more leaves behind."""
    rng = b.rng
    if rng.random() < 0.6:
        outdoors(b, -rng.uniform(0.8, 2.5), rng.uniform(3, 9))
    else:
        b.part(BOX, (0, 0, rng.uniform(4, 9)), (20, 20, 0.1), b.look(1.0))
    leaf, other, bark, fruit = b.look(0.1), b.look(0.1), b.look(0.3), b.look(0.1)
    leaf["tint"] = np.array([0.5, 0.9, 0.3]) * rng.uniform(0.4, 1.2)
    other["tint"] = np.array([rng.uniform(0.4, 1.0), 0.8, 0.3]) * rng.uniform(0.3, 1.2)
    long, broad, spread = rng.uniform(0.05, 0.2), rng.uniform(0.15, 0.6), rng.uniform(0.12, 0.4)
    for _ in range(int(rng.integers(6, 16))):
        z = 0.5 + rng.exponential(0.9)
        middle = np.array([rng.normal(0, 0.45) * z, rng.normal(0, 0.4) * z, z])
        rotation = turn(*rng.normal(0, 0.8, 3))
        length = rng.uniform(0.3, 1.0)
        b.part(CYLINDER, middle, (0.006 + 0.012 * rng.random(), length, 0.008), bark, rotation)
        for _ in range(int(rng.integers(10, 26))):
            at = middle + rotation @ np.array([0, rng.uniform(-1, 1) * length, 0]) + rng.normal(0, spread * 0.35, 3)
            size = long * rng.uniform(0.7, 1.3)
            b.part(
                ELLIPSOID, at, (size * broad, size, size * 0.06), leaf if rng.random() < 0.8 else other,
                turn(*rng.uniform(-2, 2, 3)),
            )  # fmt: skip
        for _ in range(int(rng.integers(0, 3))):
            at = middle + rng.normal(0, spread * 0.4, 3)
            b.part(ELLIPSOID, at, long * rng.uniform(0.25, 0.6, 3), fruit, turn(*rng.uniform(-2, 2, 3)))
    return Camera((0, 0, 0), rng.normal(0.0, 0.3), rng.normal(0, 0.2)), False


def floating(b: Builder) -> tuple[Camera, bool]:
    """Things of all shapes anywhere before a wall, a room or a landscape: nothing but overlap, size and light tells."""
    rng = b.rng
    style = rng.random()
    back = rng.uniform(2.0, 7.0)
    if style < 0.4:
        b.part(BOX, (0, 0, back), (9, 9, 0.02), b.look(1.5), turn(rng.normal(0, 0.5), rng.normal(0, 0.5)))
    elif style < 0.7:
        walls(b, rng.uniform(1.5, 3.0), back, 2.8)
    else:
        outdoors(b, -rng.uniform(0.3, 1.5), rng.uniform(2, 6))
    eye = 1.4 if style >= 0.4 else 0.0
    for _ in range(int(rng.integers(5, 40))):
        z = 0.5 * (back / 0.5) ** rng.random()
        at = (rng.normal(0, 0.4) * z, eye + rng.normal(0, 0.35) * z, z)
        half = z * rng.uniform(0.02, 0.2) * np.exp(rng.normal(0, 0.5, 3))
        if rng.random() < 0.12:
            b.cutout(at[0], at[1], z, rng.uniform(0.15, 0.6) * z, whole=rng.random() < 0.5, facing=rng.normal(0, 0.3))
        else:
            b.part(
                int(rng.choice([BOX, BOX, ELLIPSOID, CYLINDER, CONE])),
                at,
                half,
                b.look(0.4),
                turn(*rng.uniform(-3, 3, 3)),
            )
    return Camera((0, eye, 0), rng.normal(0, 0.1), rng.normal(0, 0.1)), bool(style < 0.7)
