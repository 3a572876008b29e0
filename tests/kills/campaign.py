"""Something happens at a random moment of an observation, again and again: what becomes of the exposures."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ..system.conftest import Monitor, wait_until
from .faults import Faulty
from .rig import ERROR, IDLE, Name, Rig, ended_in, verified
from .roads import Fault

ANSWER_SECONDS = 120.0
AFTER_END = 1.3
"""moments of kills are spread over so many times the length of an observation"""
BEFORE_END = 0.9
"""those of faults, which an observation that is stored does not feel any more"""
UNDISTURBED = "Undisturbed"


@dataclass(frozen=True)
class Outcome:
    """What became of one exposure."""

    label: str
    what: str
    """that happened: the process that was killed, or the fault"""
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


Trial = Callable[[str, float], Outcome]
"""takes an exposure of this label, and has something happen so many seconds after its START"""


def observe(rig: Rig, label: str) -> Monitor:
    """Start an observation, and return what sees its CAR."""
    seen = rig.system.monitor("dc:observeC.VAL")
    wait_until(lambda: _accepted(rig, label), ANSWER_SECONDS, "an observation to be accepted")
    return seen


def _accepted(rig: Rig, label: str) -> bool:
    """START, and tell whether it was accepted.

    It may be refused while the IOC connects to a new server, and by a controller that has to be initialised
    because its simulator got nothing of a busy machine in the exposure before.
    """
    rig.system.put("dc:observe.A", label)
    if rig.system.start() > 0:
        return True
    message = rig.system.message()
    rig.system.put("dc:nifsApply.DIR", "CLEAR")
    if message != "data server not connected":
        rig.init()
    return False


def length_of_one(rig: Rig) -> float:
    """Return the seconds from START to IDLE of an observation that nobody disturbs."""
    began = time.monotonic()
    seen = observe(rig, UNDISTURBED)
    seen.wait(ended_in(IDLE, ERROR), ANSWER_SECONDS)
    seen.close()
    return time.monotonic() - began


def kill(rig: Rig, name: Name) -> Trial:
    """Kill a process in the middle of an exposure and start it again."""

    def trial(label: str, after: float) -> Outcome:
        seen = observe(rig, label)
        time.sleep(after)
        rig.kill(name)
        if name is not Name.IOC:
            if name is Name.SERVER:
                rig.start(name)
            seen.wait(ended_in(IDLE, ERROR), ANSWER_SECONDS)
        answer = _answer(rig, seen, ended=name is not Name.IOC)
        seen.close()
        if name is Name.SERVER:
            rig.wait_ready()
        else:
            rig.restart(name)
        return _outcome(rig, label, name.value, after, answer)

    return trial


def befall(place: Faulty, fault: Fault) -> Trial:
    """Have a fault happen in the middle of an exposure, and mend it when the exposure has ended."""
    rig = place.rig

    def trial(label: str, after: float) -> Outcome:
        seen = observe(rig, label)
        time.sleep(after)
        with place.suffer(fault):
            seen.wait(ended_in(IDLE, ERROR), ANSWER_SECONDS)
            answer = _answer(rig, seen, ended=True)
        seen.close()
        rig.wait_ready()
        return _outcome(rig, label, fault.value, after, answer)

    return trial


def _answer(rig: Rig, seen: Monitor, *, ended: bool) -> str:
    values = seen.of("dc:observeC.VAL")
    if values[-1:] == [IDLE]:
        return "IDLE"
    if values[-1:] == [ERROR] and ended:
        return f"ERROR: {rig.system.get('dc:observeC.OMSS', text=True)}"
    return "none"


def _outcome(rig: Rig, label: str, what: str, after: float, answer: str) -> Outcome:
    return Outcome(label, what, after, answer, len(rig.files(label)), _reported(rig, label, answer))


def _reported(rig: Rig, label: str, answer: str) -> bool:
    """Whether an answer, or after a restart a record and the log, say that there is no file."""
    if answer.startswith("ERROR"):
        return True
    text = "".join(chr(code) for code in rig.system.get("sad:dc:interruptedMsg") if code)
    told = f"observe {label}" in text.split(", ")
    return told and f"observe '{label}' of" in rig.log(Name.IOC)


class Books:
    """The files that there were: each is checked once and taken away, so that a second one is noticed."""

    def __init__(self, rig: Rig) -> None:
        self._rig = rig
        self._exposures: set[str] = set()

    def close(self, label: str) -> None:
        """Check the files of a label, and that no other was written meanwhile."""
        for path in self._rig.data.glob("[0-9]*/*.fits"):
            exposure, nbytes = verified(path)
            assert path in self._rig.files(label), f"{path.name} was written when {label} was taken"
            assert exposure not in self._exposures, f"{path.name} was written twice"
            self._exposures.add(exposure)
            self._rig.data_bytes = nbytes
            path.unlink()


def campaign(
    rig: Rig,
    trials: Sequence[Trial],
    seed: int,
    note: Callable[[Outcome], None],
    until: float = AFTER_END,
) -> None:
    """Make trials one after the other, and assert that every exposure is on disk once or told to be lost.

    Parameters
    ----------
    rig
        everything, at work
    trials
        what is to happen
    seed
        of the moments
    note
        is told what became of each exposure
    until
        times the length of an observation that moments are spread over
    """
    moments = random.Random(seed)
    books = Books(rig)
    outcomes: list[Outcome] = []
    for _ in range(2):  # the first one takes longer than those that follow
        length = length_of_one(rig)
        books.close(UNDISTURBED)
    for number, trial in enumerate(trials):
        label = f"Trial{number:04d}"
        outcomes.append(trial(label, moments.uniform(0.0, until * length)))
        note(outcomes[-1])
        books.close(label)
    wait_until(lambda: rig.system.get("sad:dc:framesSpooled") == 0, ANSWER_SECONDS, "an empty spool")
    assert [path.name for path in rig.data.glob("[0-9]*/*.fits")] == []
    assert [outcome for outcome in outcomes if not outcome.kept] == []
