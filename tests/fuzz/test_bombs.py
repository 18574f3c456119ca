"""Files that would take much memory or reach for what is not theirs are refused, and the reason is said."""

from __future__ import annotations

import gc
import io
import pickle
import re
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dofsim.datasets import fabricate
from dofsim.datasets._mat5 import read_vectors
from dofsim.datasets.frames import Frames
from dofsim.datasets.prepare import prepare
from dofsim.datasets.recognise import open_reader
from dofsim.depth.files import read_depth
from dofsim.errors import DepthError
from dofsim.photo.xmp import updated_xmp


@pytest.fixture
def little_memory() -> Iterator[None]:
    """Fails the test in which the process grows by more than 100 MB, where the system tells (Linux)."""
    forget, status = Path("/proc/self/clear_refs"), Path("/proc/self/status")
    if forget.exists():
        forget.write_text("5")
    before = _peak(status)
    yield
    assert _peak(status) - before < 100e6


def _peak(status: Path) -> int:
    found = re.search(r"VmHWM:\s+(\d+) kB", status.read_text()) if status.exists() else None
    return int(found[1]) * 1024 if found else 0


def _png(width: int, height: int) -> bytes:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">L", len(body)) + kind + body + struct.pack(">L", zlib.crc32(kind + body))

    header = struct.pack(">LLBBBBB", width, height, 16, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(9))) + chunk(b"IEND", b"")


def _tiff(width: int, height: int) -> bytes:
    entries = [(256, 4, width), (257, 4, height), (258, 3, 32), (259, 3, 1), (262, 3, 1), (273, 4, 8), (277, 3, 1)]
    entries += [(278, 4, height), (279, 4, 0), (339, 3, 3)]
    packed = b"".join(struct.pack("<HHLL", tag, kind, 1, value) for tag, kind, value in entries)
    return b"II*\0" + struct.pack("<LH", 8, len(entries)) + packed + bytes(4)


def _npy(shape: str, descr: str = "<f4") -> bytes:
    head = f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
    return b"\x93NUMPY\1\0" + struct.pack("<H", len(head)) + head.encode() + bytes(64)


def _exr(folder: Path, width: int, height: int) -> bytes:
    OpenEXR = pytest.importorskip("OpenEXR")
    OpenEXR.File({"compression": OpenEXR.NO_COMPRESSION}, {"Z": np.ones((2, 2), np.float32)}).write(
        str(folder / "z.exr")
    )
    data = (folder / "z.exr").read_bytes()
    window, claimed = struct.pack("<4l", 0, 0, 1, 1), struct.pack("<4l", 0, 0, width - 1, height - 1)
    assert data.count(window) == 2
    return data.replace(window, claimed)


@pytest.mark.parametrize("form", ["png", "tif", "exr", "npy"])
def test_depth_maps_of_absurd_size(tmp_path: Path, little_memory: None, form: str) -> None:
    side = 40_000
    data = {
        "png": _png,
        "tif": _tiff,
        "exr": lambda w, h: _exr(tmp_path, w, h),
        "npy": lambda w, h: _npy(f"({w}, {h})"),
    }
    path = tmp_path / f"depth.{form}"
    path.write_bytes(data[form](side, side))
    with pytest.raises(DepthError) as error:
        read_depth(path)
    # Pillow has a limit of its own, in pixels.
    assert {"png": "1600000000 pixels", "npy": "cut short"}.get(form, "40000 x 40000 values") in str(error.value)


def test_depth_pictures_of_data_sets_of_absurd_size(tmp_path: Path, little_memory: None) -> None:
    root = fabricate.write_diml(tmp_path, indoor={"12. Livingroom": (1, 0)}, outdoor=(0, 0), sizes={"LR": (8, 12)})
    next(root.rglob("*depth_filled.png")).write_bytes(_png(40_000, 40_000))
    (bad,) = _bad_frames(root)
    assert "1600000000 pixels" in bad


def test_objects_in_npy_are_not_run(tmp_path: Path) -> None:
    path = tmp_path / "depth.npy"
    marker = tmp_path / "ran"
    objects = np.empty((2, 2), object)
    objects[:] = _Evil(marker)
    np.save(path, objects, allow_pickle=True)
    with pytest.raises(DepthError, match=r"[Oo]bject"):
        read_depth(path)
    path.write_bytes(pickle.dumps(_Evil(marker)))
    with pytest.raises(DepthError, match=r"not a PNG"):
        read_depth(path)
    assert not marker.exists()


class _Evil:
    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple:
        return Path.touch, (self.marker,)


def test_a_few_bytes_of_a_mat_file_that_become_many(little_memory: None) -> None:
    deflating = zlib.compressobj(9)
    bomb = b"".join(deflating.compress(bytes(1_000_000)) for _ in range(200)) + deflating.flush()
    data = b"MATLAB 5.0".ljust(124) + b"\x00\x01IM" + struct.pack("<LL", 15, len(bomb)) + bomb
    with pytest.raises(ValueError, match="longer than any vector"):
        read_vectors(data)


@pytest.mark.parametrize(
    "entity", ['<!ENTITY b "cccc">', '<!ENTITY b SYSTEM "file:///etc/passwd">', '<!ENTITY % b "c">']
)
def test_entities_of_xmp_are_never_expanded(entity: str) -> None:
    packet = (
        f'<!DOCTYPE a [{entity}]><a xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:ImageWidth="1">&b;</a>'.encode()
    )
    assert updated_xmp(packet, 96, 64) == packet


def test_a_packed_file_with_broken_insides(tmp_path: Path) -> None:
    # Found by fuzzing: HDF5 complains in as many ways as it has structures.
    out = prepare(
        open_reader(fabricate.write_nyu_labelled(tmp_path / "nyu", 3, train=(1, 3), test=(2,), size=(8, 12))),
        tmp_path / "p.h5",
    ).path
    whole = out.read_bytes()
    assert not _bad_frames(out)
    said = [_complaint(out, data) for data in _broken(whole, (b"OHDR", b"OCHK", b"FRHP", b"SNOD", b"HEAP", b"TREE"))]
    assert sum("p.h5" in each for each in said) > 3


@pytest.mark.parametrize("length", [0, 8, (1 << 64) - 16])
def test_a_heap_of_texts_without_an_end(tmp_path: Path, length: int) -> None:
    # Found by fuzzing: the HDF5 library went from an object of no length to the same one, for ever.
    out = prepare(
        open_reader(fabricate.write_nyu_labelled(tmp_path / "nyu", 3, train=(1, 3), test=(2,), size=(8, 12))),
        tmp_path / "p.h5",
    ).path
    data = bytearray(out.read_bytes())
    first = data.index(b"GCOL") + 16
    assert data[first : first + 2] != b"\0\0"
    data[first : first + 2], data[first + 8 : first + 16] = b"\0\0", length.to_bytes(8, "little")
    assert "a heap without an end" in _complaint(out, bytes(data))


def test_a_labelled_file_with_broken_insides(tmp_path: Path) -> None:
    # Found by fuzzing: references to nowhere, heaps and trees that are none.
    root = fabricate.write_nyu_labelled(tmp_path, 3, train=(1, 3), test=(2,), size=(8, 12))
    path = root / "nyu_depth_v2_labeled.mat"
    whole = path.read_bytes()
    said = [_complaint(path, data, root) for data in _broken(whole, (b"HEAP", b"TREE", b"SNOD"))]
    assert sum("is damaged" in each for each in said) > 1


def _broken(whole: bytes, marks: tuple[bytes, ...]) -> Iterator[bytes]:
    """The file with each structure of these marks, in turn, made one that is none."""
    for match in re.finditer(b"|".join(marks), whole):
        yield whole[: match.start()] + b"XXXX" + whole[match.end() :]


def _complaint(path: Path, data: bytes, root: Path | None = None) -> str:
    """What is said of a file; nothing if its frames can be read nevertheless, or are only listed as bad."""
    path.write_bytes(data)
    # From Python 3.12 on, errors keep the file before open until then, and HDF5 would give that one again.
    gc.collect()
    try:
        _bad_frames(root or path)
    except DepthError as error:
        return str(error)
    return ""


def test_frames_of_absurd_size(tmp_path: Path, little_memory: None) -> None:
    h5py = pytest.importorskip("h5py")
    side = 100_000
    root = fabricate.write_nyu_h5(tmp_path / "h5", scenes={"kitchen_0001a": 1}, test=0, size=(8, 12))
    path = next(root.rglob("*.h5"))
    with h5py.File(path, "w") as file:
        file.create_dataset("rgb", (3, side, side), "u1", chunks=(1, 64, 64))
        file.create_dataset("depth", (side, side), "f4", chunks=(64, 64))
    (bad,) = _bad_frames(root)
    assert "claims frames of" in bad


def _bad_frames(root: Path) -> list[str]:
    reader = open_reader(root)
    reader.notes(), reader.missing()
    bad: list[str] = []
    list(Frames(reader, reader.entries("all")).readable(on_bad=lambda frame: bad.append(frame.reason)))
    return bad


def test_a_picture_that_is_whole_is_read(tmp_path: Path) -> None:
    stream = io.BytesIO()
    Image.fromarray(np.arange(96, dtype=np.uint8).reshape(8, 12)).save(stream, "PNG")
    (tmp_path / "d.png").write_bytes(stream.getvalue())
    assert read_depth(tmp_path / "d.png").shape == (8, 12)
