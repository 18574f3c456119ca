"""Compile the kernels ahead of their first use, in two halves that may run in two processes.

Numba compiles under one lock per process, so only a second process makes use of a second core. Run as a program, this
module compiles the second half of one aperture, ``disc`` or ``shape``, and leaves it in Numba's cache on disk.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from dofsim.bokeh.aperture import Aperture
from dofsim.bokeh.plan import BACK, FRONT, LARGEST_DRAWN, LARGEST_GATHERED, LOOKS
from dofsim.bokeh.shapes import ShapeTable, shape_table
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
    """Compile, or load, the kernels that look for edges, extend hidden surfaces, and composite."""
    from dofsim.bokeh._composite import cascade_room, cascade_rows
    from dofsim.bokeh._edges import find_edges, sweep
    from dofsim.bokeh._fill import fill
    from dofsim.bokeh._hidden import extend
    from dofsim.bokeh._survey import survey_rows

    rgb, coc, jump, places = _picture(), _map(), np.float32(1), np.zeros((0, 2), np.int64)
    survey_rows(rgb, coc, _line(), 0, 0, 2, _picture(), _picture(), _picture(), _line())
    find_edges(rgb, coc, places, np.zeros(0, np.uint8), 1, jump, 1, 0, 0, _map(), _map(), _picture(), _map())
    sweep(_map(), jump)
    rings = np.zeros(_SIZE * _SIZE, np.int32), np.zeros(_SIZE * _SIZE, np.float32)
    extend(_map(), _map(), _map(), _picture(), 1, jump, _map(np.int16), *rings)
    fill(_picture(), _picture(), _map(), _map(), _picture(), jump, places, LOOKS, 0, 0)
    flags, line = _map(np.uint8), _line()
    cascade_rows(coc, _map(), 2, BACK, 1, 1, 1, line, flags, flags, flags, line, flags, 0, 0, cascade_room(1, 1))


def compile_second_half() -> None:
    """Compile, or load, the kernels that find slopes, gather, draw discs, and make a picture of them.

    Half in time, not in number: the first process also reads the photo and its depth.
    """
    from dofsim.bokeh._fill import find_slopes

    find_slopes(_picture(), _picture(), np.float32(1), 0, 0, _picture())
    _compile_coarse(None)
    _compile_fine(None)


def compile_first_half_of_shapes() -> None:
    """Compile, or load, the kernels that gather and draw apertures that are no disc."""
    _compile_coarse(_shape())


def compile_second_half_of_shapes() -> None:
    """Compile, or load, the kernel that makes a picture of apertures that are no disc."""
    _compile_fine(_shape())


def _compile_coarse(shape: ShapeTable | None) -> None:
    from dofsim.bokeh._coarse import coarse_layer, draw_sources
    from dofsim.bokeh._enlarge import enlarge_runs
    from dofsim.bokeh._gather import gather_runs

    runs, disc = np.zeros((0, 4), np.int64), gather_table(LARGEST_GATHERED)
    room = np.empty(0, np.int64), _line()
    gather_runs(
        _line(), 0, 3, 1, 1, _line(), 0, 1, 0, runs, disc, shape, 0, 0, 1, _line(), _line(), *room, _line(), 0, 3
    )
    enlarge_runs(_line(), 1, 0, 0, 1, runs, _line(), _line(), 1)
    squares, grid = _picture()[:0], (_line(), _map(np.uint8), span_table(LARGEST_DRAWN), shape)
    coarse_layer(_picture(), _map(), squares, squares, squares, 2, 2, _map(), FRONT, False, 1, 4, *grid)
    draw_sources(_lights(), np.float32(1), 1, 4, *grid)


def _compile_fine(shape: ShapeTable | None) -> None:
    from dofsim.bokeh._fine import block_room, fine_block

    rgb, coc, flags, opening = _picture(), _map(), _map(np.uint8), _map()
    grids, table = (_line(), flags) * 3, span_table(LARGEST_DRAWN)
    fine_block(
        rgb, coc, coc, opening, flags, 0, 0, 0, 0, *grids, 1, 1, _lights(), table, shape, _line(), block_room(1),
        _picture(),
    )  # fmt: skip


def _shape() -> ShapeTable:
    return shape_table(Aperture(blades=6), 1, _SIZE, _SIZE)


def _lights() -> npt.NDArray[np.float32]:
    return np.zeros((0, 6), np.float32)


def _picture() -> npt.NDArray[np.float32]:
    return np.zeros((_SIZE, _SIZE, 3), np.float32)


def _map(kind: type[np.generic] = np.float32) -> npt.NDArray[Any]:
    return np.zeros((_SIZE, _SIZE), kind)


def _line() -> npt.NDArray[np.float32]:
    return np.zeros(_ROOM, np.float32)


if __name__ == "__main__":
    {"disc": compile_second_half, "shape": compile_second_half_of_shapes}[sys.argv[1]]()
