"""What a photo file says about itself: carried as bytes, changed only where the picture has changed."""

from __future__ import annotations

import struct
from dataclasses import dataclass, replace

from dofsim.photo import exif, xmp


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

    def without_place(self) -> Metadata:
        """The same without GPS: the EXIF directory and all XMP properties of that name.

        A block that is damaged, so that nobody can say what it tells, is left out as a whole.
        """
        block: bytes | None
        try:
            block = self.exif and exif.without_gps(self.exif)
        except (ValueError, struct.error):
            block = None
        packet = self.xmp and xmp.without_gps(self.xmp)
        # An extension is one packet cut into segments, so that a name may run over two of them.
        extension = self.xmp_extension
        if b"gps" in b"".join(segment[xmp.EXTENSION_HEADER :] for segment in extension).lower():
            extension = ()
        return replace(self, exif=block or None, xmp=packet or None, xmp_extension=extension)
