"""Folders of tiny photos."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image


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


def below(folder: Path) -> set[str]:
    """Names of all files in a tree, hidden ones too."""
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


REPORTS = {"report.csv", "report.json", "report.jsonl"}
