"""The program that measures speed runs at tiny size, and its figures mean what their names say."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from dofsim.bench.blur import Plan, measure
from dofsim.bench.contender import OURS, Contender, Role, opencv_layers, our_roles
from dofsim.bench.growth import measure_growth
from dofsim.bench.memory import can_measure, measure_peaks, render_and_tell
from dofsim.bench.scene import BenchScene, make_scene
from dofsim.bench.table import growth_to_markdown, to_markdown
from dofsim.bench.timing import Timing

FOLDER = Path(__file__).resolve().parents[2] / "benchmarks"


@pytest.fixture
def program(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(FOLDER))
    monkeypatch.setattr("dofsim.bench.blur._CROP_SIDE_PX", 40)  # the Python loop is slow
    import blur

    return blur


def test_the_program_writes_tables_record_and_figure(
    program: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("matplotlib")
    options = [
        "--megapixels=0.03",
        "--radius=4",
        "--radius=8",
        "--repeats=1",
        "--budget=0",
        "--no-peers",
        "--no-memory",
    ]
    curves = ["--size=0.01", "--size=0.03", "--curve=2", "--curve=4", "--growth-budget=5"]
    monkeypatch.setattr(sys, "argv", ["blur.py", *options, *curves, "--out", str(tmp_path)])
    assert program.main() == 0
    record = json.loads((tmp_path / "blur.json").read_text())
    rows = {(row["contender"], row["radius_px"]): row for row in record["rows"]}
    names = dict.fromkeys(name for name, _ in rows)
    assert {OURS, "dofsim, 2 threads", "dofsim, depth with 5% noise", "dofsim, depth of white noise"} <= set(names)
    assert rows["the report's Python loop", 8.0]["times_ours"] > 5
    assert rows["OpenCV, 32 layers of filter2D", 8.0]["times_ours"] > 0.5
    assert [result["plan"]["megapixels"] for result in record["growth"]["sizes"]] == [0.01, 0.03]
    assert [result["plan"]["radii"] for result in record["growth"]["radii"]] == [[2.0], [4.0]]
    text = (tmp_path / "blur.md").read_text()
    assert "JPEG round trips" in text
    assert "Growth with radius" in text
    assert text in capsys.readouterr().out
    assert (tmp_path / "blur.png").read_bytes().startswith(b"\x89PNG")


def fixed(seconds: float, log: list[str], name: str) -> Contender:
    """A contender whose work notes that it ran; the clock is faked."""

    def prepare(_scene: object, _radius: float) -> Callable[[], object]:
        return lambda: log.append(name)

    return Contender(name, prepare)


def test_what_grows_beyond_the_budget_leaves_the_curve(monkeypatch: pytest.MonkeyPatch) -> None:
    taken = {"ours": 9.0, "quick": 0.1, "slow": 2.0}

    def interleave(works: dict[str, object], **_: object) -> dict[str, Timing]:
        return {name: Timing((taken[name],)) for name in works}

    monkeypatch.setattr("dofsim.bench.blur.interleave", interleave)
    log: list[str] = []
    contenders = [fixed(seconds, log, name) for name, seconds in taken.items()]
    growth = measure_growth(Plan(0.01, budget_s=1.0), contenders, [0.02, 0.01], [4, 2])
    assert [result.plan.megapixels for result in growth.sizes] == [0.01, 0.02]
    assert [row.contender for row in growth.sizes[0].rows] == ["ours", "quick", "slow"]
    assert [row.contender for row in growth.sizes[1].rows] == ["ours", "quick"]
    table = growth_to_markdown(growth)
    assert "| slow | 2, 200/MP |  |" in table
    assert "| slow | 2 |  |" in table


def test_program_and_files_are_subtracted_before_scaling(monkeypatch: pytest.MonkeyPatch) -> None:
    def interleave(works: dict[str, object], **_: object) -> dict[str, Timing]:
        seconds = {"ours": 1.0, "peer": 3.0, "peer (files alone)": 2.5}
        return {name: Timing((seconds[name],)) for name in works}

    monkeypatch.setattr("dofsim.bench.blur.interleave", interleave)

    def idle(_scene: object, _radius: float) -> Callable[[], object]:
        return lambda: None

    peer = Contender("peer", idle, is_cropped=True, overhead=idle)
    result = measure(Plan(1.0, (8.0,)), [Contender("ours", idle), peer])
    row = result.rows[1]
    assert row.scaled_from_px is not None
    assert row.scaled_from_px < 3e5
    assert row.overhead_s == 2.5
    assert row.median_s == pytest.approx(0.5 * result.width * result.height / row.scaled_from_px)
    assert "*†" in to_markdown(result)


def test_noise_is_as_strong_as_said_and_repeatable() -> None:
    scene = make_scene(40_000)
    middle = (scene.depth > 0.3) & (scene.depth < 0.7)
    noise = (scene.noisy(0.05).depth - scene.depth)[middle]
    assert noise.std() == pytest.approx(0.05, rel=0.05)
    assert np.array_equal(scene.noisy(0.05).depth, scene.noisy(0.05).depth)
    assert scene.noisy(0.0) is scene
    white = scene.noisy(np.inf).depth
    assert abs(np.corrcoef(white.ravel(), scene.depth.ravel())[0, 1]) < 0.05
    assert white.std() == pytest.approx(12**-0.5, rel=0.05)
    assert {role.noise for role in our_roles(1).values()} == {0.0, 0.01, 0.05, np.inf}
    assert our_roles(1, 2)["dofsim, 2 threads"] == Role(2)
    assert list(our_roles(2, 2)) == list(our_roles(2))


def test_opencv_layers_are_a_disc_blur_where_the_depth_is_flat() -> None:
    scene = BenchScene(np.zeros((40, 40, 3), np.uint8), np.zeros((40, 40), np.float32))
    scene.linear[20, 20] = 100
    out = opencv_layers(scene, 6.0)()
    assert isinstance(out, np.ndarray)
    y, x = np.mgrid[:40, :40] - 20
    expected = np.clip(6.5 - np.hypot(y, x), 0, 1)
    np.testing.assert_allclose(out[..., 0], 100 * expected / expected.sum(), atol=1e-4)


@pytest.mark.skipif(not can_measure(), reason="this system tells no process its peak memory")
def test_memory_counts_what_a_render_holds_beside_its_output(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def render(linear: np.ndarray, _coc: np.ndarray, **_: object) -> np.ndarray:
        spare = np.ones(60_000_000, np.uint8)
        return linear + spare[0]

    linear = np.zeros((1000, 1000, 3), np.float32)
    np.save(tmp_path / "linear.npy", linear)
    np.save(tmp_path / "coc.npy", linear[..., 0])
    monkeypatch.setattr("dofsim.bokeh.render", render)
    assert render_and_tell(tmp_path / "linear.npy", tmp_path / "coc.npy", 1) == pytest.approx(60, abs=8)


@pytest.mark.skipif(not can_measure(), reason="this system tells no process its peak memory")
def test_memory_is_measured_in_a_process_of_its_own() -> None:
    (peak,) = measure_peaks(make_scene(100_000), {OURS: Role(1)}, [8.0])
    assert (peak.contender, peak.radius_px) == (OURS, 8.0)
    assert -2 < peak.megabytes < 60
