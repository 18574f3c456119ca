"""Just enough of MATLAB's version-5 files to read vectors of whole numbers, such as NYU's ``splits.mat``.

Format: "MAT-File Format", The MathWorks, chapter 1. h5py reads the later version 7.3 only.
"""

from __future__ import annotations

import zlib
from typing import Any

import numpy as np
import numpy.typing as npt

_TYPES = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}
_MATRIX, _COMPRESSED = 14, 15
_LONGEST = 1 << 24
"""Bytes of one element once it is decompressed; a few bytes can claim to be many."""
_NUMERIC_CLASSES = range(6, 16)  # double to uint64


def read_vectors(data: bytes) -> dict[str, npt.NDArray[Any]]:
    """Read every real numeric array of a file, flattened.

    Parameters
    ----------
    data : bytes
        The whole file.

    Returns
    -------
    dict
        Name -> one-dimensional array, in MATLAB's (column) order.

    Raises
    ------
    ValueError
        If this is no MAT-file of version 5, or it is truncated.
    """
    if len(data) < 128 or data[126:128] not in (b"IM", b"MI"):
        raise ValueError("it is no MATLAB file of version 5")
    order = "<" if data[126:128] == b"IM" else ">"
    found: dict[str, npt.NDArray[Any]] = {}
    for stored_kind, stored in _elements(data[128:], order):
        kind, content = _inflated(stored, order) if stored_kind == _COMPRESSED else (stored_kind, stored)
        if kind == _MATRIX:
            found.update(_matrix(content, order))
    return found


def _inflated(stored: bytes, order: str) -> tuple[int, bytes]:
    """(type, content) of the element in a compressed one."""
    try:
        inflating = zlib.decompressobj()
        content = inflating.decompress(stored, _LONGEST)
    except zlib.error as error:
        raise ValueError(f"its compressed data is damaged ({error})") from error
    if not inflating.eof:
        raise ValueError("its compressed data is cut short, or longer than any vector that is read")
    (element,) = _elements(content, order)
    return element


def _elements(data: bytes, order: str) -> list[tuple[int, bytes]]:
    """(type, content) of the data elements that follow each other."""
    whole = np.dtype(f"{order}u4")
    elements = []
    place = 0
    while place + 8 <= len(data):
        first, size = (int(value) for value in np.frombuffer(data, whole, 2, place))
        if first >> 16:  # the small format: size and type share four bytes, up to four bytes of content follow
            elements.append((first & 0xFFFF, data[place + 4 : place + 4 + (first >> 16)]))
            place += 8
            continue
        if place + 8 + size > len(data):
            raise ValueError("it is truncated")
        elements.append((first, data[place + 8 : place + 8 + size]))
        place += 8 + size
        if first != _COMPRESSED:
            place += -size % 8
    return elements


def _matrix(content: bytes, order: str) -> dict[str, npt.NDArray[Any]]:
    """Name and values of one array element; nothing for cells, structures, text and sparse arrays."""
    flags, _, name, *rest = _elements(content, order)
    if int(np.frombuffer(flags[1], f"{order}u4", 1)[0]) & 0xFF not in _NUMERIC_CLASSES or not rest:
        return {}
    kind, values = rest[0]
    if kind not in _TYPES:
        raise ValueError(f"it holds numbers of the unknown type {kind}")
    return {name[1].decode("ascii"): np.frombuffer(values, f"{order}{_TYPES[kind]}")}
