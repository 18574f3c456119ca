"""Arrangements that phones photograph from a step away: porches behind leaves, cluttered desks, meals and pets."""

from __future__ import annotations

import numpy as np

from dofsim.datasets.foliage import Growth, stick
from dofsim.datasets.furnish import Builder, small_things
from dofsim.datasets.people import person
from dofsim.datasets.places import outdoors, stand_about, walls
from dofsim.datasets.raycast import BOX, CYLINDER, ELLIPSOID, Camera, Vector, turn


def porch(b: Builder) -> tuple[Camera, bool]:
    """A wooden building of posts, rails, boards and a roof, some metres off, and leaves at arm's length before it."""
    rng = b.rng
    z, floor = rng.uniform(2.0, 6.0), rng.uniform(-1.4, -0.3)
    ground = floor - rng.uniform(0.05, 0.9)
    outdoors(b, ground, rng.uniform(5, 10))
    wood, board, roof = b.look(0.8, 0.5), b.look(1.0, 0.6), b.look(1.0, 0.6)
    wood["tint"] = np.array([1.0, 0.75, 0.5]) * np.exp(rng.uniform(-1.5, 0.4))
    half, deep, top = rng.uniform(1.0, 3.0), rng.uniform(0.6, 2.5), floor + rng.uniform(2.0, 2.8)
    rotation = turn(rng.normal(0, 0.4))
    middle = np.array([rng.normal(0, 0.25) * z, 0.0, z])

    def put(x: float, y: float, off: float, half3: tuple[float, float, float], look: dict[str, object]) -> None:
        b.part(BOX, middle + rotation @ np.array([x, y, off]), half3, look, rotation)

    put(0, floor - 0.05, deep, (half, 0.05, deep), board)
    put(0, top / 2 + floor / 2, 2 * deep, (half, (top - floor) / 2, 0.04), board)
    put(0, top + 0.04, deep - 0.2, (half + 0.3, 0.04, deep + 0.4), roof)
    thick = rng.uniform(0.03, 0.09)
    for x in np.linspace(-half, half, int(rng.integers(2, 6))):
        put(float(x), (top + ground) / 2, 0.0, (thick, (top - ground) / 2, thick), wood)
    for height in rng.uniform(0.2, 1.0, int(rng.integers(0, 4))):
        put(0, floor + float(height), 0.0, (half, 0.03, 0.02), wood)
    if rng.random() < 0.4:
        for x in np.arange(-half, half, rng.uniform(0.1, 0.25)):
            put(float(x), floor + 0.45, 0.0, (0.015, 0.45, 0.015), wood)
    for _ in range(int(rng.integers(0, 4))):  # what hangs from the roof
        at = middle + rotation @ np.array([rng.uniform(-0.9, 0.9) * half, top, rng.uniform(0.0, 1.5) * deep])
        low = at - (0, rng.uniform(0.2, 0.9), 0)
        stick(b, low, at, 0.006, b.look(0.1))
        b.part(ELLIPSOID, low, rng.uniform(0.08, 0.2, 3), b.look(0.2))
    for _ in range(int(rng.integers(0, 4))):
        at = middle + rotation @ np.array([rng.uniform(-0.8, 0.8) * half, 0.0, rng.uniform(0.3, 1.7) * deep])
        (b.chair, b.table, b.carton, b.plant)[int(rng.integers(4))](at[0], floor, at[2], rng.uniform(0.4, 1.0))
    near = rng.uniform(0.5, 1.3)
    growth = Growth(b, near * rng.uniform(0.04, 0.16))
    side = rng.choice([-1.0, 0.0, 1.0], p=[0.4, 0.2, 0.4])
    for _ in range(int(rng.integers(18, 60))):
        away = near * np.exp(rng.normal(0.0, 0.25))
        x, y = side * rng.uniform(0.1, 0.75) + rng.normal(0, 0.12), -rng.uniform(0.0, 0.9)
        start = np.array([x, y, 1.0]) * away
        growth.twig(b, start, rng.normal(0, 0.7, 3) + (0, 0.5, 0), growth.long * rng.uniform(1.0, 3.0))
    for _ in range(int(rng.integers(0, 8))):
        away = rng.uniform(1.2, z)
        thing = (b.bush, b.tuft, b.plant)[int(rng.integers(3))]
        thing(rng.normal(0, 0.4) * away, ground, away, rng.uniform(0.2, 0.7))
    return Camera((0, 0, 0), rng.normal(-0.05, 0.12), rng.normal(0, 0.12)), False


def _laptop(b: Builder, x: float, z: float, yaw: float) -> None:
    """An open laptop on the plane y = 0."""
    rng, case, screen = b.rng, b.look(0.5, 0.8), b.look(0.4)
    case["tint"] = np.full(3, rng.uniform(0.1, 1.2))
    if rng.random() < 0.5:
        screen["tint"] = np.full(3, 0.08)
    rotation, wide, deep = turn(yaw), rng.uniform(0.14, 0.19), rng.uniform(0.1, 0.13)
    at = np.array([x, 0.0, z])
    b.part(BOX, at + (0, 0.009, 0), (wide, 0.009, deep), case, rotation)
    keys = b.look(0.05) | {"tint": np.full(3, rng.uniform(0.05, 0.6))}
    b.part(BOX, at + (0, 0.019, 0) + rotation @ np.array([0, 0, 0.02]), (wide * 0.9, 0.002, deep * 0.5), keys, rotation)
    lid = rotation @ turn(0.0, rng.uniform(0.0, 0.6))
    hinge = at + (0, 0.015, 0) + rotation @ np.array([0, 0, deep])
    b.part(BOX, hinge + lid @ np.array([0, deep, 0]), (wide, deep, 0.004), case, lid)
    b.part(BOX, hinge + lid @ np.array([0, deep, -0.004]), (wide * 0.95, deep * 0.92, 0.002), screen, lid)


def _cable(b: Builder, start: Vector) -> None:
    """A cable that lies about."""
    rng, look = b.rng, b.look(0.1, 1.0)
    look["tint"] = np.full(3, rng.choice([0.08, 1.2]))
    way, bend = rng.uniform(-np.pi, np.pi), rng.normal(0, 0.5)
    for _ in range(int(rng.integers(4, 12))):
        end = start + 0.05 * np.array([np.cos(way), 0.0, np.sin(way)])
        stick(b, start, end, 0.003, look)
        start, way, bend = end, way + bend, bend + rng.normal(0, 0.3)


def clutter(b: Builder) -> tuple[Camera, bool]:
    """A desk with a laptop, cables, crumpled and lying things, obliquely from half a metre or beyond its edge."""
    rng = b.rng
    wide, deep = rng.uniform(0.4, 0.9), rng.uniform(0.25, 0.45)
    slab = b.look(0.8, 0.5)
    b.part(BOX, (0, -0.015, 0), (wide, 0.015, deep), slab)
    if rng.random() < 0.6:  # its sides
        for side in (-1, 1):
            b.part(BOX, (side * (wide - 0.02), -0.37, 0), (0.02, 0.35, deep * 0.95), slab)
    b.part(BOX, (0, -0.75, 0), (6, 0.02, 6), b.look(1.5, 0.7))
    plain = b.look(2.0, 0.9) | {"tint": np.full(3, rng.uniform(0.6, 1.5))}
    b.part(BOX, (0, 0.5, deep + rng.choice([0.02, 0.1, 1.5])), (6, 2.0, 0.02), plain)
    if rng.random() < 0.6:  # a wall or a partition at its side
        b.part(BOX, (rng.choice([-1, 1]) * (wide + 0.02), rng.uniform(-0.4, 0.5), 0), (0.02, 0.7, 3), plain)
    if rng.random() < 0.65:
        _laptop(b, rng.normal(0, 0.3) * wide, rng.uniform(-0.4, 0.4) * deep, rng.normal(0, 0.5))
    small = small_things(b)
    for _ in range(int(rng.integers(3, 16))):
        x, z, size = rng.uniform(-0.95, 0.95) * wide, rng.uniform(-0.9, 0.95) * deep, rng.uniform(0.03, 0.14)
        style = rng.random()
        if style < 0.45:
            small[int(rng.integers(len(small)))](x, 0.0, z, size)
        elif style < 0.65:  # a bag, a tissue, a cloth
            soft = b.look(0.2, 0.9) | {"tint": np.full(3, rng.uniform(0.7, 1.6))}
            for _ in range(int(rng.integers(3, 8))):
                at = np.array([x, size * 0.3, z]) + rng.normal(0, 0.35, 3) * size
                kind = BOX if rng.random() < 0.4 else ELLIPSOID
                b.part(kind, at, size * rng.uniform(0.1, 0.5, 3), soft, turn(*rng.uniform(-3, 3, 3)))
        elif style < 0.85:  # a sheet, a book, a phone, a mouse
            half = size * np.array([rng.uniform(0.5, 1.3), rng.uniform(0.01, 0.2), rng.uniform(0.5, 1.3)])
            b.part(BOX, (x, half[1], z), half, b.look(0.2), turn(rng.uniform(-3, 3)))
        else:
            _cable(b, np.array([x, 0.004, z]))
    if rng.random() < 0.25:  # held before the desk
        at = np.array([rng.normal(0, 0.15), 0.2, -deep * rng.uniform(0.3, 1.0)])
        lean, long = turn(*rng.normal(0, 0.5, 3)), rng.uniform(0.06, 0.12)
        b.part(int(rng.choice([CYLINDER, BOX])), at, (0.035, long, 0.035), b.look(0.2), lean)
    eye, away = rng.uniform(0.15, 0.7), deep * rng.uniform(0.6, 2.2)
    aim = -np.arctan2(eye, away + rng.uniform(-0.5, 1.0) * deep)
    roll = rng.normal(0, 0.25) if rng.random() < 0.4 else 0.0
    return Camera((rng.normal(0, 0.3) * wide, eye, -away), aim + rng.normal(0, 0.12), rng.normal(0, 0.45), roll), True


def meal(b: Builder) -> tuple[Camera, bool]:
    """Plates, bowls, cups and food on a table, from a seat at it, with chairs and people across it."""
    rng = b.rng
    wide, deep = rng.uniform(0.4, 1.2), rng.uniform(0.35, 0.8)
    indoor, base = rng.random() < 0.7, 0.72
    if indoor:
        walls(b, rng.uniform(1.5, 4.0), rng.uniform(2.0, 7.0), 2.6)
    else:
        outdoors(b, 0.0, rng.uniform(3, 9))
    middle = deep + 0.15
    b.part(BOX, (0, base - 0.02, middle), (wide, 0.02, deep), b.look(0.8, 0.5), turn(rng.normal(0, 0.15)))
    dish = b.look(0.3, 0.9) | {"tint": np.full(3, rng.uniform(0.7, 1.6)), "shine": 0.3}
    for _ in range(int(rng.integers(1, 9))):
        x, z = rng.uniform(-0.85, 0.85) * wide, middle + rng.uniform(-0.9, 0.85) * deep
        r = rng.uniform(0.05, 0.15)
        look, food = (dish if rng.random() < 0.7 else b.look(0.3)), b.look(0.1)
        style = rng.random()
        rim = 0.008 if style < 0.55 else r * rng.uniform(0.3, 0.7)
        b.part(CYLINDER, (x, base + rim, z), (r, rim, r), look)
        for _ in range(int(rng.integers(1, 9))):
            at = np.array([x + rng.normal(0, 0.35) * r, base + 2 * rim + 0.1 * r, z + rng.normal(0, 0.35) * r])
            half = r * rng.uniform(0.12, 0.5, 3) * (1.0, 0.6, 1.0)
            b.part(
                ELLIPSOID if rng.random() < 0.7 else BOX, at, half, food if rng.random() < 0.6 else b.look(0.1),
                turn(*rng.normal(0, 1, 3)),
            )  # fmt: skip
    for _ in range(int(rng.integers(1, 8))):
        x, z = rng.uniform(-0.9, 0.9) * wide, middle + rng.uniform(-0.9, 0.9) * deep
        (b.vessel if rng.random() < 0.7 else b.carton)(x, base, z, rng.uniform(0.06, 0.16))
    for _ in range(int(rng.integers(0, 7))):  # cutlery
        at = np.array([rng.uniform(-0.8, 0.8) * wide, base + 0.004, middle + rng.uniform(-0.9, 0.6) * deep])
        way = rng.uniform(-np.pi, np.pi)
        stick(b, at, at + 0.16 * np.array([np.cos(way), 0, np.sin(way)]), 0.005, b.look(0.2) | {"shine": 0.6})
    for _ in range(int(rng.integers(0, 4))):
        x, z = rng.normal(0, 0.7) * wide, middle + deep + rng.uniform(0.15, 1.0)
        if rng.random() < 0.5:
            person(b, x, 0.45, z, rng.uniform(1.4, 1.85), rng.normal(0, 0.4), sits=True)
        else:
            b.chair(x, 0.0, z)
    above, pitch = rng.uniform(0.15, 0.7), -rng.uniform(0.15, 0.95)
    return Camera((rng.normal(0, 0.15), base + above, -rng.uniform(0, 0.3)), pitch, rng.normal(0, 0.15)), indoor


def _animal(b: Builder, x: float, y: float, z: float, size: float, facing: float) -> None:
    """A cat, a dog or a rabbit of ellipsoids: lying, sitting or standing, the head at a side of its trunk."""
    rng, fur, other = b.rng, b.look(0.15, 0.4), b.look(0.15, 0.4)
    for look in (fur, other):
        look["tint"] = np.array([1.0, 0.85, 0.7]) * np.exp(rng.uniform(-2.0, 0.5))
    pose, rotation, base = int(rng.integers(3)), turn(facing), np.array([x, y, z])
    long, fat, leg = size * rng.uniform(0.35, 0.5), size * rng.uniform(0.15, 0.24), size * rng.uniform(0.2, 0.4)
    rise = 0.0 if pose < 2 else leg
    tilt = rng.uniform(0.6, 1.1) if pose == 1 else 0.0

    def put(at: Vector, half: Vector, look: dict[str, object], turned: Vector | None = None) -> None:
        b.part(ELLIPSOID, base + rotation @ at, half, look, rotation if turned is None else rotation @ turned)

    trunk = np.array([0, rise + fat + np.sin(tilt) * long * 0.6, 0])
    put(trunk, np.array([fat, fat, long]), fur, turn(0, tilt))
    chest = trunk + np.array([0, np.sin(tilt), -np.cos(tilt)]) * long * 0.8
    head = chest + np.array([rng.normal(0, 0.4), rng.uniform(0.3, 1.1), -rng.uniform(0.4, 0.9)]) * fat
    look_at, r = turn(rng.normal(0, 0.5), rng.normal(0, 0.2)), fat * rng.uniform(0.6, 0.85)
    stick(b, base + rotation @ chest, base + rotation @ head, r * 0.75, fur)
    put(head, r * np.array([1.0, 0.95, 1.0]), fur, look_at)
    snout = rng.uniform(0.3, 1.1)
    put(head + look_at @ np.array([0, -0.3, -0.7 - 0.3 * snout]) * r, r * np.array([0.45, 0.4, 0.3 + snout / 2]), other,
        look_at)  # fmt: skip
    dark, ear = fur | {"tint": np.full(3, 0.06), "shine": 0.6}, rng.uniform(0.25, 0.9)
    put(head + look_at @ np.array([0, -0.2, -1.05 - 0.75 * snout]) * r, np.full(3, r * 0.14), dark, look_at)
    droop = rng.random() < 0.4
    for side in (-1, 1):
        put(head + look_at @ np.array([side * 0.4, 0.25, -0.85]) * r, np.full(3, r * 0.14), dark, look_at)
        at = np.array([side * (0.95 if droop else 0.55), 0.1 if droop else 0.85, 0.1])
        put(head + look_at @ at * r, r * np.array([0.28, ear, 0.12]), other, look_at)
        for end, across in ((-0.7, 0.6), (0.75, 0.7)):
            if pose == 2 or (pose == 1 and end < 0):
                tall = rise if pose == 2 else float(chest[1])
                half = np.array([0.25 * fat, tall * 0.6, 0.25 * fat])
                put(np.array([side * across * fat, tall / 2, end * long]), half, fur)
            paw = np.array([side * across * fat * 0.8, 0.14 * fat, end * long - rng.uniform(0.1, 0.4) * fat])
            put(paw, fat * np.array([0.24, 0.16, 0.5]), fur if rng.random() < 0.6 else other)
    root = trunk - np.array([0, np.sin(tilt), -np.cos(tilt)]) * long * 0.95
    tail = root + np.array([rng.normal(0, 0.6), rng.uniform(-0.1, 0.9), rng.uniform(0.1, 0.7)]) * long
    tail[1] = max(float(tail[1]), 0.02)
    stick(b, base + rotation @ root, base + rotation @ tail, fat * rng.uniform(0.1, 0.3), fur)


def pet(b: Builder) -> tuple[Camera, bool]:
    """An animal or two from their own height or from above, on a floor, a sofa or grass."""
    rng = b.rng
    indoor = rng.random() < 0.65
    if indoor:
        far = rng.uniform(1.5, 6.0)
        walls(b, rng.uniform(1.2, 3.5), far, rng.uniform(2.4, 3.0))
        things = (b.chair, b.sofa, b.table, b.plant, b.carton, b.shelf)
        stand_about(b, things, int(rng.integers(0, 6)), (1.3, max(1.4, far)), (0.5, 1.1))
    else:
        outdoors(b, 0.0, rng.uniform(2, 9))
        for _ in range(int(rng.integers(0, 12))):
            z = rng.uniform(0.4, 3.0)
            (b.tuft, b.plant, b.bush)[int(rng.integers(3))](rng.normal(0, 0.5) * z, 0.0, z, rng.uniform(0.1, 0.5))
    low = 0.0
    z = rng.uniform(0.5, 1.4)
    if indoor and rng.random() < 0.5:  # a cushion, a bed, a sofa
        low = rng.uniform(0.05, 0.5)
        b.part(BOX, (0, low / 2, z), (rng.uniform(0.4, 1.2), low / 2, rng.uniform(0.3, 0.8)), b.look(0.8, 0.5))
        if rng.random() < 0.5:
            b.part(BOX, (0, low + 0.15, z + 0.6), (1.2, 0.35, 0.12), b.look(0.8, 0.5))
    size = rng.uniform(0.3, 0.9) * z
    for number in range(int(rng.choice([1, 1, 2]))):
        _animal(b, rng.normal(0, 0.1 + 0.3 * number) * z, low, z + number * rng.normal(0.3, 0.2), size,
                rng.normal(0, 1.0))  # fmt: skip
    eye = low + size * rng.uniform(0.2, 1.8)
    aim = np.arctan2(low + 0.4 * size - eye, z)
    return Camera((rng.normal(0, 0.05), eye, 0.0), aim + rng.normal(0, 0.08), rng.normal(0, 0.1)), indoor
