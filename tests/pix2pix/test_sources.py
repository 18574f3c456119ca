"""Batches of frames, what a run is measured on, and the pictures that TensorBoard shows."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch comes with dofsim[train]")
for module in ("accelerate", "safetensors", "tensorboard", "h5py"):
    pytest.importorskip(module, reason=f"{module} comes with dofsim[train]")

from dofsim.datasets import fabricate, open_frames  # noqa: E402
from dofsim.depth.depth_map import DepthKind, DepthMap  # noqa: E402
from dofsim.errors import DepthError, ParameterError  # noqa: E402
from dofsim.pix2pix.batch import Batch  # noqa: E402
from dofsim.pix2pix.board import picture_grid  # noqa: E402
from dofsim.pix2pix.encoding import Encoding  # noqa: E402
from dofsim.pix2pix.settings import configure, override, published  # noqa: E402
from dofsim.pix2pix.sources import FrameSource, open_material  # noqa: E402
from dofsim.pix2pix.validate import SceneValidator, Truth  # noqa: E402


@pytest.fixture(scope="module")
def nyu(tmp_path_factory):
    return fabricate.write_nyu_labelled(tmp_path_factory.mktemp("nyu"))


def settings(root, objective="l1", **more):
    return override(published(objective, size=32), {"data": str(root), "dataset": "nyu", "batch": 4, **more})


def test_batches_are_pure_and_divide(nyu):
    source = FrameSource(open_frames(nyu, "nyu"), settings(nyu)).draw
    batch = source(3, 0, 4)
    assert batch.photo.shape == (4, 3, 32, 32)
    assert batch.target.shape == batch.mask.shape == (4, 1, 32, 32)
    assert batch.photo.min() >= -1
    assert batch.photo.max() <= 1
    assert batch.target.abs().max() <= 1
    assert (batch.target[~batch.mask] == 0).all()
    halves = [source(3, 0, 2), source(3, 2, 4)]
    for name in ("photo", "target", "mask", "label"):
        assert torch.equal(getattr(batch, name), torch.cat([getattr(half, name) for half in halves])), name
    assert not torch.equal(batch.photo, source(4, 0, 4).photo)
    other = FrameSource(open_frames(nyu, "nyu"), settings(nyu, seed=1)).draw
    assert not torch.equal(batch.photo, other(3, 0, 4).photo)


def test_a_mixture_is_written_by_the_range_of_each_picture(tmp_path):
    fabricate.write_folder(tmp_path / "rgbd", {"middlebury2006": {"Aloe": 1}})
    mixture = {"data": str(tmp_path), "dataset": "mixture", "shares": (1, 0, 0)}
    config = override(published("pix2pix", size=64), {**mixture, "target": "relative", "levels": 5, "batch": 3})
    config.check()
    batch = open_material(config).source.draw(0, 0, 3)
    plain = open_material(override(config, {"objective": "ssi", "head": "linear"})).source.draw(0, 0, 3)
    assert torch.equal(batch.photo, plain.photo)
    assert torch.equal(batch.mask, plain.mask)
    for target, inverse, mask in zip(batch.target, plain.target, batch.mask, strict=True):
        assert (target.min(), target.max()) == (-1, 1)
        assert (target[~mask] == 0).all()
        order = torch.argsort(inverse[mask])
        assert (target[mask][order].diff() >= 0).all()


def test_metres_are_learnt_where_every_frame_has_them(nyu, tmp_path):
    fabricate.write_folder(tmp_path / "mixed", {"a": {"s": 2, "t": 1, "u": 1, "v": 1}})
    source = tmp_path / "mixed" / "a" / "source.json"
    found = configure(tmp_path / "run", {"data": str(nyu)})
    assert (found.data.dataset, found.encoding.target) == ("nyu", "metric")
    assert configure(tmp_path / "run", {"data": str(nyu), "objective": "ssi"}).encoding.target == "relative"
    source.write_text(json.dumps({"kind": "relative_inverse_depth", "scale": 1.0}))
    assert configure(tmp_path / "run", {"data": str(tmp_path / "mixed")}).encoding.target == "relative"


def test_scene_classes_are_named(nyu, tmp_path):
    material = open_material(settings(nyu, "acgan"))
    assert material.config.data.classes == ("kitchen", "living room", "study") or len(material.config.data.classes) == 3
    assert set(material.source.draw(0, 0, 4).label.tolist()) <= {0, 1, 2}
    root = fabricate.write_folder(tmp_path, {"a": {f"s{k}": 1 for k in range(9)}, "b": {f"t{k}": 1 for k in range(9)}})
    with pytest.raises(ParameterError, match="names none"):
        open_material(settings(root, "acgan", dataset="folder"))
    by_source = open_material(settings(root, "acgan", dataset="folder", class_by="source"))
    assert by_source.config.data.classes == ("a", "b")


def test_workers_and_processes_get_the_same_batches(nyu):
    frames = open_frames(nyu, "nyu")
    alone = dict(FrameSource(frames, settings(nyu, augment="strong")).batches(2, 5))
    assert list(alone) == [2, 3, 4]
    source = FrameSource(frames, settings(nyu, augment="strong", workers=1))
    for rank in (0, 1):
        for step, batch in source.batches(2, 5, rank, 2):
            for name in ("photo", "target", "mask", "label"):
                wanted = getattr(alone[step], name)[2 * rank : 2 * rank + 2]
                assert torch.equal(getattr(batch, name), wanted), (step, name)


@pytest.mark.parametrize("workers", [0, 1])
def test_unpaired_photos_have_the_depth_of_others(nyu, workers):
    paired = FrameSource(open_frames(nyu, "nyu"), settings(nyu, workers=workers))
    unpaired = paired.unpaired()
    ((step, batch),) = unpaired.batches(3, 4)
    assert step == 3
    assert torch.equal(batch.photo, paired.draw(3, 0, 4).photo)
    assert torch.equal(batch.target, unpaired.draw(3, 0, 4).target)
    assert not torch.equal(batch.target, paired.draw(3, 0, 4).target)


@pytest.mark.parametrize("workers", [0, 1])
def test_a_frame_that_cannot_be_read_is_named(tmp_path, workers):
    root = fabricate.write_folder(tmp_path, {"a": {"s": 1}})
    (root / "splits.json").write_text(json.dumps({"train": ["a/s"]}))
    next((root / "a" / "s").glob("*.jpg")).write_bytes(b"no picture")
    source = FrameSource(open_frames(root, "folder"), settings(root, workers=workers))
    with pytest.raises(DepthError, match="a/s/"):
        next(iter(source.batches(0, 2)))


def test_data_without_anything_to_learn_is_said(nyu):
    with pytest.raises(DepthError, match=r"no depth to learn from.*50\.0 to 60\.0 m"):
        open_material(settings(nyu, target="metric", nearest=50.0, farthest=60.0))


class Constant:
    """A model that says the same everywhere."""

    def __init__(self, value):
        self.value = value

    def parameters(self):
        return iter([torch.zeros(1)])

    def __call__(self, photo):
        ramp = torch.linspace(0, 1, photo.shape[2])[None, None, :, None].expand(-1, 1, -1, photo.shape[3])
        return ramp + self.value


def test_validation_is_by_scene_and_shared():
    rows = np.linspace(0, 1, 32, dtype=np.float32)[:, None].repeat(32, axis=1)
    pictures = np.zeros((32, 32, 3), np.uint8)
    truths = [
        Truth("a", pictures, rows), Truth("a", pictures, -rows), Truth("b", pictures, rows, groups=("phone",)),
        Truth("c", pictures, np.ones_like(rows)),
    ]  # fmt: skip
    record = published("l1", size=32).model_record(None)
    validator = SceneValidator(len(truths), truths.__getitem__, record)
    model = Constant(0.0)
    scores = validator.measure(model)
    assert [scene for scene, _ in scores] == ["a", "a", "b"]
    halves = validator.measure(model, 0, 2) + validator.measure(model, 1, 2)
    # correct and upside down are both perfect after a free scale; a flat truth is left out
    assert validator.summarise(halves) == pytest.approx({"error": 0.0, "phone": 0.0}, abs=0.05)
    assert validator.summarise([("a", {"error": 1.0}), ("a", {"error": 3.0}), ("b", {"error": 5.0})]) == {"error": 3.5}
    assert validator.summarise([]) == {}


def test_metric_models_are_measured_in_metres():
    metres = np.full((32, 32), 2.0, np.float32)
    record = override(published("l1", size=32), {"target": "metric"}).model_record(None)
    validator = SceneValidator(0, None, record)
    depth = DepthMap(np.full((32, 32), 2.5, np.float32), DepthKind.METRIC)
    for truth in (Truth("a", None, metres, DepthKind.METRIC), Truth("a", None, 1 / metres, DepthKind.INVERSE)):
        assert validator.score(depth, truth) == pytest.approx({"error": 0.25, "rmse": 0.5, "delta1": 0.0})


def test_grids_show_photo_target_and_prediction():
    target = torch.linspace(-1, 1, 32)[None, None, :, None].expand(2, 1, 32, 32).clone()
    mask = torch.ones(2, 1, 32, 32, dtype=torch.bool)
    mask[:, :, :, :4] = False
    batch = Batch(torch.zeros(2, 3, 32, 32), target, mask, torch.tensor([-1, -1]))
    grid = picture_grid(batch, target)
    assert grid.shape == (3, 64, 96)
    assert grid.min() >= 0
    assert grid.max() <= 1
    torch.testing.assert_close(grid[:, :32, 64 + 4 :], grid[:, :32, 32 + 4 : 64])
    assert (grid[0, :, 32:36] == 0.25).all()
    # a head without bounds is shown on the target's scale
    torch.testing.assert_close(picture_grid(batch, target * 40 + 7), grid, rtol=1e-3, atol=1e-3)
    blind = replace(batch, mask=torch.zeros_like(mask))
    assert torch.isfinite(picture_grid(blind, target * 40)).all()


def test_a_material_measures_itself_and_shows_some(nyu):
    material = open_material(settings(nyu, target="metric"))
    assert material.preview.size >= 1
    assert "frames of" in material.about
    rows = material.validator.measure(Constant(1.0))
    assert {"error", "rmse", "delta1"} == set(material.validator.summarise(rows))


def test_data_without_a_validation_part_has_no_validator(tmp_path):
    root = fabricate.write_folder(tmp_path, {"a": {"s": 2}})
    (root / "splits.json").write_text(json.dumps({"train": ["a/s"]}))
    material = open_material(settings(root, dataset="folder"))
    assert material.validator is None
    assert material.preview.size == 2
    assert "without validation" in material.about
    assert Encoding().output is DepthKind.RELATIVE
