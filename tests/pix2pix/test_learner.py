"""Every objective learns, and none of them from what is unknown."""

from __future__ import annotations

from dataclasses import replace
from typing import get_args

import pytest

torch = pytest.importorskip("torch", reason="torch comes with dofsim[train]")
accelerate = pytest.importorskip("accelerate", reason="accelerate comes with dofsim[train]")

import numpy as np  # noqa: E402

from dofsim.errors import ModelError  # noqa: E402
from dofsim.pix2pix.batch import Batch, Source  # noqa: E402
from dofsim.pix2pix.config import ObjectiveName  # noqa: E402
from dofsim.pix2pix.loop import make_learner  # noqa: E402

OBJECTIVES = get_args(ObjectiveName)
# Steps on the toy problem after which a prediction correlates with the truth by more than 0.9.
STEPS = {"l1": 40, "ssi": 40, "pix2pix": 40, "pacgan": 40, "acgan": 40, "volumetric": 50, "gan": 160, "cgan": 110,
         "cyclegan": 45}  # fmt: skip


def prepared(settings):
    torch.set_num_threads(1)
    learner = make_learner(settings)
    learner.prepare(accelerate.Accelerator())
    for network in learner.networks.values():
        network.train()
    return learner


def run(learner, source, steps, size=4):
    if learner.config.objective.name == "cyclegan":
        source = Source(source, size).unpaired().draw
    losses = {}
    for step in range(steps):
        torch.manual_seed(step)
        losses = learner.learn(source(step, 0, size), np.random.default_rng(step))
    return losses


def correlation(learner, batch):
    with torch.no_grad():
        found = learner.generator.eval()(batch.photo)
    return torch.corrcoef(torch.stack([found[batch.mask], batch.target[batch.mask]]))[0, 1].item()


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_it_learns(toy, objective):
    learner = prepared(toy.config(objective, filters=12))
    unseen = toy.source(10**6, 0, 8)
    before = abs(correlation(learner, unseen))
    learner.generator.train()
    losses = run(learner, toy.source, STEPS[objective])
    assert all(torch.isfinite(loss) and not loss.requires_grad for loss in losses.values())
    assert before < 0.7
    assert correlation(learner, unseen) > 0.9


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_holes_teach_nothing(toy, objective):
    """Whatever stands in the holes of the truth, every network comes out the same to the last bit."""

    def spoilt(step, first, last):
        batch = toy.source(step, first, last)
        garbage = torch.full_like(batch.target, float("nan"))
        garbage[..., ::2] = 1e4
        return replace(batch, target=torch.where(batch.mask, batch.target, garbage))

    learners = [prepared(toy.config(objective)) for _ in range(2)]
    for learner, source in zip(learners, (toy.source, spoilt), strict=True):
        run(learner, source, 2)
    first, second = map(toy.weights, learners)
    assert all(torch.isfinite(value).all() for value in first.values())
    assert all(torch.equal(value, second[name]) for name, value in first.items())


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_a_picture_of_which_nothing_is_known_teaches_nothing_but_does_no_harm(toy, objective):
    def blind(step, first, last):
        batch = toy.source(step, first, last)
        return Batch(batch.photo, batch.target * float("nan"), torch.zeros_like(batch.mask), batch.label)

    learner = prepared(toy.config(objective))
    losses = run(learner, blind, 1)
    assert all(torch.isfinite(loss) for loss in losses.values())
    assert all(torch.isfinite(value).all() for value in toy.weights(learner).values())


def test_what_each_discriminator_sees(toy):
    inputs = {}
    for objective in ("gan", "cgan", "pix2pix", "pacgan", "acgan"):
        networks = make_learner(toy.config(objective)).networks
        inputs[objective] = networks["discriminator"].trunk[0].in_channels
    assert inputs == {"gan": 1, "cgan": 4, "pix2pix": 4, "pacgan": 8, "acgan": 4}
    assert set(make_learner(toy.config("l1")).networks) == {"generator"}
    assert set(make_learner(toy.config("cyclegan")).networks) == {
        "generator", "painter", "depth-critic", "photo-critic",
    }  # fmt: skip


def test_acgan_names_classes(toy):
    learner = prepared(toy.config("acgan"))
    run(learner, toy.source, 60)
    batch = toy.source(10**6, 0, 32)
    from dofsim.pix2pix.discriminator import pair

    with torch.no_grad():
        _, classes = learner.networks["discriminator"].eval()(pair(batch.photo, batch.target, batch.mask), batch.mask)
    assert (classes.argmax(dim=1) == batch.label).float().mean() > 0.9


def test_the_generator_loss_is_the_published_sum(toy):
    losses = run(prepared(toy.config("pix2pix")), toy.source, 1)
    assert losses["generator"].item() == pytest.approx(losses["gan"].item() + 100 * losses["l1"].item(), rel=1e-5)
    losses = run(prepared(toy.config("cyclegan")), toy.source, 1)
    assert losses["generator"].item() == pytest.approx(
        losses["gan"].item() + 10 * losses["cycle"].item() + 5 * losses["identity"].item(), rel=1e-5
    )


def test_unpaired_photos_come_without_their_depth(toy):
    batch = Source(toy.source, 4).unpaired().draw(3, 0, 4)
    assert torch.equal(batch.photo, toy.source(6, 0, 4).photo)
    assert torch.equal(batch.target, toy.source(7, 0, 4).target)
    assert torch.equal(batch.mask, toy.source(7, 0, 4).mask)


def test_steps_without_a_finite_gradient_are_left_out_and_many_are_an_error(toy):
    learner = prepared(toy.config("pix2pix"))
    run(learner, toy.source, 2)
    before = {name: value.clone() for name, value in learner.generator.named_parameters()}

    def broken(step, first, last):
        batch = toy.source(step, first, last)
        return replace(batch, photo=batch.photo * float("inf"))

    run(learner, broken, 3)
    assert all(torch.equal(value, before[name]) for name, value in learner.generator.named_parameters())
    with pytest.raises(ModelError, match="lower the learning rate"):
        run(learner, broken, 60)


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_bfloat16_computes(toy, objective):
    learner = prepared(toy.config(objective, bf16=True))
    losses = run(learner, toy.source, 1)
    assert all(torch.isfinite(loss) for loss in losses.values())
    assert all(value.dtype != torch.bfloat16 for value in toy.weights(learner).values())
