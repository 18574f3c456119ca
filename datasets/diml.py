"""DIML/CVL RGB-D: indoor (Kinect v2) and outdoor (ZED stereo) scenes, the sample set and the full one.

Source: Cho, Min, Kim and Sohn, "DIML/CVL RGB-D dataset: 2M RGB-D images of natural indoor and outdoor scenes", arXiv
2110.11590. Depth is 16-bit millimetres, 0 a hole. Outdoor depth is stereo matching and means little without its
confidence map (8 bit); the owners' report keeps what is above 0.9.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import ClassVar

import numpy as np

from dofsim.datasets._images import read_integers, read_millimetres, read_photo
from dofsim.datasets.reader import Depth, Entry, Photo, Reader
from dofsim.datasets.resize import resize
from dofsim.datasets.split import SEED, carve
from dofsim.errors import DepthError, ParameterError

ORIGIN = "https://dimlrgbd.github.io"
RESOLUTIONS = ("HR", "LR")
#: Images of the sample set, (training, test).
SAMPLE = {"diml-indoor": (1609, 503), "diml-outdoor": (1505, 500)}

#: Folder of the photos -> (folders of filled depth, of raw depth, of confidence), of the sample and of the full set.
_FOLDERS: dict[str, tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]] = {
    "color": (("depth_filled",), ("depth_raw",), ()),
    "col": (("up_png",), ("warp_png", "raw_png"), ()),
    "outleft": (("depthmap",), ("depthmap",), ("confidencemap",)),
    "left": (("depth",), ("depth",), ("conf",)),
}
_INDOOR = ("color", "col")
_NO_SCENE = {"indoor", "outdoor", "train", "test", *RESOLUTIONS}
#: Outdoor frames without scene folders are consecutive walks: this many stay on one side of a split.
_WALK = 100


@dataclass(frozen=True)
class _Place:
    """Files of a frame, and what its folders say."""

    photo: Path
    depth: Path | None
    confidence: Path | None
    part: str | None
    resolution: str | None
    group: str


class Diml(Reader):
    """Every frame under the root at one resolution; LR where there are both, unless told otherwise.

    Parameters
    ----------
    root : path
        The set, or its indoor or outdoor half.
    raw : bool
        Indoor depth as the Kinect saw it.
    resolution : {"HR", "LR"}, optional
    confidence : float
        Outdoor depth whose confidence is at most this is unknown, 0..1.
    """

    name: ClassVar[str] = "diml"
    title: ClassVar[str] = "DIML/CVL RGB-D"
    tree: ClassVar[str] = (
        "ROOT/indoor/{train,test}/{HR,LR}/<scene>/color/*_c.png and depth_filled/*_depth_filled.png\n"
        "ROOT/outdoor/{train,test}/{HR,LR}/[<scene>/]{outleft,depthmap,confidencemap}/*.png"
    )
    origin: ClassVar[str] = ORIGIN

    def __init__(
        self, root: Path, *, raw: bool = False, resolution: str | None = None, confidence: float = 0.9
    ) -> None:
        super().__init__(root, raw=raw)
        if resolution is not None and resolution.upper() not in RESOLUTIONS:
            raise ParameterError(f"the resolution is HR or LR, not {resolution!r} (--resolution LR)")
        if not 0 <= confidence <= 1:
            raise ParameterError(f"the confidence is in 0..1, not {confidence} (--confidence 0.9)")
        self._resolution = resolution.upper() if resolution else None
        self._confidence = confidence

    @classmethod
    def recognise(cls, root: Path) -> bool:
        """Whether a folder of photos stands beside one of depth, at most six levels down."""
        return root.is_dir() and next(_photo_folders(root), None) is not None

    def entries(self, split: str) -> list[Entry]:
        """See :meth:`Reader.entries`; the parts of the owners where there are, else drawn by scene."""
        whole = self._entries
        if split == "all":
            return whole
        rest = [index for index, entry in enumerate(whole) if entry.place.part is None]
        drawn = _take(rest, carve([whole[index].place.group for index in rest], seed=SEED + 1))
        test = {index for index, entry in enumerate(whole) if entry.place.part == "test"} | drawn
        if split == "test":
            return [whole[index] for index in sorted(test)]
        train = [index for index in range(len(whole)) if index not in test]
        held = _take(train, carve([whole[index].place.group for index in train]))
        if split != "trainval":
            train = [index for index in train if (index in held) == (split == "val")]
        return [whole[index] for index in train]

    def read(self, entry: Entry) -> tuple[Photo, Depth]:
        """See :meth:`Reader.read`."""
        place: _Place = entry.place
        if place.depth is None:
            raise DepthError(f"{entry.name}: there is no depth for {place.photo}")
        photo, depth = read_photo(place.photo), read_millimetres(place.depth)
        if entry.dataset == "diml-outdoor":
            if place.confidence is None:
                raise DepthError(f"{entry.name}: there is no confidence map for {place.photo}")
            stored = read_integers(place.confidence)
            if stored.shape != depth.shape:
                raise DepthError(f"{entry.name}: the depth is {depth.shape}, its confidence map {stored.shape}")
            depth[stored <= self._confidence * np.iinfo(stored.dtype).max] = 0
        return photo, depth

    def notes(self) -> list[str]:
        """See :meth:`Reader.notes`."""
        lines = []
        for dataset in SAMPLE:
            chosen = [entry for entry in self._entries if entry.dataset == dataset]
            if chosen:
                scenes = len({entry.scene for entry in chosen})
                folders = f", {scenes} scenes" if scenes > len({entry.place.part for entry in chosen}) else ""
                used = {entry.place.resolution for entry in chosen if entry.place.resolution}
                others = self._resolutions - used
                also = f" ({', '.join(sorted(others))} is there too)" if others and used else ""
                lines.append(
                    f"{dataset.removeprefix('diml-')}: {len(chosen)} frames{folders}"
                    + (f", {', '.join(sorted(used))}{also}" if used else "")
                )
        return lines

    def missing(self) -> list[str]:
        """See :meth:`Reader.missing`."""
        lines = []
        for dataset, official in SAMPLE.items():
            chosen = [entry for entry in self._entries if entry.dataset == dataset]
            half = dataset.removeprefix("diml-")
            if not chosen:
                lines.append(f"there are no {half} frames")
                continue
            if all(entry.place.part for entry in chosen):
                there = tuple(sum(entry.place.part == part for entry in chosen) for part in ("train", "test"))
                if there != official:
                    lines.append(
                        f"the {half} sample set has {official[0]} training and {official[1]} test frames, here are "
                        f"{there[0]} and {there[1]}"
                    )
            alone = [entry for entry in chosen if entry.place.depth is None]
            if alone:
                what = "raw depth" if self.raw else "depth"
                lines.append(f"{len(alone)} {half} photos have no {what}, the first: {alone[0].place.photo}")
            folders = sorted({entry.place.photo.parent for entry in chosen})
            lost = [path for folder in folders for path in self._lost(folder)]
            if lost:
                lines.append(f"{len(lost)} {half} depth files have no photo, the first: {lost[0]}")
            unsure = [entry for entry in chosen if dataset == "diml-outdoor" and entry.place.confidence is None]
            if unsure:
                lines.append(f"{len(unsure)} photos have no confidence map, the first: {unsure[0].place.photo}")
        return lines

    def _lost(self, folder: Path) -> list[Path]:
        """Depth files beside a folder of photos that belong to none of them."""
        filled, raw, _ = _FOLDERS[folder.name]
        photos = _photos_of(folder)
        files = _files_of(folder.parent, raw if self.raw else filled)
        return [path for path in files if _stem_among(photos, path) is None]

    @cached_property
    def _resolutions(self) -> set[str]:
        return {str(entry.place.resolution) for entry in self._found if entry.place.resolution}

    @cached_property
    def _entries(self) -> list[Entry]:
        wanted = self._resolution or ("LR" if "LR" in self._resolutions else None)
        chosen = [entry for entry in self._found if wanted is None or entry.place.resolution in (wanted, None)]
        if not chosen:
            there = ", ".join(sorted(self._resolutions)) or "neither HR nor LR folders"
            raise DepthError(f"{self.root} has no {self._resolution} frames; it has {there} (--resolution)")
        return chosen

    @cached_property
    def _found(self) -> list[Entry]:
        found: list[Entry] = []
        for folder in sorted(_photo_folders(self.root)):
            found += self._entries_of(folder)
        return found

    def _entries_of(self, folder: Path) -> list[Entry]:
        filled, raw, confidence = _FOLDERS[folder.name]
        above = folder.absolute().parent.relative_to(self.root.absolute().parent).parts
        named = [name for name in above[1:] if name not in _NO_SCENE]
        part = next((name for name in above if name in ("train", "test")), None)
        resolution = next((name for name in above if name in RESOLUTIONS), None)
        dataset = "diml-indoor" if folder.name in _INDOOR else "diml-outdoor"
        scene = "/".join(named) or f"{dataset.removeprefix('diml-')}/{part or 'all'}"
        photos = _photos_of(folder)
        depths = _by_stem(folder.parent, raw if self.raw else filled, photos)
        sure = _by_stem(folder.parent, confidence, photos)
        entries = []
        for number, (stem, path) in enumerate(photos.items()):
            group = scene if named else f"{dataset}/{part}/{number // _WALK}"
            place = _Place(path, depths.get(stem), sure.get(stem), part, resolution, group)
            kind_of_scene = _type_of(named)
            entries.append(Entry(dataset, scene, stem, place, scene_type=kind_of_scene, millimetres=True))
        return entries


class DimlReport(Diml):
    """1,610 training and 320 test images of the indoor sample set at 256x256, as the report used them.

    The report does not say which. Here the test images are drawn (seeded) from the owners' test part; the training
    images are the owners' training part, which is one image short of 1,610, topped up from what is left of the test
    part. ``val`` is up to 160 of the images that then remain.
    """

    name: ClassVar[str] = "diml-report"
    title: ClassVar[str] = "DIML/CVL RGB-D, the report's split at 256x256"
    train_count: ClassVar[int] = 1610
    test_count: ClassVar[int] = 320
    val_count: ClassVar[int] = 160
    side: ClassVar[int] = 256

    @classmethod
    def recognise(cls, root: Path) -> bool:
        """Never: it is a use of :class:`Diml`, to be asked for by name."""
        del root
        return False

    def entries(self, split: str) -> list[Entry]:
        """See :meth:`Reader.entries`."""
        parts = self._parts
        chosen = {
            "train": parts["train"],
            "val": parts["val"],
            "trainval": parts["train"] + parts["val"],
            "test": parts["test"],
            "all": parts["train"] + parts["val"] + parts["test"],
        }
        return chosen[split]

    def read(self, entry: Entry) -> tuple[Photo, Depth]:
        """Read a frame and squash it to 256x256: the photo by area, the depth by its nearest sample."""
        return resize(*super().read(entry), (self.side, self.side))

    @cached_property
    def _parts(self) -> dict[str, list[Entry]]:
        indoor = [entry for entry in self._entries if entry.dataset == "diml-indoor"]
        needed = self.train_count + self.test_count
        if len(indoor) < needed:
            raise DepthError(
                f"the report's split takes {self.train_count} + {self.test_count} indoor images, {self.root} has "
                f"{len(indoor)}; get the indoor sample set from {self.origin}"
            )

        def order(entry: Entry) -> str:
            return hashlib.sha256(f"{SEED}:{entry.name}".encode()).hexdigest()

        tests = sorted((entry for entry in indoor if entry.place.part == "test"), key=order)
        others = sorted((entry for entry in indoor if entry.place.part != "test"), key=order)
        # Whichever part is short is topped up from the other.
        from_tests = max(min(self.test_count, len(tests)), needed - len(others))
        pool = tests[:from_tests] + others[: needed - from_tests]
        test, train = pool[: self.test_count], pool[self.test_count :]
        used = {entry.place.photo for entry in pool}
        rest = sorted((entry for entry in indoor if entry.place.photo not in used), key=order)
        return {"train": train, "test": test, "val": rest[: self.val_count]}


def _photo_folders(root: Path) -> Iterator[Path]:
    """Folders of photos that stand beside a folder of depth."""
    for folder, names, _ in os.walk(root, followlinks=True):
        names.sort()
        place = Path(folder)
        if len(place.relative_to(root).parts) > 6:
            names.clear()
        for name in [name for name in names if name in _FOLDERS]:
            filled, raw, _ = _FOLDERS[name]
            if any(depth in names for depth in filled + raw):
                yield place / name
        # Nothing of interest lies below the folders of pictures, and they are long.
        names[:] = [name for name in names if name not in _FOLDERS and not _is_depth(name)]


def _is_depth(name: str) -> bool:
    return any(name in folders for kinds in _FOLDERS.values() for folders in kinds)


def _by_stem(parent: Path, folders: tuple[str, ...], stems: dict[str, Path]) -> dict[str, Path]:
    """Files of the first folder that exists, by the stem of the photo they belong to."""
    found: dict[str, Path] = {}
    for path in _files_of(parent, folders):
        stem = _stem_among(stems, path)
        if stem is not None:
            found.setdefault(stem, path)
    return found


def _photos_of(folder: Path) -> dict[str, Path]:
    return {re.sub(r"_(c|left)$", "", path.stem): path for path in sorted(folder.glob("*.png"))}


def _files_of(parent: Path, folders: tuple[str, ...]) -> list[Path]:
    folder = next((parent / name for name in folders if (parent / name).is_dir()), None)
    return sorted(folder.glob("*.png")) if folder else []


def _stem_among(stems: dict[str, Path], path: Path) -> str | None:
    stem = path.stem
    while stem not in stems and "_" in stem:
        stem = stem.rpartition("_")[0]
    return stem if stem in stems else None


def _take(indices: list[int], places: set[int]) -> set[int]:
    return {indices[place] for place in places}


def _type_of(named: list[str]) -> str | None:
    """``12. Livingroom`` and ``12_livingroom_2`` are a ``livingroom``; dates and numbers are no type."""
    for name in named:
        words = re.findall(r"[A-Za-z]{3,}", name)
        if words:
            return "_".join(words).lower()
    return None
