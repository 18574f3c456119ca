"""Things to put into rendered scenes, each built from a few primitives and standing on a given height."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from dofsim.datasets.plants import Plants
from dofsim.datasets.raycast import BOX, CARD, CONE, CYLINDER, ELLIPSOID, Vector, turn


class Builder(Plants):
    """Adds things to a world, drawing their looks from a generator."""

    def table(self, x: float, y: float, z: float, size: float) -> float:
        """A table; returns the height of its top."""
        rng, look, yaw = self.rng, self.look(size), self.rng.uniform(-0.6, 0.6)
        height, wide, deep = rng.uniform(0.4, 0.8), size * rng.uniform(0.5, 1.0), size * rng.uniform(0.35, 0.7)
        rotation = turn(yaw)
        self.part(BOX, (x, y + height, z), (wide, 0.02, deep), look, rotation)
        for sx in (-0.92, 0.92):
            for sz in (-0.9, 0.9):
                foot = rotation @ np.array([sx * wide, 0.0, sz * deep])
                self.part(BOX, (x + foot[0], y + height / 2, z + foot[2]), (0.025, height / 2, 0.025), look, rotation)
        return float(y + height + 0.02)

    def chair(self, x: float, y: float, z: float, _size: float = 1.0) -> None:
        """A chair with a back."""
        rng, look = self.rng, self.look(0.5)
        rotation, seat, wide = turn(rng.uniform(-np.pi, np.pi)), rng.uniform(0.38, 0.5), rng.uniform(0.18, 0.26)

        def at(px: float, py: float, pz: float) -> Vector:
            return np.array([x, y, z]) + rotation @ np.array([px, py, pz])

        self.part(BOX, at(0, seat, 0), (wide, 0.025, wide), look, rotation)
        for sx in (-1, 1):
            for sz in (-1, 1):
                self.part(BOX, at(sx * wide * 0.9, seat / 2, sz * wide * 0.9), (0.018, seat / 2, 0.018), look, rotation)
        back = rng.uniform(0.2, 0.32)
        if rng.random() < 0.5:
            self.part(BOX, at(0, seat + back, -wide * 0.9), (wide, back, 0.02), look, rotation)
        else:
            for sx in np.linspace(-1, 1, int(rng.integers(3, 6))):
                self.part(BOX, at(sx * wide * 0.9, seat + back, -wide * 0.9), (0.014, back, 0.014), look, rotation)
            self.part(BOX, at(0, seat + 2 * back, -wide * 0.9), (wide, 0.03, 0.018), look, rotation)

    def sofa(self, x: float, y: float, z: float, size: float) -> None:
        """A sofa or an armchair."""
        look, rotation = self.look(0.8), turn(self.rng.uniform(-0.8, 0.8))
        wide = size * self.rng.uniform(0.4, 1.0)
        for centre, half in (
            ((0, 0.22, 0), (wide, 0.22, 0.42)),
            ((0, 0.5, 0.36), (wide, 0.32, 0.1)),
            ((-wide, 0.35, 0), (0.1, 0.35, 0.42)),
            ((wide, 0.35, 0), (0.1, 0.35, 0.42)),
        ):
            self.part(BOX, np.array([x, y, z]) + rotation @ np.array(centre), half, look, rotation)

    def shelf(self, x: float, y: float, z: float, size: float) -> None:
        """A shelf with books."""
        rng, look = self.rng, self.look(1.0)
        wide, boards, step = size * rng.uniform(0.3, 0.7), int(rng.integers(2, 5)), rng.uniform(0.28, 0.42)
        rotation = turn(rng.normal(0.0, 0.15))
        base = np.array([x, y, z])
        for k in range(boards + 1):
            self.part(BOX, base + (0, k * step + 0.05, 0), (wide, 0.015, 0.16), look, rotation)
        for side in (-wide, wide):
            offset = rotation @ np.array([side, boards * step / 2 + 0.05, 0])
            self.part(BOX, base + offset, (0.015, boards * step / 2 + 0.03, 0.16), look, rotation)
        if rng.random() < 0.6:
            offset = rotation @ np.array([0, boards * step / 2, 0.16])
            self.part(BOX, base + offset, (wide, boards * step / 2, 0.008), look, rotation)
        for k in range(boards):
            at = -wide + 0.05
            while at < wide - 0.08 and rng.random() < 0.93:
                thick, tall = rng.uniform(0.012, 0.05), rng.uniform(0.35, 0.85) * step
                centre = base + rotation @ np.array([at + thick, k * step + 0.065 + tall / 2, rng.uniform(-0.05, 0.0)])
                self.part(BOX, centre, (thick, tall / 2, rng.uniform(0.06, 0.1)), self.look(0.2), rotation)
                at += 2 * thick + (rng.uniform(0, 0.2) if rng.random() < 0.2 else 0.003)

    def rack(self, x: float, y: float, z: float, size: float) -> None:
        """A ladder, a fence, a lattice or an open shelf: a frame with thin bars."""
        rng, look = self.rng, self.look(0.5)
        wide, tall, thick = size * rng.uniform(0.2, 0.7), size * rng.uniform(0.3, 0.6), rng.uniform(0.008, 0.03)
        rotation = turn(rng.uniform(-1.2, 1.2), rng.normal(0, 0.12), 0.0)
        base = np.array([x, y + tall, z])

        def bar(px: float, py: float, half: tuple[float, float, float]) -> None:
            self.part(BOX, base + rotation @ np.array([px, py, 0.0]), half, look, rotation)

        for side in (-1, 1):
            bar(side * wide, 0.0, (thick, tall, thick))
        upright, count = rng.random() < 0.5, int(rng.integers(3, 10))
        if rng.random() < 0.8:
            for side in (-1, 1):
                bar(0.0, side * tall * 0.95, (wide, thick, thick))
        for share in np.linspace(-0.9, 0.9, count):
            if upright:
                bar(float(share) * wide, 0.0, (thick * 0.7, tall, thick * 0.5))
            else:
                bar(0.0, float(share) * tall, (wide, thick * 0.7, thick * 0.5))

    def vessel(self, x: float, y: float, z: float, size: float) -> None:
        """A bottle, cup, vase or tin."""
        rng, look = self.rng, self.look(size)
        r, h = size * rng.uniform(0.25, 0.55), size * rng.uniform(0.4, 1.1)
        style = int(rng.integers(0, 4))
        if style == 0:
            self.part(CYLINDER, (x, y + h, z), (r, h, r), look)
        elif style == 1:
            self.part(CYLINDER, (x, y + h * 0.7, z), (r, h * 0.7, r), look)
            self.part(CONE, (x, y + h * 1.7, z), (r, h * 0.3, r), look)
            self.part(CYLINDER, (x, y + h * 1.75, z), (r * 0.3, h * 0.3, r * 0.3), self.look(size))
        elif style == 2:
            self.part(ELLIPSOID, (x, y + h * 0.8, z), (r * 1.3, h * 0.8, r * 1.3), look)
            self.part(CYLINDER, (x, y + h * 1.6, z), (r * 0.6, h * 0.25, r * 0.6), look)
        else:
            self.part(CYLINDER, (x, y + h * 0.6, z), (r, h * 0.6, r), look)
            self.part(ELLIPSOID, (x + r * 1.1, y + h * 0.6, z), (r * 0.35, h * 0.35, r * 0.1), look)

    def ball(self, x: float, y: float, z: float, size: float) -> None:
        """A ball, fruit or stone."""
        half = size * np.exp(self.rng.normal(0, 0.25, 3)) * 0.5
        self.part(ELLIPSOID, (x, y + half[1], z), half, self.look(size), turn(self.rng.uniform(0, 6.3)))

    def carton(self, x: float, y: float, z: float, size: float) -> None:
        """A carton or a book, upright or lying."""
        half = size * self.rng.uniform(0.12, 0.6, 3)
        self.box(x, y, z, (float(half[0]), float(half[1]), float(half[2])), self.rng.uniform(-np.pi, np.pi))

    def toy(self, x: float, y: float, z: float, size: float) -> None:
        """A figure of ellipsoids: body, head, ears, limbs."""
        rng, look, r = self.rng, self.look(size), size * 0.35
        rotation = turn(rng.uniform(-1.0, 1.0))
        base = np.array([x, y, z])
        parts: list[tuple[tuple[float, float, float], tuple[float, float, float]]] = [
            ((0, r * 1.1, 0), (r, r * 1.15, r * 0.9)),
            ((0, r * 2.7, -0.1 * r), (r * 0.8, r * 0.75, r * 0.75)),
        ]
        for s in (-1, 1):
            parts += [
                ((s * r * 0.6, r * 3.3, 0), (r * 0.28, r * rng.uniform(0.3, 0.7), r * 0.15)),
                ((s * r * 1.05, r * 1.5, -0.3 * r), (r * 0.3, r * 0.6, r * 0.3)),
                ((s * r * 0.6, r * 0.3, -0.8 * r), (r * 0.35, r * 0.3, r * 0.6)),
            ]
        for centre, half in parts:
            self.part(ELLIPSOID, base + rotation @ np.array(centre), half, look, rotation)

    def body(self, x: float, y: float, z: float, height: float) -> None:
        """A standing person or a statue of ellipsoids and cylinders."""
        rng, h = self.rng, height
        shirt, trousers, skin = self.look(0.4), self.look(0.4), self.look(0.3)
        rotation = turn(rng.uniform(-np.pi, np.pi))
        base, swing = np.array([x, y, z]), rng.normal(0.0, 0.3, 4)

        def limb(px: float, top: float, length: float, thick: float, angle: float, look: dict[str, object]) -> None:
            tilt = rotation @ turn(0.0, angle)
            centre = base + rotation @ np.array([px, top, 0.0]) + tilt @ np.array([0, -length / 2, 0])
            self.part(ELLIPSOID, centre, (thick, length * 0.58, thick), look, tilt)

        self.part(ELLIPSOID, base + (0, 0.66 * h, 0), (0.13 * h, 0.2 * h, 0.075 * h), shirt, rotation)
        self.part(ELLIPSOID, base + (0, 0.93 * h, 0), (0.05 * h, 0.07 * h, 0.058 * h), skin, rotation)
        self.part(ELLIPSOID, base + (0, 0.96 * h, 0), (0.056 * h, 0.055 * h, 0.062 * h), self.look(0.2), rotation)
        for k, s in enumerate((-1, 1)):
            limb(s * 0.06 * h, 0.5 * h, 0.48 * h, 0.055 * h, float(swing[k]) * 0.5, trousers)
            limb(s * 0.145 * h, 0.8 * h, 0.4 * h, 0.035 * h, float(swing[k + 2]), shirt)

    def lamp(self, x: float, y: float, z: float, height: float) -> None:
        """A lamp, a sign or a bare pole."""
        rng, look = self.rng, self.look(0.5)
        r = height * rng.uniform(0.01, 0.025)
        self.part(CYLINDER, (x, y + height / 2, z), (r, height / 2, r), look)
        top = self.look(0.3)
        style = int(rng.integers(0, 4))
        w = height * rng.uniform(0.06, 0.16)
        if style == 0:
            self.part(CONE, (x, y + height, z), (w, w * 0.8, w), top)
        elif style == 1:
            self.part(ELLIPSOID, (x, y + height, z), (w, w, w), top)
        elif style == 2:
            self.part(BOX, (x, y + height, z), (w, w, 0.01 * height), top, turn(rng.uniform(-0.7, 0.7)))

    def car(self, x: float, y: float, z: float, yaw: float) -> None:
        """A car: two boxes and four wheels."""
        look, glass, tyre = self.look(2.0), self.look(1.0), self.look(0.4)
        tyre["tint"] = np.full(3, 0.12)
        glass["tint"] = np.full(3, 0.3)
        look["shine"] = 0.5
        rotation = turn(yaw)

        def put(
            kind: int,
            centre: tuple[float, float, float],
            half: tuple[float, float, float],
            which: dict[str, object],
            *,
            lie: bool = False,
        ) -> None:
            turned = rotation @ turn(0, 0, np.pi / 2) if lie else rotation
            self.part(kind, np.array([x, y, z]) + rotation @ np.array(centre), half, which, turned)

        put(BOX, (0, 0.58, 0), (0.85, 0.3, 2.1), look)
        put(ELLIPSOID, (0, 0.95, 0.1), (0.75, 0.55, 1.45), glass)
        for sx in (-0.8, 0.8):
            for sz in (-1.3, 1.3):
                put(CYLINDER, (sx, 0.32, sz), (0.32, 0.1, 0.32), tyre, lie=True)

    def cutout(self, x: float, y: float, z: float, height: float, *, whole: bool = True, facing: float = 0.0) -> bool:
        """A matted subject as an upright card; returns whether there is a fitting one."""
        choice = np.flatnonzero(self.bank.grounded == whole)
        if choice.size == 0:
            return False
        index = int(self.rng.choice(choice))
        half = (height / 2 * float(self.bank.aspect[index]), height / 2, 0.01)
        tint = np.clip(self.rng.normal(1.0, 0.1, 3), 0.6, 1.4)
        self.world.add(CARD, (x, y + height / 2, z), half, rotation=turn(facing), texture=index, tint=tint)
        return True

    def picture(self, x: float, y: float, z: float, size: float, yaw: float = 0.0, pitch: float = 0.0) -> None:
        """A flat picture or panel."""
        half = (size * self.rng.uniform(0.3, 1.0), size * self.rng.uniform(0.3, 1.0), 0.01)
        look = self.look(2 * size)
        look["texture"] = -1 - int(self.rng.integers(len(self.bank)))
        self.part(CARD, (x, y, z), half, look, turn(yaw, pitch))


def small_things(builder: Builder) -> list[Callable[[float, float, float, float], None]]:
    """What fits on a table."""
    return [builder.vessel, builder.vessel, builder.ball, builder.carton, builder.carton, builder.toy, builder.plant]
