"""Folders of tiny photos."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dofsim.batch import on_ray, pool


@pytest.fixture
def photos(tmp_path) -> Callable[..., Path]:
    """Write photos of noise of 48 x 32 px below ``in/`` and give that folder: ``photos("a.png", "sub/b.jpg")``."""

    def write(*names: str) -> Path:
        for index, name in enumerate(names):
            path = tmp_path / "in" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            pixels = np.random.default_rng(index).integers(0, 256, (32, 48, 3)).astype(np.uint8)
            Image.fromarray(pixels).save(path)
        return tmp_path / "in"

    return write


_WAIT = """
import os, sys, time

def wait(event, arguments):
    if event == "open" and str(arguments[0]).endswith("trap.png"):
        open(os.path.join(os.path.dirname(__file__), f"{os.getpid()}.waits"), "w").close()
        time.sleep(10_000)

sys.addaudithook(wait)
"""


@pytest.fixture
def waiting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder; workers that come to ``trap.png`` leave ``PID.waits`` there and wait until they are killed."""
    folder = tmp_path / "waiting"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(_WAIT)
    path = os.pathsep.join((str(folder), pool.PACKAGE_PATH))
    monkeypatch.setenv("PYTHONPATH", path)
    for module in (pool, on_ray):
        monkeypatch.setattr(module, "PACKAGE_PATH", path, raising=False)
    return folder


def below(folder: Path) -> set[str]:
    """Names of all files in a tree, hidden ones too."""
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


REPORTS = {"report.csv", "report.json", "report.jsonl"}
