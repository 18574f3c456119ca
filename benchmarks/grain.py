"""Grain of blurred areas against that of the photo, what it adds to the file, and what it costs.

Run ``python benchmarks/grain.py PHOTO [PHOTO ...]``. Deviations are medians over the flattest fifth of all 16x16 blocks
whose circles of confusion are at least 4 px, in 8-bit codes of luma, rounding included, after a plane is subtracted: in
the photo, in its refocused version without and with grain, and in the latter after JPEG. Flattest means in the version
without grain; chosen in the photo, they would be those that happen to have the least. Runs are mean lengths, px, of
equal codes along the rows of these blocks: contours have long ones. Times are the fastest of several turns, one thread,
against that of encoding the picture. Writes ``benchmarks/results/grain.md`` and, of a drawn wall,
``docs/grain.jpg``.
"""

from __future__ import annotations

import argparse
import io
from pathlib import Path

import cv2
import numpy as np
from PIL import Image
from truth import RESULTS

import dofsim
from dofsim.bench.timing import interleave
from dofsim.bokeh import render
from dofsim.files import atomic_path
from dofsim.grain import add_grain, estimate_grain
from dofsim.photo import Photo
from dofsim.photo.encode import encode

BLOCK, LEAST_RADIUS, ROUNDS = 16, 4.0, 9
TITLES = (
    "photo", "blurred", "deviation: photo", "no grain", "grain", "grain, JPEG", "run: photo", "no grain", "grain",
    "JPEG, MB: no grain", "grain", "measuring / encoding", "adding / encoding",
)  # fmt: skip


def blocks(picture: np.ndarray) -> np.ndarray:
    """Blocks of a picture of one channel, as (n, BLOCK, BLOCK)."""
    rows, columns = (size // BLOCK for size in picture.shape)
    cut = picture[: rows * BLOCK, : columns * BLOCK].reshape(rows, BLOCK, columns, BLOCK)
    return cut.swapaxes(1, 2).reshape(-1, BLOCK, BLOCK)


def deviations(pixels: np.ndarray) -> np.ndarray:
    """Standard deviation of luma in each block from which a plane was subtracted."""
    values = blocks(cv2.cvtColor(pixels.astype(np.float32), cv2.COLOR_RGB2GRAY)).reshape(-1, BLOCK**2)
    line = np.linspace(-1, 1, BLOCK, dtype=np.float32)
    plane = np.stack([np.ones((BLOCK, BLOCK), np.float32), *np.meshgrid(line, line)]).reshape(3, -1)
    plane /= np.linalg.norm(plane, axis=1, keepdims=True)
    rest = values - (values @ plane.T) @ plane
    return np.sqrt((rest**2).sum(axis=1) / (BLOCK**2 - 3))


def mean_run(pixels: np.ndarray, chosen: np.ndarray) -> float:
    """Mean length, px, of equal codes of green along the rows of blocks."""
    codes = blocks(pixels[..., 1])[chosen].astype(int)
    return codes.size / (codes.size // BLOCK + np.count_nonzero(np.diff(codes, axis=2)))


def row(path: Path) -> list[str]:
    """Figures of one photo."""
    scene = dofsim.prepare(dofsim.read_photo(path))
    photo, coc = scene.photo, scene.coc()
    clean, grainy = (scene.render(grain=on) for on in (False, True))
    jpeg = {name: encode(one, "JPEG", None, []) for name, one in (("clean", clean), ("grainy", grainy))}
    with Image.open(io.BytesIO(jpeg["grainy"])) as image:
        saved = np.asarray(image.convert("RGB"))
    blurred = np.flatnonzero(blocks(np.abs(coc)).min(axis=(1, 2)) >= LEAST_RADIUS)
    chosen = blurred[np.argsort(deviations(clean.pixels)[blurred])[: len(blurred) // 5]]
    medians = [float(np.median(deviations(one)[chosen])) for one in (photo.pixels, clean.pixels, grainy.pixels, saved)]
    runs = [mean_run(one.pixels, chosen) for one in (photo, clean, grainy)]
    light, grain = clean.linear(), scene.grain
    cv2.setNumThreads(1)
    timings = interleave({
        "measure": lambda: estimate_grain(photo.pixels),
        "add": lambda: add_grain(light, coc, grain, photo.profile),
        "encode": lambda: clean.with_linear(light),
    }, rounds=ROUNDS, budget_s=60.0)  # fmt: skip
    seconds = {name: timing.spread[0] for name, timing in timings.items()}
    figures = [*medians, *runs, *(len(data) / 1e6 for data in jpeg.values())]
    ratios = (seconds["measure"] / seconds["encode"], seconds["add"] / seconds["encode"])
    share = (np.abs(coc) >= LEAST_RADIUS).mean()
    return [path.name, f"{share:.0%}", *(f"{value:.2f}" for value in (*figures, *ratios))]


def drawing() -> np.ndarray:
    """A wall with grain, blurred without and with grain, in strong contrast, side by side."""
    y, x = np.mgrid[:220, :320].astype(np.float32)
    wall = 150 + 5 * np.hypot((x - 220) / 300, (y - 60) / 200)
    white = np.random.default_rng(0).standard_normal(wall.shape).astype(np.float32)
    noise = cv2.GaussianBlur(white, (0, 0), 0.9)
    codes = np.round(wall + 0.8 * noise / noise.std()).astype(np.uint8)
    photo = Photo.from_array(codes)
    coc = np.full(wall.shape, 16, np.float32)
    light = render(photo.linear(), coc)
    clean = photo.with_linear(light)
    add_grain(light, coc, estimate_grain(photo.pixels), photo.profile)
    panels = np.hstack([one.pixels for one in (photo, clean, photo.with_linear(light))]).astype(np.float32)
    return np.clip((panels - 153) * 16 + 128, 0, 255).astype(np.uint8)


def main() -> int:
    """Measure all photos."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=Path, nargs="+")
    parser.add_argument("--output", type=Path, default=RESULTS, help="folder of grain.md")
    parser.add_argument("--picture", type=Path, default=RESULTS.parents[1] / "docs" / "grain.jpg")
    arguments = parser.parse_args()
    rows = [TITLES, ("---",) * len(TITLES), *(row(path) for path in arguments.photos)]
    table = "".join(f"| {' | '.join(cells)} |\n" for cells in rows)
    print(table, end="")
    with atomic_path(arguments.output / "grain.md", overwrite=True) as place:
        place.write_text(table)
    with atomic_path(arguments.picture, overwrite=True) as place:
        Image.fromarray(drawing()).save(place, "JPEG", quality=85)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
