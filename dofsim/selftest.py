"""Render a scene whose picture is known beforehand: a plane in focus, and a point of light behind it."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from dofsim.errors import DofsimError
from dofsim.preparation import prepare
from dofsim.scene import Scene

if TYPE_CHECKING:
    from dofsim.bokeh import Aperture
    from dofsim.bokeh.render import Quality

RADIUS = 6.0
"""Radius of the circle of confusion of the point of light, px."""

_HEIGHT, _WIDTH, _HALF = 96, 160, 80
_DOT = 48, 98
# Light that may be missing, or the mean of a disc that may be wrong, as a share: one code of 8 bits is 6 % of the disc.
_TOLERANCE = {8: 0.08, 16: 0.02}


def known_scene(bits: int = 8) -> Scene:
    """A scene of 160 x 96 px: on the left a near, textured plane, on the right a black one with a white pixel.

    Parameters
    ----------
    bits : {8, 16}
        Of the photo.

    Returns
    -------
    Scene
        Inverse depth 2 1/m on the left, 1 1/m on the right.
    """
    from dofsim.depth import DepthKind, DepthMap
    from dofsim.photo import Photo

    pixels: npt.NDArray[Any] = np.random.default_rng(0).integers(0, 256, (_HEIGHT, _WIDTH, 3)).astype(np.uint8)
    pixels[:, _HALF:] = 0
    pixels[_DOT] = 255
    if bits == 16:
        pixels = pixels.astype(np.uint16) * 257
    inverse = np.ones((_HEIGHT, _WIDTH), np.float32)
    inverse[:, :_HALF] = 2.0
    return prepare(Photo.from_array(pixels), depth=DepthMap(inverse, DepthKind.INVERSE))


def self_test(bits: int = 8, *, shape: Aperture | None = None, quality: Quality = "fast") -> float:
    """Render the known scene, focused on its left half, and look at the result.

    What has to come out: where it is in focus the photo itself, bit by bit, and on the right the light of the white
    pixel, none of it lost, spread evenly over a disc of radius :data:`RADIUS`.

    Parameters
    ----------
    bits : {8, 16}
        Of the photo.
    shape : Aperture, optional
        Default: a disc. With another shape, only the sharp half and the sum of the light are looked at.

    quality : {"fast", "best"}
        See :meth:`dofsim.Scene.render`.

    Returns
    -------
    float
        Seconds that the rendering took.

    Raises
    ------
    DofsimError
        If the picture is another one.
    """
    scene = known_scene(bits)
    start = time.perf_counter()
    result = scene.render(
        1.0, blur=f"{RADIUS}px", sharp_range=0.0, shape=shape, highlights=False, grain=False, quality=quality
    )
    seconds = time.perf_counter() - start

    left = np.s_[:, : _HALF - math.ceil(2 * RADIUS)]
    if not np.array_equal(result.pixels[left], scene.photo.pixels[left]):
        raise DofsimError("the self-test's picture is wrong: what is in focus has changed; reinstall dofsim and numba")
    y, x = _DOT
    reach = math.ceil(RADIUS) + 2
    light = result.linear()[y - reach : y + reach + 1, x - reach : x + reach + 1, 1].astype(np.float64)
    distance = np.hypot(*np.mgrid[-reach : reach + 1, -reach : reach + 1])
    found = {"the light of a point": float(light.sum())}
    if shape is None:
        found["the disc of a point"] = float(light[distance <= RADIUS - 1].mean() * math.pi * RADIUS**2)
    for name, share in found.items():
        if abs(share - 1) > _TOLERANCE[bits]:
            raise DofsimError(
                f"the self-test's picture is wrong: {name} is {share:.0%} of what it should be; "
                "reinstall dofsim and numba"
            )
    return seconds
