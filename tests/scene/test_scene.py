"""Prepare once, refocus many times."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import dofsim
from dofsim import DepthKind, DepthMap
from dofsim.errors import DepthError, DofsimWarning, ParameterError
from dofsim.photo import Photo
from dofsim.recipe import recipe_of
from dofsim.scene import Scene

WIDTH, HEIGHT = 160, 120


def photo() -> Photo:
    rng = np.random.default_rng(0)
    return Photo.from_array(rng.integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8))


def two_planes(kind: DepthKind = DepthKind.INVERSE) -> DepthMap:
    """Near (1 m) on the left, far (4 m) on the right."""
    values = np.full((HEIGHT, WIDTH), 0.25, np.float32)
    values[:, : WIDTH // 2] = 1.0
    if kind is DepthKind.METRIC:
        values = 1 / values
    return DepthMap(values, kind)


def sharpness(pixels: np.ndarray) -> float:
    return float(np.abs(np.diff(pixels.astype(np.float32), axis=1)).mean())


@pytest.mark.parametrize("kind", list(DepthKind))
def test_focus_runs_from_far_to_near_for_every_kind_of_depth(kind: DepthKind) -> None:
    scene = dofsim.prepare(photo(), depth=two_planes(kind))
    far, near = scene.render(focus=0.0, blur="4%").pixels, scene.render(focus=1.0, blur="4%").pixels
    left, right = np.s_[:, : WIDTH // 2 - 20], np.s_[:, WIDTH // 2 + 20 :]
    assert np.array_equal(far[right], scene.photo.pixels[right])
    assert np.array_equal(near[left], scene.photo.pixels[left])
    assert sharpness(far[left]) < 0.2 * sharpness(scene.photo.pixels[left])
    assert sharpness(near[right]) < 0.2 * sharpness(scene.photo.pixels[right])


def test_the_circle_of_confusion_is_signed_and_as_large_as_asked_for() -> None:
    scene = dofsim.prepare(photo(), depth=two_planes())
    coc = scene.coc(1.0, blur="10px")
    assert coc[0, 0] == pytest.approx(0.0, abs=1e-4)
    assert coc[0, -1] == pytest.approx(10.0, abs=1e-3)
    assert scene.coc(0.0, blur="10px")[0, 0] == pytest.approx(-10.0, abs=1e-3)
    assert scene.coc(1.0)[0, -1] == pytest.approx(0.02 * 200, abs=1e-3)


def test_a_range_around_the_focus_stays_sharp_on_request() -> None:
    ramp = DepthMap(np.tile(np.linspace(0, 1, WIDTH, dtype=np.float32), (HEIGHT, 1)), DepthKind.RELATIVE)
    scene = dofsim.prepare(photo(), depth=ramp)
    coc = scene.coc(0.5, blur="8px", sharp_range=0.25)[0]
    assert (coc[(ramp.values[0] > 0.26) & (ramp.values[0] < 0.74)] == 0).all()
    assert coc[0] == pytest.approx(8.0, abs=1e-3)
    assert coc[-1] == pytest.approx(-8.0, abs=1e-3)
    with pytest.raises(ParameterError, match="sharp range"):
        scene.coc(0.5, sharp_range=1.5)


def test_an_aperture_follows_the_thin_lens() -> None:
    scene = dofsim.prepare(photo(), depth=two_planes())
    # f = 50 mm, N = 2, focus 1 m, 200 px on 43.2666 mm: K = .05^2 * 200 / (4 * .0432666 * .95) = 3.041128
    coc = scene.coc("1m", aperture=2.0, focal_length=50.0)
    assert coc[0, -1] == pytest.approx(3.041128 * 0.75, rel=1e-4)
    assert scene.coc("1m", aperture=4.0, focal_length=50.0)[0, -1] == pytest.approx(3.041128 * 0.375, rel=1e-4)


def test_a_point_focuses_on_what_it_touches() -> None:
    scene = dofsim.prepare(photo(), depth=two_planes())
    assert scene.focus_inverse_depth(focus_at="10,60") == pytest.approx(1.0)
    assert scene.focus_inverse_depth(focus_at="90%,50%") == pytest.approx(0.25)


def test_relative_depth_refuses_physical_units() -> None:
    scene = dofsim.prepare(photo(), depth=two_planes(DepthKind.RELATIVE))
    with pytest.raises(DepthError, match="--blur"):
        scene.render(aperture=1.8)
    with pytest.raises(DepthError, match="metres"):
        scene.render(focus="1.2m")


def test_contradictions_are_refused() -> None:
    scene = dofsim.prepare(photo(), depth=two_planes())
    with pytest.raises(ParameterError, match="not both"):
        scene.render(aperture=1.8, blur="2%")
    with pytest.raises(ParameterError, match="f-number"):
        scene.render(focal_length=85)


def test_flat_depth_copies_the_photo_and_says_so() -> None:
    scene = dofsim.prepare(photo(), depth=DepthMap(np.full((HEIGHT, WIDTH), 2.0, np.float32), DepthKind.METRIC))
    with pytest.warns(DofsimWarning, match="nothing to defocus"):
        assert np.array_equal(scene.render(0.5).pixels, scene.photo.pixels)


def test_depth_of_another_field_of_view_is_refused() -> None:
    with pytest.raises(DepthError, match="aspect ratios differ"):
        dofsim.prepare(photo(), depth=DepthMap(np.eye(90, dtype=np.float32) + 1, DepthKind.RELATIVE))


def test_a_smaller_depth_map_is_brought_to_the_size_of_the_photo() -> None:
    small = DepthMap(np.tile(np.linspace(0, 1, 40, dtype=np.float32), (30, 1)), DepthKind.RELATIVE)
    assert dofsim.prepare(photo(), depth=small).depth.shape == (HEIGHT, WIDTH)


def test_a_photo_without_depth_says_so_when_its_own_is_asked_for() -> None:
    with pytest.raises(DepthError, match="--source estimator"):
        dofsim.prepare(photo(), source="photo")
    with pytest.raises(ParameterError, match="depth source"):
        dofsim.prepare(photo(), source="guess")  # type: ignore[arg-type]


def test_whoever_names_a_model_gets_it_though_the_photo_has_depth() -> None:
    from dataclasses import replace

    phone = replace(photo(), depth=replace(two_planes(), source="photo"))
    assert dofsim.prepare(phone).depth.source == "photo"
    assert dofsim.prepare(phone, model="estimator").depth.source == "estimator"
    assert dofsim.prepare(phone, source="estimator").depth.source == "estimator"
    assert dofsim.prepare(phone, source="photo", model="estimator").depth.source == "photo"


def test_the_preview_leaves_the_focus_alone_and_tints_the_rest() -> None:
    scene = dofsim.prepare(photo(), depth=two_planes())
    preview = scene.preview_focus(1.0, blur="10%").pixels.astype(int)
    original = scene.photo.pixels
    assert np.array_equal(preview[:, :60], original[:, :60])
    assert preview[:, 100:, 2].mean() > preview[:, 100:, 0].mean() + 30


def test_refocusing_many_times_reads_the_photo_once() -> None:
    scene = dofsim.prepare(photo(), depth=two_planes())
    assert isinstance(scene, Scene)
    assert scene.linear is scene.linear
    first = scene.render(0.0, blur="3%").pixels
    scene.render(1.0, blur="3%")
    assert np.array_equal(scene.render(0.0, blur="3%").pixels, first)


def test_the_pug_is_sharp_and_its_surroundings_are_not(shared: Path) -> None:
    scene = dofsim.prepare(dofsim.read_photo(shared / "photos" / "pug.heic"))
    out = scene.render(focus_at="59.5%,60%", blur="2%", grain=False).pixels  # the wall has little else than grain
    original = scene.photo.pixels

    def kept(region: tuple[slice, slice]) -> float:
        return sharpness(out[region]) / sharpness(original[region])

    assert kept(np.s_[1740:1900, 2330:2560]) > 0.8  # the eye
    assert kept(np.s_[300:1200, 1500:3800]) < 0.35  # the wall
    assert kept(np.s_[2500:3000, 3750:4000]) < 0.35  # the bed in front


def test_lamps_out_of_focus_become_bright_discs_and_those_in_focus_stay() -> None:
    pixels = np.full((HEIGHT, WIDTH, 3), 30, np.uint8)
    pixels[60:62, 40:42] = pixels[60:62, 120:122] = 255
    scene = dofsim.prepare(Photo.from_array(pixels), depth=two_planes())
    bright, dull = (scene.render(focus=1.0, blur="4px", highlights=on).pixels for on in (True, False))
    assert bright[61, 121].max() > dull[61, 121].max() + 40
    assert np.array_equal(bright[:, :70], dull[:, :70])
    assert np.array_equal(bright[:, :70], pixels[:, :70])
    peaks = [
        scene.render(focus=1.0, blur="4px", highlight_strength=strength).pixels[61, 121].max()
        for strength in (0, 0.5, 1)
    ]
    assert peaks == sorted(set(peaks))
    assert (peaks[0], peaks[2]) == (dull[61, 121].max(), bright[61, 121].max())
    with pytest.raises(ParameterError, match="0 to 4, not 5"):
        scene.render(highlight_strength=5)


def test_the_best_quality_is_rendered_whole_and_told_in_the_recipe() -> None:
    scene = dofsim.prepare(photo(), depth=two_planes())
    fast, best = (scene.render(focus=1.0, blur="4%", grain=False, quality=quality) for quality in ("fast", "best"))
    assert recipe_of(best).quality == "best"  # type: ignore[union-attr]
    difference = np.abs(best.pixels.astype(int) - fast.pixels)
    assert 0 < difference.mean() < 12
    assert difference[:, -20:].max() <= 1


def test_the_best_quality_is_refused_where_it_does_not_fit() -> None:
    scene = dofsim.prepare(photo(), depth=two_planes())
    with pytest.raises(ParameterError, match="--quality fast"):
        scene.render(focus=1.0, quality="best", max_memory="10MB")
    with pytest.raises(ParameterError, match="fast or best"):
        scene.render(focus=1.0, quality="finest")  # type: ignore[arg-type]
