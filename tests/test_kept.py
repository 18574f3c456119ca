"""Compiled code on disk: two writers at a time, files that were exchanged or cut short, places that cannot be written.

``python -m tests.soak.cache`` does the like with every kernel.
"""

from __future__ import annotations

import importlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from dofsim import _kept

ROOT = Path(__file__).resolve().parents[1]
MODULE = """
from dofsim._kept import kept

@kept()
def twice(x):
    return x + x
"""
# As on a slow disk: the others come between the reading of an index and the writing of what it names.
SLOW_WRITER = """
import sys, time
from numba.core.caching import IndexDataCacheFile
from kernel import twice

save = IndexDataCacheFile._save_index

def slowly(file, overloads):
    time.sleep(0.7)
    save(file, overloads)

IndexDataCacheFile._save_index = slowly
print("ready", flush=True)
sys.stdin.readline()
print(twice(eval(sys.argv[1])))
"""


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], Any]:
    """A kernel as a new process would find it."""
    numba = pytest.importorskip("numba")
    if numba.config.DISABLE_JIT:
        pytest.skip("nothing is compiled with NUMBA_DISABLE_JIT=1")
    monkeypatch.setattr(numba.config, "CACHE_DIR", "")
    (tmp_path / "kernel.py").write_text(MODULE)
    monkeypatch.syspath_prepend(tmp_path)

    def again() -> Any:
        monkeypatch.delitem(sys.modules, "kernel", raising=False)
        return importlib.import_module("kernel").twice

    return again


def counts(kernel: Any) -> tuple[int, int]:
    """How often it was loaded, and compiled."""
    return sum(kernel.stats.cache_hits.values()), sum(kernel.stats.cache_misses.values())


def test_it_is_compiled_once(load: Callable[[], Any]) -> None:
    for loaded in (0, 2):
        kernel = load()
        assert (kernel(3), kernel(0.25)) == (6, 0.5)
        assert counts(kernel) == (loaded, 2 - loaded)


def test_loading_makes_nothing_ready_that_only_compiling_takes(load: Callable[[], Any], tmp_path: Path) -> None:
    script = "import sys; from kernel import twice; print(twice(3), 'numba.cpython.hashing' in sys.modules)"
    command = [sys.executable, "-c", script]
    told = [subprocess.check_output(command, cwd=tmp_path, text=True) for _ in range(2)]
    assert told == ["6 True\n", "6 False\n"]


def test_a_kernel_that_makes_arrays_is_kept_too(load: Callable[[], Any], tmp_path: Path) -> None:
    module = "import numpy as np\n" + MODULE.replace("()", "(runtime=True)").replace("x + x", "np.array([x, x])")
    (tmp_path / "maker.py").write_text(module)
    script = "from maker import twice; print(twice(3).tolist(), sum(twice.stats.cache_hits.values()))"
    command = [sys.executable, "-c", script]
    told = [subprocess.check_output(command, cwd=tmp_path, text=True) for _ in range(2)]
    assert told == ["[3, 3] 0\n", "[3, 3] 1\n"]


def test_code_of_an_older_dofsim_is_not_loaded(load: Callable[[], Any], monkeypatch: pytest.MonkeyPatch) -> None:
    numba = pytest.importorskip("numba")
    with monkeypatch.context() as older:
        older.setattr(_kept._BareCache, "_index_key", numba.core.caching.FunctionCache._index_key)
        assert load()(3) == 6
    kernel = load()
    assert kernel(3) == 6
    assert counts(kernel) == (0, 1)


def test_two_that_compile_it_for_different_types_at_a_time(load: Callable[[], Any], tmp_path: Path) -> None:
    command = [sys.executable, "-c", SLOW_WRITER]
    writers = [
        subprocess.Popen([*command, value], cwd=tmp_path, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for value in ("3", "0.25")
    ]
    for writer in writers:
        assert writer.stdout.readline() == "ready\n"
    for writer in writers:
        writer.stdin.write("go\n")
        writer.stdin.flush()
    assert [writer.communicate()[0].strip() for writer in writers] == ["6", "0.5"]
    kernel = load()
    assert (kernel(3), kernel(0.25)) == (6, 0.5)
    assert counts(kernel) == (2, 0)


def test_code_of_other_types_is_not_run(load: Callable[[], Any], tmp_path: Path) -> None:
    kernel = load()
    assert (kernel(3), kernel(0.25)) == (6, 0.5)
    first, second = sorted(tmp_path.rglob("*.nbc"))
    one, other = first.read_bytes(), second.read_bytes()
    first.write_bytes(other)
    second.write_bytes(one)
    for loaded in (0, 2):
        kernel = load()
        assert (kernel(3), kernel(0.25)) == (6, 0.5)
        assert counts(kernel) == (loaded, 2 - loaded)


@pytest.mark.parametrize("suffix", [".nbi", ".nbc"])
@pytest.mark.parametrize("length", [0, 40])
def test_files_that_are_cut_short_are_made_anew(
    load: Callable[[], Any], tmp_path: Path, suffix: str, length: int
) -> None:
    assert load()(3) == 6
    (place,) = tmp_path.rglob(f"*{suffix}")
    place.write_bytes(place.read_bytes()[:length])
    for expected in ((0, 1), (1, 0)):
        kernel = load()
        assert kernel(3) == 6
        assert counts(kernel) == expected


def test_code_for_another_processor_is_left_alone(load: Callable[[], Any], tmp_path: Path) -> None:
    other = {**os.environ, "NUMBA_CPU_NAME": "generic", "NUMBA_CPU_FEATURES": ""}
    program = "from kernel import twice; print(twice(3), sum(twice.stats.cache_hits.values()))"
    assert load()(3) == 6
    command = [sys.executable, "-c", program]
    said = subprocess.run(command, cwd=tmp_path, env=other, capture_output=True, text=True, check=True).stdout
    assert said.split() == ["6", "0"]
    kernel = load()
    assert kernel(3) == 6
    assert counts(kernel) == (1, 0)


READ_ONLY = """
set -e
mount --bind {place} {place}
mount -o remount,bind,ro {place}
cd {place}
exec {command}
"""


def _read_only(place: Path, command: str, home: str) -> subprocess.CompletedProcess[str]:
    """Run a command where a folder cannot be written to, not even by root, and nothing else says where kernels go."""
    unshare = shutil.which("unshare")
    trial = ["-rm", "sh", "-c", f"mount --bind {place} {place} && mount -o remount,bind,ro {place}"]
    if unshare is None or subprocess.run([unshare, *trial], check=False, capture_output=True).returncode:
        pytest.skip("this system lets no process have mounts of its own (unshare -rm, mount --bind)")
    settings = {name: value for name, value in os.environ.items() if not name.startswith(("NUMBA_", "XDG_"))}
    script = READ_ONLY.format(place=place, command=command)
    command_line = [unshare, "-rm", "sh", "-c", script]
    environment = {**settings, "HOME": home, "PYTHONPATH": str(ROOT)}
    return subprocess.run(command_line, env=environment, capture_output=True, text=True, check=False)


def test_a_package_that_cannot_be_written_to(load: Callable[[], Any], tmp_path: Path) -> None:
    package, home = tmp_path / "package", tmp_path / "home"
    package.mkdir()
    home.mkdir()
    (package / "kernel.py").write_text(MODULE)
    done = _read_only(package, f"{sys.executable} -c 'from kernel import twice; print(twice(3))'", str(home))
    assert (done.returncode, done.stdout.strip()) == (0, "6"), done.stderr
    assert list(home.rglob("*.nbc"))
    assert not list(package.rglob("*.nbc"))


def test_no_place_for_kernels_at_all(tmp_path: Path) -> None:
    photo, depth, out = tmp_path / "photo.png", tmp_path / "depth.png", tmp_path / "out.png"
    Image.fromarray(np.zeros((24, 32, 3), np.uint8)).save(photo)
    Image.fromarray(np.tile(np.linspace(0, 255, 32).astype(np.uint8), (24, 1))).save(depth)
    command = f"{sys.executable} -m dofsim render {photo} --depth {depth} -o {out}"
    done = _read_only(ROOT / "dofsim", command, "/proc/nowhere")
    assert done.returncode == 5, done.stderr
    (line,) = [line for line in done.stderr.splitlines() if not line.startswith("note: ")]
    assert line.startswith("error: Numba may write its kernels to no folder; set NUMBA_CACHE_DIR")
    assert not out.exists()


def test_code_that_cannot_be_kept_is_run(load: Callable[[], Any], monkeypatch: pytest.MonkeyPatch) -> None:
    from numba.core.caching import IndexDataCacheFile

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(IndexDataCacheFile, "save", full)
    for _ in range(2):
        kernel = load()
        assert kernel(3) == 6
        assert counts(kernel) == (0, 1)
