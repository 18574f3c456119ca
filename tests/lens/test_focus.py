"""Where the plane of focus ends up."""

from __future__ import annotations

import numpy as np
import pytest

from dofsim.depth import DepthKind, DepthMap
from dofsim.errors import DepthError, ParameterError
from dofsim.focus import Focus, parse_focus, parse_point, resolve_focus

RAMP = DepthMap(np.tile(np.linspace(1, 5, 101, dtype=np.float32), (40, 1)), DepthKind.RELATIVE)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0.7", Focus("normalised", 0.7)),
        (0, Focus("normalised", 0.0)),
        ("1", Focus("normalised", 1.0)),
        ("1.2m", Focus("metres", 1.2)),
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


def test_points_are_read_in_px_and_percent() -> None:
    assert parse_point("50,20", 101, 40).point == pytest.approx((0.5, 20.5 / 40))
    assert parse_point("40%,55%", 101, 40).point == pytest.approx((0.4, 0.55))
    assert parse_point((0, 0), 101, 40).point == pytest.approx((0.5 / 101, 0.5 / 40))


@pytest.mark.parametrize("point", ["5", "1,2,3", "a,b", "101,5", "-1,5", "101%,50%", "nan,3"])
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


def test_auto_focus_finds_the_subject_in_the_middle() -> None:
    values = np.tile(np.linspace(0.0, 1.0, 200, dtype=np.float32)[:, None], (1, 300))
    values[60:160, 110:190] = 0.8
    subject = DepthMap(values, DepthKind.RELATIVE)
    assert resolve_focus(Focus("auto"), subject) == pytest.approx(0.8, abs=0.03)
