"""Primitives with a look, from which things are built."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dofsim.datasets.raycast import BOX, Vector, World, turn
from dofsim.datasets.textures import TextureBank


@dataclass(eq=False)
class Parts:
    """Adds primitives to a world, drawing their looks from a generator.

    Attributes
    ----------
    world : World
    bank : TextureBank
    rng : numpy Generator
    """

    world: World
    bank: TextureBank
    rng: np.random.Generator

    def look(self, scale: float = 1.0, calm: float = 0.25) -> dict[str, object]:
        """Random texture, repeat, tint and shine for a thing about ``scale`` m large; calm with that probability."""
        rng = self.rng
        choices = self.bank.calm if self.bank.calm and rng.random() < calm else len(self.bank)
        return {
            "texture": int(rng.integers(choices)),
            "repeat": float(np.exp(rng.normal(0.0, 0.6)) * 0.8 / scale),
            "tint": np.clip(rng.normal(1.0, 0.15, 3), 0.4, 1.4) * rng.uniform(0.5, 1.5),
            "shine": float(rng.random() < 0.25) * rng.uniform(0.1, 0.6),
        }

    def part(
        self, kind: int, centre: object, half: object, look: dict[str, object], rotation: Vector | None = None
    ) -> None:
        """Add one primitive with a look."""
        self.world.add(kind, centre, half, rotation=rotation, **look)  # type: ignore[arg-type]

    def box(self, x: float, y: float, z: float, half: tuple[float, float, float], yaw: float = 0.0) -> None:
        """A box standing on height y."""
        self.part(BOX, (x, y + half[1], z), half, self.look(max(half)), turn(yaw))
