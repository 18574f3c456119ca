"""Render the examples and put before and after side by side, as the README shows them: ``before-after.jpg``."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

import dofsim

HERE = Path(__file__).resolve().parent
HEIGHT = 400
EXAMPLES = ("astronaut.png", "chelsea.png")


def main() -> None:
    """Write the picture beside this file."""
    halves = []
    for name in EXAMPLES:
        photo = dofsim.read_photo(HERE / name)
        halves += [photo.pixels, dofsim.prepare(photo).render(blur="2%").pixels]
    tiles = [Image.fromarray(np.asarray(half)) for half in halves]
    tiles = [
        tile.resize((round(tile.width * HEIGHT / tile.height), HEIGHT), Image.Resampling.LANCZOS) for tile in tiles
    ]
    sheet = Image.new("RGB", (sum(tile.width for tile in tiles), HEIGHT))
    left = 0
    for tile in tiles:
        sheet.paste(tile, (left, 0))
        left += tile.width
    sheet.save(HERE / "before-after.jpg", quality=90, optimize=True)


if __name__ == "__main__":
    main()
