"""The programs that compare objectives and time training run at a tiny size, and their tables say what was measured."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path

import numpy as np
import pytest

for module in ("torch", "accelerate", "safetensors", "tensorboard", "timm", "albumentations"):
    pytest.importorskip(module, reason=f"{module} comes with dofsim[train]")

from dofsim.datasets import fabricate  # noqa: E402
from dofsim.datasets.pack import write_pack  # noqa: E402
from dofsim.errors import ParameterError  # noqa: E402

FOLDER = Path(__file__).resolve().parents[2] / "benchmarks"


@pytest.fixture
def program(monkeypatch):
    monkeypatch.syspath_prepend(str(FOLDER))
    import torch

    threads = torch.get_num_threads()

    def load(name):
        spec = importlib.util.spec_from_file_location(name, FOLDER / f"{name}.py")
        module = importlib.util.module_from_spec(spec)
        monkeypatch.setitem(sys.modules, name, module)
        spec.loader.exec_module(module)
        return module

    yield load
    torch.set_num_threads(threads)


def test_the_comparison_runs_and_goes_on(program, tmp_path, capsys):
    objectives = program("objectives")
    data = fabricate.write_folder(tmp_path / "data", {"a": {f"s{k}": 1 for k in range(8)}, "b": {"t": 1, "u": 1}})
    arguments = [
        "--data", str(data), "--work", str(tmp_path / "work"), "--out", str(tmp_path / "out"), "--size", "32",
        "--filters", "2", "--steps", "2", "--batch", "2", "--rounds", "1", "--seeds", "0", "1", "--arms",
        "l1", "pix2pix", "pix2pix, noise at test time", "pix2pix, running statistics", "acgan",
    ]  # fmt: skip
    objectives.main(arguments)
    table = capsys.readouterr().out
    assert (tmp_path / "out" / "objectives.md").read_text() == table
    record = json.loads((tmp_path / "out" / "objectives.json").read_text())
    assert set(record["arms"]) == {"the bottom is near", *arguments[arguments.index("--arms") + 1 :]}
    row = record["arms"]["pix2pix"]
    assert row["seeds"] == 2
    runs = [json.loads((tmp_path / "work" / f"pix2pix.{seed}" / "scores.itself.json").read_text()) for seed in (0, 1)]
    assert row["figures"]["error"]["mean"] == pytest.approx(sum(run["mean"]["error"] for run in runs) / 2)
    assert row["speed"]["images_per_second"] > 0
    assert "pix2pix less l1" in record["differences"]
    noisy = record["arms"]["pix2pix, noise at test time"]["figures"]["error"]["mean"]
    assert noisy != row["figures"]["error"]["mean"]
    trained = json.loads((tmp_path / "work" / "trained_on.json").read_text())
    assert not set(trained) & set(runs[0]["scenes"])
    for picture in ("out/objectives.jpg", "out/checkerboard.png", "work/objectives.jpg"):
        assert (tmp_path / picture).stat().st_size > 1000

    before = (tmp_path / "work" / "l1.0" / "last.safetensors").stat().st_mtime_ns
    objectives.main(arguments)
    assert capsys.readouterr().out.splitlines()[2:3] == table.splitlines()[2:3]
    assert (tmp_path / "work" / "l1.0" / "last.safetensors").stat().st_mtime_ns == before
    fabricate.write_folder(data, {"c": {f"more{k}": 1 for k in range(9)}})
    with pytest.raises(ParameterError, match="other training scenes"):
        objectives.main(arguments)


def test_every_arm_of_the_comparison_can_be_trained(program, tmp_path):
    objectives = program("objectives")
    plan = objectives.Plan("nowhere", tmp_path)
    folders = set()
    for arm in objectives.ARMS:
        config = plan.config(arm, 0)
        assert (config.size, config.batch, config.steps, config.optimiser.rate) == (128, 2, 1000, 2e-4)
        assert config.encoding.target == "relative"
        if not arm.trained_as:
            folders.add(plan.folder(arm, 0))
    assert len(folders) == sum(not arm.trained_as for arm in objectives.ARMS)
    names = {arm.name for arm in objectives.ARMS}
    assert {name for pair in objectives.PAIRS for name in pair} <= names


def test_the_ablation_runs_and_goes_on(program, tmp_path, capsys):
    ablation = program("depth_ablation")
    fabricate.write_folder(tmp_path / "rgbd", {"middlebury2006": {"Aloe": 1, "Plastic": 1}, "kitti": {"a": 1}})
    ramp = np.linspace(0.1, 1, 64, dtype=np.float32)[:, None].repeat(64, axis=1)
    write_pack(tmp_path / "pack", lambda k: (np.full((64, 64, 3), 50 * k, np.uint8), ramp), range(3), (64, 64))
    arguments = [
        "--data", str(tmp_path), "--packs", str(tmp_path / "pack"), "--work", str(tmp_path / "work"), "--steps", "1",
        "--batch", "2", "--size", "64", "--filters", "4", "--seeds", "1", "--out", str(tmp_path / "out"), "--arms",
        ablation.SCRATCH,
    ]  # fmt: skip
    ablation.main(arguments)
    table = capsys.readouterr().out
    assert (tmp_path / "out" / "depth_ablation.md").read_text() == table
    record = json.loads((tmp_path / "out" / "depth_ablation.json").read_text())
    assert list(record["arms"]) == [ablation.BASELINE, ablation.WHOLE, ablation.SCRATCH]
    for runs in record["arms"].values():
        assert [set(run) for run in runs] == [{"middlebury2006/Plastic", "kitti/a"}]
    kept = tmp_path / "work" / "everything.0" / "last.safetensors"
    before = kept.stat().st_mtime_ns
    ablation.main(arguments)
    assert capsys.readouterr().out == table
    assert kept.stat().st_mtime_ns == before


def test_training_is_timed(program, tmp_path, capsys):
    training = program("training")
    training.main([
        "--networks", "pix2pix, U-Net-256", "--variants", "as it is", "channels last", "--size", "32", "--filters", "2",
        "--rounds", "1", "--threads", "1", "--out", str(tmp_path),
    ])  # fmt: skip
    record = json.loads((tmp_path / "training.json").read_text())
    ((name, found),) = record["networks"].items()
    assert name == "pix2pix, U-Net-256, 32 px, batch 1"
    assert found["variants"]["as it is"]["ratio"] == 1.0
    assert found["variants"]["channels last"]["median"] > 0
    assert "| as it is | channels last |" in capsys.readouterr().out
