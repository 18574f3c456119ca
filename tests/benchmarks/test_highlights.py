"""The program that measures recovered highlights runs, and tells clipped, recovered and unclipped scenes apart."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np

PROGRAM = Path(__file__).resolve().parents[2] / "benchmarks" / "highlights.py"


def test_a_lamp_comes_closer_to_its_truth(tmp_path: Path) -> None:
    image = np.full((200, 240, 3), 0.05, np.float16)
    image[99:102, 119:122] = 20
    y, x = np.mgrid[:200, :240]
    disc = (np.hypot(y - 100, x - 120) < 6.0)[..., None]
    truth = np.where(disc, 0.05 + 9 * 20 / (np.pi * 36), 0.05).astype(np.float16)
    empty, depth = np.zeros((200, 240), np.uint8), np.full((200, 240), 2.0, np.float32)
    np.savez(tmp_path / "lamp.npz", image=image, depth=depth, truth_far=truth, hidden_far=empty, outside_far=empty)
    lens = {"tag": "far", "focus_m": 4.0, "aperture_radius_m": 0.048}
    (tmp_path / "lens.json").write_text(json.dumps({"lamp": {"cls": "bokeh", "focal_px": 500.0, "lenses": [lens]}}))
    command = [sys.executable, str(PROGRAM), str(tmp_path), "--output", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    row = (tmp_path / "highlights.md").read_text().splitlines()[2]
    clipped, recovered, unclipped = map(float, row.split("|")[2:5])
    assert clipped + 3 < recovered <= unclipped
