"""What can go wrong on the way of a frame to the disk."""

from __future__ import annotations


class DataError(RuntimeError):
    """A frame did not get where it should; the text says what is wrong and what to do."""


class StoreFailed(DataError):
    """The data server did not acknowledge a frame, which must be sent again.

    Parameters
    ----------
    reason
        what is wrong and what to do
    refused
        whether the server answered and said no, rather than not answering
    short
        the same in a few words; by default the reason itself
    """

    def __init__(self, reason: str, *, refused: bool = False, short: str = "") -> None:
        super().__init__(reason)
        self.refused = refused
        self.short = short or reason


class NotDelivered(DataError):
    """A frame is not stored; it waits in the spool if ``spooled``, and is in memory only otherwise."""

    def __init__(self, reason: str, *, spooled: bool) -> None:
        super().__init__(reason)
        self.spooled = spooled


class LabelRefused(DataError):
    """A data label from which no file name can be made: the user's to mend."""


class WireError(DataError):
    """Bytes that are not a message, or not the one that was sent."""


class SpoolError(DataError):
    """A frame could not be put into the spool, or taken from it."""
