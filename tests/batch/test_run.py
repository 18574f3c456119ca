"""Whole runs with real workers: every photo done once or reported, whatever happens to files and workers."""

from __future__ import annotations

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import fsspec
import numpy as np
import pytest
from PIL import Image

from dofsim.batch import run_batch, store
from dofsim.batch.depth_cache import DepthCache
from dofsim.batch.journal import Journal, read_report
from dofsim.batch.places import plan_jobs
from dofsim.batch.pool import Pool
from dofsim.depth import DepthKind, DepthMap
from dofsim.errors import ParameterError
from dofsim.recipe import Recipe, read_recipe
from tests.batch.conftest import REPORTS, below


def test_one_bad_photo_is_a_row_and_the_rest_is_done(photos, tmp_path) -> None:
    root = photos("a.png", "sub/b.png", "c.jpg")
    (root / "bad.jpg").write_bytes(b"%PDF-1.4")
    (root / "empty.png").write_bytes(b"")
    out = tmp_path / "out"
    rows: list[dict] = []
    summary = run_batch([str(root)], str(out), workers=0, on_row=rows.append)
    assert (summary.found, summary.kept, summary.done, summary.failed) == (5, 0, 3, 2)
    results = {"a.dof.png", "sub/b.dof.png", "c.dof.jpg"}
    assert below(out) == results | REPORTS
    with Image.open(out / "a.dof.png") as image:
        assert image.size == (48, 32)
    report = read_report(str(out))
    assert (report["done"], report["failed"]) == (3, 2)
    with (out / "report.csv").open(newline="") as file:
        table = {Path(row["source"]).name: row for row in csv.DictReader(file)}
    assert {name: row["status"] for name, row in table.items()} == {
        "a.png": "done", "b.png": "done", "c.jpg": "done", "bad.jpg": "failed", "empty.png": "failed",
    }  # fmt: skip
    assert "PDF" in table["bad.jpg"]["error"]
    assert table["bad.jpg"]["exit_code"] == "3"
    assert (table["a.png"]["width"], table["a.png"]["height"], table["a.png"]["depth"]) == ("48", "32", "estimator")
    assert len(rows) == 5

    with pytest.raises(ParameterError, match="--resume"):
        run_batch([str(root)], str(out), workers=0)
    with pytest.raises(ParameterError, match="another recipe"):
        run_batch([str(root)], str(out), workers=0, resume=True, recipe=Recipe(blur="1%"))
    assert below(out) == results | REPORTS

    Image.new("RGB", (48, 32), (9, 9, 9)).save(root / "bad.jpg")
    (out / "a.dof.png").unlink()
    before = (out / "c.dof.jpg").stat().st_mtime_ns
    summary = run_batch([str(root)], str(out), workers=0, resume=True)
    assert (summary.found, summary.kept, summary.done, summary.failed) == (5, 2, 2, 1)
    assert below(out) == results | REPORTS | {"bad.dof.jpg"}
    assert (out / "c.dof.jpg").stat().st_mtime_ns == before
    report = read_report(str(out))
    assert (report["done"], report["failed"], len(report["photos"])) == (4, 1, 5)


def test_an_archive_is_a_place_like_others(photos, tmp_path) -> None:
    root = photos("a.png", "day1/b.png", "day1/c.jpg")
    archive = shutil.make_archive(str(tmp_path / "trip"), "zip", root)
    out = tmp_path / "out"
    assert run_batch([f"zip://day1/*.png::{archive}"], str(tmp_path / "one"), workers=0).done == 1
    assert below(tmp_path / "one") == {"b.dof.png"} | REPORTS
    assert run_batch([f"zip://::{archive}"], str(out), workers=0).done == 3
    assert below(out) == {"a.dof.png", "day1/b.dof.png", "day1/c.dof.jpg"} | REPORTS
    assert {row["source"] for row in read_report(str(out))["photos"]} == {
        f"zip://{name}::{archive}" for name in ("a.png", "day1/b.png", "day1/c.jpg")
    }
    with pytest.raises(ParameterError, match=r"none\.zip"):
        run_batch([f"zip://::{tmp_path / 'none.zip'}"], str(out), workers=0, resume=True)


def test_results_are_those_of_render(photos, tmp_path) -> None:
    import dofsim

    root = photos("a.png")
    run_batch([str(root)], str(tmp_path / "out"), workers=0, recipe=Recipe(blur="4px", focus="0.9"))
    dofsim.prepare(dofsim.read_photo(root / "a.png")).render("0.9", blur="4px").save(tmp_path / "b.png")
    batch, render = (np.asarray(Image.open(path)) for path in (tmp_path / "out" / "a.dof.png", tmp_path / "b.png"))
    np.testing.assert_array_equal(batch, render)


@pytest.mark.usefixtures("waiting")
def test_lost_workers_are_replaced_and_every_photo_is_done_once_or_reported(photos, tmp_path) -> None:
    root = photos(*(f"{index:02d}.png" for index in range(12)), "trap.png")
    out = tmp_path / "out"
    jobs = plan_jobs([str(root)], str(out))
    over = threading.Event()
    with Pool(2, {}) as pool:
        rows = []
        killer = threading.Thread(target=_kill_who_holds, args=("trap.png", pool, over))
        for row in pool.run(jobs):
            rows.append(row)
            if len(rows) == 3:
                os.kill(row["worker"], signal.SIGKILL)
            if len(rows) == 12:
                killer.start()
        over.set()
        killer.join()
    status = {Path(row["source"]).name: row["status"] for row in rows}
    assert len(rows) == len(status) == 13
    assert {name for name, how in status.items() if how == "failed"} == {"trap.png"}
    (failed,) = (row for row in rows if row["status"] == "failed")
    assert failed["tries"] == 2
    assert "--workers" in failed["error"]
    assert len({row["worker"] for row in rows if "worker" in row}) >= 2
    assert below(out) == {f"{index:02d}.dof.png" for index in range(12)}


def test_what_killed_workers_left_is_removed(tmp_path) -> None:
    program = "import sys; from dofsim.leftovers import *; temporary_beside(Path(sys.argv[1])).touch()"
    subprocess.run([sys.executable, "-c", program, str(tmp_path / "a.png")], check=True)
    (tmp_path / ".hidden.png").touch()
    assert len(below(tmp_path)) == 2
    store.tidy([str(tmp_path / "a.png"), "memory://pail/a.png"])
    assert below(tmp_path) == {".hidden.png"}


def _kill_who_holds(name: str, pool: Pool, over: threading.Event) -> None:
    while not over.wait(0.1):
        for pid, sources in pool.held.items():
            if any(source.endswith(name) for source in sources):
                os.kill(pid, signal.SIGKILL)


def test_ctrl_c_stops_in_order_and_resume_completes(photos, tmp_path) -> None:
    root = photos(*(f"{index:03d}.png" for index in range(60)))
    out = tmp_path / "out"
    command = [sys.executable, "-m", "dofsim", "batch", str(root), "-o", str(out), "--workers", "1"]
    command += ["--depth-cache", str(tmp_path / "cache")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        deadline = time.monotonic() + 120
        while len(list(out.glob("[!.]*.png"))) < 3 and time.monotonic() < deadline:
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        _, stderr = process.communicate(timeout=60)
    assert process.returncode == 130, stderr
    assert "--resume" in stderr
    assert "Traceback" not in stderr
    report = read_report(str(out))
    results = [path for path in below(out) if path.endswith(".dof.png")]
    assert 3 <= report["done"] == len(results) < 60
    assert not [name for name in below(out) if name.startswith(".")]
    done = subprocess.run([*command, "--resume", "-q"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert len(list(out.glob("*.dof.png"))) == 60
    report = read_report(str(out))
    assert (report["done"], report["failed"], len(report["photos"])) == (60, 0, 60)


def test_stores_that_only_this_process_sees(photos) -> None:
    store = fsspec.filesystem("memory")
    store.pipe_file("/pail/in/sub/a.png", (photos("a.png") / "a.png").read_bytes())
    try:
        summary = run_batch(["memory://pail/in"], "memory://pail/out")
        assert (summary.done, summary.failed) == (1, 0)
        assert set(store.find("/pail/out")) == {f"/pail/out/{name}" for name in (*REPORTS, "sub/a.dof.png")}
        assert read_report("memory://pail/out")["photos"][0]["status"] == "done"
        assert run_batch(["memory://pail/in"], "memory://pail/out", resume=True).kept == 1
    finally:
        store.rm("/pail", recursive=True)


def test_depth_is_kept_by_content(photos, tmp_path) -> None:
    root = photos("a.png")
    (root / "copy.png").write_bytes((root / "a.png").read_bytes())
    cache = tmp_path / "cache"
    run_batch([str(root)], str(tmp_path / "out"), workers=0, depth_cache=cache)
    depths = {Path(row["source"]).name: row["depth"] for row in read_report(str(tmp_path / "out"))["photos"]}
    assert depths == {"a.png": "estimator", "copy.png": "cache"}
    pictures = [np.asarray(Image.open(tmp_path / "out" / f"{name}.dof.png")) for name in ("a", "copy")]
    np.testing.assert_array_equal(*pictures)
    (entry,) = cache.rglob("*.npz")
    entry.write_bytes(b"damaged")
    run_batch([str(root)], str(tmp_path / "again"), workers=0, depth_cache=cache)
    depths = {Path(row["source"]).name: row["depth"] for row in read_report(str(tmp_path / "again"))["photos"]}
    assert depths == {"a.png": "estimator", "copy.png": "cache"}


def test_the_cache_tells_photos_models_and_mirrors_apart(tmp_path) -> None:
    cache = DepthCache(tmp_path / "cache")
    keys = {
        cache.key(data, model, flip=flip)
        for data in (b"a", b"b")
        for model, flip in ((None, None), (None, False), (None, True))
    }
    assert len(keys) == 6
    depth = DepthMap(np.arange(6, dtype=np.float32).reshape(2, 3) + 1, DepthKind.METRIC, "estimator", "some model")
    key = min(keys)
    assert cache.get(key) is None
    cache.put(key, depth)
    found = cache.get(key)
    assert found is not None
    np.testing.assert_array_equal(found.values, depth.values)
    assert (found.kind, found.source, found.detail) == (DepthKind.METRIC, "estimator", "some model")


def test_a_journal_that_was_cut_goes_on_before_the_cut(tmp_path) -> None:
    out = str(tmp_path)
    with Journal(out, {}, resume=False, overwrite=False) as journal:
        journal.add({"source": "a", "output": "x", "status": "done"})
        journal.add({"source": "b", "output": "y", "status": "failed"})
    with (tmp_path / "report.jsonl").open("a") as file:
        file.write('{"source": "c", "outp')
    with Journal(out, {}, resume=True, overwrite=False) as journal:
        assert journal.done == {"a"}
        journal.add({"source": "b", "output": "y", "status": "done"})
    lines = [json.loads(line) for line in (tmp_path / "report.jsonl").read_text().splitlines()]
    assert [line.get("source") for line in lines] == [None, "a", "b", "b"]
    assert [(row["source"], row["status"]) for row in read_report(out)["photos"]] == [("a", "done"), ("b", "done")]


def test_the_command_line(photos, tmp_path, capfd, monkeypatch) -> None:
    from dofsim.cli.app import run

    root = photos("a.png")
    (root / "bad.png").write_bytes(b"x")
    monkeypatch.chdir(tmp_path)
    looks = ["--no-grain", "--sharp-range", "0", "--bubble", "0"]
    assert run(["batch", "in", "-o", "out", "--format", "webp", "--workers", "0", *looks]) == 1
    captured = capfd.readouterr()
    assert captured.out.strip() == "out/report.csv"
    assert "error: in/bad.png: " in captured.err
    assert "1 done, 1 failed" in captured.err
    assert below(tmp_path / "out") == {"a.dof.webp"} | REPORTS
    made = read_recipe(tmp_path / "out" / "a.dof.webp")
    assert (made.grain, made.sharp_range) == (False, 0.0)
    for arguments, code, says in (
        (["in", "-o", "out"], 2, "--resume"),
        (["no/such", "-o", "new"], 3, "no file"),
        (["in", "-o", "new", "--focus", "7"], 2, "--focus 7m"),
        (["in", "-o", "new", "--donut", "7"], 2, "--donut 0..0.9"),
        (["in", "-o", "new", "--address", "x:1"], 2, "(--engine ray)"),
        (["in", "-o", "new", "--max-memory", "much"], 2, "800MB"),
        (["in", "-o", "in/a.png/out"], 5, "in/a.png"),
    ):
        assert run(["batch", *arguments]) == code, arguments
        captured = capfd.readouterr()
        assert says in captured.err
        assert len(captured.err.strip().splitlines()) == 1
    assert not (tmp_path / "new").exists()
