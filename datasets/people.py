"""People and statues of many poses for the ray caster, and places where they stand, sit and reach out."""

from __future__ import annotations

import itertools

import numpy as np

from dofsim.datasets.foliage import stick
from dofsim.datasets.furnish import Builder, small_things
from dofsim.datasets.places import outdoors, stand_about, walls
from dofsim.datasets.raycast import BOX, ELLIPSOID, Camera, Vector, turn

Look = dict[str, object]


def _limb(b: Builder, points: list[Vector], thick: float, cloth: Look, skin: Look) -> None:
    """A chain of two bars with a round end: upper part, lower part, hand or foot."""
    for number, (start, end) in enumerate(itertools.pairwise(points)):
        wide = thick * (1.0 - 0.2 * number)
        stick(b, start, end, wide, cloth)
        b.part(ELLIPSOID, end, np.full(3, wide * 1.05), cloth)
    b.part(ELLIPSOID, points[-1], thick * np.array([0.95, 1.4, 0.8]), skin)


def _unit(way: Vector) -> Vector:
    return way / np.linalg.norm(way)


def person(b: Builder, x: float, y: float, z: float, height: float, facing: float, *, sits: bool = False) -> None:
    """A person or a statue whose feet (of one who sits: the seat) are at (x, y, z).

    Parameters
    ----------
    b : Builder
    x, y, z : float
        m.
    height : float
        Of the standing person, m.
    facing : float
        0 faces the camera at smaller z; radians about y.
    sits : bool
        Thighs forward and shanks down, on a block.
    """
    rng, h = b.rng, height
    shirt, trousers, hair = b.look(0.4, 0.5), b.look(0.4, 0.6), b.look(0.2, 0.6)
    skin = b.look(0.3, 1.0) | {"tint": np.array([1.0, 0.75, 0.6]) * rng.uniform(0.35, 1.3), "shine": 0.1}
    hair["tint"] = np.array([1.0, 0.8, 0.6]) * np.exp(rng.uniform(-2.5, 0.2))
    if rng.random() < 0.2:  # of stone or bronze
        shirt = trousers = skin = hair = b.look(0.5, 0.8)
    rotation, stout = turn(facing), rng.uniform(0.85, 1.3)
    hip = np.array([x, y + (0.06 if sits else 0.5) * h, z])

    def at(px: float, py: float, pz: float) -> Vector:
        found: Vector = hip + rotation @ (np.array([px, py, pz]) * h)
        return found

    lean = rng.normal(0, 0.04, 2)
    chest, neck = at(lean[0], 0.2, lean[1]), at(lean[0] * 1.4, 0.33, lean[1] * 1.4)
    b.part(ELLIPSOID, hip, np.array([0.1 * stout, 0.09, 0.075 * stout]) * h, trousers, rotation)
    b.part(ELLIPSOID, (hip + chest) / 2, np.array([0.09 * stout, 0.14, 0.065 * stout]) * h, shirt, rotation)
    b.part(ELLIPSOID, chest, np.array([0.105 * stout, 0.13, 0.07 * stout]) * h, shirt, rotation)
    b.part(ELLIPSOID, (chest + neck) / 2 + (0, 0.01 * h, 0), np.array([0.12, 0.055, 0.05]) * h, shirt, rotation)
    head = neck + np.array([0, 0.085, 0]) * h + rotation @ np.array([0, 0, -0.015]) * h
    stick(b, neck - (0, 0.03 * h, 0), head, 0.033 * h, skin)
    look = rotation @ turn(rng.normal(0, 0.4), rng.normal(0, 0.15))
    b.part(ELLIPSOID, head, np.array([0.046, 0.064, 0.055]) * h, skin, look)
    back = look @ np.array([0, 0.018, 0.012]) * h
    b.part(ELLIPSOID, head + back, np.array([0.052, 0.06, 0.056]) * h * rng.uniform(0.95, 1.15), hair, look)
    if rng.random() < 0.3:  # long hair
        b.part(ELLIPSOID, head + look @ np.array([0, -0.04, 0.035]) * h, np.array([0.055, 0.09, 0.03]) * h, hair, look)
    b.part(ELLIPSOID, head + look @ np.array([0, -0.005, -0.056]) * h, np.array([0.008, 0.014, 0.012]) * h, skin, look)
    dark = skin | {"tint": np.full(3, 0.1)}
    for side in (-1, 1):
        eye = head + look @ np.array([side * 0.019, 0.01, -0.049]) * h
        b.part(ELLIPSOID, eye, np.array([0.008, 0.005, 0.005]) * h, dark, look)
        shoulder = at(side * 0.115 * stout + lean[0], 0.29, lean[1])
        style = rng.random()
        if style < 0.5:  # hanging
            upper, lower = (side * 0.25, -1.0, rng.normal(0, 0.3)), (side * 0.1, -1.0, -rng.uniform(0, 0.9))
        elif style < 0.85:  # reaching forward, to the face, or holding something
            upper, lower = (side * 0.4, -rng.uniform(0.3, 1.0), -0.6), (-side * 0.4, rng.uniform(-0.4, 1.2), -1.0)
        else:  # raised
            upper, lower = (side * 0.8, rng.uniform(-0.2, 1.0), rng.normal(0, 0.4)), (rng.normal(0, 0.4), 1.0, -0.3)
        elbow = shoulder + rotation @ _unit(np.array(upper)) * 0.17 * h
        hand = elbow + rotation @ _unit(np.array(lower)) * 0.16 * h
        _limb(b, [shoulder, elbow, hand], 0.027 * h * stout, shirt if rng.random() < 0.7 else skin, skin)
        if style >= 0.5 and rng.random() < 0.35:
            small = small_things(b)
            small[int(rng.integers(len(small)))](hand[0], hand[1], hand[2] - 0.03, rng.uniform(0.08, 0.2))
        start = at(side * 0.055, -0.02, 0)
        knee_way = (side * 0.15, -0.1, -1.0) if sits else (side * 0.08, -1.0, rng.normal(0, 0.2))
        knee = start + rotation @ _unit(np.array(knee_way)) * 0.24 * h
        foot = knee + rotation @ _unit(np.array([side * 0.05, -1.0, abs(rng.normal(0, 0.15))])) * 0.23 * h
        _limb(b, [start, knee, foot], 0.045 * h * stout, trousers, skin)
    if sits:
        b.part(BOX, hip - (0, 0.27 * h, 0) + rotation @ np.array([0, 0, 0.02 * h]), (0.14 * h, 0.2 * h, 0.13 * h),
               b.look(0.6), rotation)  # fmt: skip


def people(b: Builder) -> tuple[Camera, bool]:
    """One to four people or statues near the camera, standing or sitting, some seen from behind or cut by the frame."""
    rng = b.rng
    indoor = rng.random() < 0.5
    if indoor:
        deep = rng.uniform(2.5, 8.0)
        walls(b, rng.uniform(1.5, 3.5), deep, rng.uniform(2.4, 3.2))
        things = (b.chair, b.sofa, b.table, b.plant, b.carton)
        stand_about(b, things, int(rng.integers(0, 5)), (2.0, deep), (0.6, 1.2))
    else:
        outdoors(b, 0.0, rng.uniform(3, 10))
    eye = rng.uniform(0.8, 1.7)
    for _ in range(int(rng.choice([1, 1, 2, 3, 4]))):
        z = rng.uniform(0.9, 3.5)
        facing = rng.normal(0, 0.6) + np.pi * (rng.random() < 0.25)
        sits = rng.random() < 0.3
        height = rng.uniform(1.4, 1.9)
        low = 0.43 * height if sits else 0.0
        if rng.random() < 0.4:  # at the height of the camera, which is how most people are photographed
            low = eye - height * (rng.uniform(0.25, 0.4) if sits else rng.uniform(0.75, 0.95))
        person(b, rng.normal(0, 0.3) * z, low, z, height, facing, sits=sits)
    if rng.random() < 0.2:  # over somebody's shoulder
        person(b, rng.choice([-1, 1]) * rng.uniform(0.2, 0.35), eye - 1.5, 0.55, 1.7, np.pi + rng.normal(0, 0.3))
    return Camera((0, eye, 0), rng.normal(-0.08, 0.1), rng.normal(0, 0.08)), indoor
