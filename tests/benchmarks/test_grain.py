"""The program that measures grain runs, and sees the grain that blur takes away and that comes back."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]


def test_grain_goes_and_comes_back(tmp_path: Path) -> None:
    with Image.open(ROOT / "examples" / "astronaut.png") as image:
        pixels = 60 + 0.6 * np.asarray(image.convert("RGB"))
    noise = 4 * np.random.default_rng(0).standard_normal((*pixels.shape[:2], 1))
    Image.fromarray(np.clip(np.round(pixels + noise), 0, 255).astype(np.uint8)).save(tmp_path / "photo.png")
    program, picture = ROOT / "benchmarks" / "grain.py", tmp_path / "grain.jpg"
    command = [sys.executable, program, tmp_path / "photo.png", "--output", tmp_path, "--picture", picture]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert picture.stat().st_size > 1000
    photo, clean, grainy = map(float, (tmp_path / "grain.md").read_text().splitlines()[2].split("|")[3:6])
    assert clean < 0.5 * photo
    assert grainy == pytest.approx(photo, rel=0.25)
