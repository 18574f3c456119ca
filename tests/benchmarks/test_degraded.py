"""The program that scores damaged depth runs, and damage and baseline are what they are called."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

FOLDER = Path(__file__).resolve().parents[2] / "benchmarks"


def run(degraded: ModuleType, monkeypatch: pytest.MonkeyPatch, *arguments: str | Path) -> int:
    monkeypatch.setattr(sys, "argv", ["degraded.py", *map(str, arguments)])
    return degraded.main()


@pytest.fixture
def degraded(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(FOLDER))
    import degraded

    return degraded


def step_map() -> np.ndarray:
    coc = np.full((48, 64), 6.0, np.float32)
    coc[:, 30:] = -4.0
    return coc


def test_damage_is_what_it_is_called(degraded: ModuleType) -> None:
    coc = np.linspace(-4, 6, 48 * 64, dtype=np.float32).reshape(48, 64)
    eight_bit = degraded.quantised(coc)
    assert len(np.unique(eight_bit)) == 256
    assert np.abs(eight_bit - coc).max() == pytest.approx(10 / 255 / 2, rel=1e-2)
    assert (np.flatnonzero(np.diff(degraded.shifted(step_map())[0])) == 31).all()
    noise = degraded.noisy(coc, 0.03, np.random.default_rng(0)) - coc
    assert noise.std() == pytest.approx(0.3, rel=0.05)
    quarter = degraded.quarter(step_map())
    assert quarter.shape == (48, 64)
    assert len(np.unique(quarter[0].round(4))) > 4  # the edge has become a ramp
    assert quarter[0, 0] == 6
    assert quarter[0, -1] == -4


def test_refined_depth_keeps_its_range_and_the_edge_of_the_photo(degraded: ModuleType) -> None:
    coc = step_map()
    image = np.where(coc[..., None] > 0, np.float32(0.8), np.float32(0.05)) * np.ones(3, np.float32)
    refined = degraded.refined(coc, image)
    assert np.abs(refined - coc).mean() < 0.5 * np.abs(degraded.quarter(coc) - coc).mean()
    assert refined.min() >= -4
    assert refined.max() <= 6


def test_flat_depth_cannot_be_damaged_but_by_nothing(degraded: ModuleType) -> None:
    flat = np.full((16, 16), 3.0, np.float32)
    for name, damage in degraded.DAMAGES.items():
        out = damage(flat, np.full((16, 16, 3), 0.5, np.float32), np.random.default_rng(0))
        np.testing.assert_allclose(out, flat, atol=1e-6, err_msg=name)


def test_scatter_is_its_plain_twin(degraded: ModuleType) -> None:
    rng = np.random.default_rng(3)
    rgb = rng.random((20, 24, 3), dtype=np.float32)
    coc = rng.uniform(-5, 5, (20, 24)).astype(np.float32)
    yy, xx = np.mgrid[:20, :24]
    light, weight = np.zeros((20, 24, 3)), np.zeros((20, 24))
    for y in range(20):
        for x in range(24):
            r = max(abs(float(coc[y, x])), 0.5)
            disc = np.clip(r + 0.5 - np.hypot(yy - y, xx - x), 0, 1) / (np.pi * r * r)
            light += disc[..., None] * rgb[y, x]
            weight += disc
    np.testing.assert_allclose(degraded.normalised_scatter(rgb, coc), light / weight[..., None], rtol=2e-4)
    np.testing.assert_allclose(degraded.normalised_scatter(rgb, 0 * coc), rgb, rtol=1e-6)


def test_the_program_names_where_scatter_is_better(
    degraded: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    # The truth is made by the baseline itself, so that nothing can be better.
    image = np.random.default_rng(0).random((64, 80, 3)).astype(np.float16)
    depth = np.where(np.arange(80) < 40, 2.0, 8.0).astype(np.float32) * np.ones((64, 1), np.float32)
    coc = (500 * 0.01 * (1 / 8.0 - 1 / depth)).astype(np.float32) * 2
    truth = degraded.normalised_scatter(image.astype(np.float32), coc).astype(np.float16)
    empty = np.zeros((64, 80), np.uint8)
    np.savez(tmp_path / "cards.npz", image=image, depth=depth, truth_far=truth, hidden_far=empty, outside_far=empty)
    lens = {"tag": "far", "focus_m": 8.0, "aperture_radius_m": 0.02}
    (tmp_path / "lens.json").write_text(json.dumps({"cards": {"cls": "cards", "focal_px": 500.0, "lenses": [lens]}}))
    assert run(degraded, monkeypatch, tmp_path, "--depth", "8 bit", "--output", tmp_path / "out") == 0
    table = (tmp_path / "out" / "degraded.md").read_text()
    assert "- exact depth: cards far (-" in table
    rows = json.loads((tmp_path / "out" / "degraded.json").read_text())["pictures"]
    assert {(row["depth"], row["renderer"]) for row in rows} == {
        (depth, renderer) for depth in ("exact depth", "8 bit") for renderer in ("dofsim", "scatter")
    }
    with pytest.raises(SystemExit):
        run(degraded, monkeypatch, tmp_path, "--lens", "moon", "--output", tmp_path / "none")
    assert not (tmp_path / "none").exists()


def test_noise_leaves_the_renderer_above_scatter(
    shared: Path, degraded: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    picture = ("--scenes", "thin_signpost", "--lens", "near", "--depth", "noise 1 %")
    assert run(degraded, monkeypatch, shared / "truth" / "dev", *picture, "--output", tmp_path) == 0
    rows = json.loads((tmp_path / "degraded.json").read_text())["pictures"]
    psnr = {row["renderer"]: row["psnr"] for row in rows if row["depth"] == "noise 1 %"}
    assert psnr["dofsim"] > psnr["scatter"] + 3
