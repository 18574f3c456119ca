"""An evaluation as JSON, CSV and Markdown."""

from __future__ import annotations

import csv
import io
import json
import math
from dataclasses import asdict
from typing import TYPE_CHECKING

from dofsim.evaluation.evaluate import BETTER_LARGE, METRIC, RELATIVE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dofsim.evaluation.evaluate import Evaluation

#: Column heading, unit and meaning of each figure.
FIGURES = {
    "abs_rel": ("AbsRel", "", "mean of abs(p - t) / t"),
    "sq_rel": ("SqRel", "m", "mean of (p - t)² / t"),
    "rmse": ("RMSE", "m", "root of the mean (p - t)²"),
    "rmse_log": ("RMSElog", "", "root of the mean (ln p - ln t)²"),
    "log10": ("log10", "", "mean of abs(log10 p - log10 t)"),
    "silog": ("SILog", "", "100 x the standard deviation of ln p - ln t"),
    "delta1": ("δ < 1.25", "", "share of max(p/t, t/p) < 1.25"),
    "delta2": ("δ < 1.25²", "", "share of max(p/t, t/p) < 1.25²"),
    "delta3": ("δ < 1.25³", "", "share of max(p/t, t/p) < 1.25³"),
    "boundary_f1": ("boundary F1", "", "occluding contours, as in Depth Pro"),
    "edge_rmse": ("edge RMSE", "m", "RMSE within 5 px of depth discontinuities"),
    "error": ("aligned error", "", "mean of abs(a p + b - d) / mean of abs(d - median d)"),
    "order": ("pair order", "", "share of pixel pairs whose nearer one is predicted nearer"),
    "aligned_boundary_f1": ("boundary F1", "", "contours are steps of 5 to 25 % of the spread of inverse depth"),
    "aligned_edge_error": ("edge error", "", "aligned error within 5 px of steps of 15 %"),
}


def to_json(evaluation: Evaluation, *, worst: int = 8) -> str:
    """Everything but the per-image figures, for programs."""
    from dofsim.bench.machine import describe_machine, describe_versions

    model = evaluation.model
    facts = {
        "model": {
            "name": model.name,
            "origin": model.origin,
            "sha256": model.sha256,
            "output": model.kind.value,
            "runtime": model.runtime,
            "flip": model.flip,
        },
        "data": evaluation.data,
        "protocol": asdict(evaluation.protocol),
        "mean_over": evaluation.unit,
        "images": len(evaluation.images),
        "metric": _as_dict(evaluation, METRIC),
        "relative": _as_dict(evaluation, RELATIVE),
        "worst": [
            {"name": image.name, evaluation.ranked_by: _number(image.figures[evaluation.ranked_by])}
            for image in evaluation.worst(worst)
        ],
        "skipped": [asdict(frame) for frame in evaluation.bad],
        "model_seconds_per_image": round(evaluation.seconds / len(evaluation.images), 5),
        "machine": describe_machine(),
        "versions": describe_versions(),
    }
    return json.dumps(facts, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def to_csv(evaluation: Evaluation) -> str:
    """One line an image; a figure that an image does not have is empty."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    names = (*METRIC, *RELATIVE)
    writer.writerow(["index", "scene", "name", "kind", "pixels", *names])
    for image in evaluation.images:
        figures = [_number(image.figures.get(name, math.nan)) for name in names]
        cells = ["" if figure is None else f"{figure:.7g}" for figure in figures]
        writer.writerow([image.index, image.scene, image.name, image.kind.value, image.pixels, *cells])
    return stream.getvalue()


def to_markdown(evaluation: Evaluation, *, worst: int = 8) -> str:
    """The tables that the command prints."""
    model, data = evaluation.model, evaluation.data
    flip = "; averaged with the mirrored photo (test-time augmentation)" if model.flip else ""
    scenes = len({image.scene for image in evaluation.images})
    what = f"on {data.get('dataset', '?')}, split {data.get('split', '?')}{_depth_of(data)}"
    lines = [
        f"**{model.name}** ({model.origin}, {model.runtime}, {model.kind.value} depth{flip})",
        f"{what}: {len(evaluation.images)} images of {scenes} scenes.",
    ]
    over = "images" if evaluation.unit == "images" else "scenes (each the mean of its images)"
    lines.append(f"Figures per image, then the mean over {over}; 95 % bootstrap intervals over the same.")
    if evaluation.metric_images:
        lines += ["", f"Metric depth, {evaluation.metric_images} images: {evaluation.protocol.describe()}.", ""]
        lines += _table(evaluation, METRIC)
    lines += ["", "Inverse depth after least-squares scale and shift, all known pixels, no crop:", ""]
    lines += _table(evaluation, RELATIVE)
    ranked = FIGURES[evaluation.ranked_by][0]
    if worst:
        rows = [[image.name, f"{image.figures[evaluation.ranked_by]:.4f}"] for image in evaluation.worst(worst)]
        lines += ["", f"Worst images by {ranked}:", "", *_aligned(["image", ranked], rows)]
    if evaluation.bad:
        lines += ["", f"Skipped, because they cannot be used: {len(evaluation.bad)}.", ""]
        lines += [f"- {frame.reason}" for frame in evaluation.bad]
    return "\n".join(lines) + "\n"


def _depth_of(data: dict[str, object]) -> str:
    return {True: ", raw depth", False: ", filled depth"}.get(data.get("raw"), "")  # type: ignore[call-overload,no-any-return]


def _table(evaluation: Evaluation, names: Sequence[str]) -> list[str]:
    means = evaluation.means(names)
    most = max(mean.images for mean in means.values())
    rows = []
    for name, mean in means.items():
        heading, unit, meaning = FIGURES[name]
        figure = f"{mean.mean:.4f}{f' {unit}' if unit else ''}" if mean.images else "–"
        interval = f"{mean.low:.4f} – {mean.high:.4f}" if mean.images else ""
        fewer = f" ({mean.images} of {most} images have any)" if mean.images < most else ""
        rows.append([heading, figure, interval, "large" if name in BETTER_LARGE else "small", meaning + fewer])
    return _aligned(["figure", "mean", "95 %", "better", "what it is"], rows)


def _aligned(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """A Markdown table whose columns also line up as plain text."""
    widths = [max(len(row[column]) for row in (head, *rows)) for column in range(len(head))]

    def line(cells: Sequence[str]) -> str:
        return "| " + " | ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)) + " |"

    return [line(head), "|" + "|".join("-" * (width + 2) for width in widths) + "|", *map(line, rows)]


def _as_dict(evaluation: Evaluation, names: Sequence[str]) -> dict[str, dict[str, float | int | None]]:
    return {
        name: {"mean": _number(mean.mean), "low": _number(mean.low), "high": _number(mean.high), "images": mean.images}
        for name, mean in evaluation.means(names).items()
        if mean.images
    }


def _number(value: float) -> float | None:
    """JSON knows no NaN."""
    return None if math.isnan(value) else value
