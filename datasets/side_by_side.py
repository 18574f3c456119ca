"""Photo and depth in the two halves of one picture, the layout of pix2pix and of the report.

Nothing in such a picture says what its grey means. By default it is relative depth, white far; a ``source.json`` in
the root says otherwise, with the keys ``kind`` and ``scale`` of :mod:`dofsim.datasets.rgbd` and ``order``
(``"photo-depth"`` or ``"depth-photo"``).
"""

from __future__ import annotations

import json
import re
from functools import cached_property
from pathlib import Path
from typing import ClassVar

import numpy as np

from dofsim.datasets._images import read_photo
from dofsim.datasets.reader import Depth, Entry, Photo, Reader
from dofsim.datasets.rgbd import RgbdSource, inverse_depth, read_source
from dofsim.datasets.split import carve
from dofsim.depth.depth_map import DepthKind
from dofsim.errors import DepthError

ORDERS = ("photo-depth", "depth-photo")
_SUFFIXES = (".jpg", ".jpeg", ".png")
_PARTS = ("train", "val", "test")
# JPEG colours a grey picture a little; photos are coloured more than this, in 8-bit steps.
_GREY = 12.0
# Names that differ by a number are consecutive frames: this many stay on one side of a drawn split.
_WALK = 20


class SideBySide(Reader):
    """``ROOT/{train,val,test}/*.jpg``, each twice as wide as its photo."""

    name: ClassVar[str] = "side-by-side"
    title: ClassVar[str] = "photo and depth side by side in one picture"
    tree: ClassVar[str] = (
        "ROOT/{train,val,test}/<name>.jpg          photo in the left half, grey depth in the right\n"
        'ROOT/source.json                          (optional: {"kind": "relative_depth", "scale": 1.0, '
        '"order": "photo-depth"})'
    )

    @classmethod
    def recognise(cls, root: Path) -> bool:
        """Whether a part's first picture has one grey half."""
        for part in _PARTS:
            for path in _pictures(root / part)[:1]:
                try:
                    halves = _halves(read_photo(path))
                except DepthError:
                    return False
                return any(_is_grey(half) for half in halves)
        return False

    def entries(self, split: str) -> list[Entry]:
        """See :meth:`Reader.entries`; sorted by part and name."""
        wanted = {"trainval": ("train", "val"), "all": _PARTS}.get(split, (split,))
        return [entry for part in wanted for entry in self._parts[part]]

    def read(self, entry: Entry) -> tuple[Photo, Depth]:
        """See :meth:`Reader.read`."""
        picture = read_photo(entry.place)
        photo, depth = _halves(picture)
        if self._order == "depth-photo":
            photo, depth = depth, photo
        if not _is_grey(depth):
            side, other = ("left", ORDERS[0]) if self._order == "depth-photo" else ("right", ORDERS[1])
            hint = (
                f'; if the depth is in the other half, say "order": "{other}" in source.json' if _is_grey(photo) else ""
            )
            raise DepthError(f"{entry.name}: the {side} half is no grey depth map{hint}")
        stored = depth[..., 1]
        if entry.kind is DepthKind.METRIC:
            return photo, stored.astype(np.float32) * np.float32(self._source.scale) / np.float32(1000.0)
        return photo, inverse_depth(stored, self._source)

    def notes(self) -> list[str]:
        """See :meth:`Reader.notes`."""
        stated = "source.json" if (self.root / "source.json").is_file() else "assumed; a source.json can say otherwise"
        return [
            ", ".join(f"{len(own)} pictures in {part}/" for part, own in self._pictures.items() if own),
            f"{self._order}, {self._source.kind} ({stated})",
        ]

    def missing(self) -> list[str]:
        """See :meth:`Reader.missing`."""
        return [f"there is no folder {part}/ with pictures" for part in ("train", "test") if not self._pictures[part]]

    @cached_property
    def _source(self) -> RgbdSource:
        if not (self.root / "source.json").is_file():
            return RgbdSource(self.root.name, "relative_depth", 1.0)
        return read_source(self.root)

    @cached_property
    def _order(self) -> str:
        _ = self._source  # complains of a damaged file
        path = self.root / "source.json"
        order = json.loads(path.read_text(encoding="utf-8")).get("order") if path.is_file() else None
        if order not in (None, *ORDERS):
            raise DepthError(f"{path} names the order {order!r}; known are {' and '.join(ORDERS)}")
        return order or ORDERS[0]

    @cached_property
    def _pictures(self) -> dict[str, list[Path]]:
        return {part: _pictures(self.root / part) for part in _PARTS}

    @cached_property
    def _parts(self) -> dict[str, list[Entry]]:
        kinds = {"metric_depth_mm": DepthKind.METRIC, "inverse_depth_1_per_m": DepthKind.INVERSE}
        kind = kinds.get(self._source.kind, DepthKind.RELATIVE)
        parts = {
            part: [Entry("side-by-side", _scene_of(path), path.stem, path, kind=kind) for path in own]
            for part, own in self._pictures.items()
        }
        if not parts["val"]:
            held = carve([f"{entry.scene}/{place // _WALK}" for place, entry in enumerate(parts["train"])])
            parts["val"] = [parts["train"][place] for place in sorted(held)]
            parts["train"] = [entry for place, entry in enumerate(parts["train"]) if place not in held]
        return parts


def _pictures(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir() if path.suffix.lower() in _SUFFIXES)


def _halves(picture: Photo) -> tuple[Photo, Photo]:
    width = picture.shape[1]
    if width % 2:
        raise DepthError(f"it is {width} px wide, which has no two halves")
    return picture[:, : width // 2], picture[:, width // 2 :]


def _is_grey(half: Photo) -> bool:
    return float(np.ptp(half[::4, ::4].astype(np.int16), axis=2).mean()) < _GREY


def _scene_of(path: Path) -> str:
    """Part, and the name without its running number: neighbours in a walk stay together."""
    stem = re.sub(r"[\s_.-]*\d+$", "", path.stem)
    return f"{path.parent.name}/{stem}" if stem else path.parent.name
