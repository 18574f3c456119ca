"""Write small data sets of made-up frames in the exact layouts of the real ones, for tests and benchmarks.

A frame is a room of boxes: flat walls, hard depth edges, holes along them, and noise in the photo, so that files
compress about as real ones do.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

Photo = npt.NDArray[np.uint8]
Millimetres = npt.NDArray[np.uint16]


def make_frame(index: int, size: tuple[int, int] = (48, 64), *, noise: float = 6.0) -> tuple[Photo, Millimetres]:
    """Make one frame; a pure function of its arguments.

    Parameters
    ----------
    index : int
        Seed.
    size : (height, width)
    noise : float
        Standard deviation of the photo's noise, 8-bit steps.

    Returns
    -------
    photo : uint8 (height, width, 3)
    depth : uint16 (height, width)
        Millimetres, 700 to 8,000; some holes are 0.
    """
    height, width = size
    rng = np.random.default_rng((index, height, width))
    rows, columns = np.mgrid[0:height, 0:width].astype(np.float32)
    depth = 3000.0 + 4000.0 * (1.0 - rows / height) + 300.0 * np.sin(columns / width * 5.0 + index)
    colour = np.empty((height, width, 3), np.float32)
    colour[:] = rng.uniform(60, 200, 3).astype(np.float32)
    colour += (rows / height * 40.0)[..., None]
    for _ in range(6):
        top, left = rng.integers(0, height - height // 4), rng.integers(0, width - width // 4)
        box = np.s_[
            top : top + rng.integers(height // 8, height // 2), left : left + rng.integers(width // 8, width // 2)
        ]
        depth[box] = rng.uniform(700, 4500) + (columns[box] - left) * 200.0 / width
        colour[box] = rng.uniform(20, 235, 3)
    edge = np.abs(np.diff(depth, axis=1, prepend=depth[:, :1])) > 150
    holes = edge | (rng.random(size) < 0.002)
    colour += rng.standard_normal((height, width, 1), np.float32) * noise
    stored = np.where(holes, 0, np.clip(depth + rng.normal(0, 3, size), 700, 8000))
    return np.clip(colour, 0, 255).astype(np.uint8), stored.astype(np.uint16)


def write_nyu_labelled(
    root: Path,
    count: int = 12,
    *,
    train: Sequence[int] = (3, 4, 5, 6, 7, 8, 10, 12),
    test: Sequence[int] = (1, 2, 9, 11),
    size: tuple[int, int] = (48, 64),
    scenes: Sequence[str] | None = None,
) -> Path:
    """``nyu_depth_v2_labeled.mat`` and ``splits.mat``; image numbers in ``train`` and ``test`` count from 1."""
    import h5py

    root.mkdir(parents=True, exist_ok=True)
    named = scenes or [f"{('kitchen', 'living_room', 'study')[n % 3]}_{n // 2:04d}{'ab'[n % 2]}" for n in range(count)]
    height, width = size
    with h5py.File(root / "nyu_depth_v2_labeled.mat", "w", userblock_size=512) as file:
        packing: dict[str, Any] = {"compression": "gzip", "compression_opts": 3}  # as MATLAB does
        flat = (1, width, height)
        images = file.create_dataset(
            "images", (count, 3, width, height), np.uint8, chunks=(1, 3, width, height), **packing
        )
        filled = file.create_dataset("depths", (count, width, height), np.float32, chunks=flat, **packing)
        raw = file.create_dataset("rawDepths", (count, width, height), np.float32, chunks=flat, **packing)
        for index in range(count):
            photo, depth = make_frame(index, size)
            images[index] = photo.transpose(2, 1, 0)
            raw[index] = depth.T / np.float32(1000)
            filled[index] = np.where(depth == 0, 2500, depth).T / np.float32(1000)
        for name, texts in (("scenes", named), ("sceneTypes", [scene.rsplit("_", 1)[0] for scene in named])):
            cells = file.create_dataset(name, (1, count), h5py.ref_dtype)
            for index, text in enumerate(texts):
                held = file.create_dataset(f"#refs#/{name}{index}", data=np.array([[ord(c)] for c in text], np.uint16))
                cells[0, index] = held.ref
    with (root / "nyu_depth_v2_labeled.mat").open("r+b") as stream:
        stream.write(b"MATLAB 7.3 MAT-file, Platform: made up".ljust(124) + b"\x00\x02IM")
    write_mat5(root / "splits.mat", {"trainNdxs": train, "testNdxs": test})
    return root


def write_mat5(path: Path, vectors: Mapping[str, Sequence[int]]) -> Path:
    """Column vectors of uint16 in MATLAB's version-5 format, uncompressed."""

    def element(kind: int, content: bytes) -> bytes:
        return np.array([kind, len(content)], "<u4").tobytes() + content + bytes(-len(content) % 8)

    data = b"MATLAB 5.0 MAT-file, made up".ljust(124) + b"\x00\x01IM"
    for name, values in vectors.items():
        array = np.asarray(values, "<u2")
        data += element(
            14,
            element(6, np.array([11, 0], "<u4").tobytes())
            + element(5, np.array([array.size, 1], "<i4").tobytes())
            + element(1, name.encode())
            + element(4, array.tobytes()),
        )
    path.write_bytes(data)
    return path


def write_nyu_h5(
    root: Path, *, scenes: Mapping[str, int] | None = None, test: int = 3, size: tuple[int, int] = (48, 64)
) -> Path:
    """``train/<scene>/00001.h5`` and ``val/official/00001.h5``."""
    import h5py

    counts = scenes or {"kitchen_0001a": 3, "kitchen_0001b": 2, "study_0003": 3}
    folders = {f"train/{scene}": count for scene, count in counts.items()} | {"val/official": test}
    for index, (folder, number) in enumerate(_numbered(folders)):
        path = root / folder / f"{number + 1:05d}.h5"
        path.parent.mkdir(parents=True, exist_ok=True)
        photo, depth = make_frame(index, size)
        with h5py.File(path, "w") as file:
            file["rgb"] = photo.transpose(2, 0, 1)
            file["depth"] = depth / np.float32(1000)
    return root


def write_nyu_png(
    root: Path, *, scenes: Mapping[str, int] | None = None, test: int = 3, size: tuple[int, int] = (48, 64)
) -> Path:
    """``sync/<scene>/rgb_00000.jpg`` with ``sync_depth_00000.png``, and ``official_splits/test/bathroom/``."""
    counts = scenes or {"kitchen_0001a": 3, "kitchen_0001b": 2, "study_0003": 3}
    folders = {f"sync/{scene}": count for scene, count in counts.items()} | {"official_splits/test/bathroom": test}
    for index, (folder, number) in enumerate(_numbered(folders)):
        photo, depth = make_frame(index, size)
        _save(root / folder / f"rgb_{number:05d}.jpg", photo)
        _save(root / folder / f"sync_depth_{number:05d}.png", depth)
    return root


def write_diml(
    root: Path,
    *,
    indoor: Mapping[str, tuple[int, int]] | None = None,
    outdoor: tuple[int, int] = (4, 2),
    sizes: Mapping[str, tuple[int, int]] | None = None,
) -> Path:
    """The sample set: indoor scenes with (training, test) counts, and outdoor frames, at each of ``sizes``."""
    rooms = indoor or {"12. Livingroom": (4, 2), "01_Warehouse": (3, 1), "04. Church": (2, 1)}
    for resolution, size in (sizes or {"LR": (36, 64), "HR": (72, 128)}).items():
        index = 0
        for scene, counts in rooms.items():
            for part, count in zip(("train", "test"), counts, strict=True):
                base = root / "indoor" / part / resolution / scene
                for number in range(count):
                    photo, depth = make_frame(index, size)
                    stem = f"in_{number:02d}_160126_{155728 + index}"
                    _save(base / "color" / f"{stem}_c.png", photo)
                    _save(base / "depth_filled" / f"{stem}_depth_filled.png", np.where(depth == 0, 2500, depth))
                    _save(base / "depth_raw" / f"{stem}_depth_raw.png", depth)
                    index += 1
        for part, count in zip(("train", "test"), outdoor, strict=True):
            base = root / "outdoor" / part / resolution
            for number in range(count):
                photo, depth = make_frame(1000 + index, size)
                sure = np.full(size, 250, np.uint8)
                sure[: size[0] // 3] = 100
                for folder, picture in (("outleft", photo), ("depthmap", depth * 5), ("confidencemap", sure)):
                    _save(base / folder / f"{number:06d}.png", picture)
                index += 1
    return root


def write_folder(
    root: Path,
    sources: Mapping[str, Mapping[str, int]],
    *,
    kind: str = "metric_depth_mm",
    size: tuple[int, int] = (48, 64),
) -> Path:
    """``<source>/<scene>/f0.jpg`` with ``f0.depth.png``: for each source its scenes and their frames."""
    index = 0
    for source, scenes in sources.items():
        (root / source).mkdir(parents=True, exist_ok=True)
        record = json.dumps({"kind": kind, "scale": 1.0, "licence": "made up"})
        (root / source / "source.json").write_text(record, encoding="utf-8")
        for scene, number in _numbered(scenes):
            photo, depth = make_frame(index, size)
            _save(root / source / scene / f"f{number}.jpg", photo)
            _save(root / source / scene / f"f{number}.depth.png", depth)
            index += 1
    return root


def write_side_by_side(
    root: Path, *, counts: Mapping[str, int] | None = None, size: tuple[int, int] = (64, 64), flipped: bool = False
) -> Path:
    """``train/0.jpg`` and so on: photo and 8-bit depth (white is far) in one picture; ``flipped`` swaps the halves."""
    for index, (part, number) in enumerate(_numbered(counts or {"train": 30, "test": 3})):
        photo, depth = make_frame(index, size)
        grey = np.repeat((depth >> 5).astype(np.uint8)[..., None], 3, axis=2)
        _save(root / part / f"{number}.jpg", np.hstack([grey, photo] if flipped else [photo, grey]))
    return root


def _numbered(counts: Mapping[str, int]) -> Iterator[tuple[str, int]]:
    for name, count in counts.items():
        for number in range(count):
            yield name, number


def _save(path: Path, picture: npt.NDArray[np.generic]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(picture).save(path, quality=95, subsampling=0)  # both of which PNG leaves alone
