"""Encode a photo to the bytes of a file, with its metadata."""

from __future__ import annotations

import io
import logging
import struct
import zlib
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import Image

from dofsim.errors import ParameterError
from dofsim.photo import exif, xmp
from dofsim.photo.colour import ColourProfile, colour_space
from dofsim.photo.metadata import Metadata
from dofsim.photo.photo import Photo

FORMATS = {
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
    ".png": "PNG",
    ".tif": "TIFF",
    ".tiff": "TIFF",
    ".webp": "WEBP",
    ".heic": "HEIF",
    ".heif": "HEIF",
    ".avif": "AVIF",
}
"""Output formats by file name extension."""

Chroma: TypeAlias = Literal["4:4:4", "4:2:0"]
DEFAULT_QUALITY = {"JPEG": 94, "WEBP": 94, "HEIF": 90, "AVIF": 90}
_SIXTEEN_BIT = ("PNG", "TIFF")
_JPEG_SEGMENT = 65533
_JPEG_XMP = 65504
_THUMBNAIL_SIDE = 160
# Free tag numbers just below those of the EXIF and GPS directories, which tifffile does not let through.
_STANDINS = {exif.EXIF_IFD: 34664, exif.GPS_IFD: 34824}


@dataclass(frozen=True, eq=False)
class _Picture:
    """What an encoder gets: interleaved samples (h, w) or (h, w, channels) and up-to-date metadata."""

    samples: npt.NDArray[Any]
    mode: str
    metadata: Metadata
    quality: int
    left_out: list[str]
    chroma: Chroma

    def pillow(self) -> Image.Image:
        return Image.fromarray(self.samples)

    def saving(self) -> dict[str, Any]:
        """Pillow's arguments for the metadata."""
        metadata = self.metadata
        arguments: dict[str, Any] = {}
        if metadata.exif:
            arguments["exif"] = b"Exif\0\0" + metadata.exif
        if metadata.xmp:
            arguments["xmp"] = metadata.xmp
        if metadata.icc:
            arguments["icc_profile"] = metadata.icc
        return arguments


def encode(
    photo: Photo, file_format: str, quality: int | None, left_out: list[str], *, chroma: Chroma = "4:4:4"
) -> bytes:
    """Encode a photo.

    Parameters
    ----------
    photo : Photo
        The photo.
    file_format : str
        A value of ``FORMATS``.
    quality : int or None
        1..100 for JPEG, WebP, HEIF and AVIF; None takes the default of the format.
    left_out : list of str
        Receives a sentence for each block of metadata that could not be written.
    chroma : {"4:4:4", "4:2:0"}
        Of a JPEG: colour at every pixel, or at every second one either way, which is smaller and quicker.

    Returns
    -------
    bytes
        The whole file. Photos of 16 bits keep them in PNG, TIFF and HEIF (10 of them) and are rounded to 8 in others.

    Raises
    ------
    ParameterError
        If the quality is out of range or the format cannot hold the photo.
    """
    if quality is not None and not 1 <= quality <= 100:
        raise ParameterError(f"quality runs from 1 to 100, not {quality} (--jpeg-quality 94)")
    if photo.alpha is not None and file_format == "JPEG":
        raise ParameterError(
            "a JPEG cannot hold the photo's transparency; save it as .png, .tif, .webp or .avif (-o NAME.png)"
        )
    samples, mode = _samples(photo, file_format)
    if not mode.startswith("L") and photo.profile.icc is not None and colour_space(photo.profile.icc) == "GRAY":
        # Colour was painted over a grey photo; its profile cannot describe that.
        pixels = ColourProfile().from_linear(photo.linear(), like=photo.pixels)
        photo = replace(photo, pixels=pixels, profile=ColourProfile())
        samples, mode = _samples(photo, file_format)
    metadata = _current(photo, file_format, left_out)
    picture = _Picture(samples, mode, metadata, quality or DEFAULT_QUALITY.get(file_format, 0), left_out, chroma)
    return _ENCODERS[file_format](picture)


def _samples(photo: Photo, file_format: str) -> tuple[npt.NDArray[Any], str]:
    pixels, alpha = photo.pixels, photo.alpha
    if pixels.dtype == np.uint16 and file_format not in (*_SIXTEEN_BIT, "HEIF"):
        pixels = to_eight_bit(pixels)
        alpha = None if alpha is None else to_eight_bit(alpha)
    # Colour painted over a grey photo, such as a focus overlay, makes it a colour photo.
    grey = photo.is_grey and np.array_equal(pixels[..., 0], pixels[..., 1])
    grey = grey and np.array_equal(pixels[..., 0], pixels[..., 2])
    first = pixels[:, :, :1] if grey else pixels
    mode = "L" if grey else "RGB"
    if alpha is not None:
        first = np.concatenate([first, alpha[:, :, None]], axis=2)
        mode += "A"
    return np.ascontiguousarray(first[:, :, 0] if first.shape[2] == 1 else first), mode


def to_eight_bit(codes: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    """Round 16-bit codes to the nearest 8-bit ones; 0 and 65535 become 0 and 255."""
    return ((codes.astype(np.uint32) + 128) // 257).astype(np.uint8)


def _current(photo: Photo, file_format: str, left_out: list[str]) -> Metadata:
    """Metadata brought up to date with the upright picture and cut to what the format can hold."""
    metadata = photo.metadata
    width, height = photo.width, photo.height
    block = metadata.exif
    if block is not None:
        limit = _JPEG_SEGMENT - 8 if file_format == "JPEG" else None
        try:
            block = exif.updated_exif(block, width, height, _thumbnail(photo, block), limit=limit)
            if file_format == "AVIF":
                block = exif.without_orientation(block)
        except (ValueError, struct.error):
            block = None
            left_out.append("the EXIF block is damaged and was left out")
        if block is not None and limit is not None and len(block) > limit:
            block = None
            left_out.append("the EXIF block is too long for a JPEG and was left out")
    packet, extension = metadata.xmp, metadata.xmp_extension
    keeps = file_format == "JPEG" and bool(extension) and not _holds_depth(extension)
    if packet is not None:
        packet = xmp.updated_xmp(packet, width, height, keeps_extension=keeps)
        if packet is not None and file_format == "JPEG":
            packet = _fitting(packet, left_out)
    icc = metadata.icc if photo.profile.icc is not None else None
    return replace(metadata, exif=block, xmp=packet, icc=icc, xmp_extension=extension if keeps else ())


def _fitting(packet: bytes, left_out: list[str]) -> bytes | None:
    """What of an XMP packet fits into a JPEG; the photo's own properties come before the recipe."""
    if len(packet) <= _JPEG_XMP:
        return packet
    own = xmp.without_namespace(packet, xmp.RECIPE)
    if len(own) <= _JPEG_XMP:
        left_out.append("the recipe does not fit into a JPEG beside the photo's own XMP and was left out")
        return own
    left_out.append("the XMP packet is too long for a JPEG and was left out")
    return None


def _holds_depth(extension: tuple[bytes, ...]) -> bool:
    joined = b"".join(segment[xmp.EXTENSION_HEADER :] for segment in extension)
    return xmp.GDEPTH.encode() in joined or xmp.GIMAGE.encode() in joined


def _thumbnail(photo: Photo, block: bytes) -> bytes | None:
    """Fresh JPEG thumbnail for an EXIF block that holds one."""
    size = exif.thumbnail_size(block)
    if size is None:
        return None
    side = min(max(size), _THUMBNAIL_SIDE)
    step = max(1, max(photo.height, photo.width) // (8 * side))
    pixels = photo.pixels[::step, ::step]
    image = Image.fromarray(np.ascontiguousarray(pixels if pixels.dtype == np.uint8 else to_eight_bit(pixels)))
    image.thumbnail((side, side), Image.Resampling.BOX)
    stream = io.BytesIO()
    image.save(stream, "JPEG", quality=70)
    return stream.getvalue()


def _jpeg(picture: _Picture) -> bytes:
    extra = b"".join(
        b"\xff\xe1" + (len(segment) + 2).to_bytes(2, "big") + segment for segment in picture.metadata.xmp_extension
    )
    arguments = picture.saving()
    if picture.metadata.dpi is not None:
        arguments["dpi"] = picture.metadata.dpi
    if extra:
        arguments["extra"] = extra
    return _pillow(picture, "JPEG", quality=picture.quality, subsampling=picture.chroma, optimize=False, **arguments)


def _webp(picture: _Picture) -> bytes:
    if max(picture.samples.shape[:2]) > 16383:
        raise ParameterError("a WebP picture has at most 16383 pixels a side; save it as .jpg or .png (-o NAME.jpg)")
    return _pillow(picture, "WEBP", quality=picture.quality, exact=True, **picture.saving())


def _avif(picture: _Picture) -> bytes:
    return _pillow(picture, "AVIF", quality=picture.quality, subsampling="4:4:4", **picture.saving())


def _pillow(picture: _Picture, file_format: str, **arguments: Any) -> bytes:
    stream = io.BytesIO()
    picture.pillow().save(stream, file_format, **arguments)
    return stream.getvalue()


def _png(picture: _Picture) -> bytes:
    if picture.samples.dtype == np.uint8:
        from PIL.PngImagePlugin import PngInfo

        arguments = picture.saving()
        packet = arguments.pop("xmp", None)
        if packet is not None:
            texts = PngInfo()
            texts.add_itxt("XML:com.adobe.xmp", packet.decode("utf-8", "replace"))
            arguments["pnginfo"] = texts
        if picture.metadata.dpi is not None:
            arguments["dpi"] = picture.metadata.dpi
        return _pillow(picture, "PNG", compress_level=4, **arguments)
    return _png_16(picture)


def _png_16(picture: _Picture) -> bytes:
    """16-bit PNG; Pillow cannot write one in colour, and imagecodecs writes no metadata."""
    import imagecodecs
    from PIL.PngImagePlugin import PngInfo, putchunk

    plain = bytes(imagecodecs.png_encode(picture.samples, level=4))
    metadata = picture.metadata
    stream = io.BytesIO()
    header = 33  # signature and IHDR
    stream.write(plain[:header])
    if metadata.icc:
        putchunk(stream, b"iCCP", b"ICC Profile\0\0", zlib.compress(metadata.icc))
    if metadata.exif:
        putchunk(stream, b"eXIf", metadata.exif)
    if metadata.xmp:
        texts = PngInfo()
        texts.add_itxt("XML:com.adobe.xmp", metadata.xmp.decode("utf-8", "replace"))
        for chunk in texts.chunks:
            putchunk(stream, chunk[0], chunk[1])
    if metadata.dpi is not None:
        per_metre = [round(value / 0.0254) for value in metadata.dpi]
        putchunk(stream, b"pHYs", struct.pack(">IIB", *per_metre, 1))
    stream.write(plain[header:])
    return stream.getvalue()


def _tiff(picture: _Picture) -> bytes:
    try:
        return _tiff_on_exif(picture)
    except Exception:
        if picture.metadata.exif is None:
            raise
        # A damaged EXIF block must not cost the picture.
        picture.left_out.append("the EXIF block is damaged and was left out")
        return _tiff_on_exif(replace(picture, metadata=replace(picture.metadata, exif=None)))


def _tiff_on_exif(picture: _Picture) -> bytes:
    """TIFF whose start is the EXIF block itself, so that every offset inside it, maker notes included, stays true."""
    import tifffile

    block = picture.metadata.exif
    stream = io.BytesIO()
    arguments: dict[str, Any] = {}
    extratags: list[tuple[int, int, int | None, Any, bool]] = []
    if block is not None:
        stream = io.BytesIO(block + bytes(-len(block) % 2))
        arguments["append"] = True
        for tag, kind, count, value in exif.first_directory(block):
            if tag in (282, 283, 296):
                continue
            extratags.append((_STANDINS.get(tag, tag), kind, count, value, True))
    if picture.metadata.xmp:
        extratags.append((700, 1, len(picture.metadata.xmp), picture.metadata.xmp, True))
    dpi = picture.metadata.dpi
    logger = logging.getLogger("tifffile")
    level = logger.level
    # It reports that the EXIF block, a TIFF without a picture, has no picture.
    logger.setLevel(logging.CRITICAL)
    try:
        with tifffile.TiffWriter(stream, **arguments) as writer:
            writer.write(
                picture.samples,
                photometric="minisblack" if picture.mode.startswith("L") else "rgb",
                planarconfig="contig" if picture.samples.ndim == 3 else None,
                extrasamples=["unassalpha"] if picture.mode.endswith("A") else None,
                compression="deflate",
                predictor=True,
                metadata=None,
                software=False,
                iccprofile=picture.metadata.icc,
                resolution=dpi if dpi is not None else None,
                resolutionunit="inch" if dpi is not None else None,
                extratags=extratags,
            )
        data = stream.getvalue()
        if block is None:
            return data
        with tifffile.TiffFile(io.BytesIO(data)) as written:
            offset = written.pages[-1].offset
    finally:
        logger.setLevel(level)
    return exif.retagged(data, int(offset), {standin: tag for tag, standin in _STANDINS.items()})


def _heif(picture: _Picture) -> bytes:
    import pillow_heif

    samples = picture.samples
    if picture.mode == "LA":
        samples = np.concatenate([samples[:, :, :1]] * 3 + [samples[:, :, 1:]], axis=2)
    mode = "RGBA" if picture.mode == "LA" else picture.mode
    if samples.dtype == np.uint16:
        mode += ";16"
    height, width = samples.shape[:2]
    image = pillow_heif.from_bytes(mode, (width, height), np.ascontiguousarray(samples).tobytes())
    arguments: dict[str, Any] = {"exif": None, "xmp": None}
    metadata = picture.metadata
    if metadata.exif:
        arguments["exif"] = b"Exif\0\0" + metadata.exif
    if metadata.xmp:
        arguments["xmp"] = metadata.xmp
    if metadata.icc:
        info: dict[str, Any] = image.info
        info["icc_profile"] = metadata.icc
        info["icc_profile_type"] = "prof"
    stream = io.BytesIO()
    # Its slower presets take tens of seconds for a phone photo and save no bytes at this quality.
    image.save(stream, quality=picture.quality, chroma=444, enc_params={"preset": "ultrafast"}, **arguments)
    return stream.getvalue()


_ENCODERS = {"JPEG": _jpeg, "PNG": _png, "TIFF": _tiff, "WEBP": _webp, "HEIF": _heif, "AVIF": _avif}
