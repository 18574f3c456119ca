"""Depth that knows its kind, so that nobody has to guess a unit or a sign."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from enum import Enum

import numpy as np
import numpy.typing as npt

from dofsim.errors import DepthError
from dofsim.thumbnail import LONGEST_SIDE, coloured, figure, png, shrink

LARGEST = 1e20
"""Values of a depth map stay below it, and distances above its inverse, so that float32 can compute with them."""


class DepthKind(Enum):
    """What the numbers of a depth map mean.

    ``METRIC``: distance along the optical axis in metres; large is far.
    ``INVERSE``: 1 / distance, in 1/m; large is near.
    ``RELATIVE``: inverse depth up to an unknown positive scale and an unknown shift; large is near.
    """

    METRIC = "metric"
    INVERSE = "inverse"
    RELATIVE = "relative"


@dataclass(frozen=True, eq=False, repr=False)
class DepthMap:
    """A depth value for every pixel of a (possibly smaller) grid over a photo's field of view.

    Attributes
    ----------
    values : float32 array, shape (h, w)
        In the unit that ``kind`` says. Finite and at most 1e20 in size, except that metric depth may be ``+inf`` (sky);
        metric depth is > 0, 1e-20 at least, and inverse depth (1/m) is >= 0.
    kind : DepthKind
        The unit and direction of ``values``.
    source : str
        Where the map came from: ``"photo"``, ``"file"``, ``"estimator"``, or ``"array"``.
    detail : str
        One human-readable line about the origin (container, model name, accuracy), may be empty.
    refined : bool
        Whether dofsim has given it the edges of its photo already.

    Raises
    ------
    DepthError
        If ``values`` is not two-dimensional, is empty, holds NaN, or breaks the range of its kind.

    Examples
    --------
    >>> metres = DepthMap(np.array([[1.0, 2.0], [4.0, np.inf]]), DepthKind.METRIC)
    >>> metres.inverse().values.tolist()
    [[1.0, 0.5], [0.25, 0.0]]
    """

    values: npt.NDArray[np.float32]
    kind: DepthKind
    source: str = "array"
    detail: str = ""
    refined: bool = False
    _range: tuple[float, float] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        with np.errstate(over="ignore"):
            values = np.ascontiguousarray(self.values, dtype=np.float32)
        if values.ndim != 2 or values.size == 0:
            raise DepthError(f"a depth map is a non-empty (height, width) array, not {np.shape(self.values)}")
        # NaN comes through either way.
        low, high = float(values.min()), float(values.max())
        if math.isnan(low):
            unknown = int(np.isnan(values).sum())
            raise DepthError(f"the depth map has {unknown} NaN values of {values.size}; fill the unknown pixels first")
        if self.kind is DepthKind.METRIC:
            if np.float32(low) < np.float32(1 / LARGEST):
                raise DepthError("metric depth must be above 0 m everywhere; fill the holes (zeros) first")
        elif math.isinf(low) or math.isinf(high):
            raise DepthError("inverse depth must be finite; infinity would be a distance of 0 m")
        elif self.kind is DepthKind.INVERSE and low < 0:
            raise DepthError("inverse depth in 1/m cannot be negative; is the map relative (--depth-kind relative)?")
        elif max(-low, high) > LARGEST:
            raise DepthError(f"no inverse depth is beyond {LARGEST:g}; fill the unknown pixels first")
        object.__setattr__(self, "values", values)
        object.__setattr__(self, "_range", (1 / high, 1 / low) if self.kind is DepthKind.METRIC else (low, high))

    @property
    def shape(self) -> tuple[int, int]:
        """(height, width) of the grid."""
        height, width = self.values.shape
        return height, width

    @property
    def is_metric(self) -> bool:
        """Whether distances in metres can be read off the map."""
        return self.kind is not DepthKind.RELATIVE

    @property
    def unit(self) -> str:
        """Unit of ``values``: ``"m"``, ``"1/m"``, or ``"relative"``."""
        return {DepthKind.METRIC: "m", DepthKind.INVERSE: "1/m", DepthKind.RELATIVE: "relative"}[self.kind]

    @property
    def inverse_unit(self) -> str:
        """Unit of the inverse depth, as in :meth:`range`: ``"1/m"`` or ``"relative"``."""
        return "1/m" if self.is_metric else "relative"

    def inverse(self) -> DepthMap:
        """The same map as inverse depth, where near is large: metric becomes 1/m, the others stay."""
        if self.kind is not DepthKind.METRIC:
            return self
        return DepthMap(np.float32(1) / self.values, DepthKind.INVERSE, self.source, self.detail)

    def range(self) -> tuple[float, float]:
        """Inverse depth of the farthest and of the nearest pixel, (far, near), in the map's inverse unit."""
        return self._range

    def is_flat(self) -> bool:
        """Whether every pixel has the same depth (to float32 precision), so that nothing can be defocused."""
        far, near = self.range()
        return not near - far > 1e-6 * max(abs(far), abs(near), 1e-12)

    def normalised(self) -> npt.NDArray[np.float32]:
        """Normalised inverse depth, float32 (h, w): 0 = farthest, 1 = nearest pixel of this map.

        A flat map is 0 everywhere.
        """
        inverse = self.inverse().values
        if self.is_flat():
            return np.zeros_like(inverse)
        far, near = self.range()
        scaled = (inverse - np.float32(far)) * np.float32(1.0 / (near - far))
        return np.clip(scaled, 0.0, 1.0)

    def __repr__(self) -> str:
        height, width = self.shape
        far, near = self.range()
        ends = f"inverse depth {far:.4g} to {near:.4g} {self.inverse_unit}"
        if self.is_metric:
            nearest, farthest = (f"{1 / value:.3g} m" if value > 0 else "infinity" for value in (near, far))
            ends += f" ({nearest} to {farthest})"
        return f"DepthMap({width} x {height}, {self.kind.value}, {ends}, {self.detail or self.source})"

    def _repr_png_(self) -> bytes:
        small = shrink(self.values, LONGEST_SIDE, mean=False)
        return png(coloured(DepthMap(small, self.kind).normalised()))

    def _repr_html_(self) -> str:
        return figure(self._repr_png_(), f"{repr(self)[9:-1]}; red is near")
