"""The test for cosmic rays and the sums of the linear fit, for a vector of pixels at a time.

It is `linear_loops._add_block` in LLVM's vectors: compiled from the loop over single pixels the words are
widened to 64 bits on the way, and adding a read took one and a half times as long as memory asks for.
Operations and their order are the same, so that both decide the same about a pixel.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from llvmlite import ir
from numba import int64
from numba.core import cgutils
from numba.extending import intrinsic

from nifsdc.readout.linear_sums import ACTIVE, BLOCK, LOW
from nifsdc.readout.memory import CACHE_LINE
from nifsdc.readout.prefetch import prefetched

LANES = CACHE_LINE // 4
"""pixels of a vector"""
NEXT_BLOCK = 3 * 4 * BLOCK
"""bytes from a word to the same pixel's of the next block, which is asked for ahead"""
LINE_LIMITS = 9
"""limits that are used, of `cosmic.limits`"""

_BYTE, _HALF, _WORD, _ADDRESS = (ir.IntType(bits) for bits in (8, 16, 32, 64))
_FLOAT = ir.FloatType()
_WORDS, _FLOATS = ir.VectorType(_WORD, LANES), ir.VectorType(_FLOAT, LANES)


def _all(kind: Any, value: float) -> Any:
    return ir.Constant(ir.VectorType(kind, LANES), [ir.Constant(kind, value)] * LANES)


def _broadcast(builder: Any, scalar: Any) -> Any:
    vector = ir.VectorType(scalar.type, LANES)
    one = builder.insert_element(ir.Constant(vector, ir.Undefined), scalar, ir.Constant(_WORD, 0))
    return builder.shuffle_vector(one, ir.Constant(vector, ir.Undefined), _all(_WORD, 0))


def _pointer(builder: Any, address: Any, pixel: Any, size: int, kind: Any) -> Any:
    place = builder.add(address, builder.mul(pixel, ir.Constant(_ADDRESS, size)))
    return builder.inttoptr(place, ir.VectorType(kind, LANES).as_pointer())


def _jumped(builder: Any, level: Any, sum_v: Any, sum_iv: Any, before: Any, limits: Sequence[Any]) -> Any:
    """Which pixels lie too far above the forecast with the smaller variance."""
    end_iv, end_v, slope_iv, slope_v, line_read, line_photon, pair_read, pair_photon, minimum = limits
    times, less, plus = builder.fmul, builder.fsub, builder.fadd
    slope = less(times(slope_iv, sum_iv), times(slope_v, sum_v))
    zero = _all(_FLOAT, 0.0)
    rate = builder.select(builder.fcmp_ordered(">", slope, zero), slope, zero)
    line_limit = plus(line_read, times(line_photon, rate))
    pair_limit = plus(pair_read, times(pair_photon, rate))
    line_better = builder.fcmp_ordered("<=", line_limit, pair_limit)
    from_line = less(level, less(times(end_iv, sum_iv), times(end_v, sum_v)))
    from_last = less(less(level, before), slope)
    jump = builder.select(line_better, from_line, from_last)
    limit = builder.select(line_better, line_limit, pair_limit)
    far = builder.fcmp_ordered(">", times(jump, jump), limit)
    return builder.and_(builder.fcmp_ordered(">", jump, minimum), far)


def _add_vectors(
    context: Any,
    pixels: Any,
    squares: Any,
    values: Any,
    products: Any,
    state: Any,
    last: Any,
    flags: Any,
    vectors: Any,
    number: Any,
    full: Any,
    limits: Any,
) -> tuple[Any, Callable[..., Any]]:
    """Add so many vectors of pixels; return not 0 if any was flagged.

    All are addresses but ``vectors``, ``number`` of the read, and ``full``, the counts of saturation.
    """

    def generate(target_context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        pixels, squares, values, products, state, last, flags, vectors, number, full, limits = arguments
        table = builder.inttoptr(limits, _FLOAT.as_pointer())
        known = [
            _broadcast(builder, builder.load(builder.gep(table, [ir.Constant(_ADDRESS, k)])))
            for k in range(LINE_LIMITS)
        ]
        full = _broadcast(builder, builder.trunc(full, _WORD))
        number = _broadcast(builder, builder.trunc(number, _WORD))
        found = cgutils.alloca_once_value(builder, ir.Constant(ir.IntType(LANES), 0))
        with cgutils.for_range(builder, vectors) as loop:
            pixel = builder.mul(loop.index, ir.Constant(_ADDRESS, LANES))
            words = [_pointer(builder, array, pixel, 4, _WORD) for array in (squares, values, products)]
            before = _pointer(builder, last, pixel, 2, _HALF)
            for word in words:
                address = builder.ptrtoint(word, _ADDRESS)
                prefetched(builder, builder.add(address, ir.Constant(_ADDRESS, NEXT_BLOCK)), write=True)
            counts = builder.load(_pointer(builder, pixels, pixel, 2, _HALF), align=2)
            square, value, product = (builder.load(word, align=4) for word in words)
            sample = builder.zext(counts, _WORDS)

            def real(integers: Any) -> Any:
                # All are below 2^31, and machines convert signed integers best.
                return builder.sitofp(integers, _FLOATS)

            sum_v = builder.and_(value, _all(_WORD, int(LOW)))
            previous = real(builder.zext(builder.load(before, align=2), _WORDS))
            hit = _jumped(builder, real(sample), real(sum_v), real(product), previous, known)
            states = builder.load(_pointer(builder, state, pixel, 1, _BYTE), align=1)
            active = builder.icmp_unsigned("==", states, _all(_BYTE, ACTIVE))
            flag = builder.and_(active, builder.or_(hit, builder.icmp_unsigned(">=", sample, full)))
            marks = builder.zext(flag, ir.VectorType(_BYTE, LANES))
            builder.store(marks, _pointer(builder, flags, pixel, 1, _BYTE), align=1)
            some = builder.bitcast(flag, ir.IntType(LANES))
            builder.store(builder.or_(builder.load(found), some), found)
            taken = builder.select(builder.xor(active, flag), sample, _all(_WORD, 0))
            own = builder.mul(taken, taken)
            low = builder.add(square, own)
            carry = builder.select(builder.icmp_unsigned("<", low, own), _all(_WORD, 1 << 24), _all(_WORD, 0))
            builder.store(low, words[0], align=4)
            builder.store(builder.add(value, builder.add(taken, carry)), words[1], align=4)
            builder.store(builder.add(product, builder.mul(number, taken)), words[2], align=4)
            builder.store(counts, before, align=2)
        return builder.zext(builder.load(found), _ADDRESS)

    return int64(*(int64 for _ in range(11))), generate


add_vectors = intrinsic(_add_vectors)
