"""The same work on a local Ray instance of two workers, one of which is killed."""

from __future__ import annotations

import os
import signal
import sys

import pytest
from PIL import Image

from dofsim.batch import run_batch
from dofsim.batch.journal import read_report
from dofsim.errors import MissingExtraError
from tests.batch.conftest import REPORTS, below


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_every_photo_is_done_once_although_a_worker_is_killed(photos, tmp_path) -> None:
    pytest.importorskip("ray", reason="Ray is not installed (pip install 'dofsim[cluster]')")
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
    pytest.importorskip("ray", reason="Ray is not installed (pip install 'dofsim[cluster]')")
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


def test_without_ray_the_extra_is_named(photos, tmp_path, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingExtraError, match=r"dofsim\[cluster\]"):
        run_batch([str(photos("a.png"))], str(tmp_path / "out"), engine="ray")
