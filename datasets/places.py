"""Places: rooms, tables, streets, parks and portraits for the ray caster, with the camera that looks at them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from dofsim.datasets.furnish import Builder, small_things
from dofsim.datasets.raycast import BOX, ELLIPSOID, GROUND, Camera, turn


def walls(b: Builder, half_width: float, depth: float, height: float, *, ceiling: bool = True) -> None:
    """Floor, back wall, side walls and ceiling as thin boxes around a space that begins behind the camera."""
    b.part(BOX, (0, -0.05, depth / 2 - 2), (half_width, 0.05, depth / 2 + 2), b.look(2.0, 0.75))
    wall = b.look(2.0, 0.75)
    b.part(
        BOX, (0, height / 2, depth), (half_width, height / 2, 0.05), b.look(2.0, 0.75) if b.rng.random() < 0.4 else wall
    )
    for side in (-1, 1):
        if b.rng.random() < 0.85:
            b.part(BOX, (side * half_width, height / 2, depth / 2 - 2), (0.05, height / 2, depth / 2 + 2), wall)
    if ceiling:
        b.part(BOX, (0, height + 0.05, depth / 2 - 2), (half_width, 0.05, depth / 2 + 2), b.look(2.0, 0.75))
    for _ in range(int(b.rng.integers(0, 4))):
        b.picture(
            b.rng.uniform(-0.8, 0.8) * half_width,
            b.rng.uniform(0.3, 0.8) * height,
            depth - 0.07,
            b.rng.uniform(0.2, 0.9),
        )
    for _ in range(int(b.rng.integers(0, 3))):
        side = b.rng.choice([-1.0, 1.0])
        b.picture(
            side * (half_width - 0.07), b.rng.uniform(0.3, 0.8) * height, b.rng.uniform(0.3, 0.9) * depth,
            b.rng.uniform(0.2, 0.8), yaw=np.pi / 2,
        )  # fmt: skip


def stand_about(
    b: Builder,
    things: Sequence[Callable[[float, float, float, float], object]],
    count: int,
    reach: tuple[float, float],
    size: tuple[float, float],
) -> None:
    """So many of these things on the floor y = 0, at random distances and in random sizes, m."""
    for _ in range(count):
        thing = things[int(b.rng.integers(len(things)))]
        thing(b.rng.normal(0, 1.0), 0.0, b.rng.uniform(*reach), b.rng.uniform(*size))


def room(b: Builder) -> tuple[Camera, bool]:
    """A furnished room."""
    rng = b.rng
    half_width, depth, height = rng.uniform(0.8, 3.5), rng.uniform(1.8, 8.0), rng.uniform(2.3, 3.4)
    walls(b, half_width, depth, height)
    things = (b.table, b.chair, b.chair, b.sofa, b.shelf, b.carton, b.lamp, b.plant, b.rack)
    for _ in range(int(rng.integers(4, 13))):
        thing = things[int(rng.integers(len(things)))]
        x, z = rng.uniform(-0.85, 0.85) * half_width, rng.uniform(0.9, max(1.0, depth - 0.4))
        if thing == b.table:
            top = b.table(x, 0.0, z, rng.uniform(0.6, 1.2))
            for _ in range(int(rng.integers(0, 4))):
                small = small_things(b)
                small[int(rng.integers(len(small)))](
                    x + rng.normal(0, 0.2), top, z + rng.normal(0, 0.15), rng.uniform(0.08, 0.25)
                )
        elif thing == b.shelf:
            b.shelf(x, 0.0, depth - 0.25, rng.uniform(1.0, 2.2))
        elif thing == b.lamp:
            b.lamp(x, 0.0, z, rng.uniform(0.8, 1.9))
        else:
            thing(x, 0.0, z, rng.uniform(0.5, 1.1))
    for _ in range(int(rng.integers(0, 6))):  # what lies about
        small = small_things(b)
        x, z = rng.uniform(-0.85, 0.85) * half_width, rng.uniform(0.5, max(0.6, depth - 0.3))
        small[int(rng.integers(len(small)))](x, 0.0, z, rng.uniform(0.08, 0.4))
    for _ in range(int(rng.integers(0, 3))):
        if rng.random() < 0.3:
            b.cutout(rng.uniform(-0.7, 0.7) * half_width, 0.0, rng.uniform(1.4, depth - 0.2), rng.uniform(1.4, 1.9))
        else:
            b.body(rng.uniform(-0.7, 0.7) * half_width, 0.0, rng.uniform(1.4, depth - 0.2), rng.uniform(1.3, 1.9))
    eye = rng.uniform(0.7, min(1.8, height - 0.4))
    return Camera((rng.normal(0, 0.3), eye, rng.uniform(-1.5, 0.2)), rng.normal(-0.18, 0.15), rng.normal(0, 0.25)), True


def table(b: Builder) -> tuple[Camera, bool]:
    """A table with things on it, indoors or out."""
    rng = b.rng
    wide, deep = rng.uniform(0.4, 1.5), rng.uniform(0.4, 1.6)
    b.part(BOX, (0, -0.02, deep), (wide, 0.02, deep), b.look(1.0, 0.6))
    indoor = rng.random() < 0.8
    if indoor:
        floor, back = -rng.uniform(0.5, 0.9), deep * 2 + rng.uniform(0.02, 4.0)
        b.part(BOX, (0, floor, back / 2), (6.0, 0.02, back / 2 + 3), b.look(2.0, 0.7))
        b.part(BOX, (0, 1.0, back), (6.0, 2.5, 0.03), b.look(2.0, 0.7), turn(rng.normal(0, 0.2)))
        for _ in range(int(rng.integers(0, 4))):
            b.picture(rng.normal(0, 1.0), rng.uniform(0.0, 1.2), back - 0.3, rng.uniform(0.2, 0.8), rng.normal(0, 0.2))
        for _ in range(int(rng.integers(0, 4))):
            thing = (b.chair, b.sofa, b.plant, b.carton)[int(rng.integers(4))]
            if back > 2 * deep + 0.8:
                thing(rng.normal(0, 1.2), floor, rng.uniform(2 * deep + 0.3, back - 0.2), rng.uniform(0.5, 1.2))
    else:
        outdoors(b, -0.7, rng.uniform(3, 8))
    small = small_things(b)
    for _ in range(int(rng.integers(1, 13))):
        size = rng.uniform(0.06, 0.3)
        z = rng.uniform(0.12, 1.9) * deep
        small[int(rng.integers(len(small)))](rng.uniform(-0.8, 0.8) * wide, 0.0, z, size)
    eye = rng.uniform(0.12, 0.8)
    back_off = rng.uniform(0.05, 0.7)
    aim = np.arctan2(-eye + 0.08, back_off + deep * rng.uniform(0.4, 1.2))
    return Camera((rng.normal(0, 0.15), eye, -back_off), aim + rng.normal(0, 0.08), rng.normal(0, 0.15)), indoor


def outdoors(b: Builder, ground: float, start: float) -> None:
    """Ground, trees, bushes, hills and houses from ``start`` m on."""
    rng = b.rng
    grass = b.look(2.0, 0.5)
    if rng.random() < 0.5:
        grass["tint"] = np.array([0.5, 0.85, 0.35]) * rng.uniform(0.5, 1.2)
    b.part(GROUND, (0, ground, 0), (1, 1, 1), grass)
    for _ in range(int(rng.integers(0, 9))):
        z = start + rng.exponential(9.0)
        b.tree(rng.normal(0, 0.45) * (z + 3), ground, z, rng.uniform(2.0, 9.0))
    for _ in range(int(rng.integers(0, 5))):
        z = start + rng.exponential(12.0)
        half = (rng.uniform(2, 6), rng.uniform(1.5, 6), rng.uniform(1, 5))
        b.box(rng.normal(0, 0.7) * (z + 8), ground, z + 6, half, rng.normal(0, 0.4))
    for _ in range(int(rng.integers(0, 3))):
        z = rng.uniform(60, 300)
        b.part(ELLIPSOID, (rng.normal(0, 80), ground, z), (z * 0.5, z * rng.uniform(0.05, 0.25), z * 0.3), b.look(20.0))
    for _ in range(int(rng.integers(0, 4))):
        z = 0.5 * start + rng.exponential(3.0)
        thing = (b.bush, b.bush, b.tuft)[int(rng.integers(3))]
        thing(rng.normal(0, 0.5) * (z + 1), ground, z, rng.uniform(0.3, 1.4))
    for _ in range(int(rng.integers(0, 3))):
        z = start + rng.exponential(5.0)
        leaf = b.look(0.5)
        leaf["tint"] = np.array([0.5, 0.9, 0.4]) * rng.uniform(0.4, 1.1)
        half3 = rng.uniform(0.3, 1.2, 3)
        b.part(ELLIPSOID, (rng.normal(0, 0.5) * (z + 2), ground + half3[1] * 0.6, z), half3, leaf)


def street(b: Builder) -> tuple[Camera, bool]:
    """A street with houses, cars, lamps and people."""
    rng = b.rng
    b.part(GROUND, (0, 0, 0), (1, 1, 1), b.look(3.0, 0.7))
    road, shift = rng.uniform(2.5, 8.0), rng.uniform(-2.0, 2.0)
    for side in (-1, 1):
        z = rng.uniform(-4, 4)
        b.part(BOX, (shift + side * (road + 1.5), 0.07, 60), (1.5, 0.07, 70), b.look(1.5))
        while z < 70:
            long, high = rng.uniform(3, 10), rng.uniform(2.5, 12)
            if rng.random() < 0.85:
                b.box(shift + side * (road + 3 + 4), 0.0, z + long, (4.0, high / 2, long * 0.97))
            z += 2 * long + (rng.uniform(1, 8) if rng.random() < 0.3 else 0)
        for z in np.arange(rng.uniform(2, 9), 60, rng.uniform(6, 15)):
            if rng.random() < 0.7:
                (b.lamp if rng.random() < 0.6 else b.tree)(
                    shift + side * (road + 0.6), 0.0, float(z), rng.uniform(2.5, 6)
                )
        for z in np.arange(rng.uniform(4, 12), 50, 6.5):
            if rng.random() < 0.4:
                b.car(shift + side * (road - 1.1), 0.0, float(z), rng.normal(0, 0.03))
    for _ in range(int(rng.integers(0, 5))):
        z = 1.8 + rng.exponential(6.0)
        x = rng.normal(0, 0.4) * (z + 1)
        if rng.random() < 0.3:
            b.cutout(x, 0.0, z, rng.uniform(1.5, 1.9))
        else:
            b.body(x, 0.0, z, rng.uniform(1.5, 1.9))
    return Camera((0, rng.uniform(0.5, 1.8), 0), rng.normal(-0.03, 0.08), rng.normal(0, 0.3)), False


def _verge(b: Builder, edge: float, side: float) -> None:
    """A wall, a hedge or a fence along x = ``edge``, and trees, lamps or bushes in a row beyond it."""
    rng = b.rng
    style = rng.random()
    if style < 0.3:
        tall = rng.uniform(0.4, 3.0)
        b.part(BOX, (edge + side * 0.3, tall / 2, 60), (0.3, tall / 2, 70), b.look(1.0, 0.3))
    elif style < 0.5:
        tall = rng.uniform(0.5, 1.5)
        for rail in (0.4, 0.9):
            b.part(BOX, (edge, tall * rail, 40), (0.02, 0.03, 50), b.look(0.5))
        for z in np.arange(0.5, 30, rng.uniform(1.0, 2.5)):
            b.box(edge, 0.0, float(z), (0.04, tall / 2, 0.04))
    step, tall = rng.uniform(3, 12), rng.uniform(2.5, 8)
    thing = (b.tree, b.lamp, b.lamp, b.bush)[int(rng.integers(4))]
    for z in np.arange(rng.uniform(1, step), 45, step):
        thing(edge + side * rng.uniform(0.2, 1.0), 0.0, float(z), tall if thing != b.bush else 0.3 * tall)


def road(b: Builder) -> tuple[Camera, bool]:
    """A straight road or path that runs to the horizon between walls, hedges, fences, posts and parked cars."""
    rng = b.rng
    b.part(GROUND, (0, -0.02, 0), (1, 1, 1), b.look(3.0, 0.7))
    half, shift = rng.uniform(1.0, 6.0), rng.normal(0, 0.8)
    b.part(BOX, (shift, -0.01, 90), (half, 0.01, 100), b.look(2.0, 0.85))
    if rng.random() < 0.5:
        line = b.look(1.0, 1.0) | {"tint": np.full(3, 2.0)}
        for z in np.arange(rng.uniform(0, 3), 50, rng.uniform(2.5, 6)):
            b.part(BOX, (shift, 0.003, float(z)), (0.07, 0.003, rng.uniform(0.6, 1.2)), line)
        for side in (-0.93, 0.93):
            b.part(BOX, (shift + side * half, 0.003, 90), (0.06, 0.003, 100), line)
    for side in (-1.0, 1.0):
        edge = shift + side * (half + rng.uniform(0.1, 2.0))
        _verge(b, edge, side)
        if rng.random() < 0.5:
            for z in np.arange(rng.uniform(2, 9), 50, rng.uniform(5.2, 8)):
                if rng.random() < 0.7:
                    b.car(shift + side * (half - 0.95), 0.0, float(z), rng.normal(0, 0.03))
        for _ in range(int(rng.integers(0, 5))):
            z, deep = rng.uniform(4, 60), rng.uniform(2, 5)
            b.box(edge + side * (deep + rng.uniform(2, 8)), 0.0, z, (deep, rng.uniform(1.5, 8), rng.uniform(2, 8)))
    for _ in range(int(rng.integers(0, 4))):
        b.body(rng.uniform(-1, 1) * half + shift, 0.0, 3 + rng.exponential(8.0), rng.uniform(1.5, 1.9))
    at = (rng.normal(0, 0.2) * half, rng.uniform(0.8, 2.0), 0.0)
    return Camera(at, rng.normal(-0.06, 0.07), rng.normal(0, 0.12)), False


def park(b: Builder) -> tuple[Camera, bool]:
    """A lawn with trees, people and things."""
    rng = b.rng
    outdoors(b, 0.0, rng.uniform(2, 8))
    for _ in range(int(rng.integers(1, 7))):
        z = 0.8 + rng.exponential(3.0)
        x = rng.normal(0, 0.4) * (z + 0.4)
        thing = int(rng.integers(0, 6))
        if thing == 0:
            b.body(x, 0.0, z + 1, rng.uniform(1.2, 1.9))
        elif thing == 1:
            b.cutout(x, 0.0, z + 1, rng.uniform(0.8, 1.9))
        elif thing == 2:
            (b.plant if rng.random() < 0.5 else b.bush)(x, 0.0, z, rng.uniform(0.3, 1.0))
        elif thing == 3:
            b.table(x, 0.0, z + 0.8, rng.uniform(0.7, 1.4))
        elif thing == 4:
            b.lamp(x, 0.0, z + 0.5, rng.uniform(0.6, 3.0))
        else:
            b.ball(x, 0.0, z, rng.uniform(0.2, 1.0))
    return Camera((0, rng.uniform(0.3, 1.8), 0), rng.normal(-0.08, 0.12), 0.0), False


def portrait(b: Builder) -> tuple[Camera, bool]:
    """One to three people near the camera, as cut-outs or bodies."""
    rng = b.rng
    indoor = rng.random() < 0.5
    if indoor:
        walls(b, rng.uniform(1.5, 3.5), rng.uniform(2.5, 8.0), rng.uniform(2.4, 3.2))
        stand_about(b, (b.chair, b.sofa, b.table, b.plant), int(rng.integers(1, 5)), (2.2, 5.0), (0.6, 1.2))
    else:
        outdoors(b, 0.0, rng.uniform(3, 10))
    eye = rng.uniform(1.1, 1.7)
    pitch = 0.0
    for _ in range(int(rng.choice([1, 1, 1, 2, 3]))):
        z = rng.uniform(0.7, 2.2)
        x = rng.normal(0, 0.22) * z
        style = rng.random()
        if style < 0.4:
            height = z * rng.uniform(0.75, 1.2)  # a bust is cut off by the frame's lower edge
            if b.cutout(x, eye - z * 0.48 - rng.uniform(0, 0.1), z, height, whole=False, facing=rng.normal(0, 0.15)):
                continue
        if style < 0.5:
            b.cutout(x, 0.0, z + 0.8, rng.uniform(1.5, 1.9), facing=rng.normal(0, 0.15))
        else:
            b.body(x, 0.0, z + 0.2, eye + rng.uniform(0.0, 0.25))
            pitch = -0.1
    return Camera((0, eye, 0), pitch + rng.normal(0.0, 0.06), rng.normal(0, 0.05)), indoor
