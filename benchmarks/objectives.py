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

import objectives_report as report
import torch

from dofsim import read_photo
from dofsim.bench.machine import describe_machine, describe_versions
from dofsim.datasets._program import program
from dofsim.datasets.frames import Frames, open_frames
from dofsim.datasets.truth import read_truth
from dofsim.errors import ParameterError
from dofsim.files import atomic_path
from dofsim.pix2pix.config import RunConfig
from dofsim.pix2pix.loop import Status, train
from dofsim.pix2pix.settings import override, published
from dofsim.pix2pix.sources import FrameSource

RESULTS = Path(__file__).resolve().parent / "results"
#: Ray-traced scenes of the figure.
SCENES = ("portrait_park", "room_table", "spheres_ground", "thin_signpost")
EXAMPLES = Path(__file__).resolve().parents[1] / "examples"


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

#: Arms whose difference is of interest, as (first, second): second less first.
PAIRS = (
    ("l1", "pix2pix"),
    ("l1, timm from ImageNet", "pix2pix, timm from ImageNet"),
    ("pix2pix", "pacgan"),
    ("pix2pix", "acgan"),
    ("l1", "volumetric"),
    ("pix2pix, no skips", "pix2pix"),
    ("pix2pix", "pix2pix, resize convolution"),
    ("pix2pix", "pix2pix, noise at test time"),
    ("pix2pix", "pix2pix, timm from ImageNet"),
)


@dataclass(frozen=True)
class Plan:
    """Data and budget that all arms share."""

    data: str
    work: Path
    size: int = 128
    filters: int = 16
    steps: int = 1000
    batch: int = 2
    seeds: tuple[int, ...] = (0, 1)
    arms: tuple[Arm, ...] = ARMS
    threads: int = 1

    @property
    def dataset(self) -> str:
        """Name of the reader of the data."""
        return "packed" if Path(self.data).is_file() else "folder"

    def folder(self, arm: Arm, seed: int) -> Path:
        """Run folder of an arm."""
        name = (arm.trained_as or arm.name).replace(", ", "-").replace(" ", "_").replace("(", "").replace(")", "")
        return self.work / f"{name}.{seed}"

    def config(self, arm: Arm, seed: int) -> RunConfig:
        """Configuration of an arm: published settings, with the common size, budget and decline of the rates."""
        common: dict[str, Any] = {
            "data": self.data, "dataset": self.dataset, "target": "relative", "seed": seed, "steps": self.steps,
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
    frames = open_frames(plan.data, plan.dataset, "train")
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


def measure_arms(plan: Plan, frames: Frames, say: Callable[[str], None]) -> dict[str, list[dict[str, Any]]]:
    """Figures of every arm, one for each seed, and of the baseline; kept in the work folder."""
    found = {"the bottom is near": [report.stored(
        plan.work / "baseline.json", lambda: report.measure(report.gradient, "gradient", frames)
    )]}  # fmt: skip
    for arm in plan.arms:
        for seed in plan.seeds:
            say(f"{arm.name}, seed {seed}: measuring")
            folder = plan.folder(arm, seed)
            way = "-".join(f"{key}-{value}" for key, value in arm.more.items()) if arm.trained_as else "itself"

            def make(folder: Path = folder, arm: Arm = arm) -> dict[str, Any]:
                return report.measure(report.open_arm(folder, arm.more).estimate, arm.name, frames)

            found.setdefault(arm.name, []).append(report.stored(folder / f"scores.{way}.json", make))
    return found


def summarise(
    plan: Plan, found: dict[str, list[dict[str, Any]]], frames: dict[str, Frames], rounds: int
) -> dict[str, Any]:
    """Everything that is written as JSON."""
    configs = {arm.name: plan.config(arm, 0) for arm in plan.arms if not arm.trained_as}
    configs = {
        name: replace(config, data=replace(config.data, classes=("a", "b")))
        if config.objective.name == "acgan"
        else config
        for name, config in configs.items()
    }
    speed = report.speeds(configs, rounds, plan.threads) if rounds else {}
    arms: dict[str, Any] = {}
    for name, seeds in found.items():
        figures = {}
        for figure in report.FIGURES:
            values = [scores["mean"][figure] for scores in seeds]
            figures[figure] = {"mean": sum(values) / len(values), "lowest": min(values), "highest": max(values)}
        arms[name] = {"seeds": len(seeds), "figures": figures, "speed": speed.get(name)}
    return {
        "budget": {
            "size": plan.size, "filters": plan.filters, "steps": plan.steps, "batch": plan.batch, "seeds": plan.seeds,
            "threads": plan.threads,
        },
        "data": {name: {"frames": len(part), "scenes": len(set(part.scenes))} for name, part in frames.items()},
        "machine": describe_machine(), "versions": describe_versions("torch", "timm", "accelerate"),
        "arms": arms,
        "differences": {
            f"{second} less {first}": {
                figure: report.difference(found[first], found[second], figure) for figure in report.FIGURES
            }
            for first, second in PAIRS
            if first in found and second in found
        },
    }  # fmt: skip


def draw(plan: Plan, test: Frames, out: Path, truth: Path | None) -> None:
    """The figures: on pictures that may be published beside the table, on photos of the data in the work folder."""
    seed = plan.seeds[0]
    calls = {arm.name: report.open_arm(plan.folder(arm, seed), arm.more).estimate for arm in plan.arms}
    free: list[tuple[Any, Any]] = [
        (read_photo(EXAMPLES / name).pixels, None) for name in ("astronaut.png", "chelsea.png")
    ]
    if truth:
        free += [read_truth(truth / f"{name}.npz") for name in SCENES]
    report.save_picture(out / "objectives.jpg", report.figure(free, calls))
    seen: dict[str, int] = {}
    for index, scene in enumerate(test.scenes):
        seen.setdefault(scene, index)
    photos = [(test[index].photo, report.inverse(test[index])) for index in list(seen.values())[::2]]
    report.save_picture(plan.work / "objectives.jpg", report.figure(photos, calls))
    boards = {name: calls[name] for name in ("pix2pix", "pix2pix, resize convolution") if name in calls}
    if boards:
        report.save_picture(out / "checkerboard.png", report.checkerboard_figure(free[0][0], boards))


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True, help="RGB-D folders, or a file they are packed in")
    parser.add_argument("--work", required=True, type=Path, help="run folders; gone on with")
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--filters", type=int, default=16, help="of the first layers; 64 as published")
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--batch", type=int, default=2)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1])
    parser.add_argument("--arms", nargs="+", choices=[arm.name for arm in ARMS], help="all of them when omitted")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=5, help="of timing; 0 leaves it out")
    parser.add_argument("--truth", type=Path, help="ray-traced scenes (.npz) for the figure")
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder of the results")
    given = vars(parser.parse_args(arguments))
    chosen, rounds, truth, out = (given.pop(name) for name in ("arms", "rounds", "truth", "out"))
    arms = tuple(arm for arm in ARMS if chosen is None or arm.name in chosen)
    plan = Plan(**{**given, "seeds": tuple(given["seeds"]), "arms": arms})

    def say(line: str) -> None:
        print(line, file=sys.stderr, flush=True)

    train_arms(plan, say)
    torch.set_num_threads(plan.threads)
    frames = {name: open_frames(plan.data, plan.dataset, name) for name in ("train", "test")}
    found = measure_arms(plan, frames["test"], say)
    results = summarise(plan, found, frames, rounds)
    out.mkdir(parents=True, exist_ok=True)
    for name, text in (("json", json.dumps(results, indent=1) + "\n"), ("md", report.to_markdown(results))):
        with atomic_path(out / f"objectives.{name}") as temporary:
            temporary.write_text(text, encoding="utf-8")
    draw(plan, frames["test"], out, truth)
    print(report.to_markdown(results), end="")


if __name__ == "__main__":
    program(main)
