"""Every kind of pixels: depth of colour, channels, palettes, transparency."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from PIL import Image

from dofsim.errors import OutputError, ParameterError
from dofsim.photo import Photo, read_photo


def saved(image: Image.Image, file_format: str, **arguments: Any) -> bytes:
    stream = io.BytesIO()
    image.save(stream, file_format, **arguments)
    return stream.getvalue()


@pytest.mark.parametrize(
    ("mode", "file_format"), [("L", "PNG"), ("L", "JPEG"), ("L", "TIFF"), ("1", "PNG"), ("1", "TIFF")]
)
def test_grey_is_expanded_and_saved_as_grey_again(write: Any, tmp_path: Any, mode: str, file_format: str) -> None:
    grey = Image.fromarray(np.tile(np.array([0, 255], np.uint8).repeat(16), (16, 1))).convert(mode)
    photo = read_photo(write("in", saved(grey, file_format)))
    assert photo.is_grey
    assert photo.pixels.shape == (16, 32, 3)
    assert np.ptp(photo.pixels, axis=2).max() == 0
    for extension in ("png", "jpg", "tif"):
        with Image.open(photo.save(tmp_path / f"out.{extension}")) as image:
            assert image.mode == "L"


def test_colour_painted_over_grey_is_saved_in_colour(tmp_path: Any) -> None:
    photo = Photo.from_array(np.full((8, 8), 90, np.uint8))
    rgb = photo.linear()
    rgb[2:4, 2:4] = (1, 0, 0)
    with Image.open(photo.with_linear(rgb).save(tmp_path / "out.png")) as image:
        assert image.mode == "RGB"
        assert image.getpixel((2, 2)) == (255, 0, 0)


@pytest.mark.parametrize("extension", ["png", "tif"])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_sixteen_bits_survive(make: Any, write: Any, tmp_path: Any, extension: str, channels: int) -> None:
    values = np.random.default_rng(3).integers(0, 65536, (20, 30, channels)).astype(np.uint16)
    if extension == "png":
        data = make.png16(values if channels > 1 else values[..., 0])
    else:
        import tifffile

        stream = io.BytesIO()
        extra = {"extrasamples": ["unassalpha"]} if channels == 4 else {}
        kind = "rgb" if channels > 1 else "minisblack"
        tifffile.imwrite(stream, values.squeeze(), photometric=kind, metadata=None, compression="lzw", **extra)
        data = stream.getvalue()
    photo = read_photo(write(f"in.{extension}", data))
    assert photo.pixels.dtype == np.uint16
    np.testing.assert_array_equal(photo.pixels[..., 0], values[..., 0])
    assert photo.is_grey == (channels == 1)
    again = read_photo(photo.save(tmp_path / f"out.{extension}"))
    np.testing.assert_array_equal(again.pixels, photo.pixels)
    assert again.is_grey == photo.is_grey
    if channels == 4:
        np.testing.assert_array_equal(again.alpha, values[..., 3])


def test_sixteen_bit_planes_and_big_endian_tiffs(write: Any) -> None:
    import tifffile

    values = np.random.default_rng(3).integers(0, 65536, (3, 20, 30)).astype(np.uint16)
    stream = io.BytesIO()
    tifffile.imwrite(stream, values, photometric="rgb", planarconfig="separate", metadata=None, byteorder=">")
    photo = read_photo(write("in.tif", stream.getvalue()))
    np.testing.assert_array_equal(photo.pixels, np.moveaxis(values, 0, -1))


def test_sixteen_bits_are_rounded_for_a_jpeg(make: Any, write: Any, tmp_path: Any) -> None:
    photo = read_photo(write("in.png", make.png16(make.picture().astype(np.uint16) * 257)))
    pixels = read_photo(photo.save(tmp_path / "out.jpg")).pixels
    assert pixels.dtype == np.uint8
    assert np.abs(pixels.astype(int) - make.picture()).mean() < 2


def test_ten_bit_heic_is_read_and_written_in_sixteen(make: Any, write: Any, tmp_path: Any) -> None:
    import pillow_heif

    values = np.random.default_rng(0).integers(0, 1024, (4, 8, 3)).repeat(16, axis=0).repeat(16, axis=1)
    image = pillow_heif.from_bytes("RGB;10", (128, 64), values.astype("<u2").tobytes())
    stream = io.BytesIO()
    image.save(stream, quality=100, chroma=444)
    photo = read_photo(write("in.heic", stream.getvalue()))
    assert photo.pixels.dtype == np.uint16
    assert np.abs(photo.pixels / 64.0 - values).mean() < 6
    again = read_photo(photo.save(tmp_path / "out.heic", quality=100))
    assert again.pixels.dtype == np.uint16


@pytest.mark.parametrize("extension", ["png", "tif", "webp", "avif", "heic"])
@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_transparency_is_kept(make: Any, write: Any, tmp_path: Any, extension: str, mode: str) -> None:
    alpha = np.tile(np.linspace(0, 255, 96).astype(np.uint8), (64, 1))
    image = Image.fromarray(np.dstack([make.picture(), alpha])).convert(mode)
    photo = read_photo(write("in.png", saved(image, "PNG")))
    assert photo.is_grey == (mode == "LA")
    np.testing.assert_array_equal(photo.alpha, alpha)
    again = read_photo(photo.save(tmp_path / f"out.{extension}"))
    assert again.alpha is not None
    assert np.abs(again.alpha.astype(int) - alpha).mean() < 2
    opaque = alpha > 128
    assert np.abs(again.pixels.astype(int) - photo.pixels)[opaque].mean() < 4


def test_transparency_does_not_go_into_a_jpeg(make: Any, tmp_path: Any) -> None:
    photo = Photo.from_array(np.dstack([make.picture(), make.picture()[..., 0]]))
    with pytest.raises(ParameterError, match=r"\.png"):
        photo.save(tmp_path / "out.jpg")
    assert list(tmp_path.iterdir()) == []


def test_palettes_with_and_without_transparency(make: Any, write: Any) -> None:
    image = Image.fromarray(make.picture()).quantize(8)
    plain = read_photo(write("in.png", saved(image, "PNG")))
    assert plain.alpha is None
    np.testing.assert_array_equal(plain.pixels, make.picture())
    clear = image.getpixel((0, 0))
    holed = read_photo(write("in.png", saved(image, "PNG", transparency=clear)))
    assert holed.alpha is not None
    assert holed.alpha[0, 0] == 0
    assert holed.alpha[-1, -1] == 255


def test_cmyk_is_taken_to_srgb_with_a_note(make: Any, write: Any) -> None:
    image = Image.fromarray(make.picture()).convert("CMYK")
    for file_format in ("JPEG", "TIFF"):
        photo = read_photo(write("in", saved(image, file_format)))
        assert photo.profile.icc is None
        assert any("CMYK" in note for note in photo.notes)
        assert np.abs(photo.pixels.astype(int) - make.picture()).mean() < 4


@pytest.mark.parametrize("extension", ["jpg", "png", "tif", "webp", "heic", "avif"])
def test_a_photo_of_one_pixel(write: Any, tmp_path: Any, extension: str) -> None:
    photo = read_photo(write("in.png", saved(Image.new("RGB", (1, 1), (10, 200, 30)), "PNG")))
    assert photo.with_linear(photo.linear()).pixels.tolist() == [[[10, 200, 30]]]
    try:
        again = read_photo(photo.save(tmp_path / f"out.{extension}"))
    except OutputError:
        pytest.fail(f"one pixel cannot be written as {extension}")
    assert np.abs(again.pixels.astype(int) - [10, 200, 30]).max() < 12


@pytest.mark.parametrize(
    "pixels",
    [
        np.zeros((4, 4, 3), np.float32),
        np.zeros((4, 4, 2), np.uint8),
        np.zeros((0, 4, 3), np.uint8),
        np.zeros(4, np.uint8),
    ],
)
def test_arrays_that_are_no_photo_are_refused(pixels: np.ndarray) -> None:
    with pytest.raises(ParameterError):
        Photo.from_array(pixels)


def test_floating_point_tiffs_are_refused_in_words(write: Any) -> None:
    from dofsim.errors import PhotoError

    data = saved(Image.fromarray(np.zeros((4, 4), np.float32)), "TIFF")
    with pytest.raises(PhotoError, match="not supported"):
        read_photo(write("in.tif", data))
