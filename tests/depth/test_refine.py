"""Refinement: the photo's edges win, nothing is invented, nothing printed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pytest

from dofsim.depth import DepthKind, DepthMap
from dofsim.depth.refine import refine
from dofsim.errors import ParameterError

if TYPE_CHECKING:
    from pathlib import Path


def disc_scene(
    size: int = 256, *, noise: float = 4.0, seed: int = 0
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.bool_]]:
    """A reddish disc over a bluish wall with grain; and where the disc is."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:size, :size]
    disc = np.hypot(y - 0.45 * size, x - 0.55 * size) < 0.27 * size
    colour = np.where(disc[..., None], (170.0, 90.0, 60.0), (60.0, 90.0, 150.0))
    return np.clip(colour + rng.normal(0, noise, colour.shape), 0, 255).astype(np.uint8), disc


def shrink(values: npt.NDArray[np.float32], factor: int, blur: float) -> npt.NDArray[np.float32]:
    import cv2

    height, width = values.shape
    small = cv2.resize(values, (width // factor, height // factor), interpolation=cv2.INTER_AREA)
    return cv2.GaussianBlur(small, (0, 0), blur) if blur else small


def enlarge(values: npt.NDArray[np.float32], size: tuple[int, int]) -> npt.NDArray[np.float32]:
    import cv2

    return cv2.resize(values, size[::-1], interpolation=cv2.INTER_LINEAR)


@pytest.mark.parametrize("factor", [2, 4, 8])
@pytest.mark.parametrize("blur", [0.0, 1.0])
def test_edge_follows_the_photo(factor: int, blur: float) -> None:
    guide, disc = disc_scene()
    truth = np.where(disc, 2.0, 0.5).astype(np.float32)
    low = shrink(truth, factor, blur)
    before = np.abs(enlarge(low, disc.shape) - truth).mean()
    after = np.abs(refine(DepthMap(low, DepthKind.INVERSE), guide).values - truth).mean()
    assert after < 0.3 * before


def test_no_overshoot_even_with_misleading_colours() -> None:
    guide, disc = disc_scene(noise=40)
    low = shrink(np.where(disc, 2.0, 0.5).astype(np.float32), 8, 1.0)
    fine = refine(DepthMap(low, DepthKind.INVERSE), guide).values
    assert low.min() <= fine.min()
    assert fine.max() <= low.max()


def test_texture_does_not_print_into_a_ramp() -> None:
    y, x = np.mgrid[:256, :256]
    checks = (((x // 16 + y // 16) % 2) * 200 + 20).astype(np.uint8)
    ramp = ((x + 1.9372 * y) / 765).astype(np.float32)
    low = shrink(ramp, 4, 0.0)
    fine = refine(DepthMap(low, DepthKind.RELATIVE), np.repeat(checks[..., None], 3, axis=2)).values
    inner = np.s_[8:-8, 8:-8]
    np.testing.assert_allclose(fine[inner], enlarge(low, ramp.shape)[inner], atol=1e-4)


@pytest.mark.parametrize("kind", list(DepthKind))
def test_constant_depth_stays_constant(kind: DepthKind) -> None:
    guide, _ = disc_scene()
    fine = refine(DepthMap(np.full((24, 24), 0.3, np.float32), kind), guide)
    np.testing.assert_allclose(fine.values, np.float32(0.3), rtol=2e-7)
    assert fine.shape == (256, 256)


def test_flat_guide_gives_a_smooth_monotone_step() -> None:
    low = np.zeros((32, 32), np.float32)
    low[:, 16:] = 1
    fine = refine(DepthMap(low, DepthKind.RELATIVE), np.full((256, 256, 3), 127, np.uint8)).values
    slope = np.diff(fine, axis=1)
    assert slope.min() >= -1e-3
    # Bilinear enlargement climbs 1/8 a pixel; without colours to go by nothing may be steeper by much.
    assert slope.max() < 0.3
    assert np.ptp(fine, axis=0).max() < 1e-5


def test_a_step_that_the_photo_does_not_show_hardly_overshoots() -> None:
    low = np.full((32, 32), 0.3, np.float32)
    low[:, 16:] = 0.7
    low[0, 0], low[-1, -1] = 0, 1
    fine = refine(DepthMap(low, DepthKind.RELATIVE), np.full((256, 256, 3), 127, np.uint8)).values[64:-64]
    assert 0.3 - 0.05 * 0.4 < fine.min() < fine.max() < 0.7 + 0.05 * 0.4


def test_a_thin_pole_gets_back_the_depth_that_averaging_took() -> None:
    rng = np.random.default_rng(1)
    truth = np.full((256, 256), 0.2, np.float32)
    truth[:, 100:104] = 0.9  # half as wide as a pixel of the small map
    truth[:, 180:] = 1.0
    guide = np.where(truth[..., None] > 0.5, (200.0, 60.0, 40.0), (60.0, 90.0, 150.0)) + rng.normal(0, 4, (256, 256, 3))
    low = shrink(truth, 8, 0.5)
    fine = refine(DepthMap(low, DepthKind.RELATIVE), np.clip(guide, 0, 255).astype(np.uint8)).values[32:-32]
    pole = low[8:-8, 12:13].max()
    assert pole < 0.6
    assert np.median(fine[:, 101:103]) > 0.65
    assert np.abs(fine - truth[32:-32])[:, 60:140].mean() < 0.5 * np.abs(
        enlarge(low, truth.shape) - truth
    )[32:-32, 60:140].mean()  # fmt: skip
    assert fine.max() <= low.max()


@pytest.mark.parametrize("size", [(240, 320), (241, 323)])
def test_mirrored_input_gives_mirrored_output(size: tuple[int, int]) -> None:
    import cv2

    rng = np.random.default_rng(3)
    guide = cv2.GaussianBlur(rng.integers(0, 256, (*size, 3), np.uint8), (0, 0), 3)
    low = cv2.GaussianBlur(rng.random((60, 80), np.float32), (0, 0), 2)
    fine = refine(DepthMap(low, DepthKind.RELATIVE), guide).values
    assert np.abs(fine - enlarge(low, size)).max() > 0.02 * np.ptp(low)
    for axis in (0, 1):
        mirrored = refine(DepthMap(np.flip(low, axis), DepthKind.RELATIVE), np.flip(guide, axis)).values
        error = np.abs(np.flip(mirrored, axis) - fine) / np.ptp(low)
        assert error.mean() < 1e-4
        # Odd sizes are halved with rounding, which differs from one side to the other by a grey level.
        assert error.max() < (1e-4 if size[0] % 4 == 0 else 0.1)


def test_full_size_is_identity() -> None:
    guide, disc = disc_scene()
    depth = DepthMap(disc.astype(np.float32), DepthKind.RELATIVE, "file", "d.png")
    assert refine(depth, guide) is depth


def test_rough_edges_of_a_phones_map_of_full_size_are_settled() -> None:
    import cv2

    guide, disc = disc_scene()
    truth = disc.astype(np.float32)
    rough = cv2.GaussianBlur(np.roll(truth, 2, axis=1), (0, 0), 2.0)
    phone = refine(DepthMap(rough, DepthKind.RELATIVE, "photo"), guide)
    assert phone.source == "photo"
    assert np.abs(phone.values - truth).mean() < 0.5 * np.abs(rough - truth).mean()


@pytest.mark.parametrize("factor", [2, 4, 8])
def test_a_small_map_that_was_enlarged_gets_the_photos_edges(factor: int) -> None:
    guide, disc = disc_scene()
    truth = disc.astype(np.float32)
    soft = enlarge(shrink(truth, factor, 0.5), truth.shape)
    fine = refine(DepthMap(soft, DepthKind.RELATIVE, "file"), guide)
    assert fine.refined
    assert np.abs(fine.values - truth).mean() < 0.5 * np.abs(soft - truth).mean()


def test_so_does_one_of_half_the_size_that_is_very_soft() -> None:
    guide, disc = disc_scene(512)
    truth = disc.astype(np.float32)
    soft = enlarge(shrink(truth, 8, 1.0), (256, 256))
    phone, other = (refine(DepthMap(soft, DepthKind.RELATIVE, source), guide).values for source in ("photo", "file"))
    assert np.abs(other - truth).mean() < 0.5 * np.abs(phone - truth).mean()


@pytest.mark.parametrize("source", ["file", "array"])
def test_exact_edges_and_slopes_of_full_size_stay(source: str) -> None:
    guide, disc = disc_scene()
    y, x = np.mgrid[:256, :256].astype(np.float32)
    for values in (disc + 0.002 * y, y / 256, np.hypot(y - 128, x - 128), np.sin(x / 30) * np.cos(y / 25)):
        depth = DepthMap(values.astype(np.float32), DepthKind.RELATIVE, source)
        assert refine(depth, guide) is depth


def test_soft_edges_are_found_in_strips() -> None:
    """A large map is looked at in parts: what these say of it is what the whole does."""
    from dofsim.depth.refine import _find_reduction

    y, x = np.mgrid[:1600, :2400]
    exact = (((y // 150) + (x // 150)) % 2).astype(np.float32)
    assert _find_reduction(exact, 1.0, rough=False) == 0
    assert _find_reduction(enlarge(shrink(exact, 8, 0), exact.shape), 1.0, rough=False) == 4


def test_what_dofsim_has_refined_comes_back_as_it_was(tmp_path: Path) -> None:
    from dofsim.depth.files import read_depth, write_depth

    guide, disc = disc_scene()
    fine = refine(DepthMap(shrink(disc.astype(np.float32), 4, 1.0), DepthKind.RELATIVE), guide)
    for name, step in (("d.png", 1 / 65535), ("d.tif", 1 / 65535), ("d.exr", 0.0)):
        again = read_depth(write_depth(fine, tmp_path / name))
        assert again.refined
        assert refine(again, guide) is again
        assert np.abs(again.values - fine.values).max() <= step


def test_larger_depth_is_averaged_down() -> None:
    rng = np.random.default_rng(0)
    values = rng.random((64, 96), np.float32)
    fine = refine(DepthMap(values, DepthKind.RELATIVE), np.zeros((32, 48, 3), np.uint8)).values
    np.testing.assert_allclose(fine, values.reshape(32, 2, 48, 2).mean(axis=(1, 3)), atol=1e-6)


def test_keeps_kind_source_and_detail_and_works_on_inverse_depth() -> None:
    guide, disc = disc_scene()
    metres = np.where(disc, 0.5, 4.0).astype(np.float32)
    low = shrink(1 / metres, 4, 0.0)
    metric = refine(DepthMap(1 / low, DepthKind.METRIC, "photo", "phone"), guide)
    inverse = refine(DepthMap(low, DepthKind.INVERSE), guide)
    assert (metric.kind, metric.source, metric.detail) == (DepthKind.METRIC, "photo", "phone")
    # 1 / (1 / x) is not x to the last bit, and a decision may turn on it
    assert np.abs(1 / metric.values - inverse.values).mean() < 1e-5
    np.testing.assert_allclose(1 / metric.values, inverse.values, atol=0.02)


def test_infinity_stays_far() -> None:
    guide, disc = disc_scene()
    metres = np.where(disc, 2.0, np.inf).astype(np.float32)[4::8, 4::8]
    fine = refine(DepthMap(metres, DepthKind.METRIC), guide).values
    assert np.isinf(fine[5, 5])
    assert fine[115, 140] == pytest.approx(2.0, rel=1e-5)
    assert fine.min() == pytest.approx(2.0, rel=1e-5)


def test_sixteen_bit_guide_equals_its_eight_bit_one() -> None:
    guide, disc = disc_scene()
    depth = DepthMap(shrink(disc.astype(np.float32), 4, 1.0), DepthKind.RELATIVE)
    deep = guide.astype(np.uint16) * 257
    np.testing.assert_array_equal(refine(depth, deep).values, refine(depth, guide).values)


def test_steps_of_eight_bits_are_smoothed_within_their_interval() -> None:
    y, x = np.mgrid[:100, :200]
    exact = ((x + 0.5 * y) / 500 + 0.2).astype(np.float32)
    exact[0, 0], exact[-1, -1] = 0, 1
    steps = np.rint(exact * 255).astype(np.float32) / 255
    fine = refine(DepthMap(steps, DepthKind.RELATIVE), np.full((200, 400, 3), 90, np.uint8)).values
    inner = np.s_[20:-20, 20:-20]
    error = np.abs(fine - enlarge(exact, fine.shape))[inner].max()
    stepped = np.abs(enlarge(steps, fine.shape) - enlarge(exact, fine.shape))[inner].max()
    assert error < 0.6 * stepped
    assert np.abs(fine - enlarge(steps, fine.shape))[inner].max() <= 0.5 / 255 + 1e-6


@pytest.mark.parametrize("shape", [(1, 1), (1, 3), (3, 1), (2, 2)])
@pytest.mark.parametrize("size", [(1, 1), (1, 40), (40, 1), (50, 70)])
def test_tiny_sizes(shape: tuple[int, int], size: tuple[int, int]) -> None:
    values = np.arange(shape[0] * shape[1], dtype=np.float32).reshape(shape)
    fine = refine(DepthMap(values, DepthKind.RELATIVE), np.full((*size, 3), 9, np.uint8))
    assert fine.shape == size
    assert values.min() <= fine.values.min() <= fine.values.max() <= values.max()


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e18])
def test_scale_and_shift_do_not_matter(scale: float) -> None:
    guide, disc = disc_scene()
    low = shrink(disc.astype(np.float32), 4, 1.0)
    plain = refine(DepthMap(low, DepthKind.RELATIVE), guide).values
    scaled = refine(DepthMap((low - 0.5) * np.float32(scale), DepthKind.RELATIVE), guide).values
    np.testing.assert_allclose(scaled / scale + 0.5, plain, atol=1e-3)


@pytest.mark.parametrize(
    "guide", [np.zeros((9, 9), np.uint8), np.zeros((9, 9, 4), np.uint8), np.zeros((9, 9, 3), np.float32)]
)
def test_guide_must_be_a_colour_picture(guide: npt.NDArray[np.uint8]) -> None:
    with pytest.raises(ParameterError, match="guide"):
        refine(DepthMap(np.eye(3), DepthKind.RELATIVE), guide)


def test_recovers_what_a_quarter_of_the_size_and_blur_lost(shared: Path) -> None:
    import cv2

    ratios = []
    for path in sorted((shared / "truth" / "dev").glob("*.npz")):
        scene = np.load(path)
        linear = np.clip(scene["image"].astype(np.float32), 0, 1)
        guide = np.rint(255 * linear ** (1 / 2.2)).astype(np.uint8)
        truth = 1 / scene["depth"].astype(np.float32)
        span = np.ptp(np.percentile(truth, (1, 99)))
        box = np.ones((3, 3), np.uint8)
        jumps = (cv2.dilate(truth, box) - cv2.erode(truth, box)) > 0.06 * span
        if path.stem == "flat_photo":
            continue
        band = cv2.dilate(jumps.astype(np.uint8), np.ones((17, 17), np.uint8)) > 0
        low = shrink(truth, 4, 1.0)
        fine = refine(DepthMap(low, DepthKind.INVERSE), guide).values
        ratios.append(np.abs(fine - truth)[band].mean() / np.abs(enlarge(low, truth.shape) - truth)[band].mean())
    assert len(ratios) == 9
    assert max(ratios) < 1
    assert np.mean(ratios) < 0.5
