"""The full-resolution pass over tiles that need layers: small discs, pixels in focus, and the final composite."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit

from dofsim._kept import kept
from dofsim.bokeh._composite import enlarge_row, is_live
from dofsim.bokeh._disc import (
    HALF,
    KERNEL,
    ONE,
    PART,
    ZERO,
    F,
    U,
    border_mix,
    centred_row,
    fold,
    radius_index,
)
from dofsim.bokeh._over import (
    COARSE_BACK,
    COARSE_FRONT,
    END_FINE,
    FIRST_FINE,
    HIDDEN_LAYER,
    LAYERS,
    STATE,
    composite,
    layer_of,
)
from dofsim.bokeh._shape import add_centred, clip, entry_of, scale_of, stop_of
from dofsim.bokeh._simd import sum_along
from dofsim.bokeh.plan import FINE_RADIUS, IN_FOCUS_RADIUS, TILE
from dofsim.bokeh.spans import RADIUS_STEPS

_REACH = FINE_RADIUS + 1
_RING = 32


def ring_room(tiles: int) -> int:
    """Floats that :func:`fine_block` needs of ``ring`` for squares of ``tiles`` x ``tiles``."""
    return END_FINE * _RING * ((tiles + 2) * TILE + 2) * 4


def block_room(tiles: int) -> tuple[npt.NDArray[Any], ...]:
    """``room`` of :func:`fine_block` for squares of ``tiles`` x ``tiles``."""
    columns = tiles * TILE
    sizes: tuple[tuple[int | tuple[int, int], type[np.generic]], ...] = (
        (LAYERS * (columns + TILE) * 4, np.float32),
        ((TILE + 6) * 2, np.float32),
        (4, np.float64),
        (STATE, np.float32),
        ((LAYERS, tiles), np.int64),
        ((LAYERS, tiles), np.int64),
        (LAYERS + 1, np.int64),
        ((END_FINE, tiles + 2), np.int64),
    )
    return tuple(np.empty(size, kind) for size, kind in sizes)


@kept(**KERNEL)
def fine_block(  # type: ignore[no-untyped-def]
    rgb, coc, sources, opening, layered, first_row, last_row, first, last,
    front, front_live, back, back_live, hidden, hidden_live, grid_rows, grid_columns, lights, table, shape, ring, room,
    out,
):  # fmt: skip
    """Render the tiles with layers among rows ``first_row .. last_row`` and columns ``first .. last`` of tiles.

    ``sources``: ``coc`` with lights in focus; ``opening``: float32, of the pixels from the first tile on;
    ``front``, ``back``, ``hidden`` and their ``live``: level 1 of each group, composited, ``grid_rows`` x
    ``grid_columns`` cells; ``lights``: float32 (n, 6) of those (y, x, coc, colour) that are drawn here.

    ``ring``: room of ``ring_room`` floats, all 0, and left so; ``room``: of ``block_room``.

    For every layer a ring of rows holds the differences of its sources; a row leaves its ring when every source that
    reaches it has been drawn, and is composited with the coarser layers from front to back. Each tile's part of a row
    goes through the layers that show there.
    """
    height, width = coc.shape
    y0, y1 = first_row * TILE, min(last_row * TILE, height)
    x0, x1 = first * TILE, min(last * TILE, width)
    stride = ((last - first + 2) * TILE + 2) * 4
    wide = (last - first + 1) * TILE * 4
    rows, line, sums, state, active, coarse, present, newest = room
    for layer in range(END_FINE):
        for block in range(last - first + 2):
            newest[layer, block] = y0 - 1000
    for y in range(y0 - _REACH, y1 + _REACH):
        _draw_row(rgb, sources, y, layered, first_row, last_row, first, last, table, shape, ring, stride, newest)
        z = y - _REACH
        for layer in range(FIRST_FINE, END_FINE):
            at = (layer * _RING + (z & (_RING - 1))) * stride
            _sum_row(ring, at, newest, layer, z, y0, layered, first, last, sums, rows, layer * wide, active)
        if z < y0:
            continue
        if z % TILE <= 1 or z % TILE == TILE - 1:
            for i in range(first, last):
                left, right = i * TILE, min((i + 1) * TILE, x1)
                coarse[COARSE_FRONT, i - first] = is_live(front_live, grid_rows, grid_columns, z, left, right)
                coarse[COARSE_BACK, i - first] = is_live(back_live, grid_rows, grid_columns, z, left, right)
                coarse[HIDDEN_LAYER, i - first] = is_live(hidden_live, grid_rows, grid_columns, z, left, right)
        for layer in (COARSE_FRONT, COARSE_BACK, HIDDEN_LAYER):
            acc = front
            if layer == COARSE_BACK:
                acc = back
            elif layer == HIDDEN_LAYER:
                acc = hidden
            for i in range(first, last):
                left, right = i * TILE, min((i + 1) * TILE, x1)
                active[layer, i - first] = layered[z // TILE, i] != 0 and coarse[layer, i - first] != 0
                if active[layer, i - first] != 0:
                    at = layer * wide + (left - x0) * 4
                    enlarge_row(acc, grid_rows, grid_columns, z, left, (right + 1) & ~1, line, rows, at)
        _add_lights(lights, z, x0, x1, table, shape, rows, wide, active)
        for i in range(first, last):
            if layered[z // TILE, i] != 0:
                begin, end = i * TILE, min((i + 1) * TILE, x1)
                composite(rgb, coc, opening, z, y0, x0, begin, end, rows, wide, active, present, state, out)
    for layer in range(FIRST_FINE, END_FINE):
        for row in range(layer * _RING, (layer + 1) * _RING):
            for block in range(last - first + 2):
                if newest[layer, block] >= y1 - _REACH:
                    for i in range(block * TILE * 4, (block + 1) * TILE * 4):
                        ring[U(row * stride + i)] = ZERO


@njit(**PART)
def _draw_row(rgb, coc, y, layered, first_row, last_row, first, last, table, shape, ring, stride, newest):  # type: ignore[no-untyped-def]
    """Draw the small discs of row ``y`` (reflected, where it is outside) that reach tiles with layers.

    ``newest``: by layer and tile, from the one before the first on, gets the last row that reached it.
    """
    height, width = coc.shape
    ys = fold(y, height)
    top, bottom = max((y - _REACH) // TILE, first_row), min((y + _REACH) // TILE + 1, last_row)
    for i in range(first - 1, last + 1):
        left, own, right = False, False, False
        for j in range(top, bottom):
            left = left or (i > first and layered[j, i - 1] != 0)
            own = own or (first <= i < last and layered[j, i] != 0)
            right = right or (i + 1 < last and layered[j, i + 1] != 0)
        if not (left or own or right):
            continue
        begin = i * TILE if own or left else (i + 1) * TILE - _REACH
        end = min((i + 1) * TILE if own or right else i * TILE + _REACH, min(last * TILE, width) + _REACH)
        if begin >= end:
            continue
        for x in range(begin, end):
            xs = fold(x, width)
            c = coc[ys, xs]
            r = abs(c)
            if r >= F(FINE_RADIUS) or r < F(IN_FOCUS_RADIUS):
                continue
            layer = layer_of(c)
            column = x - (first - 1) * TILE
            newest[layer, U(column - _REACH - 1) // U(TILE)] = y
            newest[layer, U(column + _REACH + 1) // U(TILE)] = y
            red, green, blue = rgb[ys, xs, 0], rgb[ys, xs, 1], rgb[ys, xs, 2]
            if ys != y or xs != x:
                red, green, blue = border_mix(rgb, coc, y, x, red, green, blue)
            if shape is not None:
                begin_of = layer * _RING * stride
                add_centred(ring, begin_of, stride, _RING - 1, y, column * 4, c, y, x, red, green, blue, shape)
                continue
            n = radius_index(r)
            exact = F(n) / F(RADIUS_STEPS)
            weight = ONE / (F(np.pi) * exact * exact)
            red *= weight
            green *= weight
            blue *= weight
            at = layer * _RING * stride + column * 4
            begin_of, near, far = table.start[n, 0] * 4, table.first[n, 0], table.second[n, 0]
            centred_row(ring, at + (y & (_RING - 1)) * stride, begin_of, near, far, red, green, blue, weight)
            # The rows above and below have the same ends.
            for d in range(1, table.rows[n] + 1):
                k = U(d)
                begin_of, near, far = table.start[n, k] * 4, table.first[n, k], table.second[n, k]
                above, below = at + ((y - d) & (_RING - 1)) * stride, at + ((y + d) & (_RING - 1)) * stride
                centred_row(ring, above, begin_of, near, far, red, green, blue, weight)
                centred_row(ring, below, begin_of, near, far, red, green, blue, weight)


@njit(**PART)
def _sum_row(acc, at, newest, layer, z, y0, layered, first, last, sums, out, to, active):  # type: ignore[no-untyped-def]
    """Sum the differences of row ``z`` of a layer, clear them, and keep those of the tiles with layers from ``y0`` on.

    Every disc begins and ends in tiles that it has reached, so the sums are 0 in front of any other.
    """
    for block in range(last - first + 2):
        i = first - 1 + block
        shown = z >= y0 and first <= i < last and layered[z // TILE, i] != 0
        reached = newest[layer, block] >= z - _REACH
        if first <= i < last:
            active[layer, i - first] = shown and reached
        if not reached:
            for k in range(4):
                sums[k] = 0.0
            continue
        # What nobody looks at goes behind the last tile.
        column = i - first if shown else last - first
        sum_along(acc, U(at + block * TILE * 4), TILE, sums, out, U(to + column * TILE * 4))


@njit(**PART)
def _add_lights(lights, z, x0, x1, table, shape, rows, wide, active):  # type: ignore[no-untyped-def]
    """Add to the layers of row ``z`` what lights cast there, at full resolution."""
    for n in range(lights.shape[0]):
        c = lights[n, 2]
        d = int(lights[n, 0]) - z
        i = radius_index(abs(c))
        if abs(d) > table.rows[i]:
            continue
        layer = layer_of(c)
        if abs(c) >= F(FINE_RADIUS):
            layer = COARSE_FRONT if c < ZERO else COARSE_BACK
        if shape is None:
            half = table.half_width[i, 0, table.reach - d]
            share = table.height[i, 0, table.reach - d] / (F(np.pi) * c * c)
            left, right = lights[n, 1] + HALF - half, lights[n, 1] + HALF + half
            _add_span(rows, layer * wide, left, right, share, lights, n, x0, x1, active, layer)
        else:
            entry, spans = entry_of(shape, c, abs(c), 0), shape.spans
            begun, ended = shape.begin[entry], shape.begin[entry + 1]
            stop_y, stop_x, scale = ZERO, ZERO, ONE
            if shape.cats_eye > ZERO:
                stop_y, stop_x = stop_of(shape, c, abs(c), lights[n, 0], lights[n, 1])
                scale = scale_of(spans, begun, ended, stop_y, abs(c), stop_x)
            for s in range(begun, ended):
                if spans[s, 3] == F(-d):
                    left, right = spans[s, 0], spans[s, 1]
                    if shape.cats_eye > ZERO:
                        left, right = clip(left, right, F(-d) - stop_y, abs(c), stop_x)
                    centre, share = lights[n, 1] + HALF, spans[s, 2] * scale
                    left, right = centre + left, centre + right
                    _add_span(rows, layer * wide, left, right, share, lights, n, x0, x1, active, layer)


@njit(**PART)
def _add_span(rows, at, left, right, share, lights, n, x0, x1, active, layer):  # type: ignore[no-untyped-def]
    """Add a span of light ``n`` to the row of a layer that begins at position ``at``."""
    first, last = max(int(np.floor(left)), x0), min(int(np.ceil(right)), x1)
    for tile in range((first - x0) // TILE, (last - 1 - x0) // TILE + 1 if first < last else 0):
        if active[layer, tile] == 0:
            active[layer, tile] = 1
            for k in range(tile * TILE * 4, (tile + 1) * TILE * 4):
                rows[at + k] = ZERO
    for x in range(first, last):
        weight = share * (min(right, F(x + 1)) - max(left, F(x)))
        q = at + (x - x0) * 4
        for k in range(3):
            rows[q + k] += weight * lights[n, 3 + k]
        rows[q + 3] += weight
