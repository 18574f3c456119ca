"""A synthetic photo with the kind of depth that phones deliver, of any size, the same on every machine."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt

FOCUS = 0.7
_DEPTH_WIDTH, _DEPTH_HEIGHT = 768, 576


@dataclass(frozen=True, eq=False)
class BenchScene:
    """Picture and depth of one benchmark size.

    Attributes
    ----------
    rgb : uint8 array, shape (H, W, 3)
        sRGB picture with the falling spectrum of photos.
    depth : float32 array, shape (H, W)
        Normalised inverse depth, 0 = far, 1 = near: 768 x 576 values of 8 bits, brought to size bilinearly.
    """

    rgb: npt.NDArray[np.uint8]
    depth: npt.NDArray[np.float32]

    @property
    def pixels(self) -> int:
        """Number of pixels."""
        return self.depth.size

    @cached_property
    def linear(self) -> npt.NDArray[np.float32]:
        """The picture in linear light, float32 (H, W, 3), 1.0 = white."""
        code = np.arange(256, dtype=np.float64) / 255.0
        curve = np.where(code <= 0.04045, code / 12.92, ((code + 0.055) / 1.055) ** 2.4)
        return curve.astype(np.float32)[self.rgb]

    def coc(self, max_radius_px: float) -> npt.NDArray[np.float32]:
        """Signed radius, px, float32 (H, W), when the focus is at 0.7 and infinity gets ``max_radius_px``."""
        return (np.float32(FOCUS) - self.depth) * np.float32(max_radius_px / FOCUS)

    def noisy(self, share: float) -> BenchScene:
        """The scene with noise on its depth, the same at every call.

        Parameters
        ----------
        share : float
            Standard deviation of white Gaussian noise, as a share of the depth's range; 0: the scene itself; infinity:
            uniform noise instead of depth.
        """
        if share == 0.0:
            return self
        random = np.random.default_rng(1)
        if math.isinf(share):
            return replace(self, depth=random.random(self.depth.shape, dtype=np.float32))
        noise = random.standard_normal(self.depth.shape, dtype=np.float32)
        noise *= np.float32(share)
        noise += self.depth
        return replace(self, depth=np.clip(noise, 0.0, 1.0, out=noise))


def make_scene(pixels: int, *, seed: int = 7) -> BenchScene:
    """Make the scene: a receding floor, a wall, and some two dozen things before it, all textured.

    Parameters
    ----------
    pixels : int
        Wanted number of pixels; the picture is 4:3.
    seed : int
        Of the layout and the texture.

    Returns
    -------
    BenchScene
    """
    import cv2

    height = max(8, round(math.sqrt(pixels * 3 / 4)))
    width = max(8, round(pixels / height))
    random = np.random.default_rng(seed)
    depth, label = _lay_out(random)
    size = (width, height)
    # Phones blur their depth maps a little, quantise them, and leave the upsampling to us.
    soft = np.round(cv2.GaussianBlur(depth, (0, 0), 0.8) * 255.0).astype(np.uint8)
    full_depth = cv2.resize(soft, size, interpolation=cv2.INTER_LINEAR).astype(np.float32) / np.float32(255.0)
    full_label = cv2.resize(label, size, interpolation=cv2.INTER_NEAREST)
    count = int(label.max()) + 1
    paint = (128 + random.normal(0, 40, (count, 1)) + random.normal(0, 22, (count, 3))).astype(np.float32)
    rgb = paint[full_label] + _texture(random, width, height)
    return BenchScene(np.clip(rgb, 0, 255).astype(np.uint8), full_depth)


def _lay_out(random: np.random.Generator) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.uint8]]:
    import cv2

    rows = np.linspace(0, 1, _DEPTH_HEIGHT, dtype=np.float32)[:, None]
    depth = np.ascontiguousarray(np.broadcast_to(np.maximum(0.12, rows * 0.75 - 0.05), (_DEPTH_HEIGHT, _DEPTH_WIDTH)))
    label = np.zeros(depth.shape, np.uint8)
    things = np.sort(random.uniform(0.15, 1.0, 24)).tolist()
    for index, near in enumerate(things, start=1):
        centre = (int(random.integers(0, _DEPTH_WIDTH)), int(random.integers(60, _DEPTH_HEIGHT)))
        axes = (int(20 + 70 * near * random.random()), int(30 + 110 * near * random.random()))
        angle = float(random.uniform(0, 180))
        cv2.ellipse(depth, centre, axes, angle, 0, 360, near, -1)
        cv2.ellipse(label, centre, axes, angle, 0, 360, index, -1)
    return depth, label


def _texture(random: np.random.Generator, width: int, height: int) -> npt.NDArray[np.float32]:
    import cv2

    texture = np.zeros((height, width, 3), np.float32)
    cells, strength = 8, 24.0
    while cells <= max(width, height):
        rows = max(2, cells * height // width)
        noise = 0.8 * random.standard_normal((rows, cells, 1), dtype=np.float32)
        noise = noise + 0.4 * random.standard_normal((rows, cells, 3), dtype=np.float32)
        texture += cv2.resize(noise * np.float32(strength), (width, height), interpolation=cv2.INTER_LINEAR)
        cells *= 2
        strength = max(strength * 0.62, 2.5)
    return texture
