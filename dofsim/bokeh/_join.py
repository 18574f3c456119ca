"""What rays saw is put together, and the small lights are added, each as one disc."""

from __future__ import annotations

import numpy as np
from numba import njit

from dofsim._kept import kept
from dofsim.bokeh._disc import HALF, KERNEL, ONE, PART, QUARTER, TWO, ZERO, F
from dofsim.bokeh._edges import FAR
from dofsim.bokeh._rays import reach_of_mean
from dofsim.bokeh._trace import MISSED, TINY, trace
from dofsim.bokeh.plan import BACK, FRONT, SQUARE, TILE


@njit(**PART)
def _mean(wide, side, number, y, x, height, width, radius):  # type: ignore[no-untyped-def]
    """Mean light and share, on one side of the focus, of the pixels within a share of a radius of (y, x)."""
    n = reach_of_mean(radius)
    red, green, blue, total, count = ZERO, ZERO, ZERO, ZERO, ZERO
    for yy in range(max(y - n, 0), min(y + n + 1, height)):
        for xx in range(max(x - n, 0), min(x + n + 1, width)):
            square = number[yy // SQUARE, xx // SQUARE]
            if square >= 0:
                k = (yy % SQUARE) * SQUARE + xx % SQUARE
                red += wide[side, square, k, 0]
                green += wide[side, square, k, 1]
                blue += wide[side, square, k, 2]
                total += wide[side, square, k, 3]
                count += ONE
    scale = ONE / count
    return red * scale, green * scale, blue * scale, total * scale


@kept(**KERNEL)
def join_tiles(wide, radius, number, top, bottom, left, right, out):  # type: ignore[no-untyped-def]
    """Put together what :func:`ray_tiles` saw: what is blurred widely is the mean of all pixels around.

    Nothing changes faster there than over its radius, and neighbours have different rays: together they have many. What
    a sharper surface lets through of the back may change from pixel to pixel, and so only its colour is a mean.
    """
    height, width, _ = out.shape
    cells = TILE // SQUARE
    for j in range(top * cells, bottom * cells):
        for i in range(left * cells, right * cells):
            square = number[j, i]
            if square < 0:
                continue
            for y in range(j * SQUARE, min((j + 1) * SQUARE, height)):
                for x in range(i * SQUARE, min((i + 1) * SQUARE, width)):
                    k = (y % SQUARE) * SQUARE + x % SQUARE
                    front, back = wide[FRONT, square, k, 3], wide[BACK, square, k, 3]
                    if front + back <= ZERO:
                        continue
                    r, g, b, share = _mean(wide, FRONT, number, y, x, height, width, radius[FRONT, square, k])
                    red, green, blue, total = _mean(wide, BACK, number, y, x, height, width, radius[BACK, square, k])
                    scale = back / total if total > ZERO else ZERO
                    rest = ONE - front
                    if rest > F(TINY):
                        scale *= (ONE - share) / rest
                        kept = (ONE - share) / rest
                        lost = ONE
                    else:
                        kept = ONE
                        lost = ONE / share
                    out[y, x, 0] = kept * out[y, x, 0] + scale * red + lost * r
                    out[y, x, 1] = kept * out[y, x, 1] + scale * green + lost * g
                    out[y, x, 2] = kept * out[y, x, 2] + scale * blue + lost * b


@njit(**PART)
def _light_at(pupil, radius, behind, y, x, stop_y, stop_x):  # type: ignore[no-untyped-def]
    """Light that the image of a point has (y, x) from its middle; ``stop``: middle of the cat's eye, px."""
    side = len(pupil[0])
    light = ZERO
    if side == 0:
        light = min(max(radius + HALF - np.sqrt(F(y * y + x * x)), ZERO), ONE)
    else:
        scale = F(side) / (TWO * (radius if behind else -radius))
        for k in range(16):
            v = int(np.floor((F(y) + QUARTER * F(k // 4) - F(0.375)) * scale + HALF * F(side)))
            u = int(np.floor((F(x) + QUARTER * F(k % 4) - F(0.375)) * scale + HALF * F(side)))
            if 0 <= v < side and 0 <= u < side:
                light += F(1 / 16) * pupil[0 if behind else 1, v, u]
    if stop_y != ZERO or stop_x != ZERO:
        beside = np.sqrt((F(y) - stop_y) ** 2 + (F(x) - stop_x) ** 2)
        light *= min(max(radius + HALF - beside, ZERO), ONE)
    return light


@kept(**KERNEL)
def add_lights(  # type: ignore[no-untyped-def]
    lights, surfaces, number, lowest, top, bottom, left, right, pupil, cats_eye, out
):
    """Add the small lights to the layered squares of a box of tiles, wherever no nearer surface hides them.

    ``lights``: float32 (n, 6), y, x, coc, colour. ``pupil``: float32 (2, side, side), light that passes the aperture,
    from behind the focus and from in front of it; (2, 0, 0) for a disc.
    """
    _, coc, away, far, _, cell, jump, mixed, share, near, _, _, _, _ = surfaces
    height, width = coc.shape
    shift = cats_eye * TWO / np.sqrt(F(height * height + width * width))
    y0, y1, x0, x1 = top * TILE, min(bottom * TILE, height), left * TILE, min(right * TILE, width)
    for n in range(len(lights)):
        cy, cx, c = int(lights[n, 0]), int(lights[n, 1]), lights[n, 2]
        radius, behind = abs(c), c > ZERO
        stop_y, stop_x = (HALF * F(height - 1) - F(cy)) * shift * c, (HALF * F(width - 1) - F(cx)) * shift * c
        reach = int(radius + ONE)
        total = ZERO
        for y in range(-reach, reach + 1):
            for x in range(-reach, reach + 1):
                total += _light_at(pupil, radius, behind, y, x, stop_y, stop_x)
        if total <= ZERO:
            continue
        for y in range(max(cy - reach, y0), min(cy + reach + 1, y1)):
            for x in range(max(cx - reach, x0), min(cx + reach + 1, x1)):
                light = _light_at(pupil, radius, behind, y - cy, x - cx, stop_y, stop_x)
                if light <= ZERO or number[y // SQUARE, x // SQUARE] < 0:
                    continue
                first = lowest[y // TILE, x // TILE] - F(TINY)
                v, u = F(y - cy) / c, F(x - cx) / c
                per_y, per_x = abs(ONE / v) if v != ZERO else F(FAR), abs(ONE / u) if u != ZERO else F(FAR)
                met, found, _, _ = trace(
                    coc, away, far, cell, jump, mixed, share, near, F(y), F(x), v, u, per_y, per_x,
                    np.sqrt(v * v + u * u), first, c - jump, -ONE,
                )  # fmt: skip
                if met == MISSED or found >= c - jump:
                    for k in range(3):
                        out[y, x, k] += light / total * lights[n, 3 + k]
