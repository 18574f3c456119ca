"""Compiling ahead in two processes leaves a cache that the renderer uses."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

PROBE = """
import sys
from dofsim.bokeh import warmup
cold = warmup.is_cold()
warmup.compile_first_half()
warmup.compile_second_half()
from dofsim.bokeh._fine import fine_block
hits = sum(fine_block.stats.cache_hits.values())
print(cold, hits)
"""


def test_the_second_process_fills_the_cache(tmp_path: Path) -> None:
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}
    environment.pop("NUMBA_DISABLE_JIT", None)

    def run(*arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, *arguments], env=environment, capture_output=True, text=True, check=True, timeout=300
        )
        return done.stdout.strip()

    assert run("-c", "from dofsim.bokeh.warmup import is_cold; print(is_cold())") == "True"
    run("-m", "dofsim.bokeh.warmup")
    assert run("-c", PROBE) == "False 1"
