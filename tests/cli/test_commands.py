"""The command line around rendering: help, version, info, depth, and the benchmark."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import dofsim as library

COMMANDS = ("render", "depth", "info", "data", "train", "eval", "export", "bench")


def test_help_names_every_command_and_exit_code(dofsim) -> None:
    from dofsim import errors

    result = dofsim("--help")
    assert (result.code, result.err) == (0, "")
    assert all(f"  {command} " in result.out for command in COMMANDS)
    classes = [value for value in vars(errors).values() if isinstance(value, type) and hasattr(value, "exit_code")]
    assert {0, 130, *(cls.exit_code for cls in classes)} == {
        int(line.split()[0]) for line in result.out.split("Exit codes:")[1].splitlines() if line.split()
    }


def test_the_pages_document_the_same_exit_codes(dofsim) -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "environment.md").read_text(encoding="utf-8")
    lines = dofsim("--help").out.split("Exit codes:")[1].splitlines()
    for code in (line.split()[0] for line in lines if line.split()):
        assert f"\n| {code} | " in page


def test_no_arguments_give_the_help(dofsim) -> None:
    assert dofsim().out == dofsim("--help").out
    assert "blur" in dofsim("bench").out


def test_version(dofsim) -> None:
    assert dofsim("--version").out.strip() == f"dofsim {library.__version__}"


@pytest.mark.parametrize("arguments", [("rendr", "x.jpg"), ("--verbose",), ("render",), ("depth", "a.jpg", "b.jpg")])
def test_wrong_command_lines(dofsim, arguments) -> None:
    result = dofsim(*arguments)
    assert result.code == 2
    assert result.complaint


def test_a_closed_pipe_is_no_drama(photo) -> None:
    command = f"{sys.executable} -W ignore -m dofsim info {photo} | true"
    finished = subprocess.run(["/bin/sh", "-c", command], capture_output=True, text=True, check=False)
    assert "Traceback" not in finished.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full on this system")
def test_a_full_disk_behind_stdout(photo) -> None:
    command = f"{sys.executable} -W ignore -m dofsim info {photo} > /dev/full"
    finished = subprocess.run(["/bin/sh", "-c", command], capture_output=True, text=True, check=False)
    assert finished.returncode == 5
    assert finished.stderr.startswith("error: the system refused")
    assert finished.stderr.count("\n") == 1


@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
def test_names_that_the_terminal_cannot_spell(photo, depth_file, encoding: str) -> None:
    odd = os.fsencode(photo.parent) + b"/\xff \xc3\xa4.png"
    with open(odd, "wb") as file:  # noqa: PTH123 - a name of bytes
        file.write(photo.read_bytes())
    command = [sys.executable, "-W", "ignore", "-m", "dofsim", "render", odd, "--depth", str(depth_file)]
    environment = {**os.environ, "PYTHONIOENCODING": encoding}
    finished = subprocess.run(command, env=environment, capture_output=True, check=False)
    said = [line for line in finished.stderr.splitlines() if not line.startswith(b"note: compiling")]
    assert (finished.returncode, said) == (0, [])
    assert os.path.exists(odd[:-4] + b".dof.png")  # noqa: PTH110 - a name of bytes


def test_depth_keeps_numbers_in_npy_and_order_in_png(dofsim, photo, tmp_path, monkeypatch) -> None:
    prepare = library.prepare
    inverse = np.full((72, 96), 0.5, np.float32)
    inverse[:, 48:] = 2.0
    given = library.DepthMap(inverse, library.DepthKind.INVERSE, detail="made by a test")
    monkeypatch.setattr(library, "prepare", lambda photo, **_: prepare(photo, depth=given))
    for suffix in (".npy", ".png"):
        result = dofsim("depth", photo, "-o", tmp_path / f"d{suffix}")
        assert result.code == 0, result.err
        assert "made by a test" in result.err
        assert "0.5 to 2 1/m" in result.err
    values = np.load(tmp_path / "d.npy")
    assert values.dtype == np.float32
    np.testing.assert_allclose(values[:, [0, -1]], [[0.5, 2.0]] * 72)
    with Image.open(tmp_path / "d.png") as image:
        png = np.asarray(image)
    assert (png.dtype, png[0, 0], png[0, -1]) == (np.uint16, 0, 65535)


def test_depth_default_name_and_quiet(dofsim, photo, monkeypatch) -> None:
    prepare = library.prepare
    ramp = np.linspace(0, 1, 72 * 96, dtype=np.float32).reshape(72, 96)
    given = library.DepthMap(ramp, library.DepthKind.RELATIVE)
    monkeypatch.setattr(library, "prepare", lambda photo, **_: prepare(photo, depth=given))
    result = dofsim("depth", photo, "--quiet")
    assert (result.code, result.out, result.err) == (0, "", "")
    assert photo.with_name("photo.depth.png").is_file()


def camera_jpeg(path: Path) -> Path:
    exif = Image.Exif()
    exif[0x010F], exif[0x0110], exif[0x0112] = "Acme", "Acme Phone 3", 6
    exif.get_ifd(0x8769).update({0x9003: "2024:05:06 07:08:09", 0x920A: 4.5, 0xA405: 27, 0x829D: 1.8})
    Image.new("RGB", (64, 48), (90, 60, 30)).save(path, exif=exif)
    return path


def test_info_as_text(dofsim, tmp_path) -> None:
    out = dofsim("info", camera_jpeg(tmp_path / "camera.jpg")).out
    for words in (
        "camera.jpg",
        "JPEG, 48 x 64, 8 bit",
        "Acme Phone 3",
        "2024:05:06 07:08:09",
        "4.5 mm",
        "27 mm",
        "f/1.8",
    ):
        assert words in out, words
    assert "Acme Acme" not in out
    assert "6 in the file" in out
    assert "none of its own" in out


def test_info_as_json(dofsim, tmp_path, photo) -> None:
    (first, second) = json.loads(dofsim("info", "--json", camera_jpeg(tmp_path / "camera.jpg"), photo).out)
    assert (first["width"], first["height"], first["orientation"]) == (48, 64, 6)
    assert (first["camera"], first["focal_length_35mm"], first["depth"]) == ("Acme Phone 3", 27, None)
    assert (second["format"], second["camera"], second["bits"]) == ("PNG", None, 8)


def test_info_goes_on_after_a_bad_file(dofsim, tmp_path, photo) -> None:
    result = dofsim("info", tmp_path / "no.jpg", photo)
    assert result.code == 3
    assert "no.jpg" in result.complaint
    assert "photo.png" in result.out


def test_info_of_phone_files(dofsim, shared) -> None:
    photos = shared / "photos"
    facts = json.loads(dofsim("info", "--json", photos / "pug.heic", photos / "table.jpg").out)
    pug, table = facts
    assert (pug["width"], pug["height"], pug["depth"]["kind"]) == (4032, 3024, "inverse")
    assert pug["depth"]["inverse_depth"] == pytest.approx([1.498, 4.383], abs=2e-3)
    assert table["depth"]["kind"] == "relative"
    assert table["notes"]


def test_bench_blur(dofsim, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr("dofsim.bench.blur._CROP_SIDE_PX", 40)  # the Python loop is slow
    figures = tmp_path / "figures.json"
    result = dofsim(
        "bench", "blur", "--megapixels", 0.05, "--radius", 4, "--radius", 6, "--repeats", 1, "--budget", 0,
        "--no-peers", "--json", figures, "--quiet",
    )  # fmt: skip
    assert result.code == 0, result.err
    table = [line for line in result.out.splitlines() if line.startswith("|")]
    assert table[0].split("|")[2:4] == [" R = 4 ", " R = 6 "]
    assert "Python loop" in result.out
    rows = json.loads(figures.read_text())["rows"]
    loops = [row for row in rows if "Python loop" in row["contender"]]
    assert [row["radius_px"] for row in loops] == [4, 6]
    assert all(row["times_ours"] > 1 and row["scaled_from_px"] for row in loops)


def test_progress_appears_on_a_terminal_only_after_a_second(monkeypatch) -> None:
    import time

    from dofsim.cli import report as module

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    def work(stage: str, seconds: float, *, quiet: bool = False) -> str:
        screen = Terminal()
        monkeypatch.setattr(sys, "stderr", screen)
        with module.Report(2, quiet=quiet) as report:
            report.stage(stage)
            time.sleep(seconds)
        return screen.getvalue()

    monkeypatch.setattr(module, "PATIENCE_S", 0.1)
    monkeypatch.setenv("TERM", "xterm-256color")
    assert "slow thing" in work("slow thing", 1.0)
    assert work("slow thing", 1.0, quiet=True) == ""
    monkeypatch.setattr(module, "PATIENCE_S", 5.0)
    assert work("quick thing", 0.0) == ""


@pytest.mark.parametrize("command", [["train", "--data", "x", "-o", "run"], ["export", "run", "-o", "m.onnx"]])
def test_training_without_torch_says_what_to_install(
    command: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    from dofsim.cli.app import run
    from dofsim.pix2pix import _torch

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(_torch.importlib.util, "find_spec", lambda _name: None)
    assert run(command) == 7
    assert "pip install 'dofsim[train]'" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["render", "eval", "models"])
def test_a_command_alone_has_the_words_that_it_has_among_all(name: str) -> None:
    import typer.main

    from dofsim.cli.app import commands

    alone, among = (typer.main.get_command(commands(only)) for only in (name, None))
    assert list(alone.commands) == [name]
    described = [
        [(word.name, word.opts, word.default) for word in whole.commands[name].params] for whole in (alone, among)
    ]
    assert described[0] == described[1]


def test_who_asked_is_told_of_the_end(tmp_path: Path) -> None:
    script = "import atexit; atexit.register(print, 'told'); from dofsim.cli import start; start()"
    command = [sys.executable, "-c", script, "info", tmp_path / "missing.jpg"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stdout) == (3, "told\n")
    assert len(result.stderr.splitlines()) == 1


def test_a_closed_output_is_no_error(tmp_path: Path) -> None:
    Image.new("RGB", (8, 8)).save(tmp_path / "photo.png")
    command = f"exec {sys.executable} -m dofsim info {tmp_path}/photo.png >&-"
    result = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=False)
    assert result.returncode == 0
    assert "Traceback" not in result.stderr
