"""What happens to words and pixels on their way through the fibres."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from nifsdc.sdsu.words import DON, ERR, PREAMBLE, SYR, Board, Packet, encode, frame, word
from nifsdc_sim.faults import FaultKind, Faults, Happening

LOST_PREAMBLE = PREAMBLE ^ 0x08
VALUES = ("TDL", "RDM", "GEN")
"""commands that are answered with a value"""


@dataclass
class PixelFaults:
    """The faults of one block of pixels."""

    stop_at: float
    """index of the pixel after which none comes"""
    end_at: float
    """index of the pixel after which the block ends"""
    lost: tuple[int, int]
    """index of the first pixel lost, and of the first that is not"""
    flip: tuple[int, int]
    """index of a pixel, -1 for none, and mask of the bit that is inverted"""
    sent: int = 0
    """pixels that the detector has given so far"""

    @classmethod
    def take(cls, faults: Faults, label: str, pixels: int) -> PixelFaults:
        """Return what is to go wrong with a block of so many pixels that a command asked for."""

        def at(happening: Happening | None) -> float:
            return math.inf if happening is None else round(happening.fault.fraction * pixels)

        lost, flip = faults.take(FaultKind.PIXELS_LOST, label), faults.take(FaultKind.PIXEL_FLIP, label)
        first = 0 if lost is None else round(lost.fault.fraction * pixels)
        mask = 0 if flip is None else 1 << flip.pick(16)
        place = -1 if flip is None else min(round(flip.fault.fraction * pixels), pixels - 1)
        return cls(
            at(faults.take(FaultKind.PIXELS_STOP, label)),
            at(faults.take(FaultKind.SHORT_FRAME, label)),
            (first, first + (0 if lost is None else lost.fault.pixels)),
            (place, mask),
        )

    @property
    def stalled(self) -> bool:
        """Whether no more pixels come and the readout does not end."""
        return self.sent >= self.stop_at

    @property
    def ended(self) -> bool:
        """Whether the block ends here."""
        return self.sent >= self.end_at

    def pass_on(self, pixels: NDArray[np.uint16]) -> NDArray[np.uint16]:
        """Return what arrives of the next pixels, shape (n,)."""
        first, self.sent = self.sent, self.sent + pixels.size
        place, mask = self.flip
        if first <= place < self.sent:
            pixels = pixels.copy()
            pixels[place - first] ^= mask
        last = min(self.sent, self.stop_at, self.end_at)
        gone, back = (max(0, min(index - first, pixels.size)) for index in self.lost)
        pixels = pixels[: max(0, int(last) - first)]
        return np.delete(pixels, slice(gone, back)) if back > gone else pixels


class WordFaults:
    """The faults of words in both directions."""

    def __init__(self, faults: Faults) -> None:
        self._take: Callable[[FaultKind, str | None], Happening | None] = faults.take

    def arriving(self, packet: Packet, label: str | None) -> Packet:
        """Return a command as its board gets it."""
        if label == "WRM" and len(packet.words) == 3:
            happening = self._take(FaultKind.WRITE_FLIP, label)
            if happening is not None:
                *front, value = packet.words
                return replace(packet, words=(*front, value ^ 1 << happening.pick(24)))
        return packet

    def words_left(self, packet: Packet, label: str | None) -> bytes | None:
        """Return what the timing board keeps of a command that lost a preamble, None for one that did not."""
        happening = self._take(FaultKind.PREAMBLE_LOST, label)
        if happening is None:
            return None
        words = encode(packet)
        lost = happening.pick(len(words))
        return frame(words[:lost] + words[lost + 1 :])

    def answer(self, answer: Packet, label: str | None) -> Packet:
        """Return an answer with what is wrong in it."""
        take = self._take
        *front, last = answer.words
        if last not in (DON, ERR, SYR) and label in VALUES and take(FaultKind.WRONG_ECHO, label):
            last ^= 1
        flip = take(FaultKind.BIT_FLIP, label)
        if flip is not None:
            last ^= 1 << flip.pick(24)
        if last == DON and take(FaultKind.WRONG_LABEL, label):
            last = word("DUN")
        if take(FaultKind.WRONG_HEADER, label):
            other = Board.TIMING if answer.source is Board.UTILITY else Board.UTILITY
            answer = replace(answer, source=other)
        return replace(answer, words=(*front, last))

    def framed(self, answer: Packet, label: str | None) -> bytes:
        """Return an answer as it goes over the fibre."""
        words = encode(answer)
        happening = self._take(FaultKind.REPLY_PREAMBLE_LOST, label)
        lost = None if happening is None else happening.pick(len(words))
        return b"".join(
            frame((value,), LOST_PREAMBLE if place == lost else PREAMBLE) for place, value in enumerate(words)
        )
