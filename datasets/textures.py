"""Textures for rendered scenes: procedural ones, and patches of photos that may be used.

Photos come from the caller (permitted training scenes) and from what scikit-image's wheel carries: astronaut, rocket,
hubble_deep_field (NASA, public domain), chelsea, coffee, brick, grass, gravel, camera (CC0).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from dofsim.datasets.mattes import Subject

Colour = npt.NDArray[np.float32]

#: Side of a texture, px.
SIDE = 256
#: Side of a cut-out, px.
CUTOUT_SIDE = 320
_LEVELS = 7
_SKIMAGE = ("astronaut", "chelsea", "coffee", "rocket", "brick", "grass", "gravel", "camera", "hubble_deep_field")


def noise(
    side: int, rng: np.random.Generator, *, octaves: int = 6, roughness: float = 0.55, stretch: float = 1.0
) -> Colour:
    """Fractal noise that repeats without a seam, float32 (side, side), 0..1.

    Parameters
    ----------
    side : int
        A power of two.
    rng : numpy Generator
    octaves : int
    roughness : float
        Amplitude of each octave relative to the one before.
    stretch : float
        > 1 stretches along y, as in wood.
    """
    total = np.zeros((side, side), np.float32)
    for octave in range(octaves):
        across = min(side, 2 ** (octave + 1))
        along = max(1, int(across / stretch))
        grid = rng.random((along, across), dtype=np.float32)
        padded = np.pad(grid, 2, mode="wrap")
        scale_x, scale_y = side / across, side / along
        large = cv2.resize(
            padded, (round(scale_x * (across + 4)), round(scale_y * (along + 4))), interpolation=cv2.INTER_CUBIC
        )
        top, left = round(2 * scale_y), round(2 * scale_x)
        total += large[top : top + side, left : left + side] * np.float32(roughness**octave)
    total -= total.min()
    result: Colour = total / max(float(total.max()), 1e-6)
    return result


def _palette(rng: np.random.Generator, count: int) -> Colour:
    """Some colours that go together; most palettes are as muted as those of homes and streets."""
    hue, vivid = rng.uniform(0, 360), rng.random() < 0.3
    saturation = rng.uniform(0.3, 1.0) if vivid else rng.beta(1.2, 4.5)
    colours = []
    for _ in range(count):
        turned = (hue + rng.normal(0, 70 if vivid else 25)) % 360
        value = np.clip(rng.beta(1.6, 1.4), 0.03, 0.97)
        pixel = np.array([[[turned, np.clip(saturation * rng.uniform(0.6, 1.4), 0, 1), value]]], np.float32)
        colours.append(np.clip(cv2.cvtColor(pixel, cv2.COLOR_HSV2RGB)[0, 0], 0.02, 0.95) ** np.float32(1.6))
    return np.array(colours, np.float32)


def procedural(rng: np.random.Generator, *, calm: bool = False) -> Colour:
    """One random texture: plain, cloudy, wood, tiles, bricks, stripes, checks, dots, or print.

    Parameters
    ----------
    rng : numpy Generator
    calm : bool
        Only plain, cloudy, wooden and tiled ones, as walls and floors mostly are.

    Returns
    -------
    float32 (256, 256, 3)
        Linear, 0..1.
    """
    colours = _palette(rng, 4)
    y, x = np.mgrid[0:SIDE, 0:SIDE].astype(np.float32) / SIDE
    rough = noise(SIDE, rng, roughness=rng.uniform(0.4, 0.8))
    style = int(rng.choice([0, 0, 0, 1, 1, 2, 3, 4])) if calm else int(rng.integers(0, 10))
    if style <= 1:  # plain
        share = rough * np.float32(rng.uniform(0.0, 0.3))
    elif style == 2:
        share = rough
    elif style == 3:  # wood
        grain = noise(SIDE, rng, stretch=16.0, octaves=7)
        share = 0.5 + 0.5 * np.sin((x + 0.15 * grain) * 2 * np.pi * rng.integers(1, 5) + 9 * grain)
        share = 0.7 * share + 0.3 * grain
    elif style in (4, 5):  # tiles and bricks
        rows, columns = int(rng.integers(2, 9)), int(rng.integers(1, 6))
        shift = (np.floor(y * rows) % 2) * 0.5 if style == 5 else np.zeros_like(y)
        u, v = (x * columns + shift) % 1.0, (y * rows) % 1.0
        width = rng.uniform(0.02, 0.1)
        joint = (np.minimum(u, 1 - u) < width * columns / rows) | (np.minimum(v, 1 - v) < width)
        which = (np.floor(x * columns + shift) * 7 + np.floor(y * rows) * 13) % 5 / 5
        share = np.where(joint, 1.0, 0.1 + 0.35 * which + 0.3 * rough)
    elif style == 6:  # stripes
        angle = rng.integers(0, 2)
        share = (((x if angle else y) * rng.integers(2, 24)) % 1.0 < rng.uniform(0.2, 0.8)) * 0.8 + 0.15 * rough
    elif style == 7:  # checks
        n = 2 * int(rng.integers(1, 9))
        share = ((np.floor(x * n) + np.floor(y * n)) % 2) * 0.8 + 0.2 * rough
    elif style == 8:  # dots
        n = int(rng.integers(2, 14))
        share = (np.hypot(x * n % 1 - 0.5, y * n % 1 - 0.5) < rng.uniform(0.15, 0.45)) * 0.8 + 0.2 * rough
    else:  # print: blocks and lines like a label, a page or a window front
        share = np.zeros_like(x)
        for _ in range(int(rng.integers(6, 60))):
            top, left = rng.integers(0, SIDE, 2)
            high, wide = rng.integers(2, 40), rng.integers(4, 120)
            share[top : top + high, left : left + wide] = rng.random()
        share = 0.9 * share + 0.1 * rough
    share = np.clip(share, 0, 1)[..., None]
    result = colours[0] * (1 - share) + colours[1] * share
    result *= (0.85 + 0.3 * noise(SIDE, rng, octaves=4))[..., None]
    return np.clip(result, 0.01, 0.98).astype(np.float32)


def _patch(photo: npt.NDArray[np.uint8], rng: np.random.Generator) -> Colour:
    side = int(min(photo.shape[:2]) * rng.uniform(0.25, 1.0))
    top = int(rng.integers(0, photo.shape[0] - side + 1))
    left = int(rng.integers(0, photo.shape[1] - side + 1))
    patch = cv2.resize(photo[top : top + side, left : left + side], (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    if rng.random() < 0.6:  # mirrored, so that repeats meet without a seam
        half = cv2.resize(patch, (SIDE // 2, SIDE // 2), interpolation=cv2.INTER_AREA)
        half = np.hstack((half, half[:, ::-1]))
        patch = np.vstack((half, half[::-1]))
    linear = (patch.astype(np.float32) / 255.0) ** np.float32(2.2)
    level = float(linear.mean())
    return np.clip(linear * np.float32(min(0.35 / max(level, 0.02), 3.0)), 0.01, 0.98).astype(np.float32)


def skimage_photos() -> list[npt.NDArray[np.uint8]]:
    """Public-domain and CC0 pictures of the scikit-image wheel, uint8 (h, w, 3); empty without scikit-image."""
    try:
        from skimage import data
    except ImportError:
        return []
    photos = []
    for name in _SKIMAGE:
        picture = np.asarray(getattr(data, name)())
        photos.append(np.repeat(picture[..., None], 3, axis=2) if picture.ndim == 2 else picture[..., :3])
    return photos


@dataclass(frozen=True, eq=False)
class TextureBank:
    """Textures with their reduced levels, and cut-outs.

    Attributes
    ----------
    levels : float32 (n, texels, 3)
        All levels of each texture one after the other; linear.
    offsets : int64
        ``(0, side, start of level 0, start of level 1, ...)``.
    cutouts : float32 (m, s, s, 3)
        Matted subjects stretched to squares; linear.
    cutout_alpha : uint8 (m, s, s)
    aspect : float64 (m,)
        Width / height of each cut-out.
    grounded : bool (m,)
        Whether the subject is whole.
    sky : float32 (side, side)
        Noise for clouds.
    calm : int
        The first so many textures are plain, cloudy, wooden or tiled.
    """

    levels: Colour
    offsets: npt.NDArray[np.int64]
    cutouts: Colour
    cutout_alpha: npt.NDArray[np.uint8]
    aspect: npt.NDArray[np.float64]
    grounded: npt.NDArray[np.bool_]
    sky: Colour
    calm: int = 0

    def __len__(self) -> int:
        return len(self.levels)

    def clouds(self, size: tuple[int, int], rng: np.random.Generator) -> Colour:
        """Cloud cover, float32 (h, w), 0..1."""
        height, width = size
        top, left = rng.integers(0, SIDE // 2, 2)
        part = self.sky[top : top + SIDE // 2, left : left + SIDE // 2]
        cover = cv2.resize(part, (width, height), interpolation=cv2.INTER_CUBIC)
        return np.clip((cover - np.float32(rng.uniform(0.3, 0.8))) * 3.0, 0.0, 1.0).astype(np.float32)


def make_bank(
    rng: np.random.Generator, *, photos: Sequence[npt.NDArray[np.uint8]] = (), subjects: Sequence[Subject] = (),
    count: int = 200, photo_share: float = 0.6, calm_share: float = 0.3,
) -> TextureBank:  # fmt: skip
    """Make a bank of textures.

    Parameters
    ----------
    rng : numpy Generator
    photos : sequence of uint8 (h, w, 3)
        To take patches from.
    subjects : sequence of Subject
        For cut-outs.
    count : int
    photo_share : float
        Share of the other textures that are patches of photos.
    calm_share : float
        Share of the textures that are calm, see :func:`procedural`.

    Returns
    -------
    TextureBank
    """
    calm = round(calm_share * count)
    stack = [procedural(rng, calm=True) for _ in range(calm)]
    for _ in range(count - calm):
        if photos and rng.random() < photo_share:
            stack.append(_patch(photos[int(rng.integers(len(photos)))], rng))
        else:
            stack.append(procedural(rng))
    starts, levels = [0], []
    for level in range(_LEVELS):
        side = SIDE >> level
        reduced = [cv2.resize(t, (side, side), interpolation=cv2.INTER_AREA) for t in stack]
        levels.append(np.stack(reduced).reshape(count, side * side, 3))
        starts.append(starts[-1] + side * side)
    size = (CUTOUT_SIDE, CUTOUT_SIDE)
    cutouts = [cv2.resize(s.colour, size, interpolation=cv2.INTER_AREA) for s in subjects]
    alphas = [cv2.resize(s.alpha, size, interpolation=cv2.INTER_AREA) for s in subjects]
    return TextureBank(
        levels=np.concatenate(levels, axis=1).astype(np.float32),
        offsets=np.array([0, SIDE, *starts[:-1]], np.int64),
        cutouts=(np.stack(cutouts).astype(np.float32) / 255.0) ** np.float32(2.2)
        if cutouts else np.zeros((0, 1, 1, 3), np.float32),
        cutout_alpha=np.stack(alphas).astype(np.uint8) if alphas else np.zeros((0, 1, 1), np.uint8),
        aspect=np.array([s.alpha.shape[1] / s.alpha.shape[0] for s in subjects], np.float64),
        grounded=np.array([s.grounded for s in subjects], np.bool_),
        sky=noise(SIDE, rng, octaves=7, roughness=0.6),
        calm=calm,
    )  # fmt: skip
