"""Help fits a screen and shows an example; shells complete; variables are documented."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer
from PIL import Image

from dofsim.cli.app import commands
from dofsim.errors import ParameterError

ROOT = Path(__file__).resolve().parents[2]
SCREEN = (100, 50)


def command_lines(command: Any, words: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    yield words
    for name, below in getattr(command, "commands", {}).items():
        yield from command_lines(below, (*words, name))


@pytest.mark.parametrize(
    "words", list(command_lines(typer.main.get_command(commands()))), ids=lambda words: " ".join(words) or "-"
)
def test_help_fits_a_screen_and_shows_an_example(dofsim, monkeypatch, words: tuple[str, ...]) -> None:
    monkeypatch.setenv("COLUMNS", str(SCREEN[0]))
    lines = dofsim(*words, "--help").out.splitlines()
    assert len(lines) <= SCREEN[1]
    assert max(map(len, lines)) <= SCREEN[0] + 5  # an example is not broken
    examples = " ".join(lines).split("Examples:")[1]
    assert " ".join(("dofsim", *words)) in examples
    assert not [line for line in lines if "<list[" in line or "<path>" in line]


@pytest.mark.parametrize("command", ["render", "train"])
def test_rare_options_are_left_out_unless_asked_for(dofsim, command: str) -> None:
    short, long = dofsim(command, "--help").out, dofsim(command, "--help-all").out
    rare = {"render": "--max-memory", "train": "--beta1"}[command]
    assert rare not in short
    assert rare in long
    assert "--help-all" in short
    assert set(re.findall(r"  (--[a-z-]+)", short)) < set(re.findall(r"  (--[a-z-]+)", long))


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash")
def test_bash_completes_commands_options_and_values(tmp_path) -> None:
    program = tmp_path / "dofsim"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -W ignore -m dofsim "$@"\n')
    program.chmod(0o755)
    script = """
    eval "$(dofsim --show-completion bash)"
    try() { COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _dofsim_completion dofsim; echo ${COMPREPLY[@]}; }
    try dofsim ren
    try dofsim render --max
    try dofsim render --source ""
    """
    environment = {**os.environ, "PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        ["bash", "--norc", "-c", script], env=environment, capture_output=True, text=True, check=True, timeout=120
    )
    assert done.stdout.splitlines() == ["render", "--max-memory", "auto photo estimator"]


def test_every_variable_is_documented() -> None:
    sources = [path for folder in ("dofsim", "datasets") for path in (ROOT / folder).rglob("*.py")]
    used = {
        name
        for path in sources
        for name in re.findall(r"\b(?:DOFSIM_[A-Z_]+|NUMBA_[A-Z]+_[A-Z_]+)\b", path.read_text(encoding="utf-8"))
    }
    page = (ROOT / "docs" / "environment.md").read_text(encoding="utf-8")
    assert used
    assert not {name for name in used if f"`{name}`" not in page}


@pytest.mark.parametrize(
    ("arguments", "flag"),
    [
        (("--focus", "near"), "--focus 0.7"),
        (("--focus", "2"), "--focus 2m"),
        (("--focus", "0m"), "--focus 1.2m"),
        (("--focus-at", "12"), "--focus-at"),
        (("--focus-at", "900,900"), "--focus-at"),
        (("--blur", "much"), "--blur 2.5%"),
        (("--blur", "80%"), "--blur 2.5%"),
        (("--blur", "2%", "--aperture", "2"), "leave out --aperture or --blur"),
        (("--focal-length", "50"), "--aperture"),
        (("--aperture", "2"), "--blur 2.5%"),
        (("--sharp-range", "3"), "--sharp-range"),
        (("--blades", "2"), "--blades 6"),
        (("--donut", "2"), "--donut"),
        (("--cats-eye", "2"), "--cats-eye"),
        (("--fringing", "2"), "--fringing 0..0.1"),
        (("--highlight-strength", "9"), "--highlight-strength 1"),
        (("--max-memory", "lots"), "--max-memory 2GB"),
        (("-o", "out.xyz"), "-o NAME.jpg"),
        (("-o", "no/such/folder/out.png"), "-o"),
        (("--source", "estimator"), "--source"),
        (("--model", "nosuch"), "--depth"),
    ],
)
def test_an_error_ends_with_the_flag_that_mends_it(dofsim, photo, depth_file, monkeypatch, arguments, flag) -> None:
    monkeypatch.chdir(photo.parent)
    result = dofsim("render", photo, "--depth", depth_file, *arguments)
    assert result.code != 0
    assert flag in result.complaint
    assert not list(photo.parent.glob("photo.*.png"))


@pytest.mark.parametrize(
    ("arguments", "flag"),
    [
        (("data", "prepare", ".", "-o", "out.h5", "--size", "3"), "--size 640"),
        (("data", "prepare", "pairs", "-o", "out.bin"), "-o NAME.h5"),
        (("data", "prepare", "pairs", "-o", "out.h5", "--split", "test"), "--split all"),
        (("data", "prepare", "pairs", "-o", "out.h5", "--dataset", "nyu"), "--dataset folder"),
        (("eval", "--data", "pairs", "--split", "train", "--model", "nosuch"), "--model"),
        (("eval", "--data", "pairs", "--split", "test"), "--split"),
        (("eval", "--data", "pairs", "--split", "train", "--align", "none"), "--align scale-shift-disparity"),
        (("eval", "--data", "pairs", "--split", "train", "--farthest", "0.0001"), "--nearest 0.001 --farthest 10"),
    ],
)
def test_an_error_about_data_ends_with_the_flag_that_mends_it(dofsim, tmp_path, monkeypatch, arguments, flag) -> None:
    folder = tmp_path / "pairs" / "phone" / "walk"
    folder.mkdir(parents=True)
    (tmp_path / "pairs" / "phone" / "source.json").write_text('{"kind": "metric_depth_mm", "scale": 1.0}')
    pixels = np.random.default_rng(1).integers(0, 256, (48, 64, 3)).astype(np.uint8)
    Image.fromarray(pixels).save(folder / "1.jpg")
    Image.fromarray(pixels[..., 0].astype(np.uint16) + 1000).save(folder / "1.depth.png")
    monkeypatch.chdir(tmp_path)
    result = dofsim(*arguments)
    assert result.code != 0
    assert flag in result.complaint
    assert not list(tmp_path.glob("out.*"))


@pytest.mark.parametrize(
    ("given", "flag"),
    [
        ({"batch": 0}, "--batch 1"),
        ({"seed": -1}, "--seed 0"),
        ({"dropout": 1.0}, "--dropout 0.5"),
        ({"cool_down": 2.0}, "--cool-down 0.5"),
        ({"rate": 0.0}, "--rate 2e-4"),
        ({"levels": 2}, "--levels 8"),
        ({"size": 100}, "--size"),
        ({"voxels": 5, "objective": "volumetric"}, "--voxels 32"),
        ({"pack": 1, "objective": "pacgan"}, "--pack 2"),
        ({"target": "metric", "objective": "ssi"}, "--target relative"),
        ({"head": "tanh", "objective": "ssi", "target": "relative"}, "--head linear"),
        ({"nearest": 3.0, "farthest": 2.0}, "--farthest"),
    ],
)
def test_an_error_about_training_names_the_flag_that_mends_it(given: dict[str, Any], flag: str) -> None:
    from dofsim.pix2pix.settings import override, published

    with pytest.raises(ParameterError) as caught:
        override(published(given.get("objective", "pix2pix"), "unet", 256), given).check()
    assert flag in str(caught.value)
