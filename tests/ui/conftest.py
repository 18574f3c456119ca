"""A page that really runs, and a browser that really looks at it."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]


@dataclass
class Served:
    """A running `dofsim ui`."""

    address: str
    process: subprocess.Popen[str]
    temporary: Path


@contextmanager
def _served(*arguments: object, before: str = "") -> Iterator[Served]:
    with tempfile.TemporaryDirectory() as temporary:
        environment = {**os.environ, "TMPDIR": temporary, "PYTHONUNBUFFERED": "1"}
        program = ["-c", f"{before}\nfrom dofsim.cli.app import main\nmain()"] if before else ["-m", "dofsim"]
        command = [sys.executable, *program, "ui", *map(str, arguments)]
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment
        ) as run:
            try:
                assert run.stdout is not None
                line = run.stdout.readline()
                assert line.startswith("The page is at http://127.0.0.1:"), line + run.stdout.read()
                yield Served(line.split()[4], run, Path(temporary))
            finally:
                run.send_signal(signal.SIGTERM)
                try:
                    assert run.wait(60) == 0
                finally:
                    run.kill()
        # ONNX Runtime writes .ses there whenever it is imported.
        left = [path for path in Path(temporary).iterdir() if path.name != ".ses"]
        assert not left, "a page that has ended leaves nothing"


@pytest.fixture(scope="session")
def serve() -> Callable[..., Any]:
    """Run `dofsim ui` with these arguments while a block runs, after the statements in ``before``."""
    pytest.importorskip("gradio", reason="the page needs gradio; pip install 'dofsim[ui]'")
    return _served


@pytest.fixture(scope="module")
def page_server(serve: Callable[..., Any]) -> Iterator[Served]:
    """A page that takes files up to 3 MB and photos up to 13 megapixels."""
    with serve("--max-upload", "3MB", "--max-megapixels", "13") as served:
        yield served


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """Headless Chromium."""
    playwright = pytest.importorskip("playwright.sync_api", reason="looking at the page needs playwright")
    chromium = os.environ.get("DOFSIM_CHROMIUM") or shutil.which("chromium")
    if chromium is None:
        pytest.skip("looking at the page needs Chromium (Debian's package chromium, or DOFSIM_CHROMIUM)")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium, args=_ARGUMENTS)
        yield browser
        browser.close()
