"""The layers of a tile at full resolution, and how they are composited from front to back."""

from __future__ import annotations

from numba import njit

from dofsim.bokeh._disc import BLUE, COVER, GREEN, ONE, PART, ZERO, F, U
from dofsim.bokeh.plan import FINE_RADIUS, FINE_SPLITS, IN_FOCUS_RADIUS, OWN_RADIUS, TILE

_LEAST_COVERAGE, _LEAST_TOTAL = 1e-4, 1e-2
"""Hidden surfaces that cover less are left out, and a pixel that less reaches in all keeps its own colour: dividing by
so little would show the rounding of the sums."""

_ROUNDING = 1e-6
"""Other layers that cover less are left out; they are not divided, and a small light in front covers hardly more."""

# Layers from front to back: the coarse front, three fine ones in front of the focus, three behind it, the coarse back,
# and the hidden surfaces.
_FINE = range(1, 2 * len(FINE_SPLITS) + 3)
FOCUS = len(FINE_SPLITS) + 2
COARSE_FRONT, COARSE_BACK, HIDDEN_LAYER = 0, _FINE.stop, _FINE.stop + 1
LAYERS = HIDDEN_LAYER + 1
FIRST_FINE, END_FINE = _FINE.start, _FINE.stop

# What is kept of each pixel of a tile's row while layers are composited, TILE floats each: what is left of 1, what was
# taken, its light, the share of the rest that is the pixel's own, and the last layer that may be its own surface.
_LEFT, _TOTAL, _RED, _GREEN, _BLUE, _OWN, _LAST = range(0, 7 * TILE, TILE)
STATE = _LAST + TILE


@njit(**PART)
def layer_of(c):  # type: ignore[no-untyped-def]
    """Fine layer of a source; a larger radius than any of theirs counts as the outermost."""
    r = abs(c)
    steps = 0
    for split in FINE_SPLITS:
        if r >= split:
            steps += 1
    return FOCUS - 1 - steps if c < ZERO else FOCUS + steps


@njit(**PART)
def _is_slope(coc, y, x):  # type: ignore[no-untyped-def]
    """Whether the circle of confusion changes by no more than 1 px to any side: the neighbours are one surface."""
    height, width = coc.shape
    c = coc[y, x]
    change = max(abs(coc[max(y - 1, 0), x] - c), abs(coc[min(y + 1, height - 1), x] - c))
    return max(change, abs(coc[y, max(x - 1, 0)] - c), abs(coc[y, min(x + 1, width - 1)] - c)) <= ONE


@njit(**PART)
def composite(rgb, coc, opening, z, y0, x0, begin, end, rows, wide, active, present, state, out):  # type: ignore[no-untyped-def]
    """Composite columns ``begin .. end`` of row ``z``, one tile's, from front to back.

    A layer takes its coverage, or what the nearer ones have left of it. ``opening``: where the lens looks past an edge,
    from pixel (``y0``, ``x0``) on.
    """
    size, tile = end - begin, (begin - x0) // TILE
    count = 0
    for layer in range(LAYERS):
        if active[layer, tile] != 0:
            present[count] = layer
            count += 1
    present[count] = LAYERS
    for k in range(size):
        own = coc[z, begin + k]
        for part in (_TOTAL, _RED, _GREEN, _BLUE):
            state[part + k] = ZERO
        state[_LEFT + k] = ONE
        share = (F(OWN_RADIUS) - abs(own)) * F(1.0 / (OWN_RADIUS - 1.0))
        state[_OWN + k] = min(max(share, ZERO), ONE) if abs(own) >= F(IN_FOCUS_RADIUS) else ONE
        # The last layer that may still belong to the pixel's own surface; past it, light comes through openings.
        steps = (ONE if abs(own) >= F(FINE_SPLITS[0]) else ZERO) + (ONE if abs(own) >= F(FINE_SPLITS[1]) else ZERO)
        last = F(FOCUS) - steps if own < ZERO else F(FOCUS + 1) + steps
        last = F(FIRST_FINE) if own <= F(-FINE_RADIUS) else last
        state[_LAST + k] = F(COARSE_FRONT) if own <= F(-2 * FINE_RADIUS) else last
    own_done = False
    before = F(-1)
    for p in range(count + 1):
        layer = present[p]
        at = layer * wide + (begin - x0) * 4
        if layer > FOCUS and not own_done:
            own_done = True
            _take_own(rgb, z, begin, size, state)
        if layer == LAYERS:
            break
        if layer == FOCUS or layer == FOCUS - 1:
            # What a pixel in focus has left is its own.
            for k in range(size):
                in_focus = abs(coc[z, begin + k]) < F(IN_FOCUS_RADIUS)
                if in_focus and (layer == FOCUS or _is_slope(coc, z, begin + k)):
                    rows[at + k * 4 + 3] = ZERO
        _take_layer(rows, at, size, F(layer), before, layer == HIDDEN_LAYER, opening[z - y0], begin - x0, state)
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
