"""Decode JPEG, PNG, TIFF, WebP and AVIF files to arrays, as stored, with their metadata."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import AvifImagePlugin, Image, ImageFile, JpegImagePlugin, PngImagePlugin, TiffImagePlugin, WebPImagePlugin

from dofsim import memory
from dofsim.errors import PhotoError
from dofsim.photo import colour
from dofsim.photo.exif import bare_exif, exif_of_tiff
from dofsim.photo.metadata import Metadata

MAX_PIXELS = 300_000_000
"""Largest photo that is read, in pixels; above it a file is taken for a decompression bomb."""

XMP_EXTENSION = b"http://ns.adobe.com/xmp/extension/\0"

_PLUGINS: dict[str, type[ImageFile.ImageFile]] = {
    "JPEG": JpegImagePlugin.JpegImageFile,
    "PNG": PngImagePlugin.PngImageFile,
    "TIFF": TiffImagePlugin.TiffImageFile,
    "WEBP": WebPImagePlugin.WebPImageFile,
    "AVIF": AvifImagePlugin.AvifImageFile,
}


@dataclass(frozen=True, eq=False)
class Decoded:
    """A picture as stored in its file.

    ``colour`` is uint8 or uint16, (h, w) for grey, (h, w, 3) for RGB, (h, w, 4) for CMYK (0 = no ink);
    ``orientation`` is what still has to be applied to it.
    """

    format: str
    colour: npt.NDArray[Any]
    alpha: npt.NDArray[Any] | None
    metadata: Metadata
    orientation: int = 1
    notes: tuple[str, ...] = field(default=())


@contextmanager
def quiet() -> Iterator[None]:
    """Keep the warnings of image libraries about odd files from the user; what matters becomes an error or note."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def check_size(width: int, height: int, max_pixels: float = MAX_PIXELS) -> None:
    """Refuse pictures above ``max_pixels`` (and ``MAX_PIXELS``), and those that do not fit into memory.

    Raises
    ------
    PhotoError
        If the picture is larger.
    ParameterError
        If it takes more memory than may be used (:func:`dofsim.memory.check_photo`).
    """
    most = min(max_pixels, MAX_PIXELS)
    if width * height > most:
        raise PhotoError(f"it claims {width} x {height} pixels, more than the {most / 1e6:g} megapixels that are read")
    memory.check_photo(width, height)


def decode(data: bytes, file_format: str, max_pixels: float = MAX_PIXELS) -> Decoded:
    """Decode a file whose format is known.

    Parameters
    ----------
    data : bytes
        The whole file.
    file_format : str
        A key of the supported formats, ``"JPEG"``, ``"PNG"``, ``"TIFF"``, ``"WEBP"`` or ``"AVIF"``.
    max_pixels : float
        Of the picture.

    Raises
    ------
    PhotoError
        If the picture is too large or of a kind that is not supported.
    Exception
        Whatever the decoder raises on damaged files; the caller turns it into a PhotoError.
    """
    # The plugin is called directly because Image.open would refuse photos above 179 megapixels, warn from 89 on,
    # and warn about phone files whose multi-picture index is out of date.
    with _PLUGINS[file_format](io.BytesIO(data)) as image:
        check_size(*image.size, max_pixels)
        # First of all, because looking for EXIF may decode the picture and so forget how it was stored.
        sixteen = _sixteen_bit(image, data, file_format)
        metadata = _metadata(image, file_format)
        if sixteen is not None:
            stored = replace(sixteen, metadata=metadata, orientation=metadata.orientation)
        else:
            image.load()
            # Pillow itself turns TIFF files upright when it loads them.
            orientation = 1 if file_format == "TIFF" else metadata.orientation
            stored = replace(_arrays(image, file_format), metadata=metadata, orientation=orientation)
        if getattr(image, "n_frames", 1) > 1:
            stored = replace(stored, notes=(*stored.notes, "the file holds several pictures; the first one is used"))
    return stored


def _metadata(image: ImageFile.ImageFile, file_format: str) -> Metadata:
    info = image.info
    xmp = info.get("xmp") or info.get("XML:com.adobe.xmp")
    if isinstance(xmp, str):
        xmp = xmp.encode()
    try:
        tags = image.getexif()
        orientation = tags.get(0x0112, 1)
        if file_format == "TIFF":
            exif = exif_of_tiff(tags)
        elif "exif" in info:
            exif = bare_exif(info["exif"])
        else:
            # Old PNG files keep EXIF as text, which Pillow understands.
            exif = bare_exif(tags.tobytes()) if len(tags) and "Raw profile type exif" in info else None
    except Exception:  # noqa: BLE001 - a damaged EXIF block must not cost the picture
        orientation, exif = 1, None
    extension = tuple(
        payload
        for marker, payload in getattr(image, "applist", ())
        if marker == "APP1" and payload.startswith(XMP_EXTENSION)
    )
    return Metadata(
        exif=exif,
        xmp=bytes(xmp) if xmp else None,
        icc=info.get("icc_profile") or None,
        xmp_extension=extension,
        orientation=orientation if orientation in range(1, 9) else 1,
        dpi=_dpi(info.get("dpi")),
    )


def _dpi(value: Any) -> tuple[float, float] | None:
    try:
        x, y = (float(v) for v in value)
    except (TypeError, ValueError, ZeroDivisionError):
        return None
    # The range that every output format can state.
    return (x, y) if 1 <= x <= 65535 and 1 <= y <= 65535 else None


def _sixteen_bit(image: ImageFile.ImageFile, data: bytes, file_format: str) -> Decoded | None:
    """Decode pictures of 16 bits and several channels, which Pillow would cut to 8 bits; None for all others."""
    if file_format == "PNG":
        if not image.tile or not str(image.tile[0][3]).endswith(";16B") or image.mode == "I;16":
            return None
        import imagecodecs

        pixels = np.asarray(imagecodecs.png_decode(data))
    elif file_format == "TIFF":
        tags = image.tag_v2  # type: ignore[attr-defined]
        bits, samples, photometric = tags.get(258, (1,)), tags.get(277, 1), tags.get(262)
        if set(bits) != {16} or samples < 2 or photometric not in (1, 2) or set(tags.get(339, (1,))) != {1}:
            return None
        import tifffile

        with tifffile.TiffFile(io.BytesIO(data)) as tiff:
            page = tiff.pages.first
            pixels = np.asarray(page.asarray())
            if page.axes.startswith("S"):
                pixels = np.moveaxis(pixels, 0, -1)
    else:
        return None
    if pixels.dtype != np.uint16:
        return None
    channels = pixels.shape[2] if pixels.ndim == 3 else 1
    grey = channels < 3
    first = pixels if pixels.ndim == 2 else pixels[:, :, 0] if grey else pixels[:, :, :3]
    alpha = np.ascontiguousarray(pixels[:, :, channels - 1]) if channels in (2, 4) else None
    return Decoded(file_format, np.ascontiguousarray(first), alpha, Metadata())


def _arrays(image: Image.Image, file_format: str) -> Decoded:
    mode = image.mode
    if mode in ("1", "P", "PA", "RGBX", "YCbCr", "La", "RGBa") or (mode in ("L", "RGB") and _has_key_colour(image)):
        target = {"1": "L", "La": "LA", "RGBa": "RGBA", "PA": "RGBA", "L": "LA"}.get(mode, "RGB")
        if mode in ("P", "RGB") and _has_key_colour(image):
            target = "RGBA"
        image = image.convert(target)
        mode = target
    if mode == "I" or mode.startswith("I;16"):
        values = np.asarray(image).astype(np.int64)
        if values.min() < 0 or values.max() > 0xFFFF:
            raise PhotoError("its grey values go beyond 16 bits; convert it to 16-bit grey first")
        return Decoded(file_format, values.astype(np.uint16), None, Metadata())
    if mode == "LAB":
        image = colour.lab_to_srgb(image)
        return Decoded(file_format, np.asarray(image), None, Metadata(), notes=("the L*a*b* photo is taken to sRGB",))
    if mode not in ("L", "LA", "RGB", "RGBA", "CMYK"):
        raise PhotoError(f"pictures of the kind {mode!r} are not supported; convert it to 8- or 16-bit RGB first")
    pixels = np.asarray(image)
    if mode in ("LA", "RGBA"):
        alpha = np.ascontiguousarray(pixels[:, :, -1])
        rest = pixels[:, :, 0] if mode == "LA" else pixels[:, :, :3]
        return Decoded(file_format, np.ascontiguousarray(rest), alpha, Metadata())
    return Decoded(file_format, pixels, None, Metadata())


def _has_key_colour(image: Image.Image) -> bool:
    return image.info.get("transparency") is not None
