"""Files that are no photos end in one sentence; outputs that cannot be written leave nothing behind."""

from __future__ import annotations

import os
import struct
import warnings
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dofsim.errors import DofsimWarning, OutputError, ParameterError, PhotoError
from dofsim.photo import Photo, read_photo
from dofsim.photo.decode import MAX_PIXELS


def one_sentence(error: pytest.ExceptionInfo[Any]) -> str:
    text = str(error.value)
    assert text
    assert "\n" not in text
    return text


def test_missing_file_and_folder(tmp_path: Path) -> None:
    with pytest.raises(PhotoError, match="there is no file") as error:
        read_photo(tmp_path / "none.jpg")
    assert "none.jpg" in one_sentence(error)
    with pytest.raises(PhotoError, match="is a folder") as error:
        read_photo(tmp_path)
    one_sentence(error)
    for name in ("a\0b.jpg", "x" * 5000):
        with pytest.raises(PhotoError) as error:
            read_photo(name)
        one_sentence(error)


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may read everything")
def test_a_file_that_may_not_be_read(write: Any) -> None:
    path = write("in.jpg", b"x")
    path.chmod(0)
    with pytest.raises(PhotoError, match="cannot be read"):
        read_photo(path)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "empty"),
        (b"%PDF-1.7\n%junk", "PDF"),
        (b"GIF89a" + bytes(20), "GIF"),
        (b"hello, world", "not a photo"),
        (b"\xff\xd8\xff", "damaged"),
        (b"\x89PNG\r\n\x1a\n", "damaged"),
        (b"II*\0\x08\0\0\0", "damaged"),
        (b"RIFF\x10\0\0\0WEBPVP8 ", "damaged"),
        (b"\0\0\0\x18ftypheic" + bytes(12), "damaged"),
        (b"\0\0\0\x18ftypavif" + bytes(12), "damaged"),
    ],
)
def test_what_is_no_photo(write: Any, data: bytes, words: str) -> None:
    with pytest.raises(PhotoError, match=words) as error:
        read_photo(write("in.jpg", data))
    assert "in.jpg" in one_sentence(error)


@pytest.mark.parametrize("share", [0.05, 0.3, 0.6, 0.95])
@pytest.mark.parametrize("extension", ["jpg", "png", "tif", "webp", "heic", "avif"])
def test_a_file_cut_short(make: Any, write: Any, tmp_path: Path, extension: str, share: float) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 96, 3)).astype(np.uint8)
    data = Photo.from_array(noise).save(tmp_path / f"whole.{extension}").read_bytes()
    with pytest.raises(PhotoError) as error:
        read_photo(write(f"in.{extension}", data[: int(len(data) * share)]))
    assert "in." in one_sentence(error)


def test_sixteen_bit_files_cut_short(make: Any, write: Any) -> None:
    noise = np.random.default_rng(0).integers(0, 65536, (64, 96, 3)).astype(np.uint16)
    data = make.png16(noise)
    with pytest.raises(PhotoError, match="damaged"):
        read_photo(write("in.png", data[: len(data) // 2]))


def test_a_decompression_bomb(write: Any) -> None:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">L", len(body)) + kind + body + struct.pack(">L", zlib.crc32(kind + body))

    side = int(MAX_PIXELS**0.5) + 1
    header = struct.pack(">LLBBBBB", side, side, 8, 0, 0, 0, 0)
    data = (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(99))) + chunk(b"IEND", b"")
    )
    with pytest.raises(PhotoError, match="megapixels") as error:
        read_photo(write("in.png", data))
    one_sentence(error)


def test_random_damage_ends_in_an_error_or_a_photo(make: Any, write: Any, tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    depth = np.tile(np.arange(0, 96, 2).astype(np.uint8), (32, 1))
    exif = make.exif(6, thumbnail=make.thumbnail())
    wholes = {
        "a.jpg": make.apple(make.picture(), depth, exif=exif),
        "g.jpg": make.google(make.picture(), depth, exif=exif),
        "h.heic": make.heic(make.picture(), exif=exif),
        "p.png": make.png16(make.picture().astype(np.uint16), exif),
        "t.tif": read_photo(write("x.jpg", make.apple(make.picture(), depth, exif=exif)))
        .save(tmp_path / "x.tif")
        .read_bytes(),
    }
    read = 0
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        # Damaged EXIF is announced when it is left out of the output.
        warnings.simplefilter("ignore", DofsimWarning)
        for name, whole in wholes.items():
            for _ in range(40):
                data = bytearray(whole)
                for place in rng.integers(4, min(len(data), 3000), 6):
                    data[place] = rng.integers(0, 256)
                try:
                    photo = read_photo(write(name, bytes(data)))
                except PhotoError:
                    continue
                photo.save(tmp_path / "out.png")
                read += 1
    assert read > 20


@pytest.mark.parametrize("name", ["out", "out.gif", "out.jp2", "out.jpg.bak"])
def test_an_unknown_extension_lists_the_possible_ones(tmp_path: Path, name: str) -> None:
    photo = Photo.from_array(np.zeros((8, 8, 3), np.uint8))
    with pytest.raises(ParameterError, match=r"\.jpg.*\.png.*\.heic"):
        photo.save(tmp_path / name)


def test_the_input_is_not_overwritten_unless_allowed(make: Any, write: Any, tmp_path: Path) -> None:
    path = write("in.jpg", make.jpeg(make.picture()))
    before = path.read_bytes()
    photo = read_photo(path)
    link = tmp_path / "link.jpg"
    link.symlink_to(path)
    for target in (None, path, tmp_path / "." / "in.jpg", link):
        with pytest.raises(ParameterError, match="overwrite"):
            photo.save(target)
        assert path.read_bytes() == before
    photo.with_linear(photo.linear() * 0.5).save(overwrite=True)
    assert read_photo(path).pixels.mean() < photo.pixels.mean()


def test_another_existing_file_is_replaced(tmp_path: Path, write: Any, make: Any) -> None:
    photo = read_photo(write("in.jpg", make.jpeg(make.picture())))
    path = write("out.png", b"old")
    assert photo.save(path) == path
    assert read_photo(path).pixels.shape == photo.pixels.shape


def test_a_photo_of_an_array_needs_a_name() -> None:
    with pytest.raises(ParameterError, match="name the output"):
        Photo.from_array(np.zeros((8, 8, 3), np.uint8)).save()


def test_unwritable_outputs(tmp_path: Path) -> None:
    photo = Photo.from_array(np.zeros((8, 8, 3), np.uint8))
    with pytest.raises(OutputError, match="make it first"):
        photo.save(tmp_path / "none" / "out.jpg")
    (tmp_path / "folder.jpg").mkdir()
    with pytest.raises(OutputError, match="is a folder"):
        photo.save(tmp_path / "folder.jpg")
    with pytest.raises(OutputError, match="no folder"):
        photo.save("/dev/null/out.jpg")
    with pytest.raises(OutputError, match=r"cannot (be written|write)"):  # the latter since Python 3.14
        photo.save(tmp_path / f"{'x' * 5000}.jpg")


def test_nothing_half_written_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "out.png"
    path.write_bytes(b"old")

    def fail(self: Path, target: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(OutputError, match="no space left"):
        Photo.from_array(np.zeros((8, 8, 3), np.uint8)).save(path)
    assert [p.name for p in tmp_path.iterdir()] == ["out.png"]
    assert path.read_bytes() == b"old"


@pytest.mark.parametrize("quality", [0, 101, -5])
def test_a_quality_out_of_range_is_refused(tmp_path: Path, quality: int) -> None:
    with pytest.raises(ParameterError, match="quality"):
        Photo.from_array(np.zeros((8, 8, 3), np.uint8)).save(tmp_path / "out.jpg", quality=quality)


def test_quality_decides_the_size(tmp_path: Path) -> None:
    noise = Photo.from_array(np.random.default_rng(0).integers(0, 256, (64, 64, 3)).astype(np.uint8))
    for extension in ("jpg", "webp", "heic", "avif"):
        small = noise.save(tmp_path / f"a.{extension}", quality=20).stat().st_size
        assert small < noise.save(tmp_path / f"b.{extension}").stat().st_size
