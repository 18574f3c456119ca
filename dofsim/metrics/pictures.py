"""Figures of merit for pictures: how like another one it is, on the values that a screen shows."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from dofsim.errors import ParameterError

Picture = npt.NDArray[np.float32]

WINDOW = 11
"""Side of SSIM's Gaussian window, px."""

_SIGMA = 1.5
_K1, _K2 = 0.01, 0.03


def psnr(a: Picture, b: Picture) -> float:
    """Peak signal-to-noise ratio of all pixels and channels.

    Parameters
    ----------
    a, b : float32 array, shape (H, W, channels)
        0..1, encoded for display.

    Returns
    -------
    float
        dB; ``inf`` for equal pictures.

    Raises
    ------
    ParameterError
        If the shapes differ, a picture is empty, or a value is not finite.
    """
    a, b = _checked(a, b)
    error = float(np.mean(np.square(a - b), dtype=np.float64))
    return -10 * math.log10(error) if error > 0 else math.inf


def ssim(a: Picture, b: Picture) -> float:
    """Structural similarity, the mean of the channels.

    Wang, Bovik, Sheikh and Simoncelli 2004, "Image quality assessment: from error visibility to structural
    similarity", with their Gaussian window and constants; pixels whose window leaves the picture do not count.

    Parameters
    ----------
    a, b : float32 array, shape (H, W, channels)
        0..1, encoded for display; at least 11 px a side.

    Returns
    -------
    float
        -1..1; 1 for equal pictures.

    Raises
    ------
    ParameterError
        As :func:`psnr`, or if a side is too short.
    """
    a, b = _checked(a, b)
    if min(a.shape[:2]) < WINDOW:
        raise ParameterError(f"SSIM takes pictures of at least {WINDOW} px a side, not {a.shape[1]} x {a.shape[0]}")
    return float(np.mean([_ssim_of_channel(a[..., k], b[..., k]) for k in range(a.shape[2])]))


def _ssim_of_channel(a: npt.NDArray[np.float32], b: npt.NDArray[np.float32]) -> float:
    import cv2

    def mean(values: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        border = WINDOW // 2
        blurred = cv2.GaussianBlur(np.ascontiguousarray(values), (WINDOW, WINDOW), _SIGMA)
        return np.asarray(blurred[border:-border, border:-border], np.float32)

    mean_a, mean_b = mean(a), mean(b)
    variances = mean(a * a) + mean(b * b) - mean_a**2 - mean_b**2
    covariance = mean(a * b) - mean_a * mean_b
    likeness = (2 * mean_a * mean_b + _K1**2) * (2 * covariance + _K2**2)
    likeness /= (mean_a**2 + mean_b**2 + _K1**2) * (variances + _K2**2)
    return float(likeness.mean(dtype=np.float64))


def _checked(a: Picture, b: Picture) -> tuple[Picture, Picture]:
    a, b = np.asarray(a, np.float32), np.asarray(b, np.float32)
    if a.shape != b.shape or a.ndim != 3 or a.size == 0:
        raise ParameterError(
            f"pictures of one shape (height, width, channels) can be compared, not {a.shape}, {b.shape}"
        )
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        raise ParameterError("pictures with NaN or infinite values cannot be compared; replace them first")
    return a, b
