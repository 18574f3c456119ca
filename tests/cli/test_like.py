"""``dofsim render --like`` repeats what a result says of itself, and ``dofsim info`` shows it."""

from __future__ import annotations

import json

from PIL import Image

SHAPE = ("--blades", "5", "--bubble", "-0.5", "--no-grain")


def test_a_result_is_repeated_to_the_byte_and_flags_win(dofsim, photo, depth_file, tmp_path) -> None:
    first, again, other, wanted = (tmp_path / name for name in ("first.png", "again.png", "other.png", "wanted.png"))
    common = ("render", photo, "--depth", depth_file)
    assert dofsim(*common, "--focus-at", "80,40", "--blur", "4px", *SHAPE, "-o", first).code == 0
    assert dofsim(*common, "--like", first, "-o", again).code == 0
    assert again.read_bytes() == first.read_bytes()
    assert dofsim(*common, "--like", first, "--focus", 0, "--grain", "-o", other).code == 0
    assert dofsim(*common, "--focus", 0, "--blur", "4px", *SHAPE[:4], "-o", wanted).code == 0
    assert other.read_bytes() == wanted.read_bytes()
    assert other.read_bytes() != first.read_bytes()


def test_the_quality_is_repeated_and_a_preview_is_too(dofsim, photo, depth_file, tmp_path) -> None:
    preview, poor = tmp_path / "preview.jpg", tmp_path / "poor.jpg"
    common = ("render", photo, "--depth", depth_file)
    assert dofsim(*common, "--preview-focus", "--focus", 1, "--jpeg-quality", 5, "-o", preview).code == 0
    assert dofsim(*common, "--like", preview, "-o", poor).code == 0
    with Image.open(poor) as image:
        assert max(image.quantization[0]) > 100


def test_info_shows_the_recipe(dofsim, photo, depth_file, tmp_path) -> None:
    out = tmp_path / "out.png"
    assert dofsim("render", photo, "--depth", depth_file, "--focus", "0.5", *SHAPE, "-o", out).code == 0
    assert "--focus 0.5 --blur 2% --sharp-range 0.02 --blades 5" in dofsim("info", out).out
    assert "depth of file: halves.png" in dofsim("info", out).out
    recipe = json.loads(dofsim("info", out, "--json").out)[0]["recipe"]
    assert (recipe["focus"], recipe["blades"], recipe["grain"], recipe["source"]) == ("0.5", 5, False, "file")
    assert json.loads(dofsim("info", photo, "--json").out)[0]["recipe"] is None


def test_what_cannot_be_repeated_is_said(dofsim, photo, depth_file, tmp_path) -> None:
    out = tmp_path / "out.png"
    assert dofsim("render", photo, "--depth", depth_file, "-o", out).code == 0
    without = dofsim("render", photo, "--like", out, "-o", tmp_path / "again.png")
    assert without.code == 4
    assert "--depth FILE" in without.complaint
    assert not (tmp_path / "again.png").exists()
    assert dofsim("render", photo, "--like", photo).code == 2
    assert "no recipe" in dofsim("render", photo, "--like", photo).complaint
    missing = dofsim("render", photo, "--like", tmp_path / "missing.png")
    assert missing.code == 3
