"""How much memory may be used, and what happens to photos that take more."""

from __future__ import annotations

import numpy as np
import pytest

import dofsim
from dofsim import DepthKind, DepthMap, memory, refocus
from dofsim.bokeh import Aperture
from dofsim.bokeh.bands import least_rows
from dofsim.errors import ParameterError
from dofsim.photo import Photo

HEIGHT, WIDTH = 704, 64


@pytest.mark.parametrize(
    ("text", "amount"), [("800MB", 800_000_000), ("1.5 GB", 1_500_000_000), ("2g", 2_000_000_000), (4096, 4096)]
)
def test_amounts_are_read(text: str | int, amount: int) -> None:
    assert memory.parse_memory(text) == amount


@pytest.mark.parametrize("text", ["", "much", "-1GB", "0", "1.2.3GB", "5 XB"])
def test_other_amounts_are_refused(text: str) -> None:
    with pytest.raises(ParameterError, match="800MB"):
        memory.parse_memory(text)


def test_the_environment_sets_the_limit_and_an_argument_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    assert memory.used() < memory.limit(None) < memory.used() + memory.free()
    monkeypatch.setenv(memory.LIMIT, "3GB")
    assert memory.limit(None) == 3_000_000_000
    assert memory.limit("1GB") == 1_000_000_000


def scene() -> dofsim.Scene:
    rng = np.random.default_rng(5)
    pixels = rng.integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)
    values = np.tile(np.linspace(0.1, 1.0, HEIGHT, dtype=np.float32)[:, None], (1, WIDTH))
    values[:, 20:30] = 1.0
    return dofsim.prepare(Photo.from_array(pixels), depth=DepthMap(values, DepthKind.INVERSE))


@pytest.mark.parametrize("fringing", [0.0, 0.1])
def test_short_memory_changes_nothing_but_the_rounding(monkeypatch: pytest.MonkeyPatch, fringing: float) -> None:
    lens = Aperture(fringing=fringing)
    whole = scene().render(0.5, blur="6px", shape=lens)
    asked = []
    original = refocus.rows_at_a_time
    monkeypatch.setattr(memory, "used", lambda: 0)
    monkeypatch.setattr(
        "dofsim.scene.rows_at_a_time",
        lambda *given, **named: asked.append(original(*given, **named)) or asked[-1],
    )
    row = WIDTH * (memory.RENDERING + (memory.FRINGING if fringing else 0))
    banded = scene().render(0.5, blur="6px", shape=lens, max_memory=whole.pixels.nbytes + 400 * row)
    assert asked == [400]
    difference = np.abs(banded.pixels.astype(int) - whole.pixels)
    assert difference.max() <= 1
    assert (difference > 0).mean() < 1e-3


def test_what_cannot_fit_is_refused_before_it_is_tried() -> None:
    with pytest.raises(ParameterError, match="--max-memory"):
        scene().render(0.5, blur="6px", max_memory="1MB")


def test_a_photo_that_cannot_fit_is_not_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(memory.LIMIT, "200MB")
    memory.check_photo(1000, 1000)
    with pytest.raises(ParameterError, match="--max-memory"):
        memory.check_photo(10_000, 10_000)


def test_huge_photos_go_in_bands_even_where_there_is_room(monkeypatch: pytest.MonkeyPatch) -> None:
    photo = scene().photo
    assert refocus.rows_at_a_time(photo, 6.0, "4GB") == HEIGHT
    monkeypatch.setattr(memory, "IN_ONE_PIECE", HEIGHT * WIDTH - 1)
    monkeypatch.setattr(memory, "AT_A_TIME", 500 * WIDTH)
    assert refocus.rows_at_a_time(photo, 6.0, "4GB") == 500
    monkeypatch.setattr(memory, "AT_A_TIME", WIDTH)
    assert refocus.rows_at_a_time(photo, 6.0, "4GB") == HEIGHT // 2
    assert refocus.rows_at_a_time(photo, 60.0, "4GB") == least_rows(HEIGHT, WIDTH, 60.0) > HEIGHT // 2
