"""`dofsim eval` and `dofsim data` on made-up data: the screen, the files, the exit codes."""

from __future__ import annotations

import csv
import json
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from dofsim.datasets import fabricate

onnx = pytest.importorskip("onnx", reason="onnx makes the test's networks")


@pytest.fixture(scope="module")
def nyu(tmp_path_factory):
    """Five frames of the real size, so that the standard protocol applies as it is."""
    return fabricate.write_nyu_labelled(
        tmp_path_factory.mktemp("nyu"), 5, train=(2, 4), test=(1, 3, 5), size=(480, 640)
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return fabricate.write_folder(tmp_path_factory.mktemp("folder"), {"mine": dict.fromkeys("abcdefghij", 1)})


def make_model(path, *, metres=2.0, output="metric", channels=3):
    """A network that says the same distance everywhere, and its record."""
    from onnx import TensorProto, helper, numpy_helper

    weight = numpy_helper.from_array(np.zeros((1, channels, 1, 1), np.float32), "weight")
    bias = numpy_helper.from_array(np.array([metres], np.float32), "bias")
    graph = helper.make_graph(
        [helper.make_node("Conv", ["photo", "weight", "bias"], ["depth"])],
        "g",
        [helper.make_tensor_value_info("photo", TensorProto.FLOAT, (1, channels, "h", "w"))],
        [helper.make_tensor_value_info("depth", TensorProto.FLOAT, (1, 1, "h", "w"))],
        [weight, bias],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    path.write_bytes(model.SerializeToString())
    path.with_suffix(".json").write_text(json.dumps({"name": "flat", "square": 64, "output": output}))
    return path


def test_the_standard_protocol_end_to_end(dofsim, nyu, tmp_path):
    model = make_model(tmp_path / "flat.onnx")
    out = tmp_path / "results"
    result = dofsim("eval", "--data", nyu, "--dataset", "nyu", "--split", "test", "--model", model, "-o", out)
    assert result.code == 0
    assert "Metric depth, 3 images: Eigen crop, 0.001 to 10 m, alignment: none." in result.out
    assert "split test, raw depth: 3 images" in result.out
    facts = json.loads((out / "summary.json").read_text())
    assert facts["protocol"] == {"crop": "eigen", "nearest": 0.001, "farthest": 10.0, "alignment": "none"}
    assert facts["data"]["raw"] is True
    # once more by hand: raw depth, crop, range, per image, mean
    errors = []
    for index in (0, 2, 4):
        depth = fabricate.make_frame(index, (480, 640))[1][45:471, 41:601] / 1000
        depth = depth[(depth > 1e-3) & (depth < 10)]
        errors.append(np.sqrt(((2.0 - depth) ** 2).mean()))
    assert facts["metric"]["rmse"]["mean"] == pytest.approx(np.mean(errors), rel=1e-5)
    rows = list(csv.DictReader((out / "images.csv").read_text().splitlines()))
    assert [float(row["rmse"]) for row in rows] == pytest.approx(errors, rel=1e-5)
    assert [row["name"].rsplit("/")[-1] for row in rows] == ["0001", "0003", "0005"]
    assert (out / "summary.md").read_text().strip() == result.out.strip()
    with Image.open(out / "worst.png") as sheet:
        assert sheet.size == (1310, 46 + 3 * 268)
    assert {path.name for path in out.iterdir()} == {"summary.json", "summary.md", "images.csv", "worst.png"}


def test_deviations_are_said(dofsim, nyu, tmp_path):
    model = make_model(tmp_path / "flat.onnx")
    result = dofsim(
        "eval", "--data", nyu, "--model", model, "--filled", "--crop", "none", "--farthest", 5, "--align", "median",
        "--flip", "--limit", 2, "--worst", 0,
    )  # fmt: skip
    assert result.code == 0
    assert "filled depth: 2 images" in result.out
    assert "no crop, 0.001 to 5 m, alignment: median" in result.out
    assert "test-time augmentation" in result.out
    assert "Worst" not in result.out


def test_packed_data_scores_like_the_original(dofsim, nyu, tmp_path):
    model = make_model(tmp_path / "flat.onnx")
    assert dofsim("data", "prepare", nyu, "-o", tmp_path / "nyu.h5", "--raw", "-q").code == 0
    results = []
    for data in (nyu, tmp_path / "nyu.h5"):
        out = tmp_path / f"of-{data.name}"
        assert dofsim("eval", "--data", data, "--model", model, "-o", out, "--worst", 0, "-q").code == 0
        results.append(json.loads((out / "summary.json").read_text()))
    assert results[0]["metric"] == results[1]["metric"]
    assert results[0]["protocol"] == results[1]["protocol"]
    assert results[1]["data"]["raw"] is True
    assert dofsim("data", "prepare", nyu, "-o", tmp_path / "filled.h5", "-q").code == 0
    filled = dofsim("eval", "--data", tmp_path / "filled.h5", "--model", model, "--worst", 0)
    assert filled.code == 0
    assert "holds in-painted depth" in filled.err
    assert "filled depth: 3 images" in filled.out


def test_the_shipped_model_needs_no_torch(folder, tmp_path):
    program = (
        "import sys\n"
        "sys.modules['torch'] = sys.modules['albumentations'] = None\n"
        "from dofsim.cli.app import run\n"
        f"sys.exit(run(['eval', '--data', {str(folder)!r}, '--threads', '1', '-o', {str(tmp_path / 'out')!r}]))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "**dofsim-lite2** (estimator.onnx, onnxruntime, relative depth)" in done.stdout
    assert "alignment: scale-shift-disparity" in done.stdout
    facts = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert facts["images"] == 2
    assert 0 < facts["metric"]["abs_rel"]["mean"] < 1


@pytest.mark.parametrize(
    ("change", "says", "code"),
    [
        (["--data", "nothing"], "does not exist", 2),
        (["--dataset", "diml"], "dimlrgbd.github.io", 2),
        (["--split", "middle"], "--split", 2),
        (["--model", "midas"], "there is no depth model", 6),
        (["--align", "none"], "relative depth, which has no metres", 2),
        (["--crop", "eigen"], "defined at 640x480 px", 4),
        (["--farthest", "0"], "no range above 0", 2),
        (["--resolution", "LR"], "has no option 'resolution'", 2),
        (["-o", "FILE"], "is a file", 5),
        (["--limit", "0"], "--limit", 2),
    ],
)
def test_bad_wishes_are_one_line(dofsim, folder, tmp_path, change, says, code):
    (tmp_path / "file").touch()
    change = [str(tmp_path / "file") if part == "FILE" else part for part in change]
    result = dofsim("eval", *([] if "--data" in change else ["--data", folder]), *change)
    assert result.code == code
    assert says in result.complaint
    assert result.out == ""


def test_nothing_is_left_of_an_evaluation_that_fails(dofsim, folder, tmp_path):
    assert dofsim("eval", "--data", folder, "--model", "midas", "-o", tmp_path / "out").code == 6
    assert dofsim("eval", "--data", folder, "--crop", "eigen", "-o", tmp_path / "out").code == 4
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "file").touch()
    result = dofsim("eval", "--data", folder, "-o", tmp_path / "file" / "out")
    assert result.code == 5
    assert "not a folder that can be written to" in result.complaint


def test_bad_models_are_one_line(dofsim, folder, tmp_path):
    other = make_model(tmp_path / "other.onnx", channels=4)
    result = dofsim("eval", "--data", folder, "--model", other)
    assert result.code == 6
    assert "it needs one input, float (1, 3, H, W)" in result.complaint
    other.write_bytes(b"no network")
    assert "cannot be opened as an ONNX model" in dofsim("eval", "--data", folder, "--model", other).complaint


def test_data_sets_of_different_ranges_need_a_word(dofsim, tmp_path):
    root = fabricate.write_diml(tmp_path / "diml")
    model = make_model(tmp_path / "flat.onnx")
    result = dofsim("eval", "--data", root, "--model", model)
    assert result.code == 2
    assert "diml-indoor and diml-outdoor are evaluated in different ranges" in result.complaint
    assert dofsim("eval", "--data", root / "indoor", "--model", model).code == 0
    assert dofsim("eval", "--data", root, "--model", model, "--farthest", 40).code == 0


def test_results_are_not_replaced_unasked(dofsim, folder, tmp_path):
    model = make_model(tmp_path / "flat.onnx")
    arguments = ("eval", "--data", folder, "--model", model, "-o", tmp_path / "out", "--worst", 1)
    assert dofsim(*arguments).code == 0
    before = (tmp_path / "out" / "summary.json").stat().st_mtime_ns
    result = dofsim(*arguments)
    assert result.code == 5
    assert "--overwrite" in result.complaint
    assert (tmp_path / "out" / "summary.json").stat().st_mtime_ns == before
    assert dofsim(*arguments, "--overwrite", "-q").out == ""


def test_bad_frames_stop_the_evaluation_or_are_named(dofsim, tmp_path):
    root = fabricate.write_folder(tmp_path / "in", {"mine": dict.fromkeys("abcdefghij", 1)})
    model = make_model(tmp_path / "flat.onnx")
    (root / "mine" / "c" / "f0.jpg").write_bytes(b"no picture")
    Image.fromarray(np.zeros((48, 64), np.uint16)).save(root / "mine" / "d" / "f0.depth.png")
    arguments = ("eval", "--data", root, "--split", "all", "--model", model)
    result = dofsim(*arguments)
    assert result.code == 4
    assert "mine/c/f0" in result.complaint
    assert result.complaint.endswith("; --skip-bad leaves such frames out")
    packing = dofsim("data", "prepare", root, "-o", tmp_path / "packed.h5")
    assert packing.code == 4
    assert packing.complaint == result.complaint
    skipped = dofsim(*arguments, "--skip-bad")
    assert skipped.code == 0
    lines = skipped.err.strip().splitlines()
    assert len(lines) == 2
    assert "mine/c/f0" in lines[0]
    assert "mine/d/f0: no pixel has a known depth (all of them are 0 or NaN)" in lines[1]
    assert "8 images of 8 scenes" in skipped.out


def test_check_says_what_is_there(dofsim, nyu, folder):
    result = dofsim("data", "check", nyu)
    assert result.code == 0
    assert "NYU Depth V2, labelled (--dataset nyu)" in result.out
    assert "5 frames of 640x480 px" in result.out
    assert "the official split is 795 + 654 images, splits.mat has 2 + 3" in result.out
    assert "test 3; trainval 2, all 5" in result.out
    facts = json.loads(dofsim("data", "check", folder, "--json").out)
    assert facts["frames"] == {"train": 7, "val": 1, "trainval": 8, "test": 2, "all": 10}
    assert facts["dataset"] == "folder"
    assert facts["missing"] == []


def test_check_of_a_wrong_root_shows_the_trees(dofsim, tmp_path):
    result = dofsim("data", "check", tmp_path)
    assert result.code == 2
    assert "is empty" in result.complaint
    for part in (
        "nyu_depth_v2_labeled.mat",
        "depth_filled/*_depth_filled.png",
        "https://dimlrgbd.github.io",
        "source.json",
    ):
        assert part in result.out
    one = dofsim("data", "check", tmp_path, "--dataset", "nyu-h5")
    assert one.code == 2
    assert "ROOT/val/official/<number>.h5" in one.out
    assert "dimlrgbd" not in one.out
    assert dofsim("data", "check", tmp_path, "--json").out == ""


def test_check_reads_every_frame_if_asked(dofsim, tmp_path):
    root = fabricate.write_folder(tmp_path, {"mine": dict.fromkeys("abc", 1)})
    assert "3 frames can be used, 0 cannot" in dofsim("data", "check", root, "--read-all").out
    (root / "mine" / "b" / "f0.jpg").write_bytes(b"no picture")
    result = dofsim("data", "check", root, "--read-all")
    assert result.code == 4
    assert "2 frames can be used, 1 cannot" in result.out
    assert "mine/b/f0" in result.out


def test_check_without_the_split_file(dofsim, tmp_path):
    root = fabricate.write_nyu_labelled(tmp_path)
    (root / "splits.mat").unlink()
    result = dofsim("data", "check", root)
    assert result.code == 0
    assert "missing   " + str(root / "splits.mat") in result.out
    assert "frames    all 12" in result.out
    packed = dofsim("data", "prepare", root, "-o", tmp_path / "packed.h5")
    assert packed.code == 0
    assert f"warning: {root / 'splits.mat'} is missing" in packed.err
    fabricate.write_mat5(root / "splits.mat", {"trainNdxs": [1, 99], "testNdxs": [2]})
    damaged = dofsim("data", "check", root)
    assert damaged.code == 4
    assert f"damaged   {root / 'splits.mat'} names the image 99 in trainNdxs" in damaged.out
    assert "missing" not in damaged.out
    assert "names the image 99" in json.loads(dofsim("data", "check", root, "--json").out)["damaged"][0]


def test_prepare_reports_and_repeats(dofsim, folder, tmp_path):
    out = tmp_path / "packed.h5"
    result = dofsim("data", "prepare", folder, "-o", out, "--size", "32")
    assert result.code == 0
    assert result.out.strip() == str(out)
    assert "10 frames, 0 skipped" in result.err
    again = dofsim("data", "prepare", folder, "-o", out, "--size", "32")
    assert "it was there already: 10 frames" in again.err
    other = dofsim("data", "prepare", folder, "-o", out)
    assert other.code == 5
    assert "--overwrite" in other.complaint
    assert dofsim("data", "prepare", folder, "-o", out, "--size", "wide").code == 2
    assert dofsim("data", "prepare", folder, "-o", tmp_path / "no" / "packed.h5").code == 5
    assert "(height x width) 24x32" in dofsim("data", "check", out).out


def test_the_help_lists_the_data_sets_there_are(dofsim):
    from typing import get_args

    from dofsim.cli.options import DatasetName
    from dofsim.datasets.recognise import DATASETS

    assert set(get_args(DatasetName)) == set(DATASETS)
    assert "eval" in dofsim("--help").out
