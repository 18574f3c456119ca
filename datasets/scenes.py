"""Random scenes for the ray caster: the places and arrangements, drawn by weight, lit and photographed.

``python -m dofsim.datasets.scenes --data DATA --out FOLDER`` packs them for training.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from dofsim.datasets import arrangements, everyday, foliage, interiors, overhead, people, places
from dofsim.datasets._program import program
from dofsim.datasets.furnish import Builder
from dofsim.datasets.raycast import Camera, Light, World, render, to_photo
from dofsim.datasets.textures import TextureBank, make_bank, skimage_photos

#: Kinds of scenes and how often each is drawn.
KINDS = {
    "room": 0.15, "table": 0.1, "street": 0.06, "park": 0.07, "portrait": 0.11, "close": 0.13, "desk": 0.06,
    "slats": 0.06, "floor": 0.1, "layers": 0.03, "heap": 0.03, "foliage": 0.09, "canopy": 0.05, "bin": 0.03,
    "floating": 0.05, "hedge": 0.1, "bed": 0.04, "people": 0.07, "corner": 0.06, "wall": 0.04,
    "corridor": 0.04, "kitchen": 0.04, "shelves": 0.03, "tabletop": 0.06, "tub": 0.04, "road": 0.05,
    "porch": 0.05, "clutter": 0.08, "meal": 0.06, "pet": 0.06, "plain": 0.06,
}  # fmt: skip


def random_light(rng: np.random.Generator, *, indoor: bool) -> Light:
    """A sun behind or beside the camera, ambient light, a sky, haze outdoors."""
    direction = (float(rng.normal(0, 0.7)), float(rng.uniform(0.4, 1.5)), float(rng.normal(-0.5, 0.6)))
    warm = rng.normal(0.0, 0.12)
    sun = np.clip(np.array([1 + warm, 1.0, 1 - warm]) * rng.uniform(0.2, 1.2), 0.05, 2)
    ambient = np.clip(np.array([1 - warm * 0.6, 1.0, 1 + warm * 0.8]) * rng.uniform(0.25, 0.8), 0.1, 2)
    lamp = (0.0, 0.0, 0.0, 0.0)
    if indoor and rng.random() < 0.75:
        lamp = (
            float(rng.normal(0, 1.0)), float(rng.uniform(0.8, 2.3)), float(rng.uniform(-1.0, 3.0)),
            float(rng.uniform(0.2, 2.5)),
        )  # fmt: skip
        sun, ambient = sun * rng.random(), ambient * rng.uniform(0.3, 1.0)
    grey = rng.random()
    zenith = np.array([0.25, 0.45, 0.9]) * (1 - grey) + 0.75 * grey
    return Light(
        direction=direction, sun=tuple(map(float, sun)), ambient=tuple(map(float, ambient)),  # type: ignore[arg-type]
        softness=float(rng.uniform(0.02, 0.5 if indoor else 0.15)),
        haze=0.0 if indoor or rng.random() < 0.5 else float(rng.uniform(0.002, 0.03)),
        lamp=lamp,
        zenith=tuple(map(float, zenith)), horizon=tuple(map(float, np.clip(zenith + 0.25, 0, 1))),  # type: ignore[arg-type]
    )  # fmt: skip


def flash(light: Light, camera: Camera, rng: np.random.Generator) -> Light:
    """The camera's own lamp in the dark: what is near is bright."""
    dim = float(np.exp(rng.uniform(-4.0, -0.5)))
    at = np.asarray(camera.position) + rng.normal(0, 0.05, 3)
    lamp = (float(at[0]), float(at[1]), float(at[2]), float(rng.uniform(0.5, 4.0)))
    faint = {
        name: tuple(float(value * dim) for value in getattr(light, name))
        for name in ("sun", "ambient", "zenith", "horizon")
    }
    return replace(light, lamp=lamp, haze=0.0, **faint)  # type: ignore[arg-type]


_BUILD: dict[str, Callable[[Builder], tuple[Camera, bool]]] = {
    "room": places.room, "table": places.table, "street": places.street, "park": places.park,
    "portrait": places.portrait, "floor": arrangements.floor, "layers": arrangements.layers,
    "heap": arrangements.heap, "foliage": arrangements.foliage, "close": arrangements.close,
    "desk": arrangements.desk, "bin": arrangements.bin_, "slats": arrangements.slats,
    "canopy": arrangements.canopy, "floating": arrangements.floating,
    "hedge": foliage.hedge, "bed": foliage.bed, "people": people.people,
    "corner": interiors.corner, "wall": interiors.wall, "corridor": interiors.corridor, "kitchen": interiors.kitchen,
    "shelves": interiors.shelves, "tabletop": overhead.tabletop, "tub": overhead.tub, "road": places.road,
    "porch": everyday.porch, "clutter": everyday.clutter, "meal": everyday.meal, "pet": everyday.pet,
    "plain": arrangements.plain,
}  # fmt: skip


def random_scene(
    bank: TextureBank, size: tuple[int, int], seed: int | tuple[int, ...], kinds: str | Sequence[str] = tuple(KINDS)
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.float32]]:
    """Build and render one random scene.

    Parameters
    ----------
    bank : TextureBank
    size : (height, width)
        Px.
    seed : int or tuple of int
    kinds : str or sequence of str
        One of :data:`KINDS`, or several from which one is drawn by its weight.

    Returns
    -------
    photo : uint8 (h, w, 3)
    inverse : float32 (h, w)
        Exact inverse depth in 1/m, 0 for the sky.
    """
    names = [kinds] if isinstance(kinds, str) else list(kinds)
    weights = np.array([KINDS[name] for name in names])
    for attempt in range(20):
        rng = np.random.default_rng((*seed, attempt) if isinstance(seed, tuple) else (seed, attempt))
        name = names[0] if len(names) == 1 else names[int(rng.choice(len(weights), p=weights / weights.sum()))]
        builder = Builder(World(), bank, rng)
        camera, indoor = _BUILD[name](builder)
        if name in {"room", "street", "park", "portrait", "desk", "slats"} and rng.random() < 0.2:
            arrangements.frame(builder, camera)
        height, width = size
        roll = camera.roll + float(rng.normal(0, 0.04 if rng.random() < 0.9 else 0.3))
        # field of view over the longer side: phones' lenses of 26 to 40 mm, at times of 40 to 90 mm
        longer = rng.uniform(0.85, 1.25) if rng.random() < 0.75 else rng.uniform(0.4, 0.85)
        fov = longer if width >= height else 2 * np.arctan(np.tan(longer / 2) * width / height)
        camera = Camera(camera.position, camera.pitch, camera.yaw, roll, float(fov))
        light = random_light(rng, indoor=indoor)
        apart = rng.spawn(1)[0]  # so that all other scenes of a seed stay as they were before there were flashes
        flashed = apart.random() < 0.08
        if flashed:
            light = flash(light, camera, apart)
        colour, inverse = render(builder.world, camera, light, bank, size, seed=int(rng.integers(2**31)))
        near, middle = np.percentile(inverse, (97, 50))
        flat = np.percentile(inverse, 95) - np.percentile(inverse, 5) < 0.12 * near
        # a camera inside a thing sees one surface, and a bright spot must not swallow the picture
        if near < 12 and not flat and not (middle > 6):
            break
    return to_photo(colour, rng, percentile=92.0 if flashed else 60.0), inverse


def write_packs(
    data: str | Path, out: str | Path, *, packs: int = 8, scenes: int = 400, seed: int = 0,
    kinds: Sequence[str] = tuple(KINDS),
) -> list[Path]:  # fmt: skip
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
    kinds : sequence of str
        The :data:`KINDS` that are drawn from.

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
        size = (288, 384) if number % 2 == 0 else (384, 288)
        bank = make_bank(np.random.default_rng((seed, number)), photos=photos, subjects=subjects)

        def make(
            index: int, bank: TextureBank = bank, size: tuple[int, int] = size, number: int = number
        ) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.float32]]:
            return random_scene(bank, size, (seed, number, index), kinds)

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
    parser.add_argument("--kinds", nargs="+", choices=list(KINDS), default=list(KINDS), help="kinds of scenes  [all]")
    given = parser.parse_args(arguments)
    for name in write_packs(**vars(given)):
        print(name)  # noqa: T201


if __name__ == "__main__":
    program(main)
