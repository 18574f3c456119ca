"""The light of small bright balls through a lens, sampled where it goes instead of by chance.

A ball at depth z covers a disc of radius ``r_px = f_px r / z`` around its pixel q. Rays through pixel position s and
lens coordinate u meet it where ``d = s - coc u - q`` is shorter than ``r_px``, so the pixel's radiance is

    L r_px^2 / coc^2 * mean over d of [|u| <= 1] [nothing in between],    u = (s - q - d) / coc

which has no noise where the disc of confusion is whole. For small ``coc`` the pairs (u, d) are drawn and their pixels
counted instead.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from dofsim.datasets.raycast import Camera
from dofsim.datasets.traced import Lens, Picture, focal_px

Floats = npt.NDArray[np.float64]

_PER_PIXEL = 16
_COUNTED = 8192
_SMALL = 2.0  # px; below it pixels are counted


def _disc(rng: np.random.Generator, count: int) -> Floats:
    """Random points of the unit disc, float64 (count, 2)."""
    radius, angle = np.sqrt(rng.random(count)), 2 * np.pi * rng.random(count)
    return np.stack((radius * np.cos(angle), radius * np.sin(angle)), axis=1)


def _clear(mi: Any, scene: Any, lens_point: Floats, target: Floats) -> npt.NDArray[np.bool_]:
    """Whether nothing stands between points of the lens (n, 2) and targets (n, 3); both m, right, up, forward."""
    n = len(target)
    start = np.concatenate((lens_point, np.zeros((n, 1))), axis=1)
    way = target - start
    mirror = np.array([-1.0, 1.0, 1.0])
    a = np.ascontiguousarray((start * mirror).T.astype(np.float32))
    b = np.ascontiguousarray((way * mirror).T.astype(np.float32))
    ray = mi.Ray3f(mi.Point3f(*(mi.Float(row) for row in a)), mi.Vector3f(*(mi.Float(row) for row in b)))
    ray.maxt = 0.9999
    return ~np.array(scene.ray_test(ray))


def spark_light(
    mi: Any, scene: Any, sparks: Sequence[tuple[tuple[float, float, float], float, npt.ArrayLike]], camera: Camera,
    size: tuple[int, int], lens: Lens, seed: int,
) -> Picture:  # fmt: skip
    """Radiance that the sparks add to a picture.

    Parameters
    ----------
    mi : module
    scene : mitsuba.Scene
        In which the sparks are black.
    sparks : sequence of ((x, y, z), radius, (r, g, b))
        m and radiance.
    camera : Camera
        At the origin, looking along z without roll.
    size : (height, width)
        Px.
    lens : Lens
        Aperture 0 is a pinhole.
    seed : int

    Returns
    -------
    float32 (h, w, 3)
    """
    rng = np.random.default_rng((seed, 77))
    height, width = size
    focal = focal_px(camera, width)
    out = np.zeros((height, width, 3))
    middle = np.array([width / 2, height / 2])
    down = np.array([1.0, -1.0])  # pixels count downwards, the lens upwards
    for place, radius, radiance in sparks:
        x, y, z = place
        q = middle + down * focal * np.array([x, y]) / z
        r_px = focal * radius / z
        coc = focal * lens.aperture_radius * (1 / lens.focus - 1 / z)
        if abs(coc) < _SMALL:
            u, d = _disc(rng, _COUNTED), r_px * _disc(rng, _COUNTED)
            s = q + d + coc * u
            weight = np.pi * r_px**2 / _COUNTED
        else:
            reach = abs(coc) + r_px + 1
            low = np.maximum(np.floor(q - reach), 0).astype(int)
            high = np.minimum(np.ceil(q + reach), (width, height)).astype(int)
            if (high <= low).any():
                continue
            corner = np.stack(np.meshgrid(*(np.arange(a, b) for a, b in zip(low, high, strict=True))), axis=-1)
            s = np.repeat(corner.reshape(-1, 2), _PER_PIXEL, axis=0) + rng.random((corner.size // 2 * _PER_PIXEL, 2))
            d = r_px * _disc(rng, len(s))
            u = (s - q - d) / coc
            weight = (r_px / coc) ** 2 / _PER_PIXEL
        pixel = np.floor(s).astype(int)
        keep = ((u**2).sum(axis=1) <= 1) & (pixel >= 0).all(axis=1) & (pixel < (width, height)).all(axis=1)
        if not keep.any():
            continue
        front = z - 1.05 * radius
        target = np.concatenate(
            (down * (q + d - middle)[keep] * front / focal, np.full((keep.sum(), 1), front)), axis=1
        )
        clear = _clear(mi, scene, u[keep] * down * lens.aperture_radius, target)
        columns, rows = pixel[keep][clear].T
        hits = np.bincount(rows * width + columns, minlength=height * width).reshape(height, width)
        out += weight * hits[..., None] * np.asarray(radiance, np.float64)
    return out.astype(np.float32)
