"""``python -m nifsdc_sim``: the simulator as a process of its own."""

from __future__ import annotations

import argparse
import contextlib
import json
import math
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from nifsdc.service import Ending
from nifsdc_sim import ccd_model, ft_model, ir_model
from nifsdc_sim.arrays import DETECTORS
from nifsdc_sim.effects import Effect
from nifsdc_sim.faults import FAULTS, Fault
from nifsdc_sim.faults import parse as parse_fault
from nifsdc_sim.scene import NAMES
from nifsdc_sim.simulator import BUFFER_READS, Options, Simulator

LOOK_SECONDS = 0.25
"""how often it is looked whether the process that started this one is still there"""

EXAMPLES = """example:
  python -m nifsdc_sim --speed 20 --seed 1
  python -m nifsdc_sim --detector ccd2 --fault no-reply:label=RDM,count=2,probability=0.1
prints one line, READY and a JSON object with port, control_port, buffer and seed, and runs until SIGTERM,
SIGINT, the control port's quit, or the end of the process named by --parent-pid. With the same seed the same
commands give the same answers, pixels and faults."""


def epilog() -> str:
    """Return examples, and what can be given by name."""
    tables = {
        "faults (names: label, count, skip, probability, fraction, seconds, rate, pixels)": FAULTS,
        "effects of the infrared detector": _meanings(ir_model.EFFECTS),
        "effects of CCDs": _meanings(ccd_model.EFFECTS),
        "effects of frame-transfer CCDs (ft...)": _meanings(ft_model.FT_EFFECTS),
    }
    lines = [EXAMPLES]
    for title, table in tables.items():
        lines += ["", f"{title}:", *(f"  {name:22}{meaning}" for name, meaning in table.items())]
    return "\n".join(lines)


def _meanings(effects: Mapping[str, Effect]) -> dict[str, str]:
    return {name: effect.meaning for name, effect in effects.items()}


def speed(text: str) -> float:
    """Read a speed: a positive number, or ``fast``."""
    value = math.inf if text == "fast" else float(text)
    if not value > 0:
        raise ValueError(text)
    return value


def fault(text: str) -> Fault:
    """Read a fault: see `nifsdc_sim.faults.parse`."""
    try:
        return parse_fault(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    result = argparse.ArgumentParser(
        prog="python -m nifsdc_sim",
        description="Simulated SDSU controller with its detector: a HAWAII-2 behind an image slicer, or CCD.",
        epilog=epilog(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    result.add_argument("--port", type=int, default=0, help="TCP port for words (default: any)")
    result.add_argument("--control-port", type=int, default=0, help="TCP port for control (default: any)")
    result.add_argument("--buffer", type=Path, help="file for the image buffer (default: in shared memory)")
    result.add_argument(
        "--buffer-reads", type=int, default=BUFFER_READS, help="full reads that it holds (%(default)s)"
    )
    result.add_argument(
        "--speed", type=speed, default=1.0, help="detector seconds per second, or fast (default: 1)"
    )
    result.add_argument("--seed", type=int, help="start of all random numbers (default: another each time)")
    result.add_argument(
        "--generation", type=int, choices=(2, 3), default=3, help="of the controller (default: 3)"
    )
    result.add_argument(
        "--detector", choices=DETECTORS, default=DETECTORS[0], help="what it controls (default: %(default)s)"
    )
    result.add_argument(
        "--fault",
        dest="faults",
        type=fault,
        action="append",
        default=[],
        metavar="KIND[:NAME=VALUE,...]",
        help="a fault that waits from the start; may be given several times",
    )
    result.add_argument(
        "--scene",
        default=NAMES[0],
        metavar="NAME[:KEY=NUMBER,...]",
        help=f"in front of it: {', '.join(NAMES)} (default: %(default)s)",
    )
    result.add_argument(
        "--effect",
        dest="effects",
        action="append",
        default=[],
        metavar="NAME[=AMOUNT]",
        help="how the detector is; ideal, as the first, is one without any effect",
    )
    result.add_argument("--parent-pid", type=int, help="end when this process does")
    return result


def is_there(process: int) -> bool:
    """Tell whether a process exists."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the simulator until it is told to end."""
    reader = parser()
    given = vars(reader.parse_args(arguments))
    parent = given.pop("parent_pid")
    ended = Ending()
    is_child = parent == os.getppid()
    options = Options(**{**given, "faults": tuple(given["faults"]), "effects": tuple(given["effects"])})
    try:
        simulator = Simulator(options, ended)
    except ValueError as error:
        reader.error(str(error))
    with simulator:
        with contextlib.suppress(BrokenPipeError):
            print("READY", json.dumps(simulator.ready()), flush=True)
        while not ended.wait(LOOK_SECONDS):
            if parent is None:
                continue
            if (is_child and os.getppid() != parent) or not is_there(parent):
                break
    return 0


if __name__ == "__main__":
    sys.exit(main())
