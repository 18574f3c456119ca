"""Read a photo file: find out what it is, decode it, turn it upright, find the depth map in it."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from dofsim.depth.depth_map import DepthMap
from dofsim.errors import DofsimError, PhotoError
from dofsim.files import read_whole
from dofsim.photo import colour, embedded
from dofsim.photo.colour import ColourProfile
from dofsim.photo.decode import MAX_PIXELS, Decoded, decode, quiet
from dofsim.photo.exif import focal_length_35mm
from dofsim.photo.heif import decode_heif
from dofsim.photo.orientation import upright
from dofsim.photo.photo import Photo

_HEIF_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx")
SUPPORTED = "JPEG, PNG, TIFF, WebP, HEIC/HEIF or AVIF"


def read_photo(path: str | os.PathLike[str], *, max_pixels: float = MAX_PIXELS) -> Photo:
    """Read a photo.

    Parameters
    ----------
    path : str or path-like
        A JPEG, PNG, TIFF, WebP, HEIC/HEIF or AVIF file; recognised by its content, not by its name.
    max_pixels : float
        Larger photos are refused before they are decoded; default, and the most: 300 megapixels.

    Returns
    -------
    Photo
        Upright, with its metadata and, if it carries one, the phone's own depth map.

    Raises
    ------
    PhotoError
        If the file is missing, empty, damaged, larger than ``max_pixels``, or no photo of a supported format.
    """
    path = Path(path)
    return replace(parse_photo(_load(path), path.name, max_pixels=max_pixels), path=path)


def parse_photo(data: bytes, name: str, *, max_pixels: float = MAX_PIXELS) -> Photo:
    """Read a photo from the bytes of its file, as they come from an object store.

    Parameters
    ----------
    data : bytes
        The whole file.
    name : str
        For messages.
    max_pixels : float, optional
        See :func:`read_photo`.

    Returns
    -------
    Photo
        As :func:`read_photo` gives it, with no ``path``.

    Raises
    ------
    PhotoError
        As :func:`read_photo`.
    """
    if not data:
        raise PhotoError(f"{name} is empty (0 bytes)")
    file_format = _recognise(data, name)
    with quiet():
        try:
            heif_depth = None
            if file_format == "HEIF":
                decoded, heif_depth = decode_heif(data, max_pixels)
            else:
                decoded = decode(data, file_format, max_pixels)
            found = embedded.find(data, decoded, heif_depth)
            if found.original is not None:
                decoded = found.original
            photo = assemble(decoded)
        except DofsimError as error:
            raise PhotoError(f"{name}: {error}") from None
        except Exception as error:  # decoders raise anything on damaged bytes
            reason = str(error).strip().splitlines()[0].rstrip(".") if str(error).strip() else type(error).__name__
            raise PhotoError(f"{name} is damaged or cut short and cannot be read ({reason})") from error
    depth, notes = _fit(found.depth, photo)
    return replace(photo, depth=depth, notes=(*photo.notes, *found.notes, *notes))


def _load(path: Path) -> bytes:
    try:
        if path.is_dir():
            raise PhotoError(f"{path} is a folder, not a photo; name a file in it")
        data = read_whole(path)
    except FileNotFoundError:
        raise PhotoError(f"there is no file {path}") from None
    except (OSError, ValueError) as error:
        raise PhotoError(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}") from None
    if not data:
        raise PhotoError(f"{path} is empty (0 bytes)")
    return data


def _recognise(data: bytes, name: str) -> str:
    """Format of a file by its first bytes."""
    if data.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "PNG"
    if data[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
        return "TIFF"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "WEBP"
    if data[4:8] == b"ftyp":
        brands = data[8 : min(int.from_bytes(data[:4], "big"), 256)]
        # The first brand is the file's own; general ones leave it to the others to say what is inside.
        if brands[:4] not in _HEIF_BRANDS and (b"avif" in brands or b"avis" in brands):
            return "AVIF"
        if any(brand in brands for brand in (*_HEIF_BRANDS, b"mif1", b"msf1")):
            return "HEIF"
    kind = {b"%PDF": "a PDF document", b"GIF8": "a GIF picture", b"PK\3\4": "a ZIP archive"}.get(data[:4])
    what = f"is {kind}" if kind else "is not a photo, or is damaged at its start"
    raise PhotoError(f"{name} {what}; dofsim reads {SUPPORTED} photos")


def assemble(decoded: Decoded) -> Photo:
    """Turn a decoded picture upright, and see to its colours.

    Parameters
    ----------
    decoded : Decoded

    Returns
    -------
    Photo
        Without path and depth.
    """
    pixels, profile, notes = _in_profile(decoded.colour, decoded.metadata.icc)
    grey = pixels.ndim == 2
    pixels = upright(pixels, decoded.orientation)
    alpha = None if decoded.alpha is None else upright(decoded.alpha, decoded.orientation)
    return Photo(
        pixels=np.repeat(pixels[:, :, None], 3, axis=2) if grey else _own(pixels),
        alpha=None if alpha is None else _own(alpha),
        profile=profile,
        metadata=replace(decoded.metadata, icc=profile.icc),
        format=decoded.format,
        is_grey=grey,
        focal_length_35mm=focal_length_35mm(decoded.metadata.exif),
        notes=(*decoded.notes, *notes),
    )


def _own(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return an array that may be written to; decoders hand out views of their own memory."""
    return array if array.flags.writeable else array.copy()


def _in_profile(pixels: npt.NDArray[Any], icc: bytes | None) -> tuple[npt.NDArray[Any], ColourProfile, tuple[str, ...]]:
    """Pixels as grey or RGB together with a profile that can be undone exactly."""
    cmyk = pixels.ndim == 3 and pixels.shape[2] == 4
    try:
        space = colour.colour_space(icc) if icc is not None else None
        if cmyk:
            known = icc is not None and space == "CMYK"
            converted = colour.to_srgb(pixels, icc) if icc is not None and known else colour.cmyk_to_srgb(pixels)
            how = "with its own profile" if known else "without a profile, so its colours are approximate"
            return converted, ColourProfile(), (f"the CMYK photo was converted to sRGB {how}",)
        if icc is None:
            return pixels, ColourProfile(), ()
        if space == "RGB" or (space == "GRAY" and pixels.ndim == 2):
            if colour.is_invertible(icc):
                profile = ColourProfile(icc)
                profile.check()
                return pixels, profile, ()
            if space == "RGB":
                rgb = pixels if pixels.ndim == 3 else np.repeat(pixels[:, :, None], 3, axis=2)
                note = f"its colour profile {colour.describe(icc)!r} is a lookup table; the photo was converted to sRGB"
                return colour.to_srgb(rgb, icc), ColourProfile(), (note,)
        return pixels, ColourProfile(), ("its colour profile is for another kind of picture and was ignored",)
    except Exception:  # noqa: BLE001 - a damaged profile must not cost the picture
        if cmyk:
            return colour.cmyk_to_srgb(pixels), ColourProfile(), ("the CMYK photo was converted to sRGB",)
        return pixels, ColourProfile(), ("its colour profile is damaged; the photo is taken as sRGB",)


def _fit(depth: DepthMap | None, photo: Photo) -> tuple[DepthMap | None, tuple[str, ...]]:
    """Drop a depth map that does not cover the photo's field of view."""
    if depth is None:
        return None, ()
    height, width = depth.shape
    shorter, exact = height, width * photo.height / photo.width
    if width < height:
        shorter, exact = width, height * photo.width / photo.height
    # Depth grids are rounded to whole cells, of which there is one at least, so that they may be off by one.
    if abs(shorter - exact) > 0.02 * exact + 1:
        size = f"{width} x {height}"
        return None, (f"the depth map in the file ({size}) has another aspect ratio than the photo and was ignored",)
    return depth, ()
