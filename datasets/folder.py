"""Folders of RGB-D pairs (the layout of :mod:`dofsim.datasets.rgbd`) as frames, split by scene.

Without a ``splits.json`` the test part is drawn so that it stays unseen by the shipped weights too: of the sources
that may train them only the scenes that were held out, of all others a seeded fifth of the scenes.
"""

from __future__ import annotations

import json
from functools import cached_property
from pathlib import Path
from typing import ClassVar

import numpy as np

from dofsim.datasets._images import read_integers, read_photo
from dofsim.datasets.reader import Depth, Entry, Photo, Reader
from dofsim.datasets.rgbd import RgbdPair, index_folder, inverse_depth
from dofsim.datasets.split import SEED, carve, split_scenes
from dofsim.datasets.terms import family
from dofsim.depth.depth_map import DepthKind
from dofsim.errors import DepthError

INDEX, SPLIT_FILE = "index.csv", "splits.json"

_KINDS = {"metric_depth_mm": DepthKind.METRIC, "inverse_depth_1_per_m": DepthKind.INVERSE}


class RgbdFolder(Reader):
    """Photos with ``<id>.depth.png`` beside them, in folders of sources and scenes."""

    name: ClassVar[str] = "folder"
    title: ClassVar[str] = "RGB-D folders"
    tree: ClassVar[str] = (
        'ROOT/<source>/source.json                 {"kind": "metric_depth_mm", "scale": 1.0, ...}\n'
        "ROOT/<source>/<scene>/<id>.jpg and <id>.depth.png\n"
        'ROOT/splits.json                          (optional: {"test": ["<source>/<scene>", ...], "val": [...]})'
    )

    @classmethod
    def recognise(cls, root: Path) -> bool:
        """Whether a pair or an index is there."""
        return (root / INDEX).is_file() or next(root.glob("*/*/*.depth.png"), None) is not None

    def entries(self, split: str) -> list[Entry]:
        """See :meth:`Reader.entries`; sorted by source, scene and id."""
        whole = self._entries
        if split == "all":
            return whole
        part = self._parts
        wanted = ("train", "val") if split == "trainval" else (split,)
        return [entry for entry, of in zip(whole, part, strict=True) if of in wanted]

    def read(self, entry: Entry) -> tuple[Photo, Depth]:
        """See :meth:`Reader.read`."""
        pair: RgbdPair = entry.place
        photo, stored = read_photo(pair.photo_path), read_integers(pair.depth_path)
        if entry.kind is DepthKind.METRIC:
            return photo, stored.astype(np.float32) * np.float32(pair.source.scale) / np.float32(1000.0)
        return photo, inverse_depth(stored, pair.source, pair.scene)

    def notes(self) -> list[str]:
        """See :meth:`Reader.notes`."""
        pairs = [entry.place for entry in self._entries]
        sources = {pair.source.name for pair in pairs}
        metric = sum(entry.kind is not DepthKind.RELATIVE for entry in self._entries)
        return [
            f"{len(pairs)} pairs, {len({pair.key for pair in pairs})} scenes, {len(sources)} sources",
            f"{metric} with metric depth, {len(pairs) - metric} with relative depth",
            f"split by {SPLIT_FILE}" if (self.root / SPLIT_FILE).is_file() else f"split by scene (seed {SEED})",
        ]

    def missing(self) -> list[str]:
        """See :meth:`Reader.missing`."""
        lines = []
        if not (self.root / INDEX).is_file():
            alone = [
                path for path in sorted(self.root.glob("*/*/*.jpg")) if not path.with_suffix(".depth.png").is_file()
            ]
            if alone:
                lines.append(f"{len(alone)} photos have no depth file beside them, the first: {alone[0]}")
        for what, attribute in (("photos", "photo_path"), ("depth files", "depth_path")):
            lost = [entry.name for entry in self._entries if not getattr(entry.place, attribute).is_file()]
            if lost:
                lines.append(f"{len(lost)} {what} are not there, the first: {lost[0]}")
        return lines

    @cached_property
    def _entries(self) -> list[Entry]:
        return [
            Entry(
                "folder",
                pair.key,
                pair.identifier,
                pair,
                kind=_KINDS.get(pair.source.kind, DepthKind.RELATIVE),
                millimetres=pair.source.kind == "metric_depth_mm" and pair.source.scale == 1.0,
            )
            for pair in index_folder(self.root)
        ]

    @cached_property
    def _parts(self) -> list[str]:
        """The part of every entry."""
        pairs = [entry.place for entry in self._entries]
        given = self.root / SPLIT_FILE
        if given.is_file():
            return _given_parts(given, [pair.key for pair in pairs])
        groups = [family(pair.source.name, pair.scene) for pair in pairs]
        drawn = split_scenes(pairs)
        test = {(pair.key, pair.identifier) for pair in drawn.heldout}
        unseen = {(pair.key, pair.identifier) for pair in drawn.evaluation}
        places = [place for place, pair in enumerate(pairs) if (pair.key, pair.identifier) in unseen]
        chosen = {places[index] for index in carve([groups[place] for place in places], share=0.2, seed=SEED)}
        chosen |= {place for place, pair in enumerate(pairs) if (pair.key, pair.identifier) in test}
        rest = [place for place in range(len(pairs)) if place not in chosen]
        held = {rest[index] for index in carve([groups[place] for place in rest])}
        return ["test" if n in chosen else "val" if n in held else "train" for n in range(len(pairs))]


def _given_parts(given: Path, keys: list[str]) -> list[str]:
    """Parts as the user's file names them; scenes that it does not name are for training."""
    part_of: dict[str, str] = {}
    try:
        stored = json.loads(given.read_text(encoding="utf-8"))
        for part, scenes in stored.items():
            if part not in ("train", "val", "test"):
                raise ValueError(f"it names the split {part!r}; known are train, val and test")
            for scene in scenes:
                if part_of.setdefault(str(scene), part) != part:
                    raise ValueError(f"it puts the scene {scene!r} into {part_of[scene]} and {part}")
    except (OSError, ValueError, AttributeError, TypeError, RecursionError) as error:
        raise DepthError(f"{given} cannot be used: {error}") from error
    unknown = sorted(set(part_of) - set(keys))
    if unknown:
        raise DepthError(f"{given} names the scene {unknown[0]!r}, which is not there (scenes are <source>/<scene>)")
    return [part_of.get(key, "train") for key in keys]
