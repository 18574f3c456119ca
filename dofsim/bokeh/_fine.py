"""The full-resolution pass over tiles that need layers: small discs, pixels in focus, and the final composite."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit

from dofsim._kept import kept
from dofsim.bokeh._composite import enlarge_row, is_live
from dofsim.bokeh._disc import (
    BLUE,
    COVER,
    GREEN,
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
from dofsim.bokeh._shape import add_centred, clip, entry_of, scale_of, stop_of
from dofsim.bokeh._simd import sum_along
from dofsim.bokeh.plan import FINE_RADIUS, FINE_SPLITS, IN_FOCUS_RADIUS, OWN_RADIUS, TILE
from dofsim.bokeh.spans import RADIUS_STEPS

_REACH = FINE_RADIUS + 1
_RING = 32

_LEAST_COVERAGE, _LEAST_TOTAL = 1e-4, 1e-2
"""Hidden surfaces that cover less are left out, and a pixel that less reaches in all keeps its own colour: dividing by
so little would show the rounding of the sums."""

_ROUNDING = 1e-6
"""Other layers that cover less are left out; they are not divided, and a small light in front covers hardly more."""

# Layers from front to back: the coarse front, three fine ones in front of the focus, three behind it, the coarse back,
# and the hidden surfaces.
_FINE = range(1, 2 * len(FINE_SPLITS) + 3)
_FOCUS = len(FINE_SPLITS) + 2
_COARSE_FRONT, _COARSE_BACK, _HIDDEN = 0, _FINE.stop, _FINE.stop + 1
_LAYERS = _HIDDEN + 1
_FIRST_FINE, _END_FINE = _FINE.start, _FINE.stop

# What is kept of each pixel of a tile's row while layers are composited, TILE floats each: what is left of 1, what was
# taken, its light, the share of the rest that is the pixel's own, and the last layer that may be its own surface.
_LEFT, _TOTAL, _RED, _GREEN, _BLUE, _OWN, _LAST = range(0, 7 * TILE, TILE)


def ring_room(tiles: int) -> int:
    """Floats that :func:`fine_block` needs of ``ring`` for squares of ``tiles`` x ``tiles``."""
    return _END_FINE * _RING * ((tiles + 2) * TILE + 2) * 4


def block_room(tiles: int) -> tuple[npt.NDArray[Any], ...]:
    """``room`` of :func:`fine_block` for squares of ``tiles`` x ``tiles``."""
    columns = tiles * TILE
    sizes: tuple[tuple[int | tuple[int, int], type[np.generic]], ...] = (
        (_LAYERS * (columns + TILE) * 4, np.float32),
        ((TILE + 6) * 2, np.float32),
        (4, np.float64),
        (_LAST + TILE, np.float32),
        ((_LAYERS, tiles), np.int64),
        ((_LAYERS, tiles), np.int64),
        (_LAYERS + 1, np.int64),
        ((_END_FINE, tiles + 2), np.int64),
    )
    return tuple(np.empty(size, kind) for size, kind in sizes)


@njit(**PART)
def layer_of(c):  # type: ignore[no-untyped-def]
    """Fine layer of a source; a larger radius than any of theirs counts as the outermost."""
    r = abs(c)
    steps = 0
    for split in FINE_SPLITS:
        if r >= split:
            steps += 1
    return _FOCUS - 1 - steps if c < ZERO else _FOCUS + steps


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
    for layer in range(_END_FINE):
        for block in range(last - first + 2):
            newest[layer, block] = y0 - 1000
    for y in range(y0 - _REACH, y1 + _REACH):
        _draw_row(rgb, sources, y, layered, first_row, last_row, first, last, table, shape, ring, stride, newest)
        z = y - _REACH
        for layer in range(_FIRST_FINE, _END_FINE):
            at = (layer * _RING + (z & (_RING - 1))) * stride
            _sum_row(ring, at, newest, layer, z, y0, layered, first, last, sums, rows, layer * wide, active)
        if z < y0:
            continue
        if z % TILE <= 1 or z % TILE == TILE - 1:
            for i in range(first, last):
                left, right = i * TILE, min((i + 1) * TILE, x1)
                coarse[_COARSE_FRONT, i - first] = is_live(front_live, grid_rows, grid_columns, z, left, right)
                coarse[_COARSE_BACK, i - first] = is_live(back_live, grid_rows, grid_columns, z, left, right)
                coarse[_HIDDEN, i - first] = is_live(hidden_live, grid_rows, grid_columns, z, left, right)
        for layer in (_COARSE_FRONT, _COARSE_BACK, _HIDDEN):
            acc = front
            if layer == _COARSE_BACK:
                acc = back
            elif layer == _HIDDEN:
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
                _composite(rgb, coc, opening, z, y0, x0, begin, end, rows, wide, active, present, state, out)
    for layer in range(_FIRST_FINE, _END_FINE):
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
            layer = _COARSE_FRONT if c < ZERO else _COARSE_BACK
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


@njit(**PART)
def _is_slope(coc, y, x):  # type: ignore[no-untyped-def]
    """Whether the circle of confusion changes by no more than 1 px to any side: the neighbours are one surface."""
    height, width = coc.shape
    c = coc[y, x]
    change = max(abs(coc[max(y - 1, 0), x] - c), abs(coc[min(y + 1, height - 1), x] - c))
    return max(change, abs(coc[y, max(x - 1, 0)] - c), abs(coc[y, min(x + 1, width - 1)] - c)) <= ONE


@njit(**PART)
def _composite(rgb, coc, opening, z, y0, x0, begin, end, rows, wide, active, present, state, out):  # type: ignore[no-untyped-def]
    """Composite columns ``begin .. end`` of row ``z``, one tile's, from front to back.

    A layer takes its coverage, or what the nearer ones have left of it. ``opening``: where the lens looks past an edge,
    from pixel (``y0``, ``x0``) on.
    """
    size, tile = end - begin, (begin - x0) // TILE
    count = 0
    for layer in range(_LAYERS):
        if active[layer, tile] != 0:
            present[count] = layer
            count += 1
    present[count] = _LAYERS
    for k in range(size):
        own = coc[z, begin + k]
        for part in (_TOTAL, _RED, _GREEN, _BLUE):
            state[part + k] = ZERO
        state[_LEFT + k] = ONE
        share = (F(OWN_RADIUS) - abs(own)) * F(1.0 / (OWN_RADIUS - 1.0))
        state[_OWN + k] = min(max(share, ZERO), ONE) if abs(own) >= F(IN_FOCUS_RADIUS) else ONE
        # The last layer that may still belong to the pixel's own surface; past it, light comes through openings.
        steps = (ONE if abs(own) >= F(FINE_SPLITS[0]) else ZERO) + (ONE if abs(own) >= F(FINE_SPLITS[1]) else ZERO)
        last = F(_FOCUS) - steps if own < ZERO else F(_FOCUS + 1) + steps
        last = F(_FIRST_FINE) if own <= F(-FINE_RADIUS) else last
        state[_LAST + k] = F(_COARSE_FRONT) if own <= F(-2 * FINE_RADIUS) else last
    own_done = False
    before = F(-1)
    for p in range(count + 1):
        layer = present[p]
        at = layer * wide + (begin - x0) * 4
        if layer > _FOCUS and not own_done:
            own_done = True
            _take_own(rgb, z, begin, size, state)
        if layer == _LAYERS:
            break
        if layer == _FOCUS or layer == _FOCUS - 1:
            # What a pixel in focus has left is its own.
            for k in range(size):
                in_focus = abs(coc[z, begin + k]) < F(IN_FOCUS_RADIUS)
                if in_focus and (layer == _FOCUS or _is_slope(coc, z, begin + k)):
                    rows[at + k * 4 + 3] = ZERO
        _take_layer(rows, at, size, F(layer), before, layer == _HIDDEN, opening[z - y0], begin - x0, state)
        before = F(layer)
    for k in range(size):
        total = state[_TOTAL + k]
        if total > F(_LEAST_TOTAL):
            scale = ONE / total
            out[z, begin + k, 0] = state[_RED + k] * scale
            out[z, begin + k, 1] = state[_GREEN + k] * scale
            out[z, begin + k, 2] = state[_BLUE + k] * scale
        else:
            out[z, begin + k, 0] = rgb[z, begin + k, 0]
            out[z, begin + k, 1] = rgb[z, begin + k, 1]
            out[z, begin + k, 2] = rgb[z, begin + k, 2]


@njit(**PART)
def _take_own(rgb, z, begin, size, state):  # type: ignore[no-untyped-def]
    """Let the pixels take what is their own of the rest.

    That is all of it in focus. A nearly sharp pixel beside sharp ones gives light away and gets none back: what it
    lacks is its own too, or thin lines of the background would show.
    """
    for k in range(size):
        share = state[_LEFT + k] * state[_OWN + k]
        state[_LEFT + k] -= share
        state[_TOTAL + k] += share
        state[_RED + k] += share * rgb[z, begin + k, 0]
        state[_GREEN + k] += share * rgb[z, begin + k, 1]
        state[_BLUE + k] += share * rgb[z, begin + k, 2]


@njit(**PART)
def _take_layer(rows, at, size, layer, before, is_hidden, opening, to, state):  # type: ignore[no-untyped-def]
    """Let the pixels take from a layer, behind the one ``before``, what the nearer ones have left.

    Without branches, so that several pixels are done at a time. ``rows`` holds the layer from position ``at`` on,
    ``opening`` belongs to the pixels from ``to`` on.
    """
    least = F(_LEAST_COVERAGE) if is_hidden else F(_ROUNDING)
    for k in range(size):
        left, last = state[_LEFT + k], state[_LAST + k]
        left *= opening[U(to + k)] if last < layer and last >= before else ONE
        q = U(at + k * 4)
        coverage = rows[q + COVER]
        taken = left if is_hidden else min(coverage, left)
        taken = taken if coverage >= least else ZERO
        share = taken / max(coverage, least)
        state[_LEFT + k] = left - taken
        state[_TOTAL + k] += taken
        state[_RED + k] += share * rows[q]
        state[_GREEN + k] += share * rows[q + GREEN]
        state[_BLUE + k] += share * rows[q + BLUE]
