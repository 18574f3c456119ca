"""What each frame of a clip is to look like: its steady depth, its plane of focus and its lens."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from dofsim.depth.depth_map import DepthKind, DepthMap
from dofsim.film.follow import Follower
from dofsim.film.parts import Progress, State
from dofsim.film.steady import Stabiliser

if TYPE_CHECKING:
    from dofsim.film.clip import Moment, Pixels
    from dofsim.film.look import Look
    from dofsim.refocus import Setting
    from dofsim.scene import Scene


@dataclass(frozen=True)
class Shot:
    """A frame that is ready to be rendered.

    Attributes
    ----------
    moment : Moment
    scene : Scene
        The frame with its depth.
    setting : Setting
        The lens.
    progress : Progress
        With this frame.
    state : dict of str to array
        What the next frame depends on.
    """

    moment: Moment
    scene: Scene
    setting: Setting
    progress: Progress
    state: State


class Director:
    """Finds the depth, the plane of focus and the lens of frame after frame.

    Parameters
    ----------
    look : Look
    threads : int, optional
        Of the network.
    progress : Progress, optional
        Of the frames that are done; default: none is.
    state : dict of str to array, optional
        Of the last :class:`Shot` of these.
    """

    def __init__(
        self, look: Look, threads: int | None = None, progress: Progress | None = None, state: State | None = None
    ) -> None:
        self._look, self._threads = look, threads
        self._stabiliser = Stabiliser(look.steadiness)
        self._follower: Follower | None = None
        self.progress = progress or Progress(0, 0, 0, 0)
        if state:
            self._stabiliser.restore(_of("depth.", state))
            self._follower = Follower(look.focus, None, self.progress.width, self.progress.height)
            self._follower.restore(_of("focus.", state))

    @property
    def lost(self) -> bool:
        """Whether a scene cut took the subject away."""
        return self._follower is not None and self._follower.lost

    def shots(self, moments: Iterable[Moment]) -> Iterator[Shot]:
        """Frames that are ready to be rendered, one for each moment.

        Raises
        ------
        ParameterError
            If the point that is to be followed lies outside the picture.
        DepthError
            If the look asks for metric depth and the network gives none.
        ModelError
            See :func:`dofsim.depth.estimate.estimate`.
        """
        from dofsim.depth.estimate import estimate
        from dofsim.photo import Photo
        from dofsim.preparation import prepare

        look = self._look
        for moment in moments:
            photo, done = Photo(moment.pixels), self.progress
            self._follower = self._follower or Follower(look.focus, look.focus_at, photo.width, photo.height)
            depth = estimate(photo.pixels, model=look.model, threads=self._threads, flip=look.flip).inverse()
            steady = self._stabiliser.step(_eight_bits(photo.pixels), depth)
            plane = self._follower.step(steady, moment.seconds)
            scene = prepare(photo, depth=_in_range(steady.depth))
            cuts = done.cuts + (steady.cut and done.frames > 0)
            self.progress = Progress(done.frames + 1, cuts, photo.width, photo.height)
            setting = look.setting(plane, depth.kind, scene.diagonal_px)
            yield Shot(moment, scene, setting, self.progress, self._snapshot())

    def _snapshot(self) -> State:
        focus = {} if self._follower is None else self._follower.snapshot()
        return {f"depth.{name}": value for name, value in self._stabiliser.snapshot().items()} | {
            f"focus.{name}": value for name, value in focus.items()
        }


def _of(prefix: str, state: State) -> State:
    return {name.removeprefix(prefix): value for name, value in state.items() if name.startswith(prefix)}


def _in_range(depth: DepthMap) -> DepthMap:
    """Inverse depth in 1/m is not below 0, whatever the fit of scale and shift says."""
    return depth if depth.kind is DepthKind.RELATIVE else replace(depth, values=np.maximum(depth.values, 0.0))


def _eight_bits(pixels: Pixels) -> npt.NDArray[np.uint8]:
    return pixels.astype(np.uint8, copy=False) if pixels.dtype == np.uint8 else (pixels >> 8).astype(np.uint8)
