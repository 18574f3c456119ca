"""Profiles: to linear light and back without loss."""

from __future__ import annotations

import io
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageCms

from dofsim.errors import ParameterError
from dofsim.photo import ColourProfile, Photo, read_photo


def ramp(dtype: type) -> np.ndarray:
    levels = np.iinfo(dtype).max + 1
    codes = np.arange(levels, dtype=np.int64)
    return np.stack([codes, codes[::-1], np.roll(codes, 77)], axis=1).astype(dtype)[None]


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("gamma", [None, 1.0, 1.8, 2.2, 2.6])
def test_every_code_survives_the_way_to_linear_light_and_back(make: Any, dtype: type, gamma: float | None) -> None:
    profile = ColourProfile(None if gamma is None else make.icc(gamma))
    photo = Photo(ramp(dtype), profile=profile)
    again = photo.with_linear(photo.linear())
    assert again.pixels.dtype == dtype
    np.testing.assert_array_equal(again.pixels, photo.pixels)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("gamma", [None, 1.8, 2.2])
def test_rounding_is_to_the_nearest_code(make: Any, dtype: type, gamma: float | None) -> None:
    profile = ColourProfile(None if gamma is None else make.icc(gamma))
    top = np.iinfo(dtype).max
    codes = np.linspace(0.02, 0.98, 3001) * top
    encoded = codes / top
    linear = (
        encoded**gamma if gamma else np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)
    )
    rgb = np.repeat(linear[None, :, None], 3, axis=2).astype(np.float32)
    photo = Photo(np.zeros(rgb.shape, dtype), profile=profile).with_linear(rgb)
    assert np.abs(photo.pixels[0, :, 0] - codes).max() < 0.5 + (0.01 if dtype == np.uint8 else 0.6)


def test_srgb_values_known_by_hand() -> None:
    linear = Photo.from_array(np.array([[0, 10, 128, 188, 255]], np.uint8)).linear()
    assert linear[0, :, 0] == pytest.approx([0, 0.0030353, 0.2158605, 0.5028865, 1], abs=1e-6)


def test_a_curve_of_another_gamma_is_measured(make: Any) -> None:
    profile = ColourProfile(make.icc(1.8))
    assert not profile.has_srgb_curve
    linear = Photo(np.full((1, 1, 3), 128, np.uint8), profile=profile).linear()
    assert linear[0, 0] == pytest.approx([(128 / 255) ** 1.8] * 3, abs=1e-4)


def test_an_srgb_profile_takes_the_exact_curve(write: Any, make: Any) -> None:
    icc = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    photo = read_photo(write("in.jpg", make.jpeg(make.picture(), icc_profile=icc)))
    assert photo.profile.icc == icc
    assert photo.profile.has_srgb_curve
    assert "sRGB" in photo.profile.name
    np.testing.assert_array_equal(photo.linear(), replace(photo, profile=ColourProfile()).linear())


def test_values_out_of_range_are_clipped_and_nan_is_black() -> None:
    photo = Photo.from_array(np.full((1, 4, 3), 99, np.uint8))
    rgb = np.array([-1.0, 2.0, np.nan, np.inf], np.float32)[None, :, None].repeat(3, axis=2)
    assert photo.with_linear(rgb).pixels[0, :, 0].tolist() == [0, 255, 0, 255]


def test_linear_pixels_of_another_shape_are_refused() -> None:
    photo = Photo.from_array(np.zeros((4, 5, 3), np.uint8))
    with pytest.raises(ParameterError, match="do not fit"):
        photo.with_linear(np.zeros((4, 6, 3), np.float32))


def test_a_flat_curve_still_keeps_unchanged_codes(make: Any) -> None:
    # Every code below 0.3 decodes to 0, so that only the memory of the code can bring it back.
    import imagecodecs

    curve = np.clip((np.linspace(0, 1, 4096) - 0.3) / 0.7, 0, 1)
    primaries = [0.64, 0.33, 1.0, 0.3, 0.6, 1.0, 0.15, 0.06, 1.0]
    icc = bytes(
        imagecodecs.cms_profile(
            "rgb", whitepoint=[0.3127, 0.329, 1.0], primaries=primaries, transferfunction=curve.astype(np.float32)
        )
    )
    photo = Photo(ramp(np.uint8), profile=ColourProfile(icc))
    assert photo.linear()[0, 50, 0] == 0
    np.testing.assert_array_equal(photo.with_linear(photo.linear()).pixels, photo.pixels)


def test_a_grey_profile_is_undone_and_kept(write: Any, tmp_path: Any) -> None:
    import imagecodecs

    icc = bytes(imagecodecs.cms_profile("gray", gamma=1.5))
    stream = io.BytesIO()
    Image.fromarray(np.full((8, 8), 128, np.uint8)).save(stream, "PNG", icc_profile=icc)
    photo = read_photo(write("in.png", stream.getvalue()))
    assert photo.linear()[0, 0, 0] == pytest.approx((128 / 255) ** 1.5, abs=1e-3)
    saved = read_photo(photo.save(tmp_path / "out.png"))
    assert saved.is_grey
    assert saved.metadata.icc == icc


@pytest.mark.parametrize("icc", [b"junk", bytes(200)])
def test_a_damaged_profile_costs_a_note(make: Any, write: Any, icc: bytes) -> None:
    photo = read_photo(write("in.jpg", make.jpeg(make.picture(), icc_profile=icc)))
    assert photo.profile == ColourProfile()
    assert any("profile is damaged" in note for note in photo.notes)


def test_a_profile_for_other_pixels_costs_a_note(write: Any, make: Any) -> None:
    import imagecodecs

    icc = bytes(imagecodecs.cms_profile("gray", gamma=1.5))
    photo = read_photo(write("in.jpg", make.jpeg(make.picture(), icc_profile=icc)))
    assert photo.profile == ColourProfile()
    assert any("ignored" in note for note in photo.notes)


def test_a_heic_that_states_display_p3_by_number_stays_display_p3(make: Any, write: Any, tmp_path: Any) -> None:
    data = make.heic(
        make.picture(), color_primaries=12, transfer_characteristics=13, matrix_coefficients=6, full_range_flag=1
    )
    photo = read_photo(write("in.heic", data))
    assert photo.profile.has_srgb_curve
    assert photo.profile.icc is not None
    profile = ImageCms.ImageCmsProfile(io.BytesIO(photo.profile.icc)).profile
    # Red of Display P3 adapted to D50 (ICC.1), as in the profile of every iPhone photo.
    assert profile.red_colorant[0] == pytest.approx((0.5151, 0.2412, -0.0011), abs=2e-3)
    saved = read_photo(photo.save(tmp_path / "out.jpg"))
    assert saved.metadata.icc == photo.profile.icc
    assert read_photo(write("plain.heic", make.heic(make.picture()))).profile.icc is None


def test_a_lookup_table_profile_is_converted_with_a_note(
    make: Any, write: Any, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    # No library at hand makes lookup-table profiles, so that a matrix profile passes for one.
    monkeypatch.setattr("dofsim.photo.colour.is_invertible", lambda icc: False)
    grey = np.full((8, 8, 3), 128, np.uint8)
    eight = read_photo(write("in.jpg", make.jpeg(grey, icc_profile=make.icc(1.8))))
    import tifffile

    stream = io.BytesIO()
    tifffile.imwrite(stream, grey.astype(np.uint16) * 257, photometric="rgb", metadata=None, iccprofile=make.icc(1.8))
    sixteen = read_photo(write("in.tif", stream.getvalue()))
    assert sixteen.pixels.dtype == np.uint16
    for photo in (eight, sixteen):
        assert photo.profile == ColourProfile()
        assert any("lookup table" in note for note in photo.notes)
        assert photo.linear() == pytest.approx((128 / 255) ** 1.8, abs=0.01)
        assert read_photo(photo.save(tmp_path / "out.png")).metadata.icc is None


def test_colour_on_a_grey_profile_is_saved_in_srgb(write: Any, tmp_path: Any) -> None:
    import imagecodecs

    stream = io.BytesIO()
    icc = bytes(imagecodecs.cms_profile("gray", gamma=1.0))
    Image.fromarray(np.full((8, 8), 128, np.uint8)).save(stream, "PNG", icc_profile=icc)
    photo = read_photo(write("in.png", stream.getvalue()))
    rgb = photo.linear()
    rgb[0, 0] = (1, 0, 0)
    saved = read_photo(photo.with_linear(rgb).save(tmp_path / "out.png"))
    assert saved.profile == ColourProfile()
    assert saved.pixels[0, 0].tolist() == [255, 0, 0]
    assert saved.linear()[4, 4] == pytest.approx([128 / 255] * 3, abs=0.005)
