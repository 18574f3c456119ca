"""What is interrupted, out of room, or not alone leaves whole files and nothing else."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dofsim.datasets import fabricate
from dofsim.datasets._parts import parts_of
from dofsim.datasets.prepare import prepare
from dofsim.datasets.recognise import open_reader
from dofsim.errors import OutputError
from dofsim.files import atomic_path
from dofsim.leftovers import temporary_beside
from dofsim.photo import Photo

ROOT = Path(__file__).resolve().parents[2]
DAY = 24 * 3600

posix = pytest.mark.skipif(not hasattr(os, "fork"), reason="signals and forks are those of POSIX")


@posix
def test_kills_at_random_moments() -> None:
    command = [sys.executable, "-m", "tests.kills", "--kills", "6", "--seed", "2"]
    for job in ("render", "render over input", "prepare", "batch", "video"):
        command += ["--job", job]
    environment = {**os.environ, "DOFSIM_THREADS": "1"}
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads(done.stdout)["total"] == 6


@posix
def test_sigterm_ends_with_its_own_code_and_removes_what_is_half_written(tmp_path: Path) -> None:
    program = """
import os, signal, sys
from dofsim.cli import app
from dofsim.files import atomic_path

def run():
    with atomic_path(sys.argv[1]) as temporary:
        temporary.write_bytes(b"half")
        assert temporary.exists()
        os.kill(os.getpid(), signal.SIGTERM)

app.run = run
app.main()
"""
    out = tmp_path / "out.png"
    out.write_bytes(b"old")
    done = subprocess.run([sys.executable, "-c", program, str(out)], check=False, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (143, "")
    assert [path.name for path in tmp_path.iterdir()] == ["out.png"]
    assert out.read_bytes() == b"old"


def _left(place: Path, *, machine: str | None = None, process: int | None = None, age: float = 0.0) -> Path:
    """A temporary file as a process that was killed leaves it."""
    parts = temporary_beside(place).name.split("-")
    name = "-".join([parts[0], machine or parts[1], str(process or parts[2]), parts[3]])
    path = place.with_name(name)
    path.write_bytes(b"half")
    os.utime(path, (time.time() - age,) * 2)
    return path


@posix
def test_the_next_writer_removes_what_the_dead_left_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    finished = subprocess.Popen([sys.executable, "-c", "pass"])
    finished.wait()
    place = tmp_path / "out.png"
    dead = _left(place, process=finished.pid)
    folder = dead.with_name(dead.name.replace(".png", ""))
    (folder / "inside").mkdir(parents=True)
    _left(place, machine="0badcafe", age=2 * DAY)
    kept = [
        _left(place, process=os.getppid()),
        _left(place, machine="0badcafe", process=finished.pid),
        tmp_path / ".out.png",
        tmp_path / f"x{dead.name}",
    ]
    for path in kept[2:]:
        path.write_bytes(b"mine")
    monkeypatch.setattr("dofsim.leftovers._swept", set())
    with atomic_path(place) as temporary:
        temporary.write_bytes(b"new")
    assert sorted(tmp_path.iterdir()) == sorted([place, *kept])


IN_A_SMALL_ROOM = """
set -e
mount -t tmpfs -o size={size} tmpfs {room}
printf old > {room}/out.png
{prelude}
status=0
{python} -m dofsim render {photo} --depth {depth} --blur 5px -o {room}/out.png 2> {told} || status=$?
test "$(cat {room}/out.png)" = old
test "$(ls -A {room})" = out.png
exit $status
"""


@pytest.mark.parametrize(
    ("size", "prelude", "says"), [("8k", "", "no space left"), ("8m", "mount -o remount,ro {room}", "read-only")]
)
def test_a_full_and_a_read_only_disk(tmp_path: Path, size: str, prelude: str, says: str) -> None:
    unshare = shutil.which("unshare")
    room = tmp_path / "room"
    room.mkdir()
    mount = ["-rm", "sh", "-c", f"mount -t tmpfs tmpfs {room}"]
    if unshare is None or subprocess.run([unshare, *mount], check=False, capture_output=True).returncode:
        pytest.skip("this system lets no process have a disk of its own (unshare -rm, mount -t tmpfs)")
    photo, depth, told = tmp_path / "photo.png", tmp_path / "depth.png", tmp_path / "told"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (96, 128, 3)).astype(np.uint8)).save(photo)
    Image.fromarray(np.tile(np.linspace(0, 255, 128).astype(np.uint8), (96, 1))).save(depth)
    before = photo.read_bytes()
    names = {"room": room, "python": sys.executable, "photo": photo, "depth": depth, "told": told, "size": size}
    script = IN_A_SMALL_ROOM.format(prelude=prelude.format(room=room), **names)
    done = subprocess.run([unshare, "-rm", "sh", "-c", script], check=False, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 5, done.stdout + done.stderr + told.read_text()
    (line,) = [line for line in told.read_text().splitlines() if not line.startswith("note: ")]
    assert line.startswith("error: ")
    assert says in line.lower()
    assert photo.read_bytes() == before


@posix
def test_two_writers_of_one_photo_never_mix(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    photos = [Photo.from_array(rng.integers(0, 256, (64, 96, 3)).astype(np.uint8)) for _ in range(2)]
    whole = {photo.save(tmp_path / f"{index}.png").read_bytes() for index, photo in enumerate(photos)}
    out = photos[0].save(tmp_path / "out.png")
    children = []
    for photo in photos:
        process = os.fork()
        if process == 0:
            for _ in range(30):
                photo.save(out)
            os._exit(0)
        children.append(process)
    seen = set()
    while children:
        seen.add(out.read_bytes())
        children = [child for child in children if os.waitpid(child, os.WNOHANG) == (0, 0)]
    assert seen <= whole
    assert sorted(path.name for path in tmp_path.iterdir()) == ["0.png", "1.png", "out.png"]


def test_a_second_packing_of_one_file_waits_for_nobody(tmp_path: Path) -> None:
    pytest.importorskip("fcntl")
    reader = open_reader(fabricate.write_nyu_h5(tmp_path / "h5", scenes={"kitchen_0001a": 1}, test=0, size=(8, 12)))
    out = tmp_path / "out.h5"
    with parts_of(out), pytest.raises(OutputError, match="another process is packing"):
        prepare(reader, out)
    assert prepare(reader, out).frames == 1
    assert not list(tmp_path.glob(".*"))
