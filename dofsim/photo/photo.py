"""The photo as the rest of dofsim sees it: upright pixels that know their colour profile and their metadata."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from dofsim.depth.depth_map import DepthMap
from dofsim.errors import ParameterError
from dofsim.photo.colour import ColourProfile
from dofsim.photo.metadata import Metadata
from dofsim.thumbnail import LONGEST_SIDE, figure, png, shrink

Pixels = npt.NDArray[np.uint8] | npt.NDArray[np.uint16]


@dataclass(frozen=True, eq=False, repr=False)
class Photo:
    """A photo, upright, with all that has to travel with it from the input file to the output file.

    Attributes
    ----------
    pixels : uint8 or uint16 array, shape (height, width, 3)
        RGB, upright (the EXIF orientation is applied), encoded as ``profile`` says.
        Grey photos have three equal channels.
    alpha : array of the same dtype, shape (height, width), or None
        Opacity, not premultiplied.
    profile : ColourProfile
        The colour space of ``pixels``.
    metadata : Metadata
        EXIF, XMP and ICC bytes as they were read.
    format : str
        ``"JPEG"``, ``"PNG"``, ``"TIFF"``, ``"WEBP"``, ``"HEIF"`` or ``"AVIF"``; ``"PNG"`` for arrays.
    is_grey : bool
        Whether the file had one colour channel; it is saved with one again.
    path : Path or None
        The file that the photo was read from.
    depth : DepthMap or None
        The phone's own depth, upright, at its own resolution, ``source="photo"``.
    focal_length_35mm : float or None
        35 mm-equivalent focal length in mm, from EXIF.
    notes : tuple of str
        What the user should know about how the file was read, one sentence each.

    Raises
    ------
    ParameterError
        If the arrays do not have the shapes and dtypes above.
    """

    pixels: Pixels
    alpha: Pixels | None = None
    profile: ColourProfile = field(default_factory=ColourProfile)
    metadata: Metadata = field(default_factory=Metadata)
    format: str = "PNG"
    is_grey: bool = False
    path: Path | None = None
    depth: DepthMap | None = None
    focal_length_35mm: float | None = None
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        pixels = self.pixels
        if pixels.dtype not in (np.uint8, np.uint16):
            raise ParameterError(f"the pixels of a photo are a uint8 or uint16 array, not {pixels.dtype}")
        if pixels.ndim != 3 or pixels.shape[2] != 3 or pixels.size == 0:
            raise ParameterError(f"the pixels of a photo have the shape (height, width, 3), not {pixels.shape}")
        if self.alpha is not None and (self.alpha.shape != pixels.shape[:2] or self.alpha.dtype != pixels.dtype):
            raise ParameterError(
                f"alpha must be {pixels.dtype} of shape {pixels.shape[:2]} like the pixels, "
                f"not {self.alpha.dtype} of shape {self.alpha.shape}"
            )

    @classmethod
    def from_array(cls, pixels: npt.ArrayLike) -> Photo:
        """Make a photo of sRGB pixels.

        Parameters
        ----------
        pixels : uint8 or uint16 array, shape (height, width), (height, width, 3) or (height, width, 4)
            Grey, RGB or RGBA, sRGB-encoded.

        Raises
        ------
        ParameterError
            On any other shape or dtype.
        """
        array = np.asarray(pixels)
        if array.ndim == 2:
            return cls(np.repeat(array[:, :, None], 3, axis=2), is_grey=True)
        if array.ndim == 3 and array.shape[2] == 4:
            return cls(np.ascontiguousarray(array[:, :, :3]), alpha=np.ascontiguousarray(array[:, :, 3]))
        return cls(np.ascontiguousarray(array))

    @property
    def height(self) -> int:
        """Rows of the upright photo."""
        return int(self.pixels.shape[0])

    @property
    def width(self) -> int:
        """Columns of the upright photo."""
        return int(self.pixels.shape[1])

    def linear(self) -> npt.NDArray[np.float32]:
        """Scene-linear RGB in the photo's own primaries, float32 (height, width, 3), 0 = black, 1 = white."""
        return self.profile.to_linear(self.pixels)

    def with_linear(self, rgb: npt.ArrayLike) -> Photo:
        """Return the same photo with other scene-linear pixels.

        Parameters
        ----------
        rgb : float32 array, shape (height, width, 3)
            Scene-linear RGB in the photo's own primaries; clipped to 0..1, NaN becomes 0.

        Returns
        -------
        Photo
            Encoded in the same bit depth and profile. Every component that equals the one of ``linear()``
            keeps its encoded value bit by bit.

        Raises
        ------
        ParameterError
            If the shape is not that of this photo.
        """
        linear: npt.NDArray[Any] = np.asarray(rgb)
        if linear.shape != self.pixels.shape:
            raise ParameterError(f"linear pixels of shape {linear.shape} do not fit a photo of {self.pixels.shape}")
        return replace(self, pixels=self.profile.from_linear(linear.astype(np.float32, copy=False), like=self.pixels))

    def without_metadata(self, *, gps_only: bool = False) -> Photo:
        """Return the same photo with less to tell about its owner; it looks the same.

        Parameters
        ----------
        gps_only : bool
            Take out the place alone: the GPS directory of EXIF, and GPS properties of XMP. What a camera's maker
            writes into a maker note of its own, and places that somebody typed as text, stay.

        Returns
        -------
        Photo
            Without EXIF, XMP and resolution. The colour profile stays, without which the colours would be wrong; the
            orientation is in the pixels, which are upright. ``focal_length_35mm`` stays too; it is not written.
        """
        kept = self.metadata.without_place() if gps_only else Metadata(icc=self.metadata.icc)
        return replace(self, metadata=kept)

    def thumbnail(self, longest_side: int = LONGEST_SIDE) -> Photo:
        """The same photo, smaller.

        Parameters
        ----------
        longest_side : int
            Of the result at most, px, >= 1; a photo that is small enough comes back as it is.

        Returns
        -------
        Photo
            Same bit depth, profile and metadata; ``depth`` stays at its own size.
        """
        if longest_side >= max(self.width, self.height):
            return self
        alpha = None if self.alpha is None else shrink(self.alpha, longest_side)
        return replace(self, pixels=shrink(self.pixels, longest_side), alpha=alpha)

    def display_pixels(self) -> npt.NDArray[np.uint8]:
        """The pixels as a screen wants them.

        Returns
        -------
        uint8 array, shape (height, width, 3)
            sRGB; opacity is left out.
        """
        from dofsim.photo.colour import colour_space, to_srgb

        pixels: npt.NDArray[Any] = self.pixels
        if pixels.dtype == np.uint16:
            pixels = ((pixels.astype(np.uint32) + 128) // 257).astype(np.uint8)
        icc = self.profile.icc
        if icc is None or colour_space(icc) != "RGB":
            return pixels
        return np.asarray(to_srgb(pixels, icc), np.uint8)

    def __repr__(self) -> str:
        parts = [f"{self.width} x {self.height}", self.format, f"{8 * self.pixels.dtype.itemsize} bit"]
        if self.profile.icc is not None:
            parts.append(self.profile.name)
        if self.depth is not None:
            parts.append(f"with {self.depth.kind.value} depth")
        return f"Photo({', '.join(parts)})"

    def _repr_png_(self) -> bytes:
        return png(self.thumbnail().display_pixels())

    def _repr_html_(self) -> str:
        return figure(self._repr_png_(), repr(self)[6:-1])

    def save(
        self, path: str | os.PathLike[str] | None = None, *, quality: int | None = None, overwrite: bool = False
    ) -> Path:
        """Write the photo with its metadata; see `dofsim.photo.write.write_photo`."""
        from dofsim.photo.write import write_photo

        return write_photo(self, path, quality=quality, overwrite=overwrite)
