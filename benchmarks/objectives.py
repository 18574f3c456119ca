"""Every objective and generator on the same data with the same budget: ``python benchmarks/objectives.py --data ROOT``.

Each arm is trained with every seed on the same draws of the training scenes, then measured on scenes that it never saw.
A run that was stopped goes on where it stood. Written: ``benchmarks/results/objectives.json`` and ``.md``, and a figure
of predictions side by side, on pictures that may be published; with photos of the data it lies in the work folder.

Arms differ in nothing but the objective or the generator that they are named after. They see the same number of
pictures, not the same time: that price is in the table.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from dofsim.datasets._program import program
from dofsim.datasets.frames import Frames, open_frames
from dofsim.errors import ParameterError
from dofsim.pix2pix.config import RunConfig
from dofsim.pix2pix.loop import Status, train
from dofsim.pix2pix.settings import override, published
from dofsim.pix2pix.sources import FrameSource

RESULTS = Path(__file__).resolve().parent / "results"


@dataclass(frozen=True)
class Arm:
    """What is compared: a name, an objective, a generator, and what else differs from the common settings."""

    name: str
    objective: Any
    generator: Any = "unet"
    more: dict[str, Any] = field(default_factory=dict)
    trained_as: str = ""  # an arm without training of its own: the weights of another one, used in another way


ARMS = (
    Arm("l1", "l1"),
    Arm("gan", "gan"),
    Arm("cgan", "cgan"),
    Arm("pix2pix", "pix2pix"),
    Arm("pix2pix, noise at test time", "pix2pix", more={"noise": True}, trained_as="pix2pix"),
    Arm("pix2pix, running statistics", "pix2pix", more={"statistics": "running"}, trained_as="pix2pix"),
    Arm("ssi", "ssi"),
    Arm("pacgan", "pacgan"),
    Arm("acgan", "acgan", more={"class_by": "source"}),
    Arm("volumetric", "volumetric"),
    Arm("cyclegan (unpaired)", "cyclegan"),
    Arm("pix2pix, no skips", "pix2pix", "encoder-decoder"),
    Arm("pix2pix, resize convolution", "pix2pix", more={"upsample": "resize"}),
    Arm("pix2pix, timm from ImageNet", "pix2pix", "timm"),
    Arm("l1, timm from ImageNet", "l1", "timm"),
    Arm("ssi, timm from ImageNet", "ssi", "timm"),
)


@dataclass(frozen=True)
class Plan:
    """Data and budget that all arms share."""

    data: str
    work: Path
    size: int = 128
    filters: int = 32
    steps: int = 800
    batch: int = 4
    seeds: tuple[int, ...] = (0, 1)
    arms: tuple[Arm, ...] = ARMS
    threads: int = 1

    def folder(self, arm: Arm, seed: int) -> Path:
        """Run folder of an arm."""
        name = (arm.trained_as or arm.name).replace(", ", "-").replace(" ", "_").replace("(", "").replace(")", "")
        return self.work / f"{name}.{seed}"

    def config(self, arm: Arm, seed: int) -> RunConfig:
        """Configuration of an arm: published settings, with the common size, budget and decline of the rates."""
        common: dict[str, Any] = {
            "data": self.data, "dataset": "folder", "target": "relative", "seed": seed, "steps": self.steps,
            "batch": self.batch, "filters": self.filters, "discriminator_filters": self.filters,
            "threads": self.threads, "cool_down": 0.5, "decline": "linear", "warm_up": 0, "ema": 0.0, "clip": 0.0,
            "rate": 2e-4, "encoder_rate": 2e-4, "discriminator_rate": 2e-4, "beta1": 0.5, "weight_decay": 0.0,
            "save_every": 100, "validate_every": self.steps, "log_every": max(1, self.steps // 20),
        }  # fmt: skip
        config = override(published(arm.objective, arm.generator, self.size), {**common, **arm.more})
        config.check()
        return config


def train_arms(plan: Plan, say: Callable[[str], None]) -> None:
    """Train every arm with every seed, whatever is not trained yet."""
    frames = open_frames(plan.data, "folder", "train")
    remember_scenes(plan, frames)
    sources = tuple(sorted({scene.split("/")[0] for scene in frames.scenes}))
    for seed in plan.seeds:
        for arm in plan.arms:
            if arm.trained_as:
                continue
            config = plan.config(arm, seed)
            if config.objective.name == "acgan":
                config = replace(config, data=replace(config.data, classes=sources))

            def tell(status: Status, arm: Arm = arm, seed: int = seed) -> None:
                losses = ", ".join(f"{name} {value:.3g}" for name, value in status.losses.items())
                say(f"{arm.name}, seed {seed}: {status.step}/{status.steps} {losses}")

            began = time.monotonic()
            train(config, plan.folder(arm, seed), FrameSource(frames, config), watch=tell)
            say(f"{arm.name}, seed {seed}: done in {time.monotonic() - began:.0f} s")


def remember_scenes(plan: Plan, frames: Frames) -> None:
    """Note which scenes are trained on, and refuse to go on with others."""
    path, scenes = plan.work / "trained_on.json", sorted(set(frames.scenes))
    plan.work.mkdir(parents=True, exist_ok=True)
    if path.is_file() and json.loads(path.read_text(encoding="utf-8")) != scenes:
        raise ParameterError(f"{plan.work} was begun with other training scenes; give another --work")
    path.write_text(json.dumps(scenes, indent=1) + "\n", encoding="utf-8")


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True, help="RGB-D folders (dofsim.datasets.rgbd)")
    parser.add_argument("--work", required=True, type=Path, help="run folders; gone on with")
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--filters", type=int, default=32, help="of the first layers; 64 as published")
    parser.add_argument("--steps", type=int, default=800)
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1])
    parser.add_argument("--arms", nargs="+", choices=[arm.name for arm in ARMS], help="all of them when omitted")
    parser.add_argument("--threads", type=int, default=1)
    given = vars(parser.parse_args(arguments))
    chosen = given.pop("arms")
    arms = tuple(arm for arm in ARMS if chosen is None or arm.name in chosen)
    plan = Plan(**{**given, "seeds": tuple(given["seeds"]), "arms": arms})
    train_arms(plan, lambda line: print(line, file=sys.stderr, flush=True))


if __name__ == "__main__":
    program(main)
