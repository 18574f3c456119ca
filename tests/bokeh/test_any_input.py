"""Whatever size, radius, type or layout: a finite picture within the range of its light, or one sentence."""

from __future__ import annotations

from typing import Any, get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dofsim.bokeh import Aperture, render
from dofsim.bokeh.plan import TILE
from dofsim.bokeh.render import Quality
from dofsim.errors import ParameterError
from tests.layouts import FEW, LAYOUTS, SIDES, TYPES, halves, laid_out

RADII = st.sampled_from([0.0, 0.3, 0.59, 0.61, 1.0, 2.5, 7.9, 8.1, 20.0, 150.0, 1e6])
APERTURES = st.sampled_from([None, Aperture(blades=5), Aperture(obstruction=0.4, cats_eye=0.5)])
QUALITIES = st.sampled_from(get_args(Quality))


def scene(height: int, width: int, near: float, far: float, light: float, seed: int) -> tuple[Any, Any]:
    rng = np.random.default_rng(seed)
    rgb = (rng.random((height, width, 3)) * light).astype(np.float32)
    coc = np.where(rng.random((height, width)) < 0.3, -near, far * rng.random((height, width)))
    # Every other one has tiles of little and of much blur side by side.
    if seed % 2 == 1:
        tiles = rng.choice([0.1, 1.0], (-(-height // TILE), -(-width // TILE)))
        coc *= tiles.repeat(TILE, axis=0).repeat(TILE, axis=1)[:height, :width]
    return rgb, coc.astype(np.float32)


@FEW
@given(height=SIDES, width=SIDES, near=RADII, far=RADII, light=st.sampled_from([0.0, 1.0, 500.0]), aperture=APERTURES,
       quality=QUALITIES, seed=st.integers(0, 9))  # fmt: skip
def test_every_size_and_radius(
    height: int, width: int, near: float, far: float, light: float, aperture: Aperture | None, quality: Quality,
    seed: int,
) -> None:  # fmt: skip
    rgb, coc = scene(height, width, near, far, light, seed)
    out = render(rgb, coc, aperture, quality=quality, threads=1)
    assert (out.shape, out.dtype) == (rgb.shape, np.float32)
    # Spreading light makes none and takes none away: each pixel is a mean of others.
    slack = 1e-3 * max(light, 1e-6)
    assert out.min() >= rgb.min() - slack
    assert out.max() <= rgb.max() + slack
    assert np.array_equal(render(rgb, coc, aperture, quality=quality, threads=2), out)


@FEW
@given(layout=LAYOUTS, kind=TYPES, height=SIDES, width=SIDES, quality=QUALITIES, seed=st.integers(0, 9))
def test_every_layout_gives_the_same(
    layout: str, kind: str, height: int, width: int, quality: Quality, seed: int
) -> None:
    rgb, coc = map(halves, scene(height, width, 4.0, 9.0, 1.0, seed))
    given_rgb, given_coc = laid_out(rgb, layout, kind), laid_out(coc, layout, kind)
    kept = given_rgb.copy(), given_coc.copy()
    out = render(given_rgb, given_coc, quality=quality, threads=1)
    assert np.array_equal(out, render(rgb, coc, quality=quality, threads=1))
    assert np.array_equal(given_rgb, kept[0])
    assert np.array_equal(given_coc, kept[1])
    assert not np.shares_memory(out, given_rgb)


@FEW
@given(value=st.sampled_from([np.nan, np.inf, -np.inf]), in_light=st.booleans(), kind=TYPES, place=st.integers(0, 34))
def test_what_is_not_finite_is_refused(value: float, in_light: bool, kind: str, place: int) -> None:
    rgb, coc = (array.astype(kind) for array in scene(5, 7, 3.0, 3.0, 1.0, 0))
    (rgb if in_light else coc).reshape(-1)[place] = value
    with pytest.raises(ParameterError, match="not finite"):
        render(rgb, coc)


@FEW
@given(kind=st.sampled_from(["u1", "i4", "?", "c8", "O", "S3", "M8[s]"]))
def test_what_is_no_float_is_refused(kind: str) -> None:
    with pytest.raises(ParameterError, match="floats"):
        render(np.zeros((5, 7, 3), kind), np.zeros((5, 7), np.float32))


@pytest.mark.parametrize("quality", get_args(Quality))
def test_negative_light_stays_finite_and_in_range(quality: Quality) -> None:
    rgb, coc = scene(33, 61, 5.0, 12.0, 2.0, 1)
    out = render(rgb - 1.0, coc, quality=quality)
    assert np.isfinite(out).all()
    assert out.min() >= -1.002
    assert out.max() <= 1.002


@pytest.mark.parametrize("shape", [(0, 7, 3), (5, 0, 3), (5, 7, 0), (5, 7), (5, 7, 4), (3,), ()])
def test_what_is_no_picture_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ParameterError, match="linear_rgb has the shape"):
        render(np.zeros(shape, np.float32), np.zeros(shape[:2], np.float32))
