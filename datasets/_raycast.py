"""Compiled kernels of :mod:`dofsim.datasets.raycast`."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from dofsim._kept import kept

_FAR = 1e30
# How far the rays that measure the open sky look, as a share of the distance from the camera.
_REACH = np.array([0.06, 0.15, 0.4])


# What makes no arrays does without Numba's runtime, which would count references to them: a sixth of the time.
@kept(fastmath=False, error_model="numpy")
def _unit_hit(
    kind: int, ox: float, oy: float, oz: float, dx: float, dy: float, dz: float, low: float
) -> tuple[float, int]:
    """Smallest t > low at which a ray meets a unit shape, and the face that it meets (-1: no hit)."""
    if kind == 0:  # box
        enter, leave, face_in, face_out = -_FAR, _FAR, -1, -1
        for axis in range(3):
            o = ox if axis == 0 else (oy if axis == 1 else oz)
            d = dx if axis == 0 else (dy if axis == 1 else dz)
            if abs(d) < 1e-14:
                if abs(o) > 1.0:
                    return _FAR, -1
                continue
            t0, t1 = (-1.0 - o) / d, (1.0 - o) / d
            if t0 > t1:
                t0, t1 = t1, t0
            if t0 > enter:
                enter, face_in = t0, axis
            if t1 < leave:
                leave, face_out = t1, axis
        if enter > leave:
            return _FAR, -1
        if enter > low:
            return enter, face_in
        if leave > low:
            return leave, face_out
        return _FAR, -1
    if kind == 1:  # ellipsoid
        a = dx * dx + dy * dy + dz * dz
        b = ox * dx + oy * dy + oz * dz
        c = ox * ox + oy * oy + oz * oz - 1.0
        root = b * b - a * c
        if root < 0.0:
            return _FAR, -1
        root = math.sqrt(root)
        t = (-b - root) / a
        if t > low:
            return t, 0
        t = (-b + root) / a
        if t > low:
            return t, 0
        return _FAR, -1
    if kind == 2 or kind == 4:  # cylinder, cone
        best, face = _FAR, -1
        if kind == 2:
            a = dx * dx + dz * dz
            b = ox * dx + oz * dz
            c = ox * ox + oz * oz - 1.0
        else:  # x^2 + z^2 = ((1 - y) / 2)^2
            h, g = (1.0 - oy) * 0.5, -dy * 0.5
            a = dx * dx + dz * dz - g * g
            b = ox * dx + oz * dz - h * g
            c = ox * ox + oz * oz - h * h
        if abs(a) > 1e-14:
            root = b * b - a * c
            if root >= 0.0:
                root = math.sqrt(root)
                for sign in (-1.0, 1.0):
                    t = (-b + sign * root) / a
                    y = oy + t * dy
                    if t > low and t < best and abs(y) <= 1.0:
                        best, face = t, 0
        if abs(dy) > 1e-14:
            for cap in (-1.0, 1.0):
                if kind == 4 and cap > 0.0:
                    continue
                t = (cap - oy) / dy
                x, z = ox + t * dx, oz + t * dz
                if t > low and t < best and x * x + z * z <= 1.0:
                    best, face = t, 1
        return best, face
    if kind == 3:  # card
        if abs(dz) < 1e-14:
            return _FAR, -1
        t = -oz / dz
        if t > low and abs(ox + t * dx) <= 1.0 and abs(oy + t * dy) <= 1.0:
            return t, 2
        return _FAR, -1
    if abs(dy) < 1e-14:  # ground
        return _FAR, -1
    t = -oy / dy
    if t > low:
        return t, 1
    return _FAR, -1


@kept(error_model="numpy")
def _nearest(
    chosen: Any, count: int, kind: Any, centre: Any, inward: Any, radius: Any, texture: Any, alpha: Any,
    ox: float, oy: float, oz: float, dx: float, dy: float, dz: float, low: float, high: float, any_hit: bool,
) -> tuple[float, int, int]:  # fmt: skip
    """Nearest hit among the chosen primitives between low and high: (t, primitive, face)."""
    best, which, side = high, -1, -1
    for k in range(count):
        i = chosen[k]
        cx, cy, cz = ox - centre[i, 0], oy - centre[i, 1], oz - centre[i, 2]
        if kind[i] != 5:
            along = -(cx * dx + cy * dy + cz * dz)
            away = cx * cx + cy * cy + cz * cz - along * along
            if away > radius[i] * radius[i] or along + radius[i] < low or along - radius[i] > best:
                continue
        m = inward[i]
        lx = m[0, 0] * cx + m[0, 1] * cy + m[0, 2] * cz
        ly = m[1, 0] * cx + m[1, 1] * cy + m[1, 2] * cz
        lz = m[2, 0] * cx + m[2, 1] * cy + m[2, 2] * cz
        ex = m[0, 0] * dx + m[0, 1] * dy + m[0, 2] * dz
        ey = m[1, 0] * dx + m[1, 1] * dy + m[1, 2] * dz
        ez = m[2, 0] * dx + m[2, 1] * dy + m[2, 2] * dz
        t, face = _unit_hit(kind[i], lx, ly, lz, ex, ey, ez, low)
        if face >= 0 and t < best:
            if kind[i] == 3 and texture[i] >= 0:
                size = alpha.shape[1]
                u = int((lx + t * ex + 1.0) * 0.5 * size)
                v = int((1.0 - ly - t * ey) * 0.5 * size)
                if alpha[texture[i], min(max(v, 0), size - 1), min(max(u, 0), size - 1)] < 128:
                    continue
            best, which, side = t, i, face
            if any_hit:
                return best, which, side
    return best, which, side


@kept(error_model="numpy")
def _lookup(levels: Any, offsets: Any, index: int, u: float, v: float, footprint: float, out: Any) -> None:
    """Bilinear sample of a repeating texture at the level whose texels match the footprint (in repeats)."""
    base = int(offsets[1])  # texels per side at level 0
    level = 0
    if footprint * base > 1.0:
        level = int(math.log2(footprint * base) + 0.5)
    deepest = offsets.shape[0] - 2
    if level > deepest - 1:
        level = deepest - 1
    side = base >> level
    start = offsets[2 + level]
    x, y = (u - math.floor(u)) * side - 0.5, (v - math.floor(v)) * side - 0.5
    x0, y0 = math.floor(x), math.floor(y)
    fx, fy = x - x0, y - y0
    ax, ay = int(x0) % side, int(y0) % side
    bx, by = (ax + 1) % side, (ay + 1) % side
    for c in range(3):
        top = levels[index, start + ay * side + ax, c] * (1 - fx) + levels[index, start + ay * side + bx, c] * fx
        low = levels[index, start + by * side + ax, c] * (1 - fx) + levels[index, start + by * side + bx, c] * fx
        out[c] = top * (1 - fy) + low * fy


@kept(error_model="numpy", runtime=True)
def trace(
    kind: Any, centre: Any, inward: Any, half: Any, radius: Any, texture: Any, repeat: Any, tint: Any,
    levels: Any, offsets: Any, cutouts: Any, alpha: Any, origin: Any, axes: Any, focal: float, sun: Any,
    softness: float, lamp: Any, jitter: Any, albedo: Any, normal: Any, depth: Any, label: Any, lit: Any,
) -> None:  # fmt: skip
    """Fill albedo, normal, depth, label and light (share of the sun, share of the sky, lamp) of every pixel."""
    height, width = depth.shape
    number = kind.shape[0]
    everything = np.arange(number)
    chosen = np.empty(number, np.int64)
    sample = np.empty(3)
    tile = 16
    for ty in range(0, height, tile):
        for tx in range(0, width, tile):
            # primitives whose bounding sphere meets the tile's cone
            mx, my = (tx + tile * 0.5 - width * 0.5) / focal, (height * 0.5 - ty - tile * 0.5) / focal
            vx = axes[2, 0] + mx * axes[0, 0] + my * axes[1, 0]
            vy = axes[2, 1] + mx * axes[0, 1] + my * axes[1, 1]
            vz = axes[2, 2] + mx * axes[0, 2] + my * axes[1, 2]
            length = math.sqrt(vx * vx + vy * vy + vz * vz)
            cone = math.atan(tile * 0.75 / focal)
            count = 0
            for i in range(number):
                if kind[i] == 5:
                    chosen[count] = i
                    count += 1
                    continue
                cx, cy, cz = centre[i, 0] - origin[0], centre[i, 1] - origin[1], centre[i, 2] - origin[2]
                distance = math.sqrt(cx * cx + cy * cy + cz * cz)
                if distance > radius[i]:
                    cosine = (cx * vx + cy * vy + cz * vz) / (distance * length)
                    if math.acos(min(1.0, max(-1.0, cosine))) > cone + math.asin(radius[i] / distance):
                        continue
                chosen[count] = i
                count += 1
            for y in range(ty, min(ty + tile, height)):
                for x in range(tx, min(tx + tile, width)):
                    px, py = (x + 0.5 - width * 0.5) / focal, (height * 0.5 - y - 0.5) / focal
                    wx = axes[2, 0] + px * axes[0, 0] + py * axes[1, 0]
                    wy = axes[2, 1] + px * axes[0, 1] + py * axes[1, 1]
                    wz = axes[2, 2] + px * axes[0, 2] + py * axes[1, 2]
                    norm = math.sqrt(1.0 + px * px + py * py)
                    dx, dy, dz = wx / norm, wy / norm, wz / norm
                    t, i, face = _nearest(
                        chosen, count, kind, centre, inward, radius, texture, alpha,
                        origin[0], origin[1], origin[2], dx, dy, dz, 1e-3, 1e4, False,
                    )  # fmt: skip
                    if i < 0:
                        continue
                    depth[y, x] = t / norm
                    label[y, x] = i
                    hx, hy, hz = origin[0] + t * dx, origin[1] + t * dy, origin[2] + t * dz
                    gx, gy, gz = hx - centre[i, 0], hy - centre[i, 1], hz - centre[i, 2]
                    m = inward[i]
                    lx = m[0, 0] * gx + m[0, 1] * gy + m[0, 2] * gz
                    ly = m[1, 0] * gx + m[1, 1] * gy + m[1, 2] * gz
                    lz = m[2, 0] * gx + m[2, 1] * gy + m[2, 2] * gz
                    # normal of the unit shape, and texture coordinates in metres
                    nx, ny, nz, u, v = 0.0, 0.0, 0.0, 0.0, 0.0
                    if kind[i] == 0 or kind[i] == 3 or kind[i] == 5:
                        if face == 0:
                            nx, u, v = 1.0, lz * half[i, 2], ly * half[i, 1]
                        elif face == 1:
                            ny, u, v = 1.0, lx * half[i, 0], lz * half[i, 2]
                        else:
                            nz, u, v = 1.0, lx * half[i, 0], ly * half[i, 1]
                    elif kind[i] == 1:
                        nx, ny, nz = lx, ly, lz
                        u, v = math.atan2(lx, lz) * (half[i, 0] + half[i, 2]) * 0.5, ly * half[i, 1] * 1.57
                    elif face == 1:
                        ny, u, v = 1.0, lx * half[i, 0], lz * half[i, 2]
                    else:
                        nx, nz = lx, lz
                        if kind[i] == 4:
                            ny = math.sqrt(lx * lx + lz * lz) * 0.5
                        u, v = math.atan2(lx, lz) * (half[i, 0] + half[i, 2]) * 0.5, ly * half[i, 1]
                    # normals go by the transpose of the inward map
                    qx = m[0, 0] * nx + m[1, 0] * ny + m[2, 0] * nz
                    qy = m[0, 1] * nx + m[1, 1] * ny + m[2, 1] * nz
                    qz = m[0, 2] * nx + m[1, 2] * ny + m[2, 2] * nz
                    size = math.sqrt(qx * qx + qy * qy + qz * qz) + 1e-30
                    cosine = (qx * dx + qy * dy + qz * dz) / size
                    if cosine > 0.0:
                        size = -size
                    qx, qy, qz = qx / size, qy / size, qz / size
                    normal[y, x, 0], normal[y, x, 1], normal[y, x, 2] = qx, qy, qz
                    if kind[i] == 3 and texture[i] >= 0:
                        side = cutouts.shape[1]
                        ku = min(max(int((lx + 1.0) * 0.5 * side), 0), side - 1)
                        kv = min(max(int((1.0 - ly) * 0.5 * side), 0), side - 1)
                        for c in range(3):
                            sample[c] = cutouts[texture[i], kv, ku, c]
                    else:
                        index = texture[i] if texture[i] >= 0 else -1 - texture[i]
                        print_ = t / focal * repeat[i] / max(0.25, abs(cosine))
                        _lookup(levels, offsets, index, u * repeat[i], v * repeat[i], print_, sample)
                    for c in range(3):
                        albedo[y, x, c] = sample[c] * tint[i, c]
                    # one jittered ray to the sun, one to the lamp, and some into the hemisphere
                    bx, by, bz = hx + qx * 2e-3, hy + qy * 2e-3, hz + qz * 2e-3
                    sx = sun[0] + softness * (jitter[y, x, 0] - 0.5) * 2.0
                    sy = sun[1] + softness * (jitter[y, x, 1] - 0.5) * 2.0
                    sz = sun[2] + softness * (jitter[y, x, 2] - 0.5) * 2.0
                    size = math.sqrt(sx * sx + sy * sy + sz * sz)
                    if sx * qx + sy * qy + sz * qz > 0.0:
                        _t, j, _f = _nearest(
                            everything, number, kind, centre, inward, radius, texture, alpha, bx, by, bz,
                            sx / size, sy / size, sz / size, 1e-3, 60.0, True,
                        )  # fmt: skip
                        if j >= 0:
                            lit[y, x, 0] = 0.0
                    lit[y, x, 2] = 0.0
                    if lamp[3] > 0.0:
                        sx = lamp[0] - bx + 0.3 * (jitter[y, x, 1] - 0.5)
                        sy = lamp[1] - by + 0.3 * (jitter[y, x, 3] - 0.5)
                        sz = lamp[2] - bz + 0.3 * (jitter[y, x, 0] - 0.5)
                        size = math.sqrt(sx * sx + sy * sy + sz * sz) + 1e-9
                        facing = (sx * qx + sy * qy + sz * qz) / size
                        if facing > 0.0:
                            _t, j, _f = _nearest(
                                everything, number, kind, centre, inward, radius, texture, alpha, bx, by, bz,
                                sx / size, sy / size, sz / size, 1e-3, size, True,
                            )  # fmt: skip
                            if j < 0:
                                lit[y, x, 2] = facing * lamp[3] / (0.25 + size * size)
                    open_sky = 0.0
                    for k in range(_REACH.shape[0]):
                        sx = qx + ((jitter[y, x, 3] + 0.618 * k) % 1.0 - 0.5) * 1.8
                        sy = qy + ((jitter[y, x, 0] + 0.382 * k) % 1.0 - 0.5) * 1.8
                        sz = qz + ((jitter[y, x, 2] + 0.236 * k) % 1.0 - 0.5) * 1.8
                        size = math.sqrt(sx * sx + sy * sy + sz * sz) + 1e-9
                        reach = _REACH[k] * t
                        t2, j, _f = _nearest(
                            everything, number, kind, centre, inward, radius, texture, alpha, bx, by, bz,
                            sx / size, sy / size, sz / size, 1e-3, reach, False,
                        )  # fmt: skip
                        open_sky += 1.0 if j < 0 else 0.1 + 0.9 * t2 / reach
                    lit[y, x, 1] = open_sky / _REACH.shape[0]


@kept(error_model="numpy", runtime=True)
def smooth_edges(
    colour: Any, label: Any, kind: Any, centre: Any, inward: Any, radius: Any, alpha: Any, texture: Any,
    origin: Any, axes: Any, focal: float,
) -> Any:  # fmt: skip
    """Mix the colours on both sides of an edge between primitives by their share of four rays."""
    height, width = label.shape
    result = colour.copy()
    chosen = np.empty(10, np.int64)
    for y in range(height):
        for x in range(width):
            count, sky = 0, False
            differs = False
            for oy in range(-1, 2):
                for ox in range(-1, 2):
                    yy, xx = min(max(y + oy, 0), height - 1), min(max(x + ox, 0), width - 1)
                    other = label[yy, xx]
                    if other != label[y, x]:
                        differs = True
                    if other < 0:
                        sky = True
                        continue
                    known = False
                    for k in range(count):
                        if chosen[k] == other:
                            known = True
                    if not known:
                        chosen[count] = other
                        count += 1
            if not differs and not (label[y, x] >= 0 and kind[label[y, x]] == 3):
                continue
            total = np.zeros(3)
            weight = 0.0
            for sub in range(4):
                px = (x + 0.25 + 0.5 * (sub % 2) - width * 0.5) / focal
                py = (height * 0.5 - y - 0.25 - 0.5 * (sub // 2)) / focal
                wx = axes[2, 0] + px * axes[0, 0] + py * axes[1, 0]
                wy = axes[2, 1] + px * axes[0, 1] + py * axes[1, 1]
                wz = axes[2, 2] + px * axes[0, 2] + py * axes[1, 2]
                norm = math.sqrt(1.0 + px * px + py * py)
                _t, i, _f = _nearest(
                    chosen, count, kind, centre, inward, radius, texture, alpha,
                    origin[0], origin[1], origin[2], wx / norm, wy / norm, wz / norm, 1e-3, 1e4, False,
                )  # fmt: skip
                if i < 0 and not sky:
                    continue
                for oy in range(-1, 2):
                    for ox in range(-1, 2):
                        yy, xx = min(max(y + oy, 0), height - 1), min(max(x + ox, 0), width - 1)
                        if label[yy, xx] == i:
                            share = 4.0 if (oy == 0 and ox == 0) else (0.5 if oy == 0 or ox == 0 else 0.25)
                            for c in range(3):
                                total[c] += share * colour[yy, xx, c]
                            weight += share
            if weight > 0.0:
                for c in range(3):
                    result[y, x, c] = total[c] / weight
    return result
