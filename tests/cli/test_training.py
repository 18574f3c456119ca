"""``dofsim train`` and ``dofsim export``, as a user types them."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

for module in ("torch", "accelerate", "safetensors", "tensorboard", "h5py", "onnx"):
    pytest.importorskip(module, reason=f"{module} comes with dofsim[train]")

from dofsim.cli.app import run  # noqa: E402
from dofsim.cli.training import Watcher  # noqa: E402
from dofsim.datasets import fabricate  # noqa: E402
from dofsim.pix2pix.config import RunConfig  # noqa: E402
from dofsim.pix2pix.loop import Status  # noqa: E402

TINY = ("--size", "32", "--levels", "3", "--filters", "4", "--discriminator-filters", "4", "--batch", "2",
        "--steps", "4", "--validate-every", "2", "--log-every", "2", "--threads", "1")  # fmt: skip


@pytest.fixture(scope="module")
def nyu(tmp_path_factory):
    return fabricate.write_nyu_labelled(tmp_path_factory.mktemp("nyu"))


@pytest.fixture(scope="module")
def trained(nyu, tmp_path_factory):
    out = tmp_path_factory.mktemp("runs") / "run"
    assert run(["train", "--data", str(nyu), "--dataset", "nyu", "-o", str(out), *TINY, "--quiet"]) == 0
    return out


@pytest.fixture(autouse=True)
def _threads():
    import torch

    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def test_train_tells_what_it_does(nyu, tmp_path, capsys):
    out = tmp_path / "run"
    assert run(["train", "--data", str(nyu), "-o", str(out), *TINY]) == 0
    told = capsys.readouterr()
    assert told.out == f"{out}\n"
    assert "pix2pix with unet, 32 px, from " in told.err
    assert "step 2/4: discriminator" in told.err
    assert "images/s" in told.err
    assert "4 steps, best error" in told.err
    config = json.loads((out / "config.json").read_text())
    assert (config["data"]["dataset"], config["encoding"]["target"]) == ("nyu", "metric")
    # the same call does nothing more; a longer one goes on
    assert run(["train", "-o", str(out), "--steps", "6"]) == 0
    assert "from step 4 on" in capsys.readouterr().err


def test_quiet_is_quiet(trained, capsys):
    assert run(["train", "-o", str(trained), "--quiet"]) == 0
    assert capsys.readouterr() == ("", "")


def test_export_makes_a_model_that_dofsim_can_use(trained, tmp_path, capsys):
    model, photo, depth = tmp_path / "m.onnx", tmp_path / "photo.png", tmp_path / "depth.npy"
    assert run(["export", str(trained), "-o", str(model)]) == 0
    told = capsys.readouterr()
    assert told.out == f"{model}\n"
    assert "metric depth" in told.err
    assert run(["export", str(trained), "-o", str(model)]) == 5
    assert "--overwrite" in capsys.readouterr().err
    assert run(["export", str(trained), "-o", str(model), "--half", "--overwrite"]) == 0
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)).save(photo)
    assert run(["depth", str(photo), "--model", str(model), "-o", str(depth), "--quiet"]) == 0
    assert np.load(depth).shape == (64, 64)


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--objective", "ssi", "--target", "metric"], 2, "--target relative"),
        (["--size", "30"], 2, "multiples of 8"),
        (["--size", "40", "--levels", "4"], 2, "multiples of 16; give another --size, or --levels 3"),
        (["--objective", "dream"], 2, "dream"),
        (["--generator", "timm", "--backbone", "nothing", "--size", "64"], 6, "timm knows no backbone"),
        (["--generator", "timm", "--backbone", "resnet18", "--size", "64"], 6, "(--start random)"),
        (["--start", "nowhere"], 6, "nowhere is no readable checkpoint"),
        (["--nearest", "20", "--farthest", "30"], 4, "no depth to learn from"),
        (["--split", "dreams"], 2, "unknown split"),
        (["--dataset", "diml"], 2, "diml"),
        (["--bf16", "--rate", "-1"], 2, "above 0"),
    ],
)
def test_bad_wishes_are_one_line(nyu, tmp_path, capsys, arguments, code, message):
    if "timm" in arguments:
        pytest.importorskip("timm", reason="timm comes with dofsim[train]")
    assert run(["train", "--data", str(nyu), "-o", str(tmp_path / "run"), *TINY, *arguments]) == code
    told = capsys.readouterr().err.strip().splitlines()
    assert told[-1].startswith("error: ")
    assert message in told[-1]


def test_bad_places_are_one_line(trained, tmp_path, capsys):
    assert run(["train", "-o", str(tmp_path / "none")]) == 2
    assert "say what to train on (--data ROOT)" in capsys.readouterr().err
    assert run(["train", "--data", str(tmp_path / "none"), "-o", str(tmp_path / "run"), *TINY]) == 2
    assert "none" in capsys.readouterr().err
    assert run(["train", "-o", str(trained), "--rate", "0.5"]) == 2
    assert "optimiser.rate" in capsys.readouterr().err
    assert run(["export", str(tmp_path), "-o", str(tmp_path / "m.onnx")]) == 6
    assert "no checkpoint yet" in capsys.readouterr().err
    assert run(["export", str(trained), "-o", str(tmp_path / "m.pt")]) == 2
    assert ".onnx" in capsys.readouterr().err
    assert not (tmp_path / "m.onnx").exists()


def stopped(reason, *, quiet):
    with Watcher(RunConfig(), quiet=quiet) as watcher:
        watcher.tell(Status(0, 10))
        watcher.tell(Status(7, 10, {"l1": 1.0}))
        raise reason


@pytest.mark.parametrize("reason", [KeyboardInterrupt, SystemExit])
def test_a_stopped_run_says_how_to_go_on(capsys, reason):
    with pytest.raises(reason):
        stopped(reason, quiet=False)
    assert capsys.readouterr().err.splitlines()[-1] == "note: stopped at step 7; the same command goes on"
    with pytest.raises(reason):
        stopped(reason, quiet=True)
    assert capsys.readouterr().err == ""


def test_a_corrupt_frame_is_fatal_or_left_out(tmp_path, capsys):
    root = fabricate.write_folder(tmp_path / "data", {"a": {f"s{k}": 2 for k in range(6)}})
    broken = min((root / "a" / "s0").glob("*.jpg"))
    broken.write_bytes(broken.read_bytes()[:40])
    (root / "splits.json").write_text(json.dumps({"train": ["a/s0"], "val": [f"a/s{k}" for k in range(1, 6)]}))
    wish = ["train", "--data", str(root), "--dataset", "folder", *TINY]
    assert run([*wish, "-o", str(tmp_path / "run")]) == 4
    complaint = capsys.readouterr().err
    assert "a/s0/" in complaint
    assert complaint.endswith("; --skip-bad leaves such frames out\n")
    # what was learnt before is not lost
    assert run([*wish, "-o", str(tmp_path / "run"), "--skip-bad"]) == 0
    told = capsys.readouterr().err
    assert "warning: left out: " in told
    assert "a/s0/f0" in told
    assert "warning: 1 unusable frames" in told
