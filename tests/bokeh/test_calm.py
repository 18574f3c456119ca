"""Gathering and enlarging equal plain sums and OpenCV's enlargement."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from dofsim.bokeh._enlarge import enlarge_runs
from dofsim.bokeh._gather import gather_runs
from dofsim.bokeh.oracle import disc_coverage
from dofsim.bokeh.spans import gather_table

LARGEST, HALO = 9, 13


@pytest.mark.parametrize("side", [1, 2])
@pytest.mark.parametrize("wide", [3, 8, 13, 16, 45])
@pytest.mark.parametrize("slope", [0.0, 0.01, 0.2])
def test_gathered_pixels_equal_the_oracle(wide: int, slope: float, side: int) -> None:
    """Whether many neighbours have like radii or few, and whatever is left over at the end of a row."""
    high = 4
    rows, columns = high + 2 * HALO, wide + 2 * HALO
    rgb = np.random.default_rng(wide).random((rows, columns, 3), dtype=np.float32)
    coc = (3 + slope * np.arange(columns)) * np.ones((rows, 1))
    coc = np.minimum(coc, LARGEST).astype(np.float32)
    out = np.full((high, wide + 1, 3), 7, np.float32)
    room = np.zeros((rows + 1) * (columns + 1) * 3, np.float32)
    gather_runs(
        rgb.reshape(-1), 0, columns * 3, rows, columns, coc.reshape(-1), HALO * columns + HALO, columns, HALO,
        np.array([[0, high, 0, wide]]), gather_table(LARGEST), None, 0, 0, side, room, np.zeros(48, np.float32),
        np.empty(1, np.int64), np.empty(0, np.float32), out.reshape(-1), 0, (wide + 1) * 3,
    )  # fmt: skip
    assert (out[:, wide] == 7).all()
    for x in range(wide):
        coverage = disc_coverage(float(coc[0, HALO + x]))
        n = len(coverage) // 2
        for y in range(high):
            patch = rgb[HALO + y - n : HALO + y + n + 1, HALO + x - n : HALO + x + n + 1]
            mean = np.tensordot(coverage, patch, 2) / coverage.sum()
            np.testing.assert_allclose(out[y, x], mean, atol=0.02)


@pytest.mark.parametrize("level", [1, 2, 3, 4])
def test_enlarging_equals_that_of_whole_pictures(level: int) -> None:
    side, half = 1 << level, 1 << (level - 1)
    runs = [(32, 64, 0, 64), (64, 96, 64, 96)]
    first = (32 - half) >> level, (0 - half) >> level
    cells = np.random.default_rng(level).random((64 // side + 2, 96 // side + 2, 3), dtype=np.float32)
    out = np.full((96, 96, 3), 7, np.float32)
    enlarge_runs(
        cells.reshape(-1), cells.shape[1], *first, level, np.array(runs), np.empty(6 * 64, np.float32),
        out.reshape(-1), 96,
    )  # fmt: skip
    large = cv2.resize(cells, None, fx=side, fy=side, interpolation=cv2.INTER_LINEAR)
    large = large[32 - first[0] * side :, -first[1] * side :]
    expected = np.full_like(out, 7)
    for top, bottom, left, right in runs:
        expected[top:bottom, left:right] = large[top - 32 : bottom - 32, left:right]
    np.testing.assert_allclose(out, expected, atol=1e-6)
