"""What a photo tells about its owner: kept by default, left out when asked."""

from __future__ import annotations

import io
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from dofsim.photo import Photo, read_photo
from dofsim.photo.exif import without_gps as exif_without_gps
from dofsim.photo.xmp import without_gps as xmp_without_gps

EXTENSIONS = ["jpg", "png", "tif", "webp", "heic", "avif"]
GPS_IFD = 0x8825
PLACE = (
    '<rdf:Description xmlns:exif="http://ns.adobe.com/exif/1.0/" xmlns:dc="http://purl.org/dc/elements/1.1/"'
    ' xmlns:drone="http://www.dji.com/drone-dji/1.0/" exif:GPSLatitude="48,51.4961N" drone:GpsLongtitude="+2.294"'
    ' dc:source="a walk"><exif:GPSLongitude>2,17.66E</exif:GPSLongitude></rdf:Description>'
)
TELLTALES = (b"48,51.4961N", b"2,17.66E", b"+2.294")


def traces(make: Any, data: bytes) -> list[bytes]:
    """Numbers of the place that can be found in a file, in whatever order of bytes."""
    coded = [struct.pack(order + "6L", *make.gps_latitude) for order in "<>"]
    return [trace for trace in (*coded, make.gps_date, *TELLTALES) if trace in data]


def places(block: bytes | None) -> dict[int, Any]:
    exif = Image.Exif()
    if block:
        exif.load(b"Exif\0\0" + block)
    return dict(exif.get_ifd(GPS_IFD)) if GPS_IFD in exif else {}


@pytest.fixture(params=[("jpg", "<"), ("png", ">"), ("tif", "<"), ("webp", ">"), ("heic", "<"), ("avif", ">")])
def path(request: pytest.FixtureRequest, make: Any, write: Any) -> Path:
    """A photo with a place in EXIF and XMP, held sideways, with a wide-gamut profile, in each kind of container."""
    kind, order = request.param
    stored, orientation = make.stored(make.picture(), 6), 6
    if kind == "avif":  # its writer turns the block's orientation into a property of the container
        stored, orientation = make.picture(), 1
    exif = make.exif(orientation, stored.shape[1::-1], order=order, thumbnail=make.thumbnail(), gps=True)
    blocks: dict[str, Any] = {"icc_profile": make.icc(), "xmp": make.xmp(PLACE)}
    stream = io.BytesIO()
    if kind == "heic":
        import pillow_heif

        image = pillow_heif.from_bytes("RGB", (stored.shape[1], stored.shape[0]), stored.tobytes())
        image.info["icc_profile"], image.info["icc_profile_type"] = make.icc(), "prof"
        image.save(stream, quality=95, chroma=444, exif=b"Exif\0\0" + exif, xmp=blocks["xmp"])
    elif kind == "tif":
        tags = Image.Exif()
        tags.load(b"Exif\0\0" + exif)
        tags[700] = blocks["xmp"]
        Image.fromarray(stored).save(stream, "TIFF", exif=tags, icc_profile=make.icc())
    elif kind == "png":
        from PIL.PngImagePlugin import PngInfo

        texts = PngInfo()
        texts.add_itxt("XML:com.adobe.xmp", blocks.pop("xmp").decode())
        Image.fromarray(stored).save(stream, "PNG", exif=exif, pnginfo=texts, **blocks)
    else:
        form = {"jpg": "JPEG", "webp": "WEBP", "avif": "AVIF"}[kind]
        Image.fromarray(stored).save(stream, form, exif=b"Exif\0\0" + exif, quality=97, **blocks)
    return write(f"in.{kind}", stream.getvalue())


@pytest.mark.parametrize("extension", EXTENSIONS)
def test_by_default_the_place_is_kept(path: Path, make: Any, tmp_path: Path, extension: str) -> None:
    saved = read_photo(read_photo(path).save(tmp_path / f"out.{extension}"))
    assert places(saved.metadata.exif)[2] == (48.0, 51.0, 29.77)
    assert all(trace in (saved.metadata.xmp or b"") for trace in TELLTALES)


@pytest.mark.parametrize("extension", EXTENSIONS)
def test_without_gps_only_the_place_is_gone(path: Path, make: Any, tmp_path: Path, extension: str) -> None:
    photo = read_photo(path)
    out = photo.without_metadata(gps_only=True).save(tmp_path / f"out.{extension}")
    saved = read_photo(out)
    assert traces(make, out.read_bytes()) == []
    assert places(saved.metadata.exif) == {}
    exif = Image.Exif()
    exif.load(b"Exif\0\0" + (saved.metadata.exif or b""))
    assert GPS_IFD not in exif
    assert (exif[271], exif[306]) == ("ACME", "2024:05:06 07:08:09")
    assert exif.get_ifd(0x8769)[37500] == make.maker_note
    assert b'dc:source="a walk"' in (saved.metadata.xmp or b"")
    assert saved.profile == photo.profile
    assert saved.pixels.shape == photo.pixels.shape


@pytest.mark.parametrize("extension", EXTENSIONS)
def test_without_metadata_the_picture_looks_the_same(path: Path, make: Any, tmp_path: Path, extension: str) -> None:
    photo = read_photo(path)
    out = photo.without_metadata().save(tmp_path / f"out.{extension}")
    saved, whole = read_photo(out), read_photo(photo.save(tmp_path / f"whole.{extension}"))
    data = out.read_bytes()
    assert traces(make, data) == []
    for told in (b"ACME", b"2024:05:06", b"a walk", b"Exif\0\0", make.maker_note):
        assert told not in data
    assert saved.metadata.xmp is None
    assert saved.metadata.dpi is None
    assert saved.focal_length_35mm is None
    assert saved.profile == photo.profile == whole.profile
    np.testing.assert_array_equal(saved.pixels, whole.pixels)


def test_the_lens_is_still_known_while_the_photo_is_worked_on(path: Path) -> None:
    photo = read_photo(path)
    assert photo.focal_length_35mm == 28.0
    assert photo.without_metadata().focal_length_35mm == 28.0


def test_an_extension_that_tells_a_place_goes_even_if_segments_cut_its_name(make: Any, write: Any) -> None:
    guid = b"0123456789ABCDEF0123456789ABCDEF"
    whole = b'<a exif:GPSLatitude="48,51.4961N"/>'
    extra = b""
    for start, end in ((0, 10), (10, len(whole))):
        payload = b"http://ns.adobe.com/xmp/extension/\0" + guid + struct.pack(">LL", len(whole), start)
        payload += whole[start:end]
        extra += b"\xff\xe1" + struct.pack(">H", len(payload) + 2) + payload
    packet = make.xmp(
        f'<rdf:Description xmlns:xmpNote="http://ns.adobe.com/xmp/note/" xmpNote:HasExtendedXMP="{guid.decode()}"/>'
    )
    photo = read_photo(write("in.jpg", make.jpeg(make.picture(), xmp=packet, extra=extra)))
    assert len(photo.metadata.xmp_extension) == 2
    out = photo.without_metadata(gps_only=True).save(photo.path, overwrite=True)
    assert b"xmp/extension" not in out.read_bytes()
    assert b"HasExtendedXMP" not in out.read_bytes()


def test_blocks_that_cannot_be_read_are_not_trusted(make: Any) -> None:
    assert xmp_without_gps(b"<x:xmpmeta exif:GPSLatitude='48'") is None
    assert xmp_without_gps(b"<x:xmpmeta") == b"<x:xmpmeta"
    block = make.exif(gps=True)
    link = block.index(struct.pack("<HHL", GPS_IFD, 4, 1)) + 8
    overlapping = block[:link] + struct.pack("<L", 8) + block[link + 4 :]
    for damaged in (b"II*\0", block[:30], overlapping):
        with pytest.raises((ValueError, struct.error)):
            exif_without_gps(damaged)
        photo = Photo.from_array(make.picture())
        photo.metadata.__dict__["exif"] = damaged
        assert photo.without_metadata(gps_only=True).metadata.exif is None


def test_a_block_without_a_place_keeps_every_byte(make: Any) -> None:
    block, packet = make.exif(6, thumbnail=make.thumbnail()), make.xmp()
    assert exif_without_gps(block) == block
    assert xmp_without_gps(packet) == packet
