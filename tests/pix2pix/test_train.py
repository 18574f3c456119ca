"""The training loop: it learns, and a killed run goes on to the same weights."""

from __future__ import annotations

import csv
import itertools

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch comes with dofsim[train]")
pytest.importorskip("timm", reason="timm comes with dofsim[train]")

from torch import nn  # noqa: E402

from dofsim.datasets.mixture import Batch  # noqa: E402
from dofsim.errors import ModelError, OutputError, ParameterError  # noqa: E402
from dofsim.pix2pix.train import (  # noqa: E402
    Config,
    Trainer,
    learning_rate_factor,
    load_checkpoint,
    load_weights,
    run,
    save_atomically,
)


class Tiny(nn.Module):
    """A few convolutions with batch normalisation, in place of the U-Net."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Sequential(nn.Conv2d(3, 12, 3, padding=1), nn.BatchNorm2d(12), nn.ReLU())
        self.head = nn.Conv2d(12, 1, 3, padding=1)

    def forward(self, photo):
        return self.head(self.encoder(photo))


def make(step: int) -> Batch:
    """Brightness is depth."""
    rng = np.random.default_rng(step)
    level = rng.random((4, 4, 4)).repeat(4, axis=1).repeat(4, axis=2)
    photo = np.repeat((level[..., None] * 255), 3, axis=3).astype(np.uint8)
    return Batch(photo, level.astype(np.float32), rng.random(level.shape) > 0.1)


def tiny() -> Tiny:
    torch.manual_seed(1)
    return Tiny()


def config(**more) -> Config:
    given = {"data": "", "steps": 40, "batch": 4, "rate": 5e-3, "encoder_rate": 5e-3, "warm_up": 3, "ema": 0.9}
    return Config(**{**given, "start": "random", "save_every": 10, "validate_every": 10, "threads": 1, **more})


@pytest.fixture(autouse=True)
def threads():
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def test_training_lowers_the_loss(tmp_path):
    run(config(bf16=False), tmp_path, make, generator=tiny())
    with (tmp_path / "log.csv").open() as stream:
        losses = [float(row["loss"]) for row in csv.DictReader(stream)]
    assert len(losses) == 4
    assert losses[-1] < 0.5 * losses[0]


@pytest.mark.parametrize("bf16", [False, True])
def test_a_killed_run_goes_on_to_the_same_weights(tmp_path, bf16):
    whole = run(config(bf16=bf16), tmp_path / "whole", make, generator=tiny())
    run(config(bf16=bf16), tmp_path / "killed", make, generator=tiny(), until=17)
    resumed = run(config(bf16=bf16), tmp_path / "killed", make, generator=tiny())
    assert resumed.step == whole.step == 40
    for name, value in whole.model.state_dict().items():
        assert torch.equal(value, resumed.model.state_dict()[name]), name
    for name, value in whole.average.items():
        assert torch.equal(value, resumed.average[name]), name


def test_a_finished_run_does_nothing_more(tmp_path):
    first = run(config(), tmp_path, make, generator=tiny())
    again = run(config(), tmp_path, lambda _step: pytest.fail("no batch is due"), generator=tiny())
    assert torch.equal(first.average["head.weight"], again.average["head.weight"])


def test_best_by_validation_is_kept(tmp_path):
    scores = iter([0.5, 0.3, 0.9, 0.4])
    trainer = run(config(), tmp_path, make, generator=tiny(), validate=lambda _w: {"error": next(scores)})
    assert trainer.best == 0.3
    assert load_checkpoint(tmp_path / "best.pt")["step"] == 20
    assert load_checkpoint(tmp_path / "last.pt")["step"] == 40


def test_another_run_can_be_the_start(tmp_path):
    run(config(), tmp_path / "first", make, generator=tiny())
    trainer = Trainer(config(start=str(tmp_path / "first")), tiny())
    for name, value in load_weights(tmp_path / "first").items():
        assert torch.equal(trainer.model.state_dict()[name], value)


def test_the_rate_warms_up_holds_and_falls():
    settings = config(steps=100, warm_up=10, cool_down=0.4)
    factors = [learning_rate_factor(step, settings) for step in range(101)]
    assert factors[0] == pytest.approx(0.1)
    assert factors[10:60] == [1.0] * 50
    assert all(a > b for a, b in itertools.pairwise(factors[61:]))
    assert factors[-1] == pytest.approx(0.01)


def test_a_checkpoint_of_another_generator_is_refused(tmp_path):
    run(config(steps=2), tmp_path, make, generator=tiny())
    with pytest.raises(ModelError, match="another generator"):
        run(config(steps=4), tmp_path, make, generator=nn.Sequential(nn.Conv2d(3, 1, 1)))


def test_broken_checkpoints_are_said(tmp_path):
    (tmp_path / "last.pt").write_bytes(b"nothing")
    with pytest.raises(ModelError, match="no readable checkpoint"):
        load_weights(tmp_path)
    torch.save({"a": 1}, tmp_path / "other.pt")
    with pytest.raises(ModelError, match="holds no generator"):
        load_checkpoint(tmp_path / "other.pt")


def test_a_failed_save_leaves_the_former_checkpoint(tmp_path, monkeypatch):
    path = tmp_path / "last.pt"
    save_atomically({"average": {}, "n": 1}, path)

    def full(*_args, **_kwargs):
        raise OSError("no space left")

    monkeypatch.setattr(torch, "save", full)
    with pytest.raises(OutputError, match="no space left"):
        save_atomically({"average": {}, "n": 2}, path)
    monkeypatch.undo()
    assert load_checkpoint(path)["n"] == 1
    assert [p.name for p in tmp_path.iterdir()] == ["last.pt"]


@pytest.mark.parametrize("wrong", [{"steps": 0}, {"batch": 0}, {"ema": 1.0}, {"save_every": 0}])
def test_impossible_settings_are_refused(wrong):
    with pytest.raises(ParameterError):
        Trainer(config(**wrong), tiny())
