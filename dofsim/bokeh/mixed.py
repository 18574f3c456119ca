"""Mixed pixels beside edges: which part of them the near surface covers, and both their colours."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from dofsim.bokeh.workers import Workers

Floats = npt.NDArray[np.float32]

_PORTION = 16384


class Mixed(NamedTuple):
    """What :func:`find_mixed` found.

    Attributes
    ----------
    number : int32 array, shape (H, W)
        Of the mixed pixel in the arrays below; -1 for other pixels.
    share, near : float32 array, shape (n,)
        Share of the pixel that the near surface covers, and the coc of that, px.
    tint : float32 array, shape (n, 3)
        Colour of the near surface.
    """

    number: npt.NDArray[np.int32]
    share: Floats
    near: Floats
    tint: Floats


def find_mixed(
    rgb: Floats, coc: Floats, away: Floats, jump: np.float32, softness: int, workers: Workers
) -> tuple[Mixed, Floats]:
    """Find the pixels of far surfaces that have some of a near one's colour, and give them their own.

    Parameters
    ----------
    rgb : float32 array, shape (H, W, 3)
    coc, away : float32 array, shape (H, W)
        Signed radius, px, and distance to the next edge, px.
    jump : float
        Where the coc changes by more than this, px, from one pixel to the next, there is an edge.
    softness : int
        Width of the mixed colours beside an edge, px.
    workers : Workers

    Returns
    -------
    mixed : Mixed
    clean : float32 array, shape (H, W, 3)
        The picture, where mixed pixels have the colour of the far surface alone.
    """
    from dofsim.bokeh._mixed import unmix

    places = np.flatnonzero(away < 1.5 * softness)
    share, near = np.zeros(len(places), np.float32), np.empty(len(places), np.float32)
    tint, clean = np.empty((len(places), 3), np.float32), np.empty((len(places), 3), np.float32)
    workers.run(
        lambda first: unmix(
            rgb, coc, away, jump, softness, places, first, min(first + _PORTION, len(places)), share, near, tint, clean
        ),
        range(0, len(places), _PORTION),
    )
    number = np.full(coc.shape, -1, np.int32)
    found = share > 0
    number.flat[places[found]] = np.arange(found.sum(), dtype=np.int32)
    picture = rgb.copy()
    picture.reshape(-1, 3)[places[found]] = clean[found]
    return Mixed(number, share[found], near[found], tint[found]), picture
