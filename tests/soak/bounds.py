"""Render random pictures with kernels that look whether every index of theirs is within bounds.

``python -m tests.soak.bounds --pictures 200`` from a clone: cards and lights before a wall, of any size, depth and
blur, one in three with noisy depth, in both modes and through all kinds of apertures. Ends with 1 at the first index
that is not, and says of which picture (``--first`` begins there).
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import traceback

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]

LARGEST = 256
"""px, of a side."""
WIDEST = 200.0
"""px, of the largest radius."""


def picture(seed: int) -> tuple[Floats, Floats]:
    """Linear light (H, W, 3) and circle of confusion (H, W), px."""
    rng = np.random.default_rng(seed)
    # Every other one is cut where the meshes of the renderer are: there mistakes by one show.
    mesh = 32 if seed % 2 == 0 else 1
    height, width = rng.integers(1, LARGEST // mesh + 1, 2) * mesh
    widest = WIDEST ** rng.random()
    rgb = rng.random((height, width, 3), np.float32)
    coc = np.full((height, width), widest * rng.uniform(-1, 1), np.float32)
    for _ in range(rng.integers(0, 12)):
        top, left = (rng.integers(0, size // mesh + 1) * mesh for size in (height, width))
        bottom, right = (first + rng.integers(1, LARGEST // mesh + 1) * mesh for first in (top, left))
        card = coc[top:bottom, left:right]
        ends = rng.uniform(-widest, widest, 2)
        card[:] = np.linspace(*ends, card.shape[1]) if rng.random() < 0.5 else ends[0] * rng.random()
        rgb[top:bottom, left:right] *= rng.random(3, np.float32)
    if seed % 3 == 0:
        coc += rng.normal(0, 0.1 * widest, coc.shape).astype(np.float32)
    lights = rng.integers(0, 400)
    rgb[rng.integers(0, height, lights), rng.integers(0, width, lights)] = 40
    return rgb, coc


def main() -> int:
    """Run the program."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak.bounds", description=__doc__.splitlines()[0])
    parser.add_argument("--pictures", type=int, default=200)
    parser.add_argument("--first", type=int, default=0, help="number of the first one")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as kernels:
        os.environ.update(NUMBA_BOUNDSCHECK="1", NUMBA_CACHE_DIR=kernels)
        from dofsim.bokeh import Aperture, render

        apertures = (
            None,
            Aperture(blades=6),
            Aperture(cats_eye=0.7),
            Aperture(obstruction=0.4, squeeze=0.6, fringing=0.05),
        )
        for number in range(given.first, given.first + given.pictures):
            rgb, coc = picture(number)
            for quality in ("fast", "best"):
                try:
                    out = render(rgb, coc, apertures[number % len(apertures)], quality=quality)
                except IndexError:
                    traceback.print_exc()
                    print(f"picture {number}, {quality}: {coc.shape}, radii {coc.min():.1f} to {coc.max():.1f} px")
                    return 1
                if not np.isfinite(out).all():
                    print(f"picture {number}, {quality}: not finite")
                    return 1
    print(f"{given.pictures} pictures in both modes, every index within bounds")
    return 0


if __name__ == "__main__":
    sys.exit(main())
