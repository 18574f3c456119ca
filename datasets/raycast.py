"""A small ray caster: primitives with textures, a sun, ambient light and a sky, and the exact depth of each pixel.

Coordinates: x right, y up, z into the scene, metres. Depth is the distance along the optical axis. Each primitive is
the affine image of a unit shape; a ray is carried into the shape's own space, where its parameter t keeps its meaning.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from dofsim.errors import ParameterError

if TYPE_CHECKING:
    from dofsim.datasets.textures import TextureBank

#: Unit shapes, each within -1..1. ``CARD`` is the square z = 0, cut out by its texture's alpha.
BOX, ELLIPSOID, CYLINDER, CARD, CONE, GROUND = range(6)

Vector = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Camera:
    """A pinhole camera.

    Attributes
    ----------
    position : (x, y, z) in m
    pitch, yaw, roll : float
        Radians; positive pitch looks up, positive yaw to the right.
    fov : float
        Horizontal field of view, radians.
    """

    position: tuple[float, float, float]
    pitch: float = 0.0
    yaw: float = 0.0
    roll: float = 0.0
    fov: float = 1.1

    def axes(self) -> Vector:
        """Rows: the camera's right, up and forward directions, float64 (3, 3)."""
        sp, cp, sy, cy = np.sin(self.pitch), np.cos(self.pitch), np.sin(self.yaw), np.cos(self.yaw)
        forward = np.array([sy * cp, sp, cy * cp])
        right = np.array([cy, 0.0, -sy])
        up = np.cross(forward, right)
        sr, cr = np.sin(self.roll), np.cos(self.roll)
        return np.stack((cr * right + sr * up, cr * up - sr * right, forward))


@dataclass(frozen=True)
class Light:
    """Sun, ambient light, haze and sky.

    Attributes
    ----------
    direction : (x, y, z)
        Towards the sun.
    sun, ambient : (r, g, b)
        Linear.
    softness : float
        Angular radius of the sun, radians.
    haze : float
        Extinction per metre.
    zenith, horizon : (r, g, b)
        Colours of the sky, linear.
    lamp : (x, y, z, strength)
        A small lamp in the scene, m; strength 0 puts it out.
    """

    direction: tuple[float, float, float] = (0.4, 0.8, -0.4)
    sun: tuple[float, float, float] = (0.8, 0.76, 0.7)
    ambient: tuple[float, float, float] = (0.35, 0.38, 0.42)
    softness: float = 0.05
    haze: float = 0.0
    zenith: tuple[float, float, float] = (0.25, 0.45, 0.9)
    horizon: tuple[float, float, float] = (0.75, 0.82, 0.9)
    lamp: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)


@dataclass(eq=False)
class World:
    """A list of primitives, grown by :meth:`add`."""

    kind: list[int] = field(default_factory=list)
    centre: list[Vector] = field(default_factory=list)
    rotation: list[Vector] = field(default_factory=list)
    half: list[Vector] = field(default_factory=list)
    texture: list[int] = field(default_factory=list)
    repeat: list[float] = field(default_factory=list)
    tint: list[Vector] = field(default_factory=list)
    shine: list[float] = field(default_factory=list)

    def add(
        self, kind: int, centre: npt.ArrayLike, half: npt.ArrayLike, *, rotation: Vector | None = None,
        texture: int = 0, repeat: float = 1.0, tint: npt.ArrayLike = (1.0, 1.0, 1.0), shine: float = 0.0,
    ) -> None:  # fmt: skip
        """Add a primitive.

        Parameters
        ----------
        kind : int
            :data:`BOX`, :data:`ELLIPSOID`, :data:`CYLINDER` (axis y), :data:`CARD`, :data:`CONE` (tip up) or
            :data:`GROUND` (the plane y = centre's y, without end).
        centre : (x, y, z) in m
        half : (x, y, z)
            Half-sizes in m.
        rotation : float64 (3, 3), optional
            Columns are the shape's axes in the world.
        texture : int
            Index into the bank; for a card the index of a cut-out.
        repeat : float
            Texture repeats per metre; cards show theirs once.
        tint : (r, g, b)
        shine : float
            Strength of the highlight.
        """
        self.kind.append(kind)
        self.centre.append(np.asarray(centre, np.float64))
        self.half.append(np.maximum(np.asarray(half, np.float64), 1e-5))
        self.rotation.append(np.eye(3) if rotation is None else np.asarray(rotation, np.float64))
        self.texture.append(texture)
        self.repeat.append(repeat)
        self.tint.append(np.asarray(tint, np.float64))
        self.shine.append(shine)

    def __len__(self) -> int:
        return len(self.kind)


def turn(yaw: float = 0.0, pitch: float = 0.0, roll: float = 0.0) -> Vector:
    """Rotation about y, then x, then z (radians), float64 (3, 3)."""
    cy, sy, cp, sp, cr, sr = np.cos(yaw), np.sin(yaw), np.cos(pitch), np.sin(pitch), np.cos(roll), np.sin(roll)
    about_y = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    about_x = np.array([[1, 0, 0], [0, cp, -sp], [0, sp, cp]])
    about_z = np.array([[cr, -sr, 0], [sr, cr, 0], [0, 0, 1]])
    result: Vector = about_y @ about_x @ about_z
    return result


def render(
    world: World, camera: Camera, light: Light, bank: TextureBank, size: tuple[int, int], *, seed: int = 0
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Render a world.

    Parameters
    ----------
    world : World
    camera : Camera
    light : Light
    bank : TextureBank
    size : (height, width)
        Px.
    seed : int
        Of the jitter of shadows.

    Returns
    -------
    colour : float32 (h, w, 3)
        Linear RGB, unclipped; edges between primitives are smoothed by 4 rays.
    inverse : float32 (h, w)
        1 / depth in 1/m at the pixel's centre, 0 for the sky.

    Raises
    ------
    ParameterError
        If the world is empty.
    """
    if len(world) == 0:
        raise ParameterError("an empty world cannot be rendered; add a primitive")
    import cv2

    from dofsim.datasets import _raycast

    height, width = size
    kind = np.array(world.kind, np.int64)
    centre, half = np.stack(world.centre), np.stack(world.half)
    # world -> unit space: rows of R^T divided by the half-sizes
    inward = np.stack([rotation.T / size3[:, None] for rotation, size3 in zip(world.rotation, half, strict=True)])
    radius = np.where(kind == GROUND, np.inf, np.linalg.norm(half, axis=1))
    axes = camera.axes()
    focal = width / 2.0 / np.tan(camera.fov / 2.0)
    sun = np.asarray(light.direction, np.float64)
    sun = sun / np.linalg.norm(sun)
    parts: tuple[Any, ...] = (
        kind, centre, inward, half, radius, np.array(world.texture, np.int64), np.array(world.repeat, np.float64),
        np.stack(world.tint),
    )  # fmt: skip
    origin = np.asarray(camera.position, np.float64)
    albedo = np.zeros((height, width, 3), np.float32)
    normal = np.zeros((height, width, 3), np.float32)
    depth = np.full((height, width), np.inf, np.float64)
    label = np.full((height, width), -1, np.int64)
    lit = np.ones((height, width, 3), np.float32)
    rng = np.random.default_rng(seed)
    jitter = rng.random((height, width, 4), dtype=np.float32)
    _raycast.trace(
        *parts, bank.levels, bank.offsets, bank.cutouts, bank.cutout_alpha, origin, axes, focal, sun, light.softness,
        np.asarray(light.lamp, np.float64), jitter, albedo, normal, depth, label, lit,
    )  # fmt: skip
    lit = cv2.GaussianBlur(lit, (0, 0), 1.1)
    sky = _sky(bank, axes, focal, size, light, rng)
    glossy = np.where(label >= 0, np.take(np.array(world.shine), np.maximum(label, 0)), 0.0).astype(np.float32)
    colour = _shade(albedo, normal, lit, glossy, light, sun, axes)
    if light.haze > 0:
        clear = np.exp(-light.haze * np.where(np.isfinite(depth), depth, 0.0)).astype(np.float32)[..., None]
        colour = colour * clear + np.asarray(light.horizon, np.float32) * (1.0 - clear)
    colour = np.where(label[..., None] < 0, sky, colour).astype(np.float32)
    colour = _raycast.smooth_edges(
        colour, label, kind, centre, inward, radius, bank.cutout_alpha, parts[5], origin, axes, focal
    )
    inverse = np.where(np.isfinite(depth), 1.0 / depth, 0.0).astype(np.float32)
    return colour, inverse


def _shade(
    albedo: npt.NDArray[np.float32], normal: npt.NDArray[np.float32], lit: npt.NDArray[np.float32],
    glossy: npt.NDArray[np.float32], light: Light, sun: Vector, axes: Vector,
) -> npt.NDArray[np.float32]:  # fmt: skip
    facing = np.clip(normal @ sun.astype(np.float32), 0.0, 1.0) * lit[..., 0]
    above = (0.65 + 0.35 * normal[..., 1]) * lit[..., 1]
    sky, yellow = np.asarray(light.ambient, np.float32), np.array([1.0, 0.9, 0.75], np.float32)
    shade = facing[..., None] * np.asarray(light.sun, np.float32) + above[..., None] * sky
    shade += lit[..., 2:] * yellow
    middle = sun - axes[2]
    middle = middle / max(float(np.linalg.norm(middle)), 1e-9)
    highlight = glossy * lit[..., 0] * np.clip(normal @ middle.astype(np.float32), 0.0, 1.0) ** 40
    result: npt.NDArray[np.float32] = (albedo * shade + highlight[..., None]).astype(np.float32)
    return result


def _sky(
    bank: TextureBank, axes: Vector, focal: float, size: tuple[int, int], light: Light, rng: np.random.Generator
) -> npt.NDArray[np.float32]:
    height, width = size
    up = (height / 2.0 - 0.5 - np.arange(height)) / focal
    elevation = up[:, None] * axes[1, 1] + axes[2, 1] + ((np.arange(width) - width / 2.0) / focal)[None, :] * axes[0, 1]
    share = np.clip(elevation * 1.8, 0.0, 1.0)[..., None].astype(np.float32) ** 0.6
    sky = share * np.asarray(light.zenith, np.float32) + (1 - share) * np.asarray(light.horizon, np.float32)
    clouds = bank.clouds(size, rng)[..., None] * np.float32(rng.random() * 0.8)
    result: npt.NDArray[np.float32] = (sky * (1 - clouds) + np.float32(0.95) * clouds).astype(np.float32)
    return result


def to_photo(
    colour: npt.NDArray[np.float32], rng: np.random.Generator | None = None, *, percentile: float = 60.0
) -> npt.NDArray[np.uint8]:
    """Expose and encode linear RGB as a phone would.

    Parameters
    ----------
    colour : float32 (h, w, 3)
        Linear, unclipped.
    rng : numpy Generator, optional
        Varies the exposure.
    percentile : float
        Which of the pixels comes out as a middle grey; the higher, the darker the photo.

    Returns
    -------
    uint8 (h, w, 3)
        sRGB-like (gamma 2.2).
    """
    middle = float(np.percentile(colour.mean(axis=2), percentile))
    target = 0.3 if rng is None else float(np.clip(rng.normal(0.3, 0.1), 0.08, 0.6))
    exposed = np.clip(colour * (target / max(middle, 1e-4)), 0.0, None)
    exposed = np.where(exposed > 0.8, 1.0 - 0.2 * np.exp(-(exposed - 0.8) / 0.2), exposed)  # a soft shoulder
    encoded: npt.NDArray[np.uint8] = (np.clip(exposed, 0, 1) ** (1 / 2.2) * 255 + 0.5).astype(np.uint8)
    return encoded
