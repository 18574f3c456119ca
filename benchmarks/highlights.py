"""How much of the light of clipped lamps comes back: renders of clipped scenes against ray-traced truth.

Run ``python benchmarks/highlights.py FOLDER [FOLDER ...]``, with folders as for ``benchmarks/truth.py``. Every scene is
clipped at 1.0, as a sensor does, and rendered as it is, with highlights recovered, and, for comparison, unclipped. PSNR
is that of the display at -2 EV, which shows light up to 4, and at 0 EV. Writes ``benchmarks/results/highlights.md``.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from truth import RESULTS, encode, pictures, psnr

from dofsim.bokeh import render
from dofsim.files import atomic_path
from dofsim.highlights import recover_highlights

COLUMNS = ("clipped", "recovered", "unclipped")


def main() -> int:
    """Score all scenes that hold light above 1."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", type=Path, nargs="+")
    parser.add_argument("--output", type=Path, default=RESULTS, help="folder of highlights.md")
    arguments = parser.parse_args()
    scores: dict[str, list[list[float]]] = {}
    for folder in arguments.folders:
        for scene, _, _, image, coc, maps in pictures(folder):
            if image.max() <= 1:
                continue
            photo = np.minimum(image, 1)
            scenes = photo, recover_highlights(photo), image
            seen = [render(rgb, coc, threads=1) for rgb in scenes]
            scores.setdefault(scene, []).append([
                psnr(encode(one * 2.0**stop), encode(maps["truth"] * 2.0**stop)) for stop in (-2, 0) for one in seen
            ])  # fmt: skip
    titles = [f"{column}, {stop} EV" for stop in (-2, 0) for column in COLUMNS]
    lines = ["| mean of 3 lenses | " + " | ".join(titles) + " |", "|---" * 7 + "|"]
    for scene, rows in scores.items():
        lines.append(f"| {scene} | " + " | ".join(f"{value:.2f}" for value in np.mean(rows, axis=0)) + " |")
    table = "\n".join(lines) + "\n"
    print(table, end="")
    with atomic_path(arguments.output / "highlights.md", overwrite=True) as place:
        place.write_text(table)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
