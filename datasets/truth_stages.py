"""Ten kinds of test scenes for depth-of-field renderers, each drawn anew from a generator.

What they have in common: the camera stands at the origin and looks along z; something near, something in the middle
and a background that fills the picture, so that every pixel has a depth.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from dofsim.datasets import meshes, patterns
from dofsim.datasets.raycast import turn
from dofsim.datasets.truth_parts import (
    Setting,
    add_sky,
    ball_look,
    daylight,
    ground_plane,
    pole,
    random_reach,
    rough,
    star,
    turned_ball,
)
from dofsim.datasets.truth_places import bokeh, hair, portrait, room


def border(rng: np.random.Generator) -> Setting:
    """Bold stripes that run out of the picture; objects and a bright window across its borders."""
    stage = daylight(rng)
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
        turned_ball(rng, (side * 0.4 * 2.4, rng.uniform(0.1, 0.6), 2.4 + radius), radius),
        patterns.any_of(rng, patterns.checks, patterns.swirl),
    )
    return Setting(
        stage,
        45,
        (z, 2.4, back),
        random_reach(rng),
        "bold stripes out of the picture, objects across its left and lower border, bright window",
    )


def flat(rng: np.random.Generator) -> Setting:
    """One textured plane that faces the camera."""
    stage, z = daylight(rng, 0.9), rng.uniform(2.2, 4.0)
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


def layers(rng: np.random.Generator) -> Setting:
    """Star-shaped cut-outs at depths in geometric progression."""
    stage, count, far = daylight(rng, 0.8), int(rng.integers(15, 22)), rng.uniform(16, 22)
    stage.add(meshes.card().placed((0, 0, far * 1.3), size=(0.75 * far, 0.56 * far, 1)), patterns.mosaic(rng, 6, 8))
    for z in np.geomspace(0.9, far, count):
        at = (rng.uniform(-0.42, 0.42) * z, rng.uniform(-0.32, 0.32) * z, z)
        size = rng.uniform(0.06, 0.13) * z * (1.2 if z > 2 else 0.8)
        tilt = turn(*rng.normal(0, 0.15, 2))
        look = patterns.any_of(rng, patterns.checks, patterns.stripes, patterns.clouds, patterns.words, patterns.bricks)
        stage.add(star(rng).placed(at, tilt, size), look)
    return Setting(
        stage,
        50,
        (0.95, rng.uniform(3, 4), far),
        random_reach(rng),
        f"{count} star-shaped cut-outs at geometric depths 0.9-{far:.0f} m",
    )


def slant(rng: np.random.Generator) -> Setting:
    """A ground that runs from the near to the far, with three balls."""
    stage, ground = daylight(rng), -rng.uniform(0.45, 0.7)
    stage.add(ground_plane(rng, ground, 62, rng.uniform(1.5, 3.0)), patterns.checks(rng, 4))
    add_sky(stage, rng, 62.0)
    for z in (rng.uniform(1.1, 1.3), rng.uniform(2.4, 3.2), rng.uniform(3.6, 6)):
        radius = rng.uniform(0.22, 0.38) * (0.8 if z < 1.5 else 1.3)
        at = (rng.uniform(-0.4, 0.4) * z, ground + radius * rng.uniform(0.9, 1.8), z + radius)
        stage.add(turned_ball(rng, at, radius), ball_look(rng))
    return Setting(
        stage,
        50,
        (1.1, rng.uniform(2.4, 3), rng.uniform(15, 25)),
        random_reach(rng),
        "ground with a pattern from near to 62 m with three balls",
    )


def spheres(rng: np.random.Generator) -> Setting:
    """Many balls with textures on a tiled floor."""
    stage, count = daylight(rng), int(rng.integers(35, 55))
    stage.add(ground_plane(rng, -0.6, 30, rng.uniform(1.5, 3)), patterns.any_of(rng, patterns.checks, patterns.bricks))
    add_sky(stage, rng, 30.0)
    for z in np.geomspace(1.1, 12, count):
        radius = rng.uniform(0.1, 0.18) * (1 + 0.08 * z)
        x = rng.uniform(-0.5, 0.5) * z
        y = -0.6 + radius if rng.random() < 0.75 else rng.uniform(-0.3, 0.18 * z)
        stage.add(turned_ball(rng, (x, y, z + radius), radius), ball_look(rng))
    return Setting(
        stage,
        48,
        (1.1, rng.uniform(2.5, 3.5), 12.0),
        random_reach(rng),
        f"{count} balls with textures at 1.1-12 m on a tiled floor",
    )


def thin_fg(rng: np.random.Generator) -> Setting:
    """Thin poles, a cable and a plate near, before a wall with posters."""
    stage, back = daylight(rng), rng.uniform(9, 13)
    stage.add(meshes.card().repeated(6, 3).placed((0, 2.5, back), None, (10, 5, 1)), patterns.bricks(rng))
    stage.add(ground_plane(rng, -1.5, back + 1, 3), rough(rng, (0.45, 0.43, 0.4)))
    for _ in range(3):
        at = (rng.uniform(-0.35, 0.35) * back, rng.uniform(-0.02, 0.2) * back, back - rng.uniform(0.05, 0.2))
        poster = meshes.card().placed(at, None, (rng.uniform(1.0, 1.8), rng.uniform(0.9, 1.4), 1))
        stage.add(poster, patterns.any_of(rng, patterns.photo, patterns.photo, patterns.words))
    count = int(rng.integers(4, 7))
    for k in range(count):
        z = rng.uniform(1.2, 2.2)
        x = (-0.36 + 0.72 * (k + rng.uniform(0.2, 0.8)) / count) * z
        stage.add(
            pole(x, z, rng.choice([0.006, 0.01, 0.018, 0.03]), -1.5, 2.5, rng.normal(0, 0.02)), patterns.paint(rng)
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
        random_reach(rng),
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
