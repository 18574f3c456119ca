"""Large discs near edges: squares of one octave become one source each, on the grid that suits their radius.

Every layer (an octave of the radius on one side of the focus plane) is drawn by a call of its own. It walks over the
pyramid of cells and draws a cell as one disc where its range lies inside the octave; where it does not, the pixels
of the octave that share a cell of edges are merged at their centroid.
"""

from __future__ import annotations

from numba import njit

from dofsim._kept import kept
from dofsim.bokeh._disc import HALF, KERNEL, ONE, PART, TWO, ZERO, F, add_disc, border_mix, fold
from dofsim.bokeh._shape import add_shape
from dofsim.bokeh.plan import BORDER, FINE_RADIUS, FRONT, LARGEST_DRAWN, MARGIN, PATCH, TILE
from dofsim.bokeh.spans import PHASES


@njit(**PART)
def _draw(acc, stride, touched, level, y, x, c, red, green, blue, count, table, shape):  # type: ignore[no-untyped-def]
    """Draw ``count`` px with the coc ``c`` px at (y, x), px of the picture, 0 = middle of its first pixel.

    ``touched``: uint8 (rows, columns) of PATCH cells, margins included; marks where something is drawn.
    """
    scale = ONE / F(1 << level)
    cy = F(MARGIN) + (F(y) + HALF) * scale - HALF
    cx = F(MARGIN) + (F(x) + HALF) * scale - HALF
    # On a coarse grid a disc is as wide as a cell at least.
    radius = min(max(abs(c) * scale, HALF), F(LARGEST_DRAWN))
    weight = count * scale * scale
    if shape is None:
        add_disc(acc, stride, cy, cx, radius, red, green, blue, weight, table)
    else:
        steps = int(cy * F(PHASES) + HALF)
        row, phase = steps // PHASES, steps % PHASES
        red, green, blue = red * weight, green * weight, blue * weight
        add_shape(acc, 0, stride, -1, row, cx + HALF, phase, c, radius, y, x, red, green, blue, weight, shape)
    reach = int(radius) + 2
    for j in range(max(int(cy) - reach, 0) // PATCH, (int(cy) + reach) // PATCH + 1):
        for i in range(max(int(cx) - reach, 0) // PATCH, (int(cx) + reach) // PATCH + 1):
            touched[j, i] = 1


@kept(**KERNEL)
def draw_sources(sources, count, level, stride, acc, touched, table, shape):  # type: ignore[no-untyped-def]
    """Draw listed sources on a level: float32 (n, 6) of y, x, coc (px), red, green, blue, ``count`` px each.

    ``acc``: flat float32 accumulator of the level with MARGIN cells around it, ``stride`` floats a row; ``touched``:
    uint8 (rows, columns) of its PATCH cells; marks where something is drawn.
    """
    for n in range(sources.shape[0]):
        _draw(
            acc, stride, touched, level, sources[n, 0], sources[n, 1], sources[n, 2],
            sources[n, 3], sources[n, 4], sources[n, 5], count, table, shape,
        )  # fmt: skip


@njit(**PART)
def _draw_mixed(rgb, coc, top, left, side, sign, least, most, level, acc, stride, touched, table, shape):  # type: ignore[no-untyped-def]
    """Draw the pixels with a radius in ``least .. most`` among ``side`` x ``side`` px, merged into one source."""
    height, width, _ = rgb.shape
    count = ZERO
    red, green, blue = ZERO, ZERO, ZERO
    total, down, across = ZERO, ZERO, ZERO
    for dy in range(side):
        for dx in range(side):
            y, x = fold(top + dy, height), fold(left + dx, width)
            c = coc[y, x] * sign
            if least <= c < most:
                r, g, b = rgb[y, x, 0], rgb[y, x, 1], rgb[y, x, 2]
                if y != top + dy or x != left + dx:
                    r, g, b = border_mix(rgb, coc, top + dy, left + dx, r, g, b)
                count += ONE
                red += r
                green += g
                blue += b
                total += c
                down += F(dy)
                across += F(dx)
    if count > ZERO:
        n = ONE / count
        _draw(
            acc, stride, touched, level, F(top) + down * n, F(left) + across * n, total * n * sign,
            red * n, green * n, blue * n, count, table, shape,
        )  # fmt: skip


@kept(**KERNEL)
def coarse_layer(  # type: ignore[no-untyped-def]
    rgb, coc, cells, spans, fine_spans, fine_side, side, apart, group, is_last, level, stride, acc, touched, table,
    shape,
):  # fmt: skip
    """Draw the layer of one level (>= 1) of the FRONT or the BACK, where it can reach tiles that need layers.

    ``cells``, ``spans``: means and ranges of the squares of ``side`` px, those of the level (``cells``, float32
    (rows, columns, 4), is empty where there are none), or of the cells of edges if these are larger; ``fine_spans``:
    ranges of the latter, of ``fine_side`` px; ``apart``: px from each tile to the nearest with layers; ``is_last``:
    the level takes all larger radii too; ``acc``, ``stride``, ``touched``: see :func:`draw_sources`.
    """
    sign = ONE - TWO * F(group == FRONT)
    least = F(FINE_RADIUS << (level - 1))
    most = F(1e30) if is_last else F(FINE_RADIUS << level)
    inner = side // fine_side
    step = min(fine_side, 1 << level)
    rows, columns = spans.shape[0], spans.shape[1]
    # Squares outside the picture whose discs reach into it.
    around = min((FINE_RADIUS << level) // side + 2, BORDER)
    for top in range(-around, rows + around):
        for left in range(-around, columns + around):
            j, i = fold(top, rows), fold(left, columns)
            low, high = spans[j, i, 0] * sign, spans[j, i, 1] * sign
            low, high = min(low, high), max(low, high)
            if high < least or low >= most:
                continue
            if side <= TILE and apart[j * side // TILE, i * side // TILE] > high:
                continue
            if cells.shape[0] > 0 and low >= least and high < most and spans[j, i, 2] == ZERO:
                middle = HALF * F(side - 1)
                red, green, blue = cells[j, i, 0], cells[j, i, 1], cells[j, i, 2]
                if top != j or left != i:
                    y, x = min(max(top, 0), rows - 1), min(max(left, 0), columns - 1)
                    if spans[y, x, 2] == ZERO:
                        red, green = HALF * (red + cells[y, x, 0]), HALF * (green + cells[y, x, 1])
                        blue = HALF * (blue + cells[y, x, 2])
                _draw(
                    acc, stride, touched, level, F(top * side) + middle, F(left * side) + middle, cells[j, i, 3],
                    red, green, blue, F(side) * F(side), table, shape,
                )  # fmt: skip
                continue
            for b in range(top * inner, (top + 1) * inner):
                for a in range(left * inner, (left + 1) * inner):
                    inside_b, inside_a = fold(b, fine_spans.shape[0]), fold(a, fine_spans.shape[1])
                    low, high = fine_spans[inside_b, inside_a, 0] * sign, fine_spans[inside_b, inside_a, 1] * sign
                    if max(low, high) < least or min(low, high) >= most:
                        continue
                    for y in range(b * fine_side, (b + 1) * fine_side, step):
                        for x in range(a * fine_side, (a + 1) * fine_side, step):
                            _draw_mixed(
                                rgb, coc, y, x, step, sign, least, most, level, acc, stride, touched, table, shape
                            )
