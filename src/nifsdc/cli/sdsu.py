"""``nifsdc sdsu``: the console of an engineer at a controller, for the hand and for scripts."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from nifsdc.cli import options, sdsu_prompt
from nifsdc.cli.process import Part, PartFailed
from nifsdc.sdsu.console.language import Mistake
from nifsdc.sdsu.console.session import Session
from nifsdc.sdsu.console.verbs import VERBS, Failed, carry_out
from nifsdc.sdsu.errors import ControllerError
from nifsdc.sdsu.links.choose import FORMS, BadLink, open_link
from nifsdc.sdsu.words import BadWords

DETECTORS = {"ir": "hawaii2", "ccd1": "ccd1", "ccd2": "ccd2", "ccd4": "ccd4"}
START_SECONDS = 30.0
WELL, FAILED, WRONG = 0, 1, 2

_VERBS = "\n".join(f"  {verb.usage:<34} {verb.help}" for name, verb in VERBS.items() if name.islower())
EXAMPLE = f"""\
examples:
  nifsdc sdsu --simulate
  nifsdc sdsu --simulate ccd2 -c "startup ccd" -c boards
  nifsdc sdsu --link sim:127.0.0.1:4000:/dev/shm/nifsdc-sim.buffer -c PON -c "RDM X 0x10 8"
  nifsdc sdsu --link tcp:camera:5074 --trace night.trace checks.sdsu

LINK is {FORMS}.
Lines are every command of INS-DAS-18 by its mnemonic with its arguments, and
{_VERBS}
Numbers are decimal, 0x10 or $10. Lines that begin with # say nothing. Without -c and SCRIPT lines are read
from standard input: with a prompt, history and completion where that is a terminal.

exit status: 0 every line was carried out, 1 the controller, the link or a comparison failed, 2 a line or an
option means nothing. A script ends with its first line that fails, unless --keep-going is given."""


def add_parser(subparsers: Any) -> None:
    """Add ``sdsu`` to the command line."""
    parser = subparsers.add_parser(
        "sdsu",
        help="talk to a controller: commands, memory, noticeboards, traces",
        description="Console for engineers: every command of a controller, by hand or from scripts.",
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    way = parser.add_mutually_exclusive_group(required=True)
    way.add_argument("--link", metavar="LINK", help="the way to the controller")
    way.add_argument(
        "--simulate",
        nargs="?",
        const="ir",
        choices=DETECTORS,
        help="start a simulator for this (default: ir)",
    )
    parser.add_argument(
        "--speed", type=options.speed, default="1", help="of the simulator: a factor, or fast (default: 1)"
    )
    parser.add_argument("--seed", type=int, help="start of the simulator's random numbers")
    parser.add_argument(
        "-c",
        dest="lines",
        action="append",
        default=[],
        metavar="LINE",
        help="a line; may be given several times",
    )
    parser.add_argument("--trace", type=Path, metavar="FILE", help="write every word to a new file")
    parser.add_argument("--echo", action="store_true", help="show each line before what it brings")
    parser.add_argument("--keep-going", action="store_true", help="go on after a line that fails")
    parser.add_argument("script", nargs="?", metavar="SCRIPT", help="file of lines, - for standard input")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Carry out ``nifsdc sdsu``."""
    if args.lines and args.script is not None:
        return _complain("expected lines with -c or a script, not both", WRONG)
    try:
        lines = _lines(args)
        with ExitStack() as stack:
            link = open_link(args.link or _simulator(args, stack))
            session = stack.enter_context(Session(link, print))
            if args.trace is not None:
                session.trace(args.trace)
            if lines is None:
                return sdsu_prompt.converse(session, lambda line: _obey(session, line))
            return _script(session, lines, args)
    except (BadLink, Mistake, UnicodeDecodeError) as error:
        return _complain(str(error), WRONG)
    except (ControllerError, PartFailed, OSError) as error:
        return _complain(str(error), FAILED)


def _complain(text: str, status: int) -> int:
    print(f"nifsdc sdsu: {text}", file=sys.stderr, flush=True)
    return status


def _lines(args: argparse.Namespace) -> Iterable[str] | None:
    """Return the lines of a script, None where somebody sits at a terminal."""
    if args.lines:
        lines: list[str] = args.lines
        return lines
    if args.script not in (None, "-"):
        return Path(args.script).read_text(encoding="utf-8").splitlines()
    return None if args.script is None and sys.stdin.isatty() else _standard_input()


def _standard_input() -> Iterator[str]:
    for line in sys.stdin:
        yield line.rstrip("\n")


def _simulator(args: argparse.Namespace, stack: ExitStack) -> str:
    """Start a simulator that ends with this process, and return the link to it."""
    folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="nifsdc-sdsu-"))
    arguments = ["nifsdc_sim", "--speed", args.speed, "--detector", DETECTORS[args.simulate]]
    arguments += ["--parent-pid", str(os.getpid())]
    arguments += [] if args.seed is None else ["--seed", str(args.seed)]
    part = stack.enter_context(Part("simulator", arguments, Path(folder) / "simulator.log"))
    ready = part.wait_ready(START_SECONDS)
    return f"sim:127.0.0.1:{ready['port']}:{ready['buffer']}"


def _script(session: Session, lines: Iterable[str], args: argparse.Namespace) -> int:
    worst = WELL
    for line in lines:
        if args.echo:
            print(f"{sdsu_prompt.PROMPT}{line}".rstrip())
        status = _obey(session, line)
        worst = max(worst, status)
        if session.ended or (status != WELL and not args.keep_going):
            break
    return worst


def _obey(session: Session, line: str) -> int:
    """Carry out a line, say what went wrong, and return its exit status."""
    try:
        carry_out(session, line)
    except (Mistake, BadWords) as error:
        return _failed(line, str(error), WRONG)
    except (Failed, ControllerError, OSError) as error:
        return _failed(line, str(error), FAILED)
    sys.stdout.flush()
    return WELL


def _failed(line: str, text: str, status: int) -> int:
    sys.stdout.flush()
    return _complain(f"{line.strip()}: {text}", status)
