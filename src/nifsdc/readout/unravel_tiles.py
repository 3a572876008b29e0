"""Taking interleaved samples apart and turning tiles over, in vectors: what unravelling is made of.

Both are one thing: of a sequence of 2^m vectors, the k-th result has the elements whose index is k modulo
2^m. For the rows of a square tile that is its transpose; for samples of outputs in rotation, those of each
output. It takes m steps, each of which parts pairs of vectors into even and odd elements; LLVM finds the
machine's instructions for that. numba's loops over single elements do not become such instructions.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import int64
from numba.core import types
from numba.extending import intrinsic

from nifsdc.readout.memory import CACHE_LINE

VECTOR = CACHE_LINE
"""bytes of a vector: a tile's row is written at once"""

_INDEX = ir.IntType(32)
_ADDRESS = ir.IntType(64)


def _chosen(builder: Any, one: Any, other: Any, places: list[int]) -> Any:
    mask = ir.Constant(ir.VectorType(_INDEX, len(places)), [ir.Constant(_INDEX, place) for place in places])
    return builder.shuffle_vector(one, other, mask)


def _parted(builder: Any, vectors: list[Any]) -> list[Any]:
    """Return as many vectors, the k-th with the elements of index k modulo their number (a power of two)."""
    if len(vectors) == 1:
        return vectors
    lanes = vectors[0].type.count
    pairs = list(zip(vectors[::2], vectors[1::2], strict=True))
    halves = [
        _parted(builder, [_chosen(builder, *pair, list(range(first, 2 * lanes, 2))) for pair in pairs])
        for first in (0, 1)
    ]
    return [vector for pair in zip(*halves, strict=True) for vector in pair]


def _vector(samples: Any) -> tuple[Any, int]:
    """Vector type for an array's elements, and the bytes of one."""
    size = samples.dtype.bitwidth // 8
    return ir.VectorType(ir.IntType(8 * size), VECTOR // size), size


def _turn_tile(past: bool) -> Callable[..., Any]:
    """Make the function that transposes a tile; ``past``: by stores that pass the caches by.

    Those write whole cache lines to memory without reading them first. Their places must be cache lines, and
    `settle` has to follow before another thread reads.
    """

    def turn(context: Any, samples: Any, source: Any, source_step: Any, target: Any, target_step: Any) -> Any:
        """Transpose a tile of `VECTOR` bytes a side.

        Parameters
        ----------
        samples
            any array of the element's type
        source, target
            addresses of the first row to read and to write
        source_step, target_step
            bytes from row to row, of either sign
        """
        vector, size = _vector(samples)

        def generate(target_context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            _, place, step, result, result_step = arguments
            rows = []
            for _ in range(vector.count):
                rows.append(builder.load(builder.inttoptr(place, vector.as_pointer()), align=size))
                place = builder.add(place, step)
            for row in _parted(builder, rows):
                pointer = builder.inttoptr(result, vector.as_pointer())
                store = builder.store(row, pointer, align=VECTOR if past else size)
                if past:
                    mark = builder.module.add_metadata([ir.Constant(_INDEX, 1)])
                    store.set_metadata("nontemporal", mark)
                result = builder.add(result, result_step)
            return target_context.get_dummy_value()

        return types.void(samples, int64, int64, int64, int64), generate

    return turn


def _settle(context: Any) -> Any:
    """Wait until what was written past the caches can be seen by everyone."""

    def generate(target_context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        builder.fence("seq_cst")
        return target_context.get_dummy_value()

    return types.void(), generate


def _part_outputs(outputs: int) -> Callable[..., Any]:
    """Make the function that takes a vector of samples of each of so many outputs apart."""

    def part(context: Any, samples: Any, source: Any, places: Any, sample: Any) -> Any:
        """Write the samples of outputs in rotation, one vector of each.

        Parameters
        ----------
        samples
            any array of the element's type
        source
            address of the first output's first sample
        places
            address of int64 (outputs, 2): where sample 0 goes, or with a negative step the last sample of
            the vector that begins with it; bytes from sample to sample, plus or minus one element
        sample
            number of the first sample
        """
        vector, size = _vector(samples)

        def generate(target_context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            _, source, places, sample = arguments
            pointer = vector.as_pointer()
            table = builder.inttoptr(places, _ADDRESS.as_pointer())

            def entry(number: int) -> Any:
                return builder.load(builder.gep(table, [ir.Constant(_ADDRESS, number)]))

            rows = []
            for number in range(outputs):
                place = builder.add(source, ir.Constant(_ADDRESS, number * VECTOR))
                rows.append(builder.load(builder.inttoptr(place, pointer), align=size))
            for number, row in enumerate(_parted(builder, rows)):
                step = entry(2 * number + 1)
                place = builder.inttoptr(builder.add(entry(2 * number), builder.mul(step, sample)), pointer)
                backwards = builder.icmp_signed("<", step, ir.Constant(_ADDRESS, 0))
                with builder.if_else(backwards) as (then, otherwise):
                    with then:
                        turned = _chosen(builder, row, row, list(range(vector.count))[::-1])
                        builder.store(turned, place, align=size)
                    with otherwise:
                        builder.store(row, place, align=size)
            return target_context.get_dummy_value()

        return types.void(samples, int64, int64, int64), generate

    return part


turn_tile, turn_tile_past = intrinsic(_turn_tile(False)), intrinsic(_turn_tile(True))
settle = intrinsic(_settle)
part_2, part_4, part_8, part_16, part_32 = (intrinsic(_part_outputs(2**m)) for m in range(1, 6))
OUTPUTS = frozenset({2, 4, 8, 16, 32})
"""numbers of outputs that can be taken apart"""
