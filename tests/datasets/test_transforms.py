"""Augmentation: depths are never mixed, photo and depth stay together, and a seed decides everything."""

from __future__ import annotations

import pickle
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

pytest.importorskip("albumentations", reason="albumentations is not installed (pip install -e '.[train]')")

from dofsim.datasets.frames import Frame
from dofsim.datasets.transforms import RECIPES, REPORT_MARGIN, Transform
from dofsim.depth.depth_map import DepthKind
from dofsim.errors import ParameterError

thorough = settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
seeds = st.integers(0, 2**40)
sizes = st.tuples(st.integers(16, 90), st.integers(16, 90))


def make(shape, seed, kind=DepthKind.METRIC) -> Frame:
    """A frame with hard depth edges, few values, and a third of the pixels unknown."""
    rng = np.random.default_rng(seed)
    levels = rng.uniform(0.5, 9.0, 5).astype(np.float32)
    blocks = levels[rng.integers(0, 5, (shape[0] // 4 + 1, shape[1] // 4 + 1))]
    depth = np.kron(blocks, np.ones((4, 4), np.float32))[: shape[0], : shape[1]]
    depth[rng.random(shape) < 0.3] = np.nan
    depth[0, 0] = levels[0]
    return Frame(rng.integers(0, 256, (*shape, 3)).astype(np.uint8), depth, kind, "made up", "s", "i")


@thorough
@given(recipe=st.sampled_from(RECIPES), shape=sizes, size=sizes, seed=seeds)
def test_depth_values_are_values_of_the_frame(recipe, shape, size, seed):
    frame = make(shape, seed % 1000)
    view = Transform(recipe, size, divide_depth=False)(frame, seed)
    assert view.photo.shape == (*size, 3)
    assert view.photo.dtype == np.uint8
    assert view.depth.shape == size
    assert view.depth.dtype == np.float32
    known = view.depth[np.isfinite(view.depth)]
    assert known.size
    assert set(np.unique(known)) <= set(np.unique(frame.depth[frame.known]))
    assert not np.isinf(view.depth).any()


@thorough
@given(recipe=st.sampled_from(["report", "strong"]), kind=st.sampled_from(DepthKind), seed=seeds)
def test_depth_follows_the_zoom_by_its_kind(recipe, kind, seed):
    frame = make((60, 80), seed % 1000, kind)
    plain = Transform(recipe, 48, divide_depth=False)(frame, seed)
    view = Transform(recipe, 48)(frame, seed)
    assert view.zoom == plain.zoom > 1
    factor = {DepthKind.METRIC: 1 / view.zoom, DepthKind.INVERSE: view.zoom, DepthKind.RELATIVE: 1.0}[kind]
    np.testing.assert_allclose(view.depth, plain.depth * np.float32(factor), rtol=1e-6)
    np.testing.assert_array_equal(view.photo, plain.photo)


@thorough
@given(recipe=st.sampled_from(["plain", "report"]), shape=sizes, seed=seeds)
def test_photo_and_depth_show_the_same_place(recipe, shape, seed):
    # a photo whose red and green are its coordinates, a depth that is the same in metres
    rows, columns = np.mgrid[0 : shape[0], 0 : shape[1]].astype(np.float32)
    flat = np.zeros(shape, np.float32)
    photo = np.stack([rows * 2, columns * 2, flat], -1).astype(np.uint8)
    size = (40, 56)
    for depth, channel in ((rows, 0), (columns, 1)):
        frame = Frame(photo, depth + np.float32(1), DepthKind.METRIC, "made up", "s", "i")
        view = Transform(recipe, size, divide_depth=False)(frame, seed)
        apart = view.photo[..., channel] / 2.0 - (view.depth - 1.0)
        # the photo is an average over its pixel, the depth one sample of it, and bytes are whole
        assert np.abs(apart).max() <= 0.5 + 0.75 * max(1.0, shape[0] / size[0], shape[1] / size[1])
        assert abs(apart.mean()) < 0.6


def test_strong_views_stay_together_too():
    # colour changes, places do not: where the photo has its edge the depth has it too
    photo = np.zeros((96, 128, 3), np.uint8)
    depth = np.full((96, 128), 5.0, np.float32)
    photo[:, 70:], depth[:, 70:] = 220, 1.0
    frame = Frame(photo, depth, DepthKind.METRIC, "made up", "s", "i")
    transform = Transform("strong", 64, divide_depth=False)
    for seed in range(20):
        view = transform(frame, seed)
        bright = view.photo.astype(float).mean(-1)
        near = view.depth == 1.0
        if 0.05 < near.mean() < 0.95:
            assert bright[near].mean() > bright[~near].mean() + 60
            threshold = (bright[near].mean() + bright[~near].mean()) / 2
            assert ((bright > threshold) == near).mean() > 0.94


@pytest.mark.parametrize("recipe", RECIPES)
def test_a_seed_decides_everything_in_every_process(recipe):
    frame = make((60, 80), 3)
    transform = Transform(recipe, 32)
    one, again, other = (transform(frame, (5, 6, seed)) for seed in (7, 7, 8))
    np.testing.assert_array_equal(one.photo, again.photo)
    np.testing.assert_array_equal(one.depth, again.depth)
    assert (one.photo != other.photo).any() or recipe == "plain"
    copied = pickle.loads(pickle.dumps(transform))(frame, (5, 6, 7))
    np.testing.assert_array_equal(one.photo, copied.photo)


def test_the_report_s_jitter_is_286_to_256():
    frame = make((60, 80), 1)
    assert round(256 * REPORT_MARGIN) == 286
    transform = Transform("report", 256)
    views = [transform(frame, seed) for seed in range(12)]
    assert {round(view.zoom, 6) for view in views} == {round(286 / 256, 6)}
    enlarged = Transform("plain", 286)(frame, 0).photo.astype(int)
    places = set()
    for view in views:
        found = [
            (top, flipped)
            for top in range(31)
            for flipped in (False, True)
            for left in range(31)
            if (window := enlarged[top : top + 256, left : left + 256])[0, 0].tolist()
            == (seen := view.photo[:, ::-1] if flipped else view.photo)[0, 0].tolist()
            and np.array_equal(window, seen)
        ]
        assert len(found) == 1
        places.add(found[0])
    assert len(places) > 6
    assert {flipped for _, flipped in places} == {False, True}


def test_a_view_that_sees_nothing_is_drawn_anew():
    frame = make((64, 64), 0)
    depth = np.full((64, 64), np.nan, np.float32)
    depth[:6, :6] = 2.0
    hole = Frame(frame.photo, depth, DepthKind.METRIC, "made up", "s", "i")
    transform = Transform("strong", 32)
    assert all(np.isfinite(transform(hole, seed).depth).any() for seed in range(30))


def test_the_frame_itself_is_left_alone():
    frame = make((40, 40), 2)
    before = frame.photo.copy(), frame.depth.copy()
    for recipe in RECIPES:
        Transform(recipe, 24)(frame, 1)
    np.testing.assert_array_equal(frame.photo, before[0])
    np.testing.assert_array_equal(frame.depth, before[1])


def test_what_cannot_be_asked():
    with pytest.raises(ParameterError, match="unknown augmentation"):
        Transform("heavy")
    with pytest.raises(ParameterError, match="at least 8 px"):
        Transform("plain", (4, 100))


def test_it_never_asks_the_network():
    code = (
        "import socket\n"
        "def refuse(*_, **__): raise SystemExit('asked the network')\n"
        "socket.socket.connect = refuse\n"
        "socket.getaddrinfo = refuse\n"
        "from dofsim.datasets.transforms import Transform\n"
        "Transform('plain')\n"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_only_one_module_knows_the_library():
    from pathlib import Path

    root = Path(__file__).resolve().parents[2]
    users = [
        path.name
        for folder in ("datasets", "dofsim", "benchmarks")
        for path in (root / folder).rglob("*.py")
        if "import albumentations" in path.read_text(encoding="utf-8")
    ]
    assert users == ["transforms.py"]
