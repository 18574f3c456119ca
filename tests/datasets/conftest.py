"""Small data sets in every layout, made up once for all tests that only read them."""

from __future__ import annotations

from pathlib import Path

import pytest

from dofsim.datasets import fabricate


@pytest.fixture(scope="session")
def roots(tmp_path_factory) -> dict[str, Path]:
    """Root of a made-up data set by the name of its layout; do not write there."""
    base = tmp_path_factory.mktemp("roots")
    return {
        "nyu": fabricate.write_nyu_labelled(base / "nyu"),
        "nyu-h5": fabricate.write_nyu_h5(base / "h5"),
        "nyu-png": fabricate.write_nyu_png(base / "png"),
        "diml": fabricate.write_diml(base / "diml"),
        "folder": fabricate.write_folder(base / "folder", {"mine": dict.fromkeys("abcdefgh", 2)}),
        "side-by-side": fabricate.write_side_by_side(base / "pairs"),
    }


LAYOUTS = ("nyu", "nyu-h5", "nyu-png", "diml", "folder", "side-by-side")


@pytest.fixture(params=LAYOUTS)
def layout(request) -> str:
    """Name of each layout in turn."""
    return str(request.param)
