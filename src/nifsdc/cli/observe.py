"""``nifsdc observe``: set parameters, take an observation, show its progress, name the file."""

from __future__ import annotations

import argparse
import select
import signal
import sys
import threading
from collections.abc import Callable, Mapping
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from nifsdc.cli import options
from nifsdc.client import Camera, CommandRefused, Observation
from nifsdc.client import Progress as Look
from nifsdc.client.ending import Ended, of_observation, report, with_camera

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
        as in `Camera.configure` and `Camera.observe`
    timeout
        seconds for the observation; by default its own time and a margin
    as_json
        whether to print one JSON object
    name
        of the command line's command, for its messages
    """

    def attempt(camera: Camera) -> Ended:
        camera.configure(**setpoints)
        return of_observation(_observe(camera, label, timeout, command))

    return report(f"nifsdc {name}", with_camera(top, attempt), as_json=as_json)


def _observe(camera: Camera, label: str, timeout: float | None, command: str) -> Observation:
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

            def show(look: Look) -> None:
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
                    _interrupt(camera, console)
                    bar.start()

            return camera.observe(label, command=command, progress=show, timeout=timeout)
    finally:
        signal.signal(signal.SIGINT, before)


def _interrupt(camera: Camera, console: Console) -> None:
    """Ask what Ctrl-C was meant to do, and do it; without a terminal, or pressed again, it means abort."""
    answer = "a"
    if sys.stdin.isatty():
        answer = _ask(console)
    try:
        if answer == "s":
            camera.stop()
        elif answer == "a":
            camera.abort()
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
