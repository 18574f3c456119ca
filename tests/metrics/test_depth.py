"""Depth metrics against hand-made cases and against formulas written out a second time."""

from __future__ import annotations

import math

import numpy as np
import pytest

from dofsim.errors import DepthError
from dofsim.metrics.depth import aligned_error, fit_scale_shift, pair_order, score_metric, score_relative


@pytest.fixture
def truth() -> np.ndarray:
    return np.random.default_rng(0).uniform(0.2, 3.0, (20, 30)).astype(np.float32)


@pytest.mark.parametrize(("scale", "shift"), [(1.0, 0.0), (3.5, -2.0), (0.01, 40.0)])
def test_alignment_undoes_scale_and_shift(truth, scale, shift):
    found_scale, found_shift = fit_scale_shift(truth * scale + shift, truth)
    assert found_scale == pytest.approx(1 / scale, rel=1e-3)
    assert found_shift == pytest.approx(-shift / scale, rel=1e-3, abs=1e-4)
    assert aligned_error(truth * scale + shift, truth) < 1e-3


def test_alignment_is_the_least_squares_solution(truth):
    prediction = truth**2 + np.random.default_rng(1).normal(0, 0.3, truth.shape)
    design = np.stack([prediction.ravel(), np.ones(truth.size)], axis=1)
    (scale, shift), *_ = np.linalg.lstsq(design, truth.ravel().astype(np.float64), rcond=None)
    assert fit_scale_shift(prediction, truth) == pytest.approx((scale, shift))
    residual = np.abs(scale * prediction + shift - truth).mean()
    assert aligned_error(prediction, truth) == pytest.approx(residual / np.abs(truth - np.median(truth)).mean())


def test_a_constant_map_scores_about_one():
    # far 0, 0, 0 and near 1: mean 1/4 leaves (3 * 1/4 + 3/4) / 4; the median leaves 1/4
    assert aligned_error(np.full(4, 7.0), np.array([0.0, 0.0, 0.0, 1.0])) == pytest.approx(1.5)
    symmetric = np.linspace(0, 1, 101)
    assert aligned_error(np.zeros(101), symmetric) == pytest.approx(1.0)


def test_unknown_and_masked_pixels_do_not_count(truth):
    spoiled = truth.copy()
    spoiled[:5] = np.nan
    prediction = truth * 2 + 1
    prediction[:5] = 1e9
    assert aligned_error(prediction, spoiled) < 1e-3
    mask = np.ones(truth.shape, bool)
    mask[:5] = False
    assert aligned_error(prediction, truth, mask) < 1e-3
    assert aligned_error(prediction, truth) > 0.5
    assert aligned_error(prediction, spoiled, np.ones(truth.shape, bool)) < 1e-3
    eight_bit = np.random.default_rng(0).integers(0, 256, (2, 50)).astype(np.uint8)
    assert aligned_error(*eight_bit) == aligned_error(*eight_bit.astype(float))


def test_pair_order_of_right_reversed_and_tied_maps(truth):
    assert pair_order(truth, truth) == 1.0
    assert pair_order(np.exp(truth), truth) == 1.0
    assert pair_order(-truth, truth) == 0.0
    assert pair_order(np.zeros_like(truth), truth) == 0.5
    assert pair_order(np.random.default_rng(3).random(truth.shape), truth) == pytest.approx(0.5, abs=0.05)


def test_pair_order_leaves_out_pairs_without_an_order():
    truth = np.repeat([0.0, 1.0], 50)
    prediction = truth.copy()
    prediction[:50] += np.linspace(0, 0.5, 50)  # order within one plane is nobody's business
    assert pair_order(prediction, truth) == 1.0
    assert math.isnan(pair_order(prediction[:50], truth[:50]))
    assert math.isnan(pair_order(truth, truth, margin=1.0))  # differing by just the margin is not enough
    outlier = (np.arange(1000) == 7).astype(float)
    assert math.isnan(pair_order(outlier, outlier))


def test_relative_scores_carry_both_figures(truth):
    assert score_relative(truth, truth) == {"error": pytest.approx(0, abs=1e-6), "order": 1.0}
    half = np.arange(truth.size).reshape(truth.shape) % 2 == 0
    assert score_relative(np.where(half, truth, -truth), truth, half) == score_relative(truth[half], truth[half])


def test_metric_scores_of_a_map_that_is_ten_percent_too_far():
    truth = np.array([[1.0, 2.0], [4.0, 8.0]])
    scores = score_metric(truth * 1.1, truth)
    assert scores.abs_rel == pytest.approx(0.1)
    assert scores.sq_rel == pytest.approx(0.01 * truth.mean())
    assert scores.rmse == pytest.approx(0.1 * math.sqrt((1 + 4 + 16 + 64) / 4))
    assert scores.rmse_log == pytest.approx(math.log(1.1))
    assert scores.log10 == pytest.approx(math.log10(1.1))
    assert scores.silog == pytest.approx(0.0, abs=1e-4)
    assert (scores.delta1, scores.delta2, scores.delta3, scores.pixels) == (1.0, 1.0, 1.0, 4)


def test_metric_scores_against_the_formulas_pixel_by_pixel(truth):
    prediction = truth * np.random.default_rng(5).uniform(0.5, 2.0, truth.shape)
    logs, deltas = [], [0, 0, 0]
    for p, t in zip(prediction.ravel().tolist(), truth.ravel().tolist(), strict=True):
        logs.append(math.log(p) - math.log(t))
        for k in range(3):
            deltas[k] += max(p / t, t / p) < 1.25 ** (k + 1)
    scores = score_metric(prediction, truth)
    mean = sum(logs) / len(logs)
    assert scores.silog == pytest.approx(100 * math.sqrt(sum(v * v for v in logs) / len(logs) - mean**2), rel=1e-4)
    assert (scores.delta1, scores.delta2, scores.delta3) == pytest.approx(tuple(d / truth.size for d in deltas))


def test_declared_alignments(truth):
    assert score_metric(truth * 7, truth, alignment="median").abs_rel == pytest.approx(0.0, abs=1e-6)
    assert score_metric(3.0 / truth - 0.1, truth, alignment="scale-shift-disparity").rmse == pytest.approx(
        0.0, abs=1e-4
    )
    with pytest.raises(DepthError, match="unknown alignment"):
        score_metric(truth, truth, alignment="procrustes")  # type: ignore[arg-type]


def test_a_ratio_of_just_the_threshold_is_beyond_it():
    scores = score_metric(np.array([1.0, 1.25, 1.5625, 1.953125]), np.ones(4))
    assert (scores.delta1, scores.delta2, scores.delta3) == (0.25, 0.5, 0.75)


def test_two_pixels_are_enough_and_a_mask_may_be_of_numbers():
    prediction, truth = np.array([1.0, 3.0, 9.0]), np.array([2.0, 6.0, 1.0])
    assert fit_scale_shift(prediction[:2], truth[:2]) == pytest.approx((2.0, 0.0))
    assert fit_scale_shift(prediction, truth, [1, 1, 0]) == pytest.approx((2.0, 0.0))
    assert score_metric(prediction, truth, [2, 2, 0]).pixels == 2


def test_depth_outside_the_range_is_left_out():
    truth = np.array([1.0, 2.0, 50.0, 0.0])
    assert score_metric(np.array([1.0, 2.0, 1.0, 1.0]), truth).pixels == 2


@pytest.mark.parametrize(
    ("prediction", "truth", "what"),
    [
        (np.zeros(3), np.zeros(4), "one size"),
        (np.zeros(3), np.full(3, np.nan), "two pixels"),
        (np.arange(3.0), np.ones(3), "same everywhere"),
    ],
)
def test_what_cannot_be_measured_is_said(prediction, truth, what):
    with pytest.raises(DepthError, match=what):
        aligned_error(prediction, truth)


def test_median_alignment_refuses_depth_without_a_positive_median():
    with pytest.raises(DepthError, match="above 0"):
        score_metric(np.zeros(4), np.ones(4), alignment="median")


def test_pair_order_counts_drawn_pairs():
    rng = np.random.default_rng(3)
    truth, prediction = rng.random(300), np.round(rng.random(300), 1)
    far, near = np.percentile(truth, (2, 98))
    right = drawn = 0.0
    for a, b in np.random.default_rng(5).integers(0, 300, (2, 900)).T:
        if abs(truth[a] - truth[b]) > 0.3 * (near - far):
            drawn += 1
            tied = prediction[a] == prediction[b]
            right += 0.5 if tied else (prediction[a] > prediction[b]) == (truth[a] > truth[b])
    assert pair_order(prediction, truth, pairs=900, margin=0.3, seed=5) == pytest.approx(right / drawn)
    assert pair_order(prediction, truth, pairs=900, margin=0.1, seed=0) == pair_order(prediction, truth, pairs=900)
    assert pair_order(prediction, truth, pairs=20000) == pair_order(prediction, truth)


@pytest.mark.parametrize("value", [0.0, 0.1, 1e12 / 3])
def test_a_constant_prediction_has_no_scale_whatever_its_rounding(value):
    truth = np.random.default_rng(0).random(999)
    scale, shift = fit_scale_shift(np.full(999, value), truth)
    assert (scale, shift) == (0.0, pytest.approx(truth.mean()))


def test_a_small_variation_on_a_large_value_still_has_a_scale(truth):
    scale, shift = fit_scale_shift(1e6 + 1e-5 * truth.astype(np.float64), truth)
    assert scale == pytest.approx(1e5, rel=1e-4)
    assert shift == pytest.approx(-1e11, rel=1e-4)
