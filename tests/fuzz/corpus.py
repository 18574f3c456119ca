"""Whole files to start from, of every kind that dofsim reads, made here: tiny, so that a case takes milliseconds."""

from __future__ import annotations

import io
import json
import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from PIL import Image

from tests.photo.conftest import Make

HEIGHT, WIDTH = 16, 24


@dataclass(frozen=True)
class Seed:
    """A file that is broken, with what lies beside it.

    ``form`` says how it is built (a key of ``mutate.FORMS``, else it is broken blindly), ``target`` who reads it (a key
    of ``targets.TARGETS``), ``weight`` how often it is taken.
    """

    name: str
    form: str
    target: str
    data: bytes
    beside: tuple[tuple[str, bytes], ...] = ()
    weight: int = 4


def make_corpus(folder: Path) -> list[Seed]:
    """All seeds; ``folder`` is for files whose writers want one."""
    return [*_photos(folder), *_depths(folder), *_data_sets(folder), *_models()]


def _picture() -> np.ndarray:
    rng = np.random.default_rng(0)
    return np.clip(Make.picture(WIDTH, HEIGHT).astype(int) + rng.integers(-9, 9, (HEIGHT, WIDTH, 3)), 0, 255).astype(
        np.uint8
    )


def _ramp() -> np.ndarray:
    return np.tile(np.linspace(0, 255, WIDTH // 2).astype(np.uint8), (HEIGHT // 2, 1))


def _photos(folder: Path) -> list[Seed]:
    from dofsim.photo import Photo, read_photo
    from dofsim.photo.editable import write_editable

    picture, depth, icc = _picture(), _ramp(), Make.icc()
    exif = Make.exif(6, (WIDTH, HEIGHT), thumbnail=Make.thumbnail(padding=8), gps=True)
    big_endian = Make.exif(3, (WIDTH, HEIGHT), order=">", gps=True)
    place = (
        '<rdf:Description xmlns:exif="http://ns.adobe.com/exif/1.0/" xmlns:tiff="http://ns.adobe.com/tiff/1.0/"'
        ' exif:GPSLatitude="48,51.4961N" exif:PixelXDimension="24" tiff:Orientation="6">'
        "<exif:GPSLongitude>2,17.66E</exif:GPSLongitude></rdf:Description>"
    )
    rich = {"icc_profile": icc, "xmp": Make.xmp(place)}
    seeds = [
        Seed("plain.jpg", "jpeg", "photo", Make.jpeg(picture, exif=b"Exif\0\0" + exif, **rich), weight=12),
        Seed("bare.jpg", "jpeg", "photo", Make.jpeg(picture)),
        Seed("progressive.jpg", "jpeg", "photo", Make.jpeg(picture, progressive=True)),
        Seed("cmyk.jpg", "jpeg", "photo", _pillow(Image.fromarray(picture).convert("CMYK"), "JPEG")),
        Seed("apple.jpg", "jpeg", "photo", Make.apple(picture, depth, exif=exif), weight=10),
        Seed("google.jpg", "jpeg", "photo", Make.google(picture, depth, original=Make.jpeg(picture)), weight=10),
        Seed("mpo.jpg", "jpeg", "photo", _mpo(picture), weight=6),
        Seed("plain.png", "png", "photo", _png(picture, big_endian, place), weight=10),
        Seed("deep.png", "png", "photo", Make.png16(picture.astype(np.uint16) * 257, exif)),
        Seed("palette.png", "png", "photo", _pillow(Image.fromarray(picture).quantize(16), "PNG", transparency=3)),
        Seed(
            "plain.webp",
            "webp",
            "photo",
            _pillow(Image.fromarray(picture), "WEBP", exif=b"Exif\0\0" + exif, **rich),
            weight=8,
        ),
        Seed("lossless.webp", "webp", "photo", _pillow(Image.fromarray(picture), "WEBP", lossless=True)),
    ]
    whole = read_photo(_file(folder, "whole.jpg", seeds[0].data))
    deep = Photo.from_array(picture.astype(np.uint16) * 257)
    for name, photo in (("plain", whole), ("deep", deep)):
        seeds.append(Seed(f"{name}.tif", "tiff", "photo", photo.save(folder / f"{name}.tif").read_bytes(), weight=8))
    for kind in ("JPEG", "LZW", "PACKBITS"):
        data = _pillow(Image.fromarray(picture), "TIFF", compression=kind.lower().replace("lzw", "tiff_lzw"))
        seeds.append(Seed(f"{kind.lower()}.tif", "tiff", "photo", data))
    message = Make.depth_message(1, d_min=0.5, d_max=2.5)
    seeds += [
        Seed("plain.heic", "boxes", "photo", whole.save(folder / "plain.heic").read_bytes(), weight=6),
        Seed("depth.heic", "boxes", "photo", Make.heic_depth(picture, depth, message), weight=6),
        Seed("plain.avif", "boxes", "photo", whole.save(folder / "plain.avif").read_bytes(), weight=6),
        Seed("plain.xmp", "text", "xmp", Make.xmp(place), weight=6),
        Seed("plain.exif", "tiff", "exif", exif, weight=6),
        Seed("plain.icc", "icc", "icc", icc, weight=3),
    ]
    google = read_photo(_file(folder, "google.jpg", Make.google(picture, depth)))
    write_editable(whole, folder / "editable.jpg", original=whole, depth=google.depth)
    seeds.append(Seed("editable.jpg", "jpeg", "photo", (folder / "editable.jpg").read_bytes(), weight=6))
    by_name = {seed.name: seed for seed in seeds}
    for name in ("plain.jpg", "progressive.jpg", "google.jpg", "editable.jpg", "plain.tif"):
        seeds.append(replace(by_name[name], target="editable", weight=3))
    return seeds


def _depths(folder: Path) -> list[Seed]:
    from dofsim.depth import DepthKind, DepthMap
    from dofsim.depth.files import write_depth

    values = np.linspace(0.4, 3, HEIGHT * WIDTH, dtype=np.float32).reshape(HEIGHT, WIDTH)
    seeds = []
    for suffix, form in (("png", "png"), ("tif", "tiff"), ("npy", "npy"), ("exr", "exr")):
        path = write_depth(DepthMap(values, DepthKind.METRIC, "file", "made"), folder / f"depth.{suffix}")
        seeds.append(Seed(f"depth.{suffix}", form, "depth", path.read_bytes(), weight=8))
    seeds.append(Seed("depth.jpg", "jpeg", "depth", Make.jpeg(_ramp())))
    seeds.append(
        Seed("float.tif", "tiff", "depth", _pillow(Image.fromarray(values), "TIFF", compression="tiff_deflate"))
    )
    return seeds


def _data_sets(folder: Path) -> list[Seed]:
    from dofsim.datasets import fabricate
    from dofsim.datasets.prepare import prepare
    from dofsim.datasets.recognise import open_reader

    size = (8, 12)
    nyu = fabricate.write_nyu_labelled(folder / "nyu", 3, train=(1, 3), test=(2,), size=size)
    mat, splits = (nyu / "nyu_depth_v2_labeled.mat").read_bytes(), (nyu / "splits.mat").read_bytes()
    element = splits[128:]
    first = 8 + int.from_bytes(element[4:8], "little")
    packed_element = zlib.compress(element[:first])
    pressed = splits[:128] + (15).to_bytes(4, "little") + len(packed_element).to_bytes(4, "little") + packed_element
    pressed += element[first:]
    frame = next(
        iter(fabricate.write_nyu_h5(folder / "h5", scenes={"kitchen_0001a": 1}, test=0, size=size).rglob("*.h5"))
    )
    diml = fabricate.write_diml(folder / "diml", indoor={"12. Livingroom": (1, 0)}, outdoor=(0, 0), sizes={"LR": size})
    pictures = {str(path.relative_to(diml)): path.read_bytes() for path in sorted(diml.rglob("*.png"))}
    depth_name = next(name for name in pictures if "depth_filled" in name)
    rest = tuple((name, data) for name, data in pictures.items() if name != depth_name)
    seeds = [
        Seed("nyu_depth_v2_labeled.mat", "hdf5", "data set", mat, (("splits.mat", splits),), weight=6),
        Seed("splits.mat", "mat5", "data set", splits, (("nyu_depth_v2_labeled.mat", mat),), weight=5),
        Seed("splits.mat", "mat5", "data set", pressed, (("nyu_depth_v2_labeled.mat", mat),), weight=5),
        Seed("train/kitchen_0001a/00001.h5", "hdf5", "data set", frame.read_bytes(), weight=5),
        Seed(depth_name, "png", "data set", pictures[depth_name], rest, weight=4),
    ]
    for compression in ("lz4", "zstd", "gzip"):
        out = folder / f"{compression}.h5"
        prepare(open_reader(nyu), out, compression=compression)
        seeds.append(Seed("packed.h5", "hdf5", "packed", out.read_bytes(), weight=5))
    return seeds


def _models() -> list[Seed]:
    try:
        from onnx import TensorProto, helper, numpy_helper
    except ImportError:
        return []
    weight = numpy_helper.from_array(np.ones((1, 3, 1, 1), np.float32), "weight")
    shapes = [
        helper.make_tensor_value_info(n, TensorProto.FLOAT, s)
        for n, s in (("p", (1, 3, 32, 32)), ("d", (1, 1, 32, 32)))
    ]
    graph = helper.make_graph([helper.make_node("Conv", ["p", "weight"], ["d"])], "g", shapes[:1], shapes[1:], [weight])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9).SerializeToString()
    record = json.dumps(
        {"name": "m", "input_size": 32, "multiple": 32, "mean": [0.5] * 3, "std": [0.5] * 3, "output": "metric"}
    )
    return [
        Seed("model.onnx", "onnx", "model", model, weight=6),
        Seed("model.json", "text", "model", record.replace('"', '">').encode(), (("model.onnx", model),), weight=1),
        Seed("model.json", "json", "model", record.encode(), (("model.onnx", model),), weight=3),
    ]


def _pillow(image: Image.Image, form: str, **arguments: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, form, **arguments)
    return stream.getvalue()


def _png(picture: np.ndarray, exif: bytes, place: str) -> bytes:
    from PIL.PngImagePlugin import PngInfo

    texts = PngInfo()
    texts.add_itxt("XML:com.adobe.xmp", Make.xmp(place).decode(), zip=True)
    return _pillow(Image.fromarray(picture), "PNG", exif=exif, pnginfo=texts, icc_profile=Make.icc(), dpi=(300, 300))


def _mpo(picture: np.ndarray) -> bytes:
    second: Callable[[], Image.Image] = lambda: Image.fromarray(picture[::2, ::2])  # noqa: E731
    return _pillow(Image.fromarray(picture), "MPO", save_all=True, append_images=[second()])


def _file(folder: Path, name: str, data: bytes) -> Path:
    path = folder / name
    path.write_bytes(data)
    return path
