"""Grain of the sensor: measure it in a photo, and put it back where blur took it away."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from dofsim.bokeh.plan import IN_FOCUS_RADIUS
from dofsim.photo.colour import ColourProfile

Float32 = npt.NDArray[np.float32]

ROUNDING = 1 / 12
"""Variance that rounding to 8 bits adds, codes²."""

_BLOCK = 16  # px, side of the blocks in which grain is measured
_BLOCKS = 8192  # as many blocks as are looked at
_BIN = 16  # codes of brightness that share a measurement
_FEWEST = 48  # blocks without which there is none
_TIGHT = 1.5  # the tenth flattest block in a hundred may have this times the deviation of the flattest
_EVEN = 0.25  # neighbours across and down may differ by this in correlation
_SOFTEST = 0.85  # correlation of neighbours from which on it is no grain
_TAILS = (2.3, 3.4)  # kurtosis of grain in a block
_SPAN = 2.0  # grain of one brightness against that of the cleanest brightness
_DITHERED = 0.5  # codes of grain that leave no contours


@dataclass(frozen=True, eq=False)
class Grain:
    """Grain of a photo: noise that all three channels share.

    Attributes
    ----------
    strength : float32 array, shape (256,)
        Standard deviation by brightness, both in 8-bit codes; what rounding to 8 bits adds is left out.
    spread : float
        How soft it is: standard deviation, px, of the Gaussian that makes it out of white noise.
    """

    strength: Float32
    spread: float


def estimate_grain(pixels: npt.NDArray[Any]) -> Grain:
    """Measure the grain of a photo in its flattest parts.

    Parameters
    ----------
    pixels : uint8 or uint16 array, shape (H, W, 3)
        Encoded RGB.

    Returns
    -------
    Grain
        Of strength 0 where nothing flat says what it is.
    """
    mean, variance, across, down, kurtosis = _block_statistics(pixels)
    codes, found, weight, covariance = [], [], 0.0, 0.0
    floor = math.inf
    rounding = ROUNDING if pixels.dtype == np.uint8 else 0.0
    for low in range(0, 256, _BIN):
        inside = np.flatnonzero((mean >= low) & (mean < low + _BIN))
        if len(inside) < _FEWEST:
            continue
        inside = inside[np.argsort(variance[inside])]
        flattest, few, tenth = variance[inside][[len(inside) // 100, len(inside) // 20, len(inside) // 10]]
        floor = min(floor, few)
        limit = few
        for _ in range(3):
            flat = inside[variance[inside] <= 1.5 * limit]
            limit = variance[flat].mean()
        total = variance[flat].sum()
        if total == 0:
            codes.append(mean[flat].mean()); found.append(0.0)
            continue
        x, y = across[flat].sum() / total, down[flat].sum() / total
        if tenth > _TIGHT**2 * flattest or abs(x - y) > _EVEN or max(x,y) > _SOFTEST or not _TAILS[0] < np.median(kurtosis[flat]) < _TAILS[1]:
            continue
        codes.append(mean[flat].mean())
        found.append(limit)
        weight += max(total - rounding * len(flat), 0)
        covariance += (across[flat].sum() + down[flat].sum()) / 2
    if not found:
        return Grain(np.zeros(256, np.float32), 0.0)
    clean = np.maximum(np.minimum(found, _SPAN**2 * max(floor - rounding, 0) + rounding) - rounding, 0)
    strength = np.interp(np.arange(256), codes, np.sqrt(clean))
    return Grain(strength.astype(np.float32), _spread(covariance / weight if weight > 0 else 0.0))


def _block_statistics(pixels):
    height, width = (size // _BLOCK for size in pixels.shape[:2])
    every = max(1, -(-height * width // _BLOCKS))
    strips = pixels[: height * _BLOCK].reshape(height, _BLOCK, -1, 3)[every // 2 :: every, :, : width * _BLOCK]
    luma = cv2.cvtColor(strips.reshape(-1, width * _BLOCK, 3).astype(np.float32), cv2.COLOR_RGB2GRAY)
    if pixels.dtype == np.uint16:
        luma /= 257
    blocks = luma.reshape(-1, _BLOCK, width, _BLOCK).swapaxes(1, 2).reshape(-1, _BLOCK * _BLOCK)
    blocks = blocks[(blocks.min(axis=1) > 1) & (blocks.max(axis=1) < 254)]
    line = np.linspace(-1, 1, _BLOCK)
    plane = np.stack([np.ones((_BLOCK, _BLOCK)), *np.meshgrid(line, line)]).reshape(3, -1)
    plane = (plane / np.linalg.norm(plane, axis=1, keepdims=True)).astype(np.float32)
    rest = blocks - (blocks @ plane.T) @ plane
    variance = np.einsum("ij,ij->i", rest, rest) / (_BLOCK**2 - 3)
    kurtosis = np.einsum("ij,ij->i", rest**2, rest**2) / _BLOCK**2 / np.maximum(variance, 1e-6) ** 2
    rest = rest.reshape(-1, _BLOCK, _BLOCK)
    across = np.einsum("ijk,ijk->i", rest[:, :, 1:], rest[:, :, :-1]) / (_BLOCK * (_BLOCK - 1))
    down = np.einsum("ijk,ijk->i", rest[:, 1:], rest[:, :-1]) / (_BLOCK * (_BLOCK - 1))
    return blocks.mean(axis=1), variance, across, down, kurtosis


def _kernel(spread):
    line = np.ones(1) if spread == 0 else cv2.getGaussianKernel(2 * math.ceil(3 * spread) + 1, spread).ravel()
    return line / math.sqrt((line**2).sum())


def _spread(rho):
    spreads = np.arange(0.0, 1.61, 0.02)
    kernels = [_kernel(s) for s in spreads]
    return float(np.interp(rho, [(k[1:] * k[:-1]).sum() for k in kernels], spreads))
