"""A picture rendered in bands of rows is the picture rendered in one piece."""

from __future__ import annotations

import numpy as np
import pytest

from dofsim.bokeh import Aperture, render
from dofsim.bokeh.bands import Band, halo, least_rows, render_band, split
from dofsim.bokeh.fringing import largest_radius

HEIGHT, WIDTH = 704, 96


def picture() -> tuple[np.ndarray, np.ndarray]:
    """Texture and lamps, a near slanted bar over a ramp, so that edges cross every seam; circles from -1 to 1."""
    rng = np.random.default_rng(3)
    y, x = np.mgrid[:HEIGHT, :WIDTH].astype(np.float32)
    rgb = rng.random((HEIGHT, WIDTH, 3), np.float32) * (0.2 + 0.8 * (np.sin(y / 9) > 0))[..., None]
    rgb[::61, ::37] = 20.0
    coc = (y / HEIGHT - 0.2).astype(np.float32)
    coc[np.abs(x - 20 - y / 16) < 8] = -1.0
    return rgb.astype(np.float32), coc


def codes(linear: np.ndarray) -> np.ndarray:
    linear = np.clip(linear, 0, 1)
    return 255 * np.where(linear < 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)


@pytest.mark.parametrize("radius", [0.4, 3.0, 14.5])
@pytest.mark.parametrize("aperture", [None, Aperture(blades=6, cats_eye=0.7), Aperture(fringing=0.1)])
def test_bands_give_the_picture_in_one_piece(radius: float, aperture: Aperture | None) -> None:
    rgb, coc = picture()
    coc = coc * np.float32(radius)
    extent = float(coc.min()), float(coc.max())
    widest = largest_radius(0.1, extent)
    bands = split(HEIGHT, WIDTH, widest, least_rows(HEIGHT, WIDTH, widest))
    assert len(bands) > 2
    parts = []
    for band in bands:
        rows = slice(band.top, band.bottom)
        parts.append(render_band(rgb[rows], coc[rows], band, (HEIGHT, WIDTH), extent, aperture, 1))
    whole = render(rgb, coc, aperture, threads=1)
    assert np.abs(codes(np.concatenate(parts)) - codes(whole)).max() <= 1.0


@pytest.mark.parametrize("rows", [1, 300, 500, 5000])
def test_bands_cover_every_row_once_and_see_what_they_need(rows: int) -> None:
    bands = split(HEIGHT, WIDTH, 10.0, rows)
    assert [band.first for band in bands] == [0] + [band.last for band in bands[:-1]]
    assert bands[-1].last == HEIGHT
    assert all(band.bottom - band.top <= max(rows, least_rows(HEIGHT, WIDTH, 10.0)) for band in bands)
    for band in bands:
        assert band.top == 0 or band.first - band.top >= 40
        assert band.bottom == HEIGHT or band.bottom - band.last >= 40


def test_a_picture_that_fits_is_one_band() -> None:
    assert split(HEIGHT, WIDTH, 10.0, HEIGHT) == [Band(0, HEIGHT, 0, HEIGHT)]


@pytest.mark.parametrize(
    ("radius", "around", "least"),
    [
        (10.0, 192, 448),  # 4 radii and 96 rows, in steps of 64; a fifth of what is looked at, one step at least
        (60.0, 384, 960),
        (600.0, 2560, 6400),  # in steps of 128, the cells of the coarsest grid
    ],
)
def test_a_band_looks_as_far_as_light_comes(radius: float, around: int, least: int) -> None:
    assert halo(12000, 9000, radius) == around
    rows = least_rows(12000, 9000, radius)
    assert (rows, type(rows)) == (least, int)
    assert least_rows(around, 9000, radius) == around


def test_bands_are_as_many_as_they_must_be_and_alike() -> None:
    bands = split(HEIGHT, WIDTH, 10.0, 600)
    assert [(band.first, band.last) for band in bands] == [(0, 192), (192, 384), (384, 576), (576, 704)]
    assert [(band.top, band.bottom) for band in bands] == [(0, 384), (0, 576), (192, 704), (384, 704)]


def test_a_band_of_a_round_aperture_is_that_of_the_disc_to_the_bit() -> None:
    rgb, coc = (np.ascontiguousarray(array[:64]) for array in picture())
    whole = Band(0, 64, 0, 64)
    plain, round_ = (
        render_band(rgb, coc * np.float32(6), whole, (64, WIDTH), (-6.0, 6.0), one, 1) for one in (None, Aperture())
    )
    assert np.array_equal(round_, plain)
