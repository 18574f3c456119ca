"""One vector instruction where Numba would emit four scalar ones: adding a pixel to an accumulator.

LLVM does not merge the four channels of a pixel by itself, and this addition is where a rendering spends most of its
time (2 to 3 times slower without). With ``NUMBA_DISABLE_JIT=1`` the same function is plain Python.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import config, types
from numba.extending import intrinsic

_LANES = 4


def _put(acc, at, red, green, blue, weight, share):  # type: ignore[no-untyped-def]
    """Add ``share * (red, green, blue, weight)`` to the four floats of ``acc`` from position ``at`` (uint64) on."""
    at = int(at)
    acc[at] += red * share
    acc[at + 1] += green * share
    acc[at + 2] += blue * share
    acc[at + 3] += weight * share


def _put_vector(_context: Any, acc: Any, _at: Any, _r: Any, _g: Any, _b: Any, _w: Any, _share: Any) -> Any:
    """Code generator of the compiled :func:`_put`."""
    single = types.float32

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array = context.make_array(signature.args[0])(context, builder, arguments[0])
        kind = ir.VectorType(ir.FloatType(), _LANES)

        def vector(scalars: Any) -> Any:
            built = ir.Constant(kind, ir.Undefined)
            for lane, scalar in enumerate(scalars):
                built = builder.insert_element(built, scalar, ir.Constant(ir.IntType(32), lane))
            return built

        place = builder.bitcast(builder.gep(array.data, [arguments[1]]), kind.as_pointer())
        added = builder.fmul(vector(arguments[2:6]), vector([arguments[6]] * _LANES), flags=("fast",))
        before = builder.load(place)
        before.align = 4
        stored = builder.store(builder.fadd(before, added, flags=("fast",)), place)
        stored.align = 4
        return context.get_dummy_value()

    return types.void(acc, types.uint64, single, single, single, single, single), generate


put = _put if config.DISABLE_JIT else intrinsic(_put_vector)
