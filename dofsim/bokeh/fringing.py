"""Axial chromatic aberration: red and blue are in focus farther away than green.

The glasses of a lens bring two colours to one focus and leave the rest beside it (the secondary spectrum). In terms of
the circle of confusion, ``r = K (1/z_f - 1/z)``, another focus is a constant that is taken from r: in front of the
plane of focus red and blue have the larger circles, behind it green has. So rims are magenta in front and green behind.

No surface may lose its place in the order from front to back by that, nor a sharp one its sharpness. So the constant
fades in with the radius: it is half of what a circle has beyond that of a pixel in focus, up to its full value. What is
in focus in one colour is in focus in all of them, no circle changes its side, and the order of surfaces stays.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from dofsim.bokeh.plan import IN_FOCUS_RADIUS

Floats = npt.NDArray[np.float32]

_GREEN = 1
_FADE = 0.5
"""Share of what a radius has beyond that of a pixel in focus that may be taken; below 1, lest a circle change sides."""


def focal_shift(fringing: float, extent: tuple[float, float]) -> float:
    """How much smaller the circles of red and blue are behind the plane of focus, and larger in front of it.

    Parameters
    ----------
    fringing : float
        See :class:`~dofsim.bokeh.aperture.Aperture`.
    extent : (float, float)
        Lowest and highest signed radius of the picture, px.

    Returns
    -------
    float
        px, >= 0. It is a share of the span between the largest circle in front and the largest behind, which does not
        change while a lens is focused from one to the other.
    """
    lowest, highest = extent
    return fringing * (max(highest, 0.0) - min(lowest, 0.0))


def red_and_blue(coc: Floats, shift: float) -> Floats:
    """Signed radius of red and blue, where ``coc`` is that of green.

    Parameters
    ----------
    coc : float32 array, any shape
        px.
    shift : float
        px, from :func:`focal_shift`.

    Returns
    -------
    float32 array, same shape
        px; it grows with ``coc``, has its sign, and is ``coc`` where that is below :data:`IN_FOCUS_RADIUS`.
    """
    less = np.abs(coc)
    less -= np.float32(IN_FOCUS_RADIUS)
    less *= np.float32(_FADE)
    np.clip(less, 0.0, np.float32(shift), out=less)
    return np.subtract(coc, less, out=less)


def largest_radius(fringing: float, extent: tuple[float, float]) -> float:
    """Largest radius of any colour, px.

    Parameters
    ----------
    fringing, extent
        See :func:`focal_shift`.
    """
    lowest, highest = extent
    return max(highest, -lowest, -float(red_and_blue(np.array([lowest], np.float32), focal_shift(fringing, extent))[0]))


def render_colours(
    draw: Callable[[Floats, float], Floats],
    coc: Floats,
    extent: tuple[float, float],
    fringing: float,
    longest: float,
) -> Floats:
    """Render green, and then red and blue, whose focus is farther away.

    Parameters
    ----------
    draw : callable
        Renders all three colours with signed radii, px, of which the largest of the whole picture is its second
        argument.
    coc : float32 array, shape (H, W)
        Signed radius of green, px.
    extent : (float, float)
        Lowest and highest signed radius of the whole picture, px.
    fringing : float
        See :class:`~dofsim.bokeh.aperture.Aperture`; 0: all colours are rendered at once.
    longest : float
        Of the whole picture's sides, px; no circle counts as larger.

    Returns
    -------
    float32 array, shape (rows, W, 3)
        What ``draw`` gives.
    """
    widest = largest_radius(0.0, extent)
    if fringing == 0.0:
        return draw(coc, widest)
    green = draw(coc, widest)[..., _GREEN].copy()
    shift = focal_shift(fringing, extent)
    ends = red_and_blue(np.array(extent, np.float32), shift)
    shifted = red_and_blue(coc, shift)
    np.maximum(shifted, np.float32(-longest), out=shifted)
    out = draw(shifted, min(float(np.abs(ends).max()), longest))
    out[..., _GREEN] = green
    return out
