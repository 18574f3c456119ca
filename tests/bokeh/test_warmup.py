"""Compiling ahead in two processes leaves a cache that the renderer uses."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

PROBE = """
from dofsim.bokeh import warmup
from dofsim.warmup import KERNELS, dispatcher
cold = warmup.is_cold()
warmup.compile_first_half()
warmup.compile_second_half()
hits = sum(dispatcher("dofsim.bokeh._fine.fine_block").stats.cache_hits.values())
renderer = [dispatcher(name) for name in KERNELS if "bokeh" in name]
before = sum(len(kernel.signatures) for kernel in renderer)
from dofsim.selftest import self_test
self_test()
print(cold, hits, before, sum(len(kernel.signatures) for kernel in renderer))
"""


def run(*arguments: str, **environment: str) -> str:
    settings = {**os.environ, **environment}
    settings.pop("NUMBA_DISABLE_JIT", None)
    done = subprocess.run(
        [sys.executable, *arguments], env=settings, capture_output=True, text=True, check=True, timeout=300
    )
    return done.stdout.strip()


def test_the_second_process_fills_the_cache(tmp_path: Path) -> None:
    """And what was compiled ahead is what a rendering takes: nothing is compiled then."""
    cache = {"NUMBA_CACHE_DIR": str(tmp_path)}
    assert run("-c", "from dofsim.bokeh.warmup import is_cold; print(is_cold())", **cache) == "True"
    run("-m", "dofsim.bokeh.warmup", "disc", **cache)
    assert run("-c", PROBE, **cache) == "False 1 12 12"


def test_a_warm_machine_compiles_nothing_more() -> None:
    from dofsim.warmup import NEEDED

    first = json.loads(run("-m", "dofsim", "warmup", "--json"))
    # For the types that photos bring, and for no others.
    assert first["compiled"] + first["loaded"] == NEEDED
    again = json.loads(run("-m", "dofsim", "warmup", "--json"))
    assert (again["compiled"], again["loaded"]) == (0, NEEDED)
