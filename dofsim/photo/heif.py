"""Decode HEIC/HEIF files: the primary picture, which libheif turns upright itself, and its depth picture."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from dofsim.photo.colour import profile_of_primaries
from dofsim.photo.decode import MAX_PIXELS, Decoded, check_size
from dofsim.photo.exif import bare_exif
from dofsim.photo.metadata import Metadata

_HDR_TRANSFERS = {16: "PQ", 18: "HLG"}


def decode_heif(data: bytes, max_pixels: float = MAX_PIXELS) -> tuple[Decoded, Any | None]:
    """Decode a HEIC/HEIF file.

    Parameters
    ----------
    data : bytes
        The whole file.
    max_pixels : float
        Of the picture.

    Returns
    -------
    decoded : Decoded
        The primary picture, upright: ``orientation`` is 1.
    depth : pillow_heif.HeifDepthImage or None
        Its depth picture, not decoded yet.

    Raises
    ------
    PhotoError
        If the picture is too large.
    Exception
        Whatever the decoder raises on damaged files; the caller turns it into a PhotoError.
    """
    import pillow_heif

    _check_whole(data)
    container = pillow_heif.open_heif(data, convert_hdr_to_8bit=False)
    image = container[container.primary_index]
    width, height = image.size
    check_size(width, height, max_pixels)
    pixels = np.asarray(image)
    colour, alpha = _split(pixels, image.mode)
    info: dict[str, Any] = dict(image.info)
    exif = info.get("exif")
    stated = info.get("nclx_profile") or {}
    # A profile is the only way to state the colour space that all output formats share.
    icc = info.get("icc_profile") or profile_of_primaries(int(stated.get("color_primaries", 1)))
    metadata = Metadata(exif=bare_exif(exif) if exif else None, xmp=info.get("xmp") or None, icc=icc)
    notes = []
    transfer = stated.get("transfer_characteristics")
    if transfer in _HDR_TRANSFERS and not info.get("icc_profile"):
        notes.append(f"its HDR transfer curve ({_HDR_TRANSFERS[transfer]}) is treated as if it were that of sRGB")
    depths = [d for d in info.get("depth_images", ()) if d is not None]
    return Decoded("HEIF", colour, alpha, metadata, notes=tuple(notes)), depths[0] if depths else None


def _check_whole(data: bytes) -> None:
    """Refuse files whose last box is cut short: libheif fills the missing tiles with grey and says nothing."""
    start = 0
    while start + 8 <= len(data):
        length = int.from_bytes(data[start : start + 4], "big")
        if length == 1:
            length = int.from_bytes(data[start + 8 : start + 16], "big")
        if length == 0:
            return
        if length < 8 or start + length > len(data):
            missing = start + length - len(data)
            raise ValueError(f"{missing} bytes are missing at its end" if missing > 0 else "a box of no length")
        start += length


def _split(pixels: npt.NDArray[Any], mode: str) -> tuple[npt.NDArray[Any], npt.NDArray[Any] | None]:
    channels = mode.split(";", maxsplit=1)[0]
    if pixels.ndim == 2:
        return pixels, None
    if channels[-1] not in "Aa":
        return pixels[:, :, :3], None
    alpha = np.ascontiguousarray(pixels[:, :, -1])
    rest = pixels[:, :, :-1]
    if channels[-1] == "a":
        top = np.iinfo(pixels.dtype).max
        scale = top / np.maximum(alpha, 1).astype(np.float32)
        rest = np.clip(np.rint(rest * scale[:, :, None]), 0, top).astype(pixels.dtype)
    return np.ascontiguousarray(rest[:, :, 0] if rest.shape[2] == 1 else rest), alpha
