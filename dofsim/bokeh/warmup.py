"""Compile the kernels ahead of their first use, in two halves that may run in two processes.

Numba compiles under one lock per process, so only a second process makes use of a second core. Run as a program, this
module compiles the second half and leaves it in Numba's cache on disk.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np

from dofsim.bokeh.plan import FINE_RADIUS, GROUPS, make_plan
from dofsim.bokeh.spans import span_table

_SIZE = 8


def is_cold() -> bool:
    """Whether the kernels were never compiled for this interpreter, as far as the cache's folder tells.

    Looks where Numba keeps its cache without importing Numba, which alone takes most of a second. Where neither folder
    is in use (a read-only installation), the answer is False: the kernels are then compiled when they are needed.
    """
    package = Path(__file__).parent
    chosen = os.environ.get("NUMBA_CACHE_DIR")
    if not chosen and not os.access(package, os.W_OK):
        return False
    folder = Path(chosen) if chosen else package / "__pycache__"
    return not any(folder.rglob(f"_fine.fine_band-*.py{sys.version_info.major}{sys.version_info.minor}.nbi"))


def compile_sources() -> None:
    """Compile, or load, the kernels that find edges and draw large discs and hidden surfaces."""
    from dofsim.bokeh._coarse import coarse_band
    from dofsim.bokeh._edges import find_edges, open_around
    from dofsim.bokeh._hidden import extend, hidden_band

    rgb, coc = np.zeros((_SIZE, _SIZE, 3), np.float32), np.zeros((_SIZE, _SIZE), np.float32)
    plan, table = make_plan(_SIZE, _SIZE, FINE_RADIUS), span_table(2 * FINE_RADIUS + 2)
    acc, used = np.zeros(plan.floats, np.float32), np.zeros((GROUPS, plan.levels + 1, plan.bands), np.uint8)
    maps = [np.zeros((_SIZE, _SIZE), np.float32) for _ in range(5)]
    colour, jump = np.zeros((_SIZE, _SIZE, 3), np.float32), np.float32(1)
    near, far, distance, away, opening = maps
    find_edges(rgb, coc, 1, jump, 1, 0, _SIZE, near, far, distance, colour, away)
    open_around(near, away, 1, opening)
    extend(near, far, distance, colour, 1, jump)
    hidden_band(far, distance, colour, 0, 0, plan, table, acc, used)
    coarse_band(rgb, coc, 0, plan, table, acc, used)


def compile_composite() -> None:
    """Compile, or load, the kernels that draw small discs and composite the layers."""
    from dofsim.bokeh._composite import cascade_rows
    from dofsim.bokeh._fine import fine_band

    rgb, coc = np.zeros((_SIZE, _SIZE, 3), np.float32), np.zeros((_SIZE, _SIZE), np.float32)
    plan, table = make_plan(_SIZE, _SIZE, FINE_RADIUS), span_table(2 * FINE_RADIUS + 2)
    acc, live = np.zeros(plan.floats, np.float32), np.zeros(plan.rows, np.uint8)
    used = np.zeros((GROUPS, plan.levels + 1, plan.bands), np.uint8)
    opening, out = np.zeros((_SIZE, _SIZE), np.float32), np.empty_like(rgb)
    cascade_rows(coc, opening, acc, 0, 1, plan, live, used, 0, 1)
    fine_band(rgb, coc, opening, 0, 1, plan, table, acc, live, out)


if __name__ == "__main__":
    compile_composite()
