"""The run sequences of the annexes as lines of the console."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from nifsdc.sdsu.console.frames import Expected
from nifsdc.sdsu.console.language import Mistake, number, seconds
from nifsdc.sdsu.console.session import Session
from nifsdc.sdsu.pixels import Chunk
from nifsdc.sdsu.sequences import annexes, steps
from nifsdc.sdsu.sequences.runner import Runner

Action = Callable[[Session, list[str]], None]
Make = Callable[[list[str]], steps.Sequence]


class Taken:
    """The pixels that a sequence brought, as `frames.save` wants them."""

    problem: Exception | None = None

    def __init__(self, expected: Expected) -> None:
        self.expected = expected
        self.complete = False
        """whether every pixel expected has come"""
        self._blocks: list[list[NDArray[np.uint16]]] = []

    def take(self, block: int, chunk: Chunk) -> None:
        """Keep pixels of a block."""
        while len(self._blocks) <= block:
            self._blocks.append([])
        self._blocks[block].append(chunk.pixels.copy())

    @property
    def counts(self) -> tuple[int, ...]:
        """Pixels kept of each block."""
        return tuple(sum(part.size for part in parts) for parts in self._blocks)

    def stream(self) -> NDArray[np.uint16]:
        """Return all pixels in the order in which they came, shape (n,)."""
        parts = [part for parts in self._blocks for part in parts]
        return np.concatenate(parts) if parts else np.empty(0, np.uint16)

    def wait(self, seconds: float) -> bool:
        """Return True: the sequence is over."""
        return True

    def stop(self) -> None:
        """Do nothing: the sequence is over."""


def action(make: Make) -> Action:
    """Return what a line does that names a sequence: carry it out, step by step, and keep its pixels."""

    def carry_out(session: Session, arguments: list[str]) -> None:
        try:
            sequence = make(arguments)
        except ValueError as error:
            raise Mistake(str(error)) from None
        session.drop_readout()
        board = session.controller.timing_board
        blocks = [step.reads for step in sequence.steps if isinstance(step, steps.TakePixels)]
        expected = Expected(sequence.name, len(blocks), max(blocks), board.columns.read(), board.rows.read())
        taken = Taken(expected)
        session.collector = taken
        outcome = Runner(session.controller, taken.take, lambda text: session.say(f"  {text}")).run(sequence)
        taken.complete = True
        times = ", ".join(f"{each} ms" for each in outcome.integrated_ms)
        session.say(
            f"{sequence.name} is over: blocks of {', '.join(map(str, outcome.pixels))} pixels"
            + (f"; integrated {times}" if times else "")
        )

    return carry_out


def _milliseconds(text: str) -> int:
    return round(1000 * seconds(text))


def _only(arguments: Sequence[str], least: int, most: int, usage: str) -> None:
    if not least <= len(arguments) <= most:
        raise Mistake(f"expected {usage}")


def run(arguments: list[str]) -> steps.Sequence:
    """Annex C, run."""
    _only(arguments, 1, 1, "run SECONDS")
    return annexes.ccd_run(_milliseconds(arguments[0]))


def bias(arguments: list[str]) -> steps.Sequence:
    """Annex C, bias."""
    _only(arguments, 0, 0, "bias, and nothing behind it")
    return annexes.ccd_bias()


def dark(arguments: list[str]) -> steps.Sequence:
    """Annex C, dark."""
    _only(arguments, 1, 1, "dark SECONDS")
    return annexes.ccd_dark(_milliseconds(arguments[0]))


def flash(arguments: list[str]) -> steps.Sequence:
    """Annex C, flash."""
    _only(arguments, 1, 1, "flash SECONDS")
    return annexes.ccd_flash(_milliseconds(arguments[0]))


def ir_run(arguments: list[str]) -> steps.Sequence:
    """Annex D, run."""
    _only(arguments, 1, 3, "ir-run SECONDS [READS [CLEARING-READS]]")
    counts = [number(each, "count") for each in arguments[1:]]
    return annexes.ir_run(_milliseconds(arguments[0]), *counts)


def ir_bias(arguments: list[str]) -> steps.Sequence:
    """Annex D, bias."""
    _only(arguments, 0, 0, "ir-bias, and nothing behind it")
    return annexes.ir_bias()


def reads_at(arguments: list[str]) -> steps.Sequence:
    """Annex B."""
    _only(arguments, 1, 1000, "reads-at SECONDS [SECONDS ...]")
    return annexes.reads_at_time([_milliseconds(each) for each in arguments])
