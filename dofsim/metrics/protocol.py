"""Evaluation protocols: which pixels count, in which range, after which alignment.

NYU Depth V2: the 654 official test images at 640x480, true depth strictly between 1e-3 and 10 m, the crop of Eigen,
Puhrsch and Fergus (NIPS 2014), errors per image and then their mean. DIML has no agreed protocol; its ranges are those
of ZoeDepth's evaluation (Bhat et al., arXiv 2302.12288), here without a crop.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

from dofsim.errors import DepthError, ParameterError
from dofsim.metrics.depth import Alignment

Crop = Literal["eigen", "none"]
CROPS: tuple[Crop, ...] = get_args(Crop)
ALIGNMENTS: tuple[Alignment, ...] = get_args(Alignment)
#: Rows and columns of the Eigen crop, and the only size that it is defined for, (height, width).
EIGEN_CROP = (slice(45, 471), slice(41, 601))
EIGEN_SIZE = (480, 640)


@dataclass(frozen=True)
class Protocol:
    """How metric depth is evaluated.

    Attributes
    ----------
    crop : {"eigen", "none"}
    nearest, farthest : float
        In m: true depth outside is left out, predicted depth is clipped.
    alignment : {"none", "median", "scale-shift-disparity"}

    Raises
    ------
    ParameterError
        If the range is empty or a name unknown.
    """

    crop: Crop = "none"
    nearest: float = 1e-3
    farthest: float = 80.0
    alignment: Alignment = "none"

    def __post_init__(self) -> None:
        if not 0 < self.nearest < self.farthest < np.inf:
            raise ParameterError(
                f"depth from {self.nearest} to {self.farthest} m is no range above 0 (--nearest 0.001 --farthest 10)"
            )
        if self.crop not in CROPS or self.alignment not in ALIGNMENTS:
            raise ParameterError(f"the crop is one of {CROPS} and the alignment one of {ALIGNMENTS}")

    def mask(self, truth: npt.NDArray[np.floating]) -> npt.NDArray[np.bool_]:  # type: ignore[type-arg]
        """Pixels that count: known, in the range, and in the crop.

        Parameters
        ----------
        truth : float array (h, w)
            In m; NaN is unknown.

        Returns
        -------
        bool array (h, w)

        Raises
        ------
        DepthError
            If the crop is not defined for this size.
        """
        mask: npt.NDArray[np.bool_] = (truth > self.nearest) & (truth < self.farthest)
        if self.crop == "eigen":
            if truth.shape != EIGEN_SIZE:
                raise DepthError(
                    f"the Eigen crop is defined at 640x480 px, this depth is {truth.shape[1]}x{truth.shape[0]}; "
                    "evaluate the originals, or without the crop (--crop none)"
                )
            inside = np.zeros(truth.shape, bool)
            inside[EIGEN_CROP] = True
            mask &= inside
        return mask

    def describe(self) -> str:
        """One line for humans."""
        crop = "Eigen crop" if self.crop == "eigen" else "no crop"
        return f"{crop}, {self.nearest:g} to {self.farthest:g} m, alignment: {self.alignment}"


_PROTOCOLS = {
    "nyu": Protocol("eigen", 1e-3, 10.0),
    "diml-indoor": Protocol("none", 1e-3, 10.0),
    "diml-outdoor": Protocol("none", 1e-3, 80.0),
}


def standard_protocol(
    dataset: str,
    *,
    alignment: Alignment = "none",
    crop: Crop | None = None,
    nearest: float | None = None,
    farthest: float | None = None,
) -> Protocol:
    """The usual protocol of a data set, where there is one.

    Parameters
    ----------
    dataset : str
        As in :attr:`dofsim.datasets.Frame.dataset`.
    alignment : {"none", "median", "scale-shift-disparity"}
    crop, nearest, farthest : optional
        Deviations from it.

    Returns
    -------
    Protocol
        Without an agreed protocol: no crop, up to 80 m.
    """
    usual = _PROTOCOLS.get(dataset, Protocol())
    return replace(
        usual,
        alignment=alignment,
        crop=usual.crop if crop is None else crop,
        nearest=usual.nearest if nearest is None else nearest,
        farthest=usual.farthest if farthest is None else farthest,
    )
