"""How the picture suffers from bad depth: dofsim and plain scatter, both given the same damaged depth.

Run ``python benchmarks/degraded.py FOLDER``, with a folder as for ``benchmarks/truth.py``. The exact depth is damaged
as phones and networks do it, in shares of its range of inverse depth; the scores are those of ``truth.py`` (edge band
and visibility come from the exact depth). Writes ``benchmarks/results/degraded.json`` and ``degraded.md``.

The circle of confusion is affine in inverse depth, so it is damaged in its stead: the same shares of the same range.
"""

from __future__ import annotations

import argparse
import json
import sys
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from scatter import normalised_scatter
from truth import RESULTS, Array, encode, pictures, score

from dofsim.bench.machine import describe_machine, describe_versions
from dofsim.bokeh import render
from dofsim.depth import DepthKind, DepthMap
from dofsim.depth.refine import refine
from dofsim.files import atomic_path

RENDERERS: dict[str, Callable[[Array, Array], Array]] = {
    "dofsim": lambda rgb, coc: render(rgb, coc, threads=1),
    "scatter": normalised_scatter,
}
COLUMNS = ("psnr", "ssim", "edge", "visible")
EXACT = "exact depth"


def quarter(coc: Array) -> Array:
    """A quarter of the rows and columns (areas averaged), enlarged bilinearly."""
    return cv2.resize(_small(coc), coc.shape[::-1], interpolation=cv2.INTER_LINEAR)


def shifted(coc: Array, px: int = 2) -> Array:
    """Everything ``px`` to the right, so that edges are off on both of their sides; the left border repeats."""
    return np.pad(coc, ((0, 0), (px, 0)), mode="edge")[:, :-px]


def quantised(coc: Array, levels: int = 256) -> Array:
    """Rounded to ``levels`` steps of the range."""
    low, span = coc.min(), np.ptp(coc)
    steps = np.float32(levels - 1)
    return np.round((coc - low) * (steps / span)) * (span / steps) + low if span > 0 else coc


def noisy(coc: Array, share: float, rng: np.random.Generator) -> Array:
    """White Gaussian noise whose standard deviation is ``share`` of the range."""
    return coc + np.float32(share) * np.ptp(coc) * rng.standard_normal(coc.shape, dtype=np.float32)


def refined(coc: Array, image: Array) -> Array:
    """A quarter of the rows and columns, brought to the photo's size and edges as ``dofsim render`` does it."""
    photo = np.round(encode(image) * 255).astype(np.uint8)
    return -refine(DepthMap(-_small(coc), DepthKind.RELATIVE), photo).values


def _small(coc: Array) -> Array:
    height, width = coc.shape
    return cv2.resize(coc, (max(width // 4, 1), max(height // 4, 1)), interpolation=cv2.INTER_AREA)


DAMAGES: dict[str, Callable[[Array, Array, np.random.Generator], Array]] = {
    EXACT: lambda coc, _image, _rng: coc,
    "quarter resolution": lambda coc, _image, _rng: quarter(coc),
    "quarter resolution, refined": lambda coc, image, _rng: refined(coc, image),
    "noise 1 %": lambda coc, _image, rng: noisy(coc, 0.01, rng),
    "noise 3 %": lambda coc, _image, rng: noisy(coc, 0.03, rng),
    "edges off by 2 px": lambda coc, _image, _rng: shifted(coc),
    "8 bit": lambda coc, _image, _rng: quantised(coc),
    "all, noise 1 %": lambda coc, _image, rng: quarter(quantised(noisy(shifted(coc), 0.01, rng))),
}


def measure(
    folder: Path, scenes: Sequence[str] | None, lenses: Sequence[str] | None, damages: Sequence[str]
) -> list[dict[str, Any]]:
    """One row per picture, damage and renderer; a scene's noise is the same in every run and for both renderers."""
    rows = []
    for scene, kind, lens, image, coc, maps in pictures(folder):
        if (scenes is not None and scene not in scenes) or (lenses is not None and lens not in lenses):
            continue
        for damage in damages:
            bad = DAMAGES[damage](coc, image, np.random.default_rng(zlib.crc32(f"{scene} {damage}".encode())))
            for name, draw in RENDERERS.items():
                values = score(image, coc, maps, lambda rgb, _, bad=bad, draw=draw: draw(rgb, bad))  # type: ignore[misc]
                scores = {column: round(values[column], 4) for column in COLUMNS}
                rows.append({"scene": scene, "class": kind, "lens": lens, "depth": damage, "renderer": name, **scores})
                print(
                    f"{scene:18s} {lens:5s} {damage:28s} {name:8s} psnr {values['psnr']:.2f} edge {values['edge']:.2f}"
                )
    return rows


def mean(rows: Sequence[dict[str, Any]], column: str, **where: str) -> float:
    """Mean of a column over the rows that fit; NaN where nothing is known."""
    known = [row[column] for row in rows if all(row[key] == value for key, value in where.items())]
    known = [value for value in known if np.isfinite(value)]
    return float(np.mean(known)) if known else float("nan")


def below(rows: Sequence[dict[str, Any]], damage: str) -> list[str]:
    """Pictures on which scatter's PSNR is the higher one by more than 0.005 dB, as "scene lens (-difference)"."""
    psnr = {(row["scene"], row["lens"], row["renderer"]): row["psnr"] for row in rows if row["depth"] == damage}
    leads = {key[:2]: psnr[key] - psnr[(*key[:2], "scatter")] for key in psnr if key[2] == "dofsim"}
    return [f"{scene} {lens} ({lead:.2f})" for (scene, lens), lead in leads.items() if lead < -0.005]


def to_markdown(rows: Sequence[dict[str, Any]]) -> str:
    """Means per damage, dofsim's lead per class, and the pictures on which it has none."""
    damages = list(dict.fromkeys(row["depth"] for row in rows))
    classes = list(dict.fromkeys(row["class"] for row in rows))
    count = len({(row["scene"], row["lens"]) for row in rows})
    lines = [f"Mean of {count} pictures, dB (SSIM: none); in brackets what exact depth loses by the damage.", ""]
    lines.append("| depth | " + " | ".join(f"{name} {column}" for column in COLUMNS for name in RENDERERS) + " |")
    lines.append("|---" * (1 + len(COLUMNS) * len(RENDERERS)) + "|")
    for damage in damages:
        cells = []
        for column in COLUMNS:
            digits = 4 if column == "ssim" else 2
            for name in RENDERERS:
                value = mean(rows, column, depth=damage, renderer=name)
                fall = value - mean(rows, column, depth=EXACT, renderer=name)
                shown = f"{value:.{digits}f}"
                cells.append(shown if damage == EXACT or column not in ("psnr", "edge") else f"{shown} ({fall:+.2f})")
        lines.append(f"| {damage} | " + " | ".join(cells) + " |")
    lines += ["", "Lead of dofsim over scatter with the same depth, PSNR, dB, per class:", ""]
    lines += ["| depth | " + " | ".join(classes) + " |", "|---" * (1 + len(classes)) + "|"]
    for damage in damages:
        leads = [
            mean(rows, "psnr", depth=damage, renderer="dofsim", **{"class": kind})
            - mean(rows, "psnr", depth=damage, renderer="scatter", **{"class": kind})
            for kind in classes
        ]
        lines.append(f"| {damage} | " + " | ".join(f"{lead:+.2f}" for lead in leads) + " |")
    lines += ["", "Pictures on which scatter scores higher (dofsim's PSNR less scatter's):", ""]
    for damage in damages:
        lines.append(f"- {damage}: {', '.join(below(rows, damage)) or 'none'}")
    return "\n".join(lines) + "\n"


def main() -> int:
    """Score a folder and write the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--scenes", help="comma-separated names; default: all")
    parser.add_argument("--lens", help="comma-separated tags; default: all")
    parser.add_argument("--depth", action="append", choices=list(DAMAGES), help="a damage; repeatable; default: all")
    parser.add_argument("--output", type=Path, default=RESULTS, help="folder of degraded.json and degraded.md")
    arguments = parser.parse_args()
    damages = list(dict.fromkeys([EXACT, *(arguments.depth or DAMAGES)]))
    scenes, lenses = (text.split(",") if text else None for text in (arguments.scenes, arguments.lens))
    rows = measure(arguments.folder, scenes, lenses, damages)
    if not rows:
        parser.error(f"no picture of {arguments.folder} fits --scenes {arguments.scenes} --lens {arguments.lens}")
    table = to_markdown(rows)
    print("\n" + table, end="")
    arguments.output.mkdir(parents=True, exist_ok=True)
    head = json.dumps({"machine": describe_machine(), "versions": describe_versions()}, indent=1)
    # A row per line: a tenth of the lines, and differences can be read.
    record = head[:-2] + ',\n "pictures": [\n' + ",\n".join(json.dumps(row) for row in rows) + "\n]}\n"
    with atomic_path(arguments.output / "degraded.json", overwrite=True) as place:
        place.write_text(record)
    with atomic_path(arguments.output / "degraded.md", overwrite=True) as place:
        place.write_text(table)
    return 0


if __name__ == "__main__":
    sys.exit(main())
