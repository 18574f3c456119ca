"""Relative depth on scenes that were not trained on: ``python benchmarks/depth_holdout.py --data DATA``.

Every scene is measured by ``mean|a p + b - d| / mean|d - median(d)|`` after least-squares alignment of inverse depth
(0 perfect, about 1 no better than no depth) and by the share of pixel pairs in the right order; frames are averaged
within their scene, then scenes. The confidence intervals resample scenes. Two baselines run alongside: a constant
map, and a gradient that calls the bottom near.
"""

from __future__ import annotations

import argparse
import json
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from dofsim.datasets.rgbd import RgbdPair, index_folder, read_pair
from dofsim.datasets.split import split_scenes
from dofsim.datasets.terms import is_phone
from dofsim.depth.estimate import estimate
from dofsim.depth.registry import find_model
from dofsim.metrics.depth import aligned_error, pair_order

Predict = Callable[[npt.NDArray[np.uint8]], npt.NDArray[np.float32]]
Scores = dict[str, dict[str, tuple[float, float]]]


def constant(photo: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """No depth at all."""
    return np.zeros(photo.shape[:2], np.float32)


def gradient(photo: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """The bottom is near."""
    height, width = photo.shape[:2]
    return np.repeat(np.linspace(0, 1, height, dtype=np.float32)[:, None], width, axis=1)


def network(model: str | None, flip: bool | None = None) -> Predict:
    """The shipped estimator or another model, as ``dofsim depth`` runs it."""

    def predict(photo: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        depth = estimate(photo, model=model, threads=1, flip=flip).inverse().values
        size = (photo.shape[1], photo.shape[0])
        return cv2.resize(depth, size, interpolation=cv2.INTER_LINEAR).astype(np.float32, copy=False)

    return predict


def some_frames(pairs: Iterable[RgbdPair], most: int) -> list[RgbdPair]:
    """At most so many evenly spaced frames of each scene."""
    by_scene: dict[str, list[RgbdPair]] = defaultdict(list)
    for pair in pairs:
        by_scene[pair.key].append(pair)
    chosen = []
    for frames in by_scene.values():
        spaced = np.linspace(0, len(frames) - 1, min(most, len(frames)))
        chosen.extend(frames[index] for index in sorted({round(k) for k in spaced}))
    return chosen


def measure(predictors: dict[str, Predict], pairs: Sequence[RgbdPair]) -> Scores:
    """Per scene and predictor the mean (error, order) over the scene's frames."""
    found: dict[str, dict[str, list[tuple[float, float]]]] = defaultdict(lambda: defaultdict(list))
    for pair in pairs:
        photo, inverse = read_pair(pair)
        for name, predict in predictors.items():
            depth = predict(photo)
            found[pair.key][name].append((aligned_error(depth, inverse), pair_order(depth, inverse)))
    return {
        scene: {name: (float(np.mean([v[0] for v in values])), float(np.nanmean([v[1] for v in values])))
                for name, values in by_name.items()}
        for scene, by_name in found.items()
    }  # fmt: skip


def interval(values: npt.NDArray[np.float64], draws: int = 2000, seed: int = 0) -> tuple[float, float]:
    """95 % bootstrap confidence interval of the mean over scenes."""
    rng = np.random.default_rng(seed)
    means = values[rng.integers(0, len(values), (draws, len(values)))].mean(axis=1)
    low, high = np.percentile(means, (2.5, 97.5))
    return float(low), float(high)


def summarise(scores: Scores, scenes: Sequence[str], names: Sequence[str]) -> dict[str, object]:
    """Mean error and order of each predictor over scenes, with confidence intervals of the error."""
    row: dict[str, object] = {"scenes": len(scenes)}
    for name in names:
        errors = np.array([scores[scene][name][0] for scene in scenes])
        orders = np.array([scores[scene][name][1] for scene in scenes])
        low, high = interval(errors)
        row[name] = {
            "error": round(float(errors.mean()), 3), "low": round(low, 3), "high": round(high, 3),
            "order": round(float(np.nanmean(orders)), 3),
        }  # fmt: skip
    return row


def markdown(groups: dict[str, dict[str, object]], names: Sequence[str], head: str) -> str:
    """The groups as a table."""
    lines = [head, "", "| group | scenes | " + " | ".join(f"{n}: error (95 %) | order" for n in names) + " |"]
    lines.append("|---|---|" + "---|---|" * len(names))
    for group, row in groups.items():
        cells = []
        for name in names:
            cell = row[name]
            assert isinstance(cell, dict)
            cells.append(f"{cell['error']:.3f} ({cell['low']:.2f}-{cell['high']:.2f}) | {cell['order']:.1%}")
        lines.append(f"| {group} | {row['scenes']} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", required=True, help="folder with rgbd/")
    parser.add_argument("--model", help="name or .onnx file; the shipped estimator when omitted")
    parser.add_argument("--frames", type=int, default=6, help="most frames of a scene")
    parser.add_argument(
        "--flip", action=argparse.BooleanOptionalAction, help="average over the mirrored photo; default: the record's"
    )
    parser.add_argument("--out", default=str(Path(__file__).parent / "depth_holdout"), help="written: OUT.json, OUT.md")
    parser.add_argument("--quick", action="store_true", help="held-out scenes and phone scenes only, nothing written")
    given = parser.parse_args(arguments)
    split = split_scenes(index_folder(Path(given.data) / "rgbd"))
    heldout, evaluation = some_frames(split.heldout, given.frames), some_frames(split.evaluation, given.frames)
    if given.quick:
        evaluation = [pair for pair in evaluation if is_phone(pair.source.name)]
    record = find_model(given.model)
    predictors = {"estimator": network(given.model, given.flip), "gradient": gradient, "constant": constant}
    began = time.perf_counter()
    scores = measure(predictors, [*heldout, *evaluation])
    seconds = time.perf_counter() - began
    source_of = {pair.key: pair.source for pair in (*heldout, *evaluation)}
    held = {pair.key for pair in heldout}
    names = list(predictors)
    phone = [s for s in scores if is_phone(source_of[s].name)]
    real = [s for s in scores if not source_of[s].synthetic]
    groups = {
        "phone scenes": phone,
        "all": list(scores),
        "held out": [s for s in scores if s in held],
        "held out, phone": [s for s in phone if s in held],
        "evaluation only": [s for s in scores if s not in held],
        "photographed": real,
        "rendered": [s for s in scores if s not in set(real)],
    }
    table = {name: summarise(scores, scenes, names) for name, scenes in groups.items() if scenes}
    by_source: dict[str, list[str]] = defaultdict(list)
    for scene in scores:
        by_source[source_of[scene].name].append(scene)
    sources = {name: summarise(scores, scenes, names) for name, scenes in sorted(by_source.items())}
    digest = (record.sha256 or "no hash")[:12]
    flip = record.flip if given.flip is None else given.flip
    way = ", photo and mirrored photo" if flip else ""
    head = f"Model {record.name} ({digest}), input {record.input_size} px{way}, {len(scores)} scenes."
    text = markdown(table, names, head) + "\n" + markdown(sources, names, "Per source:")
    print(text)
    if given.quick:
        return
    out = Path(given.out)
    out.with_suffix(".md").write_text(
        f"# Relative depth on scenes that were not trained on\n\n{__doc__}\n{text}", encoding="utf-8"
    )
    full = {
        "model": record.name, "sha256": record.sha256, "input_size": record.input_size, "flip": flip,
        "seconds": round(seconds, 1), "groups": table, "sources": sources,
        "scenes": {s: {n: [round(v, 4) for v in pair] for n, pair in row.items()} for s, row in scores.items()},
    }  # fmt: skip
    out.with_suffix(".json").write_text(json.dumps(full, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
