"""Every record of a benchmark can be drawn, and shows what is in the record."""

from __future__ import annotations

import importlib.util
import json
import statistics
from pathlib import Path
from types import ModuleType

import pytest
from PIL import Image

FOLDER = Path(__file__).resolve().parents[2] / "benchmarks"


@pytest.fixture(scope="module")
def figures() -> ModuleType:
    pytest.importorskip("matplotlib")
    spec = importlib.util.spec_from_file_location("benchmark_figures", FOLDER / "figures.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_record_has_a_figure_and_every_figure_can_be_drawn(figures: ModuleType, tmp_path: Path) -> None:
    records = {path.stem for path in (FOLDER / "results").glob("*.json")}
    assert set(figures.FIGURES) <= records
    assert figures.main(["--output", str(tmp_path)]) == 0
    for name in figures.FIGURES:
        with Image.open(tmp_path / f"{name}.png") as image:
            assert min(image.size) > 300
            assert len(image.convert("P").getcolors() or []) > 3
        assert (FOLDER / "results" / f"{name}.png").is_file(), "python benchmarks/figures.py draws it"


def test_points_are_the_means_of_the_record(figures: ModuleType) -> None:
    record = json.loads((FOLDER / "results" / "degraded.json").read_text())
    left, _ = figures.degraded(record).axes
    exact = [row["psnr"] for row in record["pictures"] if (row["depth"], row["renderer"]) == ("exact depth", "dofsim")]
    dofsim, scatter = left.lines
    assert dofsim.get_xdata()[0] == pytest.approx(statistics.fmean(exact))
    assert dofsim.get_ydata()[0] == "exact depth"
    assert (dofsim.get_label(), scatter.get_label()) == ("dofsim", "scatter")


def test_a_missing_record_is_named(figures: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert figures.main(["--records", str(tmp_path)]) == 0
    assert "truth.json is not there" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
