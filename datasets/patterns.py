"""Bold patterns with sharp edges, as test pictures for blur want them: checks, stripes, swirls, words, bricks, photos.

Every function gives linear reflectance, float32 (512, 512, 3), 0..1, and repeats without a visible seam unless told
otherwise.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from dofsim.datasets.textures import noise, skimage_photos

Colour = npt.NDArray[np.float32]

#: Side of a pattern, px.
SIDE = 512

_WORDS = (
    "aperture", "bokeh", "blur", "circle", "depth", "edge", "far", "field", "focus", "lens", "light", "near", "sharp",
)  # fmt: skip


def paint(rng: np.random.Generator, low: float = 0.05, high: float = 0.85) -> Colour:
    """A random colour, float32 (3,), its largest channel within ``low``..``high``."""
    colour = rng.random(3) ** 1.3
    return (colour / colour.max() * rng.uniform(low, high)).astype(np.float32)


def pair(rng: np.random.Generator) -> tuple[Colour, Colour]:
    """A dark and a light colour."""
    return paint(rng, 0.02, 0.3), (0.35 * paint(rng, 0.6, 0.9) + 0.65 * rng.uniform(0.5, 0.85)).astype(np.float32)


def _grid() -> tuple[Colour, Colour]:
    v, u = np.mgrid[0:SIDE, 0:SIDE].astype(np.float32) / SIDE
    return u, v


def _mixed(share: npt.NDArray[Any], rng: np.random.Generator, rough: float = 0.15) -> Colour:
    """Two colours by share 0..1, slightly uneven as real surfaces are."""
    dark, light = pair(rng)
    if rng.random() < 0.5:
        light = paint(rng, 0.4, 0.85)
    flat = dark + (light - dark) * np.clip(share, 0, 1)[..., None]
    uneven = 1 - rough * noise(SIDE, rng, octaves=7)[..., None]
    return np.clip(flat * uneven, 0.01, 0.95).astype(np.float32)


def checks(rng: np.random.Generator, n: int = 0) -> Colour:
    """A chessboard of n x n fields, n even."""
    n = n or 2 * int(rng.integers(2, 7))
    u, v = _grid()
    return _mixed((np.floor(u * n) + np.floor(v * n)) % 2, rng)


def stripes(rng: np.random.Generator) -> Colour:
    """Stripes, upright, lying or oblique."""
    u, v = _grid()
    a, b = [(1, 0), (0, 1), (1, 1), (1, -1), (2, 1), (1, -2)][int(rng.integers(6))]
    return _mixed(((a * u + b * v) * rng.integers(3, 12)) % 1 < 0.5, rng)


def swirl(rng: np.random.Generator) -> Colour:
    """Stripes that wind around a ball's poles."""
    u, v = _grid()
    return _mixed((u * rng.integers(5, 14) + v * rng.integers(-3, 4)) % 1 < 0.5, rng)


def rings(rng: np.random.Generator) -> Colour:
    """Rings around a ball's poles."""
    _, v = _grid()
    return _mixed((v * rng.integers(4, 10)) % 1 < 0.5, rng)


def clouds(rng: np.random.Generator) -> Colour:
    """Two colours in soft patches."""
    return _mixed(noise(SIDE, rng, octaves=8, roughness=rng.uniform(0.5, 0.75)), rng)


def wood(rng: np.random.Generator) -> Colour:
    """Grain along v in browns."""
    grain = noise(SIDE, rng, stretch=16.0, octaves=8)
    u, _ = _grid()
    share = 0.5 + 0.5 * np.sin((u + 0.15 * grain) * 2 * np.pi * rng.integers(2, 6) + 9 * grain)
    dark = np.array([0.11, 0.045, 0.015]) * rng.uniform(0.7, 1.5)
    light = np.array([0.45, 0.24, 0.09]) * rng.uniform(0.7, 1.4)
    return (dark + (light - dark) * (0.7 * share + 0.3 * grain)[..., None]).astype(np.float32)


def bricks(rng: np.random.Generator) -> Colour:
    """Courses of bricks with mortar."""
    u, v = _grid()
    rows, columns = 2 * int(rng.integers(5, 9)), int(rng.integers(4, 7))
    shifted = u * columns + (np.floor(v * rows) % 2) * 0.5
    x, y = shifted % 1, (v * rows) % 1
    mortar = (np.minimum(x, 1 - x) < 0.03) | (np.minimum(y, 1 - y) < 0.08)
    tone = rng.random((rows, columns + 1))[np.floor(v * rows).astype(int), np.floor(shifted).astype(int) % columns]
    brick = np.array([0.42, 0.15, 0.08]) * rng.uniform(0.6, 1.2, 3) * (0.6 + 0.6 * tone)[..., None]
    wall = np.where(mortar[..., None], rng.uniform(0.3, 0.55), brick)
    return np.clip(wall * (0.7 + 0.5 * noise(SIDE, rng, octaves=8)[..., None]), 0.01, 0.9).astype(np.float32)


def words(rng: np.random.Generator) -> Colour:
    """Lines of print."""
    page = np.zeros((SIDE, SIDE), np.uint8)
    height = int(rng.integers(24, 56))
    for top in range(height, SIDE + height, height):
        line = " ".join(f"{word}{rng.integers(100)}" for word in rng.choice(_WORDS, 12))
        cv2.putText(page, line, (-int(rng.integers(0, 60)), top - height // 4), 0, height / 36.0, 255, 2, cv2.LINE_AA)
    return _mixed(page.astype(np.float32) / 255, rng, rough=0.05)


def photo(rng: np.random.Generator) -> Colour:
    """A public-domain photo of scikit-image, cut to a square; a pattern where that is not installed."""
    found = [picture for picture in skimage_photos() if min(picture.shape[:2]) >= 256]
    if not found:
        return words(rng)
    picture = found[int(rng.integers(len(found)))]
    side = min(picture.shape[:2])
    left = int(rng.integers(0, picture.shape[1] - side + 1))
    cut = cv2.resize(picture[:side, left : left + side], (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    return np.clip((cut / 255.0) ** 2.2, 0.005, 0.95).astype(np.float32)


def mosaic(rng: np.random.Generator, rows: int = 4, columns: int = 4) -> Colour:
    """Fields of other patterns side by side, (rows * 256, columns * 256, 3)."""
    lines = []
    for _ in range(rows):
        cells = [cv2.resize(any_of(rng), (256, 256), interpolation=cv2.INTER_AREA) for _ in range(columns)]
        lines.append(np.hstack(cells))
    return np.vstack(lines).astype(np.float32)


def any_of(rng: np.random.Generator, *makers: Callable[[np.random.Generator], Colour]) -> Colour:
    """One of the given patterns, or of all."""
    makers = makers or (checks, stripes, clouds, words, words, photo, bricks, stripes)
    return makers[int(rng.integers(len(makers)))](rng)


def sky(rng: np.random.Generator, brightness: float = 1.0) -> Colour:
    """Radiance of a sky with clouds, brighter towards the lower edge."""
    _, v = _grid()
    grey = rng.random() * 0.5
    high = np.array([0.3, 0.48, 0.8]) * (1 - grey) + 0.6 * grey
    clear = high + (np.array([0.75, 0.82, 0.9]) - high) * np.clip(v * 1.6 - 0.2, 0, 1)[..., None]
    cover = np.clip((noise(SIDE, rng, octaves=7) - rng.uniform(0.35, 0.6)) * 2.5, 0, 1)[..., None]
    return (brightness * (clear + (0.95 - clear) * cover)).astype(np.float32)
