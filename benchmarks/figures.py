"""Figures of the records in ``benchmarks/results``: ``python benchmarks/figures.py``; needs matplotlib.

Draws ``NAME.png`` beside each ``NAME.json`` that :data:`FIGURES` knows, from the record alone: nothing is measured.
``blur.py`` draws its own.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from dofsim.files import atomic_path

RESULTS = Path(__file__).resolve().parent / "results"
Record = dict[str, Any]


def truth(record: Record) -> Figure:
    """PSNR against ray-traced pictures, by where in the picture, for each class of scenes."""
    classes = {name.removeprefix("class "): values for name, values in record["mean"].items() if "lens" not in name}
    figure = Figure(figsize=(9, 4.2), layout="constrained")
    axes = figure.subplots()
    for column, label in (
        ("psnr", "all pixels"), ("edge", "near edges"), ("hidden", "hidden from the photo"), ("visible", "seen by it"),
    ):  # fmt: skip
        axes.plot(list(classes), [values[column] for values in classes.values()], "o", label=label)
    axes.set(
        ylabel="PSNR against ray tracing, dB", title=f"dofsim against {len(record['pictures'])} ray-traced pictures"
    )
    axes.axvline(0.5, color="grey", linewidth=0.8)
    _finish(axes)
    return figure


def degraded(record: Record) -> Figure:
    """What bad depth costs dofsim and plain scatter."""
    rows = record["pictures"]
    damages = list(dict.fromkeys(row["depth"] for row in rows))
    figure = Figure(figsize=(9, 4.4), layout="constrained")
    for axes, column, title in zip(
        figure.subplots(1, 2, sharey=True), ("psnr", "edge"), ("all pixels", "near edges"), strict=True
    ):
        for renderer in ("dofsim", "scatter"):
            axes.plot(
                [_mean(rows, column, depth=damage, renderer=renderer) for damage in damages],
                damages,
                "o",
                label=renderer,
            )
        axes.set(xlabel="PSNR against ray tracing, dB", title=title)
        axes.grid(alpha=0.4)
    axes.legend(frameon=False)
    axes.invert_yaxis()
    return figure


def refinement(record: Record) -> Figure:
    """What refining a quarter-size depth map gives back, and how near to true mattes its edges are."""
    halos, mattes = record["halos"], record["mattes"]
    classes = sorted({row["class"] for row in halos})
    figure = Figure(figsize=(10, 4.2), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(3, 1))
    for column, label in (("exact", "exact depth"), ("refined", "refined from a quarter"), ("degraded", "a quarter")):
        left.plot(
            classes, [_mean(halos, column, **{"class": kind}) for kind in classes], "o",
            label=label,
        )  # fmt: skip
    left.set(ylabel="PSNR near edges, dB", title=f"{record['recovered']:.0%} of the loss comes back")
    _finish(left)
    sizes = sorted({row["small"] for row in mattes})
    for shift, column, label in ((-0.2, "enlarged_error", "enlarged"), (0.2, "refined_error", "refined")):
        means = [_mean(mattes, column, small=size) for size in sizes]
        right.bar([index + shift for index in range(len(sizes))], means, 0.4, label=label)
    right.set_xticks(range(len(sizes)), [f"{size} px" for size in sizes])
    right.set(ylabel="mean error against mattes", title="edges")
    right.legend(frameon=False)
    return figure


def packing(record: Record) -> Figure:
    """Frames per second of random access, original files against packed ones."""
    data = record["data"]
    kinds = list(dict.fromkeys(kind for row in data.values() for kind in row["seconds"]))
    figure = Figure(figsize=(9, 4.8), layout="constrained")
    axes = figure.subplots()
    for place, kind in enumerate(kinds):
        rows = [(index, row) for index, row in enumerate(data.values()) if kind in row["seconds"]]
        speeds = [row["read"] / statistics.median(row["seconds"][kind]) for _, row in rows]
        axes.barh([index + 0.16 * (place - len(kinds) / 2 + 0.5) for index, _ in rows], speeds, 0.16, label=kind)
    axes.set_yticks(range(len(data)), list(data))
    axes.invert_yaxis()
    axes.set(xscale="log", xlabel="frames per second, random access, median")
    axes.grid(axis="x", alpha=0.4)
    axes.legend(frameon=False, fontsize="small", loc="upper center", bbox_to_anchor=(0.4, 1.12), ncols=len(kinds))
    return figure


def depth_stability(record: Record) -> Figure:
    """How much estimated depth changes with the photo, and how flat its planes are."""
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    for axes, part, title in zip(
        figure.subplots(1, 2, width_ratios=(2, 1)), ("stability", "geometry"),
        ("change of depth when the photo is ...", "on planes"), strict=True,
    ):  # fmt: skip
        # Of sky, more is better; it is a figure of another kind.
        rows = {name: values for name, values in record[part].items() if name != "sky"}
        names = list(rows)
        axes.bar(names, [rows[name][1] for name in names], 0.7, color="C0", alpha=0.35, label="90th percentile")
        axes.bar(names, [rows[name][0] for name in names], 0.7, color="C0", label="mean")
        axes.set(ylabel="% of the range of depth", title=title)
    axes.legend(frameon=False, loc="upper right")
    figure.suptitle(
        f"{record['model']}, {'with' if record['flip'] else 'without'} the mirrored photo", fontsize="medium"
    )
    return figure


FIGURES: dict[str, Callable[[Record], Figure]] = {
    "truth": truth, "degraded": degraded, "refinement": refinement, "packing": packing,
    "depth_stability": depth_stability,
}  # fmt: skip


def _mean(rows: list[Record], column: str, **where: object) -> float:
    """Mean of a column over the rows that have these values; where a picture has no such pixels it is not counted."""
    chosen = [row[column] for row in rows if all(row[key] == value for key, value in where.items())]
    return statistics.fmean(value for value in chosen if math.isfinite(value))


def _finish(axes: Any) -> None:
    axes.tick_params(axis="x", rotation=30)
    axes.grid(axis="y", alpha=0.4)
    axes.legend(frameon=False, fontsize="small", loc="center left", bbox_to_anchor=(1, 0.5))


def main(arguments: Sequence[str] | None = None) -> int:
    """Draw every figure whose record is there."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=Path, default=RESULTS, help="folder of the JSON files")
    parser.add_argument("--output", type=Path, help="folder of the figures; default: that of the records")
    wish = parser.parse_args(arguments)
    for name, draw in FIGURES.items():
        path = wish.records / f"{name}.json"
        if not path.is_file():
            print(f"{path} is not there; benchmarks/README.md says which program writes it", file=sys.stderr)
            continue
        figure = draw(json.loads(path.read_text(encoding="utf-8")))
        with atomic_path((wish.output or wish.records) / f"{name}.png") as temporary:
            figure.savefig(temporary, format="png", dpi=100, metadata={"Software": None})
        print((wish.output or wish.records) / f"{name}.png")
    return 0


if __name__ == "__main__":
    sys.exit(main())
