"""The training loop: what it writes, and that a stopped run goes on to the same result, in one process and in two."""

from __future__ import annotations

import csv
import json
import os
import pickle
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="torch comes with dofsim[train]")
for module in ("accelerate", "safetensors", "tensorboard"):
    pytest.importorskip(module, reason=f"{module} comes with dofsim[train]")

from dofsim.errors import FrameError, ModelError, OutputError, ParameterError  # noqa: E402
from dofsim.pix2pix import checkpoint, loop  # noqa: E402
from dofsim.pix2pix.batch import Batch  # noqa: E402
from dofsim.pix2pix.board import Board  # noqa: E402
from dofsim.pix2pix.stored import read_config  # noqa: E402

TOY = Path(__file__).with_name("toy.py")


def equal(first, second):
    assert first.keys() == second.keys()
    assert all(torch.equal(value, second[name]) for name, value in first.items())


class Killed(BaseException):
    """What ends a run without any warning."""


@pytest.mark.parametrize("objective", ["pix2pix", "cyclegan"])
def test_a_run_killed_at_any_step_goes_on_to_the_same_result(toy, tmp_path, objective):
    settings = toy.config(objective, steps=5, save_every=2, validate_every=3, filters=4)
    whole = loop.train(settings, tmp_path / "whole", toy.source, validator=toy.Validator())
    for fatal in range(5):

        def source(step, first, last, fatal=fatal):
            if step // (2 if objective == "cyclegan" else 1) == fatal:
                raise Killed
            return toy.source(step, first, last)

        folder = tmp_path / str(fatal)
        with pytest.raises(Killed):
            loop.train(settings, folder, source, validator=toy.Validator())
        again = loop.train(settings, folder, toy.source, validator=toy.Validator())
        equal(toy.weights(whole.learner), toy.weights(again.learner))
        assert again.progress == whole.progress
        for name in ("log.csv", "validation.csv"):
            rows = [[float(v) for k, v in row.items() if k != "images_per_second"] for row in table(folder / name)]
            assert [row[0] for row in rows] == [float(row["step"]) for row in table(tmp_path / "whole" / name)]
        equal(*(checkpoint.load_tensors(place / "best.safetensors")[0] for place in (folder, tmp_path / "whole")))


def table(path):
    with path.open(newline="") as stream:
        return list(csv.DictReader(stream))


def test_a_process_killed_for_good_goes_on_to_the_same_result(toy, tmp_path):
    """SIGKILL, whatever it was doing just then."""
    run = subprocess.Popen([sys.executable, "-W", "ignore", TOY, tmp_path, "slow"], stderr=subprocess.PIPE)
    deadline = time.monotonic() + 180
    alive = tmp_path / "alive"
    while int((alive.read_text() if alive.is_file() else "") or 0) < 12:
        assert run.poll() is None, run.stderr.read().decode()
        assert time.monotonic() < deadline
        time.sleep(0.01)
    run.kill()
    run.communicate()
    assert read_config(tmp_path / "slow") == toy.config(steps=20)
    done = json.loads(checkpoint.load_tensors(tmp_path / "slow" / "last.safetensors")[1]["progress"])
    assert 0 < done["step"] < 20
    again = loop.train(toy.config(steps=20), tmp_path / "slow", toy.source)
    whole = loop.train(toy.config(steps=20), tmp_path / "whole", toy.source)
    equal(toy.weights(whole.learner), toy.weights(again.learner))


@pytest.mark.parametrize(("number", "raised"), [(signal.SIGTERM, SystemExit), (signal.SIGINT, KeyboardInterrupt)])
def test_a_signal_ends_the_run_after_the_step_and_saves_it(toy, tmp_path, number, raised):
    def source(step, first, last):
        if step == 7:
            os.kill(os.getpid(), number)
        return toy.source(step, first, last)

    before = signal.getsignal(number)
    with pytest.raises(raised):
        loop.train(toy.config(steps=30), tmp_path, source)
    assert signal.getsignal(number) is before
    done = json.loads(checkpoint.load_tensors(tmp_path / "last.safetensors")[1]["progress"])["step"]
    assert 3 < done < 30
    again = loop.train(toy.config(steps=30), tmp_path, toy.source)
    whole = loop.train(toy.config(steps=30), tmp_path / "whole", toy.source)
    equal(toy.weights(whole.learner), toy.weights(again.learner))


def test_a_frame_that_cannot_be_used_ends_the_run_and_saves_it(toy, tmp_path):
    def source(step, first, last):
        if step == 8:
            raise FrameError("a/b/c is broken")
        return toy.source(step, first, last)

    with pytest.raises(FrameError, match="a/b/c"):
        loop.train(toy.config(), tmp_path, source)
    done = json.loads(checkpoint.load_tensors(tmp_path / "last.safetensors")[1]["progress"])["step"]
    assert done == 8
    again = loop.train(toy.config(skip_bad=True), tmp_path, toy.source)
    whole = loop.train(toy.config(), tmp_path / "whole", toy.source)
    equal(toy.weights(whole.learner), toy.weights(again.learner))


def test_two_processes_learn_what_one_does(toy, tmp_path):
    """Launched by accelerate. Without normalisation the result is that of one process; GANs stay in step and resume."""
    command = [
        sys.executable, "-m", "accelerate.commands.launch", "--multi_gpu", "--num_processes", "2",
        "--num_machines", "1", "--main_process_port", "0", "--mixed_precision", "no", "--dynamo_backend", "no",
        TOY, tmp_path, "plain", "pacgan", "cyclegan", "command",
    ]  # fmt: skip
    # accelerate's own launcher for CPUs wants MPI; that for GPUs starts processes on a CPU as well if told to use it
    cpu = {**os.environ, "ACCELERATE_USE_CPU": "true", "PYTHONWARNINGS": "ignore"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300, env=cpu)
    assert done.returncode == 0, done.stderr[-3000:]

    # the command line speaks once, for both of them
    assert done.stdout == f"{tmp_path / 'command'}\n"
    assert done.stderr.count("step 4/4") == done.stderr.count("4 steps, best error") == 1

    first, second = (torch.load(tmp_path / f"plain.{rank}.pt") for rank in (0, 1))
    equal(first, second)
    make = loop.make_learner
    try:
        loop.make_learner = toy.plain_learner
        alone = loop.train(toy.config("l1"), tmp_path / "alone", toy.source, validator=toy.Validator())
    finally:
        loop.make_learner = make
    for name, value in toy.weights(alone.learner).items():
        torch.testing.assert_close(first[name], value, rtol=1e-5, atol=1e-6)
    told = [json.loads((tmp_path / f"plain.{rank}.json").read_text()) for rank in (0, 1)]
    assert told[0] == told[1]
    assert told[0]["best"] == pytest.approx(alone.progress.best, rel=1e-5)

    for name in ("pacgan", "cyclegan"):
        ranks = [torch.load(tmp_path / f"{name}.{rank}.pt") for rank in (0, 1)]
        for whole, again in ranks:
            learnt = [key for key in whole if "running" not in key and "tracked" not in key]
            equal({key: whole[key] for key in learnt}, {key: again[key] for key in learnt})
        learnt = [key for key in ranks[0][0] if "running" not in key]
        equal({key: ranks[0][0][key] for key in learnt}, {key: ranks[1][0][key] for key in learnt})
    with pytest.raises(ParameterError, match="2 processes"):
        loop.train(toy.config("cyclegan", steps=9, save_every=2), tmp_path / "cyclegan", toy.source)


def test_a_run_writes_what_it_promises(toy, tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    seen = []
    preview = toy.source(0, 0, 3)
    loop.train(
        toy.config(), tmp_path, toy.source, validator=toy.Validator(), preview=preview, watch=seen.append
    )  # fmt: skip
    names = {path.name.split(".")[0] for path in tmp_path.iterdir()}
    assert names == {"config", "last", "best", "log", "validation", "events"}
    assert [status.step for status in seen] == [0, 3, 6, 9, 12]
    assert all(status.images_per_second > 0 for status in seen[1:])
    assert seen[-1].scores["error"] < 1
    board = EventAccumulator(str(tmp_path), size_guidance={"images": 0, "scalars": 0})
    board.Reload()
    scalars = board.Tags()["scalars"]
    assert (tmp_path / "last.safetensors").stat().st_mode == (tmp_path / "log.csv").stat().st_mode
    assert {"loss/generator", "loss/gan", "loss/l1", "loss/discriminator", "rate", "validation/error"} <= set(scalars)
    assert [event.step for event in board.Scalars("loss/gan")] == [3, 6, 9, 12]
    pictures = board.Images("photo | target | prediction")
    assert [event.step for event in pictures] == [4, 8, 12]
    assert (pictures[0].width, pictures[0].height) == (3 * 32, 3 * 32)
    assert [row["step"] for row in table(tmp_path / "log.csv")] == ["3", "6", "9", "12"]


def test_a_finished_run_does_nothing_more(toy, tmp_path):
    first = loop.train(toy.config(), tmp_path, toy.source)
    again = loop.train(toy.config(), tmp_path, lambda *_: pytest.fail("no batch is due"))
    equal(toy.weights(first.learner), toy.weights(again.learner))


def test_a_run_can_be_made_longer(toy, tmp_path):
    loop.train(toy.config(steps=5), tmp_path, toy.source)
    longer = loop.train(toy.config(steps=9), tmp_path, toy.source)
    whole = loop.train(toy.config(steps=9), tmp_path / "whole", toy.source)
    equal(toy.weights(longer.learner), toy.weights(whole.learner))


class Scripted:
    """Errors as they are told."""

    def __init__(self, *errors):
        self.errors = list(errors)

    def measure(self, model, part, parts):
        return [("scene", {"error": self.errors.pop(0)})]

    def summarise(self, rows):
        return rows[0][1]


def test_the_best_by_validation_is_kept_and_worse_ones_end_the_run(toy, tmp_path):
    settings = toy.config(steps=40, patience=2)
    outcome = loop.train(settings, tmp_path, toy.source, validator=Scripted(0.5, 0.3, 0.9, 0.4, 0.1))
    assert outcome.progress.step == 16
    assert outcome.progress.best == 0.3
    weights, metadata = checkpoint.load_tensors(tmp_path / "best.safetensors")
    assert metadata["step"] == "8"
    assert not [name for name in weights if "/" in name]
    # it has ended: the same call does not start again
    again = loop.train(settings, tmp_path, toy.source, validator=Scripted())
    assert again.progress.step == 16


def test_the_seed_decides(toy, tmp_path):
    first, second, other = (
        toy.weights(loop.train(toy.config(seed=seed, steps=3), tmp_path / name, toy.source).learner)
        for name, seed in (("a", 1), ("b", 1), ("c", 2))
    )
    equal(first, second)
    assert any(not torch.equal(value, other[name]) for name, value in first.items())


@pytest.mark.parametrize("option", ["bf16", "channels_last"])
def test_precision_and_layout_change_little_and_resume(toy, tmp_path, option):
    plain = loop.train(toy.config("l1", steps=4), tmp_path / "plain", toy.source)
    settings = toy.config("l1", steps=4, **{option: True})
    whole = loop.train(settings, tmp_path / "whole", toy.source)
    loop.train(settings, tmp_path / "again", toy.source, until=2)
    again = loop.train(settings, tmp_path / "again", toy.source)
    equal(toy.weights(whole.learner), toy.weights(again.learner))
    first, second = toy.weights(plain.learner), toy.weights(whole.learner)
    learnt = [name for name in first if name.endswith("weight")]
    assert all(torch.allclose(first[name], second[name], atol=0.02) for name in learnt)


def test_other_settings_in_the_same_folder_are_refused(toy, tmp_path):
    loop.train(toy.config(), tmp_path, toy.source)
    with pytest.raises(ParameterError, match=r"objective\.name, optimiser\.rate"):
        loop.train(toy.config("l1", rate=1e-3), tmp_path, toy.source)


def test_a_batch_that_cannot_be_shared_is_refused(toy, tmp_path, monkeypatch):
    monkeypatch.setattr(loop.Accelerator, "num_processes", 3)
    with pytest.raises(ParameterError, match="3 processes cannot share a batch of 4"):
        loop.train(toy.config(), tmp_path, toy.source)
    assert not list(tmp_path.iterdir())


def test_a_checkpoint_of_another_architecture_is_refused(toy, tmp_path):
    loop.train(toy.config(steps=2), tmp_path, toy.source)
    (tmp_path / "config.json").write_text(toy.config(steps=2, filters=4).to_json())
    with pytest.raises(ModelError, match=r"another architecture: its .* is \(8, 3, 4, 4\), not \(4, 3, 4, 4\)"):
        loop.train(toy.config(steps=2, filters=4), tmp_path, toy.source)
    learner = loop.make_learner(toy.config(levels=4))
    with pytest.raises(ModelError, match="it has no tensor"):
        checkpoint.load_state(tmp_path / "last.safetensors", learner)
    weights = learner.generator.state_dict()
    with pytest.raises(ModelError, match="a tensor more besides"):
        checkpoint.fill(learner.generator, {**weights, "more": torch.zeros(1)}, "it")


def test_a_folder_is_taken_once_something_was_learnt_there(toy, tmp_path):
    loop.train(toy.config(steps=4, save_every=2), tmp_path, toy.source)
    (tmp_path / "last.safetensors").rename(tmp_path / "best.safetensors")
    before = (tmp_path / "best.safetensors").read_bytes()
    with pytest.raises(ParameterError, match=r"a run with other settings \(batch\)"):
        loop.train(toy.config(steps=4, batch=2), tmp_path, toy.source)
    assert (tmp_path / "best.safetensors").read_bytes() == before
    (tmp_path / "best.safetensors").unlink()
    assert loop.train(toy.config("l1", steps=4, batch=2), tmp_path, toy.source).progress.step == 4
    log = list(csv.DictReader((tmp_path / "log.csv").read_text().splitlines()))
    assert [row["step"] for row in log] == ["3", "4"]
    assert None not in log[0]
    assert read_config(tmp_path).batch == 2


def test_broken_checkpoints_are_said(toy, tmp_path):
    with pytest.raises(ModelError, match="no checkpoint yet"):
        checkpoint.generator_weights(tmp_path)
    (tmp_path / "last.safetensors").write_bytes(b"nothing of the kind")
    with pytest.raises(ModelError, match="no readable checkpoint"):
        checkpoint.generator_weights(tmp_path)
    with pytest.raises(ModelError, match="no readable config"):
        loop.train(toy.config(), tmp_path, toy.source)
    (tmp_path / "config.json").write_text(toy.config().to_json())
    with pytest.raises(ModelError, match="no readable checkpoint"):
        loop.train(toy.config(), tmp_path, toy.source)
    from safetensors.torch import save_file

    save_file({"a": torch.zeros(1)}, tmp_path / "other.safetensors")
    with pytest.raises(ModelError, match="carries no configuration"):
        checkpoint.generator_weights(tmp_path / "other.safetensors")
    newer = toy.config().to_json().replace('"format": 1', '"format": 2')
    save_file({"a": torch.zeros(1)}, tmp_path / "newer.safetensors", {"config": newer})
    with pytest.raises(ModelError, match=r"newer\.safetensors is of format 2, .*update dofsim"):
        checkpoint.generator_weights(tmp_path / "newer.safetensors")
    with pytest.raises(ModelError, match="no readable checkpoint"):
        checkpoint.start_weights(tmp_path / "none.pt")


class Intruder:
    """Its pickle makes a file when it is loaded."""

    def __init__(self, place):
        self.place = place

    def __reduce__(self):
        return Path.touch, (self.place,)


CONTENTS = [
    3, [1], {}, {"average": 3}, {"average": None}, {"average": {"w": "text"}},
    Intruder, {"average": Intruder}, {"average": {"w": Intruder}},
]  # fmt: skip


@pytest.mark.parametrize("content", CONTENTS, ids=str)
@pytest.mark.parametrize("write", [torch.save, lambda content, path: path.write_bytes(pickle.dumps(content))])
def test_a_pt_file_that_holds_anything_else_is_refused_and_never_run(tmp_path, content, write):
    def armed(value):
        if isinstance(value, dict):
            return {key: armed(inner) for key, inner in value.items()}
        return Intruder(tmp_path / "ran") if value is Intruder else value

    write(armed(content), tmp_path / "a.pt")
    with pytest.raises(ModelError, match=r"a\.pt is no readable checkpoint: ") as refused:
        checkpoint.start_weights(tmp_path / "a.pt")
    assert "weights_only" not in str(refused.value)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("name", "becomes"), [("average/", "average/x"), ("/step", "/steps"), ("optimiser/generator/0/", "")]
)
def test_a_checkpoint_whose_tensors_have_other_names_is_said(toy, tmp_path, name, becomes):
    # Found by breaking the names of one: the average's and the optimiser's were taken as they came.
    loop.train(toy.config(steps=1), tmp_path, toy.source)
    tensors, metadata = checkpoint.load_tensors(tmp_path / "last.safetensors")
    one = next(each for each in tensors if name in each)
    tensors[one.replace(name, becomes)] = tensors.pop(one)
    checkpoint.save_tensors(tmp_path / "last.safetensors", tensors, metadata)
    with pytest.raises(ModelError, match="another architecture"):
        loop.train(toy.config(steps=2), tmp_path, toy.source)


def test_a_truncated_checkpoint_is_said(toy, tmp_path):
    loop.train(toy.config(steps=2), tmp_path, toy.source)
    path = tmp_path / "last.safetensors"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(ModelError, match="no readable checkpoint"):
        loop.train(toy.config(steps=4), tmp_path, toy.source)


def test_a_full_disk_leaves_the_former_checkpoint(toy, tmp_path):
    resource = pytest.importorskip("resource", reason="limits of the size of files are those of Unix")
    loop.train(toy.config(steps=5), tmp_path, toy.source)
    before = (tmp_path / "last.safetensors").read_bytes()
    files = sorted(path.name for path in tmp_path.iterdir())

    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) // 2, limits[1]))
    try:
        with pytest.raises(OutputError, match="cannot be written"):
            loop.train(toy.config(steps=10), tmp_path, toy.source)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert (tmp_path / "last.safetensors").read_bytes() == before
    left = {path.name for path in tmp_path.iterdir() if not path.name.startswith("events")}
    assert left == {name for name in files if not name.startswith("events")}


def fill(board, batch):
    try:
        for step in range(9):
            board.pictures(step, batch, batch.target)
    finally:
        board.close()


def test_a_full_disk_is_said_when_tensorboard_meets_it(tmp_path):
    resource = pytest.importorskip("resource", reason="limits of the size of files are those of Unix")
    noise = torch.rand(1, 3, 64, 64)
    batch = Batch(noise, noise[:, :1], noise[:, :1] > 0.1, torch.tensor([-1]))
    board = Board(tmp_path)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, limits[1]))
    try:
        with pytest.raises(OutputError, match=r"the run folder .* cannot be written"):
            fill(board, batch)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def test_a_folder_that_cannot_be_made_is_said(toy, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot be made"):
        loop.train(toy.config(), tmp_path / "file" / "run", toy.source)


def test_another_run_can_be_the_start(toy, tmp_path):
    first = loop.train(toy.config(steps=3), tmp_path / "first", toy.source)
    second = loop.make_learner(toy.config(start=str(tmp_path / "first")))
    equal(first.learner.average.weights, dict(second.generator.state_dict()))
    former = tmp_path / "former.pt"
    torch.save({"average": first.learner.generator.state_dict()}, former)
    equal(dict(loop.make_learner(toy.config(start=str(former))).generator.state_dict()),
          dict(first.learner.generator.state_dict()))  # fmt: skip


def test_averaging_is_exponential(toy):
    learner = loop.make_learner(toy.config("l1", ema=0.5))
    name = next(iter(learner.average.weights))
    before = learner.average.weights[name].clone()
    with torch.no_grad():
        dict(learner.generator.named_parameters())[name].add_(1.0)
    learner.average.follow(10**6)
    torch.testing.assert_close(learner.average.weights[name], before + 0.5)
    plain = loop.make_learner(toy.config("l1", ema=0.0))
    plain.average.follow(1)
    assert torch.equal(plain.average.weights[name], plain.generator.state_dict()[name])
    assert replace(toy.config()).optimiser.ema == 0.9
