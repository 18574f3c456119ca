"""Ten kinds of test scenes for depth-of-field renderers, each drawn anew from a generator.

What they have in common: the camera stands at the origin and looks along z; something near, something in the middle
and a background that fills the picture, so that every pixel has a depth.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from dofsim.datasets import meshes, patterns
from dofsim.datasets.meshes import Mesh
from dofsim.datasets.raycast import turn
from dofsim.datasets.traced import Stage


@dataclass(eq=False)
class Setting:
    """A stage and the lenses to see it with.

    Attributes
    ----------
    stage : Stage
    fov : float
        Horizontal field of view, degrees.
    focus : (near, mid, far)
        Distances in focus, m.
    reach : (near, mid, far)
        Largest radius of the circle of confusion that each lens shall have, px.
    text : str
        What there is to see.
    """

    stage: Stage
    fov: float
    focus: tuple[float, float, float]
    reach: tuple[float, float, float]
    text: str


def _reach(rng: np.random.Generator) -> tuple[float, float, float]:
    return float(rng.uniform(18, 28)), float(rng.uniform(15, 26)), float(rng.uniform(28, 40))


def _day(rng: np.random.Generator, strength: float = 1.0) -> Stage:
    warm = rng.uniform(0, 0.3)
    sun = np.array([1.0, 1 - 0.4 * warm, 1 - warm]) * rng.uniform(2.0, 3.2) * strength
    ambient = np.array([0.85, 0.95, 1.1]) * rng.uniform(0.45, 0.6) * strength
    towards = (float(rng.uniform(-0.8, 0.8)), float(rng.uniform(0.6, 1.2)), float(rng.uniform(-1.0, -0.3)))
    return Stage(tuple(map(float, ambient)), [(towards, tuple(map(float, sun)))])  # type: ignore[arg-type,list-item]


def _backdrop(stage: Stage, rng: np.random.Generator, z: float, *, low: float = -0.1) -> None:
    """A sky that fills the picture at distance z."""
    stage.add(meshes.card().placed((0, (0.6 + low) * z, z), size=(z, 0.6 * z, 1)), glow=patterns.sky(rng))


def _ground(rng: np.random.Generator, y: float, far: float, tile: float) -> Mesh:
    plane = meshes.floor().repeated(2 * far / tile, far / tile)
    return plane.placed((rng.uniform(-1, 1) * tile, y, far / 2), size=(far, 1, far / 2))


def _rough(rng: np.random.Generator, tint: tuple[float, float, float]) -> patterns.Colour:
    """One colour in soft patches."""
    share = patterns.clouds(rng).mean(axis=2, keepdims=True)
    return np.clip(share / share.mean() * np.asarray(tint), 0.01, 0.9).astype(np.float32)


def _ball(rng: np.random.Generator, at: tuple[float, float, float], radius: float) -> Mesh:
    return meshes.ball().placed(at, turn(*rng.uniform(-np.pi, np.pi, 3)), radius)


def _ball_look(rng: np.random.Generator) -> patterns.Colour:
    styles = (
        patterns.swirl,
        patterns.swirl,
        patterns.rings,
        patterns.checks,
        patterns.checks,
        patterns.clouds,
        patterns.words,
    )
    return patterns.any_of(rng, *styles)


def _star(rng: np.random.Generator) -> Mesh:
    points = int(rng.integers(4, 10))
    angle = np.arange(2 * points) * np.pi / points + rng.uniform(0, np.pi)
    radius = np.where(np.arange(2 * points) % 2 == 0, 1.0, rng.uniform(0.35, 0.75)) * rng.uniform(0.85, 1, 2 * points)
    return meshes.polygon(np.stack((radius * np.cos(angle), radius * np.sin(angle)), axis=1))


def _pole(x: float, z: float, radius: float, low: float, high: float, lean: float = 0.0) -> Mesh:
    middle, half = (low + high) / 2, (high - low) / 2
    return meshes.tube().placed((x, middle, z), turn(0, 0, lean), (radius, half, radius))


def bokeh(rng: np.random.Generator) -> Setting:
    """A street at night with many small lights."""
    dim = rng.uniform(0.04, 0.07)
    stage = Stage((dim, dim, 1.4 * dim), [((rng.uniform(-1, 1), 1.0, -1.0), (0.2, 0.17, 0.12))])
    stage.add(_ground(rng, -1.4, 50, 6), _rough(rng, (0.25, 0.25, 0.27)))
    stage.add(meshes.card().placed((0, 10, 45), size=(40, 14, 1)), np.array([0.05, 0.05, 0.09]))
    for _ in range(int(rng.integers(5, 9))):
        z = rng.uniform(12, 38)
        half = (rng.uniform(0.9, 2.4), rng.uniform(3, 9), 2.0)
        house = meshes.box().repeated(2, 4).placed((rng.uniform(-0.5, 0.5) * z, half[1] - 1.4, z + 2), size=half)
        stage.add(house, patterns.bricks(rng) * 0.9)
    lights = int(rng.integers(80, 130))
    for _ in range(lights):
        z = rng.uniform(6, 38)
        at = (rng.uniform(-0.42, 0.42) * z, rng.uniform(-0.12, 0.28) * z, z)
        colour = patterns.paint(rng, 1, 1) if rng.random() < 0.55 else np.array([1.0, 0.85, 0.6])
        glow = colour * np.exp(rng.uniform(np.log(8), np.log(250)))
        stage.sparks.append((at, float(rng.uniform(0.0006, 0.0018) * z + 0.008), glow))
    side, near = rng.choice([-1, 1]), rng.uniform(1.3, 1.7)
    radius = rng.uniform(0.2, 0.32)
    place = (side * rng.uniform(0.1, 0.35), rng.uniform(-0.25, 0.05), near + radius)
    stage.add(_ball(rng, place, radius), patterns.checks(rng, 12))
    stage.add(_pole(-side * rng.uniform(0.3, 0.45) * near, near, rng.uniform(0.012, 0.025), -1.4, 2), (0.45, 0.45, 0.5))
    return Setting(
        stage,
        42 + rng.uniform(-4, 4),
        (near + 0.02, rng.uniform(3.5, 5), rng.uniform(20, 32)),
        _reach(rng),
        f"street at night, {lights} lights of radiance 8..250 at 6-38 m, ball and post near",
    )


def border(rng: np.random.Generator) -> Setting:
    """Bold stripes that run out of the picture; objects and a bright window across its borders."""
    stage = _day(rng)
    back, tilt, count = rng.uniform(5, 7), rng.uniform(-0.9, 0.9), rng.uniform(1.5, 3.0)
    v, u = np.mgrid[0:512, 0:512] / 512.0
    on = ((np.round(count * 4) * u + np.round(4 * count * tilt) * v) % 1 < 0.5)[..., None]
    wall = np.where(on, rng.uniform(0.75, 0.88), rng.uniform(0.02, 0.08)) * np.ones(3)
    stage.add(meshes.card().placed((0, 0, back), size=5.0), wall)
    at = (rng.uniform(-0.3, 0.15) * back * 0.8, rng.uniform(-0.1, 0.15) * back, back - 0.4)
    stage.add(meshes.card().placed(at, size=0.1 * back), patterns.photo(rng))
    side = rng.choice([-1, 1])
    half_width = 0.414 * back
    window = meshes.card().placed(
        (side * half_width, rng.uniform(-0.1, 0.1) * back, back - 0.02), size=(0.6, rng.uniform(0.5, 0.9), 1)
    )
    stage.add(window, glow=(3.0, 3.0, 3.0))
    z = rng.uniform(1.15, 1.4)
    post = meshes.box().placed((-side * 0.47 * z, 0, z + 0.08), turn(0.3, 0, rng.normal(0, 0.08)), (0.1, 2.0, 0.08))
    stage.add(post, patterns.words(rng))
    low = meshes.box().placed((0, -0.42 * 1.9, 1.9), turn(0, 0, rng.normal(0, 0.04)), (3, 0.2, 0.3))
    stage.add(low, patterns.clouds(rng))
    radius = rng.uniform(0.22, 0.32)
    stage.add(
        _ball(rng, (side * 0.4 * 2.4, rng.uniform(0.1, 0.6), 2.4 + radius), radius),
        patterns.any_of(rng, patterns.checks, patterns.swirl),
    )
    return Setting(
        stage,
        45,
        (z, 2.4, back),
        _reach(rng),
        "bold stripes out of the picture, objects across its left and lower border, bright window",
    )


def flat(rng: np.random.Generator) -> Setting:
    """One textured plane that faces the camera."""
    stage, z = _day(rng, 0.9), rng.uniform(2.2, 4.0)
    stage.add(
        meshes.card().placed((rng.uniform(-0.3, 0.3), 0, z), size=(1.2 * z, 0.9 * z, 1)), patterns.mosaic(rng, 6, 8)
    )
    return Setting(
        stage,
        45,
        (z * 0.7, z, z * 1.8),
        (float(rng.uniform(8, 16)), 0.0, float(rng.uniform(22, 34))),
        f"one plane with a texture at {z:.1f} m",
    )


def hair(rng: np.random.Generator) -> Setting:
    """Blades of grass before and around a ball, a hedge behind."""
    stage = _day(rng)
    ground, back = -rng.uniform(0.4, 0.6), rng.uniform(12, 18)
    stage.add(_ground(rng, ground, 20, 3), _rough(rng, (0.2, 0.3, 0.07)))
    stage.add(meshes.card().repeated(6, 2).placed((0, 4, back), size=(14, 6, 1)), _rough(rng, (0.45, 0.5, 0.25)))
    count = int(rng.integers(1200, 1900))
    z = 0.8 * (rng.uniform(5, 8) / 0.8) ** rng.random(count)
    x = rng.uniform(-0.62, 0.62, count) * (z + 0.2)
    t = np.linspace(0, 1, 8)
    tall = rng.uniform(0.18, 0.5, count) * rng.uniform(0.8, 1.2)
    bend, toward = rng.normal(0, 0.14, count), rng.normal(0, 0.1, count)
    paths = np.stack(
        (x[:, None] + bend[:, None] * t**2, ground + tall[:, None] * t, z[:, None] + toward[:, None] * t**2), -1
    )
    widths = rng.uniform(0.006, 0.014, count)[:, None] * (1 - 0.85 * t**1.5)
    strips = np.array([0.28, 0.45, 0.08]) * rng.uniform(0.5, 1.5, (1, count, 1)) * rng.uniform(0.8, 1.2, (1, count, 3))
    along = np.linspace(1.2, 0.4, 16)[:, None, None]
    stage.add(meshes.ribbons(paths, widths), np.clip(strips * along, 0.01, 0.9))
    middle, radius = rng.uniform(2.0, 2.6), rng.uniform(0.22, 0.3)
    stage.add(
        _ball(rng, (rng.uniform(-0.5, 0.5), ground + radius, middle + radius), radius),
        patterns.any_of(rng, patterns.rings, patterns.checks),
    )
    sign = meshes.card().placed((rng.uniform(-1.5, 1.5), rng.uniform(0.2, 0.9), rng.uniform(5, 8)), size=0.5)
    stage.add(sign, patterns.any_of(rng, patterns.checks, patterns.words, patterns.photo))
    return Setting(
        stage,
        46,
        (1.0, middle, back),
        _reach(rng),
        f"{count} blades of grass at 0.8-8 m, a ball, a hedge at {back:.0f} m",
    )


def layers(rng: np.random.Generator) -> Setting:
    """Star-shaped cut-outs at depths in geometric progression."""
    stage, count, far = _day(rng, 0.8), int(rng.integers(15, 22)), rng.uniform(16, 22)
    stage.add(meshes.card().placed((0, 0, far * 1.3), size=(0.75 * far, 0.56 * far, 1)), patterns.mosaic(rng, 6, 8))
    for z in np.geomspace(0.9, far, count):
        at = (rng.uniform(-0.42, 0.42) * z, rng.uniform(-0.32, 0.32) * z, z)
        size = rng.uniform(0.06, 0.13) * z * (1.2 if z > 2 else 0.8)
        tilt = turn(*rng.normal(0, 0.15, 2))
        look = patterns.any_of(rng, patterns.checks, patterns.stripes, patterns.clouds, patterns.words, patterns.bricks)
        stage.add(_star(rng).placed(at, tilt, size), look)
    return Setting(
        stage,
        50,
        (0.95, rng.uniform(3, 4), far),
        _reach(rng),
        f"{count} star-shaped cut-outs at geometric depths 0.9-{far:.0f} m",
    )


def _trees(stage: Stage, rng: np.random.Generator, ground: float, count: int) -> None:
    bark, crown = _rough(rng, (0.3, 0.18, 0.1)), _rough(rng, (0.2, 0.32, 0.07))
    for _ in range(count):
        z, tall = rng.uniform(7, 30), rng.uniform(3.5, 8)
        x = rng.uniform(-0.5, 0.5) * z
        stage.add(_pole(x, z, tall * 0.03, ground, ground + 0.75 * tall), bark)
        blobs = [
            meshes.ball(24, 48).placed(
                np.array([x, ground + 0.85 * tall, z]) + rng.normal(0, 0.12, 3) * tall,
                None,
                rng.uniform(0.1, 0.2) * tall,
            )
            for _ in range(5)
        ]
        stage.add(meshes.joined(blobs), crown)


def portrait(rng: np.random.Generator) -> Setting:
    """Head and shoulders with loose hair before a park with specks of sun."""
    stage, ground, z = _day(rng), -1.4, rng.uniform(1.25, 1.55)
    x, y = rng.uniform(-0.15, 0.15), rng.uniform(-0.02, 0.08)
    stage.add(_ground(rng, ground, 60, 5), _rough(rng, (0.25, 0.35, 0.1)))
    _backdrop(stage, rng, 40.0)
    _trees(stage, rng, ground, int(rng.integers(9, 16)))
    tone = rng.uniform(0.5, 1.3)
    skin = _rough(rng, (0.6 * tone, 0.38 * tone, 0.26 * tone))
    half = np.array([0.085, 0.12, 0.095]) * rng.uniform(0.92, 1.08, 3)
    stage.add(meshes.ball().placed((x, y, z), None, half), skin)
    stage.add(_pole(x, z + 0.01, 0.048, y - 0.22, y - 0.06), skin)
    eyes = [meshes.ball(12, 24).placed((x + s * 0.034, y + 0.02, z - 0.088), None, 0.011) for s in (-1, 1)]
    stage.add(meshes.joined(eyes), (0.02, 0.02, 0.02))
    shirt = meshes.ball().repeated(3, 2).placed((x, y - 0.33, z + 0.02), None, (0.25, 0.15, 0.13))
    stage.add(shirt, patterns.any_of(rng, patterns.checks, patterns.stripes, patterns.words))
    dark = np.array([0.16, 0.08, 0.03]) * rng.uniform(0.3, 2.5)
    cap = meshes.ball().placed((x, y + 0.025, z + 0.016), None, half * (1.06, 1.02, 1.02))
    stage.add(cap, dark)
    strands = int(rng.integers(320, 620))
    way = rng.normal(0, 1, (strands, 3))
    way[:, 1] = np.abs(way[:, 1]) * 0.8
    way[:, 2] = np.abs(way[:, 2]) * 0.5
    way /= np.linalg.norm(way, axis=1, keepdims=True)
    root = np.array([x, y + 0.03, z + 0.016]) + way * half
    t = np.linspace(0, 1, 10)[None, :, None]
    length = rng.uniform(0.05, 0.26, (strands, 1, 1))
    drop = np.array([0.0, -1.0, 0.0]) * rng.uniform(0.2, 1.0, (strands, 1, 1))
    curl = rng.normal(0, 0.35, (strands, 1, 3))
    paths = root[:, None] + length * (way[:, None] * t + drop * t**2 * 0.7 + curl * t**2 * 0.5)
    widths = rng.uniform(0.0006, 0.0013, (strands, 1)) * np.linspace(1, 0.5, 10)
    stage.add(
        meshes.ribbons(paths, widths),
        np.clip(dark * rng.uniform(0.6, 1.6, (1, strands, 1)), 0.005, 0.8) * np.ones((2, 1, 1)),
    )
    for _ in range(int(rng.integers(25, 60))):
        far = rng.uniform(7, 30)
        at = (rng.uniform(-0.36, 0.36) * far, rng.uniform(-0.02, 0.27) * far, far)
        glow = np.array([1.0, 0.95, 0.85]) * np.exp(rng.uniform(np.log(4), np.log(45)))
        stage.sparks.append((at, 0.0013 * far, glow))
    return Setting(
        stage,
        38 + rng.uniform(-2, 2),
        (z - 0.08, rng.uniform(5, 7), rng.uniform(20, 28)),
        _reach(rng),
        f"head and shoulders with {strands} loose hairs at {z:.1f} m, park with specks of sun at 7-30 m",
    )


def _books(
    stage: Stage, rng: np.random.Generator, corner: tuple[float, float, float], wide: float, shelves: int
) -> None:
    """Shelves along a side wall, full of books."""
    x, y, z = corner
    board = patterns.wood(rng)
    for k in range(shelves):
        stage.add(meshes.box().placed((x, y + 0.4 * k, z), None, (0.14, 0.015, wide)), board)
        at = -wide + 0.03
        while at < wide - 0.05:
            thick, tall = rng.uniform(0.012, 0.035), rng.uniform(0.18, 0.32)
            book = meshes.box().placed(
                (x, y + 0.4 * k + tall / 2 + 0.015, z + at + thick), None, (0.1, tall / 2, thick)
            )
            stage.add(book, patterns.paint(rng))
            at += 2 * thick + 0.004 + (0.15 if rng.random() < 0.08 else 0)


def _table(stage: Stage, rng: np.random.Generator, top: float, near: float, deep: float) -> None:
    look = patterns.wood(rng)
    stage.add(meshes.box().placed((0, top - 0.03, near + deep / 2), None, (0.95, 0.03, deep / 2)), look)
    for sx in (-0.88, 0.88):
        for sz in (0.08, deep - 0.08):
            stage.add(
                meshes.box().placed((sx, (top - 1.3) / 2, near + sz), None, (0.03, (top + 1.3) / 2 - 0.03, 0.03)), look
            )
    for _ in range(int(rng.integers(3, 6))):
        x, z = rng.uniform(-0.75, 0.75), near + rng.uniform(0.15, deep - 0.15)
        style, size = int(rng.integers(4)), rng.uniform(0.07, 0.14)
        if style == 0:
            stage.add(_ball(rng, (x, top + size, z), size), _ball_look(rng))
        elif style == 1:
            stage.add(_pole(x, z, size * 0.4, top, top + 3 * size), patterns.any_of(rng))
        elif style == 2:
            stage.add(
                meshes.box().placed((x, top + 0.03, z), turn(rng.uniform(0, 3)), (0.15, 0.03, 0.1)), patterns.words(rng)
            )
        else:
            vase = meshes.lathe([(0, 0), (0.4, 0), (0.4, 0), (0.7, 0.7), (0.3, 1.5), (0.4, 2)])
            stage.add(
                vase.placed((x, top, z), None, size * 1.3), patterns.any_of(rng, patterns.stripes, patterns.rings)
            )


def room(rng: np.random.Generator) -> Setting:
    """A room: table with things, chairs, shelf with books, bright window, pictures, a thin lamp stand."""
    stage = Stage(gather=False)
    low, high, back, half = -1.3, 1.3, rng.uniform(4.8, 5.6), rng.uniform(2.0, 2.5)
    behind = meshes.card().placed((0, 0, -0.9), turn(np.pi), (half, 1.3, 1))
    stage.add(behind, glow=np.array([1.0, 0.95, 0.9]) * rng.uniform(1.2, 1.9), lights=True)
    tone = rng.uniform(0.4, 0.7)
    plaster = 0.6 * tone + 0.4 * _rough(rng, (tone, tone, 0.95 * tone))
    stage.add(
        meshes.floor().repeated(3, 5).placed((0, low, 2.5), None, (half, 1, 3.5)),
        patterns.any_of(rng, patterns.wood, patterns.checks),
    )
    stage.add(meshes.floor().placed((0, high, 2.5), None, (half, 1, 3.5)), (0.7, 0.7, 0.7))
    stage.add(meshes.card().repeated(3, 2).placed((0, 0, back), None, (half, 1.3, 1)), plaster)
    side = rng.choice([-1, 1])
    for s in (-1, 1):
        wall = meshes.card().repeated(3, 2).placed((s * half, 0, 2.5), turn(np.pi / 2), (3.5, 1.3, 1))
        stage.add(wall, patterns.bricks(rng) if s == side else plaster)
    lamp = meshes.floor().placed((rng.uniform(-0.5, 0.5), high - 0.01, 1.5), turn(0, 0, np.pi), (0.7, 1, 0.7))
    stage.add(lamp, glow=np.array([1.0, 0.9, 0.75]) * rng.uniform(6, 11), lights=True)
    window = meshes.card().placed((side * rng.uniform(0.3, 1.1), 0.3, back - 0.02), None, (0.5, 0.5, 1))
    stage.add(window, glow=patterns.sky(rng, 2.1), lights=True)
    poster = meshes.card().placed((-side * rng.uniform(0.4, 0.9), rng.uniform(0.2, 0.5), back - 0.04), None, 0.35)
    stage.add(poster, patterns.photo(rng))
    _books(stage, rng, (-side * (half - 0.15), -0.6, 3.6), 1.1, int(rng.integers(3, 5)))
    top = rng.uniform(-0.62, -0.5)
    _table(stage, rng, top, 1.5, rng.uniform(1.0, 1.3))
    for _ in range(2):
        x, z = rng.uniform(-1.2, 1.2), rng.uniform(3.0, 4.2)
        stage.add(
            meshes.box().placed((x, -0.35, z), turn(rng.normal(0, 0.3)), (0.22, 0.45, 0.025)), patterns.stripes(rng)
        )
        stage.add(meshes.box().placed((x, -0.85, z - 0.2), None, (0.22, 0.02, 0.22)), patterns.wood(rng))
    stage.add(_pole(side * rng.uniform(0.45, 0.75), 1.55, 0.012, top, 0.7), patterns.paint(rng, 0.4, 0.8))
    return Setting(
        stage,
        58,
        (1.6, rng.uniform(2.4, 2.8), back - 0.1),
        (rng.uniform(15, 20), rng.uniform(12, 16), rng.uniform(22, 28)),
        "room: table with things, chairs, shelf with books, window, picture",
    )


def slant(rng: np.random.Generator) -> Setting:
    """A ground that runs from the near to the far, with three balls."""
    stage, ground = _day(rng), -rng.uniform(0.45, 0.7)
    stage.add(_ground(rng, ground, 62, rng.uniform(1.5, 3.0)), patterns.checks(rng, 4))
    _backdrop(stage, rng, 62.0)
    for z in (rng.uniform(1.1, 1.3), rng.uniform(2.4, 3.2), rng.uniform(3.6, 6)):
        radius = rng.uniform(0.22, 0.38) * (0.8 if z < 1.5 else 1.3)
        at = (rng.uniform(-0.4, 0.4) * z, ground + radius * rng.uniform(0.9, 1.8), z + radius)
        stage.add(_ball(rng, at, radius), _ball_look(rng))
    return Setting(
        stage,
        50,
        (1.1, rng.uniform(2.4, 3), rng.uniform(15, 25)),
        _reach(rng),
        "ground with a pattern from near to 62 m with three balls",
    )


def spheres(rng: np.random.Generator) -> Setting:
    """Many balls with textures on a tiled floor."""
    stage, count = _day(rng), int(rng.integers(35, 55))
    stage.add(_ground(rng, -0.6, 30, rng.uniform(1.5, 3)), patterns.any_of(rng, patterns.checks, patterns.bricks))
    _backdrop(stage, rng, 30.0)
    for z in np.geomspace(1.1, 12, count):
        radius = rng.uniform(0.1, 0.18) * (1 + 0.08 * z)
        x = rng.uniform(-0.5, 0.5) * z
        y = -0.6 + radius if rng.random() < 0.75 else rng.uniform(-0.3, 0.18 * z)
        stage.add(_ball(rng, (x, y, z + radius), radius), _ball_look(rng))
    return Setting(
        stage,
        48,
        (1.1, rng.uniform(2.5, 3.5), 12.0),
        _reach(rng),
        f"{count} balls with textures at 1.1-12 m on a tiled floor",
    )


def thin_fg(rng: np.random.Generator) -> Setting:
    """Thin poles, a cable and a plate near, before a wall with posters."""
    stage, back = _day(rng), rng.uniform(9, 13)
    stage.add(meshes.card().repeated(6, 3).placed((0, 2.5, back), None, (10, 5, 1)), patterns.bricks(rng))
    stage.add(_ground(rng, -1.5, back + 1, 3), _rough(rng, (0.45, 0.43, 0.4)))
    for _ in range(3):
        at = (rng.uniform(-0.35, 0.35) * back, rng.uniform(-0.02, 0.2) * back, back - rng.uniform(0.05, 0.2))
        poster = meshes.card().placed(at, None, (rng.uniform(1.0, 1.8), rng.uniform(0.9, 1.4), 1))
        stage.add(poster, patterns.any_of(rng, patterns.photo, patterns.photo, patterns.words))
    count = int(rng.integers(4, 7))
    for k in range(count):
        z = rng.uniform(1.2, 2.2)
        x = (-0.36 + 0.72 * (k + rng.uniform(0.2, 0.8)) / count) * z
        stage.add(
            _pole(x, z, rng.choice([0.006, 0.01, 0.018, 0.03]), -1.5, 2.5, rng.normal(0, 0.02)), patterns.paint(rng)
        )
    z, t = rng.uniform(1.3, 1.8), np.linspace(-1, 1, 40)
    sag = rng.uniform(0.3, 0.4) * z + 0.1 * t**2 + rng.normal(0, 0.04) * t
    cable = np.stack((1.2 * t, sag, np.full(40, z)), axis=-1)[None]
    stage.add(meshes.ribbons(cable, np.full((1, 40), rng.uniform(0.006, 0.014))), (0.03, 0.03, 0.03))
    z = rng.uniform(1.4, 2.0)
    plate = meshes.card().placed(
        (rng.uniform(-0.3, 0.3) * z, rng.uniform(-0.05, 0.2) * z, z), turn(rng.normal(0, 0.3)), (0.16, 0.1, 1)
    )
    stage.add(plate, patterns.words(rng))
    return Setting(
        stage,
        48,
        (1.5, rng.uniform(2.8, 3.6), back),
        _reach(rng),
        f"{count} thin poles, cable and plate at 1.2-2.2 m before a wall with posters at {back:.0f} m",
    )


#: Makers of settings by the name of their class.
CLASSES: dict[str, Callable[[np.random.Generator], Setting]] = {
    "bokeh": bokeh,
    "border": border,
    "flat": flat,
    "hair": hair,
    "layers": layers,
    "portrait": portrait,
    "room": room,
    "slant": slant,
    "spheres": spheres,
    "thin_fg": thin_fg,
}
