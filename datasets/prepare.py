"""Pack a data set into one HDF5 file (see :mod:`dofsim.datasets.packed`): resumable, verified, and whole or not there.

Frames go into small part files first, each of them built in memory and put in place at once. A run that was stopped,
however roughly, goes on after the last part. When all are there their compressed chunks are copied, as they are, into
one file; every frame of it is read back and compared with its checksum before the file gets its name.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from dofsim import __version__
from dofsim.datasets._codecs import Compression
from dofsim.datasets._hdf5 import require_h5py
from dofsim.datasets._merge import merge
from dofsim.datasets._parts import open_parts, parts_of, read_part
from dofsim.datasets.frames import BadFrame, Frames
from dofsim.datasets.packed import PARTS, VERSION, Packed
from dofsim.datasets.reader import Entry, Reader
from dofsim.datasets.resize import Size
from dofsim.errors import DepthError, OutputError, ParameterError
from dofsim.files import atomic_path


@dataclass(frozen=True)
class Prepared:
    """What packing came to.

    Attributes
    ----------
    path : Path
    frames, resumed : int
        Frames in the file, and how many an earlier run had dealt with.
    bad : tuple of BadFrame
        Frames that were skipped.
    fresh : bool
        Whether this run made the file; otherwise it was there already.
    """

    path: Path
    frames: int
    resumed: int
    bad: tuple[BadFrame, ...]
    fresh: bool = True


def prepare(
    reader: Reader,
    out: str | Path,
    *,
    split: str = "all",
    size: Size | None = None,
    compression: Compression = "lz4",
    skip_bad: bool = False,
    overwrite: bool = False,
    threads: int = 2,
    on_frame: Callable[[str], None] = lambda _: None,
) -> Prepared:
    """Pack a data set.

    Parameters
    ----------
    reader : Reader
        The data set, as :func:`dofsim.datasets.recognise.open_reader` opens it.
    out : path
        The file; it needs about twice its size on disk while it is made. Nothing is done if it is there and is what
        this call would make.
    split : str
        What to pack; ``"all"`` keeps which frame belongs to which part.
    size : int or (height, width), optional
        Smaller frames; default: as they are, without any loss.
    compression : {"lz4", "zstd", "gzip"}
        ``lz4`` is the fastest to read, ``zstd`` smaller; ``gzip`` is what every HDF5 program reads without a plugin.
    skip_bad : bool
        Leave out frames that cannot be used; otherwise the first one is fatal, and what was packed is kept for the
        next run.
    overwrite : bool
        Replace a file that holds something else.
    threads : int
        Threads that read and compress frames.
    on_frame : callable
        Called with the name of each frame as it is packed.

    Returns
    -------
    Prepared

    Raises
    ------
    DepthError
        If a frame cannot be used, the split is empty, what tells the parts apart is damaged, or the finished file does
        not hold what was packed.
    OutputError
        If the file cannot be written; whatever stood there is untouched.
    MissingExtraError
        If h5py is not installed.
    """
    out = Path(out)
    if out.suffix.lower() not in (".h5", ".hdf5"):
        raise ParameterError(f"a packed data set is an .h5 file, not {out} (-o NAME.h5)")
    require_h5py()
    listed = _listed(reader, split)
    if not listed:
        raise DepthError(
            f"the split {split!r} of {reader.root} ({reader.name}) has no frames, so there is nothing to pack; "
            "take another (--split all)"
        )
    plan = _plan(reader, listed, size, compression)
    if out.exists():
        done = _same(out, plan)
        if done is not None:
            return done
        if not overwrite:
            raise OutputError(
                f"{out} exists and holds something else; choose another name (-o), or allow it (--overwrite)"
            )
    origin = reader.info if isinstance(reader, Packed) else {"dataset": reader.name, "options": reader.options}
    info = {"dataset": origin["dataset"], "options": origin["options"], "size": size, "dofsim": __version__}
    frames = Frames(reader, [entry for entry, _ in listed])
    with parts_of(out) as parts:
        resumed = begun = open_parts(parts, plan)
        while begun < len(frames):
            part, begun = read_part(frames, begun, size, compression, threads, skip_bad=skip_bad, on_frame=on_frame)
            with atomic_path(parts / f"{begun:08d}.h5") as temporary:
                temporary.write_bytes(part)
        bad, count = merge(parts, out, listed, plan, info, compression)
        shutil.rmtree(parts, ignore_errors=True)
    return Prepared(out, count, resumed, bad)


def _listed(reader: Reader, split: str) -> list[tuple[Entry, int]]:
    """Every entry of a split with the number of its part."""
    if split != "all":
        names = ("train", "val") if split == "trainval" else (split,)
        return [(entry, PARTS.index(name)) for name in names for entry in reader.entries(name)]
    whole = reader.entries("all")
    part_of: dict[int, int] = {}
    for number, name in enumerate(PARTS[:-1]):
        try:
            part_of |= {id(entry): number for entry in reader.entries(name)}
        except DepthError as error:
            # Without the file that tells the parts apart, all frames can still be packed.
            if str(error) not in reader.missing():
                raise
    return [(entry, part_of.get(id(entry), len(PARTS) - 1)) for entry in whole]


def _plan(reader: Reader, listed: list[tuple[Entry, int]], size: Size | None, compression: str) -> str:
    """Fingerprint of everything that decides what the file will hold."""
    facts = {
        "version": VERSION,
        "root": str(reader.root.absolute()),
        "reader": reader.name,
        "options": reader.options,
        "size": size,
        "compression": compression,
        "frames": [[entry.name, part] for entry, part in listed],
    }
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def _same(out: Path, plan: str) -> Prepared | None:
    """What is there already, if it is what the plan would make."""
    try:
        packed = Packed(out) if Packed.recognise(out) else None
        if packed is None or packed.plan != plan:
            return None
        count = len(packed.entries("all"))
        return Prepared(out, count, count, packed.skipped, fresh=False)
    except (DepthError, KeyError):
        return None
