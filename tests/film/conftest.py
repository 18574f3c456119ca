"""A scene of two halves, far on the left and near on the right, with detail everywhere."""

from __future__ import annotations

import numpy as np
import pytest

from dofsim.depth import DepthKind, DepthMap
from dofsim.photo import Photo
from dofsim.scene import Scene

HEIGHT, WIDTH = 48, 96


@pytest.fixture
def pixels() -> np.ndarray:
    """Noise, uint8 (48, 96, 3)."""
    return np.random.default_rng(5).integers(0, 256, (HEIGHT, WIDTH, 3)).astype(np.uint8)


@pytest.fixture
def scene(pixels) -> Scene:
    """Relative depth 0 on the left, 1 on the right."""
    depth = np.zeros((HEIGHT, WIDTH), np.float32)
    depth[:, WIDTH // 2 :] = 1.0
    return Scene(Photo.from_array(pixels), DepthMap(depth, DepthKind.RELATIVE))


@pytest.fixture
def metric(scene) -> Scene:
    """The same at 4 m and 1 m."""
    metres = np.where(scene.depth.values > 0.5, 1.0, 4.0).astype(np.float32)
    return Scene(scene.photo, DepthMap(metres, DepthKind.METRIC))
