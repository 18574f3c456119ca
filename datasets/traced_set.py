"""What traced training scenes are furnished with: bodies, hair, grass, bushes, daylight, lamps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dofsim.datasets import meshes, organic, patterns
from dofsim.datasets.furnish import Builder
from dofsim.datasets.organic import Body
from dofsim.datasets.raycast import turn
from dofsim.datasets.traced import Picture, Stage
from dofsim.datasets.traced_world import dull_texture, leaves


@dataclass(frozen=True, eq=False)
class Library:
    """What many scenes share.

    Attributes
    ----------
    bodies : dict of str to list of Body
        By the names of :data:`dofsim.datasets.organic.BODIES`.
    skies : sequence of float32 (h, 2 h, 3)
        Radiance from all directions; may be empty.
    """

    bodies: dict[str, list[Body]]
    skies: Sequence[Picture] = ()


def make_library(rng: np.random.Generator, *, each: int = 8, skies: Sequence[Picture] = ()) -> Library:
    """Make so many bodies of each kind."""
    return Library({name: [make(rng) for _ in range(each)] for name, make in organic.BODIES.items()}, skies)


@dataclass(eq=False)
class Set:
    """A stage that is being furnished.

    Attributes
    ----------
    stage : Stage
    builder : Builder
        Its world is put on the stage at the end.
    library : Library
    """

    stage: Stage
    builder: Builder
    library: Library

    @property
    def rng(self) -> np.random.Generator:
        """The generator that everything is drawn from."""
        return self.builder.rng

    def cloth(self) -> npt.NDArray[np.float32]:
        """A texture of the bank with a tint."""
        bank, rng = self.builder.bank, self.rng
        tint = np.clip(rng.normal(1.0, 0.2, 3), 0.3, 1.5) * rng.uniform(0.4, 1.3)
        return np.clip(dull_texture(bank, int(rng.integers(len(bank))), rng) * tint, 0.01, 0.9).astype(np.float32)

    def body(self, kind: str, x: float, y: float, z: float, height: float, yaw: float = 0.0) -> None:
        """A body of the library, standing on height y."""
        rng = self.rng
        choice = self.library.bodies[kind]
        tone = rng.uniform(0.25, 1.25)
        looks: dict[str, npt.ArrayLike] = {
            "skin": np.array([0.62, 0.4, 0.29]) * tone, "eye": (0.02, 0.02, 0.02), "cloth": self.cloth(),
            "trousers": self.cloth(), "shoe": patterns.paint(rng, 0.03, 0.4), "fur": self.cloth(),
            "stone": self.cloth(), "hair": np.array([0.3, 0.17, 0.08]) * rng.uniform(0.1, 1.8),
        }  # fmt: skip
        body = choice[int(rng.integers(len(choice)))]
        size = height * np.array([rng.uniform(0.9, 1.1), 1.0, rng.uniform(0.9, 1.1)])
        for part, mesh in body.parts.items():
            shown = mesh.repeated(*np.exp(rng.normal(0.3, 0.5, 2)))
            self.stage.add(shown.placed((x, y, z), turn(yaw), size), looks[part])

    def hair(self, x: float, y: float, z: float, size: float, yaw: float = 0.0) -> None:
        """Locks and a few loose hairs of a head whose middle is at (x, y, z) and whose half-width is ``size``."""
        rng = self.rng
        n = int(rng.integers(300, 700))
        loose = rng.random((n, 1)) < 0.15
        way = rng.normal(0, 1, (n, 3))
        way[:, 1] = np.abs(way[:, 1]) * 0.9 - 0.2
        way[:, 2] = np.abs(way[:, 2]) * 0.9 - 0.25
        way /= np.linalg.norm(way, axis=1, keepdims=True)
        skull = size * np.array([1.03, 1.2, 1.13])
        t = np.linspace(0, 1, 8)[None, :, None]
        length = size * rng.uniform(0.3, 3.5) * rng.uniform(0.7, 1.1, (n, 1, 1))
        length *= np.where(way[:, 2] < 0, 0.35, 1.0)[:, None, None]  # the face stays free
        curl = rng.normal(0, 0.1 + 0.1 * loose[:, :, None], (n, 1, 3))
        paths = way[:, None] * skull + length * (way[:, None] * t * 0.15 - np.array([0, 1.0, 0]) * t**2 + curl * t**2)
        inside = np.linalg.norm(paths / skull, axis=2, keepdims=True)
        paths = np.array([x, y, z]) + (paths / np.minimum(inside, 1.0)) @ turn(yaw).T
        width = np.where(loose, 0.012, rng.uniform(0.06, 0.16, (n, 1)))
        colour = np.array([0.3, 0.17, 0.08]) * rng.uniform(0.1, 1.8) * rng.uniform(0.7, 1.3, (1, n, 1))
        strips = meshes.ribbons(paths, width * size * np.linspace(1, 0.3, 8), (0, y, -5))
        self.stage.add(strips, np.clip(colour, 0.005, 0.9))

    def window(self, at: npt.ArrayLike, yaw: float, half: tuple[float, float], strength: float) -> None:
        """A pane that lights the room and shows what lies far outside: part of an environment map, or a sky."""
        rng, skies = self.rng, self.library.skies
        if skies and rng.random() < 0.7:
            sky = skies[int(rng.integers(len(skies)))]
            rows = len(sky)
            left = int(rng.integers(0, rows))
            part = sky[int(0.34 * rows) : int(0.62 * rows), left : left + rows // 3]
            glow = np.minimum(part / max(float(part.mean()), 1e-4), 4.0) * np.float32(strength)
        else:
            glow = patterns.sky(rng, strength)
        self.stage.add(meshes.card().placed(at, turn(yaw), (*half, 1)), glow=glow, lights=True, far=True)

    def grass(self, y: float, near: float, far: float, tall: float) -> None:
        """Blades of grass in a wedge before the camera."""
        rng = self.rng
        n = int(rng.integers(1500, 6000))
        z = near * (far / near) ** rng.random(n)
        x = rng.uniform(-0.8, 0.8, n) * (z + 0.3)
        t = np.linspace(0, 1, 5)
        height = tall * rng.uniform(0.4, 1.2, n)
        bend = rng.normal(0, 0.5, (n, 2)) * height[:, None]
        paths = np.stack((
            x[:, None] + bend[:, :1] * t**2, y + height[:, None] * t, z[:, None] + bend[:, 1:] * t**2
        ), axis=-1)  # fmt: skip
        widths = rng.uniform(0.02, 0.05) * tall * rng.uniform(0.6, 1.2, (n, 1)) * (1 - 0.85 * t**1.5)
        green = np.array([rng.uniform(0.15, 0.45), 0.42, 0.1]) * rng.uniform(0.5, 1.4, (1, n, 1))
        self.stage.add(
            meshes.ribbons(paths, widths), np.clip(green * np.linspace(1.1, 0.4, 8)[:, None, None], 0.01, 0.9)
        )

    def branch(self, x: float, y: float, z: float, size: float) -> None:
        """A cloud of leaves, such as a bush or an overhanging branch."""
        rng = self.rng
        colour = np.array([rng.uniform(0.1, 0.4), 0.35, 0.08]) * rng.uniform(0.5, 1.3)
        mesh, look = leaves(rng, size * rng.uniform(0.5, 1.2, 3), colour)
        self.stage.add(mesh.placed((x, y, z)), look)

    def daylight(self) -> None:
        """Sky and sun outdoors."""
        rng, stage = self.rng, self.stage
        if self.library.skies and rng.random() < 0.6:
            sky = self.library.skies[int(rng.integers(len(self.library.skies)))]
            sky = np.roll(sky, int(rng.integers(sky.shape[1])), axis=1)
            stage.sky = (sky / max(float(sky.mean()), 1e-4) * rng.uniform(0.4, 1.0)).astype(np.float32)
        else:
            half = patterns.sky(rng, rng.uniform(0.6, 1.1))[:, ::-1]
            upper = half[::8, ::4]
            wide = np.concatenate((upper, upper[:, ::-1]), axis=1)
            stage.sky = np.concatenate((wide, np.repeat(wide[-1:], len(wide), axis=0) * 0.6)).astype(np.float32)
        warm = rng.uniform(0, 0.5)
        sun = np.array([1.0, 1 - 0.35 * warm, 1 - 0.8 * warm]) * max(0.01, rng.uniform(-1.5, 4.0))
        towards = (float(rng.normal(0, 0.8)), float(rng.uniform(0.3, 1.3)), float(rng.normal(-0.3, 0.7)))
        stage.suns.append((towards, (float(sun[0]), float(sun[1]), float(sun[2]))))

    def lamp(self, x: float, y: float, z: float, size: float, strength: float) -> None:
        """A lit ball."""
        warm = self.rng.uniform(0, 0.5)
        glow = np.array([1.0, 1 - 0.3 * warm, 1 - 0.8 * warm]) * strength
        self.stage.add(meshes.ball(10, 20).placed((x, y, z), None, size), (0.8, 0.8, 0.8), glow=glow, lights=True)
