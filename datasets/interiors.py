"""Arrangements between walls: corners, corridors, kitchens, aisles of shelves, and walls seen from beside."""

from __future__ import annotations

import numpy as np

from dofsim.datasets.furnish import Builder, small_things
from dofsim.datasets.raycast import BOX, CYLINDER, ELLIPSOID, Camera, turn


def _wall(b: Builder) -> dict[str, object]:
    """The look of a wall: plain more often than not, and bright."""
    look = b.look(2.0, 0.8)
    if b.rng.random() < 0.5:
        look["tint"] = np.clip(b.rng.normal(1.0, 0.08, 3), 0.7, 1.3) * b.rng.uniform(0.7, 1.6)
    return look


def _shell(b: Builder, half: float, near: float, far: float, height: float) -> None:
    """A closed box: floor, ceiling and four walls."""
    middle, deep = (near + far) / 2, (far - near) / 2
    wall, other = _wall(b), _wall(b)
    b.part(BOX, (0, -0.05, middle), (half, 0.05, deep), b.look(1.0, 0.7))
    b.part(BOX, (0, height + 0.05, middle), (half, 0.05, deep), _wall(b))
    for side in (-1, 1):
        b.part(BOX, (side * half, height / 2, middle), (0.05, height / 2, deep), wall)
    for z in (near, far):
        b.part(BOX, (0, height / 2, z), (half, height / 2, 0.05), wall if b.rng.random() < 0.7 else other)


def _panel(b: Builder, half: float, z: float, low: float, high: float, wide: float, side: float) -> None:
    """A door, a window or a poster on a side wall."""
    style = b.rng.random()
    if style < 0.5:
        b.picture(side * (half - 0.07), (low + high) / 2, z, (high - low) / 2, yaw=np.pi / 2)
        return
    look = b.look(1.0, 0.8)
    b.part(BOX, (side * (half - 0.03), (low + high) / 2, z), (0.06, (high - low) / 2, wide), look)
    if style < 0.75:  # its frame stands out
        for edge in (-1, 1):
            b.part(BOX, (side * (half - 0.05), (low + high) / 2, z + edge * wide), (0.08, (high - low) / 2, 0.04), look)


def corner(b: Builder) -> tuple[Camera, bool]:
    """A corner of a room with little in it, near, under any angle: walls that recede to a side, or upwards."""
    rng = b.rng
    half, near, far, height = (
        rng.uniform(0.9, 2.5),
        -rng.uniform(1.0, 3.0),
        rng.uniform(1.0, 3.5),
        rng.uniform(2.2, 3.2),
    )
    _shell(b, half, near, far, height)
    for _ in range(int(rng.integers(0, 4))):
        _panel(
            b, half, rng.uniform(near, far), rng.uniform(0.2, 1.0), rng.uniform(1.3, 2.2), 0.4, rng.choice([-1.0, 1.0])
        )
    for _ in range(int(rng.integers(0, 3))):
        b.picture(rng.uniform(-0.7, 0.7) * half, rng.uniform(0.8, 1.9), far - 0.07, rng.uniform(0.15, 0.7))
    for _ in range(int(rng.integers(0, 5))):  # along the walls: cupboards, bins, machines, furniture
        x, z = rng.uniform(-1, 1) * half, rng.uniform(near, far)
        x, z = (x, far - 0.35) if rng.random() < 0.5 else (float(np.sign(x)) * (half - 0.35), z)
        style, tall = rng.random(), rng.uniform(0.3, 2.0)
        if style < 0.45:
            b.box(x, 0.0, z, (rng.uniform(0.15, 0.35), tall / 2, rng.uniform(0.15, 0.35)))
        elif style < 0.6:
            b.part(CYLINDER, (x, tall / 2, z), (0.18, tall / 2, 0.18), b.look(0.5, 0.5))
        else:
            (b.chair, b.sofa, b.plant, b.lamp, b.rack)[int(rng.integers(5))](x, 0.0, z, rng.uniform(0.5, 1.2))
    yaw = rng.choice([-1, 1]) * rng.uniform(0.1, 1.3)
    at = (rng.uniform(-0.6, 0.6) * half, rng.uniform(0.8, 1.8), rng.uniform(near + 0.3, 0.3 * far))
    return Camera(at, rng.normal(-0.12, 0.3), yaw), True


def wall(b: Builder) -> tuple[Camera, bool]:
    """A wall, a notice, a shop front or a shelf seen from beside, from below or from above."""
    rng = b.rng
    b.part(BOX, (0, 0, 2.0), (30, 30, 0.05), _wall(b))
    if rng.random() < 0.4:
        b.part(BOX, (0, -rng.uniform(0.8, 1.6), 0), (30, 0.02, 2), b.look(1.0, 0.7))
    for _ in range(int(rng.integers(2, 8))):  # without any, nothing would tell how it is turned
        b.picture(rng.normal(0, 0.8), rng.normal(0, 0.6), 1.93, rng.uniform(0.15, 0.8))
    for _ in range(int(rng.integers(1, 7))):
        deep = rng.exponential(0.12)
        half = (rng.uniform(0.03, 0.5), rng.uniform(0.03, 0.5), deep)
        b.part(BOX, (rng.normal(0, 0.8), rng.normal(0, 0.6), 1.95 - deep), half, b.look(0.5, 0.4))
    away = rng.uniform(0.5, 2.5)
    yaw, pitch = rng.choice([-1, 1]) * rng.uniform(0.2, 1.1), rng.normal(0, 0.4)
    at = (-np.tan(yaw) * away, -np.tan(pitch) * away / np.cos(yaw) * 0.8, 2.0 - away)
    return Camera(at, pitch, yaw), True


def corridor(b: Builder) -> tuple[Camera, bool]:
    """A long corridor, a hall or a gallery with doors, lamps and columns, straight to its end."""
    rng = b.rng
    half, far, height = rng.uniform(0.6, 3.5), rng.uniform(6.0, 35.0), rng.uniform(2.1, 4.5)
    _shell(b, half, -3.0, far, height)
    step = rng.uniform(1.5, 5.0)
    columns = rng.random() < 0.3 and half > 1.2
    for number, z in enumerate(np.arange(rng.uniform(0.5, step), min(far, 25.0), step)):
        for side in (-1.0, 1.0):
            if rng.random() < 0.7:
                _panel(b, half, float(z), 0.0, min(2.1, height - 0.1), 0.45, side)
            if columns:
                b.part(
                    CYLINDER, (side * (half - 0.5), height / 2, float(z)), (0.15, height / 2, 0.15), b.look(0.6, 0.6)
                )
        if number % 2 == 0 and rng.random() < 0.8:
            glow = b.look(0.5, 1.0) | {"tint": np.full(3, 4.0)}
            b.part(BOX, (0, height - 0.02, float(z)), (0.3, 0.02, 0.15), glow)
    for _ in range(int(rng.integers(0, 7))):
        x, z = rng.choice([-1, 1]) * half * rng.uniform(0.3, 0.85), 1.0 + rng.exponential(4.0)
        if z < far - 0.5:
            things = (b.chair, b.carton, b.plant, b.lamp, b.body, b.rack, b.table)
            things[int(rng.integers(7))](x, 0.0, z, rng.uniform(0.6, 1.7))
    at = (rng.normal(0, 0.25) * half, rng.uniform(0.4, min(1.9, height - 0.3)), 0.0)
    return Camera(at, rng.normal(-0.05, 0.1), rng.normal(0, 0.2)), True


def kitchen(b: Builder) -> tuple[Camera, bool]:
    """Worktops along two walls, cupboards above, appliances and dishes on them."""
    rng = b.rng
    half, far, height = rng.uniform(1.0, 2.2), rng.uniform(1.5, 3.5), rng.uniform(2.3, 2.8)
    _shell(b, half, -2.5, far, height)
    top, deep = rng.uniform(0.75, 0.95), 0.3
    front, slab, upper = b.look(0.6, 0.7), b.look(0.6, 0.6), b.look(0.6, 0.7)
    side = rng.choice([-1.0, 1.0])
    runs = [((0.0, far - deep), (half, deep)), ((side * (half - deep), (far - 2.0) / 2), (deep, (far + 2.0) / 2))]
    for (x, z), (wide, long) in runs[: int(rng.integers(1, 3))]:
        b.part(BOX, (x, top / 2, z), (wide, top / 2, long), front)
        b.part(BOX, (x, top, z), (wide + 0.02, 0.02, long + 0.02), slab)
        if rng.random() < 0.7:
            inset = 0.5 * deep * np.array([side if long > wide else 0.0, 0.0 if long > wide else 1.0])
            half3 = (wide if wide > long else 0.16, 0.35, long if long >= wide else 0.16)
            b.part(BOX, (x + inset[0], top + 0.95, z + inset[1]), half3, upper)
    small = small_things(b)
    for _ in range(int(rng.integers(3, 14))):
        on_side = rng.random() < 0.5
        x = side * (half - rng.uniform(0.1, 0.5)) if on_side else rng.uniform(-0.9, 0.9) * half
        z = rng.uniform(0.3, far - 0.3) if on_side else far - rng.uniform(0.1, 0.5)
        if rng.random() < 0.4:
            b.box(x, top + 0.02, z, (rng.uniform(0.1, 0.28), rng.uniform(0.06, 0.2), rng.uniform(0.1, 0.2)))
        else:
            small[int(rng.integers(len(small)))](x, top + 0.02, z, rng.uniform(0.08, 0.3))
    if rng.random() < 0.4:
        tall = rng.uniform(1.4, 2.0)
        b.box(-side * (half - 0.35), 0.0, far - 0.35, (0.3, tall / 2, 0.33))
    if rng.random() < 0.3:
        b.table(rng.normal(0, 0.3), 0.0, rng.uniform(0.6, 1.4), rng.uniform(0.5, 0.9))
    at = (-side * rng.uniform(0.0, 0.6) * half, rng.uniform(1.0, 1.7), rng.uniform(-1.2, 0.2))
    return Camera(at, rng.normal(-0.15, 0.15), side * rng.uniform(0.0, 0.8)), True


def shelves(b: Builder) -> tuple[Camera, bool]:
    """Tall shelves full of goods, face on, in a row or on both sides of an aisle."""
    rng = b.rng
    aisle = rng.random() < 0.5
    far = rng.uniform(4.0, 14.0) if aisle else rng.uniform(0.8, 2.5)
    half = rng.uniform(0.8, 1.6) if aisle else rng.uniform(1.0, 3.0)
    _shell(b, half + 0.6, -2.5, far + 0.5, rng.uniform(2.5, 4.0))
    board, step, deep = b.look(0.8, 0.7), rng.uniform(0.3, 0.6), rng.uniform(0.15, 0.3)
    goods = [b.look(0.2, 0.2) for _ in range(int(rng.integers(4, 10)))]
    sides = [(-half - deep, np.pi / 2), (half + deep, np.pi / 2)] if aisle else [(0.0, 0.0)]
    for x, yaw in sides:
        long = far / 2 if aisle else half
        middle = np.array([x, 0.0, far / 2 if aisle else far + deep])
        rotation = turn(yaw)
        back = middle + rotation @ np.array([0, 0, deep if x >= 0 else -deep])
        b.part(BOX, back + (0, 1.2, 0), (long, 1.2, 0.02), board, rotation)
        for y in np.arange(0.1, 2.3, step):
            b.part(BOX, middle + (0, y, 0), (long, 0.015, deep), board, rotation)
            along = -long + 0.1
            while along < long - 0.1:
                wide, tall = rng.uniform(0.04, 0.22), rng.uniform(0.3, 0.9) * step
                if rng.random() < 0.85:
                    at = middle + rotation @ np.array([along + wide, 0, rng.uniform(-0.5, 0.2) * deep])
                    look = goods[int(rng.integers(len(goods)))]
                    kind = BOX if rng.random() < 0.7 else (CYLINDER, ELLIPSOID)[int(rng.integers(2))]
                    b.part(kind, at + (0, y + 0.015 + tall / 2, 0), (wide, tall / 2, 0.5 * deep), look, rotation)
                along += 2 * wide + rng.exponential(0.04 if not aisle else 0.12)
    for _ in range(int(rng.integers(0, 3))):
        z = rng.uniform(0.8, max(1.0, far - 0.6))
        (b.carton, b.body, b.chair)[int(rng.integers(3))](rng.normal(0, 0.3) * half, 0.0, z, rng.uniform(0.6, 1.6))
    at = (rng.normal(0, 0.2) * half, rng.uniform(0.8, 1.7), rng.uniform(-0.5, 0.2))
    return Camera(at, rng.normal(-0.05, 0.12), rng.normal(0, 0.12 if aisle else 0.45)), True
