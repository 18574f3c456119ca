"""Which grids a rendering needs, and where one size of cell or one number of grids gives way to the next."""

from __future__ import annotations

import numpy as np
import pytest

from dofsim.bokeh.lights import split_lights
from dofsim.bokeh.plan import BACK, MARGIN, Plan, cell_size, make_plan, soft_cell


@pytest.mark.parametrize(
    ("radius", "levels", "padded"),
    [
        (0.0, 2, (128, 160)),
        (31.9, 2, (128, 160)),
        (32.0, 3, (128, 160)),  # from 8 * 2^levels px on there is one more
        (63.9, 3, (128, 160)),
        (64.0, 4, (128, 160)),
        (300.0, 6, (128, 192)),  # whole cells of the coarsest grid, 64 px
    ],
)
def test_every_octave_of_the_radius_is_a_grid(radius: float, levels: int, padded: tuple[int, int]) -> None:
    plan = make_plan(100, 130, radius)
    assert plan == Plan(100, 130, levels, cell=4 if radius > 34 else 2, padded_height=padded[0], padded_width=padded[1],
                        softness=1)  # fmt: skip
    assert [plan.shape(level) for level in (0, 2)] == [padded, (padded[0] // 4, padded[1] // 4)]
    assert plan.unit == max(2**levels, 32)
    assert 2**plan.cell_level == plan.cell


def test_a_band_is_planned_as_the_picture_that_it_is_part_of() -> None:
    part = make_plan(96, 3000, 5.0, (4000, 3000))
    assert part == Plan(96, 3000, 2, cell=4, padded_height=96, padded_width=3008, softness=4)
    assert make_plan(96, 3000, 5.0).softness == 3


@pytest.mark.parametrize(
    ("height", "width", "radius", "cell"),
    [(600, 500, 34.0, 2), (600, 500, 34.1, 4), (1000, 1000, 9.0, 2), (1000, 1001, 9.0, 4)],
)
def test_cells_are_larger_in_large_pictures_and_where_the_blur_is_wide(
    height: int, width: int, radius: float, cell: int
) -> None:
    assert cell_size(height, width, radius) == cell


@pytest.mark.parametrize(("softness", "cell"), [(1, 1), (2, 2), (3, 2), (4, 4), (9, 4)])
def test_the_cells_of_the_best_mode_are_as_wide_as_edges_are_soft(softness: int, cell: int) -> None:
    assert soft_cell(softness) == cell


def test_what_the_border_reflects_of_lights_stays_on_its_grid() -> None:
    plan = make_plan(480, 640, 104.0)
    rng = np.random.default_rng(3)
    lights = np.ones((20_000, 6), np.float32)
    lights[:, :3] = rng.random((20_000, 3)) * (480, 640, 208) - (0, 0, 104)
    _, coarse = split_lights(lights, plan)
    for (_, level), sources in coarse.items():
        middle = MARGIN + (sources[:, :2] + 0.5) / 2**level - 0.5
        radius = np.abs(sources[:, 2:3]) / 2**level
        assert (np.floor(middle) - np.floor(radius + 1.5) >= 0).all()
        assert (np.floor(middle) + np.floor(radius) + 2 < np.add(plan.shape(level), 2 * MARGIN)).all()
    assert len(coarse[BACK, 2]) > ((lights[:, 2] >= 64) & (lights[:, 2] < 128)).sum(), "some are reflected"
