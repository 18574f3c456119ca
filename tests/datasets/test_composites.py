"""Augmentation, mattes and 2.5-D composites."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from dofsim.datasets import augment
from dofsim.datasets.composites import compose, ground_plane, place
from dofsim.datasets.mattes import Subject, cut_out, foreground_colour, read_subjects
from dofsim.errors import PhotoError


@pytest.fixture
def scene():
    rng = np.random.default_rng(0)
    photo = rng.integers(0, 255, (60, 80, 3), np.uint8)
    rows = np.linspace(0.1, 1.0, 60, dtype=np.float32)[:, None]
    inverse = np.repeat(rows, 80, axis=1)
    inverse[5:9, 10:20] = np.nan
    return photo, inverse


@pytest.fixture
def subject():
    y, x = np.mgrid[0:50, 0:40]
    distance = np.hypot((y - 25) / 22, (x - 20) / 16)
    alpha = (np.clip((1.15 - distance) / 0.3, 0, 1) * 255).astype(np.uint8)
    colour = np.full((50, 40, 3), (200, 30, 30), np.uint8)
    return Subject("disc", colour, alpha, grounded=True)


def test_depth_values_are_never_mixed(scene):
    photo, inverse = scene
    steps = np.where(np.arange(80) < 40, 1.0, 5.0).astype(np.float32)
    inverse = np.where(np.isnan(inverse), np.nan, steps[None, :]).astype(np.float32)
    for seed in range(30):
        _, seen = augment.view(photo, inverse, (32, 48), np.random.default_rng(seed))
        assert set(np.unique(seen[np.isfinite(seen)])) <= {1.0, 5.0}


def test_view_keeps_photo_and_depth_together():
    # a photo whose grey value is its depth stays so under every crop, flip, turn and tilt
    ramp = np.repeat(np.linspace(0, 250, 120, dtype=np.float32)[:, None], 160, axis=1)
    photo = np.repeat(ramp[..., None], 3, axis=2).astype(np.uint8)
    for seed in range(20):
        seen, depth = augment.view(photo, ramp, (64, 96), np.random.default_rng(seed))
        known = np.isfinite(depth)
        assert known.mean() > 0.6
        assert np.abs(seen[..., 0].astype(float) - depth)[known].mean() < 3.0


def test_cameras_are_turned_by_every_quarter_and_no_more_often_than_asked():
    ramp = np.repeat(np.linspace(0, 250, 120, dtype=np.float32)[:, None], 160, axis=1)
    photo = np.repeat(ramp[..., None], 3, axis=2).astype(np.uint8)

    def lower_is_more(roll: float) -> list[float]:
        seen = []
        for seed in range(40):
            strength = augment.Strength(roll=roll, perspective=0.0)
            shown, depth = augment.view(photo, ramp, (64, 64), np.random.default_rng(seed), strength)
            known = np.isfinite(depth)
            assert known.mean() > 0.5
            assert np.abs(shown[..., 0].astype(float) - depth)[known].mean() < 3.0
            rows = np.broadcast_to(np.arange(64)[:, None], depth.shape)
            seen.append(float(np.corrcoef(rows[known], depth[known])[0, 1]))
        return seen

    assert min(lower_is_more(0.0)) > 0.9
    turned = np.array(lower_is_more(1.0))
    assert (turned < -0.8).any()
    assert (np.abs(turned) < 0.6).any()
    assert (turned < 0.8).all()


def test_limited_range_forgets_the_far_and_nothing_else():
    inverse = np.random.default_rng(0).uniform(0.1, 2.0, (30, 40)).astype(np.float32)
    inverse[:5] = np.nan
    given = inverse.copy()
    for seed in range(20):
        near = augment.limit_range(inverse, np.random.default_rng(seed))
        known, forgotten = np.isfinite(near), np.isfinite(given) & ~np.isfinite(near)
        np.testing.assert_array_equal(near[known], given[known])
        assert 0.05 < forgotten.mean() < 0.7
        assert given[forgotten].max() <= near[known].min()
    np.testing.assert_array_equal(inverse, given)
    unknown = np.full((3, 3), np.nan, np.float32)
    assert np.isnan(augment.limit_range(unknown, np.random.default_rng(0))).all()


def test_view_is_deterministic_per_seed_and_differs_between_seeds(scene):
    photo, inverse = scene
    views = [augment.view(photo, inverse, (32, 32), np.random.default_rng(seed)) for seed in (1, 1, 2)]
    np.testing.assert_array_equal(views[0][0], views[1][0])
    np.testing.assert_array_equal(views[0][1], views[1][1])
    assert (views[0][0] != views[2][0]).any()


def test_colour_changes_leave_shape_and_type(scene):
    photo, inverse = scene
    rng = np.random.default_rng(0)
    for _ in range(20):
        for result in (
            augment.tone(photo, rng),
            augment.degrade(photo, rng, 1.0, 1.0),
            augment.defocus(photo, inverse, rng),
        ):
            assert result.shape == photo.shape
            assert result.dtype == np.uint8
    np.testing.assert_array_equal(augment.degrade(photo, rng, 0.0, 0.0), photo)


def test_depth_changes_exactly_where_alpha_passes_one_half(scene, subject):
    photo, inverse = scene
    placed = 0
    for seed in range(20):
        _, depth, alpha = place(photo, inverse, subject, np.random.default_rng(seed))
        if not alpha.any():
            continue
        placed += 1
        opaque = alpha >= 0.5
        np.testing.assert_array_equal(depth[~opaque], inverse[~opaque])
        assert np.isfinite(depth[opaque]).all()
        # the subject stands before what it hides
        hidden = inverse[opaque]
        assert depth[opaque].min() >= np.nanpercentile(hidden, 85)
    assert placed > 15


def test_composites_are_deterministic_and_keep_their_input(scene, subject):
    photo, inverse = scene
    before = photo.copy(), inverse.copy()
    first = compose(photo, inverse, [subject], np.random.default_rng(7))
    second = compose(photo, inverse, [subject], np.random.default_rng(7))
    np.testing.assert_array_equal(first[0], second[0])
    np.testing.assert_array_equal(first[1], second[1])
    np.testing.assert_array_equal(photo, before[0])
    np.testing.assert_array_equal(inverse, before[1])
    assert (first[0] != photo).any()


def test_ground_plane_is_linear_below_its_horizon():
    plane = ground_plane((100, 50), np.random.default_rng(3))
    assert plane.min() >= 0
    assert plane[-1].mean() > plane[0].mean()
    column = plane[:, 25]
    rising = column > column.min() + 1e-3
    assert np.abs(np.diff(column[rising], n=2)).max() < 1e-5


def test_foreground_colour_does_not_keep_the_old_background():
    alpha = np.zeros((40, 40), np.uint8)
    alpha[:, :20], alpha[:, 20:24] = 255, 128
    photo = np.where(alpha[..., None] == 255, np.uint8(200), np.uint8(0)) * np.ones(3, np.uint8)
    photo[:, 20:24] = 100  # half subject, half black background
    assert foreground_colour(photo, alpha)[:, 20:23].mean() > 185


def test_read_subjects_filters_and_reduces(tmp_path):
    for name in ("p3m_1", "dim_boy", "aim_net"):
        alpha = np.zeros((120, 90), np.uint8)
        if name == "aim_net":
            alpha[::40, ::30] = 255
        else:
            alpha[20:110, 10:70] = 255
        Image.fromarray(alpha).save(tmp_path / f"{name}.alpha.png")
        Image.fromarray(np.full((120, 90, 3), 90, np.uint8)).save(tmp_path / f"{name}.jpg")
    (subject,) = read_subjects(tmp_path, longest=50)
    assert subject.name == "p3m_1"
    assert max(subject.alpha.shape) == 50
    assert subject.grounded
    assert len(read_subjects(tmp_path, permitted_only=False)) == 2


def test_bad_mattes_are_said(tmp_path):
    with pytest.raises(PhotoError, match="its photo"):
        cut_out("x", np.zeros((4, 4, 3), np.uint8), np.zeros((5, 5), np.uint8))
    with pytest.raises(PhotoError, match="no subject"):
        cut_out("x", np.zeros((4, 4, 3), np.uint8), np.zeros((4, 4), np.uint8))
    Image.fromarray(np.full((9, 9), 255, np.uint8)).save(tmp_path / "p3m_1.alpha.png")
    with pytest.raises(PhotoError, match="cannot be read"):
        read_subjects(tmp_path)
