"""What the Slave does with the controller besides observing: start-up, tests, direct commands, telemetry."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from typing import Any

from nifsdc.camera.sdsu import SdsuCamera
from nifsdc.dictionary import StatusDictionary
from nifsdc.sdsu.commands import COMMANDS, Command, Reply
from nifsdc.sdsu.errors import Busy, ControllerError, ErrorReply
from nifsdc.sdsu.exchange import READ_BLOCKS
from nifsdc.sdsu.memory import ReadoutMode
from nifsdc.sdsu.pixels import Cancelled
from nifsdc.sdsu.words import Address, Board, Space
from nifsdc.tasks.messages import ControllerCommand, Request, Scalar

YES, NO = 0, 1
ADDRESS_COMMANDS = frozenset({"RDM", "WRM"})
"""direct commands whose first argument is an address, given as memory space and offset"""
STARTS_READOUT = frozenset({*READ_BLOCKS, "RDC"})
"""commands after which pixels come that nobody would take"""
TEXT_LENGTH = 39

_SPACES = {"P": Space.P, "X": Space.X, "Y": Space.Y}
_log = logging.getLogger("nifsdc.slave")


class Refused(ControllerError):
    """A direct command that cannot be sent as it was given."""


class Engineering:
    """Engineering commands of one camera, for the Slave's thread.

    Parameters
    ----------
    camera
        the camera
    status
        status records
    """

    def __init__(self, camera: SdsuCamera[Any, Any], status: StatusDictionary) -> None:
        self._camera = camera
        self._status = status
        self.cancel = threading.Event()
        """ends a long command after the step it is at"""
        self._commands: Mapping[str, Callable[[Mapping[str, Scalar]], None]] = {
            "test": self._test,
            "testSDSU": self._test_links,
            "testPat": self._test_pattern,
            "DSPDirectCmd": self._direct,
            "resetSDSU": self._reset,
            "shutdownSDSU": self._shut_down,
            **camera.engineering,
        }

    def start_up(self) -> None:
        """Start the controller up and show what it is."""
        self._status.set("SDSUcomms", NO)
        self._camera.start_up(self._step)
        self._status.set("SDSUcomms", YES)
        self._status.set("SDSUpon", YES)
        for name, value in self._camera.identity().items():
            self._status.set(name, value[:TEXT_LENGTH] if isinstance(value, str) else value)
        self.show_telemetry()

    def carry_out(self, name: str, arguments: Mapping[str, Scalar]) -> None:
        """Carry out one engineering command.

        Raises
        ------
        ControllerError
        """
        self.cancel.clear()
        self._step(name)
        self._commands[name](arguments)

    def is_lost(self, request: Request, error: Exception) -> bool:
        """Tell whether after this failure the controller needs an init before anything else."""
        if isinstance(request, ControllerCommand):
            return not isinstance(error, (ErrorReply, Busy, Refused, Cancelled))
        return True

    def show_telemetry(self) -> None:
        """Read temperatures, voltages and states, and show them; not while pixels flow."""
        self._camera.check()
        for name, value in self._camera.telemetry().items():
            self._status.set(name, value)

    def _step(self, text: str) -> None:
        self._status.set("statusMsg", text[:TEXT_LENGTH])

    # --- the commands -------------------------------------------------------------------------------------

    def _test(self, arguments: Mapping[str, Scalar]) -> None:
        """Hardware test: both boards echo, both programs are where they were put, telemetry answers."""
        self._echo(16)
        self._camera.check()
        self.show_telemetry()

    def _test_links(self, arguments: Mapping[str, Scalar]) -> None:
        self._echo(int(arguments["SDSUntests"]))

    def _echo(self, tests: int) -> None:
        for number in range(tests):
            if self.cancel.is_set():
                self._step(f"cancelled after {number} of {tests} tests")
                return
            for board in (Board.TIMING, Board.UTILITY):
                self._camera.controller.test_data_link(board, (number * 0x5A5A5B + 0xAAAAAA) & 0xFFFFFF)
        self._step(f"{tests} link tests passed")

    def _test_pattern(self, arguments: Mapping[str, Scalar]) -> None:
        """Have the timing board send its test pattern for one read, and check that every pixel is there."""
        wanted = arguments["testPatVerify"] == "Yes"
        self._status.set("verified", NO)
        board = self._camera.controller.timing_board
        board.readout_mode.write(ReadoutMode.TEST_1)
        try:
            steady = self._camera.read_test_pattern(self.cancel)
        finally:
            board.readout_mode.write(ReadoutMode.DATA)
        self._status.set("verified", YES if steady else NO)
        if wanted and not steady:
            raise Refused("the test pattern that came is not the one sent: test the data link")

    def _direct(self, arguments: Mapping[str, Scalar]) -> None:
        label = str(arguments["SDSUcommand"]).strip().upper()
        command = COMMANDS.get(label)
        board = Board[str(arguments["SDSUboard"])]
        if command is None or board not in command.boards or not _is_direct(command):
            known = sorted(
                each.label for each in COMMANDS.values() if board in each.boards and _is_direct(each)
            )
            raise Refused(f"{label} to {board.name}: not a direct command; {', '.join(known) or 'none is'}")
        words = [int(arguments["SDSUarg1"]), int(arguments["SDSUarg2"])]
        if label in ADDRESS_COMMANDS:
            space = _SPACES[str(arguments["SDSUmemSpace"])]
            words.insert(0, Address(space, int(arguments["SDSUaddress"])).word)
        reply = self._camera.controller.command(board, label, *words[: len(command.arguments)])
        self._status.set("lastReply", reply)
        self._status.set("SDSUcmdDone", int.from_bytes(label.encode("ascii"), "big"))
        self._step(f"{label} replied 0x{reply:06X}")

    def _reset(self, arguments: Mapping[str, Scalar]) -> None:
        self._camera.controller.reset()
        self._status.set("SDSUpon", NO)
        self._step("reset; initSDSU loads the programs")

    def _shut_down(self, arguments: Mapping[str, Scalar]) -> None:
        self._camera.shut_down()
        self._status.set("SDSUpon", NO)
        self._step("power is off; initSDSU starts again")


def _is_direct(command: Command) -> bool:
    """Tell whether a command can be sent by hand: it has an answer and starts no readout."""
    return command.label not in STARTS_READOUT and command.reply not in (Reply.NONE, Reply.SYSTEM_RESET)
