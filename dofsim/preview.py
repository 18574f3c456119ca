"""A tint that shows what will be sharp, before anything is blurred."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

_STRONGEST = 0.75
_WARM, _COOL = (1.0, 0.30, 0.10), (0.12, 0.35, 1.0)
_LUMINANCE = (0.2126, 0.7152, 0.0722)


def tint_focus(
    linear: npt.NDArray[np.float32], coc: npt.NDArray[np.float32], sharp: float, full: float
) -> npt.NDArray[np.float32]:
    """Tint what is in front of the plane of focus warm, and what is behind cool.

    Parameters
    ----------
    linear : float32 array, shape (H, W, 3)
        Scene-linear light.
    coc : float32 array, shape (H, W)
        Signed radius of the circle of confusion, px; negative in front.
    sharp, full : float
        Radii, px, up to which nothing is tinted and from which on the tint is full.

    Returns
    -------
    float32 array, shape (H, W, 3)
    """
    strength = (np.clip((np.abs(coc) - sharp) / (full - sharp), 0.0, 1.0) * np.float32(_STRONGEST))[..., None]
    grey = linear @ np.array(_LUMINANCE, np.float32)
    warm, cool = np.array(_WARM, np.float32), np.array(_COOL, np.float32)
    tint = np.where((coc < 0)[..., None], warm, cool) * (0.15 + 0.85 * grey)[..., None]
    return (linear * (1 - strength) + tint * strength).astype(np.float32)
