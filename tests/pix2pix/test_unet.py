"""The U-Net of pix2pix: every layer as published, and what the options change."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="torch comes with dofsim[train]")

from torch import nn  # noqa: E402

from dofsim.errors import ParameterError  # noqa: E402
from dofsim.pix2pix.layers import (  # noqa: E402
    Noise,
    PictureNorm,
    checkerboard,
    parameter_count,
    start_normal,
    upsampling,
)
from dofsim.pix2pix.unet import UNet  # noqa: E402

# Isola et al., appendix 6.1.1, for 256 px: channels and side of every contracting and expanding block's output.
DOWN = [(64, 128), (128, 64), (256, 32), (512, 16), (512, 8), (512, 4), (512, 2), (512, 1)]
UP = [(512, 2), (512, 4), (512, 8), (512, 16), (256, 32), (128, 64), (64, 128)]


@pytest.fixture(scope="module")
def published():
    torch.manual_seed(0)
    return UNet()


def shapes(network, size):
    """Shape of every block's output."""
    seen = {}
    hooks = [
        block.register_forward_hook(lambda _m, _i, out, key=(part, k): seen.update({key: tuple(out.shape)}))
        for part in ("down", "up")
        for k, block in enumerate(getattr(network, part))
    ]
    with torch.no_grad():
        out = network.eval()(torch.zeros(1, 3, size, size))
    for hook in hooks:
        hook.remove()
    return seen, tuple(out.shape)


def test_every_layer_is_as_published(published):
    seen, out = shapes(published, 256)
    assert [seen["down", k] for k in range(8)] == [(1, c, s, s) for c, s in DOWN]
    assert [seen["up", k] for k in range(7)] == [(1, c, s, s) for c, s in UP]
    assert out == (1, 1, 256, 256)
    assert all((m.kernel_size, m.stride) == ((4, 4), (2, 2)) for m in published.modules() if convolves(m))


def convolves(module):
    return isinstance(module, nn.Conv2d | nn.ConvTranspose2d)


def test_inputs_of_the_expanding_half_are_doubled_by_skips(published):
    taken = [next(m for m in block if convolves(m)).in_channels for block in [*published.up, published.head]]
    assert taken == [512, 1024, 1024, 1024, 1024, 512, 256, 128]
    plain = UNet(skips=False)
    assert [next(m for m in block if convolves(m)).in_channels for block in [*plain.up, plain.head]] == [
        512, 512, 512, 512, 512, 256, 128, 64,
    ]  # fmt: skip


def test_normalisation_dropout_and_activations_stand_where_they_should(published):
    down = [[type(m).__name__ for m in block] for block in published.down]
    assert down[0] == ["Conv2d"]
    assert down[1:7] == [["LeakyReLU", "Conv2d", "PictureNorm"]] * 6
    assert down[7] == ["LeakyReLU", "Conv2d"]
    assert all(m.negative_slope == 0.2 for m in published.modules() if isinstance(m, nn.LeakyReLU))
    up = [[type(m).__name__ for m in block] for block in published.up]
    assert up[:3] == [["ReLU", "ConvTranspose2d", "PictureNorm", "Noise"]] * 3
    assert up[3:] == [["ReLU", "ConvTranspose2d", "PictureNorm"]] * 4
    assert all(m.share == 0.5 for m in published.modules() if isinstance(m, Noise))
    assert [type(m).__name__ for m in published.head] == ["ReLU", "ConvTranspose2d", "Tanh"]


def test_parameter_counts():
    # 54.414 M is what the authors' PyTorch code prints for three output channels
    assert parameter_count(UNet(outputs=3)) == 54_413_955
    assert parameter_count(UNet()) == 54_409_857
    assert parameter_count(UNet(skips=False)) == 39_073_409
    assert parameter_count(UNet(upsample="resize")) == 39_155_457


def test_weights_start_normal(published):
    kernels = torch.cat([m.weight.flatten() for m in published.modules() if convolves(m)])
    assert kernels.mean().item() == pytest.approx(0.0, abs=1e-4)
    assert kernels.std().item() == pytest.approx(0.02, rel=0.01)
    scales = torch.cat([m.weight for m in published.modules() if isinstance(m, PictureNorm)])
    assert scales.mean().item() == pytest.approx(1.0, abs=2e-3)
    assert scales.std().item() == pytest.approx(0.02, rel=0.1)
    assert published.head[1].bias.item() == 0.0
    critic = start_normal(nn.Sequential(nn.Conv3d(4, 64, 4), nn.BatchNorm3d(64), nn.Linear(64, 64)))
    assert critic[0].weight.std().item() == pytest.approx(0.02, rel=0.05)
    assert critic[2].bias.abs().max().item() == 0.0


def test_a_picture_that_does_not_halve_is_refused():
    with pytest.raises(ParameterError, match="multiples of 8"):
        UNet(3, 4)(torch.zeros(1, 3, 32, 36))
    with pytest.raises(ParameterError, match="at least 3"):
        UNet(2, 4)


def test_noise_is_dropout_at_test_time():
    photo = torch.rand(1, 3, 32, 32)
    for noise in (False, True):
        network = UNet(3, 4, noise=noise).eval()
        with torch.no_grad():
            first, second = network(photo), network(photo)
        assert torch.equal(first, second) != noise


def test_pictures_are_normalised_by_themselves_at_test_time():
    torch.manual_seed(1)
    pictures = torch.rand(2, 3, 32, 32) * torch.tensor([1.0, 3.0]).reshape(2, 1, 1, 1)
    network = UNet(3, 4, dropout=0.0).eval()
    running = UNet(3, 4, dropout=0.0, statistics="running").eval()
    running.load_state_dict(network.state_dict())
    with torch.no_grad():
        both = network(pictures)
        alone = torch.cat([network(pictures[:1]), network(pictures[1:])])
        # as published: in training mode, a batch of one at a time
        published = torch.cat([network.train()(pictures[:1]), network(pictures[1:])])
        other = running(pictures)
    torch.testing.assert_close(both, alone)
    torch.testing.assert_close(both, published, rtol=1e-4, atol=1e-5)
    assert not torch.allclose(both, other, atol=1e-3)


def test_resizing_leaves_no_checkerboard():
    """Flat features, random weights: what repeats every two pixels is the layer's own pattern."""
    flat = torch.rand(4, 32, 1, 1, generator=torch.Generator().manual_seed(0)).expand(4, 32, 16, 16)
    patterns = {}
    for how in ("transposed", "resize"):
        torch.manual_seed(2)
        layer = start_normal(upsampling(32, 4, how, bias=True))
        with torch.no_grad():
            out = layer(flat)[..., 4:-4, 4:-4]
        phases = torch.stack([out[..., r::2, c::2].mean(dim=(2, 3)) for r in (0, 1) for c in (0, 1)])
        patterns[how] = (phases - phases.mean(dim=0)).abs().mean().item()
    assert patterns["resize"] == pytest.approx(0.0, abs=1e-6)
    assert patterns["transposed"] > 0.01


def test_checkerboard_is_seen_in_a_picture_and_detail_is_not():
    generator = torch.Generator().manual_seed(0)
    smooth = torch.nn.functional.interpolate(torch.rand(1, 1, 5, 5, generator=generator), (128, 128), mode="bicubic")
    board = torch.zeros(1, 1, 128, 128)
    board[..., ::2, ::2] = board[..., 1::2, 1::2] = 1.0
    noise = torch.randn(1, 1, 128, 128, generator=generator)
    assert checkerboard(smooth).item() < 0.01
    assert checkerboard(board).item() == pytest.approx(1.0, rel=0.01)
    assert checkerboard(noise).item() < 0.15
    assert checkerboard(smooth + 0.1 * board).item() > 5 * checkerboard(smooth).item()
