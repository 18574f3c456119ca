"""The same work on local Ray instances whose workers and nodes are killed, and that have no place."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from PIL import Image

from dofsim.batch import on_ray, run_batch
from dofsim.batch.journal import read_report
from dofsim.errors import DofsimError, MissingExtraError
from tests.batch.conftest import REPORTS, below


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_every_photo_is_done_once_although_a_worker_is_killed(photos, tmp_path) -> None:
    pytest.importorskip("ray.data", reason="Ray Data is not installed (pip install 'dofsim[cluster]')")
    names = [f"{index:02d}.png" for index in range(24)]
    root = photos(*names)
    (root / "bad.png").write_bytes(b"x")
    out = tmp_path / "out"
    rows: list[dict] = []

    def kill_one(row: dict) -> None:
        rows.append(row)
        if len(rows) == 4:
            os.kill(row["worker"], signal.SIGKILL)

    summary = run_batch([str(root)], str(out), engine="ray", workers=2, on_row=kill_one)
    assert (summary.done, summary.failed) == (24, 1)
    report = read_report(str(out))
    assert [row["source"] for row in report["photos"] if row["status"] == "failed"] == [str(root / "bad.png")]
    assert len(report["photos"]) == len(rows) == len({row["source"] for row in rows}) == 25
    assert len({row["worker"] for row in rows}) >= 2
    assert below(out) == REPORTS | {name.replace(".png", ".dof.png") for name in names}


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_a_lost_node_takes_no_photo_with_it(photos, tmp_path) -> None:
    pytest.importorskip("ray.data", reason="Ray Data is not installed (pip install 'dofsim[cluster]')")
    from ray.cluster_utils import Cluster

    names = [f"{index:02d}.png" for index in range(40)]
    root = photos(*names)
    out = tmp_path / "out"
    rows: list[dict] = []
    # One core each: the actor that replaces the lost one finds no place, and the other one has to do all that is left.
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    try:
        other: list = [cluster.add_node(num_cpus=1)]

        def lose_the_other(row: dict) -> None:
            rows.append(row)
            if other and len({each["worker"] for each in rows}) == 2:
                cluster.remove_node(other.pop(), allow_graceful=False)

        summary = run_batch([str(root)], str(out), engine="ray", address=cluster.address, on_row=lose_the_other)
    finally:
        cluster.shutdown()
    assert not other
    assert (summary.done, summary.failed) == (40, 0)
    report = read_report(str(out))
    assert len(report["photos"]) == len(rows) == len({row["source"] for row in rows}) == 40
    assert below(out) == REPORTS | {name.replace(".png", ".dof.png") for name in names}
    for name in names:
        with Image.open(out / name.replace(".png", ".dof.png")) as image:
            image.load()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_a_photo_that_costs_every_worker_its_life_is_reported_and_the_rest_is_done(photos, tmp_path, waiting) -> None:
    pytest.importorskip("ray.data", reason="Ray Data is not installed (pip install 'dofsim[cluster]')")
    names = [f"{index:02d}.png" for index in range(24)]
    root = photos(*names, "trap.png")
    trap = root / "trap.png"
    out = tmp_path / "out"
    over = threading.Event()
    killed: list[int] = []
    killer = threading.Thread(target=_kill_who_waits, args=(waiting, over, killed))
    killer.start()
    try:
        summary = run_batch([str(root)], str(out), engine="ray", workers=2)
    finally:
        over.set()
        killer.join()
    assert (summary.done, summary.failed) == (24, 1)
    report = read_report(str(out))
    assert len(report["photos"]) == len({row["source"] for row in report["photos"]}) == 25
    (failed,) = (row for row in report["photos"] if row["status"] == "failed")
    assert (failed["source"], failed["tries"]) == (str(trap), 2)
    assert len(killed) == 2
    assert below(out) == REPORTS | {name.replace(".png", ".dof.png") for name in names}


def _kill_who_waits(folder: Path, over: threading.Event, killed: list[int]) -> None:
    while not over.wait(0.05):
        for mark in folder.glob("*.waits"):
            mark.unlink()
            killed.append(int(mark.stem))
            os.kill(killed[-1], signal.SIGKILL)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_a_cluster_without_a_place_is_one_sentence_and_another_is_begun(photos, tmp_path, monkeypatch) -> None:
    pytest.importorskip("ray.data", reason="Ray Data is not installed (pip install 'dofsim[cluster]')")
    from ray.cluster_utils import Cluster

    monkeypatch.setattr(on_ray, "_PATIENCE_S", 3.0)
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
    try:
        root = photos("a.png")
        with pytest.raises(DofsimError, match="--resume"):
            run_batch([str(root)], str(tmp_path / "out"), engine="ray", address=cluster.address)
        monkeypatch.undo()
        assert run_batch([str(root)], str(tmp_path / "other"), engine="ray", workers=1).done == 1
    finally:
        cluster.shutdown()


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="signals are those of POSIX")
def test_a_run_that_is_told_to_end_leaves_its_report(photos, tmp_path) -> None:
    pytest.importorskip("ray.data", reason="Ray Data is not installed (pip install 'dofsim[cluster]')")
    root = photos(*(f"{index:03d}.png" for index in range(200)))
    out = tmp_path / "out"
    command = [sys.executable, "-m", "dofsim", "batch", str(root), "-o", str(out), "--engine", "ray", "--workers", "1"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        deadline = time.monotonic() + 240
        while len(list(out.glob("*.png"))) < 20 and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.05)
        process.send_signal(signal.SIGTERM)
        stdout, stderr = process.communicate(timeout=120)
    assert (process.returncode, stdout) == (130, ""), stderr
    assert "--resume" in stderr
    assert "Traceback" not in stderr
    # What had not been heard of yet is done anew.
    assert 0 < read_report(str(out))["done"] <= len(list(out.glob("*.dof.png"))) < 200
    assert not [name for name in below(out) if name.startswith(".")]


def test_without_ray_the_extra_is_named(photos, tmp_path, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingExtraError, match=r"dofsim\[cluster\]"):
        run_batch([str(photos("a.png"))], str(tmp_path / "out"), engine="ray")
