"""Axial chromatic aberration: another focus for red and blue, and nothing else."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from dofsim.bokeh import Aperture, render
from dofsim.bokeh.fringing import focal_shift, largest_radius, red_and_blue
from dofsim.bokeh.oracle import scatter
from dofsim.errors import ParameterError

Floats = npt.NDArray[np.float32]
RED, GREEN, BLUE = range(3)
FRINGING = Aperture(fringing=0.1)
LENSES = {"disc": FRINGING, "hexagon": Aperture(blades=6, fringing=0.1)}
qualities = pytest.mark.parametrize("quality", ["fast", "best"])


def picture(height: int, width: int) -> Floats:
    return np.random.default_rng(0).random((height, width, 3), dtype=np.float32)


def steps(height: int, width: int, reach: float) -> Floats:
    """Three surfaces, of which the nearest cuts the others, and a ramp."""
    coc = np.broadcast_to(np.linspace(-0.2, 0.8, width, dtype=np.float32), (height, width)).copy()
    coc[height // 3 : height // 2] = 1.0
    coc[:, width // 4 : width // 3] = -1.0
    return coc * np.float32(reach)


def rim(coc: float, aperture: Aperture = FRINGING) -> Floats:
    """Light in the rim of a white point's image: mean of what lies between the circles of the two colours."""
    rgb = np.zeros((65, 65, 3), np.float32)
    rgb[32, 32] = 1000.0
    y, x = np.mgrid[-32:33, -32:33]
    away = np.hypot(y, x)
    light = render(rgb, np.full((65, 65), coc, np.float32), aperture, threads=1)
    # Circles of 20 px whose radii differ by 2 px, on the side that they do.
    inner, outer = (18.0, 20.0) if coc > 0 else (20.0, 22.0)
    return light[(away > inner + 0.5) & (away < outer - 0.5)].mean(axis=0)


@pytest.mark.parametrize("reach", [7.0, -7.0])
def test_every_colour_equals_the_oracle_with_its_own_circle(reach: float) -> None:
    # The span of the circles is 7 px, so those of red and blue are a constant 0.7 px off.
    rgb, inner = picture(34, 36), np.s_[12:-12, 12:-12]
    for drawn in (False, True):
        coc = np.full((34, 36), reach, np.float32)
        if drawn:  # no longer calm, so that it is drawn and not gathered
            coc[:, ::2] *= 0.8
        image = render(rgb, coc, FRINGING, threads=1)[inner]
        own, others = scatter(rgb, coc)[inner], scatter(rgb, coc - np.float32(0.7))[inner]
        truth = np.stack([others[..., RED], own[..., GREEN], others[..., BLUE]], axis=-1)
        if drawn:
            assert np.abs(image - truth).mean(axis=(0, 1)).max() < 0.02
        else:
            np.testing.assert_allclose(image, truth, atol=0.05)


def test_rims_are_magenta_in_front_and_green_behind() -> None:
    in_front, behind = rim(-20.0), rim(20.0)
    assert in_front[GREEN] < 1e-3 * in_front[RED]
    assert behind[RED] < 1e-3 * behind[GREEN]
    assert in_front[RED] == in_front[BLUE] == pytest.approx(1000 / (np.pi * 22**2), rel=0.05)
    assert behind[GREEN] == pytest.approx(1000 / (np.pi * 20**2), rel=0.05)


@qualities
@pytest.mark.parametrize("name", LENSES)
def test_every_colour_is_that_of_a_lens_without_fringing_and_with_its_focus(name: str, quality: str) -> None:
    rgb, coc, lens = picture(64, 96), steps(64, 96, 9.0), LENSES[name]
    own, others = (
        render(rgb, radii, lens.one_colour, quality=quality, threads=1) for radii in (coc, red_and_blue(coc, 1.8))
    )
    truth = np.stack([others[..., RED], own[..., GREEN], others[..., BLUE]], axis=-1)
    assert np.array_equal(render(rgb, coc, lens, quality=quality, threads=1), truth)
    assert np.abs(own - others).max() > 0.05


@qualities
def test_what_is_in_focus_stays_as_it_is_to_the_bit(quality: str) -> None:
    rgb, coc = picture(64, 128), np.zeros((64, 128), np.float32)
    coc[:, :20], coc[:, 100:], coc[:, 20:100] = -6.0, 9.0, np.linspace(-0.59, 0.59, 80)
    fringed = render(rgb, coc, Aperture(fringing=0.1), quality=quality)
    assert np.array_equal(fringed[:, 48:88], rgb[:, 48:88])
    assert np.array_equal(render(rgb, np.zeros_like(coc), FRINGING, quality=quality), rgb)


@pytest.mark.parametrize("name", LENSES)
def test_a_constant_picture_stays_constant(name: str) -> None:
    rgb = np.broadcast_to(np.array([0.2, 0.5, 3.0], np.float32), (70, 90, 3))
    np.testing.assert_allclose(render(rgb, steps(70, 90, 25.0), LENSES[name]), rgb, rtol=2e-4)


def test_light_is_neither_lost_nor_made() -> None:
    rgb = picture(96, 128) * 5
    for radius in (3.0, -11.0):
        blurred = render(rgb, np.full((96, 128), radius, np.float32), FRINGING)
        np.testing.assert_allclose(blurred.mean(axis=(0, 1)), rgb.mean(axis=(0, 1)), rtol=4e-3)


@pytest.mark.parametrize("axis", [0, 1])
def test_a_mirrored_scene_gives_a_mirrored_picture(axis: int) -> None:
    rgb, coc = picture(96, 128), steps(96, 128, 12.0)
    mirrored = np.flip(render(np.flip(rgb, axis), np.flip(coc, axis), FRINGING), axis)
    assert np.abs(mirrored - render(rgb, coc, FRINGING)).mean() < 2e-3


def test_the_result_does_not_depend_on_the_number_of_threads() -> None:
    rgb, coc = picture(300, 96), steps(300, 96, 12.0)
    assert np.array_equal(render(rgb, coc, FRINGING, threads=2), render(rgb, coc, FRINGING, threads=1))


def test_twice_the_size_is_the_same_picture() -> None:
    rgb, coc = picture(12, 16), steps(12, 16, 8.0)
    small, large = (
        render(np.kron(rgb, np.ones((n, n, 1), np.float32)), n * np.kron(coc, np.ones((n, n), np.float32)), FRINGING)
        for n in (4, 8)
    )
    shrunk = large.reshape(48, 2, 64, 2, 3).mean(axis=(1, 3))
    assert np.abs(shrunk - small).mean(axis=(0, 1)).max() < 0.012


def test_order_and_side_of_surfaces_stay_and_far_from_focus_the_shift_is_whole() -> None:
    coc = np.linspace(-60, 60, 100_001, dtype=np.float32)
    shifted = red_and_blue(coc, 4.0)
    assert (np.diff(shifted) > 0).all()
    assert np.array_equal(np.sign(shifted), np.sign(coc))
    assert np.array_equal(np.abs(shifted) < 0.6, np.abs(coc) < 0.6)
    assert np.array_equal(shifted[np.abs(coc) < 0.6], coc[np.abs(coc) < 0.6])
    np.testing.assert_allclose((coc - shifted)[np.abs(coc) > 8.6], 4.0, atol=1e-5)


def test_the_shift_stays_while_the_lens_is_focused_and_no_radius_is_larger_than_said() -> None:
    coc = np.linspace(-9, 21, 301, dtype=np.float32)
    for focus in (-20.0, -9.0, 0.0, 9.0):
        extent = float(coc.min()) + focus, float(coc.max()) + focus
        shift = focal_shift(0.1, extent)
        assert shift == pytest.approx(3.0, abs=0.11) or max(extent) < 20
        shifted = red_and_blue(coc + np.float32(focus), shift)
        both = max(np.abs(shifted).max(), np.abs(coc + np.float32(focus)).max())
        assert largest_radius(0.1, extent) == pytest.approx(both)


def test_circles_larger_than_the_picture_count_as_its_size() -> None:
    rgb, coc = picture(20, 30), steps(20, 30, 500.0)
    clipped = render(rgb, np.clip(coc, -30, 30), FRINGING)
    assert np.array_equal(render(rgb, coc, FRINGING), clipped)
    assert np.isfinite(clipped).all()


def test_what_no_lens_has_is_refused_with_the_flag_that_mends_it() -> None:
    with pytest.raises(ParameterError, match=r"fringing lies in 0\.\.0\.1, not 2 \(--fringing 0\.\.0\.1\)"):
        Aperture(fringing=2)
