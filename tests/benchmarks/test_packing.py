"""The program that measures packing runs, and packing is worth it."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[2] / "benchmarks"


def run(program: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(FOLDER / program), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_packed_frames_are_read_faster_than_the_pictures_they_came_from(tmp_path: Path) -> None:
    done = run(
        "packing.py", "--frames", 3, "--read", 3, "--rounds", 3, "--only", "NYU .jpg", "--out", tmp_path / "packing"
    )
    assert done.returncode == 0, done.stderr
    (row,) = json.loads((tmp_path / "packing.json").read_text())["data"].values()
    median = {name: statistics.median(seconds) for name, seconds in row["seconds"].items()}
    # measured 4x; a loose floor, for machines are busy
    assert median["packed, lz4"] < median["original"] / 1.5
    assert "| NYU .jpg + .png, 640x480 |" in (tmp_path / "packing.md").read_text()
