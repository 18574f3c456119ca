"""One cache of kernels for all: a part of ``python -m tests.soak.cache``, and places that cannot be written."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.soak.cache import GENERIC, WORK, end, judge, start

ROOT = Path(__file__).resolve().parents[2]


def test_races_and_another_processor(tmp_path: Path) -> None:
    said = {"cold race": [end(each) for each in [start(tmp_path, few=True), start(tmp_path, few=True)]]}
    said["another processor"] = [end(start(tmp_path, few=True, **GENERIC))]
    said["warm race"] = [end(each) for each in [start(tmp_path, few=True), start(tmp_path, few=True)]]
    assert judge(said) == []
    assert judge({**said, "warm race": said["cold race"]}), "what is compiled again is noticed"


READ_ONLY = """
set -e
mount --bind {package} {package}
mount -o remount,bind,ro {package}
exec {command}
"""


def _read_only(command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a command where the package cannot be written to, not even by root."""
    unshare = shutil.which("unshare")
    place = ROOT / "dofsim"
    trial = ["-rm", "sh", "-c", f"mount --bind {place} {place} && mount -o remount,bind,ro {place}"]
    if unshare is None or subprocess.run([unshare, *trial], check=False, capture_output=True).returncode:
        pytest.skip("this system lets no process have mounts of its own (unshare -rm, mount --bind)")
    settings = {name: value for name, value in os.environ.items() if not name.startswith(("NUMBA_", "XDG_"))}
    script = READ_ONLY.format(package=place, command=command)
    return subprocess.run(
        [unshare, "-rm", "sh", "-c", script], env={**settings, **environment}, cwd=ROOT, capture_output=True, text=True,
        check=False,
    )  # fmt: skip


def test_a_package_that_cannot_be_written_to(tmp_path: Path) -> None:
    program = tmp_path / "work.py"
    program.write_text(WORK)
    home = tmp_path / "home"
    home.mkdir()
    for compiled in (2, 0):
        done = _read_only(f"{sys.executable} {program} few", HOME=str(home), PYTHONPATH=str(ROOT))
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["compiled"] == compiled
    assert list(home.rglob("*.nbc"))


def test_no_place_for_kernels_at_all(tmp_path: Path) -> None:
    photo, depth, out = tmp_path / "photo.png", tmp_path / "depth.png", tmp_path / "out.png"
    Image.fromarray(np.zeros((24, 32, 3), np.uint8)).save(photo)
    Image.fromarray(np.tile(np.linspace(0, 255, 32).astype(np.uint8), (24, 1))).save(depth)
    command = f"{sys.executable} -m dofsim render {photo} --depth {depth} -o {out}"
    done = _read_only(command, HOME="/proc/nowhere")
    assert done.returncode == 5, done.stderr
    (line,) = [line for line in done.stderr.splitlines() if not line.startswith("note: ")]
    assert line.startswith("error: Numba may write its kernels to no folder; set NUMBA_CACHE_DIR")
    assert not out.exists()
