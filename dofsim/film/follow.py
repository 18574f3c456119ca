"""The plane of focus through a clip: fixed, guessed, or on a subject that was tapped and is followed."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from dofsim.focus import auto_focus, depth_at, parse_focus, parse_point, resolve_focus

if TYPE_CHECKING:
    from dofsim.depth import DepthMap
    from dofsim.film.steady import Steady

_SETTLING_S = 0.3
"""Time constant with which focus and range of depth follow what is seen: a focus ring is not turned in no time."""
_PATCH = 0.03
"""Radius of the patch whose movement is the subject's, as a share of the diagonal."""


@dataclass(frozen=True)
class Plane:
    """The plane of focus of a frame, in the depth's inverse unit.

    Attributes
    ----------
    focus : float
        Inverse depth of the plane of focus.
    far, near : float
        Inverse depth of the farthest and of the nearest part of the frame, without its outermost hundredths.
    """

    focus: float
    far: float
    near: float


class Follower:
    """Finds the plane of focus of each frame.

    Parameters
    ----------
    focus : float or str
        As :func:`dofsim.focus.parse_focus` reads it.
    focus_at : str, optional
        Point of the first frame, ``"X,Y"`` in px or per cent, which is followed; wins over ``focus``.
    width, height : int
        Of the frames, px.

    Raises
    ------
    ParameterError
        If the focus or the point cannot be read.
    """

    def __init__(self, focus: float | str, focus_at: str | None, width: int, height: int) -> None:
        self._wish = parse_focus(focus)
        self._point: tuple[float, float] | None = None
        if focus_at is not None:
            self._point = parse_point(focus_at, width, height).point
        self._diagonal = math.hypot(width, height) / max(width, height)
        self._plane: Plane | None = None
        self._seconds = 0.0
        self.lost = False
        """Whether a scene cut took the subject away; the focus is guessed from then on."""

    def step(self, steady: Steady, seconds: float) -> Plane:
        """The plane of focus of the next frame.

        Parameters
        ----------
        steady : Steady
            Depth of the frame.
        seconds : float
            Its time.

        Returns
        -------
        Plane
        """
        depth = steady.depth
        far, near = (float(value) for value in np.percentile(depth.values, (1.0, 99.0)))
        if steady.cut and self._plane is not None and self._point is not None:
            self._point, self.lost = None, True
        if self._point is not None:
            if steady.flow is not None:
                self._point = self._moved(self._point, steady.flow, depth.values)
            focus = depth_at(depth.values, self._point)
        else:
            focus = self._unfollowed(depth, far, near)
        last = self._plane
        if last is not None and not steady.cut:
            share = 1.0 - math.exp(-max(seconds - self._seconds, 0.0) / _SETTLING_S)
            focus, far, near = (
                before + share * (now - before)
                for before, now in ((last.focus, focus), (last.far, far), (last.near, near))
            )
        self._plane, self._seconds = Plane(focus, far, near), seconds
        return self._plane

    @property
    def point(self) -> tuple[float, float] | None:
        """Where the followed subject is, (x, y), each 0..1; None if none is followed."""
        return self._point

    def snapshot(self) -> dict[str, npt.NDArray[np.generic]]:
        """All that the next step depends on, for :meth:`restore`."""
        point = () if self._point is None else self._point
        plane = () if self._plane is None else (self._plane.focus, self._plane.far, self._plane.near)
        return {
            "point": np.array(point, np.float64),
            "plane": np.array(plane, np.float64),
            "seconds": np.array(self._seconds),
            "lost": np.array(self.lost),
        }

    def restore(self, snapshot: dict[str, npt.NDArray[Any]]) -> None:
        """Go on from a :meth:`snapshot`."""
        point, plane = (list(map(float, snapshot[name])) for name in ("point", "plane"))
        self._point = (point[0], point[1]) if point else None
        self._plane = Plane(*plane) if plane else None
        self._seconds, self.lost = float(snapshot["seconds"]), bool(snapshot["lost"])

    def _unfollowed(self, depth: DepthMap, far: float, near: float) -> float:
        if self._wish.kind == "normalised":
            return far + self._wish.value * (near - far)
        if self._wish.kind == "auto" or self.lost:
            return auto_focus(depth.values)
        return resolve_focus(self._wish, depth)

    def _moved(
        self, point: tuple[float, float], flow: npt.NDArray[np.float32], values: npt.NDArray[np.float32]
    ) -> tuple[float, float]:
        """The point one frame later: it goes with what lies at its depth around it."""
        height, width = values.shape
        x, y = point[0] * width, point[1] * height
        radius = max(2, round(_PATCH * math.hypot(width, height)))
        column, row = int(np.clip(x, 0, width - 1)), int(np.clip(y, 0, height - 1))
        patch = np.s_[max(row - radius, 0) : row + radius + 1, max(column - radius, 0) : column + radius + 1]
        around, offsets = values[patch], flow[patch].reshape(-1, 2)
        subject = depth_at(values, point)
        close = np.abs(around - subject).ravel() <= 0.5 * max(float(np.ptp(around)), 1e-9)
        # The flow says where each pixel comes from; the subject goes the other way.
        dx, dy = np.median(offsets[close] if close.any() else offsets, axis=0)
        return float(np.clip((x - dx) / width, 0.0, 1.0)), float(np.clip((y - dy) / height, 0.0, 1.0))
