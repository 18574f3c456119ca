"""Enlarging what was gathered on a coarse grid to pixels, bilinearly between the middles of the cells."""

from __future__ import annotations

from numba import njit

from dofsim._kept import kept
from dofsim.bokeh._disc import BLUE, GREEN, HALF, KERNEL, PART, F, U


@kept(**KERNEL)
def enlarge_runs(cells, columns, y0, x0, level, runs, lines, out, width):  # type: ignore[no-untyped-def]
    """Enlarge rectangles of a picture by ``2^level``, with ``level`` >= 1.

    ``cells``: flat, 3 floats a cell, ``columns`` a row, the first of them cell (``y0``, ``x0``) of the grid; ``runs``:
    int64 (n, 4), rectangles of pixels as first and last row, first and last column (last ones exclusive), around which
    there is a cell more; ``lines``: room for 6 floats a column of a run; ``out``: flat, 3 floats a pixel, ``width`` px
    a row.
    """
    side, half = 1 << level, 1 << (level - 1)
    for n in range(runs.shape[0]):
        left, right = runs[n, 2], runs[n, 3]
        wide = U((right - left) * 3)
        above, below, held = U(0), wide, -2
        for y in range(runs[n, 0], runs[n, 1]):
            row = ((y - half) >> level) - y0
            if row != held:
                if row == held + 1:
                    above, below = below, above
                else:
                    _widen(cells, row * columns * 3, x0, level, left, right, lines, above)
                _widen(cells, (row + 1) * columns * 3, x0, level, left, right, lines, below)
                held = row
            share = (F((y - half) & (side - 1)) + HALF) / F(side)
            at = U((y * width + left) * 3)
            for k in range(wide):
                out[at + k] = lines[above + k] + share * (lines[below + k] - lines[above + k])


@njit(**PART)
def _widen(cells, at, x0, level, left, right, lines, to):  # type: ignore[no-untyped-def]
    """Columns ``left .. right`` of the row of cells at position ``at``, into ``lines`` from position ``to`` on."""
    side, half = 1 << level, 1 << (level - 1)
    for x in range(left, right):
        share = (F((x - half) & (side - 1)) + HALF) / F(side)
        p, q = U(at + (((x - half) >> level) - x0) * 3), to + U((x - left) * 3)
        lines[q] = cells[p] + share * (cells[p + U(3)] - cells[p])
        lines[q + GREEN] = cells[p + GREEN] + share * (cells[p + U(4)] - cells[p + GREEN])
        lines[q + BLUE] = cells[p + BLUE] + share * (cells[p + U(5)] - cells[p + BLUE])
