"""Hand a world of the ray caster over to Mitsuba: the same things, lit by light that bounces, some of them refined.

Boxes, ellipsoids, cylinders and cones become meshes; matted subjects become relief cut out along their alpha; green
ellipsoids (crowns, bushes) become clouds of leaves.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from dofsim.datasets import meshes
from dofsim.datasets.meshes import Mesh
from dofsim.datasets.raycast import BOX, CARD, CYLINDER, ELLIPSOID, GROUND, World
from dofsim.datasets.textures import SIDE, TextureBank
from dofsim.datasets.traced import Stage

Floats = npt.NDArray[np.float64]
Colour = npt.NDArray[np.float32]

_FAR = 400.0  # half-size of a ground without end, m
_RELIEF = 256  # rows of a subject's relief


def texture(bank: TextureBank, index: int) -> Colour:
    """One texture of a bank at full size, float32 (256, 256, 3)."""
    return bank.levels[index, : SIDE * SIDE].reshape(SIDE, SIDE, 3)


def dull_texture(bank: TextureBank, index: int, rng: np.random.Generator) -> Colour:
    """A texture with its colours drawn towards grey: plain ones mostly far, as walls and floors are, others less."""
    colour = texture(bank, index)
    grey = colour.mean(axis=2, keepdims=True)
    saturation = rng.beta(1.0, 3.0) if index < bank.calm else rng.uniform(0.4, 1.0)
    return grey + np.float32(saturation) * (colour - grey)


def _box(half: Floats, repeat: float) -> Mesh:
    """A box whose texture has one size on all faces."""
    mesh = meshes.box()
    uv = mesh.uv.reshape(6, 4, 2).copy()
    for face, (across, along) in enumerate([(0, 1), (2, 1), (0, 1), (2, 1), (0, 2), (0, 2)]):
        uv[face] *= 2 * repeat * half[[across, along]]
    return Mesh(mesh.vertices * half, mesh.faces, uv.reshape(-1, 2))


def _round(kind: int, half: Floats, repeat: float) -> Mesh:
    around = max(1.0, np.round(2 * np.pi * max(half[0], half[2]) * repeat))
    along = 2 * half[1] * repeat
    mesh = meshes.ball() if kind == ELLIPSOID else meshes.tube() if kind == CYLINDER else meshes.cone()
    return mesh.repeated(around, max(along, 0.5)).placed(size=half)


def leaves(rng: np.random.Generator, half: Floats, colour: npt.ArrayLike) -> tuple[Mesh, Colour]:
    """A cloud of leaves that fills an ellipsoid, and its texture.

    Parameters
    ----------
    rng : numpy Generator
    half : (x, y, z)
        Half-sizes, m.
    colour : (r, g, b)

    Returns
    -------
    mesh : Mesh
    texture : float32 (1, n, 3)
        One colour per leaf.
    """
    size = float(np.clip(half.mean() * rng.uniform(0.06, 0.16), 0.02, 0.25))
    n = int(np.clip(5.0 * (half.mean() / size) ** 2, 150, 1800))
    way = rng.normal(0, 1, (n, 3))
    way /= np.linalg.norm(way, axis=1, keepdims=True)
    middle = way * half * rng.uniform(0.25, 1.05, (n, 1)) ** 0.4
    length = rng.normal(0, 1, (n, 3))
    length *= size * rng.uniform(0.6, 1.3, (n, 1)) / np.linalg.norm(length, axis=1, keepdims=True)
    paths = middle[:, None] + length[:, None] * np.linspace(-1, 1, 3)[None, :, None]
    widths = np.tile([0.15, 1.0, 0.1], (n, 1)) * size * rng.uniform(0.6, 1.1)
    mesh = meshes.ribbons(paths, widths, rng.normal(0, 1, 3) * 50)
    shade = np.asarray(colour) * rng.uniform(0.6, 1.4, (1, n, 1)) * rng.uniform(0.9, 1.1, (1, n, 3))
    return mesh, np.clip(shade, 0.01, 0.9).astype(np.float32)


def relief(alpha: npt.NDArray[np.uint8], depth: float = 0.12) -> Mesh:
    """A subject within -1..1, cut out where its alpha is one half and bulging towards z < 0.

    Parameters
    ----------
    alpha : uint8 (h, w)
    depth : float
        How far its middle stands out, relative to its half height.
    """
    small = cv2.resize(alpha, (_RELIEF, _RELIEF), interpolation=cv2.INTER_AREA)
    inside = small >= 128
    distance = cv2.distanceTransform(np.pad(inside, 1).astype(np.uint8), cv2.DIST_L2, 5)[1:-1, 1:-1]
    bulge = np.sqrt(np.clip(distance / max(float(distance.max()), 1.0), 0, 1))
    bulge = cv2.GaussianBlur(bulge.astype(np.float32), (0, 0), 2.0)
    v, u = np.meshgrid(np.linspace(0, 1, _RELIEF), np.linspace(0, 1, _RELIEF), indexing="ij")
    points = np.stack((2 * u - 1, 1 - 2 * v, -depth * bulge), axis=-1).reshape(-1, 3)
    index = np.arange(_RELIEF * _RELIEF).reshape(_RELIEF, _RELIEF)
    keep = inside[:-1, :-1] & inside[1:, :-1] & inside[:-1, 1:] & inside[1:, 1:]
    a, b, c, d = (index[:-1, :-1][keep], index[:-1, 1:][keep], index[1:, :-1][keep], index[1:, 1:][keep])
    faces = np.concatenate((np.stack((a, b, c), 1), np.stack((b, d, c), 1)))
    normals = np.tile([0.0, 0.3, -0.95], (len(points), 1))  # its photo is lit already
    return Mesh(points, faces.astype(np.int64), np.stack((u, v), axis=-1).reshape(-1, 2), normals)


def add_world(stage: Stage, world: World, bank: TextureBank, rng: np.random.Generator) -> None:
    """Put the things of a world on a stage.

    Parameters
    ----------
    stage : Stage
    world : World
    bank : TextureBank
        That the world's textures refer to.
    rng : numpy Generator
        Of the leaves and colours.
    """
    groups: dict[tuple[int, bytes, float], list[Mesh]] = {}
    reliefs: dict[int, Mesh] = {}
    for k in range(len(world)):
        kind, half, turned, at = world.kind[k], world.half[k], world.rotation[k], world.centre[k]
        tint, index, repeat = world.tint[k], world.texture[k], world.repeat[k]
        green = tint[1] > 1.3 * max(tint[0], tint[2])
        if green and bank.calm and kind != CARD:
            index %= bank.calm
        if kind == CARD and index >= 0:
            if index not in reliefs:
                reliefs[index] = relief(bank.cutout_alpha[index])
            look = np.clip(bank.cutouts[index] * tint.astype(np.float32) * np.float32(0.85), 0.0, 0.95)
            stage.add(reliefs[index].placed(at, turned, (half[0], half[1], half[1])), look)
            continue
        if kind == ELLIPSOID and green and half.min() > 0.12:
            mesh, look = leaves(rng, half, texture(bank, index).mean() * tint)
            stage.add(mesh.placed(at, turned), look)
            core = meshes.ball(12, 24).placed(at, turned, 0.6 * half)
            stage.add(core, np.clip(look.mean(axis=(0, 1)) * 0.4, 0.01, 0.9))
            continue
        if kind == GROUND:
            plane = meshes.floor().repeated(2 * _FAR * repeat, 2 * _FAR * repeat).placed(at, size=_FAR)
            stage.add(plane, np.clip(texture(bank, index).mean(axis=2, keepdims=True) * tint, 0.01, 0.9))
            continue
        if kind == BOX:
            mesh = _box(half, repeat)
        elif kind == CARD:
            mesh, index = meshes.card().placed(size=(half[0], half[1], 1)), -1 - index
        else:
            mesh = _round(kind, half, repeat)
        shine = float(np.round(world.shine[k], 1))
        key = (index, np.round(tint, 3).tobytes(), shine)
        groups.setdefault(key, []).append(mesh.placed(at, turned))
    for (index, tint_bytes, shine), parts in groups.items():
        tint = np.frombuffer(tint_bytes)
        flat = [part for part in parts if part.normals is None]
        smooth = [part for part in parts if part.normals is not None]
        look = np.clip(dull_texture(bank, index, rng) * tint.astype(np.float32), 0.01, 0.9)
        for some in (flat, smooth):
            if some:
                stage.add(meshes.joined(some), look, shine=shine)
