"""Ray-traced training scenes with light that bounces, and the exact depth of each pixel.

``python -m dofsim.datasets.traced_scenes --data DATA --out FOLDER`` packs them for training; see ``docs/traced.md`` for
what it needs and which pictures of others it may use.
"""

from __future__ import annotations

import argparse
import base64
import re
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from dofsim.datasets._program import program
from dofsim.datasets.furnish import Builder
from dofsim.datasets.raycast import Camera, World, to_photo
from dofsim.datasets.textures import TextureBank, make_bank, skimage_photos
from dofsim.datasets.traced import Picture, Stage, mitsuba
from dofsim.datasets.traced_layouts import LAYOUTS
from dofsim.datasets.traced_light import bake, expose, inverse_depth
from dofsim.datasets.traced_set import Library, Set, make_library
from dofsim.datasets.traced_world import add_world
from dofsim.errors import PhotoError

#: Samples per pixel, smoothed afterwards along surfaces.
SAMPLES = 6

_INDOORS = ("apartment", "esplanade", "hall", "lab", "lobby", "studio", "warehouse", "workshop")


def read_skies(folder: str | Path, *, side: int = 512) -> list[Picture]:
    """Outdoor environment maps of the npm package ``@pmndrs/assets`` (CC0).

    Parameters
    ----------
    folder : path
        Its folder ``hdri``, with ``NAME.exr.js``.
    side : int
        Width of the result, px.

    Returns
    -------
    list of float32 (side / 2, side, 3)
        Linear radiance, zenith first.

    Raises
    ------
    PhotoError
        If there are none, or one cannot be read.
    """
    import cv2
    import OpenEXR

    found = [path for path in sorted(Path(folder).glob("*.exr.js")) if not path.name.startswith(_INDOORS)]
    if not found:
        raise PhotoError(
            f"the folder {folder} holds no environment maps (NAME.exr.js of the npm package @pmndrs/assets)"
        )
    skies = []
    for path in found:
        match = re.search(r"base64,([A-Za-z0-9+/=]+)", path.read_text())
        if match is None:
            raise PhotoError(f"{path} holds no environment map")
        with tempfile.NamedTemporaryFile(suffix=".exr") as part:
            part.write(base64.b64decode(match[1]))
            part.flush()
            try:
                with OpenEXR.File(part.name) as stored:
                    channels = stored.channels()
                    rgb = channels["RGB"].pixels if "RGB" in channels else channels["RGBA"].pixels[..., :3]
            except (RuntimeError, KeyError) as error:
                raise PhotoError(f"{path} holds no readable environment map: {error}") from error
        small = cv2.resize(rgb.astype(np.float32), (side, side // 2), interpolation=cv2.INTER_AREA)
        skies.append(np.clip(np.nan_to_num(small, posinf=1e3), 0, 1e3).astype(np.float32))
    return skies


def _shoot(
    mi: Any, stage: Stage, camera: Camera, size: tuple[int, int], *, samples: int, seed: int
) -> tuple[Picture | None, npt.NDArray[np.float32]]:
    """Linear RGB and inverse depth of a stage; no picture where the view is not worth it."""
    baked = bake(mi, stage)
    inverse = inverse_depth(mi, baked, camera, size)
    near, middle = np.percentile(inverse, (97, 50))
    down, across = np.abs(np.diff(inverse, axis=0))[:, 1:], np.abs(np.diff(inverse, axis=1))[1:]
    edges = np.maximum(down, across) > 0.1 * np.maximum(inverse[1:, 1:], 0.02 * inverse.max())
    # a camera inside a thing sees one surface; walls without anything before them teach little
    if near > 12 or middle > 6 or edges.mean() < 0.004:
        return None, inverse
    return expose(mi, baked, camera, size, samples=samples, seed=seed), inverse


def random_scene(
    mi: Any, bank: TextureBank, library: Library, size: tuple[int, int], seed: int | tuple[int, ...],
    kind: str | None = None, *, samples: int = SAMPLES,
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.float32]]:  # fmt: skip
    """Build and trace one random scene.

    Parameters
    ----------
    mi : module
        From :func:`dofsim.datasets.traced.mitsuba`.
    bank : TextureBank
    library : Library
    size : (height, width)
        Px.
    seed : int or tuple of int
    kind : str, optional
        One of :data:`~dofsim.datasets.traced_layouts.LAYOUTS`; drawn by its weight when omitted.
    samples : int
        Per pixel.

    Returns
    -------
    photo : uint8 (h, w, 3)
    inverse : float32 (h, w)
        Exact inverse depth in 1/m at the pixel's middle, 0 for the sky.
    """
    height, width = size
    colour, inverse = None, np.zeros(size, np.float32)
    attempt = 0
    while colour is None:
        rng = np.random.default_rng((*seed, attempt) if isinstance(seed, tuple) else (seed, attempt))
        attempt += 1
        weights = np.array([weight for _, weight in LAYOUTS.values()])
        name = kind or list(LAYOUTS)[int(rng.choice(len(weights), p=weights / weights.sum()))]
        stage = Stage()
        made = Set(stage, Builder(World(), bank, rng), library)
        camera = LAYOUTS[name][0](made)
        add_world(stage, made.builder.world, bank, rng)
        longer = rng.uniform(0.85, 1.25) if rng.random() < 0.8 else rng.uniform(0.45, 0.85)
        fov = longer if width >= height else 2 * np.arctan(np.tan(longer / 2) * width / height)
        camera = replace(camera, roll=float(rng.normal(0, 0.04)), fov=float(fov))
        haze = 0.0 if stage.sky is None or rng.random() < 0.75 else float(rng.uniform(0.001, 0.01))
        colour, inverse = _shoot(mi, stage, camera, size, samples=samples, seed=int(rng.integers(2**31)))
    if haze > 0 and stage.sky is not None:
        clear = np.exp(-haze / np.maximum(inverse, 1e-3)).astype(np.float32)[..., None]
        colour = np.where(inverse[..., None] > 0, colour * clear + stage.sky.mean(axis=(0, 1)) * (1 - clear), colour)
    return to_photo(np.maximum(colour, 0), rng), inverse


def write_packs(
    data: str | Path, out: str | Path, *, packs: int = 20, scenes: int = 100, seed: int = 0,
    skies: str | Path | None = None, samples: int = SAMPLES, threads: int = 1,
) -> list[Path]:  # fmt: skip
    """Trace scenes into packs, alternately landscape and portrait; packs that exist are kept.

    Parameters
    ----------
    data : path
        Folder with ``rgbd/`` and ``mattes/``: patches of permitted training photos become textures.
    out : path
        Folder for the packs.
    packs, scenes : int
        Number of packs and of scenes in each.
    seed : int
    skies : path, optional
        See :func:`read_skies`.
    samples : int
        Per pixel.
    threads : int

    Returns
    -------
    list of Path
        Names for :func:`dofsim.datasets.pack.open_packs`.
    """
    from dofsim.datasets.mattes import read_subjects
    from dofsim.datasets.pack import write_pack
    from dofsim.datasets.rgbd import index_folder, read_pair
    from dofsim.datasets.split import split_scenes

    mi = mitsuba(threads)
    data = Path(data)
    photos = skimage_photos() * 3
    if (data / "rgbd").is_dir():
        first_of_scene = {pair.key: pair for pair in reversed(split_scenes(index_folder(data / "rgbd")).train)}
        photos += [read_pair(pair)[0] for _key, pair in sorted(first_of_scene.items())]
    subjects = read_subjects(data / "mattes") if (data / "mattes").is_dir() else []
    maps = read_skies(skies) if skies is not None else []
    names = []
    for number in range(packs):
        size = (240, 320) if number % 2 == 0 else (320, 240)
        name = Path(out) / f"traced-{seed}-{number:03d}"
        if name.with_name(name.name + ".photo.npy").is_file():
            names.append(name)
            continue
        rng = np.random.default_rng((seed, number))
        bank = make_bank(rng, photos=photos, subjects=subjects)
        library = make_library(rng, skies=maps)

        def make(
            index: int, bank: TextureBank = bank, library: Library = library, size: tuple[int, int] = size,
            number: int = number,
        ) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.float32]]:  # fmt: skip
            return random_scene(mi, bank, library, size, (seed, number, index), samples=samples)

        names.append(write_pack(name, make, range(scenes), size))
    return names


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line: trace packs of scenes."""
    parser = argparse.ArgumentParser(prog="python -m dofsim.datasets.traced_scenes", description=__doc__)
    parser.add_argument("--data", required=True, help="folder with rgbd/ and mattes/")
    parser.add_argument("--out", required=True, help="folder for the packs")
    parser.add_argument("--packs", type=int, default=20)
    parser.add_argument("--scenes", type=int, default=100, help="scenes in each pack")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--skies", help="folder hdri of the npm package @pmndrs/assets")
    parser.add_argument("--samples", type=int, default=SAMPLES, help="rays per pixel")
    parser.add_argument("--threads", type=int, default=1)
    given = parser.parse_args(arguments)
    for name in write_packs(
        given.data, given.out, packs=given.packs, scenes=given.scenes, seed=given.seed, skies=given.skies,
        samples=given.samples, threads=given.threads,
    ):  # fmt: skip
        print(name)  # noqa: T201


if __name__ == "__main__":
    program(main)
