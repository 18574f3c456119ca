"""Things are cut out of scenes where the depth falls off around them, and nowhere else."""

from __future__ import annotations

import numpy as np
import pytest

from dofsim.datasets.composites import place
from dofsim.datasets.mattes import Subject
from dofsim.datasets.segments import cut_segments, segments_of

SIZE = (160, 200)
Y, X = np.mgrid[: SIZE[0], : SIZE[1]]
DISC = np.hypot(Y - 80, X - 70) < 30
PHOTO = np.where(DISC[..., None], (200, 80, 60), (60, 90, 150)).astype(np.uint8)


def scene(noise: float = 0.0) -> np.ndarray:
    """A dome before a slanted wall."""
    wall = 0.2 + 0.05 * X / SIZE[1]
    dome = 0.7 + 0.1 * np.sqrt(np.clip(1 - ((Y - 80) ** 2 + (X - 70) ** 2) / 900, 0, 1))
    inverse = np.where(DISC, dome, wall) + np.random.default_rng(0).normal(0, noise, SIZE)
    return inverse.astype(np.float32)


@pytest.mark.parametrize("noise", [0.0, 0.002])
def test_a_dome_before_a_wall_is_cut_out_with_its_relief(noise):
    (subject,) = cut_segments("here", PHOTO, scene(noise))
    assert subject.name.startswith("here#")
    assert subject.grounded
    assert abs(int((subject.alpha >= 128).sum()) - int(DISC.sum())) < 2 * np.pi * 30 * 1.6
    assert subject.relief is not None
    assert subject.relief.shape == subject.alpha.shape
    middle = tuple(side // 2 for side in subject.alpha.shape)
    rim = (middle[0], 6)
    assert subject.relief[middle] - subject.relief[rim] > 0.06
    assert subject.relief.min() >= -0.02
    # the wall's colour does not shine through the soft edge
    assert (subject.colour[subject.alpha > 128][:, 0] > 150).mean() > 0.98


def test_holes_and_hollows_are_no_things():
    assert cut_segments("hollow", PHOTO, np.where(DISC, 0.1, 0.5).astype(np.float32)) == []
    unknown = scene()
    unknown[DISC] = np.nan
    assert cut_segments("unknown", PHOTO, unknown) == []
    assert cut_segments("flat", PHOTO, np.full(SIZE, 0.5, np.float32)) == []
    assert cut_segments("empty", PHOTO, np.full(SIZE, np.nan, np.float32)) == []


def test_large_things_are_reduced_and_small_ones_left_out():
    (subject,) = segments_of([("here", PHOTO, scene())], longest=40)
    assert max(subject.alpha.shape) == 40
    assert subject.colour.shape[:2] == subject.alpha.shape == subject.relief.shape
    tiny = np.where(np.hypot(Y - 80, X - 70) < 10, 0.9, 0.2).astype(np.float32)
    assert segments_of([("tiny", PHOTO, tiny)]) == []


def test_the_relief_is_pasted_with_the_thing():
    relief = np.repeat(np.linspace(0, 0.5, 60, dtype=np.float32)[None, :], 60, axis=0)
    subject = Subject("ramp", np.full((60, 60, 3), 90, np.uint8), np.full((60, 60), 255, np.uint8), True, relief)
    seen = 0
    for seed in range(12):
        photo, inverse, alpha = place(PHOTO, scene(), subject, np.random.default_rng(seed))
        inside = inverse[alpha >= 0.5]
        if inside.size > 400:
            across = np.polyfit(X[alpha >= 0.5], inside, 1)[0]
            assert abs(across) * 60 > 0.02
            seen += 1
        assert photo.shape == PHOTO.shape
    assert seen > 6
