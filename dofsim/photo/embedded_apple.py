"""The disparity picture that iPhones append to a JPEG as a further frame of a multi-picture file."""

from __future__ import annotations

import io
import math
from collections.abc import Iterator

import numpy as np
from PIL.JpegImagePlugin import JpegImageFile

from dofsim.depth.depth_map import DepthKind, DepthMap
from dofsim.errors import DepthError
from dofsim.photo import xmp
from dofsim.photo.decode import check_size

_START_OF_IMAGE = b"\xff\xd8\xff"


def read_depth(data: bytes) -> DepthMap | None:
    """Depth that an iPhone stored behind its JPEG picture, as stored (not turned upright).

    Parameters
    ----------
    data : bytes
        The whole file.

    Returns
    -------
    DepthMap or None
        ``INVERSE`` (1/m) for disparity, ``METRIC`` (m) for depth; None if no frame holds either. Portrait mattes,
        which call themselves depth too, are passed over.

    Raises
    ------
    DepthError
        If the stated range makes no sense.
    Exception
        Whatever the decoders raise on damaged bytes.
    """
    for packet, stream in _frames(data):
        stated = xmp.properties(packet, xmp.APPLE_PIXELS)
        kind = stated.get("AuxiliaryImageType", "").lower()
        if kind in ("disparity", "depth") and not stated.get("AuxiliaryImageSubType"):
            return _depth(stream, kind, stated, xmp.properties(packet, xmp.APPLE_DEPTH))
    return None


def _frames(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """XMP packet and bytes of each further frame that carries Apple's pixel description.

    Image editors move the frames without mending the multi-picture index, so that they are looked for by their
    first bytes, which cannot occur inside a JPEG scan.
    """
    namespace = xmp.APPLE_PIXELS.encode()
    described = data.find(namespace)
    while described >= 0:
        start = data.rfind(_START_OF_IMAGE, 0, described)
        if start > 0:
            stream = data[start:]
            with JpegImageFile(io.BytesIO(stream)) as frame:
                packet = frame.info.get("xmp", b"")
            if namespace in packet:
                yield packet, stream
        described = data.find(namespace, described + len(namespace))


def _depth(stream: bytes, kind: str, stated: dict[str, str], described: dict[str, str]) -> DepthMap:
    with JpegImageFile(io.BytesIO(stream)) as frame:
        check_size(*frame.size)
        values = np.asarray(frame.convert("L"), np.float32)
    low, high = _number(stated, "FloatMinValue"), _number(stated, "FloatMaxValue")
    bottom, top = _number(stated, "IntMinValue", 0.0), _number(stated, "IntMaxValue", 255.0)
    if not (low <= high and high > 0 and bottom < top):
        raise DepthError(f"its range {low:g} to {high:g} makes no sense")
    values = low + (values - bottom) * ((high - low) / (top - bottom))
    remarks = [f"Apple {kind} image in the JPEG"]
    if described.get("Accuracy"):
        remarks.append(f"{described['Accuracy']} accuracy")
    if described.get("Filtered", "").lower() == "true":
        remarks.append("filtered")
    detail = ", ".join(remarks)
    if kind == "depth":
        return DepthMap(values.astype(np.float32), DepthKind.METRIC, "photo", detail)
    return DepthMap(np.maximum(values, 0).astype(np.float32), DepthKind.INVERSE, "photo", detail)


def _number(stated: dict[str, str], name: str, default: float | None = None) -> float:
    text = stated.get(name)
    if text is None:
        if default is None:
            raise DepthError(f"it does not state its {name}")
        return default
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise DepthError(f"its {name} is {text[:20]!r}, not a number")
    return value
