"""Google's depth map metadata: GDepth and GImage properties in the (extended) XMP packet of a JPEG.

Source: Google, "Depth Map Metadata", https://developers.google.com/depthmap-metadata/reference (namespaces
``GDepth`` and ``GImage``), and Adobe, "XMP Specification Part 3", 1.1.3.1 for the extension segments.
"""

from __future__ import annotations

import base64
import io
import math
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from PIL import Image

from dofsim.depth.depth_map import DepthKind, DepthMap
from dofsim.errors import DepthError
from dofsim.photo import xmp
from dofsim.photo.decode import XMP_EXTENSION, check_size
from dofsim.photo.metadata import Metadata

_METRES = {"m": 1.0, "meters": 1.0, "metres": 1.0, "mm": 0.001}
_GUID, _HEADER = 32, 40
OURS = "dofsim "
"""How GDepth:Software begins where the map was refined before it was stored."""
PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"


@dataclass(frozen=True, eq=False)
class GoogleDepth:
    """Depth as stored (not turned upright), and the JPEG or PNG of the all-in-focus original, if there is one."""

    depth: DepthMap
    original: bytes | None


def read_depth(metadata: Metadata) -> GoogleDepth | None:
    """Depth of a photo by its XMP.

    Parameters
    ----------
    metadata : Metadata
        XMP packet and extension segments of a JPEG file.

    Returns
    -------
    GoogleDepth or None
        ``METRIC`` (RangeLinear) or ``INVERSE`` (RangeInverse) if the units are m or mm, else ``RELATIVE``.
        None if the packet mentions no depth.

    Raises
    ------
    DepthError
        If properties are missing or make no sense.
    Exception
        Whatever the decoders raise on damaged bytes.
    """
    if metadata.xmp is None or xmp.GDEPTH.encode() not in metadata.xmp:
        return None
    depth = xmp.properties(metadata.xmp, xmp.GDEPTH)
    if not depth:
        return None
    image = xmp.properties(metadata.xmp, xmp.GIMAGE)
    guid = xmp.properties(metadata.xmp, xmp.NOTE).get("HasExtendedXMP")
    if guid and "Data" not in depth:
        extended = _extended(metadata.xmp_extension, guid)
        depth |= xmp.properties(extended, xmp.GDEPTH)
        image |= xmp.properties(extended, xmp.GIMAGE)
    if "Data" not in depth:
        raise DepthError("its GDepth properties come without data")
    known = image.get("Mime") in ("image/jpeg", "image/png")
    original = _bytes(image["Data"]) if known and image.get("Data") else None
    refined = depth.get("Software", "").startswith(OURS)
    return GoogleDepth(replace(_depth(depth), refined=refined), original)


def _extended(segments: tuple[bytes, ...], guid: str) -> bytes:
    """Put the extension segments of one packet together, each at the offset that it states."""
    pieces: dict[int, bytes] = {}
    total = 0
    for segment in segments:
        header = segment[len(XMP_EXTENSION) : len(XMP_EXTENSION) + _HEADER]
        if header[:_GUID] != guid.encode():
            continue
        total = int.from_bytes(header[_GUID : _GUID + 4], "big")
        pieces[int.from_bytes(header[_GUID + 4 :], "big")] = segment[len(XMP_EXTENSION) + _HEADER :]
    packet = b""
    for offset in sorted(pieces):
        if offset != len(packet):
            break
        packet += pieces[offset]
    if not pieces or len(packet) != total:
        raise DepthError(f"of the {total} bytes of extended XMP only {len(packet)} are there")
    return packet


def _bytes(text: str) -> bytes:
    return base64.b64decode("".join(text.split()) + "==")


def _depth(stated: dict[str, str]) -> DepthMap:
    form = stated.get("Format", "")
    near, far = _number(stated, "Near"), _number(stated, "Far")
    if not 0 < near < far:
        raise DepthError(f"its range from {near:g} to {far:g} makes no sense")
    share = _samples(_bytes(stated["Data"]))
    metres_per_unit = _METRES.get(stated.get("Units", "").lower())
    metres = metres_per_unit is not None
    near, far = near * (metres_per_unit or 1.0), far * (metres_per_unit or 1.0)
    detail = f"Google GDepth, {form}, {'in metres' if metres else 'units of the app'}"
    if form == "RangeInverse":
        # Stored share 0 is near: 1/d falls linearly from 1/near to 1/far.
        inverse = (far - share * (far - near)) / (far * near)
        return DepthMap(inverse.astype(np.float32), _inverse_kind(metres), "photo", detail)
    if form == "RangeLinear":
        distance = near + share * (far - near)
        if metres:
            return DepthMap(distance.astype(np.float32), DepthKind.METRIC, "photo", detail)
        return DepthMap((1 / distance).astype(np.float32), DepthKind.RELATIVE, "photo", detail)
    raise DepthError(f"its GDepth format {form[:30]!r} is neither RangeInverse nor RangeLinear")


def _inverse_kind(metres: bool) -> DepthKind:
    return DepthKind.INVERSE if metres else DepthKind.RELATIVE


def _samples(data: bytes) -> npt.NDArray[np.float64]:
    """Decode the stored samples to a share 0..1 of their range."""
    with Image.open(io.BytesIO(data), formats=("PNG", "JPEG")) as image:
        check_size(*image.size)
        if image.mode.startswith("I"):
            return np.asarray(image, np.float64) / 65535.0
        return np.asarray(image.convert("L"), np.float64) / 255.0


def _number(stated: dict[str, str], name: str) -> float:
    try:
        value = float(stated[name])
    except KeyError:
        raise DepthError(f"it does not state GDepth:{name}") from None
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise DepthError(f"its GDepth:{name} is not a number")
    return value
