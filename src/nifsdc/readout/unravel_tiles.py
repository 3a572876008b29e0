"""Taking interleaved samples apart and turning tiles over, in vectors: what unravelling is made of.

Both are a transpose. Where a sample of all outputs, or a row of a tile, is 16 bytes or more, it is loaded
in pieces of 16 bytes, and every quarter of a vector is transposed for itself: machines interleave 16 bytes in
one cheap step. Fewer outputs are parted into even and odd elements again and again. LLVM finds the
instructions for both; numba's loops over single elements do not become such instructions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from llvmlite import ir
from numba import boolean, int64
from numba.core import cgutils, types
from numba.extending import intrinsic

from nifsdc.readout.memory import CACHE_LINE
from nifsdc.readout.prefetch import prefetched

VECTOR = CACHE_LINE
"""bytes of a vector: a tile's row is written at once"""
PIECE = 16
"""bytes that are transposed among themselves"""
FEW = 4
"""outputs whose places a processor's registers can hold"""
PLACE_WORDS = 3
"""numbers that say where an output's samples go: see `_part_outputs`"""

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


def _interleaved(builder: Any, vectors: list[Any], piece: int) -> list[Any]:
    """Transpose each piece of so many elements among as many vectors.

    Each step deals the first and the second half of the vectors' pieces like cards; after as many steps as
    the piece has bits, number of vector and place in the piece have changed their parts.
    """
    lanes, half = vectors[0].type.count, len(vectors) // 2
    halves = [
        [
            place + other
            for start in range(0, lanes, piece)
            for place in range(start + first, start + first + piece // 2)
            for other in (0, lanes)
        ]
        for first in (0, piece // 2)
    ]
    for _ in range(piece.bit_length() - 1):
        vectors = [
            _chosen(builder, vectors[k], vectors[k + half], half_of)
            for k in range(half)
            for half_of in halves
        ]
    return vectors


def _joined(builder: Any, parts: list[Any]) -> Any:
    """Return one vector that has these one after another (a power of two of them)."""
    while len(parts) > 1:
        pairs = zip(parts[::2], parts[1::2], strict=True)
        parts = [_chosen(builder, *pair, list(range(2 * parts[0].type.count))) for pair in pairs]
    return parts[0]


def _vector(samples: Any) -> tuple[Any, int]:
    """Vector type for an array's elements, and the bytes of one."""
    size = samples.dtype.bitwidth // 8
    return ir.VectorType(ir.IntType(8 * size), VECTOR // size), size


def _at(builder: Any, address: Any, kind: Any) -> Any:
    return builder.inttoptr(address, kind.as_pointer())


def _columns(builder: Any, vector: Any, rows: list[Any], width: int) -> Iterator[Any]:
    """Yield the columns of a table of ``width`` elements whose rows, one a lane, begin at these addresses."""
    size = VECTOR // vector.count
    piece = PIECE // size
    part = ir.VectorType(vector.element, piece)
    for first in range(0, width, piece):
        along = ir.Constant(_ADDRESS, first * size)
        parts = [builder.load(_at(builder, builder.add(row, along), part), align=size) for row in rows]
        joined = [_joined(builder, parts[k::piece]) for k in range(piece)]
        yield from _interleaved(builder, joined, piece)


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
                rows.append(place)
                place = builder.add(place, step)
            for row in _columns(builder, vector, rows, vector.count):
                store = builder.store(row, _at(builder, result, vector), align=VECTOR if past else size)
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


def _outputs(builder: Any, vector: Any, source: Any, outputs: int) -> Iterator[Any]:
    """Yield a vector of samples of each output in rotation."""
    size = VECTOR // vector.count
    if outputs * size < PIECE:
        rows = []
        for number in range(outputs):
            place = builder.add(source, ir.Constant(_ADDRESS, number * VECTOR))
            rows.append(builder.load(_at(builder, place, vector), align=size))
        yield from _parted(builder, rows)
        return
    starts = [builder.add(source, ir.Constant(_ADDRESS, k * outputs * size)) for k in range(vector.count)]
    yield from _columns(builder, vector, starts, outputs)


def _write(builder: Any, row: Any, size: int, address: Any, ahead: Any) -> None:
    """Write a vector, and ask for the place of what comes next time."""
    if ahead is not None:
        prefetched(builder, builder.add(address, ahead), write=True)
    builder.store(row, _at(builder, address, row.type), align=size)


def _write_either(builder: Any, row: Any, size: int, place: tuple[Any, Any, Any], along: Any) -> None:
    """Write a vector so many bytes along an output's line, which may go backwards."""
    base, ahead, step = place
    backwards = builder.icmp_signed("<", step, ir.Constant(_ADDRESS, 0))
    with builder.if_else(backwards) as (then, otherwise):
        with then:
            turned = _chosen(builder, row, row, list(range(row.type.count))[::-1])
            _write(builder, turned, size, builder.sub(base, along), ahead)
        with otherwise:
            _write(builder, row, size, builder.add(base, along), ahead)


def _part_outputs(outputs: int) -> Callable[..., Any]:
    """Make the function that takes a line of samples of each of so many outputs apart."""

    def part(
        context: Any, samples: Any, source: Any, places: Any, count: Any, forwards: Any, ahead: Any
    ) -> Any:
        """Write the samples of outputs in rotation; the last vector may overlap the one before.

        Parameters
        ----------
        samples
            any array of the element's type
        source
            address of the first output's first sample
        places
            address of int64 (3, outputs): where sample 0 goes, or with samples that go backwards the last of
            the vector that begins with it; bytes to the next line's; 1, or -1 for backwards
        count
            samples of each output, at least a vector of them
        forwards
            whether no output goes backwards
        ahead
            bytes from what is read to what will be soon
        """
        vector, size = _vector(samples)

        def generate(target_context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            _, source, places, count, forwards, ahead = arguments
            table = builder.inttoptr(places, _ADDRESS.as_pointer())

            def entry(number: int) -> tuple[Any, Any, Any]:
                base, ahead, step = (
                    builder.load(builder.gep(table, [ir.Constant(_ADDRESS, outputs * word + number)]))
                    for word in range(PLACE_WORDS)
                )
                return base, (ahead if outputs <= FEW else None), step

            known = [entry(number) for number in range(outputs)] if outputs <= FEW else []
            side = ir.Constant(_ADDRESS, vector.count)
            last = builder.sub(count, side)
            vectors = builder.sdiv(builder.add(count, ir.Constant(_ADDRESS, vector.count - 1)), side)

            def line(forwards: bool) -> None:
                with cgutils.for_range(builder, vectors) as loop:
                    start = builder.mul(loop.index, side)
                    sample = builder.select(builder.icmp_signed("<", start, last), start, last)
                    along = builder.mul(sample, ir.Constant(_ADDRESS, size))
                    here = builder.add(source, builder.mul(along, ir.Constant(_ADDRESS, outputs)))
                    for number in range(outputs if outputs <= FEW else 0):
                        later = builder.add(ahead, ir.Constant(_ADDRESS, number * VECTOR))
                        prefetched(builder, builder.add(here, later), write=False)
                    for number, row in enumerate(_outputs(builder, vector, here, outputs)):
                        place = known[number] if known else entry(number)
                        if forwards:
                            _write(builder, row, size, builder.add(place[0], along), place[1])
                        else:
                            _write_either(builder, row, size, place, along)

            with builder.if_else(forwards) as (then, otherwise):
                with then:
                    line(forwards=True)
                with otherwise:
                    line(forwards=False)
            return target_context.get_dummy_value()

        return types.void(samples, int64, int64, int64, boolean, int64), generate

    return part


turn_tile, turn_tile_past = intrinsic(_turn_tile(False)), intrinsic(_turn_tile(True))
settle = intrinsic(_settle)
part_2, part_4, part_8, part_16, part_32 = (intrinsic(_part_outputs(2**m)) for m in range(1, 6))
OUTPUTS = frozenset({2, 4, 8, 16, 32})
"""numbers of outputs that can be taken apart"""
