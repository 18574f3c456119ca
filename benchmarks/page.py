"""How long a tap on the page takes until the picture is there, in a real browser.

Run: python benchmarks/page.py --photo PHOTO [--taps 20] [--out page.json]

Takes dofsim[ui], playwright, and Chromium (Debian's `chromium`, or --chromium). The photo is made 1.3 megapixels
large. The page itself takes the time from the end of the tap until the browser has decoded the picture; "server" is
the part of it in which the server worked on the answer.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import tempfile
from pathlib import Path

from dofsim.photo import read_photo
from dofsim.ui.server import serving
from dofsim.ui.session import PREVIEW_PIXELS, smaller

ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
ARGUMENTS += ["--disable-sync", "--no-first-run"]
DRAWN = "Number(document.querySelector('.stage').dataset.drawn || 0) > 0"
PAUSE_MS = 1000
# Playwright's own waiting looks sixty times a second, on a core that the server could use.
NEXT = """() => {
  const stage = document.querySelector('.stage');
  window.next = new Promise((done, fail) => {
    const observer = new MutationObserver(() => { observer.disconnect(); done({...stage.dataset}); });
    observer.observe(stage, { attributeFilter: ['data-drawn'] });
    setTimeout(() => fail(new Error('no picture came')), 120000);
  });
}"""


def measure(address: str, chromium: str, taps: int) -> dict[str, list[float]]:
    """Tap here and there; milliseconds of each tap, in all and in the server."""
    from playwright.sync_api import sync_playwright

    place = random.Random(1)
    times: dict[str, list[float]] = {"tap_to_picture_ms": [], "server_ms": []}
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.set_default_timeout(120_000)
        page.goto(address)
        page.wait_for_function("document.querySelector('.stage')")
        page.wait_for_function(DRAWN)
        for tap in range(taps + 2):
            # The full size of the tap before must not be at work any more, in the server or in the browser.
            page.wait_for_selector('.download[aria-disabled="false"]')
            page.wait_for_timeout(PAUSE_MS)
            box = page.locator(".shown").bounding_box()
            x, y = place.uniform(0.1, 0.9), place.uniform(0.1, 0.9)
            page.evaluate(NEXT)
            page.mouse.click(box["x"] + x * box["width"], box["y"] + y * box["height"])
            found = page.evaluate("window.next")
            if tap >= 2:
                times["tap_to_picture_ms"].append(float(found["latency"]))
                times["server_ms"].append(float(found["server"]))
        browser.close()
    return times


def main() -> None:
    """Measure and print, and write if asked to."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--photo", type=Path, required=True)
    parser.add_argument("--taps", type=int, default=20)
    parser.add_argument("--chromium", default="/usr/bin/chromium")
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        small = smaller(read_photo(arguments.photo), PREVIEW_PIXELS).save(Path(folder) / "photo.jpg")
        with serving(small) as address:
            times = measure(address, arguments.chromium, arguments.taps)
    rest = [a - b for a, b in zip(times["tap_to_picture_ms"], times["server_ms"], strict=True)]
    result = {name: round(statistics.median(values), 1) for name, values in {**times, "rest_ms": rest}.items()}
    result |= {"taps": arguments.taps, "pixels": PREVIEW_PIXELS, "all": times}
    print(json.dumps({name: value for name, value in result.items() if name != "all"}))
    if arguments.out is not None:
        arguments.out.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
