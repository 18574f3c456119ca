"""The door of the renderer: what it accepts, what it refuses, and how true its pictures are."""

from __future__ import annotations

import itertools
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest

from dofsim.bokeh import Aperture, render
from dofsim.bokeh.naive_loop import blur_loop, compiled_gather
from dofsim.bokeh.render import Quality, _checked
from dofsim.errors import ParameterError

RGB = np.zeros((4, 5, 3), np.float32)
COC = np.zeros((4, 5), np.float32)


@pytest.mark.parametrize(
    ("rgb", "coc", "options", "says"),
    [
        (RGB[..., :2], COC, {}, r"shape \(height, width, 3\)"),
        (RGB[:0], COC[:0], {}, r"shape \(height, width, 3\)"),
        (RGB, COC[:3], {}, "coc_px has the shape"),
        ((RGB + 1).astype(np.uint8), COC, {}, "linear light"),
        (RGB, COC.astype(np.int32), {}, "coc_px holds floats"),
        (RGB + np.nan, COC, {}, "not finite"),
        (RGB, COC - np.inf, {}, "not finite"),
        (RGB, COC, {"quality": "finest"}, "fast or best"),
        (RGB, COC, {"threads": 0}, "from 1 to 1024"),
        (RGB, COC, {"aperture": "star"}, "aperture"),
    ],
)
def test_what_does_not_fit_is_refused_with_a_sentence(rgb: Any, coc: Any, options: dict[str, Any], says: str) -> None:
    with pytest.raises(ParameterError, match=says):
        render(rgb, coc, **options)


def test_other_float_types_and_layouts_give_the_same_picture() -> None:
    rng = np.random.default_rng(1)
    rgb, coc = rng.random((40, 52, 3), dtype=np.float32), rng.uniform(-9, 9, (40, 52)).astype(np.float32)
    expected = render(rgb, coc)
    assert np.array_equal(render(rgb.astype(np.float64), coc.astype(">f4")), expected)
    assert np.array_equal(render(np.asfortranarray(rgb), np.asfortranarray(coc)), expected)
    assert np.array_equal(render(np.repeat(rgb, 2, axis=1)[:, ::2], coc), expected)


def test_the_input_is_left_alone() -> None:
    rgb, coc = np.full((20, 20, 3), 0.5, np.float32), np.full((20, 20), 300.0, np.float32)
    render(rgb, coc)
    assert (rgb == 0.5).all()
    assert (coc == 300.0).all()


def test_light_whose_sum_leaves_the_range_of_floats_is_taken_and_infinity_is_not() -> None:
    rgb, sharp = np.full((8, 8, 3), 3e38, np.float32), np.zeros((8, 8), np.float32)
    assert np.array_equal(render(rgb, sharp), rgb)
    rgb[0, 0, 0], rgb[0, 0, 1] = np.inf, -np.inf
    with pytest.raises(ParameterError, match="not finite"):
        render(rgb, sharp)


def test_renderings_run_side_by_side() -> None:
    rng = np.random.default_rng(2)
    jobs = [
        (rng.random((90, 70, 3), dtype=np.float32), rng.uniform(-20, 20, (90, 70)).astype(np.float32)) for _ in range(8)
    ]
    alone = [render(rgb, coc, threads=1) for rgb, coc in jobs]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda job: render(*job, threads=2), jobs))
    assert all(np.array_equal(a, b) for a, b in zip(alone, together, strict=True))


@pytest.mark.parametrize("sign", [1, -1])
def test_a_circle_larger_than_the_picture_counts_as_one_of_its_size(sign: int) -> None:
    rgb = np.random.default_rng(4).random((12, 17, 3), dtype=np.float32)
    coc = np.where(np.arange(17) < 5, 2.0, sign * 1e6) * np.ones((12, 1))
    assert np.array_equal(render(rgb, coc, threads=1), render(rgb, np.clip(coc, -17, 17), threads=1))


def test_qualities_and_apertures_are_told_apart() -> None:
    rgb = np.random.default_rng(5).random((40, 48, 3), dtype=np.float32)
    coc = np.where(np.arange(48) < 20, -3.0, 6.0) * np.ones((40, 1))
    pictures = [
        render(rgb, coc, aperture, quality=quality, threads=1)
        for quality in get_args(Quality)
        for aperture in (None, Aperture(blades=3))
    ]
    assert not any(np.array_equal(a, b) for a, b in itertools.combinations(pictures, 2))


def test_kernels_see_one_kind_of_array_lest_they_be_compiled_anew() -> None:
    given = np.asfortranarray(np.ones((4, 5)))
    for one in (given, given.astype(">f4"), given.astype(np.float32)):
        one.flags.writeable = False
        array = _checked(one, "coc_px")
        assert array.dtype == np.float32
        assert array.flags.c_contiguous
        assert array.flags.writeable


def test_the_baseline_loop_and_its_compiled_twin_agree() -> None:
    rng = np.random.default_rng(3)
    rgb = rng.integers(0, 256, (24, 30, 3), dtype=np.uint8)
    radius = rng.uniform(0, 6, (24, 30)).astype(np.float32)
    out = np.empty(rgb.shape, np.float32)
    compiled_gather()(rgb.astype(np.float32), radius, out)
    np.testing.assert_allclose(out, blur_loop(rgb, radius), atol=1.01)


def encode(linear: Any) -> Any:
    linear = np.clip(linear, 0, 1)
    return np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)


# Floors about 0.5 dB under what was measured; plain normalised scatter has 31.3, 37.8 and 31.1 dB on these three.
@pytest.mark.parametrize(
    ("scene", "tag", "floor"),
    [("portrait_park", "near", 31.8), ("thin_signpost", "near", 40.7), ("layers_cards", "far", 33.2)],
)
def test_the_picture_is_close_to_ray_traced_truth(shared: Path, scene: str, tag: str, floor: float) -> None:
    folder = shared / "truth" / "dev"
    setting = json.loads((folder / "lens.json").read_text())[scene]
    lens = next(one for one in setting["lenses"] if one["tag"] == tag)
    with np.load(folder / f"{scene}.npz") as data:
        rgb, depth, truth = data["image"].astype(np.float32), data["depth"], data[f"truth_{tag}"].astype(np.float32)
    coc = setting["focal_px"] * lens["aperture_radius_m"] * (1 / lens["focus_m"] - 1 / depth)
    error = np.mean((encode(render(rgb, coc.astype(np.float32))) - encode(truth)) ** 2)
    assert -10 * np.log10(error) > floor
