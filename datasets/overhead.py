"""Arrangements where the bottom of the picture is not the near side: seen from straight above, or under any roll."""

from __future__ import annotations

import numpy as np

from dofsim.datasets.foliage import stick
from dofsim.datasets.furnish import Builder, small_things
from dofsim.datasets.raycast import BOX, CYLINDER, ELLIPSOID, Camera, turn


def tabletop(b: Builder) -> tuple[Camera, bool]:
    """A table or a floor with things and hands on it, from steeply above, the camera turned anyhow."""
    rng = b.rng
    wide, deep = rng.uniform(0.3, 0.9), rng.uniform(0.25, 0.7)
    top = b.look(0.8, 0.6)
    if rng.random() < 0.4:
        top |= {"tint": np.full(3, rng.uniform(0.8, 1.6))}
    b.part(BOX, (0, -0.02, 0), (wide, 0.02, deep), top, turn(rng.normal(0, 0.3)))
    b.part(BOX, (0, -rng.uniform(0.05, 0.8), 0), (9, 0.02, 9), b.look(1.5, 0.7))
    for _ in range(int(rng.integers(0, 4))):  # chairs, bags and boxes around it
        way = rng.uniform(-np.pi, np.pi)
        thing = (b.chair, b.carton, b.sofa)[int(rng.integers(3))]
        thing(np.cos(way) * (wide + 0.4), -0.7, np.sin(way) * (deep + 0.4), rng.uniform(0.5, 1.0))
    small = [*small_things(b), b.toy, b.plant]
    spread, size = rng.uniform(0.3, 0.9), rng.uniform(0.05, 0.2)
    for _ in range(int(rng.integers(1, 22))):
        x, z = rng.normal(0, 0.5) * wide * spread, rng.normal(0, 0.5) * deep * spread
        half = size * rng.uniform(0.5, 1.4)
        style = rng.random()
        if style < 0.5:
            small[int(rng.integers(len(small)))](x, 0.0, z, half)
        elif style < 0.7:  # lying bottles, tubes, tools
            way, long = rng.uniform(-np.pi, np.pi), half * rng.uniform(0.5, 1.6)
            along = np.array([np.cos(way), 0, np.sin(way)]) * long
            thick = half * rng.uniform(0.08, 0.4)
            stick(b, np.array([x, thick, z]) - along, np.array([x, thick, z]) + along, thick, b.look(half))
        elif style < 0.85:  # sheets, books, phones, plates
            flat = (half * rng.uniform(0.5, 1.2), 0.002 + rng.exponential(0.01), half * rng.uniform(0.5, 1.2))
            kind = BOX if rng.random() < 0.7 else CYLINDER
            b.part(kind, (x, flat[1], z), flat, b.look(half), turn(rng.uniform(-3, 3)))
        else:
            kind = int(rng.choice([BOX, ELLIPSOID, CYLINDER]))
            b.part(
                kind, (x, half * 0.4, z), half * rng.uniform(0.2, 0.7, 3), b.look(half), turn(*rng.uniform(-3, 3, 3))
            )
    skin = b.look(0.3, 1.0) | {"tint": np.array([1.0, 0.75, 0.6]) * rng.uniform(0.35, 1.3)}
    sleeve = b.look(0.4, 0.6)
    for _ in range(int(rng.choice([0, 0, 1, 2]))):  # arms that reach in
        way = rng.uniform(-np.pi, np.pi)
        hand = np.array([rng.normal(0, 0.3) * wide, rng.uniform(0.03, 0.2), rng.normal(0, 0.3) * deep])
        elbow = hand + (0.28 * np.cos(way), rng.uniform(0.02, 0.25), 0.28 * np.sin(way))
        stick(b, hand, elbow, 0.032, skin if rng.random() < 0.5 else sleeve)
        stick(b, elbow, elbow + (0.3 * np.cos(way), rng.uniform(-0.1, 0.3), 0.3 * np.sin(way)), 0.045, sleeve)
        for finger in np.linspace(-0.5, 0.5, 4):
            tip = hand - (0.09 * np.cos(way + finger), rng.uniform(0.0, 0.03), 0.09 * np.sin(way + finger))
            stick(b, hand, tip, 0.01, skin)
        b.part(ELLIPSOID, hand, (0.045, 0.025, 0.045), skin)
    pitch, eye = -rng.uniform(0.75, 1.57), rng.uniform(0.3, 1.3)
    at = (rng.normal(0, 0.1), eye, -eye / np.tan(-pitch) + rng.normal(0, 0.05))
    roll = rng.uniform(-np.pi, np.pi) if rng.random() < 0.6 else rng.normal(0, 0.2)
    return Camera(at, pitch + rng.normal(0, 0.08), 0.0, roll), True


def tub(b: Builder) -> tuple[Camera, bool]:
    """A tub, a drawer, a basket or a carton with things in it, from above, the camera turned anyhow."""
    rng = b.rng
    b.part(BOX, (0, -0.02, 0), (5, 0.02, 5), b.look(1.5, 0.7))
    wide, deep, tall = rng.uniform(0.12, 0.5), rng.uniform(0.12, 0.4), rng.uniform(0.08, 0.5)
    side = b.look(0.5, 0.7)
    if rng.random() < 0.4:
        side |= {"tint": np.full(3, rng.uniform(0.8, 1.6))}
    flare, thick = rng.uniform(0.0, 0.35), rng.uniform(0.004, 0.02)
    for way, (along, across) in enumerate(((wide, deep), (deep, wide)) * 2):
        rotation = turn(way * np.pi / 2)
        at = rotation @ np.array([0, tall / 2, across + flare * tall / 2])
        b.part(BOX, at, (along + flare * tall, tall / 2 * np.hypot(1, flare), thick), side, rotation @ turn(0, flare))
    b.part(BOX, (0, 0.006, 0), (wide, 0.006, deep), side if rng.random() < 0.7 else b.look(0.5))
    looks = [b.look(0.2) for _ in range(int(rng.integers(2, 12)))]
    kinds = [BOX, ELLIPSOID, CYLINDER][: int(rng.integers(1, 4))]
    size = rng.uniform(0.15, 0.6) * min(wide, deep)
    for _ in range(int(rng.integers(1, 30))):
        x, y, z = rng.uniform(-0.85, 0.85) * wide, size * 0.3 + rng.uniform(0, 0.35) * tall, rng.uniform(-0.85, 0.85)
        half = size * rng.uniform(0.25, 0.8, 3)
        b.part(
            int(rng.choice(kinds)),
            (x, y, z * deep),
            half,
            looks[int(rng.integers(len(looks)))],
            turn(*rng.uniform(-3, 3, 3)),
        )
    for _ in range(int(rng.integers(0, 5))):  # beside it
        x, z = rng.choice([-1, 1]) * (wide + rng.uniform(0.1, 0.5)), rng.normal(0, 0.3)
        b.box(x, 0.0, z, (0.1, rng.uniform(0.02, 0.3), 0.1))
    pitch, away = -rng.uniform(0.8, 1.57), max(wide, deep) * rng.uniform(1.3, 3.0) + tall
    x, z = rng.normal(0, 0.2) * wide, -away * np.cos(pitch) + rng.normal(0, 0.2) * deep
    roll = rng.uniform(-np.pi, np.pi) if rng.random() < 0.6 else rng.normal(0, 0.2)
    return Camera((x, tall / 2 - away * np.sin(pitch), z), pitch + rng.normal(0, 0.08), 0.0, roll), True
