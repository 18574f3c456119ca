"""Fixtures shared by all tests."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

# Tests interrupt commands that they start. What a script starts in its background ignores SIGINT, and hands that on.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def shared() -> Path:
    """Folder of development data (real phone files, ray-traced truth) that is not part of the repository."""
    root = Path(os.environ.get("DOFSIM_SHARED", Path(__file__).resolve().parents[2] / "shared"))
    if not (root / "README.md").is_file():
        pytest.skip(f"the development data is not at {root}; set DOFSIM_SHARED to its folder")
    return root
