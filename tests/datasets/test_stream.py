"""The training stream: a pure function of seed, step and place, whoever asks."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

pytest.importorskip("albumentations", reason="albumentations is not installed (pip install -e '.[train]')")

from dofsim.datasets import fabricate, open_frames
from dofsim.datasets.stream import FrameStream, scene_type_names
from dofsim.datasets.transforms import Transform
from dofsim.errors import DepthError, ParameterError


@pytest.fixture(scope="module")
def frames(tmp_path_factory):
    return open_frames(fabricate.write_nyu_labelled(tmp_path_factory.mktemp("stream")), split="all")


def make(frames, **options) -> FrameStream:
    return FrameStream(frames, Transform("strong", 32), **{"batch": 4, **options})


def test_every_frame_once_in_each_round(frames):
    stream = make(frames, batch=5)
    order = [stream.index(step, place) for step in range(24) for place in range(5)]
    for start in range(0, 120, 12):
        assert sorted(order[start : start + 12]) == list(range(12))
    assert order[:12] != order[12:24]


def test_order_does_not_depend_on_who_asked_before(frames):
    forward, jumping = make(frames), make(frames)
    wanted = [(step, place) for step in range(9) for place in range(4)]
    expected = [forward.index(*ticket) for ticket in wanted]
    rng = np.random.default_rng(0)
    for choice in rng.permutation(len(wanted)):
        assert jumping.index(*wanted[choice]) == expected[choice]
    assert [make(frames, seed=1).index(*ticket) for ticket in wanted] != expected


def test_samples_repeat_and_differ(frames):
    one, again = make(frames).sample(3, 2), make(frames).sample(3, 2)
    np.testing.assert_array_equal(one.photo, again.photo)
    np.testing.assert_array_equal(one.depth, again.depth)
    assert one.photo.shape == (32, 32, 3)
    assert one.scene_type in scene_type_names(frames)
    # the same frame in the next round is seen differently
    stream = make(frames)
    first = next(place for place in range(12) if stream.index(*divmod(place, 4)) == 5)
    second = next(place for place in range(12, 24) if stream.index(*divmod(place, 4)) == 5)
    assert (stream.sample(*divmod(first, 4)).photo != stream.sample(*divmod(second, 4)).photo).any()


def test_scenes_may_count_alike(tmp_path):
    root = fabricate.write_folder(tmp_path, {"mine": {"long": 9, "short": 1, "other": 2}})
    stream = make(open_frames(root, split="all"), by_scene=True, batch=3)
    assert stream.round_length == 3
    drawn = Counter(stream.frames.scenes[stream.index(step, place)] for step in range(60) for place in range(3))
    assert drawn == {"mine/long": 60, "mine/short": 60, "mine/other": 60}
    long = {stream.index(step, place) for step in range(60) for place in range(3)}
    assert len(long) == 12


def test_what_cannot_be_asked(frames):
    for options in ({"batch": 0}, {"seed": -1}):
        with pytest.raises(ParameterError, match="no batches"):
            make(frames, **options)


def test_batches_are_the_stream_s_samples_for_any_number_of_workers(frames):
    pytest.importorskip("torch", reason="torch is not installed (pip install -e '.[train]')")
    from dofsim.datasets.batches import load_batches, to_floats

    stream = make(frames)
    alone, helped = (list(load_batches(stream, 2, 6, workers=workers)) for workers in (0, 2))
    assert len(alone) == len(helped) == 4
    for step, one, other in zip(range(2, 6), alone, helped, strict=True):
        for column, twin in zip(one, other, strict=True):
            assert column.equal(twin) or (column.isnan() == twin.isnan()).all()
        assert one.index.tolist() == [stream.index(step, place) for place in range(4)]
        np.testing.assert_array_equal(one.photo[1].numpy(), stream.sample(step, 1).photo)
        np.testing.assert_array_equal(one.depth[1].numpy(), stream.sample(step, 1).depth)
        names = scene_type_names(frames)
        assert [names[number] for number in one.scene_type] == [frames.scene_types[index] for index in one.index]
    photo, depth, mask = to_floats(alone[0])
    assert photo.shape == (4, 3, 32, 32)
    assert -1 <= photo.min() < photo.max() <= 1
    assert depth.shape == mask.shape == (4, 1, 32, 32)
    assert not depth.isnan().any()
    assert (depth[~mask] == 0).all()
    assert (mask == ~alone[0].depth[:, None].isnan()).all()


def test_processes_share_a_batch(frames):
    pytest.importorskip("torch", reason="torch is not installed (pip install -e '.[train]')")
    from dofsim.datasets.batches import load_batches

    stream = make(frames)
    whole = [batch.index.tolist() for batch in load_batches(stream, 0, 3, workers=0)]
    halves = [
        [batch.index.tolist() for batch in load_batches(stream, 0, 3, workers=0, rank=rank, world=2)] for rank in (0, 1)
    ]
    assert [first + second for first, second in zip(*halves, strict=True)] == whole
    for options, says in [
        ({"world": 3}, "does not divide among 3"),
        ({"rank": 2, "world": 2}, "process 2 of 2"),
        ({"workers": -1}, "-1 workers"),
    ]:
        with pytest.raises(ParameterError, match=says):
            load_batches(stream, 0, 1, **options)


def test_a_bad_frame_is_one_clear_error_even_from_a_worker(tmp_path):
    pytest.importorskip("torch", reason="torch is not installed (pip install -e '.[train]')")
    from dofsim.datasets.batches import load_batches

    root = fabricate.write_nyu_png(tmp_path)
    (root / "sync" / "study_0003" / "rgb_00001.jpg").write_bytes(b"no picture")
    stream = make(open_frames(root, split="trainval"))
    for workers in (0, 1):
        with pytest.raises(DepthError, match=r"^study_0003/00001: .*no picture") as caught:
            list(load_batches(stream, 0, 2, workers=workers))
        assert "Traceback" not in str(caught.value)
