"""Whatever numbers, sizes and layouts: figures in their ranges, or one sentence."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dofsim import metrics
from dofsim.errors import DepthError, ParameterError
from tests.layouts import FEW, LAYOUTS, SIDES, TYPES, halves, laid_out

OF_DEPTH: dict[str, Callable[[Any, Any], Any]] = {
    "aligned_boundary_f1": metrics.aligned_boundary_f1,
    "aligned_edge_error": metrics.aligned_edge_error,
    "aligned_error": metrics.aligned_error,
    "boundary_f1": metrics.boundary_f1,
    "edge_rmse": metrics.edge_rmse,
    "fit_scale_shift": metrics.fit_scale_shift,
    "pair_order": metrics.pair_order,
    "score_metric": metrics.score_metric,
}
WITHOUT_ALIGNMENT = ("boundary_f1", "edge_rmse")
SPOILT = st.sampled_from([np.nan, np.inf, -np.inf, -3.0, 0.0, 6e4])


def pair(height: int, width: int, seed: int) -> tuple[Any, Any]:
    """Prediction and truth in m, with steps."""
    rng = np.random.default_rng(seed)
    truth = np.where(rng.random((height, width)) < 0.5, 1.0, 4.0) + rng.random((height, width))
    return halves(truth * rng.uniform(0.8, 1.3, truth.shape)), halves(truth)


@FEW
@given(name=st.sampled_from(sorted(OF_DEPTH)), layout=LAYOUTS, kind=TYPES, height=SIDES, width=SIDES)
def test_every_layout_gives_the_same(name: str, layout: str, kind: str, height: int, width: int) -> None:
    prediction, truth = pair(height, width, height)
    laid = laid_out(prediction, layout, kind), laid_out(truth, layout, kind)
    if truth.size < 2 and name not in WITHOUT_ALIGNMENT:
        with pytest.raises(DepthError, match="fewer than two pixels"):
            OF_DEPTH[name](*laid)
        return
    np.testing.assert_equal(OF_DEPTH[name](*laid), OF_DEPTH[name](prediction, truth))
    assert np.array_equal(laid[0], prediction)
    assert np.array_equal(laid[1], truth)


@FEW
@given(layout=LAYOUTS, kind=TYPES, height=SIDES, width=SIDES, channels=st.sampled_from([1, 3]), seed=st.integers(0, 9))
def test_pictures_of_every_layout(layout: str, kind: str, height: int, width: int, channels: int, seed: int) -> None:
    a, b = (halves(each) for each in np.random.default_rng(seed).random((2, height, width, channels)))
    laid = laid_out(a, layout, kind), laid_out(b, layout, kind)
    assert metrics.psnr(*laid) == metrics.psnr(a, b) == pytest.approx(-10 * math.log10(((a - b) ** 2).mean()), abs=1e-3)
    if min(height, width) < 11:
        with pytest.raises(ParameterError, match="11 px"):
            metrics.ssim(*laid)
    else:
        assert -1 <= metrics.ssim(*laid) == metrics.ssim(a, b) < 1
        assert metrics.ssim(b, a) == pytest.approx(metrics.ssim(a, b), abs=1e-6)


def test_a_picture_of_eleven_pixels_a_side_is_enough() -> None:
    picture = np.random.default_rng(0).random((11, 11, 3), dtype=np.float32)
    assert metrics.ssim(picture, picture) == pytest.approx(1.0)


@pytest.mark.parametrize("measure", [metrics.psnr, metrics.ssim])
def test_pictures_that_say_nothing_are_refused(measure: Callable[[Any, Any], float]) -> None:
    for value in (np.nan, np.inf, -np.inf):
        spoilt = np.full((12, 12, 3), 0.5, np.float32)
        spoilt[3, 4, 1] = value
        for both in ((spoilt, spoilt), (spoilt, np.zeros_like(spoilt)), (np.zeros_like(spoilt), spoilt)):
            with pytest.raises(ParameterError, match="NaN"):
                measure(*both)
    for shape in ((0, 12, 3), (12, 0, 3), (12, 12, 0), (12, 12), ()):
        with pytest.raises(ParameterError, match="one shape"):
            measure(np.zeros(shape, np.float32), np.zeros(shape, np.float32))


@FEW
@given(height=SIDES, width=SIDES, value=SPOILT, in_truth=st.booleans(), seed=st.integers(0, 9))
def test_figures_of_spoilt_maps_stay_in_their_ranges(
    height: int, width: int, value: float, in_truth: bool, seed: int
) -> None:
    prediction, truth = pair(height, width, seed)
    (truth if in_truth else prediction)[np.random.default_rng(seed).random(truth.shape) < 0.3] = value
    if ((truth > 1e-3) & (truth < 10)).sum() < 2:
        with pytest.raises(DepthError, match="fewer than two pixels"):
            metrics.score_metric(prediction, truth)
        return
    scores = metrics.score_metric(prediction, truth)
    errors = (scores.abs_rel, scores.sq_rel, scores.rmse, scores.rmse_log, scores.log10, scores.silog)
    assert all(0 <= error < math.inf for error in errors)
    assert 0 <= scores.delta1 <= scores.delta2 <= scores.delta3 <= 1
    assert 2 <= scores.pixels <= truth.size
    assert scores.silog <= 100 * scores.rmse_log * (1 + 1e-9)
    known = np.isfinite(truth) & (truth > 0)
    f1 = metrics.boundary_f1(prediction, truth, known)
    assert math.isnan(f1) or 0 <= f1 <= 1
    if (np.isfinite(prediction) & np.isfinite(truth)).sum() < 2:
        with pytest.raises(DepthError, match="fewer than two pixels"):
            metrics.pair_order(prediction, truth)
        return
    order = metrics.pair_order(prediction, truth)
    assert math.isnan(order) or 0 <= order <= 1


@pytest.mark.parametrize("name", sorted(OF_DEPTH))
@pytest.mark.parametrize("shape", [(0, 5), (5, 0)])
def test_empty_maps_have_no_figures(name: str, shape: tuple[int, int]) -> None:
    empty = np.zeros(shape)
    if name in WITHOUT_ALIGNMENT:
        assert math.isnan(OF_DEPTH[name](empty, empty))
    else:
        with pytest.raises(DepthError, match="fewer than two pixels"):
            OF_DEPTH[name](empty, empty)
