"""Part files of a data set that is being packed: built in memory, put in place at once, found again by the next run."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from dofsim.datasets._codecs import codec, make_array, write_chunk
from dofsim.datasets.frames import Frames
from dofsim.datasets.packed import checksum, encode_depth
from dofsim.datasets.resize import Size, resize
from dofsim.errors import FrameError, OutputError
from dofsim.files import atomic_path

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

if TYPE_CHECKING:
    import h5py

#: Size of one part file, bytes; it is built in memory.
PART_BYTES = 48 * 2**20
_READ_AHEAD = 4


@contextmanager
def parts_of(out: Path) -> Iterator[Path]:
    """Make the folder of parts of a file, or take it up; one process at a time.

    Raises
    ------
    OutputError
        If it cannot be made, or another process is at it.
    """
    parts = out.with_name(f".{out.name}.parts")
    if not out.parent.is_dir():
        raise OutputError(f"cannot write {out}: the folder {out.parent} does not exist; make it first")
    try:
        parts.mkdir(exist_ok=True)
        lock = os.open(parts, os.O_RDONLY) if fcntl is not None else None
    except OSError as error:
        raise OutputError(f"cannot write beside {out}: {error.strerror}") from error
    try:
        if lock is not None:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield parts
    except BlockingIOError as error:
        raise OutputError(f"another process is packing {out}; wait for it, or choose another name") from error
    finally:
        if lock is not None:
            os.close(lock)


def open_parts(parts: Path, plan: str) -> int:
    """How many frames an earlier run of the same plan has packed; what runs of other plans left is removed."""
    note = parts / "plan.txt"
    try:
        if not (note.is_file() and note.read_text(encoding="utf-8") == plan):
            for left in parts.iterdir():
                left.unlink()
            with atomic_path(note) as temporary:
                temporary.write_text(plan, encoding="utf-8")
        for left in parts.glob(".*.h5"):  # half-written by a run that was killed
            left.unlink()
        stops = [int(path.stem) for path in parts.glob("*.h5")]
        return max(stops, default=0)
    except OSError as error:
        raise OutputError(f"cannot write into {parts}: {error.strerror}") from error


@dataclass(frozen=True)
class _Encoded:
    """A frame as it will lie in the file."""

    key: str
    photo: bytes
    depth: bytes
    crc: int


def read_part(
    frames: Frames,
    begun: int,
    size: Size | None,
    compression: str,
    threads: int,
    *,
    skip_bad: bool,
    on_frame: Callable[[str], None],
) -> tuple[bytes, int]:
    """Read and encode frames until a part is full; the part as bytes, and the number of the first frame beyond it."""
    arrays: dict[str, list[_Encoded]] = {}
    index: list[list[Any]] = []
    bad: list[list[str]] = []
    held = 0
    for number, outcome in _ahead(frames, begun, size, compression, threads):
        entry = frames.entries[number]
        if isinstance(outcome, FrameError):
            if not skip_bad:
                raise outcome
            bad.append([entry.name, str(outcome)])
        else:
            rows = arrays.setdefault(outcome.key, [])
            index.append([number, outcome.key, len(rows), outcome.crc])
            rows.append(outcome)
            held += len(outcome.photo) + len(outcome.depth)
        on_frame(entry.name)
        if held >= PART_BYTES:
            break
    return _part_file(arrays, index, bad, compression), number + 1


def _ahead(
    frames: Frames, begun: int, size: Size | None, compression: str, threads: int
) -> Iterator[tuple[int, _Encoded | FrameError]]:
    """Frames in order, or what is wrong with them, read and encoded a few ahead by threads."""
    encode = codec(compression).encode

    def read(number: int) -> _Encoded | FrameError:
        try:
            frame = frames[number]
        except FrameError as error:
            return error
        photo, depth = (frame.photo, frame.depth) if size is None else resize(frame.photo, frame.depth, size)
        if not np.isfinite(depth).any():
            return FrameError(f"{frame.name}: no pixel's depth is left known at {depth.shape[1]}x{depth.shape[0]} px")
        stored = encode_depth(depth, millimetres=frames.entries[number].millimetres)
        key = f"{depth.shape[0]}x{depth.shape[1]}-{stored.dtype}"
        return _Encoded(key, encode(photo.tobytes()), encode(stored.tobytes()), checksum(photo, stored))

    with ThreadPoolExecutor(max(1, threads)) as pool:
        waiting = {number: pool.submit(read, number) for number in range(begun, min(begun + _READ_AHEAD, len(frames)))}
        try:
            for number in range(begun, len(frames)):
                outcome = waiting.pop(number).result()
                following = number + _READ_AHEAD
                if following < len(frames):
                    waiting[following] = pool.submit(read, following)
                yield number, outcome
        finally:
            for future in waiting.values():
                future.cancel()


def _part_file(
    arrays: dict[str, list[_Encoded]], index: list[list[Any]], bad: list[list[str]], compression: str
) -> bytes:
    import h5py

    with h5py.File("part", "w", driver="core", backing_store=False) as file:
        for key, rows in arrays.items():
            for target, name in zip(make_pair(file, key, len(rows), compression), ("photo", "depth"), strict=True):
                for row, frame in enumerate(rows):
                    write_chunk(target, row, getattr(frame, name))
        file.create_dataset("frames", data=json.dumps({"index": index, "bad": bad}))
        file.flush()
        image: bytes = file.id.get_file_image()
    return image


def make_pair(file: h5py.File, key: str, count: int, compression: str) -> tuple[Any, Any]:
    """The arrays of photos and of depth for frames of one size and depth type, ``480x640-uint16``."""
    size, dtype = key.split("-")
    shape = tuple(map(int, size.split("x")))
    group = file.create_group(f"arrays/{key}")
    return (
        make_array(group, "photo", count, (*shape, 3), "uint8", compression),
        make_array(group, "depth", count, shape, dtype, compression),
    )
