"""Rounded bodies without a scanner: people, busts, animals, stones, as surfaces of smoothly joined capsules.

A body is a list of capsules with a part name each; their distances are joined smoothly on a grid, disturbed by noise
(folds, bark, pores), and the surface is extracted by marching cubes. Needs scikit-image.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from dofsim.datasets.meshes import Mesh

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Body:
    """A closed surface, cut into parts of one look each; it stands on y = 0 and is about 1 high.

    Attributes
    ----------
    parts : dict of str to Mesh
        By the name of what they are made of: ``skin``, ``cloth``, ``trousers``, ``hair``, ``stone``, ...
    """

    parts: dict[str, Mesh]


@dataclass(frozen=True)
class _Capsule:
    part: str
    start: Floats
    end: Floats
    radius: tuple[float, float]


def _capsule(part: str, start: npt.ArrayLike, end: npt.ArrayLike, r0: float, r1: float | None = None) -> _Capsule:
    return _Capsule(part, np.asarray(start, np.float64), np.asarray(end, np.float64), (r0, r0 if r1 is None else r1))


def _noise(shape: tuple[int, ...], rng: np.random.Generator, cells: int) -> Floats:
    """Smooth noise on a grid, about -1..1."""
    coarse = rng.normal(0, 1, tuple(max(2, min(n, cells * n // max(shape) + 2)) for n in shape))
    result = coarse
    for axis, n in enumerate(shape):
        at = np.linspace(0, result.shape[axis] - 1.001, n)
        low = at.astype(int)
        share = at - low
        share = share * share * (3 - 2 * share)
        view = [1] * result.ndim
        view[axis] = n
        share = share.reshape(view)
        result = np.take(result, low, axis) * (1 - share) + np.take(result, low + 1, axis) * share
    return result


def _surface(
    capsules: list[_Capsule], rng: np.random.Generator, *, steps: int = 72, blend: float = 0.02, rough: float = 0.004
) -> Body:
    """Extract the surface of smoothly joined capsules."""
    from skimage.measure import marching_cubes

    ends = np.array([c.start for c in capsules] + [c.end for c in capsules])
    margin = max(max(c.radius) for c in capsules) + 0.05
    low, high = ends.min(axis=0) - margin, ends.max(axis=0) + margin
    step = float((high - low).max() / steps)
    axes: list[Floats] = [np.arange(low[k], high[k] + step, step) for k in range(3)]
    grid = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)
    total = np.full(grid.shape[:3], np.exp(-20.0))
    nearest = np.full(grid.shape[:3], np.inf)
    label = np.zeros(grid.shape[:3], np.int64)
    names = sorted({c.part for c in capsules})
    for c in capsules:
        reach = max(c.radius) + 20 * blend  # further away it adds nothing
        first, last = np.minimum(c.start, c.end) - reach, np.maximum(c.start, c.end) + reach
        near = tuple(slice(*np.searchsorted(axes[k], (first[k], last[k]))) for k in range(3))
        axis, away = c.end - c.start, grid[near] - c.start
        share = np.clip((away @ axis) / max(float(axis @ axis), 1e-12), 0, 1)
        distance = np.linalg.norm(away - share[..., None] * axis, axis=-1)
        distance -= c.radius[0] + (c.radius[1] - c.radius[0]) * share
        total[near] += np.exp(np.minimum(-distance / blend, 60))
        label[near] = np.where(distance < nearest[near], names.index(c.part), label[near])
        nearest[near] = np.minimum(nearest[near], distance)
    field = -blend * np.log(total)
    for cells, strength in ((5, 1.0), (12, 0.6), (28, 0.35)):
        field += rough * strength * _noise(field.shape, rng, cells)
    vertices, faces, _, _ = marching_cubes(field, 0.0, spacing=(step, step, step))
    slope: Floats = np.stack(list(np.gradient(field, step)), axis=-1)
    cell = np.clip(np.round(vertices / step).astype(int), 0, np.array(field.shape) - 1)
    normals = slope[cell[:, 0], cell[:, 1], cell[:, 2]]
    normals = normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-9)
    owner = label[cell[:, 0], cell[:, 1], cell[:, 2]]
    vertices = vertices + low
    floor_level, tall = vertices[:, 1].min(), np.ptp(vertices[:, 1])
    vertices = (vertices - (0, floor_level, 0)) / tall
    uv = np.stack((np.arctan2(vertices[:, 0], -vertices[:, 2]) / (2 * np.pi) + 0.5, 1 - vertices[:, 1]), axis=1)
    parts = {}
    for k, name in enumerate(names):
        chosen = faces[np.median(owner[faces], axis=1).astype(int) == k]
        if len(chosen):
            used, flat = np.unique(chosen, return_inverse=True)
            parts[name] = Mesh(vertices[used], flat.reshape(-1, 3).astype(np.int64), uv[used], normals[used])
    return Body(parts)


def person(rng: np.random.Generator) -> Body:
    """A person who stands, walks or sits, about 1 high (scale by the height)."""
    wide, hip = rng.uniform(0.85, 1.25), 0.52
    lean = rng.normal(0, 0.04, 2)
    neck = np.array([lean[0], 0.83, lean[1]])
    shoulder = 0.105 * wide
    parts = [
        _capsule("cloth", (0, hip + 0.02, 0), (lean[0] * 0.6, 0.72, lean[1] * 0.6), 0.075 * wide, 0.085 * wide),
        _capsule("cloth", (-shoulder, 0.79, lean[1]), (shoulder, 0.79, lean[1]), 0.045),
        _capsule("skin", neck - (0, 0.03, 0), neck + (0, 0.03, 0), 0.03),
    ]
    head = neck + (rng.normal(0, 0.01), 0.075, rng.normal(-0.01, 0.01))
    parts += [
        _capsule("skin", head - (0, 0.015, 0.004), head + (0, 0.02, 0), 0.045, 0.052),
        _capsule("skin", head + (0, -0.005, -0.05), head + (0, -0.012, -0.06), 0.008),
        _capsule("hair", head + (0, 0.03, 0.012), head + (0, 0.035, 0.02), 0.055, 0.05),
    ]
    if rng.random() < 0.4:
        parts.append(_capsule("hair", head + (0, 0.02, 0.035), head + (0, -rng.uniform(0.05, 0.15), 0.045), 0.04))
    for side in (-1, 1):
        root = np.array([side * shoulder, 0.785, lean[1]])
        swing, bend, out = rng.normal(0, 0.5), rng.uniform(0, 1.6), abs(rng.normal(0.12, 0.15))
        elbow = root + 0.165 * np.array([side * np.sin(out), -np.cos(swing) * np.cos(out), -np.sin(swing)])
        wrist = elbow + 0.15 * np.array([-side * 0.2 * bend, -np.cos(swing + bend), -np.sin(swing + bend)])
        parts += [
            _capsule("cloth", root, elbow, 0.036, 0.029),
            _capsule("skin" if rng.random() < 0.5 else "cloth", elbow, wrist, 0.027, 0.021),
            _capsule("skin", wrist, wrist + 0.25 * (wrist - elbow), 0.02, 0.024),
        ]
        stride, knee_bend = rng.normal(0, 0.25) * side, abs(rng.normal(0, 0.3))
        top = np.array([side * 0.05 * wide, hip, 0])
        knee = top + 0.25 * np.array([0, -np.cos(stride), -np.sin(stride)])
        ankle = knee + 0.25 * np.array([0, -np.cos(stride - knee_bend), -np.sin(stride - knee_bend)])
        parts += [
            _capsule("trousers", top, knee, 0.06 * wide, 0.045),
            _capsule("trousers", knee, ankle, 0.043, 0.032),
            _capsule("shoe", ankle - (0, 0.01, 0), ankle + (0, -0.015, -0.06), 0.03, 0.024),
        ]
    return _surface(parts, rng, steps=96, blend=0.012, rough=rng.uniform(0.001, 0.005))


def bust(rng: np.random.Generator) -> Body:
    """A person from the hips up, seen from z < 0, about 1 high: chin at 0.73, eyes at 0.83."""
    wide = rng.uniform(0.9, 1.15)
    c = np.array([0.0, 0.68, 0.0])
    parts = [
        _capsule("skin", c + (0, 0.06, 0.02), c + (0, -0.02, -0.01), 0.19 * wide, 0.165 * wide),
        _capsule("skin", c + (0, -0.09, -0.05), c + (0, -0.12, -0.06), 0.11 * wide, 0.085),
        _capsule("skin", c + (0, -0.01, -0.19), c + (0, -0.065, -0.215), 0.018, 0.03),
        _capsule("skin", c + (-0.04, -0.125, -0.165), c + (0.04, -0.125, -0.165), 0.016),
        _capsule("skin", c + (-0.09, 0.035, -0.155), c + (-0.04, 0.04, -0.175), 0.02),
        _capsule("skin", c + (0.09, 0.035, -0.155), c + (0.04, 0.04, -0.175), 0.02),
        _capsule("skin", (0, 0.32, 0.05), (0, 0.55, 0.02), 0.1 * wide, 0.09 * wide),
        _capsule("cloth", (-0.3 * wide, 0.22, 0.05), (0.3 * wide, 0.22, 0.05), 0.12),
        _capsule("cloth", (0, -0.75, 0.03), (0, 0.25, 0.04), 0.24 * wide, 0.2 * wide),
        _capsule("hair", c + (0, 0.09, 0.05), c + (0, 0.12, 0.06), 0.2 * wide, 0.17 * wide),
        _capsule("hair", c + (0, 0.17, -0.03), c + (0, 0.16, 0.05), 0.1 * wide, 0.14 * wide),
    ]
    bend = rng.uniform(-0.35, 0.05)
    for side in (-1, 1):
        parts += [
            _capsule("skin", c + (side * 0.175 * wide, -0.02, 0.01), c + (side * 0.185 * wide, 0.02, 0.02), 0.025),
            _capsule("eye", c + (side * 0.065, 0.0, -0.163), c + (side * 0.065, 0.0, -0.165), 0.02),
            _capsule("cloth", (side * 0.33 * wide, 0.2, 0.05), (side * 0.42 * wide, -0.35, 0.05), 0.1, 0.09),
            _capsule("cloth", (side * 0.42 * wide, -0.35, 0.05), (side * 0.4 * wide, -0.8, bend), 0.09, 0.07),
        ]
    if rng.random() < 0.5:
        for side in (-1, 0, 1):
            drop = rng.uniform(0.15, 0.45)
            parts.append(_capsule("hair", c + (side * 0.15, 0.05, 0.1), c + (side * 0.17, -drop, 0.08), 0.09, 0.06))
    return _surface(parts, rng, steps=170, blend=0.014, rough=rng.uniform(0.001, 0.004))


def animal(rng: np.random.Generator) -> Body:
    """A four-legged animal or its toy, about 1 high."""
    long, leg, fat = rng.uniform(0.4, 0.8), rng.uniform(0.25, 0.5), rng.uniform(0.1, 0.22)
    back = leg + fat
    head = np.array([-long * 0.65, back + rng.uniform(0.0, 0.3), rng.normal(0, 0.1)])
    parts = [
        _capsule(
            "fur", (-long / 2, back, 0), (long / 2, back + rng.normal(0, 0.04), 0), fat, fat * rng.uniform(0.8, 1.1)
        ),
        _capsule("fur", (-long / 2, back, 0), head, fat * 0.6, fat * 0.5),
        _capsule("fur", head, head + (-0.05, 0, 0), fat * 0.75),
        _capsule("fur", head, head + (-rng.uniform(0.15, 0.25), -0.05, 0), fat * 0.5, fat * 0.3),
        _capsule("fur", (long / 2, back, 0), (long / 2 + 0.25, back + rng.uniform(-0.2, 0.3), 0.05), 0.04, 0.03),
    ]
    for side in (-1, 1):
        ear = head + (0.02, fat * 0.6, side * fat * 0.5)
        parts.append(_capsule("fur", ear, ear + (0.0, rng.uniform(0.03, 0.2), side * 0.04), 0.04, 0.02))
        for x in (-0.45, 0.45):
            foot = np.array([x * long + rng.normal(0, 0.05), 0.03, side * fat * 0.6])
            parts.append(_capsule("fur", (x * long, back, side * fat * 0.6), foot, fat * 0.4, 0.04))
    return _surface(parts, rng, steps=72, blend=0.03, rough=rng.uniform(0.002, 0.012))


def stone(rng: np.random.Generator) -> Body:
    """A stone, a root, a loaf: a few thick capsules with strong noise, about 1 high."""
    points = np.cumsum(rng.normal(0, 0.25, (int(rng.integers(2, 6)), 3)), axis=0)
    parts = [
        _capsule("stone", a, b, rng.uniform(0.12, 0.35), rng.uniform(0.12, 0.35)) for a, b in itertools.pairwise(points)
    ]
    return _surface(parts, rng, steps=56, blend=0.06, rough=rng.uniform(0.01, 0.08))


def drapery(rng: np.random.Generator, side: int = 96) -> Mesh:
    """A hanging or lying cloth with folds: the square -1..1 in x and y, z by its folds."""
    v, u = np.meshgrid(np.linspace(0, 1, side), np.linspace(0, 1, side), indexing="ij")
    soft = cv2.resize(rng.normal(0, 1, (4, 5)).astype(np.float32), (side, side), interpolation=cv2.INTER_CUBIC)
    folds = sum(
        np.sin(2 * np.pi * (u * rng.uniform(2, 9) + soft * 0.25 + rng.random())) * rng.uniform(0.3, 1) for _ in range(3)
    )
    z = (0.05 * folds + 0.08 * soft) * (0.3 + v)
    points = np.stack((2 * u - 1, 1 - 2 * v, z), axis=-1).reshape(-1, 3)
    corner = (np.arange(side - 1)[:, None] * side + np.arange(side - 1)).ravel()
    faces = np.concatenate((
        np.stack((corner, corner + 1, corner + side), 1), np.stack((corner + 1, corner + side + 1, corner + side), 1)
    ))  # fmt: skip
    return Mesh(points, faces.astype(np.int64), np.stack((u, v), axis=-1).reshape(-1, 2))


#: Makers of bodies by name.
BODIES: dict[str, Callable[[np.random.Generator], Body]] = {
    "person": person, "bust": bust, "animal": animal, "stone": stone,
}  # fmt: skip
