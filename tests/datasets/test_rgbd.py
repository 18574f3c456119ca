"""The reader of RGB-D folders, the licence filter and the split."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dofsim.datasets.rgbd import KINDS, index_folder, read_pair
from dofsim.datasets.split import committed_heldout, draw_heldout, scene_weights, split_scenes
from dofsim.datasets.terms import TERMS, family, is_phone, matte_may_train, may_train
from dofsim.errors import DepthError, ParameterError


def fabricate(
    root: Path, source: str, scenes: dict[str, int], *, kind: str = "metric_depth_mm", **more: object
) -> None:
    """Write a source with so many frames per scene."""
    rng = np.random.default_rng(len(source))
    (root / source).mkdir(parents=True)
    record = {"kind": kind, "scale": 1.0, "shift": None, **more}
    (root / source / "source.json").write_text(json.dumps(record))
    for scene, frames in scenes.items():
        (root / source / scene).mkdir()
        for frame in range(frames):
            stem = root / source / scene / f"f{frame}"
            Image.fromarray(rng.integers(0, 255, (12, 16, 3), np.uint8)).save(f"{stem}.jpg")
            depth = rng.integers(500, 4000, (12, 16)).astype(np.uint16)
            depth[0, :4] = 0
            Image.fromarray(depth).save(f"{stem}.depth.png")


def stored(root: Path, source: str) -> np.ndarray:
    return np.asarray(Image.open(root / source / "a" / "f0.depth.png")).astype(np.float64)


def expected(kind: str, raw: np.ndarray) -> np.ndarray:
    if kind == "metric_depth_mm":
        return 1000.0 / (raw * 0.5)
    if kind == "relative_depth":
        return 1.0 / (raw * 0.5)
    return raw * 0.5 + 3.0


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_becomes_inverse_depth(tmp_path, kind):
    shift = {} if kind.endswith("depth_mm") or kind == "relative_depth" else {"shift": 3.0}
    fabricate(tmp_path, "s", {"a": 1}, kind=kind, scale=0.5, **shift)
    (pair,) = index_folder(tmp_path)
    photo, inverse = read_pair(pair)
    assert photo.shape == (12, 16, 3)
    assert photo.dtype == np.uint8
    assert inverse.dtype == np.float32
    assert np.isnan(inverse[0, :4]).all()
    raw = stored(tmp_path, "s")
    known = raw > 0
    assert np.isfinite(inverse[known]).all()
    np.testing.assert_allclose(inverse[known], expected(kind, raw[known]), rtol=1e-6)
    # near is large: larger stored values are farther for depths and nearer for the others
    order = np.corrcoef(raw[known], inverse[known])[0, 1]
    assert (order < 0) == (kind in ("metric_depth_mm", "relative_depth"))


def test_shift_by_scene(tmp_path):
    fabricate(tmp_path, "s", {"a": 1, "b": 1}, kind="disparity_px", shift_by_scene={"a": 10.0, "b": None})
    first, second = (read_pair(pair)[1] for pair in index_folder(tmp_path))
    assert np.nanmin(first) == pytest.approx(stored(tmp_path, "s")[1:].min() + 10, abs=600)
    np.testing.assert_allclose(first[1:], stored(tmp_path, "s")[1:] + 10.0)
    assert np.isfinite(second[1:]).all()


def test_index_file_wins_over_the_folders(tmp_path):
    fabricate(tmp_path, "s", {"a": 3})
    assert len(index_folder(tmp_path)) == 3
    with (tmp_path / "index.csv").open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["source", "scene", "id"])
        writer.writerow(["s", "a", "f1"])
    assert [pair.identifier for pair in index_folder(tmp_path)] == ["f1"]


def test_bad_folders_are_told_apart(tmp_path):
    with pytest.raises(ParameterError, match="expected ROOT"):
        index_folder(tmp_path)
    fabricate(tmp_path, "s", {"a": 2})
    (tmp_path / "s" / "a" / "f0.jpg").write_bytes(b"no picture")
    broken, whole = index_folder(tmp_path)
    with pytest.raises(DepthError, match="cannot be read"):
        read_pair(broken)
    Image.fromarray(np.zeros((5, 5), np.uint16)).save(whole.depth_path)
    with pytest.raises(DepthError, match="its photo"):
        read_pair(whole)
    (tmp_path / "s" / "source.json").write_text('{"kind": "parallax", "scale": 1}')
    with pytest.raises(DepthError, match="parallax"):
        index_folder(tmp_path)
    (tmp_path / "s" / "source.json").write_text("{")
    with pytest.raises(DepthError, match="does not describe"):
        index_folder(tmp_path)
    (tmp_path / "index.csv").write_text("source,scene\ns,a\n")
    with pytest.raises(DepthError, match="needs the columns source, scene and id"):
        index_folder(tmp_path)


def test_only_stated_permissive_terms_train():
    assert may_train("heic_pug")
    assert not may_train("kitti", "seq00")
    assert not may_train("never heard of")
    assert may_train("stereo_driving", "sidmini_x")
    assert not may_train("stereo_driving", "kitti2012_000000")
    assert not may_train("caoxiang")
    assert not may_train("stereo_demo", "man_glass")
    for name, terms in TERMS.items():
        assert terms.licence
        assert terms.train or terms.reason, name
        if terms.train:
            assert "none stated" not in terms.licence or terms.scenes, name
            assert "-NC" not in terms.licence or terms.scenes, name
    assert matte_may_train("p3m_p_1")
    assert not matte_may_train("dim_boy")
    assert not matte_may_train("alphamatting_GT01")


@pytest.fixture
def folder(tmp_path):
    fabricate(tmp_path, "heic_pug", {"pug": 2})
    fabricate(tmp_path, "lensblur_depthy", {"hut": 1, "mango": 1})
    fabricate(tmp_path, "middlebury2006", {"Baby1": 2, "Baby3": 2, "Wood1": 1, "Wood2": 1, "Plastic": 1, "Midd1": 1})
    fabricate(tmp_path, "kitti", {"seq00": 5})
    return index_folder(tmp_path)


def test_split_is_disjoint_complete_and_by_scene(folder):
    held = draw_heldout(folder, seed=1)
    split = split_scenes(folder, held)
    scenes = [{pair.key for pair in part} for part in (split.train, split.heldout, split.evaluation)]
    assert all(not a & b for i, a in enumerate(scenes) for b in scenes[i + 1 :])
    assert len(split.train) + len(split.heldout) + len(split.evaluation) == len(folder)
    assert scenes[1] == set(held)
    assert scenes[2] == {"kitti/seq00"}
    assert any(is_phone(pair.source.name) for pair in split.heldout)
    assert any(is_phone(pair.source.name) for pair in split.train)


def test_families_stay_together(folder):
    for seed in range(12):
        held = set(draw_heldout(folder, seed=seed))
        assert ("middlebury2006/Baby1" in held) == ("middlebury2006/Baby3" in held)
        assert ("middlebury2006/Wood1" in held) == ("middlebury2006/Wood2" in held)
    assert family("heic_pug", "pug") == "heic_pug/pug"


def test_split_is_seeded(folder):
    assert draw_heldout(folder, seed=4) == draw_heldout(list(reversed(folder)), seed=4)
    assert len({tuple(draw_heldout(folder, seed=seed)) for seed in range(8)}) > 1


def test_committed_list_names_permitted_scenes_and_phones():
    held = committed_heldout()
    assert held == sorted(set(held))
    assert all(may_train(*key.split("/")) for key in held)
    assert sum(is_phone(key.split("/")[0]) for key in held) >= 3


def test_committed_list_is_what_its_seed_draws(shared):
    assert draw_heldout(index_folder(shared / "rgbd")) == committed_heldout()


def test_scenes_weigh_alike_however_many_frames_they_have(folder):
    weight = scene_weights(folder)
    assert weight.sum() == pytest.approx(1.0)
    by_scene: dict[str, float] = {}
    for pair, value in zip(folder, weight, strict=True):
        by_scene[pair.key] = by_scene.get(pair.key, 0.0) + float(value)
    assert len(set(np.round(list(by_scene.values()), 9))) == 1
