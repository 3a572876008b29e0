"""stringin and stringout of EPICS base, with soft device support."""

from __future__ import annotations

from .record import LOG, VALUE, Record
from .standard import InputRecord, OutputRecord

ALWAYS = 1
"""menuPost"""


class TextRecord(Record):
    """VAL is text."""

    __slots__ = ()

    def monitor(self) -> None:
        """Post VAL where it changed, or always where MPST and APST say so."""
        v = self.v
        mask = self.reset_alarms()
        if v["OVAL"] != v["VAL"]:
            mask |= VALUE | LOG
            v["OVAL"] = v["VAL"]
        mask |= (VALUE if v["MPST"] == ALWAYS else 0) | (LOG if v["APST"] == ALWAYS else 0)
        if mask:
            self.post("VAL", mask)


class StringinRecord(InputRecord, TextRecord):
    """Text from somewhere."""

    __slots__ = ()

    def init(self) -> None:
        """See InputRecord; the first text is no change."""
        super().init()
        self.v["OVAL"] = self.v["VAL"]

    def process(self) -> bool:
        """Read, check, post."""
        if self.read_input():
            self.v["UDF"] = 0
        self.stamp()
        self.undefined_alarm()
        self.monitor()
        self.forward()
        return False


class StringoutRecord(OutputRecord, TextRecord):
    """Text to somewhere."""

    __slots__ = ()

    def init(self) -> None:
        """See OutputRecord; the first text is no change."""
        super().init()
        self.v["OVAL"] = self.v["VAL"]

    def process(self) -> bool:
        """Fetch, write, post."""
        self.fetch()
        self.undefined_alarm()
        self.drive()
        self.stamp()
        self.monitor()
        self.forward()
        return False
