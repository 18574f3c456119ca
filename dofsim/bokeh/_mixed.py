"""Mixed pixels: those beside an edge that have the depth of the far surface and some of the near one's colour.

The colour of such a pixel is ``a N + (1 - a) F``: N and F are those of the near and the far surface, and a is the share
of the pixel that the near one covers. N and F are seen unmixed a few pixels away, and a follows by projection.
"""

from __future__ import annotations

from numba import njit

from dofsim._kept import kept
from dofsim.bokeh._disc import KERNEL, ONE, PART, ZERO, F

_LOOKS = 3
"""Places that are looked at on either side of a pixel, on both axes."""

_FEWEST = 8
"""Least number of places (of the 48 around) that must show the far surface unmixed."""

_CLEAR = 9.0
"""How much larger than the variance of the far surface the squared contrast must be."""

_FAINT = 1e-6
"""Squared contrasts below this are none."""

_SLOPE = 0.1
"""How much more the coc of one surface may differ for each px of it."""

_LEAST = 0.02
"""Smaller shares are noise."""

_MOST = 0.6
"""Larger shares of a solid near surface cannot be, for the depth is that of the middle of a pixel.

What is thinner than a pixel may lie beside that middle and cover any share.
"""

_FIT = 0.005
"""Squared distance from the line between both colours, as a share of their squared contrast, that noise explains.

What lies farther off is a pattern of the far surface.
"""


@njit(**PART)
def _unmixed(rgb, coc, away, softness, y, x, c, slack):  # type: ignore[no-untyped-def]
    """Mean colour of a surface around a pixel, its variance, and in how many places it is seen without an edge.

    The surface is what is within ``slack`` of the coc ``c``, px; closer places weigh more.
    """
    height, width = coc.shape
    red, green, blue, square, total, count = ZERO, ZERO, ZERO, ZERO, ZERO, 0
    for v in range(-_LOOKS, _LOOKS + 1):
        for u in range(-_LOOKS, _LOOKS + 1):
            j, i = y + v * softness, x + u * softness
            if j < 0 or j >= height or i < 0 or i >= width:
                continue
            if away[j, i] < F(softness) or abs(coc[j, i] - c) > slack:
                continue
            r, g, b = rgb[j, i, 0], rgb[j, i, 1], rgb[j, i, 2]
            weight = ONE / F(max(v * v + u * u, 1))
            red += weight * r
            green += weight * g
            blue += weight * b
            square += weight * (r * r + g * g + b * b)
            total += weight
            count += 1
    if count > 0:
        red, green, blue = red / total, green / total, blue / total
        square = max(square / total - red * red - green * green - blue * blue, ZERO)
    return red, green, blue, square, count


@njit(**PART)
def _most_unlike(rgb, coc, softness, y, x, c, slack, red, green, blue):  # type: ignore[no-untyped-def]
    """Of the surface with the coc ``c`` beside a pixel: the colour that is most unlike the given one."""
    height, width = coc.shape
    most, row, column = -ONE, y, x
    for v in range(-1, 2):
        for u in range(-1, 2):
            j = min(max(y + v * softness, 0), height - 1)
            i = min(max(x + u * softness, 0), width - 1)
            if abs(coc[j, i] - c) <= slack:
                unlike = (rgb[j, i, 0] - red) ** 2 + (rgb[j, i, 1] - green) ** 2 + (rgb[j, i, 2] - blue) ** 2
                if unlike > most:
                    most, row, column = unlike, j, i
    return rgb[row, column, 0], rgb[row, column, 1], rgb[row, column, 2]


@kept(**KERNEL)
def unmix(rgb, coc, away, jump, softness, places, first, last, share, near, tint, clean):  # type: ignore[no-untyped-def]
    """Look whether the pixels number ``first .. last`` of those listed are mixed.

    ``away``: px from each pixel to the next edge, where the coc jumps by more than ``jump`` px; ``softness``: how many
    px beside an edge have mixed colours; ``places``: int64 (n,), indices of pixels into the flattened picture.

    ``share``: float32 (n,), zero, gets the share of the near surface in mixed pixels, ``near``, float32 (n,), its coc,
    px, ``tint``, float32 (n, 3), its colour, and ``clean``, float32 (n, 3), that of the far surface.
    """
    height, width = coc.shape
    for n in range(first, last):
        y, x = places[n] // width, places[n] % width
        c = coc[y, x]
        nearest = c
        for v in range(-1, 2):
            for u in range(-1, 2):
                j, i = min(max(y + v * softness, 0), height - 1), min(max(x + u * softness, 0), width - 1)
                nearest = min(nearest, coc[j, i])
        if c - nearest <= jump:
            continue
        slack = jump * (ONE + F(_SLOPE) * abs(c))
        red, green, blue, variance, count = _unmixed(rgb, coc, away, softness, y, x, c, slack)
        if count < _FEWEST:
            continue
        slack = jump * (ONE + F(_SLOPE) * abs(nearest))
        r, g, b, _, solid = _unmixed(rgb, coc, away, softness, y, x, nearest, slack)
        if solid == 0:
            r, g, b = _most_unlike(rgb, coc, softness, y, x, nearest, slack, red, green, blue)
        dr, dg, db = r - red, g - green, b - blue
        contrast = dr * dr + dg * dg + db * db
        if contrast <= max(F(_CLEAR) * variance, F(_FAINT)):
            continue
        own_r, own_g, own_b = rgb[y, x, 0] - red, rgb[y, x, 1] - green, rgb[y, x, 2] - blue
        a = (own_r * dr + own_g * dg + own_b * db) / contrast
        if a < F(_LEAST) or a > (F(_MOST) if solid > 0 else ONE):
            continue
        if own_r * own_r + own_g * own_g + own_b * own_b - a * a * contrast > F(_FIT) * contrast:
            continue
        share[n], near[n] = a, nearest
        tint[n, 0], tint[n, 1], tint[n, 2] = r, g, b
        clean[n, 0], clean[n, 1], clean[n, 2] = red, green, blue
