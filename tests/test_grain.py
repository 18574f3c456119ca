"""Grain is measured where there is some, put back where blur took it away, and nowhere else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest

import dofsim
from dofsim import DepthKind, DepthMap
from dofsim._grain import add_codes
from dofsim.bokeh import render
from dofsim.grain import Grain, add_grain, estimate_grain
from dofsim.photo import ColourProfile, Photo

HEIGHT, WIDTH = 480, 640
Y, X = np.mgrid[:HEIGHT, :WIDTH].astype(np.float64)
RAMP = 40 + 170 * X / WIDTH
BOWL = 60 + 100 * ((X / WIDTH) ** 2 + (Y / HEIGHT) ** 2)
BRICKS = np.where((Y % 24 < 2) | ((X + Y // 24 % 2 * 20) % 40 < 2), 60.0, 140.0)
WAVES = 128 + 30 * np.sin(X / 20 + 5 * np.sin(Y / 50))
CLOTH = 128 + 40 * np.sin(X / 5) * np.sin(Y / 7)


def fractal(beta: float, deviation: float) -> npt.NDArray[np.float64]:
    """Texture without noise whose spectrum falls as 1 / f^beta."""
    frequency = np.hypot(np.fft.fftfreq(HEIGHT)[:, None], np.fft.rfftfreq(WIDTH)[None])
    frequency[0, 0] = 1
    white = np.fft.rfft2(np.random.default_rng(5).standard_normal((HEIGHT, WIDTH)))
    field = np.fft.irfft2(white / frequency**beta, s=(HEIGHT, WIDTH))
    return (field - field.mean()) / field.std() * deviation + 128


def noise(spread: float, seed: int = 1) -> npt.NDArray[np.float64]:
    """Grain of standard deviation 1."""
    white = np.random.default_rng(seed).standard_normal((HEIGHT + 32, WIDTH + 32))
    soft = cv2.GaussianBlur(white, (0, 0), spread)[16:-16, 16:-16] if spread else white[16:-16, 16:-16]
    return soft / soft.std()


def encoded(codes: npt.NDArray[np.float64], dtype: type = np.uint8) -> npt.NDArray[Any]:
    """Grey pixels of codes 0..255."""
    scale = np.iinfo(dtype).max / 255
    return np.repeat(np.clip(np.round(codes * scale), 0, np.iinfo(dtype).max).astype(dtype)[..., None], 3, axis=2)


def half(left: npt.NDArray[np.float64], right: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.where(X < WIDTH / 2, left, right)


SCENES = {
    "ramp": RAMP,
    "bowl": BOWL,
    "bricks": BRICKS,
    "beside a pattern": half(RAMP, CLOTH),
    "beside texture": half(RAMP, fractal(1.0, 30)),
}


@pytest.mark.parametrize("scene", SCENES)
@pytest.mark.parametrize(("deviation", "spread"), [(0.7, 0.9), (1.5, 0.0), (1.5, 0.8), (3.0, 1.2), (5.0, 0.6)])
def test_known_grain_is_measured(scene: str, deviation: float, spread: float) -> None:
    grain = estimate_grain(encoded(SCENES[scene] + deviation * noise(spread)))
    np.testing.assert_allclose(grain.strength[60:140], deviation, rtol=0.15)
    assert grain.spread == pytest.approx(spread, abs=0.1 if spread else 0.35)


@pytest.mark.parametrize(
    "scene",
    [
        *(pytest.param(picture, id=name) for name, picture in SCENES.items()),
        pytest.param(WAVES, id="waves"),
        pytest.param(CLOTH, id="cloth"),
        pytest.param(128 + 20 * np.sin((X + Y) / 2), id="stripes"),
        pytest.param(100.0 + 60 * ((X // 3 + Y // 3) % 2), id="checks"),
        pytest.param(fractal(1.0, 30), id="gravel"),
        pytest.param(fractal(1.5, 30), id="bark"),
        pytest.param(fractal(2.0, 40), id="clouds"),
        pytest.param(half(np.full_like(X, 90), fractal(1.2, 20)), id="a card on gravel"),
        pytest.param(np.random.default_rng(2).choice([20.0, 230.0], (HEIGHT, WIDTH)), id="print"),
    ],
)
def test_texture_without_noise_has_no_grain(scene: npt.NDArray[np.float64]) -> None:
    assert estimate_grain(encoded(scene)).strength.max() < 0.1


def test_grain_that_depends_on_brightness_is_followed() -> None:
    deviation = 2.0 - RAMP / 170
    found = estimate_grain(encoded(RAMP + deviation * noise(0.8))).strength
    codes = np.arange(60, 200)
    np.testing.assert_allclose(found[codes], 2.0 - codes / 170, rtol=0.15)


def test_sixteen_bits_are_measured_in_the_same_unit() -> None:
    codes = RAMP + 0.3 * noise(0.8)  # what 8 bits would hide in their rounding
    np.testing.assert_allclose(estimate_grain(encoded(codes, np.uint16)).strength[60:200], 0.3, rtol=0.15)


@pytest.mark.parametrize("shape", [(1, 1), (15, 300), (300, 15), (16, 16)])
def test_a_photo_too_small_to_tell_has_no_grain(shape: tuple[int, int]) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (*shape, 3), dtype=np.uint8)
    assert estimate_grain(pixels).strength.max() == 0
    light = np.full((*shape, 3), 0.3, np.float32)
    add_grain(light, np.full(shape, 5, np.float32), Grain(np.ones(256), 0.8), ColourProfile())
    assert np.isfinite(light).all()


def two_planes(codes: npt.NDArray[np.float64], dtype: type = np.uint8) -> dofsim.Scene:
    """A picture whose left half is near, its right half far."""
    depth = np.where(X < WIDTH / 2, 1.0, 0.25).astype(np.float32)
    return dofsim.prepare(Photo(encoded(codes, dtype)), depth=DepthMap(depth, DepthKind.INVERSE))


LEFT, RIGHT = np.s_[40:-40, 40 : WIDTH // 2 - 40], np.s_[40:-40, WIDTH // 2 + 40 : -40]


def rest(pixels: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """What is left of one channel when its smooth part is subtracted."""
    codes = pixels[..., 0].astype(np.float64) * 255 / np.iinfo(pixels.dtype).max
    return codes - cv2.GaussianBlur(codes, (0, 0), 8)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize(("deviation", "spread"), [(0.8, 0.9), (3.0, 0.7)])
def test_blurred_areas_match_sharp_ones(dtype: type, deviation: float, spread: float) -> None:
    scene = two_planes(RAMP + deviation * noise(spread), dtype)
    before, clean, after = scene.photo.pixels, *(scene.render(1.0, blur="8px", grain=on).pixels for on in (False, True))
    np.testing.assert_array_equal(after[LEFT], before[LEFT])
    assert rest(clean)[RIGHT].std() < 0.5 * rest(after)[LEFT].std()
    assert rest(after)[RIGHT].std() == pytest.approx(rest(after)[LEFT].std(), rel=0.1)
    assert after.dtype == dtype
    # Blur and grain keep the mean of the light, so the mean of the codes is that of the photo again.
    difference = after[RIGHT].astype(np.float64) - before[RIGHT]
    assert abs(difference.mean()) * 255 / np.iinfo(dtype).max < 0.1

    def correlation(region: Any) -> float:
        values = rest(after)[region]
        return float((values[:, 1:] * values[:, :-1]).mean() / values.var())

    assert correlation(RIGHT) == pytest.approx(correlation(LEFT), abs=0.06)


@pytest.mark.parametrize("radius", [0.8, 1.2, 2.0, 3.0, 8.0, 30.0])
def test_what_is_added_is_what_was_lost_at_any_radius(radius: float) -> None:
    grain = Grain(np.full(256, 2.0), 0.9)
    photo = Photo(encoded(128 + 2.0 * noise(0.9), np.uint16))
    coc = np.full((HEIGHT, WIDTH), radius, np.float32)
    light = render(photo.linear(), coc)
    add_grain(light, coc, grain, photo.profile, bits=16)
    inner = np.s_[60:-60, 60:-60]
    after, before = (rest(p.pixels)[inner].std() for p in (photo.with_linear(light), photo))
    assert after == pytest.approx(before, rel=0.1)


def mean_run(pixels: npt.NDArray[Any]) -> float:
    """Mean length of runs of equal codes along the rows."""
    codes = pixels[..., 0].astype(int)
    return codes.size / (len(codes) + np.count_nonzero(np.diff(codes, axis=1)))


@pytest.mark.parametrize("deviation", [0.0, 0.3, 0.8])
def test_a_smooth_ramp_shows_no_contours(deviation: float) -> None:
    codes = 100 + 10 * X / WIDTH
    grain = Grain(np.full(256, deviation), 0.9)
    photo = Photo(encoded(codes))
    exact = np.repeat(((codes / 255) ** 2.2)[..., None], 3, axis=2).astype(np.float32)
    plain, light = photo.with_linear(exact).pixels, exact.copy()
    add_grain(light, np.full((HEIGHT, WIDTH), 20, np.float32), grain, photo.profile)
    after = photo.with_linear(light).pixels
    assert mean_run(after) < 0.15 * mean_run(plain)
    # Contours are errors that stay when the noise is averaged away.
    wanted = photo.profile.from_linear(exact, like=plain.astype(np.uint16))[..., 0] / 257.0
    contour = np.abs((plain[..., 0] - wanted).mean(axis=0))
    assert contour.max() > 0.45
    assert np.abs(cv2.blur((after[..., 0] - wanted).mean(axis=0)[None], (9, 1))).max() < 0.2


def test_a_photo_without_grain_is_only_dithered() -> None:
    scene = two_planes(np.where(Y < 240, 90.0, RAMP))
    assert scene.grain.strength.max() == 0
    plain, after = (scene.render(1.0, blur="8px", grain=on).pixels for on in (False, True))
    flat = np.s_[40:200, WIDTH // 2 + 40 : -40]
    np.testing.assert_array_equal(after[flat], 90)
    assert np.abs(after.astype(int) - plain).max() <= 1


def test_the_result_does_not_depend_on_threads_or_time() -> None:
    grain = Grain(np.ones(256), 0.8)
    coc = np.full((HEIGHT, WIDTH), 5, np.float32)
    results = []
    for threads in (1, 2, 5):
        light = np.full((HEIGHT, WIDTH, 3), 0.3, np.float32)
        add_grain(light, coc, grain, ColourProfile(), threads=threads)
        results.append(light)
    np.testing.assert_array_equal(results[0], results[1])
    np.testing.assert_array_equal(results[0], results[2])


def test_no_pattern_repeats_and_rows_have_no_seams() -> None:
    size = 1024
    light = np.full((size, size, 3), 0.3, np.float32)
    add_grain(light, np.full((size, size), 50, np.float32), Grain(np.ones(256), 0.8), ColourProfile())
    field = light[..., 1].astype(np.float64) - light[..., 1].mean()
    spectrum = np.abs(np.fft.rfft2(field)) ** 2
    correlation = np.fft.irfft2(spectrum) / spectrum.sum() * field.size
    correlation /= correlation[0, 0]
    for shift in (0, 1, 2, 3, 4, 5):
        correlation[shift, :6] = correlation[-shift, :6] = correlation[shift, -6:] = correlation[-shift, -6:] = 0
    assert np.abs(correlation).max() < 0.02
    steps = np.diff(field, axis=0).std(axis=1)
    assert steps.max() < 1.2 * steps.mean()


@pytest.mark.parametrize("code", [0, 1, 254, 255])
def test_black_and_white_stay(code: int) -> None:
    photo = Photo(np.full((64, 64, 3), code, np.uint8))
    light = photo.linear()
    add_grain(light, np.full((64, 64), 9, np.float32), Grain(np.full(256, 3.0), 0.8), photo.profile)
    assert abs(photo.with_linear(light).pixels.mean() - code) < 0.1


def test_lights_brighter_than_white_stay_white() -> None:
    light = np.full((64, 64, 3), 4.0, np.float32)
    add_grain(light, np.full((64, 64), 9, np.float32), Grain(np.full(256, 3.0), 0.8), ColourProfile())
    assert (light == 4).all()


def test_the_kernel_equals_its_plain_twin() -> None:
    random = np.random.default_rng(0)
    count, shift = 5000, 17
    first = int(np.float32(2.0**-20).view(np.int32)) >> shift
    cells = (int(np.float32(1).view(np.int32)) >> shift) - first + 1
    linear = random.uniform(-0.1, 1.5, (count, 3)).astype(np.float32) ** 3
    coc = random.uniform(-3, 3, count).astype(np.float32)
    table = random.random((cells, 5), np.float32)
    grain, white = random.standard_normal((2, count), np.float32)
    cell = np.clip((linear.view(np.int32) >> shift) - first, 0, cells - 1)
    share = np.where(np.abs(coc) < 0.6, 0, np.sqrt(coc**2 / (coc**2 + 0.9)))
    codes = share * (table[cell[:, 1], 3] * grain + table[cell[:, 1], 4] * white)
    twin = linear + codes[:, None] * table[cell, np.arange(3)]
    add_codes(linear, coc, np.float32(0.6), np.float32(0.9), table, shift, first, grain, white)
    np.testing.assert_allclose(linear, twin, rtol=1e-5, atol=1e-6)


def test_the_wall_behind_the_pug_keeps_its_grain_and_gets_no_contours(shared: Path) -> None:
    scene = dofsim.prepare(dofsim.read_photo(shared / "photos" / "pug.heic"))
    wall = np.s_[500:920, 1800:2440]
    before, clean, after = (
        photo.pixels[wall]
        for photo in (scene.photo, *(scene.render(focus_at="59.5%,60%", grain=on) for on in (False, True)))
    )
    fine = [np.diff(pixels[..., 1].astype(float), axis=1).std() for pixels in (before, clean, after)]
    assert fine[1] < 0.3 * fine[0]
    assert fine[2] == pytest.approx(fine[0], rel=0.15)
    assert mean_run(after) < 0.15 * mean_run(clean)
