"""The layered splat: runs the kernels over bands of rows, on as many threads as asked for.

    hidden surfaces -> large discs on coarse grids -> cascade from coarse to fine -> small discs, focus, composite

Bands run in plain Python threads: the kernels release the GIL, so no Numba threading layer is involved, and several
renderings may run side by side.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Self

import numpy as np
import numpy.typing as npt

from dofsim.bokeh.plan import FINE_RADIUS, FRONT, GROUPS, HIDDEN, Plan, make_plan
from dofsim.bokeh.spans import SpanTable, span_table

_FINE_BAND_ROWS = 256
_CASCADE_ROWS = 128

_SOFTNESS = 1 / 1200
"""Width of the mixed colours beside an edge, as a share of the diagonal: 4 px of a 12 MP photo."""


def render_layered(
    rgb: npt.NDArray[np.float32], coc: npt.NDArray[np.float32], max_radius: float, threads: int
) -> npt.NDArray[np.float32]:
    """Render with occlusion and filled hidden surfaces, at a cost nearly independent of the radius.

    Parameters
    ----------
    rgb : float32 array, shape (H, W, 3), C-contiguous
        Scene-linear.
    coc : float32 array, shape (H, W), C-contiguous
        Signed radius, px; ``abs(coc) <= max_radius``.
    max_radius : float
        px.
    threads : int
        >= 1; does not change the result.

    Returns
    -------
    float32 array, shape (H, W, 3)
    """
    from dofsim.bokeh._coarse import coarse_band
    from dofsim.bokeh._fine import fine_band

    height, width = coc.shape
    plan = make_plan(height, width, max_radius)
    table = span_table(2 * FINE_RADIUS + 2)
    acc = np.zeros(plan.floats, np.float32)
    live = np.zeros(plan.rows, np.uint8)
    used = np.zeros((GROUPS, plan.levels + 1, plan.bands), np.uint8)
    out = np.empty_like(rgb)

    with _Workers(threads) as workers:
        opening = _draw_hidden(rgb, coc, plan, table, acc, used, workers)
        if max_radius >= FINE_RADIUS:
            workers.run(lambda band: coarse_band(rgb, coc, band, plan, table, acc, used), range(plan.bands))
        _cascade(coc, opening, plan, acc, live, used, workers)
        workers.run(
            lambda first: fine_band(
                rgb, coc, opening, first, min(first + _FINE_BAND_ROWS, height), plan, table, acc, live, out
            ),
            range(0, height, _FINE_BAND_ROWS),
        )
    return out


class _Workers:
    """A pool of threads, or none at all for one thread."""

    def __init__(self, threads: int) -> None:
        self._pool = ThreadPoolExecutor(threads) if threads > 1 else None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._pool is not None:
            self._pool.shutdown()

    def run(self, work: Callable[[int], None], items: Iterable[int]) -> None:
        for _ in map(work, items) if self._pool is None else self._pool.map(work, items):
            pass


def _draw_hidden(
    rgb: npt.NDArray[np.float32],
    coc: npt.NDArray[np.float32],
    plan: Plan,
    table: SpanTable,
    acc: npt.NDArray[np.float32],
    used: npt.NDArray[np.uint8],
    workers: _Workers,
) -> npt.NDArray[np.float32]:
    """Find and draw the hidden surfaces; returns where the lens looks past an edge, float32 per cell, 0..1."""
    from dofsim.bokeh._edges import FAR, find_edges, open_around
    from dofsim.bokeh._hidden import extend, hidden_band

    cell = plan.cell
    jump = np.float32(max(1.0, 0.5 * cell))
    softness = max(1, round(math.hypot(plan.height, plan.width) * _SOFTNESS))
    shape = (-(-plan.height // cell), -(-plan.width // cell))
    near, far = np.empty(shape, np.float32), np.zeros(shape, np.float32)
    distance = np.full(shape, FAR, np.float32)
    away, opening = np.empty(shape, np.float32), np.empty(shape, np.float32)
    colour = np.zeros((*shape, 3), np.float32)
    rows = max(1, _CASCADE_ROWS // cell)
    workers.run(
        lambda first: find_edges(
            rgb, coc, cell, jump, softness, first, min(first + rows, shape[0]), near, far, distance, colour, away
        ),
        range(0, shape[0], rows),
    )
    open_around(near, away, cell, opening)
    extend(near, far, distance, colour, cell, jump)
    level = cell.bit_length() - 1
    workers.run(lambda band: hidden_band(far, distance, colour, level, band, plan, table, acc, used), range(plan.bands))
    return opening


def _cascade(
    coc: npt.NDArray[np.float32],
    opening: npt.NDArray[np.float32],
    plan: Plan,
    acc: npt.NDArray[np.float32],
    live: npt.NDArray[np.uint8],
    used: npt.NDArray[np.uint8],
    workers: _Workers,
) -> None:
    from dofsim.bokeh._composite import cascade_rows

    for group in range(FRONT, HIDDEN + 1):
        for level in range(plan.levels, 0, -1):
            if not used[group, level:].any():
                continue
            rows = plan.padded_height >> level

            def composite(first: int, group: int = group, level: int = level, rows: int = rows) -> None:
                cascade_rows(coc, opening, acc, group, level, plan, live, used, first, min(first + _CASCADE_ROWS, rows))

            workers.run(composite, range(0, rows, _CASCADE_ROWS))
