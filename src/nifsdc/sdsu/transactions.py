"""One command and its answer at a time, each with a deadline (INS-DAS-18, "Transactions")."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from nifsdc.sdsu.commands import LONGEST_SECONDS, MARGIN_SECONDS, Command, Reply
from nifsdc.sdsu.errors import (
    Busy,
    ErrorReply,
    NoReply,
    UnexpectedReply,
    UnexpectedReset,
    WrongEcho,
)
from nifsdc.sdsu.links.base import Link
from nifsdc.sdsu.words import DON, ERR, SYR, BadWords, Board, Packet, decode, encode, show, word

log = logging.getLogger("nifsdc.sdsu")

LOST_POWER = "it was switched off, reset by its button or lost its programme; init loads it again"
LATE_LOOK_SECONDS = 0.002
"""real seconds between two looks for an answer that comes late"""
_SYSTEM_RESET = Packet(Board.TIMING, Board.HOST, (SYR,))


def look_for_resets(link: Link, when: str) -> bool:
    """Take what came up a link unasked, and tell whether anything did.

    ``when`` begins the message. Answers that came too late are dropped, and logged.

    Raises
    ------
    UnexpectedReset
        when what came says that the controller was reset
    """
    packets = link.unasked()
    for words in packets:
        if SYR in words[1:2]:
            raise UnexpectedReset(
                f"{when}: the controller announced a reset that nobody sent (SYR): {LOST_POWER}"
            )
        log.warning("an answer came too late and is dropped: %s", " ".join(show(value) for value in words))
    return bool(packets)


class Transactor:
    """Carries out transactions on one link, never two at a time even for different boards.

    Parameters
    ----------
    link
        the way to the controller
    guard
        called before anything is sent; raises `Busy` when the command cannot be answered now, and tells
        whether a readout goes on that may have its next pixels before the answer
    """

    def __init__(self, link: Link, guard: Callable[[Command], bool]) -> None:
        self._link = link
        self._guard = guard
        self._lock = threading.RLock()
        self._overtaken: Packet | None = None
        """a command that pixels overtook and that may still be answered, once they have come"""

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """Keep every other transaction out; `Busy` when one does not end in time."""
        if not self._lock.acquire(timeout=LONGEST_SECONDS + 1.0):
            raise Busy(f"another command has not ended for {LONGEST_SECONDS:.0f} s: reset the controller")
        try:
            yield
        finally:
            self._lock.release()

    def ask(
        self,
        board: Board,
        command: Command,
        arguments: Sequence[int] = (),
        expected: int | None = None,
        within: float | None = None,
    ) -> int:
        """Send a command and return the word it is answered with.

        Parameters
        ----------
        board
            who is to obey
        command
            what; its reply is not NONE
        arguments
            the words after the label, each of 24 bits
        expected
            the value the answer ought to be, where it is known: then a value that happens to look like ERR
            or SYR is taken for what it is
        within
            real seconds for the answer, where the caller knows better than the table of commands

        Raises
        ------
        NoReply, ErrorReply, UnexpectedReply, WrongEcho, UnexpectedReset, LinkLost, Busy
        """
        packet = Packet(Board.HOST, board, (word(command.label), *arguments))
        with self.exclusive():
            before = self._link.progress()
            may_be_overtaken = self._guard(command)
            self._let_late_answer_pass()
            look_for_resets(self._link, f"before {packet}")
            try:
                answer = self._exchange(packet, command, within or command.deadline_for(arguments))
                return self._judge(packet, command, answer, expected)
            except (NoReply, ErrorReply) as error:
                if not may_be_overtaken or self._link.progress() == before:
                    raise
                self._overtaken = packet if isinstance(error, NoReply) else None
                raise Busy(
                    f"{error}; but pixels began to come when it was sent, and the controller takes nothing "
                    "then: send it again when they have come"
                ) from error

    def _let_late_answer_pass(self) -> None:
        """Take the answer to a command that pixels overtook: it would be taken for that to the next one.

        A controller may refuse what it was sent meanwhile as soon as the pixels have come.
        """
        packet, self._overtaken = self._overtaken, None
        if packet is None:
            return
        deadline = time.monotonic() + MARGIN_SECONDS
        while not look_for_resets(self._link, f"after {packet}") and time.monotonic() < deadline:
            time.sleep(LATE_LOOK_SECONDS)

    def tell(self, board: Board, command: Command) -> None:
        """Send a command that has no answer."""
        packet = Packet(Board.HOST, board, (word(command.label),))
        self._guard(command)
        log.debug("%s", packet)
        self._link.send(encode(packet))

    def reset(self, command: Command) -> None:
        """Reset the controller and wait until its boot programmes run."""
        with self.exclusive():
            self._overtaken = None
            log.debug("HOST->TIMING reset")
            try:
                answer = decode(self._link.reset(command.deadline_s))
            except TimeoutError as error:
                raise NoReply(
                    f"reset: the controller did not announce itself with SYR "
                    f"within {command.deadline_s:g} s: check that it is on and the fibres are not crossed"
                ) from error
            except BadWords as error:
                raise UnexpectedReply(f"reset: {error}; expected SYR: reset again") from error
            log.debug("%s", answer)
            if answer != _SYSTEM_RESET:
                raise UnexpectedReply(f"reset: came {answer}; expected {_SYSTEM_RESET}: reset again")

    def _exchange(self, packet: Packet, command: Command, within: float) -> Packet:
        log.debug("%s", packet)
        words = encode(packet)
        try:
            answer = decode(self._link.transact(words, within))
        except TimeoutError as error:
            raise NoReply(
                f"{packet}: no answer within {within:g} s, expected {command.reply.value}: "
                "check the controller's power and the link, then init"
            ) from error
        except BadWords as error:
            raise UnexpectedReply(f"{packet}: the answer is no packet ({error}): init") from error
        log.debug("%s", answer)
        return answer

    @staticmethod
    def _judge(packet: Packet, command: Command, answer: Packet, expected: int | None) -> int:
        """Return the answer's word when it is a right one, else raise what is wrong with it."""
        value = answer.words[0]
        right_header = Packet(packet.destination, Board.HOST, (0,)).header
        if expected is not None and answer.header == right_header and value == expected:
            return value
        if value == SYR and len(answer.words) == 1:
            raise UnexpectedReset(f"{packet}: answered by SYR, expected {command.reply.value}: {LOST_POWER}")
        if answer.header != right_header:
            raise UnexpectedReply(
                f"{packet}: came {answer} with header 0x{answer.header:06X}, expected header "
                f"0x{right_header:06X}: the link is out of step; init"
            )
        if value == ERR:
            raise ErrorReply(f"{packet}: the controller refused it (ERR), expected {command.reply.value}")
        if command.reply is Reply.ECHO and value != packet.words[1]:
            raise WrongEcho(
                f"{packet}: 0x{value:06X} came back, expected 0x{packet.words[1]:06X}: the link corrupts "
                "bits; check the fibres, then init"
            )
        if command.reply is Reply.DONE and value != DON:
            raise UnexpectedReply(f"{packet}: answered by {show(value)}, expected DON: init")
        return value
