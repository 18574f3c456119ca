"""The full-resolution pass: sources of small radius, pixels in focus, and the final composite, one band at a time."""

from __future__ import annotations

import numpy as np
from numba import njit

from dofsim.bokeh._composite import expand_row, upsample_row
from dofsim.bokeh._disc import KERNEL, PART, F, U, centred_row, fold, luminance, sum_row
from dofsim.bokeh._edges import opening_at
from dofsim.bokeh._lights import LIGHT_LEVEL, is_light, light_coc
from dofsim.bokeh.plan import BACK, FINE_RADIUS, FINE_SPLITS, FRONT, GROUPS, IN_FOCUS_RADIUS, MARGIN, OWN_RADIUS
from dofsim.bokeh.spans import RADIUS_STEPS

_REACH = FINE_RADIUS + 1
_RING = 32
_BLOCK = 64

# Layers from front to back: the coarse front, three fine ones in front of the focus, three behind it, the coarse back,
# and the hidden surfaces.
_FINE = range(1, 2 * len(FINE_SPLITS) + 3)
_FOCUS = len(FINE_SPLITS) + 2
_COARSE_FRONT, _COARSE_BACK, _HIDDEN = 0, _FINE.stop, _FINE.stop + 1
_LAYERS = _HIDDEN + 1
_FIRST_FINE, _END_FINE = _FINE.start, _FINE.stop


@njit(**PART)
def layer_of(c):  # type: ignore[no-untyped-def]
    """Fine layer of a source; a larger radius than any of theirs counts as the outermost."""
    r = abs(c)
    steps = 0
    for split in FINE_SPLITS:
        if r >= split:
            steps += 1
    return _FOCUS - 1 - steps if c < F(0) else _FOCUS + steps


@njit(**KERNEL)
def fine_band(rgb, coc, opening, first, last, plan, table, acc, live, out):  # type: ignore[no-untyped-def]
    """Render rows ``first .. last`` of the picture into ``out``.

    For every layer a ring of rows holds the differences of its sources; a row leaves its ring when every source that
    reaches it has been drawn, and is composited with the coarser layers from front to back.
    """
    height, width = plan.height, plan.width
    stride = (width + 2 * MARGIN + 2) * 4
    ring = np.zeros(_END_FINE * _RING * stride, np.float32)
    rows = np.zeros((_LAYERS, max(width, plan.padded_width) * 4), np.float32)
    coarse = np.zeros((plan.padded_width // 2 + 4) * 4, np.float32)
    newest = np.full(_END_FINE, first - 1000)
    blocks = (width + _BLOCK - 1) // _BLOCK
    drawn = np.zeros((_END_FINE, _RING, blocks), np.bool_)
    active = np.zeros((_LAYERS, blocks), np.bool_)
    for y in range(first - _REACH, last + _REACH):
        drawn[:, y & (_RING - 1)] = False
        _draw_row(rgb, coc, fold(y, height), y & (_RING - 1), y, table, ring, stride, newest, drawn)
        z = y - _REACH
        for layer in range(_FIRST_FINE, _END_FINE):
            active[layer] = False
            if newest[layer] >= z - _REACH:
                row = (layer * _RING + (z & (_RING - 1))) * stride
                if z >= first:
                    _find_active(drawn[layer], z, active[layer])
                    _sum_blocks(ring, row, width, active[layer], rows[layer])
                ring[row : row + stride] = F(0)
        if z < first:
            continue
        for group in range(GROUPS):
            layer = _COARSE_FRONT if group == FRONT else (_COARSE_BACK if group == BACK else _HIDDEN)
            active[layer] = upsample_row(acc, plan, live, group, np.int64(1), z, coarse)
            if active[layer, 0]:
                expand_row(coarse, plan.padded_width >> 1, rows[layer])
        _composite_row(rgb, coc, opening, z, plan.cell, rows, active, out)


@njit(**PART)
def _draw_row(rgb, coc, ys, slot, y, table, ring, stride, newest, drawn):  # type: ignore[no-untyped-def]
    """Draw the small discs of one row of the picture into the rings, around ring row ``slot``."""
    starts, firsts, seconds, counts = table.start, table.first, table.second, table.rows
    for x in range(coc.shape[1]):
        c = coc[ys, x]
        r = abs(c)
        if r >= F(FINE_RADIUS) or r < F(IN_FOCUS_RADIUS):
            continue
        level = luminance(rgb, ys, x)
        if level >= F(LIGHT_LEVEL) and is_light(rgb, ys, x, level):
            snapped = light_coc(rgb, coc, ys, x)
            if F(IN_FOCUS_RADIUS) <= abs(snapped) < F(FINE_RADIUS):
                c = snapped
                r = abs(c)
        layer = layer_of(c)
        newest[layer] = y
        drawn[layer, slot, x // _BLOCK] = True
        i = U(r * F(RADIUS_STEPS) + F(0.5))
        exact = F(i) / F(RADIUS_STEPS)
        weight = F(1) / (F(np.pi) * exact * exact)
        red = rgb[ys, x, 0] * weight
        green = rgb[ys, x, 1] * weight
        blue = rgb[ys, x, 2] * weight
        at = layer * _RING * stride + (x + MARGIN) * 4
        for d in range(-counts[i], counts[i] + 1):
            k = U(abs(d))
            row = at + ((slot + d) & (_RING - 1)) * stride
            centred_row(ring, row, starts[i, k] * 4, firsts[i, k], seconds[i, k], red, green, blue, weight)


@njit(**PART)
def _find_active(drawn, z, active):  # type: ignore[no-untyped-def]
    """Mark the blocks of row ``z`` that a disc of the layer may touch: drawn within reach, in it or beside it."""
    blocks = active.shape[0]
    for y in range(z - _REACH, z + _REACH + 1):
        slot = y & (_RING - 1)
        for b in range(blocks):
            if drawn[slot, b]:
                active[max(b - 1, 0)] = True
                active[b] = True
                active[min(b + 1, blocks - 1)] = True


@njit(**PART)
def _sum_blocks(ring, row, width, active, out):  # type: ignore[no-untyped-def]
    """Sum a ring row over its runs of active blocks; every span starts and ends inside one run."""
    blocks = active.shape[0]
    b = 0
    while b < blocks:
        if not active[b]:
            b += 1
            continue
        end = b
        while end < blocks and active[end]:
            end += 1
        first = b * _BLOCK
        columns = min(end * _BLOCK, width) - first
        before = MARGIN if b == 0 else 0
        after = MARGIN if end == blocks else 0
        sum_row(ring, row + (first + MARGIN - before) * 4, columns, before, after, out[first * 4 :])
        b = end


@njit(**PART)
def _composite_row(rgb, coc, opening, z, cell, rows, active, out):  # type: ignore[no-untyped-def]
    """Composite row ``z`` from front to back; a layer takes its coverage, or what the nearer ones have left of it."""
    present = np.empty(_LAYERS + 1, np.int64)
    count = 0
    for x in range(coc.shape[1]):
        if x % _BLOCK == 0:
            count = 0
            for layer in range(_LAYERS):
                if active[layer, x // _BLOCK]:
                    present[count] = layer
                    count += 1
            present[count] = _LAYERS
        q = U(x * 4)
        own = coc[z, x]
        left = F(1)
        total = F(0)
        red = F(0)
        green = F(0)
        blue = F(0)
        # The last layer that may still belong to the pixel's own surface; past it, light comes through openings.
        last_own = layer_of(own) + 1
        if own <= F(-FINE_RADIUS):
            last_own = _FIRST_FINE if own > F(-2 * FINE_RADIUS) else _COARSE_FRONT
        closed = False
        own_done = False
        for k in range(count + 1):
            layer = present[k]
            if (layer > _FOCUS and not own_done) or (layer >= _FOCUS and abs(own) < F(IN_FOCUS_RADIUS)):
                # What a pixel in focus has left is its own. A nearly sharp one beside sharp ones gives light away and
                # gets none back: what it lacks is its own too, or thin lines of the background would shine through.
                own_done = True
                share = left
                if abs(own) >= F(IN_FOCUS_RADIUS):
                    share *= min(max((F(OWN_RADIUS) - abs(own)) * F(1.0 / (OWN_RADIUS - 1.0)), F(0)), F(1))
                left -= share
                total += share
                red += share * rgb[z, x, 0]
                green += share * rgb[z, x, 1]
                blue += share * rgb[z, x, 2]
            if left <= F(0) or layer == _LAYERS:
                break
            if layer > last_own and not closed:
                closed = True
                left *= opening_at(opening, cell, z, x)
            coverage = rows[U(layer), q + U(3)]
            taken = min(max(coverage, F(0)), left)
            if layer == _HIDDEN:
                taken = left if coverage > F(1e-3) else F(0)
            share = taken / max(coverage, F(1e-4))
            left -= taken
            total += taken
            red += share * rows[U(layer), q]
            green += share * rows[U(layer), q + U(1)]
            blue += share * rows[U(layer), q + U(2)]
        if total > F(1e-4):
            scale = F(1) / total
            out[z, x, 0] = red * scale
            out[z, x, 1] = green * scale
            out[z, x, 2] = blue * scale
        else:
            out[z, x, 0] = rgb[z, x, 0]
            out[z, x, 1] = rgb[z, x, 1]
            out[z, x, 2] = rgb[z, x, 2]
