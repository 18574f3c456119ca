"""Find the depth map that a phone stored inside a photo, whatever the container."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from dofsim.depth.depth_map import DepthMap
from dofsim.errors import DofsimError
from dofsim.photo import embedded_apple, embedded_google, embedded_heic
from dofsim.photo.decode import Decoded, decode
from dofsim.photo.exif import exif_orientation
from dofsim.photo.orientation import swaps_sides, upright


@dataclass(frozen=True, eq=False)
class Found:
    """What was found: the upright depth map, and the sharp original if the base picture was blurred already."""

    depth: DepthMap | None = None
    original: Decoded | None = None
    notes: tuple[str, ...] = ()


def find(data: bytes, decoded: Decoded, heif_depth: Any | None) -> Found:
    """Look for embedded depth.

    Parameters
    ----------
    data : bytes
        The whole file.
    decoded : Decoded
        Its picture as stored.
    heif_depth : pillow_heif.HeifDepthImage or None
        Depth picture of a HEIF file.

    Returns
    -------
    Found
        Damaged depth becomes a note and never an error.
    """
    try:
        if heif_depth is not None:
            return Found(_turned_like(embedded_heic.read_depth(heif_depth), decoded))
        if decoded.format != "JPEG":
            return Found()
        apple = embedded_apple.read_depth(data)
        if apple is not None:
            return Found(_turned(apple, decoded.orientation))
        google = embedded_google.read_depth(decoded.metadata)
        if google is not None:
            return _with_original(google, decoded)
    except DofsimError as error:
        return Found(notes=(f"the depth map in the file was ignored: {error}",))
    except Exception as error:  # noqa: BLE001 - damaged depth must not cost the picture
        reason = str(error).strip().splitlines()[0].rstrip(".") if str(error).strip() else type(error).__name__
        return Found(notes=(f"the depth map in the file is damaged and was ignored ({reason})",))
    return Found()


def _turned(depth: DepthMap, orientation: int) -> DepthMap:
    return replace(depth, values=upright(depth.values, orientation))


def _turned_like(depth: DepthMap, decoded: Decoded) -> DepthMap:
    """Turn a HEIF depth picture that lacks the rotation of its photo.

    libheif applies to each picture the rotation that is stored for it. Where the depth picture has none of its own
    its sides are exchanged against the photo's, and the EXIF orientation tells which way to turn.
    """
    orientation = exif_orientation(decoded.metadata.exif)
    height, width = decoded.colour.shape[:2]
    lies = (depth.shape[1] > depth.shape[0]) != (width > height)
    if swaps_sides(orientation) and lies and width != height:
        return _turned(depth, orientation)
    return depth


def _with_original(google: embedded_google.GoogleDepth, decoded: Decoded) -> Found:
    depth = _turned(google.depth, decoded.orientation)
    if google.original is None:
        return Found(depth)
    try:
        is_png = google.original.startswith(embedded_google.PNG_SIGNATURE)
        original = decode(google.original, "PNG" if is_png else "JPEG")
    except Exception:  # noqa: BLE001 - without it the base picture is still there
        return Found(depth, notes=("the sharp original in the file is damaged; the blurred picture is used",))
    # An upright base picture may hold an original that states how it lies (those of dofsim do).
    turned = original.orientation if decoded.orientation == 1 else 1
    orientation = decoded.orientation if turned == 1 else turned
    base_height, base_width = decoded.colour.shape[:2]
    height, width = original.colour.shape[:2]
    if swaps_sides(turned):
        height, width = width, height
    if abs(width * base_height - height * base_width) > 0.02 * width * base_height:
        return Found(depth, notes=("the original in the file has another shape; the blurred picture is used",))
    # The original is stored without metadata of its own, otherwise in the sensor's direction like the base picture.
    metadata = replace(decoded.metadata, icc=original.metadata.icc or decoded.metadata.icc)
    original = replace(original, metadata=metadata, orientation=orientation, notes=decoded.notes)
    return Found(depth, original, ("the base picture is blurred already; its sharp original is used",))
