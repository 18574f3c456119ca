"""The recipe of the shipped weights, from made-up photos to an ONNX file that the registry knows."""

from __future__ import annotations

import itertools
import json

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch comes with dofsim[train]")
for module in ("timm", "accelerate", "safetensors", "tensorboard", "onnx"):
    pytest.importorskip(module, reason=f"{module} comes with dofsim[train]")

from dofsim.datasets import fabricate  # noqa: E402
from dofsim.datasets.pack import write_pack  # noqa: E402
from dofsim.depth.registry import find_model  # noqa: E402
from dofsim.errors import ModelError, ParameterError  # noqa: E402
from dofsim.pix2pix import export, train  # noqa: E402
from dofsim.pix2pix.checkpoint import load_tensors  # noqa: E402
from dofsim.pix2pix.optimisers import adam, learning_rate_factor  # noqa: E402
from dofsim.pix2pix.settings import override, published  # noqa: E402
from dofsim.pix2pix.stored import read_config  # noqa: E402


def test_the_recipe_trains_resumes_and_exports(tmp_path, capsys):
    fabricate.write_folder(tmp_path / "rgbd", {"middlebury2006": {"Aloe": 1, "Plastic": 1}})
    write_pack(tmp_path / "pack", lambda k: (np.full((64, 64, 3), 50 * k, np.uint8), ramp()), range(3), (64, 64))
    arguments = [
        "--data", str(tmp_path), "--out", str(tmp_path / "run"), "--packs", str(tmp_path / "pack"), "--start", "random",
        "--backbone", "tf_efficientnet_lite0", "--widths", "8", "8", "8", "8", "8", "--resolution", "64",
        "--batch", "2",
        "--steps", "2", "--validate-every", "1", "--save-every", "1", "--log-every", "1", "--threads", "1", "--no-bf16",
    ]  # fmt: skip
    train.main(arguments)
    told = capsys.readouterr().out
    assert "2/2: ssi" in told
    assert "step 2, best error" in told
    config = read_config(tmp_path / "run")
    assert (config.data.dataset, config.objective.name, config.optimiser.ema) == ("mixture", "ssi", 0.998)
    assert (config.generator.frozen, config.channels_last) == (0, True)

    # what is not said is taken from the run
    train.main(["--out", str(tmp_path / "run"), "--steps", "3"])
    assert json.loads(load_tensors(tmp_path / "run" / "last.safetensors")[1]["progress"])["step"] == 3
    with pytest.raises(ParameterError, match=r"optimiser\.rate"):
        train.main(["--out", str(tmp_path / "run"), "--rate", "0.5"])

    runs = [str(tmp_path / "run"), str(tmp_path / "run" / "last.safetensors")]
    onnx = tmp_path / "model.onnx"
    export.main([*runs, "-o", str(onnx), "--input-size", "96", "--data", str(tmp_path)])
    record = find_model(onnx)
    record.verify()
    assert (record.licence, record.input_size, record.multiple) == ("Apache-2.0", 96, 32)
    assert any(line.startswith("middlebury2006") for line in record.training_data)
    assert not any(line.startswith("hololens") for line in record.training_data)
    with pytest.raises(ParameterError, match="multiple of 32"):
        export.main([*runs, "-o", str(onnx), "--input-size", "100"])


def ramp():
    return np.linspace(0.1, 1, 64, dtype=np.float32)[:, None].repeat(64, axis=1)


def test_the_recipe_starts_as_the_model_card_says():
    config = train.recipe({"data": "DATA", "bf16": True})
    assert (config.generator.backbone, config.generator.frozen, config.generator.start) == (
        "tf_efficientnet_lite2", 3, "imagenet",
    )  # fmt: skip
    assert (config.optimiser.rate, config.optimiser.encoder_rate, config.optimiser.decay) == (1e-3, 3e-4, 0.02)
    config.check()
    assert train.recipe({"data": "DATA", "start": "random"}).generator.frozen == 0


def test_the_rate_warms_up_holds_and_falls():
    for decline, last in (("linear", 0.0), ("cosine", 0.01)):
        settings = override(published(), {"warm_up": 10, "cool_down": 0.4, "decline": decline}).optimiser
        factors = [learning_rate_factor(step, 100, settings) for step in range(101)]
        assert factors[0] == pytest.approx(0.1)
        assert factors[10:61] == [1.0] * 51
        assert all(a > b for a, b in itertools.pairwise(factors[60:]))
        assert factors[80] == pytest.approx(0.5, abs=0.01)
        assert factors[-1] == pytest.approx(last)


def test_groups_of_parameters_have_their_own_rates():
    network = torch.nn.ModuleDict({"encoder": torch.nn.Linear(2, 3), "head": torch.nn.Linear(3, 1)})
    network["encoder"].bias.requires_grad_(requires_grad=False)
    settings = override(published(), {"encoder_rate": 0.1, "weight_decay": 0.5}).optimiser
    groups = adam([network], 0.2, settings, encoder=True).param_groups
    found = [(group["lr"], group["weight_decay"], [p.numel() for p in group["params"]]) for group in groups]
    assert found == [(0.1, 0.5, [6]), (0.2, 0.5, [3]), (0.2, 0.0, [1])]
    assert groups[0]["betas"] == (0.5, 0.999)


def test_weights_of_another_architecture_are_not_exported(tmp_path):
    torch.save({"average": {"w": torch.zeros(1)}}, tmp_path / "other.pt")
    with pytest.raises(ModelError, match="another architecture"):
        export.main([str(tmp_path / "other.pt"), "-o", str(tmp_path / "m.onnx")])
