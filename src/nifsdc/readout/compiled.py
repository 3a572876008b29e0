"""How the pixel loops are compiled: ahead of the first exposure, once a machine, without Python's lock.

A loop is compiled when its module is imported, for the types it is declared with and no others, so neither
the first exposure nor an array of another type can make the camera wait (docs/decisions/0011). The machine
code is kept beside the module, or in the user's cache where an installation is read-only (numba's own rules;
``NUMBA_CACHE_DIR`` names another place). Where nothing can be written it is compiled at each start.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba
from numba.core import types

Loop = TypeVar("Loop", bound=Callable[..., Any])


def vector(kind: types.Type, *, read_only: bool = False) -> types.Array:
    """Return the type of a contiguous array of one dimension; one that is only read may be read-only."""
    return types.Array(kind, 1, "C", readonly=read_only)


def compiled(*signatures: object) -> Callable[[Loop], Loop]:
    """Compile a function over arrays for these signatures; it releases the interpreter's lock.

    Parameters
    ----------
    signatures
        numba signatures; none for a helper that only other compiled functions call
    """

    def compile_it(function: Loop) -> Loop:
        options = {"nopython": True, "nogil": True}
        declared = list(signatures) or None
        if declared is None:
            return cast(Loop, numba.jit(**options)(function))
        try:
            return cast(Loop, numba.jit(declared, cache=True, **options)(function))
        except RuntimeError as error:
            if "cannot cache" not in str(error):
                raise
            return cast(Loop, numba.jit(declared, **options)(function))

    return compile_it
