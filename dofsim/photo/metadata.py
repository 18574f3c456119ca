"""What a photo file says about itself: carried as bytes, changed only where the picture has changed."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Metadata:
    r"""Metadata blocks of a photo as they were read.

    Attributes
    ----------
    exif : bytes or None
        The EXIF block: a TIFF structure, without the ``Exif\0\0`` that some containers put before it.
    xmp : bytes or None
        The XMP packet.
    icc : bytes or None
        The ICC profile.
    xmp_extension : tuple of bytes
        JPEG only: the payloads of the APP1 segments that extend the XMP packet.
    orientation : int
        EXIF orientation (1..8) that was applied to the stored picture to turn it upright.
    dpi : tuple of two floats or None
        Resolution that the container states, in pixels per inch.
    """

    exif: bytes | None = None
    xmp: bytes | None = None
    icc: bytes | None = None
    xmp_extension: tuple[bytes, ...] = ()
    orientation: int = 1
    dpi: tuple[float, float] | None = None
