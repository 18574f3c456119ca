"""Data sets of every layout: recognised, split by scene, lazy, picklable, and honest about bad frames."""

from __future__ import annotations

import json
import multiprocessing
import pickle
import shutil

import numpy as np
import pytest
from PIL import Image

from dofsim.datasets import SPLITS, fabricate, open_frames
from dofsim.datasets.frames import Frames
from dofsim.datasets.reader import Entry, Reader
from dofsim.datasets.recognise import READERS, open_reader, recognise
from dofsim.datasets.split import carve
from dofsim.depth.depth_map import DepthKind
from dofsim.errors import DepthError, ParameterError


def test_every_layout_is_recognised_as_itself_alone(roots, layout):
    assert recognise(roots[layout]).name == layout
    found = {reader.name for reader in READERS if reader.recognise(roots[layout])}
    assert found == {layout}


def test_parts_are_disjoint_and_complete(roots, layout):
    names = {split: [entry.name for entry in open_reader(roots[layout]).entries(split)] for split in SPLITS}
    train, val, test = (set(names[split]) for split in ("train", "val", "test"))
    assert train
    assert val
    assert test
    assert not train & val
    assert not train & test
    assert not val & test
    assert set(names["trainval"]) == train | val
    assert set(names["all"]) == train | val | test
    assert all(len(listed) == len(set(listed)) for listed in names.values())


def test_listing_is_the_same_every_time_and_reads_no_pixel(roots, layout, monkeypatch):
    reader = open_reader(roots[layout])
    monkeypatch.setattr(type(reader), "read", lambda *_: pytest.fail("a frame was read"))
    frames = Frames(reader, reader.entries("all"))
    again = open_reader(roots[layout]).entries("all")
    assert frames.keys == [(entry.scene, entry.identifier) for entry in again]
    assert len(frames.scene_types) == len(frames.kinds) == len(frames.scenes) == len(frames)
    # the parts consist of the very same entries
    assert {id(entry) for entry in reader.entries("train")} <= {id(entry) for entry in frames.entries}


def test_frames_are_what_the_type_promises(roots, layout):
    frames = open_frames(roots[layout], split="all")
    for frame in frames[:5]:
        assert frame.photo.dtype == np.uint8
        assert frame.photo.shape == (*frame.depth.shape, 3)
        assert frame.depth.dtype == np.float32
        assert frame.known.any()
        assert (frame.depth[frame.known] > 0).all()
        assert frame.name == f"{frame.scene}/{frame.identifier}"


def test_frames_survive_a_pickle_and_a_fork(roots, layout):
    frames = open_frames(roots[layout], split="all")
    first = frames[1]  # opens what the reader keeps open
    copied = pickle.loads(pickle.dumps(frames))
    np.testing.assert_array_equal(copied[1].photo, first.photo)
    with multiprocessing.get_context("fork").Pool(2) as pool:
        sums = pool.map(frames.__getitem__, [0, 1, 2, 1])
    for index, frame in zip([0, 1, 2, 1], sums, strict=True):
        np.testing.assert_array_equal(frame.depth, frames[index].depth)


def test_slices_and_selections(roots):
    frames = open_frames(roots["nyu"], split="all")
    assert [frame.identifier for frame in frames[2:4]] == ["0003", "0004"]
    assert [entry.identifier for entry in frames.select([4, 0]).entries] == ["0005", "0001"]


class Given(Reader):
    """Frames that a test hands over."""

    name, title, tree = "given", "given", ""

    def __init__(self, made):
        self.made = made

    @classmethod
    def recognise(cls, root):
        return False

    def entries(self, split):
        return [Entry("given", "s", str(n), n, kind=kind) for n, (_, _, kind) in enumerate(self.made)]

    def read(self, entry):
        photo, depth, _ = self.made[entry.place]
        if isinstance(photo, Exception):
            raise photo
        return photo, depth


def frames_of(*made) -> Frames:
    reader = Given([(photo, depth, kind) for photo, depth, kind in made])
    return Frames(reader, reader.entries("all"))


GREY = np.zeros((2, 3, 3), np.uint8)


@pytest.mark.parametrize(
    ("photo", "depth", "says"),
    [
        (GREY, np.zeros((2, 3), np.float32), "no pixel has a known depth"),
        (GREY, np.full((2, 3), np.nan, np.float32), "no pixel has a known depth"),
        (GREY, np.full((2, 3), -1, np.float32), "no pixel has a known depth"),
        (GREY, np.ones((3, 2), np.float32), "the depth is 2x3, its photo 3x2"),
        (GREY[..., 0], np.ones((2, 3), np.float32), "not 8-bit RGB"),
        (GREY.astype(np.float32), np.ones((2, 3), np.float32), "not 8-bit RGB"),
        (OSError("disk on fire"), None, "cannot be read: disk on fire"),
        (DepthError("the file x is missing"), None, "the file x is missing"),
    ],
)
def test_a_bad_frame_is_named_with_its_reason(photo, depth, says):
    frames = frames_of((GREY, np.ones((2, 3), np.float32), DepthKind.METRIC), (photo, depth, DepthKind.METRIC))
    with pytest.raises(DepthError, match=says) as caught:
        frames[1]
    assert "s/1" in str(caught.value)


def test_unknown_depth_becomes_nan_by_kind():
    values = np.array([[0.0, -1.0, 2.0], [np.inf, np.nan, 3.0]], np.float32)
    metric, inverse, relative = (frames_of((GREY, values, kind))[0].known for kind in DepthKind)
    np.testing.assert_array_equal(metric, [[False, False, True], [False, False, True]])
    np.testing.assert_array_equal(inverse, [[True, False, True], [False, False, True]])
    np.testing.assert_array_equal(relative, [[True, True, True], [False, False, True]])
    assert values[0, 0] == 0  # what the reader handed over is left alone


def test_bad_frames_are_fatal_or_counted():
    good = (GREY, np.ones((2, 3), np.float32), DepthKind.METRIC)
    bad = (GREY, np.zeros((2, 3), np.float32), DepthKind.METRIC)
    frames = frames_of(good, bad, good)
    with pytest.raises(DepthError, match="s/1"):
        list(frames.readable())
    told = []
    assert [index for index, _ in frames.readable(told.append)] == [0, 2]
    assert [frame.name for frame in told] == ["s/1"]
    counted = []
    kept = frames.without_bad(lambda: counted.append(1))
    assert ([entry.identifier for entry in kept.entries], len(counted)) == (["0", "2"], 3)
    assert [frame.name for frame in kept.bad] == ["s/1"]
    with pytest.raises(DepthError, match="none of the 2 frames"):
        frames_of(bad, bad).without_bad()


def test_skip_bad_opens_what_is_left(tmp_path):
    root = fabricate.write_nyu_png(tmp_path)
    (root / "sync" / "kitchen_0001a" / "rgb_00001.jpg").write_bytes(b"no picture")
    (root / "sync" / "study_0003" / "sync_depth_00000.png").unlink()
    cut = root / "sync" / "study_0003" / "rgb_00002.jpg"
    cut.write_bytes(cut.read_bytes()[:900])
    frames = open_frames(root, split="trainval", skip_bad=True)
    assert len(frames) == 5
    assert {frame.name for frame in frames.bad} == {"kitchen_0001a/00001", "study_0003/00000", "study_0003/00002"}
    assert {type(frame.photo) for frame in frames} == {np.ndarray}


def test_an_empty_split_says_what_there_is(tmp_path):
    root = fabricate.write_nyu_png(tmp_path, test=0)
    with pytest.raises(
        DepthError, match=r"split 'test'.*has no frames; there are: train \d, val \d, trainval 8, all 8"
    ):
        open_frames(root, split="test")


def test_wrong_roots(tmp_path, roots):
    with pytest.raises(ParameterError, match=r"does not exist.*data check"):
        open_frames(tmp_path / "nothing")
    with pytest.raises(ParameterError, match="is empty"):
        open_frames(tmp_path)
    with pytest.raises(ParameterError, match=r"expected ROOT/nyu_depth_v2_labeled.mat.*cs.nyu.edu.*--dataset folder"):
        open_frames(roots["folder"], "nyu")
    with pytest.raises(ParameterError, match=r"depth_filled.*dimlrgbd.github.io"):
        open_frames(roots["nyu"], "diml")
    with pytest.raises(ParameterError, match="unknown data set"):
        open_frames(roots["nyu"], "kitti")
    with pytest.raises(ParameterError, match="unknown split"):
        open_frames(roots["nyu"], split="validation")
    with pytest.raises(ParameterError, match="has no option 'resolution'"):
        open_frames(roots["nyu"], resolution="LR")


def test_the_folder_layout_keeps_shipped_weights_from_their_test(tmp_path):
    permitted = {"heic_pug": {"pug": 2}, "lensblur_depthy": {"hut": 1, "flowers": 1, "mango": 1}}
    others = {"mine": dict.fromkeys("abcdefghij", 2)}
    root = fabricate.write_folder(tmp_path, permitted | others)
    test = {entry.scene for entry in open_reader(root).entries("test")}
    # of sources that train shipped weights only held-out scenes; of the others a fifth
    assert {scene for scene in test if not scene.startswith("mine")} == {
        "lensblur_depthy/flowers",
        "lensblur_depthy/hut",
    }
    assert sum(scene.startswith("mine") for scene in test) == 2


def test_folder_depth_is_metric_where_the_source_is(tmp_path):
    root = fabricate.write_folder(tmp_path, {"a": {"x": 1}})
    fabricate.write_folder(tmp_path, {"b": {"y": 1}}, kind="relative_inverse_depth")
    fabricate.write_folder(tmp_path, {"c": {"z": 1}}, kind="inverse_depth_1_per_m")
    frames = open_frames(root, split="all")
    assert [frame.kind for frame in frames] == [DepthKind.METRIC, DepthKind.RELATIVE, DepthKind.INVERSE]
    stored = np.asarray(Image.open(root / "a" / "x" / "f0.depth.png")).astype(np.float32)
    np.testing.assert_allclose(frames[0].depth, np.where(stored > 0, stored / 1000, np.nan))


def test_own_splits_of_a_folder(tmp_path):
    root = fabricate.write_folder(tmp_path, {"mine": dict.fromkeys("abcd", 1)})
    given = root / "splits.json"
    given.write_text(json.dumps({"test": ["mine/b"], "val": ["mine/d"]}))
    assert [entry.scene for entry in open_reader(root).entries("test")] == ["mine/b"]
    assert [entry.scene for entry in open_reader(root).entries("train")] == ["mine/a", "mine/c"]
    for text, says in [
        ('{"test": ["mine/q"]}', "'mine/q', which is not there"),
        ('{"holdout": ["mine/a"]}', "names the split 'holdout'"),
        ('{"test": ["mine/a"], "val": ["mine/a"]}', "into test and val"),
        ("[1]", "cannot be used"),
        ("{", "cannot be used"),
    ]:
        given.write_text(text)
        with pytest.raises(DepthError, match=says):
            open_reader(root).entries("test")


def test_side_by_side_halves(tmp_path, roots):
    frame = open_frames(roots["side-by-side"], split="all")[0]
    photo, depth = fabricate.make_frame(0, (64, 64))
    assert np.abs(frame.photo.astype(int) - photo).mean() < 4
    # white is far: the relative inverse depth falls with the true depth
    both = frame.known & (depth > 0)
    assert np.corrcoef(frame.depth[both], 1.0 / depth[both])[0, 1] > 0.9
    flipped = fabricate.write_side_by_side(tmp_path / "flipped", flipped=True)
    assert recognise(flipped).name == "side-by-side"
    with pytest.raises(DepthError, match=r'right half is no grey depth map.*"order": "depth-photo"'):
        open_frames(flipped)[0]
    record = {"kind": "metric_depth_mm", "scale": 32.0, "order": "depth-photo"}
    (flipped / "source.json").write_text(json.dumps(record))
    turned = open_frames(flipped, split="all")[0]
    assert turned.kind is DepthKind.METRIC
    np.testing.assert_allclose(turned.depth[both], depth[both] / 1000, atol=0.4)
    (flipped / "source.json").write_text(json.dumps(record | {"order": "up-down"}))
    with pytest.raises(DepthError, match="names the order 'up-down'"):
        open_frames(flipped)[0]
    (flipped / "source.json").write_text("[]")
    with pytest.raises(DepthError, match="does not describe a source"):
        open_reader(flipped).notes()


def test_a_picture_without_halves(tmp_path):
    root = fabricate.write_side_by_side(tmp_path)
    Image.fromarray(np.zeros((8, 15, 3), np.uint8)).save(root / "test" / "0.jpg")
    with pytest.raises(DepthError, match="15 px wide"):
        open_frames(root, split="test")[0]


def test_validation_part_of_their_own_wins(tmp_path):
    root = fabricate.write_side_by_side(tmp_path, counts={"train": 4, "val": 2, "test": 1})
    assert [len(open_reader(root).entries(split)) for split in ("train", "val", "test")] == [4, 2, 1]


def test_carving_takes_whole_groups_and_never_all():
    groups = [group for group in "abcdefghij" for _ in range(7)]
    drawn = carve(groups)
    assert len(drawn) == 7
    assert len({groups[index] for index in drawn}) == 1
    assert carve(groups, seed=1) != carve(groups, seed=2)
    assert carve(["a"] * 9) == set()
    assert carve([]) == set()
    assert len({groups[index] for index in carve(groups, share=1.0)}) == 9
    # a group more does not reshuffle the others
    more = [*groups, *["k"] * 7]
    assert {groups[index] for index in drawn} <= {more[index] for index in carve(more)}


def test_check_reports_lost_files(tmp_path):
    root = fabricate.write_folder(tmp_path, {"mine": dict.fromkeys("abc", 1)})
    (root / "mine" / "b" / "f0.jpg").unlink()
    reader = open_reader(root)
    assert reader.missing() == ["1 photos are not there, the first: mine/b/f0"]
    (root / "mine" / "c" / "f0.depth.png").unlink()
    alone = f"1 photos have no depth file beside them, the first: {root / 'mine' / 'c' / 'f0.jpg'}"
    assert open_reader(root).missing()[0] == alone
    shutil.rmtree(root / "mine" / "c")
    shutil.rmtree(root / "mine" / "b")
    assert open_reader(root).missing() == []
