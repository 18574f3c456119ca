"""The notebooks in ``examples/`` run from top to bottom, show what they promise, and are committed without results."""

from __future__ import annotations

import ast
import json
from pathlib import Path
from typing import Any

import pytest

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
NOTEBOOKS = sorted(EXAMPLES.glob("*.ipynb"))


def run_cell(source: str, names: dict[str, Any]) -> Any:
    """Run a cell as a notebook does: the value of a last line that is an expression is what it shows."""
    tree = ast.parse(source)
    last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, "cell", "exec"), names)
    return eval(compile(ast.Expression(last.value), "cell", "eval"), names) if last is not None else None


def test_there_is_one() -> None:
    assert [path.name for path in NOTEBOOKS] == ["refocus.ipynb"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_a_notebook_runs(path: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    monkeypatch.chdir(EXAMPLES)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    codes = [cell for cell in cells if cell["cell_type"] == "code"]
    assert all(cell["outputs"] == [] and cell["execution_count"] is None for cell in codes), "results are not committed"
    names: dict[str, Any] = {}
    shown = [run_cell("".join(cell["source"]), names) for cell in codes]
    pictures = [value for value in shown if hasattr(value, "_repr_png_")]
    assert len(pictures) >= 5
    for value in pictures:
        assert value._repr_png_().startswith(b"\x89PNG")
    written = shown[-1]
    assert isinstance(written, Path)
    assert written.is_file()
    assert tmp_path in written.parents
