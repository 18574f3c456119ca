"""How depth is written in the numbers a generator learns, and read back from them. NumPy only.

A tanh generator and a discriminator both want numbers of about -1..1, near is large in every case here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

from dofsim.depth.depth_map import DepthKind
from dofsim.errors import DepthError, ParameterError

Depth = npt.NDArray[np.float32]
Target = Literal["relative", "metric"]
Scale = Literal["log", "inverse", "linear"]

#: Shares of the known pixels that relative targets clip at either end: a far outlier must not rule a whole picture.
_CLIPPED = (1.0, 99.0)


@dataclass(frozen=True)
class Encoding:
    """A depth map as numbers in -1..1.

    Attributes
    ----------
    target : {"relative", "metric"}
        ``metric`` learns metres, from metric frames only. ``relative`` learns inverse depth between the picture's own
        farthest (-1) and nearest pixel (1), from frames of any kind.
    scale : {"log", "inverse", "linear"}
        In what a metric target is linear: the logarithm of the distance, 1/m, or the distance itself. Of a relative
        target it is always inverse depth.
    nearest, farthest : float
        Distances in m that a metric target maps to 1 and to -1. Pixels beyond are unknown to the objective.
    """

    target: Target = "relative"
    scale: Scale = "log"
    nearest: float = 0.25
    farthest: float = 10.0

    def check(self) -> None:
        """Raise :class:`~dofsim.errors.ParameterError` for values that cannot work."""
        if self.target not in get_args(Target) or self.scale not in get_args(Scale):
            raise ParameterError(
                f"target is one of {', '.join(get_args(Target))} and scale one of {', '.join(get_args(Scale))}, "
                f"not {self.target!r} and {self.scale!r}"
            )
        if not 0 < self.nearest < self.farthest < np.inf:
            raise ParameterError(
                f"distances from {self.nearest} to {self.farthest} m are no range; give --nearest above 0 and "
                "--farthest beyond it"
            )

    @property
    def output(self) -> DepthKind:
        """Kind of what :meth:`decode` gives."""
        return DepthKind.METRIC if self.target == "metric" else DepthKind.RELATIVE

    def encode(self, depth: Depth, kind: DepthKind) -> Depth:
        """Write a depth map as numbers in -1..1.

        Parameters
        ----------
        depth : float32 (h, w)
            In the unit of ``kind``; NaN is unknown.
        kind : DepthKind

        Returns
        -------
        float32 (h, w)
            Near is large; NaN where unknown, out of range, or without any extent to be relative to.

        Raises
        ------
        DepthError
            If metres are to be learnt from a depth map that has none.
        """
        if self.target == "metric":
            if kind is DepthKind.RELATIVE:
                raise DepthError(
                    "relative depth cannot teach metres; train for relative depth instead (--target relative)"
                )
            with np.errstate(divide="ignore", invalid="ignore"):
                metres = depth if kind is DepthKind.METRIC else np.float32(1) / depth
                inside = (metres >= self.nearest) & (metres <= self.farthest)
                scaled = self._scaled(np.where(inside, metres, np.float32(1)))
            near, far = self._ends()
            encoded = (scaled - far) / (near - far) * 2.0 - 1.0
            return np.where(inside, encoded, np.nan).astype(np.float32)
        with np.errstate(divide="ignore", invalid="ignore"):
            inverse = np.float32(1) / depth if kind is DepthKind.METRIC else depth
        known = np.isfinite(inverse)
        if not known.any():
            return np.full(depth.shape, np.nan, np.float32)
        far, near = np.percentile(inverse[known], _CLIPPED)
        if not near - far > 1e-6 * max(abs(far), abs(near)):
            return np.full(depth.shape, np.nan, np.float32)
        encoded = np.clip((np.where(known, inverse, far) - far) / (near - far) * 2.0 - 1.0, -1.0, 1.0)
        return np.where(known, encoded, np.nan).astype(np.float32)

    def decode(self, encoded: npt.NDArray[np.float32]) -> Depth:
        """Metres of a metric target; a relative one stays as it is.

        Parameters
        ----------
        encoded : float32 (..., h, w)

        Returns
        -------
        float32 (..., h, w)
            Metres between ``nearest`` and ``farthest``, or relative inverse depth.
        """
        if self.target == "relative":
            return encoded
        near, far = self._ends()
        scaled = (np.clip(encoded, -1.0, 1.0).astype(np.float64) + 1.0) / 2.0 * (near - far) + far
        metres = {"log": np.exp, "inverse": np.reciprocal, "linear": np.positive}[self.scale](scaled)
        return metres.astype(np.float32)  # type: ignore[no-any-return]

    def _scaled(self, metres: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
        function = {"log": np.log, "inverse": np.reciprocal, "linear": np.positive}[self.scale]
        return function(metres.astype(np.float64))  # type: ignore[no-any-return]

    def _ends(self) -> tuple[float, float]:
        """The scaled nearest and farthest distance."""
        near, far = self._scaled(np.array([self.nearest, self.farthest], np.float32))
        return float(near), float(far)
