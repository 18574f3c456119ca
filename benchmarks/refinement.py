"""How much of what a small, soft depth map lost the refinement gives back: ``python benchmarks/refinement.py DATA``.

DATA holds ``truth/dev`` (ray-traced scenes, see ``benchmarks/truth.py``) and ``mattes``. Writes
``benchmarks/results/refinement.json`` and ``refinement.md``.

Halos: the exact depth of each scene is reduced to a quarter and blurred (Gaussian, 1 px of the small map). The
renderer then draws the scene's three lenses with the exact, the degraded (enlarged bilinearly) and the refined depth.
The columns are PSNR against the ray-traced picture in the band around jumps of the exact circle of confusion;
``recovered`` is the share of the loss in dB that refinement makes good. ``drawn``: the refined depth as photos are
drawn with it, its soft edges split where they run through the focus. ``depth`` is the mean error of the inverse depth
within 8 px of its jumps, as a share of that of the degraded map.

Enlarged: the exact depth reduced and blurred as ``ENLARGED`` says, brought back to the photo's size bilinearly and
rounded to 8 bit, as depth networks' maps come from other programs. The same PSNR, with it as it is and refined.

Mattes: a depth map of two levels, the subject where alpha is at least one half, is reduced to a longest side of
``SMALL`` px. ``error`` is the mean |share of the subject's level - alpha| over the pixels within 3 % of the diagonal
of the outline or with an alpha in between, and ``wrong`` the share of those pixels with a clear alpha (< 0.1 or > 0.9)
that end on the wrong side.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parent))

from truth import edge_band, encode, pictures, psnr

from dofsim.bench.machine import describe_machine, describe_versions
from dofsim.bokeh import render
from dofsim.depth import DepthKind, DepthMap
from dofsim.depth.refine import refine
from dofsim.files import atomic_path
from dofsim.soft_edges import clear_rims

Array = npt.NDArray[np.float32]
Refine = Callable[[Array, npt.NDArray[np.uint8]], Array]
RESULTS = Path(__file__).resolve().parent / "results"
#: Reduction and blur, px of the small map, of the maps that are enlarged again.
ENLARGED = ((1, 0.0), (2, 0.0), (4, 0.0), (4, 0.7), (8, 0.0), (8, 0.7))
#: Longest side of the small depth maps of the mattes, px.
SMALL = (192, 96)


def ours(low: Array, guide: npt.NDArray[np.uint8]) -> Array:
    """The package's refinement."""
    return refine(DepthMap(low, DepthKind.RELATIVE), guide).values


def enlarge(low: Array, guide: npt.NDArray[np.uint8]) -> Array:
    """Bilinear enlargement, the baseline."""
    return np.asarray(cv2.resize(low, guide.shape[1::-1], interpolation=cv2.INTER_LINEAR), np.float32)


def degrade(inverse: Array) -> Array:
    """A quarter of the size, blurred by a pixel of it."""
    size = (inverse.shape[1] // 4, inverse.shape[0] // 4)
    return np.asarray(
        cv2.GaussianBlur(cv2.resize(inverse, size, interpolation=cv2.INTER_AREA), (0, 0), 1.0), np.float32
    )


def scenes_with_edges(folder: Path, scenes: set[str] | None) -> Iterator[tuple[Any, ...]]:
    """The labels, picture, guide, circle of confusion, encoded truth and edge band of all pictures that have edges."""
    for scene, kind, tag, image, coc, maps in pictures(folder):
        band = edge_band(coc)
        if band.sum() >= 50 and (scenes is None or scene in scenes):
            guide = (encode(image) * 255 + 0.5).astype(np.uint8)
            yield {"scene": scene, "class": kind, "lens": tag}, image, guide, coc, encode(maps["truth"]), band


def measure_halos(folder: Path, method: Refine, scenes: set[str] | None = None) -> list[dict[str, Any]]:
    """One row per scene and lens."""
    rows = []
    for labels, image, guide, coc, truth, band in scenes_with_edges(folder, scenes):
        # the signed circle of confusion falls linearly with the inverse depth
        low = degrade(-coc)
        box = np.ones((3, 3), np.uint8)
        jumps = cv2.dilate(coc, box) - cv2.erode(coc, box) > 0.06 * np.ptp(np.percentile(coc, (1, 99)))
        beside = cv2.dilate(jumps.astype(np.uint8), np.ones((17, 17), np.uint8)) > 0
        row: dict[str, Any] = dict(labels)
        error = {}
        refined = -method(low, guide)
        drawn = refined.copy()
        clear_rims(drawn, math.hypot(*drawn.shape))
        radii = {"exact": coc, "degraded": -enlarge(low, guide), "refined": refined, "drawn": drawn}
        for name, radius in radii.items():
            row[name] = psnr(encode(render(image, radius, threads=1)), truth, band)
            error[name] = float(np.abs(radius - coc)[beside].mean()) if beside.any() else float("nan")
        row["depth"] = error["refined"] / error["degraded"]
        rows.append(row)
    return rows


def measure_enlarged(folder: Path, scenes: set[str] | None = None) -> list[dict[str, Any]]:
    """One row per scene, lens and way of having lost the edges; reduced by 1 they are exact."""
    rows = []
    for labels, image, guide, coc, truth, band in scenes_with_edges(folder, scenes):
        low, span = float(-coc.max()), float(np.ptp(coc))
        unit = (-coc - np.float32(low)) / np.float32(span)
        for factor, blur in ENLARGED:
            soft = unit
            if factor > 1:
                size = (unit.shape[1] // factor, unit.shape[0] // factor)
                small = np.asarray(cv2.resize(unit, size, interpolation=cv2.INTER_AREA), np.float32)
                small = small if blur == 0 else np.asarray(cv2.GaussianBlur(small, (0, 0), blur), np.float32)
                soft = np.round(enlarge(small, guide) * 255) / np.float32(255)
            row: dict[str, Any] = {**labels, "factor": factor, "blur": blur}
            depth = DepthMap(soft, DepthKind.RELATIVE, "file")
            for name, given in (("given", depth), ("refined", refine(depth, guide))):
                radius = -(given.values * np.float32(span) + np.float32(low))
                if given.refined:
                    clear_rims(radius, math.hypot(*radius.shape))
                row[name] = psnr(encode(render(image, radius, threads=1)), truth, band)
            rows.append(row)
    return rows


def measure_mattes(folder: Path, method: Refine) -> list[dict[str, Any]]:
    """One row per matte and size of the small map."""
    rows = []
    for path in sorted(folder.glob("*.alpha.png")):
        name = path.name.removesuffix(".alpha.png")
        alpha = np.asarray(Image.open(path).convert("L"), np.float32) / 255
        guide = np.asarray(Image.open(path.with_name(f"{name}.jpg")).convert("RGB"))
        solid = (alpha >= 0.5).astype(np.float32)
        reach = 2 * round(0.03 * float(np.hypot(*alpha.shape))) + 1
        box = np.ones((reach, reach), np.uint8)
        band = (cv2.dilate(solid, box) != cv2.erode(solid, box)) | ((alpha > 0.02) & (alpha < 0.98))
        clear = band & ((alpha < 0.1) | (alpha > 0.9))
        for longest in SMALL:
            scale = longest / max(alpha.shape)
            size = (max(1, round(alpha.shape[1] * scale)), max(1, round(alpha.shape[0] * scale)))
            low = np.asarray(cv2.resize(solid, size, interpolation=cv2.INTER_AREA), np.float32)
            row: dict[str, Any] = {"matte": name, "small": longest}
            for label, share in (("enlarged", enlarge(low, guide)), ("refined", method(low, guide))):
                row[f"{label}_error"] = float(np.abs(share - alpha)[band].mean())
                row[f"{label}_wrong"] = float(((share > 0.5) != (alpha > 0.5))[clear].mean())
            rows.append(row)
    return rows


def time_refinement(method: Refine, megapixels: float = 12.0, repeats: int = 5) -> float:
    """Median seconds of one core for a photo with the outlines of blobs, from a map of 384 x 288 px.

    It is the processor's time, because others may share the machine.
    """
    cv2.setNumThreads(1)
    rng = np.random.default_rng(1)
    width = round((megapixels * 1e6 * 4 / 3) ** 0.5)
    size = (width, round(width * 3 / 4))
    small = (384, 288)
    blobs = cv2.GaussianBlur(rng.random((288, 384), np.float32), (0, 0), 14)
    levels = np.digitize(blobs, np.quantile(blobs, (0.3, 0.6, 0.85))).astype(np.float32)
    sharp = cv2.resize(levels, size, interpolation=cv2.INTER_CUBIC)
    colour = np.stack([sharp * 50 + 40, 200 - sharp * 40, 90 + 20 * sharp], axis=-1)
    guide = np.clip(colour + rng.normal(0, 4, (*colour.shape[:2], 1)), 0, 255).astype(np.uint8)
    low = cv2.GaussianBlur(levels, (0, 0), 1.0) + np.linspace(0, 1, small[1], dtype=np.float32)[:, None]
    method(low, guide)
    times = []
    for _ in range(repeats):
        began = time.process_time()
        method(low, guide)
        times.append(time.process_time() - began)
    return float(np.median(times))


def recovered(rows: list[dict[str, Any]]) -> float:
    """Share of the mean loss in dB that refinement makes good."""
    exact, degraded, refined = (np.mean([row[name] for row in rows]) for name in ("exact", "degraded", "refined"))
    return float((refined - degraded) / (exact - degraded))


def to_markdown(
    halos: list[dict[str, Any]],
    enlarged: list[dict[str, Any]],
    mattes: list[dict[str, Any]],
    megapixels: float,
    seconds: float,
) -> str:
    """The three tables."""
    lines = ["| halos | exact | degraded | refined | drawn | recovered | depth |", "|---|---|---|---|---|---|---|"]
    groups = {"all": halos} | {
        kind: [row for row in halos if row["class"] == kind] for kind in dict.fromkeys(row["class"] for row in halos)
    }
    for name, rows in groups.items():
        cells = [
            f"{np.mean([row[column] for row in rows]):.2f}" for column in ("exact", "degraded", "refined", "drawn")
        ]
        lines.append(
            f"| {name} | " + " | ".join(cells) + f" | {recovered(rows):.0%} | "
            f"{np.nanmean([row['depth'] for row in rows]):.2f} |"
        )
    lines += ["", "| reduced by, blurred by, enlarged again | given | refined |", "|---|---|---|"]
    for factor, blur in dict.fromkeys((row["factor"], row["blur"]) for row in enlarged):
        rows = [row for row in enlarged if (row["factor"], row["blur"]) == (factor, blur)]
        cells = [f"{np.mean([row[name] for row in rows]):.2f}" for name in ("given", "refined")]
        lines.append(f"| {factor}, {blur:g} px | " + " | ".join(cells) + " |")
    lines += ["", "| mattes | error, enlarged | refined | wrong, enlarged | refined |", "|---|---|---|---|---|"]
    for longest in dict.fromkeys(row["small"] for row in mattes):
        rows = [row for row in mattes if row["small"] == longest]
        cells = [
            f"{np.mean([row[f'{label}_{what}'] for row in rows]):.4f}"
            for what in ("error", "wrong")
            for label in ("enlarged", "refined")
        ]
        lines.append(f"| {longest} px, {len(rows)} mattes | " + " | ".join(cells) + " |")
    lines += ["", f"{megapixels:g} MP on one core: {seconds:.2f} s."]
    return "\n".join(lines) + "\n"


def main() -> int:
    """Measure and write the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--scenes", help="comma-separated names of truth scenes; default: all")
    parser.add_argument("--megapixels", type=float, default=12.0, help="size of the picture that is timed")
    parser.add_argument("--output", type=Path, default=RESULTS, help="folder of refinement.json and refinement.md")
    arguments = parser.parse_args()
    scenes = set(arguments.scenes.split(",")) if arguments.scenes else None
    halos = measure_halos(arguments.data / "truth" / "dev", ours, scenes)
    enlarged = measure_enlarged(arguments.data / "truth" / "dev", scenes)
    mattes = measure_mattes(arguments.data / "mattes", ours)
    seconds = time_refinement(ours, arguments.megapixels)
    text = to_markdown(halos, enlarged, mattes, arguments.megapixels, seconds)
    print(text)
    arguments.output.mkdir(parents=True, exist_ok=True)
    record = {"machine": describe_machine(), "versions": describe_versions(), "recovered": recovered(halos)}
    with atomic_path(arguments.output / "refinement.json") as path:
        rows = {"halos": halos, "enlarged": enlarged, "mattes": mattes}
        path.write_text(json.dumps({**record, "seconds": seconds, **rows}, indent=1) + "\n")
    with atomic_path(arguments.output / "refinement.md") as path:
        path.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
