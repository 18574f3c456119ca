"""A rendered picture takes over a real one's colours and sharpness, and keeps what it shows."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from dofsim.datasets.augment import Strength, borrow_look
from dofsim.datasets.mixture import Mixture, Rendered


def blobs(seed, blur, colour, size=(96, 128)):
    """Smooth random spots around a colour."""
    rng = np.random.default_rng(seed)
    spots = cv2.GaussianBlur(rng.standard_normal((*size, 3)).astype(np.float32), (0, 0), blur)
    return np.clip(np.array(colour) + 25 * spots / spots.std(), 0, 255).astype(np.uint8)


def lab(photo):
    return cv2.cvtColor(photo.astype(np.float32) / 255, cv2.COLOR_RGB2LAB).reshape(-1, 3).mean(axis=0)


def detail(photo):
    """Mean squared difference of neighbours over the variance."""
    grey = photo.mean(axis=2)
    return np.square(np.diff(grey, axis=1)).mean() / grey.var()


@pytest.mark.parametrize("seed", range(4))
def test_colours_and_sharpness_move_towards_the_other(seed):
    purple, wooden = blobs(1, 1.5, (150, 90, 200)), blobs(2, 4.0, (140, 110, 70), (200, 150))
    result = borrow_look(purple, wooden, np.random.default_rng(seed))
    assert result.shape == purple.shape
    assert result.dtype == np.uint8
    assert np.linalg.norm(lab(result) - lab(wooden)) < 0.65 * np.linalg.norm(lab(purple) - lab(wooden))
    assert detail(result) < 0.9 * detail(purple)


def test_what_is_seen_stays():
    photo = blobs(1, 3.0, (120, 120, 120))
    result = borrow_look(photo, blobs(2, 3.0, (90, 120, 140)), np.random.default_rng(0))
    assert np.corrcoef(photo.mean(axis=2).ravel(), result.mean(axis=2).ravel())[0, 1] > 0.9


def test_its_own_look_changes_nothing():
    photo = blobs(1, 3.0, (120, 100, 130))
    result = borrow_look(photo, photo, np.random.default_rng(0))
    assert np.abs(result.astype(int) - photo).max() <= 1


def test_a_picture_of_one_colour_takes_the_others_mean():
    grey = np.full((64, 64, 3), 128, np.uint8)
    result = borrow_look(grey, blobs(2, 3.0, (140, 110, 70)), np.random.default_rng(0))
    assert result.std(axis=(0, 1)).max() < 2
    assert result[..., 0].mean() > result[..., 2].mean() + 10


def test_rendered_scenes_borrow_from_real_ones_as_often_as_asked_for():
    """With augmentation off otherwise, half of a lone grey rendering's pictures have the red of the real photo."""
    depth = np.repeat(np.linspace(0.1, 1, 64, dtype=np.float32)[:, None], 64, axis=1)
    red = blobs(3, 3.0, (200, 60, 60), (64, 64))
    grey = Rendered(np.full((1, 64, 64, 3), 128, np.uint8), depth[None])
    still = Strength(0, 0, 0, 0, roll=0, colour=0, blur=0, noise=0, look=0.5)
    mixture = Mixture([(red, depth)], np.array([1.0]), [], [grey], (0.0, 0.0, 1.0), strength=still)
    pictures = [mixture.sample((64, 64), np.random.default_rng(seed))[0] for seed in range(60)]
    borrowed = sum(bool(picture[..., 0].mean() > picture[..., 2].mean() + 5) for picture in pictures)
    assert 20 <= borrowed <= 40
