"""What each part of the training data brings.

``python benchmarks/depth_ablation.py --data DATA --packs PACKS --work RUNS`` trains what is not in RUNS yet.

Every arm trains the same generator for the same number of pictures, once per seed, and is measured on the held-out
scenes: the aligned error and the share of pixel pairs in order, as ``benchmarks/depth_holdout.py`` defines them, of
the averaged weights at the end. The budget is small (see the table's head), so the figures say what helps early and not
what a long training makes of it. Runs resume where they were killed. Writes ``benchmarks/results/depth_ablation.json``
and ``.md``.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import defaultdict
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from dofsim.datasets.mixture import Batch, Mixture, permitted_mixture
from dofsim.datasets.pack import open_packs
from dofsim.datasets.rgbd import index_folder, read_pair
from dofsim.datasets.split import split_scenes
from dofsim.datasets.terms import is_phone
from dofsim.files import atomic_path
from dofsim.metrics.depth import aligned_error, pair_order
from dofsim.pix2pix.generator import Generator
from dofsim.pix2pix.train import Config, run
from dofsim.pix2pix.validate import predict

RESULTS = Path(__file__).resolve().parent / "results"
#: Shares of (real, composite, rendered) and start of each arm.
ARMS: dict[str, tuple[tuple[float, float, float], str]] = {
    "everything": ((0.25, 0.25, 0.5), "imagenet"),
    "without real scenes as they are": ((0.0, 0.33, 0.67), "imagenet"),
    "without composites": ((0.33, 0.0, 0.67), "imagenet"),
    "without rendered scenes": ((0.5, 0.5, 0.0), "imagenet"),
    "real scenes only": ((1.0, 0.0, 0.0), "imagenet"),
    "rendered scenes only": ((0.0, 0.0, 1.0), "imagenet"),
    "everything, encoder from scratch": ((0.25, 0.25, 0.5), "random"),
}


def measure(generator: torch.nn.Module, data: Path, longest: int) -> dict[str, Any]:
    """Mean error and order per held-out scene."""
    by_scene: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for pair in split_scenes(index_folder(data / "rgbd")).heldout:
        photo, inverse = read_pair(pair)
        depth = predict(generator, photo, longest)
        by_scene[pair.key].append((aligned_error(depth, inverse), pair_order(depth, inverse)))
    means = {key: np.mean(values, axis=0) for key, values in by_scene.items()}
    phone = [value for key, value in means.items() if is_phone(key.split("/")[0])]
    every = list(means.values())
    return {
        "error": float(np.mean([e for e, _ in every])), "order": float(np.mean([o for _, o in every])),
        "phone_error": float(np.mean([e for e, _ in phone])), "phone_order": float(np.mean([o for _, o in phone])),
        "scenes": {key: round(float(value[0]), 4) for key, value in means.items()},
    }  # fmt: skip


def _batch(mixture: Mixture, size: int, step: int) -> Batch:
    return mixture.batch(step, size)


def main() -> int:
    """Train what is missing and write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True, type=Path, help="folder with rgbd/ and mattes/")
    parser.add_argument("--packs", required=True, nargs="+", help="generated scenes")
    parser.add_argument("--work", required=True, type=Path, help="folder for the runs")
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--resolution", type=int, default=160)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--arms", help="comma-separated; default: all")
    parser.add_argument("--output", type=Path, default=RESULTS)
    given = parser.parse_args()
    rendered = open_packs(given.packs)
    plan = Config(
        data=str(given.data), packs=tuple(given.packs), steps=given.steps, resolution=given.resolution, warm_up=30,
        cool_down=0.5, ema=0.98, bf16=False, threads=1, save_every=50, validate_every=10**6,
    )  # fmt: skip
    rows: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for seed in range(given.seeds):
        for name in given.arms.split(",") if given.arms else ARMS:
            shares, start = ARMS[name]
            config = replace(plan, shares=shares, start=start, seed=seed)
            out = given.work / f"{name.replace(' ', '-').replace(',', '')}-{seed}"
            found = out / "heldout.json"
            if not found.is_file():
                mixture = permitted_mixture(
                    given.data, rendered=rendered, seed=seed, shares=shares, resolution=given.resolution
                )
                trainer = run(config, out, partial(_batch, mixture, config.batch))
                generator = Generator()
                generator.load_state_dict(trainer.average)
                found.write_text(json.dumps(measure(generator.eval(), given.data, 224)))
                (out / "last.pt").unlink()
            rows[name].append(json.loads(found.read_text()))
            last = rows[name][-1]
            print(f"{name}, seed {seed}: error {last['error']:.3f}, order {last['order']:.1%}", flush=True)
    head = (
        f"{given.steps * plan.batch} pictures of about {given.resolution} x {given.resolution} px each, "
        f"{given.seeds} seeds (mean, and half of the range between seeds)."
    )
    lines = [head, "", "| trained on | error | order | error, phone | order, phone |", "|---|---|---|---|---|"]
    for name, runs in rows.items():
        cells = []
        for key in ("error", "order", "phone_error", "phone_order"):
            values = [one[key] for one in runs]
            cells.append(f"{np.mean(values):.3f} ± {np.ptp(values) / 2:.3f}")
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    text = "\n".join(lines) + "\n"
    print(text)
    given.output.mkdir(parents=True, exist_ok=True)
    with atomic_path(given.output / "depth_ablation.json") as path:
        path.write_text(
            json.dumps({"steps": given.steps, "resolution": given.resolution, "arms": rows}, indent=1) + "\n"
        )
    with atomic_path(given.output / "depth_ablation.md") as path:
        path.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
