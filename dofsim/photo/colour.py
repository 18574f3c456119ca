"""Colour profiles: from encoded pixels to linear light in the photo's own primaries, and back without loss."""

from __future__ import annotations

import io
import struct
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal, cast

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageCms

Float32 = npt.NDArray[np.float32]
Space = Literal["RGB", "GRAY", "CMYK", "OTHER"]

# Codes of an 8-bit grey ramp that a profile may miss against sRGB and still count as having its curve: the one
# unit is lcms's rounding, and profiles that round the sRGB curve to a table differ by less than that.
_RAMP_TOLERANCE = 1


@dataclass(frozen=True)
class ColourProfile:
    """The colour space of a photo's pixels.

    Attributes
    ----------
    icc : bytes or None
        The ICC profile as it stood in the file; None means sRGB.

    Notes
    -----
    Only the transfer curves are undone: the primaries stay the photo's own, so that a Display P3 photo is
    blurred, and saved, in Display P3. The curves of an ICC profile are measured with Little CMS.
    """

    icc: bytes | None = None

    @property
    def name(self) -> str:
        """The profile's own description, such as ``"Display P3"``; ``"sRGB"`` when there is no profile."""
        return "sRGB" if self.icc is None else describe(self.icc)

    @property
    def has_srgb_curve(self) -> bool:
        """Whether the transfer curve is that of sRGB (which Display P3 shares)."""
        return self.icc is None or _has_srgb_curve(self.icc)

    def check(self) -> None:
        """Measure the transfer curves, so that a damaged profile is found when the photo is read.

        Raises
        ------
        Exception
            Whatever the colour engine raises.
        """
        _curves(self.icc, 256)

    def to_linear(self, codes: npt.NDArray[Any]) -> Float32:
        """Decode pixels.

        Parameters
        ----------
        codes : uint8 or uint16 array, shape (height, width, 3)
            Encoded RGB.

        Returns
        -------
        float32 array, shape (height, width, 3)
            Linear light, 0 = black, 1 = white.
        """
        table = _curves(self.icc, 1 << (8 * codes.dtype.itemsize)).table
        if codes.dtype == np.uint8:
            import cv2

            return cast("Float32", cv2.LUT(np.ascontiguousarray(codes), np.ascontiguousarray(table.T[None])))
        linear = np.empty(codes.shape, np.float32)
        for channel in range(3):
            linear[..., channel] = table[channel][codes[..., channel]]
        return linear

    def from_linear(self, linear: Float32, *, like: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Encode linear light.

        Parameters
        ----------
        linear : float32 array, shape (height, width, 3)
            Linear light; clipped to 0..1, NaN becomes 0.
        like : uint8 or uint16 array of the same shape
            Pixels whose bit depth is used; a component that decodes to exactly ``linear`` is kept as it is.

        Returns
        -------
        array like ``like``
            The nearest code in the encoded scale.
        """
        from dofsim.photo._kernels import encode

        curves = _curves(self.icc, 1 << (8 * like.dtype.itemsize))
        out = np.empty(like.shape, like.dtype)
        # Numba compiles anew for arrays that may not be written to, so both inputs are always such.
        rows = np.ascontiguousarray(linear, dtype=np.float32).reshape(-1, 3).view()
        before = np.ascontiguousarray(like).reshape(-1, 3).view()
        rows.flags.writeable = before.flags.writeable = False
        encode(
            rows,
            rows.view(np.int32),
            before,
            curves.table,
            curves.thresholds,
            curves.guess,
            curves.shift,
            curves.first,
            curves.steps,
            out.reshape(-1, 3),
        )
        return out


@dataclass(frozen=True, eq=False)
class _Curves:
    """Decoding table of one profile at one bit depth, with what its inverse needs."""

    table: Float32
    thresholds: Float32
    guess: npt.NDArray[np.uint16]
    shift: int
    first: int
    steps: int


def srgb_to_linear(encoded: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Undo the sRGB transfer curve (IEC 61966-2-1); ``encoded`` and the result run from 0 to 1."""
    return np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)


@lru_cache(maxsize=8)
def _curves(icc: bytes | None, levels: int) -> _Curves:
    # Codes and the points half-way between them, in one go.
    encoded = np.arange(2 * levels - 1, dtype=np.float64) / (2 * (levels - 1))
    if icc is None or _has_srgb_curve(icc):
        light = np.tile(srgb_to_linear(encoded), (3, 1))
    else:
        light = _measured_curves(icc, encoded)
    table = np.ascontiguousarray(light[:, ::2], dtype=np.float32)
    between = np.ascontiguousarray(light[:, 1::2], dtype=np.float32)
    # Bits left out of a float32, and the exponent of the first cell: cells finer than the codes almost everywhere.
    shift, octaves = (14, 24) if levels == 256 else (9, 30)
    first, last = (int(np.float32(value).view(np.int32)) >> shift for value in (2.0**-octaves, 1.0))
    starts = (np.arange(first, last + 1, dtype=np.int32) << shift).view(np.float32)
    starts[0] = 0.0
    guess = np.stack([np.searchsorted(row, starts, side="right") for row in between])
    steps = int(np.diff(guess, axis=1).max())
    thresholds = np.concatenate([between, np.full((3, 1), np.nan, np.float32)], axis=1)
    return _Curves(table, thresholds, guess.astype(np.uint16), shift, first, steps)


def _measured_curves(icc: bytes, encoded: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Transfer curves (3, n) of a grey or matrix RGB profile, each scaled to end at 1."""
    import imagecodecs

    xyz = imagecodecs.cms_profile("xyz")
    ramp = encoded.astype(np.float32)
    grey = colour_space(icc) == "GRAY"
    curves = []
    for channel in range(1 if grey else 3):
        patch = ramp[None, :] if grey else np.zeros((1, ramp.size, 3), np.float32)
        if not grey:
            patch[0, :, channel] = ramp
        measured = imagecodecs.cms_transform(
            patch,
            icc,
            xyz,
            colorspace="gray" if grey else "rgb",
            outcolorspace="xyz",
            outdtype="float32",
            intent=int(ImageCms.Intent.RELATIVE_COLORIMETRIC),
        )
        luminance = np.asarray(measured, np.float64)[0, :, 1]
        # Rounding inside the colour engine must not make the table fall anywhere.
        curves.append(np.maximum.accumulate(np.clip((luminance - luminance[0]) / (luminance[-1] - luminance[0]), 0, 1)))
    return np.stack(curves * 3 if grey else curves)


def _profile(icc: bytes) -> ImageCms.ImageCmsProfile:
    return ImageCms.ImageCmsProfile(io.BytesIO(icc))


def describe(icc: bytes) -> str:
    """One-line description that an ICC profile carries of itself; may be empty."""
    return ImageCms.getProfileDescription(_profile(icc)).strip()


def colour_space(icc: bytes) -> Space:
    """Colour space of the pixels that an ICC profile describes.

    Raises
    ------
    ImageCms.PyCMSError, OSError
        If the bytes are no ICC profile.
    """
    space = _profile(icc).profile.xcolor_space.strip()
    return cast("Space", space) if space in ("RGB", "GRAY", "CMYK") else "OTHER"


# Chromaticities (x, y) of red, green and blue by the colour_primaries of ITU-T H.273; their white is D65. BT.709 is
# that of sRGB and needs no profile.
_PRIMARIES = {
    9: ((0.708, 0.292), (0.170, 0.797), (0.131, 0.046)),  # BT.2020
    12: ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060)),  # Display P3
}


@lru_cache(maxsize=4)
def profile_of_primaries(code: int) -> bytes | None:
    """ICC profile with the sRGB curve for colour primaries that a file states by number (ITU-T H.273).

    None for those of sRGB and for unknown ones.
    """
    if code not in _PRIMARIES:
        return None
    import imagecodecs

    primaries = [number for x, y in _PRIMARIES[code] for number in (x, y, 1.0)]
    curve = srgb_to_linear(np.linspace(0.0, 1.0, 4096)).astype(np.float32)
    icc = bytearray(
        imagecodecs.cms_profile("rgb", whitepoint=[0.3127, 0.3290, 1.0], primaries=primaries, transferfunction=curve)
    )
    # The same photo gives the same file on every day: bytes 24 to 35 are the time of creation (ICC.1, 7.2).
    icc[24:36] = struct.pack(">6H", 2020, 1, 1, 0, 0, 0)
    return bytes(icc)


def is_invertible(icc: bytes) -> bool:
    """Whether a profile is made of transfer curves (and a matrix), so that it can be undone and redone exactly."""
    profile = _profile(icc).profile
    return colour_space(icc) == "GRAY" or (colour_space(icc) == "RGB" and bool(profile.is_matrix_shaper))


@lru_cache(maxsize=32)
def _has_srgb_curve(icc: bytes) -> bool:
    if colour_space(icc) != "RGB":
        return False
    ramp = np.arange(256, dtype=np.uint8)
    grey = Image.fromarray(np.repeat(ramp[None, :, None], 3, axis=2))
    seen = ImageCms.profileToProfile(
        grey, _profile(icc), ImageCms.createProfile("sRGB"), renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC
    )
    difference = np.abs(np.asarray(seen, np.int16) - ramp[None, :, None].astype(np.int16))
    return bool(difference.max() <= _RAMP_TOLERANCE)


def to_srgb(pixels: npt.NDArray[Any], icc: bytes) -> npt.NDArray[Any]:
    """Convert pixels of any profile to sRGB with Little CMS, perceptual intent.

    Parameters
    ----------
    pixels : uint8 or uint16 array, shape (height, width, 3) or, for CMYK, (height, width, 4)
        Encoded pixels; CMYK with 0 = no ink.
    icc : bytes
        Their profile.

    Returns
    -------
    array of the same dtype, shape (height, width, 3)
    """
    intent = ImageCms.Intent.PERCEPTUAL
    if pixels.dtype == np.uint8:
        mode = "CMYK" if pixels.shape[2] == 4 else "RGB"
        height, width = pixels.shape[:2]
        image = Image.frombuffer(mode, (width, height), np.ascontiguousarray(pixels).tobytes(), "raw", mode, 0, 1)
        converted = ImageCms.profileToProfile(
            image, _profile(icc), ImageCms.createProfile("sRGB"), renderingIntent=intent, outputMode="RGB"
        )
        return np.asarray(converted)
    import imagecodecs

    space = "cmyk" if pixels.shape[2] == 4 else "rgb"
    srgb = imagecodecs.cms_profile("srgb")
    return np.asarray(
        imagecodecs.cms_transform(
            np.ascontiguousarray(pixels), icc, srgb, colorspace=space, outcolorspace="rgb", intent=int(intent)
        )
    )


def lab_to_srgb(image: Image.Image) -> Image.Image:
    """Convert a Pillow picture of mode LAB (D50) to sRGB."""
    return cast(
        "Image.Image",
        ImageCms.profileToProfile(
            image, ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB"), outputMode="RGB"
        ),
    )


def cmyk_to_srgb(pixels: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Convert 8-bit CMYK (0 = no ink) without a profile to sRGB in the plain way: light = (1 - ink) (1 - black)."""
    height, width = pixels.shape[:2]
    image = Image.frombuffer("CMYK", (width, height), np.ascontiguousarray(pixels).tobytes(), "raw", "CMYK", 0, 1)
    return np.asarray(image.convert("RGB"))
