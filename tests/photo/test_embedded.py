"""The phone's own depth, from files of every container that the tests write themselves."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from dofsim.depth.depth_map import DepthKind
from dofsim.photo import read_photo

ORIENTATIONS = [1, 2, 3, 4, 5, 6, 7, 8]


@pytest.fixture
def depth() -> npt.NDArray[np.uint8]:
    """Upright 64 x 96 picture's depth, half as large: dark at the left, bright at the right, lower half brighter."""
    columns = np.tile(np.linspace(0, 200, 48).astype(np.uint8), (32, 1))
    columns[16:] += 55
    return columns


def shares(values: np.ndarray, low: float, high: float) -> np.ndarray:
    return (values - low) / (high - low) * 255


def test_apple_disparity_is_inverse_depth(make: Any, write: Any, depth: Any) -> None:
    for matte_first in (True, False):
        photo = read_photo(write("in.jpg", make.apple(make.picture(), depth, matte_first=matte_first)))
        assert photo.depth is not None
        assert photo.depth.kind is DepthKind.INVERSE
        assert photo.depth.source == "photo"
        assert "relative accuracy" in photo.depth.detail
        assert photo.depth.values.min() == pytest.approx(0.5, abs=0.02)
        assert photo.depth.values.max() == pytest.approx(2.5, abs=0.02)
        assert np.abs(shares(photo.depth.values, 0.5, 2.5) - depth).mean() < 2


@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_apple_depth_is_turned_like_the_photo(make: Any, write: Any, depth: Any, orientation: int) -> None:
    data = make.apple(
        make.stored(make.picture(), orientation), make.stored(depth, orientation), exif=make.exif(orientation)
    )
    photo = read_photo(write("in.jpg", data))
    assert photo.pixels.shape == make.picture().shape
    assert photo.depth is not None
    assert np.abs(shares(photo.depth.values, 0.5, 2.5) - depth).mean() < 2


def test_apple_depth_in_metres_is_metric(make: Any, write: Any, depth: Any) -> None:
    photo = read_photo(write("in.jpg", make.apple(make.picture(), depth, AuxiliaryImageType="depth")))
    assert photo.depth is not None
    assert photo.depth.kind is DepthKind.METRIC


@pytest.mark.parametrize(
    "stated",
    [
        {"FloatMinValue": "nan"},
        {"FloatMaxValue": "abc"},
        {"FloatMaxValue": ""},
        {"FloatMinValue": "3", "FloatMaxValue": "1"},
        {"AuxiliaryImageType": "depth", "FloatMinValue": "-1"},
    ],
)
def test_apple_depth_that_makes_no_sense_costs_a_note(make: Any, write: Any, depth: Any, stated: Any) -> None:
    photo = read_photo(write("in.jpg", make.apple(make.picture(), depth, **stated)))
    assert photo.depth is None
    assert photo.pixels.shape == make.picture().shape
    assert len(photo.notes) == 1
    assert "depth map in the file" in photo.notes[0]


def test_a_cut_off_disparity_frame_costs_a_note(make: Any, write: Any) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 96)).astype(np.uint8)
    data = make.apple(make.picture(), noise)
    photo = read_photo(write("in.jpg", data[:-2000]))
    assert photo.depth is None
    assert "ignored" in photo.notes[0]


@pytest.mark.parametrize(("units", "kind"), [("m", DepthKind.INVERSE), ("", DepthKind.RELATIVE)])
def test_google_range_inverse(make: Any, write: Any, depth: Any, units: str, kind: DepthKind) -> None:
    photo = read_photo(write("in.jpg", make.google(make.picture(), depth, units=units)))
    assert photo.depth is not None
    assert photo.depth.kind is kind
    # The reference: d = far near / (far - share (far - near)); stored 0 is the nearest.
    distance = 10 * 2 / (10 - depth / 255 * (10 - 2))
    np.testing.assert_allclose(photo.depth.values, 1 / distance, rtol=1e-5)
    assert photo.depth.values[0, 0] == pytest.approx(1 / 2)
    assert photo.depth.values[-1, -1] == pytest.approx(1 / 10)


def test_google_millimetres_become_metres(make: Any, write: Any, depth: Any) -> None:
    data = make.google(make.picture(), depth, near="200", far="1000", units="mm")
    found = read_photo(write("in.jpg", data)).depth
    assert found is not None
    assert found.kind is DepthKind.INVERSE
    assert found.range() == pytest.approx((1.0, 5.0))


def test_google_range_linear(make: Any, write: Any, depth: Any) -> None:
    distance = depth / 255 * (10 - 2) + 2
    metric = read_photo(write("in.jpg", make.google(make.picture(), depth, form="RangeLinear", units="m"))).depth
    assert metric is not None
    assert metric.kind is DepthKind.METRIC
    np.testing.assert_allclose(metric.values, distance, rtol=1e-5)
    relative = read_photo(write("in.jpg", make.google(make.picture(), depth, form="RangeLinear"))).depth
    assert relative is not None
    assert relative.kind is DepthKind.RELATIVE
    np.testing.assert_allclose(relative.values, 1 / distance, rtol=1e-5)


@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_google_depth_and_original_are_turned_like_the_photo(
    make: Any, write: Any, depth: Any, orientation: int
) -> None:
    blurred = np.full_like(make.stored(make.picture(), orientation), 128)
    original = make.jpeg(make.stored(make.picture(), orientation))
    data = make.google(blurred, make.stored(255 - depth, orientation), original=original, exif=make.exif(orientation))
    photo = read_photo(write("in.jpg", data))
    assert np.abs(photo.pixels.astype(int) - make.picture()).mean() < 3
    assert any("sharp original" in note for note in photo.notes)
    assert photo.depth is not None
    assert np.abs(photo.depth.normalised() * 255 - depth).max() < 2
    assert photo.focal_length_35mm == 28.0


@pytest.mark.parametrize(
    "wrong",
    [
        {"near": "0"},
        {"near": "-1"},
        {"near": "12"},
        {"far": "inf"},
        {"near": "x"},
        {"form": "Other"},
        {"missing": (1,)},
        {"missing": (0, 1, 2, 3)},
    ],
)
def test_google_depth_that_makes_no_sense_costs_a_note(make: Any, write: Any, depth: Any, wrong: Any) -> None:
    photo = read_photo(write("in.jpg", make.google(make.picture(), depth, **wrong)))
    assert photo.depth is None
    assert "depth map in the file" in photo.notes[0]


def test_a_damaged_original_leaves_the_base_picture_and_the_depth(make: Any, write: Any, depth: Any) -> None:
    photo = read_photo(write("in.jpg", make.google(make.picture(), depth, original=b"\xff\xd8\xffjunk")))
    assert photo.depth is not None
    assert np.abs(photo.pixels.astype(int) - make.picture()).mean() < 3
    assert "original" in photo.notes[0]


@pytest.mark.parametrize("rotation", [0, 1, 2, 3])
def test_heic_disparity_is_turned_like_the_photo(make: Any, write: Any, rotation: int) -> None:
    # The encoder pads sides that are no multiple of 64, which would need one more box.
    depth = np.tile(np.linspace(0, 255, 128).astype(np.uint8), (64, 1))
    message = make.depth_message(1, d_min=0.5, d_max=2.5)
    pixels = make.picture(128, 64)
    photo = read_photo(write("in.heic", make.heic_depth(pixels, depth, message, rotation)))
    assert photo.depth is not None
    assert photo.depth.kind is DepthKind.INVERSE
    # irot turns anti-clockwise.
    assert np.abs(photo.pixels.astype(int) - np.rot90(pixels, rotation)).mean() < 4
    expected = np.rot90(0.5 + depth / 255 * 2.0, rotation)
    assert np.abs(photo.depth.values - expected).mean() < 0.02


@pytest.mark.parametrize(
    ("kind", "values", "expected_kind", "darkest", "brightest"),
    [
        (0, {"z_near": 0.5, "z_far": 4.0}, DepthKind.INVERSE, 0.25, 2.0),
        (2, {"z_near": 0.5, "z_far": 4.0}, DepthKind.METRIC, 0.5, 4.0),
        (1, {"d_min": 1.25, "d_max": 3.5}, DepthKind.INVERSE, 1.25, 3.5),
        (1, {}, DepthKind.RELATIVE, 0.0, 1.0),
        (0, {}, DepthKind.RELATIVE, 0.0, 1.0),
        (2, {}, DepthKind.RELATIVE, 1.0, 0.0),
    ],
)
def test_heic_depth_representations(
    make: Any, write: Any, kind: int, values: Any, expected_kind: DepthKind, darkest: float, brightest: float
) -> None:
    depth = np.zeros((64, 128), np.uint8)
    depth[:, 64:] = 255
    data = make.heic_depth(make.picture(128, 64), depth, make.depth_message(kind, **values))
    found = read_photo(write("in.heic", data)).depth
    assert found is not None
    assert found.kind is expected_kind
    assert float(found.values[:, :40].mean()) == pytest.approx(darkest, abs=0.03)
    assert float(found.values[:, 88:].mean()) == pytest.approx(brightest, abs=0.03)


def test_heic_depth_that_makes_no_sense_costs_a_note(make: Any, write: Any) -> None:
    depth = np.tile(np.linspace(0, 255, 128).astype(np.uint8), (64, 1))
    data = make.heic_depth(make.picture(128, 64), depth, make.depth_message(1, d_min=3.0, d_max=1.0))
    photo = read_photo(write("in.heic", data))
    assert photo.depth is None
    assert "depth map in the file was ignored" in photo.notes[0]


def test_depth_of_another_shape_costs_a_note(make: Any, write: Any) -> None:
    square = np.zeros((32, 32), np.uint8)
    photo = read_photo(write("in.jpg", make.apple(make.picture(), square)))
    assert photo.depth is None
    assert "aspect ratio" in photo.notes[0]


def test_a_plain_photo_has_no_depth_and_nothing_to_note(make: Any, write: Any) -> None:
    for name, data in (("a.jpg", make.jpeg(make.picture())), ("a.heic", make.heic(make.picture()))):
        photo = read_photo(write(name, data))
        assert photo.depth is None
        assert photo.notes == ()


@pytest.mark.parametrize("orientation", [5, 6, 7, 8])
def test_a_heic_depth_picture_without_its_rotation_is_turned_by_exif(make: Any, depth: Any, orientation: int) -> None:
    from dofsim.depth.depth_map import DepthMap
    from dofsim.photo.decode import Decoded
    from dofsim.photo.embedded import _turned_like
    from dofsim.photo.metadata import Metadata

    upright = Decoded("HEIF", make.picture(), None, Metadata(exif=make.exif(orientation)))
    stored = DepthMap(make.stored(depth, orientation).astype(np.float32), DepthKind.RELATIVE, "photo")
    np.testing.assert_array_equal(_turned_like(stored, upright).values, depth)
    turned = DepthMap(depth.astype(np.float32), DepthKind.RELATIVE, "photo")
    np.testing.assert_array_equal(_turned_like(turned, upright).values, depth)
