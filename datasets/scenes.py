"""Random scenes for the ray caster: rooms, tables, streets, parks, portraits, layers, heaps, foliage.

``python -m dofsim.datasets.scenes --data DATA --out FOLDER`` packs them for training.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from dofsim.datasets._program import program
from dofsim.datasets.furnish import Builder, small_things
from dofsim.datasets.raycast import BOX, ELLIPSOID, GROUND, Camera, Light, World, render, to_photo, turn
from dofsim.datasets.textures import TextureBank, make_bank, skimage_photos

#: Kinds of scenes and how often each is drawn.
KINDS = {
    "room": 0.2, "table": 0.22, "street": 0.1, "park": 0.1, "portrait": 0.14,
    "floor": 0.12,
    "layers": 0.08, "heap": 0.08, "foliage": 0.08,
}  # fmt: skip


def random_light(rng: np.random.Generator, *, indoor: bool) -> Light:
    """A sun behind or beside the camera, ambient light, a sky, haze outdoors."""
    direction = (float(rng.normal(0, 0.7)), float(rng.uniform(0.4, 1.5)), float(rng.normal(-0.5, 0.6)))
    warm = rng.normal(0.0, 0.12)
    sun = np.clip(np.array([1 + warm, 1.0, 1 - warm]) * rng.uniform(0.2, 1.2), 0.05, 2)
    ambient = np.clip(np.array([1 - warm * 0.6, 1.0, 1 + warm * 0.8]) * rng.uniform(0.25, 0.8), 0.1, 2)
    grey = rng.random()
    zenith = np.array([0.25, 0.45, 0.9]) * (1 - grey) + 0.75 * grey
    return Light(
        direction=direction, sun=tuple(map(float, sun)), ambient=tuple(map(float, ambient)),  # type: ignore[arg-type]
        softness=float(rng.uniform(0.02, 0.5 if indoor else 0.15)),
        haze=0.0 if indoor or rng.random() < 0.5 else float(rng.uniform(0.002, 0.03)),
        zenith=tuple(map(float, zenith)), horizon=tuple(map(float, np.clip(zenith + 0.25, 0, 1))),  # type: ignore[arg-type]
    )  # fmt: skip


def _walls(b: Builder, half_width: float, depth: float, height: float, *, ceiling: bool = True) -> None:
    """Floor, back wall, side walls and ceiling as thin boxes around a space that begins behind the camera."""
    b.part(BOX, (0, -0.05, depth / 2 - 2), (half_width, 0.05, depth / 2 + 2), b.look(2.0, 0.75))
    wall = b.look(2.0, 0.75)
    b.part(
        BOX, (0, height / 2, depth), (half_width, height / 2, 0.05), b.look(2.0, 0.75) if b.rng.random() < 0.4 else wall
    )
    for side in (-1, 1):
        if b.rng.random() < 0.85:
            b.part(BOX, (side * half_width, height / 2, depth / 2 - 2), (0.05, height / 2, depth / 2 + 2), wall)
    if ceiling:
        b.part(BOX, (0, height + 0.05, depth / 2 - 2), (half_width, 0.05, depth / 2 + 2), b.look(2.0, 0.75))
    for _ in range(int(b.rng.integers(0, 4))):
        b.picture(
            b.rng.uniform(-0.8, 0.8) * half_width,
            b.rng.uniform(0.3, 0.8) * height,
            depth - 0.07,
            b.rng.uniform(0.2, 0.9),
        )
    for _ in range(int(b.rng.integers(0, 3))):
        side = b.rng.choice([-1.0, 1.0])
        b.picture(
            side * (half_width - 0.07), b.rng.uniform(0.3, 0.8) * height, b.rng.uniform(0.3, 0.9) * depth,
            b.rng.uniform(0.2, 0.8), yaw=np.pi / 2,
        )  # fmt: skip


def _room(b: Builder) -> tuple[Camera, bool]:
    rng = b.rng
    half_width, depth, height = rng.uniform(1.3, 3.5), rng.uniform(2.2, 8.0), rng.uniform(2.3, 3.4)
    _walls(b, half_width, depth, height)
    things = (b.table, b.chair, b.chair, b.sofa, b.shelf, b.carton, b.lamp, b.plant)
    for _ in range(int(rng.integers(3, 9))):
        thing = things[int(rng.integers(len(things)))]
        x, z = rng.uniform(-0.85, 0.85) * half_width, rng.uniform(0.9, max(1.0, depth - 0.4))
        if thing == b.table:
            top = b.table(x, 0.0, z, rng.uniform(0.6, 1.2))
            for _ in range(int(rng.integers(0, 4))):
                small = small_things(b)
                small[int(rng.integers(len(small)))](
                    x + rng.normal(0, 0.2), top, z + rng.normal(0, 0.15), rng.uniform(0.08, 0.25)
                )
        elif thing == b.shelf:
            b.shelf(x, 0.0, depth - 0.25, rng.uniform(1.0, 2.2))
        elif thing == b.lamp:
            b.lamp(x, 0.0, z, rng.uniform(0.8, 1.9))
        else:
            thing(x, 0.0, z, rng.uniform(0.5, 1.1))
    for _ in range(int(rng.integers(0, 3))):
        if rng.random() < 0.3:
            b.cutout(rng.uniform(-0.7, 0.7) * half_width, 0.0, rng.uniform(1.4, depth - 0.2), rng.uniform(1.4, 1.9))
        else:
            b.body(rng.uniform(-0.7, 0.7) * half_width, 0.0, rng.uniform(1.4, depth - 0.2), rng.uniform(1.3, 1.9))
    eye = rng.uniform(0.7, min(1.8, height - 0.4))
    return Camera((rng.normal(0, 0.3), eye, rng.uniform(-1.5, 0.2)), rng.normal(-0.18, 0.15), rng.normal(0, 0.25)), True


def _table(b: Builder) -> tuple[Camera, bool]:
    rng = b.rng
    wide, deep = rng.uniform(0.4, 1.5), rng.uniform(0.4, 1.6)
    b.part(BOX, (0, -0.02, deep), (wide, 0.02, deep), b.look(1.0, 0.6))
    indoor = rng.random() < 0.8
    if indoor:
        floor, back = -rng.uniform(0.5, 0.9), deep * 2 + rng.uniform(0.02, 4.0)
        b.part(BOX, (0, floor, back / 2), (6.0, 0.02, back / 2 + 3), b.look(2.0, 0.7))
        b.part(BOX, (0, 1.0, back), (6.0, 2.5, 0.03), b.look(2.0, 0.7), turn(rng.normal(0, 0.2)))
        for _ in range(int(rng.integers(0, 4))):
            b.picture(rng.normal(0, 1.0), rng.uniform(0.0, 1.2), back - 0.3, rng.uniform(0.2, 0.8), rng.normal(0, 0.2))
        for _ in range(int(rng.integers(0, 4))):
            thing = (b.chair, b.sofa, b.plant, b.carton)[int(rng.integers(4))]
            if back > 2 * deep + 0.8:
                thing(rng.normal(0, 1.2), floor, rng.uniform(2 * deep + 0.3, back - 0.2), rng.uniform(0.5, 1.2))
    else:
        _outdoors(b, -0.7, rng.uniform(3, 8))
    small = small_things(b)
    for _ in range(int(rng.integers(1, 13))):
        size = rng.uniform(0.06, 0.3)
        z = rng.uniform(0.12, 1.9) * deep
        small[int(rng.integers(len(small)))](rng.uniform(-0.8, 0.8) * wide, 0.0, z, size)
    eye = rng.uniform(0.12, 0.8)
    back_off = rng.uniform(0.05, 0.7)
    aim = np.arctan2(-eye + 0.08, back_off + deep * rng.uniform(0.4, 1.2))
    return Camera((rng.normal(0, 0.15), eye, -back_off), aim + rng.normal(0, 0.08), rng.normal(0, 0.15)), indoor


def _outdoors(b: Builder, ground: float, start: float) -> None:
    """Ground, trees, bushes, hills and houses from ``start`` m on."""
    rng = b.rng
    grass = b.look(2.0, 0.5)
    if rng.random() < 0.5:
        grass["tint"] = np.array([0.5, 0.85, 0.35]) * rng.uniform(0.5, 1.2)
    b.part(GROUND, (0, ground, 0), (1, 1, 1), grass)
    for _ in range(int(rng.integers(0, 9))):
        z = start + rng.exponential(9.0)
        b.tree(rng.normal(0, 0.45) * (z + 3), ground, z, rng.uniform(2.0, 9.0))
    for _ in range(int(rng.integers(0, 5))):
        z = start + rng.exponential(12.0)
        half = (rng.uniform(2, 6), rng.uniform(1.5, 6), rng.uniform(1, 5))
        b.box(rng.normal(0, 0.7) * (z + 8), ground, z + 6, half, rng.normal(0, 0.4))
    for _ in range(int(rng.integers(0, 3))):
        z = rng.uniform(60, 300)
        b.part(ELLIPSOID, (rng.normal(0, 80), ground, z), (z * 0.5, z * rng.uniform(0.05, 0.25), z * 0.3), b.look(20.0))
    for _ in range(int(rng.integers(0, 5))):
        z = start + rng.exponential(5.0)
        leaf = b.look(0.5)
        leaf["tint"] = np.array([0.5, 0.9, 0.4]) * rng.uniform(0.4, 1.1)
        half3 = rng.uniform(0.3, 1.2, 3)
        b.part(ELLIPSOID, (rng.normal(0, 0.5) * (z + 2), ground + half3[1] * 0.6, z), half3, leaf)


def _street(b: Builder) -> tuple[Camera, bool]:
    rng = b.rng
    b.part(GROUND, (0, 0, 0), (1, 1, 1), b.look(3.0, 0.7))
    road, shift = rng.uniform(2.5, 8.0), rng.uniform(-2.0, 2.0)
    for side in (-1, 1):
        z = rng.uniform(-4, 4)
        b.part(BOX, (shift + side * (road + 1.5), 0.07, 60), (1.5, 0.07, 70), b.look(1.5))
        while z < 70:
            long, high = rng.uniform(3, 10), rng.uniform(2.5, 12)
            if rng.random() < 0.85:
                b.box(shift + side * (road + 3 + 4), 0.0, z + long, (4.0, high / 2, long * 0.97))
            z += 2 * long + (rng.uniform(1, 8) if rng.random() < 0.3 else 0)
        for z in np.arange(rng.uniform(2, 9), 60, rng.uniform(6, 15)):
            if rng.random() < 0.7:
                (b.lamp if rng.random() < 0.6 else b.tree)(
                    shift + side * (road + 0.6), 0.0, float(z), rng.uniform(2.5, 6)
                )
        for z in np.arange(rng.uniform(4, 12), 50, 6.5):
            if rng.random() < 0.4:
                b.car(shift + side * (road - 1.1), 0.0, float(z), rng.normal(0, 0.03))
    for _ in range(int(rng.integers(0, 5))):
        z = 1.8 + rng.exponential(6.0)
        x = rng.normal(0, 0.4) * (z + 1)
        if rng.random() < 0.3:
            b.cutout(x, 0.0, z, rng.uniform(1.5, 1.9))
        else:
            b.body(x, 0.0, z, rng.uniform(1.5, 1.9))
    return Camera((0, rng.uniform(0.5, 1.8), 0), rng.normal(-0.03, 0.08), rng.normal(0, 0.3)), False


def _park(b: Builder) -> tuple[Camera, bool]:
    rng = b.rng
    _outdoors(b, 0.0, rng.uniform(2, 8))
    for _ in range(int(rng.integers(1, 7))):
        z = 0.8 + rng.exponential(3.0)
        x = rng.normal(0, 0.4) * (z + 0.4)
        thing = int(rng.integers(0, 6))
        if thing == 0:
            b.body(x, 0.0, z + 1, rng.uniform(1.2, 1.9))
        elif thing == 1:
            b.cutout(x, 0.0, z + 1, rng.uniform(0.8, 1.9))
        elif thing == 2:
            b.plant(x, 0.0, z, rng.uniform(0.3, 1.0))
        elif thing == 3:
            b.table(x, 0.0, z + 0.8, rng.uniform(0.7, 1.4))
        elif thing == 4:
            b.lamp(x, 0.0, z + 0.5, rng.uniform(0.6, 3.0))
        else:
            b.ball(x, 0.0, z, rng.uniform(0.2, 1.0))
    return Camera((0, rng.uniform(0.3, 1.8), 0), rng.normal(-0.08, 0.12), 0.0), False


def _portrait(b: Builder) -> tuple[Camera, bool]:
    rng = b.rng
    indoor = rng.random() < 0.5
    if indoor:
        _walls(b, rng.uniform(1.5, 3.5), rng.uniform(2.5, 8.0), rng.uniform(2.4, 3.2))
        for _ in range(int(rng.integers(1, 5))):
            thing = (b.chair, b.sofa, b.table, b.plant)[int(rng.integers(4))]
            thing(rng.normal(0, 1.0), 0.0, rng.uniform(2.2, 5.0), rng.uniform(0.6, 1.2))
    else:
        _outdoors(b, 0.0, rng.uniform(3, 10))
    eye = rng.uniform(1.1, 1.7)
    pitch = 0.0
    for _ in range(int(rng.choice([1, 1, 1, 2, 3]))):
        z = rng.uniform(0.7, 2.2)
        x = rng.normal(0, 0.22) * z
        style = rng.random()
        if style < 0.4:
            height = z * rng.uniform(0.75, 1.2)  # a bust is cut off by the frame's lower edge
            if b.cutout(x, eye - z * 0.48 - rng.uniform(0, 0.1), z, height, whole=False, facing=rng.normal(0, 0.15)):
                continue
        if style < 0.5:
            b.cutout(x, 0.0, z + 0.8, rng.uniform(1.5, 1.9), facing=rng.normal(0, 0.15))
        else:
            b.body(x, 0.0, z + 0.2, eye + rng.uniform(0.0, 0.25))
            pitch = -0.1
    return Camera((0, eye, 0), pitch + rng.normal(0.0, 0.06), rng.normal(0, 0.05)), indoor


def _layers(b: Builder) -> tuple[Camera, bool]:
    rng = b.rng
    back = rng.uniform(1.5, 4.0)
    b.part(BOX, (0, 0, back), (6, 6, 0.02), b.look(1.5), turn(rng.normal(0, 0.35), rng.normal(0, 0.3)))
    if rng.random() < 0.6:
        b.part(BOX, (0, -rng.uniform(0.3, 0.8), back / 2), (6, 0.02, back), b.look(1.0))
    for _ in range(int(rng.integers(2, 10))):
        z = rng.uniform(0.6, back - 0.1)
        x, y = rng.normal(0, 0.4) * z, rng.normal(-0.05, 0.3) * z
        style = int(rng.integers(0, 4))
        if style <= 1:
            b.picture(x, y, z, rng.uniform(0.1, 0.4) * z, rng.normal(0, 0.5), rng.normal(0, 0.4))
        elif style == 2:
            half = rng.uniform(0.02, 0.3, 3) * z
            b.part(BOX, (x, y, z), half, b.look(0.4), turn(*rng.normal(0, 0.5, 3)))
        else:
            b.cutout(x, y - 0.3 * z, z, rng.uniform(0.3, 0.8) * z, whole=rng.random() < 0.25, facing=rng.normal(0, 0.3))
    return Camera((0, 0, 0)), True


def _heap(b: Builder) -> tuple[Camera, bool]:
    """Many alike things on the ground, seen from above at an angle."""
    rng = b.rng
    b.part(BOX, (0, -0.05, 0.8), (5, 0.05, 5), b.look(1.0))
    size, style = rng.uniform(0.05, 0.25), int(rng.integers(0, 4))
    looks = [b.look(size) for _ in range(int(rng.integers(1, 4)))]
    proportion = np.exp(rng.normal(0, 0.3, 3))
    spread = rng.uniform(0.4, 1.3)
    for _ in range(int(rng.integers(15, 90))):
        x, z = rng.normal(0, 0.5, 2) * spread
        y = max(0.0, (1 - np.hypot(x, z) / spread) * spread * rng.uniform(0, 0.5))
        half = size * proportion * rng.uniform(0.7, 1.3) * 0.5
        look = looks[int(rng.integers(len(looks)))]
        rotation = turn(*rng.uniform(-np.pi, np.pi, 3)) if style != 1 else turn(rng.uniform(-np.pi, np.pi))
        b.part(BOX if style == 0 else ELLIPSOID, (x, y + half.min(), z + 0.8), half, look, rotation)
    eye, away = rng.uniform(0.25, 1.2), rng.uniform(0.1, 0.8)
    return Camera((0, eye, 0.8 - spread * 0.4 - away), -np.arctan2(eye, away + spread * 0.5) + rng.normal(0, 0.1)), True


def _flower_bed(b: Builder) -> None:
    rng = b.rng
    stem, head = b.look(0.1), b.look(0.1, 0.7)
    stem["tint"] = np.array([0.4, 0.9, 0.3]) * rng.uniform(0.4, 1.2)
    proportion = np.exp(rng.normal(0, 0.35, 3))
    size = rng.uniform(0.025, 0.07)
    for _ in range(int(rng.integers(50, 160))):
        z = 0.3 + rng.exponential(0.8)
        x, tall = rng.normal(0, 0.4) * (z + 0.2), rng.uniform(0.1, 0.35)
        lean = rng.normal(0, 0.05, 2)
        b.part(ELLIPSOID, (x, tall / 2, z), (0.006, tall / 2, 0.006), stem, turn(0, *lean))
        b.part(ELLIPSOID, (x, tall, z), size * proportion * rng.uniform(0.7, 1.3), head)


def _frame(b: Builder, camera: Camera) -> None:
    """Leaves or a post near the camera, at the side or the lower edge of the picture."""
    rng = b.rng
    side, z = rng.choice([-1.0, 1.0]), rng.uniform(0.35, 1.0)
    x, y = camera.position[0] + side * z * rng.uniform(0.25, 0.55), camera.position[1]
    if rng.random() < 0.75:
        for _ in range(int(rng.integers(1, 4))):
            low = y - z * rng.uniform(0.2, 0.9)
            b.plant(
                x + rng.normal(0, 0.12), low, camera.position[2] + z + rng.normal(0, 0.1), rng.uniform(0.3, 0.8) * z
            )
    else:
        b.box(x, y - 2.0, camera.position[2] + z, (rng.uniform(0.02, 0.1), 4.0, 0.05), rng.uniform(0, 1.5))


def _foliage(b: Builder) -> tuple[Camera, bool]:
    """Plants and flowers near, more of them far."""
    rng = b.rng
    _outdoors(b, 0.0, rng.uniform(3, 9))
    spread = rng.uniform(0.3, 1.0)
    if rng.random() < 0.5:  # a bed of one kind of flower
        _flower_bed(b)
    else:
        for _ in range(int(rng.integers(4, 14))):
            z = 0.35 + abs(rng.normal(0, 1.2))
            b.plant(rng.normal(0, 0.5) * (z + spread), 0.0, z, rng.uniform(0.15, 0.5))
    eye = rng.uniform(0.2, 1.1)
    return Camera((0, eye, -0.2), -np.arctan2(max(eye - 0.2, 0.01), rng.uniform(0.7, 2.5)) + rng.normal(0, 0.08)), False


def _floor(b: Builder) -> tuple[Camera, bool]:
    """A floor, a lawn or a desk seen at a steep angle, bare or with a few things on it."""
    rng = b.rng
    b.part(GROUND, (0, 0, 0), (1, 1, 1), b.look(1.5, 0.6))
    eye, pitch = rng.uniform(0.3, 1.8), -rng.uniform(0.35, 1.35)
    middle = eye / np.tan(-pitch)
    small = small_things(b)
    for _ in range(int(rng.integers(0, 6))):
        size = eye * rng.uniform(0.05, 0.35)
        small[int(rng.integers(len(small)))](rng.normal(0, 0.3) * eye, 0.0, middle + rng.normal(0, 0.3) * eye, size)
    if rng.random() < 0.4:
        wall = middle + eye * rng.uniform(0.3, 1.5)
        b.part(BOX, (0, 1.5, wall), (8.0, 1.5, 0.05), b.look(2.0, 0.7), turn(rng.normal(0, 0.3)))
    return Camera((0, eye, 0), pitch, rng.normal(0, 0.2)), True


_BUILD = {
    "room": _room, "table": _table, "street": _street, "park": _park, "portrait": _portrait, "layers": _layers,
    "heap": _heap, "foliage": _foliage, "floor": _floor,
}  # fmt: skip


def random_scene(
    bank: TextureBank, size: tuple[int, int], seed: int | tuple[int, ...], kind: str | None = None
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.float32]]:
    """Build and render one random scene.

    Parameters
    ----------
    bank : TextureBank
    size : (height, width)
        Px.
    seed : int or tuple of int
    kind : str, optional
        One of :data:`KINDS`; drawn by its weight when omitted.

    Returns
    -------
    photo : uint8 (h, w, 3)
    inverse : float32 (h, w)
        Exact inverse depth in 1/m, 0 for the sky.
    """
    for attempt in range(20):
        rng = np.random.default_rng((*seed, attempt) if isinstance(seed, tuple) else (seed, attempt))
        weights = np.array(list(KINDS.values()))
        name = kind or list(KINDS)[int(rng.choice(len(weights), p=weights / weights.sum()))]
        builder = Builder(World(), bank, rng)
        camera, indoor = _BUILD[name](builder)
        if name in {"room", "street", "park", "portrait"} and rng.random() < 0.15:
            _frame(builder, camera)
        height, width = size
        longer = rng.uniform(0.85, 1.25)  # field of view over the longer side: phones' 26 to 40 mm lenses
        fov = longer if width >= height else 2 * np.arctan(np.tan(longer / 2) * width / height)
        camera = Camera(camera.position, camera.pitch, camera.yaw, float(rng.normal(0, 0.04)), float(fov))
        light = random_light(rng, indoor=indoor)
        colour, inverse = render(builder.world, camera, light, bank, size, seed=int(rng.integers(2**31)))
        near, middle = np.percentile(inverse, (97, 50))
        flat = np.percentile(inverse, 95) - np.percentile(inverse, 5) < 0.12 * near
        # a camera inside a thing sees one surface, and a bright spot must not swallow the picture
        if near < 12 and not flat and not (middle > 6):
            break
    return to_photo(colour, rng), inverse


def write_packs(data: str | Path, out: str | Path, *, packs: int = 8, scenes: int = 400, seed: int = 0) -> list[Path]:
    """Render scenes into packs, alternately landscape and portrait; packs that exist are kept.

    Parameters
    ----------
    data : path
        Folder with ``rgbd/`` and ``mattes/``: patches of permitted training photos become textures.
    out : path
        Folder for the packs.
    packs, scenes : int
        Number of packs and of scenes in each.
    seed : int

    Returns
    -------
    list of Path
        Names for :func:`dofsim.datasets.pack.open_packs`.
    """
    from dofsim.datasets.mattes import read_subjects
    from dofsim.datasets.pack import write_pack
    from dofsim.datasets.rgbd import index_folder, read_pair
    from dofsim.datasets.split import split_scenes

    data = Path(data)
    first_of_scene = {pair.key: pair for pair in reversed(split_scenes(index_folder(data / "rgbd")).train)}
    photos = [read_pair(pair)[0] for _key, pair in sorted(first_of_scene.items())] + skimage_photos() * 3
    subjects = read_subjects(data / "mattes") if (data / "mattes").is_dir() else []
    names = []
    for number in range(packs):
        size = (240, 320) if number % 2 == 0 else (320, 240)
        bank = make_bank(np.random.default_rng((seed, number)), photos=photos, subjects=subjects)

        def make(
            index: int, bank: TextureBank = bank, size: tuple[int, int] = size, number: int = number
        ) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.float32]]:
            return random_scene(bank, size, (seed, number, index))

        names.append(write_pack(Path(out) / f"scenes-{seed}-{number:03d}", make, range(scenes), size))
    return names


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line: render packs of scenes."""
    parser = argparse.ArgumentParser(prog="python -m dofsim.datasets.scenes", description=__doc__)
    parser.add_argument("--data", required=True, help="folder with rgbd/ and mattes/")
    parser.add_argument("--out", required=True, help="folder for the packs")
    parser.add_argument("--packs", type=int, default=8)
    parser.add_argument("--scenes", type=int, default=400, help="scenes in each pack")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args(arguments)
    for name in write_packs(given.data, given.out, packs=given.packs, scenes=given.scenes, seed=given.seed):
        print(name)  # noqa: T201


if __name__ == "__main__":
    program(main)
