"""What lies behind a near surface is told from what is seen of the far one around."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from dofsim.bokeh._fill import fill, find_slopes
from dofsim.bokeh.plan import CLOSE_LOOKS, LOOKS

Floats = npt.NDArray[Any]

SIDE, EDGE, JUMP = 48, 24, np.float32(1)


def hide(pattern: Floats) -> tuple[Floats, Floats, Floats, Floats, Floats, Floats]:
    """A far surface with this pattern, whose right half is hidden by a near one; the edge's colours are carried on."""
    far = np.full((SIDE, SIDE), 5, np.float32)
    distance = np.zeros((SIDE, SIDE), np.float32)
    distance[:, EDGE:] = np.arange(1, SIDE - EDGE + 1)
    cells = np.dstack([pattern, pattern, pattern, far]).astype(np.float32)
    cells[:, EDGE:] = (0.9, 0.1, 0.1, -9)
    spans = np.dstack([cells[..., 3], cells[..., 3], np.zeros_like(far)]).astype(np.float32)
    colour = np.repeat(np.where(distance > 0, pattern[:, EDGE - 1, None], pattern)[..., None], 3, 2).astype(np.float32)
    return cells, slopes_of(cells, spans), far, distance, colour, pattern


def slopes_of(cells: Floats, spans: Floats) -> Floats:
    slopes = np.empty((*cells.shape[:2], 3), np.float32)
    find_slopes(cells, spans, JUMP, 0, len(cells), slopes)
    return slopes


def filled(pattern: Floats, depth: int = 8) -> tuple[Floats, Floats, Floats]:
    """Colours of the hidden cells up to so far from the edge: filled, carried on, and true; away from the border."""
    cells, slopes, far, distance, colour, _ = hide(pattern)
    places = np.argwhere((distance > 0) & (distance <= depth))
    places = places[(places[:, 0] >= 16) & (places[:, 0] < SIDE - 16)]
    out = colour.copy()
    fill(cells, slopes, far, distance, out, JUMP, places, LOOKS, 0, len(places))
    at = tuple(places.T)
    return out[at][:, 0], colour[at][:, 0], pattern[at]


def stripes(angle: float, period: float = 9.0) -> Floats:
    y, x = np.mgrid[:SIDE, :SIDE]
    return (0.5 + 0.4 * np.sin((y * math.cos(angle) + x * math.sin(angle)) * 2 * math.pi / period)).astype(np.float32)


def rms(error: Floats) -> float:
    return float(np.sqrt(np.mean(np.square(error))))


def test_an_even_surface_goes_on() -> None:
    out, _, _ = filled(np.full((SIDE, SIDE), 0.3, np.float32))
    assert np.allclose(out, 0.3, atol=1e-6)


@pytest.mark.parametrize("angle", [-0.7, 0.4, 0.7])
def test_slanted_stripes_go_on_straight(angle: float) -> None:
    out, carried, true = filled(stripes(angle), depth=4)
    assert rms(out - true) < 0.85 * rms(carried - true)


def test_what_goes_on_at_random_averages_out() -> None:
    noise = np.random.default_rng(3).uniform(0, 1, (SIDE, SIDE)).astype(np.float32)
    out, carried, true = filled(noise)
    assert rms(out - true) < 0.88 * rms(carried - true)
    assert abs(float(out.mean()) - 0.5) < 0.1


def test_nothing_of_the_near_surface_gets_in() -> None:
    out, _, _ = filled(np.full((SIDE, SIDE), 0.2, np.float32), depth=SIDE - EDGE)
    assert np.allclose(out, 0.2, atol=1e-6)


def test_lights_do_not_go_on() -> None:
    pattern = np.full((SIDE, SIDE), 0.2, np.float32)
    pattern[20:28, 10:20] = 8.0
    out, _, _ = filled(pattern)
    assert out.max() < 0.21


def test_slopes_equal_those_of_whole_arrays() -> None:
    random = np.random.default_rng(7)
    cells = random.uniform(0, 0.7, (SIDE, SIDE + 3, 4)).astype(np.float32)
    cells[10:13, 10:13, :3], cells[..., 3] = 9, cells[..., 3] + 3 * (np.arange(SIDE + 3) > 20)
    low = cells[..., 3]
    spans = np.dstack([low, low + random.uniform(0, 1.2, low.shape), random.uniform(0, 1, low.shape) > 0.95])
    red, green, blue, coc = np.moveaxis(cells, 2, 0)
    plain = (spans[..., 1] - low <= JUMP) & (spans[..., 2] == 0) & (np.maximum(np.maximum(red, green), blue) < 1.2)
    brightness = np.sqrt(red + green + blue)
    expected = np.zeros((*coc.shape, 3))
    expected[..., 0] = plain
    one = plain[:-2] & plain[1:-1] & plain[2:] & (np.abs(coc[2:] - coc[:-2]) <= JUMP)
    expected[1:-1, :, 1] = np.where(one, brightness[2:] - brightness[:-2], 0)
    one = plain[:, :-2] & plain[:, 1:-1] & plain[:, 2:] & (np.abs(coc[:, 2:] - coc[:, :-2]) <= JUMP)
    expected[:, 1:-1, 2] = np.where(one, brightness[:, 2:] - brightness[:, :-2], 0)
    assert np.allclose(slopes_of(cells, spans.astype(np.float32)), expected, atol=1e-6)


@pytest.mark.parametrize("looks", [LOOKS, CLOSE_LOOKS])
def test_the_kernel_equals_its_plain_twin(looks: tuple[int, int]) -> None:
    pattern = stripes(0.5) + np.random.default_rng(5).normal(0, 0.05, (SIDE, SIDE)).astype(np.float32)
    cells, slopes, far, distance, colour, _ = hide(pattern)
    slopes[..., 0] *= np.random.default_rng(6).uniform(0.2, 1, slopes.shape[:2])
    far[30:, 36:] = 5.5  # a block there is of two surfaces, as far in as it is
    far[31, 36:] = 7
    places = np.argwhere(distance > 0)
    out = colour.copy()
    fill(cells, slopes, far, distance, out, JUMP, places, looks, 0, len(places))
    for y, x in places[::37]:
        top, left = y & ~1, x & ~1
        block = np.s_[top : top + 2, left : left + 2]
        deep = distance[block].min() > 4 and np.ptp(far[block]) <= JUMP
        at = (top, left) if deep else (y, x)  # one colour for all of the block
        np.testing.assert_array_equal(out[y, x], out[at])
        np.testing.assert_allclose(out[at], mean_along(cells, slopes, far, distance, colour, *at, *looks), atol=2e-5)


def mean_along(
    cells: Floats, slopes: Floats, far: Floats, distance: Floats, colour: Floats, y: int, x: int, most: int, limit: int
) -> Floats:
    """The same by whole arrays."""
    away = float(distance[y, x])
    reach = int(min(away + 2.5 * 0.5 * away + 1, limit))
    step = max(1, reach // most)
    v, u = (side.ravel() for side in np.mgrid[-reach : reach + 1 : step, -reach : reach + 1 : step])
    inside = (y + v >= 0) & (y + v < SIDE) & (x + u >= 0) & (x + u < SIDE) & (np.hypot(v, u) <= reach)
    v, u = v[inside], u[inside]
    seen, slope = cells[y + v, x + u].astype(np.float64), slopes[y + v, x + u].astype(np.float64)
    same = (slope[:, 0] > 0) & (np.abs(seen[:, 3] - far[y, x]) <= 1 + 0.1 * abs(far[y, x]))
    off = np.maximum(np.hypot(v, u) - away, 0) / (0.5 * away)
    weight = np.exp(-off * off / 2) * same * slope[:, 0]
    tensor = (slope[:, 1:, None] * slope[:, None, 1:] * weight[:, None, None]).sum(axis=0)
    across = np.zeros(len(v))
    if np.trace(tensor) > 1e-12:
        values, vectors = np.linalg.eigh(tensor)
        clear = (values[1] - values[0]) / values.sum()
        normal = vectors[:, 1]
        across = 8 * clear**3 / (1.001 - clear) * ((v * normal[0] + u * normal[1]) / away) ** 2
    weight = weight * np.exp(-across / 2)
    little = 0.02 / step**2
    return np.asarray(((weight[:, None] * seen[:, :3]).sum(axis=0) + little * colour[y, x]) / (weight.sum() + little))
