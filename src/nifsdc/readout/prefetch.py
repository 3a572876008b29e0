"""Asking for memory before it is needed, where the program knows the places and the hardware does not."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import int64
from numba.core import types
from numba.extending import intrinsic

_INDEX = ir.IntType(32)
_NEAREST = 3
"""keep it in all caches"""


def prefetched(builder: Any, address: Any, *, write: bool) -> None:
    """Emit a request for the cache line of an address; one outside the program's memory does no harm."""
    pointer = ir.IntType(8).as_pointer()
    kind = ir.FunctionType(ir.VoidType(), [pointer, _INDEX, _INDEX, _INDEX])
    function = builder.module.declare_intrinsic("llvm.prefetch", [pointer], kind)
    flags = [ir.Constant(_INDEX, flag) for flag in (int(write), _NEAREST, 1)]
    builder.call(function, [builder.inttoptr(address, pointer), *flags])


def _prefetch(context: Any, address: Any) -> Any:
    """Ask for the cache line of an address, to read and write it soon."""

    def generate(target_context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        prefetched(builder, arguments[0], write=True)
        return target_context.get_dummy_value()

    return types.void(int64), generate


prefetch = intrinsic(_prefetch)
