"""Importing is cheap, and each heavy library is left alone until it is needed."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest

HEAVY = ("cv2", "matplotlib", "numba", "onnxruntime", "PIL", "scipy", "torch")


def loaded_after(statements: str) -> set[str]:
    """Names of modules that a fresh interpreter has loaded after some statements."""
    code = f"import sys\n{statements}\nprint(*sys.modules)"
    return set(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split())


@pytest.mark.parametrize(
    "statements",
    ["import dofsim", "import dofsim, dofsim.cli.app", "import dofsim, dofsim.errors; dofsim.__version__; dir(dofsim)"],
)
def test_nothing_heavy(statements: str) -> None:
    loaded = loaded_after(statements)
    assert "dofsim" in loaded
    assert not loaded.intersection((*HEAVY, "numpy", "rich"))


@pytest.mark.parametrize("module", ["dofsim.photo", "dofsim.depth", "dofsim.depth.files", "dofsim.scene"])
def test_parts_leave_the_heavy_libraries_alone(module: str) -> None:
    assert not loaded_after(f"import {module}").intersection({"matplotlib", "numba", "onnxruntime", "scipy", "torch"})


def test_rendering_needs_no_torch() -> None:
    assert "torch" not in loaded_after("import dofsim.cli.render, dofsim.bokeh, dofsim.depth.estimate, dofsim.scene")


def test_dofsim_datasets_is_the_folder_datasets() -> None:
    pytest.importorskip("dofsim.datasets", reason="dofsim is not installed (pip install -e .)")
    assert "dofsim.datasets" in loaded_after("import dofsim.datasets")


def test_help_comes_at_once() -> None:
    """Some 200 ms are promised. Machines differ, so typer's own import is the yardstick; numpy would not fit in."""
    commands = {"help": ["-m", "dofsim", "render", "--help"], "typer": ["-c", "import typer"]}
    times = dict.fromkeys(commands, float("inf"))
    for _ in range(5):
        for name, command in commands.items():
            start = time.perf_counter()
            subprocess.run([sys.executable, *command], capture_output=True, check=True)
            times[name] = min(times[name], time.perf_counter() - start)
    assert times["help"] < max(0.4, 4.2 * times["typer"])


def test_every_promised_name_is_there() -> None:
    import dofsim

    for name in dofsim.__all__:
        assert getattr(dofsim, name) is not None, name
    with pytest.raises(AttributeError):
        _ = dofsim.nothing_of_this_name
