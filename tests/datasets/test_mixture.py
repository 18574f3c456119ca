"""The stream of batches: a pure function of seed and step, with shares, masks and prefetch."""

from __future__ import annotations

import numpy as np
import pytest

from dofsim.datasets.loader import prefetch, to_tensors
from dofsim.datasets.mattes import Subject
from dofsim.datasets.mixture import (
    ASPECTS,
    Mixture,
    Rendered,
    batch_shape,
    drop_speckles,
    permitted_mixture,
    reduce_pair,
)
from dofsim.errors import ParameterError


@pytest.fixture
def mixture():
    rng = np.random.default_rng(0)
    real = []
    for level in (1.0, 5.0):
        inverse = np.repeat(np.linspace(0.1, level, 90, dtype=np.float32)[:, None], 120, axis=1)
        inverse[:20, :20] = np.nan
        real.append((rng.integers(0, 255, (90, 120, 3), np.uint8), inverse))
    alpha = np.zeros((30, 20), np.uint8)
    alpha[3:27, 3:17] = 255
    subject = Subject("s", np.full((30, 20, 3), 99, np.uint8), alpha, grounded=True)
    rendered = Rendered(rng.integers(0, 255, (2, 80, 80, 3), np.uint8), rng.random((2, 80, 80)).astype(np.float16))
    return Mixture(real, np.array([0.5, 0.5]), [subject], [rendered], seed=3)


def test_batches_depend_on_seed_and_step_alone(mixture):
    first, later, again = mixture.batch(5, 3), mixture.batch(6, 3), mixture.batch(5, 3)
    np.testing.assert_array_equal(first.photo, again.photo)
    np.testing.assert_array_equal(first.inverse, again.inverse)
    assert first.photo.shape != later.photo.shape or (first.photo != later.photo).any()


def test_batches_have_the_stated_form(mixture):
    for step in range(6):
        batch = mixture.batch(step, 2)
        assert batch.photo.shape[1:3] in {batch_shape(256, aspect) for aspect in ASPECTS}
        assert batch.photo.dtype == np.uint8
        assert np.isfinite(batch.inverse).all()
        assert batch.mask.mean() > 0.15
        assert not batch.inverse[~batch.mask].any()


def test_shapes_are_multiples_of_32_of_about_the_area():
    for aspect in ASPECTS:
        height, width = batch_shape(192, aspect)
        assert height % 32 == width % 32 == 0
        assert 0.7 < height * width / 192**2 < 1.4


def test_empty_mixture_is_refused():
    with pytest.raises(ParameterError, match="empty"):
        Mixture([], np.zeros(0))


def test_prefetch_keeps_order_and_hands_on_errors(mixture):
    steps = [step for step, _ in prefetch(lambda step: mixture.batch(step, 1), 2, 7)]
    assert steps == [2, 3, 4, 5, 6]

    def fails(step: int):
        if step == 3:
            raise ParameterError("no such step")
        return mixture.batch(step, 1)

    with pytest.raises(ParameterError, match="no such step"):
        list(prefetch(fails, 0, 6))


def test_reduce_keeps_depth_values():
    inverse = np.where(np.arange(80) < 40, 1.0, 2.0).astype(np.float32) * np.ones((40, 1), np.float32)
    photo, small = reduce_pair(np.zeros((40, 80, 3), np.uint8), inverse, 20)
    assert small.shape == photo.shape[:2] == (10, 20)
    assert set(np.unique(small)) == {1.0, 2.0}
    assert reduce_pair(photo, small, 500)[1] is small


def test_tensors_are_scaled_and_masked(mixture):
    pytest.importorskip("torch", reason="torch comes with dofsim[train]")
    batch = mixture.batch(0, 2)
    photo, inverse, mask = to_tensors(batch)
    assert tuple(photo.shape) == (2, 3, *batch.photo.shape[1:3])
    assert float(photo.min()) >= -1
    assert float(photo.max()) <= 1
    assert tuple(inverse.shape) == tuple(mask.shape) == (2, 1, *batch.photo.shape[1:3])


def test_shipped_weights_see_no_held_out_and_no_forbidden_scene(shared, monkeypatch):
    from dofsim.datasets import mixture as module
    from dofsim.datasets.split import committed_heldout
    from dofsim.datasets.terms import may_train

    seen = []

    def note(pair):
        seen.append(pair)
        return np.zeros((40, 50, 3), np.uint8), np.ones((40, 50), np.float32)

    monkeypatch.setattr(module, "read_pair", note)
    permitted_mixture(shared)
    assert len({pair.key for pair in seen}) > 40
    assert not {pair.key for pair in seen} & set(committed_heldout())
    assert all(may_train(pair.source.name, pair.scene) for pair in seen)


def test_speckles_are_dropped_and_surfaces_kept():
    inverse = np.repeat(np.linspace(1, 2, 80, dtype=np.float32)[:, None], 100, axis=1)
    inverse[30:60, 30:60] = 4.0  # a thing
    inverse[10:13, 80:83] = 4.0  # a speckle
    inverse[70:, :5] = np.nan
    cleaned = drop_speckles(inverse)
    assert np.isnan(cleaned[10:13, 80:83]).all()
    assert (cleaned[32:58, 32:58] == 4.0).all()
    assert np.isnan(cleaned[69, :6]).all()
    kept = np.isfinite(cleaned)
    np.testing.assert_array_equal(cleaned[kept], inverse[kept])
    assert kept.mean() > 0.94
    assert np.isnan(drop_speckles(np.full((9, 9), np.nan, np.float32))).all()
