"""NYU Depth V2 as it is passed on for training: one HDF5 file a frame, or a photo and a depth picture a frame.

Sources: the layout of Ma and Karaman, "Sparse-to-dense", ICRA 2018 (also FastDepth's), and that of Lee et al., "From
big to small", arXiv 1907.10326 (also AdaBins', NeWCRFs' and ZoeDepth's).
"""

from __future__ import annotations

import re
from functools import cached_property
from pathlib import Path
from typing import ClassVar

import numpy as np

from dofsim.datasets._hdf5 import check_frame, open_hdf5
from dofsim.datasets._images import read_millimetres, read_photo
from dofsim.datasets.nyu import ORIGIN, TEST, room
from dofsim.datasets.reader import Depth, Entry, Photo, Reader
from dofsim.datasets.split import carve
from dofsim.errors import DepthError

#: Frames of the list that most work since 2019 trains on.
LISTED = 24_231


def scene_type(scene: str) -> str:
    """``living_room_0001a`` is a ``living_room``."""
    return re.sub(r"_\d{4}[a-z]?$", "", scene)


class _PartedFiles(Reader):
    """Frames in files, each in the training or in the test part by where it lies."""

    def entries(self, split: str) -> list[Entry]:
        """See :meth:`Reader.entries`; sorted by part, scene and name."""
        train, test = self._parts
        if split == "all":
            return train + test
        if split in ("test", "trainval"):
            return test if split == "test" else train
        held = carve([room(entry.scene) for entry in train])
        return [entry for place, entry in enumerate(train) if (place in held) == (split == "val")]

    def notes(self) -> list[str]:
        """See :meth:`Reader.notes`."""
        train, test = self._parts
        scenes = len({entry.scene for entry in train})
        return [f"{len(train)} training frames of {scenes} scenes, {len(test)} test frames"]

    @cached_property
    def _parts(self) -> tuple[list[Entry], list[Entry]]:
        raise NotImplementedError


class NyuH5(_PartedFiles):
    """``rgb`` (3, 480, 640) uint8 and ``depth`` (480, 640) float32 in metres, in one file a frame."""

    name: ClassVar[str] = "nyu-h5"
    title: ClassVar[str] = "NYU Depth V2, one HDF5 file a frame"
    tree: ClassVar[str] = "ROOT/train/<scene>/<number>.h5\nROOT/val/official/<number>.h5"
    origin: ClassVar[str] = f"{ORIGIN}; in this layout http://datasets.lids.mit.edu/fastdepth/data/nyudepthv2.tar.gz"

    @classmethod
    def recognise(cls, root: Path) -> bool:
        """Whether a frame lies where one should."""
        return any(next(root.glob(pattern), None) for pattern in ("train/*/*.h5", "val/official/*.h5"))

    def read(self, entry: Entry) -> tuple[Photo, Depth]:
        """See :meth:`Reader.read`."""
        path: Path = entry.place
        with open_hdf5(path) as file:
            for needed in ("rgb", "depth"):
                if needed not in file:
                    raise DepthError(f"{path} holds no {needed!r}")
                check_frame(file[needed].shape, path)
            photo, depth = file["rgb"][()], file["depth"][()]
        if photo.ndim != 3 or photo.shape[0] != 3:
            raise DepthError(f"{path} holds an rgb of {photo.shape}; expected (3, height, width)")
        return np.ascontiguousarray(photo.transpose(1, 2, 0)), depth.astype(np.float32)

    def missing(self) -> list[str]:
        """See :meth:`Reader.missing`."""
        train, test = self._parts
        notes = [] if train else ["there are no training frames (ROOT/train/<scene>/*.h5)"]
        if len(test) != TEST:
            notes.append(f"the official test part is {TEST} frames, ROOT/val/official has {len(test)}")
        return notes

    @cached_property
    def _parts(self) -> tuple[list[Entry], list[Entry]]:
        def listed(pattern: str) -> list[Entry]:
            return [
                Entry("nyu", path.parent.name, path.stem, path, scene_type=_type_of(path.parent.name))
                for path in sorted(self.root.glob(pattern))
            ]

        return listed("train/*/*.h5"), listed("val/official/*.h5")


class NyuPng(_PartedFiles):
    """``rgb_<number>.jpg`` beside ``sync_depth_<number>.png``, 16-bit millimetres."""

    name: ClassVar[str] = "nyu-png"
    title: ClassVar[str] = "NYU Depth V2, photos and 16-bit depth pictures"
    tree: ClassVar[str] = (
        "ROOT/sync/<scene>/rgb_<number>.jpg and sync_depth_<number>.png         (training)\n"
        "ROOT/official_splits/test/<scene>/rgb_<number>.jpg and sync_depth_<number>.png\n"
        "ROOT/nyudepthv2_train_files_with_gt.txt                                (optional: the training list)"
    )
    origin: ClassVar[str] = f"{ORIGIN}; in this layout see https://github.com/cleinc/bts"
    #: Lists of photo, depth and focal length, which narrow the parts down.
    lists: ClassVar[tuple[str, str]] = ("nyudepthv2_train_files_with_gt.txt", "nyudepthv2_test_files_with_gt.txt")

    @classmethod
    def recognise(cls, root: Path) -> bool:
        """Whether a pair lies at one of the usual depths."""
        return any(next(root.glob(f"{'*/' * depth}sync_depth_*.png"), None) for depth in range(1, 4))

    def read(self, entry: Entry) -> tuple[Photo, Depth]:
        """See :meth:`Reader.read`."""
        path: Path = entry.place
        return read_photo(path), read_millimetres(self._depth_of(path))

    def missing(self) -> list[str]:
        """See :meth:`Reader.missing`."""
        train, test = self._parts
        notes = []
        if not train:
            notes.append("there are no training frames (ROOT/sync/<scene>/)")
        elif len(train) < LISTED:
            notes.append(f"the usual training list has {LISTED:,} frames, here are {len(train):,}")
        if len(test) != TEST:
            notes.append(f"the official test part is {TEST} frames, ROOT/official_splits/test has {len(test)}")
        alone = [entry for entry in train + test if not self._depth_of(entry.place).is_file()]
        if alone:
            notes.append(f"{len(alone)} photos have no sync_depth file beside them, the first: {alone[0].name}")
        photoless = [path for path in sorted(self.root.rglob("sync_depth_*.png")) if not self._photo_of(path).is_file()]
        if photoless:
            notes.append(f"{len(photoless)} sync_depth files have no photo beside them, the first: {photoless[0]}")
        lost = [entry for entry in train + test if not entry.place.is_file()]
        if lost:
            notes.append(f"{len(lost)} photos of the lists are not there, the first: {lost[0].name}")
        return notes

    @staticmethod
    def _depth_of(photo: Path) -> Path:
        return photo.with_name(photo.name.replace("rgb_", "sync_depth_", 1)).with_suffix(".png")

    @staticmethod
    def _photo_of(depth: Path) -> Path:
        return depth.with_name(depth.name.replace("sync_depth_", "rgb_", 1)).with_suffix(".jpg")

    @cached_property
    def _parts(self) -> tuple[list[Entry], list[Entry]]:
        parts: tuple[list[Path], list[Path]] = [], []
        for path in sorted(self.root.absolute().rglob("rgb_*.jpg")):
            # relative to the parent, so that ROOT/official_splits/test may be given by itself
            parts["test" in path.relative_to(self.root.absolute().parent).parts[:-2]].append(path)
        # The official training images are of the same rooms as sync/, and mostly the same pictures.
        if any("sync" in path.parts for path in parts[0]):
            parts[0][:] = [path for path in parts[0] if "official_splits" not in path.parts]
        chosen = []
        for part, name in zip(parts, self.lists, strict=True):
            given = self.root / name
            chosen.append([_entry(path) for path in (_listed(given, part) if given.is_file() else part)])
        return chosen[0], chosen[1]


def _listed(given: Path, paths: list[Path]) -> list[Path]:
    """The photos that a list names, in its order; where one is not there, the place where it should be."""
    by_tail = {path.parts[-2:]: path for path in paths}
    base = paths[0].parents[1] if paths else given.parent
    chosen = []
    try:
        lines = given.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DepthError(f"the list {given} cannot be read: {error}") from error
    for line in filter(str.strip, lines):
        tail = tuple(line.split()[0].strip("/").split("/")[-2:])
        chosen.append(by_tail.get(tail) or base.joinpath(*tail))
    return chosen


def _entry(path: Path) -> Entry:
    number = path.stem.removeprefix("rgb_")
    scene = path.parent.name
    return Entry("nyu", scene, number, path, scene_type=_type_of(scene), millimetres=True)


def _type_of(scene: str) -> str | None:
    return None if scene == "official" else scene_type(scene)
