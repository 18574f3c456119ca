"""Drawing and gathering apertures that are not discs, from the lists of spans of a :class:`~.shapes.ShapeTable`.

Where a kernel takes a ``shape``, ``None`` stands for the disc, and Numba leaves these functions out.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from dofsim.bokeh._disc import HALF, ONE, PART, ZERO, F, U, radius_index
from dofsim.bokeh._simd import put_end
from dofsim.bokeh.spans import PHASES


@njit(**PART)
def entry_of(shape, c, radius, phase):  # type: ignore[no-untyped-def]
    """Entry of a source with circle of confusion ``c`` (its sign counts) that is ``radius`` px of the grid."""
    entry = np.int64(radius_index(radius)) * PHASES + phase
    return entry + shape.front if c < ZERO else entry


@njit(**PART)
def stop_of(shape, c, radius, y, x):  # type: ignore[no-untyped-def]
    """Where the second stop lies for a source at px (y, x) of the picture, px of the grid from its centre."""
    by = -shape.cats_eye * shape.unit * radius
    if c < ZERO:
        by = -by
    return by * (F(y) - shape.middle_y), by * (F(x) - shape.middle_x)


@njit(**PART)
def clip(left, right, down, radius, stop_x):  # type: ignore[no-untyped-def]
    """Ends of a span, px from the centre, that the second stop leaves: ``down`` px below its middle, at ``stop_x``."""
    half = np.sqrt(max(radius * radius - down * down, ZERO))
    left, right = max(left, stop_x - half), min(right, stop_x + half)
    return left, max(left, right)


@njit(**PART)
def scale_of(spans, first, last, shift, radius, stop_x):  # type: ignore[no-untyped-def]
    """What the brightness of the clipped spans ``first .. last`` is multiplied with to keep their light the same.

    ``shift``: px from the row of the centre down to the middle of the second stop.
    """
    total = ZERO
    for n in range(first, last):
        s = U(n)
        left, right = clip(spans[s, 0], spans[s, 1], spans[s, 3] - shift, radius, stop_x)
        total += spans[s, 2] * (right - left)
    return ONE / max(total, F(1e-3))


@njit(**PART)
def add_shape(acc, first, stride, mask, row, x, phase, c, radius, at_y, at_x, red, green, blue, weight, shape):  # type: ignore[no-untyped-def]
    """Add a source's image of total coverage ``weight`` and light (red, green, blue) to an accumulator.

    ``first``: position of row 0; ``row``: of the centre, rows are taken modulo ``mask`` + 1; ``x``: of the centre, px
    from the first pixel's edge; ``c``, ``radius``: circle of confusion, px, and its radius on the grid; ``at_y``,
    ``at_x``: place in the picture, px.
    """
    spans, entry, lemon = shape.spans, U(entry_of(shape, c, radius, phase)), shape.cats_eye > ZERO
    begun, ended = shape.begin[entry], shape.begin[entry + U(1)]
    shift, stop_x, scale = ZERO, ZERO, ONE
    if lemon:
        stop_y, stop_x = stop_of(shape, c, radius, at_y, at_x)
        shift = stop_y + F(phase) / F(PHASES)
        scale = scale_of(spans, begun, ended, shift, radius, stop_x)
    for n in range(begun, ended):
        s = U(n)
        left, right, down = spans[s, 0], spans[s, 1], spans[s, 3]
        if lemon:
            left, right = clip(left, right, down - shift, radius, stop_x)
        if left < right:
            h = spans[s, 2] * scale
            at = first + ((row + np.int64(down)) & mask) * stride
            left, right = x + left, x + right
            begin, end = np.int32(left), np.int32(right)
            a, b = h * (left - F(begin)), h * (right - F(end))
            put_end(acc, U(at + np.int64(begin) * 4), red, green, blue, weight, h - a, a)
            put_end(acc, U(at + np.int64(end) * 4), red, green, blue, weight, b - h, -b)


@njit(**PART)
def add_centred(acc, first, stride, mask, row, x, c, at_y, at_x, red, green, blue, shape):  # type: ignore[no-untyped-def]
    """Add the image of one pixel, as :func:`add_shape`, for a centre in the middle of the pixel at position ``x``."""
    if shape.cats_eye > ZERO:
        centre = F(x // 4) + HALF
        add_shape(acc, first, stride, mask, row, centre, 0, c, abs(c), at_y, at_x, red, green, blue, ONE, shape)
        return
    places, ends, entry = shape.places, shape.ends, U(entry_of(shape, c, abs(c), 0))
    for n in range(shape.begin[entry], shape.begin[entry + U(1)]):
        s = U(n)
        at = first + ((row + places[s, 0]) & mask) * stride + x
        put_end(acc, U(at + places[s, 1]), red, green, blue, ONE, ends[s, 0], ends[s, 1])
        put_end(acc, U(at + places[s, 2]), red, green, blue, ONE, ends[s, 2], ends[s, 3])


@njit(**PART)
def list_spans(shape, wide, c, radius, at_y, at_x, listed, places, weights):  # type: ignore[no-untyped-def]
    """List the spans of a shape as ``_simd.gather_spans`` wants them, unless entry ``listed`` is what is listed.

    A pixel gets what its neighbours spread: the shape is turned by half a turn. ``wide``: floats in a row of the sums;
    ``places``, ``weights``: room for 2 int64 and 4 float32 a span, and one int64 for the number of spans in front.
    Returns the entry.
    """
    entry, lemon = entry_of(shape, c, radius, 0), shape.cats_eye > ZERO
    if entry == listed and not lemon:
        return entry
    spans, begun, ended = shape.spans, shape.begin[U(entry)], shape.begin[U(entry + 1)]
    stop_y, stop_x, scale = ZERO, ZERO, ONE
    if lemon:
        stop_y, stop_x = stop_of(shape, c, radius, at_y, at_x)
        scale = scale_of(spans, begun, ended, stop_y, radius, stop_x)
    count = 0
    for n in range(begun, ended):
        s = U(n)
        left, right, down = spans[s, 0], spans[s, 1], spans[s, 3]
        if lemon:
            left, right = clip(left, right, down - stop_y, radius, stop_x)
        if left < right:
            h = spans[s, 2] * scale
            left, right = HALF - right, HALF - left
            begin, end = int(np.floor(left)), int(np.floor(right))
            a, b = h * (left - F(begin)), h * (right - F(end))
            row, at, by = -np.int64(down) * wide, U(2 * count), U(4 * count)
            places[at + U(1)], places[at + U(2)] = row + begin * 3, row + end * 3
            weights[by], weights[by + U(1)], weights[by + U(2)], weights[by + U(3)] = a - h, -a, h - b, b
            count += 1
    places[0] = count
    return entry
