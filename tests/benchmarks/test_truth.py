"""The program that scores the renderer against ray-traced truth runs, and its measures mean what they say."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

PROGRAM = Path(__file__).resolve().parents[2] / "benchmarks" / "truth.py"


def write_scene(folder: Path) -> None:
    """One flat scene whose truth is its own image: focus on the wall, so nothing may change."""
    rng = np.random.default_rng(0)
    image = rng.random((64, 80, 3)).astype(np.float16)
    empty = np.zeros((64, 80), np.uint8)
    np.savez(
        folder / "wall.npz",
        image=image,
        depth=np.full((64, 80), 2.0, np.float32),
        truth_near=image,
        hidden_near=empty,
        outside_near=empty,
    )
    lens = {"tag": "near", "focus_m": 2.0, "aperture_radius_m": 0.01}
    (folder / "lens.json").write_text(json.dumps({"wall": {"cls": "flat", "focal_px": 500.0, "lenses": [lens]}}))


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, PROGRAM, *map(str, arguments)], capture_output=True, text=True, check=False)


def test_a_wall_in_focus_is_perfect(tmp_path: Path) -> None:
    write_scene(tmp_path)
    done = run(tmp_path, "--output", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    record = json.loads((tmp_path / "out" / "truth.json").read_text())
    assert record["mean"]["all"]["psnr"] == pytest.approx(100.0)
    assert record["mean"]["all"]["sharp"] == 0.0
    assert record["mean"]["class flat"]["energy"] == pytest.approx(1.0, abs=1e-6)
    assert "| all | 100.00 | 1.0000 |" in (tmp_path / "out" / "truth.md").read_text()


def test_an_unknown_scene_is_named(tmp_path: Path) -> None:
    write_scene(tmp_path)
    done = run(tmp_path, "--scenes", "moon", "--output", tmp_path / "out")
    assert done.returncode == 2
    assert "moon" in done.stderr
    assert not (tmp_path / "out").exists()


def test_the_renderer_beats_plain_scatter_by_far(shared: Path, tmp_path: Path) -> None:
    done = run(shared / "truth" / "dev", "--scenes", "thin_signpost,room_table", "--output", tmp_path)
    assert done.returncode == 0, done.stderr
    mean = json.loads((tmp_path / "truth.json").read_text())["mean"]
    assert mean["class thin_fg"]["psnr"] > 38.5
    assert mean["class room"]["psnr"] > 43.2
    assert all(abs(mean[name]["energy"] - 1) < 0.005 for name in ("class thin_fg", "class room"))
