"""Small files by the dozen in CI, by the ten thousand for the record (``benchmarks/batch.py``)."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = Path(__file__).resolve().parents[2] / "benchmarks" / "batch.py"


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="open files are counted in /proc (Linux)")
def test_memory_and_open_files_are_bounded(tmp_path) -> None:
    out = tmp_path / "figures.json"
    command = [sys.executable, str(PROGRAM), "--photos", "80", "--workers", "1", "--json", str(out)]
    subprocess.run(command, check=True, capture_output=True)
    figures = json.loads(out.read_text())
    assert (figures["done"], figures["failed"], figures["exit_code"]) == (80, 0, 0)
    assert 3 <= figures["parent_open_files"] <= 20
    assert 3 <= figures["worker_open_files"] <= 40
    assert 20 < figures["parent_peak_mb"] < 150
    assert 100 < figures["worker_peak_mb"] < 600
