"""A focus pull: the plane of focus moves through one photo, and the aperture may open or close meanwhile."""

from __future__ import annotations

import math
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from dofsim.errors import DepthError, ParameterError
from dofsim.film.frames import to_frame
from dofsim.sequence import Ease, eased, lens_settings

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterator, Sequence

    from dofsim.bokeh import Aperture
    from dofsim.film.frames import Frame
    from dofsim.refocus import Setting
    from dofsim.scene import Scene

MOVIES = (".mp4", ".m4v", ".mov")
ANIMATIONS = (".gif", ".webp")


def plan_rack(
    scene: Scene,
    start: float | str,
    end: float | str,
    *,
    frames: int,
    ease: Ease = "smooth",
    apertures: tuple[float, float] | None = None,
    focal_length: float | None = None,
    blur: float | str | None = None,
    sharp_range: float | None = None,
) -> list[Setting]:
    """Settings of the frames of a focus pull.

    Parameters
    ----------
    scene : Scene
    start, end : float or str
        Planes of focus, as :meth:`dofsim.Scene.focus_inverse_depth` takes them, or points of the picture (``"X,Y"``).
        Between them the focus moves in inverse depth, in which circles of confusion grow evenly.
    frames : int
        >= 2.
    ease : {"smooth", "linear"}
        See :func:`dofsim.sequence.eased`.
    apertures : (float, float), optional
        f-numbers at the start and at the end; between them in even stops.
    focal_length, blur, sharp_range
        See :func:`dofsim.sequence.lens_settings`.

    Returns
    -------
    list of Setting

    Raises
    ------
    ParameterError
        If something is out of range.
    DepthError
        If metres are asked of relative depth, or the depth is the same everywhere.
    """
    if scene.depth.is_flat():
        raise DepthError(
            "the depth is the same everywhere, so there is nothing to pull focus through; "
            "let a network guess it (--source estimator)"
        )
    first, last = (_focus(scene, place, option) for place, option in ((start, "--from"), (end, "--to")))
    steps = eased(frames, ease)
    numbers = None
    if apertures is not None:
        if not all(number > 0 and math.isfinite(number) for number in apertures):
            raise ParameterError(f"f-numbers are above 0, not {apertures} (--aperture-from f/16, --aperture-to f/1.4)")
        numbers = [apertures[0] * (apertures[1] / apertures[0]) ** step for step in steps]
    foci = [first + step * (last - first) for step in steps]
    return lens_settings(scene, foci, f_numbers=numbers, focal_length=focal_length, blur=blur, sharp_range=sharp_range)


def _focus(scene: Scene, place: float | str, option: str) -> float:
    try:
        return scene.focus_inverse_depth(focus_at=str(place)) if "," in str(place) else scene.focus_inverse_depth(place)
    except (ParameterError, DepthError) as error:
        # These speak of the options of a single picture.
        raise type(error)(str(error).replace("--focus-at", option).replace("--focus", option)) from error


def rack_frames(
    scene: Scene,
    settings: Sequence[Setting],
    *,
    shape: Aperture | None = None,
    highlights: bool = True,
    grain: bool = True,
    threads: int | None = None,
    boomerang: bool = False,
) -> Iterator[Frame]:
    """Render the frames one after the other.

    Parameters
    ----------
    scene : Scene
    settings : sequence of Setting
        From :func:`plan_rack`.
    shape, highlights, grain, threads
        See :meth:`dofsim.Scene.render`.
    boomerang : bool
        Whether the frames come back to the first one, ``2 n - 2`` in all. They wait in a temporary file.

    Yields
    ------
    uint8 array, shape (H, W, 3)
        sRGB.
    """
    frame: Frame | None = None
    with tempfile.TemporaryFile(prefix="dofsim-rack-") as spool:
        for setting in settings:
            photo = scene.render_setting(setting, shape=shape, highlights=highlights, grain=grain, threads=threads)
            frame = to_frame(photo)
            if boomerang:
                spool.write(frame.tobytes())
            yield frame
        if boomerang and frame is not None:
            for index in range(len(settings) - 2, 0, -1):
                spool.seek(index * frame.nbytes)
                yield np.frombuffer(spool.read(frame.nbytes), np.uint8).reshape(frame.shape)


def write_frames(
    path: str | os.PathLike[str],
    frames: Iterator[Frame],
    count: int,
    fps: float,
    colours: Frame,
    on_frame: Callable[[int], None] | None = None,
) -> None:
    """Write frames as the kind of moving picture that the name says.

    Parameters
    ----------
    path : path
        ``.mp4``, ``.m4v``, ``.mov`` (PyAV), ``.gif`` or ``.webp`` (Pillow).
    frames : iterator of uint8 array, shape (H, W, 3)
        sRGB, of even sides.
    count : int
        How many they are.
    fps : float
        Frames per second.
    colours : uint8 array, shape (H, W, 3)
        See :func:`dofsim.film.animation.write_animation`; such as the photo.
    on_frame : callable, optional
        Called with the number of each frame before it is asked for, from 0 on.

    Raises
    ------
    ParameterError
        If the name has another ending.
    OutputError, MissingExtraError
        See :func:`dofsim.film.movie.write_movie`.
    """
    check_film_name(path)

    def watched() -> Iterator[Frame]:
        for index in range(count):
            if on_frame is not None:
                on_frame(index)
            yield next(frames)

    if Path(path).suffix.lower() in ANIMATIONS:
        from dofsim.film.animation import write_animation

        write_animation(path, watched(), count, fps, colours)
    else:
        from dofsim.film.movie import write_movie

        write_movie(path, watched(), fps)


def check_film_name(path: str | os.PathLike[str]) -> None:
    """Refuse a name that is no moving picture's, and a movie where PyAV is missing.

    Raises
    ------
    ParameterError
        If the ending is none that can be written.
    MissingExtraError
        If PyAV is needed and not installed.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in (*MOVIES, *ANIMATIONS):
        raise ParameterError(f"cannot write {path}: choose one of {', '.join((*MOVIES, *ANIMATIONS))} (-o NAME.mp4)")
    if suffix in MOVIES:
        from dofsim.film._av import require_av

        require_av()
