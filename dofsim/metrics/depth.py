"""Metrics of depth maps, each with its alignment declared. NumPy only.

Sources: AbsRel, SqRel, RMSE, RMSE log and the delta accuracies of Eigen, Puhrsch and Fergus (NIPS 2014);
SILog of the KITTI depth benchmark; alignment of inverse depth by least squares of Ranftl et al. (TPAMI 2022);
ordinal accuracy after Chen et al., "Single-image depth perception in the wild" (NIPS 2016).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from dofsim.errors import DepthError

Array = npt.NDArray[np.floating]  # type: ignore[type-arg]
Alignment = Literal["none", "median", "scale-shift-disparity"]


@dataclass(frozen=True)
class DepthScores:
    """Errors of one metric depth map.

    Attributes
    ----------
    abs_rel, sq_rel, rmse, rmse_log, log10, silog : float
        SqRel in m, RMSE in m, the others without a unit (SILog times 100).
    delta1, delta2, delta3 : float
        Share of pixels whose ratio to the truth, or its inverse, is below 1.25, 1.25**2, 1.25**3.
    pixels : int
        How many were compared.
    """

    abs_rel: float
    sq_rel: float
    rmse: float
    rmse_log: float
    log10: float
    silog: float
    delta1: float
    delta2: float
    delta3: float
    pixels: int


def _known(prediction: Array, truth: Array, mask: npt.NDArray[np.bool_] | None) -> tuple[Array, Array]:
    prediction, truth = np.asarray(prediction, np.float64), np.asarray(truth, np.float64)
    if prediction.shape != truth.shape:
        raise DepthError(f"the prediction is {prediction.shape}, the truth {truth.shape}; bring them to one size first")
    known = np.isfinite(truth) & np.isfinite(prediction)
    if mask is not None:
        known &= np.asarray(mask, bool)
    if known.sum() < 2:
        raise DepthError("fewer than two pixels have a known depth, so there is nothing to measure")
    return prediction[known], truth[known]


def fit_scale_shift(prediction: Array, truth: Array, mask: npt.NDArray[np.bool_] | None = None) -> tuple[float, float]:
    """Least-squares scale and shift that bring a prediction to the truth.

    Parameters
    ----------
    prediction, truth : float arrays of one shape
        NaN pixels are left out.
    mask : bool array, optional

    Returns
    -------
    scale, shift : float
        Minimise ``sum((scale * prediction + shift - truth)**2)``. A constant prediction has scale 0.

    Raises
    ------
    DepthError
        If the shapes differ or fewer than two pixels are known.
    """
    p, t = _known(prediction, truth, mask)
    centred = p - p.mean()
    variance = float((centred**2).mean())
    if variance <= 1e-24 * max(1.0, float(np.abs(p).max()) ** 2):
        return 0.0, float(t.mean())
    scale = float((centred * (t - t.mean())).mean()) / variance
    return scale, float(t.mean() - scale * p.mean())


def aligned_error(prediction: Array, truth: Array, mask: npt.NDArray[np.bool_] | None = None) -> float:
    """Relative error of relative inverse depth: ``mean|a p + b - d| / mean|d - median(d)|``.

    a and b come from :func:`fit_scale_shift`. The denominator is what the best constant map scores, so that
    0 is perfect and about 1 is no better than no depth at all.

    Parameters
    ----------
    prediction, truth : float arrays of one shape
        Inverse depth; NaN pixels are left out.
    mask : bool array, optional

    Returns
    -------
    float

    Raises
    ------
    DepthError
        If the truth is flat, so that nothing can be measured against it, or as :func:`fit_scale_shift`.
    """
    p, t = _known(prediction, truth, mask)
    scale, shift = fit_scale_shift(p, t)
    spread = float(np.abs(t - np.median(t)).mean())
    if spread <= 0:
        raise DepthError("the true depth is the same everywhere, so a relative error has no meaning")
    return float(np.abs(scale * p + shift - t).mean()) / spread


def pair_order(
    prediction: Array,
    truth: Array,
    mask: npt.NDArray[np.bool_] | None = None,
    *,
    pairs: int = 20000,
    margin: float = 0.1,
    seed: int = 0,
) -> float:
    """Share of random pixel pairs whose nearer pixel is predicted to be the nearer.

    Parameters
    ----------
    prediction, truth : float arrays of one shape
        Inverse depth; NaN pixels are left out.
    mask : bool array, optional
    pairs : int
        How many to draw.
    margin : float
        Pairs whose true inverse depths differ by less than this share of the spread between the 2nd and the
        98th percentile have no order worth asking for, and are left out.
    seed : int

    Returns
    -------
    float
        0..1; a predicted tie counts one half. NaN if no pair differs enough.

    Raises
    ------
    DepthError
        As :func:`fit_scale_shift`.
    """
    p, t = _known(prediction, truth, mask)
    far, near = np.percentile(t, (2, 98))
    rng = np.random.default_rng(seed)
    first, second = rng.integers(0, t.size, (2, pairs))
    difference = t[first] - t[second]
    clear = np.abs(difference) > margin * (near - far)
    if near <= far or not clear.any():
        return float("nan")
    agreement = np.sign(difference[clear]) * np.sign(p[first] - p[second])[clear]
    return float((agreement + 1.0).mean() / 2.0)


def score_relative(prediction: Array, truth: Array, mask: npt.NDArray[np.bool_] | None = None) -> dict[str, float]:
    """Aligned error and pair order of relative inverse depth, see :func:`aligned_error` and :func:`pair_order`."""
    return {"error": aligned_error(prediction, truth, mask), "order": pair_order(prediction, truth, mask)}


def align_metric(
    prediction: Array,
    truth: Array,
    mask: npt.NDArray[np.bool_],
    *,
    alignment: Alignment = "none",
    nearest: float = 1e-3,
    farthest: float = 10.0,
) -> npt.NDArray[np.float64]:
    """Bring a prediction to metres as an alignment declares, and clip it.

    Parameters
    ----------
    prediction : float array
        Depth in m; for ``scale-shift-disparity`` inverse depth up to scale and shift.
    truth : float array
        Depth in m.
    mask : bool array
        The pixels that the alignment may look at; ``truth`` is known there.
    alignment : {"none", "median", "scale-shift-disparity"}
        ``median`` multiplies by the ratio of the medians; ``scale-shift-disparity`` fits inverse depth by least
        squares and inverts the result.
    nearest, farthest : float
        In m. NaN becomes ``nearest`` and +inf ``farthest``, as in the usual evaluation code.

    Returns
    -------
    float64 array
        Of the whole map, in ``nearest`` .. ``farthest``.

    Raises
    ------
    DepthError
        As :func:`fit_scale_shift`, for an unknown alignment, or for a median that is not above 0.
    """
    p = np.asarray(prediction, np.float64)
    if alignment == "median":
        mine, true = _known(p, truth, mask)
        middle = float(np.median(mine))
        if middle <= 0:
            raise DepthError("the predicted depth has a median of 0 or less; median alignment needs metres above 0")
        p = p * (float(np.median(true)) / middle)
    elif alignment == "scale-shift-disparity":
        mine, true = _known(p, truth, mask)
        scale, shift = fit_scale_shift(mine, 1.0 / true)
        p = 1.0 / np.maximum(scale * p + shift, 1.0 / farthest)
    elif alignment != "none":
        raise DepthError(f"unknown alignment {alignment!r}; use none, median or scale-shift-disparity")
    return np.clip(np.nan_to_num(p, nan=nearest, posinf=farthest, neginf=nearest), nearest, farthest)


def score_metric(
    prediction: Array,
    truth: Array,
    mask: npt.NDArray[np.bool_] | None = None,
    *,
    alignment: Alignment = "none",
    nearest: float = 1e-3,
    farthest: float = 10.0,
) -> DepthScores:
    """Standard errors of a depth map in metres.

    Parameters
    ----------
    prediction, alignment, nearest, farthest
        See :func:`align_metric`.
    truth : float array
        Depth in m; pixels that are not strictly between ``nearest`` and ``farthest`` are left out.
    mask : bool array, optional

    Returns
    -------
    DepthScores

    Raises
    ------
    DepthError
        As :func:`align_metric`.
    """
    t = np.asarray(truth, np.float64)
    if np.shape(prediction) != t.shape:
        raise DepthError(f"the prediction is {np.shape(prediction)}, the truth {t.shape}; bring them to one size first")
    inside = (t > nearest) & (t < farthest)
    if mask is not None:
        inside &= np.asarray(mask, bool)
    if inside.sum() < 2:
        raise DepthError(f"fewer than two pixels have a true depth between {nearest:g} and {farthest:g} m")
    p = align_metric(prediction, t, inside, alignment=alignment, nearest=nearest, farthest=farthest)
    return _errors(p[inside], t[inside])


def _errors(p: npt.NDArray[np.float64], t: npt.NDArray[np.float64]) -> DepthScores:
    log = np.log(p) - np.log(t)
    ratio = np.maximum(p / t, t / p)
    return DepthScores(
        abs_rel=float((np.abs(p - t) / t).mean()),
        sq_rel=float(((p - t) ** 2 / t).mean()),
        rmse=float(np.sqrt(((p - t) ** 2).mean())),
        rmse_log=float(np.sqrt((log**2).mean())),
        log10=float(np.abs(log).mean() / np.log(10.0)),
        silog=float(np.sqrt(max(float((log**2).mean() - log.mean() ** 2), 0.0)) * 100.0),
        delta1=float((ratio < 1.25).mean()),
        delta2=float((ratio < 1.25**2).mean()),
        delta3=float((ratio < 1.25**3).mean()),
        pixels=int(t.size),
    )
