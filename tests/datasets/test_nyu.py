"""NYU Depth V2: reversed axes, numbers that count from 1, two kinds of depth, and damaged files."""

from __future__ import annotations

import io
import shutil

import h5py
import numpy as np
import pytest

from dofsim.datasets import fabricate, open_frames
from dofsim.datasets._mat5 import read_vectors
from dofsim.datasets.nyu import room
from dofsim.datasets.prepare import prepare
from dofsim.datasets.recognise import open_reader
from dofsim.errors import DepthError


def test_frames_are_upright_and_in_metres(roots):
    for index, frame in enumerate(open_frames(roots["nyu"], split="all", raw=True)):
        photo, depth = fabricate.make_frame(index)
        np.testing.assert_array_equal(frame.photo, photo)
        np.testing.assert_array_equal(frame.known, depth > 0)
        np.testing.assert_allclose(frame.depth[frame.known], depth[depth > 0] / 1000, rtol=1e-6)
        assert frame.identifier == f"{index + 1:04d}"


def test_filled_depth_has_no_holes_and_raw_depth_has(roots):
    filled, raw = (open_frames(roots["nyu"], split="all", raw=raw)[0] for raw in (False, True))
    assert filled.known.all()
    assert 0 < raw.known.mean() < 1
    np.testing.assert_array_equal(filled.depth[raw.known], raw.depth[raw.known])


def test_the_official_numbers_count_from_one(roots):
    test = open_frames(roots["nyu"], split="test")
    assert [frame.identifier for frame in test] == ["0001", "0002", "0009", "0011"]
    np.testing.assert_array_equal(test[0].photo, fabricate.make_frame(0)[0])
    assert [entry.identifier for entry in open_frames(roots["nyu"], split="trainval").entries] == [
        "0003", "0004", "0005", "0006", "0007", "0008", "0010", "0012",
    ]  # fmt: skip


def test_scene_names_are_read_through_their_references(roots):
    frames = open_frames(roots["nyu"], split="all")
    assert frames.scenes[:3] == ["kitchen_0000a", "living_room_0000b", "study_0001a"]
    assert frames.scene_types[:3] == ["kitchen", "living_room", "study"]


def test_validation_keeps_rooms_together(tmp_path):
    scenes = [f"office_{n // 4:04d}{'ab'[n % 2]}" for n in range(40)]
    root = fabricate.write_nyu_labelled(
        tmp_path, 40, train=range(1, 33), test=range(33, 41), size=(8, 8), scenes=scenes
    )
    reader = open_reader(root)
    held = {room(entry.scene) for entry in reader.entries("val")}
    assert held
    assert not held & {room(entry.scene) for entry in reader.entries("train")}
    assert room("living_room_0012b") == room("living_room_0012c") == "living_room_0012"
    assert room("bathroom") == "bathroom"


@pytest.mark.parametrize(
    ("vectors", "says"),
    [
        ({"trainNdxs": [1, 2], "testNdxs": [3, 13]}, "names the image 13 in testNdxs, but images count from 1 to 12"),
        ({"trainNdxs": [0, 2], "testNdxs": [3]}, "names the image 0 in trainNdxs, but images count from 1"),
        ({"trainNdxs": [1, 2], "testNdxs": [2, 3]}, "1 images in the training and the test part"),
        ({"trainNdxs": [1, 1], "testNdxs": [2]}, "names an image twice in trainNdxs"),
        ({"trainNdxs": [1]}, "holds no 'testNdxs'"),
    ],
)
def test_split_files_that_cannot_be(tmp_path, vectors, says):
    root = fabricate.write_nyu_labelled(tmp_path)
    fabricate.write_mat5(root / "splits.mat", vectors)
    with pytest.raises(DepthError, match=says):
        open_frames(root, split="test")
    assert len(open_frames(root, split="all")) == 12
    reader = open_reader(root)
    assert reader.missing() == []  # it is there, and damaged
    with pytest.raises(DepthError, match=says):
        prepare(reader, tmp_path / "out.h5")


@pytest.mark.parametrize("content", [b"", b"not MATLAB at all" * 20, "cut"])
def test_split_files_that_cannot_be_read(tmp_path, content):
    root = fabricate.write_nyu_labelled(tmp_path)
    path = root / "splits.mat"
    path.write_bytes(path.read_bytes()[:200] if content == "cut" else content)
    with pytest.raises(DepthError, match=r"splits.mat (cannot be read|holds no).*get it anew"):
        open_frames(root, split="test")
    path.unlink()
    with pytest.raises(DepthError, match=r"splits.mat is missing, so only the split 'all'"):
        open_frames(root, split="train")


def test_split_file_of_version_7_3(tmp_path):
    root = fabricate.write_nyu_labelled(tmp_path)
    with h5py.File(root / "splits.mat", "w") as file:
        file["trainNdxs"], file["testNdxs"] = np.array([[1.0, 2.0]]), np.array([[4.0]])
    assert [entry.identifier for entry in open_frames(root, split="test").entries] == ["0004"]


def test_damaged_labelled_files(tmp_path):
    root = fabricate.write_nyu_labelled(tmp_path)
    path = root / "nyu_depth_v2_labeled.mat"
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DepthError, match=r"cannot be opened as an HDF5 file: it is truncated"):
        open_frames(root)
    path.write_bytes(b"MATLAB 5.0 MAT-file" + bytes(5000))
    with pytest.raises(DepthError, match="cannot be opened as an HDF5 file"):
        open_frames(root)
    with h5py.File(path, "w") as file:
        file["images"] = np.zeros((3, 3, 8, 6), np.uint8)
        file["depths"] = np.zeros((2, 8, 6), np.float32)
    with pytest.raises(DepthError, match=r"images \(3, 3, 8, 6\) and depths \(2, 8, 6\)"):
        open_frames(root, split="all")
    with pytest.raises(DepthError, match="holds no 'rawDepths'"):
        open_frames(root, split="all", raw=True)


def test_the_file_itself_may_be_the_root(roots):
    assert len(open_frames(roots["nyu"] / "nyu_depth_v2_labeled.mat", split="test")) == 4


@pytest.mark.parametrize("compressed", [False, True])
def test_vectors_as_scipy_writes_them(compressed):
    scipy_io = pytest.importorskip("scipy.io", reason="scipy comes with the tests of the photo metrics")
    stream = io.BytesIO()
    held = {
        "trainNdxs": np.arange(1, 796, dtype=np.uint16)[:, None],
        "few": np.array([[3, 1]], np.int8),
        "real": np.array([[0.5, -2.0, 1e9]]),
        "words": "not a number",
        "cell": np.array([1, "x"], object),
    }
    scipy_io.savemat(stream, held, do_compression=compressed)
    found = read_vectors(stream.getvalue())
    assert set(found) == {"trainNdxs", "few", "real"}
    for name, values in found.items():
        np.testing.assert_array_equal(values, held[name].ravel())


def test_own_fabricated_splits_are_what_scipy_reads(roots):
    scipy_io = pytest.importorskip("scipy.io", reason="scipy comes with the tests of the photo metrics")
    stored = scipy_io.loadmat(roots["nyu"] / "splits.mat")
    assert stored["testNdxs"].shape == (4, 1)
    assert stored["testNdxs"].ravel().tolist() == [1, 2, 9, 11]


def test_one_file_a_frame(roots, tmp_path):
    frame = open_frames(roots["nyu-h5"], split="all")[0]
    photo, depth = fabricate.make_frame(0)
    np.testing.assert_array_equal(frame.photo, photo)
    np.testing.assert_allclose(frame.depth, np.where(depth > 0, depth / 1000, np.nan), rtol=1e-6)
    test = open_frames(roots["nyu-h5"], split="test")
    assert set(test.scenes) == {"official"}
    assert test.scene_types == [None] * 3
    assert set(open_frames(roots["nyu-h5"], split="trainval").scene_types) == {"kitchen", "study"}
    root = fabricate.write_nyu_h5(tmp_path)
    path = root / "val" / "official" / "00001.h5"
    with h5py.File(path, "w") as file:
        file["rgb"] = np.zeros((4, 5, 3), np.uint8)
        file["depth"] = np.ones((4, 5), np.float32)
    with pytest.raises(DepthError, match=r"official/00001.*rgb of \(4, 5, 3\); expected \(3, height, width\)"):
        open_frames(root, split="test")[0]
    path.write_bytes(b"")
    with pytest.raises(DepthError, match="official/00001"):
        open_frames(root, split="test")[0]


def test_photos_and_millimetres(roots, tmp_path):
    frame = open_frames(roots["nyu-png"], split="all")[0]
    photo, depth = fabricate.make_frame(0)
    assert np.abs(frame.photo.astype(int) - photo).mean() < 4  # JPEG
    np.testing.assert_array_equal(frame.depth, np.where(depth > 0, depth / np.float32(1000), np.nan))
    assert frame.scene_type == "kitchen"
    twice = fabricate.write_nyu_png(tmp_path / "twice")
    shutil.copytree(twice / "official_splits" / "test", twice / "official_splits" / "train")
    assert len(open_frames(twice, split="trainval")) == 8
    shutil.rmtree(twice / "sync")
    assert len(open_frames(twice, split="trainval")) == 3
    test_only = roots["nyu-png"] / "official_splits" / "test"
    assert len(open_frames(test_only, split="test")) == 3
    scene = fabricate.write_nyu_png(tmp_path / "alone") / "sync" / "study_0003"
    (scene / "rgb_00000.jpg").unlink()
    (scene / "sync_depth_00001.png").unlink()
    said = open_reader(tmp_path / "alone").missing()
    assert "1 photos have no sync_depth file beside them, the first: study_0003/00001" in said
    assert f"1 sync_depth files have no photo beside them, the first: {scene / 'sync_depth_00000.png'}" in said
    root = fabricate.write_nyu_png(tmp_path / "listed")
    (root / "nyudepthv2_train_files_with_gt.txt").write_text(
        "/study_0003/rgb_00002.jpg /study_0003/sync_depth_00002.png 518.8579\n"
        "/kitchen_0001a/rgb_00000.jpg /kitchen_0001a/sync_depth_00000.png 518.8579\n"
        "/kitchen_0001a/rgb_00099.jpg /kitchen_0001a/sync_depth_00099.png 518.8579\n"
    )
    frames = open_frames(root, split="trainval")
    assert [entry.name for entry in frames.entries] == [
        "study_0003/00002",
        "kitchen_0001a/00000",
        "kitchen_0001a/00099",
    ]
    with pytest.raises(DepthError, match=r"rgb_00099.jpg is missing"):
        frames[2]
    assert any("1 photos of the lists are not there" in line for line in open_reader(root).missing())
