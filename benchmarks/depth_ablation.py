"""What each part of the training data brings, and what the network and its objective do.

``python benchmarks/depth_ablation.py --data DATA --packs PACKS --work RUNS`` trains what is not in RUNS yet, and goes
on with what was stopped. PACKS are generated scenes: ``python -m dofsim.datasets.scenes --data DATA --out PACKS``.

Every arm sees the same number of pictures, drawn from the same mixture but for what its name says, once per seed. Its
averaged weights at the end are measured as ``benchmarks/depth_holdout.py`` measures the shipped ones, on the held-out
scenes and on all that no weights were trained on. "pix2pix, from scratch" is the network and the objective of Isola et
al. (CVPR 2017): U-Net with as many levels as the pictures allow, PatchGAN, L1, inverse depth written in -1..1 by each
picture's range. The budget is small, so the figures say what helps early and not what a long training makes of it.
Written: ``benchmarks/results/depth_ablation.json`` and ``.md``.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from depth_holdout import Predict, Scores, gradient, measure, some_frames

from dofsim.bench.machine import describe_machine, describe_versions
from dofsim.datasets._program import program
from dofsim.datasets.rgbd import RgbdPair, index_folder
from dofsim.datasets.split import split_scenes
from dofsim.datasets.terms import is_phone
from dofsim.files import atomic_path
from dofsim.metrics.bootstrap import bootstrap_mean
from dofsim.pix2pix.config import RunConfig
from dofsim.pix2pix.loop import train
from dofsim.pix2pix.predict import Estimator
from dofsim.pix2pix.settings import override, published
from dofsim.pix2pix.sources import open_material
from dofsim.pix2pix.train import recipe

RESULTS = Path(__file__).resolve().parent / "results"
WHOLE = "everything"
SCRATCH = "pix2pix, from scratch"
#: Arm -> what it sets apart from the recipe. ``shares`` are of (real, composite, rendered) pictures.
ARMS: dict[str, dict[str, Any]] = {
    WHOLE: {},
    "without real scenes as they are": {"shares": (0.0, 0.33, 0.67)},
    "without composites": {"shares": (0.33, 0.0, 0.67)},
    "without rendered scenes": {"shares": (0.5, 0.5, 0.0)},
    "real scenes only": {"shares": (1.0, 0.0, 0.0)},
    "rendered scenes only": {"shares": (0.0, 0.0, 1.0)},
    "encoder from scratch": {"start": "random"},
    SCRATCH: {"objective": "pix2pix", "generator": "unet"},
}
BASELINE = "the bottom is near"
#: Most frames of a scene that are measured.
FRAMES = 3


def configuration(arm: str, given: argparse.Namespace, seed: int) -> RunConfig:
    """The run of an arm."""
    chosen = ARMS[arm]
    budget = {
        "data": str(given.data), "packs": tuple(given.packs), "size": given.size, "steps": given.steps,
        "batch": given.batch, "seed": seed, "threads": given.threads, "save_every": 50, "validate_every": 10**6,
        "log_every": 50, "shares": (0.25, 0.25, 0.5),
    }  # fmt: skip
    if chosen.get("objective") != "pix2pix":
        return recipe({**budget, "warm_up": 30, "cool_down": 0.5, "ema": 0.98, **chosen})
    base = override(published("pix2pix", "unet", given.size), {**budget, "dataset": "mixture", "target": "relative"})
    levels = min(5, base.generator.levels)
    config = override(base, {"levels": levels, "filters": given.filters, "discriminator_filters": given.filters})
    # Batches of one, as published: as many pictures, in more steps.
    return replace(config, batch=1, steps=given.steps * given.batch)


def predictor(run: Path) -> Predict:
    """A trained run, and its look at the mirrored photo, as the shipped estimator is asked."""
    estimator = Estimator(run)

    def predict(photo: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        plain = estimator.estimate(photo).values
        mirrored = estimator.estimate(np.ascontiguousarray(photo[:, ::-1])).values[:, ::-1]
        size = (photo.shape[1], photo.shape[0])
        return cv2.resize((plain + mirrored) / 2, size, interpolation=cv2.INTER_LINEAR).astype(np.float32, copy=False)

    return predict


def figures(run: Path, predict: Predict, pairs: Sequence[RgbdPair]) -> dict[str, list[float]]:
    """(error, order) of every scene, kept in the run's folder."""
    kept = run / "measured.json"
    if not kept.is_file():
        run.mkdir(parents=True, exist_ok=True)
        scores: Scores = measure({"arm": predict}, pairs)
        with atomic_path(kept) as path:
            path.write_text(json.dumps({scene: row["arm"] for scene, row in scores.items()}), encoding="utf-8")
    found: dict[str, list[float]] = json.loads(kept.read_text(encoding="utf-8"))
    return found


def groups_of(pairs: Sequence[RgbdPair], held: set[str]) -> dict[str, list[str]]:
    """Scenes of each group of the table."""
    source_of = {pair.key: pair.source.name for pair in pairs}
    groups = {"held out": held, "phone": [key for key, name in source_of.items() if is_phone(name)], "all": source_of}
    return {name: sorted(scenes) for name, scenes in groups.items() if scenes}


def table(arms: dict[str, list[dict[str, list[float]]]], groups: dict[str, list[str]]) -> str:
    """Mean error and order over seeds, and how far the error is from that of everything."""
    named = [f"{group} ({len(scenes)})" for group, scenes in groups.items()]
    heads = [head for group in named for head in (f"error, {group}", "order")]
    lines = ["| trained on | " + " | ".join([*heads, f"error less that of {WHOLE}, all (95 %)"]) + " |"]
    lines.append("|---" * (len(heads) + 2) + "|")

    def mean(runs: list[dict[str, list[float]]], scene: str, figure: int) -> float:
        return float(np.mean([run[scene][figure] for run in runs]))

    for name, runs in arms.items():
        cells = []
        for scenes in groups.values():
            errors = [np.mean([run[scene][0] for scene in scenes]) for run in runs]
            order = np.nanmean([mean(runs, scene, 1) for scene in scenes])
            spread = f" ± {np.ptp(errors) / 2:.3f}" if len(runs) > 1 else ""
            cells += [f"{np.mean(errors):.3f}{spread}", f"{order:.1%}"]
        differences = [mean(runs, scene, 0) - mean(arms[WHOLE], scene, 0) for scene in groups["all"]]
        centre, low, high = bootstrap_mean(differences, None)
        cells.append("" if name == WHOLE else f"{centre:+.3f} ({low:+.3f} to {high:+.3f})")
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def main(arguments: Sequence[str] | None = None) -> None:
    """Train what is missing and write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True, type=Path, help="folder with rgbd/ and mattes/")
    parser.add_argument("--packs", required=True, nargs="+", help="generated scenes")
    parser.add_argument("--work", required=True, type=Path, help="folder for the runs")
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--size", type=int, default=160, help="root of a picture's area, px")
    parser.add_argument("--filters", type=int, default=64, help="of pix2pix's first layers")
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--arms", nargs="+", choices=list(ARMS), default=list(ARMS))
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder of the results")
    given = parser.parse_args(arguments)
    split = split_scenes(index_folder(given.data / "rgbd"))
    pairs = some_frames([*split.heldout, *split.evaluation], FRAMES)
    groups = groups_of(pairs, {pair.key for pair in split.heldout})
    arms = {BASELINE: [figures(given.work / "baseline", gradient, pairs)]}
    for seed in range(given.seeds):
        for name in dict.fromkeys([WHOLE, *given.arms]):
            run = given.work / f"{name.replace(', ', '-').replace(' ', '-')}.{seed}"
            if not (run / "measured.json").is_file():
                material = open_material(configuration(name, given, seed))
                train(material.config, run, material.source)
            arms.setdefault(name, []).append(figures(run, predictor(run), pairs))
            error = np.mean([error for error, _ in arms[name][-1].values()])
            print(f"{name}, seed {seed}: error {error:.3f} over all", file=sys.stderr, flush=True)
    budget = f"{given.steps * given.batch} pictures of about {given.size} x {given.size} px for every arm"
    spread = f"mean of {given.seeds} runs, and half of the range between them" if given.seeds > 1 else "one run each"
    head = f"{budget}; {spread}."
    text = f"{head}\n\n{table(arms, groups)}"
    print(text, end="")
    settings = {name: getattr(given, name) for name in ("steps", "batch", "size", "filters", "seeds", "threads")}
    whole = {
        "budget": settings, "machine": describe_machine(), "versions": describe_versions("torch", "timm", "accelerate"),
        "arms": arms,
    }  # fmt: skip
    given.out.mkdir(parents=True, exist_ok=True)
    for suffix, content in ((".json", json.dumps(whole, indent=1) + "\n"), (".md", text)):
        with atomic_path(given.out / f"depth_ablation{suffix}") as path:
            path.write_text(content, encoding="utf-8")


if __name__ == "__main__":
    program(main)
