"""Compiled code on disk: two writers at a time, files that were exchanged or cut short, and folders that are full."""

from __future__ import annotations

import importlib
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

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


def test_code_that_cannot_be_kept_is_run(load: Callable[[], Any], monkeypatch: pytest.MonkeyPatch) -> None:
    from numba.core.caching import IndexDataCacheFile

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(IndexDataCacheFile, "save", full)
    for _ in range(2):
        kernel = load()
        assert kernel(3) == 6
        assert counts(kernel) == (0, 1)
