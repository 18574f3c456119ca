"""Copy the part files of a data set into one file, verify it, and put it in its place."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from dofsim.datasets._codecs import read_chunk, write_chunk
from dofsim.datasets._hdf5 import open_hdf5
from dofsim.datasets._parts import make_pair
from dofsim.datasets.frames import BadFrame, Frames
from dofsim.datasets.packed import FORMAT, NUMBERS, TEXTS, VERSION, Packed
from dofsim.datasets.reader import KINDS, Entry
from dofsim.errors import DepthError, OutputError
from dofsim.files import atomic_path

if TYPE_CHECKING:
    import h5py


def merge(
    parts: Path, out: Path, listed: list[tuple[Entry, int]], plan: str, info: dict[str, Any], compression: str
) -> tuple[tuple[BadFrame, ...], int]:
    """Make the file of all parts; its skipped frames, and how many it holds.

    Raises
    ------
    DepthError
        If no frame could be used, or the file does not hold what was packed.
    OutputError
        If the file cannot be written; the parts are kept.
    """
    paths = sorted(parts.glob("[0-9]*.h5"))
    needed = sum(path.stat().st_size for path in paths)
    free = shutil.disk_usage(parts).free
    needed += 2**20  # for what HDF5 adds
    if free < needed:
        raise OutputError(
            f"cannot write {out}: it needs {needed / 2**20:.1f} MB and the disk has {free / 2**20:.1f} MB left; "
            "make room and run it again, it goes on from here"
        )
    with atomic_path(out) as temporary:
        try:
            bad, count = _assemble(paths, temporary, listed, plan, info, compression)
        except (OSError, RuntimeError, ValueError, KeyError) as error:
            raise OutputError(f"cannot write {out}: {_reason(error)}") from error
        packed = Packed(temporary)
        try:
            for _ in Frames(packed, packed.entries("all")).readable():
                pass
        except DepthError:
            shutil.rmtree(parts, ignore_errors=True)
            raise
        finally:
            packed.close()
    return bad, count


def _reason(error: BaseException) -> str:
    # HDF5 wraps what the system said, of a full disk for instance, in words about itself; a file that then cannot be
    # closed is an error more, which with older HDF5 says nothing of the disk.
    said = re.search(r"error message = '([^']*)'", f"{error} {error.__context__}")
    return said.group(1).lower() if said else " ".join((getattr(error, "strerror", None) or str(error)).split())


def _assemble(
    paths: list[Path], place: Path, listed: list[tuple[Entry, int]], plan: str, info: dict[str, Any], compression: str
) -> tuple[tuple[BadFrame, ...], int]:
    import h5py

    notes = []
    for path in paths:
        with open_hdf5(path) as part:
            notes.append(json.loads(part["frames"][()]))
    counts: dict[str, int] = {}
    for note in notes:
        for _, key, _, _ in note["index"]:
            counts[key] = counts.get(key, 0) + 1
    bad = tuple(BadFrame(*pair) for note in notes for pair in note["bad"])
    if not counts:
        raise DepthError(f"none of the {len(listed)} frames can be used; the first: {bad[0].reason}")
    arrays = sorted(counts)
    table: list[tuple[int, int, int, int]] = []
    filled = dict.fromkeys(arrays, 0)
    with h5py.File(place, "w", libver=("v110", "v110")) as file:
        made = {key: make_pair(file, key, counts[key], compression) for key in arrays}
        for path, note in zip(paths, notes, strict=True):
            with open_hdf5(path) as part:
                groups = part.get("arrays", {})  # a part may be of skipped frames alone
                sources = {key: [groups[key][name].id for name in ("photo", "depth")] for key in groups}
                for number, key, row, crc in note["index"]:
                    for target, source in zip(made[key], sources[key], strict=True):
                        write_chunk(target, filled[key], read_chunk(source, row))
                    table.append((number, arrays.index(key), filled[key], crc))
                    filled[key] += 1
        _write_index(file, [(*listed[number], which, row, crc) for number, which, row, crc in table])
        file.attrs.update({"format": FORMAT, "version": VERSION, "plan": plan, "arrays": json.dumps(arrays)})
        skipped = [[frame.name, frame.reason] for frame in bad]
        file.attrs["info"] = json.dumps(info | {"compression": compression})
        file["index"].create_dataset("skipped", data=json.dumps(skipped))
    return bad, len(table)


def _write_index(file: h5py.File, rows: list[tuple[Entry, int, int, int, int]]) -> None:
    import h5py

    group = file.create_group("index")
    columns = {
        "array": [which for _, _, which, _, _ in rows],
        "row": [row for _, _, _, row, _ in rows],
        "kind": [KINDS.index(entry.kind) for entry, *_ in rows],
        "part": [part for _, part, *_ in rows],
        "crc": [crc for *_, crc in rows],
    }
    for name, kind in NUMBERS.items():
        group.create_dataset(name, data=np.array(columns[name], kind))
    for name in TEXTS:
        texts = [getattr(entry, name) or "" for entry, *_ in rows]
        group.create_dataset(name, data=texts, dtype=h5py.string_dtype())
