"""Compile the kernels ahead of their first use, in two halves that may run in two processes.

Numba compiles under one lock per process, so only a second process makes use of a second core. Run as a program, this
module compiles the second half and leaves it in Numba's cache on disk.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from dofsim.bokeh.plan import BACK, FRONT, LARGEST_DRAWN, LARGEST_GATHERED, TILE
from dofsim.bokeh.spans import gather_table, span_table

_SIZE = 8
_ROOM = 1 << 16
_LAST = "_fine.fine_block"
"""The kernel that is compiled last: where the cache holds it, it holds the others."""


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
    return not any(folder.rglob(f"{_LAST}-*.py{sys.version_info.major}{sys.version_info.minor}.nbi"))


def compile_first_half() -> None:
    """Compile, or load, the kernels that look for edges, gather calm tiles, and composite the coarse grids."""
    from dofsim.bokeh._calm import calm_block, calm_levels, calm_room
    from dofsim.bokeh._composite import cascade_rows, fold_rows
    from dofsim.bokeh._edges import find_edges, find_tiles, open_around
    from dofsim.bokeh._hidden import extend, hidden_layer
    from dofsim.bokeh._survey import reduce_cells, reduce_spans, survey_rows

    rgb, coc, level, flags = _picture(), _map(), _map(np.int8), _map(np.uint8)
    starts, jump, table = np.zeros(4, np.int64), np.float32(1), span_table(LARGEST_DRAWN)
    survey_rows(rgb, coc, 0, 1, TILE, 2, _line(), _line())
    reduce_cells(_line(), 0, 0, 1, 1)
    reduce_spans(_line(), 0, 0, 1, 1)
    find_edges(rgb, coc, _line(), 1, 1, jump, 1, 0, 1, *(_map() for _ in range(3)), _picture(), _map(), _map())
    find_tiles(_map(), _map(), _line(), TILE, TILE, flags, *(_map() for _ in range(3)))
    open_around(_map(), _map(), 1, _map())
    rings = np.zeros(_SIZE * _SIZE, np.int32), np.zeros(_SIZE * _SIZE, np.float32)
    extend(_map(), _map(), _map(), _picture(), 1, jump, _map(np.int16), *rings)
    calm_levels(flags, _map(), _map(), 1, level)
    room = np.zeros(calm_room(1), np.float32)
    disc = gather_table(LARGEST_GATHERED)
    calm_block(rgb, coc, _line(), starts, (TILE, TILE), level, _map(), 0, 0, 0, 0, disc, room, room, _picture())
    hidden_layer(_map()[:0], _map(), _picture(), 2, 1, 2, _map(), 1, table, _line(), flags)
    fold_rows(_line(), np.zeros((99, 1), np.uint8), 1, 1)
    cascade_rows(coc, _map(), 2, BACK, 1, 1, 1, _line(), flags, flags, flags, _line(), flags, 0, 0)


def compile_second_half() -> None:
    """Compile, or load, the kernels that draw discs, and the one that makes the picture of them."""
    from dofsim.bokeh._coarse import coarse_layer, find_lights
    from dofsim.bokeh._fine import fine_block

    rgb, coc, flags, starts = _picture(), _map(), _map(np.uint8), np.zeros(4, np.int64)
    table, lights = span_table(LARGEST_DRAWN), np.zeros((0, 6), np.float32)
    pyramid = (_line(), starts, _line(), starts, 2, (0, 0), _map())
    coarse_layer(rgb, coc, *pyramid, FRONT, 1, table, _line(), flags)
    find_lights(rgb, coc, _line(), _SIZE, 1, 1, lights)
    grids = (_line(), flags, _line(), flags, _line(), flags)
    fine_block(rgb, coc, _map(), 1, flags, 0, 0, 0, 0, *grids, 1, 1, lights, table, _line(), _picture())


def _picture() -> npt.NDArray[np.float32]:
    return np.zeros((_SIZE, _SIZE, 3), np.float32)


def _map(kind: type[np.generic] = np.float32) -> npt.NDArray[Any]:
    return np.zeros((_SIZE, _SIZE), kind)


def _line() -> npt.NDArray[np.float32]:
    return np.zeros(_ROOM, np.float32)


if __name__ == "__main__":
    compile_second_half()
