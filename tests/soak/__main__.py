"""Render many times in one process, from several threads, and see that memory stays flat and every picture the same.

``python -m tests.soak --renders 2000`` from a clone. Prints the resident set at each tenth, and its slope over the
second half in bytes per rendering.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256

import numpy as np

import dofsim
from dofsim import memory


def main() -> int:
    """Run the program."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__.splitlines()[0])
    parser.add_argument("--renders", type=int, default=2000)
    parser.add_argument("--threads", type=int, default=2, help="renderings at a time")
    arguments = parser.parse_args()
    pixels = np.random.default_rng(0).integers(0, 256, (180, 240, 3)).astype(np.uint8)
    radii = [f"{radius}px" for radius in (1, 2, 5, 9, 17)]

    def render(number: int) -> tuple[str, str]:
        # Everything anew, network included, as a service would.
        scene = dofsim.prepare(dofsim.Photo.from_array(pixels), source="estimator")
        blur = radii[number % len(radii)]
        return blur, sha256(scene.render(blur=blur, threads=1).pixels.tobytes()).hexdigest()

    expected = dict(render(number) for number in range(len(radii)))
    step = max(1, arguments.renders // 50)
    numbers, held, different = [], [], 0
    began = time.monotonic()
    with ThreadPoolExecutor(arguments.threads) as pool:
        for first in range(0, arguments.renders, step):
            for blur, digest in pool.map(render, range(first, min(first + step, arguments.renders))):
                different += digest != expected[blur]
            gc.collect()
            numbers.append(first + step)
            held.append(memory.used())
    half = len(held) // 2
    slope = float(np.polyfit(numbers[half:], held[half:], 1)[0]) if len(held) - half > 1 else 0.0
    figures = {
        "renders": arguments.renders, "at a time": arguments.threads, "seconds": round(time.monotonic() - began),
        "different": different, "MB": [round(each / 1e6) for each in held[:: max(1, len(held) // 10)]],
        "slope, bytes per rendering": round(slope),
    }  # fmt: skip
    print(json.dumps(figures))
    return 1 if different else 0


if __name__ == "__main__":
    os.environ.setdefault("DOFSIM_THREADS", "1")
    sys.exit(main())
