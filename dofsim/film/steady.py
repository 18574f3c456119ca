"""Depth that is steady in time: each frame's map is fitted to the one before, and what moves along is averaged.

A network sees every frame anew: the scale and the shift of its relative depth jump, and its edges crawl. Both would
make the blur pump and flicker. Per frame, at the network's own resolution:

1. A scene cut is looked for, in colours and in what optical flow cannot explain; after one, all starts anew.
2. The last map is carried along by optical flow (DIS).
3. Scale and shift are fitted to it, where the pictures agree, by location and spread. A least-squares fit would shrink
   the scale a little with every frame, because both maps are noisy. The fit leaks back to the network's own scale.
4. An exponential mean over time is taken where picture and depth agree with what was carried along, so that the edges
   of what is newly seen stay where they are now.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from dofsim.errors import ParameterError

if TYPE_CHECKING:
    from dofsim.depth import DepthMap

Floats = npt.NDArray[np.float32]
Bytes = npt.NDArray[np.uint8]

_SAME_LIGHT = 20.0
"""Difference of brightness, of 255, up to which two places are taken for the same."""
_SAME_DEPTH = 0.3
"""Difference of depth, as a share of the range, up to which it is taken for noise."""
_LEAK = 0.01
_CUT_COLOURS, _CUT_LIGHT = 0.35, 24.0
_CUT_UNEXPLAINED = 45.0


@dataclass(frozen=True)
class Steady:
    """Depth of a frame after stabilising.

    Attributes
    ----------
    depth : DepthMap
    cut : bool
        Whether a new scene begins with this frame (the first one does).
    flow : float32 array, shape (h, w, 2), or None
        Where each pixel of the depth's grid was in the frame before, as an offset (x, y) in px of that grid;
        None at a cut.
    """

    depth: DepthMap
    cut: bool
    flow: Floats | None


class Stabiliser:
    """Makes the depth of a clip steady, frame after frame; holds one frame.

    Parameters
    ----------
    strength : float
        Share of the past in the mean, 0 (off, but for the fit) to below 1.

    Raises
    ------
    ParameterError
        If the strength is out of range.
    """

    def __init__(self, strength: float = 0.8) -> None:
        if not 0.0 <= strength < 1.0:
            raise ParameterError(f"the strength of stabilising is 0 to below 1, not {strength} (--steadiness 0.8)")
        self._strength = strength
        self._grey: Bytes | None = None
        self._small: Bytes | None = None
        self._past: Floats | None = None
        self._scale, self._shift = 1.0, 0.0

    def step(self, pixels: Bytes, depth: DepthMap) -> Steady:
        """Stabilise the next frame.

        Parameters
        ----------
        pixels : uint8 array, shape (H, W, 3)
            The frame.
        depth : DepthMap
            Of it, at the network's resolution; inverse or relative (near is large).

        Returns
        -------
        Steady
        """
        import cv2

        values = depth.values
        height, width = values.shape
        small = cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA)
        grey = cv2.cvtColor(small, cv2.COLOR_RGB2GRAY)
        flow, unexplained = None, None
        if self._past is not None and self._grey is not None and self._past.shape == values.shape:
            flow = _flow(grey, self._grey)
            unexplained = np.abs(grey.astype(np.float32) - _carry(self._grey.astype(np.float32), flow))
        cut = flow is None or unexplained is None or self._small is None or _is_cut(small, self._small, unexplained)
        if cut or flow is None or unexplained is None or self._past is None:
            self._scale, self._shift = 1.0, 0.0
            steady, flow = values, None
        else:
            steady = self._mix(values, _carry(self._past, flow), unexplained)
        self._grey, self._small, self._past = grey, small, steady
        return Steady(replace(depth, values=steady), cut, flow)

    def snapshot(self) -> dict[str, npt.NDArray[np.generic]]:
        """All that the next step depends on, for :meth:`restore`; empty before the first step."""
        if self._grey is None or self._small is None or self._past is None:
            return {}
        fit = np.array([self._scale, self._shift])
        return {"grey": self._grey, "small": self._small, "past": self._past, "fit": fit}

    def restore(self, snapshot: dict[str, npt.NDArray[Any]]) -> None:
        """Go on from a :meth:`snapshot`."""
        if snapshot:
            self._grey, self._small, self._past = (snapshot[name] for name in ("grey", "small", "past"))
            self._scale, self._shift = map(float, snapshot["fit"])

    def _mix(self, values: Floats, carried: Floats, unexplained: Floats) -> Floats:
        same = unexplained < _SAME_LIGHT
        if np.count_nonzero(same) > 0.05 * same.size:
            scale, shift = _fit(_smooth(values)[same], _smooth(carried)[same])
            # Towards the network's own scale and shift, so that no error of the fit stays for ever.
            self._scale = scale ** (1.0 - _LEAK)
            self._shift = shift * (1.0 - _LEAK)
        fitted = values * np.float32(self._scale) + np.float32(self._shift)
        spread = max(float(np.subtract(*np.percentile(fitted, (95, 5)))), 1e-6)
        alike = np.exp(-np.square(unexplained / np.float32(_SAME_LIGHT)))
        alike *= np.exp(-np.square((fitted - carried) / np.float32(_SAME_DEPTH * spread)))
        share = np.float32(self._strength) * alike
        mixed: Floats = (fitted + share * (carried - fitted)).astype(np.float32)
        return mixed


def _smooth(values: Floats) -> Floats:
    """Without noise, which the carried map has less of, and which would pass for contrast of depth."""
    import cv2

    size = max(3, max(values.shape) // 16)
    smoothed: Floats = cv2.blur(values, (size, size))
    return smoothed


def _fit(values: Floats, target: Floats) -> tuple[float, float]:
    """Scale and shift that bring values to a target, by medians of both."""
    middle, middle_target = float(np.median(values)), float(np.median(target))
    spread = float(np.mean(np.abs(values - middle)))
    spread_target = float(np.mean(np.abs(target - middle_target)))
    if spread < 1e-6 or spread_target < 1e-6:
        return 1.0, middle_target - middle
    scale = float(np.clip(spread_target / spread, 0.5, 2.0))
    return scale, middle_target - scale * middle


def _flow(now: Bytes, before: Bytes) -> Floats:
    import cv2

    search = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    flow: Floats = search.calc(now, before, None)
    return flow


def _carry(before: Floats, flow: Floats) -> Floats:
    """A map of the frame before, seen at the places of this one."""
    import cv2

    height, width = before.shape
    x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    carried: Floats = cv2.remap(
        before, x + flow[..., 0], y + flow[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return carried


def _is_cut(now: Bytes, before: Bytes, unexplained: Floats) -> bool:
    """Whether a new scene begins: other colours in other places, or a picture that no movement explains."""
    import cv2

    def colours(picture: Bytes) -> Floats:
        counts: Floats = cv2.calcHist([picture], [0, 1, 2], None, [8, 8, 8], [0, 256] * 3)
        return counts / counts.sum()

    left = float(unexplained.mean())
    other = float(cv2.compareHist(colours(now), colours(before), cv2.HISTCMP_BHATTACHARYYA))
    return left > _CUT_UNEXPLAINED or (other > _CUT_COLOURS and left > _CUT_LIGHT)
