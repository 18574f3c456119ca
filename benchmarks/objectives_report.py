"""Measure the trained arms of ``objectives.py`` on unseen scenes, and write the table and the figures."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import torch

from dofsim.bench.timing import interleave
from dofsim.datasets.frames import Frame, Frames
from dofsim.depth.depth_map import DepthKind, DepthMap
from dofsim.evaluation import evaluate
from dofsim.evaluation.predict import Predictor
from dofsim.metrics.bootstrap import bootstrap_mean
from dofsim.metrics.protocol import standard_protocol
from dofsim.pix2pix.batch import Batch
from dofsim.pix2pix.config import RunConfig
from dofsim.pix2pix.layers import Noise, PictureNorm, checkerboard, parameter_count
from dofsim.pix2pix.loop import make_learner
from dofsim.pix2pix.predict import Estimator

#: Figure -> what it is, and whether large is good.
FIGURES = {
    "error": ("error", False),
    "order": ("order", True),
    "aligned_boundary_f1": ("edge F1", True),
    "aligned_edge_error": ("error at edges", False),
    "checkerboard": ("checkerboard", False),
}
Photo = npt.NDArray[np.uint8]
Depth = npt.NDArray[np.float32]
_CELL = (128, 96)
_INK = (40, 40, 40)


def gradient(photo: Photo) -> DepthMap:
    """The baseline that calls the bottom near."""
    height, width = photo.shape[:2]
    return DepthMap(np.repeat(np.linspace(0, 1, height, dtype=np.float32)[:, None], width, axis=1), DepthKind.RELATIVE)


def open_arm(folder: Path, more: dict[str, Any]) -> Estimator:
    """The model of a run, used in an arm's own way: with noise, or with the running statistics."""
    estimator = Estimator(folder)
    for layer in estimator.model.modules():
        if isinstance(layer, Noise):
            layer.always = bool(more.get("noise", False))
        if isinstance(layer, PictureNorm):
            layer.statistics = more.get("statistics", layer.statistics)
    return estimator


def measure(call: Callable[[Photo], DepthMap], name: str, frames: Frames) -> dict[str, Any]:
    """Figures of a model: per scene, and their mean."""
    boards: list[float] = []

    def watched(photo: Photo) -> DepthMap:
        torch.manual_seed(0)
        depth = call(photo)
        boards.append(float(checkerboard(torch.from_numpy(depth.values)[None, None])))
        return depth

    model = Predictor(name, name, DepthKind.RELATIVE, "torch", watched)
    protocol = standard_protocol("folder", alignment="scale-shift-disparity")
    found = evaluate(model, frames, protocol, unit="scenes")
    scenes: dict[str, dict[str, list[float]]] = {}
    for image, board in zip(found.images, boards, strict=True):
        of_scene = scenes.setdefault(image.scene, {figure: [] for figure in FIGURES})
        for figure in FIGURES:
            value = board if figure == "checkerboard" else image.figures[figure]
            if not math.isnan(value):
                of_scene[figure].append(value)
    by_scene = {
        scene: {figure: float(np.mean(values)) for figure, values in figures.items() if values}
        for scene, figures in scenes.items()
    }
    return {"mean": mean_over_scenes(by_scene), "scenes": by_scene}


def mean_over_scenes(by_scene: dict[str, dict[str, float]]) -> dict[str, float]:
    """Mean of every figure over the scenes that have it."""
    return {
        figure: float(np.mean([found[figure] for found in by_scene.values() if figure in found])) for figure in FIGURES
    }


def difference(first: Sequence[dict[str, Any]], second: Sequence[dict[str, Any]], figure: str) -> dict[str, float]:
    """Mean difference (second less first) over scenes, each the mean over seeds, with its 95 % bootstrap interval."""
    values = []
    for scene in first[0]["scenes"]:
        pairs = [
            (a["scenes"][scene].get(figure), b["scenes"][scene].get(figure)) for a, b in zip(first, second, strict=True)
        ]
        if all(a is not None and b is not None for a, b in pairs):
            values.append(float(np.mean([b - a for a, b in pairs])))
    mean, low, high = bootstrap_mean(values, None)
    return {"mean": mean, "low": low, "high": high}


def speeds(configs: dict[str, RunConfig], rounds: int, threads: int) -> dict[str, dict[str, float]]:
    """Training images/s of every arm, in turns in one run, and the parameters that learn."""
    from accelerate import Accelerator

    torch.set_num_threads(threads)
    engine = Accelerator(mixed_precision="no")
    work: dict[str, Callable[[], object]] = {}
    counts: dict[str, dict[str, float]] = {}
    for name, config in configs.items():
        learner = make_learner(config)
        learner.prepare(engine)
        for network in learner.networks.values():
            network.train()
        chance = torch.Generator().manual_seed(0)
        shape = (config.batch, 1, config.size, config.size)
        batch = Batch(
            torch.rand(config.batch, 3, *shape[2:], generator=chance) * 2 - 1,
            torch.rand(shape, generator=chance) * 2 - 1,
            torch.rand(shape, generator=chance) > 0.1,
            torch.zeros(config.batch, dtype=torch.long),
        )
        work[name] = lambda learner=learner, batch=batch: learner.learn(batch, np.random.default_rng(0))
        counts[name] = {
            "generator": parameter_count(learner.generator),
            "others": sum(map(parameter_count, learner.networks.values())) - parameter_count(learner.generator),
        }
    timings = interleave(work, rounds=rounds, budget_s=60.0)
    return {
        name: {**counts[name], "images_per_second": configs[name].batch / timing.median}
        for name, timing in timings.items()
    }


def to_markdown(results: dict[str, Any]) -> str:
    """The table and the differences."""
    titles = " | ".join(title for title, _ in FIGURES.values())
    lines = [
        f"| arm | {titles} | training images/s | parameters (with critics) |",
        "|---|" + "---|" * (len(FIGURES) + 2),
    ]
    best = {
        figure: (max if large else min)(row["figures"][figure]["mean"] for row in results["arms"].values())
        for figure, (_, large) in FIGURES.items()
    }
    for name, row in results["arms"].items():
        cells = []
        for figure in FIGURES:
            found = row["figures"][figure]
            text = f"{found['mean']:.3f}"
            text = f"**{text}**" if found["mean"] == best[figure] and figure != "checkerboard" else text
            spread = found["highest"] - found["lowest"]
            cells.append(text + (f" ± {spread / 2:.3f}" if row["seeds"] > 1 else ""))
        speed = row.get("speed")
        if speed:
            learning = speed["generator"] + speed["others"]
            cells += [f"{speed['images_per_second']:.1f}", f"{speed['generator'] / 1e6:.2f} M ({learning / 1e6:.2f} M)"]
        else:
            cells += ["", ""]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    if results["differences"]:
        lines += ["", f"| difference | {titles} |"]
        lines.append("|---|" + "---|" * len(FIGURES))
    for name, row in results["differences"].items():
        cells = [f"{row[f]['mean']:+.3f} ({row[f]['low']:+.3f} to {row[f]['high']:+.3f})" for f in FIGURES]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def show_depth(depth: Depth, truth: Depth | None) -> Photo:
    """A depth map in colours, near bright, on the truth's scale where there is one; (h, w, 3) RGB."""
    known = np.isfinite(depth) if truth is None else np.isfinite(truth)
    reference = depth if truth is None else truth
    far, near = np.percentile(reference[known], (2, 98))
    if truth is not None and truth is not depth:
        design = np.stack([depth[known], np.ones(int(known.sum()))], axis=1)
        scale, shift = np.linalg.lstsq(design, truth[known], rcond=None)[0]
        depth = (depth * scale + shift).astype(np.float32)
    level = np.clip((depth - far) / max(near - far, 1e-9), 0, 1)
    coloured = cv2.applyColorMap((np.nan_to_num(level) * 255).astype(np.uint8), cv2.COLORMAP_INFERNO)[..., ::-1]
    if truth is depth:
        coloured = np.where(known[..., None], coloured, 128)
    return np.ascontiguousarray(coloured, np.uint8)


def figure(rows: Sequence[tuple[Photo, Depth | None]], arms: dict[str, Callable[[Photo], DepthMap]]) -> Photo:
    """Photo, truth and every arm's prediction side by side, a row for each picture."""
    width = _CELL[0]
    head = np.full((38, width * (len(arms) + 2), 3), 255, np.uint8)
    for column, name in enumerate(("photo", "truth", *arms)):
        words, y = name.split(", "), 14
        for word in words:
            cv2.putText(head, word, (column * width + 3, y), cv2.FONT_HERSHEY_SIMPLEX, 0.36, _INK, 1, cv2.LINE_AA)
            y += 15
    strips = [head]
    for photo, truth in rows:
        shown = [photo, np.full_like(photo, 255) if truth is None else show_depth(truth, truth)]
        for call in arms.values():
            torch.manual_seed(0)
            found = cv2.resize(call(photo).values, (photo.shape[1], photo.shape[0]), interpolation=cv2.INTER_LINEAR)
            shown.append(show_depth(found.astype(np.float32), truth))
        strips.append(np.concatenate([cv2.resize(cell, _CELL, interpolation=cv2.INTER_AREA) for cell in shown], axis=1))
    return np.concatenate(strips, axis=0).astype(np.uint8)


def checkerboard_figure(photo: Photo, arms: dict[str, Callable[[Photo], DepthMap]], side: int = 40) -> Photo:
    """A part of the predictions at the network's own pixels, enlarged, and below it what repeats every two pixels."""
    cells = []
    for name, call in arms.items():
        values = call(photo).values
        side = min(side, *values.shape)
        top, left = (values.shape[0] - side) // 2, (values.shape[1] - side) // 2
        part = values[top : top + side, left : left + side]
        blurred = cv2.GaussianBlur(part, (3, 3), 0)
        column = [np.full((20, side * 6, 3), 255, np.uint8)]
        cv2.putText(column[0], name, (3, 14), cv2.FONT_HERSHEY_SIMPLEX, 0.4, _INK, 1, cv2.LINE_AA)
        for picture, low, high in (
            (part, *np.percentile(part, (1, 99))),
            (part - blurred, -0.1 * np.ptp(part), 0.1 * np.ptp(part)),
        ):
            grey = (np.clip((picture - low) / max(high - low, 1e-9), 0, 1) * 255).astype(np.uint8)
            large = cv2.resize(grey, (side * 6, side * 6), interpolation=cv2.INTER_NEAREST)
            column.append(np.repeat(large[..., None], 3, axis=2))
        cells.append(np.concatenate(column, axis=0))
    return np.concatenate(cells, axis=1).astype(np.uint8)


def save_picture(path: Path, picture: Photo) -> None:
    """Write a picture as JPEG or PNG, by its ending."""
    done, coded = cv2.imencode(path.suffix, picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 88])
    assert done
    path.write_bytes(coded.tobytes())


def stored(path: Path, make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """JSON that is made once."""
    if not path.is_file():
        path.write_text(json.dumps(make(), indent=1) + "\n", encoding="utf-8")
    return json.loads(path.read_text(encoding="utf-8"))  # type: ignore[no-any-return]


def inverse(frame: Frame) -> Depth:
    """A frame's inverse depth."""
    return frame.depth if frame.kind is not DepthKind.METRIC else np.float32(1) / frame.depth
