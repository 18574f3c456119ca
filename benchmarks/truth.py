"""How true the renderer is: its pictures against ray-traced thin-lens scenes with exact depth.

Run ``python benchmarks/truth.py FOLDER`` with dofsim and scikit-image installed; FOLDER holds ``lens.json`` and one
``.npz`` per scene (``image``, ``depth``, ``truth_TAG``, ``hidden_TAG``, ``outside_TAG``). Writes
``benchmarks/results/truth.json`` and ``truth.md`` (``truth_best.*`` with ``--quality best``; with ``--quality scatter``
``truth_scatter.*``, of plain scatter, which hides nothing, to compare with). The pictures are compared in display space
(clipped to 0..1, sRGB).

Columns: PSNR and SSIM of all pixels; edge: PSNR within reach of a jump of the circle of confusion; hidden: PSNR where
more than 5 % of the lens rays end on surfaces that the photo does not show; visible: PSNR where less than 0.5 % do;
sharp: 99.9th percentile of the change of pixels in focus, in 8-bit steps; energy: mean radiance against the truth's.
"""

from __future__ import annotations

import argparse
import itertools
import json
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from scatter import normalised_scatter
from skimage.metrics import structural_similarity

from dofsim.bench.machine import describe_machine, describe_versions
from dofsim.bokeh import render
from dofsim.files import atomic_path

Array = npt.NDArray[np.float32]
RESULTS = Path(__file__).resolve().parent / "results"
REACHES = (0, 2, 3, 5, 8, 12, 16, 20, 24, 28, 32, 36, 40, 46, 52, 60, 80)
COLUMNS = ("psnr", "ssim", "edge", "hidden", "visible", "sharp", "energy", "seconds")


def encode(linear: Array) -> Array:
    """Display values of scene-linear light: clipped to 0..1, sRGB curve."""
    x = np.clip(linear, 0, 1)
    return np.where(x <= 0.0031308, 12.92 * x, 1.055 * x ** (1 / 2.4) - 0.055).astype(np.float32)


def psnr(a: Array, b: Array, where: npt.NDArray[np.bool_] | None = None) -> float:
    """Peak signal-to-noise ratio, dB, of pictures in 0..1; NaN where fewer than 50 pixels count."""
    error = np.mean((a - b) ** 2, axis=-1)
    if where is not None:
        if where.sum() < 50:
            return float("nan")
        error = error[where]
    return float(-10 * np.log10(max(float(error.mean()), 1e-10)))


def edge_band(coc: Array, jump: float = 1.0) -> npt.NDArray[np.bool_]:
    """Pixels within the larger radius + 1 px of two neighbours whose signed radius differs by more than ``jump`` px."""
    reach = np.zeros_like(coc)
    for axis in (0, 1):
        first = [slice(None), slice(None)]
        second = [slice(None), slice(None)]
        first[axis], second[axis] = slice(None, -1), slice(1, None)
        a, b = coc[tuple(first)], coc[tuple(second)]
        r = np.where(np.abs(a - b) > jump, np.maximum(np.abs(a), np.abs(b)) + 1, 0).astype(np.float32)
        reach[tuple(first)] = np.maximum(reach[tuple(first)], r)
        reach[tuple(second)] = np.maximum(reach[tuple(second)], r)
    band = np.zeros(coc.shape, bool)
    for low, high in itertools.pairwise(REACHES):
        edge = (reach > low) & (reach <= high)
        if edge.any():
            band |= cv2.distanceTransform((~edge).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE) <= high
    return band


def pictures(folder: Path) -> Iterator[tuple[str, str, str, Array, Array, dict[str, Array]]]:
    """(scene, class, lens tag, linear image, signed coc px, maps ``truth``, ``hidden``, ``outside``) of a folder."""
    for scene, setting in json.loads((folder / "lens.json").read_text()).items():
        with np.load(folder / f"{scene}.npz") as data:
            image, depth = data["image"].astype(np.float32), data["depth"]
            for lens in setting["lenses"]:
                tag = lens["tag"]
                factor = setting["focal_px"] * lens["aperture_radius_m"]
                coc = (factor * (1 / lens["focus_m"] - 1 / depth)).astype(np.float32)
                maps = {"truth": data[f"truth_{tag}"].astype(np.float32)}
                maps |= {name: data[f"{name}_{tag}"].astype(np.float32) / 255 for name in ("hidden", "outside")}
                yield scene, setting["cls"], tag, image, coc, maps


def score(image: Array, coc: Array, maps: dict[str, Array], draw: Callable[[Array, Array], Array]) -> dict[str, float]:
    """All columns for one picture."""
    started = time.perf_counter()
    out = draw(image, coc)
    seconds = time.perf_counter() - started
    a, b = encode(out), encode(maps["truth"])
    band = edge_band(coc)
    focused = (np.abs(coc) < 0.25) & ~band
    margin = int(np.ceil(np.abs(coc).max())) + 2
    inner = np.s_[margin:-margin, margin:-margin]
    change = np.abs(a - encode(image))[focused]
    return {
        "psnr": psnr(a, b),
        "ssim": float(
            structural_similarity(
                a, b, channel_axis=2, data_range=1.0, gaussian_weights=True, sigma=1.5, use_sample_covariance=False
            )
        ),
        "edge": psnr(a, b, band),
        "hidden": psnr(a, b, maps["hidden"] > 0.05),
        "visible": psnr(a, b, (maps["hidden"] < 0.005) & (maps["outside"] < 0.005)),
        "sharp": float(np.percentile(change, 99.9) * 255) if focused.sum() > 200 else float("nan"),
        "energy": float(out[inner].mean(dtype=np.float64) / maps["truth"][inner].mean(dtype=np.float64)),
        "seconds": seconds,
    }


def averages(rows: list[dict[str, Any]]) -> dict[str, dict[str, float]]:
    """Means over all pictures, per lens, and per class."""
    groups: dict[str, list[dict[str, Any]]] = {"all": rows}
    for key in ("lens", "class"):
        for value in dict.fromkeys(row[key] for row in rows):
            groups[f"{key} {value}"] = [row for row in rows if row[key] == value]

    def mean(group: list[dict[str, Any]], column: str) -> float:
        known = [row[column] for row in group if np.isfinite(row[column])]
        return float(np.mean(known)) if known else float("nan")

    return {name: {column: mean(group, column) for column in COLUMNS} for name, group in groups.items()}


def to_markdown(summary: dict[str, dict[str, float]]) -> str:
    """The averages as a Markdown table."""
    lines = ["| mean of | " + " | ".join(COLUMNS) + " |", "|---" * (len(COLUMNS) + 1) + "|"]
    for name, values in summary.items():
        cells = [f"{values[c]:.4f}" if c in ("ssim", "energy") else f"{values[c]:.2f}" for c in COLUMNS]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def main() -> int:
    """Score a folder and write the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--scenes", help="comma-separated names; default: all")
    parser.add_argument("--quality", choices=("fast", "best", "scatter"), default="fast", help="the renderer's mode")
    parser.add_argument("--output", type=Path, default=RESULTS, help="folder of truth.json and truth.md")
    arguments = parser.parse_args()
    wanted = arguments.scenes.split(",") if arguments.scenes else None
    rows = []

    def draw(rgb: Array, radius: Array) -> Array:
        if arguments.quality == "scatter":
            return normalised_scatter(rgb, radius)
        return render(rgb, radius, quality=arguments.quality, threads=1)

    for scene, kind, tag, image, coc, maps in pictures(arguments.folder):
        if wanted is None or scene in wanted:
            values = score(image, coc, maps, draw)
            rows.append({"scene": scene, "class": kind, "lens": tag, **values})
            print(f"{scene:20s} {tag:5s} " + " ".join(f"{column} {values[column]:.3f}" for column in COLUMNS))
    if not rows:
        parser.error(f"no scene of {arguments.folder} is among {arguments.scenes}")
    summary = averages(rows)
    print("\n" + to_markdown(summary))
    name = "truth" if arguments.quality == "fast" else f"truth_{arguments.quality}"
    arguments.output.mkdir(parents=True, exist_ok=True)
    record = {"machine": describe_machine(), "versions": describe_versions()}
    with atomic_path(arguments.output / f"{name}.json") as path:
        path.write_text(json.dumps({**record, "mean": summary, "pictures": rows}, indent=1) + "\n")
    with atomic_path(arguments.output / f"{name}.md") as path:
        path.write_text(to_markdown(summary))
    return 0


if __name__ == "__main__":
    sys.exit(main())
