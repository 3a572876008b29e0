"""What can go wrong between a client and its detector controller: one class for each thing to do about it."""

from __future__ import annotations


class CameraError(RuntimeError):
    """Whatever a `Camera` complains of."""


class NotConnected(CameraError):
    """A channel did not answer; the text names it and says what to check."""


class CommandRefused(CameraError):
    """The apply record, or a set-point, rejected something before anything was done.

    Parameters
    ----------
    reason
        the record's MESS
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class CommandFailed(CameraError):
    """A command was taken and failed.

    Parameters
    ----------
    reason
        the OMSS of its response record
    record
        the response record (car), without the camera's prefix
    """

    def __init__(self, reason: str, record: str = "") -> None:
        super().__init__(reason)
        self.reason, self.record = reason, record


class TookTooLong(CameraError, TimeoutError):
    """A command was taken, and its response did not come in time; it may be under way still."""
