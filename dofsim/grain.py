"""Grain of the sensor: measure it in a photo, and put it back where blur took it away."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from dofsim.bokeh.plan import IN_FOCUS_RADIUS
from dofsim.bokeh.workers import Workers
from dofsim.photo.colour import ColourProfile

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]

_CODES = np.arange(256)
_ROUNDING = 1 / 12  # variance that rounding to 8 bits adds, codes²

# Measuring.
_BLOCK = 16  # px, side of the blocks in which grain is measured
_BLOCKS = 4096  # as many blocks are looked at
_BIN = 16  # codes of brightness that are measured together
_FEWEST = 32  # blocks it takes
_CLUSTER = 1.5  # variance of the blocks that are taken for flat, at most, against their mean
_TIGHT = 1.5  # deviation at the tenth percentile against that of the first: texture is never equally strong everywhere
_EVEN = 0.25  # correlation of neighbours across against down: texture has a direction
_FAR, _FAR_CORRELATION = 4, 0.04  # px, and the correlation over so many: texture is larger than grain
_KURTOSIS = (2.3, 3.4)  # 3 in grain; texture has edges, patterns are flat-topped
_SPAN = 3.0  # deviation against the smallest one found at any brightness
_STRONGEST = 6.0  # codes
_SPREADS = np.arange(0.0, 1.61, 0.02)

# Adding.
_SEED = 0
_NOISE = 1 << 18  # values of white noise from which rows are cut
_ROWS = 64  # that are worked on at a time
_DITHERED = 0.5  # codes of grain from which on rounding leaves no contours, and no dither is needed
_SHIFT, _OCTAVES = 17, 20  # 64 cells per octave of light, down to 2^-20: a cell is finer than a code


@dataclass(frozen=True, eq=False)
class Grain:
    """Grain of a photo: noise that its three channels share.

    Attributes
    ----------
    strength : float64 array, shape (256,)
        Standard deviation by brightness, both in 8-bit codes; what rounding to 8 bits adds is not in it.
    spread : float
        Standard deviation, px, of the Gaussian that makes such grain of white noise; 0 for white noise.
    """

    strength: Float64
    spread: float

    @property
    def kernel(self) -> Float32:
        """The Gaussian, float32 (odd,), which keeps the variance of white noise when applied across and down."""
        return _gaussian(self.spread).astype(np.float32)

    @property
    def area(self) -> float:
        """Correlation area, px²: the sum of the autocorrelation; 1 for white noise."""
        return _area(self.spread)


def _gaussian(spread: float) -> Float64:
    line = np.ones(1) if spread < 0.2 else cv2.getGaussianKernel(2 * math.ceil(2.5 * spread) + 1, spread).ravel()
    return np.asarray(line / math.sqrt(np.square(line).sum()), np.float64)


def _area(spread: float) -> float:
    return float(_gaussian(spread).sum() ** 4)


@dataclass(frozen=True, eq=False)
class _Blocks:
    """Statistics of blocks from which a plane was subtracted, in 8-bit codes, one value per block."""

    mean: Float32
    variance: Float32
    across: Float32
    down: Float32
    far: Float32
    kurtosis: Float32


def estimate_grain(pixels: npt.NDArray[Any]) -> Grain:
    """Measure the grain of a photo in its flattest blocks.

    At every brightness, the blocks of smallest variance count, provided that they look like grain: equally strong
    everywhere, alike across and down, uncorrelated over a few pixels, and Gaussian. Where none do, the neighbouring
    brightness stands in. Texture is rather not taken for grain than grain for texture.

    Parameters
    ----------
    pixels : uint8 or uint16 array, shape (H, W, 3)
        Encoded RGB.

    Returns
    -------
    Grain
        Of strength 0 if nothing in the photo looks like grain.
    """
    blocks = _measure_blocks(pixels)
    rounding = _ROUNDING if pixels.dtype == np.uint8 else 0.0
    found = _flat_blocks(blocks)
    if not found:
        return Grain(np.zeros(256), 0.0)
    every = np.concatenate(found)
    covariance = float(blocks.across[every].sum() + blocks.down[every].sum()) / 2
    variance = max(float(blocks.variance[every].sum()) - rounding * len(every), 1e-9)
    # The plane that was subtracted took part of the grain with it: three of the numbers that make up a block.
    lost = np.array([3 * _area(spread) for spread in _SPREADS]) / _BLOCK**2
    neighbours = np.array([_gaussian(spread)[1:] @ _gaussian(spread)[:-1] for spread in _SPREADS])
    spread = float(np.interp(covariance / variance, (neighbours - lost) / (1 - lost), _SPREADS))
    kept = 1 - np.interp(spread, _SPREADS, lost)
    deviation = [math.sqrt(max(float(blocks.variance[flat].mean()) - rounding, 0.0) / kept) for flat in found]
    return Grain(np.interp(_CODES, [blocks.mean[flat].mean() for flat in found], deviation), spread)


def _measure_blocks(pixels: npt.NDArray[Any]) -> _Blocks:
    rows, columns = (size // _BLOCK for size in pixels.shape[:2])
    every = max(1, -(-rows * columns // _BLOCKS))
    strips = pixels[: rows * _BLOCK].reshape(rows, _BLOCK, pixels.shape[1], 3)
    strips = strips[every // 2 :: every, :, : columns * _BLOCK]
    luma = np.zeros((0, _BLOCK), np.float32)
    if strips.size:
        luma = cv2.cvtColor(strips.reshape(-1, columns * _BLOCK, 3).astype(np.float32), cv2.COLOR_RGB2GRAY)
    if pixels.dtype == np.uint16:
        luma /= 257
    blocks = luma.reshape(-1, _BLOCK, luma.shape[1] // _BLOCK, _BLOCK).swapaxes(1, 2).reshape(-1, _BLOCK**2)
    clipped = (blocks.min(axis=1) <= 1) | (blocks.max(axis=1) >= 254)
    blocks = blocks[~clipped]
    line = np.linspace(-1.0, 1.0, _BLOCK)
    plane = np.stack([np.ones((_BLOCK, _BLOCK)), *np.meshgrid(line, line)]).reshape(3, -1)
    plane = (plane / np.linalg.norm(plane, axis=1, keepdims=True)).astype(np.float32)
    rest = blocks - (blocks @ plane.T) @ plane
    squares = rest * rest
    variance = squares.mean(axis=1)
    kurtosis = np.asarray(np.square(squares).mean(axis=1) / np.maximum(variance, 1e-9) ** 2, np.float32)
    square = rest.reshape(-1, _BLOCK, _BLOCK)

    def covariance(shift: int, axis: int) -> Float32:
        a = np.moveaxis(square, axis, 1)
        products = np.einsum("ijk,ijk->i", a[:, shift:], a[:, :-shift])
        return np.asarray(products / (_BLOCK * (_BLOCK - shift)), np.float32)

    far = np.asarray((covariance(_FAR, 1) + covariance(_FAR, 2)) / 2, np.float32)
    return _Blocks(blocks.mean(axis=1), variance, covariance(1, 2), covariance(1, 1), far, kurtosis)


def _flat_blocks(blocks: _Blocks) -> list[npt.NDArray[np.intp]]:
    """The blocks that hold nothing but grain, for every range of brightness that has some, from dark to bright."""
    cleanest, found = math.inf, []
    for low in range(0, 256, _BIN):
        inside = np.flatnonzero((blocks.mean >= low) & (blocks.mean < low + _BIN))
        if len(inside) < _FEWEST:
            continue
        inside = inside[np.argsort(blocks.variance[inside], kind="stable")]
        flat = inside[: _size_of_cluster(blocks.variance[inside])]
        cleanest = min(cleanest, float(blocks.variance[inside[len(inside) // 20]]))
        if _looks_like_grain(blocks, inside, flat):
            found.append(flat)
    limit = min(_SPAN**2 * max(cleanest, _ROUNDING), _STRONGEST**2)
    return [flat for flat in found if blocks.variance[flat].mean() < limit]


def _size_of_cluster(variance: Float32) -> int:
    """How many of the variances, which ascend, belong to the cluster at their lower end."""
    count = 1
    typical = float(variance[len(variance) // 20])
    for _ in range(3):
        count = int(np.searchsorted(variance, _CLUSTER * typical, side="right"))
        typical = float(variance[:count].mean())
    return count


def _looks_like_grain(blocks: _Blocks, inside: npt.NDArray[np.intp], flat: npt.NDArray[np.intp]) -> bool:
    first, tenth = blocks.variance[inside[[len(inside) // 100, len(inside) // 10]]]
    total = float(blocks.variance[flat].sum())
    across, down, far = (float(values[flat].sum()) for values in (blocks.across, blocks.down, blocks.far))
    tails = float(np.median(blocks.kurtosis[flat]))
    return bool(
        tenth <= _TIGHT**2 * first
        and abs(across - down) <= _EVEN * total
        and far <= _FAR_CORRELATION * total
        and (total == 0 or _KURTOSIS[0] <= tails <= _KURTOSIS[1])
    )


def add_grain(
    linear: Float32,
    coc: Float32,
    grain: Grain,
    profile: ColourProfile,
    *,
    bits: int = 8,
    threads: int = 1,
    place: tuple[int, int] | None = None,
) -> None:
    """Add grain to a blurred picture, in place, as much as the blur has taken away.

    A disc of radius r leaves the share A / (A + pi r²) of the variance of grain with the correlation area A, so the
    amplitude sqrt(pi r² / (A + pi r²)) is added. Where the grain is too weak to hide the contours of rounding, white
    noise of one code is added as well. All three channels get the same, in the encoded scale; near black and white it
    fades, so that clipping does not move the mean.

    Parameters
    ----------
    linear : float32 array, shape (H, W, 3), C-contiguous
        Blurred picture, scene-linear; changed in place.
    coc : float32 array, shape (H, W), C-contiguous
        Radius of the circle of confusion, px, of either sign. Pixels in focus keep their light bit by bit.
    grain : Grain
        Of the photo.
    profile : ColourProfile
        Of the photo.
    bits : {8, 16}
        Of the codes to which the picture will be rounded.
    threads : int
        The result does not depend on it.
    place : (int, int), optional
        For a band of a picture: its first row, a multiple of 64, and the height of the picture, px. It gets the same
        noise as in one piece. Default: this is all of it.
    """
    from dofsim._grain import add_codes

    assert linear.flags.c_contiguous, "a copy would be changed, not the picture"
    height, width, _ = linear.shape
    begin, whole = place or (0, height)
    assert begin % _ROWS == 0, "the noise of rounding is drawn for so many rows at a time"
    kernel = grain.kernel
    margin = len(kernel) // 2
    line, uniform, starts = _noise(width, whole, grain.spread)
    starts = starts[begin:]
    first = int(np.float32(2.0**-_OCTAVES).view(np.int32)) >> _SHIFT
    table = _noise_table(grain, profile, first, 1.0 if bits == 8 else 1 / 257)
    in_focus, area = np.float32(IN_FOCUS_RADIUS), np.float32(grain.area / math.pi)

    def add(top: int) -> None:
        radius = coc[top : top + _ROWS].ravel()
        count = len(radius) // width
        noise = np.empty((count + 2 * margin, width), np.float32)
        for row, start in zip(noise, starts[top:], strict=False):
            row[:] = line[start : start + width]
        noise = cv2.sepFilter2D(noise, -1, np.ones(1, np.float32), kernel)[margin : margin + count]
        dither = uniform[starts[top] : starts[top] + len(radius)]
        light = linear[top : top + _ROWS].reshape(-1, 3)
        add_codes(light, radius, in_focus, area, table, _SHIFT, first, noise.ravel(), dither)

    with Workers(threads) as workers:
        workers.run(add, range(0, height, _ROWS))


@lru_cache(maxsize=1)
def _noise(width: int, height: int, spread: float) -> tuple[Float32, Float32, npt.NDArray[np.int64]]:
    """Noise for pictures of a size: rows are pieces of one long line, soft along itself, or uniform for rounding.

    Returns
    -------
    line, uniform : float32 arrays
    starts : int64 array
        Where each row begins in them; there are some more, for softening across the rows.
    """
    random = np.random.default_rng(_SEED)
    kernel = _gaussian(spread).astype(np.float32)
    line = np.convolve(random.standard_normal(_NOISE + width, np.float32), kernel, mode="same")
    uniform = random.random(_NOISE + _ROWS * width, np.float32) - np.float32(0.5)
    # Every row comes from somewhere else: there are no seams, and nothing comes again.
    return line, uniform, random.integers(0, _NOISE, height + len(kernel) // 2 * 2)


def _noise_table(grain: Grain, profile: ColourProfile, first: int, code: float) -> Float32:
    """The table of :func:`dofsim._grain.add_codes`; ``code``: one code of the result in 8-bit codes."""
    curve = profile.to_linear(np.repeat(_CODES.astype(np.uint8)[None, :, None], 3, axis=2))[0].astype(np.float64)
    last = int(np.float32(1.0).view(np.int32)) >> _SHIFT
    middles = (np.arange(first, last + 1, dtype=np.int32) << _SHIFT) + (1 << (_SHIFT - 1))
    light = middles.view(np.float32)
    light[-1] = 1.0
    room = max(2.0 * float(grain.strength.max()), 0.5)
    table = np.empty((len(light), 5), np.float32)
    for channel in range(3):
        codes = np.interp(light, curve[:, channel], _CODES)
        fade = np.clip(np.minimum(codes, 255 - codes) / room, 0.0, 1.0)
        table[:, channel] = np.interp(codes, _CODES, np.gradient(curve[:, channel])) * fade
        if channel == 1:
            table[:, 3] = np.interp(codes, _CODES, grain.strength)
    table[:, 4] = code * np.sqrt(np.clip(1.0 - (table[:, 3] / _DITHERED) ** 2, 0.0, 1.0))
    return table
