"""``dofsim compare``: figures that others find too, a split view, and pictures that do not belong together."""

from __future__ import annotations

import io
import json

import numpy as np
import pytest
from PIL import Image

from dofsim import read_photo
from dofsim.errors import ParameterError
from dofsim.metrics import psnr, ssim


@pytest.mark.parametrize("channels", [1, 3])
def test_figures_are_those_of_scikit_image(channels: int) -> None:
    metrics = pytest.importorskip("skimage.metrics")
    rng = np.random.default_rng(1)
    a = rng.random((40, 53, channels), dtype=np.float32)
    a[:20] *= 0.02
    b = np.clip(a + rng.normal(0, 0.1, a.shape), 0, 1).astype(np.float32)
    assert psnr(a, b) == pytest.approx(metrics.peak_signal_noise_ratio(a, b, data_range=1.0), abs=1e-3)
    theirs = metrics.structural_similarity(
        a.astype(np.float64), b.astype(np.float64), channel_axis=2, data_range=1.0, gaussian_weights=True, sigma=1.5,
        use_sample_covariance=False,
    )  # fmt: skip
    assert ssim(a, b) == pytest.approx(theirs, abs=1e-4)
    assert (psnr(a, a), ssim(a, a)) == (np.inf, pytest.approx(1.0))


def test_shapes_that_cannot_be_compared() -> None:
    small = np.zeros((10, 30, 3), np.float32)
    with pytest.raises(ParameterError, match="11 px"):
        ssim(small, small)
    with pytest.raises(ParameterError, match="one shape"):
        psnr(small, small[:5])


def test_figures_and_split_view_with_the_orientation_applied(dofsim, tmp_path, pixels) -> None:
    upright, turned, out = tmp_path / "a.png", tmp_path / "b.png", tmp_path / "split.png"
    darker = pixels // 2
    Image.fromarray(pixels).save(upright)
    exif = Image.Exif()
    exif[0x0112] = 6
    # Orientation 6 is turned by a quarter clockwise on reading.
    Image.fromarray(np.ascontiguousarray(np.rot90(darker))).save(turned, exif=exif)
    result = dofsim("compare", upright, turned, "-o", out, "--at", "25%", "--json")
    assert result.code == 0, result.err
    facts = json.loads(result.out)
    error = np.mean((pixels / 255.0 - darker / 255.0) ** 2)
    assert facts["psnr_db"] == pytest.approx(-10 * np.log10(error), abs=1e-3)
    assert (facts["width"], facts["height"], facts["equal"]) == (96, 72, False)
    assert facts["light"].startswith("display")
    split = read_photo(out).pixels
    assert np.array_equal(split[:, :23], pixels[:, :23])
    assert np.array_equal(split[:, 26:], darker[:, 26:])
    assert [split[0, x].tolist() for x in (23, 24, 25)] == [[0] * 3, [255] * 3, [0] * 3]
    text = dofsim("compare", upright, turned)
    assert f"PSNR          {facts['psnr_db']:.2f} dB" in text.out
    assert "display values" in text.out


def test_equal_pictures(dofsim, photo) -> None:
    facts = json.loads(dofsim("compare", photo, photo, "--json").out)
    assert (facts["psnr_db"], facts["ssim"], facts["equal"]) == (None, pytest.approx(1.0), True)
    assert "inf dB" in dofsim("compare", photo, photo).out


def test_a_wide_colour_space_is_brought_to_srgb(dofsim, tmp_path) -> None:
    from PIL import ImageCms

    from dofsim.photo.colour import profile_of_primaries

    # Code 12 of ITU-T H.273: P3 with D65 white.
    icc = profile_of_primaries(12)
    assert icc is not None
    p3 = np.full((16, 16, 3), (120, 90, 60), np.uint8)
    source, target = ImageCms.ImageCmsProfile(io.BytesIO(icc)), ImageCms.createProfile("sRGB")
    srgb = ImageCms.profileToProfile(Image.fromarray(p3), source, target)
    Image.fromarray(p3).save(tmp_path / "p3.png", icc_profile=icc)
    srgb.save(tmp_path / "srgb.png")
    assert not np.array_equal(np.asarray(srgb), p3)
    facts = json.loads(dofsim("compare", tmp_path / "p3.png", tmp_path / "srgb.png", "--json").out)
    assert facts["psnr_db"] is None or facts["psnr_db"] > 47


@pytest.mark.parametrize(
    ("more", "code", "words"),
    [
        ((), 2, "96 x 72 and 48 x 72 upright"),
        (("-o", "split"), 2, "-o split.png"),
        (("--at", "middle"), 2, "--at 50%"),
        (("-o", "OTHER"), 5, "--overwrite"),
    ],
)
def test_bad_input(dofsim, photo, tmp_path, monkeypatch, more, code, words) -> None:
    monkeypatch.chdir(tmp_path)
    other = tmp_path / "other.png"
    Image.new("RGB", (48, 72)).save(other)
    result = dofsim("compare", photo, other, *(other if word == "OTHER" else word for word in more))
    assert result.code == code
    assert words in result.complaint
    assert sorted(path.name for path in tmp_path.iterdir()) == ["other.png", "photo.png"]
