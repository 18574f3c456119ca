"""DIML/CVL: scene folders with spaces and dots, two sizes, confidence, both releases, and the report's split."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from dofsim.datasets import fabricate, open_frames
from dofsim.datasets.diml import DimlReport
from dofsim.datasets.recognise import open_reader, recognise
from dofsim.errors import DepthError, ParameterError


def test_indoor_frames(roots):
    frames = open_frames(roots["diml"] / "indoor", split="all")
    assert set(frames.scenes) == {"12. Livingroom", "01_Warehouse", "04. Church"}
    assert set(frames.scene_types) == {"livingroom", "warehouse", "church"}
    frame = next(frame for frame in frames if frame.name == "12. Livingroom/in_00_160126_155728")
    photo, depth = fabricate.make_frame(0, (36, 64))
    np.testing.assert_array_equal(frame.photo, photo)
    np.testing.assert_array_equal(frame.depth, np.where(depth > 0, depth, 2500) / np.float32(1000))
    assert frame.dataset == "diml-indoor"


def test_the_owners_parts(roots):
    reader = open_reader(roots["diml"] / "indoor")
    assert [len(reader.entries(split)) for split in ("trainval", "test")] == [9, 4]
    assert all("/test/" in str(entry.place.photo) for entry in reader.entries("test"))
    held = {entry.scene for entry in reader.entries("val")}
    assert held
    assert not held & {entry.scene for entry in reader.entries("train")}


def test_raw_depth_keeps_its_holes(roots):
    raw = open_frames(roots["diml"] / "indoor", split="all", raw=True)
    assert all(frame.known.mean() < 1 for frame in raw)


def test_sizes(roots):
    frames = open_frames(roots["diml"], split="all")
    assert {frame.depth.shape for frame in frames} == {(36, 64)}
    large = open_frames(roots["diml"], split="all", resolution="hr")
    assert {frame.depth.shape for frame in large} == {(72, 128)}
    assert len(large) == len(frames)
    assert any("LR (HR is there too)" in line for line in open_reader(roots["diml"]).notes())
    with pytest.raises(ParameterError, match="HR or LR"):
        open_frames(roots["diml"], resolution="MR")


def test_one_size_only(tmp_path):
    root = fabricate.write_diml(tmp_path, sizes={"HR": (36, 64)})
    assert len(open_frames(root, split="all")) == 19
    with pytest.raises(DepthError, match="has no LR frames; it has HR"):
        open_frames(root, resolution="LR")


def test_outdoor_depth_counts_only_where_it_is_sure(roots, tmp_path):
    frames = open_frames(roots["diml"] / "outdoor", split="all")
    for frame in frames:
        assert not frame.known[:12].any()
        assert frame.known[12:].mean() > 0.8
        assert frame.dataset == "diml-outdoor"
    everything = open_frames(roots["diml"] / "outdoor", split="all", confidence=0.0)
    first = next(frame for frame in everything if frame.name == "outdoor/train/000000")
    assert first.known[:12].mean() > 0.8
    assert first.depth[20, 20] == pytest.approx(fabricate.make_frame(1013, (36, 64))[1][20, 20] * 5 / 1000)
    with pytest.raises(ParameterError, match=r"in 0\.\.1"):
        open_frames(roots["diml"], confidence=90)
    root = fabricate.write_diml(tmp_path)
    (root / "outdoor" / "train" / "LR" / "confidencemap" / "000000.png").unlink()
    lost = open_frames(root / "outdoor", split="trainval")
    with pytest.raises(DepthError, match="there is no confidence map"):
        lost[0]
    assert any("1 photos have no confidence map" in line for line in open_reader(root).missing())
    Image.fromarray(np.full((5, 5), 255, np.uint8)).save(
        root / "outdoor" / "train" / "LR" / "confidencemap" / "000001.png"
    )
    with pytest.raises(DepthError, match="its confidence map"):
        lost[1]


def test_mismatched_and_missing_depth(tmp_path):
    root = fabricate.write_diml(tmp_path)
    folder = root / "indoor" / "train" / "LR" / "04. Church" / "depth_filled"
    first, second = sorted(folder.iterdir())
    first.unlink()
    Image.fromarray(np.ones((7, 9), np.uint16)).save(second)
    frames = open_frames(root, split="all")
    church = [index for index, entry in enumerate(frames.entries) if entry.scene == "04. Church"]
    with pytest.raises(DepthError, match="there is no depth for"):
        frames[church[1]]
    with pytest.raises(DepthError, match="the depth is 9x7, its photo 64x36 px"):
        frames[church[2]]
    assert any("1 indoor photos have no depth" in line for line in open_reader(root).missing())
    assert not any("have no photo" in line for line in open_reader(root).missing())
    max((folder.parent / "color").iterdir()).unlink()
    assert f"1 indoor depth files have no photo, the first: {second}" in open_reader(root).missing()


def test_the_full_release(tmp_path):
    for walk, (day, colour) in enumerate([("16.02.02", "2"), ("16.02.03", "2"), ("16.01.19", "12_livingroom_2")]):
        for number in range(2):
            photo, depth = fabricate.make_frame(walk * 10 + number, (24, 32))
            base = tmp_path / "indoor" / colour / day / "1"
            for folder, name, picture in (
                ("col", f"in_{number}_c.png", photo),
                ("up_png", f"in_{number}_ud.png", depth),
                ("warp_png", f"in_{number}_wd.png", depth),
            ):
                (base / folder).mkdir(parents=True, exist_ok=True)
                Image.fromarray(picture).save(base / folder / name)
    base = tmp_path / "outdoor" / "160725_C2" / "A"
    photo, depth = fabricate.make_frame(99, (24, 32))
    sure = np.full((24, 32), 255, np.uint8)
    for folder, tail, picture in (("left", "left", photo), ("depth", "depth", depth), ("conf", "conf", sure)):
        (base / folder).mkdir(parents=True)
        Image.fromarray(picture).save(base / folder / f"out_0_{tail}.png")
    assert recognise(tmp_path).name == "diml"
    frames = open_frames(tmp_path, split="all")
    assert set(frames.scenes) == {"2/16.02.02/1", "2/16.02.03/1", "12_livingroom_2/16.01.19/1", "160725_C2/A"}
    assert {frame.name for frame in frames if frame.scene_type == "livingroom"} == {
        "12_livingroom_2/16.01.19/1/in_0",
        "12_livingroom_2/16.01.19/1/in_1",
    }
    # nobody drew parts for it, so scenes are drawn
    reader = open_reader(tmp_path)
    parts = [{entry.scene for entry in reader.entries(split)} for split in ("train", "val", "test")]
    assert all(parts)
    assert not parts[0] & parts[1]
    assert not parts[0] & parts[2]
    assert not parts[1] & parts[2]


@pytest.fixture(scope="module")
def sample(tmp_path_factory):
    """The sample set's numbers; only a few of the files are more than their name."""
    root = tmp_path_factory.mktemp("sample")
    for part, count in (("train", 1609), ("test", 503)):
        for number in range(count):
            base = root / "indoor" / part / "LR" / f"{number % 18:02d}. Room"
            for folder, tail in (("color", "c"), ("depth_filled", "depth_filled")):
                if number < 18:
                    (base / folder).mkdir(parents=True)
                (base / folder / f"in_{part}_{number:04d}_{tail}.png").touch()
    return root


def test_the_report_s_split(sample):
    reader = open_reader(sample, "diml-report")
    names = {split: [entry.name for entry in reader.entries(split)] for split in ("train", "val", "test", "all")}
    assert [len(names[split]) for split in ("train", "val", "test", "all")] == [1610, 160, 320, 2090]
    assert len(set(names["all"])) == 2090
    assert all("in_test" in name for name in names["test"] + names["val"])
    assert sum("in_test" in name for name in names["train"]) == 1
    again = open_reader(sample, "diml-report")
    assert [entry.name for entry in again.entries("test")] == names["test"]
    assert names["test"] != sorted(names["test"])


def test_the_report_s_split_needs_the_sample_set(roots):
    with pytest.raises(DepthError, match=r"takes 1610 \+ 320 indoor images, .* has 13"):
        open_frames(roots["diml"], "diml-report")


def test_the_report_s_frames_are_256_px_without_mixed_depths(roots, monkeypatch):
    monkeypatch.setattr(DimlReport, "train_count", 6)
    monkeypatch.setattr(DimlReport, "test_count", 3)
    frames = open_frames(roots["diml"], "diml-report", "test")
    originals = {frame.name: frame for frame in open_frames(roots["diml"] / "indoor", split="all")}
    assert len(frames) == 3
    for frame in frames:
        assert frame.photo.shape == (256, 256, 3)
        assert set(np.unique(frame.depth)) <= set(np.unique(originals[frame.name].depth))
