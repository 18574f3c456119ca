"""The full-resolution pass: sources of small radius, pixels in focus, and the final composite, one band at a time."""

from __future__ import annotations

import numpy as np
from numba import njit

from dofsim.bokeh._composite import expand_row, upsample_row
from dofsim.bokeh._disc import KERNEL, F, U, centred_row, fold, luminance, sum_row
from dofsim.bokeh._edges import opening_at
from dofsim.bokeh._lights import is_light, light_coc
from dofsim.bokeh.plan import BACK, FINE_RADIUS, FINE_SPLITS, FRONT, HIDDEN, IN_FOCUS_RADIUS, MARGIN, OWN_RADIUS
from dofsim.bokeh.spans import RADIUS_STEPS

_REACH = FINE_RADIUS + 1
_RING = 32
_LAYERS = 2 * (len(FINE_SPLITS) + 1)


@njit(inline="always")
def take(coverage, left):  # type: ignore[no-untyped-def]
    """Factor on the light of a layer that may take what is ``left`` of the pixel, and what it takes."""
    taken = min(max(coverage, F(0)), left)
    return taken / max(coverage, F(1e-4)), taken


@njit(inline="always")
def layer_of(c):  # type: ignore[no-untyped-def]
    """Fine layer of a source, from front to back: 0 .. 2 in front of the focus, then as many behind it."""
    r = abs(c)
    layer = 0
    for split in FINE_SPLITS:
        if r >= split:
            layer += 1
    return len(FINE_SPLITS) - layer if c < F(0) else len(FINE_SPLITS) + 1 + layer


@njit(**KERNEL)
def fine_band(rgb, coc, opening, first, last, plan, table, acc, live, out):  # type: ignore[no-untyped-def]
    """Render rows ``first .. last`` of the picture into ``out``.

    For every layer a ring of rows holds the differences of its sources; a row leaves its ring when every source that
    reaches it has been drawn, and is composited with the coarser layers from front to back.
    """
    height, width = plan.height, plan.width
    stride = (width + 2 * MARGIN + 2) * 4
    ring = np.zeros(_LAYERS * _RING * stride, np.float32)
    rows = np.zeros((_LAYERS, width * 4), np.float32)
    coarse = np.zeros((plan.padded_width // 2 + 4) * 4, np.float32)
    fine = np.zeros((3, (plan.padded_width + 8) * 4), np.float32)
    has = np.zeros(3, np.bool_)
    active = np.zeros(_LAYERS, np.bool_)
    newest = np.full(_LAYERS, first - 1000)
    for y in range(first - _REACH, last + _REACH):
        ys = fold(y, height)
        for x in range(width):
            c = coc[ys, x]
            r = abs(c)
            if r >= F(FINE_RADIUS) or r < F(IN_FOCUS_RADIUS):
                continue
            if is_light(rgb, ys, x, luminance(rgb, ys, x)):
                snapped = light_coc(rgb, coc, ys, x)
                if F(IN_FOCUS_RADIUS) <= abs(snapped) < F(FINE_RADIUS):
                    c = snapped
                    r = abs(c)
            layer = layer_of(c)
            newest[layer] = y
            i = int(r * F(RADIUS_STEPS) + F(0.5))
            exact = F(i) / F(RADIUS_STEPS)
            weight = F(1) / (F(np.pi) * exact * exact)
            red = rgb[ys, x, 0] * weight
            green = rgb[ys, x, 1] * weight
            blue = rgb[ys, x, 2] * weight
            at = layer * _RING * stride + (x + MARGIN) * 4
            own = at + (y & (_RING - 1)) * stride
            centred_row(ring, own, table.start[i, 0] * 4, table.first[i, 0], table.second[i, 0], red, green, blue, weight)
            for d in range(1, table.rows[i] + 1):
                start = table.start[i, d] * 4
                a = table.first[i, d]
                b = table.second[i, d]
                centred_row(ring, at + ((y - d) & (_RING - 1)) * stride, start, a, b, red, green, blue, weight)
                centred_row(ring, at + ((y + d) & (_RING - 1)) * stride, start, a, b, red, green, blue, weight)
        z = y - _REACH
        for layer in range(_LAYERS):
            active[layer] = newest[layer] >= z - _REACH
            if active[layer]:
                row = (layer * _RING + (z & (_RING - 1))) * stride
                if z >= first:
                    sum_row(ring, row, width, MARGIN, rows[layer])
                ring[row : row + stride] = F(0)
        if z < first:
            continue
        for group in range(3):
            has[group] = upsample_row(acc, plan, live, group, 1, z, coarse)
            if has[group]:
                expand_row(coarse, plan.padded_width >> 1, fine[group])
        for x in range(width):
            q = U(x * 4)
            left = F(1)
            total = F(0)
            red = F(0)
            green = F(0)
            blue = F(0)
            own = coc[z, x]
            # The last layer that may still belong to the pixel's own surface; past it, light comes through openings.
            last_own = layer_of(own) + 1
            if own <= F(-FINE_RADIUS):
                last_own = 0 if own > F(-2 * FINE_RADIUS) else -1
            if has[FRONT]:
                total = min(fine[FRONT, q + U(3)], F(1))
                left -= total
                red = fine[FRONT, q]
                green = fine[FRONT, q + U(1)]
                blue = fine[FRONT, q + U(2)]
            if last_own < 0 and left > F(0):
                left *= opening_at(opening, plan.cell, z, x)
            for layer in range(_LAYERS):
                if layer == _LAYERS // 2 and abs(own) < F(IN_FOCUS_RADIUS):
                    red += left * rgb[z, x, 0]
                    green += left * rgb[z, x, 1]
                    blue += left * rgb[z, x, 2]
                    total += left
                    left = F(0)
                if active[layer]:
                    share, taken = take(rows[layer, q + U(3)], left)
                    left -= taken
                    total += taken
                    red += share * rows[layer, q]
                    green += share * rows[layer, q + U(1)]
                    blue += share * rows[layer, q + U(2)]
                if layer == _LAYERS // 2 and F(0) < left and abs(own) < F(OWN_RADIUS):
                    # A nearly sharp pixel beside sharp ones gives light away and gets none back; what it lacks is its
                    # own, not a far surface's, or thin lines of the background would shine through.
                    share = left * min((F(OWN_RADIUS) - abs(own)) * F(1.0 / (OWN_RADIUS - 1.0)), F(1))
                    left -= share
                    total += share
                    red += share * rgb[z, x, 0]
                    green += share * rgb[z, x, 1]
                    blue += share * rgb[z, x, 2]
                if layer == last_own and left > F(0):
                    left *= opening_at(opening, plan.cell, z, x)
            if has[BACK]:
                share, taken = take(fine[BACK, q + U(3)], left)
                left -= taken
                total += taken
                red += share * fine[BACK, q]
                green += share * fine[BACK, q + U(1)]
                blue += share * fine[BACK, q + U(2)]
            if has[HIDDEN] and left > F(0):
                if last_own >= _LAYERS:
                    left *= opening_at(opening, plan.cell, z, x)
                coverage = fine[HIDDEN, q + U(3)]
                if coverage > F(1e-3):
                    share = left / coverage
                    total += left
                    red += share * fine[HIDDEN, q]
                    green += share * fine[HIDDEN, q + U(1)]
                    blue += share * fine[HIDDEN, q + U(2)]
            if total > F(1e-4):
                scale = F(1) / total
                out[z, x, 0] = red * scale
                out[z, x, 1] = green * scale
                out[z, x, 2] = blue * scale
            else:
                out[z, x, 0] = rgb[z, x, 0]
                out[z, x, 1] = rgb[z, x, 1]
                out[z, x, 2] = rgb[z, x, 2]
