"""What the page does, without a browser and without Gradio."""

from __future__ import annotations

import io
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import dofsim
from dofsim.bokeh.workers import Workers, stopping
from dofsim.depth import DepthKind, DepthMap
from dofsim.errors import DepthError, ParameterError, PhotoError, StoppedError
from dofsim.photo import Photo
from dofsim.ui.server import serving
from dofsim.ui.session import PREVIEW_PIXELS, Session, explained, open_session, smaller
from dofsim.ui.store import SessionStore

NEAR, FAR = {"x": 0.8, "y": 0.5}, {"x": 0.1, "y": 0.5}


def pixels(height: int = 72, width: int = 96) -> np.ndarray:
    return np.random.default_rng(3).integers(0, 256, (height, width, 3)).astype(np.uint8)


def halves(kind: DepthKind = DepthKind.RELATIVE, height: int = 72, width: int = 96) -> DepthMap:
    """Far on the left (4 m), near on the right (1 m)."""
    values = np.full((height, width), 0.25, np.float32)
    values[:, width // 2 :] = 1.0
    return DepthMap(values, kind, "photo", "of a test")


def session(kind: DepthKind = DepthKind.RELATIVE) -> Session:
    photo = Photo.from_array(pixels())
    return Session(Photo(photo.pixels, depth=halves(kind), path=Path("walk.heic")))


def decoded(data: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(data)) as image:
        assert image.format == "JPEG"
        return np.asarray(image).astype(int)


def test_a_tap_decides_which_half_is_sharp_and_the_aperture_how_soft_the_other_gets() -> None:
    made = session()
    original = decoded(made.picture("original", {}))
    near = np.s_[:, 66:]
    far = np.s_[:, :30]
    for point, sharp, soft in ((NEAR, near, far), (FAR, far, near)):
        picture = decoded(made.picture("photo", {**point, "f_number": 1}))
        assert np.abs(picture[sharp] - original[sharp]).max() < 12
        assert picture[soft].std() < 0.6 * original[soft].std()
    spread = [decoded(made.picture("photo", {**NEAR, "f_number": number}))[far].std() for number in (1, 4, 16)]
    assert spread == sorted(spread)
    assert spread[2] > 1.5 * spread[0]


def test_with_metric_depth_the_f_number_is_that_of_a_lens() -> None:
    relative, metric = session().recipe({"f_number": 2}), session(DepthKind.INVERSE).recipe({"f_number": 2})
    assert (relative.blur, relative.aperture) == ("2%", None)
    assert (metric.blur, metric.aperture, metric.focal_length) == (None, 2.0, 50.0)
    assert session(DepthKind.INVERSE).recipe({"f_number": 2, "focal_length": 85}).focal_length == 85.0
    assert "Focus at 1 m" in session(DepthKind.INVERSE).about_focus(NEAR)
    assert "Focus at 1.00 of the depth scale; strongest blur" in session().about_focus(NEAR)
    assert session(DepthKind.INVERSE).about_depth() == "From the phone (of a test), 1 m to 4 m"


def test_the_views_show_depth_and_the_signed_circle_of_confusion() -> None:
    made = session()
    depth = decoded(made.picture("depth", {})).sum(axis=2)
    assert depth[:, 60:].mean() > depth[:, :36].mean() + 200
    behind = decoded(made.picture("coc", {**NEAR, "f_number": 1}))
    assert behind[:, 60:].min() > 240
    assert behind[:, :36, 2].mean() > behind[:, :36, 0].mean() + 100
    front = decoded(made.picture("coc", {**FAR, "f_number": 1}))
    assert front[:, 60:, 0].mean() > front[:, 60:, 2].mean() + 100
    tinted = decoded(made.picture("focus", {**FAR, "f_number": 1}))
    assert tinted[:, 60:, 0].mean() > tinted[:, 60:, 2].mean() + 20


@pytest.mark.parametrize(
    ("settings", "match"),
    [
        ({"f_number": 0.5}, "f/1 to f/16"),
        ({"f_number": "wide"}, "is a number"),
        ({"f_number": float("nan")}, "is a number"),
        ({"f_number": True}, "is a number"),
        ({"x": 1.5, "y": 0.5}, "outside"),
        ({"x": "a", "y": 0.5}, "x is a number"),
        ({"blades": 2}, "3 blades"),
        ({"blades": "six"}, "blades cannot be 'six'"),
        ({"grain": 1}, "grain cannot be 1"),
    ],
)
def test_what_a_browser_sends_is_not_believed(settings: dict[str, object], match: str) -> None:
    with pytest.raises(ParameterError, match=match):
        session().picture("photo", settings)


def test_an_unknown_view_is_refused() -> None:
    with pytest.raises(ParameterError, match="no view 'x'"):
        session().picture("x", {})


def test_the_depth_can_come_from_elsewhere() -> None:
    made = session()
    assert (made.sources, made.source) == (["photo", "estimator"], "photo")
    with pytest.raises(ParameterError, match="give a depth map first"):
        made.use_depth("file")
    with pytest.raises(ParameterError, match="not from 'moon'"):
        made.use_depth("moon")
    own = halves().values[:, ::-1]
    made.use_depth("file", DepthMap(own, DepthKind.RELATIVE, "file", "mine.png"))
    assert (made.sources, made.source) == (["photo", "estimator", "file"], "file")
    assert made.preview.depth.values[0, 0] > made.preview.depth.values[0, -1]
    assert made.full.depth.values[0, 0] > made.full.depth.values[0, -1]
    made.use_depth("photo")
    assert made.full.depth.values[0, 0] < made.full.depth.values[0, -1]
    made.use_depth("file")
    assert made.source == "file"
    with pytest.raises(DepthError, match="aspect"):
        made.use_depth("file", halves(height=20, width=96))
    assert made.source == "file"
    assert "From a file (mine.png)" in made.about_depth()
    with pytest.raises(DepthError, match="no depth map of its own"):
        Session(Photo.from_array(pixels()), halves()).use_depth("photo")


def test_the_network_finds_depth_where_there_is_none() -> None:
    made = Session(Photo.from_array(pixels()))
    assert (made.sources, made.source) == (["estimator"], "estimator")
    assert "depth network" in made.about_depth()
    assert made.recipe({}).source == "estimator"


def test_the_full_size_is_what_the_recipe_in_it_says(tmp_path: Path) -> None:
    made = session()
    told: list[tuple[float, str]] = []
    settings = {**NEAR, "f_number": 1.4, "blades": 5, "grain": False}
    place = made.save(settings, tmp_path, stage=lambda share, what: told.append((share, what)))
    assert place == tmp_path / "walk.dof.jpg"
    assert [share for share, _ in told] == sorted(share for share, _ in told)
    recipe = dofsim.read_recipe(place)
    assert (recipe.blades, recipe.grain, recipe.source) == (5, False, "photo")
    again = recipe.render(recipe.prepare(made.photo)).save(tmp_path / "again.jpg")
    assert again.read_bytes() == place.read_bytes()


def test_the_full_size_gives_way_to_other_settings_but_not_to_other_views(tmp_path: Path) -> None:
    made = session()
    settings = {**NEAR, "f_number": 1.4}

    def meanwhile(view: str, wish: dict[str, object]) -> Callable[[float, str], None]:
        return lambda _, what: made.picture(view, wish) and None if what.startswith("refocusing") else None

    with pytest.raises(StoppedError):
        made.save(settings, tmp_path, stage=meanwhile("photo", {**settings, "f_number": 2}))
    assert not list(tmp_path.iterdir())
    assert made.save(settings, tmp_path, stage=meanwhile("depth", settings)).exists()
    assert made.save(settings, tmp_path, stage=meanwhile("original", {})).exists()


@pytest.mark.parametrize("threads", [1, 2])
def test_a_rendering_that_nobody_wants_ends_after_the_piece_of_work_at_hand(threads: int) -> None:
    done: list[int] = []
    with Workers(threads) as free, stopping(lambda: len(done) >= 3):
        with Workers(threads) as workers, pytest.raises(StoppedError):
            workers.run(done.append, range(100))
        assert 3 <= len(done) <= 3 + threads
        free.run(done.append, range(5))
    with Workers(threads) as workers:
        workers.run(done.append, range(5))


def test_previews_are_small_and_look_like_the_photo() -> None:
    large = Photo.from_array(np.repeat(np.repeat(pixels(), 20, axis=0), 20, axis=1))
    small = smaller(large, PREVIEW_PIXELS)
    assert 0.98 * PREVIEW_PIXELS < small.width * small.height < 1.02 * PREVIEW_PIXELS
    assert abs(float(small.pixels.mean()) - float(large.pixels.mean())) < 1
    assert smaller(small, PREVIEW_PIXELS).pixels is small.pixels


def test_photos_of_16_bits_with_alpha_and_grey_ones_are_shown() -> None:
    codes = np.random.default_rng(1).integers(0, 65536, (48, 64, 4)).astype(np.uint16)
    for photo in (Photo.from_array(codes), Photo.from_array(pixels()[..., 0])):
        height, width = photo.pixels.shape[:2]
        made = Session(photo, halves(height=height, width=width))
        for view in ("photo", "focus", "depth", "coc", "original"):
            assert decoded(made.picture(view, NEAR)).shape[:2] == (height, width)


def test_a_photo_of_too_many_pixels_is_refused_before_it_is_decoded(tmp_path: Path) -> None:
    for suffix in (".png", ".jpg", ".heic"):
        place = dofsim.Photo.from_array(pixels()).save(tmp_path / f"large{suffix}")
        with pytest.raises(PhotoError, match=r"96 x 72 pixels, more than the 0\.006 megapixels"):
            open_session(place, max_pixels=6000)


def test_errors_become_sentences() -> None:
    assert explained(ParameterError("a\n b")) == "a b"
    assert explained(KeyError("/secret/place")) == "unexpected KeyError; this is a bug of dofsim"


def test_photos_of_users_stay_apart_and_leave_nothing(tmp_path: Path) -> None:
    store = SessionStore(tmp_path, most=2)
    mine, theirs = session(), session()
    first, second = store.add(mine, "a"), store.add(theirs, "b")
    assert store.get(first)[0] is mine
    assert store.get(second)[0] is theirs
    (store.get(first)[1] / "result.jpg").write_bytes(b"x")
    for wrong in ("", "a", first[:-1], None, 3, ["x"]):
        with pytest.raises(ParameterError, match="drop it again"):
            store.get(wrong)
    replaced = store.add(session(), "a")
    assert {path.name for path in tmp_path.iterdir()} == {second, replaced}
    store.get(second)
    third = store.add(session(), "c")
    assert {path.name for path in tmp_path.iterdir()} == {second, third}, "the one that was unused for longest goes"
    store.drop_user("b")
    store.drop("unknown")
    assert {path.name for path in tmp_path.iterdir()} == {third}


def test_sessions_that_nobody_uses_are_given_up(tmp_path: Path) -> None:
    store = SessionStore(tmp_path, idle_s=-1)
    first = store.add(session(), "a")
    store.add(session(), "b")
    with pytest.raises(ParameterError):
        store.get(first)
    assert not (tmp_path / first).exists()


def test_the_logic_needs_no_gradio() -> None:
    code = "import sys, dofsim.ui.session, dofsim.ui.store, dofsim.cli.app; print('gradio' in sys.modules)"
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()
        == "False"
    )


@pytest.mark.parametrize("host", ["192.0.2.1", "no such host"])
def test_a_page_that_cannot_listen_says_so_at_once(host: str) -> None:
    with pytest.raises(OSError), serving(host=host):  # noqa: PT011 - the words are the system's
        raise AssertionError("192.0.2.1 is an address for documentation")


def test_a_port_that_is_taken_is_not_waited_for() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(OSError, match="in use"), serving(port=port):
            raise AssertionError("somebody else listens there")
