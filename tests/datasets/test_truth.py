"""The reader of ray-traced scenes."""

from __future__ import annotations

import numpy as np
import pytest

from dofsim.datasets.truth import read_truth, read_truths
from dofsim.errors import DepthError


def test_linear_light_is_encoded_and_depth_inverted(tmp_path):
    image = np.full((4, 5, 3), 0.5, np.float16)
    image[0] = 7.0
    depth = np.full((4, 5), 2.0, np.float32)
    depth[1], depth[2] = np.inf, 0.0
    np.savez(tmp_path / "a.npz", image=image, depth=depth)
    photo, inverse = read_truth(tmp_path / "a.npz")
    assert photo[3, 0].tolist() == [186] * 3  # 255 * 0.5 ** (1 / 2.2)
    assert photo[0, 0].tolist() == [255] * 3
    assert inverse[3, 0] == 0.5
    assert inverse[1, 0] == 0.0
    assert np.isnan(inverse[2, 0])


def test_flat_scenes_teach_nothing_and_are_left_out(tmp_path):
    image = np.zeros((4, 5, 3), np.float16)
    np.savez(tmp_path / "a.npz", image=image, depth=np.full((4, 5), 2.0))
    np.savez(tmp_path / "b.npz", image=image, depth=np.linspace(1, 2, 20).reshape(4, 5))
    assert len(read_truths(tmp_path)) == 1
    assert read_truths(tmp_path / "nowhere") == []


def test_other_files_are_refused(tmp_path):
    np.savez(tmp_path / "a.npz", picture=np.zeros(3))
    with pytest.raises(DepthError, match="no scene"):
        read_truth(tmp_path / "a.npz")
    np.savez(tmp_path / "b.npz", image=np.zeros((4, 5, 3)), depth=np.zeros((5, 4)))
    with pytest.raises(DepthError, match="its image"):
        read_truth(tmp_path / "b.npz")
