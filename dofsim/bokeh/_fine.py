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
from dofsim.bokeh.plan import FINE_RADIUS, FINE_SPLITS, IN_FOCUS_RADIUS, OWN_RADIUS, TILE
from dofsim.bokeh.spans import RADIUS_STEPS

_REACH = FINE_RADIUS + 1
_HALO = 2 * _REACH + 2
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


def ring_room(tiles: int) -> int:
    """Floats that :func:`fine_block` needs of ``ring`` for squares of ``tiles`` x ``tiles``."""
    return _END_FINE * _RING * (tiles * TILE + 2 * _HALO + 2) * 4


def block_room(tiles: int) -> tuple[npt.NDArray[Any], ...]:
    """``room`` of :func:`fine_block` for squares of ``tiles`` x ``tiles``."""
    columns, kinds = tiles * TILE, (np.float32, np.float32, np.int64, np.int64, np.int64, np.int64)
    sizes = _LAYERS * (columns + 2) * 4, (columns + 6) * 2, _LAYERS, _LAYERS + 1, _END_FINE, 2
    return tuple(np.empty(size, kind) for size, kind in zip(sizes, kinds, strict=True))


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
    reaches it has been drawn, and is composited with the coarser layers from front to back.
    """
    height, width = coc.shape
    y0, y1 = first_row * TILE, min(last_row * TILE, height)
    x0, x1 = first * TILE, min(last * TILE, width)
    stride = (x1 - x0 + 2 * _HALO + 2) * 4
    wide = (x1 - x0 + 2) * 4
    rows, line, active, present, newest, drawn = room
    for layer in range(_END_FINE):
        newest[layer] = y0 - 1000
    # Columns of the ring in which anything was drawn so far.
    drawn[0], drawn[1] = stride, 0
    for y in range(y0 - _REACH, y1 + _REACH):
        _draw_row(rgb, sources, y, layered, first_row, last_row, first, last, table, shape, ring, stride, newest, drawn)
        z = y - _REACH
        left, right = x1, x0
        if z >= y0:
            for i in range(first, last):
                if layered[z // TILE, i] != 0:
                    left, right = min(left, i * TILE), min((i + 1) * TILE, x1)
        for layer in range(_FIRST_FINE, _END_FINE):
            active[layer] = 0
            if newest[layer] >= z - _REACH:
                row = (layer * _RING + (z & (_RING - 1))) * stride
                if left < right:
                    active[layer] = 1
                    _sum_row(ring, row, drawn[0], left - x0, right - x0, rows, layer * wide)
                for i in range(drawn[0] * 4, drawn[1] * 4):
                    ring[U(row + i)] = ZERO
        if left >= right:
            continue
        for layer in (_COARSE_FRONT, _COARSE_BACK, _HIDDEN):
            acc, live = front, front_live
            if layer == _COARSE_BACK:
                acc, live = back, back_live
            elif layer == _HIDDEN:
                acc, live = hidden, hidden_live
            active[layer] = is_live(live, grid_rows, grid_columns, z, left, right)
            if active[layer]:
                at = layer * wide + (left - x0) * 4
                enlarge_row(acc, grid_rows, grid_columns, z, left, (right + 1) & ~1, line, rows, at)
        _add_lights(lights, z, x0, x1, table, shape, rows, wide, active)
        _composite_row(rgb, coc, opening, z, y0, layered, x0, first, last, rows, wide, active, present, out)
    for layer in range(_FIRST_FINE, _END_FINE):
        for row in range(layer * _RING, (layer + 1) * _RING if newest[layer] >= y0 - _REACH else 0):
            for i in range(drawn[0] * 4, drawn[1] * 4):
                ring[U(row * stride + i)] = ZERO


@njit(**PART)
def _draw_row(rgb, coc, y, layered, first_row, last_row, first, last, table, shape, ring, stride, newest, drawn):  # type: ignore[no-untyped-def]
    """Draw the small discs of row ``y`` (reflected, where it is outside) that reach tiles with layers."""
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
        drawn[0] = min(drawn[0], begin - first * TILE + _HALO - _REACH - 1)
        drawn[1] = max(drawn[1], end - first * TILE + _HALO + _REACH + 2)
        for x in range(begin, end):
            xs = fold(x, width)
            c = coc[ys, xs]
            r = abs(c)
            if r >= F(FINE_RADIUS) or r < F(IN_FOCUS_RADIUS):
                continue
            layer = layer_of(c)
            newest[layer] = y
            red, green, blue = rgb[ys, xs, 0], rgb[ys, xs, 1], rgb[ys, xs, 2]
            if ys != y or xs != x:
                red, green, blue = border_mix(rgb, coc, y, x, red, green, blue)
            if shape is not None:
                begin_of, column = layer * _RING * stride, (x - first * TILE + _HALO) * 4
                add_centred(ring, begin_of, stride, _RING - 1, y, column, c, y, x, red, green, blue, shape)
                continue
            n = radius_index(r)
            exact = F(n) / F(RADIUS_STEPS)
            weight = ONE / (F(np.pi) * exact * exact)
            red *= weight
            green *= weight
            blue *= weight
            at = layer * _RING * stride + (x - first * TILE + _HALO) * 4
            reach = table.rows[n]
            for d in range(-reach, reach + 1):
                k = U(abs(d))
                row = at + ((y + d) & (_RING - 1)) * stride
                begin_of = table.start[n, k] * 4
                centred_row(ring, row, begin_of, table.first[n, k], table.second[n, k], red, green, blue, weight)


@njit(**PART)
def _sum_row(acc, at, begin, left, right, out, to):  # type: ignore[no-untyped-def]
    """Sum the differences of a row from column ``begin`` of the ring on, and keep columns ``left .. right``.

    These are counted without the halo. The sums are float64, lest they drift.
    """
    red, green, blue, weight = 0.0, 0.0, 0.0, 0.0
    for x in range(begin - _HALO, right):
        p = U(at + (x + _HALO) * 4)
        red += acc[p]
        green += acc[p + GREEN]
        blue += acc[p + BLUE]
        weight += acc[p + COVER]
        if x >= left:
            q = U(to + x * 4)
            out[q], out[q + GREEN], out[q + BLUE], out[q + COVER] = red, green, blue, weight


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
        if active[layer] == 0:
            active[layer] = 1
            for k in range(wide):
                rows[layer * wide + k] = ZERO
        if shape is None:
            half = table.half_width[i, 0, table.reach - d]
            share = table.height[i, 0, table.reach - d] / (F(np.pi) * c * c)
            left, right = lights[n, 1] + HALF - half, lights[n, 1] + HALF + half
            _add_span(rows, layer * wide, left, right, share, lights, n, x0, x1)
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
                    _add_span(rows, layer * wide, centre + left, centre + right, share, lights, n, x0, x1)


@njit(**PART)
def _add_span(rows, at, left, right, share, lights, n, x0, x1):  # type: ignore[no-untyped-def]
    """Add a span of light ``n`` to the row of a layer that begins at position ``at``."""
    for x in range(max(int(np.floor(left)), x0), min(int(np.ceil(right)), x1)):
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
def _composite_row(rgb, coc, opening, z, y0, layered, x0, first, last, rows, wide, active, present, out):  # type: ignore[no-untyped-def]
    """Composite row ``z`` from front to back; a layer takes its coverage, or what the nearer ones have left of it.

    ``opening``: where the lens looks past an edge, from pixel (``y0``, ``x0``) on.
    """
    count = 0
    for layer in range(_LAYERS):
        if active[layer] != 0:
            present[count] = layer
            count += 1
    present[count] = _LAYERS
    for tile in range(first, last):
        if layered[z // TILE, tile] == 0:
            continue
        for x in range(tile * TILE, min((tile + 1) * TILE, coc.shape[1])):
            q = U((x - x0) * 4)
            own = coc[z, x]
            in_focus = abs(own) < F(IN_FOCUS_RADIUS)
            left = ONE
            total = ZERO
            red, green, blue = ZERO, ZERO, ZERO
            # The last layer that may still belong to the pixel's own surface; past it, light comes through openings.
            last_own = layer_of(own) + 1
            if own <= F(-FINE_RADIUS):
                last_own = _FIRST_FINE if own > F(-2 * FINE_RADIUS) else _COARSE_FRONT
            closed = False
            own_done = False
            for k in range(count + 1):
                layer = present[k]
                if (layer > _FOCUS and not own_done) or (layer >= _FOCUS and in_focus):
                    # What a pixel in focus has left is its own. A nearly sharp one beside sharp ones gives light away
                    # and gets none back: what it lacks is its own too, or thin lines of the background would show.
                    own_done = True
                    share = left
                    if not in_focus:
                        share *= min(max((F(OWN_RADIUS) - abs(own)) * F(1.0 / (OWN_RADIUS - 1.0)), ZERO), ONE)
                    left -= share
                    total += share
                    red += share * rgb[z, x, 0]
                    green += share * rgb[z, x, 1]
                    blue += share * rgb[z, x, 2]
                if left <= ZERO or layer == _LAYERS:
                    break
                if layer == _FOCUS - 1 and in_focus and _is_slope(coc, z, x):
                    continue
                if layer > last_own and not closed:
                    closed = True
                    left *= opening[U(z - y0), U(x - x0)]
                at = U(layer * wide) + q
                coverage = rows[at + COVER]
                if coverage < (F(_LEAST_COVERAGE) if layer == _HIDDEN else F(_ROUNDING)):
                    continue
                taken = left if layer == _HIDDEN else min(coverage, left)
                share = taken / coverage
                left -= taken
                total += taken
                red += share * rows[at]
                green += share * rows[at + GREEN]
                blue += share * rows[at + BLUE]
            if total > F(_LEAST_TOTAL):
                scale = ONE / total
                out[z, x, 0] = red * scale
                out[z, x, 1] = green * scale
                out[z, x, 2] = blue * scale
            else:
                out[z, x, 0] = rgb[z, x, 0]
                out[z, x, 1] = rgb[z, x, 1]
                out[z, x, 2] = rgb[z, x, 2]
