"""A picture of every aperture's bokeh, and what each costs against the disc: ``python benchmarks/shapes.py``.

Writes ``docs/shapes.jpg`` (point lights, behind the focus on the right half of each panel and in front of it on the
left) and ``benchmarks/results/shapes.md`` (minima of process time, all apertures in turn on one scene, one thread).
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from dofsim.bench.machine import describe_machine
from dofsim.bench.scene import make_scene
from dofsim.bokeh import Aperture, render
from dofsim.files import atomic_path

ROOT = Path(__file__).resolve().parents[1]
SHAPES = {
    "disc": Aperture(),
    "6 blades": Aperture(blades=6, rotation=10),
    "5 blades, roundness 0.5": Aperture(blades=5, roundness=0.5),
    "squeeze 0.5": Aperture(squeeze=0.5),
    "donut 0.45": Aperture(obstruction=0.45),
    "bubble 1": Aperture(bubble=1.0),
    "bubble -1": Aperture(bubble=-1.0),
    "cat's eye 0.9": Aperture(cats_eye=0.9),
    "fringing 0.05": Aperture(fringing=0.05),
    "6 blades, fringing 0.05": Aperture(blades=6, rotation=10, fringing=0.05),
}


def panel(name: str, aperture: Aperture) -> npt.NDArray[np.uint8]:
    """Lights of random colours, 13 and 24 px out of focus, with the aperture's name."""
    random = np.random.default_rng(1)
    light = np.full((250, 520, 3), 0.02, np.float32)
    for y in range(38, 250, 62):
        for x in range(34, 520, 65):
            light[y : y + 2, x : x + 2] = random.uniform(0.3, 1, 3) * 60
    coc = np.full((250, 520), 13.0, np.float32)
    coc[125:] = 24.0
    coc[:, :260] *= -1
    seen = np.clip(render(light, coc, aperture, threads=1), 0, 1) ** (1 / 2.2) * 255
    return cv2.putText(seen.astype(np.uint8).copy(), name, (6, 14), cv2.FONT_HERSHEY_SIMPLEX, 0.45, (230,) * 3, 1)


def costs(pixels: int, repeats: int) -> str:
    """Markdown table of seconds at several radii."""
    scene, radii = make_scene(pixels), (8.0, 24.0, 64.0)
    best = {(name, radius): float("inf") for name in SHAPES for radius in radii}
    for radius in radii:
        coc = scene.coc(radius)
        for turn in range(repeats + 1):  # the first one compiles
            for name, aperture in SHAPES.items():
                started = time.process_time()
                render(scene.linear, coc, aperture, threads=1)
                if turn:
                    best[name, radius] = min(best[name, radius], time.process_time() - started)
    lines = ["| | " + " | ".join(f"R = {radius:g}" for radius in radii) + " |", "|---" * (len(radii) + 1) + "|"]
    for name in SHAPES:
        cells = (f"{best[name, r]:.2f} s, {best[name, r] / best['disc', r]:.2f}x" for r in radii)
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    machine = describe_machine()
    head = f"{pixels / 1e6:g} MP, R = largest radius, px; least of {repeats}, one thread. "
    head += f"{machine['processor']}, {machine['cores']} cores.\n\n"
    return head + "\n".join(lines) + "\n"


def main() -> int:
    """Draw and measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megapixels", type=float, default=12.0)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--picture", type=Path, default=ROOT / "docs" / "shapes.jpg")
    parser.add_argument("--output", type=Path, default=ROOT / "benchmarks" / "results" / "shapes.md")
    wish = parser.parse_args()
    panels = [panel(name, aperture) for name, aperture in SHAPES.items()]
    sheet = np.vstack([np.hstack(panels[i : i + 2]) for i in range(0, len(panels), 2)])
    with atomic_path(wish.picture) as place:
        place.write_bytes(cv2.imencode(".jpg", sheet[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 85])[1].tobytes())
    table = costs(round(wish.megapixels * 1e6), wish.repeats)
    print(table, end="")
    with atomic_path(wish.output) as place:
        place.write_text(table, encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
