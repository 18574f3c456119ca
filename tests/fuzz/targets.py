"""Who reads a broken file, as a user would: each returns when there is a picture, or raises."""

from __future__ import annotations

import dataclasses
import io
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from random import Random

import numpy as np

_FORMS = ("jpg", "png", "tif", "webp")
_SLOW_FORMS = ("heic", "avif")


def photo(path: Path, random: Random) -> None:
    """Read, look at, and write in another format; now and then render, and ask the command line."""
    import dofsim

    if random.random() < 0.03:
        from dofsim.cli.app import run

        with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()) as said:
            code = run(["info", str(path)])
        if code not in (0, 2, 3, 4):
            raise AssertionError(f"dofsim info leaves with {code}: {said.getvalue()}")
    found = dofsim.read_photo(path)
    if random.random() < 0.3:
        found = found.without_metadata(gps_only=True)
    if random.random() < 0.03 and found.pixels.size < 100_000:
        scene = dofsim.prepare(found, depth=found.depth or any_depth(found))
        found = scene.render(blur="10%")
    out = path.with_name(f"out.{random.choice(_SLOW_FORMS if random.random() < 0.03 else _FORMS)}")
    if found.alpha is not None:
        out = out.with_suffix(".png")
    # A megapixel takes the encoders longer than a thousand cases.
    if found.pixels.size < 1_000_000:
        found.save(out)


def editable(path: Path, random: Random) -> None:
    """Read, write as what can be refocused again, and read that."""
    import dofsim
    from dofsim.photo.editable import write_editable

    found = dofsim.read_photo(path)
    if found.pixels.size > 1_000_000:
        return
    out = path.with_name("out.jpg")
    write_editable(found, out, original=found, depth=found.depth or any_depth(found))
    again = dofsim.read_photo(out)
    if again.depth is None or again.pixels.shape != found.pixels.shape:
        raise AssertionError(f"what can be refocused again cannot: {again.notes}")


def depth(path: Path, random: Random) -> None:
    """Read as every kind, and write again."""
    from dofsim.depth import DepthKind
    from dofsim.depth.files import read_depth, write_depth

    kind = random.choice((None, None, *DepthKind))
    found = read_depth(path, kind=kind, near=random.choice(("bright", "bright", "dark")))
    write_depth(found, path.with_name(f"out.{random.choice(('png', 'tif', 'npy', 'exr'))}"), overwrite=True)


def data_set(path: Path, random: Random) -> None:
    """Open the folder, list it, and read every frame of every part."""
    root = next(parent for parent in path.parents if parent.name == "case")
    _read_all(root, random)


def packed(path: Path, random: Random) -> None:
    """Open the file, and read every frame."""
    _read_all(path, random)


def model(path: Path, random: Random) -> None:
    """Estimate the depth of a photo."""
    from dofsim.depth import estimate

    estimate._open.cache_clear()
    pixels = np.full((16, 24, 3), random.randrange(256), np.uint8)
    estimate.estimate(pixels, model=path.with_name("model.onnx"), threads=1)


def xmp(path: Path, random: Random) -> None:
    """What is done to every packet; one that cannot be read raises what its caller expects."""
    from dofsim.photo import xmp as module
    from dofsim.photo.metadata import Metadata

    packet = path.read_bytes()
    module.updated_xmp(packet, 24, 16, keeps_extension=random.random() < 0.5)
    Metadata(xmp=packet, xmp_extension=(packet,)).without_place()


def exif(path: Path, random: Random) -> None:
    """What is done to every block, in a photo that carries it."""
    from dofsim.photo import Photo
    from dofsim.photo.exif import exif_orientation, focal_length_35mm, thumbnail_size
    from dofsim.photo.metadata import Metadata

    block = path.read_bytes()
    exif_orientation(block), focal_length_35mm(block), thumbnail_size(block)
    carrying = dataclasses.replace(Photo.from_array(np.zeros((16, 24, 3), np.uint8)), metadata=Metadata(exif=block))
    if random.random() < 0.5:
        carrying = carrying.without_metadata(gps_only=True)
    carrying.save(path.with_name(f"out.{random.choice(_FORMS)}"))


def icc(path: Path, random: Random) -> None:
    """Read a photo that carries the profile."""
    from PIL import Image

    stream = io.BytesIO()
    pixels = np.arange(16 * 24 * 3, dtype=np.uint16).astype(np.uint8).reshape(16, 24, 3)
    Image.fromarray(pixels).save(stream, "PNG", icc_profile=path.read_bytes())
    carrier = path.with_name("carrier.png")
    carrier.write_bytes(stream.getvalue())
    photo(carrier, random)


def any_depth(found: object) -> object:
    """A ramp for a photo without depth."""
    from dofsim.depth import DepthKind, DepthMap

    height, width = found.pixels.shape[:2]
    values = np.tile(np.linspace(0, 1, width, dtype=np.float32), (height, 1))
    return DepthMap(values, DepthKind.RELATIVE, "file", "made")


def _read_all(root: Path, random: Random) -> None:
    from dofsim.datasets.frames import Frames
    from dofsim.datasets.recognise import open_reader

    reader = open_reader(root, raw=random.random() < 0.3)
    try:
        reader.notes(), reader.missing()
        for split in ("all", random.choice(("train", "val", "test", "trainval"))):
            for _ in Frames(reader, reader.entries(split)).readable(on_bad=lambda _: None):
                pass
    finally:
        if hasattr(reader, "_file"):
            reader._file.close()


TARGETS: dict[str, Callable[[Path, Random], None]] = {
    "photo": photo, "editable": editable, "depth": depth, "data set": data_set, "packed": packed, "model": model,
    "xmp": xmp, "exif": exif, "icc": icc,
}  # fmt: skip
