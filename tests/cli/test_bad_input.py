"""Whatever goes in, what comes out is a picture, or one line that says what to do and a telling exit code."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

TRUNCATED = 0.6


def _encoded(pixels: np.ndarray, suffix: str) -> bytes:
    stream = io.BytesIO()
    if suffix == ".heic":
        pillow_heif = pytest.importorskip("pillow_heif")
        pillow_heif.from_pillow(Image.fromarray(pixels)).save(stream, quality=80)
    else:
        Image.fromarray(pixels).save(stream, {".jpg": "JPEG", ".png": "PNG"}[suffix])
    return stream.getvalue()


@pytest.mark.parametrize(
    ("name", "make"),
    [
        ("missing.jpg", None),
        ("folder.jpg", lambda path, _: path.mkdir()),
        ("pipe.jpg", lambda path, _: os.mkfifo(path)),
        ("endless.jpg", lambda path, _: path.symlink_to("/dev/zero")),
        ("empty.jpg", lambda path, _: path.write_bytes(b"")),
        ("empty.heic", lambda path, _: path.write_bytes(b"")),
        ("document.jpg", lambda path, _: path.write_bytes(b"%PDF-1.7\n1 0 obj\n<<>>\nendobj\n" + bytes(500))),
        ("words.heic", lambda path, _: path.write_text("not a picture at all")),
        *(
            (f"cut{suffix}", lambda path, pixels, suffix=suffix: path.write_bytes(_cut(_encoded(pixels, suffix))))
            for suffix in (".jpg", ".png", ".heic")
        ),
    ],
)
@pytest.mark.parametrize("command", ["render", "depth", "info"])
def test_unreadable_photo(dofsim, tmp_path, pixels, command: str, name: str, make: Callable | None) -> None:
    path = tmp_path / "in" / name
    path.parent.mkdir()
    if make:
        make(path, pixels)
    before = _listing(tmp_path)
    result = dofsim(command, path)
    assert result.code == 3
    assert name in result.complaint
    assert result.out == ""
    assert _listing(tmp_path) == before


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--focus", "1.7"], "0..1"),
        (["--focus", "-0.1"], "0..1"),
        (["--focus", "nan"], "0..1"),
        (["--focus", "near"], "auto"),
        (["--focus", "-2m"], "above 0"),
        (["--focus-at", "5000,10"], "outside"),
        (["--focus-at", "middle"], "X,Y"),
        (["--blur", "80%"], "50%"),
        (["--blur", "wide"], "2.5%"),
        (["--blur", "2%", "--aperture", "2"], "not both"),
        (["--focal-length", "50"], "--aperture"),
        (["--threads", "0"], "--threads"),
        (["--threads", "two"], "--threads"),
        (["--sharp-range", "1.5"], "sharp range"),
        (["--blades", "2"], "3 blades at least"),
        (["--squeeze", "0"], "squeeze lies in"),
        (["--jpeg-quality", "101"], "--jpeg-quality"),
        (["--source", "photo"], "--depth"),
        (["--nonsense"], "--nonsense"),
    ],
)
def test_parameter_out_of_range(dofsim, photo, depth_file, tmp_path, options: list[str], says: str) -> None:
    out = tmp_path / "out.png"
    result = dofsim("render", photo, "--depth", depth_file, *options, "-o", out)
    assert result.code == 2
    assert says in result.complaint
    assert not out.exists()


def test_metric_wishes_on_relative_depth(dofsim, photo, depth_file, tmp_path) -> None:
    out = tmp_path / "out.png"
    for options, says in ((["--focus", "1.2m"], "--focus-at"), (["--aperture", "1.8"], "--blur")):
        result = dofsim("render", photo, "--depth", depth_file, *options, "-o", out)
        assert result.code == 4
        assert says in result.complaint
    assert not out.exists()


def test_depth_that_does_not_fit(dofsim, photo, tmp_path) -> None:
    square, nan, words = tmp_path / "square.png", tmp_path / "nan.npy", tmp_path / "words.png"
    Image.new("L", (50, 50), 3).save(square)
    np.save(nan, np.full((72, 96), np.nan, np.float32))
    words.write_text("no depth")
    for path, says in ((square, "aspect"), (nan, "NaN"), (words, "words.png"), (tmp_path / "no.png", "no.png")):
        result = dofsim("render", photo, "--depth", path, "-o", tmp_path / "out.png")
        assert result.code == 4, path
        assert says in result.complaint
    assert not (tmp_path / "out.png").exists()


def test_what_has_no_end_is_no_depth_and_no_recipe(dofsim, photo, tmp_path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    for path in (tmp_path / "pipe.png", "/dev/zero"):
        for option, code in (("--depth", 4), ("--like", 3)):
            result = dofsim("render", photo, option, path, "-o", tmp_path / "out.png")
            assert result.code == code
            assert "no regular file" in result.complaint


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-", ">/dev/full", "2>/dev/full"])
def test_streams_that_are_closed_or_full(photo, tmp_path, closed: str) -> None:
    def call(path: Path) -> subprocess.CompletedProcess[str]:
        command = ["sh", "-c", f'exec "$0" -m dofsim info "$1" {closed}', sys.executable, str(path)]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    before = photo.read_bytes()
    there, missing = call(photo), call(tmp_path / "none.png")
    assert there.returncode == (5 if closed == ">/dev/full" else 0)
    assert missing.returncode == 3
    assert len(missing.stderr.splitlines()) == (0 if "2>" in closed else 1)
    assert "Traceback" not in there.stderr
    assert photo.read_bytes() == before


def test_result_and_depth_in_one_file(dofsim, photo, depth_file, tmp_path) -> None:
    out = tmp_path / "out.png"
    result = dofsim("render", photo, "--depth", depth_file, "--save-depth", out, "-o", out)
    assert result.code == 2
    assert "two files" in result.complaint
    assert not out.exists()


def test_photo_without_depth_of_its_own(dofsim, photo, tmp_path) -> None:
    for command in ("render", "depth"):
        result = dofsim(command, photo, "--source", "photo", "-o", tmp_path / "out.png")
        assert result.code == 4
        assert "--source estimator" in result.complaint
    assert not (tmp_path / "out.png").exists()


def test_unknown_model(dofsim, photo, tmp_path) -> None:
    result = dofsim("depth", photo, "--model", tmp_path / "none.onnx", "-o", tmp_path / "out.png")
    assert result.code == 6
    assert "none.onnx" in result.complaint


def test_flat_depth_warns_and_copies(dofsim, photo, pixels, tmp_path) -> None:
    flat, out = tmp_path / "flat.png", tmp_path / "out.png"
    Image.new("L", (96, 72), 90).save(flat)
    result = dofsim("render", photo, "--depth", flat, "-o", out)
    assert result.code == 0
    assert result.err.count("warning: ") == 1
    with Image.open(out) as image:
        np.testing.assert_array_equal(np.asarray(image), pixels)


@pytest.mark.parametrize(
    ("out", "why"), [("no/such/folder/out.png", "does not exist"), ("photo.png/out.png", "is no folder")]
)
def test_output_folder_that_is_not_there(dofsim, photo, depth_file, tmp_path, out: str, why: str) -> None:
    before = _listing(tmp_path)
    result = dofsim("render", photo, "--depth", depth_file, "-o", tmp_path / out)
    assert result.code == 5
    assert why in result.complaint
    assert _listing(tmp_path) == before


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may write anywhere")
def test_output_folder_that_may_not_be_written(dofsim, photo, depth_file, tmp_path) -> None:
    folder = tmp_path / "locked"
    folder.mkdir(mode=0o555)
    result = dofsim("render", photo, "--depth", depth_file, "-o", folder / "out.png")
    assert result.code == 5
    assert "out.png" in result.complaint


def test_output_in_an_unknown_format(dofsim, photo, depth_file, tmp_path) -> None:
    result = dofsim("render", photo, "--depth", depth_file, "-o", tmp_path / "out.docx")
    assert result.code == 2
    assert ".jpg" in result.complaint
    assert not (tmp_path / "out.docx").exists()


def test_outputs_that_would_fall_on_each_other(dofsim, photo, depth_file, tmp_path) -> None:
    twin = tmp_path / "elsewhere" / photo.name
    twin.parent.mkdir()
    twin.write_bytes(photo.read_bytes())
    assert dofsim("render", photo, twin, "-o", tmp_path / "one.png").code == 2
    assert dofsim("render", photo, twin, "-o", tmp_path / "out").code == 2
    assert dofsim("render", photo, twin, "--depth", depth_file).code == 2
    assert dofsim("render", photo, "--near", "dark").code == 2


def _ramp(path: Path, width: int, height: int) -> Path:
    Image.fromarray(np.tile(np.linspace(0, 255, width).astype(np.uint8), (height, 1))).save(path)
    return path


def test_one_pixel(dofsim, tmp_path) -> None:
    photo, out = tmp_path / "dot.png", tmp_path / "out.png"
    Image.new("RGB", (1, 1), (10, 200, 30)).save(photo)
    result = dofsim("render", photo, "--depth", _ramp(tmp_path / "d.png", 1, 1), "-o", out)
    assert result.code == 0, result.err
    with Image.open(out) as image:
        assert image.getpixel((0, 0)) == (10, 200, 30)


def test_grey_stays_grey(dofsim, pixels, tmp_path) -> None:
    photo, out = tmp_path / "grey.png", tmp_path / "out.png"
    Image.fromarray(pixels[..., 0]).save(photo)
    assert dofsim("render", photo, "--depth", _ramp(tmp_path / "d.png", 96, 72), "-o", out).code == 0
    with Image.open(out) as image:
        assert image.mode == "L"


def test_alpha_is_kept(dofsim, pixels, tmp_path) -> None:
    photo, out = tmp_path / "rgba.png", tmp_path / "out.png"
    alpha = np.arange(96 * 72, dtype=np.uint32).reshape(72, 96).astype(np.uint8)
    Image.fromarray(np.dstack([pixels, alpha])).save(photo)
    assert dofsim("render", photo, "--depth", _ramp(tmp_path / "d.png", 96, 72), "-o", out).code == 0
    with Image.open(out) as image:
        assert image.mode == "RGBA"
        np.testing.assert_array_equal(np.asarray(image)[..., 3], alpha)


def test_cmyk_becomes_a_picture(dofsim, tmp_path) -> None:
    photo, out = tmp_path / "cmyk.jpg", tmp_path / "out.jpg"
    Image.new("CMYK", (96, 72), (0, 255, 255, 0)).save(photo, quality=95)
    result = dofsim("render", photo, "--depth", _ramp(tmp_path / "d.png", 96, 72), "-o", out)
    assert result.code == 0, result.err
    with Image.open(out) as image:
        red, green, blue = np.asarray(image.convert("RGB")).reshape(-1, 3).mean(axis=0)
    assert red > 180
    assert max(green, blue) < 90


def _cut(data: bytes) -> bytes:
    return data[: int(len(data) * TRUNCATED)]


def _listing(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))
