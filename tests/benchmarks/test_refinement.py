"""The program that measures the refinement runs, and what it reports can be relied on."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))

import refinement

PROGRAM = Path(refinement.__file__)


def test_most_of_the_loss_is_made_good(shared: Path, tmp_path: Path) -> None:
    scenes = "layers_cards,room_table,thin_signpost"
    command = [sys.executable, str(PROGRAM), str(shared), "--scenes", scenes, "--output", str(tmp_path)]
    done = subprocess.run([*command, "--megapixels", "1"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    record = json.loads((tmp_path / "refinement.json").read_text())
    assert len(record["halos"]) == 9
    assert record["recovered"] > 0.55
    mattes = record["mattes"]
    assert np.mean([row["refined_error"] for row in mattes]) < 0.85 * np.mean([row["enlarged_error"] for row in mattes])
    assert "| all |" in (tmp_path / "refinement.md").read_text()


def test_plain_enlargement_makes_nothing_good(shared: Path) -> None:
    rows = refinement.measure_halos(shared / "truth" / "dev", refinement.enlarge, {"layers_cards"})
    assert refinement.recovered(rows) == 0
    assert all(row["exact"] > row["degraded"] for row in rows)


def test_share_recovered() -> None:
    rows = [{"exact": 40.0, "degraded": 30.0, "refined": 36.0}, {"exact": 30.0, "degraded": 20.0, "refined": 24.0}]
    assert refinement.recovered(rows) == pytest.approx(0.5)
