"""Refocus a clip: read, find steady depth, follow the focus, render, write, in constant memory."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from dofsim import lens
from dofsim.depth.depth_map import DepthKind, DepthMap
from dofsim.errors import ParameterError
from dofsim.film.clip import Clip, Pixels
from dofsim.film.follow import Follower, Plane
from dofsim.film.steady import Stabiliser
from dofsim.refocus import Setting

if TYPE_CHECKING:
    import os

    from dofsim.bokeh import Aperture


@dataclass(frozen=True)
class ClipSummary:
    """How the refocusing of a clip went.

    Attributes
    ----------
    frames : int
    width, height : int
        Px, upright.
    cuts : int
        Scene cuts that were found.
    seconds : float
        That it took.
    notes : tuple of str
        What the user should know, a sentence each.
    """

    frames: int
    width: int
    height: int
    cuts: int
    seconds: float
    notes: tuple[str, ...]


def refocus_clip(
    source: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    focus: float | str = "auto",
    focus_at: str | None = None,
    blur: float | str = lens.DEFAULT_BLUR,
    sharp_range: float = lens.DEFAULT_SHARP_RANGE,
    shape: Aperture | None = None,
    highlights: bool = True,
    model: str | os.PathLike[str] | None = None,
    flip: bool | None = None,
    steadiness: float = 0.8,
    crf: int = 18,
    threads: int | None = None,
    on_start: Callable[[int | None], None] | None = None,
    on_frame: Callable[[int], None] | None = None,
) -> ClipSummary:
    """Refocus a clip.

    Parameters
    ----------
    source, out, crf
        See :class:`dofsim.film.clip.Clip`.
    focus : float or str
        See :meth:`dofsim.Scene.focus_inverse_depth`; 0..1 counts on the depth of each frame, smoothed over time.
    focus_at : str, optional
        Point of the first frame, ``"X,Y"`` in px or per cent; what is there is followed.
    blur : float or str
        See :meth:`dofsim.Scene.coc`.
    sharp_range, shape, highlights, threads
        See :meth:`dofsim.Scene.render`. Grain is not added: it would stand still over the moving picture.
    model, flip
        See :func:`dofsim.depth.estimate.estimate`.
    steadiness : float
        Share of the past in the depth, see :class:`dofsim.film.steady.Stabiliser`.
    on_start : callable, optional
        Called with the number of frames, None where the clip does not tell.
    on_frame : callable, optional
        Called with the index of each frame before it is worked on.

    Returns
    -------
    ClipSummary

    Raises
    ------
    ParameterError
        If something is out of range.
    PhotoError, OutputError, MissingExtraError
        See :class:`dofsim.film.clip.Clip`.
    DepthError, ModelError
        See :func:`dofsim.prepare`.
    """
    from dofsim.depth.estimate import estimate
    from dofsim.photo import Photo
    from dofsim.preparation import prepare

    if not 0.0 <= sharp_range <= 1.0:
        raise ParameterError(f"the sharp range is a share of the depth range, 0..1, not {sharp_range}")
    lens.parse_blur(blur, 1e9)
    stabiliser = Stabiliser(steadiness)
    begun = time.perf_counter()
    follower: Follower | None = None
    count = cuts = width = height = 0
    with Clip(source, out, crf=crf) as clip:
        if on_start is not None:
            on_start(clip.frames)
        for moment in clip.moments():
            if on_frame is not None:
                on_frame(count)
            photo = Photo(moment.pixels)
            width, height = photo.width, photo.height
            follower = follower or Follower(focus, focus_at, width, height)
            depth = estimate(photo.pixels, model=model, threads=threads, flip=flip).inverse()
            steady = stabiliser.step(_eight_bits(photo.pixels), depth)
            cuts += steady.cut and count > 0
            plane = follower.step(steady, moment.seconds)
            scene = prepare(photo, depth=_in_range(steady.depth))
            setting = _setting(plane, lens.parse_blur(blur, scene.diagonal_px), sharp_range)
            result = scene.render_setting(setting, shape=shape, highlights=highlights, grain=False, threads=threads)
            clip.write(moment, result.pixels)
            count += 1
        notes = clip.notes
    if follower is not None and follower.lost:
        notes = (*notes, "a scene cut took the subject of --focus-at away; the focus was guessed from there on")
    return ClipSummary(count, width, height, cuts, time.perf_counter() - begun, notes)


def _setting(plane: Plane, radius: float, sharp_range: float) -> Setting:
    factor = lens.artistic_factor(radius, plane.focus, plane.far, plane.near, sharp_range)
    return Setting(plane.focus, factor, factor * sharp_range * (plane.near - plane.far))


def _in_range(depth: DepthMap) -> DepthMap:
    """Inverse depth in 1/m is not below 0, whatever the fit of scale and shift says."""
    return depth if depth.kind is DepthKind.RELATIVE else replace(depth, values=np.maximum(depth.values, 0.0))


def _eight_bits(pixels: Pixels) -> npt.NDArray[np.uint8]:
    return pixels.astype(np.uint8, copy=False) if pixels.dtype == np.uint8 else (pixels >> 8).astype(np.uint8)
