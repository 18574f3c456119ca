"""Give clipped lights back the brightness that the sensor could not hold, so that they blur into bright discs."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np
import numpy.typing as npt

from dofsim.errors import ParameterError

if TYPE_CHECKING:
    from collections.abc import Callable

    from dofsim.photo.colour import ColourProfile

CLIPPED = 0.955
"""Linear light from which on a channel counts as clipped: 250 of 255 in sRGB, since JPEG rings."""
FULL = 0.99
"""Linear light of a channel that holds no more: 254 of 255."""
LAMP = 18.0
"""Linear light given to a small lamp against a dark ground."""
LAMP_RADIUS = 0.0075
"""Radius at which half of that is given, as a share of the picture's longer side: lamps are small, windows are not."""
STRONGEST = 4.0
"""Most that the plausible light of a lamp may be multiplied by."""
_DARK, _BRIGHT = 0.25, 1.0  # linear light of the ground up to which a spot is a lamp, and from which on it is none
_SHADED, _FLAT = 0.85, 0.97  # share of full pixels up to which a spot is a bright surface, from which on it is a lamp
_COLOURED, _WHITE = 0.4, 0.9  # a spot's lowest channel up to which it is a colourful surface, from which on a lamp
_RING = 1 / 1000  # width of the ring around a spot, as a share of the longer side
_LEAST_RING = 3
_LARGEST = 4.0  # spots of more lamp radii are left alone; the formula would add next to nothing
_CUTS = 2  # how often a picture is cut at empty rows and columns, lest all of it be searched for spots
_NO_COLOUR = 1e-3  # light in the rim that says nothing about the colour


@dataclass(frozen=True, eq=False)
class Highlights:
    """The clipped lights of a picture.

    Attributes
    ----------
    places : intp array, shape (n,)
        Their pixels, counted along the rows.
    light : float32 array, shape (n, 3)
        What is to stand there, linear; 1.0 = white.
    """

    places: npt.NDArray[np.intp]
    light: npt.NDArray[np.float32]

    def give(
        self,
        linear_rgb: npt.NDArray[np.float32],
        which: npt.NDArray[np.bool_] | None = None,
        strength: float = 1.0,
    ) -> None:
        """Give the picture these lights, in place.

        Parameters
        ----------
        linear_rgb : float32 array, shape (H, W, 3), C-contiguous
            The picture in which they were found.
        which : bool array, shape (n,), optional
            Of the lights, those that are wanted; default: all.
        strength : float
            How much of what they lack they get: 0 nothing, 1 what is plausible, 2 twice as much.
        """
        assert linear_rgb.flags.c_contiguous, "a copy would be changed, not the picture"
        places, light = (self.places, self.light) if which is None else (self.places[which], self.light[which])
        rows = linear_rgb.reshape(-1, 3)
        rows[places] = light if strength == 1 else rows[places] + np.float32(strength) * (light - rows[places])


def check_strength(strength: float) -> None:
    """Refuse what is no strength of highlights.

    Raises
    ------
    ParameterError
        If it is not in 0..:data:`STRONGEST`.
    """
    if not 0 <= strength <= STRONGEST:
        raise ParameterError(
            f"highlights are of a strength from 0 to {STRONGEST:g}, not {strength} (--highlight-strength 1)"
        )


def recover_highlights(
    linear_rgb: npt.NDArray[np.float32], where: npt.NDArray[np.bool_] | None = None, *, longer: int | None = None
) -> npt.NDArray[np.float32]:
    """Raise clipped channels to what the light behind them plausibly had; leave everything else as it is.

    Parameters
    ----------
    linear_rgb : float32 array, shape (H, W, 3)
        Scene-linear radiance, 1.0 = white.
    where : bool array, shape (H, W), optional
        Pixels that may be raised; default: all.
    longer : int, optional
        See :func:`find_highlights`.

    Returns
    -------
    float32 array, shape (H, W, 3)
        The input itself if nothing is to be raised, else a copy; nowhere below the input, and equal to it wherever a
        channel is below :data:`CLIPPED`.
    """
    clipped = cv2.bitwise_not(cv2.inRange(linear_rgb, (-math.inf,) * 3, (math.nextafter(CLIPPED, 0.0),) * 3))
    light = linear_rgb.reshape(-1, 3)
    found = _find(clipped, lambda places: light[places], longer)
    which = None if where is None else where.ravel()[found.places]
    if not (found.places.size if which is None else which.any()):
        return linear_rgb
    out = np.ascontiguousarray(linear_rgb).copy()
    found.give(out, which)
    return out


def find_highlights(
    codes: npt.NDArray[np.uint8] | npt.NDArray[np.uint16], profile: ColourProfile, *, longer: int | None = None
) -> Highlights:
    """Find the clipped lights of a photo, and say what light they plausibly had.

    Parameters
    ----------
    codes : uint8 or uint16 array, shape (H, W, 3)
        Its pixels, or some rows of them.
    profile : ColourProfile
        Of the photo.
    longer : int, optional
        Longer side, px, of the picture of which this is a part; default: this is all of it.

    Returns
    -------
    Highlights
    """
    ramp = np.arange(np.iinfo(codes.dtype).max + 1).astype(codes.dtype)
    curves = profile.to_linear(np.repeat(ramp[None, :, None], 3, axis=2))[0]
    below = tuple(float(np.searchsorted(curve, CLIPPED)) - 1 for curve in curves.T)
    clipped = cv2.bitwise_not(cv2.inRange(codes, (0.0,) * 3, below))
    flat = codes.reshape(-1, 3)
    return _find(clipped, lambda places: profile.to_linear(flat[places][None])[0], longer)


def _find(
    spots: npt.NDArray[np.uint8],
    light_at: Callable[[npt.NDArray[np.intp]], npt.NDArray[np.float32]],
    longer: int | None,
) -> Highlights:
    """Say what light clipped pixels plausibly had.

    How bright a clipped light was cannot be measured any more. A small, evenly full, white spot against a dark ground
    is nearly always a lamp or a glint, many times brighter than white; a large one is a window or a cloud, one with
    shades of its own a bright surface, one that is full in one channel only a colourful surface in the sun. So the
    spot's light is

        1 + (L - 1) s d f w,    s = 1 / (1 + (radius / R)^2),

    with L, R :data:`LAMP` and :data:`LAMP_RADIUS`. d falls from 1 to 0 as the ground around gets brighter, f rises
    from 0 to 1 with the share of pixels that are full, and w with the lowest channel. The colour is that of the light
    which the spot spills into its rim, where no channel is clipped. The constants are a compromise for lights of 3 to
    200 times white; the best ones for a single picture may be half or twice as much.

    Parameters
    ----------
    spots : uint8 array, shape (H, W)
        Pixels of which a channel is clipped (255; else 0).
    light_at : callable
        Gives the scene-linear light, float32 (n, 3), of pixels that are counted along the rows.
    longer : int, optional
        As in :func:`find_highlights`.
    """
    height, width = spots.shape
    none = Highlights(np.zeros(0, np.intp), np.zeros((0, 3), np.float32))
    if not spots.any():
        return none
    longer = longer or max(height, width)
    ring = max(_LEAST_RING, round(_RING * longer))
    around = cv2.dilate(spots, _disc(ring))
    beside = cv2.dilate(spots, _disc(ring - 1))
    places, label, size = _connected(around)
    count, limited = size.size, size < math.pi * (_LARGEST * LAMP_RADIUS * longer) ** 2
    places, label = places[limited[label]], label[limited[label]]
    if not places.size:
        return none
    spot = spots.ravel()[places] > 0
    rgb = light_at(places)
    ground = beside.ravel()[places] == 0
    rim = ~spot & ~ground

    def mean(values: npt.NDArray[np.generic], of: npt.NDArray[np.bool_]) -> npt.NDArray[np.float64]:
        size = np.bincount(label[of], minlength=count)
        return np.bincount(label[of], weights=values[of], minlength=count) / np.maximum(size, 1)

    dark = np.stack([mean(rgb[:, k], ground) for k in range(3)], axis=1)
    spill = np.stack([mean(rgb[:, k], rim) for k in range(3)], axis=1) - dark
    colour = np.maximum(spill, 0.0) + _NO_COLOUR
    colour /= colour.max(axis=1, keepdims=True)
    radius = np.sqrt(np.bincount(label[spot], minlength=count) / math.pi)
    small = 1.0 / (1.0 + (radius / (LAMP_RADIUS * longer)) ** 2)
    lone = np.clip((_BRIGHT - dark.max(axis=1)) / (_BRIGHT - _DARK), 0.0, 1.0)
    flat = np.clip((mean(rgb.max(axis=1) >= FULL, spot) - _SHADED) / (_FLAT - _SHADED), 0.0, 1.0)
    white = np.clip((mean(rgb.min(axis=1), spot) - _COLOURED) / (_WHITE - _COLOURED), 0.0, 1.0)
    share = small * lone * flat * white
    light = (1.0 + (LAMP - 1.0) * share[:, None] * colour).astype(np.float32)
    spot &= (share > 0.0)[label]
    before = rgb[spot]
    raised = np.where(before >= CLIPPED, np.maximum(before, light[label[spot]]), before)
    return Highlights(places[spot], raised)


def _connected(mask: npt.NDArray[np.uint8]) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Pixels of a mask, counted along the rows of the picture; which connected part each belongs to; sizes of these."""
    places, labels, sizes, known = [], [], [], 0
    for top, bottom, left, right in _boxes(mask > 0, _CUTS):
        _, label, boxes, _ = cv2.connectedComponentsWithStats(mask[top:bottom, left:right], connectivity=8)
        y, x = np.nonzero(label)
        places.append((y + top) * mask.shape[1] + x + left)
        labels.append(label[y, x] + (known - 1))
        sizes.append(boxes[1:, cv2.CC_STAT_AREA])
        known += len(sizes[-1])
    return np.concatenate(places), np.concatenate(labels), np.concatenate(sizes).astype(np.intp)


def _boxes(mask: npt.NDArray[np.bool_], cuts: int) -> list[tuple[int, int, int, int]]:
    """Rectangles between empty rows and columns, outside which there is nothing: most of a picture has no lights."""
    boxes = []
    for top, bottom in _runs(np.logical_or.reduce(mask, axis=1)):
        for left, right in _runs(np.logical_or.reduce(mask[top:bottom], axis=0)):
            inner = mask[top:bottom, left:right]
            parts = _boxes(inner, cuts - 1) if cuts > 1 else [(0, bottom - top, 0, right - left)]
            boxes += [(top + y0, top + y1, left + x0, left + x1) for y0, y1, x0, x1 in parts]
    return boxes


def _runs(some: npt.NDArray[np.bool_]) -> list[list[int]]:
    """First and last index, the last one exclusive, of each run of True."""
    ends = np.flatnonzero(np.diff(np.concatenate([[False], some, [False]])))
    return ends.reshape(-1, 2).tolist()


def _disc(radius: int) -> npt.NDArray[np.uint8]:
    return cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1)).astype(np.uint8)
