"""Results that can be refocused again: a JPEG that holds the sharp original and its depth, as Google's cameras do.

Source: Google, "Depth Map Metadata", https://developers.google.com/depthmap-metadata/encoding (RangeInverse, 16 bits)
and ``/reference`` (namespaces ``GDepth`` and ``GImage``), and Adobe, "XMP Specification Part 3", 1.1.3.1: what is
longer than a segment goes into an extension, named by its MD5.
"""

from __future__ import annotations

import base64
import hashlib
import io
import os
import re
import struct
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from dofsim import __version__
from dofsim.errors import ParameterError
from dofsim.files import read_whole
from dofsim.photo import embedded_google, xmp
from dofsim.photo.decode import XMP_EXTENSION, decode, quiet
from dofsim.photo.embedded_google import OURS, PNG_SIGNATURE
from dofsim.photo.encode import FORMATS, encode
from dofsim.photo.metadata import Metadata
from dofsim.photo.write import write_photo
from dofsim.thumbnail import shrink

if TYPE_CHECKING:
    from dofsim.depth.depth_map import DepthMap
    from dofsim.photo.photo import Photo

DEPTH_SIDE = 2048
"""Longer side of the stored depth map at most, px."""

_ORIGINAL_QUALITY = 98
_LOSSLESS = ("PNG", "TIFF")
_FARTHEST = 1e-4  # 1/m; the format has no infinity
_RELATIVE_RANGE = 1.0, 10.0  # near and far, in units of nobody
_XMP = b"http://ns.adobe.com/xap/1.0/\0"
_EXTENSION = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    b'<rdf:Description rdf:about="" xmlns:GDepth="%b" xmlns:GImage="%b" GDepth:Data="%%b" GImage:Data="%%b"/>'
    b"</rdf:RDF></x:xmpmeta>"
) % (xmp.GDEPTH.encode(), xmp.GIMAGE.encode())
_PIECE = 65400
_SEGMENT = 65533
# What a decoder needs of a JPEG's head: JFIF, Adobe's colour transform, and the colour profile; not who took it where.
_KEPT = (0xE0, 0xEE)
_ICC = b"ICC_PROFILE\0"
_SCAN_END = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")


@dataclass(frozen=True)
class EditableSizes:
    """What an editable file is made of.

    Attributes
    ----------
    total : int
        Bytes of the file.
    original : int
        Bytes of the sharp original in it, before base64, which adds a third.
    depth : int
        The same of the depth map.
    untouched : bool
        Whether the original is stored without any loss; otherwise it is compressed anew.
    """

    total: int
    original: int
    depth: int
    untouched: bool


def write_editable(
    result: Photo,
    path: str | os.PathLike[str],
    *,
    original: Photo,
    depth: DepthMap,
    quality: int | None = None,
    overwrite: bool = False,
) -> EditableSizes:
    """Write a result as a JPEG that holds what it was made of.

    :func:`dofsim.read_photo` gives the original back, with the depth; other programs show the result.

    Parameters
    ----------
    result : Photo
        The refocused photo.
    path : path
        Ends with ``.jpg`` or ``.jpeg``.
    original : Photo
        The photo in focus, as it was read. If it came from a JPEG, that file's compressed picture is copied without its
        metadata; if from a PNG or TIFF, the pixels are stored as PNG; otherwise they are compressed with quality 98.
    depth : DepthMap
        Of the original; stored with 16 bits and at most 2048 px on the longer side. Depth that is farther than 10 km is
        stored as 10 km, relative depth from 0.1 to 1.
    quality, overwrite
        See :func:`dofsim.photo.write.write_photo`.

    Returns
    -------
    EditableSizes

    Raises
    ------
    ParameterError, OutputError
        As :func:`dofsim.photo.write.write_photo`; ParameterError too if the path is none of a JPEG.
    """
    check_editable_name(path)
    stream, untouched = _original_stream(original)
    stated, samples = _described(depth)
    # An extension that the input had would need the place of this one.
    result = replace(result, metadata=replace(result.metadata, xmp_extension=()))
    write_photo(
        result, path, quality=quality, overwrite=overwrite, finish=lambda jpeg: _embed(jpeg, stated, samples, stream)
    )
    return EditableSizes(Path(path).stat().st_size, len(stream), len(samples), untouched)


def check_editable_name(path: str | os.PathLike[str]) -> None:
    """Refuse a name that is none of a JPEG.

    Raises
    ------
    ParameterError
        If its suffix is another one.
    """
    suffix = Path(path).suffix.lower()
    if FORMATS.get(suffix) != "JPEG":
        raise ParameterError(f"an editable result is a JPEG, and {Path(path).name} is none; name it .jpg (-o NAME.jpg)")


def _described(depth: DepthMap) -> tuple[dict[str, str], bytes]:
    """GDepth properties but the data, and the data: share 0 is nearest, inverse depth falls linearly to share 1."""
    import imagecodecs

    values = shrink(depth.inverse().values, DEPTH_SIDE, mean=False)
    stated = {
        "Format": "RangeInverse", "Mime": "image/png", "MeasureType": "OpticalAxis",
        "Software": f"{OURS}{__version__}",
    }  # fmt: skip
    if depth.is_metric:
        nearest = max(float(values.max()), 2 * _FARTHEST)
        farthest = min(max(float(values.min()), _FARTHEST), 0.999 * nearest)
        stated |= {"Near": f"{1 / nearest:.9g}", "Far": f"{1 / farthest:.9g}", "Units": "m"}
    else:
        farthest, nearest = float(values.min()), float(values.max())
        near, far = _RELATIVE_RANGE
        stated |= {"Near": f"{near:g}", "Far": f"{far:g}"}
    spread = nearest - farthest
    share = (nearest - values) / np.float32(spread) if spread > 0 else np.ones_like(values)
    codes: npt.NDArray[np.uint16] = np.rint(np.clip(share, 0, 1) * 65535).astype(np.uint16)
    return stated, bytes(imagecodecs.png_encode(codes, level=6))


def _original_stream(photo: Photo) -> tuple[bytes, bool]:
    """JPEG or PNG of a photo without metadata, and whether it lacks nothing of the photo's file."""
    with quiet():
        if photo.path is not None and photo.format == "JPEG":
            # The file may be gone, another one by now, or damaged beside its picture; the pixels are still here.
            with suppress(Exception):
                stream = _own_stream(read_whole(photo.path))
                if _shows(stream, photo):
                    return stream, True
        plain = replace(photo, alpha=None, metadata=Metadata(icc=photo.metadata.icc))
        if photo.format in _LOSSLESS:
            return encode(plain, "PNG", None, []), True
        return encode(plain, "JPEG", _ORIGINAL_QUALITY, []), False


def _own_stream(data: bytes) -> bytes:
    """The compressed picture of a JPEG file that is in focus: its own, or the one that its GImage properties hold."""
    decoded = decode(data, "JPEG")
    try:
        google = embedded_google.read_depth(decoded.metadata)
    except Exception:  # noqa: BLE001 - damaged depth was ignored when the photo was read
        google = None
    if google is None or google.original is None:
        return bare_jpeg(data, decoded.orientation)
    own = decode(google.original, "JPEG").orientation
    return bare_jpeg(google.original, own if decoded.orientation == 1 else decoded.orientation)


def _shows(stream: bytes, photo: Photo) -> bool:
    from dofsim.photo.read import assemble

    found = assemble(decode(stream, "JPEG"))
    return found.metadata.icc == photo.metadata.icc and np.array_equal(found.pixels, photo.pixels)


def bare_jpeg(data: bytes, orientation: int = 1) -> bytes:
    """The first picture of a JPEG file, bit by bit, without metadata but the colour profile and an orientation.

    Parameters
    ----------
    data : bytes
        The file.
    orientation : int
        EXIF orientation, 1..8, to be stated; 1 is not.

    Returns
    -------
    bytes

    Raises
    ------
    ValueError
        If it is no JPEG, or cut short.
    """
    kept = [b"\xff\xd8"]
    if orientation != 1:
        exif = b"Exif\0\0II*\0" + struct.pack("<IHHHIHHI", 8, 1, 0x0112, 3, 1, orientation, 0, 0)
        kept.append(_segment(0xE1, exif))
    segments = _segments(data)
    start = at = segments[-1][0] if segments else 2
    for _, marker, payload in segments:
        application = 0xE0 <= marker <= 0xEF or marker == 0xFE
        if not application or marker in _KEPT or (marker == 0xE2 and payload.startswith(_ICC)):
            kept.append(_segment(marker, payload))
    while True:
        # Between scans stand further segments; the length of each is skipped, for it may hold anything.
        found = _SCAN_END.search(data, at)
        if found is None:
            raise ValueError("the JPEG has no end")
        if found[0] == b"\xff\xd9":
            return b"".join((*kept, data[start : found.end()]))
        at = found.end() + int.from_bytes(data[found.end() : found.end() + 2], "big")


def _segments(data: bytes) -> list[tuple[int, int, bytes]]:
    """(Position after it, marker, payload) of each segment before the first scan."""
    if not data.startswith(b"\xff\xd8"):
        raise ValueError("it is no JPEG")
    found: list[tuple[int, int, bytes]] = []
    at = 2
    while True:
        if at + 1 >= len(data) or data[at] != 0xFF:
            raise ValueError("the JPEG is damaged or cut short")
        marker = data[at + 1]
        if marker == 0xFF:
            at += 1
            continue
        if marker == 0xDA:
            return found
        length = int.from_bytes(data[at + 2 : at + 4], "big")
        found.append((at + 2 + length, marker, data[at + 4 : at + 2 + length]))
        at += 2 + length


def _segment(marker: int, payload: bytes) -> bytes:
    return b"\xff" + bytes([marker]) + struct.pack(">H", len(payload) + 2) + payload


def _embed(jpeg: bytes, stated: dict[str, str], samples: bytes, original: bytes) -> bytes:
    """Put depth and original into the XMP of a JPEG."""
    extension = _EXTENSION % (base64.b64encode(samples), base64.b64encode(original))
    digest = hashlib.md5(extension, usedforsecurity=False).hexdigest().upper()  # the format's name for the extension

    segments = _segments(jpeg)
    packet = next((payload[len(_XMP) :] for _, _, payload in segments if payload.startswith(_XMP)), None)
    mime = "image/png" if original.startswith(PNG_SIGNATURE) else "image/jpeg"
    packet = _with_pointers(packet, stated, mime, digest)
    pieces = [_segment(0xE1, _XMP + packet)]
    for offset in range(0, len(extension), _PIECE):
        header = XMP_EXTENSION + digest.encode() + struct.pack(">II", len(extension), offset)
        pieces.append(_segment(0xE1, header + extension[offset : offset + _PIECE]))

    stream = io.BytesIO()
    stream.write(jpeg[:2])
    # EXIF has to come first of all, but for JFIF.
    heads = [(marker, payload) for _, marker, payload in segments if not payload.startswith(_XMP)]
    first = sum(marker == 0xE0 or payload.startswith(b"Exif\0") for marker, payload in heads)
    heads.sort(key=lambda head: not (head[0] == 0xE0 or head[1].startswith(b"Exif\0")))
    for marker, payload in heads[:first]:
        stream.write(_segment(marker, payload))
    for piece in pieces:
        stream.write(piece)
    for marker, payload in heads[first:]:
        stream.write(_segment(marker, payload))
    stream.write(jpeg[segments[-1][0] :])
    return stream.getvalue()


def _with_pointers(packet: bytes | None, stated: dict[str, str], mime: str, digest: str) -> bytes:
    """The packet with what is short; a new one if the photo's own cannot be read or has no room left."""
    for base in (packet, None):
        written = xmp.with_properties(base, xmp.GDEPTH, "GDepth", stated)
        written = xmp.with_properties(written, xmp.GIMAGE, "GImage", {"Mime": mime})
        written = xmp.with_properties(written, xmp.NOTE, "xmpNote", {"HasExtendedXMP": digest})
        if digest.encode() in written and len(_XMP) + len(written) <= _SEGMENT:
            break
    return written
