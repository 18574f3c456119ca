"""Speed of the renderer against its baselines and against the peer that everybody has: OpenCV.

Run ``python benchmarks/blur.py`` with dofsim installed; it writes ``benchmarks/results/blur.json`` and ``blur.md``.
Only the ratios within one run mean something: all contenders take turns on the same picture.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from dofsim.bench.blur import Contender, Plan, measure, to_json, to_markdown
from dofsim.bench.scene import BenchScene
from dofsim.files import atomic_path

RESULTS = Path(__file__).resolve().parent / "results"
LAYERS = 32


def disc_kernel(radius_px: float) -> npt.NDArray[np.float32]:
    """Normalised disc with a one-pixel soft rim, float32 (2r + 1, 2r + 1), r = ceil(radius_px)."""
    reach = int(np.ceil(radius_px))
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    disc = np.clip(radius_px + 0.5 - np.hypot(x, y), 0.0, 1.0).astype(np.float32)
    return disc / disc.sum()


def opencv_layers(scene: BenchScene, max_radius_px: float) -> Callable[[], object]:
    """The usual recipe: cut the depth into layers, ``filter2D`` each with its disc, lay them over each other."""
    cv2.setNumThreads(1)
    linear, coc = scene.linear, scene.coc(max_radius_px)
    edges = np.linspace(coc.max(), coc.min(), LAYERS + 1, dtype=np.float32)

    def work() -> npt.NDArray[np.float32]:
        out = np.zeros_like(linear)
        index = np.clip(np.searchsorted(-edges, -coc, side="right") - 1, 0, LAYERS - 1)
        for layer in range(LAYERS):
            alpha = (index == layer).astype(np.float32)
            colour = linear * alpha[..., None]
            radius = abs(float(edges[layer] + edges[layer + 1]) / 2)
            if radius >= 0.5:
                kernel = disc_kernel(radius)
                alpha = cv2.filter2D(alpha, -1, kernel, borderType=cv2.BORDER_REFLECT)
                colour = cv2.filter2D(colour, -1, kernel, borderType=cv2.BORDER_REFLECT)
            out *= (1 - alpha)[..., None]
            out += colour
        return out

    return work


def main() -> int:
    """Measure and write the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megapixels", type=float, default=12.0)
    parser.add_argument("--radius", type=float, action="append", help="largest radius, px; repeatable [8 24 64]")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--budget", type=float, default=60.0, help="seconds per contender and radius")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder of the results")
    wish = parser.parse_args()

    plan = Plan(
        wish.megapixels,
        tuple(wish.radius or (8.0, 24.0, 64.0)),
        repeats=wish.repeats,
        budget_s=wish.budget,
        threads=wish.threads,
    )
    peers = [Contender(f"OpenCV, {LAYERS} layers of filter2D", opencv_layers)]
    result = measure(plan, extra=peers, on_step=lambda step: print(step, file=sys.stderr))
    wish.out.mkdir(parents=True, exist_ok=True)
    for name, text in (("blur.json", to_json(result)), ("blur.md", to_markdown(result) + "\n")):
        with atomic_path(wish.out / name) as temporary:
            temporary.write_text(text, encoding="utf-8")
    print(to_markdown(result))
    return 0


if __name__ == "__main__":
    sys.exit(main())
