"""Evaluation: known predictions get known figures; the mean is over images; bad frames are fatal or counted."""

from __future__ import annotations

import csv
import io
import json
import math
import sys
import types

import numpy as np
import pytest

from dofsim.datasets import fabricate, open_frames
from dofsim.depth.depth_map import DepthKind, DepthMap
from dofsim.depth.registry import ModelRecord
from dofsim.errors import DepthError, MissingExtraError, ModelError, ParameterError
from dofsim.evaluation import Predictor, evaluate, open_predictor
from dofsim.evaluation.evaluate import METRIC, RELATIVE, choose_alignment
from dofsim.evaluation.report import to_csv, to_json, to_markdown
from dofsim.evaluation.sheet import PANEL, draw_sheet
from dofsim.metrics.protocol import Protocol


@pytest.fixture(scope="module")
def frames(tmp_path_factory):
    return open_frames(fabricate.write_nyu_labelled(tmp_path_factory.mktemp("eval")), split="all", raw=True)


def knowing(frames, change, kind=DepthKind.METRIC) -> Predictor:
    """A model that knows the truth and changes it; unknown depth it calls 3 m."""
    truth = {frame.photo.tobytes(): np.nan_to_num(frame.depth, nan=3.0) for frame in frames}

    def call(photo):
        return DepthMap(change(truth[photo.tobytes()]).astype(np.float32), kind, "test")

    return Predictor("knows", "memory", kind, "numpy", call)


def test_the_truth_is_perfect(frames):
    found = evaluate(knowing(frames, lambda depth: depth), frames, Protocol(farthest=10.0))
    assert len(found.images) == found.metric_images == 12
    means = {name: mean.mean for name, mean in found.means(METRIC + RELATIVE).items()}
    for name in METRIC + RELATIVE:
        best = 1.0 if "delta" in name or name == "order" else 0.0
        if "boundary" not in name:
            assert means[name] == pytest.approx(best, abs=2e-4), name
    assert means["boundary_f1"] == pytest.approx(means["aligned_boundary_f1"], abs=0.7)
    assert means["boundary_f1"] > 0.2


def test_per_image_and_then_the_mean(frames):
    # every image has an error of its own: the mean is not that of all pixels
    factor = {frame.photo.tobytes(): 1.05 + 0.1 * index for index, frame in enumerate(frames)}
    truth = {frame.photo.tobytes(): np.nan_to_num(frame.depth, nan=3.0) for frame in frames}
    model = Predictor(
        "off", "memory", DepthKind.METRIC, "numpy",
        lambda photo: DepthMap((truth[photo.tobytes()] * factor[photo.tobytes()]).astype(np.float32), DepthKind.METRIC),
    )  # fmt: skip
    found = evaluate(model, frames, Protocol(farthest=80.0))
    expected = np.array([0.05 + 0.1 * index for index in range(12)])
    np.testing.assert_allclose([image.figures["abs_rel"] for image in found.images], expected, rtol=1e-4)
    mean = found.means(["abs_rel"])["abs_rel"]
    assert mean.mean == pytest.approx(expected.mean(), rel=1e-4)
    assert mean.low < mean.mean < mean.high
    assert mean.images == 12
    # scaled by the medians nothing is left of it
    aligned = evaluate(model, frames, Protocol(farthest=80.0, alignment="median"))
    assert aligned.means(["abs_rel"])["abs_rel"].mean == pytest.approx(0.0, abs=1e-6)
    assert [image.name for image in found.worst(2)] == [frames[11].name, frames[10].name]


def test_mean_over_scenes(tmp_path):
    root = fabricate.write_folder(tmp_path, {"mine": {"long": 6, "short": 1}})
    frames = open_frames(root, split="all")
    ratio = {frame.photo.tobytes(): 1.1 if "long" in frame.scene else 1.5 for frame in frames}
    truth = {frame.photo.tobytes(): np.nan_to_num(frame.depth, nan=3.0) for frame in frames}
    model = Predictor(
        "off", "memory", DepthKind.METRIC, "numpy",
        lambda photo: DepthMap((truth[photo.tobytes()] * ratio[photo.tobytes()]).astype(np.float32), DepthKind.METRIC),
    )  # fmt: skip
    means = [
        evaluate(model, frames, Protocol(), unit=unit).means(["abs_rel"])["abs_rel"].mean
        for unit in ("images", "scenes")
    ]
    assert means == pytest.approx([(6 * 0.1 + 0.5) / 7, 0.3], rel=1e-4)
    found = evaluate(model, frames, Protocol(), unit="scenes")
    assert {image.scene for image in found.worst(8)} == {"mine/long", "mine/short"}
    assert len(found.worst(8)) == 2


@pytest.mark.parametrize(
    ("kind", "change"),
    [
        (DepthKind.RELATIVE, lambda depth: 7.0 / depth - 2.0),
        (DepthKind.INVERSE, lambda depth: 1.0 / depth),
        (DepthKind.METRIC, lambda depth: depth * 1.0),
    ],
)
def test_every_kind_of_output_can_be_aligned(frames, kind, change):
    model = knowing(frames, change, kind)
    alignment = choose_alignment(kind)
    assert alignment == ("scale-shift-disparity" if kind is DepthKind.RELATIVE else "none")
    for way in {alignment, "scale-shift-disparity"}:
        found = evaluate(model, frames, Protocol(farthest=10.0, alignment=way))
        assert found.means(["abs_rel"])["abs_rel"].mean == pytest.approx(0.0, abs=1e-3)


def test_relative_depth_has_no_metres():
    for wish in ("none", "median"):
        with pytest.raises(ParameterError, match="relative depth, which has no metres"):
            choose_alignment(DepthKind.RELATIVE, wish)
    assert choose_alignment(DepthKind.METRIC, "median") == "median"
    with pytest.raises(ParameterError, match="unknown alignment"):
        choose_alignment(DepthKind.METRIC, "procrustes")


def test_relative_truth_gets_relative_figures_only(tmp_path):
    root = fabricate.write_folder(tmp_path, {"a": {"x": 2}}, kind="relative_inverse_depth")
    fabricate.write_folder(root, {"b": {"y": 2}})
    frames = open_frames(root, split="all")
    found = evaluate(knowing(frames, lambda depth: depth, DepthKind.RELATIVE), frames[:2], Protocol())
    assert set(found.images[0].figures) == set(RELATIVE)
    assert found.ranked_by == "error"
    assert found.means(["error"])["error"].mean == pytest.approx(0.0, abs=1e-6)
    assert "Metric depth" not in to_markdown(found)
    mixed = evaluate(
        Predictor(
            "flat", "memory", DepthKind.METRIC, "numpy", lambda _: DepthMap(np.full((4, 4), 2.0), DepthKind.METRIC)
        ),
        frames,
        Protocol(),
    )
    assert mixed.metric_images == 2
    assert mixed.means(["abs_rel"])["abs_rel"].images == 2
    assert mixed.means(["error"])["error"].images == 4
    assert "(2 of 4 images have any)" not in to_markdown(mixed)
    rows = list(csv.DictReader(io.StringIO(to_csv(mixed))))
    assert [row["abs_rel"] == "" for row in rows] == [True, True, False, False]


def test_predictions_are_resized_to_the_truth(frames):
    small = evaluate(
        Predictor(
            "flat", "memory", DepthKind.METRIC, "numpy", lambda _: DepthMap(np.full((3, 5), 2.0), DepthKind.METRIC)
        ),
        frames,
        Protocol(farthest=10.0),
    )
    truth = frames[0].depth
    counted = truth[(truth > 1e-3) & (truth < 10)].astype(np.float64)
    assert small.images[0].figures["rmse"] == pytest.approx(np.sqrt(((2 - counted) ** 2).mean()))
    assert small.images[0].pixels == counted.size
    # bilinear, pixel centres half-way: three columns of 1, 2, 3 m over six
    ramp = Predictor(
        "ramp", "memory", DepthKind.METRIC, "numpy",
        lambda _: DepthMap(np.array([[1.0, 2.0, 3.0]]), DepthKind.METRIC),
    )  # fmt: skip
    np.testing.assert_allclose(ramp(np.zeros((1, 6, 3), np.uint8))[0], [1.0, 1.25, 1.75, 2.25, 2.75, 3.0])


def test_flip_averages_with_the_mirrored_photo():
    def call(photo):
        return DepthMap(photo[..., 0].astype(np.float32) + 1.0 + np.arange(4)[None], DepthKind.METRIC)

    photo = np.zeros((2, 4, 3), np.uint8)
    plain = Predictor("p", "memory", DepthKind.METRIC, "numpy", call)
    np.testing.assert_allclose(plain(photo)[0], [1, 2, 3, 4])
    turned = Predictor("p", "memory", DepthKind.METRIC, "numpy", call, flip=True)
    np.testing.assert_allclose(turned(photo)[0], [2.5] * 4)


def test_bad_frames(tmp_path):
    root = fabricate.write_nyu_png(tmp_path)
    (root / "sync" / "study_0003" / "rgb_00001.jpg").write_bytes(b"no picture")
    frames = open_frames(root, split="trainval")
    model = Predictor(
        "flat", "memory", DepthKind.METRIC, "numpy", lambda _: DepthMap(np.full((3, 5), 2.0), DepthKind.METRIC)
    )
    with pytest.raises(DepthError, match="study_0003/00001"):
        evaluate(model, frames, Protocol())
    found = evaluate(model, frames, Protocol(), skip_bad=True)
    assert len(found.images) == 7
    assert [frame.name for frame in found.bad] == ["study_0003/00001"]
    assert "Skipped, because they cannot be used: 1." in to_markdown(found)
    assert json.loads(to_json(found))["skipped"][0]["name"] == "study_0003/00001"
    with pytest.raises(
        DepthError, match=r"none of the 8 frames can be evaluated; the first: kitchen.*between 70 and 80 m"
    ):
        evaluate(model, frames, Protocol(nearest=70.0), skip_bad=True)


def test_reports_agree_with_each_other(frames):
    found = evaluate(
        knowing(frames, lambda depth: depth * 1.3),
        frames,
        Protocol(farthest=10.0),
        data={"dataset": "nyu", "split": "all"},
    )
    facts = json.loads(to_json(found, worst=3))
    rows = list(csv.DictReader(io.StringIO(to_csv(found))))
    text = to_markdown(found, worst=3)
    assert len(rows) == facts["images"] == 12
    for name in METRIC:
        values = [float(row[name]) for row in rows if row[name]]
        assert facts["metric"][name]["mean"] == pytest.approx(np.mean(values), rel=1e-5)
        assert f"{facts['metric'][name]['mean']:.4f}" in text
    assert facts["protocol"] == {"crop": "none", "nearest": 0.001, "farthest": 10.0, "alignment": "none"}
    assert [image["name"] for image in facts["worst"]] == [image.name for image in found.worst(3)]
    table = [line for line in text.splitlines() if line.startswith("| ")]
    assert len({line.count("|") for line in table if "AbsRel" in line or "SILog" in line}) <= 2
    assert {len(line) for line in text.splitlines() if "RMSE" in line and line.startswith("| ")} == {
        len(next(line for line in table if "SqRel" in line))
    }


def test_figures_that_no_image_has_are_no_nan_in_json(tmp_path):
    root = fabricate.write_folder(tmp_path, {"a": {"x": 1}})
    frames = open_frames(root, split="all")
    model = Predictor(
        "flat", "memory", DepthKind.METRIC, "numpy", lambda _: DepthMap(np.full((3, 5), 2.0), DepthKind.METRIC)
    )
    found = evaluate(model, frames, Protocol())
    image = found.images[0]
    object.__setattr__(
        found, "images", (type(image)(**vars(image) | {"figures": image.figures | {"edge_rmse": math.nan}}),)
    )
    assert "edge_rmse" not in json.loads(to_json(found))["metric"]
    assert "| edge RMSE   | –" in to_markdown(found)


def test_the_sheet_shows_the_worst(frames):
    found = evaluate(knowing(frames, lambda depth: depth * 1.3), frames, Protocol(farthest=10.0))
    sheet = np.asarray(draw_sheet(found, frames, 2))
    assert sheet.shape[1] == 4 * PANEL[0] + 30
    assert sheet.shape[0] == 46 + 2 * (PANEL[1] + 28)
    left = 6 + 3 * (PANEL[0] + 6)
    error = sheet[46 : 46 + PANEL[1], left : left + PANEL[0]].reshape(-1, 3).astype(int)
    known = error[(error.max(1) != 40) | (error.min(1) != 40)]
    # too far is red everywhere, and nowhere blue
    assert (known[:, 0] > known[:, 2] + 40).mean() > 0.9
    assert (known[:, 2] > known[:, 0] + 40).mean() < 0.02
    near = evaluate(knowing(frames, lambda depth: depth * 0.75), frames, Protocol(farthest=10.0))
    panel = (
        np.asarray(draw_sheet(near, frames, 1))[46 : 46 + PANEL[1], left : left + PANEL[0]].reshape(-1, 3).astype(int)
    )
    assert (panel[:, 2] > panel[:, 0] + 40).mean() > 0.9


def test_a_run_of_training_is_asked_through_its_estimator(tmp_path, monkeypatch, frames):
    run = tmp_path / "run"
    run.mkdir()
    (run / "config.json").write_text("{}")
    asked = []

    class Estimator:
        def __init__(self, path):
            asked.append(path)
            self.record = ModelRecord("trained", path, output=DepthKind.METRIC)

        def estimate(self, pixels):
            return DepthMap(np.full((4, 4), 2.0), DepthKind.METRIC)

    monkeypatch.setitem(sys.modules, "torch", types.SimpleNamespace(set_num_threads=asked.append))
    monkeypatch.setitem(sys.modules, "dofsim.pix2pix.predict", types.SimpleNamespace(Estimator=Estimator))
    model = open_predictor(run, threads=2)
    assert (model.name, model.kind, model.runtime, asked) == ("trained", DepthKind.METRIC, "torch", [2, run])
    assert evaluate(model, frames[:2], Protocol()).metric_images == 2
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(MissingExtraError, match=r"needs torch.*dofsim export RUN"):
        open_predictor(run)


def test_models_that_are_not_there(tmp_path):
    with pytest.raises(ModelError, match="there is no depth model 'midas'"):
        open_predictor("midas")
    with pytest.raises(ModelError, match="no run or checkpoint"):
        open_predictor(tmp_path / "best.safetensors")
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(b"no network")
    with pytest.raises(ModelError, match="cannot be opened as an ONNX model"):
        open_predictor(broken)


def test_the_shipped_model_is_asked_as_render_asks_it(frames):
    from dofsim.depth.estimate import estimate

    model = open_predictor(threads=1)
    assert (model.name, model.kind, model.runtime) == ("dofsim-lite2", DepthKind.RELATIVE, "onnxruntime")
    photo = frames[0].photo
    direct = estimate(photo, threads=1)
    assert model.call(photo).values == pytest.approx(direct.values)
    assert model(photo).shape == photo.shape[:2]
