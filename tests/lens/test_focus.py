"""Where the plane of focus ends up."""

from __future__ import annotations

import math
import statistics

import numpy as np
import pytest

from dofsim.depth import DepthKind, DepthMap
from dofsim.errors import DepthError, ParameterError
from dofsim.focus import Focus, auto_focus, depth_at, parse_focus, parse_point, resolve_focus

RAMP = DepthMap(np.tile(np.linspace(1, 5, 101, dtype=np.float32), (40, 1)), DepthKind.RELATIVE)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0.7", Focus("normalised", 0.7)),
        (0, Focus("normalised", 0.0)),
        ("1", Focus("normalised", 1.0)),
        ("1.2m", Focus("metres", 1.2)),
        ("0.3M", Focus("metres", 0.3)),
        (" AUTO ", Focus("auto")),
        (Focus("metres", 3.0), Focus("metres", 3.0)),
    ],
)
def test_focus_is_read(text: str | float | Focus, expected: Focus) -> None:
    assert parse_focus(text) == expected


@pytest.mark.parametrize("text", ["1.7", "-0.1", "near", "0m", "-2m", "nan", "nanm", "m", ""])
def test_nonsense_is_refused(text: str) -> None:
    with pytest.raises(ParameterError):
        parse_focus(text)


@pytest.mark.parametrize(("text", "says"), [(2, "--focus 2m$"), ("1.5", "--focus 1.5m$"), ("-1", "within")])
def test_a_number_beyond_1_may_have_been_a_distance(text: str | float, says: str) -> None:
    with pytest.raises(ParameterError, match=says):
        parse_focus(text)


def test_points_are_read_in_px_and_percent() -> None:
    assert parse_point("50,20", 101, 40).point == pytest.approx((0.5, 20.5 / 40))
    assert parse_point("40%,55%", 101, 40) == Focus("point", point=(pytest.approx(0.4), pytest.approx(0.55)))
    assert parse_point("0%,0%", 101, 40).point == (0.0, 0.0)
    assert parse_point("100%,100%", 101, 40).point == (1.0, 1.0)
    assert parse_point((0, 0), 101, 40).point == pytest.approx((0.5 / 101, 0.5 / 40))


@pytest.mark.parametrize("point", ["5", "1,2,3", "a,b", "101,5", "5,40", "-1,5", "101%,50%", "50%,101%", "nan,3"])
def test_points_outside_are_refused(point: str) -> None:
    with pytest.raises(ParameterError, match="point"):
        parse_point(point, 101, 40)


def test_the_scale_runs_from_the_farthest_to_the_nearest_pixel() -> None:
    assert resolve_focus(Focus("normalised", 0.0), RAMP) == pytest.approx(1.0)
    assert resolve_focus(Focus("normalised", 0.75), RAMP) == pytest.approx(4.0)
    metric = DepthMap(np.array([[1.0, 2.0, np.inf]], np.float32), DepthKind.METRIC)
    assert resolve_focus(Focus("normalised", 1.0), metric) == pytest.approx(1.0)
    assert resolve_focus(Focus("normalised", 0.0), metric) == pytest.approx(0.0)


def test_metres_need_metric_depth() -> None:
    metric = DepthMap(np.array([[1.0, 4.0]], np.float32), DepthKind.METRIC)
    assert resolve_focus(Focus("metres", 2.5), metric) == pytest.approx(0.4)
    with pytest.raises(DepthError, match="metres needs metric depth"):
        resolve_focus(Focus("metres", 2.5), RAMP)


def test_a_point_takes_the_surface_that_it_lies_on() -> None:
    values = np.full((100, 100), 1.0, np.float32)
    values[:, 50:54] = 3.0
    thin = DepthMap(values, DepthKind.RELATIVE)
    assert resolve_focus(Focus("point", point=(0.52, 0.5)), thin) == pytest.approx(3.0)
    assert resolve_focus(Focus("point", point=(0.46, 0.5)), thin) == pytest.approx(1.0)


def test_a_point_survives_noise() -> None:
    rng = np.random.default_rng(0)
    values = np.full((200, 200), 2.0, np.float32)
    values[rng.random((200, 200)) < 0.1] = 9.0
    values[100, 100] = 9.0
    assert resolve_focus(Focus("point", point=(0.5025, 0.5025)), DepthMap(values, DepthKind.RELATIVE)) == pytest.approx(
        2.0
    )


def test_a_speck_of_three_pixels_is_no_surface_in_a_large_picture() -> None:
    values = np.full((640, 640), 1.0, np.float32)
    values[319:322, 319:322] = 5.0
    assert depth_at(values, (0.501, 0.501)) == 1.0


def test_auto_focus_finds_the_subject_in_the_middle() -> None:
    values = np.tile(np.linspace(0.0, 1.0, 200, dtype=np.float32)[:, None], (1, 300))
    values[60:160, 110:190] = 0.8
    subject = DepthMap(values, DepthKind.RELATIVE)
    assert resolve_focus(Focus("auto"), subject) == pytest.approx(0.8, abs=0.03)


def votes_counted_one_by_one(inverse: np.ndarray) -> float:
    """The guess of the subject as its docstring tells it, pixel by pixel."""
    step = max(1, math.floor(math.sqrt(inverse.size / 60_000)))
    values = inverse[::step, ::step].astype(float)
    rows, columns = values.shape
    far, near = values.min(), values.max()
    votes, weights, places = [0.0] * 64, [], []
    for y in range(rows):
        for x in range(columns):
            down, right = (y + 0.5) / rows, (x + 0.5) / columns
            weight = math.exp(-(((down - 0.52) / 0.2) ** 2) - ((right - 0.5) / 0.2) ** 2)
            place = (values[y, x] - far) / (near - far)
            votes[min(int(place * 64), 63)] += weight * (0.25 + place)
            weights.append(weight)
            places.append(place)
    smooth = [
        sum(votes[k] * math.exp(-0.5 * ((k - middle) / 2) ** 2) for k in range(64) if abs(k - middle) <= 6)
        for middle in range(64)
    ]
    peak = (smooth.index(max(smooth)) + 0.5) / 64
    close = [k for k, place in enumerate(places) if abs(place - peak) <= 2.5 / 64]
    return far + sum(weights[k] * places[k] for k in close) / sum(weights[k] for k in close) * (near - far)


@pytest.mark.parametrize("shape", [(37, 53), (64, 20), (9, 8), (500, 490)])
@pytest.mark.parametrize("seed", range(4))
def test_auto_focus_counts_votes(shape: tuple[int, int], seed: int) -> None:
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[: shape[0], : shape[1]] / max(shape)
    inverse = (3.0 + 2 * rng.random() * y + rng.normal(0, 0.05, shape)).astype(np.float32)
    inverse[np.hypot(y - rng.uniform(0.2, 0.8), x - rng.uniform(0.2, 0.8)) < 0.2] = rng.uniform(2, 7)
    assert auto_focus(inverse) == pytest.approx(votes_counted_one_by_one(inverse), rel=1e-9)


@pytest.mark.parametrize("apart", [2, 3, 4, 5, 6])
def test_auto_focus_between_two_surfaces(apart: int) -> None:
    # Up to four bins apart their smooth sum is highest between them, where no pixel is.
    inverse = np.full((40, 40), 0.504, np.float32)
    inverse[::2] = 0.504 + apart / 64
    inverse[0, 0], inverse[0, 1] = 0.0, 1.0
    assert auto_focus(inverse) == pytest.approx(votes_counted_one_by_one(inverse), rel=1e-9)


def test_auto_focus_on_what_is_nearest() -> None:
    inverse = np.tile(np.linspace(0, 0.5, 60, dtype=np.float32), (60, 1))
    inverse[20:45, 20:40] = np.random.default_rng(0).uniform(60.2 / 64, 62.9 / 64, (25, 20))
    inverse[20:45:2, 20:40] = 1.0
    assert auto_focus(inverse) == pytest.approx(votes_counted_one_by_one(inverse), rel=1e-9)


def patch_looked_at_one_by_one(inverse: np.ndarray, point: tuple[float, float]) -> float:
    """The depth of a point as its docstring tells it."""
    height, width = inverse.shape
    x, y = min(int(point[0] * width), width - 1), min(int(point[1] * height), height - 1)

    def around(reach: int) -> list[float]:
        return [
            float(inverse[v, u])
            for v in range(y - reach, y + reach + 1)
            for u in range(x - reach, x + reach + 1)
            if 0 <= v < height and 0 <= u < width
        ]

    radius = max(1, round(math.hypot(height, width) / 100))
    patch, centre = around(radius), statistics.median(around(max(1, radius // 4)))
    side = [value for value in patch if abs(value - centre) <= 0.35 * (max(patch) - min(patch))]
    return statistics.median(side) if side else centre


@pytest.mark.parametrize("shape", [(1, 1), (2, 5), (90, 61), (300, 280), (640, 640)])
@pytest.mark.parametrize("point", [(0.0, 0.0), (1.0, 1.0), (0.5, 0.5), (0.03, 0.97), (0.7, 0.2)])
def test_a_point_takes_the_median_of_its_own_side(shape: tuple[int, int], point: tuple[float, float]) -> None:
    rng = np.random.default_rng(sum(shape))
    inverse = np.where(rng.random(shape) < 0.4, 1.0, 5.0) + 0.3 * rng.random(shape)
    inverse = inverse.astype(np.float32)
    assert depth_at(inverse, point) == pytest.approx(patch_looked_at_one_by_one(inverse, point), rel=1e-6)
