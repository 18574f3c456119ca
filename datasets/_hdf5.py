"""HDF5 files that may be carried across a fork or a pickle: every process opens its own handle."""

from __future__ import annotations

import importlib.util
import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dofsim.errors import DepthError, DofsimError, MissingExtraError

if TYPE_CHECKING:
    import h5py

#: Numbers in one frame; above it a file is taken for a damaged one, before memory is taken for it.
MAX_NUMBERS = 900_000_000

_HEAP = b"GCOL\1\0\0\0"
_LOOKED_AT = 1 << 20


class Hdf5:
    """A file that is opened for reading when it is first used in a process, and kept open.

    Parameters
    ----------
    path : Path
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._handle: h5py.File | None = None
        self._process = -1
        self._arrays: dict[str, Any] = {}

    def __getstate__(self) -> dict[str, Any]:
        return {"path": self.path, "_handle": None, "_process": -1, "_arrays": {}}

    def open(self) -> h5py.File:
        """The open file.

        Raises
        ------
        DepthError
            If it cannot be opened.
        """
        if self._handle is None or self._process != os.getpid():
            # A handle that came through a fork is only dropped: closing it would disturb the parent's.
            self._handle = open_hdf5(self.path)
            self._process = os.getpid()
            self._arrays = {}
        return self._handle

    def array(self, name: str) -> Any:
        """The low-level h5py.h5d.DatasetID of an array, kept for the next time.

        Raises
        ------
        DepthError
            If the file cannot be opened.
        KeyError
            If there is no such array.
        """
        file = self.open()
        if name not in self._arrays:
            self._arrays[name] = file[name].id
        return self._arrays[name]

    def close(self) -> None:
        """Close the file in this process; it is opened again when it is used."""
        if self._handle is not None and self._process == os.getpid():
            self._handle.close()
        self._handle = None
        self._arrays = {}


def open_hdf5(path: Path) -> h5py.File:
    """Open an HDF5 file for reading.

    Raises
    ------
    DepthError
        If it is missing, no HDF5 file, truncated, or damaged.
    MissingExtraError
        If h5py is not installed.
    """
    require_h5py()
    import h5py

    try:
        if _has_endless_heap(path):
            raise DepthError(f"{path} is damaged (its texts lie in a heap without an end); get it, or pack it, anew")
        return h5py.File(path, "r")
    except FileNotFoundError as error:
        raise DepthError(f"the file {path} is missing") from error
    except (OSError, RuntimeError, KeyError) as error:
        said = " ".join(str(error).split())
        reasons = {"truncated": "it is truncated", "signature not found": "it is none"}
        why = next((reason for sign, reason in reasons.items() if sign in said), said)
        raise DepthError(f"{path} cannot be opened as an HDF5 file: {why}") from error


def _has_endless_heap(path: Path) -> bool:
    """Whether a heap of texts has an object without a length, at which the library would stay for ever.

    Looks at the first and the last megabyte of a file, where those that dofsim packs have their texts.
    """
    with path.open("rb") as file:
        for start in sorted({0, max(path.stat().st_size - _LOOKED_AT, 0)}):
            file.seek(start)
            data = file.read(_LOOKED_AT)
            found = data.find(_HEAP)
            while found >= 0:
                if _is_endless(data, found):
                    return True
                found = data.find(_HEAP, found + len(_HEAP))
    return False


def _is_endless(data: bytes, start: int) -> bool:
    # "HDF5 File Format Specification", III.E: a head of 16 bytes, then objects, each with one of 16 bytes too. Object 0
    # is the free space, whose length includes its head.
    end = min(start + int.from_bytes(data[start + 8 : start + 16], "little"), len(data))
    at = start + 16
    while at + 16 <= end:
        length = int.from_bytes(data[at + 8 : at + 16], "little")
        step = length if data[at : at + 2] == b"\0\0" else 16 + (length + 7) // 8 * 8
        # Lengths beyond 63 bits take the library backwards.
        if not 16 <= step < 1 << 63:
            return True
        at += step
    return False


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turn whatever h5py and the rest raise on damaged bytes into one sentence.

    Raises
    ------
    DepthError
    """
    try:
        yield
    except DofsimError:
        raise
    except Exception as error:
        said = " ".join(str(error).split()) or type(error).__name__
        raise DepthError(f"{path} is damaged ({said[:200]}); get it, or pack it, anew") from error


def check_frame(shape: tuple[int, ...], path: Path) -> None:
    """Refuse a frame that is absurdly large.

    Raises
    ------
    DepthError
    """
    if math.prod(shape) > MAX_NUMBERS:
        raise DepthError(f"{path} claims frames of {shape}, more than is read; it is damaged, get it anew")


def read_texts(array: Any, path: Path) -> list[str]:
    """Texts of a one-dimensional array.

    HDF5 takes as much memory for a text as its reference says, so in a damaged file that is looked at first.

    Raises
    ------
    DepthError
        If one claims to be longer than the file.
    """
    import numpy as np

    start = array.id.get_offset()
    if start is not None:
        references = np.fromfile(path, [("length", "<u4"), ("place", "V12")], array.size, offset=start)
        if references["length"].max(initial=0) > path.stat().st_size:
            raise DepthError(f"{path} is damaged (a text claims to be longer than the file); get it, or pack it, anew")
    return [value.decode("utf-8") for value in array[()].ravel()]


def require_h5py() -> None:
    """Check that HDF5 files can be read and written.

    Raises
    ------
    MissingExtraError
        If not.
    """
    if importlib.util.find_spec("h5py") is None:
        raise MissingExtraError(
            "h5py, which reads and writes HDF5, is not installed; pip install 'dofsim[data]' brings it"
        )
