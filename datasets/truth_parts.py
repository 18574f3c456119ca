"""What the test scenes are made of: their settings, daylight, a sky, grounds, balls, poles."""

from __future__ import annotations

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


def random_reach(rng: np.random.Generator) -> tuple[float, float, float]:
    """Largest radii of the circle of confusion for the lenses near, mid, far, px."""
    return float(rng.uniform(18, 28)), float(rng.uniform(15, 26)), float(rng.uniform(28, 40))


def daylight(rng: np.random.Generator, strength: float = 1.0) -> Stage:
    """A stage under a sun and an even sky."""
    warm = rng.uniform(0, 0.3)
    sun = np.array([1.0, 1 - 0.4 * warm, 1 - warm]) * rng.uniform(2.0, 3.2) * strength
    ambient = np.array([0.85, 0.95, 1.1]) * rng.uniform(0.45, 0.6) * strength
    towards = (float(rng.uniform(-0.8, 0.8)), float(rng.uniform(0.6, 1.2)), float(rng.uniform(-1.0, -0.3)))
    return Stage(tuple(map(float, ambient)), [(towards, tuple(map(float, sun)))])  # type: ignore[arg-type,list-item]


def add_sky(stage: Stage, rng: np.random.Generator, z: float, *, low: float = -0.1) -> None:
    """A sky that fills the picture at distance z."""
    stage.add(meshes.card().placed((0, (0.6 + low) * z, z), size=(z, 0.6 * z, 1)), glow=patterns.sky(rng))


def ground_plane(rng: np.random.Generator, y: float, far: float, tile: float) -> Mesh:
    """A ground at height y as far as ``far`` m, its texture repeated every ``tile`` m."""
    plane = meshes.floor().repeated(2 * far / tile, far / tile)
    return plane.placed((rng.uniform(-1, 1) * tile, y, far / 2), size=(far, 1, far / 2))


def rough(rng: np.random.Generator, tint: tuple[float, float, float]) -> patterns.Colour:
    """One colour in soft patches."""
    share = patterns.clouds(rng).mean(axis=2, keepdims=True)
    return np.clip(share / share.mean() * np.asarray(tint), 0.01, 0.9).astype(np.float32)


def turned_ball(rng: np.random.Generator, at: tuple[float, float, float], radius: float) -> Mesh:
    """A ball turned any way."""
    return meshes.ball().placed(at, turn(*rng.uniform(-np.pi, np.pi, 3)), radius)


def ball_look(rng: np.random.Generator) -> patterns.Colour:
    """A bold texture for a ball."""
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


def star(rng: np.random.Generator) -> Mesh:
    """A star-shaped cut-out of half-size 1."""
    points = int(rng.integers(4, 10))
    angle = np.arange(2 * points) * np.pi / points + rng.uniform(0, np.pi)
    radius = np.where(np.arange(2 * points) % 2 == 0, 1.0, rng.uniform(0.35, 0.75)) * rng.uniform(0.85, 1, 2 * points)
    return meshes.polygon(np.stack((radius * np.cos(angle), radius * np.sin(angle)), axis=1))


def pole(x: float, z: float, radius: float, low: float, high: float, lean: float = 0.0) -> Mesh:
    """An upright pole from height ``low`` to ``high``, leaning by so many radians."""
    middle, half = (low + high) / 2, (high - low) / 2
    return meshes.tube().placed((x, middle, z), turn(0, 0, lean), (radius, half, radius))
