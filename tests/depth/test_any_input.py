"""Whatever numbers, sizes and layouts: a depth map that keeps its promises, or one sentence."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dofsim.depth import DepthKind, DepthMap
from dofsim.depth.refine import refine
from dofsim.errors import DepthError
from tests.layouts import FEW, LAYOUTS, MANY, SIDES, TYPES, halves, laid_out

NUMBERS = st.one_of(
    st.floats(width=32),
    st.sampled_from([np.nan, np.inf, -np.inf, 0.0, -0.0, 1e-45, -1e-45, 3e38, -3e38, 1e-21, 1e-19, 1e19]),
)


def promised(values: Any, kind: DepthKind) -> bool:
    """Whether the numbers are such as the attributes of a depth map promise."""
    if kind is DepthKind.METRIC:
        return bool((values >= np.float32(1e-20)).all())
    return bool((np.abs(values) <= np.float32(1e20)).all()) and (
        kind is DepthKind.RELATIVE or bool((values >= 0).all())
    )


@MANY
@given(
    numbers=st.lists(NUMBERS, min_size=1, max_size=6),
    kind=st.sampled_from(DepthKind),
    upright=st.booleans(),
    double=st.booleans(),
)
def test_any_numbers(numbers: list[float], kind: DepthKind, upright: bool, double: bool) -> None:
    values = np.array([numbers], np.float64 if double else np.float32)
    values = values.T if upright else values
    if not promised(values, kind):
        with pytest.raises(DepthError) as error:
            DepthMap(values, kind)
        assert "\n" not in str(error.value)
        return
    depth = DepthMap(values, kind)
    far, near = depth.range()
    assert 0 <= far <= near if kind is not DepthKind.RELATIVE else far <= near
    inverse, normalised = depth.inverse().values, depth.normalised()
    assert np.isfinite(inverse).all()
    assert (normalised.shape, normalised.dtype) == (values.shape, np.float32)
    assert 0 <= normalised.min() <= normalised.max() <= 1
    if not depth.is_flat():
        assert (normalised.min(), normalised.max()) == (0, pytest.approx(1, abs=1e-5))
        assert (np.diff(normalised.ravel()[np.argsort(inverse, axis=None)]) >= 0).all()
    assert repr(depth).startswith(f"DepthMap({values.shape[1]} x {values.shape[0]}, {kind.value}, ")
    assert depth._repr_png_().startswith(b"\x89PNG")


@pytest.mark.parametrize("far_beyond", [1e300, -1e300, 3.3e38])
@pytest.mark.parametrize("kind", [DepthKind.INVERSE, DepthKind.RELATIVE])
def test_numbers_that_no_depth_has_are_refused_without_a_word_from_numpy(far_beyond: float, kind: DepthKind) -> None:
    with pytest.raises(DepthError, match=r"1e\+20|finite|negative"):
        DepthMap(np.array([[1.0, far_beyond]]), kind)


@FEW
@given(layout=LAYOUTS, kind=TYPES, height=SIDES, width=SIDES, unit=st.sampled_from(DepthKind))
def test_every_layout_gives_the_same(layout: str, kind: str, height: int, width: int, unit: DepthKind) -> None:
    values = halves(np.random.default_rng(width).random((height, width)) + 0.25)
    given_values = laid_out(values, layout, kind)
    depth = DepthMap(given_values, unit)
    assert depth.values.dtype == np.dtype("=f4")
    assert depth.values.flags.c_contiguous
    assert np.array_equal(depth.values, values)
    assert np.array_equal(given_values, values)


@pytest.mark.parametrize("shape", [(0, 5), (5, 0), (0, 0), (), (5,), (5, 7, 1)])
def test_what_is_no_map_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(DepthError, match=r"non-empty \(height, width\) array"):
        DepthMap(np.ones(shape, np.float32), DepthKind.METRIC)


@FEW
@given(
    height=SIDES, width=SIDES, rows=st.sampled_from([1, 2, 5, 13, 64]), columns=st.sampled_from([1, 3, 7, 48]),
    kind=st.sampled_from(DepthKind), depth_of_bits=st.sampled_from([np.uint8, np.uint16]), layout=LAYOUTS,
    seed=st.integers(0, 9),
)  # fmt: skip
def test_refining_any_size_stays_within_the_map(
    height: int, width: int, rows: int, columns: int, kind: DepthKind, depth_of_bits: Any, layout: str, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    values = np.where(rng.random((rows, columns)) < 0.5, 0.4, 3.0) + 0.1 * rng.random((rows, columns))
    depth = DepthMap(values, kind)
    guide = rng.integers(0, np.iinfo(depth_of_bits).max, (height, width, 3), endpoint=True)
    refined = refine(depth, laid_out(guide, layout, np.dtype(depth_of_bits).str))
    assert refined.shape == (height, width)
    slack = 1e-5 * depth.range()[1]
    assert depth.range()[0] - slack <= refined.range()[0]
    assert refined.range()[1] <= depth.range()[1] + slack
