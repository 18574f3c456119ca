"""The program that measures the training loader runs, and the loader keeps the model busy."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import pytest

for module in ("torch", "timm", "albumentations"):
    pytest.importorskip(module, reason=f"{module} is not installed (pip install -e '.[train]')")

PROGRAM = Path(__file__).resolve().parents[2] / "benchmarks" / "loading.py"


def test_the_loader_keeps_the_model_busy(tmp_path):
    spec = importlib.util.spec_from_file_location("loading", PROGRAM)
    program = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(program)
    program.main(
        [
            *("--frames", "4", "--batch", "2", "--size", "64", "--steps", "8", "--rounds", "1", "--threads", "1"),
            *("--recipe", "report", "--workers", "1", "--out", str(tmp_path / "loading")),
        ]
    )
    rows = json.loads((tmp_path / "loading.json").read_text())["rows"]
    assert [row["data"] for row in rows] == ["original files", "packed", "packed at 286x286"]
    # measured below 2 % on idle machines; a loose floor, for machines are busy
    assert all(0 <= share < 0.9 for row in rows for share in row["waiting"])
    assert (tmp_path / "loading.md").read_text().count("| report |") == 3
