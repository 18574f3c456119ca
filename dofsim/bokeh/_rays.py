"""Rays of the lens through (x, coc) space, where they are straight, and the surface that each one meets first.

A ray with the aperture coordinate u through pixel p stands at ``p - t u`` where the circle of confusion is t. It meets
the visible surface where ``coc = t``, or passes behind it at an edge, and may then meet the hidden surface (see
``_hidden``) or come out again. Pixel by pixel that is exact; far from edges one step goes as far as there is none.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from dofsim._kept import kept
from dofsim.bokeh._disc import HALF, KERNEL, ONE, PART, QUARTER, TWO, ZERO, F, fold
from dofsim.bokeh._edges import FAR
from dofsim.bokeh._survey import FIRST_LEVEL
from dofsim.bokeh.plan import BACK, BLOCK, FRONT, IN_FOCUS_RADIUS, TILE

NOTHING = -1e9
"""Coc where no hidden surface is known."""

MISSED, VISIBLE, HIDDEN_SURFACE = range(3)

_REFINED = 3
_TINY = 1e-3
_BLOCKS = TILE // BLOCK

SETS = 4
"""Squares of so many pixels have different sets of rays, so that what one leaves out the next one has."""

WIDE = 3.0
"""Radius, px, from which on something is blurred widely."""

_NEAR = 0.2
"""Share of a radius over which the picture of what it blurs hardly changes."""

_MOST_NEAR = 4


@njit(**PART)
def _pixel(at, size):  # type: ignore[no-untyped-def]
    """Index of the pixel that a reflecting border shows at the coordinate ``at``."""
    return fold(int(np.floor(at + HALF)), size)


@njit(**PART)
def trace(coc, away, far, cell, jump, y, x, v, u, t, last):  # type: ignore[no-untyped-def]
    """Follow the ray with the aperture coordinates (v, u) through (y, x), from ``t`` on, to what it meets first.

    ``away``: px from each pixel to the next edge, where the coc jumps by more than ``jump`` px from one pixel to the
    next; ``far``: coc of the hidden surface of each cell.

    Returns what was met before ``last`` is reached, its coc, and where (px, outside the picture too). A ray that meets
    nothing ends on the last surface in front of which it was seen.
    """
    height, width = coc.shape
    length = np.sqrt(v * v + u * u)
    per_y, per_x = abs(ONE / v) if v != ZERO else F(FAR), abs(ONE / u) if u != ZERO else F(FAR)
    way_y, way_x = (-1 if v > ZERO else 1), (-1 if u > ZERO else 1)
    seen = coc[_pixel(y, height), _pixel(x, width)]
    before = F(NOTHING)
    j, i = int(np.floor(y - t * v + HALF)), int(np.floor(x - t * u + HALF))
    # The t at which the ray leaves the pixel, on either axis.
    leave_y = t + (HALF + F(way_y) * (F(j) - y + t * v)) * per_y
    leave_x = t + (HALF + F(way_x) * (F(i) - x + t * u)) * per_x
    while t <= last:
        iy, ix = fold(j, height), fold(i, width)
        c = coc[iy, ix]
        leave = min(leave_y, leave_x)
        if c >= t:
            room = away[iy, ix] - ONE
            if (c - t) * length <= room:
                for _ in range(_REFINED):
                    c = coc[_pixel(y - c * v, height), _pixel(x - c * u, width)]
                return VISIBLE, c, y - c * v, x - c * u
            if c <= leave:
                return VISIBLE, c, y - c * v, x - c * u
            seen = c
            before = c
            if room > TWO:
                t += room / length
                j, i = int(np.floor(y - t * v + HALF)), int(np.floor(x - t * u + HALF))
                leave_y = t + (HALF + F(way_y) * (F(j) - y + t * v)) * per_y
                leave_x = t + (HALF + F(way_x) * (F(i) - x + t * u)) * per_x
                continue
        else:
            if before > F(NOTHING) and abs(c - before) <= jump:
                return VISIBLE, c, F(j), F(i)
            before = F(NOTHING)
            hidden = far[iy // cell, ix // cell]
            if hidden > c + jump and hidden <= leave:
                t = max(t, hidden)
                return HIDDEN_SURFACE, hidden, y - t * v, x - t * u
        t = leave
        if leave_y <= leave_x:
            j += way_y
            leave_y += per_y
        else:
            i += way_x
            leave_x += per_x
    return MISSED, seen, y - seen * v, x - seen * u


@njit(**PART)
def _colour(rgb, away, pyramid, starts, columns, reach, py, px):  # type: ignore[no-untyped-def]
    """Colour of the visible surface around a place: the mean of a cell of up to ``reach`` px, if that has no edge."""
    height, width = away.shape
    y, x = int(np.floor(py + HALF)), int(np.floor(px + HALF))
    iy, ix = fold(y, height), fold(x, width)
    reach = min(reach, (away[iy, ix] - ONE) * F(0.7))
    level = 0
    if reach >= F(1 << FIRST_LEVEL):
        level = 1
        while level < len(starts) and reach >= F(2 << (level + FIRST_LEVEL - 1)):
            level += 1
    red, green, blue = ZERO, ZERO, ZERO
    # Beyond the border: half of what it reflects, half of its nearest pixel.
    for guess in range(2):
        if guess == 1:
            iy, ix = min(max(y, 0), height - 1), min(max(x, 0), width - 1)
        if level == 0:
            red += HALF * rgb[iy, ix, 0]
            green += HALF * rgb[iy, ix, 1]
            blue += HALF * rgb[iy, ix, 2]
        else:
            shift = level + FIRST_LEVEL - 1
            at = starts[level - 1] + (iy >> shift) * columns[level - 1] + (ix >> shift)
            red += HALF * pyramid[at, 0]
            green += HALF * pyramid[at, 1]
            blue += HALF * pyramid[at, 2]
    return red, green, blue


@kept(**KERNEL)
def ray_tiles(  # type: ignore[no-untyped-def]
    rgb, coc, away, far, colour, cell, jump, pyramid, starts, columns, layered, lowest, highest, top, bottom, left,
    right, points, spacing, cats_eye, wide, radius, out,
):  # fmt: skip
    """Look at the layered blocks of a box of tiles through the lens.

    ``points``: float32 (n, 4), aperture coordinates down and to the right, and the light that passes there from behind
    and from in front of the focus, SETS x SETS sets of them; ``spacing``: distance between the points of a set;
    ``pyramid``: float32 (cells, 4), the means of all levels from FIRST_LEVEL on, which begin at ``starts`` and have so
    many ``columns``; ``lowest``, ``highest``: coc that rays from each tile can meet.

    ``wide``: float32 (2, H, W, 4), zero, gets the light and the share of what is blurred widely in front of the focus
    and behind it; ``radius``: float32 (2, H, W), zero, gets the least radius of that, px; ``out`` gets the light of the
    rest.
    """
    height, width = coc.shape
    shift = cats_eye * TWO / np.sqrt(F(height * height + width * width))
    count = len(points) // (SETS * SETS)
    for j in range(top * _BLOCKS, bottom * _BLOCKS):
        for i in range(left * _BLOCKS, right * _BLOCKS):
            if layered[j, i] == 0:
                continue
            first, last = lowest[j // _BLOCKS, i // _BLOCKS] - F(_TINY), highest[j // _BLOCKS, i // _BLOCKS] + ONE
            for y in range(j * BLOCK, min((j + 1) * BLOCK, height)):
                stop_v = (HALF * F(height - 1) - F(y)) * shift
                for x in range(i * BLOCK, min((i + 1) * BLOCK, width)):
                    stop_u = (HALF * F(width - 1) - F(x)) * shift
                    red, green, blue, total = ZERO, ZERO, ZERO, ZERO
                    focused = abs(coc[y, x]) < F(IN_FOCUS_RADIUS)
                    alone = focused
                    begin = ((y % SETS) * SETS + x % SETS) * count
                    for n in range(begin, begin + count):
                        v, u = points[n, 0], points[n, 1]
                        if cats_eye > ZERO and (v - stop_v) ** 2 + (u - stop_u) ** 2 > ONE:
                            continue
                        met, c, py, px = trace(coc, away, far, cell, jump, F(y), F(x), v, u, first, last)
                        weight = points[n, 2] if c > ZERO else points[n, 3]
                        # What is less than an edge away from a sharp surface is that surface, and stays as it is.
                        own = focused and met != HIDDEN_SURFACE and abs(c - coc[y, x]) <= jump
                        if own:
                            r, g, b = rgb[y, x, 0], rgb[y, x, 1], rgb[y, x, 2]
                        elif met == HIDDEN_SURFACE:
                            jj, ii = _pixel(py, height) // cell, _pixel(px, width) // cell
                            r, g, b = colour[jj, ii, 0], colour[jj, ii, 1], colour[jj, ii, 2]
                        else:
                            r, g, b = _colour(rgb, away, pyramid, starts, columns, abs(c) * spacing, py, px)
                        alone = alone and own
                        total += weight
                        if abs(c) >= F(WIDE):
                            side = FRONT if c < ZERO else BACK
                            least = radius[side, y, x]
                            radius[side, y, x] = abs(c) if least == ZERO else min(least, abs(c))
                            wide[side, y, x, 0] += weight * r
                            wide[side, y, x, 1] += weight * g
                            wide[side, y, x, 2] += weight * b
                            wide[side, y, x, 3] += weight
                        else:
                            red += weight * r
                            green += weight * g
                            blue += weight * b
                    if alone or total <= ZERO:
                        out[y, x, 0], out[y, x, 1], out[y, x, 2] = rgb[y, x, 0], rgb[y, x, 1], rgb[y, x, 2]
                        continue
                    share = ONE / total
                    out[y, x, 0], out[y, x, 1], out[y, x, 2] = red * share, green * share, blue * share
                    for side in range(2):
                        for k in range(4):
                            wide[side, y, x, k] *= share


@njit(**PART)
def _mean(light, layered, y, x, radius):  # type: ignore[no-untyped-def]
    """Mean light and share of the pixels within a share of a radius of (y, x) on either axis."""
    height, width, _ = light.shape
    n = min(int(radius * F(_NEAR)), _MOST_NEAR)
    red, green, blue, total, count = ZERO, ZERO, ZERO, ZERO, ZERO
    for yy in range(max(y - n, 0), min(y + n + 1, height)):
        for xx in range(max(x - n, 0), min(x + n + 1, width)):
            if layered[yy // BLOCK, xx // BLOCK] != 0:
                red += light[yy, xx, 0]
                green += light[yy, xx, 1]
                blue += light[yy, xx, 2]
                total += light[yy, xx, 3]
                count += ONE
    scale = ONE / count
    return red * scale, green * scale, blue * scale, total * scale


@kept(**KERNEL)
def join_tiles(wide, radius, layered, top, bottom, left, right, out):  # type: ignore[no-untyped-def]
    """Put together what :func:`ray_tiles` saw: what is blurred widely is the mean of all pixels around.

    Nothing changes faster there than over its radius, and neighbours have different rays: together they have many. What
    a sharper surface lets through of the back may change from pixel to pixel, and so only its colour is a mean.
    """
    height, width, _ = out.shape
    for j in range(top * _BLOCKS, bottom * _BLOCKS):
        for i in range(left * _BLOCKS, right * _BLOCKS):
            if layered[j, i] == 0:
                continue
            for y in range(j * BLOCK, min((j + 1) * BLOCK, height)):
                for x in range(i * BLOCK, min((i + 1) * BLOCK, width)):
                    front, back = wide[FRONT, y, x, 3], wide[BACK, y, x, 3]
                    if front + back <= ZERO:
                        continue
                    r, g, b, share = _mean(wide[FRONT], layered, y, x, radius[FRONT, y, x])
                    red, green, blue, total = _mean(wide[BACK], layered, y, x, radius[BACK, y, x])
                    scale = back / total if total > ZERO else ZERO
                    rest = ONE - front
                    if rest > F(_TINY):
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
    lights, coc, away, far, cell, jump, layered, lowest, top, bottom, left, right, pupil, cats_eye, out
):
    """Add the small lights to the layered blocks of a box of tiles, wherever no nearer surface hides them.

    ``lights``: float32 (n, 6), y, x, coc, colour. ``pupil``: float32 (2, side, side), light that passes the aperture,
    from behind the focus and from in front of it; (2, 0, 0) for a disc.
    """
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
                if light <= ZERO or layered[y // BLOCK, x // BLOCK] == 0:
                    continue
                first = lowest[y // TILE, x // TILE] - F(_TINY)
                v, u = F(y - cy) / c, F(x - cx) / c
                met, found, _, _ = trace(coc, away, far, cell, jump, F(y), F(x), v, u, first, c - jump)
                if met == MISSED or found >= c - jump:
                    for k in range(3):
                        out[y, x, k] += light / total * lights[n, 3 + k]
