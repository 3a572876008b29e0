"""Work on pixels divided among threads, into parts that share no cache line."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from typing import TypeVar

Part = TypeVar("Part")


def each(work: Callable[[Part], object], parts: Sequence[Part], pool: Executor | None) -> None:
    """Do the work on every part: the first on this thread, the others in the pool if there is one.

    Returns when all are done; the first error of any part is raised then.
    """
    if pool is None or len(parts) < 2:
        for part in parts:
            work(part)
        return
    others = [pool.submit(work, part) for part in parts[1:]]
    try:
        work(parts[0])
    finally:
        for other in others:
            other.exception()
    for other in others:
        other.result()


def ranges(first: int, last: int, threads: int, whole: int) -> list[tuple[int, int]]:
    """Divide a range into so many equal parts, cut only at multiples of ``whole`` from its beginning."""
    share = max(1, -(-(last - first) // (threads * whole))) * whole
    return [(start, min(start + share, last)) for start in range(first, last, share)] or [(first, last)]
