"""Trees, bushes, flowers and grass, each built from a few primitives and standing on a given height."""

from __future__ import annotations

import numpy as np

from dofsim.datasets.parts import Parts
from dofsim.datasets.raycast import CONE, CYLINDER, ELLIPSOID, turn


class Plants(Parts):
    """Adds what grows."""

    def tree(self, x: float, y: float, z: float, height: float) -> None:
        """A tree with a round or conical crown."""
        rng, leaf, bark = self.rng, self.look(0.5), self.look(0.3)
        leaf["tint"] = np.array([0.5, 0.9, 0.35]) * rng.uniform(0.4, 1.2)
        r = height * rng.uniform(0.02, 0.04)
        self.part(CYLINDER, (x, y + height * 0.3, z), (r, height * 0.3, r), bark)
        if rng.random() < 0.3:
            for k in range(3):
                w = height * (0.28 - 0.07 * k)
                self.part(CONE, (x, y + height * (0.45 + 0.2 * k), z), (w, height * 0.2, w), leaf)
            return
        for _ in range(int(rng.integers(4, 9))):
            offset = rng.normal(0, 0.13, 3) * height
            half = height * rng.uniform(0.08, 0.2, 3)
            self.part(ELLIPSOID, (x + offset[0], y + height * 0.72 + offset[1], z + offset[2]), half, leaf)

    def plant(self, x: float, y: float, z: float, size: float) -> None:
        """Leaves on stems, with or without a pot, some with flowers."""
        rng, leaf = self.rng, self.look(0.1)
        leaf["tint"] = np.array([0.45, 0.9, 0.35]) * rng.uniform(0.4, 1.3)
        flower = self.look(0.1)
        base = 0.0
        if rng.random() < 0.5:
            base = size * 0.35
            self.part(CYLINDER, (x, y + base / 2, z), (size * 0.2, base / 2, size * 0.2), self.look(size))
        for _ in range(int(rng.integers(7, 18))):
            yaw, lean = rng.uniform(0, 2 * np.pi), rng.uniform(0.1, 1.1)
            length = size * rng.uniform(0.4, 1.0)
            rotation = turn(yaw, lean)
            tip = np.array([x, y + base, z]) + rotation @ np.array([0, length, 0])
            middle = (tip + (x, y + base, z)) / 2
            self.part(
                ELLIPSOID, middle, (length * rng.uniform(0.03, 0.16), length * 0.5, length * 0.02), leaf, rotation
            )
            if rng.random() < 0.2:
                self.part(ELLIPSOID, tip, np.full(3, size * rng.uniform(0.04, 0.09)), flower)

    def bush(self, x: float, y: float, z: float, size: float) -> None:
        """Leaves on a dark rounded core, some with flowers or berries."""
        rng, leaf, core, dot = self.rng, self.look(0.15), self.look(0.3), self.look(0.1)
        leaf["tint"] = np.array([rng.uniform(0.35, 0.6), 0.9, 0.3]) * rng.uniform(0.4, 1.3)
        core["tint"] = np.array([0.25, 0.4, 0.2]) * rng.uniform(0.3, 0.9)
        half = size * np.exp(rng.normal(0, 0.2, 3)) * 0.5
        centre = np.array([x, y + half[1], z])
        self.part(ELLIPSOID, centre, half * 0.85, core)
        long, broad, dotted = size * rng.uniform(0.06, 0.2), rng.uniform(0.25, 0.7), rng.random() < 0.4
        for _ in range(int(rng.integers(25, 70))):
            way = rng.normal(0, 1, 3)
            way[2] = -abs(way[2])  # the side that is seen
            at = centre + half * way / np.linalg.norm(way) * rng.uniform(0.8, 1.15)
            self.part(ELLIPSOID, at, (long * broad, long, long * 0.1), leaf, turn(*rng.uniform(-2, 2, 3)))
            if dotted and rng.random() < 0.35:
                self.part(ELLIPSOID, at + (0, 0, -long * 0.5), np.full(3, long * rng.uniform(0.2, 0.5)), dot)

    def tuft(self, x: float, y: float, z: float, size: float) -> None:
        """Blades of grass or reed."""
        rng, blade = self.rng, self.look(0.2)
        blade["tint"] = np.array([rng.uniform(0.4, 0.9), 0.9, 0.35]) * rng.uniform(0.4, 1.2)
        for _ in range(int(rng.integers(8, 24))):
            long, foot = size * rng.uniform(0.5, 1.0), rng.normal(0, 0.22, 2) * size
            rotation = turn(rng.uniform(-np.pi, np.pi), rng.normal(0, 0.3))
            middle = np.array([x + foot[0], y, z + foot[1]]) + rotation @ np.array([0, long * 0.45, 0])
            self.part(ELLIPSOID, middle, (size * rng.uniform(0.008, 0.03), long * 0.5, size * 0.006), blade, rotation)

    def flower(
        self, x: float, y: float, z: float, height: float, style: int, stem: dict[str, object], head: dict[str, object]
    ) -> None:
        """A flower on a stem: a spike of small bells (0), petals around a disc (1), a cup (2), or a globe (3)."""
        rng = self.rng
        lean = rng.normal(0, 0.08, 2)
        top = np.array([x + lean[0] * height, y + height, z + lean[1] * height])
        self.part(ELLIPSOID, (top + (x, y, z)) / 2, (height * 0.02, height * 0.52, height * 0.02), stem)
        size = height * rng.uniform(0.16, 0.26)
        if style == 0:
            for k in range(int(rng.integers(9, 16))):
                turned, ring = 2.4 * k, size * 0.35 * (1 - k / 22)
                at = top + (ring * np.cos(turned), (0.12 * k - 0.9) * size, ring * np.sin(turned))
                self.part(ELLIPSOID, at, np.array([0.2, 0.26, 0.2]) * size, head)
        elif style == 1:
            tilt = turn(rng.uniform(-np.pi, np.pi), rng.uniform(0.1, 1.3))
            self.part(ELLIPSOID, top, np.array([0.3, 0.12, 0.3]) * size, self.look(0.1), tilt)
            for k in range(9):
                petal = tilt @ turn(2 * np.pi * k / 9)
                self.part(
                    ELLIPSOID,
                    top + petal @ np.array([0, 0, 0.65 * size]),
                    np.array([0.2, 0.05, 0.45]) * size,
                    head,
                    petal,
                )
        elif style == 2:
            for k in range(5):
                petal = turn(2 * np.pi * k / 5, 0.25)
                self.part(
                    ELLIPSOID,
                    top + petal @ np.array([0, 0.3, 0.25]) * size,
                    np.array([0.28, 0.55, 0.12]) * size,
                    head,
                    petal,
                )
        else:
            self.part(ELLIPSOID, top, size * np.array([0.6, 0.55, 0.6]), head)
