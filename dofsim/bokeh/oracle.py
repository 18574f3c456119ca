"""The plain truth for the kernels: every pixel spreads over its circle of confusion, written to be read.

Each source pixel adds its light to every pixel that its disc covers, weighted by covered area / disc area (other
apertures: by the light that falls there). Sources are kept in layers by side of the focus plane and size of the
radius, and the layers are composited from the nearest to the farthest by saturation: a layer takes
``min(coverage, what is left of 1)``. So a surface that falls into several layers adds up without seams, and a covered
surface does not shine through.
"""

from __future__ import annotations

import functools
import math

import numpy as np
import numpy.typing as npt

from dofsim.bokeh.aperture import Aperture
from dofsim.bokeh.plan import FINE_RADIUS, FINE_SPLITS, IN_FOCUS_RADIUS, OWN_RADIUS


def disc_coverage(
    radius: float, centre: tuple[float, float] = (0.0, 0.0), samples: int = 16
) -> npt.NDArray[np.float64]:
    """Share of each pixel that a disc covers, by supersampling.

    Parameters
    ----------
    radius : float
        px, > 0.
    centre : (float, float)
        (x, y) offset of the disc from the middle pixel, px.
    samples : int
        Samples per pixel and axis.

    Returns
    -------
    float64 array, shape (2n + 1, 2n + 1)
        0..1, with the middle pixel at [n, n].
    """
    n = math.ceil(radius + 1.0)
    fine = (np.arange((2 * n + 1) * samples) + 0.5) / samples - n - 0.5
    inside = (fine[None, :] - centre[0]) ** 2 + (fine[:, None] - centre[1]) ** 2 <= radius * radius
    return inside.reshape(2 * n + 1, samples, 2 * n + 1, samples).mean(axis=(1, 3))


@functools.lru_cache
def shape_light(
    aperture: Aperture, coc: float, place: tuple[float, float] = (0.0, 0.0), samples: int = 16
) -> npt.NDArray[np.float64]:
    """Share of a point's light that falls on each pixel around it, by supersampling the definition of the aperture.

    Parameters
    ----------
    aperture : Aperture
    coc : float
        Signed circle of confusion, px, not 0.
    place : (float, float)
        (x, y) of the point from the middle of the picture, in units of half the diagonal; for the cat's eye.
    samples : int
        Samples per pixel and axis.

    Returns
    -------
    float64 array, shape (2n + 1, 2n + 1)
        Adds up to 1, with the middle pixel at [n, n].
    """
    n = math.ceil(abs(coc) + 1.0)
    fine = ((np.arange((2 * n + 1) * samples) + 0.5) / samples - n - 0.5) / coc
    y, x = np.meshgrid(fine, fine, indexing="ij")
    stop_x, stop_y = (aperture.cats_eye * -value for value in place)
    rim = aperture.reach(np.arctan2(x / aperture.squeeze, -y))
    rho = np.hypot(x / aperture.squeeze, y) / rim
    light = np.where((rho <= 1) & (np.hypot(x - stop_x, y - stop_y) <= 1), aperture.light(rho, coc > 0), 0.0)
    light = light.reshape(2 * n + 1, samples, 2 * n + 1, samples).mean(axis=(1, 3))
    return light / light.sum()


def layer_of(coc: float) -> int:
    """Order of a source from front to back: < 0 in front, 0 in focus, > 0 behind.

    Layers are cut at 2.5, 5, 8, 16, 32, ... px.
    """
    radius = abs(coc)
    if radius < IN_FOCUS_RADIUS:
        return 0
    layer = 1 + sum(radius >= split for split in FINE_SPLITS)
    if radius >= FINE_RADIUS:
        layer += 1 + math.floor(math.log2(radius / FINE_RADIUS))
    return layer if coc > 0 else -layer


def scatter(
    linear_rgb: npt.NDArray[np.float32], coc_px: npt.NDArray[np.float32], aperture: Aperture | None = None
) -> npt.NDArray[np.float32]:
    """Layered scatter of every pixel over its own circle of confusion, with borders as :func:`extend` has them.

    A nearly sharp pixel gives light to sharp neighbours and gets none back. What it then lacks, after the layer next to
    the focus plane, is its own light: all of it up to 1 px of radius, none from ``OWN_RADIUS`` px on.

    Parameters
    ----------
    linear_rgb : float32 array, shape (H, W, 3)
        Scene-linear.
    coc_px : float32 array, shape (H, W)
        Signed radius, px, + behind, - in front.
    aperture : Aperture, optional
        Default: a disc.

    Returns
    -------
    float32 array, shape (H, W, 3)
    """
    height, width = coc_px.shape
    half = 0.5 * math.hypot(height, width)
    margin = math.ceil(float(np.abs(coc_px).max())) + 1
    wide_rgb, wide_coc = extend(linear_rgb, margin, mix=True), extend(coc_px, margin, mix=False)
    layers: dict[int, npt.NDArray[np.float64]] = {}
    for y in range(-margin, height + margin):
        for x in range(-margin, width + margin):
            coc = float(wide_coc[y + margin, x + margin])
            source = np.array([*wide_rgb[y + margin, x + margin], 1.0])
            if abs(coc) < IN_FOCUS_RADIUS:
                coverage = np.ones((1, 1))
            elif aperture is None:
                coverage = disc_coverage(abs(coc), samples=8)
                coverage /= coverage.sum()
            else:
                place = (x - (width - 1) / 2) / half, (y - (height - 1) / 2) / half
                coverage = shape_light(aperture, coc, place, samples=8)
            n = coverage.shape[0] // 2
            y0, y1, x0, x1 = max(y - n, 0), min(y + n + 1, height), max(x - n, 0), min(x + n + 1, width)
            if y0 < y1 and x0 < x1:
                layer = layers.setdefault(layer_of(coc), np.zeros((height, width, 4)))
                seen = coverage[y0 - y + n : y1 - y + n, x0 - x + n : x1 - x + n]
                layer[y0:y1, x0:x1] += seen[..., None] * source
    light = np.zeros((height, width, 3))
    left = np.ones((height, width))
    own = np.clip((OWN_RADIUS - np.abs(coc_px)) / (OWN_RADIUS - 1.0), 0.0, 1.0)
    for key in sorted({*layers, 0, 2}):
        if key == 2:
            light += (left * own)[..., None] * linear_rgb
            left *= 1.0 - own
        if key not in layers:
            continue
        coverage = layers[key][..., 3]
        taken = np.minimum(coverage, left)
        light += layers[key][..., :3] * (taken / np.maximum(coverage, 1e-12))[..., None]
        left -= taken
    return (light / np.maximum(1.0 - left, 1e-12)[..., None]).astype(np.float32)


def extend(picture: npt.NDArray[np.float32], margin: int, *, mix: bool) -> npt.NDArray[np.float32]:
    """A picture with a margin: what its border reflects, or the mean of that and of the nearest pixel of the border.

    Parameters
    ----------
    picture : float32 array, shape (H, W) or (H, W, channels)
    margin : int
        px.
    mix : bool

    Returns
    -------
    float32 array, shape (H + 2 margin, W + 2 margin) or (H + 2 margin, W + 2 margin, channels)
    """
    around = [(margin, margin)] * 2 + [(0, 0)] * (picture.ndim - 2)
    reflected = np.pad(picture, around, mode="symmetric")
    if not mix:
        return reflected
    return np.float32(0.5) * (reflected + np.pad(picture, around, mode="edge"))
