"""Whatever numbers: a lens that follows the optics, a plane of focus within the depth, or one sentence."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from dofsim import lens
from dofsim.depth import DepthKind, DepthMap
from dofsim.errors import ParameterError
from dofsim.focus import Focus, parse_focus, parse_point, resolve_focus
from tests.layouts import FEW, LAYOUTS, MANY, SIDES, TYPES, halves, laid_out

SHARES = st.floats(0.0, 1.0)
WORDS = st.one_of(
    st.text(max_size=8),
    st.floats().map(str),
    st.tuples(st.floats(), st.sampled_from(["m", "%", "px", "f/", "M"])).map(lambda pair: f"{pair[0]}{pair[1]}"),
)


@MANY
@given(
    focal=st.floats(4, 800), f_number=st.floats(0.5, 64), focus=st.floats(0.9, 1e4), distance=st.floats(0.01, 1e5),
    width=st.integers(1, 20_000), sensor=st.floats(2, 60),
)  # fmt: skip
def test_the_radius_follows_from_similar_triangles(
    focal: float, f_number: float, focus: float, distance: float, width: int, sensor: float
) -> None:
    factor = lens.circle_of_confusion_factor(focal, f_number, focus, width, sensor)
    (radius,) = lens.circle_of_confusion(np.array([1 / distance], np.float32), 1 / focus, factor)
    # Behind the lens, in mm: the image of the plane of focus lies on the sensor, that of the point does not.
    on_sensor = 1 / (1 / focal - 1 / (focus * 1e3))
    convergence = 1 / focal - 1 / (distance * 1e3)  # 1 / the image distance; below 0 the image is virtual
    expected = 0.5 * focal / f_number * (on_sensor * convergence - 1) / sensor * width
    assert radius == pytest.approx(expected, rel=1e-4, abs=1e-5 * factor * max(1 / distance, 1 / focus))


@FEW
@given(layout=LAYOUTS, kind=TYPES, height=SIDES, width=SIDES, focus=SHARES, factor=st.floats(0, 500))
def test_every_layout_gives_the_same_circles(
    layout: str, kind: str, height: int, width: int, focus: float, factor: float
) -> None:
    inverse = halves(np.random.default_rng(height).random((height, width)))
    given_inverse = laid_out(inverse, layout, kind)
    radius = lens.circle_of_confusion(given_inverse, focus, factor)
    assert (radius.shape, radius.dtype) == ((height, width), np.float32)
    np.testing.assert_array_equal(radius, lens.circle_of_confusion(inverse, focus, factor))
    assert np.array_equal(given_inverse, inverse)
    assert not np.shares_memory(radius, given_inverse)
    # Positive behind the plane of focus, negative in front of it.
    clear = np.abs(inverse - focus) > 1e-6
    assert (np.sign(radius) == np.sign(factor) * np.sign(focus - inverse))[clear & (np.abs(radius) > 1e-4)].all()


@MANY
@given(radii=st.lists(st.floats(-1e6, 1e6, width=32), min_size=1, max_size=9), sharp=st.floats(-1, 1e3, width=32))
def test_a_sharp_range_only_shrinks_circles(radii: list[float], sharp: float) -> None:
    coc = np.array(radii, np.float32)
    kept = lens.keep_sharp(coc, sharp)
    expected = np.sign(coc) * np.maximum(np.abs(coc.astype(np.float64)) - max(sharp, 0), 0)
    np.testing.assert_allclose(kept, expected, rtol=1e-6)


@MANY
@given(focus=SHARES, ends=st.tuples(st.floats(-1e3, 1e3), st.floats(-1e3, 1e3)), radius=st.floats(0, 1e4), sharp=SHARES)
def test_the_most_defocused_end_gets_the_radius(
    focus: float, ends: tuple[float, float], radius: float, sharp: float
) -> None:
    far, near = sorted(ends)
    assume(near - far > 1e-3)
    at = far + focus * (near - far)
    factor = lens.artistic_factor(radius, at, far, near, sharp)
    reach = max(at - far, near - at)
    if reach - sharp * (near - far) <= 1.01e-4 * (near - far):  # what float32 tells apart, and what rounding leaves
        assert factor == 0 or factor * reach >= radius * 0.999  # all of it is to be sharp
    else:
        assert factor * reach - factor * sharp * (near - far) == pytest.approx(radius, abs=1e-9 * radius + 1e-300)


@MANY
@given(text=WORDS)
def test_any_words_are_a_number_in_its_range_or_one_sentence(text: str) -> None:
    for read, fits in (
        (lambda: lens.parse_f_number(text), lambda value: 0 < value < math.inf),
        (lambda: lens.parse_blur(text, 5000.0), lambda value: 0 <= value <= 2500),
        (lambda: parse_focus(text), lambda focus: focus.value > 0 if focus.kind == "metres" else 0 <= focus.value <= 1),
        (lambda: parse_point(text, 40, 30), lambda focus: all(0 <= share <= 1 for share in focus.point)),
        (lambda: parse_point(f"{text},{text}", 40, 30), lambda focus: all(0 <= share <= 1 for share in focus.point)),
    ):
        try:
            value: Any = read()
        except ParameterError as error:
            said = str(error)
            assert "\n" not in said
            assert "--" in said
        else:
            assert fits(value)


@pytest.mark.parametrize("arguments", [(50, 1e-300, 2, 6000, 36), (1e300, 2, math.inf, 6000, 36)])
def test_a_lens_beyond_all_measure_is_refused(arguments: tuple[float, ...]) -> None:
    with pytest.raises(ParameterError, match="--aperture"):
        lens.circle_of_confusion_factor(*arguments)


@FEW
@given(
    height=SIDES, width=SIDES, kind=st.sampled_from(DepthKind), layout=LAYOUTS, flat=st.booleans(), share=SHARES,
    point=st.tuples(SHARES, SHARES), scale=st.sampled_from([1e-6, 1.0, 1e6]), seed=st.integers(0, 9),
)  # fmt: skip
def test_every_focus_lies_within_the_depth(
    height: int, width: int, kind: DepthKind, layout: str, flat: bool, share: float, point: tuple[float, float],
    scale: float, seed: int,
) -> None:  # fmt: skip
    values = np.random.default_rng(seed).random((height, width)) + 0.01
    if flat:
        values[:] = 0.3
    if kind is DepthKind.METRIC and height > 2:
        values[0] = np.inf
    depth = DepthMap(laid_out(values * scale, layout, "<f4"), kind)
    far, near = depth.range()
    slack = 1e-6 * max(abs(far), abs(near))
    for focus in (Focus("normalised", share), Focus("point", point=point), Focus("auto")):
        assert far - slack <= resolve_focus(focus, depth) <= near + slack
