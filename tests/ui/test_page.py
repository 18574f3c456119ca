"""The page in a real browser: drop a photo, tap, drag, compare, download."""

from __future__ import annotations

import io
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import dofsim
from dofsim.ui.session import open_session

pytestmark = pytest.mark.slow
PATIENCE_MS = 60_000


@pytest.fixture(scope="module")
def photo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A photo with EXIF: noise in front of which a lighter square stands."""
    codes = np.random.default_rng(5).integers(0, 160, (240, 320, 3)).astype(np.uint8)
    codes[70:200, 120:220] += 90
    exif = Image.Exif()
    exif[0x010F], exif[0x0110] = "ACME", "Pocket 3"
    path = tmp_path_factory.mktemp("photo") / "walk.jpg"
    Image.fromarray(codes).save(path, quality=95, exif=exif)
    return path


# Keeps what the page asks of its server together with what that answers.
_LISTEN = """
  window.answers = [];
  const fetched = window.fetch;
  window.fetch = async (...call) => {
    const answer = await fetched(...call);
    if (!String(call[0]).includes('dofsim/preview')) return answer;
    const asked = JSON.parse(call[1].body), image = await answer.clone().arrayBuffer();
    if (asked.view !== 'original') window.answers.push({ asked, image });
    return answer;
  };
"""


class Viewer:
    """What a user does on the page."""

    def __init__(self, page: Any) -> None:
        self.page = page
        self.problems: list[str] = []
        self.hosts: set[str] = set()
        page.set_default_timeout(PATIENCE_MS)
        page.add_init_script(_LISTEN)
        page.on("pageerror", lambda error: self.problems.append(str(error)))
        page.on("request", lambda request: self.hosts.add(request.url.split("/")[2]) if "//" in request.url else None)

    def open(self, address: str, photo: Path | None = None) -> Viewer:
        self.page.goto(address)
        self.page.wait_for_selector(".stage")
        if photo is not None:
            with self.drawing():
                self.page.set_input_files("#dofsim-photo input[type=file]", photo)
        return self

    @property
    def drawn(self) -> int:
        return int(self.page.evaluate("document.querySelector('.stage')?.dataset.drawn || 0"))

    def drawing(self) -> Any:
        """A block after which a new picture is there."""
        viewer = self

        class Block:
            def __enter__(self) -> None:
                self.before = viewer.drawn

            def __exit__(self, kind: object, *_: object) -> None:
                if kind is None:
                    viewer.page.wait_for_function(
                        f"Number(document.querySelector('.stage')?.dataset.drawn || 0) > {self.before}"
                    )

        return Block()

    def tap(self, x: float, y: float) -> None:
        box = self.page.locator(".shown").bounding_box()
        self.page.mouse.click(box["x"] + x * box["width"], box["y"] + y * box["height"])

    @property
    def last(self) -> dict[str, Any]:
        """What the page last asked its server to draw: token, view, settings."""
        return self.page.evaluate("window.answers.at(-1).asked")

    def picture(self) -> bytes:
        """What the server answered to that."""
        return bytes(self.page.evaluate("Array.from(new Uint8Array(window.answers.at(-1).image))"))

    def shown(self) -> bytes:
        """The file of the picture that is on the page."""
        load = """async () => {
          const answer = await fetch(document.querySelector('.shown').src);
          return Array.from(new Uint8Array(await answer.arrayBuffer()));
        }"""
        return bytes(self.page.evaluate(load))


@pytest.fixture
def viewer(browser: Any) -> Any:
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    made = Viewer(context.new_page())
    yield made
    context.close()
    assert not made.problems
    assert len({host for host in made.hosts if host}) <= 1, f"the page asked others: {made.hosts}"


def test_drop_tap_drag_compare_and_download(viewer: Any, page_server: Any, photo: Path, tmp_path: Path) -> None:
    viewer.open(page_server.address, photo)
    page = viewer.page
    made = open_session(photo)
    assert viewer.picture() == made.picture("photo", {"f_number": 2})

    with viewer.drawing():
        viewer.tap(0.5, 0.55)
    tapped = viewer.last["settings"]
    assert tapped["x"] == pytest.approx(0.5, abs=0.01)
    assert tapped["y"] == pytest.approx(0.55, abs=0.01)
    assert viewer.picture() == made.picture("photo", tapped)
    assert "Focus at" in page.inner_text(".status")

    aperture = page.get_by_role("slider", name="Aperture")
    box = aperture.bounding_box()
    page.mouse.move(box["x"] + 0.75 * box["width"], box["y"] + box["height"] / 2)
    page.mouse.down()
    with viewer.drawing():
        page.mouse.move(box["x"] + 0.3 * box["width"], box["y"] + box["height"] / 2, steps=4)
    with viewer.drawing():
        page.mouse.move(box["x"] + box["width"] - 1, box["y"] + box["height"] / 2, steps=4)
    page.mouse.up()
    page.wait_for_function("document.querySelector('.f-number').textContent === 'f/1'")
    assert aperture.get_attribute("aria-valuetext") == "f/1"

    page.wait_for_selector('.download[aria-disabled="false"]')
    with page.expect_download() as download:
        page.get_by_role("link", name="Download").click()
    place = tmp_path / download.value.suggested_filename
    download.value.save_as(place)
    assert place.name == "walk.dof.jpg"
    settings = viewer.last["settings"]
    assert settings["f_number"] == 1
    (tmp_path / "wanted").mkdir()
    wanted = made.save(settings, tmp_path / "wanted")
    assert place.read_bytes() == wanted.read_bytes()
    assert viewer.shown() == wanted.read_bytes()
    assert dofsim.read_recipe(place).blur == "4%"
    with Image.open(place) as image:
        assert image.size == (320, 240)
        assert (image.getexif()[0x010F], image.getexif()[0x0110]) == ("ACME", "Pocket 3")

    page.mouse.move(*_middle(page, ".compare"))
    page.mouse.down()
    page.wait_for_function("document.querySelector('.badge').style.display === 'block'")
    page.wait_for_function("document.querySelector('.shown').src.startsWith('blob:')")
    assert viewer.shown() == made.picture("original", {})
    page.mouse.up()
    page.wait_for_function("document.querySelector('.badge').style.display === 'none'")


def _middle(page: Any, selector: str) -> tuple[float, float]:
    box = page.locator(selector).bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def test_keys_views_lens_and_depth(viewer: Any, page_server: Any, photo: Path, tmp_path: Path) -> None:
    viewer.open(page_server.address, photo)
    page, made = viewer.page, open_session(photo)
    page.locator(".stage").focus()
    for _ in range(3):
        page.keyboard.press("ArrowLeft")
    with viewer.drawing():
        page.keyboard.press("Enter")
    settings = viewer.last["settings"]
    assert settings["x"] == pytest.approx(0.44)
    for name, view in (("Plane of focus", "focus"), ("Depth", "depth"), ("Blur", "coc"), ("Photo", "photo")):
        with viewer.drawing():
            page.get_by_role("radio", name=name, exact=True).check()
        assert viewer.picture() == made.picture(view, settings), view
    page.get_by_role("button", name="Lens").click()
    with viewer.drawing():
        page.get_by_label("Recover clipped lights").uncheck()
    assert viewer.last["settings"]["highlights"] is False
    with viewer.drawing():
        page.get_by_role("slider", name="Donut").fill("0.5")
    assert viewer.last["settings"]["donut"] == 0.5
    assert viewer.picture() == made.picture("photo", viewer.last["settings"])

    values = np.zeros((240, 320), np.uint8)
    values[:, 160:] = 255
    Image.fromarray(values).save(tmp_path / "mine.png")
    page.get_by_role("button", name="Depth map of your own").click()
    with viewer.drawing():
        page.set_input_files("input[type=file] >> nth=1", tmp_path / "mine.png")
    page.wait_for_function("document.querySelector('#dofsim-depth').textContent.includes('mine.png')")
    assert page.get_by_label("File", exact=True).is_checked()
    with viewer.drawing():
        page.get_by_label("Network", exact=True).check()
    page.wait_for_function("document.querySelector('#dofsim-depth').textContent.includes('network')")


def test_a_phone_beside_a_desk_each_with_its_own_photo_and_nothing_left(
    browser: Any, page_server: Any, photo: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other.png"
    Image.new("RGB", (200, 100), (200, 30, 30)).save(other)
    phone = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True, "color_scheme": "dark"}
    contexts = [browser.new_context(color_scheme="light"), browser.new_context(**phone)]
    desk, hand = (Viewer(context.new_page()) for context in contexts)
    desk.open(page_server.address, other)
    hand.open(page_server.address, photo)

    assert hand.page.evaluate("document.documentElement.scrollWidth") <= 390
    box = hand.page.locator(".shown").bounding_box()
    with hand.drawing():
        hand.page.touchscreen.tap(box["x"] + 0.25 * box["width"], box["y"] + 0.5 * box["height"])
    assert hand.last["settings"]["x"] == pytest.approx(0.25, abs=0.02)
    assert _brightness(hand.page) < 200 < _brightness(desk.page)

    sizes = [Image.open(io.BytesIO(made.picture())).size for made in (desk, hand)]
    assert sizes == [(200, 100), (320, 240)]
    tokens = {made.last["token"] for made in (desk, hand)}
    assert len(tokens) == 2
    for context in contexts:
        context.close()
    results = next(page_server.temporary.glob("dofsim-ui-*/results"))
    for _ in range(200):
        left = tokens.intersection(path.name for path in results.iterdir())
        if not left:
            break
        time.sleep(0.1)
    assert not left
    assert not [path for path in page_server.temporary.rglob("*") if path.suffix in (".jpg", ".png")]


def _brightness(page: Any) -> int:
    background = page.evaluate("getComputedStyle(document.body).backgroundColor")
    return sum(int(part) for part in background.strip("rgba()").split(",")[:3])


def test_what_is_too_large_or_no_photo_is_refused_in_words(viewer: Any, page_server: Any, tmp_path: Path) -> None:
    many, heavy, text = tmp_path / "many.png", tmp_path / "heavy.png", tmp_path / "text.jpg"
    Image.new("L", (2000, 1500)).save(many)
    codes = np.random.default_rng(1).integers(0, 256, (1100, 1100, 3)).astype(np.uint8)
    Image.fromarray(codes).save(heavy, compress_level=0)
    text.write_text("not a photo")
    page = viewer.open(page_server.address).page
    for path, words in (
        (many, "more than the 2 megapixels"),
        (text, "is not a photo"),
        (heavy, "exceed the maximum allowed size"),
    ):
        page.set_input_files("#dofsim-photo input[type=file]", path)
        page.get_by_text(words).first.wait_for()
    assert page.locator(".frame").get_attribute("data-state") == "empty"


def test_only_this_machine_reaches_only_what_is_its_own(page_server: Any) -> None:
    for path in ("/etc/passwd", str(page_server.temporary), str(Path(__file__).resolve())):
        with pytest.raises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(f"{page_server.address}gradio_api/file={path}")
        assert caught.value.code in (403, 404)
        caught.value.close()


def test_a_real_phone_file_keeps_what_the_phone_wrote(
    viewer: Any, page_server: Any, shared: Path, tmp_path: Path
) -> None:
    source = shared / "photos" / "table.jpg"
    page = viewer.open(page_server.address, source).page
    page.wait_for_function("document.querySelector('#dofsim-depth').textContent.includes('From the phone')")
    with viewer.drawing():
        viewer.tap(0.5, 0.75)
    page.wait_for_selector('.download[aria-disabled="false"]')
    with page.expect_download() as download:
        page.get_by_role("link", name="Download").click()
    place = tmp_path / "table.dof.jpg"
    download.value.save_as(place)
    with Image.open(place) as result, Image.open(source) as original:
        assert result.size == original.size
        assert result.getexif().get(306) == original.getexif().get(306) is not None
    assert dofsim.read_recipe(place).source == "photo"
