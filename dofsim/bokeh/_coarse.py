"""Large discs near edges: squares of one octave become one source each, on the grid that suits their radius.

Every layer (an octave of the radius on one side of the focus plane) is drawn by a call of its own. It walks over the
pyramid of cells and draws a cell as one disc where its range lies inside the octave; where it does not, the pixels
of the octave that share a cell of edges are merged at their centroid. Lights are drawn unmerged, see ``_lights``.
"""

from __future__ import annotations

from numba import njit

from dofsim.bokeh._disc import KERNEL, PART, F, U, add_disc, fold
from dofsim.bokeh._lights import brightness, is_light, light_coc
from dofsim.bokeh._survey import cell_mean
from dofsim.bokeh.plan import FINE_RADIUS, FRONT, LARGEST_DRAWN, MARGIN, PATCH, TILE

LIGHT_STEPS = 2
"""A light is drawn so many levels finer than its radius asks for, lest its disc lose its shape."""


@njit(**PART)
def level_of(radius, levels):  # type: ignore[no-untyped-def]
    """Level whose grid shows this radius (px, >= FINE_RADIUS) as 4..8 px."""
    level = 1
    limit = F(2 * FINE_RADIUS)
    while radius >= limit and level < levels:
        level += 1
        limit *= F(2)
    return level


@njit(**PART)
def draw(acc, stride, touched, level, y, x, radius, red, green, blue, count, table):  # type: ignore[no-untyped-def]
    """Draw ``count`` px as one disc of ``radius`` px around (y, x), px of the picture, 0 = middle of its first pixel.

    ``touched``: uint8 (rows, columns) of PATCH cells, margins included; marks where something is drawn.
    """
    scale = F(1) / F(1 << level)
    cy = F(MARGIN) + (F(y) + F(0.5)) * scale - F(0.5)
    cx = F(MARGIN) + (F(x) + F(0.5)) * scale - F(0.5)
    # On a coarse grid a disc is as wide as a cell at least.
    radius = min(max(radius * scale, F(0.5)), F(LARGEST_DRAWN))
    add_disc(acc, stride, cy, cx, radius, red, green, blue, count * scale * scale, table)
    reach = int(radius) + 2
    for j in range(max(int(cy) - reach, 0) // PATCH, (int(cy) + reach) // PATCH + 1):
        for i in range(max(int(cx) - reach, 0) // PATCH, (int(cx) + reach) // PATCH + 1):
            touched[j, i] = 1


@njit(**PART)
def _draw_mixed(  # type: ignore[no-untyped-def]
    rgb, coc, top, left, side, has_light, sign, level, levels, acc, stride, touched, table
):
    """Draw the pixels of one octave among the ``side`` x ``side`` px from (top, left) on, merged into one source."""
    height, width, _ = rgb.shape
    count = F(0)
    red, green, blue = F(0), F(0), F(0)
    total, down, across = F(0), F(0), F(0)
    for dy in range(side):
        ys = fold(top + dy, height)
        for dx in range(side):
            xs = fold(left + dx, width)
            c = coc[ys, xs] * sign
            if has_light and is_light(rgb, ys, xs, brightness(rgb, ys, xs)):
                c = light_coc(rgb, coc, ys, xs) * sign
                finer = level_of(c, levels) - LIGHT_STEPS if c >= F(FINE_RADIUS) else 0
                if finer == level:
                    draw(
                        acc, stride, touched, level, F(top + dy), F(left + dx), c,
                        rgb[ys, xs, 0], rgb[ys, xs, 1], rgb[ys, xs, 2], F(1), table,
                    )  # fmt: skip
                continue
            if c < F(FINE_RADIUS) or level_of(c, levels) != level:
                continue
            count += F(1)
            red += rgb[ys, xs, 0]
            green += rgb[ys, xs, 1]
            blue += rgb[ys, xs, 2]
            total += c
            down += F(dy)
            across += F(dx)
    if count > F(0):
        n = F(1) / count
        draw(
            acc, stride, touched, level, F(top) + down * n, F(left) + across * n, total * n,
            red * n, green * n, blue * n, count, table,
        )  # fmt: skip


@njit(**KERNEL)
def coarse_layer(  # type: ignore[no-untyped-def]
    rgb, coc, cells, starts, spans, span_starts, cell_level, padded, apart, group, level, table, acc, touched
):
    """Draw the layer of one level (>= 1) of the FRONT or the BACK, where it can reach tiles that need layers.

    ``cells``, ``spans``: see ``_survey``; ``starts``, ``span_starts``: first cell of each of their levels; ``padded``:
    (height, width) of level 0; ``apart``: px from each tile to the nearest with layers; ``acc``: flat float32
    accumulator of the level with MARGIN cells around it; ``touched``: see :func:`draw`.
    """
    levels = starts.shape[0] - 2
    stride = ((padded[1] >> level) + 2 * MARGIN + 2) * 4
    sign = F(-1) if group == FRONT else F(1)
    least = F(FINE_RADIUS << (level - 1))
    most = F(FINE_RADIUS << level) if level < levels else F(1e30)
    # Above the cells of edges every square is looked at as a whole first, then by those cells.
    whole = max(level, cell_level)
    inner = 1 << (whole - cell_level)
    side = 1 << cell_level
    columns = padded[1] >> whole
    fine_columns = padded[1] >> cell_level
    for j in range(padded[0] >> whole):
        for i in range(columns):
            p = U((span_starts[whole] + j * columns + i) * 3)
            low, high = spans[p] * sign, spans[p + U(1)] * sign
            if sign < F(0):
                low, high = high, low
            has_light = spans[p + U(2)] != F(0)
            if high < least and not has_light:
                continue
            if low >= most and not has_light:
                continue
            if whole <= 5 and apart[(j << whole) // TILE, (i << whole) // TILE] > high:
                continue
            if whole == level and not has_light and low >= least and high < most:
                middle = F(0.5) * F((1 << whole) - 1)
                red, green, blue, c = cell_mean(rgb, coc, cells, starts[whole], columns, whole, j, i)
                draw(
                    acc, stride, touched, level, F(j << whole) + middle, F(i << whole) + middle, c * sign,
                    red, green, blue, F(1 << whole) * F(1 << whole), table,
                )  # fmt: skip
                continue
            for b in range(j * inner, (j + 1) * inner):
                for a in range(i * inner, (i + 1) * inner):
                    q = U((b * fine_columns + a) * 3)
                    low, high = spans[q] * sign, spans[q + U(1)] * sign
                    if sign < F(0):
                        low, high = high, low
                    lit = spans[q + U(2)] != F(0)
                    if not lit and (high < least or low >= most):
                        continue
                    if not lit and low >= least and high < most and level >= cell_level:
                        middle = F(0.5) * F(side - 1)
                        red, green, blue, c = cell_mean(
                            rgb, coc, cells, starts[cell_level], fine_columns, cell_level, b, a
                        )
                        draw(
                            acc, stride, touched, level, F(b * side) + middle, F(a * side) + middle, c * sign,
                            red, green, blue, F(side) * F(side), table,
                        )  # fmt: skip
                        continue
                    step = min(side, 1 << level)
                    for y in range(b * side, (b + 1) * side, step):
                        for x in range(a * side, (a + 1) * side, step):
                            _draw_mixed(rgb, coc, y, x, step, lit, sign, level, levels, acc, stride, touched, table)


@njit(**KERNEL)
def find_lights(rgb, coc, spans, columns, cell, levels, lights):  # type: ignore[no-untyped-def]
    """List the lights that are drawn at full resolution: float32 (n, 6) of y, x, coc, red, green, blue; returns n.

    ``spans``: ranges of the cells of edges, ``columns`` in a row of them. Nothing is written beyond the end of
    ``lights``.
    """
    height, width, _ = rgb.shape
    n = 0
    for j in range(-(-height // cell)):
        for i in range(-(-width // cell)):
            if spans[U((j * columns + i) * 3 + 2)] == F(0):
                continue
            for y in range(j * cell, min((j + 1) * cell, height)):
                for x in range(i * cell, min((i + 1) * cell, width)):
                    if not is_light(rgb, y, x, brightness(rgb, y, x)):
                        continue
                    c = light_coc(rgb, coc, y, x)
                    if abs(c) < F(FINE_RADIUS) or level_of(abs(c), levels) > LIGHT_STEPS:
                        continue
                    if n < lights.shape[0]:
                        lights[n, 0] = y
                        lights[n, 1] = x
                        lights[n, 2] = c
                        for k in range(3):
                            lights[n, 3 + k] = rgb[y, x, k]
                    n += 1
    return n
