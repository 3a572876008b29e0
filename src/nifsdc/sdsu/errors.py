"""What can go wrong with a controller, one class for each thing an operator would do differently.

Every message says which command went to which board, what was expected, what came instead and what to do.
A mistake of ours (a value that does not fit a word, say) is a `ValueError` and not one of these.
"""

from __future__ import annotations


class ControllerError(Exception):
    """Something is wrong with the controller or on the way to it."""


class NoReply(ControllerError):
    """A command got no answer within its deadline."""


class ErrorReply(ControllerError):
    """The controller refused a command with ERR."""

    def __init__(self, message: str, errno: int | None = None) -> None:
        super().__init__(message)
        self.errno = errno
        """the board's errno where it could be read, else None"""


class UnexpectedReply(ControllerError):
    """An answer came that does not belong to the command: wrong header, wrong length or wrong label."""


class WrongEcho(UnexpectedReply):
    """The test of the data link brought another value back than was sent: bits are being corrupted."""


class UnexpectedReset(ControllerError):
    """SYR came although no reset was sent, or the programme is gone: the controller lost power."""


class PixelTimeout(ControllerError):
    """Pixels stopped coming before the readout was complete."""


class LinkLost(ControllerError):
    """The connection to the interface is gone; the link must be opened again."""


class Busy(ControllerError):
    """The controller is reading out and takes nothing but an abort or a reset."""


class DownloadFailed(ControllerError):
    """A word of a programme or of a window table read back otherwise than it was written."""


class NotNow(Exception):
    """What was asked of a running exposure cannot be done to it; the text says why, in a few words."""
