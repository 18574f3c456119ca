"""A toy problem, and a program that trains on it: the first channel of a picture is its depth, a fifth of it unknown.

Run as a program it is what the tests kill, or launch in two processes: ``toy.py FOLDER NAME [NAME ...]``.
"""

from __future__ import annotations

import json
import os
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from dofsim.pix2pix import loop
from dofsim.pix2pix.batch import Batch
from dofsim.pix2pix.config import RunConfig
from dofsim.pix2pix.learner import Paired
from dofsim.pix2pix.settings import override, published

SIZE = 32


def source(step: int, first: int, last: int) -> Batch:
    """Blocks of random depth; the second channel is half of it, the third says which of two classes a picture is."""
    photos, targets, masks, labels = [], [], [], []
    for place in range(first, last):
        rng = np.random.default_rng((step, place))
        label = int(rng.integers(2))
        depth = rng.random((8, 8)).repeat(4, axis=0).repeat(4, axis=1).astype(np.float32) * 2 - 1
        mask = rng.random((SIZE, SIZE)) > 0.2
        photos.append(np.stack([depth, depth * 0.5, np.full_like(depth, label - 0.5)]))
        targets.append(np.where(mask, depth, 0)[None])
        masks.append(mask[None])
        labels.append(label)
    arrays = (np.stack(part).astype(np.float32) for part in (photos, targets))
    photo, target = (torch.from_numpy(array) for array in arrays)
    return Batch(photo, target, torch.from_numpy(np.stack(masks)), torch.tensor(labels))


def config(objective: str = "pix2pix", **more: Any) -> RunConfig:
    """Settings of a tiny run."""
    tiny = {
        "data": "toy", "classes": ("a", "b"), "levels": 3, "filters": 8, "discriminator_filters": 8, "voxels": 16,
        "pool": 5, "rate": 2e-3, "discriminator_rate": 2e-3, "batch": 4, "steps": 12, "save_every": 5, "log_every": 3,
        "validate_every": 4, "ema": 0.9, "threads": 1,
    }  # fmt: skip
    return override(published(objective, size=SIZE), {**tiny, **more})  # type: ignore[arg-type]


class Plain(nn.Module):
    """A few convolutions without normalisation or dropout, which compute alike however a batch is divided."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(3)
        self.layers = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.Tanh(), nn.Conv2d(8, 1, 3, padding=1), nn.Tanh())

    def forward(self, photo: torch.Tensor) -> torch.Tensor:
        """(n, 3, h, w) -> (n, 1, h, w)."""
        return self.layers(photo)


class Validator:
    """Error on a few pictures, each process measuring its part."""

    def measure(self, model: nn.Module, part: int, parts: int) -> list[tuple[str, dict[str, float]]]:
        rows = []
        for place in range(part, 6, parts):
            batch = source(10**6, place, place + 1)
            found = model(batch.photo)
            rows.append((str(place), {"error": float((found - batch.target)[batch.mask].abs().mean())}))
        return rows

    def summarise(self, rows: list[tuple[str, dict[str, float]]]) -> dict[str, float]:
        assert len(rows) == 6
        return {"error": float(np.mean([scores["error"] for _, scores in rows]))}


def plain_learner(settings: RunConfig) -> Paired:
    """A learner around :class:`Plain`."""
    return Paired(settings, Plain())


def weights(learner: Any) -> dict[str, torch.Tensor]:
    """Everything that a learner has learnt."""
    found = {
        f"{name}.{key}": value for name, net in learner.networks.items() for key, value in net.state_dict().items()
    }
    return found | {f"average.{key}": value for key, value in learner.average.weights.items()}


def main() -> None:
    """Train as the names say."""
    folder, names = Path(sys.argv[1]), sys.argv[2:]
    rank = int(os.environ.get("RANK", "0"))

    def slow(step: int, first: int, last: int) -> Batch:
        time.sleep(0.05)
        (folder / "alive").write_text(str(step))
        return source(step, first, last)

    for name in names:
        if name == "slow":
            loop.train(config(steps=20), folder / name, slow)
        elif name == "command":
            from dofsim.cli.app import run
            from dofsim.datasets import fabricate

            data = folder / "data" if rank == 0 else folder / "same"
            fabricate.write_folder(data, {"a": {f"s{k}": 1 for k in range(12)}})
            code = run(
                ["train", "--data", str(data), "-o", str(folder / name), "--size", "32", "--filters", "4",
                 "--discriminator-filters", "4", "--batch", "2", "--steps", "4", "--log-every", "2",
                 "--validate-every", "2"]
            )  # fmt: skip
            assert code == 0
        elif name == "plain":
            loop.make_learner = plain_learner
            outcome = loop.train(config("l1"), folder / name, source, validator=Validator())
            torch.save(weights(outcome.learner), folder / f"{name}.{rank}.pt")
            (folder / f"{name}.{rank}.json").write_text(json.dumps(outcome.progress.__dict__))
        else:
            loop.make_learner = plain_loop
            settings = config(name, steps=5, save_every=2)
            whole = loop.train(settings, folder / f"{name}-whole", source)
            loop.train(replace(settings, save_every=2), folder / name, source, until=3)
            again = loop.train(settings, folder / name, source)
            torch.save([weights(whole.learner), weights(again.learner)], folder / f"{name}.{rank}.pt")


plain_loop = loop.make_learner

if __name__ == "__main__":
    main()
