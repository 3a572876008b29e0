"""What the daemons that discipline a clock say: chronyd by chronyc, linuxptp by pmc."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass

ANSWER_SECONDS = 2.0
"""for a tool to answer"""
CHRONY = ("chronyc", "-n", "-c", "tracking")
PTP = ("pmc", "-u", "-b", "0", "GET TIME_STATUS_NP", "GET CURRENT_DATA_SET")
_CHRONY_FIELDS = 14
_NANO = 1e-9


@dataclass(frozen=True)
class Chrony:
    """What ``chronyc tracking`` says; times in seconds."""

    stratum: int
    offset: float
    """of the host's clock, which is being slewed away"""
    root_delay: float
    root_dispersion: float
    leap_status: str

    @property
    def synchronised(self) -> bool:
        """Whether it follows a source."""
        return self.leap_status != "Not synchronised"


@dataclass(frozen=True)
class Ptp:
    """What ``pmc`` says of ptp4l; times in seconds."""

    present: bool
    """whether there is a grandmaster"""
    steps: int
    offset: float
    path_delay: float


def chrony() -> Chrony | None:
    """Ask chronyd; None when it is not there or does not answer."""
    said = _said(CHRONY)
    return None if said is None else chrony_of(said)


def ptp() -> Ptp | None:
    """Ask ptp4l; None when it is not there or does not answer."""
    said = _said(PTP)
    return None if said is None else ptp_of(said)


def chrony_of(said: str) -> Chrony | None:
    """Return what a line of ``chronyc -c tracking`` says: 14 fields; None when it is not that."""
    fields = said.strip().split(",")
    try:
        if len(fields) != _CHRONY_FIELDS:
            return None
        return Chrony(int(fields[2]), float(fields[4]), float(fields[10]), float(fields[11]), fields[13])
    except ValueError:
        return None


def ptp_of(said: str) -> Ptp | None:
    """Return what ``pmc`` says of time status and current data set; None when it does not."""
    words = dict(re.findall(r"^\s+(\w+)\s+(\S+)\s*$", said, re.MULTILINE))
    try:
        return Ptp(
            words["gmPresent"] == "true",
            int(words["stepsRemoved"]),
            float(words["offsetFromMaster"]) * _NANO,
            float(words["meanPathDelay"]) * _NANO,
        )
    except (KeyError, ValueError):
        return None


def _said(command: Sequence[str]) -> str | None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=ANSWER_SECONDS, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout
