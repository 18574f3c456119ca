"""The page in a real browser: drop a photo, tap, drag, compare, download."""

from __future__ import annotations

import base64
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

    def slide(self, name: str, word: str, value: float) -> None:
        """Move a slider of the lens until the page draws with that."""
        drawn = f"window.answers.at(-1).asked.settings.{word} === {value}"
        # While an accordion opens, Gradio puts its own value back.
        for _ in range(10):
            self.page.get_by_role("slider", name=name).fill(str(value))
            for _ in range(20):
                if self.page.evaluate(drawn):
                    return
                self.page.wait_for_timeout(100)
        raise AssertionError(f"{name} was not drawn with {value}")

    def download(self, folder: Path) -> Path:
        """Wait for the full size and download it."""
        self.page.wait_for_selector('.download[aria-disabled="false"]')
        with self.page.expect_download() as download:
            self.page.get_by_role("link", name="Download").click()
        place: Path = folder / download.value.suggested_filename
        download.value.save_as(place)
        return place

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

    place = viewer.download(tmp_path)
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
    for name, word, value in (("Clipped lights", "highlight_strength", 2), ("Donut", "donut", 0.5)):
        viewer.slide(name, word, value)
        assert viewer.last["settings"][word] == value
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
    Image.new("L", (4100, 3500)).save(many)
    codes = np.random.default_rng(1).integers(0, 256, (1100, 1100, 3)).astype(np.uint8)
    Image.fromarray(codes).save(heavy, compress_level=0)
    text.write_text("not a photo")
    page = viewer.open(page_server.address).page
    for path, words in (
        (many, "more than the 13 megapixels"),
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


def test_twelve_megapixels_give_way_to_a_tap_and_keep_what_the_phone_wrote(
    viewer: Any, page_server: Any, shared: Path, tmp_path: Path
) -> None:
    source = shared / "photos" / "pug.heic"
    page = viewer.open(page_server.address, source).page
    viewer.tap(0.2, 0.8)
    page.get_by_text("refocusing in full size").wait_for()
    with viewer.drawing():
        viewer.tap(0.6, 0.6)
    place = viewer.download(tmp_path)
    assert place.name == "pug.dof.jpg"
    before, after = dofsim.read_photo(source), dofsim.read_photo(place)
    assert (after.width, after.height) == (before.width, before.height) == (4032, 3024)
    assert after.profile.name == before.profile.name == "Display P3"
    kept, old = (_exif(photo.metadata.exif) for photo in (after, before))
    assert kept[0x0110] == old[0x0110] == "iPhone 13 Pro"
    assert kept.get_ifd(0x8769)[0x9003] == old.get_ifd(0x8769)[0x9003]
    recipe = dofsim.read_recipe(place)
    assert (recipe.source, recipe.aperture) == ("photo", 2.0)
    x, y = (float(part.rstrip("%")) for part in str(recipe.focus_at).split(","))
    assert (x, y) == (pytest.approx(60, abs=0.5), pytest.approx(60, abs=0.5))


def _exif(block: bytes | None) -> Image.Exif:
    exif = Image.Exif()
    exif.load(b"Exif\0\0" + (block or b""))
    return exif


_DROP = """([name, base64]) => {
  const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0)), files = new DataTransfer();
  files.items.add(new File([bytes], name));
  for (const kind of ['dragenter', 'dragover', 'drop']) document.querySelector('.stage .shown').dispatchEvent(
    new DragEvent(kind, { bubbles: true, cancelable: true, dataTransfer: files }));
}"""


def test_a_dropped_file_a_held_picture_and_a_view_that_is_changed_at_once(
    viewer: Any, page_server: Any, photo: Path, tmp_path: Path
) -> None:
    page = viewer.open(page_server.address).page
    # Gradio's box may come later than ours: a photo that is dropped in between waits for it.
    page.evaluate(
        "box = document.querySelector('#dofsim-photo'); box.id = ''; setTimeout(() => box.id = 'dofsim-photo', 300)"
    )
    with viewer.drawing():
        page.evaluate(_DROP, [photo.name, base64.b64encode(photo.read_bytes()).decode()])
    page.mouse.move(*_middle(page, ".shown"))
    page.mouse.down()
    page.wait_for_function("document.querySelector('.badge').style.display === 'block'")
    assert viewer.shown() == open_session(photo).picture("original", {})
    page.mouse.up()
    page.wait_for_function("document.querySelector('.badge').style.display === 'none'")
    assert viewer.last["settings"]["x"] is None, "to hold is not to tap"

    with viewer.drawing():
        viewer.tap(0.3, 0.3)
    page.get_by_role("radio", name="Depth").check()
    assert dofsim.read_recipe(viewer.download(tmp_path)).focus_at is not None


def test_keys_alone_are_enough(viewer: Any, page_server: Any, photo: Path, tmp_path: Path) -> None:
    page = viewer.open(page_server.address).page
    keys = page.keyboard
    keys.press("Tab")
    with page.expect_file_chooser() as chooser, viewer.drawing():
        keys.press("Enter")
        chooser.value.set_files(photo)
    keys.press("ArrowDown")
    with viewer.drawing():
        keys.press("Enter")
    keys.down("c")
    page.wait_for_function("document.querySelector('.badge').style.display === 'block'")
    keys.up("c")
    keys.press("Tab")
    with viewer.drawing():
        keys.press("ArrowRight")
    assert page.inner_text(".f-number") == "f/1.8"
    keys.press("Tab")
    keys.press("ArrowRight")
    page.wait_for_function("window.answers.at(-1).asked.view === 'focus'")
    page.wait_for_selector('.download[aria-disabled="false"]')
    keys.press("Tab")
    keys.down(" ")
    page.wait_for_function("document.querySelector('.badge').style.display === 'block'")
    keys.up(" ")
    keys.press("Tab")
    with page.expect_download() as download:
        keys.press("Enter")
    download.value.save_as(tmp_path / "kept.jpg")
    recipe = dofsim.read_recipe(tmp_path / "kept.jpg")
    assert (recipe.blur, recipe.focus_at) == ("2.222%", "50%,52%")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_to_complain_about(browser: Any, page_server: Any, photo: Path, scheme: str) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="needs axe-playwright-python").Axe()
    context = browser.new_context(viewport={"width": 1280, "height": 900}, color_scheme=scheme)
    viewer = Viewer(context.new_page())
    viewer.open(page_server.address, photo)
    for name in ("Lens", "Depth map of your own"):
        viewer.page.get_by_role("button", name=name).click()
    viewer.page.wait_for_selector('.download[aria-disabled="false"]')
    viewer.page.get_by_label("Cat's eye").first.wait_for()
    found = axe.run(viewer.page).response
    context.close()
    assert len(found["passes"]) > 20
    assert not [(rule["id"], [node["html"] for node in rule["nodes"]]) for rule in found["violations"]]
