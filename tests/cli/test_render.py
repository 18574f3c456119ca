"""``dofsim render`` as its users see it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dofsim.recipe import read_recipe

HALF = 48
MARGIN = 12  # px from the depth edge, where neither side has yet been touched by the other


def read(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image).astype(int)


def test_focus_decides_which_half_stays_sharp(dofsim, photo, depth_file, pixels, tmp_path) -> None:
    for focus, sharp, soft in (
        (1.0, np.s_[:, HALF + MARGIN :], np.s_[:, : HALF - MARGIN]),
        (0.0, np.s_[:, : HALF - MARGIN], np.s_[:, HALF + MARGIN :]),
    ):
        out = tmp_path / f"focus{focus}.png"
        result = dofsim("render", photo, "--depth", depth_file, "--focus", focus, "--blur", "5px", "-o", out)
        assert (result.code, result.out.strip()) == (0, str(out))
        picture = read(out)
        np.testing.assert_array_equal(picture[sharp], pixels[sharp])
        assert picture[soft].std() < 0.5 * pixels[soft].std()


def test_focus_at_and_near_dark_mean_the_same_half(dofsim, photo, depth_file, tmp_path) -> None:
    by_point, by_scale, swapped = (tmp_path / f"{name}.png" for name in ("point", "scale", "swapped"))
    common = ("render", photo, "--depth", depth_file, "--blur", "3%")
    assert dofsim(*common, "--focus-at", "80%,50%", "-o", by_point).code == 0
    assert dofsim(*common, "--focus", 1, "-o", by_scale).code == 0
    assert dofsim(*common, "--near", "dark", "--focus", 0, "-o", swapped).code == 0
    np.testing.assert_array_equal(read(by_point), read(by_scale))
    assert np.abs(read(swapped) - read(by_scale))[:, HALF + MARGIN :].max() == 0


def test_default_name_is_beside_the_photo_and_runs_again(dofsim, photo, depth_file) -> None:
    for _ in range(2):
        result = dofsim("render", photo, "--depth", depth_file)
        assert result.code == 0, result.err
        assert Path(result.out.strip()) == photo.with_name("photo.dof.png")
    assert not [path for path in photo.parent.iterdir() if path.name.startswith(".")]


def test_input_is_protected(dofsim, photo, depth_file) -> None:
    before = photo.read_bytes()
    link = photo.with_name("link.png")
    link.symlink_to(photo)
    for out in (photo, link, photo.parent / "." / photo.name):
        result = dofsim("render", photo, "--depth", depth_file, "-o", out)
        assert result.code == 5
        assert "--overwrite" in result.complaint
        assert photo.read_bytes() == before
    assert dofsim("render", photo, "--depth", depth_file, "-o", depth_file).code == 5
    assert dofsim("render", photo, "--depth", depth_file, "--blur", "5px", "-o", photo, "--overwrite").code == 0
    assert photo.read_bytes() != before


def test_several_photos_into_a_folder_and_one_of_them_bad(dofsim, photo, tmp_path, monkeypatch) -> None:
    import dofsim as library

    _give_every_photo_depth(library, monkeypatch)
    second, broken = tmp_path / "second.png", tmp_path / "broken.jpg"
    second.write_bytes(photo.read_bytes())
    broken.write_bytes(b"%PDF-1.4 nothing here")
    folder = tmp_path / "out"
    result = dofsim("render", photo, broken, second, "-o", folder)
    assert result.code == 3
    assert "broken.jpg" in result.complaint
    assert sorted(path.name for path in folder.iterdir()) == ["photo.dof.png", "second.dof.png"]


def test_save_depth_and_preview(dofsim, photo, depth_file, pixels, tmp_path) -> None:
    out, depth = tmp_path / "preview.png", tmp_path / "depth.png"
    result = dofsim(
        "render", photo, "--depth", depth_file, "--focus", 1, "--preview-focus", "--save-depth", depth, "-o", out
    )
    assert result.code == 0, result.err
    saved = read(depth)
    assert saved.shape == pixels.shape[:2]
    assert saved[:, -5:].min() > 60_000
    assert saved[:, :5].max() < 5_000
    preview = read(out)
    np.testing.assert_array_equal(preview[:, HALF + MARGIN :], pixels[:, HALF + MARGIN :])
    behind = preview[:, : HALF - MARGIN]
    assert behind[..., 2].mean() > behind[..., 0].mean() + 20


def test_quiet_says_nothing(dofsim, photo, tmp_path) -> None:
    flat = tmp_path / "flat.png"
    Image.new("L", (96, 72), 128).save(flat)
    loud = dofsim("render", photo, "--depth", flat)
    assert loud.code == 0
    assert "warning: " in loud.err
    quiet = dofsim("render", photo, "--depth", flat, "--quiet")
    assert (quiet.code, quiet.out, quiet.err) == (0, "", "")


def test_jpeg_quality_changes_the_size(dofsim, photo, depth_file, tmp_path) -> None:
    sizes = []
    for quality in (30, 95):
        out = tmp_path / f"q{quality}.jpg"
        assert dofsim("render", photo, "--depth", depth_file, "--jpeg-quality", quality, "-o", out).code == 0
        sizes.append(out.stat().st_size)
    assert sizes[1] > 1.5 * sizes[0]


def test_grain_can_be_switched_off(dofsim, depth_file, tmp_path) -> None:
    photo = tmp_path / "ramp.png"
    codes = np.repeat(np.tile(np.linspace(90, 110, 96), (72, 1))[..., None], 3, axis=2)
    Image.fromarray(np.round(codes).astype(np.uint8)).save(photo)
    pictures = {}
    for option in ("--grain", "--no-grain", None):
        out = tmp_path / f"{option}.png"
        wish = ["--focus", 1, "--blur", "5px", *([] if option is None else [option])]
        assert dofsim("render", photo, "--depth", depth_file, *wish, "-o", out).code == 0
        pictures[option] = read(out)
    np.testing.assert_array_equal(pictures[None], pictures["--grain"])
    behind = np.s_[10:-10, 10 : HALF - MARGIN]
    assert (pictures["--no-grain"][behind].std(axis=0) == 0).all()
    assert pictures["--grain"][behind].std(axis=0).max() > 0.2


def test_the_shape_of_the_blur_and_the_highlights_can_be_chosen(dofsim, photo, depth_file, tmp_path) -> None:
    results = []
    for options in ([], ["--blades", "3"], ["--bubble", "1", "--cats-eye", "1"], ["--fringing", "0.1"]):
        out = tmp_path / f"{len(results)}.png"
        assert dofsim("render", photo, "--depth", depth_file, "--focus", "1", *options, "-o", out).code == 0
        results.append(out.read_bytes())
    assert len(set(results)) == 4
    assert read_recipe(out).fringing == 0.1
    out = tmp_path / "dull.png"
    assert dofsim("render", photo, "--depth", depth_file, "--focus", "1", "--no-highlights", "-o", out).code == 0
    strong = ("--highlight-strength", "3")
    assert dofsim("render", photo, "--depth", depth_file, "--focus", "1", *strong, "-o", out).code == 0
    assert read_recipe(out).highlight_strength == 3.0


def test_threads_do_not_change_the_picture(dofsim, photo, depth_file, tmp_path) -> None:
    pictures = []
    for threads in (1, 3):
        out = tmp_path / f"threads{threads}.png"
        assert dofsim("render", photo, "--depth", depth_file, "--threads", threads, "-o", out).code == 0
        pictures.append(out.read_bytes())
    assert pictures[0] == pictures[1]


def test_metric_depth_takes_metres_and_an_aperture(dofsim, photo, pixels, tmp_path) -> None:
    metres = np.full((72, 96), 4.0, np.float32)
    metres[:, HALF:] = 1.0
    np.save(tmp_path / "metres.npy", metres)
    out = tmp_path / "lens.png"
    result = dofsim(
        "render", photo, "--depth", tmp_path / "metres.npy", "--depth-kind", "metric",
        "--focus", "1m", "--aperture", "0.5", "--focal-length", "85", "-o", out,
    )  # fmt: skip
    assert result.code == 0, result.err
    picture = read(out)
    np.testing.assert_array_equal(picture[:, HALF + MARGIN :], pixels[:, HALF + MARGIN :])
    assert picture[:, : HALF - MARGIN].std() < 0.8 * pixels[:, : HALF - MARGIN].std()


def test_from_the_shell_cold_and_warm(photo, depth_file, tmp_path) -> None:
    out = tmp_path / "out.png"
    command = [sys.executable, "-m", "dofsim", "render", str(photo), "--depth", str(depth_file), "-o", str(out)]
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path / "cache"), "PYTHONWARNINGS": "ignore"}
    cold = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert "once" in cold.stderr
    assert cold.stdout.strip() == str(out)
    warm = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert warm.stderr == ""


def test_interruption_leaves_nothing(dofsim, photo, depth_file, tmp_path, monkeypatch) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    from dofsim.scene import Scene

    monkeypatch.setattr(Scene, "render", interrupt)
    out = tmp_path / "out.png"
    assert dofsim("render", photo, "--depth", depth_file, "-o", out).code == 130
    assert not out.exists()


def test_a_bug_is_one_line_and_a_hint(dofsim, photo, depth_file, monkeypatch) -> None:
    def stumble(*_: object, **__: object) -> None:
        raise ZeroDivisionError("by design")

    from dofsim.scene import Scene

    monkeypatch.setattr(Scene, "render", stumble)
    result = dofsim("render", photo, "--depth", depth_file)
    assert result.code == 1
    assert "ZeroDivisionError" in result.complaint
    assert "DOFSIM_DEBUG" in result.complaint
    monkeypatch.setenv("DOFSIM_DEBUG", "1")
    with pytest.raises(ZeroDivisionError):
        dofsim("render", photo, "--depth", depth_file)


def _give_every_photo_depth(library, monkeypatch) -> None:
    """Stand in for the estimator, which this test is not about."""
    prepare = library.prepare
    ramp = np.linspace(0, 1, 72 * 96, dtype=np.float32).reshape(72, 96)

    def with_ramp(photo, **_: object):
        return prepare(photo, depth=library.DepthMap(ramp, library.DepthKind.RELATIVE))

    monkeypatch.setattr(library, "prepare", with_ramp)


def test_what_does_not_fit_into_max_memory_is_refused_and_writes_nothing(
    dofsim, photo, depth_file, tmp_path, monkeypatch
) -> None:
    monkeypatch.setenv("DOFSIM_MAX_MEMORY", "")  # so that what the command sets is taken back afterwards
    out = tmp_path / "out" / "photo.png"
    out.parent.mkdir()
    result = dofsim("render", photo, "--depth", depth_file, "-o", out, "--max-memory", "20MB")
    assert result.code != 0
    assert "--max-memory" in result.complaint
    assert not list(out.parent.iterdir())
    assert "800MB" in dofsim("render", photo, "--depth", depth_file, "-o", out, "--max-memory", "much").complaint
    assert dofsim("render", photo, "--depth", depth_file, "-o", out, "--max-memory", "4GB").code == 0


def test_metadata_is_kept_until_it_is_to_be_left_out(dofsim, depth_file, pixels, tmp_path) -> None:
    exif = Image.Exif()
    exif[271] = "ACME"
    exif[0x8825] = {1: "N", 2: (48.0, 51.0, 29.0)}
    photo = tmp_path / "place.jpg"
    Image.fromarray(pixels).save(photo, exif=exif)
    for options, maker, place in (((), "ACME", 48.0), (("--strip-gps",), "ACME", None), (("--strip-all",), None, None)):
        out = tmp_path / "out.jpg"
        assert dofsim("render", photo, "--depth", depth_file, *options, "-o", out).code == 0
        with Image.open(out) as image:
            tags = image.getexif()
            assert tags.get(271) == maker
            assert tags.get_ifd(0x8825).get(2, (None,))[0] == place


def test_an_editable_result_is_refocused_again(dofsim, photo, depth_file, tmp_path, pixels) -> None:
    first = dofsim("render", photo, "--depth", depth_file, "--editable", "--focus", 1)
    result = photo.with_name("photo.dof.jpg")
    assert (first.code, first.out.strip()) == (0, str(result))
    assert "of them the original" in first.err
    info = json.loads(dofsim("info", "--json", result).out)[0]
    assert (info["width"], info["height"]) == (pixels.shape[1], pixels.shape[0])
    assert info["depth"]["width"] == pixels.shape[1]
    second = dofsim("render", result, "--focus", 0, "-o", tmp_path / "far.png", "--no-grain")
    direct = dofsim("render", photo, "--depth", depth_file, "--focus", 0, "-o", tmp_path / "direct.png", "--no-grain")
    assert (second.code, direct.code) == (0, 0), second.err + direct.err
    compared = json.loads(dofsim("compare", tmp_path / "far.png", tmp_path / "direct.png", "--json").out)
    assert compared["psnr_db"] is None or compared["psnr_db"] > 40
    original = dofsim("compare", photo, result, "--json")
    assert json.loads(original.out)["equal"]
    assert "its sharp original is used" in original.err


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (("-o", "out.png"), "-o NAME.jpg"),
        (("--preview-focus",), "--preview-focus"),
    ],
)
def test_what_cannot_be_editable(dofsim, photo, depth_file, tmp_path, monkeypatch, more, words) -> None:
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.iterdir())
    result = dofsim("render", photo, "--depth", depth_file, "--editable", *more)
    assert result.code == 2
    assert words in result.complaint
    assert sorted(tmp_path.iterdir()) == before
