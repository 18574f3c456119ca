"""The standard protocol against the published formulas, written out a second time with loops, and hand-made cases."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dofsim.errors import DepthError, ParameterError
from dofsim.metrics.bootstrap import bootstrap_mean
from dofsim.metrics.depth import align_metric, score_metric
from dofsim.metrics.edges import (
    EDGE_RATIO,
    EDGE_REACH,
    aligned_boundary_f1,
    aligned_edge_error,
    boundary_f1,
    edge_rmse,
    near_edges,
)
from dofsim.metrics.protocol import Protocol, standard_protocol

NAMES = ("abs_rel", "sq_rel", "rmse", "rmse_log", "log10", "silog", "delta1", "delta2", "delta3")


def published(prediction, truth, protocol) -> dict[str, float]:
    """The formulas of Eigen et al. (2014) and of the KITTI benchmark, one pixel after the other."""
    pairs = []
    for y in range(truth.shape[0]):
        for x in range(truth.shape[1]):
            t, p = float(truth[y, x]), float(prediction[y, x])
            if math.isnan(t) or not protocol.nearest < t < protocol.farthest:
                continue
            if protocol.crop == "eigen" and not (45 <= y < 471 and 41 <= x < 601):
                continue
            if math.isnan(p) or p < protocol.nearest:
                p = protocol.nearest
            pairs.append((min(p, protocol.farthest), t))
    n = len(pairs)
    logs = [math.log(p) - math.log(t) for p, t in pairs]
    worse = [max(p / t, t / p) for p, t in pairs]
    return {
        "abs_rel": sum(abs(p - t) / t for p, t in pairs) / n,
        "sq_rel": sum((p - t) ** 2 / t for p, t in pairs) / n,
        "rmse": math.sqrt(sum((p - t) ** 2 for p, t in pairs) / n),
        "rmse_log": math.sqrt(sum(e * e for e in logs) / n),
        "log10": sum(abs(math.log10(p) - math.log10(t)) for p, t in pairs) / n,
        "silog": 100 * math.sqrt(max(0.0, sum(e * e for e in logs) / n - (sum(logs) / n) ** 2)),
        "delta1": sum(r < 1.25 for r in worse) / n,
        "delta2": sum(r < 1.25**2 for r in worse) / n,
        "delta3": sum(r < 1.25**3 for r in worse) / n,
    }


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10**6), farthest=st.sampled_from([4.0, 10.0, 80.0]))
def test_figures_are_the_published_formulas(seed, farthest):
    rng = np.random.default_rng(seed)
    truth = rng.uniform(0.0, 14.0, (9, 11))
    truth[rng.random(truth.shape) < 0.2] = np.nan
    truth[0, :4] = 0.0, 1e-3, farthest, 2.0
    prediction = truth * rng.uniform(0.4, 2.2, truth.shape)
    prediction[rng.random(truth.shape) < 0.3] = rng.choice([np.nan, np.inf, 0.0, -3.0, 500.0])
    protocol = Protocol(farthest=farthest)
    scores = score_metric(prediction, truth, protocol.mask(truth), farthest=farthest)
    expected = published(prediction, truth, protocol)
    for name in NAMES:
        assert getattr(scores, name) == pytest.approx(expected[name], rel=1e-9, abs=1e-7), name


def test_nyu_s_protocol_to_the_pixel():
    protocol = standard_protocol("nyu")
    assert (protocol.crop, protocol.nearest, protocol.farthest, protocol.alignment) == ("eigen", 1e-3, 10.0, "none")
    truth = np.full((480, 640), 2.0)
    truth[100, 100], truth[101, 100], truth[102, 100], truth[103, 100] = 10.0, 1e-3, np.nan, 0.0
    mask = protocol.mask(truth)
    rows, columns = np.nonzero(mask)
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (45, 470, 41, 600)
    assert mask.sum() == 426 * 560 - 4
    prediction = truth * 1.5
    prediction[:45] = 77.0  # outside of the crop nothing counts
    scores = score_metric(prediction, truth, mask)
    assert scores.abs_rel == pytest.approx(0.5)
    assert scores.pixels == 426 * 560 - 4
    # 300 x 5 pixels within the crop are enough to compare with the loops
    truth[:] = np.nan
    truth[30:330, 39:44] = np.random.default_rng(0).uniform(0.5, 12, (300, 5))
    prediction = truth * 1.3
    for name, value in published(prediction, truth, protocol).items():
        assert getattr(score_metric(prediction, truth, protocol.mask(truth)), name) == pytest.approx(value), name


def test_the_eigen_crop_is_for_one_size_only():
    with pytest.raises(DepthError, match=r"defined at 640x480 px, this depth is 320x240.*--crop none"):
        standard_protocol("nyu").mask(np.ones((240, 320)))
    assert standard_protocol("nyu", crop="none").mask(np.ones((240, 320))).all()


def test_protocols_of_other_data_sets():
    assert standard_protocol("diml-indoor").farthest == 10.0
    assert standard_protocol("diml-outdoor").farthest == 80.0
    assert standard_protocol("folder") == Protocol("none", 1e-3, 80.0, "none")
    assert standard_protocol("nyu", farthest=5.0, nearest=0.5).describe() == "Eigen crop, 0.5 to 5 m, alignment: none"
    assert standard_protocol("folder", alignment="median").describe() == "no crop, 0.001 to 80 m, alignment: median"
    for wrong in (
        {"farthest": 1e-4},
        {"nearest": 0.0},
        {"farthest": float("inf")},
        {"crop": "garg"},
        {"alignment": "x"},
    ):
        with pytest.raises(ParameterError):
            standard_protocol("nyu", **wrong)


def test_nothing_to_measure_is_said():
    with pytest.raises(DepthError, match="fewer than two pixels have a true depth between"):
        score_metric(np.ones((3, 3)), np.full((3, 3), 50.0))
    with pytest.raises(DepthError, match="one size"):
        score_metric(np.ones((3, 3)), np.ones((3, 4)))


def test_what_counts_lies_strictly_within_the_range_and_the_mask():
    truth, prediction = np.array([0.5, 1.0, 2.0, 4.0, 50.0]), np.array([9.0, 1.0, 0.1, 9.0, 9.0])
    for mask in (None, np.ones(5, bool)):
        scores = score_metric(prediction, truth, mask, nearest=0.5, farthest=4.0)
        assert scores.pixels == 2
        assert scores.abs_rel == pytest.approx(0.75 / 2)  # what is nearer than the nearest counts as that
    everything = np.ones(5, bool)
    np.testing.assert_array_equal(align_metric(prediction, truth, everything), prediction)
    np.testing.assert_array_equal(align_metric(-prediction * 99, truth, everything), np.full(5, 1e-3))
    # only what counts is aligned
    aligned = score_metric(np.array([0.01, 0.02, 0.03, 7.0]), np.array([1.0, 2.0, 3.0, 50.0]), alignment="median")
    assert aligned.abs_rel == pytest.approx(0.0)


def test_alignment_in_disparity_is_the_least_squares_fit_there():
    rng = np.random.default_rng(4)
    truth = rng.uniform(0.5, 9.0, (12, 14))
    truth[:2] = np.nan
    prediction = 1 / np.nan_to_num(truth, nan=1.0) ** 0.8 + rng.normal(0, 0.05, truth.shape)
    mask = Protocol(farthest=10.0).mask(truth)
    design = np.stack([prediction[mask], np.ones(mask.sum())], 1)
    (scale, shift), *_ = np.linalg.lstsq(design, 1 / truth[mask], rcond=None)
    expected = np.clip(1 / np.maximum(scale * prediction + shift, 0.1), 1e-3, 10.0)
    found = align_metric(prediction, truth, mask, alignment="scale-shift-disparity")
    np.testing.assert_allclose(found, expected, rtol=1e-9)
    # pixels that do not count do not move the fit
    prediction[:2] = 1e6
    np.testing.assert_allclose(
        align_metric(prediction, truth, mask, alignment="scale-shift-disparity")[2:], expected[2:], rtol=1e-9
    )


def test_median_alignment_looks_at_the_counted_pixels():
    truth = np.array([[1.0, 2.0, 3.0, 50.0]])
    mask = Protocol(farthest=10.0).mask(truth)
    found = align_metric(np.array([[10.0, 20.0, 30.0, 1.0]]), truth, mask, alignment="median")
    np.testing.assert_allclose(found, [[1.0, 2.0, 3.0, 0.1]])


def f1_by_loops(prediction, truth, known, steps, weights, first_is_contour) -> float:
    """Boundary F1 pixel by pixel: in each direction, does depth jump up from a pixel to its neighbour?"""
    height, width = truth.shape
    total = 0.0
    for step, weight in zip(steps, weights, strict=True):
        recalls, precisions = [], []
        for dy, dx in ((0, 1), (0, -1), (1, 0), (-1, 0)):
            hit = mine = true = 0
            for y in range(height):
                for x in range(width):
                    v, u = y + dy, x + dx
                    if not (0 <= v < height and 0 <= u < width and known[y, x] and known[v, u]):
                        continue
                    a = first_is_contour(prediction[v, u], prediction[y, x], step)
                    b = first_is_contour(truth[v, u], truth[y, x], step)
                    hit, mine, true = hit + (a and b), mine + a, true + b
            recalls.append(hit / max(true, 1))
            precisions.append(hit / max(mine, 1))
        recall, precision = sum(recalls) / 4, sum(precisions) / 4
        if recall + precision:
            total += weight * 2 * recall * precision / (recall + precision)
    return total


def blocks(seed, shape=(14, 17)):
    rng = np.random.default_rng(seed)
    levels = rng.uniform(1.0, 2.2, 6)
    truth = np.kron(levels[rng.integers(0, 6, (4, 5))], np.ones((4, 4)))[: shape[0], : shape[1]]
    prediction = truth * rng.uniform(0.93, 1.07, truth.shape)
    known = rng.random(truth.shape) < 0.9
    return prediction, truth, known


@pytest.mark.parametrize("seed", range(6))
def test_boundary_f1_is_depth_pro_s(seed):
    prediction, truth, known = blocks(seed)
    ratios = np.linspace(1.05, 1.25, 10)
    expected = f1_by_loops(prediction, truth, known, ratios, ratios / ratios.sum(), lambda far, near, t: far / near > t)
    assert boundary_f1(prediction, truth, known) == pytest.approx(expected)
    # only ratios of depth count: any unit does, and so does inverse depth
    assert boundary_f1(prediction * 40, truth, known) == pytest.approx(expected)
    assert boundary_f1(1 / prediction, 1 / truth, known) == pytest.approx(expected)


@pytest.mark.parametrize("seed", range(3))
def test_aligned_boundary_f1_counts_steps(seed):
    prediction, truth, known = blocks(seed)
    ratios = np.linspace(1.05, 1.25, 10)
    low, high = np.percentile(truth[known], (2, 98))
    design = np.stack([prediction[known], np.ones(known.sum())], 1)
    (scale, shift), *_ = np.linalg.lstsq(design, truth[known], rcond=None)
    expected = f1_by_loops(
        scale * prediction + shift, truth, known, (ratios - 1) * (high - low), ratios / ratios.sum(),
        lambda near, far, s: near - far > s,
    )  # fmt: skip
    assert aligned_boundary_f1(prediction, truth, known) == pytest.approx(expected)
    assert aligned_boundary_f1(-3 * prediction + 9, truth, known) == pytest.approx(expected)


def test_contours_of_a_single_pair_by_hand():
    pair = np.array([[1.0, 2.0]])
    assert boundary_f1(pair, pair) == pytest.approx(0.25)
    assert boundary_f1(pair, pair, [[1, 1]]) == pytest.approx(0.25)
    assert math.isnan(boundary_f1(pair, pair, [[1, 0]]))
    # the smallest step of aligned depth is 5 % of the spread, and a ramp of 80 px climbs by less
    level = np.repeat([0.0, 100.0], 40)[None]
    assert aligned_boundary_f1(level, level) == pytest.approx(0.25)
    assert math.isnan(aligned_boundary_f1(level, np.arange(80.0)[None]))
    with pytest.raises(DepthError, match="one size"):
        boundary_f1(pair, pair, np.ones((2, 1), bool))
    with pytest.raises(DepthError, match="one size"):
        boundary_f1(np.ones((2, 2, 2)), np.ones((2, 2, 2)))
    eight_bit = np.random.default_rng(0).integers(100, 130, (20, 20)).astype(np.uint8)
    assert boundary_f1(eight_bit, eight_bit) == boundary_f1(eight_bit / 1.0, eight_bit / 1.0)
    assert aligned_boundary_f1(eight_bit, eight_bit) == aligned_boundary_f1(eight_bit / 1.0, eight_bit / 1.0) > 0


def test_boundaries_by_hand():
    truth = np.ones((6, 8))
    truth[:, 4:] = 2.0
    assert boundary_f1(truth, truth) == pytest.approx(0.25)  # one of four directions has a contour, and it is right
    assert boundary_f1(np.ones_like(truth), truth) == 0.0
    moved = np.ones((6, 8))
    moved[:, 5:] = 2.0
    assert boundary_f1(moved, truth) == 0.0
    assert math.isnan(boundary_f1(moved, np.ones_like(truth)))
    both = truth + np.where(np.arange(6) < 3, 0.0, 2.0)[:, None]
    assert boundary_f1(both, both) == pytest.approx(0.5)
    with pytest.raises(DepthError, match="one size"):
        boundary_f1(truth, truth[:4])


def test_edges_by_hand():
    truth = np.full((20, 40), 2.0)
    truth[:, 20:] = 4.0
    known = np.ones(truth.shape, bool)
    near = near_edges(np.log(truth), known, math.log(EDGE_RATIO))
    columns = np.nonzero(near.any(axis=0))[0]
    # the two pixels at the jump, and 5 px to either side
    assert (columns.min(), columns.max()) == (19 - EDGE_REACH, 20 + EDGE_REACH)
    assert near.all(axis=0)[columns].all()
    prediction = truth.copy()
    prediction[:, 0] = 9.0  # far from the edge
    assert edge_rmse(prediction, truth) == 0.0
    prediction[:, 18] += 1.2
    assert edge_rmse(prediction, truth) == pytest.approx(math.sqrt(1.2**2 / 12))
    assert math.isnan(edge_rmse(prediction, np.full((20, 40), 3.0)))


def edges_by_loops(values, known, step) -> np.ndarray:
    """Pixels near two known ones that follow each other in a row or column and differ by more than a step."""
    at = []
    for line in [[(y, x) for x in range(values.shape[1])] for y in range(values.shape[0])] + [
        [(y, x) for y in range(values.shape[0])] for x in range(values.shape[1])
    ]:
        places = [k for k, place in enumerate(line) if known[place]]
        for before, after in itertools.pairwise(places):
            if after - before <= EDGE_REACH and abs(values[line[after]] - values[line[before]]) > step:
                at += [line[before], line[after]]
    near = np.zeros(values.shape, bool)
    for y, x in np.ndindex(values.shape):
        near[y, x] = any(math.hypot(y - v, x - u) <= EDGE_REACH for v, u in at)
    return near


@pytest.mark.parametrize("share", [0.15, 0.3, 0.7, 1.0])
@pytest.mark.parametrize("seed", range(4))
def test_edges_against_loops(share, seed):
    rng = np.random.default_rng(seed)
    values = np.kron(rng.integers(0, 4, (4, 5)) * 0.5, np.ones((9, 8)))[7:34, 6:36] + 4.0
    known = rng.random(values.shape) < share
    values[~known] = rng.choice([np.nan, np.inf, -9.0], (~known).sum())
    # steps of exactly one half are none
    np.testing.assert_array_equal(near_edges(values, known, 0.5), edges_by_loops(values, known, 0.5))
    assert not near_edges(values, known, 0.0).any()


def test_only_known_pixels_have_an_edge_error():
    rng = np.random.default_rng(3)
    truth = np.where(np.arange(40) < 20, 2.0, 4.0) + 0.1 * rng.random((12, 40))
    prediction = truth * rng.uniform(0.9, 1.1, truth.shape)
    known = rng.random(truth.shape) < 0.8
    spoilt = np.where(known, truth, np.nan)
    expected = {figure: figure(prediction, spoilt) for figure in (edge_rmse, boundary_f1)}
    for unknown in (0.0, -1.0, 77.0):
        for figure, value in expected.items():
            assert figure(prediction, np.where(known, truth, unknown), known) == pytest.approx(value)
            assert figure(np.where(known, prediction, unknown), spoilt) == pytest.approx(value)
    inverse, known_inverse = 1 / prediction, np.where(known, 1 / truth, np.nan)
    for figure in (aligned_edge_error, aligned_boundary_f1):
        value = figure(inverse, known_inverse)
        assert value > 0
        assert figure(inverse, np.where(known, 1 / truth, 50.0), known) == pytest.approx(value)


@pytest.mark.parametrize(("width", "seen"), [(1, True), (4, True), (5, False), (12, False)])
def test_a_jump_may_hide_in_a_hole(width, seen):
    truth = np.full((8, 40), 2.0)
    truth[:, 20:] = 4.0
    truth[:, 20 : 20 + width] = np.nan
    assert near_edges(np.log(truth), np.isfinite(truth), math.log(EDGE_RATIO)).any() == seen
    assert np.isfinite(edge_rmse(np.full_like(truth, 3.0), truth)) == seen
    turned = np.ascontiguousarray(truth.T)
    assert near_edges(np.log(turned), np.isfinite(turned), math.log(EDGE_RATIO)).any() == seen


def test_edge_error_of_relative_depth():
    truth = np.zeros((10, 40))
    truth[:, 20:] = 1.0
    assert aligned_edge_error(5 * truth - 3, truth) == pytest.approx(0.0, abs=1e-9)
    blurred = np.clip((np.arange(40.0) - 15) / 9, 0, 1)[None].repeat(10, 0)
    assert 0.2 < aligned_edge_error(blurred, truth) < 1.0
    assert math.isnan(aligned_edge_error(blurred, np.linspace(0, 1, 40)[None].repeat(10, 0)))
    assert math.isnan(aligned_edge_error(blurred, np.ones((10, 40))))


def test_bootstrap_intervals():
    rng = np.random.default_rng(0)
    values = rng.normal(5.0, 2.0, 400)
    mean, low, high = bootstrap_mean(values)
    assert mean == pytest.approx(values.mean())
    # the normal approximation, which holds for so many values
    assert (low, high) == pytest.approx((mean - 1.96 * values.std() / 20, mean + 1.96 * values.std() / 20), abs=0.03)
    assert bootstrap_mean(values) == (mean, low, high)
    narrow = bootstrap_mean(values, level=0.5)
    assert low < narrow[1] < narrow[2] < high
    assert bootstrap_mean([3.0]) == (3.0, 3.0, 3.0)
    assert bootstrap_mean([1.0, math.nan, 3.0])[0] == 2.0
    assert all(math.isnan(value) for value in bootstrap_mean([math.nan]))
    with pytest.raises(ParameterError, match="between 0 and 1"):
        bootstrap_mean(values, level=95)


def test_intervals_cover_as_often_as_they_say():
    rng = np.random.default_rng(1)
    covered = 0
    for _ in range(200):
        _, low, high = bootstrap_mean(rng.exponential(1.0, 60), draws=300, seed=int(rng.integers(1 << 30)))
        covered += low <= 1.0 <= high
    assert 0.87 < covered / 200 < 0.99


def test_groups_are_resampled_whole():
    # ten scenes, each of fifty copies: as much is known as from ten images
    values = np.repeat(np.arange(10.0), 50)
    groups = [str(int(value)) for value in values]
    alone = bootstrap_mean(np.arange(10.0))
    assert bootstrap_mean(values, groups) == pytest.approx(alone)
    image = bootstrap_mean(values)
    assert image[2] - image[1] < 0.25 * (alone[2] - alone[1])
    # a scene counts once, however many frames it has
    assert bootstrap_mean([0.0, 0.0, 0.0, 1.0], ["a", "a", "a", "b"])[0] == 0.5
    with pytest.raises(ParameterError, match="4 values and 1 groups"):
        bootstrap_mean(np.zeros(4), ["a"])


def test_an_interval_is_made_of_means_of_drawn_values():
    values, groups = np.random.default_rng(5).exponential(1.0, 60), [str(k % 30) for k in range(60)]
    values[31] = math.nan
    means = [values[k] if k == 1 else (values[k] + values[k + 30]) / 2 for k in range(30)]
    rng = np.random.default_rng(7)
    drawn = sorted(np.mean([means[k] for k in row]) for row in rng.integers(0, 30, (501, 30)))
    mean, low, high = bootstrap_mean(values, groups, level=0.8, draws=501, seed=7)
    assert mean == pytest.approx(np.mean(means))
    assert (low, high) == pytest.approx((drawn[50], drawn[450]))


def test_draws_of_many_values_are_made_in_portions_and_as_many_as_asked_for():
    values = np.arange(250_000.0)  # two draws a portion
    _, low, high = bootstrap_mean(values, draws=3, level=0.999)
    rng = np.random.default_rng(0)
    drawn = [values[rng.integers(0, values.size, values.size)].mean() for _ in range(3)]
    assert (low, high) == pytest.approx((min(drawn), max(drawn)), rel=1e-5)


def test_the_defaults_of_an_interval():
    values = np.random.default_rng(2).exponential(1.0, 50).astype(np.float32)
    assert bootstrap_mean(values) == bootstrap_mean(values.astype(np.float64), None, level=0.95, draws=2000, seed=0)
    for level in (0, 1, 1.5, -0.5, math.nan):
        with pytest.raises(ParameterError, match="between 0 and 1"):
            bootstrap_mean(values, level=level)


@pytest.mark.parametrize(("height", "is_edge"), [(0.143, False), (0.1445, True)])
def test_the_spread_is_that_between_the_2nd_and_the_98th_percentile(height, is_edge):
    truth = np.broadcast_to(np.linspace(0, 1, 2001), (5, 2001)).copy()  # its spread is 0.96, and 15 % of it 0.144
    truth[2, 1000] += height
    assert math.isfinite(aligned_edge_error(truth, truth)) == is_edge
