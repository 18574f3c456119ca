"""The lens formula against values worked out by hand, and against a second derivation."""

from __future__ import annotations

import math

import numpy as np
import pytest

from dofsim import lens
from dofsim.errors import ParameterError


def test_the_factor_against_a_hand_computed_value() -> None:
    # f = 50 mm, N = 2, focus 2 m, 6000 px on 36 mm: K = .05^2 * 6000 * 2 / (2 * 2 * .036 * 1.95) = 106.83761 px m
    assert lens.circle_of_confusion_factor(50, 2, 2, 6000, 36) == pytest.approx(106.8376068, rel=1e-9)


@pytest.mark.parametrize(
    ("distance", "expected"),
    [(2.0, 0.0), (4.0, 26.7094017), (math.inf, 53.4188034), (1.0, -53.4188034), (0.5, -160.2564103)],
)
def test_the_signed_radius_against_hand_computed_values(distance: float, expected: float) -> None:
    factor = lens.circle_of_confusion_factor(50, 2, 2, 6000, 36)
    radius = lens.circle_of_confusion(np.array([1 / distance], np.float32), 0.5, factor)
    assert radius[0] == pytest.approx(expected, abs=1e-3)


def test_the_radius_follows_from_similar_triangles_behind_the_lens() -> None:
    focal, f_number, focus, distance, width, sensor = 0.085, 1.8, 3.0, 7.0, 4000, 0.036
    image_of_focus = 1 / (1 / focal - 1 / focus)
    image_of_point = 1 / (1 / focal - 1 / distance)
    diameter = focal / f_number * abs(image_of_point - image_of_focus) / image_of_point
    factor = lens.circle_of_confusion_factor(focal * 1e3, f_number, focus, width, sensor * 1e3)
    radius = lens.circle_of_confusion(np.array([1 / distance], np.float32), 1 / focus, factor)
    assert radius[0] == pytest.approx(0.5 * diameter / sensor * width, rel=1e-5)


def test_focus_at_infinity_is_the_limit_of_far_focus() -> None:
    far = lens.circle_of_confusion_factor(35, 2.8, 1e7, 4000, 36)
    assert lens.circle_of_confusion_factor(35, 2.8, math.inf, 4000, 36) == pytest.approx(far, rel=1e-6)
    assert lens.physical_factor(2.8, 35, 0.0, 5000.0) == pytest.approx(
        0.035 * 35 * 5000 / (2 * 2.8 * lens.FULL_FRAME_DIAGONAL_MM)
    )


def test_a_photo_s_lens_is_that_of_its_diagonal() -> None:
    # f = 26 mm, N = 1.8, focus 1 / 0.8 m, 5000 px on the 43.2666 mm of a full frame
    expected = 0.026 * 26 * 5000 * 1.25 / (2 * 1.8 * math.hypot(36, 24) * (1.25 - 0.026))
    assert lens.physical_factor(1.8, 26, 0.8, 5000.0) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((50, 0, 2, 6000, 36), r"^the f-number \(--aperture\) must be a positive number, not 0"),
        ((-50, 2, 2, 6000, 36), r"^the focal length \(--focal-length\) must"),
        ((50, 2, 0.05, 6000, 36), "cannot focus at 0.05 m"),
        ((50, 2, 2, math.nan, 36), "^the picture width must"),
        ((50, 2, 2, 6000, math.inf), "^the sensor width must"),
    ],
)
def test_impossible_lenses_are_refused(arguments: tuple[float, ...], says: str) -> None:
    with pytest.raises(ParameterError, match=says):
        lens.circle_of_confusion_factor(*arguments)


@pytest.mark.parametrize(
    ("blur", "expected"),
    [("2.5%", 125.0), ("40px", 40.0), ("117.5px", 117.5), (0.01, 50.0), ("0.02", 100.0), (0, 0.0), ("50%", 2500.0)],
)
def test_blur_in_every_form(blur: str | float, expected: float) -> None:
    assert lens.parse_blur(blur, 5000.0) == pytest.approx(expected)


@pytest.mark.parametrize("blur", ["much", "-1%", "60%", 0.7, "nan%", ""])
def test_blur_out_of_range_is_refused(blur: str | float) -> None:
    with pytest.raises(ParameterError, match="blur"):
        lens.parse_blur(blur, 5000.0)


@pytest.mark.parametrize(
    ("text", "expected"), [("f/1.8", 1.8), ("F/16", 16.0), (" 2.8 ", 2.8), (0.95, 0.95), ("f/0.5", 0.5)]
)
def test_f_numbers_are_read(text: str | float, expected: float) -> None:
    assert lens.parse_f_number(text) == expected


@pytest.mark.parametrize("text", ["", "f/", "1.8f/", "wide", "0", "-2", "inf", "nan"])
def test_what_is_no_f_number_is_refused(text: str) -> None:
    with pytest.raises(ParameterError, match="--aperture"):
        lens.parse_f_number(text)


def test_the_artistic_factor_gives_the_farthest_point_the_chosen_radius() -> None:
    factor = lens.artistic_factor(60.0, 0.7, 0.0, 1.0)
    radius = lens.circle_of_confusion(np.array([0.0, 0.7, 1.0], np.float32), 0.7, factor)
    np.testing.assert_allclose(radius, [60.0, 0.0, -25.714285], atol=1e-4)
    assert lens.artistic_factor(60.0, 0.5, 0.5, 0.5) == 0.0


def test_the_sharp_range_takes_from_every_circle_and_keeps_the_largest() -> None:
    factor = lens.artistic_factor(60.0, 0.7, 0.0, 1.0, sharp_range=0.1)
    radius = lens.circle_of_confusion(np.array([0.0, 0.55, 0.61, 0.7, 0.79, 1.0], np.float32), 0.7, factor)
    kept = lens.keep_sharp(radius, factor * 0.1)
    np.testing.assert_allclose(kept, [60.0, 5.0, 0.0, 0.0, 0.0, -20.0], atol=1e-4)
    assert lens.keep_sharp(radius, 0.0) is radius


@pytest.mark.parametrize(("focus", "sharp_range"), [(0.0, 1.0), (0.75, 0.75), (0.5, 0.6), (0.3, 0.7)])
def test_where_all_is_in_the_sharp_range_all_is_sharp(focus: float, sharp_range: float) -> None:
    # 0.1 and 0.9 have no exact floats: what rounding leaves over must not become the strongest blur.
    far, near = 0.1, 0.9
    at = far + focus * (near - far)
    factor = lens.artistic_factor(60.0, at, far, near, sharp_range)
    radius = lens.circle_of_confusion(np.linspace(far, near, 50, dtype=np.float32), at, factor)
    assert np.array_equal(lens.keep_sharp(radius, factor * sharp_range * (near - far)), np.zeros(50))
