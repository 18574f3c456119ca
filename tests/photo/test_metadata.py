"""Metadata goes to the output byte for byte, except for what is no longer true."""

from __future__ import annotations

import io
import warnings
from typing import Any

import numpy as np
import pytest
from PIL import Image

from dofsim.errors import DofsimWarning
from dofsim.photo import Photo, read_photo
from dofsim.photo.exif import focal_length_35mm, thumbnail_size, updated_exif

EXTENSIONS = ["jpg", "png", "tif", "webp", "heic", "avif"]


def tags_of(block: bytes) -> tuple[dict[int, Any], dict[int, Any]]:
    exif = Image.Exif()
    exif.load(b"Exif\0\0" + block)
    return dict(exif), dict(exif.get_ifd(0x8769))


@pytest.fixture(params=["jpg", "heic"])
def photo(request: pytest.FixtureRequest, make: Any, write: Any) -> Photo:
    """A photo held sideways, with a wide-gamut profile, from two kinds of container."""
    stored = make.stored(make.picture(), 6)
    exif, icc, xmp = make.exif(6, stored.shape[1::-1]), make.icc(), make.xmp()
    if request.param == "jpg":
        data = make.jpeg(stored, exif=b"Exif\0\0" + exif, icc_profile=icc, xmp=xmp)
    else:
        import pillow_heif

        image = pillow_heif.from_bytes("RGB", (stored.shape[1], stored.shape[0]), stored.tobytes())
        image.info["icc_profile"], image.info["icc_profile_type"] = icc, "prof"
        stream = io.BytesIO()
        image.save(stream, quality=95, chroma=444, exif=b"Exif\0\0" + exif, xmp=xmp)
        data = stream.getvalue()
    return read_photo(write(f"in.{request.param}", data))


@pytest.mark.parametrize("extension", EXTENSIONS)
def test_profile_and_xmp_are_carried_byte_for_byte(photo: Photo, make: Any, tmp_path: Any, extension: str) -> None:
    saved = read_photo(photo.save(tmp_path / f"out.{extension}"))
    assert saved.metadata.icc == make.icc()
    assert saved.profile == photo.profile
    assert saved.metadata.xmp == make.xmp()


@pytest.mark.parametrize("extension", EXTENSIONS)
def test_exif_is_carried_with_its_maker_note_in_place(photo: Photo, make: Any, tmp_path: Any, extension: str) -> None:
    before = make.exif(6, (64, 96))
    path = photo.save(tmp_path / f"out.{extension}")
    data = path.read_bytes()
    # A maker note's inner offsets count from the start of the block, so that it must not move in it.
    start = 0 if extension == "tif" else data.index(b"II*\0")
    note = before.index(make.maker_note)
    assert data[start + note : start + note + len(make.maker_note)] == make.maker_note
    saved = read_photo(path)
    main, inner = tags_of(saved.metadata.exif or b"")
    assert main[271] == "ACME"
    assert main[272] == "Pocket 3"
    assert main[306] == "2024:05:06 07:08:09"
    assert main.get(274, 1) == 1
    assert (inner[40962], inner[40963]) == (96, 64)
    assert inner[37500] == make.maker_note
    assert saved.focal_length_35mm == photo.focal_length_35mm == 28.0


@pytest.mark.parametrize("extension", ["jpg", "png", "webp", "heic"])
def test_only_the_bytes_that_must_change_do(photo: Photo, make: Any, tmp_path: Any, extension: str) -> None:
    saved = read_photo(photo.save(tmp_path / f"out.{extension}"))
    assert saved.metadata.exif == make.exif(1, (96, 64))


def test_an_upright_photo_keeps_its_exif_untouched(make: Any, write: Any, tmp_path: Any) -> None:
    exif = make.exif(1, order=">")
    photo = read_photo(write("in.jpg", make.jpeg(make.picture(), exif=b"Exif\0\0" + exif)))
    assert read_photo(photo.save(tmp_path / "out.jpg")).metadata.exif == exif


@pytest.mark.parametrize("order", ["<", ">"])
def test_the_thumbnail_shows_the_new_picture(make: Any, write: Any, tmp_path: Any, order: str) -> None:
    exif = make.exif(6, (64, 96), order=order, thumbnail=make.thumbnail())
    red = np.zeros((64, 96, 3), np.uint8)
    red[..., 0] = 255
    photo = read_photo(write("in.jpg", make.jpeg(make.stored(red, 6), exif=b"Exif\0\0" + exif)))
    block = read_photo(photo.save(tmp_path / "out.jpg")).metadata.exif
    assert block is not None
    assert len(block) == len(exif)
    assert thumbnail_size(block) == (96, 64)
    start = block.index(b"\xff\xd8\xff")
    with Image.open(io.BytesIO(block[start:])) as image:
        assert np.asarray(image).mean(axis=(0, 1)) == pytest.approx((254, 0, 0), abs=6)


def test_a_thumbnail_that_does_not_fit_is_unlinked_and_wiped(make: Any) -> None:
    old = make.thumbnail(padding=0)
    block = updated_exif(make.exif(3, thumbnail=old), 96, 64, old + b"longer")
    assert thumbnail_size(block) is None
    assert old[:40] not in block
    assert tags_of(block)[1][37500] == make.maker_note


def test_a_block_too_long_for_a_jpeg_loses_its_thumbnail_and_nothing_else(make: Any, write: Any, tmp_path: Any) -> None:
    exif = make.exif(1, thumbnail=make.thumbnail(padding=70_000))
    stream = io.BytesIO()
    Image.fromarray(make.picture()).save(stream, "PNG", exif=exif)
    photo = read_photo(write("in.png", stream.getvalue()))
    block = read_photo(photo.save(tmp_path / "out.jpg")).metadata.exif
    assert block is not None
    assert tags_of(block)[1][37500] == make.maker_note
    assert thumbnail_size(block) is None


def test_xmp_loses_only_what_spoke_of_the_depth_map(make: Any, write: Any, tmp_path: Any) -> None:
    depth = np.zeros((32, 48), np.uint8)
    depth[:, 24:] = 255
    photo = read_photo(write("in.jpg", make.google(make.picture(), depth)))
    saved = read_photo(photo.save(tmp_path / "out.jpg"))
    assert saved.depth is None
    assert saved.notes == ()
    packet = saved.metadata.xmp or b""
    assert b'dc:source="a walk"' in packet
    for gone in (b"GDepth", b"GImage", b"HasExtendedXMP"):
        assert gone not in packet


def test_an_extension_without_depth_is_carried_in_jpeg(make: Any, write: Any, tmp_path: Any) -> None:
    guid = b"0123456789ABCDEF0123456789ABCDEF"
    payload = b"http://ns.adobe.com/xmp/extension/\0" + guid + (9).to_bytes(4, "big") + bytes(4) + b"<history>"
    packet = make.xmp(
        f'<rdf:Description xmlns:xmpNote="http://ns.adobe.com/xmp/note/" xmpNote:HasExtendedXMP="{guid.decode()}"/>'
    )
    extra = b"\xff\xe1" + (len(payload) + 2).to_bytes(2, "big") + payload
    photo = read_photo(write("in.jpg", make.jpeg(make.picture(), xmp=packet, extra=extra)))
    saved = read_photo(photo.save(tmp_path / "out.jpg"))
    assert saved.metadata.xmp == packet
    assert saved.metadata.xmp_extension == (payload,)
    assert b"HasExtendedXMP" not in (read_photo(photo.save(tmp_path / "out.png")).metadata.xmp or b"")


@pytest.mark.parametrize(
    "block", [b"", b"junk", b"II*\0", b"II*\0\xff\xff\xff\xff", b"MM\0*\0\0\0\x08\xff\xff" + bytes(9)]
)
def test_damaged_exif_costs_neither_the_picture_nor_the_output(
    make: Any, write: Any, tmp_path: Any, block: bytes
) -> None:
    photo = read_photo(write("in.jpg", make.jpeg(make.picture(), exif=b"Exif\0\0" + block)))
    assert photo.pixels.shape == make.picture().shape
    assert photo.focal_length_35mm is None
    for extension in EXTENSIONS:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            path = photo.save(tmp_path / f"out.{extension}")
        assert all(w.category is DofsimWarning and "EXIF" in str(w.message) for w in caught)
        assert read_photo(path).pixels.shape == photo.pixels.shape


def test_metadata_that_does_not_fit_is_left_out_with_a_warning(make: Any, write: Any, tmp_path: Any) -> None:
    stream = io.BytesIO()
    long = make.exif()[:-2] + bytes(70_000)
    Image.fromarray(make.picture()).save(stream, "PNG", exif=long)
    photo = read_photo(write("in.png", stream.getvalue()))
    with pytest.warns(DofsimWarning, match="too long for a JPEG"):
        path = photo.save(tmp_path / "out.jpg")
    assert read_photo(path).metadata.exif is None
    assert read_photo(photo.save(tmp_path / "out.png")).metadata.exif == long


def test_resolution_is_carried(make: Any, write: Any, tmp_path: Any) -> None:
    photo = read_photo(write("in.jpg", make.jpeg(make.picture(), dpi=(300, 300))))
    for extension in ("jpg", "png", "tif"):
        dpi = read_photo(photo.save(tmp_path / f"out.{extension}")).metadata.dpi
        assert dpi == pytest.approx((300, 300), abs=0.1)


def test_tiff_tags_travel_to_a_jpeg(write: Any, make: Any, tmp_path: Any) -> None:
    tags = Image.Exif()
    tags[271], tags[0x0112] = "ACME", 8
    tags.get_ifd(0x8769)[41989] = 35
    tags[0x8769] = {41989: 35}
    stream = io.BytesIO()
    Image.fromarray(make.stored(make.picture(), 8)).save(stream, "TIFF", exif=tags)
    photo = read_photo(write("in.tif", stream.getvalue()))
    assert photo.focal_length_35mm == 35.0
    main, inner = tags_of(read_photo(photo.save(tmp_path / "out.jpg")).metadata.exif or b"")
    assert main[271] == "ACME"
    assert inner[41989] == 35
    assert not {256, 257, 273, 279} & set(main)


def test_focal_length_is_unknown_without_exif(make: Any) -> None:
    assert focal_length_35mm(None) is None
    assert focal_length_35mm(make.exif()) == 28.0
