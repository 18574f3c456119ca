"""The compiled decision at depth edges equals its readable twin."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pytest

from dofsim.depth.settle import remove_specks, settle_edges

Field = npt.NDArray[np.float64]


def settle_slowly(
    fine: Field,
    fine_guide: npt.NDArray[np.uint8],
    coarse: Field,
    coarse_guide: npt.NDArray[np.uint8],
    edge: Field,
    radius: int,
    spread: float,
    noise: float,
    doubt: float,
    step: float,
) -> Field:
    """The formula of settle_edges, pixel by pixel, in float64."""
    (h, w), (height, width) = coarse.shape, fine.shape
    result = fine.copy()
    for y in range(height):
        for x in range(width):
            cy, cx = (y + 0.5) * h / height - 0.5, (x + 0.5) * w / width - 0.5
            around = np.ix_(
                [j for j in range(h) if abs(j - cy) < 0.999],
                [i for i in range(w) if abs(i - cx) < 0.999],
            )
            rows = np.arange(max(math.ceil(cy - radius - 0.3), 0), min(math.floor(cy + radius + 0.3), h - 1) + 1)
            columns = np.arange(max(math.ceil(cx - radius - 0.3), 0), min(math.floor(cx + radius + 0.3), w - 1) + 1)
            samples = coarse[np.ix_(rows, columns)]
            j, i = min(math.floor(cy + 0.5), h - 1), min(math.floor(cx + 0.5), w - 1)
            box = coarse[max(j - radius, 0) : j + radius + 1, max(i - radius, 0) : i + radius + 1]
            low, high = box.min(), box.max()
            if edge[around].max() == 0 or high - low < step:
                continue
            place = (samples - (low + high) / 2) * 2 / (high - low)
            # distances are measured from the pixel's position rounded to 1/32 px of the coarse grid
            ry, rx = (n + math.floor((c - n) * 32 + 0.5) / 32 for c, n in ((cy, j), (cx, i)))
            r2 = (rows[:, None] - ry) ** 2 + (columns[None, :] - rx) ** 2
            g = place**2 / (1 + r2 / (2 * spread**2))
            if radius >= 4:
                g = g * ((rows[:, None] + columns[None, :] + j + i) % 2 == 0)
            colours = coarse_guide[np.ix_(rows, columns)].astype(float)
            k = (noise / (noise + ((colours - fine_guide[y, x]) ** 2).sum(axis=2))) ** 2
            level, fit = {}, {}
            for side, members in (("near", place > 0), ("far", place <= 0)):
                if not (g * k)[members].sum() > 0:
                    break
                level[side] = (g * k * samples)[members].sum() / (g * k)[members].sum()
                fit[side] = (g * k)[members].sum() / g[members].sum()
            if len(fit) < 2:  # one side has no sample
                continue
            jump = level["near"] - level["far"]
            prior = np.clip((fine[y, x] - level["far"]) / jump, 0, 1)
            near, far = (fit[side] + doubt * (fit["near"] + fit["far"]) for side in ("near", "far"))
            share = prior * near / (prior * near + (1 - prior) * far)
            result[y, x] += edge[around].max() * (share - prior) * jump
    return result


@pytest.mark.parametrize(
    ("shape", "fine_shape", "radius"), [((7, 9), (14, 18), 2), ((6, 5), (6, 5), 4), ((4, 7), (7, 13), 1)]
)
def test_equals_its_readable_twin(shape: tuple[int, int], fine_shape: tuple[int, int], radius: int) -> None:
    rng = np.random.default_rng(radius)
    coarse = rng.random(shape, np.float32)
    fine = rng.random(fine_shape, np.float32)
    coarse_guide = rng.integers(0, 256, (*shape, 3), np.uint8)
    fine_guide = rng.integers(0, 256, (*fine_shape, 3), np.uint8)
    edge = np.where(rng.random(shape) < 0.5, rng.random(shape), 0).astype(np.float32)
    parameters = (radius, 1.7, 400.0, 0.02, 0.01)
    expected = settle_slowly(
        fine.astype(float), fine_guide, coarse.astype(float), coarse_guide, edge.astype(float), *parameters
    )
    settled = fine.copy()
    settle_edges(settled, fine_guide, coarse, coarse_guide, edge, *parameters)
    assert np.abs(settled - fine).max() > 0.05
    np.testing.assert_allclose(settled, expected, atol=2e-5)


def test_leaves_alone_where_there_is_no_edge() -> None:
    rng = np.random.default_rng(0)
    coarse = rng.random((6, 6), np.float32)
    guide = rng.integers(0, 256, (6, 6, 3), np.uint8)
    fine = coarse.copy()
    nowhere = np.zeros((6, 6), np.float32)
    settle_edges(fine, guide, coarse, guide, nowhere, 2, 1.0, 100.0, 0.02, 0.01)
    np.testing.assert_array_equal(fine, coarse)


def test_specks_are_removed_and_thin_lines_stay() -> None:
    depth = np.full((40, 60), 0.2, np.float32)
    depth[:, 30:] = 0.8
    plain = depth.copy()
    depth[10, 10] = 0.9
    depth[20, 44:46] = 0.1
    depth[30, 40] = 0.2
    remove_specks(depth, 0.05)
    np.testing.assert_array_equal(depth, plain)
    depth[5:35, 15] = 0.9
    np.fill_diagonal(depth[5:30, 33:58], 0.3)
    lines = depth.copy()
    remove_specks(depth, 0.05)
    np.testing.assert_array_equal(depth[6:34, 15], lines[6:34, 15])
    np.testing.assert_array_equal(depth.diagonal(28)[7:28], lines.diagonal(28)[7:28])
