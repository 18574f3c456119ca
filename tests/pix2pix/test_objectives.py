"""The scale-and-shift-invariant objective: what it must not see and what it must."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="torch comes with dofsim[train]")
pytest.importorskip("timm", reason="timm comes with dofsim[train]")

from dofsim.pix2pix.objectives import align, edge_gradient, robust_normalise, ssi  # noqa: E402


@pytest.fixture
def pair():
    generator = torch.Generator().manual_seed(0)
    target = torch.nn.functional.interpolate(
        torch.rand(3, 1, 6, 8, generator=generator), size=(48, 64), mode="bilinear"
    )
    prediction = target + 0.3 * torch.randn(3, 1, 48, 64, generator=generator)
    mask = torch.rand(3, 1, 48, 64, generator=generator) > 0.2
    return prediction, target, mask


@pytest.mark.parametrize(("scale", "shift"), [(5.0, 0.0), (0.1, -3.0), (1.0, 100.0)])
def test_loss_is_blind_to_scale_and_shift_of_both(pair, scale, shift):
    prediction, target, mask = pair
    loss = ssi(prediction, target, mask)
    assert loss > 0.1
    assert ssi(prediction * scale + shift, target, mask).item() == pytest.approx(loss.item(), rel=2e-3)
    assert ssi(prediction, target * scale + shift, mask).item() == pytest.approx(loss.item(), rel=2e-3)


def test_perfect_up_to_scale_and_shift_costs_nothing(pair):
    _, target, mask = pair
    assert ssi(target * 3 + 1, target, mask).item() == pytest.approx(0.0, abs=1e-3)


def test_upside_down_costs_more_than_nothing_known(pair):
    _, target, mask = pair
    flat = torch.randn(target.shape, generator=torch.Generator().manual_seed(4)) * 1e-2
    assert ssi(-target, target, mask) > ssi(flat, target, mask) > ssi(target, target, mask)


def test_upside_down_has_a_gradient_that_turns_it(pair):
    _, target, mask = pair
    factor = torch.tensor(-1.0, requires_grad=True)
    noise = torch.randn(target.shape, generator=torch.Generator().manual_seed(4)) * 0.1
    ssi(target * factor + noise, target, mask, edges=0.0).backward()
    assert factor.grad < 0


def test_unknown_pixels_do_not_matter(pair):
    prediction, target, mask = pair
    loss = ssi(prediction, target, mask)
    spoiled = torch.where(mask, target, torch.full_like(target, float("nan")))
    changed = torch.where(mask, prediction, prediction + 50.0)
    assert ssi(prediction, spoiled, mask).item() == pytest.approx(loss.item(), rel=1e-5)
    assert ssi(changed, target, mask).item() == pytest.approx(loss.item(), rel=1e-5)


def test_unknown_pixels_get_no_gradient(pair):
    prediction, target, mask = pair
    prediction = prediction.clone().requires_grad_()
    ssi(prediction, target, mask).backward()
    assert torch.isfinite(prediction.grad).all()
    assert prediction.grad[~mask].abs().max() == 0
    assert prediction.grad[mask].abs().max() > 0


def test_a_picture_without_known_pixels_is_left_out(pair):
    prediction, target, mask = pair
    mask = mask.clone()
    loss = ssi(prediction[1:], target[1:], mask[1:])
    mask[0] = False
    assert ssi(prediction, target, mask).item() == pytest.approx(loss.item(), rel=1e-5)
    assert ssi(prediction[:1], target[:1], mask[:1]).item() == 0.0


def test_alignment_is_least_squares(pair):
    prediction, target, mask = pair
    aligned, correlation = align(prediction, target, mask)
    for k in range(3):
        p, t = prediction[k][mask[k]].double(), target[k][mask[k]].double()
        design = torch.stack([p, torch.ones_like(p)], dim=1)
        wanted = design @ torch.linalg.lstsq(design, t[:, None]).solution
        torch.testing.assert_close(aligned[k][mask[k]].double(), wanted[:, 0], rtol=1e-4, atol=1e-4)
        assert correlation[k].item() == pytest.approx(torch.corrcoef(torch.stack([p, t]))[0, 1].item(), abs=1e-4)


def test_robust_normalisation_has_median_0_and_deviation_1(pair):
    _, target, mask = pair
    normal = robust_normalise(target, mask)
    for k in range(3):
        known = normal[k][mask[k]]
        assert known.median().item() == pytest.approx(0.0, abs=1e-5)
        assert known.abs().mean().item() == pytest.approx(1.0, rel=1e-4)


def test_edge_term_sees_edges_and_not_levels():
    mask = torch.ones(1, 1, 16, 16)
    step = torch.zeros(1, 1, 16, 16)
    step[..., 8:] = 1.0
    assert edge_gradient(torch.full((1, 1, 16, 16), 3.0), mask).item() == 0.0
    # one of 15 column pairs differs, no row pair does
    assert edge_gradient(step, mask, scales=1).item() == pytest.approx(1 / 15 / 2)
    mask[..., 7] = 0  # the step lies at an unknown column
    assert edge_gradient(step, mask, scales=1).item() == 0.0
