"""The thin lens: from depth and a focus distance to a signed circle of confusion in px.

A point at distance z, seen by a lens of focal length f and f-number N that is focused at z_f, is spread
over a disc. Its radius on the picture, in px, is linear in inverse depth::

    r = K * (1/z_f - 1/z)          K = f^2 * W * z_f / (2 * N * S * (z_f - f))

with W the picture's width in px and S the sensor's width in the same unit as f (Potmesil and Chakravarty 1981,
"A lens and aperture camera model for synthetic image generation"; the sign is ours: positive behind the plane of
focus, negative in front of it). dofsim measures photos by their 35 mm-equivalent focal length, which CIPA DCG-001
defines by the picture's diagonal, so W and S are the two diagonals: W in px, S = 43.27 mm.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from dofsim.errors import ParameterError

FULL_FRAME_DIAGONAL_MM = math.hypot(36.0, 24.0)
DEFAULT_FOCAL_LENGTH_MM = 50.0
DEFAULT_BLUR = 0.02
"""Radius of the strongest blur where none is asked for, as a share of the diagonal."""
DEFAULT_SHARP_RANGE = 0.02
"""Share of the depth scale that such a blur leaves sharp on either side of the focus."""
LARGEST_FACTOR = 1e12
"""px per unit of inverse depth. Above it circles would leave the range of float32 (see :class:`dofsim.DepthMap`)."""
_LEAST_LEFT = 1e-4
"""Share of the depth scale outside of the sharp range below which float32 no longer tells the circles there apart."""


def circle_of_confusion_factor(
    focal_length_mm: float, f_number: float, focus_m: float, width_px: float, sensor_width_mm: float
) -> float:
    """K of ``r = K * (1/z_f - 1/z)``: the px that one 1/m of defocus spreads a point over.

    Parameters
    ----------
    focal_length_mm : float
        Focal length f, mm, > 0.
    f_number : float
        f-number N = f / aperture diameter, > 0.
    focus_m : float
        Distance of the plane of focus z_f, m, beyond the focal length; ``inf`` is allowed.
    width_px, sensor_width_mm : float
        The same extent of the picture in px and on the sensor in mm (both widths, or both diagonals), > 0.

    Returns
    -------
    float
        K in px * m, >= 0.

    Raises
    ------
    ParameterError
        If a value is not positive, the focus lies within the focal length, or K is above :data:`LARGEST_FACTOR`.

    Examples
    --------
    A 50 mm lens at f/1.8, in focus at 1.2 m, on a full frame of 4000 px: the disc of what is very far away.

    >>> K = circle_of_confusion_factor(50, 1.8, 1.2, 4000, 36)
    >>> round(K / 1.2, 1)
    67.1
    """
    for name, value in (
        ("focal length (--focal-length)", focal_length_mm),
        ("f-number (--aperture)", f_number),
        ("picture width", width_px),
        ("sensor width", sensor_width_mm),
    ):
        if not (value > 0 and math.isfinite(value)):
            raise ParameterError(f"the {name} must be a positive number, not {value}")
    focal_m = focal_length_mm * 1e-3
    if not focus_m > focal_m:
        raise ParameterError(
            f"a {focal_length_mm:g} mm lens cannot focus at {focus_m:g} m; "
            f"choose a distance beyond {focal_m:g} m (--focus 1m)"
        )
    extension = 1.0 if math.isinf(focus_m) else focus_m / (focus_m - focal_m)
    spread, size = focal_m * focal_length_mm * width_px * extension, 2.0 * f_number * sensor_width_mm
    if not spread < LARGEST_FACTOR * size:
        raise ParameterError(
            f"a {focal_length_mm:g} mm lens at f/{f_number:g}, focused at {focus_m:g} m, blurs beyond all measure; "
            "choose a larger f-number (--aperture 1.8)"
        )
    return spread / size


def circle_of_confusion(
    inverse_depth: npt.NDArray[np.float32], focus_inverse_depth: float, factor: float
) -> npt.NDArray[np.float32]:
    """Signed radius of the circle of confusion, px.

    Parameters
    ----------
    inverse_depth : float32 array, any shape
        Inverse depth, near is large: 1/m, or relative.
    focus_inverse_depth : float
        Inverse depth of the plane of focus, same unit.
    factor : float
        px per unit of inverse depth (K, see :func:`circle_of_confusion_factor`), >= 0.

    Returns
    -------
    float32 array, same shape
        Positive behind the plane of focus, negative in front of it, 0 on it.

    Examples
    --------
    >>> metres = np.array([0.5, 1.0, 2.0, np.inf], np.float32)
    >>> circle_of_confusion(1 / metres, 1.0, 20.0).round().tolist()
    [-20.0, 0.0, 10.0, 20.0]
    """
    scaled = np.multiply(inverse_depth, np.float32(-factor), dtype=np.float32)
    scaled += np.float32(factor * focus_inverse_depth)
    return scaled


def physical_factor(f_number: float, focal_length_35mm: float, focus_inverse_depth: float, diagonal_px: float) -> float:
    """K for a photo: what a full-frame lens of the photo's 35 mm-equivalent focal length would do.

    Parameters
    ----------
    f_number : float
        f-number of the simulated lens, > 0.
    focal_length_35mm : float
        35 mm-equivalent focal length of the photo, mm, > 0.
    focus_inverse_depth : float
        Inverse depth of the plane of focus, 1/m, >= 0 (0 is infinity).
    diagonal_px : float
        Diagonal of the picture, px.

    Returns
    -------
    float
        K in px * m.

    Raises
    ------
    ParameterError
        As :func:`circle_of_confusion_factor`.
    """
    focus_m = math.inf if focus_inverse_depth <= 0 else 1.0 / focus_inverse_depth
    return circle_of_confusion_factor(focal_length_35mm, f_number, focus_m, diagonal_px, FULL_FRAME_DIAGONAL_MM)


def artistic_factor(max_radius_px: float, focus: float, far: float, near: float, sharp_range: float = 0.0) -> float:
    """Factor that gives the most defocused point of a picture a chosen radius.

    Parameters
    ----------
    max_radius_px : float
        Radius of the largest circle of confusion, px, >= 0.
    focus, far, near : float
        Inverse depth of the plane of focus, of the farthest and of the nearest pixel; ``far < near``.
    sharp_range : float
        Share of ``near - far`` on either side of the focus that stays sharp (see :func:`keep_sharp`), 0..1.

    Returns
    -------
    float
        px per unit of inverse depth; 0 where all of the picture lies in the sharp range.
    """
    left = max(abs(focus - far), abs(near - focus)) - sharp_range * (near - far)
    return max_radius_px / left if left > _LEAST_LEFT * (near - far) else 0.0


def keep_sharp(coc_px: npt.NDArray[np.float32], radius_px: float) -> npt.NDArray[np.float32]:
    """Keep a range around the plane of focus sharp: take ``radius_px`` from every circle of confusion.

    No lens does this; it is how phones keep a whole face sharp and how the steps and the noise of their depth maps stay
    out of the subject (the dead zone of Wadhwa et al. 2018, "Synthetic depth-of-field with a single-camera mobile
    phone"). Circles shrink towards 0 and never change their side.

    Parameters
    ----------
    coc_px : float32 array, any shape
        Signed radius, px.
    radius_px : float
        px, >= 0.

    Returns
    -------
    float32 array, same shape
    """
    if radius_px <= 0:
        return coc_px
    limit = np.float32(radius_px)
    kept = np.clip(coc_px, -limit, limit)
    return np.subtract(coc_px, kept, out=kept)


def parse_blur(blur: float | str, diagonal_px: float) -> float:
    """Maximum radius in px from ``"2.5%"`` (share of the diagonal), ``"40px"``, or a share such as ``0.025``.

    Parameters
    ----------
    blur : float or str
        A number is a share of the diagonal, 0..0.5; a text ends with ``%`` or ``px``.
    diagonal_px : float
        Diagonal of the picture, px.

    Returns
    -------
    float
        Radius, px, >= 0.

    Raises
    ------
    ParameterError
        If the text cannot be read or the radius is negative or above half of the diagonal.

    Examples
    --------
    >>> parse_blur("2.5%", 5000), parse_blur(0.01, 5000), parse_blur("40px", 5000)
    (125.0, 50.0, 40.0)
    """
    try:
        if isinstance(blur, str) and blur.strip().endswith("%"):
            radius = float(blur.strip()[:-1]) / 100.0 * diagonal_px
        elif isinstance(blur, str) and blur.strip().endswith("px"):
            radius = float(blur.strip()[:-2])
        else:
            radius = float(blur) * diagonal_px
    except ValueError:
        raise ParameterError(
            f"cannot read {blur!r} as a blur; write a share of the diagonal or a radius (--blur 2.5%, --blur 40px)"
        ) from None
    if not 0.0 <= radius <= 0.5 * diagonal_px:
        raise ParameterError(f"blur {blur!r} is out of range; it goes from 0% to 50% of the diagonal (--blur 2.5%)")
    return radius


def parse_f_number(text: float | str, option: str = "--aperture") -> float:
    """An f-number, from ``1.8`` or ``"f/1.8"``.

    Parameters
    ----------
    text : float or str
    option : str
        The option's name, for messages.

    Returns
    -------
    float
        > 0.

    Raises
    ------
    ParameterError
        If it cannot be read or is not a positive number.
    """
    try:
        number = float(str(text).strip().lower().removeprefix("f/"))
    except ValueError:
        number = 0.0
    if not (number > 0 and math.isfinite(number)):
        raise ParameterError(f"cannot read {text!r} as an f-number; write f/1.8 or 1.8 ({option} 1.8)")
    return number
