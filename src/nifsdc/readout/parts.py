"""Work on pixels divided among threads, into parts that share no cache line."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Executor, wait
from typing import TypeVar

Part = TypeVar("Part")


def each(work: Callable[[Part], object], parts: Sequence[Part], threads: int, pool: Executor | None) -> None:
    """Do the work on every part: on this thread, and on others of the pool up to so many in all.

    Each takes the next part when it has done one, so that a thread that is held up leaves work to the others.
    Returns when all are done; an error of any part is raised then.
    """
    left = iter(parts)

    def take_parts() -> None:
        # A list's iterator gives each element to one thread only.
        for part in left:
            work(part)

    others = min(threads, len(parts)) - 1
    helpers = [pool.submit(take_parts) for _ in range(others)] if pool is not None else []
    try:
        take_parts()
    finally:
        wait(helpers)
    for helper in helpers:
        helper.result()


def ranges(first: int, last: int, threads: int, whole: int) -> list[tuple[int, int]]:
    """Divide a range into so many equal parts, cut only at multiples of ``whole`` from its beginning."""
    share = max(1, -(-(last - first) // (threads * whole))) * whole
    return [(start, min(start + share, last)) for start in range(first, last, share)] or [(first, last)]
