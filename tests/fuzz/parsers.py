"""Our own parsers with the promise of each as code: what it may raise, and what has to hold of what it returns."""

from __future__ import annotations

import struct
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tests.fuzz.corpus import make_corpus

SEPARATOR = b"\xff\xe1"
"""Between an XMP packet and the segments that extend it."""
_WIDTH, _HEIGHT = 24, 16


@dataclass(frozen=True)
class Parser:
    """A parser to be tried.

    Attributes
    ----------
    check : callable
        Takes any bytes; raises if a promise is broken.
    modules : tuple of str
        Where it is written, so that its branches are watched.
    seeds : callable
        Takes the corpus as bytes by name; whole inputs to start from.
    words : tuple of bytes
        What its format is made of.
    """

    check: Callable[[bytes], None]
    modules: tuple[str, ...]
    seeds: Callable[[dict[str, bytes]], list[bytes]]
    words: tuple[bytes, ...] = ()


def seeds_by_name(folder: Path) -> dict[str, bytes]:
    """The corpus of the other program, by file name."""
    return {seed.name: seed.data for seed in make_corpus(folder)}


def check_xmp(packet: bytes) -> None:
    """Edits never raise, are done when they are done, and take out what they are to take out."""
    from dofsim.photo import xmp

    updated = xmp.updated_xmp(packet, _WIDTH, _HEIGHT)
    if updated is not None:
        _hold(xmp.updated_xmp(updated, _WIDTH, _HEIGHT) == updated, "an update is not finished")
    clean = xmp.without_gps(packet)
    if clean is not None:
        _hold(clean is packet or b"GPSLatitude" not in _names(clean), "the place is still told")
    without = xmp.without_namespace(packet, xmp.GDEPTH)
    if without != packet:
        _hold(not xmp.properties(without, xmp.GDEPTH), "the namespace is still there")
    values = {"Blur": '2% <&">\n', "Quality": "best"}
    written = xmp.with_properties(packet, xmp.RECIPE, "dofsim", values)
    if written not in (packet, xmp.without_namespace(packet, xmp.RECIPE)):
        _hold(xmp.properties(written, xmp.RECIPE) == values, "what was written is not read")


def _names(packet: bytes) -> bytes:
    from xml.parsers.expat import ExpatError

    from dofsim.photo import xmp

    try:
        found = xmp.properties(packet, "http://ns.adobe.com/exif/1.0/")
    except (ExpatError, ValueError):
        return b""
    return " ".join(found).encode()


def check_recipe(packet: bytes) -> None:
    """A recipe, none, or a ParameterError of one line; what is read can be said again."""
    from dofsim.errors import ParameterError
    from dofsim.recipe import Recipe, recipe_of

    try:
        recipe = recipe_of(_photo(xmp=packet))
    except ParameterError as error:
        _hold(bool(str(error)) and "\n" not in str(error), f"its message is not one line: {error!s}")
        return
    if recipe is not None:
        _hold(Recipe.from_dict(recipe.to_dict()) == recipe, "a recipe is not what it says")
        recipe.options()


def check_frames(data: bytes) -> None:
    """The further frames of a JPEG: depth, a note, or nothing."""
    _find(data)


def check_google(data: bytes) -> None:
    """A packet and its extension: depth, a note, or nothing."""
    from dofsim.photo.decode import XMP_EXTENSION

    packet, *segments = data.split(SEPARATOR)
    _find(b"", xmp=packet, xmp_extension=tuple(XMP_EXTENSION + segment for segment in segments))


def check_exif(block: bytes) -> None:
    """Facts never raise; edits raise what they say, change no length but by a thumbnail, and hold."""
    from dofsim.photo import exif

    _hold(exif.exif_orientation(block) in range(1, 9), "an orientation beyond 8")
    length = exif.focal_length_35mm(block)
    _hold(length is None or 0 < length < 10_000, "a focal length beyond reason")
    exif.thumbnail_size(block)
    damaged = (ValueError, struct.error)
    for thumbnail in (None, b"\xff\xd8\xff\xd9"):
        with suppress(*damaged):
            updated = exif.updated_exif(block, _WIDTH, _HEIGHT, thumbnail, limit=65525)
            _hold(len(updated) <= len(block), "an update grows")
    with suppress(*damaged):
        _hold(len(exif.without_orientation(block)) == len(block), "a block changes its length")
    with suppress(*damaged):
        clean = exif.without_gps(block)
        _hold(len(clean) == len(block), "a block changes its length")
        _hold(exif.GPS_IFD not in {tag for tag, *_ in exif.first_directory(clean)}, "the place is still told")
    with suppress(*damaged):
        exif.first_directory(block)
    with suppress(*damaged):
        exif.retagged(block, int.from_bytes(block[4:8], "little"), {0x0112: 1})


def check_editable(data: bytes) -> None:
    """The bare picture of a JPEG: one with a beginning and an end, and no place in it; or a ValueError."""
    from dofsim.photo.editable import bare_jpeg

    with suppress(ValueError):
        bare = bare_jpeg(data, 6)
        _hold(bare.startswith(b"\xff\xd8\xff\xe1") and bare.endswith(b"\xff\xd9"), "it is no whole JPEG")
        _hold(bare_jpeg(bare, 6) == bare, "what is bare is not left alone")


def check_mat5(data: bytes) -> None:
    """Vectors of numbers, or a ValueError."""
    from dofsim.datasets._mat5 import read_vectors

    with suppress(ValueError):
        _hold(all(values.ndim == 1 for values in read_vectors(data).values()), "no vector")


def _find(data: bytes, **metadata: Any) -> None:
    from dofsim.photo import embedded
    from dofsim.photo.decode import Decoded
    from dofsim.photo.metadata import Metadata

    picture = np.zeros((_HEIGHT, _WIDTH, 3), np.uint8)
    found = embedded.find(data, Decoded("JPEG", picture, None, Metadata(**metadata)), None)
    if found.depth is not None:
        values = found.depth.values
        _hold(values.dtype == np.float32 and values.ndim == 2 and bool(np.isfinite(values).all()), "depth is no depth")
    _hold(all(note and "\n" not in note for note in found.notes), f"notes are not of one line: {found.notes}")


def _photo(**metadata: Any) -> Any:
    import dataclasses

    from dofsim.photo import Photo
    from dofsim.photo.metadata import Metadata

    plain = Photo.from_array(np.zeros((_HEIGHT, _WIDTH, 3), np.uint8))
    return dataclasses.replace(plain, metadata=Metadata(**metadata))


def _hold(condition: bool, complaint: str) -> None:
    if not condition:
        raise AssertionError(complaint)


def _google_seeds(corpus: dict[str, bytes]) -> list[bytes]:
    from dofsim.photo.decode import XMP_EXTENSION
    from dofsim.photo.editable import _segments

    seeds = []
    for name in ("google.jpg", "editable.jpg"):
        payloads = [payload for _, _, payload in _segments(corpus[name])]
        packet = next(each.partition(b"\0")[2] for each in payloads if each.startswith(b"http://ns.adobe.com/xap"))
        rest = [each.removeprefix(XMP_EXTENSION) for each in payloads if each.startswith(XMP_EXTENSION)]
        seeds.append(SEPARATOR.join([packet, *rest]))
    return seeds


def _recipe_seeds(_: dict[str, bytes]) -> list[bytes]:
    from dofsim.depth import DepthKind, DepthMap
    from dofsim.recipe import Recipe

    depth = DepthMap(np.zeros((4, 4), np.float32), DepthKind.RELATIVE, "file", "made")
    recipes = (Recipe(), Recipe(focus_at="44%,27%", aperture=1.8, blades=6, grain=False), Recipe(model="a", flip=True))
    return [recipe.written_into(_photo(), depth).metadata.xmp or b"" for recipe in recipes]


_XML = (b"<!--", b"-->", b"<![CDATA[", b"]]>", b"<?xml ?>", b"&lt;", b"&#0;", b"<rdf:Description", b"</rdf:RDF>", b"/>")
_XML += (b"xmlns:", b"rdf:about", b"exif:GPSLatitude", b"tiff:Orientation", b"GDepth:Data", b"GDepth:Near", b"<b>")
_TIFF = (b"II*\0", b"MM\0*", b"\x12\x01", b"\x69\x87", b"\x25\x88", b"\x01\x02", b"\x02\x02", b"\xff\xff\xff\xff")
_JPEG = (b"\xff\xd8\xff", b"\xff\xd9", b"\xff\xda", b"\xff\xc0", b"\xff\xe1", b"\xff\xff", b"\0\0", b"Exif\0\0")

PARSERS: dict[str, Parser] = {
    "xmp": Parser(
        check_xmp,
        ("dofsim.photo.xmp",),
        lambda corpus: [corpus["plain.xmp"], *_recipe_seeds(corpus), *_google_seeds(corpus)],
        _XML,
    ),
    "recipe": Parser(check_recipe, ("dofsim.photo.xmp", "dofsim.recipe"), _recipe_seeds, _XML),
    "frames": Parser(
        check_frames,
        ("dofsim.photo.embedded", "dofsim.photo.embedded_apple", "dofsim.photo.xmp"),
        lambda corpus: [corpus["apple.jpg"], corpus["mpo.jpg"]],
        (*_JPEG, *_XML),
    ),
    "google": Parser(
        check_google,
        ("dofsim.photo.embedded", "dofsim.photo.embedded_google", "dofsim.photo.xmp"),
        _google_seeds,
        (SEPARATOR, *_XML),
    ),
    "exif": Parser(check_exif, ("dofsim.photo.exif",), lambda corpus: [corpus["plain.exif"]], _TIFF),
    "editable": Parser(
        check_editable,
        ("dofsim.photo.editable",),
        lambda corpus: [corpus[name] for name in ("plain.jpg", "progressive.jpg", "editable.jpg")],
        _JPEG,
    ),
    "mat5": Parser(check_mat5, ("dofsim.datasets._mat5",), lambda corpus: [corpus["splits.mat"]]),
}
"""By name."""
