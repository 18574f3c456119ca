"""Compressed chunks of packed files, encoded and decoded outside of HDF5.

HDF5's own pipeline decompresses under one lock, and the fast codec that h5py brings (LZF) is slower than decoding the
JPEG it would replace. Here whole chunks are read as they lie in the file and decoded by imagecodecs, which lets other
threads run meanwhile. The chunks are nevertheless what HDF5's registered filters make, so any HDF5 program reads the
files: gzip always, LZ4 and Zstandard where the plugins are installed (package ``hdf5plugin``).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, get_args

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import h5py

Compression = Literal["lz4", "zstd", "gzip"]
COMPRESSIONS: tuple[Compression, ...] = get_args(Compression)


class Codec(NamedTuple):
    """A registered HDF5 filter: its number and options, and how one chunk of it is made and undone."""

    number: int
    options: tuple[int, ...]
    encode: Callable[[bytes], bytes]
    decode: Callable[..., Any]


def codec(name: str) -> Codec:
    """The codec of a name.

    Raises
    ------
    KeyError
        If there is none.
    """
    import imagecodecs

    codecs = {
        "lz4": lambda: Codec(32004, (), imagecodecs.lz4h5_encode, imagecodecs.lz4h5_decode),
        "zstd": lambda: Codec(32015, (), lambda data: imagecodecs.zstd_encode(data, level=1), imagecodecs.zstd_decode),
        "gzip": lambda: Codec(1, (1,), lambda data: imagecodecs.zlib_encode(data, level=1), imagecodecs.zlib_decode),
    }
    return codecs[name]()


def make_array(group: h5py.Group, name: str, count: int, shape: tuple[int, ...], dtype: str, compression: str) -> Any:
    """Make an array of ``count`` frames, a chunk each, for chunks that are compressed already.

    Returns
    -------
    h5py.h5d.DatasetID
    """
    import h5py

    used = codec(compression)
    properties = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    properties.set_chunk((1, *shape))
    # Optional, because this process never runs the filter, nor need it be installed.
    properties.set_filter(used.number, h5py.h5z.FLAG_OPTIONAL, used.options)
    space = h5py.h5s.create_simple((count, *shape))
    kind = h5py.h5t.py_create(np.dtype(dtype))
    return h5py.h5d.create(group.id, name.encode(), kind, space, dcpl=properties)


def write_chunk(array: Any, row: int, chunk: bytes) -> None:
    """Put a compressed chunk into an array of :func:`make_array`."""
    array.write_direct_chunk((row, *(0,) * (array.rank - 1)), chunk, 0)


def read_chunk(array: Any, row: int) -> bytes:
    """A chunk as it lies in the file."""
    _, chunk = array.read_direct_chunk((row, *(0,) * (array.rank - 1)))
    return bytes(chunk)


def decode(chunk: bytes, shape: tuple[int, ...], dtype: Any, compression: str) -> npt.NDArray[Any]:
    """The frame in a chunk, as an array of its own.

    Raises
    ------
    RuntimeError
        If the chunk is damaged so that it cannot be decoded.
    """
    values = np.empty(shape, dtype)
    codec(compression).decode(chunk, out=values.data.cast("B"))
    return values
