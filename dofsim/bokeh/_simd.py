"""Vector instructions where Numba would emit eight times as many scalar ones.

A few places take most of a rendering's time: adding a span's end to an accumulator, summing along its rows, mixing two
of its pixels, and gathering the discs, or other shapes, of eight neighbouring pixels. LLVM merges none of these by
itself. Beside each code generator stands the same function in plain Python: it says what is meant, and runs with
``NUMBA_DISABLE_JIT=1``. With ``NUMBA_BOUNDSCHECK=1`` it is what gets compiled, for vector instructions look at no
bounds.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import config, njit, types
from numba.core import cgutils
from numba.extending import intrinsic

EIGHT, SIXTEEN = 8, 16
"""Pixels that are gathered at a time: as many as the lanes of a register, if it is a wide one."""

_CHANNELS = 4
_LANES = 8
_FAST = ("fast",)


def _put_end(acc, at, red, green, blue, weight, first, second):  # type: ignore[no-untyped-def]
    """Add ``first * (red, green, blue, weight)`` at position ``at`` (uint64), ``second`` times the same behind it."""
    at = int(at)
    assert at >= 0
    for lane, value in enumerate((red, green, blue, weight)):
        acc[at + lane] += first * value
        acc[at + _CHANNELS + lane] += second * value


def _put_end_vector(_context: Any, acc: Any, _at: Any, _r: Any, _g: Any, _b: Any, _w: Any, _f: Any, _s: Any) -> Any:
    """Code generator of the compiled :func:`_put_end`."""
    single = types.float32

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array = context.make_array(signature.args[0])(context, builder, arguments[0])
        kind = ir.VectorType(ir.FloatType(), _LANES)

        def vector(scalars: Any) -> Any:
            built = ir.Constant(kind, ir.Undefined)
            for lane, scalar in enumerate(scalars):
                built = builder.insert_element(built, scalar, ir.Constant(ir.IntType(32), lane))
            return built

        colour = vector(arguments[2:6] + arguments[2:6])
        share = vector([arguments[6]] * _CHANNELS + [arguments[7]] * _CHANNELS)
        place = builder.bitcast(builder.gep(array.data, [arguments[1]]), kind.as_pointer())
        before = builder.load(place)
        before.align = 4
        after = builder.fadd(before, builder.fmul(colour, share, flags=_FAST), flags=_FAST)
        stored = builder.store(after, place)
        stored.align = 4
        return context.get_dummy_value()

    return types.void(acc, types.uint64, single, single, single, single, single, single), generate


def _sum_along(acc, at, count, sums, out, to):  # type: ignore[no-untyped-def]
    """Sum the differences of ``count`` pixels from position ``at`` on, and clear them.

    ``sums``: the four running sums, float64, lest they drift; ``out`` gets them from position ``to`` on, 4 a pixel.
    """
    at, to = int(at), int(to)
    assert min(at, to) >= 0
    for k in range(count * _CHANNELS):
        sums[k % _CHANNELS] += acc[at + k]
        acc[at + k] = 0.0
        out[to + k] = sums[k % _CHANNELS]


def _sum_along_vector(_context: Any, acc: Any, _at: Any, _count: Any, sums: Any, out: Any, _to: Any) -> Any:
    """Code generator of the compiled :func:`_sum_along`: the four sums are one register."""
    position, index = types.uint64, types.int64

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        single = ir.VectorType(ir.FloatType(), _CHANNELS)
        double = ir.VectorType(ir.DoubleType(), _CHANNELS)
        source, held, target = (
            context.make_array(signature.args[n])(context, builder, arguments[n]).data for n in (0, 3, 4)
        )
        place = builder.bitcast(held, double.as_pointer())
        begun = builder.load(place)
        begun.align = 8
        total = cgutils.alloca_once_value(builder, begun)
        with cgutils.for_range(builder, arguments[2]) as loop:
            step = builder.mul(loop.index, ir.Constant(ir.IntType(64), _CHANNELS))
            read = builder.gep(source, [builder.add(arguments[1], step)])
            read = builder.bitcast(read, single.as_pointer())
            loaded = builder.load(read)
            loaded.align = 4
            cleared = builder.store(ir.Constant(single, [0.0] * _CHANNELS), read)
            cleared.align = 4
            after = builder.fadd(builder.load(total), builder.fpext(loaded, double), flags=_FAST)
            builder.store(after, total)
            write = builder.bitcast(builder.gep(target, [builder.add(arguments[5], step)]), single.as_pointer())
            stored = builder.store(builder.fptrunc(after, single), write)
            stored.align = 4
        ended = builder.store(builder.load(total), place)
        ended.align = 8
        return context.get_dummy_value()

    return types.void(acc, position, index, sums, out, position), generate


def _mix(out, to, first, at, share, second, beside, rest):  # type: ignore[no-untyped-def]
    """Set the four floats of ``out`` from ``to`` on to ``share * first[at ..] + rest * second[beside ..]``."""
    to, at, beside = int(to), int(at), int(beside)
    assert min(to, at, beside) >= 0
    for lane in range(_CHANNELS):
        out[to + lane] = share * first[at + lane] + rest * second[beside + lane]


def _mix_vector(
    _context: Any, out: Any, _to: Any, first: Any, _at: Any, _share: Any, second: Any, _beside: Any, _rest: Any
) -> Any:
    """Code generator of the compiled :func:`_mix`."""
    position, single = types.uint64, types.float32

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        kind = ir.VectorType(ir.FloatType(), _CHANNELS)

        def place(array: int, at: int) -> Any:
            data = context.make_array(signature.args[array])(context, builder, arguments[array]).data
            return builder.bitcast(builder.gep(data, [arguments[at]]), kind.as_pointer())

        def scaled(array: int, at: int, by: int) -> Any:
            loaded = builder.load(place(array, at))
            loaded.align = 4
            lanes = ir.Constant(kind, ir.Undefined)
            for lane in range(_CHANNELS):
                lanes = builder.insert_element(lanes, arguments[by], ir.Constant(ir.IntType(32), lane))
            return builder.fmul(loaded, lanes, flags=_FAST)

        stored = builder.store(builder.fadd(scaled(2, 3, 4), scaled(5, 6, 7), flags=_FAST), place(0, 1))
        stored.align = 4
        return context.get_dummy_value()

    return types.void(out, position, first, position, single, second, position, single), generate


def _gather(pixels: int) -> Any:
    """Sums under a disc around each of some neighbouring pixels, from prefix sums along the rows.

    ``prefix``: 3 floats a pixel, ``stride`` a row; ``centre``: position of the first of the pixels; ``begin``,
    ``first``, ``second``: the disc's rows 0 .. ``rows`` - 1 from index ``entry`` on (see ``spans.GatherTable``). 3
    floats a pixel go to ``out`` from position ``to`` on.
    """

    def gather(prefix, centre, stride, begin, first, second, entry, rows, out, to):  # type: ignore[no-untyped-def]
        centre, to = int(centre), int(to)
        out[to : to + 3 * pixels] = 0.0
        for d in range(rows):
            left, right = begin[entry + d], -begin[entry + d]
            for row in (centre + d * stride, centre - d * stride):
                assert row + left >= 0
                for k in range(3 * pixels):
                    a, b = row + left + k, row + right + k
                    out[to + k] += first[entry + d] * (prefix[b + 3] - prefix[a])
                    out[to + k] += second[entry + d] * (prefix[b] - prefix[a + 3])

    return gather


def _gather_vector(pixels: int) -> Any:
    """Code generator of the compiled :func:`_gather`: the sums stay in three registers over all rows."""
    index = types.int64

    def typed(
        _context: Any, prefix: Any, _centre: Any, _stride: Any, begin: Any, first: Any, second: Any, _entry: Any,
        _rows: Any, out: Any, _to: Any,
    ) -> Any:  # fmt: skip
        return types.void(prefix, index, index, begin, first, second, index, index, out, index), generate

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        def data(n: int) -> Any:
            return context.make_array(signature.args[n])(context, builder, arguments[n]).data

        source, begins, firsts, seconds, target = data(0), data(3), data(4), data(5), data(8)
        _, centre, stride, _, _, _, entry, rows, _, to = arguments
        sums = _Sums(builder, pixels)
        with cgutils.for_range(builder, rows) as loop:
            at = builder.add(entry, loop.index)
            left = builder.load(builder.gep(begins, [at]))
            share, rest = sums.spread(firsts, at), sums.spread(seconds, at)
            down = builder.mul(loop.index, stride)
            for row in (builder.add(centre, down), builder.sub(centre, down)):
                a, b = builder.add(row, left), builder.sub(row, left)
                for part in range(3):
                    outer = builder.fsub(sums.pixels(source, b, part, 1), sums.pixels(source, a, part), flags=_FAST)
                    inner = builder.fsub(sums.pixels(source, b, part), sums.pixels(source, a, part, 1), flags=_FAST)
                    outer = builder.fmul(share, outer, flags=_FAST)
                    inner = builder.fmul(rest, inner, flags=_FAST)
                    sums.add(part, builder.fadd(outer, inner, flags=_FAST))
        sums.store(target, to)
        return context.get_dummy_value()

    return typed


def _gather_spans(pixels: int) -> Any:
    """Weighted sums of spans around each of some neighbouring pixels, from prefix sums along the rows.

    For the first of them, at position ``centre`` of ``prefix``, span ``n`` begins ``places[2 n]`` floats and ends
    ``places[2 n + 1]`` floats further; its four ``weights`` belong to the beginning, the pixel after it, the end, and
    the pixel after that. 3 floats a pixel go to ``out`` from position ``to`` on.
    """

    def gather(prefix, centre, places, weights, count, out, to):  # type: ignore[no-untyped-def]
        out[to : to + 3 * pixels] = 0.0
        for n in range(count):
            for end in range(2):
                at = centre + places[2 * n + end]
                assert at >= 0
                for k in range(3 * pixels):
                    out[to + k] += weights[4 * n + 2 * end] * prefix[at + k]
                    out[to + k] += weights[4 * n + 2 * end + 1] * prefix[at + k + 3]

    return gather


def _gather_spans_vector(pixels: int) -> Any:
    """Code generator of the compiled :func:`_gather_spans`."""
    index = types.int64

    def typed(
        _context: Any, prefix: Any, _centre: Any, places: Any, weights: Any, _count: Any, out: Any, _to: Any
    ) -> Any:
        return types.void(prefix, index, places, weights, index, out, index), generate

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        source, at_places, at_weights, target = (
            context.make_array(signature.args[n])(context, builder, arguments[n]).data for n in (0, 2, 3, 5)
        )
        _, centre, _, _, count, _, to = arguments
        integer = ir.IntType(64)
        sums = _Sums(builder, pixels)

        def of_span(n: Any, size: int, which: int) -> Any:
            return builder.add(builder.mul(n, ir.Constant(integer, size)), ir.Constant(integer, which))

        with cgutils.for_range(builder, count) as loop:
            for which in range(4):
                weight = sums.spread(at_weights, of_span(loop.index, 4, which))
                place = builder.load(builder.gep(at_places, [of_span(loop.index, 2, which // 2)]))
                place = builder.add(centre, place)
                for part in range(3):
                    read = sums.pixels(source, place, part, which % 2)
                    sums.add(part, builder.fmul(weight, read, flags=_FAST))
        sums.store(target, to)
        return context.get_dummy_value()

    return typed


class _Sums:
    """Sums over some neighbouring pixels, 3 floats each, in three registers of as many lanes as there are pixels."""

    def __init__(self, builder: Any, lanes: int) -> None:
        self.builder, self.lanes = builder, lanes
        self.kind = ir.VectorType(ir.FloatType(), lanes)
        self.parts = [cgutils.alloca_once_value(builder, ir.Constant(self.kind, [0.0] * lanes)) for _ in range(3)]

    def _place(self, array: Any, at: Any, offset: int) -> Any:
        at = self.builder.add(at, ir.Constant(ir.IntType(64), offset))
        return self.builder.bitcast(self.builder.gep(array, [at]), self.kind.as_pointer())

    def pixels(self, array: Any, at: Any, part: int, later: int = 0) -> Any:
        """What one of the registers takes from position ``at``, or from so many pixels behind it."""
        loaded = self.builder.load(self._place(array, at, part * self.lanes + 3 * later))
        loaded.align = 4
        return loaded

    def spread(self, array: Any, at: Any) -> Any:
        """One float of an array in all lanes."""
        undefined, count = ir.Constant(self.kind, ir.Undefined), ir.IntType(32)
        scalar = self.builder.load(self.builder.gep(array, [at]))
        lane = self.builder.insert_element(undefined, scalar, ir.Constant(count, 0))
        zeros = ir.Constant(ir.VectorType(count, self.lanes), [0] * self.lanes)
        return self.builder.shuffle_vector(lane, undefined, zeros)

    def add(self, part: int, term: Any) -> None:
        """Add to one of the registers."""
        total = self.parts[part]
        self.builder.store(self.builder.fadd(self.builder.load(total), term, flags=_FAST), total)

    def store(self, array: Any, at: Any) -> None:
        """Put all three into an array from position ``at`` on."""
        for part, total in enumerate(self.parts):
            stored = self.builder.store(self.builder.load(total), self._place(array, at, part * self.lanes))
            stored.align = 4


def _chosen(plain: Any, vector: Any) -> Any:
    if config.DISABLE_JIT:
        return plain
    return njit(plain) if config.BOUNDSCHECK else intrinsic(vector)


put_end = _chosen(_put_end, _put_end_vector)
sum_along = _chosen(_sum_along, _sum_along_vector)
mix = _chosen(_mix, _mix_vector)
gather_eight, gather_sixteen = (_chosen(_gather(n), _gather_vector(n)) for n in (EIGHT, SIXTEEN))
gather_spans_eight, gather_spans_sixteen = (
    _chosen(_gather_spans(n), _gather_spans_vector(n)) for n in (EIGHT, SIXTEEN)
)
