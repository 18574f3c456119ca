"""What the pixels of layered squares see through the lens: as many rays as it takes (see ``_trace``)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from numba import njit

from dofsim._kept import kept
from dofsim.bokeh._disc import HALF, INLINE, KERNEL, ONE, PART, TWO, ZERO, F
from dofsim.bokeh._edges import FAR
from dofsim.bokeh._trace import HIDDEN_SURFACE, MISSED, MIXED, TINY, VISIBLE, pixel, trace, visible_colour
from dofsim.bokeh.plan import BACK, FRONT, IN_FOCUS_RADIUS, SQUARE, TILE

WIDE = 3.0
"""Radius, px, from which on something is blurred widely."""

_NEAR = 0.2
"""Share of a radius over which the picture of what it blurs hardly changes."""

_MOST_NEAR = 4
_SPACING = 0.22
"""Side, as a share of the radius, of the part of a disc that a ray stands for: 64 rays have no gaps between them."""

_GOLDEN = 0.6180340

_DARK = 0.02
"""Light below which noise shows no more the darker it is."""

_SIDES = 4, 8
_TURNS = 7, 11
"""Batches by which squares begin later from row to row and from column to column; at random there would be a mottle."""
_LEAST, _OTHERS, _BATCHES, _SQUARES, _SUMS = 12, 14, 15, 18, 19


@njit(**INLINE)
def _look(  # type: ignore[no-untyped-def]
    rgb, coc, away, far, hidden, cell, jump, mixed, share, near, tint, pyramid, starts, columns, points, begin, end,
    first, last, y, x, stop_v, stop_u, cats_eye, spacing, sums, k,
):  # fmt: skip
    """Add what a pixel's rays number ``begin .. end`` see to its sums, row ``k`` of them.

    ``sums``: light and share of what is blurred little, of what is blurred widely in front, and behind; the least
    radius of either; the number of rays that see something else than the pixel's own surface in focus; sum of the
    colours of batches, and of their squares.

    Returns whether any saw something else than the pixel's own surface in focus.
    """
    height, width = coc.shape
    own_coc = coc[y, x]
    focused = abs(own_coc) < F(IN_FOCUS_RADIUS)
    other = False
    red, green, blue, total = ZERO, ZERO, ZERO, ZERO
    front_r, front_g, front_b, front, front_least = ZERO, ZERO, ZERO, ZERO, F(FAR)
    back_r, back_g, back_b, back, back_least = ZERO, ZERO, ZERO, ZERO, F(FAR)
    others = 0
    for n in range(begin, end):
        v, u = points[n, 0], points[n, 1]
        if cats_eye > ZERO and (v - stop_v) ** 2 + (u - stop_u) ** 2 > ONE:
            continue
        met, c, py, px = trace(
            coc, away, far, cell, jump, mixed, share, near, F(y), F(x), v, u, points[n, 4], points[n, 5], points[n, 6],
            first, last, F(n) * F(_GOLDEN),
        )  # fmt: skip
        weight = points[n, 2] if c > ZERO else points[n, 3]
        other = other or met != VISIBLE
        # What is less than an edge away from a sharp surface is that surface, and stays as it is.
        if focused and met in (VISIBLE, MISSED) and abs(c - own_coc) <= jump:
            r, g, b = rgb[y, x, 0], rgb[y, x, 1], rgb[y, x, 2]
        else:
            others += 1
            if met == HIDDEN_SURFACE:
                j, i = pixel(py, height) // cell, pixel(px, width) // cell
                r, g, b = hidden[j, i, 0], hidden[j, i, 1], hidden[j, i, 2]
            elif met == MIXED:
                number = mixed[pixel(py, height), pixel(px, width)]
                r, g, b = tint[number, 0], tint[number, 1], tint[number, 2]
            else:
                r, g, b = visible_colour(rgb, away, pyramid, starts, columns, abs(c) * spacing, py, px)
        if abs(c) < F(WIDE):
            red += weight * r
            green += weight * g
            blue += weight * b
            total += weight
        elif c < ZERO:
            front_r += weight * r
            front_g += weight * g
            front_b += weight * b
            front += weight
            front_least = min(front_least, -c)
        else:
            back_r += weight * r
            back_g += weight * g
            back_b += weight * b
            back += weight
            back_least = min(back_least, c)
    sums[k, 0] += red
    sums[k, 1] += green
    sums[k, 2] += blue
    sums[k, 3] += total
    at = _SIDES[FRONT]
    sums[k, at] += front_r
    sums[k, at + 1] += front_g
    sums[k, at + 2] += front_b
    sums[k, at + 3] += front
    at = _SIDES[BACK]
    sums[k, at] += back_r
    sums[k, at + 1] += back_g
    sums[k, at + 2] += back_b
    sums[k, at + 3] += back
    sums[k, _LEAST + FRONT] = min(sums[k, _LEAST + FRONT], front_least)
    sums[k, _LEAST + BACK] = min(sums[k, _LEAST + BACK], back_least)
    sums[k, _OTHERS] += F(others)
    total += front + back
    if total > ZERO:
        red, green, blue = (
            (red + front_r + back_r) / total,
            (green + front_g + back_g) / total,
            (blue + front_b + back_b) / total,
        )
        sums[k, _BATCHES] += red
        sums[k, _BATCHES + 1] += green
        sums[k, _BATCHES + 2] += blue
        sums[k, _SQUARES] += red * red + green * green + blue * blue
    return other or others > 0


@njit(**PART)
def reach_of_mean(radius):  # type: ignore[no-untyped-def]
    """How many px on either side share what they see of something that is blurred widely."""
    return min(int(radius * F(_NEAR)), _MOST_NEAR)


@njit(**PART)
def _noise(sums, batches):  # type: ignore[no-untyped-def]
    """Variance of the root of the light of a square's pixels, which is about what a display shows."""
    noise, narrow, least = ZERO, ZERO, F(FAR)
    for k in range(len(sums)):
        narrow += sums[k, 3]
        least = min(least, sums[k, _LEAST], sums[k, _LEAST + 1])
        mean = sums[k, _BATCHES] ** 2 + sums[k, _BATCHES + 1] ** 2 + sums[k, _BATCHES + 2] ** 2
        light = (sums[k, _BATCHES] + sums[k, _BATCHES + 1] + sums[k, _BATCHES + 2]) / F(batches)
        variance = (sums[k, _SQUARES] - mean / F(batches)) / F(batches * (batches - 1))
        noise += variance / (F(4) * (light + F(3 * _DARK)))
    if narrow == ZERO:
        noise /= F((2 * reach_of_mean(least) + 1) ** 2)
    return noise / F(len(sums))


def ray_room() -> npt.NDArray[np.float32]:
    """Room in which :func:`ray_tiles` sums up what the pixels of a square see."""
    return np.empty((SQUARE * SQUARE, _SUMS), np.float32)


@kept(**KERNEL)
def ray_tiles(  # type: ignore[no-untyped-def]
    surfaces, original, number, lowest, highest, top, bottom, left, right, points, counts, gain, cats_eye, sums,
    wide, radius, out,
):  # fmt: skip
    """Look at the layered squares of a box of tiles through the lens.

    ``original``: the picture, which pixels in focus keep; ``number``: int32 (rows, columns), numbers of the layered
    squares, -1 for others; ``lowest``, ``highest``: coc that rays from each tile can meet; ``points``: float32 (n, 7),
    see :func:`~dofsim.bokeh.pupil.aperture_points`, a set for each pixel of a square; ``counts``: fewest and most rays;
    ``gain``: a square takes twice as many as long as its variance, for each ray, is larger; ``sums``: see
    :func:`ray_room`.

    ``wide``: float32 (2, squares, SQUARE * SQUARE, 4), zero, gets the light and the share of what is blurred widely in
    front of the focus and behind it; ``radius``: float32 (2, squares, SQUARE * SQUARE), zero, gets the least radius of
    that, px; ``out`` gets the light of the rest.
    """
    rgb, coc, away, far, hidden, cell, jump, mixed, portion, near, tint, pyramid, starts, columns = surfaces
    height, width = coc.shape
    shift = cats_eye * TWO / np.sqrt(F(height * height + width * width))
    few, many = counts
    share = TILE // SQUARE
    for j in range(top * share, bottom * share):
        for i in range(left * share, right * share):
            if number[j, i] < 0:
                continue
            first, last = lowest[j // share, i // share] - F(TINY), highest[j // share, i // share] + ONE
            sums[:] = ZERO
            sums[:, _LEAST : _LEAST + 2] = F(FAR)
            batches, done, other = 0, False, False
            # Neighbours begin elsewhere, lest all of them leave out the same parts of the aperture.
            turn = j * _TURNS[0] + i * _TURNS[1]
            while not done:
                begin = (batches + turn) % (many // few) * few
                end = begin + few
                batches += 1
                for y in range(j * SQUARE, min((j + 1) * SQUARE, height)):
                    stop_v = (HALF * F(height - 1) - F(y)) * shift
                    for x in range(i * SQUARE, min((i + 1) * SQUARE, width)):
                        stop_u = (HALF * F(width - 1) - F(x)) * shift
                        k = (y % SQUARE) * SQUARE + x % SQUARE
                        more = _look(
                            rgb, coc, away, far, hidden, cell, jump, mixed, portion, near, tint, pyramid, starts,
                            columns, points, k * many + begin, k * many + end, first, last, y, x, stop_v, stop_u,
                            cats_eye, F(_SPACING), sums, k,
                        )  # fmt: skip
                        other = other or more
                if batches == 1:
                    done = not other
                elif batches & (batches - 1) == 0:
                    done = _noise(sums, batches) <= gain * F(batches * few)
                done = done or batches * few >= many
            _store(sums, j, i, number[j, i], original, wide, radius, out)


@njit(**PART)
def _store(sums, j, i, square, original, wide, radius, out):  # type: ignore[no-untyped-def]
    """Write down what the pixels of a square saw; ``square``: its number."""
    height, width, _ = out.shape
    for y in range(j * SQUARE, min((j + 1) * SQUARE, height)):
        for x in range(i * SQUARE, min((i + 1) * SQUARE, width)):
            k = (y % SQUARE) * SQUARE + x % SQUARE
            total = sums[k, 3] + sums[k, _SIDES[FRONT] + 3] + sums[k, _SIDES[BACK] + 3]
            if sums[k, _OTHERS] == ZERO or total <= ZERO:
                out[y, x, 0], out[y, x, 1], out[y, x, 2] = original[y, x, 0], original[y, x, 1], original[y, x, 2]
                continue
            share = ONE / total
            for channel in range(3):
                out[y, x, channel] = sums[k, channel] * share
            for side in range(2):
                radius[side, square, k] = sums[k, _LEAST + side] if sums[k, _SIDES[side] + 3] > ZERO else ZERO
                for channel in range(4):
                    wide[side, square, k, channel] = sums[k, _SIDES[side] + channel] * share
