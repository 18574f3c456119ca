"""Editable results: what comes back is what went in, and other programs find what the format promises."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import dofsim
from dofsim import DepthKind, DepthMap, Photo
from dofsim.errors import OutputError, ParameterError
from dofsim.metrics import psnr
from dofsim.photo.editable import bare_jpeg
from dofsim.scene import Scene

HEIGHT, WIDTH = 72, 96
EXTENSION = b"http://ns.adobe.com/xmp/extension/\0"


def pixels() -> np.ndarray:
    """Smooth, so that JPEG keeps it, and without symmetry."""
    y, x = np.mgrid[:HEIGHT, :WIDTH].astype(np.float32)
    return np.stack([2 * x, 3 * y, 127 + 100 * np.sin(x / 9 + y / 17)], axis=2).astype(np.uint8)


def inverse_depth() -> np.ndarray:
    values = np.full((HEIGHT, WIDTH), 0.25, np.float32)
    values[:, : WIDTH // 2] = np.linspace(1.0, 2.0, HEIGHT, dtype=np.float32)[:, None]
    return values


def display(photo: Photo) -> np.ndarray:
    return photo.pixels.astype(np.float32) / 255


def segments(data: bytes) -> list[tuple[int, bytes]]:
    """Marker and payload of each segment in the head; an own reader, as another program has one."""
    found, at = [], 2
    while data[at + 1] != 0xDA:
        length = int.from_bytes(data[at + 2 : at + 4], "big")
        found.append((data[at + 1], data[at + 4 : at + 2 + length]))
        at += 2 + length
    return found


def extended(data: bytes) -> tuple[str, str]:
    """The main packet, and what extends it."""
    heads = [payload for marker, payload in segments(data) if marker == 0xE1]
    (packet,) = [payload for payload in heads if payload.startswith(b"http://ns.adobe.com/xap/1.0/\0")]
    pieces = [payload[len(EXTENSION) :] for payload in heads if payload.startswith(EXTENSION)]
    whole = b"".join(piece[40:] for piece in pieces)
    (guid,) = {piece[:32] for piece in pieces}
    assert hashlib.md5(whole).hexdigest().upper().encode() == guid
    assert {int.from_bytes(piece[32:36], "big") for piece in pieces} == {len(whole)}
    assert f'HasExtendedXMP="{guid.decode()}"' in packet.decode()
    return packet.decode(), whole.decode()


def attribute(text: str, name: str) -> str:
    (value,) = re.findall(f'{name}="([^"]*)"', text)
    return value


def prepared(path: Path, kind: DepthKind = DepthKind.INVERSE) -> Scene:
    values = inverse_depth()
    depth = DepthMap(1 / values if kind is DepthKind.METRIC else values, kind)
    return Scene(dofsim.read_photo(path), depth)


def save_jpeg(path: Path, orientation: int = 1, **more: Any) -> Path:
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = orientation, "Acme"
    exif.get_ifd(0x8825)[1] = "N"
    stored = {1: pixels(), 6: np.ascontiguousarray(np.rot90(pixels())), 3: np.ascontiguousarray(np.rot90(pixels(), 2))}
    Image.fromarray(stored[orientation]).save(path, exif=exif, quality=95, **more)
    return path


@pytest.mark.parametrize("orientation", [1, 3, 6])
@pytest.mark.parametrize("progressive", [False, True])
def test_a_jpeg_comes_back_bit_by_bit_and_is_refocused_again(tmp_path, orientation: int, progressive: bool) -> None:
    source = save_jpeg(tmp_path / "in.jpg", orientation, progressive=progressive)
    scene = prepared(source)
    assert scene.photo.pixels.shape == (HEIGHT, WIDTH, 3)
    result = scene.render(1.0, blur="5px", grain=False)
    sizes = scene.save_editable(result, tmp_path / "out.jpg")
    assert sizes.untouched
    assert sizes.total == (tmp_path / "out.jpg").stat().st_size

    again = dofsim.read_photo(tmp_path / "out.jpg")
    assert np.array_equal(again.pixels, scene.photo.pixels)
    assert again.depth is not None
    np.testing.assert_allclose(again.depth.inverse().values, inverse_depth(), atol=2e-5)
    anew = dofsim.prepare(again).render(1.0, blur="5px", grain=False)
    assert psnr(display(anew), display(result)) > 45
    far = dofsim.prepare(again).render(0.0, blur="5px", grain=False)
    assert psnr(display(far), display(scene.render(0.0, blur="5px", grain=False))) > 40
    with Image.open(tmp_path / "out.jpg") as image:
        assert psnr(np.asarray(image, np.float32) / 255, display(result)) > 35, "other programs show the result"
        assert image.getexif()[0x010F] == "Acme"


def test_editing_an_edited_file_again_loses_nothing(tmp_path) -> None:
    scene = prepared(save_jpeg(tmp_path / "in.jpg", 6))
    scene.save_editable(scene.render(1.0), tmp_path / "one.jpg")
    second = dofsim.prepare(dofsim.read_photo(tmp_path / "one.jpg"))
    assert second.save_editable(second.render(0.0), tmp_path / "two.jpg").untouched
    third = dofsim.read_photo(tmp_path / "two.jpg")
    assert np.array_equal(third.pixels, scene.photo.pixels)
    assert third.depth is not None
    np.testing.assert_allclose(third.depth.inverse().values, second.depth.inverse().values, atol=1e-4)
    files = [(tmp_path / name).read_bytes() for name in ("one.jpg", "two.jpg")]
    one, two = (attribute(extended(data)[1], "GImage:Data") for data in files)
    assert one == two


def test_the_format_is_googles(tmp_path) -> None:
    scene = prepared(save_jpeg(tmp_path / "in.jpg"))
    scene.save_editable(scene.render(1.0), tmp_path / "out.jpg")
    packet, extension = extended((tmp_path / "out.jpg").read_bytes())
    stated = {name: attribute(packet, f"GDepth:{name}") for name in ("Format", "Near", "Far", "Units", "Mime")}
    assert stated["Format"] == "RangeInverse"
    assert (float(stated["Near"]), float(stated["Far"])) == pytest.approx((0.5, 4.0))
    assert (stated["Units"], stated["Mime"]) == ("m", "image/png")
    assert attribute(packet, "GImage:Mime") == "image/jpeg"
    assert "GDepth:Data" not in packet
    with Image.open(io.BytesIO(base64.b64decode(attribute(extension, "GDepth:Data")))) as image:
        share = np.asarray(image).astype(np.float64) / 65535
    # Google's formula for the distance.
    near, far = 0.5, 4.0
    distance = far * near / (far - share * (far - near))
    np.testing.assert_allclose(distance, 1 / inverse_depth(), rtol=1e-4)
    original = base64.b64decode(attribute(extension, "GImage:Data"))
    with Image.open(io.BytesIO(original)) as image:
        assert np.array_equal(np.asarray(image), scene.photo.pixels)
        assert not image.getexif()
    assert b"Acme" not in original


@pytest.mark.skipif(shutil.which("exiftool") is None, reason="exiftool (Debian's libimage-exiftool-perl) is not here")
def test_exiftool_finds_the_depth_the_original_and_nothing_wrong(tmp_path) -> None:
    scene = prepared(save_jpeg(tmp_path / "in.jpg"))
    scene.save_editable(scene.render(1.0), tmp_path / "out.jpg")

    def exiftool(*arguments: str) -> bytes:
        return subprocess.run(["exiftool", *arguments, tmp_path / "out.jpg"], check=True, stdout=subprocess.PIPE).stdout

    (found,) = json.loads(exiftool("-j", "-n", "-G1", "-XMP-GDepth:all", "-XMP-dofsim:Version", "-ExifTool:Error"))
    stated = {name: found[f"XMP-GDepth:{name}"] for name in ("Format", "Units", "MeasureType", "Near", "Far")}
    assert stated == {"Format": "RangeInverse", "Units": "m", "MeasureType": "OpticalAxis", "Near": 0.5, "Far": 4}
    assert found["XMP-dofsim:Version"] == dofsim.__version__
    assert "ExifTool:Error" not in found
    with Image.open(io.BytesIO(exiftool("-b", "-XMP-GDepth:DepthImage"))) as image:
        share = np.asarray(image).astype(np.float64) / 65535
    np.testing.assert_allclose(2.0 - 1.75 * share, inverse_depth(), atol=2e-5)
    with Image.open(io.BytesIO(exiftool("-b", "-XMP-GImage:ImageData"))) as image:
        assert np.array_equal(np.asarray(image), scene.photo.pixels)


@pytest.mark.parametrize("kind", list(DepthKind))
def test_every_kind_of_depth(tmp_path, kind: DepthKind) -> None:
    scene = prepared(save_jpeg(tmp_path / "in.jpg"), kind)
    if kind is DepthKind.METRIC:
        values = scene.depth.values.copy()
        values[:10] = np.inf
        scene = replace(scene, depth=DepthMap(values, kind))
    scene.save_editable(scene.render(0.8), tmp_path / "out.jpg")
    found = dofsim.read_photo(tmp_path / "out.jpg").depth
    assert found is not None
    assert found.is_metric == scene.depth.is_metric
    np.testing.assert_allclose(found.normalised(), scene.depth.normalised(), atol=2e-4)
    if kind is DepthKind.METRIC:
        assert found.inverse().values[0, 0] == pytest.approx(1e-4, rel=1e-2)
    coc = [one.coc(0.8, blur="5px") for one in (scene, replace(scene, depth=found))]
    np.testing.assert_allclose(*coc, atol=5e-3)


@pytest.mark.parametrize("bits", [8, 16])
def test_a_png_is_kept_without_loss(tmp_path, bits: int) -> None:
    import imagecodecs

    values = pixels() if bits == 8 else pixels().astype(np.uint16) * 257 + 3
    (tmp_path / "in.png").write_bytes(imagecodecs.png_encode(values))
    scene = prepared(tmp_path / "in.png")
    assert scene.save_editable(scene.render(1.0), tmp_path / "out.jpg").untouched
    assert np.array_equal(dofsim.read_photo(tmp_path / "out.jpg").pixels, values)


def test_other_formats_are_compressed_anew_and_keep_their_colours(tmp_path) -> None:
    from dofsim.photo.colour import profile_of_primaries

    Image.fromarray(pixels()).save(tmp_path / "in.webp", quality=95, icc_profile=profile_of_primaries(12))
    scene = prepared(tmp_path / "in.webp")
    assert not scene.save_editable(scene.render(1.0), tmp_path / "out.jpg").untouched
    again = dofsim.read_photo(tmp_path / "out.jpg")
    assert again.profile.name == scene.photo.profile.name
    assert psnr(display(again), display(scene.photo)) > 45


def test_what_cannot_be_read_of_the_photos_own_packet_gives_way(tmp_path) -> None:
    scene = prepared(save_jpeg(tmp_path / "in.jpg"))
    result = replace(scene.render(1.0), metadata=replace(scene.photo.metadata, xmp=b"<x:xmpmeta broken"))
    scene.save_editable(result, tmp_path / "out.jpg")
    assert dofsim.read_photo(tmp_path / "out.jpg").depth is not None


def test_bad_places_and_bad_jpegs(tmp_path) -> None:
    scene = prepared(save_jpeg(tmp_path / "in.jpg"))
    with pytest.raises(ParameterError, match=r"-o NAME\.jpg"):
        scene.save_editable(scene.photo, tmp_path / "out.png")
    with pytest.raises(OutputError):
        scene.save_editable(scene.photo, tmp_path / "no" / "out.jpg")
    assert [path.name for path in tmp_path.iterdir()] == ["in.jpg"]
    data = (tmp_path / "in.jpg").read_bytes()
    for damaged in (b"", b"\x89PNG", data[:300], data[:-2]):
        with pytest.raises(ValueError, match="JPEG"):
            bare_jpeg(damaged)


def test_phone_files(shared, tmp_path) -> None:
    photo = dofsim.read_photo(shared / "photos" / "table.jpg")
    scene = dofsim.prepare(photo)
    result = scene.render(0.7, grain=False)
    assert scene.save_editable(result, tmp_path / "table.jpg").untouched
    again = dofsim.read_photo(tmp_path / "table.jpg")
    assert np.array_equal(again.pixels, photo.pixels)
    assert psnr(display(dofsim.prepare(again).render(0.7, grain=False)), display(result)) > 60
