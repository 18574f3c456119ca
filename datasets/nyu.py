"""NYU Depth V2, the labelled part: ``nyu_depth_v2_labeled.mat`` with ``splits.mat``.

Source: Silberman, Hoiem, Kohli and Fergus, "Indoor segmentation and support inference from RGBD images", ECCV 2012.
The first file is MATLAB 7.3, which is HDF5; seen through HDF5 its axes are reversed: ``images`` (n, 3, w, h) uint8,
``depths`` and ``rawDepths`` (n, w, h) in metres, raw holes 0. ``splits.mat`` counts images from 1.
"""

from __future__ import annotations

import re
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt

from dofsim.datasets._hdf5 import Hdf5, check_frame, open_hdf5, reading
from dofsim.datasets._mat5 import read_vectors
from dofsim.datasets.reader import Depth, Entry, Photo, Reader
from dofsim.datasets.split import carve
from dofsim.errors import DepthError

if TYPE_CHECKING:
    import h5py

LABELLED, SPLIT_FILE = "nyu_depth_v2_labeled.mat", "splits.mat"
ORIGIN = "https://cs.nyu.edu/~fergus/datasets/nyu_depth_v2.html"
#: Images in the official parts.
TRAIN, TEST = 795, 654


def room(scene: str) -> str:
    """The room of a scene: ``kitchen_0028a`` and ``kitchen_0028b`` are two walks through one room."""
    return re.sub(r"(_\d{4})[a-z]$", r"\1", scene)


class NyuLabelled(Reader):
    """The 1,449 labelled frames in one file; the official split of 795 and 654."""

    name: ClassVar[str] = "nyu"
    title: ClassVar[str] = "NYU Depth V2, labelled"
    tree: ClassVar[str] = f"ROOT/{LABELLED}\nROOT/{SPLIT_FILE}"
    origin: ClassVar[str] = f"{ORIGIN} (splits.mat: http://horatio.cs.nyu.edu/mit/silberman/indoor_seg_sup/splits.mat)"

    def __init__(self, root: Path, *, raw: bool = False) -> None:
        super().__init__(root, raw=raw)
        self._folder = root if root.is_dir() else root.parent
        self._file = Hdf5(root / LABELLED if root.is_dir() else root)
        self._depths = "rawDepths" if raw else "depths"

    @classmethod
    def recognise(cls, root: Path) -> bool:
        """Whether the labelled file is there, or is what the path names."""
        return (root / LABELLED).is_file() or (root.is_file() and root.suffix == ".mat" and root.name != SPLIT_FILE)

    def entries(self, split: str) -> list[Entry]:
        """See :meth:`Reader.entries`; the order is that of the official lists."""
        whole = self._entries
        if split == "all":
            return whole
        train, test = self._splits
        if split == "test":
            chosen = test
        elif split == "trainval":
            chosen = train
        else:
            held = carve([room(whole[index].scene) for index in train])
            chosen = [index for place, index in enumerate(train) if (place in held) == (split == "val")]
        return [whole[index] for index in chosen]

    def read(self, entry: Entry) -> tuple[Photo, Depth]:
        """See :meth:`Reader.read`."""
        file = self._file.open()
        photo = file["images"][entry.place].transpose(2, 1, 0)
        depth = file[self._depths][entry.place].T.astype(np.float32)
        return np.ascontiguousarray(photo), np.ascontiguousarray(depth)

    def notes(self) -> list[str]:
        """See :meth:`Reader.notes`."""
        with reading(self._file.path):
            _, _, width, height = self._file.open()["images"].shape
        scenes = len({entry.scene for entry in self._entries})
        return [f"{self._file.path.name}: {len(self._entries)} frames of {width}x{height} px, {scenes} scenes"]

    def missing(self) -> list[str]:
        """See :meth:`Reader.missing`."""
        if not (self._folder / SPLIT_FILE).is_file():
            return [self._without_splits]
        try:
            train, test = self._splits
        except DepthError:
            return []  # said by whoever asks for a split
        notes = []
        if (len(train), len(test)) != (TRAIN, TEST):
            notes.append(f"the official split is {TRAIN} + {TEST} images, {SPLIT_FILE} has {len(train)} + {len(test)}")
        left = len(self._entries) - len({*train, *test})
        if left:
            notes.append(f"{left} of the {len(self._entries)} images are in neither part of {SPLIT_FILE}")
        return notes

    @property
    def _without_splits(self) -> str:
        path = self._folder / SPLIT_FILE
        return f"{path} is missing, so only the split 'all' can be opened; get it from {self.origin}"

    @cached_property
    def _entries(self) -> list[Entry]:
        with reading(self._file.path):
            return self._list()

    def _list(self) -> list[Entry]:
        file = self._file.open()
        path = self._file.path
        for needed in ("images", self._depths):
            if needed not in file:
                raise DepthError(f"{path} holds no {needed!r}; is it {LABELLED}, downloaded to its end?")
        images, depths = file["images"].shape, file[self._depths].shape
        if len(images) != 4 or images[1] != 3 or depths != (images[0], *images[2:]):
            raise DepthError(
                f"{path} holds images {images} and {self._depths} {depths}; expected (n, 3, width, height) and "
                "(n, width, height)"
            )
        check_frame(images[1:], path)
        scenes, types = _strings(file, "scenes", images[0]), _strings(file, "sceneTypes", images[0])
        return [
            Entry("nyu", scenes[index] or "unknown", f"{index + 1:04d}", index, scene_type=types[index])
            for index in range(images[0])
        ]

    @cached_property
    def _splits(self) -> tuple[list[int], list[int]]:
        """Indices from 0 of the official training and test images."""
        path = self._folder / SPLIT_FILE
        if not path.is_file():
            raise DepthError(self._without_splits)
        with reading(path):
            stored = _read_splits(path)
        parts = []
        for name in ("trainNdxs", "testNdxs"):
            numbers = stored[name].astype(np.int64)
            wrong = numbers[(numbers < 1) | (numbers > len(self._entries))]
            if wrong.size:
                raise DepthError(
                    f"{path} names the image {wrong[0]} in {name}, but images count from 1 to {len(self._entries)}"
                )
            if np.unique(numbers).size != numbers.size:
                raise DepthError(f"{path} names an image twice in {name}")
            parts.append([int(number) - 1 for number in numbers])
        both = {*parts[0]} & {*parts[1]}
        if both:
            raise DepthError(
                f"{path} has {len(both)} images in the training and the test part; get it anew from "
                f"{NyuLabelled.origin}"
            )
        return parts[0], parts[1]


def _read_splits(path: Path) -> dict[str, npt.NDArray[Any]]:
    """The two vectors of ``splits.mat``, of MATLAB's version 5 or 7.3."""
    try:
        data = path.read_bytes()
        if data[:128].startswith(b"MATLAB 7.3") or data[:4] == b"\x89HDF":
            with open_hdf5(path) as file:
                vectors = {name: file[name][()].ravel() for name in file if hasattr(file[name], "dtype")}
        else:
            vectors = read_vectors(data)
    except (OSError, ValueError) as error:
        raise DepthError(f"{path} cannot be read ({error}); get it anew from {NyuLabelled.origin}") from error
    for name in ("trainNdxs", "testNdxs"):
        if name not in vectors:
            raise DepthError(f"{path} holds no {name!r}; get it anew from {NyuLabelled.origin}")
    return vectors


def _strings(file: h5py.File, name: str, count: int) -> list[str | None]:
    """A MATLAB cell array of text, which HDF5 shows as references to arrays of UTF-16 units; None where it is not."""
    if name not in file or file[name].size != count:
        return [None] * count
    return ["".join(map(chr, file[reference][()].ravel())) or None for reference in file[name][()].ravel()]
