"""From a run to a model: loading, estimating, and the export to ONNX, which computes the same."""

from __future__ import annotations

import json

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch comes with dofsim[train]")
for module in ("accelerate", "safetensors", "tensorboard", "onnx"):
    pytest.importorskip(module, reason=f"{module} comes with dofsim[train]")

from torch import nn  # noqa: E402

import dofsim.pix2pix  # noqa: E402
from dofsim.depth.depth_map import DepthKind  # noqa: E402
from dofsim.depth.estimate import estimate  # noqa: E402
from dofsim.depth.registry import find_model  # noqa: E402
from dofsim.errors import ModelError, OutputError  # noqa: E402
from dofsim.pix2pix import export, loop  # noqa: E402
from dofsim.pix2pix.encoding import Encoding  # noqa: E402
from dofsim.pix2pix.model import decode  # noqa: E402
from dofsim.pix2pix.predict import Estimator  # noqa: E402


@pytest.fixture(scope="module")
def run(toy, tmp_path_factory):
    """A run that has learnt metres a little, with noise at test time."""
    folder = tmp_path_factory.mktemp("run")
    settings = toy.config(steps=12, target="metric", nearest=0.5, farthest=8.0, noise=True, ema=0.0)
    loop.train(settings, folder, toy.source)
    return folder


def photo(seed=0, size=(48, 80)):
    rng = np.random.default_rng(seed)
    return rng.integers(0, 255, (*size, 3), dtype=np.uint8)


@pytest.mark.parametrize("scale", ["log", "inverse", "linear"])
def test_tensors_are_decoded_as_arrays_are(scale):
    code = np.linspace(-1.2, 1.2, 25, dtype=np.float32).reshape(1, 1, 5, 5)
    encoding = Encoding("metric", scale, nearest=0.4, farthest=9.0)
    np.testing.assert_allclose(decode(torch.from_numpy(code), encoding).numpy(), encoding.decode(code), rtol=1e-5)
    assert torch.equal(decode(torch.from_numpy(code), Encoding()), torch.from_numpy(code))


def test_a_run_is_loaded_with_its_configuration(run, toy):
    model, config = dofsim.pix2pix.load_generator(run)
    assert not model.training
    assert config.encoding.output is DepthKind.METRIC
    with torch.no_grad():
        metres = model(toy.source(5, 0, 2).photo)
    assert metres.shape == (2, 1, 32, 32)
    assert metres.min() >= 0.5
    assert metres.max() <= 8.0
    assert dofsim.pix2pix.load_generator(run / "last.safetensors")[1] == config
    with pytest.raises(AttributeError):
        _ = dofsim.pix2pix.nothing_of_this_name


def test_noise_is_kept_for_the_torch_model_and_can_be_seeded(run):
    estimator = Estimator(run)
    depths = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        depths.append(estimator.estimate(photo()).values)
    assert np.array_equal(depths[0], depths[1])
    assert not np.array_equal(depths[0], depths[2])


@pytest.mark.parametrize("half", [False, True])
def test_the_export_estimates_what_torch_does(run, toy, tmp_path, half):
    record = export.export_run(run, tmp_path / "mine.onnx", half=half)
    assert record.output is DepthKind.METRIC
    found = find_model(tmp_path / "mine.onnx")
    found.verify()
    assert (found.name, found.square, found.multiple, found.output) == ("mine", 32, 8, DepthKind.METRIC)
    depth = estimate(photo(), model=tmp_path / "mine.onnx", threads=1)
    estimator = Estimator(run)
    for layer in estimator.model.modules():
        if hasattr(layer, "always"):
            layer.always = False
    wanted = estimator.estimate(photo())
    assert depth.kind is wanted.kind is DepthKind.METRIC
    np.testing.assert_allclose(depth.values, wanted.values, rtol=0.05 if half else 1e-3)


def test_the_export_carries_its_configuration(run, tmp_path):
    import onnx

    from dofsim.pix2pix.stored import parse

    export.export_run(run, tmp_path / "m.onnx")
    told = {item.key: item.value for item in onnx.load(str(tmp_path / "m.onnx")).metadata_props}
    assert parse(told["dofsim_config"]).objective.name == "pix2pix"
    assert told["dofsim_output"] == "metric"
    assert json.loads((tmp_path / "m.json").read_text())["objective"] == "pix2pix"


def test_an_export_that_cannot_be_written_is_said(run, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot be written"):
        export.export_run(run, tmp_path / "file" / "m.onnx")


def test_an_export_that_computes_something_else_is_refused(tmp_path):
    with pytest.raises(ModelError, match="deviates"):
        export.export(nn.Conv2d(3, 1, 3, padding=1), tmp_path / "bad.onnx", tolerance=-1.0)
    assert not list(tmp_path.iterdir())


def test_half_weights_halve_the_file(tmp_path):
    small = nn.Sequential(nn.Conv2d(3, 64, 3, padding=1), nn.Conv2d(64, 1, 3, padding=1))
    full = export.export(small, tmp_path / "full.onnx", half=False)
    half = export.export(small, tmp_path / "half.onnx")
    assert half.stat().st_size < 0.7 * full.stat().st_size


def test_the_shipped_generator_exports_at_every_size(tmp_path):
    pytest.importorskip("timm", reason="timm comes with dofsim[train]")
    from dofsim.pix2pix.generator import Generator

    torch.manual_seed(0)
    generator = Generator().eval()
    path = export.export(generator, tmp_path / "g.onnx")
    assert path.stat().st_size < export.LARGEST
    for size in ((64, 96), (160, 128)):
        picture = torch.rand(1, 3, *size, generator=torch.Generator().manual_seed(1)) * 2 - 1
        with torch.no_grad():
            wanted = generator(picture).numpy()
        found = export.run_onnx(path, picture.numpy())
        assert found.shape == wanted.shape
        assert np.abs(found - wanted).mean() < 0.02 * wanted.std()


def test_checkpoints_are_averaged():
    mean = export.average([{"w": torch.tensor([1.0, 3.0])}, {"w": torch.tensor([2.0, 5.0])}])
    assert mean["w"].tolist() == [1.5, 4.0]
    with pytest.raises(ModelError, match="cannot be averaged"):
        export.average([{"w": torch.zeros(2)}, {"w": torch.zeros(3)}])
