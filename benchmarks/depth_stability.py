"""How steady and how sane the depth estimator is: ``python benchmarks/depth_stability.py --data DATA [--no-flip]``.

Writes ``benchmarks/results/depth_stability.json`` and ``.md``. Two kinds of figures:

Stability: each held-out photo is mirrored, turned by 3 and 6 degrees (cropped alike), given one stop more or less,
and shrunk to three quarters. The change is the mean |a q + b - p| after least-squares alignment of the changed photo's
depth q, brought back, to the plain photo's p, as a share of p's range (1st to 99th percentile), in per cent.

Geometry, on generated scenes that no training used: ``plane`` is a bare floor, lawn or table top, whose inverse depth
is exactly linear in the picture. The figure is the mean deviation of the estimate from the plane that fits it best, as
a share of its range; ``jumps`` is the share of pixels beside a jump of more than 5 % of the range. ``sky`` is the share
of sky pixels that are estimated farther than the farthest tenth of the ground and things below the horizon.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from dofsim.datasets.furnish import Builder
from dofsim.datasets.raycast import GROUND, Camera, Light, World, render, to_photo
from dofsim.datasets.rgbd import index_folder, read_pair
from dofsim.datasets.scenes import random_scene
from dofsim.datasets.split import split_scenes
from dofsim.datasets.textures import TextureBank, make_bank
from dofsim.depth.estimate import estimate
from dofsim.depth.registry import find_model
from dofsim.files import atomic_path
from dofsim.metrics.depth import fit_scale_shift

Photo = npt.NDArray[np.uint8]
Depth = npt.NDArray[np.float32]
Predict = Callable[[Photo], Depth]
RESULTS = Path(__file__).resolve().parent / "results"


def network(model: str | None, flip: bool | None) -> Predict:
    """The estimator at the photo's size."""

    def predict(photo: Photo) -> Depth:
        depth = estimate(np.ascontiguousarray(photo), model=model, threads=1, flip=flip).inverse().values
        return np.asarray(cv2.resize(depth, photo.shape[1::-1], interpolation=cv2.INTER_LINEAR), np.float32)

    return predict


def spread(depth: Depth) -> float:
    """Range between the 1st and the 99th percentile."""
    low, high = np.percentile(depth, (1, 99))
    return float(high - low)


def change(plain: Depth, other: Depth, where: npt.NDArray[np.bool_] | None = None) -> float:
    """Mean difference after alignment, per cent of the plain depth's range."""
    inside = np.ones(plain.shape, bool) if where is None else where
    scale, shift = fit_scale_shift(other, plain, inside)
    if scale < 0:  # upside down is not the same depth
        scale, shift = 0.0, float(plain[inside].mean())
    return 100 * float(np.abs(scale * other + shift - plain)[inside].mean()) / max(spread(plain[inside]), 1e-12)


def turned(photo: Photo, degrees: float) -> tuple[Photo, npt.NDArray[np.float64]]:
    """The photo turned about its centre, and the matrix that did it."""
    height, width = photo.shape[:2]
    matrix = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), degrees, 1.0)
    result = cv2.warpAffine(photo, matrix, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
    return np.asarray(result, np.uint8), np.asarray(matrix, np.float64)


def exposed(photo: Photo, stops: float) -> Photo:
    """The photo with so many stops more light, clipped at white."""
    linear = (photo.astype(np.float32) / 255) ** np.float32(2.2) * np.float32(2**stops)
    return (np.clip(linear, 0, 1) ** np.float32(1 / 2.2) * 255 + 0.5).astype(np.uint8)


def stability(predict: Predict, photo: Photo) -> dict[str, float]:
    """Change of the depth under each change of the photo, per cent."""
    plain = predict(photo)
    height, width = plain.shape
    figures = {"mirror": change(plain, predict(photo[:, ::-1])[:, ::-1])}
    for degrees in (3, 6):
        other, matrix = turned(photo, degrees)
        back = cv2.warpAffine(
            predict(other), matrix, (width, height), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, borderValue=0
        )
        seen = cv2.warpAffine(
            np.ones((height, width), np.uint8), matrix, (width, height), flags=cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP
        )
        figures[f"turn {degrees}"] = change(plain, np.asarray(back, np.float32), seen > 0)
    for stops in (-1, 1):
        figures[f"{stops:+d} EV"] = change(plain, predict(exposed(photo, stops)))
    small = cv2.resize(photo, (width * 3 // 4, height * 3 // 4), interpolation=cv2.INTER_AREA)
    grown = cv2.resize(predict(np.asarray(small, np.uint8)), (width, height), interpolation=cv2.INTER_LINEAR)
    figures["size 3/4"] = change(plain, np.asarray(grown, np.float32))
    return figures


def bare_plane(bank: TextureBank, seed: int, size: tuple[int, int] = (288, 384)) -> Photo:
    """A textured plane without anything on it, seen so steeply that no horizon shows."""
    rng = np.random.default_rng((91, seed))
    builder = Builder(World(), bank, rng)
    builder.part(GROUND, (0, 0, 0), (1, 1, 1), builder.look(1.5, 0.3))
    camera = Camera((0, rng.uniform(0.4, 1.7), 0), -rng.uniform(0.6, 1.1), 0.0, float(rng.normal(0, 0.05)), 1.0)
    colour, _inverse = render(builder.world, camera, Light(), bank, size, seed=seed)
    return to_photo(colour, rng)


def plane_figures(depth: Depth) -> tuple[float, float]:
    """Mean deviation from the best plane, and the share of pixels beside a jump, both per cent."""
    y, x = np.mgrid[: depth.shape[0], : depth.shape[1]].astype(np.float64)
    basis = np.stack([x.ravel(), y.ravel(), np.ones(depth.size)], axis=1)
    fit = basis @ np.linalg.lstsq(basis, depth.ravel().astype(np.float64), rcond=None)[0]
    extent = max(spread(depth), 1e-12)
    box = np.ones((5, 5), np.uint8)
    jumps = cv2.dilate(depth, box) - cv2.erode(depth, box) > 0.05 * extent + 8 * extent / depth.shape[0]
    return 100 * float(np.abs(depth.ravel() - fit).mean()) / extent, 100 * float(jumps.mean())


def sky_figure(depth: Depth, inverse: Depth) -> float:
    """Share of sky pixels farther than the farthest tenth of everything else, per cent; NaN without sky."""
    sky = inverse == 0
    if sky.sum() < 200 or (~sky).sum() < 200:
        return float("nan")
    return 100 * float((depth[sky] < np.percentile(depth[~sky], 10)).mean())


def mean_and_worst(rows: Sequence[dict[str, float]]) -> dict[str, tuple[float, float]]:
    """(mean, 90th percentile) of each figure."""
    return {
        name: (
            float(np.nanmean([row[name] for row in rows])), float(np.nanpercentile([row[name] for row in rows], 90)),
        )
        for name in rows[0]
    }  # fmt: skip


def main() -> int:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True, type=Path, help="folder with rgbd/")
    parser.add_argument("--model", help="name or .onnx file; the shipped estimator when omitted")
    parser.add_argument(
        "--flip", action=argparse.BooleanOptionalAction, help="average over the mirrored photo; default: the record's"
    )
    parser.add_argument("--scenes", type=int, default=40, help="generated scenes of each kind")
    parser.add_argument("--output", type=Path, default=RESULTS, help="folder of depth_stability.json and .md")
    given = parser.parse_args()
    predict = network(given.model, given.flip)
    first = {pair.key: pair for pair in reversed(split_scenes(index_folder(given.data / "rgbd")).heldout)}
    steady = mean_and_worst([stability(predict, read_pair(pair)[0]) for _key, pair in sorted(first.items())])
    bank = make_bank(np.random.default_rng(92), count=60)
    planes = [plane_figures(predict(bare_plane(bank, seed))) for seed in range(given.scenes)]
    skies = []
    for seed in range(given.scenes):
        photo, inverse = random_scene(bank, (288, 384), (93, seed), ("park", "street")[seed % 2])
        skies.append(sky_figure(predict(photo), inverse))
    geometry = {
        "plane": (float(np.mean([p for p, _ in planes])), float(np.percentile([p for p, _ in planes], 90))),
        "jumps": (float(np.mean([j for _, j in planes])), float(np.percentile([j for _, j in planes], 90))),
        "sky": (float(np.nanmean(skies)), float(np.nanpercentile(skies, 10))),
    }
    lines = ["| change of the photo | mean, % | 90th percentile, % |", "|---|---|---|"]
    lines += [f"| {name} | {mean:.1f} | {worst:.1f} |" for name, (mean, worst) in steady.items()]
    lines += ["", "| geometry | mean, % | 90th (sky: 10th) percentile, % |", "|---|---|---|"]
    lines += [f"| {name} | {mean:.1f} | {worst:.1f} |" for name, (mean, worst) in geometry.items()]
    record = find_model(given.model)
    flip = record.flip if given.flip is None else given.flip
    way = ", photo and mirrored photo" if flip else ""
    head = f"Model {record.name} ({(record.sha256 or 'no hash')[:12]}){way}."
    text = head + "\n\n" + "\n".join(lines) + "\n"
    print(text)
    given.output.mkdir(parents=True, exist_ok=True)
    stored = {
        "model": record.name,
        "sha256": record.sha256,
        "flip": flip,
        "stability": steady,
        "geometry": geometry,
    }
    with atomic_path(given.output / "depth_stability.json") as path:
        path.write_text(json.dumps(stored, indent=1) + "\n")
    with atomic_path(given.output / "depth_stability.md") as path:
        path.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
