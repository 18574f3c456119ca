"""Which photos are found, and that no two results and no input are ever in each other's way."""

from __future__ import annotations

from pathlib import Path

import fsspec
import pytest

from dofsim.batch.places import plan_jobs
from dofsim.errors import OutputError, ParameterError, PhotoError


def names(jobs, out) -> list[str]:
    return [Path(job.output).relative_to(out).as_posix() for job in jobs]


def test_trees_are_mirrored_and_what_is_no_photo_is_left_out(photos, tmp_path) -> None:
    root = photos("b.png", "a.JPG", "trip/day 1/c.webp", "trip/.hidden/d.png", "e.tif")
    (root / "notes.txt").write_text("x")
    (root / "loop").symlink_to(root)
    jobs = plan_jobs([str(root)], str(tmp_path / "out"))
    assert names(jobs, tmp_path / "out") == ["a.dof.jpg", "b.dof.png", "e.dof.tif", "trip/day 1/c.dof.webp"]
    assert names(plan_jobs([str(root)], str(tmp_path / "out"), suffix=".png"), tmp_path / "out")[0] == "a.dof.png"
    inside = root / "trip" / "out"
    inside.mkdir()
    (inside / "old.dof.png").write_bytes((root / "b.png").read_bytes())
    assert len(plan_jobs([str(root)], str(inside))) == 4
    assert len(plan_jobs([f"{root}/**/*.*"], str(inside))) == 4


def test_patterns_keep_what_follows_their_fixed_part(photos, tmp_path, monkeypatch) -> None:
    root = photos("x/a.png", "x/deep/b.png", "y/c.jpg", "a[1].png")
    out = tmp_path / "out"
    assert names(plan_jobs([f"{root}/x/*.png"], str(out)), out) == ["a.dof.png"]
    assert names(plan_jobs([f"{root}/**/*.png"], str(out)), out) == [
        "a[1].dof.png",
        "x/a.dof.png",
        "x/deep/b.dof.png",
    ]
    assert names(plan_jobs([f"{root}/?/*"], str(out)), out) == ["x/a.dof.png", "y/c.dof.jpg"]
    assert names(plan_jobs([f"{root}/a[1].png"], str(out)), out) == ["a[1].dof.png"]
    monkeypatch.chdir(root)
    assert names(plan_jobs(["*/*.png", "y"], str(out)), out) == ["x/a.dof.png", "c.dof.jpg"]


def test_what_is_refused_before_anything_is_done(photos, tmp_path) -> None:
    root = photos("x/a.png", "y/a.png", "z/p.jpg", "z/p.jpeg", "z/p.dof.jpg")
    out = str(tmp_path / "out")
    with pytest.raises(ParameterError, match=r"x/a.png and .*y/a.png would both become"):
        plan_jobs([f"{root}/x", f"{root}/y"], out)
    assert len(plan_jobs([f"{root}/x", f"{root}/x/a.png", f"{root}/x"], out)) == 1
    with pytest.raises(OutputError, match="--overwrite"):
        plan_jobs([f"{root}/z/p.jpg", f"{root}/z/p.dof.jpg"], str(root / "z"))
    assert len(plan_jobs([f"{root}/z/p.jpg", f"{root}/z/p.dof.jpg"], str(root / "z"), overwrite=True)) == 2
    for missing in ("no/such", "no/*.jpg", "memory://no/such.png", "memory://no/*.png"):
        with pytest.raises(PhotoError):
            plan_jobs([missing], out)
    (tmp_path / "empty").mkdir()
    with pytest.raises(PhotoError, match="no photo"):
        plan_jobs([str(tmp_path / "empty")], out)
    with pytest.raises(ParameterError, match="nostore"):
        plan_jobs(["nostore://x"], out)
    assert not (tmp_path / "out").exists()


def test_stores_are_searched_alike() -> None:
    store = fsspec.filesystem("memory")
    for name in (
        "/pail/a.png",
        "/pail/sub/b.jpg",
        "/pail/sub/b.dof.jpg",
        "/pail/sub/notes.txt",
        "/pail/out/old.dof.png",
    ):
        store.pipe_file(name, b"x")
    try:
        jobs = plan_jobs(["memory://pail"], "memory://pail/out")
        assert [(job.source, job.output) for job in jobs] == [
            ("memory:///pail/a.png", "memory:///pail/out/a.dof.png"),
            ("memory:///pail/sub/b.dof.jpg", "memory:///pail/out/sub/b.dof.dof.jpg"),
            ("memory:///pail/sub/b.jpg", "memory:///pail/out/sub/b.dof.jpg"),
        ]
        with pytest.raises(OutputError, match="is an input"):
            plan_jobs(["memory://pail/sub/b.jpg", "memory://pail/sub/b.dof.jpg"], "memory://pail/sub")
        assert [job.output for job in plan_jobs(["memory://pail/s*/b.jpg"], "/out")] == ["/out/sub/b.dof.jpg"]
        assert [job.output for job in plan_jobs(["memory://pail/a.png"], "/out")] == ["/out/a.dof.png"]
    finally:
        store.rm("/pail", recursive=True)
