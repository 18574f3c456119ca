"""The kernels agree with the oracle, pixel by pixel where they are exact and closely where they merge sources."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from numba import config

from dofsim.bokeh import render
from dofsim.bokeh.oracle import disc_coverage, scatter
from dofsim.bokeh.spans import RADIUS_STEPS, span_table


def picture(height: int, width: int, seed: int = 0) -> npt.NDArray[np.float32]:
    return np.random.default_rng(seed).random((height, width, 3), dtype=np.float32)


@pytest.mark.parametrize("radius", [0.625, 1.0, 1.375, 2.5, 5.0, 7.875])
@pytest.mark.parametrize("side", [1, -1])
def test_small_discs_equal_the_oracle(radius: float, side: int) -> None:
    rgb = picture(26, 31)
    coc = np.full((26, 31), side * radius, np.float32)
    # A row of a disc is drawn as one span with two mixed ends; the oracle supersamples every pixel.
    np.testing.assert_allclose(render(rgb, coc, threads=1), scatter(rgb, coc), atol=0.03)


@pytest.mark.parametrize("radius", [0.625, 1.0, 1.375, 2.0, 2.5, 3.5, 7.875])
def test_the_disc_of_one_pixel_is_round(radius: float) -> None:
    rgb = np.zeros((31, 31, 3), np.float32)
    rgb[15, 15] = 1.0
    disc = render(rgb, np.full((31, 31), radius, np.float32), threads=1)[..., 0]
    truth = np.zeros((31, 31))
    coverage = disc_coverage(radius)
    n = coverage.shape[0] // 2
    truth[15 - n : 16 + n, 15 - n : 16 + n] = coverage / coverage.sum()
    assert np.abs(disc - truth).sum() < 0.08
    assert np.abs(disc - disc.T).max() < 0.02 * disc.max() + 0.01


def test_two_surfaces_equal_the_oracle_away_from_what_the_photo_does_not_show() -> None:
    rgb = picture(40, 64)
    coc = np.full((40, 64), 5.0, np.float32)
    coc[:, :24] = -3.0
    difference = np.abs(render(rgb, coc, threads=1) - scatter(rgb, coc)).max(axis=(0, 2))
    assert difference[:18].max() < 0.02
    assert difference[30:].max() < 0.02


@pytest.mark.parametrize("radius", [9.0, 14.0, 23.0])
def test_large_discs_stay_close_to_the_oracle(radius: float) -> None:
    rgb = picture(48, 64)
    coc = np.full((48, 64), radius, np.float32)
    difference = np.abs(render(rgb, coc, threads=1) - scatter(rgb, coc))
    assert difference[8:-8, 8:-8].max() < 0.03
    assert difference.max() < 0.08  # coarse grids repeat cells beyond the border, not pixels


@pytest.mark.parametrize("side", [1, -1])
@pytest.mark.parametrize("radius", [8.0, 12.0, 15.9, 20.0, 31.0, 45.0, 63.0, 90.0, 130.0])
def test_a_point_light_becomes_a_disc(radius: float, side: int) -> None:
    if config.DISABLE_JIT and radius > 50:
        pytest.skip("takes minutes without the JIT")
    size = 2 * int(radius) + 41
    rgb = np.zeros((size, size, 3), np.float32)
    rgb[size // 2, size // 2] = 1000.0
    coc = np.full((size, size), side * radius, np.float32)
    light = render(rgb, coc, threads=1)[..., 1] / 1000.0
    truth = np.zeros((size, size))
    coverage = disc_coverage(radius)
    n = coverage.shape[0] // 2
    truth[size // 2 - n : size // 2 + n + 1, size // 2 - n : size // 2 + n + 1] = coverage / coverage.sum()
    assert light.sum() == pytest.approx(1.0, abs=0.01)
    # In front the octaves do not quite meet; only very large discs show it.
    assert np.abs(light - truth).sum() < (0.06 if side * radius < -100 else 0.05)


def test_the_span_table_adds_up_to_the_area_of_the_disc() -> None:
    table = span_table(18)
    for i in (1, 8, 20, 64, 100, 144):
        radius = i / RADIUS_STEPS
        area = 2.0 * (table.half_width[i] * table.height[i]).sum(axis=1, dtype=np.float64)
        np.testing.assert_allclose(area, np.pi * radius * radius, rtol=1e-5)


def test_the_span_table_is_symmetric_for_centred_discs() -> None:
    table = span_table(10)
    centred = table.half_width[:, 0, : 2 * table.reach + 1]
    np.testing.assert_allclose(centred, centred[:, ::-1], atol=1e-5)


@pytest.mark.parametrize("shape", [(1, 1), (1, 6), (6, 1), (2, 2), (9, 13)])
def test_sweeping_gives_the_least_value_plus_the_way_to_it(shape: tuple[int, int]) -> None:
    from dofsim.bokeh._edges import FAR, sweep

    rng = np.random.default_rng(5)
    field = np.where(rng.random(shape) < 0.2, -30 * rng.random(shape), FAR).astype(np.float32)
    rows, columns = np.indices(shape)
    truth = np.full(shape, np.inf)
    for (j, i), value in np.ndenumerate(field):
        down, across = abs(rows - j), abs(columns - i)
        straight, diagonal = abs(down - across), np.minimum(down, across)
        truth = np.minimum(truth, value + 4 * (straight + np.sqrt(2) * diagonal))
    sweep(field, np.float32(4))
    np.testing.assert_allclose(field, truth, rtol=1e-5, atol=1e-3)
