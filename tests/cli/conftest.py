"""Photos and depth maps that the tests of the command line make themselves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from dofsim.cli.app import run

WIDTH, HEIGHT = 96, 72


@dataclass(frozen=True)
class Outcome:
    """How a command line went."""

    code: int
    out: str
    err: str

    @property
    def complaint(self) -> str:
        """The one line on stderr of a command that failed as it should, besides the note of the very first run."""
        lines = [line for line in self.err.strip().splitlines() if not line.startswith("note: compiling")]
        assert len(lines) == 1, f"expected one line on stderr, got {lines}"
        assert lines[0].startswith("error: ")
        assert "Traceback" not in self.err
        return lines[0]


@pytest.fixture
def dofsim(capfd: pytest.CaptureFixture[str]) -> Callable[..., Outcome]:
    """Run a command line in this process: ``dofsim("render", photo, "--focus", 1)``."""

    def call(*arguments: object) -> Outcome:
        capfd.readouterr()
        code = run([str(argument) for argument in arguments])
        captured = capfd.readouterr()
        return Outcome(code, captured.out, captured.err)

    return call


@pytest.fixture
def pixels() -> npt.NDArray[np.uint8]:
    """A picture with detail everywhere, so that any blur shows: uint8 (72, 96, 3)."""
    return np.random.default_rng(3).integers(0, 256, (HEIGHT, WIDTH, 3)).astype(np.uint8)


@pytest.fixture
def photo(tmp_path: Path, pixels: npt.NDArray[np.uint8]) -> Path:
    """The picture as a lossless file."""
    path = tmp_path / "photo.png"
    Image.fromarray(pixels).save(path)
    return path


@pytest.fixture
def depth_file(tmp_path: Path) -> Path:
    """Depth of the picture: its left half is far (dark), its right half near (bright)."""
    values = np.zeros((HEIGHT, WIDTH), np.uint8)
    values[:, WIDTH // 2 :] = 255
    path = tmp_path / "halves.png"
    Image.fromarray(values).save(path)
    return path
