"""Measure how much estimated depth flickers in a clip, with and without stabilising, and what that costs in truth.

    python benchmarks/flicker.py --json results/flicker.json

The clips are made here: a camera moves sideways and turns a little in ray-cast scenes (``datasets/raycast.py``), whose
exact depth is known in every frame; each frame has noise of its own. Per clip one scale and one shift fit a variant's
depth to the truth, for all frames together. Then, in per cent of the truth's range (5th to 95th percentile):

flicker
    mean change of the error of a point of the scene from one frame to the next, where it is seen in both: what a viewer
    sees that the scene did not do;
pumping
    how much the scale and the shift that would fit each frame alone move: their effect on the picture's range, RMS;
error
    mean error itself: stabilising must not buy calm with lag.
"""

from __future__ import annotations

import argparse
import json
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from dofsim.datasets import scenes
from dofsim.datasets.furnish import Builder
from dofsim.datasets.raycast import Camera, World, render
from dofsim.datasets.raycast import to_photo as expose
from dofsim.datasets.textures import make_bank, skimage_photos
from dofsim.depth.estimate import estimate
from dofsim.film.steady import Stabiliser

KINDS = ("room", "portrait", "table", "park", "desk")
VARIANTS = {"as estimated": None, "scale and shift alone": 0.0, "stabilised": 0.8}
NOISE = 3.0
"""Of the frames, standard deviation in codes of 8 bits."""

Floats = npt.NDArray[np.float32]


def make_clip(
    kind: str, seed: int, frames: int, size: tuple[int, int]
) -> tuple[list[npt.NDArray[np.uint8]], list[Floats], list[Camera]]:
    """Frames, their exact inverse depth (1/m), and where the camera was."""
    rng = np.random.default_rng((seed, KINDS.index(kind)))
    bank = make_bank(rng, photos=skimage_photos(), subjects=[])
    builder = Builder(World(), bank, rng)
    camera, indoor = scenes._BUILD[kind](builder)  # noqa: SLF001 - a scene, but with a camera of our own
    light = scenes.random_light(rng, indoor=indoor)
    pictures, truths, cameras = [], [], []
    for index in range(frames):
        share = index / (frames - 1) - 0.5
        x, y, z = camera.position
        moved = Camera((x + 0.3 * share, y, z), camera.pitch, camera.yaw - 0.06 * share, 0.0, 1.0)
        colour, inverse = render(builder.world, moved, light, bank, size, seed=seed)
        noisy = expose(colour).astype(np.float64) + rng.normal(0.0, NOISE, colour.shape)
        pictures.append(np.clip(noisy + 0.5, 0, 255).astype(np.uint8))
        truths.append(inverse)
        cameras.append(moved)
    return pictures, truths, cameras


def seen_before(now: Floats, before: Floats, camera: Camera, earlier: Camera) -> tuple[Floats, npt.NDArray[np.bool_]]:
    """Where each pixel's point was in the frame before, (x, y) in px, and whether it was seen there."""
    height, width = now.shape
    focal = width / 2 / np.tan(camera.fov / 2)
    x, y = np.meshgrid(np.arange(width) + 0.5 - width / 2, height / 2 - 0.5 - np.arange(height))
    depth = 1 / np.maximum(now, 1e-4)
    points = np.stack((x / focal, y / focal, np.ones_like(x)), axis=2) * depth[..., None]
    there = (points @ camera.axes() + np.array(camera.position) - np.array(earlier.position)) @ earlier.axes().T
    column = there[..., 0] / there[..., 2] * focal + width / 2 - 0.5
    row = height / 2 - 0.5 - there[..., 1] / there[..., 2] * focal
    places = np.stack((column, row), axis=2).astype(np.float32)
    was = cv2.remap(before, places, None, cv2.INTER_LINEAR, borderValue=-1.0)
    same = np.abs(was - 1 / there[..., 2]) < 0.03 * np.maximum(now, 0.05)
    return places, same


def figures(maps: list[Floats], truths: list[Floats], cameras: list[Camera]) -> dict[str, float]:
    """Flicker, pumping and error of a variant, per cent of the truth's range."""
    depth, truth = np.stack(maps).astype(np.float64), np.stack(truths).astype(np.float64)
    span = float(np.subtract(*np.percentile(truth, (95, 5))))
    errors = np.polyval(np.polyfit(depth.ravel(), truth.ravel(), 1), depth) - truth
    lines = np.array([np.polyfit(a.ravel(), b.ravel(), 1) for a, b in zip(depth, truth, strict=True)])
    ends = np.percentile(depth, (5, 95))
    fitted = lines[:, :1] * ends + lines[:, 1:]
    # A slow change of the best fit is the scene's own; what is left after a line through it is pumping.
    time = np.arange(len(maps))
    trend = np.stack([np.polyval(np.polyfit(time, column, 1), time) for column in fitted.T], axis=1)
    changes = []
    for earlier, later in pairwise(range(len(maps))):
        places, same = seen_before(truths[later], truths[earlier], cameras[later], cameras[earlier])
        was = cv2.remap(errors[earlier].astype(np.float32), places, None, cv2.INTER_LINEAR)
        changes.append(float(np.abs(errors[later] - was)[same].mean()))
    return {
        "flicker": 100 * float(np.mean(changes)) / span,
        "pumping": 100 * float(np.sqrt(np.mean(np.square(fitted - trend)))) / span,
        "error": 100 * float(np.abs(errors).mean()) / span,
    }


def measure(seeds: int, frames: int, size: tuple[int, int]) -> dict[str, Any]:
    """All clips, all variants: mean figures, and those of each clip."""
    clips = []
    for seed in range(seeds):
        for kind in KINDS:
            pictures, truths, cameras = make_clip(kind, seed, frames, size)
            depths = [estimate(picture).inverse() for picture in pictures]
            grid = depths[0].shape[::-1]
            truths = [cv2.resize(truth, grid, interpolation=cv2.INTER_AREA) for truth in truths]
            found: dict[str, Any] = {"clip": f"{kind} {seed}"}
            for name, strength in VARIANTS.items():
                maps = [depth.values for depth in depths]
                if strength is not None:
                    stabiliser = Stabiliser(strength)
                    steps = [stabiliser.step(*pair) for pair in zip(pictures, depths, strict=True)]
                    maps = [step.depth.values for step in steps]
                    found["cuts"] = sum(step.cut for step in steps) - 1
                found[name] = figures(maps, truths, cameras)
            clips.append(found)
            sys.stderr.write(f"{found['clip']}\n")
    names = ("flicker", "pumping", "error")
    mean = {
        variant: {name: round(float(np.mean([clip[variant][name] for clip in clips])), 3) for name in names}
        for variant in VARIANTS
    }
    return {"frames": frames, "size": size, "mean": mean, "clips": clips}


def main() -> None:
    """Parse, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=2, help="of each kind of scene")
    parser.add_argument("--frames", type=int, default=24)
    parser.add_argument("--height", type=int, default=192)
    parser.add_argument("--width", type=int, default=256)
    parser.add_argument("--json", type=Path, help="also write the figures there")
    arguments = parser.parse_args()
    result = measure(arguments.seeds, arguments.frames, (arguments.height, arguments.width))
    lines = ["| depth | flicker | pumping | error |", "|---|---|---|---|"]
    for variant, row in result["mean"].items():
        lines.append(f"| {variant} | {row['flicker']:.2f} % | {row['pumping']:.2f} % | {row['error']:.2f} % |")
    if arguments.json:
        arguments.json.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
