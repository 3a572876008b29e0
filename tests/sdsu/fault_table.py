"""Every fault of the simulator in every sequence of the annexes, and what becomes of it.

``python -m tests.sdsu.fault_table`` writes docs/sdsu-faults.md. Each case has a simulator of its own, started
from the same seed; the sequence is carried out by the console's line for it.
"""

from __future__ import annotations

import contextlib
import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nifsdc.sdsu.console.session import Session
from nifsdc.sdsu.console.verbs import Failed, carry_out
from nifsdc.sdsu.errors import ControllerError, LinkLost
from nifsdc.sdsu.links.sim import SimLink
from nifsdc.sdsu.sequences import annexes, steps
from nifsdc_sim.faults import FaultKind
from nifsdc_sim.process import SimulatorProcess

PAGE = Path(__file__).parents[2] / "docs" / "sdsu-faults.md"
AT_A_TIME = 3


@dataclass(frozen=True)
class Sequence:
    """A sequence of an annex, as a line of the console."""

    name: str
    kind: str
    """ir or ccd"""
    line: str
    steps: steps.Sequence
    """what that line carries out"""
    word: str
    """command that the faults of words hit"""
    value: str
    """command answered with a value that the faults of values hit; empty where there is none"""

    @property
    def sent(self) -> set[str]:
        """The commands that it sends."""
        loading = {"WRM"} if any(isinstance(each, steps.Load) for each in self.steps.steps) else set()
        return loading | {each.label for each in self.steps.steps if isinstance(each, steps.Send)}

    @property
    def detector(self) -> str:
        return "hawaii2" if self.kind == "ir" else "ccd1"


SEQUENCES = (
    Sequence("E start-up", "ir", "startup ir", annexes.start_up(65_000), "PON", "GEN"),
    Sequence("D run", "ir", "ir-run 1", annexes.ir_run(1000), "STP", "RDM"),
    Sequence("D run after a clearing read", "ir", "ir-run 1 1 1", annexes.ir_run(1000, 1, 1), "STP", "RDM"),
    Sequence("D bias", "ir", "ir-bias", annexes.ir_bias(), "STP", "RDM"),
    Sequence("C run", "ccd", "run 4", annexes.ccd_run(4000), "STP", "RDM"),
    Sequence("C bias", "ccd", "bias", annexes.ccd_bias(), "STP", "RDM"),
    Sequence("C dark", "ccd", "dark 100", annexes.ccd_dark(100_000), "STP", "RDM"),
    Sequence("C flash", "ccd", "flash 4", annexes.ccd_flash(4000), "STP", "RDM"),
    Sequence("B reads at time", "ir", "reads-at 8 16", annexes.reads_at_time([8000, 16_000]), "RDT", "RDM"),
)
VALUES = frozenset({FaultKind.WRONG_ECHO})
PIXELS = frozenset(
    {FaultKind.PIXELS_STOP, FaultKind.SHORT_FRAME, FaultKind.PIXELS_LOST, FaultKind.PIXEL_FLIP}
)
ONLY_AT = {
    FaultKind.SHUTTER_JAMMED: "BEX",
    FaultKind.SHUTTER_STUCK_CLOSED: "BEX",
    FaultKind.SHUTTER_STUCK_OPEN: "DEX",
    FaultKind.LAMP_DEAD: "PFL",
    FaultKind.WRITE_FLIP: "WRM",
}


@dataclass(frozen=True)
class Case:
    """One fault in one sequence."""

    sequence: Sequence
    kind: FaultKind
    label: str | None

    @property
    def name(self) -> str:
        return f"{self.sequence.name}: {self.kind.value}"


@dataclass(frozen=True)
class Outcome:
    """What became of a fault."""

    case: Case
    noticed: str
    """the error and the line that it came from; empty where nothing was noticed"""
    kept: tuple[int, ...] = field(default=())
    """pixels that the host has, of each block"""
    arrived: int = 0
    """pixels of the last block that the interface card had received"""
    recovered: bool = False
    """whether start-up and test of the data link succeeded afterwards"""

    @property
    def row(self) -> str:
        kept = " + ".join(map(str, self.kept)) or "-"
        recovered = "yes" if self.recovered else "NO"
        at = self.case.label or "-"
        return f"| {self.case.kind.value} | {at} | {self.noticed or 'nothing'} | {kept} | {recovered} |"


def _label(sequence: Sequence, kind: FaultKind) -> str | None:
    """Return the command that a fault waits for in a sequence."""
    if kind in PIXELS or kind is FaultKind.TEMPERATURE_RUNAWAY:
        return None
    if kind is FaultKind.POWER_FAILURE:
        return "PON"
    return ONLY_AT.get(kind) or (sequence.value if kind in VALUES else sequence.word)


def cases() -> list[Case]:
    """Return every fault that can happen in every sequence."""
    found = []
    for sequence in SEQUENCES:
        for kind in FaultKind:
            label = _label(sequence, kind)
            if (label is None or label in sequence.sent) and (kind not in PIXELS or sequence.steps.reads):
                found.append(Case(sequence, kind, label))
    return found


def outcome(case: Case) -> Outcome:
    """Let a fault happen."""
    sequence = case.sequence
    start = f"startup {sequence.kind}"
    with SimulatorProcess(speed=math.inf, seed=1, detector=sequence.detector) as simulator:
        link = SimLink(simulator.host, simulator.port, simulator.buffer)
        with Session(link, lambda _: None) as session:
            carry_out(session, start)
            entries: dict[str, Any] = {} if case.label is None else {"label": case.label}
            simulator.control("inject", kind=case.kind.value, **entries)
            noticed = ""
            try:
                carry_out(session, sequence.line)
            except (ControllerError, Failed) as error:
                noticed = type(error).__name__
                if isinstance(error, LinkLost):
                    session.link.reopen()
            kept: tuple[int, ...] = ()
            if session.collector is not None:
                session.collector.stop()
                kept = session.collector.counts
            arrived = int(simulator.status()["pixels"])
            simulator.clear_faults()
            return Outcome(case, noticed, kept, arrived, _recovers(session, start))


def _recovers(session: Session, start: str) -> bool:
    session.begin_anew()
    with contextlib.suppress(ControllerError, Failed):
        carry_out(session, start)
        carry_out(session, "tdl 5")
        return True
    return False


def outcomes(chosen: list[Case]) -> list[Outcome]:
    """Let several faults happen, each to a controller of its own."""
    with ThreadPoolExecutor(AT_A_TIME) as pool:
        return list(pool.map(outcome, chosen))


def page(found: list[Outcome]) -> str:
    """Return the text of the page."""
    text = INTRODUCTION
    for sequence in SEQUENCES:
        rows = [each.row for each in found if each.case.sequence is sequence]
        text += f"\n## {sequence.name}\n\n`{sequence.line}`\n\n{HEAD}\n" + "\n".join(rows) + "\n"
    return text


HEAD = "| fault | at | noticed as | pixels kept | recovered |\n| --- | --- | --- | --- | --- |"
INTRODUCTION = """\
# What becomes of faults

Every fault that the simulator knows (`nifsdc sim --help`), once in every sequence of the annexes of
INS-DAS-18, carried out by `nifsdc sdsu` (`nifsdc.sdsu.sequences`). Written by
`python -m tests.sdsu.fault_table`; the tests let the faults happen again and compare.

- **at** is the command that the fault hits, `-` where it hits pixels or nothing sent.
- **noticed as** is the error that the host reports (`nifsdc.sdsu.errors`); the sequence is then given up,
  an open shutter closed and the detector left idling, as far as the controller listens. Nothing is sent again
  behind the engineer's back: a command that got no answer may have been obeyed. *Nothing* means that
  no answer and no count tells of the fault.
- **pixels kept** are those that the host has and keeps, of each block. They are all that the interface card
  received: none that reached the host is lost.
- **recovered** says that the start-up of Annex E and a test of the data link succeeded afterwards, over a
  link opened again where it had been lost.

Before it reads the detector the console asks the timing board for columns and rows; where a fault spoils
that answer, it waits for another number of pixels than come, and says so.
"""


def main() -> None:
    """Write the page."""
    PAGE.write_text(page(outcomes(cases())), encoding="utf-8")


if __name__ == "__main__":
    main()
