"""Test scenes that look like places: a street at night, a lawn, a portrait in a park, a room."""

from __future__ import annotations

import numpy as np

from dofsim.datasets import meshes, patterns
from dofsim.datasets.raycast import turn
from dofsim.datasets.traced import Stage
from dofsim.datasets.truth_parts import (
    Setting,
    add_sky,
    ball_look,
    daylight,
    ground_plane,
    pole,
    random_reach,
    rough,
    turned_ball,
)


def _trees(stage: Stage, rng: np.random.Generator, ground: float, count: int) -> None:
    bark, crown = rough(rng, (0.3, 0.18, 0.1)), rough(rng, (0.2, 0.32, 0.07))
    for _ in range(count):
        z, tall = rng.uniform(7, 30), rng.uniform(3.5, 8)
        x = rng.uniform(-0.5, 0.5) * z
        stage.add(pole(x, z, tall * 0.03, ground, ground + 0.75 * tall), bark)
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
    stage, ground, z = daylight(rng), -1.4, rng.uniform(1.25, 1.55)
    x, y = rng.uniform(-0.15, 0.15), rng.uniform(-0.02, 0.08)
    stage.add(ground_plane(rng, ground, 60, 5), rough(rng, (0.25, 0.35, 0.1)))
    add_sky(stage, rng, 40.0)
    _trees(stage, rng, ground, int(rng.integers(9, 16)))
    tone = rng.uniform(0.5, 1.3)
    skin = rough(rng, (0.6 * tone, 0.38 * tone, 0.26 * tone))
    half = np.array([0.085, 0.12, 0.095]) * rng.uniform(0.92, 1.08, 3)
    stage.add(meshes.ball().placed((x, y, z), None, half), skin)
    stage.add(pole(x, z + 0.01, 0.048, y - 0.22, y - 0.06), skin)
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
        random_reach(rng),
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
            stage.add(turned_ball(rng, (x, top + size, z), size), ball_look(rng))
        elif style == 1:
            stage.add(pole(x, z, size * 0.4, top, top + 3 * size), patterns.any_of(rng))
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
    plaster = 0.6 * tone + 0.4 * rough(rng, (tone, tone, 0.95 * tone))
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
    stage.add(pole(side * rng.uniform(0.45, 0.75), 1.55, 0.012, top, 0.7), patterns.paint(rng, 0.4, 0.8))
    return Setting(
        stage,
        58,
        (1.6, rng.uniform(2.4, 2.8), back - 0.1),
        (rng.uniform(15, 20), rng.uniform(12, 16), rng.uniform(22, 28)),
        "room: table with things, chairs, shelf with books, window, picture",
    )


def hair(rng: np.random.Generator) -> Setting:
    """Blades of grass before and around a ball, a hedge behind."""
    stage = daylight(rng)
    ground, back = -rng.uniform(0.4, 0.6), rng.uniform(12, 18)
    stage.add(ground_plane(rng, ground, 20, 3), rough(rng, (0.2, 0.3, 0.07)))
    stage.add(meshes.card().repeated(6, 2).placed((0, 4, back), size=(14, 6, 1)), rough(rng, (0.45, 0.5, 0.25)))
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
        turned_ball(rng, (rng.uniform(-0.5, 0.5), ground + radius, middle + radius), radius),
        patterns.any_of(rng, patterns.rings, patterns.checks),
    )
    sign = meshes.card().placed((rng.uniform(-1.5, 1.5), rng.uniform(0.2, 0.9), rng.uniform(5, 8)), size=0.5)
    stage.add(sign, patterns.any_of(rng, patterns.checks, patterns.words, patterns.photo))
    return Setting(
        stage,
        46,
        (1.0, middle, back),
        random_reach(rng),
        f"{count} blades of grass at 0.8-8 m, a ball, a hedge at {back:.0f} m",
    )


def bokeh(rng: np.random.Generator) -> Setting:
    """A street at night with many small lights."""
    dim = rng.uniform(0.04, 0.07)
    stage = Stage((dim, dim, 1.4 * dim), [((rng.uniform(-1, 1), 1.0, -1.0), (0.2, 0.17, 0.12))])
    stage.add(ground_plane(rng, -1.4, 50, 6), rough(rng, (0.25, 0.25, 0.27)))
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
    stage.add(turned_ball(rng, place, radius), patterns.checks(rng, 12))
    stage.add(pole(-side * rng.uniform(0.3, 0.45) * near, near, rng.uniform(0.012, 0.025), -1.4, 2), (0.45, 0.45, 0.5))
    return Setting(
        stage,
        42 + rng.uniform(-4, 4),
        (near + 0.02, rng.uniform(3.5, 5), rng.uniform(20, 32)),
        random_reach(rng),
        f"street at night, {lights} lights of radiance 8..250 at 6-38 m, ball and post near",
    )
