"""Where the plane of focus lies: a place on the depth scale, a distance, a point of the picture, or a guess."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from dofsim.depth.depth_map import DepthMap
from dofsim.errors import DepthError, ParameterError


@dataclass(frozen=True)
class Focus:
    """A wish for the plane of focus, before any depth is known.

    Attributes
    ----------
    kind : {"normalised", "metres", "auto", "point"}
        What ``value`` means.
    value : float
        Normalised inverse depth 0..1 (0 = farthest, 1 = nearest pixel of the picture), or metres > 0;
        unused otherwise.
    point : tuple of two float
        For ``"point"``: position (x, y) in the picture, each 0..1 from the top left.
    """

    kind: Literal["normalised", "metres", "auto", "point"]
    value: float = 0.0
    point: tuple[float, float] = (0.5, 0.5)


def parse_focus(focus: float | str | Focus) -> Focus:
    """Read a focus: ``0.7`` (normalised inverse depth), ``"1.2m"``, or ``"auto"``.

    Parameters
    ----------
    focus : float, str or Focus
        A number or its text is normalised inverse depth, 0 = farthest, 1 = nearest.

    Returns
    -------
    Focus

    Raises
    ------
    ParameterError
        If it cannot be read, is outside 0..1, or is not a positive distance.

    Examples
    --------
    >>> parse_focus("1.2m")
    Focus(kind='metres', value=1.2, point=(0.5, 0.5))
    >>> parse_focus(2)
    Traceback (most recent call last):
        ...
    dofsim.errors.ParameterError: focus 2 is outside 0..1 (0 = farthest, 1 = nearest); for a distance write --focus 2m
    """
    if isinstance(focus, Focus):
        return focus
    text = str(focus).strip().lower()
    if text == "auto":
        return Focus("auto")
    try:
        if text.endswith("m"):
            metres = float(text[:-1])
            if not metres > 0:
                raise ParameterError(f"the focus distance must be above 0 m, not {text} (--focus 1.2m)")
            return Focus("metres", metres)
        value = float(text)
    except ParameterError:
        raise
    except ValueError:
        raise ParameterError(
            f"cannot read {focus!r} as a focus; write 0..1 (0 = farthest, 1 = nearest), a distance (1.2m), or auto "
            "(--focus 0.7)"
        ) from None
    if not 0.0 <= value <= 1.0:
        instead = f"for a distance write --focus {text}m" if value > 1.0 else "write one within (--focus 0.7)"
        raise ParameterError(f"focus {text} is outside 0..1 (0 = farthest, 1 = nearest); {instead}")
    return Focus("normalised", value)


def parse_point(point: str | tuple[float, float], width: int, height: int) -> Focus:
    """Read a point of the picture: ``"1200,800"`` in px, ``"40%,55%"``, or a pair in px.

    Parameters
    ----------
    point : str or (float, float)
        x and y from the top left of the upright picture.
    width, height : int
        Size of the picture, px.

    Returns
    -------
    Focus
        Of kind ``"point"``.

    Raises
    ------
    ParameterError
        If it cannot be read or lies outside the picture.

    Examples
    --------
    >>> parse_point("40%,55%", 4000, 3000).point
    (0.4, 0.55)
    """
    parts = [part.strip() for part in point.split(",")] if isinstance(point, str) else [str(part) for part in point]
    try:
        if len(parts) != 2:
            raise ValueError
        x, y = (
            float(part[:-1]) / 100.0 if part.endswith("%") else (float(part) + 0.5) / size
            for part, size in zip(parts, (width, height), strict=True)
        )
    except ValueError:
        raise ParameterError(
            f"cannot read {point!r} as a point; write X,Y in px or in per cent (--focus-at 40%,55%)"
        ) from None
    if not (0.0 <= x <= 1.0 and 0.0 <= y <= 1.0):
        raise ParameterError(f"the point {point!r} lies outside the {width}x{height} picture (--focus-at 40%,55%)")
    return Focus("point", point=(x, y))


def resolve_focus(focus: Focus, depth: DepthMap) -> float:
    """Inverse depth of the plane of focus, in the depth map's own inverse unit.

    Parameters
    ----------
    focus : Focus
        What was asked for.
    depth : DepthMap
        The picture's depth, any size.

    Returns
    -------
    float
        1/m for metric and inverse depth, the map's own scale for relative depth.

    Raises
    ------
    DepthError
        If metres are asked of a relative depth map.
    """
    far, near = depth.range()
    if focus.kind == "normalised":
        return far + focus.value * (near - far)
    if focus.kind == "metres":
        if not depth.is_metric:
            raise DepthError(
                "a focus in metres needs metric depth, and this depth is relative; "
                "give the focus as 0..1 (0 = farthest, 1 = nearest) or as a point (--focus-at X,Y)"
            )
        return 1.0 / focus.value
    inverse = depth.inverse().values
    if focus.kind == "point":
        return depth_at(inverse, focus.point)
    return auto_focus(inverse)


def depth_at(inverse_depth: npt.NDArray[np.float32], point: tuple[float, float]) -> float:
    """Robust inverse depth around a point: the median of a patch of 1 % of the diagonal in radius.

    Where the patch straddles two surfaces the median is taken over the pixels that are on the point's own side,
    so that a tap on a thin subject does not land on the background between.

    Parameters
    ----------
    inverse_depth : float32 array, shape (H, W)
        Near is large.
    point : (float, float)
        (x, y), each 0..1.

    Returns
    -------
    float
    """
    height, width = inverse_depth.shape
    x = min(int(point[0] * width), width - 1)
    y = min(int(point[1] * height), height - 1)
    radius = max(1, round(0.01 * math.hypot(width, height)))
    patch = inverse_depth[max(y - radius, 0) : y + radius + 1, max(x - radius, 0) : x + radius + 1]
    core = max(1, radius // 4)
    centre = float(np.median(inverse_depth[max(y - core, 0) : y + core + 1, max(x - core, 0) : x + core + 1]))
    spread = float(patch.max() - patch.min())
    same_side = patch[np.abs(patch - centre) <= 0.35 * spread]
    return float(np.median(same_side)) if same_side.size else centre


def auto_focus(inverse_depth: npt.NDArray[np.float32]) -> float:
    """Guess the subject: the most common inverse depth near the middle, where nearer counts for more.

    Every pixel votes for its inverse depth with a Gaussian weight around the middle of the picture (a little below
    it, where photographers put people) times its nearness; the peak of the smoothed histogram wins. Pixels at the
    bottom edge vote little: they are mostly ground.

    Parameters
    ----------
    inverse_depth : float32 array, shape (H, W)
        Near is large.

    Returns
    -------
    float
    """
    height, width = inverse_depth.shape
    step = max(1, int(math.sqrt(height * width / 60_000)))
    values = inverse_depth[::step, ::step].astype(np.float64)
    far, near = float(values.min()), float(values.max())
    if not near > far:
        return far
    rows = (np.arange(values.shape[0]) + 0.5) / values.shape[0]
    columns = (np.arange(values.shape[1]) + 0.5) / values.shape[1]
    weight = np.exp(-(((rows - 0.52) / 0.2) ** 2))[:, None] * np.exp(-(((columns - 0.5) / 0.2) ** 2))[None, :]
    normalised = (values - far) / (near - far)
    bins = 64
    places = np.minimum((normalised * bins).astype(np.intp), bins - 1)
    votes = np.bincount(places.ravel(), (weight * (0.25 + normalised)).ravel(), bins)
    kernel = np.exp(-0.5 * (np.arange(-6, 7) / 2.0) ** 2)
    peak = int(np.argmax(np.convolve(votes, kernel, mode="same")))
    # A sum of such bells has no peak without a vote within their width, two bins.
    close = np.abs(places - peak) <= 2
    return far + float(np.average(normalised[close], weights=weight[close])) * (near - far)
