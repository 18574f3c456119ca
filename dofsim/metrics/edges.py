"""How well a depth map keeps its discontinuities: boundary F1, and the error near them. NumPy and OpenCV.

Source of the boundary F1: Bochkovskii et al., "Depth Pro: sharp monocular metric depth in less than a second", ICLR
2025, section 4: where neighbouring depths differ by more than a ratio there is an occluding contour, and contours are
compared in four directions, over ten ratios. The error near edges follows the idea of Koch et al., "Evaluation of
CNN-based single-image depth estimation methods", ECCV workshops 2018, with edges of the true depth.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from dofsim.errors import DepthError

Array = npt.NDArray[np.floating]  # type: ignore[type-arg]
Mask = npt.NDArray[np.bool_]

#: Ratios of neighbouring depths, and their weights in the mean.
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
        Depth in any unit, above 0 where ``known``; not affinely transformed inverse depth, whose ratios mean nothing.
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
    total = 0.0
    any_contour = False
    pairs = [_pairs(p, t, k, axis) for axis in (0, 1)]
    for ratio, weight in zip(RATIOS, WEIGHTS, strict=True):
        precision = recall = 0.0
        for before_p, after_p, before_t, after_t in pairs:
            for first_p, second_p, first_t, second_t in (
                (before_p, after_p, before_t, after_t),
                (after_p, before_p, after_t, before_t),
            ):
                mine, true = second_p > ratio * first_p, second_t > ratio * first_t
                both = int(np.count_nonzero(mine & true))
                contours = int(np.count_nonzero(true))
                any_contour |= contours > 0
                recall += both / max(contours, 1) / 4
                precision += both / max(int(np.count_nonzero(mine)), 1) / 4
        if precision + recall > 0:
            total += weight * 2 * precision * recall / (precision + recall)
    return total if any_contour else float("nan")


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
    near = near_edges(t, k) & k
    return float(np.sqrt(((p[near] - t[near]) ** 2).mean())) if near.any() else float("nan")


def near_edges(truth: Array, known: Mask) -> Mask:
    """Pixels within :data:`EDGE_REACH` of a discontinuity.

    A discontinuity lies between two known pixels of a row or column, at most ``EDGE_REACH`` apart with nothing known
    between them, whose depths differ by more than :data:`EDGE_RATIO`: sensors leave holes exactly where depth jumps.

    Parameters
    ----------
    truth : float array (h, w)
    known : bool array (h, w)

    Returns
    -------
    bool array (h, w)
    """
    import cv2

    edge = np.zeros(known.shape, bool)
    for turned in (False, True):
        depth, seen, marks = (truth.T, known.T, edge.T) if turned else (truth, known, edge)
        columns = np.arange(depth.shape[1])
        last = np.maximum.accumulate(np.where(seen, columns, -1), axis=1)
        before = np.concatenate([np.full((depth.shape[0], 1), -1), last[:, :-1]], axis=1)
        close = seen & (before >= 0) & (columns - before <= EDGE_REACH)
        rows, place = np.nonzero(close)
        other = before[rows, place]
        here, there = depth[rows, place], depth[rows, other]
        jump = np.maximum(here, there) > EDGE_RATIO * np.minimum(here, there)
        marks[rows[jump], place[jump]] = True
        marks[rows[jump], other[jump]] = True
    if not edge.any():
        return edge
    distance = cv2.distanceTransform((~edge).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    near: Mask = distance <= EDGE_REACH
    return near


def _checked(prediction: Array, truth: Array, known: Mask | None) -> tuple[Array, Array, Mask]:
    p, t = np.asarray(prediction, np.float64), np.asarray(truth, np.float64)
    k = np.isfinite(t) if known is None else np.asarray(known, bool)
    if p.shape != t.shape or k.shape != t.shape or t.ndim != 2:
        raise DepthError(f"the prediction is {p.shape}, the truth {t.shape}; bring them to one size first")
    return p, t, k


def _pairs(p: Array, t: Array, k: Mask, axis: int) -> tuple[Array, Array, Array, Array]:
    """Prediction and truth of every pair of known neighbours along an axis."""
    first = (slice(None, -1), slice(None)) if axis == 0 else (slice(None), slice(None, -1))
    second = (slice(1, None), slice(None)) if axis == 0 else (slice(None), slice(1, None))
    both = k[first] & k[second]
    return p[first][both], p[second][both], t[first][both], t[second][both]
