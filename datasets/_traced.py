"""Compiled kernels of :mod:`dofsim.datasets.traced_light`: smoothing of light, and textures at full sharpness.

The filter is after Dammertz, Sewtz, Hanika, Lensch: Edge-Avoiding A-Trous Wavelet Transform for fast Global
Illumination Filtering (HPG 2010): wavelet levels whose taps count less across other surfaces, other normals and other
brightness.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from dofsim._kept import kept


@kept(fastmath=True, error_model="numpy", runtime=True)
def smooth_light(light: Any, place: Any, normal: Any, known: Any, levels: int) -> Any:
    """Smooth ``light`` (h, w, 3) along surfaces given by ``place`` (m), ``normal`` (h, w, 3) and ``known`` (h, w)."""
    height, width, _ = light.shape
    taps = (1.0 / 16, 1.0 / 4, 3.0 / 8, 1.0 / 4, 1.0 / 16)
    source = light.copy()
    result = light.copy()
    tolerance = 1.2
    for level in range(levels):
        step = 2**level
        for y in range(height):
            for x in range(width):
                if not known[y, x]:
                    continue
                px, py, pz = place[y, x, 0], place[y, x, 1], place[y, x, 2]
                nx, ny, nz = normal[y, x, 0], normal[y, x, 1], normal[y, x, 2]
                scale = 1.0 / (0.01 * math.sqrt(px * px + py * py + pz * pz) + 1e-6)
                mine = math.log(source[y, x, 0] + source[y, x, 1] + source[y, x, 2] + 0.02)
                r, g, b, total = 0.0, 0.0, 0.0, 0.0
                for j in range(-2, 3):
                    yy = y + j * step
                    if yy < 0 or yy >= height:
                        continue
                    for i in range(-2, 3):
                        xx = x + i * step
                        if xx < 0 or xx >= width or not known[yy, xx]:
                            continue
                        facing = nx * normal[yy, xx, 0] + ny * normal[yy, xx, 1] + nz * normal[yy, xx, 2]
                        if facing <= 0.5:
                            continue
                        off = abs(
                            nx * (place[yy, xx, 0] - px) + ny * (place[yy, xx, 1] - py) + nz * (place[yy, xx, 2] - pz)
                        )
                        other = math.log(source[yy, xx, 0] + source[yy, xx, 1] + source[yy, xx, 2] + 0.02)
                        weight = taps[j + 2] * taps[i + 2] * facing**16
                        weight *= math.exp(-off * scale - abs(mine - other) / tolerance)
                        r += weight * source[yy, xx, 0]
                        g += weight * source[yy, xx, 1]
                        b += weight * source[yy, xx, 2]
                        total += weight
                if total > 0:
                    result[y, x, 0], result[y, x, 1], result[y, x, 2] = r / total, g / total, b / total
        source, result = result, source
        for y in range(height):
            for x in range(width):
                for c in range(3):
                    result[y, x, c] = source[y, x, c]
        tolerance *= 0.6
    return source.astype(np.float32)


@kept(fastmath=True, error_model="numpy")
def _texel(texels: Any, start: int, rows: int, columns: int, u: float, v: float, level: int, c: int) -> float:
    """Bilinear look-up with repeat, in the reduced picture ``level``."""
    for _ in range(level):
        start += rows * columns
        rows, columns = max(rows // 2, 1), max(columns // 2, 1)
    x, y = (u - math.floor(u)) * columns - 0.5, (v - math.floor(v)) * rows - 0.5
    x0, y0 = math.floor(x), math.floor(y)
    fx, fy = x - x0, y - y0
    xa, xb = int(x0) % columns, (int(x0) + 1) % columns
    ya, yb = int(y0) % rows, (int(y0) + 1) % rows
    top = texels[start + ya * columns + xa, c] * (1 - fx) + texels[start + ya * columns + xb, c] * fx
    low = texels[start + yb * columns + xa, c] * (1 - fx) + texels[start + yb * columns + xb, c] * fx
    return top * (1 - fy) + low * fy


@kept(fastmath=True, error_model="numpy")
def shade(
    face: Any, bary: Any, inverse: Any, look_of: Any, glow_of: Any, uv: Any, density: Any, looks: Any, texels: Any,
    light: Any, light_inverse: Any, known: Any, focal: float, out: Any,
) -> None:  # fmt: skip
    """Add to ``out`` what one ray through each pixel sees: texture times light, and glow.

    The light is that of the neighbouring pixel middle whose inverse depth is closest, so that edges stay clean.
    """
    height, width = face.shape
    for y in range(height):
        for x in range(width):
            f = face[y, x]
            if f < 0:
                continue
            b1, b2 = bary[y, x, 0], bary[y, x, 1]
            b0 = 1.0 - b1 - b2
            u = b0 * uv[f, 0, 0] + b1 * uv[f, 1, 0] + b2 * uv[f, 2, 0]
            v = b0 * uv[f, 0, 1] + b1 * uv[f, 1, 1] + b2 * uv[f, 2, 1]
            best, by, bx = 1e30, -1, -1
            for yy in range(max(y - 1, 0), min(y + 2, height)):
                for xx in range(max(x - 1, 0), min(x + 2, width)):
                    if known[yy, xx]:
                        off = abs(light_inverse[yy, xx] - inverse[y, x]) + 1e-6 * (abs(yy - y) + abs(xx - x))
                        if off < best:
                            best, by, bx = off, yy, xx
            reach = 0.5 * density[f] / max(focal * inverse[y, x], 1e-6)
            for which in range(2):
                k = look_of[f] if which == 0 else glow_of[f]
                if k < 0 or (which == 0 and by < 0):
                    continue
                rows, columns, levels = looks[k, 1], looks[k, 2], looks[k, 3]
                level = 0
                if levels > 1:
                    level = int(max(0.0, math.log2(max(reach * math.sqrt(rows * columns), 1e-6)) + 0.5))
                    level = min(level, levels - 1)
                for c in range(3):
                    value = _texel(texels, looks[k, 0], rows, columns, u, v, level, c)
                    out[y, x, c] += value * light[by, bx, c] if which == 0 else value
