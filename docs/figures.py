"""Make the pictures of the pages, all by programs that are here: ``python docs/figures.py --scenes FOLDER``.

FOLDER holds what ``docs/pictures.py`` traced; needs matplotlib. The commands in ``docs/tour/tasks.md`` are run as they
stand there, so a reader who repeats them sees what the page shows.
"""

from __future__ import annotations

import argparse
import re
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import cv2
import matplotlib as mpl
import numpy as np
import numpy.typing as npt

from dofsim import lens
from dofsim.bokeh import Aperture, render
from dofsim.depth import DepthKind, DepthMap
from dofsim.depth.estimate import estimate
from dofsim.depth.refine import refine
from dofsim.metrics import aligned_error, fit_scale_shift

DOCS = Path(__file__).resolve().parent
ROOT = DOCS.parent
HOME = DOCS / "pictures"
#: Longest side in px, and most bytes, of a picture that is committed.
SIDE, LIMIT = 1440, 100_000
Picture = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]


def save(picture: Picture, name: str) -> None:
    """Write a JPEG of at most :data:`LIMIT` bytes."""
    if picture.shape[1] > SIDE:
        height = round(picture.shape[0] * SIDE / picture.shape[1])
        picture = np.asarray(cv2.resize(picture, (SIDE, height), interpolation=cv2.INTER_AREA), np.uint8)
    for quality in range(92, 40, -4):
        data = cv2.imencode(".jpg", picture[..., ::-1], (cv2.IMWRITE_JPEG_QUALITY, quality))[1]
        if len(data) <= LIMIT:
            break
    (HOME / f"{name}.jpg").write_bytes(data.tobytes())
    print(f"docs/pictures/{name}.jpg: {len(data) / 1000:.0f} kB, quality {quality}")


def display(linear: Floats) -> Picture:
    """Linear light as 8-bit sRGB."""
    light = np.clip(linear, 0, 1)
    curve = np.where(light <= 0.0031308, 12.92 * light, 1.055 * np.maximum(light, 1e-9) ** (1 / 2.4) - 0.055)
    return np.asarray(curve * 255 + 0.5, np.uint8)


def coloured(values: Floats, low: float, high: float, table: int = cv2.COLORMAP_INFERNO) -> Picture:
    """Values between ``low`` and ``high`` as colours."""
    level = np.clip((values - low) / (high - low), 0, 1) * 255
    return np.asarray(cv2.applyColorMap(level.astype(np.uint8), table), np.uint8)[..., ::-1]


def signed(coc: Floats, most: float) -> Picture:
    """A signed circle of confusion: warm in front of the plane of focus, white on it, cool behind."""
    share = np.clip(coc / most, -1, 1)[..., None]
    cool, warm = np.array([33, 102, 172]), np.array([178, 24, 43])
    white = np.full(3, 247)
    return np.asarray(np.where(share > 0, white + share * (cool - white), white - share * (warm - white)), np.uint8)


def sheet(rows: list[list[tuple[str, Picture]]], width: int) -> Picture:
    """Captioned pictures side by side, each ``width`` px wide."""
    lines = []
    for row in rows:
        cells = []
        for text, picture in row:
            height = round(picture.shape[0] * width / picture.shape[1])
            small = np.asarray(cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
            label = np.full((26, width, 3), 255, np.uint8)
            cv2.putText(label, text, (4, 18), cv2.FONT_HERSHEY_SIMPLEX, 0.48, (40, 40, 40), 1, cv2.LINE_AA)
            cells.append(np.vstack([small, label]))
        lines.append(np.hstack(cells))
    return np.vstack(lines)


def photos(scenes: Path) -> None:
    """The scenes as a phone would save them."""
    for name in ("food", "product", "landscape", "night"):
        with np.load(scenes / f"{name}.npz") as stored:
            image, inverse = stored["image"], 1 / stored["depth"]
        save(display(image * (1.5 if name == "night" else 1.0)), name)
        if name == "product":
            grey = np.asarray(255 * inverse / inverse.max() + 0.5, np.uint8)
            cv2.imwrite(str(HOME / "product-depth.png"), grey, (cv2.IMWRITE_PNG_COMPRESSION, 9))


def tasks() -> None:
    """Run the commands of ``tasks.md`` on a photo that is here, and put the photo beside its result."""
    text = (DOCS / "tour" / "tasks.md").read_text(encoding="utf-8").replace("\\\n", " ")
    for command in re.findall(r"^dofsim render (.*)$", text, re.MULTILINE):
        words = shlex.split(command, comments=True)
        if not (ROOT / words[0]).is_file():
            continue
        out = words[words.index("-o") + 1]
        with tempfile.TemporaryDirectory() as folder:
            words[words.index("-o") + 1] = str(Path(folder) / Path(out).name)
            subprocess.run([sys.executable, "-m", "dofsim", "render", "-q", *words], cwd=ROOT, check=True)
            after = cv2.imread(words[words.index("-o") + 1])[..., ::-1]
        before = cv2.imread(str(ROOT / words[0]))[..., ::-1]
        width = min(before.shape[1], SIDE // 2)
        pair = [cv2.resize(p, (width, round(p.shape[0] * width / p.shape[1]))) for p in (before, after)]
        save(np.asarray(np.hstack(pair), np.uint8), f"{Path(out).stem}-pair")


def truth(scenes: Path) -> None:
    """One scene through a real lens, through ours with exact depth, and what lies between."""
    from pictures import LENS, food

    with np.load(scenes / "food.npz") as stored:
        image, depth, real = stored["image"], stored["depth"], stored["lens"]
    width = image.shape[1]
    # K of r = K (1/z_f - 1/z): the radius of the lens times the focal length in px.
    factor = LENS.aperture_radius * width / 2 / np.tan(food()[1].fov / 2)
    coc = lens.circle_of_confusion(1 / depth, 1 / LENS.focus, factor)
    made = render(np.asarray(image, np.float32), coc)
    plain = cv2.GaussianBlur(image, (0, 0), float(np.abs(coc).max()) / 2)
    weight = np.clip(np.abs(coc) / np.abs(coc).max(), 0, 1)[..., None]
    mixed = image * (1 - weight) + plain * weight

    def difference(picture: Floats) -> Picture:
        apart = display(picture).astype(np.float32) - display(real)
        return np.asarray(np.clip(128 + 4 * apart, 0, 255), np.uint8)

    most = float(np.abs(coc).max())
    save(
        sheet(
            [
                [("the photo of a pinhole: all is sharp", display(image)),
                 ("inverse depth, near is bright", coloured(1 / depth, 0.0, float((1 / depth).max())))],
                [(f"signed radius: red {coc.min():.0f} px in front, blue {coc.max():.0f} px behind", signed(coc, most)),
                 ("ray-traced thin lens: the truth", display(real))],
                [("dofsim, with the exact depth", display(made)), ("its difference, times 4", difference(made))],
                [("one Gaussian blur, mixed in by depth", display(mixed)),
                 ("its difference, times 4", difference(mixed))],
            ],
            480,
        ),
        "physics",
    )  # fmt: skip


def fringing() -> None:
    """Bars and point lights from in front of the focus to behind it, without and with fringing."""
    height, width = 130, 960
    light = np.full((height, width, 3), 0.02, np.float32)
    for x in range(24, width, 38):
        light[20:64, x : x + 16] = 0.8
        light[97:99, x + 7 : x + 9] = 40.0
    coc = np.broadcast_to(np.linspace(-16, 16, width, dtype=np.float32), (height, width))
    made = [display(render(light, coc, Aperture(fringing=strength))) for strength in (0.0, 0.04)]
    save(np.vstack(made), "fringing")


def failures(scenes: Path) -> None:
    """A mirror and glass, and what the estimator makes of them."""
    with np.load(scenes / "mirror.npz") as stored:
        image, depth = stored["image"], stored["depth"]
    photo, inverse = display(image), np.asarray(1 / depth, np.float32)
    found = refine(DepthMap(estimate(photo).inverse().values, DepthKind.RELATIVE), photo).values
    scale, shift = fit_scale_shift(found, inverse)
    low, high = (float(v) for v in np.percentile(inverse, (1, 99)))
    error = aligned_error(found, inverse)
    save(
        sheet(
            [[("a mirror on the wall, a glass vase, a glass ball", photo)],
             [("exact inverse depth", coloured(inverse, low, high))],
             [(f"estimated: error {error:.2f}", coloured(np.float32(scale) * found + np.float32(shift), low, high))]],
            640,
        ),
        "mirror",
    )  # fmt: skip


def curves() -> None:
    """The circle of confusion against distance, of lenses in focus at 1.2 m."""
    from matplotlib.figure import Figure

    z = np.geomspace(0.3, 20, 300)
    figure = Figure(figsize=(7.2, 3.4), layout="constrained")
    axes: Any = figure.subplots()
    diagonal = float(np.hypot(4000, 3000))
    for number in (1.4, 1.8, 2.8, 5.6):
        factor = lens.physical_factor(number, 50, 1 / 1.2, diagonal)
        radius = lens.circle_of_confusion(np.asarray(1 / z, np.float32), 1 / 1.2, factor)
        axes.plot(z, radius, label=f"50 mm, f/{number}")
    factor = lens.circle_of_confusion_factor(5.0, 1.8, 1.2, diagonal, 9.0)
    radius = lens.circle_of_confusion(np.asarray(1 / z, np.float32), 1 / 1.2, factor)
    axes.plot(z, radius, "k--", label="a phone: 5 mm, f/1.8, sensor of 9 mm")
    axes.axhline(0, color="grey", lw=0.6)
    axes.set(xscale="log", xlabel="distance, m", ylabel="radius, px of 12 megapixels", ylim=(-220, 140))
    axes.set_xticks([0.3, 0.6, 1.2, 2.5, 5, 10, 20], ["0.3", "0.6", "1.2", "2.5", "5", "10", "20"])
    axes.minorticks_off()
    axes.legend(frameon=False, fontsize="small")
    axes.text(0.5, -195, "in front: negative", fontsize="small")
    axes.text(4.5, -60, "behind: positive, ends at K / z_f", fontsize="small")
    figure.savefig(HOME / "coc.svg", format="svg", metadata={"Date": None})
    print("docs/pictures/coc.svg")


def diagram() -> None:
    """Rays through a thin lens: a point in focus, one behind, one in front."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.2, 2.6), layout="constrained")
    axes: Any = figure.subplots()
    focal, half = 1.0, 0.55
    sensor = 1 / (1 / focal - 1 / 3.0)
    for z, colour, text in ((3.0, "C2", "in focus"), (5.5, "C0", "behind"), (1.9, "C3", "in front")):
        image = 1 / (1 / focal - 1 / z)
        axes.plot([-z], [0], "o", color=colour)
        axes.annotate(text, (-z, 0), (-z, -0.24), color=colour, ha="center", fontsize="small",
            bbox={"fc": "white", "ec": "none", "pad": 1.5})  # fmt: skip
        for edge in (-half, half):
            end = max(sensor, image) + 0.12
            axes.plot([-z, 0, end], [0, edge, edge * (1 - end / image)], color=colour, lw=1)
    axes.plot([sensor, sensor], [-0.55, 0.55], "k", lw=2)
    axes.annotate("sensor", (sensor, 0.58), ha="center", fontsize="small")
    axes.plot([0, 0], [-half, half], color="0.5", lw=5, alpha=0.5)
    axes.annotate("lens, as wide as f / N", (0, 0.62), ha="center", fontsize="small")
    axes.plot([-3, -3], [-0.45, 0.6], ":", color="C2", lw=1)
    axes.annotate("plane of focus", (-3, 0.62), ha="center", color="C2", fontsize="small")
    axes.set(xlim=(-6, 2.9), ylim=(-0.75, 0.8))
    axes.axis("off")
    figure.savefig(HOME / "lens.svg", format="svg", metadata={"Date": None})
    print("docs/pictures/lens.svg")


def main() -> None:
    """Make them all, or those that are named."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scenes", type=Path, required=True)
    names = ("photos", "tasks", "truth", "fringing", "failures", "curves", "diagram")
    parser.add_argument("figures", nargs="*", default=list(names), help=", ".join(names))
    given = parser.parse_args()
    mpl.rcParams["svg.hashsalt"] = "dofsim"  # the same file from the same figure
    HOME.mkdir(exist_ok=True)
    for name in given.figures:
        make = globals()[name]
        make(given.scenes) if name in ("photos", "truth", "failures") else make()


if __name__ == "__main__":
    main()
