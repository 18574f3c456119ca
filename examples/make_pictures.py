"""Render the examples and put before and after side by side, as the README shows them: ``before-after.jpg``."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

import dofsim

HERE = Path(__file__).resolve().parent
HEIGHT = 400
EXAMPLES = {"astronaut.png": "44%,27%", "chelsea.png": "42%,57%"}


def main() -> None:
    """Write the picture beside this file."""
    halves = []
    for name, point in EXAMPLES.items():
        photo = dofsim.read_photo(HERE / name)
        halves += [photo.pixels, dofsim.prepare(photo).render(focus_at=point, blur="2.5%").pixels]
    tiles = []
    for half in halves:
        width = round(half.shape[1] * HEIGHT / half.shape[0])
        tiles.append(Image.fromarray(half).resize((width, HEIGHT), Image.Resampling.LANCZOS))
    sheet = Image.new("RGB", (sum(tile.width for tile in tiles), HEIGHT))
    left = 0
    for tile in tiles:
        sheet.paste(tile, (left, 0))
        left += tile.width
    sheet.save(HERE / "before-after.jpg", quality=90, optimize=True)


if __name__ == "__main__":
    main()
