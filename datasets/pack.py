"""Pack generated scenes into plain ``.npy`` files that open as memory maps, resumable and written atomically.

A pack is two files, ``NAME.photo.npy`` (uint8, n x h x w x 3) and ``NAME.inverse.npy`` (float16, n x h x w).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import numpy.typing as npt

from dofsim.datasets.mixture import Rendered
from dofsim.errors import DepthError, OutputError
from dofsim.files import atomic_path

Scene = tuple[npt.NDArray[np.uint8], npt.NDArray[np.float32]]


def write_pack(name: str | Path, make: Callable[[int], Scene], indices: Iterable[int], size: tuple[int, int]) -> Path:
    """Make scenes and pack them; does nothing if the pack is there already.

    Parameters
    ----------
    name : path
        Without the endings.
    make : callable
        Index -> (photo uint8 (h, w, 3), inverse depth float32 (h, w)), a pure function of the index.
    indices : iterable of int
    size : (height, width)

    Returns
    -------
    Path
        ``name``.

    Raises
    ------
    OutputError
        If the files cannot be written; none is left half-written.
    """
    name = Path(name)
    photo_path, inverse_path = name.with_name(name.name + ".photo.npy"), name.with_name(name.name + ".inverse.npy")
    if photo_path.is_file() and inverse_path.is_file():
        return name
    numbers = list(indices)
    photos = np.empty((len(numbers), *size, 3), np.uint8)
    inverses = np.empty((len(numbers), *size), np.float16)
    for row, index in enumerate(numbers):
        photos[row], inverse = make(index)
        # float16 keeps 11 bits of relative inverse depth if the nearest point is near 1
        inverses[row] = inverse / max(float(np.nanmax(inverse)), 1e-12)
    try:
        name.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"the pack {name} cannot be written: {error}") from error
    for path, array in ((inverse_path, inverses), (photo_path, photos)):
        with atomic_path(path) as temporary, temporary.open("wb") as stream:
            np.save(stream, array)
    return name


def open_packs(names: Iterable[str | Path]) -> list[Rendered]:
    """Open packs as memory maps.

    Parameters
    ----------
    names : iterable of path
        As given to :func:`write_pack`, or folders of packs.

    Returns
    -------
    list of Rendered
        A folder, or a pack given by itself, weighs as the square root of its number of scenes: a few hundred scenes
        that took long to make are not to drown in thousands that did not.

    Raises
    ------
    DepthError
        If a pack is missing or its two files do not fit each other.
    """
    packs = []
    for given in map(Path, names):
        listed = [given]
        if given.is_dir():
            listed = [
                path.with_name(path.name.removesuffix(".photo.npy")) for path in sorted(given.glob("*.photo.npy"))
            ]
            if not listed:
                raise DepthError(f"the folder {given} holds no packs; python -m dofsim.datasets.scenes makes some")
        arrays = [_open(name) for name in listed]
        total = sum(len(photo) for photo, _inverse in arrays)
        packs += [Rendered(photo, inverse, len(photo) / max(total, 1) ** 0.5) for photo, inverse in arrays]
    return packs


def _open(name: Path) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.float16]]:
    try:
        photo = np.load(name.with_name(name.name + ".photo.npy"), mmap_mode="r", allow_pickle=False)
        inverse = np.load(name.with_name(name.name + ".inverse.npy"), mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError) as error:
        raise DepthError(f"the pack {name} cannot be read: {error}") from error
    if photo.shape[:3] != inverse.shape:
        raise DepthError(f"the pack {name} holds photos of {photo.shape} and depths of {inverse.shape}")
    return photo, inverse
