"""Render photos of 48 and 200 megapixels, and see how much memory the whole command holds at most.

``python -m tests.soak.huge`` from a clone. The photo is a JPEG of structures and noise, made by a process of its own;
its depth is guessed. Prints a line for each, and ends with 1 if one takes more bytes per pixel than is promised (where
smaller photos do, the libraries count as well), or is not refused at once when a third of that is allowed.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from PIL import Image

BYTES_PER_PIXEL = 40.0
SIZES = ((8000, 6000), (16320, 12240))
REFUSED_S, REFUSED_MB = 5.0, 400.0
"""Processor time and memory that saying no may take."""
PHOTO = """
import sys
import numpy as np
from PIL import Image

width, height = map(int, sys.argv[2:])
rng = np.random.default_rng(0)
coarse = rng.integers(0, 256, (height // 160, width // 160, 3)).astype(np.uint8)
photo = Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)
grain = Image.fromarray(rng.integers(0, 256, (1024, 1024, 3)).astype(np.uint8))
for top in range(0, height, 1024):
    for left in range(0, width, 1024):
        place = photo.crop((left, top, min(left + 1024, width), min(top + 1024, height)))
        photo.paste(Image.blend(place, grain.crop((0, 0, *place.size)), 0.06), (left, top))
photo.save(sys.argv[1], quality=92)
"""


def command(arguments: list[str]) -> tuple[int, float, float, str]:
    """Run dofsim: exit code, most MB held, seconds of the processor, what it said on stderr."""
    with tempfile.TemporaryFile() as told:
        process = subprocess.Popen([sys.executable, "-m", "dofsim", *arguments], stderr=told, stdout=subprocess.DEVNULL)
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        told.seek(0)
        said = told.read().decode()
    unit = 1 if sys.platform == "darwin" else 1024
    return process.returncode, used.ru_maxrss * unit / 1e6, used.ru_utime + used.ru_stime, said.strip()


def main() -> int:
    """Run the program."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak.huge", description=__doc__.splitlines()[0])
    parser.add_argument(
        "--size", action="append", metavar="WIDTHxHEIGHT", help="in place of the two; may be given again"
    )
    arguments = parser.parse_args()
    sizes = [tuple(map(int, each.split("x"))) for each in arguments.size] if arguments.size else SIZES
    Image.MAX_IMAGE_PIXELS = None
    wrong = 0
    with tempfile.TemporaryDirectory() as folder:
        photo, out = Path(folder) / "photo.jpg", Path(folder) / "out.jpg"
        command(["warmup"])
        for width, height in sizes:
            subprocess.run([sys.executable, "-c", PHOTO, str(photo), str(width), str(height)], check=True)
            began = time.monotonic()
            given = ["render", str(photo), "--focus", "0.8", "--blur", "2%", "-o", str(out)]
            code, held, busy, said = command(given)
            with Image.open(out) as result:
                whole = code == 0 and result.size == (width, height)
            ratio = held * 1e6 / (width * height)
            figures: dict[str, object] = {
                "megapixels": round(width * height / 1e6, 1), "MB": round(held),
                "seconds": round(time.monotonic() - began), "bytes per pixel": round(ratio, 1),
                "processor": round(busy, 1), "whole": whole,
            }  # fmt: skip
            out.unlink()
            code, held, busy, said = command([*given, "--max-memory", f"{held / 3:.0f}MB"])
            refused = code != 0 and "--max-memory" in said and not out.exists()
            figures |= {"refused": refused, "refusal, MB": round(held), "refusal, processor": round(busy, 1)}
            print(json.dumps(figures), flush=True)
            soon = held < REFUSED_MB and busy < REFUSED_S
            wrong += not (whole and ratio <= BYTES_PER_PIXEL and refused and soon)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
