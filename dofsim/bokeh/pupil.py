"""The aperture as rays see it: points spread over it, and a picture of the light that it lets through."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from dofsim.bokeh.aperture import Aperture

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]

_PLASTIC = 1.32471795724474602596
_FINE = 4096
_SIDE = 256
_STILL = 1e-9


def aperture_points(aperture: Aperture | None, count: int) -> Floats:
    """Points spread evenly over an aperture, as any run of them is (the sequence R2, Roberts 2018).

    Parameters
    ----------
    aperture : Aperture, optional
        Default: a disc.
    count : int

    Returns
    -------
    float32 array, shape (count, 7)
        Coordinates down and to the right, -1..1; the light that passes there from a point behind the plane of focus and
        from one in front of it; the change of coc, px, over which the ray crosses a pixel down and to the right; and
        the way, px, that it goes for each px of coc.
    """
    if aperture is None:
        y, x = _in_disc(count)
        return _rays(y, x, np.ones((2, count)))
    open_share = (_light(aperture, *_in_disc(_FINE)).max(axis=0) > 0).mean()
    y, x = _in_disc(math.ceil(1.1 * count / open_share) + _FINE)
    light = _light(aperture, y, x)
    let_through = light.max(axis=0) > 0
    return _rays(y[let_through][:count], x[let_through][:count], light[:, let_through][:, :count])


def pupil_picture(aperture: Aperture | None) -> Floats:
    """The light that an aperture lets through.

    Parameters
    ----------
    aperture : Aperture, optional
        Default: a disc.

    Returns
    -------
    float32 array, shape (2, n, n)
        From a point behind the plane of focus and from one in front of it, over -1..1 down and to the right; n is 0
        for a disc, of which nobody needs a picture.
    """
    if aperture is None:
        return np.zeros((2, 0, 0), np.float32)
    middles = (np.arange(_SIDE) + 0.5) * (2 / _SIDE) - 1
    y, x = np.meshgrid(middles, middles, indexing="ij")
    return _light(aperture, y, x).astype(np.float32)


def _rays(y: Doubles, x: Doubles, light: Doubles) -> Floats:
    crossings = [1 / np.maximum(np.abs(way), _STILL) for way in (y, x)]
    return np.column_stack([y, x, *light, *crossings, np.hypot(y, x)]).astype(np.float32)


def _in_disc(count: int) -> tuple[Doubles, Doubles]:
    turn = np.arange(1, count + 1)
    rho, angle = np.sqrt(turn / _PLASTIC % 1), 2 * math.pi * (turn / _PLASTIC**2 % 1)
    return rho * np.sin(angle), rho * np.cos(angle)


def _light(aperture: Aperture, y: Doubles, x: Doubles) -> Doubles:
    """Light from behind and from in front, without the cat's eye, which depends on the place in the picture."""
    x = x / aperture.squeeze
    rho = np.hypot(x, y) / aperture.reach(np.arctan2(x, -y))
    return np.stack([np.where(rho <= 1, aperture.light(rho, behind), 0.0) for behind in (True, False)])
