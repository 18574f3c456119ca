"""Where the depth estimator goes wrong, as a picture: ``python benchmarks/depth_failures.py DATA``.

DATA holds ``truth/dev`` (ray-traced scenes, see ``benchmarks/truth.py``). Each row shows a scene, its exact inverse
depth, the estimate after least-squares alignment, and the estimate refined to the photo's edges, near is bright; below
them the aligned error and the share of pixel pairs in order. The first row is drawn, not rendered: it has no depth.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from dofsim.datasets.truth import read_truth
from dofsim.depth import DepthKind, DepthMap
from dofsim.depth.estimate import estimate
from dofsim.depth.refine import refine
from dofsim.metrics.depth import aligned_error, fit_scale_shift, pair_order

Picture = npt.NDArray[np.uint8]
Depth = npt.NDArray[np.float32]
PLACE = Path(__file__).resolve().parents[1] / "docs" / "depth-failures.jpg"
#: Ray-traced scenes, and what is hard about each.
SCENES = {
    "portrait_park": "loose hair",
    "grass_ball": "blades of grass",
    "thin_signpost": "poles and wires before a wall of pictures",
    "flat_photo": "a wall of patterns and a photograph: all of it is equally far",
    "bokeh_street": "night, lamps, a ball right before the lens",
    "layers_cards": "cards in the air",
}
_HEIGHT = 180


def drawing() -> Picture:
    """A line drawing of a house and a tree on a meadow."""
    paper = np.full((480, 640, 3), 245, np.uint8)

    def line(points: list[tuple[int, int]]) -> None:
        cv2.polylines(paper, [np.array(points, np.int32)], isClosed=False, color=(40, 40, 40), thickness=3)

    line([(0, 330), (640, 330)])
    line([(180, 330), (180, 210), (360, 210), (360, 330)])
    line([(160, 215), (270, 130), (380, 215)])
    line([(240, 330), (240, 260), (290, 260), (290, 330)])
    line([(500, 360), (500, 240)])
    cv2.circle(paper, (500, 190), 60, (40, 40, 40), 3)
    line([(120, 480), (250, 335)])
    line([(420, 480), (285, 335)])
    return paper


def coloured(depth: Depth, low: float, high: float) -> Picture:
    """Depth as colours, near is bright."""
    level = np.clip((depth - low) / max(high - low, 1e-12), 0, 1)
    return np.asarray(cv2.applyColorMap((level * 255).astype(np.uint8), cv2.COLORMAP_INFERNO), np.uint8)[..., ::-1]


def row(photo: Picture, truth: Depth | None, text: str, model: str | None) -> Picture:
    """One row of the picture."""
    depth = estimate(photo, model=model, threads=1).inverse()
    size = photo.shape[1::-1]
    rough = np.asarray(cv2.resize(depth.values, size, interpolation=cv2.INTER_LINEAR), np.float32)
    fine = refine(DepthMap(depth.values, DepthKind.RELATIVE), photo).values
    cells = [photo]
    scale, shift = 1.0, 0.0
    low, high = (float(v) for v in np.percentile(rough, (1, 99)))
    if truth is not None:
        low, high = (float(v) for v in np.percentile(truth, (1, 99)))
        # Where all is equally far, rounding must not be stretched to the whole range.
        cells.append(coloured(truth, min(low, 0.8 * high), high))
        if high > 1.05 * low:
            scale, shift = fit_scale_shift(rough, truth)
            scale = max(scale, 0.0)
            text += f": error {aligned_error(rough, truth):.2f}, {pair_order(rough, truth):.0%} in order"
        else:
            span = float(np.ptp(np.percentile(rough, (1, 99))))
            scale, shift = 1 / max(span, 1e-9), -float(np.percentile(rough, 1)) / max(span, 1e-9)
            low, high = 0.0, 1.0
    else:
        cells.append(np.full_like(photo, 255))
    cells += [coloured(np.float32(scale) * d + np.float32(shift), low, high) for d in (rough, fine)]
    small = [
        cv2.resize(c, (round(c.shape[1] * _HEIGHT / c.shape[0]), _HEIGHT), interpolation=cv2.INTER_AREA) for c in cells
    ]
    strip = np.asarray(np.hstack(small), np.uint8)
    label = np.full((24, strip.shape[1], 3), 255, np.uint8)
    cv2.putText(label, text, (4, 17), cv2.FONT_HERSHEY_SIMPLEX, 0.45, (30, 30, 30), 1, cv2.LINE_AA)
    return np.vstack([strip, label])


def main() -> int:
    """Draw the picture."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--model", help="name or .onnx file; the shipped estimator when omitted")
    parser.add_argument("--output", type=Path, default=PLACE)
    given = parser.parse_args()
    rows = [row(drawing(), None, "a drawing", given.model)]
    for name, what in SCENES.items():
        photo, inverse = read_truth(given.data / "truth" / "dev" / f"{name}.npz")
        rows.append(row(photo, inverse, what, given.model))
    given.output.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(given.output), np.vstack(rows)[..., ::-1], (cv2.IMWRITE_JPEG_QUALITY, 82))
    print(given.output)
    return 0


if __name__ == "__main__":
    sys.exit(main())
