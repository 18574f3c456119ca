"""The first look at a picture equals means and ranges of whole arrays, inside and beyond its border."""

from __future__ import annotations

import numpy as np
import pytest

from dofsim.bokeh._survey import survey_room, survey_rows


@pytest.mark.parametrize("cell", [2, 4])
@pytest.mark.parametrize("shape", [(32, 288), (13, 19), (5, 3), (1, 1)])
def test_means_and_ranges_equal_those_of_whole_arrays(shape: tuple[int, int], cell: int) -> None:
    height, width = shape
    random = np.random.default_rng(height)
    rgb = (0.7 * random.random((height, width, 3))).astype(np.float32)
    rgb[height // 2, width // 3] = 3.0
    coc = random.normal(0, 5, shape).astype(np.float32)
    rows, columns = -(-height // 4), -(-width // 4)
    squares = np.full((rows, columns, 4), 7, np.float32)
    cells = np.full((rows * 4 // cell, columns * 4 // cell, 4), 7, np.float32)
    spans = cells[..., :3].copy()
    for first in range(rows):  # as threads do it, some rows each
        survey_rows(rgb, coc, rgb.reshape(-1), first, first + 1, cell, squares, cells, spans, survey_room())

    # Beyond the border: half of what it reflects, half of its nearest pixel.
    margins = ((0, 4 * rows - height), (0, 4 * columns - width))
    mirrored = np.dstack([rgb, coc])
    mirrored = np.pad(mirrored, (*margins, (0, 0)), mode="symmetric")
    nearest = np.pad(rgb, (*margins, (0, 0)), mode="edge")
    mirrored[..., :3] = (mirrored[..., :3] + nearest) / 2

    def blocks(side: int) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
        parts = mirrored.astype(np.float64).reshape(4 * rows // side, side, 4 * columns // side, side, 4)
        return parts.swapaxes(1, 2).reshape(4 * rows // side, 4 * columns // side, side * side, 4)

    np.testing.assert_allclose(squares, blocks(4).mean(axis=2), rtol=1e-5, atol=1e-5)
    if cell == 2:
        np.testing.assert_allclose(cells, blocks(2).mean(axis=2), rtol=1e-5, atol=1e-5)
    else:
        assert (cells == 7).all()
    np.testing.assert_array_equal(spans[..., 0], blocks(cell)[..., 3].min(axis=2))
    np.testing.assert_array_equal(spans[..., 1], blocks(cell)[..., 3].max(axis=2))
    lit = np.zeros(spans.shape[:2], bool)
    lit[height // 2 // cell, width // 3 // cell] = True
    np.testing.assert_array_equal(spans[..., 2], lit)
