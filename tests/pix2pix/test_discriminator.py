"""The discriminators: their form, and that holes teach them nothing."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="torch comes with dofsim[train]")

import numpy as np  # noqa: E402
from torch import nn  # noqa: E402

from dofsim.errors import ParameterError  # noqa: E402
from dofsim.pix2pix.adversarial import ImagePool, judged, named  # noqa: E402
from dofsim.pix2pix.discriminator import PatchGAN, coverage, hide, pack, pair  # noqa: E402
from dofsim.pix2pix.layers import parameter_count  # noqa: E402
from dofsim.pix2pix.volume import VolumeCritic, voxelise  # noqa: E402


def test_patchgan_is_as_published():
    torch.manual_seed(0)
    network = PatchGAN()
    x = torch.zeros(1, 4, 256, 256)
    shapes = []
    with torch.no_grad():
        for layer in [*network.trunk, network.judge]:
            x = layer(x)
            if isinstance(layer, nn.Conv2d):
                shapes.append((layer.kernel_size[0], layer.stride[0], *x.shape[1:]))
    assert shapes == [
        (4, 2, 64, 128, 128), (4, 2, 128, 64, 64), (4, 2, 256, 32, 32), (4, 1, 512, 31, 31), (4, 1, 1, 30, 30),
    ]  # fmt: skip
    kinds = [type(layer).__name__ for layer in network.trunk]
    assert kinds == ["Conv2d", "LeakyReLU"] + ["Conv2d", "BatchNorm2d", "LeakyReLU"] * 3
    # 2.769 M is what the authors' PyTorch code prints for two pictures of three channels
    assert parameter_count(PatchGAN(6)) == 2_768_705
    assert parameter_count(PatchGAN(4)) == 2_766_657


def test_a_patch_has_70_px():
    network = PatchGAN(1, 2).eval()
    x = torch.zeros(1, 1, 256, 256, requires_grad=True)
    network(x)[0, 0, 15, 15].backward()
    rows, columns = torch.nonzero(x.grad[0, 0], as_tuple=True)
    assert (rows.max() - rows.min() + 1).item() == (columns.max() - columns.min() + 1).item() == 70


def test_coverage_is_what_a_patch_knows():
    mask = torch.zeros(1, 1, 128, 128, dtype=torch.bool)
    assert coverage(mask).shape == PatchGAN(1, 2)(torch.zeros(1, 1, 128, 128)).shape[:1] + (1, 14, 14)
    assert coverage(mask).max() == 0.0
    assert coverage(~mask).min().item() == pytest.approx(1.0)
    mask[..., 64:, 64:] = True
    share = coverage(mask)[0, 0]
    # whether a patch sees anything known is exactly whether its logit depends on a known pixel
    x = torch.randn(1, 1, 128, 128, requires_grad=True)
    logits = PatchGAN(1, 2).eval()(x)[0, 0]
    for row, column in ((0, 0), (5, 5), (6, 6), (7, 3), (13, 13)):
        (gradient,) = torch.autograd.grad(logits[row, column], x, retain_graph=True)
        assert (gradient[mask].abs().max() > 0).item() == (share[row, column] > 0).item(), (row, column)


def test_pairs_hide_what_is_unknown():
    photo, depth = torch.rand(2, 3, 8, 8), torch.rand(2, 1, 8, 8)
    mask = torch.rand(2, 1, 8, 8) > 0.5
    spoilt = torch.where(mask, depth, torch.full_like(depth, float("nan"))).requires_grad_()
    seen = pair(photo, spoilt, mask)
    assert torch.equal(seen, pair(photo, depth, mask))
    seen.sum().backward()
    assert torch.isfinite(spoilt.grad).all()
    assert (spoilt.grad[~mask] == 0).all()


def test_holes_do_not_teach_a_discriminator_and_would_if_they_were_shown():
    """A prediction that is right where the truth is known, and different in the holes, is real to it."""
    torch.set_num_threads(1)
    generator = torch.Generator().manual_seed(0)

    def draw():
        truth = (torch.rand(4, 1, 1, 1, generator=generator) / 2 + 0.5).expand(4, 1, 32, 32)
        mask = (torch.rand(4, 1, 4, 4, generator=generator) > 0.4).repeat_interleave(8, 2).repeat_interleave(8, 3)
        holed = torch.where(mask, truth, torch.zeros(()))  # how data sets store them
        return holed, truth, mask

    for shown in (True, False):
        torch.manual_seed(0)
        network = PatchGAN(1, 8)
        optimiser = torch.optim.Adam(network.parameters(), 2e-3, betas=(0.5, 0.999))
        losses = []
        for _ in range(40):
            real, fake, mask = draw()
            if not shown:
                real, fake = hide(real, mask), hide(fake, mask)
            weight = coverage(mask)
            loss = (judged(network(real), weight, real=True) + judged(network(fake), weight, real=False)) / 2
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            losses.append(loss.item())
        last = np.mean(losses[-5:])
        assert last < 0.1 if shown else last == pytest.approx(np.log(2), abs=0.01)


def test_verdicts_are_weighted_means_of_cross_entropy():
    logits = torch.tensor([[[[2.0, -1.0]]], [[[0.5, 3.0]]], [[[9.0, 9.0]]]])
    weight = torch.tensor([[[[1.0, 0.5]]], [[[0.0, 1.0]]], [[[0.0, 0.0]]]])
    p = 1 / (1 + np.exp(-logits.numpy().reshape(3, 2)))
    first = (-np.log(p[0, 0]) - 0.5 * np.log(p[0, 1])) / 1.5
    assert judged(logits, weight, real=True).item() == pytest.approx((first - np.log(p[1, 1])) / 2, rel=1e-5)
    first = (-np.log(1 - p[0, 0]) - 0.5 * np.log(1 - p[0, 1])) / 1.5
    assert judged(logits, weight, real=False).item() == pytest.approx((first - np.log(1 - p[1, 1])) / 2, rel=1e-5)
    squares = judged(logits, weight, real=True, kind="least-squares").item()
    assert squares == pytest.approx(((1.0 + 0.5 * 4.0) / 1.5 + 4.0) / 2)


def test_unknown_classes_do_not_count():
    logits = torch.tensor([[1.0, 0.0], [5.0, -5.0]], requires_grad=True)
    assert named(logits, torch.tensor([0, -1])).item() == pytest.approx(np.log(1 + np.exp(-1)))
    none = named(logits, torch.tensor([-1, -1]))
    assert none.item() == 0.0
    none.backward()
    assert (logits.grad == 0).all()


def test_the_auxiliary_head_names_from_known_pixels():
    torch.manual_seed(0)
    network = PatchGAN(4, 4, classes=3)
    x, mask = torch.randn(2, 4, 32, 32), torch.ones(2, 1, 32, 32, dtype=torch.bool)
    logits, classes = network(x, mask)
    assert logits.shape == (2, 1, 2, 2)
    assert classes.shape == (2, 3)
    mask[1] = False
    assert torch.isfinite(network(x, mask)[1]).all()


def test_packing_lays_neighbours_over_each_other():
    x = torch.arange(4 * 2 * 3 * 3).reshape(4, 2, 3, 3)
    packed = pack(x, 2)
    assert packed.shape == (2, 4, 3, 3)
    assert torch.equal(packed[1], torch.cat([x[2], x[3]]))
    with pytest.raises(ParameterError, match="batch of 4"):
        pack(x, 3)


def test_the_pool_gives_back_what_it_was_given():
    pool, rng = ImagePool(3), np.random.default_rng(0)
    first = torch.arange(3.0).reshape(3, 1, 1, 1)
    assert torch.equal(pool.exchange(first, rng), first)
    given, taken = set(range(3)), []
    for k in range(3, 60):
        out = pool.exchange(torch.full((1, 1, 1, 1), float(k)), rng).item()
        given.add(k)
        assert out in given
        taken.append(out != k)
    assert 0.3 < np.mean(taken) < 0.7
    assert len(pool.pictures) == 3
    gradient = torch.ones(1, 1, 1, 1, requires_grad=True)
    assert not ImagePool(0).exchange(gradient, rng).requires_grad


def test_voxels_hold_the_visible_surface():
    depth = torch.full((1, 1, 32, 32), -1.0)
    depth[..., 16:] = 1.0
    mask = torch.ones(1, 1, 32, 32, dtype=torch.bool)
    mask[..., :4, :] = False
    photo = torch.full((1, 3, 32, 32), 0.5)
    cube = voxelise(depth, mask, photo, 16)
    assert cube.shape == (1, 4, 16, 16, 16)
    filled = cube[0, 0]
    assert filled[0, 4:, :8].min() == filled[15, 4:, 8:].min() == 1.0
    assert filled.sum().item() == pytest.approx(mask.sum().item() / 4)  # a voxel holds 2 x 2 pixels
    assert filled[:, :2].max() == 0.0
    assert torch.equal(cube[0, 1], filled * 0.5)


def test_voxels_have_a_gradient_towards_the_right_depth():
    depth = torch.full((1, 1, 16, 16), 0.1, requires_grad=True)
    mask = torch.ones(1, 1, 16, 16, dtype=torch.bool)
    mask[..., :3] = False
    photo = torch.zeros(1, 3, 16, 16)
    wanted = voxelise(torch.full((1, 1, 16, 16), 0.15), mask, photo, 16)
    (voxelise(depth, mask, photo, 16) - wanted).square().sum().backward()
    assert (depth.grad[mask] < 0).all()
    assert (depth.grad[~mask] == 0).all()


@pytest.mark.parametrize("voxels", [16, 32, 64])
def test_a_volume_gets_one_verdict(voxels):
    network = VolumeCritic(voxels, 2)
    assert network(torch.zeros(2, 4, voxels, voxels, voxels)).shape == (2, 1)
