"""Frames packed into one HDF5 file: every photo and every depth map is one compressed chunk.

Layout of version 1: for each size and depth type a group ``arrays/<height>x<width>-<type>`` with ``photo`` (n, h, w, 3)
uint8 and ``depth`` (n, h, w), either ``uint16`` in millimetres (0 is unknown), which loses nothing where the original
holds whole millimetres, or ``float32`` in the unit of the frame's kind (NaN is unknown). The group ``index`` has one
element a frame: where it lies, what it is, and the CRC-32 of its pixels, which is compared whenever it is read.
"""

from __future__ import annotations

import json
import zlib
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from dofsim.datasets._codecs import decode, read_chunk
from dofsim.datasets._hdf5 import Hdf5, check_frame, open_hdf5, read_texts, reading
from dofsim.datasets.frames import BadFrame
from dofsim.datasets.reader import KINDS, Depth, Entry, Photo, Reader
from dofsim.errors import DepthError
from dofsim.formats import check_format

FORMAT, VERSION = "dofsim-frames", 1
#: Parts by their number in the file; a frame of the last one is in ``all`` only.
PARTS = ("train", "val", "test", "")
#: Text columns of the index.
TEXTS = ("dataset", "scene", "identifier", "scene_type")
#: Number columns of the index and their types.
NUMBERS = {"array": "u2", "row": "u4", "kind": "u1", "part": "u1", "crc": "u4"}


class Packed(Reader):
    """A file that ``dofsim data prepare`` wrote."""

    name: ClassVar[str] = "packed"
    title: ClassVar[str] = "packed by dofsim data prepare"
    tree: ClassVar[str] = "FILE.h5                                    (made by: dofsim data prepare ROOT -o FILE.h5)"

    def __init__(self, root: Path, *, raw: bool = False) -> None:
        super().__init__(root, raw=raw)
        with open_hdf5(root) as file, reading(root):
            check_format(file.attrs.get("version"), VERSION, str(root), DepthError)
        self._file = Hdf5(root)

    @classmethod
    def recognise(cls, root: Path) -> bool:
        """Whether the path names a file of this format."""
        if not root.is_file() or root.suffix.lower() not in (".h5", ".hdf5"):
            return False
        with open_hdf5(root) as file, reading(root):
            return bool(file.attrs.get("format", "") == FORMAT)

    def entries(self, split: str) -> list[Entry]:
        """See :meth:`Reader.entries`; in the order of packing."""
        if split == "all":
            return self._entries
        wanted = {PARTS.index(name) for name in (("train", "val") if split == "trainval" else (split,))}
        return [entry for entry, part in zip(self._entries, self._numbers["part"], strict=True) if part in wanted]

    def read(self, entry: Entry) -> tuple[Photo, Depth]:
        """See :meth:`Reader.read`."""
        with reading(self.root):
            row = int(self._numbers["row"][entry.place])
            name = self._arrays[self._numbers["array"][entry.place]]
            photo, stored = (self._values(f"arrays/{name}/{what}", row) for what in ("photo", "depth"))
        if checksum(photo, stored) != self._numbers["crc"][entry.place]:
            raise DepthError(
                f"{entry.name} in {self.root} is damaged; pack the data set again "
                f"(dofsim data prepare ROOT -o {self.root} --overwrite)"
            )
        return photo, decode_depth(stored)

    @property
    def plan(self) -> str:
        """Fingerprint of what was packed, and how."""
        with reading(self.root):
            return str(self._file.open().attrs["plan"])

    @property
    def info(self) -> dict[str, Any]:
        """What the file says of itself: ``dataset``, ``options``, ``size``, ``compression``, ``dofsim`` (version)."""
        with reading(self.root):
            return dict(json.loads(self._file.open().attrs["info"]))

    @property
    def skipped(self) -> tuple[BadFrame, ...]:
        """Frames of the original that could not be used."""
        with reading(self.root):
            return tuple(BadFrame(*pair) for pair in json.loads(self._file.open()["index"]["skipped"][()]))

    def notes(self) -> list[str]:
        """See :meth:`Reader.notes`."""
        info = self.info
        sizes = ", ".join(sorted({name.split("-")[0] for name in self._arrays}))
        lines = [f"{len(self._entries)} frames of {info.get('dataset')}, (height x width) {sizes}"]
        if self.skipped:
            lines.append(f"{len(self.skipped)} frames of the original were skipped, the first: {self.skipped[0].name}")
        return lines

    def close(self) -> None:
        """Close the file in this process."""
        self._file.close()

    def _values(self, name: str, row: int) -> Any:
        array = self._file.array(name)
        check_frame(array.shape[1:], self.root)
        return decode(read_chunk(array, row), array.shape[1:], array.dtype, self._compression)

    @cached_property
    def _compression(self) -> str:
        return str(self.info["compression"])

    @cached_property
    def _arrays(self) -> list[str]:
        with reading(self.root):
            return [str(name) for name in json.loads(self._file.open().attrs["arrays"])]

    @cached_property
    def _numbers(self) -> dict[str, Any]:
        with reading(self.root):
            index = self._file.open()["index"]
            return {name: index[name][()] for name in NUMBERS}

    @cached_property
    def _entries(self) -> list[Entry]:
        with reading(self.root):
            file = self._file.open()
            texts = {name: read_texts(file["index"][name], self.root) for name in TEXTS}
            return [
                Entry(
                    texts["dataset"][place],
                    texts["scene"][place],
                    texts["identifier"][place],
                    place,
                    kind=KINDS[self._numbers["kind"][place]],
                    scene_type=texts["scene_type"][place] or None,
                    millimetres=self._arrays[self._numbers["array"][place]].endswith("uint16"),
                )
                for place in range(len(texts["scene"]))
            ]


def checksum(photo: Photo, stored: Any) -> int:
    """CRC-32 of a frame's pixels: photo, then depth as it is stored."""
    return zlib.crc32(np.ascontiguousarray(stored).data, zlib.crc32(np.ascontiguousarray(photo).data))


def encode_depth(depth: Depth, *, millimetres: bool) -> Any:
    """Depth as it is stored: uint16 millimetres where that is without loss, else float32.

    Parameters
    ----------
    depth : float32 (h, w)
        NaN is unknown.
    millimetres : bool
        Whether to try whole millimetres.

    Returns
    -------
    uint16 or float32 (h, w)
    """
    if millimetres:
        whole = np.nan_to_num(np.rint(depth * np.float32(1000.0)), nan=0.0)
        if whole.min() >= 0 and whole.max() <= np.iinfo(np.uint16).max:
            stored = whole.astype(np.uint16)
            if np.array_equal(decode_depth(stored), depth, equal_nan=True):
                return stored
    return depth


def decode_depth(stored: Any) -> Depth:
    """Stored depth as float32 (h, w), NaN where unknown."""
    if stored.dtype != np.uint16:
        depth: Depth = stored
        return depth
    depth = stored.astype(np.float32)
    depth[stored == 0] = np.nan
    depth /= np.float32(1000.0)
    return depth
