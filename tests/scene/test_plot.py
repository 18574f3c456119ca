"""Pictures for eyes: figures, and what notebooks show."""

from __future__ import annotations

import io
import sys
import time
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

import dofsim
from dofsim import DepthKind, DepthMap, Photo
from dofsim.errors import MissingExtraError
from dofsim.scene import Scene

WIDTH, HEIGHT = 96, 72


def scene(kind: DepthKind = DepthKind.METRIC) -> Scene:
    """Left 1 m, right 4 m, and sky above where the kind knows infinity."""
    values = np.full((HEIGHT, WIDTH), 4.0, np.float32)
    values[:, : WIDTH // 2] = 1.0
    if kind is DepthKind.METRIC:
        values[:8] = np.inf
    pixels = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)
    return Scene(Photo.from_array(pixels), DepthMap(values if kind is DepthKind.METRIC else 1 / values, kind))


@pytest.mark.parametrize(
    ("kind", "label"), [(DepthKind.METRIC, "depth, m"), (DepthKind.INVERSE, "inverse depth, 1/m"),
                        (DepthKind.RELATIVE, "inverse depth, relative")],
)  # fmt: skip
def test_a_figure_has_the_unit_of_the_depth_and_focus_in_the_middle_of_the_colours(kind: DepthKind, label: str) -> None:
    pytest.importorskip("matplotlib")
    subject = scene(kind)
    figure = subject.plot(1.0, blur="6px", sharp_range=0.0)
    photo, depth, coc, overlay, depth_bar, coc_bar = figure.axes
    assert depth_bar.get_ylabel() == label
    assert "px" in coc_bar.get_ylabel()
    shown = coc.images[0]
    assert shown.get_clim() == pytest.approx((-6, 6), abs=1e-4)
    red, _, blue, _ = shown.cmap(shown.norm(-6.0))
    assert red > blue, "in front is warm, as in the overlay"
    assert shown.cmap(shown.norm(0.0))[:3] == pytest.approx((0.97, 0.97, 0.97), abs=0.01)
    assert np.asarray(shown.get_array())[-1, [0, -1]] == pytest.approx(
        subject.coc(1.0, blur="6px", sharp_range=0)[-1, [0, -1]]
    )
    assert np.array_equal(photo.images[0].get_array(), subject.photo.pixels)
    assert np.array_equal(overlay.images[0].get_array(), subject.preview_focus(1.0, blur="6px", sharp_range=0).pixels)
    assert ("1 m" if kind is not DepthKind.RELATIVE else "1.00 of 0..1") in overlay.get_title()
    with Image.open(io.BytesIO(figure._repr_png_())) as image:
        assert min(image.size) > 300
    assert depth.images[0].cmap.name == ("turbo_r" if kind is DepthKind.METRIC else "turbo")


def test_a_flat_scene_can_be_drawn() -> None:
    pytest.importorskip("matplotlib")
    flat = replace(scene(), depth=DepthMap(np.ones((HEIGHT, WIDTH), np.float32), DepthKind.INVERSE))
    assert flat.plot()._repr_png_()


def test_without_matplotlib_the_extra_is_named(monkeypatch) -> None:
    from dofsim import plot

    plot._figure_class.cache_clear()
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(MissingExtraError, match=r"dofsim\[plot\]"):
        scene().plot()
    plot._figure_class.cache_clear()


def test_notebooks_show_small_pictures_and_say_what_they_are() -> None:
    subject = scene()
    with Image.open(io.BytesIO(subject.photo._repr_png_())) as image:
        assert np.array_equal(np.asarray(image), subject.photo.pixels)
    with Image.open(io.BytesIO(subject.depth._repr_png_())) as image:
        near, far = np.asarray(image)[-1, [0, -1]].astype(int)
    assert near[0] > near[2]
    assert far[2] > far[0]
    page = subject._repr_html_()
    assert page.count("<img") == page.count("alt=") == 2
    assert "96 x 72, metric, inverse depth 0 to 1 1/m (1 m to infinity)" in page
    assert repr(subject).startswith("Scene(Photo(96 x 72, PNG, 8 bit), DepthMap(96 x 72, metric")


def test_showing_a_large_photo_is_cheap() -> None:
    large = Photo.from_array(np.zeros((3000, 4000, 3), np.uint16))
    start = time.perf_counter()
    picture = large._repr_png_()
    assert time.perf_counter() - start < 2.0
    with Image.open(io.BytesIO(picture)) as image:
        assert image.size == (512, 384)
    assert len(repr(replace(large, metadata=replace(large.metadata, exif=bytes(100_000))))) < 100


def test_a_preview_of_the_focus_may_be_small() -> None:
    subject = scene(DepthKind.INVERSE)
    small = subject.preview_focus(1.0, blur="6px", longest_side=48)
    assert small.pixels.shape == (36, 48, 3)
    assert np.array_equal(small.pixels[:, :20], subject.photo.thumbnail(48).pixels[:, :20])
    assert small.pixels[:, 30:, 2].mean() > 1.5 * small.pixels[:, 30:, 0].mean()


def test_thumbnails_keep_what_belongs_to_the_photo() -> None:
    pixels = np.zeros((40, 60, 4), np.uint16)
    pixels[:, 30:] = 65535
    photo = Photo.from_array(pixels)
    small = photo.thumbnail(30)
    assert (small.pixels.shape, small.pixels.dtype) == ((20, 30, 3), np.uint16)
    assert small.alpha is not None
    assert small.alpha.shape == (20, 30)
    assert photo.thumbnail(60) is photo
    assert dofsim.Photo.from_array(pixels).display_pixels().dtype == np.uint8
