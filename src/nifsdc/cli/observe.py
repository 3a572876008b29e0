"""``nifsdc observe``: set parameters, take an observation, show its progress, name the file."""

from __future__ import annotations

import argparse
import json
import select
import signal
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from nifsdc.cli import options
from nifsdc.client import session as dc
from nifsdc.client.session import CommandFailed, CommandRefused, DcSession, NotConnected, Outcome

EXAMPLE = """\
examples:
  nifsdc observe                                    with the parameters as they are
  nifsdc observe --read-mode FOWLER --nfowler 4 --exposure 20 --coadds 2 --label N20260101S0001
Ctrl-C asks whether to stop (keep the data) or abort (discard them).

exit status: 0 file written, 1 the observation failed, 2 refused or wrong usage, 3 no answer,
4 stopped early and written, 5 aborted"""


ANSWER_SECONDS = 15
LABEL_LENGTH = 39
"""characters that a label channel can take"""


class ExitStatus(IntEnum):
    """How the command ended, for scripts."""

    DONE = 0
    FAILED = 1
    REFUSED = 2
    NO_ANSWER = 3
    STOPPED = 4
    ABORTED = 5


_ENDED = {
    Outcome.DONE: ExitStatus.DONE,
    Outcome.STOPPED: ExitStatus.STOPPED,
    Outcome.ABORTED: ExitStatus.ABORTED,
}


def _read_mode(text: str) -> str:
    """Check the name of a read mode."""
    if text.upper() not in READ_MODES:
        raise argparse.ArgumentTypeError(f"{text!r}: expected {', '.join(READ_MODES)}")
    return text.upper()


def _label(text: str) -> str:
    """Check that a label fits its channel; what it may be made of is the controller's to say."""
    if len(text) > LABEL_LENGTH:
        raise argparse.ArgumentTypeError(f"{len(text)} characters; expected at most {LABEL_LENGTH}")
    return text


READ_MODES = ("DCS", "FOWLER", "LINEAR", "SINGLE")
SETPOINTS: Mapping[str, tuple[str, Callable[[str], object], str]] = {
    "exposure": ("obs_exposed", float, "exposure time, seconds"),
    "nfowler": ("obs_nfowler", int, "Fowler samples: reads in each set"),
    "coadds": ("obs_ncoadds", int, "exposures to add"),
    "resets": ("obs_nresets", int, "array resets before each exposure"),
    "period": ("obs_period", float, "read period, seconds"),
    "nperiods": ("obs_nperiods", int, "number of read periods"),
    "read-mode": ("obs_readMode", _read_mode, "DCS, FOWLER, LINEAR or SINGLE"),
}

_METAVARS: Mapping[object, str] = {_read_mode: "MODE"}


def add_parser(subparsers: Any) -> None:
    """Add ``observe`` to the command line."""
    parser = subparsers.add_parser(
        "observe",
        help="take an observation through Channel Access",
        description="Set parameters, take an observation, show its progress and print the file.",
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    for option, (_, kind, text) in SETPOINTS.items():
        parser.add_argument(f"--{option}", type=kind, help=text, metavar=_METAVARS.get(kind, "NUMBER"))
    help_label = "data label, the file's name; none for a running number"
    parser.add_argument("--label", type=_label, default="", help=help_label)
    parser.add_argument("--timeout", type=float, help="seconds for the observation (default its own + 120)")
    parser.add_argument("--json", action="store_true", help="print the outcome as one JSON object")
    options.add_top(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Carry out ``nifsdc observe``."""
    setpoints = {
        channel: value
        for option, (channel, _, _) in SETPOINTS.items()
        if (value := getattr(args, option.replace("-", "_"))) is not None
    }
    return take(args.top, setpoints, args.label, timeout=args.timeout, as_json=args.json)


def take(
    top: str,
    setpoints: Mapping[str, object],
    label: str,
    *,
    timeout: float | None = None,
    as_json: bool = False,
    command: str = "observe",
    name: str = "observe",
) -> int:
    """Configure and observe; print ``FILE path`` or the JSON outcome; return the exit status.

    Parameters
    ----------
    top
        prefix of the records
    setpoints, label, command
        as in `DcSession.configure` and `DcSession.observe`
    timeout
        seconds for the observation; by default its own time and a margin
    as_json
        whether to print one JSON object
    name
        of the command line's command, for its messages
    """

    def attempt(session: DcSession) -> Ended:
        session.configure(setpoints)
        channel = dc.SCRATCH_PATH if command == "glance" else dc.RUN_PATH
        before = session.last_file(channel)
        paths: list[str] = []

        def stored(path: str) -> None:
            if path and path not in (before, *paths):
                paths.append(path)

        outcome = _observe(session, label, timeout, command, stored)
        status = _ENDED[outcome]
        # An abort can come when the data are here already: then they are kept, and told.
        stored(session.last_file(channel))
        told = outcome.value if paths or status is ExitStatus.ABORTED else f"{outcome.value}; nothing saved"
        return Ended(status, told, tuple(paths))

    return report(name, in_session(top, attempt), as_json=as_json)


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    status: ExitStatus
    message: str = ""
    paths: tuple[str, ...] = ()
    """files that were written"""


def in_session(top: str, attempt: Callable[[DcSession], Ended]) -> Ended:
    """Do something in a session with the controller whose records begin with ``top``; say how it ended."""
    session: DcSession | None = None
    try:
        session = DcSession(top)
        return attempt(session)
    except CommandRefused as error:
        return Ended(ExitStatus.REFUSED, f"refused: {error}")
    except CommandFailed as error:
        return Ended(ExitStatus.FAILED, f"failed: {error}")
    except (NotConnected, TimeoutError) as error:
        return Ended(ExitStatus.NO_ANSWER, str(error))
    finally:
        if session is not None:
            session.close()


def report(name: str, ended: Ended, *, as_json: bool = False) -> int:
    """Print how a command of this name ended and return its exit status."""
    if as_json:
        last = ended.paths[-1] if ended.paths else ""
        outcome = {"status": int(ended.status), "outcome": ended.message, "file": last, "files": ended.paths}
        print(json.dumps(outcome), flush=True)
    elif ended.paths:
        print("\n".join(f"FILE {path}" for path in ended.paths), flush=True)
    elif ended.message:
        print(f"nifsdc {name}: {ended.message}", file=sys.stderr, flush=True)
    return int(ended.status)


def _observe(
    session: DcSession, label: str, timeout: float | None, command: str, stored: Callable[[str], None]
) -> Outcome:
    """Observe with a progress bar; Ctrl-C is noted and asked about at the next look."""
    console = Console(stderr=True)
    interrupted = threading.Event()
    before = signal.signal(signal.SIGINT, lambda number, frame: interrupted.set())
    columns = (
        TextColumn("{task.description:<12}"),
        BarColumn(),
        TextColumn("{task.completed:.0f}/{task.total:.0f} reads  {task.fields[left]:.1f} s left"),
    )
    try:
        with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
            task = bar.add_task("starting", total=1, left=0.0)

            def show(look: dc.Progress) -> None:
                bar.update(
                    task,
                    description=look.stage,
                    completed=look.reads_done,
                    total=max(look.reads, 1),
                    left=look.seconds_left,
                )
                if interrupted.is_set():
                    interrupted.clear()
                    bar.stop()
                    _interrupt(session, console)
                    bar.start()

            return session.observe(label, command=command, progress=show, stored=stored, timeout=timeout)
    finally:
        signal.signal(signal.SIGINT, before)


def _interrupt(session: DcSession, console: Console) -> None:
    """Ask what Ctrl-C was meant to do, and do it; without a terminal, or pressed again, it means abort."""
    answer = "a"
    if sys.stdin.isatty():
        answer = _ask(console)
    try:
        if answer == "s":
            session.stop()
        elif answer == "a":
            session.abort()
    except CommandRefused as error:
        console.print(f"refused: {error}")


def _ask(console: Console) -> str:
    """Return the first letter of the answer; an observation does not wait for it for long."""
    question = (
        f"(s)top and keep the data, (a)bort and discard them, anything else goes on ({ANSWER_SECONDS} s): "
    )
    console.print(question, end="", markup=False, highlight=False)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        if not select.select([sys.stdin], [], [], ANSWER_SECONDS)[0]:
            console.print("it goes on")
            return ""
        return sys.stdin.readline().strip().lower()[:1]
    except KeyboardInterrupt:
        return "a"
    finally:
        signal.signal(signal.SIGINT, before)
