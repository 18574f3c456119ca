"""A quick picture of a stage: light is traced roughly and smoothed along surfaces, textures stay sharp.

Matte surfaces go to Mitsuba as one mesh with one colour per vertex, the mean of its texture: that keeps its compiled
kernels small, and few rays give smooth light. Radiance is then divided by that colour, smoothed, and multiplied with
the texture, for several rays through each pixel.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from dofsim.datasets import meshes
from dofsim.datasets.meshes import Mesh
from dofsim.datasets.raycast import Camera
from dofsim.datasets.traced import _MIRROR, Part, Picture, Stage, focal_px

#: Rays through each pixel for textures and edges, and where they pass, px from the pixel's middle.
OFFSETS = ((-0.25, -0.1), (0.1, -0.25), (0.25, 0.1), (-0.1, 0.25))
_BOUNCES = 3
_SKY = (512, 256)
_COAT = 0.06  # share of light that varnish mirrors
_BRIGHT = 100.0


@dataclass(frozen=True, eq=False)
class Baked:
    """A stage as arrays, and its scene.

    Attributes
    ----------
    scene : mitsuba.Scene
    first : dict of int to int
        Number of a shape's first face by its identity.
    look, glow : int64 (faces,)
        Picture of each face, -1 where it has none.
    far : bool (faces,)
        Whether a face shows what lies far behind it.
    uv : float32 (faces, 3, 2)
    colour : float32 (faces, 3)
        Reflectance that the light was traced with; 0 where the face only glows.
    density : float32 (faces,)
        Repeats of the texture per metre.
    texels : float32 (n, 3)
    looks : int64 (pictures, 4)
        First texel, rows, columns, number of reduced levels.
    sky : float32 (h, 2 h, 3), optional
    """

    scene: Any
    first: dict[int, int]
    look: npt.NDArray[np.int64]
    glow: npt.NDArray[np.int64]
    far: npt.NDArray[np.bool_]
    uv: Picture
    colour: Picture
    density: Picture
    texels: Picture
    looks: npt.NDArray[np.int64]
    sky: Picture | None


class _Texels:
    def __init__(self) -> None:
        self.parts: list[Picture] = []
        self.looks: list[tuple[int, int, int, int]] = []
        self.total = 0

    def add(self, look: npt.ArrayLike) -> int:
        picture = np.asarray(look, np.float32)
        picture = picture.reshape(1, 1, 3) if picture.ndim == 1 else picture
        rows, columns = picture.shape[:2]
        first, levels = self.total, 0
        regular = rows == columns and rows & (rows - 1) == 0
        while True:
            self.parts.append(picture.reshape(-1, 3))
            self.total += picture.shape[0] * picture.shape[1]
            levels += 1
            if not regular or picture.shape[0] <= 2:
                break
            side = picture.shape[0] // 2
            picture = cv2.resize(picture, (side, side), interpolation=cv2.INTER_AREA)
        self.looks.append((first, rows, columns, levels))
        return len(self.looks) - 1


def _density(mesh: Mesh) -> npt.NDArray[np.float64]:
    a, b, c = (mesh.vertices[mesh.faces[:, k]] for k in range(3))
    p, q, r = (mesh.uv[mesh.faces[:, k]] for k in range(3))
    area = np.linalg.norm(np.cross(b - a, c - a), axis=1)
    flat = np.abs((q - p)[:, 0] * (r - p)[:, 1] - (q - p)[:, 1] * (r - p)[:, 0])
    return np.sqrt(flat / np.maximum(area, 1e-12))


def _mitsuba_mesh(mi: Any, name: str, mesh: Mesh, colours: npt.NDArray[np.float64] | None, props: Any) -> Any:
    shape = mi.Mesh(name, len(mesh.vertices), len(mesh.faces), props=props, has_vertex_normals=mesh.normals is not None)
    if colours is not None:
        shape.add_attribute("vertex_color", 3, colours.astype(np.float32).ravel())
    values = mi.traverse(shape)
    values["vertex_positions"] = (mesh.vertices * _MIRROR).astype(np.float32).ravel()
    values["faces"] = mesh.faces.astype(np.uint32).ravel()
    if mesh.normals is not None:
        values["vertex_normals"] = (mesh.normals * _MIRROR).astype(np.float32).ravel()
    values.update()
    return shape


def _identity(mi: Any, shape: Any) -> int:
    import drjit

    return int(np.array(drjit.reinterpret_array(mi.UInt32, mi.ShapePtr(shape)))[0])


def bake(mi: Any, stage: Stage) -> Baked:
    """Prepare a stage.

    Parameters
    ----------
    mi : module
        From :func:`dofsim.datasets.traced.mitsuba`.
    stage : Stage

    Returns
    -------
    Baked
    """
    texels = _Texels()
    content: dict[str, Any] = {"type": "scene"}
    sky = None
    if stage.sky is not None:
        sky = cv2.resize(stage.sky, _SKY, interpolation=cv2.INTER_LINEAR)
        content["sky"] = {"type": "envmap", "bitmap": mi.Bitmap(sky)}
    for k, (towards, irradiance) in enumerate(stage.suns):
        direction = (-np.asarray(towards, np.float64) * _MIRROR).tolist()
        rgb = {"type": "rgb", "value": [float(c) for c in irradiance]}
        content[f"sun{k}"] = {"type": "directional", "direction": direction, "irradiance": rgb}
    # Mitsuba compiles anew whenever kinds or numbers of things change: no kind is ever missing, small things come first
    grey = np.full(3, 0.5)
    groups: dict[str, list[tuple[Part, int, int, npt.NDArray[np.float64]]]] = {}
    for name, some in (("flat", meshes.card()), ("smooth", meshes.ball(2, 3)), ("coat", meshes.ball(2, 3))):
        groups[name] = [(Part(some.placed((0, -5, 1), size=1e-3)), texels.add(grey), -1, grey)]
    ordered = sorted(stage.parts, key=lambda part: len(part.mesh.faces) if part.glow is not None else 0)
    for k, part in enumerate(ordered):
        mean = np.clip(np.asarray(part.look, np.float64).reshape(-1, 3).mean(axis=0), 0.02, 0.9)
        if part.glow is None:
            group = "flat" if part.mesh.normals is None else "coat" if part.shine > 0 else "smooth"
            groups[group].append((part, texels.add(part.look), -1, mean))
        else:
            groups[f"glow{k}"] = [(part, -1, texels.add(part.glow), np.zeros(3))]
    first, total = {}, 0
    arrays: dict[str, list[npt.NDArray[Any]]] = {
        name: [] for name in ("look", "glow", "far", "uv", "colour", "density")
    }
    shapes = {}
    for name, parts in groups.items():
        whole = meshes.joined([part.mesh for part, *_ in parts])
        props, colours = mi.Properties(), None
        reflectance = {"type": "mesh_attribute", "name": "vertex_color"}
        if name.startswith("glow"):
            start, rows, columns, _ = texels.looks[parts[0][2]]
            radiance = np.concatenate(texels.parts)[start : start + rows * columns].mean(axis=0)
            emitter = {"type": "area", "radiance": {"type": "rgb", "value": [float(c) for c in radiance]}}
            props["emitter"] = mi.load_dict(emitter)
        else:
            colours = np.concatenate([np.tile(mean, (len(part.mesh.vertices), 1)) for part, _, _, mean in parts])
            surface: dict[str, Any] = {"type": "diffuse", "reflectance": reflectance}
            if name == "coat":
                mirror = {"type": "roughconductor", "alpha": 0.15}
                surface = {"type": "blendbsdf", "weight": _COAT, "matte": surface, "mirror": mirror}
            props["bsdf"] = mi.load_dict({"type": "twosided", "bsdf": surface})
        shapes[name] = _mitsuba_mesh(mi, name, whole, colours, props)
        content[name] = shapes[name]
        first[_identity(mi, shapes[name])] = total
        total += len(whole.faces)
        for part, look_at, glow_at, mean in parts:
            mesh, n = part.mesh, len(part.mesh.faces)
            arrays["look"].append(np.full(n, look_at))
            arrays["glow"].append(np.full(n, glow_at))
            arrays["far"].append(np.full(n, part.far))
            arrays["uv"].append(mesh.uv[mesh.faces])
            arrays["colour"].append(np.tile(mean, (n, 1)))
            arrays["density"].append(_density(mesh))
    joined = {name: np.concatenate(some) for name, some in arrays.items()}
    return Baked(
        mi.load_dict(content), first, joined["look"].astype(np.int64), joined["glow"].astype(np.int64), joined["far"],
        joined["uv"].astype(np.float32), joined["colour"].astype(np.float32), joined["density"].astype(np.float32),
        np.concatenate(texels.parts), np.array(texels.looks, np.int64), sky,
    )  # fmt: skip


def _rays(camera: Camera, size: tuple[int, int], dx: float = 0.0, dy: float = 0.0) -> npt.NDArray[np.float64]:
    """Directions (h, w, 3) with a component of 1 along the axis, through the pixels' middles moved by (dx, dy) px."""
    height, width = size
    focal = focal_px(camera, width)
    x = (np.arange(width) + 0.5 + dx - width / 2) / focal
    y = (height / 2 - np.arange(height) - 0.5 - dy) / focal
    return np.stack(np.broadcast_arrays(x[None, :], y[:, None], np.ones(size)), axis=-1) @ camera.axes()


def _mitsuba_ray(mi: Any, camera: Camera, rays: npt.NDArray[np.float64]) -> Any:
    import drjit

    towards = np.ascontiguousarray((rays * _MIRROR).astype(np.float32).reshape(-1, 3).T)
    # a plain number would become part of the compiled kernel
    origin = mi.Point3f(*(drjit.opaque(mi.Float, float(c)) for c in np.asarray(camera.position) * _MIRROR))
    return mi.Ray3f(origin, mi.Vector3f(*(mi.Float(row) for row in towards)))


def _hits(
    mi: Any, baked: Baked, camera: Camera, rays: npt.NDArray[np.float64]
) -> tuple[npt.NDArray[np.int64], Picture, Picture]:
    """Number of the face that each ray meets (-1: sky), barycentric coordinates, inverse depth."""
    import drjit

    hit = baked.scene.ray_intersect_preliminary(_mitsuba_ray(mi, camera, rays))
    identity = np.array(drjit.reinterpret_array(mi.UInt32, hit.shape))
    table = np.full(max(*baked.first, int(identity.max())) + 1, -1, np.int64)
    for shape, start in baked.first.items():
        table[shape] = start
    t = np.array(hit.t)
    there = np.isfinite(t)
    face = np.where(there, table[identity] + np.array(hit.prim_index), -1)
    bary = np.array(hit.prim_uv, np.float32).T
    inverse = np.where(there, 1 / np.maximum(np.where(there, t, 1), 1e-4), 0)
    size = rays.shape[:2]
    return face.reshape(size), bary.reshape(*size, 2).copy(), inverse.reshape(size).astype(np.float32)


def inverse_depth(mi: Any, baked: Baked, camera: Camera, size: tuple[int, int]) -> Picture:
    """Exact inverse depth at the pixels' middles, float32 (h, w) in 1/m, 0 where nothing is and in windows."""
    face, _, inverse = _hits(mi, baked, camera, _rays(camera, size))
    return np.where((face < 0) | baked.far[face], np.float32(0), inverse)


def _sky(baked: Baked, rays: npt.NDArray[np.float64]) -> Picture:
    """Radiance of the sky along rays, float32 (h, w, 3)."""
    if baked.sky is None:
        return np.zeros((*rays.shape[:2], 3), np.float32)
    unit = (rays * _MIRROR) / np.linalg.norm(rays, axis=-1, keepdims=True)
    height, width = baked.sky.shape[:2]
    # Mitsuba's envmap: u = atan2(x, -z) / 2 pi, v = acos(y) / pi
    u = np.arctan2(unit[..., 0], -unit[..., 2]) / (2 * np.pi) * width - 0.5
    v = np.arccos(np.clip(unit[..., 1], -1, 1)) / np.pi * height - 0.5
    wrapped = np.mod(u, width).astype(np.float32)
    padded = np.concatenate((baked.sky, baked.sky[:, :1]), axis=1)
    seen: Picture = cv2.remap(
        padded, wrapped, v.astype(np.float32), interpolation=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return seen


def expose(mi: Any, baked: Baked, camera: Camera, size: tuple[int, int], *, samples: int, seed: int) -> Picture:
    """Linear RGB through a pinhole.

    Parameters
    ----------
    mi : module
    baked : Baked
    camera : Camera
    size : (height, width)
        Px.
    samples : int
        Paths per pixel.
    seed : int

    Returns
    -------
    float32 (h, w, 3)
    """
    from dofsim.datasets import _traced

    height, width = size
    n = height * width
    rays = _rays(camera, size)
    face, _, inverse = _hits(mi, baked, camera, rays)
    hit = baked.scene.ray_intersect(_mitsuba_ray(mi, camera, rays))
    normal = np.array(hit.sh_frame.n, np.float32).T * _MIRROR.astype(np.float32)
    normal *= -np.sign((normal * rays.reshape(-1, 3)).sum(axis=1, keepdims=True)).astype(np.float32)
    path = mi.load_dict({"type": "path", "max_depth": _BOUNCES + 1})
    sampler = mi.load_dict({"type": "independent"})
    sampler.seed(seed, n * samples)
    many = np.repeat(rays.reshape(-1, 3), samples, axis=0).reshape(n, samples, 3)
    radiance, _, _ = path.sample(baked.scene, sampler, mi.RayDifferential3f(_mitsuba_ray(mi, camera, many)))
    values = np.array(radiance, np.float32).T.reshape(n, samples, 3)
    colour = baked.colour[np.maximum(face.ravel(), 0)]
    known = (face.ravel() >= 0) & (colour.max(axis=1) > 0) & np.isfinite(normal).all(axis=1)
    light = np.minimum(values / np.maximum(colour, 0.02)[:, None], _BRIGHT).mean(axis=1).reshape(*size, 3)
    strength = light.mean(axis=2)
    usual = cv2.medianBlur(strength, 5) * 3 + np.float32(0.01)
    light *= np.minimum(1, usual / np.maximum(strength, 1e-6))[..., None]  # unlucky samples are lone bright pixels
    place = rays / np.maximum(inverse, 1e-4)[..., None]
    smooth = _traced.smooth_light(
        light.astype(np.float32), place.astype(np.float32),
        np.ascontiguousarray(np.nan_to_num(normal).reshape(*size, 3)), known.reshape(size), 5,
    )  # fmt: skip
    out = np.zeros((*size, 3), np.float32)
    for dx, dy in OFFSETS:
        moved = _rays(camera, size, dx, dy)
        face_k, bary, inverse_k = _hits(mi, baked, camera, moved)
        _traced.shade(
            face_k, bary, inverse_k, baked.look, baked.glow, baked.uv, baked.density, baked.looks, baked.texels,
            smooth, inverse, known.reshape(size), focal_px(camera, width), out,
        )  # fmt: skip
        if baked.sky is not None:
            out += np.where((face_k < 0)[..., None], _sky(baked, moved), 0)
    return out / np.float32(len(OFFSETS))
