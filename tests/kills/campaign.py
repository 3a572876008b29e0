"""One process killed at a random moment of an observation, again and again: what becomes of the exposures."""

from __future__ import annotations

import random
import time
from collections import Counter
from dataclasses import dataclass

from ..system.conftest import Monitor, wait_until
from .rig import ERROR, IDLE, Name, Rig, ended_in, verified

ANSWER_SECONDS = 120.0
AFTER_END = 1.3
"""moments are spread over so many times the length of an observation"""


@dataclass(frozen=True)
class Outcome:
    """What became of one exposure."""

    label: str
    killed: Name
    after: float
    """seconds from its START"""
    answer: str
    """of its CAR: IDLE, ERROR and the reason, or none where the IOC was killed before"""
    files: int
    reported: bool
    """whether the IOC has said that there is no file of it"""

    @property
    def kept(self) -> bool:
        """Whether nothing was lost silently, and nothing written twice."""
        if self.answer == "IDLE":
            return self.files == 1
        return self.files == 1 or (self.files == 0 and self.reported)


def observe(rig: Rig, label: str) -> Monitor:
    """Start an observation, and return what sees its CAR."""
    seen = rig.system.monitor("dc:observeC.VAL")
    wait_until(lambda: _accepted(rig, label), ANSWER_SECONDS, "a data server to be connected")
    return seen


def _accepted(rig: Rig, label: str) -> bool:
    """START, and tell whether it was accepted; it may be refused while the IOC connects to a new server."""
    rig.system.put("dc:observe.A", label)
    if rig.system.start() > 0:
        return True
    message = rig.system.message()
    rig.system.put("dc:nifsApply.DIR", "CLEAR")
    assert message == "data server not connected"
    return False


def length_of_one(rig: Rig) -> float:
    """Return the seconds from START to IDLE of an observation that nobody disturbs."""
    began = time.monotonic()
    seen = observe(rig, "Undisturbed")
    seen.wait(ended_in(IDLE, ERROR), ANSWER_SECONDS)
    seen.close()
    return time.monotonic() - began


def trial(rig: Rig, name: Name, label: str, after: float) -> Outcome:
    """Kill a process so many seconds after an observation was started, start it again, and look."""
    seen = observe(rig, label)
    time.sleep(after)
    rig.kill(name)
    if name is not Name.IOC:
        if name is Name.SERVER:
            rig.start(name)
        seen.wait(ended_in(IDLE, ERROR), ANSWER_SECONDS)
    answer = _answer(rig, seen, name)
    seen.close()
    if name is Name.SERVER:
        rig.wait_ready()
    else:
        rig.restart(name)
    return Outcome(label, name, after, answer, len(rig.files(label)), _reported(rig, label, answer))


def _answer(rig: Rig, seen: Monitor, name: Name) -> str:
    values = seen.of("dc:observeC.VAL")
    if values[-1:] == [IDLE]:
        return "IDLE"
    if values[-1:] == [ERROR] and name is not Name.IOC:
        return f"ERROR: {rig.system.get('dc:observeC.OMSS', text=True)}"
    return "none"


def _reported(rig: Rig, label: str, answer: str) -> bool:
    """Whether an answer, or after a restart a record and the log, say that there is no file."""
    if answer.startswith("ERROR"):
        return True
    text = "".join(chr(code) for code in rig.system.get("sad:dc:interruptedMsg") if code)
    told = f"observe {label}" in text.split(", ")
    return told and f"observe '{label}' of" in rig.log(Name.IOC)


def campaign(rig: Rig, names: list[Name], seed: int) -> list[Outcome]:
    """Kill processes, one in each observation, and return what became of the exposures."""
    moments = random.Random(seed)
    length = length_of_one(rig)
    outcomes = [
        trial(rig, name, f"Kill{number}", moments.uniform(0.0, AFTER_END * length))
        for number, name in enumerate(names)
    ]
    wait_until(lambda: rig.system.get("sad:dc:framesSpooled") == 0, ANSWER_SECONDS, "an empty spool")
    return outcomes


def check(rig: Rig, outcomes: list[Outcome]) -> None:
    """Assert that every exposure is on disk once, or was told to be lost; and that all files are whole."""
    assert [outcome for outcome in outcomes if not outcome.kept] == []
    exposures = Counter(verified(path) for path in rig.data.glob("[0-9]*/*.fits"))
    assert [exposure for exposure, files in exposures.items() if files > 1] == []
