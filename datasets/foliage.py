"""Arrangements of what grows: leaves and fruit on all sides at several depths, and beds seen from above."""

from __future__ import annotations

import numpy as np

from dofsim.datasets.furnish import Builder
from dofsim.datasets.places import outdoors
from dofsim.datasets.raycast import BOX, CONE, CYLINDER, ELLIPSOID, Camera, Vector, turn

_UP = np.array([0.0, 1.0, 0.0])


def _towards(way: Vector) -> Vector:
    """A rotation that carries +y to a direction."""
    y = way / np.linalg.norm(way)
    x = np.cross(y, (0.0, 0.0, 1.0) if abs(y[2]) < 0.9 else (1.0, 0.0, 0.0))
    x = x / np.linalg.norm(x)
    return np.stack((x, y, np.cross(x, y)), axis=1)


def stick(b: Builder, start: Vector, end: Vector, radius: float, look: dict[str, object]) -> None:
    """A straight round bar between two points."""
    way = end - start
    b.part(CYLINDER, (start + end) / 2, (radius, float(np.linalg.norm(way)) / 2, radius), look, _towards(way))


class Growth:
    """One kind of plant: what its leaves and fruit are like."""

    def __init__(self, b: Builder, leaf: float) -> None:
        rng = b.rng
        green = np.array([rng.uniform(0.35, 0.7), 0.9, rng.uniform(0.2, 0.45)])
        self.leaves = [b.look(0.1, 0.6) | {"tint": green * rng.uniform(0.3, 1.3)} for _ in range(3)]
        self.bark = b.look(0.3, 0.5) | {"tint": np.array([0.6, 0.5, 0.4]) * rng.uniform(0.3, 1.2)}
        colour = np.clip(rng.uniform(0.0, 1.3, 3), 0.05, 1.3)
        self.fruit = b.look(0.1, 0.8) | {"tint": colour}
        self.long, self.broad = leaf, rng.uniform(0.12, 0.5)
        self.step, self.droop = leaf * rng.uniform(0.15, 0.4), rng.uniform(-0.2, 1.0)
        self.fruits = rng.choice([0.0, 0.3, 0.8])
        self.fruit_kind, self.fruit_size = int(rng.choice([ELLIPSOID, ELLIPSOID, CONE, BOX])), rng.uniform(0.25, 0.6)

    def twig(self, b: Builder, start: Vector, way: Vector, length: float) -> None:
        """A twig with leaves along it and, at times, fruit below it."""
        rng = b.rng
        end = start + way / np.linalg.norm(way) * length
        stick(b, start, end, 0.03 * self.long, self.bark)
        for share in np.linspace(0.1, 1.0, max(3, min(16, int(length / self.step)))):
            out = way / np.linalg.norm(way) * 0.6 + rng.normal(0, 0.6, 3) - self.droop * _UP
            size = self.long * rng.uniform(0.6, 1.15) * 0.5
            rotation = _towards(out) @ turn(rng.uniform(-np.pi, np.pi))
            at = start + (end - start) * share + rotation[:, 1] * size
            look = self.leaves[int(rng.integers(3))]
            b.part(ELLIPSOID, at, (size * self.broad, size, size * 0.06), look, rotation)
        if rng.random() < self.fruits:
            half = self.long * self.fruit_size * rng.uniform(0.7, 1.3) * np.array([0.8, 1.0, 0.8])
            at = start + (end - start) * rng.uniform(0.3, 1.0) - _UP * half[1]
            if rng.random() < 0.5:
                b.part(self.fruit_kind, at, half, self.fruit, turn(*rng.normal(0, 0.4, 3)))
            else:
                b.part(ELLIPSOID, at, half * 0.7, self.fruit)


def hedge(b: Builder) -> tuple[Camera, bool]:
    """Trees or a hedge so near that leaves and fruit fill the picture, some of them much nearer than the rest."""
    rng = b.rng
    style = rng.random()
    if style < 0.5:
        outdoors(b, -rng.uniform(0.8, 2.2), rng.uniform(3, 9))
    elif style < 0.75:
        b.part(BOX, (0, 0, rng.uniform(4, 9)), (20, 20, 0.1), b.look(1.0))
    reach = rng.uniform(0.6, 2.2)
    leaf = reach * rng.uniform(0.04, 0.14)
    growth = Growth(b, leaf)
    for _ in range(int(rng.integers(1, 4))):  # trunks and boughs
        root = np.array([rng.normal(0, 0.35) * reach, -1.2 * reach, reach * rng.uniform(0.9, 2.0)])
        top = root + np.array([rng.normal(0, 0.4), rng.uniform(1.0, 2.6), rng.normal(0, 0.25)]) * reach
        stick(b, root, top, reach * rng.uniform(0.015, 0.05), growth.bark)
        for _ in range(int(rng.integers(2, 6))):
            start = root + (top - root) * rng.uniform(0.3, 1.0)
            way = rng.normal(0, 1, 3) * (1, 0.5, 0.8)
            end = start + way / np.linalg.norm(way) * reach * rng.uniform(0.3, 0.9)
            if end[2] > 0.4 * reach:
                stick(b, start, end, reach * rng.uniform(0.006, 0.02), growth.bark)
    for _ in range(int(rng.integers(45, 95))):
        z = reach * np.exp(rng.normal(0.15, 0.35))
        start = np.array([rng.normal(0, 0.4) * z, rng.normal(0, 0.33) * z, z])
        growth.twig(b, start, rng.normal(0, 1, 3) * (1, 0.7, 0.8), leaf * rng.uniform(1.5, 4.0))
    for _ in range(int(rng.integers(0, 5))):  # what hangs into the picture, much nearer, from any side
        z, side = reach * rng.uniform(0.3, 0.6), rng.uniform(0, 2 * np.pi)
        start = np.array([np.cos(side) * 0.6 * z, np.sin(side) * 0.45 * z, z])
        for _ in range(int(rng.integers(1, 4))):
            way = rng.normal(0, 0.5, 3) - start / z * (1, 1, 0)
            growth.twig(b, start + rng.normal(0, 0.05, 3) * z, way, leaf * rng.uniform(1.5, 3.0))
    if rng.random() < 0.6:  # the next rows
        for _ in range(int(rng.integers(2, 9))):
            z = reach * rng.uniform(2.5, 6.0)
            b.bush(rng.normal(0, 0.5) * z, rng.normal(-0.2, 0.2) * z, z, rng.uniform(0.3, 0.8) * reach)
    return Camera((0, 0, 0), rng.normal(0.05, 0.25), rng.normal(0, 0.2)), False


def bed(b: Builder) -> tuple[Camera, bool]:
    """A bed or rows of plants close together, seen from a standing or a crouching height."""
    rng = b.rng
    if rng.random() < 0.8:
        outdoors(b, 0.0, rng.uniform(3, 9))
    else:
        b.part(BOX, (0, -0.05, 4), (12, 0.05, 8), b.look(1.0))
    tall = rng.uniform(0.15, 0.5)
    growths = [Growth(b, tall * rng.uniform(0.2, 0.8)) for _ in range(2)]
    heads = [(int(rng.integers(4)), b.look(0.1), b.look(0.1, 0.7)) for _ in range(2)]
    for _style, stem, _head in heads:
        stem["tint"] = np.array([0.4, 0.9, 0.3]) * rng.uniform(0.4, 1.2)
    flowers, rows, eye = rng.choice([0.0, 0.4, 0.8]), rng.random() < 0.3, tall + rng.uniform(0.05, 1.2)
    for _ in range(int(rng.integers(35, 80))):
        z = 0.25 + rng.exponential(0.5) * (0.3 + 0.6 * eye)
        x = rng.normal(0, 0.35) * (z + 0.5 * eye)
        if rows:
            x = round(x / (2.5 * tall)) * 2.5 * tall + rng.normal(0, 0.2) * tall
        if rng.random() < flowers:
            style, stem, head = heads[int(rng.random() < 0.25)]
            b.flower(x, 0.0, z, tall * rng.uniform(0.7, 1.3), style, stem, head)
        else:
            growth = growths[int(rng.random() < 0.2)]
            for _ in range(int(rng.integers(2, 4))):
                way = rng.normal(0, 0.5, 3) + _UP
                growth.twig(b, np.array([x, 0.0, z]), way, tall * rng.uniform(0.5, 1.0))
    pitch = -np.arctan2(max(eye - 0.6 * tall, 0.02), rng.uniform(0.3, 1.5)) + rng.normal(0, 0.08)
    return Camera((0, eye, -0.2), pitch, rng.normal(0, 0.1)), False
