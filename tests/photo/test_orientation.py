"""EXIF orientation is applied exactly once, in every format and all eight cases."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from PIL import Image

from dofsim.photo import read_photo
from dofsim.photo.orientation import swaps_sides, upright

ORIENTATIONS = range(1, 9)


def encoded(make: Any, file_format: str, stored: np.ndarray, exif: bytes, orientation: int) -> bytes:
    if file_format == "HEIC":
        return make.heic(stored, exif=exif)
    if file_format == "PNG 16":
        return make.png16(stored.astype(np.uint16) * 257, exif)
    stream = io.BytesIO()
    if file_format == "TIFF 16":
        import tifffile

        tag = [(274, 3, 1, orientation, True)]
        tifffile.imwrite(stream, stored.astype(np.uint16) * 257, photometric="rgb", metadata=None, extratags=tag)
        return stream.getvalue()
    arguments: dict[str, Any] = {"exif": b"Exif\0\0" + exif}
    if file_format.startswith("TIFF"):
        tags = Image.Exif()
        tags[0x0112] = orientation
        arguments = {"exif": tags, "compression": "tiff_adobe_deflate" if "deflate" in file_format else None}
    if file_format == "WEBP":
        arguments["lossless"] = True
    if file_format in ("JPEG", "AVIF"):
        arguments |= {"quality": 97, "subsampling": "4:4:4"}
    Image.fromarray(stored).save(stream, file_format.split(maxsplit=1)[0], **arguments)
    return stream.getvalue()


@pytest.mark.parametrize("orientation", ORIENTATIONS)
@pytest.mark.parametrize(
    "file_format", ["JPEG", "PNG", "PNG 16", "TIFF", "TIFF deflate", "TIFF 16", "WEBP", "HEIC", "AVIF"]
)
def test_every_format_and_orientation_is_read_upright(
    make: Any, write: Any, file_format: str, orientation: int
) -> None:
    picture = make.picture()
    stored = make.stored(picture, orientation)
    data = encoded(make, file_format, stored, make.exif(orientation, stored.shape[1::-1]), orientation)
    photo = read_photo(write("photo", data))
    pixels = photo.pixels if photo.pixels.dtype == np.uint8 else (photo.pixels // 257).astype(np.uint8)
    assert pixels.shape == picture.shape
    assert np.abs(pixels.astype(int) - picture).mean() < 4


@pytest.mark.parametrize("orientation", ORIENTATIONS)
@pytest.mark.parametrize("extension", ["jpg", "png", "tif", "webp", "heic", "avif"])
def test_a_saved_photo_reads_the_same_again(
    make: Any, write: Any, tmp_path: Any, extension: str, orientation: int
) -> None:
    picture = make.picture()
    stored = make.stored(picture, orientation)
    photo = read_photo(write("in.jpg", make.jpeg(stored, exif=b"Exif\0\0" + make.exif(orientation))))
    again = read_photo(photo.save(tmp_path / f"out.{extension}"))
    assert again.metadata.orientation == 1
    assert np.abs(again.pixels.astype(int) - picture).mean() < 5


@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_upright_undoes_what_the_camera_did_for_pixels_and_depth(make: Any, orientation: int) -> None:
    picture = np.arange(3 * 5 * 3).reshape(3, 5, 3)
    np.testing.assert_array_equal(upright(make.stored(picture, orientation), orientation), picture)
    np.testing.assert_array_equal(upright(make.stored(picture[..., 0], orientation), orientation), picture[..., 0])
    assert swaps_sides(orientation) == (make.stored(picture, orientation).shape[0] == 5)


def test_an_orientation_that_only_xmp_states_is_applied(make: Any, write: Any, tmp_path: Any) -> None:
    packet = make.xmp('<rdf:Description xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Orientation="6"/>')
    picture = make.picture()
    photo = read_photo(write("in.jpg", make.jpeg(make.stored(picture, 6), xmp=packet)))
    assert photo.pixels.shape == picture.shape
    saved = read_photo(photo.save(tmp_path / "out.jpg"))
    assert saved.pixels.shape == picture.shape
    assert saved.metadata.xmp == packet.replace(b'Orientation="6"', b'Orientation="1"')


@pytest.mark.parametrize("orientation", [0, 9, 300])
def test_an_orientation_out_of_range_means_as_stored(make: Any, write: Any, orientation: int) -> None:
    photo = read_photo(write("in.jpg", make.jpeg(make.picture(), exif=b"Exif\0\0" + make.exif(orientation))))
    assert photo.pixels.shape == make.picture().shape
