"""How well a depth map keeps its discontinuities: boundary F1, and the error near them. NumPy and OpenCV.

Of metric depth :func:`boundary_f1` and :func:`edge_rmse`; of inverse depth that is known up to scale and shift, whose
ratios mean nothing, their twins :func:`aligned_boundary_f1` and :func:`aligned_edge_error`.

Source of the boundary F1: Bochkovskii et al., "Depth Pro: sharp monocular metric depth in less than a second", ICLR
2025, section 4: where neighbouring depths differ by more than a ratio there is an occluding contour, and contours are
compared in four directions, over ten ratios. The error near edges follows the idea of Koch et al., "Evaluation of
CNN-based single-image depth estimation methods", ECCV workshops 2018, with edges of the true depth.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from dofsim.errors import DepthError
from dofsim.metrics.depth import fit_scale_shift

Array = npt.NDArray[np.floating]  # type: ignore[type-arg]
Mask = npt.NDArray[np.bool_]

#: Ratios of neighbouring depths that make a contour, and their weights in the mean.
RATIOS = np.linspace(1.05, 1.25, 10)
WEIGHTS = RATIOS / RATIOS.sum()
#: A discontinuity, for the error near edges: neighbours whose depths differ by more than this ratio.
EDGE_RATIO = 1.15
#: How far around a discontinuity the error is measured, and how wide a hole it may hide in, px.
EDGE_REACH = 5


def boundary_f1(prediction: Array, truth: Array, known: Mask | None = None) -> float:
    """Boundary F1 of Depth Pro, independent of the scale of either depth.

    Parameters
    ----------
    prediction, truth : float arrays (h, w)
        Depth in any unit, above 0 where ``known``.
    known : bool array (h, w), optional
        Where the truth is known; a pair of neighbours counts if both are. Default: where it is finite.

    Returns
    -------
    float
        0..1; NaN if the truth has no contour at the smallest ratio.

    Raises
    ------
    DepthError
        If the shapes differ.
    """
    p, t, k = _checked(prediction, truth, known)
    with np.errstate(divide="ignore", invalid="ignore"):
        # A ratio of depths is a difference of their logarithms.
        return _contour_f1(np.log(p), np.log(t), k, np.log(RATIOS))


def aligned_boundary_f1(prediction: Array, truth: Array, known: Mask | None = None) -> float:
    """The same for inverse depth up to scale and shift: contours are steps of 5 to 25 % of the truth's spread.

    Parameters
    ----------
    prediction, truth : float arrays (h, w)
        Inverse depth; the prediction is aligned by least squares.
    known : bool array (h, w), optional

    Returns
    -------
    float
        0..1; NaN if the truth has no contour at the smallest step, or is flat.

    Raises
    ------
    DepthError
        If the shapes differ or fewer than two pixels are known.
    """
    p, t, k = _checked(prediction, truth, known)
    scale, shift = fit_scale_shift(p, t, k)
    return _contour_f1(scale * p + shift, t, k, (RATIOS - 1.0) * _spread(t[k]))


def edge_rmse(prediction: Array, truth: Array, known: Mask | None = None) -> float:
    """Root mean square error within 5 px of the truth's discontinuities.

    Parameters
    ----------
    prediction, truth : float arrays (h, w)
        Depth in m.
    known : bool array (h, w), optional
        The pixels that count. Default: where the truth is finite.

    Returns
    -------
    float
        In m; NaN if the truth has no discontinuity.

    Raises
    ------
    DepthError
        If the shapes differ.
    """
    p, t, k = _checked(prediction, truth, known)
    with np.errstate(divide="ignore", invalid="ignore"):
        near = near_edges(np.log(t), k, float(np.log(EDGE_RATIO))) & k
    return float(np.sqrt(((p[near] - t[near]) ** 2).mean())) if near.any() else float("nan")


def aligned_edge_error(prediction: Array, truth: Array, known: Mask | None = None) -> float:
    """Aligned error within 5 px of the truth's discontinuities, which are steps of 15 % of its spread.

    Parameters
    ----------
    prediction, truth : float arrays (h, w)
        Inverse depth; the prediction is aligned by least squares over all known pixels.
    known : bool array (h, w), optional

    Returns
    -------
    float
        Mean error near edges as a share of what the best constant map errs over the whole truth; NaN if the truth
        has no discontinuity, or is flat.

    Raises
    ------
    DepthError
        If the shapes differ or fewer than two pixels are known.
    """
    p, t, k = _checked(prediction, truth, known)
    scale, shift = fit_scale_shift(p, t, k)
    constant = float(np.abs(t[k] - np.median(t[k])).mean())
    near = near_edges(t, k, (EDGE_RATIO - 1.0) * _spread(t[k])) & k
    if not near.any() or constant <= 0:
        return float("nan")
    return float(np.abs(scale * p[near] + shift - t[near]).mean()) / constant


def near_edges(values: Array, known: Mask, step: float) -> Mask:
    """Pixels within :data:`EDGE_REACH` of a discontinuity.

    A discontinuity lies between two known pixels of a row or column, at most ``EDGE_REACH`` apart with nothing known
    between them, whose values differ by more than ``step``: sensors leave holes exactly where depth jumps.

    Parameters
    ----------
    values : float array (h, w)
    known : bool array (h, w)
    step : float
        Above 0; nothing is an edge otherwise.

    Returns
    -------
    bool array (h, w)
    """
    import cv2

    edge = np.zeros(known.shape, bool)
    for turned in (False, True):
        held, seen, marks = (values.T, known.T, edge.T) if turned else (values, known, edge)
        rows, place, other = _neighbours_across_holes(seen)
        with np.errstate(invalid="ignore"):
            beside = np.abs(held[:, 1:] - held[:, :-1]) > step
            across = np.abs(held[rows, place] - held[rows, other]) > step
        beside &= seen[:, 1:] & seen[:, :-1]
        marks[:, 1:] |= beside
        marks[:, :-1] |= beside
        marks[rows[across], place[across]] = True
        marks[rows[across], other[across]] = True
    if not edge.any() or step <= 0:
        return np.zeros(known.shape, bool)
    distance = cv2.distanceTransform((~edge).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    near: Mask = distance <= EDGE_REACH
    return near


def _neighbours_across_holes(known: Mask) -> tuple[npt.NDArray[np.intp], ...]:
    """Row, column, and column of the known pixel before it, for known pixels that follow a hole of up to 4 px."""
    rows, place = np.nonzero(known[:, 1:] & ~known[:, :-1])
    place = place + 1
    other = np.full(rows.size, -1)
    for gap in range(2, EDGE_REACH + 1):
        before = place - gap
        hit = (other < 0) & (before >= 0) & known[rows, np.maximum(before, 0)]
        other[hit] = before[hit]
    found = other >= 0
    return rows[found], place[found], other[found]


def _contour_f1(p: Array, t: Array, k: Mask, steps: npt.NDArray[np.float64]) -> float:
    """F1 of contours in four directions, averaged over the steps that make one."""
    total = 0.0
    any_contour = False
    with np.errstate(invalid="ignore"):
        differences = [_differences(p, t, k, axis, float(steps[0])) for axis in (0, 1)]
    for step, weight in zip(steps, WEIGHTS, strict=True):
        precision = recall = 0.0
        for mine, true in differences:
            for sign in (1.0, -1.0):
                predicted, contours = sign * mine > step, sign * true > step
                both, count = int(np.count_nonzero(predicted & contours)), int(np.count_nonzero(contours))
                any_contour |= count > 0
                recall += both / max(count, 1) / 4
                precision += both / max(int(np.count_nonzero(predicted)), 1) / 4
        if precision + recall > 0:
            total += weight * 2 * precision * recall / (precision + recall)
    return float(total) if any_contour and steps[0] > 0 else float("nan")


def _spread(values: Array) -> float:
    far, near = np.percentile(values, (2, 98))
    return float(near - far)


def _checked(prediction: Array, truth: Array, known: Mask | None) -> tuple[Array, Array, Mask]:
    p, t = np.asarray(prediction, np.float64), np.asarray(truth, np.float64)
    k = np.isfinite(t) if known is None else np.asarray(known, bool)
    if p.shape != t.shape or k.shape != t.shape or t.ndim != 2:
        raise DepthError(f"the prediction is {p.shape}, the truth {t.shape}; bring them to one size first")
    return p, t, k


def _differences(p: Array, t: Array, k: Mask, axis: int, least: float) -> tuple[Array, Array]:
    """Differences of prediction and of truth between known neighbours along an axis, where one is above ``least``."""
    rest = (slice(None),) * axis
    first, second = (*rest, slice(None, -1)), (*rest, slice(1, None))
    both = k[first] & k[second]
    mine, true = (p[second] - p[first])[both], (t[second] - t[first])[both]
    # what is below the smallest step in both is no contour in either
    steep = (np.abs(mine) > least) | (np.abs(true) > least)
    return mine[steep], true[steep]
