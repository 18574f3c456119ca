"""What every blur by a lens must satisfy, whatever the kernel."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dofsim.bokeh import render
from dofsim.bokeh.render import Quality


def picture(height: int, width: int, seed: int = 0) -> npt.NDArray[np.float32]:
    return np.random.default_rng(seed).random((height, width, 3), dtype=np.float32)


def smooth_coc(height: int, width: int, reach: float, seed: int = 0) -> npt.NDArray[np.float32]:
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width] / max(height, width)
    coc = np.full((height, width), rng.uniform(-1, 1))
    for _ in range(3):
        a, b, c = rng.uniform(-1, 1, 3)
        coc += np.where(a * x + b * y > c * 0.5, rng.uniform(-1, 1), a * x * 0.3)
    return (coc / max(np.abs(coc).max(), 1e-9) * reach).astype(np.float32)


@settings(max_examples=25, deadline=None)
@given(
    height=st.integers(1, 61),
    width=st.integers(1, 61),
    reach=st.sampled_from([0.0, 0.7, 3.0, 9.0, 30.0, 300.0]),
    seed=st.integers(0, 99),
)
def test_a_constant_picture_stays_constant_up_to_the_border(height: int, width: int, reach: float, seed: int) -> None:
    rgb = np.broadcast_to(np.array([0.2, 0.5, 3.0], np.float32), (height, width, 3))
    np.testing.assert_allclose(render(rgb, smooth_coc(height, width, reach, seed), threads=1), rgb, rtol=1e-4)


@pytest.mark.parametrize("quality", ["fast", "best"])
@pytest.mark.parametrize("radius", [700.0, 1300.0])
def test_circles_as_wide_as_the_picture_leave_a_constant_picture_constant(radius: float, quality: Quality) -> None:
    rgb = np.broadcast_to(np.array([0.2, 0.5, 3.0], np.float32), (40, 1400, 3))
    coc = np.full((40, 1400), radius, np.float32)
    np.testing.assert_allclose(render(rgb, coc, threads=1, quality=quality), rgb, rtol=1e-4)


def test_zero_radius_is_the_identity_to_the_bit() -> None:
    rgb = picture(33, 57) * 4
    assert np.array_equal(render(rgb, np.zeros((33, 57), np.float32)), rgb)


def test_a_sharp_region_far_from_any_blur_is_the_identity_to_the_bit() -> None:
    rgb = picture(64, 96)
    coc = np.zeros((64, 96), np.float32)
    coc[:, 60:] = 6.0
    assert np.array_equal(render(rgb, coc)[:, :50], rgb[:, :50])


def test_the_sharp_subject_does_not_bleed_into_the_background() -> None:
    rgb = np.full((80, 80, 3), 0.2, np.float32)
    rgb[20:60, 20:60] = (1.0, 0.0, 0.0)
    coc = np.full((80, 80), 12.0, np.float32)
    coc[20:60, 20:60] = 0.0
    out = render(rgb, coc)
    outside = np.ones((80, 80), bool)
    outside[18:62, 18:62] = False
    assert np.abs(out[outside] - 0.2).max() < 1 / 255
    assert np.array_equal(out[20:60, 20:60], rgb[20:60, 20:60])


def test_a_soft_edge_leaves_no_bright_rim_on_the_background() -> None:
    # As phones take it: colour and depth of the edge run over several pixels, so some bright ones are half far.
    size = 1200
    ramp = np.clip((np.arange(size) - 600 + 4) / 8, 0, 1).astype(np.float32)
    rgb = np.broadcast_to((0.05 + 0.9 * (1 - ramp))[None, :, None], (400, size, 3))
    coc = np.broadcast_to((2.0 + 58.0 * ramp)[None, :], (400, size))
    profile = render(rgb, coc)[200, :, 0]
    assert profile[625:].max() < 0.085
    assert profile[:590].min() > 0.9


@pytest.mark.parametrize("rim", [-20.0, -15.0])
def test_a_rim_of_other_depth_leaves_no_outline(rim: float) -> None:
    """Depth that is soft at the edge of a near surface must not hide what is behind its middle."""
    y, x = np.mgrid[:160, :160]
    away = np.hypot(y - 80, x - 80)[..., None]
    rgb = np.where(away < 50, (0.25, 0.05, 0.05), (0.35, 0.35, 0.35)).astype(np.float32)
    away = away[..., 0]
    plain = np.where(away < 50, -23.0, 2.0).astype(np.float32)
    soft = np.where((away >= 44) & (away < 50), np.float32(rim), plain)
    steps = [np.abs(np.diff(render(rgb, coc), axis=1)).max() for coc in (plain, soft)]
    assert steps[1] < 2 * steps[0]


def test_a_blurred_foreground_spreads_over_the_sharp_background() -> None:
    rgb = np.zeros((80, 80, 3), np.float32)
    rgb[:, :40] = 1.0
    coc = np.zeros((80, 80), np.float32)
    coc[:, :40] = -8.0
    profile = render(rgb, coc)[40, :, 0]
    assert profile[49:].max() < 1e-3
    assert 0.3 < profile[40] < 0.7
    assert np.all(np.diff(profile[28:52]) < 0.02)


@pytest.mark.parametrize("radius", [2.0, 7.0, 13.0, 40.0])
def test_energy_is_kept(radius: float) -> None:
    rgb = picture(96, 128) * 5
    coc = np.full((96, 128), radius, np.float32)
    assert render(rgb, coc).mean(dtype=np.float64) == pytest.approx(rgb.mean(dtype=np.float64), rel=2e-3)


@pytest.mark.parametrize("axis", [0, 1])
def test_a_mirrored_scene_gives_a_mirrored_picture(axis: int) -> None:
    rgb, coc = picture(96, 128), smooth_coc(96, 128, 14.0, seed=5)
    mirrored = np.flip(render(np.flip(rgb, axis), np.flip(coc, axis)), axis)
    # Sums run from left to right and discs have eight vertical phases, so mirroring is not exact to the bit.
    np.testing.assert_allclose(mirrored, render(rgb, coc), atol=0.02)
    assert np.abs(mirrored - render(rgb, coc)).mean() < 5e-4


@pytest.mark.parametrize("threads", [2, 3])
def test_the_result_does_not_depend_on_the_number_of_threads(threads: int) -> None:
    rgb, coc = picture(700, 96), smooth_coc(700, 96, 20.0, seed=2)
    assert np.array_equal(render(rgb, coc, threads=threads), render(rgb, coc, threads=1))


@pytest.mark.parametrize("beyond", range(1, 32, 6))
def test_a_border_that_cuts_a_tile_in_two_changes_nothing_elsewhere(beyond: int) -> None:
    width = 4 * 32 + beyond
    rgb, coc = picture(96, 192), np.full((96, 192), 7.0, np.float32)
    coc[:, 16] = coc[:, 134:] = 3.0
    cut = render(rgb[:, :width], coc[:, :width])
    np.testing.assert_allclose(cut[:, :96], render(rgb, coc)[:, :96], atol=1e-4)


def test_a_wider_aperture_blurs_more() -> None:
    rgb, unit = picture(90, 120), smooth_coc(90, 120, 1.0, seed=7)
    detail = [
        np.abs(np.diff(render(rgb, unit * reach), axis=1)).mean() for reach in (0.0, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0)
    ]
    assert np.all(np.diff(detail) < 0)


def test_a_slow_ramp_of_radii_shows_no_steps() -> None:
    # A bright line at every column would show a jump of the radius as a jump of brightness between neighbours.
    rgb = np.full((64, 512, 3), 0.05, np.float32)
    rgb[32] = 1.0
    coc = np.broadcast_to(np.linspace(1.0, 30.0, 512, dtype=np.float32), (64, 512))
    centre = render(rgb, coc)[32, 40:470, 0]
    smooth = np.convolve(centre, np.ones(9) / 9, mode="valid")
    assert np.abs(centre[4:-4] - smooth).max() < 0.012


def test_twice_the_size_is_the_same_picture() -> None:
    rgb, coc = picture(12, 16), smooth_coc(12, 16, 6.0, seed=3)
    small = render(np.kron(rgb, np.ones((4, 4, 1), np.float32)), np.kron(coc, np.ones((4, 4), np.float32)))
    large = render(np.kron(rgb, np.ones((8, 8, 1), np.float32)), 2 * np.kron(coc, np.ones((8, 8), np.float32)))
    shrunk = large.reshape(48, 2, 64, 2, 3).mean(axis=(1, 3))
    assert np.abs(shrunk - small).mean() < 0.012
